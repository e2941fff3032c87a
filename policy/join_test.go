package policy

import (
	"testing"

	"github.com/lockkeeper/lockkeeper"
)

// TestJoin: alice and bob sign each other's pull request, which are merged together.
func TestJoin(t *testing.T) {
	finding := func(name string) Finding {
		return Finding{Rule: PublisherChanged, Lockfile: "Cargo.lock", Package: lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: name, Version: "1.0.0"}}
	}
	ofAlice, ofBob, ofBoth, ofNone := finding("a"), finding("b"), finding("c"), finding("d")
	in := Input{Policy: &Policy{Reviewers: Reviewers{Teams: []string{"security"}, Permission: Maintain}}, Onboarded: true, People: people, Now: now, Findings: []Finding{ofAlice, ofBob, ofBoth, ofNone}}
	said := func(f Finding, by int64) Statement { return Statement{Finding: f.Digest(), Verdict: SignOff, By: by} }
	in.Statements = []Statement{said(ofAlice, 2), said(ofBob, 1), said(ofBoth, 1), said(ofNone, 1)}
	by := func(author int64, contributors ...int64) Decision {
		in.Author, in.Contributors = Person{ID: author}, contributors
		return Evaluate(in)
	}
	alices := Part{by(1), map[lockkeeper.Digest]bool{ofAlice.Digest(): true, ofBoth.Digest(): true}}
	bobs := Part{by(2), map[lockkeeper.Digest]bool{ofBob.Digest(): true, ofBoth.Digest(): true}}
	joined := Join(by(1, 2), true, alices, bobs)
	want := map[string]State{"a": Signed, "b": Signed, "c": Open, "d": Open}
	for _, o := range joined.Outcomes {
		if o.State != want[o.Finding.Package.Name] {
			t.Errorf("%s is %s, want %s", o.Finding.Package.Name, o.State, want[o.Finding.Package.Name])
		}
	}
	if len(joined.Outcomes) != 4 || joined.Conclusion != ActionRequired {
		t.Errorf("%d outcomes, %s", len(joined.Outcomes), joined.Conclusion)
	}
	if first := joined.Outcomes[0].State; first != Open {
		t.Errorf("the first is %s: the worst comes first", first)
	}

	in.Statements = append(in.Statements, said(ofBoth, 2), said(ofNone, 3))
	alices.Decision, bobs.Decision = by(1), by(2)
	if joined := Join(by(1, 2), true, alices, bobs); joined.Conclusion != Success {
		t.Errorf("after everybody who must has signed: %s", joined.Conclusion)
	}
	if joined := Join(by(1, 2), false, alices, bobs); joined.Conclusion != Neutral {
		t.Errorf("not onboarded: %s", joined.Conclusion)
	}
}
