package archive

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	// Reads gzip in two thirds of the standard library's time, and with the same
	// errors, which it takes from there.
	"github.com/klauspost/compress/gzip"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
)

// readTarGz reads a gzipped tar to its end. Cargo takes the first gzip member
// alone and Python takes them all, so of a crate a second one is refused.
func (a *Archive) readTarGz(r io.ReaderAt, size int64) error {
	if err := a.refuseZip(r, size); err != nil {
		return err
	}
	packed := bufio.NewReader(io.NewSectionReader(r, 0, size))
	zr, err := gzip.NewReader(packed)
	if err != nil {
		return fmt.Errorf("gzip: %w", explain(err))
	}
	zr.Multistream(a.Kind != registry.Crate)
	if err := a.readTar(zr, size); err != nil {
		return err
	}
	if _, err := packed.ReadByte(); err != io.EOF {
		return errors.New("data behind the end of the gzip stream, which cargo would not read")
	}
	return nil
}

func (a *Archive) readTarBz2(r io.ReaderAt, size int64) error {
	if err := a.refuseZip(r, size); err != nil {
		return err
	}
	return a.readTar(bzip2.NewReader(bufio.NewReader(io.NewSectionReader(r, 0, size))), size)
}

// tarReader is the state of one pass over a tar.
type tarReader struct {
	a       *Archive
	tr      *tar.Reader
	count   int
	kept    int64
	entries []*entry
	byName  map[string]int  // index in entries
	linked  map[string]bool // paths that are a link, or that a hard link names
	dirs    []string
	sum     hash.Hash
	scratch []byte
}

func (a *Archive) readTar(r io.Reader, packed int64) error {
	bound := &boundReader{r: &contextReader{a.ctx, r}, packed: packed, limits: a.limits}
	tap := &headerTap{r: bound}
	t := &tarReader{a: a, tr: tar.NewReader(tap), byName: map[string]int{}, linked: map[string]bool{}, sum: sha256.New(), scratch: make([]byte, 32<<10)}
	for {
		header, err := tap.next(t.tr)
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("tar: %w", explain(err))
		}
		if t.count++; t.count > a.limits.Entries {
			return fmt.Errorf("more than %d entries: %w", a.limits.Entries, ErrTooLarge)
		}
		if err := t.take(header); err != nil {
			return err
		}
	}
	// What lies behind the end is read by no unpacker, so nobody would look at it.
	for {
		n, err := bound.Read(t.scratch)
		if len(bytes.Trim(t.scratch[:n], "\x00")) > 0 {
			return errors.New("tar: data behind the end of the archive")
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("tar: %w", explain(err))
		}
	}
	return a.finish(t.entries, t.dirs)
}

// explain puts into words what the decoders' errors mean for the archive.
func explain(err error) error {
	var deflate flate.CorruptInputError
	var bz bzip2.StructuralError
	switch {
	case errors.Is(err, tar.ErrHeader):
		return fmt.Errorf("a header is damaged: %w", err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("the archive is cut off: %w", err)
	case errors.Is(err, gzip.ErrHeader):
		return fmt.Errorf("no compressed data where some should be: %w", err)
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, zip.ErrChecksum), errors.As(err, &deflate), errors.As(err, &bz):
		return fmt.Errorf("the compressed data is damaged: %w", err)
	}
	return err
}

// take handles one entry.
func (t *tarReader) take(h *tar.Header) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return checkGlobal(h)
	}
	name, err := cleanName(h.Name, t.a.limits.Depth)
	if err != nil {
		return err
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return fmt.Errorf("entry %q: sparse files are read differently by different tools", clip(name))
		}
	}
	e := &entry{File: File{Path: name, Executable: h.Mode&0o111 != 0}}
	switch h.Typeflag {
	case tar.TypeDir:
		if name != "" {
			t.dirs = append(t.dirs, name)
		}
		return nil
	case tar.TypeReg:
		if name == "" || strings.HasSuffix(h.Name, "/") {
			return fmt.Errorf("entry %q: a file with a directory's name", clip(h.Name))
		}
		if err := t.content(e, h.Size); err != nil {
			return fmt.Errorf("tar: %q: %w", clip(name), explain(err))
		}
	case tar.TypeSymlink, tar.TypeLink:
		if err := t.link(e, h); err != nil {
			return err
		}
	default:
		return fmt.Errorf("entry %q: device or other special file (type %q)", clip(name), h.Typeflag)
	}
	return t.put(e)
}

