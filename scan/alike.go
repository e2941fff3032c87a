package scan

import (
	"fmt"
	"strings"
	"sync"

	"github.com/lockkeeper/lockkeeper/lockfile"
)

// lookAlikes finds names of one lockfile that a reviewer could take for one another.
type lookAlikes struct {
	sides  []*lockfile.Lockfile
	once   sync.Once            // makes what follows
	names  map[string][]string  // by what is seen at a glance
	nearby map[string][]spelled // by what is seen at a glance with one letter left out, or none
}

// spelled is a name and what is seen of it at a glance.
type spelled struct{ name, glance string }

// Bounds of comparing names.
const (
	// shortest name of which one letter may differ: among shorter ones too many do.
	shortest = 6
	// maxAlike bounds the names kept for one glance; one other is all that is told.
	maxAlike = 4
	// maxNearby bounds the names of a lockfile that are compared letter by letter.
	maxNearby = 5000
)

// lookAlikesOf is about all names of both sides of a lockfile.
func lookAlikesOf(sides ...*lockfile.Lockfile) *lookAlikes { return &lookAlikes{sides: sides} }

func (a *lookAlikes) index() {
	a.names, a.nearby = map[string][]string{}, map[string][]spelled{}
	seen := map[string]bool{}
	for _, l := range a.sides {
		if l == nil {
			continue
		}
		for _, e := range l.Entries {
			name := e.Package.Name
			if seen[name] {
				continue
			}
			seen[name] = true
			glance := atAGlance(name)
			keep(a.names, glance, name)
			if len(seen) > maxNearby || len(name) < shortest {
				continue
			}
			keep(a.nearby, glance, spelled{name, glance})
			for i := range glance {
				keep(a.nearby, glance[:i]+glance[i+1:], spelled{name, glance})
			}
		}
	}
}

func keep[T any](index map[string][]T, key string, value T) {
	if len(index[key]) < maxAlike {
		index[key] = append(index[key], value)
	}
}

// glances are letters that are taken for others; digraphs first.
var glances = strings.NewReplacer("rn", "m", "vv", "w", "cl", "d", "0", "o", "1", "l", "i", "l", "5", "s", "8", "b", "-", "", "_", "", ".", "")

// atAGlance is what stays of a name at a quick look.
func atAGlance(name string) string { return glances.Replace(strings.ToLower(name)) }

// LookAlike says for each name that is new or changed from old to new what findings
// about it say of a similar one, by name.
func LookAlike(old, new *lockfile.Lockfile) map[string]string {
	alike, found := lookAlikesOf(new, old), map[string]string{}
	for _, c := range lockfile.Diff(old, new) {
		if c.New == nil {
			continue
		}
		if text := alike.like(c.New.Package.Name); text != "" {
			found[c.New.Package.Name] = text
		}
	}
	return found
}

// like says what is alike about another name of the lockfile, in words that go on
// after "its name"; empty if no other is.
func (a *lookAlikes) like(name string) string {
	if a == nil {
		return ""
	}
	a.once.Do(a.index)
	glance := atAGlance(name)
	for _, other := range a.names[glance] {
		if other != name {
			return fmt.Sprintf("looks like %s, another package of this lockfile", other)
		}
	}
	if len(name) < shortest {
		return ""
	}
	near := func(key string) string {
		for _, other := range a.nearby[key] {
			if other.name != name && oneOff(glance, other.glance) {
				return fmt.Sprintf("is one letter away from %s, another package of this lockfile", other.name)
			}
		}
		return ""
	}
	for i := range glance {
		if text := near(glance[:i] + glance[i+1:]); text != "" {
			return text
		}
	}
	return near(glance)
}

// oneOff reports whether one letter is another, one too many, or exchanged with its
// neighbour.
func oneOff(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	switch len(b) - len(a) {
	case 0:
		if i == len(a) {
			return true
		}
		return a[i+1:] == b[i+1:] || i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
	case 1:
		return a[i:] == b[i+1:]
	}
	return false
}
