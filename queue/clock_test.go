package queue

import (
	"slices"
	"testing"
	"time"
)

// What waits for a moment that a wrong clock chose is worked all the same, and what
// waits as it should goes on waiting.
func testWrongClock(t *testing.T, fresh func(testing.TB) string) {
	r := newRecorder()
	q := prepare(t, openStore(t, fresh(t)), r.work, fast)
	startNow(t, q)
	mustPut(t, q, pull(7))
	receive(t, r.begun, "the run that fails")
	r.end <- RetryAt(time.Now().Add(time.Hour), errTakenForDead)
	waits := func() bool {
		s, err := q.Stats(t.Context())
		return err == nil && s == Stats{Waiting: 1}
	}
	for deadline := time.Now().Add(time.Minute); !waits(); {
		if time.Now().After(deadline) {
			t.Fatal("the job does not wait")
		}
	}
	if err := q.hurry(t.Context(), 2*time.Hour); err != nil {
		t.Fatal(err)
	}
	wantStats(t, q, Stats{Waiting: 1})
	select {
	case got := <-r.begun:
		t.Fatalf("it did not wait: %+v", got)
	default:
	}
	if err := q.hurry(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	receive(t, r.begun, "the run that was waited for by a wrong clock")
	r.end <- nil
}

// testPlacedByWrongClock: a place in the line two hours from now, and what was put for
// later in the future, were chosen by a clock that nobody saw being ahead. The look of
// every minute finds them, and leaves alone what waits for a retry or for next week.
func testPlacedByWrongClock(t *testing.T, fresh func(testing.TB) string) {
	s := openStore(t, fresh(t))
	q := prepare(t, s, newRecorder().work, fast)
	mustPut(t, q, pull(1))
	mustPut(t, q, pull(2))
	for _, n := range []int{3, 4} {
		if err := q.PutLater(t.Context(), pull(n), time.Now().Add(200*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	move := func(column, key, state string, by time.Duration) {
		t.Helper()
		_, err := s.DB().ExecContext(t.Context(), `UPDATE river_job SET state = $1, `+column+` = `+q.engine.moment(s.Now()+" + $2")+` WHERE args ->> 'key' = $3`, state, by.Microseconds(), key)
		if err != nil {
			t.Fatal(err)
		}
	}
	move("scheduled_at", "pull:1:1", "available", 2*time.Hour)
	move("scheduled_at", "pull:1:2", "scheduled", 2*time.Hour)
	move("created_at", "pull:1:3", "scheduled", 3*time.Hour)
	if err := q.hurry(t.Context(), longestRetryAt+time.Minute); err != nil {
		t.Fatal(err)
	}
	rows, err := s.DB().QueryContext(t.Context(), `SELECT args ->> 'key' FROM river_job WHERE scheduled_at <= `+q.engine.moment(s.Now())+` ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var due []string
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			t.Fatal(err)
		}
		due = append(due, key)
	}
	if want := []string{"pull:1:1", "pull:1:3"}; rows.Err() != nil || !slices.Equal(due, want) {
		t.Errorf("due are %q (%v), want %q", due, rows.Err(), want)
	}
}
