package archive_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/registry"
)

// zipItem is an entry made by hand. Zero fields take what is right.
type zipItem struct {
	name, body     string
	method, flags  uint16
	packed         []byte // the content as stored
	size, sum      uint32 // as the central directory says
	attributes     uint32
	extra          string // of the central directory
	localName      string
	localSize      uint32 // both sizes
	localFlags     uint16
	localExtra     string
	descriptor     string
	notInDirectory bool
	offset         uint32 // of the local header; 1 is that of the first entry
}

// zipOptions are about the archive as a whole.
type zipOptions struct {
	prefix, between, behind, comment string
	end                              func(offset, size, count int) string
}

func little(parts ...any) string {
	var b bytes.Buffer
	for _, part := range parts {
		if s, ok := part.(string); ok {
			b.WriteString(s)
		} else if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			panic(err)
		}
	}
	return b.String()
}

func endRecord(offset, size, count int, comment string) string {
	return little("PK\x05\x06", uint32(0), uint16(count), uint16(count), uint32(size), uint32(offset), uint16(len(comment)), comment)
}

func end64(offset, size, count, at int, end string) string {
	return little("PK\x06\x06", uint64(44), uint16(45), uint16(45), uint64(0), uint64(count), uint64(count), uint64(size), uint64(offset),
		"PK\x06\x07", uint32(0), uint64(at), uint32(1), end)
}

