package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/metrics"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/queue"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/stage"
)

// observer is told of the stages of jobs.
func (s *Server) observer() stage.Observer {
	if s.cfg.Tracer == nil {
		return s.cfg.Metrics
	}
	return stage.Both{s.cfg.Tracer, s.cfg.Metrics}
}

// state is what metrics show of queue and database.
func (s *Server) state(ctx context.Context) (metrics.State, error) {
	jobs, err := s.queue.Stats(ctx)
	if err != nil {
		return metrics.State{}, err
	}
	oldest, err := s.queue.Oldest(ctx)
	if err != nil {
		return metrics.State{}, err
	}
	now := s.cfg.Now()
	counts, err := s.cfg.Store.Count(ctx, now.Add(-ownersInUse), now.Add(-ownersDue))
	if err != nil {
		return metrics.State{}, err
	}
	state := metrics.State{
		Waiting: jobs.Waiting, Running: jobs.Running, Failing: jobs.Failing, Oldest: oldest,
		Open: counts.Open, OwnersInUse: counts.OwnersInUse, OwnersDue: counts.OwnersDue,
	}
	if !counts.OwnersOldest.IsZero() {
		state.OwnersOldest = now.Sub(counts.OwnersOldest)
	}
	return state, nil
}

// jobEnded counts a run by how it ended: with runErr, of which the queue is told err.
func (s *Server) jobEnded(job queue.Job, runErr, err error) {
	ending := metrics.Done
	var limited *github.RateLimited
	switch {
	case errors.As(runErr, &limited):
		ending = metrics.Limited
	case err != nil:
		ending = metrics.Failed
	case runErr != nil:
		ending = metrics.Gone
	}
	s.cfg.Metrics.JobEnded(job.Kind, ending, job.Received, time.Now())
}

// count counts what a scan found that was not shown before, and how long people took
// with what they signed off since.
func (s *Server) count(before summary, r *report.Report) {
	s.cfg.Metrics.Scanned(r.Decision.Conclusion)
	known := map[lockkeeper.Digest]summaryFinding{}
	for _, f := range before.Findings {
		known[f.Digest] = f
	}
	for _, o := range r.Decision.Outcomes {
		f, shown := known[o.Digest]
		if !shown {
			s.cfg.Metrics.Found(o.Finding.Rule, o.State)
			continue
		}
		if f.State == policy.Open && (o.State == policy.Signed || o.State == policy.Admitted) && !f.Since.IsZero() {
			s.cfg.Metrics.SignedOff(s.cfg.Now().Sub(f.Since))
		}
	}
}

// counted counts the deliveries that next answers.
func (s *Server) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		answer := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			s.cfg.Metrics.Delivery(r.Header.Get("X-GitHub-Event"), answer.status, time.Since(began))
		}()
		next.ServeHTTP(answer, r)
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.MaxBytesReader close the connection behind it.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

const (
	// appEvery is how often GitHub is asked whether it still knows the App, appSoon
	// until it said so for the first time.
	appEvery = 5 * time.Minute
	appSoon  = 10 * time.Second
)

// verifyApp asks GitHub whether it accepts the App's key, until ctx ends.
func (s *Server) verifyApp(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		err := s.cfg.App.Verify(ctx)
		switch {
		case err == nil:
			s.accepted.Store(true)
			s.refused.Store(false)
			s.cfg.Metrics.AppAccepted(s.cfg.Now())
		case errors.Is(err, github.ErrRefused):
			s.refused.Store(true)
			s.cfg.Metrics.AppRefused(s.cfg.Now())
			zerolog.Ctx(ctx).Error().Err(err).Msg("GitHub does not know this App by its key: compare app-id and private-key in [github] with the App's settings page")
		case ctx.Err() == nil:
			zerolog.Ctx(ctx).Warn().Err(err).Msg("GitHub could not be asked about this App")
		}
		if s.accepted.Load() {
			timer.Reset(appEvery)
		} else {
			timer.Reset(appSoon)
		}
	}
}

// Ready says why nothing should be sent to this process, nil if it should. A GitHub
// that is down, or that turns against a key that worked, is no reason: deliveries
// are kept all the same, and sending them away would lose them. A key that never
// worked is one: a rollout of it must stop.
func (s *Server) Ready(ctx context.Context) error {
	if err := s.cfg.Store.Check(ctx); err != nil {
		return unready{"the database does not answer", err}
	}
	if err := s.queue.Check(ctx); err != nil {
		return unready{"the queue does not work", err}
	}
	if s.refused.Load() && !s.accepted.Load() {
		return unready{"GitHub does not know the App by its key", nil}
	}
	return nil
}

// unready is for people without, and for the log with its cause.
type unready struct {
	why string
	err error
}

func (u unready) Error() string { return u.why }
func (u unready) Unwrap() error { return u.err }

func (s *Server) serveReady(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		zerolog.Ctx(ctx).Error().AnErr("cause", errors.Unwrap(err)).Msg("not ready: " + err.Error())
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ready\n"))
}
