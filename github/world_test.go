package github_test

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/github/githubtest/contract"
)

// world is a GitHub with the repository acme/widget, its pull request #1 by
// carol that adds a dependency, and the App's client, whose every request and
// answer is held against GitHub's own description of them.
type world struct {
	*githubtest.Server
	t      *testing.T
	clock  *clock
	users  map[string]githubtest.User
	fake   *githubtest.Repo
	pull   *githubtest.Pull
	app    *github.App
	client *github.Client
	repo   github.Repo
	base   string // tip of main
	head   string // of the pull request
}

// clock moves when told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// appKey is one for all tests: making one takes a while.
var appKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

var files = map[string]string{
	"Cargo.lock": "version = 4\n", "src/main.rs": "fn main() {}\n", "tools/x/Cargo.lock": "version = 3\n", ".lockkeeper/policy.toml": "",
}

func newWorld(t *testing.T, cfg githubtest.Config) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{now: time.Now().Truncate(time.Second)}, users: map[string]githubtest.User{}}
	cfg.Clock, cfg.PrivateKey = w.clock.Now, appKey()
	var err error
	if w.Server, err = githubtest.New(cfg); err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewServer(w.Server)
	t.Cleanup(func() { w.Server.Close(); ts.Close() })
	w.SetURL(ts.URL)
	for _, login := range []string{"alice", "bob", "carol"} {
		w.users[login] = w.AddUser(login)
	}
	w.AddOrg("acme", "alice", "bob")
	w.fake = w.AddRepo("acme", "widget", githubtest.RepoOptions{Files: files})
	w.fake.Branch("feature", "main")
	w.fake.Commit("feature", githubtest.CommitSpec{Message: "Add ring", Author: "carol", Files: map[string]string{"Cargo.lock": "version = 4\n# ring\n"}})
	w.pull = w.fake.OpenPull("carol", "feature", "main", "Add ring", "")
	w.base, w.head = w.fake.Head("main"), w.fake.Head("feature")
	w.repo = github.Repo{Owner: "acme", Name: "widget"}
	if w.app, err = github.New(github.Config{
		BaseURL: w.APIURL(), AppID: w.AppID(), PrivateKey: w.PrivateKeyPEM(), Transport: contract.New(nil, func(err error) { t.Error(err) }), Backoff: time.Millisecond,
	}); err != nil {
		t.Fatal(err)
	}
	if w.client, err = w.app.Installation(w.fake.InstallationID()); err != nil {
		t.Fatal(err)
	}
	return w
}

// calls asserts which requests were made since the last time: "METHOD path", with
// the repository's part of the path left out. Requests for tokens do not count.
func (w *world) calls(want ...string) {
	w.t.Helper()
	var got []string
	for _, r := range w.Requests() {
		if !strings.HasSuffix(r.Path, "/access_tokens") {
			got = append(got, r.Method+" "+strings.TrimPrefix(r.Path, "/repos/acme/widget/"))
		}
	}
	w.ResetRequests()
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func times(n int, call string) []string { return slices.Repeat([]string{call}, n) }

// newHook is a receiver of webhooks that answers with what status says.
func newHook(t *testing.T, status func() int) string {
	ts := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(status()) }))
	t.Cleanup(ts.Close)
	return ts.URL
}
