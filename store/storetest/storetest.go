// Package storetest is the one suite that every backend of the store passes.
package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/store"
)

// Run runs the suite; fresh makes an empty database each time and returns its
// location, and removes it when the test that it is given ends.
func Run(t *testing.T, fresh func(t testing.TB) string) {
	for name, test := range map[string]func(*testing.T, *store.Store){
		"statements keep their order":            testStatements,
		"a statement counts once":                testStatementOnce,
		"statements belong to their repository":  testStatementRepository,
		"statements never change":                testStatementsForever,
		"bad statements are refused":             testBadStatements,
		"many findings":                          testManyFindings,
		"scans":                                  testScans,
		"Promise9 an older scan changes nothing": testStaleScan,
		"scans by base":                          testScansByBase,
		"facts":                                  testFacts,
		"handled":                                testHandled,
		"comments":                               testComments,
		"repositories":                           testRepositories,
		"owners":                                 testOwners,
		"seeded owners":                          testSeedOwners,
		"owners to be looked at":                 testStaleOwners,
		"reports":                                testReports,
		"what waits":                             testWaiting,
		"what was said last":                     testRecentStatements,
		"sessions":                               testSessions,
		"counts":                                 testCounts,
		"what is old goes":                       testPrune,
		"what is decided stays":                  testPruneKeeps,
		"sign-offs to be recorded":               testSigned,
		"offers":                                 testOffers,
		"rules seen":                             testRulesSeen,
		"the audit trail":                        testAudit,
		"the audit trail never changes":          testAuditForever,
		"concurrent use":                         testConcurrent,
		"odd text":                               testOddText,
		"check runs are forgotten":               testForgetCheck,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t, fresh(t))) })
	}
	// What two replicas do to each other, each with connections of its own.
	for name, test := range map[string]func(t *testing.T, one, other *store.Store){
		"slots are given out once":                testSlots,
		"two remove what is old":                  testPruneTwice,
		"a dead claimer holds up nobody":          testSlotOfTheDead,
		"a clock that was set back":               testClockSetBack,
		"turns are taken once":                    testTurns,
		"budgets are shared":                      testBudgets,
		"two replicas ask one registry":           testPaceOfRegistry,
		"a slot that was given up is used":        testBudgetGivenUp,
		"Promise9 a frozen replica's late scan":   testFrozenReplica,
		"Promise9 replicas in no order":           testReplicasInNoOrder,
		"replicas look at owners once":            testOwnersOnce,
		"replicas share packages to be looked at": testStaleOwnersShared,
	} {
		t.Run(name, func(t *testing.T) {
			location := fresh(t)
			test(t, open(t, location), open(t, location))
		})
	}
}

func open(t testing.TB, location string) *store.Store {
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

var (
	noon    = time.Date(2026, 5, 22, 12, 0, 0, 123456000, time.UTC)
	finding = lockkeeper.Sum([]byte("one"))
	another = lockkeeper.Sum([]byte("another"))
)

func statement(finding lockkeeper.Digest, verdict policy.Verdict, by int64) policy.Statement {
	return policy.Statement{Finding: finding, Verdict: verdict, By: by, Login: fmt.Sprint("user", by), Reason: "because é", Where: "https://example.invalid/1", At: noon}
}

func add(t *testing.T, s *store.Store, repo int64, said policy.Statement, source string, want bool) {
	t.Helper()
	added, err := s.AddStatement(t.Context(), repo, 7, said, source)
	if err != nil {
		t.Fatal(err)
	}
	if added != want {
		t.Errorf("AddStatement from %s: added %v, want %v", source, added, want)
	}
}

func wantStatements(t *testing.T, s *store.Store, repo int64, findings []lockkeeper.Digest, want ...policy.Statement) {
	t.Helper()
	got, err := s.Statements(t.Context(), repo, findings)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) == 0 && len(want) == 0 {
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statements (-want +got):\n%s", diff)
	}
}

func testStatements(t *testing.T, s *store.Store) {
	// Recorded order, not that of the times.
	first, second := statement(finding, policy.SignOff, 1), statement(another, policy.Reject, 2)
	second.At = noon.Add(-time.Hour)
	third := statement(finding, policy.Withdraw, 1)
	add(t, s, 1, first, "comment:1", true)
	add(t, s, 1, second, "comment:2", true)
	add(t, s, 1, third, "comment:3", true)
	wantStatements(t, s, 1, []lockkeeper.Digest{another, finding, finding}, first, second, third)
	wantStatements(t, s, 1, []lockkeeper.Digest{finding}, first, third)
	wantStatements(t, s, 1, nil)
	wantStatements(t, s, 1, []lockkeeper.Digest{lockkeeper.Sum([]byte("neither"))})
}

