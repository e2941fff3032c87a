package queue

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"
)

// workshop has jobs wait until they are let go, but those of quick ones.
type workshop struct {
	t     testing.TB
	q     *Queue
	quick func(Job) bool

	mu    sync.Mutex
	holds map[int64]chan struct{} // guarded by mu; by the pull request of a run
	began chan Job                // of each run
	ended chan Job                // of the quick ones
}

func newWorkshop(t testing.TB, location string, workers int, quick func(Job) bool) *workshop {
	w := &workshop{t: t, quick: quick, holds: map[int64]chan struct{}{}, began: make(chan Job, 1000), ended: make(chan Job, 1000)}
	config := fast
	config.MaxWorkers, config.DrainTimeout = workers, 50*time.Millisecond
	w.q = prepare(t, openStore(t, location), w.work, config)
	return w
}

func (w *workshop) work(ctx context.Context, j Job, _ Attempt) error {
	if w.quick(j) {
		w.began <- j
		w.ended <- j
		return nil
	}
	hold := make(chan struct{})
	w.mu.Lock()
	w.holds[int64(j.Pull)] = hold
	w.mu.Unlock()
	w.began <- j
	select {
	case <-hold:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// release lets n of the slow runs end.
func (w *workshop) release(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for pull := range maps.Keys(w.holds) {
		if n == 0 {
			return
		}
		close(w.holds[pull])
		delete(w.holds, pull)
		n--
	}
	if n > 0 {
		w.t.Fatalf("%d runs fewer than thought", n)
	}
}

// fill queues n slow jobs of people and starts four workers, each at one of them.
func (w *workshop) fill(n int) {
	for n := range n {
		slow := of(1, 1, n+1)
		slow.Person = true
		mustPut(w.t, w.q, slow)
	}
	startNow(w.t, w.q)
	for range 4 {
		receive(w.t, w.began, "a slow job on each worker")
	}
}

func of(installation, repo int64, n int) Job {
	return Job{Kind: Pull, Installation: installation, RepoID: repo, Owner: "o", Repo: "r", Pull: n}
}

// A noisy installation has all workers while it is alone. When others come it keeps
// half of them, whatever its jobs are and how long they take: they do not wait for its
// slow ones, though those are people's and theirs are events.
func testSlowJobsHoldHalfTheWorkers(t *testing.T, fresh func(testing.TB) string) {
	const quick = 30
	w := newWorkshop(t, fresh(t), 4, func(j Job) bool { return j.Installation != 1 })
	w.fill(12)
	for n := range quick {
		mustPut(t, w.q, of(2, 2, n+1))
	}
	w.release(2)
	for range quick {
		if j := receive(t, w.ended, "the jobs of the others beside the slow ones"); j.Installation != 2 {
			t.Errorf("a job of installation %d ended", j.Installation)
		}
	}
	// Nobody else waits any more: the workers are not left idle.
	for n := 0; n < 2; {
		if j := receive(t, w.began, "slow jobs on the workers that are idle"); j.Installation == 1 {
			n++
		}
	}
}

// The same for one repository among those of its installation, at a quarter.
func testSlowRepositoryHoldsAQuarter(t *testing.T, fresh func(testing.TB) string) {
	const quick = 30
	w := newWorkshop(t, fresh(t), 4, func(j Job) bool { return j.RepoID != 1 })
	w.fill(8)
	for n := range quick {
		mustPut(t, w.q, of(1, 2, n+1))
	}
	w.release(3)
	for range quick {
		receive(t, w.ended, "the jobs of the other repository beside the slow one")
	}
	for n := 0; n < 3; {
		if j := receive(t, w.began, "slow jobs on the workers that are idle"); j.RepoID == 1 {
			n++
		}
	}
}

// What a person did elsewhere is begun as soon as one of the noisy one's jobs ends,
// before all that those have waiting.
func testPersonWaitsForOneJob(t *testing.T, fresh func(testing.TB) string) {
	w := newWorkshop(t, fresh(t), 4, func(j Job) bool { return j.Installation != 1 })
	for n := range 40 {
		slow := of(1, 1, n+1)
		slow.Person = n%2 == 0
		mustPut(t, w.q, slow)
	}
	startNow(t, w.q)
	for range 4 {
		receive(t, w.began, "a slow job on each worker")
	}
	asked := of(2, 2, 1)
	asked.Person = true
	mustPut(t, w.q, asked)
	w.release(1)
	if j := receive(t, w.began, "the next job"); j.Installation != 2 {
		t.Errorf("pull request %d of the noisy installation went before", j.Pull)
	}
}

// What stood back, or was set aside, has its place again soon, and news about it change
// nothing of that.
func testSetAsideKeepsItsPlace(t *testing.T, fresh func(testing.TB) string) {
	w := newWorkshop(t, fresh(t), 2, func(Job) bool { return false })
	for n := range 6 {
		mustPut(t, w.q, of(1, 1, n+1))
	}
	startNow(t, w.q)
	for range 2 {
		receive(t, w.began, "a job on each worker")
	}
	for n := range 2 {
		background := of(2, 2, n+7)
		background.Background = true
		mustPut(t, w.q, background)
	}
	w.release(1)
	if j := receive(t, w.began, "the next job"); j.Installation != 2 {
		t.Errorf("pull request %d of the installation that holds half began, though others wait", j.Pull)
	}
	w.wantWaiting("pull:1:3", "pull:1:4", "pull:1:5", "pull:1:6", "pull:2:8")
	mustPut(t, w.q, of(1, 1, 4))
	w.wantWaiting("pull:1:3", "pull:1:4", "pull:1:5", "pull:1:6", "pull:2:8")
}

// wantWaiting waits until these jobs wait for a worker, in this order.
func (w *workshop) wantWaiting(want ...string) {
	w.t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.After(patience); ; {
		rows, err := w.q.store.DB().Query(`SELECT args ->> 'key' FROM river_job WHERE kind = 'dirty' AND state = 'available' ORDER BY priority, scheduled_at, id`)
		if err != nil {
			w.t.Fatal(err)
		}
		var got []string
		for rows.Next() {
			var key string
			if err := rows.Scan(&key); err != nil {
				w.t.Fatal(err)
			}
			got = append(got, key)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			w.t.Fatal(err)
		}
		if slices.Equal(got, want) {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			w.t.Fatalf("%v wait, want %v", got, want)
		}
	}
}
