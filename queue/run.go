package queue

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// args is all that River keeps of a job: what it is about. The rest stands in
// the table dirty, where the newest event can still change it.
type args struct {
	Key string `json:"key"`
}

const dirtyKind = "dirty"

func (args) Kind() string { return dirtyKind }

type worker struct {
	river.WorkerDefaults[args]
	queue *Queue
}

// bookkeeping is how long the database may take to note how a run went, also
// when the run's own time is over.
const bookkeeping = 15 * time.Second

// held is how long to wait for a run that has the thing to itself.
const held = time.Second

// Work is one run: note what has happened so far, work, and be done only if
// nothing has happened since.
func (w *worker) Work(ctx context.Context, job *river.Job[args]) error {
	q := w.queue
	defer q.clock.look()
	begun, err := q.begin(ctx, job)
	switch {
	case errors.Is(err, errOverShare):
		return river.JobSnooze(2 * setAside) // it is brought back before
	case errors.Is(err, sql.ErrNoRows):
		return river.JobCancel(fmt.Errorf("nothing is known about %s", job.Args.Key))
	case errors.Is(err, errHeld) || errors.Is(err, errTakenForDead):
		q.log.Debug().Err(err).Str("job", job.Args.Key).Msg("job has to wait")
		return river.JobSnooze(held)
	case err != nil:
		return fmt.Errorf("begin %s: %w", job.Args.Key, err)
	}
	log := q.log.With().Str("job", job.Args.Key).Int64("generation", begun.Generation).Logger()
	bounded, unbind := q.process.bound(log.WithContext(ctx))
	defer unbind()
	defer q.tryBringBack(context.WithoutCancel(ctx))
	defer q.notAlone(holder{begun.job.Installation, begun.job.RepoID})
	workErr := q.call(bounded, begun)

	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookkeeping)
	defer cancel()
	if workErr == nil {
		return q.finished(after, job, begun)
	}
	if q.isStopping() && ctx.Err() != nil {
		log.Info().Msg("stopped before the job was done, put back")
		q.release(after, begun, begun.Number-1)
		return river.JobSnooze(0)
	}
	wait, failures := q.config.wait(begun.Number), begun.Number
	if asked, ok := retryAt(workErr, time.Now()); ok {
		wait, failures = asked, begun.Number-1 // a limit, no failure
	}
	q.release(after, begun, failures)
	log.Warn().Err(workErr).Int("attempt", begun.Number).Dur("retry_in", wait).Msg("job failed")
	return river.JobSnooze(wait)
}

// finished is the end of a run that went well.
func (q *Queue) finished(ctx context.Context, job *river.Job[args], r run) error {
	again, err := q.finish(ctx, job, r)
	q.process.ended(r.key, r.Generation, err == nil)
	switch {
	case errors.Is(err, errOvertaken):
		q.log.Warn().Str("job", r.key).Int64("generation", r.Generation).Msg("another run took over before this one ended")
		return river.JobSnooze(0) // if River's job is another's by now, that one has it to itself
	case err != nil:
		return fmt.Errorf("finish %s: %w", r.key, err)
	case again:
		return river.JobSnooze(0)
	}
	return nil
}

func (q *Queue) isStopping() bool {
	select {
	case <-q.stopped:
		return true
	default:
		return false
	}
}

// run is one run of a job.
type run struct {
	Attempt
	key    string
	job    Job
	events int64 // that had happened when it began
}

// begin notes a new run and reads what has happened so far. It returns errHeld
// while another run has the thing to itself: one of a process that lives, that
// has not outlived its time, and that, if it is one of ours, really is under way;
// and errOverShare where others go before.
func (q *Queue) begin(ctx context.Context, job *river.Job[args]) (begun run, err error) {
	key := job.Args.Key
	r := run{key: key}
	if q.process.reserve(key) {
		defer func() {
			if err != nil {
				q.process.notBegun(key, r.Generation)
			}
		}()
		if aside, err := q.standBack(ctx, job); err != nil || aside {
			return run{}, cmp.Or(err, errOverShare)
		}
	} else if expired, err := q.outlived(ctx, key); err != nil || !expired {
		return run{}, errors.Join(err, errHeld)
	}
	var data string
	err = q.engine.inTx(ctx, func(t tx) error {
		err := t.row(ctx, []any{&r.Generation, &r.events, &r.Number, &data}, `
			UPDATE dirty SET generation = generation + 1, runner = $2, begun_at = `+q.store.Now()+`
			WHERE key = $1 AND EXISTS (SELECT 1 FROM processes WHERE id = $2)
				AND (runner NOT IN (SELECT id FROM processes WHERE id <> $2) OR begun_at < `+q.store.Now()+` - $3)
			RETURNING generation, events, failures + 1, job`,
			key, q.process.id, q.longest().Microseconds())
		if errors.Is(err, sql.ErrNoRows) {
			return q.whyNot(ctx, t, key)
		}
		if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(data), &r.job); err != nil {
			return fmt.Errorf("read job: %w", err)
		}
		err = t.rows(ctx, func(scan func(...any) error) error {
			var comment int64
			err := scan(&comment)
			r.Comments = append(r.Comments, comment)
			return err
		}, `SELECT comment_id FROM dirty_comments WHERE key = $1 ORDER BY event, comment_id`, key)
		if err != nil {
			return fmt.Errorf("read comments: %w", err)
		}
		return nil
	})
	if err != nil {
		return run{}, err
	}
	q.process.began(key, r.Generation)
	return r, nil
}

