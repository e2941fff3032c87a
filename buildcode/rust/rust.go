// Package rust finds the build-time code of a crate, its build scripts and
// procedural macros, and what that code is able to do.
//
// # What belongs to the surface
//
// Of a build script: its file and every file that it reaches by mod, #[path],
// include!, include_str! and include_bytes!. Of a procedural macro: the Rust
// files beside and beneath its root, and what they reach. Where reach cannot be
// decided (a macro makes up a module's name, a path leaves the package) it is the
// whole package, and the capability unanalysed says so.
//
// When the code starts programs beyond the compiler's own tools, scripts and
// executables that lie in the package belong to it, since they may be what is
// started, and so do settings of cargo and a git repository in the package, which
// those obey. C sources that cc compiles do not: they are what is being built, and
// run no sooner than the library itself, unless that is a procedural macro; then,
// and where cargo is made to build another package within, it is the whole package.
//
// # What it is able to do
//
// A lexer, imports and aliases, no types: every name is taken for everything that
// it may stand for anywhere in the program. Bodies of quote! are left out, since
// they are code of the crate in which a macro is used and run with that crate;
// items under #[cfg(test)] are left out, since dependencies are never compiled
// so. Both only where no macro could bring them back.
//
// Reading of files counts unless it is known to stay in the package or OUT_DIR,
// writing unless it is known to stay in OUT_DIR.
package rust

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/buildcode"
)

// maxSource bounds the bytes of Rust that are analysed of one crate.
const maxSource = 4 << 20

// Analyse describes what runs when the crate in a is built. The error means that
// nothing can be said: the manifest is missing or cannot be read, or ctx ended.
func Analyse(ctx context.Context, a *archive.Archive) (buildcode.Surface, error) {
	m, err := readManifest(a)
	if err != nil {
		return buildcode.Surface{}, fmt.Errorf("analyse %s: %w", a.Filename, err)
	}
	b := &builder{ctx: ctx, m: m, files: newTree(a), paths: map[string]bool{}, budget: maxSource}
	b.surface.Partial = a.Partial
	if m.runs() {
		b.build()
	}
	if err := ctx.Err(); err != nil {
		return buildcode.Surface{}, fmt.Errorf("analyse %s: %w", a.Filename, err)
	}
	b.surface.Seal()
	return b.surface, nil
}

// builder puts a surface together.
type builder struct {
	ctx     context.Context
	m       *manifest
	files   *tree
	paths   map[string]bool // of the surface
	whole   bool            // the surface is the whole package
	budget  int
	surface buildcode.Surface
	// literals of the code, among which names of files may be.
	literals map[string]bool
	// reads: a build script reads or copies files; hasData: it takes some in.
	reads, hasData bool
}

func (b *builder) build() {
	b.surface.Facts = b.m.facts()
	b.literals = map[string]bool{}
	if b.m.scripted() {
		b.surface.Kinds = append(b.surface.Kinds, buildcode.BuildScript)
		b.surface.Dependencies = append(b.surface.Dependencies, b.m.build.names()...)
		b.program(b.m.scripts, b.m.build, false)
	}
	for _, name := range b.m.missing {
		b.unanalysed(place{path: "Cargo.toml", text: "build script not in the package: " + name})
	}
	for _, name := range b.m.metabuild {
		b.unanalysed(place{path: "Cargo.toml", text: "metabuild = " + name})
	}
	for _, name := range b.m.odd {
		b.unanalysed(place{path: "Cargo.toml", text: "not understood: " + name})
	}
	if b.m.procMacro {
		b.surface.Kinds = append(b.surface.Kinds, buildcode.ProcMacro)
		b.surface.Dependencies = append(b.surface.Dependencies, b.m.normal.names()...)
		if b.m.lib == "" {
			b.unanalysed(place{path: "Cargo.toml", text: "root of the procedural macro not in the package"})
		} else {
			b.program(b.macroRoots(), b.m.normal, true)
		}
	}
	b.scripts()
	for _, f := range b.files.archive.Files() {
		if b.whole || b.paths[f.Path] {
			b.file(f)
		}
	}
}

// macroRoots are the root of a procedural macro and the Rust files around it,
// since other crates' macros may declare modules.
func (b *builder) macroRoots() []string {
	roots := []string{b.m.lib}
	dir := path.Dir(b.m.lib)
	for _, f := range b.files.archive.Files() {
		if strings.HasSuffix(f.Path, ".rs") && (dir == "." || strings.HasPrefix(f.Path, dir+"/")) && !besides(f.Path) && f.Path != b.m.lib {
			roots = append(roots, f.Path)
		}
	}
	return roots
}

