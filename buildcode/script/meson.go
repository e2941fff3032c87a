package script

import (
	"path"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// mesonFile is one meson.build.
type mesonFile struct {
	f      *script
	s      *shell
	tokens []mesonToken
	pos    int
	depth  int
	v      *mesonScope
	judged bool
	// judging: a later pass, in which uses are told.
	judging bool
}

type mesonToken struct {
	kind byte // 'n' name, 's' string, 'o' number, or the character of a punctuation; 'f' a format string
	text string
	line int
	// end is the index of the token that closes a bracket.
	end int
}

// mesonScope is what the files of Meson know together: subdir() shares variables.
type mesonScope struct {
	vars map[string]*mesonValue
	all  map[string]bool
}

// mesonValue is what an expression may be: its elements, each of some texts.
type mesonValue struct {
	items [][]string
	named map[string]*mesonValue // keyword arguments
	list  bool
}

func mesonText(texts ...string) *mesonValue { return &mesonValue{items: [][]string{texts}} }

// texts are what any element may be.
func (v *mesonValue) texts() []string {
	var out []string
	for _, item := range v.items {
		out = add(out, item...)
	}
	return out
}

// mesonTokens splits a text by the lexical rules of Meson, which are Python's with
// only '...', ”'...”' and f'...' for strings. It reports a string without an end.
func mesonTokens(text string) ([]mesonToken, string) {
	var out []mesonToken
	var open []int
	line := 1
	failed := ""
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '\n':
			line++
			i++
		case c == ' ' || c == '\t' || c == '\r' || c == '\\':
			i++
		case c == '#':
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case c == '\'' || c == 'f' && i+1 < len(text) && text[i+1] == '\'':
			kind := byte('s')
			if c == 'f' {
				kind = 'f'
				i++
			}
			long := strings.HasPrefix(text[i:], "'''")
			t := mesonToken{kind: kind, line: line}
			if long {
				i += 3
				end := strings.Index(text[i:], "'''")
				if end < 0 {
					failed, end = "a string that does not end", len(text)-i
				}
				t.text = text[i : i+end]
				line += strings.Count(t.text, "\n")
				i = min(i+end+3, len(text))
			} else {
				i++
				from := i
				for i < len(text) && text[i] != '\'' && text[i] != '\n' {
					if text[i] == '\\' {
						i++
					}
					i++
				}
				i = min(i, len(text))
				t.text, _ = unescape(text[from:i])
				if i >= len(text) || text[i] != '\'' {
					failed = "a string that does not end"
				} else {
					i++
				}
			}
			out = append(out, t)
		case nameByte(c):
			from := i
			for i < len(text) && nameByte(text[i]) {
				i++
			}
			kind := byte('n')
			if c >= '0' && c <= '9' {
				kind = 'o'
			}
			out = append(out, mesonToken{kind: kind, text: text[from:i], line: line})
		default:
			t := mesonToken{kind: c, text: string(c), line: line}
			switch c {
			case '(', '[', '{':
				open = append(open, len(out))
			case ')', ']', '}':
				if n := len(open); n > 0 {
					out[open[n-1]].end = len(out)
					open = open[:n-1]
				}
			}
			out = append(out, t)
			i++
		}
	}
	for _, at := range open {
		out[at].end = len(out)
	}
	return out, failed
}

func (f *script) addMeson(text string) {
	tokens, failed := mesonTokens(text)
	if failed != "" {
		f.record(buildcode.Unanalysed, 0, failed)
	}
	f.mesons = append(f.mesons, &mesonFile{f: f, s: newShell(f), tokens: tokens})
}

// meson judges all files that were read.
func (a *analysis) meson() {
	if !slices.ContainsFunc(a.mesons, func(m *mesonFile) bool { return !m.judged }) {
		return
	}
	a.mesonRounds++
	scope := &mesonScope{vars: map[string]*mesonValue{}, all: map[string]bool{}}
	for round := range 3 { // the names that others are made of come first, mostly
		for _, m := range a.mesons {
			if m.judged && a.mesonRounds > maxCMakeRounds || a.ctx.Err() != nil {
				continue
			}
			m.v, m.judging, m.s.emit, m.s.built = scope, round == 2, round == 2, 0
			m.statements()
		}
	}
	for _, m := range a.mesons {
		m.judged = true
	}
}

