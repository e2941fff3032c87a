package scan_test

import (
	"context"
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
	"github.com/lockkeeper/lockkeeper/scan"
)

// memoryFacts are facts in memory.
type memoryFacts struct {
	mu sync.Mutex
	m  map[string][]byte
}

func (f *memoryFacts) Fact(_ context.Context, key string) ([]byte, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, ok := f.m[key]
	return v, ok, nil
}

func (f *memoryFacts) PutFact(_ context.Context, key string, value []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.m[key] = value
	return nil
}

const hands = `
-- registry.toml --
[crates."steady@1.0.0"]
published = 2020-01-01T00:00:00Z
publisher = "user:1 keeper"
[crates."steady@1.1.0"]
published = 2020-02-01T00:00:00Z
publisher = "user:2 helper"
[crates."steady@1.2.0"]
published = 2020-03-01T00:00:00Z
publisher = "user:1 keeper"
[crates."steady@1.3.0"]
published = 2020-04-01T00:00:00Z
publisher = "user:3 stranger"
[crates."steady@1.4.0"]
published = 2020-05-01T00:00:00Z
publisher = "github:example/steady"
[crates."steady@1.5.0"]
published = 2020-06-01T00:00:00Z
publisher = "user:1 keeper"
`

func lockOf(t *testing.T, server *registrytest.Server, version string) memoryTree {
	t.Helper()
	text, err := server.Expand("version = 4\n\n[[package]]\nname = \"steady\"\nversion = \"" + version + "\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{{crate:steady@" + version + "}}\"\n")
	if err != nil {
		t.Fatal(err)
	}
	return memoryTree{"Cargo.lock": []byte(text)}
}

func TestPublishers(t *testing.T) {
	server, scanner := newScanner(t, []byte(hands))
	for _, test := range []struct{ from, to, want string }{
		{"1.0.0", "1.1.0", "publisher-changed"},
		{"1.1.0", "1.2.0", ""},
		{"1.2.0", "1.3.0", "publisher-changed"},
		{"1.3.0", "1.4.0", "publisher-changed"},    // to trusted publishing: asked once
		{"1.4.0", "1.5.0", "publisher-downgraded"}, // and back, by somebody known
	} {
		result, err := scanner.Run(t.Context(), scan.Input{Base: lockOf(t, server, test.from), Head: lockOf(t, server, test.to)})
		if err != nil {
			t.Fatal(err)
		}
		var rules []string
		for _, f := range result.Findings {
			if f.Rule == policy.PublisherChanged || f.Rule == policy.PublisherDowngraded {
				rules = append(rules, string(f.Rule))
			}
		}
		if got := strings.Join(rules, " "); got != test.want {
			t.Errorf("%s -> %s: %q, want %q", test.from, test.to, got, test.want)
		}
	}
}

// TestTheSecondScanAsksNoAPI: what is known of publishers and archives is not
// asked for again, and the result is the same.
func TestTheSecondScanAsksNoAPI(t *testing.T) {
	server, scanner := newScanner(t, []byte(hands))
	scanner.Facts = &memoryFacts{m: map[string][]byte{}}
	now := time.Now()
	scanner.Now = func() time.Time { return now }
	var titles []string
	for i := range 2 {
		server.Forget()
		result, err := scanner.Run(t.Context(), scan.Input{Base: lockOf(t, server, "1.2.0"), Head: lockOf(t, server, "1.3.0")})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range result.Findings {
			titles = append(titles, string(f.Digest()))
		}
		for _, r := range server.Requests() {
			if i == 1 && (strings.HasPrefix(r.Path, "/api/") || strings.HasPrefix(r.Path, "/static/")) {
				t.Errorf("the second scan asks for %s", r.Path)
			}
		}
	}
	if len(titles) != 2 || titles[0] != titles[1] {
		t.Errorf("findings %q, want the same one twice", titles)
	}
}

// silentAbout is a registry that says nothing of who published some versions.
type silentAbout struct {
	registry.Client
	versions map[string]bool
	asked    int
}

func (c *silentAbout) Publications(ctx context.Context, name string, versions []string) ([]registry.Publication, error) {
	c.asked++
	all, err := c.Client.Publications(ctx, name, versions)
	return slices.DeleteFunc(all, func(p registry.Publication) bool { return c.versions[p.Version] }), err
}

