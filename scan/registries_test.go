package scan_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
	"github.com/lockkeeper/lockkeeper/registry/registrytest/configured"
	"github.com/lockkeeper/lockkeeper/scan"
)

// ownRegistries are the private registries of a test, as registries.toml states them.
func ownRegistries(t testing.TB, server *registrytest.Server, text []byte) []scan.Registry {
	t.Helper()
	stated, err := configured.Read(server, text)
	if err != nil {
		t.Fatalf("registries.toml: %v", err)
	}
	var all []scan.Registry
	for _, c := range stated {
		all = append(all, scan.Registry{Name: c.Name, Ecosystem: c.Ecosystem, Sources: c.Sources, Mirror: c.Mirror, Client: c.Client})
	}
	return all
}

// corpWorld: inner and helper are of one's own registries, outer and inner 9.9 are
// public.
const corpWorld = `
-- registry.toml --
[crates."outer@1.0.0"]
published = 2020-01-01T00:00:00Z
publisher = "user:1 maintainer"
[crates."outer@1.1.0"]
published = 2020-02-01T00:00:00Z
publisher = "user:1 maintainer"
[crates."inner@9.9.0"]
published = 2020-02-01T00:00:00Z
publisher = "user:66 stranger"
[pypi."outer@1.0"]
published = 2020-01-01T00:00:00Z
[pypi."inner@9.9"]
published = 2020-01-01T00:00:00Z
-- private/crates/registry.toml --
[server]
authorization = "secret"
bare = true
[crates."inner@1.0.0"]
[crates."inner@1.1.0"]
[crates."helper@1.0.0"]
-- private/crates/crates/inner/1.1.0/Cargo.toml --
[package]
name = "inner"
version = "1.1.0"
[dependencies]
helper = "1"
-- private/crates/crates/inner/1.1.0/build.rs --
fn main() { std::process::Command::new("curl").status().unwrap(); }
-- private/wheels/registry.toml --
[server]
html = true
[pypi."inner@1.0"]
[pypi."inner@1.1"]
-- private/wheels/pypi/inner/1.0/wheel/inner-1.0-py3-none-any.whl/inner.py --
-- private/wheels/pypi/inner/1.1/wheel/inner-1.1-py3-none-any.whl/inner.py --
-- private/wheels/pypi/inner/1.1/wheel/inner-1.1-py3-none-any.whl/inner.pth --
import inner
-- private/proxy/registry.toml --
`

const corpRegistries = `
[crates]
ecosystem = "cargo"
sources   = ["registry+https://crates.example.invalid/git", "sparse+https://crates.example.invalid/index/"]
authorization = "secret"
[wheels]
ecosystem = "pypi"
sources   = ["https://pypi.example.invalid/simple"]
[proxy]
ecosystem = "pypi"
sources   = ["https://proxy.example.invalid/simple"]
mirror    = true
`

type corpCase struct {
	name       string
	file       string
	base, head string
	want       []string // "level package rule: message (evidence)"
	// asked are names that the public registries were asked for, none if empty.
	asked []string
}

const (
	sparseSource = `source = "sparse+https://crates.example.invalid/index/"`
	gitSource    = `source = "registry+https://crates.example.invalid/git"`
	publicCrates = `source = "registry+https://github.com/rust-lang/crates.io-index"`
)

func crate(name, version, source, digest string, deps ...string) string {
	text := fmt.Sprintf("[[package]]\nname = %q\nversion = %q\n%s\n", name, version, source)
	if digest != "" {
		text += fmt.Sprintf("checksum = \"{{%s}}\"\n", digest)
	}
	if len(deps) > 0 {
		text += fmt.Sprintf("dependencies = [%q]\n", strings.Join(deps, `", "`))
	}
	return text
}

func poetry(name, version, source, digest string) string {
	wheel := fmt.Sprintf("%s-%s-py3-none-any.whl", name, version)
	text := fmt.Sprintf("[metadata]\nlock-version = \"2.1\"\ncontent-hash = \"x\"\npython-versions = \"*\"\n[[package]]\nname = %q\nversion = %q\nfiles = [ { file = %q, hash = \"sha256:{{%s%s}}\" } ]\n",
		name, version, wheel, digest, wheel)
	if source != "" {
		text += fmt.Sprintf("[package.source]\ntype = \"legacy\"\nurl = %q\nreference = \"corp\"\n", source)
	}
	return text
}

