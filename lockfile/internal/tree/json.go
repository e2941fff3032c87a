package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// JSON reads a document that is one object. A name that stands twice in an
// object, text after the object and invalid UTF-8 are errors. Any error is an
// *Error.
func JSON(data []byte) (*Table, error) {
	if err := checkSize(data, ",[{"); err != nil {
		return nil, err
	}
	r := &jsonReader{data: data, line: 1, decoder: jsontext.NewDecoder(bytes.NewBuffer(data))}
	v, err := r.value(0)
	if err == nil && v.Kind != TableKind {
		err = fmt.Errorf("the document is %s: want an object", v.Kind)
	}
	if err == nil {
		if _, err = r.decoder.ReadToken(); err == io.EOF {
			return v.Table, nil
		} else if err == nil {
			err = errors.New("text after the end of the document")
		}
	}
	return nil, r.locate(err)
}

type jsonReader struct {
	data    []byte
	decoder *jsontext.Decoder
	// offset and line are how far lines have been counted.
	offset, line int
}

// at is the line in which the last token ends; tokens do not span lines.
func (r *jsonReader) at() int {
	to := int(r.decoder.InputOffset())
	r.line += bytes.Count(r.data[r.offset:to], []byte("\n"))
	r.offset = to
	return r.line
}

// locate gives an error the line up to which the document could be read.
func (r *jsonReader) locate(err error) error {
	line := r.at()
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		if to := int(syntax.ByteOffset); to > r.offset && to <= len(r.data) {
			line += bytes.Count(r.data[r.offset:to], []byte("\n"))
		}
		err = syntax.Err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		line, err = 1+bytes.Count(r.data, []byte("\n")), errors.New("the document ends too early")
	}
	return &Error{Line: line, Err: errors.New(strings.TrimPrefix(err.Error(), "jsontext: "))}
}

func (r *jsonReader) value(depth int) (Value, error) {
	if depth >= MaxDepth {
		return Value{}, fmt.Errorf("values nested deeper than %d", MaxDepth)
	}
	token, err := r.decoder.ReadToken()
	if err != nil {
		return Value{}, err
	}
	v := Value{line: int32(r.at())}
	switch token.Kind() {
	case '"':
		v.Kind, v.Text = String, token.String()
	case 't', 'f':
		v.Kind, v.Text = Bool, token.String()
	case 'n':
		v.Kind, v.Text = Other, "null"
	case '0':
		v.Kind, v.Text = Integer, token.String()
		if strings.ContainsAny(v.Text, ".eE") {
			v.Kind = Other
		}
	case '[':
		v.Kind = Array
		for r.decoder.PeekKind() != ']' {
			elem, err := r.value(depth + 1)
			if err != nil {
				return v, err
			}
			v.Elems = append(v.Elems, elem)
		}
		_, err = r.decoder.ReadToken()
	case '{':
		v.Kind, v.Table = TableKind, &Table{Line: r.line, made: inline}
		err = r.object(v.Table, depth)
	}
	return v, err
}

func (r *jsonReader) object(t *Table, depth int) error {
	for r.decoder.PeekKind() != '}' {
		token, err := r.decoder.ReadToken()
		if err != nil {
			return err
		}
		if token.Kind() != '"' {
			return errors.New("want a name of an object's member")
		}
		name, line := token.String(), r.at()
		v, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		t.add(name, line, v)
	}
	_, err := r.decoder.ReadToken()
	return err
}
