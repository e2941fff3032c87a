package rust

import (
	"context"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// maxSeen bounds the evidence kept for one capability in one file.
const maxSeen = 10

// scanner collects what a program is able to do.
type scanner struct {
	*program
	ctx  context.Context // ends the scan between files; the caller asks it again
	uses []buildcode.Use
	seen map[buildcode.Use]int // by capability and path
	// macro: the program is a procedural macro.
	macro bool
	// packed are places that look like encoded material, which counts only beside
	// something that could use it.
	packed []buildcode.Use
	// literals of all files, for what depends on arguments wherever they stand.
	literals   map[string]bool
	reads      bool // std::fs::read and the like
	writes     bool // std::fs::write and the like
	feeds      bool // a program is given its input
	nested     bool // cargo builds a package within this one, with its own build code
	attributes int  // tokens of the file being scanned up to which attributes were looked at
	// memories are places that name a process's memory.
	memories []buildcode.Use
}

// scan walks all sources.
func (c *scanner) scan() {
	for _, s := range c.sources {
		if c.ctx.Err() != nil {
			return
		}
		if s.entangled {
			c.use(s, 0, buildcode.Unanalysed, "too entangled to be followed")
		}
		c.file(s)
	}
	if c.overflow {
		c.use(c.sources[0], 0, buildcode.Unanalysed, "names with too many meanings")
	}
	c.memory()
	c.arguments()
	c.decode()
	if c.steps > maxSteps {
		c.use(c.sources[0], 0, buildcode.Unanalysed, "too entangled to be followed")
	}
}

func (c *scanner) file(s *source) {
	tokens := s.tokens
	c.attributes = 0
	for i := 0; i < len(tokens); {
		switch t := tokens[i]; {
		case t.kind == str:
			c.literal(s, i)
			i++
		case t.word("use"):
			i = c.declaration(s, i)
		case t.is("#") && at(tokens, i+1).is("["), t.is("!") && at(tokens, i+1).is("[") && at(tokens, i-1).is("#"):
			c.attribute(s, i+1)
			i++
		case t.kind == ident && c.pastes(s, i):
			c.use(s, i, buildcode.LoadCode, "")
			i++
		case t.word("extern"):
			c.extern(s, i)
			i++
		case t.kind == ident && at(tokens, i-1).is("."):
			c.method(s, i)
			i++
		case t.is("::") && at(tokens, i-1).kind != ident && !at(tokens, i-1).is(">"),
			t.is("$") && at(tokens, i+1).kind == ident && at(tokens, i+2).is("::"),
			t.kind == ident && !at(tokens, i-1).is("::") && !at(tokens, i-1).is("$") && (t.raw || !keywords[t.text]):
			i = c.path(s, i)
		case t.word("fn") && c.pointer(s, i):
			i++
		case t.is("["):
			c.array(s, i)
			i++
		case t.is("^"):
			c.xor(s, i)
			i++
		default:
			i++
		}
	}
}

func (c *scanner) use(s *source, i int, capability buildcode.Capability, text string) {
	u := c.place(s, i, capability)
	if text != "" {
		u.Text = text
	}
	c.record(u)
}

// place is the evidence that the token at i is.
func (c *scanner) place(s *source, i int, capability buildcode.Capability) buildcode.Use {
	line := at(s.tokens, i).line
	return buildcode.Use{Capability: capability, Path: s.path, Line: int(line), Text: s.line(line)}
}

func (c *scanner) record(u buildcode.Use) {
	key := buildcode.Use{Capability: u.Capability, Path: u.Path}
	if c.seen[key]++; c.seen[key] <= maxSeen {
		c.uses = append(c.uses, u)
	}
}

// declaration handles a use tree: of some names the mention is enough.
func (c *scanner) declaration(s *source, i int) int {
	tree := imports{names: map[string][][]string{}}
	end := max(tree.tree(s.tokens, i+1, nil, 0), i+1)
	for _, path := range tree.globs {
		c.mention(s, i, path)
	}
	for _, targets := range tree.names {
		for _, path := range targets {
			c.mention(s, i, path)
		}
	}
	return end
}

func (c *scanner) mention(s *source, i int, path []string) {
	if len(path) == 0 {
		return
	}
	for _, full := range c.resolve(s, path) {
		k := sinkOf(full)
		if k.kind == named {
			c.use(s, i, k.capability, "")
		}
		if k.kind == assembles {
			c.use(s, i, buildcode.LoadCode, "")
		}
		if k.kind == startsProgram && len(k.rest) > 0 {
			c.use(s, i, buildcode.RunUnknown, "")
		}
	}
}

// path handles a path in code and returns the index behind it.
func (c *scanner) path(s *source, i int) int {
	tokens := s.tokens
	path, end := pathAt(tokens, i)
	if len(path) == 0 || end <= i {
		return i + 1
	}
	if at(tokens, end).is(">") && at(tokens, end+1).is("::") {
		more, next := pathAt(tokens, end+1)
		if at(tokens, i-1).is("<") {
			path, end = append(path, more...), next // <Command>::new
		} else if len(more) > 0 {
			// <Type as Trait>::Name::new: what is associated may be anything of that name.
			for _, full := range c.resolve(s, join([]string{unknown}, more)) {
				c.sink(s, end+2, next, sinkOf(full))
			}
		}
	}
	if at(tokens, end).is("!") && len(path) == 1 && !at(tokens, end+1).is("=") {
		return c.macroCall(s, i, end, path)
	}
	for _, full := range c.resolve(s, path) {
		if len(path) == 1 && len(full) == 1 && full[0] == path[0] && !at(tokens, i-1).word("crate") && !c.handed(s, i) {
			continue // a variable or field by the name of a crate, of which nothing is named
		}
		c.sink(s, i, end, sinkOf(full))
	}
	if at(tokens, end).is("!") && !at(tokens, end+1).is("=") {
		return c.macroCall(s, i, end, path)
	}
	return max(end, i+1)
}

// sink handles one meaning of the path at i, behind which end stands.
func (c *scanner) sink(s *source, i, end int, k sink) {
	tokens := s.tokens
	switch k.kind {
	case named:
		c.use(s, i, k.capability, "")
	case assembles:
		called := at(tokens, end).is("!") && !(k.unsure && c.items[tokens[end-1].text+"!"])
		if called || !at(tokens, end).is("!") && c.handed(s, i) {
			c.use(s, i, buildcode.LoadCode, "")
		}
	case startsProgram:
		c.starts(s, i, end, k.rest)
	case readsVariable:
		c.readsVariable(s, i, end)
	case readsPath, writesPath:
		c.writes = c.writes || k.kind == writesPath
		if at(tokens, end).is("(") {
			c.paths(s, i, end, k.kind)
		} else if !at(tokens, i-1).is("<") {
			c.use(s, i, map[sinkKind]buildcode.Capability{readsPath: buildcode.ReadFiles, writesPath: buildcode.WriteFiles}[k.kind], "")
		}
	case setsVariable:
		// PATH and CC decide what the tools of a build start.
		if t := at(tokens, end+1); t.kind != str || t.text == "PATH" || tools[t.text] != "" || injecting[t.text] {
			c.use(s, i, buildcode.RunUnknown, "")
		}
	case transmutes:
		// To a function: transmute::<_, fn()>(p), or anything in a build script, which
		// has no need of it.
		to := max(seek(tokens, end, ";"), i)
		if !c.macro || slices.ContainsFunc(tokens[i:min(to, len(tokens))], func(t token) bool { return t.word("fn") }) {
			c.use(s, i, buildcode.LoadCode, "")
		}
	}
}

// handed reports whether the token at i is handed to a macro that may put it
// together with others to something that stands nowhere.
func (c *scanner) handed(s *source, i int) bool {
	return s.nesting[i] == inMacro || s.nesting[i] == inPlain && c.replaced
}

// starts handles std::process::Command. A bare mention, as the type of a
// parameter, starts nothing: somebody must have made it.
func (c *scanner) starts(s *source, i, end int, rest []string) {
	if len(rest) == 0 {
		if c.handed(s, i) {
			c.use(s, i, buildcode.RunUnknown, "")
		}
		return
	}
	tokens := s.tokens
	if rest[0] != "new" || !at(tokens, end).is("(") {
		// Command::new handed to map() starts what the statement before it yields.
		v := c.evaluate(span{s: s, lo: statementStart(tokens, i), hi: i})
		c.programs(s, i, v)
		return
	}
	c.programs(s, i, c.evaluate(span{s: s, lo: end + 1, hi: block(tokens, end) - 1}))
}

// statementStart is the index behind the semicolon, brace or = before i.
func statementStart(tokens []token, i int) int {
	for j := i; j > 0 && j > i-200; j-- {
		if t := tokens[j-1]; t.is(";") || t.is("{") || t.is("}") || t.is("=") {
			return j
		}
	}
	return i
}

// programs records what a value starts when it is a program's name.
func (c *scanner) programs(s *source, i int, v value) {
	if v.composed {
		v.literals, v.env, v.unknown = nil, nil, true
	}
	if v.unknown || len(v.fragments) > 0 || v.empty() {
		c.use(s, i, buildcode.RunUnknown, "")
	}
	for _, name := range v.literals {
		if name != "" {
			c.use(s, i, programOf(name), "")
		}
	}
	for _, name := range v.env {
		c.use(s, i, c.toolOf(name), "")
	}
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9._+/-]{1,60}$`)

// systemDirs are where a program's bare name says what it is. In any other place
// the directory belongs to the name: ./gcc is no compiler.
var systemDirs = wordSet("/bin /usr/bin /usr/local/bin /sbin /usr/sbin /opt/homebrew/bin")

// programOf is the capability to start a literal program.
func programOf(literal string) buildcode.Capability {
	name := strings.ReplaceAll(literal, `\`, "/")
	name = strings.TrimSuffix(strings.ToLower(name), ".exe")
	name = strings.TrimPrefix(name, "c:/windows/system32/")
	if !plainName.MatchString(name) {
		return buildcode.RunUnknown
	}
	if systemDirs[path.Dir(name)] {
		name = path.Base(name)
	}
	return buildcode.Run(name)
}

// tools are programs by the variables that name them.
var tools = map[string]string{
	"RUSTC": "rustc", "RUSTC_WRAPPER": "rustc", "RUSTC_WORKSPACE_WRAPPER": "rustc", "CARGO": "cargo", "RUSTDOC": "rustdoc",
	"RUSTFMT": "rustfmt", "CC": "cc", "CXX": "c++", "CPP": "cc", "AR": "ar", "AS": "as", "LD": "ld", "NM": "nm", "RANLIB": "ranlib", "OBJCOPY": "objcopy",
	"MAKE": "make", "GNUMAKE": "make", "CMAKE": "cmake", "NINJA": "ninja", "PERL": "perl", "NASM": "nasm", "YASM": "yasm",
	"PKG_CONFIG": "pkg-config", "LLVM_CONFIG": "llvm-config", "LLVM_CONFIG_PATH": "llvm-config", "CLANG_PATH": "clang", "CLANG": "clang",
	"RUSTC_LINKER": "ld", "STRIP": "strip", "LINKER": "ld", "PYTHON": "python", "PYTHON3": "python3", "GIT": "git", "XCRUN": "xcrun", "PROTOC": "protoc",
}

// toolOf is the capability to start what a variable names.
func (c *scanner) toolOf(name string) buildcode.Capability {
	name = strings.TrimPrefix(strings.TrimPrefix(strings.ToUpper(name), "HOST_"), "TARGET_")
	name = strings.TrimSuffix(strings.TrimSuffix(name, "_EXECUTABLE"), "_")
	if tool, found := tools[name]; found {
		return buildcode.Run(tool)
	}
	// CC_x86_64_unknown_linux_gnu
	if base, rest, found := strings.Cut(name, "_"); found && strings.Contains(rest, "_") && len(base) <= 3 {
		if tool, found := tools[base]; found {
			return buildcode.Run(tool)
		}
	}
	return buildcode.RunUnknown
}

// readsVariable handles std::env::var.
func (c *scanner) readsVariable(s *source, i, end int) {
	if !at(s.tokens, end).is("(") {
		c.use(s, i, buildcode.ReadEnv, "")
		return
	}
	c.variablesOf(s, i, span{s: s, lo: end + 1, hi: block(s.tokens, end) - 1})
}

// variablesOf records the variables whose names an expression may come to.
func (c *scanner) variablesOf(s *source, i int, e span) {
	var v value
	c.begin()
	c.variables(e, &v, 0)
	for _, name := range v.env {
		c.variable1(s, i, name)
	}
	if v.unknown {
		c.use(s, i, buildcode.ReadEnv, "")
	}
}

func (c *scanner) variable1(s *source, i int, name string) {
	if capability, grave := envCapability(name, c.own); grave {
		c.use(s, i, capability, "")
	}
}

// macroCall handles name!(...) and returns where to go on.
func (c *scanner) macroCall(s *source, i, end int, path []string) int {
	tokens := s.tokens
	open := end + 1
	if path[len(path)-1] == "macro_rules" {
		return open + 1
	}
	shell, variable := false, environment[path[len(path)-1]]
	for _, full := range c.resolve(s, path) {
		k := sinkOf(full)
		shell = shell || k.kind == shellMacro
		variable = variable || environment[full[len(full)-1]]
		if len(full) == 1 && full[0] == path[0] {
			// #[macro_use]: the macro goes by the name of its crate.
			k = sinkOf([]string{full[0], full[0]})
		}
		if len(path) == 1 {
			c.sink(s, i, end, k)
		}
	}
	switch {
	case variable && opens(at(tokens, open)):
		c.compiledVariable(s, i, open)
	case shell:
		c.shell(s, i, open)
	}
	return open + 1
}

// environment are the macros that read a variable while compiling.
var environment = wordSet("env option_env")

// compiledVariable handles env!: the name may itself be put together, as in
// env!(concat!("HO", "ME")), and a message may follow it.
func (c *scanner) compiledVariable(s *source, i, open int) {
	args := c.split(s, open+1, block(s.tokens, open)-1)
	if len(args) == 0 {
		args = []span{{s: s, lo: open, hi: open}}
	}
	c.variablesOf(s, i, args[0])
}

// shell handles duct's and xshell's cmd!: the program is the first word of the
// first string.
func (c *scanner) shell(s *source, i, open int) {
	for j := open; j < min(block(s.tokens, open), open+maxSeek); j++ {
		if t := s.tokens[j]; t.kind == str {
			if words := strings.Fields(t.text); len(words) > 0 && !strings.ContainsAny(t.text, "|;&`$") {
				c.use(s, i, programOf(words[0]), "")
				return
			}
			break
		}
	}
	c.use(s, i, buildcode.RunUnknown, "")
}

