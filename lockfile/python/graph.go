package python

import (
	"slices"

	"deps.dev/util/semver"

	"github.com/lockkeeper/lockkeeper/lockfile"
)

// want is a dependency before all entries are known: a canonical name and what
// its versions must satisfy, any one of the specifiers. None, or an empty one, is
// satisfied by every version.
type want struct {
	entry      int // that has the dependency
	name       string
	specifiers []string
}

// maxForks is how many entries of one name a dependency is compared with. Real
// forks are two to five; the bound keeps names and dependencies from multiplying.
const maxForks = 16

// maxSpecifier is how many bytes of versions a dependency is compared by: the time
// for it grows with their square. Real ones stay below two hundred.
const maxSpecifier = 256

// link makes edges of wants, which are in the order of their entries. names holds
// the entries of each canonical name.
func link(entries []lockfile.Entry, names map[string][]int, wants []want) {
	edges := make([]lockfile.Edge, 0, len(wants))
	for len(wants) > 0 {
		entry, from := wants[0].entry, len(edges)
		for ; len(wants) > 0 && wants[0].entry == entry; wants = wants[1:] {
			w := wants[0]
			for _, target := range satisfying(entries, names[w.name], w.specifiers) {
				edges = append(edges, lockfile.Edge{Name: w.name, Entry: target})
			}
		}
		entries[entry].Edges = edges[from:len(edges):len(edges)]
	}
}

var nowhere = []int{-1}

// satisfying are those of the entries of one name that a dependency may mean. If
// none satisfies it, by a rule unknown here, it may mean any.
func satisfying(entries []lockfile.Entry, named []int, specifiers []string) []int {
	switch {
	case len(named) == 0 || len(named) > maxForks:
		return nowhere
	case len(named) == 1:
		return named
	}
	var found []int
	for _, s := range specifiers {
		if s == "" || s == "*" || len(s) > maxSpecifier {
			return named
		}
		constraint, err := semver.PyPI.ParseConstraint(s)
		if err != nil {
			return named
		}
		for _, i := range named {
			if constraint.Match(entries[i].Package.Version) && !slices.Contains(found, i) {
				found = append(found, i)
			}
		}
	}
	if len(found) == 0 {
		return named
	}
	slices.Sort(found)
	return found
}

// repeated is a name that stands twice among wants, "" if there is none.
func repeated(wants []want) string {
	seen := make(map[string]bool, len(wants))
	for _, w := range wants {
		if seen[w.name] {
			return w.name
		}
		seen[w.name] = true
	}
	return ""
}
