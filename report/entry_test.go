package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/docs"
	"github.com/lockkeeper/lockkeeper/policy"
)

// What is shown before a sign-off is what the sign-off then records, but for who and
// why: every finding of the example, once it is signed.
func TestTheEntryShownIsTheOneRecorded(t *testing.T) {
	r := example()
	r.Pull = &Pull{Repository: "a/b", Number: 12}
	shown, count := Comment(r, ""), 0
	for _, o := range r.Decision.Outcomes {
		if o.State != policy.Open {
			continue
		}
		count++
		o.State, o.SignedBy = policy.Signed, []policy.Statement{{By: 7, Login: "reviewer", Reason: "looked at"}}
		entry, ok := policy.RecordEntry(o, "#12")
		if !ok {
			t.Fatalf("%s is not recorded", o.Finding.Package)
		}
		entry.Reason, entry.SignedOffBy = "", ""
		if !strings.Contains(shown, "```toml\n"+allowlist.Format(entry)+"```") {
			t.Errorf("the comment does not show\n%s\n%s", allowlist.Format(entry), shown)
		}
	}
	if count == 0 {
		t.Fatal("nothing waits in the example")
	}
	// What was signed is shown as it will be written.
	if entry := "publishers    = [\"user:9\"]\nreason        = \"asked them\"\nsigned-off-by = \"reviewer\"\nsigned-off-in = \"#12\"\n"; !strings.Contains(shown, entry) {
		t.Errorf("the comment lacks\n%s\n%s", entry, shown)
	}
}

// Where nothing is recorded nothing is promised, and what cannot be recorded says so.
func TestEntriesAreShownWhereTheyAreRecorded(t *testing.T) {
	for name, change := range map[string]func(*Report){
		"record = none": func(r *Report) { r.Records = false },
		"not onboarded": func(r *Report) { r.Onboarded = false },
		"a file":        func(r *Report) { r.Decision.Outcomes[0].Finding.Package = lockkeeper.Package{} },
		"blocked":       func(r *Report) { r.Decision.Outcomes[0].State = policy.Blocked },
		"without digest": func(r *Report) {
			code := *r.Decision.Outcomes[0].Finding.Code
			code.Digest = ""
			r.Decision.Outcomes[0].Finding.Code = &code
		},
	} {
		r := example()
		r.Decision.Outcomes = r.Decision.Outcomes[:1]
		change(r)
		comment := Comment(r, "")
		if strings.Contains(comment, "[[allow]]") {
			t.Errorf("%s: an entry is shown:\n%s", name, comment)
		}
		if says := strings.Contains(comment, unrecordableText); says != (name == "without digest") {
			t.Errorf("%s: says %t that no entry can record it", name, says)
		}
	}
}

func TestAnEntryInWords(t *testing.T) {
	for want, e := range map[string]allowlist.Entry{
		"version 1.0.7 alone, with exactly this code":                                            {Versions: "=1.0.7", BuildCode: "sha256:aa"},
		"compatible versions (0.17), while its build code can do no more than compile, run:perl": {Versions: "0.17", May: []buildcode.Capability{"compile", "run:perl"}},
		"compatible versions (~=2.31), while its build code can do nothing of note":              {Versions: "~=2.31", May: []buildcode.Capability{}},
		"every version, published by user:52, github:a/b":                                        {Publishers: []lockkeeper.Principal{{Kind: lockkeeper.User, ID: "52"}, {Kind: lockkeeper.GitHubRepo, ID: "a/b"}}},
		"version 1.0 alone, published by user:52":                                                {Versions: "== 1.0", Publishers: []lockkeeper.Principal{{Kind: lockkeeper.User, ID: "52"}}},
		"version 2004d alone for release-yanked":                                                 {Versions: "===2004d", Rules: []string{"release-yanked"}},
	} {
		got, rules := acceptsText(e)
		if len(rules) > 0 {
			got += " for " + strings.Join(rules, " ")
		}
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A rule that an entry names leads to its page, as everywhere.
func TestARuleInAnEntryIsALink(t *testing.T) {
	r := example()
	r.Decision.Outcomes[3].State = policy.Open
	if comment, want := Comment(r, ""), "Signing off accepts version 3.0.1 alone, for [`release-too-new`]("+docs.RuleURL("release-too-new")+"). "; !strings.Contains(comment, want) {
		t.Errorf("the comment lacks %q:\n%s", want, comment)
	}
}

// A package whose code does hundreds of things does not fill the comment with its entry.
func TestALongEntryIsCut(t *testing.T) {
	r := example()
	code := *r.Decision.Outcomes[0].Finding.Code
	code.Capabilities = nil
	for i := range 2000 {
		code.Capabilities = append(code.Capabilities, buildcode.Run(fmt.Sprintf("program-%d", i)))
	}
	r.Decision.Outcomes[0].Finding.Code = &code
	if n := len(Comment(r, "")); n > MaxComment/2 {
		t.Errorf("the comment has %d bytes", n)
	}
}
