package script

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// cmakeFile is one file of CMake.
type cmakeFile struct {
	f        *script
	s        *shell
	commands []cmakeCommand
	judged   bool
}

// cmakeScope is what all files of CMake of a package know together: a file sees
// the variables of those that include it, and the reverse.
type cmakeScope struct {
	vars      map[string]*cmakeVariable
	functions map[string]*cmakeFunction
	targets   map[string]bool
	made      map[string][]string // files that are written
	built     int
	bytes     int // that expansions made up
	depth     int
	spent     bool
}

type cmakeVariable struct {
	values []cmakeValue
	active bool
	known  []string
}

// cmakeValue is what a variable is set to: arguments, or texts.
type cmakeValue struct {
	args  []cmakeArgument
	texts []string
	c     *cmakeFile
}

type cmakeFunction struct {
	params []string
	calls  int
}

// addCMake parses a file; cmake judges it with the others.
func (f *script) addCMake(text string) {
	commands, err := parseCMake(text)
	if err != nil {
		f.record(buildcode.Unanalysed, 0, err.Error())
	}
	f.cmakes = append(f.cmakes, &cmakeFile{f: f, s: newShell(f), commands: commands})
}

// maxCMakeRounds bounds how often all files are judged because one led to more.
const maxCMakeRounds = 12

// maxCMakeBytes bounds the bytes that the expansions of all files make up.
const maxCMakeBytes = 64 << 20

// cmake judges all files that were read.
func (a *analysis) cmake() {
	if !slices.ContainsFunc(a.cmakes, func(c *cmakeFile) bool { return !c.judged }) {
		return
	}
	a.cmakeRounds++
	scope := &cmakeScope{vars: map[string]*cmakeVariable{}, functions: map[string]*cmakeFunction{}, targets: map[string]bool{}, made: map[string][]string{}}
	for range 2 { // calls are bound once all functions are known
		for _, c := range a.cmakes {
			for i := range c.commands {
				scope.define(c, &c.commands[i])
			}
		}
	}
	for _, c := range a.cmakes {
		if c.judged && a.cmakeRounds > maxCMakeRounds || a.ctx.Err() != nil {
			continue
		}
		c.judged = true
		c.s.emit = true
		c.s.built = 0
		for i := range c.commands {
			c.s.current = &command{line: c.commands[i].line}
			scope.bytes += c.s.built
			c.s.built = 0
			if scope.bytes > maxCMakeBytes && !scope.spent {
				scope.spent = true
				c.s.tooMuch()
			}
			scope.judge(c, &c.commands[i], 0)
		}
	}
}

func (v *cmakeScope) set(c *cmakeFile, name string, value cmakeValue) {
	if hasHole(name) || strings.Contains(name, "${") {
		return
	}
	b := v.vars[name]
	if b == nil {
		b = &cmakeVariable{}
		v.vars[name] = b
	}
	value.c = c
	if len(b.values) < 4*maxTexts {
		b.values = append(b.values, value)
	}
}

