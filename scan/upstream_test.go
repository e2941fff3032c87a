package scan_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/github/githubtest/forge"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/scan"
)

// scene is registries and a GitHub of one txtar text, and a scanner that asks
// both.
type scene struct {
	*forge.Forge
	t       *testing.T
	scanner *scan.Scanner
	expand  func(string) string
}

func newScene(t *testing.T, text string) *scene {
	t.Helper()
	s := &scene{Forge: newForge(t), t: t}
	parsed := txtar.Parse([]byte(text))
	commits := load(t, s.Forge, parsed.Files)
	served := &txtar.Archive{}
	for _, f := range parsed.Files {
		if !strings.HasPrefix(f.Name, "repositories/") {
			served.Files = append(served.Files, txtar.File{Name: f.Name, Data: []byte(commits.Replace(string(f.Data)))})
		}
	}
	server, scanner := newScanner(t, txtar.Format(served))
	s.scanner = scanner
	s.scanner.Repositories, s.scanner.Facts = public(t, s.Forge), &memoryFacts{m: map[string][]byte{}}
	s.expand = func(text string) string {
		expanded, err := server.Expand(commits.Replace(text))
		if err != nil {
			t.Fatal(err)
		}
		return expanded
	}
	return s
}

// change scans one file from before to after; either may be empty.
func (s *scene) change(path, before, after string) *scan.Result {
	s.t.Helper()
	base, head := memoryTree{}, memoryTree{}
	if before != "" {
		base[path] = []byte(s.expand(before))
	}
	if after != "" {
		head[path] = []byte(s.expand(after))
	}
	result, err := s.scanner.Run(s.t.Context(), scan.Input{Base: base, Head: head})
	if err != nil {
		s.t.Fatal(err)
	}
	return result
}

// mismatch is the one finding of that rule, or nil.
func mismatch(t *testing.T, r *scan.Result) *policy.Finding {
	t.Helper()
	var found *policy.Finding
	for i, f := range r.Findings {
		if f.Rule != policy.UpstreamMismatch {
			continue
		}
		if found != nil {
			t.Errorf("two of them: %q and %q", found.Message, f.Message)
		}
		found = &r.Findings[i]
	}
	return found
}

// files writes txtar sections, sorted by path.
func sections(prefix string, files map[string]string) string {
	var b strings.Builder
	for _, path := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "-- %s/%s --\n%s", prefix, path, files[path])
	}
	return b.String()
}

func with(files map[string]string, more ...string) map[string]string {
	out := maps.Clone(files)
	for i := 0; i < len(more); i += 2 {
		if more[i+1] == "" {
			delete(out, more[i])
			continue
		}
		out[more[i]] = more[i+1]
	}
	return out
}

const (
	manifestX   = "[package]\nname = \"x\"\nversion = \"1.0.1\"\nbuild = \"build.rs\"\nrepository = \"https://" + forgeHost + "/o/r\"\n"
	ordinary    = "fn main() { println!(\"cargo:rerun-if-changed=build.rs\"); }\n"
	grave       = "mod part;\nfn main() { std::process::Command::new(\"curl\").status().unwrap(); }\n"
	vcsInfoPath = ".cargo_vcs_info.json"
)

func vcs(revision, more string) string {
	return `{"git":{"sha1":"{{commit:o/r@` + revision + `}}"` + more + `},"path_in_vcs":"x"}` + "\n"
}

