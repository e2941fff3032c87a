package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/scan"
)

// TextOptions of Text. The zero value is plain text of 100 columns.
type TextOptions struct {
	// Style dresses text for a terminal; nil leaves it plain.
	Style func(Role, string) string
	// Width in columns; 0 means 100.
	Width int
	// BuildCode shows the diff of the build code below each finding.
	BuildCode bool
	// All also shows changes about which there is nothing to say.
	All bool
	// Quiet shows what holds the change and nothing else.
	Quiet bool
}

// Text writes the report for a terminal.
func Text(w io.Writer, r *Report, o TextOptions) error {
	if o.Width <= 0 {
		o.Width = 100
	}
	t := &textWriter{w: w, o: o}
	if o.Quiet {
		t.holding(r)
		return t.err
	}
	t.head(r)
	groups := r.groups(policy.Blocked, policy.Rejected, policy.Open, policy.Signed, policy.Admitted, policy.Warned)
	t.groups(groups, r)
	t.quiet(r, groups)
	for _, note := range r.Decision.Notes {
		t.line("note", "", note)
	}
	t.last(r)
	return t.err
}

type textWriter struct {
	w   io.Writer
	o   TextOptions
	err error
}

func (t *textWriter) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

// Role is what a piece of text is, for whoever gives it a colour.
type Role string

const (
	Strong  Role = "strong"  // names
	Faint   Role = "faint"   // places, labels of what needs nothing
	Bad     Role = "bad"     // blocked, rejected
	Ask     Role = "ask"     // needs a sign-off
	Good    Role = "good"    // signed, allowed, unchanged
	Added   Role = "added"   // line of a diff
	Removed Role = "removed" // line of a diff
)

func (t *textWriter) style(role Role, text string) string {
	if t.o.Style == nil || role == "" {
		return text
	}
	return t.o.Style(role, text)
}

// label is the first column, eight cells wide.
func (t *textWriter) label(word string) string {
	style := Faint
	switch word {
	case "blocked", "rejected":
		word, style = strings.ToUpper(word), Bad
	case "sign-off":
		word, style = strings.ToUpper(word), Ask
	case "signed", "allowed", "ok":
		style = Good
	}
	return t.style(style, fmt.Sprintf("%-8s", word))
}

// maxLockfiles is how many lockfiles the head names.
const maxLockfiles = 8

// holding is what a quiet reader wants: what holds the change, if anything does.
func (t *textWriter) holding(r *Report) {
	groups := r.groups(policy.Blocked, policy.Rejected, policy.Open)
	t.groups(groups, r)
	if len(groups) > 0 {
		t.printf("%s.\n", r.Title())
	}
}

func (t *textWriter) head(r *Report) {
	s, place := r.Scan, ""
	if r.Compared == "" {
		place = fmt.Sprintf("(base %s, head %s)", shortName(s.Base), shortName(s.Head))
	} else {
		t.folded(Faint, "Compared "+r.Compared)
		t.printf("\n")
	}
	if len(s.Lockfiles) == 0 {
		what := "No lockfile differs"
		if len(s.Findings) > 0 {
			what = "No lockfile was compared"
		}
		if place != "" {
			t.printf("%s      %s\n", what, place)
		} else {
			t.printf("%s.\n", what)
		}
		if len(s.Findings) > 0 {
			t.printf("\n")
		}
		return
	}
	for i, l := range s.Lockfiles {
		if i == maxLockfiles && len(s.Lockfiles) > maxLockfiles+1 {
			t.printf("%s\n", t.style(Faint, fmt.Sprintf("and %d more lockfiles", len(s.Lockfiles)-i)))
			break
		}
		line := fmt.Sprintf("%s   %s", t.style(Strong, visible(l.Path, false)), countsText(l))
		if l.Replaces != "" {
			line += "      " + t.style(Faint, "(was "+visible(l.Replaces, false)+")")
		}
		if i == 0 && place != "" {
			// Beside it where there is room, else above.
			if columnsOf(l.Path+countsText(l))+3+6+columnsOf(place) <= t.o.Width {
				line += "      " + t.style(Faint, place)
			} else {
				t.printf("%s\n", t.style(Faint, place))
			}
		}
		t.printf("%s\n", line)
	}
	t.printf("\n")
}

// shortName cuts a commit id; other names stay.
func shortName(name string) string {
	if len(name) == 40 && strings.Trim(name, "0123456789abcdef") == "" {
		return name[:7]
	}
	return visible(name, false)
}

func countsText(l scan.Lockfile) string {
	var parts []string
	for _, c := range []struct {
		n    int
		word string
	}{{l.Updated, "updated"}, {l.Added, "added"}, {l.Moved, "moved"}, {l.Altered, "altered"}, {l.Removed, "removed"}} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.word))
		}
	}
	if len(parts) == 0 {
		return "no package differs"
	}
	return strings.Join(parts, ", ")
}

