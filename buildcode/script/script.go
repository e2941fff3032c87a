// Package script finds what the scripts of a package are able to do: shell, make,
// CMake, Meson, m4 (autoconf), batch, PowerShell, and Perl lightly. It is one
// judge for the build code of a crate and of an sdist, so that the same configure
// script is told alike in both.
//
// # What is said
//
// Of a script: programs that are more than the vocabulary of building anywhere
// ("run:curl", not "run:sed"), run:? where a program cannot be named, network,
// decode, load-code for text that is put together and executed (eval, a pipe into
// a shell, cmake_language(EVAL)) unless it is known and then read itself, home,
// read-env for variables that hold secrets, write-files for what lies outside by
// an absolute path. Compilers and their kin are compile, and so is running what
// was compiled just before (AC_RUN_IFELSE, try_run): C sources are not read.
//
// # How
//
// Lexical with name resolution: a name stands for everything that is assigned to
// it anywhere in the file, in whatever way; a text that is executed is parsed in
// turn; files that the script writes and then runs are read as well. What comes
// from the environment is the user's own choice. What comes out of files or
// programs and is executed is load-code. Every file that one reaches (source,
// include, add_subdirectory, a script that is run) is read, too.
//
// Time and memory are linear in the input. What is beyond the bounds is
// unanalysed, never nothing. Nothing is run.
package script

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// Package is what a script lies in and may name.
type Package interface {
	// Has reports whether there is a file at a path relative to the root.
	Has(path string) bool
	// Named returns the paths of all files of that base name, sorted.
	Named(base string) []string
	// Read returns a file, nil if it cannot be had or is too large, which it is
	// upon the caller to report. It is asked once for each file.
	Read(path string) []byte
}

// Result is what scripts are able to do, and what else they set going.
type Result struct {
	// Uses is sorted by path and line, at most maxEvidence for one capability in
	// one file.
	Uses []buildcode.Use
	// Files are the paths of everything that was read, sorted.
	Files []string
	// Starts are files of the package that run but are in no language that is read
	// here: Python above all. Sorted.
	Starts []string
	// Python is the code of "python -c" and "python <<EOF".
	Python []Snippet
	// Modules are the names that "python -m" runs.
	Modules []Snippet
}

// Snippet is code in another language within a script.
type Snippet struct {
	Path string
	Line int
	Text string
}

const (
	// maxEvidence is how often one capability is shown for one file.
	maxEvidence = 6
	// maxFiles and maxBytes bound what is read of one package; beyond them is
	// Unanalysed.
	maxFiles = 3000
	maxBytes = 32 << 20
	// maxSnippets bounds Result.Python and Result.Modules.
	maxSnippets = 200
)

// Analyse reads the files of p at roots and every script that they reach. It ends
// early, with what is known by then, when ctx does.
func Analyse(ctx context.Context, p Package, roots []string) Result {
	a := newAnalysis(ctx, p)
	for _, root := range roots {
		a.shells[path.Clean(root)] = true
		a.reach(root)
	}
	a.run()
	return a.result()
}

// CommandLine reads one shell command line that stands in other code, at a line
// of file. Holes, NUL bytes, stand for what is not known of it. Unlike in a script
// every literal program is told.
func CommandLine(ctx context.Context, p Package, file string, line int, text string) Result {
	a := newAnalysis(ctx, p)
	f := &script{analysis: a, path: file, source: newSource(text, line, true), all: true}
	s := newShell(f)
	s.read(strings.ReplaceAll(text, "\x00", outside), line, true)
	a.run()
	return a.result()
}

// Commands are the simple commands of a shell's command line with their words, in
// every way that variables assigned in it allow, those of substitutions first. A
// NUL byte stands for what is not known, in text and result. At most maxCommands.
func Commands(text string) [][]string {
	f := &script{analysis: newAnalysis(context.Background(), nowhere{}), source: newSource(text, 1, true), all: true}
	s := newShell(f)
	u := s.parse(newSource(strings.ReplaceAll(text, "\x00", outside), 1, true))
	s.forget()
	var out [][]string
	s.listing(u, 0, &out)
	return out
}

