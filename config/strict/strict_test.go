package strict

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

type level string

func (l *level) UnmarshalText(text []byte) error {
	switch *l = level(text); *l {
	case "warn", "block":
		return nil
	}
	return fmt.Errorf("no level is called %q", text)
}

type file struct {
	Scan struct {
		Mode      string        `toml:"mode"`
		Lockfiles []string      `toml:"lockfiles"`
		Every     time.Duration `toml:"every"`
		Count     int           `toml:"count"`
		On        *bool         `toml:"on"`
	} `toml:"scan"`
	Rules    map[string]level `toml:"rules"`
	Override []struct {
		Paths   []string         `toml:"paths"`
		Rules   map[string]level `toml:"rules"`
		Expires time.Time        `toml:"expires"`
	} `toml:"override"`
}

func TestDecode(t *testing.T) {
	var got file
	meta, err := Decode("p.toml", []byte(`
[scan]
mode = "all"
lockfiles = ["a", "b"]
every = "90s"
count = 3
on = false
[rules]
"x y" = "warn"
[[override]]
paths = ["t/**"]
rules = { z = "block" }
expires = 2027-05-22
`), &got)
	if err != nil {
		t.Fatal(err)
	}
	if got.Scan.Mode != "all" || got.Scan.Every != 90*time.Second || got.Scan.Count != 3 || *got.Scan.On ||
		got.Rules["x y"] != "warn" || got.Override[0].Rules["z"] != "block" || got.Override[0].Expires.Year() != 2027 {
		t.Errorf("decoded %+v", got)
	}
	if !meta.IsDefined("scan", "on") {
		t.Error("the library's view does not know scan.on")
	}
}

