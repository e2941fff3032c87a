package python

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

type tokenKind uint8

const (
	nameToken tokenKind = iota + 1
	numberToken
	stringToken
	opToken
)

// token is one lexical token. Comments and line joins are gone.
type token struct {
	kind tokenKind
	// keyword and builtin are what a name is, by the tables of those names.
	keyword, builtin bool
	// text is the name (NFKC-normalized, PEP 3131), the operator, the number as
	// written, or the value of a string, with hole for each replacement field.
	text string
	line int // from 1
	// fields are the expressions of an f-string or t-string, in order.
	fields [][]token
	bytes  bool // a bytes literal
}

// nameOf is the token of a name, normalized.
func nameOf(name string, line int) token {
	return token{kind: nameToken, text: name, line: line, keyword: keywords[name], builtin: builtinNames[name]}
}

func (t token) is(op string) bool { return t.kind == opToken && t.text == op }

func (t token) isName(name string) bool { return t.kind == nameToken && t.text == name }

// logicalLine is one line of the grammar: its brackets are balanced, or the
// file's error says that they are not.
type logicalLine struct {
	indent int // column of its first token, tabs to multiples of 8
	tokens []token
}

const (
	// hole stands in a string for a part whose value is unknown. A null byte
	// cannot come from a source file, since those are refused.
	hole = "\x00"
	// maxNesting bounds brackets and f-strings within f-strings. CPython stops at 200.
	maxNesting = 200
	// maxTokens bounds the work on one file.
	maxTokens = 500_000
	// maxString bounds a string's value that is kept; the rest becomes a hole.
	maxString = 64 << 10
)

// tokenize splits Python source text. It always returns what it could read; the
// error says that the rest may have been read wrongly.
func tokenize(src string) ([]logicalLine, error) {
	return tokenizeFrom(src, 1)
}

// tokenizeFrom numbers lines from first.
func tokenizeFrom(src string, first int) ([]logicalLine, error) {
	l := &lexer{src: src, line: first}
	l.run()
	return l.lines, l.err
}

type lexer struct {
	src   string
	pos   int
	line  int
	count int // tokens so far
	err   error
	lines []logicalLine
	plain bool // f-strings have no replacement fields, as in Meson
}

func (l *lexer) fail(format string, args ...any) {
	if l.err == nil {
		l.err = fmt.Errorf("line %d: %w", l.line, fmt.Errorf(format, args...))
	}
}

func (l *lexer) run() {
	for l.pos < len(l.src) && l.count < maxTokens {
		indent := l.indentation()
		tokens, _ := l.expression(0, "")
		if len(tokens) > 0 {
			l.lines = append(l.lines, logicalLine{indent, tokens})
		}
	}
	if l.pos < len(l.src) {
		l.fail("more than %d tokens", maxTokens)
	}
}

func (l *lexer) indentation() int {
	column := 0
	for ; l.pos < len(l.src); l.pos++ {
		switch l.src[l.pos] {
		case ' ':
			column++
		case '\t':
			column += 8 - column%8
		case '\f':
			column = 0
		default:
			return column
		}
	}
	return column
}

// expression reads tokens up to the end of the logical line, or, inside of a
// replacement field (depth > 0), up to the unnested operator among stops, which
// it consumes and returns.
func (l *lexer) expression(depth int, stops string) (tokens []token, stop byte) {
	var open []byte
	for l.pos < len(l.src) && l.count < maxTokens {
		c := l.src[l.pos]
		switch {
		case c == '\n':
			l.pos++
			l.line++
			if len(open) == 0 && depth == 0 {
				return tokens, 0
			}
		case c == ' ' || c == '\t' || c == '\f':
			l.pos++
		case c == '#':
			for l.pos < len(l.src) && l.src[l.pos] != '\n' {
				l.pos++
			}
		case c == '\\':
			if !strings.HasPrefix(l.src[l.pos:], "\\\n") {
				l.fail("a backslash outside of a string that joins no lines")
				l.pos++
				continue
			}
			l.pos += 2
			l.line++
		case len(open) == 0 && depth > 0 && strings.IndexByte(stops, c) >= 0 && !(c == '!' && strings.HasPrefix(l.src[l.pos:], "!=")):
			l.pos++
			return tokens, c
		default:
			t, ok := l.next(depth)
			if !ok {
				continue
			}
			l.count++
			tokens = append(tokens, t)
			if t.kind == opToken {
				open = l.bracket(open, t.text)
			}
		}
	}
	if len(open) > 0 || depth > 0 {
		l.fail("the file ends inside of brackets or a replacement field")
	}
	return tokens, 0
}

