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
// that came first and the hundred that come first of those set aside or tried again; 0
// where none is.
func (q *Queue) Oldest(ctx context.Context) (time.Duration, error) {
	var oldest time.Duration
	for _, state := range []rivertype.JobState{rivertype.JobStateAvailable, rivertype.JobStateScheduled} {
		order := river.JobListOrderByID
		if state == rivertype.JobStateScheduled {
			order = river.JobListOrderByScheduledAt
		}
		due, err := q.engine.JobList(ctx, river.NewJobListParams().Kinds(dirtyKind).States(state).OrderBy(order, river.SortOrderAsc).First(100))
		if err != nil {
			return 0, fmt.Errorf("look for the oldest job: %w", err)
		}
		for _, job := range due.Jobs {
			since := job.ScheduledAt // of a retry
			if job.CreatedAt.After(since) {
				since = job.CreatedAt // of a new one, whose moment is but its place in the line
			}
			oldest = max(oldest, time.Since(since))
		}
	}
	return oldest, nil
}
