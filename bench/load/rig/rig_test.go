package rig_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
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
	want  []int      // which kind each is by now
	heads [][]string // that each ever had
	rand  *rand.Rand
	// asked are comments that want an answer.
	asked []*githubtest.Comment
	// before is what each server held when it had come to rest for the first time.
	before map[*rig.Replica]rig.Census
}

func newWorld(t *testing.T, database string) *world {
	t.Helper()
	return newWorldWith(t, rig.Config{Database: database})
}

func newWorldWith(t *testing.T, cfg rig.Config) *world {
	t.Helper()
	seed := uint64(variable("LOCKKEEPER_SEED", int(time.Now().UnixNano()&0xffffff)))
	t.Logf("LOCKKEEPER_SEED=%d", seed)
	cfg.Binary, cfg.Dir, cfg.Crates, cfg.Limit = cmp.Or(cfg.Binary, binary), t.TempDir(), rig.Crates, 1_000_000
	r, err := rig.New(cfg)
	must(t, err)
	t.Cleanup(r.Close)
	return &world{Rig: r, t: t, rand: rand.New(&lockedSource{pcg: rand.NewPCG(seed, 1)}), before: map[*rig.Replica]rig.Census{}}
}

// atRest is a world with one server that has done something, and by whose state leaks
// are told.
func atRest(t *testing.T, cfg rig.Config) *world {
	t.Helper()
	w := newWorldWith(t, cfg)
	w.start()
	w.stream(10)
	w.right()
	return w
}

func (w *world) start() *rig.Replica { w.t.Helper(); return w.startWith(rig.Options{}) }

func (w *world) startWith(o rig.Options) *rig.Replica {
	w.t.Helper()
	one, err := w.StartWith(o)
	must(w.t, err)
	return one
}

// step does one thing on GitHub: it opens a pull request, pushes to one or comments.
func (w *world) step() {
	w.t.Helper()
	switch i := w.rand.IntN(max(1, len(w.pulls))); {
	case len(w.pulls) < 20 && w.rand.IntN(3) == 0 || len(w.pulls) == 0:
		n := len(w.pulls)
		p, err := w.Open(n)
		must(w.t, err)
		w.pulls, w.want, w.heads = append(w.pulls, p), append(w.want, n), append(w.heads, []string{p.Head()})
	case w.rand.IntN(4) == 0:
		w.asked = append(w.asked, w.pulls[i].Comment("author", "/lockkeeper rescan"))
	default:
		w.want[i] = w.rand.IntN(1000)
		must(w.t, w.Push(w.pulls[i], w.want[i]))
		w.heads[i] = append(w.heads[i], w.pulls[i].Head())
	}
}

// stream makes at least n webhooks.
func (w *world) stream(n int) {
	w.t.Helper()
	for until := len(w.GitHub.Deliveries()) + n; len(w.GitHub.Deliveries()) < until; {
		w.step()
	}
}

// streamUntil goes on until something was met, and waits after each few webhooks for it,
// or for everything to be done.
func (w *world) streamUntil(met func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
	for !met() {
		w.stream(3)
		must(w.t, w.GitHub.Flush(ctx))
		must(w.t, eventually(ctx, func() (bool, error) {
			if met() {
				return true, nil
			}
			return w.Idle(ctx)
		}))
	}
}

// right checks what must be so in the end.
func (w *world) right() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 3*time.Minute)
	defer cancel()
	err := w.Settle(ctx)
	var stuck []string
	if err == nil {
		rest, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
		defer cancel()
		err = eventually(rest, func() (bool, error) {
			stuck, err = w.Stuck(w.t.Context())
			return len(stuck) == 0, err
		})
	}
	if err != nil {
		w.logs()
		w.t.Fatalf("it does not come to rest: %v\n%s", err, strings.Join(stuck, "\n"))
	}
	for i, p := range w.pulls {
		if run := w.Newest(p); run.Conclusion != rig.Conclusion(w.want[i]) {
			w.t.Errorf("pull request %d: the check is %q (%s %s), want %q", p.Number, run.Conclusion, run.Status, run.Title, rig.Conclusion(w.want[i]))
		}
		if n := w.Comments(p); n > 1 {
			w.t.Errorf("pull request %d has %d comments of the App", p.Number, n)
		}
	}
	for _, c := range w.asked {
		if got := c.Reactions(); len(got) != 1 {
			w.t.Errorf("a question has the answers %q, want one", got)
		}
	}
	w.nothingTwice()
	w.nothingLeaks()
	if w.t.Failed() {
		w.logs()
		w.t.FailNow()
	}
}

