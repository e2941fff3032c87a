package tree_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/lockfile/internal/tree"
)

func TestJSONKnowsLines(t *testing.T) {
	doc, err := tree.JSON([]byte("{\n  \"a\": [\n    \"x\",\n    {\"b\": null, \"c\": 1.5}\n  ],\n\n  \"d\\u0041\": true, \"n\": -7\n}\n"))
	if err != nil {
		t.Fatal(err)
	}
	a := doc.Get("a").Elems
	if len(a) != 2 || a[0].Line() != 3 || a[1].Line() != 4 || a[1].Table.Line != 4 || a[1].Table.Get("b").Kind != tree.Other {
		t.Errorf("a = %+v", a)
	}
	if v := doc.Get("dA"); v == nil || v.Kind != tree.Bool || v.Line() != 7 {
		t.Errorf("dA = %+v", v)
	}
	if v := doc.Get("n"); v.Kind != tree.Integer || v.Text != "-7" {
		t.Errorf("n = %+v", v)
	}
}

func TestJSONRejects(t *testing.T) {
	for _, c := range []struct {
		doc  string
		line int
	}{
		{"", 1},
		{"[]", 1},
		{"{}\n{}", 2},
		{"{\n\"a\": 1,\n\"a\": 2}", 3},
		{"{\n\"a\": 1,\n\"\\u0061\": 2}", 3},
		{"{\n\"a\": [1,\n2", 3},
		{"{\"a\": tru}", 1},
		{"{\n\"a\": 1\n\"b\": 2}", 3},
		{"{\"a\": \"\xff\"}", 1},
		{"{\"a\": " + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "}", 1},
		{"{\"a\": [" + strings.Repeat("1,", tree.MaxValues+1) + "1]}", 1},
	} {
		_, err := tree.JSON([]byte(c.doc))
		var e *tree.Error
		if !errors.As(err, &e) {
			t.Errorf("%.60q: error %v, want a *tree.Error", c.doc, err)
			continue
		}
		if e.Line != c.line {
			t.Errorf("%.60q: error %q in line %d, want %d", c.doc, e.Err, e.Line, c.line)
		}
	}
}

// FuzzJSON compares with the standard decoder, which accepts more.
func FuzzJSON(f *testing.F) {
	f.Add(`{"a": {"b": [1, "x", null, true]}, "c": 1e3}`)
	f.Add("{\"a\": 1,\n \"a\": 2}")
	f.Add(`{"é": "é\n"}`)
	f.Fuzz(func(t *testing.T, doc string) {
		got, err := tree.JSON([]byte(doc))
		if err != nil {
			return
		}
		want := map[string]any{}
		if err := json.Unmarshal([]byte(doc), &want); err != nil {
			t.Fatalf("JSON accepts what the decoder does not: %v\n%s", err, doc)
		}
		if diff := cmp.Diff(plain(want), tableText(got)); diff != "" {
			t.Fatalf("JSON differs from the decoder (-decoder +JSON):\n%s\n%s", diff, doc)
		}
	})
}