// maxCommands bounds what Commands returns.
const maxCommands = 20_000

// listing appends the commands of a unit.
func (s *shell) listing(u *unit, depth int, out *[][]string) {
	for i := range u.commands {
		c := &u.commands[i]
		if len(*out) > maxCommands || depth > maxNesting {
			return
		}
		words := slices.Clone(c.words)
		for _, a := range c.assigns {
			words = append(words, a.words...)
		}
		for _, w := range words {
			for _, p := range w.parts {
				if p.sub != nil {
					s.listing(p.sub, depth+1, out)
				}
			}
		}
		if c.words != nil && c.words[0].plain() == ":" {
			continue
		}
		for _, argv := range s.argvs(c) {
			for i := range argv {
				argv[i] = unholed.Replace(argv[i])
			}
			*out = append(*out, argv)
		}
	}
}

// unholed makes holes what they are for callers.
var unholed = strings.NewReplacer(outside, "\x00", output, "\x00", content, "\x00", built, "\x00", many, "\x00")

// nowhere is a package without files.
type nowhere struct{}

func (nowhere) Has(string) bool       { return false }
func (nowhere) Named(string) []string { return nil }
func (nowhere) Read(string) []byte    { return nil }

// Reads reports whether Analyse reads files of that name, if their first line does
// not say otherwise.
func Reads(name string) bool { return languageOfName(name) != other }

type analysis struct {
	defined map[string]bool // functions of all shell scripts
	// shells are files that a shell reads, whatever their names and first lines.
	shells      map[string]bool
	ctx         context.Context
	p           Package
	uses        map[buildcode.Use]bool
	shown       map[[2]string]int
	reached     map[string]bool
	queue       []string
	starts      map[string]bool
	bytes       int
	python      []Snippet
	modules     []Snippet
	cmakes      []*cmakeFile
	mesons      []*mesonFile
	asked       map[string]bool
	cmakeRounds int
	mesonRounds int
}

func newAnalysis(ctx context.Context, p Package) *analysis {
	return &analysis{ctx: ctx, p: p, uses: map[buildcode.Use]bool{}, shown: map[[2]string]int{}, reached: map[string]bool{}, starts: map[string]bool{}, asked: map[string]bool{}, shells: map[string]bool{}, defined: map[string]bool{}}
}

// run reads what was reached until nothing new is. CMake and Meson files share
// their variables, so they are judged together, and again when there are more.
func (a *analysis) run() {
	for {
		for len(a.queue) > 0 && a.ctx.Err() == nil {
			name := a.queue[0]
			a.queue = a.queue[1:]
			a.file(name)
		}
		if len(a.cmakes) > 0 {
			a.cmake()
		}
		if len(a.mesons) > 0 {
			a.meson()
		}
		if len(a.queue) == 0 || a.ctx.Err() != nil {
			return
		}
	}
}

func (a *analysis) result() Result {
	r := Result{Python: a.python, Modules: a.modules}
	for u := range a.uses {
		// A function of another file of the package is no program.
		if name, found := strings.CutPrefix(string(u.Capability), "run:"); found && a.defined[name] && !telling([]string{name}) {
			continue
		}
		r.Uses = append(r.Uses, u)
	}
	slices.SortFunc(r.Uses, func(x, y buildcode.Use) int {
		return cmp.Or(strings.Compare(x.Path, y.Path), x.Line-y.Line, strings.Compare(string(x.Capability), string(y.Capability)), strings.Compare(x.Text, y.Text))
	})
	for name := range a.reached {
		r.Files = append(r.Files, name)
	}
	slices.Sort(r.Files)
	for name := range a.starts {
		r.Starts = append(r.Starts, name)
	}
	slices.Sort(r.Starts)
	return r
}

