package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/docs"
	"github.com/lockkeeper/lockkeeper/policy"
)

const (
	// manyRows is from how many packages on those of which the same is to be said share
	// a row.
	manyRows = 20
	// maxRows bounds the table; the worst come first.
	maxRows = 40
	// Names in one row: of what somebody must look at, and of the rest.
	maxNames, maxOtherNames = 60, 10
	// maxUnlisted is how many names are given of what has no row.
	maxUnlisted = 100
)

// row of the table: one package, or many of which the same is to be said.
type row struct {
	groups                     []group
	state, why, can, published string
}

// rows are those of the table. Where there are many packages, those in the same state
// for the same rules with build code that can do the same share one.
func (r *Report) rows(groups []group) []row {
	var rows []row
	index := map[string]int{}
	for _, g := range groups {
		one := row{groups: []group{g}, state: stateText(g), why: g.why(), published: markdownText(strings.TrimPrefix(strings.TrimPrefix(r.published(g), "published by "), "publisher "))}
		if c := g.code(); c != nil {
			one.can = markdownText(shorten(capabilityText(c.Capabilities), 200))
		}
		if len(groups) < manyRows {
			rows = append(rows, one)
			continue
		}
		key := strings.Join([]string{one.state, g.rules(), one.can}, "\n")
		i, ok := index[key]
		if !ok {
			index[key] = len(rows)
			rows = append(rows, one)
			continue
		}
		shared := &rows[i]
		shared.groups = append(shared.groups, g)
		if shared.why != one.why {
			shared.why = g.rules()
		}
		if shared.published != one.published {
			shared.published = ""
		}
	}
	return rows
}

// why are the messages of a group with their rules.
func (g group) why() string {
	var why []string
	for _, o := range g.outcomes {
		why = append(why, fmt.Sprintf("%s (%s)", markdownText(o.Finding.Message), ruleLink(o.Finding.Rule)))
	}
	return strings.Join(why, "<br>")
}

// ruleLink is the name of a rule, leading to its page.
func ruleLink(rule policy.Rule) string {
	return fmt.Sprintf("[`%s`](%s)", rule, docs.RuleURL(string(rule)))
}

// rules are those of a group, each once.
func (g group) rules() string {
	var rules []string
	for _, o := range g.outcomes {
		if rule := ruleLink(o.Finding.Rule); !slices.Contains(rules, rule) {
			rules = append(rules, rule)
		}
	}
	return strings.Join(rules, ", ")
}

func (g group) name() string {
	return strings.TrimSpace(markdownCode(g.title, true) + " " + markdownText(g.version(" → ")))
}

func (row row) names() string {
	if len(row.groups) == 1 {
		return row.groups[0].name()
	}
	most := maxOtherNames
	switch row.groups[0].outcomes[0].State {
	case policy.Blocked, policy.Rejected, policy.Open:
		most = maxNames
	}
	return fmt.Sprintf("%d packages: %s", len(row.groups), naming(row.groups, most))
}

// naming lists the first names and counts the rest.
func naming(groups []group, most int) string {
	var names []string
	for _, g := range groups[:min(len(groups), most)] {
		names = append(names, strings.TrimSpace(markdownCode(g.title, true)+" "+markdownText(g.pkg.Version)))
	}
	if left := len(groups) - most; left > 0 {
		names = append(names, fmt.Sprintf("and %d more", left))
	}
	return strings.Join(names, ", ")
}

func (r *Report) table(b *strings.Builder, groups []group) {
	if len(groups) == 0 {
		return
	}
	if len(groups) >= manyRows {
		b.WriteString(r.overview() + "\n\n")
	}
	rows := r.rows(groups)
	b.WriteString("| | Package | Why | [Its build code can](" + docs.CapabilitiesURL + ") | Publisher |\n|---|---|---|---|---|\n")
	for _, row := range rows[:min(len(rows), maxRows)] {
		fmt.Fprintf(b, "| **%s** | %s | %s | %s | %s |\n", row.state, row.names(), row.why, row.can, row.published)
	}
	if len(rows) > maxRows {
		var left []group
		for _, row := range rows[maxRows:] {
			left = append(left, row.groups...)
		}
		fmt.Fprintf(b, "\n%d more packages have no row here: %s.\n", len(left), naming(left, maxUnlisted))
	}
	b.WriteString("\n")
}

// overview counts by state, for a change of many packages.
func (r *Report) overview() string {
	var parts []string
	for _, s := range []struct {
		state policy.State
		words string
	}{
		{policy.Blocked, "blocked"}, {policy.Rejected, "rejected"}, {policy.Open, "to be signed off"}, {policy.Signed, "signed off"},
		{policy.Admitted, "on the allowlist"}, {policy.Warned, "to be noted only"},
	} {
		if n := len(r.groups(s.state)); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s.words))
		}
	}
	return "In all: " + strings.Join(parts, ", ") + "."
}
