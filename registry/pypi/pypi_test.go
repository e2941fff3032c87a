package pypi_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/registry/provenance"
	"github.com/lockkeeper/lockkeeper/registry/pypi"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
)

const world = `
-- registry.toml --
[pypi."Zope.Interface@5.0"]
published = 2024-01-01T00:00:00Z
[pypi."Zope.Interface@6.0"]
published = 2025-01-01T00:00:00Z
publisher = "github:zope/interface/release.yml"
[pypi."Zope.Interface@6.1"]
published = 2026-01-01T00:00:00Z
publisher = "github:zope/interface/release.yml"
[pypi."zope.interface-6.1.tar.gz"]
published = 2026-01-01T00:10:00Z
publisher = ""
yanked = true
[pypi."Zope.Interface@6.2"]
published = 2026-02-01T00:00:00Z
publisher = "github:zope/interface/release.yml"
[pypi."zope.interface-6.2.tar.gz"]
publisher = "gitlab:zope/interface/.gitlab-ci.yml"
[pypi."Zope.Interface@7.0"]
published = 2026-03-01T00:00:00Z
publisher = "google:robot@example.invalid"
yanked = true
[pypi."Zope.Interface@7.1"]
published = 2026-04-01T00:00:00Z
publisher = "github:zope/interface/release.yml"
environment = "release"
[pypi."Zope.Interface@7.2"]
published = 2026-05-01T00:00:00Z
publisher = "github:zope/interface/release.yml"
environment = "release"
[pypi."zope.interface-7.2.tar.gz"]
environment = ""
[pypi.held]
status = "quarantined"
[pypi."held@1.0"]
-- pypi/Zope.Interface/5.0/sdist/zope.interface-5.0.tar.gz/setup.py --
from setuptools import setup
-- pypi/Zope.Interface/6.0/wheel/zope.interface-6.0-py3-none-any.whl/zope/__init__.py --
-- pypi/Zope.Interface/6.1/wheel/zope_interface-6.1-cp312-cp312-manylinux1_x86_64.whl/zope/__init__.py --
-- pypi/Zope.Interface/6.1/sdist/zope.interface-6.1.tar.gz/setup.py --
-- pypi/Zope.Interface/6.2/wheel/zope_interface-6.2-py3-none-any.whl/zope/__init__.py --
-- pypi/Zope.Interface/6.2/sdist/zope.interface-6.2.tar.gz/setup.py --
-- pypi/Zope.Interface/7.2/wheel/zope_interface-7.2-py3-none-any.whl/zope/__init__.py --
-- pypi/Zope.Interface/7.2/sdist/zope.interface-7.2.tar.gz/setup.py --
`

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

// config verifies provenance as the real program does, against the root that the
// test registry signs with.
func config(s *registrytest.Server) pypi.Config {
	verifier, err := provenance.New(s.TrustRoot())
	if err != nil {
		panic(err) // the test registry's trust root is not its tests' input
	}
	return pypi.Config{
		PyPI: s.PyPI(), Files: s.Files(), Verifier: verifier,
		Fetch: fetch.Config{
			Remember: -1, Retries: 2, RetryWaitMin: time.Millisecond, RetryWaitMax: 2 * time.Millisecond,
		},
	}
}

func newClient(t *testing.T, cfg pypi.Config) *pypi.Client {
	t.Helper()
	c, err := pypi.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestProject(t *testing.T) {
	s := start(t, world)
	c := newClient(t, config(s))
	p, err := c.Project(t.Context(), "ZOPE_interface")
	if err != nil {
		t.Fatal(err)
	}
	var versions []string
	for _, r := range p.Releases {
		versions = append(versions, r.Package.Version)
	}
	if diff := cmp.Diff([]string{"5.0", "6.0", "6.1", "6.2", "7.0", "7.1", "7.2"}, versions); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	r := p.Release("6.1.0")
	if r == nil {
		t.Fatal("no release for 6.1.0, which is 6.1")
	}
	if want := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); !r.Published.Equal(want) || r.Yanked {
		t.Errorf("6.1 published %s, yanked %t; want %s, the first file's, and not yanked as a whole", r.Published, r.Yanked, want)
	}
	for _, a := range r.Artifacts {
		wantWheel := a.Filename != "zope.interface-6.1.tar.gz"
		if (a.Kind == registry.Wheel) != wantWheel || a.Attested != wantWheel || a.Yanked == wantWheel || a.Size == 0 {
			t.Errorf("artifact %+v", a)
		}
		sum, err := s.Expand("{{pypi:" + a.Filename + "}}")
		if err != nil || a.Digest.Hex() != sum {
			t.Errorf("%s: digest %s, want %s (%v)", a.Filename, a.Digest, sum, err)
		}
	}
	if r := p.Release("7.0"); !r.Yanked {
		t.Error("7.0 is not yanked although all of its files are")
	}
	held, err := c.Project(t.Context(), "held")
	if err != nil || !held.Quarantined || len(held.Releases) != 0 {
		t.Errorf("held = %+v, %v; want it quarantined", held, err)
	}
	if _, err := c.Project(t.Context(), "missing"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("missing project: %v, want ErrNotFound", err)
	}
}

