package queue

import (
	"context"
	"fmt"
	"time"
)

// Jobs of one priority wait in one line, by the moment that River keeps for each.
// If that were when it came, the three hundred pull requests of one installation would
// stand before the one of another. So places are given out in the past: the first job
// of an installation is put lineStart back, and each further one as much later as a
// turn is long, but never later than now. What comes to another installation meanwhile
// has its place among the first of these. A job is overtaken only by those that come
// in the next lineStart at most, so that nobody waits for ever.
const (
	lineStart = time.Hour
	// turn is about what one job takes of a worker, taken generously: with more, the
	// jobs of a burst are mixed with those of others that come long after.
	turn = 5 * time.Second
)

// place puts the new job of an installation into the line. The database's clock
// counts, and the row of the installation is kept where slots are.
func (q *Queue) place(ctx context.Context, t tx, job, installation int64, priority int) error {
	var at int64
	now := q.store.Now()
	err := t.row(ctx, []any{&at}, `
		INSERT INTO slots (name, next_at) VALUES ($1, `+now+` - $2)
		ON CONFLICT (name) DO UPDATE SET next_at = CASE
			WHEN slots.next_at + $3 > `+now+` THEN `+now+`
			WHEN slots.next_at + $3 < `+now+` - $2 THEN `+now+` - $2
			ELSE slots.next_at + $3 END
		RETURNING next_at`,
		fmt.Sprintf("line %d of installation %d", priority, installation), lineStart.Microseconds(), turn.Microseconds())
	if err != nil {
		return fmt.Errorf("find a place in the line: %w", err)
	}
	// Not when it is inserted: River takes a job with a moment for one that waits for it.
	if err := t.exec(ctx, `UPDATE river_job SET scheduled_at = `+q.engine.moment("$1")+` WHERE id = $2`, at, job); err != nil {
		return fmt.Errorf("take a place in the line: %w", err)
	}
	return nil
}