// TestUpstream compares crates with repositories.
func TestUpstream(t *testing.T) {
	tree := map[string]string{"x/Cargo.toml": manifestX, "x/build.rs": grave, "x/part.rs": "fn part() {}\n", "README.md": "# x\n"}
	crate := map[string]string{"Cargo.toml": manifestX, "Cargo.toml.orig": manifestX, "build.rs": grave, "part.rs": "fn part() {}\n", vcsInfoPath: vcs("v1", "")}
	for name, test := range map[string]struct {
		tree, crate map[string]string
		want        string   // message; empty for none
		evidence    []string // parts of it
		mild        bool
	}{
		"the same":             {tree, crate, "", nil, false},
		"windows line ends":    {tree, with(crate, "part.rs", "fn part() {}\r\n"), "", nil, false},
		"unix line ends":       {with(tree, "x/part.rs", "fn part() {}\r\n"), crate, "", nil, false},
		"a file more":          {with(tree, "x/part.rs", ""), crate, "has build-time code that its repository does not have", []string{"only in the archive: part.rs"}, false},
		"a file otherwise":     {with(tree, "x/part.rs", "fn other() {}\n"), crate, "has other build-time code than its repository", []string{"differs: part.rs"}, false},
		"ordinary code":        {with(tree, "x/build.rs", "fn main() {}\n"), with(crate, "build.rs", ordinary), "has other build-time code than its repository", []string{"differs: build.rs"}, true},
		"from a fork":          {tree, with(crate, vcsInfoPath, vcs("fork-1", "")), "was made from a commit that is neither on the default branch nor tagged", nil, false},
		"the tag instead":      {tree, with(crate, vcsInfoPath, ""), "", nil, false},
		"the tag, a file more": {with(tree, "x/part.rs", ""), with(crate, vcsInfoPath, ""), "has build-time code that its repository does not have", []string{"at tag v1.0.1"}, false},
		"no such commit":       {tree, with(crate, vcsInfoPath, `{"git":{"sha1":"`+strings.Repeat("ab", 20)+"\"}}\n"), "", nil, false},
		"no such repository":   {tree, with(crate, "Cargo.toml", strings.ReplaceAll(manifestX, "/o/r", "/o/none")), "", nil, false},
		"another host":         {with(tree, "x/part.rs", ""), with(crate, "Cargo.toml", strings.ReplaceAll(manifestX, forgeHost, "elsewhere.invalid")), "", nil, false},
		"directory not told":   {tree, with(crate, vcsInfoPath, strings.Replace(vcs("v1", ""), `,"path_in_vcs":"x"`, "", 1)), "", nil, false},
		"a dependency more":    {tree, with(crate, "Cargo.toml", manifestX+"[build-dependencies]\nevil = \"1\"\n"), "says otherwise than its repository", []string{"only in the archive's manifest: build-dependency evil"}, false},
		"another directory":    {tree, with(crate, vcsInfoPath, strings.Replace(vcs("v1", ""), `:"x"`, `:"y"`, 1)), "has build-time code that its repository does not have", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, sections("repositories/o/r/v1", test.tree)+sections("repositories/o/r/fork-1", test.tree)+sections("repositories/o/r/v1.0.1", with(test.tree, "news", "1.0.1\n"))+
				sections("crates/x/1.0.1", test.crate))
			r := s.change("Cargo.lock", "", string(crateLock("x 1.0.1")))
			f := mismatch(t, r)
			if test.want == "" {
				if f != nil {
					t.Errorf("found %s %q", f.Message, f.Evidence)
				}
				return
			}
			if f == nil || !strings.HasPrefix(f.Message, test.want) {
				t.Fatalf("found %+v, want %q", f, test.want)
			}
			if f.Grave == test.mild {
				t.Errorf("grave: %t", f.Grave)
			}
			for _, e := range test.evidence {
				if !strings.Contains(strings.Join(f.Evidence, "\n"), e) {
					t.Errorf("evidence is %q, want %q", f.Evidence, e)
				}
			}
		})
	}
}

