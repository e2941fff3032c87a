package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/gitrepo"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/cratesio"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/scan"
	"github.com/lockkeeper/lockkeeper/store"
)

type doctorCmd struct {
	Server bool   `help:"Check the server's configuration as well: the GitHub App, webhook deliveries, the database."`
	Repo   string `short:"C" help:"Repository, or a directory in it." default:"." placeholder:"DIR" type:"path"`
	Color  string `help:"auto, always or never." enum:"auto,always,never" default:"auto"`
	engineFlags
}

func (doctorCmd) Help() string {
	return `Looks at everything that Lockkeeper needs and says what to do where something is amiss.
Nothing is changed. Exit code 1 if something does not work.

Examples:
  lockkeeper doctor
  lockkeeper doctor --server --config /etc/lockkeeper.toml`
}

// checkup collects what was found.
type checkup struct {
	p      *process
	style  func(report.Role, string) string
	width  int // of the terminal; 0: as long as it gets
	failed int
}

// checkWithin bounds one check.
const checkWithin = 20 * time.Second

func (c *doctorCmd) Run(p *process) error {
	look := outputFlags{Color: c.Color}.textOptions(p)
	d := &checkup{p: p, style: look.Style, width: look.Width}
	d.ok("lockkeeper", versionText())
	d.git(c.Repo)
	read := p.configuration
	if c.Server {
		read = p.operated
	}
	cfg, err := read(c.Config)
	if err != nil {
		d.bad("configuration", err, "mend the file, or leave out --config")
		return exitCode(exitFailed)
	}
	for _, note := range cfg.Notes {
		d.warn("configuration", note)
	}
	if !c.Server {
		d.cache(p, c.engineFlags)
	}
	d.registries(cfg)
	if c.Server {
		d.server(cfg)
	} else {
		d.token(p)
	}
	if d.failed > 0 {
		fmt.Fprintf(p.stdout, "\n%s to be put right.\n", counted(d.failed, "thing has", "things have"))
		return exitCode(exitFailed)
	}
	fmt.Fprintln(p.stdout, "\nAll is well.")
	return nil
}

func (d *checkup) line(role report.Role, word, what, text string) {
	word = fmt.Sprintf("%-5s", word)
	if d.style != nil {
		word = d.style(role, word)
	}
	fmt.Fprintf(d.p.stdout, "%s %-14s %s\n", word, what, d.folded(text))
}

// folded is text in as many lines as the terminal takes, beside the words before it.
func (d *checkup) folded(text string) string {
	const before = 21
	return strings.Join(report.Fold(text, d.width-before), "\n"+strings.Repeat(" ", before))
}

func (d *checkup) ok(what, text string) {
	if !d.p.quiet {
		d.line(report.Good, "ok", what, text)
	}
}

func (d *checkup) warn(what, text string) { d.line(report.Ask, "note", what, text) }

// bad says what is wrong, line by line, and what to do about it.
func (d *checkup) bad(what string, err error, todo string) {
	d.failed++
	for i, text := range strings.Split(err.Error(), "\n") {
		if i == 0 {
			d.line(report.Bad, "FAIL", what, printable(text))
		} else {
			fmt.Fprintf(d.p.stdout, "%21s%s\n", "", d.folded(printable(text)))
		}
	}
	fmt.Fprint(d.p.stdout, caret(err))
	if todo != "" {
		fmt.Fprintf(d.p.stdout, "%21s%s\n", "", d.folded("To do: "+todo))
	}
}

