package fetch

import "testing"

var contentRanges = []struct {
	in               string
	start, end, size int64
	ok               bool
}{
	{"bytes 0-0/1", 0, 0, 1, true},
	{"bytes 65536-131071/200000", 65536, 131071, 200000, true},
	{"", 0, 0, 0, false},
	{"bytes */100", 0, 0, 0, false},
	{"bytes 0-9/*", 0, 0, 0, false},
	{"bytes 0-9/9", 0, 0, 0, false},
	{"bytes 9-0/100", 0, 0, 0, false},
	{"bytes -5-9/100", 0, 0, 0, false},
	{"bytes 0-+9/100", 0, 0, 0, false},
	{"bytes 0-9/100 ", 0, 0, 0, false},
	{"bytes 0-9/100x", 0, 0, 0, false},
	{"items 0-9/100", 0, 0, 0, false},
	{"bytes 0-9/99999999999999999999", 0, 0, 0, false},
}

func TestParseContentRange(t *testing.T) {
	for _, test := range contentRanges {
		start, end, size, err := parseContentRange(test.in)
		if (err == nil) != test.ok || start != test.start || end != test.end || size != test.size {
			t.Errorf("parseContentRange(%q) = %d, %d, %d, %v; want %+v", test.in, start, end, size, err, test)
		}
	}
}

func FuzzParseContentRange(f *testing.F) {
	for _, test := range contentRanges {
		f.Add(test.in)
	}
	f.Fuzz(func(t *testing.T, s string) {
		start, end, size, err := parseContentRange(s)
		if err == nil && (start < 0 || end < start || size <= end) {
			t.Fatalf("%q: %d-%d/%d", s, start, end, size)
		}
	})
}
