package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/registry"
)

// block is a tar header made by hand, for what tar.Writer refuses to write.
type block struct {
	name, link, prefix string
	magic              string // default: POSIX's
	kind               byte   // default: a file; 'A' is the oldest format's file, a NUL
	field              string // the size as written; default: as it should be
	at                 int    // another place to write bytes to, and the bytes
	bytes              string
}

func (b block) header(size int) []byte {
	h := make([]byte, 512)
	copy(h, b.name)
	copy(h[100:], "0000644\x000000000\x000000000\x00")
	copy(h[124:], fmt.Sprintf("%011o\x00", size))
	if b.field != "" {
		copy(h[124:136], b.field+strings.Repeat("\x00", 12))
	}
	copy(h[136:], "00000000000\x00")
	h[156] = '0'
	if b.kind != 0 {
		h[156] = b.kind
	}
	if b.kind == 'A' {
		h[156] = 0
	}
	copy(h[157:], b.link)
	if b.magic == "" {
		b.magic = "ustar\x0000"
	}
	copy(h[257:], b.magic)
	copy(h[345:], b.prefix)
	copy(h[b.at:], b.bytes)
	sum := 8 * int(' ')
	for i, c := range h {
		if i < 148 || i >= 156 {
			sum += int(c)
		}
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return h
}

// with is the header and a content of that size.
func (b block) with(content string) []byte {
	out := append(b.header(len(content)), content...)
	return append(out, make([]byte, -len(content)&511)...)
}

// record is one of an extended header (POSIX, pax Header Block).
func record(key, value string) string {
	n := len(key) + len(value) + 3
	for len(fmt.Sprint(n))+len(key)+len(value)+3 != n {
		n = len(fmt.Sprint(n)) + len(key) + len(value) + 3
	}
	return fmt.Sprintf("%d %s=%s\n", n, key, value)
}

func extended(records ...string) []byte {
	return block{name: "PaxHeaders/x", kind: 'x'}.with(strings.Join(records, ""))
}

func longName(name string) []byte {
	return block{name: "././@LongLink", kind: 'L'}.with(name + "\x00")
}

// blocks packs parts behind a first file, and ends the tar.
func blocks(t testing.TB, parts ...[]byte) []byte {
	t.Helper()
	first := block{name: "a-1/first"}.with("1")
	return gzipped(t, append(append(first, bytes.Join(parts, nil)...), make([]byte, 1024)...))
}

// Each of these was unpacked by cargo 1.95, pip 23.2 on Python 3.11 and uv 0.13:
// at least one of them finds another file than the others, or than tar.Reader.
func TestPromise6TarsThatToolsReadDifferentlyAreRefused(t *testing.T) {
	file := func(name, content string) []byte { return block{name: "a-1/" + name}.with(content) }
	inner := file("build.rs", "evil")
	path := func(name string) string { return record("path", "a-1/"+name) }
	global := block{name: "g", kind: 'g'}.with(record("comment", "x"))
	size := fmt.Sprint(len(inner))
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"a name for pip, one for cargo", blocks(t, extended(path("p")), longName("a-1/l"), file("s", "c")), "two headers give it different names"},
		{"the same in the other order", blocks(t, longName("a-1/l"), extended(path("p")), file("s", "c")), "two headers give it different names"},
		{"two long names", blocks(t, longName("a-1/1"), longName("a-1/2"), file("s", "c")), "two of a kind"},
		{"an empty long name", blocks(t, longName(""), file("s", "c")), "empty header"},
		{"a long name of no bytes", blocks(t, block{name: "l", kind: 'L'}.with(""), file("s", "c")), "empty header"},
		{"two extended headers", blocks(t, extended(path("1")), extended(path("2")), file("s", "c")), "two of a kind"},
		{"one path twice", blocks(t, extended(path("1"), path("2")), file("s", "c")), `two records "path"`},
		{"a record within a record", blocks(t, extended(record("comment", "x\n"+strings.TrimSpace(path("p")))), file("s", "c")), "holds another one"},
		{"a record with a sign", blocks(t, extended("+15 path=a-1/p\n"), file("s", "c")), "record that is damaged"},
		{"a record without end", blocks(t, extended(strings.TrimSpace(path("p"))+"x"), file("s", "c")), "invalid tar header"},
		{"a path taken away", blocks(t, extended(record("path", "")), file("s", "c")), "takes away its path"},
		{"a directory with content", blocks(t, block{name: "a-1/d/", kind: '5'}.header(len(inner)), inner), "some tools skip"},
		{"a directory of the oldest kind with content", blocks(t, block{name: "a-1/d/", kind: 'A'}.header(len(inner)), inner), "some tools skip"},
		{"a directory by its long name", blocks(t, extended(path("d/")), block{name: "a-1/d", kind: 'A'}.header(len(inner)), inner), "some tools skip"},
		{"a directory by its short name", blocks(t, extended(path("f")), block{name: "a-1/d/", kind: 'A'}.header(len(inner)), inner), "a directory in one header and a file in another"},
		{"a link with content", blocks(t, block{name: "a-1/l", kind: '2', link: "x"}.header(len(inner)), inner), "some tools skip"},
		{"a hard link with content", blocks(t, block{name: "a-1/l", kind: '1', link: "a-1/first"}.header(len(inner)), inner), "some tools skip"},
		{"two sizes, the longer one extended", blocks(t, extended(record("size", size)), block{name: "a-1/f"}.header(0), inner), "different sizes"},
		{"two sizes, the longer one plain", blocks(t, extended(record("size", "0")), block{name: "a-1/f"}.header(len(inner)), inner), "different sizes"},
		{"a size behind NULs", blocks(t, block{name: "a-1/f", field: "\x00\x0000002000"}.header(0), inner), "its size or checksum"},
		{"a size in binary", blocks(t, block{name: "a-1/f", field: "\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00"}.header(0), inner), "its size or checksum"},
		{"a user that only Go can read", blocks(t, block{name: "a-1/f", at: 108, bytes: "\x81\x00\x00\x00\x00\x00\x00\x00"}.with("c")), "the number at byte 108"},
		{"a device in the oldest format", blocks(t, block{name: "a-1/f", magic: "\x00", at: 329, bytes: "junk"}.with("c")), "the number at byte 329"},
		{"a prefix in the oldest format", blocks(t, block{name: "a-1/f", magic: "\x00", prefix: "a-1/d"}.with("c")), "prefix"},
		{"a prefix in GNU's format", blocks(t, block{name: "a-1/f", magic: "ustar  \x00", prefix: "a-1/d"}.with("c")), "prefix"},
		{"a prefix in star's format", blocks(t, block{name: "f", prefix: "a-1", at: 508, bytes: "tar\x00"}.with("c")), "prefix"},
		{"a long name before a global header", blocks(t, longName("a-1/l"), global, file("s", "c")), "global header between"},
		{"a path before a global header", blocks(t, extended(path("p")), global, file("s", "c")), "global header between"},
		{"headers without end", blocks(t, bytes.Repeat(extended(record("comment", strings.Repeat("x", 400<<10))), 3), file("s", "c")), "headers of more than 1048576 bytes"},
		{"a header of two megabytes", blocks(t, extended(record("comment", strings.Repeat("x", 2<<20))), file("s", "c")), "too large"},
		{"a sparse file of GNU's old format", blocks(t, block{name: "a-1/f", kind: 'S', magic: "ustar  \x00"}.with("")), "special file"},
		{"a sparse file of the new format", blocks(t, extended(record("GNU.sparse.name", "a-1/f"), record("GNU.sparse.major", "2")), file("s", "c")), "sparse"},
		{"an unknown kind", blocks(t, block{name: "a-1/f", kind: 'Z'}.with("c")), "special file"},
		{"a contiguous file", blocks(t, block{name: "a-1/f", kind: '7'}.with("c")), "special file"},
		{"bytes that are no header", blocks(t, bytes.Repeat([]byte("garbage!"), 64), inner), "invalid tar header"},
		{"a checksum that is wrong", blocks(t, append([]byte("x"), inner[1:]...)), "invalid tar header"},
		{"a file and a directory", blocks(t, file("d", "c"), block{name: "a-1/d/", kind: '5'}.with("")), "is a directory and a file"},
		{"a directory and a file", blocks(t, block{name: "a-1/d/", kind: '5'}.with(""), file("d", "c")), "is a directory and a file"},
	}
	for _, kind := range []registry.Kind{registry.Crate, registry.Sdist} {
		for _, test := range tests {
			if kind == registry.Crate && strings.Contains(test.name, "link") {
				continue // refused for being links
			}
			t.Run(string(kind)+"/"+test.name, func(t *testing.T) {
				a, err := open(kind, "a-1.tar.gz", test.data, archive.Limits{})
				if err == nil {
					t.Fatalf("was read: %s", list(t, a))
				}
				if !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, want %q in it", err, test.want)
				}
			})
		}
	}
}

