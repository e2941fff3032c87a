package script

import (
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Holes stand in a text for what is not known, by where it comes from. They are
// bytes that no script has: clean takes them out.
const (
	outside = "\x01" // the environment, an argument, a variable that is never set
	output  = "\x02" // what some program printed
	content = "\x03" // what a file or the network holds, or what was decoded
	built   = "\x04" // what the build itself makes
	many    = "\x05" // too many things to be told apart, none of them telling
)

const holes = outside + output + content + built + many

func hasHole(s string) bool { return strings.ContainsAny(s, holes) }

// part is a piece of a word.
type part struct {
	kind   partKind
	text   string // a literal, or the name of a variable
	quoted bool   // not split, no pattern
	op     string // what follows the name in ${name...}
	arg    *word  // of op
	sub    *unit  // a substitution
}

type partKind byte

const (
	literal partKind = iota
	variable
	substitution
	unknown // arithmetic and the like
)

// word is one word of a command.
type word struct {
	parts []part
	// coded: letters were spelt as escapes, which no honest program needs.
	coded bool
}

// plain is the word's text if it is one unquoted literal: only such is a keyword.
func (w word) plain() string {
	if len(w.parts) == 1 && w.parts[0].kind == literal && !w.parts[0].quoted {
		return w.parts[0].text
	}
	return ""
}

// splits reports whether the shell splits the word after expanding it.
func (w word) splits() bool {
	if len(w.parts) == 1 && w.parts[0].kind == variable {
		// "$@" is as many words as there are.
		if p := w.parts[0]; p.text == "@" || p.arg != nil && p.arg.splits() {
			return true
		}
	}
	found := false
	for _, p := range w.parts {
		found = found || !p.quoted && p.kind != literal
		if p.quoted && p.kind == literal && strings.ContainsAny(p.text, " \t\n") {
			return false // what is quoted stays together, and so does the rest, nearly
		}
	}
	return found
}

// assign is name=word, or what binds a name in another way.
type assign struct {
	name  string
	words []word
	split bool // each field of the words is one value
}

type redirect struct {
	op     string
	target word
	body   *word // of a here-document or here-string
}

// command is a simple command.
type command struct {
	line    int
	words   []word
	assigns []assign
	redirs  []redirect
	fn      string // the function that it stands in
	unit    *unit
	// stdin is what stands before it in a pipeline.
	stdin span
	// argvs are what it may run, as found in a round.
	argvs [][]string
	round int
}

// span is a range of the commands of a unit.
type span struct{ lo, hi int }

func (s span) empty() bool { return s.hi <= s.lo }

// unit is one text of commands: a file, a substitution, what is handed to eval.
type unit struct {
	collected bool
	active    bool     // being evaluated
	printed   []string // all of it, as found in a round
	round     int
	times     int  // that it was, in a round
	executed  bool // a text that is put together and then executed
	commands  []command
	pipelines [][]span
	functions map[string]bool
	err       string
	errLine   int
}

func (u *unit) isExecuted() bool { return u != nil && u.executed }

const (
	maxNesting = 40  // of substitutions
	maxGroups  = 200 // of compound commands
	// maxParses bounds the bytes that one file's texts within texts may have together.
	maxParses = 4 << 20
)

// source is the text being parsed, and where its lines lie.
type source struct {
	text  string
	lines []int // offsets of the newlines
	first int   // number of the first line
	fixed bool  // everything lies on the first line
}

func newSource(text string, first int, fixed bool) *source {
	s := &source{text: text, first: first, fixed: fixed}
	if !fixed {
		for i := 0; i < len(text); i++ {
			if text[i] == '\n' {
				s.lines = append(s.lines, i)
			}
		}
	}
	return s
}

func (s *source) line(at int) int {
	if s.fixed {
		return s.first
	}
	return s.first + sort.SearchInts(s.lines, at)
}

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
