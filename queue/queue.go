// Package queue keeps jobs until they are done. A job says that something is
// dirty: a pull request, a branch, a merge group. It carries no instructions,
// since whoever works it reads everything anew, and so the order of events never
// matters.
//
// It promises that for each Put that returned without error, a run which began
// after it ends without error, whatever dies in between; that many events about
// one thing need few runs, one at a time in all processes but for a run that
// outlives its time; and that each run has a larger generation than all runs about
// the same thing before it.
//
// River is the engine, and this package its only importer. Its unique jobs must
// count the running ones, so an event that arrives during a run would be dropped
// as a duplicate. Therefore events are counted in a table of our own: a run
// notes the count when it begins, and its job is complete only if, in the same
// transaction, the count is still that one. Otherwise it runs again.
//
// Several processes may share a PostgreSQL database. Each says every two seconds
// that it lives. Ten seconds after it fell silent its jobs belong to others, and
// should it wake, the contexts of its runs end, what they say of their jobs counts
// for nothing, and Newest tells them so before they write anything.
package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/store"
)

// Kind says what a job is about.
type Kind string

const (
	Pull       Kind = "pull"        // pull request Pull
	Branch     Kind = "branch"      // the branch Ref was pushed to
	MergeGroup Kind = "merge-group" // the merge queue wants to know about SHA
	Commit     Kind = "commit"      // the check of the commit SHA is asked for again
	Repository Kind = "repository"  // all open pull requests
	Sweep      Kind = "sweep"       // those open pull requests that have no current check
	// What is kept up to date beside checks.
	Installation Kind = "installation" // the repositories of Installation; no repository is named
	Onboard      Kind = "onboard"      // the repository may want the pull request that says how to start
	Record       Kind = "record"       // sign-offs may have to be recorded in the allowlist of the branch Ref
)

// Job says that something is dirty. Kind, RepoID (but for Installation) and what Kind names identify
// it; the rest is as the newest event had it, and a hint.
type Job struct {
	Kind         Kind   `json:"kind"`
	Installation int64  `json:"installation"`
	RepoID       int64  `json:"repo_id"`
	Owner        string `json:"owner"`
	Repo         string `json:"repo"`

	Pull int    `json:"pull,omitempty"` // number, for Pull
	Ref  string `json:"ref,omitempty"`  // branch, for Branch, Record and MergeGroup
	Base string `json:"base,omitempty"` // base branch, for MergeGroup; for Pull the one that it probably goes to
	SHA  string `json:"sha,omitempty"`  // commit, for MergeGroup and Commit

	// Delivery is GitHub's id of the newest delivery about it, or of the one that led to
	// it by another job, to find it again. Received is when a delivery about it came in.
	// Both are empty for what no delivery asked for.
	Delivery string    `json:"delivery,omitempty"`
	Received time.Time `json:"received,omitzero"`

	// Comment is the id of a new comment on the pull request; 0 for other events.
	// All of them reach the run, in Attempt.Comments, however events coalesce.
	Comment int64 `json:"-"`
	// Person: somebody did something and looks for the answer. Such jobs go before all
	// others.
	Person bool `json:"person,omitempty"`
	// Background: nobody waits for it. Other jobs go first.
	Background bool `json:"background,omitempty"`
}

// Attempt is one run of a job.
type Attempt struct {
	// Generation is larger for each later run about the same thing, retries
	// included, across restarts. store.PutScan refuses what an older one brings.
	Generation int64
	// Number is 1 for the first attempt and counts failures in a row.
	Number int
	// Comments that no run has dealt with, in the order in which they came. A run
	// that fails finds them again.
	Comments []int64
}

// Work does one job. An error has it tried again, after a second and then twice as
// long each time, or when the error says (see RetryAt); so does a panic. It must
// return soon after ctx is done.
type Work func(ctx context.Context, j Job, attempt Attempt) error

