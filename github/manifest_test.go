package github_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/github/githubtest/contract"
)

var plan = github.Plan{Owner: "acme", PublicURL: "https://lockkeeper.example.invalid", RedirectURL: "https://lockkeeper.example.invalid/setup/created"}

// making is a GitHub on which somebody makes the App of a plan.
func making(t *testing.T, cfg githubtest.Config) (*githubtest.Server, *github.Maker) {
	t.Helper()
	cfg.PrivateKey = appKey()
	server, err := githubtest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewServer(server)
	t.Cleanup(func() { server.Close(); ts.Close() })
	server.SetURL(ts.URL)
	server.AddUser("alice")
	server.AddOrg("acme", "alice")
	maker, err := github.NewMaker(github.Config{BaseURL: server.APIURL(), Transport: contract.New(nil, func(err error) { t.Error(err) })})
	if err != nil {
		t.Fatal(err)
	}
	return server, maker
}

// create goes through GitHub's pages and gives the code.
func create(t *testing.T, m *github.Maker, p github.Plan) string {
	t.Helper()
	manifest := p.Manifest()
	text, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"manifest": {string(text)}, "state": {"s"}, "name": {manifest.Name}, "login": {"alice"}}
	shown, err := http.PostForm(p.NewAppURL(m.WebURL(), "s"), form)
	if err != nil {
		t.Fatal(err)
	}
	shown.Body.Close()
	if shown.StatusCode != http.StatusOK {
		t.Fatalf("GitHub refuses the manifest %s: %s", text, shown.Status)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	address, _, _ := strings.Cut(strings.Replace(p.NewAppURL(m.WebURL(), "s"), "/new?", "?", 1), "?")
	resp, err := client.PostForm(address, form)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	to, err := resp.Location()
	if err != nil {
		t.Fatal(err)
	}
	return to.Query().Get("code")
}

