package metrics_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/metrics"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/queue"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/stage"
)

// scrape is what Prometheus reads.
func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("scrape: %d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func wants(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %q in:\n%s", line, ours(text))
		}
	}
}

// ours leaves out the runtime's.
func ours(text string) string {
	var kept []string
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "lockkeeper_") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// Whoever can reach the webhook can send any header: no text from outside becomes
// a label, and no installation a series of its own.
func TestNobodyMakesSeries(t *testing.T) {
	m := metrics.New("1.2.3")
	series := func() int { return strings.Count(ours(scrape(t, m)), "\n") }
	round := func(i int) {
		m.Delivery("evil\n"+strings.Repeat("x", i), 400+i%100, time.Millisecond)
		for _, status := range []int{200, 304, 404, 502} {
			m.GitHubCalled(github.Call{Installation: int64(i + 1), Operation: "pulls", Status: status, Limit: 5000, Remaining: 5000 - i, Reset: time.Now().Add(time.Hour)})
		}
	}
	round(0)
	round(13) // 413
	before := series()
	for i := range 500 {
		round(i)
	}
	if after := series(); after != before {
		t.Errorf("%d series became %d", before, after)
	}
	text := scrape(t, m)
	wants(t, text, `lockkeeper_build_info{version="1.2.3"} 1`, `lockkeeper_github_installations{quota="over_half"} 500`)
	if strings.Contains(text, "evil") {
		t.Error("a text from outside is shown")
	}
}

func TestDeliveries(t *testing.T) {
	m := metrics.New("")
	for status, event := range map[int]string{200: "push", 400: "pull_request", 413: "push", 500: "push"} {
		m.Delivery(event, status, time.Millisecond)
	}
	wants(t, scrape(t, m),
		`lockkeeper_deliveries_total{event="push",result="kept"} 1`, `lockkeeper_deliveries_total{event="pull_request",result="refused"} 1`,
		`lockkeeper_deliveries_total{event="push",result="too_large"} 1`, `lockkeeper_deliveries_total{event="push",result="failed"} 1`,
		`lockkeeper_delivery_duration_seconds_count 4`)
}

func TestQuotas(t *testing.T) {
	m := metrics.New("")
	soon := time.Now().Add(time.Hour)
	for installation, remaining := range map[int64]int{1: 5000, 2: 2500, 3: 2499, 4: 499, 5: 0, 6: 3000} {
		reset := soon
		if installation == 6 {
			reset = time.Now().Add(-time.Second) // full again
		}
		m.GitHubCalled(github.Call{Installation: installation, Operation: "pulls", Status: 200, Limit: 5000, Remaining: remaining, Reset: reset})
	}
	m.GitHubCalled(github.Call{Operation: "app", Status: 401})
	m.GitHubCalled(github.Call{Installation: 1, Operation: "pulls", Err: errors.New("no route")})
	m.GitHubCalled(github.Call{Installation: 1, Operation: "pulls", Limited: true, Status: 403})
	wants(t, scrape(t, m),
		`lockkeeper_github_installations{quota="over_half"} 2`, `lockkeeper_github_installations{quota="under_half"} 1`,
		`lockkeeper_github_installations{quota="under_tenth"} 1`, `lockkeeper_github_installations{quota="none"} 1`,
		`lockkeeper_github_quota_least_ratio 0`,
		`lockkeeper_github_requests_total{client="app",code="401",operation="app"} 1`,
		`lockkeeper_github_requests_total{client="installation",code="error",operation="pulls"} 1`,
		`lockkeeper_github_requests_total{client="installation",code="limited",operation="pulls"} 1`)
}

