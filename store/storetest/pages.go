package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/store"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func testReports(t *testing.T, s *store.Store) {
	ctx := t.Context()
	of := func(repo int64, pull int, generation int64, text string) store.Report {
		return store.Report{RepoID: repo, Pull: pull, Generation: generation, Headline: []byte(`{"title":"` + text + `"}`), Body: []byte("\x00" + text)}
	}
	want := func(want store.Report) {
		t.Helper()
		got, found, err := s.Report(ctx, 1, 7)
		if err != nil || !found {
			t.Fatalf("found %v, error %v", found, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
		if headline, err := s.Headline(ctx, 1, 7); err != nil || string(headline) != string(want.Headline) {
			t.Errorf("headline %q, error %v", headline, err)
		}
	}
	if _, found, err := s.Report(ctx, 1, 7); found || err != nil {
		t.Errorf("nothing: found %v, error %v", found, err)
	}
	if headline, err := s.Headline(ctx, 1, 7); headline != nil || err != nil {
		t.Errorf("no headline: %q, %v", headline, err)
	}
	must(t, s.PutReport(ctx, of(1, 7, 2, "second")))
	must(t, s.PutReport(ctx, of(1, 7, 1, "first, late")))
	must(t, s.PutReport(ctx, of(1, 8, 9, "another's")))
	must(t, s.PutReport(ctx, of(2, 7, 9, "another's")))
	want(of(1, 7, 2, "second"))
	must(t, s.PutReport(ctx, of(1, 7, 2, "second again")))
	want(of(1, 7, 2, "second again"))
	must(t, s.PutReport(ctx, of(1, 7, 3, "third")))
	want(of(1, 7, 3, "third"))
	for _, huge := range []store.Report{{RepoID: 1, Pull: 7, Generation: 4, Body: make([]byte, store.MaxValue+1)}, {RepoID: 1, Pull: 7, Generation: 4, Headline: make([]byte, 65<<10)}} {
		if err := s.PutReport(ctx, huge); !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("a huge report: %v", err)
		}
	}
}

func testWaiting(t *testing.T, s *store.Store) {
	ctx := t.Context()
	one := store.Repository{ID: 1, Owner: "Alice", Name: "App", Installation: 10}
	gone := store.Repository{ID: 2, Owner: "bob", Name: "b", Installation: 20}
	must(t, s.PutRepository(ctx, one))
	must(t, s.PutRepository(ctx, gone))
	put := func(repo int64, pull int, conclusion policy.Conclusion, open bool, at time.Time) store.Scan {
		scan := scanOf(pull, 1)
		scan.RepoID, scan.Conclusion, scan.Open, scan.At = repo, conclusion, open, at
		must(t, s.PutScan(ctx, scan))
		scan.Result = nil
		return scan
	}
	older := put(1, 1, policy.ActionRequired, true, noon)
	newer := put(1, 2, policy.Failure, true, noon.Add(time.Hour))
	put(1, 3, policy.Success, true, noon)
	put(1, 4, policy.ActionRequired, false, noon)
	put(1, 5, policy.Neutral, true, noon)
	put(2, 6, policy.ActionRequired, true, noon)
	put(3, 7, policy.ActionRequired, true, noon) // where the App is not installed
	must(t, s.PutReport(ctx, store.Report{RepoID: 1, Pull: 2, Generation: newer.Generation, Headline: []byte("{}"), Body: []byte("x")}))
	must(t, s.PutReport(ctx, store.Report{RepoID: 1, Pull: 1, Generation: older.Generation + 1, Headline: []byte("{}"), Body: []byte("x")})) // not of that scan
	of := func(repoID int64) {
		t.Helper()
		got, err := s.WaitingScans(ctx, repoID, 10)
		must(t, err)
		if diff := cmp.Diff([]store.Waiting{{Repository: one, Scan: newer, Headline: []byte("{}")}, {Repository: one, Scan: older}}, got); diff != "" {
			t.Errorf("what waits (-want +got):\n%s", diff)
		}
	}
	if got, err := s.WaitingScans(ctx, 2, 10); err != nil || len(got) != 1 {
		t.Errorf("of one repository: %+v, %v", got, err)
	}
	must(t, s.RemoveRepository(ctx, 2))
	of(0)
	of(1)
	if got, err := s.WaitingScans(ctx, 0, 1); err != nil || len(got) != 1 || got[0].Scan.Pull != 2 {
		t.Errorf("at most one: %+v, %v", got, err)
	}

	if got, found, err := s.RepositoryNamed(ctx, "aLICE", "aPP"); err != nil || !found || got != one {
		t.Errorf("by name: %+v, found %v, error %v", got, found, err)
	}
	for _, name := range [][2]string{{"bob", "b"}, {"alice", "b"}, {"", ""}, {"%", "%"}, {"\x00", "\xff"}} {
		if _, found, err := s.RepositoryNamed(ctx, name[0], name[1]); err != nil || found {
			t.Errorf("%q: found %v, error %v", name, found, err)
		}
	}
	must(t, s.PutRepository(ctx, store.Repository{ID: 9, Owner: "alice", Name: "app", Installation: 10}))
	if got, _, err := s.RepositoryNamed(ctx, "alice", "app"); err != nil || got.ID != 9 {
		t.Errorf("of two that went by one name: %+v, error %v, want the newer", got, err)
	}
}