// Each case is a mistake and the one line that tells of it.
func TestMistakes(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"[scan]\nmoed = 'x'", `p.toml:2:1: unknown key "moed" in scan, did you mean "mode"?`},
		{"[scan]\n  Mode = 'x'", `p.toml:2:3: unknown key "Mode" in scan, did you mean "mode"?`},
		{"[scan]\nzzzzzz = 1", `p.toml:2:1: unknown key "zzzzzz" in scan; known here: count, every, lockfiles, mode, on`},
		{"scan.mode = 'x'\nscan.moed = 1", `p.toml:2:6: unknown key "moed" in scan, did you mean "mode"?`},
		{"scan = { mode = 'x', moed = 1 }", `p.toml:1:22: unknown key "moed" in scan, did you mean "mode"?`},
		{"[rule]\nx = 'warn'", `p.toml:1:1: unknown key "rule", did you mean "rules"?`},
		// The first of several tables, though the later ones are right.
		{"[[override]]\npath = []\n[[override]]\npaths = []", `p.toml:2:1: unknown key "path" in override[0], did you mean "paths"?`},
		{"[[override]]\npaths = []\n[[override]]\npaths = ['a', 2]", `p.toml:4:15: override[1].paths[1] must be a string, not a whole number`},
		{"override = [{}, {paht = 1}]", `p.toml:1:18: unknown key "paht" in override[1], did you mean "paths"?`},
		// Of several mistakes the first in the file, not in the alphabet.
		{"zz = 1\naa = 1", `p.toml:1:1: unknown key "zz"; known here: override, rules, scan`},
		{"rules = 'warn'", `p.toml:1:1: rules must be a table, not a string`},
		{"[rules]\na = 'warn'\nb = 'warm'", `p.toml:3:1: rules.b: no level is called "warm"`},
		{"[[override]]\nrules = { a = 'no' }\n[[override]]\nrules = { a = 'warn' }", `p.toml:2:11: override[0].rules.a: no level is called "no"`},
		{"[scan]\ncount = '3'", `p.toml:2:1: scan.count must be a whole number, not a string`},
		{"[scan]\ncount = 3.5", `p.toml:2:1: scan.count must be a whole number, not a number with a fraction`},
		{"[scan]\non = 1", `p.toml:2:1: scan.on must be true or false, not a whole number`},
		{"[scan]\nevery = 90", `p.toml:2:1: scan.every must be a duration such as "90s", not a whole number`},
		{"[scan]\nevery = '90'", `p.toml:2:1: scan.every must be a duration such as "90s" or "1h30m", not "90"`},
		{"[scan]\nlockfiles = 'a'", `p.toml:2:1: scan.lockfiles must be a list, not a string`},
		{"[override]\npaths = []", `p.toml:1:1: override is a list: write [[override]], with two brackets`},
		{"[[scan]]", `p.toml:1:1: scan is one table, not a list: write [scan], with one bracket`},
		{"[[override]]\nexpires = '2027'", `p.toml:2:1: override[0].expires must be a date, not a string`},
		// Neither a comment nor a string confuses the count of lines.
		{"# [a]\n[scan] # moed\nmode = '''\nmoed = 1\n''' # \"\nmoed = \"\"\"\\\"\"\"\"\"\n", `p.toml:6:1: unknown key "moed" in scan, did you mean "mode"?`},
		{"\r\n[scan]\r\nmoed = 1\r\n", `p.toml:3:1: unknown key "moed" in scan, did you mean "mode"?`},
		{"'a\x1b.b' = 1", `p.toml:1:2: TOML files cannot contain control characters: '0x1b'`},
		{`"a\u001b.b" = 1`, `p.toml:1:1: unknown key "a\x1b.b"; known here: override, rules, scan`},
		{"[scan\nmode = 1", `p.toml:1:6: expected '.' or ']' to end table name, but got '\n' instead`},
		{"[scan]\nmode = 'a'\nmode = 'b'", `p.toml:3:1: Key 'scan.mode' has already been defined.`},
		{"[scan]\nmode = some", `p.toml:2:8: expected value but found "some" instead; text stands in quotes`},
		{"[scan]\nmode = \"some\n", `p.toml:2:13: strings cannot contain newlines; close it with a quote`},
		{"[scan]\ncount = 99999999999999999999", `p.toml:2:9: 99999999999999999999 is out of range for int64`},
		{strings.Repeat("a.", 16) + "a = 1", `p.toml:1:35: a key of more than 16 parts or 256 bytes`},
		{"a = " + strings.Repeat("[", 64), `p.toml:1:38: more than 32 arrays and tables inside each other`},
		{strings.Repeat("#", MaxSize+1), `p.toml: 1048577 bytes are more than the 1048576 that are read; split or shorten the file`},
	} {
		var into file
		_, err := Decode("p.toml", []byte(test.in), &into)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%.60q: error %v (%T), want an *Error", test.in, err, err)
			continue
		}
		if diff := cmp.Diff(test.want, err.Error()); diff != "" {
			t.Errorf("%.60q (-want +got):\n%s", test.in, diff)
		}
	}
}

func TestErrorFields(t *testing.T) {
	var into file
	_, err := Decode("p.toml", []byte("[[override]]\nrules = { 'a b' = 'no' }"), &into)
	var e *Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	got := *e
	got.Err = nil
	want := Error{Path: "p.toml", Line: 2, Column: 11, Key: `override[0].rules."a b"`, Message: e.Message}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Error{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if errors.Unwrap(err) == nil {
		t.Error("the reader's own error is not wrapped")
	}
}

func TestPlace(t *testing.T) {
	var into file
	doc, err := Parse("p.toml", []byte("\n[scan]\nmode = 'all'\nlockfiles = [\n  'a',\n  'b',\n]\n[[override]]\n[[override]]\npaths = []\n[override.rules]\nz = 'warn'\n"), &into)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		keys []any
		want string
	}{
		{[]any{"scan"}, "2:1"},
		{[]any{"scan", "mode"}, "3:1"},
		{[]any{"scan", "absent"}, "2:1"},
		{[]any{"scan", "lockfiles", 1}, "6:3"},
		{[]any{"override", 0}, "8:1"},
		{[]any{"override", 1, "paths"}, "10:1"},
		{[]any{"override", 1, "rules", "z"}, "12:1"},
		{[]any{"override", 7}, "8:1"},
		{nil, "0:0"},
	} {
		line, column := doc.Place(test.keys...)
		if got := fmt.Sprintf("%d:%d", line, column); got != test.want {
			t.Errorf("place of %v: %s, want %s", test.keys, got, test.want)
		}
	}
	cause := errors.New("no such team")
	wrapped := doc.Errorf([]any{"scan", "mode"}, "ask for it: %w", cause)
	if wrapped.Error() != "p.toml:3:1: ask for it: no such team" || !errors.Is(wrapped, cause) {
		t.Errorf("Errorf: %v", wrapped)
	}
}

