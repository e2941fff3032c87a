package python

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/buildcode/script"
)

// finish runs the program and looks at what it starts.
func (p *program) finish() {
	for {
		p.run()
		for i := 0; i < len(p.other); i++ { // grows: a script may start another
			p.script(p.other[i])
		}
		p.readScripts()
		p.analyseScripts()
		// A script may have started Python files, and those scripts again.
		if p.c.ctx.Err() != nil || !slices.ContainsFunc(p.order, func(m *module) bool { return m.dirty }) {
			break
		}
	}
	if p.runsPrograms() {
		p.executables()
	}
}

// capable reports whether any recorded use satisfies f.
func (p *program) capable(f func(buildcode.Capability) bool) bool {
	return slices.ContainsFunc(p.c.s.Uses, func(u buildcode.Use) bool { return f(u.Capability) })
}

// readScripts adds the files that programs read without being told. An unknown
// program may read any of them: then they count by their content, but what they
// say is not put down to the package.
func (p *program) readScripts() {
	var names []string
	for _, u := range p.c.s.Uses {
		name, found := strings.CutPrefix(string(u.Capability), "run:")
		if found && (name != "?" || p.modules[u.Path] != nil) { // CMake and Meson name what they read
			names = append(names, name)
		}
	}
	for _, f := range p.c.a.Files() {
		readers := buildFileReaders(f.Path)
		if len(readers) == 0 || f.Link != "" {
			continue
		}
		switch {
		case slices.ContainsFunc(readers, func(r string) bool { return slices.Contains(names, r) }):
			p.script(f.Path)
		case slices.Contains(names, "?"):
			p.c.add(f.Path)
		}
	}
}

func (p *program) runsPrograms() bool {
	return p.capable(func(c buildcode.Capability) bool { return strings.HasPrefix(string(c), "run:") && c.Grave() })
}

// buildFileReaders are the programs that read p by its name.
func buildFileReaders(p string) []string {
	base := path.Base(p)
	switch base {
	case "Makefile", "makefile", "GNUmakefile":
		return []string{"make", "gmake", "nmake"}
	case "Makefile.in", "Makefile.am", "configure.ac", "configure.in", "aclocal.m4":
		return []string{"configure", "autoreconf", "autogen.sh"}
	case "configure", "autogen.sh", "bootstrap":
		return []string{"configure", "autogen.sh", "bootstrap", "make"}
	case "CMakeLists.txt":
		return []string{"cmake"}
	case "meson.build":
		return []string{"meson"}
	}
	switch path.Ext(base) {
	case ".mk":
		return []string{"make", "gmake", "nmake"}
	case ".m4":
		return []string{"configure", "autoreconf", "autogen.sh"}
	case ".cmake":
		return []string{"cmake"}
	case ".sh", ".bash":
		return []string{"any"} // only an unknown program reads one without being told which
	}
	return nil
}

// magics of executables: ELF, PE, Mach-O.
var magics = [][]byte{[]byte("\x7fELF"), []byte("MZ"), []byte("\xcf\xfa\xed\xfe"), []byte("\xce\xfa\xed\xfe"), []byte("\xfe\xed\xfa\xcf"), []byte("\xca\xfe\xba\xbe")}

func isExecutable(head []byte) bool {
	return len(head) >= 64 && slices.ContainsFunc(magics, func(m []byte) bool { return bytes.HasPrefix(head, m) })
}

// executables adds programs that lie in the archive beside code that runs
// programs. Extension modules are loaded, not run.
func (p *program) executables() {
	for _, f := range p.c.a.Files() {
		switch path.Ext(f.Path) {
		case ".so", ".pyd", ".dylib", ".dll", ".py", ".c", ".h", ".txt", ".rst", ".md", ".pyi":
			continue
		}
		if f.Link != "" || f.Size < 64 || strings.Contains(path.Base(f.Path), ".so.") {
			continue
		}
		head, err := p.c.a.Head(f.Path)
		if err == nil && isExecutable(head) {
			p.c.add(f.Path)
			p.c.use(buildcode.EmbeddedBinary, f.Path, 0, "an executable beside code that runs programs")
		}
	}
}

// script adds a file that some program reads. What it says is for buildcode/script
// to tell, apart from Rust.
func (p *program) script(file string) {
	real, _ := p.c.resolve(file)
	if p.scripts[real] {
		return
	}
	p.scripts[real] = true
	if script.Reads(real) && path.Ext(real) != ".wrap" {
		p.scriptRoots = append(p.scriptRoots, real)
		return
	}
	data := p.c.take(file)
	if data == nil {
		return
	}
	if isExecutable(data) {
		p.c.use(buildcode.EmbeddedBinary, file, 0, "an executable is run")
		return
	}
	text := string(data)
	if !utf8.Valid(data) {
		text = latin1(data)
	}
	if path.Ext(file) == ".rs" {
		p.inScript(file, text, func(e *evaluator) { e.rust(text) })
	}
	if strings.HasPrefix(text, "#!") {
		p.asScript(file)
	}
}

// asScript has a file read as a script, whatever its name: it says so itself, or is
// handed to what runs anything.
func (p *program) asScript(file string) {
	real, _ := p.c.resolve(file)
	if !script.Reads(real) && path.Ext(real) != ".py" && path.Ext(real) != ".rs" && !slices.Contains(p.scriptRoots, real) {
		p.scriptRoots = append(p.scriptRoots, real)
	}
}

