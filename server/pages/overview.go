package pages

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/store"
)

const (
	// maxWaiting bounds what the overview looks at.
	maxWaiting = 1000
	// maxEntered bounds how many repositories one visit of the overview asks GitHub
	// about.
	maxEntered = 100
	// maxAtOnce bounds how many of them at a time.
	maxAtOnce = 8
)

// waitingRow is one pull request that waits.
type waitingRow struct {
	Link, Pull, Title string
	Number            int
	Author            string
	Reviewers         string
	Since             string
	Bad               bool // blocked or rejected
	Yours             bool // the visitor opened it
}

func (p *Pages) waitingRow(owner, name string, w store.Waiting, v *visit) waitingRow {
	var h report.Headline
	if json.Unmarshal(w.Headline, &h) != nil {
		h = report.Headline{} // nothing could be judged
	}
	scan, since := w.Scan, h.Since
	if since.IsZero() {
		since = scan.At
	}
	row := waitingRow{
		Link: PullURL("", owner, name, scan.Pull), Number: scan.Pull, Pull: h.Pull, Title: h.Title, Author: h.Author, Reviewers: h.Reviewers,
		Since: ago(p.cfg.Now().Sub(since)), Bad: scan.Conclusion == policy.Failure, Yours: h.Author != "" && strings.EqualFold(h.Author, v.session.Login),
	}
	if row.Title == "" {
		row.Title = "The rules of this repository cannot be read, or the change is too large"
	}
	if row.Pull == "" {
		row.Pull = fmt.Sprintf("Pull request %d", scan.Pull)
	}
	return row
}

type overviewPage struct {
	Groups       []waitingGroup
	Count        int
	Repositories []Crumb
	Cut          bool
}

type waitingGroup struct {
	Name, Link string
	Rows       []waitingRow
}

// overview is what waits in all repositories that the visitor can read.
func (p *Pages) overview(v *visit) error {
	waiting, err := p.cfg.Store.WaitingScans(v.r.Context(), 0, maxWaiting)
	if err != nil {
		return err
	}
	all, err := p.cfg.Store.Repositories(v.r.Context())
	if err != nil {
		return err
	}
	// Those in which something waits first.
	var wanted []store.Repository
	seen := map[int64]bool{}
	add := func(r store.Repository) {
		if !seen[r.ID] {
			seen[r.ID] = true
			wanted = append(wanted, r)
		}
	}
	for _, w := range waiting {
		add(w.Repository)
	}
	for _, r := range all {
		add(r)
	}
	page := overviewPage{Cut: len(wanted) > maxEntered}
	readable, err := p.readable(v.r.Context(), v.session.account(), wanted[:min(len(wanted), maxEntered)])
	if err != nil {
		return err
	}
	groups := map[int64]int{}
	for _, w := range waiting {
		at, ok := readable[w.Repository.ID]
		if !ok {
			continue
		}
		i, ok := groups[at.ID]
		if !ok {
			i = len(page.Groups)
			groups[at.ID] = i
			page.Groups = append(page.Groups, waitingGroup{Name: at.repo.String(), Link: repositoryPath(at)})
		}
		page.Groups[i].Rows = append(page.Groups[i].Rows, p.waitingRow(at.Owner, at.Name, w, v))
		page.Count++
	}
	for _, at := range readable {
		page.Repositories = append(page.Repositories, Crumb{at.repo.String(), repositoryPath(at)})
	}
	slices.SortFunc(page.Repositories, func(a, b Crumb) int { return cmp.Compare(a.Text, b.Text) })
	return p.show(v, "overview.tmpl", Layout{Title: "What waits", Page: page})
}

// readable are those of the repositories that somebody may read.
func (p *Pages) readable(ctx context.Context, who github.Account, all []store.Repository) (map[int64]*place, error) {
	places := make([]*place, len(all))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxAtOnce)
	for i, r := range all {
		group.Go(func() error {
			at, err := p.access(ctx, who, r.Owner, r.Name, false)
			if errors.Is(err, errNotFound) {
				return nil
			}
			places[i] = at
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	readable := map[int64]*place{}
	for i, at := range places {
		if at != nil && at.ID == all[i].ID {
			readable[at.ID] = at
		}
	}
	return readable, nil
}

func repositoryPath(at *place) string {
	return "/" + url.PathEscape(at.Owner) + "/" + url.PathEscape(at.Name)
}
