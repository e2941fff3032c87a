package tracing_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/lockkeeper/lockkeeper/stage"
	"github.com/lockkeeper/lockkeeper/tracing"
)

// collect is a collector that keeps what it is sent.
func collect(t *testing.T) (endpoint string, spans func() []*otlp.Span) {
	t.Helper()
	var mu sync.Mutex
	var got []*otlp.Span
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request collector.ExportTraceServiceRequest
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &request) != nil {
			t.Errorf("%s: %v", r.URL.Path, err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, resource := range request.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				got = append(got, scope.Spans...)
			}
		}
	}))
	t.Cleanup(web.Close)
	return web.URL, func() []*otlp.Span {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(got)
	}
}

// TestTraceOfAJob: a run with a stage in it and a request in that, as a collector
// gets it.
func TestTraceOfAJob(t *testing.T) {
	endpoint, spans := collect(t)
	tracer, err := tracing.New(t.Context(), tracing.Config{Endpoint: endpoint, Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	var sent http.Header
	service := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { sent = r.Header.Clone() }))
	defer service.Close()
	client := http.Client{Transport: tracer.Transport(http.DefaultTransport)}
	get := func(ctx context.Context) {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, service.URL+"/x?token=hunter2", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer hunter2")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	get(t.Context()) // not part of a job
	ctx, endJob := stage.Begin(stage.With(t.Context(), tracer), stage.Job, "scan", "pull:1:7/3")
	within, endScan := stage.Begin(ctx, stage.Scan)
	get(within)
	endScan(errors.New("no answer"))
	endJob(nil)
	if err := tracer.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := map[string]*otlp.Span{}
	for _, s := range spans() {
		name, _, _ := strings.Cut(s.Name, " ")
		got[name] = s
		if text := s.String(); strings.Contains(text, "hunter2") {
			t.Errorf("promise 10: a secret is sent: %s", text)
		}
	}
	if len(got) != 3 || got["job"] == nil || got["scan"] == nil || got["GET"] == nil {
		t.Fatalf("spans %v, want job, scan and one request", got)
	}
	if string(got["scan"].ParentSpanId) != string(got["job"].SpanId) || string(got["GET"].ParentSpanId) != string(got["scan"].SpanId) {
		t.Error("they do not lie within each other")
	}
	if got["scan"].Status.GetMessage() != "no answer" || !strings.Contains(got["job"].String(), "pull:1:7/3") {
		t.Errorf("%v\n%v", got["scan"], got["job"])
	}
	for name := range sent {
		if strings.HasPrefix(strings.ToLower(name), "trace") || name == "Baggage" {
			t.Errorf("the service is told of our trace by %s", name)
		}
	}
}

func TestBadEndpoint(t *testing.T) {
	if _, err := tracing.New(t.Context(), tracing.Config{Endpoint: "collector"}); err == nil {
		t.Error("no error")
	}
}
