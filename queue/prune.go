package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// prunePage is how many rows of the table dirty are looked at in one statement.
const prunePage = 1000

// prunable are the kinds of which there is a new thing every day: all others are about
// repositories, of which there are only so many.
var prunable = []Kind{Pull, MergeGroup, Commit, Branch}

// dormant is a row of the table dirty of which nothing is left to do.
type dormant struct {
	key     string
	job     Job
	begunAt int64
}

// Prune forgets things whose last run began before that time, of which nothing is left
// to do, now or later, and which keep does not want kept; it says how many. Generations
// of such a thing begin anew, so keep must want kept whatever still remembers one. It
// reads the whole table, a page at a time, so that nobody waits for it.
func (q *Queue) Prune(ctx context.Context, before time.Time, keep func(context.Context, Job) (bool, error)) (removed int64, err error) {
	for after := ""; ; {
		old, last, err := q.dormant(ctx, after, before)
		if err != nil {
			return removed, fmt.Errorf("look for old things in the queue: %w", err)
		}
		if last == "" {
			return removed, nil
		}
		after = last
		if len(old) == 0 {
			continue
		}
		// Read after the rows: what a run puts for later since has moved begun_at.
		waiting, err := q.waitingKeys(ctx)
		if err != nil {
			return removed, fmt.Errorf("look for old things in the queue: %w", err)
		}
		for _, d := range old {
			if waiting[d.key] {
				continue
			}
			kept, err := keep(ctx, d.job)
			if err != nil {
				return removed, err
			}
			if kept {
				continue
			}
			result, err := q.store.DB().ExecContext(ctx, `DELETE FROM dirty WHERE key = $1 AND events <= done AND failures = 0 AND runner = '' AND begun_at = $2`, d.key, d.begunAt)
			if err != nil {
				return removed, fmt.Errorf("forget %s: %w", d.key, err)
			}
			n, err := result.RowsAffected()
			if err != nil {
				return removed, fmt.Errorf("forget %s: %w", d.key, err)
			}
			removed += n
		}
	}
}

// dormant reads the page of rows after a key, and tells the last one's; empty at the end.
func (q *Queue) dormant(ctx context.Context, after string, before time.Time) (old []dormant, last string, err error) {
	rows, err := q.store.DB().QueryContext(ctx, `
		SELECT key, job, begun_at, events <= done AND failures = 0 AND runner = '' FROM dirty WHERE key > $1 ORDER BY key LIMIT $2`, after, prunePage)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	for rows.Next() {
		var d dormant
		var job string
		var quiet bool
		if err := rows.Scan(&d.key, &job, &d.begunAt, &quiet); err != nil {
			return nil, "", err
		}
		last = d.key
		if !quiet || d.begunAt == 0 || d.begunAt >= before.UnixMicro() {
			continue
		}
		if json.Unmarshal([]byte(job), &d.job) == nil && slices.Contains(prunable, d.job.Kind) {
			old = append(old, d)
		}
	}
	return old, last, rows.Err()
}

// waitingKeys are those of all jobs that are left to do, now or later.
func (q *Queue) waitingKeys(ctx context.Context) (keys map[string]bool, err error) {
	rows, err := q.store.DB().QueryContext(ctx, `SELECT DISTINCT args ->> 'key' FROM river_job WHERE state IN ('available', 'pending', 'retryable', 'running', 'scheduled')`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	keys = map[string]bool{}
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		keys[key] = true
	}
	return keys, rows.Err()
}
