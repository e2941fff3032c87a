package scan

import (
	"cmp"
	"path"
	"slices"

	"github.com/lockkeeper/lockkeeper/lockfile"
)

// joinMoves makes one pair of a lockfile that is gone and a new one that takes its
// place: renamed, moved to another directory, or of another format, as when
// uv.lock replaces requirements.txt. What both lock is then compared, instead of
// being new as a whole. Which belong together is decided by what they lock: at
// least half of the packages of the smaller one, the most alike first.
//
// The gone one keeps no pair of its own: all of its packages are in the joined
// one, those that are left out as Removed.
func joinMoves(pairs []pair) []pair {
	type match struct {
		gone, come int // indexes of pairs
		shared     int
		near       int // the same format, name and directory count
	}
	var matches []match
	// Each name is numbered once, so that comparing many lockfiles with many others
	// costs a look at a list of numbers and no hashing.
	numbers := map[string]int{}
	names := make([][]int, len(pairs)) // of the pairs with one side
	for i, p := range pairs {
		if (p.old == nil) != (p.new == nil) {
			names[i] = namesOf(p.newest(), numbers)
		}
	}
	member := make([]bool, len(numbers))
	for i, gone := range pairs {
		if gone.new != nil || gone.old == nil {
			continue
		}
		for _, n := range names[i] {
			member[n] = true
		}
		for j, come := range pairs {
			if come.old != nil || come.new == nil || gone.old.Format.Ecosystem() != come.new.Format.Ecosystem() {
				continue
			}
			shared := 0
			for _, n := range names[j] {
				if member[n] {
					shared++
				}
			}
			if smaller := min(len(names[i]), len(names[j])); shared > 0 && 2*shared >= smaller {
				matches = append(matches, match{i, j, shared, nearness(gone.old, come.new)})
			}
		}
		for _, n := range names[i] {
			member[n] = false
		}
	}
	slices.SortStableFunc(matches, func(a, b match) int {
		return cmp.Or(cmp.Compare(b.shared, a.shared), cmp.Compare(b.near, a.near))
	})
	joined := make([]bool, len(pairs))
	for _, m := range matches {
		if joined[m.gone] || joined[m.come] {
			continue
		}
		joined[m.gone], joined[m.come] = true, true
		pairs[m.come].old = pairs[m.gone].old
	}
	kept := make([]pair, 0, len(pairs))
	for i, p := range pairs {
		if !joined[i] || p.new != nil {
			kept = append(kept, p)
		}
	}
	return kept
}

// namesOf are the different names that l locks, as numbers, which it gives to those
// that have none yet.
func namesOf(l *lockfile.Lockfile, numbers map[string]int) []int {
	names := make([]int, 0, len(l.Entries))
	for _, e := range l.Entries {
		n, known := numbers[e.Package.Name]
		if !known {
			n = len(numbers)
			numbers[e.Package.Name] = n
		}
		names = append(names, n)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func nearness(a, b *lockfile.Lockfile) int {
	n := 0
	for _, same := range []bool{a.Format == b.Format, path.Base(a.Path) == path.Base(b.Path), path.Dir(a.Path) == path.Dir(b.Path)} {
		if same {
			n++
		}
	}
	return n
}
