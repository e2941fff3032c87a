package rig

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // for Idle
	_ "modernc.org/sqlite"             // for Idle

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

// Open opens pull request number n.
func (r *Rig) Open(n int) (*githubtest.Pull, error) {
	lock, err := r.Lock(locks[n%len(locks)].packages...)
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

// Idle reports whether everything that was told is done, by what the database says.
func (r *Rig) Idle(ctx context.Context) (bool, error) {
	driver, source := "sqlite", "file:"+filepath.Join(r.cfg.Dir, "lockkeeper.db")+"?mode=ro&_pragma=busy_timeout(5000)"
	if r.cfg.Database != "" {
		driver, source = "pgx", r.cfg.Database
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return false, err
	}
	defer db.Close()
	var left int
	err = db.QueryRowContext(ctx, `SELECT COUNT(*) FROM dirty WHERE events > done`).Scan(&left)
	return left == 0, err
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
