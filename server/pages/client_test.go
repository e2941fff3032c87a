package pages_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/server/pages/pagestest"
)

// person is somebody's browser, without what a browser itself forbids.
type person struct {
	t    *testing.T
	w    *pagestest.World
	http *http.Client
}

// answer is what came back.
type answer struct {
	status   int
	header   http.Header
	body     string
	location string
}

func visitor(t *testing.T, w *pagestest.World) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := *w.Client
	client.Jar = jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &person{t, w, &client}
}

// signedIn is a visitor who went through GitHub as login.
func signedIn(t *testing.T, w *pagestest.World, login string) *person {
	t.Helper()
	p := visitor(t, w)
	p.signIn(login, "/")
	return p
}

func (p *person) do(req *http.Request) answer {
	p.t.Helper()
	resp, err := p.http.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body), resp.Header.Get("Location")}
}

func (p *person) get(path string) answer {
	p.t.Helper()
	if !strings.Contains(path, "://") {
		path = p.w.URL + path
	}
	req, err := http.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.do(req)
}

// post sends a form as a browser does from a page of the same site.
func (p *person) post(path string, form url.Values) answer {
	p.t.Helper()
	return p.do(p.request(path, form))
}

func (p *person) request(path string, form url.Values) *http.Request {
	p.t.Helper()
	req, err := http.NewRequest(http.MethodPost, p.w.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", p.w.URL)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return req
}

// authorize is what login does on GitHub's page; it gives where that leads.
func (p *person) authorize(address, login string) string {
	p.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		p.t.Fatal(err)
	}
	q := u.Query()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.PostForm(u.Scheme+"://"+u.Host+u.Path, url.Values{
		"login": {login}, "redirect_uri": {q.Get("redirect_uri")}, "state": {q.Get("state")}, "code_challenge": {q.Get("code_challenge")},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.Header.Get("Location")
}

// signIn goes through GitHub and gives where the visitor ends up.
func (p *person) signIn(login, to string) string {
	p.t.Helper()
	begun := p.get("/login/github?to=" + url.QueryEscape(to))
	if begun.status != http.StatusSeeOther || !strings.HasPrefix(begun.location, p.w.GitHub.URL()+"/login/oauth/authorize?") {
		p.t.Fatalf("signing in leads to %d %s", begun.status, begun.location)
	}
	back := p.get(p.authorize(begun.location, login))
	if back.status != http.StatusSeeOther {
		p.t.Fatalf("coming back from GitHub: %d %s", back.status, back.body)
	}
	return back.location
}

var inputs = regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)">`)

// form is the sign-off form of a page as it is at first, with a reason.
func form(page answer) url.Values {
	_, rest, _ := strings.Cut(page.body, `<form class="sign"`)
	rest, _, _ = strings.Cut(rest, "</form>")
	values := url.Values{"which": {"all"}, "verdict": {"sign-off"}, "reason": {"looked at it"}}
	for _, m := range inputs.FindAllStringSubmatch(rest, -1) {
		values.Add(m[1], m[2])
	}
	return values
}

// waiting is a world in which one pull request waits for the sign-off of two
// findings.
func waiting(t *testing.T, o pagestest.Options) (*pagestest.World, *githubtest.Pull) {
	t.Helper()
	w := pagestest.New(t, o)
	p := w.Open("Update dependencies", w.Lock("assembler@0.17.9", "grabber@2.0.0", "quiet@1.0.1", "tables@1.4.1"))
	wantCheck(t, w, p, "action_required")
	return w, p
}

func wantCheck(t *testing.T, w *pagestest.World, p *githubtest.Pull, want string) {
	t.Helper()
	w.Settle()
	if got, _ := w.Check(p); got != want {
		t.Errorf("the check is %q, want %q\n%s", got, want, w.Log)
	}
}

func wantStatements(t *testing.T, w *pagestest.World, want int) {
	t.Helper()
	said, err := w.Store.RecentStatements(t.Context(), w.Repo.ID, 100)
	if err != nil {
		t.Fatal(err)
	}
	if len(said) != want {
		t.Errorf("%d statements, want %d: %+v", len(said), want, said)
	}
}
