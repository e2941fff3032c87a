package queue

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
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
// for each thing, the first that was asked for. The thing must have been Put
// before.
func (q *Queue) PutLater(ctx context.Context, j Job, at time.Time) error {
	key, err := j.key()
	if err != nil {
		return fmt.Errorf("queue job for later: %w", err)
	}
	_, err = q.client.Insert(ctx, later{Key: key}, &river.InsertOpts{
		ScheduledAt: at, Priority: byNobody,
		UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
			rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
			rivertype.JobStateRunning, rivertype.JobStateScheduled,
		}},
	})
	if err != nil {
		return fmt.Errorf("queue %s for later: %w", key, err)
	}
	return nil
}

// Work puts the job that the newest event described.
func (w *laterWorker) Work(ctx context.Context, job *river.Job[later]) error {
	var data string
	err := w.queue.db.QueryRowContext(ctx, `SELECT job FROM dirty WHERE key = $1`, job.Args.Key).Scan(&data)
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
	return w.queue.Put(ctx, j)
}
