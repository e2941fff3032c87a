// Package pagestest runs the whole server with its pages between a GitHub and a
// registry on loopback, for tests of what people see.
package pagestest

import (
	"bytes"
	"context"
	_ "embed" // the crates
	"fmt"
	"log"
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
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/cratesio"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
	"github.com/lockkeeper/lockkeeper/scan"
	"github.com/lockkeeper/lockkeeper/server"
	"github.com/lockkeeper/lockkeeper/store"
)

//go:embed crates.txtar
var crates string

// People of every World and what they may do in its repository.
var People = map[string]string{"author": "write", "reviewer": "maintain", "second": "admin", "reader": "read"}

// Stranger may do nothing in it.
const Stranger = "stranger"

// World is the server, a GitHub and a registry. The repository acme/app is private
// and locks quiet 1.0.0, assembler 0.17.8 and tables 1.4.1.
type World struct {
	GitHub *githubtest.Server
	Repo   *githubtest.Repo
	Server *server.Server
	Store  *store.Store
	// URL of the pages, over TLS with a certificate that only Client trusts.
	URL    string
	Client *http.Client
	Log    *Log

	t        testing.TB
	registry *registrytest.Server
	ahead    atomic.Int64 // of the clock, nanoseconds
	branches int
}

// Log is what the server logged.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Options of New. The zero value works.
type Options struct {
	// Policy is the base branch's; empty is one that asks maintainers.
	Policy string
	// Allow is the base branch's allowlist.
	Allow string
	// Crates are further ones, in the registry's text form.
	Crates string
	// Store is where the database is; empty is a SQLite file.
	Store string
	// Plain serves the pages without TLS, as the demo does.
	Plain bool
}

// New starts everything; it ends with t.
func New(t testing.TB, o Options) *World {
	t.Helper()
	w := &World{t: t, registry: registrytest.New(), Log: &Log{}}
	must(t, w.registry.LoadText([]byte(crates)))
	if o.Crates != "" {
		must(t, w.registry.LoadText([]byte(o.Crates)))
	}
	must(t, w.registry.Start())
	t.Cleanup(func() { w.registry.Close() })
	var err error
	w.GitHub, err = githubtest.New(githubtest.Config{})
	must(t, err)
	front := httptest.NewServer(w.GitHub)
	t.Cleanup(func() { w.GitHub.Close(); front.Close() })
	w.GitHub.SetURL(front.URL)
	w.start(o)
	for login := range People {
		w.GitHub.AddUser(login)
	}
	w.GitHub.AddUser(Stranger)
	w.GitHub.AddOrg("acme", "second")
	if o.Policy == "" {
		o.Policy = "[reviewers]\npermission = \"maintain\"\n"
	}
	files := map[string]string{
		"README.md": "# app\n", "Cargo.lock": w.Lock("assembler@0.17.8", "quiet@1.0.0", "tables@1.4.1"), ".lockkeeper/policy.toml": o.Policy,
	}
	if o.Allow != "" {
		files[".lockkeeper/allow.toml"] = o.Allow
	}
	w.Repo = w.GitHub.AddRepo("acme", "app", githubtest.RepoOptions{Private: true, Files: files})
	for login, role := range People {
		w.Repo.SetPermission(login, role)
	}
	return w
}

