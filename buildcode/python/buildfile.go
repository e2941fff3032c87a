package python

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// finish runs the program and looks at what it starts.
func (p *program) finish() {
	for {
		p.run()
		for i := 0; i < len(p.other); i++ { // grows: a script may start another
			p.script(p.other[i])
		}
		p.readScripts()
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

// script adds a file that some program reads, and looks at what it says.
func (p *program) script(file string) {
	real, _ := p.c.resolve(file)
	if p.scripts[real] {
		return
	}
	p.scripts[real] = true
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
	e := &evaluator{p: p, mod: &module{path: file, src: strings.Split(text, "\n"), inlined: make(map[string][]logicalLine)}}
	e.mod.scope = p.newScope("@"+file+":", e.mod, nil)
	e.scope = e.mod.scope
	was := p.emit
	p.emit = true
	defer func() { p.emit = was }()
	switch base := path.Base(file); {
	case base == "CMakeLists.txt" || path.Ext(base) == ".cmake":
		e.cmake(text)
	case base == "meson.build":
		e.meson(text)
	case strings.HasPrefix(text, "#!") && strings.Contains(strings.SplitN(text, "\n", 2)[0], "python"):
		p.enter(file)
	case path.Ext(base) == ".rs":
		e.rust(text)
	case path.Ext(base) == ".wrap" || path.Ext(base) == ".toml":
	default:
		e.shellScript()
	}
}

// shellScript looks for what fetches or decodes; a script's other programs are
// too many to be told.
func (e *evaluator) shellScript() {
	lines := e.mod.src
	for i := 0; i < len(lines); i++ {
		from, text := i+1, lines[i]
		for strings.HasSuffix(text, `\`) && i+1 < len(lines) {
			i++
			text = text[:len(text)-1] + " " + lines[i]
		}
		text = strings.TrimLeft(text, "\t @-+") // as Makefile recipes begin
		if text == "" || text[0] == '#' {
			continue
		}
		if homeMarks.MatchString(text) && !strings.Contains(text, "$HOME") {
			e.use(buildcode.Home, from)
		}
		if strings.Contains(text, "/dev/tcp/") {
			e.use(buildcode.Network, from)
		}
		for _, words := range shellCommands(text) {
			e.scriptCommand(words, from, 0)
		}
	}
}

// scriptTools fetch; a script that names one as a command is reported.
var scriptTools = set(`curl wget nc ncat netcat telnet ssh scp sftp ftp rsync socat aria2c lynx pip npm npx powershell pwsh`)

func (e *evaluator) scriptCommand(words []string, line, depth int) {
	for len(words) > 0 && (assignment.MatchString(words[0]) || shellKeywords[words[0]]) {
		words = words[1:]
	}
	if len(words) == 0 || depth > maxShellDepth {
		return
	}
	name := programName(words[0])
	switch {
	case wrappers[name]:
		args := words[1:]
		for len(args) > 0 && strings.HasPrefix(args[0], "-") {
			args = args[1:]
		}
		e.scriptCommand(args, line, depth+1)
	case scriptTools[name] && !(name == "pip" && !slices.ContainsFunc(words[1:], fetches)), name == "git" && slices.ContainsFunc(words[1:], fetches):
		e.use(buildcode.Network, line)
		e.use(buildcode.Run(name), line)
	case decodes(name, words[1:]):
		e.use(buildcode.Decode, line)
	case shells[name] && len(words) == 1: // "| sh"
		e.use(buildcode.Run(name), line)
	case name == "python" && buildFileReaders(e.mod.path) == nil:
		e.interpreter(words[1:], line)
	}
	if buildFileReaders(e.mod.path) != nil {
		return // most of a makefile's rules are for other occasions
	}
	for _, w := range words {
		if file, inside := insidePath(w); inside && strings.ContainsAny(w, "/.") && e.p.c.has(file) {
			e.p.start(file)
		}
	}
}

// cmakeCommand is one command invocation of a CMake file.
type cmakeCommand struct {
	name string // in lower case
	args []string
	line int
}

var cmakeFetches = set(`fetchcontent_declare fetchcontent_makeavailable fetchcontent_populate externalproject_add externaldata_add_test externaldata_expand_arguments cpmaddpackage cpmfindpackage hunter_add_package ctest_submit git_submodule`)

// cmakeWords end the words of a COMMAND.
var cmakeWords = set(`COMMAND WORKING_DIRECTORY RESULT_VARIABLE RESULTS_VARIABLE OUTPUT_VARIABLE ERROR_VARIABLE OUTPUT_QUIET ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_STRIP_TRAILING_WHITESPACE
	TIMEOUT INPUT_FILE OUTPUT_FILE ERROR_FILE COMMAND_ECHO ENCODING COMMAND_ERROR_IS_FATAL ECHO_OUTPUT_VARIABLE ECHO_ERROR_VARIABLE DEPENDS BYPRODUCTS COMMENT VERBATIM USES_TERMINAL MAIN_DEPENDENCY DEPFILE
	COMMAND_EXPAND_LISTS JOB_POOL IMPLICIT_DEPENDS APPEND OUTPUT PRE_BUILD PRE_LINK POST_BUILD TARGET SOURCES`)

var cmakeVariable = regexp.MustCompile(`\$(?:ENV|CACHE)?\{[^}]*\}|\$<[^>]*>`)

var cmakeEnv = regexp.MustCompile(`\$ENV\{([^}]*)\}`)

func (e *evaluator) cmake(text string) {
	commands, err := parseCMake(text)
	if err != nil {
		e.p.c.use(buildcode.Unanalysed, e.mod.path, 0, err.Error())
	}
	targets := make(map[string]bool)
	for _, c := range commands {
		if (c.name == "add_executable" || c.name == "add_library") && len(c.args) > 0 {
			targets[c.args[0]] = true
		}
	}
	for _, c := range commands {
		for _, a := range c.args {
			for _, m := range cmakeEnv.FindAllStringSubmatch(a, -1) {
				e.environment(strValue(m[1]), c.line)
			}
			if homeMarks.MatchString(strings.ReplaceAll(a, "$ENV", "")) {
				e.use(buildcode.Home, c.line)
			}
		}
		switch {
		case c.name == "file" && len(c.args) > 0 && (c.args[0] == "DOWNLOAD" || c.args[0] == "UPLOAD"), cmakeFetches[c.name]:
			e.use(buildcode.Network, c.line)
		case c.name == "add_subdirectory" && len(c.args) > 0:
			e.reach(path.Join(e.cmakeWord(c.args[0]), "CMakeLists.txt"), "CMakeLists.txt")
		case c.name == "include" && len(c.args) > 0:
			e.cmakeInclude(e.cmakeWord(c.args[0]))
		case c.name == "find_package" && len(c.args) > 0:
			e.cmakeInclude("Find" + c.args[0])
		case c.name == "cmake_language" && len(c.args) > 0 && (c.args[0] == "EVAL" || c.args[0] == "CALL"):
			e.use(buildcode.LoadCode, c.line)
		case c.name == "execute_process" || c.name == "add_custom_command" || c.name == "add_custom_target" || c.name == "exec_program":
			e.cmakeRun(c, targets)
		}
	}
}

// reach adds a build file that another names, relative to its directory or to the
// root. If the name is not known, all files called base are reached.
func (e *evaluator) reach(name, base string) {
	if !strings.Contains(name, hole) {
		for _, file := range []string{path.Join(path.Dir(e.mod.path), name), path.Clean(name)} {
			if e.p.c.has(file) {
				e.p.start(file)
				return
			}
		}
		return
	}
	if !e.p.once("all " + base) {
		return
	}
	for _, f := range e.p.c.a.Files() {
		if path.Base(f.Path) == base {
			e.p.start(f.Path)
		}
	}
}

// cmakeInclude reaches a file, or a module that is found by its name in some
// directory of CMAKE_MODULE_PATH.
func (e *evaluator) cmakeInclude(name string) {
	if !e.p.once("include " + name) {
		return
	}
	known := strings.TrimSuffix(path.Base(name), ".cmake")
	for _, file := range append(e.p.c.names[known], e.p.c.names[path.Base(name)]...) {
		if ext := path.Ext(file); ext == ".cmake" || ext == ".txt" {
			e.p.start(file)
		}
	}
	if !strings.Contains(known, hole) || !e.p.once("include any") {
		return
	}
	for _, f := range e.p.c.a.Files() {
		if path.Ext(f.Path) == ".cmake" {
			e.p.start(f.Path)
		}
	}
}

func (e *evaluator) cmakeRun(c cmakeCommand, targets map[string]bool) {
	args := c.args
	if c.name == "exec_program" {
		args = append([]string{"COMMAND"}, args...)
	}
	for i := 0; i < len(args); i++ {
		if args[i] != "COMMAND" && args[i] != "ARGS" {
			continue
		}
		var words []string
		built := i+1 < len(args) && strings.HasPrefix(args[i+1], "$<") // what the build made itself
		for i++; i < len(args) && !cmakeWords[args[i]]; i++ {
			words = append(words, e.cmakeWord(args[i]))
		}
		i--
		if len(words) == 0 || targets[words[0]] || built {
			continue
		}
		e.command(words, c.line, 0)
	}
}

// cmakeWord replaces what variables are known by their names.
func (e *evaluator) cmakeWord(w string) string {
	dir := path.Dir(e.mod.path)
	for _, v := range []string{"${CMAKE_CURRENT_SOURCE_DIR}", "${CMAKE_CURRENT_LIST_DIR}"} {
		w = strings.ReplaceAll(w, v, path.Join(".", dir))
	}
	for _, v := range []string{"${CMAKE_SOURCE_DIR}", "${PROJECT_SOURCE_DIR}", "${CMAKE_HOME_DIRECTORY}"} {
		w = strings.ReplaceAll(w, v, ".")
	}
	name, found := strings.CutPrefix(w, "${")
	name, closed := strings.CutSuffix(name, "}")
	if !found || !closed {
		return cmakeVariable.ReplaceAllString(w, hole)
	}
	switch upper := strings.ToUpper(name); {
	case strings.Contains(upper, "PYTHON") && strings.HasSuffix(upper, "EXECUTABLE"), upper == "PYTHON":
		return "python"
	case upper == "CMAKE_COMMAND" || upper == "CMAKE_CTEST_COMMAND":
		return "cmake"
	case upper == "CMAKE_C_COMPILER" || upper == "CMAKE_ASM_COMPILER":
		return "cc"
	case upper == "CMAKE_CXX_COMPILER":
		return "c++"
	case upper == "CMAKE_AR" || upper == "CMAKE_RANLIB" || upper == "CMAKE_LINKER":
		return "ar"
	case upper == "CMAKE_MAKE_PROGRAM":
		return "make"
	case strings.HasSuffix(upper, "_EXECUTABLE"):
		return strings.ToLower(strings.TrimSuffix(upper, "_EXECUTABLE"))
	}
	return hole
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
