package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

// The tests of this file are named after the holes that others have had: what was lost
// under load or at a stop, and whose word counted that must not.

// TestHoleBurst: of 300 events in a burst with a slow API none is refused or lost.
func TestHoleBurst(t *testing.T) {
	w := newWorld(t, somePolicy)
	remove := w.github.SetLatency(20 * time.Millisecond)
	defer remove()
	var pulls []*githubtest.Pull
	for i := range 20 {
		files := map[string]string{"Cargo.lock": w.lock("quiet@1.0.1")}
		if i%2 == 0 {
			files["Cargo.lock"] = w.lock("grabber@2.0.0", "quiet@1.0.0")
		}
		pulls = append(pulls, w.open(files))
	}
	for _, p := range pulls {
		for range 13 {
			p.Review("outsider", "COMMENTED", "", "hm")
		}
		p.Comment("outsider", "/lockkeeper rescan")
	}
	w.rest()
	if n := len(w.github.Deliveries()); n < 300 {
		t.Errorf("only %d deliveries", n)
	}
	for _, d := range w.github.Deliveries() {
		if d.Status/100 != 2 { // 202: of an event that asks for nothing
			t.Errorf("delivery %d of %s was answered with %d", d.ID, d.Event, d.Status)
		}
	}
	for i, p := range pulls {
		want := "success"
		if i%2 == 0 {
			want = "action_required"
		}
		w.want(p, want, "after the burst")
		w.comment(p)
	}
}

// TestHoleSIGTERM: what was accepted before a stop is done after the next start.
func TestHoleSIGTERM(t *testing.T) {
	w := newWorld(t, somePolicy)
	remove := w.github.SetLatency(50 * time.Millisecond)
	var pulls []*githubtest.Pull
	for range 8 {
		p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
		pulls = append(pulls, p)
		for range 9 {
			p.Review("outsider", "COMMENTED", "", "hm")
		}
	}
	must(t, w.github.Flush(t.Context())) // all 80 are answered
	w.drain = 10 * time.Millisecond
	w.stop()
	remove()
	w.drain = 20 * time.Second
	w.start()
	for _, p := range pulls {
		w.want(p, "action_required", "after a restart")
		w.comment(p)
	}
}

// TestHoleTwentyIdenticalEvents: they make one check run, one comment, and few writes.
func TestHoleTwentyIdenticalEvents(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.github.Intercept(func(githubtest.Delivery) githubtest.Plan { return githubtest.Hold })
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	held := w.github.Held()
	w.github.Intercept(nil)
	w.github.Release()
	must(t, w.github.Flush(t.Context()))
	for range 19 {
		w.github.Replay(held[len(held)-1].ID)
	}
	w.want(p, "action_required", "after twenty times the same")
	if runs := w.repo.CheckRuns(p.Head()); len(runs) != 1 {
		t.Errorf("%d check runs, want 1", len(runs))
	}
	for _, what := range []struct {
		method, path string
		most         int
	}{{"POST", "/repos/*/*/check-runs", 1}, {"PATCH", "/repos/*/*/check-runs", 20}, {"POST", "/repos/*/*/issues", 1}, {"PATCH", "/repos/*/*/issues", 0}} {
		if n := w.github.CountRequests(what.method, what.path); n > what.most {
			t.Errorf("%s %s: %d times, want at most %d", what.method, what.path, n, what.most)
		}
	}
}

// TestHoleUnresolvableEmail: an author whom nobody knows could be the one who signs.
func TestHoleUnresolvableEmail(t *testing.T) {
	w := newWorld(t, somePolicy)
	p := w.open(map[string]string{"README.md": "x\n"})
	p.Push(githubtest.CommitSpec{Message: "Update", Author: "Reviewer <reviewer@home.invalid>", Committer: "author", Files: map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")}})
	w.settle()
	p.Comment("reviewer", yes)
	w.want(p, "action_required", "after somebody signed who may have written it")
	if !strings.Contains(w.comment(p), "belongs to no account") {
		t.Errorf("the comment does not say why:\n%s", w.comment(p))
	}
	// With a known author it counts, without anybody signing again.
	p.ForcePush(w.repo.CommitOn("main", githubtest.CommitSpec{Message: "Update", Author: "author", Files: map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")}}))
	w.want(p, "success", "after the commit was rewritten by a known author")
}

// TestHoleSecondParent: what came in through a merge's second parent has authors too.
func TestHoleSecondParent(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.repo.Branch("side", "main")
	w.repo.Commit("side", githubtest.CommitSpec{Message: "Update", Author: "reviewer", Files: map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")}})
	p := w.open(map[string]string{"README.md": "x\n"})
	w.repo.MergeInto("topic-1", "side", "author")
	w.settle()
	p.Comment("reviewer", yes)
	w.want(p, "action_required", "after the author of the second parent signed")
}

// TestHoleApprovalOfAnOlderCommit: an approval is of the allowlist that was read.
func TestHoleApprovalOfAnOlderCommit(t *testing.T) {
	w := newWorld(t, somePolicy)
	entry := "[[allow]]\npackage = \"cargo/builder\"\nmay = [\"compile\"]\nreason = \"compiles a.c\"\n"
	p := w.open(map[string]string{"Cargo.lock": w.lock("builder@1.0.0", "quiet@1.0.0"), allowFile: entry})
	older := p.Head()
	p.Push(githubtest.CommitSpec{Message: "More", Author: "author", Files: map[string]string{
		"Cargo.lock": w.lock("builder@1.0.0", "grabber@2.0.0", "quiet@1.0.0"),
		allowFile:    entry + "\n[[allow]]\npackage = \"cargo/grabber\"\nany = true\nreason = \"x\"\n"}})
	w.settle()
	p.Review("reviewer", "APPROVED", older, "")
	w.want(p, "action_required", "after an approval of the commit before")
	p.Review("reviewer", "APPROVED", "", "")
	w.want(p, "success", "after an approval of this one")
}

// TestHoleRetarget: another base has other rules, and a pass against the one before
// is none.
func TestHoleRetarget(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.repo.Branch("lenient", "main")
	w.repo.Commit("lenient", githubtest.CommitSpec{Message: "Lenient", Author: "owner", Files: map[string]string{policyFile: "[rules]\nbuild-code-added = \"warn\"\n"}})
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	p.Retarget("lenient", "author")
	w.settle()
	if run := w.check(p.Head(), "lockkeeper: lenient"); run.Conclusion != "success" {
		t.Errorf("against the lenient branch: %q", run.Conclusion)
	}
	p.Retarget("main", "author")
	w.want(p, "action_required", "back against main")
}

// TestHoleErrorAtTheFinalPost: GitHub fails when the result is written, longer than
// anybody tries at once; the right check comes all the same.
func TestHoleErrorAtTheFinalPost(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.github.AddFault(githubtest.Fault{Method: "POST", Path: "/repos/*/*/check-runs", Status: 502, Times: 7})
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	w.eventually(p, "action_required")
	if runs := w.repo.CheckRuns(p.Head()); len(runs) != 1 {
		t.Errorf("%d check runs, want 1", len(runs))
	}
	w.comment(p)
}
