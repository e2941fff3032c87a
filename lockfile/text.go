package lockfile

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// CheckText is what every parser asks of its input first: at most MaxSize bytes,
// UTF-8, no conflict markers of a merge. The error is an *Error with its line.
func CheckText(path string, data []byte) error {
	if len(data) > MaxSize {
		return &Error{Path: path, Err: fmt.Errorf("%d bytes are more than the %d that a lockfile may have", len(data), MaxSize)}
	}
	if !utf8.Valid(data) {
		return &Error{Path: path, Line: invalidLine(data), Err: errors.New("not UTF-8 text: write the file anew with its package manager")}
	}
	if line := markerLine(data); line > 0 {
		return &Error{Path: path, Line: line, Err: errors.New("conflict marker of an unfinished merge: resolve it and lock again")}
	}
	return nil
}

func invalidLine(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size <= 1 {
			return 1 + bytes.Count(data[:i], []byte("\n"))
		}
		i += size
	}
	return 0
}

// markers as git writes them at the start of a line; "=======" alone could be text.
var markers = [][]byte{[]byte("<<<<<<<"), []byte(">>>>>>>"), []byte("|||||||")}

func markerLine(data []byte) int {
	first := 0 // offset of the first marker, plus one
	for _, m := range markers {
		for from := 0; ; {
			i := bytes.Index(data[from:], m)
			if i < 0 {
				break
			}
			i += from
			end := i + len(m)
			atStart := i == 0 || data[i-1] == '\n'
			if atStart && (end == len(data) || bytes.IndexByte([]byte(" \r\n"), data[end]) >= 0) {
				if first == 0 || i+1 < first {
					first = i + 1
				}
				break
			}
			from = end
		}
	}
	if first == 0 {
		return 0
	}
	return 1 + bytes.Count(data[:first], []byte("\n"))
}
