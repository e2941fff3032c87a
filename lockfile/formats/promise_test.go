package formats_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/bench/locks"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/formats"
	"github.com/lockkeeper/lockkeeper/lockfile/internal/lockfiletest"
)

// fails asks for an error alone, with the file and, unless it is 0, the line.
func fails(t *testing.T, format lockfile.Format, what string, data []byte, line int) {
	t.Helper()
	l, err := formats.Parse(format, "dir/lock", data)
	var located *lockfile.Error
	switch {
	case err == nil:
		t.Errorf("%s, %s: no error", format, what)
	case l != nil || !errors.As(err, &located) || located.Path != "dir/lock":
		t.Errorf("%s, %s: %#v beside %v", format, what, err, l)
	case line != 0 && located.Line != line:
		t.Errorf("%s, %s: %v, want line %d", format, what, err, line)
	}
}

// lineOf counts from 1; the mark must be there.
func lineOf(t *testing.T, data []byte, mark string) int {
	t.Helper()
	i := bytes.Index(data, []byte(mark))
	if i < 0 {
		t.Fatalf("no %q", mark)
	}
	return 1 + bytes.Count(data[:i], []byte("\n"))
}

func TestPromise3NoLockfileIsReadInPart(t *testing.T) {
	for _, format := range formats.All {
		t.Run(string(format), func(t *testing.T) {
			data := locks.Write(format, 12, 1)
			lines := bytes.SplitAfter(data, []byte("\n"))
			for i := range lines {
				for _, marker := range []string{"<<<<<<< HEAD\n", "||||||| base\n", ">>>>>>> other\r\n"} {
					fails(t, format, "merge marker", slices.Concat(slices.Concat(lines[:i]...), []byte(marker), slices.Concat(lines[i:]...)), i+1)
				}
			}
			for i := range lines {
				fails(t, format, "wrong UTF-8", slices.Concat(slices.Concat(lines[:i]...), []byte("\xff# \n"), slices.Concat(lines[i:]...)), i+1)
			}
			fails(t, format, "100 MB", bytes.Repeat([]byte("\n"), 100<<20), 0)
			fails(t, format, "NUL", append([]byte{0}, data...), 0)
			fails(t, format, "half UTF-16", []byte("\xff\xfea"), 0)
		})
	}
}

// A file that is cut short within a line is an error. After a line it can be a
// file of its own, but never one with other packages.
func TestPromise3TruncatedLockfiles(t *testing.T) {
	for _, format := range formats.All {
		if format == lockfile.Requirements {
			continue // every line stands for itself: half a line is another pin
		}
		t.Run(string(format), func(t *testing.T) {
			data := locks.Write(format, 5, 1)
			whole, err := formats.Parse(format, "lock", data)
			if err != nil {
				t.Fatal(err)
			}
			for cut := range len(data) - 2 {
				l, err := formats.Parse(format, "lock", data[:cut])
				if err != nil {
					continue
				}
				if format == lockfile.Pipfile || len(l.Entries) > 0 && data[cut-1] != '\n' && data[cut] != '\n' {
					t.Fatalf("cut after %d bytes of %d it passes", cut, len(data))
				}
				for i, e := range l.Entries {
					if e.Package != whole.Entries[i].Package {
						t.Fatalf("cut after %d bytes: %v, want %v", cut, e.Package, whole.Entries[i].Package)
					}
				}
			}
		})
	}
}

func TestPromise3DuplicateKeys(t *testing.T) {
	for format, twice := range map[lockfile.Format][2]string{
		lockfile.Cargo:   {"version = \"1.1.0\"\n", "version = \"1.9.0\"\n"},
		lockfile.Poetry:  {"optional = false\n", "optional = true\n"},
		lockfile.UV:      {"name = \"package-00001\"\n", "name = \"evil\"\n"},
		lockfile.PDM:     {"version = \"1.1.0\"\n", "version = \"1.9.0\"\n"},
		lockfile.Pipfile: {"            \"index\": \"pypi\",\n", "            \"index\": \"pypi\",\n"},
		lockfile.Pylock:  {"name = \"package-00001\"\n", "name = \"evil\"\n"},
	} {
		data := locks.Write(format, 12, 1)
		line := lineOf(t, data, twice[0]) + 1
		fails(t, format, "duplicate key", bytes.Replace(data, []byte(twice[0]), []byte(twice[0]+twice[1]), 1), line)
	}
}

func TestPromise3AbsurdNesting(t *testing.T) {
	for _, format := range formats.All {
		deep := strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)
		switch format {
		case lockfile.Requirements:
			fails(t, format, "nesting", []byte("a"+deep+"\n"), 1)
		case lockfile.Pipfile:
			fails(t, format, "nesting", []byte(`{"x":`+deep+"}"), 1)
			fails(t, format, "nesting", []byte(strings.Repeat(`{"x":`, 50_000)+strings.Repeat("}", 50_000)), 1)
		default:
			fails(t, format, "nesting", []byte("x = "+deep+"\n"), 1)
			fails(t, format, "nesting", []byte(strings.Repeat("a.", 100_000)+"a = 1\n"), 1)
			fails(t, format, "nesting", []byte("x = "+strings.Repeat("{a=", 50_000)+"1"+strings.Repeat("}", 50_000)+"\n"), 1)
		}
	}
}

// A dependency on what is not locked, in the formats that always lock it. The others
// leave out what no platform needs.
func TestPromise3DanglingEdges(t *testing.T) {
	for _, format := range []lockfile.Format{lockfile.Cargo, lockfile.UV} {
		data := locks.Write(format, 12, 1)
		marks := map[lockfile.Format]string{lockfile.Cargo: " \"package-00003\",\n", lockfile.UV: "{ name = \"package-00003\" }"}
		gone := strings.Replace(marks[format], "package-00003", "package-99999", 1)
		fails(t, format, "dangling edge", bytes.Replace(data, []byte(marks[format]), []byte(gone), 1), lineOf(t, data, marks[format]))
	}
}

func TestPromise3NewerVersionsAreRefusedByName(t *testing.T) {
	for format, versions := range map[lockfile.Format][2]string{
		lockfile.Cargo:   {"version = 4\n", "version = 5\n"},
		lockfile.Poetry:  {"lock-version = \"2.1\"", "lock-version = \"3.0\""},
		lockfile.UV:      {"version = 1\n", "version = 2\n"},
		lockfile.PDM:     {"lock_version = \"4.5.0\"", "lock_version = \"5.0\""},
		lockfile.Pipfile: {"\"pipfile-spec\": 6", "\"pipfile-spec\": 7"},
		lockfile.Pylock:  {"lock-version = \"1.0\"", "lock-version = \"2.0\""},
	} {
		data := locks.Write(format, 12, 1)
		newer := bytes.Replace(data, []byte(versions[0]), []byte(versions[1]), 1)
		fails(t, format, "newer version", newer, lineOf(t, newer, versions[1]))
		_, err := formats.Parse(format, "lock", newer)
		number := strings.Trim(versions[1][strings.LastIndexAny(versions[1], "= :"):], "= :\"\n")
		if !strings.Contains(fmt.Sprint(err), number) {
			t.Errorf("%s: %v does not name version %s", format, err, number)
		}
	}
}

// What is parsed costs at most 50 bytes for each byte, also if it is made to cost
// more.
func TestDenseInput(t *testing.T) {
	for _, format := range formats.All {
		t.Run(string(format), func(t *testing.T) {
			lockfiletest.Dense(t, "lock", func(path string, data []byte) (*lockfile.Lockfile, error) {
				return formats.Parse(format, path, data)
			})
		})
	}
}
