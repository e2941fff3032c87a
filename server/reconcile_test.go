package server_test

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/store"
)

// TestNeverDelivered: what no webhook told of is found, once, by looking.
func TestNeverDelivered(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.looked()
	known := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.1")})
	w.want(known, "success", "as told")
	w.github.Intercept(func(githubtest.Delivery) githubtest.Plan { return githubtest.Lose })
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	known.Push(githubtest.CommitSpec{Message: "Worse", Author: "author", Files: map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.1")}})
	must(t, w.server.Sweep(t.Context()))
	w.want(p, "action_required", "though nobody told")
	w.want(known, "action_required", "though nobody told of the push")
	w.github.ResetRequests()
	must(t, w.server.Sweep(t.Context()))
	w.settle()
	if n := w.github.CountRequests("GET", "/repos"); n != 0 {
		t.Errorf("%d requests about repositories in which nothing happened: %v", n, w.github.Requests())
	}
	w.forgetSweeps()
	must(t, w.server.Sweep(t.Context()))
	w.settle()
	if n := w.github.CountRequests("", "/repos"); n != 1 {
		t.Errorf("%d requests about one repository that is due, want 1: %v", n, w.github.Requests())
	}
	p.Close("author")
	w.forgetSweeps()
	must(t, w.server.Sweep(t.Context()))
	w.settle()
	scans, err := w.store.ScansByBase(t.Context(), w.repo.ID, "")
	must(t, err)
	if len(scans) != 1 {
		t.Errorf("%d open pull requests are known, want 1: %+v", len(scans), scans)
	}
}

// TestOpenBeforeInstalled: pull requests that were open when the App was installed get
// their check then.
func TestOpenBeforeInstalled(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.looked()
	w.repo.Uninstall()
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	w.want(p, "", "while it is not installed")
	w.repo.Install()
	w.want(p, "action_required", "once it is installed")
}

// TestASweepThatDiedIsFollowedByAnother: a look that did not end is begun again a minute
// later, not ten, by the next process or by the same one.
func TestASweepThatDiedIsFollowedByAnother(t *testing.T) {
	var mend func()
	w := newWorld(t, somePolicy, func(w *world) {
		mend = w.github.AddFault(githubtest.Fault{Method: http.MethodGet, Path: "/app/installations", Status: http.StatusBadGateway})
	})
	w.until("the first look", func() bool { return strings.Contains(w.log.String(), "periodic work failed") })
	w.github.Intercept(func(githubtest.Delivery) githubtest.Plan { return githubtest.Lose })
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	w.stop()
	mend()
	w.github.ResetRequests()
	w.minuteLater()
	w.start()
	w.until("another look", func() bool { return w.check(p.Head(), mainCheck).Conclusion == "action_required" })
}

// minuteLater lets a minute go by on the database's clock, which cannot be set.
func (w *world) minuteLater() {
	w.t.Helper()
	db, err := store.Open(w.t.Context(), filepath.Join(w.dir, "lockkeeper.db"))
	must(w.t, err)
	_, err = db.DB().Exec(`UPDATE slots SET next_at = next_at - 61000000`)
	must(w.t, errors.Join(err, db.Close()))
}

// TestTheLastOneClosed: that nothing is open any more shows once as well.
func TestTheLastOneClosed(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.looked()
	p := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.1")})
	w.want(p, "success", "as told")
	must(t, w.server.Sweep(t.Context()))
	w.settle()
	w.github.Intercept(func(githubtest.Delivery) githubtest.Plan { return githubtest.Lose })
	p.Close("author")
	for range 2 {
		must(t, w.server.Sweep(t.Context()))
		w.settle()
		scans, err := w.store.ScansByBase(t.Context(), w.repo.ID, "")
		must(t, err)
		if len(scans) != 0 {
			t.Errorf("%d pull requests are taken for open: %+v", len(scans), scans)
		}
		w.github.ResetRequests()
	}
	must(t, w.server.Sweep(t.Context()))
	w.settle()
	if n := w.github.CountRequests("GET", "/repos"); n != 0 {
		t.Errorf("%d requests about a repository in which nothing is open", n)
	}
}

// forgetSweeps makes all repositories due. The clock cannot run that far ahead: the
// App's assertions are signed by the real one.
func (w *world) forgetSweeps() {
	_, err := w.store.DB().Exec(`DELETE FROM facts WHERE key LIKE 'swept %'`)
	must(w.t, err)
}

// TestFailedDeliveries are asked for again until they arrive, with patience.
func TestFailedDeliveries(t *testing.T) {
	for _, test := range []struct {
		name, secret, conclusion string
	}{{"arrive", secret, "action_required"}, {"fail again", "another secret", ""}} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, somePolicy)
			w.looked()
			w.github.Intercept(func(githubtest.Delivery) githubtest.Plan { return githubtest.Drop })
			p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
			w.github.Intercept(nil)
			w.clock.Advance(31 * time.Second) // no more than needed: the App's assertions live a minute
			w.github.SetWebhook(w.hook, test.secret)
			must(t, w.server.Redeliver(t.Context()))
			w.settle()
			if test.conclusion != "" {
				w.want(p, test.conclusion, "after its delivery was repeated")
			}
			asked := func() int { return w.github.CountRequests(http.MethodPost, "/app/hook/deliveries") }
			first := asked()
			if first == 0 {
				t.Error("nothing was asked for")
			}
			must(t, w.server.Redeliver(t.Context()))
			if n := asked() - first; n != 0 {
				t.Errorf("%d were asked for again at once", n)
			}
		})
	}
}

// looked waits for the looks that a server takes when it starts.
func (w *world) looked() {
	w.t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.After(time.Minute); w.github.CountRequests(http.MethodGet, "/app/installations") == 0; {
		select {
		case <-ticker.C:
		case <-deadline:
			w.t.Fatal("the server does not look for missing checks")
		}
	}
	w.rest()
}

// TestBackgroundLeavesRoomForPeople: when little is left of the hour's requests, sweeps
// wait and people do not.
func TestBackgroundLeavesRoomForPeople(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.looked()
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	w.settle()
	w.github.Spend("owner", 4000)
	p.Comment("reviewer", yes)
	w.want(p, "success", "with a fifth of the limit left")
	w.github.ResetRequests()
	w.clock.Advance(2 * time.Second)
	if err := w.server.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	if n := w.github.CountRequests("GET", "/installation"); n != 0 {
		t.Errorf("the sweep made %d requests of what is left", n)
	}
}
