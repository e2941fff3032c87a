package strict

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

// Bounds on what is read at all.
const (
	maxDepth = 32  // nested arrays and inline tables
	maxParts = 16  // parts of one dotted key
	maxKey   = 256 // bytes of one dotted key, as written
	maxNodes = 100_000
	maxFound = 1000 // mistakes collected before looking for the first
)

var byteOrderMark = []byte("\xef\xbb\xbf")

// node is one key, table or array element, and where it stands first.
type node struct {
	line, column int
	end          int              // of a table with a header: the line at which its last value ends
	keys         map[string]*node // of a table
	items        []*node          // of an array, or of an array of tables
}

// child is one step into n; nil where nothing stands.
func (n *node) child(key any) *node {
	if n == nil {
		return nil
	}
	switch key := key.(type) {
	case string:
		return n.keys[key]
	case int:
		if key >= 0 && key < len(n.items) {
			return n.items[key]
		}
	}
	return nil
}

// scanner finds the place of every key of a TOML document (toml.io/en/v1.1.0).
// The library keeps places to itself, and only one for each key of all tables of
// an array. It relies on the document being valid; of an invalid one it reads as
// far as it understands and leaves the complaint to the library. It is iterative
// in everything but nesting, which it bounds.
type scanner struct {
	data []byte
	pos  int
	line int // from 1
	bol  int // offset at which the line begins
	made int // nodes so far
	err  *Error
}

// places returns the tree of places, or an error where a bound is exceeded.
func places(data []byte) (*node, *Error) {
	s := &scanner{data: bytes.TrimPrefix(data, byteOrderMark), line: 1}
	root := &node{}
	table := root
	for s.err == nil {
		s.skipBlank()
		if s.pos >= len(s.data) {
			return root, nil
		}
		ok := true
		if s.data[s.pos] == '[' {
			table, ok = s.header(root)
		} else {
			ok = s.keyValue(table, 0)
		}
		if !ok {
			break
		}
		table.end = s.line
	}
	return root, s.err
}

// header reads "[a.b]" or "[[a.b]]" and returns the table that it opens.
func (s *scanner) header(root *node) (*node, bool) {
	brackets := 1
	if bytes.HasPrefix(s.data[s.pos:], []byte("[[")) {
		brackets = 2
	}
	line, column := s.line, s.column()
	s.pos += brackets
	keys, _, ok := s.key()
	if !ok || !bytes.HasPrefix(s.data[s.pos:], []byte("]]")[:brackets]) {
		return nil, false
	}
	s.pos += brackets
	at := root
	for i, key := range keys {
		at = s.enter(at, key, line, column)
		last := i == len(keys)-1
		switch {
		case last && brackets == 2:
			item := s.node(line, column)
			at.items = append(at.items, item)
			at = item
		case last && len(at.items) == 0:
			// A table may be named by its children first; its own header is the
			// better place.
			at.line, at.column = line, column
		case len(at.items) > 0:
			at = at.items[len(at.items)-1]
		}
	}
	return at, true
}

// node makes a node, and fails where there are too many.
func (s *scanner) node(line, column int) *node {
	if s.made++; s.made > maxNodes {
		s.fail("more than %d keys and values", maxNodes)
	}
	return &node{line: line, column: column}
}

// enter returns the child key of n, made at this place if it is new.
func (s *scanner) enter(n *node, key string, line, column int) *node {
	if next := n.keys[key]; next != nil {
		return next
	}
	if n.keys == nil {
		n.keys = make(map[string]*node)
	}
	next := s.node(line, column)
	n.keys[key] = next
	return next
}

// keyValue reads "a.b = value" into table.
func (s *scanner) keyValue(table *node, depth int) bool {
	line := s.line
	keys, columns, ok := s.key()
	if !ok || !s.take('=') {
		return false
	}
	at := table
	for i, key := range keys {
		at = s.enter(at, key, line, columns[i])
	}
	s.skipSpace()
	return s.value(at, depth)
}