// nothingTwice looks at the check runs of every head that a pull request ever had. There
// is one for each. Two of one name, one after the other, are right only if the later one
// says something else: GitHub adds annotations to a run and takes none away, so that
// other findings need another run. What a head is judged by does not change here, but
// while a registry is away. And of a server that was frozen a write may arrive after
// those of others; it cannot know, so it has the newest result written to a new run once
// more, and says so. Nor does a run stay open at the present head.
func (w *world) nothingTwice() {
	w.t.Helper()
	twice := 0
	for i, p := range w.pulls {
		for _, head := range w.heads[i] {
			var last githubtest.CheckRun
			ids := map[string]bool{}
			for _, run := range w.Repo.CheckRuns(head) {
				if run.Name != rig.Check {
					continue
				}
				if ids[run.ExternalID] {
					w.t.Errorf("pull request %d: two check runs of the scan %s", p.Number, run.ExternalID)
				}
				ids[run.ExternalID] = true
				if last.ID != 0 && run.Title == last.Title && len(run.Annotations) == len(last.Annotations) {
					twice++
					w.t.Logf("pull request %d has at %.8s the same twice: %s (%s) and %s (%s)", p.Number, head, last.ExternalID, last.Status, run.ExternalID, run.Status)
				}
				if head == p.Head() && run.Status != "completed" {
					w.t.Errorf("pull request %d: a check run is left %s", p.Number, run.Status)
				}
				last = run
			}
		}
	}
	if late := w.Rewritten(); twice > 2*late {
		w.t.Errorf("%d check runs are there twice; servers told of %d writes that may have come late", twice, late)
	}
}

// nothingLeaks compares what each server holds with what it held at its first rest.
func (w *world) nothingLeaks() {
	w.t.Helper()
	for _, one := range w.Replicas() {
		ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
		defer cancel()
		before, known := w.before[one]
		var more []string
		err := eventually(ctx, func() (bool, error) {
			now, err := one.Census()
			if known {
				more = now.Beyond(before)
			} else if err == nil {
				// At rest when two looks find the same.
				more = append(now.Beyond(w.before[one]), w.before[one].Beyond(now)...)
				w.before[one] = now
			}
			return len(more) == 0, err
		})
		if err != nil {
			w.t.Errorf("a server holds more than at its first rest: %v\n%s", err, strings.Join(more, "\n"))
		}
	}
}

func (w *world) logs() {
	for _, one := range w.Replicas() {
		w.t.Log(one.Log())
	}
}

// eventually waits for something to become so.
func eventually(ctx context.Context, so func() (bool, error)) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		if ok, err := so(); ok || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
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

// TestKilledInAWrite: kill -9 at the worst moment, when GitHub has what was written and
// the server does not know yet.
func TestKilledInAWrite(t *testing.T) {
	w := newWorld(t, "")
	for _, write := range []struct{ name, method, path string }{
		{"a new check run", http.MethodPost, "/repos/*/*/check-runs"},
		{"a check run", http.MethodPatch, "/repos/*/*/check-runs"},
		{"the comment", http.MethodPost, "/repos/*/*/issues/*/comments"},
		{"an answer", http.MethodPost, "/repos/*/*/issues/comments/*/reactions"},
	} {
		t.Run(write.name, func(t *testing.T) {
			w := w.in(t)
			one := w.start()
			landed, hold := make(chan struct{}, 1), make(chan struct{})
			remove := w.GitHub.AddFault(githubtest.Fault{Method: write.method, Path: write.path, After: true, Hold: hold, Times: 1, Holding: func() { landed <- struct{}{} }})
			defer remove()
			w.streamUntil(func() bool { return len(landed) > 0 })
			one.Kill()
			close(hold)
			w.start()
			w.right()
			for _, one := range w.Replicas() {
				one.Kill()
			}
		})
	}
}

// TestTerminated: SIGTERM lets a server end what it is at, and another goes on.
func TestTerminated(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		one := w.start()
		w.stream(20)
		end(t, one)
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

// TestDiskFull: a database that cannot grow refuses deliveries and loses none that it
// took.
func TestDiskFull(t *testing.T) {
	w := newWorld(t, "")
	one := w.startWith(rig.Options{Wrap: []string{"sh", "-c", `ulimit -f 2000; exec "$@"`, "sh"}}) // blocks of 512 bytes or 1 KiB
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
