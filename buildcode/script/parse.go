package script

import (
	"strings"
)

// parser reads shell commands, by the grammar of POSIX.1-2024 (XCU chapter 2) and
// what bash adds to it. It never goes back, so its time is linear.
type parser struct {
	*source
	pos   int
	depth int
	u     *unit
	fn    string
	// the command being read
	cur      command
	open     bool // it has begun
	start    int  // of the element of a pipeline
	pipe     []span
	frames   []frame
	pending  []*pendingHere
	defining string // the function whose body comes next
}

// frame is a compound command that is not closed yet.
type frame struct {
	closer  string
	start   int
	pipe    []span
	pattern bool // of a case: a pattern is next
	fn      string
}

type pendingHere struct {
	delimiter string
	strip     bool
	quoted    bool
	body      *word
}

func parseShell(s *source, pos, depth int, fn string, closer byte) (*unit, int) {
	p := &parser{source: s, pos: pos, depth: depth, u: &unit{functions: map[string]bool{}}, fn: fn}
	p.run(closer)
	for i := range p.u.commands {
		p.u.commands[i].unit = p.u
	}
	for _, pipeline := range p.u.pipelines { // inner ones come first
		for i := 1; i < len(pipeline); i++ {
			for k := pipeline[i].lo; k < pipeline[i].hi; k++ {
				if c := &p.u.commands[k]; c.stdin.empty() {
					c.stdin = pipeline[i-1]
				}
			}
		}
	}
	return p.u, p.pos
}

func (p *parser) fail(what string) {
	if p.u.err == "" {
		p.u.err, p.u.errLine = what, p.line(p.pos)
	}
}

func (p *parser) peek(i int) byte {
	if p.pos+i < len(p.text) {
		return p.text[p.pos+i]
	}
	return 0
}

// run reads commands up to the end, or to a closing parenthesis of its own.
func (p *parser) run(closer byte) {
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		switch {
		case c == ' ' || c == '\t' || c == '\r':
			p.pos++
		case c == '\\' && p.peek(1) == '\n':
			p.pos += 2
		case c == '#':
			p.comment()
		case c == '\n':
			p.pos++
			p.heres()
			if len(p.pipe) == 0 || p.open || p.start < len(p.u.commands) { // not right behind a |
				p.endPipeline()
			}
		case p.inPattern():
			p.casePattern()
		case c == ';':
			p.endPipeline()
			p.pos++
			for p.peek(0) == ';' || p.peek(0) == '&' {
				p.pos++
				if n := len(p.frames); n > 0 && p.frames[n-1].closer == "esac" {
					p.frames[n-1].pattern = true
				}
			}
		case c == '&' && p.peek(1) == '>':
			p.redirection()
		case c == '&':
			p.endPipeline()
			p.pos++
		case c == '|':
			or := p.peek(1) == '|'
			p.pos++
			if or || p.peek(0) == '&' {
				p.pos++
			}
			if or {
				p.endPipeline()
			} else {
				p.endElement()
			}
		case c == '(':
			p.parenthesis()
		case c == ')':
			p.pos++
			p.endPipeline()
			if n := len(p.frames); n > 0 && p.frames[n-1].closer == ")" {
				p.closeFrame()
			} else if closer == ')' {
				p.finish()
				return
			}
		case (c == '<' || c == '>') && p.peek(1) != '(':
			p.redirection()
		default:
			p.word()
		}
	}
	if closer != 0 {
		p.fail("a substitution that does not end")
	}
	p.heres()
	p.finish()
}

func (p *parser) finish() {
	p.endPipeline()
	for len(p.frames) > 0 {
		p.closeFrame()
		p.endPipeline()
	}
}

func (p *parser) comment() {
	if i := strings.IndexByte(p.text[p.pos:], '\n'); i >= 0 {
		p.pos += i
	} else {
		p.pos = len(p.text)
	}
}

func (p *parser) inPattern() bool {
	n := len(p.frames)
	return n > 0 && p.frames[n-1].pattern && !p.open
}

