package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry/cratesio"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/store"
)

func slot(t *testing.T, s *store.Store, name string, interval time.Duration) store.Slot {
	t.Helper()
	got, err := s.NextSlot(t.Context(), name, interval)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// testSlots has many claim at once: no two slots are nearer than the interval.
func testSlots(t *testing.T, one, other *store.Store) {
	const claimers, each, interval = 8, 10, 100 * time.Millisecond
	var mu sync.Mutex
	var at []time.Time
	var wg sync.WaitGroup
	for i := range claimers {
		s := []*store.Store{one, other}[i%2]
		wg.Go(func() {
			for range each {
				got, err := s.NextSlot(t.Context(), "api", interval)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				at = append(at, got.At)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.SortFunc(at, time.Time.Compare)
	for i := range at[1:] {
		if apart := at[i+1].Sub(at[i]); apart < interval {
			t.Errorf("slots %d and %d are %s apart, want %s", i, i+1, apart, interval)
		}
	}
	if len(at) != claimers*each {
		t.Errorf("%d slots, want %d", len(at), claimers*each)
	}
	// Another name knows nothing of them.
	if got := slot(t, one, "another", interval); got.Wait > 0 {
		t.Errorf("the first slot of another name is in %s", got.Wait)
	}
	if _, err := one.NextSlot(t.Context(), "", interval); err == nil {
		t.Error("a slot without a name")
	}
}

// testSlotOfTheDead: what was claimed and never used costs one interval, and time
// in which nobody asked is not saved up.
func testSlotOfTheDead(t *testing.T, one, other *store.Store) {
	const interval = time.Hour
	dead := slot(t, one, "api", interval)
	if dead.Wait > 0 {
		t.Errorf("the first slot is in %s", dead.Wait)
	}
	next := slot(t, other, "api", interval)
	if apart := next.At.Sub(dead.At); apart != interval {
		t.Errorf("the next slot is %s later, want %s", apart, interval)
	}
	if next.Wait > interval || next.Wait < interval-time.Minute {
		t.Errorf("the next slot is in %s, want %s", next.Wait, interval)
	}
	idle(t, one)
	if got := slot(t, other, "api", interval); got.Wait > 0 {
		t.Errorf("after a day without requests the next slot is in %s", got.Wait)
	}
	if got := slot(t, one, "api", interval); got.Wait < interval-time.Minute {
		t.Errorf("the one after it is in %s, want %s", got.Wait, interval)
	}
}

// idle lets a day go by in which nobody asks for a slot.
func idle(t *testing.T, s *store.Store) {
	t.Helper()
	if _, err := s.DB().ExecContext(t.Context(), `UPDATE slots SET next_at = next_at - 86400000000`); err != nil {
		t.Fatal(err)
	}
}

// testClockSetBack: nobody waits for a time that a wrong clock said.
func testClockSetBack(t *testing.T, one, other *store.Store) {
	slot(t, one, "api", time.Second)
	turn(t, one, "work", time.Second, true)
	if _, err := one.DB().ExecContext(t.Context(), `UPDATE slots SET next_at = next_at + 86400000000`); err != nil {
		t.Fatal(err)
	}
	if got := slot(t, other, "api", time.Second); got.Wait > 0 {
		t.Errorf("the next slot is in %s", got.Wait)
	}
	turn(t, other, "work", time.Second, true)
}

func turn(t *testing.T, s *store.Store, name string, interval time.Duration, want bool) {
	t.Helper()
	if mine, err := s.Turn(t.Context(), name, interval); err != nil || mine != want {
		t.Errorf("turn at %s: %v, %v; want %v", name, mine, err, want)
	}
}

func testTurns(t *testing.T, one, other *store.Store) {
	var mu sync.Mutex
	turns := 0
	var wg sync.WaitGroup
	for i := range 16 {
		s := []*store.Store{one, other}[i%2]
		wg.Go(func() {
			mine, err := s.Turn(t.Context(), "work", time.Hour)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if mine {
				turns++
			}
		})
	}
	wg.Wait()
	if turns != 1 {
		t.Errorf("%d took the turn, want 1", turns)
	}
	turn(t, one, "other work", time.Hour, true)
	idle(t, one)
	turn(t, other, "work", time.Hour, true)
	turn(t, one, "work", time.Hour, false)
	// Who is still at it says so, and keeps the others from it; who died does not.
	turn(t, one, "long work", time.Minute, true)
	if _, err := one.DB().ExecContext(t.Context(), `UPDATE slots SET next_at = next_at - 59000000 WHERE name = 'long work'`); err != nil {
		t.Fatal(err)
	}
	if err := one.Hold(t.Context(), "long work", time.Minute); err != nil {
		t.Error(err)
	}
	if _, err := one.DB().ExecContext(t.Context(), `UPDATE slots SET next_at = next_at - 30000000 WHERE name = 'long work'`); err != nil {
		t.Fatal(err)
	}
	turn(t, other, "long work", time.Minute, false)
	idle(t, one)
	turn(t, other, "long work", time.Minute, true)
	if _, err := one.Turn(t.Context(), "", time.Hour); err == nil {
		t.Error("a turn without a name")
	}
}

// testBudgets has several in each of two replicas wait: all of it takes the time
// that the rate says.
func testBudgets(t *testing.T, one, other *store.Store) {
	const waiters, each, interval = 3, 4, 25 * time.Millisecond
	began := time.Now()
	var wg sync.WaitGroup
	for _, s := range []*store.Store{one, other} {
		budget := s.Budget("api", interval)
		for range waiters {
			wg.Go(func() {
				for range each {
					if err := budget.Wait(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	// Less a millisecond, to which SQLite rounds its clock.
	if took, least := time.Since(began), (2*waiters*each-1)*interval-time.Millisecond; took < least {
		t.Errorf("%d requests took %s, want %s at least", 2*waiters*each, took, least)
	}
}

// testPaceOfRegistry has two replicas ask the API of one registry, as the server
// wires them.
func testPaceOfRegistry(t *testing.T, one, other *store.Store) {
	const each, interval = 6, 25 * time.Millisecond
	var mu sync.Mutex
	var asked []time.Time
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, time.Now())
		fmt.Fprint(w, `{"users":[]}`)
	}))
	defer api.Close()
	began := time.Now()
	var wg sync.WaitGroup
	for i, s := range []*store.Store{one, other} {
		client, err := cratesio.New(cratesio.Config{
			Index: api.URL, Static: api.URL, API: api.URL, Budget: s.Budget("api", interval),
			Fetch: fetch.Config{Contact: "test@example.invalid", Remember: -1},
		})
		if err != nil {
			t.Fatal(err)
		}
		for n := range each {
			wg.Go(func() {
				if _, err := client.Owners(t.Context(), fmt.Sprintf("crate%d-%d", i, n)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	if len(asked) != 2*each {
		t.Fatalf("%d requests, want %d", len(asked), 2*each)
	}
	// The nth comes no sooner than n intervals after the start; SQLite's clock has
	// milliseconds only.
	for n, at := range asked {
		if after, least := at.Sub(began), time.Duration(n)*interval-time.Millisecond; after < least {
			t.Errorf("request %d after %s, want %s at least", n, after, least)
		}
	}
}

func testBudgetGivenUp(t *testing.T, one, _ *store.Store) {
	const interval = time.Hour
	budget := one.Budget("api", interval)
	if err := budget.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := func() (at int64) {
		if err := one.DB().QueryRowContext(t.Context(), `SELECT next_at FROM slots`).Scan(&at); err != nil {
			t.Fatal(err)
		}
		return at
	}
	before := next()
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() { gaveUp <- budget.Wait(ctx) }()
	for next() == before { // until it has claimed its slot
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("a wait that ended early: %v", err)
	}
	for range 3 {
		if err := budget.Wait(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("a wait that had ended: %v", err)
		}
	}
	// One slot was used and one is kept.
	if got := slot(t, one, "api", interval); got.Wait > 2*interval || got.Wait < 2*interval-time.Minute {
		t.Errorf("the next slot is in %s, want %s", got.Wait, 2*interval)
	}
}

// testFrozenReplica: a replica wakes after another one scanned anew, at each
// moment of its own scan.
func testFrozenReplica(t *testing.T, frozen, awake *store.Store) {
	begun := scanOf(7, 5)
	begun.Result, begun.Conclusion, begun.CommentID = nil, "", 0
	put(t, frozen, begun)
	newer := scanOf(7, 6)
	newer.Conclusion = policy.Failure
	put(t, awake, newer)
	for name, late := range map[string]store.Scan{"the result": scanOf(7, 5), "the comment's id": begun} {
		if err := frozen.PutScan(t.Context(), late); !errors.Is(err, store.ErrStale) {
			t.Errorf("%s of the frozen replica: %v, want ErrStale", name, err)
		}
	}
	wantScan(t, awake, newer)
	wantScan(t, frozen, newer)
	// The run that replaced it may go on.
	newer.CommentID++
	put(t, awake, newer)
	wantScan(t, frozen, newer)
}

func testReplicasInNoOrder(t *testing.T, one, other *store.Store) {
	const last = 60
	var wg sync.WaitGroup
	for i, s := range []*store.Store{one, other} {
		for part := range 3 {
			wg.Go(func() {
				for n := range int64(last) {
					generation := (n*int64(7+2*part)+int64(i))%last + 1
					if err := s.PutScan(t.Context(), scanOf(7, generation)); err != nil && !errors.Is(err, store.ErrStale) {
						t.Errorf("PutScan: %v", err)
					}
				}
			})
		}
	}
	wg.Wait()
	wantScan(t, one, scanOf(7, last))
}

// testOwnersOnce: two looks at once find one change.
func testOwnersOnce(t *testing.T, one, other *store.Store) {
	owners := []lockkeeper.Principal{{Kind: lockkeeper.User, ID: "1", Login: "alice"}, {Kind: lockkeeper.User, ID: "2", Login: "bob"}}
	var wg sync.WaitGroup
	for i := range 10 {
		s := []*store.Store{one, other}[i%2]
		wg.Go(func() {
			if _, err := s.PutOwners(t.Context(), "cargo/ring", owners, noon.Add(time.Duration(i)*time.Second)); err != nil {
				t.Error(err)
			}
			if err := s.WatchOwners(t.Context(), []string{"cargo/z", "cargo/ring", "cargo/a", "cargo/z"}, noon); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := one.Owners(t.Context(), "cargo/ring")
	if err != nil || len(got.Terms) != len(owners) {
		t.Errorf("owners %+v, %v; want two terms", got, err)
	}
}

// testStaleOwnersShared: each package is looked at by one replica.
func testStaleOwnersShared(t *testing.T, one, other *store.Store) {
	const packages = 60
	var ids []string
	for i := range packages {
		ids = append(ids, fmt.Sprintf("cargo/p%02d", i))
	}
	if err := one.WatchOwners(t.Context(), ids, noon); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var taken []string
	var wg sync.WaitGroup
	for i := range 6 {
		s := []*store.Store{one, other}[i%2]
		wg.Go(func() {
			for range packages {
				got, err := s.StaleOwners(t.Context(), noon.Add(-time.Hour), noon.Add(-time.Hour), noon, 3)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				taken = append(taken, got...)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(taken)
	if diff := cmp.Diff(ids, taken); diff != "" {
		t.Errorf("packages taken (-want +got):\n%s", diff)
	}
}

// testOddText: what PostgreSQL cannot hold is kept readable where it is shown, and
// apart where it is a key.
func testOddText(t *testing.T, s *store.Store) {
	said := statement(finding, policy.SignOff, 1)
	said.Reason, said.Login = "a\x00b\xffc", "\xf0\x28"
	add(t, s, 1, said, "comment:\x00", true)
	add(t, s, 1, said, "comment:\x00", false)
	add(t, s, 1, said, "comment:\x01", true)
	said.Reason, said.Login = "a\uFFFDb\uFFFDc", "\uFFFD("
	wantStatements(t, s, 1, []lockkeeper.Digest{finding}, said, said)
	for _, key := range []string{"path/\xff", "path/\xfe", "path/\x00", "path/\uFFFD"} {
		if err := s.PutFact(t.Context(), key, []byte(key)); err != nil {
			t.Fatal(err)
		}
		if first, err := s.MarkHandled(t.Context(), key); err != nil || !first {
			t.Errorf("MarkHandled(%q): %v, %v", key, first, err)
		}
	}
	for _, key := range []string{"path/\xff", "path/\xfe", "path/\x00", "path/\uFFFD"} {
		if got, found, err := s.Fact(t.Context(), key); err != nil || !found || string(got) != key {
			t.Errorf("Fact(%q): %q, %v, %v", key, got, found, err)
		}
	}
	scan := scanOf(7, 1)
	scan.BaseRef = "caf\xe9"
	put(t, s, scan)
	scan.BaseRef = "caf\uFFFD"
	wantScan(t, s, scan)
	if scans, err := s.ScansByBase(t.Context(), 1, "caf\xe9"); err != nil || len(scans) != 1 {
		t.Errorf("scans of an odd branch: %d, %v", len(scans), err)
	}
	if owners, err := s.Owners(t.Context(), "cargo/\x00"); err != nil || len(owners.Terms) != 0 {
		t.Errorf("owners of an odd name: %+v, %v", owners, err)
	}
}

func testForgetCheck(t *testing.T, s *store.Store) {
	put(t, s, scanOf(7, 1))
	put(t, s, scanOf(8, 1))
	if err := s.ForgetCheck(t.Context(), 1, 7); err != nil {
		t.Fatal(err)
	}
	want := scanOf(7, 1)
	want.CheckID, want.Head, want.CommentDigest = 0, "", ""
	wantScan(t, s, want)
	wantScan(t, s, scanOf(8, 1))
}
