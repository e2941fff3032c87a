package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/config/strict"
	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/report/html"
	"github.com/lockkeeper/lockkeeper/server/setup"
	"github.com/lockkeeper/lockkeeper/store"
)

type setupCmd struct {
	From       string `help:"File with what cannot be guessed: public-url, organisation, contact, features, github, ca-file." required:"" placeholder:"FILE"`
	Page       bool   `help:"Print a web page with one button that makes the App, in place of the manifest."`
	Code       string `help:"The code with which GitHub came back, or - to read it from standard input: write the configuration." placeholder:"CODE"`
	Config     string `help:"Where the configuration is written. It must not be there yet." default:"lockkeeper.toml" placeholder:"FILE" type:"path"`
	KubeSecret string `help:"With --code: print a Secret of that name for Kubernetes, in place of writing files." placeholder:"NAME"`
}

func (setupCmd) Help() string {
	return `What lockkeeper serve does on its page, without that page: prints the manifest of a
GitHub App with the permissions and events that the features take, and writes the
configuration from the code that GitHub gives for it. The file needs one line:

  public-url = "https://lockkeeper.example.invalid"

Examples:
  lockkeeper setup --from setup.toml --page > app.html   then open it
  lockkeeper setup --from setup.toml --code 0123456789abcdef`
}

// maxAnswers bounds the file of --from, in bytes.
const maxAnswers = 64 << 10

