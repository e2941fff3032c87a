package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
)

// Evaluate decides. It is pure and total: the same input gives the same decision,
// and every input gives one.
//
// Each finding gets its level from the base branch's policy. One at the level
// block stays blocked whatever anybody says. One that needs a sign-off gets it
// from an entry of the base branch's allowlist, or from as many reviewers as the
// policy asks for, each by a sign-off of exactly this finding or by approving the
// pull request's own allowlist where that admits it. One reviewer who rejects
// outweighs all of that.
func Evaluate(in Input) Decision {
	e := newElectorate(in)
	d := Decision{Reviewers: e.words()}
	byFinding := make(map[lockkeeper.Digest][]int)
	for i, s := range in.Statements {
		byFinding[s.Finding] = append(byFinding[s.Finding], i)
	}
	said := func(f Finding) (about []Statement) {
		var places []int
		for _, digest := range f.Digests() {
			places = append(places, byFinding[digest]...)
		}
		slices.Sort(places)
		for _, i := range places {
			about = append(about, in.Statements[i])
		}
		return about
	}
	tooNew := young(in.Findings)
	for _, f := range in.Findings {
		fresh := (f.Rule == BuildCodeAdded || f.Rule == BuildCodeGained || f.Rule == CapabilityGained || f.Rule == StartupHook) && tooNew[placeOf(f)]
		// With mode "all" no build code is too ordinary to be listed.
		grave := f.strict() || fresh
		level, why := in.Policy.levelFor(f, grave || in.Policy.All() && ownCode(f.Rule))
		if !grave && f.Rule != BuildCodeUnlisted && in.Policy.All() && ownCode(f.Rule) && level == SignOffLevel {
			why = fmt.Sprintf("%s asks for a sign-off, since every package with build code must be listed: mode is \"all\"", f.Rule)
		}
		if level == OffLevel {
			continue
		}
		o := Outcome{Finding: f, Digest: f.Digest(), Level: level, Why: []string{why}}
		switch level {
		case WarnLevel:
			o.State = Warned
		case BlockLevel:
			// What is listed is not unlisted, at whatever level.
			if entry, _ := in.Allowlist.Admitting(f.AllowSubject(), in.Now); f.Rule == BuildCodeUnlisted && entry != nil {
				e.ask(&o, said(f))
			} else {
				e.block(&o, said(f))
			}
		default:
			e.ask(&o, said(f))
		}
		d.Outcomes = append(d.Outcomes, o)
	}
	d.Outcomes = withoutListed(d.Outcomes)
	together(d.Outcomes)
	e.recorded(d.Outcomes)
	sortOutcomes(d.Outcomes)
	d.Notes = notes(in, d.Outcomes)
	d.Conclusion = d.conclude(in.Onboarded)
	return d
}

// worstFirst is the order of outcomes.
var worstFirst = []State{Blocked, Rejected, Open, Signed, Admitted, Warned}

func sortOutcomes(outcomes []Outcome) {
	slices.SortStableFunc(outcomes, func(a, b Outcome) int {
		return slices.Index(worstFirst, a.State) - slices.Index(worstFirst, b.State)
	})
}

func (d Decision) conclude(onboarded bool) Conclusion {
	switch {
	case !onboarded:
		return Neutral
	case d.Count(Blocked, Rejected) > 0:
		return Failure
	case d.Count(Open) > 0:
		return ActionRequired
	}
	return Success
}

// block decides a finding that nobody can accept.
func (e *electorate) block(o *Outcome, statements []Statement) {
	o.State = Blocked
	o.Why = append(o.Why, "nobody can sign this off; change the lockfile, or the policy on the base branch")
	b := e.poll(statements)
	o.RejectedBy = b.rejected
	for _, s := range b.signed {
		b.refuse(s.By, fmt.Sprintf("the sign-off of %s does not count: this finding is blocked", s.Login))
	}
	o.Refused = b.refusals()
}

