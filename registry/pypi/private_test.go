package pypi_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/registry/pypi"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
)

const privateWorld = `
-- private/corp/registry.toml --
[server]
html = true
authorization = "Basic Y2k6aHVudGVyMg=="
[pypi."inner-lib@1.0"]
published = 2026-01-01T00:00:00Z
publisher = "github:corp/inner-lib/release.yml"
-- private/corp/pypi/inner-lib/1.0/wheel/inner_lib-1.0-py3-none-any.whl/inner_lib.py --
-- private/corp/pypi/inner-lib/1.0/sdist/inner_lib-1.0.tar.gz/setup.py --
`

func corp(t *testing.T) *registrytest.Server { return start(t, privateWorld).Private("corp") }

func private(t *testing.T, cfg pypi.Config) *pypi.Client {
	cfg.Fetch = fetch.Config{Remember: -1, Retries: -1}
	return newClient(t, cfg)
}

// TestPrivateIndex: one in HTML behind a password, which tells neither times nor
// publishers.
func TestPrivateIndex(t *testing.T) {
	s := corp(t)
	c := private(t, pypi.Config{Simple: s.Simple(), Set: fetch.Basic("ci", "hunter2")})
	p, err := c.Project(t.Context(), "Inner.Lib")
	if err != nil {
		t.Fatal(err)
	}
	release := p.Release("1.0")
	if release == nil || len(release.Artifacts) != 2 || !release.Published.IsZero() {
		t.Fatalf("%+v", p)
	}
	for _, a := range release.Artifacts {
		blob, err := c.Open(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		// Without a size, but it is covered by its digest all the same.
		data, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size))
		if err != nil || blob.Partial || lockkeeper.Sum(data) != a.Digest {
			t.Errorf("%s: partial %t, %v", a.Filename, blob.Partial, err)
		}
		blob.Close()
	}
	got, err := c.Publications(t.Context(), "inner-lib", []string{"1.0"})
	if diff := cmp.Diff([]registry.Publication{{Version: "1.0"}}, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := c.Project(t.Context(), "nothing"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("a project that is not there: %v", err)
	}
}

// TestIndexWithPagesAlone: where the address does not end in /simple nothing but
// pages is asked for.
func TestIndexWithPagesAlone(t *testing.T) {
	s := start(t, "-- registry.toml --\n[pypi.'a@1.0']\npublisher = 'github:a/a/release.yml'\n")
	c := private(t, pypi.Config{Simple: s.Simple() + "/."})
	if c, err := c.Project(t.Context(), "a"); err != nil || c.Release("1.0").Artifacts[0].Attested {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := c.Owners(t.Context(), "a"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("owners: %v", err)
	}
	if got, err := c.Publications(t.Context(), "a", []string{"1.0"}); err != nil || len(got) != 1 || got[0].Publisher.Known() {
		t.Errorf("%+v, %v", got, err)
	}
	if n := s.Count(registrytest.Provenance) + s.Count(registrytest.Other); n != 0 {
		t.Errorf("%d requests beside pages", n)
	}
}

func TestPrivateIndexRefuses(t *testing.T) {
	s := corp(t)
	for _, cfg := range []pypi.Config{{Simple: s.Simple()}, {Simple: s.Simple(), Set: fetch.Basic("ci", "hunter3")}, {Simple: s.Simple(), Set: fetch.Bearer("hunter2")}} {
		_, err := private(t, cfg).Project(t.Context(), "inner-lib")
		if err == nil || errors.Is(err, registry.ErrNotFound) || !strings.Contains(err.Error(), "check the credentials") || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%v", err)
		}
	}
}

// TestPromise10ThePasswordStaysWithTheIndex: files may lie elsewhere, where it does
// not go, as with pip.
func TestPromise10ThePasswordStaysWithTheIndex(t *testing.T) {
	s, files := corp(t), start(t, world)
	page := "<a href='" + files.Files() + "/packages/inner_lib-1.0-py3-none-any.whl'>x</a>"
	s.Inject(registrytest.Fault{Path: "/python/simple/inner-lib/", Replace: []byte(page)})
	for _, configured := range []bool{true, false} {
		cfg := pypi.Config{Simple: s.Simple(), Set: fetch.Basic("ci", "hunter2")}
		if configured {
			cfg.MoreFiles = []string{files.Files()}
		}
		c := private(t, cfg)
		p, err := c.Project(t.Context(), "inner-lib")
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Open(t.Context(), p.Release("1.0").Artifacts[0])
		var host *fetch.HostError
		if errors.As(err, &host) == configured {
			t.Errorf("configured %t: %v", configured, err)
		}
		if asked := len(files.Requests()) > 0; asked != configured {
			t.Errorf("configured %t: the other host was asked: %t", configured, asked)
		}
		for _, r := range files.Requests() {
			if r.Authorization != "" {
				t.Errorf("the other host got %q", r.Authorization)
			}
		}
		files.Forget()
	}
}
