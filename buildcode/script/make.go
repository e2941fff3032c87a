package script

import (
	"path"
	"regexp"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// makefile is one file of make (POSIX, GNU and BSD make; nmake as far as it is
// like them).
type makefile struct {
	f       *script
	s       *shell
	vars    map[string]*makeVariable
	recipes []recipe
	units   []*unit
	parsed  map[string]bool
	// target and sources of the rule that a recipe belongs to.
	target, source string
	depth          int
	unclosed       bool // no parenthesis closes beyond here
	oneshell       bool
	prefix         string // of a recipe's line
}

type makeVariable struct {
	values []string
	active bool
	known  []string
}

type recipe struct {
	text           string
	line           int
	target, source string
}

var makeAssignment = regexp.MustCompile(`^[ ]*(?:(?:override|export|private)[ ]+)*([^\s:#=!?+]+)[ \t]*(::?:?=|\?=|\+=|!=|=)[ \t]*((?s:.*))$`)

var makeTargetAssignment = regexp.MustCompile(`^[^\t#=][^=#]*?:[ \t]*(?:(?:override|export|private)[ ]+)*([A-Za-z_.][\w.]*)[ \t]*(::?=|\?=|\+=|!=|=)[ \t]*((?s:.*))$`)

// automakeCondition stands before a line of a file that configure fills in and that
// holds under a condition.
var automakeCondition = regexp.MustCompile(`(?m)^(@[A-Za-z_]\w*_(TRUE|FALSE)@)+`)

func readMake(f *script, text string) {
	m := &makefile{f: f, s: newShell(f), vars: map[string]*makeVariable{}, parsed: map[string]bool{}, prefix: "\t"}
	m.s.current = &command{line: 1}
	m.lines(text, 1, false)
	m.evaluate()
}

// lines reads the lines of a makefile, or of what $(eval) makes.
func (m *makefile) lines(text string, first int, fixed bool) {
	var define string
	var body strings.Builder
	target, source := "", ""
	// assigned: a variable was set since the rule began, which ends the rule (GNU make,
	// read.c: eval). Only what is surely an assignment as well is no recipe then.
	inRule, assigned := false, false
	line := first
	for len(text) > 0 {
		at := line
		logical, rest, n := logicalLine(text)
		text = rest
		if !fixed {
			line += n
		}
		logical = automakeCondition.ReplaceAllString(logical, "")
		trimmed := strings.TrimSpace(logical)
		if define != "" {
			if strings.HasPrefix(trimmed, "endef") {
				m.assign(define, "=", body.String(), at)
				define = ""
				body.Reset()
			} else {
				body.WriteString(logical + "\n")
			}
			continue
		}
		if !inRule || assigned && makeAssignment.MatchString(trimmed) {
			logical = strings.TrimLeft(logical, " \t")
		}
		if strings.HasPrefix(logical, m.prefix) && inRule {
			m.recipes = append(m.recipes, recipe{strings.TrimPrefix(logical, m.prefix), at, target, source})
			continue
		}
		if trimmed == "" || trimmed[0] == '#' {
			continue
		}
		word, arg, _ := strings.Cut(trimmed, " ")
		switch word {
		case "define", "override":
			if word == "override" && !strings.HasPrefix(arg, "define ") {
				break
			}
			define, _, _ = strings.Cut(strings.TrimSpace(strings.TrimPrefix(arg, "define ")), " ")
			define = strings.TrimRight(define, ":=?+!")
			continue
		case "include", "-include", "sinclude", ".include", "!include", "load", "-load":
			m.include(word, arg, at)
			continue
		case "ifeq", "ifneq", "ifdef", "ifndef", "else", "endif", "vpath", "unexport", "undefine":
			m.expand(arg)
			continue
		}
		if t := makeTargetAssignment.FindStringSubmatch(logical); t != nil && !strings.HasPrefix(logical, "\t") {
			m.assign(t[1], t[2], t[3], at)
			continue
		}
		if a := makeAssignment.FindStringSubmatch(logical); a != nil {
			m.assign(a[1], a[2], a[3], at)
			assigned = true
			continue
		}
		target, source, inRule, assigned = m.rule(stripComment(logical), at), m.source, true, false
	}
}

// logicalLine is the first line of a text with those that continue it, the
// continuations kept for shells, what follows, and how many lines that is.
func logicalLine(text string) (line, rest string, n int) {
	from := 0
	for {
		n++
		end := strings.IndexByte(text[from:], '\n')
		if end < 0 {
			return text, "", n
		}
		end += from
		backslashes := 0
		for i := end - 1; i >= 0 && text[i] == '\\'; i-- {
			backslashes++
		}
		if backslashes%2 == 0 {
			return text[:end], text[end+1:], n
		}
		from = end + 1
	}
}

func stripComment(s string) string {
	if i := strings.Index(s, " #"); i >= 0 {
		return s[:i]
	}
	return s
}

// rule reads "targets: sources ; recipe" and returns the target if it is one.
func (m *makefile) rule(line string, at int) string {
	head, inline, found := strings.Cut(line, ";")
	targets, sources, _ := strings.Cut(head, ":")
	target := strings.TrimSpace(targets)
	m.source = strings.TrimSpace(strings.TrimLeft(sources, ":"))
	for name := range strings.FieldsSeq(target) {
		if path.Ext(name) == "" && len(m.s.compiled) < 2000 { // what a rule makes
			m.s.compiled[strings.TrimSuffix(madeName(name), "$(EXEEXT)")] = true
		}
	}
	if strings.HasPrefix(target, ".ONESHELL") {
		m.oneshell = true
	}
	if strings.Contains(line, "$") {
		m.s.current = &command{line: at}
		for _, t := range m.expand(head) { // $(shell), and $(eval) alone on a line
			targets, sources, _ := strings.Cut(t, ":")
			target, m.source = strings.TrimSpace(targets), strings.TrimSpace(sources)
		}
	}
	if found {
		m.recipes = append(m.recipes, recipe{inline, at, target, m.source})
	}
	return target
}

func (m *makefile) assign(name, op, value string, at int) {
	if strings.Contains(name, "$") {
		name = m.expand(name)[0]
	}
	value = strings.ReplaceAll(value, "\\\n", " ")
	if i := strings.Index(value, " #"); i >= 0 && !strings.Contains(value, "\n") {
		value = value[:i]
	}
	if name == ".RECIPEPREFIX" {
		if v := strings.TrimSpace(value); len(v) == 1 {
			m.prefix = v
		}
		return
	}
	v := m.vars[name]
	if v == nil {
		v = &makeVariable{}
		m.vars[name] = v
	}
	switch op {
	case "!=":
		m.s.current = &command{line: at}
		m.shell(m.expand(value), at)
		v.values = append(v.values, output)
		return
	case "+=":
		if len(v.values) > 0 && len(v.values[len(v.values)-1])+len(value) < maxText {
			value = v.values[len(v.values)-1] + " " + value
		}
	}
	if len(v.values) < maxTexts {
		v.values = append(v.values, strings.TrimSpace(value))
	} else if v.values[maxTexts-1] != content {
		v.values[maxTexts-1] = content
	}
	v.known = nil
	if strings.Contains(value, "$(shell") || strings.Contains(value, "${shell") || strings.Contains(value, "(eval") {
		m.recipes = append(m.recipes, recipe{"\x00" + value, at, "", ""})
	}
}

func (m *makefile) include(word, arg string, at int) {
	m.s.current = &command{line: at}
	m.s.emit = true
	for _, t := range m.expand(strings.Trim(arg, "<>\"")) {
		for _, name := range strings.Fields(t) {
			if strings.Contains(word, "load") {
				m.s.use(buildcode.LoadCode)
				continue
			}
			if strings.ContainsAny(name, "*?[") {
				continue
			}
			m.s.locate(name, false)
		}
	}
	m.s.emit = false
}

// evaluate runs what was collected, in a loop, since $(eval) adds rules.
func (m *makefile) evaluate() {
	interpreter := ""
	if v := m.vars["SHELL"]; v != nil {
		for _, t := range m.value("SHELL") {
			if name := programName(firstField(t)); name != "" && !shells[name] && name != "cmd" {
				interpreter = name
			}
		}
	}
	m.bindVariables()
	for i := 0; i < len(m.recipes) && m.f.ctx.Err() == nil; i++ {
		r := m.recipes[i]
		if m.oneshell && r.target != "" {
			for i+1 < len(m.recipes) && m.recipes[i+1].target == r.target && len(r.text) < maxText {
				i++
				r.text += "\n" + m.recipes[i].text
			}
		}
		m.target, m.source = r.target, r.source
		m.s.current = &command{line: r.line}
		if text, found := strings.CutPrefix(r.text, "\x00"); found {
			m.expand(text)
			continue
		}
		texts := m.expand(strings.TrimLeft(r.text, " \t@-+"))
		if interpreter != "" {
			m.s.emit = true
			m.s.use(buildcode.Run(interpreter))
			for _, t := range texts {
				m.s.code(interpreter, t, namesOf(interpreter))
			}
			m.s.emit = false
			continue
		}
		m.shell(texts, r.line)
	}
	m.s.judge(m.units)
}

func firstField(t string) string {
	if f := strings.Fields(t); len(f) > 0 {
		return f[0]
	}
	return ""
}

var shellReference = regexp.MustCompile(`\$\$\{?([A-Za-z_]\w*)`)

// bindVariables hands the variables of make to the shells that ask for them.
func (m *makefile) bindVariables() {
	for _, match := range shellReference.FindAllStringSubmatch(m.f.text, 1000) {
		if name := match[1]; m.vars[name] != nil && m.s.vars[name] == nil {
			for _, t := range m.value(name) {
				m.s.bind(name, []word{text(t)}, false, "")
			}
		}
	}
}

// shell parses texts that a shell reads.
func (m *makefile) shell(texts []string, line int) {
	for _, t := range texts {
		t = strings.TrimLeft(t, " \t@-+")
		if strings.TrimSpace(t) == "" || m.parsed[t] {
			continue
		}
		m.parsed[t] = true
		if m.s.nested += len(t); m.s.nested > maxParses+2*len(m.f.text) {
			m.s.tooMuch()
			return
		}
		// A recipe is one line of a shell, and what it lacks make reports, not we.
		u, _ := parseShell(newSource(t, line, true), 0, 0, "", 0)
		u.err = ""
		m.s.collect(u)
		m.units = append(m.units, u)
	}
}

// value is what a variable of make may be.
func (m *makefile) value(name string) []string {
	switch name {
	case "@":
		return []string{oneOr(m.target, built)}
	case "<", "^", "+":
		return []string{oneOr(firstField(m.source), built)}
	case "*", "?", "%", "|", "@D", "@F", "<D", "<F", "*D", "*F", "^D", "^F":
		return []string{built}
	}
	v := m.vars[name]
	if v == nil {
		if tool, found := toolVariables[name]; found {
			return []string{tool}
		}
		if m.s.emit && secretVariable.MatchString(name) {
			m.s.use(buildcode.ReadEnv)
		}
		return []string{outside}
	}
	if v.active || m.depth > maxDepth {
		return []string{outside}
	}
	if v.known != nil {
		return v.known
	}
	v.active = true
	var out []string
	for _, raw := range v.values {
		out = add(out, m.expand(raw)...)
	}
	v.active = false
	if len(out) == 0 {
		out = []string{""}
	}
	if m.depth == 0 && m.vars["1"] == nil {
		v.known = out
	}
	return out
}

func oneOr(name, hole string) string {
	if name == "" || strings.ContainsAny(name, " %*") {
		return hole
	}
	return name
}

// autoconfReference is what configure replaces: @CC@.
var autoconfReference = regexp.MustCompile(`@([A-Za-z_]\w*)@`)

// expand is what a text of make may be.
func (m *makefile) expand(t string) []string {
	if m.depth > maxNesting {
		return []string{content}
	}
	m.depth++
	defer func() { m.depth-- }()
	if strings.Contains(t, "@") {
		t = autoconfReference.ReplaceAllStringFunc(t, func(r string) string {
			name := strings.Trim(r, "@")
			if tool := toolVariables[name]; tool != "" {
				return tool
			}
			if strings.HasSuffix(name, "_TRUE") || strings.HasSuffix(name, "_FALSE") {
				return "" // a condition of automake: nothing, or the line is a comment
			}
			return outside
		})
	}
	out := []string{""}
	put := func(texts []string) { out = m.s.concat(out, texts) }
	for {
		i := strings.IndexByte(t, '$')
		if i < 0 || i+1 >= len(t) {
			put([]string{t})
			return out
		}
		put([]string{t[:i]})
		t = t[i+1:]
		switch c := t[0]; c {
		case '$':
			put([]string{"$"})
			t = t[1:]
		case '(', '{':
			end := -1
			if !m.unclosed {
				end = closing(t)
			}
			if end < 0 {
				m.unclosed = true
				put([]string{outside})
				t = t[1:]
				continue
			}
			put(m.reference(t[1:end]))
			t = t[end+1:]
		default:
			put(m.value(t[:1]))
			t = t[1:]
		}
	}
}

// closing is where the bracket that t begins with is closed; -1 if nowhere.
func closing(t string) int {
	open, end := t[0], byte(')')
	if open == '{' {
		end = '}'
	}
	depth := 0
	for i := 0; i < len(t); i++ {
		switch t[i] {
		case open:
			depth++
		case end:
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// arguments splits the arguments of a function at its commas.
func arguments(t string) []string {
	var out []string
	depth, from := 0, 0
	for i := 0; i < len(t); i++ {
		switch t[i] {
		case '(', '{':
			depth++
		case ')', '}':
			depth--
		case ',':
			if depth == 0 && len(out) < 64 {
				out = append(out, t[from:i])
				from = i + 1
			}
		}
	}
	return append(out, t[from:])
}

// reference is what stands in $( ).
func (m *makefile) reference(t string) []string {
	name, rest, call := strings.Cut(t, " ")
	if !call {
		name, rest, call = strings.Cut(t, "\t")
	}
	if call {
		if texts, ok := m.function(name, rest); ok {
			return texts
		}
	}
	if before, after, found := strings.Cut(t, ":"); found && !strings.Contains(before, "$") {
		from, to, _ := strings.Cut(after, "=")
		var out []string
		for _, v := range m.value(before) {
			out = add(out, strings.ReplaceAll(v, strings.TrimPrefix(from, "%"), strings.TrimPrefix(to, "%")))
		}
		return out
	}
	if !strings.Contains(t, "$") {
		return m.value(t)
	}
	var out []string
	for _, n := range m.expand(t) {
		if hasHole(n) {
			out = add(out, outside)
		} else {
			out = add(out, m.value(n)...)
		}
	}
	return out
}

// function evaluates a function of GNU make.
func (m *makefile) function(name, rest string) ([]string, bool) {
	switch name {
	case "shell":
		m.shell(m.expand(rest), m.s.current.line)
		return []string{output}, true
	case "eval":
		for _, t := range m.expand(rest) {
			if strings.Trim(t, holes+" ") == "" && strings.ContainsAny(t, output+content) {
				m.use(buildcode.LoadCode)
			} else if m.depth < maxNesting/2 && !m.parsed["\x00"+t] && len(m.parsed) < 2000 {
				m.parsed["\x00"+t] = true
				m.lines(t, m.s.current.line, true)
			}
		}
		return []string{""}, true
	case "guile":
		m.use(buildcode.LoadCode)
		return []string{output}, true
	case "call", "foreach", "if", "or", "and", "let":
		return m.control(name, arguments(rest)), true
	}
	args := arguments(rest)
	last := args[len(args)-1]
	var out []string
	switch name {
	case "strip", "sort", "wildcard", "abspath", "realpath", "value":
		if name == "value" {
			return m.value(strings.TrimSpace(rest)), true
		}
		return m.expand(strings.TrimSpace(rest)), true
	case "firstword", "lastword", "word":
		for _, t := range m.expand(last) {
			fields := strings.Fields(t)
			switch {
			case len(fields) == 0:
				out = add(out, "")
			case name == "firstword":
				out = add(out, fields[0])
			case name == "lastword":
				out = add(out, fields[len(fields)-1])
			default:
				out = add(out, fields...)
			}
		}
		return out, true
	case "notdir", "basename", "dir", "suffix":
		for _, t := range m.expand(last) {
			switch {
			case name == "notdir":
				out = add(out, t[strings.LastIndexByte(t, '/')+1:])
			case name == "dir":
				out = add(out, path.Dir(t)+"/")
			case name == "basename":
				out = add(out, strings.TrimSuffix(t, path.Ext(t)))
			default:
				out = add(out, path.Ext(t))
			}
		}
		return out, true
	case "subst", "patsubst":
		if len(args) < 3 {
			return []string{""}, true
		}
		from, to := m.expand(args[0])[0], m.expand(args[1])[0]
		for _, t := range m.expand(args[2]) {
			if from == "" || hasHole(from) {
				out = add(out, output)
			} else {
				out = add(out, strings.ReplaceAll(t, strings.Trim(from, "%"), strings.Trim(to, "%")))
			}
		}
		return out, true
	case "addprefix":
		return m.s.concat(m.expand(args[0]), m.expand(last)), true
	case "addsuffix", "join":
		return m.s.concat(m.expand(last), m.expand(args[0])), true
	case "filter", "filter-out", "wordlist", "findstring":
		return m.expand(last), true
	case "file", "info", "warning", "error", "origin", "flavor", "words", "intcmp":
		m.expand(rest)
		return []string{""}, true
	}
	return nil, false
}

func (m *makefile) use(c buildcode.Capability) {
	was := m.s.emit
	m.s.emit = true
	m.s.use(c)
	m.s.emit = was
}

// control evaluates functions that decide or repeat.
func (m *makefile) control(name string, args []string) []string {
	switch name {
	case "call":
		was := make(map[string]*makeVariable)
		for i, a := range args[1:] {
			n := string(rune('1' + i))
			if i > 8 {
				break
			}
			was[n] = m.vars[n]
			m.vars[n] = &makeVariable{known: m.expand(a)}
		}
		var out []string
		for _, n := range m.expand(strings.TrimSpace(args[0])) {
			if v := m.vars[n]; v != nil {
				v.known = nil
			}
			out = add(out, m.value(n)...)
			if v := m.vars[n]; v != nil {
				v.known = nil
			}
		}
		for n, v := range was {
			if v == nil {
				delete(m.vars, n)
			} else {
				m.vars[n] = v
			}
		}
		return out
	case "foreach":
		if len(args) < 3 {
			return []string{""}
		}
		n := strings.TrimSpace(args[0])
		was := m.vars[n]
		var items []string
		for _, t := range m.expand(args[1]) {
			items = add(items, strings.Fields(t)...)
		}
		m.vars[n] = &makeVariable{known: items}
		if len(items) == 0 {
			m.vars[n].known = []string{outside}
		}
		out := m.expand(strings.Join(args[2:], ","))
		delete(m.vars, n)
		if was != nil {
			m.vars[n] = was
		}
		return out
	}
	var out []string
	for _, a := range args {
		out = add(out, m.expand(a)...)
	}
	return out
}
