package python

import "slices"

// statement is a logical line of a module, and what evaluating it came to. As long
// as nothing changes that it went by, evaluating it again would come to the same.
type statement struct {
	logicalLine
	mod *module
	// stale: a cell that it read has grown since.
	stale bool
	// emits: it has something to say in the pass that records what is seen.
	emits bool
	// evaluated is when, by the program's clock; 0 for never.
	evaluated int
	// The place it was evaluated in.
	scope     *scope
	held      []hold
	decorated bool
	// left is what it says of the lines in it, if it introduces a block, and to the
	// line that follows.
	block     bool
	left      frame
	decorates bool
	// signature is what it says of the function that it defines.
	signature signature
}

// append adds statements to m, before any is evaluated.
func (m *module) append(lines []logicalLine) {
	m.lines = slices.Grow(m.lines, len(lines))
	for _, line := range lines {
		m.lines = append(m.lines, statement{logicalLine: line, mod: m})
	}
}

// signature of a function.
type signature struct {
	params []string // positional, in order
	star   string   // *args
	stars  string   // **kwargs
}

// readers are statements that went by something.
type readers struct {
	all []*statement
	// last of them, which asks for the same thing several times.
	last *statement
}

func (r *readers) add(s *statement) {
	if s != nil && s != r.last {
		r.last = s
		r.all = append(r.all, s)
	}
}

// fire says to all of them that it changed. Evaluated again, they ask again.
func (r *readers) fire() {
	for _, s := range r.all {
		s.stale = true
		s.mod.dirty = true
	}
	r.all, r.last = r.all[:0], nil
}

// invalidate says that all statements in s, and in what stands in s, are to be
// evaluated again.
func (p *program) invalidate(s *scope) {
	s.changed = p.clock
	s.remake()
}

// remake has the statements that define s evaluated again: what is in it may be
// alive now. Code in a string is evaluated with the statement around it.
func (s *scope) remake() {
	s.mod.dirty = true
	for _, maker := range s.makers {
		maker.stale = true
	}
}

func (s *scope) madeBy(now *statement) {
	if now != nil && !slices.Contains(s.makers, now) {
		s.makers = append(s.makers, now)
	}
}

// wake says to those who look for any name in s from elsewhere that it may be there.
func (s *scope) wake() {
	for name, c := range s.names {
		if name[0] == '?' {
			c.readers.fire()
		}
	}
}

// seek notes that a statement in s looked for a name there in vain.
func (s *scope) seek(name string) {
	if s.coarse || s.parent == nil {
		return
	}
	if s.sought == nil {
		s.sought = make(map[string]bool)
	}
	s.sought[name] = true
}

// entry reports whether all of the module counts, of which now wants to know.
func (e *evaluator) entry() bool {
	e.mod.entered.add(e.now)
	return e.mod.entry
}

// enter says that all of m counts.
func (m *module) enter() {
	m.entry, m.dirty = true, true
	m.entered.fire()
}

// roots are the directories on sys.path, of which now wants to know more.
func (e *evaluator) roots() []string {
	e.p.rooted.add(e.now)
	return e.p.roots
}

// methods are all methods of a name, of which now wants to know more.
func (e *evaluator) methods(name string) []*scope {
	set := e.p.methodSet(name)
	set.readers.add(e.now)
	return set.scopes
}

func (p *program) addMethod(name string, s *scope) {
	set := p.methodSet(name)
	set.scopes = append(set.scopes, s)
	set.readers.fire()
}

func (p *program) methodSet(name string) *methodSet {
	set := p.methods[name]
	if set == nil {
		set = new(methodSet)
		p.methods[name] = set
	}
	return set
}

// statementsOf evaluates the statements of m that may come to something else than
// before, and in the last pass those that have something to say.
func (e *evaluator) statementsOf(m *module) {
	outer := frame{scope: e.scope, held: e.held}
	var stack []frame
	for i := range m.lines {
		s := &m.lines[i]
		if stack = e.within(outer, stack, s.indent); e.dead {
			continue
		}
		if e.fresh(s) && !(s.emits && e.p.emit) {
			e.decorated = s.decorates
			if s.block {
				stack = append(stack, s.left)
				s.left.scope.signature = s.signature
			}
			continue
		}
		if !e.afford(s.logicalLine) {
			break
		}
		e.p.clock++
		s.evaluated, s.stale, s.emits = e.p.clock, false, false
		s.scope, s.held, s.decorated = e.scope, e.held, e.decorated
		e.now = s
		depth := len(stack)
		stack = e.line(s.logicalLine, stack)
		s.decorates, s.block = e.decorated, len(stack) > depth
		if s.block {
			top := &stack[depth]
			if sameHeld(s.left.held, top.held) {
				top.held = s.left.held // so that it is known as the same
			}
			s.left, s.signature = *top, top.scope.signature
		}
	}
	e.scope, e.held, e.now = outer.scope, outer.held, nil
}

// fresh reports whether evaluating s again would come to the same.
func (e *evaluator) fresh(s *statement) bool {
	if s.evaluated == 0 || s.stale || s.scope != e.scope || s.decorated != e.decorated || len(s.held) != len(e.held) || len(s.held) > 0 && &s.held[0] != &e.held[0] {
		return false
	}
	for scope := e.scope; scope != nil; scope = scope.parent {
		if scope.changed >= s.evaluated {
			return false
		}
	}
	return true
}

func sameHeld(a, b []hold) bool {
	return slices.EqualFunc(a, b, func(x, y hold) bool {
		return x.scope == y.scope && x.name == y.name && x.line == y.line && x.v.equal(y.v)
	})
}
