package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/report/reporttest"
	"github.com/lockkeeper/lockkeeper/scan"
)

var update = flag.Bool("update", false, "write what is rendered to testdata")

func crate(name, version string) lockkeeper.Package {
	return lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: name, Version: version}
}

func user(id, login string) lockkeeper.Principal {
	return lockkeeper.Principal{Kind: lockkeeper.User, ID: id, Login: login}
}

// example is a report with one outcome of each state.
func example() *Report {
	code := &policy.Code{
		Kinds: []buildcode.Kind{buildcode.BuildScript}, Digest: lockkeeper.Sum([]byte("x")), Files: []string{"build.rs"},
		Capabilities: []buildcode.Capability{buildcode.Decode, buildcode.Network, buildcode.RunUnknown}, Gained: []buildcode.Capability{buildcode.Network},
		Uses: []buildcode.Use{{Capability: buildcode.Network, Path: "build.rs", Line: 2, Text: "ureq::get(&table())"}},
		Diff: "--- /dev/null\n+++ b/build.rs\n@@ -0,0 +1,2 @@\n+fn main() {\n+\tlet _ = ureq::get(&table()); // ``` @octocat\n", Inserted: 2,
	}
	outcome := func(state policy.State, level policy.Level, f policy.Finding) policy.Outcome {
		return policy.Outcome{Finding: f, Digest: f.Digest(), Level: level, State: state, Why: []string{"build-code-added asks for a sign-off by default"}}
	}
	open := outcome(policy.Open, policy.SignOffLevel, policy.Finding{
		Rule: policy.BuildCodeAdded, Package: crate("proc-macro1", "1.0.107"), Lockfile: "Cargo.lock", Line: 412,
		Message: "is new here and runs a build script", Artifact: lockkeeper.Sum([]byte("a")), Code: code,
	})
	open.Missing, open.Refused = 1, []string{"author's sign-off does not count: they opened the pull request"}
	signed := outcome(policy.Signed, policy.SignOffLevel, policy.Finding{
		Rule: policy.PublisherChanged, Package: crate("arrayref", "0.3.10"), From: "0.3.9", Lockfile: "Cargo.lock", Line: 31,
		Message: "was published by user:9 (stranger); before by user:1 (keeper)", Evidence: []string{"0.3.10 by user:9 (stranger)", "0.3.9 by user:1 (keeper)"},
		Publisher: lockkeeper.Principal{Kind: lockkeeper.User, ID: "9", Login: "stranger"},
	})
	signed.SignedBy = []policy.Statement{{By: 7, Login: "reviewer", Reason: "asked them"}}
	admitted := outcome(policy.Admitted, policy.SignOffLevel, policy.Finding{
		Rule: policy.CapabilityGained, Package: crate("ring", "0.17.9"), From: "0.17.8", Lockfile: "Cargo.lock", Line: 99, Message: "changed its build script, which can now do more: compile",
	})
	admitted.Entry = &allowlist.Entry{Package: "cargo/ring", Line: 4}
	r := &Report{
		Onboarded: true, Records: true, BaseBranch: "main", Command: "lockkeeper scan",
		Scan: &scan.Result{
			Base: strings.Repeat("1f", 20), Head: "work tree",
			Lockfiles: []scan.Lockfile{{Path: "Cargo.lock", Format: lockfile.Cargo, Version: "4", Added: 1, Updated: 4}},
			Changes: []scan.Change{
				{Lockfile: "Cargo.lock", Line: 412, Kind: lockfile.Added, Package: crate("proc-macro1", "1.0.107"), Publisher: "user:391822 (lookalike)", Published: scan.Published{By: user("391822", "lookalike"), Basis: scan.Stated, Compared: 1, Whole: true, Same: 1, Earlier: 1}, Through: []string{"arrayref"}, Note: "build script: decode, network, run:?"},
				{Lockfile: "Cargo.lock", Line: 31, Kind: lockfile.Updated, Package: crate("arrayref", "0.3.10"), From: "0.3.9", Publisher: "user:9 (stranger)", Published: scan.Published{By: user("9", "stranger"), Basis: scan.Stated, Compared: 9, Whole: true, Before: user("1", "keeper"), Others: 9}, Note: "no build code"},
				{Lockfile: "Cargo.lock", Line: 50, Kind: lockfile.Updated, Package: crate("cc", "1.2.2"), From: "1.2.1", Publisher: "user:1 (keeper)", Published: scan.Published{By: user("1", "keeper"), Basis: scan.Stated, Compared: 200, Whole: true, Same: 200, Earlier: 200}, Note: "build code unchanged"},
				{Lockfile: "Cargo.lock", Line: 60, Kind: lockfile.Updated, Package: crate("memchr", "2.7.1"), From: "2.7.0", Publisher: "unknown", Published: scan.Published{Unknown: "the registry does not tell"}, Note: "no build code"},
			},
		},
		Decision: policy.Decision{
			Conclusion: policy.ActionRequired, Reviewers: "anybody with maintain permission",
			Outcomes: []policy.Outcome{open, signed, admitted, outcome(policy.Warned, policy.WarnLevel, policy.Finding{
				Rule: policy.ReleaseTooNew, Package: crate("syn", "3.0.1"), From: "3.0.0", Lockfile: "Cargo.lock", Line: 77, Message: "was published 2 days ago, less than 7 days",
			})},
			Notes: []string{"the entry at line 9 for cargo/cc expired on 2026-01-01: renew or remove it"},
		},
	}
	for i := range r.Scan.Changes {
		r.Scan.Changes[i].PURL = r.Scan.Changes[i].Package.String()
	}
	return r
}

