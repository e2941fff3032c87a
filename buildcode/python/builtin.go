package python

import (
	"encoding/base64"
	"encoding/hex"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// builtin evaluates functions whose result matters, or whose arguments need a
// reading of their own. False if p is none.
func (e *evaluator) builtin(p string, receiver value, args []argument, line int) (value, bool) {
	switch p {
	case "builtins.getattr", "builtins.object.__getattribute__":
		return e.getattr(args, line), true
	case "builtins.globals", "builtins.locals":
		return pathValue("globals()"), true
	case "builtins.vars", "builtins.dir":
		return e.vars(args), true
	case "globals().get", "globals().pop", "globals().setdefault", "globals().__getitem__":
		return join(e.item("globals()", first(args, 0), line), first(args, 1)), true
	case "globals().items", "globals().values", "sys.modules.items", "sys.modules.values", "sys.modules.copy":
		e.use(buildcode.Unanalysed, line)
		return anything, true
	case "sys.modules.get", "sys.modules.pop", "sys.modules.setdefault", "sys.modules.__getitem__":
		return join(e.modulesItem(first(args, 0), line), first(args, 1)), true
	case "os.environ.get", "os.getenv", "os.environ.pop", "os.environ.setdefault", "os.environb.get", "os.getenvb", "os.environ.__getitem__":
		if p == "os.environ.setdefault" {
			e.setEnvironment(first(args, 0), first(args, 1), line)
		}
		return join(e.environment(first(args, 0, "key"), line), first(args, 1, "default")), true
	case "os.environ.copy", "os.environ.items", "os.environ.values", "os.environb.items":
		e.use(buildcode.ReadEnv, line)
		return anything, true
	case "os.environ":
		for _, a := range args { // expandvars
			return e.environmentIn(a.v, line), true
		}
	case "os.putenv", "os.environ.__setitem__":
		e.setEnvironment(first(args, 0), first(args, 1), line)
		return anything, true
	case "os.environ.keys", "os.unsetenv":
		return anything, true
	case "os.environ.update":
		e.namesLoader(args, line)
		return anything, true
	case "sys.path.insert":
		e.searchPath(first(args, 1), line)
		return anything, true
	case "sys.path.append":
		e.searchPath(first(args, 0), line)
		return anything, true
	case "site.addsitedir":
		dirs := first(args, 0, "sitedir")
		e.searchPath(dirs, line)
		e.siteDir(dirs, line)
		return anything, true
	case "sys.path.extend":
		e.searchPath(first(args, 0).elements(0), line)
		return anything, true
	case "builtins.setattr":
		for _, name := range first(args, 1).strs {
			e.p.attr(name).add(first(args, 2))
			for _, base := range first(args, 0).paths {
				if m := e.p.moduleAt(base); m != nil {
					e.p.cell(m.scope, name).add(first(args, 2))
				}
			}
		}
		if _, all := first(args, 1).literals(); !all {
			e.escape(first(args, 2), line)
		}
		return anything, true
	case "importlib.util.module_from_spec":
		if v := first(args, 0, "spec"); len(v.paths) > 0 && !v.unknown {
			return v, true
		}
	case "?.exec_module", "?.load_module":
		// Of a file that was followed when its loader was made.
		if v := first(args, 0, "module"); len(v.paths) > 0 && !v.unknown && !slices.ContainsFunc(v.paths, func(p string) bool { return e.p.moduleAt(p) == nil }) {
			return v, true
		}
	case "codecs.decode", "codecs.encode", "codecs.lookup", "codecs.getdecoder":
		return e.decodeMethod(first(args, 0), first(args, 1, "encoding"), line), true
	}
	if v, ok := e.files(p, receiver, args, line); ok {
		return v, true
	}
	return e.pure(p, args, line)
}

// namesLoader looks for variables that make programs load code among the keywords
// and keys of arguments.
func (e *evaluator) namesLoader(args []argument, line int) {
	for _, a := range args {
		if loaderEnv[a.name] || slices.ContainsFunc(a.toks, func(t token) bool { return loaderEnv[t.text] }) {
			e.use(buildcode.LoadCode, line)
		}
	}
}

// vars is the dictionary of a module, or of the scope.
func (e *evaluator) vars(args []argument) value {
	if len(args) == 0 {
		return pathValue("globals()")
	}
	out := anything
	for _, p := range args[0].v.paths {
		if sensitiveModules[p] {
			return pathValue(p + ".__dict__")
		}
		if e.p.moduleAt(p) != nil {
			return pathValue("globals()")
		}
		out = join(out, e.dictionary(p))
	}
	return out
}

// environmentIn reads the variables that a string names, as os.path.expandvars does.
func (e *evaluator) environmentIn(v value, line int) value {
	for _, s := range v.strs {
		for part := range strings.SplitSeq(s, "$") {
			name := strings.Trim(part, "{}")
			if i := strings.IndexFunc(name, func(r rune) bool { return r != '_' && !(r >= 'A' && r <= 'Z') && !(r >= '0' && r <= '9') }); i >= 0 {
				name = name[:i]
			}
			if name != "" {
				e.environment(strValue(name), line)
			}
		}
	}
	return anything
}

// searchPath is what v puts on sys.path: modules are found there from now on.
func (e *evaluator) searchPath(v value, line int) {
	if v.list != nil {
		e.searchPath(v.list.head, line)
		e.searchPath(v.list.rest, line)
		if v.list.exact && len(v.strs) == 0 && !v.unknown {
			return
		}
	}
	texts, all := v.literals()
	for _, text := range texts {
		if dir, inside := insidePath(text); inside || text == "" {
			e.p.addRoot(dir)
			e.zipped(dir, line)
		} else {
			e.use(buildcode.LoadCode, line)
		}
	}
	if onlyPath := len(v.paths) > 0 && len(v.strs) == 0 && !v.unknown; !all && len(texts) < len(v.strs) || v.unknown && !onlyPath && v.list == nil {
		e.use(buildcode.Unanalysed, line)
	}
}

// zipped: modules are found in zip files too, "deps.zip" or "deps.zip/lib".
func (e *evaluator) zipped(dir string, line int) {
	for ; dir != "." && dir != ""; dir = path.Dir(dir) {
		if e.p.c.has(dir) {
			e.p.c.add(dir)
			e.use(buildcode.Unanalysed, line)
			return
		}
	}
}

// siteDir executes the .pth files of directories, as site.addsitedir does.
func (e *evaluator) siteDir(dirs value, line int) {
	texts, all := dirs.literals()
	for _, text := range texts {
		dir, _ := insidePath(text)
		for _, f := range e.p.c.a.Files() {
			if path.Ext(f.Path) == ".pth" && path.Dir(f.Path) == path.Clean(dir) && e.p.modules[f.Path] == nil {
				e.p.pathFile(f.Path)
			}
		}
	}
	if !all {
		e.use(buildcode.LoadCode, line)
	}
}

// insidePath cleans a path without holes. False if it leads out of the archive.
func insidePath(s string) (string, bool) {
	if s == "" || strings.Contains(s, hole) || len(s) > 1024 {
		return "", false
	}
	clean := cleanPath(s)
	if path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../") || strings.HasPrefix(clean, "~") || len(clean) > 1 && clean[1] == ':' {
		return clean, false
	}
	return clean, true
}

