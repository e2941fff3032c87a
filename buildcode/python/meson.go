package python

import (
	"path"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// mesonRuns are functions of Meson that start programs while configuring,
// building or installing.
var mesonRuns = set(`run_command custom_target generator run_target add_install_script add_postconf_script add_dist_script vcs_tag`)

// meson looks at a meson.build file. Its tokens are Python's, apart from
// format strings.
func (e *evaluator) meson(text string) {
	l := &lexer{src: strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), line: 1, plain: true}
	l.run()
	if l.err != nil {
		e.p.c.use(buildcode.Unanalysed, e.mod.path, 0, l.err.Error())
	}
	programs := mesonPrograms(l.lines)
	for _, line := range l.lines {
		installed := 0 // up to where files are only installed
		for i, t := range line.tokens {
			if t.kind == stringToken && i >= installed {
				e.mesonFile(t.text)
			}
			if t.kind != nameToken || i+1 >= len(line.tokens) || !line.tokens[i+1].is("(") {
				continue
			}
			end := matching(line.tokens, i+1)
			if end < 0 {
				continue
			}
			args := line.tokens[i+2 : end]
			switch {
			case strings.HasPrefix(t.text, "install_"):
				installed = end
			case mesonRuns[t.text]:
				e.mesonRun(t.text, args, programs, t.line)
			case t.text == "subproject" || t.text == "dependency":
				e.mesonSubproject(t.line)
			}
		}
	}
}

// mesonPrograms are variables that hold programs, by what they were assigned.
func mesonPrograms(lines []logicalLine) map[string]string {
	out := make(map[string]string)
	for _, line := range lines {
		toks := line.tokens
		if len(toks) < 3 || toks[0].kind != nameToken || !toks[1].is("=") {
			continue
		}
		for i, t := range toks[2:] {
			switch {
			case t.isName("find_installation"):
				out[toks[0].text] = "python"
			case t.isName("find_program") && len(toks) > i+4 && toks[i+4].kind == stringToken:
				out[toks[0].text] = toks[i+4].text
			case t.isName("executable"), t.isName("files"), t.isName("configure_file"):
				out[toks[0].text] = "."
			case t.isName("get_compiler"):
				out[toks[0].text] = "cc"
			}
		}
	}
	return out
}

// mesonRun evaluates a call that starts a program: its first argument, or the
// list behind "command:".
func (e *evaluator) mesonRun(function string, args []token, programs map[string]string, line int) {
	from := 0
	if function == "custom_target" || function == "run_target" || function == "vcs_tag" {
		from = -1
		for i, t := range args {
			if t.isName("command") && i+1 < len(args) && args[i+1].is(":") {
				from = i + 2
			}
		}
		if from < 0 {
			return
		}
	}
	for from < len(args) && (args[from].is("[") || args[from].is("(")) {
		from++
	}
	if from >= len(args) {
		return
	}
	var words []string
	for _, t := range args[from:] {
		if t.is("]") || t.is(":") {
			break
		}
		switch {
		case t.kind == stringToken:
			words = append(words, t.text)
		case t.kind == nameToken && programs[t.text] != "":
			words = append(words, programs[t.text])
		case t.kind == nameToken && len(words) == 0:
			if t.text == "find_program" {
				continue
			}
			words = append(words, hole)
		case t.is("(") || t.is(",") || t.is("[") || t.is("."):
		}
	}
	if len(words) == 0 || words[0] == "." {
		return
	}
	if file := path.Join(path.Dir(e.mod.path), words[0]); e.p.c.has(file) {
		e.p.start(file)
		return // a script of the archive, which speaks for itself
	}
	e.command(words, line, 0)
}

// mesonFile follows scripts that a string names, relative to its directory.
func (e *evaluator) mesonFile(s string) {
	if s == "" || len(s) > 300 || strings.Contains(s, "\n") {
		return
	}
	file := path.Join(path.Dir(e.mod.path), s)
	if ext := path.Ext(file); (ext == ".py" || ext == ".sh" || ext == ".pl") && e.p.c.has(file) {
		e.p.start(file)
	}
}

// mesonSubproject: a wrap file lets Meson download what is not there.
func (e *evaluator) mesonSubproject(line int) {
	for _, f := range e.p.c.a.Files() {
		name, found := strings.CutSuffix(f.Path, ".wrap")
		if !found || e.p.c.dirs[name] {
			continue
		}
		if data := e.p.c.take(f.Path); strings.Contains(string(data), "url") {
			e.use(buildcode.Network, line)
			return
		}
	}
}
