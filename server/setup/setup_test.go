package setup_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/github/githubtest/contract"
	"github.com/lockkeeper/lockkeeper/scan"
	"github.com/lockkeeper/lockkeeper/server"
	"github.com/lockkeeper/lockkeeper/server/setup"
	"github.com/lockkeeper/lockkeeper/store"
)

// public is the server's address from outside, origin one that browsers may come by.
const public, origin = "https://lockkeeper.example.invalid", "http://127.0.0.1:8080"

// world is a guide with a GitHub, and a server that it starts.
type world struct {
	*setup.Guide
	t       *testing.T
	github  *githubtest.Server
	token   string
	written []*github.Made // copies, as Write got them

	mu    sync.Mutex
	log   bytes.Buffer // guarded by mu
	ahead time.Duration
	write error // that Write fails with
	start error // that Start fails with
	pages strings.Builder
}

func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

// newWorld: with a public address that is known from the start, or without.
func newWorld(t *testing.T, preset string, cfg githubtest.Config) *world {
	t.Helper()
	w := &world{t: t, token: setup.NewToken()}
	var err error
	if w.github, err = githubtest.New(cfg); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(w.github)
	t.Cleanup(func() { w.github.Close(); web.Close() })
	w.github.SetURL(web.URL)
	w.github.AddUser("alice")
	w.github.AddOrg("acme", "alice")
	w.github.AddRepo("acme", "app", githubtest.RepoOptions{NotInstalled: true, Files: map[string]string{"README.md": "x\n"}})
	log := zerolog.New(w)
	w.Guide = setup.New(setup.Config{
		Token: w.token, Listen: "127.0.0.1:8080", Path: "/etc/lockkeeper.toml", Preset: setup.Choice{PublicURL: preset}, Log: log, Now: w.now, Wait: 50 * time.Millisecond,
		Maker: func(setup.Choice) (*github.Maker, error) {
			return github.NewMaker(github.Config{BaseURL: w.github.APIURL(), Transport: contract.New(nil, func(err error) { t.Error(err) })})
		},
		Write: func(_ setup.Choice, made *github.Made) ([]string, error) {
			if w.write != nil {
				return nil, w.write
			}
			kept := *made
			w.written = append(w.written, &kept)
			return []string{"/etc/lockkeeper.toml", "/etc/lockkeeper.private-key.pem"}, nil
		},
		Start: func() (*setup.Running, error) {
			if w.start != nil {
				return nil, w.start
			}
			return w.serve(log), nil
		},
	})
	return w
}

// serve runs a server with what was written last.
func (w *world) serve(log zerolog.Logger) *setup.Running {
	made := w.written[len(w.written)-1]
	db, err := store.Open(context.Background(), filepath.Join(w.t.TempDir(), "db"))
	if err != nil {
		w.t.Fatal(err)
	}
	app, err := github.New(github.Config{BaseURL: w.github.APIURL(), WebURL: w.github.URL(), AppID: made.ID, PrivateKey: []byte(made.PrivateKey)})
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := server.New(context.Background(), server.Config{WebhookSecret: made.WebhookSecret, App: app, Store: db, Scanner: &scan.Scanner{}, Log: log})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := s.Start(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := errors.Join(s.Stop(context.Background()), db.Close()); err != nil {
			w.t.Error(err)
		}
	})
	return &setup.Running{Handler: s.Handler(), Server: s, App: app}
}

// answer is what a browser got.
type answer struct {
	status   int
	body     string
	location string
	header   http.Header
}

// browser keeps the cookie, and nothing else.
type browser struct {
	w      *world
	origin string
	cookie *http.Cookie
	form   string
}

func (w *world) browser(origin string) *browser { return &browser{w: w, origin: origin} }

