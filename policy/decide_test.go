package policy

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/buildcode"
)

var update = flag.Bool("update", false, "write what the cases in testdata give as what they want")

// caseInput is input.json of a case: people by login, findings by number.
type caseInput struct {
	Findings     []Finding
	NotOnboarded bool
	Author       string
	Contributors []string
	Unresolved   []string
	People       []Person
	Statements   []struct {
		Finding    int
		Verdict    Verdict
		By, Reason string
	}
	Approvals []struct {
		By    string
		Stale bool // of another version of the file
	}
}

// Every file in testdata/decisions is one pull request: policy.toml, allow.toml,
// proposed.toml, input.json, and the decision in words.
func TestDecisions(t *testing.T) {
	files, err := filepath.Glob("testdata/decisions/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			part := make(map[string][]byte)
			for _, f := range archive.Files {
				part[f.Name] = f.Data
			}
			got := describe(Evaluate(readCase(t, part)))
			if *update {
				writeWant(t, file, archive, got)
				return
			}
			if diff := cmp.Diff(string(part["want"]), got); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

func readCase(t *testing.T, part map[string][]byte) Input {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(part["input.json"])))
	decoder.DisallowUnknownFields()
	var c caseInput
	if err := decoder.Decode(&c); err != nil {
		t.Fatalf("input.json: %v", err)
	}
	in := Input{Findings: c.Findings, Onboarded: !c.NotOnboarded, Unresolved: c.Unresolved, People: make(map[int64]Person), Now: now}
	ids := make(map[string]int64)
	for _, p := range c.People {
		in.People[p.ID] = p
		ids[p.Login] = p.ID
	}
	id := func(login string) int64 {
		if ids[login] == 0 {
			ids[login] = int64(1000 + len(ids))
		}
		return ids[login]
	}
	if c.Author != "" {
		in.Author = Person{ID: id(c.Author), Login: c.Author}
	}
	for _, login := range c.Contributors {
		in.Contributors = append(in.Contributors, id(login))
	}
	for _, s := range c.Statements {
		in.Statements = append(in.Statements, Statement{Finding: c.Findings[s.Finding].Digest(), Verdict: s.Verdict, By: id(s.By), Login: s.By, Reason: s.Reason})
	}
	var err error
	if data, ok := part["policy.toml"]; ok {
		if in.Policy, err = Parse(Path, data); err != nil {
			t.Fatal(err)
		}
	}
	if data, ok := part["allow.toml"]; ok {
		in.Allowlist = parseAllowlist(t, string(data))
	}
	if data, ok := part["proposed.toml"]; ok {
		in.Proposed, in.ProposedDigest = parseAllowlist(t, string(data)), lockkeeper.Sum(data)
		for i := range in.Findings {
			if in.Findings[i].Rule == GuardChanged && in.Findings[i].Lockfile == allowlist.Path {
				in.Findings[i].Artifact = in.ProposedDigest
			}
		}
	}
	for _, a := range c.Approvals {
		approval := Approval{By: id(a.By), Login: a.By, AllowDigest: in.ProposedDigest}
		if a.Stale {
			approval.AllowDigest = lockkeeper.Sum([]byte("an earlier version"))
		}
		in.Approvals = append(in.Approvals, approval)
	}
	return in
}

var now = time.Date(2026, 5, 22, 12, 0, 0, 0, time.UTC)

func parseAllowlist(t *testing.T, data string) *allowlist.List {
	t.Helper()
	l, err := allowlist.Parse(allowlist.Path, []byte(data), AllowRules())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// describe prints all of a decision that a person would read.
func describe(d Decision) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s; reviewers: %s\n", d.Conclusion, d.Reviewers)
	for _, o := range d.Outcomes {
		fmt.Fprintf(&b, "\n%s (%s) %s %s %s\n", o.State, o.Level, o.Finding.Rule, o.Finding.Package, o.Finding.Lockfile)
		for _, why := range o.Why {
			fmt.Fprintf(&b, "  %s\n", why)
		}
		for _, why := range o.Refused {
			fmt.Fprintf(&b, "  refused: %s\n", why)
		}
		if len(o.SignedBy) > 0 {
			fmt.Fprintf(&b, "  signed by: %s\n", logins(o.SignedBy))
		}
		if len(o.RejectedBy) > 0 {
			fmt.Fprintf(&b, "  rejected by: %s\n", logins(o.RejectedBy))
		}
		if o.Entry != nil {
			fmt.Fprintf(&b, "  entry: line %d\n", o.Entry.Line)
		}
		if o.Missing > 0 {
			fmt.Fprintf(&b, "  missing: %d\n", o.Missing)
		}
	}
	for _, note := range d.Notes {
		fmt.Fprintf(&b, "\nnote: %s\n", note)
	}
	return b.String()
}

