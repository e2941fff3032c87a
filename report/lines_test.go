package report

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lockkeeper/lockkeeper/report/reporttest"
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

// TestFoldLosesNothing: a line that is broken goes on in the next one, whatever is in it.
func TestFoldLosesNothing(t *testing.T) {
	for _, s := range append(reporttest.Nasty(t), strings.Repeat("長い", 40), "e\u0301"+strings.Repeat("\u0301", 90), strings.Repeat("\U0001f469\u200d\U0001f4bb", 30)) {
		s = visible(s, false)
		for _, width := range []int{1, 2, 7, 60} {
			if got := strings.ReplaceAll(strings.Join(Fold(s, width), ""), " ", ""); got != strings.Join(strings.Fields(s), "") {
				t.Errorf("at %d columns %q became %q", width, s, got)
			}
		}
	}
	if got := Fold("as it  is", 0); len(got) != 1 || got[0] != "as it  is" {
		t.Errorf("without a width: %q", got)
	}
}
