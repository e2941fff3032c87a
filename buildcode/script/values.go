package script

import (
	"path"
	"sort"
	"strconv"
	"strings"
)

const (
	// maxTexts bounds what one word may stand for, maxText the bytes of one of them.
	maxTexts = 8
	maxText  = 64 << 10
	// maxBuilt bounds the bytes that the expansion of one file makes up, beside a
	// multiple of its size.
	maxBuilt = 8 << 20
	// maxDepth bounds names that stand for one another.
	maxDepth = 60
)

// binding is what a name is assigned, anywhere.
type binding struct {
	words  []boundWord // by line
	texts  []string    // of a parameter
	last   []string    // of the word assigned last, while being resolved
	known  map[int][]string
	active bool
	// telling are indexes of words that begin as something out of the ordinary, of
	// the first counted words.
	telling []int
	counted int
}

// boundWord is a word with the place where it is assigned.
type boundWord struct {
	word
	split bool
	fn    string
	line  int
}

// add joins texts to a set of them, keeping it small. What does not fit is a
// hole.
func add(set []string, texts ...string) []string {
next:
	for _, t := range texts {
		for _, have := range set {
			if have == t {
				continue next
			}
		}
		if len(set) < maxTexts {
			set = append(set, t)
			continue
		}
		// What is telling is kept at the cost of what is not.
		if tellingText(t) {
			for i, have := range set {
				if !tellingText(have) && !strings.ContainsAny(have, content+output) {
					set[i] = t
					continue next
				}
			}
		}
		set[0] = many
	}
	return set
}

// tellingText reports whether a text begins as the starting of a program that is
// out of the ordinary.
func tellingText(t string) bool {
	if len(t) > 200 {
		t = t[:200]
	}
	word, _, _ := strings.Cut(strings.TrimLeft(t, " \t\n"), " ")
	return telling([]string{word})
}

// concat is every text of a followed by every one of b.
func (s *shell) concat(a, b []string) []string {
	if len(b) == 0 || len(b) == 1 && b[0] == "" {
		return a
	}
	if len(a) == 0 || len(a) == 1 && a[0] == "" {
		return b
	}
	var out []string
	if len(a)*len(b) > maxTexts {
		if len(a) < len(b) {
			b = []string{b[0], many}
		} else {
			b = b[:1]
		}
	}
	for _, x := range a {
		for _, y := range b {
			s.built += len(x) + len(y)
			switch {
			case s.built > maxBuilt+8*len(s.f.text):
				s.tooMuch()
				return []string{content}
			case len(x)+len(y) > maxText:
				out = add(out, x[:min(len(x), maxText/2)]+content)
			default:
				out = add(out, x+y)
			}
		}
	}
	return out
}

// expand is what a word may stand for.
func (s *shell) expand(w word) []string {
	out := []string{""}
	for _, p := range w.parts {
		if p.kind == literal {
			out = s.concat(out, []string{p.text})
			continue
		}
		out = s.concat(out, s.part(p))
	}
	return out
}

func (s *shell) part(p part) []string {
	switch p.kind {
	case variable:
		return s.variable(p)
	case substitution:
		if p.op == "<(" {
			// A file that holds what the commands print.
			return []string{"/dev/fd/" + s.keep(s.outputs(p.sub, span{0, len(p.sub.commands)}))}
		}
		if p.sub.round == s.round && s.round > 0 {
			return p.sub.printed
		}
		out := s.outputs(p.sub, span{0, len(p.sub.commands)})
		trimmed := make([]string, 0, len(out))
		for _, t := range out {
			trimmed = add(trimmed, strings.TrimRight(t, "\n"))
		}
		if len(trimmed) == 0 { // it prints nothing
			trimmed = []string{""}
		}
		p.sub.printed, p.sub.round = trimmed, s.round
		return trimmed
	case unknown:
		return []string{outside}
	}
	return []string{p.text}
}

