package html

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/docs"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/scan"
)

// The types below are what the template sees. All foreign text in them is visible
// already; the template escapes it.

type document struct {
	Title      string
	Conclusion string // good, ask, bad, quiet
	Pull       *report.Pull
	Base, Head string
	Lockfiles  []lockfileRow
	Opening    []template.HTML
	Refused    []string
	Held       []section // blocked, rejected, waiting
	Settled    []section // signed, admitted
	Warned     []section
	Said       []changeRow
	Plain      int // further packages without build code
	Notes      []string
	Split      bool // some diff has two sides
	Index      bool // there are so many that a list of them helps
	Only       string
}

type lockfileRow struct{ Path, Counts, Was string }

type changeRow struct{ Name, Version, Note, Publisher string }

type section struct {
	ID        string
	Title     string
	From, To  string
	Ecosystem string
	Class     string // of the state
	State     string
	History   []report.Era
	Through   []string
	Findings  []finding
	Codes     []code
	File      bool     // about a file, not a package
	Grave     []string // capabilities, for the list of packages
	Records   []record
	// RecordsHead is the heading of Records, Unrecordable why there is none of something.
	RecordsHead, Unrecordable string
}

// record is an entry of the allowlist that is not written yet.
type record struct {
	Accepts, Entry string
	Rules          []ruleName // that it names
}

// ruleName is the name of a rule and the address of its page.
type ruleName struct{ Rule, Means string }

type finding struct {
	Digest   string
	Rule     string
	Means    string // the address of the rule's page
	Message  string
	Place    string
	Evidence []string
	More     int // lines of evidence not shown
	Class    string
	State    string
	Why      []string
	Said     []string
	Form     string // empty: no box
	Ticked   bool
	Label    string
}

type code struct {
	Kinds        string
	Capabilities []capability
	Uses         []use
	MoreUses     int
	Files        []fileDiff
	Added        int
	Removed      int
	Missing      string // why the diff is not shown
	Whole        string // where it is shown in full
	Open         bool
}

type capability struct {
	Name, Words string
	Grave       bool
	Gained      bool
}

type use struct{ Capability, Place, Text string }

const (
	maxEvidence  = 40
	maxUses      = 60
	maxUnfolded  = 250 // lines of diff that are open at first
	defaultDiffs = 4 << 20
	indexFrom    = 8 // packages that are held
)

func text(s string) string { return report.Visible(s, false) }

func texts(all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = text(s)
	}
	return out
}

// markup of names in sentences.
func markupCode(s string) string {
	return "<code>" + template.HTMLEscapeString(text(s)) + "</code>"
}

func markupText(s string) string { return template.HTMLEscapeString(text(s)) }

// viewer collects a document.
type viewer struct {
	o         Options
	accept    bool // entries are added by a command, not by a sign-off
	highlight *highlighter
	left      int // bytes of diffs
	unfolded  int // lines of diffs that may still be open at first
	split     bool
}

func view(r *report.Report, o Options) document {
	if o.MaxDiff <= 0 {
		o.MaxDiff = defaultDiffs
	}
	v := &viewer{o: o, accept: r.Accept != "", highlight: newHighlighter(), left: o.MaxDiff, unfolded: maxUnfolded}
	d := document{
		Title: r.Title(), Conclusion: conclusionClass(r), Base: report.ShortName(r.Scan.Base), Head: report.ShortName(r.Scan.Head),
		Notes: texts(r.Decision.Notes), Only: text(o.Only),
	}
	if p := r.Pull; p != nil {
		d.Pull = &report.Pull{Repository: text(p.Repository), Number: p.Number, Title: text(p.Title), Author: text(p.Author), URL: p.URL}
	}
	for _, l := range r.Scan.Lockfiles {
		d.Lockfiles = append(d.Lockfiles, lockfileRow{text(l.Path), report.CountsText(l), text(l.Replaces)})
	}
	for _, p := range r.Opening(markupCode, markupText) {
		d.Opening = append(d.Opening, template.HTML(p)) // our sentences; the foreign parts were escaped
	}
	d.Held = v.sections(r.Sections(policy.Blocked, policy.Rejected, policy.Open))
	d.Settled = v.sections(r.Sections(policy.Signed, policy.Admitted))
	d.Warned = v.sections(r.Sections(policy.Warned))
	d.Refused = v.refused(r.Decision)
	d.Split, d.Index = v.split, len(d.Held) >= indexFrom
	said, plain := r.Quiet()
	d.Plain = plain
	for _, c := range said {
		d.Said = append(d.Said, changeOf(c))
	}
	return d
}