func testStatementOnce(t *testing.T, s *store.Store) {
	said := statement(finding, policy.SignOff, 1)
	add(t, s, 1, said, "comment:1", true)
	add(t, s, 1, said, "comment:1", false)
	// An edited comment is the same comment.
	edited := said
	edited.Verdict, edited.By = policy.Reject, 2
	add(t, s, 1, edited, "comment:1", false)
	// One comment may speak of several findings.
	other := statement(another, policy.SignOff, 1)
	add(t, s, 1, other, "comment:1", true)
	wantStatements(t, s, 1, []lockkeeper.Digest{finding, another}, said, other)
}

func testStatementRepository(t *testing.T, s *store.Store) {
	said := statement(finding, policy.SignOff, 1)
	add(t, s, 1, said, "comment:1", true)
	wantStatements(t, s, 2, []lockkeeper.Digest{finding})
	add(t, s, 2, said, "comment:1", true)
	wantStatements(t, s, 2, []lockkeeper.Digest{finding}, said)
}

func testStatementsForever(t *testing.T, s *store.Store) {
	said := statement(finding, policy.SignOff, 1)
	add(t, s, 1, said, "comment:1", true)
	for _, query := range []string{
		`UPDATE statements SET verdict = 'reject'`,
		`UPDATE statements SET by_id = 99 WHERE id = 1`,
		`DELETE FROM statements`,
	} {
		if _, err := s.DB().ExecContext(t.Context(), query); err == nil {
			t.Errorf("%s: the database allowed it", query)
		}
	}
	wantStatements(t, s, 1, []lockkeeper.Digest{finding}, said)
}

func testBadStatements(t *testing.T, s *store.Store) {
	good := statement(finding, policy.SignOff, 1)
	long := strings.Repeat("x", 1<<17)
	for name, test := range map[string]struct {
		change func(*policy.Statement)
		source string
	}{
		"no source":    {func(*policy.Statement) {}, ""},
		"long source":  {func(*policy.Statement) {}, long},
		"no finding":   {func(s *policy.Statement) { s.Finding = "" }, "comment:1"},
		"weak digest":  {func(s *policy.Statement) { s.Finding = "md5:00" }, "comment:1"},
		"nobody":       {func(s *policy.Statement) { s.By = 0 }, "comment:1"},
		"no verdict":   {func(s *policy.Statement) { s.Verdict = "" }, "comment:1"},
		"other word":   {func(s *policy.Statement) { s.Verdict = "approve" }, "comment:1"},
		"a long story": {func(s *policy.Statement) { s.Reason = long }, "comment:1"},
	} {
		said := good
		test.change(&said)
		if added, err := s.AddStatement(t.Context(), 1, 7, said, test.source); err == nil || added {
			t.Errorf("%s: added %v, error %v", name, added, err)
		}
	}
	wantStatements(t, s, 1, []lockkeeper.Digest{finding})
}

func testManyFindings(t *testing.T, s *store.Store) {
	var findings []lockkeeper.Digest
	for i := range 40_000 {
		findings = append(findings, lockkeeper.Sum(fmt.Append(nil, i)))
	}
	first, last := statement(findings[39_999], policy.SignOff, 1), statement(findings[0], policy.SignOff, 1)
	add(t, s, 1, first, "comment:1", true)
	add(t, s, 1, last, "comment:1", true)
	wantStatements(t, s, 1, findings, first, last)
}

func scanOf(pull int, generation int64) store.Scan {
	return store.Scan{
		RepoID: 1, Pull: pull, Generation: generation, Open: true,
		Head: "h", Base: "b", BaseRef: "main", MergeBase: "m", CheckID: 1 << 40, CommentID: 1 << 41,
		CommentDigest: "sha256:00", Conclusion: policy.Success, Result: []byte("{\"é\":\"\x00\"}"), At: noon,
	}
}

func put(t *testing.T, s *store.Store, scan store.Scan) {
	t.Helper()
	if err := s.PutScan(t.Context(), scan); err != nil {
		t.Fatal(err)
	}
}

