package policy

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/buildcode"
)

// With sign-offs recorded on the branch, only the very entries that follow from them
// are signed with them. Whatever else is in the file needs an approval.
func TestPromise4OnlyTheRecordItselfIsSignedWithIt(t *testing.T) {
	ring := Finding{
		Rule: BuildCodeAdded, Lockfile: "Cargo.lock", Package: lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: "ring", Version: "0.17.8"},
		Code: &Code{Digest: lockkeeper.Sum([]byte("build.rs")), Capabilities: []buildcode.Capability{buildcode.Compile}},
	}
	const base = "[[allow]]\npackage = 'cargo/cc'\nmay = []\n"
	const entry = "[[allow]]\npackage = 'cargo/ring'\nversions = '0.17'\nmay = ['compile']\nreason = 'cc'\nsigned-off-by = 'alice'\nsigned-off-in = '#7'\n"
	for _, test := range []struct {
		name, proposed string
		record         Record
		state          State
	}{
		{"the record", base + entry, RecordBranch, Signed},
		{"the record before the others", entry + base, RecordBranch, Signed},
		{"not by this policy", base + entry, RecordPullRequest, Open},
		{"a wider range", base + strings.Replace(entry, "0.17", "*", 1), RecordBranch, Open},
		{"more capabilities", base + strings.Replace(entry, "'compile'", "'compile', 'network'", 1), RecordBranch, Open},
		{"another package", base + strings.Replace(entry, "ring", "rin", 1), RecordBranch, Open},
		{"one entry more", base + entry + "[[allow]]\npackage = 'cargo/x'\nany = true\n", RecordBranch, Open},
		{"in somebody else's name", base + strings.Replace(entry, "alice", "bob", 1), RecordBranch, Open},
		{"in one more name", base + strings.Replace(entry, "alice", "alice, bob", 1), RecordBranch, Open},
		{"with words that nobody said", base + strings.Replace(entry, "'cc'", "'read by the whole team'", 1), RecordBranch, Open},
		{"from elsewhere", base + strings.Replace(entry, "#7", "see the wiki", 1), RecordBranch, Open},
		{"without an entry of the base", entry, RecordBranch, Open},
		{"with an entry of the base changed", strings.Replace(base, "may = []", "any = true", 1) + entry, RecordBranch, Open},
		{"a comment alone", base + "# x\n", RecordBranch, Open},
	} {
		guard := Finding{Rule: GuardChanged, Lockfile: allowlist.Path, Artifact: lockkeeper.Sum([]byte(test.proposed))}
		in := Input{
			Findings: []Finding{guard, ring}, Policy: &Policy{Record: test.record}, Allowlist: parseAllowlist(t, base), Onboarded: true,
			Proposed: parseAllowlist(t, test.proposed), ProposedDigest: guard.Artifact, Author: Person{ID: 9, Login: "eve"}, Now: now,
			People:     map[int64]Person{1: {ID: 1, Login: "alice", Permission: Maintain}},
			Statements: []Statement{{Finding: ring.Digest(), Verdict: SignOff, By: 1, Login: "alice", Reason: "cc"}},
		}
		for _, o := range Evaluate(in).Outcomes {
			if o.Finding.Rule == GuardChanged && o.State != test.state {
				t.Errorf("%s: %s, want %s: %q", test.name, o.State, test.state, o.Why)
			}
		}
	}
}

// A recorded entry admits what it records.
func TestRecordEntry(t *testing.T) {
	o := Outcome{
		State:    Signed,
		Finding:  Finding{Rule: PublisherChanged, Package: lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: "ring", Version: "1.0.0"}, Publisher: lockkeeper.Principal{Kind: lockkeeper.User, ID: "52"}},
		SignedBy: []Statement{{By: 1, Login: "alice"}, {By: 2, Login: "bob", Reason: " known "}},
	}
	entry, ok := RecordEntry(o, "#8")
	if !ok || entry.SignedOffBy != "alice, bob" || entry.SignedOffIn != "#8" || entry.Reason != "known" {
		t.Errorf("%+v, %t", entry, ok)
	}
	if admits, why := entry.Admits(o.Finding.AllowSubject(), now); !admits {
		t.Error(why)
	}
	open, unknown := o, o
	open.State = Open
	unknown.Finding.Publisher = lockkeeper.Principal{}
	for name, o := range map[string]Outcome{"open": open, "by nobody known": unknown, "a file": {State: Signed, Finding: Finding{Rule: GuardChanged}, SignedBy: o.SignedBy}} {
		if entry, ok := RecordEntry(o, "#8"); ok {
			t.Errorf("%s is recorded as %+v", name, entry)
		}
	}
}
