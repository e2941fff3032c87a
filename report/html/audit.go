package html

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/docs"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/report"
)

// What the template of an audit sees; all foreign text in it is visible already.
type audit struct {
	Title, Opening string
	Conclusion     string // good, ask, bad, quiet
	Lockfiles      []string
	Head           string
	Counts         []auditCount
	Groups         []auditGroup
	Unknown        []string // why publishers are unknown
	Linked         []string
	Others         []auditOther
	Words          string // the page about capabilities
}

type auditCount struct{ Class, Text string }

type auditGroup struct {
	ID, Title, About string
	Rows             []auditRow
}

type auditRow struct {
	Name, Version string
	Place         string
	Also          int // further places
	Through       []string
	Runs          string
	Capabilities  []capability
	Uses          []use
	MoreUses      int
	Publisher     string
	About         []string // more about the publisher
	New           bool     // the first release by them
	Class, State  string   // on the allowlist or not
	Lines         string
}

type auditOther struct{ Class, State, Name, Version, Rule, Means, Message, Place string }

// maxAuditUses bounds the places shown for one package.
const maxAuditUses = 20

// Audit writes what everything that is locked runs at build time as a document of its
// own, what is able to do something grave first. Like Document it loads and runs
// nothing.
func Audit(w io.Writer, r *report.Report) error {
	a := auditOf(r)
	var body bytes.Buffer
	if err := templates.ExecuteTemplate(&body, "audit.tmpl", a); err != nil {
		return fmt.Errorf("render the audit: %w", err)
	}
	return write(w, a.Title, body.String())
}

func auditOf(r *report.Report) audit {
	rows := report.AuditRows(r)
	a := audit{
		Title: report.AuditTitle(r, rows), Opening: "That code has all the rights of whoever builds or installs. This lists it, and asks for nothing.",
		Head: report.ShortName(r.Scan.Head), Words: docs.CapabilitiesURL, Conclusion: "quiet",
	}
	for _, l := range r.Scan.Lockfiles {
		a.Lockfiles = append(a.Lockfiles, text(l.Path))
	}
	grave := auditGroup{ID: "grave", Title: "Able to do something grave", About: "reaches the network, starts what cannot be named, or the like: read these first"}
	rest := auditGroup{ID: "ordinary", Title: "Nothing grave", About: "compiles, reads what the build sets, starts tools by name"}
	listed, unlisted := 0, 0
	for _, row := range rows {
		shown := auditRowOf(row)
		if row.Grave() {
			grave.Rows = append(grave.Rows, shown)
		} else {
			rest.Rows = append(rest.Rows, shown)
		}
		switch {
		case len(row.Listed) > 0:
			listed++
		default:
			unlisted++
		}
		if p := row.Published; !p.By.Known() && p.Unknown != "" && !slices.Contains(a.Unknown, text(p.Unknown)) {
			a.Unknown = append(a.Unknown, text(p.Unknown))
		}
	}
	for _, g := range []auditGroup{grave, rest} {
		if len(g.Rows) > 0 {
			a.Groups = append(a.Groups, g)
		}
	}
	if len(rows) == 0 {
		a.Opening = ""
	}
	counted := func(n int, class, words string) {
		if n > 0 {
			a.Counts = append(a.Counts, auditCount{class, fmt.Sprintf("%d %s", n, words)})
		}
	}
	counted(len(grave.Rows), "ask", "able to do something grave")
	counted(unlisted, "", "not on the allowlist")
	counted(listed, "good", "on the allowlist")
	others, linked := report.AuditOthers(r)
	a.Linked = texts(linked)
	for _, o := range others {
		f := o.Finding
		other := auditOther{Class: stateClass(o.State), State: report.StateText(o, text), Name: text(f.Package.Name), Version: text(f.Package.Version), Rule: string(f.Rule), Means: docs.RuleURL(string(f.Rule)), Message: text(f.Message), Place: text(f.Lockfile)}
		if f.Line > 0 {
			other.Place = fmt.Sprintf("%s:%d", other.Place, f.Line)
		}
		a.Others = append(a.Others, other)
	}
	switch {
	case r.Decision.Count(policy.Blocked) > 0:
		a.Conclusion = "bad"
	case len(grave.Rows) > 0 && unlisted > 0:
		a.Conclusion = "ask"
	case len(rows) > 0 && listed == len(rows):
		a.Conclusion = "good"
	}
	return a
}

func auditRowOf(row report.AuditRow) auditRow {
	out := auditRow{
		Name: text(row.Package.Name), Version: text(row.Package.Version), Place: text(row.Places[0]), Also: len(row.Places) - 1, Through: texts(row.Through),
		Runs: text(row.Runs()), Publisher: text(cmp.Or(row.Publisher, "unknown")), State: "not listed",
	}
	for _, name := range row.Capabilities {
		out.Capabilities = append(out.Capabilities, capability{Name: text(string(name)), Words: text(report.CapabilityWords(name)), Grave: name.Grave()})
	}
	uses := graveFirst(row.Uses)
	for _, u := range uses[:min(len(uses), maxAuditUses)] {
		out.Uses = append(out.Uses, use{text(string(u.Capability)), text(fmt.Sprintf("%s:%d", u.Path, u.Line)), text(u.Text)})
	}
	out.MoreUses = len(uses) - len(out.Uses)
	switch {
	case len(row.Listed) > 0:
		out.Class, out.State = "good", "listed"
		lines := make([]string, len(row.Listed))
		for i, line := range row.Listed {
			lines[i] = fmt.Sprint(line)
		}
		out.Lines = strings.Join(lines, ", ")
	case row.Grave():
		out.Class = "ask"
	}
	p := row.Published
	if !p.At.IsZero() {
		out.About = append(out.About, "this release "+p.At.UTC().Format(time.DateOnly))
	}
	eras := report.History(p)
	if len(eras) == 0 {
		return out
	}
	out.New = eras[0].New
	switch {
	case !p.By.Known():
		out.Publisher = "unknown"
	default:
		out.Publisher = text(eras[0].Who)
		switch {
		case p.Same > 0 && !p.Since.IsZero():
			since := "by them since "
			if p.Same == p.Compared && !p.Whole {
				since = "by them since at least "
			}
			out.About = append(out.About, since+p.Since.UTC().Format(time.DateOnly))
		case p.Compared == 0 && p.Whole:
			out.About = append(out.About, "the first release")
		}
	}
	if len(eras) > 1 {
		out.About = append(out.About, text("before: "+eras[1].Who))
	}
	if eras[0].Basis != "" {
		out.About = append(out.About, eras[0].Basis)
	}
	return out
}
