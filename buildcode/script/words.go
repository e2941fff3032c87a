package script

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// readWord reads one word; empty where none begins.
func (p *parser) readWord() word {
	var w word
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			w.parts = append(w.parts, part{text: b.String()})
			b.Reset()
		}
	}
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		switch {
		case c == '\\':
			p.pos++
			if p.pos >= len(p.text) {
				break
			}
			if p.text[p.pos] != '\n' {
				flush()
				w.parts = append(w.parts, part{text: p.text[p.pos : p.pos+1], quoted: true})
			}
			p.pos++
		case c == '\'':
			flush()
			p.singleQuoted(&w)
		case c == '"':
			flush()
			p.pos++
			p.doubleQuoted(&w, true)
		case c == '$' && p.peek(1) == '\'':
			flush()
			p.pos += 2
			p.ansi(&w)
		case c == '$' && p.peek(1) == '"':
			p.pos++
		case c == '$' || c == '`':
			flush()
			p.expansion(&w, false)
		case (c == '<' || c == '>') && p.peek(1) == '(' && b.Len() == 0 && len(w.parts) == 0:
			p.pos += 2
			w.parts = append(w.parts, part{kind: substitution, sub: p.substitute(), quoted: true, op: "<("})
		case strings.IndexByte(" \t\r\n;&|<>()", c) >= 0:
			flush()
			return w
		default:
			b.WriteByte(c)
			p.pos++
		}
	}
	flush()
	return w
}

func (p *parser) singleQuoted(w *word) {
	p.pos++
	end := strings.IndexByte(p.text[p.pos:], '\'')
	if end < 0 {
		p.fail("a quote that does not end")
		end = len(p.text) - p.pos
	}
	w.parts = append(w.parts, part{text: p.text[p.pos : p.pos+end], quoted: true})
	p.pos = min(p.pos+end+1, len(p.text))
}

// doubleQuoted reads up to the closing quote, or without one to the end.
func (p *parser) doubleQuoted(w *word, quote bool) {
	var b strings.Builder
	before := len(w.parts)
	flush := func() {
		if b.Len() == 0 && len(w.parts) > before {
			return
		}
		w.parts = append(w.parts, part{text: b.String(), quoted: true})
		b.Reset()
	}
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		switch {
		case c == '"' && quote:
			p.pos++
			flush()
			return
		case c == '\\' && p.pos+1 < len(p.text):
			next := p.text[p.pos+1]
			if next != '\n' {
				if strings.IndexByte("$`\\", next) < 0 && !(next == '"' && quote) {
					b.WriteByte('\\')
				}
				b.WriteByte(next)
			}
			p.pos += 2
		case c == '$' && p.pos+1 < len(p.text) && p.text[p.pos+1] != '"' || c == '`':
			if b.Len() > 0 {
				flush()
			}
			p.expansion(w, true)
		default:
			b.WriteByte(c)
			p.pos++
		}
	}
	if quote {
		p.fail("a quote that does not end")
	}
	flush()
}

// ansi reads $'...' behind its quote.
func (p *parser) ansi(w *word) {
	end := p.pos
	for end < len(p.text) && p.text[end] != '\'' {
		if p.text[end] == '\\' {
			end++
		}
		end++
	}
	end = min(end, len(p.text))
	text, coded := unescape(p.text[p.pos:end])
	w.coded = w.coded || coded
	w.parts = append(w.parts, part{text: text, quoted: true})
	p.pos = min(end+1, len(p.text))
}

