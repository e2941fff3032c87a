package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/github/githubtest/forge"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
	"github.com/lockkeeper/lockkeeper/registry/registrytest/configured"
	"github.com/lockkeeper/lockkeeper/replay"
	"github.com/lockkeeper/lockkeeper/scan"
	"github.com/lockkeeper/lockkeeper/store"
)

// replayed says of one incident (scan/testdata/replays) what each way of keeping a
// list makes of it and of its honest twin.
type replayed struct {
	name          string
	attack, twin  []bool // does it ask? ours first, then otherWays
	attackByRules []string
}

// replayAll runs every incident of a directory. Each way starts with a list that
// accepts the state before, as an owner's would.
func replayAll(ctx context.Context, dir string, rules *policy.Policy) ([]replayed, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("no replays in %s: %v", dir, err)
	}
	var all []replayed
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			return nil, err
		}
		r := replayed{name: strings.TrimSuffix(filepath.Base(path), ".txtar")}
		for _, side := range []struct {
			name string
			asks *[]bool
		}{{"attack", &r.attack}, {"twin", &r.twin}} {
			m, err := incident(ctx, archive, side.name, rules)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", path, side.name, err)
			}
			*side.asks = append(*side.asks, m.stopped > 0)
			for _, way := range m.ways {
				*side.asks = append(*side.asks, way.stopped > 0)
			}
			if side.name == "attack" {
				for _, q := range m.questions {
					r.attackByRules = append(r.attackByRules, string(q.finding.Rule))
				}
				for rule := range m.blocked {
					r.attackByRules = append(r.attackByRules, string(rule))
				}
			}
		}
		all = append(all, r)
	}
	return all, nil
}

// incident is one side of a replay as a history of one change, its registries
// served with all that they state: publishers and yanks as well.
func incident(ctx context.Context, archive *txtar.Archive, side string, rules *policy.Policy) (*measured, error) {
	served := &txtar.Archive{}
	base, head := memory{}, memory{}
	var sides map[string]struct {
		Now   time.Time `toml:"now"`
		Rules []string  `toml:"rules"`
		Looks []look    `toml:"looks"`
	}
	var broken error
	var registries []byte
	repositories, err := forge.New(func(err error) { broken = err })
	if err != nil {
		return nil, err
	}
	defer repositories.Close()
	files, err := repositories.Side(archive, side, "attack", "twin")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		first, rest, _ := strings.Cut(f.Name, "/")
		switch first {
		case "replay.toml":
			if err := toml.Unmarshal(f.Data, &sides); err != nil {
				return nil, err
			}
		case "registries.toml":
			registries = f.Data
		case "policy.toml":
			if rules, err = policy.Parse(f.Name, f.Data); err != nil {
				return nil, err
			}
		case "base":
			base[rest] = f.Data
		case "head":
			head[rest] = f.Data
		default:
			served.Files = append(served.Files, f)
		}
	}
	server := registrytest.New()
	if err := server.LoadText(txtar.Format(served)); err != nil {
		return nil, err
	}
	if err := server.Start(); err != nil {
		return nil, err
	}
	defer server.Close()
	for _, tree := range []memory{base, head} {
		for path, data := range tree {
			expanded, err := server.Expand(string(data))
			if err != nil {
				return nil, err
			}
			tree[path] = []byte(expanded)
		}
	}
	e, err := newEngine(server, rules, nil, false)
	if err != nil {
		return nil, err
	}
	private, err := configured.Read(server, registries)
	if err != nil {
		return nil, err
	}
	for _, c := range private {
		e.scanner.Others = append(e.scanner.Others, scan.Registry{Name: c.Name, Ecosystem: c.Ecosystem, Sources: c.Sources, Client: c.Client})
	}
	if e.scanner.Repositories, err = repositories.Public(); err != nil {
		return nil, err
	}
	if looks := sides[side].Looks; len(looks) > 0 {
		dir, err := os.MkdirTemp("", "burden")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		db, err := remember(ctx, filepath.Join(dir, "owners.db"), looks)
		if err != nil {
			return nil, err
		}
		defer db.Close()
		e.scanner.Owners = db
	}
	h := &history{name: side, changes: []replay.Change{{Name: side, When: sides[side].Now, Base: base, Head: head}}}
	m, err := walk(ctx, e, h, everything, true)
	return m, errors.Join(err, broken)
}

// look is what was seen of the owners of one package before the change.
type look struct {
	Package string    `toml:"package"`
	At      time.Time `toml:"at"`
	Owners  []string  `toml:"owners"`
}

// remember makes the memory that a server has of some looks.
func remember(ctx context.Context, path string, looks []look) (*store.Store, error) {
	db, err := store.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	for _, l := range looks {
		var owners []lockkeeper.Principal
		for _, text := range l.Owners {
			p, err := lockkeeper.ParsePrincipal(text)
			if err != nil {
				return nil, errors.Join(err, db.Close())
			}
			owners = append(owners, p)
		}
		if _, err := db.PutOwners(ctx, l.Package, owners, l.At); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return db, nil
}
