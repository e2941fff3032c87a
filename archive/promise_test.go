package archive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/registry"
)

// readerFunc counts what is read, to show what was not.
type readerFunc func(p []byte, off int64) (int, error)

func (f readerFunc) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

func TestPromise6DigestIsCheckedBeforeUse(t *testing.T) {
	good := targz(t, item{name: "a-1/x", body: "x"})
	other := targz(t, item{name: "a-1/x", body: "y"})
	ctx := context.Background()
	_, err := archive.Open(ctx, registry.Crate, "a.crate", bytes.NewReader(other), int64(len(other)), lockkeeper.Sum(good), archive.Limits{})
	if !errors.Is(err, archive.ErrDigest) {
		t.Errorf("other bytes: %v", err)
	}
	_, err = archive.Open(ctx, registry.Crate, "a.crate", bytes.NewReader(good), int64(len(good)), "", archive.Limits{})
	if err == nil || !strings.Contains(err.Error(), "no digest") {
		t.Errorf("no digest: %v", err)
	}
	_, err = archive.Open(ctx, registry.Crate, "a.crate", bytes.NewReader(good), int64(len(good))+1, lockkeeper.Sum(good), archive.Limits{})
	if err == nil {
		t.Error("short file was accepted")
	}
	// Bytes that are no archive at all and have the wrong digest: the digest is what is reported.
	_, err = archive.Open(ctx, registry.Wheel, "a.whl", strings.NewReader("hello"), 5, lockkeeper.Sum(good), archive.Limits{})
	if !errors.Is(err, archive.ErrDigest) {
		t.Errorf("not an archive: %v", err)
	}
}

