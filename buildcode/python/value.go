package python

import (
	"path"
	"slices"
	"strings"
)

// value is a set of things that an expression may be. The zero value says that
// nothing was learnt, which readers must take for anything. A value is never
// changed in place. Joining only ever adds, and every set is bounded, so that
// the analysis comes to an end.
type value struct {
	// unknown: it may be something else besides.
	unknown bool
	// paths are things with a name:
	//
	//	os.system          of another module, as it is imported
	//	@setup.py          a module or script of the archive; @dir/ a namespace package
	//	@setup.py:C.run    a function or class in it
	//	?.system           an attribute of something unknown
	//	globals()          the dictionary of the module's names
	paths []string
	// strs are strings, bytes and file system paths, with hole for unknown parts.
	// A relative path is relative to the root of the archive.
	strs []string
	// files are contents of files in the archive, or open files, by path; with
	// pieceOf before it, what is made of one.
	files []string
	list  *list
}

// list is a list, tuple, set or dictionary (its values).
type list struct {
	head, rest value
	// empty: the list may be empty, so that what is appended may become its head.
	empty bool
	// items are the elements in order where they are exactly known.
	items []value
	exact bool
}

const (
	maxPaths  = 48 // of the archive; those of modules outside are few by nature
	maxStrs   = 12
	maxItems  = 64
	maxFolded = 1024 // bytes of a computed string
	maxDepth  = 2    // of lists in lists
)

var anything = value{unknown: true}

func pathValue(paths ...string) value { return value{paths: paths} }

func strValue(s string) value { return value{strs: []string{folded(s)}} }

// folded cuts a computed string.
func folded(s string) string {
	if len(s) > maxFolded {
		return s[:maxFolded] + hole
	}
	return s
}

func listValue(items []value) value {
	l := &list{empty: len(items) == 0}
	for i, v := range items {
		v = v.shallow(maxDepth)
		if i == 0 {
			l.head = v
		} else {
			l.rest = join(l.rest, v)
		}
		if len(l.items) < maxItems {
			l.items = append(l.items, v)
		}
	}
	l.exact = len(items) <= maxItems
	if !l.exact {
		l.items = nil
	}
	return value{list: l}
}

// rests is a list whose order is not known.
func rests(head, rest value) value {
	return value{list: &list{head: head.shallow(maxDepth), rest: rest.shallow(maxDepth)}}
}

// empty: nothing was learnt.
func (v value) empty() bool {
	return !v.unknown && len(v.paths) == 0 && len(v.strs) == 0 && len(v.files) == 0 && v.list == nil
}

// shallow cuts lists nested more than depth deep. What they hold of names is kept.
func (v value) shallow(depth int) value {
	if v.nests(depth) {
		return v
	}
	if depth <= 0 {
		flat := v.elements(0)
		v.list = nil
		v = join(v, flat)
		v.list, v.unknown = nil, true
		return v
	}
	l := &list{head: v.list.head.shallow(depth - 1), rest: v.list.rest.shallow(depth - 1), empty: v.list.empty, exact: v.list.exact}
	for _, item := range v.list.items {
		l.items = append(l.items, item.shallow(depth-1))
	}
	v.list = l
	return v
}

// nests reports whether no lists in v are nested more than depth deep.
func (v value) nests(depth int) bool {
	if v.list == nil {
		return true
	}
	if depth <= 0 || !v.list.head.nests(depth-1) || !v.list.rest.nests(depth-1) {
		return false
	}
	return !slices.ContainsFunc(v.list.items, func(item value) bool { return !item.nests(depth - 1) })
}

// elements is what iterating over v yields, with lists in lists flattened as
// deep as depth says, for unpacking.
func (v value) elements(depth int) value {
	out := value{unknown: v.unknown || len(v.strs) > 0, files: v.files}
	if v.list != nil {
		out = join(out, join(v.list.head, v.list.rest))
	}
	if depth > 0 && out.list != nil {
		out = join(out, out.elements(depth-1))
	}
	return out
}

// at is the element i of v.
func (v value) at(i int) value {
	if v.list == nil {
		return v.elements(0)
	}
	if v.list.exact && i >= 0 && i < len(v.list.items) && !v.unknown {
		return v.list.items[i]
	}
	if i == 0 {
		out := v.list.head
		out.unknown = out.unknown || v.unknown
		return out
	}
	return v.elements(0)
}

