package python

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// argument of a call.
type argument struct {
	name string // of a keyword argument
	star int    // 1 for *x, 2 for **x
	v    value
	// chars: the argument computes characters, by chr() or ^.
	chars bool
	toks  []token
}

// exprList reads expressions up to the end of the statement; several are a tuple.
func (e *evaluator) exprList() value {
	star := e.peek().is("*")
	first := e.expr()
	if !e.peek().is(",") {
		if star {
			return rests(first.elements(0), first.elements(0))
		}
		return first
	}
	items := []value{first}
	for e.accept(",") {
		if e.done() || e.peek().is("=") || e.peek().is(";") {
			break
		}
		items = append(items, e.expr())
	}
	return listValue(items)
}

// expr reads one expression: conditional, lambda, yield, starred.
func (e *evaluator) expr() value {
	e.depth++
	defer func() { e.depth-- }()
	if e.depth > maxExpression {
		return e.tooDeep()
	}
	t := e.peek()
	switch {
	case t.is("*") || t.is("**"):
		e.i++
		return e.expr()
	case t.isName("lambda"):
		return e.lambda()
	case t.isName("yield"):
		e.i++
		e.acceptName("from")
		v := e.expr()
		e.returns(rests(v, v), t.line)
		return anything
	}
	v := e.or()
	if e.acceptName("if") {
		e.or()
		if e.acceptName("else") {
			v = join(v, e.expr())
		}
	}
	return v
}

// tooDeep gives up on the rest of a line.
func (e *evaluator) tooDeep() value {
	e.p.c.use(buildcode.Unanalysed, e.mod.path, e.peek().line, "expressions nested too deeply")
	e.i = len(e.toks)
	return anything
}

// lambda is a function without a name; its parameters are unknown.
func (e *evaluator) lambda() value {
	line := e.peek().line
	e.i++
	from, depth := e.i, 0
	for !e.done() && !(depth == 0 && e.peek().is(":")) {
		if e.peek().is("(") || e.peek().is("[") || e.peek().is("{") {
			depth++
		} else if e.peek().is(")") || e.peek().is("]") || e.peek().is("}") {
			depth--
		}
		e.i++
	}
	params := e.toks[from:e.i]
	e.accept(":")
	id := e.scope.id + ".lambda" + strconv.Itoa(line) + "-" + strconv.Itoa(from)
	s := e.p.newScope(id, e.mod, e.scope)
	s.live = true
	e.parameters(s, params)
	outer := e.scope
	e.scope = s
	e.returns(e.expr(), line)
	e.scope = outer
	return pathValue(id)
}

func (e *evaluator) or() value {
	v := e.and()
	for e.acceptName("or") {
		v = join(v, e.and())
	}
	return v
}

func (e *evaluator) and() value {
	v := e.not()
	for e.acceptName("and") {
		v = join(v, e.not())
	}
	return v
}

func (e *evaluator) not() value {
	e.depth++
	defer func() { e.depth-- }()
	if e.depth > maxExpression {
		return e.tooDeep()
	}
	if e.acceptName("not") {
		e.not()
		return value{}
	}
	v := e.binary(0)
	compared := false
	for {
		t := e.peek()
		switch {
		case t.is("<") || t.is(">") || t.is("==") || t.is(">=") || t.is("<=") || t.is("!=") || t.is("<>"), t.isName("in"):
			e.i++
		case t.isName("is"):
			e.i++
			e.acceptName("not")
		case t.isName("not") && e.peekAt(1).isName("in"):
			e.i += 2
		default:
			if compared {
				return value{}
			}
			return v
		}
		e.binary(0)
		compared = true
	}
}

var precedence = map[string]int{"|": 1, "^": 2, "&": 3, "<<": 4, ">>": 4, "+": 5, "-": 5, "*": 6, "/": 6, "//": 6, "%": 6, "@": 6}

func (e *evaluator) binary(min int) value {
	v := e.unary()
	for {
		t := e.peek()
		level := precedence[t.text]
		if t.kind != opToken || level == 0 || level <= min {
			return v
		}
		e.i++
		w := e.binary(level)
		switch t.text {
		case "+":
			e.leakBoth(v, w, t.line)
			v = add(v, w)
		case "%":
			e.leak(w, t.line)
			v = percent(v, w)
		case "/":
			v = combine(v, w, joinPath)
		case "|":
			v = join(v, w)
		case "*":
			if v.list != nil {
				v = rests(v.elements(0), v.elements(0))
			} else {
				v = anything
			}
		default:
			e.leakBoth(v, w, t.line)
			v = anything
		}
	}
}

