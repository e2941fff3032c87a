package python

import (
	"context"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/buildcode"
)

// AnalyseWheel finds what a wheel makes every interpreter run when it starts:
// "import" lines of .pth files (CPython's Lib/site.py, addpackage), .start files
// (PEP 829), sitecustomize and usercustomize, also in directories that a .pth file
// puts on sys.path, and the modules of the wheel that those import. The error is the
// context's, or says that the archive is not a wheel; what cannot be read within it
// is buildcode.Unanalysed.
//
// Programs among .data/scripts and console scripts run when somebody calls them; they
// belong to no surface, unless they take the place of the interpreter itself, of pip,
// or of what activates an environment. Nor do files of .data/data, unless they land
// among the standard library or are the environment's own settings, nor modules, unless
// they are those of an installer.
func AnalyseWheel(ctx context.Context, a *archive.Archive) (buildcode.Surface, error) {
	c := newCollector(ctx, a)
	roots := []string{""}
	for _, f := range a.Files() {
		if root, found := siteRoot(f.Path); found && root != "" && !slices.Contains(roots, root) {
			roots = append(roots, root)
		}
	}
	p := newProgram(c, roots...)
	p.shadows()
	h := &hooks{p: p}
	for _, f := range a.Files() {
		root, found := siteRoot(f.Path)
		if !found {
			continue
		}
		h.file(f.Path, root, strings.TrimPrefix(strings.TrimPrefix(f.Path, root), "/"))
	}
	h.paths()
	if len(c.s.Kinds) == 0 {
		return buildcode.Surface{Partial: a.Partial}, ctx.Err()
	}
	p.finish()
	c.s.Seal()
	return c.s, ctx.Err()
}

// siteRoot is the directory of the wheel that becomes site-packages and holds p.
// Below .data/data any directory of that name may.
func siteRoot(p string) (string, bool) {
	top, rest, nested := strings.Cut(p, "/")
	if !nested || !strings.HasSuffix(top, ".data") {
		return "", true
	}
	scheme, inner, nested := strings.Cut(rest, "/")
	switch {
	case !nested:
		return "", false
	case scheme == "purelib" || scheme == "platlib":
		return top + "/" + scheme, true
	case scheme == "data":
		// Installed below the prefix: lib/python3.12/site-packages on POSIX,
		// Lib/site-packages on Windows.
		dir := path.Dir(inner)
		for d := dir; d != "."; d = path.Dir(d) {
			if base := path.Base(d); base == "site-packages" || base == "dist-packages" {
				return top + "/data/" + d, true
			}
		}
		if path.Ext(inner) == ".pth" || path.Ext(inner) == ".start" {
			return path.Dir(p), true
		}
	}
	return "", false
}

// interpreterFile matches files below a prefix, or among scripts, that are the
// interpreter or decide how it starts: its settings, its library, pip, and what a
// shell reads to activate an environment.
var interpreterFile = regexp.MustCompile(`(?i)^(?:(?:bin|scripts)/)?(?:python|pythonw|pypy)[0-9.]*(?:t|d)?(?:\.exe)?$|^(?:(?:bin|scripts)/)?(?:pip[0-9.]*(?:\.exe)?|activate(?:\.\w+)?|activate_this\.py)$|^pyvenv\.cfg$|^(?:bin/|scripts/)?python[0-9]*\._pth$|^(?:lib|lib64|dlls|include)/?python[0-9.]*t?\.(?:zip|dll|so)$`)

// libraryFile matches what lands in the standard library of a prefix.
var libraryFile = regexp.MustCompile(`(?i)^lib/[^/]+\.(?:py|pyc|pyd)$|^(?:lib|lib64)/python[0-9.]+t?/`)

// installers are modules that install packages, each with the distribution that they
// come in: what takes their place runs at the next installation.
var installers = map[string]string{"pip": "pip", "setuptools": "setuptools", "pkg_resources": "setuptools"}

// shadows takes files that a wheel puts in the place of the interpreter's own. The
// wheel of pip may bring pip.
func (p *program) shadows() {
	for _, f := range p.c.a.Files() {
		top, rest, _ := strings.Cut(f.Path, "/")
		distribution, isData := strings.CutSuffix(top, ".data")
		if root, found := siteRoot(f.Path); found {
			p.shadowsModule(f.Path, strings.TrimPrefix(strings.TrimPrefix(f.Path, root), "/"))
		}
		if !isData {
			continue
		}
		scheme, name, _ := strings.Cut(rest, "/")
		distribution, _, _ = strings.Cut(distribution, "-")
		switch {
		case scheme != "scripts" && scheme != "data":
		case interpreterFile.MatchString(name) && !strings.EqualFold(distribution, "pip"),
			scheme == "data" && libraryFile.MatchString(name) && !strings.Contains(name, "site-packages/") && !strings.Contains(name, "dist-packages/"):
			p.c.kind(buildcode.StartupHook)
			p.c.add(f.Path)
			p.c.use(buildcode.LoadCode, f.Path, 0, takesPlace)
			p.start(f.Path)
		}
	}
}

const takesPlace = "takes the place of a file of the interpreter"

