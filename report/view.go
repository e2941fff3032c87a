package report

import (
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/scan"
)

// Section is all that was found about one package, or about one file where the
// findings have no package: what renderers in packages of their own work from.
// Its text is foreign, and not yet inert.
type Section struct {
	Title    string // the package's name, or the file's path
	Package  lockkeeper.Package
	From     string // version before, if another one
	Outcomes []policy.Outcome
	Code     *policy.Code // the first build-time code among the findings; may be nil
	// Published is who published it and those below it, Through the names by which it
	// comes in; empty where nothing is known.
	Published scan.Published
	Through   []string
	// Records are the entries that record what waits or was signed off; Unrecordable:
	// for something of it there can be none.
	Records      []Recorded
	Unrecordable string
	also         map[string]int
}

// State is that of the section's first outcome, the worst.
func (s Section) State() policy.State { return s.Outcomes[0].State }

// Key names the section: its package URL, or its file's path.
func (s Section) Key() string {
	if s.Package.Name == "" {
		return s.Title
	}
	return s.Package.String()
}

// Also is how many more lockfiles have a finding of the section.
func (s Section) Also(o policy.Outcome) int { return s.also[string(o.Digest)] }

// Sections joins the outcomes of one package, in the order of the decision: the
// worst comes first. The same finding in several lockfiles counts once.
func (r *Report) Sections(states ...policy.State) []Section {
	var sections []Section
	changes := r.changes()
	for _, g := range r.groups(states...) {
		s := Section{Title: g.title, Package: g.pkg, Outcomes: g.outcomes, Code: g.code(), also: g.also}
		if g.from != g.pkg.Version {
			s.From = g.from
		}
		if c, ok := changes[g.pkg]; ok && g.pkg.Name != "" {
			s.Published, s.Through = c.Published, c.Through
		}
		var without bool
		if s.Records, without = r.recorded(g.outcomes); without {
			s.Unrecordable = unrecordableText
		}
		sections = append(sections, s)
	}
	return sections
}

// changes by package: the first change of each.
func (r *Report) changes() map[lockkeeper.Package]scan.Change {
	changes := make(map[lockkeeper.Package]scan.Change, len(r.Scan.Changes))
	for _, c := range r.Scan.Changes {
		if _, seen := changes[c.Package]; !seen {
			changes[c.Package] = c
		}
	}
	return changes
}

// Quiet are the changes without findings, each package once: those about whose
// build code there is something to say, and how many have none of it.
func (r *Report) Quiet() (said []scan.Change, plain int) {
	found := map[lockkeeper.Package]bool{}
	for _, o := range r.Decision.Outcomes {
		found[o.Finding.Package] = true
	}
	seen := map[string]bool{}
	for _, c := range r.Scan.Changes {
		same := strings.Join([]string{c.PURL, c.From, string(c.Kind), c.Note}, "\x00")
		if c.Kind == lockfile.Removed || found[c.Package] || seen[same] {
			continue
		}
		seen[same] = true
		if c.Note == "no build code" || strings.HasPrefix(c.Note, "the same package") {
			plain++
			continue
		}
		said = append(said, c)
	}
	return said, plain
}

// CountsText says how many packages of a lockfile differ: "2 updated, 1 added".
func CountsText(l scan.Lockfile) string { return countsText(l) }

// ShortName cuts a commit id; other names stay, made visible.
func ShortName(name string) string { return shortName(name) }

// Visible replaces what a reader could be fooled by: control characters, escape
// sequences, bidirectional overrides, invisible characters and invalid UTF-8 become
// visible escapes. Newlines and tabs stay if lines is true.
func Visible(s string, lines bool) string { return visible(s, lines) }
