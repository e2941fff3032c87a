package pages_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/server/pages/pagestest"
	"github.com/lockkeeper/lockkeeper/store/storetest/pgtest"
)

func TestASignOffOnThePageCounts(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { testSignOff(t, "") })
	t.Run("PostgreSQL", func(t *testing.T) { testSignOff(t, pgtest.New(t)) })
}

func testSignOff(t *testing.T, database string) {
	w, p := waiting(t, pagestest.Options{Store: database})
	reviewer := signedIn(t, w, "reviewer")
	page := reviewer.get(w.Path(p))
	for _, part := range []string{"grabber", "reaches the network", "0.17.8", "Cargo.lock:9", "std::process::Command", `name="finding"`} {
		if !strings.Contains(page.body, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
	a := reviewer.post(w.Path(p), form(page))
	if a.status != http.StatusSeeOther || a.location != w.Path(p)+"?recorded=counted" {
		t.Fatalf("%d to %s: %s", a.status, a.location, a.body)
	}
	if after := reviewer.get(a.location); !strings.Contains(after.body, "Recorded and counted.") || !strings.Contains(after.body, "signed by reviewer") {
		t.Errorf("afterwards:\n%s", after.body)
	}
	wantCheck(t, w, p, "success")
	wantStatements(t, w, 2)
	if a := reviewer.get("/acme/app"); !strings.Contains(a.body, "looked at it") || !strings.Contains(a.body, "grabber 2.0.0") {
		t.Errorf("the repository's page does not say who signed what:\n%s", a.body)
	}
	said, err := w.Store.RecentStatements(t.Context(), w.Repo.ID, 1)
	if err != nil || said[0].Where != w.URL+w.Path(p) || said[0].Login != "reviewer" || said[0].Pull != p.Number {
		t.Errorf("%+v, %v", said, err)
	}
}

// TestPromise2OnThePage: it is the same policy as for comments.
func TestPromise2OnThePage(t *testing.T) {
	w, p := waiting(t, pagestest.Options{})
	for _, login := range []string{"author", "reader"} {
		someone := signedIn(t, w, login)
		page := someone.get(w.Path(p))
		if own := strings.Contains(page.body, "your sign-off will not count"); own != (login == "author") {
			t.Errorf("%s is told: %v", login, own)
		}
		a := someone.post(w.Path(p), form(page))
		if a.status != http.StatusSeeOther {
			t.Fatalf("%s: %d", login, a.status)
		}
		if after := someone.get(a.location); !strings.Contains(after.body, "does not count") {
			t.Errorf("%s is not told why it does not count", login)
		}
	}
	wantCheck(t, w, p, "action_required")
}

func TestRejectAndWithdrawOnThePage(t *testing.T) {
	w, p := waiting(t, pagestest.Options{})
	reviewer := signedIn(t, w, "reviewer")
	say := func(verdict, reason, want string) {
		t.Helper()
		page := reviewer.get(w.Path(p))
		f := form(page)
		f.Set("verdict", verdict)
		f.Set("reason", reason)
		f.Set("which", "ticked")
		for _, digest := range digests(page) {
			f.Add("finding", digest)
		}
		if a := reviewer.post(w.Path(p), f); a.status != http.StatusSeeOther {
			t.Fatalf("%s: %d %s", verdict, a.status, a.body)
		}
		wantCheck(t, w, p, want)
	}
	say("reject", "no", "failure")
	say("withdraw", "", "action_required")
	say("sign-off", "yes", "success")
	say("withdraw", "", "action_required")
}

// digests of all boxes on a page.
func digests(page answer) []string {
	var all []string
	rest := page.body
	for {
		_, after, found := strings.Cut(rest, `name="finding" value="`)
		if !found {
			return all
		}
		digest, tail, _ := strings.Cut(after, `"`)
		all, rest = append(all, digest), tail
	}
}

// TestSendingAFormTwice records once, also at the same time.
func TestSendingAFormTwice(t *testing.T) {
	w, p := waiting(t, pagestest.Options{})
	reviewer := signedIn(t, w, "reviewer")
	f := form(reviewer.get(w.Path(p)))
	done := make(chan int)
	for range 4 {
		go func() {
			resp, err := reviewer.http.Do(reviewer.request(w.Path(p), f))
			if err != nil {
				done <- 0
				return
			}
			resp.Body.Close()
			done <- resp.StatusCode
		}()
	}
	for range 4 {
		if status := <-done; status != http.StatusSeeOther {
			t.Errorf("%d", status)
		}
	}
	wantStatements(t, w, 2)
	wantCheck(t, w, p, "success")
	// A withdrawal is not undone by the back button.
	page := reviewer.get(w.Path(p))
	withdraw := form(page)
	withdraw.Set("verdict", "withdraw")
	withdraw.Set("which", "ticked")
	withdraw["finding"] = digests(page)
	reviewer.post(w.Path(p), withdraw)
	wantCheck(t, w, p, "action_required")
	reviewer.post(w.Path(p), f)
	wantCheck(t, w, p, "action_required")
	wantStatements(t, w, 4)
}

// TestPromise4APageSignsWhatItShowed: what came since is not signed, and what was
// never shown neither.
func TestPromise4APageSignsWhatItShowed(t *testing.T) {
	w, p := waiting(t, pagestest.Options{})
	reviewer := signedIn(t, w, "reviewer")
	page := reviewer.get(w.Path(p))
	old := form(page)
	p.Push(githubtest.CommitSpec{Message: "More", Author: "author", Files: map[string]string{"Cargo.lock": w.Incident()}})
	wantCheck(t, w, p, "action_required")
	if a := reviewer.post(w.Path(p), old); a.status != http.StatusSeeOther {
		t.Errorf("what is still there: %d", a.status)
	}
	// tables 1.5.0 with its new publisher came after the page was made.
	wantCheck(t, w, p, "action_required")
	wantStatements(t, w, 2)

	p.Push(githubtest.CommitSpec{Message: "Less", Author: "author", Files: map[string]string{"Cargo.lock": w.Lock("assembler@0.17.9", "quiet@1.0.1", "tables@1.5.0")}})
	w.Settle()
	again := form(page)
	again.Set("reason", "once more")
	a := reviewer.post(w.Path(p), again)
	if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "changed while you looked") {
		t.Errorf("what is gone: %d", a.status)
	}
	made := form(reviewer.get(w.Path(p)))
	made["shown"] = []string{string(lockkeeper.Sum([]byte("made up")))}
	if a := reviewer.post(w.Path(p), made); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a made-up digest: %d", a.status)
	}
	wantStatements(t, w, 2)
}