// alikeFrom is how many packages of which the same could not be found out are told
// together: a registry that does not answer is one thing to know, not forty.
const alikeFrom = 4

// groups shows each group, or several that say the same as one.
func (t *textWriter) groups(groups []group, r *Report) {
	alike := map[string][]group{}
	for _, g := range groups {
		if key := g.unknown(); key != "" {
			alike[key] = append(alike[key], g)
		}
	}
	for _, g := range groups {
		switch same := alike[g.unknown()]; {
		case len(same) < alikeFrom:
			t.group(g, r)
		case same[0].pkg == g.pkg:
			t.together(same)
		}
	}
}

// unknown names what could not be found out, of a group about which there is
// nothing else to say; else it is empty.
func (g group) unknown() string {
	if o := g.outcomes[0]; len(g.outcomes) == 1 && o.Finding.Rule == policy.Unverified && g.pkg.Name != "" && o.Finding.Code == nil {
		return string(o.State) + " " + o.Finding.Message
	}
	return ""
}

// together shows groups of which the same could not be found out.
func (t *textWriter) together(groups []group) {
	first := groups[0].outcomes[0]
	t.titleLine(first.State, count(len(groups), "package", "packages"), string(first.Finding.Rule), first.Finding.Lockfile, true)
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.title + " " + g.pkg.Version
	}
	t.wrapped(first.Finding.Message + ": " + strings.Join(names, ", "))
	t.evidence("- of "+groups[0].title+": ", first.Finding.Evidence)
}

func (t *textWriter) group(g group, r *Report) {
	if !t.o.BuildCode && !slices.ContainsFunc(g.outcomes, func(o policy.Outcome) bool { return o.State != policy.Warned }) {
		t.warned(g, r)
		return
	}
	var shown *policy.Code // the one that stands above
	for i, o := range g.outcomes {
		f := o.Finding
		place := visible(f.Lockfile, false)
		if f.Line > 0 {
			place = fmt.Sprintf("%s:%d", place, f.Line)
		}
		if n := g.also[string(o.Digest)]; n > 0 {
			place += fmt.Sprintf(" and %d more", n)
		}
		title := visible(strings.TrimSpace(g.title+" "+g.version(" -> ")), false)
		t.titleLine(o.State, title, string(f.Rule), place, i == 0)
		t.wrapped(f.Message)
		t.evidence("- ", f.Evidence)
		t.outcome(o)
		if c := f.Code; c != nil && len(c.Kinds) > 0 && !t.same(c, shown) {
			t.code(c)
			shown = c
		}
	}
	if line := t.context(g, r); line != "" {
		t.wrapped(line)
	}
}

// evidence shows the first lines and counts the rest.
func (t *textWriter) evidence(prefix string, lines []string) {
	for _, e := range lines[:min(len(lines), maxEvidence)] {
		t.wrapped(prefix + e)
	}
	if left := len(lines) - maxEvidence; left > 0 {
		t.wrapped(fmt.Sprintf("- and %d more; --format json has all", left))
	}
}

// titleLine is "SIGN-OFF  ring 0.17.8   build-code-added      Cargo.lock:12". What does
// not fit goes on a line of its own; of further findings the title is left out.
func (t *textWriter) titleLine(state policy.State, title, rule, place string, first bool) {
	room := t.o.Width - indent
	width := columnsOf(title)
	shown := t.style(Strong, title)
	if !first {
		width = min(width, 12)
		shown = strings.Repeat(" ", width)
	}
	if width+3+len(rule)+3+columnsOf(place) > room && first {
		t.named(t.label(StateWord(state)), title, room)
		t.printf("%*s%s   %s\n", indent, "", rule, t.style(Faint, place))
		return
	}
	pad := max(3, room-width-3-len(rule)-columnsOf(place))
	t.printf("  %s  %s   %s%s%s\n", t.label(StateWord(state)), shown, rule, strings.Repeat(" ", pad), t.style(Faint, place))
}

// named is a label and a name, on as many lines as it takes.
func (t *textWriter) named(label, name string, room int) {
	for i, line := range Fold(name, room) {
		if i == 0 {
			t.printf("  %s  %s\n", label, t.style(Strong, line))
			continue
		}
		t.printf("%*s%s\n", indent, "", t.style(Strong, line))
	}
}

// warned is one line for a package about which there are notes alone.
func (t *textWriter) warned(g group, r *Report) {
	var notes []string
	for _, o := range g.outcomes {
		note := string(o.Finding.Rule) + ": " + o.Finding.Message
		if c := o.Finding.Code; c != nil && len(c.Kinds) > 0 {
			note += fmt.Sprintf(" (%s, +%d -%d lines)", capabilityText(c.Capabilities), c.Inserted, c.Deleted)
		}
		notes = append(notes, note)
	}
	if line := r.published(g); line != "" {
		notes = append(notes, line)
	}
	t.line("note", strings.TrimSpace(g.title+" "+g.version(" -> ")), strings.Join(notes, "; "))
}

