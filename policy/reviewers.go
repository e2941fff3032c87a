package policy

import (
	"fmt"
	"slices"
	"strings"
)

// electorate answers who may say what about the findings of one pull request.
type electorate struct {
	in Input
	// groups of reviewers; whoever has a say belongs to each.
	groups []Reviewers
	count  int  // of different reviewers that a finding needs
	reason bool // a sign-off without one does not count
}

func newElectorate(in Input) *electorate {
	e := &electorate{in: in, groups: in.Policy.electorates()}
	e.count, e.reason = in.Policy.count()
	return e
}

// refusesAcceptance says why nothing that id accepts counts; empty if it does.
// The words continue "... does not count: ".
func (e *electorate) refusesAcceptance(id int64) string {
	if why := e.refusesEverybody(); why != "" {
		return why
	}
	return e.refusesVoice(id)
}

// refusesEverybody says why nobody's sign-off counts; empty if there is no such
// reason.
func (e *electorate) refusesEverybody() string {
	switch {
	case len(e.in.Unresolved) > 0:
		return fmt.Sprintf("the author of %s is no known account and could be the one who signs; rewrite %s with an author whose address GitHub knows",
			listed(e.in.Unresolved, 3), plural(len(e.in.Unresolved), "that commit", "those commits"))
	case e.in.Author.ID == 0:
		return "nobody knows who opened this change, who could be the one who signs"
	}
	return ""
}

// refusesVoice says why id has no say at all; empty if they have.
func (e *electorate) refusesVoice(id int64) string {
	if why := e.refusesPerson(id); why != "" {
		return why
	}
	person := e.in.People[id]
	for _, group := range e.groups {
		if !group.has(person) {
			return fmt.Sprintf("they are no reviewer here; reviewers are %s", e.words())
		}
	}
	return ""
}

// has reports whether r names the person.
func (r Reviewers) has(person Person) bool {
	if slices.ContainsFunc(r.Users, func(user string) bool { return person.Login != "" && strings.EqualFold(user, person.Login) }) {
		return true
	}
	for _, team := range r.Teams {
		if slices.ContainsFunc(person.Teams, func(t string) bool { return strings.EqualFold(t, team) }) {
			return true
		}
	}
	// Parse lets nothing below write through; a policy made by hand gets no further.
	need := rank(r.Permission)
	return need >= rank(Write) && rank(person.Permission) >= need
}

// refusesPerson is the part that no policy can change (promise 2).
func (e *electorate) refusesPerson(id int64) string {
	person, known := e.in.People[id]
	switch {
	case id == 0 || !known || person.ID != id:
		return "nothing is known of their rights on this repository"
	case person.Bot || strings.HasSuffix(strings.ToLower(person.Login), "[bot]"):
		return "no bot signs off"
	case id == e.in.Author.ID:
		return "nobody signs off on their own pull request"
	case slices.Contains(e.in.Contributors, id):
		return "they are author, committer or co-author of a commit here that touches a watched file"
	}
	return ""
}

// clearsRejections reports whether a withdrawal by id takes back the rejections of
// others: an administrator's does, unless the change is or could be their own.
func (e *electorate) clearsRejections(id int64) bool {
	return e.refusesPerson(id) == "" && e.in.People[id].Permission == Admin && e.refusesEverybody() == ""
}

// name is the person's login now, or as it was when they spoke.
func (e *electorate) name(id int64, then string) string {
	if person, ok := e.in.People[id]; ok && person.Login != "" {
		return person.Login
	}
	if then != "" {
		return then
	}
	return fmt.Sprintf("user %d", id)
}

// words says who may sign off.
func (e *electorate) words() string {
	if len(e.groups) == 2 {
		return fmt.Sprintf("%s (says the organisation's policy), and of those only: %s", e.groups[0].words(), e.groups[1].words())
	}
	return e.groups[0].words()
}

func (r Reviewers) words() string {
	var parts []string
	parts = append(parts, r.Users...)
	for _, team := range r.Teams {
		parts = append(parts, "the team "+team)
	}
	if p := r.Permission; p != "" {
		parts = append(parts, fmt.Sprintf("anybody with %s permission", p))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	last := len(parts) - 1
	comma := ""
	if last > 1 {
		comma = ","
	}
	return strings.Join(parts[:last], ", ") + comma + " or " + parts[last]
}

// rank orders permissions; one that is not known is below all that policies name.
func rank(p Permission) int {
	return slices.Index([]Permission{None, Read, Triage, Write, Maintain, Admin}, p)
}

// listed joins the first few words and counts the rest.
func listed(words []string, few int) string {
	if len(words) <= few {
		return strings.Join(words, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(words[:few], ", "), len(words)-few)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
