// Package tracing sends OpenTelemetry traces of jobs to a collector, for operators
// who ask for it. Each run of a job is a trace: its stages, and the requests to
// GitHub and the registries within them. Without a Tracer nothing is made or sent.
//
// Traces name repositories and packages: send them only where logs may go too. They
// hold no header and no query, so no token.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	api "go.opentelemetry.io/otel/trace"

	"github.com/lockkeeper/lockkeeper/stage"
)

// Config of a Tracer.
type Config struct {
	// Endpoint of a collector that speaks OTLP over HTTP, without "/v1/traces".
	// Required. Example: "http://collector.example.invalid:4318".
	Endpoint string
	// Percent of the jobs that are traced; 0 means 100.
	Percent int64
	// Version of this program.
	Version string
}

// Tracer follows jobs. It is a stage.Observer.
type Tracer struct {
	provider *trace.TracerProvider
	tracer   api.Tracer
}

// New makes a tracer. It contacts nobody yet; what cannot be sent is dropped and
// logged by the library's error handler.
func New(ctx context.Context, cfg Config) (*Tracer, error) {
	endpoint, err := url.Parse(cfg.Endpoint)
	if err != nil || endpoint.Host == "" {
		return nil, errors.New(`the collector for traces: want an address like "http://HOST:4318"`)
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint.JoinPath("v1", "traces").String()))
	if err != nil {
		return nil, fmt.Errorf("prepare to send traces to %s: %w", endpoint.Redacted(), err)
	}
	share := 1.0
	if cfg.Percent > 0 {
		share = float64(cfg.Percent) / 100
	}
	provider := trace.NewTracerProvider(
		trace.WithBatcher(exporter),
		trace.WithSampler(trace.ParentBased(trace.TraceIDRatioBased(share))),
		trace.WithResource(resource.NewSchemaless(semconv.ServiceName("lockkeeper"), semconv.ServiceVersion(cfg.Version))),
	)
	return &Tracer{provider: provider, tracer: provider.Tracer("github.com/lockkeeper/lockkeeper")}, nil
}

// Begin implements stage.Observer. A job is a trace of its own.
func (t *Tracer) Begin(ctx context.Context, name stage.Name, attributes ...string) (context.Context, func(error)) {
	var with []attribute.KeyValue
	for i := 0; i+1 < len(attributes); i += 2 {
		with = append(with, attribute.String("lockkeeper."+attributes[i], attributes[i+1]))
	}
	ctx, span := t.tracer.Start(ctx, string(name), api.WithAttributes(with...))
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}

// Transport makes each request through next that is part of a job a span of its
// trace. Nothing is added to the request: GitHub and the registries are not told
// of our traces.
func (t *Tracer) Transport(next http.RoundTripper) http.RoundTripper { return transport{t, next} }

// transport is written out since OpenTelemetry's own puts the whole address into
// the span, with the query, in which a token may stand.
type transport struct {
	tracer *Tracer
	next   http.RoundTripper
}

func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !api.SpanContextFromContext(req.Context()).IsValid() {
		return t.next.RoundTrip(req)
	}
	ctx, span := t.tracer.tracer.Start(req.Context(), req.Method+" "+req.URL.Hostname(), api.WithSpanKind(api.SpanKindClient), api.WithAttributes(
		semconv.HTTPRequestMethodKey.String(req.Method), semconv.ServerAddress(req.URL.Hostname()), semconv.URLPath(req.URL.Path)))
	defer span.End() // of the header; the body belongs to the stage around it
	resp, err := t.next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		span.SetStatus(codes.Error, "no answer") // the error may quote the address
		return nil, err
	}
	span.SetAttributes(semconv.HTTPResponseStatusCode(resp.StatusCode))
	if resp.StatusCode >= 400 {
		span.SetStatus(codes.Error, resp.Status)
	}
	return resp, nil
}

// stopWithin bounds how long the last spans may take.
const stopWithin = 5 * time.Second

// Stop sends what is left.
func (t *Tracer) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}