// casePattern skips a pattern with its parenthesis.
func (p *parser) casePattern() {
	first := true
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; {
		case c == ')':
			p.pos++
			p.frames[len(p.frames)-1].pattern = false
			p.start = len(p.u.commands)
			return
		case c == '(' || c == '|' || c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';' || c == '&' || c == '<' || c == '>':
			p.pos++
		case c == '#' && first:
			p.comment()
		default:
			w := p.readWord()
			if first && w.plain() == "esac" {
				p.endPipeline()
				p.closeFrame()
				return
			}
			first = false
		}
	}
}

func (p *parser) endCommand() {
	if p.open {
		p.cur.fn = p.fn
		p.u.commands = append(p.u.commands, p.cur)
	}
	p.cur, p.open = command{}, false
}

func (p *parser) endElement() {
	p.endCommand()
	p.pipe = append(p.pipe, span{p.start, len(p.u.commands)})
	p.start = len(p.u.commands)
}

func (p *parser) endPipeline() {
	p.endElement()
	if len(p.pipe) > 1 {
		p.u.pipelines = append(p.u.pipelines, p.pipe)
	}
	p.pipe = nil
}

func (p *parser) openFrame(closer string) {
	if len(p.frames) >= maxGroups {
		p.fail("nested too deeply")
		return
	}
	p.frames = append(p.frames, frame{closer: closer, start: p.start, pipe: p.pipe, fn: p.fn})
	if p.defining != "" {
		p.fn, p.defining = p.defining, ""
	}
	p.pipe, p.start = nil, len(p.u.commands)
}

func (p *parser) closeFrame() {
	n := len(p.frames) - 1
	f := p.frames[n]
	p.frames = p.frames[:n]
	p.start, p.pipe, p.fn = f.start, f.pipe, f.fn
}

// parenthesis is a subshell, an arithmetic command, or makes a word a function.
func (p *parser) parenthesis() {
	if p.open && len(p.cur.words) == 1 && len(p.cur.assigns) == 0 {
		name := p.cur.words[0].plain()
		p.cur, p.open = command{}, false
		p.pos++
		for p.peek(0) == ' ' || p.peek(0) == '\t' {
			p.pos++
		}
		if p.peek(0) == ')' {
			p.pos++
		}
		p.define(name)
		return
	}
	p.endCommand()
	if p.peek(1) == '(' {
		if end := p.arithmetic(p.pos + 2); end >= 0 {
			p.pos = end
			return
		}
	}
	p.pos++
	p.openFrame(")")
}

func (p *parser) define(name string) {
	if name != "" {
		p.u.functions[name] = true
		p.defining = name
	}
}

// arithmetic returns where what begins at from and ends in "))" is over, having
// read the substitutions in it; -1 if it is none. How far is looked is bounded, so
// that many openings without an end take no longer.
func (p *parser) arithmetic(from int) int {
	depth := 0
	for i := from; i < len(p.text) && i < from+2000; i++ {
		switch p.text[i] {
		case '(':
			depth++
		case ')':
			if depth > 0 {
				depth--
				continue
			}
			if i+1 >= len(p.text) || p.text[i+1] != ')' {
				return -1
			}
			if inner := p.text[from:i]; strings.ContainsAny(inner, "$`") && p.depth < maxNesting {
				p.nested(inner, p.line(from))
			}
			return i + 2
		}
	}
	return -1
}

// nested reads the substitutions of a text as if it stood in double quotes.
func (p *parser) nested(text string, line int) {
	w := quotedText(text, line, p.depth+1, p.fn)
	c := command{line: line, fn: p.fn, words: []word{{parts: []part{{text: ":"}}}, w}}
	p.u.commands = append(p.u.commands, c)
}

// quotedText reads a text as in double quotes: a here-document, say.
func quotedText(text string, line, depth int, fn string) word {
	q := &parser{source: newSource(text, line, false), depth: depth, u: &unit{functions: map[string]bool{}}, fn: fn}
	var w word
	q.doubleQuoted(&w, false)
	return w
}

// word reads one word and finds what it is.
func (p *parser) word() {
	at := p.pos
	w := p.readWord()
	if p.pos == at { // nothing that begins a word
		p.pos++
		return
	}
	if c := p.peek(0); (c == '<' || c == '>') && (number(w.plain()) || strings.HasPrefix(w.plain(), "{")) && p.peek(1) != '(' {
		p.redirection()
		return
	}
	if !p.open {
		p.cur.line = p.line(at)
	}
	if len(p.cur.words) == 0 {
		if len(p.cur.assigns) == 0 && p.keyword(w) {
			return
		}
		if name, value, ok := assignment(w); ok {
			a := assign{name: name, words: []word{value}}
			if p.peek(0) == '(' && len(value.parts) == 0 {
				p.pos++
				a.words = p.array()
			}
			p.cur.assigns = append(p.cur.assigns, a)
			p.open = true
			return
		}
	}
	p.cur.words = append(p.cur.words, w)
	p.open = true
}

