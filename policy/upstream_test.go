package policy_test

import (
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/policy"
)

// TestOnlyThisCodeAdmitsAMismatch: a list of capabilities says nothing of where
// code comes from.
func TestOnlyThisCodeAdmitsAMismatch(t *testing.T) {
	digest := lockkeeper.Sum([]byte("surface"))
	f := policy.Finding{
		Rule: policy.UpstreamMismatch, Grave: true, Package: lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: "x", Version: "1.0.0"},
		Code: &policy.Code{Kinds: []buildcode.Kind{buildcode.BuildScript}, Digest: digest, Capabilities: []buildcode.Capability{buildcode.Compile}},
	}
	for name, test := range map[string]struct {
		entry allowlist.Entry
		want  policy.State
	}{
		"capabilities":    {allowlist.Entry{Package: "cargo/x", May: []buildcode.Capability{buildcode.Compile}}, policy.Open},
		"this code":       {allowlist.Entry{Package: "cargo/x", BuildCode: digest}, policy.Admitted},
		"other code":      {allowlist.Entry{Package: "cargo/x", BuildCode: lockkeeper.Sum(nil)}, policy.Open},
		"what is offered": {allowlist.Propose(f.AllowSubject()), policy.Admitted},
	} {
		d := policy.Evaluate(policy.Input{Findings: []policy.Finding{f}, Allowlist: &allowlist.List{Entries: []allowlist.Entry{test.entry}}, Onboarded: true, Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
		if got := d.Outcomes[0].State; got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
	f.Grave = false
	d := policy.Evaluate(policy.Input{Findings: []policy.Finding{f}, Onboarded: true})
	if got := d.Outcomes[0].State; got != policy.Warned {
		t.Errorf("of ordinary code: %s, want a warning", got)
	}
}
