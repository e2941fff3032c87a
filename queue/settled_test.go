package queue

import (
	"context"
	"errors"
	"testing"
)

// testSettled: a job is settled once a run that began after its last event ended well,
// and not by a run that was under way, or failed.
func testSettled(t *testing.T, fresh func(testing.TB) string) {
	began, end := make(chan int), make(chan error)
	runs := 0
	q := start(t, fresh(t), func(context.Context, Job, Attempt) error {
		runs++
		began <- runs
		return <-end
	}, fast)
	j := Job{Kind: Pull, Installation: 1, RepoID: 2, Owner: "o", Repo: "r", Pull: 3}
	want := func(want bool, when string) {
		t.Helper()
		if got, err := q.Settled(t.Context(), j); err != nil || got != want {
			t.Errorf("%s: settled %v, error %v; want %v", when, got, err, want)
		}
	}
	put := func() {
		t.Helper()
		if err := q.Put(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	want(true, "before anything happened")
	put()
	<-began
	want(false, "while it runs")
	put()
	end <- nil
	<-began
	want(false, "after a run that began before the last event")
	end <- errors.New("no")
	<-began
	want(false, "after a run that failed")
	end <- nil
	for settled := false; !settled; {
		var err error
		if settled, err = q.Settled(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := q.Settled(t.Context(), Job{Kind: Pull}); err == nil {
		t.Error("a job about nothing")
	}
}
