package python

import (
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// first is argument i by position, or by any of the names.
func first(args []argument, i int, names ...string) value {
	position := 0
	var out value
	for _, a := range args {
		switch {
		case slices.Contains(names, a.name) && a.name != "":
			return a.v
		case a.name != "" || a.star == 2:
		case a.star == 1:
			// Where it goes is unknown from here on.
			if position <= i {
				return join(out, join(a.v.at(i-position), value{unknown: a.v.list == nil}))
			}
		default:
			if position == i {
				return a.v
			}
			position++
		}
	}
	return out
}

// given reports whether a keyword argument is there, and not plainly off.
func given(args []argument, name string) bool {
	for _, a := range args {
		if a.star == 2 {
			return true
		}
		if a.name == name {
			return len(a.toks) != 1 || !a.toks[0].isName("False") && !a.toks[0].isName("None") && a.toks[0].text != "0"
		}
	}
	return false
}

// call evaluates a call of whatever callee may be. receiver and name are what it
// was an attribute of, if it was.
func (e *evaluator) call(callee, receiver value, name string, args []argument, line int) value {
	var out value
	known := false
	if name != "" {
		out, known = e.method(receiver, name, args, line)
	}
	asText := known
	for _, p := range callee.paths {
		v, ok := e.callPath(p, receiver, args, line)
		if ok || !asText {
			out, known = join(out, v), known || ok
		}
	}
	if !known {
		e.escapeArguments(args, line)
	}
	if callee.unknown && !asText || !known {
		out.unknown = true
		out.files = e.contents(receiver, args, out.files)
	}
	return out
}

// contents are the files that what an unknown function makes of its arguments may
// come from, so that code that is cut out of a file, decompressed or decoded still
// leads to it.
func (e *evaluator) contents(receiver value, args []argument, files []string) []string {
	var full bool
	files = union(files, pieces(receiver.files), maxStrs, &full)
	for _, a := range args {
		files = union(files, pieces(a.v.elements(0).files), maxStrs, &full)
	}
	return files
}

// pieceOf stands before a file of which a value is made, but is not the content.
const pieceOf = "piece:"

func pieces(files []string) []string {
	var out []string
	for _, file := range files {
		if piece := pieceOf + strings.TrimPrefix(file, pieceOf); !slices.Contains(out, piece) {
			out = append(out, piece)
		}
	}
	return out
}

// material adds the files of the archive that v names or comes from to the surface:
// they are loaded as code, in whatever form.
func (e *evaluator) material(v value) {
	v = join(value{strs: v.strs}, v.elements(0))
	for _, file := range v.files {
		e.p.c.add(strings.TrimPrefix(file, pieceOf))
	}
	for _, s := range v.strs {
		if file, inside := insidePath(s); inside && e.p.c.has(file) {
			e.p.c.add(file)
		}
	}
}

// callPath evaluates a call of p. known is false where p tells nothing, so that
// the arguments go astray.
func (e *evaluator) callPath(p string, receiver value, args []argument, line int) (out value, known bool) {
	if strings.HasPrefix(p, "@") {
		return e.callLocal(p, args, line), true
	}
	if p == manyNames {
		e.p.everything()
		return anything, false
	}
	if base, found := strings.CutPrefix(p, boundGetattr); found {
		return e.getattr(append([]argument{{v: pathValue(base)}}, args...), line), true
	}
	if v, ok := e.callGetter(p, args, line); ok {
		return v, true
	}
	if benignTakers[p] {
		return anything, true
	}
	if setupFunctions[p] {
		e.setup(args, line)
	}
	if v, ok := e.builtin(p, receiver, args, line); ok {
		return v, true
	}
	eff, entry := effectOf(p)
	if eff.capability == buildcode.LoadCode || entry == "marshal" {
		for _, a := range args {
			e.material(a.v)
		}
	}
	switch {
	case eff.capability == "":
		return anything, false
	case eff.action == nameIt:
		e.use(eff.capability, line)
		return anything, false
	case eff.action == decodeArg:
		e.use(buildcode.Decode, line)
		out := e.decoded(p, args)
		out.files = e.contents(receiver, args, nil)
		return out, true
	}
	return e.act(eff, p, entry, args, line), true
}

// setupFunctions are the ways to setuptools' setup().
var setupFunctions = set(`setuptools.setup distutils.core.setup setuptools._distutils.core.setup numpy.distutils.core.setup skbuild.setup ?.setup`)

// fetchingCommands are commands of setup.py that reach for the network.
var fetchingCommands = set(`easy_install develop upload register upload_docs test`)

// setup reads the arguments of setup() that make more happen than packing.
func (e *evaluator) setup(args []argument, line int) {
	for _, a := range args {
		if compileArguments[a.name] && given(args, a.name) && (a.v.list == nil || !a.v.list.exact || len(a.v.list.items) > 0) {
			e.use(buildcode.Compile, line)
		}
		switch a.name {
		case "script_args":
			for _, s := range join(value{strs: a.v.strs}, a.v.elements(1)).strs {
				if fetchingCommands[s] {
					e.use(buildcode.Network, line)
				}
			}
		case "dependency_links":
			// Where setuptools looks for what setup_requires asks for
			// (setuptools/installer.py, fetch_build_egg).
			if a.v.list == nil || !a.v.list.exact || len(a.v.list.items) > 0 {
				e.use(buildcode.Network, line)
			}
		case "setup_requires":
			names := join(value{strs: a.v.strs}, a.v.elements(1))
			for _, s := range names.strs {
				if name := normalized(s); name != "" && !slices.Contains(e.p.setupRequires, name) {
					e.p.setupRequires = append(e.p.setupRequires, name)
				}
			}
		case "cffi_modules":
			for _, s := range join(value{strs: a.v.strs}, a.v.elements(1)).strs {
				if file, _, _ := strings.Cut(s, ":"); !e.p.c.has(cleanPath(file)) {
					e.use(buildcode.Unanalysed, line)
				}
			}
		}
	}
}

// act reads the arguments that a sensitive function acts on.
func (e *evaluator) act(eff effect, p, entry string, args []argument, line int) value {
	switch eff.action {
	case shellArg0:
		e.start(first(args, 0, "cmd", "command"), true, line)
	case commandArg:
		shell := given(args, "shell")
		for _, a := range args {
			if a.name == "env" {
				e.namesLoader([]argument{a}, line)
			}
		}
		e.start(first(args, 0, "args", "cmd", "argv", "command"), shell, line)
		if program := first(args, 2, "executable"); !program.empty() && given(args, "executable") {
			e.start(program, false, line)
		}
	case programArg, programArg1:
		i := 0
		if eff.action == programArg1 {
			i = 1
		}
		e.start(first(args, i, "path", "file", "program", "filepath"), false, line)
		for _, a := range args {
			e.arguments1(a.v, line)
		}
	case codeArg:
		return e.code(first(args, 0, "source", "stmt", "statement", "code"), line, eff.capability)
	case fileArg, fileArg1:
		i := 0
		if eff.action == fileArg1 {
			i = 1
		}
		return e.codeFile(first(args, i, "path", "location", "pathname", "path_name", "filename"), line)
	case importArg:
		if strings.HasSuffix(entry, ".run_module") {
			names, _ := first(args, 0, "mod_name").literals()
			for _, name := range names {
				e.runModule(name, nil, line)
			}
		}
		return e.dynamicImport(first(args, 0, "name", "mod_name", "path"), args, line)
	}
	for _, a := range args {
		e.escape(a.v, line)
	}
	return anything
}

// code evaluates text that is executed. What can be read of it is analysed in
// place; the rest is the capability.
func (e *evaluator) code(v value, line int, c buildcode.Capability) value {
	out := value{}
	for _, file := range v.files {
		// What is made of a file may be anything but what stands in it.
		if whole, piece := strings.CutPrefix(file, pieceOf); piece {
			e.p.c.add(whole)
		} else {
			e.p.enter(file)
		}
	}
	texts, all := v.literals()
	for _, text := range texts {
		got, ok := e.inline(text, line)
		out = join(out, got)
		all = all && ok
	}
	made := slices.ContainsFunc(v.files, func(f string) bool { return strings.HasPrefix(f, pieceOf) })
	if !all && (len(v.files) == 0 || made || v.unknown || len(v.strs) > 0 || len(v.paths) > 0 || v.list != nil) {
		e.use(c, line)
		out.unknown = true
	}
	out = join(out, value{strs: v.strs, files: v.files}) // compile() hands its source on
	return out
}

const (
	maxInlineDepth = 5
	maxInlined     = 200
)

// inline evaluates code in a string as if it stood here. False if it is no
// Python, or too much of it.
func (e *evaluator) inline(text string, line int) (value, bool) {
	m := e.mod
	if m.depth >= maxInlineDepth {
		return anything, false
	}
	lines, found := m.inlined[text]
	if !found {
		if len(m.inlined) >= maxInlined {
			return anything, false
		}
		var err error
		if lines, err = tokenizeFrom(strings.ReplaceAll(text, "\r", "\n"), 1); err != nil {
			lines = append(lines, logicalLine{})
		}
		for _, l := range lines {
			relocate(l.tokens, line)
		}
		m.inlined[text] = lines
	}
	m.depth++
	defer func() { m.depth-- }()
	sub := e.sub(nil)
	sub.block(lines)
	var out value
	if len(lines) == 1 { // it may be an expression whose value is asked for
		expression := e.sub(lines[0].tokens)
		out = expression.expr()
	}
	return out, len(lines) == 0 || lines[len(lines)-1].tokens != nil
}

// relocate puts tokens of a string on the line where the string is used.
func relocate(toks []token, line int) {
	for i := range toks {
		toks[i].line = line
		for _, field := range toks[i].fields {
			relocate(field, line)
		}
	}
}

// codeFile evaluates the running of a file of code.
func (e *evaluator) codeFile(v value, line int) value {
	texts, all := v.literals()
	out := value{}
	for _, text := range texts {
		file, inside := insidePath(text)
		if !inside || !e.p.c.has(file) {
			all = false
			continue
		}
		out = join(out, e.p.enter(file))
	}
	for _, text := range v.strs {
		// What comes before is not known, but is most likely the root.
		if file, found := e.below(text); found {
			out = join(out, e.p.enter(file))
		}
	}
	if !all {
		e.use(buildcode.LoadCode, line)
		out.unknown = true
	}
	return out
}

// below is the file of the archive that a path with an unknown beginning may mean.
func (e *evaluator) below(text string) (string, bool) {
	rest, found := strings.CutPrefix(text, hole+"/")
	if !found {
		return "", false
	}
	file, inside := insidePath(rest)
	return file, inside && e.p.c.has(file)
}

// dynamicImport is __import__ and its like.
func (e *evaluator) dynamicImport(v value, args []argument, line int) value {
	texts, all := v.literals()
	out := value{}
	for _, text := range texts {
		if len(text) > 200 {
			all = false
			continue
		}
		module, attr, found := strings.Cut(text, ":")
		got := value{}
		if strings.HasPrefix(module, ".") {
			level := len(module) - len(strings.TrimLeft(module, "."))
			got = e.importFrom(level, strings.TrimLeft(module, "."), line)
		} else {
			got = e.importModule(module, line)
			// __import__("a.b") is a; import_module("a.b") is a.b.
			if top, _, dotted := strings.Cut(module, "."); dotted {
				got = join(got, e.importModule(top, line))
			}
		}
		if found {
			for name := range strings.SplitSeq(attr, ".") {
				got = e.attribute(got, name)
			}
		}
		out = join(out, got)
	}
	if !all {
		e.use(buildcode.LoadCode, line)
		e.use(buildcode.Unanalysed, line)
		out.unknown = true
	}
	return out
}

// callLocal binds arguments to the parameters of a function of the archive.
func (e *evaluator) callLocal(p string, args []argument, line int) value {
	s := e.p.scopes[p]
	if s == nil {
		e.escapeArguments(args, line)
		return anything
	}
	if !s.class {
		return e.callScope(s, args, 0)
	}
	e.p.use(s)
	// A class: __init__ takes the arguments. Without one a base class may.
	init := e.p.scopes[s.id+".__init__"]
	if init == nil {
		e.p.waiting(s, "__init__").read(e.now)
		e.escapeArguments(args, line)
		return anything
	}
	e.callScope(init, args, 1)
	return anything
}

// callScope binds arguments from parameter skip on, and returns the result.
func (e *evaluator) callScope(s *scope, args []argument, skip int) value {
	s.call()
	position := skip
	var extra []value
	for _, a := range args {
		switch {
		case a.star == 1:
			for i := position; i < len(s.params); i++ {
				e.p.cell(s, s.params[i]).add(join(a.v.at(i-position), value{unknown: a.v.list == nil}))
			}
			extra = append(extra, join(a.v.elements(0), value{unknown: a.v.list == nil}))
			position = len(s.params)
		case a.star == 2:
			for i := position; i < len(s.params); i++ {
				e.p.cell(s, s.params[i]).add(join(a.v.elements(0), anything))
			}
			if s.stars != "" {
				e.p.cell(s, s.stars).add(a.v)
			}
		case a.name != "":
			e.p.waiting(s, a.name).read(e.now)
			if slices.Contains(s.params, a.name) || s.names[a.name] != nil && a.name != s.star {
				e.p.cell(s, a.name).add(a.v)
			} else if s.stars != "" {
				e.p.cell(s, s.stars).add(rests(anything, a.v))
			}
		case position < len(s.params):
			e.p.cell(s, s.params[position]).add(a.v)
			position++
		default:
			extra = append(extra, a.v)
		}
	}
	if s.star != "" {
		e.p.cell(s, s.star).add(listValue(extra))
	}
	return s.ret.read(e.now)
}

// maxMethods of one name are told apart by what they are called with.
const maxMethods = 100

// method is a call of an attribute of something whose class is not known: any
// method of that name in the archive, or one of a string, list or file.
func (e *evaluator) method(receiver value, name string, args []argument, line int) (out value, known bool) {
	local := len(receiver.paths) == 0 || receiver.unknown
	for _, p := range receiver.paths {
		if strings.HasPrefix(p, "?.") || strings.HasPrefix(p, "@") {
			local = true
		}
	}
	var methods []*scope
	if local {
		methods = e.methods(name)
	}
	if len(methods) > maxMethods {
		e.escapeMethods(name)
		return anything, false
	}
	for _, s := range methods {
		out, known = join(out, e.callScope(s, args, 1)), true
	}
	if v, ok := e.textMethod(receiver, name, args, line); ok {
		return join(out, v), true
	}
	return out, known
}

// getattr is attribute access by a computed name.
func (e *evaluator) getattr(args []argument, line int) value {
	base, names := first(args, 0), first(args, 1)
	out := first(args, 2)
	texts, all := names.literals()
	for _, text := range texts {
		out = join(out, e.attribute(base, text))
	}
	if all {
		return out
	}
	out.unknown = true
	for _, p := range base.paths {
		_, entry := effectOf(p)
		if sensitiveModules[p] || p == "globals()" || entry != "" || e.p.moduleAt(p) != nil {
			e.use(buildcode.Unanalysed, line)
		}
	}
	return out
}

// environment reads a variable of the environment by name.
func (e *evaluator) environment(names value, line int) value {
	texts, all := names.literals()
	out := anything
	for _, text := range texts {
		switch {
		case homeEnv[text]:
			e.use(buildcode.Home, line)
		case secretEnv.MatchString(text) || !harmlessEnv.MatchString(text):
			e.use(buildcode.ReadEnv, line)
		}
		if program := programVariables[text]; program != "" {
			out = strValue(program)
		}
	}
	if !all {
		// "WRAPT_" + name is as harmless as its shortest reading.
		for _, s := range names.text() {
			if prefix, _, _ := strings.Cut(s, hole); strings.Contains(s, hole) && (prefix == "" || !harmlessEnv.MatchString(prefix+"X")) {
				e.use(buildcode.ReadEnv, line)
			}
		}
	}
	return out
}

// programVariables name programs of the user's own choice.
var programVariables = map[string]string{"CC": "cc", "CXX": "c++", "CPP": "cpp", "LD": "ld", "AR": "ar", "AS": "as", "FC": "gfortran", "CMAKE": "cmake", "MAKE": "make", "NINJA": "ninja",
	"PKG_CONFIG": "pkg-config", "PKGCONFIG": "pkg-config", "PYTHON": "python", "CARGO": "cargo", "RUSTC": "rustc", "NVCC": "nvcc", "LDSHARED": "cc", "RANLIB": "ranlib", "STRIP": "strip"}
