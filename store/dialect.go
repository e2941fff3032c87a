package store

import (
	"github.com/pressly/goose/v3"
)

// dialect is what the two databases say differently.
type dialect struct {
	goose goose.Dialect
	// dir holds the migrations that are this database's own.
	dir string
	// now is the time in microseconds, by the one clock that all processes share.
	// It moves within a statement, so that who waited for a row's lock reads the
	// time after the wait.
	now string
	// lockRows ends a SELECT whose rows are going to be changed; rows that another
	// process has locked are left to it. SQLite locks the whole database before a
	// transaction begins.
	lockRows string
}

var sqlite = dialect{
	goose: goose.DialectSQLite3,
	dir:   "migrations/sqlite",
	now:   `CAST(unixepoch('subsec') * 1000000 AS INTEGER)`,
}

var postgres = dialect{
	goose:    goose.DialectPostgres,
	dir:      "migrations/postgres",
	now:      `CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)`,
	lockRows: ` FOR UPDATE SKIP LOCKED`,
}