// reach says that a file of the package runs.
func (a *analysis) reach(name string) {
	name = path.Clean(name)
	if a.reached[name] || a.starts[name] || !a.p.Has(name) {
		return
	}
	if l := languageOfName(name); l == other && !a.shells[name] {
		a.starts[name] = true
		return
	}
	a.reached[name] = true
	a.queue = append(a.queue, name)
}

// reachAll reaches every file of a base name, once.
func (a *analysis) reachAll(base string) {
	if a.asked[base] {
		return
	}
	a.asked[base] = true
	for _, name := range a.p.Named(base) {
		a.reach(name)
	}
}

// script is one file being read.
type script struct {
	*analysis
	*source
	path string
	// all: every literal program is told, not only what is out of the ordinary.
	all bool
	// loose: the text is not surely of its language, as shell in an m4 file is.
	loose bool
}

func (f *script) use(c buildcode.Capability, line int) {
	text := ""
	if f.fixed {
		text = f.text
	} else if i := line - f.first; i >= 0 && i <= len(f.lines) {
		from, to := 0, len(f.text)
		if i > 0 {
			from = f.lines[i-1] + 1
		}
		if i < len(f.lines) {
			to = f.lines[i]
		}
		text = f.text[from:to]
	}
	f.record(c, line, text)
}

// maxUseText bounds the text of a use, in bytes.
const maxUseText = 200

func (f *script) record(c buildcode.Capability, line int, text string) {
	text = strings.TrimSpace(text)
	if len(text) > maxUseText {
		text = text[:maxUseText]
	}
	u := buildcode.Use{Capability: c, Path: f.path, Line: line, Text: strings.ToValidUTF8(text, "?")}
	key := [2]string{string(c), f.path}
	if f.uses[u] || f.shown[key] >= maxEvidence {
		return
	}
	f.uses[u] = true
	f.shown[key]++
}

// language of a file.
type language byte

const (
	other language = iota
	shellLanguage
	makeLanguage
	cmakeLanguage
	mesonLanguage
	m4Language
	batchLanguage
	powershellLanguage
	perlLanguage
	wrapLanguage // what Meson downloads
	unsure       // its first line tells
)

// languageOfName tells a language by a file's name; unsure where only its content
// can.
func languageOfName(name string) language {
	base := path.Base(name)
	for _, suffix := range []string{".in", ".am", ".tmpl", ".template"} { // what configure makes scripts of
		if stem, found := strings.CutSuffix(base, suffix); found && stem != "configure" && stem != "" {
			base = stem
		}
	}
	switch base {
	case "configure", "autogen.sh", "bootstrap", "config.guess", "config.sub", "install-sh", "depcomp", "missing", "compile", "ltmain.sh", "Configure":
		return unsure
	case "Makefile", "makefile", "GNUmakefile", "BSDmakefile":
		return makeLanguage
	case "CMakeLists.txt":
		return cmakeLanguage
	case "meson.build", "meson_options.txt", "meson.options":
		return mesonLanguage
	case "configure.ac", "configure.in", "aclocal.m4":
		return m4Language
	}
	if strings.HasPrefix(base, "Makefile.") || strings.HasPrefix(base, "makefile.") {
		return makeLanguage
	}
	ext := strings.ToLower(path.Ext(base))
	if inner := path.Ext(strings.TrimSuffix(base, path.Ext(base))); ext == ".cmake" && (inner == ".h" || inner == ".hpp" || inner == ".c" || inner == ".pc" || inner == ".hh") {
		return other // a header that configure_file makes
	}
	switch ext {
	case ".sh", ".bash", ".zsh", ".ksh":
		return unsure
	case ".mk", ".mak", ".make":
		return makeLanguage
	case ".cmake":
		return cmakeLanguage
	case ".m4":
		return m4Language
	case ".ac":
		return m4Language
	case ".bat", ".cmd":
		return batchLanguage
	case ".ps1", ".psm1":
		return powershellLanguage
	case ".pl", ".pm":
		return perlLanguage
	case ".wrap":
		return wrapLanguage
	case "":
		return unsure
	}
	if strings.HasSuffix(name, ".sh.in") {
		return unsure
	}
	return other
}

