package main

// way is another way of keeping a list: it asks about each locked release with
// build-time code whose key is not on the list yet, and puts it there.
type way struct {
	name    string
	key     func(release) string
	listed  map[string]bool
	asked   int
	stopped int // changes
	others  int // entries of lists that this one sums up
}

// otherWays are those that Lockkeeper is compared with.
func otherWays() []*way {
	ways := []*way{
		{name: "by name", key: func(r release) string { return string(r.ecosystem) + "/" + r.name }},
		{name: "by name and version", key: func(r release) string { return string(r.ecosystem) + "/" + r.name + "@" + r.version }},
		{name: "by build code hash alone", key: func(r release) string { return string(r.code) }},
	}
	for _, w := range ways {
		w.listed = map[string]bool{}
	}
	return ways
}

// accept puts releases on the list and says how many were not there.
func (w *way) accept(all []release) int {
	added := 0
	for _, r := range all {
		if key := w.key(r); !w.listed[key] {
			w.listed[key] = true
			added++
		}
	}
	return added
}

// step is one change that leads to these releases.
func (w *way) step(all []release) {
	asked := w.accept(all)
	w.asked += asked
	if asked > 0 {
		w.stopped++
	}
}

// entries is how long the list is.
func (w *way) entries() int { return len(w.listed) + w.others }
