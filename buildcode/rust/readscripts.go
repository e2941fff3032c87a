package rust

import (
	"path"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
	scripts "github.com/lockkeeper/lockkeeper/buildcode/script"
)

// scriptReaders are build systems by the files that they read without being told,
// whether the build code starts them or leaves that to a crate.
var scriptReaders = map[string][]string{
	"cmake":     {"CMakeLists.txt"},
	"make":      {"Makefile", "makefile", "GNUmakefile", "Makefile.in"},
	"autotools": {"configure", "autogen.sh", "Makefile.in"},
	"configure": {"configure"},
	"meson":     {"meson.build"},
	"autoconf":  {"configure.ac", "configure.in"},
}

// scriptTools are the names under which these are started.
var scriptTools = map[string]string{
	"cmake": "cmake", "cmake3": "cmake", "make": "make", "gmake": "make", "nmake": "make", "mingw32-make": "make", "meson": "meson",
	"autoreconf": "autoconf", "autoconf": "autoconf", "autotools": "autotools",
}

// readScripts says what the scripts are able to do that the build code starts: by
// their names, and those that a build system finds by itself.
func (b *builder) readScripts(started []string) {
	var bases []string
	for _, name := range started {
		bases = append(bases, scriptReaders[scriptTools[name]]...)
		if base := path.Base(name); base == "configure" || base == "autogen.sh" {
			bases = append(bases, base)
		}
	}
	f := &scriptFiles{files: b.files}
	var roots []string
	for _, file := range b.files.archive.Files() {
		base := path.Base(file.Path)
		if file.Link != "" || !scripts.Reads(file.Path) {
			continue
		}
		named := b.literals[file.Path] || b.literals["./"+file.Path] || path.Ext(base) != "" && b.literals[base] || base == "configure" && (b.literals["./configure"] || b.literals["configure"])
		if named && b.paths[file.Path] && b.startsLikeScript(file.Path) || slices.Contains(bases, base) && (b.outermost(file.Path) || b.literals[path.Base(path.Dir(file.Path))]) {
			roots = append(roots, file.Path)
		}
	}
	if len(roots) == 0 {
		return
	}
	r := scripts.Analyse(b.ctx, f, roots)
	b.surface.Uses = append(b.surface.Uses, r.Uses...)
	for _, name := range append(r.Files, r.Starts...) {
		b.paths[name] = true
	}
}

// startsLikeScript reports whether a file may be a script by its suffix, or its
// first line.
func (b *builder) startsLikeScript(name string) bool {
	if base := path.Base(name); path.Ext(base) != "" || base == "configure" {
		return true
	}
	head, err := b.files.archive.Head(name)
	return err == nil && (strings.HasPrefix(string(head), "#!") || buildcode.Executable(head) != "")
}

// outermost reports whether no directory above a file's has one of its name: that
// of a build system which reaches those below.
func (b *builder) outermost(name string) bool {
	base := path.Base(name)
	for dir := path.Dir(path.Dir(name)); path.Dir(name) != "."; dir = path.Dir(dir) {
		if b.files.archive.Has(path.Join(dir, base)) {
			return false
		}
		if dir == "." {
			break
		}
	}
	return true
}

// scriptFiles is the package as buildcode/script sees it.
type scriptFiles struct {
	files *tree
	base  map[string][]string // paths by base name
}

// Has reports whether there is a regular file.
func (f *scriptFiles) Has(name string) bool { return f.files.archive.Has(name) }

// Named returns the paths of all files of a base name.
func (f *scriptFiles) Named(base string) []string {
	if f.base == nil {
		f.base = map[string][]string{}
		for _, file := range f.files.archive.Files() {
			base := path.Base(file.Path)
			f.base[base] = append(f.base[base], file.Path)
		}
	}
	return f.base[base]
}

// Read returns a file. What cannot be had the surface reports when it is added.
func (f *scriptFiles) Read(name string) []byte {
	data, err := f.files.archive.ReadFile(name)
	if err != nil {
		return nil
	}
	return data
}

// started are the names of the programs that the code starts.
func (b *builder) started() []string {
	var out []string
	for _, u := range b.surface.Uses {
		if name, found := strings.CutPrefix(string(u.Capability), "run:"); found {
			out = append(out, name)
		}
	}
	return append(out, b.m.build.names()...)
}
