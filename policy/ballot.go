package policy

import (
	"fmt"
	"slices"
	"strings"
)

// ballot is what all statements about one finding come to.
type ballot struct {
	signed, rejected []Statement
	refused          []refusal
}

type refusal struct {
	by  int64
	why string
}

// poll reads the statements about one finding, in their order. Of one person the
// latest that counts holds; one that does not count changes nothing.
func (e *electorate) poll(statements []Statement) ballot {
	var b ballot
	for _, s := range statements {
		s.Login = e.name(s.By, s.Login)
		refuse := func(what, why string) {
			b.refuse(s.By, fmt.Sprintf("the %s of %s does not count: %s", what, s.Login, why))
		}
		switch s.Verdict {
		case SignOff:
			why := e.refusesAcceptance(s.By)
			if why == "" && e.reason && strings.TrimSpace(s.Reason) == "" {
				why = "the policy asks for a reason; say it again with one"
			}
			if why != "" {
				refuse("sign-off", why)
				continue
			}
			b.withdraw(s.By)
			b.accept(s)
		case Reject:
			if why := e.refusesVoice(s.By); why != "" {
				refuse("rejection", why)
				continue
			}
			b.withdraw(s.By)
			b.rejected = append(b.rejected, s)
		case Withdraw:
			b.withdraw(s.By)
			if e.clearsRejections(s.By) {
				b.rejected = nil
			}
		default:
			refuse("statement", fmt.Sprintf("%q is no verdict", s.Verdict))
		}
	}
	return b
}

// withdraw takes back whatever the person said before.
func (b *ballot) withdraw(by int64) {
	mine := func(s Statement) bool { return s.By == by }
	b.signed = slices.DeleteFunc(b.signed, mine)
	b.rejected = slices.DeleteFunc(b.rejected, mine)
	b.refused = slices.DeleteFunc(b.refused, func(r refusal) bool { return r.by == by })
}

// accept counts a sign-off, and forgets what the person said before in a way that
// did not count.
func (b *ballot) accept(s Statement) {
	b.signed = append(b.signed, s)
	b.refused = slices.DeleteFunc(b.refused, func(r refusal) bool { return r.by == s.By })
}

func (b *ballot) refuse(by int64, why string) {
	r := refusal{by, why}
	if !slices.Contains(b.refused, r) {
		b.refused = append(b.refused, r)
	}
}

// heard reports whether a sign-off or rejection of that person counts.
func (b *ballot) heard(by int64) bool {
	mine := func(s Statement) bool { return s.By == by }
	return slices.ContainsFunc(b.signed, mine) || slices.ContainsFunc(b.rejected, mine)
}

func (b *ballot) refusals() []string {
	var whys []string
	for _, r := range b.refused {
		whys = append(whys, r.why)
	}
	return whys
}
