package policy

import (
	"testing"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/buildcode"
)

// youngEdges are two packages that came to depend on one young crate, and, if own, the
// question about its own build code.
func youngEdges(own bool) []Finding {
	young := lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: "young", Version: "1.0.0"}
	artifact := lockkeeper.Sum([]byte("young"))
	var all []Finding
	for _, name := range []string{"one", "two"} {
		all = append(all, Finding{
			Rule: EdgeToYoungPackage, Package: lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: name, Version: "2.0.0"},
			Lockfile: "Cargo.lock", Artifact: lockkeeper.Sum([]byte(name)), Subject: "edge young", To: young, ToArtifact: artifact,
		})
	}
	if own {
		all = append(all, Finding{
			Rule: BuildCodeAdded, Package: young, Lockfile: "Cargo.lock", Artifact: artifact, Grave: true,
			Code: &Code{Kinds: []buildcode.Kind{buildcode.BuildScript}, Digest: lockkeeper.Sum([]byte("code")), Capabilities: []buildcode.Capability{buildcode.Network}},
		})
	}
	return all
}

// TestTogether: what asks about one young package is asked once.
func TestTogether(t *testing.T) {
	reviewer := Person{ID: 7, Login: "reviewer", Permission: Maintain}
	sign := func(f Finding) []Statement {
		return []Statement{{Finding: f.Digest(), Verdict: SignOff, By: 7, Login: "reviewer", Reason: "fine"}}
	}
	list := func(text string) *allowlist.List {
		l, err := allowlist.Parse(allowlist.Path, []byte(text), AllowRules())
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	own, edges := youngEdges(true), youngEdges(false)
	other := youngEdges(true)
	other[2].Artifact = lockkeeper.Sum([]byte("another release of that name"))
	elsewhere := youngEdges(true)
	elsewhere[2].Lockfile = "tools/Cargo.lock"
	unlocked := youngEdges(true)
	for i := range unlocked {
		unlocked[i].Artifact, unlocked[i].ToArtifact = "", ""
	}
	reject := Statement{Finding: own[0].Digest(), Verdict: Reject, By: 7, Login: "reviewer"}
	for _, c := range []struct {
		name           string
		findings       []Finding
		statements     []Statement
		allow          *allowlist.List
		asked, open    int
		signed, listed int
	}{
		{name: "its own code is the question", findings: own, asked: 1, open: 3},
		{name: "without code, the first edge is", findings: edges, asked: 1, open: 2},
		{name: "its sign-off answers the edges", findings: own, statements: sign(own[2]), signed: 3},
		{name: "an edge's sign-off answers the other edge, not the code", findings: own, statements: sign(own[0]), asked: 1, open: 1, signed: 2},
		{name: "one edge's sign-off answers the other", findings: edges, statements: sign(edges[1]), signed: 2},
		{name: "its entry answers the edges", findings: own, allow: list("[[allow]]\npackage = \"cargo/young\"\nmay = [\"network\"]\n"), listed: 3},
		{name: "an edge's entry is about that edge alone", findings: edges, allow: list("[[allow]]\npackage = \"cargo/one\"\nrules = [\"edge-to-young-package\"]\n"), listed: 1, asked: 1, open: 1},
		{name: "another release is another question", findings: other, statements: sign(other[2]), signed: 1, asked: 1, open: 2},
		{name: "another lockfile is another question", findings: elsewhere, statements: sign(elsewhere[2]), signed: 1, asked: 1, open: 2},
		{name: "without a digest nothing is the same release", findings: unlocked, statements: sign(unlocked[2]), signed: 1, asked: 2, open: 2},
		{name: "a rejection stays", findings: own, statements: append(sign(own[2]), reject), signed: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Evaluate(Input{
				Findings: c.findings, Statements: c.statements, Allowlist: c.allow, Onboarded: true,
				Author: Person{ID: 1, Login: "author"}, People: map[int64]Person{7: reviewer},
			})
			if d.Asked() != c.asked || d.Count(Open) != c.open || d.Count(Signed) != c.signed || d.Count(Admitted) != c.listed {
				t.Errorf("asked %d, open %d, signed %d, listed %d; want %d, %d, %d, %d", d.Asked(), d.Count(Open), d.Count(Signed), d.Count(Admitted), c.asked, c.open, c.signed, c.listed)
			}
		})
	}
}
