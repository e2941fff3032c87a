package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
)

// Inspect looks at the database at a location, as for Open, without changing it, also
// while a server uses it. There is false where an SQLite database would be made, which
// is no error if it could be.
func Inspect(ctx context.Context, path string) (there bool, err error) {
	if IsPostgres(path) {
		return true, inspectPostgres(ctx, path)
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return false, writable(filepath.Dir(path))
	} else if err != nil {
		return false, fmt.Errorf("look at the database: %w", err)
	}
	if err := writable(filepath.Dir(path)); err != nil {
		return true, err
	}
	source := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: "mode=ro&_pragma=busy_timeout(5000)"}).String()
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return true, fmt.Errorf("open %s: %w", path, err)
	}
	defer db.Close()
	var said string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&said); err != nil {
		return true, fmt.Errorf("check %s: %w", path, err)
	}
	if said != "ok" {
		return true, fmt.Errorf("%s is damaged: %s; restore a backup", path, said)
	}
	return true, nil
}

func inspectPostgres(ctx context.Context, address string) error {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return fmt.Errorf("look at the database: %w", errAddress)
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("look at the database: %w", err)
	}
	defer conn.Close(ctx)
	var one int
	if err := conn.QueryRow(ctx, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("ask the database: %w", err)
	}
	return nil
}

// writable tries what SQLite does: it makes files beside the database.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".lockkeeper-*")
	if err != nil {
		return fmt.Errorf("the database's directory cannot be written: %w", err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
