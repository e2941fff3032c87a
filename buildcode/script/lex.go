package script

import (
	"sort"
	"strings"
)

// Holes stand in a text for what is not known, by where it comes from. They are
// bytes that no script has: clean takes them out.
const (
	outside = "\x01" // the environment, an argument, a variable that is never set
	output  = "\x02" // what some program printed
	content = "\x03" // what a file or the network holds, or what was decoded
	built   = "\x04" // what the build itself makes
	many    = "\x05" // too many things to be told apart, none of them telling
)

const holes = outside + output + content + built + many

func hasHole(s string) bool {
	for i := range len(s) {
		if s[i]-outside[0] <= many[0]-outside[0] {
			return true
		}
	}
	return false
}

// part is a piece of a word.
type part struct {
	kind   partKind
	text   string // a literal, or the name of a variable
	quoted bool   // not split, no pattern
	op     string // what follows the name in ${name...}
	arg    *word  // of op
	sub    *unit  // a substitution
}

type partKind byte

const (
	literal partKind = iota
	variable
	substitution
	unknown // arithmetic and the like
)

// word is one word of a command.
type word struct {
	parts []part
	// coded: letters were spelt as escapes, which no honest program needs.
	coded bool
}

// plain is the word's text if it is one unquoted literal: only such is a keyword.
func (w word) plain() string {
	if len(w.parts) == 1 && w.parts[0].kind == literal && !w.parts[0].quoted {
		return w.parts[0].text
	}
	return ""
}

// splits reports whether the shell splits the word after expanding it.
func (w word) splits() bool {
	if len(w.parts) == 1 && w.parts[0].kind == variable {
		// "$@" is as many words as there are.
		if p := w.parts[0]; p.text == "@" || p.arg != nil && p.arg.splits() {
			return true
		}
	}
	found := false
	for _, p := range w.parts {
		found = found || !p.quoted && p.kind != literal
		if p.quoted && p.kind == literal && strings.ContainsAny(p.text, " \t\n") {
			return false // what is quoted stays together, and so does the rest, nearly
		}
	}
	return found
}

// assign is name=word, or what binds a name in another way.
type assign struct {
	name  string
	words []word
	split bool // each field of the words is one value
}

type redirect struct {
	op     string
	target word
	body   *word // of a here-document or here-string
}

// command is a simple command.
type command struct {
	line    int
	words   []word
	assigns []assign
	redirs  []redirect
	fn      string // the function that it stands in
	unit    *unit
	// stdin is what stands before it in a pipeline.
	stdin span
	// argvs are what it may run, as found in a round.
	argvs [][]string
	round int
}

// span is a range of the commands of a unit.
type span struct{ lo, hi int }

func (s span) empty() bool { return s.hi <= s.lo }

// unit is one text of commands: a file, a substitution, what is handed to eval.
type unit struct {
	collected bool
	active    bool     // being evaluated
	printed   []string // all of it, as found in a round
	round     int
	times     int  // that it was, in a round
	executed  bool // a text that is put together and then executed
	commands  []command
	pipelines [][]span
	functions map[string]bool
	err       string
	errLine   int
}

func (u *unit) isExecuted() bool { return u != nil && u.executed }

const (
	maxNesting = 40  // of substitutions
	maxGroups  = 200 // of compound commands
	// maxParses bounds the bytes that one file's texts within texts may have together.
	maxParses = 4 << 20
)

// source is the text being parsed, and where its lines lie.
type source struct {
	text  string
	lines []int // offsets of the newlines
	first int   // number of the first line
	fixed bool  // everything lies on the first line
}

func newSource(text string, first int, fixed bool) *source {
	s := &source{text: text, first: first, fixed: fixed}
	if !fixed {
		for i := 0; i < len(text); i++ {
			if text[i] == '\n' {
				s.lines = append(s.lines, i)
			}
		}
	}
	return s
}

func (s *source) line(at int) int {
	if s.fixed {
		return s.first
	}
	return s.first + sort.SearchInts(s.lines, at)
}
