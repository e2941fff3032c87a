package policy

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/buildcode"
)

// The people of the property tests. Only alice, bob and carol may sign off.
var people = map[int64]Person{
	1: {ID: 1, Login: "alice", Permission: Maintain},
	2: {ID: 2, Login: "bob", Permission: Admin},
	3: {ID: 3, Login: "carol", Permission: Read, Teams: []string{"security"}},
	4: {ID: 4, Login: "author", Permission: Admin, Teams: []string{"security"}},
	5: {ID: 5, Login: "contributor", Permission: Admin, Teams: []string{"security"}},
	6: {ID: 6, Login: "robot", Permission: Admin, Bot: true, Teams: []string{"security"}},
	7: {ID: 7, Login: "lockkeeper[bot]", Permission: Admin, Teams: []string{"security"}},
	8: {ID: 8, Login: "writer", Permission: Write},
	// 9 is somebody of whom nothing is known.
	10: {ID: 11, Login: "bob", Permission: Admin}, // facts about somebody else
}

var eligible = []int64{1, 2, 3}

func drawInput(t *rapid.T) Input {
	in := Input{
		Onboarded: rapid.Float64Range(0, 1).Draw(t, "onboarded") < 0.9,
		Author:    people[4], Contributors: []int64{5}, People: people, Now: now,
		Policy: &Policy{Reviewers: Reviewers{
			Users: []string{"nobody"}, Teams: []string{"security"}, Permission: Maintain,
			Count: rapid.IntRange(0, 3).Draw(t, "count"), ReasonRequired: rapid.Bool().Draw(t, "reason required"),
		}},
		Findings: rapid.SliceOfN(rapid.Custom(drawFinding), 1, 5).Draw(t, "findings"),
	}
	if rapid.IntRange(0, 5).Draw(t, "unresolved") == 0 {
		in.Unresolved = []string{"commit 1f3c2ab"}
	}
	in.Policy.Rules = rapid.MapOfN(rapid.SampledFrom(Rules()), rapid.SampledFrom([]Level{SignOffLevel, BlockLevel, WarnLevel, OffLevel}), 0, 3).Draw(t, "rules")
	list := func(label string) *allowlist.List {
		l := &allowlist.List{}
		for _, f := range in.Findings {
			if rapid.IntRange(0, 3).Draw(t, label) == 0 {
				l.Entries = append(l.Entries, allowlist.Propose(f.AllowSubject()))
			}
		}
		return l
	}
	in.Allowlist, in.Proposed, in.ProposedDigest = list("allowlist"), list("proposed"), lockkeeper.Sum([]byte("proposed"))
	for range rapid.IntRange(0, 8).Draw(t, "statements") {
		in.Statements = append(in.Statements, drawStatement(t, in, rapid.Int64Range(0, 10)))
	}
	for range rapid.IntRange(0, 3).Draw(t, "approvals") {
		in.Approvals = append(in.Approvals, drawApproval(t, in, rapid.Int64Range(0, 10)))
	}
	return in
}

func drawFinding(t *rapid.T) Finding {
	f := Finding{
		Rule:     rapid.SampledFrom(append(Rules(), "a-rule-of-the-future")).Draw(t, "rule"),
		Package:  lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: rapid.SampledFrom([]string{"ring", "cc"}).Draw(t, "name"), Version: "1.2.3"},
		Lockfile: rapid.SampledFrom([]string{"Cargo.lock", "tools/Cargo.lock"}).Draw(t, "lockfile"),
		Grave:    rapid.Bool().Draw(t, "grave"),
	}
	switch f.Rule.Aspect() {
	case allowlist.Code:
		f.Code = &Code{Digest: lockkeeper.Sum([]byte("code")), Capabilities: []buildcode.Capability{"compile"}}
		if rapid.Bool().Draw(t, "network") {
			f.Code.Capabilities = append(f.Code.Capabilities, buildcode.Network)
		}
	case allowlist.People:
		f.Publisher = lockkeeper.Principal{Kind: lockkeeper.User, ID: rapid.SampledFrom([]string{"52", "53"}).Draw(t, "publisher")}
	}
	if f.Rule == GuardChanged {
		f.Package = lockkeeper.Package{}
		f.Lockfile = rapid.SampledFrom([]string{allowlist.Path, Path}).Draw(t, "guard")
		f.Artifact = lockkeeper.Sum([]byte("proposed"))
	}
	return f
}

