package queue

import (
	"context"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/store"
	"github.com/lockkeeper/lockkeeper/store/storetest/pgtest"
)

// testLaterHoldsUpNothing: something that is due in an hour is worked at once
// when an event comes, and something due now is worked without one.
func testLaterHoldsUpNothing(t *testing.T, fresh func(testing.TB) string) {
	s := openStore(t, fresh(t))
	runs := make(chan Job, 10)
	q, err := New(t.Context(), s, func(ctx context.Context, j Job, _ Attempt) error {
		runs <- j
		return nil
	}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer q.Stop(context.Background())
	next := func() Job {
		t.Helper()
		select {
		case j := <-runs:
			return j
		case <-time.After(30 * time.Second):
			t.Fatal("no run")
			return Job{}
		}
	}
	job := Job{Kind: Pull, RepoID: 1, Pull: 1, Owner: "o", Repo: "r", Installation: 7}
	for range 2 {
		if err := q.Put(t.Context(), job); err != nil {
			t.Fatal(err)
		}
		next()
		if err := q.PutLater(t.Context(), job, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	var waiting int
	if err := s.DB().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM river_job WHERE kind = 'later'`).Scan(&waiting); err != nil || waiting != 1 {
		t.Errorf("%d jobs for later, %v; want 1", waiting, err)
	}
	other := Job{Kind: Pull, RepoID: 1, Pull: 2, Owner: "o", Repo: "r", Installation: 7}
	if err := q.Put(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	next()
	if err := q.PutLater(t.Context(), other, time.Now()); err != nil {
		t.Fatal(err)
	}
	if j := next(); j.Pull != 2 || !j.Background || j.Installation != 7 {
		t.Errorf("ran %+v, want pull request 2 in the background", j)
	}
	// Something that was never dirty before.
	for _, never := range []Job{{Kind: Onboard, RepoID: 5, Owner: "o", Repo: "r", Installation: 7}, {Kind: Record, RepoID: 5, Ref: "main", Installation: 7}, {Kind: Installation, Installation: 9}} {
		if err := q.PutLater(t.Context(), never, time.Now()); err != nil {
			t.Fatal(err)
		}
		if j := next(); j.Kind != never.Kind || j.Ref != never.Ref || j.Installation != never.Installation || !j.Background {
			t.Errorf("ran %+v, want %+v", j, never)
		}
	}
}

// What is due later is due in the queue's new place as well.
func TestCopyLater(t *testing.T) {
	from, to := openStore(t, newSQLite(t)), openStore(t, pgtest.New(t))
	r := newRecorder()
	q := prepare(t, from, r.work, fast)
	mustPut(t, q, pull(7), pull(8))
	at := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	if err := q.PutLater(t.Context(), pull(7), at); err != nil {
		t.Fatal(err)
	}
	for range 2 { // again does no harm
		if n, err := CopyLater(t.Context(), from, to); err != nil || n != 1 {
			t.Errorf("copied %d, %v; want 1", n, err)
		}
	}
	var key string
	var got time.Time
	if err := to.DB().QueryRowContext(t.Context(), `SELECT args ->> 'key', scheduled_at FROM river_job`).Scan(&key, &got); err != nil || key != "pull:1:7" || !got.Equal(at) {
		t.Errorf("%s at %s, %v; want pull:1:7 at %s", key, got, err, at)
	}
	// What is dirty moves with the store, and is worked where it came to.
	if _, err := store.Copy(t.Context(), from, to); err != nil {
		t.Fatal(err)
	}
	startNow(t, prepare(t, to, r.work, fast))
	got7, got8 := receive(t, r.begun, "the first job"), receive(t, r.begun, "the second job")
	if got7.Job.Pull+got8.Job.Pull != 15 {
		t.Errorf("ran %+v and %+v", got7, got8)
	}
	r.end <- nil
	r.end <- nil
}