func number(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// assignment takes name=value apart.
func assignment(w word) (string, word, bool) {
	if len(w.parts) == 0 || w.parts[0].kind != literal || w.parts[0].quoted {
		return "", word{}, false
	}
	text := w.parts[0].text
	i := 0
	for i < len(text) && (text[i] == '_' || text[i] <= many[0] && text[i] > 0 || text[i] >= 'a' && text[i] <= 'z' || text[i] >= 'A' && text[i] <= 'Z' || i > 0 && text[i] >= '0' && text[i] <= '9') {
		i++
	}
	name := text[:i]
	if i > 0 && i < len(text) && text[i] == '[' {
		if end := strings.IndexByte(text[i:], ']'); end > 0 {
			i += end + 1
		}
	}
	if i < len(text) && text[i] == '+' {
		i++
	}
	if name == "" || i >= len(text) || text[i] != '=' {
		return "", word{}, false
	}
	v := word{coded: w.coded}
	if rest := text[i+1:]; rest != "" {
		v.parts = append(v.parts, part{text: rest})
	}
	v.parts = append(v.parts, w.parts[1:]...)
	return name, v, true
}

// array reads the words of name=( ... ) behind its parenthesis.
func (p *parser) array() []word {
	var words []word
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; c {
		case ' ', '\t', '\r', '\n':
			p.pos++
		case '#':
			p.comment()
		case ')':
			p.pos++
			return words
		default:
			at := p.pos
			w := p.readWord()
			if p.pos == at {
				p.pos++
				continue
			}
			words = append(words, w)
		}
	}
	return words
}

// keyword handles a word that a compound command consists of.
func (p *parser) keyword(w word) bool {
	switch name := w.plain(); name {
	case "if":
		p.openFrame("fi")
	case "while", "until":
		p.openFrame("done")
	case "{":
		p.openFrame("}")
	case "for", "select":
		p.openFrame("done")
		p.loop()
	case "case":
		p.caseHead()
	case "function":
		p.blanks()
		p.define(p.readWord().plain())
		p.blanks()
		if p.peek(0) == '(' && p.peek(1) == ')' {
			p.pos += 2
		}
	case "then", "else", "elif", "do", "!", "time", "in", "coproc":
		p.start = len(p.u.commands)
	case "fi", "done", "}", "esac":
		p.endPipeline()
		if n := len(p.frames); n > 0 && p.frames[n-1].closer == name {
			p.closeFrame()
		}
	case "[[":
		p.test()
	default:
		return false
	}
	return true
}

func (p *parser) blanks() {
	for p.peek(0) == ' ' || p.peek(0) == '\t' || p.peek(0) == '\\' && p.peek(1) == '\n' {
		p.pos++
		if p.peek(0) == '\n' && p.text[p.pos-1] == '\\' {
			p.pos++
		}
	}
}

// loop reads "name in words" of a for.
func (p *parser) loop() {
	p.blanks()
	if p.peek(0) == '(' && p.peek(1) == '(' {
		if end := p.arithmetic(p.pos + 2); end >= 0 {
			p.pos = end
		}
		return
	}
	c := command{line: p.line(p.pos), fn: p.fn}
	name := p.readWord().plain()
	for p.peek(0) == ' ' || p.peek(0) == '\t' || p.peek(0) == '\n' || p.peek(0) == '\r' {
		p.pos++
	}
	var words []word
	if !strings.HasPrefix(p.text[p.pos:], "in") || p.pos+2 < len(p.text) && strings.IndexByte(" \t\r\n;\\$\"'`", p.text[p.pos+2]) < 0 {
		words = []word{{parts: []part{{kind: variable, text: "@"}}}}
	} else {
		p.pos += 2
		for p.pos < len(p.text) && strings.IndexByte("\n;&|()", p.text[p.pos]) < 0 {
			p.blanks()
			if p.peek(0) == '#' || p.peek(0) == '<' || p.peek(0) == '>' || p.peek(0) == '\r' {
				p.pos++
			}
			at := p.pos
			w := p.readWord()
			if p.pos == at {
				break
			}
			words = append(words, w)
		}
	}
	if name != "" {
		c.assigns = []assign{{name: name, words: words, split: true}}
		p.u.commands = append(p.u.commands, c)
	}
}

