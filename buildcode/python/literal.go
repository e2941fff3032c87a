package python

import (
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

func isStringPrefix(s string) bool {
	switch strings.ToLower(s) {
	case "r", "u", "b", "f", "t", "br", "rb", "fr", "rf", "tr", "rt", "ur":
		return true
	}
	return false
}

// str reads a string literal whose prefix, in lower case, was read already.
func (l *lexer) str(prefix string, depth int) token {
	t := token{kind: stringToken, line: l.line, bytes: strings.Contains(prefix, "b")}
	quote := l.src[l.pos : l.pos+1]
	if strings.HasPrefix(l.src[l.pos:], quote+quote+quote) {
		quote += quote + quote
	}
	l.pos += len(quote)
	raw := strings.Contains(prefix, "r")
	fields := strings.ContainsAny(prefix, "ft") && !l.plain
	if depth >= maxNesting/10 {
		l.fail("more than %d nested strings", maxNesting/10)
		fields = false
	}
	var b strings.Builder
	l.body(&b, &t, quote, raw, fields, depth)
	t.text = b.String()
	return t
}

var errOpenString = errors.New("a string that does not end")

// body reads up to the closing quote, or for a format specification (quote "}")
// up to the closing brace.
func (l *lexer) body(b *strings.Builder, t *token, quote string, raw, fields bool, depth int) {
	spec := quote == "}"
	put := func(s string) {
		if b.Len() < maxString {
			b.WriteString(s)
			if b.Len() >= maxString {
				b.WriteString(hole)
			}
		}
	}
	for l.pos < len(l.src) {
		rest := l.src[l.pos:]
		c := rest[0]
		switch {
		case strings.HasPrefix(rest, quote):
			l.pos += len(quote)
			return
		case c == '\n':
			if len(quote) == 1 && !spec {
				l.fail("%w", errOpenString)
				return
			}
			put("\n")
			l.pos++
			l.line++
		case c == '\\' && raw && len(rest) > 1:
			if rest[1] == '\n' {
				l.line++
			}
			if rest[1] == '{' && fields { // the brace still opens a field
				put("\\")
				l.pos++
				continue
			}
			put(rest[:2])
			l.pos += 2
		case c == '\\' && len(rest) > 1:
			put(l.escape(t.bytes))
		case fields && (strings.HasPrefix(rest, "{{") || strings.HasPrefix(rest, "}}")) && !spec:
			put(rest[:1])
			l.pos += 2
		case fields && c == '{':
			l.pos++
			put(hole)
			l.field(t, depth)
		default:
			_, size := utf8.DecodeRuneInString(rest)
			put(rest[:size])
			l.pos += size
		}
	}
	l.fail("%w", errOpenString)
}

// field reads a replacement field behind its opening brace (PEP 701).
func (l *lexer) field(t *token, depth int) {
	tokens, stop := l.expression(depth+1, "}:!")
	t.fields = append(t.fields, tokens)
	if stop == '!' {
		_, stop = l.expression(depth+1, "}:")
	}
	if stop == ':' {
		if depth >= maxNesting/10 {
			l.fail("more than %d nested strings", maxNesting/10)
			return
		}
		var discard strings.Builder
		l.body(&discard, t, "}", false, true, depth+1)
	}
}

// escape reads an escape sequence of a string that is not raw, and returns what
// it stands for. \N{...} becomes a hole.
func (l *lexer) escape(isBytes bool) string {
	c := l.src[l.pos+1]
	l.pos += 2
	simple := map[byte]string{'\\': "\\", '\'': "'", '"': "\"", 'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v"}
	if s, found := simple[c]; found {
		return s
	}
	digits := func(n int, base int, alphabet string) string {
		end := l.pos
		for end < len(l.src) && end < l.pos+n && strings.IndexByte(alphabet, l.src[end]) >= 0 {
			end++
		}
		v, err := strconv.ParseUint(l.src[l.pos:end], base, 32)
		l.pos = end
		if err != nil || v == 0 || v > unicode.MaxRune {
			return hole
		}
		return string(rune(v))
	}
	const hexDigits = "0123456789abcdefABCDEF"
	switch {
	case c == '\n':
		l.line++
		return ""
	case c == 'x':
		return digits(2, 16, hexDigits)
	case c >= '0' && c <= '7':
		l.pos--
		return digits(3, 8, "01234567")
	case isBytes:
	case c == 'u':
		return digits(4, 16, hexDigits)
	case c == 'U':
		return digits(8, 16, hexDigits)
	case c == 'N' && strings.HasPrefix(l.src[l.pos:], "{"):
		if end := strings.IndexByte(l.src[l.pos:], '}'); end >= 0 && end < 100 {
			l.pos += end + 1
		}
		return hole
	}
	// Not an escape: both characters stand.
	l.pos--
	return "\\"
}
