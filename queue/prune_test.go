package queue

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

// testPrune: what is done and old is forgotten, and nothing else; a thing that was
// forgotten is like one that was never there.
func testPrune(t *testing.T, fresh func(testing.TB) string) {
	fails := errors.New("no")
	generations := make(chan int64, 10)
	q := start(t, fresh(t), func(_ context.Context, j Job, a Attempt) error {
		if j.Pull == 4 {
			return RetryAt(time.Now().Add(time.Hour), fails)
		}
		generations <- a.Generation
		return nil
	}, fast)
	group := Job{Kind: MergeGroup, RepoID: 1, SHA: "c", Ref: "q", Base: "main", Installation: 1}
	branch := Job{Kind: Branch, RepoID: 1, Ref: "main", Installation: 1}
	lasting := Job{Kind: Record, RepoID: 1, Ref: "main", Installation: 1}
	done := []Job{pull(1), pull(2), pull(3), group, branch, lasting}
	mustPut(t, q, done...)
	for range done {
		receive(t, generations, "a run")
	}
	mustPut(t, q, pull(4)) // fails
	if err := q.PutLater(t.Context(), pull(2), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := q.PutLater(t.Context(), pull(5), time.Now().Add(time.Hour)); err != nil { // has no run yet
		t.Fatal(err)
	}
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for began := time.Now(); ; <-ticker.C {
		stats, err := q.Stats(t.Context())
		if err == nil && stats.Waiting == 1 && stats.Running == 0 {
			break
		}
		if time.Since(began) > patience {
			t.Fatalf("the runs do not end: %+v, %v", stats, err)
		}
	}
	keys := func() (keys []string) {
		t.Helper()
		rows, err := q.store.DB().QueryContext(t.Context(), `SELECT key FROM dirty`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var key string
			if err := rows.Scan(&key); err != nil {
				t.Fatal(err)
			}
			keys = append(keys, key)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		slices.Sort(keys)
		return keys
	}
	all := keys()
	keepThree := func(_ context.Context, j Job) (bool, error) { return j == pull(3), nil }
	prune := func(before time.Time, want int64) {
		t.Helper()
		if n, err := q.Prune(t.Context(), before, keepThree); n != want || err != nil {
			t.Errorf("removed %d, %v; want %d", n, err, want)
		}
	}
	soon := time.Now().Add(time.Hour)
	prune(soon.Add(-2*time.Hour), 0)
	if got := keys(); !slices.Equal(got, all) {
		t.Errorf("left %v of %v", got, all)
	}
	prune(soon, 3)
	if got, want := keys(), []string{"pull:1:2", "pull:1:3", "pull:1:4", "pull:1:5", "record:1:main"}; !slices.Equal(got, want) {
		t.Errorf("left %v, want %v", got, want)
	}
	prune(soon, 0)
	if settled, err := q.Settled(t.Context(), pull(1)); !settled || err != nil {
		t.Errorf("what was forgotten is settled: %v, %v", settled, err)
	}
	mustPut(t, q, pull(1))
	if g := receive(t, generations, "a run about what was forgotten"); g != 1 {
		t.Errorf("generation %d, want the first", g)
	}
	// More than one page of them, between which others lie.
	if _, err := q.store.DB().ExecContext(t.Context(), `
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
		INSERT INTO dirty (key, events, done, generation, begun_at, job)
		SELECT 'commit:1:' || i, 1, CASE WHEN i % 5 = 0 THEN 0 ELSE 1 END, 1, 1, '{"kind":"commit","repo_id":1,"sha":"' || i || '"}' FROM n`); err != nil {
		t.Fatal(err)
	}
	prune(time.Now().Add(-time.Hour), 2000)
	refuses := errors.New("the store does not answer")
	if _, err := q.Prune(t.Context(), soon, func(context.Context, Job) (bool, error) { return false, refuses }); !errors.Is(err, refuses) {
		t.Errorf("%v, want %v", err, refuses)
	}
}
