package guard

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/internal/tree"
)

// readINI reads what Python's configparser reads with its defaults: sections,
// "name = value" or "name: value", values that go on in lines indented deeper (empty
// ones and comments between them included), whole lines of "#" or ";" comments.
// A section or option that stands twice is an error, as it is there; so is what
// versions of Python read differently.
func readINI(r *reader, data []byte) error {
	if err := lockfile.CheckText(r.path, data); err != nil {
		return err
	}
	ini := iniReader{reader: r, sections: map[string]bool{}}
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(string(data), "\ufeff")) {
		number++
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if at := strings.IndexFunc(line, func(c rune) bool { return unicode.IsControl(c) && c != '\t' }); at >= 0 {
			return r.errorf(number, "a control character, which may end the line or not: %q", line[at:at+1])
		}
		if err := ini.line(number, line); err != nil {
			return err
		}
	}
	return ini.flush()
}

type iniReader struct {
	*reader
	sections map[string]bool
	options  map[string]bool // of this section
	section  string
	indent   int

	option string // the one that is being read; empty if there is none
	lines  []iniLine
}

type iniLine struct {
	text   string
	number int
}

func (r *iniReader) line(number int, line string) error {
	text := strings.TrimSpace(line)
	if text == "" || text[0] == '#' || text[0] == ';' {
		return nil
	}
	indent := utf8.RuneCountInString(line[:len(line)-len(strings.TrimLeftFunc(line, unicode.IsSpace))])
	if r.option != "" && indent > r.indent {
		r.lines = append(r.lines, iniLine{text, number})
		return nil
	}
	if err := r.flush(); err != nil {
		return err
	}
	r.indent = indent
	if text[0] == '[' && strings.Contains(text, "]") {
		return r.header(number, text)
	}
	if r.options == nil {
		return r.errorf(number, "an option before the first section")
	}
	at := strings.IndexAny(text, "=:")
	if at < 0 {
		return r.errorf(number, "neither a section nor an option with a value: %.80q", text)
	}
	name := r.kind.option(strings.TrimSpace(text[:at]))
	if name == "" {
		return r.errorf(number, "a value without the name of its option")
	}
	if r.options[name] {
		return r.errorf(number, "option %.80q stands twice in section %.80q", name, r.section)
	}
	r.options[name] = true
	r.option, r.lines = name, append(r.lines[:0], iniLine{strings.TrimSpace(text[at+1:]), number})
	return nil
}

// header reads "[section]". Versions of Python differ on where it ends.
func (r *iniReader) header(number int, text string) error {
	name, rest, _ := strings.Cut(text[1:], "]")
	if rest = strings.TrimSpace(rest); name == "" || rest != "" && rest[0] != '#' && rest[0] != ';' || strings.Contains(rest, "]") {
		return r.errorf(number, "unclear where the name of the section ends: %.80q", text)
	}
	if r.sections[name] {
		return r.errorf(number, "section %.80q stands twice", name)
	}
	r.sections[name] = true
	r.section, r.options = name, map[string]bool{}
	return nil
}

// flush collects the option that was being read, each line of its value by itself
// if there are several.
func (r *iniReader) flush() error {
	if r.option == "" {
		return nil
	}
	at := []string{r.section, r.option}
	r.option = ""
	m := r.kind.match(at)
	if m.why == "" {
		return nil
	}
	lines := r.lines
	if len(lines) > 1 && lines[0].text == "" {
		lines = lines[1:]
	}
	for i, line := range lines {
		element := i
		if len(lines) == 1 {
			element = -1
		}
		if err := r.add(at, element, line.number, value{v: tree.Value{Kind: tree.String, Text: line.text}}, m); err != nil {
			return err
		}
	}
	return nil
}