// leakBoth escapes functions among operands; lists of them stay known.
func (e *evaluator) leakBoth(v, w value, line int) {
	e.leak(v, line)
	e.leak(w, line)
}

func (e *evaluator) leak(v value, line int) {
	for _, p := range v.paths {
		e.escapePath(p, line)
	}
}

func (e *evaluator) unary() value {
	e.depth++
	defer func() { e.depth-- }()
	if e.depth > maxExpression {
		return e.tooDeep()
	}
	t := e.peek()
	if t.is("-") || t.is("+") || t.is("~") {
		e.i++
		e.unary()
		return value{}
	}
	if t.isName("await") {
		e.i++
	}
	v := e.primary()
	if e.accept("**") {
		e.unary()
		return value{}
	}
	return v
}

// primary reads an atom and its attributes, calls and subscripts.
func (e *evaluator) primary() value {
	t := e.peek()
	from := e.i
	v, ok := e.atom()
	if !ok {
		return anything
	}
	var receiver value
	name := ""             // of the attribute read last
	place, owner := "", "" // where v and receiver are kept
	if t.kind == nameToken && e.i == from+1 {
		place = t.text
	}
	for {
		next := e.peek()
		switch {
		case next.is(".") && e.peekAt(1).kind == nameToken:
			name = e.peekAt(1).text
			receiver, owner = v, place
			place = "." + name
			v = e.attribute(v, name)
			e.i += 2
			if !e.peek().is("(") {
				e.escapeMethods(name)
			}
		case next.is("("):
			e.i++
			args := e.arguments()
			if name != "" {
				e.grow(receiver, owner, name, args)
			}
			v = e.call(v, receiver, name, args, next.line)
			receiver, name, place = value{}, "", ""
		case next.is("["):
			end := matching(e.toks, e.i)
			if end < 0 {
				end = len(e.toks)
			}
			v = e.subscript(v, e.toks[e.i+1:end], next.line)
			e.i = min(end+1, len(e.toks))
			receiver, name, place = value{}, "", ""
		case next.is(":=") && t.kind == nameToken:
			e.i++
			v = e.expr()
			e.bind(t.text, v)
			return v
		default:
			return v
		}
	}
}

// atom reads a name, literal or bracketed expression. False, consuming nothing,
// if there is none.
func (e *evaluator) atom() (value, bool) {
	t := e.peek()
	switch {
	case t.kind == nameToken && !keywords[t.text]:
		e.i++
		if e.peek().is(":=") {
			return value{}, true
		}
		return e.name(t), true
	case t.kind == numberToken:
		e.i++
		return value{}, true
	case t.kind == stringToken:
		return e.strings(), true
	case t.is("..."):
		e.i++
		return value{}, true
	case t.is("`"):
		e.i++
		return anything, true
	case t.is("("):
		e.i++
		items, comma, generated := e.items(")")
		if len(items) == 1 && !comma && !generated {
			return items[0], true
		}
		return sequence(items, generated), true
	case t.is("["):
		e.i++
		items, _, generated := e.items("]")
		return sequence(items, generated), true
	case t.is("{"):
		e.i++
		items, _, _ := e.items("}")
		return rests(anything, listValue(items).elements(0)), true
	}
	return value{}, false
}

// sequence is a list of items; generated ones are of unknown number.
func sequence(items []value, generated bool) value {
	v := listValue(items)
	if !generated {
		return v
	}
	return rests(v.list.head, v.elements(0))
}

