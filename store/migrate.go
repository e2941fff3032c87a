package store

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/pressly/goose/v3"
	"github.com/rs/zerolog"
)

//go:embed migrations
var migrations embed.FS

// migrator applies the migrations of d to db.
func migrator(db *sql.DB, d dialect) (*goose.Provider, error) {
	shared, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	own, err := fs.Sub(migrations, d.dir)
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	provider, err := goose.NewProvider(d.goose, db, union{shared, own})
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return provider, nil
}

// migrate brings the tables up to date. A database that a newer version has
// migrated already is left as it is, and the log says so: during an upgrade both work
// on it.
func (s *Store) migrate(ctx context.Context) error {
	provider, err := migrator(s.db, s.dialect)
	if err != nil {
		return err
	}
	return s.Exclusively(ctx, "migrate", func(ctx context.Context) error {
		if _, err := provider.Up(ctx); err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		is, known, err := provider.GetVersions(ctx)
		if err == nil && is > known {
			zerolog.Ctx(ctx).Warn().Int64("tables", is).Int64("known", known).
				Msg("the tables of the database are those of a newer version, which this one works on as it is; once the upgrade is done, nothing of this version should run")
		}
		return err
	})
}

// Exclusively calls do while no other process is in a call with the same name.
// The connection of a process that dies ends, and with it its turn.
func (s *Store) Exclusively(ctx context.Context, name string, do func(context.Context) error) (err error) {
	if s.pool == nil {
		return do(ctx) // there is one process
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("wait for the turn to %s: %w", name, err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock(hashtextextended('lockkeeper ' || $1, 0))`, name); err != nil {
		// It may have been granted all the same: only the end of the connection ends it.
		return errors.Join(fmt.Errorf("wait for the turn to %s: %w", name, err), conn.Conn().Close(context.WithoutCancel(ctx)))
	}
	defer func() {
		_, unlockErr := conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock(hashtextextended('lockkeeper ' || $1, 0))`, name)
		err = errors.Join(err, unlockErr)
	}()
	return do(ctx)
}

// union is several directories seen as one. No name is in two of them.
type union []fs.FS

func (u union) Open(name string) (fs.File, error) {
	for _, dir := range u {
		if file, err := dir.Open(name); !errors.Is(err, fs.ErrNotExist) {
			return file, err
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// ReadDir is what fs.Glob asks. The order is that of the names, as goose expects.
func (u union) ReadDir(name string) ([]fs.DirEntry, error) {
	var all []fs.DirEntry
	for _, dir := range u {
		entries, err := fs.ReadDir(dir, name)
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	slices.SortFunc(all, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return all, nil
}
