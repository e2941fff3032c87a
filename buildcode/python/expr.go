package python

import (
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
	s.madeBy(e.now)
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
		if t.kind != opToken {
			return v
		}
		level := precedence[t.text]
		if level == 0 || level <= min {
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
	case t.kind == nameToken && !t.keyword:
		e.i++
		if e.peek().is(":=") {
			return value{}, true
		}
		return e.name(*t), true
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

// mayMarkHome is cheap, and true of all that homeMarks matches.
func mayMarkHome(s string) bool {
	if s == "" {
		return false
	}
	return s[0] == '~' || s[0] == '.' || strings.ContainsAny(s, "$%") || strings.Contains(s, "/.") || strings.Contains(s, `\.`) ||
		strings.Contains(s, "id_") || strings.Contains(s, "Login Data") || strings.Contains(s, "wallet.dat") || strings.Contains(s, "LaunchAgents")
}

// mentions looks at what a literal names by itself.
func (e *evaluator) mentions(v value, line int) {
	for _, s := range v.strs {
		if mayMarkHome(s) && e.emits() && s != "~" && homeMarks.MatchString(s) {
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
