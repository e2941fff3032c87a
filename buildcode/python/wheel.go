package python

import (
	"context"
	"fmt"
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
// (PEP 829), sitecustomize and usercustomize, and the modules of the wheel that
// those import. The error is the context's, or says that the archive is not a
// wheel; what cannot be read within it is buildcode.Unanalysed.
//
// Programs among .data/scripts run when somebody calls them; they belong to no
// surface, unless they take the place of the interpreter itself, of pip, or of what
// activates an environment. Neither do files of .data/data, unless they land among
// the standard library or are the environment's own settings.
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
	for _, f := range a.Files() {
		root, found := siteRoot(f.Path)
		if !found {
			continue
		}
		p.hook(f.Path, strings.TrimPrefix(strings.TrimPrefix(f.Path, root), "/"))
	}
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

// hook looks at one file that lands in site-packages under name.
func (p *program) hook(file, name string) {
	module, _, _ := strings.Cut(name, ".") // of a package "sitecustomize/__init__"
	ext := path.Ext(name)
	switch {
	case ext == ".pth" && !strings.Contains(name, "/"):
		if p.pathFile(file) {
			p.c.kind(buildcode.StartupHook)
		}
	case ext == ".start" && !strings.Contains(name, "/"):
		p.startFile(file)
	case startupModules[strings.TrimSuffix(module, "/__init__")] && ext == ".py" && (name == module+".py"):
		p.c.kind(buildcode.StartupHook)
		p.enter(file)
		p.source(file)
	case startupModules[strings.TrimSuffix(module, "/__init__")] && (ext == ".so" || ext == ".pyd" || ext == ".pyc"):
		p.c.kind(buildcode.StartupHook)
		p.native(file)
	}
}

// startupModules are imported at every start: by site.py, or by a .pth file that is
// in most environments already, setuptools' and virtualenv's own.
var startupModules = set(`sitecustomize usercustomize _distutils_hack _virtualenv`)

// interpreterFile matches files below a prefix, or among scripts, that are the
// interpreter or decide how it starts: its settings, its library, pip, and what a
// shell reads to activate an environment.
var interpreterFile = regexp.MustCompile(`(?i)^(?:(?:bin|scripts)/)?(?:python|pythonw|pypy)[0-9.]*(?:t|d)?(?:\.exe)?$|^(?:(?:bin|scripts)/)?(?:pip[0-9.]*(?:\.exe)?|activate(?:\.\w+)?|activate_this\.py)$|^pyvenv\.cfg$|^(?:bin/|scripts/)?python[0-9]*\._pth$|^(?:lib|lib64|dlls|include)/?python[0-9.]*t?\.(?:zip|dll|so)$`)

// libraryFile matches what lands in the standard library of a prefix.
var libraryFile = regexp.MustCompile(`(?i)^lib/[^/]+\.(?:py|pyc|pyd)$|^(?:lib|lib64)/python[0-9.]+t?/`)

// shadows takes files that a wheel puts in the place of the interpreter's own. The
// wheel of pip may bring pip.
func (p *program) shadows() {
	for _, f := range p.c.a.Files() {
		top, rest, _ := strings.Cut(f.Path, "/")
		distribution, isData := strings.CutSuffix(top, ".data")
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
			p.c.use(buildcode.LoadCode, f.Path, 0, "takes the place of a file of the interpreter")
			p.start(f.Path)
		}
	}
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

// pathFile evaluates the import lines of a .pth file, and reports whether there
// may be any. A file of plain paths is no code.
func (p *program) pathFile(file string) bool {
	data, err := p.c.a.ReadFile(file)
	if err != nil {
		p.c.take(file)
		return true
	}
	text, err := decodeSource(data)
	lines := importLines(text)
	if len(lines) == 0 && err == nil {
		return false
	}
	p.c.take(file)
	p.text(file, lines, text, err)
	return true
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

// startFile follows the entry points, "module:callable", of a .start file.
func (p *program) startFile(file string) {
	p.c.kind(buildcode.StartupHook)
	data := p.c.take(file)
	text, err := decodeSource(data)
	lines := make(map[int]string)
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		module, function, found := strings.Cut(line, ":")
		if !found || !isDotted(module) || !isDotted(function) {
			err = fmt.Errorf("line %d is no entry point", number)
			continue
		}
		lines[number] = "import " + module + "; " + module + "." + function + "()"
	}
	p.text(file, lines, text, err)
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