func drawStatement(t *rapid.T, in Input, by *rapid.Generator[int64]) Statement {
	return Statement{
		Finding: rapid.SampledFrom(in.Findings).Draw(t, "of").Digest(),
		Verdict: rapid.SampledFrom([]Verdict{SignOff, SignOff, SignOff, Reject, Withdraw, "shrug"}).Draw(t, "verdict"),
		By:      by.Draw(t, "by"),
		Login:   "alice", // whatever it said then: the id alone identifies
		Reason:  rapid.SampledFrom([]string{"", "read it"}).Draw(t, "reason"),
	}
}

func drawApproval(t *rapid.T, in Input, by *rapid.Generator[int64]) Approval {
	digest := rapid.SampledFrom([]lockkeeper.Digest{in.ProposedDigest, lockkeeper.Sum([]byte("earlier")), ""}).Draw(t, "approved")
	return Approval{By: by.Draw(t, "approved by"), Login: "alice", AllowDigest: digest}
}

func TestPromise1ProposedCountsOnlyOnceApproved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		// Everything that the pull request says about itself admits everything.
		var own allowlist.List
		for _, f := range in.Findings {
			own.Entries = append(own.Entries, allowlist.Entry{Package: f.Package.ID(), Any: true, Reason: "trust me"})
		}
		in.Approvals = nil
		without := in
		without.Proposed, without.ProposedDigest = nil, ""
		in.Proposed = &own
		for range rapid.IntRange(0, 3).Draw(t, "worthless approvals") {
			a := drawApproval(t, in, rapid.Int64Range(0, 10))
			if a.AllowDigest == in.ProposedDigest {
				a.By = rapid.Int64Range(4, 10).Draw(t, "by somebody without a say")
			}
			in.Approvals = append(in.Approvals, a)
		}
		got, want := states(Evaluate(in)), states(Evaluate(without))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("what nobody approved changed the decision:\n%s", diff)
		}
	})
}

// An approval speaks of one file: the allowlist, with exactly these bytes.
func TestPromise1ApprovalIsOfExactlyThatFile(t *testing.T) {
	digest := lockkeeper.Sum([]byte("proposed"))
	guard := func(path string, artifact lockkeeper.Digest) Finding {
		return Finding{Rule: GuardChanged, Lockfile: path, Artifact: artifact}
	}
	ring := Finding{Rule: Unverified, Package: lockkeeper.Package{Ecosystem: "cargo", Name: "ring", Version: "1.0.0"}}
	admits := &allowlist.List{Entries: []allowlist.Entry{{Package: "cargo/ring", Any: true}}}
	for _, test := range []struct {
		name               string
		finding            Finding
		proposed           *allowlist.List
		proposedD, approve lockkeeper.Digest
		want               State
	}{
		{"the allowlist's edit", guard(allowlist.Path, digest), nil, digest, digest, Signed},
		{"its removal", guard(allowlist.Path, ""), nil, "", "", Open},
		{"an edit of other bytes", guard(allowlist.Path, lockkeeper.Sum([]byte("x"))), nil, digest, digest, Open},
		{"the policy, with the same bytes", guard(Path, digest), nil, digest, digest, Open},
		{"another rule about that file", Finding{Rule: Unverified, Lockfile: allowlist.Path, Artifact: digest}, nil, digest, digest, Open},
		{"what the file admits", ring, admits, digest, digest, Signed},
		{"approved before", ring, admits, digest, lockkeeper.Sum([]byte("x")), Open},
		{"no digest at all", ring, admits, "", "", Open},
		{"what the file does not admit", ring, &allowlist.List{}, digest, digest, Open},
	} {
		in := Input{
			Findings: []Finding{test.finding}, Onboarded: true, Author: people[4], People: people, Now: now,
			Proposed: test.proposed, ProposedDigest: test.proposedD, Approvals: []Approval{{By: 1, AllowDigest: test.approve}},
		}
		if o := Evaluate(in).Outcomes[0]; o.State != test.want {
			t.Errorf("%s: %s, want %s: %q %q", test.name, o.State, test.want, o.Why, o.Refused)
		}
	}
}