// checkGlobal accepts the comment that git archive writes. Python applies a
// global path or size to every later entry and cargo does not.
func checkGlobal(h *tar.Header) error {
	for key := range h.PAXRecords {
		if key != "comment" && key != "mtime" {
			return fmt.Errorf("global header sets %q for all entries, which tools read differently", clip(key))
		}
	}
	return nil
}

func (t *tarReader) link(e *entry, h *tar.Header) error {
	if t.a.Kind == registry.Crate {
		return fmt.Errorf("entry %q: link to %q in a crate", clip(e.Path), clip(h.Linkname))
	}
	if e.Path == "" || h.Linkname == "" {
		return fmt.Errorf("entry %q: link without name or target", clip(h.Name))
	}
	t.linked[e.Path] = true
	if h.Typeflag == tar.TypeSymlink {
		if len(h.Linkname) > maxName {
			return fmt.Errorf("entry %q: target of %d bytes: %w", clip(e.Path), len(h.Linkname), ErrTooLarge)
		}
		e.Link = h.Linkname
		return nil
	}
	// A hard link is a second name of an earlier entry.
	target, err := cleanName(h.Linkname, t.a.limits.Depth)
	if err != nil {
		return fmt.Errorf("entry %q: target: %w", clip(e.Path), err)
	}
	i, found := t.byName[target]
	if !found {
		return fmt.Errorf("entry %q: hard link to %q, which is not an earlier entry", clip(e.Path), clip(target))
	}
	if t.entries[i].Link != "" {
		return fmt.Errorf("entry %q: hard link to %q, which is a symbolic link", clip(e.Path), clip(target))
	}
	t.linked[target] = true
	path := e.Path
	*e = *t.entries[i]
	e.Path = path
	return nil
}

// content reads one file: kept when small enough, else summed, since its digest
// could not be had later. Its size is what the header says, or the tar is cut off.
func (t *tarReader) content(e *entry, size int64) error {
	e.Size, e.kept = size, size <= t.a.limits.File && t.kept+size <= t.a.limits.Kept
	if e.kept {
		e.data = make([]byte, size)
		if _, err := io.ReadFull(t.tr, e.data); err != nil {
			return err
		}
		t.kept += size
		return nil
	}
	t.sum.Reset()
	for left := size; left > 0; {
		part := t.scratch[:min(left, int64(len(t.scratch)))]
		if _, err := io.ReadFull(t.tr, part); err != nil {
			return err
		}
		t.sum.Write(part)
		if e.data == nil {
			e.data = bytes.Clone(part[:min(len(part), headSize)])
		}
		left -= int64(len(part))
	}
	e.Digest = lockkeeper.SumBytes(t.sum.Sum(nil))
	return nil
}

// put records e, the last of its name winning as it does when cargo and Python
// unpack.
func (t *tarReader) put(e *entry) error {
	i, found := t.byName[e.Path]
	if !found {
		t.byName[e.Path] = len(t.entries)
		t.entries = append(t.entries, e)
		return nil
	}
	// pip writes through a link that is there, into the file that it names; others
	// replace the link.
	if t.linked[e.Path] {
		return fmt.Errorf("entry %q: stands there several times, and is a link or what a link names", clip(e.Path))
	}
	t.a.note(fmt.Sprintf("%q stands there several times; the last one counts", clip(e.Path)))
	if old := t.entries[i]; old.kept {
		t.kept -= int64(len(old.data))
	}
	t.entries[i] = e
	return nil
}

// boundReader ends a stream that expands to more than the limits allow.
type boundReader struct {
	r      io.Reader
	packed int64
	limits Limits
	n      int64
}

func (b *boundReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.n += int64(n)
	if b.n > b.limits.Unpacked {
		return 0, fmt.Errorf("expands to more than %d bytes: %w", b.limits.Unpacked, ErrTooLarge)
	}
	if b.n > ratioFloor && b.n/max(b.packed, 1) >= int64(b.limits.Ratio) {
		return 0, fmt.Errorf("%d bytes expand more than %d-fold: %w", b.packed, b.limits.Ratio, ErrTooLarge)
	}
	return n, err
}