// git looks at the program, the repository and what its owners keep in it.
func (d *checkup) git(dir string) {
	out, err := exec.CommandContext(d.p.ctx, "git", "version").Output()
	if err != nil {
		d.bad("git", err, "install git and put it on the path")
		return
	}
	d.ok("git", strings.TrimSpace(strings.TrimPrefix(string(out), "git version")))
	repo, err := gitrepo.Open(d.p.ctx, dir)
	if err != nil {
		d.warn("repository", "none here; the rest is checked all the same")
		return
	}
	found, err := describeLockfiles(d.p.ctx, repo.WorkTree())
	switch {
	case err != nil:
		d.bad("repository", err, "make the files readable that it names")
	case len(found) == 0:
		d.warn("lockfiles", "none in "+printable(repo.Root())+"; Lockkeeper reads "+knownNames)
	default:
		d.ok("lockfiles", strings.Join(several(found), "; "))
	}
	if base, err := repo.Base(d.p.ctx, "", "", d.p.getenv); err != nil {
		d.bad("base", err, "fetch the branch that is compared with, or name it with --base")
	} else {
		d.ok("base", sentence("the "+workTree+" is compared", base))
	}
	d.rules(repo.Root())
}

func (d *checkup) rules(root string) {
	for _, file := range []struct {
		what, path string
		parse      func([]byte) error
	}{
		{"policy", policy.Path, func(data []byte) error { _, err := policy.Parse(policy.Path, data); return err }},
		{"allowlist", allowlist.Path, func(data []byte) error {
			_, err := allowlist.Parse(allowlist.Path, data, policy.AllowRules())
			return err
		}},
	} {
		data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file.path)))
		if errors.Is(err, os.ErrNotExist) {
			d.warn(file.what, "no "+file.path+": lockkeeper init writes one")
			continue
		}
		if err == nil {
			err = file.parse(data)
		}
		if err != nil {
			d.bad(file.what, err, "mend the file; docs/"+file.what+".md has every key")
			continue
		}
		d.ok(file.what, file.path)
	}
}

func (d *checkup) cache(p *process, flags engineFlags) {
	cfg, err := flags.load(p)
	switch {
	case err != nil:
		d.bad("cache", err, "set XDG_CACHE_HOME to a directory that can be written")
	case cfg.Cache.Dir == "":
		d.warn("cache", "none: every run fetches and analyses all anew")
	default:
		d.ok("cache", printable(cfg.Cache.Dir))
	}
}

// probes are packages that every copy of the public registries has.
var probes = []struct {
	ecosystem lockkeeper.Ecosystem
	name      string
	registry  string
}{{lockkeeper.Cargo, "cfg-if", "crates.io"}, {lockkeeper.PyPI, "pip", "PyPI"}}

// registries asks each for a package and for who published it.
func (d *checkup) registries(cfg *config.Config) {
	fresh := *cfg
	fresh.Cache.Dir = ""
	if fresh.Server.Contact == "" {
		fresh.Server.Contact = home
	}
	scanner, err := newScanner(&fresh, nil, nil)
	if err != nil {
		d.bad("registries", err, "mend the configuration")
		return
	}
	for _, probe := range probes {
		d.registry(scanner.Registries[probe.ecosystem], probe.name, probe.registry)
	}
	for i, r := range fresh.Registries {
		d.private(r, scanner.Others[i])
	}
}

// private asks a registry of the configuration for a package that everybody knows: that
// it has none is an answer, too. Nothing is asked in public that a private one has.
func (d *checkup) private(r config.Registry, other scan.Registry) {
	what := "registry " + printable(r.Name)
	if other.Client == nil {
		d.ok(what, "a mirror that is not asked")
		return
	}
	ctx, cancel := context.WithTimeout(d.p.ctx, checkWithin)
	defer cancel()
	name := ""
	for _, probe := range probes {
		if probe.ecosystem == other.Ecosystem {
			name = probe.name
		}
	}
	start := time.Now()
	_, err := other.Client.Project(ctx, name)
	if errors.Is(err, registry.ErrNotFound) {
		err = nil
	}
	if index, ok := other.Client.(*cratesio.Client); ok && err == nil {
		err = index.Probe(ctx)
	}
	if err != nil {
		d.bad(what, err, privateTodo(r, err))
		return
	}
	with := "and was sent no token"
	if !r.Token.Empty() {
		with = "and takes the token"
	}
	d.ok(what, fmt.Sprintf("answers in %d ms, %s", time.Since(start).Milliseconds(), with))
}

