package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/queue"
	"github.com/lockkeeper/lockkeeper/store"
)

// What GitHub could not deliver is asked for again, and what it never told of is looked
// for. Both by one process of all, and in the background: see docs/operating.md for
// what it costs.
const (
	redeliverEvery = time.Minute
	// overlap is how far before the last look the next one begins: GitHub lists
	// deliveries late, and what fails again and again is tried for that long.
	overlap = 15 * time.Minute
	// keptDeliveries is for how long GitHub has them.
	keptDeliveries = 3 * 24 * time.Hour
	// mostRedelivered at a time.
	mostRedelivered = 200

	sweepEvery = 10 * time.Minute
	// sweepDue is after how long a repository is looked at in which nothing seems to
	// have happened: a push to a fork does not show in it. Of three looks in an hour one
	// counts against the limit, since where nothing changed GitHub says 304.
	sweepDue = 20 * time.Minute
	// mostSwept is how many repositories of one installation are looked at each time, at
	// one call for a hundred open pull requests: 1,440 an hour of 5,000 at least, with all
	// of them in the background.
	mostSwept = 240
)

// reconcile runs until ctx ends: at once, and again and again.
func (s *Server) reconcile(ctx context.Context) {
	s.takeTurns(ctx, redeliverEvery/4, periodic{"redeliver", redeliverEvery, s.Redeliver}, periodic{"look for missing checks", sweepEvery, s.Sweep})
}

const deliveriesKey = "deliveries looked at until 1"

// Redeliver has GitHub attempt failed deliveries again: those since the last look and
// a bit before. One that goes on failing is left alone for twice as long each time.
func (s *Server) Redeliver(ctx context.Context) error {
	ctx = github.InBackground(ctx)
	now := s.cfg.Now()
	since := now.Add(-keptDeliveries)
	var last time.Time
	if kept, ok, err := s.cfg.Store.Fact(ctx, deliveriesKey); err != nil {
		return err
	} else if ok && json.Unmarshal(kept, &last) == nil && last.Add(-overlap).After(since) {
		since = last.Add(-overlap)
	}
	failed, err := s.cfg.App.FailedDeliveries(ctx, since)
	var tooMany *github.TooLarge
	switch {
	case errors.As(err, &tooMany):
		// What is in them, the sweep finds.
		zerolog.Ctx(ctx).Warn().Err(err).Time("since", since).Msg("too many deliveries to look for failed ones")
		failed = nil
	case err != nil:
		return err
	}
	asked := 0
	for _, d := range slices.Backward(failed) { // the oldest first
		if !slices.Contains(deliveries{}.Handles(), d.Event) || now.Sub(d.At) < redeliverEvery<<min(d.Attempts-1, 10)/2 {
			continue
		}
		if asked++; asked > mostRedelivered {
			return nil // the next look begins where this one did
		}
		if err := s.cfg.App.Redeliver(ctx, d.ID); err != nil {
			if github.Temporary(err) {
				return err
			}
			zerolog.Ctx(ctx).Warn().Err(err).Str("delivery", d.GUID).Msg("a failed delivery cannot be repeated")
		}
	}
	if asked > 0 {
		zerolog.Ctx(ctx).Info().Int("deliveries", asked).Msg("asked GitHub to repeat failed deliveries")
	}
	encoded, err := json.Marshal(now)
	if err != nil {
		return err
	}
	return s.cfg.Store.PutFact(ctx, deliveriesKey, encoded)
}

// Sweep queues a look at repositories whose pull requests may lack a current check:
// those in which something happened since the last look, and those not looked at for
// long. An installation that cannot be read does not keep the others from it.
func (s *Server) Sweep(ctx context.Context) error {
	ctx = github.InBackground(ctx)
	installations, err := s.cfg.App.Installations(ctx)
	if err != nil {
		return err
	}
	for _, i := range installations {
		if i.Suspended {
			continue
		}
		if err := s.sweepInstallation(ctx, i.ID); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			zerolog.Ctx(ctx).Warn().Err(err).Str("installation", i.Account).Msg("could not look for missing checks; it is tried again")
		}
	}
	return nil
}

