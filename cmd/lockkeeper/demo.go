package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/cratesio"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
	"github.com/lockkeeper/lockkeeper/scan"
	"github.com/lockkeeper/lockkeeper/server"
	"github.com/lockkeeper/lockkeeper/store"
)

type demoCmd struct {
	Once   bool   `help:"Run it through without waiting for anybody, and check that it goes as it must."`
	Listen string `help:"Address for the stand-in of GitHub, on loopback." default:"127.0.0.1:0" placeholder:"HOST:PORT"`
}

func (demoCmd) Help() string {
	return `The real server runs in this process beside stand-ins for GitHub and crates.io on
loopback. A pull request arrives in the shape of an incident: a patch release whose
account was taken over brings in a new package that downloads and runs a program
while it is built. Nothing is installed and nothing leaves this machine.

Examples:
  lockkeeper demo          then open the address that it prints
  lockkeeper demo --once   no waiting; exit code 0 if it went as it should`
}

//go:embed demo.txtar
var demoText []byte

// The people of the demo.
const (
	demoAuthor   = "author"
	demoReviewer = "reviewer"
	demoOutsider = "outsider"
	demoCheck    = "lockkeeper: main"
)

func (c *demoCmd) Run(p *process) error {
	host, _, err := net.SplitHostPort(c.Listen)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return usageError{fmt.Errorf("--listen %s: want an address on loopback such as 127.0.0.1:8080, since the demo lets everybody be anybody", c.Listen)}
	}
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	d, err := startDemo(ctx, c.Listen)
	if err != nil {
		return err
	}
	defer d.stop()
	if err := d.settled(ctx, "action_required"); err != nil {
		return err
	}
	if c.Once {
		return d.once(ctx, p)
	}
	fmt.Fprintf(p.stdout, "A pull request waits for you:\n\n  %s\n\n", d.address())
	fmt.Fprintf(p.stdout, "Write a comment there as %s, %s or %s, for example:\n\n  /lockkeeper sign-off all \"I read the build script\"\n\n", demoAuthor, demoOutsider, demoReviewer)
	fmt.Fprintf(p.stdout, "Or follow \"details\" of the check to the code itself, and decide there. The check turns\ngreen on the %s's word alone. Ctrl-C ends the demo.\n", demoReviewer)
	<-ctx.Done()
	return nil
}

// once plays all roles and checks each answer.
func (d *demo) once(ctx context.Context, p *process) error {
	say := func(format string, args ...any) { fmt.Fprintf(p.stdout, format+"\n", args...) }
	say("The pull request's check: %s", d.title())
	const words = `/lockkeeper sign-off all "I read the build script"`
	if err := nextSecond(ctx); err != nil {
		return err
	}
	for _, step := range []struct{ login, body, conclusion string }{
		{demoAuthor, words, "action_required"},
		{demoOutsider, words, "action_required"},
		{demoReviewer, "/lockkeeper sign-off all", "action_required"}, // no reason
		{demoReviewer, words, "success"},
	} {
		d.pull.Comment(step.login, step.body)
		if err := d.settled(ctx, step.conclusion); err != nil {
			return fmt.Errorf("after %s wrote %q: %w", step.login, step.body, err)
		}
		say("%-9s wrote %-55s -> %s: %s", step.login, step.body, step.conclusion, d.title())
	}
	comments := 0
	for _, comment := range d.pull.Comments() {
		if comment.Author == d.github.AppLogin() {
			comments++
		}
	}
	if comments != 1 {
		return fmt.Errorf("there are %d comments of Lockkeeper, want one", comments)
	}
	say("As it must: only the reviewer's word with a reason counted, and there is one comment.")
	return nil
}

// demo is everything that runs in the one process.
type demo struct {
	github *githubtest.Server
	repo   *githubtest.Repo
	pull   *githubtest.Pull
	server *server.Server
	stops  []func()
}

// nextSecond waits for the next whole second. GitHub tells the times of comments in
// those, and one of the second in which the findings were shown may be older.
func nextSecond(ctx context.Context) error {
	now := time.Now()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(now.Truncate(time.Second).Add(time.Second).Sub(now)):
		return nil
	}
}

func (d *demo) stop() {
	for i := len(d.stops) - 1; i >= 0; i-- {
		d.stops[i]()
	}
}

func (d *demo) address() string {
	return fmt.Sprintf("%s/example/app/pull/%d", d.github.URL(), d.pull.Number)
}

// startDemo starts the registries, GitHub and the server, and opens the pull
// request. What was started is stopped again on an error.
func startDemo(ctx context.Context, listen string) (_ *demo, err error) {
	d := &demo{}
	defer func() {
		if err != nil {
			d.stop()
		}
	}()
	files, err := demoFiles(time.Now())
	if err != nil {
		return nil, err
	}
	registries := registrytest.New()
	if err := registries.LoadText(txtar.Format(files)); err != nil {
		return nil, err
	}
	if err := registries.Start(); err != nil {
		return nil, err
	}
	d.stops = append(d.stops, func() { registries.Close() })
	if d.github, err = githubtest.New(githubtest.Config{}); err != nil {
		return nil, err
	}
	d.stops = append(d.stops, d.github.Close)
	url, err := d.serve(listen, d.github)
	if err != nil {
		return nil, err
	}
	d.github.SetURL(url)
	if err := d.startServer(ctx, registries); err != nil {
		return nil, err
	}
	return d, d.openPull(files, registries)
}

var agoPattern = regexp.MustCompile(`\{\{ago (\d+)([mhd])\}\}`)

