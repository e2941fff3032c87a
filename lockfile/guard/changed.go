package guard

import "strings"

// Change is one setting that differs between two versions of a file.
type Change struct {
	Setting // the new one; the old one, with the line that it had, where Removed
	// Was is the text that the old version has in its place; empty if it has none.
	Was     string
	Removed bool
}

// Changed are the settings of new that old does not have or has otherwise, in the
// order of new, and then those that new has lost, in the order of old. Where a
// setting stands in its file makes no difference, except within a list: an element
// that others were put before is no change, but elements that changed places are,
// since the first index may be the one that counts.
func Changed(old, new []Setting) []Change {
	before, after := lists(old), lists(new)
	was := make([]int, len(new)) // in old, for what changed; kept or -1
	lost := make([]bool, len(old))
	for name, olds := range before {
		if len(after[name]) == 0 {
			for _, i := range olds {
				lost[i] = true
			}
		}
	}
	for name, news := range after {
		compare(old, new, before[name], news, was, lost)
	}
	var changes []Change
	for i, s := range new {
		switch {
		case was[i] == kept:
		case was[i] < 0:
			changes = append(changes, Change{Setting: s})
		default:
			changes = append(changes, Change{Setting: s, Was: old[was[i]].Text})
		}
	}
	for i, s := range old {
		if lost[i] {
			changes = append(changes, Change{Setting: s, Removed: true})
		}
	}
	return changes
}

const kept = -2

// lists groups settings by key, the elements of one list together.
func lists(settings []Setting) map[string][]int {
	m := make(map[string][]int, len(settings))
	for i, s := range settings {
		name := s.Key
		if strings.HasSuffix(name, "]") {
			name = name[:strings.LastIndexByte(name, '[')]
		}
		m[name] = append(m[name], i)
	}
	return m
}

// compare fills was and lost for one list, or for the one setting of a key.
func compare(old, new []Setting, olds, news []int, was []int, lost []bool) {
	count := map[string]int{} // of old, not yet found in new
	for _, i := range olds {
		count[string(old[i].Digest)]++
	}
	var common []int // of new
	var added []int
	for _, i := range news {
		if d := string(new[i].Digest); count[d] > 0 {
			count[d]--
			common = append(common, i)
		} else {
			added = append(added, i)
		}
	}
	// The same elements of old, in its order; of equal ones the last are the surplus.
	var same, gone []int
	surplus := count
	for j := len(olds) - 1; j >= 0; j-- {
		i := olds[j]
		if d := string(old[i].Digest); surplus[d] > 0 {
			surplus[d]--
			gone = append(gone, i)
		} else {
			same = append(same, i)
		}
	}
	for j, i := range common {
		was[i] = kept
		if o := same[len(same)-1-j]; old[o].Digest != new[i].Digest {
			was[i] = o
		}
	}
	// What was added in the very place of what is gone was changed.
	places := make(map[string]int, len(gone))
	for _, i := range gone {
		lost[i] = true
		places[old[i].Key] = i
	}
	for _, i := range added {
		was[i] = -1
		if o, ok := places[new[i].Key]; ok {
			was[i], lost[o] = o, false
		}
	}
}