// caseHead reads "word in" of a case.
func (p *parser) caseHead() {
	line := p.line(p.pos)
	p.blanks()
	w := p.readWord()
	p.u.commands = append(p.u.commands, command{line: line, fn: p.fn, words: []word{{parts: []part{{text: ":"}}}, w}})
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n\\", p.text[p.pos]) >= 0 {
		p.pos++
	}
	if strings.HasPrefix(p.text[p.pos:], "in") {
		p.pos += 2
	}
	p.openFrame("esac")
	if n := len(p.frames); n > 0 {
		p.frames[n-1].pattern = p.frames[n-1].closer == "esac"
	}
}

// test reads [[ ... ]], whose operators are not the shell's.
func (p *parser) test() {
	c := command{line: p.line(p.pos), fn: p.fn, words: []word{{parts: []part{{text: ":"}}}}}
	for p.pos < len(p.text) {
		if strings.IndexByte(" \t\r\n;&|<>()", p.text[p.pos]) >= 0 {
			p.pos++
			continue
		}
		at := p.pos
		w := p.readWord()
		if p.pos == at {
			p.pos++
			continue
		}
		if w.plain() == "]]" {
			break
		}
		c.words = append(c.words, w)
	}
	p.u.commands = append(p.u.commands, c)
}

// redirection reads an operator with its word.
func (p *parser) redirection() {
	if !p.open {
		p.cur.line = p.line(p.pos)
		p.open = true
	}
	from := p.pos
	for p.pos < len(p.text) && p.pos < from+3 && strings.IndexByte("<>&|-", p.text[p.pos]) >= 0 {
		if c := p.text[p.pos]; c == '-' && p.text[from:p.pos] != "<<" || c == '|' && p.text[from:p.pos] != ">" {
			break
		}
		if p.pos > from && (p.text[p.pos] == '<' || p.text[p.pos] == '>') && p.peek(1) == '(' {
			break // < <(...)
		}
		p.pos++
	}
	r := redirect{op: p.text[from:p.pos]}
	p.blanks()
	at := p.pos
	r.target = p.readWord()
	switch {
	case r.op == "<<<":
		r.body = &r.target
	case strings.HasPrefix(r.op, "<<") && p.pos > at:
		h := &pendingHere{strip: r.op == "<<-", body: &word{}}
		h.delimiter, h.quoted = r.target.delimiter()
		r.body = h.body
		p.pending = append(p.pending, h)
	}
	p.cur.redirs = append(p.cur.redirs, r)
}

// delimiter is the end of a here-document, and whether any of it is quoted.
func (w word) delimiter() (string, bool) {
	var b strings.Builder
	quoted := false
	for _, q := range w.parts {
		if q.kind == variable {
			b.WriteByte('$')
		}
		b.WriteString(q.text)
		quoted = quoted || q.quoted
	}
	return b.String(), quoted
}

// heres reads the here-documents that the line before announced.
func (p *parser) heres() {
	pending := p.pending
	p.pending = nil
	for _, h := range pending {
		from := p.pos
		var b strings.Builder
		for p.pos < len(p.text) {
			end := strings.IndexByte(p.text[p.pos:], '\n')
			next := len(p.text)
			line := p.text[p.pos:]
			if end >= 0 {
				line, next = p.text[p.pos:p.pos+end], p.pos+end+1
			}
			if h.strip {
				line = strings.TrimLeft(line, "\t")
			}
			p.pos = next
			if strings.TrimSuffix(line, "\r") == h.delimiter {
				break
			}
			b.WriteString(line)
			b.WriteByte('\n')
		}
		if h.quoted || p.depth >= maxNesting {
			h.body.parts = []part{{text: b.String(), quoted: true}}
		} else {
			*h.body = quotedText(b.String(), p.line(from), p.depth+1, p.fn)
		}
	}
}
