package archive

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/lockkeeper/lockkeeper/registry"
)

// maxDirectory bounds a zip's central directory, in bytes.
const maxDirectory = 32 << 20

// Signatures and sizes of APPNOTE.TXT, sections 4.3.7, 4.3.9, 4.3.12, 4.3.14 to
// 4.3.16.
const (
	localSignature      = "PK\x03\x04"
	descriptorSignature = "PK\x07\x08"
	directorySignature  = "PK\x01\x02"
	endSignature        = "PK\x05\x06"
	end64Signature      = "PK\x06\x06"
	locatorSignature    = "PK\x06\x07"

	localSize   = 30
	recordSize  = 46
	endSize     = 22
	end64Size   = 56
	locatorSize = 20

	// maxEnd is how far in front of a zip's end its end records may start.
	maxEnd        = 66 << 10
	maxExtra      = 0xffff
	maxDescriptor = 24
)

// Bits of an entry's flags (APPNOTE.TXT 4.4.4).
const (
	flagEncrypted  = 1<<0 | 1<<6 | 1<<13
	flagDescriptor = 1 << 3
	flagPatch      = 1 << 5
	flagUTF8       = 1 << 11
)

// Extra fields (APPNOTE.TXT 4.5.3, 4.6.9).
const (
	extraZip64 = 0x0001
	extraPath  = 0x7075
)

var le = binary.LittleEndian

// zipEnd says where a zip's central directory is.
type zipEnd struct {
	offset, size int64
	count        uint64
}

// readEnd reads the records at the end of a zip. What is found there must fit
// together without a byte left over: of two directories, two end records or two
// sizes, zipfile, Go and uv each take another one.
func readEnd(r io.ReaderAt, size int64) (zipEnd, error) {
	tail := make([]byte, min(size, maxEnd))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return zipEnd{}, err
	}
	i := bytes.LastIndex(tail, []byte(endSignature))
	if i < 0 || len(tail)-i < endSize {
		return zipEnd{}, fmt.Errorf("no end record in the last 64 KiB: %w", zip.ErrFormat)
	}
	end := tail[i:]
	if int(le.Uint16(end[20:])) != len(end)-endSize {
		return zipEnd{}, errors.New("data behind its end, or a comment that is cut off")
	}
	at := size - int64(len(end))
	count, length, offset := uint64(le.Uint16(end[10:])), uint64(le.Uint32(end[12:])), uint64(le.Uint32(end[16:]))
	disks := uint64(le.Uint16(end[4:])) + uint64(le.Uint16(end[6:]))
	here := uint64(le.Uint16(end[8:]))
	if i >= locatorSize && string(tail[i-locatorSize:i-locatorSize+4]) == locatorSignature {
		if i < locatorSize+end64Size || string(tail[i-locatorSize-end64Size:][:4]) != end64Signature {
			return zipEnd{}, errors.New("the end record for large files is not where it should be")
		}
		at -= locatorSize + end64Size
		locator, end64 := tail[i-locatorSize:i], tail[i-locatorSize-end64Size:]
		count64, length64, offset64 := le.Uint64(end64[32:]), le.Uint64(end64[40:]), le.Uint64(end64[48:])
		if le.Uint64(locator[8:]) != uint64(at) || le.Uint32(locator[4:]) != 0 || le.Uint64(end64[4:]) != end64Size-12 ||
			count != count64 && count != 0xffff || length != length64 && length != 0xffffffff || offset != offset64 && offset != 0xffffffff {
			return zipEnd{}, errors.New("its two end records disagree")
		}
		count, length, offset = count64, length64, offset64
		disks, here = uint64(le.Uint32(end64[16:]))+uint64(le.Uint32(end64[20:])), le.Uint64(end64[24:])
	}
	switch {
	case disks != 0 || here != count:
		return zipEnd{}, fmt.Errorf("a part of a larger archive: %w", ErrUnsupported)
	case length > maxDirectory:
		return zipEnd{}, fmt.Errorf("central directory of %d bytes, limit %d: %w", length, maxDirectory, ErrTooLarge)
	case offset > uint64(at) || offset+length != uint64(at):
		return zipEnd{}, errors.New("bytes before the archive, or its central directory is not right before its end")
	}
	return zipEnd{offset: int64(offset), size: int64(length), count: count}, nil
}

// zipRecord is what the central directory says of an entry, as far as zip.File
// does not tell.
type zipRecord struct {
	file   *zip.File
	offset int64 // of the local header
	data   int64 // where the content starts; 0 until the local header was read
}

