// Package tree reads a TOML or JSON document into a tree that knows its lines.
//
// The syntax is read by go-toml's parser and by jsontext. The former leaves the
// meaning of keys to its caller, so what a key or header may define, extend or
// repeat (TOML 1.0, sections "Keys", "Table", "Inline Table" and "Array of
// Tables") is decided here: a document with a duplicate key, a table defined
// twice or an inline table extended later is an error, never one of its
// readings. The same holds for a name that stands twice in a JSON object.
//
// Time is linear in the input. Depth and count of values are bounded. Numbers
// and dates are kept as text and not checked further.
package tree

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/lockkeeper/lockkeeper/lockfile"
)

// Bounds of one document. Real lockfiles stay far below them.
const (
	MaxDepth  = 32      // of nested tables and arrays
	MaxValues = 1 << 20 // values, estimated from the punctuation between them

	// Real lockfiles have twenty bytes to a value; after the first of them this many
	// are asked for.
	bytesPerValue = 8
	freeValues    = 256
)

// Kind of a value.
type Kind uint8

// The kinds. Other is a float, a date, a time or JSON's null: no lockfile needs
// what is in those.
const (
	String Kind = iota + 1
	Integer
	Bool
	Other
	Array
	TableKind
)

func (k Kind) String() string {
	return [...]string{"nothing", "a string", "an integer", "a boolean", "a number, a date or null", "an array", "a table"}[k]
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
	if len(t.Pairs) == cap(t.Pairs) {
		// Twice as many: append alone grows large slices by a quarter, and what it
		// leaves behind adds up to five times the result.
		t.Pairs = append(make([]Pair, 0, max(1, 2*len(t.Pairs))), t.Pairs...)
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

// ReadTOML is EachTOML behind lockfile.CheckText: every error of the document is a
// *lockfile.Error, and those of each are returned as they are.
func ReadTOML(path string, data []byte, key string, each func(root, t *Table) error) (*Table, error) {
	if err := lockfile.CheckText(path, data); err != nil {
		return nil, err
	}
	doc, err := EachTOML(data, key, each)
	return doc, located(path, err)
}

// ReadJSON is JSON behind lockfile.CheckText; any error is a *lockfile.Error.
func ReadJSON(path string, data []byte) (*Table, error) {
	if err := lockfile.CheckText(path, data); err != nil {
		return nil, err
	}
	doc, err := JSON(data)
	return doc, located(path, err)
}

// located gives a syntax error the file's name.
func located(path string, err error) error {
	var syntax *Error
	if errors.As(err, &syntax) {
		return &lockfile.Error{Path: path, Line: syntax.Line, Err: syntax.Err}
	}
	return err
}

// checkSize estimates how many values a document has from what separates them.
// Beside their number it bounds how dense they are, since a value costs more
// memory than the byte or two that can ask for it.
func checkSize(data []byte, separators string) error {
	values := 0
	for i := range len(separators) {
		values += bytes.Count(data, []byte{separators[i]})
	}
	if values > MaxValues {
		return &Error{1, fmt.Errorf("more than %d values", MaxValues)}
	}
	if values > freeValues && len(data) < bytesPerValue*(values-freeValues) {
		return &Error{1, fmt.Errorf("%d values in %d bytes: no lockfile is as dense", values, len(data))}
	}
	return nil
}