// What honest tools write beside plain headers is read.
func TestPromise6HonestTarsAreRead(t *testing.T) {
	deep := strings.Repeat("d/", 60)
	for _, test := range []struct {
		name string
		data []byte
		want string
	}{
		{"GNU's long name", blocks(t, longName("a-1/l"), block{name: "a-1/s", magic: "ustar  \x00"}.with("c")), "l \"c\"\n"},
		{"extended path, time and attributes", blocks(t, extended(record("path", "a-1/p"), record("mtime", "1.5"), record("SCHILY.xattr.com.apple.provenance", "\x01\n\x02\x00")), block{name: "a-1/s"}.with("c")), "p \"c\"\n"},
		{"extended size that agrees", blocks(t, extended(record("size", "1")), block{name: "a-1/s"}.with("c")), "s \"c\"\n"},
		{"a prefix", blocks(t, block{name: "s", prefix: "a-1/" + strings.TrimSuffix(deep, "/")}.with("c")), deep + "s \"c\"\n"},
		{"the oldest format", blocks(t, block{name: "a-1/s", magic: "\x00", kind: 'A'}.with("c"), block{name: "a-1/d/", magic: "\x00", kind: 'A'}.with("")), "s \"c\"\n"},
		{"a user in binary", blocks(t, block{name: "a-1/s", at: 108, bytes: "\x80\x00\x00\x00\x7f\xff\xff\xff"}.with("c")), "s \"c\"\n"},
		{"spaces before the size", blocks(t, block{name: "a-1/s", field: "          1 "}.with("c")), "s \"c\"\n"},
		{"no size for a directory", blocks(t, block{name: "a-1/d/", kind: '5', field: "\x00"}.header(0)), ""},
		{"a global comment", blocks(t, block{name: "g", kind: 'g'}.with(record("comment", strings.Repeat("0", 600))), block{name: "a-1/s"}.with("c")), "s \"c\"\n"},
		{"a file twice", blocks(t, block{name: "a-1/s"}.with("good"), block{name: "a-1/s"}.with("evil")), "s \"evil\"\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, err := open(registry.Crate, "a-1.crate", test.data, archive.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			want := test.want + "first \"1\"\n"
			if test.want > "first" {
				want = "first \"1\"\n" + test.want
			}
			if got := list(t, a); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// pip writes a file through the link that an earlier entry left there, into
// what the link names; uv and cargo replace the link.
func TestPromise6LinksAreNotWrittenThrough(t *testing.T) {
	setup := item{name: "a-1/setup.py", body: "good"}
	symlink := item{name: "a-1/l", kind: tar.TypeSymlink, link: "setup.py"}
	hardlink := item{name: "a-1/l", kind: tar.TypeLink, link: "a-1/setup.py"}
	for _, test := range []struct {
		name  string
		items []item
		want  string
	}{
		{"file over a symbolic link", []item{setup, symlink, {name: "a-1/l", body: "evil"}}, "what a link names"},
		{"symbolic link over a file", []item{setup, {name: "a-1/l", body: "evil"}, symlink}, "what a link names"},
		{"file over a hard link", []item{setup, hardlink, {name: "a-1/l", body: "evil"}}, "what a link names"},
		{"file over what a hard link names", []item{setup, hardlink, {name: "a-1/setup.py", body: "evil"}}, "what a link names"},
		{"link over a link", []item{setup, symlink, hardlink}, "what a link names"},
		{"hard link to a symbolic link", []item{setup, symlink, {name: "a-1/d/l", kind: tar.TypeLink, link: "a-1/l"}}, "which is a symbolic link"},
		{"hard link to itself", []item{{name: "a-1/l", kind: tar.TypeLink, link: "a-1/l"}}, "not an earlier entry"},
		{"hard link to a later file", []item{hardlink, setup}, "not an earlier entry"},
		{"hard link upwards", []item{{name: "a-1/l", kind: tar.TypeLink, link: "../x"}}, `".." in path`},
		{"link without a target", []item{{name: "a-1/l", kind: tar.TypeSymlink}}, "without name or target"},
		{"link with a target of a megabyte", []item{{name: "a-1/l", kind: tar.TypeSymlink, link: strings.Repeat("x", 500_000)}}, "target of 500000 bytes"},
		{"file beneath a link on hosts without case", []item{{name: "a-1/d", kind: tar.TypeSymlink, link: "."}, {name: "a-1/D/setup.py", body: "evil"}}, "not a directory"},
		{"file beneath a link to a directory", []item{{name: "a-1/d", kind: tar.TypeSymlink, link: "."}, {name: "a-1/d/setup.py", body: "evil"}}, "not a directory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := open(registry.Sdist, "a-1.tar.gz", targz(t, test.items...), archive.Limits{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
}

// Paths that are one file where a host folds case, composes accents or drops
// what it does not like in names.
func TestPromise6CollidingNamesAreRefused(t *testing.T) {
	for _, names := range [][2]string{
		{"build.rs", "Build.rs"},
		{"src/lib.rs", "SRC/lib.rs"},
		{"stra\u00dfe.py", "STRASSE.py"},
		{"K.py", "\u212a.py"}, // the sign for Kelvin
		{"caf\u00e9.py", "cafe\u0301.py"},
		{"\u1e69.py", "s\u0307\u0323.py"},
		{"build.rs", "build.rs."},
		{"build.rs", "build.rs "},
		{"build.rs", "build.rs::$DATA"},
		{"src/lib.rs", "src./lib.rs"},
	} {
		one, two := item{name: "a-1/" + names[0], body: "good"}, item{name: "a-1/" + names[1], body: "evil"}
		same := item{name: "a-1/" + names[1], body: "good"}
		for kind, pack := range map[registry.Kind]func(testing.TB, ...item) []byte{registry.Crate: targz, registry.Sdist: zipped} {
			filename := map[registry.Kind]string{registry.Crate: "a-1.crate", registry.Sdist: "a-1.zip"}[kind]
			if _, err := open(kind, filename, pack(t, one, two), archive.Limits{}); err == nil || !strings.Contains(err.Error(), "are one file on macOS or Windows") {
				t.Errorf("%s %q: %v", kind, names, err)
			}
			if a, err := open(kind, filename, pack(t, one, same), archive.Limits{}); err != nil || len(a.Notes) != 1 {
				t.Errorf("%s %q with equal content: %v", kind, names, err)
			}
		}
	}
	a, err := open(registry.Crate, "a-1.crate", targz(t, item{name: "a-1/x.rs", body: "1"}, item{name: "a-1/x_rs", body: "2"}, item{name: "a-1/.x.rs", body: "3"}, item{name: "a-1/\u00fc", body: "4"}, item{name: "a-1/u", body: "5"}), archive.Limits{})
	if err != nil || len(a.Notes) != 0 {
		t.Errorf("names that do not collide: %v", err)
	}
}

// pip looks whether an sdist is a zip before it unpacks it as a tar.
func TestPromise6TarThatIsAZipAsWellIsRefused(t *testing.T) {
	hidden := zipped(t, item{name: "a-1/setup.py", body: "evil"})
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	w.Extra = hidden
	if _, err := w.Write(tarball(t, item{name: "a-1/setup.py", body: "good"})); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = open(registry.Sdist, "a-1.tar.gz", b.Bytes(), archive.Limits{})
	if err == nil || !strings.Contains(err.Error(), "is a zip as well") {
		t.Errorf("sdist: %v", err)
	}
	// cargo does not look.
	if _, err := open(registry.Crate, "a-1.crate", b.Bytes(), archive.Limits{}); err != nil {
		t.Errorf("crate: %v", err)
	}
}
