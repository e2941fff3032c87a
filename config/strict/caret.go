package strict

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSource bounds the line that is shown with an error, in bytes.
const maxSource = 200

// locate keeps the line that e is about, for Caret.
func (e *Error) locate(data []byte) *Error {
	data = bytes.TrimPrefix(data, byteOrderMark)
	for n := 1; n < e.Line && len(data) > 0; n++ {
		_, data, _ = bytes.Cut(data, []byte("\n"))
	}
	if e.Line > 0 {
		line, _, _ := bytes.Cut(data, []byte("\n"))
		e.source = string(bytes.TrimRight(line, "\r"))
	}
	return e
}

// Caret shows the line that the error is about with a mark below the place, each
// line indented, and ending in a line end; nothing where the place is not known.
// What a terminal could be steered with is replaced. It quotes the file: it is not for
// files that hold secrets.
//
//	2 | relase-too-new = "warn"
//	  | ^
func (e *Error) Caret() string {
	if e.source == "" || e.Column == 0 || e.Column > maxSource || e.Column > len(e.source)+1 {
		return ""
	}
	line := e.source
	if len(line) > maxSource {
		line = line[:maxSource] + "..."
	}
	number := fmt.Sprint(e.Line)
	var pad strings.Builder // a tab below a tab, a space below anything else
	for _, r := range e.source[:e.Column-1] {
		if r == '\t' {
			pad.WriteRune(r)
		} else {
			pad.WriteByte(' ')
		}
	}
	return fmt.Sprintf("  %s | %s\n  %*s | %s^\n", number, strings.Map(harmless, line), len(number), "", pad.String())
}

func harmless(r rune) rune {
	if r == '\t' || r != utf8.RuneError && unicode.IsGraphic(r) {
		return r
	}
	return '?'
}
