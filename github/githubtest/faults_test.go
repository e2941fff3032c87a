package githubtest_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-github/v82/github"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

func TestFaults(t *testing.T) {
	w := newWorld(t, defaults)
	c, ctx := w.installed(), t.Context()
	comment := func() (int, error) {
		_, resp, err := c.Issues.CreateComment(ctx, "acme", "widget", 1, &github.IssueComment{Body: github.Ptr("hello")})
		if resp == nil {
			return 0, err
		}
		return resp.StatusCode, err
	}
	if got, err := comment(); got != http.StatusCreated {
		t.Fatal(got, err)
	}
	for _, tt := range []struct {
		name   string
		fault  githubtest.Fault
		status int
		landed bool
	}{
		{"refused", githubtest.Fault{Status: 500}, 500, false},
		{"landed all the same", githubtest.Fault{Status: 502, After: true}, 502, true},
		{"reset before", githubtest.Fault{Reset: true}, 0, false},
		{"reset after", githubtest.Fault{Reset: true, After: true}, 0, true},
		{"cut off before", githubtest.Fault{Truncate: true}, 0, false},
		{"cut off after", githubtest.Fault{Truncate: true, After: true}, 0, true},
		{"unauthorized", githubtest.Fault{Status: 401}, 401, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := len(w.pull.Comments())
			tt.fault.Method, tt.fault.Path, tt.fault.Times = http.MethodPost, "/repos/*/*/issues/*/comments", 1
			defer w.AddFault(tt.fault)()
			if got, err := comment(); got != tt.status || err == nil {
				t.Errorf("status %d, want %d; error %v, want one", got, tt.status, err)
			}
			if landed := len(w.pull.Comments()) > before; landed != tt.landed {
				t.Errorf("landed %v, want %v", landed, tt.landed)
			}
			if got, err := comment(); got != http.StatusCreated {
				t.Errorf("the next one: %d (%v)", got, err)
			}
		})
	}
}

func TestSecondaryLimit(t *testing.T) {
	w := newWorld(t, defaults)
	c := w.installed()
	remove := w.AddFault(githubtest.Fault{Path: "/repos", Status: http.StatusForbidden, RetryAfter: 7 * time.Second})
	_, _, err := c.Repositories.Get(t.Context(), "acme", "widget")
	var limit *github.AbuseRateLimitError
	if !errors.As(err, &limit) || limit.GetRetryAfter() != 7*time.Second {
		t.Errorf("error %v", err)
	}
	remove()
	// That client now waits by itself; another does not know.
	if got := code(w.installed().Repositories.Get(t.Context(), "acme", "widget")); got != http.StatusOK {
		t.Errorf("after the fault: %d", got)
	}
}

func TestHeldRequest(t *testing.T) {
	w := newWorld(t, defaults)
	c := w.installed()
	release := make(chan struct{})
	w.AddFault(githubtest.Fault{Method: http.MethodPost, Path: "/repos/acme/widget/check-runs", Hold: release, After: true, Times: 1})
	answered := make(chan error, 1)
	go func() {
		_, _, err := c.Checks.CreateCheckRun(context.WithoutCancel(t.Context()), "acme", "widget",
			github.CreateCheckRunOptions{Name: "x", HeadSHA: w.pull.Head()})
		answered <- err
	}()
	// It has taken effect while its answer is held.
	for len(w.repo.CheckRuns(w.pull.Head())) == 0 {
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-answered:
		t.Fatalf("answered too soon (%v)", err)
	default:
	}
	close(release)
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

func TestSkipAndLatency(t *testing.T) {
	w := newWorld(t, defaults)
	c := w.installed()
	w.AddFault(githubtest.Fault{Path: "/repos/acme/widget", Status: 500, Skip: 1, Times: 1})
	var got []int
	for range 3 {
		got = append(got, code(c.Repositories.Get(t.Context(), "acme", "widget")))
	}
	if got[0] != 200 || got[1] != 500 || got[2] != 200 {
		t.Errorf("statuses %v", got)
	}
	remove := w.SetLatency(50 * time.Millisecond)
	started := time.Now()
	if _, _, err := c.Repositories.Get(t.Context(), "acme", "widget"); err != nil {
		t.Error(err)
	}
	if took := time.Since(started); took < 50*time.Millisecond {
		t.Errorf("took %v", took)
	}
	remove()
}

func TestRequestsAreCounted(t *testing.T) {
	w := newWorld(t, defaults)
	c := w.installed()
	for range 2 {
		if _, _, err := c.PullRequests.Get(t.Context(), "acme", "widget", 1); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.CountRequests(http.MethodGet, "/repos/*/*/pulls"); n != 2 {
		t.Errorf("%d requests for pull requests", n)
	}
	if n := w.CountRequests("", ""); n != 3 { // the token is the third
		t.Errorf("%d requests: %v", n, w.Requests())
	}
	w.ResetRequests()
	if n := w.CountRequests("", ""); n != 0 {
		t.Errorf("%d requests after the reset", n)
	}
}
