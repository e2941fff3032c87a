package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
)

// Marker is the hidden first line of the comment, by which it is found again.
const Marker = "<!-- lockkeeper -->"

// MaxComment is GitHub's limit for a comment, in characters. Comment stays below
// it in bytes, whatever the change.
const MaxComment = 65536

// Comment gives the pull request's one comment, at most MaxComment bytes.
func Comment(r *Report, detailsURL string) string {
	return Marker + "\n### " + r.Title() + "\n\n" + r.body(detailsURL)
}

// body is the comment without its heading.
func (r *Report) body(detailsURL string) string {
	var b strings.Builder
	b.WriteString(strings.Join(r.Opening(Code, markdownText), "\n\n") + "\n\n")
	shown := r.groups(policy.Blocked, policy.Rejected, policy.Open, policy.Signed, policy.Admitted, policy.Warned)
	waiting := r.asked()
	r.table(&b, shown)
	r.howTo(&b, waiting, detailsURL)
	r.answers(&b)
	b.WriteString(r.notes())
	footer := footer(r, detailsURL)
	for i, g := range shown {
		part := r.details(g)
		if b.Len()+len(part)+len(footer)+roomForNames > MaxComment {
			b.WriteString(unshown(shown[i:]))
			break
		}
		b.WriteString(part)
	}
	b.WriteString(footer)
	return b.String()
}

// Markdown writes the report for a job summary or a file.
func Markdown(w io.Writer, r *Report) error {
	_, err := fmt.Fprintf(w, "### %s\n\n%s", r.Title(), r.body(""))
	return err
}

// stateText is the first column: the state, and who signed.
func stateText(g group) string { return StateText(g.outcomes[0], markdownText) }

// howTo shows the line to copy.
func (r *Report) howTo(b *strings.Builder, waiting []group, detailsURL string) {
	if len(waiting) == 0 || !r.Onboarded {
		return
	}
	if r.Accept != "" { // nobody listens to comments
		b.WriteString("To accept it, add entries to the allowlist and have them reviewed:\n\n")
		var lines strings.Builder
		for _, g := range waiting[:min(len(waiting), 5)] {
			fmt.Fprintf(&lines, "%s %s --reason \"why this is fine\"\n", r.Accept, commandWord(g.title))
		}
		b.WriteString(fenced(lines.String(), "") + "\n")
		return
	}
	if detailsURL != "" {
		fmt.Fprintf(b, "To sign off, a reviewer looks at the code on [the details page](%s) and decides there, or writes a comment with one of these lines and the reason:\n\n", detailsURL)
	} else {
		b.WriteString("To sign off, a reviewer writes a comment with one of these lines and the reason:\n\n")
	}
	var lines strings.Builder
	for _, g := range waiting[:min(len(waiting), 5)] {
		fmt.Fprintf(&lines, "/lockkeeper sign-off %s \"why this is fine\"\n", commandWord(g.title))
	}
	if len(waiting) > 1 {
		lines.WriteString("/lockkeeper sign-off all \"why this is fine\"\n")
	}
	fmt.Fprintf(&lines, "/lockkeeper reject %s \"why not\"\n", commandWord(waiting[0].title))
	b.WriteString(fenced(lines.String(), "") + "\n")
	whys := refused(r.Decision)
	for _, why := range whys[:min(len(whys), 20)] {
		b.WriteString("- " + item(why) + "\n")
	}
}

// commandWord quotes a name that would not be one word in a command.
func commandWord(name string) string {
	if strings.ContainsAny(name, " \t\"\\") {
		return fmt.Sprintf("%q", name)
	}
	return name
}

// refused gives the reasons why sign-offs that were made do not count, each once.
func refused(d policy.Decision) []string {
	var reasons []string
	for _, o := range d.Outcomes {
		if o.State != policy.Open {
			continue
		}
		for _, why := range o.Refused {
			if !slices.Contains(reasons, why) {
				reasons = append(reasons, why)
			}
		}
	}
	return reasons
}

// answers tells people what came of what they asked.
func (r *Report) answers(b *strings.Builder) {
	if len(r.Answers) == 0 {
		return
	}
	b.WriteString("\nAsked here:\n\n")
	for _, a := range r.Answers {
		fmt.Fprintf(b, "- %s wrote %s", item(a.To), markdownCode(a.Asked, false))
		switch {
		case a.Help:
			b.WriteString(": the commands are listed below, under “Commands”.\n")
		case len(a.Says) == 1:
			b.WriteString(": " + sentence(a.Says[0]) + "\n")
		default:
			b.WriteString(":\n")
			for _, says := range a.Says {
				b.WriteString("  - " + sentence(says) + "\n")
			}
		}
	}
}

func sentence(s Sentence) string {
	if s.Rule == "" {
		return item(s.Text)
	}
	return item(s.Text) + " (" + ruleLink(s.Rule) + ")"
}

func (r *Report) notes() string {
	if len(r.Decision.Notes) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\nAbout the allowlist:\n\n")
	for _, n := range r.Decision.Notes[:min(len(r.Decision.Notes), 20)] {
		b.WriteString("- " + item(n) + "\n")
	}
	return b.String()
}

// item is foreign text as an item of a list, which must not be empty: Markdown
// would read the dash alone as something else.
func item(s string) string {
	if text := markdownText(s); strings.TrimSpace(text) != "" {
		return text
	}
	return "(empty)"
}

// maxEvidence bounds the lines of evidence shown for one finding.
const maxEvidence = 10

