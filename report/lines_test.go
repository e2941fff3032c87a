package report

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

// A table fits its width without folding its heading or breaking a word that has
// room, and is a line a row where nobody gives a width.
func TestTable(t *testing.T) {
	rows := [][]string{
		{"LINE", "PACKAGE", "ADMITS", "SIGNED OFF"},
		{"1", "cargo/libc", "may read-env, run:emcc, run:emcc.bat, run:freebsd-version, run:rustc", "alice #812"},
		{"12", "cargo/a-name\x1b[31m", "publisher user:52", ""},
	}
	var narrow, wide bytes.Buffer
	if err := Table(&narrow, rows, TextOptions{Width: 66}); err != nil {
		t.Fatal(err)
	}
	if err := Table(&wide, rows, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(narrow.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 66 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	if first, _, _ := strings.Cut(narrow.String(), "\n"); strings.Join(strings.Fields(first), " ") != "LINE PACKAGE ADMITS SIGNED OFF" || !strings.Contains(narrow.String(), "run:freebsd-version") {
		t.Errorf("folded:\n%s", &narrow)
	}
	if n := strings.Count(wide.String(), "\n"); n != 3 || strings.Contains(wide.String(), "\x1b") {
		t.Errorf("%d lines, or an escape:\n%s", n, &wide)
	}
}
