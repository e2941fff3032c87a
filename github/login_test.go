package github_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

const callback = "https://lockkeeper.example.invalid/login/callback"

func (w *world) login() *github.Login {
	w.t.Helper()
	l, err := w.app.Login(github.LoginConfig{ClientID: w.ClientID(), ClientSecret: w.ClientSecret(), Callback: callback})
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// authorize is what somebody does on GitHub's page; it gives what comes back.
func (w *world) authorize(address, login string) url.Values {
	w.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		w.t.Fatal(err)
	}
	q := u.Query()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.PostForm(u.Scheme+"://"+u.Host+u.Path, url.Values{
		"login": {login}, "redirect_uri": {q.Get("redirect_uri")}, "state": {q.Get("state")}, "code_challenge": {q.Get("code_challenge")},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		w.t.Fatal(err)
	}
	if !strings.HasPrefix(back.String(), callback+"?") {
		w.t.Fatalf("GitHub leads back to %s", back)
	}
	return back.Query()
}

func TestLoginTellsWhoSomebodyIs(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	l := w.login()
	verifier := l.Verifier()
	back := w.authorize(l.URL("some state", verifier), "carol")
	if back.Get("state") != "some state" {
		t.Errorf("state %q", back.Get("state"))
	}
	got, err := l.Account(t.Context(), back.Get("code"), verifier)
	if err != nil || got != (github.Account{ID: w.users["carol"].ID, Login: "carol"}) {
		t.Errorf("%+v, error %v", got, err)
	}
	if _, err := l.Account(t.Context(), back.Get("code"), verifier); !errors.Is(err, github.ErrLogin) {
		t.Errorf("a code twice: %v", err)
	}
}

func TestLoginRefuses(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	l := w.login()
	code := func() string { return w.authorize(l.URL("s", l.Verifier()), "carol").Get("code") }
	if _, err := l.Account(t.Context(), code(), l.Verifier()); !errors.Is(err, github.ErrLogin) {
		t.Errorf("another's verifier: %v", err)
	}
	if _, err := l.Account(t.Context(), "no such code", l.Verifier()); !errors.Is(err, github.ErrLogin) {
		t.Errorf("a made-up code: %v", err)
	}
	verifier := l.Verifier()
	late := w.authorize(l.URL("s", verifier), "carol").Get("code")
	w.clock.Advance(11 * time.Minute)
	if _, err := l.Account(t.Context(), late, verifier); !errors.Is(err, github.ErrLogin) {
		t.Errorf("an old code: %v", err)
	}
	for _, cfg := range []github.LoginConfig{{}, {ClientID: "a", ClientSecret: "b"}, {ClientID: "a", Callback: "c"}} {
		if _, err := w.app.Login(cfg); err == nil {
			t.Errorf("%+v is enough", cfg)
		}
	}
}

// TestPromise10LoginKeepsItsSecrets: neither secret nor token leaves for another
// host, or stands in an error.
func TestPromise10LoginKeepsItsSecrets(t *testing.T) {
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	t.Cleanup(other.Close)
	const secret, token = "the client's secret", "ghu_token"
	var answer http.HandlerFunc
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	t.Cleanup(front.Close)
	app, err := github.New(github.Config{BaseURL: front.URL + "/api/v3", AppID: 1, PrivateKey: newWorld(t, githubtest.Config{}).PrivateKeyPEM(), Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	l, err := app.Login(github.LoginConfig{ClientID: "id", ClientSecret: secret, Callback: callback})
	if err != nil {
		t.Fatal(err)
	}
	granted := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"access_token":"` + token + `","token_type":"bearer"}`))
	}
	for name, a := range map[string]http.HandlerFunc{
		"redirect of the exchange": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		},
		"redirect of the account": func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/access_token") {
				granted(w)
				return
			}
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		},
		"error page with secrets": func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, secret+token, http.StatusBadGateway)
		},
		"account refused": func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/access_token") {
				granted(w)
				return
			}
			http.Error(w, `{"message":"no `+token+`"}`, http.StatusUnauthorized)
		},
		"a bot": func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/access_token") {
				granted(w)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"id":7,"login":"x[bot]","type":"Bot"}`))
		},
		"endless": func(w http.ResponseWriter, r *http.Request) {
			for range 64 {
				if _, err := w.Write([]byte(strings.Repeat("a", 1<<20))); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			answer = a
			account, err := l.Account(t.Context(), "code", "verifier")
			if err == nil {
				t.Fatalf("signed in as %+v", account)
			}
			if text := err.Error(); strings.Contains(text, secret) || strings.Contains(text, token) {
				t.Errorf("the error has a secret: %s", text)
			}
		})
	}
	if elsewhere != 0 {
		t.Errorf("%d requests to another host", elsewhere)
	}
}
