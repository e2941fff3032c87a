package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/queue"
	"github.com/lockkeeper/lockkeeper/store"
)

type storeCmd struct {
	Backup  storeBackupCmd  `cmd:"" help:"Copy the server's SQLite database to a file, while the server runs."`
	Migrate storeMigrateCmd `cmd:"" help:"Bring the database up to date, as serve does when it starts."`
	Copy    storeCopyCmd    `cmd:"" help:"Copy everything from SQLite to an empty PostgreSQL database."`
}

type storeBackupCmd struct {
	File   string `arg:"" help:"The file to write. It must not be there yet." type:"path"`
	Config string `help:"Configuration file of the server; environment variables LOCKKEEPER_* go before it." placeholder:"FILE" type:"path"`
}

func (storeBackupCmd) Help() string {
	return `The file is a database as it was at one moment: to restore, stop the server and put the
file in the place of [store] path. PostgreSQL is backed up with its own pg_dump.

Example: lockkeeper store backup /backup/lockkeeper-monday.db --config /etc/lockkeeper.toml`
}

func (c *storeBackupCmd) Run(p *process) error {
	at, err := p.filled(c.Config)
	if err != nil {
		return err
	}
	if err := store.Backup(p.ctx, at, c.File); err != nil {
		return err
	}
	info, err := os.Stat(c.File)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%s: %d bytes\n", c.File, info.Size())
	return nil
}

type storeMigrateCmd struct {
	Config string `help:"Configuration file of the server; environment variables LOCKKEEPER_* go before it." placeholder:"FILE" type:"path"`
}

func (storeMigrateCmd) Help() string {
	return `Before an upgrade of several servers on one database: they go on meanwhile, and a
migration that goes wrong replaces none of them.

Example: lockkeeper store migrate --config /etc/lockkeeper.toml`
}

func (c *storeMigrateCmd) Run(p *process) error {
	cfg, err := p.operated(c.Config)
	if err != nil {
		return err
	}
	ctx := zerolog.New(p.stderr).Level(zerolog.WarnLevel).With().Timestamp().Logger().WithContext(p.ctx)
	db, err := store.Open(ctx, cfg.Store.Location())
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := queue.New(ctx, db, nil, queue.Config{}); err != nil { // makes its tables
		return err
	}
	what := "database"
	if at := cfg.Store.Location(); !store.IsPostgres(at) {
		what += " " + at // with PostgreSQL it is a secret
	}
	fmt.Fprintf(p.stdout, "The %s is up to date.\n", what)
	return nil
}

type storeCopyCmd struct {
	From   string `help:"The SQLite file, of a server that is stopped." required:"" type:"existingfile" placeholder:"FILE"`
	To     string `help:"Address of the PostgreSQL database. Default: url in [store], which keeps its password from the list of processes." placeholder:"URL"`
	Config string `help:"Configuration file of the server; environment variables LOCKKEEPER_* go before it." placeholder:"FILE" type:"path"`
}

func (storeCopyCmd) Help() string {
	return `All of it arrives or nothing, and is counted there. The SQLite file is brought to this
version first, and left as it is otherwise. Stop the server before, give the new address
to the configuration, and start it after.

Example: lockkeeper store copy --from /var/lib/lockkeeper/lockkeeper.db --config /etc/lockkeeper.toml`
}

func (c *storeCopyCmd) Run(p *process) (err error) {
	to := c.To
	if to == "" {
		cfg, err := p.operated(c.Config)
		if err != nil {
			return err
		}
		to = cfg.Store.Location()
	}
	if !store.IsPostgres(to) {
		return usageError{errors.New("there is no PostgreSQL database to copy to: set url in [store], or LOCKKEEPER_STORE_URL, or give --to with its address")}
	}
	release, err := store.Serve(c.From) // what a server still does would be left behind
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	source, err := store.Open(p.ctx, c.From)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := store.Open(p.ctx, to)
	if err != nil {
		return err
	}
	defer target.Close()
	copied, err := store.Copy(p.ctx, source, target)
	if err != nil {
		return err
	}
	for _, t := range copied {
		fmt.Fprintf(p.stdout, "%-16s %8d rows\n", t.Table, t.Rows)
	}
	waiting, err := queue.CopyLater(p.ctx, source, target)
	if err != nil {
		// They would only have been earlier than the next push.
		fmt.Fprintf(p.stderr, "lockkeeper: everything was copied but the times of some repeated scans: %v\n", err)
		return nil
	}
	fmt.Fprintf(p.stdout, "%-16s %8d jobs\n", "for later", waiting)
	return nil
}
