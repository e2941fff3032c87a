package script

import (
	"regexp"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// readM4 reads a file of autoconf: m4 that runs commands itself, and the shell
// that it will make a configure script of. Every argument of a macro is taken for
// a text of its own, since which are code only the macro knows.
func readM4(f *script, text string) {
	m := &m4file{f: f, s: newShell(f), text: text}
	f.loose = true
	m.s.current = &command{line: 1}
	m.split()
	m.s.judge(m.units)
}

type m4file struct {
	f     *script
	s     *shell
	text  string
	pos   int
	units []*unit
	total int
}

// m4Runs are builtins that start a shell while m4 runs.
var m4Runs = set(`syscmd esyscmd m4_syscmd m4_esyscmd m4_esyscmd_s m4_system`)

// m4Includes read another file.
var m4Includes = set(`include sinclude m4_include m4_sinclude AC_CONFIG_SUBDIRS AC_CONFIG_FILES`)

// piece is a text being put together, outside of all macros or an argument.
type piece struct {
	text  strings.Builder
	line  int
	macro string
	// quotes that are open.
	quotes int
	args   int
}

// split takes the text apart at macro calls and their arguments.
func (m *m4file) split() {
	line := 1
	stack := []*piece{{line: 1}}
	top := func() *piece { return stack[len(stack)-1] }
	quotes := 0
	for m.pos < len(m.text) {
		c := m.text[m.pos]
		switch {
		case c == '\n':
			line++
			m.pos++
			top().text.WriteByte('\n')
		case c == '[':
			quotes++
			m.pos++
			if strings.HasPrefix(m.text[m.pos:], "[") { // [[ is a bracket of the output
				top().text.WriteByte('[')
				m.pos++
				quotes++
			}
		case c == ']':
			quotes--
			m.pos++
			if strings.HasPrefix(m.text[m.pos:], "]") {
				top().text.WriteByte(']')
				m.pos++
				quotes--
			}
		case c == '#' && m.comment():
		case c == ',' && len(stack) > 1 && quotes <= top().quotes:
			m.end(top(), line)
			p := top()
			p.text.Reset()
			p.line = line
			p.args++
			m.pos++
		case c == ')' && len(stack) > 1 && quotes <= top().quotes:
			m.end(top(), line)
			stack = stack[:len(stack)-1]
			top().text.WriteByte('\n')
			m.pos++
		case nameByte(c) && !(c >= '0' && c <= '9'):
			from := m.pos
			for m.pos < len(m.text) && nameByte(m.text[m.pos]) {
				m.pos++
			}
			name := m.text[from:m.pos]
			switch {
			case name == "dnl":
				if end := strings.IndexByte(m.text[m.pos:], '\n'); end >= 0 {
					m.pos += end
				} else {
					m.pos = len(m.text)
				}
			case m.pos < len(m.text) && m.text[m.pos] == '(' && macroName(name) && len(stack) < maxGroups:
				m.pos++
				if name == "changequote" || name == "m4_changequote" {
					m.f.use(buildcode.Unanalysed, line)
				}
				stack = append(stack, &piece{line: line, macro: name, quotes: quotes})
			default:
				top().text.WriteString(name)
			}
		case c == '(' && len(stack) > 1 && quotes <= top().quotes && len(stack) < maxGroups:
			top().text.WriteByte(c) // brackets within an argument
			stack = append(stack, &piece{line: line, macro: "(", quotes: quotes})
			m.pos++
		default:
			top().text.WriteByte(c)
			m.pos++
		}
	}
	for len(stack) > 0 {
		m.end(top(), line)
		stack = stack[:len(stack)-1]
	}
}

// comment skips a comment up to the end of its line; false where # is no comment.
func (m *m4file) comment() bool {
	if m.pos > 0 && m.text[m.pos-1] != '\n' && m.text[m.pos-1] != ' ' && m.text[m.pos-1] != '\t' {
		return false
	}
	if rest := m.text[m.pos+1:]; rest == "" || rest[0] != ' ' && rest[0] != '#' && rest[0] != '\n' && rest[0] != '-' && rest[0] != '!' {
		return false
	}
	end := strings.IndexByte(m.text[m.pos:], '\n')
	if end < 0 {
		m.pos = len(m.text)
		return true
	}
	m.pos += end
	return true
}

var macro = regexp.MustCompile(`^(?:A[CMSUXT]|LT|PKG|m4|gl|gt|AS|PKG|GTK|AM|ax|gl)_\w+$|^[A-Z][A-Z0-9]*(?:_[A-Z0-9a-z]+)+$|^(?:syscmd|esyscmd|include|sinclude|define|changequote|ifelse|ifdef|pushdef|popdef|undefine|eval|builtin|indir|divert)$`)

func macroName(name string) bool { return macro.MatchString(name) }

// describing are macros whose arguments are words for people or names.
var describing = set(`AC_MSG_CHECKING AC_MSG_RESULT AC_MSG_ERROR AC_MSG_WARN AC_MSG_NOTICE AC_MSG_FAILURE AS_HELP_STRING AC_HELP_STRING AC_COPYRIGHT AC_REVISION AC_INIT AC_DEFINE AC_DEFINE_UNQUOTED AC_SUBST AH_TEMPLATE AH_VERBATIM AH_TOP AH_BOTTOM AC_ARG_VAR
	AC_LANG_PROGRAM AC_LANG_SOURCE AC_LANG_CALL AC_LANG_BOOL_COMPILE_TRY AC_PREREQ AC_CHECK_FUNCS AC_CHECK_HEADERS AC_CHECK_SIZEOF AC_CHECK_PROGS AC_CHECK_TOOL AC_PATH_PROG AC_CHECK_PROG AC_PATH_PROGS AC_CHECK_TOOLS AC_PATH_TOOL m4_warn m4_fatal AC_DIAGNOSE AC_OBSOLETE m4_pattern_forbid m4_pattern_allow AC_REQUIRE AC_BEFORE m4_require AC_PROVIDE PKG_CHECK_MODULES AS_MESSAGE AC_CHECK_DECLS AC_CHECK_TYPES AC_CHECK_MEMBERS`)

// end handles an argument that is complete.
func (m *m4file) end(p *piece, line int) {
	t := p.text.String()
	if strings.TrimSpace(t) == "" || describing[p.macro] {
		return
	}
	if m.total += len(t); m.total > maxParses+4*len(m.text) {
		m.s.tooMuch()
		return
	}
	switch {
	case m4Runs[p.macro]:
		loose := m.f.loose
		m.f.loose = false
		m.s.emit = true
		m.s.current = &command{line: p.line}
		m.s.use(buildcode.Run("m4"))
		u, _ := parseShell(newSource(t, p.line, false), 0, 0, "", 0)
		u.err = ""
		m.s.collect(u)
		m.s.unit(u, 0)
		m.s.emit = false
		m.f.loose = loose
	case m4Includes[p.macro]:
		m.s.emit = true
		for _, name := range strings.Fields(t) {
			m.s.locate(name, false)
			if p.macro == "AC_CONFIG_SUBDIRS" {
				m.s.locate(name+"/configure", false)
			}
		}
		m.s.emit = false
	}
	u, _ := parseShell(newSource(t, p.line, false), 0, 0, "", 0)
	u.err = ""
	m.s.collect(u)
	m.units = append(m.units, u)
}
