package policy

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/config/strict"
)

const whole = `
[scan]
lockfiles = ["**", "tools/*.lock"]
ignore    = ["examples/**"]
mode      = "changes"
[reviewers]
users = ["alice"]
teams = ["security"]
permission = "maintain"
count = 2
reason = "required"
[rules]
release-too-new = "sign-off"
[rules.release-too-new-settings]
days = 3
[[override]]
paths = ["tools/**"]
packages = ["pypi/Typing_.*", "cargo/windows-*"]
rules = { build-code-changed = "warn" }
[[override]]
packages = ["cargo/*"]
[override.rules]
checksum-changed = "sign-off"
unverified = "block"
`

func TestParse(t *testing.T) {
	got, err := Parse(Path, []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	want := &Policy{
		Lockfiles: []string{"**", "tools/*.lock"}, Ignore: []string{"examples/**"},
		Reviewers: Reviewers{Users: []string{"alice"}, Teams: []string{"security"}, Permission: Maintain, Count: 2, ReasonRequired: true},
		Rules:     map[Rule]Level{ReleaseTooNew: SignOffLevel},
		Settings:  map[Rule]int{ReleaseTooNew: 3},
		Overrides: []Override{
			{Paths: []string{"tools/**"}, Packages: []string{"pypi/typing-*", "cargo/windows-*"}, Rules: map[Rule]Level{BuildCodeChanged: WarnLevel}, Line: 16},
			{Packages: []string{"cargo/*"}, Rules: map[Rule]Level{ChecksumChanged: SignOffLevel, Unverified: BlockLevel}, Line: 20},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
	if got.Days(ReleaseTooNew) != 3 || got.Days(EdgeToYoungPackage) != 30 || (*Policy)(nil).Days(ReleaseTooNew) != 7 || got.Days(Unverified) != 0 {
		t.Error("days are not those of the file, or not the defaults")
	}
}

// What the template says is what holds without it.
func TestTemplateIsTheDefault(t *testing.T) {
	written, err := Parse(Path, []byte(Template))
	if err != nil {
		t.Fatal(err)
	}
	empty, err := Parse(Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*Policy{"template": written, "empty file": empty, "Default": Default()} {
		for _, rule := range Rules() {
			for _, grave := range []bool{false, true} {
				f := Finding{Rule: rule, Grave: grave, Lockfile: "a/Cargo.lock"}
				want, _ := (*Policy)(nil).LevelFor(f)
				if got, why := p.LevelFor(f); got != want {
					t.Errorf("%s: %s (grave %t) is %s, %s; the default is %s", name, rule, grave, got, why, want)
				}
			}
			if p.Days(rule) != (*Policy)(nil).Days(rule) {
				t.Errorf("%s: %s counts %d days", name, rule, p.Days(rule))
			}
			if !strings.Contains(Template, string(rule)+" ") {
				t.Errorf("the template does not name %s", rule)
			}
		}
		for _, path := range []string{"Cargo.lock", "a/b/requirements.txt"} {
			if !p.Watches(path) {
				t.Errorf("%s does not watch %s", name, path)
			}
		}
		in := Input{Policy: p}
		if diff := cmp.Diff(newElectorate(Input{}).words(), newElectorate(in).words()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if e := newElectorate(in); e.count != 1 || e.reason {
			t.Errorf("%s asks for %+v", name, e)
		}
	}
}

// Every constant of policy.go is in the table of defaults, and the reverse.
func TestEveryRuleHasADefault(t *testing.T) {
	source, err := os.ReadFile("policy.go")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, m := range regexp.MustCompile(`(?m)^\t\w+\s+Rule = "([a-z-]+)"`).FindAllStringSubmatch(string(source), -1) {
		want = append(want, m[1])
	}
	if diff := cmp.Diff(want, ruleNames()); diff != "" || len(want) < 17 {
		t.Errorf("rules (-constants +table):\n%s", diff)
	}
	for _, test := range []struct {
		rule        Rule
		mild, grave Level
	}{
		{BuildCodeAdded, WarnLevel, SignOffLevel}, {CapabilityGained, WarnLevel, SignOffLevel}, {StartupHook, WarnLevel, SignOffLevel}, {BuildCodeChanged, WarnLevel, SignOffLevel}, {SourceBuild, WarnLevel, SignOffLevel},
		{ReleaseTooNew, WarnLevel, SignOffLevel}, {ChecksumChanged, BlockLevel, BlockLevel}, {ChecksumMismatch, BlockLevel, BlockLevel},
		{Unverified, SignOffLevel, SignOffLevel}, {"a-rule-of-the-future", SignOffLevel, SignOffLevel},
	} {
		if mild, grave := test.rule.DefaultLevel(false), test.rule.DefaultLevel(true); mild != test.mild || grave != test.grave {
			t.Errorf("%s: %s, grave %s", test.rule, mild, grave)
		}
	}
}

func TestParseMistakes(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"[scann]", `1:1: unknown key "scann", did you mean "scan"?`},
		{"[scan]\nlockfile = []", `2:1: unknown key "lockfile" in scan, did you mean "lockfiles"?`},
		{"[allowlist]\nbot-branches = true", `2:1: allowlist.bot-branches means something with record = "branch" alone; set that too, or remove it`},
		{"[allowlist]\nrecord = 'brunch'", `2:1: allowlist.record: "brunch" is not known, did you mean "branch"?; use "pull-request", "branch" or "none"`},
		{"[scan]\nmode = 'some'", `2:1: scan.mode: "some" is not known; use "changes" or "all"`},
		{"[scan]\nlockfiles = []", `2:1: scan.lockfiles is empty and would watch nothing; leave it out to watch every lockfile`},
		{"[scan]\nignore = ['a', '/b']", `2:16: "/b": patterns start at the repository's root; write "b"`},
		{"[scan]\nignore = ['a/']", `2:11: "a/" ends in a slash; write "a/**" for everything below`},
		{"[scan]\nignore = ['a**']", `2:11: "a**": ** stands for whole segments; write it between slashes, or * within one`},
		{"[scan]\nignore = ['{a,b}']", `2:11: "{a,b}": patterns know *, ? and ** only; write one pattern for each case`},
		{"[reviewers]\nusers = ['@alice']", `2:10: "@alice" is no login; write it without "@" or address: "alice"`},
		{"[reviewers]\nusers = ['renovate[bot]']", `2:10: "renovate[bot]" is a bot, and no bot can sign off; name people`},
		{"[reviewers]\nteams = ['acme/security']", `2:10: "acme/security" is no team's slug; write it as in the team's address, without "@" and organisation: "security"`},
		{"[reviewers]\npermission = 'maintian'", `2:1: reviewers.permission: "maintian" is no permission, did you mean "maintain"?; use "write", "maintain" or "admin"`},
		{"[reviewers]\npermission = 'read'", `2:1: reviewers.permission "read" is that of people who could not merge either; use "write", "maintain" or "admin"`},
		{"[reviewers]\ncount = 0", `2:1: reviewers.count must be from 1 to 20, not 0; to ask for nothing set rules to warn`},
		{"[reviewers]\nreason = 'require'", `2:1: reviewers.reason: "require" is neither "required" nor "optional", did you mean "required"?`},
		{"[rules]\nrelease-to-new = 'warn'", `2:1: there is no rule "release-to-new", did you mean "release-too-new"?`},
		{"[rules]\nrelease-too-new = 'warm'", `2:1: release-too-new: "warm" is no level, did you mean "warn"?; use "sign-off", "block", "warn" or "off"`},
		{"[rules]\nrelease-too-new = true", `2:1: rules.release-too-new must be "sign-off", "block", "warn" or "off"`},
		{"[rules.release-too-new]\ndays = 7", `1:1: rules.release-too-new must be "sign-off", "block", "warn" or "off", not a table`},
		{"[rules.release-to-new-settings]\ndays = 7", `1:1: there are no settings "release-to-new-settings", did you mean "release-too-new-settings"?; known are edge-to-young-package-settings, owners-changed-settings, release-too-new-settings, siblings-yanked-settings`},
		{"[rules.unverified-settings]", `1:1: there are no settings "unverified-settings"; known are edge-to-young-package-settings, owners-changed-settings, release-too-new-settings, siblings-yanked-settings`},
		{"[rules.release-too-new-settings]\nday = 7", `2:1: unknown key "day" in rules.release-too-new-settings, did you mean "days"?; known here: days`},
		{"[rules.release-too-new-settings]\ndays = -1", `2:1: rules.release-too-new-settings.days must be a whole number from 0 to 3650`},
		{"[rules.release-too-new-settings]\ndays = '7'", `2:1: rules.release-too-new-settings.days must be a whole number from 0 to 3650`},
		{"[rules]\nunverified = 'off'", `2:1: unverified cannot be off, for what could not be verified must at least be shown; use "warn"`},
		{"[[override]]\nrules = { unverified = 'warn' }", `1:1: an override without paths and packages would hold everywhere; name some, or write its rules under [rules]`},
		{"[[override]]\npaths = ['a']", `1:1: an override without rules changes nothing; add rules = { build-code-changed = "warn" } or remove it`},
		{"[[override]]\npackages = ['ring']\nrules = { unverified = 'warn' }", `2:13: "ring": want "cargo/NAME" or "pypi/NAME", where * stands for any characters`},
		{"[[override]]\npackages = ['cargo/**']\nrules = { unverified = 'warn' }", `2:13: "cargo/**": want "cargo/NAME" or "pypi/NAME", where * stands for any characters`},
		{"[[override]]\npackages = ['crates/a']\nrules = { unverified = 'warn' }", `2:13: "crates/a": unknown ecosystem "crates"; use "cargo" or "pypi"`},
		{"[[override]]\npaths = ['a']\nrules = { unverifid = 'warn' }", `3:11: there is no rule "unverifid", did you mean "unverified"?`},
		{"[[override]]\npaths = ['a']\nrules = { unverified-settings = { days = 1 } }", `3:11: override[0].rules.unverified-settings must be a string, not a table`},
		{"[registries.corp]", `1:1: registries.corp says nothing; add unknown = "warn" or remove it`},
		{"[registries.corp]\nunknown = 'off'", `2:1: registries.corp.unknown cannot be off, for what is not known must at least be shown; use "warn"`},
		{"[registries.corp]\nunknown = 'wran'", `2:1: registries.corp.unknown: "wran" is no level, did you mean "warn"?; use "sign-off", "block" or "warn"`},
		{"[registries.corp]\nunkown = 'warn'", `2:1: unknown key "unkown" in registries.corp, did you mean "unknown"?`},
		// Of several mistakes the first in the file.
		{"[rules]\nzz = 'warn'\naa = 'warn'\n[scan]\nmode = 'some'", `2:1: there is no rule "zz"`},
	} {
		_, err := Parse("policy.toml", []byte(test.in))
		var e *strict.Error
		if !errors.As(err, &e) {
			t.Errorf("%q: error %v, want a *strict.Error", test.in, err)
			continue
		}
		if diff := cmp.Diff("policy.toml:"+test.want, err.Error()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.in, diff)
		}
	}
}

func TestOverrides(t *testing.T) {
	p, err := Parse(Path, []byte(`
[rules]
build-code-changed = "block"
[[override]]
packages = ["cargo/windows-*", "pypi/*_binary"]
rules = { build-code-changed = "off" }
[[override]]
paths = ["tools/**"]
rules = { build-code-changed = "warn" }
[[override]]
paths = ["tools/**"]
packages = ["cargo/windows-sys"]
rules = { build-code-changed = "sign-off", release-yanked = "off" }
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		rule          Rule
		path, id, why string
		want          Level
	}{
		{BuildCodeChanged, "Cargo.lock", "cargo/ring", "build-code-changed blocks, says the policy", BlockLevel},
		{BuildCodeChanged, "Cargo.lock", "cargo/windows-core", "build-code-changed is off here, says the policy's override at line 4", OffLevel},
		{BuildCodeChanged, "a/poetry.lock", "pypi/x-binary", "", OffLevel},
		{BuildCodeChanged, "tools/a/Cargo.lock", "cargo/windows-core", "build-code-changed warns here, says the policy's override at line 7", WarnLevel},
		{BuildCodeChanged, "tools/Cargo.lock", "cargo/windows-sys", "", SignOffLevel},
		{BuildCodeChanged, "Cargo.lock", "cargo/windows-sys", "", OffLevel},
		{BuildCodeChanged, "tools.lock", "cargo/ring", "", BlockLevel},
		{ReleaseYanked, "tools/Cargo.lock", "cargo/windows-sys", "", OffLevel},
		{ReleaseYanked, "tools/Cargo.lock", "cargo/ring", "release-yanked asks for a sign-off by default", SignOffLevel},
		{BuildCodeChanged, "Cargo.lock", "/", "", BlockLevel},
	} {
		ecosystem, name, _ := strings.Cut(test.id, "/")
		f := Finding{Rule: test.rule, Lockfile: test.path, Package: lockkeeper.Package{Ecosystem: lockkeeper.Ecosystem(ecosystem), Name: name}}
		got, why := p.LevelFor(f)
		if got != test.want || test.why != "" && why != test.why {
			t.Errorf("%s of %s in %s: %s, %s; want %s", test.rule, test.id, test.path, got, why, test.want)
		}
	}
}

// A finding about a file alone is about no package, however wide the pattern.
func TestPackagePatternNeedsAPackage(t *testing.T) {
	p := &Policy{Overrides: []Override{{Packages: []string{"**"}, Rules: map[Rule]Level{GuardChanged: OffLevel}}, {Rules: map[Rule]Level{GuardChanged: OffLevel}}}}
	if level, why := p.LevelFor(Finding{Rule: GuardChanged, Lockfile: Path}); level != SignOffLevel {
		t.Errorf("%s, %s", level, why)
	}
}

func TestWatches(t *testing.T) {
	p := &Policy{Lockfiles: []string{"**", "!"}, Ignore: []string{"examples/**", "*.txt"}}
	for path, want := range map[string]bool{"Cargo.lock": true, "a/Cargo.lock": true, "examples/Cargo.lock": false, "examples/a/b/Cargo.lock": false, "my/examples/Cargo.lock": true, "requirements.txt": false, "a/requirements.txt": true} {
		if p.Watches(path) != want {
			t.Errorf("%s: watched %t", path, !want)
		}
	}
	p = &Policy{Lockfiles: []string{"app/*.lock"}}
	if p.Watches("Cargo.lock") || !p.Watches("app/Cargo.lock") || p.Watches("app/b/Cargo.lock") {
		t.Error("a list of lockfiles is not what is watched")
	}
}

// Everything that Parse takes can be asked for levels, and a policy never comes
// with an error.
func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(Template))
	f.Add([]byte("rules.unverified = 'warn'\nrules.release-too-new-settings.days = 0\noverride = [{paths = ['**/?*'], rules = {unverified = 'block'}}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(Path, data)
		if (p == nil) == (err == nil) {
			t.Fatalf("policy %v and error %v", p, err)
		}
		if err != nil {
			var e *strict.Error
			if !errors.As(err, &e) {
				t.Fatalf("error of type %T: %v", err, err)
			}
			return
		}
		for _, rule := range Rules() {
			finding := Finding{Rule: rule, Lockfile: "a/Cargo.lock", Package: lockkeeper.Package{Ecosystem: "cargo", Name: "ring"}}
			if level, why := p.LevelFor(finding); level == "" || why == "" || rule == Unverified && level == OffLevel {
				t.Errorf("%s is %q, %q", rule, level, why)
			}
		}
		p.Watches("a/Cargo.lock")
		if d := Evaluate(Input{Policy: p, Onboarded: true, Findings: []Finding{{Rule: Unverified}}}); d.Reviewers == "" {
			t.Error("nobody may sign off")
		}
	})
}
