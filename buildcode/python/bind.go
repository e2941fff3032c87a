package python

import (
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// hold is what a with statement binds: within its block the name is that and
// nothing else, unless something in the program binds it there.
type hold struct {
	scope *scope
	name  string
	line  int
	v     value
}

// held is what a with statement around binds name to.
func (e *evaluator) heldBy(name string) (value, bool) {
	for i := len(e.held) - 1; i >= 0; i-- {
		h := e.held[i]
		if h.name == name && h.scope == e.scope {
			return h.v, !h.scope.rebound[rebinding{name, h.line}] && !h.scope.rebound[rebinding{name, 0}]
		}
	}
	return value{}, false
}

// rebinding is a name that is bound again in the block of the with statement at
// a line, or, at line 0, from another scope.
type rebinding struct {
	name string
	line int
}

// rebind notes that name is bound in scope s while with statements hold it.
func (e *evaluator) rebind(s *scope, name string) {
	note := func(line int) {
		if at := (rebinding{name, line}); !s.rebound[at] {
			s.rebound[at] = true
			e.p.invalidate(s)
		}
	}
	if s != e.scope {
		note(0)
	}
	for _, h := range e.held {
		if h.name == name && h.scope == s {
			note(h.line)
		}
	}
}

// assignment looks for "=" and augmented assignment outside of brackets in the
// statement that begins here.
func (e *evaluator) assignment() (end int, equals []int, augmented int) {
	depth := 0
	for j := e.i; j < len(e.toks); j++ {
		t := e.toks[j]
		if t.kind == nameToken && t.text == "lambda" && depth == 0 {
			return len(e.toks), equals, -1
		}
		if t.kind != opToken {
			continue
		}
		switch t.text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
		case ";", ":":
			if depth == 0 {
				return j, equals, -1
			}
		case "=":
			if depth == 0 && j > e.i {
				equals = append(equals, j)
			}
		case "+=", "-=", "*=", "/=", "//=", "%=", "@=", "&=", "|=", "^=", ">>=", "<<=", "**=":
			if depth == 0 && j > e.i && len(equals) == 0 {
				return j, nil, j
			}
		}
	}
	return len(e.toks), equals, -1
}

// assign evaluates the right side, which is next, into all targets.
func (e *evaluator) assign(targets [][]token) {
	line := e.peek().line
	v := e.exprList()
	for _, target := range targets {
		e.store(target, v, line)
	}
}

// store binds v to a target: a name, an attribute, an element, or several.
func (e *evaluator) store(target []token, v value, line int) {
	for len(target) >= 2 && (target[0].is("(") || target[0].is("[")) && matching(target, 0) == len(target)-1 {
		if parts := splitTop(target[1 : len(target)-1]); len(parts) > 1 {
			target = target[1 : len(target)-1]
			break
		}
		target = target[1 : len(target)-1]
	}
	if len(target) == 0 {
		return
	}
	if parts := splitTop(target); len(parts) > 1 {
		for i, part := range parts {
			if len(part) > 0 && part[0].is("*") {
				e.store(part[1:], rests(v.elements(0), v.elements(0)), line)
				continue
			}
			e.store(part, v.at(i), line)
		}
		return
	}
	last := target[len(target)-1]
	switch {
	case len(target) == 1 && last.kind == nameToken:
		e.bind(last.text, v)
	case last.kind == nameToken && target[len(target)-2].is("."):
		e.storeAttr(e.sub(target[:len(target)-2]).expr(), last.text, v, line)
	case last.is("]"):
		open := opening(target)
		if open <= 0 {
			e.escape(v, line)
			return
		}
		base := e.sub(target[:open]).expr()
		index := e.sub(target[open+1 : len(target)-1]).exprList()
		e.storeItem(base, target[:open], index, v, line)
	default:
		e.escape(e.sub(target).expr(), line)
		e.escape(v, line)
	}
}

// storeAttr is "base.name = v".
func (e *evaluator) storeAttr(base value, name string, v value, line int) {
	for _, p := range base.paths {
		if full := external(p + "." + name); full == "sys.path" {
			e.searchPath(v, line)
			return
		} else if eff, _ := effectOf(full); eff.capability == buildcode.LoadCode {
			e.use(buildcode.LoadCode, line)
		}
		if m := e.p.moduleAt(p); m != nil {
			e.p.cell(m.scope, name).add(v)
		}
		if s := e.p.scopes[p]; s != nil && s.class {
			e.p.cell(s, name).add(v)
		}
	}
	if base.unknown || slices.ContainsFunc(base.paths, func(p string) bool { return !strings.HasPrefix(p, "@") }) {
		// What is not of the archive may call it: distutils.cmd.Command.run = run.
		e.escape(v, line)
	}
	if name == "__code__" {
		e.use(buildcode.LoadCode, line)
	}
	e.p.attr(name).add(v)
}

// setEnvironment says that variables of the environment get a value that
// programs started later go by.
func (e *evaluator) setEnvironment(names, v value, line int) {
	for _, name := range names.strs {
		switch {
		case loaderEnv[name]:
			e.use(buildcode.LoadCode, line)
		case name == moduleEnv:
			if _, all := v.literals(); all {
				e.searchPath(v, line)
			}
		case programVariables[name] != "":
			// A compiler of the package's own is a program that it starts.
			for _, s := range v.strs {
				e.commandLine(s, line, 0)
			}
		}
	}
}