func join(a, b value) value {
	if b.empty() {
		return a
	}
	if a.empty() {
		return b
	}
	if a.covers(b) {
		return a
	}
	out := value{unknown: a.unknown || b.unknown}
	var full bool
	out.paths = unionPaths(a.paths, b.paths)
	out.strs = union(a.strs, b.strs, maxStrs, &full)
	out.files = union(a.files, b.files, maxStrs, &full)
	out.unknown = out.unknown || full
	out.list = joinLists(a.list, b.list)
	return out
}

// covers reports whether joining w to v gives v. Most of what is joined is known
// already, and nothing is allocated to see that.
func (v value) covers(w value) bool {
	return (v.unknown || !w.unknown) && coversPaths(v.paths, w.paths) && coversStrings(v.strs, w.strs, v.unknown) && coversStrings(v.files, w.files, v.unknown) &&
		coversList(v.list, w.list)
}

func coversPaths(a, b []string) bool {
	if begins(a, b) {
		return true
	}
	at := 0
	for _, p := range b {
		if at = follow(a, p, at); at < 0 {
			if len(a) < maxPaths || !strings.HasPrefix(p, "@") || !slices.Contains(a, manyNames) {
				return false
			}
			at = 0
		}
	}
	return true
}

// begins reports whether a is b and what was added to it, which costs nothing to see
// where b was handed on as it is.
func begins(a, b []string) bool {
	return len(b) == 0 || len(a) >= len(b) && &a[0] == &b[0]
}

// follow looks for s in a, first from index at on, and returns the index behind it;
// -1 if s is not there. Sets that were made from one another are in one order.
func follow(a []string, s string, at int) int {
	if i := slices.Index(a[at:], s); i >= 0 {
		return at + i + 1
	}
	if i := slices.Index(a[:at], s); i >= 0 {
		return i + 1
	}
	return -1
}

// coversStrings: a full set takes no more, and then the value is unknown.
func coversStrings(a, b []string, unknown bool) bool {
	if begins(a, b) {
		return true
	}
	at := 0
	for _, s := range b {
		if at = follow(a, s, at); at < 0 {
			return unknown && len(a) >= maxStrs
		}
	}
	return true
}

func coversList(a, b *list) bool {
	if b == nil || a == b {
		return true
	}
	return a != nil && (a.empty || !b.empty) && (!a.exact || b.exact && slices.EqualFunc(a.items, b.items, value.equal)) && a.head.joins(b.head) && a.rest.joins(b.rest)
}

// joins is covers where either may be empty.
func (v value) joins(w value) bool { return w.empty() || !v.empty() && v.covers(w) }

func joinLists(a, b *list) *list {
	if a == nil || a == b {
		return b
	}
	if coversList(a, b) {
		return a
	}
	out := &list{head: join(a.head, b.head), rest: join(a.rest, b.rest), empty: a.empty || b.empty}
	if a.exact && b.exact && slices.EqualFunc(a.items, b.items, value.equal) {
		out.items, out.exact = a.items, true
	}
	return out
}

// manyNames stands for functions and classes of the archive that no longer fit
// into a value: any of them may be meant.
const manyNames = "!"

// unionPaths adds b to a. Beyond maxPaths names of the archive are taken together.
func unionPaths(a, b []string) []string {
	if len(a) == 0 && len(b) <= maxPaths {
		return b
	}
	out := slices.Clip(a)
	at := 0
	for i, p := range b {
		if found := follow(a, p, at); found >= 0 {
			at = found
			continue
		}
		if slices.Contains(out[len(a):], p) {
			continue
		}
		if len(out) >= maxPaths && strings.HasPrefix(p, "@") {
			if p = manyNames; slices.Contains(out, p) {
				continue
			}
		}
		out = append(grown(out, a, len(b)-i), p)
	}
	return out
}

// grown is out with room for n more, at once and apart from a.
func grown(out, a []string, n int) []string {
	if len(out) == len(a) {
		return slices.Grow(slices.Clip(out), n)
	}
	return out
}

// names is v without its strings: what must not be forgotten of it when it is
// taken for unknown otherwise.
func (v value) names() value {
	out := value{unknown: true, paths: v.paths, files: v.files}
	if v.list != nil {
		if all := v.elements(maxDepth).paths; len(all) > 0 {
			out.list = &list{head: value{unknown: true, paths: all}, rest: value{unknown: true, paths: all}, empty: true}
		}
	}
	return out
}