// Config of a Queue. The zero value works.
type Config struct {
	// MaxWorkers is how many jobs run at a time. A scan mostly waits for the
	// network. Default: 8.
	MaxWorkers int
	// JobTimeout is how long a run may take before its context is done. A run that
	// does not heed that holds its worker, and two minutes later the job runs a
	// second time beside it. Default: 10 minutes.
	JobTimeout time.Duration
	// DrainTimeout is how long Stop lets runs finish before it ends their contexts
	// and puts their jobs back. Default: 20 seconds.
	DrainTimeout time.Duration
	// RetryFirst and RetryMost are the first and the longest wait after a failure;
	// each is up to a quarter longer by chance. Defaults: 1 second, 60 seconds.
	RetryFirst, RetryMost time.Duration
	// Beat is how often this process tells the others on the database that it lives.
	// After five beats without, its jobs belong to others. Default: 2 seconds.
	Beat time.Duration
}

const (
	fetchCooldown = 10 * time.Millisecond  // bounds throughput to MaxWorkers / fetchCooldown
	fetchPoll     = 500 * time.Millisecond // when a notification was missed or a wait ends
	keepCompleted = time.Hour
	rescueAfter   = 2 * time.Minute // beyond JobTimeout
	// Failures are counted here, not by River, which would give up. It counts only
	// runs that could not even reach the database.
	maxAttempts = math.MaxInt16
	maxKey      = 512 // bytes; a branch's name is at most 255

	byPeople, byEvents, byNobody = 1, 2, 3 // River's priorities, 1 first
)

// Queue is River with our count of events beside it. All methods may be used at
// the same time.
type Queue struct {
	store   *store.Store
	engine  *engine
	process *process
	work    Work
	config  Config
	log     zerolog.Logger

	stopOnce sync.Once
	stopped  chan struct{} // closed once Stop was called
	sweeper  sync.WaitGroup
	quiet    context.CancelFunc // ends the beats, after the last job; nil before Start
	beats    sync.WaitGroup

	started atomic.Bool
	running atomic.Int64 // runs of this process

	alone atomic.Pointer[alone] // see standBack
	aside asides
	clock clock
}

// New prepares the queue in the database of s, where it makes River's tables. No
// job runs before Start. The logger comes from ctx. With SQLite only one process
// at a time may have a queue on the database.
func New(ctx context.Context, s *store.Store, work Work, config Config) (*Queue, error) {
	config = config.withDefaults()
	q := &Queue{store: s, process: newProcess(), work: work, config: config, log: *zerolog.Ctx(ctx), stopped: make(chan struct{})}
	workers := river.NewWorkers()
	if err := errors.Join(river.AddWorkerSafely(workers, &worker{queue: q}), river.AddWorkerSafely(workers, &laterWorker{queue: q})); err != nil {
		return nil, fmt.Errorf("prepare queue: %w", err)
	}
	var err error
	q.engine, err = newEngine(ctx, s, &river.Config{
		ID:                          q.process.id,
		Queues:                      map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: config.MaxWorkers}},
		Workers:                     workers,
		Logger:                      riverLogger(q.log),
		FetchCooldown:               fetchCooldown,
		FetchPollInterval:           fetchPoll,
		JobTimeout:                  config.JobTimeout,
		RescueStuckJobsAfter:        config.JobTimeout + rescueAfter,
		SoftStopTimeout:             config.DrainTimeout,
		MaxAttempts:                 maxAttempts,
		RetryPolicy:                 retryPolicy{config},
		CompletedJobRetentionPeriod: keepCompleted,
	})
	if err != nil {
		return nil, fmt.Errorf("prepare queue: %w", err)
	}
	return q, nil
}

func (c Config) withDefaults() Config {
	orElse := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	if c.MaxWorkers <= 0 {
		c.MaxWorkers = 8
	}
	orElse(&c.JobTimeout, 10*time.Minute)
	orElse(&c.DrainTimeout, 20*time.Second)
	orElse(&c.RetryFirst, time.Second)
	orElse(&c.RetryMost, 60*time.Second)
	orElse(&c.Beat, 2*time.Second)
	return c
}

