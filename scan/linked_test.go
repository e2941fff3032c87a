package scan_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
	"github.com/lockkeeper/lockkeeper/scan"
)

// linkedCrates: cc is a helper of build scripts; jobserver 1.1.0 comes to depend on
// libc.
const linkedCrates = `
-- registry.toml --
[crates."cc@1.0.0"]
published = 2024-01-01T00:00:00Z
deps = ["jobserver"]
[crates."jobserver@1.0.0"]
published = 2024-01-01T00:00:00Z
[crates."jobserver@1.1.0"]
published = 2024-01-01T00:00:00Z
deps = ["libc"]
[crates."libc@1.0.0"]
published = 2024-01-01T00:00:00Z
[crates."native-sys@1.0.0"]
published = 2024-01-01T00:00:00Z
deps = ["build:cc"]
`

// plainCrate is a crate that runs nothing.
func plainCrate(name, version string) string {
	return fmt.Sprintf("-- crates/%[1]s/%[2]s/Cargo.toml --\n[package]\nname = %[1]q\nversion = %[2]q\nbuild = false\n-- crates/%[1]s/%[2]s/src/lib.rs --\n//! Nothing.\n", name, version)
}

// crateLock is a Cargo.lock of lines "name version: dependencies"; app is the
// repository's own.
func crateLock(lines ...string) []byte {
	var b strings.Builder
	b.WriteString("version = 4\n")
	for _, line := range lines {
		pin, deps, _ := strings.Cut(line, ":")
		name, version, _ := strings.Cut(pin, " ")
		fmt.Fprintf(&b, "\n[[package]]\nname = %q\nversion = %q\n", name, version)
		if name != "app" {
			fmt.Fprintf(&b, "source = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{{crate:%s@%s}}\"\n", name, version)
		}
		if deps != "" {
			fmt.Fprintf(&b, "dependencies = [\"%s\"]\n", strings.Join(strings.Fields(deps), `", "`))
		}
	}
	return []byte(b.String())
}

// linkedScan runs a change of Cargo.lock, with a manifest of the repository's own.
func linkedScan(t *testing.T, server *registrytest.Server, scanner *scan.Scanner, manifest string, base, head []byte) *scan.Result {
	t.Helper()
	scanner.Now = func() time.Time { return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) }
	trees := []memoryTree{{"Cargo.lock": base}, {"Cargo.lock": head}}
	for _, tree := range trees {
		text, err := server.Expand(string(tree["Cargo.lock"]))
		if err != nil {
			t.Fatal(err)
		}
		tree["Cargo.lock"], tree["member/Cargo.toml"] = []byte(text), []byte(manifest)
	}
	result, err := scanner.Run(t.Context(), scan.Input{Base: trees[0], Head: trees[1]})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// said lists findings of the rules as "rule package: message (evidence)".
func said(result *scan.Result, rules ...policy.Rule) []string {
	var all []string
	for _, f := range result.Findings {
		if slices.Contains(rules, f.Rule) {
			all = append(all, fmt.Sprintf("%s %s: %s (%s) grave %t", f.Rule, f.Package.Name, f.Message, strings.Join(f.Evidence, "; "), f.Grave))
		}
	}
	return all
}

func linkedText() []byte {
	text := linkedCrates
	for _, c := range []string{"cc 1.0.0", "jobserver 1.0.0", "jobserver 1.1.0", "libc 1.0.0", "native-sys 1.0.0"} {
		name, version, _ := strings.Cut(c, " ")
		text += plainCrate(name, version)
	}
	return []byte(text)
}

// TestLinkedIntoBuildCode: a library that was used at run time alone runs at build
// time once a helper of build scripts depends on it, by whatever way.
func TestLinkedIntoBuildCode(t *testing.T) {
	for name, c := range map[string]struct {
		manifest, app string
		want          []string
	}{
		"a registry package's build script": {
			"[package]\nname = \"app\"\n", "native-sys libc",
			[]string{"build-path-entered libc: is now linked into the build script of native-sys by way of cc -> jobserver -> libc () grave false"},
		},
		"the repository's own build script": {
			"[package]\nname = \"app\"\n[target.'cfg(unix)'.build-dependencies]\ncc = \"1\"\n", "cc libc",
			[]string{"build-path-entered libc: is now linked into this repository's own build script app by way of cc -> jobserver -> libc () grave false"},
		},
		"renamed in the workspace": {
			"[package]\nname = \"app\"\n[build-dependencies]\ncompiler.workspace = true\n[workspace.dependencies]\ncompiler = { package = \"cc\", version = \"1\" }\n", "cc libc",
			[]string{"build-path-entered libc: is now linked into this repository's own build script app by way of cc -> jobserver -> libc () grave false"},
		},
		"the repository's own macro": {
			"[package]\nname = \"app\"\n[lib]\nproc-macro = true\n", "cc",
			[]string{"build-path-entered libc: is now linked into this repository's own procedural macro app by way of cc -> jobserver -> libc () grave false"},
		},
		"linked before": {"[package]\nname = \"app\"\n[build-dependencies]\ncc = \"1\"\nlibc = \"1\"\n", "cc libc", nil},
		"at run time":   {"[package]\nname = \"app\"\n[dependencies]\ncc = \"1\"\n", "cc libc", nil},
		"no manifest":   {"[package", "cc libc", nil},
	} {
		t.Run(name, func(t *testing.T) {
			server, scanner := newScanner(t, linkedText())
			rest := []string{"cc 1.0.0: jobserver", "libc 1.0.0"}
			if strings.Contains(c.app, "native-sys") {
				rest = append(rest, "native-sys 1.0.0: cc")
			}
			base := crateLock(append(rest, "app 0.1.0: "+c.app, "jobserver 1.0.0")...)
			head := crateLock(append(rest, "app 0.1.0: "+c.app, "jobserver 1.1.0: libc")...)
			for _, round := range []string{"first", "remembered"} {
				if round == "first" {
					scanner.Facts = &memoryFacts{m: map[string][]byte{}}
				}
				result := linkedScan(t, server, scanner, c.manifest, base, head)
				if diff := cmp.Diff(c.want, said(result, policy.BuildPathEntered, policy.Unverified)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", round, diff)
				}
			}
		})
	}
}