// maxShown bounds the diff shown for one package, in bytes.
const maxShown = 20000

// details is the folded evidence and diff of one package, with the entry that signing
// off records.
func (r *Report) details(g group) string {
	c := g.code()
	var b strings.Builder
	summary := fmt.Sprintf("%s %s", g.title, g.version(" → "))
	if c != nil {
		files, _ := codeLine(c)
		summary += fmt.Sprintf(": %s (+%d −%d lines)", files, c.Inserted, c.Deleted)
	}
	fmt.Fprintf(&b, "\n<details><summary>%s</summary>\n\n", markdownText(summary))
	for _, o := range g.outcomes {
		place := o.Finding.Lockfile
		if o.Finding.Line > 0 {
			place = fmt.Sprintf("%s:%d", place, o.Finding.Line)
		}
		fmt.Fprintf(&b, "- %s at %s: %s\n", ruleLink(o.Finding.Rule), markdownCode(place, false), markdownText(o.Finding.Message))
		for _, e := range o.Finding.Evidence[:min(len(o.Finding.Evidence), maxEvidence)] {
			fmt.Fprintf(&b, "  - %s\n", item(e))
		}
	}
	if published := r.published(g); published != "" {
		fmt.Fprintf(&b, "- %s\n", item(published))
	}
	if c != nil {
		for _, u := range c.Uses[:min(len(c.Uses), 12)] {
			fmt.Fprintf(&b, "- %s at %s: %s\n", markdownCode(string(u.Capability), false), markdownCode(fmt.Sprintf("%s:%d", u.Path, u.Line), false), markdownCode(u.Text, false))
		}
	}
	r.entries(&b, g)
	if c != nil && c.Diff != "" {
		b.WriteString("\n" + fenced(cut(c.Diff, maxShown), "diff"))
	}
	b.WriteString("\n</details>\n")
	return b.String()
}

// roomForNames is kept for the names of packages whose details do not fit, in bytes:
// a name is shortened at 300 runes, most are far shorter.
const roomForNames, mostNames = 4000, 50

// unshown names the packages with build code for whose details there is no room.
func unshown(groups []group) string {
	groups = slices.DeleteFunc(slices.Clone(groups), func(g group) bool { return g.code() == nil })
	if len(groups) == 0 {
		return ""
	}
	const how = ". To see it: `lockkeeper scan --show build-code`.\n"
	start := fmt.Sprintf("\nThe build code of %s does not fit here", count(len(groups), "further package", "further packages"))
	for most := mostNames; most > 0; most /= 2 {
		if names := naming(groups, most); len(start)+len(names)+len(how) < roomForNames-100 {
			return start + ": " + names + how
		}
	}
	return start + how
}

// cut ends a text at a line boundary below most bytes and says so.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	kept := s[:most]
	if i := strings.LastIndexByte(kept, '\n'); i > 0 {
		kept = kept[:i+1]
	}
	return strings.ToValidUTF8(kept, "") + fmt.Sprintf("... %d more lines\n", strings.Count(s[len(kept):], "\n")+1)
}

// Meaning is a digest of what a comment says, without what changes from scan to
// scan alone, such as ages: two comments of the same meaning need no edit.
func Meaning(r *Report) lockkeeper.Digest {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%t %t\n%s\n", r.Title(), r.Onboarded, r.Records, r.Decision.Reviewers)
	for _, o := range r.Decision.Outcomes {
		fmt.Fprintf(&b, "%s %s %d\n", o.Digest, o.State, o.Missing)
		for _, s := range o.SignedBy {
			fmt.Fprintf(&b, "signed %d\n", s.By)
		}
		for _, why := range o.Refused {
			fmt.Fprintf(&b, "refused %q\n", why)
		}
	}
	for _, n := range r.Decision.Notes {
		fmt.Fprintf(&b, "note %q\n", n)
	}
	for _, a := range r.Answers {
		fmt.Fprintf(&b, "answer %q %q %q %t\n", a.To, a.Asked, a.Says, a.Help)
	}
	return lockkeeper.Sum([]byte(b.String()))
}

// commands is the help, folded until somebody asks for it.
const commands = `
<details%s><summary>Commands</summary>

A line of a new comment that starts so, by a reviewer:

- ` + "`/lockkeeper sign-off NAME \"reason\"`" + ` accepts what was found about a package or file; ` + "`all`" + ` accepts everything shown
- ` + "`/lockkeeper reject NAME \"reason\"`" + ` holds it, whoever signed off
- ` + "`/lockkeeper withdraw NAME`" + ` takes back one's own word
- ` + "`/lockkeeper rescan`" + ` looks again; anybody may ask for that
- ` + "`/lockkeeper explain NAME`" + ` says here what was found about it, what that comes to and why
- ` + "`/lockkeeper help`" + ` points here

NAME can be ` + "`name`, `name@version`, `cargo/name` or a file's path" + `.

</details>
`

func footer(r *Report, detailsURL string) string {
	open := ""
	if slices.ContainsFunc(r.Answers, func(a Answer) bool { return a.Help }) {
		open = " open"
	}
	text := fmt.Sprintf(commands, open)
	if r.Accept != "" { // nobody listens to comments
		text = ""
	}
	text += "\n<sub>Base " + markdownCode(shortName(r.Scan.Base), false) + ", head " + markdownCode(shortName(r.Scan.Head), false)
	if detailsURL != "" {
		text += fmt.Sprintf(" · [details](%s)", detailsURL)
	}
	return text + "</sub>\n"
}