// fileFunctions take paths: which arguments they read and which they write.
var fileFunctions = map[string]struct{ reads, writes []int }{
	"os.listdir": {[]int{0}, nil}, "os.scandir": {[]int{0}, nil}, "os.walk": {[]int{0}, nil}, "glob.glob": {[]int{0}, nil}, "glob.iglob": {[]int{0}, nil},
	"os.remove": {nil, []int{0}}, "os.unlink": {nil, []int{0}}, "os.rename": {nil, []int{0, 1}}, "os.replace": {nil, []int{0, 1}}, "os.symlink": {nil, []int{1}}, "os.link": {[]int{0}, []int{1}},
	"os.mkdir": {nil, []int{0}}, "os.makedirs": {nil, []int{0}}, "os.chmod": {nil, []int{0}}, "os.rmdir": {nil, []int{0}}, "shutil.rmtree": {nil, []int{0}},
	"shutil.copy": {[]int{0}, []int{1}}, "shutil.copy2": {[]int{0}, []int{1}}, "shutil.copyfile": {[]int{0}, []int{1}}, "shutil.copytree": {[]int{0}, []int{1}}, "shutil.move": {nil, []int{0, 1}},
	"sqlite3.connect": {[]int{0}, nil}, "tarfile.open": {[]int{0}, nil}, "zipfile.ZipFile": {[]int{0}, nil},
}

