package tree

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// TOML reads a whole document. Any error is an *Error. The strings of the result
// share memory with one copy of data.
func TOML(data []byte) (*Table, error) { return EachTOML(data, "", nil) }

// EachTOML reads a document whose bulk is one array of tables, as lockfiles are.
// Each table of the array at the root that is named key goes to each, in order,
// once it is complete, and is gone afterwards: neither the table nor anything in
// it but its strings may be kept. The root that each gets holds what stands before
// the first table, and all of it where the array is written in one piece. The document is returned with an empty array in
// their place. An error of each ends the reading and is returned as it is; any
// other is an *Error. An empty key reads all into the document.
func EachTOML(data []byte, key string, each func(root, t *Table) error) (*Table, error) {
	// A byte order mark is no part of the document.
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if err := checkSize(data, ",=[{"); err != nil {
		return nil, err
	}
	r := &reader{text: string(data), line: 1, key: key, each: each}
	r.space = &r.rest
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
	return root, r.finish(root)
}

type reader struct {
	parser unstable.Parser
	text   string
	// offset and line are how far lines have been counted: offsets are asked for
	// in growing order, so that all counting together is one pass.
	offset, line int

	key     string
	each    func(root, t *Table) error
	pending *Table // of the array named key: its next header completes it

	// Memory of the pending table, used again for the next, and of all the rest;
	// space is the one that the current header's table lives in.
	once, rest space
	space      *space
}

// space holds tables, pairs and elements, which are many and small.
type space struct {
	tables stock[Table]
	pairs  stock[Pair]
	elems  stock[Value]
}

// stock hands out slices of few large allocations.
type stock[T any] struct {
	chunk []T
	used  int
}

// take returns an empty slice that can hold n.
func (s *stock[T]) take(n int) []T {
	if len(s.chunk)-s.used < n {
		s.chunk, s.used = make([]T, max(n, min(max(2*len(s.chunk), 32), 1024))), 0
	}
	s.used += n
	return s.chunk[s.used-n : s.used-n : s.used]
}

// flush hands out the pending table, whose memory is free afterwards.
func (r *reader) flush(root *Table) error {
	if r.pending == nil {
		return nil
	}
	err := r.each(root, r.pending)
	r.pending = nil
	r.once.tables.used, r.once.pairs.used, r.once.elems.used = 0, 0, 0
	return err
}

// finish hands out what is left, also of an array that is written in one piece.
func (r *reader) finish(root *Table) error {
	if r.key == "" {
		return nil
	}
	if err := r.flush(root); err != nil {
		return err
	}
	v := root.Get(r.key)
	if v == nil || v.Kind != Array {
		return nil
	}
	if !v.open {
		for _, elem := range v.Elems {
			if elem.Kind != TableKind {
				return &Error{elem.Line(), fmt.Errorf("%s is %s: want a table", r.key, elem.Kind)}
			}
			if err := r.each(root, elem.Table); err != nil {
				return err
			}
		}
	}
	v.Elems = nil
	return nil
}

// pairsOfTable is room for what a package of Cargo.lock has.
const pairsOfTable = 5

func (r *reader) table(made origin) *Table {
	t := &r.space.tables.take(1)[:1][0]
	*t = Table{Line: r.line, made: made}
	if r.space == &r.once { // whose memory is used again
		t.Pairs = r.space.pairs.take(pairsOfTable)
	}
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
	if parent == root && key == r.key && r.key != "" {
		if err := r.flush(root); err != nil {
			return nil, err
		}
		r.space, found.Elems = &r.once, found.Elems[:0]
		r.pending = r.table(headed)
		found.Elems = append(found.Elems, Value{Kind: TableKind, line: int32(r.line), Table: r.pending})
		return r.pending, nil
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
		if depth == 0 {
			r.space = &r.rest
			if r.pending != nil && key == r.key {
				r.space = &r.once
			}
		}
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
	elems := r.space.elems.take(n)
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
