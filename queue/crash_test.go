package queue

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

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
func child(ctx context.Context, mode, path string) error {
	s, err := store.Open(ctx, path)
	if err != nil {
		return err
	}
	forever := make(chan struct{})
	q, err := New(ctx, s, func(context.Context, Job, Attempt) error {
		fmt.Println("here")
		<-forever
		return nil
	}, fast)
	if err != nil {
		return err
	}
	commented := pull(7)
	commented.Comment = 11
	if err := q.Put(ctx, commented); err != nil {
		return err
	}
	switch mode {
	case "put":
		fmt.Println("here")
	case "run":
		if err := q.Start(ctx); err != nil {
			return err
		}
	}
	<-forever
	return nil
}

// killed runs a child until it is there and kills it (SIGKILL).
func killed(t *testing.T, mode, path string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+mode, childDB+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "here\n" {
		t.Fatalf("the child said %q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the child was not killed: %v", err)
	}
}

// What Put returned nil for is there, whatever happens the moment after.
func TestKilledAfterPut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "q.db")
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
func TestKilledDuringRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "q.db")
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

func TestStopDrains(t *testing.T) {
	r := newRecorder()
	q := prepare(t, openStore(t, filepath.Join(t.TempDir(), "q.db")), r.work, fast)
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
func TestStopPutsBack(t *testing.T) {
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
			s := openStore(t, filepath.Join(t.TempDir(), "q.db"))
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

func TestStopWithoutStart(t *testing.T) {
	q := prepare(t, openStore(t, filepath.Join(t.TempDir(), "q.db")), newRecorder().work, fast)
	stop(t, q)
	stop(t, q)
	mustPut(t, q, pull(7))
	wantStats(t, q, Stats{Waiting: 1})
}

// Whatever happens to River's table, what is dirty runs.
func TestSweepFindsWhatHasNoJob(t *testing.T) {
	for name, query := range map[string]string{
		"gone":      `DELETE FROM river_job`,
		"completed": `UPDATE river_job SET state = 'completed', finalized_at = CURRENT_TIMESTAMP`,
		"discarded": `UPDATE river_job SET state = 'discarded', finalized_at = CURRENT_TIMESTAMP`,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRecorder()
			q := prepare(t, openStore(t, filepath.Join(t.TempDir(), "q.db")), r.work, fast)
			done := completions(t, q)
			mustPut(t, q, pull(7))
			if _, err := q.db.ExecContext(t.Context(), query); err != nil {
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

// A run that River took for dead and that ends after all must not have the run
// beside it, and what happened since, forgotten.
func TestRunsBesideEachOther(t *testing.T) {
	r := newRecorder()
	slow, fastEnd := make(chan error), make(chan error)
	q := prepare(t, openStore(t, filepath.Join(t.TempDir(), "q.db")), func(_ context.Context, j Job, a Attempt) error {
		r.begun <- seen{j, a}
		switch a.Generation {
		case 1:
			return <-slow
		case 2:
			return <-fastEnd
		}
		return nil
	}, fast)
	done := completions(t, q)
	startNow(t, q)
	mustPut(t, q, pull(7))
	receive(t, r.begun, "the slow run")
	// What River's rescue does.
	if _, err := q.db.ExecContext(t.Context(), `UPDATE river_job SET state = 'available'`); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, r.begun, "the run beside it"); got.Attempt.Generation != 2 {
		t.Errorf("generation %d, want 2", got.Attempt.Generation)
	}
	slow <- nil // completes the job, for it began after every event
	receive(t, done, "the end of the job")
	mustPut(t, q, pull(7))
	if got := receive(t, r.begun, "the run of the newest event"); got.Attempt.Generation != 3 {
		t.Errorf("generation %d, want 3", got.Attempt.Generation)
	}
	fastEnd <- nil
	receive(t, done, "the end of the second job")
	if err := q.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantStats(t, q, Stats{})
}

func BenchmarkPut(b *testing.B) {
	q := prepare(b, openStore(b, filepath.Join(b.TempDir(), "q.db")), newRecorder().work, fast)
	for i := 0; b.Loop(); i++ {
		mustPut(b, q, pull(i+1))
	}
}

// From Put to the run, with nothing else to do.
func BenchmarkPutToRun(b *testing.B) {
	begun := make(chan struct{})
	q := start(b, func(context.Context, Job, Attempt) error { begun <- struct{}{}; return nil }, fast)
	for i := 0; b.Loop(); i++ {
		mustPut(b, q, pull(i+1))
		<-begun
	}
}
