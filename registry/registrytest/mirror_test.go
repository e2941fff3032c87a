package registrytest_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
)

// mirrorOf lays out a directory with one crate and one wheel, and with metadata
// that lists a release more of each.
func mirrorOf(t *testing.T, crate, wheel string) string {
	t.Helper()
	dir := t.TempDir()
	sum := func(s string) string { return strings.TrimPrefix(string(lockkeeper.Sum([]byte(s))), "sha256:") }
	for name, data := range map[string]string{
		"crates/foo-1.0.0.crate":        crate,
		"pypi/foo-1.0-py3-none-any.whl": wheel,
		"index/foo": `{"name":"foo","vers":"1.0.0","deps":[],"cksum":"` + sum(crate) + `","features":{},"yanked":true,"pubtime":"2024-01-02T03:04:05Z"}
{"name":"foo","vers":"1.1.0","deps":[],"cksum":"` + sum("elsewhere") + `","features":{},"yanked":false}
`,
		"simple/foo.json": `{"meta":{"api-version":"1.4"},"name":"foo","files":[
{"filename":"foo-1.0-py3-none-any.whl","url":"https://files.example.invalid/foo","hashes":{"sha256":"` + sum(wheel) + `"},"size":5,"upload-time":"2024-01-02T03:04:05Z","yanked":false,"provenance":"https://example.invalid/p"},
{"filename":"foo-2.0.tar.gz","url":"https://files.example.invalid/foo2","hashes":{"sha256":"` + sum("elsewhere") + `"},"size":9,"yanked":false}]}`,
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestMirror(t *testing.T) {
	const crate, wheel = "a crate", "wheel"
	s := registrytest.New()
	if err := s.LoadMirror(mirrorOf(t, crate, wheel)); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	crates, python := clients(t, s)
	for _, test := range []struct {
		client  registry.Client
		content string
		here    string // version that is kept
		missing string // version that is only listed
	}{{crates, crate, "1.0.0", "1.1.0"}, {python, wheel, "1.0", "2.0"}} {
		ctx := context.Background()
		project, err := test.client.Project(ctx, "foo")
		if err != nil {
			t.Fatal(err)
		}
		release := project.Release(test.here)
		if release == nil || release.Published.Format("2006-01-02") != "2024-01-02" || release.Yanked != (test.client == crates) {
			t.Fatalf("%s is %+v", test.here, release)
		}
		blob, err := test.client.Open(ctx, release.Artifacts[0])
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size))
		if err != nil || string(got) != test.content {
			t.Errorf("%s holds %q, %v", test.here, got, err)
		}
		blob.Close()
		if _, err := test.client.Open(ctx, project.Release(test.missing).Artifacts[0]); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("%s is not kept, and opening it gives %v", test.missing, err)
		}
		publications, err := test.client.Publications(ctx, "foo", []string{test.here})
		if err != nil || len(publications) != 1 || publications[0].Publisher.Known() || publications[0].Attested {
			t.Errorf("who published %s is not kept, and the answer is %+v, %v", test.here, publications, err)
		}
		if _, err := test.client.Project(ctx, "bar"); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("bar is not kept, and looking it up gives %v", err)
		}
	}
}

func TestMirrorRefusesWhatIsNoIndex(t *testing.T) {
	for _, name := range []string{"index/foo", "simple/foo.json"} {
		dir := mirrorOf(t, "", "")
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte("{\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := registrytest.New().LoadMirror(dir); err == nil || !strings.Contains(err.Error(), "foo") {
			t.Errorf("%s is no JSON, and loading it gives %v", name, err)
		}
	}
}
