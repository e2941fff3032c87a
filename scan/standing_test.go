package scan_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/scan"
)

const standing = `
-- registry.toml --
[crates."quiet@1.0.0"]
published = 2020-01-01T00:00:00Z
publisher = "user:1 keeper"
[crates."quiet@1.0.1"]
published = 2020-02-01T00:00:00Z
publisher = "user:1 keeper"
[crates."builder@1.0.0"]
published = 2020-01-01T00:00:00Z
publisher = "user:1 keeper"
[crates."builder@1.0.1"]
published = 2020-03-01T00:00:00Z
publisher = "user:1 keeper"
[crates."plain@1.0.0"]
published = 2020-01-01T00:00:00Z
publisher = "user:1 keeper"
-- crates/quiet/1.0.0/src/lib.rs --
-- crates/quiet/1.0.1/src/lib.rs --
//! Better.
-- crates/builder/1.0.0/Cargo.toml --
[package]
name = "builder"
version = "1.0.0"
build = "build.rs"
[build-dependencies]
cc = "1"
-- crates/builder/1.0.0/build.rs --
fn main() { cc::Build::new().file("a.c").compile("a"); }
-- crates/builder/1.0.1/Cargo.toml --
[package]
name = "builder"
version = "1.0.1"
build = "build.rs"
[build-dependencies]
cc = "1"
-- crates/builder/1.0.1/build.rs --
fn main() { cc::Build::new().file("a.c").compile("a"); }
-- crates/builder/1.0.1/src/lib.rs --
//! Better.
-- crates/plain/1.0.0/build.rs --
fn main() {}
`

// With mode "all" a pull request that changes a lockfile is asked about every
// package in it with build code that is not listed, changed or not; one that changes
// none about nothing.
func TestModeAllIsARatchet(t *testing.T) {
	server, scanner := newScanner(t, []byte(standing))
	lock := func(packages ...string) []byte {
		text := "version = 4\n"
		for _, p := range packages {
			name, version := p[:len(p)-6], p[len(p)-5:]
			text += "\n[[package]]\nname = \"" + name + "\"\nversion = \"" + version + "\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{{crate:" + p + "}}\"\n"
		}
		expanded, err := server.Expand(text)
		if err != nil {
			t.Fatal(err)
		}
		return []byte(expanded)
	}
	all := &policy.Policy{Mode: policy.All}
	before := lock("builder@1.0.0", "plain@1.0.0", "quiet@1.0.0")
	for _, test := range []struct {
		name, listed string
		head         []byte
		policy       *policy.Policy
		want         []string
	}{
		{"mode changes", "", lock("builder@1.0.1", "plain@1.0.0", "quiet@1.0.1"), nil, nil},
		{"nothing listed", "", lock("builder@1.0.0", "plain@1.0.0", "quiet@1.0.1"), all, []string{"builder build-code-unlisted open", "plain build-code-unlisted open"}},
		{"an update with the same code", "", lock("builder@1.0.1", "quiet@1.0.0"), all, []string{"builder build-code-unlisted open"}},
		{"one listed", "[[allow]]\npackage = 'cargo/builder'\nmay = ['compile']\n", lock("builder@1.0.1", "plain@1.0.0", "quiet@1.0.0"), all, []string{"plain build-code-unlisted open"}},
		{"listed for less", "[[allow]]\npackage = 'cargo/builder'\nmay = []\n", lock("builder@1.0.1", "quiet@1.0.0"), all, []string{"builder build-code-unlisted open"}},
		{"no lockfile changes", "", before, all, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, err := scanner.Run(t.Context(), scan.Input{
				Base: memoryTree{"Cargo.lock": before}, Head: memoryTree{"Cargo.lock": test.head, "README.md": []byte("x")}, Policy: test.policy,
			})
			if err != nil {
				t.Fatal(err)
			}
			listed, err := allowlist.Parse(allowlist.Path, []byte(test.listed), policy.AllowRules())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, o := range policy.Evaluate(policy.Input{Findings: result.Findings, Policy: test.policy, Allowlist: listed, Onboarded: true}).Outcomes {
				if o.State != policy.Warned {
					got = append(got, o.Finding.Package.Name+" "+string(o.Finding.Rule)+" "+string(o.State))
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}

	t.Run("what was new is asked once", func(t *testing.T) {
		result, err := scanner.Run(t.Context(), scan.Input{Base: memoryTree{"Cargo.lock": lock("quiet@1.0.0")}, Head: memoryTree{"Cargo.lock": before}, Policy: all})
		if err != nil {
			t.Fatal(err)
		}
		in := policy.Input{Findings: result.Findings, Policy: all, Onboarded: true, Author: policy.Person{ID: 9}, People: map[int64]policy.Person{1: {ID: 1, Login: "alice", Permission: policy.Admin}}}
		d := policy.Evaluate(in)
		var rules []policy.Rule
		for _, o := range d.Outcomes {
			rules = append(rules, o.Finding.Rule)
			// A sign-off of what was new holds for what stands (the same code of the same file).
			in.Statements = append(in.Statements, policy.Statement{Finding: o.Digest, Verdict: policy.SignOff, By: 1, Login: "alice"})
		}
		if !slices.Equal(rules, []policy.Rule{policy.BuildCodeAdded, policy.BuildCodeAdded}) {
			t.Fatalf("asked for %q", rules)
		}
		later, err := scanner.Run(t.Context(), scan.Input{Base: memoryTree{"Cargo.lock": before}, Head: memoryTree{"Cargo.lock": lock("builder@1.0.0", "plain@1.0.0", "quiet@1.0.1")}, Policy: all})
		if err != nil {
			t.Fatal(err)
		}
		in.Findings = later.Findings
		if d := policy.Evaluate(in); d.Conclusion != policy.Success || d.Count(policy.Signed) != 2 {
			t.Errorf("a later pull request: %s, %d signed", d.Conclusion, d.Count(policy.Signed))
		}
	})
}

func TestStandingSeedsAnAllowlist(t *testing.T) {
	server, scanner := newScanner(t, []byte(standing))
	expanded, err := server.Expand("version = 4\n[[package]]\nname = \"builder\"\nversion = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{{crate:builder@1.0.0}}\"\n")
	if err != nil {
		t.Fatal(err)
	}
	tree := memoryTree{"Cargo.lock": []byte(expanded), "broken/Cargo.lock": []byte("<<<<<<<"), ".cargo/config.toml": []byte("[build]\nrustc-wrapper = 'x'\n")}
	result, err := scanner.Standing(t.Context(), scan.Input{Head: tree})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range result.Findings {
		got = append(got, f.Lockfile+" "+string(f.Rule)+" "+f.Package.Name)
	}
	if diff := cmp.Diff([]string{"broken/Cargo.lock unverified ", "Cargo.lock build-code-unlisted builder"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	locked, complete, err := scan.Locked(t.Context(), tree)
	if err != nil || complete || len(locked) != 1 || locked[0].Name != "builder" {
		t.Errorf("locked: %v, complete %t, %v", locked, complete, err)
	}
}
