package python

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// program is all Python code that one surface reaches, evaluated together.
type program struct {
	c       *collector
	roots   []string // directories on sys.path, relative to the archive; "" is its root
	modules map[string]*module
	order   []*module
	scopes  map[string]*scope
	methods map[string]*methodSet // functions in classes, by name
	escaped map[string]int        // how many of these may be called with anything
	attrs   map[string]*cell      // attributes of unknown things, by name
	imports map[string]bool       // modules from outside that are imported
	other   []string              // files that are started but are not Python
	// setupRequires are the names that setup() is handed as setup_requires.
	setupRequires []string
	scripts       map[string]bool // of these, those that were read
	emit          bool            // the last pass, which records uses
	rooted        readers         // of roots
	work          int             // logical lines evaluated
	clock         int             // statements evaluated, which orders what happens
	all           bool            // any function may be called
	// scriptRoots are scripts that something runs, of which scriptsRead were read.
	scriptRoots []string
	scriptsRead int
	files       *scriptFiles
}

// module is one Python file, or code in a string.
type module struct {
	path  string
	src   []string // lines, for evidence
	lines []statement
	scope *scope
	dirty bool // a statement may be stale
	err   error
	depth int // of code in strings that is being evaluated
	stars []string
	// exported: whoever imports it calls what it offers, also what it merely
	// imported itself.
	exported bool
	// entry: all of it counts, not only what something calls.
	entry   bool
	entered readers // of entry
	// exporting stands for what is done for an exported module behind its statements.
	exporting statement
	// inlined caches code in strings.
	inlined map[string][]logicalLine
}

// scope is where names are bound: a module, class or function.
type scope struct {
	id        string // "@setup.py:C.run"; a module's ends with ":"
	mod       *module
	parent    *scope
	class     bool
	names     map[string]*cell
	globals   map[string]bool
	nonlocals map[string]bool
	rebound   map[rebinding]bool
	signature
	ret cell
	// live: something may call the function, so that its body counts. Module level
	// and class bodies always do.
	live bool
	// escaped: it may be called from where nobody looks, so its results escape too.
	escaped bool
	method  bool     // the function belongs to a class
	methods []*scope // of a class
	// bases are the classes of the archive that a class derives from.
	bases []string
	// framework: it derives from a class of which nothing is known.
	framework bool
	derived   readers // of framework
	// used: the class is instantiated, handed on, or belongs to a framework.
	used bool
	// changed is when something changed that all statements in it go by.
	changed int
	// sought are names that statements in it looked for in vain; coarse: they are not
	// noted, and may be any.
	sought map[string]bool
	coarse bool
	// makers are the statements that define it.
	makers []*statement
}

// methodSet is all methods of one name.
type methodSet struct {
	scopes  []*scope
	readers readers
}

// cell holds what is known of one name, and whom to run again when that grows.
type cell struct {
	v       value
	readers readers
	grown   int
}

func newProgram(c *collector, roots ...string) *program {
	return &program{
		c: c, roots: roots, modules: make(map[string]*module), scopes: make(map[string]*scope),
		methods: make(map[string]*methodSet), escaped: make(map[string]int), attrs: make(map[string]*cell), imports: make(map[string]bool), scripts: make(map[string]bool),
	}
}

// maxWork bounds the logical lines that are evaluated, all passes together; a long
// one counts once more for every workTokens of its tokens.
const (
	maxWork    = 600_000
	workTokens = 16
)

// maxPasses bounds the search for a fixed point. Honest code needs up to forty, of which
// most evaluate a few statements.
const maxPasses = 100

// run evaluates everything that was followed to a fixed point, then once more
// to record what it does.
func (p *program) run() {
	for pass := 0; ; pass++ {
		busy := false
		for i := 0; i < len(p.order); i++ { // grows while it runs
			m := p.order[i]
			if !m.dirty || p.c.ctx.Err() != nil || p.work > maxWork {
				continue
			}
			m.dirty, busy = false, true
			p.evaluate(m)
		}
		if !busy {
			break
		}
		if pass == maxPasses {
			p.c.use(buildcode.Unanalysed, p.order[0].path, 0, "names refer to each other too deeply")
			break
		}
	}
	if p.work > maxWork {
		p.c.use(buildcode.Unanalysed, p.order[0].path, 0, "too much code to evaluate")
		p.work = maxWork / 2 // what is known by now is told all the same
	}
	p.emit = true
	for i := 0; i < len(p.order); i++ {
		p.evaluate(p.order[i])
	}
	p.emit = false
	for _, m := range p.order {
		m.dirty = false
	}
}

