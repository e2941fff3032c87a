package python

import (
	"path"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// plainDecorators leave a function to be called under its own name, by the last
// word of the line.
var plainDecorators = set(`staticmethod classmethod property setter getter deleter abstractmethod overload cached_property override final contextmanager asynccontextmanager`)

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
		e.p.addMethod(name, s)
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
	if e.entry() || e.decorated || isDunder(name) || e.scope.class && e.scope.used {
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
	s.madeBy(e.now)
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
		c := e.p.cell(s, name)
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
			e.p.cell(s, name).add(anything)
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
	if e.entry() || e.decorated {
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

// outside says that class s derives from one of which nothing is known.
func (s *scope) outside() {
	if !s.framework {
		s.framework = true
		s.derived.fire()
	}
}

// base is what class s derives from. A class from outside may call any method.
func (e *evaluator) base(s *scope, a argument, line int) {
	local := false
	for _, p := range a.v.paths {
		if b := e.p.scopes[p]; strings.HasPrefix(p, "@") && b != nil {
			local = true
			if !slices.Contains(s.bases, p) {
				s.bases = append(s.bases, p)
			}
			b.derived.add(e.now)
			if b.framework {
				s.outside()
			}
			continue
		}
		e.escapePath(p, line)
	}
	plain := len(a.toks) > 0 && plainBases[a.toks[len(a.toks)-1].text] || len(a.toks) > 0 && a.toks[len(a.toks)-1].is("]") && plainBases[a.toks[0].text]
	if (!local || a.v.unknown) && !plain {
		s.outside()
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
				e.mod.scope.wake()
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
	local := e.p.find(dotted, e.roots())
	full := external(dotted)
	e.p.imports[full] = true
	if first, _, _ := strings.Cut(dotted, "."); !local.empty() && !standard[first] {
		return local
	}
	e.imported(full, line)
	return join(local, outside(full))
}

// imported records what merely importing a module says.
// Modules that are themselves only imported commonly want socket's numbers, or
// offer what nobody asks for: there a use of it counts, the import does not.
func (e *evaluator) imported(p string, line int) {
	if top, _, _ := strings.Cut(p, "."); (top == "socket" || top == "ssl") && !e.entry() {
		return
	}
	if eff, _ := effectOf(p); eff.capability == buildcode.Network && !strings.HasPrefix(p, "@") && !strings.HasPrefix(p, "?") {
		e.use(buildcode.Network, line)
	}
}

// standard modules are there before sys.path is searched, or win over what an
// archive puts beside them.
var standard = set(`os sys subprocess socket builtins importlib ctypes posix nt pty base64 binascii zlib marshal pickle codecs runpy imp io urllib http shutil tempfile ssl site types
	asyncio lzma bz2 gzip code codeop commands threading functools operator pathlib __builtin__ urllib2 httplib distutils`)
