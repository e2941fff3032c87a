package scan_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/cratesio"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
	"github.com/lockkeeper/lockkeeper/scan"
	"github.com/lockkeeper/lockkeeper/store"
)

// inProcess answers requests without a network, which a test's own clock could not
// see, and notes when the API was asked.
type inProcess struct {
	handler http.Handler
	mu      sync.Mutex // guards what follows
	api     []time.Time
	other   int
}

func (p *inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	if strings.HasPrefix(r.URL.Path, "/api/") {
		p.api = append(p.api, time.Now())
	} else {
		p.other++
	}
	p.mu.Unlock()
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

func (p *inProcess) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.api, p.other = nil, 0
}

// TestCourtesy: a scan of thirty changed crates of which nothing is known yet makes
// one request a second to the API and finishes, telling how far it is all the while.
// Scans after it ask the API for nothing and do not wait. The clock is the test's.
func TestCourtesy(t *testing.T) {
	const crates = 30
	server := registrytest.New()
	server.SetURL("http://registry.example.invalid")
	var text strings.Builder
	base, head := []string{"app 0.1.0:"}, []string{"app 0.1.0:"}
	text.WriteString("-- registry.toml --\n")
	for i := range crates {
		for _, v := range []string{"1.0.0", "1.1.0", "1.2.0"} {
			fmt.Fprintf(&text, "[crates.\"crate-%d@%s\"]\npublished = 1999-01-01T00:00:00Z\npublisher = \"user:%d keeper\"\n", i, v, i+1)
		}
		base[0] += fmt.Sprintf(" crate-%d", i)
		base, head = append(base, fmt.Sprintf("crate-%d 1.0.0", i)), append(head, fmt.Sprintf("crate-%d 1.1.0", i))
	}
	head[0] = base[0]
	for i := range crates {
		for _, v := range []string{"1.0.0", "1.1.0", "1.2.0"} {
			text.WriteString(plainCrate(fmt.Sprintf("crate-%d", i), v))
		}
	}
	if err := server.LoadText([]byte(text.String())); err != nil {
		t.Fatal(err)
	}
	tree := func(lines []string) memoryTree {
		lock, err := server.Expand(string(crateLock(lines...)))
		if err != nil {
			t.Fatal(err)
		}
		return memoryTree{"Cargo.lock": []byte(lock)}
	}
	synctest.Test(t, func(t *testing.T) {
		wire := &inProcess{handler: server}
		// The budget is the default one: one request a second.
		client, err := cratesio.New(cratesio.Config{
			Index: server.Index(), Static: server.Static(), API: server.API(),
			Fetch: fetch.Config{Version: "test", Contact: "test@example.invalid", Transport: wire, Remember: -1},
		})
		if err != nil {
			t.Fatal(err)
		}
		db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "lockkeeper.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		scanner := &scan.Scanner{Registries: map[lockkeeper.Ecosystem]registry.Client{lockkeeper.Cargo: client}, Facts: db, Owners: db}
		run := func(in scan.Input) (*scan.Result, time.Duration) {
			start := time.Now()
			result, err := scanner.Run(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			return result, time.Since(start)
		}

		var progress []time.Duration
		start := time.Now()
		result, took := run(scan.Input{Base: tree(base), Head: tree(head), Progress: func(done, total int, _ string) {
			if done == len(progress) {
				return // the look at another one began
			}
			if progress = append(progress, time.Since(start)); done != len(progress) || total != crates {
				t.Errorf("progress %d of %d after %d calls", done, total, len(progress)-1)
			}
		}})
		// Publishers and owners of each crate: two requests.
		if len(wire.api) != 2*crates || took < (2*crates-1)*time.Second || took > (2*crates+1)*time.Second {
			t.Errorf("%d requests to the API in %s, want %d, one a second", len(wire.api), took, 2*crates)
		}
		for i := 1; i < len(wire.api); i++ {
			if apart := wire.api[i].Sub(wire.api[i-1]); apart < time.Second {
				t.Errorf("requests %d and %d to the API are %s apart", i-1, i, apart)
			}
		}
		if len(progress) != crates || progress[0] > took/2 || progress[crates/2] > took*3/4 {
			t.Errorf("progress came at %s, want it spread over %s", progress, took)
		}
		for _, c := range result.Changes {
			if c.Published.Same != 1 || !c.Published.By.Known() {
				t.Errorf("%s was published by %+v", c.Package, c.Published)
			}
		}
		if found := said(result, policy.Rules()...); found != nil || result.Retry {
			t.Errorf("found %q, retry %t", found, result.Retry)
		}

		for _, later := range []time.Duration{0, time.Hour, 20 * time.Hour} {
			time.Sleep(later) // the test's clock: it takes no time
			wire.forget()
			if result, took = run(scan.Input{Base: tree(base), Head: tree(head)}); took != 0 || len(wire.api) != 0 {
				t.Errorf("%s later a scan makes %d requests to the API and waits %s", later, len(wire.api), took)
			}
			if len(result.Changes) != crates || result.Changes[0].Published.Same != 1 {
				t.Errorf("%s later the result has %d changes, the first published by %+v", later, len(result.Changes), result.Changes[0].Published)
			}
		}
	})
}
