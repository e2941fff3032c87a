package policy

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/allowlist"
)

// ownCode reports whether the rule is about the build-time code of a package, and
// not about where that came from.
func ownCode(r Rule) bool { return r.Aspect() == allowlist.Code && r != UpstreamMismatch }

// withoutListed drops build-code-unlisted where an entry of the allowlist admits the
// code, and where the same code is asked about already because it is new or changed, and
// that question is settled no better. What somebody rejected stays.
func withoutListed(outcomes []Outcome) []Outcome {
	key := func(o Outcome) string { return placeOf(o.Finding) + "\x00" + string(o.Finding.Code.Digest) }
	worst := map[string]int{} // where the worst other question about the code stands
	for _, o := range outcomes {
		if o.Finding.Rule == BuildCodeUnlisted || !ownCode(o.Finding.Rule) || o.Finding.Code == nil || o.Level != BlockLevel && o.Level != SignOffLevel {
			continue
		}
		rank := slices.Index(worstFirst, o.State)
		if before, is := worst[key(o)]; !is || rank < before {
			worst[key(o)] = rank
		}
	}
	return slices.DeleteFunc(outcomes, func(o Outcome) bool {
		switch {
		case o.Finding.Rule != BuildCodeUnlisted || o.State == Rejected:
			return false
		case o.State == Admitted:
			return true
		case o.Finding.Code == nil:
			return false
		}
		rank, is := worst[key(o)]
		return is && rank <= slices.Index(worstFirst, o.State)
	})
}

// Entry is the allow entry that accepts f, without who did and why. It is as durable
// as is safe (allowlist.Propose); ok is false where no entry can admit the finding.
func (f Finding) Entry() (entry allowlist.Entry, ok bool) {
	if f.Package.Name == "" {
		return allowlist.Entry{}, false
	}
	entry = allowlist.Propose(f.AllowSubject())
	return entry, entry.May != nil || entry.BuildCode != "" || len(entry.Publishers) > 0 || len(entry.Rules) > 0
}

// RecordEntry is the allow entry that records a signed finding, made in the pull
// request called where ("#812"): its Entry, with who signed it and why. ok is false
// where no entry can admit the finding, or nobody signed it off.
func RecordEntry(o Outcome, where string) (entry allowlist.Entry, ok bool) {
	if o.State != Signed || len(o.SignedBy) == 0 || o.Recordless() {
		return allowlist.Entry{}, false
	}
	entry, ok = o.Finding.Entry()
	if !ok {
		return allowlist.Entry{}, false
	}
	for _, s := range o.SignedBy {
		entry.Reason = cmp.Or(entry.Reason, strings.TrimSpace(s.Reason))
	}
	entry.SignedOffBy, entry.SignedOffIn = logins(o.SignedBy), where
	return entry, true
}

// recorded signs the finding about the pull request's own allowlist where that only
// records what was signed off here. It is so if the policy has sign-offs recorded on
// the branch, every entry of the base is still there, in order and in the same words,
// and each one beyond them is the very entry that records a signed finding, under the
// names and with the reason of people who signed it. Anything else, and a file that
// differs in nothing but comments, needs a reviewer's approval.
func (e *electorate) recorded(outcomes []Outcome) {
	// An organisation's policy can be tightened only: where there is one, it has to say
	// so as well.
	organisation := e.in.Policy.binding()
	if e.in.Policy.Records() != RecordBranch || organisation != nil && organisation.Record != RecordBranch {
		return
	}
	for i := range outcomes {
		o := &outcomes[i]
		if o.State != Open || !e.isOwnAllowlist(o.Finding) {
			continue
		}
		added, ok := beyond(e.in.Allowlist, e.in.Proposed)
		if !ok || len(added) == 0 {
			continue
		}
		var signers []Statement
		for _, entry := range added {
			by := recordedBy(entry, outcomes)
			ok = ok && len(by) > 0
			for _, s := range by {
				if !slices.ContainsFunc(signers, func(other Statement) bool { return other.By == s.By }) {
					signers = append(signers, s)
				}
			}
		}
		if !ok {
			continue
		}
		o.State, o.SignedBy, o.Missing = Signed, signers, 0
		o.Why = append(o.Why[:1:1], fmt.Sprintf("it adds nothing but %s that %s what %s signed off here",
			plural(len(added), "the entry", "the entries"), plural(len(added), "records", "record"), logins(signers)))
	}
}

// beyond are the entries that proposed has and base lacks; ok is false if any of the
// base's is changed, gone or in another place.
func beyond(base, proposed *allowlist.List) (added []allowlist.Entry, ok bool) {
	if proposed == nil {
		return nil, false
	}
	var rest []allowlist.Entry
	if base != nil {
		rest = base.Entries
	}
	for _, entry := range proposed.Entries {
		if len(rest) > 0 && allowlist.Format(rest[0]) == allowlist.Format(entry) {
			rest = rest[1:]
			continue
		}
		added = append(added, entry)
	}
	return added, len(rest) == 0
}

var pullNumber = regexp.MustCompile(`^#[0-9]{1,10}$`)

// recordedBy are the people who signed the finding that the entry records; none if
// it records none of the outcomes, or says something else about who signed and why.
func recordedBy(entry allowlist.Entry, outcomes []Outcome) []Statement {
	if !pullNumber.MatchString(entry.SignedOffIn) {
		return nil
	}
	for _, o := range outcomes {
		want, ok := RecordEntry(o, entry.SignedOffIn)
		if !ok || !want.Same(entry) {
			continue
		}
		signed := func(login string) bool {
			return slices.ContainsFunc(o.SignedBy, func(s Statement) bool { return s.Login == login })
		}
		named := strings.Split(entry.SignedOffBy, ", ")
		if slices.ContainsFunc(named, func(login string) bool { return !signed(login) }) {
			continue
		}
		if allowlist.Format(allowlist.Entry{Reason: entry.Reason}) == allowlist.Format(allowlist.Entry{Reason: want.Reason}) {
			return o.SignedBy
		}
	}
	return nil
}
