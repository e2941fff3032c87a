// Package configured holds the private registries of a registrytest.Server as a
// configuration would name them, with the real clients that ask them.
package configured

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/BurntSushi/toml"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/cratesio"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/registry/pypi"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
)

// Registry is one of them.
type Registry struct {
	Name      string               `toml:"-"`
	Ecosystem lockkeeper.Ecosystem `toml:"ecosystem"`
	Sources   []string             `toml:"sources"`
	// Mirror: of the public registry, and not asked itself.
	Mirror bool `toml:"mirror"`
	// Authorization is the header that the client sends.
	Authorization string          `toml:"authorization"`
	Client        registry.Client `toml:"-"`
}

// Read reads which of the private registries are configured, a table for each:
//
//	[corp]
//	ecosystem = "cargo"
//	sources   = ["sparse+https://crates.example.invalid/index/"]
//
// The result is in the order of names.
func Read(s *registrytest.Server, text []byte) ([]Registry, error) {
	var stated map[string]Registry
	meta, err := toml.Decode(string(text), &stated)
	if err != nil {
		return nil, err
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("unknown key %s", unknown[0])
	}
	var all []Registry
	for _, name := range slices.Sorted(maps.Keys(stated)) {
		c := stated[name]
		c.Name = name
		if err := c.connect(s.Private(name)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, c)
	}
	return all, nil
}

func (c *Registry) connect(s *registrytest.Server) (err error) {
	var set func(http.Header)
	if c.Authorization != "" {
		set = fetch.Bare(c.Authorization)
	}
	through := fetch.Config{Contact: "test@example.invalid", Remember: -1, Retries: -1}
	switch {
	case c.Mirror:
	case c.Ecosystem == lockkeeper.Cargo:
		c.Client, err = cratesio.NewAlternate(cratesio.Alternate{Index: s.Index(), Set: set, Fetch: through})
	default:
		c.Client, err = pypi.New(pypi.Config{Simple: s.Simple(), Set: set, Fetch: through})
	}
	return err
}
