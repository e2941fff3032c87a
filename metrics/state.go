package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockkeeper/lockkeeper/policy"
)

// State is what is true now, whoever looks, read from the database.
type State struct {
	Waiting, Running, Failing int // jobs
	// Oldest is for how long the job has been due that has waited longest; 0 where none
	// waits.
	Oldest time.Duration
	// Open pull requests by the conclusion of their newest scan.
	Open map[policy.Conclusion]int
	// OwnersInUse packages are looked at from time to time, OwnersDue of them should
	// have been by now. OwnersOldest is the age of the oldest look among those that
	// were looked at.
	OwnersInUse, OwnersDue int
	OwnersOldest           time.Duration
}

// scrapeTimeout bounds how long a look at the state may take, and stateFor how long
// one serves further scrapes: several may ask, and SQLite has one connection.
const (
	scrapeTimeout = 5 * time.Second
	stateFor      = 5 * time.Second
)

// Watch has read tell the state with each scrape. All replicas tell the same, since
// they share the database: take the maximum, not the sum.
func (m *Metrics) Watch(read func(context.Context) (State, error)) {
	m.state.mu.Lock()
	defer m.state.mu.Unlock()
	m.state.read = read
}

type state struct {
	mu   sync.Mutex
	read func(context.Context) (State, error)
	kept State
	at   time.Time
}

var (
	stateUp      = prometheus.NewDesc("lockkeeper_state_up", "Whether the database could be asked for this scrape. Without it the metrics of queue, pull requests and owners are missing.", nil, nil)
	queueJobs    = prometheus.NewDesc("lockkeeper_queue_jobs", "Jobs by state; failing ones wait or run too.", []string{"state"}, nil)
	queueOldest  = prometheus.NewDesc("lockkeeper_queue_oldest_seconds", "For how long the job has been due that has waited longest.", nil, nil)
	openPulls    = prometheus.NewDesc("lockkeeper_open_pull_requests", "Open pull requests by the conclusion of their newest scan.", []string{"conclusion"}, nil)
	ownersJobs   = prometheus.NewDesc("lockkeeper_owners_packages", "Packages whose owners are looked at: those in use, and those of them that are due.", []string{"state"}, nil)
	ownersOldest = prometheus.NewDesc("lockkeeper_owners_oldest_seconds", "Age of the oldest look at a package's owners.", nil, nil)
)

// Describe implements prometheus.Collector.
func (s *state) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{stateUp, queueJobs, queueOldest, openPulls, ownersJobs, ownersOldest} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (s *state) Collect(out chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read == nil {
		return
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	if time.Since(s.at) > stateFor {
		ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
		defer cancel()
		now, err := s.read(ctx)
		if err != nil {
			gauge(stateUp, 0) // the log says why: readiness fails as well
			return
		}
		s.kept, s.at = now, time.Now()
	}
	gauge(stateUp, 1)
	gauge(queueJobs, float64(s.kept.Waiting), "waiting")
	gauge(queueJobs, float64(s.kept.Running), "running")
	gauge(queueJobs, float64(s.kept.Failing), "failing")
	gauge(queueOldest, s.kept.Oldest.Seconds())
	for _, conclusion := range []policy.Conclusion{policy.Success, policy.ActionRequired, policy.Failure, policy.Neutral} {
		gauge(openPulls, float64(s.kept.Open[conclusion]), string(conclusion))
	}
	gauge(ownersJobs, float64(s.kept.OwnersInUse), "in_use")
	gauge(ownersJobs, float64(s.kept.OwnersDue), "due")
	gauge(ownersOldest, s.kept.OwnersOldest.Seconds())
}