// besides reports whether a file belongs to other targets than the library.
func besides(p string) bool {
	for _, dir := range []string{"tests/", "benches/", "examples/", "src/bin/"} {
		if strings.HasPrefix(p, dir) {
			return true
		}
	}
	return p == "build.rs"
}

// program analyses one build script or procedural macro.
func (b *builder) program(roots []string, deps dependencies, macro bool) {
	r := newReach(b.files, &b.budget, b.m.edition)
	for i, root := range roots {
		// What a procedural macro reaches comes first: a file that only tests declare
		// is shown, but what it does there is not done at build time.
		if i == 0 || !macro || !r.tests[root] {
			r.compiled = i == 0 || !macro
			r.add(root)
		}
		b.paths[root] = true
	}
	r.compiled = false
	if len(r.undecided) > 0 {
		for _, p := range r.undecided {
			b.unanalysed(p)
		}
		for _, f := range b.files.archive.Files() {
			if strings.HasSuffix(f.Path, ".rs") && !besides(f.Path) && !r.tests[f.Path] {
				r.add(f.Path)
			}
		}
	}
	var sources []*source
	for _, name := range r.order {
		b.paths[name] = true
		if s := r.sources[name]; len(s.tokens) > 0 {
			sources = append(sources, s)
		}
	}
	for name := range r.data {
		b.paths[name] = true
		b.embedded(name)
	}
	if len(sources) == 0 || b.ctx.Err() != nil {
		return
	}
	if r.generated && macro {
		b.generated()
	}
	c := &scanner{program: newProgram(sources, deps, b.m.name, !macro && b.m.procMacro), seen: map[buildcode.Use]int{}, macro: macro, literals: b.literals, ctx: b.ctx}
	c.scan()
	b.surface.Uses = append(b.surface.Uses, c.uses...)
	if !macro && b.m.procMacro {
		b.linked(c.uses)
	}
	b.whole = b.whole || c.nested
	b.reads = b.reads || !macro && c.reads
	b.hasData = b.hasData || !macro && len(r.data) > 0
}

// sensitive matches text that a build script may write out as code.
var sensitive = regexp.MustCompile(`\b(process|Command|net|TcpStream|UdpSocket|env|fs|asm|extern|libc|transmute|include)\b`)

// generated judges code of a procedural macro that its build script wrote. Flags
// and version numbers are ordinary; text that names what matters, or comes out of
// files, is code that nobody sees.
func (b *builder) generated() {
	if b.reads || b.hasData {
		b.unanalysed(place{path: b.m.lib, text: "includes code that the build script makes from files"})
	}
	for text := range b.literals {
		if strings.Contains(text, "::") && sensitive.MatchString(text) {
			b.unanalysed(place{path: b.m.lib, text: "includes code that the build script writes: " + text})
		}
	}
}

// linked judges what the build script of a procedural macro links into it, by the
// script's uses and the literals so far: it runs inside the compiler, though no Rust.
func (b *builder) linked(uses []buildcode.Use) {
	for _, u := range uses {
		if u.Capability == buildcode.Compile {
			b.unanalysed(place{path: u.Path, line: u.Line, text: "compiled into a procedural macro: " + u.Text})
		}
	}
	for text := range b.literals {
		if strings.Contains(text, "rustc-link-lib") {
			b.unanalysed(place{path: "Cargo.toml", text: "linked into a procedural macro: " + text})
		}
	}
}

func (b *builder) unanalysed(p place) {
	b.whole = true
	b.surface.Uses = append(b.surface.Uses, buildcode.Use{Capability: buildcode.Unanalysed, Path: p.path, Line: p.line, Text: p.text})
}

// embedded records an executable; false if the file is none.
func (b *builder) embedded(name string) bool {
	head, err := b.files.archive.Head(name)
	if err != nil {
		return false
	}
	format := buildcode.Executable(head)
	if format != "" {
		b.surface.Uses = append(b.surface.Uses, buildcode.Use{Capability: buildcode.EmbeddedBinary, Path: name, Text: format})
	}
	return format != ""
}

// file adds one file with its content, as far as that is at hand.
func (b *builder) file(f archive.File) {
	if data, err := b.files.archive.ReadFile(f.Path); err == nil {
		b.surface.Files = append(b.surface.Files, buildcode.NewFile(f.Path, data))
		return
	}
	digest, err := b.files.archive.Sum(f.Path)
	if err != nil {
		b.surface.Uses = append(b.surface.Uses, buildcode.Use{Capability: buildcode.Unanalysed, Path: f.Path, Text: err.Error()})
	}
	b.surface.Files = append(b.surface.Files, buildcode.File{Path: f.Path, Digest: digest})
}
