package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"time"

	"github.com/hashicorp/go-cleanhttp"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/metrics"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/tracing"
)

// operations is what operators see of a running server. A nil one, of commands,
// shows nothing.
type operations struct {
	config  config.Metrics
	metrics *metrics.Metrics
	tracer  *tracing.Tracer // nil without tracing
	web     *http.Server    // nil where nobody listens
}

func newOperations(ctx context.Context, cfg *config.Config) (*operations, error) {
	o := &operations{config: cfg.Metrics, metrics: metrics.New(versionText())}
	if cfg.Tracing.Endpoint == "" {
		return o, nil
	}
	var err error
	o.tracer, err = tracing.New(ctx, tracing.Config{Endpoint: cfg.Tracing.Endpoint, Percent: cfg.Tracing.Percent, Version: versionText()})
	return o, err
}

// tolerantOfOperators: writing takes as long as a profile is asked to.
var tolerantOfOperators = tolerance{header: 10 * time.Second, request: time.Minute, answer: 5 * time.Minute, idle: 2 * time.Minute}

func (o *operations) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", o.metrics.Handler())
	if o.config.Profiles {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	}
	return mux
}

// listen serves metrics, and profiles if asked for, on their private address.
func (o *operations) listen(log zerolog.Logger) error {
	if o.config.Listen == "" {
		return nil
	}
	listener, err := net.Listen("tcp", o.config.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s ([metrics] listen): %w", o.config.Listen, err)
	}
	o.web = newWeb(o.handler(), tolerantOfOperators)
	go func() {
		if err := o.web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error().Err(err).Msg("metrics are not served any more")
		}
	}()
	log.Info().Str("metrics_address", listener.Addr().String()).Bool("profiles", o.config.Profiles).Msg("serving metrics")
	return nil
}

// stop ends it after the server.
func (o *operations) stop(ctx context.Context) error {
	var err error
	if o.web != nil {
		err = o.web.Close()
	}
	if o.tracer != nil {
		err = errors.Join(err, o.tracer.Stop(ctx))
	}
	return err
}

// watch counts the requests that are made by c, whose cache has that name.
func (o *operations) watch(c *fetch.Config, cache string) {
	if o == nil {
		return
	}
	of, known := map[string]metrics.Registry{"cratesio": metrics.CratesIO, "pypi": metrics.PyPI, "advisories": metrics.Advisories}[cache]
	if !known {
		of = metrics.Private
	}
	if c.Transport == nil {
		c.Transport = cleanhttp.DefaultPooledTransport()
	}
	c.Transport = o.traced(o.metrics.Transport(of, c.Transport))
	c.Looked = o.metrics.CacheLooked
}

// traced has the requests through next appear in traces.
func (o *operations) traced(next http.RoundTripper) http.RoundTripper {
	if o == nil || o.tracer == nil {
		return next
	}
	return o.tracer.Transport(next)
}

// toGitHub makes the connections to GitHub.
func toGitHub(cfg *config.Config) (http.RoundTripper, error) {
	if cfg.GitHub.CAFile == "" {
		return cleanhttp.DefaultPooledTransport(), nil
	}
	pem, err := os.ReadFile(cfg.GitHub.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read ca-file of [github]: %w", err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca-file of [github], %s, holds no certificate in PEM form", cfg.GitHub.CAFile)
	}
	return trusting(pem)
}
