// Package lockfiletest runs the parsers' cases from txtar files.
package lockfiletest

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lockkeeper/lockkeeper/lockfile"
)

var update = flag.Bool("update", false, "rewrite the want parts of testdata/*.txtar")

// Run parses, in each testdata/*.txtar below the current directory that matches
// pattern, every file but those named "want: FILE", and compares Dump of the
// result (or the error) with "want: FILE".
func Run(t *testing.T, pattern string, parse func(path string, data []byte) (*lockfile.Lockfile, error)) {
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("cases %s: %v, %v", pattern, files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { runFile(t, file, parse) })
	}
}

func runFile(t *testing.T, file string, parse func(string, []byte) (*lockfile.Lockfile, error)) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	var inputs []txtar.File
	for _, f := range archive.Files {
		if name, ok := strings.CutPrefix(f.Name, "want: "); ok {
			want[name] = string(f.Data)
		} else {
			inputs = append(inputs, f)
		}
	}
	archive.Files = nil
	for _, f := range inputs {
		got := result(t, f, parse)
		if !*update {
			if diff := cmp.Diff(want[f.Name], got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", f.Name, diff)
			}
		}
		archive.Files = append(archive.Files, f, txtar.File{Name: "want: " + f.Name, Data: []byte(got)})
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func result(t *testing.T, f txtar.File, parse func(string, []byte) (*lockfile.Lockfile, error)) string {
	l, err := parse(f.Name, f.Data)
	if err == nil {
		return Dump(l)
	}
	var e *lockfile.Error
	if !errors.As(err, &e) || e.Path != f.Name || l != nil {
		t.Errorf("%s: %#v with result %v, want a *lockfile.Error alone", f.Name, err, l)
	}
	return "error " + err.Error() + "\n"
}

// Dump writes all of a lockfile as text, an entry a line and what belongs to it
// indented below.
func Dump(l *lockfile.Lockfile) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", l.Format, l.Version)
	for _, s := range l.Settings {
		fmt.Fprintf(&b, "%d: setting %q\n", s.Line, s.Text)
	}
	for _, inc := range l.Includes {
		fmt.Fprintf(&b, "%d: include %s constraint=%t\n", inc.Line, inc.Path, inc.Constraint)
	}
	for i, e := range l.Entries {
		fmt.Fprintf(&b, "%d: [%d] %s %s", e.Line, i, e.Package.Name, e.Package.Version)
		if !e.Source.Public() {
			fmt.Fprintf(&b, " from %s %s", e.Source.Kind, e.Source.URL)
		}
		if e.Source.Reference != "" {
			fmt.Fprintf(&b, " (%s)", e.Source.Reference)
		}
		if e.Source.Revision != "" {
			fmt.Fprintf(&b, " at %s", e.Source.Revision)
		}
		if e.Direct {
			b.WriteString(" direct")
		}
		b.WriteByte('\n')
		if e.Requirement != "" {
			fmt.Fprintf(&b, "   requirement %q\n", e.Requirement)
		}
		if e.Marker != "" {
			fmt.Fprintf(&b, "   marker %q\n", e.Marker)
		}
		for _, f := range e.Files {
			parts := append([]string{f.Name, f.URL, string(f.Digest)}, f.Other...)
			fmt.Fprintf(&b, "   file %s\n", strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " "))
		}
		for _, edge := range e.Edges {
			fmt.Fprintf(&b, "   needs %s [%d]\n", edge.Name, edge.Entry)
		}
	}
	return b.String()
}

// bytesPerByte bounds what parsing allocates for each byte of input, and fixed
// what it allocates however small the input is.
const bytesPerByte, fixed = 50, 128 << 10

// Fuzz is Check of what parse makes of data, and bounds what it allocates.
func Fuzz(t *testing.T, path string, data []byte, parse func(path string, data []byte) (*lockfile.Lockfile, error)) (*lockfile.Lockfile, error) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	l, err := parse(path, data)
	runtime.ReadMemStats(&after)
	if got, most := after.TotalAlloc-before.TotalAlloc, uint64(slack*(fixed+bytesPerByte*len(data))); got > most {
		t.Fatalf("%d bytes allocated for %d bytes of input: want at most %d", got, len(data), most)
	}
	Check(t, path, data, l, err)
	return l, err
}