func TestPublications(t *testing.T) {
	s := start(t, world)
	c := newClient(t, config(s))
	got, err := c.Publications(t.Context(), "zope-interface", []string{"7.2", "7.1", "7.0", "6.2", "6.1", "6.0.0", "5.0", "9.9"})
	if err != nil {
		t.Fatal(err)
	}
	day := func(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC) }
	github := lockkeeper.Principal{Kind: lockkeeper.GitHubRepo, ID: "zope/interface/release.yml"}
	want := []registry.Publication{
		{Version: "7.2", Publisher: github, Attested: true, Mixed: true, Published: day(2026, 5, 1)},
		{Version: "7.1", Publisher: github, Environment: "release", Attested: true, Published: day(2026, 4, 1)},
		{Version: "7.0", Publisher: lockkeeper.Principal{Kind: lockkeeper.Google, ID: "robot@example.invalid"}, Attested: true, Published: day(2026, 3, 1)},
		{Version: "6.2", Attested: true, Mixed: true, Published: day(2026, 2, 1)},
		{Version: "6.1", Publisher: github, Mixed: true, Published: day(2026, 1, 1)},
		{Version: "6.0.0", Publisher: github, Attested: true, Published: day(2025, 1, 1)},
		{Version: "5.0", Published: day(2024, 1, 1)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("publications (-want +got):\n%s", diff)
	}
	if n := s.Count(registrytest.Provenance); n != 8 {
		t.Errorf("%d provenances asked for, want 8: one for each file that announces one", n)
	}
}

func TestProvenanceAnnouncedButGone(t *testing.T) {
	s := start(t, world)
	s.Inject(registrytest.Fault{Path: "**/provenance", Status: 404})
	got, err := newClient(t, config(s)).Publications(t.Context(), "zope-interface", []string{"6.0"})
	if err != nil || len(got) != 1 || got[0].Attested || got[0].Publisher.Known() {
		t.Errorf("publications = %+v, %v; want one that is not attested", got, err)
	}
	s.Heal()
	s.Inject(registrytest.Fault{Path: "**/provenance", Status: 500})
	if got, err := newClient(t, config(s)).Publications(t.Context(), "zope-interface", []string{"6.0"}); err == nil {
		t.Errorf("500 of a provenance gave %+v, want an error", got)
	}
}

// provenanceOf is what s serves of a file of zope.interface.
func provenanceOf(t *testing.T, s *registrytest.Server, version, filename string) []byte {
	t.Helper()
	resp, err := http.Get(s.PyPI() + "/integrity/zope-interface/" + version + "/" + filename + "/provenance")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v", filename, resp.StatusCode, err)
	}
	return data
}

