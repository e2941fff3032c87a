package python

import (
	"slices"

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
	// now is the statement of the module that is being evaluated; nil for code that
	// stands in no Python file.
	now *statement
}

// maxExpression bounds the recursion on one expression.
const maxExpression = 400

// keywords are no names. Python 2's print and exec, and the soft keywords, are.
var keywords = set(`if elif else for while in is not and or lambda def class return import from as with try except finally raise assert del global nonlocal pass break continue yield await async`)

// compound statements have a colon that more statements may follow.
var compound = set(`if elif else for while def class with try except finally async match case`)

func (e *evaluator) peek() *token { return e.peekAt(0) }

func (e *evaluator) peekAt(n int) *token {
	if e.i+n < len(e.toks) {
		return &e.toks[e.i+n]
	}
	return &noToken
}

// noToken is what stands behind the last; nobody changes it.
var noToken token

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
	if !e.emits() {
		return
	}
	text := ""
	if line > 0 && line <= len(e.mod.src) {
		text = e.mod.src[line-1]
	}
	e.p.c.use(c, e.mod.path, line, text)
}

// frame is what a line that introduces a block says of the lines in it.
type frame struct {
	indent int
	scope  *scope
	dead   bool
	held   []hold
}

// emits reports whether this is the pass that records what is seen, which the
// statement is to be evaluated for.
func (e *evaluator) emits() bool {
	if e.now != nil {
		e.now.emits = true
	}
	return e.p.emit
}

// block evaluates the logical lines of code in a string; those indented deeper than
// a def or class belong to its scope.
func (e *evaluator) block(lines []logicalLine) {
	outer := frame{scope: e.scope, held: e.held}
	var stack []frame
	for _, line := range lines {
		if stack = e.within(outer, stack, line.indent); e.dead {
			continue
		}
		if !e.afford(line) {
			break
		}
		stack = e.line(line, stack)
	}
	e.scope, e.held = outer.scope, outer.held
}

// within enters the block that a line of that indentation belongs to. It does not
// count where e.dead.
func (e *evaluator) within(outer frame, stack []frame, indent int) []frame {
	for len(stack) > 0 && indent <= stack[len(stack)-1].indent {
		stack = stack[:len(stack)-1]
	}
	top := outer
	if len(stack) > 0 {
		top = stack[len(stack)-1]
	}
	e.scope, e.held, e.dead = top.scope, top.held, top.dead
	return stack
}

// afford counts the work on a line. False if it was too much already.
func (e *evaluator) afford(line logicalLine) bool {
	e.p.work += 1 + len(line.tokens)/workTokens
	return e.p.work <= maxWork && e.p.c.ctx.Err() == nil
}

// line evaluates one logical line, and puts the block that it introduces on the
// stack.
func (e *evaluator) line(line logicalLine, stack []frame) []frame {
	before, holding := e.scope, len(e.held)
	e.toks, e.i, e.dead = line.tokens, 0, false
	e.statements()
	if e.scope != before || e.dead || len(e.held) != holding {
		stack = append(stack, frame{line.indent, e.scope, e.dead, slices.Clip(e.held)})
	}
	return stack
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

// keyword evaluates what is particular to the statement that t begins. False if
// it is none.
func (e *evaluator) keyword(t *token) bool {
	if !t.keyword && t.text != "exec" {
		return false
	}
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
			names := e.scope.nonlocals
			if t.text == "global" {
				names = e.scope.globals
			}
			if !names[e.peek().text] {
				names[e.peek().text] = true
				e.p.invalidate(e.scope)
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
		if !t.keyword {
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
		e.p.waiting(e.mod.scope, "__name__").read(e.now)
		return !e.entry() && e.mod.scope.names["__name__"] == nil
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
	// A string alone is a comment; what an f-string asks for is computed.
	if e.peek().kind == stringToken && len(e.peek().fields) == 0 && e.i+1 == end {
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

// sub is an evaluator of other tokens in the same place.
func (e *evaluator) sub(toks []token) *evaluator {
	return &evaluator{p: e.p, mod: e.mod, scope: e.scope, toks: toks, depth: e.depth + 1, held: e.held, now: e.now}
}