// TestSilenceIsRemembered: a registry that says nothing of a version is not asked with
// every scan, the finding stays what it was, and what it says in the end counts.
func TestSilenceIsRemembered(t *testing.T) {
	server, scanner := newScanner(t, []byte(hands))
	scanner.Facts = &memoryFacts{m: map[string][]byte{}}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	scanner.Now = func() time.Time { return at }
	silent := &silentAbout{Client: scanner.Registries[lockkeeper.Cargo], versions: map[string]bool{"1.0.0": true, "1.2.0": true}}
	scanner.Registries[lockkeeper.Cargo] = silent
	found := func(asked int, when string) string {
		t.Helper()
		silent.asked = 0
		result, err := scanner.Run(t.Context(), scan.Input{Base: lockOf(t, server, "1.1.0"), Head: lockOf(t, server, "1.2.0")})
		if err != nil {
			t.Fatal(err)
		}
		if silent.asked != asked {
			t.Errorf("%s the registry is asked %d times, want %d", when, silent.asked, asked)
		}
		var all []string
		for _, f := range result.Findings {
			all = append(all, string(f.Rule)+" "+f.Message+" "+string(f.Digest()))
		}
		return strings.Join(all, "\n")
	}
	first := found(1, "the first time")
	if !strings.Contains(first, string(policy.PublisherChanged)) {
		t.Errorf("a release that nobody is said to have published: %q", first)
	}
	if again := found(0, "the second time"); again != first {
		t.Errorf("findings of the second scan:\n%s\nwant\n%s", again, first)
	}
	at = at.Add(7 * time.Hour)
	found(1, "hours later")
	found(0, "just after that")
	at = at.Add(-time.Hour) // a clock that was wrong
	found(1, "before it was asked")
	at = at.Add(7 * time.Hour)
	silent.versions = nil
	if last := found(1, "when it says more"); strings.Contains(last, string(policy.PublisherChanged)) {
		t.Errorf("who published the release was known before, and it is %q", last)
	}
	found(0, "when all is known")
}

const signed = `
-- registry.toml --
[pypi."steady@1.0"]
published = 2026-01-01T00:00:00Z
publisher = "github:example/steady/release.yml"
[pypi."steady@1.1"]
published = 2026-02-01T00:00:00Z
publisher = "github:example/steady/release.yml"
[pypi."steady@1.2"]
published = 2026-03-01T00:00:00Z
`

func pinned(t *testing.T, server *registrytest.Server, version string) memoryTree {
	t.Helper()
	text, err := server.Expand("steady==" + version + " --hash=sha256:{{pypi:steady-" + version + "-py3-none-any.whl}}\n")
	if err != nil {
		t.Fatal(err)
	}
	return memoryTree{"requirements.txt": []byte(text)}
}

// TestUnverifiedProvenance: provenance that does not hold is asked about, whether
// it is the release's own or that of all it could be compared with, and is
// forgotten once it holds.
func TestUnverifiedProvenance(t *testing.T) {
	forged := []byte(`{"version":1,"attestation_bundles":[{"publisher":{"kind":"GitHub","repository":"example/steady","workflow":"release.yml"},"attestations":[]}]}`)
	for _, test := range []struct {
		name, broken, from, to string
		want                   []string
	}{
		{"all holds", "", "1.0", "1.1", nil},
		{"its own", "1.1", "1.0", "1.1", []string{"has provenance that could not be verified: steady-1.1-py3-none-any.whl: it names a publisher without an attestation"}},
		{"its own, new to the lockfile", "1.1", "", "1.1", []string{"has provenance that could not be verified: steady-1.1-py3-none-any.whl: it names a publisher without an attestation"}},
		{"an earlier one", "1.0", "1.0", "1.1", []string{"cannot be compared with the publishers of earlier releases, whose provenance could not be verified: steady-1.0-py3-none-any.whl: it names a publisher without an attestation"}},
		{"an earlier one beside one that holds", "1.0", "1.1", "1.2", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, scanner := newScanner(t, []byte(signed))
			scanner.Now = func() time.Time { return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) }
			scanner.Facts = &memoryFacts{m: map[string][]byte{}}
			base := memoryTree{}
			if test.from != "" {
				base = pinned(t, server, test.from)
			}
			ask := func() (found []string) {
				result, err := scanner.Run(t.Context(), scan.Input{Base: base, Head: pinned(t, server, test.to)})
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range result.Findings {
					if f.Rule == policy.Unverified {
						found = append(found, f.Message+": "+f.Evidence[0])
					}
				}
				return found
			}
			server.Inject(registrytest.Fault{Path: "**/steady-" + test.broken + "-py3-none-any.whl/provenance", Replace: forged})
			for range 2 {
				if diff := cmp.Diff(test.want, ask()); diff != "" {
					t.Errorf("unverified (-want +got):\n%s", diff)
				}
			}
			server.Heal()
			scanner.Registries = again(t, server).Registries
			if found := ask(); found != nil {
				t.Errorf("when all holds: %q", found)
			}
		})
	}
}

// TestAnotherTrustRoot: what was verified against one trust root is asked for again
// under another.
func TestAnotherTrustRoot(t *testing.T) {
	server, scanner := newScanner(t, []byte(signed))
	scanner.Now = func() time.Time { return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) }
	scanner.Facts = &memoryFacts{m: map[string][]byte{}}
	first := scanner.Trust
	for _, test := range []struct {
		trust string
		want  int
	}{{first, 2}, {first, 0}, {"another", 2}, {first, 0}} {
		server.Forget()
		scanner.Registries, scanner.Trust = again(t, server).Registries, test.trust
		if _, err := scanner.Run(t.Context(), scan.Input{Base: pinned(t, server, "1.0"), Head: pinned(t, server, "1.1")}); err != nil {
			t.Fatal(err)
		}
		if got := server.Count(registrytest.Provenance); got != test.want {
			t.Errorf("under the root %.8s %d provenances are asked for, want %d", test.trust, got, test.want)
		}
	}
}
