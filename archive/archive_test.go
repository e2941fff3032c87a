package archive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/registry"
)

// item is one entry of a tar or zip under construction.
type item struct {
	name, body string
	kind       byte // tar type; 0 is a file
	link       string
	pax        map[string]string
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tarball(t testing.TB, items ...item) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, it := range items {
		h := &tar.Header{Name: it.name, Typeflag: it.kind, Linkname: it.link, Mode: 0o644, PAXRecords: it.pax}
		if it.kind == 0 {
			h.Typeflag, h.Size = tar.TypeReg, int64(len(it.body))
		}
		if it.kind == tar.TypeXGlobalHeader {
			h = &tar.Header{Typeflag: it.kind, PAXRecords: it.pax}
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(it.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func targz(t testing.TB, items ...item) []byte { return gzipped(t, tarball(t, items...)) }

func zipped(t testing.TB, items ...item) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, it := range items {
		h := &zip.FileHeader{Name: it.name, Method: zip.Deflate}
		h.SetMode(0o644)
		if it.kind == tar.TypeSymlink {
			h.SetMode(fs.ModeSymlink | 0o777)
			it.body = it.link
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(it.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(kind registry.Kind, filename string, data []byte, limits archive.Limits) (*archive.Archive, error) {
	return archive.Open(context.Background(), kind, filename, bytes.NewReader(data), int64(len(data)), lockkeeper.Sum(data), limits)
}

// list is what an archive holds, a line each.
func list(t testing.TB, a *archive.Archive) string {
	t.Helper()
	var b strings.Builder
	for _, f := range a.Files() {
		data, err := a.ReadFile(f.Path)
		switch {
		case errors.Is(err, archive.ErrLink):
			fmt.Fprintf(&b, "%s -> %s\n", f.Path, f.Link)
		case err != nil:
			t.Fatal(err)
		default:
			fmt.Fprintf(&b, "%s %q\n", f.Path, data)
			sum, err := a.Sum(f.Path)
			if err != nil || sum != lockkeeper.Sum(data) {
				t.Errorf("digest of %s: %s, %v", f.Path, sum, err)
			}
		}
	}
	return b.String()
}

func TestOpen(t *testing.T) {
	tests := []struct {
		name, filename string
		kind           registry.Kind
		data           []byte
		want           string
		notes          int
	}{
		{
			name: "crate", kind: registry.Crate, filename: "a-1.0.0.crate",
			data: targz(t, item{name: "a-1.0.0/src/lib.rs", body: "x"}, item{name: "a-1.0.0/Cargo.toml", body: "y"}),
			want: "Cargo.toml \"y\"\nsrc/lib.rs \"x\"\n",
		},
		{
			name: "last duplicate wins", kind: registry.Crate, filename: "a-1.0.0.crate", notes: 1,
			data: targz(t, item{name: "a-1/build.rs", body: "good"}, item{name: "a-1/build.rs", body: "evil"}),
			want: "build.rs \"evil\"\n",
		},
		{
			name: "duplicates by another spelling", kind: registry.Crate, filename: "a-1.0.0.crate", notes: 1,
			data: targz(t, item{name: "a-1/build.rs", body: "good"}, item{name: "a-1/./build.rs", body: "evil"}),
			want: "build.rs \"evil\"\n",
		},
		{
			name: "case collision of equal files is noted", kind: registry.Crate, filename: "a-1.0.0.crate", notes: 1,
			data: targz(t, item{name: "a-1/Readme.md", body: "1"}, item{name: "a-1/README.md", body: "1"}),
			want: "README.md \"1\"\nReadme.md \"1\"\n",
		},
		{
			name: "sdist with links and a comment of git archive", kind: registry.Sdist, filename: "a-1.tar.gz",
			data: targz(t,
				item{kind: tar.TypeXGlobalHeader, pax: map[string]string{"comment": "0123"}},
				item{name: "a-1/", kind: tar.TypeDir},
				item{name: "a-1/setup.py", body: "x"},
				item{name: "a-1/link", kind: tar.TypeSymlink, link: "../../etc/passwd"},
				item{name: "a-1/again", kind: tar.TypeLink, link: "a-1/setup.py"}),
			want: "again \"x\"\nlink -> ../../etc/passwd\nsetup.py \"x\"\n",
		},
		{
			name: "sdist with ./", kind: registry.Sdist, filename: "a-1.TAR.GZ",
			data: targz(t, item{name: "./", kind: tar.TypeDir}, item{name: "./a-1/setup.py", body: "x"}),
			want: "setup.py \"x\"\n",
		},
		{
			name: "sdist without a directory of its own", kind: registry.Sdist, filename: "a-1.tar.gz",
			data: targz(t, item{name: "setup.py", body: "x"}, item{name: "a/__init__.py", body: "y"}),
			want: "a/__init__.py \"y\"\nsetup.py \"x\"\n",
		},
		{
			name: "sdist of several gzip members", kind: registry.Sdist, filename: "a-1.tar.gz",
			data: func() []byte {
				whole := tarball(t, item{name: "a-1/setup.py", body: "x"})
				return append(gzipped(t, whole[:700]), gzipped(t, whole[700:])...)
			}(),
			want: "setup.py \"x\"\n",
		},
		{
			name: "sdist zip", kind: registry.Sdist, filename: "a-1.zip",
			data: zipped(t, item{name: "a-1/setup.py", body: "x"}, item{name: "a-1/a/", body: ""}, item{name: "./", body: ""}, item{name: "a-1/a/b", body: "y"}),
			want: "a/b \"y\"\nsetup.py \"x\"\n",
		},
		{
			name: "wheel", kind: registry.Wheel, filename: "a-1-py3-none-any.whl",
			data: zipped(t, item{name: "a/__init__.py", body: "x"}, item{name: "a.pth", body: "import a"}, item{name: "e/", body: ""}),
			want: "a.pth \"import a\"\na/__init__.py \"x\"\n",
		},
		{
			name: "empty wheel", kind: registry.Wheel, filename: "a-1-py3-none-any.whl", data: zipped(t), want: "",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, err := open(test.kind, test.filename, test.data, archive.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, list(t, a)); diff != "" {
				t.Error(diff)
			}
			if len(a.Notes) != test.notes {
				t.Errorf("notes: %q", a.Notes)
			}
			if a.Partial || a.Digest != lockkeeper.Sum(test.data) {
				t.Errorf("partial %v, digest %s", a.Partial, a.Digest)
			}
		})
	}
}

func TestMissingFile(t *testing.T) {
	a, err := open(registry.Crate, "a-1.crate", targz(t, item{name: "a-1/x", body: "x"}), archive.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.ReadFile("a-1/x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if a.Has("a-1/x") || !a.Has("x") {
		t.Error("Has")
	}
	if head, err := a.Head("x"); err != nil || string(head) != "x" {
		t.Errorf("head %q, %v", head, err)
	}
}

func TestOpenPartial(t *testing.T) {
	data := zipped(t, item{name: "a/__init__.py", body: "x"}, item{name: "a.pth", body: "import a"})
	a, err := archive.OpenPartial(context.Background(), registry.Wheel, "a.whl", bytes.NewReader(data), int64(len(data)), archive.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if !a.Partial || a.Digest != "" {
		t.Errorf("partial %v, digest %q", a.Partial, a.Digest)
	}
	if diff := cmp.Diff("a.pth \"import a\"\na/__init__.py \"x\"\n", list(t, a)); diff != "" {
		t.Error(diff)
	}
	if head, err := a.Head("a.pth"); err != nil || string(head) != "import a" {
		t.Errorf("head %q, %v", head, err)
	}
	if _, err := archive.OpenPartial(context.Background(), registry.Crate, "a.crate", bytes.NewReader(data), int64(len(data)), archive.Limits{}); !errors.Is(err, archive.ErrUnsupported) {
		t.Errorf("crate: %v", err)
	}
}