func deflated(t testing.TB, body string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipFile(o zipOptions, items ...zipItem) []byte {
	out, directory, count := o.prefix, "", 0
	for _, it := range items {
		offset := uint32(len(out))
		if it.packed == nil {
			it.packed = []byte(it.body)
		}
		sum, size, packed := crc32.ChecksumIEEE([]byte(it.body)), uint32(len(it.body)), uint32(len(it.packed))
		local := little(sum, packed, size)
		if it.flags&8 != 0 {
			local = little(uint32(0), uint32(0), uint32(0))
		}
		if it.localSize != 0 {
			local = little(sum, it.localSize, it.localSize)
		}
		if it.localName == "" {
			it.localName = it.name
		}
		out += little("PK\x03\x04", uint16(20), it.flags|it.localFlags, it.method, uint32(0x210000), local,
			uint16(len(it.localName)), uint16(len(it.localExtra)), it.localName, it.localExtra, it.packed)
		if it.flags&8 != 0 && it.descriptor == "" {
			it.descriptor = little("PK\x07\x08", sum, packed, size)
		}
		out += it.descriptor
		if it.notInDirectory {
			continue
		}
		if it.size != 0 {
			size = it.size
		}
		if it.sum != 0 {
			sum = it.sum
		}
		if it.attributes == 0 {
			it.attributes = 0o100644 << 16
		}
		if it.offset != 0 {
			offset = it.offset - 1
		}
		directory += little("PK\x01\x02", uint16(0x031e), uint16(20), it.flags, it.method, uint32(0x210000), sum, packed, size,
			uint16(len(it.name)), uint16(len(it.extra)), uint16(0), uint32(0), it.attributes, offset, it.name, it.extra)
		count++
	}
	out += o.between
	end := endRecord(len(out), len(directory), count, o.comment)
	if o.end != nil {
		end = o.end(len(out), len(directory), count)
	}
	return []byte(out + directory + end + o.behind)
}

// evilLocal is the local part of a start-up hook, to hide somewhere.
func evilLocal() string {
	whole := string(zipFile(zipOptions{}, zipItem{name: "evil.pth", body: "import evil"}))
	return whole[:strings.Index(whole, "PK\x01\x02")]
}

// Of each of these zipfile (pip), uv of a local file, uv of a remote file or
// archive/zip would read other files than the others, or hold other bytes.
func TestPromise6ZipsThatToolsReadDifferentlyAreRefused(t *testing.T) {
	good := zipItem{name: "good.py", body: "good"}
	unicodePath := little(uint16(0x7075), uint16(13), uint8(1), crc32.ChecksumIEEE([]byte("a.txt")), "evil.pth")
	zip64 := little(uint16(1), uint16(8), uint64(4))
	packed := deflated(t, "good")
	descriptor := little("PK\x07\x08", crc32.ChecksumIEEE([]byte("good")), uint32(len(packed)), uint32(4))
	tests := []struct {
		name  string
		o     zipOptions
		items []zipItem
		want  string
	}{
		{"a file that is in no directory", zipOptions{}, []zipItem{{name: "evil.pth", notInDirectory: true}, good}, "belong to no entry"},
		{"a file that is in no directory, at the end", zipOptions{}, []zipItem{good, {name: "evil.pth", notInDirectory: true}}, "between the entries and the central directory"},
		{"a file behind the end of compressed data", zipOptions{}, []zipItem{{name: "good.py", body: "good", method: zip.Deflate, packed: append(bytes.Clone(packed), evilLocal()...)}}, "its compressed data ends elsewhere"},
		{"the same with a size for who reads without directory", zipOptions{}, []zipItem{{name: "good.py", body: "good", method: zip.Deflate, packed: append(bytes.Clone(packed), evilLocal()...), localSize: uint32(len(packed))}}, "disagree about its size"},
		{"the same with a descriptor", zipOptions{}, []zipItem{{name: "good.py", body: "good", method: zip.Deflate, flags: 8, packed: append(append(bytes.Clone(packed), descriptor...), evilLocal()...)}}, "its compressed data ends elsewhere"},
		{"a file within one whose end is not certain", zipOptions{}, []zipItem{{name: "good.py", body: "good" + evilLocal(), flags: 8}}, "its end is not certain"},
		{"a file within a directory", zipOptions{}, []zipItem{{name: "d/", method: zip.Deflate, packed: []byte(evilLocal())}}, "its end is not certain"},
		{"other sizes", zipOptions{}, []zipItem{{name: "good.py", body: "good" + evilLocal(), localSize: 4}}, "disagree about its size"},
		{"another name", zipOptions{}, []zipItem{{name: "good.py", body: "x", localName: "evil.py"}}, "disagree about its name"},
		{"a longer name", zipOptions{}, []zipItem{{name: "good.py", body: "x", localName: "good.pyc"}}, "disagree about its name"},
		{"a name in an extra field", zipOptions{}, []zipItem{{name: "a.txt", body: "x", extra: unicodePath}}, "another name"},
		{"a name in a local extra field", zipOptions{}, []zipItem{{name: "a.txt", body: "x", localExtra: unicodePath}}, "another name"},
		{"two sizes in extra fields", zipOptions{}, []zipItem{{name: "a.txt", body: "x", extra: zip64 + zip64}}, "two extra fields"},
		{"encrypted for who reads without directory", zipOptions{}, []zipItem{{name: "a.txt", body: "x", localFlags: 1}}, "disagree about its flags"},
		{"UTF-8 for who reads without directory", zipOptions{}, []zipItem{{name: "a.txt", body: "x", localFlags: 1 << 11}}, "disagree about its flags"},
		{"a name that may be UTF-8", zipOptions{}, []zipItem{{name: "\u00e9.pth", body: "x"}}, "without a mark that it is UTF-8"},
		{"a descriptor that disagrees", zipOptions{}, []zipItem{{name: "a", body: "four", flags: 8, descriptor: little("PK\x07\x08", uint32(1), uint32(4), uint32(4))}}, "descriptor and central directory disagree"},
		{"a descriptor without signature that disagrees", zipOptions{}, []zipItem{{name: "a", body: "four", flags: 8, descriptor: little(uint32(1), uint32(4), uint32(4))}}, "descriptor and central directory disagree"},
		{"no descriptor", zipOptions{}, []zipItem{{name: "a", body: "four", flags: 8, descriptor: "PK"}}, "no data descriptor"},
		{"a link", zipOptions{}, []zipItem{{name: "setup.py", body: "import evil", attributes: 0o120777 << 16}}, "link, device"},
		{"a pipe", zipOptions{}, []zipItem{{name: "a", attributes: 0o010644 << 16}}, "link, device"},
		{"a file that says it is a directory", zipOptions{}, []zipItem{{name: "a", body: "x", attributes: 0o040755 << 16}}, "link, device"},
		{"a directory with content", zipOptions{}, []zipItem{{name: "d/", body: "x"}}, "a directory with content"},
		{"a file and a directory", zipOptions{}, []zipItem{{name: "d/"}, {name: "d", body: "x"}}, "is a directory and a file"},
		{"a name of a directory alone", zipOptions{}, []zipItem{{name: ".", body: "x"}}, "a file with a directory's name"},
		{"two files of one name", zipOptions{}, []zipItem{good, {name: "good.py", body: "evil"}}, `two entries are named "good.py"`},
		{"not compressed, of two sizes", zipOptions{}, []zipItem{{name: "a", body: "four", size: 5}}, "of two sizes"},
		{"bzip2", zipOptions{}, []zipItem{{name: "a", body: "four", method: 12}}, "compression method 12: unsupported"},
		{"strongly encrypted", zipOptions{}, []zipItem{{name: "a", body: "four", flags: 1 | 1<<6}}, "encrypted"},
		{"a patch", zipOptions{}, []zipItem{{name: "a", body: "four", flags: 1 << 5}}, "a patch"},
		{"overlapping entries", zipOptions{}, []zipItem{good, {name: "good.py", body: "good", offset: 1}}, "entries overlap"},
		{"an entry behind the directory", zipOptions{}, []zipItem{{name: "good.py", body: "good", offset: 60_000}}, "behind the central directory"},
		{"a program in front", zipOptions{prefix: "#!/bin/sh\n"}, []zipItem{good}, "belong to no entry"},
		{"bytes before the directory", zipOptions{between: "evil"}, []zipItem{good}, "between the entries and the central directory"},
		{"bytes behind the end", zipOptions{behind: "evil"}, []zipItem{good}, "data behind its end"},
		{"a comment that is an end record", zipOptions{comment: endRecord(0, 0, 0, "")}, []zipItem{good}, "not right before its end"},
		{"a comment that is cut off", zipOptions{end: func(o, s, c int) string { e := endRecord(o, s, c, "comment"); return e[:len(e)-1] }}, []zipItem{good}, "comment that is cut off"},
		{"another count", zipOptions{end: func(o, s, c int) string { return endRecord(o, s, c+1, "") }}, []zipItem{good}, "unexpected EOF"},
		{"a directory further in front", zipOptions{end: func(o, s, c int) string { return endRecord(o-1, s, c, "") }}, []zipItem{good}, "not right before its end"},
		{"bytes in the directory", zipOptions{end: func(o, s, c int) string { return "evil" + endRecord(o, s+4, c, "") }}, []zipItem{good}, "belong to no entry"},
		{"several disks", zipOptions{end: func(o, s, c int) string { e := []byte(endRecord(o, s, c, "")); e[4] = 1; return string(e) }}, []zipItem{good}, "a part of a larger archive"},
		{"an end for large files that disagrees", zipOptions{end: func(o, s, c int) string { return end64(o, s, 0, o+s, endRecord(o, s, c, "")) }}, []zipItem{good}, "two end records disagree"},
		{"an end for large files elsewhere", zipOptions{end: func(o, s, c int) string { return end64(o, s, c, 0, endRecord(o, s, c, "")) }}, []zipItem{good}, "two end records disagree"},
		{"an end for large files that is not there", zipOptions{end: func(o, s, c int) string { return end64(o, s, c, o+s, endRecord(o, s, c, ""))[56:] }}, []zipItem{good}, "not where it should be"},
		{"a directory of 4 GiB", zipOptions{end: func(o, s, c int) string { return endRecord(o, 1<<32-1, c, "") }}, []zipItem{good}, "central directory of 4294967295 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, err := open(registry.Wheel, "a.whl", zipFile(test.o, test.items...), archive.Limits{})
			if err == nil {
				t.Fatalf("was read: %s", list(t, a))
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
}

func TestPromise6HonestZipsAreRead(t *testing.T) {
	packed := deflated(t, "four")
	sum := crc32.ChecksumIEEE([]byte("four"))
	at := func(o, s, c int) string {
		return end64(o, s, c, o+s, little("PK\x05\x06", uint32(0), uint16(0xffff), uint16(0xffff), uint32(0xffffffff), uint32(0xffffffff), uint16(0)))
	}
	path := little(uint16(0x7075), uint16(6), uint8(1), crc32.ChecksumIEEE([]byte("a")), "a")
	nested := string(zipFile(zipOptions{}, zipItem{name: "x", body: "x"}))
	for _, test := range []struct {
		name string
		o    zipOptions
		item zipItem
	}{
		{"a comment", zipOptions{comment: strings.Repeat("c", 0xffff)}, zipItem{name: "a", body: "four"}},
		{"an end for large files", zipOptions{end: at}, zipItem{name: "a", body: "four"}},
		{"an end for large files that agrees", zipOptions{end: func(o, s, c int) string { return end64(o, s, c, o+s, endRecord(o, s, c, "")) }}, zipItem{name: "a", body: "four"}},
		{"sizes for large files", zipOptions{}, zipItem{name: "a", body: "four", size: 0xffffffff, extra: little(uint16(1), uint16(8), uint64(4))}},
		{"local sizes for large files", zipOptions{}, zipItem{name: "a", body: "four", localSize: 0xffffffff, localExtra: little(uint16(1), uint16(16), uint64(4), uint64(4))}},
		{"much local extra data", zipOptions{}, zipItem{name: "a", body: "four", localExtra: little(uint16(0xcafe), uint16(40_000), strings.Repeat("x", 40_000))}},
		{"a descriptor", zipOptions{}, zipItem{name: "a", body: "four", method: zip.Deflate, packed: packed, flags: 8}},
		{"a descriptor without signature", zipOptions{}, zipItem{name: "a", body: "four", method: zip.Deflate, packed: packed, flags: 8, descriptor: little(sum, uint32(len(packed)), uint32(4))}},
		{"a long descriptor", zipOptions{}, zipItem{name: "a", body: "four", method: zip.Deflate, packed: packed, flags: 8, descriptor: little("PK\x07\x08", sum, uint64(len(packed)), uint64(4))}},
		{"a long descriptor without signature", zipOptions{}, zipItem{name: "a", body: "four", method: zip.Deflate, packed: packed, flags: 8, descriptor: little(sum, uint64(len(packed)), uint64(4))}},
		{"UTF-8", zipOptions{}, zipItem{name: "\u00e9", body: "four", flags: 1 << 11}},
		{"its name again in an extra field", zipOptions{}, zipItem{name: "a", body: "four", extra: path, localExtra: path}},
		{"an archive within", zipOptions{}, zipItem{name: "a", body: nested}},
		{"an archive within, compressed without effect", zipOptions{}, zipItem{name: "a", body: nested, method: zip.Deflate, packed: []byte("\x01" + little(uint16(len(nested)), ^uint16(len(nested))) + nested)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := zipFile(test.o, test.item)
			a, err := open(registry.Wheel, "a.whl", data, archive.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			want := fmt.Sprintf("%s %q\n", test.item.name, test.item.body)
			if got := list(t, a); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			a, err = archive.OpenPartial(context.Background(), registry.Wheel, "a.whl", bytes.NewReader(data), int64(len(data)), archive.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if got := list(t, a); got != want {
				t.Errorf("in parts: got %q, want %q", got, want)
			}
		})
	}
}

// In parts, what the central directory alone tells is checked at once, and a
// local header when its file is read.
func TestPromise6PartialZipsAreCheckedAsTheyAreRead(t *testing.T) {
	good := zipItem{name: "good.py", body: "good"}
	for _, test := range []struct {
		name  string
		items []zipItem
		read  bool // the error comes only with the file
		want  string
	}{
		{"overlapping entries", []zipItem{good, {name: "other.py", body: "good", offset: 1}}, false, "entries overlap"},
		{"a large file that is in no directory", []zipItem{{name: "evil.so", body: strings.Repeat("x", 70_000), notInDirectory: true}, good}, false, "belong to no entry"},
		{"another name", []zipItem{{name: "good.py", body: "x", localName: "evil.py"}}, true, "disagree about its name"},
		{"other sizes", []zipItem{{name: "good.py", body: "good" + evilLocal(), localSize: 4}}, true, "disagree about its size"},
		{"no local header", []zipItem{{name: "a", body: "x"}}, true, "no local header"},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := zipFile(zipOptions{}, test.items...)
			if test.want == "no local header" {
				data[0] = 'x'
			}
			a, err := archive.OpenPartial(context.Background(), registry.Wheel, "a.whl", bytes.NewReader(data), int64(len(data)), archive.Limits{})
			if (err == nil) != test.read {
				t.Fatal(err)
			}
			if err == nil {
				_, err = a.ReadFile(test.items[len(test.items)-1].name)
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
}

// Fifield's bomb: many entries that share one stream of compressed data, each
// harmless for itself.
func TestPromise6OverlappingBombIsRefusedUnread(t *testing.T) {
	kernel := deflated(t, strings.Repeat("\x00", 1<<20))
	sum := crc32.ChecksumIEEE(make([]byte, 1<<20))
	items := []zipItem{{name: "0", body: strings.Repeat("\x00", 1<<20), method: zip.Deflate, packed: kernel}}
	for i := range 1000 {
		items = append(items, zipItem{name: fmt.Sprint(i + 1), method: zip.Deflate, packed: []byte{}, size: 1 << 20, sum: sum, offset: 1})
	}
	data := zipFile(zipOptions{}, items...)
	for _, err := range []error{
		func() error { _, err := open(registry.Wheel, "a.whl", data, archive.Limits{}); return err }(),
		func() error {
			_, err := archive.OpenPartial(context.Background(), registry.Wheel, "a.whl", bytes.NewReader(data), int64(len(data)), archive.Limits{})
			return err
		}(),
	} {
		if err == nil || !strings.Contains(err.Error(), "entries overlap") {
			t.Errorf("got %v", err)
		}
	}
}

func TestPromise6Bzip2(t *testing.T) {
	// A tar with "x" as a-1/setup.py, cut in two, each half compressed by Python's bz2.
	one, err := base64.StdEncoding.DecodeString("QlpoOTFBWSZTWZai2a0AACJbiMmAQAP1AAQAYgBeYACACAAgAFRQAAANqBKmibUaNqD1NGjXpdJANZFGoqggI9p1mQmhAeIZJJt4nVXU4Ihy/VLDR7cjfF3JFOFCQlqLZrQ=")
	if err != nil {
		t.Fatal(err)
	}
	two, err := base64.StdEncoding.DecodeString("QlpoOTFBWSZTWVINeEUAAALEAMAAAgAACCAAMMwImklAPF3JFOFCQUg14RQ=")
	if err != nil {
		t.Fatal(err)
	}
	whole := append(bytes.Clone(one), two...)
	a, err := open(registry.Sdist, "a-1.tar.bz2", whole, archive.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got := list(t, a); got != "setup.py \"x\"\n" {
		t.Errorf("got %q", got)
	}
	for name, data := range map[string][]byte{
		"cut off": whole[:len(whole)-5], "data behind the end": append(bytes.Clone(whole), "evil"...), "no bzip2": []byte("BZh9 no bzip2"), "empty": {},
	} {
		if _, err := open(registry.Sdist, "a-1.tar.bz2", data, archive.Limits{}); err == nil {
			t.Errorf("%s: was read", name)
		}
	}
}
