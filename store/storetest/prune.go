package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/store"
)

// kept lists the pull requests of repository 1 of which a scan is kept, and those of
// which a report is.
func kept(t *testing.T, s *store.Store, most int) (scans, reports []int) {
	t.Helper()
	for pull := 1; pull <= most; pull++ {
		_, found, err := s.GetScan(t.Context(), 1, pull)
		must(t, err)
		has, err := s.HasScan(t.Context(), 1, pull)
		must(t, err)
		if has != found {
			t.Errorf("scan of %d: has %v, found %v", pull, has, found)
		}
		if found {
			scans = append(scans, pull)
		}
		_, found, err = s.Report(t.Context(), 1, pull)
		must(t, err)
		if found {
			reports = append(reports, pull)
		}
	}
	return scans, reports
}

// scanned stores a scan of a pull request with its report.
func scanned(t *testing.T, s *store.Store, pull int, generation int64, open bool) {
	t.Helper()
	must(t, s.PutScan(t.Context(), store.Scan{RepoID: 1, Pull: pull, Generation: generation, Open: open, Conclusion: policy.Success, Result: []byte("{}"), At: noon}))
	must(t, s.PutReport(t.Context(), store.Report{RepoID: 1, Pull: pull, Generation: generation, Headline: []byte("{}"), Body: []byte("x")}))
}

func testPrune(t *testing.T, s *store.Store) {
	ctx := t.Context()
	must(t, s.PutRepository(ctx, store.Repository{ID: 1, Owner: "o", Name: "r", Installation: 1}))
	for pull := 1; pull <= 5; pull++ {
		scanned(t, s, pull, 1, pull == 1)
	}
	must(t, s.NoteClosed(ctx, noon))
	scanned(t, s, 4, 2, true) // opened again
	scanned(t, s, 6, 1, false)
	must(t, s.NoteClosed(ctx, noon.Add(time.Hour))) // 2, 3 and 5 were closed at noon all the same
	want := func(when string, pulls ...int) {
		t.Helper()
		scans, reports := kept(t, s, 7)
		if diff := cmp.Diff(pulls, scans); diff != "" {
			t.Errorf("%s: scans (-want +got):\n%s", when, diff)
		}
		if diff := cmp.Diff(pulls, reports); diff != "" {
			t.Errorf("%s: reports (-want +got):\n%s", when, diff)
		}
	}
	prune := func(before time.Time, limit int, removed int64) {
		t.Helper()
		if n, err := s.PruneClosed(ctx, before, limit); n != removed || err != nil {
			t.Errorf("PruneClosed: %d, %v; want %d", n, err, removed)
		}
	}
	prune(noon, 10, 0)
	want("too early", 1, 2, 3, 4, 5, 6)
	prune(noon.Add(time.Minute), 2, 2)
	want("a batch", 1, 4, 5, 6)
	prune(noon.Add(time.Minute), 2, 1)
	want("the rest", 1, 4, 6)
	// Of a repository that the App is not on any more, what was open goes as well.
	must(t, s.RemoveRepository(ctx, 1))
	must(t, s.NoteClosed(ctx, noon.Add(2*time.Hour)))
	must(t, s.PutRepository(ctx, store.Repository{ID: 1, Owner: "o", Name: "r", Installation: 1}))
	prune(noon.Add(3*time.Hour), 10, 1)
	want("it came back", 1, 4)
	must(t, s.RemoveRepository(ctx, 1))
	prune(noon.Add(3*time.Hour), 10, 2)
	want("it is gone")
	// A pull request of which nothing was kept begins anew.
	scanned(t, s, 2, 1, true)
	want("opened again after all", 2)
}

