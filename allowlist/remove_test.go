package allowlist

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/buildcode"
)

func TestRemove(t *testing.T) {
	const ring, gone = "[[allow]]   # first\npackage = 'cargo/ring'\nany = true\n", "[[allow]]\npackage = 'cargo/gone'\nmay = [ # x\n  'compile',\n]  # why\n"
	for _, test := range []struct{ name, file, want string }{
		{"alone", gone, ""},
		{"first", gone + "\n" + ring, ring},
		{"last", ring + "\n" + gone, ring},
		{"last without newline", ring + "\n" + strings.TrimSuffix(gone, "\n"), ring},
		{"in the middle", ring + "\n" + gone + "\n" + ring, ring + "\n" + ring},
		{"twice", gone + "\n" + gone + "\n" + ring, ring},
		{"without empty lines", ring + gone + ring, ring + ring},
		{"comments around", "# ours\n\n# about gone\n" + gone + "# below\n\n" + ring, "# ours\n\n# about gone\n# below\n\n" + ring},
		{"a string that looks like the end", "[[allow]]\npackage = 'cargo/gone'\nrules = ['unverified']\nreason = '''\n\n[[allow]]\n# not a comment'''\n\n" + ring, ring},
		{"CRLF", crlf(ring + "\n" + gone + "\n# end\n"), crlf(ring + "\n# end\n")},
		{"byte order mark", "\ufeff" + gone + "\n" + ring, "\ufeff" + ring},
		{"nothing to remove", ring + "\n\n# x", ring + "\n\n# x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, _, err := Remove([]byte(test.file), func(e Entry) bool { return e.Package == "cargo/gone" })
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for name, file := range map[string]string{"in braces": "allow = [{package = 'cargo/gone', any = true}]\n", "broken": "[[allow]]\npackage = "} {
		if got, _, err := Remove([]byte(file), func(Entry) bool { return true }); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// drawFile is a file of comments, empty lines and entries in any formatting, the
// entries' own lines apart from what stands around them.
func drawFile(t *rapid.T) (pieces []string, isEntry []bool, newline string) {
	newline = rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "newline")
	entry := rapid.Custom(func(t *rapid.T) string {
		name := rapid.SampledFrom([]string{"ring", "cc", "x"}).Draw(t, "name")
		indent := rapid.SampledFrom([]string{"", "  ", "\t"}).Draw(t, "indent")
		tail := rapid.SampledFrom([]string{"", " # why", "  # [[allow]]"}).Draw(t, "tail")
		body := rapid.SampledFrom([]string{
			"any = true", "may = [ 'compile', # one\n\n  # two\n  'run:perl',\n]", "rules = ['unverified']\nreason = '''\n# no comment\n\n[[allow]]\n'''",
			"\"may\" = []\n\n# inside\nreason=\"\"\"a \\\n   b\"\"\"", "publishers = [\"user:1\"]\nexpires = 2020-01-01",
		}).Draw(t, "body")
		return indent + "[[ allow ]]" + tail + "\n" + indent + "package = 'cargo/" + name + "'\n" + body + tail + "\n"
	})
	other := rapid.SampledFrom([]string{"# a comment\n", "\n", "\t \n", "# [[allow]]\n", "    # indented 'x\n"})
	for range rapid.IntRange(0, 8).Draw(t, "pieces") {
		if rapid.Bool().Draw(t, "is entry") {
			pieces, isEntry = append(pieces, entry.Draw(t, "entry")), append(isEntry, true)
		} else {
			pieces, isEntry = append(pieces, other.Draw(t, "other")), append(isEntry, false)
		}
	}
	for i := range pieces {
		pieces[i] = strings.ReplaceAll(pieces[i], "\n", newline)
	}
	return pieces, isEntry, newline
}

// Whatever is removed, each line outside of the removed entries stays as it is and
// in its place, but for at most one empty line beside each of them.
func TestRemoveKeepsEveryOtherByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces, isEntry, _ := drawFile(t)
		file := strings.Join(pieces, "")
		var drop []bool // by entry
		for _, is := range isEntry {
			if is {
				drop = append(drop, rapid.Bool().Draw(t, "drop"))
			}
		}
		at := -1
		got, removed, err := Remove([]byte(file), func(Entry) bool { at++; return drop[at] })
		if err != nil {
			t.Fatal(err)
		}
		var kept strings.Builder
		n := 0
		for i, piece := range pieces {
			if isEntry[i] {
				n++
				if drop[n-1] {
					continue
				}
			}
			kept.WriteString(piece)
		}
		gone := 0
		rest := string(got)
		for _, line := range strings.SplitAfter(kept.String(), "\n") {
			if after, ok := strings.CutPrefix(rest, line); ok {
				rest = after
				continue
			}
			if strings.TrimSpace(line) != "" {
				t.Fatalf("the line %q is gone:\n%q\nbecame\n%q", line, file, got)
			}
			gone++
		}
		if rest != "" || gone > len(removed) {
			t.Fatalf("%d empty lines went with %d entries, %q is left over:\n%q\nbecame\n%q", gone, len(removed), rest, file, got)
		}
	})
}

