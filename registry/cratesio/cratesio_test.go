package cratesio_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/cratesio"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
)

const world = `
-- registry.toml --
[crates."arrayref@0.3.9"]
published = 2025-01-02T03:04:05Z
publisher = "user:52 alice"
yanked = true
[crates."arrayref@0.3.10"]
published = 2026-08-20T10:04:00Z
publisher = "github:alice/arrayref"
deps = ["proc-macro1", "build:cc", "dev:optional:fast=memchr"]
[crates."arrayref@0.4.0+build.7"]
published = 2026-08-21T00:00:00Z
publisher = "gitlab:group/sub/arrayref"
[crates."arrayref@0.5.0"]
published = 2026-08-22T00:00:00Z
format = 3
[crates."a@1.0.0"]
[crates."ab@1.0.0"]
[crates."abc@1.0.0"]
[crates."Inflector@1.0.0"]
-- crates/arrayref/0.3.9/build.rs --
fn main() {}
`

// unlimited is a budget that counts.
type unlimited struct{ waits atomic.Int32 }

func (b *unlimited) Wait(ctx context.Context) error { b.waits.Add(1); return ctx.Err() }

func start(t *testing.T, text string) *registrytest.Server {
	t.Helper()
	s := registrytest.New()
	if err := s.LoadText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func config(s *registrytest.Server) cratesio.Config {
	return cratesio.Config{
		Index: s.Index(), Static: s.Static(), API: s.API(), Budget: &unlimited{},
		Fetch: fetch.Config{
			Version: "1.2.3", Contact: "https://example.invalid/contact", Remember: -1,
			RetryWaitMin: time.Millisecond, RetryWaitMax: 2 * time.Millisecond, Retries: 2,
		},
	}
}

func newClient(t *testing.T, cfg cratesio.Config) *cratesio.Client {
	t.Helper()
	c, err := cratesio.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestProject(t *testing.T) {
	s := start(t, world)
	c := newClient(t, config(s))
	p, err := c.Project(t.Context(), "arrayref")
	if err != nil {
		t.Fatal(err)
	}
	expand := func(text string) string {
		t.Helper()
		out, err := s.Expand(text)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	pkg := lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: "arrayref", Version: "0.3.10"}
	published := time.Date(2026, 8, 20, 10, 4, 0, 0, time.UTC)
	want := &registry.Release{
		Package: pkg, Published: published,
		Dependencies: []registry.Dependency{
			{Name: "proc-macro1", Kind: registry.Normal}, {Name: "cc", Kind: registry.Build},
			{Name: "memchr", Kind: registry.Dev, Optional: true},
		},
		Artifacts: []registry.Artifact{{
			Package: pkg, Kind: registry.Crate, Filename: "arrayref-0.3.10.crate", Uploaded: published,
			URL:    s.Static() + "/crates/arrayref/arrayref-0.3.10.crate",
			Digest: lockkeeper.Digest("sha256:" + expand("{{crate:arrayref@0.3.10}}")),
		}},
	}
	if diff := cmp.Diff(want, p.Release("0.3.10")); diff != "" {
		t.Errorf("release (-want +got):\n%s", diff)
	}
	if r := p.Release("0.3.9"); r == nil || !r.Yanked || !r.Artifacts[0].Yanked {
		t.Errorf("0.3.9 = %+v, want it yanked", r)
	}
	if r := p.Release("0.4.0+build.7"); r == nil || !strings.HasSuffix(r.Artifacts[0].URL, "/arrayref-0.4.0%2Bbuild.7.crate") {
		t.Errorf("0.4.0+build.7 = %+v, want its + escaped", r)
	}
	if len(p.Releases) != 3 || len(p.Skipped) != 1 {
		t.Errorf("%d releases, skipped %q: want 3 and the one of format 3", len(p.Releases), p.Skipped)
	}
	for _, name := range []string{"a", "ab", "abc", "Inflector"} {
		p, err := c.Project(t.Context(), name)
		if err != nil || p.Name != name || !p.Releases[0].Published.IsZero() {
			t.Errorf("Project(%s) = %+v, %v; want it without a time", name, p, err)
		}
	}
	if _, err := c.Project(t.Context(), "missing"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("missing crate: %v, want ErrNotFound", err)
	}
}

func TestNamesAreChecked(t *testing.T) {
	s := start(t, world)
	c := newClient(t, config(s))
	for _, name := range []string{"", "../a", "a/b", "a b", "ä", "a\n", "1a", "a?x", strings.Repeat("a", 65)} {
		if _, err := c.Project(t.Context(), name); err == nil {
			t.Errorf("Project(%q) succeeded", name)
		}
		if _, err := c.Publications(t.Context(), name, []string{"1.0.0"}); err == nil {
			t.Errorf("Publications(%q) succeeded", name)
		}
	}
	if got := s.Requests(); len(got) != 0 {
		t.Errorf("requests were made: %+v", got)
	}
}

func TestPublications(t *testing.T) {
	s := start(t, world)
	cfg := config(s)
	budget := &unlimited{}
	cfg.Budget = budget
	c := newClient(t, cfg)
	got, err := c.Publications(t.Context(), "arrayref", []string{"0.3.9", "0.3.10", "9.9.9", "0.4.0+build.7"})
	if err != nil {
		t.Fatal(err)
	}
	want := []registry.Publication{
		{Version: "0.3.9", Publisher: lockkeeper.Principal{Kind: lockkeeper.User, ID: "52", Login: "alice"},
			Published: time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)},
		{Version: "0.3.10", Publisher: lockkeeper.Principal{Kind: lockkeeper.GitHubRepo, ID: "alice/arrayref"}, Attested: true,
			Published: time.Date(2026, 8, 20, 10, 4, 0, 0, time.UTC)},
		{Version: "0.4.0+build.7", Publisher: lockkeeper.Principal{Kind: lockkeeper.GitLabPath, ID: "group/sub/arrayref"}, Attested: true,
			Published: time.Date(2026, 8, 21, 0, 0, 0, 0, time.UTC)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("publications (-want +got):\n%s", diff)
	}
	if n := budget.waits.Load(); n != 1 {
		t.Errorf("waited %d times for the budget, want once", n)
	}
	if _, err := c.Project(t.Context(), "arrayref"); err != nil || budget.waits.Load() != 1 {
		t.Errorf("the index cost budget or failed: %d waits, %v", budget.waits.Load(), err)
	}
	if ua := s.Requests()[0].UserAgent; ua != "lockkeeper/1.2.3 (+https://example.invalid/contact)" {
		t.Errorf("User-Agent %q", ua)
	}
	if _, err := c.Publications(t.Context(), "missing", []string{"1.0.0"}); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("missing crate: %v, want ErrNotFound", err)
	}
}

func TestPublicationsFollowPages(t *testing.T) {
	s := start(t, "")
	for i := range 250 {
		err := s.AddCrate(registrytest.Crate{
			Name: "many", Version: "1.0." + strconv.Itoa(i), Published: time.Unix(int64(i)*3600, 0),
			Publisher: lockkeeper.Principal{Kind: lockkeeper.User, ID: strconv.Itoa(i + 1)},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	c := newClient(t, config(s))
	got, err := c.Publications(t.Context(), "many", []string{"1.0.0", "1.0.249"})
	if err != nil || len(got) != 2 || got[0].Publisher.ID != "1" || got[1].Publisher.ID != "250" {
		t.Fatalf("publications = %+v, %v", got, err)
	}
	if n := s.Count(registrytest.Versions); n != 3 {
		t.Errorf("%d pages read, want 3", n)
	}
	s.Forget()
	if _, err := c.Publications(t.Context(), "many", []string{"1.0.249"}); err != nil {
		t.Fatal(err)
	}
	if n := s.Count(registrytest.Versions); n != 1 {
		t.Errorf("%d pages read for the newest, want 1", n)
	}
}

func TestPagesThatDoNotEnd(t *testing.T) {
	s := start(t, world)
	s.Inject(registrytest.Fault{Path: "**/versions", Replace: []byte(`{"versions":[],"meta":{"next_page":"?per_page=100&seek=a"}}`)})
	if _, err := newClient(t, config(s)).Publications(t.Context(), "arrayref", []string{"0.3.9"}); err == nil {
		t.Error("a loop of pages gave no error")
	}
}

func TestAPIRefusalIsNoAnswer(t *testing.T) {
	s := start(t, world)
	cfg := config(s)
	cfg.Fetch.Contact = ""
	_, err := newClient(t, cfg).Publications(t.Context(), "arrayref", []string{"0.3.9"})
	var status *fetch.StatusError
	if !errors.As(err, &status) || status.Status != http.StatusForbidden || errors.Is(err, registry.ErrNotFound) {
		t.Errorf("403 of the API: %v, want a StatusError that is not ErrNotFound", err)
	}
	if err != nil && !strings.Contains(err.Error(), "contact") {
		t.Errorf("error without a next step: %v", err)
	}
}

func TestOpen(t *testing.T) {
	s := start(t, world)
	c := newClient(t, config(s))
	p, err := c.Project(t.Context(), "arrayref")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range p.Releases {
		blob, err := c.Open(t.Context(), r.Artifacts[0])
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size))
		if err != nil || lockkeeper.Sum(data) != r.Artifacts[0].Digest || blob.Partial {
			t.Errorf("%s: %d bytes, %v; want those of the digest", r.Package, len(data), err)
		}
		blob.Close()
	}
	gone := p.Releases[0].Artifacts[0]
	gone.URL = strings.Replace(gone.URL, "0.3.9", "9.9.9", 1)
	if _, err := c.Open(t.Context(), gone); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("403 of an archive: %v, want ErrNotFound", err)
	}
	s.Inject(registrytest.Fault{Path: "**.crate", Corrupt: true})
	if _, err := c.Open(t.Context(), p.Releases[0].Artifacts[0]); !errors.Is(err, registry.ErrDigest) {
		t.Errorf("wrong bytes: %v, want ErrDigest", err)
	}
}

func TestStatusMapping(t *testing.T) {
	for status, missing := range map[int]bool{403: true, 404: true, 410: true, 451: true, 401: false, 429: false, 500: false, 503: false} {
		s := start(t, world)
		s.Inject(registrytest.Fault{Path: "/index/*/*/*", Status: status})
		_, err := newClient(t, config(s)).Project(t.Context(), "arrayref")
		if err == nil || errors.Is(err, registry.ErrNotFound) != missing {
			t.Errorf("%d of the index: %v; want ErrNotFound: %t", status, err, missing)
		}
		wantTries := 1
		if status == 429 || status >= 500 {
			wantTries = 3
		}
		if n := s.Count(registrytest.Index); n != wantTries {
			t.Errorf("%d: asked %d times, want %d", status, n, wantTries)
		}
	}
}

func TestPromise5OnlyConfiguredHosts(t *testing.T) {
	var contacted atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { contacted.Add(1) }))
	defer elsewhere.Close()
	s := start(t, world)
	c := newClient(t, config(s))
	var host *fetch.HostError

	p, err := c.Project(t.Context(), "arrayref")
	if err != nil {
		t.Fatal(err)
	}
	a := p.Releases[0].Artifacts[0]
	a.URL = elsewhere.URL + "/crates/arrayref/arrayref-0.3.9.crate"
	if _, err := c.Open(t.Context(), a); !errors.As(err, &host) {
		t.Errorf("archive on another host: %v, want a HostError", err)
	}
	s.Inject(registrytest.Fault{Path: "**", Redirect: elsewhere.URL + "/x"})
	if _, err := c.Project(t.Context(), "arrayref"); !errors.As(err, &host) {
		t.Errorf("redirected index: %v, want a HostError", err)
	}
	if _, err := c.Publications(t.Context(), "arrayref", []string{"0.3.9"}); !errors.As(err, &host) {
		t.Errorf("redirected API: %v, want a HostError", err)
	}
	if _, err := c.Open(t.Context(), p.Releases[0].Artifacts[0]); !errors.As(err, &host) {
		t.Errorf("redirected archive: %v, want a HostError", err)
	}
	s.Heal()
	next := `{"versions":[],"meta":{"next_page":"` + elsewhere.URL + `?a"}}`
	s.Inject(registrytest.Fault{Path: "**/versions", Replace: []byte(next)})
	if _, err := c.Publications(t.Context(), "arrayref", []string{"0.3.9"}); err == nil {
		t.Error("a next page on another host was accepted")
	}
	if n := contacted.Load(); n != 0 {
		t.Errorf("another host was contacted %d times", n)
	}
}
