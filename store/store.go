package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
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
type Store struct {
	db      *sql.DB
	pool    *pgxpool.Pool // under db; nil with SQLite
	dialect dialect
}

// Open opens the database at location and brings its tables up to date. An
// address that begins with "postgres://" is that of a PostgreSQL database, which
// any number of processes may share; anything else is the path of a SQLite
// database, which is made if it is missing, readable by its owner alone, and which
// one server at a time may work on (see Serve).
func Open(ctx context.Context, location string) (*Store, error) {
	if IsPostgres(location) {
		return openPostgres(ctx, location)
	}
	return openSQLite(ctx, location)
}

// IsPostgres reports whether location is the address of a PostgreSQL database.
func IsPostgres(location string) bool {
	return strings.HasPrefix(location, "postgres://") || strings.HasPrefix(location, "postgresql://")
}

// Close ends all connections. It waits for calls under way with PostgreSQL, and
// has them fail with SQLite.
func (s *Store) Close() error {
	err := s.db.Close()
	if s.pool != nil {
		s.pool.Close()
	}
	if err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// DB is the database itself, for the queue and for migrations of its engine.
// While a transaction of it is open, no method of Store may be called from the
// same goroutine: there may be one connection only.
func (s *Store) DB() *sql.DB { return s.db }

// Pool is what DB uses where it is PostgreSQL, nil where it is SQLite.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// Now is SQL for the time in microseconds, by the clock of the database.
func (s *Store) Now() string { return s.dialect.now }

// Check reports whether the database answers, for the health page.
func (s *Store) Check(ctx context.Context) error {
	var one int
	if err := s.db.QueryRowContext(ctx, `SELECT 1`).Scan(&one); err != nil {
		return fmt.Errorf("ask store: %w", err)
	}
	return nil
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// attempts is how often a transaction is begun that another one made impossible.
const attempts = 4

// inTx runs do in a transaction of its own, and again if PostgreSQL ended it for
// the sake of another.
func (s *Store) inTx(ctx context.Context, do func(*sql.Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := s.inOneTx(ctx, do)
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != deadlock && pg.Code != serialization || attempt == attempts {
			return err
		}
	}
}

const (
	deadlock      = "40P01"
	serialization = "40001"
)

func (s *Store) inOneTx(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
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

// text is s as PostgreSQL can hold it: UTF-8 without NUL. What people wrote is
// shown, and the odd byte in it is worth no error; both databases keep the same.
func text(s string) string {
	if isText(s) {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// keyText is like text, but different keys stay different. Our keys begin with a
// word, so that none looks like a quoted one.
func keyText(key string) string {
	if isText(key) {
		return key
	}
	return strconv.QuoteToASCII(key)
}

func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
