package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/policy"
)

// maxEntry bounds an entry that is shown before it is recorded, in bytes: one that
// lists hundreds of programs is shown by what it lists first.
const maxEntry = 4000

// Recorded is one entry that signing off on a package adds to the allowlist.
type Recorded struct {
	Accepts string // in words, how far it reaches
	// Rules are those whose findings it admits by their names, to be said after Accepts:
	// empty for entries about code and people.
	Rules []string
	Entry string // the [[allow]] block
}

// recorded are the entries that record what waits about a package or was signed off,
// each once, and whether there is something that no entry can record. Nothing is said
// where nothing is recorded.
func (r *Report) recorded(outcomes []policy.Outcome) (entries []Recorded, without bool) {
	if !r.Onboarded || !r.Records && r.Accept == "" {
		return nil, false
	}
	where := ""
	if r.Pull != nil {
		where = fmt.Sprintf("#%d", r.Pull.Number)
	}
	var seen []allowlist.Entry
	for _, o := range outcomes {
		if o.Finding.Package.Name == "" || o.Recordless() || o.State != policy.Open && o.State != policy.Signed {
			continue
		}
		entry, ok := policy.RecordEntry(o, where)
		if !ok {
			entry, ok = o.Finding.Entry()
			entry.SignedOffIn = where
		}
		if !ok {
			without = true
			continue
		}
		if !slices.ContainsFunc(seen, entry.Same) {
			seen = append(seen, entry)
			accepts, rules := acceptsText(entry)
			entries = append(entries, Recorded{accepts, rules, cut(allowlist.Format(entry), maxEntry)})
		}
	}
	return entries, without
}

// acceptsText says how far an entry reaches, and so when the same is asked again: in
// words, and for which rules if it names some.
func acceptsText(e allowlist.Entry) (text string, rules []string) {
	versions := "every version"
	if v, ok := strings.CutPrefix(strings.ReplaceAll(e.Versions, " ", ""), "="); ok {
		versions = "version " + strings.TrimLeft(v, "=") + " alone"
	} else if e.Versions != "" {
		versions = "compatible versions (" + e.Versions + ")"
	}
	switch {
	case e.BuildCode != "":
		return versions + ", with exactly this code", nil
	case e.May != nil && len(e.May) == 0:
		return versions + ", while its build code can do nothing of note", nil
	case e.May != nil:
		return versions + ", while its build code can do no more than " + strings.ReplaceAll(joined(e.May), " ", ", "), nil
	case len(e.Publishers) > 0:
		return versions + ", published by " + joinPrincipals(e), nil
	}
	return versions, e.Rules
}

func joinPrincipals(e allowlist.Entry) string {
	names := make([]string, len(e.Publishers))
	for i, p := range e.Publishers {
		names[i] = p.String()
	}
	return strings.Join(names, ", ")
}

// unrecordableText is said of what no entry can record.
const unrecordableText = "No allowlist entry can accept this in general: it stays with its sign-off"

// entries shows what signing off on a package records, in its folded details.
func (r *Report) entries(b *strings.Builder, g group) {
	recorded, without := r.recorded(g.outcomes)
	if without {
		b.WriteString("- " + unrecordableText + ".\n")
	}
	for _, e := range recorded {
		head := "Signing off accepts %s. The allowlist gets, with who and why:"
		if r.Accept != "" {
			head = "An entry of the allowlist accepts %s:"
		}
		accepts := markdownText(e.Accepts)
		if len(e.Rules) > 0 {
			links := make([]string, len(e.Rules))
			for i, rule := range e.Rules {
				links[i] = ruleLink(policy.Rule(rule))
			}
			accepts += ", for " + strings.Join(links, ", ")
		}
		fmt.Fprintf(b, "\n"+head+"\n\n%s", accepts, fenced(e.Entry, "toml"))
	}
}