func (b *browser) do(method, path string, form url.Values, change func(*http.Request)) answer {
	b.w.t.Helper()
	req := httptest.NewRequest(method, b.origin+path, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", b.origin)
	}
	if b.cookie != nil {
		req.AddCookie(b.cookie)
	}
	if change != nil {
		change(req)
	}
	rec := httptest.NewRecorder()
	b.w.ServeHTTP(rec, req)
	resp := rec.Result()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	for _, c := range resp.Cookies() {
		b.cookie = c
	}
	if m := regexp.MustCompile(`name="form" value="([^"]+)"`).FindSubmatch(body); m != nil {
		b.form = string(m[1])
	}
	b.w.pages.Write(body)
	return answer{resp.StatusCode, string(body), resp.Header.Get("Location"), resp.Header}
}

func (b *browser) get(path string) answer { return b.do(http.MethodGet, path, nil, nil) }

func (b *browser) post(path string, form url.Values) answer {
	if form == nil {
		form = url.Values{}
	}
	form.Set("form", b.form)
	return b.do(http.MethodPost, path, form, nil)
}

// enter opens the page.
func (b *browser) enter() *browser {
	b.w.t.Helper()
	if a := b.get("/setup?token=" + b.w.token); a.status != http.StatusSeeOther || a.location != "/setup" || b.cookie == nil {
		b.w.t.Fatalf("the token does not open the page: %d %s", a.status, a.body)
	}
	if a := b.get("/setup"); a.status != http.StatusOK {
		b.w.t.Fatalf("the page: %d %s", a.status, a.body)
	}
	return b
}

func answers() url.Values {
	return url.Values{"public-url": {public}, "organisation": {"acme"}}
}

// planned goes on to the page that describes the App, and through GitHub's. It gives
// where GitHub leads to.
func (b *browser) planned() string {
	b.w.t.Helper()
	if a := b.post("/setup/plan", answers()); a.status != http.StatusSeeOther {
		b.w.t.Fatalf("the form: %d %s", a.status, a.body)
	}
	page := b.get("/setup")
	m := regexp.MustCompile(`(?s)action="([^"]+/settings/apps)/new\?state=([^"]+)".*name="manifest" value="([^"]+)"`).FindStringSubmatch(page.body)
	if m == nil {
		b.w.t.Fatalf("no App is described: %s", page.body)
	}
	text := html.UnescapeString(m[3])
	var manifest github.Manifest
	if err := json.Unmarshal([]byte(text), &manifest); err != nil {
		b.w.t.Fatal(err)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.PostForm(m[1], url.Values{"manifest": {text}, "name": {manifest.Name}, "state": {html.UnescapeString(m[2])}})
	if err != nil {
		b.w.t.Fatal(err)
	}
	resp.Body.Close()
	to := resp.Header.Get("Location")
	path, ok := strings.CutPrefix(to, b.origin)
	if !ok {
		b.w.t.Fatalf("GitHub leads to %q, not to where the browser was", to)
	}
	return path
}

// deliver lets GitHub's deliveries reach the guide.
func (w *world) deliver() {
	ts := httptest.NewServer(w)
	w.t.Cleanup(ts.Close)
	w.github.SetWebhook(ts.URL+"/webhook", w.written[len(w.written)-1].WebhookSecret)
}

func (w *world) quiet() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	said := w.log.String() + w.pages.String()
	for _, made := range w.written {
		for _, secret := range []string{made.WebhookSecret, made.ClientSecret, "PRIVATE KEY", made.PrivateKey[100:150], w.token} {
			if strings.Contains(said, secret) {
				w.t.Errorf("promise 10: %.10s... is logged or shown", secret)
			}
		}
	}
}

