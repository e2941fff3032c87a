package python

import (
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

func (e *evaluator) escapeArguments(args []argument, line int) {
	for _, a := range args {
		e.escape(a.v, line)
	}
}

// escape says that v goes where it cannot be followed: what is sensitive in it
// may be called with anything.
func (e *evaluator) escape(v value, line int) {
	for _, p := range v.paths {
		e.escapePath(p, line)
	}
	if v.list != nil {
		e.escape(v.list.head, line)
		e.escape(v.list.rest, line)
	}
}

func (e *evaluator) escapePath(p string, line int) {
	switch {
	case p == "globals()" || strings.HasPrefix(p, "?."):
		return
	case p == manyNames:
		e.p.everything()
		return
	case strings.HasPrefix(p, "@"):
		e.escapeLocal(p)
		return
	case p == "os.environ" || p == "os.environb":
		e.use(buildcode.ReadEnv, line)
		return
	case sensitiveModules[p] || strings.HasPrefix(p, boundGetattr):
		e.use(buildcode.Unanalysed, line)
		return
	case p == "builtins.open":
		return
	case p == "builtins.getattr" || p == "operator.attrgetter" || p == "operator.methodcaller":
		// map(getattr, ...) reaches whatever it is handed.
		e.use(buildcode.Unanalysed, line)
		return
	case strings.HasPrefix(p, boundGetter):
		return
	}
	e.named(p, line)
}

// escapeLocal: a function, class or module of the archive goes astray. Whoever
// gets it may call it with anything.
func (e *evaluator) escapeLocal(p string) {
	if m := e.p.moduleAt(p); m != nil && !m.entry {
		m.enter()
		return
	}
	s := e.p.scopes[p]
	switch {
	case s == nil:
	case s.class:
		e.p.use(s)
	default:
		s.call()
		for _, name := range s.params {
			e.p.cell(s, name).add(anything)
		}
		if !s.escaped {
			s.escaped = true
			e.escape(s.ret.v, 0)
			e.p.invalidate(s)
		}
	}
}

// named records what naming p without a call of it means.
func (e *evaluator) named(p string, line int) {
	if eff, _ := effectOf(p); eff.capability != "" {
		e.use(eff.capability, line)
	}
	if p == "os.getenv" {
		e.use(buildcode.ReadEnv, line)
	}
}
