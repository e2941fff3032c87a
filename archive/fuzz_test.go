package archive_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand"
	"path"
	"regexp"
	"slices"
	"strconv"
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
// checksum. What is accepted must be what the plainest of readers finds.
func FuzzTarGz(f *testing.F) {
	f.Add(tarball(f, item{name: "a-1/Cargo.toml", body: "x"}, item{name: "a-1/build.rs", body: "y"}), true)
	f.Add(tarball(f, item{name: "a-1/" + strings.Repeat("n", 120), body: "x"}), true)
	f.Add(tarball(f, item{name: "a-1/x", body: "x"}, item{name: "a-1/l", kind: '2', link: "x"}, item{name: "a-1/h", kind: '1', link: "a-1/x"}), false)
	f.Add(tarball(f, item{kind: 'g', pax: map[string]string{"comment": "c"}}, item{name: "x", body: "x", pax: map[string]string{"LOCKKEEPER.x": "y"}}), false)
	f.Add([]byte{}, false)
	f.Add(append(longName("a-1/l"), block{name: "a-1/s", magic: "ustar  \x00"}.with("c")...), true)
	f.Add(append(extended(record("path", "a-1/p"), record("size", "1")), block{name: "a-1/s"}.with("c")...), true)
	f.Add(append(block{name: "a-1/d/", kind: 'A', magic: "\x00"}.with(""), block{name: "s", prefix: "a-1"}.with("c")...), false)
	f.Fuzz(func(t *testing.T, data []byte, crate bool) {
		if len(data) > 1<<19 {
			return
		}
		kind := registry.Sdist
		if crate {
			kind = registry.Crate
		}
		a, err := open(kind, "a-1.tar.gz", gzipped(t, data), small)
		if err == nil {
			examine(t, a)
			checkPaths(t, a, plainTar(data))
		}
		if a, err := open(kind, "a-1.tar.gz", data, small); err == nil {
			examine(t, a)
		}
	})
}

var pathRecord = regexp.MustCompile(`(?m)^[0-9]+ path=(.*)$`)

// plainTar lists the paths of a tar by the rules that all tools share: each
// header's size, of whatever type, says where the next one is, and a long or
// extended name stands right before.
func plainTar(data []byte) (paths []string) {
	long := ""
	for len(data) >= 512 && !bytes.Equal(data[:512], make([]byte, 512)) {
		h := data[:512]
		digits := strings.Trim(string(h[124:136]), " \x00")
		size, _ := strconv.ParseInt("0"+digits, 8, 64)
		content := data[512:][:size]
		data = data[min(512+int(size+511)&^511, len(data)):]
		text := func(from, to int) string { s, _, _ := strings.Cut(string(h[from:to]), "\x00"); return s }
		switch h[156] {
		case 'L':
			long, _, _ = strings.Cut(string(content), "\x00")
		case 'x':
			if m := pathRecord.FindSubmatch(content); m != nil {
				long = string(m[1])
			}
		case 'g', 'K':
		default:
			name := text(0, 100)
			if prefix := text(345, 500); prefix != "" {
				name = prefix + "/" + name
			}
			if long != "" {
				name, long = long, ""
			}
			if h[156] != '5' && (h[156] != 0 || !strings.HasSuffix(name, "/")) {
				paths = append(paths, path.Clean(name))
			}
		}
	}
	return paths
}

// checkPaths wants the files of a to be paths, but for a first element.
func checkPaths(t *testing.T, a *archive.Archive, paths []string) {
	t.Helper()
	slices.Sort(paths)
	paths = slices.Compact(paths)
	files := a.Files()
	if len(files) != len(paths) {
		t.Fatalf("%d files, and a plain reader finds %q", len(files), paths)
	}
	for i, f := range files {
		if _, rest, _ := strings.Cut(paths[i], "/"); f.Path != paths[i] && f.Path != rest {
			t.Fatalf("file %q, and a plain reader finds %q", f.Path, paths[i])
		}
	}
}

func addZips(f *testing.F) {
	f.Add(zipped(f, item{name: "a/__init__.py", body: "x"}, item{name: "a.pth", body: "import a"}), true)
	f.Add(zipped(f, item{name: "a-1/setup.py", body: strings.Repeat("x", 1000)}, item{name: "a-1/l", kind: '2', link: "setup.py"}), false)
	f.Add(patch(zipped(f, item{name: "a", body: "four"}), "PK\x01\x02", 24, 1), true)
	f.Add(zipped(f), true)
	f.Add(zipFile(zipOptions{comment: "c"}, zipItem{name: "a", body: "x"}, zipItem{name: "d/"}), true)
	f.Add(zipFile(zipOptions{end: func(o, s, c int) string { return end64(o, s, c, o+s, endRecord(o, s, c, "")) }}, zipItem{name: "a", body: "x", flags: 8}), true)
	f.Add(zipFile(zipOptions{}, zipItem{name: "a", body: "four", size: 0xffffffff, extra: little(uint16(1), uint16(8), uint64(4))}), true)
	f.Add(zipFile(zipOptions{}, zipItem{name: "good.py", body: "x" + evilLocal()}), true)
}

// FuzzZip: every file of what is accepted must be found by a reader who goes from
// one local header to the next.
func FuzzZip(f *testing.F) {
	addZips(f)
	f.Fuzz(func(t *testing.T, data []byte, wheel bool) {
		kind := registry.Sdist
		if wheel {
			kind = registry.Wheel
		}
		a, err := open(kind, "a-1.zip", data, small)
		if err != nil {
			return
		}
		examine(t, a)
		var paths []string
		rest := string(data)
		for strings.HasPrefix(rest, "PK\x03\x04") {
			n := int(binary.LittleEndian.Uint16([]byte(rest[26:])))
			if name := rest[30 : 30+n]; !strings.HasSuffix(name, "/") {
				paths = append(paths, path.Clean(name))
			}
			// Sizes are not known where a descriptor follows, so any next header counts.
			rest = rest[30+n:]
			next := strings.Index(rest, "PK\x03\x04")
			if next < 0 {
				break
			}
			rest = rest[next:]
		}
		for _, file := range a.Files() {
			if !slices.ContainsFunc(paths, func(p string) bool { return p == file.Path || strings.HasSuffix(p, "/"+file.Path) }) {
				t.Fatalf("file %q, and the local headers are %q", file.Path, paths)
			}
		}
	})
}

func FuzzPartialZip(f *testing.F) {
	addZips(f)
	f.Fuzz(func(t *testing.T, data []byte, wheel bool) {
		kind := registry.Sdist
		if wheel {
			kind = registry.Wheel
		}
		a, err := archive.OpenPartial(t.Context(), kind, "a-1.zip", bytes.NewReader(data), int64(len(data)), small)
		if err == nil {
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