func (w *World) start(o Options) {
	t := w.t
	dir := t.TempDir()
	var err error
	if o.Store == "" {
		o.Store = filepath.Join(dir, "lockkeeper.db")
	}
	w.Store, err = store.Open(t.Context(), o.Store)
	must(t, err)
	app, err := github.New(github.Config{
		BaseURL: w.GitHub.APIURL(), WebURL: w.GitHub.URL(), AppID: w.GitHub.AppID(), PrivateKey: w.GitHub.PrivateKeyPEM(),
		Transport: contract.New(http.DefaultTransport, func(err error) { t.Error(err) }), Backoff: time.Millisecond,
	})
	must(t, err)
	client, err := cratesio.New(cratesio.Config{
		Index: w.registry.Index(), Static: w.registry.Static(), API: w.registry.API(), Budget: unlimited{},
		Fetch: fetch.Config{Version: "test", Contact: "test@example.invalid", CacheDir: filepath.Join(dir, "cache"), Retries: -1, Remember: -1},
	})
	must(t, err)
	pages := httptest.NewUnstartedServer(nil)
	w.URL = "https://" + pages.Listener.Addr().String()
	if o.Plain {
		w.URL = "http://" + pages.Listener.Addr().String()
	}
	const secret = "a webhook secret of the tests"
	w.Server, err = server.New(context.Background(), server.Config{
		WebhookSecret: secret, App: app, Store: w.Store, Log: zerolog.New(w.Log).Level(zerolog.TraceLevel), Now: w.Now,
		Pages:   &server.PagesConfig{PublicURL: w.URL, ClientID: w.GitHub.ClientID(), ClientSecret: w.GitHub.ClientSecret()},
		Scanner: &scan.Scanner{Registries: map[lockkeeper.Ecosystem]registry.Client{lockkeeper.Cargo: client}, Facts: w.Store, Owners: w.Store},
	})
	must(t, err)
	must(t, w.Server.Start(context.Background()))
	pages.Config.Handler = w.Server.Handler()
	pages.Config.ErrorLog = log.New(w.Log, "", 0) // browsers complain of the certificate
	if o.Plain {
		pages.Start()
	} else {
		pages.StartTLS()
	}
	w.Client = pages.Client()
	hooks := httptest.NewServer(w.Server.Handler())
	w.GitHub.SetWebhook(hooks.URL+"/webhook", secret)
	t.Cleanup(func() {
		hooks.Close()
		pages.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := w.Server.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
		w.Store.Close()
	})
}

// Now is the server's time, Advance moves it on.
func (w *World) Now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

// Advance moves the server's clock.
func (w *World) Advance(d time.Duration) { w.ahead.Add(int64(d)) }

type unlimited struct{}

func (unlimited) Wait(ctx context.Context) error { return ctx.Err() }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Lock is a Cargo.lock of the given "name@version"s; with " > a b" one depends on a
// and b.
func (w *World) Lock(packages ...string) string {
	w.t.Helper()
	var b strings.Builder
	b.WriteString("version = 4\n")
	for _, p := range packages {
		p, on, _ := strings.Cut(p, " > ")
		name, version, _ := strings.Cut(p, "@")
		fmt.Fprintf(&b, "\n[[package]]\nname = %q\nversion = %q\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{{crate:%s}}\"\n", name, version, p)
		if on != "" {
			fmt.Fprintf(&b, "dependencies = [\n")
			for _, d := range strings.Fields(on) {
				fmt.Fprintf(&b, " %q,\n", d)
			}
			b.WriteString("]\n")
		}
	}
	text, err := w.registry.Expand(b.String())
	must(w.t, err)
	return text
}

// Incident is a lockfile in the shape of one: a taken over crate brings in another
// that downloads and runs a program, and an honest one changed its build script.
func (w *World) Incident() string {
	return w.Lock("assembler@0.17.9", "grabber@2.0.0", "quiet@1.0.1", "tables@1.5.0 > grabber")
}

// Open opens a pull request by the author with that Cargo.lock.
func (w *World) Open(title, lock string) *githubtest.Pull {
	w.t.Helper()
	w.branches++
	branch := fmt.Sprintf("topic-%d", w.branches)
	w.Repo.Branch(branch, "main")
	w.Repo.Commit(branch, githubtest.CommitSpec{Message: title, Author: "author", Files: map[string]string{"Cargo.lock": lock}})
	return w.Repo.OpenPull("author", branch, "main", title, "")
}

// Settle waits until every webhook is delivered and every job is done.
func (w *World) Settle() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	must(w.t, w.GitHub.Flush(ctx))
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		idle, err := w.Server.Idle(ctx)
		if err != nil {
			w.t.Fatalf("the server does not come to rest: %v\n%s", err, w.Log)
		}
		if idle {
			return
		}
		<-ticker.C
	}
}

// Check is the conclusion of Lockkeeper's newest check at the pull request's head,
// and where its details are.
func (w *World) Check(p *githubtest.Pull) (conclusion, details string) {
	for _, run := range w.Repo.CheckRuns(p.Head()) {
		if run.Name == "lockkeeper: main" {
			conclusion, details = run.Conclusion, run.DetailsURL
		}
	}
	return conclusion, details
}

// Path is that of the pull request's details.
func (w *World) Path(p *githubtest.Pull) string { return fmt.Sprintf("/acme/app/pull/%d", p.Number) }

// CloseRegistry has the registry answer nobody any more.
func (w *World) CloseRegistry() { w.registry.Close() }
