// Package tomldoc reads a TOML document into a tree that knows its lines.
//
// The syntax is read by go-toml's parser. That parser leaves the meaning of
// keys to its caller, so what a key or header may define, extend or repeat
// (TOML 1.0, sections "Keys", "Table", "Inline Table" and "Array of Tables") is
// decided here: a document with a duplicate key, a table defined twice or an
// inline table extended later is an error, never one of its readings.
//
// Time is linear in the input. Depth and count of values are bounded. Numbers
// and dates are kept as text and not checked further.
package tomldoc

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/lockkeeper/lockkeeper/lockfile"
)

// Bounds of one document. Real lockfiles stay far below them.
const (
	MaxDepth  = 32      // of nested tables and arrays
	MaxValues = 1 << 20 // values, estimated from the punctuation between them
)

// Kind of a value.
type Kind uint8

// The kinds. Other is a float, a date or a time: no lockfile needs those.
const (
	String Kind = iota + 1
	Integer
	Bool
	Other
	Array
	TableKind
)

func (k Kind) String() string {
	return [...]string{"nothing", "a string", "an integer", "a boolean", "a number or date", "an array", "a table"}[k]
}

// Value is one value. Which of the fields hold depends on Kind.
type Value struct {
	Text  string  // the decoded string, or a scalar as written
	Elems []Value // of an Array; an array of tables has one table for each header
	Table *Table
	line  int32
	Kind  Kind
	open  bool // an array made by [[headers]], which may grow
}

// Line is where the value starts, or where its key stands; counted from 1.
func (v Value) Line() int { return int(v.line) }

// Pair is a key of a table with its value.
type Pair struct {
	Key   string
	Value Value
	line  int32
}

// Line is where the key stands, counted from 1.
func (p Pair) Line() int { return int(p.line) }

// Table keeps its keys in the order of the document.
type Table struct {
	Line  int
	Pairs []Pair
	index map[string]int // only for large tables
	made  origin
}

// origin says how a table came to be, which decides what may still extend it.
type origin uint8

const (
	implied origin = iota // by a longer header: its own header may still come
	headed                // by its own header
	dotted                // by a dotted key: only dotted keys may extend it
	inline                // written in one piece: closed
)

// Get returns the value of key; nil if there is none.
func (t *Table) Get(key string) *Value {
	if t == nil {
		return nil
	}
	if t.index != nil {
		if i, ok := t.index[key]; ok {
			return &t.Pairs[i].Value
		}
		return nil
	}
	for i := range t.Pairs {
		if t.Pairs[i].Key == key {
			return &t.Pairs[i].Value
		}
	}
	return nil
}

// indexFrom is the number of keys from which a table is looked up by map.
const indexFrom = 12

// add appends a key that the caller has found missing.
func (t *Table) add(key string, line int, v Value) *Value {
	if len(t.Pairs) == indexFrom {
		t.index = make(map[string]int, 2*indexFrom)
		for i, p := range t.Pairs {
			t.index[p.Key] = i
		}
	}
	if t.index != nil {
		t.index[key] = len(t.Pairs)
	}
	t.Pairs = append(t.Pairs, Pair{Key: key, Value: v, line: int32(line)})
	return &t.Pairs[len(t.Pairs)-1].Value
}

