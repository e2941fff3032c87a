// Package report renders one result for those who read it: terminals, the pull
// request's comment and check run, and programs. Every renderer takes the same
// Report and decides nothing.
//
// Text from packages, lockfiles and people is hostile: it leaves this package
// inert, without mentions, links, images or escape sequences (inert.go).
package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/scan"
)

// Report is one scan and what was decided about it.
type Report struct {
	Scan     *scan.Result
	Decision policy.Decision
	// Onboarded: the base branch has a .lockkeeper directory.
	Onboarded bool
	// Records: sign-offs are recorded in the allowlist, so that what signing off records
	// is shown before.
	Records bool
	// BaseBranch is where the policy comes from; empty at the command line.
	BaseBranch string
	// Answers to those who asked something in the pull request; for the comment.
	Answers []Answer
	// Listed are the lines of the entries of the allowlist that admit findings, by digest,
	// whether these ask for anything or not; for an audit.
	Listed map[lockkeeper.Digest]int `json:",omitempty"`
	// Pull is the pull request judged; nil at the command line.
	Pull *Pull
	// Compared says in sentences what was compared with what, and how that was
	// chosen: "the work tree with main (1f3c2ab)." Empty: the result's own names say it.
	Compared string
	// Next is what to do where nothing differs; may be empty.
	Next string
	// Command repeats the scan, and Accept, with the name of a package behind it,
	// accepts what is open, for the last lines on a terminal; each may be empty.
	Command, Accept string
}

// Answer is what somebody is told who asked something, or who was not understood.
type Answer struct {
	To    string // login
	Asked string // the line as written
	Says  []Sentence
	Help  bool // they asked for the commands, which stand below
}

// Sentence of an answer, and the rule that it is about, if it is about one.
type Sentence struct {
	Text string
	Rule policy.Rule
}

// Pull names a pull request, for people.
type Pull struct {
	Repository string // "owner/name"
	Number     int
	Title      string
	Author     string // login
	AuthorID   int64
	URL        string
}

// group is all outcomes about one package, or about one file where the findings
// have no package.
type group struct {
	title    string // package name, or the file's path
	pkg      lockkeeper.Package
	from     string
	outcomes []policy.Outcome
	also     map[string]int // how many more lockfiles have a finding, by its digest
}

// groups joins the outcomes of one package, in the order of the decision: the
// worst comes first. The same finding in several lockfiles counts once.
func (r *Report) groups(states ...policy.State) []group {
	return groupsOf(r.Decision.Outcomes, states...)
}

// asked are the groups that wait for a sign-off of their own.
func (r *Report) asked() []group {
	alone := slices.DeleteFunc(slices.Clone(r.Decision.Outcomes), func(o policy.Outcome) bool { return o.With != nil })
	return groupsOf(alone, policy.Open)
}

func groupsOf(outcomes []policy.Outcome, states ...policy.State) []group {
	var groups []group
	index := map[string]int{}
	for _, o := range outcomes {
		if !slices.Contains(states, o.State) {
			continue
		}
		key, title := o.Finding.Package.String(), o.Finding.Package.Name
		if o.Finding.Package.Name == "" {
			key, title = "file "+o.Finding.Lockfile, o.Finding.Lockfile
		}
		i, ok := index[key]
		if !ok {
			i = len(groups)
			index[key] = i
			groups = append(groups, group{title: title, pkg: o.Finding.Package, from: o.Finding.From, also: map[string]int{}})
		}
		if slices.ContainsFunc(groups[i].outcomes, func(p policy.Outcome) bool { return p.Digest == o.Digest }) {
			groups[i].also[string(o.Digest)]++
			continue
		}
		groups[i].outcomes = append(groups[i].outcomes, o)
	}
	slices.SortStableFunc(groups, func(a, b group) int {
		if a.outcomes[0].State != b.outcomes[0].State {
			return 0 // the decision's own order
		}
		return cmp.Compare(b.weight(), a.weight())
	})
	return groups
}

// weight puts grave build code first, then any, then the rest.
func (g group) weight() int { return weigh(g.code()) }

func weigh(c *policy.Code) int {
	switch {
	case c == nil:
		return 0
	case slices.ContainsFunc(c.Capabilities, buildcode.Capability.Grave):
		return 2
	}
	return 1
}

// published says who published the group's release, or nothing.
func (r *Report) published(g group) string { return r.publishedOf(g.pkg) }

func (r *Report) publishedOf(pkg lockkeeper.Package) string {
	for _, c := range r.Scan.Changes {
		if c.Package == pkg && c.Package.Name != "" && c.Published.Asked() {
			return publishedLine(c.Published)
		}
	}
	return ""
}

// version prints "0.3.9 -> 0.3.10", "1.0.107" or nothing.
func (g group) version(arrow string) string {
	if g.from != "" && g.from != g.pkg.Version {
		return g.from + arrow + g.pkg.Version
	}
	return g.pkg.Version
}

// code is the first build-time code among the group's findings.
func (g group) code() *policy.Code {
	for _, o := range g.outcomes {
		if o.Finding.Code != nil && len(o.Finding.Code.Kinds) > 0 {
			return o.Finding.Code
		}
	}
	return nil
}

// Title says in one line what the decision is, for the check run.
func (r *Report) Title() string {
	d := r.Decision
	switch {
	case d.Count(policy.Blocked) > 0:
		return r.counted(" is", " are", policy.Blocked) + " blocked"
	case d.Count(policy.Rejected) > 0:
		return r.counted(" was", " were", policy.Rejected) + " rejected"
	case d.Count(policy.Open) > 0 && !r.Onboarded:
		return r.counted("", "", policy.Open) + " would need a sign-off"
	case d.Count(policy.Open) > 0:
		return r.counted(" needs", " need", policy.Open) + " a sign-off"
	case d.Count(policy.Signed) > 0:
		return r.counted("", "", policy.Signed) + " signed off"
	case d.Count(policy.Admitted) > 0:
		return "Everything is on the allowlist"
	case len(r.Scan.Changes) == 0 && len(r.Scan.Findings) == 0:
		return "No lockfile changed"
	default:
		return "Nothing to sign off"
	}
}

// counted is "1 package needs", "2 files need", "1 package and 1 file need" of what
// is in a state, by one and many.
func (r *Report) counted(one, many string, state policy.State) string {
	packages, files := 0, 0
	groups := r.groups(state)
	if state == policy.Open {
		groups = r.asked()
	}
	for _, g := range groups {
		if g.pkg.Name == "" {
			files++
		} else {
			packages++
		}
	}
	if packages+files > 1 {
		one = many
	}
	switch {
	case files == 0:
		return count(packages, "package", "packages") + one
	case packages == 0:
		return count(files, "file", "files") + one
	}
	return count(packages, "package", "packages") + " and " + count(files, "file", "files") + one
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// codeLine is "build.rs  decode, network, run:?": the files and what they can
// do. Long lists are cut with a count.
func codeLine(c *policy.Code) (files, capabilities string) {
	names := c.Files
	if len(names) > 3 {
		names = append(slices.Clone(names[:3]), count(len(names)-3, "more file", "more files"))
	}
	return strings.Join(names, ", "), capabilityText(c.Capabilities)
}

func capabilityText(caps []buildcode.Capability) string {
	if len(caps) == 0 {
		return "nothing beyond building"
	}
	words := make([]string, len(caps))
	for i, c := range caps {
		words[i] = string(c)
	}
	return strings.Join(words, ", ")
}
