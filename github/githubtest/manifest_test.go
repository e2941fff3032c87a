package githubtest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v82/github"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

const back = "http://lockkeeper.example.invalid/setup/created"

// testManifest is one that GitHub takes.
func testManifest(hook string) map[string]any {
	return map[string]any{
		"name": "Lockkeeper acme", "url": "https://lockkeeper.example.invalid", "hook_attributes": map[string]any{"url": hook, "active": true},
		"redirect_url": back, "callback_urls": []string{"https://lockkeeper.example.invalid/login/callback"}, "public": false,
		"default_permissions": map[string]string{"checks": "write", "contents": "read", "metadata": "read", "pull_requests": "write"},
		"default_events":      []string{"pull_request", "push"},
	}
}

// post sends a form as a browser that came from elsewhere, and follows nothing.
func (w *world) postFrom(path string, form url.Values, from string) (*http.Response, string) {
	w.t.Helper()
	req, err := http.NewRequest(http.MethodPost, w.URL()+path, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", from)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp, string(body)
}

// makeApp goes through both of GitHub's pages and gives the code.
func (w *world) makeApp(owner string, manifest map[string]any) string {
	w.t.Helper()
	text, err := json.Marshal(manifest)
	if err != nil {
		w.t.Fatal(err)
	}
	form := url.Values{"manifest": {string(text)}}
	resp, page := w.postFrom("/organizations/"+owner+"/settings/apps/new?state=s%261", form, "http://elsewhere.example.invalid")
	if resp.StatusCode != http.StatusOK {
		w.t.Fatalf("%d %s", resp.StatusCode, page)
	}
	contains(w.t, page, "Create GitHub App for "+owner)
	contains(w.t, page, `value="s&amp;1"`)
	contains(w.t, page, "checks: write")
	form.Set("name", "Lockkeeper acme")
	form.Set("state", "s&1")
	if resp, _ := w.postFrom("/organizations/"+owner+"/settings/apps", form, "http://elsewhere.example.invalid"); resp.StatusCode != http.StatusForbidden {
		w.t.Errorf("an App is made from elsewhere: %d", resp.StatusCode)
	}
	resp, page = w.postFrom("/organizations/"+owner+"/settings/apps", form, w.URL())
	to, err := resp.Location()
	if err != nil {
		w.t.Fatalf("%d %s", resp.StatusCode, page)
	}
	if got := to.Scheme + "://" + to.Host + to.Path; got != back || to.Query().Get("state") != "s&1" {
		w.t.Errorf("led to %s", to)
	}
	return to.Query().Get("code")
}

func manifestOperations(t *testing.T, w *world, wire http.RoundTripper) {
	before := w.AppID()
	code := w.makeApp("acme", testManifest("http://127.0.0.1:1/webhook"))
	nobody := w.client(wire)
	made := got[*github.AppConfig](t)(nobody.Apps.CompleteAppManifest(t.Context(), code))
	if made.GetID() != w.AppID() || made.GetID() == before || made.GetSlug() != "lockkeeper-acme" || made.GetPEM() != string(w.PrivateKeyPEM()) ||
		made.GetWebhookSecret() == "" || made.GetClientID() != w.ClientID() || made.GetClientSecret() != w.ClientSecret() || made.GetHTMLURL() != w.URL()+"/github-apps/lockkeeper-acme" {
		t.Errorf("made %+v", made)
	}
	for _, code := range []string{code, "0123456789012345678901234567890123456789"} {
		if _, resp, err := nobody.Apps.CompleteAppManifest(t.Context(), code); err == nil || resp.StatusCode != http.StatusNotFound {
			t.Errorf("a code that was used, or is none: %v", err)
		}
	}
	app := got[*github.App](t)(w.app().Apps.Get(t.Context(), ""))
	if app.GetID() != made.GetID() || app.GetPermissions().GetContents() != "read" || len(app.Events) != 2 {
		t.Errorf("the App is %+v", app)
	}
}

// TestManifestCodeExpires: after an hour the App's secrets cannot be fetched.
func TestManifestCodeExpires(t *testing.T) {
	w := newWorld(t, defaults)
	code := w.makeApp("acme", testManifest("http://127.0.0.1:1/webhook"))
	w.clock.Advance(time.Hour)
	if _, resp, err := w.client(w.wire).Apps.CompleteAppManifest(t.Context(), code); err == nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("after an hour: %v", err)
	}
}

// TestManifestsThatGitHubRefuses as it is known to refuse them.
func TestManifestsThatGitHubRefuses(t *testing.T) {
	w := newWorld(t, defaults)
	for name, change := range map[string]func(map[string]any){
		"no url":                              func(m map[string]any) { delete(m, "url") },
		"a hook without a url":                func(m map[string]any) { m["hook_attributes"] = map[string]any{"active": false} },
		"an event without its permission":     func(m map[string]any) { m["default_events"] = []string{"merge_group"} },
		"a permission that there is not":      func(m map[string]any) { m["default_permissions"] = map[string]string{"everything": "write"} },
		"a key that there is not":             func(m map[string]any) { m["default_permission"] = 1 },
		"a callback that is no whole address": func(m map[string]any) { m["callback_urls"] = []string{"/login"} },
	} {
		m := testManifest("http://127.0.0.1:1/webhook")
		change(m)
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if resp, _ := w.postFrom("/settings/apps/new", url.Values{"manifest": {string(text)}}, w.URL()); resp.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	if resp, _ := w.postFrom("/organizations/bob/settings/apps/new", url.Values{"manifest": {"{}"}}, w.URL()); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a user is no organisation: %d", resp.StatusCode)
	}
}

// TestAppFromManifest: its hook hears, signed by its own secret, first of itself and
// then of what it is installed in, which is only what its owner has.
func TestAppFromManifest(t *testing.T) {
	w := newWorld(t, defaults)
	rec := &receiver{}
	w.AddRepo("alice", "own", githubtest.RepoOptions{NotInstalled: true})
	m := testManifest(rec.serve(t))
	m["setup_url"] = "http://lockkeeper.example.invalid/"
	w.makeApp("acme", m)
	page := w.page("/github-apps/lockkeeper-acme/installations/new")
	contains(t, page, "acme/widget")
	if strings.Contains(page, "alice/own") {
		t.Error("a private App can be installed elsewhere")
	}
	resp, body := w.postFrom("/github-apps/lockkeeper-acme/installations/new", url.Values{"repository": {"acme/widget", "alice/own"}}, w.URL())
	if to := resp.Header.Get("Location"); !strings.HasPrefix(to, "http://lockkeeper.example.invalid/?installation_id=") {
		t.Errorf("%d %q %s", resp.StatusCode, to, body)
	}
	w.pull.Close("carol")
	w.pull.Comment("carol", "not subscribed to")
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var events []string
	for _, d := range w.Deliveries() {
		events = append(events, d.Event)
		if d.Status != http.StatusOK || d.Headers.Get("X-Hub-Signature-256") == "" || d.Headers.Get("X-GitHub-Hook-Installation-Target-ID") != itoa(w.AppID()) {
			t.Errorf("%s: %d %v", d.Event, d.Status, d.Headers)
		}
	}
	if want := "ping installation pull_request"; strings.Join(events, " ") != want {
		t.Errorf("heard %v, want %s", events, want)
	}
}
