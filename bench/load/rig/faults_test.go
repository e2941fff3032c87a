package rig_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/bench/load/rig"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
)

// TestFaults: GitHub fails in every way, and after each everything is right and nothing
// is leaked.
func TestFaults(t *testing.T) {
	w := atRest(t, rig.Config{TokenLife: 3 * time.Second}) // tokens end all the time, before they say
	const writes, runs = "POST", "/repos/*/*/check-runs"
	for _, fault := range []struct {
		name string
		githubtest.Fault
	}{
		{"slow", githubtest.Fault{Path: "/repos", Delay: 200 * time.Millisecond, Times: 50}},
		{"500", githubtest.Fault{Path: "/repos", Status: 500, Times: 9}},
		{"500 to writes, after the effect", githubtest.Fault{Method: writes, Status: 500, Times: 5, After: true, Path: "/repos"}},
		{"502", githubtest.Fault{Path: "/repos", Status: 502, Times: 9}},
		{"502 after the effect, more often than it is tried", githubtest.Fault{Method: writes, Path: runs, Status: 502, Times: 5, After: true}},
		{"secondary limit", githubtest.Fault{Path: "/repos", Status: 403, RetryAfter: 2 * time.Second, Times: 2}},
		{"secondary limit on a write", githubtest.Fault{Method: writes, Path: runs, Status: 403, RetryAfter: time.Second, Times: 2}},
		{"429", githubtest.Fault{Path: "/repos", Status: 429, RetryAfter: time.Second, Times: 2}},
		{"401", githubtest.Fault{Path: "/repos", Status: 401, Times: 2}},
		{"no tokens", githubtest.Fault{Path: "/app/installations/*/access_tokens", Status: 502, Times: 6}},
		{"reset before the effect", githubtest.Fault{Path: "/repos", Reset: true, Times: 9}},
		{"reset after the effect", githubtest.Fault{Path: "/repos", Reset: true, Times: 9, After: true}},
		{"cut off before the effect", githubtest.Fault{Path: "/repos", Truncate: true, Times: 9}},
		{"cut off after the effect", githubtest.Fault{Path: "/repos", Truncate: true, Times: 9, After: true}},
		{"writes cut off after the effect", githubtest.Fault{Method: writes, Path: "/repos", Truncate: true, Times: 5, After: true}},
	} {
		t.Run(fault.name, func(t *testing.T) {
			w := w.in(t)
			struck := make(chan struct{}, 1)
			fault.Match = signal(struck)
			defer w.GitHub.AddFault(fault.Fault)()
			w.stream(8)
			w.streamUntil(func() bool { return len(struck) > 0 })
			w.right()
		})
	}
	if n := w.refused(http.StatusUnauthorized); n < 3 {
		t.Errorf("%d times a token was over, want it more often", n)
	}
}

// signal tells on reached of the first request that it is asked about.
func signal(reached chan<- struct{}) func(*http.Request) bool {
	return func(*http.Request) bool {
		select {
		case reached <- struct{}{}:
		default:
		}
		return true
	}
}

// in is w within a test of its own.
func (w *world) in(t *testing.T) *world {
	w.t = t
	return w
}

// refused counts what the servers that run now got of a kind of answer, by their
// metrics.
func (w *world) refused(status int) (n int) {
	w.t.Helper()
	for _, one := range w.Replicas() {
		lines, err := one.Metrics()
		must(w.t, err)
		for _, line := range lines {
			var count int
			if strings.HasPrefix(line, "lockkeeper_github_requests_total") && strings.Contains(line, fmt.Sprint(`"`, status, `"`)) {
				if _, err := fmt.Sscan(line[strings.LastIndex(line, " ")+1:], &count); err == nil {
					n += count
				}
			}
		}
	}
	return n
}

