package server_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/github/githubtest/contract"
	"github.com/lockkeeper/lockkeeper/metrics"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/cratesio"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
	"github.com/lockkeeper/lockkeeper/scan"
	"github.com/lockkeeper/lockkeeper/server"
	"github.com/lockkeeper/lockkeeper/store"
)

const (
	secret    = "a webhook secret of the tests"
	mainCheck = "lockkeeper: main"
)

// crates of the tests: quiet has no build code, builder compiles with cc, grabber
// fetches and runs a program.
const crates = `
-- registry.toml --
[crates."quiet@1.0.0"]
published = 2020-01-01T00:00:00Z
publisher = "user:1 keeper"
[crates."quiet@1.0.1"]
published = 2020-02-01T00:00:00Z
publisher = "user:1 keeper"
[crates."builder@1.0.0"]
published = 2020-01-01T00:00:00Z
publisher = "user:1 keeper"
[crates."grabber@2.0.0"]
published = 2020-01-01T00:00:00Z
publisher = "user:2 stranger"
[crates."grabber@2.0.1"]
published = 2020-01-02T00:00:00Z
publisher = "user:2 stranger"
-- crates/grabber/2.0.0/Cargo.toml --
[package]
name = "grabber"
version = "2.0.0"
build = "build.rs"
[build-dependencies]
ureq = "2"
-- crates/grabber/2.0.1/Cargo.toml --
[package]
name = "grabber"
version = "2.0.1"
build = "build.rs"
[build-dependencies]
ureq = "2"
-- crates/builder/1.0.0/Cargo.toml --
[package]
name = "builder"
version = "1.0.0"
build = "build.rs"
[build-dependencies]
cc = "1"
-- crates/quiet/1.0.0/src/lib.rs --
-- crates/quiet/1.0.1/src/lib.rs --
//! Better.
-- crates/builder/1.0.0/build.rs --
fn main() { cc::Build::new().file("a.c").compile("a"); }
-- crates/grabber/2.0.0/build.rs --
fn main() { let _ = ureq::get("https://example.invalid/x").call(); }
-- crates/grabber/2.0.1/build.rs --
fn main() { let _ = ureq::get("https://example.invalid/y").call(); }
`

// world is the real server between a GitHub and a registry on loopback.
type world struct {
	t        *testing.T
	github   *githubtest.Server
	registry *registrytest.Server
	repo     *githubtest.Repo
	server   *server.Server
	scanner  *scan.Scanner
	store    *store.Store
	hook     string // the server's address
	log      *lockedBuffer
	metrics  *metrics.Metrics
	app      *github.App
	branches int // opened so far: topic-1, topic-2, ...
	// onRequest is called before GitHub answers a request.
	onRequest atomic.Pointer[func(*http.Request)]
	onAnswer  atomic.Pointer[func(*http.Request)] // after it answered
	showAfter time.Duration                       // by default longer than any test
	clock     *clock
	ids       map[string]int64 // of people, by login
	dir       string           // of database and cache
	stop      func()           // ends the server that runs now
	drain     time.Duration    // how long it may finish what it is at
	change    func(*server.Config)
}

// clock is the time of server and GitHub, which runs ahead when told to.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// wholeSecond moves to the start of a second, so that what follows at once is told
// with the same time.
func (c *clock) wholeSecond() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now().Add(c.ahead)
	c.ahead += now.Truncate(time.Second).Add(time.Second).Sub(now)
}

// signal tells on reached of the first request that it is asked about.
func signal(reached chan<- struct{}) func(*http.Request) bool {
	return func(*http.Request) bool {
		select {
		case reached <- struct{}{}:
		default:
		}
		return true
	}
}

// appKey is one for all tests: making one takes a while.
var appKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// lockedBuffer keeps what is logged.
type lockedBuffer struct {
	mu  sync.Mutex
	b   bytes.Buffer
	off bool // keep nothing: a long run makes too much
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.off {
		return len(p), nil
	}
	return l.b.Write(p)
}