// statements reads the whole file: assignments bind, and every call is judged.
func (m *mesonFile) statements() {
	for m.pos = 0; m.pos < len(m.tokens); {
		at := m.pos
		t := m.tokens[m.pos]
		if t.kind == 'n' && t.text == "foreach" && m.at(1).kind == 'n' {
			name := m.at(1).text
			m.pos += 2
			for m.pos < len(m.tokens) && m.at(0).kind != ':' && m.at(0).line == t.line {
				m.pos++
			}
			m.pos++
			m.bind(name, m.expression())
			continue
		}
		if t.kind == 'n' && (m.at(1).kind == '=' && m.at(2).kind != '=' || m.at(1).kind == '+' && m.at(2).kind == '=') {
			m.pos += 2
			if m.at(-1).kind == '+' {
				m.pos++
			}
			m.bind(t.text, m.expression())
		} else {
			m.expression()
		}
		if m.pos == at {
			m.pos++
		}
	}
}

// at is the token i further, or none.
func (m *mesonFile) at(i int) mesonToken {
	if m.pos+i >= 0 && m.pos+i < len(m.tokens) {
		return m.tokens[m.pos+i]
	}
	return mesonToken{}
}

const maxMesonItems = 200

func (m *mesonFile) bind(name string, v *mesonValue) {
	b := m.v.vars[name]
	if b == nil {
		b = &mesonValue{}
		m.v.vars[name] = b
	}
	for i, item := range v.items {
		if v.list || b.list {
			if len(b.items) < maxMesonItems && !slices.ContainsFunc(b.items, func(have []string) bool { return slices.Equal(have, item) }) {
				b.items = append(b.items, item)
			}
			continue
		}
		if i < len(b.items) {
			b.items[i] = add(b.items[i], item...)
		} else {
			b.items = append(b.items, slices.Clone(item))
		}
	}
	b.list = b.list || v.list
}

// expression evaluates what stands at the current token.
func (m *mesonFile) expression() *mesonValue {
	if m.depth > maxNesting {
		m.pos++
		return mesonText(content)
	}
	m.depth++
	defer func() { m.depth-- }()
	v := m.term()
	for {
		switch t := m.at(0); {
		case t.kind == '+' && m.at(1).kind != '=', t.kind == '/':
			separator := ""
			if t.kind == '/' {
				separator = "/"
			}
			m.pos++
			right := m.term()
			if v.list || right.list {
				v = &mesonValue{items: append(slices.Clip(v.items), right.items...), list: true}
			} else {
				v = mesonText(m.s.concat(m.s.concat(v.texts(), []string{separator}), right.texts())...)
			}
		case t.kind == '?':
			m.pos++
			yes := m.expression()
			if m.at(0).kind == ':' {
				m.pos++
				no := m.expression()
				v = &mesonValue{items: [][]string{add(yes.texts(), no.texts()...)}, list: false}
				if yes.list || no.list {
					v = &mesonValue{items: append(slices.Clip(yes.items), no.items...), list: true}
				}
			} else {
				v = yes
			}
		case t.kind == '=' && m.at(1).kind == '=', t.kind == '!' && m.at(1).kind == '=':
			m.pos += 2
			m.term()
			v = mesonText(outside)
		case t.kind == 'n' && (t.text == "and" || t.text == "or" || t.text == "in" || t.text == "not"):
			m.pos++
			m.term()
			v = mesonText(outside)
		default:
			return v
		}
	}
}

func (m *mesonFile) term() *mesonValue {
	t := m.at(0)
	var v *mesonValue
	switch {
	case t.kind == 's':
		m.pos++
		v = mesonText(t.text)
	case t.kind == 'f':
		m.pos++
		v = mesonText(m.format(t.text, nil)...)
	case t.kind == 'n' && m.at(1).kind == '(':
		v = m.call(nil)
	case t.kind == 'n':
		m.pos++
		if b := m.v.vars[t.text]; b != nil {
			v = &mesonValue{items: slices.Clip(b.items), list: b.list}
		} else {
			v = mesonText(outside)
		}
	case t.kind == '[':
		m.pos++
		v = m.elements(t.end)
		v.list = true
	case t.kind == '(':
		m.pos++
		v = m.expression()
		m.pos = max(m.pos, t.end+1)
	case t.kind == '{':
		m.pos++
		v = m.elements(t.end)
		v.list = true
	case t.kind == '-' || t.kind == 'o':
		m.pos++
		v = mesonText(outside)
	default:
		if t.kind != 0 && t.kind != ')' && t.kind != ']' && t.kind != '}' && t.kind != ',' && t.kind != ':' {
			m.pos++
		}
		return mesonText(outside)
	}
	for {
		switch {
		case m.at(0).kind == '.' && m.at(1).kind == 'n' && m.at(2).kind == '(':
			m.pos++
			v = m.call(v)
		case m.at(0).kind == '[' && m.at(0).line == m.at(-1).line:
			end := m.at(0).end
			m.pos++
			m.expression()
			m.pos = max(m.pos, end+1)
			v = mesonText(v.texts()...)
		default:
			return v
		}
	}
}

