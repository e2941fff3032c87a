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
	e.p.mesonVariables(path.Dir(e.mod.path), l.lines)
	for _, line := range l.lines {
		for i, t := range line.tokens {
			if t.kind != nameToken || i+1 >= len(line.tokens) || !line.tokens[i+1].is("(") {
				continue
			}
			end := matching(line.tokens, i+1)
			if end < 0 {
				continue
			}
			args := line.tokens[i+2 : end]
			switch {
			case t.text == "find_program":
				for _, a := range args {
					if a.kind == stringToken {
						e.mesonFile(a.text)
					}
				}
			case mesonRuns[t.text]:
				e.mesonRun(t.text, args, t.line)
			case t.text == "subdir":
				dir := hole
				if len(args) > 0 && args[0].kind == stringToken && (len(args) == 1 || args[1].is(",")) {
					dir = args[0].text
				}
				e.reach(path.Join(dir, "meson.build"), "meson.build")
			case t.text == "subproject" || t.text == "dependency":
				e.mesonSubproject(t.text, args, t.line)
			}
		}
	}
}

// mesonVariables notes what variables hold, for all build files together: a
// program by its name, "." for what the build makes or configures itself, and the
// strings that may be files.
func (p *program) mesonVariables(dir string, lines []logicalLine) {
	for _, line := range lines {
		toks := line.tokens
		if len(toks) < 3 || toks[0].kind != nameToken || !toks[1].is("=") && !toks[1].is("+=") {
			continue
		}
		name := toks[0].text
		for i, t := range toks[2:] {
			switch {
			case t.kind == stringToken && len(p.mesonTexts[name]) < maxItems:
				p.mesonTexts[name] = append(p.mesonTexts[name], t.text)
			case t.isName("find_installation"):
				p.mesonPrograms[name] = "python"
			case t.isName("find_program") && len(toks) > i+4 && toks[i+4].kind == stringToken:
				p.mesonPrograms[name] = toks[i+4].text
				if p.c.has(path.Join(dir, toks[i+4].text)) {
					p.mesonPrograms[name] = "." // followed where it is found
				}
			case t.isName("executable"), t.isName("files"), t.isName("configure_file"), t.isName("custom_target"):
				p.mesonPrograms[name] = "."
			case t.isName("get_compiler"):
				p.mesonPrograms[name] = "cc"
			}
		}
	}
}

// mesonRun evaluates a call that starts a program: its first argument, or the
// list behind "command:".
func (e *evaluator) mesonRun(function string, args []token, line int) {
	for _, t := range args {
		switch t.kind {
		case stringToken:
			e.mesonFile(t.text)
		case nameToken:
			for _, text := range e.p.mesonTexts[t.text] {
				e.mesonFile(text)
			}
		}
	}
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
		case t.kind == nameToken && e.p.mesonPrograms[t.text] != "":
			words = append(words, e.p.mesonPrograms[t.text])
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

// mesonSubproject reaches a subproject that is there; a wrap file lets Meson
// download one that is not.
func (e *evaluator) mesonSubproject(function string, args []token, line int) {
	var names []string
	for _, t := range args {
		if t.kind == stringToken {
			names = append(names, t.text)
		}
	}
	if function == "dependency" && len(names) == 0 {
		return // of an object, as py.dependency()
	}
	if !e.p.once(function + " " + strings.Join(names, " ")) {
		return
	}
	if len(names) == 0 { // a name that is computed: any of them
		for _, f := range e.p.c.a.Files() {
			names = append(names, strings.TrimSuffix(path.Base(f.Path), ".wrap"))
		}
	}
	for _, name := range names {
		for _, file := range e.p.c.names[name] {
			dir, found := strings.CutSuffix(file, ".wrap")
			if !found || e.p.c.dirs[dir] || path.Base(path.Dir(dir)) != "subprojects" {
				continue
			}
			if data := e.p.c.take(file); strings.Contains(string(data), "url") {
				e.use(buildcode.Network, line)
			}
		}
	}
	for _, name := range names {
		e.reach(path.Join("subprojects", name, "meson.build"), "meson.build")
	}
}