func TestState(t *testing.T) {
	m := metrics.New("")
	if text := scrape(t, m); strings.Contains(text, "lockkeeper_state_up") {
		t.Error("a state without anybody who tells it")
	}
	m.Watch(func(context.Context) (metrics.State, error) { return metrics.State{}, errors.New("away") })
	text := scrape(t, m)
	wants(t, text, `lockkeeper_state_up 0`)
	if strings.Contains(text, "lockkeeper_queue_jobs") {
		t.Error("numbers of a database that does not answer")
	}
	asked := 0
	m.Watch(func(context.Context) (metrics.State, error) {
		asked++
		return metrics.State{
			Waiting: 4, Running: 2, Failing: 1, Oldest: 90 * time.Second, Open: map[policy.Conclusion]int{policy.ActionRequired: 3},
			OwnersInUse: 10, OwnersDue: 5, OwnersOldest: time.Hour,
		}, nil
	})
	for range 3 {
		wants(t, scrape(t, m), `lockkeeper_state_up 1`, `lockkeeper_queue_jobs{state="waiting"} 4`, `lockkeeper_queue_jobs{state="failing"} 1`,
			`lockkeeper_queue_oldest_seconds 90`, `lockkeeper_open_pull_requests{conclusion="action_required"} 3`,
			`lockkeeper_open_pull_requests{conclusion="success"} 0`, `lockkeeper_owners_packages{state="due"} 5`, `lockkeeper_owners_oldest_seconds 3600`)
	}
	if asked != 1 {
		t.Errorf("the database was asked %d times for three scrapes in a moment, want once", asked)
	}
}

type answers map[string]string

func (a answers) Fact(_ context.Context, key string) ([]byte, bool, error) {
	v, ok := a[key]
	return []byte(v), ok, nil
}
func (a answers) PutFact(_ context.Context, key string, value []byte) error {
	a[key] = string(value)
	return nil
}

type patient struct{}

func (patient) Wait(context.Context) error { return nil }

func TestWrappers(t *testing.T) {
	m := metrics.New("")
	facts := m.Facts(answers{})
	for range 2 {
		if _, found, err := facts.Fact(t.Context(), "k"); err != nil {
			t.Fatal(err)
		} else if !found {
			if err := facts.PutFact(t.Context(), "k", []byte("v")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := m.Budget(metrics.CratesIO, patient{}).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.CacheLooked(fetch.Archives, true)
	web := httptest.NewServer(http.NotFoundHandler())
	client := http.Client{Transport: m.Transport(metrics.PyPI, http.DefaultTransport)}
	resp, err := client.Get(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	web.Close()
	if _, err := client.Get(web.URL); err == nil {
		t.Fatal("an answer of nobody")
	}
	ctx := stage.With(t.Context(), m)
	_, end := stage.Begin(ctx, stage.Scan)
	end(errors.New("no"))
	m.JobEnded(queue.Pull, metrics.Done, time.Now().Add(-3*time.Second), time.Now())
	m.JobEnded(queue.Pull, metrics.Failed, time.Now(), time.Now())
	wants(t, scrape(t, m),
		`lockkeeper_cache_lookups_total{cache="facts",result="miss"} 1`, `lockkeeper_cache_lookups_total{cache="facts",result="hit"} 1`,
		`lockkeeper_cache_lookups_total{cache="archives",result="hit"} 1`,
		`lockkeeper_registry_budget_wait_seconds_count{registry="crates.io"} 1`,
		`lockkeeper_registry_requests_total{code="404",registry="pypi"} 1`, `lockkeeper_registry_requests_total{code="error",registry="pypi"} 1`,
		`lockkeeper_stage_duration_seconds_count{stage="scan"} 1`, `lockkeeper_stage_errors_total{stage="scan"} 1`,
		`lockkeeper_job_runs_total{kind="pull",result="done"} 1`, `lockkeeper_job_runs_total{kind="pull",result="failed"} 1`,
		`lockkeeper_job_latency_seconds_count{kind="pull"} 1`, `lockkeeper_job_latency_seconds_bucket{kind="pull",le="2.5"} 0`)
}

// The names are as Prometheus' own linter wants them.
func TestNames(t *testing.T) {
	m := metrics.New("")
	m.Watch(func(context.Context) (metrics.State, error) { return metrics.State{}, nil })
	problems, err := promlint.New(strings.NewReader(scrape(t, m))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "lockkeeper_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}
