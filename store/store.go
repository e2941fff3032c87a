// Package store keeps what must outlive the process: what reviewers said, the
// newest scan of each pull request, facts about releases, and the repositories
// that installed the App. The queue keeps its jobs in the same database, so that
// a job and a row commit in one transaction.
//
// It promises that statements are never changed nor removed, that one event is
// recorded once however often it is delivered, and that an older scan never
// overwrites a newer one. What a call reported as done survives the death of the
// process; the last moment before a power failure may be lost, and is made good
// by asking GitHub again at boot.
//
// It decides nothing: who may sign off, and what a statement is worth, is for
// policy.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite", in pure Go
)

// MaxValue bounds a fact and the result of a scan, in bytes.
const MaxValue = 8 << 20

// maxKey bounds keys and sources, in bytes.
const maxKey = 512

var (
	// ErrStale says that a newer scan of the pull request is stored already.
	ErrStale = errors.New("a newer scan is stored")
	// ErrTooLarge says that a value or key is over its bound. Nothing was stored.
	ErrTooLarge = errors.New("too large to store")
)

// Store is one database. All methods may be used at the same time.
//
// Its SQL keeps to what SQLite and PostgreSQL share: numbered parameters,
// ON CONFLICT, RETURNING. Only the migrations differ.
type Store struct{ db *sql.DB }

//go:embed migrations
var migrations embed.FS

// Open opens the SQLite database at path, makes it if it is missing, readable by
// its owner alone, and brings its tables up to date. One process at a time may
// have it open; within it, statements queue for one connection.
func Open(ctx context.Context, path string) (*Store, error) {
	// SQLite would create it with the usual rights; names of private repositories
	// and findings in them are nobody else's business.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open store: %w; check [store] path and the rights of its directory", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	db, err := sql.Open("sqlite", dataSource(path))
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	// SQLite has one writer. With more connections they would wait for each other
	// in the database, where waiting ends in SQLITE_BUSY, rather than here.
	db.SetMaxOpenConns(1)
	if err := migrate(ctx, db, goose.DialectSQLite3, "migrations/sqlite"); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", path, err), db.Close())
	}
	return &Store{db: db}, nil
}

// dataSource escapes path, which may hold any character. Recursive triggers make
// INSERT OR REPLACE ask the trigger that forbids to delete statements.
func dataSource(path string) string {
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: "" +
		"_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_pragma=synchronous(NORMAL)&_pragma=recursive_triggers(ON)&_txlock=immediate"}).String()
}

func migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, dir string) error {
	files, err := fs.Sub(migrations, dir)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	provider, err := goose.NewProvider(dialect, db, files)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Close waits for nothing: calls under way fail.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// DB is the database itself, for the queue and for migrations of its engine.
// While a transaction of it is open, no method of Store may be called from the
// same goroutine: there may be one connection only.
func (s *Store) DB() *sql.DB { return s.db }

// Check reports whether the database answers, for the health page.
func (s *Store) Check(ctx context.Context) error {
	var one int
	if err := s.db.QueryRowContext(ctx, `SELECT 1`).Scan(&one); err != nil {
		return fmt.Errorf("ask store: %w", err)
	}
	return nil
}

func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }

// checkKey bounds what becomes part of an index.
func checkKey(what, key string) error {
	if key == "" {
		return fmt.Errorf("%s is empty", what)
	}
	if len(key) > maxKey {
		return fmt.Errorf("%s of %d bytes, more than %d: %w", what, len(key), maxKey, ErrTooLarge)
	}
	return nil
}