// files evaluates functions on files and paths.
func (e *evaluator) files(p string, _ value, args []argument, line int) (value, bool) {
	a0 := first(args, 0, "file", "path", "filename")
	switch p {
	case "pkgutil.get_data", "importlib.resources.read_text", "importlib.resources.read_binary", "importlib.resources.open_text", "importlib.resources.open_binary", "pkg_resources.resource_string", "pkg_resources.resource_stream", "pkg_resources.resource_filename":
		return e.resource(first(args, 0, "package", "package_or_requirement"), first(args, 1, "resource", "resource_name"), p == "pkg_resources.resource_filename", line), true
	case "importlib.resources.files":
		return e.resource(first(args, 0, "package", "anchor"), strValue(""), true, line), true
	case "linecache.getlines", "fileinput.input", "fileinput.FileInput", "os.open":
		return e.open(join(value{strs: a0.strs, unknown: a0.unknown}, a0.elements(0)), value{}, line), true
	case "builtins.open", "builtins.file":
		return e.open(a0, first(args, 1, "mode"), line), true
	case "pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "pathlib.PurePosixPath", "os.path.join":
		if len(args) == 0 {
			return strValue("."), true
		}
		return e.joined(args), true
	case "os.getcwd", "pathlib.Path.cwd", "os.getcwdb":
		return strValue("."), true
	case "os.path.dirname":
		return a0.each(parentDir), true
	case "os.path.split":
		return listValue([]value{a0.each(parentDir), a0.each(path.Base)}), true
	case "os.path.splitext":
		return listValue([]value{a0.each(func(s string) string { return strings.TrimSuffix(s, path.Ext(s)) }), a0.each(path.Ext)}), true
	case "os.path.basename":
		return a0.each(func(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }), true
	case "os.path.abspath", "os.path.realpath", "os.path.normpath", "os.path.normcase", "os.fspath", "os.fsdecode", "os.fsencode", "shlex.quote", "pipes.quote",
		"textwrap.dedent", "inspect.cleandoc", "os.path.relpath", "shutil.which", "distutils.spawn.find_executable", "setuptools._distutils.spawn.find_executable":
		return a0, true
	case "builtins.str":
		return value{unknown: a0.unknown || len(a0.strs)+len(a0.files) == 0 || len(a0.paths) > 0 || a0.list != nil, strs: a0.strs, files: a0.files}, true
	case "os.path.expanduser":
		e.use(buildcode.Home, line)
		return a0, true
	case "pathlib.Path.home", "pathlib.PosixPath.home":
		e.use(buildcode.Home, line)
		return strValue("~"), true
	}
	if f, found := fileFunctions[p]; found {
		for _, i := range f.reads {
			e.touch(first(args, i, "src", "path", "file"), false, line)
		}
		for _, i := range f.writes {
			e.touch(first(args, i, "dst", "path"), true, line)
		}
		return anything, true
	}
	return value{}, false
}

func (e *evaluator) joined(args []argument) value {
	var out value
	for i, a := range args {
		v := a.v
		if a.star > 0 {
			v = anything
		}
		if i == 0 {
			out = v
			continue
		}
		out = combine(out, v, joinPath)
	}
	return out
}

// open is an open file, or what it holds, if it lies in the archive.
func (e *evaluator) open(file, mode value, line int) value {
	write := false
	for _, s := range mode.strs {
		write = write || strings.ContainsAny(s, "wax+")
	}
	e.touch(file, write, line)
	out := value{}
	texts, all := file.literals()
	for _, text := range texts {
		clean, inside := insidePath(text)
		if inside && e.p.c.has(clean) && !write {
			out = join(out, value{files: []string{clean}})
		} else {
			all = false
		}
	}
	out.unknown = !all
	for _, text := range file.strs {
		if found, ok := e.below(text); ok && !write {
			out = join(out, value{files: []string{found}})
		}
	}
	return out
}

