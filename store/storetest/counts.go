package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/store"
)

func testCounts(t *testing.T, s *store.Store) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	count := func() store.Counts {
		t.Helper()
		counts, err := s.Count(t.Context(), noon.Add(-time.Hour), noon)
		must(err)
		return counts
	}
	if diff := cmp.Diff(store.Counts{Open: map[policy.Conclusion]int{}}, count()); diff != "" {
		t.Errorf("nothing there (-want +got):\n%s", diff)
	}
	for i, conclusion := range []policy.Conclusion{policy.Success, policy.ActionRequired, policy.ActionRequired, "", policy.Failure} {
		must(s.PutScan(t.Context(), store.Scan{RepoID: 1, Pull: i + 1, Generation: 1, Open: conclusion != policy.Failure, Conclusion: conclusion, At: noon}))
	}
	keeper := []lockkeeper.Principal{{Kind: lockkeeper.User, ID: "1"}}
	must(s.WatchOwners(t.Context(), []string{"cargo/a", "cargo/b", "cargo/c"}, noon))
	must(s.WatchOwners(t.Context(), []string{"cargo/unused"}, noon.Add(-2*time.Hour)))
	for id, at := range map[string]time.Time{"cargo/a": noon.Add(-time.Minute), "cargo/b": noon.Add(time.Minute), "cargo/unused": noon.Add(-3 * time.Hour)} {
		_, err := s.PutOwners(t.Context(), id, keeper, at)
		must(err)
	}
	want := store.Counts{
		Open:        map[policy.Conclusion]int{policy.Success: 1, policy.ActionRequired: 2},
		OwnersInUse: 3, OwnersDue: 2, OwnersOldest: noon.Add(-time.Minute),
	}
	if diff := cmp.Diff(want, count()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
