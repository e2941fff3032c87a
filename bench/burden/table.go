package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/policy"
)

// printHistory writes Markdown, so that it can stand in docs/ as it is.
func printHistory(w io.Writer, m *measured, verbose bool) {
	fmt.Fprintf(w, "### %s\n\n", m.name)
	fmt.Fprintf(w, "%d changes, %s to %s, of %d packages (added, updated, moved or altered). ",
		m.changes, m.first.Format(time.DateOnly), m.last.Format(time.DateOnly), m.packages)
	if m.reduced > 0 {
		fmt.Fprintf(w, "%d entries of the last version were reduced to the files that were fetched: the sdist and one wheel. ", m.reduced)
	}
	fmt.Fprint(w, "The rules about people are left out.\n\n")

	fmt.Fprint(w, "| rule | asked | per 100 changes | per 100 packages | changes that it stopped | warned |\n|---|--:|--:|--:|--:|--:|\n")
	asked := map[policy.Rule]int{}
	for _, q := range m.questions {
		asked[q.finding.Rule]++
	}
	for _, rule := range policy.Rules() {
		if asked[rule]+m.warned[rule]+m.blocked[rule] == 0 {
			continue
		}
		name := string(rule)
		if m.blocked[rule] > 0 {
			name = fmt.Sprintf("%s (%d blocked)", rule, m.blocked[rule])
		}
		fmt.Fprintf(w, "| `%s` | %d | %s | %s | %d | %d |\n", name, asked[rule], per100(asked[rule], m.changes), per100(asked[rule], m.packages), m.stops[rule], m.warned[rule])
	}
	fmt.Fprintf(w, "| all | %d | %s | %s | %d | |\n\n", len(m.questions), per100(len(m.questions), m.changes), per100(len(m.questions), m.packages), m.stopped)

	fmt.Fprint(w, "| way of keeping a list | asked | per 100 changes | changes that it stopped | entries at the end |\n|---|--:|--:|--:|--:|\n")
	fmt.Fprintf(w, "| Lockkeeper | %d | %s | %d | %d |\n", m.groups, per100(m.groups, m.changes), m.stopped, m.entries)
	for _, way := range m.ways {
		fmt.Fprintf(w, "| %s | %d | %s | %d | %d |\n", way.name, way.asked, per100(way.asked, m.changes), way.stopped, way.entries())
	}
	fmt.Fprintln(w)
	for _, note := range m.blockedNotes {
		fmt.Fprintf(w, "- blocked: %s\n", note)
	}
	for _, q := range m.questions {
		if verbose {
			printQuestion(w, q)
		} else if q.entry == "" {
			fmt.Fprintf(w, "- no entry can accept this: %s %s %s\n", q.change, q.finding.Package, q.finding.Rule)
		}
	}
	if verbose && len(m.questions) > 0 {
		fmt.Fprintln(w)
	}
}

func printQuestion(w io.Writer, q question) {
	f := q.finding
	from := ""
	if f.From != "" {
		from = f.From + " -> "
	}
	fmt.Fprintf(w, "- %s %s %s%s **%s** %s\n", q.change, f.Package.Name, from, f.Package.Version, f.Rule, f.Message)
	if f.Code != nil {
		fmt.Fprintf(w, "  - %s; can %s; gained %s; +%d -%d lines\n", words(f.Code.Kinds), words(f.Code.Capabilities), words(f.Code.Gained), f.Code.Inserted, f.Code.Deleted)
		seen := map[buildcode.Capability]bool{}
		for _, u := range f.Code.Uses {
			if u.Capability.Grave() && !seen[u.Capability] {
				seen[u.Capability] = true
				fmt.Fprintf(w, "  - %s at %s:%d: %s\n", u.Capability, u.Path, u.Line, strings.Join(strings.Fields(u.Text), " "))
			}
		}
	}
	for _, line := range f.Evidence {
		fmt.Fprintf(w, "  - %s\n", line)
	}
	if q.entry == "" {
		fmt.Fprint(w, "  - no entry can accept this\n")
	} else {
		fmt.Fprintf(w, "  - accepted: %s\n", q.entry)
	}
}

func words[T ~string](values []T) string {
	if len(values) == 0 {
		return "nothing"
	}
	text := make([]string, len(values))
	for i, v := range values {
		text[i] = string(v)
	}
	return strings.Join(text, ", ")
}

func per100(n, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", 100*float64(n)/float64(of))
}

// sum is all histories together.
func sum(all []*measured) *measured {
	total := &measured{name: "all histories", first: all[0].first, stops: map[policy.Rule]int{}, warned: map[policy.Rule]int{}, blocked: map[policy.Rule]int{}, ways: otherWays()}
	for _, m := range all {
		if m.first.Before(total.first) {
			total.first = m.first
		}
		if m.last.After(total.last) {
			total.last = m.last
		}
		total.changes += m.changes
		total.packages += m.packages
		total.reduced += m.reduced
		total.questions = append(total.questions, m.questions...)
		total.stopped += m.stopped
		total.groups += m.groups
		total.entries += m.entries
		total.blockedNotes = append(total.blockedNotes, m.blockedNotes...)
		for _, pair := range []struct{ to, from map[policy.Rule]int }{{total.stops, m.stops}, {total.warned, m.warned}, {total.blocked, m.blocked}} {
			for rule, n := range pair.from {
				pair.to[rule] += n
			}
		}
		for i, way := range m.ways {
			total.ways[i].asked += way.asked
			total.ways[i].stopped += way.stopped
			total.ways[i].others += way.entries()
		}
	}
	return total
}

func printReplays(w io.Writer, all []replayed) {
	names := []string{"Lockkeeper"}
	for _, way := range otherWays() {
		names = append(names, way.name)
	}
	fmt.Fprintf(w, "### Incidents\n\n| incident | %s | asked by |\n|---%s|---|\n", strings.Join(names, " | "), strings.Repeat("|---", len(names)))
	caught, twins := make([]int, len(names)), make([]int, len(names))
	for _, r := range all {
		cells := make([]string, len(names))
		for i := range names {
			cells[i] = "passes"
			if r.attack[i] {
				cells[i] = "**stops**"
				caught[i]++
			}
			if r.twin[i] {
				cells[i] += ", twin asks"
				twins[i]++
			}
		}
		rules := map[string]bool{}
		for _, rule := range r.attackByRules {
			rules[rule] = true
		}
		fmt.Fprintf(w, "| %s | %s | %s |\n", r.name, strings.Join(cells, " | "), strings.Join(slices.Sorted(maps.Keys(rules)), ", "))
	}
	cells := make([]string, len(names))
	for i := range names {
		cells[i] = fmt.Sprintf("%d of %d stopped, %d twins asked about", caught[i], len(all), twins[i])
	}
	fmt.Fprintf(w, "| all | %s | |\n", strings.Join(cells, " | "))
}