// privateTodo is what to do about a private registry that gives no answer.
func privateTodo(r config.Registry, err error) string {
	var status *fetch.StatusError
	var host *fetch.HostError
	var unknown x509.UnknownAuthorityError
	refused := errors.As(err, &status) && (status.Status == http.StatusUnauthorized || status.Status == http.StatusForbidden)
	switch {
	case refused && r.Token.Empty():
		return "it wants credentials: name their variable in token-env, or their file in token-file"
	case refused:
		return "it refuses the token: see whether it is still good, may read, and whether the registry wants a username, or Bearer before it (docs/registries.md, Credentials)"
	case errors.As(err, &host) && r.Ecosystem == lockkeeper.Cargo:
		return "its index leads to that host: if it is yours, name it in dl, api or files"
	case errors.As(err, &host):
		return "its pages lead to that host: if it is yours, name it in files"
	case errors.As(err, &unknown):
		return "name the certificates of its authority in ca-file"
	case errors.As(err, &status):
		return "see whether index is the address of the index itself: for Cargo config.json lies below it, for Python a page for each package"
	}
	return "see whether index is right and can be reached from here, and whether a proxy is needed (HTTPS_PROXY)"
}

func (d *checkup) registry(client registry.Client, name, what string) {
	ctx, cancel := context.WithTimeout(d.p.ctx, checkWithin)
	defer cancel()
	start := time.Now()
	project, err := client.Project(ctx, name)
	if errors.Is(err, registry.ErrNotFound) {
		d.warn(what, fmt.Sprintf("answers, but has no %s: a registry of your own?", name))
		return
	}
	const todo = "see whether a proxy is needed (HTTPS_PROXY), or name a mirror in the configuration"
	if err != nil {
		d.bad(what, err, todo)
		return
	}
	took := time.Since(start)
	if n := len(project.Releases); n > 0 {
		if _, err := client.Publications(ctx, name, []string{project.Releases[n-1].Package.Version}); err != nil {
			d.bad(what, fmt.Errorf("its index answers, but not who published a release: %w", err), todo)
			return
		}
	}
	d.ok(what, fmt.Sprintf("answers in %d ms", took.Milliseconds()))
}

func (d *checkup) token(p *process) {
	if p.getenv("GITHUB_TOKEN") == "" && p.getenv("GH_TOKEN") == "" {
		d.warn("GitHub", "no token in GITHUB_TOKEN: packages are not compared with their repositories")
		return
	}
	d.ok("GitHub", "a token is there")
}

// server looks at what the App needs.
func (d *checkup) server(cfg *config.Config) {
	if err := cfg.Validate(); err != nil {
		todo := "set what is missing; docs/operating.md has every key"
		if cfg.GitHub.Unmade() {
			todo = "there is no GitHub App yet: lockkeeper serve without a configuration makes one, and so does lockkeeper setup"
		}
		d.bad("configuration", err, todo)
		return
	}
	d.ok("configuration", "complete")
	there, err := store.Inspect(d.p.ctx, cfg.Store.Location())
	switch {
	case err != nil:
		d.bad("database", err, "give the server's user the right to write there, or set path in [store]")
	case there && !cfg.Store.URL.Empty():
		d.ok("database", "PostgreSQL answers")
	case there:
		d.ok("database", printable(cfg.Store.Path))
	default:
		d.ok("database", printable(cfg.Store.Path)+" is made at the first start")
	}
	transport, err := toGitHub(cfg)
	if err != nil {
		d.bad("GitHub App", err, "put its certificates there, or leave ca-file out")
		return
	}
	app, err := github.New(github.Config{
		Transport: transport, BaseURL: cfg.GitHub.APIURL, WebURL: cfg.GitHub.WebURL, AppID: cfg.GitHub.AppID,
		PrivateKey: []byte(cfg.GitHub.PrivateKey.Reveal()), UserAgent: "lockkeeper/" + agentVersion(),
	})
	if err != nil {
		d.bad("GitHub App", err, "set api-url and private-key-file in [github] right")
		return
	}
	ctx, cancel := context.WithTimeout(d.p.ctx, 3*checkWithin)
	defer cancel()
	d.app(ctx, app)
}

