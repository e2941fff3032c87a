package server_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

// trip is one call: the names of calls are their last words.
type trip struct {
	name       string
	begun, end time.Time
}

// trips notes all calls to GitHub but those for tokens.
func (w *world) trips() (taken func() []*trip) {
	var mu sync.Mutex
	var all []*trip
	under := map[*http.Request]*trip{}
	begin := func(r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if strings.HasSuffix(r.URL.Path, "/access_tokens") {
			return
		}
		name := strings.TrimPrefix(r.URL.Path, "/api/v3/repos/")
		under[r] = &trip{name: r.Method + " " + name, begun: time.Now()}
		all = append(all, under[r])
	}
	end := func(r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if t := under[r]; t != nil {
			t.end = time.Now()
		}
	}
	w.onRequest.Store(&begin)
	w.onAnswer.Store(&end)
	return func() []*trip {
		mu.Lock()
		defer mu.Unlock()
		taken := all
		all = nil
		return taken
	}
}

// depth is how many of the trips followed one after the other.
func depth(trips []*trip) int {
	deepest, of := 0, make([]int, len(trips))
	for i, t := range trips { // in the order in which they began
		of[i] = 1
		for j := range i {
			if trips[j].end.Before(t.begun) {
				of[i] = max(of[i], of[j]+1)
			}
		}
		deepest = max(deepest, of[i])
	}
	return deepest
}

// TestCallsOfAScan is the budget: with facts cached a scan takes at most eight calls,
// and three round trips, one after the other, until all is read. Then it looks again
// and writes. What GitHub has said before does not count against its limit.
func TestCallsOfAScan(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.1")})
	w.settle()
	w.github.SetLatency(50 * time.Millisecond)
	taken := w.trips()
	used := w.github.Used("owner")
	check := func(when string, most, counted int) {
		t.Helper()
		w.rest()
		n := w.github.Used("owner") - used
		used += n
		if n > counted {
			t.Errorf("%s: %d calls count against the limit, want at most %d", when, n, counted)
		}
		trips := taken()
		reads := trips
		for i, one := range trips {
			if strings.Contains(one.name, "/pulls/") && slices.ContainsFunc(trips[:i], func(t *trip) bool { return t.name == one.name }) || !strings.HasPrefix(one.name, "GET ") {
				reads = trips[:i] // it looks again
				break
			}
		}
		if len(trips) > most || depth(reads) > 3 || depth(trips) > 6 {
			t.Errorf("%s: %d calls, want at most %d; %d deep until all is read, want 3; %d in all", when, len(trips), most, depth(reads), depth(trips))
			for _, trip := range trips {
				t.Logf("  %s %d ms", trip.name, trip.begun.Sub(trips[0].begun).Milliseconds())
			}
		}
		w.clock.Advance(time.Second)
	}
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	check("a pull request with a finding", 8, 6)
	quiet := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.1"), "README.md": "x\n"})
	check("a pull request without", 7, 5)
	quiet.Push(githubtest.CommitSpec{Message: "Unrelated", Author: "author", Files: map[string]string{"README.md": "y\n"}})
	check("a push that leaves the lockfile alone", 6, 4)
	p.Comment("helper", "/lockkeeper rescan")
	check("the same again, with a reaction", 7, 4)
}

// TestASlowScanShowsThatItIsUnderWay: people see a check run in progress, which becomes
// the result.
func TestASlowScanShowsThatItIsUnderWay(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.stop()
	w.showAfter = 1
	w.start()
	hold, reached := w.holdOnce("GET", "/repos/owner/app/git/blobs")
	started, begun := w.holdOnce("POST", "/repos/owner/app/check-runs")
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	<-reached
	<-begun
	close(started)
	close(hold)
	w.want(p, "action_required", "in the end")
	if runs := w.repo.CheckRuns(p.Head()); len(runs) != 1 {
		t.Errorf("%d check runs, want 1", len(runs))
	}
	if n := w.github.CountRequests("PATCH", "/repos/owner/app/check-runs"); n != 1 {
		t.Errorf("the run that was opened was written to %d times, want once", n)
	}
}