func TestFormsThatLackSomething(t *testing.T) {
	w, p := waiting(t, pagestest.Options{})
	reviewer := signedIn(t, w, "reviewer")
	good := func() url.Values { return form(reviewer.get(w.Path(p))) }
	for name, test := range map[string]struct {
		change func(url.Values)
		status int
		want   string
	}{
		"no reason":         {func(f url.Values) { f.Set("reason", " \r\n ") }, 422, "Give a reason"},
		"nothing ticked":    {func(f url.Values) { f.Set("which", "ticked") }, 422, "Tick what you speak about"},
		"no verdict":        {func(f url.Values) { f.Del("verdict") }, 422, "Say whether"},
		"odd verdict":       {func(f url.Values) { f.Set("verdict", "approve") }, 422, "Say whether"},
		"no nonce":          {func(f url.Values) { f.Del("nonce") }, 422, "not complete"},
		"long nonce":        {func(f url.Values) { f.Set("nonce", strings.Repeat("x", 1000)) }, 422, "not complete"},
		"no session":        {func(f url.Values) { f.Del("session") }, 403, "Not accepted"},
		"another's session": {func(f url.Values) { f.Set("session", strings.Repeat("0", 64)) }, 403, "Not accepted"},
		"huge":              {func(f url.Values) { f.Set("reason", strings.Repeat("x", 2<<20)) }, 403, "Not accepted"},
	} {
		f := good()
		test.change(f)
		if a := reviewer.post(w.Path(p), f); a.status != test.status || !strings.Contains(a.body, test.want) {
			t.Errorf("%s: %d, want %d and %q", name, a.status, test.status, test.want)
		}
	}
	wantStatements(t, w, 0)
	// What was written is not lost.
	f := good()
	f.Set("which", "ticked")
	f.Set("reason", "a long and good reason <b>")
	f.Set("verdict", "reject")
	a := reviewer.post(w.Path(p), f)
	if !strings.Contains(a.body, "a long and good reason &lt;b&gt;") || !strings.Contains(a.body, `value="reject" checked`) {
		t.Error("what was written is lost")
	}
}