// Check asserts what holds for the result of every parser, whatever the input.
func Check(t *testing.T, path string, data []byte, l *lockfile.Lockfile, err error) {
	t.Helper()
	if err != nil {
		var e *lockfile.Error
		if !errors.As(err, &e) || e.Path != path || e.Line < 0 || l != nil {
			t.Fatalf("error %#v with result %v, want a *lockfile.Error alone", err, l)
		}
		return
	}
	if !strings.HasPrefix(string(data), string(l.Data)) || len(l.Data) == 0 && len(data) > 0 {
		t.Fatal("Data is not the file's bytes")
	}
	lines := 1 + strings.Count(string(data), "\n")
	if !utf8.Valid(data) {
		lines = 1 + len(data) // UTF-16 and the like, which have their own
	}
	for i, e := range l.Entries {
		if e.Package.Name == "" || e.Package.Ecosystem != l.Format.Ecosystem() || e.Source.Kind == "" {
			t.Fatalf("entry %d is not whole: %+v", i, e)
		}
		if e.Line < 1 || e.Line > lines {
			t.Fatalf("entry %d in line %d of %d", i, e.Line, lines)
		}
		for _, edge := range e.Edges {
			if edge.Entry < -1 || edge.Entry >= len(l.Entries) {
				t.Fatalf("entry %d has an edge to %d", i, edge.Entry)
			}
		}
		for _, f := range e.Files {
			if f.Digest != "" && len(f.Digest) != len("sha256:")+64 || slices.Contains(f.Other, "") {
				t.Fatalf("entry %d has the digests %q and %q", i, f.Digest, f.Other)
			}
		}
	}
	if changes := lockfile.Diff(l, l); len(changes) > 0 {
		t.Fatalf("changes without a change: %+v", changes)
	}
}

// dense are pieces of text of which a parser could make far more than they hold.
var dense = []struct{ head, piece, tail string }{
	{"", "[[x]]\n", ""}, {"", "[[package]]\n", ""}, {"", "[[packages]]\n", ""}, {"[[package]]\n", "[[package.x]]\n", ""},
	{"[[package]]\nname = 'a'\nversion = '1'\nx = [", "[],", "]\n"}, {"x = [", "{},", "]\n"}, {"x = [", "1,", "]\n"}, {"x = [", "'',", "]\n"},
	{"x = {", "a%d=1,", "}\n"}, {"", "a%d=1\n", ""}, {"", "[a%d]\n", ""}, {"", "[a.b%d.c.d]\n", ""}, {"", "a%d.b.c=1\n", ""},
	{"version = 1\n[[package]]\nname='a'\nversion='1'\nsource={registry='https://example.invalid'}\nwheels=[", "{},", "]\n"},
	{"version = 4\n[[package]]\nname='a'\nversion='1.0.0'\ndependencies=[", "'b',", "]\n"},
	{"version = 4\n", "[[package]]\nname='a'\nversion='1.0.%d'\n", ""},
	{"", "[[package]]\nname='a'\nversion='1.%d'\n", "[metadata]\nlock-version='2.1'\n"},
	{"version = 1\n", "[[package]]\nname='a'\nversion='1.%d'\nsource={virtual='.'}\n", ""},
	{"{\"x\":[", "[],", "[]]}"}, {"{\"x\":[", "{},", "{}]}"}, {"{\"x\":[", "1,", "1]}"}, {"{\"default\":{", "\"a%d\":{},", "\"z\":{}}}"},
	{"", "a\n", ""}, {"", "a==1\n", ""}, {"a==1 \\\n", "\\\n", ""}, {"", "-i x\n", ""}, {"", "-r x\n", ""}, {"a==1 ", "--hash=", ""}, {"", "#\n", ""},
	{"a==1\n# via\n", "#   a\n", ""}, {"a==1\nb==1\n# via\n", "#   a\n", ""}, {"", "a[b]\n", ""}, {"a[", "b,", "c]\n"},
}

// Dense is Fuzz of texts that are made to allocate.
func Dense(t *testing.T, path string, parse func(path string, data []byte) (*lockfile.Lockfile, error)) {
	for _, d := range dense {
		t.Run(d.head+d.piece, func(t *testing.T) {
			var b strings.Builder
			b.WriteString(d.head)
			for i := 0; b.Len() < 512<<10; i++ {
				if strings.Contains(d.piece, "%d") {
					fmt.Fprintf(&b, d.piece, i)
				} else {
					b.WriteString(d.piece)
				}
			}
			b.WriteString(d.tail)
			Fuzz(t, path, []byte(b.String()), parse)
		})
	}
}
