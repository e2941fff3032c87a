package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// NoteClosed notes when pull requests were found to be closed, or the App to be gone
// from their repository, since the last call: from then on PruneClosed counts. That a
// pull request is open again PutScan notes.
func (s *Store) NoteClosed(ctx context.Context, at time.Time) error {
	_, err := s.db.ExecContext(ctx, `
		UPDATE scans SET closed_at = $1 WHERE closed_at = 0
			AND (NOT open OR EXISTS (SELECT 1 FROM repositories r WHERE r.id = scans.repo_id AND r.removed))`, micros(at))
	if err != nil {
		return fmt.Errorf("note which pull requests are closed: %w", err)
	}
	return nil
}

// PruneClosed removes what was kept of at most limit pull requests that were closed
// before that time: scan, report, and what was not to be recorded in an allowlist. It
// says how many they were. Statements, the audit trail and heard comments stay, and so
// does what still waits to be recorded. A pull request that is opened again is scanned
// like a new one.
func (s *Store) PruneClosed(ctx context.Context, before time.Time, limit int) (removed int64, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		old, err := closedBefore(ctx, tx, s.dialect, before, limit)
		if err != nil {
			return err
		}
		for _, p := range old {
			for _, query := range []string{
				`DELETE FROM reports WHERE repo_id = $1 AND pull = $2`,
				`DELETE FROM signed WHERE repo_id = $1 AND pull = $2 AND state <> 'merged'`,
				`DELETE FROM scans WHERE repo_id = $1 AND pull = $2`,
			} {
				if _, err := tx.ExecContext(ctx, query, p.repo, p.number); err != nil {
					return err
				}
			}
		}
		removed = int64(len(old))
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("remove closed pull requests: %w", err)
	}
	return removed, nil
}

type pullKey struct {
	repo   int64
	number int
}

// closedBefore locks what it returns.
func closedBefore(ctx context.Context, tx *sql.Tx, d dialect, before time.Time, limit int) ([]pullKey, error) {
	// A repository may be back without a scan since.
	rows, err := tx.QueryContext(ctx, `
		SELECT repo_id, pull FROM scans WHERE closed_at > 0 AND closed_at < $1
			AND (NOT open OR EXISTS (SELECT 1 FROM repositories r WHERE r.id = scans.repo_id AND r.removed))
		ORDER BY closed_at, repo_id, pull LIMIT $2`+d.lockRows, micros(before), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []pullKey
	for rows.Next() {
		var p pullKey
		if err := rows.Scan(&p.repo, &p.number); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, rows.Err()
}

// PruneComments removes notes of at most limit comments that were made before that
// time, in pull requests of which no scan is kept, and says how many. What a comment
// said to Lockkeeper stays. Without a scan nothing is known to have been shown when a
// comment was written, so that it does not matter any more whether it was edited.
func (s *Store) PruneComments(ctx context.Context, before time.Time, limit int) (int64, error) {
	result, err := s.db.ExecContext(ctx, `
		DELETE FROM comments WHERE heard = '' AND noted_at < $1 AND (repo_id, comment_id) IN (
			SELECT c.repo_id, c.comment_id FROM comments c WHERE c.heard = '' AND c.noted_at < $1
				AND NOT EXISTS (SELECT 1 FROM scans s WHERE s.repo_id = c.repo_id AND s.pull = c.pull)
			ORDER BY c.noted_at LIMIT $2)`, micros(before), limit)
	if err != nil {
		return 0, fmt.Errorf("remove notes of comments: %w", err)
	}
	return result.RowsAffected()
}

// HasScan reports whether a scan of a pull request is kept.
func (s *Store) HasScan(ctx context.Context, repoID int64, pull int) (has bool, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM scans WHERE repo_id = $1 AND pull = $2)`, repoID, pull).Scan(&has)
	if err != nil {
		return false, fmt.Errorf("look for a scan of repository %d pull %d: %w", repoID, pull, err)
	}
	return has, nil
}
