package python

import (
	"strings"
)

// shellKeywords stand before a command.
var shellKeywords = set(`if then else elif do while until ! { time && ||`)

// shellCommands splits a command line at the shell's operators into words,
// quotes taken off; a substitution is a hole, and its commands stand besides.
func shellCommands(s string) [][]string {
	sh := &shell{src: s}
	sh.parse(0)
	return sh.commands
}

type shell struct {
	src      string
	pos      int
	commands [][]string
	words    []string
	word     strings.Builder
	inWord   bool
}

const maxCommands = 20_000

func (s *shell) endWord() {
	if s.inWord {
		s.words = append(s.words, s.word.String())
	}
	s.word.Reset()
	s.inWord = false
}

func (s *shell) endCommand() {
	s.endWord()
	for len(s.words) > 0 && shellKeywords[s.words[0]] {
		s.words = s.words[1:]
	}
	if len(s.words) > 0 && len(s.commands) < maxCommands {
		s.commands = append(s.commands, s.words)
	}
	s.words = nil
}

// parse reads to the end, or at depth > 0 to the closing parenthesis.
func (s *shell) parse(depth int) {
	for s.pos < len(s.src) {
		c := s.src[s.pos]
		s.pos++
		switch {
		case c == '\\' && s.pos < len(s.src):
			if s.src[s.pos] != '\n' {
				s.put(s.src[s.pos : s.pos+1])
			}
			s.pos++
		case c == '\'':
			end := strings.IndexByte(s.src[s.pos:], '\'')
			if end < 0 {
				end = len(s.src) - s.pos
			}
			s.put(s.src[s.pos : s.pos+end])
			s.pos = min(s.pos+end+1, len(s.src))
		case c == '"':
			s.quoted(depth)
		case c == '`':
			end := strings.IndexByte(s.src[s.pos:], '`')
			if end < 0 {
				end = len(s.src) - s.pos
			}
			s.nested(s.src[s.pos:s.pos+end], depth)
			s.pos = min(s.pos+end+1, len(s.src))
		case c == '$' && s.pos < len(s.src) && s.src[s.pos] == '(':
			s.pos++
			s.substitution(depth)
		case c == '$' && s.pos < len(s.src) && s.src[s.pos] == '{':
			s.put("$")
		case c == '#' && !s.inWord:
			for s.pos < len(s.src) && s.src[s.pos] != '\n' {
				s.pos++
			}
		case c == ' ' || c == '\t' || c == '\r':
			s.endWord()
		case c == '>' || c == '<':
			if !isNumber(s.word.String()) {
				s.endWord()
			}
			s.word.Reset()
			s.inWord = false
			for s.pos < len(s.src) && strings.IndexByte("<>&| \t", s.src[s.pos]) >= 0 && s.src[s.pos] != '\n' {
				s.pos++
			}
			// The file of a redirection is no word of the command.
			for s.pos < len(s.src) && strings.IndexByte(" \t\n;|&()<>", s.src[s.pos]) < 0 {
				s.pos++
			}
		case c == ')' && depth > 0:
			s.endCommand()
			return
		case c == '\n' || c == ';' || c == '|' || c == '&' || c == '(' || c == ')':
			s.endCommand()
		default:
			s.put(s.src[s.pos-1 : s.pos])
		}
	}
	s.endCommand()
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func (s *shell) put(text string) {
	s.inWord = true
	s.word.WriteString(text)
}

// quoted reads a double-quoted string behind its quote.
func (s *shell) quoted(depth int) {
	s.inWord = true
	for s.pos < len(s.src) {
		c := s.src[s.pos]
		s.pos++
		switch {
		case c == '"':
			return
		case c == '\\' && s.pos < len(s.src):
			if strings.IndexByte("$`\"\\\n", s.src[s.pos]) < 0 {
				s.put("\\")
			}
			s.put(s.src[s.pos : s.pos+1])
			s.pos++
		case c == '$' && s.pos < len(s.src) && s.src[s.pos] == '(':
			s.pos++
			s.substitution(depth)
		case c == '`':
			end := strings.IndexByte(s.src[s.pos:], '`')
			if end < 0 {
				end = len(s.src) - s.pos
			}
			s.nested(s.src[s.pos:s.pos+end], depth)
			s.pos = min(s.pos+end+1, len(s.src))
		default:
			s.put(s.src[s.pos-1 : s.pos])
		}
	}
}

// substitution reads $(...) behind its parenthesis.
func (s *shell) substitution(depth int) {
	if end := strings.Index(s.src[s.pos:], "))"); strings.HasPrefix(s.src[s.pos:], "(") && end >= 0 { // arithmetic
		s.pos += end + 2
		s.put(hole)
		return
	}
	if depth > 50 {
		s.put(hole)
		return
	}
	inner := &shell{src: s.src, pos: s.pos}
	inner.parse(depth + 1)
	s.pos = inner.pos
	if len(s.commands)+len(inner.commands) < maxCommands {
		s.commands = append(s.commands, inner.commands...)
	}
	s.put(hole)
}

func (s *shell) nested(text string, depth int) {
	if depth <= 50 {
		inner := &shell{src: text}
		inner.parse(0)
		if len(s.commands)+len(inner.commands) < maxCommands {
			s.commands = append(s.commands, inner.commands...)
		}
	}
	s.put(hole)
}
