package policy

import (
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockkeeper/lockkeeper"
)

func parsed(t *testing.T, text string) *Policy {
	t.Helper()
	p, err := Parse(Path, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestARepositoryTightensAndNeverLoosens goes through the keys one by one.
func TestARepositoryTightensAndNeverLoosens(t *testing.T) {
	finding := Finding{Rule: ReleaseTooNew, Lockfile: "tools/Cargo.lock", Package: lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: "ring", Version: "1.0.0"}}
	for _, test := range []struct {
		name, organisation, repository string
		level                          Level
		why                            string
	}{
		{"neither says", "", "", WarnLevel, "by default in ordinary"},
		{"the organisation alone", "[rules]\nrelease-too-new = 'block'", "", BlockLevel, "blocks, says the organisation's policy"},
		{"the repository alone", "", "[rules]\nrelease-too-new = 'off'", OffLevel, "is off, says the policy"},
		{"tighter", "[rules]\nrelease-too-new = 'warn'", "[rules]\nrelease-too-new = 'sign-off'", SignOffLevel, "asks for a sign-off, says the policy"},
		{"looser", "[rules]\nrelease-too-new = 'sign-off'", "[rules]\nrelease-too-new = 'off'", SignOffLevel, "says the organisation's policy, which this repository's cannot loosen"},
		{"looser by an override", "[rules]\nrelease-too-new = 'sign-off'", "[[override]]\npaths = ['tools/**']\nrules = { release-too-new = 'off' }", SignOffLevel, "cannot loosen"},
		{"tighter by an override", "[rules]\nrelease-too-new = 'sign-off'", "[[override]]\npaths = ['tools/**']\nrules = { release-too-new = 'block' }", BlockLevel, "the policy's override at line 1"},
		{"an override of the organisation's", "[rules]\nrelease-too-new = 'sign-off'\n[[override]]\npaths = ['tools/**']\nrules = { release-too-new = 'off' }", "[rules]\nrelease-too-new = 'warn'", WarnLevel, "warns, says the policy"},
		{"another rule", "[rules]\nrelease-yanked = 'block'", "[rules]\nrelease-too-new = 'off'", OffLevel, "is off, says the policy"},
	} {
		t.Run(test.name, func(t *testing.T) {
			level, why := parsed(t, test.repository).Under(parsed(t, test.organisation)).LevelFor(finding)
			if level != test.level || !strings.Contains(why, test.why) {
				t.Errorf("%s: %q, want %s: %q", level, why, test.level, test.why)
			}
		})
	}
}

func TestOrganisationDaysAndPatterns(t *testing.T) {
	days := func(n string) string { return "[rules.release-too-new-settings]\ndays = " + n }
	for _, test := range []struct {
		organisation, repository string
		want                     int
	}{{"", "", 7}, {days("3"), "", 3}, {"", days("3"), 3}, {days("14"), days("3"), 14}, {days("3"), days("14"), 14}} {
		if got := parsed(t, test.repository).Under(parsed(t, test.organisation)).Days(ReleaseTooNew); got != test.want {
			t.Errorf("%q under %q: %d days, want %d", test.repository, test.organisation, got, test.want)
		}
	}
	for _, test := range []struct {
		organisation, repository, path string
		want                           bool
	}{
		{"", "[scan]\nignore = ['**']", "Cargo.lock", true},
		{"", "[scan]\nlockfiles = ['uv.lock']", "Cargo.lock", true},
		{"[scan]\nignore = ['**/examples/**']", "", "a/examples/Cargo.lock", false},
		{"[scan]\nignore = ['**/examples/**']", "[scan]\nignore = ['**/examples/**']", "a/examples/Cargo.lock", false},
		{"[scan]\nignore = ['**/examples/**']", "[scan]\nlockfiles = ['a/**']", "a/examples/Cargo.lock", true},
		{"[scan]\nlockfiles = ['Cargo.lock']", "[scan]\nlockfiles = ['uv.lock']", "uv.lock", true},
		{"[scan]\nlockfiles = ['Cargo.lock']", "[scan]\nlockfiles = ['uv.lock']", "Cargo.lock", true},
		{"[scan]\nlockfiles = ['Cargo.lock']", "[scan]\nlockfiles = ['uv.lock']", "pdm.lock", false},
	} {
		if got := parsed(t, test.repository).Under(parsed(t, test.organisation)).Watches(test.path); got != test.want {
			t.Errorf("%q under %q watches %s: %v, want %v", test.repository, test.organisation, test.path, got, test.want)
		}
	}
}

func TestOrganisationReviewers(t *testing.T) {
	security := "[reviewers]\nteams = ['security']\ncount = 2\n"
	for _, test := range []struct {
		name, organisation, repository string
		may                            []int64 // of alice (maintain), bob (admin), carol (read, security), 12 (admin, security)
		words                          string
		count                          int
		reason                         bool
	}{
		{"neither", "", "", []int64{1, 2, 12}, "anybody with maintain permission", 1, false},
		{"the organisation alone", security, "", []int64{3, 12}, "the team security", 2, false},
		{"the repository alone", "", security, []int64{3, 12}, "the team security", 2, false},
		{"both", security, "[reviewers]\npermission = 'admin'\nreason = 'required'", []int64{12}, "the team security (says the organisation's policy), and of those only: anybody with admin permission", 2, true},
		{"nobody is added", "[reviewers]\nusers = ['alice']", "[reviewers]\nusers = ['alice', 'bob']\ncount = 3", []int64{1}, "alice (says the organisation's policy), and of those only: alice or bob", 3, false},
		{"the reason stays", "[reviewers]\nreason = 'required'", "[reviewers]\nreason = 'optional'", []int64{1, 2, 12}, "anybody with maintain permission", 1, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			who := map[int64]Person{12: {ID: 12, Login: "dora", Permission: Admin, Teams: []string{"security"}}}
			for _, id := range []int64{1, 2, 3} {
				who[id] = people[id]
			}
			e := newElectorate(Input{Policy: parsed(t, test.repository).Under(parsed(t, test.organisation)), Author: people[4], People: who})
			var may []int64
			for _, id := range []int64{1, 2, 3, 12} {
				if e.refusesAcceptance(id) == "" {
					may = append(may, id)
				}
			}
			if len(may) != len(test.may) || e.words() != test.words || e.count != test.count || e.reason != test.reason {
				t.Errorf("%v may, %q, count %d, reason %v", may, e.words(), e.count, e.reason)
			}
		})
	}
}

