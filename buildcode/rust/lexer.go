package rust

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// tokenKind is as fine as the scanner needs it.
type tokenKind uint8

const (
	ident    tokenKind = iota // text without r#
	str                       // text is the value of a string, byte string or C string
	number                    // text as written
	char                      // text is the value
	lifetime                  // text without the quote
	punct                     // one character, or "::"
)

// token of the Rust reference's lexical structure. Comments are none.
type token struct {
	kind tokenKind
	raw  bool // a raw identifier, which is never a keyword
	line int32
	// skip is, for an opening bracket, how many tokens further the one behind its
	// closing bracket stands; see pair.
	skip int32
	text string
}

func (t token) is(s string) bool   { return t.kind == punct && t.text == s }
func (t token) word(s string) bool { return t.kind == ident && t.text == s && !t.raw }

// lexer holds the position in a file.
type lexer struct {
	src    string
	at     int
	line   int32
	tokens []token
	// edition decides what cr"..." is.
	edition edition
}

// edition is as much of a package's edition as the lexer needs to know.
type edition uint8

const (
	edition2021 edition = iota // or later: c"..." and cr"..." are literals
	edition2015                // or 2018: they are a name and a string, whose backslashes escape
	editionUnknown
)

// errLex wraps what a compiler would refuse as well.
var errLex = errors.New("not Rust")

// lex splits a file into tokens. What it cannot read is an error, so that the
// file counts as unanalysed.
func lex(src string, e edition) ([]token, error) {
	if !utf8.ValidString(src) {
		return nil, fmt.Errorf("%w: not UTF-8", errLex)
	}
	l := &lexer{src: strings.TrimPrefix(src, "\ufeff"), line: 1, edition: e, tokens: make([]token, 0, len(src)/3)}
	l.shebang()
	for {
		if err := l.blank(); err != nil {
			return nil, err
		}
		if l.at == len(l.src) {
			return l.tokens, nil
		}
		if err := l.next(); err != nil {
			return nil, fmt.Errorf("line %d: %w", l.line, err)
		}
	}
}

// shebang skips a first line "#!...", unless it begins an inner attribute.
func (l *lexer) shebang() {
	rest, found := strings.CutPrefix(l.src, "#!")
	if !found {
		return
	}
	probe := &lexer{src: rest}
	if probe.blank() == nil && strings.HasPrefix(rest[probe.at:], "[") {
		return
	}
	l.at = len(l.src)
	if i := strings.IndexByte(l.src, '\n'); i >= 0 {
		l.at = i
	}
}

// blank skips white space and comments. Block comments nest.
func (l *lexer) blank() error {
	for l.at < len(l.src) {
		rest := l.src[l.at:]
		switch {
		case strings.HasPrefix(rest, "//"):
			i := strings.IndexByte(rest, '\n')
			if i < 0 {
				i = len(rest)
			}
			l.at += i
		case strings.HasPrefix(rest, "/*"):
			if err := l.blockComment(); err != nil {
				return err
			}
		default:
			r, size := utf8.DecodeRuneInString(rest)
			if !unicode.IsSpace(r) && r != '\u200e' && r != '\u200f' {
				return nil
			}
			if r == '\n' {
				l.line++
			}
			l.at += size
		}
	}
	return nil
}

func (l *lexer) blockComment() error {
	depth := 0
	for l.at < len(l.src) {
		switch {
		case strings.HasPrefix(l.src[l.at:], "/*"):
			depth++
			l.at += 2
		case strings.HasPrefix(l.src[l.at:], "*/"):
			depth--
			l.at += 2
			if depth == 0 {
				return nil
			}
		default:
			if l.src[l.at] == '\n' {
				l.line++
			}
			l.at++
		}
	}
	return fmt.Errorf("%w: comment without end", errLex)
}

func (l *lexer) emit(kind tokenKind, text string, line int32) {
	l.tokens = append(l.tokens, token{kind: kind, text: text, line: line})
}

func (l *lexer) next() error {
	line := l.line
	rest := l.src[l.at:]
	switch c := rest[0]; {
	case c == '"':
		return l.quoted(line, 0)
	case c == '\'':
		return l.quote(line)
	case c >= '0' && c <= '9':
		l.number(line)
		return nil
	case strings.HasPrefix(rest, "::"):
		l.at += 2
		l.emit(punct, "::", line)
		return nil
	}
	if n := prefixLen(rest); n >= 0 {
		return l.prefixed(line, n)
	}
	if strings.HasPrefix(rest, "r#") {
		if n := identLen(rest[2:]); n > 0 {
			l.at += 2 + n
			l.tokens = append(l.tokens, token{kind: ident, text: normal(rest[2 : 2+n]), raw: true, line: line})
			return nil
		}
	}
	if n := identLen(rest); n > 0 {
		l.at += n
		l.emit(ident, normal(rest[:n]), line)
		return nil
	}
	_, size := utf8.DecodeRuneInString(rest)
	l.at += size
	l.emit(punct, rest[:size], line)
	return nil
}

// normal is NFC, to which rustc brings identifiers: the Kelvin sign becomes a K,
// and an alias is the same however its accents are written.
func normal(s string) string { return norm.NFC.String(s) }

// identLen is the length in bytes of the identifier at the start of s.
func identLen(s string) int {
	for i, r := range s {
		letter := r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nl, r)
		if letter || i > 0 && (unicode.IsDigit(r) || unicode.IsMark(r) || r == '\u00b7') {
			continue
		}
		return i
	}
	return len(s)
}

