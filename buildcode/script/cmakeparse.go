package script

import (
	"fmt"
	"strings"
)

// maxCMakeDepth bounds parentheses among the arguments of a command.
const maxCMakeDepth = 100

// parseCMake reads the command invocations of a CMake file, by the grammar of
// cmake-language(7): comments, quoted, unquoted and bracket arguments.
func parseCMake(text string) ([]cmakeCommand, error) {
	s := &cmakeScanner{src: text, line: 1}
	var out []cmakeCommand
	for {
		s.space()
		if s.pos >= len(s.src) {
			return out, s.err
		}
		start := s.pos
		for s.pos < len(s.src) && isWord(s.src[s.pos]) {
			s.pos++
		}
		name, line := strings.ToLower(s.src[start:s.pos]), s.line
		s.space()
		if name == "" || s.pos >= len(s.src) || s.src[s.pos] != '(' {
			s.fail("expected a command")
			if s.pos == start {
				s.pos++
			}
			continue
		}
		s.pos++
		out = append(out, cmakeCommand{name, s.arguments(), line})
	}
}

// cmakeCommand is one command invocation of a CMake file.
type cmakeCommand struct {
	name string // in lower case
	args []cmakeArgument
	line int
}

// cmakeArgument is one argument as it is written, escapes taken off.
type cmakeArgument struct {
	text   string
	quoted bool // not split at semicolons
	raw    bool // in brackets: nothing is expanded
}

type cmakeScanner struct {
	src  string
	pos  int
	line int
	err  error
}

func (s *cmakeScanner) fail(what string) {
	if s.err == nil {
		s.err = fmt.Errorf("line %d: %s", s.line, what)
	}
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// space skips white space and comments.
func (s *cmakeScanner) space() {
	for s.pos < len(s.src) {
		switch c := s.src[s.pos]; {
		case c == '\n':
			s.line++
			s.pos++
		case c == ' ' || c == '\t' || c == '\r':
			s.pos++
		case strings.HasPrefix(s.src[s.pos:], "\xef\xbb\xbf"):
			s.pos += 3
		case c == '#':
			s.pos++
			if _, found := s.bracket(); found {
				continue
			}
			for s.pos < len(s.src) && s.src[s.pos] != '\n' {
				s.pos++
			}
		default:
			return
		}
	}
}

// bracket reads [[...]] or [==[...]==] if it is next.
func (s *cmakeScanner) bracket() (string, bool) {
	rest := s.src[s.pos:]
	if !strings.HasPrefix(rest, "[") {
		return "", false
	}
	equals := 1
	for equals < len(rest) && rest[equals] == '=' {
		equals++
	}
	if equals >= len(rest) || rest[equals] != '[' {
		return "", false
	}
	closing := "]" + strings.Repeat("=", equals-1) + "]"
	body := rest[equals+1:]
	end := strings.Index(body, closing)
	if end < 0 {
		s.fail("a bracket that does not end")
		end = len(body)
	}
	s.line += strings.Count(body[:end], "\n")
	s.pos = min(s.pos+equals+1+end+len(closing), len(s.src))
	return body[:end], true
}

// arguments reads up to the closing parenthesis.
func (s *cmakeScanner) arguments() []cmakeArgument {
	var args []cmakeArgument
	depth := 1
	for {
		s.space()
		if s.pos >= len(s.src) {
			s.fail("a command that does not end")
			return args
		}
		switch c := s.src[s.pos]; c {
		case ')':
			s.pos++
			if depth--; depth == 0 {
				return args
			}
		case '(':
			s.pos++
			if depth++; depth > maxCMakeDepth {
				s.fail("parentheses nested too deeply")
				return args
			}
		case '"':
			s.pos++
			args = append(args, cmakeArgument{text: s.until(func(c byte) bool { return c == '"' }), quoted: true})
			s.pos = min(s.pos+1, len(s.src))
		default:
			if text, found := s.bracket(); found {
				args = append(args, cmakeArgument{text: text, quoted: true, raw: true})
				continue
			}
			before := s.pos
			args = append(args, cmakeArgument{text: s.until(func(c byte) bool { return strings.IndexByte(" \t\r\n()#\"", c) >= 0 })})
			if s.pos == before {
				s.pos++
			}
		}
	}
}

// until reads up to a byte that ends the argument, escapes taken off.
func (s *cmakeScanner) until(ends func(byte) bool) string {
	var b strings.Builder
	for s.pos < len(s.src) && !ends(s.src[s.pos]) {
		if s.src[s.pos] == '\\' && s.pos+1 < len(s.src) {
			s.pos++
			if i := strings.IndexByte("ntr", s.src[s.pos]); i >= 0 {
				b.WriteByte("\n\t\r"[i])
				s.pos++
				continue
			}
		}
		if s.src[s.pos] == '\n' {
			s.line++
		}
		b.WriteByte(s.src[s.pos])
		s.pos++
	}
	return b.String()
}