const (
	v4     = "version = 4\n"
	wheels = "https://pypi.example.invalid/simple"
)

var corpCases = []corpCase{
	{
		name: "an alternate registry's crate is analysed like any other", file: "Cargo.lock",
		base: v4 + crate("inner", "1.0.0", sparseSource, "crates/crate:inner@1.0.0"),
		head: v4 + crate("helper", "1.0.0", sparseSource, "crates/crate:helper@1.0.0") + crate("inner", "1.1.0", sparseSource, "crates/crate:inner@1.1.0", "helper"),
		want: []string{
			"sign-off helper unverified: comes from the registry crates, which does not tell who published it and when",
			"sign-off inner build-code-gained: ran nothing while being built before and now runs a build script",
			"sign-off inner unverified: comes from the registry crates, which does not tell who published it and when",
			"sign-off inner unverified: now depends on helper, whose age the registry does not tell",
		},
	},
	{
		name: "the two forms of one registry are one source", file: "Cargo.lock",
		base: v4 + crate("inner", "1.0.0", gitSource, "crates/crate:inner@1.0.0"),
		head: v4 + crate("inner", "1.0.0", sparseSource, "crates/crate:inner@1.0.0"),
	},
	{
		name: "another checksum than the registry's", file: "Cargo.lock",
		head: v4 + crate("inner", "1.0.0", sparseSource, "crates/crate:inner@1.1.0"),
		want: []string{"block inner checksum-mismatch: has another checksum in the lockfile than in the registry"},
	},
	{
		name: "not there", file: "Cargo.lock",
		head: v4 + crate("nothing", "1.0.0", sparseSource, "crates/crate:inner@1.1.0"),
		want: []string{"sign-off nothing release-missing: is not in the registry"},
	},
	{
		name: "a registry that nobody configured", file: "Cargo.lock",
		head: v4 + crate("inner", "1.0.0", `source = "sparse+https://strange.example.invalid/index/"`, "crates/crate:inner@1.0.0"),
		want: []string{"sign-off inner unverified: comes from a registry that is not configured"},
	},
	{
		name: "from one's own registry to the public one", file: "Cargo.lock",
		base:  v4 + crate("inner", "1.0.0", sparseSource, "crates/crate:inner@1.0.0"),
		head:  v4 + crate("inner", "9.9.0", publicCrates, "crate:inner@9.9.0"),
		want:  []string{"sign-off inner source-changed: comes from another source: public registry, before from registry https://crates.example.invalid/git"},
		asked: []string{"inner"},
	},
	{
		name: "a new public crate with the name of one's own", file: "Cargo.lock",
		head:  v4 + crate("inner", "9.9.0", publicCrates, "crate:inner@9.9.0"),
		want:  []string{"sign-off inner source-changed: comes from the public registry, where anybody may publish, under the name of a package that crates serves"},
		asked: []string{"inner"},
	},
	{
		name: "a public crate that depends on one's own", file: "Cargo.lock",
		base:  v4 + crate("inner", "1.0.0", sparseSource, "crates/crate:inner@1.0.0") + crate("outer", "1.0.0", publicCrates, "crate:outer@1.0.0"),
		head:  v4 + crate("inner", "1.0.0", sparseSource, "crates/crate:inner@1.0.0") + crate("outer", "1.1.0", publicCrates, "crate:outer@1.1.0", "inner"),
		want:  []string{"sign-off outer unverified: now depends on inner, whose age the registry does not tell"},
		asked: []string{"outer"},
	},
	{
		name: "a private index's wheel is analysed like any other", file: "poetry.lock",
		base: poetry("inner", "1.0", wheels, "wheels/pypi:"), head: poetry("inner", "1.1", "https://ci:hunter2@pypi.example.invalid/simple/", "wheels/pypi:"),
		want: []string{
			"sign-off inner startup-hook: gained code that runs whenever Python starts",
			"sign-off inner unverified: comes from the registry wheels, which does not tell who published it and when",
		},
	},
	{
		name: "a mirror's package is the public registry's", file: "poetry.lock",
		base: poetry("outer", "1.0", "", "pypi:"), head: poetry("outer", "1.0", "https://proxy.example.invalid/simple/", "pypi:"),
	},
	{
		name: "a mirror's new package is the public registry's", file: "poetry.lock",
		head: poetry("outer", "1.0", "https://proxy.example.invalid/simple/", "pypi:"), asked: []string{"outer"},
	},
	{
		name: "a format that does not say where from", file: "requirements.txt",
		head:  "inner==1.0 --hash=sha256:{{wheels/pypi:inner-1.0-py3-none-any.whl}}\nouter==1.0 --hash=sha256:{{pypi:outer-1.0-py3-none-any.whl}}\n",
		want:  []string{"sign-off inner unverified: comes from the registry wheels, which does not tell who published it and when"},
		asked: []string{"outer"},
	},
	{
		name: "a format that does not say where from, with other bytes", file: "requirements.txt",
		head: "inner==9.9 --hash=sha256:{{pypi:inner-9.9-py3-none-any.whl}}\n",
		want: []string{"sign-off inner unverified: has the name of a package that wheels serves, and is none of its files; the public registry is not asked for it"},
	},
	{
		name: "a format that does not say where from, without hashes", file: "requirements.txt",
		head: "inner==1.0\n",
		want: []string{"sign-off inner unverified: is locked without a hash, and may come from wheels or from the public registry"},
	},
	{
		name: "an index of the file's own", file: "requirements.txt",
		head: "--index-url https://pypi.example.invalid/simple\ninner==1.0 --hash=sha256:{{wheels/pypi:inner-1.0-py3-none-any.whl}}\n",
		want: []string{"sign-off inner unverified: comes from the registry wheels, which does not tell who published it and when"},
	},
}

