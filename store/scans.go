package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/lockkeeper/lockkeeper/policy"
)

// Scan is the newest scan of one pull request, and what GitHub shows of it.
type Scan struct {
	RepoID int64
	Pull   int
	// Generation is that of the queue's run that made it, larger for each later
	// run about the same pull request.
	Generation int64
	// Open: the pull request was open at that time.
	Open bool

	Head      string // commit
	Base      string // commit at the tip of the base branch
	BaseRef   string // name of the base branch
	MergeBase string // commit

	CheckID       int64  // check run; 0 while GitHub has not confirmed that one shows this scan
	CommentID     int64  // the one comment; 0 before there is one
	CommentDigest string // of the comment's text, to leave it alone if nothing changed

	Conclusion policy.Conclusion // empty while under way
	Result     []byte            // JSON, at most MaxValue bytes; nil while under way
	At         time.Time         // to the microsecond
}

// PutScan stores scan as the newest of its pull request. It returns ErrStale,
// and changes nothing, if the stored one has a larger generation (promise 9); of
// the same generation the later call wins.
func (s *Store) PutScan(ctx context.Context, scan Scan) error {
	if len(scan.Result) > MaxValue {
		return fmt.Errorf("store scan of repository %d pull %d: result of %d bytes: %w", scan.RepoID, scan.Pull, len(scan.Result), ErrTooLarge)
	}
	result, err := s.db.ExecContext(ctx, `
		INSERT INTO scans (repo_id, pull, generation, open, head, base, base_ref, merge_base,
			check_id, comment_id, comment_digest, conclusion, result, made_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (repo_id, pull) DO UPDATE SET
			generation = excluded.generation, open = excluded.open, head = excluded.head, base = excluded.base,
			base_ref = excluded.base_ref, merge_base = excluded.merge_base, check_id = excluded.check_id,
			comment_id = excluded.comment_id, comment_digest = excluded.comment_digest,
			conclusion = excluded.conclusion, result = excluded.result, made_at = excluded.made_at,
			closed_at = CASE WHEN excluded.open THEN 0 ELSE scans.closed_at END
		WHERE scans.generation <= excluded.generation`,
		scan.RepoID, scan.Pull, scan.Generation, scan.Open, text(scan.Head), text(scan.Base), text(scan.BaseRef), text(scan.MergeBase),
		scan.CheckID, scan.CommentID, scan.CommentDigest, string(scan.Conclusion), scan.Result, micros(scan.At))
	if err != nil {
		return fmt.Errorf("store scan of repository %d pull %d: %w", scan.RepoID, scan.Pull, err)
	}
	rows, err := result.RowsAffected()
	if err != nil {
		return fmt.Errorf("store scan of repository %d pull %d: %w", scan.RepoID, scan.Pull, err)
	}
	if rows == 0 {
		return fmt.Errorf("store scan of repository %d pull %d, generation %d: %w", scan.RepoID, scan.Pull, scan.Generation, ErrStale)
	}
	return nil
}

// ForgetCheck forgets which check run shows the scan of a pull request, of which head
// it is and what the comment says, so that the next scan writes a new check run, which
// GitHub then shows in place of all others, and the comment: for a process that may have
// written to them after its time.
func (s *Store) ForgetCheck(ctx context.Context, repoID int64, pull int) error {
	if _, err := s.db.ExecContext(ctx, `UPDATE scans SET check_id = 0, head = '', comment_digest = '' WHERE repo_id = $1 AND pull = $2`, repoID, pull); err != nil {
		return fmt.Errorf("forget the check run of repository %d pull %d: %w", repoID, pull, err)
	}
	return nil
}

const scanColumns = `repo_id, pull, generation, open, head, base, base_ref, merge_base,
	check_id, comment_id, comment_digest, conclusion, made_at`

// GetScan returns the newest scan of a pull request; found is false where there
// is none.
func (s *Store) GetScan(ctx context.Context, repoID int64, pull int) (scan Scan, found bool, err error) {
	var at int64
	row := s.db.QueryRowContext(ctx, `SELECT `+scanColumns+`, result FROM scans WHERE repo_id = $1 AND pull = $2`, repoID, pull)
	err = row.Scan(append(scanFields(&scan, &at), &scan.Result)...)
	if errors.Is(err, sql.ErrNoRows) {
		return Scan{}, false, nil
	}
	if err != nil {
		return Scan{}, false, fmt.Errorf("read scan of repository %d pull %d: %w", repoID, pull, err)
	}
	scan.At = fromMicros(at)
	return scan, true, nil
}

// scanFields are where scanColumns go.
func scanFields(scan *Scan, at *int64) []any {
	return []any{&scan.RepoID, &scan.Pull, &scan.Generation, &scan.Open, &scan.Head, &scan.Base, &scan.BaseRef, &scan.MergeBase,
		&scan.CheckID, &scan.CommentID, &scan.CommentDigest, &scan.Conclusion, at}
}

// ScansByBase returns the newest scans of the open pull requests against the
// branch baseRef of a repository, of all its branches where baseRef is empty, by
// number and without their results.
func (s *Store) ScansByBase(ctx context.Context, repoID int64, baseRef string) ([]Scan, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+scanColumns+` FROM scans
		WHERE repo_id = $1 AND open AND ($2 = '' OR base_ref = $2) ORDER BY pull`, repoID, text(baseRef))
	if err != nil {
		return nil, fmt.Errorf("read open scans of repository %d against %q: %w", repoID, baseRef, err)
	}
	defer rows.Close()
	var scans []Scan
	for rows.Next() {
		var scan Scan
		var at int64
		if err := rows.Scan(scanFields(&scan, &at)...); err != nil {
			return nil, fmt.Errorf("read open scans of repository %d against %q: %w", repoID, baseRef, err)
		}
		scan.At = fromMicros(at)
		scans = append(scans, scan)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read open scans of repository %d against %q: %w", repoID, baseRef, err)
	}
	return scans, nil
}
