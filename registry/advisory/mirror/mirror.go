// Package mirror keeps advisories at hand: from a directory that somebody keeps up to
// date, or from a configured mirror of OSV's archives. It asks that host alone.
package mirror

import (
	"context"
	"fmt"
	"os"

	"github.com/lockkeeper/lockkeeper/registry/advisory"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
)

// Source is where a list is made from: a directory, a mirror of OSV, or both.
type Source struct {
	Dir string // empty: none
	// Mirror is the base URL of the archives, Fetch a client of it. Empty: none.
	Mirror string
	Fetch  *fetch.Client
}

// Load reads all of it anew. An archive that did not change is not fetched again, if
// Fetch has a cache.
func (s Source) Load(ctx context.Context) (*advisory.List, error) {
	var lists []*advisory.List
	if s.Dir != "" {
		l, err := advisory.Read(os.DirFS(s.Dir))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Dir, err)
		}
		lists = append(lists, l)
	}
	if s.Mirror != "" {
		for _, name := range advisory.Ecosystems() {
			data, err := s.Fetch.Get(ctx, fetch.Request{URL: s.Mirror + "/" + name + "/all.zip", Limit: advisory.MaxArchive})
			if err != nil {
				return nil, fmt.Errorf("advisories: %w", err)
			}
			l, err := advisory.ReadArchive(name+"/all.zip", data)
			if err != nil {
				return nil, err
			}
			lists = append(lists, l)
		}
	}
	return advisory.Join(lists...), nil
}