// TestMake: each choice of features makes an App that has what it needs, and no more.
func TestMake(t *testing.T) {
	all := []string{github.FeatureTeams, github.FeatureMergeQueue, github.FeatureCuration}
	for _, test := range []struct {
		features   []string
		enterprise bool
		contents   string
		off        []string
	}{
		{nil, false, "read", all},
		{all, false, "write", nil},
		{all, true, "write", []string{github.FeatureMergeQueue}},
		{[]string{github.FeatureTeams}, false, "read", []string{github.FeatureMergeQueue, github.FeatureCuration}},
	} {
		server, maker := making(t, githubtest.Config{})
		p := plan
		p.Features, p.Enterprise = test.features, test.enterprise
		made, err := maker.Convert(t.Context(), create(t, maker, p))
		if err != nil {
			t.Fatal(err)
		}
		if made.Name != "Lockkeeper acme" || made.Slug != "lockkeeper-acme" || made.InstallURL() != server.URL()+"/github-apps/lockkeeper-acme/installations/new" {
			t.Errorf("made %q, %q, installed at %q", made.Name, made.Slug, made.InstallURL())
		}
		app, err := github.New(github.Config{BaseURL: server.APIURL(), AppID: made.ID, PrivateKey: []byte(made.PrivateKey)})
		if err != nil {
			t.Fatal(err)
		}
		self, err := app.Self(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if lacks := self.Lacks(); len(lacks) > 0 {
			t.Errorf("%v: the App lacks %v", test.features, lacks)
		}
		want := map[string]bool{}
		for _, key := range test.off {
			want[key] = true
		}
		got := map[string]bool{}
		for key := range self.Off() {
			got[key] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: off (-want +got):\n%s", test.features, diff)
		}
		if self.Permissions["contents"] != test.contents {
			t.Errorf("%v: contents: %s, want %s", test.features, self.Permissions["contents"], test.contents)
		}
	}
}

// TestPromise10LeastPermissions: what an App without features is given.
func TestPromise10LeastPermissions(t *testing.T) {
	got := plan.Manifest()
	want := map[string]string{"metadata": "read", "contents": "read", "pull_requests": "write", "issues": "read", "checks": "write"}
	if diff := cmp.Diff(want, got.Permissions); diff != "" {
		t.Errorf("permissions (-want +got):\n%s", diff)
	}
	if got.Public {
		t.Error("everybody can install it")
	}
}

func TestNamesOfApps(t *testing.T) {
	for _, owner := range []string{"", "acme", strings.Repeat("a", 22) + "-b", strings.Repeat("x", 39)} {
		p := plan
		p.Owner = owner
		name := p.Manifest().Name
		if n := utf8.RuneCountInString(name); n > 34 || strings.HasSuffix(name, "-") || name == "Lockkeeper" {
			t.Errorf("%q: %q has %d characters", owner, name, n)
		}
	}
	if page := (github.Plan{}).NewAppURL("https://github.com", "a&b"); page != "https://github.com/settings/apps/new?state=a%26b" {
		t.Errorf("for an account of one's own: %s", page)
	}
}

// TestCodes: one that is none, was used or is old brings nothing, and is in no error.
func TestCodes(t *testing.T) {
	server, maker := making(t, githubtest.Config{})
	code := create(t, maker, plan)
	server.AddFault(githubtest.Fault{Path: "/app-manifests", Status: http.StatusBadGateway, Times: 1})
	_, err := maker.Convert(t.Context(), code)
	if err == nil || errors.Is(err, github.ErrCode) || !github.Temporary(err) || strings.Contains(err.Error(), code) {
		t.Errorf("GitHub is away: %v", err)
	}
	if _, err := maker.Convert(t.Context(), code); err != nil {
		t.Errorf("the second time: %v", err)
	}
	for _, code := range []string{code, "0123456789012345678901234567890123456789", "", "..", "../../user", "a/b", "a%2fb?x", strings.Repeat("a", 1000), "1234567\n8"} {
		if _, err := maker.Convert(t.Context(), code); !errors.Is(err, github.ErrCode) {
			t.Errorf("%q: %v", code, err)
		}
	}
	away, err := github.NewMaker(github.Config{BaseURL: "http://127.0.0.1:1/api/v3", Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := away.Convert(t.Context(), "0123456789"); err == nil || strings.Contains(err.Error(), "0123456789") {
		t.Errorf("nobody answers: %v", err)
	}
}

// TestHostileConversions: of an answer that is not as GitHub's are nothing is used, and
// nothing is quoted.
func TestHostileConversions(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"no webhook secret":       func(o map[string]any) { o["webhook_secret"] = nil },
		"a short webhook secret":  func(o map[string]any) { o["webhook_secret"] = "x" },
		"a secret of two lines":   func(o map[string]any) { o["webhook_secret"] = "secretsecret\n[server]\nlisten = 1" },
		"a client secret in TOML": func(o map[string]any) { o["client_secret"] = "secretsecret\nx = 1" },
		"a key that is none":      func(o map[string]any) { o["pem"] = "secret-secret" },
		"a slug that leads away":  func(o map[string]any) { o["slug"] = "../../login" },
		"a client id with markup": func(o map[string]any) { o["client_id"] = "<b>" },
		"a number below one":      func(o map[string]any) { o["id"] = -1 },
	} {
		_, maker := making(t, githubtest.Config{Conversion: change})
		made, err := maker.Convert(t.Context(), create(t, maker, plan))
		if err == nil || made != nil || strings.Contains(err.Error(), "secret-secret") || strings.Contains(err.Error(), "secretsecret") {
			t.Errorf("%s: %v, %v", name, made, err)
		}
	}
	for given, own := range map[string]bool{"javascript:alert(1)": false, "https://evil.example.invalid/apps/lockkeeper-acme": false, "//evil.example.invalid": false} {
		server, maker := making(t, githubtest.Config{Conversion: func(o map[string]any) {
			o["html_url"] = given
			o["name"] = "\x1b[31m<script>\nx"
		}})
		made, err := maker.Convert(t.Context(), create(t, maker, plan))
		if err != nil {
			t.Fatal(err)
		}
		if (made.Page == given) != own || made.Page != server.URL()+"/github-apps/lockkeeper-acme" {
			t.Errorf("%s: the page is %s", given, made.Page)
		}
		if strings.ContainsAny(made.Name, "\x1b\n") {
			t.Errorf("the name is %q", made.Name)
		}
	}
}

func TestIsOrganisation(t *testing.T) {
	_, maker := making(t, githubtest.Config{})
	for login, want := range map[string]bool{"acme": true, "alice": false} {
		if got, err := maker.IsOrganisation(t.Context(), login); err != nil || got != want {
			t.Errorf("%s: %v, %v", login, got, err)
		}
	}
	if _, err := maker.IsOrganisation(t.Context(), "nobody"); !errors.Is(err, github.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
	var invalid *github.Invalid
	if _, err := maker.IsOrganisation(t.Context(), "../app"); !errors.As(err, &invalid) {
		t.Errorf("../app: %v", err)
	}
}