// readRecords reads the central directory anew for what zip.Reader keeps to
// itself, and checks that it is whole.
func readRecords(r io.ReaderAt, end zipEnd, files []*zip.File) ([]zipRecord, error) {
	in := bufio.NewReader(io.NewSectionReader(r, end.offset, end.size))
	records := make([]zipRecord, len(files))
	total := int64(0)
	for i, f := range files {
		var head [recordSize]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return nil, err
		}
		rest := int(le.Uint16(head[28:])) + int(le.Uint16(head[30:])) + int(le.Uint16(head[32:]))
		if _, err := in.Discard(rest); err != nil {
			return nil, err
		}
		total += recordSize + int64(rest)
		if disk := le.Uint16(head[34:]); disk != 0 {
			return nil, fmt.Errorf("%q: on disk %d: %w", clip(f.Name), disk, ErrUnsupported)
		}
		fields, err := readExtra(f.Extra, f.Name)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", clip(f.Name), err)
		}
		offset := uint64(le.Uint32(head[42:]))
		// The fields that are full stand in this order (APPNOTE.TXT 4.5.3).
		for _, at := range []int{24, 20, 42} {
			if le.Uint32(head[at:]) != 0xffffffff {
				continue
			}
			if len(fields) < 8 {
				return nil, fmt.Errorf("%q: no size or offset", clip(f.Name))
			}
			if at == 42 {
				offset = le.Uint64(fields)
			}
			fields = fields[8:]
		}
		if offset > uint64(end.offset) {
			return nil, fmt.Errorf("%q: lies behind the central directory", clip(f.Name))
		}
		records[i] = zipRecord{file: f, offset: int64(offset)}
	}
	if total != end.size {
		return nil, errors.New("bytes in the central directory that belong to no entry")
	}
	slices.SortFunc(records, func(x, y zipRecord) int { return int(min(max(x.offset-y.offset, -1), 1)) })
	return records, nil
}

// readExtra checks an entry's extra fields and returns the one for large files.
func readExtra(extra []byte, name string) (zip64 []byte, err error) {
	for len(extra) >= 4 {
		id, size := le.Uint16(extra), int(le.Uint16(extra[2:]))
		if size > len(extra)-4 {
			break // padding, which some writers leave
		}
		field := extra[4 : 4+size]
		extra = extra[4+size:]
		switch id {
		case extraZip64:
			if zip64 != nil {
				return nil, errors.New("two extra fields for large files, of which tools take different ones")
			}
			zip64 = field
		case extraPath:
			// Python reads it since 3.13 and Go does not.
			if len(field) < 5 || string(field[5:]) != name {
				return nil, errors.New("an extra field gives it another name, which some tools use")
			}
		}
	}
	return zip64, nil
}

// checkSpans wants the entries to lie one behind the other, as far as the
// central directory tells: overlapping ones expand to any multiple of the
// archive, and what lies between them is a file for whoever reads without the
// directory.
func checkSpans(records []zipRecord, end zipEnd) error {
	next, slack := int64(0), int64(0)
	for _, record := range records {
		if record.offset < next || record.offset > next+slack {
			return fmt.Errorf("%q: entries overlap, or bytes belong to no entry of the central directory", clip(record.file.Name))
		}
		next = record.offset + localSize + int64(len(record.file.Name)) + int64(record.file.CompressedSize64)
		slack = maxExtra + maxDescriptor
	}
	if end.offset < next || end.offset > next+slack {
		return errors.New("bytes between the entries and the central directory")
	}
	return nil
}

// checkLocals reads the archive as a streaming unpacker (uv, of remote wheels)
// does, and wants to meet exactly the files of the central directory (pip).
func checkLocals(r io.ReaderAt, records []zipRecord, end zipEnd) error {
	next := int64(0)
	for i := range records {
		record := &records[i]
		if record.offset != next {
			return fmt.Errorf("%q: entries overlap, or bytes belong to no entry of the central directory", clip(record.file.Name))
		}
		if err := record.readLocal(r); err != nil {
			return err
		}
		next = record.data + int64(record.file.CompressedSize64)
		if record.file.Flags&flagDescriptor != 0 {
			limit := end.offset
			if i+1 < len(records) {
				limit = records[i+1].offset
			}
			if err := record.checkDescriptor(r, next, limit-next); err != nil {
				return err
			}
			next = limit
		}
	}
	if next != end.offset {
		return errors.New("bytes between the entries and the central directory")
	}
	return nil
}