// method handles a name behind a dot. Only few mean anything without their type.
func (c *scanner) method(s *source, i int) {
	tokens := s.tokens
	if !at(tokens, i+1).is("(") {
		return
	}
	switch tokens[i].text {
	case "to_socket_addrs":
		c.use(s, i, buildcode.Network, "")
	case "make_exec", "map_exec", "map_copy_exec":
		c.use(s, i, buildcode.LoadCode, "") // memmap2
	case "stdin":
		c.feeds = true
	case "env", "define":
		c.handsTool(s, i)
	case "compiler", "archiver":
		// cc::Build::compiler: another program than the host's compiler.
		if len(c.deps["cc"]) > 0 {
			c.programs(s, i, c.evaluate(span{s: s, lo: i + 2, hi: block(tokens, i+1) - 1}))
		}
	}
}

// extern handles blocks of foreign functions: calls of code that no crate wraps.
func (c *scanner) extern(s *source, i int) {
	j := i + 1
	if at(s.tokens, j).kind == str {
		j++
	}
	next := at(s.tokens, j)
	// Handed to a macro without what belongs to it, it may be put before anything.
	alone := c.handed(s, i) && !next.is("{") && !next.word("crate") && !next.word("fn")
	if alone || next.is("$") || next.is("{") && !at(s.tokens, j+1).is("}") {
		c.use(s, i, buildcode.LoadCode, "")
	}
}

// pointer reports (and records) a pointer to a function pointer: *const fn(), by
// which data is called.
func (c *scanner) pointer(s *source, i int) bool {
	tokens := s.tokens
	for i--; at(tokens, i).word("unsafe") || at(tokens, i).word("extern") || at(tokens, i).kind == str; i-- {
	}
	if !(at(tokens, i).word("const") || at(tokens, i).word("mut")) || !at(tokens, i-1).is("*") {
		return false
	}
	c.use(s, i, buildcode.LoadCode, "")
	return true
}

// quoteNumber is the value of a small integer literal; false for any other.
func quoteNumber(text string) (uint64, bool) {
	text = strings.ReplaceAll(strings.ToLower(text), "_", "")
	for _, suffix := range []string{"u8", "i8", "u16", "u32", "i32", "u64", "usize"} {
		text = strings.TrimSuffix(text, suffix)
	}
	n, err := strconv.ParseUint(text, 0, 64)
	return n, err == nil
}
