package main

import (
	"fmt"
	"os"

	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/cratesio"
	"github.com/lockkeeper/lockkeeper/store"
)

type ownersCmd struct {
	Import ownersImportCmd `cmd:"" help:"Read who owns which crate from the daily dump of crates.io."`
}

type ownersImportCmd struct {
	File   string `arg:"" help:"The db-dump.tar.gz." type:"existingfile"`
	Config string `help:"Configuration file of the server; environment variables LOCKKEEPER_* go before it." placeholder:"FILE" type:"path"`
}

func (ownersImportCmd) Help() string {
	return `Without a start, Lockkeeper knows of owners only what it saw itself. The dump says since
when each owner of now is one. Packages that were looked at already are left as they are.
Stop the server while this runs, if it uses SQLite.

Example: lockkeeper owners import db-dump.tar.gz --config /etc/lockkeeper.toml`
}

// importBatch is how many packages are written in one transaction.
const importBatch = 5000

func (c *ownersImportCmd) Run(p *process) error {
	cfg, err := p.operated(c.Config)
	if err != nil {
		return err
	}
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer file.Close()
	dump, err := cratesio.ReadDump(p.ctx, file)
	if err != nil {
		return err
	}
	db, err := store.Open(p.ctx, cfg.Store.Location())
	if err != nil {
		return err
	}
	defer db.Close()
	seeded := 0
	batch := map[string][]registry.Term{}
	flush := func() error {
		n, err := db.SeedOwners(p.ctx, batch, dump.Made)
		seeded += n
		clear(batch)
		return err
	}
	for id, terms := range dump.Terms {
		if batch[id] = terms; len(batch) == importBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "owners of %d packages as of %s; %d were known before\n", seeded, dump.Made.Format("2006-01-02"), len(dump.Terms)-seeded)
	return nil
}