// prefixLen is the length of a string prefix (b, c, r, br, cr, each r with #)
// that a quote follows directly; -1 if there is none.
func prefixLen(s string) int {
	n := 0
	if n < len(s) && (s[n] == 'b' || s[n] == 'c') {
		n++
	}
	if n < len(s) && s[n] == 'r' {
		n++
		for n < len(s) && s[n] == '#' {
			n++
		}
	}
	if n > 0 && n < len(s) && (s[n] == '"' || s[n] == '\'' && n == 1 && s[0] == 'b') {
		return n
	}
	return -1
}

// prefixed reads a literal behind a prefix of n bytes.
func (l *lexer) prefixed(line int32, n int) error {
	prefix := l.src[l.at : l.at+n]
	if prefix[0] == 'c' && l.edition != edition2021 {
		if l.edition == editionUnknown && n > 1 {
			return fmt.Errorf("%w: %s before a string, which editions read differently", errLex, prefix)
		}
		// The name alone: what follows is read on its own.
		name := strings.TrimRight(prefix, "#")
		l.at += len(name)
		l.emit(ident, name, line)
		return nil
	}
	if l.src[l.at+n] == '\'' {
		l.at += n
		return l.quote(line)
	}
	if !strings.Contains(prefix, "r") {
		return l.quoted(line, n)
	}
	closing := `"` + strings.Repeat("#", strings.Count(prefix, "#"))
	body := l.src[l.at+n+1:]
	end := strings.Index(body, closing)
	if end < 0 {
		return fmt.Errorf("%w: raw string without end", errLex)
	}
	l.emit(str, body[:end], line)
	l.line += int32(strings.Count(body[:end], "\n"))
	l.at += n + 1 + end + len(closing)
	return nil
}

// quoted reads a string with escapes whose quote is skip bytes away.
func (l *lexer) quoted(line int32, skip int) error {
	l.at += skip + 1
	var b strings.Builder
	for l.at < len(l.src) {
		switch c := l.src[l.at]; c {
		case '"':
			l.at++
			l.emit(str, b.String(), line)
			return nil
		case '\\':
			if err := l.escape(&b); err != nil {
				return err
			}
		default:
			if c == '\n' {
				l.line++
			}
			b.WriteByte(c)
			l.at++
		}
	}
	return fmt.Errorf("%w: string without end", errLex)
}

// escape reads one escape sequence into b.
func (l *lexer) escape(b *strings.Builder) error {
	rest := l.src[l.at+1:]
	if rest == "" {
		return fmt.Errorf("%w: escape without end", errLex)
	}
	switch rest[0] {
	case 'n', 'r', 't', '0', '\\', '\'', '"':
		b.WriteString(map[byte]string{'n': "\n", 'r': "\r", 't': "\t", '0': "\x00", '\\': `\`, '\'': "'", '"': `"`}[rest[0]])
		l.at += 2
	case 'x':
		if len(rest) < 3 {
			return fmt.Errorf("%w: escape without end", errLex)
		}
		v, err := strconv.ParseUint(rest[1:3], 16, 8)
		if err != nil {
			return fmt.Errorf("%w: escape", errLex)
		}
		b.WriteByte(byte(v))
		l.at += 4
	case 'u':
		end := strings.IndexByte(rest[:min(len(rest), 20)], '}')
		if end < 2 || rest[1] != '{' {
			return fmt.Errorf("%w: escape", errLex)
		}
		v, err := strconv.ParseUint(strings.ReplaceAll(rest[2:end], "_", ""), 16, 32)
		if err != nil {
			return fmt.Errorf("%w: escape", errLex)
		}
		b.WriteRune(rune(v))
		l.at += 2 + end
	case '\n', '\r':
		// A continued line drops all white space that follows.
		l.at++
		for l.at < len(l.src) && strings.IndexByte(" \t\r\n", l.src[l.at]) >= 0 {
			if l.src[l.at] == '\n' {
				l.line++
			}
			l.at++
		}
	default:
		return fmt.Errorf("%w: escape", errLex)
	}
	return nil
}

// quote tells characters from lifetimes.
func (l *lexer) quote(line int32) error {
	rest := l.src[l.at+1:]
	if strings.HasPrefix(rest, `\`) {
		l.at++
		var b strings.Builder
		if err := l.escape(&b); err != nil {
			return err
		}
		if l.at >= len(l.src) || l.src[l.at] != '\'' {
			return fmt.Errorf("%w: character without end", errLex)
		}
		l.at++
		l.emit(char, b.String(), line)
		return nil
	}
	_, size := utf8.DecodeRuneInString(rest)
	if size > 0 && strings.HasPrefix(rest[size:], "'") {
		if rest[0] == '\n' {
			l.line++
		}
		l.at += size + 2
		l.emit(char, rest[:size], line)
		return nil
	}
	skip := 0
	if strings.HasPrefix(rest, "r#") {
		skip = 2
	}
	n := identLen(rest[skip:])
	if n == 0 {
		return fmt.Errorf("%w: stray quote", errLex)
	}
	l.at += 1 + skip + n
	l.emit(lifetime, rest[skip:skip+n], line)
	return nil
}

// number reads a literal loosely: what matters is only where it ends.
func (l *lexer) number(line int32) {
	start := l.at
	for l.at < len(l.src) {
		c := l.src[l.at]
		switch {
		case c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z':
			l.at++
		case c == '.' && l.at+1 < len(l.src) && l.src[l.at+1] >= '0' && l.src[l.at+1] <= '9' &&
			!strings.Contains(l.src[start:l.at], ".") && l.src[l.at-1] != '.':
			l.at++
		default:
			l.emit(number, l.src[start:l.at], line)
			return
		}
	}
	l.emit(number, l.src[start:], line)
}