func TestPromise2NobodySignsTheirOwnAndNoBotSigns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		d := Evaluate(in)
		for _, o := range d.Outcomes {
			var signers []int64
			for _, s := range o.SignedBy {
				if !slices.Contains(eligible, s.By) {
					t.Fatalf("%d signed: %+v", s.By, o)
				}
				if slices.Contains(signers, s.By) {
					t.Fatalf("%d counts twice", s.By)
				}
				signers = append(signers, s.By)
			}
			for _, s := range o.RejectedBy {
				if !slices.Contains(eligible, s.By) {
					t.Fatalf("%d rejected: %+v", s.By, o)
				}
			}
			if len(signers) > 0 && len(in.Unresolved) > 0 {
				t.Fatal("signed though an author could not be resolved")
			}
			if o.State == Signed && len(signers) < in.Policy.Reviewers.Count {
				t.Fatalf("%d of %d reviewers were enough", len(signers), in.Policy.Reviewers.Count)
			}
		}
		// Whoever has no say cannot improve anything by speaking.
		louder := in
		if rapid.Bool().Draw(t, "approve") {
			louder.Approvals = append(slices.Clone(in.Approvals), drawApproval(t, in, rapid.Int64Range(4, 10)))
		} else {
			at := rapid.IntRange(0, len(in.Statements)).Draw(t, "at")
			louder.Statements = slices.Insert(slices.Clone(in.Statements), at, drawStatement(t, in, rapid.Int64Range(4, 10)))
		}
		if diff := cmp.Diff(states(d), states(Evaluate(louder))); diff != "" {
			t.Fatalf("somebody without a say changed the decision:\n%s", diff)
		}
	})
}

// Rights are those of now, by id: a login that matches helps nobody.
func TestPromise2RightsBelongToTheID(t *testing.T) {
	f := Finding{Rule: Unverified, Package: lockkeeper.Package{Ecosystem: "cargo", Name: "ring", Version: "1.0.0"}}
	statement := Statement{Finding: f.Digest(), Verdict: SignOff, By: 2, Login: "alice"}
	in := Input{
		Findings: []Finding{f}, Onboarded: true, Author: Person{ID: 1, Login: "author"}, Statements: []Statement{statement}, Now: now,
		Policy: &Policy{Reviewers: Reviewers{Users: []string{"alice"}}},
	}
	for _, test := range []struct {
		name   string
		change func(*Input)
		want   State
	}{
		{"alice", func(in *Input) { in.People = map[int64]Person{2: {ID: 2, Login: "Alice"}} }, Signed},
		{"renamed since", func(in *Input) { in.People = map[int64]Person{2: {ID: 2, Login: "alice-2"}} }, Open},
		{"nothing known", func(in *Input) { in.People = nil }, Open},
		{"the author under another login", func(in *Input) {
			in.People = map[int64]Person{2: {ID: 2, Login: "alice"}}
			in.Author = Person{ID: 2, Login: "innocent"}
		}, Open},
		{"nobody knows the author", func(in *Input) {
			in.People = map[int64]Person{2: {ID: 2, Login: "alice"}}
			in.Author = Person{}
		}, Open},
		{"no login known, none named", func(in *Input) {
			in.People = map[int64]Person{2: {ID: 2}}
			in.Policy = &Policy{Reviewers: Reviewers{Users: []string{""}}}
		}, Open},
		{"a permission that nobody knows", func(in *Input) {
			in.People = map[int64]Person{2: {ID: 2, Login: "alice", Permission: "owner"}}
			in.Policy = &Policy{Reviewers: Reviewers{Permission: "owner"}}
		}, Open},
	} {
		in := in
		test.change(&in)
		if d := Evaluate(in); d.Outcomes[0].State != test.want {
			t.Errorf("%s: %s, want %s", test.name, d.Outcomes[0].State, test.want)
		}
	}
}

func TestPromise3UnknownNeverPasses(t *testing.T) {
	ring := lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: "ring", Version: "0.17.8"}
	harmless := allowlist.Entry{
		Package: "cargo/ring", May: []buildcode.Capability{"compile", "network", buildcode.Unanalysed, buildcode.RunUnknown},
		Publishers: []lockkeeper.Principal{{Kind: lockkeeper.User, ID: "52"}, {}}, Rules: []string{"release-too-new"},
	}
	for _, f := range []Finding{
		{Rule: Unverified, Package: ring},
		{Rule: "a-rule-of-the-future", Package: ring},
		{Rule: PublisherChanged, Package: ring}, // by nobody knows whom
		{Rule: BuildCodeAdded, Package: ring},   // of code that nobody saw
		{Rule: BuildCodeAdded, Package: ring, Code: &Code{Digest: "sha256:00", Capabilities: []buildcode.Capability{buildcode.Unanalysed}}},
		{Rule: BuildCodeAdded, Package: ring, Code: &Code{Digest: "sha256:00", Capabilities: []buildcode.Capability{buildcode.RunUnknown}}},
		{Rule: GuardChanged},
		{Rule: "", Package: ring},
		{},
	} {
		d := Evaluate(Input{Findings: []Finding{f}, Allowlist: &allowlist.List{Entries: []allowlist.Entry{harmless}}, Onboarded: true, Now: now})
		if d.Conclusion != ActionRequired || d.Outcomes[0].State != Open {
			t.Errorf("%+v is %s, %s", f, d.Outcomes[0].State, d.Conclusion)
		}
	}
	for _, in := range []string{"[rules]\nunverified = 'off'", "[[override]]\npaths = ['**']\nrules = { unverified = 'off' }"} {
		if _, err := Parse(Path, []byte(in)); err == nil {
			t.Errorf("%q hides what could not be verified", in)
		}
	}
}

