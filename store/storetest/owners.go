package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/store"
)

func owner(id string) lockkeeper.Principal {
	return lockkeeper.Principal{Kind: lockkeeper.User, ID: id, Login: "login" + id}
}

func testOwners(t *testing.T, s *store.Store) {
	look := func(hours int, ids ...string) registry.Owners {
		t.Helper()
		var owners []lockkeeper.Principal
		for _, id := range ids {
			owners = append(owners, owner(id))
		}
		after, err := s.PutOwners(t.Context(), "cargo/a", owners, noon.Add(time.Duration(hours)*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		stored, err := s.Owners(t.Context(), "cargo/a")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(after, stored); diff != "" {
			t.Errorf("what a look returns is not what is stored (-returned +stored):\n%s", diff)
		}
		return stored
	}
	at := func(hours int) time.Time { return noon.Add(time.Duration(hours) * time.Hour) }
	if none, err := s.Owners(t.Context(), "cargo/a"); err != nil || !none.First.IsZero() || len(none.Terms) != 0 {
		t.Errorf("never looked at: %+v, %v", none, err)
	}
	look(0, "1", "2", "2")
	look(1, "1", "2")
	look(2, "1", "3")
	look(1, "4") // came late: another replica was slower
	got := look(3, "1", "2", "3")
	want := registry.Owners{First: at(0), Last: at(3), Terms: []registry.Term{
		{Owner: owner("1"), Since: at(0)}, {Owner: owner("3"), Since: at(2)}, {Owner: owner("2"), Since: at(3)},
		{Owner: owner("2"), Since: at(0), Gone: at(2)},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after some looks (-want +got):\n%s", diff)
	}
	// A user and a team may have the same number.
	team := lockkeeper.Principal{Kind: lockkeeper.Team, ID: "1"}
	after, err := s.PutOwners(t.Context(), "cargo/b", []lockkeeper.Principal{owner("1"), team}, noon)
	if err != nil || len(after.Terms) != 2 {
		t.Errorf("a user and a team of one number: %+v, %v", after, err)
	}
	if _, err := s.PutOwners(t.Context(), "", nil, noon); err == nil {
		t.Error("owners of no package were stored")
	}
}

func testSeedOwners(t *testing.T, s *store.Store) {
	if _, err := s.PutOwners(t.Context(), "cargo/seen", []lockkeeper.Principal{owner("1")}, noon); err != nil {
		t.Fatal(err)
	}
	if err := s.WatchOwners(t.Context(), []string{"cargo/wanted"}, noon); err != nil {
		t.Fatal(err)
	}
	terms := map[string][]registry.Term{}
	for _, id := range []string{"cargo/seen", "cargo/wanted", "cargo/new"} {
		terms[id] = []registry.Term{{Owner: owner("2"), Since: noon.Add(-1000 * time.Hour)}}
	}
	for _, want := range []int{2, 0} {
		if n, err := s.SeedOwners(t.Context(), terms, noon.Add(-time.Hour)); err != nil || n != want {
			t.Errorf("seeded %d, %v; want %d", n, err, want)
		}
	}
	for id, want := range map[string]string{"cargo/seen": "1", "cargo/wanted": "2", "cargo/new": "2"} {
		got, err := s.Owners(t.Context(), id)
		if err != nil || len(got.Terms) != 1 || got.Terms[0].Owner.ID != want || got.First.IsZero() {
			t.Errorf("%s: %+v, %v; want the owner %s", id, got, err, want)
		}
	}
}

func testStaleOwners(t *testing.T, s *store.Store) {
	var ids []string
	for i := range 5 {
		ids = append(ids, fmt.Sprint("cargo/p", i))
	}
	if err := s.WatchOwners(t.Context(), append(ids, "cargo/\x00"), noon); err != nil {
		t.Fatal(err)
	}
	if err := s.WatchOwners(t.Context(), []string{"cargo/old"}, noon.Add(-1000*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutOwners(t.Context(), "cargo/p0", nil, noon); err != nil {
		t.Fatal(err)
	}
	take := func(after time.Duration, limit int) []string {
		t.Helper()
		now := noon.Add(after)
		got, err := s.StaleOwners(t.Context(), noon.Add(-time.Hour), now.Add(-24*time.Hour), now, limit)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := take(time.Hour, 3); !slices.Equal(got, ids[1:4]) {
		t.Errorf("first %q, want %q", got, ids[1:4])
	}
	if got := take(time.Hour, 3); len(got) == 0 || got[0] != "cargo/p4" {
		t.Errorf("then %q, want cargo/p4", got)
	}
	// A day later all are due, those that were tried first before the others.
	if got := take(26*time.Hour, 10); len(got) < 5 || got[0] != "cargo/p0" || slices.Contains(got, "cargo/old") {
		t.Errorf("a day later %q", got)
	}
}