// longest is how long a run may have a thing to itself.
func (q *Queue) longest() time.Duration { return q.config.JobTimeout + rescueAfter }

// outlived reports whether the newest run of key takes longer than it may.
func (q *Queue) outlived(ctx context.Context, key string) (expired bool, err error) {
	err = q.store.DB().QueryRowContext(ctx, `SELECT begun_at < `+q.store.Now()+` - $2 FROM dirty WHERE key = $1`,
		key, q.longest().Microseconds()).Scan(&expired)
	return expired, err
}

// whyNot tells why no run of key may begin; sql.ErrNoRows says that nothing is
// known about it.
func (q *Queue) whyNot(ctx context.Context, t tx, key string) error {
	var alive bool
	if err := t.row(ctx, []any{&alive}, `SELECT EXISTS (SELECT 1 FROM processes WHERE id = $2) FROM dirty WHERE key = $1`,
		key, q.process.id); err != nil {
		return err
	}
	if !alive {
		return errTakenForDead
	}
	return errHeld
}

// call works, and turns a panic into an error.
func (q *Queue) call(ctx context.Context, r run) (err error) {
	q.running.Add(1)
	defer q.running.Add(-1)
	defer func() {
		if value := recover(); value != nil {
			q.log.Error().Str("job", r.key).Str("panic", fmt.Sprint(value)).Bytes("stack", debug.Stack()).Msg("job panicked")
			err = fmt.Errorf("panic: %v", value)
		}
	}()
	return q.work(ctx, r.job, r.Attempt)
}

// errOvertaken says that a run is not the newest any more: its process was taken
// for dead, or it outlived its time.
var errOvertaken = errors.New("another run took over")

// finish notes a run that went well, and completes the job unless something has
// happened since the run began. Put counts in the same row, so one of the two
// sees the other: either Put finds the job completed and makes another, or finish
// finds the count moved. A run that was overtaken changes nothing.
func (q *Queue) finish(ctx context.Context, job *river.Job[args], r run) (again bool, err error) {
	err = q.engine.inTx(ctx, func(t tx) error {
		var events int64
		err := t.row(ctx, []any{&events}, `
			UPDATE dirty SET failures = 0, runner = '', done = CASE WHEN done < $2 THEN $2 ELSE done END
			WHERE key = $1 AND generation = $3 AND runner = $4 AND EXISTS (SELECT 1 FROM processes WHERE id = $4)
			RETURNING events`, r.key, r.events, r.Generation, q.process.id)
		if errors.Is(err, sql.ErrNoRows) {
			return errOvertaken
		}
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		if err := t.exec(ctx, `DELETE FROM dirty_comments WHERE key = $1 AND event <= $2`, r.key, r.events); err != nil {
			return fmt.Errorf("remove comments: %w", err)
		}
		if again = events != r.events; again {
			return nil
		}
		if err := t.complete(ctx, job); err != nil && !errors.Is(err, rivertype.ErrNotFound) {
			return fmt.Errorf("complete: %w", err)
		}
		return nil
	})
	return again, err
}

// release notes how often runs have failed by now, and lets others begin. It goes
// on where the database does not answer: then River may not get its note through
// either, and the job is rescued later.
func (q *Queue) release(ctx context.Context, r run, failures int) {
	_, err := q.store.DB().ExecContext(ctx, `UPDATE dirty SET failures = $2, runner = '' WHERE key = $1 AND generation = $3 AND runner = $4`,
		r.key, failures, r.Generation, q.process.id)
	if err != nil {
		q.log.Error().Err(err).Str("job", r.key).Msg("note the end of a run")
	}
	q.process.ended(r.key, r.Generation, err == nil)
}
