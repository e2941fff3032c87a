package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

var (
	// ErrNotFound: GitHub knows no such thing, or does not show it to the App. The
	// two are indistinguishable by GitHub's intent. GitHub's replicas lag, so what
	// a webhook just told of may be absent for some seconds.
	ErrNotFound = errors.New("not found on GitHub, or not visible to the App")
	// ErrRefused: GitHub does not know the App by its id and key.
	ErrRefused = errors.New("GitHub refuses the App's key")
	// ErrNoMergeBase: the two commits have unrelated histories.
	ErrNoMergeBase = errors.New("no common ancestor")
)

// RateLimited says that GitHub will take no more requests of this installation
// before Until. Nothing was changed by the refused request.
type RateLimited struct {
	Until time.Time
}

func (e *RateLimited) Error() string {
	return "GitHub's rate limit is used up; try again after " + e.Until.UTC().Format(time.RFC3339)
}

// StatusError is an answer of 400 and above that is no rate limit.
type StatusError struct {
	Method, Path string
	Status       int
	// Message is GitHub's own, bounded to a line of at most 300 bytes.
	Message string
	// RequestID is what GitHub's support asks for.
	RequestID string
}

func (e *StatusError) Error() string {
	s := fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.Status, http.StatusText(e.Status))
	if e.Message != "" {
		s += fmt.Sprintf(": %q", e.Message)
	}
	if e.RequestID != "" {
		s += " (request " + e.RequestID + ")"
	}
	return s
}

// Is makes 404, 410 and the 422 for unknown commits ErrNotFound, and the compare API's 404 about unrelated
// histories ErrNoMergeBase as well.
func (e *StatusError) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Status == http.StatusNotFound || e.Status == http.StatusGone ||
			e.Status == http.StatusUnprocessableEntity && strings.HasPrefix(e.Message, "No commit found")
	case ErrNoMergeBase:
		return e.Status == http.StatusNotFound && strings.HasPrefix(e.Message, "No common ancestor")
	}
	return false
}

// TooLarge says that something is larger than Lockkeeper looks at. Asking again
// gives the same, so what it concerns is unverified.
type TooLarge struct {
	What  string // with its limit: "blob 1f3c...: more than 1048576 bytes"
	Limit int64
}

func (e *TooLarge) Error() string { return "too large: " + e.What }

// Invalid says that an argument cannot be sent to GitHub as it is.
type Invalid struct {
	What string
}

func (e *Invalid) Error() string { return "cannot ask GitHub: " + e.What }

// Temporary reports whether the same call may succeed later: rate limits,
// answers of 500 and above, broken connections, timeouts. What GitHub refused
// for good (other answers of 400 and above), what is too large and what is
// invalid is not.
func Temporary(err error) bool {
	var status *StatusError
	var large *TooLarge
	var invalid *Invalid
	var host *hostError
	switch {
	case err == nil, errors.As(err, &large), errors.As(err, &invalid), errors.As(err, &host),
		errors.Is(err, context.Canceled):
		return false
	case errors.As(err, &status):
		return status.Status >= 500 || status.Status == http.StatusRequestTimeout
	}
	return true
}

// hostError: a request, in practice a redirect, to a host nobody configured.
type hostError struct {
	to, only string
}

func (e *hostError) Error() string {
	return fmt.Sprintf("refused to contact %.100q: only %s is configured as GitHub's API", e.to, e.only)
}

// tokenError: the installation's token could not be had, so the call itself was
// never sent.
type tokenError struct {
	err error
}

func (e *tokenError) Error() string { return "get installation token: " + e.err.Error() }
func (e *tokenError) Unwrap() error { return e.err }

// ambiguous reports whether a request that failed with err may have taken
// effect all the same.
func ambiguous(err error) bool {
	var status *StatusError
	var limited *RateLimited
	var token *tokenError
	var host *hostError
	var invalid *Invalid
	switch {
	case err == nil, errors.As(err, &limited), errors.As(err, &token), errors.As(err, &host), errors.As(err, &invalid):
		return false
	case errors.As(err, &status):
		return status.Status >= 500 || status.Status == http.StatusRequestTimeout
	}
	return true
}

// unauthorized reports whether GitHub refused the installation's token itself.
func unauthorized(err error) bool {
	var status *StatusError
	var token *tokenError
	return errors.As(err, &status) && status.Status == http.StatusUnauthorized && !errors.As(err, &token)
}
