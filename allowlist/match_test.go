package allowlist

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/buildcode"
)

var (
	noon    = time.Date(2026, 5, 22, 12, 0, 0, 0, time.UTC)
	digestA = lockkeeper.Sum([]byte("a"))
	digestB = lockkeeper.Sum([]byte("b"))
)

func ring(version string) lockkeeper.Package {
	return lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: "ring", Version: version}
}

func code(version string, digest lockkeeper.Digest, capabilities ...buildcode.Capability) Subject {
	return Subject{Package: ring(version), Rule: "build-code-changed", Aspect: Code, Capabilities: capabilities, BuildCode: digest}
}

func by(publisher string) Subject {
	p, err := lockkeeper.ParsePrincipal(publisher)
	if err != nil {
		panic(err)
	}
	return Subject{Package: ring("0.17.8"), Rule: "publisher-changed", Aspect: People, Publisher: p}
}

// lost is a release by publisher that lacks provenance which the one before had.
func lost(publisher string) Subject {
	s := by(publisher)
	s.Rule = publisherDowngraded
	return s
}

func other(rule string) Subject {
	return Subject{Package: ring("0.17.8"), Rule: rule, Aspect: Other}
}

func TestAdmits(t *testing.T) {
	ordinary := code("0.17.8", digestA, "compile", "run:perl")
	for _, test := range []struct {
		name, entry string
		subject     Subject
		want        bool
		why         string // part of the reason
	}{
		{"may covers", `may = ["compile", "run:perl", "read-env"]`, ordinary, true, "the allow entry at line 1 accepts build-time code that may compile, run:perl, read-env"},
		{"may lacks", `may = ["compile"]`, ordinary, false, "this one also has run:perl"},
		{"empty may, harmless code", `may = []`, code("0.17.8", digestA), true, "may do nothing of note"},
		{"empty may, code that compiles", `may = []`, ordinary, false, "this one also has compile, run:perl"},
		{"run of another program", `may = ["compile", "run:perl5"]`, ordinary, false, "run:perl"},
		{"grave ones if named", `may = ["network"]`, code("0.17.8", digestA, "network"), true, ""},
		{"the exact code", `build-code = "` + string(digestA) + `"`, ordinary, true, "exactly this build-time code"},
		{"other code", `build-code = "` + string(digestB) + `"`, ordinary, false, "this is other code"},
		{"unanalysed, exact code", `build-code = "` + string(digestA) + `"`, code("0.17.8", digestA, "unanalysed"), true, ""},
		{"no code known", `build-code = "` + string(digestA) + `"`, code("0.17.8", ""), false, "other code"},
		{"both, both hold", `build-code = "` + string(digestA) + `"` + "\n" + `may = ["compile", "run:perl"]`, ordinary, true, ""},
		{"both, may does not hold", `build-code = "` + string(digestA) + `"` + "\n" + `may = []`, ordinary, false, "also has"},
		{"both, digest does not hold", `build-code = "` + string(digestB) + `"` + "\n" + `may = ["compile", "run:perl"]`, ordinary, false, "other code"},
		{"versions hold", "versions = '0.17'\nmay = ['compile', 'run:perl']", ordinary, true, ""},
		{"versions do not", "versions = '0.16'\nmay = ['compile', 'run:perl']", ordinary, false, "about versions 0.16 only"},
		{"versions of an unlocked requirement", "versions = '0.17'\nmay = []", code("", digestA), false, "versions"},
		{"publishers say nothing about code", `publishers = ["user:52"]`, ordinary, false, "says nothing about build-time code"},
		{"rules say nothing about code", `rules = ["build-code-changed"]`, ordinary, false, "says nothing about build-time code"},
		{"code says nothing about publishers", `may = ["compile"]`, by("user:52"), false, "says nothing about publishers"},
		{"publisher", `publishers = ["user:51", "user:52"]`, by("user:52"), true, "accepts releases by user:52"},
		{"another publisher", `publishers = ["user:51"]`, by("user:52"), false, "accepts releases by user:51, not by user:52"},
		{"longer id", `publishers = ["user:5"]`, by("user:52"), false, ""},
		{"repository covers its workflows", `publishers = ["github:briansmith/ring"]`, by("github:BrianSmith/ring/release.yml"), true, ""},
		{"workflow covers no other", `publishers = ["github:briansmith/ring/ci.yml"]`, by("github:briansmith/ring/release.yml"), false, ""},
		{"unknown publisher", `publishers = ["user:52"]`, by("unknown"), false, "not known"},
		{"lost provenance, publisher for good", `publishers = ["user:52"]`, lost("user:52"), false, `not that provenance is lost: that takes an entry with versions = "=0.17.8"`},
		{"lost provenance, in a range", "versions = '0.17'\npublishers = ['user:52']", lost("user:52"), false, "that takes an entry"},
		{"lost provenance, this version", "versions = '= 0.17.8'\npublishers = ['user:52']", lost("user:52"), true, "accepts releases by user:52"},
		{"lost provenance, another version", "versions = '=0.17.9'\npublishers = ['user:52']", lost("user:52"), false, "about versions =0.17.9 only"},
		{"lost environment, repository for good", `publishers = ["github:briansmith/ring"]`, lost("github:briansmith/ring/release.yml"), false, "that takes an entry"},
		{"rule", `rules = ["release-too-new"]`, other("release-too-new"), true, "accepts release-too-new"},
		{"another rule", `rules = ["release-too-new"]`, other("release-yanked"), false, "accepts release-too-new only"},
		{"no rule", `rules = ["release-too-new"]`, other(""), false, ""},
		{"nothing", `reason = "because"`, ordinary, false, "says nothing"},
		{"nothing, other", `versions = "0.17"`, other("unverified"), false, "names no rules"},
		{"any: code", `any = true`, code("0.17.8", "", "unanalysed"), true, "admits anything"},
		{"any: people", `any = true`, by("unknown"), true, ""},
		{"any: other", `any = true`, other("unverified"), true, ""},
		{"any: versions", "any = true\nversions = '0.16'", other("unverified"), false, ""},
		{"last day", "expires = 2026-05-22\nany = true", ordinary, true, ""},
		{"the day after", "expires = 2026-05-21\nany = true", ordinary, false, "expired on 2026-05-21"},
		{"no aspect", `may = []`, Subject{Package: ring("0.17.8")}, false, ""},
		{"signed", "may = ['compile', 'run:perl']\nsigned-off-by = 'alice'\nsigned-off-in = '#812'", ordinary, true, " (signed off by alice in #812)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, err := Parse(Path, []byte("[[allow]]\npackage = 'cargo/ring'\n"+test.entry+"\n"), nil)
			if err != nil {
				t.Fatal(err)
			}
			got, why := l.Entries[0].Admits(test.subject, noon)
			if got != test.want || !strings.Contains(why, test.why) {
				t.Errorf("admits: %t, %q; want %t, %q", got, why, test.want, test.why)
			}
			stranger := test.subject
			stranger.Package.Name = "ring2"
			if ok, _ := l.Entries[0].Admits(stranger, noon); ok {
				t.Error("admits another package as well")
			}
			stranger = test.subject
			stranger.Package.Ecosystem = lockkeeper.PyPI
			if ok, _ := l.Entries[0].Admits(stranger, noon); ok {
				t.Error("admits the package of another ecosystem as well")
			}
		})
	}
}

