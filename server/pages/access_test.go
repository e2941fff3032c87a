package pages_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/server/pages/pagestest"
)

// TestOnlyReadersSeeARepository: everybody else gets, for each of its pages, what they
// get for a repository that does not exist.
func TestOnlyReadersSeeARepository(t *testing.T) {
	w, p := waiting(t, pagestest.Options{})
	for login := range pagestest.People {
		someone := signedIn(t, w, login)
		for _, path := range []string{"/acme/app", w.Path(p), "/ACME/App"} {
			if a := someone.get(path); a.status != http.StatusOK || !strings.Contains(a.body, "Update dependencies") {
				t.Errorf("%s gets %d for %s", login, a.status, path)
			}
		}
		if a := someone.get("/"); a.status != http.StatusOK || !strings.Contains(a.body, "acme/app") {
			t.Errorf("%s does not see what waits: %d", login, a.status)
		}
	}
	stranger := signedIn(t, w, pagestest.Stranger)
	plain := func(a answer) string {
		return regexp.MustCompile(`name="session" value="[0-9a-f]+"`).ReplaceAllString(a.body, "")
	}
	want := stranger.get("/acme/nothing")
	if want.status != http.StatusNotFound {
		t.Fatalf("a repository that does not exist: %d", want.status)
	}
	for _, path := range []string{"/acme/app", w.Path(p), "/acme/app/pull/999", "/nobody/nothing/pull/1", "/acme/..%2fapp", "/%00/x", "/acme/" + strings.Repeat("x", 500)} {
		got := stranger.get(path)
		if got.status != want.status || plain(got) != plain(want) {
			t.Errorf("%s: %d, another answer than for what does not exist", path, got.status)
		}
	}
	if a := stranger.get("/"); a.status != http.StatusOK || strings.Contains(a.body, "acme") || strings.Contains(a.body, "Update") {
		t.Errorf("the overview tells a stranger: %s", a.body)
	}
	if a := stranger.post(w.Path(p), form(signedIn(t, w, "reviewer").get(w.Path(p)))); a.status != http.StatusForbidden {
		t.Errorf("another's form: %d", a.status)
	}
	wantStatements(t, w, 0)
}

// TestStrangersAreAnsweredInStep: how long an answer takes does not tell whether there
// is such a repository.
func TestStrangersAreAnsweredInStep(t *testing.T) {
	w, _ := waiting(t, pagestest.Options{})
	stranger := signedIn(t, w, pagestest.Stranger)
	for _, path := range []string{"/acme/app", "/acme/app", "/acme/nothing"} {
		start := time.Now()
		stranger.get(path)
		if spent := time.Since(start); spent < 450*time.Millisecond {
			t.Errorf("%s: answered after %s", path, spent)
		}
	}
}

