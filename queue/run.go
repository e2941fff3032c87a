package queue

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"
)

// args is all that River keeps of a job: what it is about. The rest stands in
// the table dirty, where the newest event can still change it.
type args struct {
	Key string `json:"key"`
}

func (args) Kind() string { return "dirty" }

type worker struct {
	river.WorkerDefaults[args]
	queue *Queue
}

// bookkeeping is how long the database may take to note how a run went, also
// when the run's own time is over.
const bookkeeping = 15 * time.Second

// Work is one run: note what has happened so far, work, and be done only if
// nothing has happened since.
func (w *worker) Work(ctx context.Context, job *river.Job[args]) error {
	q := w.queue
	begun, err := q.begin(ctx, job.Args.Key)
	if errors.Is(err, sql.ErrNoRows) {
		return river.JobCancel(fmt.Errorf("nothing is known about %s", job.Args.Key))
	}
	if err != nil {
		return fmt.Errorf("begin %s: %w", job.Args.Key, err)
	}
	log := q.log.With().Str("job", job.Args.Key).Int64("generation", begun.Generation).Logger()
	workErr := q.call(log.WithContext(ctx), begun)

	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookkeeping)
	defer cancel()
	if workErr == nil {
		again, err := q.finish(after, job, begun)
		if err != nil {
			return fmt.Errorf("finish %s: %w", job.Args.Key, err)
		}
		if again {
			return river.JobSnooze(0)
		}
		return nil
	}
	if q.isStopping() && ctx.Err() != nil {
		log.Info().Msg("stopped before the job was done, put back")
		return river.JobSnooze(0)
	}
	wait := q.fail(after, begun, workErr)
	log.Warn().Err(workErr).Int("attempt", begun.Number).Dur("retry_in", wait).Msg("job failed")
	return river.JobSnooze(wait)
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

// begin notes a new run and reads what has happened so far.
func (q *Queue) begin(ctx context.Context, key string) (run, error) {
	tx, err := q.db.BeginTx(ctx, nil)
	if err != nil {
		return run{}, err
	}
	defer tx.Rollback() // does nothing after Commit
	r := run{key: key}
	var data string
	if err := tx.QueryRowContext(ctx, `
		UPDATE dirty SET generation = generation + 1 WHERE key = $1
		RETURNING generation, events, failures + 1, job`, key).Scan(&r.Generation, &r.events, &r.Number, &data); err != nil {
		return run{}, err
	}
	if err := json.Unmarshal([]byte(data), &r.job); err != nil {
		return run{}, fmt.Errorf("read job: %w", err)
	}
	rows, err := tx.QueryContext(ctx, `SELECT comment_id FROM dirty_comments WHERE key = $1 ORDER BY event, comment_id`, key)
	if err != nil {
		return run{}, fmt.Errorf("read comments: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var comment int64
		if err := rows.Scan(&comment); err != nil {
			return run{}, fmt.Errorf("read comments: %w", err)
		}
		r.Comments = append(r.Comments, comment)
	}
	if err := rows.Err(); err != nil {
		return run{}, fmt.Errorf("read comments: %w", err)
	}
	return r, tx.Commit()
}

// call works, and turns a panic into an error.
func (q *Queue) call(ctx context.Context, r run) (err error) {
	defer func() {
		if value := recover(); value != nil {
			q.log.Error().Str("job", r.key).Str("panic", fmt.Sprint(value)).Bytes("stack", debug.Stack()).Msg("job panicked")
			err = fmt.Errorf("panic: %v", value)
		}
	}()
	return q.work(ctx, r.job, r.Attempt)
}

// finish notes a run that went well, and completes the job unless something has
// happened since the run began. Put counts in the same row, so one of the two
// sees the other: either Put finds the job completed and makes another, or finish
// finds the count moved. A job that is not running any more, because the run took
// too long and another one began, is left to that one.
func (q *Queue) finish(ctx context.Context, job *river.Job[args], r run) (again bool, err error) {
	tx, err := q.db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback() // does nothing after Commit
	if _, err := tx.ExecContext(ctx, `DELETE FROM dirty_comments WHERE key = $1 AND event <= $2`, r.key, r.events); err != nil {
		return false, fmt.Errorf("remove comments: %w", err)
	}
	var events int64
	if err := tx.QueryRowContext(ctx, `
		UPDATE dirty SET failures = 0, done = CASE WHEN done < $2 THEN $2 ELSE done END
		WHERE key = $1 RETURNING events`, r.key, r.events).Scan(&events); err != nil {
		return false, fmt.Errorf("read events: %w", err)
	}
	if again = events != r.events; !again {
		_, err := river.JobCompleteTx[*riversqlite.Driver](ctx, tx, job)
		if err != nil && !errors.Is(err, rivertype.ErrNotFound) {
			return false, fmt.Errorf("complete: %w", err)
		}
	}
	return again, tx.Commit()
}

// fail counts a failure and returns how long to wait. It goes on where the
// database does not answer: then River may not get its note through either, and
// the job is rescued later.
func (q *Queue) fail(ctx context.Context, r run, workErr error) time.Duration {
	if wait, ok := retryAt(workErr, time.Now()); ok {
		return wait // a limit, no failure
	}
	failures := r.Number
	if _, err := q.db.ExecContext(ctx, `UPDATE dirty SET failures = $2 WHERE key = $1`, r.key, failures); err != nil {
		q.log.Error().Err(err).Str("job", r.key).Msg("count a failed job")
	}
	return q.config.wait(failures)
}