// items reads elements up to the closing bracket. comma: they make a tuple;
// generated: their number is unknown.
func (e *evaluator) items(end string) (items []value, comma, generated bool) {
	for !e.done() {
		before := e.i
		t := e.peek()
		switch {
		case t.is(end):
			e.i++
			return items, comma, generated
		case t.is(","):
			e.i++
			comma = true
		case t.is(":"):
			e.i++
			// A dictionary's key says nothing of its values.
			if len(items) > 0 {
				items = items[:len(items)-1]
			}
		case t.isName("for") || t.isName("async"):
			e.i++
			e.acceptName("for")
			e.forClause()
			generated = true
		case t.isName("if"):
			e.i++
			e.or()
		case t.isName("as"):
			v := anything
			if len(items) > 0 {
				v = items[len(items)-1]
			}
			e.asTarget(v)
		default:
			star := t.is("*") || t.is("**")
			v := e.expr()
			if star {
				if v.list != nil && v.list.exact && !v.unknown {
					items = append(items, v.list.items...)
					continue
				}
				v, generated = v.elements(0), true
			}
			items = append(items, v)
		}
		if e.i == before {
			e.i++
		}
	}
	return items, comma, generated
}

// arguments reads a call's arguments behind the opening parenthesis.
func (e *evaluator) arguments() []argument {
	var args []argument
	for !e.done() {
		before := e.i
		t := e.peek()
		switch {
		case t.is(")"):
			e.i++
			return args
		case t.is(","):
			e.i++
		case t.isName("for") || t.isName("async"):
			e.i++
			e.acceptName("for")
			e.forClause()
			if n := len(args); n > 0 {
				args[n-1].v = rests(args[n-1].v, args[n-1].v)
			}
		case t.isName("if"):
			e.i++
			e.or()
		default:
			a := argument{}
			if t.kind == nameToken && e.peekAt(1).is("=") {
				a.name = t.text
				e.i += 2
			} else if t.is("*") || t.is("**") {
				a.star = len(t.text)
				e.i++
			}
			from := e.i
			a.v = e.expr()
			a.toks = e.toks[from:e.i]
			a.chars = computesCharacters(a.toks)
			args = append(args, a)
		}
		if e.i == before {
			e.i++
		}
	}
	return args
}

// computesCharacters reports whether tokens make text out of numbers.
func computesCharacters(toks []token) bool {
	for i, t := range toks {
		if t.is("^") || t.isName("chr") && (i+1 == len(toks) || toks[i+1].is("(") || toks[i+1].is(",")) {
			return true
		}
	}
	return false
}

// strings reads adjacent string literals.
func (e *evaluator) strings() value {
	line := e.peek().line
	out := strValue("")
	for e.peek().kind == stringToken {
		t := e.peek()
		e.i++
		if len(t.fields) == 0 {
			if len(t.text) > maxFolded {
				out = value{strs: []string{t.text}} // long code is code all the same
				continue
			}
			out = combine(out, strValue(t.text), func(x, y string) string { return x + y })
			continue
		}
		pieces := strings.Split(t.text, hole)
		text := strValue(pieces[0])
		for i, field := range t.fields {
			v := e.sub(field).exprList()
			e.leak(v, line)
			text = combine(text, v, func(x, y string) string { return x + y })
			if i+1 < len(pieces) {
				text = combine(text, strValue(pieces[i+1]), func(x, y string) string { return x + y })
			}
		}
		out = combine(out, text, func(x, y string) string { return x + y })
	}
	e.mentions(out, line)
	return out
}

// mentions looks at what a literal names by itself.
func (e *evaluator) mentions(v value, line int) {
	for _, s := range v.strs {
		if e.p.emit && homeMarks.MatchString(s) {
			e.use(buildcode.Home, line)
		}
		// "dir/build.py:ffi" is how cffi is told of a file to execute.
		if file, name, found := strings.Cut(s, ".py:"); found && len(s) < 300 && name != "" && !strings.ContainsAny(s, " \n"+hole) {
			if file = cleanPath(file + ".py"); e.p.c.has(file) {
				e.p.follow(file)
			}
		}
	}
}

