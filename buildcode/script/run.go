package script

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// decoded notes a text whose letters are spelt as numbers, where it is printed to
// be executed or named.
func (f *script) decoded(s *shell, t string) {
	if strings.Count(t, `\`) >= 4 {
		s.coded = true
	}
}

// run evaluates one program with its arguments.
func (s *shell) run(argv []string, c *command, depth int) {
	if depth > maxNesting {
		s.use(buildcode.RunUnknown)
		return
	}
	if s.steps++; s.steps > maxSteps {
		s.tooMuch()
		return
	}
	for len(argv) > 0 && assigns(argv[0]) {
		argv = argv[1:]
	}
	if len(argv) == 0 || argv[0] == "" || strings.ContainsAny(argv[0][:1], "-+=,") || number(argv[0]) {
		return // no program: the value of a variable that is none
	}
	word, args := argv[0], argv[1:]
	if c != nil && len(c.words) > 0 && c.words[0].coded {
		s.use(buildcode.Decode)
	}
	if alias := s.aliases[word]; alias != nil && !alias.active {
		alias.active = true
		for _, t := range s.expand(alias.words[0].word) {
			s.execute(t+" "+strings.Join(args, " "), depth+1)
		}
		alias.active = false
		return
	}
	name := programName(word)
	if s.functions[name] && !networkTools[name] {
		return // its body speaks for itself
	}
	if s.builtin(name, args, c, depth) {
		return
	}
	for _, a := range args {
		s.place(a, false)
	}
	switch {
	case wrappers[name]:
		s.wrapped(name, args, c, depth)
		return
	case s.file(word, args, c, depth):
		return
	case name == "":
		s.unknownProgram(word, c)
		return
	}
	s.program(name, word, args, c, depth)
}

var assignmentText = regexp.MustCompile(`^[A-Za-z_\x01-\x05][\w\x01-\x05]*\+?=`)

func assigns(word string) bool {
	return strings.IndexByte(word, '=') > 0 && assignmentText.MatchString(word)
}

var wordLike = regexp.MustCompile(`[\pL\d]`)

// unknownProgram handles a program whose name is not known. What the environment
// names is the user's choice, what the build makes is compiled code. What a
// variable holds in a text that is executed may be no program at all.
func (s *shell) unknownProgram(word string, c *command) {
	base := word[strings.LastIndexByte(word, '/')+1:]
	indirect := c == nil || c.unit == nil || c.unit.executed || len(c.words) == 0
	switch {
	case s.f.all, strings.Contains(base, content):
		s.use(buildcode.RunUnknown)
	case strings.ContainsAny(base, built):
		s.use(buildcode.Compile)
	case indirect, s.f.loose, strings.ContainsAny(base, many+"= \t\n"):
	case strings.Trim(base, outside) == "" && base != "":
		// The whole name is the environment's, or an argument.
	case strings.ContainsAny(base, output) && !s.substitutes():
	case hasHole(base), joined(c.words[0]) != "" && wordLike.MatchString(base):
		s.use(buildcode.RunUnknown)
	}
}

// builtin evaluates what the shell itself does; false for anything else.
func (s *shell) builtin(name string, args []string, c *command, depth int) bool {
	switch name {
	case "eval":
		s.execute(strings.Join(args, " "), depth+1)
	case ".", "source":
		if len(args) > 0 {
			s.source(args[0], depth)
		}
	case "trap":
		if len(args) > 1 {
			s.execute(args[0], depth+1)
		}
	case "exec":
		for len(args) > 0 && strings.HasPrefix(args[0], "-") {
			args = args[1:]
		}
		if len(args) > 0 {
			s.run(args, nilWords(c), depth+1)
		}
	case "printf", "echo":
		// Only for what escapes say.
	case "env", "printenv", "export", "declare", "typeset", "compgen", "set":
		switch {
		case name == "env" && len(operands(args)) > 0:
			return false
		case name == "env" && len(args) == 0, name == "printenv" && len(args) == 0, name == "export" && slices.Equal(args, []string{"-p"}), name == "compgen" && slices.Contains(args, "-e"), name == "declare" && slices.Contains(args, "-x") && len(args) == 1:
			s.use(buildcode.ReadEnv)
		}
	case "enable":
		if slices.Contains(args, "-f") {
			s.use(buildcode.LoadCode)
		}
	default:
		return false
	}
	return true
}

// nilWords is a command without words, which keeps its input.
func nilWords(c *command) *command {
	if c == nil {
		return nil
	}
	copied := *c
	copied.words = nil
	return &copied
}

// source evaluates the reading of a file as commands.
func (s *shell) source(word string, depth int) {
	if texts := s.fd(word); texts != nil {
		for _, t := range texts {
			s.execute(t, depth+1)
		}
		return
	}
	if texts := s.made[madeName(word)]; len(texts) > 0 {
		for _, t := range texts {
			s.execute(t, depth+1)
		}
		return
	}
	if s.locate(word, true) {
		return
	}
	base := word[strings.LastIndexByte(word, '/')+1:]
	switch {
	case word == "/dev/stdin", s.fetched[base], strings.Trim(base, holes) == "" && s.fetched["/"]:
		s.use(buildcode.LoadCode)
	}
	// Any other is a file of the user's own choice: CONFIG_SITE and the like.
}

// locate reaches the files of the package that a word names; shell says that they
// are read by one, whatever they are called. False if there is none.
func (s *shell) locate(word string, shell bool) bool {
	word = strings.TrimSpace(strings.ReplaceAll(word, `\`, "/"))
	if word == "" || len(word) > 500 || strings.ContainsAny(word, "\n ") {
		return false
	}
	if i := strings.LastIndexAny(word, holes); i >= 0 {
		rest := strings.TrimPrefix(word[i+1:], "/")
		base := path.Base("/" + rest)
		if rest == "" || base == "/" {
			return false
		}
		found := false
		for _, name := range s.f.p.Named(base) {
			if name == rest || strings.HasSuffix(name, "/"+rest) {
				s.f.shells[name] = s.f.shells[name] || shell
				s.reach(name)
				found = true
			}
		}
		return found
	}
	for _, name := range []string{path.Join(path.Dir(s.f.path), word), path.Clean(word), path.Clean("/" + word)[1:]} {
		if !strings.HasPrefix(name, "../") && s.f.p.Has(name) {
			s.f.shells[name] = s.f.shells[name] || shell
			s.reach(name)
			return true
		}
	}
	if strings.HasPrefix(word, "../") { // from wherever it is run
		found := false
		for _, name := range s.f.p.Named(path.Base(word)) {
			s.f.shells[name] = s.f.shells[name] || shell
			s.reach(name)
			found = true
		}
		return found
	}
	for _, suffix := range []string{".in", ".sh.in", ".am"} { // what configure makes of it
		if name := path.Join(path.Dir(s.f.path), word+suffix); s.f.p.Has(name) {
			s.reach(name)
			return true
		}
	}
	return false
}

func (s *shell) reach(name string) {
	if s.emit {
		s.f.reach(name)
	}
}

// file evaluates a program that is a file: of the package, or made before.
func (s *shell) file(word string, args []string, c *command, depth int) bool {
	slash := strings.Contains(word, "/")
	made := madeName(word)
	if slash || hasHole(word) {
		if s.locate(word, false) {
			s.words(args)
			return true
		}
	}
	if texts := s.made[made]; (slash || strings.HasPrefix(made, "config.status")) && len(texts) > 0 {
		for _, t := range texts {
			s.executeMade(t, depth)
		}
		return true
	}
	if !slash {
		return false
	}
	if s.fetched[made] {
		s.use(buildcode.RunUnknown)
		return true
	}
	if s.compiled[made] || strings.HasPrefix(made, "conftest") || strings.HasPrefix(made, "a.out") {
		s.use(buildcode.Compile)
		return true
	}
	return false
}

// executeMade evaluates a file that the script wrote and now runs.
func (s *shell) executeMade(t string, depth int) {
	switch l := shebang(t); l {
	case shellLanguage:
		s.execute(t, depth+1)
	case perlLanguage:
		glance(s, t, perlNames)
	default:
		glance(s, t, pythonNames)
	}
}

// words reaches files of the package among the arguments of a program.
func (s *shell) words(args []string) {
	for _, a := range args {
		if l := languageOfName(a); l != other && l != unsure || path.Ext(a) == ".py" || path.Ext(a) == ".sh" {
			s.locate(a, false)
		}
	}
}

// wrapped evaluates a program that starts the one among its arguments.
func (s *shell) wrapped(name string, args []string, c *command, depth int) {
	switch name {
	case "sudo", "doas", "su", "docker", "script", "watch", "parallel", "nsenter", "unshare", "runuser", "flock":
		s.use(buildcode.Run(name))
	}
	if name == "command" && len(args) > 0 && (args[0] == "-v" || args[0] == "-V") {
		return
	}
	takes := map[string]string{"sudo": "-u -g -C -h -p", "env": "-u -C --chdir --unset", "xargs": "-I -n -P -L -d -E -s -a --max-args", "nice": "-n", "ionice": "-c -n -p", "timeout": "-k -s --signal", "gtimeout": "-k -s", "exec": "-a", "stdbuf": "-i -o -e", "chroot": "--userspec", "strace": "-o -e -p", "su": "-s -l", "flock": "-w -E"}[name]
	for len(args) > 0 {
		a := args[0]
		switch {
		case name == "env" && (a == "-S" || strings.HasPrefix(a, "-S") || strings.HasPrefix(a, "--split-string")):
			text := strings.TrimPrefix(strings.TrimPrefix(a, "--split-string="), "-S")
			s.execute(text+" "+strings.Join(args[1:], " "), depth+1)
			return
		case (name == "su" || name == "script" || name == "flock" || name == "runuser") && (a == "-c" || a == "--command") && len(args) > 1:
			s.execute(args[1], depth+1)
			return
		case strings.HasPrefix(a, "-") && strings.Contains(" "+takes+" ", " "+a+" ") && len(args) > 1:
			args = args[2:]
		case strings.HasPrefix(a, "-") && len(a) > 1, assigns(a) && name != "xargs":
			args = args[1:]
		case (name == "timeout" || name == "gtimeout" || name == "taskset" || name == "chroot" || name == "flock") && len(args) > 1:
			s.run(args[1:], nilWords(c), depth+1)
			return
		default:
			if name == "watch" || name == "parallel" {
				s.execute(strings.Join(args, " "), depth+1)
				return
			}
			n := nilWords(c)
			if name == "xargs" && n != nil { // its input becomes arguments
				in := s.input(n)
				for _, t := range in {
					s.run(append(args[:len(args):len(args)], strings.Fields(t)...), &command{line: n.line}, depth+1)
				}
				if len(in) == 0 {
					s.run(append(args[:len(args):len(args)], content), &command{line: n.line}, depth+1)
				}
				return
			}
			s.run(args, n, depth+1)
			return
		}
	}
}

// interpreters run code that they are handed: by which options.
var interpreters = map[string]string{
	"python": "-c", "perl": "-e -E -ne -pe -lne -le -0777 -nle -pie", "ruby": "-e", "node": "-e -p --eval", "php": "-r", "lua": "-e", "osascript": "-e", "tclsh": "", "Rscript": "-e", "guile": "-c -e", "groovy": "-e", "julia": "-e -E", "luajit": "-e", "nodejs": "-e", "expect": "-c", "wish": "", "awk": "", "gawk": "", "mawk": "", "nawk": "",
}

// program evaluates a program by its name.
func (s *shell) program(name, word string, args []string, c *command, depth int) {
	lower := strings.ToLower(name)
	coded := s.coded
	s.coded = false
	switch {
	case networkTools[lower]:
		for _, a := range args {
			if !s.emit && len(s.fetched) < 500 && a != "" {
				s.fetched[madeName(strings.TrimPrefix(a, "-o"))] = true
			}
		}
		s.use(buildcode.Network)
		s.use(buildcode.Run(lower))
	case packageTools[lower]:
		if fetches(lower, args) {
			s.use(buildcode.Network)
			s.use(buildcode.Run(lower))
		} else if s.f.all || slices.Contains(args, "run") || slices.Contains(args, "generate") {
			s.use(buildcode.Run(name))
		}
		if lower == "git" && slices.ContainsFunc(args, func(a string) bool { return strings.Contains(a, "!") && strings.HasPrefix(a, "alias.") }) {
			s.use(buildcode.RunUnknown)
		}
	case shells[lower]:
		s.shellProgram(lower, args, c, depth)
	case lower == "powershell" || lower == "pwsh" || lower == "cmd":
		s.windowsShell(lower, args, depth)
	case interpreters[lower] != "" || lower == "tclsh" || lower == "wish":
		s.interpreter(lower, args, c)
	default:
		s.ordinaryProgram(name, lower, args, c, depth)
	}
	if decodes(lower, args) || coded && (shells[lower] || lower == "eval") {
		s.use(buildcode.Decode)
	}
}

func (s *shell) ordinaryProgram(name, lower string, args []string, c *command, depth int) {
	switch lower {
	case "find", "gfind":
		for i, a := range args {
			if (a == "-exec" || a == "-execdir" || a == "-ok" || a == "-okdir") && i+1 < len(args) {
				end := i + 1
				for end < len(args) && args[end] != ";" && args[end] != "+" {
					end++
				}
				s.run(args[i+1:end], &command{line: s.current.line}, depth+1)
			}
		}
	case "sed", "gsed":
		s.sed(args)
	case "awk", "gawk", "mawk", "nawk":
		s.awk(strings.Join(args, " "), depth)
	case "tar", "gtar", "bsdtar", "rsync":
		for _, a := range args {
			for _, p := range []string{"--to-command=", "--use-compress-program=", "--checkpoint-action=exec=", "-I", "--rsh="} {
				if program, found := strings.CutPrefix(a, p); found && program != "" {
					s.execute(program, depth+1)
				}
			}
		}
	case "make", "gmake", "nmake", "bmake", "mingw32-make":
		s.reachMake(args)
	case "cmake", "cmake3":
		s.cmakeProgram(args, depth)
	case "cp", "mv", "install", "ginstall", "ln", "tee", "mkdir", "rm", "touch", "chmod", "chown", "dd", "rmdir":
		s.writing(lower, args, c)
	case "crontab", "at", "systemctl", "launchctl", "schtasks", "reg", "insmod", "modprobe", "gdb", "lldb", "useradd", "usermod", "passwd", "iptables":
	}
	if ordinary[lower] {
		if s.f.all {
			s.use(buildcode.Run(name))
		}
		return
	}
	if compilers[lower] || strings.HasSuffix(lower, "-config") {
		s.compiler(args)
		if s.f.all {
			s.use(buildcode.Run(name))
		} else {
			s.use(buildcode.Compile)
		}
		return
	}
	// What a variable holds may be no program; of what is written out it is told.
	if s.f.loose || strings.HasSuffix(name, ".o") || strings.HasSuffix(name, ":") || !s.f.all && (c == nil || len(c.words) == 0 || joined(c.words[0]) == "" || c.unit != nil && c.unit.executed) {
		return
	}
	s.use(buildcode.Run(name))
}

// compiler notes what a compiler makes, and what makes it load code.
func (s *shell) compiler(args []string) {
	for i, a := range args {
		if a == "-o" && i+1 < len(args) && !s.emit {
			s.compiled[madeName(args[i+1])] = true
		}
		if s.emit && strings.HasPrefix(a, "-") && pluginFlag.MatchString(a) {
			s.use(buildcode.LoadCode)
		}
	}
}

var pluginFlag = regexp.MustCompile(`^-fplugin=|^-wrapper$|^-specs=[^/]*$|^-fuse-ld=[./]`)

// writing looks at the places that a program changes, where they are absolute.
func (s *shell) writing(name string, args []string, c *command) {
	if !s.emit || c != nil && (c.unit == nil || c.unit.executed) {
		return
	}
	ops := operands(args)
	switch name {
	case "cp", "mv", "install", "ginstall", "ln":
		if len(ops) > 1 {
			ops = ops[len(ops)-1:]
		}
	case "dd":
		for _, a := range args {
			if of, found := strings.CutPrefix(a, "of="); found {
				s.place(of, true)
			}
		}
		return
	}
	for _, o := range ops {
		if strings.HasPrefix(o, "/") && s.certain(c, o) {
			s.place(o, true)
		}
	}
}

// certain reports whether a word of a command can only be t.
func (s *shell) certain(c *command, t string) bool {
	if c == nil {
		return true
	}
	for _, w := range c.words {
		if texts := s.expand(w); len(texts) == 1 && texts[0] == t {
			return true
		}
	}
	return false
}

// awk looks at an awk program: what it starts is read where it is written out.
func (s *shell) awk(program string, depth int) {
	program = awkRuns.ReplaceAllStringFunc(program, func(found string) string {
		m := awkRuns.FindStringSubmatch(found)
		s.execute(strings.ReplaceAll(m[1], "%s", outside), depth+1)
		return " "
	})
	glance(s, program, awkNames)
}

var awkRuns = regexp.MustCompile(`\bsystem\s*\(\s*(?:sprintf\s*\(\s*)?"([^"\\]*)"\s*[,)]`)

// sed looks for commands that run: the e command, the e flag and w.
func (s *shell) sed(args []string) {
	for _, a := range args {
		if s.emit && strings.IndexByte(a, 'e') >= 0 && sedRuns.MatchString(a) {
			s.use(buildcode.RunUnknown)
		}
	}
}

var sedRuns = regexp.MustCompile(`^(?:[0-9$]*)e(?:\s|$)|^s([|/,#@])[^|/,#@]*[|/,#@][^|/,#@]*[|/,#@][gip0-9]*e[gip0-9]*$`)

// reachMake reaches the makefiles that make reads.
func (s *shell) reachMake(args []string) {
	dir := ""
	for i, a := range args {
		switch {
		case (a == "-C" || a == "--directory") && i+1 < len(args):
			dir = args[i+1]
		case strings.HasPrefix(a, "-C") && len(a) > 2:
			dir = a[2:]
		case (a == "-f" || a == "--file" || a == "/f") && i+1 < len(args):
			s.locate(join(dir, args[i+1]), false)
			return
		case strings.HasPrefix(a, "--eval"):
			s.use(buildcode.LoadCode)
		}
	}
	for _, name := range []string{"GNUmakefile", "makefile", "Makefile", "Makefile.in"} {
		if s.locate(join(dir, name), false) {
			return
		}
	}
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// cmakeProgram evaluates the command-line tool of CMake.
func (s *shell) cmakeProgram(args []string, depth int) {
	for i, a := range args {
		switch {
		case a == "-P" && i+1 < len(args):
			if !s.locate(args[i+1], false) && strings.ContainsAny(args[i+1], output+content) {
				s.use(buildcode.LoadCode)
			}
			return
		case a == "-E" && i+1 < len(args):
			s.cmakeTool(args[i+1], args[i+2:], depth)
			return
		}
	}
	for _, a := range args {
		if !strings.HasPrefix(a, "-") {
			s.locate(join(a, "CMakeLists.txt"), false)
		}
	}
}

func (s *shell) cmakeTool(tool string, args []string, depth int) {
	switch tool {
	case "env", "time", "chdir":
		if tool == "chdir" && len(args) > 0 {
			args = args[1:]
		}
		for len(args) > 0 && (strings.HasPrefix(args[0], "-") || assigns(args[0])) {
			args = args[1:]
		}
		if len(args) > 0 {
			s.run(args, nil, depth+1)
		}
	}
}

// shellProgram evaluates a shell: what it is handed, a script or its input.
func (s *shell) shellProgram(name string, args []string, c *command, depth int) {
	if s.f.all {
		s.use(buildcode.Run(name))
	}
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "-o" || a == "+o" || a == "--rcfile" || a == "--init-file" || a == "-O":
			i++
		case strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && strings.HasSuffix(a, "c") && i+1 < len(args):
			s.execute(args[i+1], depth+1)
			return
		case a == "-s" || a == "-" || a == "/dev/stdin":
			s.stdin(c, depth)
			return
		case strings.HasPrefix(a, "-") || strings.HasPrefix(a, "+") || a == "":
		default:
			s.shellFile(a, args[i+1:], depth)
			return
		}
	}
	s.stdin(c, depth)
}

// shellFile evaluates a file that a shell runs.
func (s *shell) shellFile(word string, args []string, depth int) {
	if texts := s.fd(word); texts != nil {
		for _, t := range texts {
			s.execute(t, depth+1)
		}
		return
	}
	if s.locate(word, true) {
		s.words(args)
		return
	}
	if texts := s.made[madeName(word)]; len(texts) > 0 {
		for _, t := range texts {
			s.executeMade(t, depth)
		}
		return
	}
	if base := path.Base("/" + word); strings.ContainsAny(base, output+content) || s.fetched[madeName(word)] || s.f.all && hasHole(word) {
		s.use(buildcode.RunUnknown)
	}
}

// stdin evaluates commands that a shell reads from its input.
func (s *shell) stdin(c *command, depth int) {
	if c == nil {
		return
	}
	in := s.input(c)
	for _, t := range in {
		if strings.Trim(t, holes+" \t\n\"';") == "" && t != "" {
			if h := worst(t); h == content || h == output && !c.unit.isExecuted() {
				s.use(buildcode.RunUnknown)
			} else {
				s.unknownText(h)
			}
			continue
		}
		s.execute(t, depth+1)
	}
}

// interpreter evaluates an interpreter of another language.
func (s *shell) interpreter(name string, args []string, c *command) {
	if s.f.all && name != "python" {
		s.use(buildcode.Run(name))
	}
	names := namesOf(name)
	flags := " " + interpreters[name] + " "
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case strings.Contains(flags, " "+a+" ") && a != "" && i+1 < len(args):
			s.code(name, args[i+1], names)
			return
		case name == "perl" && strings.HasPrefix(a, "-") && strings.ContainsAny(a, "eE") && !strings.HasPrefix(a, "-M") && i+1 < len(args):
			s.code(name, args[i+1], names)
			return
		case name == "python" && a == "-m" && i+1 < len(args):
			s.module(args[i+1], args[i+2:])
			return
		case a == "-" || a == "/dev/stdin":
			s.interpreterInput(name, c, names)
			return
		case strings.HasPrefix(a, "-"):
			if (name == "python") && (a == "-W" || a == "-X") {
				i++
			}
		default:
			if strings.HasPrefix(name, "awk") || strings.HasSuffix(name, "awk") {
				return
			}
			if s.locate(a, false) {
				return
			}
			if texts := s.made[madeName(a)]; len(texts) > 0 {
				for _, t := range texts {
					s.code(name, t, names)
				}
				return
			}
			s.use(buildcode.Run(name))
			return
		}
	}
	if c != nil && (len(c.redirs) > 0 || !c.stdin.empty()) {
		s.interpreterInput(name, c, names)
	} else {
		s.use(buildcode.Run(name))
	}
}