// ask decides a finding that needs a sign-off.
func (e *electorate) ask(o *Outcome, statements []Statement) {
	subject := o.Finding.AllowSubject()
	entry, reasons := e.in.Allowlist.Admitting(subject, e.in.Now)
	o.Why = append(o.Why, reasons...)

	b := e.poll(statements)
	if entry == nil {
		o.Why = append(o.Why, e.approve(*o, subject, &b)...)
	}
	o.SignedBy, o.RejectedBy, o.Refused = b.signed, b.rejected, b.refusals()
	switch need := e.count - len(o.SignedBy); {
	case len(o.RejectedBy) > 0:
		o.State = Rejected
		for _, s := range o.RejectedBy {
			o.Why = append(o.Why, "rejected by "+s.Login+because(s.Reason))
		}
	case entry != nil:
		o.State, o.Entry = Admitted, entry
	case need <= 0:
		o.State = Signed
		for _, s := range o.SignedBy {
			o.Why = append(o.Why, "signed off by "+s.Login+because(s.Reason))
		}
	default:
		o.State, o.Missing = Open, need
		if len(o.SignedBy) > 0 {
			o.Why = append(o.Why, fmt.Sprintf("signed off by %s; %d more %s needed", logins(o.SignedBy), need, plural(need, "reviewer is", "reviewers are")))
		} else {
			o.Why = append(o.Why, "needs a sign-off by "+e.needed())
		}
		if why := e.refusesEverybody(); why != "" && e.in.Author.ID != 0 {
			o.Why = append(o.Why, "no sign-off counts: "+why)
		}
	}
}

// approve adds to b those who approved the pull request's own allowlist, if that
// is what would admit the finding, and says what it found.
func (e *electorate) approve(o Outcome, subject allowlist.Subject, b *ballot) []string {
	var reason string // what the proposed entry says
	needsReason := false
	switch entry, _ := e.in.Proposed.Admitting(subject, e.in.Now); {
	case entry != nil:
		reason = entry.Reason
		needsReason = e.reason && strings.TrimSpace(reason) == ""
	case !e.isOwnAllowlist(o.Finding):
		return nil
	}
	var approved []Statement
	for _, a := range e.in.Approvals {
		name := e.name(a.By, a.Login)
		refuse := func(why string) { b.refuse(a.By, fmt.Sprintf("the approval of %s does not count: %s", name, why)) }
		if b.heard(a.By) {
			continue // what they said of this very finding is more than an approval
		}
		switch why := e.refusesAcceptance(a.By); {
		case why != "":
			refuse(why)
		case e.in.ProposedDigest == "" || a.AllowDigest != e.in.ProposedDigest:
			refuse("it is for another version of " + allowlist.Path)
		case needsReason:
			refuse("the policy asks for a reason, and the entry in " + allowlist.Path + " has none")
		default:
			s := Statement{Finding: o.Digest, Verdict: SignOff, By: a.By, Login: name, Reason: reason, Where: a.Where, At: a.At}
			approved = append(approved, s)
			b.accept(s)
		}
	}
	if len(approved) > 0 {
		return []string{"the pull request's own allowlist was approved by " + logins(approved)}
	}
	if e.isOwnAllowlist(o.Finding) {
		return []string{"a reviewer who approves the pull request's own allowlist signs this off as well"}
	}
	return []string{"the pull request's own allowlist admits it, once a reviewer approves that file"}
}

// isOwnAllowlist reports whether f is about the very allowlist that approvals
// name.
func (e *electorate) isOwnAllowlist(f Finding) bool {
	return f.Rule == GuardChanged && f.Lockfile == allowlist.Path && f.Artifact != "" && f.Artifact == e.in.ProposedDigest
}

// needed is who must still sign off, as far as it is one more than the words of
// Decision.Reviewers.
func (e *electorate) needed() string {
	if e.count == 1 {
		return e.words()
	}
	return fmt.Sprintf("%d of: %s", e.count, e.words())
}

// notes are about entries for packages that have findings, and about all that
// the pull request itself would add to the allowlist.
func notes(in Input, outcomes []Outcome) []string {
	concerned := make(map[string]bool, len(outcomes))
	for _, o := range outcomes {
		concerned[o.Finding.Package.ID()] = true
	}
	var notes []string
	for _, p := range in.Allowlist.Problems(in.Now) {
		if concerned[p.Entry.Package] {
			notes = append(notes, p.Message)
		}
	}
	for _, p := range in.Proposed.Problems(in.Now) {
		if in.Allowlist == nil || !slices.ContainsFunc(in.Allowlist.Entries, p.Entry.Same) {
			notes = append(notes, "in this pull request's own allowlist, "+p.Message)
		}
	}
	return notes
}

func because(reason string) string {
	if strings.TrimSpace(reason) == "" {
		return ""
	}
	return ": " + reason
}

func logins(statements []Statement) string {
	names := make([]string, len(statements))
	for i, s := range statements {
		names[i] = s.Login
	}
	return strings.Join(names, ", ")
}
