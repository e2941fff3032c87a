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

func TestFormat(t *testing.T) {
	e := Entry{
		Package: "cargo/ring", Versions: "0.17", May: []buildcode.Capability{"compile", "run:perl"},
		Publishers: []lockkeeper.Principal{{Kind: lockkeeper.User, ID: "52", Login: "mallory"}},
		Rules:      []string{"release-too-new"}, Reason: "assembles C", SignedOffBy: "alice", SignedOffIn: "#812",
		Expires: time.Date(2027, 5, 22, 0, 0, 0, 0, time.UTC), Line: 7,
	}
	want := `[[allow]]
package       = "cargo/ring"
versions      = "0.17"
may           = ["compile", "run:perl"]
publishers    = ["user:52"]
rules         = ["release-too-new"]
reason        = "assembles C"
signed-off-by = "alice"
signed-off-in = "#812"
expires       = 2027-05-22
`
	if diff := cmp.Diff(want, Format(e)); diff != "" {
		t.Errorf("Format (-want +got):\n%s", diff)
	}
	if got, want := Format(Entry{Package: "cargo/a", May: []buildcode.Capability{}}), "[[allow]]\npackage       = \"cargo/a\"\nmay           = []\n"; got != want {
		t.Errorf("an empty may is written as\n%s", got)
	}
}

func TestAppend(t *testing.T) {
	added := Entry{Package: "cargo/cc", May: []buildcode.Capability{}, Reason: "r"}
	block := "[[allow]]\npackage       = \"cargo/cc\"\nmay           = []\nreason        = \"r\"\n"
	old := "# ours\n\n[[allow]]   # first\npackage = 'cargo/ring'\nany = true\n"
	for _, test := range []struct{ name, file, want string }{
		{"new file", "", block},
		{"blank file", " \n", " \n" + block},
		{"comment alone", "# ours\n", "# ours\n\n" + block},
		{"ends in a newline", old, old + "\n" + block},
		{"ends in an empty line", old + "\n", old + "\n" + block},
		{"no newline at the end", strings.TrimSuffix(old, "\n"), old + "\n" + block},
		{"ends in a comment without newline", old + "# end", old + "# end\n\n" + block},
		{"CRLF", crlf(old), crlf(old + "\n" + block)},
		{"CRLF, no newline at the end", strings.TrimSuffix(crlf(old), "\r\n"), crlf(old + "\n" + block)},
		{"byte order mark", "\ufeff" + old, "\ufeff" + old + "\n" + block},
		{"byte order mark alone", "\ufeff", "\ufeff" + block},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Append([]byte(test.file), added)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			again, err := Append(got, added)
			if err != nil || !bytes.Equal(got, again) {
				t.Errorf("added twice: %v\n%s", err, again)
			}
		})
	}
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func TestAppendRefuses(t *testing.T) {
	good := Entry{Package: "cargo/cc", May: []buildcode.Capability{}}
	for _, test := range []struct {
		name, file string
		entry      Entry
		want       string
	}{
		{"a file that does not parse", "[[allow]]\npackage = ", good, "add to the allowlist: .lockkeeper/allow.toml:2:"},
		{"an entry without condition", "", Entry{Package: "cargo/cc", Reason: "x"}, "no condition could be named"},
		{"no package", "", Entry{Package: "/", Any: true}, "want \"cargo/NAME\""},
		{"a name that is not canonical", "", Entry{Package: "pypi/A_b", Any: true}, "does not read back"},
		{"versions that cannot be read", "", Entry{Package: "cargo/cc", Any: true, Versions: "x"}, "no Cargo requirement"},
		{"what cannot be accepted", "", Entry{Package: "cargo/cc", May: []buildcode.Capability{"unanalysed"}}, "build-code instead"},
		{"a login that looks like an id", "", Entry{Package: "cargo/cc", Publishers: []lockkeeper.Principal{{Kind: "user", ID: "1 2"}}}, "publisher"},
		{"entries in an inline list", "allow = [{package = 'cargo/a', any = true}]\n", good, "add to the allowlist"},
	} {
		if got, err := Append([]byte(test.file), test.entry); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v\n%s", test.name, err, got)
		}
	}
}

// Text of people and packages can neither add a key nor an entry, nor hide.
func TestTextCannotLeaveItsString(t *testing.T) {
	for _, hostile := range []string{
		"\"\nany = true\n#", "\\\"\nany = true", "'''\nany = true", "\"\"\"", "a\\", "\r\nany = true\r\n", "x\u2028any = true", "\u202eeurt = yna",
		"\x00\x1b[2J\x7f", "\xff\xfe", "\u0085", "[[allow]]\npackage = \"cargo/evil\"\nany = true", "\U000e0041\u200b",
	} {
		e := Entry{Package: "cargo/cc", Rules: []string{"release-too-new"}, Reason: hostile, SignedOffBy: hostile, SignedOffIn: hostile}
		file, err := Append([]byte("# ours\n"), e)
		if err != nil {
			t.Errorf("%q: %v", hostile, err)
			continue
		}
		l, err := Parse(Path, file, nil)
		clean := strings.ToValidUTF8(hostile, "\ufffd")
		if err != nil || len(l.Entries) != 1 || !l.Entries[0].Same(e) || l.Entries[0].Reason != clean || l.Entries[0].SignedOffBy != clean {
			t.Errorf("%q reads back as %+v, %v", hostile, l, err)
		}
		if lines := bytes.Count(file, []byte("\n")); lines != 8 {
			t.Errorf("%q takes %d lines:\n%s", hostile, lines, file)
		}
		if bytes.ContainsAny(file, "\r\x00\x1b\x7f\u2028\u202e\u0085\u200b") {
			t.Errorf("%q is written raw:\n%q", hostile, file)
		}
	}
}

