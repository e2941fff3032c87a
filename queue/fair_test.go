package queue

import (
	"context"
	"slices"
	"sync"
	"testing"
)

// One installation's burst does not hold up another one, whose job came after it, and
// is not held up for ever by others.
func testOneBurstStarvesNobody(t *testing.T, fresh func(testing.TB) string) {
	const burst = 60
	var mu sync.Mutex
	var order []Job
	q := prepare(t, openStore(t, fresh(t)), func(_ context.Context, j Job, _ Attempt) error {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, j)
		return nil
	}, Config{MaxWorkers: 1})
	done := completions(t, q)
	of := func(installation int64, n int) Job {
		j := pull(n)
		j.Installation, j.RepoID = installation, installation
		return j
	}
	for n := range burst {
		mustPut(t, q, of(1, n+1), of(1, n+1)) // what coalesces costs no second place
	}
	for n := range 3 {
		mustPut(t, q, of(2, n+1), of(3, n+1))
	}
	startNow(t, q)
	for range burst + 6 {
		receive(t, done, "all jobs")
	}
	mu.Lock()
	defer mu.Unlock()
	for installation := int64(2); installation <= 3; installation++ {
		last := 0
		for i, j := range order {
			if j.Installation == installation {
				last = i
			}
		}
		if last > 9 { // three of each come first
			t.Errorf("the last of three jobs of installation %d was number %d of %d", installation, last+1, len(order))
		}
	}
	var own []int
	for _, j := range order {
		if j.Installation == 1 {
			own = append(own, j.Pull)
		}
	}
	if len(own) != burst || !slices.IsSorted(own) {
		t.Errorf("the burst was worked as %v, want in its order", own)
	}
}