// define notes what a command does to names.
func (v *cmakeScope) define(c *cmakeFile, cmd *cmakeCommand) {
	args := cmd.args
	if len(args) == 0 {
		return
	}
	name := args[0].text
	switch cmd.name {
	case "set":
		if inner, found := strings.CutPrefix(name, "ENV{"); found {
			name = strings.TrimSuffix(inner, "}")
		}
		values := args[1:]
		for i, a := range values {
			if a.text == "CACHE" || a.text == "PARENT_SCOPE" {
				values = values[:i]
				break
			}
		}
		v.set(c, name, cmakeValue{args: values})
	case "option":
	case "list":
		if len(args) > 2 && (name == "APPEND" || name == "PREPEND" || name == "INSERT") {
			v.set(c, args[1].text, cmakeValue{args: append([]cmakeArgument{{text: "${" + args[1].text + "}"}}, args[2:]...)})
		} else if len(args) > 3 && (name == "GET" || name == "JOIN" || name == "SUBLIST") {
			v.set(c, args[len(args)-1].text, cmakeValue{args: []cmakeArgument{{text: "${" + args[1].text + "}"}}})
		}
	case "foreach":
		values := args[1:]
		if len(values) > 1 && values[0].text == "IN" {
			lists := values[1].text == "LISTS"
			values = slices.Clone(values[2:])
			for i := range values {
				if lists {
					values[i] = cmakeArgument{text: "${" + values[i].text + "}"}
				}
			}
		}
		for _, a := range values {
			v.set(c, name, cmakeValue{args: []cmakeArgument{a}})
		}
	case "string":
		v.defineString(c, name, args)
	case "file":
		v.defineFile(c, name, args)
	case "find_program":
		var texts []string
		for _, a := range args[1:] {
			if cmakeFindWords[a.text] {
				if a.text == "PATHS" || a.text == "HINTS" || a.text == "DOC" || a.text == "PATH_SUFFIXES" {
					break
				}
				continue
			}
			texts = add(texts, a.text)
		}
		v.set(c, name, cmakeValue{texts: texts})
	case "execute_process":
		for i, a := range args {
			if (a.text == "OUTPUT_VARIABLE" || a.text == "ERROR_VARIABLE") && i+1 < len(args) {
				v.set(c, args[i+1].text, cmakeValue{texts: []string{output}})
			}
		}
	case "function", "macro":
		f := v.functions[strings.ToLower(name)]
		if f == nil {
			f = &cmakeFunction{}
			v.functions[strings.ToLower(name)] = f
		}
		f.params = nil
		for _, a := range args[1:] {
			f.params = append(f.params, a.text)
		}
	case "add_executable", "add_library":
		v.targets[name] = true
	default:
		v.bindCall(c, cmd)
	}
}

var cmakeFindWords = set(`NAMES NAMES_PER_DIR PATHS HINTS DOC PATH_SUFFIXES REQUIRED NO_CACHE NO_DEFAULT_PATH NO_CMAKE_PATH NO_CMAKE_ENVIRONMENT_PATH NO_SYSTEM_ENVIRONMENT_PATH NO_CMAKE_SYSTEM_PATH CMAKE_FIND_ROOT_PATH_BOTH ONLY_CMAKE_FIND_ROOT_PATH NO_CMAKE_FIND_ROOT_PATH ENV VALIDATOR`)

// bindCall hands the arguments of a call to the parameters of the function.
func (v *cmakeScope) bindCall(c *cmakeFile, cmd *cmakeCommand) {
	f := v.functions[cmd.name]
	if f == nil || f.calls > 400 {
		return
	}
	f.calls++
	v.set(c, "ARGV", cmakeValue{args: cmd.args})
	v.set(c, "ARGN", cmakeValue{args: cmd.args[min(len(f.params), len(cmd.args)):]})
	for i, a := range cmd.args {
		if i < len(f.params) {
			v.set(c, f.params[i], cmakeValue{args: []cmakeArgument{a}})
		}
		if i < 10 {
			v.set(c, "ARGV"+strconv.Itoa(i), cmakeValue{args: []cmakeArgument{a}})
		}
	}
}

func (v *cmakeScope) defineString(c *cmakeFile, mode string, args []cmakeArgument) {
	if len(args) < 3 {
		return
	}
	switch last := args[len(args)-1].text; mode {
	case "CONCAT", "APPEND", "PREPEND", "JOIN":
		rest := args[2:]
		to := args[1].text
		if mode == "JOIN" && len(args) > 3 {
			to, rest = args[2].text, args[3:]
		}
		whole := cmakeArgument{quoted: true}
		for _, a := range rest {
			whole.text += a.text
		}
		if mode == "APPEND" || mode == "PREPEND" {
			v.set(c, to, cmakeValue{args: []cmakeArgument{{text: "${" + to + "}" + whole.text, quoted: true}}})
		}
		v.set(c, to, cmakeValue{args: []cmakeArgument{whole}})
	case "ASCII":
		var b strings.Builder
		for _, a := range args[1 : len(args)-1] {
			if n, err := strconv.ParseUint(a.text, 10, 8); err == nil {
				b.WriteByte(byte(n))
			}
		}
		text, _ := clean([]byte(b.String()))
		v.set(c, last, cmakeValue{texts: []string{text}})
		if c.s.current == nil {
			c.s.current = &command{}
		}
	case "REPLACE":
		if len(args) >= 5 {
			v.set(c, args[3].text, cmakeValue{texts: []string{replaced(args)}})
		}
	case "REGEX":
		if len(args) >= 5 {
			at := 3
			if args[1].text == "REPLACE" {
				at = 4
			}
			v.set(c, args[at].text, cmakeValue{texts: []string{output}})
		}
	case "TOLOWER", "TOUPPER", "STRIP", "SUBSTRING", "CONFIGURE", "GENEX_STRIP":
		if mode == "SUBSTRING" {
			v.set(c, last, cmakeValue{texts: []string{output}})
			return
		}
		v.set(c, args[2].text, cmakeValue{args: []cmakeArgument{args[1]}})
	}
}