// TestUnverifiedProvenanceNamesNobody: an index that answers with anything but a
// file's own provenance makes nobody its publisher.
func TestUnverifiedProvenanceNamesNobody(t *testing.T) {
	s := start(t, world)
	own := provenanceOf(t, s, "6.2", "zope_interface-6.2-py3-none-any.whl")
	signed := bytes.Replace(own, []byte(`"workflow":"release.yml"`), []byte(`"workflow":"other.yml"`), 1)
	for _, test := range []struct {
		name   string
		answer []byte
		want   string
	}{
		{"another file's", provenanceOf(t, s, "6.0", "zope.interface-6.0-py3-none-any.whl"), "about another file"},
		{"another publisher claimed", signed, "while the index claims"},
		{"no signatures", []byte(`{"version":1,"attestation_bundles":[{"publisher":{"kind":"GitHub","repository":"zope/interface","workflow":"release.yml"},"attestations":[]}]}`), "without an attestation"},
		{"not understood", []byte(`{"version":2}`), "version 2"},
		{"no JSON", []byte(`<html>`), "cannot be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			defer s.Heal()
			s.Inject(registrytest.Fault{Path: "**/zope_interface-6.2-py3-none-any.whl/provenance", Replace: test.answer})
			got, err := newClient(t, config(s)).Publications(t.Context(), "zope-interface", []string{"6.2", "6.0"})
			if err != nil || len(got) != 2 {
				t.Fatalf("publications = %+v, %v", got, err)
			}
			reason := "zope_interface-6.2-py3-none-any.whl: "
			if bad := got[0]; bad.Publisher.Known() || bad.Attested || bad.Mixed || !strings.HasPrefix(bad.Unverified, reason) || !strings.Contains(bad.Unverified, test.want) {
				t.Errorf("6.2 = %+v, want it not verified: %s", bad, test.want)
			}
			if good := got[1]; good.Unverified != "" || !good.Attested {
				t.Errorf("6.0 = %+v, want it verified", good)
			}
		})
	}
	cfg := config(s)
	cfg.Verifier = nil
	got, err := newClient(t, cfg).Publications(t.Context(), "zope-interface", []string{"6.0", "5.0"})
	if err != nil || got[0].Unverified == "" || got[0].Attested || got[0].Publisher.Known() || got[1].Unverified != "" {
		t.Errorf("without a verifier: %+v, %v; want only what has provenance not to be verified", got, err)
	}
}

func TestOpenWhole(t *testing.T) {
	s := start(t, world)
	c := newClient(t, config(s))
	p, err := c.Project(t.Context(), "zope.interface")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range p.Release("6.1").Artifacts {
		blob, err := c.Open(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size))
		if err != nil || lockkeeper.Sum(data) != a.Digest || blob.Partial {
			t.Errorf("%s: %d bytes, %v; want those of the digest", a.Filename, len(data), err)
		}
		if err := blob.Close(); err != nil {
			t.Error(err)
		}
		s.Inject(registrytest.Fault{Path: "**/" + a.Filename, Corrupt: true})
		if _, err := c.Open(t.Context(), a); !errors.Is(err, registry.ErrDigest) {
			t.Errorf("%s with a bit flipped: %v, want ErrDigest", a.Filename, err)
		}
		a.Digest = ""
		if _, err := c.Open(t.Context(), a); err == nil {
			t.Errorf("%s without a digest was opened", a.Filename)
		}
	}
}

// bigWheel is larger than the client's limit and does not compress.
func bigWheel(t *testing.T) registrytest.File {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range []string{"big/data.bin", "big/__init__.py", "big.pth"} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		data := []byte("import big\n")
		if name == "big/data.bin" {
			data = noise(3 << 20)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return registrytest.File{Project: "big", Version: "1.0", Filename: "big-1.0-py3-none-any.whl", Data: b.Bytes()}
}

func noise(n int) []byte {
	out := make([]byte, 0, n)
	for i := 0; len(out) < n; i++ {
		sum := sha256.Sum256([]byte(fmt.Sprint(i)))
		out = append(out, sum[:]...)
	}
	return out[:n]
}

func TestOpenByRanges(t *testing.T) {
	s := start(t, "")
	wheel := bigWheel(t)
	if err := s.AddFile(wheel); err != nil {
		t.Fatal(err)
	}
	cfg := config(s)
	cfg.WholeWheel = 1 << 20
	c := newClient(t, cfg)
	p, err := c.Project(t.Context(), "big")
	if err != nil {
		t.Fatal(err)
	}
	a := p.Releases[0].Artifacts[0]
	for _, unknown := range []bool{false, true} {
		s.Forget()
		if unknown {
			a.Size = 0
		}
		blob, err := c.Open(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		if !blob.Partial || blob.Size != int64(len(wheel.Data)) {
			t.Errorf("partial %t, size %d; want true, %d", blob.Partial, blob.Size, len(wheel.Data))
		}
		z, err := zip.NewReader(blob, blob.Size)
		if err != nil {
			t.Fatal(err)
		}
		f, err := z.Open("big.pth")
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(f); err != nil || string(text) != "import big\n" {
			t.Errorf("big.pth = %q, %v", text, err)
		}
		if n := s.Count(registrytest.FileKind); n > 3 {
			t.Errorf("%d requests for the tail and one small entry, want at most 3", n)
		}
		whole, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size))
		if err != nil || !bytes.Equal(whole, wheel.Data) {
			t.Errorf("read %d bytes, %v; want the whole file", len(whole), err)
		}
		blob.Close()
		if _, err := blob.ReadAt(make([]byte, 1), 0); err == nil {
			t.Error("read after close succeeded")
		}
	}
}