func TestPromise4SignOffHoldsForExactlyWhatWasSigned(t *testing.T) {
	base := func() Finding {
		return Finding{
			Rule: BuildCodeChanged, Package: lockkeeper.Package{Ecosystem: "cargo", Name: "ring", Version: "0.17.8"}, From: "0.17.7",
			Lockfile: "Cargo.lock", Line: 3, Message: "m", Evidence: []string{"e"}, Artifact: lockkeeper.Sum([]byte("artifact")),
			Code:      &Code{Digest: lockkeeper.Sum([]byte("code")), Capabilities: []buildcode.Capability{"compile", "run:perl"}},
			Publisher: lockkeeper.Principal{Kind: lockkeeper.User, ID: "52", Login: "alice"}, Subject: "s",
		}
	}
	signed := base()
	decide := func(f Finding) State {
		return Evaluate(Input{
			Findings: []Finding{f}, Onboarded: true, Author: people[4], People: people, Now: now,
			Policy:     &Policy{Rules: map[Rule]Level{BuildCodeChanged: SignOffLevel}},
			Statements: []Statement{{Finding: signed.Digest(), Verdict: SignOff, By: 1}},
		}).Outcomes[0].State
	}
	seen := map[lockkeeper.Digest]string{signed.Digest(): "what was signed"}
	for name, change := range map[string]func(*Finding){
		"rule":                 func(f *Finding) { f.Rule = BuildCodeAdded },
		"ecosystem":            func(f *Finding) { f.Package.Ecosystem = "pypi" },
		"name":                 func(f *Finding) { f.Package.Name = "ring2" },
		"version":              func(f *Finding) { f.Package.Version = "0.17.9" },
		"no package":           func(f *Finding) { f.Package = lockkeeper.Package{} },
		"artifact":             func(f *Finding) { f.Artifact = lockkeeper.Sum([]byte("other")) },
		"no artifact":          func(f *Finding) { f.Artifact = "" },
		"code":                 func(f *Finding) { f.Code.Digest = lockkeeper.Sum([]byte("other")) },
		"code not known":       func(f *Finding) { f.Code.Digest = "" },
		"no code":              func(f *Finding) { f.Code = nil },
		"capability more":      func(f *Finding) { f.Code.Capabilities = append(f.Code.Capabilities, "network") },
		"capability less":      func(f *Finding) { f.Code.Capabilities = f.Code.Capabilities[:1] },
		"capabilities gone":    func(f *Finding) { f.Code.Capabilities = nil },
		"publisher":            func(f *Finding) { f.Publisher.ID = "53" },
		"kind of publisher":    func(f *Finding) { f.Publisher.Kind = lockkeeper.Team },
		"no publisher":         func(f *Finding) { f.Publisher = lockkeeper.Principal{} },
		"subject":              func(f *Finding) { f.Subject = "t" },
		"name and version":     func(f *Finding) { f.Package.Name, f.Package.Version = "ring0", ".17.8" },
		"subject and id":       func(f *Finding) { f.Publisher.ID, f.Subject = "52s", "" },
		"version and artifact": func(f *Finding) { f.Package.Version, f.Artifact = f.Package.Version+string(f.Artifact), "" },
	} {
		f := base()
		change(&f)
		if other, taken := seen[f.Digest()]; taken {
			t.Errorf("another %s has the digest of %s", name, other)
		}
		seen[f.Digest()] = name
		if state := decide(f); state != Open {
			t.Errorf("another %s: %s", name, state)
		}
	}
	for name, change := range map[string]func(*Finding){
		"message":                func(f *Finding) { f.Message = "n" },
		"evidence":               func(f *Finding) { f.Evidence = nil },
		"line":                   func(f *Finding) { f.Line = 400 },
		"lockfile":               func(f *Finding) { f.Lockfile = "tools/Cargo.lock" },
		"version before":         func(f *Finding) { f.From = "0.17.6" },
		"grave":                  func(f *Finding) { f.Grave = true },
		"login":                  func(f *Finding) { f.Publisher.Login = "alice-2" },
		"order of capabilities":  func(f *Finding) { slices.Reverse(f.Code.Capabilities) },
		"capability named twice": func(f *Finding) { f.Code.Capabilities = append(f.Code.Capabilities, "compile") },
		"gained":                 func(f *Finding) { f.Code.Gained = []buildcode.Capability{"compile"} },
		"uses":                   func(f *Finding) { f.Code.Uses = []buildcode.Use{{Path: "build.rs"}} },
		"diff":                   func(f *Finding) { f.Code.Diff, f.Code.Inserted = "+x", 1 },
	} {
		f := base()
		change(&f)
		if state := decide(f); state != Signed {
			t.Errorf("another %s: %s", name, state)
		}
	}
	a, b := Finding{Rule: GuardChanged, Lockfile: Path, Subject: "x"}, Finding{Rule: GuardChanged, Lockfile: ".cargo/config.toml", Subject: "x"}
	if a.Digest() == b.Digest() {
		t.Error("a finding about one file has the digest of one about another")
	}
	// The encoding is recorded with sign-offs: it must not change unnoticed.
	if got, want := signed.Digest(), lockkeeper.Digest("sha256:"+signedDigest); got != want {
		t.Errorf("the digest of the same finding became %s", got)
	}
}

