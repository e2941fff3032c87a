// Package metrics counts what an operator asks about: are deliveries kept, does
// the queue move, what takes time, how much GitHub still allows, do the registries
// answer, what is found, and how long do people wait.
//
// It promises that no label has more values than this package lists: never a
// repository, a package, a person, an installation or a text from outside, so that
// nobody can make a series by sending something, and nothing private is shown.
package metrics

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/queue"
	"github.com/lockkeeper/lockkeeper/stage"
)

// Metrics are the counters of one process. Make them with New; they are safe for
// concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	state    state
	quotas   quotas

	deliveries       *prometheus.CounterVec
	deliveryDuration prometheus.Histogram
	jobs             *prometheus.CounterVec
	jobLatency       *prometheus.HistogramVec
	stages           *prometheus.HistogramVec
	stageErrors      *prometheus.CounterVec
	scans            *prometheus.CounterVec
	findings         *prometheus.CounterVec
	signOffWait      prometheus.Histogram
	githubRequests   *prometheus.CounterVec
	githubDuration   *prometheus.HistogramVec
	githubAccepted   prometheus.Gauge
	githubRefused    prometheus.Gauge
	registryRequests *prometheus.CounterVec
	registryDuration *prometheus.HistogramVec
	budgetWait       *prometheus.HistogramVec
	cacheLookups     *prometheus.CounterVec
	advisories       prometheus.Gauge
	advisoriesRead   prometheus.Gauge
	pruned           *prometheus.CounterVec
	pruneFailures    prometheus.Counter
}

// The bounds of histograms, in seconds.
var (
	quick   = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	working = []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}
	people  = []float64{60, 300, 900, 1800, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 24 * 3600, 2 * 24 * 3600, 4 * 24 * 3600, 7 * 24 * 3600, 14 * 24 * 3600}
)

// New makes metrics of the program of that version.
func New(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		m.registry.MustRegister(v)
		return v
	}
	gauge := func(name, help string) prometheus.Gauge {
		v := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
		m.registry.MustRegister(v)
		return v
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
		m.registry.MustRegister(v)
		return v
	}
	m.deliveries = counter("lockkeeper_deliveries_total", "Webhook deliveries by event and by what became of them.", "event", "result")
	m.deliveryDuration = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "lockkeeper_delivery_duration_seconds", Help: "Time until a delivery was answered.", Buckets: quick})
	m.registry.MustRegister(m.deliveryDuration)
	m.jobs = counter("lockkeeper_job_runs_total", "Runs of jobs by kind and by how they ended.", "kind", "result")
	m.jobLatency = histogram("lockkeeper_job_latency_seconds", "Time from the newest delivery about something until a run about it ended well.", working, "kind")
	m.stages = histogram("lockkeeper_stage_duration_seconds", "Duration of the parts of a job; they lie within each other.", working, "stage")
	m.stageErrors = counter("lockkeeper_stage_errors_total", "Parts of jobs that ended with an error.", "stage")
	m.scans = counter("lockkeeper_scans_total", "Scans whose result was written to GitHub, by conclusion.", "conclusion")
	m.findings = counter("lockkeeper_findings_total", "Findings shown for the first time in a pull request, by rule and by what policy made of them.", "rule", "state")
	m.signOffWait = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "lockkeeper_sign_off_wait_seconds", Help: "Time from when a finding was shown until it was signed off.", Buckets: people})
	m.registry.MustRegister(m.signOffWait)
	m.githubRequests = counter("lockkeeper_github_requests_total", "Requests to GitHub by who asked, what for, and the answer.", "client", "operation", "code")
	m.githubDuration = histogram("lockkeeper_github_request_duration_seconds", "Duration of requests to GitHub until the answer's header.", quick, "client")
	m.githubAccepted = gauge("lockkeeper_github_app_accepted_timestamp_seconds", "When GitHub last accepted the App's key.")
	m.githubRefused = gauge("lockkeeper_github_app_refused_timestamp_seconds", "When GitHub last refused the App's key.")
	m.registryRequests = counter("lockkeeper_registry_requests_total", "Requests to registries and mirrors by answer.", "registry", "code")
	m.registryDuration = histogram("lockkeeper_registry_request_duration_seconds", "Duration of requests to registries until the answer's header.", quick, "registry")
	m.budgetWait = histogram("lockkeeper_registry_budget_wait_seconds", "Time spent waiting for a registry's rate budget.", working, "registry")
	m.cacheLookups = counter("lockkeeper_cache_lookups_total", "Looks into caches: what was found in archives, archives, and answers about packages.", "cache", "result")
	m.advisories = gauge("lockkeeper_advisories_records", "Advisories known.")
	m.advisoriesRead = gauge("lockkeeper_advisories_read_timestamp_seconds", "When advisories were last read.")
	m.pruned = counter("lockkeeper_pruned_total", "What was removed from the database since it is kept for a time only.", "kind")
	m.pruneFailures = prometheus.NewCounter(prometheus.CounterOpts{Name: "lockkeeper_prune_failures_total", Help: "Attempts to remove it that ended with an error, and are made again."})
	m.registry.MustRegister(m.pruneFailures)

	for _, kind := range []Kept{KeptPulls, KeptComments, KeptFacts, KeptJobs} {
		m.pruned.WithLabelValues(string(kind)) // each is there from the start, at 0
	}

	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "lockkeeper_build_info", Help: "Always 1; the label says which version runs.", ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	m.registry.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &m.state, &m.quotas)
	return m
}