var simpleEscapes = map[byte]string{'n': "\n", 't': "\t", 'r': "\r", 'a': "\a", 'b': "\b", 'f': "\f", 'v': "\v", 'e': "\x1b", '\\': `\`, '\'': "'", '"': `"`, '?': "?"}

// unescape takes backslash escapes off, and reports whether letters or digits
// were written by their numbers.
func unescape(s string) (string, bool) {
	if !strings.Contains(s, `\`) {
		return s, false
	}
	var b strings.Builder
	coded := false
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 >= len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		digits, base, most := "", 16, 2
		switch c := s[i]; {
		case c == 'x':
			digits = s[i+1:]
		case c == 'u':
			digits, most = s[i+1:], 4
		case c == 'U':
			digits, most = s[i+1:], 8
		case c >= '0' && c <= '7':
			digits, base, most = s[i:], 8, 3
			if c == '0' {
				most = 4
			}
			i--
		default:
			if text, found := simpleEscapes[c]; found {
				b.WriteString(text)
			} else {
				b.WriteString(s[i-1 : i+1])
			}
			continue
		}
		n := 0
		for n < len(digits) && n < most && hexDigit(digits[n], base) {
			n++
		}
		i += n
		v, err := strconv.ParseUint(digits[:n], base, 32)
		switch {
		case err != nil:
		case v >= 0x80 && v <= utf8.MaxRune:
			b.WriteRune(rune(v))
		case v >= 0x20:
			b.WriteByte(byte(v))
			coded = coded || v >= '0' && v != 0x5c && v < 0x7f
		case v == '\n' || v == '\t':
			b.WriteByte(byte(v))
		}
	}
	return b.String(), coded
}

func hexDigit(c byte, base int) bool {
	if base == 8 {
		return c >= '0' && c <= '7'
	}
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// expansion reads what begins with $ or a backquote.
func (p *parser) expansion(w *word, quoted bool) {
	add := func(q part) {
		q.quoted = quoted
		w.parts = append(w.parts, q)
	}
	if p.text[p.pos] == '`' {
		add(part{kind: substitution, sub: p.backquoted(quoted)})
		return
	}
	p.pos++
	switch c := p.peek(0); {
	case c == '(' && p.peek(1) == '(':
		if end := p.arithmetic(p.pos + 2); end >= 0 {
			p.pos = end
			add(part{kind: unknown})
			return
		}
		fallthrough
	case c == '(':
		p.pos++
		add(part{kind: substitution, sub: p.substitute()})
	case c == '{':
		p.pos++
		add(p.braced())
	case strings.IndexByte("@*#?$!-", c) >= 0 && c != 0, c >= '0' && c <= '9':
		p.pos++
		add(part{kind: variable, text: string(c)})
	default:
		from := p.pos
		for p.pos < len(p.text) && nameByte(p.text[p.pos]) {
			p.pos++
		}
		if p.pos > from {
			add(part{kind: variable, text: p.text[from:p.pos]})
		} else if hasHole(string(c)) && c != 0 { // a name that is not known
			p.pos++
			add(part{kind: unknown})
		} else {
			add(part{text: "$"})
		}
	}
}

func nameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// substitute reads $(...) behind its parenthesis.
func (p *parser) substitute() *unit {
	if p.depth >= maxNesting {
		p.fail("nested too deeply")
		return &unit{}
	}
	u, pos := parseShell(p.source, p.pos, p.depth+1, p.fn, ')')
	p.pos = pos
	if u.err != "" && p.u.err == "" {
		p.u.err, p.u.errLine = u.err, u.errLine
	}
	return u
}

// backquoted reads `...`, in which backslashes count once more.
func (p *parser) backquoted(quoted bool) *unit {
	line := p.line(p.pos)
	p.pos++
	var b strings.Builder
	for p.pos < len(p.text) && p.text[p.pos] != '`' {
		c := p.text[p.pos]
		if c == '\\' && p.pos+1 < len(p.text) {
			next := p.text[p.pos+1]
			if strings.IndexByte("$`\\", next) < 0 && !(quoted && next == '"') {
				b.WriteByte('\\')
			}
			p.pos++
			c = next
		}
		b.WriteByte(c)
		p.pos++
	}
	if p.pos >= len(p.text) {
		p.fail("a substitution that does not end")
	}
	p.pos = min(p.pos+1, len(p.text))
	if p.depth >= maxNesting/2 {
		p.fail("nested too deeply")
		return &unit{}
	}
	u, _ := parseShell(newSource(b.String(), line, p.fixed), 0, p.depth+1, p.fn, 0)
	return u
}

// braced reads ${...} behind its brace.
func (p *parser) braced() part {
	q := part{kind: variable}
	if p.peek(0) == '!' && nameByte(p.peek(1)) { // the variable that another names
		q.op = "!"
		p.pos++
	} else if p.peek(0) == '#' && nameByte(p.peek(1)) { // a length
		q.kind = unknown
		p.pos++
	}
	from := p.pos
	for p.pos < len(p.text) && nameByte(p.text[p.pos]) {
		p.pos++
	}
	if p.pos == from && p.pos < len(p.text) && p.text[p.pos] != '}' {
		p.pos++
	}
	q.text = p.text[from:p.pos]
	if p.peek(0) == '[' {
		for p.pos < len(p.text) && p.text[p.pos] != ']' && p.text[p.pos] != '\n' && p.pos < from+200 {
			p.pos++
		}
		if p.peek(0) == ']' {
			p.pos++
		}
	}
	if p.peek(0) == '}' {
		p.pos++
		return q
	}
	start := p.pos
	if c := p.peek(0); c != 0 && strings.IndexByte(":-+=?#%/^,@", c) >= 0 {
		p.pos++
		if next := p.peek(0); c == ':' && next != 0 && strings.IndexByte("-+=?", next) >= 0 || strings.IndexByte("#%/^,", c) >= 0 && next == c || c == '/' && (next == '#' || next == '%') {
			p.pos++
		}
	}
	if q.op == "" {
		q.op = p.text[start:p.pos]
	}
	var arg word
	p.bracedWord(&arg)
	q.arg = &arg
	return q
}

// bracedWord reads up to the closing brace.
func (p *parser) bracedWord(w *word) {
	if p.depth >= maxNesting {
		p.fail("nested too deeply")
		return
	}
	p.depth++
	defer func() { p.depth-- }()
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			w.parts = append(w.parts, part{text: b.String()})
			b.Reset()
		}
	}
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; {
		case c == '}':
			p.pos++
			flush()
			return
		case c == '\\' && p.pos+1 < len(p.text):
			b.WriteByte(p.text[p.pos+1])
			p.pos += 2
		case c == '\'':
			// In double quotes it is a character like any other; without a partner it is one, too.
			if end := strings.IndexByte(p.text[p.pos+1:min(len(p.text), p.pos+2000)], '\''); end >= 0 && strings.IndexByte(p.text[p.pos+1:p.pos+1+end], '}') < 0 {
				b.WriteString(p.text[p.pos+1 : p.pos+1+end])
				p.pos += end + 2
			} else {
				p.pos++
			}
		case c == '"':
			flush()
			p.pos++
			p.doubleQuoted(w, true)
		case c == '$' || c == '`':
			flush()
			p.expansion(w, false)
		default:
			b.WriteByte(c)
			p.pos++
		}
	}
	p.fail("an expansion that does not end")
	flush()
}