// TestGitHubTakesHalfAMinute: a call that is not answered in time may have taken
// effect, and is not simply made once more.
func TestGitHubTakesHalfAMinute(t *testing.T) {
	t.Parallel() // it waits
	w := atRest(t, rig.Config{})
	// The server gives up after thirty seconds; the last two are answered in time.
	var all []chan struct{}
	for _, f := range []githubtest.Fault{
		{Method: http.MethodGet, Path: "/repos/*/*/compare", Delay: 31 * time.Second},
		{Method: http.MethodPost, Path: "/repos/*/*/check-runs", Delay: 31 * time.Second, Status: 502},
		// Held once it took effect: a delay would end, and the effect come, in the very
		// moment in which the server gives up and looks.
		{Method: http.MethodPost, Path: "/repos/*/*/check-runs", Hold: make(chan struct{}), After: true},
		{Method: http.MethodGet, Path: "/repos/*/*/pulls", Delay: 28 * time.Second},
		{Method: http.MethodPost, Path: "/repos/*/*/issues/*/comments", Delay: 28 * time.Second},
	} {
		struck := make(chan struct{}, 1)
		f.Times, f.Match = 1, signal(struck)
		all = append(all, struck)
		w.GitHub.AddFault(f)
	}
	w.stream(40) // all at once
	w.streamUntil(func() bool {
		return !slices.ContainsFunc(all, func(struck chan struct{}) bool { return len(struck) == 0 })
	})
	w.right()
}

// TestRegistryFaults: a registry fails in every way, and in the end it is known what is
// in the packages.
func TestRegistryFaults(t *testing.T) {
	t.Parallel() // it waits
	w := atRest(t, rig.Config{})
	for i, fault := range []struct {
		name string
		registrytest.Fault
	}{
		{"500", registrytest.Fault{Status: 500, Times: 2}},
		{"502", registrytest.Fault{Status: 502, Times: 1}},
		{"429", registrytest.Fault{Status: 429, Times: 2, Header: http.Header{"Retry-After": {"1"}}}},
		{"reset", registrytest.Fault{Drop: true, Times: 2}},
		{"cut off", registrytest.Fault{Truncate: true, Times: 2}},
		{"slow", registrytest.Fault{Delay: 5 * time.Second, Times: 1}},
	} {
		t.Run(fault.name, func(t *testing.T) {
			w := w.in(t)
			name := fmt.Sprintf("fresh-%c", 'a'+i)
			must(t, w.Registry.LoadText([]byte(rig.QuietCrate(name))))
			for _, path := range []string{"/index/**", "**.crate"} {
				f := fault.Fault
				f.Path = path
				w.Registry.Inject(f)
			}
			defer w.Registry.Heal()
			w.openLocking(name + "@1.0.0")
			w.right()
		})
	}
	t.Run("away", func(t *testing.T) {
		w := w.in(t)
		must(t, w.Registry.LoadText([]byte(rig.QuietCrate("away"))))
		w.Registry.Inject(registrytest.Fault{Path: "**", Drop: true})
		w.openLocking("away@1.0.0")
		p := w.pulls[len(w.pulls)-1]
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		must(t, eventually(ctx, func() (bool, error) { return w.Newest(p).Status == "completed", nil }))
		if run := w.Newest(p); run.Conclusion != "action_required" || !strings.Contains(run.Summary, "unverified") {
			t.Errorf("without a registry the check is %q:\n%s", run.Conclusion, run.Summary)
		}
		w.Registry.Heal()
		// It is looked again after two minutes; somebody does not want to wait.
		w.asked = append(w.asked, p.Comment("author", "/lockkeeper rescan"))
		w.right()
	})
}

// openLocking opens a pull request that locks a package without build code.
func (w *world) openLocking(p string) {
	w.t.Helper()
	n := len(w.pulls)
	opened, err := w.OpenLocking(n, p)
	must(w.t, err)
	w.pulls, w.heads = append(w.pulls, opened), append(w.heads, []string{opened.Head()})
	w.want = append(w.want, 1) // success
}