// TestLostOrigin: an archive that tells less than the one before says something,
// whether anything of it runs or not.
func TestLostOrigin(t *testing.T) {
	const manifest = "[package]\nname = \"x\"\nversion = \"1.0.0\"\nrepository = \"https://" + forgeHost + "/o/r\"\n"
	const unnamed = "[package]\nname = \"x\"\nversion = \"1.0.0\"\n"
	old := map[string]string{"Cargo.toml": manifest, vcsInfoPath: vcs("v1", "")}
	built := with(old, "build.rs", "fn main() {}\n")
	for name, test := range map[string]struct {
		crate map[string]string
		want  string
	}{
		"the same":                  {old, ""},
		"no commit":                 {with(old, vcsInfoPath, ""), "no longer says from which commit it was made, as 1.0.0 did"},
		"a commit that is none":     {with(old, vcsInfoPath, `{"git":{"sha1":"main"}}`+"\n"), "no longer says"},
		"uncommitted changes":       {with(old, vcsInfoPath, vcs("v1", `,"dirty":true`)), "was made from a working copy"},
		"another repository":        {with(old, "Cargo.toml", strings.ReplaceAll(manifest, "/o/r", "/o/s")), ""},
		"no repository":             {with(old, "Cargo.toml", unnamed), ""},
		"code from another":         {with(built, "Cargo.toml", strings.ReplaceAll(manifest, "/o/r", "/o/s")), "names another repository than 1.0.0 did: " + forgeHost + "/o/s, before " + forgeHost + "/o/r"},
		"code from nowhere":         {with(built, "Cargo.toml", unnamed), "names no repository any more"},
		"code, the same spelt anew": {with(built, "Cargo.toml", strings.ReplaceAll(manifest, "/o/r", "/O/R.git")), ""},
		"code, a page of the same":  {with(built, "Cargo.toml", strings.ReplaceAll(manifest, "/o/r", "/o/r/tree/main/x#readme")), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, sections("repositories/o/r/v1", map[string]string{"x/Cargo.toml": manifest, "x/build.rs": built["build.rs"]})+sections("crates/x/1.0.0", old)+sections("crates/x/1.0.1", test.crate))
			f := mismatch(t, s.change("Cargo.lock", string(crateLock("x 1.0.0")), string(crateLock("x 1.0.1"))))
			switch {
			case test.want == "" && f != nil:
				t.Errorf("found %q", f.Message)
			case test.want != "" && (f == nil || !strings.HasPrefix(f.Message, test.want)):
				t.Errorf("found %+v, want %q", f, test.want)
			case f != nil && f.Grave:
				t.Error("grave, though nothing runs or nothing of weight")
			}
			if n := s.CountRequests("", ""); n != 0 && test.crate["build.rs"] == "" {
				t.Errorf("%d questions to GitHub about a package that runs nothing", n)
			}
		})
	}
}

// TestMissingWhereItWas: that there is nothing to compare with is said only where
// there was for the version before.
func TestMissingWhereItWas(t *testing.T) {
	gone := `{"git":{"sha1":"` + strings.Repeat("ab", 20) + `"},"path_in_vcs":"x"}` + "\n"
	crate := map[string]string{"Cargo.toml": manifestX, "build.rs": "fn main() {}\n", vcsInfoPath: vcs("v1", "")}
	for name, test := range map[string]struct{ old, new, want string }{
		"it was":           {vcs("v1", ""), gone, "has no commit abababab"},
		"it never was":     {gone, gone, ""},
		"it is":            {gone, vcs("v1", ""), ""},
		"the tag was":      {"", "", "has no tag of this version"},
		"commit, then tag": {vcs("v1", ""), "", "has no tag of this version"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, sections("repositories/o/r/v1", map[string]string{"x/build.rs": "fn main() {}\n", "x/Cargo.toml": manifestX})+
				sections("repositories/o/r/1.0.0", map[string]string{"x/build.rs": ordinary, "x/Cargo.toml": manifestX})+
				sections("crates/x/1.0.0", with(crate, vcsInfoPath, test.old))+sections("crates/x/1.0.1", with(crate, "build.rs", ordinary, vcsInfoPath, test.new)))
			r := s.change("Cargo.lock", string(crateLock("x 1.0.0")), string(crateLock("x 1.0.1")))
			f := mismatch(t, r)
			if name == "it is" { // then it is compared
				if f == nil || !strings.HasPrefix(f.Message, "has other build-time code") {
					t.Errorf("found %+v", f)
				}
				return
			}
			if test.want == "" && f != nil || test.want != "" && (f == nil || !strings.Contains(f.Message, test.want)) {
				t.Errorf("found %+v, want %q", f, test.want)
			}
			if !strings.Contains(r.Changes[0].Note, "not compared with its repository") {
				t.Errorf("the note is %q", r.Changes[0].Note)
			}
		})
	}
}

const pkgInfo = "Metadata-Version: 2.1\nName: p\nProject-URL: Source, https://" + forgeHost + "/o/r\n"