func wantScan(t *testing.T, s *store.Store, want store.Scan) {
	t.Helper()
	got, found, err := s.GetScan(t.Context(), want.RepoID, want.Pull)
	if err != nil || !found {
		t.Fatalf("GetScan: found %v, error %v", found, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("scan (-want +got):\n%s", diff)
	}
}

func testScans(t *testing.T, s *store.Store) {
	if _, found, err := s.GetScan(t.Context(), 1, 7); found || err != nil {
		t.Fatalf("GetScan of nothing: found %v, error %v", found, err)
	}
	begun := scanOf(7, 1)
	begun.Result, begun.Conclusion = nil, ""
	put(t, s, begun)
	wantScan(t, s, begun)
	done := scanOf(7, 1) // the same run again
	put(t, s, done)
	wantScan(t, s, done)
	next := scanOf(7, 3)
	next.Head, next.BaseRef, next.Conclusion, next.Open = "h2", "dev", policy.Failure, false
	put(t, s, next)
	wantScan(t, s, next)
	put(t, s, scanOf(8, 1))
	wantScan(t, s, next)
	large := scanOf(9, 1)
	large.Result = make([]byte, store.MaxValue+1)
	if err := s.PutScan(t.Context(), large); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("PutScan of %d bytes: %v, want ErrTooLarge", len(large.Result), err)
	}
}

func testStaleScan(t *testing.T, s *store.Store) {
	newer := scanOf(7, 5)
	put(t, s, newer)
	older := scanOf(7, 4)
	older.Conclusion = policy.Failure
	if err := s.PutScan(t.Context(), older); !errors.Is(err, store.ErrStale) {
		t.Errorf("PutScan of an older generation: %v, want ErrStale", err)
	}
	wantScan(t, s, newer)
}

