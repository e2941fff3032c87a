package policy

import (
	"path"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		pattern  string
		yes, not []string
	}{
		{"**", []string{"Cargo.lock", "a/b/c", ""}, nil},
		{"Cargo.lock", []string{"Cargo.lock"}, []string{"a/Cargo.lock", "cargo.lock", "Cargo.lock/"}},
		{"**/Cargo.lock", []string{"Cargo.lock", "a/b/Cargo.lock"}, []string{"a/xCargo.lock", "Cargo.lock/a"}},
		{"tools/**", []string{"tools/a", "tools/a/b"}, []string{"tool", "a/tools/b", "toolsa/b"}},
		{"a/**/z", []string{"a/z", "a/b/z", "a/b/c/z"}, []string{"a/zz", "z", "b/a/z"}},
		{"**/a/**/a/**", []string{"a/a", "x/a/y/a/z"}, []string{"a", "x/a/y"}},
		{"*.lock", []string{"Cargo.lock", ".lock"}, []string{"a/Cargo.lock", "Cargo.lockx"}},
		{"cargo/windows-*", []string{"cargo/windows-sys", "cargo/windows-"}, []string{"cargo/windows", "pypi/windows-sys"}},
		{"*a*b*", []string{"ab", "xaxbx", "aab"}, []string{"ba", "a/b"}},
		{"?", []string{"a", "é"}, []string{"", "ab", "/"}},
		{"a?c*", []string{"abc", "abcd"}, []string{"ac"}},
		{"*", []string{"", "a"}, []string{"a/b"}},
		{"a.c", []string{"a.c"}, []string{"abc"}},
	} {
		if err := checkPattern(test.pattern); err != nil {
			t.Errorf("%q: %v", test.pattern, err)
		}
		for _, s := range test.yes {
			if !match(test.pattern, s) {
				t.Errorf("%q does not match %q", test.pattern, s)
			}
		}
		for _, s := range test.not {
			if match(test.pattern, s) {
				t.Errorf("%q matches %q", test.pattern, s)
			}
		}
	}
}

// Without "**" patterns mean what path.Match says, and with it what the obvious
// regular expression says.
func TestMatchAgreesWithOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		segment := rapid.OneOf(rapid.StringMatching(`[ab*?]{0,5}`), rapid.Just("**"))
		pattern := strings.Join(rapid.SliceOfN(segment, 1, 5).Draw(t, "pattern"), "/")
		s := rapid.StringMatching(`[ab]{0,4}(/[ab]{0,3}){0,4}`).Draw(t, "path")
		if checkPattern(pattern) != nil {
			return
		}
		got := match(pattern, s)
		if want := regexp.MustCompile(asRegexp(pattern)).MatchString("/" + s); got != want {
			t.Fatalf("match(%q, %q) = %t, as a regular expression %t", pattern, s, got, want)
		}
		if strings.Contains(pattern, "**") {
			return
		}
		if want, err := path.Match(pattern, s); err != nil || got != want {
			t.Fatalf("match(%q, %q) = %t, path.Match says %t, %v", pattern, s, got, want, err)
		}
	})
}

// asRegexp is for a path with a slash before it.
func asRegexp(pattern string) string {
	var b strings.Builder
	b.WriteString("^")
	for segment := range strings.SplitSeq(pattern, "/") {
		if segment == "**" {
			b.WriteString("(/[^/]*)*")
			continue
		}
		b.WriteString("/" + strings.NewReplacer(`\*`, "[^/]*", `\?`, "[^/]").Replace(regexp.QuoteMeta(segment)))
	}
	return b.String() + "$"
}

func FuzzMatch(f *testing.F) {
	f.Add("**/a*?", "x/y/abc")
	f.Add(strings.Repeat("*a", 60), strings.Repeat("a", 2000))
	f.Add(strings.Repeat("**/", 60)+"b", strings.Repeat("a/", 2000))
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if checkPattern(pattern) != nil {
			return
		}
		if match(pattern, path) && pattern == path+"x" {
			t.Error("matches its own beginning")
		}
		if !strings.ContainsAny(path, "*?") && checkPattern(path) == nil && !match(path, path) {
			t.Errorf("%q does not match itself", path)
		}
		if !match("**", path) {
			t.Errorf("** does not match %q", path)
		}
	})
}