func testRecentStatements(t *testing.T, s *store.Store) {
	for i := range 3 {
		add(t, s, 1, statement(finding, policy.SignOff, int64(i+1)), fmt.Sprint("page:", i), true)
	}
	add(t, s, 2, statement(finding, policy.SignOff, 9), "page:9", true)
	want := []store.Said{{Statement: statement(finding, policy.SignOff, 3), Pull: 7}, {Statement: statement(finding, policy.SignOff, 2), Pull: 7}}
	got, err := s.RecentStatements(t.Context(), 1, 2)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what was said (-want +got):\n%s", diff)
	}
	must(t, s.PutFindings(t.Context(), 1, []store.Finding{{Digest: finding, Rule: "build-code-added", Package: "pkg:cargo/ring@0.17.8"}, {Digest: another, Rule: "x", Package: "y"}}))
	must(t, s.PutReport(t.Context(), store.Report{RepoID: 1, Pull: 7, Generation: 1, Headline: []byte("{}"), Body: []byte("x")}))
	for i := range want {
		want[i].Rule, want[i].Package, want[i].Kept = "build-code-added", "pkg:cargo/ring@0.17.8", true
	}
	got, err = s.RecentStatements(t.Context(), 1, 2)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what was said (-want +got):\n%s", diff)
	}
}

func testSessions(t *testing.T, s *store.Store) {
	ctx := t.Context()
	session := store.Session{Hash: lockkeeper.Sum([]byte("id")), User: 5, Login: "alice", Made: noon, Seen: noon}
	want := func(hash lockkeeper.Digest, want *store.Session) {
		t.Helper()
		got, found, err := s.Session(ctx, hash)
		if err != nil || found != (want != nil) || found && got != *want {
			t.Errorf("session %+v, found %v, error %v; want %+v", got, found, err, want)
		}
	}
	want(session.Hash, nil)
	must(t, s.PutSession(ctx, session))
	if err := s.PutSession(ctx, session); err == nil {
		t.Error("one id for two sessions")
	}
	if err := s.PutSession(ctx, store.Session{Hash: lockkeeper.Sum(nil)}); err == nil {
		t.Error("a session of nobody")
	}
	want(session.Hash, &session)
	must(t, s.SeeSession(ctx, session.Hash, noon.Add(time.Hour)))
	must(t, s.SeeSession(ctx, session.Hash, noon.Add(time.Minute)))
	session.Seen = noon.Add(time.Hour)
	want(session.Hash, &session)
	idle := store.Session{Hash: lockkeeper.Sum([]byte("idle")), User: 5, Made: noon, Seen: noon}
	old := store.Session{Hash: lockkeeper.Sum([]byte("old")), User: 6, Made: noon.Add(-time.Hour), Seen: noon.Add(time.Hour)}
	must(t, s.PutSession(ctx, idle))
	must(t, s.PutSession(ctx, old))
	must(t, s.PruneSessions(ctx, noon, noon.Add(time.Minute)))
	want(idle.Hash, nil)
	want(old.Hash, nil)
	want(session.Hash, &session)
	must(t, s.EndSession(ctx, session.Hash))
	must(t, s.EndSession(ctx, session.Hash))
	want(session.Hash, nil)
}