// value reads one value, whose places below it go into at.
func (s *scanner) value(at *node, depth int) bool {
	if s.pos >= len(s.data) || s.err != nil {
		return false
	}
	if depth > maxDepth {
		s.fail("more than %d arrays and tables inside each other", maxDepth)
		return false
	}
	switch s.data[s.pos] {
	case '[':
		s.pos++
		for {
			s.skipBlank()
			if s.take(']') {
				return true
			}
			item := s.node(s.line, s.column())
			if !s.value(item, depth+1) {
				return false
			}
			at.items = append(at.items, item)
			s.skipBlank()
			if !s.take(',') {
				return s.take(']')
			}
		}
	case '{':
		s.pos++
		for {
			s.skipBlank()
			if s.take('}') {
				return true
			}
			if !s.keyValue(at, depth+1) {
				return false
			}
			s.skipBlank()
			if !s.take(',') {
				return s.take('}')
			}
		}
	case '"', '\'':
		_, ok := s.quoted()
		return ok
	}
	start := s.pos
	for s.pos < len(s.data) && !strings.ContainsRune(",]}#\r\n", rune(s.data[s.pos])) {
		s.pos++
	}
	return s.pos > start
}

// key reads a dotted key: its parts, the column of each, and the space around
// it.
func (s *scanner) key() (parts []string, columns []int, ok bool) {
	s.skipSpace()
	start := s.pos
	for {
		s.skipSpace()
		columns = append(columns, s.column())
		part, ok := s.keyPart()
		if !ok {
			return nil, nil, false
		}
		parts = append(parts, part)
		s.skipSpace()
		if len(parts) > maxParts || s.pos-start > maxKey {
			s.fail("a key of more than %d parts or %d bytes", maxParts, maxKey)
			return nil, nil, false
		}
		if !s.take('.') {
			return parts, columns, true
		}
	}
}

func (s *scanner) keyPart() (string, bool) {
	if s.pos >= len(s.data) {
		return "", false
	}
	if c := s.data[s.pos]; c == '"' || c == '\'' {
		raw, ok := s.quoted()
		if !ok {
			return "", false
		}
		if c == '\'' || bytes.IndexByte(raw, '\\') < 0 {
			return string(raw[1 : len(raw)-1]), true
		}
		// Escapes in a key are rare enough to let the library read them.
		var one struct{ V string }
		if _, err := toml.Decode("V = "+string(raw), &one); err != nil {
			return "", false
		}
		return one.V, true
	}
	start := s.pos
	for s.pos < len(s.data) && isBare(s.data[s.pos]) {
		s.pos++
	}
	return string(s.data[start:s.pos]), s.pos > start
}

// isBare says whether c may stand in a key without quotes.
func isBare(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// quoted passes a string of any of the four kinds and returns it as written.
func (s *scanner) quoted() ([]byte, bool) {
	start, quote := s.pos, s.data[s.pos]
	fence := []byte{quote}
	if triple := bytes.Repeat(fence, 3); bytes.HasPrefix(s.data[s.pos:], triple) {
		fence = triple
	}
	for s.pos += len(fence); s.pos < len(s.data); s.pos++ {
		switch c := s.data[s.pos]; {
		case c == '\n':
			if len(fence) == 1 {
				return nil, false
			}
			s.newline()
		case c == '\\' && quote == '"':
			if s.pos++; s.pos < len(s.data) && s.data[s.pos] == '\n' {
				s.newline()
			}
		case bytes.HasPrefix(s.data[s.pos:], fence):
			s.pos += len(fence)
			// Up to two quotes may stand before the closing three.
			for range 2 {
				if len(fence) == 3 {
					s.take(quote)
				}
			}
			return s.data[start:s.pos], true
		}
	}
	return nil, false
}

// skipBlank passes spaces, line ends and comments.
func (s *scanner) skipBlank() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case '\n':
			s.newline()
		case '#':
			for s.pos < len(s.data) && s.data[s.pos] != '\n' {
				s.pos++
			}
			continue
		case ' ', '\t', '\r':
		default:
			return
		}
		s.pos++
	}
}

func (s *scanner) skipSpace() {
	for s.pos < len(s.data) && (s.data[s.pos] == ' ' || s.data[s.pos] == '\t') {
		s.pos++
	}
}

// take passes c if it is next.
func (s *scanner) take(c byte) bool {
	if s.pos < len(s.data) && s.data[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

// newline counts the line end at pos, without passing it.
func (s *scanner) newline() {
	s.line++
	s.bol = s.pos + 1
}

func (s *scanner) column() int { return s.pos - s.bol + 1 }

func (s *scanner) fail(format string, args ...any) {
	s.err = &Error{Line: s.line, Column: s.column(), Message: fmt.Sprintf(format, args...)}
}
