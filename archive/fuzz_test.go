package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/registry"
)

var small = archive.Limits{Packed: 1 << 20, Unpacked: 4 << 20, File: 1 << 16, Kept: 1 << 18, Entries: 100, Depth: 8}

// examine checks what holds of every archive that was accepted.
func examine(t *testing.T, a *archive.Archive) {
	t.Helper()
	files := a.Files()
	if !slices.IsSortedFunc(files, func(x, y archive.File) int { return strings.Compare(x.Path, y.Path) }) {
		t.Error("not sorted")
	}
	for i, f := range files {
		if i > 0 && files[i-1].Path == f.Path {
			t.Errorf("%q twice", f.Path)
		}
		if !fs.ValidPath(f.Path) || f.Path == "." || path.Clean(f.Path) != f.Path {
			t.Errorf("path %q", f.Path)
		}
		data, err := a.ReadFile(f.Path)
		if err == nil && (f.Link != "" || int64(len(data)) != f.Size || int64(len(data)) > small.File) {
			t.Errorf("%q: %d bytes of %+v", f.Path, len(data), f)
		}
		if err == nil {
			if again, _ := a.File(f.Path); again.Digest != lockkeeper.Sum(data) {
				t.Errorf("%q: digest %s", f.Path, again.Digest)
			}
		}
		if head, err := a.Head(f.Path); err == nil && !bytes.HasPrefix(data, head) && data != nil {
			t.Errorf("%q: head is not its start", f.Path)
		}
	}
	if _, err := a.ReadFile("no/such/file"); !errors.Is(err, fs.ErrNotExist) && !a.Has("no/such/file") {
		t.Errorf("missing file: %v", err)
	}
}

// FuzzTarGz takes the bare tar, since mutated gzip would only ever fail its
// checksum.
func FuzzTarGz(f *testing.F) {
	f.Add(tarball(f, item{name: "a-1/Cargo.toml", body: "x"}, item{name: "a-1/build.rs", body: "y"}), true)
	f.Add(tarball(f, item{name: "a-1/" + strings.Repeat("n", 120), body: "x"}), true)
	f.Add(tarball(f, item{name: "a-1/x", body: "x"}, item{name: "a-1/l", kind: '2', link: "x"}, item{name: "a-1/h", kind: '1', link: "a-1/x"}), false)
	f.Add(tarball(f, item{kind: 'g', pax: map[string]string{"comment": "c"}}, item{name: "x", body: "x", pax: map[string]string{"LOCKKEEPER.x": "y"}}), false)
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, data []byte, crate bool) {
		if len(data) > 1<<19 {
			return
		}
		kind := registry.Sdist
		if crate {
			kind = registry.Crate
		}
		packed := gzipped(t, data)
		a, err := open(kind, "a-1.tar.gz", packed, small)
		if err == nil {
			examine(t, a)
		}
		if a, err := open(kind, "a-1.tar.gz", data, small); err == nil {
			examine(t, a)
		}
	})
}

func FuzzZip(f *testing.F) {
	f.Add(zipped(f, item{name: "a/__init__.py", body: "x"}, item{name: "a.pth", body: "import a"}), true)
	f.Add(zipped(f, item{name: "a-1/setup.py", body: strings.Repeat("x", 1000)}, item{name: "a-1/l", kind: '2', link: "setup.py"}), false)
	f.Add(patch(zipped(f, item{name: "a", body: "four"}), "PK\x01\x02", 24, 1), true)
	f.Add(zipped(f), true)
	f.Fuzz(func(t *testing.T, data []byte, wheel bool) {
		kind := registry.Sdist
		if wheel {
			kind = registry.Wheel
		}
		if a, err := open(kind, "a-1.zip", data, small); err == nil {
			examine(t, a)
		}
		if a, err := archive.OpenPartial(t.Context(), kind, "a-1.zip", bytes.NewReader(data), int64(len(data)), small); err == nil {
			examine(t, a)
		}
	})
}

// BenchmarkOpen unpacks a crate of 400 files and 4 MiB, as large as most get.
func BenchmarkOpen(b *testing.B) {
	random := rand.New(rand.NewSource(1))
	var items []item
	size := 0
	for i := range 400 {
		body := make([]byte, 10<<10)
		for j := range body {
			body[j] = "abcdefghijklmnop \n"[random.Intn(18)]
		}
		size += len(body)
		items = append(items, item{name: fmt.Sprintf("a-1/src/f%d.rs", i), body: string(body)})
	}
	data := targz(b, items...)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := open(registry.Crate, "a-1.crate", data, archive.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
