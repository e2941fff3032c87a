package server

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/config/strict"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/scan"
)

// listener understands the commands of one comment.
type listener struct {
	commands []command
	// shown are the outcomes that were shown when the comment was written, later those
	// that were not yet.
	shown, later []policy.Outcome
	changes      []scan.Change
}

const (
	maxLine    = 200 // bytes kept of a command as it was written
	maxTargets = 50  // of one command
)

// understand gives what is kept of a command, and the outcomes that its verdict is
// about. What has no effect has a problem, which says what to do instead.
func (l listener) understand(c command) (heardCommand, []policy.Outcome) {
	said := heardCommand{Line: clip(c.line, maxLine), Verb: c.verb}
	if len(c.targets) > maxTargets {
		said.Problem = fmt.Sprintf("it names more than %d things; write several lines, or all", maxTargets)
		return said, nil
	}
	for _, target := range c.targets {
		said.Targets = append(said.Targets, clip(target, maxLine))
	}
	_, judges := c.verb.verdict()
	switch {
	case c.verb == "":
		said.Problem = c.meant()
	case (judges || c.verb == explain) && len(c.targets) == 0:
		said.Problem = fmt.Sprintf(`it does not say what: write /lockkeeper %s NAME, where NAME is a package, a file or "all"`, c.verb)
	case judges:
		var chosen []policy.Outcome
		for _, target := range c.targets {
			found := selectFindings(l.shown, target)
			if said.Problem = l.problem(target, found); said.Problem != "" {
				return said, nil // all of a line, or nothing
			}
			chosen = append(chosen, found...)
			if late := selectFindings(l.later, target); len(late) > 0 {
				said.Note = fmt.Sprintf("it holds for what was shown when it was written; %s came later and is not part of it", naming(late))
			}
		}
		return said, chosen
	case c.verb == explain:
		for _, target := range c.targets {
			if len(l.explained(target)) == 0 && said.Problem == "" {
				said.Problem = l.problem(target, nil)
			}
		}
	}
	return said, nil
}

// problem says why a target means nothing; empty if it does.
func (l listener) problem(target string, found []policy.Outcome) string {
	switch {
	case len(found) > 0:
		return ""
	case len(selectFindings(l.later, target)) > 0:
		return fmt.Sprintf("what it says of %q was written before that was shown here; look at it, and say it again", target)
	case target == everything:
		return "nothing was found here that anybody could sign off"
	}
	if ids := ecosystemsOf(slices.Concat(l.shown, l.later), target); len(ids) > 1 {
		return fmt.Sprintf("%q could be any of %s; write which", target, strings.Join(ids, ", "))
	}
	for _, c := range l.changes {
		if target == c.Package.Name || target == c.Package.ID() {
			return fmt.Sprintf("nothing was found about %q that anybody could sign off", target)
		}
	}
	meant := ""
	if close := strict.Closest(target, l.names()); close != "" {
		meant = fmt.Sprintf("; did you mean %s?", close)
	}
	return fmt.Sprintf("%q is no package and no file that was found here%s", target, meant)
}

// naming is what an outcome is about, in a few words, and how many more there are.
func naming(outcomes []policy.Outcome) string {
	words := subjectOf(outcomes[0])
	if more := len(outcomes) - 1; more > 0 {
		words += fmt.Sprintf(" (and %d more)", more)
	}
	return words
}

func subjectOf(o policy.Outcome) string {
	return cmp.Or(strings.TrimSpace(o.Finding.Package.Name+" "+o.Finding.Package.Version), o.Finding.Lockfile)
}

// names are what targets could have meant.
func (l listener) names() []string {
	names := []string{everything}
	for _, o := range slices.Concat(l.shown, l.later) {
		names = append(names, cmp.Or(o.Finding.Package.Name, o.Finding.Lockfile))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// explained are sentences about whatever a target names: what was found, what that
// comes to and why.
func (l listener) explained(target string) []report.Sentence {
	var says []report.Sentence
	for _, o := range selectFindings(slices.Concat(l.shown, l.later), target) {
		f := o.Finding
		why := strings.Join(slices.Concat(o.Why, o.Refused), "; ")
		says = append(says, report.Sentence{Text: fmt.Sprintf("%s %s. It is %s: %s", subjectOf(o), f.Message, o.State, why), Rule: f.Rule})
	}
	if len(says) > 0 {
		return says
	}
	for _, c := range l.changes {
		if target == c.Package.Name || target == c.Package.ID() || target == c.Package.ID()+"@"+c.Package.Version {
			text := fmt.Sprintf("%s %s was %s, and nothing was found about it: %s", c.Package.Name, c.Package.Version, c.Kind, cmp.Or(c.Note, "no build code"))
			says = append(says, report.Sentence{Text: text})
		}
	}
	return says
}

// maxAnswers are shown at a time, each person's last one; maxSaid sentences of each.
const maxAnswers, maxSaid = 5, 10

// answers are what the one comment says to people beside its findings. A question is
// answered until its author says something else, or others ask more.
func answers(v *verdict) []report.Answer {
	l := listener{shown: v.report.Decision.Outcomes, changes: v.report.Scan.Changes}
	slices.SortFunc(v.heard, func(a, b heard) int { return cmp.Compare(a.ID, b.ID) })
	last := map[int64]int64{}
	for _, h := range v.heard {
		last[h.By] = h.ID
	}
	var all []report.Answer
	for _, h := range v.heard {
		if last[h.By] != h.ID {
			continue
		}
		for _, c := range h.Commands {
			a := report.Answer{To: h.Login, Asked: c.Line}
			switch {
			case c.Problem != "" || c.Note != "":
				a.Says = []report.Sentence{{Text: cmp.Or(c.Problem, c.Note)}}
			case c.Verb == explain:
				for _, target := range c.Targets {
					a.Says = append(a.Says, l.explained(target)...)
				}
				if len(a.Says) == 0 {
					a.Says = []report.Sentence{{Text: "it is not part of this change any more"}}
				}
			case c.Verb == help:
				a.Help = true
			default:
				continue
			}
			if left := len(a.Says) - maxSaid; left > 0 {
				a.Says = append(a.Says[:maxSaid:maxSaid], report.Sentence{Text: fmt.Sprintf("and %d more", left)})
			}
			all = append(all, a)
		}
	}
	return all[max(0, len(all)-maxAnswers):]
}
