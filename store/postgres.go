package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	// connections of one process. River listens on one, and a run seldom needs
	// more than one at a time.
	connections = 16
	// idleInTransaction is how long a transaction may do nothing before the
	// database ends it: a process that is frozen in the middle of one must not hold
	// up the others.
	idleInTransaction = 10 * time.Second
)

// errAddress does not say what the library says of an address, which may quote
// the password in it.
var errAddress = errors.New(`the address of the database cannot be read; write it as "postgres://user:password@host:5432/database?sslmode=verify-full", with every special character in the password percent-encoded`)

func openPostgres(ctx context.Context, address string) (*Store, error) {
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", errAddress)
	}
	if !strings.Contains(address, "pool_max_conns") {
		config.MaxConns = connections
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = 10 * time.Second
	}
	params := config.ConnConfig.RuntimeParams
	for name, value := range map[string]string{
		"application_name":                    "lockkeeper",
		"idle_in_transaction_session_timeout": fmt.Sprint(idleInTransaction.Milliseconds()),
	} {
		if params[name] == "" {
			params[name] = value
		}
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{db: stdlib.OpenDBFromPool(pool), pool: pool, dialect: postgres}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store at %s: %w; check [store] url, and that the database answers", config.ConnConfig.Host, err), s.Close())
	}
	return s, nil
}
