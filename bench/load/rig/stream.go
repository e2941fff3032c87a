package rig

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // for database
	_ "modernc.org/sqlite"             // for database

	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

// Crates of the rig: quiet has no build code, grabber fetches something.
const Crates = `
-- registry.toml --
[crates."quiet@1.0.0"]
published = 2020-01-01T00:00:00Z
publisher = "user:1 keeper"
[crates."quiet@1.0.1"]
published = 2020-02-01T00:00:00Z
publisher = "user:1 keeper"
[crates."grabber@2.0.0"]
published = 2020-01-01T00:00:00Z
publisher = "user:2 stranger"
-- crates/quiet/1.0.0/src/lib.rs --
-- crates/quiet/1.0.1/src/lib.rs --
//! Better.
-- crates/grabber/2.0.0/Cargo.toml --
[package]
name = "grabber"
version = "2.0.0"
build = "build.rs"
[build-dependencies]
ureq = "2"
-- crates/grabber/2.0.0/build.rs --
fn main() { let _ = ureq::get("https://example.invalid/x").call(); }
`

// locks are what pull requests lock, and what comes of it.
var locks = []struct {
	packages   []string
	conclusion string
}{
	{[]string{"grabber@2.0.0", "quiet@1.0.0"}, "action_required"},
	{[]string{"quiet@1.0.1"}, "success"},
}

// QuietCrate is text for Registry.LoadText: version 1.0.0 of a crate without build code.
func QuietCrate(name string) string {
	return fmt.Sprintf("-- registry.toml --\n[crates.\"%s@1.0.0\"]\npublished = 2020-01-01T00:00:00Z\npublisher = \"user:1 keeper\"\n-- crates/%[1]s/1.0.0/src/lib.rs --\n//! %[1]s\n", name)
}

// Open opens pull request number n.
func (r *Rig) Open(n int) (*githubtest.Pull, error) {
	return r.OpenLocking(n, locks[n%len(locks)].packages...)
}

// OpenLocking opens pull request number n, with a lockfile of other packages.
func (r *Rig) OpenLocking(n int, packages ...string) (*githubtest.Pull, error) {
	lock, err := r.Lock(packages...)
	if err != nil {
		return nil, err
	}
	branch := fmt.Sprintf("topic-%d", n)
	r.Repo.Branch(branch, "main")
	r.Repo.Commit(branch, githubtest.CommitSpec{Message: "Update", Author: "author", Files: map[string]string{"Cargo.lock": lock, "number": fmt.Sprint(n)}})
	return r.Repo.OpenPull("author", branch, "main", "Update", ""), nil
}

// Push pushes to one: its lockfile becomes as that of number n, and its head is new.
func (r *Rig) Push(p *githubtest.Pull, n int) error {
	lock, err := r.Lock(locks[n%len(locks)].packages...)
	if err != nil {
		return err
	}
	p.Push(githubtest.CommitSpec{Message: "Again", Author: "author", Files: map[string]string{"Cargo.lock": lock, "again": fmt.Sprint(n)}})
	return nil
}

// Conclusion is what must come of number n.
func Conclusion(n int) string { return locks[n%len(locks)].conclusion }

// Newest is the newest check run at the head of a pull request.
func (r *Rig) Newest(p *githubtest.Pull) (newest githubtest.CheckRun) {
	for _, run := range r.Repo.CheckRuns(p.Head()) {
		if run.Name == Check {
			newest = run
		}
	}
	return newest
}

// Comments counts those of the App.
func (r *Rig) Comments(p *githubtest.Pull) (n int) {
	for _, c := range p.Comments() {
		if c.Author == r.GitHub.AppLogin() {
			n++
		}
	}
	return n
}

// database opens what the servers work on.
func (r *Rig) database() (*sql.DB, error) {
	driver, source := "sqlite", "file:"+filepath.Join(r.cfg.Dir, "lockkeeper.db")+"?_pragma=busy_timeout(5000)"
	if r.cfg.Database != "" {
		driver, source = "pgx", r.cfg.Database
	}
	return sql.Open(driver, source)
}

// Idle reports whether everything that was told is done, by what the database says.
func (r *Rig) Idle(ctx context.Context) (bool, error) {
	left, err := r.count(ctx, `SELECT COUNT(*) FROM dirty WHERE events > done`)
	return left == 0, err
}

// Stuck is what should not be there once everything is done.
func (r *Rig) Stuck(ctx context.Context) (stuck []string, err error) {
	db, err := r.database()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	for _, what := range []struct{ name, query string }{
		{"not done", `SELECT key FROM dirty WHERE events > done`},
		{"still a run's own", `SELECT key || ' of ' || runner FROM dirty WHERE runner <> ''`},
		{"a comment that no run has read", `SELECT key FROM dirty_comments`},
		{"a job that is not completed", `SELECT (args ->> 'key') || ', ' || CAST(state AS TEXT) || ', by ' || COALESCE(CAST(attempted_by AS TEXT), '') FROM river_job WHERE kind = 'dirty' AND state <> 'completed'`},
	} {
		rows, err := db.QueryContext(ctx, what.query)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var key string
			if err := rows.Scan(&key); err != nil {
				return nil, errors.Join(err, rows.Close())
			}
			stuck = append(stuck, what.name+": "+key)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
	}
	return stuck, nil
}

func (r *Rig) count(ctx context.Context, query string) (n int, err error) {
	db, err := r.database()
	if err != nil {
		return 0, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, query).Scan(&n)
	return n, err
}

// Reconcile makes it the turn of the periodic look for missing checks, which servers
// otherwise take every ten minutes.
func (r *Rig) Reconcile(ctx context.Context) error {
	db, err := r.database()
	if err != nil {
		return err
	}
	defer db.Close()
	_, ended := db.ExecContext(ctx, `DELETE FROM facts WHERE key = 'ended well 1 look for missing checks'`)
	_, held := db.ExecContext(ctx, `DELETE FROM slots WHERE name = 'look for missing checks'`)
	return errors.Join(ended, held)
}

// LockDatabase keeps all others from writing to the SQLite database until unlock is called.
func (r *Rig) LockDatabase(ctx context.Context) (unlock func() error, err error) {
	db, err := r.database()
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err == nil {
		_, err = conn.ExecContext(ctx, `BEGIN IMMEDIATE`)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return func() error {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`)
		return errors.Join(err, conn.Close(), db.Close())
	}, nil
}

// Settle waits until all is delivered, with repeats of what failed, and all is done.
func (r *Rig) Settle(ctx context.Context) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		if err := r.GitHub.Flush(ctx); err != nil {
			return err
		}
		if r.Redeliver() == 0 {
			if idle, err := r.Idle(ctx); err != nil || idle {
				return err
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("the jobs are not done: %w", ctx.Err())
		}
	}
}
