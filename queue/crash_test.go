package queue

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"github.com/lockkeeper/lockkeeper/store"
)

// childEnv has this test binary be a process to kill: the value says what it
// does, with the database of childDB.
const childEnv, childDB = "LOCKKEEPER_TEST_CHILD", "LOCKKEEPER_TEST_DB"

func TestMain(m *testing.M) {
	if mode := os.Getenv(childEnv); mode != "" {
		if err := child(context.Background(), mode, os.Getenv(childDB)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child tells on stdout that it has come to the point where it is to be killed,
// and waits there.
func child(ctx context.Context, mode, location string) error {
	s, err := store.Open(ctx, location)
	if err != nil {
		return err
	}
	forever := make(chan struct{})
	var q *Queue
	q, err = New(ctx, s, func(ctx context.Context, j Job, a Attempt) error {
		fmt.Println("here")
		if mode != "freeze" {
			<-forever
		}
		<-ctx.Done()
		newest, err := q.Newest(context.WithoutCancel(ctx), j, a.Generation)
		fmt.Printf("%v; newest %v, error %v\n", context.Cause(ctx), newest, err)
		return nil // as a run does that does not know what happened to it
	}, fast)
	if err != nil {
		return err
	}
	if mode != "freeze" {
		commented := pull(7)
		commented.Comment = 11
		if err := q.Put(ctx, commented); err != nil {
			return err
		}
	}
	if mode == "put" {
		fmt.Println("here")
	} else if err := q.Start(ctx); err != nil {
		return err
	}
	<-forever
	return nil
}

// childProcess is a child with what it says.
type childProcess struct {
	*exec.Cmd
	says *bufio.Reader
}

// spawn runs a child until it is there.
func spawn(t *testing.T, mode, location string) childProcess {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+mode, childDB+"="+location)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := childProcess{cmd, bufio.NewReader(out)}
	c.wantSays(t, "here")
	return c
}

func (c childProcess) wantSays(t *testing.T, want string) {
	t.Helper()
	if line, err := c.says.ReadString('\n'); line != want+"\n" {
		t.Fatalf("the child said %q, %v; want %q", line, err, want)
	}
}

// kill ends it with SIGKILL.
func (c childProcess) kill(t *testing.T) {
	t.Helper()
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := c.Wait(); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the child was not killed: %v", err)
	}
}

func killed(t *testing.T, mode, location string) {
	t.Helper()
	spawn(t, mode, location).kill(t)
}

// What Put returned nil for is there, whatever happens the moment after.
func testKilledAfterPut(t *testing.T, fresh func(testing.TB) string) {
	path := fresh(t)
	killed(t, "put", path)
	r := newRecorder()
	q := prepare(t, openStore(t, path), r.work, fast)
	wantStats(t, q, Stats{Waiting: 1})
	startNow(t, q)
	got := receive(t, r.begun, "the job of the dead process")
	if got.Job.Pull != 7 || got.Attempt.Generation != 1 || len(got.Attempt.Comments) != 1 {
		t.Errorf("got %+v", got)
	}
	r.end <- nil
}

// A job that a dead process was running runs again at once, not when River would
// take it for stuck.
func testKilledDuringRun(t *testing.T, fresh func(testing.TB) string) {
	path := fresh(t)
	killed(t, "run", path)
	r := newRecorder()
	q := prepare(t, openStore(t, path), r.work, fast)
	done := completions(t, q)
	wantStats(t, q, Stats{Running: 1})
	// An event before the restart is over neither gets lost nor doubles the job.
	mustPut(t, q, pull(7))
	began := time.Now()
	startNow(t, q)
	got := receive(t, r.begun, "the job of the dead process")
	t.Logf("ran %s after the start", time.Since(began))
	if got.Attempt.Generation != 2 || got.Attempt.Number != 1 || len(got.Attempt.Comments) != 1 {
		t.Errorf("attempt %+v, want generation 2, number 1 and the comment", got.Attempt)
	}
	r.end <- nil
	receive(t, done, "the end of the job")
	wantStats(t, q, Stats{})
}

func testStopDrains(t *testing.T, fresh func(testing.TB) string) {
	r := newRecorder()
	q := prepare(t, openStore(t, fresh(t)), r.work, fast)
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustPut(t, q, pull(7))
	receive(t, r.begun, "the run")
	stopped := make(chan error)
	go func() { stopped <- q.Stop(context.Background()) }()
	<-q.stopped
	mustPut(t, q, pull(8)) // is taken, and not begun
	r.end <- nil
	if err := receive(t, stopped, "the stop"); err != nil {
		t.Error(err)
	}
	wantStats(t, q, Stats{Waiting: 1})
}

// What does not end in time is put back, and that is no failure of it.
func testStopPutsBack(t *testing.T, fresh func(testing.TB) string) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for name, test := range map[string]struct {
		drain time.Duration
		ctx   context.Context
	}{
		"after the drain timeout":  {20 * time.Millisecond, context.Background()},
		"when its context is done": {time.Hour, cancelled},
	} {
		t.Run(name, func(t *testing.T) {
			config := fast
			config.DrainTimeout = test.drain
			s := openStore(t, fresh(t))
			r := newRecorder()
			q := prepare(t, s, r.work, config)
			if err := q.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			mustPut(t, q, pull(7))
			receive(t, r.begun, "the run")
			if err := q.Stop(test.ctx); err != nil {
				t.Fatal(err)
			}
			wantStats(t, q, Stats{Waiting: 1})
			again := prepare(t, s, r.work, config)
			startNow(t, again)
			if got := receive(t, r.begun, "the run after the restart"); got.Attempt.Number != 1 || got.Attempt.Generation != 2 {
				t.Errorf("attempt %+v, want number 1, generation 2", got.Attempt)
			}
			r.end <- nil
		})
	}
}