func (s *Server) sweepInstallation(ctx context.Context, installation int64) error {
	client, err := s.cfg.App.Installation(installation)
	if err != nil {
		return err
	}
	repos, err := client.Active(ctx)
	if err != nil {
		return err
	}
	type candidate struct {
		github.Active
		last time.Time // looked at; zero where something happened since
	}
	var due []candidate
	for _, r := range repos {
		seen, err := s.sweptAt(ctx, r.ID)
		if err != nil {
			return err
		}
		if r.Open == 0 && seen.Open <= 0 {
			continue // and when the last one was closed, nobody may have told
		}
		switch changed := seen.Pushed.Unix() != r.Pushed.Unix() || seen.Open != r.Open; {
		case changed:
			due = append(due, candidate{Active: r})
		case s.cfg.Now().Sub(seen.At) >= sweepDue:
			due = append(due, candidate{r, seen.At})
		}
	}
	slices.SortStableFunc(due, func(a, b candidate) int { return a.last.Compare(b.last) })
	for _, r := range due[:min(len(due), mostSwept)] {
		job := queue.Job{Kind: queue.Sweep, Installation: installation, RepoID: r.ID, Owner: r.Owner, Repo: r.Name, Background: true}
		if err := s.queue.Put(ctx, job); err != nil {
			return fmt.Errorf("queue a look at %s: %w", r.Repo, err)
		}
		// Noted before the look: what happens meanwhile is another change. The job itself
		// is durable.
		if err := s.noteSwept(ctx, r.ID, swept{Pushed: r.Pushed, Open: r.Open, At: s.cfg.Now()}); err != nil {
			return err
		}
	}
	return nil
}

// swept is how a repository was when it was looked at.
type swept struct {
	Pushed time.Time `json:"pushed"`
	Open   int       `json:"open"`
	At     time.Time `json:"at"`
}

func sweptKey(repo int64) string { return fmt.Sprintf("swept 1 %d", repo) }

func (s *Server) sweptAt(ctx context.Context, repo int64) (seen swept, err error) {
	kept, ok, err := s.cfg.Store.Fact(ctx, sweptKey(repo))
	if err != nil || !ok || json.Unmarshal(kept, &seen) != nil {
		return swept{Open: -1}, err
	}
	return seen, nil
}

func (s *Server) noteSwept(ctx context.Context, repo int64, seen swept) error {
	encoded, err := json.Marshal(seen)
	if err != nil {
		return err
	}
	return s.cfg.Store.PutFact(ctx, sweptKey(repo), encoded)
}

// sweep queues the pull requests of the repository that are not shown as they are now:
// open ones without a finished scan of their head against their base branch, and those
// that are open no more.
func (w *worker) sweep(ctx context.Context) error {
	open, err := w.client.OpenPulls(ctx, w.repo, "")
	if err != nil {
		return err
	}
	scans, err := w.cfg.Store.ScansByBase(ctx, w.repo.ID, "")
	if err != nil {
		return err
	}
	known := map[int]store.Scan{}
	for _, scan := range scans {
		known[scan.Pull] = scan
	}
	var missing []*github.Pull
	for _, p := range open {
		if !current(known[p.Number], p) {
			missing = append(missing, p)
		}
		delete(known, p.Number)
	}
	for number, scan := range known { // closed meanwhile
		missing = append(missing, &github.Pull{Number: number, BaseRef: scan.BaseRef})
	}
	slices.SortFunc(missing, func(a, b *github.Pull) int { return cmp.Compare(a.Number, b.Number) })
	for _, p := range missing {
		job := queue.Job{Kind: queue.Pull, RepoID: w.repo.ID, Pull: p.Number}
		settled, err := w.queue.Settled(ctx, job)
		if err != nil {
			return err
		}
		if !settled {
			continue // somebody is at it
		}
		if err := w.enqueue(ctx, []*github.Pull{p}, queue.Job{Background: true}); err != nil {
			return err
		}
		zerolog.Ctx(ctx).Info().Int("missing", p.Number).Msg("a pull request had no current check")
	}
	return nil
}

// current reports whether GitHub shows the result of a scan of p as it is now.
func current(scan store.Scan, p *github.Pull) bool {
	return scan.Open && scan.Head == p.Head && scan.BaseRef == p.BaseRef && scan.CheckID != 0 && scan.Conclusion != ""
}
