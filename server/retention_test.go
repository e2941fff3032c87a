package server_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/server"
)

// years is a clock that runs ahead of GitHub's, for a while: with a real one everything
// that GitHub signs would be out of date.
type years struct{ ahead atomic.Int64 }

func (y *years) on(now func() time.Time) func() time.Time {
	return func() time.Time { return now().Add(time.Duration(y.ahead.Load())) }
}

// prune removes what is old by then, as the server does by itself now and then.
func (w *world) prune(y *years, ahead time.Duration) {
	w.t.Helper()
	w.settle()
	y.ahead.Store(int64(ahead))
	defer y.ahead.Store(0)
	ctx := zerolog.New(w.log).WithContext(w.t.Context())
	must(w.t, w.server.Prune(ctx))
	must(w.t, w.server.PruneQueue(ctx))
}

// dirty counts what the queue knows of pull requests.
func (w *world) dirty() (n int) {
	w.t.Helper()
	must(w.t, w.store.DB().QueryRowContext(w.t.Context(), `SELECT COUNT(*) FROM dirty WHERE key LIKE 'pull:%'`).Scan(&n))
	return n
}

// TestClosedPullRequestsGo: what was found in them, after their time; what people
// decided stays, and holds.
func TestClosedPullRequestsGo(t *testing.T) {
	const days = 24 * time.Hour
	y := &years{}
	w := newWorldWith(t, "[reviewers]\nusers = ['reviewer']\n", githubtest.Config{}, func(c *server.Config) { c.KeepClosed, c.Now = 90*days, y.on(c.Now) })
	stays := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.0", "builder@1.0.0")})
	w.want(stays, "action_required", "while it is open")
	p := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.0", "grabber@2.0.0")})
	w.want(p, "action_required", "before the sign-off")
	comment := p.Comment("reviewer", yes)
	w.want(p, "success", "after the sign-off")
	p.Close("author")
	w.prune(y, 0)
	events, _ := w.events()

	kept := func() (scan, report bool) {
		t.Helper()
		var err error
		_, scan, err = w.store.GetScan(t.Context(), w.repo.ID, p.Number)
		must(t, err)
		_, report, err = w.store.Report(t.Context(), w.repo.ID, p.Number)
		must(t, err)
		return scan, report
	}
	w.prune(y, 89*days)
	if scan, _ := kept(); !scan {
		t.Fatal("the scan is gone after 89 days, want it kept for 90")
	}
	before := w.dirty()
	w.prune(y, 91*days)
	if scan, report := kept(); scan || report {
		t.Fatalf("91 days after it was closed: scan kept %v, report kept %v", scan, report)
	}
	if left := w.dirty(); left != before-1 {
		t.Errorf("the queue knows of %d pull requests, and of %d before: want one less", left, before)
	}
	if scan, _, err := w.store.GetScan(t.Context(), w.repo.ID, stays.Number); err != nil || !scan.Open {
		t.Errorf("the open one: %+v, %v", scan, err)
	}
	after, _ := w.events()
	if diff := cmp.Diff(events, after); diff != "" || len(events) == 0 {
		t.Errorf("audit trail (-before +after):\n%s", diff)
	}
	for _, want := range []string{`lockkeeper_pruned_total{kind="pull_requests"} 1`, `lockkeeper_pruned_total{kind="jobs"} 1`} {
		if !strings.Contains(w.scrape(), want) {
			t.Errorf("no metric %s", want)
		}
	}
	if !strings.Contains(w.log.String(), `"what":"pull_requests","removed":1`) {
		t.Errorf("the log does not say what was removed:\n%s", w.log)
	}

	// Opened again it is like a new one: what was signed off still is, and the comments
	// of that time count no second time.
	p.Reopen("author")
	w.want(p, "success", "opened again")
	if n := len(comment.Reactions()); n != 1 {
		t.Errorf("%d reactions to the old comment, want the one of that time", n)
	}
	w.comment(p) // there is one
	again, _ := w.events()
	if diff := cmp.Diff(events, again); diff != "" {
		t.Errorf("audit trail (-before +after):\n%s", diff)
	}
}

// TestPromise4AnOldCommentSignsNothingNew: a comment whose digest is not kept any more
// counts for nothing that is shown after it, whoever edited it.
func TestPromise4AnOldCommentSignsNothingNew(t *testing.T) {
	y := &years{}
	w := newWorldWith(t, "[reviewers]\nusers = ['reviewer']\n", githubtest.Config{}, func(c *server.Config) { c.KeepClosed, c.Now = time.Hour, y.on(c.Now) })
	p := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.0", "grabber@2.0.0")})
	w.want(p, "action_required", "before anything was said")
	comment := p.Comment("reviewer", "Hm.")
	comment.Edit("owner", yes) // within the second: GitHub's times do not show it
	w.want(p, "action_required", "after the edit")
	p.Close("author")
	w.prune(y, 0)
	w.prune(y, 2*time.Hour)
	if notes, err := w.store.Comments(t.Context(), w.repo.ID, p.Number); err != nil || len(notes) != 0 {
		t.Fatalf("notes that are kept: %+v, %v; want none", notes, err)
	}
	p.Reopen("author")
	w.want(p, "action_required", "opened again")
	p.Push(githubtest.CommitSpec{Message: "again", Author: "author", Files: map[string]string{"README": "x"}})
	w.want(p, "action_required", "and after a push")
}

// TestEverythingStaysWithoutATime: and facts that cannot be found again always do.
func TestEverythingStaysWithoutATime(t *testing.T) {
	y := &years{}
	w := newWorldWith(t, "", githubtest.Config{}, func(c *server.Config) { c.Now = y.on(c.Now) })
	p := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.0", "grabber@2.0.0")})
	w.want(p, "neutral", "while it is open")
	must(t, w.store.PutFact(t.Context(), "organisation policy 1 owner", []byte("there")))
	p.Close("author")
	w.prune(y, 20*365*24*time.Hour)
	if _, found, err := w.store.GetScan(t.Context(), w.repo.ID, p.Number); err != nil || !found {
		t.Errorf("the scan is gone: %v", err)
	}
	if _, found, err := w.store.Fact(t.Context(), "organisation policy 1 owner"); err != nil || !found {
		t.Errorf("that there was a policy is forgotten: %v", err)
	}
	if !strings.Contains(w.scrape(), `lockkeeper_pruned_total{kind="facts"} 2`) {
		t.Errorf("what was found in two archives twenty years ago is not removed:\n%s", w.log)
	}
}