func TestRenderings(t *testing.T) {
	for name, render := range map[string]func(b *bytes.Buffer, r *Report) error{
		"text.txt": func(b *bytes.Buffer, r *Report) error {
			r.Accept = "lockkeeper allow add"
			return Text(b, r, TextOptions{})
		},
		"text-code.txt": func(b *bytes.Buffer, r *Report) error {
			r.Accept = "lockkeeper allow add"
			return Text(b, r, TextOptions{Width: 80, BuildCode: true, All: true})
		},
		"text-narrow.txt": func(b *bytes.Buffer, r *Report) error {
			r.Accept = "lockkeeper allow add"
			r.Compared = "the work tree with origin/main, from where they parted (1f1f1f1)."
			return Text(b, r, TextOptions{Width: 60})
		},
		"text-quiet.txt": func(b *bytes.Buffer, r *Report) error { return Text(b, r, TextOptions{Quiet: true}) },
		"text-same.txt": func(b *bytes.Buffer, r *Report) error {
			r.Scan, r.Decision.Outcomes, r.Decision.Notes = &scan.Result{Base: r.Scan.Base, Head: r.Scan.Head}, nil, nil
			r.Compared = "the work tree with main (1f1f1f1). There is no remote, so the work tree was compared with the last commit on main."
			r.Next = "Unchanged: Cargo.lock. To look at everything that is locked: lockkeeper scan --all"
			return Text(b, r, TextOptions{Width: 80})
		},
		"audit.txt":    func(b *bytes.Buffer, r *Report) error { return Audit(b, audited(), TextOptions{Width: 80}) },
		"audit.csv":    func(b *bytes.Buffer, r *Report) error { return AuditCSV(b, audited()) },
		"report.sarif": func(b *bytes.Buffer, r *Report) error { return SARIF(b, r, "1.2.3") },
		"comment.md": func(b *bytes.Buffer, r *Report) error {
			b.WriteString(Comment(r, ""))
			return nil
		},
		"summary.md": func(b *bytes.Buffer, r *Report) error {
			r.Accept = "lockkeeper allow add"
			return Markdown(b, r)
		},
		"report.json": func(b *bytes.Buffer, r *Report) error { return JSON(b, r) },
		"check.json": func(b *bytes.Buffer, r *Report) error {
			e := json.NewEncoder(b)
			e.SetIndent("", "  ")
			return e.Encode(CheckRun(r, ""))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := render(&b, example()); err != nil {
				t.Fatal(err)
			}
			golden(t, name, b.String())
		})
	}
}

// golden compares with a file of testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); if it is as it should be, run with -update:\n%s", path, diff)
	}
}

