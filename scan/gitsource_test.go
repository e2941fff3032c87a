package scan_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/scan"
)

// gitLock locks x at a commit, its address and query as given.
func gitLock(address, commit string) string {
	return fmt.Sprintf("version = 4\n[[package]]\nname = \"x\"\nversion = \"1.0.0\"\nsource = \"git+%s#%s\"\n", address, commit)
}

const forgeAddress = "https://" + forgeHost + "/o/r"

// found gives "rule" for each finding, in order.
func found(r *scan.Result) []string {
	var rules []string
	for _, f := range r.Findings {
		rules = append(rules, string(f.Rule))
	}
	return rules
}

// TestGitCrates: a commit is compared with the one before.
func TestGitCrates(t *testing.T) {
	crate := map[string]string{"Cargo.toml": "[workspace]\nmembers = [\"x\"]\n", "x/Cargo.toml": "[package]\nname = \"x\"\nversion = \"1.0.0\"\n", "x/src/lib.rs": "//! x\n"}
	built := with(crate, "x/build.rs", "fn main() { println!(); }\n")
	for name, test := range map[string]struct {
		before, after map[string]string
		want          []string
	}{
		"runs nothing":             {crate, with(crate, "x/src/lib.rs", "//! y\n"), nil},
		"gains a build script":     {crate, built, []string{"build-code-gained"}},
		"new":                      {nil, built, []string{"build-code-added"}},
		"new, runs nothing":        {nil, crate, nil},
		"the script as it was":     {built, with(built, "x/src/lib.rs", "//! y\n"), nil},
		"the script changes":       {built, with(built, "x/build.rs", "fn main() {}\n"), []string{"build-code-changed"}},
		"can do more":              {built, with(built, "x/build.rs", grave), []string{"capability-gained"}},
		"two manifests":            {nil, with(crate, "y/Cargo.toml", crate["x/Cargo.toml"]), []string{"unverified"}},
		"another version":          {nil, with(crate, "x/Cargo.toml", "[package]\nname = \"x\"\nversion = \"2.0.0\"\n"), []string{"unverified"}},
		"version of the workspace": {nil, with(crate, "x/Cargo.toml", "[package]\nname = \"x\"\nversion.workspace = true\n"), nil},
		"no such package":          {nil, with(crate, "x/Cargo.toml", ""), []string{"unverified"}},
		"manifest that is none":    {nil, with(crate, "y/Cargo.toml", "<<<<<<<\n"), nil},
		// What cannot be resolved may lie anywhere in the repository.
		"script out of sight, elsewhere changed": {
			with(built, "x/build.rs", "include!(\"../part.rs\");\n", "part.rs", "fn main() {}\n"),
			with(built, "x/build.rs", "include!(\"../part.rs\");\n", "part.rs", "fn main() { evil() }\n"), []string{"build-code-changed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			text, before := sections("repositories/o/r/two", test.after), ""
			if test.before != nil {
				text, before = sections("repositories/o/r/one", test.before)+text, gitLock(forgeAddress, "{{commit:o/r@one}}")
			}
			s := newScene(t, text)
			r := s.change("Cargo.lock", before, gitLock(forgeAddress, "{{commit:o/r@two}}"))
			if got := found(r); !slices.Equal(got, test.want) {
				t.Errorf("found %q, want %q: %+v", got, test.want, r.Findings)
			}
		})
	}
}

// TestPromise4AGitFindingIsOfOneCommit.
func TestPromise4AGitFindingIsOfOneCommit(t *testing.T) {
	tree := map[string]string{"Cargo.toml": "[package]\nname = \"x\"\nversion = \"1.0.0\"\n", "build.rs": "fn main() {}\n"}
	s := newScene(t, sections("repositories/o/r/one", tree)+sections("repositories/o/r/two", with(tree, "README.md", "# x\n")))
	one, two := s.change("Cargo.lock", "", gitLock(forgeAddress, "{{commit:o/r@one}}")), s.change("Cargo.lock", "", gitLock(forgeAddress, "{{commit:o/r@two}}"))
	if one.Findings[0].Digest() == two.Findings[0].Digest() {
		t.Error("a sign-off for one commit holds for another")
	}
}

