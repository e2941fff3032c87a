package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/metrics"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry/advisory"
	"github.com/lockkeeper/lockkeeper/registry/cratesio"
	"github.com/lockkeeper/lockkeeper/server"
	"github.com/lockkeeper/lockkeeper/store"
)

type serveCmd struct {
	Config string `help:"Configuration file; environment variables LOCKKEEPER_* go before it. Default: lockkeeper.toml, if it is there." placeholder:"FILE" type:"path"`
}

func (serveCmd) Help() string {
	return `The configuration is explained in docs/operating.md. Without one, a page opens on which
the GitHub App is made and the configuration written; the terminal says where. The
server stops gracefully on SIGTERM: it finishes the jobs at hand, and keeps the others
for the next start.

Examples:
  lockkeeper serve                          set it up, or use lockkeeper.toml
  lockkeeper serve --config /etc/lockkeeper.toml`
}

// stopWithin bounds a graceful stop, the last requests and jobs included.
const stopWithin = 30 * time.Second

func (c *serveCmd) Run(p *process) error {
	found, err := p.serverConfiguration(c.Config)
	if err != nil {
		return err
	}
	cfg := found.Config
	if found.missing && cfg.GitHub.Unmade() {
		return p.serveSetup(cfg, found.path)
	}
	if found.missing && found.named {
		return fmt.Errorf("read configuration: %s is not there", found.path)
	}
	if err := cfg.Validate(); err != nil {
		if cfg.GitHub.Unmade() {
			err = fmt.Errorf("%w\nTo have a GitHub App made, see: lockkeeper setup --help", err)
		}
		return err
	}
	log, err := newLog(cfg.Log, p.stderr)
	if err != nil {
		return err
	}
	ctx := log.WithContext(p.ctx)
	listener, err := net.Listen("tcp", cfg.Server.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s ([server] listen): %w", cfg.Server.Listen, err)
	}
	s, err := startServing(ctx, cfg, log, listener.Addr())
	if err != nil {
		listener.Close()
		return err
	}
	return serve(ctx, listener, newWeb(s.server.Handler(), tolerant), s.stop, log)
}

// served is a server that does jobs, with what it stands on.
type served struct {
	server *server.Server
	app    *github.App
	ops    *operations
	db     *store.Store
	// letGo ends having the database to itself; see store.Serve.
	letGo func() error
}

// startServing begins to do jobs. Requests that come to address are its caller's to hand
// on.
func startServing(ctx context.Context, cfg *config.Config, log zerolog.Logger, address net.Addr) (_ *served, err error) {
	for _, note := range cfg.Notes {
		log.Warn().Msg(note)
	}
	s := &served{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.release(ctx))
		}
	}()
	if s.letGo, err = store.Serve(cfg.Store.Location()); err != nil {
		return nil, err
	}
	if s.db, err = store.Open(ctx, cfg.Store.Location()); err != nil {
		return nil, err
	}
	if s.ops, err = newOperations(ctx, cfg); err != nil {
		return nil, err
	}
	if s.app, s.server, err = newServer(ctx, cfg, s.db, log, s.ops); err != nil {
		return nil, err
	}
	if err := s.ops.listen(log); err != nil {
		return nil, err
	}
	if err := s.server.Start(ctx); err != nil {
		return nil, err
	}
	log.Info().Str("address", address.String()).Str("version", versionText()).Msg("serving")
	return s, nil
}

// stop finishes the jobs at hand.
func (s *served) stop(ctx context.Context) error {
	return errors.Join(s.server.Stop(ctx), s.release(ctx))
}

func (s *served) release(ctx context.Context) error {
	var errs []error
	if s.ops != nil {
		errs = append(errs, s.ops.stop(ctx))
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.letGo != nil {
		errs = append(errs, s.letGo())
	}
	return errors.Join(errs...)
}

// newServer wires the configured parts together.
func newServer(ctx context.Context, cfg *config.Config, db *store.Store, log zerolog.Logger, ops *operations) (*github.App, *server.Server, error) {
	transport, err := toGitHub(cfg)
	if err != nil {
		return nil, nil, err
	}
	app, err := github.New(github.Config{
		Transport: ops.traced(transport), Observer: ops.metrics,
		BaseURL: cfg.GitHub.APIURL, WebURL: cfg.GitHub.WebURL, AppID: cfg.GitHub.AppID,
		PrivateKey: []byte(cfg.GitHub.PrivateKey.Reveal()), UserAgent: "lockkeeper/" + agentVersion(),
	})
	if err != nil {
		return nil, nil, err
	}
	// Counted in the database, so that all replicas together keep to it.
	budget := ops.metrics.Budget(metrics.CratesIO, db.Budget("crates.io api "+cfg.CratesIO.API, cratesio.Pace))
	scanner, err := newScanner(cfg, budget, ops)
	if err != nil {
		return nil, nil, err
	}
	scanner.Facts, scanner.Owners = ops.metrics.Facts(db), db
	c := server.Config{
		WebhookSecret: cfg.GitHub.WebhookSecret.Reveal(), App: app, Store: db, Scanner: scanner, Log: log,
		NoForeign: cfg.GitHub.Repositories == "none", NoRecord: cfg.Curation.Record == "none",
		Metrics:    ops.metrics,
		KeepClosed: time.Duration(cfg.Store.ClosedDays) * 24 * time.Hour,
	}
	if cfg.Curation.Onboarding != "none" {
		c.Onboarding = &server.Onboarding{Mode: policy.Mode(cfg.Curation.OnboardingMode)}
	}
	if cfg.Pages() {
		c.Pages = &server.PagesConfig{PublicURL: cfg.Server.PublicURL, ClientID: cfg.GitHub.ClientID, ClientSecret: cfg.GitHub.ClientSecret.Reveal()}
	}
	if ops.tracer != nil {
		c.Tracer = ops.tracer
	}
	source, err := advisories(cfg, ops)
	if err != nil {
		return nil, nil, err
	}
	if source != nil {
		c.LoadAdvisories, c.Advisories = source.Load, &advisory.Current{}
		scanner.Advisories = c.Advisories
	}
	s, err := server.New(ctx, c)
	return app, s, err
}

// tolerance is how long a client may take: with a header, with the whole request,
// with reading the answer, and between two requests. Whoever dawdles holds nothing
// but a connection.
type tolerance struct{ header, request, answer, idle time.Duration }

var tolerant = tolerance{header: 10 * time.Second, request: time.Minute, answer: time.Minute, idle: 2 * time.Minute}

func newWeb(handler http.Handler, t tolerance) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: t.header, ReadTimeout: t.request, WriteTimeout: t.answer, IdleTimeout: t.idle,
		MaxHeaderBytes: 64 << 10,
	}
}

// serve answers requests until ctx ends, then lets requests end, and what stop stops.
func serve(ctx context.Context, listener net.Listener, web *http.Server, stop func(context.Context) error, log zerolog.Logger) error {
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		log.Info().Msg("stopping")
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	return errors.Join(err, web.Shutdown(stopping), stop(stopping))
}

func newLog(cfg config.Log, w io.Writer) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(cfg.Level)
	if err != nil {
		return zerolog.Logger{}, fmt.Errorf("[log] level %q: want debug, info, warn or error", cfg.Level)
	}
	if cfg.Format == "console" {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly}
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger(), nil
}
