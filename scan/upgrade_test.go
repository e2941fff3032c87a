package scan_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
	"github.com/lockkeeper/lockkeeper/scan"
)

// history is a crate that goes over to trusted publishing at 1.1.0, and back at
// 1.4.0, releases a quarter apart.
func history(repository, trusted string) []byte {
	var b strings.Builder
	b.WriteString("-- registry.toml --\n")
	versions := []string{"1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0"}
	for i, v := range versions {
		publisher := "user:52 keeper"
		if v != "1.0.0" && v != "1.4.0" {
			publisher = trusted
		}
		fmt.Fprintf(&b, "[crates.\"steady@%s\"]\npublished = 2025-%02d-01T00:00:00Z\npublisher = %q\n", v, 1+2*i, publisher)
	}
	for _, v := range versions {
		fmt.Fprintf(&b, "-- crates/steady/%[1]s/Cargo.toml --\n[package]\nname = \"steady\"\nversion = %[1]q\nbuild = false\nrepository = %[2]q\n-- crates/steady/%[1]s/src/lib.rs --\n//! Nothing.\n", v, repository)
	}
	return []byte(b.String())
}

// owner keeps an allowlist as a careful one would: what is asked is accepted by the
// entry that Lockkeeper proposes.
type owner struct {
	t       *testing.T
	server  *registrytest.Server
	scanner *scan.Scanner
	list    []byte
}

// update scans a change and gives what it asks about, which is accepted.
func (o *owner) update(from, to string) []string {
	o.t.Helper()
	result, err := o.scanner.Run(o.t.Context(), scan.Input{Base: lockOf(o.t, o.server, from), Head: lockOf(o.t, o.server, to)})
	if err != nil {
		o.t.Fatal(err)
	}
	list, err := allowlist.Parse(allowlist.Path, o.list, policy.AllowRules())
	if err != nil {
		o.t.Fatal(err)
	}
	decision := policy.Evaluate(policy.Input{Findings: result.Findings, Allowlist: list, Onboarded: true, Now: o.scanner.Now()})
	var asked []string
	for _, outcome := range decision.Outcomes {
		if outcome.State != policy.Open {
			continue
		}
		asked = append(asked, fmt.Sprintf("%s: %s", outcome.Finding.Rule, outcome.Finding.Message))
		if o.list, err = allowlist.Append(o.list, allowlist.Propose(outcome.Finding.AllowSubject())); err != nil {
			o.t.Fatal(err)
		}
	}
	return asked
}

// TestTrustedPublishingAsksOnce: to go over to the repository's own trusted publisher
// asks once; the way back asks as well, and each is accepted for as long as is safe.
func TestTrustedPublishingAsksOnce(t *testing.T) {
	const back = "publisher-downgraded: was published by user:52 (keeper) without the provenance that 1.3.0 had (github:example/steady)"
	for name, test := range map[string]struct {
		repository, upgrade string
	}{
		"its own":  {"https://github.com/Example/steady", "publisher-changed: is now published by its own repository, github:example/steady; before by user:52 (keeper)"},
		"another":  {"https://github.com/founder/steady", "publisher-changed: was published by github:example/steady, and not by the repository that it named before, github.com/founder/steady; before by user:52 (keeper)"},
		"no known": {"https://steady.example.invalid", "publisher-changed: was published by github:example/steady; before by user:52 (keeper)"},
	} {
		t.Run(name, func(t *testing.T) {
			server, scanner := newScanner(t, history(test.repository, "github:example/steady"))
			scanner.Now = func() time.Time { return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) }
			o := &owner{t: t, server: server, scanner: scanner}
			for _, step := range []struct{ from, to, want string }{
				{"1.0.0", "1.1.0", test.upgrade},
				{"1.0.0", "1.1.0", ""}, // in the next pull request
				{"1.1.0", "1.2.0", ""},
				{"1.0.0", "1.3.0", ""},
				{"1.3.0", "1.4.0", back},
				{"1.3.0", "1.4.0", ""},
				{"1.4.0", "1.5.0", ""}, // forth again
			} {
				if got := strings.Join(o.update(step.from, step.to), "; "); got != step.want {
					t.Errorf("%s -> %s:\n got %s\nwant %s", step.from, step.to, got, step.want)
				}
			}
		})
	}
}

// TestAUserOnTheAllowlistIsNoWayBack: an entry for a user that was written before
// there was trusted publishing does not admit its loss.
func TestAUserOnTheAllowlistIsNoWayBack(t *testing.T) {
	server, scanner := newScanner(t, history("https://github.com/example/steady", "github:example/steady"))
	scanner.Now = func() time.Time { return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) }
	o := &owner{t: t, server: server, scanner: scanner, list: []byte("[[allow]]\npackage = 'cargo/steady'\npublishers = ['user:52', 'github:example/steady']\n")}
	if got := o.update("1.0.0", "1.1.0"); got != nil {
		t.Errorf("who is on the list asks: %q", got)
	}
	if got := o.update("1.3.0", "1.4.0"); len(got) != 1 || !strings.HasPrefix(got[0], "publisher-downgraded: ") {
		t.Errorf("the way back asks %q", got)
	}
}

