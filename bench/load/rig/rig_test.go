package rig_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/bench/load/rig"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/store/storetest/pgtest"
)

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "lockkeeper-rig-")
	if err == nil {
		binary, err = rig.Build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// variable reads a number; scripts/durability sets those of a long run.
func variable(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type world struct {
	*rig.Rig
	t     *testing.T
	pulls []*githubtest.Pull
	want  []int // which kind each is by now
	rand  *rand.Rand
}

func newWorld(t *testing.T, database string) *world {
	t.Helper()
	seed := uint64(variable("LOCKKEEPER_SEED", int(time.Now().UnixNano()&0xffffff)))
	t.Logf("LOCKKEEPER_SEED=%d", seed)
	r, err := rig.New(rig.Config{Binary: binary, Dir: t.TempDir(), Database: database, Crates: rig.Crates, Limit: 1_000_000})
	must(t, err)
	t.Cleanup(r.Close)
	return &world{Rig: r, t: t, rand: rand.New(&lockedSource{pcg: rand.NewPCG(seed, 1)})}
}

func (w *world) start(wrap ...string) *rig.Replica {
	w.t.Helper()
	one, err := w.Start(wrap...)
	must(w.t, err)
	return one
}

// stream makes at least n webhooks: pull requests, pushes to them and comments.
func (w *world) stream(n int) {
	w.t.Helper()
	for until := len(w.GitHub.Deliveries()) + n; len(w.GitHub.Deliveries()) < until; {
		switch i := w.rand.IntN(max(1, len(w.pulls))); {
		case len(w.pulls) < 20 && w.rand.IntN(3) == 0 || len(w.pulls) == 0:
			n := len(w.pulls)
			p, err := w.Open(n)
			must(w.t, err)
			w.pulls, w.want = append(w.pulls, p), append(w.want, n)
		case w.rand.IntN(4) == 0:
			w.pulls[i].Comment("author", "/lockkeeper rescan")
		default:
			w.want[i] = w.rand.IntN(1000)
			must(w.t, w.Push(w.pulls[i], w.want[i]))
		}
	}
}

// right checks what must be so in the end.
func (w *world) right() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 3*time.Minute)
	defer cancel()
	if err := w.Settle(ctx); err != nil {
		for _, one := range w.Replicas() {
			w.t.Log(one.Log())
		}
		w.t.Fatal(err)
	}
	for i, p := range w.pulls {
		if run := w.Newest(p); run.Conclusion != rig.Conclusion(w.want[i]) {
			w.t.Errorf("pull request %d: the check is %q (%s %s), want %q", p.Number, run.Conclusion, run.Status, run.Title, rig.Conclusion(w.want[i]))
		}
		if n := w.Comments(p); n > 1 {
			w.t.Errorf("pull request %d has %d comments of the App", p.Number, n)
		}
	}
}

// lockedSource is for many at once: the stream and who kills in the midst of it.
type lockedSource struct {
	mu  sync.Mutex
	pcg *rand.PCG
}

func (s *lockedSource) Uint64() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pcg.Uint64()
}

// after waits for a random part of a stream of webhooks to arrive.
func (w *world) after(n int) {
	at := len(w.GitHub.Deliveries()) + w.rand.IntN(n)
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(time.Minute); len(w.GitHub.Deliveries()) < at && time.Now().Before(deadline); {
		<-ticker.C
	}
}

func onEach(t *testing.T, test func(t *testing.T, database string)) {
	t.Run("SQLite", func(t *testing.T) { test(t, "") })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, pgtest.New(t)) })
}

// TestKilled: kill -9 at random moments of a stream of webhooks, and in the end
// everything is right.
func TestKilled(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		webhooks := variable("LOCKKEEPER_KILL_WEBHOOKS", 60)
		for range variable("LOCKKEEPER_KILL_ROUNDS", 2) {
			one := w.start()
			killed := make(chan struct{})
			go func() {
				defer close(killed)
				w.after(webhooks)
				one.Kill()
			}()
			w.stream(webhooks)
			<-killed
		}
		w.start()
		w.right()
	})
}

// TestTerminated: SIGTERM lets a server end what it is at, and another goes on.
func TestTerminated(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		one := w.start()
		w.stream(20)
		must(t, one.Signal(syscall.SIGTERM))
		select {
		case <-one.Ended():
		case <-time.After(time.Minute):
			t.Fatalf("it does not end:\n%s", one.Log())
		}
		if code := one.ExitCode(); code != 0 {
			t.Errorf("exit code %d:\n%s", code, one.Log())
		}
		w.start()
		w.right()
	})
}

// TestReplicas: several on one database, one killed and one frozen in the middle.
func TestReplicas(t *testing.T) {
	w := newWorld(t, pgtest.New(t))
	one, two := w.start(), w.start()
	w.start()
	w.stream(30)
	must(t, two.Signal(syscall.SIGSTOP))
	one.Kill()
	w.start()
	// What the frozen one was given hangs until it wakes.
	time.AfterFunc(12*time.Second, func() { _ = two.Signal(syscall.SIGCONT) })
	w.stream(30)
	w.right()
}

// TestFaults: GitHub and the registry fail in every way, and it leaks nothing.
func TestFaults(t *testing.T) {
	w := newWorld(t, "")
	one := w.start()
	w.stream(10)
	w.right()
	files, err := one.Files()
	must(t, err)
	goroutines, err := one.Goroutines()
	must(t, err)
	api := func(f githubtest.Fault) githubtest.Fault { f.Path = "/repos"; return f }
	for _, f := range []githubtest.Fault{
		api(githubtest.Fault{Status: 500, Times: 5}), api(githubtest.Fault{Status: 502, Times: 5, After: true}), api(githubtest.Fault{Status: 401, Times: 2}),
		api(githubtest.Fault{Status: 403, RetryAfter: 2 * time.Second, Times: 2}), api(githubtest.Fault{Reset: true, Times: 5}),
		api(githubtest.Fault{Reset: true, Times: 5, After: true}), api(githubtest.Fault{Delay: 200 * time.Millisecond, Times: 50}),
	} {
		w.GitHub.AddFault(f)
		w.stream(8)
		w.right()
	}
	w.GitHub.Intercept(func(githubtest.Delivery) githubtest.Plan {
		return githubtest.Plan(w.rand.IntN(2) * int(githubtest.Twice))
	})
	w.stream(20)
	w.right()
	// Idle connections come and go; a leak has one for each of some hundred requests.
	if now, err := one.Files(); err != nil || now > files+30 {
		t.Errorf("%d open files, %d before the faults; %v", now, files, err)
	}
	if now, err := one.Goroutines(); err != nil || now > goroutines+40 {
		t.Errorf("%d goroutines, %d before the faults; %v", now, goroutines, err)
	}
}

// TestDiskFull: a database that cannot grow refuses deliveries and loses none that it
// took.
func TestDiskFull(t *testing.T) {
	w := newWorld(t, "")
	one := w.start("sh", "-c", `ulimit -f 2000; exec "$@"`, "sh") // blocks of 512 bytes or 1 KiB
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	refused := 0
	for range 20 {
		w.stream(20)
		must(t, w.GitHub.Flush(ctx))
		for _, d := range w.GitHub.Deliveries() {
			if d.Status >= 500 {
				refused++
			}
		}
		if refused > 0 {
			break
		}
	}
	if refused == 0 {
		t.Error("the database never was full")
	}
	select {
	case <-one.Ended():
	default:
		one.Kill()
	}
	w.start()
	w.right()
}
