package queue

import (
	"context"
	"fmt"
	"time"
)

const sweepEvery = time.Minute

// sweep makes a job for whatever is dirty and has none. That should not be; but
// a run that River gave up for dead and that returns after all has its job marked
// as done under the run that took its place, and whatever else may happen to
// River's table, the table dirty knows what is left to do.
func (q *Queue) sweep(ctx context.Context) error {
	tx, err := q.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("look for jobs that are missing: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	rows, err := tx.QueryContext(ctx, `SELECT key FROM dirty WHERE events > done ORDER BY key`)
	if err != nil {
		return fmt.Errorf("look for jobs that are missing: %w", err)
	}
	defer rows.Close()
	var keys []string
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return fmt.Errorf("look for jobs that are missing: %w", err)
		}
		keys = append(keys, key)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("look for jobs that are missing: %w", err)
	}
	for _, key := range keys {
		if err := q.insertTx(ctx, tx, key, byNobody); err != nil {
			return fmt.Errorf("make the missing job for %s: %w", key, err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("make the jobs that are missing: %w", err)
	}
	return nil
}

func (q *Queue) sweepUntilStopped(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-q.stopped:
			return
		case <-ticker.C:
			if err := q.sweep(ctx); err != nil {
				q.log.Error().Err(err).Msg("sweep the queue")
			}
		}
	}
}
