package rust

import (
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// paths handles a call of std::fs with the paths that it is given. Reading below
// the package or its output directory, and writing below the latter, is what
// builds do; anything else counts, and so does what cannot be told.
func (c *scanner) paths(s *source, i, open int, kind sinkKind) {
	args := c.split(s, open+1, block(s.tokens, open)-1)
	if len(args) == 0 {
		args = []span{{s: s, lo: open, hi: open}}
	}
	name := s.tokens[open-1].text
	c.reads = c.reads || kind == readsPath
	for k, arg := range args {
		writes := kind == writesPath || name == "copy" && k == 1
		// The second argument of write is what is written, of open it is an option.
		if k > 0 && name != "copy" && name != "rename" && name != "hard_link" && name != "soft_link" && !strings.HasPrefix(name, "symlink") {
			break
		}
		v := c.evaluate(arg)
		climbed := c.climbs(arg)
		switch {
		case writes && !(v.has("OUT_DIR") && inside(v) && !climbed):
			c.use(s, i, buildcode.WriteFiles, "")
		case !writes && (!ordinaryRead(v) || climbed && !v.has("OUT_DIR")):
			c.use(s, i, buildcode.ReadFiles, "")
		}
	}
}

func ordinaryRead(v value) bool {
	if !inside(v) {
		return false
	}
	if v.has("OUT_DIR") || v.has("CARGO_MANIFEST_DIR") {
		return true
	}
	return !v.unknown && len(v.env) == 0 && len(v.literals) > 0
}

// inside reports whether no part of a path leads out of where it begins.
func inside(v value) bool {
	for _, l := range v.literals {
		if strings.HasPrefix(l, "~") || strings.HasPrefix(l, "/") && !anchored(v) || len(l) > 1 && l[1] == ':' {
			return false
		}
	}
	for _, l := range slices.Concat(v.literals, v.fragments) {
		if slices.Contains(strings.FieldsFunc(l, func(r rune) bool { return r == '/' || r == '\\' }), "..") {
			return false
		}
	}
	return true
}

// anchored: a literal "/x" may be what is appended to a directory, but join
// replaces the directory by it.
func anchored(v value) bool { return !v.composed && (v.has("OUT_DIR") || v.has("CARGO_MANIFEST_DIR")) }

// climbs reports whether a path may lie above the directory that it begins with:
// more of its elements are taken off, by parent or pop, than were put on before.
func (p *program) climbs(e span) bool {
	p.begin()
	_, lowest := p.level(e, 0)
	return lowest < 0
}

// far is further up than any path is deep.
const far = -100

// level follows a chain of calls on a path: how many elements it ends up deeper
// than where it begins, and the lowest level on the way. Of what cannot be told,
// such as the arms of an if, only the way up counts.
func (p *program) level(e span, depth int) (level, lowest int) {
	tokens := e.s.tokens
	branches := false
	for i := e.lo; i < min(e.hi, len(tokens)) && depth < maxNesting; i++ {
		if p.steps++; p.steps > p.limit {
			return far, far
		}
		t := tokens[i]
		method := at(tokens, i-1).is(".") && at(tokens, i+1).is("(")
		switch {
		case t.kind != ident:
		case t.word("if"), t.word("match"):
			branches = true
		case t.text == "format" && at(tokens, i+1).is("!") && at(tokens, i+3).kind == str && !branches:
			level += strings.Count(tokens[i+3].text, "/")
		case method && (t.text == "parent" || t.text == "pop"):
			level--
		case method && t.text == "ancestors":
			level += far
		case method && (t.text == "join" || t.text == "push") && !branches:
			level += elements(tokens, i+2)
			i = block(tokens, i+1) - 1
		case !at(tokens, i-1).is(".") && !at(tokens, i-1).is("::") && !at(tokens, i+1).is("::") && !at(tokens, i+1).is("("):
			at, low := p.boundLevel(e.s, t.text, i, depth)
			lowest = min(lowest, level+low)
			level += at
		}
		lowest = min(lowest, level)
	}
	return level, lowest
}

// boundLevel is the level of a variable, the lowest of all that it may be.
func (p *program) boundLevel(s *source, name string, i, depth int) (level, lowest int) {
	owner := int32(-1)
	if i < len(s.owner) {
		owner = s.owner[i]
	}
	first := true
	p.steps += len(s.bindings[name])
	for _, b := range s.bindings[name] {
		switch {
		case b.owner != owner && b.owner != -1 || i >= b.lo && i < b.hi:
		case b.changed && at(s.tokens, b.lo+2).text == "pop":
			lowest += far
		case !b.changed:
			at, low := p.level(span{s: s, lo: b.lo, hi: b.hi}, depth+1)
			if first || at < level {
				level = at
			}
			lowest, first = min(lowest, low), false
		}
	}
	return level, lowest
}

// elements counts what join puts on: those of a literal that is all of its
// argument, else one.
func elements(tokens []token, i int) int {
	if at(tokens, i).kind != str || !at(tokens, i+1).is(")") {
		return 1
	}
	return len(strings.FieldsFunc(tokens[i].text, func(r rune) bool { return r == '/' || r == '\\' }))
}
