package server

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// periodic is work that one process of all does now and then.
type periodic struct {
	name  string // in the database, and in the log
	every time.Duration
	do    func(context.Context) error
}

// takeTurns does what it is this process's turn to do, at once and then as often as look
// says, until ctx ends. What fails is logged, and done again after takeOverAfter.
func (s *Server) takeTurns(ctx context.Context, look time.Duration, works ...periodic) {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		for _, work := range works {
			if err := s.takeTurn(ctx, work); err != nil && ctx.Err() == nil {
				zerolog.Ctx(ctx).Error().Err(err).Str("work", work.name).Msg("periodic work failed; it is tried again")
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// takeOverAfter is when work begins anew that did not end: its process died, or GitHub or
// the database did not answer.
const takeOverAfter = time.Minute

// takeTurn does periodic work if it is time and no other process is at it. What counts
// is when work that ended well began: one that died in the middle has looked at nothing
// for sure, and is followed by another within a minute, not an interval.
func (s *Server) takeTurn(ctx context.Context, work periodic) error {
	key := "ended well 1 " + work.name
	now := s.cfg.Now()
	var last time.Time
	kept, ok, err := s.cfg.Store.Fact(ctx, key)
	if err != nil {
		return err
	}
	if ok && json.Unmarshal(kept, &last) == nil && !now.Before(last) && now.Sub(last) < work.every {
		return nil
	}
	mine, err := s.cfg.Store.Turn(ctx, work.name, takeOverAfter)
	if err != nil || !mine {
		return err
	}
	if err := s.holding(ctx, work); err != nil {
		return err
	}
	encoded, err := json.Marshal(now)
	if err != nil {
		return err
	}
	return s.cfg.Store.PutFact(ctx, key, encoded)
}

// holding does work, however long it takes, and keeps others from it.
func (s *Server) holding(ctx context.Context, work periodic) error {
	working, ended := context.WithCancel(ctx)
	var hold sync.WaitGroup
	hold.Go(func() {
		ticker := time.NewTicker(takeOverAfter / 4)
		defer ticker.Stop()
		for {
			select {
			case <-working.Done():
				return
			case <-ticker.C:
			}
			if err := s.cfg.Store.Hold(working, work.name, takeOverAfter); err != nil && working.Err() == nil {
				zerolog.Ctx(ctx).Warn().Err(err).Msg("another process may begin the same")
			}
		}
	})
	err := work.do(ctx)
	ended()
	hold.Wait()
	return err
}