// testPruneKeeps: what people decided, and what is still to be recorded.
func testPruneKeeps(t *testing.T, s *store.Store) {
	ctx := t.Context()
	add(t, s, 1, statement(finding, policy.SignOff, 3), "comment:1:0", true)
	scanned(t, s, 7, 1, true)
	scanned(t, s, 8, 1, true)
	for _, pull := range []int{7, 8} {
		must(t, s.PutSigned(ctx, 1, pull, "main", "head", []store.Signed{{Pull: pull, Finding: finding, Body: []byte("{}")}}))
		must(t, s.EndSigned(ctx, 1, pull, true, "head"))
		id := int64(10 * pull)
		must(t, s.NoteComment(ctx, 1, pull, store.Comment{ID: id, Body: finding, NotedAt: noon}))
		must(t, s.HearComment(ctx, 1, pull, store.Comment{ID: id + 1, Body: finding, NotedAt: noon, Heard: []byte("{}")}))
	}
	must(t, s.SettleSigned(ctx, 1, []store.Signed{{Pull: 8, Finding: finding}}, true))
	before := audit(t, s)
	if n, err := s.PruneComments(ctx, noon.Add(time.Hour), 10); n != 0 || err != nil {
		t.Errorf("PruneComments beside scans: %d, %v", n, err)
	}
	scanned(t, s, 7, 2, false)
	scanned(t, s, 8, 2, false)
	must(t, s.NoteClosed(ctx, noon))
	if n, err := s.PruneClosed(ctx, noon.Add(time.Hour), 10); n != 2 || err != nil {
		t.Errorf("PruneClosed: %d, %v", n, err)
	}
	for _, limit := range []struct {
		before time.Time
		limit  int
		want   int64
	}{{noon, 10, 0}, {noon.Add(time.Hour), 1, 1}, {noon.Add(time.Hour), 10, 1}, {noon.Add(time.Hour), 10, 0}} {
		if n, err := s.PruneComments(ctx, limit.before, limit.limit); n != limit.want || err != nil {
			t.Errorf("PruneComments %+v: %d, %v", limit, n, err)
		}
	}
	for _, pull := range []int{7, 8} {
		comments, err := s.Comments(ctx, 1, pull)
		if err != nil || len(comments) != 1 || comments[0].Heard == nil {
			t.Errorf("comments on %d: %+v, %v; want the one that was heard", pull, comments, err)
		}
	}
	pending, err := s.ToRecord(ctx, 1, "main")
	if err != nil || len(pending) != 1 || pending[0].Pull != 7 {
		t.Errorf("to be recorded: %+v, %v; want that of 7", pending, err)
	}
	if diff := cmp.Diff(before, audit(t, s)); diff != "" || len(before) == 0 {
		t.Errorf("audit trail of %d events (-before +after):\n%s", len(before), diff)
	}
	wantSaid(t, s, 1, 1)
}

func audit(t *testing.T, s *store.Store) (all []store.Event) {
	t.Helper()
	must(t, s.Events(t.Context(), time.Time{}, "", func(e store.Event) error {
		all = append(all, e)
		return nil
	}))
	return all
}

// wantSaid: so many statements about the finding are kept.
func wantSaid(t *testing.T, s *store.Store, repo int64, n int) {
	t.Helper()
	said, err := s.RecentStatements(t.Context(), repo, 10)
	if err != nil || len(said) != n {
		t.Errorf("%d statements, %v; want %d", len(said), err, n)
	}
}

// testPruneTwice: two replicas at it remove each pull request once, and wait for
// nobody for long.
func testPruneTwice(t *testing.T, one, other *store.Store) {
	const all = 60
	for pull := 1; pull <= all; pull++ {
		scanned(t, one, pull, 1, false)
	}
	must(t, one.NoteClosed(t.Context(), noon))
	var mu sync.Mutex
	var removed int64
	var wg sync.WaitGroup
	for _, s := range []*store.Store{one, other} {
		wg.Go(func() {
			for range all {
				n, err := s.PruneClosed(t.Context(), noon.Add(time.Second), 7)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				removed += n
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if scans, reports := kept(t, one, all); removed != all || scans != nil || reports != nil {
		t.Errorf("%d of %d were removed; left are scans %v and reports %v", removed, all, scans, reports)
	}
}