// Put notes that something is dirty. When it returns nil, that is committed; on
// an error nothing is, and the sender must try again.
func (q *Queue) Put(ctx context.Context, j Job) error {
	key, err := j.key()
	if err != nil {
		return fmt.Errorf("queue job: %w", err)
	}
	err = q.engine.inTx(ctx, func(t tx) error { return q.putTx(ctx, t, key, j) })
	q.clock.look()
	if err != nil {
		return fmt.Errorf("queue %s: %w", key, err)
	}
	q.notAlone(holder{j.Installation, j.RepoID})
	return nil
}

func (q *Queue) putTx(ctx context.Context, t tx, key string, j Job) error {
	data, err := json.Marshal(j)
	if err != nil {
		return err
	}
	var event int64
	if err := t.row(ctx, []any{&event}, `
		INSERT INTO dirty (key, events, job) VALUES ($1, 1, $2)
		ON CONFLICT (key) DO UPDATE SET events = dirty.events + 1, job = excluded.job
		RETURNING events`, key, string(data)); err != nil {
		return err
	}
	if j.Comment != 0 {
		if err := t.exec(ctx, `
			INSERT INTO dirty_comments (key, comment_id, event) VALUES ($1, $2, $3)
			ON CONFLICT (key, comment_id) DO NOTHING`, key, j.Comment, event); err != nil {
			return err
		}
	}
	priority := j.priority()
	fresh, err := q.insertTx(ctx, t, key, priority)
	if err != nil || fresh == 0 {
		return err // what had a job before keeps its place
	}
	return q.place(ctx, t, fresh, j.Installation, priority)
}

func (j Job) priority() int {
	switch {
	case j.Person:
		return byPeople
	case j.Background:
		return byNobody
	}
	return byEvents
}

// undone are the states of a job that is left to do, the running ones included:
// of those there is one for each key at most.
var undone = []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
	rivertype.JobStateRunning, rivertype.JobStateScheduled,
}

// insertTx sees to it that a job for key exists, of at least that priority. It returns
// the id of a new one, 0 if there was one.
func (q *Queue) insertTx(ctx context.Context, t tx, key string, priority int) (fresh int64, err error) {
	inserted, err := t.insert(ctx, args{Key: key}, &river.InsertOpts{
		Priority: priority, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: undone},
	})
	if err != nil {
		return 0, err
	}
	if !inserted.UniqueSkippedAsDuplicate {
		return inserted.Job.ID, nil
	}
	waits := inserted.Job.State == rivertype.JobStateScheduled || inserted.Job.State == rivertype.JobStateRetryable
	if waits && priority < byNobody && inserted.Job.ScheduledAt.After(time.Now()) { // what was set aside keeps its place
		// News end a wait: what was retried for may be settled by them.
		if err := t.retry(ctx, inserted.Job.ID); err != nil {
			return 0, err
		}
	}
	if inserted.Job.Priority > priority {
		// Somebody waits now for what was queued in the background.
		err = t.exec(ctx, `UPDATE river_job SET priority = $1 WHERE id = $2`, priority, inserted.Job.ID)
	}
	return 0, err
}

// key identifies what j is about.
func (j Job) key() (string, error) {
	var what string
	switch {
	case j.Kind == Installation && j.Installation > 0 && j.Comment == 0:
		return fmt.Sprintf("%s:%d", j.Kind, j.Installation), nil
	case j.RepoID <= 0:
		return "", fmt.Errorf("%s without a repository", j.Kind)
	case j.Kind == Pull && j.Pull > 0:
		what = fmt.Sprint(j.Pull)
	case j.Kind == Repository || j.Kind == Sweep:
		what = "all"
	case (j.Kind == Branch || j.Kind == Record) && j.Ref != "":
		what = j.Ref
	case j.Kind == Onboard:
	case (j.Kind == MergeGroup || j.Kind == Commit) && j.SHA != "":
		what = j.SHA
	default:
		return "", fmt.Errorf("kind %q of repository %d does not say about what", j.Kind, j.RepoID)
	}
	if j.Comment != 0 && j.Kind != Pull {
		return "", fmt.Errorf("a comment on a %s of repository %d: only pull requests have them", j.Kind, j.RepoID)
	}
	key := fmt.Sprintf("%s:%d:%s", j.Kind, j.RepoID, what)
	if len(key) > maxKey {
		return "", fmt.Errorf("%s of repository %d has a name of %d bytes, more than %d", j.Kind, j.RepoID, len(what), maxKey)
	}
	return key, nil
}

