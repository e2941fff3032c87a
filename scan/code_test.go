package scan_test

import (
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
