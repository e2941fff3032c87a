package server

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/scan"
	"github.com/lockkeeper/lockkeeper/server/pages"
	"github.com/lockkeeper/lockkeeper/store"
)

// PagesConfig is what pages need. See pages.Config.
type PagesConfig struct {
	PublicURL, ClientID, ClientSecret string
}

// newPages prepares the pages.
func (s *Server) newPages() (*pages.Pages, error) {
	return pages.New(pages.Config{
		PublicURL: s.cfg.Pages.PublicURL, ClientID: s.cfg.Pages.ClientID, ClientSecret: s.cfg.Pages.ClientSecret,
		App: s.cfg.App, Store: s.cfg.Store, Jobs: s.queue, TellOthers: s.tellOthers, Now: s.cfg.Now,
		Tree: func(c *github.Client, repo github.Repo, commit string) scan.Tree {
			return &commitTree{client: c, repo: repo, commit: commit}
		},
	})
}

// detailsURL is the page about a pull request; empty where there are none.
func (s *Server) detailsURL(repo github.Repo, pull int) string {
	if s.cfg.Pages == nil {
		return ""
	}
	return pages.PullURL(s.cfg.Pages.PublicURL, repo.Owner, repo.Name, pull)
}

// keepReport keeps all that was found for the pages, also before there are any.
func (w *worker) keepReport(ctx context.Context, record store.Scan, r *report.Report) error {
	kept := store.Report{RepoID: record.RepoID, Pull: record.Pull, Generation: record.Generation}
	earlier, err := w.cfg.Store.Headline(ctx, record.RepoID, record.Pull)
	if err != nil {
		return err
	}
	var before report.Headline
	if json.Unmarshal(earlier, &before) != nil {
		before = report.Headline{} // there is none
	}
	if kept.Headline, err = json.Marshal(report.HeadlineOf(r, before, w.cfg.Now())); err != nil {
		return fmt.Errorf("encode the headline: %w", err)
	}
	if kept.Body, err = report.Encode(r, store.MaxValue); err != nil {
		return err
	}
	return w.cfg.Store.PutReport(ctx, kept)
}
