package html

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/scan"
)

// audited is a report about everything that is locked; s is all foreign text in it but
// what tells packages apart.
func audited(s string) *report.Report {
	r := &report.Report{Scan: &scan.Result{Head: s, Lockfiles: []scan.Lockfile{{Path: s}}}, Listed: map[lockkeeper.Digest]int{}}
	day := func(year int) time.Time { return time.Date(year, 3, 4, 0, 0, 0, 0, time.UTC) }
	add := func(f policy.Finding, state policy.State, p scan.Published, line int) {
		o := outcome(state, f.Rule.DefaultLevel(true), f)
		if line > 0 {
			r.Listed[o.Digest] = line
		}
		r.Decision.Outcomes = append(r.Decision.Outcomes, o)
		r.Scan.Changes = append(r.Scan.Changes, scan.Change{Package: f.Package, PURL: f.Package.String(), Kind: lockfile.Added, Lockfile: f.Lockfile, Published: p, Through: []string{s, s}})
	}
	code := func(kind buildcode.Kind, can ...buildcode.Capability) *policy.Code {
		c := &policy.Code{Kinds: []buildcode.Kind{kind}, Capabilities: can, Files: []string{s}, Digest: lockkeeper.Sum([]byte(kind))}
		for i, name := range can {
			c.Uses = append(c.Uses, buildcode.Use{Capability: name, Path: s, Line: i + 1, Text: s})
		}
		return c
	}
	finding := func(rule policy.Rule, name string, line int, code *policy.Code) policy.Finding {
		return policy.Finding{Rule: rule, Package: crate(name+s, s), Lockfile: s, Line: line, Code: code, Message: s}
	}
	add(finding(policy.BuildCodeAdded, "grabber", 9, code(buildcode.BuildScript, buildcode.Network, buildcode.Decode)), policy.Open,
		scan.Published{By: user("9", s), Basis: scan.Stated, Compared: 3, Whole: true, Before: user("1", s), Others: 3, At: day(2026), Since: day(2026)}, 0)
	ring := finding(policy.BuildCodeAdded, "ring", 12, code(buildcode.BuildScript, buildcode.Compile))
	add(ring, policy.Admitted, scan.Published{By: user("52", s), Basis: scan.Stated, Compared: 6, Same: 6, At: day(2025), Since: day(2021)}, 4)
	ring.Lockfile, ring.Line = "tools/"+s, 4
	add(ring, policy.Admitted, scan.Published{}, 4)
	add(finding(policy.BuildCodeAdded, "derive", 0, code(buildcode.ProcMacro)), policy.Warned, scan.Published{Unknown: s, At: day(2024)}, 0)
	add(finding(policy.StartupHook, "hook", 3, code(buildcode.StartupHook, buildcode.LoadCode)), policy.Open, scan.Published{}, 7)
	add(finding(policy.BuildPathEntered, "linked", 3, nil), policy.Warned, scan.Published{}, 0)
	add(finding(policy.ReleaseYanked, "gone", 3, nil), policy.Open, scan.Published{}, 0)
	return r
}

func renderAudit(t *testing.T, r *report.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := Audit(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAudit(t *testing.T) {
	_, body, _ := strings.Cut(renderAudit(t, audited("x")), "<main")
	const path = "testdata/audit.html"
	if *update {
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), body); diff != "" {
		t.Errorf("%s (-want +got); if it is as it should be, run with -update:\n%s", path, diff)
	}
}

// TestPromise7AuditsAreInert: with hostile names there are no other elements than with
// harmless ones, and nothing invisible.
func TestPromise7AuditsAreInert(t *testing.T) {
	want := tags(t, renderAudit(t, audited("harmless")))
	for _, s := range nasty {
		out := renderAudit(t, audited(s))
		if diff := cmp.Diff(want, tags(t, out)); diff != "" {
			t.Errorf("%q changes the elements (-want +got):\n%s", s, diff)
		}
		if hidden := hiddenIn(out); hidden != "" {
			t.Errorf("%q leaves %q in the document", s, hidden)
		}
	}
}

// Everything that runs code is there once, what is grave before what is not, with
// whether the allowlist has it.
func TestAnAuditIsComplete(t *testing.T) {
	r := audited("x")
	for i := range 300 {
		f := policy.Finding{Rule: policy.BuildCodeAdded, Package: crate(fmt.Sprintf("part-%03d", i), "1.0.0"), Lockfile: "Cargo.lock", Line: i + 1, Code: &policy.Code{Kinds: []buildcode.Kind{buildcode.BuildScript}, Capabilities: []buildcode.Capability{buildcode.Compile}}}
		r.Decision.Outcomes = append(r.Decision.Outcomes, outcome(policy.Warned, policy.WarnLevel, f))
	}
	out := renderAudit(t, r)
	for i := range 300 {
		if n := strings.Count(out, fmt.Sprintf("<b>part-%03d</b>", i)); n != 1 {
			t.Fatalf("part-%03d is there %d times", i, n)
		}
	}
	grave, ordinary := strings.Index(out, "<b>grabberx</b>"), strings.Index(out, "<b>derivex</b>")
	if grave < 0 || ordinary < grave {
		t.Errorf("what is grave stands at %d, what is not at %d", grave, ordinary)
	}
	if on, off := strings.Count(out, ">listed</span>"), strings.Count(out, ">not listed</span>"); on != 2 || off != 302 {
		t.Errorf("%d listed, %d not", on, off)
	}
}
