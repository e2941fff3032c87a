package buildcode

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"

	"github.com/lockkeeper/lockkeeper"
)

// NewFile is the File of a content: with its text where that can be shown.
func NewFile(path string, content []byte) File {
	f := File{Path: path, Digest: lockkeeper.Sum(content)}
	if IsText(content) && len(content) <= MaxText {
		f.Text = string(content)
	}
	return f
}

// IsText reports whether content is UTF-8 without NUL.
func IsText(content []byte) bool {
	return utf8.Valid(content) && bytes.IndexByte(content, 0) < 0
}

// shown reports whether Text is the whole content. The empty file's text is
// rightly empty.
func (f File) shown() bool { return f.Text != "" || f.Digest == lockkeeper.Sum(nil) }

// Executable names the format of a program, library or object that a host could
// load or run, by the first bytes of a file (64 are enough, 512 better): "ELF",
// "PE", "Mach-O", "WebAssembly"; empty for anything else. Scripts are not told.
func Executable(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		return "ELF"
	case bytes.HasPrefix(head, []byte("\x00asm")):
		return "WebAssembly"
	case bytes.HasPrefix(head, []byte("MZ")):
		return dosExecutable(head)
	}
	if len(head) < 8 {
		return ""
	}
	switch binary.BigEndian.Uint32(head) {
	case 0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe:
		return "Mach-O"
	case 0xcafebabe, 0xcafebabf:
		// A universal binary counts its architectures where a Java class has its
		// version, which is at least 45.
		if n := binary.BigEndian.Uint32(head[4:]); n > 0 && n < 45 {
			return "Mach-O"
		}
	}
	return ""
}

// dosExecutable tells a program from a text that begins with the same two
// letters: it has the offset of a PE header at 60, or at least bytes of no text.
func dosExecutable(head []byte) string {
	if len(head) < 64 {
		return ""
	}
	at := int64(binary.LittleEndian.Uint32(head[60:]))
	if at+4 <= int64(len(head)) {
		if bytes.Equal(head[at:at+4], []byte("PE\x00\x00")) {
			return "PE"
		}
		return ""
	}
	if bytes.IndexByte(head[:64], 0) >= 0 {
		return "PE"
	}
	return ""
}
