package queue

import (
	"context"
	"fmt"
	"time"
)

const (
	// setBackBy is how far a clock may be set back without anybody noticing: it is kept
	// right by small steps.
	setBackBy  = 5 * time.Second
	clockEvery = 2 * time.Second
	// leaderMost is longer than any leader of River has before it must say that it still
	// is one.
	leaderMost = 5 * time.Minute
)

// setBack reports whether the clock on the wall was set back while time went on from
// one moment to the next: both were read from time.Now, and so know the steady clock
// as well.
func setBack(from, to time.Time) bool {
	return to.Sub(from)-to.Round(0).Sub(from.Round(0)) > setBackBy
}

// hurry makes due what waits for a moment further off than after. The clock by which it
// was chosen was ahead: of this process, or of another one. What has to wait will say so
// again. The same for River's leader, whom others follow only once its time is over.
func (q *Queue) hurry(ctx context.Context, after time.Duration) error {
	err := q.engine.inTx(ctx, func(t tx) error {
		var now int64
		if err := t.row(ctx, []any{&now}, `SELECT `+q.store.Now()); err != nil {
			return err
		}
		var early []int64
		err := t.rows(ctx, func(scan func(...any) error) error {
			var id int64
			err := scan(&id)
			early = append(early, id)
			return err
		}, `SELECT id FROM river_job WHERE kind = $2 AND state IN ('available', 'retryable', 'scheduled') AND scheduled_at > `+q.engine.moment("$1"),
			now+after.Microseconds(), args{}.Kind())
		if err != nil {
			return err
		}
		for _, id := range early {
			if err := t.retry(ctx, id); err != nil {
				return err
			}
		}
		if len(early) > 0 {
			q.log.Warn().Int("jobs", len(early)).Msg("a clock was ahead: jobs that waited for its time are due now")
		}
		return t.exec(ctx, `DELETE FROM river_leader WHERE expires_at > `+q.engine.moment("$1"), now+leaderMost.Microseconds())
	})
	if err != nil {
		return fmt.Errorf("look for jobs that wait by a wrong clock: %w", err)
	}
	return nil
}
