package rust

import (
	"regexp"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// choosing matches variables of CMake that say what is started.
var choosing = regexp.MustCompile(`^CMAKE_([A-Z]+_COMPILER|[A-Z]+_COMPILER_LAUNCHER|[A-Z]+_LINKER_LAUNCHER|LINKER|AR|RANLIB|NM|MAKE_PROGRAM)$|RULE_LAUNCH_`)

// injecting are variables by which programs that build anything load or start
// something else.
var injecting = wordSet(`PERL5OPT PERL5LIB PERL5DB PYTHONSTARTUP PYTHONPATH PYTHONHOME RUBYOPT NODE_OPTIONS BASH_ENV ENV SHELL LD_LIBRARY_PATH LD_AUDIT
	GIT_SSH GIT_SSH_COMMAND GIT_EXTERNAL_DIFF GIT_PAGER GIT_EDITOR GIT_ASKPASS GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM GIT_CONFIG_PARAMETERS GIT_TEMPLATE_DIR GIT_EXEC_PATH GIT_DIR
	RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTC CARGO_BUILD_RUSTC_WRAPPER RUSTUP_TOOLCHAIN JAVA_TOOL_OPTIONS COMPILER_PATH GCC_EXEC_PREFIX`)

// handsTool handles a variable handed to a program or to another build system, as
// in env("CC", x) or define("CMAKE_C_COMPILER", x): a literal value is started.
func (c *scanner) handsTool(s *source, i int) {
	args := c.split(s, i+2, block(s.tokens, i+1)-1)
	if len(args) != 2 || at(s.tokens, args[0].lo).kind != str {
		return
	}
	name := s.tokens[args[0].lo].text
	if injecting[name] {
		c.use(s, i, buildcode.RunUnknown, "")
	}
	if tools[name] == "" && !choosing.MatchString(name) {
		return
	}
	for _, literal := range c.evaluate(args[1]).literals {
		if words := strings.Fields(literal); len(words) > 0 {
			c.use(s, i, programOf(words[0]), "")
		}
	}
}

// arguments looks at what well-known programs were handed, wherever it stands.
func (c *scanner) arguments() {
	runs := map[string][]buildcode.Use{}
	for _, u := range c.uses {
		if name, found := strings.CutPrefix(string(u.Capability), "run:"); found {
			runs[name] = append(runs[name], u)
		}
	}
	also := func(capability buildcode.Capability, program string, args ...string) {
		for _, arg := range args {
			if len(runs[program]) > 0 && c.argued(arg) {
				u := runs[program][0]
				c.record(buildcode.Use{Capability: capability, Path: u.Path, Line: u.Line, Text: program + " " + arg})
			}
		}
	}
	also(buildcode.Network, "git", "clone", "fetch", "pull", "ls-remote")
	also(buildcode.Network, "git", "push", "lfs")
	if c.literals["submodule"] {
		// Of update alone the repository says what is fetched, and a package is none.
		also(buildcode.Network, "git", "add")
	}
	also(buildcode.Network, "cargo", "install", "fetch", "publish", "update")
	also(buildcode.Network, "brew", "install")
	builds := []string{"run", "test", "build", "check", "rustc", "bench"}
	also(buildcode.RunUnknown, "cargo", builds...)
	c.nested = len(runs["cargo"]) > 0 && slices.ContainsFunc(builds, c.argued)
	also(buildcode.RunUnknown, "perl", "-e", "-E", "-ne", "-pe", "-le", "-lne", "-ane", "-0pe", "-")
	if u := runs["perl"]; len(u) > 0 && c.feeds {
		c.record(buildcode.Use{Capability: buildcode.RunUnknown, Path: u[0].Path, Line: u[0].Line, Text: "perl given its input"})
	}
	also(buildcode.RunUnknown, "make", "-f", "--eval")
	also(buildcode.RunUnknown, "cmake", "-P", "-E")
}

// argued reports whether a literal is arg, or a line of arguments that begins with it.
func (c *scanner) argued(arg string) bool {
	if c.literals[arg] {
		return true
	}
	for line := range c.literals {
		if rest, found := strings.CutPrefix(line, arg+" "); found && (strings.HasPrefix(rest, "-") || strings.Contains(rest, " -") || strings.Contains(rest, "://")) {
			return true
		}
	}
	return false
}
