// Package advisory knows which releases are malicious, as advisories say that were
// fetched before: OSV's records (ossf.github.io/osv-schema) and RustSec's own files.
// A scan asks nobody at that moment.
//
// It keeps those about malicious packages alone: OSV's MAL- records, and RustSec's
// of the category "malicious". They come after the attack, so they corroborate and
// do not detect. Records that were withdrawn do not count. A record that cannot be
// understood is an error with its name: to leave it out would be to say that nothing
// is known.
package advisory

import (
	"cmp"
	"slices"
	"strings"
	"sync/atomic"

	"deps.dev/util/semver"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
)

// Advisory says that a package is malicious.
type Advisory struct {
	ID      string // "MAL-2026-1234"
	Summary string // one line of at most 200 bytes; hostile text
}

// List is a set of advisories. It does not change.
type List struct {
	byName map[string][]record // by package id
	count  int
}

// record is one advisory about one package.
type record struct {
	advisory Advisory
	versions []string // affected by name
	ranges   []span
	// Of RustSec: what is not affected.
	safe []*semver.Constraint
	all  bool // every version
}

// span is a range of affected versions: from introduced to before fixed, or to
// lastAffected. An empty introduced is the beginning, two empty ends are no end.
type span struct{ introduced, fixed, lastAffected string }

// Len is how many records there are.
func (l *List) Len() int {
	if l == nil {
		return 0
	}
	return l.count
}

// Naming gives the advisories about a release, by id.
func (l *List) Naming(p lockkeeper.Package) []Advisory {
	if l == nil {
		return nil
	}
	var found []Advisory
	for _, r := range l.byName[p.ID()] {
		if r.affects(p) && !slices.Contains(found, r.advisory) {
			found = append(found, r.advisory)
		}
	}
	slices.SortFunc(found, func(a, b Advisory) int { return cmp.Compare(a.ID, b.ID) })
	return found
}

func (r record) affects(p lockkeeper.Package) bool {
	if r.all || slices.ContainsFunc(r.versions, func(v string) bool { return lockfile.Compare(p.Ecosystem, v, p.Version) == 0 }) {
		return true
	}
	if r.safe != nil {
		return !slices.ContainsFunc(r.safe, func(c *semver.Constraint) bool { return c.Match(p.Version) })
	}
	return slices.ContainsFunc(r.ranges, func(s span) bool {
		from := s.introduced == "" || s.introduced == "0" || lockfile.Compare(p.Ecosystem, p.Version, s.introduced) >= 0
		to := (s.fixed == "" || lockfile.Compare(p.Ecosystem, p.Version, s.fixed) < 0) &&
			(s.lastAffected == "" || lockfile.Compare(p.Ecosystem, p.Version, s.lastAffected) <= 0)
		return from && to
	})
}

// Current is a List that is exchanged for a newer one now and then. Its zero value
// knows nothing.
type Current struct{ list atomic.Pointer[List] }

// Set exchanges the list.
func (c *Current) Set(l *List) { c.list.Store(l) }

// Naming is that of the present list.
func (c *Current) Naming(p lockkeeper.Package) []Advisory { return c.list.Load().Naming(p) }

// maxSummary bounds Advisory.Summary, in bytes.
const maxSummary = 200

// summarise makes one short line.
func summarise(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxSummary {
		text = strings.ToValidUTF8(text[:maxSummary-3], "") + "..."
	}
	return strings.ToValidUTF8(text, "?")
}
