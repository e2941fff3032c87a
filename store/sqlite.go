package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite", in pure Go
)

func openSQLite(ctx context.Context, path string) (*Store, error) {
	// SQLite would create it with the usual rights; names of private repositories
	// and findings in them are nobody else's business.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open store: %w; check [store] path and the rights of its directory", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	// Recursive triggers make INSERT OR REPLACE ask the trigger that forbids to
	// delete statements.
	db, err := sql.Open("sqlite", dataSource(path, ""+
		"_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_pragma=synchronous(NORMAL)&_pragma=recursive_triggers(ON)&_txlock=immediate"))
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	// SQLite has one writer. With more connections they would wait for each other
	// in the database, where waiting ends in SQLITE_BUSY, rather than here.
	db.SetMaxOpenConns(1)
	s := &Store{db: db, dialect: sqlite}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", path, err), db.Close())
	}
	return s, nil
}

// dataSource escapes path, which may hold any character.
func dataSource(path, query string) string {
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: query}).String()
}

// Backup writes a copy of the SQLite database at path, as it is at this moment,
// to the new file at to. A server may be at work on it meanwhile. The file is
// there whole or not at all, and readable by its owner alone.
func Backup(ctx context.Context, path, to string) (err error) {
	if IsPostgres(path) {
		return errors.New("back up the store: PostgreSQL has its own tools; use pg_dump")
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("back up %s to %s: %w", path, to, err)
		}
	}()
	if _, err := os.Stat(path); err != nil { // SQLite's own words do not say that it is missing
		return err
	}
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("the file is there already; name another one")
	}
	// In the same directory, so that it can be renamed.
	temp, err := os.CreateTemp(filepath.Dir(to), filepath.Base(to)+".partial-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // fails once it is renamed
	if err := errors.Join(vacuumInto(ctx, path, temp.Name()), temp.Sync(), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), to)
}

func vacuumInto(ctx context.Context, path, to string) error {
	db, err := sql.Open("sqlite", dataSource(path, "mode=ro&_pragma=busy_timeout(5000)"))
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, `VACUUM INTO $1`, to); err != nil {
		return err
	}
	written, err := sql.Open("sqlite", dataSource(to, "mode=ro"))
	if err != nil {
		return err
	}
	defer written.Close()
	var verdict string
	if err := written.QueryRowContext(ctx, `PRAGMA quick_check`).Scan(&verdict); err != nil {
		return fmt.Errorf("check what was written: %w", err)
	}
	if verdict != "ok" {
		return fmt.Errorf("check what was written: %s", verdict)
	}
	return nil
}
