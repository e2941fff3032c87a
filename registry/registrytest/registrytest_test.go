package registrytest_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/cratesio"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/registry/pypi"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
)

const text = `
A comment before the first file is allowed.
-- registry.toml --
[crates."foo@1.0.0"]
published = 2026-01-01T00:00:00Z
publisher = "user:52 alice"
[crates."bare@0.1.0"]
deps = ["build:cc", "fast=memchr"]
[pypi."foo@1.0"]
published = 2026-01-02T00:00:00Z
publisher = "github:alice/foo/release.yml"
[pypi."bare-py@2.0"]
-- base/Cargo.lock --
ignored here
-- crates/foo/1.0.0/Cargo.toml --
[package]
name = "foo"
version = "1.0.0"
[dependencies]
serde = { version = "1", optional = true }
fast = { version = "2", package = "memchr" }
[target.'cfg(unix)'.build-dependencies]
cc = "1.0"
-- crates/foo/1.0.0/build.rs --
fn main() {}
-- crates/foo/1.0.0/bin/tool@base64 --
f0VM
Rg==
-- pypi/foo/1.0/wheel/foo-1.0-py3-none-any.whl/foo/__init__.py --
-- pypi/foo/1.0/wheel/foo-1.0-py3-none-any.whl/foo.pth --
import foo
-- pypi/foo/1.0/sdist/foo-1.0.tar.gz/setup.py --
import setuptools
`