// stop keeps nothing from now on.
func (l *lockedBuffer) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.off = true
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newWorld starts everything. The repository's main branch locks quiet 1.0.0 and
// has the given policy; an empty one leaves .lockkeeper out.
func newWorld(t *testing.T, policy string, before ...func(*world)) *world {
	t.Helper()
	return newWorldWith(t, policy, githubtest.Config{}, func(*server.Config) {}, before...)
}

// newWorldWith is newWorld with another GitHub or server.
func newWorldWith(t *testing.T, policy string, hub githubtest.Config, change func(*server.Config), before ...func(*world)) *world {
	t.Helper()
	w := &world{t: t, registry: registrytest.New(), log: &lockedBuffer{}, clock: &clock{}, ids: map[string]int64{}, change: change, drain: 20 * time.Second, showAfter: time.Hour}
	must(t, w.registry.LoadText([]byte(crates)))
	must(t, w.registry.Start())
	t.Cleanup(func() { w.registry.Close() })
	var err error
	hub.Clock, hub.PrivateKey = w.clock.Now, appKey()
	w.github, err = githubtest.New(hub)
	must(t, err)
	front := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if f := w.onRequest.Load(); f != nil {
			(*f)(r)
		}
		w.github.ServeHTTP(out, r)
		if f := w.onAnswer.Load(); f != nil {
			(*f)(r)
		}
	}))
	t.Cleanup(func() { w.github.Close(); front.Close() })
	w.github.SetURL(front.URL)
	for _, do := range before {
		do(w)
	}
	w.start()
	for _, login := range []string{"owner", "author", "helper", "reviewer", "second", "outsider"} {
		w.ids[login] = w.github.AddUser(login).ID
	}
	w.github.AddBot("renovate")
	files := map[string]string{"README.md": "# app\n", "Cargo.lock": w.lock("quiet@1.0.0")}
	if policy != "" {
		files[".lockkeeper/policy.toml"] = policy
	}
	w.repo = w.github.AddRepo("owner", "app", githubtest.RepoOptions{Files: files})
	for login, role := range map[string]string{"author": "maintain", "helper": "maintain", "reviewer": "maintain", "second": "admin", "outsider": "read"} {
		w.repo.SetPermission(login, role)
	}
	return w
}

// start runs the server against GitHub and registry. Every request to GitHub and
// every answer is held against GitHub's own description.
func (w *world) start() {
	t := w.t
	t.Helper()
	if w.dir == "" {
		w.dir = t.TempDir()
	}
	var err error
	w.store, err = store.Open(t.Context(), filepath.Join(w.dir, "lockkeeper.db"))
	must(t, err)
	w.metrics = metrics.New("test")
	wire := contract.New(http.DefaultTransport, func(err error) { t.Error(err) })
	w.app, err = github.New(github.Config{
		BaseURL: w.github.APIURL(), WebURL: w.github.URL(), AppID: w.github.AppID(), PrivateKey: w.github.PrivateKeyPEM(),
		Transport: wire, Backoff: time.Millisecond, Observer: w.metrics,
	})
	must(t, err)
	client, err := cratesio.New(cratesio.Config{
		Index: w.registry.Index(), Static: w.registry.Static(), API: w.registry.API(), Budget: w.metrics.Budget(metrics.CratesIO, unlimited{}),
		Fetch: fetch.Config{
			Transport: w.metrics.Transport(metrics.CratesIO, http.DefaultTransport), Looked: w.metrics.CacheLooked,
			Version: "test", Contact: "test@example.invalid", CacheDir: filepath.Join(w.dir, "cache"), Retries: -1, Remember: -1,
		},
	})
	must(t, err)
	w.scanner = &scan.Scanner{Registries: map[lockkeeper.Ecosystem]registry.Client{lockkeeper.Cargo: client}, Facts: w.metrics.Facts(w.store), Owners: w.store}
	cfg := server.Config{
		Now: w.clock.Now, ShowAfter: w.showAfter, WebhookSecret: secret, App: w.app, Store: w.store, Log: zerolog.New(w.log).Level(zerolog.TraceLevel),
		Scanner: w.scanner,
		Metrics: w.metrics,
	}
	w.change(&cfg)
	w.server, err = server.New(context.Background(), cfg)
	must(t, err)
	must(t, w.server.Start(context.Background()))
	hooks := httptest.NewServer(w.server.Handler())
	w.hook = hooks.URL + "/webhook"
	w.github.SetWebhook(w.hook, secret)
	running, db := w.server, w.store
	w.stop = sync.OnceFunc(func() {
		hooks.Close()
		ctx, cancel := context.WithTimeout(context.Background(), w.drain)
		defer cancel()
		if err := running.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
		db.Close()
	})
	t.Cleanup(w.stop)
}