func TestExpiryIsTheEndOfTheDayInUTC(t *testing.T) {
	e := Entry{Package: "cargo/ring", Any: true, Expires: time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC)}
	end := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	east := time.FixedZone("east", 14*3600)
	for now, want := range map[time.Time]bool{end.Add(-1): true, end: false, end.Add(-1).In(east): true, end.In(east): false} {
		if got, why := e.Admits(other("x"), now); got != want {
			t.Errorf("at %s: %t (%s), want %t", now, got, why, want)
		}
	}
}

func TestAdmitting(t *testing.T) {
	l, err := Parse(Path, []byte(`
[[allow]]
package = "cargo/cc"
any = true
[[allow]]
package = "cargo/ring"
publishers = ["user:52"]
[[allow]]
package = "cargo/ring"
may = ["compile"]
[[allow]]
package = "cargo/ring"
versions = "0.17"
may = ["compile", "run:perl"]
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	e, why := l.Admitting(code("0.17.8", digestA, "run:perl"), noon)
	if e == nil || e.Line != 11 || len(why) != 1 {
		t.Errorf("admitted by %+v: %q", e, why)
	}
	e, why = l.Admitting(code("0.18.0", digestA, "run:perl"), noon)
	if e != nil || len(why) != 2 || !strings.Contains(why[0], "line 8") || !strings.Contains(why[1], "line 11") {
		t.Errorf("not admitted for the reasons %q (%+v)", why, e)
	}
	if e, why := (*List)(nil).Admitting(other("x"), noon); e != nil || why != nil {
		t.Error("the empty list admits")
	}
}

func TestProblems(t *testing.T) {
	l, err := Parse(Path, []byte(`
[[allow]]
package = "cargo/a"
any = true
[[allow]]
package = "cargo/b"
may = ["network", "compile"]
[[allow]]
package = "cargo/b"
may = ["compile", "network", "compile"]
versions = "1"
[[allow]]
package = "cargo/c"
may = ["compile", "run:perl"]
expires = 2020-01-01
[[allow]]
package = "cargo/c"
may = ["run:perl", "compile"]
reason = "another"
expires = 2020-01-01
[[allow]]
package = "cargo/d"
reason = "forgotten"
[[allow]]
package = "cargo/e"
rules = ["unverified"]
[[allow]]
package = "cargo/f"
may = []
[[allow]]
package = "cargo/f"
publishers = ["user:1"]
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range append(l.Problems(noon), l.Stale([]lockkeeper.Package{
		{Ecosystem: "cargo", Name: "a", Version: "1"}, {Ecosystem: "cargo", Name: "b"}, {Ecosystem: "cargo", Name: "c"},
		{Ecosystem: "cargo", Name: "d"}, {Ecosystem: "pypi", Name: "e"}, {Ecosystem: "cargo", Name: "f"},
	})...) {
		got = append(got, string(p.Kind)+": "+p.Message)
	}
	want := []string{
		"overbroad: the allow entry at line 2 for cargo/a admits anything (any = true): say what it may do instead",
		"overbroad: the allow entry at line 5 for cargo/b accepts network from every version: add versions, or pin build-code",
		"expired: the allow entry at line 12 for cargo/c expired on 2020-01-01: renew or remove it",
		"expired: the allow entry at line 16 for cargo/c expired on 2020-01-01: renew or remove it",
		"duplicate: the allow entry at line 16 for cargo/c repeats the one at line 12: remove one of them",
		"idle: the allow entry at line 21 for cargo/d has no condition and so admits nothing: add may, build-code, publishers or rules, or remove it",
		"overbroad: the allow entry at line 24 for cargo/e accepts every version unverified: add versions",
		"stale: the allow entry at line 24 is about cargo/e, which no lockfile has any more: remove it",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if (*List)(nil).Problems(noon) != nil || (*List)(nil).Stale(nil) != nil {
		t.Error("the empty list has problems")
	}
}

// drawSubject draws what a scan could find, hostile text included.
func drawSubject(t *rapid.T) Subject {
	capability := rapid.SampledFrom([]buildcode.Capability{
		"compile", "read-env", "read-files", "write-files", "run:perl", "run:make", "run:?", "run:a\"b\n", "network", "home", "decode",
		"load-code", "embedded-binary", "unanalysed",
	})
	s := Subject{
		Package: lockkeeper.Package{
			Ecosystem: rapid.SampledFrom([]lockkeeper.Ecosystem{lockkeeper.Cargo, lockkeeper.PyPI}).Draw(t, "ecosystem"),
			Name:      rapid.SampledFrom([]string{"ring", "a-b", "x1"}).Draw(t, "name"),
			Version:   rapid.SampledFrom([]string{"0.17.8", "1.2.3", "0.0.1", "2.0.0-rc.1", "1.0.0+meta"}).Draw(t, "version"),
		},
		Rule:         rapid.SampledFrom([]string{"release-too-new", "unverified", "publisher-changed", "publisher-downgraded", "build-code-added"}).Draw(t, "rule"),
		Aspect:       rapid.SampledFrom([]Aspect{Code, People, Other}).Draw(t, "aspect"),
		Capabilities: rapid.SliceOfN(capability, 0, 4).Draw(t, "capabilities"),
		BuildCode:    rapid.SampledFrom([]lockkeeper.Digest{digestA, digestB, ""}).Draw(t, "digest"),
	}
	s.Publisher, _ = lockkeeper.ParsePrincipal(rapid.SampledFrom([]string{"user:52", "github:o/r/w.yml", "unknown"}).Draw(t, "publisher"))
	return s
}
