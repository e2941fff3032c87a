//go:build unix

package queue

import (
	"context"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"github.com/lockkeeper/lockkeeper/store"
	"github.com/lockkeeper/lockkeeper/store/storetest/pgtest"
)

// Two replicas share the jobs, and never run one thing twice at once.
func TestReplicasShareJobs(t *testing.T) {
	const things, events = 12, 5
	location := pgtest.New(t)
	var mu sync.Mutex
	under, put, saw := map[int]int{}, map[int]int{}, map[int]int{}
	generation := map[int]int64{}
	var queues []*Queue
	// Nobody goes on before both have begun something.
	var both sync.WaitGroup
	both.Add(2)
	for replica := range 2 {
		var first sync.Once
		queues = append(queues, start(t, location, func(_ context.Context, j Job, a Attempt) error {
			mu.Lock()
			under[j.Pull]++
			if under[j.Pull] > 1 {
				t.Errorf("replica %d: pull %d runs %d times at once", replica, j.Pull, under[j.Pull])
			}
			if a.Generation <= generation[j.Pull] {
				t.Errorf("replica %d: pull %d: generation %d after %d", replica, j.Pull, a.Generation, generation[j.Pull])
			}
			generation[j.Pull] = a.Generation
			known := put[j.Pull]
			mu.Unlock()
			first.Do(func() { both.Done(); both.Wait() })
			mu.Lock()
			defer mu.Unlock()
			under[j.Pull]--
			saw[j.Pull] = max(saw[j.Pull], known)
			return nil
		}, Config{MaxWorkers: 2, RetryFirst: time.Millisecond, RetryMost: time.Millisecond}))
	}
	done := [2]<-chan struct{}{}
	for i, q := range queues {
		events, c := completions(t, q), make(chan struct{}, 1000)
		done[i] = c
		go func() {
			for range events {
				c <- struct{}{}
			}
		}()
	}
	var wg sync.WaitGroup
	for thing := range things {
		wg.Go(func() {
			for event := range events {
				mu.Lock()
				put[thing+1]++
				mu.Unlock()
				mustPut(t, queues[event%2], pull(thing+1))
			}
		})
	}
	wg.Wait()
	deadline := time.After(patience)
	for {
		stats, err := queues[0].Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if stats == (Stats{}) {
			break
		}
		select {
		case <-done[0]:
		case <-done[1]:
		case <-deadline:
			t.Fatalf("waited %s; still %+v", patience, stats)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for thing := range things {
		if saw[thing+1] != events {
			t.Errorf("pull %d: the runs saw %d of %d events", thing+1, saw[thing+1], events)
		}
	}
}

// What one replica runs no other runs, even if River gives it out again.
func TestReplicasNeverBesideEachOther(t *testing.T) {
	location := pgtest.New(t)
	slow, other := newRecorder(), newRecorder()
	one := fast
	one.MaxWorkers = 1
	q := start(t, location, slow.work, one)
	mustPut(t, q, pull(7))
	receive(t, slow.begun, "the slow run")
	beside := prepare(t, openStore(t, location), other.work, fast)
	held, cancel := beside.engine.Subscribe(river.EventKindJobSnoozed)
	defer cancel()
	startNow(t, beside)
	// What River's rescue does.
	if _, err := q.store.DB().ExecContext(t.Context(), `UPDATE river_job SET state = 'available'`); err != nil {
		t.Fatal(err)
	}
	receive(t, held, "the job that is put off")
	select {
	case got := <-other.begun:
		t.Errorf("a run beside the slow one: %+v", got)
	default:
	}
	wantNewest(t, q, 1, true)
	wantNewest(t, beside, 1, false)
	slow.end <- nil
}

// wantNoRun waits for a number of this process's own beats, and for no run.
func wantNoRun(t *testing.T, q *Queue, r *recorder, beats int) {
	t.Helper()
	var last int64
	for deadline := time.Now().Add(patience); beats > 0; {
		var at int64
		if err := q.store.DB().QueryRowContext(t.Context(), `SELECT until FROM processes WHERE id = $1`, q.process.id).Scan(&at); err != nil {
			t.Fatal(err)
		}
		if at != last {
			last, beats = at, beats-1
		}
		select {
		case got := <-r.begun:
			t.Fatalf("a job was stolen from a process that lives: %+v", got)
		case <-time.After(fast.Beat / 8):
		}
		if time.Now().After(deadline) {
			t.Fatal("this process has no pulse")
		}
	}
}

// What a dead replica was running another one runs soon; a live one keeps its own.
func TestReplicaKilled(t *testing.T) {
	location := pgtest.New(t)
	r := newRecorder()
	q := prepare(t, openStore(t, location), r.work, fast)
	child := spawn(t, "run", location)
	startNow(t, q)
	wantNoRun(t, q, r, 2*silence)
	wantStats(t, q, Stats{Running: 1})
	child.kill(t)
	began := time.Now()
	got := receive(t, r.begun, "the job of the dead process") // River alone would take twelve minutes
	t.Logf("ran %s after the death", time.Since(began))
	if got.Attempt.Generation != 2 || got.Attempt.Number != 1 || len(got.Attempt.Comments) != 1 {
		t.Errorf("attempt %+v, want generation 2, number 1 and the comment", got.Attempt)
	}
	done := completions(t, q)
	r.end <- nil
	receive(t, done, "the end of the job")
	wantStats(t, q, Stats{})
}

// The same if it died while the clock of the database was ahead.
func TestReplicaKilledInTheFuture(t *testing.T) {
	location := pgtest.New(t)
	r := newRecorder()
	q := prepare(t, openStore(t, location), r.work, fast)
	child := spawn(t, "run", location)
	child.kill(t)
	if _, err := q.store.DB().ExecContext(t.Context(), `UPDATE processes SET until = until + $1`, (3 * time.Hour).Microseconds()); err != nil {
		t.Fatal(err)
	}
	startNow(t, q)
	receive(t, r.begun, "the job of the dead process")
	done := completions(t, q)
	r.end <- nil
	receive(t, done, "the end of the job")
	wantStats(t, q, Stats{})
}

// A replica that was frozen and wakes finds its run ended, and what it says of the
// job counts for nothing.
func TestReplicaFrozen(t *testing.T) {
	location := pgtest.New(t)
	r := newRecorder()
	q := prepare(t, openStore(t, location), r.work, fast)
	mustPut(t, q, pull(7))
	child := spawn(t, "freeze", location)
	if err := child.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	startNow(t, q)
	got := receive(t, r.begun, "the job of the frozen process")
	if got.Attempt.Generation != 2 {
		t.Errorf("attempt %+v, want generation 2", got.Attempt)
	}
	// It wakes while the run that took its place is under way.
	if err := child.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	child.wantSays(t, errTakenForDead.Error()+"; newest false, error <nil>")
	wantNewest(t, q, 2, true)
	wantStats(t, q, Stats{Running: 1})
	done := completions(t, q)
	r.end <- nil
	receive(t, done, "the end of the job")
	wantStats(t, q, Stats{})
	// It is a member again: when this process goes, that one works.
	stop(t, q)
	mustPut(t, q, pull(7))
	child.wantSays(t, "here")
	var generation int
	if err := q.store.DB().QueryRowContext(t.Context(), `SELECT generation FROM dirty`).Scan(&generation); err != nil || generation != 3 {
		t.Errorf("generation %d, %v; want 3, a run for each of the two and one for the new event", generation, err)
	}
	child.kill(t)
}

// Two processes that start at once on an empty database make its tables once.
func TestReplicasStartTogether(t *testing.T) {
	location := pgtest.New(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := store.Open(t.Context(), location)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if _, err := New(t.Context(), s, newRecorder().work, fast); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
