package metrics

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
)

// GitHubCalled makes Metrics a github.Observer.
func (m *Metrics) GitHubCalled(c github.Call) {
	client := "installation"
	if c.Installation == 0 {
		client = "app"
	}
	answer := code(c.Status, c.Err)
	if c.Limited {
		answer = "limited"
	}
	m.githubRequests.WithLabelValues(client, c.Operation, answer).Inc()
	m.githubDuration.WithLabelValues(client).Observe(c.Took.Seconds())
	if c.Installation != 0 && c.Limit > 0 {
		m.quotas.note(c.Installation, quota{remaining: c.Remaining, limit: c.Limit, reset: c.Reset})
	}
}

// quotas are what GitHub last said that each installation has left. They are shown
// as how many installations there are of each class: one series for each
// installation would be thousands, and name our customers.
type quotas struct {
	mu   sync.Mutex
	seen map[int64]quota
}

type quota struct {
	remaining, limit int
	reset            time.Time // when it is full again
}

// Classes of installations by the part of their quota that is left.
const (
	plenty = "over_half"
	half   = "under_half"
	tenth  = "under_tenth"
	spent  = "none"
)

func (q quota) class() string {
	switch {
	case q.remaining <= 0:
		return spent
	case q.remaining*10 < q.limit:
		return tenth
	case q.remaining*2 < q.limit:
		return half
	}
	return plenty
}

func (q *quotas) note(installation int64, now quota) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.seen == nil {
		q.seen = map[int64]quota{}
	}
	q.seen[installation] = now
}

var (
	quotaInstallations = prometheus.NewDesc("lockkeeper_github_installations", "Installations heard of in the last hour by how much of their hourly quota of requests is left.", []string{"quota"}, nil)
	quotaLeast         = prometheus.NewDesc("lockkeeper_github_quota_least_ratio", "The smallest part of its quota that any installation has left.", nil, nil)
)

// Describe implements prometheus.Collector.
func (q *quotas) Describe(out chan<- *prometheus.Desc) {
	out <- quotaInstallations
	out <- quotaLeast
}

// Collect implements prometheus.Collector.
func (q *quotas) Collect(out chan<- prometheus.Metric) {
	q.mu.Lock()
	defer q.mu.Unlock()
	counts := map[string]int{}
	least := 1.0
	for installation, s := range q.seen {
		if time.Now().After(s.reset) { // it is full, and nobody uses it
			delete(q.seen, installation)
			continue
		}
		counts[s.class()]++
		least = min(least, max(float64(s.remaining), 0)/float64(s.limit))
	}
	for _, class := range []string{plenty, half, tenth, spent} {
		out <- prometheus.MustNewConstMetric(quotaInstallations, prometheus.GaugeValue, float64(counts[class]), class)
	}
	out <- prometheus.MustNewConstMetric(quotaLeast, prometheus.GaugeValue, least)
}

// Registry names whom a transport speaks to.
type Registry string

const (
	CratesIO   Registry = "crates.io"
	PyPI       Registry = "pypi"
	Advisories Registry = "advisories"
	Private    Registry = "private" // all of them
)

// Transport counts the requests through next.
func (m *Metrics) Transport(of Registry, next http.RoundTripper) http.RoundTripper {
	return transport{m, of, next}
}

type transport struct {
	metrics *Metrics
	of      Registry
	next    http.RoundTripper
}

func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := t.next.RoundTrip(req)
	status := 0
	if resp != nil {
		status = resp.StatusCode
	}
	t.metrics.registryRequests.WithLabelValues(string(t.of), code(status, err)).Inc()
	t.metrics.registryDuration.WithLabelValues(string(t.of)).Observe(time.Since(began).Seconds())
	return resp, err
}

// Budget measures how long b has requests wait.
func (m *Metrics) Budget(of Registry, b fetch.Budget) fetch.Budget { return budget{m, of, b} }

type budget struct {
	metrics *Metrics
	of      Registry
	next    fetch.Budget
}

func (b budget) Wait(ctx context.Context) error {
	began := time.Now()
	err := b.next.Wait(ctx)
	b.metrics.budgetWait.WithLabelValues(string(b.of)).Observe(time.Since(began).Seconds())
	return err
}

// CacheLooked counts a look into one of the caches of package fetch.
func (m *Metrics) CacheLooked(cache fetch.Cache, hit bool) { m.cacheLooked(string(cache), hit) }

func (m *Metrics) cacheLooked(cache string, hit bool) {
	result := "miss"
	if hit {
		result = "hit"
	}
	m.cacheLookups.WithLabelValues(cache, result).Inc()
}

// Facts is where what was found in archives is remembered: scan.Facts.
type Facts interface {
	Fact(ctx context.Context, key string) ([]byte, bool, error)
	PutFact(ctx context.Context, key string, value []byte) error
}

// Facts counts how often f remembers.
func (m *Metrics) Facts(f Facts) Facts { return facts{m, f} }

type facts struct {
	metrics *Metrics
	Facts
}

func (f facts) Fact(ctx context.Context, key string) ([]byte, bool, error) {
	value, found, err := f.Facts.Fact(ctx, key)
	f.metrics.cacheLooked("facts", found && err == nil)
	return value, found, err
}
