package python

import (
	"context"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/buildcode"
)

// startUp finds what an sdist brings that every interpreter runs once the package that
// is built from it is installed; nil where there is nothing. It runs nothing while
// building, so it makes a surface of its own.
//
// Where a file is installed is the backend's business. A .pth or .start file counts
// wherever it lies, and a module like sitecustomize where site-packages may be made from
// its directory; among tests and deep in packages, only if what the backend reads or runs
// speaks of it.
func (s *sdist) startUp(ctx context.Context, a *archive.Archive) *buildcode.Surface {
	told := s.told()
	var files []string
	for _, f := range a.Files() {
		switch ext, module := path.Ext(f.Path), startupModule(f.Path); {
		case ext == ".pth" || ext == ".start":
			if !forTests(f.Path) || told.names(f.Path) {
				files = append(files, f.Path)
			}
		case module != "" && (told.roots[packageDir(f.Path, module)] || told.anywhere || told.names(f.Path)):
			files = append(files, f.Path)
		}
	}
	if len(files) == 0 && len(told.renamed) == 0 {
		return nil
	}
	c := newCollector(ctx, a)
	h := &hooks{p: newProgram(c, s.siteRoots()...)}
	for _, file := range files {
		switch path.Ext(file) {
		case ".pth":
			h.sourcePath(file)
		case ".start":
			h.sourceStart(file)
		default:
			h.module(file)
		}
	}
	for _, r := range told.renamed {
		h.renamed(r)
	}
	if len(c.s.Kinds) == 0 {
		return nil
	}
	h.p.finish()
	c.s.Seal()
	return &c.s
}

// forTests reports whether a file lies where tests and examples do.
func forTests(file string) bool {
	return slices.ContainsFunc(strings.Split(path.Dir(file), "/"), func(dir string) bool { return testDirs[dir] })
}

var testDirs = set(`test tests testing testdata docs doc examples`)

// packageDir is the directory that holds a module, be that a file or a directory.
func packageDir(file, module string) string {
	dir := path.Dir(file)
	if path.Base(dir) == module && strings.HasPrefix(path.Base(file), "__init__.") {
		return path.Dir(dir)
	}
	return dir
}

// siteRoots are directories whose content may become that of site-packages.
func (s *sdist) siteRoots() []string {
	roots := []string{"", "src"}
	for _, dir := range s.topDirs() {
		if !s.c.has(path.Join(dir, "__init__.py")) && !slices.Contains(roots, dir) {
			roots = append(roots, dir)
		}
	}
	return roots[:min(len(roots), 32)]
}

// sourcePath looks at a .pth file of a source tree. Its plain lines lead from where it
// is installed, so nothing is said of them; data files have that name too.
func (h *hooks) sourcePath(file string) {
	real, _ := h.p.c.resolve(file)
	data, err := h.p.c.a.ReadFile(real)
	if err == nil && len(importLines(lossy(data))) == 0 {
		return
	}
	h.p.c.kind(buildcode.StartupHook) // also what is too large to be read
	h.p.pathFile(file)
}

// lossy is the text of a file as far as lines that begin in ASCII go.
func lossy(data []byte) string {
	text, err := decodeSource(data)
	if err != nil {
		return string(data)
	}
	return text
}

// sourceStart looks at a .start file of a source tree: one of entry points alone, since
// other programs have files of that name.
func (h *hooks) sourceStart(file string) {
	data, err := h.p.c.a.ReadFile(file)
	if err != nil {
		return
	}
	if lines, _, err := startLines(data); err == nil && len(lines) > 0 {
		h.p.startFile(file)
	}
}

// told is what a backend's configuration, and the code that it runs, say of where files
// are installed.
type told struct {
	roots    map[string]bool // directories that become site-packages
	anywhere bool            // which, is computed
	texts    []string        // of that code, and words of the configuration, which begin with "/"
	renamed  []renamed
}

// names reports whether anything speaks of a file: by its name, as a module, by its
// extension, or by the directory that it lies in.
func (t *told) names(file string) bool {
	words := []string{path.Base(file), path.Ext(file)}
	if module := startupModule(file); module != "" {
		words[1] = module
	}
	var dirs []string
	if dir := path.Dir(file); dir != "." {
		dirs = []string{dir, "/" + path.Base(dir), `"` + path.Base(dir), "'" + path.Base(dir)}
	}
	return slices.ContainsFunc(t.texts, func(text string) bool {
		speaks := func(w string) bool { return strings.Contains(text, w) }
		// Other code than this speaks of the content of packages.
		config, files := strings.HasPrefix(text, "/"), speaks("data_files")
		return (config || files || speaks("py_modules")) && slices.ContainsFunc(words, speaks) || files && slices.ContainsFunc(dirs, speaks)
	})
}