// TestNobodyWithoutTheToken gets to see or do anything.
func TestNobodyWithoutTheToken(t *testing.T) {
	w := newWorld(t, "", githubtest.Config{})
	b := w.browser(origin)
	for _, path := range []string{"/setup", "/setup?change=1", "/setup?wait=1", "/setup?token=", "/setup?token=" + setup.NewToken(), "/setup?token=" + w.token[:len(w.token)-1], "/setup/created?code=0123456789&state="} {
		if a := b.get(path); a.status != http.StatusForbidden || b.cookie != nil || strings.Contains(a.body, "<form") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for _, path := range []string{"/setup/plan", "/setup/again", "/setup/look", "/setup/finish"} {
		if a := b.post(path, answers()); a.status != http.StatusForbidden {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	b.cookie = &http.Cookie{Name: "lockkeeper-setup", Value: ""}
	if a := b.get("/setup"); a.status != http.StatusForbidden {
		t.Errorf("an empty cookie: %d", a.status)
	}
	w.quiet()
}

// TestTheTokenOpensOneBrowser, once; a second visitor is told, and the log.
func TestTheTokenOpensOneBrowser(t *testing.T) {
	w := newWorld(t, public, githubtest.Config{})
	first := w.browser(origin).enter()
	if c := first.cookie; !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure {
		t.Errorf("the cookie on loopback: %+v", c)
	}
	second := w.browser(origin)
	a := second.get("/setup?token=" + w.token)
	if a.status != http.StatusForbidden || second.cookie != nil || !strings.Contains(a.body, "works once") {
		t.Errorf("a second visitor: %d %s", a.status, a.body)
	}
	if !strings.Contains(w.log.String(), "a second time") {
		t.Error("the log does not tell of a second visitor")
	}
	if a := first.get("/setup?token=" + w.token); a.location != "/setup" {
		t.Errorf("the first one, once more: %d", a.status)
	}
	if a := first.get("/setup"); a.header.Get("Referrer-Policy") == "" || a.header.Get("Cache-Control") != "no-store" || !strings.Contains(a.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("headers: %v", a.header)
	}
	w.quiet()

	behindTLS := newWorld(t, public, githubtest.Config{}).browser(public).enter()
	if !behindTLS.cookie.Secure {
		t.Error("the cookie goes in the clear, too")
	}
}

// TestHosts: a name that leads here is not yet one of ours.
func TestHosts(t *testing.T) {
	for _, test := range []struct {
		preset, host string
		want         int
	}{
		{"", "127.0.0.1:8080", 303}, {"", "localhost:9999", 303}, {"", "[::1]:8080", 303}, {"", "localhost", 303},
		{"", "evil.example.invalid", 421}, {"", "evil.example.invalid:8080", 421}, {"", "127.0.0.1.evil.example.invalid", 421}, {"", "lockkeeper.example.invalid", 421}, {"", "", 421},
		{public, "lockkeeper.example.invalid", 303}, {public, "LOCKKEEPER.example.invalid", 303}, {public, "lockkeeper.example.invalid:444", 421},
	} {
		w := newWorld(t, test.preset, githubtest.Config{})
		a := w.browser(origin).do(http.MethodGet, "/setup?token="+w.token, nil, func(r *http.Request) {
			r.Host = test.host
			r.Header.Set("X-Forwarded-Host", "evil.example.invalid")
		})
		if a.status != test.want {
			t.Errorf("known %q, asked for %q: %d, want %d", test.preset, test.host, a.status, test.want)
		}
	}
}

// TestPromise8NothingIsHeardBefore there is a secret to check it with.
func TestPromise8NothingIsHeardBefore(t *testing.T) {
	w := newWorld(t, "", githubtest.Config{})
	b := w.browser(origin)
	for path, want := range map[string]int{"/webhook": 503, "/readyz": 503, "/healthz": 200, "/": 404, "/acme/app": 404, "/login": 404} {
		if a := b.get(path); a.status != want {
			t.Errorf("%s: %d, want %d", path, a.status, want)
		}
	}
	if a := b.post("/webhook", url.Values{"x": {"y"}}); a.status != http.StatusServiceUnavailable {
		t.Errorf("a delivery: %d", a.status)
	}
}

// TestForms from elsewhere, or with another's token, do nothing.
func TestForms(t *testing.T) {
	w := newWorld(t, "", githubtest.Config{})
	b := w.browser(origin).enter()
	form := answers()
	form.Set("form", b.form)
	for name, change := range map[string]func(*http.Request){
		"another origin":   func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:9999") },
		"another site":     func(r *http.Request) { r.Header.Del("Origin"); r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"a neighbour port": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
	} {
		if a := b.do(http.MethodPost, "/setup/plan", form, change); a.status != http.StatusForbidden {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	for _, token := range []string{"", "x", setup.NewToken()} {
		form.Set("form", token)
		if a := b.do(http.MethodPost, "/setup/plan", form, nil); a.status != http.StatusForbidden {
			t.Errorf("form token %q: %d", token, a.status)
		}
	}
	if a := b.get("/setup"); !strings.Contains(a.body, "Address of this server") {
		t.Error("a form that was refused had an effect")
	}
}

// TestReturn: only the answer to what this browser began counts, and once.
func TestReturn(t *testing.T) {
	w := newWorld(t, "", githubtest.Config{})
	b := w.browser(origin).enter()
	back := b.planned()
	at, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(name string, who *browser, q url.Values) {
		t.Helper()
		if a := who.get("/setup/created?" + q.Encode()); a.status != http.StatusForbidden {
			t.Errorf("%s: %d", name, a.status)
		}
		if len(w.written) > 0 {
			t.Fatalf("%s: the configuration is written", name)
		}
	}
	good := at.Query()
	change := func(name, value string) url.Values {
		q := at.Query()
		q.Set(name, value)
		return q
	}
	refused("no state", b, change("state", ""))
	refused("another state", b, change("state", setup.NewToken()))
	refused("another browser", w.browser(origin), good)
	if a := b.get(back); a.location != "/setup" {
		t.Fatalf("GitHub's answer: %d %s", a.status, a.body)
	}
	if len(w.written) != 1 {
		t.Fatalf("written %d times", len(w.written))
	}
	if a := b.get(back); a.status != http.StatusForbidden || len(w.written) != 1 {
		t.Errorf("the same answer again: %d, written %d times", a.status, len(w.written))
	}
	if a := b.post("/setup/plan", answers()); a.location != "/setup" {
		t.Errorf("another App: %d", a.status)
	}
	if a := b.get("/setup"); strings.Contains(a.body, "settings/apps/new") {
		t.Error("another App can be made")
	}
	w.quiet()
}

// TestWhatGitHubNames is text and nothing else.
func TestWhatGitHubNames(t *testing.T) {
	w := newWorld(t, "", githubtest.Config{Conversion: func(o map[string]any) {
		o["name"] = "<script>alert(1)</script>\x1b[31m\u202e"
		o["html_url"] = "javascript:alert(1)"
	}})
	b := w.browser(origin).enter()
	b.get(b.planned())
	a := b.get("/setup")
	if !strings.Contains(a.body, "&lt;script&gt;") {
		t.Fatalf("the name is not shown: %s", a.body)
	}
	for _, no := range []string{"<script", "javascript:", "\x1b", "\u202e"} {
		if strings.Contains(a.body, no) {
			t.Errorf("%q is on the page", no)
		}
	}
	if !strings.Contains(a.body, `href="`+w.github.URL()+`/github-apps/lockkeeper-acme/installations/new"`) {
		t.Error("the installation is not where it must be")
	}
}

// TestStuck: each failure is told, and what went well before it is not lost.
func TestStuck(t *testing.T) {
	w := newWorld(t, "", githubtest.Config{})
	b := w.browser(origin).enter()
	back := b.planned()
	w.github.AddFault(githubtest.Fault{Path: "/app-manifests", Status: http.StatusBadGateway, Times: 1})
	w.write, w.start = errors.New("the disk is full"), errors.New("the database is not there")
	for _, step := range []struct{ mend, says string }{
		{"", "GitHub did not hand out the App"},
		{"github", "the disk is full"},
		{"write", "the database is not there"},
	} {
		switch step.mend {
		case "":
			b.get(back)
		case "write":
			w.write = nil
			fallthrough
		default:
			b.post("/setup/again", nil)
		}
		if a := b.get("/setup"); !strings.Contains(a.body, step.says) || !strings.Contains(a.body, "Try again") {
			t.Errorf("after %q: %s", step.mend, a.body)
		}
	}
	w.start = nil
	b.post("/setup/again", nil)
	if a := b.get("/setup"); !strings.Contains(a.body, "was created") {
		t.Errorf("at last: %s", a.body)
	}
	if len(w.written) != 1 {
		t.Errorf("written %d times", len(w.written))
	}
	w.quiet()
}

// TestACodeThatIsLost leads to the beginning.
func TestACodeThatIsLost(t *testing.T) {
	w := newWorld(t, "", githubtest.Config{})
	b := w.browser(origin).enter()
	back := b.planned()
	w.github.AddFault(githubtest.Fault{Path: "/app-manifests", Status: http.StatusNotFound, Times: 1})
	b.get(back)
	a := b.get("/setup")
	if !strings.Contains(a.body, "Begin anew") || !strings.Contains(a.body, w.github.URL()+"/organizations/acme/settings/apps") {
		t.Fatalf("what to do is not said: %s", a.body)
	}
	b.post("/setup/again", nil)
	if a := b.get("/setup"); !strings.Contains(a.body, `value="`+public+`"`) {
		t.Errorf("what was typed is lost: %s", a.body)
	}
}

// TestWebhookIsChecked: GitHub's first delivery, which came too early, is asked for
// again; only what is signed counts.
func TestWebhookIsChecked(t *testing.T) {
	w := newWorld(t, "", githubtest.Config{})
	b := w.browser(origin).enter()
	b.get(b.planned())
	if a := b.get("/setup"); strings.Contains(a.body, "GitHub reached this server") {
		t.Fatal("nothing arrived, and the page says that it did")
	}
	forged := b.do(http.MethodPost, "/webhook", nil, func(r *http.Request) {
		r.Header.Set("X-GitHub-Event", "ping")
		r.Header.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64))
	})
	if forged.status != http.StatusBadRequest {
		t.Errorf("a forged delivery: %d", forged.status)
	}
	if a := b.get("/setup"); strings.Contains(a.body, "GitHub reached this server") || !strings.Contains(a.body, "another signature") {
		t.Errorf("after a forged delivery: %s", a.body)
	}
	w.deliver()
	deadline := time.After(30 * time.Second)
	for !strings.Contains(b.get("/setup?wait=1").body, "GitHub reached this server at") {
		select {
		case <-deadline:
			t.Fatalf("GitHub is not heard:\n%s", w.log.String())
		default:
		}
	}
	w.quiet()
}

// TestNothingArrives: after a minute the page says so, with GitHub's own words.
func TestNothingArrives(t *testing.T) {
	w := newWorld(t, "", githubtest.Config{})
	b := w.browser(origin).enter()
	b.get(b.planned())
	w.mu.Lock()
	w.ahead = 2 * time.Minute
	w.mu.Unlock()
	deadline := time.After(30 * time.Second)
	for !strings.Contains(b.get("/setup?wait=1").body, "failed to connect to host") {
		select {
		case <-deadline:
			t.Fatal("what GitHub says is not shown")
		default:
		}
	}
	a := b.get("/setup")
	for _, want := range []string{"GitHub does not reach this server", public + "/webhook", "127.0.0.1:8080", "Have GitHub try again"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("it does not say %q", want)
		}
	}
}

// TestItEnds: by the button, or after an hour, for good.
func TestItEnds(t *testing.T) {
	for name, end := range map[string]func(*world, *browser){
		"by the button": func(_ *world, b *browser) {
			if a := b.post("/setup/finish", nil); a.location != "/" {
				t.Errorf("the end: %d %s", a.status, a.body)
			}
		},
		"after an hour": func(w *world, _ *browser) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.ahead = time.Hour + time.Minute
		},
	} {
		w := newWorld(t, "", githubtest.Config{})
		b := w.browser(origin).enter()
		b.get(b.planned())
		b.get("/setup")
		cookie := *b.cookie
		end(w, b)
		b.cookie = &cookie
		for _, path := range []string{"/setup", "/setup?token=" + w.token, "/setup/created?code=0123456789&state="} {
			if a := b.get(path); a.status != http.StatusNotFound {
				t.Errorf("%s: %s: %d", name, path, a.status)
			}
		}
		if a := b.get("/healthz"); a.status != http.StatusOK {
			t.Errorf("%s: the server does not run on: %d", name, a.status)
		}
	}
}

// TestGitHubIsAskedFirst, before there is an App: whether it is there, and knows the
// organisation.
func TestGitHubIsAskedFirst(t *testing.T) {
	w := newWorld(t, "", githubtest.Config{})
	b := w.browser(origin).enter()
	for organisation, want := range map[string]string{"nobody-at-all": "knows no organisation of that name", "alice": "a person&#39;s account"} {
		a := b.post("/setup/plan", url.Values{"public-url": {public}, "organisation": {organisation}})
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, want) {
			t.Errorf("%s: %d %s", organisation, a.status, a.body)
		}
	}
	w.github.AddFault(githubtest.Fault{Status: http.StatusBadGateway})
	if a := b.post("/setup/plan", answers()); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "cannot be reached from this server") {
		t.Errorf("GitHub is away: %d %s", a.status, a.body)
	}
}