// resource is a file beside the modules of a package: its path, or what it holds.
func (e *evaluator) resource(pkg, name value, path bool, line int) value {
	out := value{}
	for _, s := range pkg.strs {
		for _, root := range append([]string{""}, e.roots()...) {
			dir := joinPath(root, strings.ReplaceAll(s, ".", "/"))
			if root == "" {
				dir = strings.ReplaceAll(s, ".", "/")
			}
			if !strings.Contains(s, hole) && !e.p.c.isDir(dir) {
				continue
			}
			out = join(out, combine(strValue(dir), name, joinPath))
		}
	}
	out.unknown = out.unknown || pkg.unknown || len(pkg.paths) > 0 || out.empty()
	if path {
		return out
	}
	return e.open(out, value{}, line)
}

// startFiles are files that make interpreters run code at every start.
var startFiles = []string{".pth", "sitecustomize.py", "usercustomize.py"}

// touch records access outside of the archive's directory.
func (e *evaluator) touch(file value, write bool, line int) {
	for _, s := range file.strs {
		prefix, _, _ := strings.Cut(s, hole)
		clean := cleanPath(prefix)
		starts := slices.ContainsFunc(startFiles, func(end string) bool { return strings.HasSuffix(s, end) })
		_, inside := insidePath(prefix)
		switch {
		case clean == "/dev/null" || clean == "nul" || clean == "/dev/stdout" || clean == "/dev/stderr":
		case strings.HasPrefix(clean, "/proc/"):
			e.process(path.Base(clean), write, line)
		case write && starts:
			// Every interpreter started later runs it.
			e.use(buildcode.WriteFiles, line)
			e.use(buildcode.LoadCode, line)
		case write && !inside && prefix != "":
			e.use(buildcode.WriteFiles, line)
		case !inside && prefix != "":
			e.use(buildcode.ReadFiles, line)
		}
	}
}

// process is access to a file below /proc: the memory and environment of a
// process are files there, and its open files.
func (e *evaluator) process(name string, write bool, line int) {
	switch {
	case name == "environ":
		e.use(buildcode.ReadEnv, line)
	case name == "mem" || write:
		e.use(buildcode.LoadCode, line)
	}
	e.use(buildcode.ReadFiles, line)
}

// pure evaluates functions that only compute, on strings and lists.
func (e *evaluator) pure(p string, args []argument, line int) (value, bool) {
	a0 := first(args, 0)
	switch p {
	case "builtins.chr", "builtins.unichr":
		if len(args) == 1 && len(args[0].toks) == 1 && args[0].toks[0].kind == numberToken {
			if n, err := strconv.ParseInt(args[0].toks[0].text, 0, 32); err == nil && n > 0 && n <= utf8.MaxRune {
				return strValue(string(rune(n))), true
			}
		}
		return strValue(hole), true
	case "builtins.bytes", "builtins.bytearray":
		if len(args) > 0 && args[0].chars {
			e.use(buildcode.Decode, line)
		}
		if text, ok := bytesOf(args); ok {
			return strValue(text), true
		}
		return join(a0.each(func(s string) string { return s }), value{unknown: true}), true
	case "builtins.list", "builtins.tuple", "builtins.sorted", "builtins.set", "builtins.reversed", "builtins.frozenset", "builtins.iter", "itertools.chain":
		if a0.list == nil {
			return rests(a0.elements(0), a0.elements(0)), true
		}
		if p == "builtins.list" || p == "builtins.tuple" {
			return a0, true
		}
		return rests(a0.elements(0), a0.elements(0)), true
	case "builtins.next", "builtins.enumerate", "builtins.zip", "builtins.filter":
		all := value{}
		for _, a := range args {
			all = join(all, a.v.elements(0))
		}
		if p == "builtins.next" {
			return all, true
		}
		e.escape(value{paths: a0.paths}, line)
		return rests(all, all), true
	case "builtins.dict":
		all := value{}
		for _, a := range args {
			if slices.Contains(a.v.paths, "os.environ") {
				e.use(buildcode.ReadEnv, line)
			}
			all = join(all, join(value{paths: a.v.paths, strs: a.v.strs}, a.v.elements(0)))
		}
		return rests(anything, all), true
	case "shlex.split", "split_quoted", "distutils.util.split_quoted":
		return splitWords(a0), true
	case "functools.partial":
		if len(args) > 1 && args[1].name == "" || len(args) == 0 {
			e.escapeArguments(args, line)
			return anything, true
		}
		for _, p := range args[0].v.paths { // with keywords only, it is called as itself
			if s := e.p.scopes[p]; s != nil && !s.class {
				e.callScope(s, args[1:], 0)
			}
		}
		e.escapeArguments(args[1:], line)
		return args[0].v, true
	case "functools.reduce":
		return e.reduce(args, line), true
	case "operator.attrgetter", "operator.itemgetter", "operator.methodcaller":
		return e.getter(p, args, line), true
	case "functools.wraps":
		e.escapeArguments(args, line)
		return anything, true
	case "sysconfig.get_config_var", "distutils.sysconfig.get_config_var":
		for _, s := range a0.strs {
			if program := programVariables[s]; program != "" {
				return strValue(program), true
			}
		}
		return anything, true
	}
	return value{}, false
}