// shadowsModule takes the modules of another distribution's installer, and the scripts
// that an entry point puts in the place of the interpreter: installers write those.
func (p *program) shadowsModule(file, name string) {
	top, rest, _ := strings.Cut(name, "/")
	module, _, _ := strings.Cut(top, ".")
	owner, installer := installers[module]
	switch ext := path.Ext(name); {
	case installer && (ext == ".py" || ext == ".so" || ext == ".pyd" || ext == ".pyc") && !strings.EqualFold(p.distribution(), owner):
		p.c.kind(buildcode.StartupHook)
		p.c.add(file)
		p.c.use(buildcode.LoadCode, file, 0, "takes the place of a module of "+owner+", which runs at the next installation")
		if ext == ".py" {
			p.enter(file)
		}
	case rest == "entry_points.txt" && strings.HasSuffix(top, ".dist-info"):
		p.scriptNames(file)
	}
}

// distribution is the name that the wheel's own metadata directory bears.
func (p *program) distribution() string {
	for _, f := range p.c.a.Files() {
		if top, rest, _ := strings.Cut(f.Path, "/"); rest == "METADATA" && strings.HasSuffix(top, ".dist-info") {
			name, _, _ := strings.Cut(top, "-")
			return name
		}
	}
	return ""
}

// scriptNames follows entry points whose scripts bear the name of an interpreter, or
// of pip.
func (p *program) scriptNames(file string) {
	data, err := p.c.a.ReadFile(file)
	if err != nil {
		return // nothing is installed of what cannot be read
	}
	groups, err := parseConfig(data)
	if err != nil && !mayNameInterpreter.Match(data) {
		return
	}
	lines := make(map[int]string)
	for _, group := range []string{"console_scripts", "gui_scripts"} {
		for _, name := range sorted(groups[group]) {
			if interpreterFile.MatchString(name) && !(strings.HasPrefix(strings.ToLower(name), "pip") && strings.EqualFold(p.distribution(), "pip")) {
				lines[len(lines)+1] = entryPointCall(groups[group][name])
				p.c.use(buildcode.LoadCode, file, 0, takesPlace+": "+name)
			}
		}
	}
	if len(lines) == 0 && err == nil {
		return
	}
	p.c.kind(buildcode.StartupHook)
	p.c.take(file)
	p.text(file, lines, string(data), err)
}

// mayNameInterpreter matches entry points that cannot be read and may bear such names.
var mayNameInterpreter = regexp.MustCompile(`(?im)^\s*(?:python|pypy|pip|activate)`)

// entryPointCall is the statement that a generated script runs for "module:object".
func entryPointCall(target string) string {
	target, _, _ = strings.Cut(target, "[") // extras
	module, function, _ := strings.Cut(strings.TrimSpace(target), ":")
	module, function = strings.TrimSpace(module), strings.TrimSpace(function)
	if function == "" {
		return "import " + module
	}
	return "import " + module + "; " + module + "." + function + "()"
}

// breaks are the characters at which str.splitlines, which site.py uses since
// Python 3.12, ends a line. Before, only the first three did: a line that begins
// behind one of the others counts, whichever Python reads it.
const breaks = "\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029"

// importLines are the lines of a .pth file that site.py executes, by number.
func importLines(text string) (lines map[int]string) {
	lines = make(map[int]string)
	text = strings.TrimPrefix(text, "\ufeff")
	text = strings.NewReplacer("\r\n", "\n").Replace(text)
	number := 1
	for len(text) > 0 {
		end := strings.IndexAny(text, breaks)
		line, rest := text, ""
		if end >= 0 {
			line = text[:end]
			_, size := firstSize(text[end:])
			rest = text[end+size:]
		}
		if strings.HasPrefix(line, "import ") || strings.HasPrefix(line, "import\t") {
			// What an older Python takes for one line is executed as one.
			full := text
			if i := strings.IndexAny(text, "\n\r"); i >= 0 {
				full = text[:i]
			}
			lines[number] = full
		}
		if end >= 0 && (text[end] == '\n' || text[end] == '\r') {
			number++
		}
		text = rest
	}
	return lines
}

func firstSize(s string) (rune, int) {
	if s == "" {
		return 0, 1
	}
	return utf8.DecodeRuneInString(s)
}

// text adds executed lines of a file that is not itself Python. Each stands
// alone, but names are kept together, which can only add.
func (p *program) text(file string, lines map[int]string, whole string, err error) {
	m := p.add(file, "", 1, err)
	m.entry = true
	m.src = strings.Split(whole, "\n")
	for _, number := range slices.Sorted(maps.Keys(lines)) {
		toks, lexErr := tokenizeFrom(strings.Map(formFeeds, lines[number]), number)
		m.append(toks)
		if m.err == nil {
			m.err = lexErr
		}
	}
}

// formFeeds turns line breaks that are none to Python's grammar into spaces.
func formFeeds(r rune) rune {
	if strings.ContainsRune(breaks, r) && r != '\n' {
		return ' '
	}
	return r
}

func isDotted(s string) bool {
	toks, err := tokenize(s)
	if err != nil || len(toks) != 1 || len(toks[0].tokens)%2 == 0 {
		return false
	}
	for i, t := range toks[0].tokens {
		if i%2 == 0 && (t.kind != nameToken || t.keyword) || i%2 == 1 && !t.is(".") {
			return false
		}
	}
	return true
}