func (v *viewer) refused(d policy.Decision) []string {
	var all []string
	for _, o := range d.Outcomes {
		for _, why := range o.Refused {
			if why = text(why); !slices.Contains(all, why) {
				all = append(all, why)
			}
		}
	}
	return all
}

func changeOf(c scan.Change) changeRow {
	row := changeRow{Name: text(c.Package.Name), Version: text(c.Package.Version), Note: text(c.Note)}
	if c.From != "" && c.From != c.Package.Version {
		row.Version = text(c.From) + " → " + row.Version
	}
	if eras := report.History(c.Published); len(eras) > 0 && c.Published.By.Known() {
		row.Publisher = text(eras[0].Who)
	}
	return row
}

func conclusionClass(r *report.Report) string {
	d := r.Decision
	switch {
	case d.Count(policy.Blocked, policy.Rejected) > 0:
		return "bad"
	case d.Count(policy.Open) > 0:
		return "ask"
	case d.Count(policy.Signed, policy.Admitted) > 0:
		return "good"
	}
	return "quiet"
}

func stateClass(s policy.State) string {
	switch s {
	case policy.Blocked, policy.Rejected:
		return "bad"
	case policy.Open:
		return "ask"
	case policy.Signed, policy.Admitted:
		return "good"
	}
	return "quiet"
}

// sections shows those that are asked for. A package whose findings have several
// states stands under the first alone, with all of them.
func (v *viewer) sections(all []report.Section) []section {
	var out []section
	for _, s := range all {
		if v.o.Only != "" && v.o.Only != s.Key() {
			continue
		}
		out = append(out, v.section(s))
	}
	return out
}

func (v *viewer) section(s report.Section) section {
	out := section{
		ID: "p-" + s.Outcomes[0].Digest.Short(), Title: text(s.Title), From: text(s.From), To: text(s.Package.Version),
		Ecosystem: string(s.Package.Ecosystem), Class: stateClass(s.State()), State: report.StateText(s.Outcomes[0], text),
		Through: texts(s.Through), File: s.Package.Name == "",
	}
	for _, era := range report.History(s.Published) {
		era.Who = text(era.Who)
		out.History = append(out.History, era)
	}
	out.RecordsHead, out.Unrecordable = "What signing off records", s.Unrecordable
	if v.accept {
		out.RecordsHead = "What the allowlist would have to say"
	}
	for _, e := range s.Records {
		r := record{Accepts: text(e.Accepts), Entry: report.Visible(e.Entry, true)}
		for _, rule := range e.Rules {
			r.Rules = append(r.Rules, ruleName{rule, docs.RuleURL(rule)})
		}
		out.Records = append(out.Records, r)
	}
	var shown []lockkeeper.Digest
	for _, o := range s.Outcomes {
		out.Findings = append(out.Findings, v.finding(s, o))
		if c := o.Finding.Code; c != nil && len(c.Kinds) > 0 && !slices.Contains(shown, c.Digest) {
			shown = append(shown, c.Digest)
			out.Codes = append(out.Codes, v.code(s, c))
			for _, name := range c.Capabilities {
				if word := text(string(name)); name.Grave() && !slices.Contains(out.Grave, word) {
					out.Grave = append(out.Grave, word)
				}
			}
		}
	}
	return out
}

