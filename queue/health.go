package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// stuckAfter is how long a job may be due while this process has nothing to do.
const stuckAfter = time.Minute

// Check reports whether this process does jobs: it was started, is not stopping,
// and does not leave alone what is due.
func (q *Queue) Check(ctx context.Context) error {
	switch {
	case !q.started.Load():
		return errors.New("the queue was not started")
	case q.isStopping():
		return errors.New("the queue stops")
	case q.running.Load() > 0:
		return nil // however much waits: it works
	}
	oldest, err := q.Oldest(ctx)
	if err != nil {
		return err
	}
	if oldest > stuckAfter {
		return fmt.Errorf("a job has been due for %s, and none is begun", oldest.Round(time.Second))
	}
	return nil
}

// Oldest is for how long the job has been due that has waited longest, of the hundred
// that came first; 0 where none is.
func (q *Queue) Oldest(ctx context.Context) (time.Duration, error) {
	due, err := q.engine.JobList(ctx, river.NewJobListParams().Kinds(args{}.Kind()).States(rivertype.JobStateAvailable).
		OrderBy(river.JobListOrderByID, river.SortOrderAsc).First(100))
	if err != nil {
		return 0, fmt.Errorf("look for the oldest job: %w", err)
	}
	var oldest time.Duration
	for _, job := range due.Jobs {
		since := job.ScheduledAt // of a retry
		if job.CreatedAt.After(since) {
			since = job.CreatedAt // of a new one, whose moment is but its place in the line
		}
		oldest = max(oldest, time.Since(since))
	}
	return oldest, nil
}