// demoFiles is the embedded text with times relative to now.
func demoFiles(now time.Time) (*txtar.Archive, error) {
	units := map[string]time.Duration{"m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
	text := agoPattern.ReplaceAllStringFunc(string(demoText), func(s string) string {
		m := agoPattern.FindStringSubmatch(s)
		n, _ := strconv.Atoi(m[1]) // digits by the pattern
		return now.Add(-time.Duration(n) * units[m[2]]).UTC().Format(time.RFC3339)
	})
	if strings.Contains(text, "{{ago") {
		return nil, errors.New("the demo's text has a time that cannot be read")
	}
	return txtar.Parse([]byte(text)), nil
}

// serve answers on a loopback address until the demo stops.
func (d *demo) serve(address string, handler http.Handler) (url string, err error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("listen on %s: %w", address, err)
	}
	d.serveOn(listener, handler)
	return "http://" + listener.Addr().String(), nil
}

func (d *demo) serveOn(listener net.Listener, handler http.Handler) {
	s := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go s.Serve(listener) // ends with ErrServerClosed by Close
	d.stops = append(d.stops, func() { s.Close() })
}

// startServer runs the real server against the stand-ins.
func (d *demo) startServer(ctx context.Context, registries *registrytest.Server) error {
	dir, err := os.MkdirTemp("", "lockkeeper-demo-")
	if err != nil {
		return err
	}
	d.stops = append(d.stops, func() { os.RemoveAll(dir) })
	db, err := store.Open(ctx, filepath.Join(dir, "lockkeeper.db"))
	if err != nil {
		return err
	}
	d.stops = append(d.stops, func() { db.Close() })
	app, err := github.New(github.Config{BaseURL: d.github.APIURL(), WebURL: d.github.URL(), AppID: d.github.AppID(), PrivateKey: d.github.PrivateKeyPEM()})
	if err != nil {
		return err
	}
	crates, err := cratesio.New(cratesio.Config{
		Index: registries.Index(), Static: registries.Static(), API: registries.API(),
		Fetch: fetch.Config{Version: agentVersion(), Contact: "demo@example.invalid", CacheDir: filepath.Join(dir, "cache")},
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen on loopback: %w", err)
	}
	d.stops = append(d.stops, func() { listener.Close() })
	url := "http://" + listener.Addr().String()
	const secret = "the demo's webhook secret"
	s, err := server.New(ctx, server.Config{
		WebhookSecret: secret, App: app, Store: db, Log: zerolog.Nop(),
		Pages:   &server.PagesConfig{PublicURL: url, ClientID: d.github.ClientID(), ClientSecret: d.github.ClientSecret()},
		Scanner: &scan.Scanner{Registries: map[lockkeeper.Ecosystem]registry.Client{lockkeeper.Cargo: crates}, Facts: db},
	})
	if err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return err
	}
	d.server = s
	d.stops = append(d.stops, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		s.Stop(ctx)
	})
	d.serveOn(listener, s.Handler())
	d.github.SetWebhook(url+"/webhook", secret)
	return nil
}

// openPull makes the people, the repository and its pull request.
func (d *demo) openPull(files *txtar.Archive, registries *registrytest.Server) error {
	contents := map[string]string{}
	for _, f := range files.Files {
		switch f.Name {
		case "base.lock", "head.lock":
			text, err := registries.Expand(string(f.Data))
			if err != nil {
				return err
			}
			contents[f.Name] = text
		case "policy.toml":
			contents[f.Name] = string(f.Data)
		}
	}
	for _, login := range []string{demoAuthor, demoReviewer, demoOutsider, "example"} {
		d.github.AddUser(login)
	}
	d.repo = d.github.AddRepo("example", "app", githubtest.RepoOptions{Files: map[string]string{
		"README.md": "# app\n", "Cargo.lock": contents["base.lock"], ".lockkeeper/policy.toml": contents["policy.toml"],
	}})
	d.repo.SetPermission(demoAuthor, "write")
	d.repo.SetPermission(demoReviewer, "maintain")
	d.repo.SetPermission(demoOutsider, "read")
	d.repo.RequireCheck("main", demoCheck)
	d.repo.Branch("updates", "main")
	d.repo.Commit("updates", githubtest.CommitSpec{Message: "Update dependencies", Author: demoAuthor, Files: map[string]string{"Cargo.lock": contents["head.lock"]}})
	d.pull = d.repo.OpenPull(demoAuthor, "updates", "main", "Update dependencies", "cargo update, as every week.")
	return nil
}

// check is Lockkeeper's newest check run at the head.
func (d *demo) check() (githubtest.CheckRun, bool) {
	var found githubtest.CheckRun
	ok := false
	for _, run := range d.repo.CheckRuns(d.pull.Head()) {
		if run.Name == demoCheck {
			found, ok = run, true
		}
	}
	return found, ok
}

func (d *demo) title() string {
	run, _ := d.check()
	return run.Title
}

// patience bounds how long the demo waits for its own server.
const patience = time.Minute

// settled waits until every event so far is dealt with, and then holds the check
// against the conclusion.
func (d *demo) settled(ctx context.Context, conclusion string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := d.github.Flush(ctx); err != nil {
		return fmt.Errorf("deliver webhooks: %w", err)
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for idle := false; !idle; {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the server: %w", ctx.Err())
		case <-ticker.C:
		}
		var err error
		if idle, err = d.server.Idle(ctx); err != nil {
			return err
		}
	}
	if run, _ := d.check(); run.Conclusion != conclusion {
		return fmt.Errorf("the check is %q (%s), want %q", run.Conclusion, run.Title, conclusion)
	}
	return nil
}