// What was added and removed again leaves the owners' bytes, and a newline at most.
func TestRemoveUndoesAppend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces, _, newline := drawFile(t)
		file := strings.Join(pieces, "")
		if rapid.Bool().Draw(t, "cut") {
			file = strings.TrimSuffix(file, newline)
		}
		added := Entry{Package: "cargo/new", May: []buildcode.Capability{}, Reason: rapid.String().Draw(t, "reason")}
		longer, err := Append([]byte(file), added)
		if err != nil {
			t.Fatal(err)
		}
		back, _, err := Remove(longer, added.Same)
		if err != nil {
			t.Fatal(err)
		}
		if extra, ok := strings.CutPrefix(string(back), file); !ok || len(extra) > len(newline) {
			// Where the file ended in an empty line, that one goes in place of the added one.
			if short, ok := bytes.CutPrefix([]byte(file), back); !ok || len(bytes.TrimSpace(short)) > 0 || bytes.Count(short, []byte("\n")) > 1 {
				t.Fatalf("%q became %q", file, back)
			}
		}
	})
}

func TestPrunableAndExpiring(t *testing.T) {
	file := ""
	for i, rest := range []string{"any = true", "rules = ['unverified']\nexpires = 2026-05-21", "any = true", "any = true\nexpires = 2026-06-21", "any = true\nexpires = 2026-06-22", ""} {
		file += fmt.Sprintf("[[allow]]\npackage = 'cargo/p%d'\n%s\n", i%4%3, rest)
	}
	l, err := Parse(Path, []byte(file), nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 5, 22, 12, 0, 0, 0, time.UTC)
	kinds := func(problems []Problem) (got []string) {
		for _, p := range problems {
			got = append(got, fmt.Sprintf("%d %s", p.Entry.Line, p.Kind))
		}
		return got
	}
	// p0 p1 p2 p0 p0 p1: lines 1, 4, 8, 11, 15, 19.
	if diff := cmp.Diff([]string{"4 expired"}, kinds(l.Prunable(now, nil))); diff != "" {
		t.Errorf("not knowing what is locked (-want +got):\n%s", diff)
	}
	locked := []lockkeeper.Package{{Ecosystem: lockkeeper.Cargo, Name: "p0", Version: "1.0.0"}}
	if diff := cmp.Diff([]string{"4 expired", "8 stale", "19 stale"}, kinds(l.Prunable(now, locked))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	soon := l.Expiring(now, 30*24*time.Hour)
	if len(soon) != 1 || soon[0].Line != 11 {
		t.Errorf("expiring: %+v", soon)
	}
	if !slices.Equal(kinds((*List)(nil).Prunable(now, locked)), nil) || (*List)(nil).Expiring(now, time.Hour) != nil {
		t.Error("the nil list has entries")
	}
}