const environments = `
-- registry.toml --
[pypi."steady@1.0"]
published = 2025-01-01T00:00:00Z
publisher = "github:example/steady/release.yml"
environment = "release"
[pypi."steady@1.1"]
published = 2025-02-01T00:00:00Z
publisher = "github:example/steady/release.yml"
environment = "release"
[pypi."steady@1.2"]
published = 2025-03-01T00:00:00Z
publisher = "github:example/steady/release.yml"
[pypi."steady@1.3"]
published = 2025-04-01T00:00:00Z
publisher = "github:example/steady/nightly.yml"
[pypi."steady@1.4"]
published = 2025-05-01T00:00:00Z
publisher = "github:example/steady/nightly.yml"
`

// TestWorkflowsAndEnvironments of PyPI's attestations, from the registry's answers to
// what is shown.
func TestWorkflowsAndEnvironments(t *testing.T) {
	server, scanner := newScanner(t, []byte(environments))
	scanner.Now = func() time.Time { return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) }
	scanner.Facts = &memoryFacts{m: map[string][]byte{}}
	for range 2 { // the second time from memory
		for _, test := range []struct{ from, to, want string }{
			{"1.0", "1.1", ""},
			{"1.1", "1.2", `was published by github:example/steady/release.yml outside of the environment "release" that 1.1 was published in`},
			{"1.2", "1.3", "was published from another workflow of its repository, github:example/steady/nightly.yml; before from github:example/steady/release.yml"},
			{"1.3", "1.4", ""},
		} {
			result, err := scanner.Run(t.Context(), scan.Input{Base: pinned(t, server, test.from), Head: pinned(t, server, test.to)})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range result.Findings {
				if f.Rule == policy.PublisherDowngraded || f.Rule == policy.PublisherChanged {
					got = append(got, f.Message)
				}
			}
			if strings.Join(got, "; ") != test.want {
				t.Errorf("%s -> %s:\n got %q\nwant %q", test.from, test.to, got, test.want)
			}
		}
	}
}

func user(id, login string) lockkeeper.Principal {
	return lockkeeper.Principal{Kind: lockkeeper.User, ID: id, Login: login}
}

// TestTheLockedReleaseIsComparedFromAfar: an update over many releases of PyPI is
// compared with the one that was locked as well, which the nearest do not reach.
func TestTheLockedReleaseIsComparedFromAfar(t *testing.T) {
	var text strings.Builder
	text.WriteString("-- registry.toml --\n[pypi.\"steady@1.0\"]\npublished = 2025-01-01T00:00:00Z\npublisher = \"github:example/steady/release.yml\"\n")
	for i := 1; i <= 9; i++ {
		fmt.Fprintf(&text, "[pypi.\"steady@1.%d\"]\npublished = 2025-02-%02dT00:00:00Z\n", i, i)
	}
	server, scanner := newScanner(t, []byte(text.String()))
	scanner.Now = func() time.Time { return time.Date(2025, 2, 20, 0, 0, 0, 0, time.UTC) }
	result, err := scanner.Run(t.Context(), scan.Input{Base: pinned(t, server, "1.0"), Head: pinned(t, server, "1.9")})
	if err != nil {
		t.Fatal(err)
	}
	if found := said(result, policy.PublisherDowngraded); len(found) != 1 || !strings.Contains(found[0], "without the provenance that 1.0 had") {
		t.Errorf("found %q", found)
	}
	if p := result.Changes[0].Published; p.Compared != 6 || p.Same != 6 || p.Whole || p.At.Day() != 9 || p.Since.Day() != 3 {
		t.Errorf("published %+v, want the nearest six compared", p)
	}
}

// TestPublished: the facts about who published a release, as people are shown them.
func TestPublished(t *testing.T) {
	server, scanner := newScanner(t, []byte(hands+"[crates.\"steady@1.6.0\"]\npublished = 2020-07-01T00:00:00Z\n"))
	in := func(month time.Month) time.Time { return time.Date(2020, month, 1, 0, 0, 0, 0, time.UTC) }
	for _, test := range []struct {
		version string
		want    scan.Published
	}{
		{"1.0.0", scan.Published{By: user("1", "keeper"), Basis: scan.Stated, Whole: true, At: in(1), Since: in(1)}},
		{"1.2.0", scan.Published{By: user("1", "keeper"), Basis: scan.Stated, Whole: true, Compared: 2, Earlier: 1, Before: user("2", "helper"), Others: 1, At: in(3), Since: in(3)}},
		{"1.4.0", scan.Published{By: lockkeeper.Principal{Kind: lockkeeper.GitHubRepo, ID: "example/steady"}, Basis: scan.Stated, Whole: true, Compared: 4, Before: user("3", "stranger"), Others: 1, At: in(5), Since: in(5)}},
		{"1.6.0", scan.Published{Unknown: "the registry does not tell", Whole: true, Compared: 6, Before: user("1", "keeper"), Others: 1, At: in(7), Since: in(7)}},
	} {
		result, err := scanner.Run(t.Context(), scan.Input{Base: memoryTree{}, Head: lockOf(t, server, test.version)})
		if err != nil {
			t.Fatal(err)
		}
		if got := result.Changes[0].Published; got != test.want {
			t.Errorf("%s:\n got %+v\nwant %+v", test.version, got, test.want)
		}
	}
}
