// Package server is the GitHub App: it keeps a job for each webhook before it
// answers, re-reads everything when it does the job, runs the one scan, decides,
// and writes the check run and the one comment.
//
// Only this package writes to GitHub, and it looks again before it writes: a
// result that is not of the newest scan of the pull request's present head is
// dropped.
package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/metrics"
	"github.com/lockkeeper/lockkeeper/queue"
	"github.com/lockkeeper/lockkeeper/registry/advisory"
	"github.com/lockkeeper/lockkeeper/scan"
	"github.com/lockkeeper/lockkeeper/stage"
	"github.com/lockkeeper/lockkeeper/store"
)

// Config of a Server. Everything is required unless it says otherwise.
type Config struct {
	// WebhookSecret signs deliveries. An empty one is refused: anybody could speak
	// for GitHub.
	WebhookSecret string
	App           *github.App
	Store         *store.Store
	// Scanner is used with the repositories that the installation of each job may
	// read, unless NoForeign.
	Scanner *scan.Scanner
	// NoForeign: no repository is read but those in which the App is installed.
	NoForeign bool
	Log       zerolog.Logger
	// LoadAdvisories reads the list that Advisories is to hold, every hour. Both may be
	// nil: then nothing is known to be malicious.
	LoadAdvisories func(context.Context) (*advisory.List, error)
	Advisories     *advisory.Current
	// Pages says where and how people sign in to pages; nil means that there are none.
	Pages *PagesConfig
	// Onboarding is how repositories without rules are told how to start; nil: not at
	// all.
	Onboarding *Onboarding
	// NoRecord: sign-offs are never written into repositories, whatever policies say.
	NoRecord bool
	// Workers is how many jobs are done at once; 0 means 8.
	Workers int
	// KeepClosed is for how long what a scan found is kept after its pull request was
	// closed; 0 means for ever.
	KeepClosed time.Duration
	// Metrics count what happens; nil means that nobody wants to know.
	Metrics *metrics.Metrics
	// Tracer follows each job; nil means that nobody wants to know.
	Tracer stage.Observer
	// ShowAfter is after how long a scan shows that it is under way, by a check run in
	// progress; 0 means a second. One that is done before takes one write less.
	ShowAfter time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Server answers webhooks and does jobs.
type Server struct {
	cfg   Config
	queue *queue.Queue
	// What was read of GitHub lately: git's objects, and organisations' policies.
	objects       *objects
	organisations *organisations
	pages         http.Handler // nil: there are none
	grants        grants

	bodies bodies

	background sync.WaitGroup // looks at owners, refreshes of advisories
	rest       func()         // ends them

	// What GitHub said of the App's key: accepted once, refused the last time.
	accepted, refused atomic.Bool
}

// New prepares a server; Start begins to work.
func New(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.WebhookSecret == "" {
		return nil, errors.New("there is no webhook secret: set [github] webhook-secret in the configuration to the secret of the App, since without one anybody could speak for GitHub")
	}
	if cfg.App == nil || cfg.Store == nil || cfg.Scanner == nil {
		return nil, errors.New("a server needs an App, a store and a scanner")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Metrics == nil {
		cfg.Metrics = metrics.New("")
	}
	if cfg.ShowAfter == 0 {
		cfg.ShowAfter = time.Second
	}
	s := &Server{cfg: cfg, objects: newObjects(), organisations: newOrganisations()}
	var err error
	s.queue, err = queue.New(cfg.Log.WithContext(ctx), cfg.Store, s.work, queue.Config{MaxWorkers: cfg.Workers})
	if err != nil {
		return nil, err
	}
	if cfg.Pages != nil {
		if s.pages, err = s.newPages(); err != nil {
			return nil, err
		}
	}
	cfg.Metrics.Watch(s.state)
	return s, nil
}

// Start begins to do jobs, those that an earlier process left included.
func (s *Server) Start(ctx context.Context) error {
	if err := s.queue.Start(ctx); err != nil {
		return err
	}
	background, rest := context.WithCancel(s.cfg.Log.WithContext(ctx))
	s.rest = rest
	s.background.Go(func() { s.verifyApp(background) })
	s.background.Go(func() { s.lookAtOwners(background) })
	s.background.Go(func() { s.reconcile(background) })
	s.background.Go(func() { s.tidy(background) })
	if s.cfg.LoadAdvisories != nil && s.cfg.Advisories != nil {
		s.background.Go(func() { s.refreshAdvisories(background) })
	}
	return nil
}

// Stop finishes the jobs at hand, or puts them back when ctx ends before.
func (s *Server) Stop(ctx context.Context) error {
	if s.rest != nil {
		s.rest()
		s.background.Wait()
	}
	return s.queue.Stop(ctx)
}

// Idle reports whether no job waits or runs.
func (s *Server) Idle(ctx context.Context) (bool, error) {
	stats, err := s.queue.Stats(ctx)
	return err == nil && stats.Waiting+stats.Running == 0, err
}

// Handler answers webhooks at /webhook, health checks at /healthz and /readyz, and
// browsers everywhere else, if there are pages.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/webhook", s.counted(s.webhooks()))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", s.serveReady)
	if s.pages != nil {
		mux.Handle("/", s.pages)
	}
	encrypted := s.cfg.Pages != nil && strings.HasPrefix(s.cfg.Pages.PublicURL, "https:")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if encrypted {
			// For this host alone: what else its domain has is nobody's business here.
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		mux.ServeHTTP(w, r.WithContext(s.cfg.Log.WithContext(r.Context())))
	})
}