// shebang tells a language by the first line of a text.
func shebang(text string) language {
	first, _, _ := strings.Cut(text, "\n")
	if !strings.HasPrefix(first, "#!") {
		return shellLanguage
	}
	switch {
	case strings.Contains(first, "perl"):
		return perlLanguage
	case strings.Contains(first, "python"), strings.Contains(first, "ruby"), strings.Contains(first, "node"), strings.Contains(first, "php"), strings.Contains(first, "lua"), strings.Contains(first, "tclsh"), strings.Contains(first, "awk"):
		return other
	case strings.Contains(first, "make"):
		return makeLanguage
	case strings.Contains(first, "cmake"):
		return cmakeLanguage
	case strings.Contains(first, "pwsh"):
		return powershellLanguage
	}
	return shellLanguage
}

// file reads one file.
func (a *analysis) file(name string) {
	data := a.p.Read(name)
	if data == nil {
		return
	}
	a.bytes += len(data)
	f := &script{analysis: a, path: name}
	if len(a.reached) > maxFiles || a.bytes > maxBytes {
		f.source = newSource("", 1, false)
		f.record(buildcode.Unanalysed, 0, "too much to be read")
		return
	}
	if format := buildcode.Executable(data); format != "" {
		f.source = newSource("", 1, false)
		f.record(buildcode.EmbeddedBinary, 0, format)
		return
	}
	text, odd := clean(data)
	f.source = newSource(text, 1, false)
	l := languageOfName(name)
	if l == other && a.shells[name] {
		l = unsure
	}
	if l == unsure {
		l = shebang(text)
		if l == shellLanguage && path.Ext(name) == "" && !strings.HasPrefix(text, "#!") && !a.shells[name] {
			return // a file without a suffix that is merely named
		}
		if l == other {
			delete(a.reached, name)
			a.starts[name] = true
			return
		}
	}
	if l == shellLanguage && strings.HasSuffix(name, ".in") {
		text = automakeCondition.ReplaceAllString(text, "")
	}
	if odd && l == shellLanguage {
		f.record(buildcode.Unanalysed, 0, "a script with bytes of no text")
	}
	f.interpret(l, text)
}

// interpret reads a text in a language.
func (f *script) interpret(l language, text string) {
	switch l {
	case shellLanguage:
		newShell(f).read(text, 1, false)
	case makeLanguage:
		readMake(f, text)
	case cmakeLanguage:
		if strings.HasSuffix(f.path, ".in") {
			text = autoconfReference.ReplaceAllString(text, "") // what configure_file replaces
		}
		f.addCMake(text)
	case mesonLanguage:
		f.addMeson(text)
	case m4Language:
		readM4(f, text)
	case batchLanguage:
		readBatch(f, text)
	case powershellLanguage:
		readPowershell(f, text, 1)
	case perlLanguage:
		readPerl(f, text, 1)
	case wrapLanguage:
		if strings.Contains(text, "url") {
			f.use(buildcode.Network, f.line(strings.Index(text, "url")))
		}
	}
}

// clean makes a text of a script: UTF-8, lines that end in a newline, without the
// bytes that stand for holes. It reports whether NUL bytes were there.
func clean(data []byte) (string, bool) {
	text := string(data)
	text = strings.TrimPrefix(text, "\xef\xbb\xbf")
	odd := strings.Contains(text, "\x00")
	if odd || hasHole(text) {
		text = strings.Map(func(r rune) rune {
			switch r {
			case 0, 1, 2, 3, 4, 5:
				return -1
			}
			return r
		}, text)
	}
	if strings.Contains(text, "\r") {
		text = strings.ReplaceAll(text, "\r\n", "\n")
	}
	if !utf8.ValidString(text) {
		text = latin1(text)
	}
	return text, odd
}

func latin1(s string) string {
	var b strings.Builder
	b.Grow(len(s) + len(s)/8)
	for i := 0; i < len(s); i++ {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}