// TestTheExampleOfTheReference is one that can be used as it stands.
func TestTheExampleOfTheReference(t *testing.T) {
	data, err := os.ReadFile("../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(data), "## One policy for an organisation")
	_, rest, fenced := strings.Cut(rest, "```toml\n")
	example, _, closed := strings.Cut(rest, "```")
	if !found || !fenced || !closed {
		t.Fatal("docs/policy.md has no example")
	}
	p := (&Policy{Ignore: []string{"**"}}).Under(parsed(t, example))
	if !p.Watches("Cargo.lock") || p.Watches("a/examples/b/Cargo.lock") || len(p.Teams()) != 1 {
		t.Errorf("%+v", p.Organisation)
	}
}

// TestUnderIsNeverLooser: whatever the repository writes, no finding gets a lower
// level, nobody a say whom the organisation gives none, and nothing goes unseen.
func TestUnderIsNeverLooser(t *testing.T) {
	drawPolicy := func(t *rapid.T, label string) *Policy {
		in := drawInput(t)
		p := in.Policy
		p.Ignore = rapid.SliceOfN(rapid.SampledFrom([]string{"**", "tools/**", "Cargo.lock"}), 0, 2).Draw(t, label+" ignores")
		p.Reviewers.Permission = rapid.SampledFrom([]Permission{"", Write, Maintain, Admin}).Draw(t, label+" permission")
		if rapid.Bool().Draw(t, label+" overrides") {
			p.Overrides = []Override{{Paths: []string{"tools/**"}, Rules: in.Policy.Rules}}
			p.Rules = rapid.MapOfN(rapid.SampledFrom(Rules()), rapid.SampledFrom([]Level{SignOffLevel, BlockLevel, WarnLevel, OffLevel}), 0, 9).Draw(t, label+" rules")
		}
		return p
	}
	rapid.Check(t, func(t *rapid.T) {
		organisation, repository := drawPolicy(t, "organisation"), drawPolicy(t, "repository")
		bound := repository.Under(organisation)
		f := drawFinding(t)
		least, _, set := organisation.says(f, "")
		if level, why := bound.LevelFor(f); set && least.stricter(level) {
			t.Errorf("%s becomes %s: %s", least, level, why)
		}
		for _, path := range []string{"Cargo.lock", "tools/Cargo.lock"} {
			if organisation.Watches(path) && !bound.Watches(path) {
				t.Errorf("%s is not watched any more", path)
			}
		}
		for _, r := range Rules() {
			if days, ok := organisation.Settings[r]; ok && bound.Days(r) < days {
				t.Errorf("%s counts fewer days", r)
			}
		}
		in := Input{Author: people[4], People: people, Policy: organisation}
		alone := newElectorate(in)
		in.Policy = bound
		both := newElectorate(in)
		for id := range people {
			if alone.refusesVoice(id) != "" && both.refusesVoice(id) == "" {
				t.Errorf("%d has a say now", id)
			}
		}
		if both.count < alone.count || alone.reason && !both.reason {
			t.Errorf("fewer reviewers or reasons are needed")
		}
	})
}
