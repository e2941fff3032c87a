package strict

import (
	"errors"
	"testing"
)

func TestCaret(t *testing.T) {
	type inner struct {
		Days int `toml:"days"`
	}
	var into struct {
		Name  string           `toml:"name"`
		Table map[string]inner `toml:"table"`
	}
	for name, test := range map[string]struct{ text, want string }{
		"the first line":      {"nam = \"x\"\n", "  1 | nam = \"x\"\n    | ^\n"},
		"in a table":          {"name = \"x\"\n[table.a]\ndays = \"1\"\n", "  3 | days = \"1\"\n    | ^\n"},
		"behind a tab":        {"\tnam = 1\n", "  1 | \tnam = 1\n    | \t^\n"},
		"inside of a line":    {"table = { a = { day = 1 } }\n", "  1 | table = { a = { day = 1 } }\n    |                 ^\n"},
		"no TOML":             {"name = \"x\n", "  1 | name = \"x\n    |          ^\n"},
		"line ends of DOS":    {"name = \"x\"\r\nnam = 1\r\n", "  2 | nam = 1\n    | ^\n"},
		"a byte order mark":   {"\xef\xbb\xbfnam = 1\n", "  1 | nam = 1\n    | ^\n"},
		"an escape sequence":  {"nam = 1 # \x1b[31m\n", "  1 | nam = 1 # ?[31m\n    |          ^\n"}, // the library points before it
		"more than one digit": {"\n\n\n\n\n\n\n\n\nnam = 1\n", "  10 | nam = 1\n     | ^\n"},
	} {
		_, err := Decode("f.toml", []byte(test.text), &into)
		var at *Error
		if !errors.As(err, &at) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := at.Caret(); got != test.want {
			t.Errorf("%s (%v):\n got %q\nwant %q", name, err, got, test.want)
		}
	}
}
