package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/report/reporttest"
)

// TestAnswers: each question is answered where it was asked, once: by a reaction, and
// in the one comment where there is something to say.
func TestAnswers(t *testing.T) {
	w := newWorld(t, "[reviewers]\npermission = \"maintain\"\nreason = \"required\"\n")
	p := w.open(map[string]string{"Cargo.lock": w.lock("builder@1.0.0", "grabber@2.0.0", "quiet@1.0.1"), policyFile: "# mine\n"})
	w.settle()
	for _, test := range []struct {
		by, line, reaction string
		says               string // in the comment, "" for nothing new
	}{
		{"reviewer", `/lockkeeper sign-off graber "read it"`, "confused", "did you mean grabber?"},
		{"reviewer", `/lockkeeper sing-off grabber`, "confused", "did you mean sign-off?"},
		{"reviewer", `/lockkeeper approve`, "confused", "/lockkeeper help lists those that there are"},
		{"reviewer", `/lockkeeper`, "confused", "does not say what to do"},
		{"reviewer", `/lockkeeper sign-off`, "confused", "does not say what"},
		{"reviewer", `/lockkeeper sign-off quiet "nothing"`, "confused", "nothing was found about"},
		{"reviewer", `/lockkeeper sign-off grabber graber "both or none"`, "confused", "did you mean grabber?"},
		{"outsider", `/lockkeeper explain grabber`, "eyes", "It is open: build-code-added asks for a sign-off by default"},
		{"outsider", `/lockkeeper explain quiet`, "eyes", "nothing was found about it"},
		{"outsider", `/lockkeeper help`, "eyes", "<details open><summary>Commands"},
		{"outsider", `/lockkeeper rescan`, "eyes", ""},
		{"outsider", `/lockkeeper sign-off grabber "please"`, "-1", "the sign-off of outsider does not count: they are no reviewer here"},
		{"reviewer", `/lockkeeper sign-off grabber`, "-1", "the policy asks for a reason"},
		{"author", `/lockkeeper sign-off grabber "mine"`, "-1", "nobody signs off on their own pull request"},
		{"reviewer", `/lockkeeper sign-off grabber "read it"`, "+1", "signed by reviewer"},
		{"reviewer", `/lockkeeper explain grabber`, "eyes", "signed off by reviewer: read it"},
		{"reviewer", `/lockkeeper withdraw grabber`, "+1", "needs a sign-off"},
		{"second", `/lockkeeper reject .lockkeeper/policy.toml "no"`, "+1", "rejected"},
	} {
		c := p.Comment(test.by, test.line)
		w.settle()
		if got := strings.Join(c.Reactions(), " "); got != w.github.AppLogin()+":"+test.reaction {
			t.Errorf("%s: reactions %q, want %s", test.line, got, test.reaction)
		}
		if comment := strings.ReplaceAll(w.comment(p), "&#8203;", ""); !strings.Contains(comment, test.says) {
			t.Errorf("%s: the comment lacks %q:\n%s", test.line, test.says, comment)
		}
	}
	// What was answered is not answered again.
	w.github.ResetRequests()
	p.Comment("outsider", "/lockkeeper rescan")
	w.settle()
	p.Push(githubtest.CommitSpec{Message: "Unrelated", Author: "author", Files: map[string]string{"README.md": "x\n"}})
	w.settle()
	if n := w.github.CountRequests("POST", "/repos/*/*/issues/comments"); n != 1 {
		t.Errorf("%d reactions to one question", n)
	}
	if n := w.github.CountRequests("PATCH", "/repos/*/*/issues/comments"); n > 1 {
		t.Errorf("the comment was edited %d times", n)
	}
}

// TestQuestionsMakeNoNoise: a question in a quiet pull request makes one comment, and
// however many people ask, it holds few answers.
func TestQuestionsMakeNoNoise(t *testing.T) {
	w := newWorld(t, somePolicy)
	p := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.1")})
	w.settle()
	for i := range 12 {
		who := fmt.Sprintf("curious-%d", i)
		w.github.AddUser(who)
		p.Comment(who, "/lockkeeper explain quiet")
		p.Comment(who, "/lockkeeper exlain quiet")
	}
	w.want(p, "success", "after many questions")
	if n := strings.Count(w.comment(p), " wrote "); n != 5 {
		t.Errorf("%d answers, want 5", n)
	}
}

