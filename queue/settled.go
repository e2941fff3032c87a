package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Settled reports whether a run about the same thing as j began after every Put so
// far and ended without error.
func (q *Queue) Settled(ctx context.Context, j Job) (bool, error) {
	key, err := j.key()
	if err != nil {
		return false, fmt.Errorf("look whether a job is done: %w", err)
	}
	var left int64
	err = q.store.DB().QueryRowContext(ctx, `SELECT events - done FROM dirty WHERE key = $1`, key).Scan(&left)
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look whether %s is done: %w", key, err)
	}
	return left <= 0, nil
}