// TestUpstreamOfSdists: what building an sdist changes is no difference.
func TestUpstreamOfSdists(t *testing.T) {
	tree := map[string]string{"py/setup.py": "import os, version\nos.system('make')\n", "py/setup.cfg": "[metadata]\nname=p\n# a comment\n", "setup.py": "x = 1\n"}
	sdist := map[string]string{"setup.py": "import os, version\nos.system('make')\n", "setup.cfg": "[metadata]\nname = p\n\n[egg_info]\ntag_build = \ntag_date = 0\n", "PKG-INFO": pkgInfo, "version.py": "__version__ = \"1.0\"\n"}
	for name, test := range map[string]struct {
		tree, sdist map[string]string
		want        string
	}{
		"in a directory, with a version file": {tree, sdist, ""},
		"a module that acts":                  {tree, with(sdist, "version.py", "__version__ = open('x').read()\n"), "only in the archive: version.py"},
		"another setting":                     {tree, with(sdist, "setup.cfg", "[metadata]\nname = p\n[options]\nsetup_requires = evil\n"), "only in the archive's manifest: setup-requires evil"},
		"another setup.py":                    {tree, with(sdist, "setup.py", "import os, version\nos.system('make all')\n"), "differs: setup.py"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, sections("repositories/o/r/release-1.0", test.tree)+sections("pypi/p/1.0/sdist/p-1.0.tar.gz", test.sdist))
			f := mismatch(t, s.change("requirements.txt", "", "p==1.0 --hash=sha256:{{pypi:p-1.0.tar.gz}}\n"))
			evidence := ""
			if f != nil {
				evidence = strings.Join(f.Evidence, "\n")
			}
			if test.want == "" && f != nil || !strings.Contains(evidence, test.want) {
				t.Errorf("found %+v, want %q", f, test.want)
			}
		})
	}
}

// oneFileMore is a crate with a file that its repository does not have.
func oneFileMore(t *testing.T) *scene {
	return newScene(t, sections("repositories/o/r/v1", map[string]string{"x/Cargo.toml": manifestX, "x/build.rs": grave})+
		sections("crates/x/1.0.1", map[string]string{"Cargo.toml": manifestX, "build.rs": grave, "part.rs": "\n", vcsInfoPath: vcs("v1", "")}))
}

// TestASecondComparisonCostsNothing and finds the same.
func TestASecondComparisonCostsNothing(t *testing.T) {
	s := oneFileMore(t)
	first := mismatch(t, s.change("Cargo.lock", "", string(crateLock("x 1.0.1"))))
	if n := s.CountRequests("", ""); n != 4 { // repository, commit, manifest, branch
		t.Errorf("%d questions", n)
	}
	if n := s.CountRequests("GET", "/repos/o/r/git/blobs"); n != 1 {
		t.Errorf("%d files read beside the manifest, though none differs", n-1)
	}
	s.ResetRequests()
	s.scanner.Repositories = public(t, s.Forge)
	second := mismatch(t, s.change("Cargo.lock", "", string(crateLock("x 1.0.1"))))
	if n := s.CountRequests("", ""); n != 0 {
		t.Errorf("%d questions the second time", n)
	}
	if first == nil || second == nil || first.Digest() != second.Digest() {
		t.Errorf("first %+v, then %+v", first, second)
	}
}

