package server

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/scan"
)

const (
	// ownersDue is how old a look at a package's owners may become.
	ownersDue = 24 * time.Hour
	// ownersInUse is how long after it was last seen in a lockfile a package is still
	// looked at.
	ownersInUse = 90 * 24 * time.Hour
	// ownersBatch is how many packages are taken at once, ownersEvery how often. With
	// one request a second a batch is done before the next one is taken.
	ownersBatch = 50
	ownersEvery = time.Minute
)

// lookAtOwners keeps the looks at owners of packages in use fresh until ctx ends.
func (s *Server) lookAtOwners(ctx context.Context) {
	ticker := time.NewTicker(ownersEvery)
	defer ticker.Stop()
	for {
		if err := s.LookAtOwners(ctx); err != nil && ctx.Err() == nil {
			zerolog.Ctx(ctx).Error().Err(err).Msg("owners of packages could not be looked at")
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// LookAtOwners looks once at the packages that are due, one after the other so that
// scans need not wait for the registries' budgets. A registry that does not answer
// is asked again when the package is due the next time; the error is that of the
// database.
func (s *Server) LookAtOwners(ctx context.Context) error {
	now := s.cfg.Now()
	ids, err := s.cfg.Store.StaleOwners(ctx, now.Add(-ownersInUse), now.Add(-ownersDue), now, ownersBatch)
	if err != nil {
		return err
	}
	for _, id := range ids {
		ecosystem, name, _ := strings.Cut(id, "/")
		p := lockkeeper.Package{Ecosystem: lockkeeper.Ecosystem(ecosystem), Name: name}
		client := s.cfg.Scanner.Registries[p.Ecosystem]
		if client == nil {
			continue
		}
		_, err := scan.LookAtOwners(ctx, client, s.cfg.Store, p, s.cfg.Now())
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !errors.Is(err, registry.ErrNotFound) {
			zerolog.Ctx(ctx).Warn().Err(err).Str("package", id).Msg("owners not looked at")
		}
	}
	return nil
}
