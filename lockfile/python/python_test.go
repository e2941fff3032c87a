package python_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/internal/lockfiletest"
	"github.com/lockkeeper/lockkeeper/lockfile/python"
)

func TestParsePoetry(t *testing.T) { lockfiletest.Run(t, "poetry*.txtar", python.ParsePoetry) }

func TestParseRequirements(t *testing.T) {
	lockfiletest.Run(t, "requirements*.txtar", python.ParseRequirements)
}

func TestCanonicalName(t *testing.T) {
	for name, want := range map[string]string{
		"Flask": "flask", "a._-B": "a-b", "zope.interface": "zope-interface", "x": "x", "A1": "a1",
		"": "", "-a": "", "a.": "", "a b": "", "é": "", "a\n": "", strings.Repeat("a", 300): "",
	} {
		got, err := python.CanonicalName(name)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("CanonicalName(%.40q) = %q, %v, want %q", name, got, err, want)
		}
	}
}

func TestRequirementsEncodings(t *testing.T) {
	const text = "a==1.0\n\nb==2.0 # é\n"
	units := utf16.Encode([]rune(text))
	little, big := []byte("\xff\xfe"), []byte("\xfe\xff")
	for _, u := range units {
		little = append(little, byte(u), byte(u>>8))
		big = append(big, byte(u>>8), byte(u))
	}
	want, err := python.ParseRequirements("requirements.txt", []byte(text))
	if err != nil || len(want.Entries) != 2 || want.Entries[1].Line != 3 {
		t.Fatalf("%+v, %v", want, err)
	}
	for name, data := range map[string][]byte{
		"UTF-8 with BOM": []byte("\ufeff" + text),
		"UTF-16LE":       little,
		"UTF-16BE":       big,
		"CRLF":           []byte(strings.ReplaceAll(text, "\n", "\r\n")),
		"Latin-1 below":  []byte("a==1.0\n# -*- coding: latin-1 -*-\nb==2.0 # \xe9\n"),
		"UTF-8 named":    []byte("a==1.0\n# coding=utf8\nb==2.0 # é\n"),
	} {
		got, err := python.ParseRequirements("requirements.txt", data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got.Data = want.Data
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-UTF-8 +%s):\n%s", name, name, diff)
		}
	}
	for name, data := range map[string]string{
		"no UTF-8":     "a==1.0\n# \xe9\n",
		"UTF-32":       "\xff\xfe\x00\x00a\x00\x00\x00",
		"half UTF-16":  "\xff\xfea",
		"third line":   "a==1.0\n\n# coding: latin-1 \xe9\n",
		"unknown name": "# coding: klingon\n",
		"lines":        strings.Repeat("a\n", 200_000),
		"options":      strings.Repeat("--pre ", 600_000),
		"requirement":  "a[" + strings.Repeat("b,", 10_000) + "b]",
		"size":         strings.Repeat("\n", lockfile.MaxSize+1),
	} {
		if l, err := python.ParseRequirements("requirements.txt", []byte(data)); err == nil {
			t.Errorf("%s: no error", name)
		} else {
			lockfiletest.Check(t, "requirements.txt", []byte(data), l, err)
		}
	}
}

// pip ends a line wherever Python's str.splitlines does: nothing may hide there.
func TestRequirementsSeparators(t *testing.T) {
	for _, separator := range []string{"\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\u0085", "\u2028", "\u2029"} {
		l, err := python.ParseRequirements("requirements.txt", []byte("# comment"+separator+"hidden==1.0"+separator+separator+"last==2.0\n"))
		if err != nil || len(l.Entries) != 2 || l.Entries[0].Package.Name != "hidden" || l.Entries[1].Package.Name != "last" {
			t.Errorf("after %q: %+v, %v", separator, l, err)
			continue
		}
		want := 1 + 3*strings.Count(separator, "\n")
		if got := l.Entries[1].Line; got != want {
			t.Errorf("after %q: line %d, want %d as an editor counts", separator, got, want)
		}
	}
	for _, data := range []string{"a==1.0\x00\n", "a==1.0 \x1b[2J\n", "-i https://example.invalid/\x7f\n"} {
		l, err := python.ParseRequirements("requirements.txt", []byte(data))
		if err == nil {
			t.Errorf("%q: no error", data)
		}
		lockfiletest.Check(t, "requirements.txt", []byte(data), l, err)
	}
}

func FuzzParsePoetry(f *testing.F) {
	seed(f, "poetry*.txtar")
	f.Fuzz(func(t *testing.T, data []byte) {
		lockfiletest.Fuzz(t, "poetry.lock", data, python.ParsePoetry)
	})
}

func FuzzParseRequirements(f *testing.F) {
	seed(f, "requirements*.txtar")
	f.Add([]byte("\xff\xfea\x00=\x00=\x001\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := lockfiletest.Fuzz(t, "sub/requirements.txt", data, python.ParseRequirements)
		if err != nil {
			return
		}
		for _, e := range l.Entries {
			if e.Package.Version == "" && e.Requirement == "" {
				t.Fatalf("neither version nor requirement: %+v", e)
			}
		}
		for _, inc := range l.Includes {
			if !filepath.IsLocal(inc.Path) {
				t.Fatalf("include leaves the repository: %q", inc.Path)
			}
		}
	})
}

func seed(f *testing.F, pattern string) {
	cases, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(cases) == 0 {
		f.Fatalf("%v, %v", cases, err)
	}
	for _, file := range cases {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, c := range txtar.Parse(data).Files {
			if !strings.HasPrefix(c.Name, "want: ") {
				f.Add(c.Data)
			}
		}
	}
}
