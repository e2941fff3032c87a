package github

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Observer is told of every request that was really sent.
type Observer interface {
	// GitHubCalled must be quick, and safe for concurrent use.
	GitHubCalled(Call)
}

// Call is one request and its answer.
type Call struct {
	Installation int64  // 0: by the App itself, or by nobody
	Operation    string // what it is about, of a short list: "pulls", "git/trees"
	Status       int    // 0 where there was no answer
	Err          error  // of the connection
	Limited      bool   // GitHub refused since a limit was reached
	Took         time.Duration
	// Remaining of Limit requests until Reset, by the answer's header; Limit is 0 where
	// it does not say.
	Remaining, Limit int
	Reset            time.Time
}

type installationKey struct{}

// forInstallation notes for whom the requests under ctx are.
func forInstallation(ctx context.Context, id int64) context.Context {
	if id == 0 {
		return ctx
	}
	return context.WithValue(ctx, installationKey{}, id)
}

// observe reports one request. resp is nil if err is of the connection.
func (w *wire) observe(req *http.Request, resp *http.Response, err error, began time.Time) {
	if w.observer == nil {
		return
	}
	c := Call{Operation: operation(req.URL.Path), Took: time.Since(began)}
	c.Installation, _ = req.Context().Value(installationKey{}).(int64)
	var limited *RateLimited
	var status *StatusError
	switch {
	case errors.As(err, &limited):
		c.Limited, c.Status = true, http.StatusForbidden
	case errors.As(err, &status):
		c.Status = status.Status
	case err != nil:
		c.Err = err
	}
	if resp != nil {
		c.Status = resp.StatusCode
		c.Limit, c.Remaining, c.Reset = quotaOf(resp.Header)
	}
	// A token is asked for in the App's name, and does not count against the
	// installation.
	if c.Operation == "access_tokens" {
		c.Installation, c.Limit = 0, 0
	}
	w.observer.GitHubCalled(c)
}

func quotaOf(h http.Header) (limit, remaining int, reset time.Time) {
	limit, errLimit := strconv.Atoi(h.Get("X-RateLimit-Limit"))
	remaining, errRemaining := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	at, errReset := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
	if errLimit != nil || errRemaining != nil || errReset != nil || limit <= 0 {
		return 0, 0, time.Time{}
	}
	return limit, remaining, time.Unix(at, 0)
}

// operations are what requests are about, the longest names first among those that
// begin alike.
var operations = []string{
	"access_tokens", "git/trees", "git/blobs", "git/commits", "git/refs", "git/ref", "check-runs", "check-suites", "compare",
	"commits", "contents", "issues", "pulls", "collaborators", "branches", "rules", "labels", "tags", "releases",
	"deliveries", "installations", "installation", "memberships", "members", "teams", "user", "users", "orgs", "app", "graphql", "rate_limit",
}

var repoPath = regexp.MustCompile(`^/(?:repos/[^/]+/[^/]+|repositories/[0-9]+)(?:/|$)`)

// operation names what a path is about without any name that is in it.
func operation(path string) string {
	if i := strings.Index(path, "/api/v3/"); i >= 0 {
		path = path[i+len("/api/v3"):]
	}
	if strings.HasSuffix(path, "/access_tokens") {
		return "access_tokens"
	}
	inner := repoPath.ReplaceAllString(path, "/")
	if inner == "/" {
		return "repos"
	}
	inner = strings.TrimPrefix(inner, "/")
	for _, o := range operations {
		if inner == o || strings.HasPrefix(inner, o+"/") {
			return o
		}
	}
	if first, _, _ := strings.Cut(inner, "/"); slices.Contains(operations, first) {
		return first
	}
	return "other"
}
