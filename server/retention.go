package server

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/metrics"
	"github.com/lockkeeper/lockkeeper/queue"
	"github.com/lockkeeper/lockkeeper/scan"
)

// What is kept for a time only goes by and by: docs/operating.md lists it.
const (
	// tidyEvery is how often one process of all looks for what is over its time.
	tidyEvery = time.Hour
	// tidyBatch is how many pull requests, comments or facts go in one transaction: with
	// SQLite everybody else waits for that. mostBatches bounds one look; the rest goes
	// with the next one.
	tidyBatch   = 200
	mostBatches = 500
	// queueEvery is how often the queue's rows are gone through, all of them.
	queueEvery = 24 * time.Hour
	// factsFor is how long what was found in an archive is kept after it was found.
	// Then it is found again, which costs one download.
	factsFor = 180 * 24 * time.Hour
)

// tidy runs until ctx ends.
func (s *Server) tidy(ctx context.Context) {
	counted := func(do func(context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error {
			err := do(ctx)
			if err != nil && ctx.Err() == nil {
				s.cfg.Metrics.PruneFailed()
			}
			return err
		}
	}
	s.takeTurns(ctx, tidyEvery/12, periodic{"remove what is old", tidyEvery, counted(s.Prune)}, periodic{"remove what is old from the queue", queueEvery, counted(s.PruneQueue)})
}

// Prune removes what is over its time. Sign-offs and the audit trail never are.
func (s *Server) Prune(ctx context.Context) error {
	now := s.cfg.Now()
	if err := s.cfg.Store.NoteClosed(ctx, now); err != nil {
		return err
	}
	var errs []error
	if s.cfg.KeepClosed > 0 {
		before := now.Add(-s.cfg.KeepClosed)
		errs = append(errs,
			s.prune(ctx, metrics.KeptPulls, func(limit int) (int64, error) { return s.cfg.Store.PruneClosed(ctx, before, limit) }),
			s.prune(ctx, metrics.KeptComments, func(limit int) (int64, error) { return s.cfg.Store.PruneComments(ctx, before, limit) }))
	}
	for _, prefix := range scan.Remembered() {
		errs = append(errs, s.prune(ctx, metrics.KeptFacts, func(limit int) (int64, error) {
			return s.cfg.Store.PruneFacts(ctx, prefix, now.Add(-factsFor), limit)
		}))
	}
	return errors.Join(errs...)
}

// prune has batch remove so many at a time, until there are no more.
func (s *Server) prune(ctx context.Context, kind metrics.Kept, batch func(limit int) (int64, error)) error {
	var all int64
	defer func() { s.pruned(ctx, kind, all) }()
	for range mostBatches {
		n, err := batch(tidyBatch)
		all += n
		if err != nil || n < tidyBatch {
			return err
		}
	}
	return nil
}

func (s *Server) pruned(ctx context.Context, kind metrics.Kept, n int64) {
	s.cfg.Metrics.Pruned(kind, n)
	if n > 0 {
		zerolog.Ctx(ctx).Info().Str("what", string(kind)).Int64("removed", n).Msg("removed what is over its time")
	}
}

// PruneQueue forgets what the queue knows of pull requests, commits and branches about
// which nothing happened for long. Of a pull request whose scan is kept it must go on:
// the scan is of one of its generations.
func (s *Server) PruneQueue(ctx context.Context) error {
	if s.cfg.KeepClosed <= 0 {
		return nil
	}
	n, err := s.queue.Prune(ctx, s.cfg.Now().Add(-s.cfg.KeepClosed), func(ctx context.Context, j queue.Job) (bool, error) {
		if j.Kind != queue.Pull {
			return false, nil
		}
		return s.cfg.Store.HasScan(ctx, j.RepoID, j.Pull)
	})
	s.pruned(ctx, metrics.KeptJobs, n)
	return err
}