// elements reads what stands up to the token at end, and goes behind it.
func (m *mesonFile) elements(end int) *mesonValue {
	v := &mesonValue{named: map[string]*mesonValue{}}
	for m.pos < end && m.pos < len(m.tokens) {
		at := m.pos
		if (m.at(0).kind == 'n' || m.at(0).kind == 's') && m.at(1).kind == ':' {
			name := m.at(0).text
			m.pos += 2
			v.named[name] = m.expression()
		} else if m.at(0).kind == ',' {
			m.pos++
		} else {
			e := m.expression()
			if e.list {
				v.items = append(v.items, e.items...)
			} else {
				v.items = append(v.items, e.texts())
			}
			if len(v.items) > 4*maxMesonItems {
				v.items = append(v.items[:maxMesonItems], []string{content})
			}
		}
		if m.pos == at {
			m.pos++
		}
	}
	m.pos = max(m.pos, end+1)
	return v
}

// format replaces @name@ and @0@ in a text.
func (m *mesonFile) format(t string, args [][]string) []string {
	out := []string{""}
	for {
		before, rest, found := strings.Cut(t, "@")
		out = m.s.concat(out, []string{before})
		if !found {
			return out
		}
		name, after, closed := strings.Cut(rest, "@")
		if !closed {
			return m.s.concat(out, []string{"@" + rest})
		}
		switch {
		case number(name) && len(name) == 1 && int(name[0]-'0') < len(args):
			out = m.s.concat(out, args[name[0]-'0'])
		case args == nil && m.v.vars[name] != nil:
			out = m.s.concat(out, m.v.vars[name].texts())
		default:
			out = m.s.concat(out, []string{outside})
		}
		t = after
	}
}

// call evaluates name(...) at the current token, of an object if there is one.
func (m *mesonFile) call(of *mesonValue) *mesonValue {
	name, line, end := m.at(0).text, m.at(0).line, m.at(1).end
	m.pos += 2
	args := m.elements(end)
	m.s.current = &command{line: line}
	if of != nil {
		return m.method(name, of, args)
	}
	switch name {
	case "find_program":
		var texts []string
		for _, t := range args.texts() {
			m.script(t)
			texts = add(texts, t)
		}
		return mesonText(texts...)
	case "files":
		var items [][]string
		for _, item := range args.items {
			var texts []string
			for _, t := range item {
				texts = add(texts, path.Join(path.Dir(m.f.path), t))
			}
			items = append(items, texts)
		}
		return &mesonValue{items: items, list: true}
	case "join_paths":
		out := []string{""}
		for i, item := range args.items {
			if i > 0 {
				out = m.s.concat(out, []string{"/"})
			}
			out = m.s.concat(out, item)
		}
		return mesonText(out...)
	case "run_command":
		m.run(args.items)
		return mesonText(output)
	case "generator":
		m.run(args.items)
		return mesonText(built)
	case "custom_target", "run_target", "vcs_tag", "test", "benchmark":
		if c := args.named["command"]; c != nil {
			m.run(c.items)
		} else if (name == "test" || name == "benchmark") && len(args.items) > 1 {
			return mesonText(built) // tests run only when asked to
		}
		return mesonText(built)
	case "executable", "library", "static_library", "shared_library", "shared_module", "both_libraries", "jar", "build_target":
		return mesonText(built)
	case "configure_file":
		if c := args.named["command"]; c != nil {
			m.run(c.items)
		}
		if in := args.named["input"]; in != nil {
			for _, t := range in.texts() {
				m.script(t)
			}
		}
		return mesonText(built)
	case "subdir":
		for _, t := range args.texts() {
			m.subdir(t)
		}
	case "subproject":
		m.subprojects(args.texts())
	case "dependency":
		names := args.texts()
		if fallback := args.named["fallback"]; fallback != nil && len(fallback.items) > 0 {
			names = add(names, fallback.items[0]...)
		}
		if len(args.items) > 0 {
			m.subprojects(names)
		}
	case "import", "get_option", "get_variable":
	}
	return mesonText(outside)
}

