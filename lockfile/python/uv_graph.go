package python

import (
	"strings"

	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/internal/tree"
)

// uvWant is a dependency before all entries are known.
type uvWant struct {
	name, version string // version may be empty
	entry         int32  // that has the dependency
	source        int32  // indexes uv.asked; -1 where none is given
	line          int32
}

// groups reads {GROUP = [dependencies]}, of extras and of dependency groups.
func (u *uv) groups(t *tree.Table) error {
	for _, pair := range t.Pairs {
		if pair.Value.Kind != tree.Array {
			return u.errorf(pair.Line(), "dependencies of %.80q are %s: want an array", pair.Key, pair.Value.Kind)
		}
		if err := u.dependencies(pair.Value.Elems); err != nil {
			return err
		}
	}
	return nil
}

// uvDependency are the keys of a dependency. Extra and marker say when it counts,
// not what it is.
var uvDependency = map[string]tree.Kind{
	"name": tree.String, "version": tree.String, "source": tree.TableKind, "extra": tree.Array, "marker": tree.String,
}

// dependencies notes [{name, version, source, extra, marker}] of the package that
// is being read.
func (u *uv) dependencies(elems []tree.Value) error {
	for _, elem := range elems {
		if elem.Kind != tree.TableKind {
			return u.errorf(elem.Line(), "dependency is %s: want a table", elem.Kind)
		}
		w := uvWant{entry: int32(len(u.file.Entries)), source: -1, line: int32(elem.Line())}
		for _, pair := range elem.Table.Pairs {
			if err := u.check(pair, uvDependency, "a dependency"); err != nil {
				return err
			}
			v := pair.Value
			var err error
			switch pair.Key {
			case "name":
				w.name, err = CanonicalName(v.Text)
			case "version":
				w.version = v.Text
			case "source":
				var s uvSource
				s, err = u.source(v.Table)
				w.source = int32(len(u.asked))
				u.asked = append(u.asked, s)
			}
			if err != nil {
				return u.locate(err, v.Line(), "a dependency", pair.Key)
			}
		}
		if w.name == "" {
			return u.errorf(elem.Line(), "dependency without name")
		}
		u.wants = append(u.wants, w)
	}
	return nil
}

// uvID is what tells packages apart.
type uvID struct {
	name, version string
	source        uvSource
}

// link refuses what is locked twice, and makes edges of wants. uv locks all that
// can be installed, so a dependency that fits no entry is an error.
func (u *uv) link() error {
	ids := make(map[uvID]int32, len(u.file.Entries))
	for i := range u.file.Entries {
		e := &u.file.Entries[i]
		id := uvID{e.Package.Name, e.Package.Version, u.sources[i]}
		if first, twice := ids[id]; twice {
			return u.errorf(e.Line, "package %s %s stands twice, first in line %d", id.name, id.version, u.file.Entries[first].Line)
		}
		ids[id] = int32(i)
	}
	names := newNameIndex(u.file.Entries)
	edges := newEdgeList(u.file.Entries, len(u.wants))
	for _, w := range u.wants {
		if w.source >= 0 {
			if i, found := ids[uvID{w.name, w.version, u.asked[w.source]}]; found {
				edges.add(int(w.entry), w.name, int(i))
				continue
			}
		}
		found := names.each(w.name, func(i int) bool {
			if w.version != "" && w.version != u.file.Entries[i].Package.Version || w.source >= 0 && u.asked[w.source] != u.sources[i] {
				return false
			}
			edges.add(int(w.entry), w.name, i)
			return true
		})
		switch found {
		case noMatch:
			return u.errorf(int(w.line), "dependency %s is not locked: lock again", strings.TrimSpace(w.name+" "+w.version))
		case tooManyForks:
			edges.add(int(w.entry), w.name, -1)
		}
	}
	edges.done()
	return nil
}

// nameIndex finds the entries of a name, without a slice for each.
type nameIndex struct {
	first map[string]int32 // the first entry of a name
	next  []int32          // the next entry of the same name, 0 if there is none
}

func newNameIndex(entries []lockfile.Entry) nameIndex {
	x := nameIndex{make(map[string]int32, len(entries)), make([]int32, len(entries))}
	for i := len(entries) - 1; i >= 0; i-- {
		name := entries[i].Package.Name
		x.next[i] = x.first[name]
		x.first[name] = int32(i)
	}
	return x
}

// match is what a dependency means.
type match uint8

const (
	noMatch match = iota
	matched
	tooManyForks // of one name to look at: maxForks
)

// each calls fits for the entries of one name in their order, and reports whether
// any fits.
func (x nameIndex) each(name string, fits func(entry int) bool) match {
	i, known := x.first[name]
	if !known {
		return noMatch
	}
	forks := 1
	for j := x.next[i]; j != 0 && forks <= maxForks; j = x.next[j] {
		forks++
	}
	if forks > maxForks {
		return tooManyForks
	}
	result := noMatch
	for {
		if fits(int(i)) {
			result = matched
		}
		if i = x.next[i]; i == 0 {
			return result
		}
	}
}

// edgeList gives entries their edges, each target once. Those of one entry must
// be added one after another.
type edgeList struct {
	entries []lockfile.Entry
	edges   []lockfile.Edge
	seen    []int32 // for each target the last entry with an edge to it, plus one
	current int
	from    int // where the edges of current start
}

func newEdgeList(entries []lockfile.Entry, size int) *edgeList {
	return &edgeList{entries: entries, edges: make([]lockfile.Edge, 0, size), seen: make([]int32, len(entries))}
}

func (l *edgeList) add(entry int, name string, target int) {
	if entry != l.current {
		l.done()
		l.current, l.from = entry, len(l.edges)
	}
	if target >= 0 {
		if l.seen[target] == int32(entry)+1 {
			return
		}
		l.seen[target] = int32(entry) + 1
	}
	l.edges = append(l.edges, lockfile.Edge{Name: name, Entry: target})
}

// done hands out the edges of the current entry.
func (l *edgeList) done() {
	if l.from < len(l.edges) {
		l.entries[l.current].Edges = l.edges[l.from:len(l.edges):len(l.edges)]
	}
}
