package lockfile

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lockkeeper/lockkeeper"
)

// entry reads "name version [key=value ...]": from (a registry's URL), git, path,
// url, at (a revision), ref, req, sums (letters, each a digest), alt (a hash of
// another algorithm), marker.
func entry(t testing.TB, eco lockkeeper.Ecosystem, line int, s string) Entry {
	t.Helper()
	words := strings.Fields(s)
	e := Entry{Package: lockkeeper.Package{Ecosystem: eco, Name: words[0]}, Source: Source{Kind: Registry}, Line: line}
	for _, w := range words[1:] {
		key, value, found := strings.Cut(w, "=")
		switch {
		case !found:
			e.Package.Version = w
		case key == "from":
			e.Source.URL = value
		case key == "git" || key == "path" || key == "url":
			e.Source = Source{Kind: SourceKind(key), URL: value}
		case key == "at":
			e.Source.Revision = value
		case key == "ref":
			e.Source.Reference = value
		case key == "req":
			e.Requirement = value
		case key == "sums":
			for _, r := range value {
				e.Files = append(e.Files, File{Digest: lockkeeper.Sum([]byte(string(r)))})
			}
		case key == "alt":
			e.Files = append(e.Files, File{Other: []string{"sha512:" + value}})
		case key == "marker":
			e.Marker = value
		default:
			t.Fatalf("entry %q", s)
		}
	}
	return e
}

// side is a lockfile with an entry a line; "-" is no file.
func side(t testing.TB, f Format, s string) *Lockfile {
	if s == "-" {
		return nil
	}
	l := &Lockfile{Path: "lock", Format: f}
	for i, line := range strings.Split(s, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			l.Entries = append(l.Entries, entry(t, f.Ecosystem(), i+1, line))
		}
	}
	return l
}

func text(changes []Change) []string {
	var out []string
	half := func(e *Entry) string {
		if e == nil {
			return ""
		}
		s := e.Package.Version + e.Requirement
		if e.Source != (Source{Kind: Registry}) {
			s += fmt.Sprintf("(%s %s%s%s)", e.Source.Kind, e.Source.URL, e.Source.Revision, e.Source.Reference)
		}
		return s
	}
	for _, c := range changes {
		name := ""
		if c.New != nil {
			name = c.New.Package.Name
		} else {
			name = c.Old.Package.Name
		}
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s > %s", c.Kind, name, half(c.Old), half(c.New))))
	}
	return out
}

