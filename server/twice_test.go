package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

// unconfirmed has the next check run that is created land without GitHub saying so, and
// then GitHub not answer who asks for it: for the server that is as if it had died.
func (w *world) unconfirmed() (reached <-chan struct{}) {
	begun := make(chan struct{}, 1)
	w.github.AddFault(githubtest.Fault{Method: http.MethodPost, Path: "/repos/owner/app/check-runs", Status: http.StatusBadGateway, After: true, Times: 1, Match: signal(begun)})
	w.github.AddFault(githubtest.Fault{Method: http.MethodGet, Path: "/repos/owner/app/commits/*/check-runs", Status: http.StatusBadGateway, Times: 4})
	return begun
}

// oneRun checks that a head has one check run, with that conclusion and so many remarks.
func (w *world) oneRun(head, conclusion string, annotations int) {
	w.t.Helper()
	runs := w.repo.CheckRuns(head)
	if len(runs) != 1 {
		for _, run := range runs {
			w.t.Logf("%d: %s %s, %d annotations: %s", run.ID, run.Status, run.Conclusion, len(run.Annotations), run.Title)
		}
		w.t.Fatalf("%d check runs, want 1", len(runs))
	}
	if run := runs[0]; run.Conclusion != conclusion || len(run.Annotations) != annotations {
		w.t.Errorf("the check is %q with %d annotations, want %q with %d", run.Conclusion, len(run.Annotations), conclusion, annotations)
	}
}

// TestNoCheckRunTwice: a check run that was written, and not noted, is found again.
func TestNoCheckRunTwice(t *testing.T) {
	finding := func(w *world) map[string]string {
		return map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")}
	}
	slow := func(t *testing.T) *world {
		w := newWorld(t, somePolicy)
		w.stop()
		w.showAfter = 1
		w.start()
		return w
	}
	t.Run("of a scan", func(t *testing.T) {
		w := newWorld(t, somePolicy)
		w.unconfirmed()
		p := w.open(finding(w))
		w.settle()
		w.oneRun(p.Head(), "action_required", 1)
	})
	t.Run("without findings", func(t *testing.T) {
		w := newWorld(t, somePolicy)
		w.unconfirmed()
		p := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.1")})
		w.settle()
		w.oneRun(p.Head(), "success", 0)
	})
	t.Run("of a scan that is under way", func(t *testing.T) {
		w := slow(t)
		hold, reached := w.holdOnce("GET", "/repos/owner/app/git/blobs")
		begun := w.unconfirmed()
		p := w.open(finding(w))
		<-reached
		<-begun
		close(hold)
		w.settle()
		w.oneRun(p.Head(), "action_required", 1)
	})
	t.Run("of a scan that was under way and failed", func(t *testing.T) {
		w := slow(t)
		hold, begun := make(chan struct{}), make(chan struct{}, 1)
		w.github.AddFault(githubtest.Fault{Path: "/repos/owner/app/git/blobs", Status: http.StatusBadGateway, Hold: hold, Times: 6})
		w.github.AddFault(githubtest.Fault{Method: http.MethodPost, Path: "/repos/owner/app/check-runs", Match: signal(begun)})
		p := w.open(finding(w))
		<-begun
		close(hold)
		w.settle()
		if !strings.Contains(w.log.String(), "job failed") {
			t.Error("no scan failed")
		}
		w.oneRun(p.Head(), "action_required", 1)
	})
	t.Run("that says why nothing can be judged", func(t *testing.T) {
		w := newWorld(t, "[reviewers\n")
		w.unconfirmed()
		p := w.open(finding(w))
		w.settle()
		w.oneRun(p.Head(), "failure", 0)
	})
	t.Run("of a merge group", func(t *testing.T) {
		w := newWorld(t, somePolicy)
		p := w.open(finding(w))
		w.settle()
		w.unconfirmed()
		group := w.repo.MergeGroup(p)
		w.settle()
		w.oneRun(group.Head, "action_required", 1)
		for _, d := range w.github.Deliveries() {
			if d.Event == "merge_group" {
				w.github.Replay(d.ID)
			}
		}
		w.settle()
		w.oneRun(group.Head, "action_required", 1)
	})
	t.Run("of other findings", func(t *testing.T) {
		w := newWorld(t, somePolicy)
		p := w.open(finding(w))
		w.settle()
		w.oneRun(p.Head(), "action_required", 1)
		// GitHub takes no annotation away, so what is found now needs a run of its own.
		w.unconfirmed()
		w.repo.Commit("main", githubtest.CommitSpec{Message: "Rules", Author: "owner", Files: map[string]string{policyFile: somePolicy + "[rules]\nbuild-code-added = 'off'\n"}})
		run := w.want(p, "success", "under other rules")
		runs := w.repo.CheckRuns(p.Head())
		if len(runs) != 2 || runs[0].Conclusion != "action_required" || len(run.Annotations) != 0 {
			t.Errorf("%d check runs, the first %q, the newest with %d annotations; want 2, action_required, and none", len(runs), runs[0].Conclusion, len(run.Annotations))
		}
	})
}