// readLocal reads the local header, which must agree with the directory.
func (z *zipRecord) readLocal(r io.ReaderAt) error {
	f := z.file
	header := make([]byte, localSize+len(f.Name)+64) // 64: most extra fields
	n, err := r.ReadAt(header, z.offset)
	if header = header[:n]; n < localSize+len(f.Name) {
		return fmt.Errorf("%q: local header: %w", clip(f.Name), errors.Join(err, io.ErrUnexpectedEOF))
	}
	if string(header[:4]) != localSignature {
		return fmt.Errorf("%q: no local header where the central directory says", clip(f.Name))
	}
	nameSize, extraSize := int(le.Uint16(header[26:])), int(le.Uint16(header[28:]))
	if name := header[localSize : localSize+len(f.Name)]; nameSize != len(f.Name) || string(name) != f.Name {
		return fmt.Errorf("%q: local header (%q) and central directory disagree about its name", clip(f.Name), clip(string(name)))
	}
	start := localSize + nameSize
	if len(header) < start+extraSize {
		header = append(header[:start], make([]byte, extraSize)...)
		if _, err := r.ReadAt(header[start:], z.offset+int64(start)); err != nil {
			return fmt.Errorf("%q: local header: %w", clip(f.Name), err)
		}
	}
	zip64, err := readExtra(header[start:start+extraSize], f.Name)
	if err != nil {
		return fmt.Errorf("%q: %w", clip(f.Name), err)
	}
	z.data = z.offset + int64(start+extraSize)
	return z.checkLocal(header, zip64)
}

func (z *zipRecord) checkLocal(header, zip64 []byte) error {
	f := z.file
	const flags = flagEncrypted | flagDescriptor | flagPatch | flagUTF8
	if local := le.Uint16(header[6:]); (local^f.Flags)&flags != 0 || le.Uint16(header[8:]) != f.Method {
		return fmt.Errorf("%q: local header and central directory disagree about its flags or compression", clip(f.Name))
	}
	packed, size := uint64(le.Uint32(header[18:])), uint64(le.Uint32(header[22:]))
	for _, v := range []*uint64{&size, &packed} { // in this order (APPNOTE.TXT 4.5.3)
		if *v == 0xffffffff && len(zip64) >= 8 {
			*v = le.Uint64(zip64)
			zip64 = zip64[8:]
		}
	}
	sum := le.Uint32(header[14:])
	later := f.Flags&flagDescriptor != 0 // then zero here: the descriptor tells
	if (sum != f.CRC32 || packed != f.CompressedSize64 || size != f.UncompressedSize64) && !(later && sum == 0 && packed == 0 && size == 0) {
		return fmt.Errorf("%q: local header and central directory disagree about its size or checksum", clip(f.Name))
	}
	return nil
}

// checkDescriptor compares what stands behind an entry's content: checksum and
// both sizes in four or eight bytes each, with or without a signature.
func (z *zipRecord) checkDescriptor(r io.ReaderAt, at, length int64) error {
	f := z.file
	if length < 12 || length > maxDescriptor {
		return fmt.Errorf("%q: no data descriptor behind it", clip(f.Name))
	}
	data := make([]byte, length)
	if _, err := r.ReadAt(data, at); err != nil {
		return fmt.Errorf("%q: data descriptor: %w", clip(f.Name), err)
	}
	if length == 16 || length == 24 {
		if string(data[:4]) != descriptorSignature {
			return fmt.Errorf("%q: no data descriptor behind it", clip(f.Name))
		}
		data = data[4:]
	}
	ok := le.Uint32(data) == f.CRC32
	switch len(data) {
	case 12:
		ok = ok && uint64(le.Uint32(data[4:])) == f.CompressedSize64 && uint64(le.Uint32(data[8:])) == f.UncompressedSize64
	case 20:
		ok = ok && le.Uint64(data[4:]) == f.CompressedSize64 && le.Uint64(data[12:]) == f.UncompressedSize64
	default:
		ok = false
	}
	if !ok {
		return fmt.Errorf("%q: data descriptor and central directory disagree", clip(f.Name))
	}
	return nil
}

// refuseZip refuses a compressed tar that is a zip as well: pip looks for an end
// record in the last 64 KiB of every sdist (zipfile.is_zipfile) before it thinks
// of tar.
func (a *Archive) refuseZip(r io.ReaderAt, size int64) error {
	if a.Kind != registry.Sdist {
		return nil
	}
	tail := make([]byte, min(size, endSize+0xffff))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return err
	}
	if i := bytes.LastIndex(tail, []byte(endSignature)); i >= 0 && len(tail)-i >= endSize {
		return errors.New("a tar that is a zip as well, which pip would unpack instead")
	}
	return nil
}
