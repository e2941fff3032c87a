package report

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/scan"
)

// AuditRow is one locked package that runs code while it is built or installed, or
// whenever an interpreter starts. The same package in several lockfiles has one row.
type AuditRow struct {
	Package      lockkeeper.Package
	PURL         string
	Places       []string // "Cargo.lock:12"
	Kinds        []buildcode.Kind
	Capabilities []buildcode.Capability
	Files        []string
	Digest       lockkeeper.Digest // of its build-time code
	Publisher    string            // empty where unknown
	Published    scan.Published
	Through      []string
	Uses         []buildcode.Use // where its capabilities show
	// Allowed: an entry of the allowlist admits it, or the policy asks nothing.
	Allowed bool
	// Listed are the lines of the allowlist's entries that admit it, each once, where all
	// that was found about its code is admitted.
	Listed []int
}

// Grave reports whether the code is able to do something grave.
func (a AuditRow) Grave() bool {
	return slices.ContainsFunc(a.Capabilities, buildcode.Capability.Grave)
}

// AuditRows are the packages with build-time code in a report about everything that
// is locked: those that are able to do something grave first, then by name.
func AuditRows(r *Report) []AuditRow {
	var rows []AuditRow
	index, unlisted := map[lockkeeper.Package]int{}, map[lockkeeper.Package]bool{}
	for _, o := range r.Decision.Outcomes {
		f := o.Finding
		if f.Code == nil || len(f.Code.Kinds) == 0 || f.Package.Name == "" {
			continue
		}
		i, ok := index[f.Package]
		if !ok {
			i = len(rows)
			index[f.Package] = i
			rows = append(rows, AuditRow{Package: f.Package, Digest: f.Code.Digest, Allowed: true})
		}
		row := &rows[i]
		row.Kinds = union(row.Kinds, f.Code.Kinds)
		row.Capabilities = union(row.Capabilities, f.Code.Capabilities)
		row.Files = union(row.Files, f.Code.Files)
		if len(row.Uses) == 0 {
			row.Uses = f.Code.Uses
		}
		line, listed := r.Listed[o.Digest]
		unlisted[f.Package] = unlisted[f.Package] || !listed
		if listed && !slices.Contains(row.Listed, line) {
			row.Listed = append(row.Listed, line)
		}
		row.Allowed = row.Allowed && (o.State == policy.Admitted || o.State == policy.Warned || o.State == policy.Signed)
		if place := placeText(f); !slices.Contains(row.Places, place) {
			row.Places = append(row.Places, place)
		}
	}
	for _, c := range r.Scan.Changes {
		if i, ok := index[c.Package]; ok {
			rows[i].PURL, rows[i].Through, rows[i].Published = c.PURL, c.Through, c.Published
			if c.Publisher != "unknown" && c.Publisher != "" {
				rows[i].Publisher = c.Publisher
			}
		}
	}
	for i := range rows {
		if unlisted[rows[i].Package] {
			rows[i].Listed = nil
		}
	}
	slices.SortFunc(rows, func(a, b AuditRow) int {
		if a.Grave() != b.Grave() {
			if a.Grave() {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Package.Ecosystem, b.Package.Ecosystem), cmp.Compare(a.Package.Name, b.Package.Name), cmp.Compare(a.Package.Version, b.Package.Version))
	})
	return rows
}

