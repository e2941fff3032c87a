package scan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/scan"
)

// TestEveryWheelIsLookedAt: a hook for one platform alone is found, and it is said
// which wheels carry it.
func TestEveryWheelIsLookedAt(t *testing.T) {
	text := `
-- registry.toml --
[pypi."tool@1.0"]
published = 2024-01-01T00:00:00Z
-- pypi/tool/1.0/wheel/tool-1.0-cp312-cp312-manylinux_2_17_x86_64.whl/tool.py --
-- pypi/tool/1.0/wheel/tool-1.0-cp312-cp312-macosx_11_0_arm64.whl/tool.py --
-- pypi/tool/1.0/wheel/tool-1.0-cp312-cp312-win_amd64.whl/tool.py --
-- pypi/tool/1.0/wheel/tool-1.0-cp312-cp312-win_amd64.whl/tool.pth --
import socket; socket.create_connection(("example.invalid", 443))
`
	server, scanner := newScanner(t, []byte(text))
	lock, err := server.Expand("[metadata]\nlock-version = \"2.1\"\ncontent-hash = \"x\"\npython-versions = \"*\"\n\n[[package]]\nname = \"tool\"\nversion = \"1.0\"\nfiles = [\n" +
		"  {file = \"tool-1.0-cp312-cp312-manylinux_2_17_x86_64.whl\", hash = \"sha256:{{pypi:tool-1.0-cp312-cp312-manylinux_2_17_x86_64.whl}}\"},\n" +
		"  {file = \"tool-1.0-cp312-cp312-macosx_11_0_arm64.whl\", hash = \"sha256:{{pypi:tool-1.0-cp312-cp312-macosx_11_0_arm64.whl}}\"},\n" +
		"  {file = \"tool-1.0-cp312-cp312-win_amd64.whl\", hash = \"sha256:{{pypi:tool-1.0-cp312-cp312-win_amd64.whl}}\"},\n]\n")
	if err != nil {
		t.Fatal(err)
	}
	result, err := scanner.Run(t.Context(), scan.Input{Base: memoryTree{}, Head: memoryTree{"poetry.lock": []byte(lock)}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"startup-hook tool: carries code that runs whenever Python starts (" +
		"1 of 3 wheels: tool.pth (tool-1.0-cp312-cp312-win_amd64.whl); " +
		"2 of 3 wheels: none of it (tool-1.0-cp312-cp312-macosx_11_0_arm64.whl, tool-1.0-cp312-cp312-manylinux_2_17_x86_64.whl)) grave false"}
	if diff := cmp.Diff(want, said(result, policy.StartupHook, policy.Unverified, policy.ReleaseMissing)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestWheelsThatDifferInAFewWords: what is compiled for each platform is no difference in
// itself, what only some have is said once, and what all have not again.
func TestWheelsThatDifferInAFewWords(t *testing.T) {
	text := `
-- registry.toml --
[pypi."tool@1.0"]
published = 2024-01-01T00:00:00Z
`
	lock := "[metadata]\nlock-version = \"2.1\"\ncontent-hash = \"x\"\npython-versions = \"*\"\n\n[[package]]\nname = \"tool\"\nversion = \"1.0\"\nfiles = [\n"
	add := func(tag string, files ...string) {
		wheel := "tool-1.0-" + tag + ".whl"
		for _, f := range append(files, "tool.pth\nimport tool", "tool/__init__.py\nfrom . import a, b, c, d, e, f, fast") {
			name, content, _ := strings.Cut(f, "\n")
			text += "-- pypi/tool/1.0/wheel/" + wheel + "/" + name + " --\n" + content + "\n"
		}
		for _, m := range "abcdef" {
			text += fmt.Sprintf("-- pypi/tool/1.0/wheel/%s/tool/%c.py --\nprint()\n", wheel, m)
		}
		lock += fmt.Sprintf("  {file = %q, hash = \"sha256:{{pypi:%s}}\"},\n", wheel, wheel)
	}
	add("py3-none-any")
	for _, python := range []string{"10", "11", "12", "13"} {
		add("cp3"+python+"-cp3"+python+"-win_amd64", fmt.Sprintf("tool/fast.pyd\nfor %t", python == "10"))
	}
	add("cp312-cp312-manylinux_2_17_x86_64", "tool/fast.cpython-312-x86_64-linux-gnu.so\nELF", "tool/sly.py\nimport socket", "sitecustomize.py\nimport tool.sly")

	server, scanner := newScanner(t, []byte(text))
	expanded, err := server.Expand(lock + "]\n")
	if err != nil {
		t.Fatal(err)
	}
	result, err := scanner.Run(t.Context(), scan.Input{Base: memoryTree{}, Head: memoryTree{"poetry.lock": []byte(expanded)}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range result.Findings {
		if f.Rule == policy.StartupHook {
			got = append(got, f.Evidence...)
		}
	}
	for _, f := range result.Findings {
		if f.Rule == policy.StartupHook {
			modules := slices.DeleteFunc(slices.Clone(f.Code.Files), func(p string) bool { return !strings.Contains(p, "fast.py") })
			if diff := cmp.Diff([]string{"tool-1.0-cp311-cp311-win_amd64.whl!tool/fast.pyd", "tool/fast.pyd"}, modules); diff != "" {
				t.Errorf("a module that two wheels share and two others (-want +got):\n%s", diff)
			}
		}
	}
	want := []string{
		"1 of 6 wheels: nothing of its own (tool-1.0-py3-none-any.whl)",
		"1 of 6 wheels: sitecustomize.py, tool/fast (compiled), tool/sly.py (tool-1.0-cp312-cp312-manylinux_2_17_x86_64.whl)",
		"4 of 6 wheels: tool/fast (compiled) (tool-1.0-cp310-cp310-win_amd64.whl, tool-1.0-cp311-cp311-win_amd64.whl, tool-1.0-cp312-cp312-win_amd64.whl, 1 more)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
