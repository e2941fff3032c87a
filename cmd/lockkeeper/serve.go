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
	Config string `help:"Configuration file; environment variables LOCKKEEPER_* go before it." placeholder:"FILE" type:"path"`
}

func (serveCmd) Help() string {
	return `The configuration is explained in docs/operating.md. The server stops gracefully on
SIGTERM: it finishes the jobs at hand, and keeps the others for the next start.

Example: lockkeeper serve --config /etc/lockkeeper.toml`
}

// stopWithin bounds a graceful stop, the last requests and jobs included.
const stopWithin = 30 * time.Second

func (c *serveCmd) Run(p *process) (err error) {
	cfg, err := p.configuration(c.Config)
	if err != nil {
		return err
	}
	if err := cfg.Validate(); err != nil {
		return err
	}
	log, err := newLog(cfg.Log, p.stderr)
	if err != nil {
		return err
	}
	for _, note := range cfg.Notes {
		log.Warn().Msg(note)
	}
	ctx := log.WithContext(p.ctx)
	db, err := store.Open(ctx, cfg.Store.Location())
	if err != nil {
		return err
	}
	defer db.Close()
	ops, err := newOperations(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ops.stop(ctx)) }()
	s, err := newServer(ctx, cfg, db, log, ops)
	if err != nil {
		return err
	}
	if err := ops.listen(log); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", cfg.Server.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s ([server] listen): %w", cfg.Server.Listen, err)
	}
	if err := s.Start(ctx); err != nil {
		listener.Close()
		return err
	}
	log.Info().Str("address", listener.Addr().String()).Str("version", versionText()).Msg("serving")
	return serve(ctx, listener, newWeb(s.Handler(), tolerant), s, log)
}

// newServer wires the configured parts together.
func newServer(ctx context.Context, cfg *config.Config, db *store.Store, log zerolog.Logger, ops *operations) (*server.Server, error) {
	transport, err := toGitHub(cfg)
	if err != nil {
		return nil, err
	}
	app, err := github.New(github.Config{
		Transport: ops.traced(transport), Observer: ops.metrics,
		BaseURL: cfg.GitHub.APIURL, WebURL: cfg.GitHub.WebURL, AppID: cfg.GitHub.AppID,
		PrivateKey: []byte(cfg.GitHub.PrivateKey.Reveal()), UserAgent: "lockkeeper/" + agentVersion(),
	})
	if err != nil {
		return nil, err
	}
	// Counted in the database, so that all replicas together keep to it.
	budget := ops.metrics.Budget(metrics.CratesIO, db.Budget("crates.io api "+cfg.CratesIO.API, cratesio.Pace))
	scanner, err := newScanner(cfg, budget, ops)
	if err != nil {
		return nil, err
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
		return nil, err
	}
	if source != nil {
		c.LoadAdvisories, c.Advisories = source.Load, &advisory.Current{}
		scanner.Advisories = c.Advisories
	}
	return server.New(ctx, c)
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

// serve answers requests until ctx ends, then lets requests and jobs finish.
func serve(ctx context.Context, listener net.Listener, web *http.Server, s *server.Server, log zerolog.Logger) error {
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
	return errors.Join(err, web.Shutdown(stopping), s.Stop(stopping))
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