// TestWhatIsMissingIsRememberedForAnHour, and then asked for again.
func TestWhatIsMissingIsRememberedForAnHour(t *testing.T) {
	tree := map[string]string{"x/Cargo.toml": manifestX, "x/build.rs": grave, "x/part.rs": "\n"}
	s := newScene(t, sections("repositories/o/r/v1", with(tree, "news", "1\n"))+sections("repositories/o/r/fork-1", tree)+
		sections("crates/x/1.0.1", map[string]string{"Cargo.toml": manifestX, "build.rs": grave, "part.rs": "\n", vcsInfoPath: vcs("fork-1", "")}))
	now := time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC)
	s.scanner.Now = func() time.Time { return now }
	for i := range 2 {
		if f := mismatch(t, s.change("Cargo.lock", "", string(crateLock("x 1.0.1")))); f == nil || !strings.Contains(f.Message, "neither on the default branch nor tagged") {
			t.Fatalf("found %+v", f)
		}
		if n := s.CountRequests("", ""); (n == 0) != (i == 1) {
			t.Errorf("scan %d: %d questions", i, n)
		}
		s.ResetRequests()
		now = now.Add(59 * time.Minute)
		s.scanner.Repositories = public(t, s.Forge)
	}
	// The tag is pushed at last.
	now = now.Add(time.Hour)
	s.Ensure("o", "r").Tag("v1.0.1", s.expand("{{commit:o/r@fork-1}}"))
	s.scanner.Repositories = public(t, s.Forge)
	if f := mismatch(t, s.change("Cargo.lock", "", string(crateLock("x 1.0.1")))); f != nil {
		t.Errorf("found %q though the commit is tagged", f.Message)
	}
}

// TestARepositoryThatCannotBeAsked is no alarm and no silence.
func TestARepositoryThatCannotBeAsked(t *testing.T) {
	for _, path := range []string{"/repos/o/r", "/repos/o/r/git/trees", "/repos/o/r/compare"} {
		s := oneFileMore(t)
		heal := s.AddFault(githubtest.Fault{Path: path, Status: http.StatusBadGateway})
		r := s.change("Cargo.lock", "", string(crateLock("x 1.0.1")))
		if f := mismatch(t, r); f != nil || !r.Retry || !strings.Contains(r.Changes[0].Note, "not compared with its repository") {
			t.Errorf("%s: found %+v, retry %t, note %q", path, f, r.Retry, r.Changes[0].Note)
		}
		heal()
		s.scanner.Repositories = public(t, s.Forge)
		if r := s.change("Cargo.lock", "", string(crateLock("x 1.0.1"))); mismatch(t, r) == nil || r.Retry {
			t.Errorf("%s: nothing is found once GitHub answers", path)
		}
	}
	s := oneFileMore(t)
	s.scanner.Repositories = nil
	if r := s.change("Cargo.lock", "", string(crateLock("x 1.0.1"))); r.NotCompared != 1 || mismatch(t, r) != nil {
		t.Errorf("without repositories: %+v", r)
	}
}

// TestUpstreamOff: who does not want to hear of it makes no requests.
func TestUpstreamOff(t *testing.T) {
	s := oneFileMore(t)
	rules, err := policy.Parse(policy.Path, []byte("[rules]\nupstream-mismatch = \"off\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.scanner.Run(t.Context(), scan.Input{Base: memoryTree{}, Head: memoryTree{"Cargo.lock": []byte(s.expand(string(crateLock("x 1.0.1"))))}, Policy: rules})
	if err != nil || mismatch(t, r) != nil || s.CountRequests("", "") != 0 {
		t.Errorf("%+v, %v, %d questions", r, err, s.CountRequests("", ""))
	}
}

// TestPrivateRepositoriesAreNotRead: their code would be shown to all who see the
// pull request, and its author names them.
func TestPrivateRepositoriesAreNotRead(t *testing.T) {
	s := newForge(t)
	s.AddUser("o")
	private := s.AddRepo("o", "secret", githubtest.RepoOptions{Private: true, Files: map[string]string{"Cargo.toml": "[package]\nname = \"x\"\nversion = \"1.0.0\"\n", "build.rs": grave, "part.rs": "\n"}})
	_, scanner := newScanner(t, []byte(hidden))
	scanner.Repositories = public(t, s)
	lock := fmt.Sprintf("version = 4\n[[package]]\nname = \"x\"\nversion = \"1.0.0\"\nsource = \"git+https://%s/o/secret#%s\"\n", forgeHost, private.Head("main"))
	r, err := scanner.Run(t.Context(), scan.Input{Base: memoryTree{}, Head: memoryTree{"Cargo.lock": []byte(lock)}})
	if err != nil || len(r.Findings) != 1 || r.Findings[0].Rule != policy.Unverified || r.Findings[0].Code != nil {
		t.Errorf("%+v, %v", r, err)
	}
}
