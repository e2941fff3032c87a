package buildcode

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	udiff "github.com/aymanbagabas/go-udiff"

	"github.com/lockkeeper/lockkeeper"
)

// Compare tells how new differs from old. A nil surface runs nothing.
func Compare(old, new *Surface) Comparison {
	if old == nil {
		old = &Surface{}
	}
	if new == nil {
		new = &Surface{}
	}
	var c Comparison
	pairFiles(old, new, func(before, after *File) {
		switch {
		case before == nil:
			c.Added = append(c.Added, after.Path)
		case after == nil:
			c.Removed = append(c.Removed, before.Path)
		case before.Digest != after.Digest:
			c.Changed = append(c.Changed, after.Path)
		}
	})
	for _, capability := range new.Capabilities {
		if !slices.Contains(old.Capabilities, capability) {
			c.Gained = append(c.Gained, capability)
		}
	}
	c.Facts = !slices.Equal(old.Facts, new.Facts) || !slices.Equal(old.Kinds, new.Kinds)
	return c
}

// Diff is the unified diff of the facts and files of two surfaces, nil meaning
// that nothing ran. The text is cut at a line end after at most maxBytes and
// then says so in its last line; inserted and deleted count the lines of all of
// it. Text and paths come from packages and are hostile.
func Diff(old, new *Surface, maxBytes int) (text string, inserted, deleted int) {
	if old == nil {
		old = &Surface{}
	}
	if new == nil {
		new = &Surface{}
	}
	d := differ{max: maxBytes}
	d.file(facts(old), facts(new))
	pairFiles(old, new, d.file)
	if d.hidden > 0 {
		fmt.Fprintf(&d.out, "... %d more lines\n", d.hidden)
	}
	return d.out.String(), d.inserted, d.deleted
}

// factsName stands where a path would: the parts of manifests that decide what
// runs belong to the surface without being a file of it.
const factsName = "[manifest]"

func facts(s *Surface) *File {
	if len(s.Facts) == 0 {
		return nil
	}
	var b strings.Builder
	for _, fact := range s.Facts {
		b.WriteString(label("", fact) + "\n")
	}
	text := b.String()
	return &File{Path: factsName, Digest: lockkeeper.Sum([]byte(text)), Text: text}
}

// pairFiles calls pair for every path of either surface, in order. Files must be
// sorted by path, as Seal leaves them.
func pairFiles(old, new *Surface, pair func(before, after *File)) {
	i, j := 0, 0
	for i < len(old.Files) || j < len(new.Files) {
		switch {
		case j == len(new.Files) || i < len(old.Files) && old.Files[i].Path < new.Files[j].Path:
			pair(&old.Files[i], nil)
			i++
		case i == len(old.Files) || new.Files[j].Path < old.Files[i].Path:
			pair(nil, &new.Files[j])
			j++
		default:
			pair(&old.Files[i], &new.Files[j])
			i++
			j++
		}
	}
}

// differ collects a bounded diff.
type differ struct {
	out               strings.Builder
	max, hidden       int
	inserted, deleted int
}

// file adds the difference between two versions of a file, either of which may
// be missing.
func (d *differ) file(before, after *File) {
	from, to := "/dev/null", "/dev/null"
	var old, new string
	if before != nil {
		from, old = label("a/", before.Path), before.Text
	}
	if after != nil {
		to, new = label("b/", after.Path), after.Text
	}
	if before != nil && after != nil && before.Digest == after.Digest || before == nil && after == nil {
		return
	}
	d.line("--- " + from + "\n")
	d.line("+++ " + to + "\n")
	if before != nil && !before.shown() || after != nil && !after.shown() {
		d.line("binary file changed\n")
		return
	}
	unified, err := udiff.ToUnifiedDiff(from, to, old, edits(old, new), udiff.DefaultContextLines)
	if err != nil {
		d.line("diff could not be made\n")
		return
	}
	shift := 0
	for _, hunk := range unified.Hunks {
		shift = d.hunk(hunk, shift)
	}
}

// maxDiffWork bounds edits times bytes, by which udiff's time grows.
const maxDiffWork = 1 << 30

func edits(old, new string) []udiff.Edit {
	edits := udiff.Lines(old, new)
	if len(edits)*len(old) > maxDiffWork {
		return []udiff.Edit{{Start: 0, End: len(old), New: new}}
	}
	return edits
}

// hunk adds one hunk. shift is by how much the hunks before moved the new lines on;
// udiff loses count of it after a hunk with several changes.
func (d *differ) hunk(hunk *udiff.Hunk, shift int) (shiftAfter int) {
	from, to := 0, 0
	for _, l := range hunk.Lines {
		if l.Kind != udiff.Insert {
			from++
		}
		if l.Kind != udiff.Delete {
			to++
		}
	}
	// An empty side starts at line 0, as in diff -u.
	fromLine, toLine := hunk.FromLine, hunk.FromLine+shift
	if from == 0 {
		fromLine--
	}
	if to == 0 {
		toLine--
	}
	d.line(fmt.Sprintf("@@ -%d,%d +%d,%d @@\n", fromLine, from, toLine, to))
	for _, l := range hunk.Lines {
		prefix := " "
		switch l.Kind {
		case udiff.Insert:
			prefix = "+"
			d.inserted++
		case udiff.Delete:
			prefix = "-"
			d.deleted++
		}
		if !strings.HasSuffix(l.Content, "\n") {
			l.Content += "\n\\ No newline at end of file\n"
		}
		d.line(prefix + l.Content)
	}
	return shift + to - from
}

// line adds one line unless the diff is full; from then on lines are counted.
func (d *differ) line(s string) {
	if d.hidden > 0 || d.out.Len()+len(s) > d.max {
		d.hidden++
		return
	}
	d.out.WriteString(s)
}

// label is a path in a diff's header, or a fact, quoted where it could pass for
// another line.
func label(prefix, path string) string {
	quoted := strconv.Quote(prefix + path)
	if quoted != `"`+prefix+path+`"` {
		return quoted
	}
	return prefix + path
}
