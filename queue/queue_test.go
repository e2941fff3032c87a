package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/riverqueue/river"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/store"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// fast is a Config whose waits do not hold up tests.
var fast = Config{RetryFirst: time.Millisecond, RetryMost: 4 * time.Millisecond, Beat: 500 * time.Millisecond}

func openStore(t testing.TB, location string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), location)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// start is a queue at work until the test ends.
func start(t testing.TB, location string, work Work, config Config) *Queue {
	t.Helper()
	q := prepare(t, openStore(t, location), work, config)
	startNow(t, q)
	return q
}

func prepare(t testing.TB, s *store.Store, work Work, config Config) *Queue {
	t.Helper()
	log := zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.InfoLevel)
	q, err := New(log.WithContext(t.Context()), s, work, config)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func startNow(t testing.TB, q *Queue) {
	t.Helper()
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, q) })
}

func stop(t testing.TB, q *Queue) {
	t.Helper()
	// Not t.Context, which is done before the cleanup.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := q.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func mustPut(t testing.TB, q *Queue, jobs ...Job) {
	t.Helper()
	for _, j := range jobs {
		if err := q.Put(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
}

// receive waits for what must come.
func receive[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited %s for %s", patience, what)
		panic("unreachable")
	}
}

// completions tells of every job that is complete.
func completions(t testing.TB, q *Queue) <-chan *river.Event {
	t.Helper()
	events, cancel := q.engine.Subscribe(river.EventKindJobCompleted)
	t.Cleanup(cancel)
	return events
}

func pull(n int) Job {
	return Job{Kind: Pull, Installation: 5, RepoID: 1, Owner: "alice", Repo: "a", Pull: n}
}

func wantStats(t testing.TB, q *Queue, want Stats) {
	t.Helper()
	got, err := q.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

type seen struct {
	Job     Job
	Attempt Attempt
}

// recorder notes runs, and holds each until it is let go.
type recorder struct {
	begun chan seen
	end   chan error
}

func newRecorder() *recorder { return &recorder{make(chan seen), make(chan error)} }

func (r *recorder) work(ctx context.Context, j Job, a Attempt) error {
	select {
	case r.begun <- seen{j, a}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-r.end:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func testJobArrivesWhole(t *testing.T, fresh func(testing.TB) string) {
	r := newRecorder()
	q := start(t, fresh(t), r.work, fast)
	for _, want := range []Job{
		pull(7),
		{Kind: Branch, Installation: 5, RepoID: 1, Owner: "alice", Repo: "a", Ref: "main", Background: true},
		{Kind: MergeGroup, Installation: 5, RepoID: 1, Owner: "alice", Repo: "a", Ref: "main", SHA: "abc"},
	} {
		mustPut(t, q, want)
		got := receive(t, r.begun, "the run")
		if diff := cmp.Diff(seen{want, Attempt{Generation: 1, Number: 1}}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		r.end <- nil
	}
}

func testBadJobs(t *testing.T, fresh func(testing.TB) string) {
	q := prepare(t, openStore(t, fresh(t)), newRecorder().work, fast)
	for _, j := range []Job{
		{}, {Kind: Pull, Pull: 1}, {Kind: Pull, RepoID: 1}, {Kind: Branch, RepoID: 1}, {Kind: MergeGroup, RepoID: 1},
		{Kind: "tea", RepoID: 1, Pull: 1}, {Kind: Branch, RepoID: 1, Ref: strings.Repeat("x", 1000)},
		{Kind: Branch, RepoID: 1, Ref: "main", Comment: 1}, {Kind: Pull, RepoID: 1, Pull: -1},
	} {
		if err := q.Put(t.Context(), j); err == nil {
			t.Errorf("took %+v", j)
		}
	}
	wantStats(t, q, Stats{})
}

func testBurstCoalesces(t *testing.T, fresh func(testing.TB) string) {
	r := newRecorder()
	q := start(t, fresh(t), r.work, fast)
	done := completions(t, q)
	mustPut(t, q, pull(7))
	first := receive(t, r.begun, "the first run")
	var wg sync.WaitGroup
	for range 300 {
		wg.Go(func() { mustPut(t, q, pull(7)) })
	}
	wg.Wait()
	wantStats(t, q, Stats{Running: 1})
	r.end <- nil
	second := receive(t, r.begun, "the second run")
	r.end <- nil
	receive(t, done, "the end of the job")
	if first.Attempt.Generation != 1 || second.Attempt.Generation != 2 {
		t.Errorf("generations %d, %d, want 1, 2", first.Attempt.Generation, second.Attempt.Generation)
	}
	wantStats(t, q, Stats{})
}

func testBurstBeforeStart(t *testing.T, fresh func(testing.TB) string) {
	r := newRecorder()
	q := prepare(t, openStore(t, fresh(t)), r.work, fast)
	done := completions(t, q)
	for i := range 300 {
		j := pull(7)
		j.Repo = fmt.Sprint("name", i)
		mustPut(t, q, j)
	}
	wantStats(t, q, Stats{Waiting: 1})
	startNow(t, q)
	got := receive(t, r.begun, "the run")
	if got.Job.Repo != "name299" || got.Attempt.Generation != 1 {
		t.Errorf("run of %+v, want that of the newest event", got)
	}
	r.end <- nil
	receive(t, done, "the end of the job")
	wantStats(t, q, Stats{})
}

// The trap: River alone would drop the second event as a duplicate of the job
// that runs.
func testEventDuringRun(t *testing.T, fresh func(testing.TB) string) {
	r := newRecorder()
	q := start(t, fresh(t), r.work, fast)
	done := completions(t, q)
	mustPut(t, q, pull(7))
	receive(t, r.begun, "the first run")
	newer := pull(7)
	newer.Owner = "bob"
	mustPut(t, q, newer)
	r.end <- nil
	second := receive(t, r.begun, "exactly one more run")
	if diff := cmp.Diff(seen{newer, Attempt{Generation: 2, Number: 1}}, second); diff != "" {
		t.Errorf("second run (-want +got):\n%s", diff)
	}
	r.end <- nil
	receive(t, done, "the end of the job")
	wantStats(t, q, Stats{})
	// And the next event finds the job complete and makes another.
	mustPut(t, q, pull(7))
	third := receive(t, r.begun, "a run of a later event")
	if third.Attempt.Generation != 3 {
		t.Errorf("generation %d, want 3", third.Attempt.Generation)
	}
	r.end <- nil
}

func testDifferentThingsRunTogether(t *testing.T, fresh func(testing.TB) string) {
	r := newRecorder()
	q := start(t, fresh(t), r.work, Config{MaxWorkers: 3})
	other := pull(7)
	other.RepoID = 2
	mustPut(t, q, pull(7), pull(8), other)
	for range 3 {
		receive(t, r.begun, "three runs at once")
	}
	for range 3 {
		r.end <- nil
	}
}

func testRetry(t *testing.T, fresh func(testing.TB) string) {
	r := newRecorder()
	q := start(t, fresh(t), r.work, fast)
	done := completions(t, q)
	mustPut(t, q, pull(7))
	for number := 1; number <= 4; number++ {
		got := receive(t, r.begun, fmt.Sprint("attempt ", number))
		if got.Attempt.Number != number || got.Attempt.Generation != int64(number) {
			t.Errorf("attempt %+v, want number and generation %d", got.Attempt, number)
		}
		if number < 4 {
			r.end <- errors.New("no luck")
		}
	}
	wantStats(t, q, Stats{Running: 1, Failing: 1})
	r.end <- nil
	receive(t, done, "the end of the job")
	wantStats(t, q, Stats{})
	mustPut(t, q, pull(7))
	if got := receive(t, r.begun, "a run of a later event"); got.Attempt.Number != 1 {
		t.Errorf("attempt %d after one that went well, want 1", got.Attempt.Number)
	}
	r.end <- nil
}

func testPanicIsRetried(t *testing.T, fresh func(testing.TB) string) {
	runs := make(chan Attempt)
	q := start(t, fresh(t), func(_ context.Context, _ Job, a Attempt) error {
		runs <- a
		if a.Number == 1 {
			panic(errors.New("oh"))
		}
		return nil
	}, fast)
	done := completions(t, q)
	mustPut(t, q, pull(7))
	receive(t, runs, "the run that panics")
	if a := receive(t, runs, "the run after it"); a.Number != 2 {
		t.Errorf("attempt %+v, want number 2", a)
	}
	receive(t, done, "the end of the job")
}

func testTimeoutIsRetried(t *testing.T, fresh func(testing.TB) string) {
	config := fast
	config.JobTimeout = 20 * time.Millisecond
	runs := make(chan Attempt)
	q := start(t, fresh(t), func(ctx context.Context, _ Job, a Attempt) error {
		runs <- a
		if a.Number == 1 {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}, config)
	done := completions(t, q)
	mustPut(t, q, pull(7))
	receive(t, runs, "the run that takes too long")
	receive(t, runs, "the run after it")
	receive(t, done, "the end of the job")
}

// A run that ends well counts, though its time was over.
func testEndAtTimeoutCounts(t *testing.T, fresh func(testing.TB) string) {
	config := fast
	config.JobTimeout = 20 * time.Millisecond
	q := start(t, fresh(t), func(ctx context.Context, _ Job, _ Attempt) error {
		<-ctx.Done()
		return nil
	}, config)
	done := completions(t, q)
	mustPut(t, q, pull(7))
	receive(t, done, "the end of the job")
}

func TestRetryAt(t *testing.T) {
	now := time.Now()
	limit := errors.New("rate limit")
	for name, test := range map[string]struct {
		err  error
		wait time.Duration
		ok   bool
	}{
		"plain":    {limit, 0, false},
		"soon":     {RetryAt(now.Add(time.Minute), limit), time.Minute, true},
		"wrapped":  {fmt.Errorf("ask: %w", RetryAt(now.Add(time.Minute), limit)), time.Minute, true},
		"past":     {RetryAt(now.Add(-time.Minute), limit), 0, false},
		"next age": {RetryAt(now.AddDate(900, 0, 0), limit), longestRetryAt, true},
	} {
		if wait, ok := retryAt(test.err, now); wait != test.wait || ok != test.ok {
			t.Errorf("%s: wait %s, %v; want %s, %v", name, wait, ok, test.wait, test.ok)
		}
		if !errors.Is(test.err, limit) {
			t.Errorf("%s: the error is not wrapped", name)
		}
	}
}

func testRetryAtIsHonoured(t *testing.T, fresh func(testing.TB) string) {
	r := newRecorder()
	q := start(t, fresh(t), r.work, fast)
	mustPut(t, q, pull(7))
	receive(t, r.begun, "the first run")
	at := time.Now().Add(700 * time.Millisecond)
	r.end <- RetryAt(at, errors.New("rate limit"))
	second := receive(t, r.begun, "the second run")
	if early := time.Until(at); early > 0 {
		t.Errorf("ran %s early", early)
	}
	if second.Attempt.Number != 1 {
		t.Errorf("attempt %d: a limit counted as a failure", second.Attempt.Number)
	}
	r.end <- nil
}

func TestWait(t *testing.T) {
	config := Config{}.withDefaults()
	for failures, want := range map[int]time.Duration{
		1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 6: 32 * time.Second, 7: time.Minute, 100: time.Minute, 1 << 40: time.Minute,
	} {
		for range 100 {
			if got := config.wait(failures); got < want || got > want+want/4 {
				t.Errorf("wait after %d failures: %s, want %s and up to a quarter more", failures, got, want)
			}
		}
	}
}

// Comments reach a run one by one, however events coalesce, and again if it
// fails.
func testComments(t *testing.T, fresh func(testing.TB) string) {
	r := newRecorder()
	q := start(t, fresh(t), r.work, fast)
	done := completions(t, q)
	comment := func(id int64) Job { j := pull(7); j.Comment = id; return j }
	mustPut(t, q, pull(7))
	want := func(what string, comments ...int64) {
		t.Helper()
		got := receive(t, r.begun, what)
		if diff := cmp.Diff(comments, got.Attempt.Comments); diff != "" {
			t.Errorf("%s: comments (-want +got):\n%s", what, diff)
		}
	}
	want("a run without comments")
	mustPut(t, q, comment(30), comment(10), pull(7), comment(20), comment(30))
	r.end <- nil
	want("a run with comments", 30, 10, 20)
	mustPut(t, q, comment(5))
	r.end <- errors.New("no luck")
	want("a run after a failure", 30, 10, 20, 5)
	mustPut(t, q, comment(6))
	r.end <- nil
	want("a run with what came during the last", 6)
	r.end <- nil
	receive(t, done, "the end of the job")
	mustPut(t, q, pull(7))
	want("a run when all is dealt with")
	r.end <- nil
}

func testPeopleFirst(t *testing.T, fresh func(testing.TB) string) {
	var order []int
	var mu sync.Mutex
	q := prepare(t, openStore(t, fresh(t)), func(_ context.Context, j Job, _ Attempt) error {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, j.Pull)
		return nil
	}, Config{MaxWorkers: 1})
	done := completions(t, q)
	background := func(n int) Job { j := pull(n); j.Background = true; return j }
	person := func(n int) Job { j := pull(n); j.Person = true; return j }
	mustPut(t, q, background(1), background(2), background(3), pull(4), person(5))
	mustPut(t, q, pull(3))       // it matters now
	mustPut(t, q, background(4)) // and this one still does
	mustPut(t, q, background(6), person(6))
	startNow(t, q)
	for range 6 {
		receive(t, done, "six jobs")
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]int{5, 6, 4, 3, 1, 2}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// Nothing is lost, and generations only grow, when all happens at once.
func testEverythingAtOnce(t *testing.T, fresh func(testing.TB) string) {
	const things, events = 5, 40
	var mu sync.Mutex
	put, saw, generation := map[int]int{}, map[int]int{}, map[int]int64{}
	q := start(t, fresh(t), func(_ context.Context, j Job, a Attempt) error {
		mu.Lock()
		defer mu.Unlock()
		if a.Generation <= generation[j.Pull] {
			t.Errorf("pull %d: generation %d after %d", j.Pull, a.Generation, generation[j.Pull])
		}
		generation[j.Pull] = a.Generation
		if a.Generation%5 == 0 {
			return errors.New("no luck")
		}
		saw[j.Pull] = put[j.Pull]
		return nil
	}, fast)
	done := completions(t, q)
	var wg sync.WaitGroup
	for thing := range things {
		wg.Go(func() {
			for range events {
				mu.Lock()
				put[thing+1]++
				mu.Unlock()
				mustPut(t, q, pull(thing+1))
			}
		})
	}
	wg.Wait()
	for {
		stats, err := q.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if stats == (Stats{}) {
			break
		}
		receive(t, done, "another job")
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(put, saw); diff != "" {
		t.Errorf("events that no run saw (-put +seen):\n%s", diff)
	}
}