// work does one job.
func (s *Server) work(ctx context.Context, job queue.Job, attempt queue.Attempt) error {
	log := jobLog(s.cfg.Log, job, attempt)
	ctx = stage.With(log.WithContext(ctx), s.observer())
	ctx, end := stage.Begin(ctx, stage.Job, "kind", string(job.Kind), "scan", scanID(job, attempt), "delivery", job.Delivery)
	log.Debug().Msg("job begins")
	began := time.Now()
	runErr := s.do(ctx, job, attempt)
	err := outcome(ctx, runErr, attempt)
	end(runErr)
	s.jobEnded(job, runErr, err)
	log.Info().Dur("took", time.Since(began)).Bool("done", err == nil).Msg("job ended")
	return err
}

// do does it once.
func (s *Server) do(ctx context.Context, job queue.Job, attempt queue.Attempt) error {
	client, err := s.cfg.App.Installation(job.Installation)
	if err != nil {
		return err
	}
	repo := github.Repo{ID: job.RepoID, Owner: job.Owner, Name: job.Repo}
	if job.Background {
		ctx = github.InBackground(ctx)
	}
	w := &worker{Server: s, client: client, repo: repo, job: job, generation: attempt.Generation}
	switch job.Kind {
	case queue.Pull:
		err = w.pull(ctx, job.Pull)
	case queue.MergeGroup:
		err = w.mergeGroup(ctx, job)
	case queue.Branch:
		err = w.branch(ctx, job.Ref)
	case queue.Repository:
		err = w.branch(ctx, "")
	case queue.Sweep:
		err = w.sweep(ctx)
	case queue.Commit:
		err = w.commit(ctx, job.SHA)
	case queue.Installation:
		err = w.installation(ctx)
	case queue.Onboard:
		err = w.onboard(ctx)
	case queue.Record:
		err = w.recordOn(ctx, job.Ref)
	default:
		zerolog.Ctx(ctx).Error().Msg("dropped a job of an unknown kind")
		return nil
	}
	return w.settle(ctx, err)
}

// jobLog tells of one run of a job: scan is the same in every line about it, and
// delivery is GitHub's id of what asked for it.
func jobLog(log zerolog.Logger, job queue.Job, attempt queue.Attempt) zerolog.Logger {
	with := log.With().Str("scan", scanID(job, attempt)).Str("kind", string(job.Kind)).
		Int64("installation", job.Installation).Str("repository", strings.Trim(job.Owner+"/"+job.Repo, "/"))
	if job.Pull != 0 {
		with = with.Int("pull", job.Pull)
	}
	if job.Delivery != "" {
		with = with.Str("delivery", job.Delivery)
	}
	return with.Logger()
}

// scanID names one run, the same way in logs, traces and the queue's table.
func scanID(job queue.Job, attempt queue.Attempt) string {
	return fmt.Sprintf("%s/%d", job, attempt.Generation)
}

// patient is how often something that GitHub does not know is asked for again:
// right after a push not all of its replicas know the commit.
const patient = 3

// outcome tells the queue when to try again, and drops what can never be done.
func outcome(ctx context.Context, err error, attempt queue.Attempt) error {
	var limited *github.RateLimited
	switch {
	case err == nil:
		return nil
	case errors.As(err, &limited):
		return queue.RetryAt(limited.Until, err)
	case errors.Is(err, github.ErrNotFound) && attempt.Number > patient:
		// The repository, pull request or commit is gone, or the App may not see it.
		zerolog.Ctx(ctx).Warn().Err(err).Msg("nothing to do any more")
		return nil
	}
	return err
}
