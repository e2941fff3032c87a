package queue

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/riverqueue/river/rivertype"
)

// RetryAt is err with the time at which to try again, for limits that say so. Any
// error with a method RetryAt() time.Time does the same. Times in the past mean
// the usual wait, times more than two hours off two hours.
func RetryAt(at time.Time, err error) error { return &retryAtError{at: at, err: err} }

type retryAtError struct {
	at  time.Time
	err error
}

func (e *retryAtError) Error() string      { return e.err.Error() }
func (e *retryAtError) Unwrap() error      { return e.err }
func (e *retryAtError) RetryAt() time.Time { return e.at }

const longestRetryAt = 2 * time.Hour

// retryAt returns how long err asks to wait from now; ok is false if it does not.
func retryAt(err error, now time.Time) (wait time.Duration, ok bool) {
	var says interface{ RetryAt() time.Time }
	if !errors.As(err, &says) || !says.RetryAt().After(now) {
		return 0, false
	}
	return min(says.RetryAt().Sub(now), longestRetryAt), true
}

// wait after so many failures in a row, at least 1.
func (c Config) wait(failures int) time.Duration {
	wait := c.RetryMost
	// Beyond 30 doublings any first wait is over any sensible longest one.
	if doublings := failures - 1; doublings < 30 && c.RetryFirst<<doublings < c.RetryMost {
		wait = c.RetryFirst << doublings
	}
	// Things that failed together should not come back together.
	return wait + rand.N(wait/4+1)
}

// retryPolicy is for runs that could not begin or finish, and for rescued jobs.
type retryPolicy struct{ config Config }

func (p retryPolicy) NextRetry(job *rivertype.JobRow) time.Time {
	return time.Now().Add(p.config.wait(max(1, job.Attempt)))
}
