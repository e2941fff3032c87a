package scan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/lockfile"
)

// role is how a package of a Cargo.lock uses those that it depends on.
type role struct {
	macro bool            // a procedural macro: what it depends on is linked into it
	build map[string]bool // names of packages that its build script uses
}

// closure tells which entries of a Cargo.lock are linked into build code: the
// dependencies of build scripts and procedural macros, and whatever these depend
// on in turn, since it runs inside of them or builds them. Features are not known
// from a lockfile, so optional dependencies that are locked count as used.
type closure struct {
	lockfile *lockfile.Lockfile
	previous []int // the entry before on the way from a root; -1 where none is
	root     []int // the entry whose build code it is; -1 where the entry is not linked into any
	macro    []bool
	names    map[string]bool // of the entries that are linked
}

// closureOf finds a shortest way to each entry, in time linear in entries and
// edges. roles holds nothing for entries that use nothing at build time.
func closureOf(l *lockfile.Lockfile, roles map[int]role) closure {
	n := len(l.Entries)
	c := closure{lockfile: l, previous: make([]int, n), root: make([]int, n), macro: make([]bool, n), names: map[string]bool{}}
	for i := range n {
		c.previous[i], c.root[i] = -1, -1
	}
	var queue []int
	reach := func(i, previous, root int, macro bool) {
		if i >= 0 && i < n && c.root[i] < 0 {
			c.previous[i], c.root[i], c.macro[i] = previous, root, macro
			c.names[l.Entries[i].Package.Name] = true
			queue = append(queue, i)
		}
	}
	for i := range l.Entries {
		r, known := roles[i]
		if !known {
			continue
		}
		for _, edge := range l.Entries[i].Edges {
			if r.build[edge.Name] || r.macro {
				reach(edge.Entry, -1, i, !r.build[edge.Name])
			}
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for _, edge := range l.Entries[at].Edges {
			reach(edge.Entry, at, c.root[at], c.macro[at])
		}
	}
	return c
}

// has reports whether entry i is linked into build code.
func (c closure) has(i int) bool { return c.root[i] >= 0 }

// way says into which build code entry i is linked and by what way: "the build
// script of ring by way of cc -> jobserver -> libc".
func (c closure) way(i int) string {
	var way []int
	for at := i; at >= 0; at = c.previous[at] {
		way = append(way, at)
	}
	slices.Reverse(way)
	names := shortened(len(way), func(i int) string { return c.lockfile.Entries[way[i]].Package.Name })
	if len(names) == 1 {
		return c.into(i)
	}
	return fmt.Sprintf("%s by way of %s", c.into(i), strings.Join(names, " -> "))
}

// into names the build code that entry i is linked into.
func (c closure) into(i int) string {
	root := c.lockfile.Entries[c.root[i]]
	what := "build script"
	if c.macro[i] {
		what = "procedural macro"
	}
	if root.Source.Kind == lockfile.Path {
		return fmt.Sprintf("this repository's own %s %s", what, root.Package.Name)
	}
	if c.macro[i] {
		return fmt.Sprintf("the %s %s", what, root.Package.Name)
	}
	return fmt.Sprintf("the %s of %s", what, root.Package.Name)
}

// usersOf are the entries from which any of the given ones can be reached, these
// included.
func usersOf(l *lockfile.Lockfile, of []int) []int {
	users := make([][]int, len(l.Entries))
	for i := range l.Entries {
		for _, edge := range l.Entries[i].Edges {
			if edge.Entry >= 0 && edge.Entry < len(users) {
				users[edge.Entry] = append(users[edge.Entry], i)
			}
		}
	}
	return reachable(len(l.Entries), of, func(i int) []int { return users[i] })
}

// downstream are the entries that the given ones reach, these included.
func downstream(l *lockfile.Lockfile, of []int) []int {
	return reachable(len(l.Entries), of, func(i int) []int {
		var next []int
		for _, edge := range l.Entries[i].Edges {
			next = append(next, edge.Entry)
		}
		return next
	})
}

// reachable lists, in order, what can be reached among n nodes.
func reachable(n int, from []int, next func(int) []int) []int {
	seen := make([]bool, n)
	var queue, all []int
	visit := func(i int) {
		if i >= 0 && i < n && !seen[i] {
			seen[i] = true
			queue = append(queue, i)
		}
	}
	for _, i := range from {
		visit(i)
	}
	for ; len(queue) > 0; queue = queue[1:] {
		for _, i := range next(queue[0]) {
			visit(i)
		}
	}
	for i, s := range seen {
		if s {
			all = append(all, i)
		}
	}
	return all
}
