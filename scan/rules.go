package scan

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/policy"
)

// Rules are what a change is judged by.
type Rules struct {
	// Policy and Allowlist of the base branch's tip; the default policy and an empty
	// list where it has none.
	Policy    *policy.Policy
	Allowlist *allowlist.List
	// Onboarded: the base branch's tip has a .lockkeeper directory.
	Onboarded bool
	// Proposed is the head's allowlist where it differs from the base's, and
	// ProposedDigest the digest of its bytes.
	Proposed       *allowlist.List
	ProposedDigest lockkeeper.Digest
}

// RulesError is a policy or allowlist on the base branch that cannot be read as
// such: its owners must mend it. Other errors of ReadRules mean that a revision
// could not be read.
type RulesError struct{ Err error }

func (e *RulesError) Error() string { return e.Err.Error() }
func (e *RulesError) Unwrap() error { return e.Err }

// ReadRules reads policy and allowlist from the tip of the base branch, never
// from the change itself (promise 1). The head gives what it proposes for the
// allowlist; a head whose files cannot be read proposes nothing.
func ReadRules(ctx context.Context, tip, head Tree) (Rules, error) {
	at, err := readSide(ctx, tip)
	if err != nil {
		return Rules{}, fmt.Errorf("base branch: %w", err)
	}
	r := Rules{Policy: at.policy, Allowlist: at.allowlist, Onboarded: at.onboarded}
	proposed, err := readSide(ctx, head)
	var broken *RulesError
	if errors.As(err, &broken) {
		return r, nil
	}
	if err != nil {
		return Rules{}, fmt.Errorf("head: %w", err)
	}
	if proposed.digest != at.digest {
		r.Proposed, r.ProposedDigest = proposed.allowlist, proposed.digest
	}
	return r, nil
}

// Under gives r as the policy of the whole organisation binds it, nil for none. With
// one the check counts everywhere, for a repository without rules of its own would
// be the loosest of all.
func (r Rules) Under(organisation *policy.Policy) Rules {
	r.Policy = r.Policy.Under(organisation)
	r.Onboarded = r.Onboarded || organisation != nil
	return r
}

// Input is what policy decides on, as far as rules and a scan give it; whoever
// knows of people adds them.
func (r Rules) Input(result *Result, now time.Time) policy.Input {
	return policy.Input{
		Findings: result.Findings, Policy: r.Policy, Allowlist: r.Allowlist, Onboarded: r.Onboarded,
		Proposed: r.Proposed, ProposedDigest: r.ProposedDigest, Now: now,
	}
}

type rulesSide struct {
	policy    *policy.Policy
	allowlist *allowlist.List
	digest    lockkeeper.Digest
	onboarded bool
}

func readSide(ctx context.Context, t Tree) (rulesSide, error) {
	files, err := t.Files(ctx)
	if err != nil {
		return rulesSide{}, fmt.Errorf("list files: %w", err)
	}
	side := rulesSide{policy: policy.Default(), allowlist: &allowlist.List{}}
	for _, f := range files {
		if !strings.HasPrefix(f.Path, ".lockkeeper/") {
			continue
		}
		side.onboarded = true
		if f.Path != policy.Path && f.Path != allowlist.Path {
			continue
		}
		if f.Mode != lockkeeper.Regular {
			return rulesSide{}, &RulesError{fmt.Errorf("%s is a %s: it must be a plain file", f.Path, f.Mode)}
		}
		data, err := t.Read(ctx, f, MaxGuardSize)
		if err != nil {
			return rulesSide{}, fmt.Errorf("read %s: %w", f.Path, err)
		}
		if f.Path == policy.Path {
			side.policy, err = policy.Parse(f.Path, data)
		} else {
			side.digest = lockkeeper.Sum(data)
			side.allowlist, err = allowlist.Parse(f.Path, data, policy.AllowRules())
		}
		if err != nil {
			return rulesSide{}, &RulesError{err}
		}
	}
	return side, nil
}
