package lockfile

import (
	"cmp"
	"slices"

	"deps.dev/util/semver"
)

// Diff tells what happened between two versions of one lockfile; nil stands for
// a file that does not exist. Entries are compared by name, version (as Compare
// does), source, revision, what was asked for (Source.Reference), requirement
// text and the set of their digests; the order of entries, their lines, edges and
// markers and the names of files make no change, and an entry that stands twice
// counts once.
//
// A name can be locked several times. Its entries that are the same on both
// sides cancel out; of the rest, pairs are sought first with the same version and
// source (Altered, or Updated where revision or reference differ), then with the
// same version (Moved), then in the same line of versions (SameLine), then of any
// version, and in each step from the same source before another. Among several
// the neighbour in the order of versions is taken, the lower one first. What
// stays alone is Added or Removed.
//
// Any difference of the digest sets is Altered. That includes files added to
// what was there, as when a PyPI release gains a wheel and poetry locks anew, and
// hashes written where there were none: a caller that wants to treat these apart
// compares Old.Files with New.Files.
//
// The result is sorted by name, then version (the new one, where there is one),
// and points into the entries of old and new. Time is n log n in the entries.
func Diff(old, new *Lockfile) []Change {
	var changes []Change
	olds, news := byName(old), byName(new)
	for len(olds) > 0 || len(news) > 0 {
		var head *Entry
		switch {
		case len(news) == 0, len(olds) > 0 && compareName(olds[0], news[0]) < 0:
			head = olds[0]
		default:
			head = news[0]
		}
		o, n := leading(olds, head), leading(news, head)
		olds, news = olds[len(o):], news[len(n):]
		if !slices.EqualFunc(o, n, identical) {
			changes = append(changes, diffName(o, n)...)
		}
	}
	return changes
}

// byName lists the entries of l sorted by name.
func byName(l *Lockfile) []*Entry {
	if l == nil {
		return nil
	}
	entries := make([]*Entry, len(l.Entries))
	for i := range l.Entries {
		entries[i] = &l.Entries[i]
	}
	slices.SortStableFunc(entries, compareName)
	return entries
}

func compareName(a, b *Entry) int {
	return cmp.Or(cmp.Compare(a.Package.Name, b.Package.Name), cmp.Compare(a.Package.Ecosystem, b.Package.Ecosystem))
}

// leading is the part at the front of entries that has the name of head.
func leading(entries []*Entry, head *Entry) []*Entry {
	n := 0
	for n < len(entries) && compareName(entries[n], head) == 0 {
		n++
	}
	return entries[:n]
}

// identical is the quick test for the many entries that did not change.
func identical(a, b *Entry) bool {
	return a.Package == b.Package && a.Source == b.Source && a.Requirement == b.Requirement &&
		slices.EqualFunc(a.Files, b.Files, func(f, g File) bool { return f.Digest == g.Digest && slices.Equal(f.Other, g.Other) })
}

// item is an entry with what comparing it needs.
type item struct {
	*Entry
	version *semver.Version
	hashes  []string // of all files, of any algorithm; sorted, each once
	rank    int      // equal for versions that mean the same
}

// diffName compares the entries of one name.
func diffName(o, n []*Entry) []Change {
	olds, news := cancel(items(o), items(n))
	rank(olds, news)
	var changes []Change
	for _, pass := range passes {
		if len(olds) == 0 || len(news) == 0 {
			break
		}
		olds, news = pairUp(olds, news, pass, func(a, b item) {
			changes = append(changes, Change{Kind: kindOf(a, b), Old: a.Entry, New: b.Entry})
		})
	}
	for _, it := range olds {
		changes = append(changes, Change{Kind: Removed, Old: it.Entry})
	}
	for _, it := range news {
		changes = append(changes, Change{Kind: Added, New: it.Entry})
	}
	sortChanges(changes)
	return changes
}

// items sorts the entries of one name and leaves out what stands there twice.
func items(entries []*Entry) []item {
	list := make([]item, len(entries))
	for i, e := range entries {
		hashes := make([]string, 0, len(e.Files))
		for _, f := range e.Files {
			if f.Digest != "" {
				hashes = append(hashes, string(f.Digest))
			}
			hashes = append(hashes, f.Other...)
		}
		slices.Sort(hashes)
		list[i] = item{Entry: e, version: parseVersion(e.Package.Ecosystem, e.Package.Version), hashes: slices.Compact(hashes)}
	}
	slices.SortFunc(list, func(a, b item) int { return cmp.Or(compareItems(a, b), cmp.Compare(a.Line, b.Line)) })
	return slices.CompactFunc(list, func(a, b item) bool { return compareItems(a, b) == 0 })
}

// compareItems is 0 for entries between which there is no change.
func compareItems(a, b item) int {
	if c := compareVersions(a, b); c != 0 {
		return c
	}
	return cmp.Or(
		cmp.Compare(a.Requirement, b.Requirement),
		cmp.Compare(a.Source.Kind, b.Source.Kind),
		cmp.Compare(a.Source.URL, b.Source.URL),
		cmp.Compare(a.Source.Reference, b.Source.Reference),
		cmp.Compare(a.Source.Revision, b.Source.Revision),
		slices.Compare(a.hashes, b.hashes),
	)
}

func compareVersions(a, b item) int {
	if a.Package.Version == b.Package.Version {
		return 0
	}
	return compareParsed(a.Package.Ecosystem, a.Package.Version, b.Package.Version, a.version, b.version)
}