func TestClosest(t *testing.T) {
	names := []string{"release-too-new", "build-code-added", "mode", "may"}
	for word, want := range map[string]string{
		"release-to-new": "release-too-new", "build-code-aded": "build-code-added", "moed": "mode",
		"MAY": "may", "qqqq": "", "": "", strings.Repeat("m", 100): "", "network": "",
	} {
		if got := Closest(word, names); got != want {
			t.Errorf("Closest(%q) = %q, want %q", word, got, want)
		}
	}
}

// Documents at the bounds take time in proportion to their size.
func BenchmarkHostile(b *testing.B) {
	for name, in := range map[string]string{
		"tables":  strings.Repeat("[[override]]\npaths=[]\n", MaxSize/23),
		"dotted":  strings.Repeat(strings.Repeat("a.", 15)+"b=1\n", 2000),
		"comment": strings.Repeat("#\n", MaxSize/2),
		"arrays":  "a=[" + strings.Repeat(strings.Repeat("[", 30)+strings.Repeat("]", 30)+",", 2500) + "]",
		"unknown": numbered(40_000),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				var into file
				_, _ = Decode("p.toml", []byte(in), &into)
			}
		})
	}
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d=1\n", i)
	}
	return b.String()
}

// Every key that the library finds has a place, and nothing makes Decode panic.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"[scan]\nmode = 'all'\n", "[[override]]\npaths = ['a', 'b']\nrules = { x = 'warn', y.z = 1 }\n",
		"a.\"b.c\".'d' = \"\"\"x\\\ny\"\"\"\"\n", "[a]\n[a.b]\n[[a.c]]\n[a.c.d]\ne = [[1], [2, {f = 3}]]\n",
		"\xef\xbb\xbfa = 1979-05-27T07:32:00Z # c\r\nb = '''\n'''\n", "\"\\u00e9\" = inf", "a = [ # x\n 1, # y\n]\n",
		"a = { b = 1,\n c = 2, }", "[ a . b ]\nc = +1_0", "a = '\n", "[[a]]\n[a]\n", "\"\" = ''\n'' = 1",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var into file
		_, err := Decode("p.toml", data, &into)
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("error of type %T: %v", err, err)
		}
		if err != nil {
			e.Caret()
		}
		root, bound := places(data)
		var tree map[string]any
		if bound != nil || len(data) > MaxSize {
			return
		}
		if _, err := toml.Decode(string(data), &tree); err != nil {
			return
		}
		requirePlaces(t, tree, root, nil)
	})
}

func requirePlaces(t *testing.T, v any, n *node, path []any) {
	t.Helper()
	if n == nil || len(path) > 0 && (n.line < 1 || n.column < 1) {
		t.Fatalf("no place for %s", dotted(path))
	}
	switch v := v.(type) {
	case map[string]any:
		for key, item := range v {
			requirePlaces(t, item, n.child(key), append(path[:len(path):len(path)], key))
		}
	case []any:
		for i, item := range v {
			requirePlaces(t, item, n.child(i), append(path[:len(path):len(path)], i))
		}
	case []map[string]any:
		for i, item := range v {
			requirePlaces(t, item, n.child(i), append(path[:len(path):len(path)], i))
		}
	}
}
