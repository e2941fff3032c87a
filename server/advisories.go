package server

import (
	"context"
	"time"

	"github.com/rs/zerolog"
)

// advisoriesEvery is how often advisories are read again.
const advisoriesEvery = time.Hour

// refreshAdvisories reads the advisories now and every hour until ctx ends. Of what
// cannot be read the last good copy stays.
func (s *Server) refreshAdvisories(ctx context.Context) {
	ticker := time.NewTicker(advisoriesEvery)
	defer ticker.Stop()
	for {
		if list, err := s.cfg.LoadAdvisories(ctx); err == nil {
			s.cfg.Advisories.Set(list)
			s.cfg.Metrics.Advisories(list.Len(), s.cfg.Now())
			zerolog.Ctx(ctx).Info().Int("records", list.Len()).Msg("advisories read")
		} else if ctx.Err() == nil {
			zerolog.Ctx(ctx).Error().Err(err).Msg("advisories could not be read; the last good copy is used")
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