// inScript evaluates something that stands in a file which is not Python.
func (p *program) inScript(file, text string, do func(*evaluator)) {
	e := &evaluator{p: p, mod: &module{path: file, src: strings.Split(text, "\n"), inlined: make(map[string][]logicalLine)}}
	e.mod.scope = p.newScope("@"+file+":", e.mod, nil)
	e.scope = e.mod.scope
	was := p.emit
	p.emit = true
	do(e)
	p.emit = was
}

// scriptFiles is the archive as buildcode/script sees it.
type scriptFiles struct {
	c    *collector
	base map[string][]string
	data map[string][]byte
}

func (p *program) scriptPackage() *scriptFiles {
	if p.files == nil {
		p.files = &scriptFiles{c: p.c, base: make(map[string][]string), data: make(map[string][]byte)}
		for _, f := range p.c.a.Files() {
			base := path.Base(f.Path)
			p.files.base[base] = append(p.files.base[base], f.Path)
		}
	}
	return p.files
}

func (f *scriptFiles) Has(name string) bool { return f.c.has(name) }

func (f *scriptFiles) Named(base string) []string { return f.base[base] }

func (f *scriptFiles) Read(name string) []byte {
	data, found := f.data[name]
	if !found {
		data = f.c.take(name)
		f.data[name] = data
	}
	return data
}

// analyseScripts reads the scripts that something runs, and follows the Python
// that they start.
func (p *program) analyseScripts() {
	if len(p.scriptRoots) == p.scriptsRead {
		return
	}
	p.scriptsRead = len(p.scriptRoots)
	p.scriptResult(script.Analyse(p.c.ctx, p.scriptPackage(), p.scriptRoots))
}

func (p *program) scriptResult(r script.Result) {
	for _, u := range r.Uses {
		p.c.use(u.Capability, u.Path, u.Line, u.Text)
	}
	for _, file := range r.Files {
		p.scripts[file] = true
	}
	for _, file := range r.Starts {
		p.start(file)
	}
	for _, code := range r.Python {
		p.inScript(code.Path, "", func(e *evaluator) { e.code(value{strs: []string{code.Text}}, code.Line, buildcode.LoadCode) })
	}
	for _, module := range r.Modules {
		p.inScript(module.Path, "", func(e *evaluator) { e.runModule(module.Text, nil, module.Line) })
	}
}

// cargoFile reports whether cargo reads p by its name before any crate is built.
func cargoFile(p string) bool {
	switch path.Base(p) {
	case "Cargo.toml", "Cargo.lock", "build.rs", "rust-toolchain", "rust-toolchain.toml":
		return true
	}
	return strings.HasSuffix(p, ".cargo/config.toml") || strings.HasSuffix(p, ".cargo/config")
}

var (
	rustComment = regexp.MustCompile(`//[^\n]*`)
	rustCommand = regexp.MustCompile(`\bCommand\s*::\s*new\s*\(\s*(?:"([^"]*)")?`)
	rustEnv     = regexp.MustCompile(`\benv\s*::\s*var(?:_os)?\s*\(\s*(?:"([^"]*)")?`)
	rustNames   = []struct {
		pattern    *regexp.Regexp
		capability buildcode.Capability
	}{
		{regexp.MustCompile(`\b(?:std\s*::\s*net|TcpStream|UdpSocket|reqwest|ureq|hyper|curl|minreq|attohttpc|isahc)\b`), buildcode.Network},
		{regexp.MustCompile(`\b(?:libloading|dlopen|dlsym|transmute)\b`), buildcode.LoadCode},
		{regexp.MustCompile(`\b(?:base64|flate2|hex::decode)\b`), buildcode.Decode},
		{regexp.MustCompile(`\b(?:home_dir|dirs\s*::)`), buildcode.Home},
		{regexp.MustCompile(`\b(?:libc|execvp?e?|posix_spawn|asm!|include!|env\s*::\s*vars)\b`), buildcode.Unanalysed},
		{regexp.MustCompile(`\bprocess\s*::\s*\{?[^;]*\bas\b`), buildcode.RunUnknown},
	}
)

// rust looks at a build script of a crate in an sdist. buildcode/rust knows far
// more of crates; here a build script that names something beyond the ordinary
// is enough to be reported.
func (e *evaluator) rust(text string) {
	text = rustComment.ReplaceAllString(text, "")
	lineOf := func(at int) int { return 1 + strings.Count(text[:at], "\n") }
	e.use(buildcode.Compile, 0)
	for _, m := range rustCommand.FindAllStringSubmatchIndex(text, 100) {
		name := ""
		if m[2] >= 0 {
			name = programName(text[m[2]:m[3]])
		}
		if name == "" {
			e.use(buildcode.RunUnknown, lineOf(m[0]))
			continue
		}
		e.command([]string{name}, lineOf(m[0]), 0)
	}
	for _, m := range rustEnv.FindAllStringSubmatchIndex(text, 200) {
		if m[2] < 0 {
			continue // names of cargo's own variables are commonly computed
		}
		if name := text[m[2]:m[3]]; !cargoEnv.MatchString(name) {
			e.environment(strValue(name), lineOf(m[0]))
		}
	}
	for _, n := range rustNames {
		if at := n.pattern.FindStringIndex(text); at != nil {
			e.use(n.capability, lineOf(at[0]))
		}
	}
}

// cargoEnv are variables that Cargo sets for build scripts.
var cargoEnv = regexp.MustCompile(`^(?:CARGO\w*|DEP_\w*|OUT_DIR|TARGET|HOST|NUM_JOBS|OPT_LEVEL|PROFILE|DEBUG|RUSTC\w*|RUSTDOC|PYO3\w*|DOCS_RS)$`)
