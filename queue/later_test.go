package queue

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/store"
)

// TestLaterHoldsUpNothing: something that is due in an hour is worked at once
// when an event comes, and something due now is worked without one.
func TestLaterHoldsUpNothing(t *testing.T) {
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	runs := make(chan Job, 10)
	var q *Queue
	q, err = New(t.Context(), s, func(ctx context.Context, j Job, _ Attempt) error {
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
}