type unlimited struct{}

func (unlimited) Wait(ctx context.Context) error { return ctx.Err() }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lock is a Cargo.lock of the given "name@version"s.
func (w *world) lock(packages ...string) string {
	w.t.Helper()
	var b strings.Builder
	b.WriteString("version = 4\n")
	for _, p := range packages {
		name, version, _ := strings.Cut(p, "@")
		fmt.Fprintf(&b, "\n[[package]]\nname = %q\nversion = %q\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{{crate:%s}}\"\n", name, version, p)
	}
	text, err := w.registry.Expand(b.String())
	must(w.t, err)
	return text
}

// open commits files as the author on a new branch and opens a pull request.
func (w *world) open(files map[string]string) *githubtest.Pull {
	w.t.Helper()
	return w.openBy("author", files)
}

func (w *world) openBy(login string, files map[string]string) *githubtest.Pull {
	w.t.Helper()
	w.branches++
	branch := fmt.Sprintf("topic-%d", w.branches)
	w.repo.Branch(branch, "main")
	w.repo.Commit(branch, githubtest.CommitSpec{Message: "Update", Author: login, Files: files})
	return w.repo.OpenPull(login, branch, "main", "Update", "")
}

// settle waits until every webhook is delivered and every job is done. Then a second
// passes: people read before they write, and GitHub tells whole seconds.
func (w *world) settle() {
	w.t.Helper()
	w.rest()
	w.clock.Advance(time.Second)
}

// rest waits until every webhook is delivered and every job is done, those included
// that come of what jobs write.
func (w *world) rest() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for {
		told := len(w.github.Deliveries())
		if err := w.github.Flush(ctx); err != nil {
			w.t.Errorf("deliver: %v", err)
			return
		}
		idle, err := w.server.Idle(ctx)
		if err != nil {
			w.t.Errorf("the server does not come to rest: %v\n%s", err, w.log)
			return
		}
		if idle && told == len(w.github.Deliveries()) {
			return
		}
		<-ticker.C
	}
}

// eventually waits for a conclusion while a job stays for a later try.
func (w *world) eventually(p *githubtest.Pull, conclusion string) {
	w.t.Helper()
	deadline := time.After(2 * time.Minute)
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for w.check(p.Head(), mainCheck).Conclusion != conclusion || w.comment(p) == "" {
		select {
		case <-ticker.C:
		case <-deadline:
			w.t.Fatalf("the check is %q, want %q\n%s", w.check(p.Head(), mainCheck).Conclusion, conclusion, w.log)
		}
	}
	w.clock.Advance(time.Second)
}

// check is the newest run of that name at the pull request's head.
func (w *world) check(sha, name string) githubtest.CheckRun {
	var newest githubtest.CheckRun
	for _, run := range w.repo.CheckRuns(sha) {
		if run.Name == name {
			newest = run
		}
	}
	return newest
}

// want settles and compares the pull request's check.
func (w *world) want(p *githubtest.Pull, conclusion, when string) githubtest.CheckRun {
	w.t.Helper()
	w.settle()
	run := w.check(p.Head(), mainCheck)
	if run.Conclusion != conclusion {
		w.t.Errorf("%s the check is %q (%s), want %q\n%s", when, run.Conclusion, run.Title, conclusion, w.comment(p))
	}
	return run
}

// comment is the one comment of Lockkeeper; more than one is an error.
func (w *world) comment(p *githubtest.Pull) string {
	w.t.Helper()
	var own []string
	for _, c := range p.Comments() {
		if c.Author == w.github.AppLogin() {
			own = append(own, c.Body)
		}
	}
	if len(own) > 1 {
		w.t.Errorf("there are %d comments of Lockkeeper, want at most one", len(own))
	}
	return strings.Join(own, "\n----\n")
}
