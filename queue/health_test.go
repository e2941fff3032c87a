package queue

import (
	"context"
	"strings"
	"testing"
	"time"
)

// testCheck: a queue is healthy while it does jobs, however many wait.
func testCheck(t *testing.T, fresh func(testing.TB) string) {
	begun, release := make(chan struct{}), make(chan struct{})
	work := func(ctx context.Context, _ Job, _ Attempt) error {
		begun <- struct{}{}
		<-release
		return nil
	}
	q, err := New(t.Context(), openStore(t, fresh(t)), work, Config{MaxWorkers: 1})
	if err != nil {
		t.Fatal(err)
	}
	wants := func(when, want string) {
		t.Helper()
		err := q.Check(t.Context())
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", when, err, want)
		}
	}
	oldest := func() time.Duration {
		t.Helper()
		age, err := q.Oldest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return age
	}
	wants("before the start", "not started")
	if age := oldest(); age != 0 {
		t.Errorf("an empty queue has a job that has waited for %s", age)
	}
	for pull := 1; pull <= 2; pull++ {
		if err := q.Put(t.Context(), Job{Kind: Pull, RepoID: 1, Pull: pull}); err != nil {
			t.Fatal(err)
		}
	}
	earlier := `strftime('%Y-%m-%d %H:%M:%f', 'now', '-5 minutes')`
	if q.engine.shared {
		earlier = `now() - interval '5 minutes'`
	}
	if _, err := q.store.DB().Exec(`UPDATE river_job SET created_at = ` + earlier + `, scheduled_at = ` + earlier); err != nil {
		t.Fatal(err)
	}
	if age := oldest(); age < 5*time.Minute || age > 6*time.Minute {
		t.Errorf("the oldest job is %s old, want five minutes", age)
	}
	q.started.Store(true) // as if River had died
	wants("while nobody begins what is due", "none is begun")
	q.started.Store(false)

	startNow(t, q)
	<-begun
	wants("at work, with a job that waits", "")
	close(release)
	<-begun
	if err := q.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	wants("after the end", "stops")
}