func testStopWithoutStart(t *testing.T, fresh func(testing.TB) string) {
	q := prepare(t, openStore(t, fresh(t)), newRecorder().work, fast)
	stop(t, q)
	stop(t, q)
	mustPut(t, q, pull(7))
	wantStats(t, q, Stats{Waiting: 1})
}

// Whatever happens to River's table, what is dirty runs.
func testSweepFindsWhatHasNoJob(t *testing.T, fresh func(testing.TB) string) {
	for name, query := range map[string]string{
		"gone":      `DELETE FROM river_job`,
		"completed": `UPDATE river_job SET state = 'completed', finalized_at = CURRENT_TIMESTAMP`,
		"discarded": `UPDATE river_job SET state = 'discarded', finalized_at = CURRENT_TIMESTAMP`,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRecorder()
			q := prepare(t, openStore(t, fresh(t)), r.work, fast)
			done := completions(t, q)
			mustPut(t, q, pull(7))
			if _, err := q.store.DB().ExecContext(t.Context(), query); err != nil {
				t.Fatal(err)
			}
			wantStats(t, q, Stats{})
			startNow(t, q)
			receive(t, r.begun, "the run of what has no job")
			// With its job running, a sweep adds none.
			if err := q.sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantStats(t, q, Stats{Running: 1})
			r.end <- nil
			receive(t, done, "the end of the job")
			if err := q.sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantStats(t, q, Stats{})
		})
	}
}

// What River gives out a second time, because a run takes so long, waits until
// that run has ended: there is one at a time.
func testNeverBesideEachOther(t *testing.T, fresh func(testing.TB) string) {
	r := newRecorder()
	q := prepare(t, openStore(t, fresh(t)), r.work, fast)
	held, cancel := q.engine.Subscribe(river.EventKindJobSnoozed)
	defer cancel()
	startNow(t, q)
	mustPut(t, q, pull(7))
	receive(t, r.begun, "the slow run")
	// What River's rescue does.
	if _, err := q.store.DB().ExecContext(t.Context(), `UPDATE river_job SET state = 'available'`); err != nil {
		t.Fatal(err)
	}
	receive(t, held, "the job that is put off")
	select {
	case got := <-r.begun:
		t.Errorf("a run beside the slow one: %+v", got)
	default:
	}
	mustPut(t, q, pull(7))
	r.end <- nil
	if got := receive(t, r.begun, "the run after the slow one"); got.Attempt.Generation != 2 {
		t.Errorf("generation %d, want 2", got.Attempt.Generation)
	}
	r.end <- nil
}

// A run that outlived its time and ends after all must not have the run that took
// its place, and what happened since, forgotten.
func testRunThatOutlivesItsTime(t *testing.T, fresh func(testing.TB) string) {
	r := newRecorder()
	ends := map[int64]chan error{1: make(chan error), 2: make(chan error)}
	q := prepare(t, openStore(t, fresh(t)), func(_ context.Context, j Job, a Attempt) error {
		r.begun <- seen{j, a}
		if end := ends[a.Generation]; end != nil {
			return <-end
		}
		return nil
	}, fast)
	done := completions(t, q)
	startNow(t, q)
	mustPut(t, q, pull(7))
	receive(t, r.begun, "the slow run")
	wantNewest(t, q, 1, true)
	for _, query := range []string{`UPDATE dirty SET begun_at = 0`, `UPDATE river_job SET state = 'available'`} {
		if _, err := q.store.DB().ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	if got := receive(t, r.begun, "the run beside it"); got.Attempt.Generation != 2 {
		t.Errorf("generation %d, want 2", got.Attempt.Generation)
	}
	wantNewest(t, q, 1, false)
	wantNewest(t, q, 2, true)
	overtaken, cancel := q.engine.Subscribe(river.EventKindJobSnoozed)
	defer cancel()
	ends[1] <- nil
	receive(t, overtaken, "the end of the slow run")
	wantNewest(t, q, 2, true)
	mustPut(t, q, pull(7))
	ends[2] <- nil
	if got := receive(t, r.begun, "the run of the newest event"); got.Attempt.Generation != 3 {
		t.Errorf("generation %d, want 3", got.Attempt.Generation)
	}
	receive(t, done, "the end of the job")
	wantStats(t, q, Stats{})
}

func wantNewest(t testing.TB, q *Queue, generation int64, want bool) {
	t.Helper()
	got, err := q.Newest(t.Context(), pull(7), generation)
	if err != nil || got != want {
		t.Errorf("generation %d is the newest: %v, %v; want %v", generation, got, err, want)
	}
}

func BenchmarkPut(b *testing.B) {
	onEach(b, func(b *testing.B, location string) {
		q := prepare(b, openStore(b, location), newRecorder().work, fast)
		for i := 0; b.Loop(); i++ {
			mustPut(b, q, pull(i+1))
		}
	})
}

// From Put to the run, with nothing else to do.
func BenchmarkPutToRun(b *testing.B) {
	onEach(b, func(b *testing.B, location string) {
		begun := make(chan struct{})
		q := start(b, location, func(context.Context, Job, Attempt) error { begun <- struct{}{}; return nil }, fast)
		for i := 0; b.Loop(); i++ {
			mustPut(b, q, pull(i+1))
			<-begun
		}
	})
}