func TestPrivateRegistries(t *testing.T) {
	for _, test := range corpCases {
		t.Run(test.name, func(t *testing.T) {
			server, scanner := newScanner(t, []byte(corpWorld))
			scanner.Others = ownRegistries(t, server, []byte(corpRegistries))
			scanner.Now = func() time.Time { return time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC) }
			result := corpScan(t, server, scanner, test)
			var got []string
			for _, o := range policy.Evaluate(policy.Input{Findings: result.Findings, Onboarded: true}).Outcomes {
				if o.Level != policy.WarnLevel && o.Finding.Rule != policy.GuardChanged {
					got = append(got, fmt.Sprintf("%s %s %s: %s", o.Level, o.Finding.Package.Name, o.Finding.Rule, o.Finding.Message))
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(test.asked, publicNames(server)); diff != "" {
				t.Errorf("names that the public registries were asked for (-want +got):\n%s", diff)
			}
			if strings.Contains(fmt.Sprintf("%+v", result), "hunter2") {
				t.Error("a lockfile's password is shown")
			}
		})
	}
}

// publicNames are the packages that the public registries were asked for, in any way.
func publicNames(server *registrytest.Server) []string {
	var names []string
	for _, r := range server.Requests() {
		for _, name := range []string{"inner", "helper", "outer", "nothing"} {
			if strings.Contains(r.Path, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func corpScan(t *testing.T, server *registrytest.Server, scanner *scan.Scanner, test corpCase) *scan.Result {
	t.Helper()
	tree := func(text string) memoryTree {
		if text == "" {
			return memoryTree{}
		}
		expanded, err := server.Expand(text)
		if err != nil {
			t.Fatal(err)
		}
		return memoryTree{test.file: []byte(expanded)}
	}
	result, err := scanner.Run(t.Context(), scan.Input{Base: tree(test.base), Head: tree(test.head)})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// TestConfusionIsExplained: who reads the finding learns what it means.
func TestConfusionIsExplained(t *testing.T) {
	server, scanner := newScanner(t, []byte(corpWorld))
	scanner.Others = ownRegistries(t, server, []byte(corpRegistries))
	result := corpScan(t, server, scanner, corpCase{
		file: "poetry.lock", base: poetry("inner", "1.1", wheels, "wheels/pypi:"), head: poetry("inner", "9.9", "", "pypi:"),
	})
	want := []string{"source-changed inner: comes from another source: public registry, before from registry https://pypi.example.invalid/simple (" +
		"a public package where a private registry served one of this name before (dependency confusion): anybody may publish under a name that is free there; " +
		"wheels serves a package inner: 1.1, 1.0 (dependency confusion)) grave false"}
	if diff := cmp.Diff(want, said(result, policy.SourceChanged)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// Without any configuration as well.
	scanner.Others = nil
	result = corpScan(t, server, scanner, corpCase{
		file: "poetry.lock", base: poetry("inner", "1.1", wheels, "wheels/pypi:"), head: poetry("inner", "9.9", "", "pypi:"),
	})
	if got := said(result, policy.SourceChanged); len(got) != 1 || !strings.Contains(got[0], "dependency confusion") {
		t.Errorf("%q", got)
	}
	// What to configure is said, in the words of the lockfile.
	result = corpScan(t, server, scanner, corpCase{file: "Cargo.lock", head: v4 + crate("inner", "1.0.0", gitSource, "crates/crate:inner@1.0.0")})
	if got := said(result, policy.Unverified); len(got) != 1 || !strings.Contains(got[0], `[[registry]] with ecosystem = "cargo" and sources = ["registry+https://crates.example.invalid/git"]`) {
		t.Errorf("%q", got)
	}
}

// twoWorlds have one package with the same bytes, published by different people.
const twoWorlds = `
-- registry.toml --
[crates."inner@1.0.0"]
published = 2020-01-01T00:00:00Z
publisher = "user:1 public"
-- private/crates/registry.toml --
[crates."inner@1.0.0"]
published = 2020-01-01T00:00:00Z
publisher = "user:1 private"
`

// noted keeps which packages' owners are asked for or watched.
type noted struct {
	mu    sync.Mutex
	names []string
}

func (n *noted) Owners(_ context.Context, id string) (registry.Owners, error) {
	return registry.Owners{}, nil
}

func (n *noted) PutOwners(_ context.Context, id string, _ []lockkeeper.Principal, _ time.Time) (registry.Owners, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names = append(n.names, "look "+id)
	return registry.Owners{}, nil
}

func (n *noted) WatchOwners(_ context.Context, ids []string, _ time.Time) error {
	for _, id := range ids {
		n.names = append(n.names, "watch "+id)
	}
	return nil
}

// TestRegistriesAreKeptApart: what is remembered of a package of one registry is not
// said of another's, and names of one's own registries are not put where the public
// ones are asked for them later.
func TestRegistriesAreKeptApart(t *testing.T) {
	server, scanner := newScanner(t, []byte(twoWorlds))
	scanner.Others = ownRegistries(t, server, []byte("[crates]\necosystem = 'cargo'\nsources = ['sparse+https://crates.example.invalid/index/']\n"))
	memory := &noted{}
	scanner.Facts, scanner.Owners = &memoryFacts{m: map[string][]byte{}}, memory
	for range 2 {
		for source, want := range map[string]string{publicCrates: "user:1 (public)", sparseSource: "user:1 (private)"} {
			result := corpScan(t, server, scanner, corpCase{file: "Cargo.lock", head: v4 + crate("inner", "1.0.0", source, "crate:inner@1.0.0")})
			if got := result.Changes[0].Publisher; got != want {
				t.Errorf("%s: published by %q, want %q", source, got, want)
			}
		}
		if diff := cmp.Diff([]string{"look cargo/inner", "watch cargo/inner"}, slices.Compact(slices.Sorted(slices.Values(memory.names)))); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	memory.names = nil
	corpScan(t, server, scanner, corpCase{file: "Cargo.lock", head: v4 + crate("inner", "1.0.0", sparseSource, "crate:inner@1.0.0")})
	if len(memory.names) > 0 {
		t.Errorf("a private name is put down for the public registry: %q", memory.names)
	}
}

// TestPromise3ARegistryThatDoesNotAnswer: a name that may be one's own is neither
// passed over nor asked for in public.
func TestPromise3ARegistryThatDoesNotAnswer(t *testing.T) {
	for file, head := range map[string]string{
		"requirements.txt": "inner==9.9 --hash=sha256:{{pypi:inner-9.9-py3-none-any.whl}}\n",
		"poetry.lock":      poetry("inner", "1.0", wheels, "wheels/pypi:"),
	} {
		server, scanner := newScanner(t, []byte(corpWorld))
		scanner.Others = ownRegistries(t, server, []byte(corpRegistries))
		server.Private("wheels").Inject(registrytest.Fault{Path: "**", Status: 500})
		result := corpScan(t, server, scanner, corpCase{file: file, head: head})
		if got := said(result, policy.Unverified); len(got) != 1 || !result.Retry || len(publicNames(server)) > 0 {
			t.Errorf("%s: found %q, retry %t, asked in public for %q", file, got, result.Retry, publicNames(server))
		}
	}
}
