package queue

import (
	"context"
	"fmt"
	"sync"
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
	// availableMost is longer than River lets a job wait that it calls available: until
	// its scheduler comes by the next time, every five seconds.
	availableMost = 10 * time.Second
)

// setBack reports whether the clock on the wall was set back while time went on from
// one moment to the next: both were read from time.Now, and so know the steady clock
// as well.
func setBack(from, to time.Time) bool {
	return to.Sub(from)-to.Round(0).Sub(from.Round(0)) > setBackBy
}

// clock notices that the clock on the wall was set back. It is looked at now and then,
// and whenever it may have chosen a moment for a job: it can be ahead for less than the
// time between two looks.
type clock struct {
	mu    sync.Mutex
	last  time.Time // guarded by mu
	wrong bool      // guarded by mu: it was ahead, and what it chose was not looked for yet
}

func (c *clock) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if !c.last.IsZero() && setBack(c.last, now) {
		c.wrong = true
	}
	c.last = now
}

// wasWrong reports whether the clock was ahead since this was asked last.
func (c *clock) wasWrong() bool {
	c.look()
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.wrong
	c.wrong = false
	return was
}

// again has the next wasWrong say so once more.
func (c *clock) again() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = true
}

// hurry makes due what waits for a moment further off than after. The clock by which it
// was chosen was ahead: of this process, of another one, or of the database. What has to
// wait will say so again. The same for River's leader, whom others follow only once its
// time is over.
//
// What River calls available waits for a few seconds at most, since places in the line
// are in the past. What was put for later may wait for days: it is hurried if it was put
// in the future, or if after is 0.
func (q *Queue) hurry(ctx context.Context, after time.Duration) error {
	err := q.engine.inTx(ctx, func(t tx) error {
		var now int64
		if err := t.row(ctx, []any{&now}, `SELECT `+q.store.Now()); err != nil {
			return err
		}
		in := func(d time.Duration) int64 { return now + d.Microseconds() }
		var early []int64
		err := t.rows(ctx, func(scan func(...any) error) error {
			var id int64
			err := scan(&id)
			early = append(early, id)
			return err
		}, `SELECT id FROM river_job WHERE state IN ('available', 'retryable', 'scheduled') AND scheduled_at > `+q.engine.moment("$1")+` AND (
				kind = $2 AND (scheduled_at > `+q.engine.moment("$4")+` OR state = 'available' AND scheduled_at > `+q.engine.moment("$5")+`)
				OR kind = $3 AND ($4 = $1 OR created_at > `+q.engine.moment("$5")+`))`,
			now, dirtyKind, later{}.Kind(), in(after), in(availableMost))
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
		return t.exec(ctx, `DELETE FROM river_leader WHERE expires_at > `+q.engine.moment("$1"), in(leaderMost))
	})
	if err != nil {
		return fmt.Errorf("look for jobs that wait by a wrong clock: %w", err)
	}
	return nil
}
