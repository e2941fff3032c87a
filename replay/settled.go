package replay

import (
	"context"
	"sync"

	"github.com/lockkeeper/lockkeeper/registry"
)

// Settled is a client for histories: it asks for each name once, since what is
// served does not change meanwhile, and leaves out yanks. Registries say that a
// release is yanked and not since when, and nearly all that a history locks was
// yanked later than it was locked. WithYanks keeps them, for registries of tests.
type Settled struct {
	registry.Client
	WithYanks bool

	mu       sync.Mutex // guards projects
	projects map[string]*registry.Project
}

// Project lists releases, as Settled says.
func (s *Settled) Project(ctx context.Context, name string) (*registry.Project, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.projects[name]; p != nil {
		return p, nil
	}
	p, err := s.Client.Project(ctx, name)
	if err != nil {
		return nil, err
	}
	if s.projects == nil {
		s.projects = map[string]*registry.Project{}
	}
	for i := range p.Releases {
		r := &p.Releases[i]
		if s.WithYanks || !r.Yanked {
			continue
		}
		r.Yanked = false
		for j := range r.Artifacts {
			r.Artifacts[j].Yanked = false
		}
	}
	s.projects[name] = p
	return p, nil
}