// String says what the job is about as the queue's tables do: "pull:42:7" is pull request
// 7 of the repository 42, "installation:5" an installation. Of what cannot be queued it
// is the kind.
func (j Job) String() string {
	key, err := j.key()
	if err != nil {
		return string(j.Kind)
	}
	return key
}

// Start begins to run jobs. With SQLite those that a dead process was running go
// first, since nobody else can be at them; with PostgreSQL they follow when that
// process has been silent for long enough. Only Stop ends it; the end of ctx does
// not.
func (q *Queue) Start(ctx context.Context) error {
	if err := q.register(ctx); err != nil {
		return fmt.Errorf("start queue: make this process known: %w", err)
	}
	if err := q.engine.inTx(ctx, func(t tx) error { return q.takeOver(ctx, t) }); err != nil {
		return fmt.Errorf("start queue: put back interrupted jobs: %w", err)
	}
	if err := q.sweep(ctx); err != nil {
		return fmt.Errorf("start queue: %w", err)
	}
	if err := q.engine.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start queue: %w", err)
	}
	q.sweeper.Go(func() { q.sweepUntilStopped(context.WithoutCancel(ctx)) })
	q.sweeper.Go(func() { q.bringBackUntilStopped(context.WithoutCancel(ctx)) })
	beating, quiet := context.WithCancel(context.WithoutCancel(ctx))
	q.quiet = quiet
	if q.engine.shared {
		q.beats.Go(func() { q.beatUntilStopped(beating) })
	}
	q.started.Store(true)
	return nil
}

// Stop starts no more jobs and waits for those that run. After
// Config.DrainTimeout, or once ctx is done, their contexts end and the jobs are
// put back. It returns an error if some do not heed that either; they run again
// after the next Start, or in another process. A stopped queue still takes jobs,
// but is not started again.
func (q *Queue) Stop(ctx context.Context) error {
	q.stopOnce.Do(func() { close(q.stopped) })
	q.sweeper.Wait()
	err := q.stopEngine(ctx)
	if q.quiet != nil {
		q.quiet()
		q.beats.Wait()
		q.quiet = nil
		if err == nil {
			q.unregister(context.WithoutCancel(ctx))
		}
	}
	return err
}

func (q *Queue) stopEngine(ctx context.Context) error {
	if err := q.engine.Stop(ctx); err == nil {
		return nil
	}
	const grace = 5 * time.Second
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := q.engine.StopAndCancel(last); err != nil {
		return fmt.Errorf("stop queue: jobs still run %s after their contexts ended: %w", grace, err)
	}
	return nil
}

// Stats counts jobs, for metrics.
type Stats struct {
	Waiting int // for a worker, or for their next attempt
	Running int
	Failing int // things whose last run failed; part of Waiting or Running
}

// Stats counts jobs now.
func (q *Queue) Stats(ctx context.Context) (Stats, error) {
	var s Stats
	err := q.store.DB().QueryRowContext(ctx, `SELECT
		(SELECT COUNT(*) FROM river_job WHERE kind = $1 AND state IN ('available', 'pending', 'retryable', 'scheduled')),
		(SELECT COUNT(*) FROM river_job WHERE kind = $1 AND state = 'running'),
		(SELECT COUNT(*) FROM dirty WHERE failures > 0)`, args{}.Kind()).Scan(&s.Waiting, &s.Running, &s.Failing)
	if err != nil {
		return Stats{}, fmt.Errorf("count jobs: %w", err)
	}
	return s, nil
}