// name is what a name is bound to here.
func (e *evaluator) name(t token) value {
	switch t.text {
	case "True", "False", "None":
		return value{}
	case "__file__":
		return strValue(e.mod.path)
	case "__name__":
		return pathValue(ownName)
	case "__doc__", "__package__":
		return anything
	case "__builtins__":
		return pathValue("builtins")
	}
	if v, ok := e.heldBy(t.text); ok {
		return v
	}
	var v value
	found := false
	for s := e.scope; s != nil; s = s.parent {
		if s.class && s != e.scope {
			continue
		}
		c := s.names[t.text]
		if c == nil || s.globals[t.text] || s.nonlocals[t.text] {
			continue
		}
		v, found = join(v, c.read(e.mod)), true
		if !s.class {
			break
		}
	}
	if !found {
		for _, star := range e.mod.stars {
			v = join(v, e.attribute(pathValue(star), t.text))
		}
		// Remember that this module waits for a name that may be bound yet.
		e.mod.scope.waiting(t.text).read(e.mod)
	}
	// A name of a builtin is the builtin until it is bound, which may be later.
	if builtinNames[t.text] && (!found || e.moduleLevel(t.text)) {
		v = join(v, pathValue("builtins."+t.text))
	}
	if v.empty() && !found {
		return anything
	}
	return v
}

// boundGetattr stands before a module whose __getattribute__ is meant.
const boundGetattr = "getattr:"

// ownName is __name__, which is good for finding the module itself.
const ownName = "?.__name__"

// waiting is a cell that makes no name bound, for its readers alone.
func (s *scope) waiting(name string) *cell {
	return s.cell("?" + name)
}

// moduleLevel reports whether no function around binds name itself.
func (e *evaluator) moduleLevel(name string) bool {
	for s := e.scope; s != nil && s.parent != nil; s = s.parent {
		if s.names[name] != nil && !s.class && !s.globals[name] {
			return false
		}
	}
	return true
}

// attribute reads an attribute of everything that v may be.
func (e *evaluator) attribute(v value, name string) value {
	var out value
	for _, p := range v.paths {
		out = join(out, e.attributeOf(p, name))
	}
	if v.unknown || v.list != nil || len(v.strs) > 0 || len(v.files) > 0 || len(v.paths) == 0 {
		out = join(out, e.attributeOfUnknown(v, name))
	}
	return out
}

// escapeMethods: a method that is taken without a call may be called with anything.
func (e *evaluator) escapeMethods(name string) {
	all := e.p.methods[name]
	from := e.p.escaped[name]
	e.p.escaped[name] = len(all)
	for _, s := range all[from:] {
		s.call()
		for i, param := range s.params {
			if i > 0 {
				s.cell(param).add(anything)
			}
		}
	}
}

func (e *evaluator) attributeOfUnknown(v value, name string) value {
	out := anything
	if relevant["?."+name] || rerooted[name] != "" {
		out.paths = []string{"?." + name}
	}
	switch name {
	case "__globals__", "f_globals", "f_locals", "func_globals":
		return join(out, pathValue("globals()"))
	case "parent", "parents":
		if len(v.strs) > 0 {
			out = v.each(parentDir)
			if name == "parents" {
				out = rests(out, out.each(parentDir))
			}
			return out
		}
	case "loader", "__loader__", "__spec__":
		return out
	}
	kept := e.p.attr(name).read(e.mod)
	if v.empty() && !kept.empty() && e.ownClass() {
		out.unknown = false // self.name, which only the archive's own code sets
	}
	return join(out, kept)
}

// ownClass reports whether this is a method of a class that derives from none
// outside of the archive.
func (e *evaluator) ownClass() bool {
	f := e.scope.function()
	return f.parent != nil && f.parent.class && !f.parent.framework
}

func parentDir(s string) string {
	if i := strings.LastIndexByte(s, '/'); i > 0 {
		return s[:i]
	}
	if strings.HasPrefix(s, hole) {
		return hole
	}
	if strings.HasPrefix(s, "/") {
		return "/"
	}
	return "."
}

func (e *evaluator) attributeOf(p, name string) value {
	switch {
	case p == "globals()":
		return pathValue("globals()." + name)
	case strings.HasPrefix(p, "?."):
		if root := rerooted[p[2:]]; root != "" {
			return outside(external(root + "." + name))
		}
		return e.attributeOfUnknown(anything, name)
	case strings.HasPrefix(p, "@"):
		return e.attributeOfLocal(p, name)
	}
	full := p + "." + name
	if name == "__getattribute__" && sensitiveModules[p] {
		return pathValue(boundGetattr + p)
	}
	if name == "__globals__" || name == "f_globals" || name == "f_locals" {
		return pathValue("globals()")
	}
	if name == "__dict__" && !sensitiveModules[p] {
		return anything
	}
	return outside(external(full))
}

