package queue

import (
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
