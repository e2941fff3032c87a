package allowlist

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/config/strict"
)

var testRules = []string{"release-too-new", "unverified"}

const hex64 = "9f2c1d9f2c1d9f2c1d9f2c1d9f2c1d9f2c1d9f2c1d9f2c1d9f2c1d9f2c1d9f2c"

const full = `# who may build what
[[allow]]
package       = "cargo/ring"              # ecosystem/name
versions      = "0.17"
may           = ["compile", "run:perl"]
build-code    = "sha256:` + hex64 + `"
publishers    = ["user:52", "github:briansmith/ring"]
rules         = ["release-too-new"]
reason        = "assembles C and asm with cc"
signed-off-by = "alice"
signed-off-in = "#812"
expires       = 2027-05-22

[[allow]]
package = "pypi/Typing_.Extensions"
any = true
expires = "2027-01-02"

[[allow]]
package = "cargo/cc"
may = []
`

func TestParse(t *testing.T) {
	got, err := Parse(Path, []byte(full), testRules)
	if err != nil {
		t.Fatal(err)
	}
	want := &List{Entries: []Entry{
		{
			Package: "cargo/ring", Versions: "0.17", May: []buildcode.Capability{"compile", "run:perl"},
			BuildCode:  "sha256:" + hex64,
			Publishers: []lockkeeper.Principal{{Kind: lockkeeper.User, ID: "52"}, {Kind: lockkeeper.GitHubRepo, ID: "briansmith/ring"}},
			Rules:      []string{"release-too-new"}, Reason: "assembles C and asm with cc", SignedOffBy: "alice", SignedOffIn: "#812",
			Expires: time.Date(2027, 5, 22, 0, 0, 0, 0, time.UTC), Line: 2,
		},
		{Package: "pypi/typing-extensions", Any: true, Expires: time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC), Line: 14},
		{Package: "cargo/cc", May: []buildcode.Capability{}, Line: 19},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
	if got, err := Parse(Path, nil, nil); err != nil || len(got.Entries) != 0 {
		t.Errorf("an empty file gives %v, %v", got, err)
	}
}

// Every mistake is told with its place, its key and the next step.
func TestParseMistakes(t *testing.T) {
	entry := func(line string) string { return "[[allow]]\npackage = 'cargo/ring'\n" + line }
	pypi := func(line string) string { return "[[allow]]\npackage = 'pypi/numpy'\n" + line }
	for _, test := range []struct{ in, want string }{
		{entry("version = '1'"), `3:1: unknown key "version" in allow[0], did you mean "versions"?`},
		{"[allow]\npackage = 'cargo/ring'", `1:1: allow is a list: write [[allow]], with two brackets`},
		{"[[alow]]", `1:1: unknown key "alow", did you mean "allow"?`},
		{"[[allow]]\nany = true", `1:1: package: missing; name the package as "cargo/ring" or "pypi/numpy"`},
		{"[[allow]]\npackage = 'ring'", `2:1: package: "ring": want "cargo/NAME" or "pypi/NAME"`},
		{"[[allow]]\npackage = 'crgo/ring'", `2:1: package: unknown ecosystem "crgo", did you mean "cargo"?: want "cargo/NAME" or "pypi/NAME"`},
		{"[[allow]]\npackage = 'npm/left-pad'", `2:1: package: unknown ecosystem "npm"; known are cargo, pypi: want "cargo/NAME" or "pypi/NAME"`},
		{"[[allow]]\npackage = 'cargo/ri ng'", `2:1: package: "ri ng" is no name of a crate: want "cargo/NAME" or "pypi/NAME"`},
		{"[[allow]]\npackage = 'pypi/-x'", `2:1: package: "-x" is no name of a Python package: want "cargo/NAME" or "pypi/NAME"`},
		{entry("versions = ''"), `3:1: versions: empty: leave the key out to admit every version`},
		{entry("versions = 'latest'"), `3:1: versions: "latest" is no Cargo requirement; write it as Cargo.toml does: "0.17", "=1.2.3" or ">=1.2, <3"`},
		{entry("versions = '~=1.2'"), `3:1: versions: "~=1.2" is no Cargo requirement; write it as Cargo.toml does: "0.17", "=1.2.3" or ">=1.2, <3"`},
		{entry("versions = '*.1'"), `3:1: versions: "*.1" is no Cargo requirement; write it as Cargo.toml does: "0.17", "=1.2.3" or ">=1.2, <3"`},
		{entry("versions = '01.2'"), "3:1: versions: number has leading zero in `01.2`; write it as Cargo.toml does: \"0.17\", \"=1.2.3\" or \">=1.2, <3\""},
		{pypi("versions = '1.2'"), `3:1: versions: "1.2" is no PEP 440 specifier; write for example "~=1.4", "==1.4.2" or ">=1.2,<3"`},
		{pypi("versions = '>=1 <2'"), `3:1: versions: ">=1 <2" is no PEP 440 specifier; write for example "~=1.4", "==1.4.2" or ">=1.2,<3"`},
		{pypi("versions = '~=1'"), "3:1: versions: need two numbers for \"~=\"; write for example \"~=1.4\", \"==1.4.2\" or \">=1.2,<3\""},
		{entry("may = ['netwrk']"), `3:1: may: unknown capability "netwrk", did you mean "network"?`},
		{entry("may = ['fly']"), `3:1: may: unknown capability "fly"; known are compile, decode, embedded-binary, home, load-code, network, read-env, read-files, write-files, run:NAME`},
		{entry("may = ['unanalysed']"), `3:1: may: "unanalysed" cannot be accepted in general, for it stands for what nobody could look at; pin the code with build-code instead`},
		{entry("may = ['run:?']"), `3:1: may: "run:?" cannot be accepted in general, for it stands for what nobody could look at; pin the code with build-code instead`},
		{entry("may = ['run:']"), `3:1: may: "run:" names no program; write "run:perl"`},
		{entry("may = ['run:a b']"), `3:1: may: "run:a b" names no program; write "run:perl"`},
		{entry("may = 'compile'"), `3:1: allow[0].may must be a list, not a string`},
		{entry("build-code = 'sha256:12'"), `3:1: build-code: digest "sha256:12": want 64 hexadecimal digits; copy it from the finding`},
		{entry("build-code = 'md5:12'"), `3:1: build-code: digest algorithm "md5": only sha256 is supported; copy it from the finding`},
		{entry("build-code = ''"), `3:1: build-code: digest "": want 64 hexadecimal digits; copy it from the finding`},
		{entry("publishers = []"), `3:1: publishers: empty; name at least one, or leave the key out`},
		{entry("publishers = ['alice']"), `3:1: publishers: publisher "alice": want "user:ID", "team:ID", "github:owner/repo[/workflow]", "gitlab:path", "google:account" or "circleci:project/pipeline"`},
		{entry("publishers = ['unknown']"), `3:1: publishers: "unknown" is nobody; a release by an unknown publisher can only be signed off each time`},
		{entry("publishers = ['github:briansmith']"), `3:1: publishers: "github:briansmith" names no repository; write "github:OWNER/REPOSITORY"`},
		{entry("publishers = ['github:/']"), `3:1: publishers: "github:/" names no repository; write "github:OWNER/REPOSITORY"`},
		{entry("rules = []"), `3:1: rules: empty; name at least one, or leave the key out`},
		{entry("rules = ['release-to-new']"), `3:1: rules: no rule "release-to-new" can be accepted here, did you mean "release-too-new"?; findings about build-time code take may or build-code, those about people take publishers`},
		{entry("rules = ['build-code-added']"), `3:1: rules: no rule "build-code-added" can be accepted here; known are release-too-new, unverified; findings about build-time code take may or build-code, those about people take publishers`},
		{entry("any = true\nmay = ['compile']"), `3:1: any: any = true admits everything, so the other conditions of this entry mean nothing; remove it or them`},
		{entry("expires = '22.05.2027'"), `3:1: expires: "22.05.2027" is no date; write a date, such as 2027-05-22`},
		{entry("expires = 2027"), `3:1: expires: not a date; write a date, such as 2027-05-22`},
		{entry("expires = 2027-05-22T10:00:00Z"), `3:1: expires: an entry holds to the end of a day, not to a time; write a date, such as 2027-05-22`},
		{entry("expires = 2027-05-22T10:00:00"), `3:1: expires: an entry holds to the end of a day, not to a time; write a date, such as 2027-05-22`},
		{entry("expires = 10:00:00"), `3:1: expires: an entry holds to the end of a day, not to a time; write a date, such as 2027-05-22`},
		// The entry that is wrong, not the first or the last one.
		{"[[allow]]\npackage = 'cargo/a'\n\n[[allow]]\npackage = 'cargo/b'\nmay = ['x']\n\n[[allow]]\npackage = 'cargo/c'\nmay = []",
			`6:1: may: unknown capability "x"; known are compile, decode, embedded-binary, home, load-code, network, read-env, read-files, write-files, run:NAME`},
		{strings.Repeat("[[allow]]\npackage='cargo/a'\n", MaxEntries+1), `1:1: 10001 entries are more than the 10000 that are read; remove the stale ones`},
	} {
		_, err := Parse("allow.toml", []byte(test.in), testRules)
		var e *strict.Error
		if !errors.As(err, &e) {
			t.Errorf("%.80q: error %v, want a *strict.Error", test.in, err)
			continue
		}
		if diff := cmp.Diff("allow.toml:"+test.want, err.Error()); diff != "" {
			t.Errorf("%.80q (-want +got):\n%s", test.in, diff)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte("[[allow]]\npackage='pypi/a'\nversions='===2004d'\nrules=['unverified']\n"))
	f.Add([]byte("allow = [{package = 'cargo/a', may = []}]"))
	f.Add([]byte("\ufeff[[allow]]\r\npackage = \"cargo/\\u00e9\"\r\nversions = \">=1, <3\"\r\nany = true\r\nexpires = 2027-05-22"))
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := Parse(Path, data, nil)
		if err != nil {
			var e *strict.Error
			if !errors.As(err, &e) {
				t.Fatalf("error of type %T: %v", err, err)
			}
			return
		}
		l.Problems(now)
		for _, e := range l.Entries {
			if e.Line < 1 {
				t.Errorf("entry without a line: %+v", e)
			}
			// What can be read can be written, and means the same.
			back, err := Parse(Path, []byte(Format(e)), nil)
			if err != nil || len(back.Entries) != 1 || !back.Entries[0].Same(e) || back.Entries[0].Reason != strings.ToValidUTF8(e.Reason, "\uFFFD") {
				t.Errorf("%+v is written as\n%s\nand read as %+v, %v", e, Format(e), back, err)
			}
			eco, name, _ := strings.Cut(e.Package, "/")
			for _, aspect := range []Aspect{Code, People, Other} {
				e.Admits(Subject{Package: lockkeeper.Package{Ecosystem: lockkeeper.Ecosystem(eco), Name: name, Version: "1.2.3"}, Aspect: aspect}, now)
			}
		}
	})
}
