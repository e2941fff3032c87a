package scan_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/cratesio"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/registry/provenance"
	"github.com/lockkeeper/lockkeeper/registry/pypi"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
	"github.com/lockkeeper/lockkeeper/scan"
	"github.com/lockkeeper/lockkeeper/store"
)

// faulty is one release of each registry, by the same hands as the ones before.
const faulty = `
-- registry.toml --
[crates."steady@1.0.0"]
published = 1999-01-01T00:00:00Z
publisher = "user:1 keeper"
[crates."steady@1.1.0"]
published = 1999-02-01T00:00:00Z
publisher = "user:1 keeper"
[pypi.steady]
owners = ["user:keeper"]
[pypi."steady@1.0"]
published = 2012-01-01T00:00:00Z
publisher = "github:example/steady/release.yml"
[pypi."steady@1.1"]
published = 2012-02-01T00:00:00Z
publisher = "github:example/steady/release.yml"
`

// endpoints are what registries are asked for, as paths of the test registry.
var endpoints = map[string]string{
	"index": "/index/st/ea/steady", "versions": "/api/v1/crates/steady/versions", "crate owners": "/api/v1/crates/steady/owners",
	"archive": "/static/crates/steady/steady-1.1.0.crate",
	"simple":  "/python/simple/steady/", "json": "/python/pypi/steady/json", "integrity": "/python/integrity/steady/1.1/**", "file": "/files/**/steady-1.1-py3-none-any.whl",
}

// others is what endpoints answer about another package.
var others = map[string]string{
	"index":     `{"name":"other","vers":"1.1.0","deps":[],"cksum":"` + strings.Repeat("0", 64) + `","features":{},"yanked":false}` + "\n",
	"versions":  `{"versions":[{"crate":"other","num":"1.1.0","created_at":"1999-02-01T00:00:00Z","published_by":{"id":1,"login":"keeper"}}],"meta":{"next_page":null}}`,
	"simple":    `{"meta":{"api-version":"1.1"},"name":"other","files":[]}`,
	"json":      `{"info":{"name":"other"},"ownership":{"roles":[{"role":"Owner","user":"keeper"}],"organization":null}}`,
	"integrity": "", // filled in with what is signed about the release before
	"archive":   "another's archive",
	"file":      "another's wheel",
}

// faults are how a registry fails. Retry-After of an hour is longer than anybody
// waits for an answer.
func faults() map[string]registrytest.Fault {
	retryAfter := func(seconds string) http.Header { return http.Header{"Retry-After": {seconds}} }
	return map[string]registrytest.Fault{
		"slow, in time":   {Delay: 20 * time.Second},
		"silent":          {Wait: make(chan struct{})},
		"cut":             {Drop: true},
		"partly":          {Truncate: true},
		"no JSON":         {Replace: []byte("<html>busy</html>")},
		"another JSON":    {Replace: []byte(`{"message":"busy"}`)},
		"another's":       {Replace: []byte("another's archive")},
		"empty":           {Replace: []byte("")},
		"wrong bytes":     {Corrupt: true},
		"403":             {Status: 403},
		"404":             {Status: 404},
		"429, then well":  {Status: 429, Header: retryAfter("7"), Times: 2},
		"429 for an hour": {Status: 429, Header: retryAfter("3600")},
		"500":             {Status: 500},
		"503, then well":  {Status: 503, Times: 1},
	}
}

// TestPromise3RegistriesThatFail: whatever a registry does instead of answering is
// said, with its cause and what to do, and never passes. What gets well in time is as
// if nothing had been.
func TestPromise3RegistriesThatFail(t *testing.T) {
	cases := 0
	for endpoint, path := range endpoints {
		for name, fault := range faults() {
			want, ok := answers[endpoint][name]
			if !ok {
				want = answers[""][name]
			}
			if want == nil {
				continue
			}
			cases++
			t.Run(endpoint+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					fault.Path = path
					if name == "another's" {
						fault.Replace = []byte(others[endpoint])
					}
					if fault.Wait != nil {
						fault.Wait = make(chan struct{})
					}
					found, decision, took := failing(t, fault, name == "another's")
					if len(want) == 0 {
						if len(found) != 0 || decision.Conclusion != policy.Success {
							t.Errorf("%s: %q", decision.Conclusion, found)
						}
						return
					}
					for _, part := range want {
						if len(found) != 1 || !strings.Contains(found[0], part) {
							t.Errorf("found %q,\nwant one with %q", found, part)
						}
					}
					if decision.Conclusion == policy.Success || decision.Conclusion == policy.Neutral {
						t.Errorf("it passes: %s", decision.Conclusion)
					}
					if took > 10*time.Minute {
						t.Errorf("it took %s", took)
					}
				})
			})
		}
	}
	if cases < 113 {
		t.Errorf("only %d cases", cases)
	}
}