func (s *shell) interpreterInput(name string, c *command, names []foreignName) {
	if c == nil {
		return
	}
	for _, t := range s.input(c) {
		s.code(name, t, names)
	}
}

// code handles code of another language in a script.
func (s *shell) code(name, t string, names []foreignName) {
	if strings.Trim(t, holes+" ") == "" && t != "" {
		if h := worst(t); h == content || h == output || s.f.all {
			s.use(buildcode.RunUnknown)
		}
		return
	}
	if t == "" {
		return
	}
	if name == "python" && s.emit && len(s.f.python) < maxSnippets {
		s.f.snippet(&s.f.python, s.current.line, t)
	}
	glance(s, t, names)
	if name != "python" && !s.f.all && name != "perl" {
		s.use(buildcode.Run(name))
	}
}

func (f *script) snippet(to *[]Snippet, line int, t string) {
	n := Snippet{Path: f.path, Line: line, Text: unholed.Replace(t)}
	if !slices.Contains(*to, n) {
		*to = append(*to, n)
	}
}

// module is "python -m name".
func (s *shell) module(name string, args []string) {
	switch name {
	case "pip", "ensurepip", "easy_install":
		if name != "pip" || fetches("pip", args) {
			s.use(buildcode.Network)
		}
		s.use(buildcode.Run(name))
		return
	}
	if s.emit && len(s.f.modules) < maxSnippets {
		s.f.snippet(&s.f.modules, s.current.line, name)
	}
	file := strings.ReplaceAll(name, ".", "/")
	if !s.locate(file+".py", false) {
		s.locate(file+"/__main__.py", false)
	}
}