// replaced is string(REPLACE from to out text) of literals.
func replaced(args []cmakeArgument) string {
	t := args[4].text
	if strings.Contains(t, "$") || strings.Contains(args[2].text, "$") || args[1].text == "" {
		return output
	}
	return strings.ReplaceAll(t, args[1].text, args[2].text)
}

func (v *cmakeScope) defineFile(c *cmakeFile, mode string, args []cmakeArgument) {
	switch mode {
	case "READ", "STRINGS":
		if len(args) > 2 {
			v.set(c, args[2].text, cmakeValue{texts: []string{content}})
		}
	case "GLOB", "GLOB_RECURSE":
		if len(args) > 1 {
			v.set(c, args[1].text, cmakeValue{texts: []string{outside}})
		}
	}
}

// expand is what an argument may be.
func (v *cmakeScope) expand(c *cmakeFile, a cmakeArgument) []string {
	if a.raw {
		return []string{a.text}
	}
	return v.expandText(c, a.text)
}

func (v *cmakeScope) expandText(c *cmakeFile, t string) []string {
	if !strings.ContainsAny(t, "$@") {
		return []string{t}
	}
	if v.depth > maxNesting || v.spent {
		return []string{content}
	}
	v.depth++
	defer func() { v.depth-- }()
	out := []string{""}
	put := func(texts []string) {
		out = c.s.concat(out, texts)
		if v.built += len(texts); v.built > maxSteps {
			v.spent = true
		}
	}
	unclosed := false
	for {
		i := strings.IndexByte(t, '$')
		if i < 0 || i+1 >= len(t) {
			put([]string{t})
			return out
		}
		put([]string{t[:i]})
		t = t[i:]
		switch {
		case unclosed:
			put([]string{"$"})
			t = t[1:]
		case t[1] == '{', strings.HasPrefix(t, "$ENV{"), strings.HasPrefix(t, "$CACHE{"):
			open := strings.IndexByte(t, '{')
			end := closing(t[open:])
			if end < 0 {
				unclosed = true
				continue
			}
			put(v.reference(c, t[1:open], t[open+1:open+end]))
			t = t[open+end+1:]
		case t[1] == '<':
			end := angle(t[1:])
			if end < 0 {
				unclosed = true
				continue
			}
			inner := t[2 : 1+end]
			t = t[1+end+1:]
			if head, rest, found := strings.Cut(inner, ":"); found && !strings.HasPrefix(head, "TARGET_") && !strings.HasSuffix(head, "COMPILER_ID") {
				put(append(v.expandText(c, rest), "")) // a condition: what it yields, or nothing
			} else {
				put([]string{built})
			}
		default:
			put([]string{"$"})
			t = t[1:]
		}
	}
}

