package archive

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
)

// maxDirectory bounds a zip's central directory, in bytes.
const maxDirectory = 64 << 20

// Signatures of APPNOTE.TXT, sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16.
var (
	localSignature     = []byte("PK\x03\x04")
	directorySignature = []byte("PK\x01\x02")
	endSignature       = []byte("PK\x05\x06")
	end64Signature     = []byte("PK\x06\x06")
	locatorSignature   = []byte("PK\x06\x07")
)

// readZip reads the central directory, which decides. Contents are expanded when
// they are asked for.
func (a *Archive) readZip(r io.ReaderAt, size int64) error {
	if err := countEntries(r, size, a.limits.Entries); err != nil {
		return fmt.Errorf("zip: %w", err)
	}
	budget := &budgetReaderAt{ctx: a.ctx, r: r, left: maxDirectory}
	zr, err := zip.NewReader(budget, size)
	if err != nil {
		return fmt.Errorf("zip: %w", err)
	}
	budget.left = -1 // from here on entries bound what is read
	if len(zr.File) > a.limits.Entries {
		return fmt.Errorf("more than %d entries: %w", a.limits.Entries, ErrTooLarge)
	}
	if !a.Partial {
		if err := checkLocal(r, size, zr.File); err != nil {
			return fmt.Errorf("zip: %w", err)
		}
	}
	var entries []*entry
	for _, f := range zr.File {
		e, err := a.zipEntry(f)
		if err != nil {
			return err
		}
		if e != nil {
			entries = append(entries, e)
		}
	}
	return a.finish(entries)
}

// zipEntry checks one entry of the central directory; nil for a directory.
func (a *Archive) zipEntry(f *zip.File) (*entry, error) {
	name, err := cleanName(f.Name, a.limits.Depth)
	if err != nil {
		return nil, err
	}
	mode := f.Mode()
	switch {
	case f.Flags&1 != 0:
		return nil, fmt.Errorf("entry %q: encrypted", clip(name))
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return nil, fmt.Errorf("entry %q: compression method %d: %w", clip(name), f.Method, ErrUnsupported)
	case strings.HasSuffix(f.Name, "/"):
		if f.UncompressedSize64 != 0 {
			return nil, fmt.Errorf("entry %q: a directory with content", clip(name))
		}
		return nil, nil
	case name == "":
		return nil, fmt.Errorf("entry %q: a file with a directory's name", clip(f.Name))
	case f.UncompressedSize64 > 1<<40 || f.CompressedSize64 > 1<<40:
		return nil, fmt.Errorf("entry %q: declares %d bytes: %w", clip(name), f.UncompressedSize64, ErrTooLarge)
	case f.UncompressedSize64 > ratioFloor && f.UncompressedSize64/max(f.CompressedSize64, 1) >= uint64(a.limits.Ratio):
		return nil, fmt.Errorf("entry %q: %d bytes expand more than %d-fold: %w", clip(name), f.CompressedSize64, a.limits.Ratio, ErrTooLarge)
	}
	e := &entry{
		File: File{Path: name, Size: int64(f.UncompressedSize64), Executable: mode&0o111 != 0},
		open: f.Open,
	}
	// The wheel format has no links; unpackers write the target out as a plain file,
	// follow it or refuse it.
	if mode.Type() != 0 {
		if a.Kind != registry.Sdist || mode.Type() != fs.ModeSymlink {
			return nil, fmt.Errorf("entry %q: link, device or other special file", clip(name))
		}
		target, err := a.zipLink(e)
		if err != nil {
			return nil, fmt.Errorf("entry %q: %w", clip(name), err)
		}
		e.Link, e.open = target, nil
	}
	return e, nil
}

func (a *Archive) zipLink(e *entry) (string, error) {
	if e.Size == 0 || e.Size > maxName {
		return "", fmt.Errorf("link with a target of %d bytes", e.Size)
	}
	var target []byte
	if err := a.stream(e, func(p []byte) { target = append(target, p...) }); err != nil {
		return "", err
	}
	return string(target), nil
}

// stream expands e, giving its bytes to use and remembering their digest. It
// never yields more than the declared size.
func (a *Archive) stream(e *entry, use func([]byte)) error {
	if a.spent+e.Size > a.limits.Unpacked {
		return fmt.Errorf("more than %d bytes expanded: %w", a.limits.Unpacked, ErrTooLarge)
	}
	rc, err := e.open()
	if err != nil {
		return fmt.Errorf("zip: %w", err)
	}
	defer rc.Close()
	sum := sha256.New()
	buf := make([]byte, min(e.Size+1, 32<<10))
	for n := int64(0); ; {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		k, err := rc.Read(buf)
		if n += int64(k); n > e.Size {
			return fmt.Errorf("zip: more than the declared %d bytes", e.Size)
		}
		a.spent += int64(k)
		sum.Write(buf[:k])
		use(buf[:k])
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("zip: %w", err)
		}
	}
	e.Digest = lockkeeper.SumBytes(sum.Sum(nil))
	return nil
}