// line is a label, a name and what is to be said of it, on as many lines as it takes.
func (t *textWriter) line(label, name, text string) {
	room := t.o.Width - indent
	if name = visible(name, false); columnsOf(name) > room {
		t.named(t.label(label), name, room)
		t.wrapped(text)
		return
	}
	if name != "" {
		name += "   "
	}
	lines := foldAfter(columnsOf(name), visible(text, false), room)
	t.printf("  %s  %s%s\n", t.label(label), t.style(Strong, name), lines[0])
	for _, more := range lines[1:] {
		t.printf("%*s%s\n", indent, "", more)
	}
}

// context is how the package comes in and who published it.
func (t *textWriter) context(g group, r *Report) string {
	for _, c := range r.Scan.Changes {
		if c.Package != g.pkg || c.Package.Name == "" {
			continue
		}
		var parts []string
		if line := r.published(g); line != "" {
			parts = append(parts, line)
		}
		if len(c.Through) > 0 {
			parts = append(parts, "comes in through "+strings.Join(c.Through, " -> "))
		}
		return strings.Join(parts, "; ")
	}
	return ""
}

func (t *textWriter) outcome(o policy.Outcome) {
	switch o.State {
	case policy.Signed, policy.Admitted, policy.Rejected, policy.Blocked:
		for _, why := range o.Why {
			t.wrapped(why)
		}
	}
}

// same reports whether code would say what was said just above it.
func (t *textWriter) same(c, above *policy.Code) bool {
	return above != nil && c.Digest != "" && c.Digest == above.Digest && (!t.o.BuildCode || c.Diff == above.Diff)
}

func (t *textWriter) code(c *policy.Code) {
	files, capabilities := codeLine(c)
	files, capabilities = visible(files, false), visible(capabilities, false)
	counts := ""
	if c.Inserted+c.Deleted > 0 {
		counts = fmt.Sprintf("+%d -%d lines", c.Inserted, c.Deleted)
	}
	if room := t.o.Width - indent; columnsOf(files)+2+columnsOf(capabilities)+3+len(counts) <= room {
		line := t.style(Strong, files) + "  " + capabilities
		if counts != "" {
			line += "   " + t.style(Faint, counts)
		}
		t.printf("%*s%s\n", indent, "", line)
	} else {
		for _, part := range []string{files, capabilities, counts} {
			t.wrapped(part)
		}
	}
	if !t.o.BuildCode {
		return
	}
	for _, u := range c.Uses[:min(len(c.Uses), 12)] {
		t.printf("            %s\n", t.style(Faint, visible(fmt.Sprintf("%s  %s:%d  %s", u.Capability, u.Path, u.Line, u.Text), false)))
	}
	t.printf("\n")
	for _, line := range strings.Split(strings.TrimRight(visible(c.Diff, true), "\n"), "\n") {
		var role Role
		switch {
		case strings.HasPrefix(line, "+"):
			role = Added
		case strings.HasPrefix(line, "-"):
			role = Removed
		}
		t.printf("            %s\n", t.style(role, strings.ReplaceAll(line, "\t", "    ")))
	}
	t.printf("\n")
}

// indent is where text below a finding begins.
const indent = 12

// wrapped prints text below a finding, folded to the width.
func (t *textWriter) wrapped(text string) {
	for _, line := range Fold(visible(text, false), t.o.Width-indent) {
		t.printf("%*s%s\n", indent, "", line)
	}
}

// folded prints running text.
func (t *textWriter) folded(role Role, text string) {
	for _, line := range Fold(visible(text, false), t.o.Width) {
		t.printf("%s\n", t.style(role, line))
	}
}

// plainNotes are those of changes that are only counted.
var plainNotes = []string{"no build code", "the same package was locked here before", "part of this repository"}

// quiet lists the changes without findings: those with build code by name, the
// others as a count.
func (t *textWriter) quiet(r *Report, groups []group) {
	plain := map[string]int{}
	seen := map[string]bool{} // in another lockfile
	for _, c := range r.Scan.Changes {
		same := strings.Join([]string{c.PURL, c.From, string(c.Kind), c.Note}, "\x00")
		if seen[same] && !t.o.All {
			continue
		}
		seen[same] = true
		if c.Kind == lockfile.Removed || slices.ContainsFunc(groups, func(g group) bool { return g.pkg == c.Package }) {
			continue
		}
		if !t.o.All && slices.Contains(plainNotes, c.Note) {
			plain[c.Note]++
			continue
		}
		version := c.Package.Version
		if c.From != "" && c.From != version {
			version = c.From + " -> " + version
		}
		note := c.Note
		if line := publishedLine(c.Published); t.o.All && line != "" {
			note += "; " + line
		}
		t.line("ok", c.Package.Name+" "+version, strings.TrimPrefix(note, "; "))
	}
	for _, note := range plainNotes {
		if n := plain[note]; n > 0 {
			t.printf("  %s  %s: %s\n", t.label("ok"), count(n, "package", "packages"), note)
		}
	}
}