// TestPromise4ACommentIsOfItsTime: what somebody signs is what was shown to them when
// they wrote, also if it was hidden in between, or shown by a scan that was slow.
func TestPromise4ACommentIsOfItsTime(t *testing.T) {
	t.Run("while a scan is under way", func(t *testing.T) {
		w := newWorld(t, somePolicy)
		p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
		w.settle()
		hold, reached := w.holdOnce("POST", "/repos/owner/app/check-runs")
		p.Push(githubtest.CommitSpec{Message: "Unrelated", Author: "author", Files: map[string]string{"README.md": "x\n"}})
		<-reached // comments were listed
		p.Comment("reviewer", yes)
		w.clock.Advance(time.Second)
		close(hold)
		w.want(p, "success", "after a sign-off that came in while the same was scanned again")
	})
	t.Run("before the first scan", func(t *testing.T) {
		w := newWorld(t, somePolicy)
		p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
		c := p.Comment("reviewer", yes)
		w.want(p, "action_required", "after a sign-off of what was not shown yet")
		if got := strings.Join(c.Reactions(), " "); !strings.HasSuffix(got, ":confused") {
			t.Errorf("reactions %q", got)
		}
		if !strings.Contains(w.comment(p), "written before that was shown here") {
			t.Errorf("the comment does not say so:\n%s", w.comment(p))
		}
	})
	t.Run("gone and back", func(t *testing.T) {
		w := newWorld(t, somePolicy)
		p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
		w.settle()
		grabbing := p.Head()
		w.github.Intercept(func(d githubtest.Delivery) githubtest.Plan {
			if d.Event == "issue_comment" {
				return githubtest.Hold
			}
			return githubtest.Deliver
		})
		p.Comment("reviewer", yes)
		w.clock.Advance(time.Second)
		p.ForcePush(w.repo.CommitOn("main", githubtest.CommitSpec{Message: "Without", Author: "author", Files: map[string]string{"Cargo.lock": w.lock("quiet@1.0.1")}}))
		w.settle()
		p.ForcePush(grabbing)
		w.want(p, "action_required", "before the comment arrives")
		w.github.Intercept(nil)
		w.github.Release()
		w.want(p, "success", "after it arrived")
	})
	t.Run("while the rules are broken", func(t *testing.T) {
		w := newWorld(t, somePolicy)
		p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
		w.settle()
		w.repo.Commit("main", githubtest.CommitSpec{Message: "Break", Author: "owner", Files: map[string]string{policyFile: "[rulez]\n"}})
		w.want(p, "failure", "under broken rules")
		p.Comment("reviewer", yes)
		w.want(p, "failure", "under broken rules")
		w.repo.Commit("main", githubtest.CommitSpec{Message: "Mend", Author: "owner", Files: map[string]string{policyFile: somePolicy}})
		w.want(p, "success", "after they were mended")
	})
	t.Run("the newer version is not part of it", func(t *testing.T) {
		w := newWorld(t, somePolicy)
		p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
		w.settle()
		w.github.Intercept(func(githubtest.Delivery) githubtest.Plan { return githubtest.Hold })
		p.Comment("reviewer", `/lockkeeper sign-off grabber "read it"`)
		p.Push(githubtest.CommitSpec{Message: "Next", Author: "author", Files: map[string]string{"Cargo.lock": w.lock("grabber@2.0.1", "quiet@1.0.0")}})
		w.github.Intercept(nil)
		w.github.Release()
		w.want(p, "action_required", "after a push that the reviewer had not seen")
		if !strings.Contains(w.comment(p), "grabber 2.0.1 came later and is not part of it") {
			t.Errorf("the comment does not say so:\n%s", w.comment(p))
		}
	})
}