// maxSkew is how far GitHub lets a clock go wrong before it refuses the App's word.
const maxSkew = 30 * time.Second

func (d *checkup) app(ctx context.Context, app *github.App) {
	self, err := app.Self(ctx)
	if err != nil {
		d.bad("GitHub App", err, "app-id and private-key must be of the same App, and this machine's clock right")
		return
	}
	d.ok("GitHub App", fmt.Sprintf("%s, number %d", printable(self.Slug), app.ID()))
	if lacking := self.Lacks(); len(lacking) > 0 {
		d.bad("permissions", fmt.Errorf("the App lacks %s", strings.Join(lacking, ", ")), "add them on the App's settings page; owners of installations must accept new ones")
	} else {
		d.ok("permissions", "all that are needed")
	}
	d.features(self)
	if skew := time.Until(self.Now); !self.Now.IsZero() && skew.Abs() > maxSkew {
		d.bad("clock", fmt.Errorf("%s away from GitHub's", skew.Abs().Round(time.Second)), "set this machine's clock (NTP)")
	} else {
		d.ok("clock", "as GitHub's")
	}
	installations, err := app.Installations(ctx)
	switch {
	case err != nil:
		d.bad("installations", err, "try again in a moment; GitHub's status page may know more")
	case len(installations) == 0:
		d.warn("installations", "none: install the App at "+printable(self.Page)+"/installations/new")
	default:
		d.ok("installations", fmt.Sprint(len(installations)))
	}
	failed, err := app.FailedDeliveries(ctx, time.Now().Add(-72*time.Hour))
	switch {
	case err != nil:
		d.bad("webhooks", err, "try again in a moment; GitHub's status page may know more")
	case len(failed) > 0:
		d.bad("webhooks", fmt.Errorf("%d deliveries of the last 3 days failed, the last, %s, at %s: %s", len(failed), printable(failed[0].Event), failed[0].At.UTC().Format("2006-01-02 15:04"), printable(failed[0].Status)), webhookTodo(failed[0].Status))
	default:
		d.ok("webhooks", "none failed in the last 3 days")
	}
}

// webhookTodo is what to do about a delivery of which GitHub says that.
func webhookTodo(status string) string {
	switch {
	case strings.HasSuffix(status, " 400"):
		return "the server did not accept the signature: webhook-secret must be what the App's settings page has, or set both anew"
	case strings.HasSuffix(status, " 404"), strings.HasSuffix(status, " 405"):
		return "something else answers there: the webhook URL on the App's settings page must end in /webhook, and your proxy pass it on"
	case strings.HasSuffix(status, " 502"), strings.HasSuffix(status, " 503"), strings.HasSuffix(status, " 504"):
		return "the proxy did not reach the server, or the server was not ready: see lockkeeper ready, and the proxy's log"
	}
	return "GitHub must reach the webhook URL on the App's settings page: see the name, the certificate, the firewall, and whether the proxy passes /webhook on; the same page shows each try under Advanced"
}

// features tells what the App may not do that it could.
func (d *checkup) features(self github.Self) {
	off := self.Off()
	for _, f := range github.Features() {
		if lacking := off[f.Key]; len(lacking) > 0 {
			d.warn("off", fmt.Sprintf("%s (takes %s). %s", strings.ToLower(f.Title[:1])+f.Title[1:], strings.Join(lacking, ", "), f.Detail))
		}
	}
}
