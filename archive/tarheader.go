package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// maxHeaders bounds the headers of one entry, extended ones included, in bytes.
const maxHeaders = 1 << 20

const blockSize = 512

// Type flags that tar.Reader resolves before it hands out an entry.
const (
	typeExtended = 'x' // POSIX.1-2024, pax Header Block
	typeGlobal   = 'g'
	typeLongName = 'L' // GNU tar manual, "Basic Tar Format"
	typeLongLink = 'K'
)

// headerTap keeps what tar.Reader reads while it looks for the next entry, so
// that checkHeaders sees the blocks themselves: tar.Reader tells only what it
// made of them.
type headerTap struct {
	r       io.Reader
	on      bool
	raw     []byte
	padding int // behind the content that the last headers announced
}

func (t *headerTap) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if !t.on {
		return n, err
	}
	if len(t.raw)+n > maxHeaders {
		return 0, fmt.Errorf("headers of more than %d bytes: %w", maxHeaders, ErrTooLarge)
	}
	t.raw = append(t.raw, p[:n]...)
	return n, err
}

// next is tr.Next with the entry's headers checked. The content of the entry
// before must have been read to its end.
func (t *headerTap) next(tr *tar.Reader) (*tar.Header, error) {
	t.on, t.raw = true, t.raw[:0]
	h, err := tr.Next()
	t.on = false
	if err != nil {
		return nil, err
	}
	size, err := checkHeaders(t.raw[min(t.padding, len(t.raw)):], h)
	if err != nil {
		return nil, fmt.Errorf("entry %q: %w", clip(h.Name), err)
	}
	t.padding = int(-size & (blockSize - 1))
	return h, nil
}

// checkHeaders refuses an entry whose headers cargo (tar-rs), Python (tarfile)
// and Go read differently, each of which was tried: with one of them a name, a
// size or where the next header lies is another, and so is the build script.
// It returns the size of the content that comes next, in bytes.
func checkHeaders(raw []byte, h *tar.Header) (int64, error) {
	var longName, longLink bool
	var records map[string]string
	for {
		if len(raw) < blockSize {
			return 0, errors.New("headers that end early")
		}
		block := raw[:blockSize]
		raw = raw[blockSize:]
		size, err := checkFields(block)
		if err != nil {
			return 0, err
		}
		kind := block[156]
		switch kind {
		case typeExtended, typeLongName, typeLongLink, typeGlobal:
		default:
			if len(raw) != 0 {
				return 0, errors.New("bytes behind the header")
			}
			return size, checkEntry(block, size, h, records)
		}
		if int64(len(raw)) < size {
			return 0, errors.New("headers that end early")
		}
		content := raw[:size]
		raw = raw[min(int(size+blockSize-1)&^(blockSize-1), len(raw)):]
		switch {
		case kind == typeGlobal && (longName || longLink || records != nil):
			return 0, errors.New("a global header between a file and its own headers, which tools read differently")
		case kind == typeGlobal:
			_, err := parseRecords(content)
			return size, err
		case kind == typeExtended && records == nil:
			if records, err = parseRecords(content); err != nil {
				return 0, err
			}
		case kind == typeLongName && !longName && size > 0 && content[0] != 0:
			longName = true
		case kind == typeLongLink && !longLink && size > 0 && content[0] != 0:
			longLink = true
		default:
			return 0, fmt.Errorf("an empty header or two of a kind (type %q) for one entry, which tools read differently", kind)
		}
		if (longName && records["path"] != "") || (longLink && records["linkpath"] != "") {
			return 0, errors.New("two headers give it different names, of which tools take different ones")
		}
	}
}