// signedDigest was computed apart from this program.
const signedDigest = "72899bff01c7812107dba4c21757339ff763ad015a1cd1b2efe44a00d3cfcd47"

func TestBlockedIsNeverLifted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		in.Allowlist = &allowlist.List{Entries: []allowlist.Entry{{Package: "cargo/ring", Any: true}, {Package: "cargo/cc", Any: true}}}
		in.Onboarded = true
		d := Evaluate(in)
		blocked := 0
		for _, f := range in.Findings {
			// Both packages are listed, so that nothing is unlisted.
			if level, _ := in.Policy.LevelFor(f); level == BlockLevel && f.Rule != BuildCodeUnlisted {
				blocked++
			}
		}
		if d.Count(Blocked) != blocked || blocked > 0 && d.Conclusion != Failure {
			t.Fatalf("%d findings are at the level block, %d are blocked: %s", blocked, d.Count(Blocked), d.Conclusion)
		}
	})
}

// TestUnlistedIsBlockedBesideWhatAsks: where owners block code that is not listed, the
// question about the same code as new code does not stand in for it.
func TestUnlistedIsBlockedBesideWhatAsks(t *testing.T) {
	code := &Code{Digest: lockkeeper.Sum([]byte("code")), Capabilities: []buildcode.Capability{"compile"}}
	ring := lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: "ring", Version: "1.2.3"}
	in := Input{
		Onboarded: true, Now: now, People: people, Author: people[4],
		Policy: &Policy{Mode: All, Reviewers: Reviewers{Permission: Maintain, Count: 1}, Rules: map[Rule]Level{BuildCodeUnlisted: BlockLevel}},
		Findings: []Finding{
			{Rule: BuildCodeAdded, Package: ring, Lockfile: "Cargo.lock", Code: code},
			{Rule: BuildCodeUnlisted, Package: ring, Lockfile: "Cargo.lock", Code: code},
		},
	}
	added := in.Findings[0].Digest()
	in.Statements = []Statement{{Finding: added, Verdict: SignOff, By: 1, Login: people[1].Login, At: now}}
	if d := Evaluate(in); d.Conclusion != Failure || d.Count(Blocked) != 1 {
		t.Errorf("not listed: %s, %d blocked", d.Conclusion, d.Count(Blocked))
	}
	in.Allowlist = &allowlist.List{Entries: []allowlist.Entry{{Package: "cargo/ring", May: []buildcode.Capability{"compile"}}}}
	if d := Evaluate(in); d.Conclusion != Success || d.Count(Blocked) != 0 {
		t.Errorf("listed: %s, %d blocked", d.Conclusion, d.Count(Blocked))
	}
	in.Policy.Rules[BuildCodeAdded] = BlockLevel
	in.Allowlist = nil
	if d := Evaluate(in); d.Conclusion != Failure || len(d.Outcomes) != 1 {
		t.Errorf("both blocked: %s, %d outcomes", d.Conclusion, len(d.Outcomes))
	}
}