func (p *program) evaluate(m *module) {
	e := &evaluator{p: p, mod: m, scope: m.scope}
	e.statementsOf(m)
	if m.exported {
		e.now = &m.exporting
		e.export()
	}
	if p.emit && m.err != nil {
		p.c.use(buildcode.Unanalysed, m.path, 0, m.err.Error())
	}
}

// follow adds a file of the archive as Python code and returns its path value.
func (p *program) follow(file string) value {
	file, _ = p.c.resolve(file)
	if p.modules[file] == nil {
		data := p.c.take(file)
		src, err := decodeSource(data)
		p.add(file, src, 1, err)
	}
	return pathValue("@" + file)
}

// enter follows a file that is executed as it stands: all of it counts.
func (p *program) enter(file string) value {
	v := p.follow(file)
	real, _ := p.c.resolve(file)
	if m := p.modules[real]; m != nil && !m.entry {
		m.enter()
	}
	return v
}

// export follows modules whose functions something outside calls: a backend, a
// hook, a getter.
func (p *program) export(v value) {
	for _, at := range v.paths {
		if m := p.moduleAt(at); m != nil && !m.exported {
			m.exported = true
			m.enter()
		}
	}
}

// export hands on all that the module offers.
func (e *evaluator) export() {
	for _, name := range slices.Sorted(maps.Keys(e.mod.scope.names)) {
		for _, p := range e.mod.scope.names[name].read(e.now).paths {
			if e.p.scopes[p] != nil {
				e.escapeLocal(p)
			}
		}
	}
	for _, star := range e.mod.stars {
		e.p.export(pathValue(star))
	}
}

// add adds source text under a path, numbering its lines from first.
func (p *program) add(file, src string, first int, err error) *module {
	m := &module{path: file, dirty: true, entry: p.all, err: err, inlined: make(map[string][]logicalLine)}
	m.src = append(make([]string, first-1), strings.Split(src, "\n")...)
	lines, lexErr := tokenizeFrom(src, first)
	m.append(lines)
	m.exporting.mod = m
	if m.err == nil {
		m.err = lexErr
	}
	m.scope = p.newScope("@"+file+":", m, nil)
	p.modules[file] = m
	p.order = append(p.order, m)
	return m
}

func (p *program) newScope(id string, m *module, parent *scope) *scope {
	if s := p.scopes[id]; s != nil {
		return s
	}
	depth := 0
	for outer := parent; outer != nil && depth <= maxNoted; outer = outer.parent {
		depth++
	}
	s := &scope{coarse: depth > maxNoted, id: id, mod: m, parent: parent, names: make(map[string]*cell), globals: make(map[string]bool), nonlocals: make(map[string]bool), rebound: make(map[rebinding]bool)}
	p.scopes[id] = s
	return s
}

// maxNoted is how deep scopes lie in scopes for which it is noted what is looked for
// in them: each name is looked for in all that it stands in.
const maxNoted = 8

// call says that something may call the function s.
func (s *scope) call() {
	if !s.live {
		s.live = true
		s.remake()
	}
}

// everything gives up on telling which functions are called, and with what.
func (p *program) everything() {
	if p.all {
		return
	}
	p.all = true
	for _, m := range p.order {
		m.enter()
	}
	for _, s := range p.scopes {
		for _, name := range s.params {
			p.cell(s, name).add(anything)
		}
	}
}

// use says that instances of class s are about: all methods may be called, by
// whoever gets hold of one.
func (p *program) use(s *scope) {
	if s == nil || !s.class || s.used {
		return
	}
	s.used = true
	for _, m := range s.methods {
		m.call()
	}
	for _, base := range s.bases {
		p.use(p.scopes[base])
	}
}

// read returns what c holds and remembers that now wants to know when it grows.
func (c *cell) read(now *statement) value {
	c.readers.add(now)
	return c.v
}

// maxGrowth is how often a cell may learn something before only names count:
// strings that are made from one another in a circle would never come to an end.
const maxGrowth = 12