// TestPromise3UnknownEdgesAreSaid: an index that does not answer leaves open what is
// linked into build code.
func TestPromise3UnknownEdgesAreSaid(t *testing.T) {
	server, scanner := newScanner(t, linkedText())
	server.Inject(registrytest.Fault{Path: "/index/na/ti/native-sys", Status: http.StatusInternalServerError})
	rest := []string{"app 0.1.0: native-sys libc", "cc 1.0.0: jobserver", "libc 1.0.0", "native-sys 1.0.0: cc"}
	result := linkedScan(t, server, scanner, "", crateLock(append(rest, "jobserver 1.0.0")...), crateLock(append(rest, "jobserver 1.1.0: libc")...))
	found := said(result, policy.Unverified)
	if len(found) != 1 || !strings.Contains(found[0], "the registry's index did not tell about native-sys (") || !result.Retry {
		t.Errorf("found %q, retry %t", found, result.Retry)
	}
	server.Heal()
	result = linkedScan(t, server, scanner, "", crateLock(append(rest, "jobserver 1.0.0")...), crateLock(append(rest, "jobserver 1.1.0: libc")...))
	if found := said(result, policy.Unverified); len(found) != 0 || result.Retry {
		t.Errorf("once it answers: %q, retry %t", found, result.Retry)
	}
}

// TestPromise3AnUnreadLibraryIsNoHarmlessOne: a library that is linked into build code
// is compared with nothing where the version before cannot be read.
func TestPromise3AnUnreadLibraryIsNoHarmlessOne(t *testing.T) {
	const connects = "-- crates/idents/%[1]s/src/lib.rs --\npub fn f() { let _ = std::net::TcpStream::connect((\"example.invalid\", 443)); }\n"
	text := "-- registry.toml --\n[crates.\"enum-macros@1.0.0\"]\npublished = 2024-01-01T00:00:00Z\ndeps = [\"idents\"]\n[crates.\"idents@1.0.0\"]\npublished = 2024-01-01T00:00:00Z\n[crates.\"idents@1.0.1\"]\npublished = 2024-02-01T00:00:00Z\n" +
		plainCrate("enum-macros", "1.0.0")
	for _, version := range []string{"1.0.0", "1.0.1"} {
		text += fmt.Sprintf("-- crates/idents/%[1]s/Cargo.toml --\n[package]\nname = \"idents\"\nversion = %[1]q\nbuild = false\n"+connects, version)
	}
	lock := func(version string) []byte {
		return crateLock("app 0.1.0: enum-macros", "enum-macros 1.0.0: idents", "idents "+version)
	}
	server, scanner := newScanner(t, []byte(text))
	server.Inject(registrytest.Fault{Path: "/static/crates/idents/idents-1.0.0.crate", Status: http.StatusInternalServerError})
	result := linkedScan(t, server, scanner, "", lock("1.0.0"), lock("1.0.1"))
	found := said(result, policy.CapabilityGained)
	if len(found) != 1 || !strings.Contains(found[0], "can now do more: network (the version before could not be read to compare") || !result.Retry {
		t.Errorf("found %q, retry %t", found, result.Retry)
	}
	server.Heal()
	result = linkedScan(t, server, scanner, "", lock("1.0.0"), lock("1.0.1"))
	if found := said(result, policy.CapabilityGained, policy.Unverified); len(found) != 0 || result.Retry {
		t.Errorf("once it can be read: %q, retry %t", found, result.Retry)
	}
}

// TestASecondVersionEntersBuildCode: another version of a package that is linked
// already comes in beside it.
func TestASecondVersionEntersBuildCode(t *testing.T) {
	server, scanner := newScanner(t, linkedText())
	base := crateLock("app 0.1.0: native-sys", "cc 1.0.0: jobserver", "jobserver 1.0.0", "native-sys 1.0.0: cc")
	head := crateLock("app 0.1.0: native-sys", "cc 1.0.0", "jobserver 1.0.0", "jobserver 1.1.0: libc", "libc 1.0.0", "native-sys 1.0.0: cc")
	head = []byte(strings.Replace(string(head), "{{crate:cc@1.0.0}}\"\n", "{{crate:cc@1.0.0}}\"\ndependencies = [\"jobserver 1.0.0\", \"jobserver 1.1.0\"]\n", 1))
	result := linkedScan(t, server, scanner, "", base, head)
	var names []string
	for _, f := range result.Findings {
		if f.Rule == policy.BuildPathEntered {
			names = append(names, f.Package.Name+" "+f.Package.Version)
		}
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"jobserver 1.1.0", "libc 1.0.0"}, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
