package scan_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/policy"
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