func TestChoice(t *testing.T) {
	for _, test := range []struct {
		choice setup.Choice
		want   string // a field and part of what is said of it; empty: nothing is wrong
	}{
		{setup.Choice{PublicURL: public + "/ "}, ""},
		{setup.Choice{}, "public-url: write the whole address"},
		{setup.Choice{PublicURL: "lockkeeper.example.invalid"}, "public-url: write the whole address"},
		{setup.Choice{PublicURL: "http://lockkeeper.example.invalid"}, "public-url: write https"},
		{setup.Choice{PublicURL: public + "/x"}, "public-url: leave out"},
		{setup.Choice{PublicURL: "https://user@lockkeeper.example.invalid"}, "public-url: leave out"},
		{setup.Choice{PublicURL: "https://lockkeeper.example.invalid;sandbox"}, "public-url: write it in plain letters"},
		{setup.Choice{PublicURL: "http://127.0.0.1:8080"}, "public-url: that is this machine alone"},
		{setup.Choice{PublicURL: "https://localhost"}, "public-url: that is this machine alone"},
		{setup.Choice{PublicURL: "http://[::1]:8080", Trial: true}, ""},
		{setup.Choice{PublicURL: "http://10.0.0.1", Trial: true}, "public-url: write https"},
		{setup.Choice{PublicURL: "https://10.0.0.1"}, "public-url: github.com cannot reach"},
		{setup.Choice{PublicURL: "https://lockkeeper"}, "public-url: github.com cannot reach"},
		{setup.Choice{PublicURL: "https://lockkeeper", GitHub: "https://github.corp"}, ""},
		{setup.Choice{PublicURL: public, GitHub: "http://github.corp"}, "github: write https"},
		{setup.Choice{PublicURL: public, GitHub: "https://github.example.invalid/api/v3/"}, ""},
		{setup.Choice{PublicURL: public, Organisation: "../x"}, "organisation: write the name"},
		{setup.Choice{PublicURL: public, Organisation: "@acme"}, ""},
		{setup.Choice{PublicURL: public, Contact: "ö"}, "contact: write a mail address"},
		{setup.Choice{PublicURL: public, Features: []string{"teams", "everything"}}, `features: there is no "everything"`},
	} {
		got := ""
		for _, p := range test.choice.Check() {
			got += p.Error() + "\n"
		}
		if (got == "") != (test.want == "") || !strings.HasPrefix(got, test.want) {
			t.Errorf("%+v: %q, want %q", test.choice, got, test.want)
		}
	}
	for address, want := range map[string]string{"": "", "https://github.com": "", "https://github.example.invalid": "https://github.example.invalid/api/v3", "https://acme.ghe.com": "https://api.acme.ghe.com"} {
		c := setup.Choice{PublicURL: public, GitHub: address, Features: []string{"merge-queue"}}
		c.Check()
		if got := c.APIURL(); got != want {
			t.Errorf("%s: the API is at %q, want %q", address, got, want)
		}
		_, events := c.Plan("", "").Grants()
		if enterprise := strings.Contains(want, "/api/v3"); (len(events) == 7) == enterprise {
			t.Errorf("%q: %d events", address, len(events))
		}
	}
}