func (v *viewer) finding(s report.Section, o policy.Outcome) finding {
	f := o.Finding
	out := finding{
		Digest: string(o.Digest), Rule: string(f.Rule), Means: docs.RuleURL(string(f.Rule)), Message: text(f.Message), Place: text(f.Lockfile), Evidence: texts(f.Evidence[:min(len(f.Evidence), maxEvidence)]),
		More: max(0, len(f.Evidence)-maxEvidence), Class: stateClass(o.State), State: report.StateText(o, text), Said: texts(v.o.Said[o.Digest]),
		Label: text(strings.TrimSpace(s.Title + " " + s.Package.Version + ": " + string(f.Rule))),
	}
	if f.Line > 0 {
		out.Place = fmt.Sprintf("%s:%d", out.Place, f.Line)
	}
	if n := s.Also(o); n > 0 {
		out.Place += fmt.Sprintf(" and %d more", n)
	}
	if o.State != policy.Open {
		out.Why = texts(o.Why)
	}
	if v.o.Form != "" && o.Level == policy.SignOffLevel && o.State != policy.Admitted {
		out.Form, out.Ticked = v.o.Form, v.o.Ticked[o.Digest]
	}
	return out
}

func (v *viewer) code(s report.Section, c *policy.Code) code {
	out := code{Added: c.Inserted, Removed: c.Deleted}
	kinds := make([]string, len(c.Kinds))
	for i, k := range c.Kinds {
		kinds[i] = text(report.KindWords(k))
	}
	out.Kinds = strings.Join(kinds, " and ")
	for _, name := range c.Capabilities {
		out.Capabilities = append(out.Capabilities, capability{
			Name: text(string(name)), Words: text(report.CapabilityWords(name)), Grave: name.Grave(), Gained: slices.Contains(c.Gained, name) && len(c.Gained) < len(c.Capabilities),
		})
	}
	slices.SortStableFunc(out.Capabilities, func(a, b capability) int { return rankOf(a) - rankOf(b) })
	for _, u := range graveFirst(c.Uses)[:min(len(c.Uses), maxUses)] {
		out.Uses = append(out.Uses, use{text(string(u.Capability)), text(fmt.Sprintf("%s:%d", u.Path, u.Line)), text(u.Text)})
	}
	out.MoreUses = len(c.Uses) - len(out.Uses)
	v.diff(&out, s, c)
	return out
}

func rankOf(c capability) int {
	if c.Grave {
		return 0
	}
	return 1
}

// graveFirst puts the uses that matter most where they are not cut.
func graveFirst(uses []buildcode.Use) []buildcode.Use {
	sorted := slices.Clone(uses)
	slices.SortStableFunc(sorted, func(a, b buildcode.Use) int {
		switch {
		case a.Capability.Grave() == b.Capability.Grave():
			return 0
		case a.Capability.Grave():
			return -1
		}
		return 1
	})
	return sorted
}

// diff adds the difference itself, as far as it fits.
func (v *viewer) diff(out *code, s report.Section, c *policy.Code) {
	if v.o.Whole != nil && v.o.Only == "" {
		out.Whole = v.o.Whole(s)
	}
	switch {
	case c.Diff == "" && c.Inserted+c.Deleted > 0:
		out.Missing, out.Whole = "Too long to be kept here. See it with: lockkeeper scan --show build-code", ""
		return
	case c.Diff == "":
		out.Whole = ""
		return
	case len(c.Diff) > v.left:
		out.Missing = "Too long to be shown among the others."
		return
	}
	v.left -= len(c.Diff)
	out.Files = parseDiff(c.Diff)
	lines := 0
	for i := range out.Files {
		f := &out.Files[i]
		v.highlight.diff(f)
		f.show()
		lines += f.Added + f.Removed
		v.split = v.split || f.Added > 0 && f.Removed > 0
	}
	out.Open = lines <= v.unfolded
	if out.Open {
		v.unfolded -= lines
	}
	out.Whole = ""
}

// show makes f's own text visible.
func (f *fileDiff) show() {
	f.From, f.To, f.Note, f.Cut = text(f.From), text(f.To), text(f.Note), text(f.Cut)
	for i := range f.Hunks {
		for j := range f.Hunks[i].Runs {
			r := &f.Hunks[i].Runs[j]
			for _, lines := range [][]line{r.Same, r.Removed, r.New} {
				for k := range lines {
					lines[k].Text = report.Visible(lines[k].Text, true)
				}
			}
		}
	}
}