// variable is what ${name...} may stand for.
func (s *shell) variable(p part) []string {
	value := s.resolve(p.text)
	if p.op == "" {
		return value
	}
	arg := []string{""}
	if p.arg != nil {
		arg = s.expand(*p.arg)
	}
	switch p.op {
	case "!":
		var out []string
		for _, name := range value {
			if hasHole(name) {
				out = add(out, name)
			} else {
				out = add(out, s.resolve(name)...)
			}
		}
		return out
	case ":-", "-", ":=", "=":
		if b := s.vars[p.text]; b == nil && !conventional(p.text) {
			return add(arg, outside)
		}
		return add(value, arg...)
	case ":+", "+":
		return add(arg, "")
	case ":?", "?":
		return value
	}
	var out []string
	for _, v := range value {
		for _, a := range arg {
			out = add(out, edit(v, p.op, a))
		}
	}
	return out
}

func conventional(name string) bool {
	return toolVariables[name] != "" || number(name) || name == "@" || name == "*"
}

// edit applies an operator of parameter expansion to a text.
func edit(v, op, arg string) string {
	if hasHole(v) {
		// The end of what has a hole is as good as not known, but where it came from is.
		if op[0] == ':' || op[0] == '/' {
			return worst(v)
		}
		return v
	}
	switch op {
	case ":":
		return slice(v, arg)
	case "/", "//", "/#", "/%":
		from, to, _ := strings.Cut(arg, "/")
		if from == "" || strings.ContainsAny(from, "*?[") || hasHole(arg) {
			return output
		}
		if op == "//" {
			return strings.ReplaceAll(v, from, to)
		}
		return strings.Replace(v, from, to, 1)
	case "#", "##", "%", "%%":
		return trim(v, op, arg)
	case "^^":
		return strings.ToUpper(v)
	case ",,":
		return strings.ToLower(v)
	case "^":
		if v != "" {
			return strings.ToUpper(v[:1]) + v[1:]
		}
	case ",":
		if v != "" {
			return strings.ToLower(v[:1]) + v[1:]
		}
	case "@":
		if arg == "E" || arg == "P" {
			text, _ := unescape(v)
			return text
		}
	}
	return v
}

// slice is ${v:offset:length}.
func slice(v, arg string) string {
	off, length, two := strings.Cut(arg, ":")
	i, err := strconv.Atoi(strings.TrimSpace(off))
	if err != nil {
		return output
	}
	if i < 0 {
		i += len(v)
	}
	i = max(0, min(i, len(v)))
	end := len(v)
	if two {
		n, err := strconv.Atoi(strings.TrimSpace(length))
		if err != nil {
			return output
		}
		if end = i + n; n < 0 {
			end = len(v) + n
		}
	}
	return v[i:max(i, min(end, len(v)))]
}

// trim takes off what a pattern matches at the beginning or the end.
func trim(v, op, pattern string) string {
	if len(v) > 300 || hasHole(pattern) {
		return output
	}
	best, found := v, false
	for i := 0; i <= len(v); i++ {
		piece, rest := v[:i], v[i:]
		if op[0] == '%' {
			piece, rest = v[i:], v[:i]
		}
		// A slash is a character like any other here.
		ok, err := path.Match(strings.ReplaceAll(pattern, "/", "\x06"), strings.ReplaceAll(piece, "/", "\x06"))
		if err != nil {
			return output
		}
		if !ok {
			continue
		}
		// # takes the shortest piece, % runs from the longest to the shortest.
		if !found || op == "##" || op == "%" {
			best, found = rest, true
		}
	}
	return best
}

// worst is the hole of a text that says most of where it comes from.
func worst(v string) string {
	for _, h := range []string{content, output, outside, built, many} {
		if strings.Contains(v, h) {
			return h
		}
	}
	return outside
}

