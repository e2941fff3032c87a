package server

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/queue"
	"github.com/lockkeeper/lockkeeper/report"
)

// Look is an open pull request and what the newest scan of it came to.
type Look struct {
	Number int
	Title  string
	// Verdict is that of its check; empty while it is looked at, or was not yet.
	Verdict string
	// Held reports whether it waits for somebody.
	Held bool
	// Page is the address of its details; empty where there are no pages.
	Page string
}

// mostLooked is how many pull requests Look is about, the newest.
const mostLooked = 10

// LookAt queues a look at the newest open pull requests of a repository, as if somebody
// had asked for it in each.
func (s *Server) LookAt(ctx context.Context, installation int64, repo github.Repo) error {
	pulls, err := s.newest(ctx, installation, repo)
	if err != nil {
		return err
	}
	for _, p := range pulls {
		job := queue.Job{Kind: queue.Pull, Installation: installation, RepoID: repo.ID, Owner: repo.Owner, Repo: repo.Name, Pull: p.Number, Base: p.BaseRef, Person: true}
		if err := s.queue.Put(ctx, job); err != nil {
			return err
		}
	}
	return nil
}

// Looked tells how they stand.
func (s *Server) Looked(ctx context.Context, installation int64, repo github.Repo) ([]Look, error) {
	pulls, err := s.newest(ctx, installation, repo)
	if err != nil {
		return nil, err
	}
	scans, err := s.cfg.Store.ScansByBase(ctx, repo.ID, "")
	if err != nil {
		return nil, err
	}
	var all []Look
	for _, p := range pulls {
		look := Look{Number: p.Number, Title: p.Title, Page: s.detailsURL(repo, p.Number)}
		settled, err := s.queue.Settled(ctx, queue.Job{Kind: queue.Pull, RepoID: repo.ID, Pull: p.Number})
		if err != nil {
			return nil, err
		}
		for _, scan := range scans {
			if scan.Pull != p.Number || !settled || !current(scan, p) {
				continue
			}
			stored, err := s.cfg.Store.Headline(ctx, repo.ID, p.Number)
			if err != nil {
				return nil, err
			}
			var h report.Headline
			if json.Unmarshal(stored, &h) != nil {
				h.Title = string(scan.Conclusion) // nothing could be judged
			}
			look.Verdict, look.Held = h.Title, !h.Since.IsZero()
		}
		all = append(all, look)
	}
	return all, nil
}

// newest are the open pull requests that were opened last.
func (s *Server) newest(ctx context.Context, installation int64, repo github.Repo) ([]*github.Pull, error) {
	client, err := s.cfg.App.Installation(installation)
	if err != nil {
		return nil, err
	}
	pulls, err := client.OpenPulls(ctx, repo, "")
	if err != nil {
		return nil, err
	}
	slices.SortFunc(pulls, func(a, b *github.Pull) int { return b.Number - a.Number })
	return pulls[:min(len(pulls), mostLooked)], nil
}