// moduleAt is the module of path p; nil if p is none.
func (p *program) moduleAt(at string) *module { return p.modules[strings.TrimPrefix(at, "@")] }

func (e *evaluator) attributeOfLocal(p, name string) value {
	file := p[1:]
	if dir, found := strings.CutSuffix(file, "/"); found {
		return join(e.p.findIn(name, dir), value{unknown: true})
	}
	if s := e.p.scopes[p]; s != nil { // a class or function
		if name == "__globals__" {
			return pathValue("globals()")
		}
		out := e.p.attr(name).read(e.mod)
		if c := s.names[name]; c != nil && s.class {
			return join(out, c.read(e.mod))
		}
		return join(out, e.attributeOfUnknown(value{}, name))
	}
	m := e.p.modules[file]
	if m == nil {
		return e.attributeOfUnknown(value{}, name)
	}
	switch name {
	case "loader", "__loader__":
		return pathValue(p)
	case "__dict__":
		return pathValue(p + ".__dict__")
	}
	out := value{}
	if dir, base := path.Split(file); base == "__init__.py" {
		out = e.p.findIn(name, path.Clean(dir))
	}
	if c := m.scope.names[name]; c != nil {
		return join(out, c.read(e.mod))
	}
	m.scope.waiting(name).read(e.mod)
	for _, star := range m.stars {
		if star != p && e.depth < maxExpression {
			e.depth++
			out = join(out, e.attribute(pathValue(star), name))
			e.depth--
		}
	}
	return join(out, anything)
}

// subscript is v[...].
func (e *evaluator) subscript(v value, toks []token, line int) value {
	sub := e.sub(toks)
	items, _, _ := sub.items("")
	var index value
	if len(items) > 0 {
		index = items[0]
	}
	slice := slices.ContainsFunc(toks, func(t token) bool { return t.is(":") })
	var out value
	for _, p := range v.paths {
		out = join(out, e.item(p, index, line))
	}
	if len(v.strs) > 0 {
		if slice && tokenText(toks) == "::-1" {
			out = join(out, v.each(reverse))
		} else {
			out = join(out, anything)
		}
	}
	if slice {
		if v.list != nil {
			out = join(out, rests(v.elements(0), v.elements(0)))
		}
		out.files = v.files
		out.unknown = out.unknown || v.unknown
		return out
	}
	if v.list != nil {
		if n, err := strconv.Atoi(tokenText(toks)); err == nil {
			out = join(out, v.at(n))
		} else {
			out = join(out, v.elements(0))
		}
	}
	if v.unknown || v.empty() || len(v.files) > 0 {
		out.unknown = true
	}
	return out
}

func tokenText(toks []token) string {
	var b strings.Builder
	for _, t := range toks[:min(len(toks), 8)] {
		if t.kind == stringToken {
			return ""
		}
		b.WriteString(t.text)
	}
	return b.String()
}

func reverse(s string) string {
	r := []rune(s)
	slices.Reverse(r)
	return string(r)
}

// item is p[index] for things with a name.
func (e *evaluator) item(p string, index value, line int) value {
	names, all := index.literals()
	switch p {
	case "os.environ", "os.environb":
		return e.environment(index, line)
	case "sys.modules":
		return e.modulesItem(index, line)
	case "globals()":
		if !all {
			e.use(buildcode.Unanalysed, line)
			return anything
		}
		var out value
		for _, name := range names {
			out = join(out, e.name(token{kind: nameToken, text: name}))
		}
		return out
	}
	base, found := strings.CutSuffix(p, ".__dict__")
	if !found && p == "builtins" { // __builtins__ is a dictionary in every module but __main__
		base, found = p, true
	}
	if found {
		if !all {
			e.use(buildcode.Unanalysed, line)
			return anything
		}
		var out value
		for _, name := range names {
			out = join(out, e.attributeOf(base, name))
		}
		return out
	}
	return anything
}

func (e *evaluator) modulesItem(index value, line int) value {
	if len(index.paths) == 1 && index.paths[0] == ownName && len(index.strs) == 0 && !index.unknown {
		return pathValue("@" + e.mod.path)
	}
	names, all := index.literals()
	var out value
	for _, name := range names {
		out = join(out, e.importModule(name, line))
	}
	if !all {
		e.use(buildcode.Unanalysed, line)
		out.unknown = true
	}
	return out
}
