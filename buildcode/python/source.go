package python

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// codingLine is the declaration of PEP 263, as CPython's tokenizer reads it.
var codingLine = regexp.MustCompile(`^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)`)

var blankOrComment = regexp.MustCompile(`^[ \t\f]*(?:#.*)?$`)

// transparent encodings keep every ASCII byte what it is, and never use one as
// part of another character, so that reading them as Latin-1 gives the same
// tokens. UTF-7, UTF-16, rot13 and the like do not.
var transparent = regexp.MustCompile(`^(?:us-)?ascii$|^latin-?\d*$|^l1$|^iso-?(?:ir-)?8859-\d+(?:-.*)?$|^iso-latin-1(?:-.*)?$|^(?:cp|windows-)?125\d$|^koi8-[rut]$|^euc-?(?:jp|kr)$|^gb2312$`)

// decodeSource turns the bytes of a Python file into UTF-8 text with \n line
// ends. The text is usable in any case; the error says why it may differ from
// what an interpreter would run.
func decodeSource(data []byte) (string, error) {
	data, marked := bytes.CutPrefix(data, []byte("\xef\xbb\xbf"))
	// CPython counts \r alone as a line end too: a comment ends there.
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	data = bytes.ReplaceAll(data, []byte("\r"), []byte("\n"))
	encoding := declaredEncoding(data)
	if bytes.IndexByte(data, 0) >= 0 {
		return latin1(data), fmt.Errorf("a null byte in the source")
	}
	switch {
	case encoding == "" || encoding == "utf-8" || strings.HasPrefix(encoding, "utf-8-") || encoding == "utf8" || encoding == "u8":
		if utf8.Valid(data) {
			return string(data), nil
		}
		return latin1(data), fmt.Errorf("not valid UTF-8, and no other encoding is declared")
	case marked:
		return latin1(data), fmt.Errorf("marked as UTF-8 but declared %q", clip(encoding, 40))
	case transparent.MatchString(encoding):
		return latin1(data), nil
	}
	return latin1(data), fmt.Errorf("source encoding %q is not read", clip(encoding, 40))
}

// declaredEncoding is what PEP 263 finds in the first two lines, normalized as
// codecs.lookup does it; the second counts only after a blank or comment line.
func declaredEncoding(data []byte) string {
	for range 2 {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		if m := codingLine.FindSubmatch(line); m != nil {
			return strings.ReplaceAll(strings.ToLower(string(m[1])), "_", "-")
		}
		if !blankOrComment.Match(line) {
			return ""
		}
		data = rest
	}
	return ""
}

func latin1(data []byte) string {
	var b strings.Builder
	b.Grow(len(data))
	for _, c := range data {
		b.WriteRune(rune(c))
	}
	return b.String()
}

// clip shortens hostile text to at most n bytes without cutting a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