func TestDiff(t *testing.T) {
	for _, c := range []struct {
		name     string
		format   Format
		old, new string
		want     []string
	}{
		{"no files", Cargo, "-", "-", nil},
		{"new file", Cargo, "-", "b 1.0.0\na 1.0.0", []string{"added a  > 1.0.0", "added b  > 1.0.0"}},
		{"file gone", Cargo, "a 1.0.0", "-", []string{"removed a 1.0.0 >"}},
		{"same in another order", Cargo, "a 1.0.0 sums=xy\nb 1.0.0", "b 1.0.0\na 1.0.0 sums=yx", nil},
		{"twice is once", Cargo, "a 1.0.0\na 1.0.0", "a 1.0.0", nil},
		{"marker alone", Poetry, "a 1.0 marker=x", "a 1.0 marker=y", nil},
		{"update", Cargo, "a 1.0.0 sums=x", "a 1.0.1 sums=y", []string{"updated a 1.0.0 > 1.0.1"}},
		{"downgrade", Cargo, "a 1.0.1", "a 1.0.0", []string{"updated a 1.0.1 > 1.0.0"}},
		{"altered", Cargo, "a 1.0.0 sums=x", "a 1.0.0 sums=y", []string{"altered a 1.0.0 > 1.0.0"}},
		{"more wheels", Poetry, "a 1.0 sums=x", "a 1.0 sums=xy", []string{"altered a 1.0 > 1.0"}},
		{"other hash", Pylock, "a 1.0 alt=x", "a 1.0 alt=y", []string{"altered a 1.0 > 1.0"}},
		{"same other hash", Pylock, "a 1.0 sums=x alt=x", "a 1.0 alt=x sums=x", nil},
		{"hashes adopted", Requirements, "a 1.0", "a 1.0 sums=x", []string{"altered a 1.0 > 1.0"}},
		{"moved", Cargo, "a 1.0.0", "a 1.0.0 from=u", []string{"moved a 1.0.0 > 1.0.0(registry u)"}},
		{"moved and updated", Cargo, "a 1.0.0", "a 2.0.0 git=u at=1", []string{"moved a 1.0.0 > 2.0.0(git u1)"}},
		{"path to registry", Cargo, "a 1.0.0 path=", "a 1.0.0 sums=x", []string{"moved a 1.0.0(path ) > 1.0.0"}},
		{"registry to path", Cargo, "a 1.0.0 sums=x", "a 1.0.0 path=", []string{"moved a 1.0.0 > 1.0.0(path )"}},
		{"member beside its release", Cargo, "a 1.0.0 path=", "a 1.0.0 path=\na 0.9.0 sums=x", []string{"added a  > 0.9.0"}},
		{"another revision", Cargo, "a 1.0.0 git=u at=1", "a 1.0.0 git=u at=2", []string{"updated a 1.0.0(git u1) > 1.0.0(git u2)"}},
		{"another reference", Cargo, "a 1.0.0 git=u at=1 ref=x", "a 1.0.0 git=u at=1 ref=y", []string{"updated a 1.0.0(git u1x) > 1.0.0(git u1y)"}},
		{"version spelt otherwise", Requirements, "a 1.0 sums=x", "a 1.0.0.0 sums=x", nil},
		{"build metadata", Cargo, "a 1.0.0+x", "a 1.0.0+y", []string{"updated a 1.0.0+x > 1.0.0+y"}},
		{"lines kept apart", Cargo, "a 1.0.1\na 2.0.1", "a 1.0.2\na 2.0.5", []string{"updated a 1.0.1 > 1.0.2", "updated a 2.0.1 > 2.0.5"}},
		{"line before nearness", Cargo, "a 0.9.0\na 1.0.0", "a 1.9.0\na 2.0.0", []string{"updated a 1.0.0 > 1.9.0", "updated a 0.9.0 > 2.0.0"}},
		{"same version before line", Cargo, "a 1.0.0\na 1.1.0", "a 1.1.0 from=u\na 1.0.5", []string{"updated a 1.0.0 > 1.0.5", "moved a 1.1.0 > 1.1.0(registry u)"}},
		{"same source before another", Cargo, "a 1.0.0\na 1.0.1 from=u", "a 1.0.2 from=u\na 1.0.3", []string{"updated a 1.0.1(registry u) > 1.0.2(registry u)", "updated a 1.0.0 > 1.0.3"}},
		{"second major", Cargo, "syn 2.0.1", "syn 2.0.2\nsyn 3.0.0", []string{"updated syn 2.0.1 > 2.0.2", "added syn  > 3.0.0"}},
		{"majors merged", Cargo, "a 1.0.0\na 2.0.0", "a 2.0.0", []string{"removed a 1.0.0 >"}},
		{"nearest of many", Cargo, "a 1.0.0\na 1.5.0", "a 1.5.1", []string{"removed a 1.0.0 >", "updated a 1.5.0 > 1.5.1"}},
		{"in order", Cargo, "a 1.0.0\na 1.1.0", "a 1.2.0\na 1.3.0", []string{"updated a 1.0.0 > 1.2.0", "updated a 1.1.0 > 1.3.0"}},
		{"requirement", Requirements, "a req=a>1", "a req=a>2", []string{"updated a a>1 > a>2"}},
		{"requirement pinned", Requirements, "a req=a>1", "a 1.2", []string{"updated a a>1 > 1.2"}},
		{"requirement unpinned", Requirements, "a 1.2", "a req=a>1", []string{"updated a 1.2 > a>1"}},
		{"requirement's digests", Requirements, "a req=a>1 sums=x", "a req=a>1 sums=y", []string{"altered a a>1 > a>1"}},
		{"requirement's revision", Requirements, "a git=u at=1 req=u@1", "a git=u at=2 req=u@2", []string{"updated a u@1(git u1) > u@2(git u2)"}},
		{"forks", Poetry, "a 1.0\na 2.0", "a 1.1\na 2.0\na 3.0", []string{"updated a 1.0 > 1.1", "added a  > 3.0"}},
		{"name order", Cargo, "a-b 1.0.0\na 1.0.0\nB 1.0.0", "-", []string{"removed B 1.0.0 >", "removed a 1.0.0 >", "removed a-b 1.0.0 >"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := text(Diff(side(t, c.format, c.old), side(t, c.format, c.new)))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// lockfiles draws small lockfiles in which names, versions and sources collide.
func lockfiles() *rapid.Generator[*Lockfile] {
	return rapid.Custom(func(t *rapid.T) *Lockfile {
		if rapid.IntRange(0, 20).Draw(t, "missing") == 0 {
			return nil
		}
		l := &Lockfile{Format: Poetry}
		for range rapid.IntRange(0, 12).Draw(t, "n") {
			e := Entry{
				Package: lockkeeper.Package{
					Ecosystem: lockkeeper.PyPI,
					Name:      rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name"),
					Version:   rapid.SampledFrom([]string{"", "1", "1.0", "1.0.0.0", "1.1", "1.2rc1", "2.0", "2.1", "3", "junk"}).Draw(t, "version"),
				},
				Source: Source{
					Kind:     rapid.SampledFrom([]SourceKind{Registry, Registry, Git, Path}).Draw(t, "kind"),
					URL:      rapid.SampledFrom([]string{"", "", "u"}).Draw(t, "url"),
					Revision: rapid.SampledFrom([]string{"", "1"}).Draw(t, "revision"),
				},
				Marker: rapid.SampledFrom([]string{"", "m"}).Draw(t, "marker"),
				Line:   rapid.IntRange(1, 3).Draw(t, "line"),
			}
			if e.Package.Version == "" {
				e.Requirement = rapid.SampledFrom([]string{">1", ">2", ">3"}).Draw(t, "requirement")
			}
			for _, d := range rapid.SliceOfN(rapid.SampledFrom([]string{"x", "y"}), 0, 3).Draw(t, "digests") {
				f := File{Digest: lockkeeper.Digest(d)}
				switch rapid.IntRange(0, 4).Draw(t, "hashes") {
				case 0:
					f = File{Other: []string{"sha512:" + d}}
				case 1:
					f.Other = []string{"sha512:" + d}
				}
				e.Files = append(e.Files, f)
			}
			l.Entries = append(l.Entries, e)
		}
		return l
	})
}

// identities is what a lockfile locks, as a set.
func identities(entries []Entry) map[string]bool {
	set := map[string]bool{}
	for i := range entries {
		set[identity(&entries[i])] = true
	}
	return set
}

// identity spells out independently of Diff what makes entries the same.
func identity(e *Entry) string {
	version := e.Package.Version
	for strings.HasSuffix(version, ".0") {
		version = strings.TrimSuffix(version, ".0")
	}
	var digests []string
	for _, f := range e.Files {
		digests = append(append(digests, string(f.Digest)), f.Other...)
	}
	slices.Sort(digests)
	digests = slices.DeleteFunc(digests, func(d string) bool { return d == "" })
	return fmt.Sprintf("%q", append([]string{e.Package.Name, version, string(e.Source.Kind), e.Source.URL, e.Source.Revision, e.Requirement}, slices.Compact(digests)...))
}

func entries(l *Lockfile) []Entry {
	if l == nil {
		return nil
	}
	return l.Entries
}

func TestDiffOfItselfIsEmpty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := lockfiles().Draw(t, "l")
		if changes := Diff(l, l); len(changes) > 0 {
			t.Fatalf("%v", text(changes))
		}
	})
}

func TestDiffAppliedGivesNew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old, new := lockfiles().Draw(t, "old"), lockfiles().Draw(t, "new")
		set := identities(entries(old))
		seen := map[*Entry]bool{}
		for _, c := range Diff(old, new) {
			if (c.Old == nil) != (c.Kind == Added) || (c.New == nil) != (c.Kind == Removed) {
				t.Fatalf("%s with sides %v and %v", c.Kind, c.Old, c.New)
			}
			if c.Old != nil && c.New != nil {
				same := c.Old.Source.Same(c.New.Source)
				if same == (c.Kind == Moved) || c.Old.Package.Name != c.New.Package.Name {
					t.Fatalf("%s from %+v to %+v", c.Kind, *c.Old, *c.New)
				}
			}
			if c.Old != nil {
				if id := identity(c.Old); seen[c.Old] || !set[id] {
					t.Fatalf("%s is taken away twice or was never there", id)
				} else {
					delete(set, id)
				}
				seen[c.Old] = true
			}
		}
		for _, c := range Diff(old, new) {
			if c.New != nil {
				if id := identity(c.New); seen[c.New] || set[id] {
					t.Fatalf("%s is added twice", id)
				} else {
					set[id] = true
				}
				seen[c.New] = true
			}
		}
		if diff := cmp.Diff(identities(entries(new)), set); diff != "" {
			t.Fatalf("old with its changes is not new (-new +old changed):\n%s", diff)
		}
	})
}