// failing scans a change of both lockfiles while one thing fails.
func failing(t *testing.T, fault registrytest.Fault, another bool) ([]string, policy.Decision, time.Duration) {
	t.Helper()
	server := registrytest.New()
	server.SetURL("http://registry.example.invalid")
	if err := server.LoadText([]byte(faulty + plainCrate("steady", "1.0.0") + plainCrate("steady", "1.1.0"))); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "lockkeeper.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	plumbing := fetch.Config{Version: "test", Contact: "test@example.invalid", Transport: &breaking{handler: server}, Remember: -1}
	crates, err := cratesio.New(cratesio.Config{Index: server.Index(), Static: server.Static(), API: server.API(), Fetch: plumbing})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := provenance.New(server.TrustRoot())
	if err != nil {
		t.Fatal(err)
	}
	python, err := pypi.New(pypi.Config{PyPI: server.PyPI(), Files: server.Files(), Verifier: verifier, Fetch: plumbing})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2012, 6, 1, 0, 0, 0, 0, time.UTC)
	scanner := &scan.Scanner{
		Registries: map[lockkeeper.Ecosystem]registry.Client{lockkeeper.Cargo: crates, lockkeeper.PyPI: python},
		Owners:     db, Trust: verifier.Root().Hex(), Now: func() time.Time { return now },
	}
	// Somebody looked at the owners before, so that there is something to compare with.
	for id, owner := range map[string]lockkeeper.Principal{
		"cargo/steady": {Kind: lockkeeper.User, ID: "1", Login: "keeper"}, "pypi/steady": {Kind: lockkeeper.User, ID: "keeper"},
	} {
		if _, err := db.PutOwners(t.Context(), id, []lockkeeper.Principal{owner}, now.Add(-48*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	tree := func(crate, wheel string) memoryTree {
		return memoryTree{"Cargo.lock": lockOf(t, server, crate)["Cargo.lock"], "requirements.txt": pinned(t, server, wheel)["requirements.txt"]}
	}
	base, head := tree("1.0.0", "1.0"), tree("1.1.0", "1.1")
	if fault.Replace != nil && len(fault.Replace) == 0 && strings.HasPrefix(fault.Path, "/python/integrity/") && another {
		w := httptest.NewRecorder()
		server.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/python/integrity/steady/1.0/steady-1.0-py3-none-any.whl/provenance", nil))
		fault.Replace = w.Body.Bytes()
	}
	server.Inject(fault)
	start := time.Now()
	result, err := scanner.Run(t.Context(), scan.Input{Base: base, Head: head})
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range result.Findings {
		found = append(found, fmt.Sprintf("%s: %s (%s) again %t", f.Rule, f.Message, strings.Join(f.Evidence, "; "), result.Retry))
	}
	return found, policy.Evaluate(policy.Input{Findings: result.Findings, Onboarded: true, Now: now}), time.Since(start)
}

// breaking answers in process, so that the test's clock is the only one, and breaks
// as a connection does: a handler that gives up ends the body early.
type breaking struct{ handler http.Handler }

func (b *breaking) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	w := httptest.NewRecorder()
	defer func() {
		cause := recover()
		switch {
		case cause == nil:
		case cause != http.ErrAbortHandler:
			panic(cause)
		case w.Body.Len() == 0:
			err = errors.New("connection cut")
		default:
			resp = w.Result()
			resp.Body = io.NopCloser(io.MultiReader(resp.Body, brokenReader{}))
		}
		if r.Context().Err() != nil {
			resp, err = nil, r.Context().Err()
		}
	}()
	b.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
