package python_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/internal/lockfiletest"
	"github.com/lockkeeper/lockkeeper/lockfile/python"
)

func TestParsePipfile(t *testing.T) { lockfiletest.Run(t, "pipfile*.txtar", python.ParsePipfile) }

func FuzzParsePipfile(f *testing.F) {
	seed(f, "pipfile*.txtar")
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := lockfiletest.Fuzz(t, "sub/Pipfile.lock", data, python.ParsePipfile)
		if err != nil {
			return
		}
		for _, e := range l.Entries {
			if e.Package.Version == "" && e.Requirement == "" && e.Source.Revision == "" || e.Package.Version != "" && e.Requirement != "" {
				t.Fatalf("neither version nor requirement, or both: %+v", e)
			}
			if strings.ContainsAny(e.Marker+e.Requirement, "\r\n") {
				t.Fatalf("more than one line for pip: %+v", e)
			}
		}
	})
}

// TestPipfileBounds: what could be compared or allocated without end is an error,
// or costs no more than its bytes allow.
func TestPipfileBounds(t *testing.T) {
	categories := func(n int, category string) []byte {
		var b strings.Builder
		b.WriteString("{\"_meta\": {\"pipfile-spec\": 6}")
		for i := range n {
			fmt.Fprintf(&b, ",\n\"c%d\": %s", i, fmt.Sprintf(category, i))
		}
		b.WriteString("}")
		return []byte(b.String())
	}
	for name, c := range map[string]struct {
		data []byte
		line int // of the error, 0 for none
	}{
		"versions":         {categories(256, `{"a": {"version": "==1.%d"}}`), 0},
		"too many":         {categories(257, `{"a": {"version": "==1.%d"}}`), 258},
		"markers":          {categories(256, `{"a": {"version": "==1", "markers": "%d"}}`), 0},
		"too many markers": {categories(257, `{"a": {"version": "==1", "markers": "%d"}}`), 258},
		"packages":         {categories(1, `{"`+strings.Join(numbers(50_000), `": "*", "`)+`": "1.%d"}`), 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := lockfiletest.Fuzz(t, "Pipfile.lock", c.data, python.ParsePipfile)
			var located *lockfile.Error
			switch {
			case c.line == 0 && err != nil:
				t.Fatal(err)
			case c.line > 0 && (!errors.As(err, &located) || located.Line != c.line):
				t.Fatalf("error %v, want one in line %d", err, c.line)
			}
		})
	}
}