// TestGitPython: a repository or a directory of it is built as an sdist would be.
func TestGitPython(t *testing.T) {
	tree := map[string]string{"setup.py": "import os\nos.system('make')\n", "sub/pyproject.toml": "[build-system]\nrequires = [\"flit_core\"]\nbuild-backend = \"flit_core.buildapi\"\n", "sub/p.py": "\"\"\"P\"\"\"\n__version__ = '1'\n"}
	s := newScene(t, sections("repositories/o/r/one", tree))
	for line, want := range map[string][]string{
		"p @ git+" + forgeAddress + "@{{commit:o/r@one}}":                        {"build-code-added"},
		"p @ git+" + forgeAddress + "@{{commit:o/r@one}}#subdirectory=sub":       {"source-build"},
		"p @ git+" + forgeAddress + ".git@{{commit:o/r@one}}#subdirectory=sub":   {"source-build"},
		"p @ git+" + forgeAddress + "@{{commit:o/r@one}}#subdirectory=../sub":    {"unverified"},
		"p @ git+ssh://git@" + forgeHost + "/o/r@{{commit:o/r@one}}":             {"build-code-added"},
		"p @ git+" + forgeAddress + "@one":                                       {"unverified"},
		"p @ git+" + forgeAddress + "@" + strings.Repeat("ab", 20):               {"unverified"},
		"p @ git+" + forgeAddress + "x@{{commit:o/r@one}}":                       {"unverified"},
		"p @ git+https://elsewhere.invalid/o/r@{{commit:o/r@one}}":               {"unverified"},
		"p @ git+https://" + forgeHost + "/o/r/tree/main/sub@{{commit:o/r@one}}": {"unverified"},
		"p @ git+https://" + forgeHost + ".invalid/o/r@{{commit:o/r@one}}":       {"unverified"},
		"p @ hg+" + forgeAddress + "@{{commit:o/r@one}}":                         {"unverified"},
		"p @ git+https://me@" + forgeHost + "/o/r@{{commit:o/r@one}}#egg=p":      {"unverified"},
		"p @ git+https://" + forgeHost + ":8443/o/r@{{commit:o/r@one}}":          {"unverified"},
		"p @ git+https://" + forgeHost + "/o/%72@{{commit:o/r@one}}":             {"unverified"},
	} {
		if got := found(s.change("requirements.txt", "", line+"\n")); !slices.Equal(got, want) {
			t.Errorf("%s: found %q, want %q", line, got, want)
		}
	}
}

// TestGitLinksAndSubmodules: links are followed within the repository; what lies
// in a submodule is not read, and that is said where something runs.
func TestGitLinksAndSubmodules(t *testing.T) {
	manifest := "[package]\nname = \"x\"\nversion = \"1.0.0\"\n"
	module := strings.Repeat("cd", 20)
	for name, test := range map[string]struct {
		spec githubtest.CommitSpec
		want []string
		in   string // what of the finding has to be in it
	}{
		"the script is a link": {githubtest.CommitSpec{
			Files: map[string]string{"x/Cargo.toml": manifest, "common/build.rs": grave, "common/part.rs": "\n"}, Symlinks: map[string]string{"x/build.rs": "../common/build.rs"},
		}, []string{"build-code-added"}, "run:curl"},
		"the directory is a link": {githubtest.CommitSpec{
			Files: map[string]string{"x/Cargo.toml": "[package]\nname = \"x\"\nversion = \"1.0.0\"\nbuild = \"b/build.rs\"\n"}, Symlinks: map[string]string{"x/b": "../../out"},
		}, []string{"build-code-added"}, "unanalysed"},
		"in circles": {githubtest.CommitSpec{
			Files: map[string]string{"x/Cargo.toml": manifest}, Symlinks: map[string]string{"x/build.rs": "build.rs"},
		}, []string{"build-code-added"}, "unanalysed"},
		"a submodule beside code that runs": {githubtest.CommitSpec{
			Files: map[string]string{"x/Cargo.toml": manifest, "x/build.rs": "fn main() {}\n"}, Submodules: map[string]string{"x/vendor": module},
		}, []string{"build-code-added"}, "submodule vendor at " + module},
		"a submodule beside code that does not": {githubtest.CommitSpec{
			Files: map[string]string{"x/Cargo.toml": manifest}, Submodules: map[string]string{"x/vendor": module},
		}, nil, ""},
		"a submodule elsewhere": {githubtest.CommitSpec{
			Files: map[string]string{"x/Cargo.toml": manifest, "x/build.rs": "fn main() {}\n"}, Submodules: map[string]string{"y": module},
		}, []string{"build-code-added"}, ""},
		"the package may lie in it": {githubtest.CommitSpec{
			Files: map[string]string{"README.md": "\n"}, Submodules: map[string]string{"x": module},
		}, []string{"unverified"}, "submodule"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, string(hidden))
			test.spec.Message = name
			commit := s.Ensure("o", "r").Commit("main", test.spec)
			r := s.change("Cargo.lock", "", gitLock(forgeAddress, commit))
			if got := found(r); !slices.Equal(got, test.want) {
				t.Fatalf("found %q, want %q", got, test.want)
			}
			if text := fmt.Sprintf("%+v", r.Findings); len(r.Findings) > 0 {
				if c := r.Findings[0].Code; c != nil {
					text += fmt.Sprintf("%+v", *c)
				}
				if !strings.Contains(text, test.in) {
					t.Errorf("%s does not tell of %q", text, test.in)
				}
			}
		})
	}
}