func testScansByBase(t *testing.T, s *store.Store) {
	for _, pull := range []int{9, 7, 8} {
		put(t, s, scanOf(pull, 1))
	}
	dev := scanOf(10, 1)
	dev.BaseRef = "dev"
	put(t, s, dev)
	closed := scanOf(8, 2)
	closed.Open = false
	put(t, s, closed)
	elsewhere := scanOf(7, 1)
	elsewhere.RepoID = 2
	put(t, s, elsewhere)
	for base, want := range map[string][]int{"main": {7, 9}, "dev": {10}, "": {7, 9, 10}, "none": nil} {
		scans, err := s.ScansByBase(t.Context(), 1, base)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, scan := range scans {
			got = append(got, scan.Pull)
			if scan.Result != nil || scan.Head != "h" {
				t.Errorf("scan of a list: %+v", scan)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("base %q (-want +got):\n%s", base, diff)
		}
	}
}

func testFacts(t *testing.T, s *store.Store) {
	if _, found, err := s.Fact(t.Context(), "a"); found || err != nil {
		t.Fatalf("Fact of nothing: found %v, error %v", found, err)
	}
	for _, value := range [][]byte{[]byte("x\x00y"), {}, nil, make([]byte, store.MaxValue)} {
		if err := s.PutFact(t.Context(), "a", value); err != nil {
			t.Fatal(err)
		}
		got, found, err := s.Fact(t.Context(), "a")
		if err != nil || !found || string(got) != string(value) {
			t.Errorf("Fact: %d bytes, found %v, error %v; want %d bytes", len(got), found, err, len(value))
		}
	}
	for key, value := range map[string][]byte{"b": make([]byte, store.MaxValue+1), strings.Repeat("k", 10_000): nil} {
		if err := s.PutFact(t.Context(), key, value); !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("PutFact of %d bytes under %d: %v, want ErrTooLarge", len(value), len(key), err)
		}
	}
	if err := s.PutFact(t.Context(), "", nil); err == nil {
		t.Error("PutFact took an empty key")
	}
	for _, key := range []string{"aa", "bb", "%"} {
		if err := s.PutFact(t.Context(), key, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, prune := range []struct {
		prefix string
		before time.Time
		limit  int
		want   int64
	}{
		{"a", noon.AddDate(-50, 0, 0), 9, 0}, {"%", noon.AddDate(500, 0, 0), 9, 1},
		{"a", noon.AddDate(500, 0, 0), 1, 1}, {"a", noon.AddDate(500, 0, 0), 9, 1},
	} {
		if n, err := s.PruneFacts(t.Context(), prune.prefix, prune.before, prune.limit); n != prune.want || err != nil {
			t.Errorf("PruneFacts %+v: %d, %v", prune, n, err)
		}
	}
	if n, err := s.PruneFacts(t.Context(), "", noon.AddDate(500, 0, 0), 9); n != 0 || err == nil {
		t.Errorf("PruneFacts of everything: %d, %v; some facts cannot be found again", n, err)
	}
	if _, found, err := s.Fact(t.Context(), "bb"); !found || err != nil {
		t.Errorf("another fact: found %v, error %v", found, err)
	}
	if _, found, err := s.Fact(t.Context(), "a"); found || err != nil {
		t.Errorf("Fact after pruning: found %v, error %v", found, err)
	}
}

func testHandled(t *testing.T, s *store.Store) {
	for _, want := range []bool{true, false, false} {
		if before, err := s.Handled(t.Context(), "comment:1"); err != nil || before == want {
			t.Errorf("Handled: %v, %v", before, err)
		}
		if first, err := s.MarkHandled(t.Context(), "comment:1"); err != nil || first != want {
			t.Errorf("MarkHandled: %v, %v, want %v", first, err, want)
		}
	}
	if first, err := s.MarkHandled(t.Context(), "comment:2"); err != nil || !first {
		t.Errorf("MarkHandled of another: %v, %v", first, err)
	}
	if _, err := s.MarkHandled(t.Context(), ""); err == nil {
		t.Error("MarkHandled took an empty key")
	}
}

func testRepositories(t *testing.T, s *store.Store) {
	ctx := t.Context()
	want := func(want ...store.Repository) {
		t.Helper()
		got, err := s.Repositories(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("repositories (-want +got):\n%s", diff)
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	want()
	one := store.Repository{ID: 1, Owner: "alice", Name: "a", Installation: 10}
	two := store.Repository{ID: 2, Owner: "bob", Name: "b", Installation: 20}
	do(s.PutRepository(ctx, two))
	do(s.PutRepository(ctx, one))
	want(one, two)
	do(s.SetOnboarded(ctx, 1, true))
	one.Name, one.Onboarded = "renamed", true
	do(s.PutRepository(ctx, store.Repository{ID: 1, Owner: "alice", Name: "renamed", Installation: 10}))
	want(one, two)
	do(s.RemoveRepository(ctx, 1))
	want(two)
	if _, found, err := s.Repository(ctx, 1); found || err != nil {
		t.Errorf("a removed repository: found %v, error %v", found, err)
	}
	do(s.PutRepository(ctx, one))
	if got, found, err := s.Repository(ctx, 1); !found || err != nil || got != one {
		t.Errorf("a repository that came back: %+v, found %v, error %v", got, found, err)
	}
	do(s.RemoveInstallation(ctx, 20))
	want(one)
	if err := s.SetOnboarded(ctx, 3, true); err == nil {
		t.Error("onboarded a repository that is not known")
	}
}

// testConcurrent has everybody do everything at once; run it with -race.
func testConcurrent(t *testing.T, s *store.Store) {
	const people, rounds = 8, 25
	var wg sync.WaitGroup
	var mu sync.Mutex
	recorded, firsts := 0, 0
	for who := range people {
		wg.Go(func() {
			for round := range rounds {
				said := statement(finding, policy.SignOff, int64(who+1))
				added, err := s.AddStatement(t.Context(), 1, 7, said, fmt.Sprint("comment:", round))
				if err != nil {
					t.Errorf("AddStatement: %v", err)
				}
				first, err := s.MarkHandled(t.Context(), fmt.Sprint(round))
				if err != nil {
					t.Errorf("MarkHandled: %v", err)
				}
				mu.Lock()
				if added {
					recorded++
				}
				if first {
					firsts++
				}
				mu.Unlock()
				// Generations in no order at all.
				generation := int64((round*7+who*3)%rounds + 1)
				if err := s.PutScan(t.Context(), scanOf(7, generation)); err != nil && !errors.Is(err, store.ErrStale) {
					t.Errorf("PutScan: %v", err)
				}
				if err := s.PutFact(t.Context(), "k", fmt.Append(nil, who)); err != nil {
					t.Errorf("PutFact: %v", err)
				}
				if _, err := s.Statements(t.Context(), 1, []lockkeeper.Digest{finding}); err != nil {
					t.Errorf("Statements: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if recorded != rounds || firsts != rounds {
		t.Errorf("%d statements recorded and %d firsts, want %d of each", recorded, firsts, rounds)
	}
	wantScan(t, s, scanOf(7, rounds))
}
