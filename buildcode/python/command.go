package python

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/buildcode/script"
)

// start evaluates the starting of v: a command line, a program, or an argument
// vector; shell says that a shell reads it.
func (e *evaluator) start(v value, shell bool, line int) {
	unknown := v.unknown || len(v.files) > 0 || v.empty()
	for _, s := range v.strs {
		e.commandLine(s, line, 0)
	}
	for _, p := range v.paths {
		if p == "sys.executable" {
			e.use(buildcode.Run("python"), line)
		} else {
			unknown = true
		}
	}
	if l := v.list; l != nil {
		switch {
		case shell:
			e.start(l.head, true, line)
		case l.exact && len(l.items) > 0:
			for _, words := range argv(l.items) {
				e.command(words, line, 0)
			}
			e.escape(l.rest, line)
		default:
			head := l.head
			if head.list != nil { // [["git"], ...] flattened too far
				head = join(head, head.elements(0))
				head.list = nil
			}
			variants := argv([]value{head})
			for _, words := range variants {
				// What is appended may be the first element only of an empty list.
				if len(variants) == 1 || !strings.HasPrefix(words[0], "-") {
					e.command(words, line, 0)
				}
			}
			e.arguments1(l.rest, line)
		}
	}
	if unknown {
		e.use(buildcode.RunUnknown, line)
	}
}

// arguments1 looks at the arguments of a program whose order is not known.
func (e *evaluator) arguments1(v value, line int) {
	for _, s := range append(slices.Clone(v.strs), v.elements(0).strs...) {
		e.word(s, true, line)
	}
}

const (
	// exactWords of an argument vector are kept apart by what they may be, since
	// what an interpreter runs stands among them; of later ones any may follow.
	exactWords = 4
	// maxVariants bounds the vectors that these make.
	maxVariants = 32
)

// argv is every argument vector that items may be. A hole stands for what is
// unknown.
func argv(items []value) [][]string {
	out := [][]string{nil}
	for i, item := range items {
		texts := wordsOf(item)
		if i >= exactWords || len(out)*len(texts) > maxVariants {
			for k := range out {
				out[k] = append(slices.Clip(out[k]), texts...)
			}
			if i < exactWords { // not told apart, so not known
				out = append(out, []string{hole})
			}
			continue
		}
		var next [][]string
		for _, words := range out {
			for _, text := range texts {
				next = append(next, append(slices.Clip(words), text))
			}
		}
		out = next
	}
	return out
}

// wordsOf is what one argument may be.
func wordsOf(v value) []string {
	var texts []string
	for _, p := range v.paths {
		if p == "sys.executable" {
			texts = append(texts, "python")
		}
	}
	if len(texts) > 0 && len(texts) == len(v.paths) && !v.unknown && v.list == nil && len(v.files) == 0 {
		return append(texts, v.strs...)
	}
	return append(texts, v.text()...)
}

// maxShellDepth bounds shells within command lines.
const maxShellDepth = 5

// commandLine evaluates every command of a shell's command line.
func (e *evaluator) commandLine(s string, line, depth int) {
	if depth > maxShellDepth {
		e.use(buildcode.RunUnknown, line)
		return
	}
	commands := script.Commands(s)
	for _, words := range commands {
		e.command(words, line, depth)
	}
	if e.emits() {
		// What only the whole line shows: pipes into shells, what is decoded.
		r := script.CommandLine(e.p.c.ctx, e.p.scriptPackage(), e.mod.path, line, s)
		for _, u := range r.Uses {
			if u.Path == e.mod.path && (!strings.HasPrefix(string(u.Capability), "run:") || u.Capability == buildcode.RunUnknown) {
				e.use(u.Capability, line)
			}
		}
		for _, file := range r.Files {
			e.p.start(file)
		}
	}
	if len(commands) == 0 && strings.TrimSpace(s) != "" {
		e.use(buildcode.RunUnknown, line)
	}
	if strings.Contains(s, "/dev/tcp/") || strings.Contains(s, "/dev/udp/") {
		e.use(buildcode.Network, line)
	}
	if homeMarks.MatchString(s) {
		e.use(buildcode.Home, line)
	}
}

var (
	networkTools = set(`curl wget nc ncat netcat telnet ssh scp sftp ftp tftp rsync socat aria2c lynx dig nslookup http https invoke-webrequest iwr bitsadmin certutil npx yarn pnpm pipx easy_install powershell pwsh mshta
		start-bitstransfer docker podman`)
	// packageTools fetch with some of their subcommands.
	packageTools = set(`git pip uv npm conda mamba apt apt-get dnf yum apk brew gem go vcpkg conan cargo hg svn`)
	// wrappers start the program that is among their arguments.
	wrappers = set(`sudo doas env nohup exec command xargs time nice ionice timeout setsid stdbuf ccache sccache eval chroot strace unbuffer xvfb-run`)
	shells   = set(`sh bash dash zsh ksh ash fish cmd powershell pwsh`)
)

var assignment = regexp.MustCompile(`^[A-Za-z_]\w*=`)

// programName is what a program is called in a capability; "" if it is unknown.
var plainName = regexp.MustCompile(`^[A-Za-z0-9_+][A-Za-z0-9._+-]{0,63}$`)

var pythonName = regexp.MustCompile(`^(python|pip|pypy)[0-9.]*w?$`)