// cancel drops what stands on both sides.
func cancel(olds, news []item) (onlyOld, onlyNew []item) {
	for len(olds) > 0 && len(news) > 0 {
		switch c := compareItems(olds[0], news[0]); {
		case c < 0:
			onlyOld, olds = append(onlyOld, olds[0]), olds[1:]
		case c > 0:
			onlyNew, news = append(onlyNew, news[0]), news[1:]
		default:
			olds, news = olds[1:], news[1:]
		}
	}
	return append(onlyOld, olds...), append(onlyNew, news...)
}

// rank numbers the versions of both sides in their order.
func rank(olds, news []item) {
	next := 0
	var last *item
	for i, j := 0, 0; i < len(olds) || j < len(news); {
		var it *item
		if j == len(news) || i < len(olds) && compareVersions(olds[i], news[j]) <= 0 {
			it = &olds[i]
			i++
		} else {
			it = &news[j]
			j++
		}
		if last != nil && compareVersions(*last, *it) != 0 {
			next++
		}
		it.rank, last = next, it
	}
}

// bond is what two entries must have in common to be paired; fields that a pass
// does not ask for are left zero.
type bond struct {
	rank        int
	requirement string
	line        string
	kind        SourceKind
	url         string
}

// passes are the steps of pairing, from the closest bond to the loosest.
var passes = []func(item) bond{
	func(it item) bond {
		return bond{rank: it.rank, requirement: it.Requirement, kind: it.Source.Kind, url: it.Source.URL}
	},
	func(it item) bond { return bond{rank: it.rank, requirement: it.Requirement} },
	func(it item) bond { return bond{line: it.line(), kind: it.Source.Kind, url: it.Source.URL} },
	func(it item) bond { return bond{line: it.line()} },
	func(it item) bond { return bond{kind: it.Source.Kind, url: it.Source.URL} },
	func(item) bond { return bond{} },
}

// line is as in SameLine; a version that is none is in line with itself alone,
// and requirements without a version are in line with each other.
func (it item) line() string {
	if it.version == nil {
		return "text " + it.Package.Version
	}
	return versionLine(it.Package.Ecosystem, it.Package.Version)
}

// pairUp pairs entries that have the bond of a pass and returns the rest, in
// order.
func pairUp(olds, news []item, of func(item) bond, found func(a, b item)) (restOld, restNew []item) {
	type sides struct{ olds, news []item }
	groups := map[bond]*sides{}
	for _, it := range olds {
		g := groups[of(it)]
		if g == nil {
			g = &sides{}
			groups[of(it)] = g
		}
		g.olds = append(g.olds, it)
	}
	for _, it := range news {
		if g := groups[of(it)]; g != nil {
			g.news = append(g.news, it)
		} else {
			restNew = append(restNew, it)
		}
	}
	for _, g := range groups {
		pairedOld, pairedNew, aloneOld, aloneNew := neighbours(g.olds, g.news)
		for i := range pairedOld {
			found(pairedOld[i], pairedNew[i])
		}
		restOld, restNew = append(restOld, aloneOld...), append(restNew, aloneNew...)
	}
	slices.SortFunc(restOld, compareItems)
	slices.SortFunc(restNew, compareItems)
	return restOld, restNew
}

// neighbours chooses which entries of two sorted lists are paired. Walking both
// in the order of versions, an entry takes the nearest one of the other side
// below it that is still free; then the chosen ones are paired in order, so that
// 1.0 and 1.1 becoming 1.2 and 1.3 are read as 1.0 to 1.2 and 1.1 to 1.3.
func neighbours(olds, news []item) (pairedOld, pairedNew, aloneOld, aloneNew []item) {
	var free []item // all of one side
	var freeIsOld bool
	take := func(it item, isOld bool) {
		if len(free) == 0 || freeIsOld == isOld {
			free, freeIsOld = append(free, it), isOld
			return
		}
		other := free[len(free)-1]
		free = free[:len(free)-1]
		if isOld {
			it, other = other, it
		}
		pairedOld, pairedNew = append(pairedOld, other), append(pairedNew, it)
	}
	for len(olds) > 0 || len(news) > 0 {
		if len(news) == 0 || len(olds) > 0 && compareItems(olds[0], news[0]) <= 0 {
			take(olds[0], true)
			olds = olds[1:]
		} else {
			take(news[0], false)
			news = news[1:]
		}
	}
	slices.SortFunc(pairedOld, compareItems)
	slices.SortFunc(pairedNew, compareItems)
	if freeIsOld {
		return pairedOld, pairedNew, free, nil
	}
	return pairedOld, pairedNew, nil, free
}

// kindOf names the change from a to b, which are not the same.
func kindOf(a, b item) Kind {
	switch {
	case !a.Source.Same(b.Source):
		return Moved
	case a.rank != b.rank, a.Requirement != b.Requirement, a.Source != b.Source:
		return Updated
	default:
		return Altered
	}
}

// sortChanges orders the changes of one name by the newer version of each, then
// by everything else that tells them apart.
func sortChanges(changes []Change) {
	if len(changes) < 2 {
		return
	}
	type keyed struct {
		Change
		newest, old item
	}
	list := make([]keyed, len(changes))
	for i, c := range changes {
		list[i].Change = c
		if c.Old != nil {
			list[i].old = items([]*Entry{c.Old})[0]
			list[i].newest = list[i].old
		}
		if c.New != nil {
			list[i].newest = items([]*Entry{c.New})[0]
		}
	}
	slices.SortFunc(list, func(a, b keyed) int {
		// Two changes that agree so far are both of a new entry, or both removals:
		// an entry is in one change only.
		return cmp.Or(compareItems(a.newest, b.newest), cmp.Compare(a.Kind, b.Kind))
	})
	for i := range list {
		changes[i] = list[i].Change
	}
}