func TestDiffIgnoresOrder(t *testing.T) {
	shuffled := func(t *rapid.T, l *Lockfile) *Lockfile {
		if l == nil {
			return nil
		}
		c := *l
		c.Entries = rapid.Permutation(l.Entries).Draw(t, "entries")
		return &c
	}
	rapid.Check(t, func(t *rapid.T) {
		old, new := lockfiles().Draw(t, "old"), lockfiles().Draw(t, "new")
		want, got := Diff(old, new), Diff(shuffled(t, old), shuffled(t, new))
		// Entries that differ in nothing that counts may stand for each other.
		byIdentity := cmp.Transformer("identity", func(e *Entry) string {
			if e == nil {
				return ""
			}
			return identity(e)
		})
		if diff := cmp.Diff(want, got, byIdentity); diff != "" {
			t.Fatalf("other order, other changes (-one +other):\n%s", diff)
		}
	})
}

// A change of one name is told the same whatever else changes.
func TestDiffIsByName(t *testing.T) {
	only := func(l *Lockfile, name string) *Lockfile {
		if l == nil {
			return nil
		}
		c := *l
		c.Entries = slices.DeleteFunc(slices.Clone(l.Entries), func(e Entry) bool { return e.Package.Name != name })
		return &c
	}
	rapid.Check(t, func(t *rapid.T) {
		old, new := lockfiles().Draw(t, "old"), lockfiles().Draw(t, "new")
		want := append(text(Diff(only(old, "a"), only(new, "a"))), text(Diff(only(old, "b"), only(new, "b")))...)
		if diff := cmp.Diff(want, text(Diff(old, new))); diff != "" {
			t.Fatalf("(-apart +together):\n%s", diff)
		}
	})
}

// Many versions of one name are the worst case: it must grow as n log n.
func BenchmarkDiffOneName(b *testing.B) {
	many := func(from int) *Lockfile {
		l := &Lockfile{Format: Cargo}
		for i := range 20000 {
			l.Entries = append(l.Entries, Entry{Package: lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: "a", Version: fmt.Sprintf("%d.%d.0", i%100, from+i)}, Source: Source{Kind: Registry}})
		}
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(l.Entries), func(i, j int) { l.Entries[i], l.Entries[j] = l.Entries[j], l.Entries[i] })
		return l
	}
	old, new := many(0), many(5)
	for b.Loop() {
		if len(Diff(old, new)) == 0 {
			b.Fatal("no changes")
		}
	}
}