func TestOpenWhereRangesAreNotSpoken(t *testing.T) {
	s := start(t, "")
	wheel := bigWheel(t)
	if err := s.AddFile(wheel); err != nil {
		t.Fatal(err)
	}
	s.Inject(registrytest.Fault{Path: "/files/**", NoRange: true})
	cfg := config(s)
	cfg.WholeWheel = 1 << 20
	p, err := newClient(t, cfg).Project(t.Context(), "big")
	if err != nil {
		t.Fatal(err)
	}
	a := p.Releases[0].Artifacts[0]
	blob, err := newClient(t, cfg).Open(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	if blob.Partial || blob.Size != int64(len(wheel.Data)) {
		t.Errorf("partial %t, size %d; want the whole file", blob.Partial, blob.Size)
	}
	cfg.MaxFile = 2 << 20
	var size *fetch.SizeError
	if _, err := newClient(t, cfg).Open(t.Context(), a); !errors.As(err, &size) {
		t.Errorf("beyond MaxFile: %v, want a SizeError", err)
	}
}

func TestPromise5OnlyConfiguredHosts(t *testing.T) {
	var contacted atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { contacted.Add(1) }))
	defer elsewhere.Close()
	sum := hex.EncodeToString(make([]byte, 32))
	page := func(size int) []byte {
		return fmt.Appendf(nil, `{"meta":{"api-version":"1.1"},"name":"evil","files":[
			{"filename":"evil-1.0-py3-none-any.whl","url":"%[1]s/evil-1.0-py3-none-any.whl","hashes":{"sha256":"%[2]s"},"size":%[3]d,
			 "provenance":"%[1]s/integrity/evil/1.0/evil-1.0-py3-none-any.whl/provenance"},
			{"filename":"evil-1.0.tar.gz","url":"//%[4]s/evil-1.0.tar.gz","hashes":{"sha256":"%[2]s"},"size":%[3]d}]}`,
			elsewhere.URL, sum, size, mustParse(t, elsewhere.URL).Host)
	}
	for _, size := range []int{100, 100 << 20} { // whole, and by ranges
		s := start(t, world)
		s.Inject(registrytest.Fault{Path: "**/simple/evil/", Replace: page(size)})
		s.Inject(registrytest.Fault{Path: "**/simple/zope-interface/", Redirect: elsewhere.URL})
		c := newClient(t, config(s))
		p, err := c.Project(t.Context(), "evil")
		if err != nil {
			t.Fatal(err)
		}
		var host *fetch.HostError
		for _, a := range p.Releases[0].Artifacts {
			if _, err := c.Open(t.Context(), a); !errors.As(err, &host) {
				t.Errorf("%s on another host: %v, want a HostError", a.Filename, err)
			}
		}
		if _, err := c.Publications(t.Context(), "evil", []string{"1.0"}); err != nil {
			t.Errorf("provenance announced elsewhere: %v, want it asked for at the index itself", err)
		}
		if n := s.Count(registrytest.Provenance); n != 1 {
			t.Errorf("the index was asked %d times for the provenance, want once", n)
		}
		if _, err := c.Project(t.Context(), "zope.interface"); !errors.As(err, &host) {
			t.Errorf("redirected index: %v, want a HostError", err)
		}
	}
	if n := contacted.Load(); n != 0 {
		t.Errorf("another host was contacted %d times", n)
	}
}

func mustParse(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
