package archive

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/lockkeeper/lockkeeper"
)

// readZip reads the central directory, which decides. Contents are expanded when
// they are asked for.
func (a *Archive) readZip(r io.ReaderAt, size int64) error {
	end, err := readEnd(r, size)
	if err != nil {
		return fmt.Errorf("zip: %w", explain(err))
	}
	// zip.NewReader allocates for as many entries as the end record claims.
	if end.count > uint64(a.limits.Entries) {
		return fmt.Errorf("zip: %d entries, limit %d: %w", end.count, a.limits.Entries, ErrTooLarge)
	}
	// In one read, since by ranges each costs a request: of the directory and of the
	// end that zip.NewReader looks at.
	window, err := newWindow(&contextReaderAt{a.ctx, r}, min(end.offset, max(size-maxEnd, 0)), size)
	if err != nil {
		return fmt.Errorf("zip: central directory: %w", explain(err))
	}
	zr, err := zip.NewReader(window, size)
	if err != nil {
		return fmt.Errorf("zip: %w", explain(err))
	}
	if uint64(len(zr.File)) != end.count {
		return fmt.Errorf("zip: %d entries, and its end record says %d", len(zr.File), end.count)
	}
	records, err := readRecords(window, end, zr.File)
	if err != nil {
		return fmt.Errorf("zip: %w", explain(err))
	}
	window.drop()
	if err := checkSpans(records, end); err != nil {
		return fmt.Errorf("zip: %w", explain(err))
	}
	var entries []*entry
	var dirs []string
	for i := range records {
		e, err := a.zipEntry(window, &records[i])
		if err != nil {
			return err
		}
		switch {
		case e.open != nil:
			entries = append(entries, e)
		case e.Path != "":
			dirs = append(dirs, e.Path)
		}
	}
	if !a.Partial {
		if err := checkLocals(window, records, end); err != nil {
			return fmt.Errorf("zip: %w", explain(err))
		}
		if err := a.checkHidden(window, records); err != nil {
			return fmt.Errorf("zip: %w", explain(err))
		}
	}
	return a.finish(entries, dirs)
}