// union adds b to a until limit, and keeps what a has: sets only grow.
func union(a, b []string, limit int, full *bool) []string {
	if len(a) == 0 && len(b) <= limit {
		return b
	}
	out := slices.Clip(a)
	for i, s := range b {
		if slices.Contains(out, s) {
			continue
		}
		if len(out) >= limit {
			*full = true
			break
		}
		out = append(grown(out, a, len(b)-i), s)
	}
	return out
}

func (v value) equal(w value) bool {
	if v.unknown != w.unknown || !slices.Equal(v.paths, w.paths) || !slices.Equal(v.strs, w.strs) || !slices.Equal(v.files, w.files) {
		return false
	}
	if v.list == nil || w.list == nil {
		return v.list == w.list
	}
	a, b := v.list, w.list
	return a == b || a.empty == b.empty && a.exact == b.exact && a.head.equal(b.head) && a.rest.equal(b.rest) && slices.EqualFunc(a.items, b.items, value.equal)
}

// text is v as parts of a larger string: its strings, and a hole for the rest.
func (v value) text() []string {
	out := v.strs
	if v.unknown || len(out) == 0 || len(v.paths) > 0 || len(v.files) > 0 || v.list != nil {
		out = append(slices.Clip(out), hole)
	}
	return out
}

// combine applies f to every pair of texts of a and b.
func combine(a, b value, f func(x, y string) string) value {
	xs, ys := a.text(), b.text()
	out := value{strs: make([]string, 0, min(len(xs)*len(ys), maxStrs))}
	seen := 0
	for _, x := range xs {
		for _, y := range ys {
			if seen++; seen > maxStrs {
				return join(out, strValue(hole))
			}
			if s := folded(f(x, y)); !slices.Contains(out.strs, s) {
				out.strs = append(out.strs, s)
			}
		}
	}
	return out
}

// each applies f to every string of v; what is not a string becomes unknown.
func (v value) each(f func(string) string) value {
	out := value{unknown: v.unknown || len(v.paths) > 0 || v.list != nil, files: v.files}
	for _, s := range v.strs {
		out = join(out, strValue(f(s)))
	}
	if len(v.strs) == 0 && len(v.files) == 0 {
		out.unknown = true
	}
	return out
}

// literals are the strings of v without holes, and whether they are all it can be.
func (v value) literals() (texts []string, all bool) {
	all = !v.unknown && len(v.paths) == 0 && len(v.files) == 0 && v.list == nil && len(v.strs) > 0
	for _, s := range v.strs {
		if strings.Contains(s, hole) {
			all = false
			continue
		}
		texts = append(texts, s)
	}
	return texts, all
}

// add is Python's + on strings and lists.
func add(a, b value) value {
	if a.list == nil && b.list == nil {
		out := combine(a, b, func(x, y string) string { return x + y })
		if len(a.files)+len(b.files) > 0 {
			out.unknown = true
			out.files = union(pieces(a.files), pieces(b.files), maxStrs, &out.unknown)
		}
		return out
	}
	if a.list != nil && b.list != nil && a.list.exact && b.list.exact && !a.unknown && !b.unknown {
		return listValue(slices.Concat(a.list.items, b.list.items))
	}
	head, rest := a.elements(0), join(a.elements(0), b.elements(0))
	if a.list != nil && !a.unknown {
		head, rest = a.list.head, join(a.list.rest, b.elements(0))
		if a.list.empty {
			head = join(head, b.at(0))
		}
	}
	if a.list == nil {
		head = join(head, anything)
	}
	if b.list == nil {
		rest = join(rest, anything)
	}
	return rests(head, rest)
}

// appended is list v after an unknown number of appends of item.
func appended(v, item value, front bool) value {
	if v.list == nil {
		return join(v, rests(anything, item))
	}
	l := &list{head: v.list.head, rest: join(v.list.rest, item.shallow(maxDepth-1)), empty: v.list.empty}
	if front || l.empty {
		l.head = join(l.head, item.shallow(maxDepth-1))
	}
	return value{unknown: v.unknown, paths: v.paths, strs: v.strs, files: v.files, list: l}
}

// joinPath is os.path.join on two texts. Holes count as relative.
func joinPath(a, b string) string {
	if strings.HasPrefix(b, "/") || a == "" {
		return b
	}
	return a + "/" + b
}

// cleanPath normalizes a path without holes.
func cleanPath(s string) string {
	if s == "" {
		return ""
	}
	return path.Clean(strings.ReplaceAll(s, `\`, "/"))
}