func (c *setupCmd) Run(p *process) error {
	choice, err := c.choice()
	if err != nil {
		return err
	}
	maker, err := newMaker(choice)
	if err != nil {
		return err
	}
	switch {
	case c.Code != "":
		return c.finish(p, choice, maker)
	case c.KubeSecret != "":
		return usageError{errors.New("--kube-secret goes with --code: there are no secrets before")}
	}
	plan := choice.Plan(choice.PublicURL+setup.CreatedPath, "")
	manifest := plan.Manifest()
	page := plan.NewAppURL(maker.WebURL(), "")
	if c.Page {
		text, err := json.Marshal(manifest)
		if err != nil {
			return err
		}
		if err := buttonPage.Execute(p.stdout, struct {
			Style          template.CSS
			Action, Name   string
			Manifest, Back string
		}{template.CSS(html.Style), page, manifest.Name, string(text), manifest.RedirectURL}); err != nil {
			return err
		}
		c.tell(p, "Open the page where you are signed in to GitHub, and press its button.", manifest)
		return nil
	}
	out := json.NewEncoder(p.stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	if err := out.Encode(manifest); err != nil {
		return err
	}
	c.tell(p, "Post it as the form field \"manifest\" to "+page+"\nwhere you are signed in; --page prints a page that does.", manifest)
	return nil
}

func (c *setupCmd) tell(p *process, what string, m github.Manifest) {
	if p.quiet {
		return
	}
	fmt.Fprintf(p.stderr, "%s\nGitHub then leads to %s?code=..., where nobody need answer:\ntake the code from the address, and within the hour\n\n  lockkeeper setup --from %s --code CODE\n", what, m.RedirectURL, c.From)
}

var buttonPage = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>Create the GitHub App {{.Name}}</title><style>{{.Style}}</style></head>
<body><main class="door">
<h1>Create the GitHub App {{.Name}}</h1>
<p>GitHub asks you to confirm, and leads to {{.Back}} with a code in the address. Hand that to <code>lockkeeper setup --code</code> within the hour.</p>
<form method="post" action="{{.Action}}"><input type="hidden" name="manifest" value="{{.Manifest}}"><button class="main">Create the GitHub App</button></form>
</main></body>
</html>
`))

func (c *setupCmd) choice() (setup.Choice, error) {
	var choice setup.Choice
	data, err := os.ReadFile(c.From)
	if err != nil {
		return choice, err
	}
	if len(data) > maxAnswers {
		return choice, fmt.Errorf("%s has %d bytes, too many for a few answers; check the path", c.From, len(data))
	}
	if _, err := strict.Decode(c.From, data, &choice); err != nil {
		return choice, err
	}
	var errs []error
	for _, problem := range choice.Check() {
		errs = append(errs, fmt.Errorf("%s: %w", c.From, problem))
	}
	return choice, errors.Join(errs...)
}

// finish exchanges the code and writes what it brings.
func (c *setupCmd) finish(p *process, choice setup.Choice, maker *github.Maker) error {
	code := c.Code
	if code == "-" {
		data, err := io.ReadAll(io.LimitReader(p.stdin, maxAnswers))
		if err != nil {
			return fmt.Errorf("read the code from standard input: %w", err)
		}
		code = strings.TrimSpace(string(data))
	}
	if c.KubeSecret == "" {
		// Before there are secrets: GitHub gives them once.
		if err := config.Creatable(c.Config); err != nil {
			return err
		}
	}
	made, err := maker.Convert(p.ctx, code)
	if errors.Is(err, github.ErrCode) {
		return fmt.Errorf("%w; delete the App that was made, and create it anew", err)
	}
	if err != nil {
		return err
	}
	if c.KubeSecret != "" {
		return printSecret(p, c.KubeSecret, choice, made)
	}
	cfg, err := config.Load("", p.env, os.ReadFile)
	if err != nil {
		return err
	}
	files, err := p.writeConfiguration(c.Config, cfg, choice, made)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "wrote %s\nwrote %s\n\n", files[0], files[1])
	fmt.Fprintf(p.stdout, "Start the server:      lockkeeper serve --config %s\nInstall the App:       %s\nSee whether all is well: lockkeeper doctor --server --config %s\n", files[0], made.InstallURL(), files[0])
	return nil
}

// printSecret prints what the chart takes from a Secret.
func printSecret(p *process, name string, choice setup.Choice, made *github.Made) error {
	out := json.NewEncoder(p.stdout)
	out.SetIndent("", "  ")
	if err := out.Encode(map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": map[string]string{"name": name},
		"stringData": map[string]string{"private-key.pem": made.PrivateKey, "webhook-secret": made.WebhookSecret, "client-secret": made.ClientSecret},
	}); err != nil {
		return err
	}
	fmt.Fprintf(p.stderr, "Values for the chart (deploy/helm):\n\ncontact: %q\ngithub:\n  appId: %d\n  existingSecret: %q\n", cmp.Or(choice.Contact, made.Page), made.ID, name)
	if api := choice.APIURL(); api != "" {
		fmt.Fprintf(p.stderr, "  apiUrl: %q\n", api)
	}
	fmt.Fprintf(p.stderr, "pages:\n  publicUrl: %q\n  clientId: %q\n", choice.PublicURL, made.ClientID)
	if !choice.Wants(github.FeatureCuration) {
		fmt.Fprint(p.stderr, "extraEnv:\n  - {name: LOCKKEEPER_CURATION_ONBOARDING, value: none}\n  - {name: LOCKKEEPER_CURATION_RECORD, value: none}\n")
	}
	fmt.Fprintf(p.stderr, "\nInstall the App: %s\n", made.InstallURL())
	return nil
}

// newMaker speaks to the GitHub of a choice.
func newMaker(choice setup.Choice) (*github.Maker, error) {
	transport, err := toGitHub(&config.Config{GitHub: config.GitHub{CAFile: choice.CAFile}})
	if err != nil {
		return nil, err
	}
	return github.NewMaker(github.Config{Transport: transport, BaseURL: choice.APIURL(), UserAgent: "lockkeeper/" + versionText()})
}

// writeConfiguration writes a new App's configuration, with what base has from the
// environment. Where the database and the cache are does not depend on where a command
// is started later.
func (p *process) writeConfiguration(path string, base *config.Config, choice setup.Choice, made *github.Made) ([]string, error) {
	c := config.Default()
	c.Server = config.Server{Listen: base.Server.Listen, Contact: cmp.Or(choice.Contact, made.Page), PublicURL: choice.PublicURL}
	if p.getenv("LOCKKEEPER_SERVER_LISTEN") == "" && c.Server.Listen == config.Default().Server.Listen {
		c.Server.Listen = setupListen
	}
	c.GitHub.AppID, c.GitHub.ClientID, c.GitHub.APIURL = made.ID, made.ClientID, choice.APIURL()
	c.GitHub.PrivateKey, c.GitHub.WebhookSecret = config.NewSecret(made.PrivateKey), config.NewSecret(made.WebhookSecret)
	c.GitHub.ClientSecret = config.NewSecret(made.ClientSecret)
	if !choice.Wants(github.FeatureCuration) {
		c.Curation.Onboarding, c.Curation.Record = "none", "none"
	}
	var err error
	absolute := func(path string) string {
		full, failed := filepath.Abs(path)
		err = errors.Join(err, failed)
		return full
	}
	if choice.CAFile != "" {
		c.GitHub.CAFile = absolute(choice.CAFile)
	}
	if p.getenv("LOCKKEEPER_STORE_PATH") == "" && p.getenv("LOCKKEEPER_STORE_URL") == "" && p.getenv("LOCKKEEPER_STORE_URL_FILE") == "" {
		c.Store.Path = absolute(base.Store.Path)
	}
	if p.getenv("LOCKKEEPER_CACHE_DIR") == "" {
		c.Cache.Dir = absolute(base.Cache.Dir)
	}
	if err != nil {
		return nil, err
	}
	return config.Create(path, c, made.Page, p.env)
}

// setupListen is where a server listens that nobody told anything: on this machine.
const setupListen = "127.0.0.1:8080"

// serveSetup serves the page that sets the server up, and then the server, until the
// process is told to stop.
func (p *process) serveSetup(cfg *config.Config, path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if err := config.Creatable(path); err != nil {
		return err
	}
	if _, err := store.Inspect(p.ctx, cfg.Store.Location()); err != nil {
		return fmt.Errorf("%w; make the directory writable, or set LOCKKEEPER_STORE_PATH", err)
	}
	if p.getenv("LOCKKEEPER_SERVER_LISTEN") == "" {
		cfg.Server.Listen = setupListen
	}
	log, err := newLog(cfg.Log, p.stderr)
	if err != nil {
		return err
	}
	ctx := log.WithContext(p.ctx)
	listener, err := net.Listen("tcp", cfg.Server.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w; set LOCKKEEPER_SERVER_LISTEN to another address", cfg.Server.Listen, err)
	}
	if _, port, err := net.SplitHostPort(cfg.Server.Listen); err == nil && port == "0" {
		cfg.Server.Listen = listener.Addr().String()
	}
	var running atomic.Pointer[served]
	token := setup.NewToken()
	guide := setup.New(setup.Config{
		Token: token, Listen: cfg.Server.Listen, Path: path, Log: log, Maker: newMaker,
		Preset: setup.Choice{PublicURL: cfg.Server.PublicURL, Contact: cfg.Server.Contact, Features: []string{github.FeatureTeams, github.FeatureMergeQueue}},
		Write: func(choice setup.Choice, made *github.Made) ([]string, error) {
			return p.writeConfiguration(path, cfg, choice, made)
		},
		Start: func() (*setup.Running, error) {
			written, err := config.Load(path, p.env, os.ReadFile)
			if err != nil {
				return nil, err
			}
			if err := written.Validate(); err != nil {
				return nil, err
			}
			s, err := startServing(ctx, written, log, listener.Addr())
			if err != nil {
				return nil, err
			}
			running.Store(s)
			return &setup.Running{Handler: s.server.Handler(), Server: s.server, App: s.app}, nil
		},
	})
	base := "http://" + reachable(listener.Addr())
	if cfg.Server.PublicURL != "" {
		base = cfg.Server.PublicURL
	}
	fmt.Fprintf(p.stdout, "Set up Lockkeeper: %s/setup?token=%s\n", base, url.QueryEscape(token))
	return serve(ctx, listener, newWeb(guide, tolerant), func(stopping context.Context) error {
		if s := running.Load(); s != nil {
			return s.stop(stopping)
		}
		return nil
	}, log)
}

// reachable is an address for a browser on this machine.
func reachable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return addr.String()
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
}