// TestFormsFromElsewhere are refused by what browsers say of them, whatever they hold.
func TestFormsFromElsewhere(t *testing.T) {
	w, p := waiting(t, pagestest.Options{})
	reviewer := signedIn(t, w, "reviewer")
	f := form(reviewer.get(w.Path(p)))
	for name, header := range map[string]http.Header{
		"cross-site":        {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example.invalid"}},
		"same-site":         {"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://evil.example.invalid"}},
		"an older browser":  {"Origin": {"https://evil.example.invalid"}},
		"an opaque origin":  {"Origin": {"null"}},
		"GitHub's own page": {"Sec-Fetch-Site": {"cross-site"}, "Origin": {w.GitHub.URL()}},
	} {
		req := reviewer.request(w.Path(p), f)
		req.Header.Del("Origin")
		req.Header.Del("Sec-Fetch-Site")
		for name, values := range header {
			req.Header[name] = values
		}
		if a := reviewer.do(req); a.status != http.StatusForbidden {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	wantStatements(t, w, 0)
}

func TestAClosedPullRequestWaitsForNobody(t *testing.T) {
	w, p := waiting(t, pagestest.Options{})
	reviewer := signedIn(t, w, "reviewer")
	f := form(reviewer.get(w.Path(p)))
	p.Close("author")
	w.Settle()
	if a := reviewer.get("/"); strings.Contains(a.body, "Update dependencies") {
		t.Error("it still waits")
	}
	if a := reviewer.get(w.Path(p)); a.status != http.StatusOK || strings.Contains(a.body, `id="sign"`) || !strings.Contains(a.body, "is closed") {
		t.Errorf("its page: %d", a.status)
	}
	if a := reviewer.post(w.Path(p), f); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a sign-off: %d", a.status)
	}
	wantStatements(t, w, 0)
	p.Reopen("author")
	w.Settle()
	if a := reviewer.get("/"); !strings.Contains(a.body, "Update dependencies") {
		t.Error("it does not wait any more after it was reopened")
	}
}

// TestWhatCannotBeJudged has a page that says so.
func TestWhatCannotBeJudged(t *testing.T) {
	w, p := waiting(t, pagestest.Options{})
	w.Repo.Commit("main", githubtest.CommitSpec{Message: "Break", Author: "second", Files: map[string]string{".lockkeeper/allow.toml": "[[allow]\n"}})
	wantCheck(t, w, p, "failure")
	reviewer := signedIn(t, w, "reviewer")
	if a := reviewer.get(w.Path(p)); a.status != http.StatusOK || !strings.Contains(a.body, "could not be judged") {
		t.Errorf("details: %d %s", a.status, a.body)
	}
	if a := reviewer.get("/acme/app"); a.status != http.StatusOK || !strings.Contains(a.body, "cannot be read") || !strings.Contains(a.body, "allow.toml") {
		t.Errorf("allowlist: %d %s", a.status, a.body)
	}
	if a := reviewer.get("/"); a.status != http.StatusOK || !strings.Contains(a.body, "cannot be read") {
		t.Errorf("overview: %d %s", a.status, a.body)
	}
}

// TestPagesAskNoRegistry: everything was found out by the scan.
func TestPagesAskNoRegistry(t *testing.T) {
	w, p := waiting(t, pagestest.Options{})
	reviewer := signedIn(t, w, "reviewer")
	w.CloseRegistry()
	for _, path := range []string{"/", "/acme/app", w.Path(p), w.Path(p) + "?only=" + url.QueryEscape("pkg:cargo/grabber@2.0.0")} {
		if a := reviewer.get(path); a.status != http.StatusOK {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	one := reviewer.get(w.Path(p) + "?only=" + url.QueryEscape("pkg:cargo/grabber@2.0.0"))
	if !strings.Contains(one.body, "ureq") || strings.Contains(one.body, `class="name">assembler<`) {
		t.Error("one package alone is not alone")
	}
}

// TestAllowlistPage says of each entry how it stands.
func TestAllowlistPage(t *testing.T) {
	w, _ := waiting(t, pagestest.Options{Allow: `[[allow]]
package = "cargo/assembler"
may = ["compile"]
reason = "with <cc>"
signed-off-by = "second"
signed-off-in = "#3"
[[allow]]
package = "cargo/gone"
may = ["compile"]
reason = "x"
[[allow]]
package = "cargo/quiet"
publishers = ["user:1"]
reason = "x"
expires = 2020-01-01
[[allow]]
package = "cargo/quiet"
any = true
reason = "x"
`})
	page := signedIn(t, w, "reader").get("/acme/app")
	for _, want := range []string{"1 in use", "1 stale", "1 expired", "1 overbroad", "with &lt;cc&gt;", "second", "#3", "until 2020-01-01", "compile", "line 7"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %q:\n%s", want, page.body)
		}
	}
}

// TestASignOffHoldsInOtherPullRequests that bring in the same.
func TestASignOffHoldsInOtherPullRequests(t *testing.T) {
	w, p := waiting(t, pagestest.Options{})
	other := w.Open("The same", w.Lock("assembler@0.17.9", "grabber@2.0.0", "quiet@1.0.0", "tables@1.4.1"))
	wantCheck(t, w, other, "action_required")
	reviewer := signedIn(t, w, "reviewer")
	reviewer.post(w.Path(p), form(reviewer.get(w.Path(p))))
	wantCheck(t, w, p, "success")
	wantCheck(t, w, other, "success")
}

// TestLinksToThePages: from the check and from the comment.
func TestLinksToThePages(t *testing.T) {
	w, p := waiting(t, pagestest.Options{})
	comments := p.Comments()
	if len(comments) != 1 || !strings.Contains(comments[0].Body, "("+w.URL+w.Path(p)+")") {
		t.Errorf("the comment does not lead to the page: %+v", comments)
	}
	if _, details := w.Check(p); details != w.URL+w.Path(p) {
		t.Errorf("the check leads to %q", details)
	}
}