// Error is a syntax error with its line, counted from 1.
type Error struct {
	Line int
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// Parse reads a document. Any error is an *Error. The strings of the result
// share memory with one copy of data.
func Parse(data []byte) (*Table, error) {
	// A byte order mark is no part of the document.
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	values := 0
	for _, mark := range []byte(",=[{") {
		values += bytes.Count(data, []byte{mark})
	}
	if values > MaxValues {
		return nil, &Error{1, fmt.Errorf("more than %d values", MaxValues)}
	}
	r := &reader{text: string(data), line: 1}
	r.parser.Reset(data)
	root := &Table{Line: 1, made: headed}
	current := root
	for r.parser.NextExpression() {
		var err error
		switch node := r.parser.Expression(); node.Kind {
		case unstable.Table:
			current, err = r.header(root, node)
		case unstable.ArrayTable:
			current, err = r.arrayHeader(root, node)
		case unstable.KeyValue:
			err = r.keyValue(current, node, 0)
		default:
			err = r.errorf("unexpected %s", node.Kind)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := r.parser.Error(); err != nil {
		return nil, r.syntax(err)
	}
	return root, nil
}

// ParseLockfile is Parse behind lockfile.CheckText; any error is a
// *lockfile.Error.
func ParseLockfile(path string, data []byte) (*Table, error) {
	if err := lockfile.CheckText(path, data); err != nil {
		return nil, err
	}
	doc, err := Parse(data)
	if err != nil {
		wrapped := &lockfile.Error{Path: path, Err: err}
		var syntax *Error
		if errors.As(err, &syntax) {
			wrapped.Line, wrapped.Err = syntax.Line, syntax.Err
		}
		return nil, wrapped
	}
	return doc, nil
}

type reader struct {
	parser unstable.Parser
	text   string
	// offset and line are how far lines have been counted: offsets are asked for
	// in growing order, so that all counting together is one pass.
	offset, line int

	// Tables, pairs and elements are many and small, and live as long as the
	// whole tree: they are cut from these.
	tables stock[Table]
	pairs  stock[Pair]
	elems  stock[Value]
}

// stock hands out slices of few large allocations.
type stock[T any] struct {
	free []T
	next int
}

// take returns an empty slice that can hold n.
func (s *stock[T]) take(n int) []T {
	if len(s.free) < n {
		s.next = min(max(2*s.next, 32), 1024)
		s.free = make([]T, max(s.next, n))
	}
	taken := s.free[:0:n]
	s.free = s.free[n:]
	return taken
}

// pairsOfTable is room for what a package of Cargo.lock has.
const pairsOfTable = 5

func (r *reader) table(made origin) *Table {
	t := &r.tables.take(1)[:1][0]
	*t = Table{Line: r.line, Pairs: r.pairs.take(pairsOfTable), made: made}
	return t
}

func (r *reader) errorf(format string, args ...any) error {
	return &Error{r.line, fmt.Errorf(format, args...)}
}

// syntax gives the parser's own error its line.
func (r *reader) syntax(err error) error {
	var pe *unstable.ParserError
	if errors.As(err, &pe) && len(pe.Highlight) > 0 {
		r.at(r.parser.Range(pe.Highlight))
	}
	return &Error{r.line, errors.New(err.Error())}
}

// at moves the line counter to the start of a range.
func (r *reader) at(where unstable.Range) int {
	if to := int(where.Offset); to > r.offset {
		r.line += strings.Count(r.text[r.offset:to], "\n")
		r.offset = to
	}
	return r.line
}

// decoded is the text of a key or string without copying it, where it has no
// escapes.
func (r *reader) decoded(n *unstable.Node) string {
	start, length := int(n.Raw.Offset), int(n.Raw.Length)
	switch len(n.Data) {
	case length: // bare
		return r.text[start : start+length]
	case length - 2: // in one pair of quotes; each escape is longer than what it means
		return r.text[start+1 : start+length-1]
	}
	return string(n.Data)
}

// header finds or makes the table of [a.b.c].
func (r *reader) header(root *Table, node *unstable.Node) (*Table, error) {
	parent, key, err := r.descend(root, node)
	if err != nil {
		return nil, err
	}
	found := parent.Get(key)
	if found == nil {
		t := r.table(headed)
		parent.add(key, r.line, Value{Kind: TableKind, line: int32(r.line), Table: t})
		return t, nil
	}
	if found.Kind != TableKind || found.Table.made != implied {
		return nil, r.errorf("%q is defined twice, first in line %d", key, found.line)
	}
	found.Table.made, found.Table.Line, found.line = headed, r.line, int32(r.line)
	return found.Table, nil
}

// arrayHeader makes the next table of [[a.b.c]].
func (r *reader) arrayHeader(root *Table, node *unstable.Node) (*Table, error) {
	parent, key, err := r.descend(root, node)
	if err != nil {
		return nil, err
	}
	found := parent.Get(key)
	if found == nil {
		found = parent.add(key, r.line, Value{Kind: Array, line: int32(r.line), open: true})
	} else if !found.open {
		return nil, r.errorf("%q is defined twice, first in line %d", key, found.line)
	}
	t := r.table(headed)
	found.Elems = append(found.Elems, Value{Kind: TableKind, line: int32(r.line), Table: t})
	return t, nil
}

// descend walks all but the last part of a header's key, making what is missing.
func (r *reader) descend(t *Table, node *unstable.Node) (*Table, string, error) {
	parts := node.Key()
	for depth := 0; parts.Next(); depth++ {
		if depth >= MaxDepth {
			return nil, "", r.errorf("keys of more than %d parts", MaxDepth)
		}
		r.at(parts.Node().Raw)
		key := r.decoded(parts.Node())
		if parts.IsLast() {
			return t, key, nil
		}
		v := t.Get(key)
		switch {
		case v == nil:
			next := r.table(implied)
			t.add(key, r.line, Value{Kind: TableKind, line: int32(r.line), Table: next})
			t = next
		case v.Kind == TableKind && v.Table.made != inline:
			t = v.Table
		case v.open:
			t = v.Elems[len(v.Elems)-1].Table
		default:
			return nil, "", r.errorf("%q of line %d cannot be extended", key, v.line)
		}
	}
	return nil, "", r.errorf("empty table name")
}

// keyValue adds "a.b = value" to a table.
func (r *reader) keyValue(t *Table, node *unstable.Node, depth int) error {
	for parts := node.Key(); parts.Next(); depth++ {
		if depth >= MaxDepth {
			return r.errorf("values nested deeper than %d", MaxDepth)
		}
		line := r.at(parts.Node().Raw)
		key := r.decoded(parts.Node())
		v := t.Get(key)
		if parts.IsLast() {
			if v != nil {
				return r.errorf("%q is defined twice, first in line %d", key, v.line)
			}
			value, err := r.value(node.Value(), depth)
			if err != nil {
				return err
			}
			t.add(key, line, value)
			return nil
		}
		switch {
		case v == nil:
			next := r.table(dotted)
			t.add(key, line, Value{Kind: TableKind, line: int32(line), Table: next})
			t = next
		case v.Kind == TableKind && v.Table.made == dotted:
			t = v.Table
		default:
			return r.errorf("%q of line %d cannot be extended", key, v.line)
		}
	}
	return r.errorf("empty key")
}

func (r *reader) value(node *unstable.Node, depth int) (Value, error) {
	if depth >= MaxDepth {
		return Value{}, r.errorf("values nested deeper than %d", MaxDepth)
	}
	if node.Raw.Length > 0 {
		r.at(node.Raw)
	}
	v := Value{line: int32(r.line)}
	switch node.Kind {
	case unstable.String:
		v.Kind, v.Text = String, r.decoded(node)
	case unstable.Integer:
		v.Kind, v.Text = Integer, string(node.Data)
	case unstable.Bool:
		v.Kind, v.Text = Bool, string(node.Data)
	case unstable.Array:
		var err error
		v.Kind = Array
		v.Elems, err = r.elements(node, depth)
		return v, err
	case unstable.InlineTable:
		v.Kind, v.Table = TableKind, r.table(inline)
		for pairs := node.Children(); pairs.Next(); {
			if err := r.keyValue(v.Table, pairs.Node(), depth+1); err != nil {
				return v, err
			}
		}
		closeTables(v.Table)
	default:
		v.Kind, v.Text = Other, string(node.Data)
	}
	return v, nil
}

func (r *reader) elements(node *unstable.Node, depth int) ([]Value, error) {
	n := 0
	for it := node.Children(); it.Next(); {
		n++
	}
	if n == 0 {
		return nil, nil
	}
	elems := r.elems.take(n)
	for it := node.Children(); it.Next(); {
		elem, err := r.value(it.Node(), depth+1)
		if err != nil {
			return nil, err
		}
		elems = append(elems, elem)
	}
	return elems, nil
}

// closeTables ends the definition of an inline table: the tables that dotted
// keys made inside it are as closed as it is.
func closeTables(t *Table) {
	for i := range t.Pairs {
		if v := &t.Pairs[i].Value; v.Kind == TableKind && v.Table.made == dotted {
			v.Table.made = inline
			closeTables(v.Table)
		}
	}
}
