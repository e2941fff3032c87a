package python

import (
	"path"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// evaluator walks the tokens of one logical line at a time. It is not a parser
// of the whole grammar: what it does not know it steps over token by token, so
// that every expression is evaluated in whatever statement it stands, and in
// any branch.
type evaluator struct {
	p     *program
	mod   *module
	scope *scope
	toks  []token
	i     int
	depth int // of expressions in expressions
	// held are the names that with statements around bind.
	held []hold
	// decorated: the function or class that follows is handed to a decorator.
	decorated bool
	// dead: the block that the line introduces never runs.
	dead bool
}

// maxExpression bounds the recursion on one expression.
const maxExpression = 400

// keywords are no names. Python 2's print and exec, and the soft keywords, are.
var keywords = set(`if elif else for while in is not and or lambda def class return import from as with try except finally raise assert del global nonlocal pass break continue yield await async`)

// compound statements have a colon that more statements may follow.
var compound = set(`if elif else for while def class with try except finally async match case`)

func (e *evaluator) peek() token { return e.peekAt(0) }

func (e *evaluator) peekAt(n int) token {
	if e.i+n < len(e.toks) {
		return e.toks[e.i+n]
	}
	return token{}
}

func (e *evaluator) done() bool { return e.i >= len(e.toks) }

// accept consumes the operator op if it is next.
func (e *evaluator) accept(op string) bool {
	if e.peek().is(op) {
		e.i++
		return true
	}
	return false
}

func (e *evaluator) acceptName(name string) bool {
	if e.peek().isName(name) {
		e.i++
		return true
	}
	return false
}

// use records what was seen at a line of the current module.
func (e *evaluator) use(c buildcode.Capability, line int) {
	if !e.p.emit {
		return
	}
	text := ""
	if line > 0 && line <= len(e.mod.src) {
		text = e.mod.src[line-1]
	}
	e.p.c.use(c, e.mod.path, line, text)
}

// block evaluates logical lines; those indented deeper than a def or class belong
// to its scope.
func (e *evaluator) block(lines []logicalLine) {
	type frame struct {
		indent int
		scope  *scope
		dead   bool
		held   []hold
	}
	base, held := e.scope, e.held
	var stack []frame
	for _, line := range lines {
		for len(stack) > 0 && line.indent <= stack[len(stack)-1].indent {
			stack = stack[:len(stack)-1]
		}
		e.scope, e.held = base, held
		if len(stack) > 0 {
			top := stack[len(stack)-1]
			if top.dead {
				continue
			}
			e.scope = top.scope
			e.held = top.held
		}
		if e.p.work += 1 + len(line.tokens)/workTokens; e.p.work > maxWork || e.p.c.ctx.Err() != nil {
			break
		}
		before, holding := e.scope, len(e.held)
		e.toks, e.i, e.dead = line.tokens, 0, false
		e.statements()
		if e.scope != before || e.dead || len(e.held) != holding {
			stack = append(stack, frame{line.indent, e.scope, e.dead, slices.Clip(e.held)})
		}
	}
	e.scope, e.held = base, held
}

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
			s.mod.dirty = true
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

// statements evaluates one logical line.
func (e *evaluator) statements() {
	start, isCompound := true, false
	var targets [][]token // of an assignment that goes on behind an annotation
	for !e.done() && !e.dead {
		before := e.i
		t := e.peek()
		switch {
		case t.is(";"):
			e.i++
			start, isCompound, targets = true, false, nil
			continue
		case t.is(":"):
			e.i++
			start = isCompound
			continue
		case t.is("@") && start:
			e.i++
			v := e.expr()
			e.escape(v, t.line)
			e.decorated = e.decorated || !plainDecorators[e.toks[len(e.toks)-1].text]
			continue
		case t.is("=") && targets != nil:
			e.i++
			e.assign(targets)
		case t.kind == nameToken && start && e.keyword(t):
			isCompound = isCompound || compound[t.text]
			if t.text == "def" || t.text == "class" {
				start = true
				continue
			}
		case start:
			targets = e.simple()
		default:
			e.escape(e.expr(), t.line)
		}
		// What a keyword introduces is an expression, but "else", "try" and
		// "finally" have only their colon.
		start = false
		if e.i == before {
			e.i++
		}
	}
}

// plainDecorators leave a function to be called under its own name, by the last
// word of the line.
var plainDecorators = set(`staticmethod classmethod property setter getter deleter abstractmethod overload cached_property override final`)

// keyword evaluates what is particular to the statement that t begins. False if
// it is none.
func (e *evaluator) keyword(t token) bool {
	next := e.peekAt(1)
	switch t.text {
	case "if":
		e.i++
		e.dead = e.neverTrue()
	case "import":
		e.i++
		e.importStatement()
	case "from":
		e.i++
		e.fromStatement()
	case "def":
		e.i++
		e.def()
	case "class":
		e.i++
		e.class()
	case "async":
		e.i++
		if next.isName("def") || next.isName("with") || next.isName("for") {
			return e.keyword(next)
		}
	case "global", "nonlocal":
		e.i++
		for ; e.peek().kind == nameToken; e.i++ {
			if t.text == "global" {
				e.scope.globals[e.peek().text] = true
			} else {
				e.scope.nonlocals[e.peek().text] = true
			}
			if !e.peekAt(1).is(",") {
				continue
			}
			e.i++
		}
	case "return":
		e.i++
		if !e.done() {
			e.returns(e.exprList(), t.line)
		}
	case "with":
		e.i++
		e.with()
	case "for":
		e.i++
		e.forClause()
	case "except":
		e.i++
		e.accept("*")
		e.expr()
		e.asTarget(anything)
	case "exec":
		// Python 2's statement; a call is an expression.
		if next.is("(") || next.is("=") || next.is(".") || next.is(",") || next.kind == 0 || next.is(")") {
			return false
		}
		e.i++
		e.code(e.expr(), t.line, buildcode.LoadCode)
	default:
		if !keywords[t.text] {
			return false
		}
		e.i++
	}
	return true
}

// neverTrue reports whether the condition that is next is false wherever the
// module is only imported: the idiom of scripts, and that of type checkers.
func (e *evaluator) neverTrue() bool {
	toks := e.toks[e.i:]
	switch {
	case len(toks) >= 4 && toks[0].isName("__name__") && toks[1].is("==") && toks[2].kind == stringToken && toks[2].text == "__main__" && toks[3].is(":"):
		return !e.mod.entry && e.mod.scope.names["__name__"] == nil
	case len(toks) >= 2 && toks[0].isName("TYPE_CHECKING") && toks[1].is(":"), len(toks) >= 4 && toks[0].isName("typing") && toks[1].is(".") && toks[2].isName("TYPE_CHECKING") && toks[3].is(":"):
		v := e.sub(toks).primary()
		return !v.unknown && len(v.paths) == 1 && v.paths[0] == "typing.TYPE_CHECKING" && v.list == nil && len(v.strs) == 0
	}
	return false
}

// returns adds to what the function around hands back.
func (e *evaluator) returns(v value, line int) {
	s := e.scope.function()
	s.ret.add(v)
	if s.escaped {
		e.escape(v, line)
	}
}

// function is the innermost function around s, or s itself.
func (s *scope) function() *scope {
	for f := s; f != nil; f = f.parent {
		if !f.class {
			return f
		}
	}
	return s
}

// simple evaluates an assignment or an expression statement. It returns the
// targets that an annotation stands behind.
func (e *evaluator) simple() [][]token {
	end, equals, augmented := e.assignment()
	switch {
	case augmented >= 0:
		target := e.toks[e.i:augmented]
		op := e.toks[augmented].text
		e.i = augmented + 1
		line := target[0].line
		v := e.exprList()
		old := e.sub(target).expr()
		if op == "+=" {
			v = add(old, v)
		} else if op != "|=" {
			v = anything
		}
		e.store(target, v, line)
		return nil
	case len(equals) > 0:
		var targets [][]token
		for _, at := range equals {
			targets = append(targets, e.toks[e.i:at])
			e.i = at + 1
		}
		e.assign(targets)
		return nil
	}
	// A string alone is a comment.
	if e.peek().kind == stringToken && e.i+1 == end {
		e.i++
		return nil
	}
	from := e.i
	v := e.expr()
	if e.peek().is(",") || v.list != nil {
		e.escape(v, e.toks[from].line)
	}
	return [][]token{e.toks[from:e.i]}
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

// sub is an evaluator of other tokens in the same place.
func (e *evaluator) sub(toks []token) *evaluator {
	return &evaluator{p: e.p, mod: e.mod, scope: e.scope, toks: toks, depth: e.depth + 1, held: e.held}
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
			m.scope.cell(name).add(v)
		}
		if s := e.p.scopes[p]; s != nil && s.class {
			s.cell(name).add(v)
		}
	}
	e.p.attr(name).add(v)
}

