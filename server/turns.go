package server

import (
	"context"
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
// says, until ctx ends. What fails is logged, and done again at its next turn.
func (s *Server) takeTurns(ctx context.Context, look time.Duration, works ...periodic) {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		for _, work := range works {
			mine, err := s.cfg.Store.Turn(ctx, work.name, work.every)
			if err == nil && mine {
				err = work.do(ctx)
			}
			if err != nil && ctx.Err() == nil {
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