// resolve is what a name may stand for.
func (s *shell) resolve(name string) []string {
	if name == "@" || name == "*" || number(name) && name != "0" {
		return s.parameter(s.fn, name)
	}
	b := s.vars[name]
	if b == nil {
		if tool, found := toolVariables[name]; found {
			return []string{tool}
		}
		if name == "" || strings.Contains("?#$!-0", name) {
			return []string{outside}
		}
		s.reads(name)
		return []string{outside}
	}
	words, key := b.window(s.line)
	if texts := b.known[key]; texts != nil {
		return texts
	}
	if b.active || s.depth > maxDepth {
		if len(b.last) == 0 || s.depth > maxDepth {
			return []string{outside}
		}
		return b.last // what it is made of was assigned before
	}
	b.active = true
	s.depth++
	fn, line := s.fn, s.line
	var out []string
	for _, w := range words {
		s.fn, s.line = w.fn, w.line
		texts := s.expand(w.word)
		if w.split {
			texts = s.fields(texts)
		}
		out = add(out, texts...)
		b.last = texts
	}
	s.fn, s.line = fn, line
	s.depth--
	b.last, b.active = nil, false
	if len(out) == 0 {
		out = []string{""}
	}
	if b.known == nil {
		b.known = map[int][]string{}
	}
	b.known[key] = out
	return out
}

// maxWindow is how many assignments of a name are meant where it is used. Of more
// those before count, going round from the end of the file, since loops do; and
// all that are telling.
const maxWindow = 6

// window are the assignments that count at a line, with a key that tells them.
func (b *binding) window(line int) ([]boundWord, int) {
	n := len(b.words)
	if n <= maxWindow {
		return b.words, n
	}
	i := sort.Search(n, func(i int) bool { return b.words[i].line > line })
	out := make([]boundWord, 0, maxWindow)
	for k := maxWindow; k > 0; k-- {
		out = append(out, b.words[((i-k)%n+n)%n])
	}
	if b.counted != n {
		b.counted, b.telling = n, b.telling[:0]
		for k, w := range b.words {
			if len(b.telling) < maxWindow && len(w.parts) > 0 && w.parts[0].kind == literal && tellingText(w.parts[0].text) {
				b.telling = append(b.telling, k)
			}
		}
	}
	for _, k := range b.telling {
		if d := ((i-1-k)%n + n) % n; d >= maxWindow {
			out = append(out, b.words[k])
		}
	}
	return out, -1 - i
}

// fields splits texts as the shell does. Many are a hole.
func (s *shell) fields(texts []string) []string {
	var out []string
	for _, t := range texts {
		for _, f := range strings.Fields(t) {
			if out = add(out, f); len(out) == maxTexts && out[maxTexts-1] == content {
				return out
			}
		}
	}
	return out
}

// maxSets is how many times a script may set its arguments for all of them to be
// meant everywhere; beyond that the last before is.
const maxSets = 4

// parameter is what an argument of a function may be: what any call hands it.
func (s *shell) parameter(fn, name string) []string {
	calls := s.calls[fn]
	key := fn + "\x00" + name
	if fn == "" && len(calls) > maxSets {
		i := sort.Search(len(calls), func(i int) bool { return calls[i].line > s.line }) - 1
		if i < 0 {
			return []string{outside}
		}
		calls = calls[i : i+1]
		key = "\x00" + name + strconv.Itoa(i)
	}
	if len(calls) == 0 {
		return []string{outside}
	}
	if b := s.params[key]; b != nil {
		if len(b.texts) == 0 {
			return []string{outside}
		}
		return b.texts
	}
	b := &binding{}
	s.params[key] = b
	if s.depth > maxDepth {
		return []string{outside}
	}
	s.depth++
	was, line := s.fn, s.line
	for _, c := range calls {
		s.fn, s.line = c.fn, c.line-1
		b.texts = add(b.texts, s.argument(c.words[1:], name, s.shifts[fn])...)
	}
	if fn == "" { // what the script itself is called with
		b.texts = add(b.texts, outside)
	}
	s.fn, s.line = was, line
	s.depth--
	return b.texts
}

// argument is what $name may be, when called with words; shifted says that it may
// be any of them.
func (s *shell) argument(words []word, name string, shifted bool) []string {
	var out []string
	switch i := int(name[0] - '0'); {
	case name == "@" || name == "*":
		out = []string{""}
		for i, w := range words {
			if i > 0 {
				out = s.concat(out, []string{" "})
			}
			out = s.concat(out, s.expand(w))
		}
	case len(name) == 1 && i <= len(words) && !shifted:
		out = s.expand(words[i-1])
	default:
		for _, w := range words {
			out = add(out, s.expand(w)...)
		}
	}
	return out
}
