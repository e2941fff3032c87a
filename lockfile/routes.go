package lockfile

// Routes are the shortest ways through the edges of a lockfile. A way starts at
// one of the repository's own packages (source Path), at a Direct entry or, since
// not every format tells these, at an entry that nothing depends on. Of several shortest ways it
// is the one through earlier entries.
type Routes struct {
	lockfile *Lockfile
	previous []int // the entry before, -1 at a start
	index    map[*Entry]int
}

// Routes finds the ways to all entries in time linear in entries and edges.
func (l *Lockfile) Routes() Routes {
	const unseen = -2
	r := Routes{lockfile: l, previous: make([]int, len(l.Entries)), index: make(map[*Entry]int, len(l.Entries))}
	needed := make([]bool, len(l.Entries))
	for i, e := range l.Entries {
		r.previous[i] = unseen
		r.index[&l.Entries[i]] = i
		for _, edge := range e.Edges {
			if l.has(edge.Entry) && edge.Entry != i {
				needed[edge.Entry] = true
			}
		}
	}
	queue := make([]int, 0, len(l.Entries))
	start := func(i int) {
		if r.previous[i] == unseen {
			r.previous[i] = -1
			queue = append(queue, i)
		}
	}
	spread := func() {
		for ; len(queue) > 0; queue = queue[1:] {
			for _, edge := range l.Entries[queue[0]].Edges {
				if l.has(edge.Entry) && r.previous[edge.Entry] == unseen {
					r.previous[edge.Entry] = queue[0]
					queue = append(queue, edge.Entry)
				}
			}
		}
	}
	for i, e := range l.Entries {
		if e.Source.Kind == Path || e.Direct || !needed[i] {
			start(i)
		}
	}
	spread()
	// What is left are circles that nothing else leads to.
	for i := range l.Entries {
		start(i)
		spread()
	}
	return r
}

func (l *Lockfile) has(entry int) bool { return entry >= 0 && entry < len(l.Entries) }

// To is the way to an entry, both ends included, as indexes of entries; nil for
// an index that the lockfile does not have.
func (r Routes) To(entry int) []int {
	if !r.lockfile.has(entry) {
		return nil
	}
	n := 0
	for i := entry; i >= 0; i = r.previous[i] {
		n++
	}
	way := make([]int, n)
	for i := entry; i >= 0; i = r.previous[i] {
		n--
		way[n] = i
	}
	return way
}

// Through is the way to an entry without the repository's own packages and
// without the entry itself: the packages that brought it in, the direct
// dependency first. It is empty for a direct dependency. The entry must be one of
// the lockfile's own, not a copy; for any other it is nil.
func (r Routes) Through(e *Entry) []int {
	i, ok := r.index[e]
	if !ok {
		return nil
	}
	way := r.To(i)
	way = way[:len(way)-1]
	for len(way) > 0 && r.lockfile.Entries[way[0]].Source.Kind == Path {
		way = way[1:]
	}
	return way
}

// Through is l.Routes().Through(e), for a single question.
func (l *Lockfile) Through(e *Entry) []int { return l.Routes().Through(e) }