func load(t *testing.T, text string) *registrytest.Server {
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

func clients(t *testing.T, s *registrytest.Server) (*cratesio.Client, *pypi.Client) {
	t.Helper()
	f := fetch.Config{Contact: "https://example.invalid", Retries: -1, Remember: -1}
	crates, err := cratesio.New(cratesio.Config{Index: s.Index(), Static: s.Static(), API: s.API(), Fetch: f})
	if err != nil {
		t.Fatal(err)
	}
	python, err := pypi.New(pypi.Config{PyPI: s.PyPI(), Files: s.Files(), Fetch: f})
	if err != nil {
		t.Fatal(err)
	}
	return crates, python
}

func open(t *testing.T, c registry.Client, name string, i int) []byte {
	t.Helper()
	p, err := c.Project(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	blob, err := c.Open(t.Context(), p.Releases[0].Artifacts[i])
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	data, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func untar(t *testing.T, data []byte) map[string]string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out[h.Name] = string(content)
	}
}

func TestLoadText(t *testing.T) {
	s := load(t, text)
	crates, python := clients(t, s)

	crate := untar(t, open(t, crates, "foo", 0))
	if diff := cmp.Diff([]string{"foo-1.0.0/Cargo.toml", "foo-1.0.0/bin/tool", "foo-1.0.0/build.rs"}, slices.Sorted(maps.Keys(crate))); diff != "" {
		t.Errorf("crate (-want +got):\n%s", diff)
	}
	if crate["foo-1.0.0/bin/tool"] != "\x7fELF" {
		t.Errorf("tool = %q", crate["foo-1.0.0/bin/tool"])
	}
	p, err := crates.Project(t.Context(), "foo")
	if err != nil {
		t.Fatal(err)
	}
	want := []registry.Dependency{
		{Name: "memchr", Kind: registry.Normal}, {Name: "serde", Kind: registry.Normal, Optional: true}, {Name: "cc", Kind: registry.Build},
	}
	if diff := cmp.Diff(want, p.Releases[0].Dependencies); diff != "" {
		t.Errorf("dependencies from Cargo.toml (-want +got):\n%s", diff)
	}

	bare := untar(t, open(t, crates, "bare", 0))["bare-0.1.0/Cargo.toml"]
	for _, part := range []string{`name = "bare"`, "[build-dependencies.cc]", "[dependencies.fast]", `package = "memchr"`} {
		if !strings.Contains(bare, part) {
			t.Errorf("made Cargo.toml has no %s:\n%s", part, bare)
		}
	}

	wheel := open(t, python, "foo", 0)
	z, err := zip.NewReader(bytes.NewReader(wheel), int64(len(wheel)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	wantNames := []string{"foo-1.0.dist-info/METADATA", "foo-1.0.dist-info/RECORD", "foo-1.0.dist-info/WHEEL", "foo.pth", "foo/__init__.py"}
	if diff := cmp.Diff(wantNames, names); diff != "" {
		t.Errorf("wheel (-want +got):\n%s", diff)
	}
	sdist := untar(t, open(t, python, "foo", 1))
	if diff := cmp.Diff([]string{"foo-1.0/PKG-INFO", "foo-1.0/setup.py"}, slices.Sorted(maps.Keys(sdist))); diff != "" {
		t.Errorf("sdist (-want +got):\n%s", diff)
	}
	if len(open(t, python, "bare-py", 0)) == 0 {
		t.Error("no wheel was made for a release without files")
	}
}

func TestSameTextGivesSameBytes(t *testing.T) {
	const ask = "{{crate:foo@1.0.0}} {{pypi:foo-1.0.tar.gz}} {{pypi:foo-1.0-py3-none-any.whl}} {{size:foo-1.0.tar.gz}}"
	expand := func() string {
		s := registrytest.New()
		if err := s.LoadText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		out, err := s.Expand(ask)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	first := expand()
	for range 5 {
		if again := expand(); again != first {
			t.Fatalf("%s\n%s", first, again)
		}
	}
	s := load(t, text)
	for _, unknown := range []string{"{{crate:foo@2.0.0}}", "{{pypi:x}}", "{{}}", "{{other:foo-1.0.tar.gz}}"} {
		if out, err := s.Expand(unknown); err == nil {
			t.Errorf("Expand(%s) = %q, want an error", unknown, out)
		}
	}
	out, err := s.Expand("{{url:foo-1.0.tar.gz}}")
	if err != nil || !strings.HasPrefix(out, s.Files()+"/packages/") || !strings.HasSuffix(out, "/foo-1.0.tar.gz") {
		t.Errorf("url = %q, %v", out, err)
	}
}

func TestTextsThatAreWrong(t *testing.T) {
	for _, text := range []string{
		"-- registry.toml --\n[crates.foo]\n",
		"-- registry.toml --\n[crates.\"foo@1.0.0\"]\npublishd = 2026-01-01T00:00:00Z\n",
		"-- registry.toml --\n[crates.\"foo@1.0.0\"]\npublisher = \"alice\"\n",
		"-- registry.toml --\n[crates.\"foo@1.0.0\"]\ndeps = [\"install:x\"]\n",
		"-- registry.toml --\n[pypi.\"foo-1.0.tar.gz\"]\n",
		"-- registry.toml --\n[pypi.\"foo@1.0\"]\ndeps = []\n",
		"-- registry.toml --\n[\n",
		"-- crates/foo/Cargo.toml --\n",
		"-- crates/foo/1.0.0/Cargo.toml --\n[\n",
		"-- crates/foo/1.0.0/x@base64 --\n!\n",
		"-- pypi/foo/1.0/egg/foo-1.0.egg/x --\n",
		"-- pypi/foo/1.0/wheel/foo-1.0.whl/x --\n",
		"-- pypi/foo/1.0/sdist/foo-1.0.rar/x --\n",
	} {
		if err := registrytest.New().LoadText([]byte(text)); err == nil {
			t.Errorf("no error for:\n%s", text)
		}
	}
}

func TestLoadDir(t *testing.T) {
	packed := load(t, text)
	crates, python := clients(t, packed)
	dir := t.TempDir()
	modified := time.Date(2025, 5, 5, 5, 5, 5, 0, time.UTC)
	for name, data := range map[string][]byte{
		"crates/foo-1.0.0.crate":            open(t, crates, "foo", 0),
		"crates/readme.txt":                 []byte("ignored"),
		"pypi/foo-1.0-py3-none-any.whl":     open(t, python, "foo", 0),
		"pypi/foo-1.0.tar.gz":               open(t, python, "foo", 1),
		"pypi/bare_py-2.0-py3-none-any.whl": open(t, python, "bare-py", 0),
		"registry.toml":                     []byte("[crates.\"foo@1.0.0\"]\npublisher = \"user:7 bob\"\n[pypi.\"foo-1.0.tar.gz\"]\nyanked = true\n"),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, modified, modified); err != nil {
			t.Fatal(err)
		}
	}
	s := load(t, "")
	if err := s.LoadDir(dir); err != nil {
		t.Fatal(err)
	}
	crates, python = clients(t, s)
	p, err := crates.Project(t.Context(), "foo")
	if err != nil || !p.Releases[0].Published.Equal(modified) || len(p.Releases[0].Dependencies) != 3 {
		t.Errorf("foo = %+v, %v", p, err)
	}
	pubs, err := crates.Publications(t.Context(), "foo", []string{"1.0.0"})
	if err != nil || len(pubs) != 1 || pubs[0].Publisher.String() != "user:7" {
		t.Errorf("publications = %+v, %v", pubs, err)
	}
	q, err := python.Project(t.Context(), "foo")
	if err != nil || len(q.Releases) != 1 || len(q.Releases[0].Artifacts) != 2 || !q.Releases[0].Artifacts[1].Yanked {
		t.Errorf("foo of PyPI = %+v, %v", q, err)
	}
	if _, err := python.Project(t.Context(), "bare-py"); err != nil {
		t.Error(err)
	}
	if len(open(t, crates, "foo", 0)) == 0 || len(open(t, python, "foo", 1)) == 0 {
		t.Error("nothing to open")
	}
}

func TestFaultsAndNotes(t *testing.T) {
	s := load(t, text)
	crates, _ := clients(t, s)
	s.Inject(registrytest.Fault{Path: "/index/**", Times: 1, Status: 418})
	s.Inject(registrytest.Fault{Path: "**/foo", Times: 1, Drop: true})
	s.Inject(registrytest.Fault{Path: "**/foo", Times: 1, Truncate: true})
	for i, wantError := range []bool{true, true, true, false} {
		if _, err := crates.Project(t.Context(), "foo"); (err != nil) != wantError {
			t.Errorf("request %d: %v, want an error: %t", i, err, wantError)
		}
	}
	held := make(chan struct{})
	s.Inject(registrytest.Fault{Path: "**/foo", Times: 1, Wait: held})
	done := make(chan error)
	go func() { _, err := crates.Project(t.Context(), "foo"); done <- err }()
	close(held)
	if err := <-done; err != nil {
		t.Error(err)
	}
	var statuses []int
	for _, r := range s.Requests() {
		statuses = append(statuses, r.Status)
		if r.Kind != registrytest.Index || r.Path != "/index/3/f/foo" || "http://"+r.Host+"/index" != s.Index() {
			t.Errorf("noted %+v", r)
		}
	}
	if diff := cmp.Diff([]int{418, 0, 200, 200, 200}, statuses); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if s.Count(registrytest.Index) != len(statuses) || s.Count(registrytest.Simple) != 0 {
		t.Error("Count disagrees with Requests")
	}
	s.Remove(lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: "foo"})
	if _, err := crates.Project(t.Context(), "foo"); err == nil {
		t.Error("a removed crate is still there")
	}
}

func TestServesAsAHandler(t *testing.T) {
	s := load(t, text)
	for path, want := range map[string]int{
		"/index/3/f/foo": 200, "/index/config.json": 200, "/index/fo/o/foo": 404, "/index/3/f/": 404, "/static/nothing": 403, "/static/crates/foo/foo-9.crate": 403,
		"/python/simple/foo/": 406, "/python/pypi/foo/1.0/json": 200, "/python/pypi/foo/9/json": 404, "/api/v1/crates/foo/versions": 403, "/": 404,
	} {
		resp, err := http.Get(strings.TrimSuffix(s.Index(), "/index") + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
}