// Whatever is added, the owners' bytes stay as they are and what was there still
// reads the same.
func TestAppendKeepsEveryByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.SampledFrom([]string{
			"# a comment\n", "\n", "\t \n", "[[allow]]\npackage = 'cargo/ring'\nmay = ['compile']  # why\n", "[[ allow ]]\n\"package\"=\"pypi/A.b\"\nany=true\n",
			"[[allow]]\npackage='cargo/x'\nreason='''\nmany\nlines'''\nrules=[\n  'unverified', # one\n]\n",
		})
		file := strings.Join(rapid.SliceOfN(piece, 0, 6).Draw(t, "pieces"), "")
		if rapid.Bool().Draw(t, "crlf") {
			file = crlf(file)
		}
		if rapid.Bool().Draw(t, "cut") {
			file = strings.TrimRight(file, "\r\n")
		}
		var entries []Entry
		for range rapid.IntRange(0, 3).Draw(t, "entries") {
			e := Propose(drawSubject(t))
			e.Reason = rapid.String().Draw(t, "reason")
			e.SignedOffBy = rapid.String().Draw(t, "by")
			if !e.idle() {
				entries = append(entries, e)
			}
		}
		before, err := Parse(Path, []byte(file), nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Append([]byte(file), entries...)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(got, []byte(file)) {
			t.Fatalf("the owners' bytes changed: %q became %q", file, got)
		}
		if strings.Contains(file, "\r\n") && bytes.Count(got, []byte("\n")) != bytes.Count(got, []byte("\r\n")) {
			t.Fatalf("line endings are mixed: %q", got)
		}
		after, err := Parse(Path, got, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before.Entries, after.Entries[:len(before.Entries)]); diff != "" {
			t.Fatalf("old entries read differently:\n%s", diff)
		}
		for _, e := range entries {
			if !slices.ContainsFunc(after.Entries, e.Same) {
				t.Fatalf("%+v is not in\n%s", e, got)
			}
		}
	})
}

// What is proposed for a finding admits it, and is no wider than is safe.
func TestProposeAdmitsWhatItIsFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSubject(t)
		e := Propose(s)
		admits, why := e.Admits(s, noon)
		grave := graveAmong(s.Capabilities)
		possible := s.Aspect == Other || s.Aspect == People && s.Publisher.Known() || s.Aspect == Code && (s.BuildCode != "" || !grave)
		if admits != possible {
			t.Fatalf("the entry for %+v is %+v; admits: %t, %s", s, e, admits, why)
		}
		if e.Any || (Entry.overbroad(e) != "") {
			t.Fatalf("overbroad: %+v", e)
		}
		if s.Aspect == Code && grave {
			stranger := s
			stranger.BuildCode = lockkeeper.Sum([]byte(fmt.Sprint(s)))
			if ok, _ := e.Admits(stranger, noon); ok {
				t.Fatalf("%+v admits other code with grave capabilities", e)
			}
		}
		if s.Aspect == Code {
			stranger := s
			stranger.BuildCode = lockkeeper.Sum([]byte("another"))
			stranger.Capabilities = append(slices.Clone(s.Capabilities), buildcode.Network)
			if ok, _ := e.Admits(stranger, noon); ok {
				t.Fatalf("%+v admits code that gained the network", e)
			}
		}
		for _, aspect := range []Aspect{Code, People, Other} {
			stranger := s
			stranger.Aspect = aspect
			if ok, _ := e.Admits(stranger, noon); ok && aspect != s.Aspect {
				t.Fatalf("%+v was made for %s and admits %s", e, s.Aspect, aspect)
			}
		}
	})
}

func TestPropose(t *testing.T) {
	downgraded := by("user:52")
	downgraded.Rule = "publisher-downgraded"
	unlocked := other("unverified")
	unlocked.Package.Version = ""
	for _, test := range []struct {
		name    string
		subject Subject
		want    Entry
	}{
		{"ordinary", code("0.17.8", digestA, "run:perl", "compile", "compile"), Entry{Package: "cargo/ring", Versions: "0.17", May: []buildcode.Capability{"compile", "run:perl"}}},
		{"no capability", code("1.2.3", digestA), Entry{Package: "cargo/ring", Versions: "1", May: []buildcode.Capability{}}},
		{"grave", code("0.17.8", digestA, "compile", "network"), Entry{Package: "cargo/ring", Versions: "=0.17.8", BuildCode: digestA}},
		{"program that is no build tool", code("0.17.8", digestA, "run:sh"), Entry{Package: "cargo/ring", Versions: "=0.17.8", BuildCode: digestA}},
		{"publisher", by("user:52"), Entry{Package: "cargo/ring", Publishers: []lockkeeper.Principal{{Kind: "user", ID: "52"}}}},
		{"protection lost", downgraded, Entry{Package: "cargo/ring", Versions: "=0.17.8", Publishers: []lockkeeper.Principal{{Kind: "user", ID: "52"}}}},
		{"unknown publisher", by("unknown"), Entry{Package: "cargo/ring"}},
		{"other", other("release-yanked"), Entry{Package: "cargo/ring", Versions: "=0.17.8", Rules: []string{"release-yanked"}}},
		{"no version to pin", unlocked, Entry{Package: "cargo/ring"}},
	} {
		if diff := cmp.Diff(test.want, Propose(test.subject)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}
