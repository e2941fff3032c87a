package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
)

// TestOwnersAreLookedAt: packages in use are looked at without any change of them,
// so that a later change shows who came in between.
func TestOwnersAreLookedAt(t *testing.T) {
	w := newWorld(t, "[rules]\nowners-changed = \"sign-off\"\n")
	keeper := lockkeeper.Principal{Kind: lockkeeper.User, ID: "1", Login: "keeper"}
	stranger := lockkeeper.Principal{Kind: lockkeeper.User, ID: "9", Login: "stranger"}
	w.registry.Inject(registrytest.Fault{Path: "/api/v1/crates/builder/owners", Status: http.StatusNotFound})

	// A change of another package puts quiet among those in use.
	w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.0", "builder@1.0.0")})
	w.settle()
	must(t, w.server.LookAtOwners(t.Context()))
	known, err := w.store.Owners(t.Context(), "cargo/quiet")
	must(t, err)
	if len(known.Terms) != 1 || !known.Terms[0].Owner.Is(keeper) {
		t.Fatalf("known of quiet: %+v", known)
	}
	w.registry.Forget()
	must(t, w.server.LookAtOwners(t.Context()))
	if n := len(w.registry.Requests()); n != 0 {
		t.Errorf("%d requests about owners that were looked at a moment ago", n)
	}

	w.registry.SetOwners(lockkeeper.Cargo, "quiet", []lockkeeper.Principal{keeper, stranger})
	if _, err := w.store.PutOwners(t.Context(), "cargo/quiet", []lockkeeper.Principal{keeper, stranger}, known.Last.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	update := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.1")})
	w.settle()
	if comment := w.comment(update); !strings.Contains(comment, "owners-changed") || !strings.Contains(comment, "stranger") {
		t.Errorf("the comment says nothing of the new owner:\n%s", comment)
	}
}
