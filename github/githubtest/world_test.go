package githubtest_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v82/github"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/github/githubtest/contract"
)

// clock is a time that only moves when told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now().Truncate(time.Second)} }

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

var defaults githubtest.Config

// sharedKey saves each test from making its own.
var sharedKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// world is a GitHub with an organisation, a repository and a pull request, and
// clients whose every request and answer is held against the contract.
type world struct {
	*githubtest.Server
	t     *testing.T
	clock *clock
	repo  *githubtest.Repo
	pull  *githubtest.Pull
	wire  http.RoundTripper
}

func newWorld(t *testing.T, cfg githubtest.Config) *world {
	t.Helper()
	w := &world{t: t, clock: newClock()}
	if cfg.Clock == nil {
		cfg.Clock = w.clock.Now
	}
	if cfg.PrivateKey == nil {
		cfg.PrivateKey = sharedKey()
	}
	var err error
	if w.Server, err = githubtest.New(cfg); err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewServer(w.Server)
	t.Cleanup(func() { w.Server.Close(); ts.Close() })
	w.SetURL(ts.URL)
	w.wire = contract.New(http.DefaultTransport, func(err error) { t.Error(err) })
	for _, login := range []string{"alice", "bob", "carol"} {
		w.AddUser(login)
	}
	w.AddOrg("acme", "alice", "bob")
	w.repo = w.AddRepo("acme", "widget", githubtest.RepoOptions{Files: map[string]string{
		"Cargo.lock": "version = 4\n", "src/main.rs": "fn main() {}\n",
	}})
	w.repo.SetPermission("bob", "maintain")
	w.repo.Branch("feature", "main")
	w.repo.Commit("feature", githubtest.CommitSpec{
		Message: "Add a dependency", Author: "carol",
		Files: map[string]string{"Cargo.lock": "version = 4\n\n[[package]]\nname = \"ring\"\n"},
	})
	w.pull = w.repo.OpenPull("carol", "feature", "main", "Add ring", "It is *needed*.")
	return w
}

// app is a client of the App itself.
func (w *world) app() *github.Client {
	w.t.Helper()
	tr, err := ghinstallation.NewAppsTransport(w.wire, w.AppID(), w.PrivateKeyPEM())
	if err != nil {
		w.t.Fatal(err)
	}
	return w.client(tr)
}

// installed is a client of the App in the repository's account.
func (w *world) installed() *github.Client {
	w.t.Helper()
	tr, err := ghinstallation.New(w.wire, w.AppID(), w.repo.InstallationID(), w.PrivateKeyPEM())
	if err != nil {
		w.t.Fatal(err)
	}
	tr.BaseURL = w.APIURL()
	return w.client(tr)
}

func (w *world) client(tr http.RoundTripper) *github.Client {
	w.t.Helper()
	c, err := github.NewClient(&http.Client{Transport: tr}).WithEnterpriseURLs(w.APIURL()+"/", w.URL())
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) ctx() context.Context { return w.t.Context() }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func contains(t *testing.T, s, part string) {
	t.Helper()
	if !strings.Contains(s, part) {
		t.Errorf("%q is not in:\n%s", part, s)
	}
}