func union[T cmp.Ordered](a, b []T) []T {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func placeText(f policy.Finding) string {
	if f.Line > 0 {
		return fmt.Sprintf("%s:%d", f.Lockfile, f.Line)
	}
	return f.Lockfile
}

// AuditOthers are those of an audit that are about something else than code. That
// settings exist is no news where everything is looked at, and what is linked into
// build code is told by names alone.
func AuditOthers(r *Report) (others []policy.Outcome, linked []string) {
	for _, o := range r.Decision.Outcomes {
		switch f := o.Finding; {
		case f.Rule == policy.GuardChanged, f.Code != nil && len(f.Code.Kinds) > 0:
		case f.Rule == policy.BuildPathEntered && o.State == policy.Warned:
			linked = append(linked, f.Package.Name+" "+f.Package.Version)
		default:
			others = append(others, o)
		}
	}
	slices.Sort(linked)
	return others, slices.Compact(linked)
}

// Audit writes for a terminal what everything that is locked runs at build time.
func Audit(w io.Writer, r *Report, o TextOptions) error {
	if o.Width <= 0 {
		o.Width = 100
	}
	t := &textWriter{w: w, o: o}
	rows := AuditRows(r)
	if !o.Quiet {
		t.auditHead(r, rows)
	}
	if len(rows) > 0 {
		t.auditTable(rows)
	}
	others, linked := AuditOthers(r)
	if len(linked) > 0 && !o.Quiet {
		t.printf("\n")
		t.folded("", count(len(linked), "library is", "libraries are")+" linked into that code and so run with it: "+strings.Join(linked, ", ")+".")
	}
	if len(others) > 0 {
		t.printf("\n%s\n", t.style(Strong, "Beside that"))
	}
	alike := map[string][]policy.Outcome{}
	saying := func(o policy.Outcome) string { return string(o.State) + " " + o.Finding.Message }
	for _, o := range others {
		alike[saying(o)] = append(alike[saying(o)], o)
	}
	for _, o := range others {
		same := alike[saying(o)]
		if len(same) >= alikeFrom {
			t.auditTogether(same)
			alike[saying(o)] = []policy.Outcome{} // said
		} else if len(same) > 0 {
			f := o.Finding
			t.line(StateWord(o.State), strings.TrimSpace(f.Package.Name+" "+f.Package.Version), f.Message+" ("+placeText(f)+")")
		}
	}
	if len(rows) > 0 && !o.Quiet {
		t.printf("\n  %-29s %s\n", "What the words mean:", "lockkeeper explain capabilities")
	}
	return t.err
}

// auditTogether is what is to be said of many packages alike.
func (t *textWriter) auditTogether(same []policy.Outcome) {
	var names []string
	for _, o := range same {
		name := strings.TrimSpace(o.Finding.Package.Name + " " + o.Finding.Package.Version)
		if !slices.Contains(names, name) { // it may stand in several lockfiles
			names = append(names, name)
		}
	}
	first := same[0]
	t.line(StateWord(first.State), count(len(names), "package", "packages"), first.Finding.Message+": "+strings.Join(names, ", "))
	t.evidence("- of "+first.Finding.Package.Name+": ", first.Finding.Evidence)
}

func (t *textWriter) auditHead(r *Report, rows []AuditRow) {
	t.folded("", auditOpening(r, rows))
	if len(r.Scan.Lockfiles) > 0 {
		t.printf("\n")
	}
}

// auditOpening says in a sentence or two what an audit comes to. Its text is foreign in
// part.
func auditOpening(r *Report, rows []AuditRow) string {
	if len(r.Scan.Lockfiles) == 0 {
		return "There is no lockfile here that could be read."
	}
	var names []string
	for _, l := range r.Scan.Lockfiles {
		names = append(names, l.Path)
	}
	names = firstOf(names, maxLockfiles)
	hooks, grave := 0, 0
	for _, row := range rows {
		if slices.Contains(row.Kinds, buildcode.StartupHook) {
			hooks++
		}
		if row.Grave() {
			grave++
		}
	}
	text := fmt.Sprintf("%s in %s. %s code on your machine when built or installed", count(locked(r), "package is locked", "packages are locked"),
		strings.Join(names, ", "), count(len(rows)-hooks, "package runs", "packages run"))
	if hooks > 0 {
		text += ", " + count(hooks, "runs", "run") + " whenever Python starts"
	}
	if grave > 0 {
		text += "; " + count(grave, "of them is able to do something grave (marked !)", "of them are able to do something grave (marked !)")
	}
	return text + "."
}

// locked is how many packages are.
func locked(r *Report) int {
	seen := map[string]bool{}
	for _, c := range r.Scan.Changes {
		seen[c.PURL] = true
	}
	return len(seen)
}

// AuditTitle is what an audit comes to in a line.
func AuditTitle(r *Report, rows []AuditRow) string {
	switch n := len(rows); {
	case len(r.Scan.Lockfiles) == 0:
		return "There is no lockfile here that could be read"
	case n == 0:
		return "None of " + count(locked(r), "locked package runs", "locked packages runs") + " code when built"
	case n == 1:
		return fmt.Sprintf("1 of %s runs code when built", count(locked(r), "locked package", "locked packages"))
	default:
		return fmt.Sprintf("%d of %s run code when built", n, count(locked(r), "locked package", "locked packages"))
	}
}

func (t *textWriter) auditTable(rows []AuditRow) {
	table := [][]string{{"", "PACKAGE", "WHAT RUNS", "WHAT IT CAN DO", "PUBLISHED BY"}}
	for _, row := range rows {
		mark := ""
		if row.Grave() {
			mark = "!"
		}
		table = append(table, []string{
			mark, row.Package.Name + " " + row.Package.Version, row.Runs(), capabilityText(row.Capabilities), cmp.Or(row.Publisher, "unknown"),
		})
	}
	for i, line := range layout(table, t.o.Width) {
		switch {
		case i == 0:
			line = t.style(Faint, line)
		case strings.HasPrefix(line, "!"):
			line = t.style(Ask, line[:1]) + line[1:]
		}
		t.printf("%s\n", line)
	}
}

// Runs says what of the package runs: "build script, procedural macro".
func (a AuditRow) Runs() string {
	kinds := make([]string, len(a.Kinds))
	for i, k := range a.Kinds {
		kinds[i] = KindWords(k)
	}
	return strings.Join(kinds, ", ")
}

// AuditCSV writes the same as a table for spreadsheets (RFC 4180, with a header).
// What a spreadsheet would take for a formula is quoted.
func AuditCSV(w io.Writer, r *Report) error {
	out := csv.NewWriter(w)
	head := []string{"ecosystem", "package", "version", "purl", "lockfiles", "runs", "capabilities", "grave", "files", "publisher", "through", "allowed", "build_code"}
	if err := out.Write(head); err != nil {
		return err
	}
	for _, row := range AuditRows(r) {
		record := []string{
			string(row.Package.Ecosystem), row.Package.Name, row.Package.Version, row.PURL, strings.Join(row.Places, " "),
			joined(row.Kinds), joined(row.Capabilities), strconv.FormatBool(row.Grave()), strings.Join(firstOf(row.Files, 20), " "),
			row.Publisher, strings.Join(row.Through, " "), strconv.FormatBool(row.Allowed), string(row.Digest),
		}
		for i := range record {
			record[i] = cell(record[i])
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// firstOf are the first n of many names, and how many more there are.
func firstOf(names []string, n int) []string {
	if len(names) <= n {
		return names
	}
	return append(slices.Clone(names[:n]), fmt.Sprintf("(%d more)", len(names)-n))
}

func joined[T ~string](words []T) string {
	texts := make([]string, len(words))
	for i, word := range words {
		texts[i] = string(word)
	}
	return strings.Join(texts, " ")
}

// cell is foreign text that no spreadsheet reads as a formula.
func cell(s string) string {
	s = visible(s, false)
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
