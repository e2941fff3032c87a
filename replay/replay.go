// Package replay goes through changes that were made already, as if Lockkeeper had
// been there: which of them would have waited, for what, and what a careful owner
// would have put on the allowlist. bench/burden measures with it, and lockkeeper
// policy test tries a policy before it is switched on.
//
// It promises that a change is judged by its own day's clock. What it cannot know is
// what a registry said on that day: see Settled.
package replay

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/gitrepo"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/scan"
)

// Change is one step of a history. When is the clock that it is judged by.
type Change struct {
	Name       string
	When       time.Time
	Base, Head scan.Tree
}

// Commits are those of the first-parent history of head, oldest first, not older
// than since, that touch a lockfile which the policy watches, each against its first
// parent. first is the time of the oldest commit that is here, for histories that
// do not reach as far as since.
func Commits(ctx context.Context, repo *gitrepo.Repo, head string, since time.Time, rules *policy.Policy) (changes []Change, first time.Time, err error) {
	revisions, err := repo.FirstParents(ctx, head)
	if err != nil {
		return nil, first, err
	}
	for _, r := range slices.Backward(revisions) {
		if first.IsZero() {
			first = r.Time
		}
		touches := slices.ContainsFunc(r.Paths, func(p string) bool {
			_, isLockfile := lockfile.FormatOf(p)
			return isLockfile && rules.Watches(p)
		})
		if touches && r.Parent != "" && !r.Time.Before(since) {
			changes = append(changes, Change{Name: r.ID[:12], When: r.Time, Base: repo.Commit(r.Parent), Head: repo.Commit(r.ID)})
		}
	}
	return changes, first, nil
}

// Owner accepts what Lockkeeper proposes, as a careful owner would who looked at it.
// The zero value has an empty allowlist and the default policy.
type Owner struct {
	Policy *policy.Policy
	// List is the text of the allowlist; it grows.
	List   []byte
	signed map[lockkeeper.Digest]bool
}

// Judge decides about what a scan found, on the given day, with the list as it is now.
// Open is what must be asked: what was signed off before holds for the same again.
func (o *Owner) Judge(result *scan.Result, when time.Time) (open []policy.Outcome, decision policy.Decision, err error) {
	list, err := allowlist.Parse(allowlist.Path, o.List, policy.AllowRules())
	if err != nil {
		return nil, policy.Decision{}, err
	}
	decision = policy.Evaluate(policy.Input{Findings: result.Findings, Policy: o.Policy, Allowlist: list, Onboarded: true, Now: when})
	for _, outcome := range decision.Outcomes {
		if outcome.State == policy.Open && outcome.With == nil && !o.signed[outcome.Digest] {
			open = append(open, outcome)
		}
	}
	return open, decision, nil
}

// Accept adds what Lockkeeper proposes to the list, as "lockkeeper allow add" does,
// and gives the entry in one line. Where no entry can be written it is a sign-off
// alone, and the line is empty.
func (o *Owner) Accept(outcome policy.Outcome) (string, error) {
	if o.signed == nil {
		o.signed = map[lockkeeper.Digest]bool{}
	}
	o.signed[outcome.Digest] = true
	e, ok := outcome.Finding.Entry()
	if !ok {
		return "", nil
	}
	e.Reason, e.SignedOffBy = "measured", "owner"
	list, err := allowlist.Append(o.List, e)
	if err != nil {
		return "", err
	}
	o.List = list
	e.Reason, e.SignedOffBy = "", ""
	lines := strings.Split(strings.TrimSpace(allowlist.Format(e)), "\n")[2:] // without [[allow]] and package
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	return strings.Join(lines, ", "), nil
}

// Entries counts those of the list.
func (o *Owner) Entries() (int, error) {
	list, err := allowlist.Parse(allowlist.Path, o.List, policy.AllowRules())
	if err != nil {
		return 0, err
	}
	return len(list.Entries), nil
}

// Scan runs the pipeline on one change by the change's own clock. The scanner is
// changed: it is for histories alone, and for one change at a time.
func Scan(ctx context.Context, scanner *scan.Scanner, c Change, rules *policy.Policy) (*scan.Result, error) {
	scanner.Now = func() time.Time { return c.When }
	result, err := scanner.Run(ctx, scan.Input{Base: c.Base, Head: c.Head, BaseName: "before " + c.Name, HeadName: c.Name, Policy: rules})
	if err != nil {
		return nil, fmt.Errorf("scan %s: %w", c.Name, err)
	}
	return result, nil
}