// storeItem is "base[index] = v".
func (e *evaluator) storeItem(base value, baseTokens []token, index, v value, line int) {
	for _, p := range base.paths {
		switch p {
		case "os.environ", "os.environb":
			for _, name := range index.strs {
				if loaderEnv[name] {
					e.use(buildcode.LoadCode, line)
				}
			}
			return
		case "globals()":
			if names, all := index.literals(); all {
				for _, name := range names {
					e.mod.scope.cell(name).add(v)
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
	}
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
		}
	}
	e.rebind(s, name)
	if s.class && !slices.Contains(v.paths, s.id+"."+name) {
		e.p.attr(name).add(v) // self.name finds it
	}
	if v.empty() {
		s.cell(name) // bound all the same
		return
	}
	s.cell(name).add(v)
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

// def reads a function's header; what follows belongs to its scope.
func (e *evaluator) def() {
	name := e.peek().text
	e.i++
	if e.peek().is("[") { // type parameters
		if end := matching(e.toks, e.i); end > 0 {
			e.i = end + 1
		}
	}
	s := e.enter(name)
	if e.scope.class && !s.method {
		s.method = true
		e.p.methods[name] = append(e.p.methods[name], s)
		e.scope.methods = append(e.scope.methods, s)
	}
	if e.peek().is("(") {
		if end := matching(e.toks, e.i); end > 0 {
			e.parameters(s, e.toks[e.i+1:end])
			e.i = end + 1
		}
	}
	if e.accept("->") {
		e.expr()
	}
	if e.mod.entry || e.decorated || isDunder(name) || e.scope.class && e.scope.used {
		s.call()
	}
	if e.decorated {
		e.escapeLocal(s.id)
	}
	e.decorated = false
	e.accept(":")
	e.scope = s
	e.dead = !s.live
}

func isDunder(name string) bool {
	return strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__")
}

// enter makes the scope of a function or class and binds its name.
func (e *evaluator) enter(name string) *scope {
	id := e.scope.id + name
	if !strings.HasSuffix(e.scope.id, ":") {
		id = e.scope.id + "." + name
	}
	s := e.p.newScope(id, e.mod, e.scope)
	e.bind(name, pathValue(id))
	return s
}

// parameters reads a parameter list; defaults are values that a parameter may have.
func (e *evaluator) parameters(s *scope, toks []token) {
	var names []string
	for _, part := range splitTop(toks) {
		if len(part) == 0 || part[0].is("/") || len(part) == 1 && part[0].is("*") {
			continue
		}
		stars := 0
		for len(part) > 0 && part[0].kind == opToken {
			stars = len(part[0].text)
			part = part[1:]
		}
		if len(part) == 0 {
			continue
		}
		name := part[0].text
		c := s.cell(name)
		sub := e.sub(part[1:])
		if sub.accept(":") {
			sub.expr()
		}
		if sub.accept("=") {
			c.add(sub.expr())
		}
		switch stars {
		case 1:
			s.star = name
		case 2:
			s.stars = name
		default:
			names = append(names, name)
		}
	}
	s.params = names
	if e.p.all {
		for _, name := range names {
			s.cell(name).add(anything)
		}
	}
}

// class reads a class's header.
func (e *evaluator) class() {
	name := e.peek().text
	e.i++
	if e.peek().is("[") {
		if end := matching(e.toks, e.i); end > 0 {
			e.i = end + 1
		}
	}
	line := e.peek().line
	var bases []argument
	if e.accept("(") {
		bases = e.arguments()
	}
	s := e.enter(name)
	s.class = true
	for _, a := range bases {
		e.base(s, a, line)
	}
	if e.mod.entry || e.decorated {
		e.p.use(s)
	}
	e.decorated = false
	e.accept(":")
	e.scope = s
}

// plainBases call no method of those who derive from them, but by the names that
// Python itself reserves.
var plainBases = set(`object Exception BaseException ValueError TypeError RuntimeError KeyError AttributeError OSError IOError ImportError NotImplementedError LookupError IndexError Warning UserWarning
	DeprecationWarning dict list tuple set frozenset str bytes int float ABC ABCMeta NamedTuple namedtuple TypedDict Protocol Generic Enum IntEnum IntFlag Flag StrEnum type SimpleNamespace`)

// base is what class s derives from. A class from outside may call any method.
func (e *evaluator) base(s *scope, a argument, line int) {
	local := false
	for _, p := range a.v.paths {
		if b := e.p.scopes[p]; strings.HasPrefix(p, "@") && b != nil {
			local = true
			if !slices.Contains(s.bases, p) {
				s.bases = append(s.bases, p)
			}
			if b.framework {
				s.framework = true
			}
			continue
		}
		e.escapePath(p, line)
	}
	plain := len(a.toks) > 0 && plainBases[a.toks[len(a.toks)-1].text] || len(a.toks) > 0 && a.toks[len(a.toks)-1].is("]") && plainBases[a.toks[0].text]
	if (!local || a.v.unknown) && !plain {
		s.framework = true
	}
	if s.framework {
		e.p.use(s)
	}
}

// importStatement reads "a.b as c, d".
func (e *evaluator) importStatement() {
	for {
		line := e.peek().line
		dotted := e.dotted()
		if dotted == "" {
			return
		}
		first, _, _ := strings.Cut(dotted, ".")
		v := e.importModule(dotted, line)
		if e.acceptName("as") {
			e.bind(e.peek().text, v)
			e.i++
		} else {
			e.bind(first, e.importModule(first, line))
		}
		if !e.accept(",") {
			return
		}
	}
}

func (e *evaluator) dotted() string {
	var parts []string
	for e.peek().kind == nameToken {
		parts = append(parts, e.peek().text)
		e.i++
		if !e.accept(".") {
			break
		}
	}
	return strings.Join(parts, ".")
}

// fromStatement reads "..a.b import c as d, e".
func (e *evaluator) fromStatement() {
	line, level := e.peek().line, 0
	for ; e.peek().is(".") || e.peek().is("..."); e.i++ {
		level += len(e.peek().text)
	}
	dotted := ""
	if !e.peek().isName("import") {
		dotted = e.dotted()
	}
	if !e.acceptName("import") {
		return
	}
	v := e.importFrom(level, dotted, line)
	e.accept("(")
	if e.accept("*") {
		for _, p := range v.paths {
			if !slices.Contains(e.mod.stars, p) {
				e.mod.stars = append(e.mod.stars, p)
				e.mod.dirty = true
			}
		}
		return
	}
	for e.peek().kind == nameToken {
		name := e.peek().text
		line := e.peek().line
		e.i++
		as := name
		if e.acceptName("as") {
			as = e.peek().text
			e.i++
		}
		got := e.attribute(v, name)
		for _, p := range got.paths {
			e.imported(p, line)
		}
		e.bind(as, got)
		if !e.accept(",") {
			break
		}
	}
	e.accept(")")
}

// importFrom is the module of a from statement.
func (e *evaluator) importFrom(level int, dotted string, line int) value {
	if level == 0 {
		return e.importModule(dotted, line)
	}
	dir, ok := e.mod.packageOf(level)
	if !ok {
		return anything
	}
	if dotted != "" {
		if v := e.p.findIn(dotted, dir); !v.empty() {
			return v
		}
		return anything
	}
	if init := path.Join(dir, "__init__.py"); e.p.c.has(init) {
		return e.p.follow(init)
	}
	return pathValue("@" + dir + "/")
}

// importModule follows a module of the archive; others are known by name. A
// module of the archive may hide one of the same name outside, or not.
func (e *evaluator) importModule(dotted string, line int) value {
	local := e.p.find(dotted, e.p.roots)
	full := external(dotted)
	e.p.imports[full] = true
	if first, _, _ := strings.Cut(dotted, "."); !local.empty() && !standard[first] {
		return local
	}
	e.imported(full, line)
	return join(local, outside(full))
}

// imported records what merely importing a module says.
func (e *evaluator) imported(p string, line int) {
	if eff, _ := effectOf(p); eff.capability == buildcode.Network && !strings.HasPrefix(p, "@") && !strings.HasPrefix(p, "?") {
		e.use(buildcode.Network, line)
	}
}

// standard modules are there before sys.path is searched, or win over what an
// archive puts beside them.
var standard = set(`os sys subprocess socket builtins importlib ctypes posix nt pty base64 binascii zlib marshal pickle codecs runpy imp io urllib http shutil tempfile ssl site types
	asyncio lzma bz2 gzip code codeop commands threading functools operator pathlib __builtin__ urllib2 httplib distutils`)