// bytesOf is bytes([111, 115]), bytes(b"..") or bytes("..", "utf-8").
func bytesOf(args []argument) (string, bool) {
	if len(args) == 0 {
		return "", true
	}
	toks := args[0].toks
	if len(toks) < 2 || !toks[0].is("[") && !toks[0].is("(") {
		return "", false
	}
	var b strings.Builder
	for _, t := range toks[1 : len(toks)-1] {
		if t.is(",") {
			continue
		}
		n, err := strconv.ParseUint(t.text, 0, 8)
		if t.kind != numberToken || err != nil || n == 0 || n >= utf8.RuneSelf {
			return "", false
		}
		b.WriteByte(byte(n))
	}
	return b.String(), true
}

func splitWords(v value) value {
	out := value{}
	for _, s := range v.text() {
		var words []value
		for word := range strings.FieldsSeq(s) {
			words = append(words, strValue(word))
		}
		out = join(out, listValue(words))
	}
	return out
}

// decoded is the result of a decoder where the argument is known. It may always
// be something else besides, so that running it is never overlooked.
func (e *evaluator) decoded(p string, args []argument) value {
	out := anything
	texts, _ := first(args, 0).literals()
	for _, text := range texts {
		var raw []byte
		var err error
		switch {
		case strings.HasSuffix(p, "b64decode"), strings.HasSuffix(p, "a2b_base64"), strings.HasSuffix(p, "base64.decodebytes"):
			text = strings.NewReplacer("\n", "", " ", "", "=", "", "-", "+", "_", "/").Replace(text)
			raw, err = base64.RawStdEncoding.DecodeString(text)
		case strings.HasSuffix(p, "fromhex"), strings.HasSuffix(p, "unhexlify"), strings.HasSuffix(p, "a2b_hex"), strings.HasSuffix(p, "b16decode"):
			raw, err = hex.DecodeString(strings.ReplaceAll(text, " ", ""))
		default:
			continue
		}
		if err == nil && utf8.Valid(raw) && !strings.Contains(string(raw), hole) {
			out = join(out, value{strs: []string{string(raw)}})
		}
	}
	return out
}

// hidingCodecs are those of Python's codecs that do not stand for characters.
var hidingCodecs = set(`hex hex_codec base64 base64_codec base_64 rot13 rot_13 rot-13 zlib zlib_codec zip bz2 bz2_codec uu uu_codec quopri quopri_codec quoted_printable`)

// decodeMethod is x.decode(encoding) and codecs.decode(x, encoding).
func (e *evaluator) decodeMethod(v, encoding value, line int) value {
	if encoding.empty() || encoding.unknown && len(encoding.strs) == 0 {
		return v
	}
	for _, name := range encoding.strs {
		name = strings.ToLower(name)
		if !hidingCodecs[name] {
			continue
		}
		e.use(buildcode.Decode, line)
		if name == "rot13" || name == "rot_13" || name == "rot-13" {
			return join(v.each(rot13), value{unknown: true})
		}
		if name == "hex" || name == "base64" || name == "hex_codec" || name == "base64_codec" {
			kind := map[bool]string{true: "fromhex", false: "b64decode"}[strings.HasPrefix(name, "hex")]
			return e.decoded(kind, []argument{{v: v}})
		}
		return anything
	}
	return v
}

func rot13(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return 'a' + (r-'a'+13)%26
		case r >= 'A' && r <= 'Z':
			return 'A' + (r-'A'+13)%26
		}
		return r
	}, s)
}