// renamed is a file that is installed under a name that is run at start.
type renamed struct {
	name, from string
	source     string // the file that says so
	computed   bool   // by a build system that is not Python's, from some file
}

// told reads configuration and the surface of what runs while building.
func (s *sdist) told() *told {
	t := &told{roots: map[string]bool{".": true, "src": true, "lib": true, "python": true}}
	var walk func(key string, v any)
	walk = func(key string, v any) {
		switch v := v.(type) {
		case string:
			t.word(v)
			t.rename(v, key)
			t.rename(key, v)
		case []any:
			for _, item := range v {
				walk("", item)
			}
		case map[string]any:
			for _, k := range sorted(v) {
				t.word(k)
				walk(k, v[k])
			}
		}
	}
	for _, k := range sorted(s.project.table("tool")) {
		walk(k, s.project.table("tool")[k])
	}
	for _, section := range sorted(s.setup) {
		for _, name := range sorted(s.setup[section]) {
			for word := range strings.FieldsFuncSeq(s.setup[section][name], func(r rune) bool { return strings.ContainsRune("\n\t ,=", r) }) {
				t.word(word)
			}
		}
	}
	for _, f := range s.c.s.Files {
		t.texts = append(t.texts, "\n"+f.Text)
		switch base := path.Base(f.Path); {
		case path.Ext(base) == ".py":
			t.packageDirs(f.Text)
		case base == "meson.build" || base == "CMakeLists.txt" || path.Ext(base) == ".cmake":
			if m := startFile.FindString(f.Text); m != "" {
				t.renamed = append(t.renamed, renamed{name: m, source: f.Path, computed: true})
			}
		}
	}
	return t
}

// word notes one string of the configuration: it may name a file, a module or a directory.
func (t *told) word(w string) {
	if w = strings.TrimSpace(w); w == "" || len(w) > 512 {
		return
	}
	t.texts = append(t.texts, "/"+w)
	if dir, inside := insidePath(w); inside {
		t.roots[dir] = true
	}
}

// rename notes that the one file may be installed as the other.
func (t *told) rename(name, from string) {
	clean := path.Base(cleanPath(name))
	if from != "" && (path.Ext(clean) == ".pth" || startupModules[strings.TrimSuffix(clean, ".py")]) {
		t.renamed = append(t.renamed, renamed{name: clean, from: from, source: "pyproject.toml"})
	}
}

var (
	// anyPackageDir is setuptools' mapping of packages to directories, and
	// literalPackageDir one that can be read without running it.
	anyPackageDir     = regexp.MustCompile(`\bpackage_dir\b`)
	literalPackageDir = regexp.MustCompile(`\bpackage_dir["']?\s*[=:]\s*(?:\{([^{}()\[\]+%]*)\}|dict\(([^{}()\[\]+%]*)\))`)
	literalText       = regexp.MustCompile(`^(?:\s|[:,=]|"[^"\\]*"|'[^'\\]*'|\w+\s*=)*$`)
	quoted            = regexp.MustCompile(`"([^"\\]*)"|'([^'\\]*)'`)
)

// packageDirs reads the package_dir of a setup script.
func (t *told) packageDirs(text string) {
	found := literalPackageDir.FindAllStringSubmatch(text, -1)
	if len(found) != len(anyPackageDir.FindAllString(text, -1)) {
		t.anywhere = true
	}
	for _, m := range found {
		if !literalText.MatchString(m[1] + m[2]) {
			t.anywhere = true
		}
		for _, q := range quoted.FindAllStringSubmatch(m[1]+m[2], -1) {
			t.word(q[1] + q[2])
		}
	}
}

// startFile matches names that Meson and CMake may install a file under. Python code that
// writes such a file shows that by itself.
var startFile = regexp.MustCompile(`[\w.@${}/-]*(?:\.pth\b|\b(?:site|user)customize\b)[\w.]*`)

// renamed follows a file that is installed under another name.
func (h *hooks) renamed(r renamed) {
	if r.computed {
		if !h.p.c.has(path.Join(path.Dir(r.source), r.name)) {
			h.p.c.kind(buildcode.StartupHook)
			h.p.c.use(buildcode.Unanalysed, r.source, 0, "may install "+r.name)
			h.p.c.everyFile() // whichever of them that is
		}
		return
	}
	from, inside := insidePath(r.from)
	switch {
	case !inside || !h.p.c.has(from) || path.Base(from) == r.name:
	case path.Ext(r.name) != ".pth":
		h.module(from)
	case h.p.pathFile(from):
		h.p.c.kind(buildcode.StartupHook)
	}
}