func (c *cell) add(v value) {
	if c.grown >= maxGrowth {
		v = v.names()
	}
	if c.v.joins(v) {
		return
	}
	c.v = join(c.v, v)
	c.grown++
	c.readers.fire()
}

// cell is the cell of a name in s. Where the name is new, whoever looked for it in
// vain must look again: in a module those who wait for it, elsewhere all that stands
// in s.
func (p *program) cell(s *scope, name string) *cell {
	c := s.names[name]
	if c == nil {
		c = new(cell)
		s.names[name] = c
		switch {
		case strings.HasPrefix(name, "?"):
			return c
		case s.parent == nil:
			s.mod.dirty = true // it may be exported
		case s.coarse || s.sought[name]:
			p.invalidate(s)
		}
		if w := s.names["?"+name]; w != nil {
			w.readers.fire()
		}
	}
	return c
}

// waiting is a cell that makes no name bound, for its readers alone: they look for
// the name in s from elsewhere.
func (p *program) waiting(s *scope, name string) *cell { return p.cell(s, "?"+name) }

func (p *program) attr(name string) *cell {
	c := p.attrs[name]
	if c == nil {
		c = new(cell)
		p.attrs[name] = c
	}
	return c
}

// addRoot puts a directory of the archive on sys.path.
func (p *program) addRoot(dir string) {
	if dir == "." {
		dir = ""
	}
	if !slices.Contains(p.roots, dir) && len(p.roots) < 32 {
		p.roots = append(p.roots, dir)
		p.rooted.fire()
	}
}

// find follows every file that importing the dotted name runs, looked up in
// roots. The value is empty if the archive has no such module.
func (p *program) find(dotted string, roots []string) value {
	var out value
	for _, root := range roots {
		out = join(out, p.findIn(dotted, root))
	}
	return out
}

func (p *program) findIn(dotted, root string) value {
	base := root
	parts := strings.Split(dotted, ".")
	if len(parts) > 32 {
		return anything
	}
	for i, part := range parts {
		last := i == len(parts)-1
		at := path.Join(base, part)
		var found value
		for _, native := range p.c.stems[at] {
			found = join(found, p.native(native))
		}
		if p.c.has(at + "/__init__.py") {
			found = join(found, p.source(at+"/__init__.py"))
		} else if p.c.has(at + ".py") {
			found = join(found, p.source(at+".py"))
			if !last {
				return found
			}
		} else if found.empty() && p.c.isDir(at) {
			if last {
				return pathValue("@" + at + "/")
			}
			base = at
			continue
		}
		if found.empty() {
			return value{}
		}
		if last {
			return found
		}
		base = at
	}
	return value{}
}

// source follows a module that is imported. What lies compiled in __pycache__
// beside it runs instead, if it says that it is of this source (PEP 552).
func (p *program) source(file string) value {
	v := p.follow(file)
	dir, base := path.Split(file)
	for _, cached := range p.c.stems[dir+"__pycache__/"+strings.TrimSuffix(base, ".py")] {
		if path.Ext(cached) == ".pyc" {
			v = join(v, p.native(cached))
		}
	}
	return v
}

// native takes a compiled module into the surface. Nothing can be said of it.
func (p *program) native(file string) value {
	p.c.add(file)
	p.c.use(buildcode.EmbeddedBinary, file, 0, "a compiled module is imported")
	return anything
}

// start follows a file of the archive that is run as a program.
func (p *program) start(file string) {
	if strings.HasSuffix(file, ".py") {
		p.startPython(file)
		return
	}
	if head, err := p.c.a.Head(file); err == nil && p.modules[file] == nil {
		if line, _, _ := strings.Cut(string(head), "\n"); strings.HasPrefix(line, "#!") && strings.Contains(line, "python") {
			p.enter(file)
			return
		}
	}
	if p.modules[file] == nil && !slices.Contains(p.other, file) {
		p.other = append(p.other, file)
	}
}

// startPython follows a script, whatever it is called. Python puts the directory of
// the script on sys.path.
func (p *program) startPython(file string) {
	p.enter(file)
	p.addRoot(path.Dir(file))
}

// packageOf is the directory against which relative imports of m resolve.
func (m *module) packageOf(level int) (string, bool) {
	dir := path.Dir(m.path)
	for ; level > 1; level-- {
		if dir == "." {
			return "", false
		}
		dir = path.Dir(dir)
	}
	if dir == "." {
		dir = ""
	}
	return dir, true
}