// Handler serves the metrics in Prometheus' formats. They are for operators: serve
// them on a private address.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 3, Timeout: 15 * time.Second})
}

// events that GitHub sends and that we ask for, or that it always sends. An
// unsigned request may name any: all others are one.
var events = []string{"pull_request", "pull_request_review", "issue_comment", "merge_group", "push", "check_run", "check_suite", "installation", "installation_repositories", "ping", "github_app_authorization"}

// Delivery counts a webhook by the status that it was answered with.
func (m *Metrics) Delivery(event string, status int, took time.Duration) {
	if !slices.Contains(events, event) {
		event = "other"
	}
	result := "refused"
	switch {
	case status < 300:
		result = "kept" // its jobs, or there was nothing to do
	case status == http.StatusRequestEntityTooLarge:
		result = "too_large"
	case status >= 500:
		result = "failed"
	}
	m.deliveries.WithLabelValues(event, result).Inc()
	m.deliveryDuration.Observe(took.Seconds())
}

// Ending is how a run of a job ended.
type Ending string

const (
	Done    Ending = "done"
	Failed  Ending = "failed"  // and is tried again
	Limited Ending = "limited" // GitHub wants us to wait
	Gone    Ending = "gone"    // nothing to do any more
)

// JobEnded counts a run. received is when the newest delivery about it came in, zero
// where there was none.
func (m *Metrics) JobEnded(kind queue.Kind, ending Ending, received, now time.Time) {
	m.jobs.WithLabelValues(string(kind), string(ending)).Inc()
	if ending == Done && !received.IsZero() {
		m.jobLatency.WithLabelValues(string(kind)).Observe(max(now.Sub(received), 0).Seconds())
	}
}

// Scanned counts a result that was written to GitHub.
func (m *Metrics) Scanned(conclusion policy.Conclusion) {
	m.scans.WithLabelValues(string(conclusion)).Inc()
}

// Found counts a finding that was not shown before.
func (m *Metrics) Found(rule policy.Rule, state policy.State) {
	m.findings.WithLabelValues(string(rule), string(state)).Inc()
}

// SignedOff counts how long people took with a finding.
func (m *Metrics) SignedOff(waited time.Duration) { m.signOffWait.Observe(max(waited, 0).Seconds()) }

// AppAccepted and AppRefused note what GitHub said of the App's key.
func (m *Metrics) AppAccepted(at time.Time) { m.githubAccepted.Set(seconds(at)) }

// AppRefused: see AppAccepted.
func (m *Metrics) AppRefused(at time.Time) { m.githubRefused.Set(seconds(at)) }

// Advisories notes that so many were read.
func (m *Metrics) Advisories(records int, at time.Time) {
	m.advisories.Set(float64(records))
	m.advisoriesRead.Set(seconds(at))
}

// Kept is what is kept for a time only.
type Kept string

const (
	KeptPulls    Kept = "pull_requests" // scans and reports of closed ones
	KeptComments Kept = "comments"      // notes of those that said nothing to Lockkeeper
	KeptFacts    Kept = "facts"         // what was found in archives and asked of registries
	KeptJobs     Kept = "jobs"          // what the queue knows of things that jobs were about
)

// Pruned counts what was removed.
func (m *Metrics) Pruned(kind Kept, n int64) { m.pruned.WithLabelValues(string(kind)).Add(float64(n)) }

// PruneFailed counts an attempt to remove something.
func (m *Metrics) PruneFailed() { m.pruneFailures.Inc() }

// Begin makes Metrics a stage.Observer.
func (m *Metrics) Begin(ctx context.Context, name stage.Name, _ ...string) (context.Context, func(error)) {
	began := time.Now()
	return ctx, func(err error) {
		m.stages.WithLabelValues(string(name)).Observe(time.Since(began).Seconds())
		if err != nil {
			m.stageErrors.WithLabelValues(string(name)).Inc()
		}
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// code is a status as a label: the classes are enough, and the few that say more.
func code(status int, err error) string {
	switch {
	case err != nil:
		return "error"
	case slices.Contains([]int{304, 401, 403, 404, 429}, status):
		return strconv.Itoa(status)
	default:
		return strconv.Itoa(status/100) + "xx"
	}
}