// TestPagesThatDoNotExist for somebody who may read the repository.
func TestPagesThatDoNotExist(t *testing.T) {
	w, _ := waiting(t, pagestest.Options{})
	reviewer := signedIn(t, w, "reviewer")
	for _, path := range []string{"/acme/app/pull/999", "/acme/app/pull/0", "/acme/app/pull/01", "/acme/app/pull/-1", "/acme/app/pull/x", "/acme/app/x", "/assets/x.css", "/acme/app/pull/1/x"} {
		if a := reviewer.get(path); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

// TestNobodySignedInIsSentToTheDoor, whatever they ask for.
func TestNobodySignedInIsSentToTheDoor(t *testing.T) {
	w, p := waiting(t, pagestest.Options{})
	nobody := visitor(t, w)
	for _, path := range []string{"/", "/acme/app", w.Path(p), "/acme/nothing", "/acme/app/pull/999"} {
		a := nobody.get(path)
		if a.status != http.StatusSeeOther || !strings.HasPrefix(a.location, "/login?to=%2F") || strings.Contains(a.body, "Update") {
			t.Errorf("%s: %d to %s", path, a.status, a.location)
		}
	}
	if a := nobody.post(w.Path(p), nil); a.status != http.StatusForbidden {
		t.Errorf("a form of nobody: %d", a.status)
	}
}

// TestRightsEnd: within a minute on pages, and at once for a sign-off.
func TestRightsEnd(t *testing.T) {
	w, p := waiting(t, pagestest.Options{})
	second := signedIn(t, w, "reviewer")
	page := second.get(w.Path(p))
	w.Repo.SetPermission("reviewer", "none")
	if a := second.get(w.Path(p)); a.status != http.StatusOK {
		t.Errorf("an answer is not remembered: %d", a.status)
	}
	if a := second.post(w.Path(p), form(page)); a.status != http.StatusNotFound {
		t.Errorf("a sign-off without rights: %d", a.status)
	}
	wantStatements(t, w, 0)
	if a := second.get(w.Path(p)); a.status != http.StatusNotFound {
		t.Errorf("after the sign-off was refused: %d", a.status)
	}
	w.Repo.SetPermission("reviewer", "read")
	w.Advance(61 * time.Second)
	if a := second.get(w.Path(p)); a.status != http.StatusOK {
		t.Errorf("after a minute: %d", a.status)
	}
}

// TestANameThatIsAnothersNow: who may read a repository of that name sees nothing of
// the one that had it when it was scanned.
func TestANameThatIsAnothersNow(t *testing.T) {
	w, p := waiting(t, pagestest.Options{})
	// What is known by that name is no longer what has it.
	old, _, err := w.Store.RepositoryNamed(t.Context(), "acme", "app")
	if err != nil {
		t.Fatal(err)
	}
	w.GitHub.AddUser("newcomer")
	other := w.GitHub.AddRepo("acme", "other", githubtest.RepoOptions{Private: true, Files: map[string]string{"README.md": "x"}})
	other.SetPermission("newcomer", "admin")
	old.Name = "other"
	if err := w.Store.PutRepository(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	newcomer := signedIn(t, w, "newcomer")
	if a := newcomer.get("/acme/other"); a.status != http.StatusOK || strings.Contains(a.body, "Update dependencies") {
		t.Errorf("%d: %s", a.status, a.body)
	}
	if a := newcomer.get("/acme/other/pull/1"); a.status != http.StatusNotFound {
		t.Errorf("the pull request of another repository: %d", a.status)
	}
	if a := newcomer.get("/"); strings.Contains(a.body, "Update dependencies") {
		t.Errorf("the overview shows another's: %s", a.body)
	}
	_ = p
}

// TestGitHubAway: then nobody sees anything, and is told to try again.
func TestGitHubAway(t *testing.T) {
	w, p := waiting(t, pagestest.Options{})
	reviewer := signedIn(t, w, "reviewer")
	w.GitHub.AddFault(githubtest.Fault{Path: "/repos/acme/app", Status: http.StatusBadGateway})
	if a := reviewer.get(w.Path(p)); a.status != http.StatusServiceUnavailable || strings.Contains(a.body, "grabber") {
		t.Errorf("%d", a.status)
	}
}

// TestHeaders: those that keep a page to itself are on every answer.
func TestHeaders(t *testing.T) {
	w, p := waiting(t, pagestest.Options{})
	reviewer := signedIn(t, w, "reviewer")
	page := reviewer.get(w.Path(p))
	for path, a := range map[string]answer{
		"details": page, "overview": reviewer.get("/"), "repository": reviewer.get("/acme/app"), "not found": reviewer.get("/x"),
		"login": visitor(t, w).get("/login"), "redirect": visitor(t, w).get("/"), "forged": visitor(t, w).post("/logout", nil),
	} {
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			"X-Content-Type-Options":  "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		for _, no := range []string{"style=", "<script", "javascript:", " onclick"} {
			if strings.Contains(a.body, no) {
				t.Errorf("%s has %q", path, no)
			}
		}
	}
	style := regexp.MustCompile(`/assets/style-[0-9a-f]{16}\.css`).FindString(page.body)
	if a := visitor(t, w).get(style); a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "text/css") || !strings.Contains(a.header.Get("Cache-Control"), "immutable") {
		t.Errorf("style sheet: %d %v", a.status, a.header)
	}
}