// angle is where the < that t begins with is closed; -1 if nowhere.
func angle(t string) int {
	depth := 0
	for i := 0; i < len(t); i++ {
		switch t[i] {
		case '<':
			depth++
		case '>':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func (v *cmakeScope) reference(c *cmakeFile, kind, name string) []string {
	if strings.Contains(name, "$") {
		names := v.expandText(c, name)
		var out []string
		for _, n := range names {
			if hasHole(n) {
				out = add(out, outside)
			} else {
				out = add(out, v.reference(c, kind, n)...)
			}
		}
		return out
	}
	if kind == "ENV" && v.vars[name] == nil {
		c.environment(name)
		return []string{outside}
	}
	b := v.vars[name]
	if b != nil && !b.active && b.known != nil {
		return b.known
	}
	if b == nil || b.active || v.depth > maxNesting {
		if b == nil || len(b.known) == 0 {
			return []string{c.builtinVariable(name)}
		}
		return b.known
	}
	b.active = true
	b.known = nil
	for _, value := range b.values {
		b.known = add(b.known, value.texts...)
		if value.args != nil || value.texts == nil {
			list := []string{""}
			for i, a := range value.args {
				if i > 0 {
					list = c.s.concat(list, []string{";"})
				}
				list = c.s.concat(list, v.expand(value.c, a))
			}
			b.known = add(b.known, list...)
		}
	}
	b.active = false
	if program := c.builtinVariable(name); program != outside { // what CMake itself sets may also be
		b.known = add(b.known, program)
	}
	return b.known
}

// environment judges the reading of a variable of the environment.
func (c *cmakeFile) environment(name string) {
	switch {
	case name == "HOME" || name == "USERPROFILE" || name == "APPDATA" || name == "LOCALAPPDATA":
		c.s.use(buildcode.Home)
	case secretVariable.MatchString(name):
		c.s.use(buildcode.ReadEnv)
	}
}

// builtinVariable is what CMake or a find module sets.
func (c *cmakeFile) builtinVariable(name string) string {
	dir := path.Dir(c.f.path)
	switch name {
	case "CMAKE_CURRENT_SOURCE_DIR", "CMAKE_CURRENT_LIST_DIR":
		return path.Join(".", dir)
	case "CMAKE_SOURCE_DIR", "PROJECT_SOURCE_DIR", "CMAKE_HOME_DIRECTORY", "CMAKE_BINARY_DIR", "PROJECT_BINARY_DIR", "CMAKE_CURRENT_BINARY_DIR":
		return "."
	case "CMAKE_CURRENT_LIST_FILE":
		return c.f.path
	}
	switch upper := strings.ToUpper(name); {
	case strings.Contains(upper, "PYTHON") && (strings.HasSuffix(upper, "EXECUTABLE") || strings.HasSuffix(upper, "INTERPRETER")), upper == "PYTHON", upper == "PYTHON3":
		return "python"
	case upper == "CMAKE_COMMAND" || upper == "CMAKE_CTEST_COMMAND" || upper == "CMAKE_CPACK_COMMAND":
		return "cmake"
	case strings.HasPrefix(upper, "CMAKE_") && strings.HasSuffix(upper, "_COMPILER"):
		return "cc"
	case strings.HasPrefix(upper, "CMAKE_") && toolVariables[strings.TrimPrefix(upper, "CMAKE_")] != "":
		return toolVariables[strings.TrimPrefix(upper, "CMAKE_")]
	case upper == "CMAKE_LINKER":
		return "ld"
	case upper == "CMAKE_MAKE_PROGRAM", upper == "CMAKE_BUILD_TOOL", upper == "MAKE":
		return "make"
	case upper == "CMAKE_COMMENT" || strings.HasPrefix(upper, "CMAKE_EXECUTABLE"):
		return outside
	case strings.HasSuffix(upper, "_EXECUTABLE") && plainName(strings.ToLower(strings.TrimSuffix(upper, "_EXECUTABLE"))):
		return strings.ToLower(strings.TrimSuffix(upper, "_EXECUTABLE"))
	}
	if tool := toolVariables[name]; tool != "" && name != "PWD" && name != "IFS" {
		return tool
	}
	return outside
}

// words are the words that arguments make, in every way they may.
func (v *cmakeScope) words(c *cmakeFile, args []cmakeArgument) [][]string {
	out := [][]string{nil}
	for _, a := range args {
		var choices [][]string
		for _, t := range v.expand(c, a) {
			if a.quoted {
				choices = append(choices, []string{t})
			} else {
				choices = append(choices, strings.FieldsFunc(t, func(r rune) bool { return r == ';' }))
			}
		}
		out = combine(out, choices)
	}
	return out
}

var cmakeFetches = set(`fetchcontent_declare fetchcontent_makeavailable fetchcontent_populate externalproject_add externaldata_add_test externaldata_expand_arguments cpmaddpackage cpmfindpackage cpmdeclarepackage hunter_add_package huntergate
	ctest_submit ctest_update git_submodule conan_cmake_install conan_cmake_run vcpkg_from_github vcpkg_download_distfile`)

// cmakeWords end the words of a COMMAND.
var cmakeWords = set(`COMMAND ARGS WORKING_DIRECTORY RESULT_VARIABLE RESULTS_VARIABLE OUTPUT_VARIABLE ERROR_VARIABLE OUTPUT_QUIET ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_STRIP_TRAILING_WHITESPACE
	TIMEOUT INPUT_FILE OUTPUT_FILE ERROR_FILE COMMAND_ECHO ENCODING COMMAND_ERROR_IS_FATAL ECHO_OUTPUT_VARIABLE ECHO_ERROR_VARIABLE DEPENDS BYPRODUCTS COMMENT VERBATIM USES_TERMINAL MAIN_DEPENDENCY DEPFILE
	COMMAND_EXPAND_LISTS JOB_POOL IMPLICIT_DEPENDS APPEND OUTPUT PRE_BUILD PRE_LINK POST_BUILD TARGET SOURCES CODEGEN FOLDER`)

// judge says what one command is able to do.
func (v *cmakeScope) judge(c *cmakeFile, cmd *cmakeCommand, depth int) {
	args := cmd.args
	for _, a := range args {
		if !a.raw && strings.Contains(a.text, "$ENV{") {
			v.expand(c, a)
		}
		if marksHome(strings.ReplaceAll(a.text, "$ENV", "")) {
			c.s.use(buildcode.Home)
		}
	}
	if cmakeFetches[cmd.name] {
		v.fetch(c, cmd)
		return
	}
	if len(args) == 0 {
		return
	}
	mode := args[0].text
	switch cmd.name {
	case "file":
		v.file(c, mode, args)
	case "add_subdirectory":
		for _, t := range v.expand(c, args[0]) {
			v.reach(c, join(t, "CMakeLists.txt"))
		}
	case "include":
		for _, t := range v.expand(c, args[0]) {
			v.include(c, t, depth)
		}
	case "find_package":
		c.module("Find" + mode)
		c.module(mode + "Config")
		c.module(strings.ToLower(mode) + "-config")
	case "configure_file":
		for _, t := range v.expand(c, args[0]) {
			if l := languageOfName(t); l != other {
				v.reach(c, t)
			}
		}
	case "cmake_language":
		v.language(c, mode, args, depth)
	case "execute_process", "add_custom_command", "add_custom_target", "exec_program", "install":
		v.run(c, cmd)
	case "try_run", "check_c_source_runs", "check_cxx_source_runs", "check_source_runs":
		c.s.use(buildcode.Compile)
	case "load_command":
		c.s.use(buildcode.LoadCode)
	case "string":
		if mode == "ASCII" && len(args) > 6 {
			c.s.use(buildcode.Decode)
		}
	case "set", "set_property", "set_target_properties":
		if cmakeLaunchers[mode] && len(args) > 1 {
			for _, words := range v.words(c, args[1:]) {
				if len(words) > 0 && words[0] != "CACHE" && words[0] != "" {
					c.s.run(words, nil, 0)
				}
			}
		}
	}
	if strings.Contains(cmd.name, "download") && len(args) > 1 && v.functions[cmd.name] == nil {
		c.s.use(buildcode.Network)
	}
}

// cmakeLaunchers are variables by which every compilation starts a program.
var cmakeLaunchers = set(`CMAKE_C_COMPILER_LAUNCHER CMAKE_CXX_COMPILER_LAUNCHER CMAKE_C_COMPILER CMAKE_CXX_COMPILER CMAKE_C_LINKER_LAUNCHER CMAKE_CXX_LINKER_LAUNCHER CMAKE_PROJECT_INCLUDE CMAKE_PROJECT_INCLUDE_BEFORE RULE_LAUNCH_COMPILE RULE_LAUNCH_LINK RULE_LAUNCH_CUSTOM CMAKE_CROSSCOMPILING_EMULATOR`)

// fetch judges FetchContent, ExternalProject and their kin: what lies in the
// package already is not fetched.
func (v *cmakeScope) fetch(c *cmakeFile, cmd *cmakeCommand) {
	fetched, local := false, false
	for i, a := range cmd.args {
		switch a.text {
		case "URL", "GIT_REPOSITORY", "SVN_REPOSITORY", "HG_REPOSITORY", "CVS_REPOSITORY", "DOWNLOAD_COMMAND", "GITHUB_REPOSITORY":
			fetched = true
		case "SOURCE_DIR":
			local = true
		case "CONFIGURE_COMMAND", "BUILD_COMMAND", "INSTALL_COMMAND", "PATCH_COMMAND", "UPDATE_COMMAND", "TEST_COMMAND", "COMMAND":
			end := i + 1
			for end < len(cmd.args) && !strings.HasSuffix(cmd.args[end].text, "_COMMAND") && cmd.args[end].text != "COMMAND" && !externalWord(cmd.args[end].text) {
				end++
			}
			for _, words := range v.words(c, cmd.args[i+1:end]) {
				if len(words) > 0 && words[0] != "" {
					c.s.run(words, nil, 0)
				}
			}
		}
	}
	if fetched || !local && !strings.HasSuffix(cmd.name, "_makeavailable") && !strings.HasSuffix(cmd.name, "_populate") {
		c.s.use(buildcode.Network)
	}
}

// externalWord reports whether a word is a keyword of ExternalProject_Add.
func externalWord(t string) bool {
	return len(t) > 4 && strings.Contains(t, "_") && strings.ToUpper(t) == t && !strings.ContainsAny(t, "${}-/.=")
}

func (v *cmakeScope) file(c *cmakeFile, mode string, args []cmakeArgument) {
	switch mode {
	case "DOWNLOAD", "UPLOAD":
		c.s.use(buildcode.Network)
	case "WRITE", "APPEND":
		if len(args) > 2 {
			for _, name := range v.expand(c, args[1]) {
				var b strings.Builder
				for _, a := range args[2:] {
					b.WriteString(v.expand(c, a)[0])
				}
				c.s.place(name, true)
				v.written(c, madeName(name), b.String())
			}
		}
	case "GENERATE":
		name, text := "", ""
		for i, a := range args {
			if i+1 < len(args) && a.text == "OUTPUT" {
				name = madeName(v.expand(c, args[i+1])[0])
			}
			if i+1 < len(args) && a.text == "CONTENT" {
				text = v.expand(c, args[i+1])[0]
			}
		}
		v.written(c, name, text)
	case "COPY", "INSTALL", "RENAME", "COPY_FILE", "REMOVE", "REMOVE_RECURSE":
		for i, a := range args {
			if a.text == "DESTINATION" && i+1 < len(args) {
				for _, t := range v.expand(c, args[i+1]) {
					c.s.place(t, true)
				}
			}
		}
	}
}

// written judges a script that a build file writes: it is there to be run.
func (v *cmakeScope) written(c *cmakeFile, name, text string) {
	switch l := languageOfName(name); {
	case l == cmakeLanguage && v.depth < 5:
		commands, _ := parseCMake(text)
		v.depth++
		for i := range commands {
			commands[i].line = c.s.current.line
			v.judge(c, &commands[i], 1)
		}
		v.depth--
	case (l == unsure && (strings.HasPrefix(text, "#!") || path.Ext(name) == ".sh")) && text != "":
		c.execute(text)
	case path.Ext(name) == ".py" && text != "":
		c.s.code("python", text, pythonNames)
	}
}

// execute judges a text that a shell reads, on the current line.
func (c *cmakeFile) execute(text string) {
	s := c.s
	u, _ := parseShell(newSource(text, s.current.line, true), 0, 0, "", 0)
	s.collect(u)
	line := s.current
	s.forget()
	s.unit(u, 0)
	s.current = line
}

func (v *cmakeScope) reach(c *cmakeFile, name string) {
	if strings.ContainsAny(name, outside+output+content) {
		if !c.s.locate(name, false) && path.Base(name) == "CMakeLists.txt" {
			c.f.reachAll("CMakeLists.txt")
		}
		return
	}
	c.s.locate(name, false)
}

// include reaches a file, or a module by its name in whatever directory.
func (v *cmakeScope) include(c *cmakeFile, name string, depth int) {
	if strings.Trim(name, holes) == "" {
		if strings.ContainsAny(name, output+content) {
			c.s.use(buildcode.LoadCode)
		}
		return
	}
	if c.s.locate(name, false) || c.s.locate(name+".cmake", false) {
		return
	}
	base := path.Base("/" + name[strings.LastIndexAny(name, holes)+1:])
	c.module(strings.TrimSuffix(base, ".cmake"))
	for _, file := range c.f.p.Named(base) {
		c.f.reach(file)
	}
}

// module reaches the files of a module's name.
func (c *cmakeFile) module(name string) {
	if hasHole(name) || name == "" {
		return
	}
	c.f.reachAll(name + ".cmake")
	c.f.reachAll(name + ".cmake.in")
}

// language judges cmake_language.
func (v *cmakeScope) language(c *cmakeFile, mode string, args []cmakeArgument, depth int) {
	switch mode {
	case "EVAL":
		var b strings.Builder
		for _, a := range args[1:] {
			if a.text != "CODE" {
				b.WriteString(v.expand(c, a)[0] + "\n")
			}
		}
		text := b.String()
		if strings.ContainsAny(text, output+content) {
			c.s.use(buildcode.LoadCode)
		}
		if depth > 5 || c.s.nested+len(text) > maxParses {
			c.s.use(buildcode.LoadCode)
			return
		}
		c.s.nested += len(text)
		commands, err := parseCMake(text)
		if err != nil || strings.Trim(text, holes+" \n") == "" {
			c.s.use(buildcode.LoadCode)
		}
		for i := range commands {
			commands[i].line = c.s.current.line
			v.define(c, &commands[i])
			v.judge(c, &commands[i], depth+1)
		}
	case "CALL":
		if len(args) < 2 || depth > 5 {
			return
		}
		for _, name := range v.expand(c, args[1]) {
			if hasHole(name) {
				c.s.use(buildcode.LoadCode)
			} else {
				v.judge(c, &cmakeCommand{name: strings.ToLower(name), args: args[2:], line: c.s.current.line}, depth+1)
			}
		}
	case "DEFER":
		for i, a := range args {
			if a.text == "CALL" {
				v.language(c, "CALL", args[i:], depth+1)
			}
		}
	}
}

// run judges the commands of execute_process, add_custom_command and others.
func (v *cmakeScope) run(c *cmakeFile, cmd *cmakeCommand) {
	args := cmd.args
	switch cmd.name {
	case "exec_program":
		args = append([]cmakeArgument{{text: "COMMAND"}}, args...)
	case "add_custom_target": // add_custom_target(name [ALL] command ...)
		if len(args) > 1 {
			i := 1
			if args[i].text == "ALL" {
				i++
			}
			if i < len(args) && !cmakeWords[args[i].text] {
				args = append([]cmakeArgument{{text: "COMMAND"}}, args[i:]...)
			}
		}
	case "install":
		for i, a := range args {
			if a.text == "SCRIPT" && i+1 < len(args) {
				c.s.locate(v.expand(c, args[i+1])[0], false)
			}
			if a.text == "CODE" && i+1 < len(args) {
				v.language(c, "EVAL", []cmakeArgument{{text: "EVAL"}, args[i+1]}, 1)
			}
		}
		return
	}
	// A list may hold COMMAND and what follows it.
	number := 0
	for i := 0; i < len(args); i++ {
		if args[i].text != "COMMAND" {
			continue
		}
		end := i + 1
		for end < len(args) && (!cmakeWords[args[end].text] || args[end].text == "ARGS") {
			end++
		}
		var words []cmakeArgument
		for _, a := range args[i+1 : end] {
			if a.text != "ARGS" || a.quoted {
				words = append(words, a)
			}
		}
		number++
		v.commandWords(c, words, cmd.name == "execute_process" && number > 1)
		i = end - 1
	}
}

func (v *cmakeScope) commandWords(c *cmakeFile, args []cmakeArgument, piped bool) {
	if len(args) == 0 {
		return
	}
	for _, words := range v.words(c, args) {
		for len(words) > 0 && words[0] == "" {
			words = words[1:]
		}
		if len(words) == 0 {
			continue
		}
		if strings.Trim(words[0], outside) == "" { // no user is asked: CMake would run nothing
			c.s.use(buildcode.RunUnknown)
		}
		if v.targets[words[0]] {
			c.s.use(buildcode.Compile)
			continue
		}
		if piped && shells[programName(words[0])] && len(operands(words[1:])) == 0 {
			c.s.use(buildcode.RunUnknown)
		}
		c.s.locate(words[0], false)
		c.s.words(words[1:])
		c.s.run(words, nil, 0)
	}
}
