package pages

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/scan"
)

// maxSaid is how many of the last sign-offs a page shows.
const maxSaid = 100

type repositoryPage struct {
	Name     string
	Waiting  []waitingRow
	Branch   string
	Entries  []entryRow
	Counts   map[string]int // by mark
	Broken   string         // why the allowlist cannot be read
	Partial  bool           // some lockfile could not be read, so that nothing counts as stale
	Onboards bool           // there is a .lockkeeper directory
	Path     string         // of the allowlist in the repository
	Said     []saidRow
}

type entryRow struct {
	Package, Versions string
	Line              int
	Any               bool
	May               []chip
	Nothing           bool // may do nothing of note
	Code              string
	Publishers, Rules []string
	Reason            string
	By, In            string
	Expires           string
	Marks             []mark
}

type chip struct {
	Name, Words string
	Grave       bool
}

type mark struct {
	Word, Class, Why string
}

type saidRow struct {
	Who, Verdict, What, Rule string
	Reason, When             string
	Pull                     int
	Link, Where              string
}

// repository is the allowlist of a repository's default branch, and who said what.
func (p *Pages) repository(v *visit) error {
	at, err := p.enter(v, false)
	if err != nil {
		return err
	}
	page := repositoryPage{Name: at.repo.String(), Branch: at.repo.DefaultBranch, Path: allowlist.Path, Counts: map[string]int{}}
	waiting, err := p.cfg.Store.WaitingScans(v.r.Context(), at.ID, maxWaiting)
	if err != nil {
		return err
	}
	for _, w := range waiting {
		page.Waiting = append(page.Waiting, p.waitingRow(at.Owner, at.Name, w, v))
	}
	if err := p.allowlist(v.r.Context(), at, &page); err != nil {
		return err
	}
	if page.Said, err = p.said(v.r.Context(), at); err != nil {
		return err
	}
	return p.show(v, "repository.tmpl", Layout{Title: page.Name, Wide: true, Page: page, Trail: []Crumb{{page.Name, ""}}})
}

// allowlist reads the list at the tip of the default branch and looks at each entry.
func (p *Pages) allowlist(ctx context.Context, at *place, page *repositoryPage) error {
	tip, err := at.client.Tip(ctx, at.repo, at.repo.DefaultBranch)
	if err != nil {
		return hidden(err)
	}
	found, err := p.allowed.at(ctx, p.cfg.Tree(at.client, at.repo, tip), fmt.Sprintf("%d/%s", at.ID, tip))
	var broken *scan.RulesError
	if errors.As(err, &broken) {
		page.Broken = broken.Error()
		return nil
	}
	if err != nil {
		return err
	}
	page.Onboards, page.Partial = found.rules.Onboarded, !found.complete
	list := found.rules.Allowlist
	problems := list.Problems(p.cfg.Now())
	if found.complete {
		problems = append(problems, list.Stale(found.locked)...)
	}
	marks := map[int][]mark{}
	for _, problem := range problems {
		class := "ask"
		if problem.Kind == allowlist.Stale || problem.Kind == allowlist.Duplicate {
			class = "quiet"
		}
		marks[problem.Entry.Line] = append(marks[problem.Entry.Line], mark{string(problem.Kind), class, withoutName(problem)})
		page.Counts[string(problem.Kind)]++
	}
	for _, e := range list.Entries {
		row := rowOf(e)
		if row.Marks = marks[e.Line]; len(row.Marks) == 0 {
			row.Marks = []mark{{"in use", "good", ""}}
			page.Counts["in use"]++
		}
		page.Entries = append(page.Entries, row)
	}
	return nil
}

// withoutName is what is the matter, without the entry's name, which stands beside it.
func withoutName(problem allowlist.Problem) string {
	message := strings.TrimPrefix(problem.Message, fmt.Sprintf("the allow entry at line %d ", problem.Entry.Line))
	return strings.TrimPrefix(message, "for "+problem.Entry.Package+" ")
}

func rowOf(e allowlist.Entry) entryRow {
	row := entryRow{
		Package: e.Package, Versions: e.Versions, Line: e.Line, Any: e.Any, Nothing: e.May != nil && len(e.May) == 0, Code: e.BuildCode.Short(),
		Rules: e.Rules, Reason: e.Reason, By: e.SignedOffBy, In: e.SignedOffIn,
	}
	for _, c := range e.May {
		row.May = append(row.May, chip{string(c), report.CapabilityWords(c), c.Grave()})
	}
	for _, publisher := range e.Publishers {
		row.Publishers = append(row.Publishers, publisher.String())
	}
	if !e.Expires.IsZero() {
		row.Expires = e.Expires.Format(time.DateOnly)
	}
	return row
}

// said is what reviewers said last, with what it was about where that is known, and a
// link to the page where there still is one.
func (p *Pages) said(ctx context.Context, at *place) ([]saidRow, error) {
	all, err := p.cfg.Store.RecentStatements(ctx, at.ID, maxSaid)
	if err != nil {
		return nil, err
	}
	var rows []saidRow
	for _, s := range all {
		row := saidRow{
			Who: s.Login, Verdict: verdictWords(s.Verdict), What: "what is not known any more", Reason: s.Reason, When: s.At.UTC().Format("2006-01-02 15:04"),
			Pull: s.Pull, Rule: s.Rule,
		}
		if s.Kept {
			row.Link = PullURL("", at.Owner, at.Name, s.Pull)
		}
		if s.Package != "" {
			row.What = subject(s.Package)
		}
		// One comment about many findings of a package is one line.
		if n := len(rows); n > 0 && rows[n-1].same(row) {
			if row.Rule != "" {
				rows[n-1].Rule = row.Rule + ", " + rows[n-1].Rule
			}
			continue
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (r saidRow) same(other saidRow) bool {
	r.Rule, other.Rule = "", ""
	return r == other
}

// subject is a package as people write it, "ring 0.17.8", or the path of a file.
func subject(what string) string {
	name, isPackage := strings.CutPrefix(what, "pkg:")
	if !isPackage {
		return what
	}
	_, name, _ = strings.Cut(name, "/") // after its ecosystem
	return strings.Replace(name, "@", " ", 1)
}

// allowCache remembers what was read of the newest commits: lockfiles are many and
// large, and a commit does not change.
type allowCache struct {
	mu    sync.Mutex
	known map[string]allowAt // guarded by mu; by repository and commit
}

type allowAt struct {
	rules    scan.Rules
	locked   []lockkeeper.Package
	complete bool
}

// maxAllow bounds how many commits are remembered.
const maxAllow = 64

func (c *allowCache) at(ctx context.Context, tree scan.Tree, key string) (allowAt, error) {
	c.mu.Lock()
	found, ok := c.known[key]
	c.mu.Unlock()
	if ok {
		return found, nil
	}
	var err error
	if found.rules, err = scan.ReadRules(ctx, tree, tree); err != nil {
		return allowAt{}, err
	}
	if found.locked, found.complete, err = scan.Locked(ctx, tree); err != nil {
		return allowAt{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxAllow {
		c.known = map[string]allowAt{}
	}
	c.known[key] = found
	return found, nil
}
