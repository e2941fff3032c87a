package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper/policy"
)

// Report is all that a scan found, for the pages.
type Report struct {
	RepoID     int64
	Pull       int
	Generation int64  // of the scan
	Headline   []byte // what an overview says of it, JSON, at most 64 KiB
	Body       []byte // at most MaxValue bytes
}

// PutReport keeps what a scan found. One of a later scan stays: then nothing is
// stored, and that is no error.
func (s *Store) PutReport(ctx context.Context, r Report) error {
	if len(r.Body) > MaxValue || len(r.Headline) > maxText {
		return fmt.Errorf("store report of repository %d pull %d: %d bytes: %w", r.RepoID, r.Pull, len(r.Headline)+len(r.Body), ErrTooLarge)
	}
	_, err := s.db.ExecContext(ctx, `
		INSERT INTO reports (repo_id, pull, generation, headline, report) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (repo_id, pull) DO UPDATE SET generation = excluded.generation, headline = excluded.headline, report = excluded.report
		WHERE reports.generation <= excluded.generation`, r.RepoID, r.Pull, r.Generation, string(r.Headline), r.Body)
	if err != nil {
		return fmt.Errorf("store report of repository %d pull %d: %w", r.RepoID, r.Pull, err)
	}
	return nil
}

// Report returns what PutReport kept; found is false where there is nothing.
func (s *Store) Report(ctx context.Context, repoID int64, pull int) (r Report, found bool, err error) {
	r = Report{RepoID: repoID, Pull: pull}
	var headline string
	err = s.db.QueryRowContext(ctx, `SELECT generation, headline, report FROM reports WHERE repo_id = $1 AND pull = $2`, repoID, pull).
		Scan(&r.Generation, &headline, &r.Body)
	if errors.Is(err, sql.ErrNoRows) {
		return Report{}, false, nil
	}
	if err != nil {
		return Report{}, false, fmt.Errorf("read report of repository %d pull %d: %w", repoID, pull, err)
	}
	r.Headline = []byte(headline)
	return r, true, nil
}

// Headline returns that of the kept report; nil where there is none.
func (s *Store) Headline(ctx context.Context, repoID int64, pull int) ([]byte, error) {
	var headline string
	err := s.db.QueryRowContext(ctx, `SELECT headline FROM reports WHERE repo_id = $1 AND pull = $2`, repoID, pull).Scan(&headline)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read headline of repository %d pull %d: %w", repoID, pull, err)
	}
	return []byte(headline), nil
}

// Waiting is a pull request that is held.
type Waiting struct {
	Repository Repository
	Scan       Scan   // without its result
	Headline   []byte // of that scan; nil where it could not judge
}

// WaitingScans returns the newest scans of open pull requests that are held, the
// newest first and at most limit; those of one repository unless repoID is 0.
func (s *Store) WaitingScans(ctx context.Context, repoID int64, limit int) ([]Waiting, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT r.id, r.owner, r.name, r.installation, r.onboarded,
			s.repo_id, s.pull, s.generation, s.open, s.head, s.base, s.base_ref, s.merge_base, s.check_id, s.comment_id, s.comment_digest,
			s.conclusion, s.made_at, COALESCE(h.headline, '')
		FROM scans s JOIN repositories r ON r.id = s.repo_id
		LEFT JOIN reports h ON h.repo_id = s.repo_id AND h.pull = s.pull AND h.generation = s.generation
		WHERE s.open AND NOT r.removed AND s.conclusion IN ($1, $2) AND (CAST($3 AS BIGINT) = 0 OR s.repo_id = $3)
		ORDER BY s.made_at DESC, s.repo_id, s.pull LIMIT $4`, string(policy.ActionRequired), string(policy.Failure), repoID, limit)
	if err != nil {
		return nil, fmt.Errorf("read what waits: %w", err)
	}
	defer rows.Close()
	var all []Waiting
	for rows.Next() {
		var w Waiting
		var at int64
		var headline string
		r := &w.Repository
		fields := append([]any{&r.ID, &r.Owner, &r.Name, &r.Installation, &r.Onboarded}, scanFields(&w.Scan, &at)...)
		if err := rows.Scan(append(fields, &headline)...); err != nil {
			return nil, fmt.Errorf("read what waits: %w", err)
		}
		w.Scan.At = fromMicros(at)
		if headline != "" {
			w.Headline = []byte(headline)
		}
		all = append(all, w)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read what waits: %w", err)
	}
	return all, nil
}

// RepositoryNamed returns the repository that goes by that name, in any case, as far
// as is known: it may have another name by now, and another repository this one.
func (s *Store) RepositoryNamed(ctx context.Context, owner, name string) (r Repository, found bool, err error) {
	if !isText(owner) || !isText(name) {
		return Repository{}, false, nil // PostgreSQL could not even ask
	}
	row := s.db.QueryRowContext(ctx, `SELECT `+repositoryColumns+` FROM repositories
		WHERE lower(owner) = $1 AND lower(name) = $2 AND NOT removed ORDER BY id DESC LIMIT 1`, strings.ToLower(owner), strings.ToLower(name))
	err = row.Scan(&r.ID, &r.Owner, &r.Name, &r.Installation, &r.Onboarded)
	if errors.Is(err, sql.ErrNoRows) {
		return Repository{}, false, nil
	}
	if err != nil {
		return Repository{}, false, fmt.Errorf("find repository by name: %w", err)
	}
	return r, true, nil
}

// Said is a statement with the pull request that it was made in, and what it was about.
type Said struct {
	policy.Statement
	Pull int
	// Rule and Package are as in Finding; empty where PutFindings was not told.
	Rule, Package string
	// Kept: the pull request's report is.
	Kept bool
}

// RecentStatements returns what was said last in a repository, the newest first and
// at most limit.
func (s *Store) RecentStatements(ctx context.Context, repoID int64, limit int) ([]Said, error) {
	rows, err := s.db.QueryContext(ctx, `
		SELECT s.pull, s.finding, s.verdict, s.by_id, s.login, s.reason, s.place, s.made_at, COALESCE(f.rule, ''), COALESCE(f.package, ''),
			EXISTS (SELECT 1 FROM reports r WHERE r.repo_id = s.repo_id AND r.pull = s.pull)
		FROM statements s LEFT JOIN findings f ON f.repo_id = s.repo_id AND f.finding = s.finding
		WHERE s.repo_id = $1 ORDER BY s.id DESC LIMIT $2`, repoID, limit)
	if err != nil {
		return nil, fmt.Errorf("read what was said in repository %d: %w", repoID, err)
	}
	defer rows.Close()
	var all []Said
	for rows.Next() {
		var said Said
		var at int64
		if err := rows.Scan(&said.Pull, &said.Finding, &said.Verdict, &said.By, &said.Login, &said.Reason, &said.Where, &at, &said.Rule, &said.Package, &said.Kept); err != nil {
			return nil, fmt.Errorf("read what was said in repository %d: %w", repoID, err)
		}
		said.At = fromMicros(at)
		all = append(all, said)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read what was said in repository %d: %w", repoID, err)
	}
	return all, nil
}
