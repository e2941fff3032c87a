package queue

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const sweepEvery = time.Minute

// sweep makes a job for whatever is dirty and has none. That should not be; but
// a run that River gave up for dead and that returns after all has its job marked
// as done under the run that took its place, and whatever else may happen to
// River's table, the table dirty knows what is left to do.
func (q *Queue) sweep(ctx context.Context) error {
	err := q.engine.inTx(ctx, func(t tx) error {
		var keys []string
		err := t.rows(ctx, func(scan func(...any) error) error {
			var key string
			err := scan(&key)
			keys = append(keys, key)
			return err
		}, `SELECT key FROM dirty WHERE events > done AND key NOT IN (
				SELECT args ->> 'key' FROM river_job
				WHERE kind = $1 AND state IN ('available', 'pending', 'retryable', 'running', 'scheduled'))
			ORDER BY key`, args{}.Kind())
		if err != nil {
			return err
		}
		for _, key := range keys {
			if _, err := q.insertTx(ctx, t, key, byNobody); err != nil {
				return fmt.Errorf("make the missing job for %s: %w", key, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for jobs that are missing: %w", err)
	}
	return nil
}

// sweepUntilStopped has one process of all sweep every minute. Whether the clock was set
// back, and what did not arrive, each sees for itself.
func (q *Queue) sweepUntilStopped(ctx context.Context) {
	sweeps, looks := time.NewTicker(sweepEvery/4), time.NewTicker(clockEvery)
	defer sweeps.Stop()
	defer looks.Stop()
	var seen map[given]bool
	for {
		var err error
		select {
		case <-q.stopped:
			return
		case <-looks.C:
			if q.clock.wasWrong() {
				if err = q.hurry(ctx, 0); err != nil {
					q.clock.again()
				}
			}
		case <-sweeps.C:
			if seen, err = q.strays(ctx, seen); err != nil {
				break
			}
			var mine bool
			if mine, err = q.store.Turn(ctx, "sweep the queue", sweepEvery); err == nil && mine {
				err = errors.Join(q.sweep(ctx), q.hurry(ctx, longestRetryAt+time.Minute))
			}
		}
		if err != nil {
			q.log.Error().Err(err).Msg("sweep the queue")
		}
	}
}