// TestUnlistedStaysBesideWhatIsSettledBetter: a question about new code that an entry
// answers does not answer that about code with the same digest which can do more.
func TestUnlistedStaysBesideWhatIsSettledBetter(t *testing.T) {
	ring := lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: "ring", Version: "1.2.3"}
	digest := lockkeeper.Sum([]byte("code"))
	in := Input{
		Onboarded: true, Now: now, People: people, Author: people[4],
		Policy:    &Policy{Mode: All, Reviewers: Reviewers{Permission: Maintain, Count: 1}},
		Allowlist: &allowlist.List{Entries: []allowlist.Entry{{Package: "cargo/ring", May: []buildcode.Capability{"compile"}}}},
		Findings: []Finding{
			{Rule: BuildCodeAdded, Package: ring, Lockfile: "Cargo.lock", Code: &Code{Digest: digest, Capabilities: []buildcode.Capability{"compile"}}},
			{Rule: BuildCodeUnlisted, Package: ring, Lockfile: "Cargo.lock", Code: &Code{Digest: digest, Capabilities: []buildcode.Capability{"network"}}},
		},
	}
	if d := Evaluate(in); d.Conclusion != ActionRequired || d.Count(Open) != 1 || d.Count(Admitted) != 1 {
		t.Errorf("%s: %d open, %d admitted", d.Conclusion, d.Count(Open), d.Count(Admitted))
	}
}

// Evaluate is a function, keeps its input, orders its outcomes, gives reasons,
// and more findings never make things better.
func TestEvaluateIsAFunction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		before := fmt.Sprintf("%+v", in)
		d := Evaluate(in)
		if !reflect.DeepEqual(d, Evaluate(in)) {
			t.Fatal("the same input gives another decision")
		}
		if fmt.Sprintf("%+v", in) != before {
			t.Fatal("the input was changed")
		}
		rank := map[State]int{Blocked: 0, Rejected: 1, Open: 2, Signed: 3, Admitted: 4, Warned: 5}
		for i, o := range d.Outcomes {
			if i > 0 && rank[d.Outcomes[i-1].State] > rank[o.State] {
				t.Fatalf("%s stands before %s", d.Outcomes[i-1].State, o.State)
			}
			if len(o.Why) == 0 || (o.State == Open) != (o.Missing > 0) || (o.State == Admitted) != (o.Entry != nil) || o.Digest != o.Finding.Digest() {
				t.Fatalf("half an outcome: %+v", o)
			}
		}
		more := in
		more.Findings = append(slices.Clone(in.Findings), drawFinding(t))
		severity := map[Conclusion]int{Neutral: 0, Success: 0, ActionRequired: 1, Failure: 2}
		if severity[Evaluate(more).Conclusion] < severity[d.Conclusion] {
			t.Fatalf("a further finding made %s of %s", Evaluate(more).Conclusion, d.Conclusion)
		}
		if in.Onboarded == (d.Conclusion == Neutral) {
			t.Fatalf("onboarded %t and %s", in.Onboarded, d.Conclusion)
		}
	})
}

// One eligible rejection that nobody takes back decides.
func TestRejectionOutweighs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		f := in.Findings[0]
		in.Statements = append(in.Statements, Statement{Finding: f.Digest(), Verdict: Reject, By: rapid.SampledFrom(eligible).Draw(t, "who")})
		for _, o := range Evaluate(in).Outcomes {
			if o.Digest == f.Digest() && o.Level == SignOffLevel && o.State != Rejected {
				t.Fatalf("rejected and yet %s", o.State)
			}
		}
	})
}

func TestEvaluateIsTotal(t *testing.T) {
	if d := Evaluate(Input{}); d.Conclusion != Neutral || d.Reviewers != "anybody with maintain permission" {
		t.Errorf("nothing at all gives %+v", d)
	}
	d := Evaluate(Input{Onboarded: true, Statements: []Statement{{}}, Approvals: []Approval{{}}, Findings: []Finding{{}, {Rule: GuardChanged, Lockfile: allowlist.Path}}})
	if d.Conclusion != ActionRequired {
		t.Errorf("zero values give %s", d.Conclusion)
	}
}

func states(d Decision) map[string]State {
	states := map[string]State{"conclusion": State(d.Conclusion)}
	for _, o := range d.Outcomes {
		states[string(o.Digest)+o.Finding.Lockfile+fmt.Sprint(o.Finding.Grave)] = o.State
	}
	return states
}