// TestAHugeUpdateStaysReadable: five hundred packages with large diffs stay below
// GitHub's limits, and every one that waits is still counted.
func TestAHugeUpdateStaysReadable(t *testing.T) {
	r := example()
	first := r.Decision.Outcomes[0]
	r.Decision.Outcomes = nil
	for i := range 500 {
		o := first
		code := *o.Finding.Code
		code.Diff = strings.Repeat("+é``` <b> @x #1\n", 4000)
		o.Finding.Code = &code
		o.Finding.Package = crate(fmt.Sprintf("crate-%03d", i), "1.0.0")
		o.Digest = o.Finding.Digest()
		r.Decision.Outcomes = append(r.Decision.Outcomes, o)
	}
	comment := Comment(r, "")
	if n := len(comment); n > MaxComment {
		t.Errorf("the comment has %d bytes, more than %d", n, MaxComment)
	}
	for _, part := range []string{"500 packages need a sign-off", "and 440 more", "/lockkeeper sign-off all", "Commands"} {
		if !strings.Contains(comment, part) {
			t.Errorf("the comment lacks %q", part)
		}
	}
	if !utf8.ValidString(comment) {
		t.Error("the comment is not UTF-8")
	}
	check := CheckRun(r, "")
	if n := len(check.Summary); n > MaxCheckText {
		t.Errorf("the summary has %d bytes", n)
	}
	tags, _ := reporttest.Render(t, comment)
	if tags["details"] == 0 || tags["b"] > 0 {
		t.Errorf("elements %v", tags)
	}
}

func TestMeaningIgnoresAges(t *testing.T) {
	a, b := example(), example()
	b.Decision.Outcomes[3].Finding.Message = "was published 3 days ago, less than 7 days"
	if Meaning(a) != Meaning(b) {
		t.Error("an age changes the meaning")
	}
	b.Decision.Outcomes[0].State = policy.Signed
	if Meaning(a) == Meaning(b) {
		t.Error("a sign-off does not change the meaning")
	}
}

func TestPromise7WholeReportsAreInert(t *testing.T) {
	for _, s := range reporttest.Nasty(t) {
		r := example()
		f := &r.Decision.Outcomes[0].Finding
		f.Package.Name, f.Package.Version, f.From, f.Message, f.Evidence, f.Lockfile = s, s, s, s, []string{s}, s
		code := *f.Code
		code.Files, code.Diff, code.Uses = []string{s}, s, []buildcode.Use{{Capability: buildcode.Capability(s), Path: s, Text: s}}
		code.Capabilities = []buildcode.Capability{buildcode.Capability(s)}
		f.Code = &code
		r.Decision.Outcomes[0].Refused = []string{s}
		r.Decision.Outcomes[1].SignedBy[0].Login = s
		for i := range r.Scan.Changes {
			r.Scan.Changes[i].Published = scan.Published{
				By: lockkeeper.Principal{Kind: lockkeeper.GitHubRepo, ID: s, Login: s}, Environment: s, Basis: scan.Verified,
				Compared: 3, Earlier: 1, Before: user(s, s), Others: 2,
			}
		}
		r.Scan.Changes[2].Published = scan.Published{Unknown: s, Compared: 1, Before: user(s, s), Others: 1}
		r.Answers = []Answer{{To: s, Asked: s, Says: []Sentence{{Text: s}}}, {To: s, Asked: s, Says: []Sentence{{Text: s}, {Text: s, Rule: policy.BuildCodeAdded}}}, {To: s, Asked: s, Help: true}}
		r.Decision.Outcomes[1].SignedBy[0].Reason, r.Decision.Outcomes[0].Why = s, []string{s}
		r.Decision.Reviewers, r.Decision.Notes, r.Scan.Base = s, []string{s}, s
		comment := strings.TrimPrefix(Comment(r, ""), Marker)
		reporttest.CheckMarkdown(t, comment, "h3", "p", "code", "pre", "table", "thead", "tbody", "tr", "th", "td", "strong", "br", "details", "summary", "ul", "li", "sub", "a rule")
		var b bytes.Buffer
		if err := Text(&b, r, TextOptions{BuildCode: true, All: true}); err != nil {
			t.Fatal(err)
		}
		if clean := visible(b.String(), true); clean != b.String() {
			t.Errorf("the terminal gets raw bytes for %q", s)
		}
		// Annotations and titles are shown as they are.
		check := CheckRun(r, "")
		reporttest.CheckMarkdown(t, check.Summary, "p", "code", "pre", "table", "thead", "tbody", "tr", "th", "td", "strong", "br", "details", "summary", "ul", "li", "sub", "a rule")
		for _, a := range check.Annotations {
			if clean := visible(a.Title+a.Message, true); clean != a.Title+a.Message {
				t.Errorf("an annotation gets raw bytes for %q", s)
			}
		}
	}
}