// storeItem is "base[index] = v".
func (e *evaluator) storeItem(base value, baseTokens []token, index, v value, line int) {
	for _, p := range base.paths {
		switch p {
		case "os.environ", "os.environb":
			e.setEnvironment(index, v, line)
			return
		case "globals()":
			if names, all := index.literals(); all {
				for _, name := range names {
					e.p.cell(e.mod.scope, name).add(v)
				}
				return
			}
		case "sys.path":
			e.searchPath(v, line)
			return
		case "sys.modules":
			return
		}
	}
	// "cmd[0] = x" may change what a list begins with.
	n := len(baseTokens)
	switch {
	case n == 1 && baseTokens[0].kind == nameToken:
		e.mutate(baseTokens[0].text, rests(v, v))
	case n > 2 && baseTokens[n-1].kind == nameToken && baseTokens[n-2].is("."):
		e.mutate("."+baseTokens[n-1].text, rests(v, v))
	default:
		e.escape(v, line)
	}
}

// mutate adds to what is kept in a place, a name or "." and an attribute,
// without binding the name here.
func (e *evaluator) mutate(place string, v value) {
	if attr, found := strings.CutPrefix(place, "."); found {
		e.p.attr(attr).add(v)
		return
	}
	for s := e.scope; s != nil; s = s.parent {
		if c := s.names[place]; c != nil {
			e.rebind(s, place)
			c.add(v)
			return
		}
		s.seek(place)
	}
	e.p.waiting(e.mod.scope, place).read(e.now)
	e.bind(place, v)
}

// matching is the index of the bracket that closes the one at i, or -1.
func matching(toks []token, i int) int {
	depth := 0
	for ; i < len(toks); i++ {
		if toks[i].kind != opToken {
			continue
		}
		switch toks[i].text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

// opening is the index of the bracket that the last token closes, or -1.
func opening(toks []token) int {
	depth := 0
	for i := len(toks) - 1; i >= 0; i-- {
		if toks[i].kind != opToken {
			continue
		}
		switch toks[i].text {
		case ")", "]", "}":
			depth++
		case "(", "[", "{":
			depth--
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

// splitTop splits at commas outside of brackets. A trailing comma makes a tuple.
func splitTop(toks []token) [][]token {
	var parts [][]token
	depth, from := 0, 0
	for i, t := range toks {
		if t.kind != opToken {
			continue
		}
		switch t.text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
		case ",":
			if depth == 0 {
				parts = append(parts, toks[from:i])
				from = i + 1
			}
		}
	}
	return append(parts, toks[from:])
}

// bind adds v to what a name may be.
func (e *evaluator) bind(name string, v value) {
	s := e.scope
	if s.globals[name] {
		s = e.mod.scope
	} else if s.nonlocals[name] {
		for s = s.parent; s.parent != nil && (s.class || s.names[name] == nil); s = s.parent {
			s.seek(name)
		}
	}
	e.rebind(s, name)
	if s.class && !slices.Contains(v.paths, s.id+"."+name) {
		e.p.attr(name).add(v) // self.name finds it
	}
	if v.empty() {
		e.p.cell(s, name) // bound all the same
		return
	}
	e.p.cell(s, name).add(v)
}

// forClause reads "targets in iterable" of a for statement or comprehension.
func (e *evaluator) forClause() {
	from, depth := e.i, 0
	for !e.done() {
		t := e.peek()
		if depth == 0 && t.isName("in") {
			break
		}
		if t.is("(") || t.is("[") || t.is("{") {
			depth++
		} else if t.is(")") || t.is("]") || t.is("}") {
			if depth == 0 {
				return
			}
			depth--
		}
		e.i++
	}
	target := e.toks[from:e.i]
	if !e.acceptName("in") || len(target) == 0 {
		return
	}
	line := e.peek().line
	iterable := e.or()
	if e.peek().is(",") { // for x in a, b:
		items := []value{iterable}
		for e.accept(",") {
			items = append(items, e.or())
		}
		iterable = listValue(items)
	}
	e.leak(iterable, line)
	e.store(target, iterable.elements(0), line)
}

// with reads "a as b, c as d:", in parentheses or not.
func (e *evaluator) with() {
	for !e.done() && !e.peek().is(":") {
		before := e.i
		line := e.peek().line
		v := e.expr()
		if e.peek().isName("as") && e.peekAt(1).kind == nameToken && (e.peekAt(2).is(":") || e.peekAt(2).is(",")) {
			defer func(name string) {
				e.held = append(slices.Clip(e.held), hold{e.scope, name, line, v})
			}(e.peekAt(1).text)
		}
		e.asTarget(v)
		if !e.accept(",") && e.i == before {
			return
		}
	}
}

// asTarget reads "as target" if it is next.
func (e *evaluator) asTarget(v value) {
	if !e.acceptName("as") {
		return
	}
	from, depth := e.i, 0
	for !e.done() {
		t := e.peek()
		if depth == 0 && (t.is(",") || t.is(":") || t.is(")")) {
			break
		}
		if t.is("(") || t.is("[") {
			depth++
		} else if t.is(")") || t.is("]") {
			depth--
		}
		e.i++
	}
	if from < e.i {
		e.store(e.toks[from:e.i], v, e.toks[from].line)
	}
}