func (a *Archive) head(e *entry) ([]byte, error) {
	rc, err := e.open()
	if err != nil {
		return nil, fmt.Errorf("zip: %w", err)
	}
	defer rc.Close()
	head := make([]byte, min(e.Size, headSize))
	if _, err := io.ReadFull(rc, head); err != nil {
		return nil, fmt.Errorf("zip: %w", err)
	}
	a.spent += int64(len(head))
	return head, nil
}

// countEntries reads the end record by itself, because zip.NewReader allocates
// for as many entries as are claimed there.
func countEntries(r io.ReaderAt, size int64, limit int) error {
	tail := make([]byte, min(size, 22+0xffff))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return err
	}
	i := bytes.LastIndex(tail, endSignature)
	if i < 0 || len(tail)-i < 22 {
		return zip.ErrFormat
	}
	count := uint64(binary.LittleEndian.Uint16(tail[i+10:]))
	if i >= 20 && bytes.Equal(tail[i-20:i-16], locatorSignature) {
		record := make([]byte, 56)
		at := binary.LittleEndian.Uint64(tail[i-12:])
		if at > uint64(size) {
			return zip.ErrFormat
		}
		if _, err := r.ReadAt(record, int64(at)); err != nil || !bytes.Equal(record[:4], end64Signature) {
			return zip.ErrFormat
		}
		count = max(count, binary.LittleEndian.Uint64(record[32:]))
	}
	if count > uint64(limit) {
		return fmt.Errorf("more than %d entries: %w", limit, ErrTooLarge)
	}
	return nil
}

// checkLocal walks the local headers as a streaming unpacker (uv) does, and
// wants to meet exactly the files of the central directory (pip): no other
// names, no overlaps, no bytes in between, none before.
func checkLocal(r io.ReaderAt, size int64, files []*zip.File) error {
	type span struct {
		f    *zip.File
		data int64
	}
	spans := make([]span, 0, len(files))
	for _, f := range files {
		at, err := f.DataOffset()
		if err != nil {
			return fmt.Errorf("%q: %w", clip(f.Name), err)
		}
		spans = append(spans, span{f, at})
	}
	slices.SortFunc(spans, func(x, y span) int { return int(min(max(x.data-y.data, -1), 1)) })
	offset := int64(0)
	for _, s := range spans {
		header := make([]byte, 30)
		if _, err := r.ReadAt(header, offset); err != nil || !bytes.Equal(header[:4], localSignature) {
			return fmt.Errorf("%q: entries overlap, or bytes belong to no entry of the central directory", clip(s.f.Name))
		}
		nameLen := int64(binary.LittleEndian.Uint16(header[26:]))
		extraLen := int64(binary.LittleEndian.Uint16(header[28:]))
		name := make([]byte, nameLen)
		if _, err := r.ReadAt(name, offset+30); err != nil {
			return fmt.Errorf("%q: %w", clip(s.f.Name), err)
		}
		if offset+30+nameLen+extraLen != s.data || string(name) != s.f.Name {
			return fmt.Errorf("%q: local header (%q) and central directory disagree", clip(s.f.Name), clip(string(name)))
		}
		if binary.LittleEndian.Uint16(header[8:]) != s.f.Method {
			return fmt.Errorf("%q: local header and central directory name different compression", clip(s.f.Name))
		}
		offset = afterData(r, s.data+int64(s.f.CompressedSize64), s.f.Flags&8 != 0)
		if offset < 0 || offset > size {
			return fmt.Errorf("%q: entries overlap, or bytes belong to no entry of the central directory", clip(s.f.Name))
		}
	}
	return checkSignature(r, offset, directorySignature, endSignature, end64Signature)
}

// afterData finds where the next record starts, behind the data descriptor if
// there is one (APPNOTE.TXT 4.3.9: 12 or 20 bytes, four more with a signature);
// -1 if nowhere.
func afterData(r io.ReaderAt, end int64, descriptor bool) int64 {
	if !descriptor {
		return end
	}
	for _, skip := range []int64{16, 24, 12, 20} {
		if checkSignature(r, end+skip, localSignature, directorySignature) == nil {
			return end + skip
		}
	}
	return -1
}

func checkSignature(r io.ReaderAt, offset int64, any ...[]byte) error {
	var got [4]byte
	if _, err := r.ReadAt(got[:], offset); err == nil || errors.Is(err, io.EOF) {
		for _, want := range any {
			if bytes.Equal(got[:], want) {
				return nil
			}
		}
	}
	return errors.New("bytes between the entries and the central directory")
}

// budgetReaderAt bounds what zip.NewReader fetches; a negative budget is no bound.
type budgetReaderAt struct {
	ctx  context.Context
	r    io.ReaderAt
	left int64
}

func (b *budgetReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if b.left >= 0 {
		if int64(len(p)) > b.left {
			return 0, fmt.Errorf("central directory of more than %d bytes: %w", maxDirectory, ErrTooLarge)
		}
		b.left -= int64(len(p))
	}
	return b.r.ReadAt(p, off)
}
