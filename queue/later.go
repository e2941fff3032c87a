package queue

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/store"
)

// later is a job that makes something dirty at its time.
type later struct {
	Key string `json:"key"`
}

func (later) Kind() string { return "later" }

type laterWorker struct {
	river.WorkerDefaults[later]
	queue *Queue
}

// PutLater has something looked at again at a time, for which nobody waits and
// which holds up nothing: an event before then is worked at once. One time is kept
// for each thing, the first that was asked for.
func (q *Queue) PutLater(ctx context.Context, j Job, at time.Time) error {
	key, err := j.key()
	if err != nil {
		return fmt.Errorf("queue job for later: %w", err)
	}
	data, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("queue %s for later: %w", key, err)
	}
	// Something that was never dirty is known from here on, but has no event yet.
	if _, err := q.store.DB().ExecContext(ctx, `INSERT INTO dirty (key, events, job) VALUES ($1, 0, $2) ON CONFLICT (key) DO NOTHING`, key, string(data)); err != nil {
		return fmt.Errorf("queue %s for later: %w", key, err)
	}
	err = q.engine.later(ctx, key, at)
	q.clock.look()
	if err != nil {
		return fmt.Errorf("queue %s for later: %w", key, err)
	}
	return nil
}

func (e *engine) later(ctx context.Context, key string, at time.Time) error {
	_, err := e.Insert(ctx, later{Key: key}, &river.InsertOpts{
		ScheduledAt: at, Priority: byNobody, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: undone},
	})
	return err
}

// CopyLater copies what was put for later from the queue of one store to that of
// another, and says how much it was. The rest of a queue needs no copy: see
// store.Copy.
func CopyLater(ctx context.Context, from, to *store.Store) (int, error) {
	quiet := func() *river.Config { return &river.Config{Logger: riverLogger(zerolog.Nop())} }
	source, err := newEngine(ctx, from, quiet())
	if err != nil {
		return 0, fmt.Errorf("copy the queue: read: %w", err)
	}
	target, err := newEngine(ctx, to, quiet())
	if err != nil {
		return 0, fmt.Errorf("copy the queue: write: %w", err)
	}
	copied := 0
	for page := river.NewJobListParams().Kinds(later{}.Kind()).States(undone...).First(1000); ; {
		list, err := source.JobList(ctx, page)
		if err != nil {
			return copied, fmt.Errorf("copy the queue: read: %w", err)
		}
		for _, job := range list.Jobs {
			var l later
			if err := json.Unmarshal(job.EncodedArgs, &l); err != nil {
				return copied, fmt.Errorf("copy the queue: read job %d: %w", job.ID, err)
			}
			if err := target.later(ctx, l.Key, job.ScheduledAt); err != nil {
				return copied, fmt.Errorf("copy the queue: write %s: %w", l.Key, err)
			}
			copied++
		}
		if list.LastCursor == nil {
			return copied, nil
		}
		page = page.After(list.LastCursor)
	}
}

// Work puts the job that the newest event described.
func (w *laterWorker) Work(ctx context.Context, job *river.Job[later]) error {
	var data string
	err := w.queue.store.DB().QueryRowContext(ctx, `SELECT job FROM dirty WHERE key = $1`, job.Args.Key).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return river.JobCancel(fmt.Errorf("nothing is known about %s", job.Args.Key))
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", job.Args.Key, err)
	}
	var j Job
	if err := json.Unmarshal([]byte(data), &j); err != nil {
		return river.JobCancel(fmt.Errorf("read %s: %w", job.Args.Key, err))
	}
	j.Background = true
	j.Received = time.Time{} // that was answered by the run before
	return w.queue.Put(ctx, j)
}