// zipEntry checks one entry of the central directory; a directory has no content
// to open.
func (a *Archive) zipEntry(r io.ReaderAt, record *zipRecord) (*entry, error) {
	f := record.file
	name, err := cleanName(f.Name, a.limits.Depth)
	if err != nil {
		return nil, err
	}
	mode := f.Mode()
	switch {
	case f.Flags&flagEncrypted != 0:
		return nil, fmt.Errorf("entry %q: encrypted", clip(name))
	case f.Flags&flagPatch != 0:
		return nil, fmt.Errorf("entry %q: a patch: %w", clip(name), ErrUnsupported)
	case f.Flags&flagUTF8 == 0 && !isASCII(f.Name):
		return nil, fmt.Errorf("entry %q: name without a mark that it is UTF-8, which tools read differently", clip(name))
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return nil, fmt.Errorf("entry %q: compression method %d: %w", clip(name), f.Method, ErrUnsupported)
	case strings.HasSuffix(f.Name, "/"):
		if f.UncompressedSize64 != 0 {
			return nil, fmt.Errorf("entry %q: a directory with content", clip(name))
		}
		return &entry{File: File{Path: name}}, nil
	case name == "":
		return nil, fmt.Errorf("entry %q: a file with a directory's name", clip(f.Name))
	case f.UncompressedSize64 > 1<<40 || f.CompressedSize64 > 1<<40:
		return nil, fmt.Errorf("entry %q: declares %d bytes: %w", clip(name), f.UncompressedSize64, ErrTooLarge)
	case f.Method == zip.Store && f.UncompressedSize64 != f.CompressedSize64:
		return nil, fmt.Errorf("entry %q: not compressed, and of two sizes", clip(name))
	case f.UncompressedSize64 > ratioFloor && f.UncompressedSize64/max(f.CompressedSize64, 1) >= uint64(a.limits.Ratio):
		return nil, fmt.Errorf("entry %q: %d bytes expand more than %d-fold: %w", clip(name), f.CompressedSize64, a.limits.Ratio, ErrTooLarge)
	case mode.Type() != 0:
		// Unpackers write a link's target out as the content of a file (pip), follow it
		// or refuse it.
		return nil, fmt.Errorf("entry %q: link, device or other special file, which tools read differently", clip(name))
	}
	return &entry{
		File: File{Path: name, Size: int64(f.UncompressedSize64), Executable: mode&0o111 != 0},
		open: func() (io.ReadCloser, error) {
			// Of a partial archive the local header is read only now.
			if record.data == 0 {
				if err := record.readLocal(r); err != nil {
					return nil, err
				}
			}
			return f.Open()
		},
	}, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// checkHidden looks for local headers inside of entries. A deflated stream may
// end before its entry does, and whoever reads on from there (a streaming
// unpacker) finds files that the central directory does not list. Where there is
// one, an archive within the archive most likely, the entry is expanded to see
// that it ends where it should.
func (a *Archive) checkHidden(r io.ReaderAt, records []zipRecord) error {
	buf := make([]byte, 64<<10)
	for i := range records {
		record := &records[i]
		size := int64(record.file.CompressedSize64)
		found := false
		for at := int64(0); at < size && !found; at += int64(len(buf) - len(localSignature) + 1) {
			n, err := r.ReadAt(buf[:min(int64(len(buf)), size-at)], record.data+at)
			if err != nil && err != io.EOF {
				return err
			}
			found = bytes.Contains(buf[:n], []byte(localSignature))
		}
		if !found || record.file.Method == zip.Store && record.file.Flags&flagDescriptor == 0 {
			continue
		}
		if record.file.Method == zip.Store || strings.HasSuffix(record.file.Name, "/") {
			return fmt.Errorf("%q: holds the header of another file, and its end is not certain", clip(record.file.Name))
		}
		if err := a.checkEnd(r, record); err != nil {
			return fmt.Errorf("%q: %w", clip(record.file.Name), explain(err))
		}
	}
	return nil
}

// checkEnd expands a deflated entry, which must end where the directory says.
func (a *Archive) checkEnd(r io.ReaderAt, record *zipRecord) error {
	f := record.file
	if a.spent+int64(f.UncompressedSize64) > a.limits.Unpacked {
		return fmt.Errorf("more than %d bytes expanded: %w", a.limits.Unpacked, ErrTooLarge)
	}
	packed := bufio.NewReader(io.NewSectionReader(r, record.data, int64(f.CompressedSize64)))
	n, err := io.Copy(io.Discard, io.LimitReader(flate.NewReader(packed), int64(f.UncompressedSize64)+1))
	a.spent += n
	if err != nil {
		return err
	}
	if _, err := packed.ReadByte(); err != io.EOF || n != int64(f.UncompressedSize64) {
		return errors.New("its compressed data ends elsewhere than its entry, and the header of another file follows")
	}
	return nil
}

// stream expands e, giving its bytes to use and remembering their digest. It
// never yields more than the declared size.
func (a *Archive) stream(e *entry, use func([]byte)) error {
	if a.spent+e.Size > a.limits.Unpacked {
		return fmt.Errorf("more than %d bytes expanded: %w", a.limits.Unpacked, ErrTooLarge)
	}
	rc, err := e.open()
	if err != nil {
		return fmt.Errorf("zip: %w", explain(err))
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
			return fmt.Errorf("zip: %w", explain(err))
		}
	}
	e.Digest = lockkeeper.SumBytes(sum.Sum(nil))
	return nil
}

func (a *Archive) head(e *entry) ([]byte, error) {
	rc, err := e.open()
	if err != nil {
		return nil, fmt.Errorf("zip: %w", explain(err))
	}
	defer rc.Close()
	head := make([]byte, min(e.Size, headSize))
	if _, err := io.ReadFull(rc, head); err != nil {
		return nil, fmt.Errorf("zip: %w", explain(err))
	}
	a.spent += int64(len(head))
	return head, nil
}

// windowReaderAt has read a part of r ahead.
type windowReaderAt struct {
	r    io.ReaderAt
	from int64
	data []byte
}

func newWindow(r io.ReaderAt, from, to int64) (*windowReaderAt, error) {
	w := &windowReaderAt{r: r, from: from, data: make([]byte, to-from)}
	if n, err := r.ReadAt(w.data, from); n < len(w.data) {
		return nil, err
	}
	return w, nil
}

func (w *windowReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if off < w.from || off > w.from+int64(len(w.data)) {
		return w.r.ReadAt(p, off)
	}
	n := copy(p, w.data[off-w.from:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// drop forgets what was read ahead.
func (w *windowReaderAt) drop() { w.data, w.from = nil, math.MaxInt64 }

// contextReaderAt ends reading when ctx does.
type contextReaderAt struct {
	ctx context.Context
	r   io.ReaderAt
}

func (c *contextReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.ReadAt(p, off)
}