// TestTitleCountsWhatItIs: a lockfile that cannot be read is no package.
func TestTitleCountsWhatItIs(t *testing.T) {
	of := func(findings ...policy.Finding) string {
		r := &Report{Onboarded: true, Scan: &scan.Result{}}
		for _, f := range findings {
			r.Decision.Outcomes = append(r.Decision.Outcomes, policy.Outcome{Finding: f, State: policy.Open})
		}
		return r.Title()
	}
	a, b := policy.Finding{Package: crate("a", "1.0.0")}, policy.Finding{Package: crate("b", "1.0.0")}
	x, y := policy.Finding{Lockfile: "uv.lock"}, policy.Finding{Lockfile: "pdm.lock"}
	for want, got := range map[string]string{
		"1 package needs a sign-off":            of(a),
		"2 packages need a sign-off":            of(a, b),
		"1 file needs a sign-off":               of(x),
		"2 files need a sign-off":               of(x, y),
		"1 package and 2 files need a sign-off": of(a, x, y),
		"2 packages and 1 file need a sign-off": of(a, b, x),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestEveryRuleLeadsToItsPage: wherever a comment or a check names a rule, it is a link.
func TestEveryRuleLeadsToItsPage(t *testing.T) {
	for _, markdown := range []string{Comment(example(), ""), CheckRun(example(), "").Summary, Comment(huge(), "")} {
		links, _ := reporttest.Render(t, markdown)
		named := 0
		for _, rule := range policy.Rules() {
			named += strings.Count(markdown, "`"+string(rule)+"`")
		}
		if capabilities := 1; named == 0 || links["a rule"] != named+capabilities {
			t.Errorf("%d links for %d rules named in\n%s", links["a rule"], named, markdown)
		}
	}
}

// TestNothingIsWiderThanTheTerminal: long words are broken and keep their place.
func TestNothingIsWiderThanTheTerminal(t *testing.T) {
	long := "0.6.1+5.3.0-1-ge13ca993e8ccb9ba9847cc330696e02839f328f7"
	r := example()
	for i := range r.Decision.Outcomes {
		o := &r.Decision.Outcomes[i]
		pkg := o.Finding.Package
		o.Finding.Package.Version, o.Finding.From = long, long
		o.Finding.Evidence = append(o.Finding.Evidence, strings.Repeat("長い", 60)+"/名前.whl", strings.Repeat("x", 300))
		for j := range r.Scan.Changes {
			if c := &r.Scan.Changes[j]; c.Package == pkg {
				c.Package.Version, c.From = long, long
			}
		}
	}
	for _, width := range []int{60, 80, 120} {
		var b bytes.Buffer
		if err := Text(&b, r, TextOptions{Width: width}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), "長") || !strings.Contains(b.String(), "0.6.1+5.3.0") {
			t.Fatal("it does not show what is long")
		}
		for line := range strings.Lines(b.String()) {
			if n := columnsOf(strings.TrimRight(line, "\n")); n > width && !strings.Contains(line, "lockkeeper ") { // a command stays in one piece
				t.Errorf("%d columns of %d: %q", n, width, line)
			}
		}
	}
}

// TestTheSameCodeIsNotShownTwice of one package, for two findings about it.
func TestTheSameCodeIsNotShownTwice(t *testing.T) {
	r := example()
	again := r.Decision.Outcomes[0]
	again.Finding.Rule, again.Finding.Message = policy.UpstreamMismatch, "differs from its repository"
	again.Digest = again.Finding.Digest()
	r.Decision.Outcomes = append(r.Decision.Outcomes, again)
	var b bytes.Buffer
	if err := Text(&b, r, TextOptions{Width: 80}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "decode, network, run:?"); n != 1 || !strings.Contains(b.String(), "differs from its repository") {
		t.Errorf("shown %d times:\n%s", n, b.String())
	}
}

// TestAnAuditSaysOnceWhatIsSoOfMany.
func TestAnAuditSaysOnceWhatIsSoOfMany(t *testing.T) {
	r := audited()
	for i := range 6 { // the last one is locked twice
		i = min(i, 4)
		f := policy.Finding{Rule: policy.Unverified, Lockfile: "Cargo.lock", Line: i + 1, Message: "could not be attributed to a publisher"}
		f.Package = lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: fmt.Sprint("crate-", i), Version: "1.0.0"}
		r.Decision.Outcomes = append(r.Decision.Outcomes, policy.Outcome{Finding: f, Digest: f.Digest(), State: policy.Open})
	}
	var b bytes.Buffer
	if err := Audit(&b, r, TextOptions{Width: 80}); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); strings.Count(got, "could not be attributed") != 1 || !strings.Contains(got, "5 packages") || !strings.Contains(got, "crate-4 1.0.0") {
		t.Errorf("%s", got)
	}
}
