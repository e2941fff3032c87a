package queue

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/lockkeeper/lockkeeper/store"
)

// client is what the queue asks of River outside of transactions. Every
// river.Client is one, whatever its transactions are.
type client interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
	Insert(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) (*rivertype.JobInsertResult, error)
	JobList(ctx context.Context, params *river.JobListParams) (*river.JobListResult, error)
	Subscribe(kinds ...river.EventKind) (<-chan *river.Event, func())
}

// engine is River on one of the two databases.
type engine struct {
	client
	begin func(ctx context.Context) (tx, error)
	// runner is SQL for the client that a row of river_job was last given to.
	runner string
	// moment makes SQL for what scheduled_at holds, from SQL for microseconds.
	moment func(micros string) string
	// field is SQL for a number in the JSON of dirty.job, where %s is its name.
	field string
	// lockJobs ends a SELECT of rows of river_job, called j, that are going to be
	// changed; those that another process has locked are left to it.
	lockJobs string
	// shared: other processes may be at work on the same database.
	shared bool
}

// tx is a transaction that changes our tables and River's together.
type tx interface {
	exec(ctx context.Context, query string, args ...any) error
	// row scans the one row of query into what dest gives; it returns
	// sql.ErrNoRows where there is none.
	row(ctx context.Context, dest []any, query string, args ...any) error
	// rows calls each for each row, with what scans it.
	rows(ctx context.Context, each func(scan func(dest ...any) error) error, query string, args ...any) error

	insert(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) (*rivertype.JobInsertResult, error)
	retry(ctx context.Context, id int64) error
	complete(ctx context.Context, job *river.Job[args]) error

	commit(ctx context.Context) error
	rollback(ctx context.Context)
}

// newEngine makes River's tables and a client that is not started.
func newEngine(ctx context.Context, s *store.Store, config *river.Config) (*engine, error) {
	if pool := s.Pool(); pool != nil {
		c, err := newClient(ctx, s, riverpgxv5.New(pool), config)
		if err != nil {
			return nil, err
		}
		return &engine{client: c, shared: true, runner: `attempted_by[cardinality(attempted_by)]`,
			moment:   func(micros string) string { return `to_timestamp((` + micros + `)::bigint / 1000000.0)` },
			field:    `(d.job::jsonb ->> '%s')::bigint`,
			lockJobs: ` FOR UPDATE OF j SKIP LOCKED`,
			begin: func(ctx context.Context) (tx, error) {
				begun, err := pool.Begin(ctx)
				return postgresTx{riverTx[pgx.Tx]{c, begun}}, err
			}}, nil
	}
	c, err := newClient(ctx, s, riversqlite.New(s.DB()), config)
	if err != nil {
		return nil, err
	}
	return &engine{client: c, runner: `attempted_by ->> '$[#-1]'`,
		moment: func(micros string) string {
			return `strftime('%Y-%m-%d %H:%M:%f', (` + micros + `) / 1000000.0, 'unixepoch')`
		},
		field: `d.job ->> '%s'`,
		begin: func(ctx context.Context) (tx, error) {
			begun, err := s.DB().BeginTx(ctx, nil)
			return sqliteTx{riverTx[*sql.Tx]{c, begun}}, err
		}}, nil
}

func newClient[T any](ctx context.Context, s *store.Store, driver riverdriver.Driver[T], config *river.Config) (*river.Client[T], error) {
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: config.Logger})
	if err != nil {
		return nil, err
	}
	// River's own migrations do not expect company.
	err = s.Exclusively(ctx, "migrate the queue", func(ctx context.Context) error {
		_, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	return river.NewClient(driver, config)
}

// inTx runs do in a transaction.
func (e *engine) inTx(ctx context.Context, do func(tx) error) error {
	t, err := e.begin(ctx)
	if err != nil {
		return err
	}
	defer t.rollback(ctx) // does nothing after commit
	if err := do(t); err != nil {
		return err
	}
	return t.commit(ctx)
}

// riverTx is what does not depend on the kind of transaction.
type riverTx[T any] struct {
	client *river.Client[T]
	tx     T
}

func (t riverTx[T]) insert(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) (*rivertype.JobInsertResult, error) {
	return t.client.InsertTx(ctx, t.tx, args, opts)
}

func (t riverTx[T]) retry(ctx context.Context, id int64) error {
	_, err := t.client.JobRetryTx(ctx, t.tx, id)
	return err
}

type sqliteTx struct{ riverTx[*sql.Tx] }

func (t sqliteTx) exec(ctx context.Context, query string, args ...any) error {
	_, err := t.tx.ExecContext(ctx, query, args...)
	return err
}

func (t sqliteTx) row(ctx context.Context, dest []any, query string, args ...any) error {
	return t.tx.QueryRowContext(ctx, query, args...).Scan(dest...)
}

func (t sqliteTx) rows(ctx context.Context, each func(scan func(dest ...any) error) error, query string, args ...any) error {
	rows, err := t.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (t sqliteTx) complete(ctx context.Context, job *river.Job[args]) error {
	_, err := river.JobCompleteTx[*riversqlite.Driver](ctx, t.tx, job)
	return err
}

func (t sqliteTx) commit(context.Context) error { return t.tx.Commit() }

func (t sqliteTx) rollback(context.Context) { _ = t.tx.Rollback() }

type postgresTx struct{ riverTx[pgx.Tx] }

func (t postgresTx) exec(ctx context.Context, query string, args ...any) error {
	_, err := t.tx.Exec(ctx, query, args...)
	return err
}

func (t postgresTx) row(ctx context.Context, dest []any, query string, args ...any) error {
	return t.tx.QueryRow(ctx, query, args...).Scan(dest...) // pgx.ErrNoRows is sql.ErrNoRows, too
}

func (t postgresTx) rows(ctx context.Context, each func(scan func(dest ...any) error) error, query string, args ...any) error {
	rows, err := t.tx.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (t postgresTx) complete(ctx context.Context, job *river.Job[args]) error {
	_, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, t.tx, job)
	return err
}

func (t postgresTx) commit(ctx context.Context) error { return t.tx.Commit(ctx) }

// rollback gives the connection back, also when ctx is done.
func (t postgresTx) rollback(ctx context.Context) { _ = t.tx.Rollback(context.WithoutCancel(ctx)) }
