package policy

import (
	"fmt"
	"slices"
	"strings"
)

// electorate answers who may say what about the findings of one pull request.
type electorate struct {
	in        Input
	reviewers Reviewers
}

func newElectorate(in Input) *electorate {
	e := &electorate{in: in}
	if in.Policy != nil {
		e.reviewers = in.Policy.Reviewers
	}
	if len(e.reviewers.Users)+len(e.reviewers.Teams) == 0 && e.reviewers.Permission == "" {
		e.reviewers.Permission = Maintain
	}
	e.reviewers.Count = max(1, e.reviewers.Count)
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
	if slices.ContainsFunc(e.reviewers.Users, func(user string) bool { return person.Login != "" && strings.EqualFold(user, person.Login) }) {
		return ""
	}
	for _, team := range e.reviewers.Teams {
		if slices.ContainsFunc(person.Teams, func(t string) bool { return strings.EqualFold(t, team) }) {
			return ""
		}
	}
	// Parse lets nothing below write through; a policy made by hand gets no further.
	if need := rank(e.reviewers.Permission); need >= rank(Write) && rank(person.Permission) >= need {
		return ""
	}
	return fmt.Sprintf("they are no reviewer here; reviewers are %s", e.words())
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
	var parts []string
	parts = append(parts, e.reviewers.Users...)
	for _, team := range e.reviewers.Teams {
		parts = append(parts, "the team "+team)
	}
	if p := e.reviewers.Permission; p != "" {
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