// bracket keeps the stack of open brackets.
func (l *lexer) bracket(open []byte, op string) []byte {
	switch op {
	case "(", "[", "{":
		if len(open) >= maxNesting {
			l.fail("more than %d nested brackets", maxNesting)
			return open
		}
		return append(open, op[0])
	case ")", "]", "}":
		if len(open) == 0 || closing[open[len(open)-1]] != op[0] {
			l.fail("unbalanced %q", op)
			if len(open) == 0 {
				return open
			}
		}
		return open[:len(open)-1]
	}
	return open
}

// closing is the bracket that closes one.
var closing = [256]byte{'(': ')', '[': ']', '{': '}'}

// next reads one token at a byte that is none of white space, comment or join.
func (l *lexer) next(depth int) (token, bool) {
	c := l.src[l.pos]
	r, size := utf8.DecodeRuneInString(l.src[l.pos:])
	switch {
	case c == '"' || c == '\'':
		return l.str("", depth), true
	case c >= '0' && c <= '9' || c == '.' && l.pos+1 < len(l.src) && isDigit(l.src[l.pos+1]):
		return l.number(), true
	case c == '_' || unicode.IsLetter(r) || r >= 0x80 && isOtherStart(r):
		name := l.name()
		if l.pos < len(l.src) && (l.src[l.pos] == '"' || l.src[l.pos] == '\'') && isStringPrefix(name) {
			return l.str(strings.ToLower(name), depth), true
		}
		if !isASCII(name) {
			name = norm.NFKC.String(name)
		}
		return nameOf(name, l.line), true
	}
	if l.plain && c == '?' { // Meson's conditional
		l.pos++
		return token{kind: opToken, text: "?", line: l.line}, true
	}
	for n := 3; n >= 1; n-- {
		if n > 1 && l.pos+1 < len(l.src) && !joinsOperator[l.src[l.pos+1]] {
			continue
		}
		if l.pos+n <= len(l.src) && operators[l.src[l.pos:l.pos+n]] {
			t := token{kind: opToken, text: l.src[l.pos : l.pos+n], line: l.line}
			l.pos += n
			return t, true
		}
	}
	l.fail("unexpected character %q", r)
	l.pos += size
	return token{}, false
}

// operators of Python 3, and "<>" and the backquote of Python 2.
var operators = func() map[string]bool {
	m := make(map[string]bool)
	for op := range strings.FieldsSeq("+ - * ** / // % @ << >> & | ^ ~ := < > <= >= == != -> += -= *= /= //= %= @= &= |= ^= >>= <<= **= ( ) [ ] { } , : . ; = ... <> `") {
		m[op] = true
	}
	return m
}()

// joinsOperator are the bytes that an operator has behind its first.
var joinsOperator = [256]bool{'*': true, '/': true, '<': true, '>': true, '=': true, '.': true}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// isOtherStart accepts what an identifier may start with beyond letters, widely:
// normalization may turn it into a letter.
func isOtherStart(r rune) bool {
	return unicode.Is(unicode.Nl, r) || unicode.Is(unicode.Other_ID_Start, r) || unicode.IsLetter(firstRune(norm.NFKC.String(string(r))))
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

func (l *lexer) name() string {
	start := l.pos
	for l.pos < len(l.src) {
		if c := l.src[l.pos]; c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || isDigit(c) {
			l.pos++
			continue
		}
		r, size := utf8.DecodeRuneInString(l.src[l.pos:])
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) &&
			(r < 0x80 || !unicode.In(r, unicode.Mn, unicode.Mc, unicode.Pc, unicode.Nl, unicode.Other_ID_Continue) && !isOtherStart(r)) {
			break
		}
		l.pos += size
	}
	return l.src[start:l.pos]
}

func (l *lexer) number() token {
	start := l.pos
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		sign := (c == '+' || c == '-') && (l.src[l.pos-1] == 'e' || l.src[l.pos-1] == 'E') && l.pos > start && !strings.HasPrefix(strings.ToLower(l.src[start:l.pos]), "0x")
		if c != '.' && c != '_' && !sign && !isDigit(c) && !(c|0x20 >= 'a' && c|0x20 <= 'z') {
			break
		}
		// "1if x else y" is a number and a keyword.
		if c|0x20 >= 'a' && c|0x20 <= 'z' && !numberLetter(l.src[start:l.pos], c|0x20) {
			break
		}
		l.pos++
	}
	return token{kind: numberToken, text: l.src[start:l.pos], line: l.line}
}

// numberLetter reports whether a number that reads so far may go on with letter c.
func numberLetter(sofar string, c byte) bool {
	lower := strings.ToLower(sofar)
	switch {
	case lower == "0":
		return strings.IndexByte("xobjel", c) >= 0
	case strings.HasPrefix(lower, "0x"):
		return c >= 'a' && c <= 'f' || c == 'l'
	}
	return strings.IndexByte("ejl", c) >= 0 && !strings.ContainsAny(lower, "ejl")
}