func programName(word string) string {
	if variable, found := strings.CutPrefix(word, "$"); found {
		return programVariables[strings.Trim(variable, "{}()")]
	}
	word = strings.ReplaceAll(word, `\`, "/")
	word = word[strings.LastIndexByte(word, '/')+1:]
	if lower := strings.ToLower(word); strings.HasSuffix(lower, ".exe") || strings.HasSuffix(lower, ".cmd") || strings.HasSuffix(lower, ".bat") {
		word = lower[:len(lower)-4]
	}
	if m := pythonName.FindStringSubmatch(word); m != nil {
		word = m[1]
	}
	if !plainName.MatchString(word) {
		return ""
	}
	return word
}

// command evaluates one program with its arguments.
func (e *evaluator) command(words []string, line, depth int) {
	for len(words) > 0 && assignment.MatchString(words[0]) {
		words = words[1:]
	}
	if len(words) == 0 {
		return
	}
	name := programName(words[0])
	lower := strings.ToLower(name)
	args := words[1:]
	reads := name == "" || shells[lower] || wrappers[lower] || makes[lower]
	for i, w := range words {
		e.word(w, reads || i == 0, line)
		if file, inside := insidePath(w); i > 0 && (shells[lower] || makes[lower]) && inside && e.p.c.has(file) {
			e.p.asScript(file)
		}
	}
	switch {
	case name == "":
		e.use(buildcode.RunUnknown, line)
	case (name == "python" || name == "pypy") && e.interpreter(args, line):
		// What it runs is part of the surface and speaks for itself.
	default:
		e.use(buildcode.Run(name), line)
	}
	switch {
	case depth > maxShellDepth:
	case wrappers[lower]:
		for len(args) > 0 && (strings.HasPrefix(args[0], "-") || assignment.MatchString(args[0]) || lower == "timeout" && args[0] != "" && isDigit(args[0][0])) {
			args = args[1:]
		}
		e.command(args, line, depth+1)
	case shells[lower]:
		for i, a := range args {
			if flag := strings.ToLower(a); (strings.HasPrefix(flag, "-") && strings.HasSuffix(flag, "c") || flag == "/c" || flag == "-command") && i+1 < len(args) {
				e.commandLine(args[i+1], line, depth+1)
			}
		}
	}
	if networkTools[lower] || packageTools[lower] && slices.ContainsFunc(args, fetches) {
		e.use(buildcode.Network, line)
	}
	if decodes(lower, args) {
		e.use(buildcode.Decode, line)
	}
}

// fetches reports whether a subcommand reaches for the network.
func fetches(arg string) bool {
	switch arg {
	case "install", "download", "wheel", "clone", "fetch", "pull", "submodule", "ls-remote", "push", "ci", "get", "add", "sync", "upgrade", "update", "mod", "checkout", "co", hole:
		return true
	}
	return false
}

// decodes reports whether a command turns encoded text into something else.
func decodes(name string, args []string) bool {
	switch name {
	case "base64", "base32":
		return slices.ContainsFunc(args, func(a string) bool { return a == "-d" || a == "-D" || a == "--decode" || a == "-di" })
	case "xxd":
		return slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "-r") })
	case "openssl":
		return slices.Contains(args, "-d")
	}
	return false
}

// interpreter evaluates the arguments of a Python interpreter. True if all that it
// runs is known: code in the command, or a script or module of the archive.
func (e *evaluator) interpreter(args []string, line int) bool {
	for i, a := range args {
		switch {
		case !strings.HasPrefix(a, "-"):
			file, inside := insidePath(a)
			if inside && e.p.c.has(file) {
				e.p.startPython(file)
				return true
			}
			return false
		case i+1 >= len(args):
			return false
		case a == "-c":
			code := args[i+1]
			e.code(value{strs: []string{code}}, line, buildcode.LoadCode)
			return !strings.Contains(code, hole)
		case a == "-m":
			return e.runModule(args[i+1], args[i+2:], line)
		case a == "-W" || a == "-X" || a == "-": // with an argument, or from standard input
			return false
		}
	}
	return false
}

// runModule is "python -m module".
func (e *evaluator) runModule(module string, args []string, line int) bool {
	switch module {
	case "pip", "ensurepip", "easy_install":
		if module != "pip" || slices.ContainsFunc(args, fetches) {
			e.use(buildcode.Network, line)
		}
		e.use(buildcode.Run(module), line)
		return false
	}
	if strings.Contains(module, hole) {
		return false
	}
	found := join(e.p.find(module, e.roots()), e.p.find(module+".__main__", e.roots()))
	for _, at := range found.paths {
		if m := e.p.moduleAt(at); m != nil {
			e.p.enter(m.path)
		}
	}
	return len(found.paths) > 0 && !found.unknown
}

// word looks at one argument of a program: a file of the archive is run, or
// may be.
// Prose and data are handed to programs to be read, unless it is one that runs
// whatever it is handed.
func (e *evaluator) word(w string, runs bool, line int) {
	if w == "" || strings.Contains(w, hole) {
		return
	}
	if homeMarks.MatchString(w) {
		e.use(buildcode.Home, line)
	}
	file, inside := insidePath(w)
	switch {
	case !inside || !e.p.c.has(file):
	case !runs && proseFile(file):
		e.p.c.add(file)
	default:
		e.p.start(file)
	}
}

// makes read what they run from a file of any name.
var makes = set(`make gmake nmake source . xargs`)

// proseFile reports whether a file is a text or data by its name.
func proseFile(file string) bool {
	switch strings.ToLower(path.Ext(file)) {
	case ".rst", ".md", ".txt", ".html", ".json", ".csv", ".svg", ".xml", ".po", ".pot", ".cfg", ".toml", ".yml", ".yaml":
		return path.Base(file) != "CMakeLists.txt"
	}
	return false
}
