package python

import (
	"cmp"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/lockfile"
)

// annotate reads the comments in which pip-compile and `uv pip compile` say who
// asks for a pin, "# via flask" at its end or below it:
//
//	click==8.1.7
//	    # via
//	    #   -r requirements.in
//	    #   flask
//
// They become edges, from the first entry of the name, and Direct for what is no
// name. Being comments they decide nothing that is installed, and what cannot be
// read is passed over.
func annotate(l *lockfile.Lockfile, text string) {
	if !strings.Contains(text, "# via") {
		return
	}
	type edge struct{ from, to int }
	var edges []edge
	first := make(map[string]int, len(l.Entries))
	for i := len(l.Entries) - 1; i >= 0; i-- {
		first[l.Entries[i].Package.Name] = i
	}
	note := func(entry int, asker string) {
		from, err := CanonicalName(asker)
		i, locked := first[from]
		switch {
		case err != nil:
			l.Entries[entry].Direct = l.Entries[entry].Direct || isInput(asker)
		case locked && i != entry:
			edges = append(edges, edge{i, entry})
		}
	}
	entry := -1 // the last one that starts at or before the line
	open := false
	for number, rest := 1, text; rest != ""; number++ {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		for entry+1 < len(l.Entries) && l.Entries[entry+1].Line <= number {
			entry++
			open = false
		}
		code, comment, found := strings.Cut(line, "#")
		if !found || entry < 0 {
			open = false
			continue
		}
		askers, starts := strings.CutPrefix(comment, " via")
		switch {
		case starts:
			open = strings.TrimSpace(askers) == ""
		case open && strings.TrimSpace(code) == "" && strings.HasPrefix(comment, "   "):
			askers = comment
		default:
			open = false
			continue
		}
		for asker := range strings.SplitSeq(askers, ",") {
			if asker = strings.TrimSpace(asker); asker != "" {
				note(entry, asker)
			}
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	for _, e := range slices.Compact(edges) {
		from := &l.Entries[e.from]
		from.Edges = append(from.Edges, lockfile.Edge{Name: l.Entries[e.to].Package.Name, Entry: e.to})
	}
}

// isInput knows how an input file is named: "-r requirements.in",
// "project (pyproject.toml)".
func isInput(asker string) bool {
	return strings.HasPrefix(asker, "-r ") || strings.HasSuffix(asker, ")")
}
