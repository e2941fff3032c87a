package cratesio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/cratesio"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
)

const privateWorld = `
-- private/corp/registry.toml --
[server]
authorization = "hunter2"
[crates."Inner_lib@1.0.0"]
[crates."Inner_lib@1.1.0+b"]
published = 2026-01-01T00:00:00Z
publisher = "user:7 builder"
-- private/corp/crates/Inner_lib/1.1.0+b/src/lib.rs --
`

// corp starts the private registry.
func corp(t *testing.T, manner registrytest.Manner) *registrytest.Server {
	t.Helper()
	s := registrytest.New()
	if err := s.LoadText([]byte(privateWorld)); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.Private("corp").SetManner(manner)
	return s.Private("corp")
}

func alternate(t *testing.T, cfg cratesio.Alternate) *cratesio.Client {
	t.Helper()
	cfg.Fetch = fetch.Config{Contact: "test@example.invalid", Remember: -1, Retries: -1}
	c, err := cratesio.NewAlternate(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAlternate(t *testing.T) {
	for name, download := range map[string]string{
		"no markers": "/api/v1/crates", "markers": "", "all markers": "/static/crates/{crate}/{crate}-{version}.crate?{prefix}{lowerprefix}{sha256-checksum}",
	} {
		t.Run(name, func(t *testing.T) {
			s := corp(t, registrytest.Manner{Authorization: "hunter2", Download: download})
			c := alternate(t, cratesio.Alternate{Index: s.Index(), Set: fetch.Bare("hunter2")})
			p, err := c.Project(t.Context(), "inner_lib")
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range p.Releases {
				blob, err := c.Open(t.Context(), r.Artifacts[0])
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, io.NewSectionReader(blob, 0, blob.Size)); err != nil {
					t.Error(err)
				}
				blob.Close()
			}
		})
	}
}

// TestAlternatePublishers: an API that answers as crates.io's does is believed, and
// one that does not leaves the publishers unknown.
func TestAlternatePublishers(t *testing.T) {
	versions := []string{"1.1.0+b", "1.0.0"}
	for name, test := range map[string]struct {
		manner registrytest.Manner
		fault  *registrytest.Fault
		want   []registry.Publication
		fails  bool
	}{
		"tells": {want: []registry.Publication{
			{Version: "1.1.0+b", Publisher: lockkeeper.Principal{Kind: lockkeeper.User, ID: "7", Login: "builder"}, Published: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)},
			{Version: "1.0.0"},
		}},
		"has no such API":       {manner: registrytest.Manner{Bare: true}},
		"has another API":       {fault: &registrytest.Fault{Path: "/api/**", Replace: []byte(`{"crates":[]}`)}},
		"has a page for people": {fault: &registrytest.Fault{Path: "/api/**", Replace: []byte(`<!DOCTYPE html>`)}},
		"does not offer it":     {fault: &registrytest.Fault{Path: "/api/**", Status: 501}},
		"refuses":               {fault: &registrytest.Fault{Path: "/api/**", Status: 403}, fails: true},
		"fails":                 {fault: &registrytest.Fault{Path: "/api/**", Status: 500}, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := corp(t, test.manner)
			if test.fault != nil {
				s.Inject(*test.fault)
			}
			c := alternate(t, cratesio.Alternate{Index: s.Index()})
			got, err := c.Publications(t.Context(), "Inner_lib", versions)
			if (err != nil) != test.fails {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(registry.Publication{}, "Published")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAlternateRefusals(t *testing.T) {
	s := corp(t, registrytest.Manner{Authorization: "hunter2"})
	for _, set := range []string{"", "hunter3"} {
		cfg := cratesio.Alternate{Index: s.Index()}
		if set != "" {
			cfg.Set = fetch.Bare(set)
		}
		_, err := alternate(t, cfg).Project(t.Context(), "Inner_lib")
		if err == nil || errors.Is(err, registry.ErrNotFound) || !strings.Contains(err.Error(), "check the token") || strings.Contains(err.Error(), "hunter") {
			t.Errorf("token %q: %v", set, err)
		}
	}
	c := alternate(t, cratesio.Alternate{Index: s.Index(), Set: fetch.Bare("hunter2")})
	if _, err := c.Project(t.Context(), "nothing"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("a crate that is not there: %v", err)
	}
	// A refusal is no absence, as it is for the buckets of crates.io.
	s.Inject(registrytest.Fault{Path: "/index/in/ne/*", Status: 403})
	if _, err := c.Project(t.Context(), "Inner_lib"); err == nil || errors.Is(err, registry.ErrNotFound) {
		t.Errorf("a crate that must not be read: %v", err)
	}
	s.Heal()
	for _, text := range []string{`{}`, `[`, `{"dl": "nowhere"}`, `{"dl": "https://{crate}.example.invalid/x"}`} {
		s.Inject(registrytest.Fault{Path: "/index/config.json", Replace: []byte(text), Times: 1})
		if _, err := c.Project(t.Context(), "Inner_lib"); err == nil || errors.Is(err, registry.ErrNotFound) {
			t.Errorf("config.json %s: %v", text, err)
		}
	}
}

// TestPromise5AnIndexNamesNoHosts: whoever can write an index's config.json cannot
// send requests or the token anywhere.
func TestPromise5AnIndexNamesNoHosts(t *testing.T) {
	s := corp(t, registrytest.Manner{Authorization: "hunter2"})
	stranger := corp(t, registrytest.Manner{})
	c := alternate(t, cratesio.Alternate{Index: s.Index(), Set: fetch.Bare("hunter2")})

	s.Inject(registrytest.Fault{Path: "/index/config.json", Replace: fmt.Appendf(nil, `{"dl": %q, "api": %q}`, stranger.API()+"/crates", strings.TrimSuffix(stranger.API(), "/api/v1"))})
	var host *fetch.HostError
	if _, err := c.Project(t.Context(), "Inner_lib"); !errors.As(err, &host) || !strings.Contains(err.Error(), "as dl of this registry") {
		t.Errorf("archives elsewhere: %v", err)
	}
	s.Heal()
	s.Inject(registrytest.Fault{Path: "/index/config.json", Replace: fmt.Appendf(nil, `{"dl": %q, "api": %q}`, s.API()+"/crates", strings.TrimSuffix(stranger.API(), "/api/v1"))})
	if got, err := c.Publications(t.Context(), "Inner_lib", []string{"1.0.0"}); len(got) > 0 || err != nil {
		t.Errorf("an API elsewhere: %v, %v", got, err)
	}
	if _, err := c.Owners(t.Context(), "Inner_lib"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("owners elsewhere: %v", err)
	}
	s.Heal()
	s.Inject(registrytest.Fault{Path: "/static/**", Redirect: stranger.Static() + "/crates/Inner_lib/Inner_lib-1.0.0.crate"})
	p, err := c.Project(t.Context(), "Inner_lib")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Open(t.Context(), p.Release("1.0.0").Artifacts[0]); !errors.As(err, &host) {
		t.Errorf("an archive elsewhere: %v", err)
	}
	if n := len(stranger.Requests()); n > 0 {
		t.Errorf("the stranger was asked %d times", n)
	}
}

// TestPromise10TheTokenGoesWhereCargoSendsIt: to the index and to what the
// configuration names itself, never to further hosts of archives.
func TestPromise10TheTokenGoesWhereCargoSendsIt(t *testing.T) {
	index := corp(t, registrytest.Manner{Authorization: "hunter2"})
	archives, bucket := corp(t, registrytest.Manner{Authorization: "hunter2"}), corp(t, registrytest.Manner{})
	archives.Inject(registrytest.Fault{Path: "/static/**", Redirect: bucket.Static() + "/crates/Inner_lib/Inner_lib-1.0.0.crate"})
	c := alternate(t, cratesio.Alternate{
		Index: index.Index(), Download: archives.Static() + "/crates/{crate}/{crate}-{version}.crate", API: strings.TrimSuffix(archives.API(), "/api/v1"),
		Files: []string{bucket.Static()}, Set: fetch.Bare("hunter2"),
	})
	p, err := c.Project(context.Background(), "Inner_lib")
	if err != nil {
		t.Fatal(err)
	}
	blob, err := c.Open(t.Context(), p.Release("1.0.0").Artifacts[0])
	if err != nil {
		t.Fatal(err)
	}
	blob.Close()
	if len(bucket.Requests()) != 1 || len(archives.Requests()) != 1 {
		t.Errorf("asked: %v, %v", archives.Requests(), bucket.Requests())
	}
	for _, r := range bucket.Requests() {
		if r.Authorization != "" {
			t.Errorf("the bucket got %q", r.Authorization)
		}
	}
}
