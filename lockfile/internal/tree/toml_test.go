package tree_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"
	"pgregory.net/rapid"

	"github.com/lockkeeper/lockkeeper/lockfile/internal/tree"
)

func TestTOMLKnowsLines(t *testing.T) {
	doc, err := tree.TOML([]byte("\ufeff# head\r\na = 1\r\n\r\n[[p]]\nn = [\n  'x',\n  \"y\\u0041\",\n]\n[p.q]\nr.s = {\"t\" = true}\nm = \"\"\"\n\ntwo\"\"\"\nlast = 1.5\n"))
	if err != nil {
		t.Fatal(err)
	}
	if v := doc.Get("a"); v.Kind != tree.Integer || v.Text != "1" || v.Line() != 2 {
		t.Errorf("a = %+v", *v)
	}
	p := doc.Get("p").Elems[0]
	if p.Line() != 4 {
		t.Errorf("[[p]] in line %d, want 4", p.Line())
	}
	n := p.Table.Get("n").Elems
	if len(n) != 2 || n[0].Text != "x" || n[0].Line() != 6 || n[1].Text != "yA" || n[1].Line() != 7 {
		t.Errorf("n = %+v", n)
	}
	q := p.Table.Get("q").Table
	if v := q.Get("r").Table.Get("s").Table.Get("t"); v.Kind != tree.Bool || v.Text != "true" || v.Line() != 10 {
		t.Errorf("t = %+v", *v)
	}
	if v := q.Get("m"); v.Text != "\ntwo" || v.Line() != 11 {
		t.Errorf("m = %+v", *v)
	}
	if v := q.Get("last"); v.Line() != 14 || v.Kind != tree.Other {
		t.Errorf("last = %+v", *v)
	}
}

func TestTOMLRejects(t *testing.T) {
	for _, c := range []struct {
		doc  string
		line int
	}{
		{"a = 1\na = 2\n", 2},
		{"a = 1\n\"\\u0061\" = 2\n", 2},
		{"[a]\n[b]\n[a]\n", 3},
		{"[[a]]\n[a]\n", 2},
		{"[a]\n[[a]]\n", 2},
		{"a = []\n[[a]]\n", 2},
		{"a = {b = 1}\n[a.c]\n", 2},
		{"a = {b = 1}\na.c = 2\n", 2},
		{"a = {b.c = 1, b.c = 2}\n", 1},
		{"a.b = 1\n[a]\n", 2},
		{"[a.b.c]\nz = 9\n[a]\nb.c.t = 1\n", 4},
		{"a = 1\n[a.b]\n", 2},
		{"a = \n", 1},
		{"ok = 1\na = \"\x01\"\n", 2},
		{"a = [1,\n", 1},
		{"a = " + strings.Repeat("[", 40) + strings.Repeat("]", 40), 1},
		{strings.Repeat("a.", 40) + "a = 1", 1},
		{"[" + strings.Repeat("a.", 40) + "a]", 1},
		{"a = [" + strings.Repeat(",", tree.MaxValues+1), 1},
	} {
		_, err := tree.TOML([]byte(c.doc))
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

// Many documents over few keys: whatever a document defines, extends or repeats,
// this package and go-toml's decoder must agree on whether it may and on what it
// means.
func TestTOMLAgreesWithDecoder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.Custom(func(t *rapid.T) string {
			parts := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", `"a"`, "'b'", `"\u0063"`}), 1, 3).Draw(t, "key")
			return strings.Join(parts, rapid.SampledFrom([]string{".", " . "}).Draw(t, "dot"))
		})
		scalar := rapid.SampledFrom([]string{`"x"`, `'x\'`, "\"\"\"\nx\\\n y\"\"\"", `"\t\u00e9"`, `""`, "7", "true"})
		inline := rapid.Custom(func(t *rapid.T) string {
			return fmt.Sprintf("{%s = %s, %s = %s}", key.Draw(t, "k"), scalar.Draw(t, "v"), key.Draw(t, "k"), scalar.Draw(t, "v"))
		})
		value := rapid.OneOf(scalar, inline, rapid.Custom(func(t *rapid.T) string {
			return fmt.Sprintf("[%s, %s]", inline.Draw(t, "e"), scalar.Draw(t, "e"))
		}), rapid.Just("[]"), rapid.Just("{}"))
		line := rapid.OneOf(
			rapid.Map(key, func(k string) string { return "[" + k + "]" }),
			rapid.Map(key, func(k string) string { return "[[" + k + "]]" }),
			rapid.Custom(func(t *rapid.T) string { return key.Draw(t, "k") + " = " + value.Draw(t, "v") }),
		)
		agree(t, strings.Join(rapid.SliceOfN(line, 1, 7).Draw(t, "lines"), "\n"), true)
	})
}

func FuzzTOML(f *testing.F) {
	f.Add("a = 1\n[b]\nc.d = {e = [1, 'x']}\n[[f.g]]\n")
	f.Add("[[a]]\n[a.b]\n[[a]]\n[a.b]\n")
	f.Add("a = {b = {}}\na.b.c = 1\n")
	f.Add("\"\"\"a\"\"\" = 1")
	f.Add("a = 1979-05-27 07:32:00Z\nb = 12:\n")
	f.Fuzz(func(t *testing.T, doc string) { agree(t, doc, false) })
}

// agree compares with go-toml's decoder. Unless exact, the decoder may reject
// what TOML accepts no further than numbers and dates, which TOML keeps as text.
func agree(t interface {
	Helper()
	Fatalf(string, ...any)
}, doc string, exact bool) {
	t.Helper()
	got, err := tree.TOML([]byte(doc))
	want := map[string]any{}
	decoderErr := toml.Unmarshal([]byte(doc), &want)
	if exact && (err == nil) != (decoderErr == nil) {
		t.Fatalf("TOML: %v\ndecoder: %v\n%s", err, decoderErr, doc)
	}
	if err != nil || decoderErr != nil {
		return
	}
	if diff := cmp.Diff(plain(want), tableText(got)); diff != "" {
		t.Fatalf("TOML differs from the decoder (-decoder +TOML):\n%s\n%s", diff, doc)
	}
}

func tableText(t *tree.Table) any {
	m := map[string]any{}
	for _, p := range t.Pairs {
		m[p.Key] = valueText(p.Value)
	}
	return m
}

func valueText(v tree.Value) any {
	switch v.Kind {
	case tree.String:
		return v.Text
	case tree.Bool:
		return v.Text == "true"
	case tree.TableKind:
		return tableText(v.Table)
	case tree.Array:
		list := []any{}
		for _, e := range v.Elems {
			list = append(list, valueText(e))
		}
		return list
	}
	return "number"
}

// plain forgets what TOML keeps as text.
func plain(v any) any {
	switch v := v.(type) {
	case string, bool:
		return v
	case map[string]any:
		m := map[string]any{}
		for k, e := range v {
			m[k] = plain(e)
		}
		return m
	case []any:
		list := []any{}
		for _, e := range v {
			list = append(list, plain(e))
		}
		return list
	}
	return "number"
}