func writeWant(t *testing.T, file string, archive *txtar.Archive, got string) {
	t.Helper()
	found := false
	for i := range archive.Files {
		if archive.Files[i].Name == "want" {
			archive.Files[i].Data, found = []byte(got), true
		}
	}
	if !found {
		archive.Files = append(archive.Files, txtar.File{Name: "want", Data: []byte(got)})
	}
	if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// New build code that can do nothing, or only ask the compiler, in a release that
// others have had time to look at, is not worth a question; nor is a start-up hook
// that changed and can do no more than before.
func TestHarmlessCodeInReleasesOfSomeAge(t *testing.T) {
	finding := func(rule Rule, capabilities ...buildcode.Capability) Finding {
		return Finding{
			Rule: rule, Lockfile: "Cargo.lock", Package: lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: "quote", Version: "1.0.41"},
			Code: &Code{Digest: lockkeeper.Sum([]byte("build.rs")), Capabilities: capabilities},
		}
	}
	hook := func(gained []buildcode.Capability, capabilities ...buildcode.Capability) Finding {
		f := finding(StartupHook, capabilities...)
		f.Code.Gained = gained
		return f
	}
	unknown := finding(BuildCodeAdded)
	unknown.Code = nil
	unsealed := finding(BuildCodeAdded)
	unsealed.Code.Digest = ""
	tooNew := finding(ReleaseTooNew)
	tooNew.Code = nil
	elsewhere := tooNew
	elsewhere.Package.Version = "1.0.42"
	otherFile := tooNew
	otherFile.Lockfile = "fuzz/Cargo.lock"
	for _, test := range []struct {
		name     string
		findings []Finding
		policy   *Policy
		want     Conclusion
	}{
		{"nothing", []Finding{finding(BuildCodeAdded)}, nil, Success},
		{"gained nothing", []Finding{finding(BuildCodeGained)}, nil, Success},
		{"asks the compiler", []Finding{finding(BuildCodeAdded, buildcode.Run("rustc"))}, nil, Success},
		{"compiles", []Finding{finding(BuildCodeAdded, buildcode.Compile)}, nil, ActionRequired},
		{"reads the environment", []Finding{finding(BuildCodeGained, buildcode.ReadEnv)}, nil, ActionRequired},
		{"compiler and network", []Finding{finding(BuildCodeAdded, buildcode.Run("rustc"), buildcode.Network)}, nil, ActionRequired},
		{"compiler by a path", []Finding{finding(BuildCodeAdded, buildcode.Run("./rustc"))}, nil, ActionRequired},
		{"not analysed", []Finding{finding(BuildCodeAdded, buildcode.Unanalysed)}, nil, ActionRequired},
		{"not known", []Finding{unknown}, nil, ActionRequired},
		{"without a digest", []Finding{unsealed}, nil, ActionRequired},
		{"too new", []Finding{finding(BuildCodeAdded), tooNew}, nil, ActionRequired},
		{"gained and too new, whatever the order", []Finding{tooNew, finding(BuildCodeGained)}, nil, ActionRequired},
		{"another version is too new", []Finding{finding(BuildCodeAdded), elsewhere}, nil, Success},
		{"too new in another lockfile", []Finding{finding(BuildCodeAdded), otherFile}, nil, Success},
		{"too new, and that rule is off", []Finding{finding(BuildCodeAdded), tooNew}, &Policy{Rules: map[Rule]Level{ReleaseTooNew: OffLevel}}, ActionRequired},
		{"by the policy", []Finding{finding(BuildCodeAdded)}, &Policy{Rules: map[Rule]Level{BuildCodeAdded: SignOffLevel}}, ActionRequired},
		{"a hook, changed", []Finding{hook(nil, buildcode.ReadEnv)}, nil, Success},
		{"a hook, changed and too new", []Finding{hook(nil, buildcode.ReadEnv), tooNew}, nil, ActionRequired},
		{"a hook that gained something", []Finding{hook([]buildcode.Capability{buildcode.ReadEnv}, buildcode.ReadEnv)}, nil, ActionRequired},
		{"a hook that can do nothing may be a new one", []Finding{hook(nil)}, nil, ActionRequired},
		{"a grave hook, changed", []Finding{hook(nil, buildcode.ReadEnv, buildcode.LoadCode)}, nil, ActionRequired},
		{"a hook that is not known", []Finding{{Rule: StartupHook}}, nil, ActionRequired},
		{"code that asks the compiler now, and can do nothing else", []Finding{finding(CapabilityGained, buildcode.Run("rustc"))}, nil, Success},
		{"the same, too new", []Finding{finding(CapabilityGained, buildcode.Run("rustc")), tooNew}, nil, ActionRequired},
		{"ordinary code that can do more", []Finding{finding(CapabilityGained, buildcode.Run("rustc"), buildcode.ReadEnv)}, nil, ActionRequired},
	} {
		if got := Evaluate(Input{Findings: test.findings, Policy: test.policy, Onboarded: true}); got.Conclusion != test.want {
			t.Errorf("%s: %s, want %s: %q", test.name, got.Conclusion, test.want, got.Outcomes[0].Why)
		}
	}
}