// TestGitFacts: a second scan asks nothing, and a repository that does not answer
// is tried again.
func TestGitFacts(t *testing.T) {
	s := newScene(t, sections("repositories/o/r/one", map[string]string{"Cargo.toml": "[package]\nname = \"x\"\nversion = \"1.0.0\"\n", "build.rs": "fn main() {}\n"}))
	lock := gitLock(forgeAddress, "{{commit:o/r@one}}")
	for _, path := range []string{"/repos/o/r", "/repos/o/r/git/trees", "/repos/o/r/git/blobs"} {
		heal := s.AddFault(githubtest.Fault{Path: path, Status: http.StatusBadGateway})
		if r := s.change("Cargo.lock", "", lock); !slices.Equal(found(r), []string{"unverified"}) || !r.Retry {
			t.Errorf("%s: found %q, retry %t", path, found(r), r.Retry)
		}
		heal()
		s.scanner.Repositories = public(t, s.Forge)
	}
	first := s.change("Cargo.lock", "", lock)
	s.ResetRequests()
	s.scanner.Repositories = public(t, s.Forge)
	second := s.change("Cargo.lock", "", lock)
	if n := s.CountRequests("", ""); n != 0 {
		t.Errorf("%d questions the second time", n)
	}
	if !slices.Equal(found(first), []string{"build-code-added"}) || first.Findings[0].Digest() != second.Findings[0].Digest() {
		t.Errorf("first %+v, then %+v", first.Findings, second.Findings)
	}
}

// TestPromise5AddressesOfRepositories: who is asked is decided by the host alone,
// and only an address that can mean nothing else names one.
func TestPromise5AddressesOfRepositories(t *testing.T) {
	for address, want := range map[string]string{
		"https://github.com/o/r":              "github.com/o/r",
		"https://GitHub.com/O/R.git":          "github.com/o/r",
		"http://github.com/o/r/":              "github.com/o/r",
		"git://github.com/o/r.git":            "github.com/o/r",
		"git+https://github.com/o/r":          "github.com/o/r",
		"ssh://git@github.com/o/r.git":        "github.com/o/r",
		"git+ssh://git@github.com/o/r.git":    "github.com/o/r",
		"git@github.com:o/r.git":              "github.com/o/r",
		"https://github.com:8443/o/r":         "github.com:8443/o/r", // which is another host
		"https://github.com.evil.invalid/o/r": "github.com.evil.invalid/o/r",
		"https://evil.invalid/github.com/o":   "evil.invalid/github.com/o",

		"https://github.com@evil.invalid/o/r":               "",
		"https://github.com:x@evil.invalid/o/r":             "",
		"https://github.com%2f@evil.invalid/o/r":            "",
		"https://evil.invalid\\@github.com/o/r":             "",
		"https://token@github.com/o/r":                      "",
		"ssh://root@github.com/o/r":                         "",
		"ssh://github.com/o/r":                              "",
		"ssh://git@github.com:22/o/r":                       "",
		"ssh://git:x@github.com/o/r":                        "",
		"root@github.com:o/r":                               "",
		"git@github.com:o/r/../../x/y":                      "",
		"git@evil.invalid/github.com:o/r":                   "",
		"https://github.com/o/..":                           "",
		"https://github.com/../o":                           "",
		"https://github.com/o/r/../../x/y":                  "",
		"https://github.com/o/%2e%2e":                       "",
		"https://github.com/o%2fr/x":                        "",
		"https://github.com/o/r?x":                          "",
		"https://github.com/o/r#x":                          "",
		"https://github.com//o/r":                           "",
		"https://github.com/o":                              "",
		"https://github.com/o/.git":                         "",
		"https://github.com/o/r/s":                          "",
		"https:///o/r":                                      "",
		"https:github.com/o/r":                              "",
		"//github.com/o/r":                                  "",
		"github.com/o/r":                                    "",
		"file://github.com/o/r":                             "",
		"https://github.com/o/r\n":                          "",
		"https://github.com\t/o/r":                          "",
		"https://githu\u0432.com/o/r":                       "",
		"https://github\u3002com/o/r":                       "",
		"https://[::1]/o/r":                                 "",
		"https://github.com:99999999/o/r":                   "",
		"https://github.com/o/r" + strings.Repeat("r", 500): "",
	} {
		r, ok := scan.ParseRepository(address, false)
		got := ""
		if ok {
			got = r.String()
		}
		if got != want {
			t.Errorf("%q is %q, want %q", address, got, want)
		}
	}
	for address, want := range map[string]bool{
		"https://github.com/o/r/tree/main/x": true, "https://github.com/o/r#readme": true, "https://github.com/o/r/issues?q=1": true,
		"https://github.com/o/r/../x": true, "https://github.com/../o/r": false, "https://github.com/sponsors": false, "https://github.com@evil.invalid/o/r/x": false,
	} {
		if _, ok := scan.ParseRepository(address, true); ok != want {
			t.Errorf("page %q: %t", address, ok)
		}
	}
}

