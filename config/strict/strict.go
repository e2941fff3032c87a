// Package strict decodes TOML that people wrote, and says where they went wrong:
// every error names file, line, column and key, and a key that nobody knows is an
// error with the closest known one. The server's configuration, the policy and
// the allowlist are all read through it.
//
// It promises that a file which decodes means what it says. The TOML library
// alone matches keys without case, gives two spellings of one key to the same
// field in random order, and leaves a map empty where a string stands; all of
// these are errors here. Size and nesting are bounded, since a pull request may
// bring such a file. What the values mean is left to the caller, who can point at
// any of them through Document.
package strict

import (
	"bytes"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/BurntSushi/toml"
)

// MaxSize bounds a file, in bytes.
const MaxSize = 1 << 20

// Error is what is wrong at one place of a file.
type Error struct {
	Path    string // of the file, as given to Decode
	Line    int    // from 1; 0 where only the file as a whole is known
	Column  int    // in bytes, from 1; 0 where unknown
	Key     string // dotted, "override[2].paths", indexes from 0; empty where there is none
	Message string // lower case, without the place
	Err     error  // what it wraps; may be nil

	source string // the line, for Caret; empty where unknown
}

// Error prints "PATH:LINE:COLUMN: MESSAGE", leaving out what is not known.
func (e *Error) Error() string {
	switch {
	case e.Line == 0:
		return e.Path + ": " + e.Message
	case e.Column == 0:
		return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.Path, e.Line, e.Column, e.Message)
}

func (e *Error) Unwrap() error { return e.Err }

// Document is a decoded file that still knows where everything stood.
type Document struct {
	// Meta is the TOML library's own view: IsDefined, Type, Keys.
	Meta toml.MetaData
	path string
	data []byte
	root *node
}

// Decode reads data, the content of the file path, into a pointer to a struct
// whose fields carry `toml` tags. Keys must be spelled exactly as there. Every
// error is an *Error; of several the first in the file.
func Decode(path string, data []byte, into any) (toml.MetaData, error) {
	doc, err := Parse(path, data, into)
	if err != nil {
		return toml.MetaData{}, err
	}
	return doc.Meta, nil
}

// Parse is Decode for callers that want to point at values afterwards.
func Parse(path string, data []byte, into any) (*Document, error) {
	if len(data) > MaxSize {
		return nil, &Error{Path: path, Message: fmt.Sprintf("%d bytes are more than the %d that are read; split or shorten the file", len(data), MaxSize)}
	}
	// The places come first: they bound nesting and key length, without which the
	// library below needs time and memory out of proportion to the file.
	root, err := places(data)
	if err != nil {
		err.Path = path
		return nil, err.locate(data)
	}
	var tree map[string]any
	if _, err := toml.Decode(string(data), &tree); err != nil {
		return nil, fromLibrary(path, data, err)
	}
	if found := check(tree, root, into); len(found) > 0 {
		sort.SliceStable(found, func(i, j int) bool {
			a, b := found[i], found[j]
			return a.Line < b.Line || a.Line == b.Line && (a.Column < b.Column || a.Column == b.Column && a.Key < b.Key)
		})
		found[0].Path = path
		return nil, found[0].locate(data)
	}
	meta, decodeErr := toml.Decode(string(data), into)
	if decodeErr != nil {
		return nil, fromLibrary(path, data, decodeErr)
	}
	return &Document{Meta: meta, path: path, data: data, root: root}, nil
}

// fromLibrary keeps the library's offset and message. Its line is one too many at
// a line's end, so it is counted here.
func fromLibrary(path string, data []byte, err error) *Error {
	var parse toml.ParseError
	if !errors.As(err, &parse) {
		return &Error{Path: path, Message: strings.TrimPrefix(err.Error(), "toml: "), Err: err}
	}
	before := bytes.TrimPrefix(data, byteOrderMark)
	before = before[:max(0, min(parse.Position.Start, len(before)))]
	e := &Error{
		Path:    path,
		Line:    1 + bytes.Count(before, []byte("\n")),
		Column:  len(before) - bytes.LastIndexByte(before, '\n'),
		Key:     parse.LastKey,
		Message: parse.Message + nextStep(parse.Message),
		Err:     err,
	}
	return e.locate(data)
}

// nextStep says what to do about the mistakes that people make most.
func nextStep(message string) string {
	switch {
	case strings.HasPrefix(message, "expected value but found"):
		return "; text stands in quotes"
	case message == "strings cannot contain newlines":
		return "; close it with a quote"
	}
	return ""
}

// Place returns where keys leads: table names as strings, indexes of arrays as
// ints from 0, such as "override", 2, "paths". For a value it is the place of its
// key; for a key that is not there the place of the nearest table around it. Both
// are 0 for an empty file.
func (d *Document) Place(keys ...any) (line, column int) {
	at := d.root
	for _, key := range keys {
		next := at.child(key)
		if next == nil {
			break
		}
		at = next
	}
	return at.line, at.column
}

// Lines returns the first and the last line of a table that has a header of its
// own, comments and empty lines behind its last value left out. Both are 0 for
// anything else, such as a table written inside of braces.
func (d *Document) Lines(keys ...any) (first, last int) {
	at := d.root
	for _, key := range keys {
		at = at.child(key)
	}
	if at == nil || at.end == 0 || at == d.root {
		return 0, 0
	}
	return at.line, at.end
}

// Errorf is an *Error at the place of keys, as for Place. It wraps like
// fmt.Errorf.
func (d *Document) Errorf(keys []any, format string, args ...any) *Error {
	wrapped := fmt.Errorf(format, args...)
	line, column := d.Place(keys...)
	e := &Error{
		Path: d.path, Line: line, Column: column, Key: dotted(keys),
		Message: wrapped.Error(), Err: errors.Unwrap(wrapped),
	}
	return e.locate(d.data)
}

// dotted prints keys the way TOML writes them, quoted where a bare key cannot
// stand, so that a hostile key cannot forge another or break a line.
func dotted(keys []any) string {
	var b strings.Builder
	for i, key := range keys {
		switch key := key.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", key)
		case string:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(bare(key))
		}
	}
	return b.String()
}

func bare(key string) string {
	for i := range len(key) {
		if !isBare(key[i]) {
			return fmt.Sprintf("%q", key)
		}
	}
	if key == "" {
		return `""`
	}
	return key
}