// checkFields checks the fields of one block that tools disagree about, and
// returns its size in bytes.
func checkFields(block []byte) (int64, error) {
	// Mode, user, group, time, device numbers: where tarfile cannot read one it takes
	// the block for the end of the archive and says nothing.
	for _, at := range [][2]int{{100, 108}, {108, 116}, {116, 124}, {136, 148}, {329, 337}, {337, 345}} {
		if field := block[at[0]:at[1]]; !plainNumber(field) && field[0] != 0x80 && field[0] != 0xff {
			return 0, fmt.Errorf("the number at byte %d of its header is written so that tools read it differently", at[0])
		}
	}
	if !plainNumber(block[148:156]) || !plainNumber(block[124:136]) {
		return 0, errors.New("its size or checksum is written so that tools read it differently")
	}
	// Only in POSIX's format is this the start of a long name, and tarfile takes it for
	// one in every format.
	posix := string(block[257:265]) == "ustar\x0000"
	if !posix && len(bytes.Trim(block[345:500], "\x00")) > 0 || string(block[508:]) == "tar\x00" {
		return 0, errors.New("a name's prefix in a format that tools read differently")
	}
	digits := strings.Trim(string(block[124:136]), " \x00")
	if digits == "" {
		return 0, nil
	}
	// At most twelve octal digits.
	return strconv.ParseInt(digits, 8, 64)
}

// plainNumber matches what every tool reads alike: spaces, octal digits, then
// spaces and NULs.
func plainNumber(field []byte) bool {
	rest := bytes.TrimLeft(field, " ")
	rest = bytes.TrimLeft(rest, "01234567")
	return len(bytes.Trim(rest, " \x00")) == 0
}

// checkEntry compares an entry's own header with what its extended headers and
// tar.Reader make of it.
func checkEntry(block []byte, size int64, h *tar.Header, records map[string]string) error {
	if want, found := records["size"]; found && want != strconv.FormatInt(size, 10) {
		return fmt.Errorf("two headers give it different sizes, %d and %.20q", size, want)
	}
	for _, key := range []string{"path", "linkpath"} {
		if value, found := records[key]; found && value == "" {
			return fmt.Errorf("an extended header takes away its %s, which tools read differently", key)
		}
	}
	if (h.Typeflag == tar.TypeDir || h.Typeflag == tar.TypeSymlink || h.Typeflag == tar.TypeLink) && size != 0 {
		return fmt.Errorf("an entry of type %q with %d bytes of content, which some tools skip and some read as further entries", block[156], size)
	}
	// The oldest format knows directories by their slash: tarfile looks for it before
	// extended headers, Go behind them, cargo in neither.
	name, _, _ := bytes.Cut(block[:100], []byte{0})
	if block[156] == 0 && bytes.HasSuffix(name, []byte("/")) != strings.HasSuffix(h.Name, "/") {
		return errors.New("a directory in one header and a file in another")
	}
	return nil
}

// recordStart is where a tool that splits records at line ends (tar-rs) would
// find one that matters.
var recordStart = regexp.MustCompile(`\n[0-9]+ (path|linkpath|size|GNU\.sparse\.[a-z]+)=`)

// parseRecords reads the records "LENGTH KEY=VALUE\n" of an extended header.
func parseRecords(data []byte) (map[string]string, error) {
	records := map[string]string{}
	for len(data) > 0 {
		digits, rest, _ := bytes.Cut(data, []byte(" "))
		n, err := strconv.Atoi(string(digits))
		// tarfile knows no sign, and ends reading where it meets one.
		if err != nil || digits[0] < '1' || digits[0] > '9' || n > len(data) || n < len(digits)+4 || data[n-1] != '\n' {
			return nil, errors.New("extended header with a record that is damaged")
		}
		key, value, found := bytes.Cut(rest[:n-len(digits)-2], []byte("="))
		if !found || len(key) == 0 {
			return nil, errors.New("extended header with a record that is damaged")
		}
		if _, again := records[string(key)]; again {
			return nil, fmt.Errorf("extended header with two records %q, of which tools take different ones", clip(string(key)))
		}
		if recordStart.Match(data[:n]) {
			return nil, fmt.Errorf("extended header whose record %q holds another one", clip(string(key)))
		}
		records[string(key)] = string(value)
		data = data[n:]
	}
	return records, nil
}