// TestPromise5OnlyTheConfiguredHostIsAsked, whatever lockfiles and archives name
// and wherever GitHub's answers point.
func TestPromise5OnlyTheConfiguredHostIsAsked(t *testing.T) {
	crate := map[string]string{"Cargo.toml": manifestX, "build.rs": ordinary, vcsInfoPath: vcs("v1", "")}
	text := sections("repositories/o/r/v1", map[string]string{"x/Cargo.toml": manifestX, "x/build.rs": ordinary})
	for i, address := range []string{"https://github.com.example.invalid/o/r", "https://" + forgeHost + "@evil.invalid/o/r", "https://evil.invalid/" + forgeHost + "/o/r", "ssh://git@evil.invalid/o/r", "https://" + forgeHost + ":1/o/r"} {
		text += sections(fmt.Sprintf("crates/x/1.0.%d", i), with(crate, "Cargo.toml", strings.ReplaceAll(manifestX, forgeAddress, address)))
	}
	s := newScene(t, text)
	for i := range 5 {
		s.change("Cargo.lock", "", string(crateLock(fmt.Sprintf("x 1.0.%d", i))))
	}
	for _, address := range []string{"https://evil.invalid/o/r", "https://" + forgeHost + ".evil.invalid/o/r", "https://" + forgeHost + "@evil.invalid/o/r"} {
		if got := found(s.change("Cargo.lock", "", gitLock(address, "{{commit:o/r@v1}}"))); !slices.Equal(got, []string{"unverified"}) {
			t.Errorf("%s: found %q", address, got)
		}
	}
	if n := s.CountRequests("", ""); n != 0 {
		t.Errorf("%d questions about repositories on other hosts", n)
	}
	close(s.Seen)
	for host := range s.Seen {
		if !strings.HasSuffix(s.APIURL(), host) && !strings.Contains(s.APIURL(), "//"+host+"/") {
			t.Errorf("asked %s", host)
		}
	}
}

// TestGitSourcesWithoutRepositories stay what they were.
func TestGitSourcesWithoutRepositories(t *testing.T) {
	s := newScene(t, sections("repositories/o/r/v1", map[string]string{"Cargo.toml": "[package]\nname = \"x\"\nversion = \"1.0.0\"\n"}))
	s.scanner.Repositories = nil
	r := s.change("Cargo.lock", "", gitLock(forgeAddress, "{{commit:o/r@v1}}"))
	if len(r.Findings) != 1 || r.Findings[0].Rule != policy.Unverified || r.Changes[0].Kind != lockfile.Added {
		t.Errorf("%+v", r)
	}
}