// holdOnce keeps the next such request until hold is closed.
func (w *world) holdOnce(method, path string) (hold chan struct{}, reached chan struct{}) {
	hold, reached = make(chan struct{}), make(chan struct{}, 1)
	w.github.AddFault(githubtest.Fault{Method: method, Path: path, Times: 1, Hold: hold, Match: signal(reached)})
	return hold, reached
}

// TestPromise2WordsPutIntoAMouth: whoever may write to a repository may edit others'
// comments, and within the second of the creation GitHub's times do not show it.
func TestPromise2WordsPutIntoAMouth(t *testing.T) {
	t.Run("told before", func(t *testing.T) {
		w := newWorld(t, somePolicy)
		p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
		w.settle()
		w.clock.wholeSecond()
		p.Comment("reviewer", "Let me think.").Edit("author", yes)
		p.Comment("outsider", "/lockkeeper rescan")
		w.want(p, "action_required", "after an edit within the second")
	})
	t.Run("told later", func(t *testing.T) {
		w := newWorld(t, somePolicy)
		p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
		w.settle()
		w.github.Intercept(func(d githubtest.Delivery) githubtest.Plan {
			if d.Event == "issue_comment" {
				return githubtest.Hold
			}
			return githubtest.Deliver
		})
		w.clock.wholeSecond()
		p.Comment("reviewer", "Let me think.").Edit("author", yes)
		p.Push(githubtest.CommitSpec{Message: "Hurry", Author: "author", Files: map[string]string{"README.md": "x\n"}})
		w.want(p, "action_required", "before the delivery that tells of the comment")
		w.github.Intercept(nil)
		w.github.Release()
		w.want(p, "action_required", "after it")
	})
	t.Run("never told", func(t *testing.T) {
		w := newWorld(t, somePolicy)
		p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
		w.settle()
		w.github.Intercept(func(d githubtest.Delivery) githubtest.Plan {
			if d.Event == "issue_comment" {
				return githubtest.Lose
			}
			return githubtest.Deliver
		})
		p.Comment("reviewer", yes)
		p.Review("outsider", "COMMENTED", "", "hm")
		w.want(p, "action_required", "while the delivery may still come")
		w.clock.Advance(3 * time.Minute)
		p.Review("outsider", "COMMENTED", "", "hm")
		w.want(p, "success", "once it is lost")
	})
}

// TestASignOffIsToldToOthers: a sign-off holds wherever the same release comes in, and
// so does a rejection, without anybody pressing anything there.
func TestASignOffIsToldToOthers(t *testing.T) {
	w := newWorld(t, somePolicy)
	one := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	other := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0")})
	w.want(other, "action_required", "before")
	one.Comment("reviewer", yes)
	w.want(one, "success", "after the sign-off here")
	w.want(other, "success", "after the sign-off there")
	other.Comment("second", `/lockkeeper reject grabber "it downloads"`)
	w.want(other, "failure", "after the rejection here")
	w.want(one, "failure", "after the rejection there")
}

// TestPromise7WhatPeopleWriteIsInert: names, reasons and questions come back in the
// one comment and in the check without being anything but text.
func TestPromise7WhatPeopleWriteIsInert(t *testing.T) {
	w := newWorld(t, somePolicy)
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	w.settle()
	for batch := range slices.Chunk(reporttest.Nasty(t), 4) { // five answers are shown at a time
		var lines strings.Builder
		for _, s := range batch {
			s = strings.ToValidUTF8(s, "?") // GitHub takes no other
			fmt.Fprintf(&lines, "/lockkeeper sign-off grabber %s\n/lockkeeper explain \"%[1]s\"\n", s)
		}
		p.Comment("reviewer", lines.String()+"/lockkeeper explain grabber")
		w.settle()
		markdown := strings.TrimPrefix(w.comment(p), report.Marker)
		if !strings.Contains(markdown, "Asked here") {
			t.Fatalf("nothing is answered:\n%s", markdown)
		}
		for _, text := range []string{markdown, w.check(p.Head(), mainCheck).Summary} {
			reporttest.CheckMarkdown(t, text, "h3", "p", "code", "pre", "table", "thead", "tbody", "tr", "th", "td", "strong", "br", "details", "summary", "ul", "li", "sub", "a rule")
		}
	}
}
