package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ephemeral are the tables about running processes, which do not move.
var ephemeral = []string{"processes", "slots"}

// Copied says how many rows of a table were copied.
type Copied struct {
	Table string
	Rows  int64
}

// Copy copies everything from a SQLite database to an empty PostgreSQL database,
// all of it or nothing, and counts it there. No server may be at work on either.
// Jobs are not copied, but what is left to do is: the queue makes jobs of it when
// it starts.
func Copy(ctx context.Context, from, to *Store) ([]Copied, error) {
	if from.pool != nil || to.pool == nil {
		return nil, errors.New("copy store: it goes from a SQLite file to a PostgreSQL database, not any other way")
	}
	// SQLite begins with a lock, so that nobody writes to it meanwhile.
	source, err := from.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("copy store: read the SQLite file, which no server may be using: %w", err)
	}
	defer source.Rollback() // nothing was changed
	tables, err := tablesToCopy(ctx, source)
	if err != nil {
		return nil, fmt.Errorf("copy store: list tables: %w", err)
	}
	var all []Copied
	err = pgx.BeginFunc(ctx, to.pool, func(tx pgx.Tx) error {
		if err := lockEmpty(ctx, tx, tables); err != nil {
			return err
		}
		for _, table := range tables {
			rows, err := copyTable(ctx, source, tx, table)
			if err != nil {
				return fmt.Errorf("table %s: %w", table, err)
			}
			all = append(all, Copied{table, rows})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("copy store: %w", err)
	}
	return all, nil
}

func tablesToCopy(ctx context.Context, source querier) ([]string, error) {
	rows, err := source.QueryContext(ctx, `SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		// Those of SQLite, goose and River are about this one database.
		if !strings.HasPrefix(name, "sqlite_") && !strings.HasPrefix(name, "goose_") && !strings.HasPrefix(name, "river_") && !slices.Contains(ephemeral, name) {
			tables = append(tables, name)
		}
	}
	return tables, rows.Err()
}

// lockEmpty keeps others from writing to tables until tx ends, and refuses those
// that hold something.
func lockEmpty(ctx context.Context, tx pgx.Tx, tables []string) error {
	for _, table := range tables {
		name := pgx.Identifier{table}.Sanitize()
		if _, err := tx.Exec(ctx, `LOCK TABLE `+name+` IN EXCLUSIVE MODE`); err != nil {
			return err
		}
		var full bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM `+name+`)`).Scan(&full); err != nil {
			return err
		}
		if full {
			return fmt.Errorf("there are rows in table %s of the PostgreSQL database already; copy to an empty one", table)
		}
	}
	return nil
}

// column is one of a PostgreSQL table.
type column struct {
	name, kind string
	counts     bool // it is an id that counts up
}

func copyTable(ctx context.Context, source *sql.Tx, tx pgx.Tx, table string) (int64, error) {
	columns, err := columnsOf(ctx, tx, table)
	if err != nil {
		return 0, err
	}
	name := pgx.Identifier{table}.Sanitize()
	var names, quoted []string
	for _, c := range columns {
		names, quoted = append(names, c.name), append(quoted, pgx.Identifier{c.name}.Sanitize())
	}
	rows, err := source.QueryContext(ctx, `SELECT `+strings.Join(quoted, ", ")+` FROM `+name)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	copied, err := tx.CopyFrom(ctx, pgx.Identifier{table}, names, &copySource{rows: rows, columns: columns})
	if err != nil {
		return 0, err
	}
	var there, here int64
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM `+name).Scan(&there); err != nil {
		return 0, err
	}
	if err := source.QueryRowContext(ctx, `SELECT COUNT(*) FROM `+name).Scan(&here); err != nil {
		return 0, err
	}
	if copied != here || there != here {
		return 0, fmt.Errorf("%d rows of %d arrived, %d were sent", there, here, copied)
	}
	for i, c := range columns {
		if !c.counts {
			continue
		}
		// The next id comes after those that were copied.
		if _, err := tx.Exec(ctx, `SELECT setval(pg_get_serial_sequence($1, $2), MAX(`+quoted[i]+`)) FROM `+name+` HAVING COUNT(*) > 0`, table, c.name); err != nil {
			return 0, fmt.Errorf("continue the ids of column %s: %w", c.name, err)
		}
	}
	return there, nil
}

func columnsOf(ctx context.Context, tx pgx.Tx, table string) ([]column, error) {
	rows, err := tx.Query(ctx, `SELECT column_name, data_type, is_identity = 'YES' FROM information_schema.columns
		WHERE table_schema = current_schema AND table_name = $1 ORDER BY ordinal_position`, table)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (c column, err error) {
		err = row.Scan(&c.name, &c.kind, &c.counts)
		return c, err
	})
}

// copySource reads rows of SQLite as the types that PostgreSQL has for them.
type copySource struct {
	rows    *sql.Rows
	columns []column
}

func (c *copySource) Next() bool { return c.rows.Next() }

func (c *copySource) Err() error { return c.rows.Err() }

func (c *copySource) Values() ([]any, error) {
	values := make([]any, len(c.columns))
	into := make([]any, len(c.columns))
	for i := range values {
		into[i] = &values[i]
	}
	if err := c.rows.Scan(into...); err != nil {
		return nil, err
	}
	for i, column := range c.columns {
		var err error
		if values[i], err = column.convert(values[i]); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// convert is needed since SQLite knows the type of each value, and of no column.
func (c column) convert(value any) (any, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case int64:
		if c.kind == "boolean" {
			return v != 0, nil
		}
		return v, nil
	case bool:
		return v, nil
	case string:
		return c.fromText(v), nil
	case []byte:
		if c.kind != "bytea" {
			return c.fromText(string(v)), nil
		}
		return v, nil
	}
	return nil, fmt.Errorf("column %s holds a %T, which no column of ours does", c.name, value)
}

func (c column) fromText(s string) any {
	switch {
	case c.kind == "bytea":
		return []byte(s)
	case slices.Contains([]string{"key", "source", "package"}, c.name):
		return keyText(s)
	}
	return text(s)
}