func TestPromise6TooLargeAPackageIsNotRead(t *testing.T) {
	r := readerFunc(func(p []byte, off int64) (int, error) {
		t.Error("read")
		return 0, errors.New("read")
	})
	_, err := archive.Open(context.Background(), registry.Crate, "a.crate", r, 1001, lockkeeper.Sum(nil), archive.Limits{Packed: 1000})
	if !errors.Is(err, archive.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestPromise6ContextEndsReading(t *testing.T) {
	crate := targz(t, item{name: "a-1/x", body: "x"})
	wheel := zipped(t, item{name: "x", body: "x"})
	ctx, cancel := context.WithCancel(context.Background())
	a, err := archive.Open(ctx, registry.Wheel, "a.whl", bytes.NewReader(wheel), int64(len(wheel)), lockkeeper.Sum(wheel), archive.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := a.ReadFile("x"); !errors.Is(err, context.Canceled) {
		t.Errorf("read of a wheel: %v", err)
	}
	_, err = archive.Open(ctx, registry.Crate, "a.crate", bytes.NewReader(crate), int64(len(crate)), lockkeeper.Sum(crate), archive.Limits{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("open of a crate: %v", err)
	}
}

func TestPromise6HostileArchivesAreRefused(t *testing.T) {
	zeros := strings.Repeat("\x00", 18<<20)
	many := make([]item, 0, 12)
	for i := range 12 {
		many = append(many, item{name: fmt.Sprintf("a-1/f%d", i)})
	}
	plain := item{name: "a-1/x", body: "x"}
	whole := tarball(t, plain)
	tests := []struct {
		name     string
		kind     registry.Kind
		filename string
		data     []byte
		limits   archive.Limits
		want     string
	}{
		{name: "bomb by ratio", data: targz(t, item{name: "a-1/x", body: zeros}), want: "250-fold"},
		{name: "bomb by size", data: targz(t, item{name: "a-1/x", body: zeros}), limits: archive.Limits{Unpacked: 8 << 20}, want: "more than 8388608 bytes"},
		{name: "bomb behind the end of the tar", data: gzipped(t, append(tarball(t, plain), zeros...)), want: "250-fold"},
		{name: "data behind the end of the tar", data: gzipped(t, append(tarball(t, plain), "evil"...)), want: "behind the end of the archive"},
		{name: "data behind the gzip stream", data: append(targz(t, plain), "evil"...), want: "behind the end of the gzip stream"},
		{name: "data behind the gzip stream of an sdist", kind: registry.Sdist, filename: "a-1.tar.gz", data: append(targz(t, plain), "evil, evil, evil"...), want: "gzip: invalid header"},
		{name: "second gzip member in a crate", data: append(gzipped(t, whole[:512]), gzipped(t, whole[512:])...), want: "unexpected EOF"},
		{name: "second tar in a crate", data: append(targz(t, plain), targz(t, plain)...), want: "behind the end of the gzip stream"},
		{name: "second tar in an sdist", kind: registry.Sdist, filename: "a-1.tar.gz", data: append(targz(t, plain), targz(t, plain)...), want: "behind the end of the archive"},
		{name: "one zero block and an entry", data: gzipped(t, append(append(bytes.Clone(whole[:1024]), make([]byte, 512)...), whole...)), want: "invalid tar header"},
		{name: "truncated", data: targz(t, plain)[:40], want: "unexpected EOF"},
		{name: "truncated tar", data: gzipped(t, whole[:512]), want: "unexpected EOF"},
		{name: "not gzip", data: []byte("hello, this is not gzip"), want: "gzip: invalid header"},
		{name: "parent", data: targz(t, item{name: "a-1/../../x"}), want: `".." in path`},
		{name: "absolute", data: targz(t, item{name: "/etc/x"}), want: "absolute path"},
		{name: "backslash", data: targz(t, item{name: `a-1\x`}), want: "backslash"},
		{name: "drive", data: targz(t, item{name: "C:/x"}), want: "drive letter"},
		{name: "not UTF-8", data: targz(t, item{name: "a-1/\xff"}), want: "not UTF-8"},
		{name: "long name", data: targz(t, item{name: "a-1/" + strings.Repeat("x", 2000)}), want: "name of 2004 bytes"},
		{name: "deep", data: targz(t, item{name: "a-1/" + strings.Repeat("x/", 100) + "y"}), want: "path of 102 elements, limit 64"},
		{name: "many entries", data: targz(t, many...), limits: archive.Limits{Entries: 10}, want: "more than 10 entries"},
		{name: "symbolic link in a crate", data: targz(t, item{name: "a-1/x", kind: tar.TypeSymlink, link: "y"}), want: `link to "y" in a crate`},
		{name: "hard link in a crate", data: targz(t, plain, item{name: "a-1/y", kind: tar.TypeLink, link: "a-1/x"}), want: "link to"},
		{name: "device", data: targz(t, item{name: "a-1/x", kind: tar.TypeChar}), want: "device"},
		{name: "fifo in an sdist", kind: registry.Sdist, filename: "a-1.tar.gz", data: targz(t, item{name: "a-1/x", kind: tar.TypeFifo}), want: "device"},
		{name: "hard link to nothing", kind: registry.Sdist, filename: "a-1.tar.gz", data: targz(t, item{name: "a-1/y", kind: tar.TypeLink, link: "etc/x"}), want: "not an earlier entry"},
		{name: "hard link outside", kind: registry.Sdist, filename: "a-1.tar.gz", data: targz(t, item{name: "a-1/y", kind: tar.TypeLink, link: "/etc/x"}), want: "absolute path"},
		{name: "file beneath a link", kind: registry.Sdist, filename: "a-1.tar.gz", data: targz(t, item{name: "a-1/d", kind: tar.TypeSymlink, link: "/etc"}, item{name: "a-1/d/x"}), want: "not a directory"},
		{name: "file beneath a file", data: targz(t, plain, item{name: "a-1/x/y"}), want: "not a directory"},
		{name: "two directories", data: targz(t, plain, item{name: "b-1/x"}), want: "several top-level directories"},
		{name: "file beside the directory", data: targz(t, plain, item{name: "build.rs"}), want: "outside of the crate's directory"},
		{name: "global path", data: targz(t, item{kind: tar.TypeXGlobalHeader, pax: map[string]string{"path": "a-1/y"}}, plain), want: "global header"},
		{name: "other format", kind: registry.Sdist, filename: "a-1.tar.xz", data: []byte("x"), want: "unsupported format"},
		{name: "other kind", kind: "egg", filename: "a-1.egg", data: []byte("x"), want: "unsupported kind"},

		{name: "zip bomb", kind: registry.Wheel, data: zipped(t, item{name: "x", body: zeros}), want: "250-fold"},
		{name: "zip parent", kind: registry.Wheel, data: zipped(t, item{name: "a/../../x"}), want: `".." in path`},
		{name: "zip absolute", kind: registry.Wheel, data: zipped(t, item{name: "/x"}), want: "absolute path"},
		{name: "zip NUL", kind: registry.Wheel, data: zipped(t, item{name: "a.pth\x00.txt"}), want: "NUL in name"},
		{name: "zip duplicate", kind: registry.Wheel, data: zipped(t, item{name: "x", body: "1"}, item{name: "x", body: "2"}), want: `two entries are named "x"`},
		{name: "zip duplicate by another spelling", kind: registry.Wheel, data: zipped(t, item{name: "x", body: "1"}, item{name: "./x", body: "2"}), want: `two entries are named "x"`},
		{name: "zip link in a wheel", kind: registry.Wheel, data: zipped(t, item{name: "x", kind: tar.TypeSymlink, link: "y"}), want: "link, device"},
		{name: "zip many entries", kind: registry.Wheel, data: zipped(t, many...), limits: archive.Limits{Entries: 10}, want: "12 entries, limit 10"},
		{name: "zip claims entries", kind: registry.Wheel, data: patch(zipped(t, plain), "PK\x05\x06", 10, 0xff, 0xff), want: "zip:"},
		{name: "zip prefix", kind: registry.Wheel, data: append([]byte("#!/bin/sh\n"), zipped(t, plain)...), want: "bytes before the archive"},
		{name: "zip local name differs", kind: registry.Wheel, data: patch(zipped(t, item{name: "a.txt", body: "x"}), "PK\x03\x04", 30, 'b'), want: "disagree"},
		{name: "zip local method differs", kind: registry.Wheel, data: patch(zipped(t, item{name: "a.txt", body: "x"}), "PK\x03\x04", 8, 0), want: "disagree about its flags or compression"},
		{name: "zip hidden local file", kind: registry.Wheel, data: hiddenEntry(t), want: "belong to no entry"},
		{name: "zip encrypted", kind: registry.Wheel, data: patch(zipped(t, plain), "PK\x01\x02", 8, 9), want: "encrypted"},
		{name: "zip method", kind: registry.Wheel, data: patch(patch(zipped(t, plain), "PK\x01\x02", 10, 14), "PK\x03\x04", 8, 14), want: "compression method 14"},
		{name: "not a zip", kind: registry.Wheel, data: []byte("hello"), want: "not a valid zip file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.kind == "" {
				test.kind = registry.Crate
			}
			_, err := open(test.kind, test.filename, test.data, test.limits)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
}

// patch overwrites bytes at an offset behind the first place of a signature.
func patch(data []byte, signature string, offset int, with ...byte) []byte {
	data = bytes.Clone(data)
	copy(data[bytes.Index(data, []byte(signature))+offset:], with)
	return data
}

// hiddenEntry is a zip of two files whose central directory lists the second
// one alone: a streaming unpacker sees both.
func hiddenEntry(t *testing.T) []byte {
	t.Helper()
	data := zipped(t, item{name: "hid", body: "x"}, item{name: "seen", body: "y"})
	directory := bytes.Index(data, []byte("PK\x01\x02"))
	second := directory + 4 + bytes.Index(data[directory+4:], []byte("PK\x01\x02"))
	end := bytes.Index(data, []byte("PK\x05\x06"))
	cut := append(bytes.Clone(data[:directory]), data[second:]...)
	end -= second - directory
	binary.LittleEndian.PutUint16(cut[end+8:], 1)
	binary.LittleEndian.PutUint16(cut[end+10:], 1)
	binary.LittleEndian.PutUint32(cut[end+12:], uint32(end-directory))
	return cut
}

func TestPromise6LargeFilesAreSummedNotKept(t *testing.T) {
	large := "\x7fELF" + strings.Repeat("0123456789", 1000)
	data := targz(t, item{name: "a-1/large", body: large}, item{name: "a-1/one", body: strings.Repeat("1", 600)}, item{name: "a-1/two", body: strings.Repeat("2", 600)})
	a, err := open(registry.Crate, "a.crate", data, archive.Limits{File: 1000, Kept: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"large", "two"} {
		if _, err := a.ReadFile(name); !errors.Is(err, archive.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if f, _ := a.File("large"); f.Digest != lockkeeper.Sum([]byte(large)) || f.Size != int64(len(large)) {
		t.Errorf("large: %+v", f)
	}
	if head, err := a.Head("large"); err != nil || string(head) != large[:512] {
		t.Errorf("head of %d bytes, %v", len(head), err)
	}
	if _, err := a.ReadFile("one"); err != nil {
		t.Error(err)
	}
}

func TestPromise6ZipReadsAreBounded(t *testing.T) {
	body := strings.Repeat("0123456789", 100)
	data := zipped(t, item{name: "a", body: body}, item{name: "b", body: body})
	a, err := open(registry.Wheel, "a.whl", data, archive.Limits{File: 999})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.ReadFile("a"); !errors.Is(err, archive.ErrTooLarge) {
		t.Errorf("file limit: %v", err)
	}
	if sum, err := a.Sum("a"); err != nil || sum != lockkeeper.Sum([]byte(body)) {
		t.Errorf("sum: %s, %v", sum, err)
	}
	a, err = open(registry.Wheel, "a.whl", data, archive.Limits{Unpacked: 1500})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.ReadFile("a"); err != nil {
		t.Error(err)
	}
	if _, err := a.ReadFile("b"); !errors.Is(err, archive.ErrTooLarge) {
		t.Errorf("total limit: %v", err)
	}
}

// A file that expands to more or less than its directory entry declares, or to
// something else.
func TestPromise6ZipDeclaredSizesHold(t *testing.T) {
	for _, test := range []struct {
		name  string
		entry zipItem
	}{
		{"fewer bytes declared", zipItem{name: "a", body: "four", size: 1}},
		{"more bytes declared", zipItem{name: "a", body: "four", size: 200}},
		{"another checksum", zipItem{name: "a", body: "four", sum: 1}},
		{"compressed data that is damaged", zipItem{name: "a", body: "four", method: zip.Deflate, packed: []byte("\xff\xff\xff")}},
		{"compressed data that is cut off", zipItem{name: "a", body: "four", method: zip.Deflate, packed: deflated(t, "four")[:3]}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, err := open(registry.Wheel, "a.whl", zipFile(zipOptions{}, test.entry), archive.Limits{})
			if err == nil {
				_, err = a.ReadFile("a")
			}
			if err == nil {
				t.Error("was read")
			}
		})
	}
}
