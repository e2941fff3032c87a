package pages_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/server/pages/pagestest"
)

// cookies that an answer sets, by name.
func cookies(a answer) map[string]*http.Cookie {
	set := map[string]*http.Cookie{}
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		set[c.Name] = c
	}
	return set
}

// session is the id that a visitor's browser has.
func (p *person) session() string {
	u, err := url.Parse(p.w.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, c := range p.http.Jar.Cookies(u) {
		if c.Name == "__Host-lockkeeper" {
			return c.Value
		}
	}
	return ""
}

func TestCookiesAsTheyShouldBe(t *testing.T) {
	w := pagestest.New(t, pagestest.Options{})
	p := visitor(t, w)
	begun := p.get("/login/github")
	back := p.get(p.authorize(begun.location, "reader"))
	for name, c := range map[string]*http.Cookie{"login": cookies(begun)["__Host-lockkeeper-login"], "session": cookies(back)["__Host-lockkeeper"]} {
		if c == nil {
			t.Errorf("%s: no cookie", name)
			continue
		}
		if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge <= 0 {
			t.Errorf("%s: %+v", name, c)
		}
		if len(c.Value) < 43 {
			t.Errorf("%s: %d characters are no 256 bits", name, len(c.Value))
		}
	}
	if c := cookies(back)["__Host-lockkeeper-login"]; c == nil || c.MaxAge >= 0 {
		t.Errorf("the cookie of the sign-in stays: %+v", c)
	}
}

// TestTheStoreHoldsNoSession: whoever reads the database cannot take one over.
func TestTheStoreHoldsNoSession(t *testing.T) {
	w := pagestest.New(t, pagestest.Options{})
	id := signedIn(t, w, "reader").session()
	if id == "" {
		t.Fatal("no session")
	}
	rows, err := w.Store.DB().QueryContext(t.Context(), "SELECT hash, login FROM sessions")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var hash, login string
		if err := rows.Scan(&hash, &login); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(hash, id) || !strings.HasPrefix(hash, "sha256:") || login != "reader" {
			t.Errorf("stored %q of %q", hash, login)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if log := w.Log.String(); strings.Contains(log, id) || strings.Contains(log, "ghu_") || strings.Contains(log, w.GitHub.ClientSecret()) {
		t.Error("the log has a secret")
	}
}

func TestSessionsEnd(t *testing.T) {
	w := pagestest.New(t, pagestest.Options{})
	gone := func(p *person, when string) {
		t.Helper()
		if a := p.get("/"); a.status != http.StatusSeeOther {
			t.Errorf("%s: %d", when, a.status)
		}
	}
	there := func(p *person, when string) {
		t.Helper()
		if a := p.get("/"); a.status != http.StatusOK {
			t.Errorf("%s: %d", when, a.status)
		}
	}
	idle, busy := signedIn(t, w, "reader"), signedIn(t, w, "reader")
	for range 15 { // seven days and a half
		there(busy, "while it is used")
		w.Advance(11 * time.Hour)
	}
	there(busy, "after 165 hours")
	w.Advance(2 * time.Hour)
	there(busy, "just before seven days")
	w.Advance(2 * time.Hour)
	gone(busy, "after seven days, although it was used")
	gone(idle, "after it was not used")

	left := signedIn(t, w, "reader")
	id := left.session()
	page := left.get("/")
	if a := left.post("/logout", url.Values{"session": {between(page.body, `name="session" value="`, `"`)}}); a.status != http.StatusSeeOther {
		t.Errorf("sign out: %d %s", a.status, a.body)
	}
	gone(left, "after signing out")
	stolen := visitor(t, w)
	req, err := http.NewRequest(http.MethodGet, w.URL+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.AddCookie(&http.Cookie{Name: "__Host-lockkeeper", Value: id})
	if a := stolen.do(req); a.status != http.StatusSeeOther {
		t.Errorf("the old id after signing out: %d", a.status)
	}
}

func between(s, before, after string) string {
	_, rest, _ := strings.Cut(s, before)
	found, _, _ := strings.Cut(rest, after)
	return found
}

// TestSigningInMakesANewSession: an id that was there before is worth nothing.
func TestSigningInMakesANewSession(t *testing.T) {
	w := pagestest.New(t, pagestest.Options{})
	p := signedIn(t, w, "reader")
	before := p.session()
	p.signIn("reviewer", "/")
	if p.session() == before {
		t.Error("the session has the old id")
	}
	req, err := http.NewRequest(http.MethodGet, w.URL+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.AddCookie(&http.Cookie{Name: "__Host-lockkeeper", Value: before})
	if a := visitor(t, w).do(req); a.status != http.StatusSeeOther {
		t.Errorf("the old id: %d", a.status)
	}
}

// TestSignInIsBoundToItsBrowser: nobody can be signed in as somebody else by a link.
func TestSignInIsBoundToItsBrowser(t *testing.T) {
	w := pagestest.New(t, pagestest.Options{})
	mallory, victim := visitor(t, w), visitor(t, w)
	link := mallory.authorize(mallory.get("/login/github").location, "stranger")
	refused := func(p *person, address, what string) {
		t.Helper()
		if a := p.get(address); a.status != http.StatusBadRequest || p.session() != "" {
			t.Errorf("%s: %d, session %q", what, a.status, p.session())
		}
	}
	refused(victim, link, "another's link without having begun")
	victim.get("/login/github")
	refused(victim, link, "another's link after having begun")
	begun := victim.get("/login/github")
	u, err := url.Parse(victim.authorize(begun.location, "reader"))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	refused(victim, w.URL+"/login/callback?code="+q.Get("code"), "no state")
	victim.get("/login/github")
	refused(victim, w.URL+"/login/callback?error=access_denied&state="+q.Get("state"), "somebody who said no")
	for _, cookie := range []string{"", ".", "a.b.c", "..", strings.Repeat("x.", 5)} {
		req, err := http.NewRequest(http.MethodGet, w.URL+"/login/callback?code=x&state=", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.AddCookie(&http.Cookie{Name: "__Host-lockkeeper-login", Value: cookie})
		if a := visitor(t, w).do(req); a.status != http.StatusBadRequest {
			t.Errorf("cookie %q: %d", cookie, a.status)
		}
	}
	if victim.signIn("reader", "/"); victim.session() == "" {
		t.Error("an honest sign-in does not work any more")
	}
}

// TestSignInLeadsNowhereElse: where people go afterwards is a path of this site.
func TestSignInLeadsNowhereElse(t *testing.T) {
	w := pagestest.New(t, pagestest.Options{})
	for to, want := range map[string]string{
		"/acme/app?x=1": "/acme/app?x=1", "": "/", "https://evil.example.invalid/": "/", "//evil.example.invalid": "/", `/\evil.example.invalid`: "/",
		"/\t/evil.example.invalid": "/", "javascript:alert(1)": "/", "acme": "/", "/" + strings.Repeat("x", 2000): "/", "https:/acme": "/",
	} {
		if got := visitor(t, w).signIn("reader", to); got != want {
			t.Errorf("to %q: came to %q, want %q", to, got, want)
		}
	}
}
