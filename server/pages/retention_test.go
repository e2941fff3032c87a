package pages_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/server/pages/pagestest"
)

// TestWhatWasSaidOutlivesItsPage: once what was found in a closed pull request is
// removed, its page is gone, and the repository's still says who signed what off.
func TestWhatWasSaidOutlivesItsPage(t *testing.T) {
	w, p := waiting(t, pagestest.Options{})
	reviewer := signedIn(t, w, "reviewer")
	reviewer.post(w.Path(p), form(reviewer.get(w.Path(p))))
	wantCheck(t, w, p, "success")
	link := `href="` + w.Path(p) + `"`
	if a := reviewer.get("/acme/app"); !strings.Contains(a.body, link) {
		t.Errorf("while its page is there, nothing leads to it:\n%s", a.body)
	}
	p.Close("author")
	w.Settle()
	now := time.Now()
	if err := w.Store.NoteClosed(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if n, err := w.Store.PruneClosed(t.Context(), now.Add(time.Second), 10); n != 1 || err != nil {
		t.Fatalf("removed %d, %v", n, err)
	}
	if a := reviewer.get(w.Path(p)); a.status != http.StatusNotFound {
		t.Errorf("its page: %d", a.status)
	}
	a := reviewer.get("/acme/app")
	for _, want := range []string{"looked at it", "grabber 2.0.0", "build-code-added", "#1"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the repository's page lacks %q", want)
		}
	}
	if strings.Contains(a.body, link) {
		t.Errorf("the repository's page leads nowhere:\n%s", a.body)
	}
}