// method evaluates a method of an object or module.
func (m *mesonFile) method(name string, of, args *mesonValue) *mesonValue {
	switch name {
	case "format":
		var out []string
		for _, t := range of.texts() {
			out = add(out, m.format(t, args.items)...)
		}
		return mesonText(out...)
	case "add_install_script", "add_postconf_script", "add_dist_script":
		m.run(args.items)
	case "find_installation", "find_python":
		return mesonText("python")
	case "get_compiler":
		return mesonText("cc")
	case "full_path", "path", "strip", "to_lower", "replace", "substring", "underscorify":
		if name == "replace" && len(args.items) == 2 {
			var out []string
			for _, t := range of.texts() {
				for _, from := range args.items[0] {
					if from == "" || hasHole(t) || hasHole(from) {
						out = add(out, output)
						continue
					}
					for _, to := range args.items[1] {
						out = add(out, strings.ReplaceAll(t, from, to))
					}
				}
			}
			return mesonText(out...)
		}
		if name == "substring" {
			return mesonText(output)
		}
		return of
	case "to_upper":
		var out []string
		for _, t := range of.texts() {
			out = add(out, strings.ToUpper(t))
		}
		return mesonText(out...)
	case "split":
		separator := " "
		if texts := args.texts(); len(texts) > 0 && texts[0] != "" {
			separator = texts[0]
		}
		v := &mesonValue{list: true}
		for _, t := range of.texts() {
			for _, f := range strings.Split(t, separator) {
				if len(v.items) < maxMesonItems {
					v.items = append(v.items, []string{f})
				}
			}
		}
		return v
	case "join":
		var whole []string
		for _, item := range args.items {
			if len(item) > 0 {
				whole = append(whole, item[0])
			}
		}
		return mesonText(strings.Join(whole, of.texts()[0]))
	case "stdout", "stderr":
		return mesonText(output)
	case "read", "load", "load_from": // of fs and keyval
		return mesonText(content)
	case "run": // of a compiler: what was compiled runs
		m.s.use(buildcode.Compile)
	case "process", "compile_resources":
		return mesonText(built)
	case "current_source_dir":
		return mesonText(path.Dir(m.f.path))
	case "project_source_root", "source_root", "global_source_root":
		return mesonText(".")
	case "subproject": // of the cmake module
		m.subprojects(args.texts())
	case "dependency", "extension_module", "get_variable":
		if name == "get_variable" {
			return mesonText(outside)
		}
	}
	return mesonText(outside)
}

// run judges a program with its arguments.
func (m *mesonFile) run(items [][]string) {
	if !m.judging || len(items) == 0 {
		return
	}
	vectors := [][]string{nil}
	for _, item := range items {
		var choices [][]string
		for _, t := range item {
			choices = append(choices, []string{t})
			m.script(t)
		}
		if len(choices) > 0 {
			vectors = combine(vectors, choices)
		}
	}
	for _, argv := range vectors {
		// Meson looks for a program beside the build file first.
		if len(argv) > 0 && argv[0] != "" && !m.s.locate(argv[0], false) {
			m.s.run(argv, nil, 0)
		}
	}
}

// script reaches a file that a string names.
func (m *mesonFile) script(t string) {
	if l := languageOfName(t); m.judging && (l != other && (l != unsure || strings.Contains(t, ".")) || path.Ext(t) == ".py") {
		m.s.locate(t, false)
	}
}

func (m *mesonFile) subdir(t string) {
	if !m.judging {
		return
	}
	if hasHole(t) {
		if !m.s.locate(join(t, "meson.build"), false) {
			m.f.reachAll("meson.build")
		}
		return
	}
	m.s.locate(join(t, "meson.build"), false)
	m.s.locate(join(t, "meson_options.txt"), false)
}

// subprojects reach what is there; a wrap file lets Meson download what is not.
func (m *mesonFile) subprojects(names []string) {
	if !m.judging {
		return
	}
	for _, name := range names {
		if hasHole(name) {
			if !m.f.asked["subprojects"] {
				m.f.asked["subprojects"] = true
				m.f.reachAll("meson.build")
			}
			continue
		}
		there := false
		for _, file := range m.f.p.Named("meson.build") {
			if strings.HasSuffix("/"+file, "/subprojects/"+name+"/meson.build") {
				m.f.reach(file)
				there = true
			}
		}
		if !there {
			for _, file := range m.f.p.Named(name + ".wrap") {
				if path.Base(path.Dir(file)) == "subprojects" {
					m.f.reach(file)
				}
			}
		}
	}
}
