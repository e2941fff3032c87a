package policy

import (
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
)

// Permission is a person's right on the repository, GitHub's role names.
type Permission string

const (
	None     Permission = "none"
	Read     Permission = "read"
	Triage   Permission = "triage"
	Write    Permission = "write"
	Maintain Permission = "maintain"
	Admin    Permission = "admin"
)

// Person is somebody as GitHub knows them at the time of the scan. ID alone
// identifies.
type Person struct {
	ID         int64
	Login      string
	Bot        bool
	Permission Permission
	// Teams are the slugs, out of those that the policy names, that the person is
	// an active member of.
	Teams []string
}

// Verdict is what a reviewer said of a finding.
type Verdict string

const (
	SignOff  Verdict = "sign-off"
	Reject   Verdict = "reject"
	Withdraw Verdict = "withdraw" // takes back one's own earlier verdict; an administrator's takes back everybody's rejections too
)

// Statement is one verdict of one person about one finding, never changed once
// recorded. Later statements come later in a list, whatever their times.
type Statement struct {
	Finding lockkeeper.Digest
	Verdict Verdict
	By      int64  // Person.ID
	Login   string // as it was then, for display
	Reason  string
	Where   string // address of the comment or page
	At      time.Time
}

// Approval is an approving GitHub review at a commit where the allowlist had the
// digest AllowDigest. Only a person's latest review counts, and a dismissed one
// never; the caller sees to both.
type Approval struct {
	By          int64
	Login       string
	AllowDigest lockkeeper.Digest
	Where       string
	At          time.Time
}

// Input of Evaluate: facts, all looked up by the caller when the scan runs.
type Input struct {
	Findings []Finding
	// Policy and Allowlist are those of the tip of the base branch, never the
	// pull request's. A nil Policy is the default one.
	Policy    *Policy
	Allowlist *allowlist.List
	// Onboarded: the base branch has a .lockkeeper directory. Without it nothing
	// blocks and the conclusion is neutral.
	Onboarded bool

	// Author opened the pull request. Zero for a scan at the command line, where
	// no sign-off counts: anybody could be the author.
	Author Person
	// Contributors are the IDs of authors, committers and co-authors of commits of
	// the pull request that touch a watched file.
	Contributors []int64
	// Unresolved are such commits whose author is no known account. Any of them
	// makes every sign-off count for nothing: its author could be the one who signs.
	// Rejections count all the same.
	Unresolved []string
	// People are those who made Statements or Approvals, by ID. Somebody who is
	// missing here has no rights.
	People map[int64]Person

	Statements []Statement
	// Proposed is the pull request's own allowlist where it differs from the
	// base's, ProposedDigest its digest. What it has beyond Allowlist admits only
	// once reviewers approved exactly that file.
	Proposed       *allowlist.List
	ProposedDigest lockkeeper.Digest
	Approvals      []Approval

	Now time.Time
}

// Conclusion is GitHub's word for a decision.
type Conclusion string

const (
	Success        Conclusion = "success"
	ActionRequired Conclusion = "action_required" // somebody must sign off
	Failure        Conclusion = "failure"         // blocked or rejected
	Neutral        Conclusion = "neutral"         // not onboarded: shown, holds nothing
)

// State of one finding in a decision.
type State string

const (
	Open     State = "open"     // waits for a sign-off
	Blocked  State = "blocked"  // nobody can sign it off
	Rejected State = "rejected" // a reviewer said no
	Signed   State = "signed"   // enough reviewers signed off
	Admitted State = "admitted" // by an entry of the allowlist
	Warned   State = "warned"   // shown only
)

// Outcome is what was decided about one finding, and why.
type Outcome struct {
	Finding Finding
	Digest  lockkeeper.Digest
	Level   Level
	State   State
	// Why says in sentences what led to Level and State: the rule's default or the
	// policy line that set it, the entry that admits, who signed, whose sign-off
	// did not count and why not.
	Why []string
	// Entry admits the finding, where one does.
	Entry *allowlist.Entry
	// SignedBy are the reviewers whose sign-offs count, RejectedBy those who said no.
	SignedBy, RejectedBy []Statement
	// Refused says for each verdict or approval that was made and does not count why
	// it does not, in a sentence that names the person.
	Refused []string
	// Missing is how many more sign-offs it needs.
	Missing int
	// With is the question whose answer answers this one too, so that this one is not
	// asked by itself; nil where it is.
	With *Question
}

// Question names a finding that waits for a sign-off, or got one.
type Question struct {
	Digest  lockkeeper.Digest
	Rule    Rule
	Package lockkeeper.Package
}

// Decision is policy's answer. Findings of level off are left out.
type Decision struct {
	Conclusion Conclusion
	// Outcomes in the order: blocked, rejected, open, signed, admitted, warned; then
	// as the findings came.
	Outcomes []Outcome
	// Reviewers says in words who may sign off: "alice, the team security, or
	// anybody with maintain permission".
	Reviewers string
	// Notes are about the allowlist: entries expired, overbroad, duplicate, as far
	// as they concern packages of this change.
	Notes []string
}

// Count returns how many outcomes have any of the states.
func (d Decision) Count(states ...State) int {
	n := 0
	for _, o := range d.Outcomes {
		for _, s := range states {
			if o.State == s {
				n++
			}
		}
	}
	return n
}