// windowsShell evaluates cmd and PowerShell started from anywhere.
func (s *shell) windowsShell(name string, args []string, depth int) {
	for i, a := range args {
		if flag := strings.ToLower(a); name == "cmd" && (flag == "/c" || flag == "//c" || flag == "/k") && i+1 < len(args) {
			if s.f.all {
				s.use(buildcode.Run(name))
			}
			for _, line := range strings.Split(strings.ReplaceAll(strings.Join(args[i+1:], " "), "^", ""), "\n") {
				s.batchLine(line)
			}
			return
		}
	}
	s.use(buildcode.Run(name))
	for i, a := range args {
		switch flag := strings.ToLower(a); {
		case name != "cmd" && strings.HasPrefix(flag, "-e") && strings.HasPrefix("-encodedcommand", flag):
			s.use(buildcode.Decode)
			s.use(buildcode.RunUnknown)
			return
		case name != "cmd" && (strings.HasPrefix(flag, "-c") || strings.HasPrefix(flag, "/c")) && i+1 < len(args):
			glance(s, strings.Join(args[i+1:], " "), powershellNames)
			return
		case name != "cmd" && strings.HasPrefix(flag, "-f") && i+1 < len(args):
			s.locate(args[i+1], false)
			return
		}
	}
	if name != "cmd" {
		glance(s, strings.Join(args, " "), powershellNames)
	}
}
