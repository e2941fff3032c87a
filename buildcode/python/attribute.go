package python

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

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
	found, global := false, true
	for s := e.scope; s != nil; s = s.parent {
		if s.class && s != e.scope {
			continue
		}
		c := s.names[t.text]
		if c == nil {
			s.seek(t.text)
			continue
		}
		if s.globals[t.text] || s.nonlocals[t.text] {
			continue
		}
		v, found = join(v, c.read(e.now)), true
		if !s.class {
			global = false
			break
		}
	}
	if global {
		// Remember that this statement waits for a name that may be bound yet.
		e.p.waiting(e.mod.scope, t.text).read(e.now)
	}
	if !found {
		for _, star := range e.mod.stars {
			v = join(v, e.attribute(pathValue(star), t.text))
		}
	}
	// A name of a builtin is the builtin until it is bound, which may be later.
	if t.builtin && (!found || e.moduleLevel(t.text)) {
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
	all := e.methods(name)
	from := e.p.escaped[name]
	e.p.escaped[name] = len(all)
	for _, s := range all[from:] {
		s.call()
		for i, param := range s.params {
			if i > 0 {
				e.p.cell(s, param).add(anything)
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
	kept := e.p.attr(name).read(e.now)
	if v.empty() && !kept.empty() && e.ownClass() {
		out.unknown = false // self.name, which only the archive's own code sets
	}
	return join(out, kept)
}

// ownClass reports whether this is a method of a class that derives from none
// outside of the archive.
func (e *evaluator) ownClass() bool {
	f := e.scope.function()
	if f.parent == nil || !f.parent.class {
		return false
	}
	f.parent.derived.add(e.now)
	return !f.parent.framework
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

// dictionaryMethods are what is looked for on a dictionary of names. Anything else is
// an attribute of something that is none, and names of it would have no end.
var dictionaryMethods = set(`get pop setdefault items values __getitem__`)

func (e *evaluator) attributeOf(p, name string) value {
	switch {
	case p == "globals()":
		if !dictionaryMethods[name] && rerooted[name] == "" && !relevant["?."+name] {
			return anything
		}
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
		return e.dictionary(p)
	}
	return outside(external(full))
}

// dictionary is the dictionary of names of something outside of the archive: what
// is taken from it is a use of it.
func (e *evaluator) dictionary(p string) value {
	if eff, _ := effectOf(p); eff.capability != "" {
		return pathValue(p + ".__dict__")
	}
	return anything
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
		out := e.p.attr(name).read(e.now)
		if c := s.names[name]; c != nil && s.class {
			return join(out, c.read(e.now))
		}
		if s.class {
			e.p.waiting(s, name).read(e.now)
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
		return join(out, c.read(e.now))
	}
	e.p.waiting(m.scope, name).read(e.now)
	e.p.waiting(m.scope, "__getattr__").read(e.now)
	if s := e.p.scopes[m.scope.id+"__getattr__"]; s != nil { // PEP 562
		out = join(out, e.callScope(s, []argument{{v: strValue(name)}}, 0))
	}
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
		out.files = v.files
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
			out = join(out, e.name(nameOf(name, 0)))
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
