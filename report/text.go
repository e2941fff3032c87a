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
}

// Text writes the report for a terminal.
func Text(w io.Writer, r *Report, o TextOptions) error {
	if o.Width <= 0 {
		o.Width = 100
	}
	t := &textWriter{w: w, o: o}
	t.head(r.Scan)
	groups := r.groups(policy.Blocked, policy.Rejected, policy.Open, policy.Signed, policy.Admitted, policy.Warned)
	for _, g := range groups {
		t.group(g, r)
	}
	t.quiet(r, groups)
	for _, note := range r.Decision.Notes {
		t.printf("  %s  %s\n", t.label("note"), visible(note, false))
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

func (t *textWriter) head(s *scan.Result) {
	if len(s.Lockfiles) == 0 {
		what := "No lockfile differs"
		if len(s.Findings) > 0 {
			what = "No lockfile was compared"
		}
		t.printf("%s      (base %s, head %s)\n", what, shortName(s.Base), shortName(s.Head))
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
		if i == 0 {
			line += "      " + t.style(Faint, fmt.Sprintf("(base %s, head %s)", shortName(s.Base), shortName(s.Head)))
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

func (t *textWriter) group(g group, r *Report) {
	if !t.o.BuildCode && !slices.ContainsFunc(g.outcomes, func(o policy.Outcome) bool { return o.State != policy.Warned }) {
		t.warned(g, r)
		return
	}
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
		left := fmt.Sprintf("%s   %s", title, f.Rule)
		if i > 0 {
			left = fmt.Sprintf("%s   %s", strings.Repeat(" ", min(len([]rune(title)), 12)), f.Rule)
		}
		pad := max(3, t.o.Width-12-len([]rune(left))-len([]rune(place)))
		if i == 0 {
			left = fmt.Sprintf("%s   %s", t.style(Strong, title), f.Rule)
		}
		t.printf("  %s  %s%s%s\n", t.label(StateWord(o.State)), left, strings.Repeat(" ", pad), t.style(Faint, place))
		t.wrapped(f.Message)
		for _, e := range f.Evidence {
			t.wrapped("- " + e)
		}
		t.outcome(o)
		if c := f.Code; c != nil && len(c.Kinds) > 0 {
			t.code(c)
		}
	}
	if line := t.context(g, r); line != "" {
		t.wrapped(line)
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
	title := strings.TrimSpace(g.title + " " + g.version(" -> "))
	t.printf("  %s  %s   %s\n", t.label("note"), t.style(Strong, visible(title, false)), visible(strings.Join(notes, "; "), false))
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

func (t *textWriter) code(c *policy.Code) {
	files, capabilities := codeLine(c)
	line := fmt.Sprintf("%s  %s", t.style(Strong, visible(files, false)), visible(capabilities, false))
	if c.Inserted+c.Deleted > 0 {
		line += "   " + t.style(Faint, fmt.Sprintf("+%d -%d lines", c.Inserted, c.Deleted))
	}
	t.printf("            %s\n", line)
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

// wrapped prints text below a finding, folded to the width.
func (t *textWriter) wrapped(text string) {
	const indent = 12
	words := strings.Fields(visible(text, false))
	line := ""
	for _, word := range words {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > t.o.Width-indent {
			t.printf("%*s%s\n", indent, "", line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		t.printf("%*s%s\n", indent, "", line)
	}
}

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
		if !t.o.All && (c.Note == "no build code" || strings.HasPrefix(c.Note, "the same package")) {
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
		t.printf("  %s  %s   %s\n", t.label("ok"), visible(c.Package.Name+" "+version, false), visible(strings.TrimPrefix(note, "; "), false))
	}
	for _, note := range []string{"no build code", "the same package was locked here before"} {
		if n := plain[note]; n > 0 {
			t.printf("  %s  %s: %s\n", t.label("ok"), count(n, "package", "packages"), note)
		}
	}
}

func (t *textWriter) last(r *Report) {
	d := r.Decision
	open := d.Count(policy.Open)
	t.printf("\n")
	switch {
	case d.Count(policy.Blocked) > 0:
		t.printf("%s. Nobody can sign that off; restore the lockfile, or change the rule in %s on the base branch.\n", r.Title(), policy.Path)
	case d.Count(policy.Rejected) > 0 || open > 0:
		t.printf("%s.", r.Title())
		if d.Reviewers != "" && r.Onboarded {
			t.printf(" Reviewers: %s.", visible(d.Reviewers, false))
		}
		t.printf("\n")
		if !r.Onboarded {
			t.printf("The base has no .lockkeeper directory, so nothing is held.\n")
		}
	default:
		t.printf("%s.\n", r.Title())
	}
	if n := r.Scan.NotCompared; n > 0 {
		t.printf("%s\n", t.style(Faint, count(n, "package", "packages")+" with new build code not compared with its repository: that takes a token in GITHUB_TOKEN."))
	}
	if r.Command != "" && !t.o.BuildCode && slices.ContainsFunc(d.Outcomes, func(o policy.Outcome) bool { return o.Finding.Code != nil && o.Finding.Code.Diff != "" }) {
		t.printf("See the build code: %s --show build-code\n", r.Command)
	}
}
