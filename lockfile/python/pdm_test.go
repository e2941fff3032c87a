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

func TestParsePDM(t *testing.T) { lockfiletest.Run(t, "pdm*.txtar", python.ParsePDM) }

func FuzzParsePDM(f *testing.F) {
	seed(f, "pdm*.txtar")
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := lockfiletest.Fuzz(t, "sub/pdm.lock", data, python.ParsePDM)
		if err != nil {
			return
		}
		for _, e := range l.Entries {
			if e.Package.Version == "" && e.Requirement == "" && e.Source.Revision == "" || e.Package.Version != "" && e.Requirement != "" {
				t.Fatalf("neither version nor requirement, or both: %+v", e)
			}
		}
	})
}

// TestPDMBounds: what could be compared or allocated without end is an error, or
// costs no more than its bytes allow.
func TestPDMBounds(t *testing.T) {
	const metadata = "[metadata]\nlock_version = \"4.5.1\"\n"
	rows := func(n int, row string) []byte {
		var b strings.Builder
		b.WriteString(metadata)
		for i := range n {
			fmt.Fprintf(&b, row, i)
		}
		return []byte(b.String())
	}
	const pkg = "[[package]]\nname = \"a\"\nversion = \"1\"\n"
	for name, c := range map[string]struct {
		data []byte
		line int // of the error, 0 for none
	}{
		"versions":         {rows(256, "[[package]]\nname = \"a\"\nversion = \"1.%d\"\n"), 0},
		"too many":         {rows(257, "[[package]]\nname = \"a\"\nversion = \"1.%d\"\n"), 3 + 3*256},
		"markers":          {rows(256, pkg+"extras = [\"x%d\"]\nmarker = \"%[1]d\"\n"), 0},
		"files of extras":  {rows(256, pkg+"extras = [\"x%d\"]\nfiles = [{file = \"%[1]d.zip\", hash = \"md5:00000000000000000000000000000000\"}]\n"), 0},
		"dependencies":     {rows(1, pkg+"dependencies = ["+strings.Repeat("\"bbbbbbb\",", 100_000)+"] # %d\n"), 0},
		"distinct":         {rows(50_000, "[[package]]\nname = \"a%d\"\nversion = \"1\"\ndependencies = [\"a\", \"b\", \"c\", \"d\"]\n"), 0},
		"long dependency":  {rows(1, pkg+"dependencies = [\"b"+strings.Repeat(" ", 20_000)+"\"] # %d\n"), 6},
		"dependency names": {rows(1, pkg+"dependencies = [\""+strings.Join(numbers(100_000), "\",\"")+"\"] # %d\n"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := lockfiletest.Fuzz(t, "pdm.lock", c.data, python.ParsePDM)
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

// numbers are n names of few bytes.
func numbers(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("name%05d", i)
	}
	return list
}
