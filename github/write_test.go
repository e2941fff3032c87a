package github_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/policy"
)

const checkName = "lockkeeper: main"

func annotations(n int) []github.Annotation {
	var all []github.Annotation
	for i := range n {
		all = append(all, github.Annotation{Path: "Cargo.lock", Line: i, Level: github.WarningLevel, Title: "t", Message: fmt.Sprint("finding ", i)})
	}
	return all
}

func (w *world) start(externalID string) int64 {
	w.t.Helper()
	id, err := w.client.StartCheck(w.t.Context(), w.repo, github.Check{Name: checkName, Head: w.head, ExternalID: externalID, DetailsURL: "https://lk.example.invalid/1"})
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func TestCheck(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	id := w.start("scan-1")
	w.calls("POST check-runs")
	found, err := w.client.FindCheck(t.Context(), w.repo, w.head, checkName)
	if err != nil || found == nil || found.ID != id || found.Completed || found.ExternalID != "scan-1" || found.Head != w.head {
		t.Fatalf("%+v, %v", found, err)
	}
	w.calls("GET commits/" + w.head + "/check-runs")

	err = w.client.FinishCheck(t.Context(), w.repo, id, github.Check{
		Name: checkName, ExternalID: "scan-1", Conclusion: policy.ActionRequired, Title: "1 finding needs a sign-off", Summary: "Text.",
		Text: "More.", DetailsURL: "https://lk.example.invalid/1", Annotations: annotations(2),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.calls(fmt.Sprint("PATCH check-runs/", id))
	runs := w.fake.CheckRuns(w.head)
	if len(runs) != 1 {
		t.Fatalf("%d check runs", len(runs))
	}
	r := runs[0]
	if r.Status != "completed" || r.Conclusion != "action_required" || r.Title != "1 finding needs a sign-off" || r.Summary != "Text." ||
		r.Text != "More." || r.ExternalID != "scan-1" || len(r.Annotations) != 2 || r.Annotations[0].StartLine != 1 {
		t.Errorf("%+v", r)
	}
	found, err = w.client.FindCheck(t.Context(), w.repo, w.head, checkName)
	if err != nil || !found.Completed || found.Conclusion != policy.ActionRequired || found.Title != r.Title {
		t.Errorf("%+v, %v", found, err)
	}
}

// The newest own run counts, whatever others did under the same name, and an
// unfinished one counts as well.
func TestFindCheckIsTheNewestOwn(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	if found, err := w.client.FindCheck(t.Context(), w.repo, w.head, checkName); err != nil || found != nil {
		t.Fatalf("%+v, %v", found, err)
	}
	first := w.start("scan-1")
	if err := w.client.FinishCheck(t.Context(), w.repo, first, github.Check{Name: checkName, Conclusion: policy.Success, Summary: "x"}); err != nil {
		t.Fatal(err)
	}
	second := w.start("scan-2")
	w.fake.AddCheckRun("impostor", checkName, w.head, "success")
	found, err := w.client.FindCheck(t.Context(), w.repo, w.head, checkName)
	if err != nil || found.ID != second || found.Completed {
		t.Errorf("%+v, %v; want %d", found, err, second)
	}
	if found, err := w.client.FindCheck(t.Context(), w.repo, w.head, "lockkeeper: other"); err != nil || found != nil {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestCheckWithManyAnnotations(t *testing.T) {
	for _, tt := range []struct{ n, sent, calls int }{{0, 0, 1}, {50, 50, 1}, {51, 51, 2}, {120, 120, 3}, {730, 500, 10}} {
		w := newWorld(t, githubtest.Config{})
		id := w.start("scan-1")
		w.ResetRequests()
		if err := w.client.FinishCheck(t.Context(), w.repo, id, github.Check{
			Name: checkName, Conclusion: policy.ActionRequired, Summary: "x", Annotations: annotations(tt.n),
		}); err != nil {
			t.Fatal(err)
		}
		w.calls(times(tt.calls, fmt.Sprint("PATCH check-runs/", id))...)
		run := w.fake.CheckRuns(w.head)[0]
		w.haveAnnotations(run, tt.sent)
		if shown := strings.Contains(run.Summary, "230 further annotations"); shown != (tt.n == 730) {
			t.Errorf("%d annotations: summary %q", tt.n, run.Summary)
		}
	}
}

// haveAnnotations: each once and in order.
func (w *world) haveAnnotations(run githubtest.CheckRun, n int) {
	w.t.Helper()
	var got, want []string
	for _, a := range run.Annotations {
		got = append(got, a.Message)
	}
	for i := range n {
		want = append(want, fmt.Sprint("finding ", i))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Error(diff)
	}
}

func TestCheckTextsAreCut(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	id := w.start("scan-1")
	long := strings.Repeat("\u00fc\u00fc\u00fc\u00fc\n", 20_000)
	if err := w.client.FinishCheck(t.Context(), w.repo, id, github.Check{
		Name: checkName, Conclusion: policy.Success, Title: long, Summary: long, Text: "```diff\n" + long,
		Annotations: []github.Annotation{{Path: "Cargo.lock", Line: 1, Title: long, Message: long}},
	}); err != nil {
		t.Fatal(err)
	}
	run := w.fake.CheckRuns(w.head)[0]
	for _, text := range []string{run.Summary, run.Text} {
		if len(text) > 65_535 || len(text) < 65_000 || !strings.Contains(text, "Cut here") {
			t.Errorf("%d bytes, ending in %q", len(text), text[len(text)-100:])
		}
	}
	if !strings.Contains(run.Text, "\n```\n\n*Cut") {
		t.Errorf("the code block stays open: %q", run.Text[len(run.Text)-200:])
	}
}

func TestCheckNeeds(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	good := github.Check{Name: checkName, Head: w.head, ExternalID: "x"}
	for name, change := range map[string]func(*github.Check){
		"no name":        func(c *github.Check) { c.Name = "" },
		"no head":        func(c *github.Check) { c.Head = "" },
		"no external id": func(c *github.Check) { c.ExternalID = "" },
		"conclusion":     func(c *github.Check) { c.Conclusion = policy.Success },
	} {
		check := good
		change(&check)
		var invalid *github.Invalid
		if _, err := w.client.StartCheck(t.Context(), w.repo, check); !errors.As(err, &invalid) {
			t.Errorf("start, %s: %v", name, err)
		}
	}
	for _, check := range []github.Check{{Name: "x", Summary: "x"}, {Name: "x", Conclusion: policy.Success}} {
		var invalid *github.Invalid
		if err := w.client.FinishCheck(t.Context(), w.repo, 1, check); !errors.As(err, &invalid) {
			t.Errorf("finish %+v: %v", check, err)
		}
	}
	w.calls()
}

// faults are the ways in which a call fails and leaves open whether it worked.
var faults = map[string]githubtest.Fault{
	"502 before":   {Status: 502},
	"502 after":    {Status: 502, After: true},
	"reset before": {Reset: true},
	"reset after":  {Reset: true, After: true},
}

func TestStartCheckOnce(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, githubtest.Config{})
			w.start("scan-0")
			fault.Method, fault.Path, fault.Times = http.MethodPost, "/repos/*/*/check-runs", 1
			w.AddFault(fault)
			id := w.start("scan-1")
			runs := w.fake.CheckRuns(w.head)
			if len(runs) != 2 || runs[1].ID != id || runs[1].ExternalID != "scan-1" {
				t.Errorf("%d, check runs %+v", id, runs)
			}
		})
	}
}

// A token that ends between a write that may have landed and the look for it does not
// lead to a second write.
func TestTokenEndsBeforeTheLook(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	w.AddFault(githubtest.Fault{Method: http.MethodPost, Path: "/repos/*/*/check-runs", Truncate: true, After: true, Times: 1})
	w.AddFault(githubtest.Fault{Method: http.MethodGet, Path: "/repos/*/*/commits/*/check-runs", Status: http.StatusUnauthorized, Times: 1})
	check := github.Check{Name: checkName, Head: w.head, ExternalID: "scan-1"}
	if _, err := w.client.StartCheck(t.Context(), w.repo, check); err == nil || !github.Temporary(err) {
		t.Errorf("error %v, want a temporary one", err)
	}
	if n := len(w.fake.CheckRuns(w.head)); n != 1 {
		t.Errorf("%d check runs, want the one that landed", n)
	}
}

func TestFinishCheckOnce(t *testing.T) {
	for name, fault := range faults {
		for skip := range 3 {
			t.Run(fmt.Sprint(name, " ", skip), func(t *testing.T) {
				w := newWorld(t, githubtest.Config{})
				id := w.start("scan-1")
				fault.Method, fault.Path, fault.Times, fault.Skip = http.MethodPatch, "/repos/*/*/check-runs", 1, skip
				w.AddFault(fault)
				if err := w.client.FinishCheck(t.Context(), w.repo, id, github.Check{
					Name: checkName, Conclusion: policy.Failure, Summary: "x", Annotations: annotations(120),
				}); err != nil {
					t.Fatal(err)
				}
				run := w.fake.CheckRuns(w.head)[0]
				w.haveAnnotations(run, 120)
				if run.Conclusion != "failure" {
					t.Errorf("%+v", run)
				}
			})
		}
	}
}

const marker = "<!-- lockkeeper -->"

func TestComment(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	id, err := w.client.PutComment(t.Context(), w.repo, 1, 0, marker, marker+"\nfirst")
	if err != nil {
		t.Fatal(err)
	}
	w.calls("POST issues/1/comments")
	again, err := w.client.PutComment(t.Context(), w.repo, 1, id, marker, marker+"\nsecond")
	if err != nil || again != id {
		t.Fatalf("%d, %v", again, err)
	}
	w.calls(fmt.Sprint("PATCH issues/comments/", id))
	w.haveComments(w.AppLogin() + ": " + marker + "\nsecond")
}

func TestDeletedCommentIsMadeAnew(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	first := w.pull.Comment("alice", "x")
	first.Delete("alice")
	w.ResetRequests()
	id, err := w.client.PutComment(t.Context(), w.repo, 1, first.ID, marker, marker+"new")
	if err != nil || id == first.ID {
		t.Errorf("%d, %v", id, err)
	}
	w.calls(fmt.Sprint("PATCH issues/comments/", first.ID), "POST issues/1/comments")
	w.haveComments(w.AppLogin() + ": " + marker + "new")
}

func (w *world) haveComments(want ...string) {
	w.t.Helper()
	var got []string
	for _, c := range w.pull.Comments() {
		got = append(got, c.Author+": "+c.Body)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Error(diff)
	}
}

func TestPutCommentOnce(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, githubtest.Config{})
			fault.Path, fault.Times, fault.Method = "/repos/*/*/issues/1/comments", 1, http.MethodPost
			w.AddFault(fault)
			id, err := w.client.PutComment(t.Context(), w.repo, 1, 0, marker, marker+"first")
			if err != nil || id == 0 {
				t.Fatalf("%d, %v", id, err)
			}
			fault.Path, fault.Method = "/repos/*/*/issues/comments", http.MethodPatch
			w.AddFault(fault)
			if again, err := w.client.PutComment(t.Context(), w.repo, 1, id, marker, marker+"second"); err != nil || again != id {
				t.Fatalf("%d, %v", again, err)
			}
			w.haveComments(w.AppLogin() + ": " + marker + "second")
		})
	}
}

// What others wrote is not ours, whatever they copied, and hundreds of comments
// do not hide it.
func TestFindComment(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	w.pull.Comment("carol", marker+" fake")
	w.AddBot("other")
	w.pull.Comment("other[bot]", marker+" fake too")
	if id, body, err := w.client.FindComment(t.Context(), w.repo, 1, marker); err != nil || id != 0 || body != "" {
		t.Fatalf("%d %q, %v", id, body, err)
	}
	for i := range 250 {
		w.pull.Comment("bob", fmt.Sprint("chatter ", i))
	}
	want, err := w.client.PutComment(t.Context(), w.repo, 1, 0, marker, "ours "+marker)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		w.pull.Comment("bob", fmt.Sprint("more chatter ", i))
	}
	w.ResetRequests()
	id, body, err := w.client.FindComment(t.Context(), w.repo, 1, marker)
	if err != nil || id != want || body != "ours "+marker {
		t.Errorf("%d %q, %v", id, body, err)
	}
	w.calls(times(3, "GET issues/1/comments")...)
	if id, _, err := w.client.FindComment(t.Context(), w.repo, 1, "<!-- another -->"); err != nil || id != 0 {
		t.Errorf("%d, %v", id, err)
	}
}

func TestCommentLimits(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	// 65,536 characters of which each has two bytes.
	fits := marker + strings.Repeat("\u00fc", github.MaxComment-len(marker))
	if _, err := w.client.PutComment(t.Context(), w.repo, 1, 0, marker, fits); err != nil {
		t.Errorf("a comment that just fits: %v", err)
	}
	w.ResetRequests()
	var large *github.TooLarge
	if _, err := w.client.PutComment(t.Context(), w.repo, 1, 0, marker, fits+"x"); !errors.As(err, &large) {
		t.Errorf("%v", err)
	}
	var invalid *github.Invalid
	if _, err := w.client.PutComment(t.Context(), w.repo, 1, 0, marker, "no marker"); !errors.As(err, &invalid) {
		t.Errorf("%v", err)
	}
	if _, _, err := w.client.FindComment(t.Context(), w.repo, 1, ""); !errors.As(err, &invalid) {
		t.Errorf("%v", err)
	}
	w.calls()
}

func TestReact(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	c := w.pull.Comment("alice", "/lockkeeper sign-off ring")
	w.AddFault(githubtest.Fault{Method: http.MethodPost, Path: "/repos/*/*/issues/comments", Reset: true, After: true, Times: 1})
	for range 2 {
		if err := w.client.React(t.Context(), w.repo, c.ID, github.ReactionSeen); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{w.AppLogin() + ":eyes"}, c.Reactions()); diff != "" {
		t.Error(diff)
	}
}

// A token that ended before its time is replaced, for writes as well, and
// nothing is done twice.
func TestTokenEnds(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	w.start("scan-1")
	for i := range 2 {
		w.RevokeTokens()
		w.start(fmt.Sprint("scan-", i+2))
	}
	if runs := w.fake.CheckRuns(w.head); len(runs) != 3 {
		t.Errorf("%d check runs", len(runs))
	}
	if n := w.CountRequests("POST", "/app/installations/*/access_tokens"); n != 3 {
		t.Errorf("%d tokens", n)
	}
}

func TestSuspended(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	w.fake.Suspend(true)
	if _, err := w.client.Pull(t.Context(), w.repo, 1); err == nil || github.Temporary(err) {
		t.Errorf("%v", err)
	}
}

func TestRateLimitOfTheFake(t *testing.T) {
	w := newWorld(t, githubtest.Config{RateLimit: 2})
	var err error
	for _, branch := range []string{"main", "feature", "main"} {
		_, err = w.client.Tip(t.Context(), w.repo, branch)
	}
	var limited *github.RateLimited
	if !errors.As(err, &limited) || !limited.Until.After(w.clock.Now()) {
		t.Errorf("%v", err)
	}
	if n := w.CountRequests("GET", "/repos/*/*/git/ref"); n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestSecondaryLimitIsNoEffect(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	w.AddFault(githubtest.Fault{Method: http.MethodPost, Path: "/repos/*/*/issues", Status: 403, RetryAfter: time.Minute, Times: 1})
	_, err := w.client.PutComment(t.Context(), w.repo, 1, 0, marker, marker)
	var limited *github.RateLimited
	if !errors.As(err, &limited) {
		t.Fatalf("%v", err)
	}
	if wait := time.Until(limited.Until); wait < 50*time.Second || wait > time.Minute {
		t.Errorf("wait %v", wait)
	}
	w.calls("POST issues/1/comments")
}

func TestDeliveries(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	fail := true
	hook := newHook(t, func() int {
		if fail {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	})
	w.SetWebhook(hook, "secret")
	since := w.clock.Now()
	w.pull.Comment("alice", "one")
	w.flush()
	fail = false
	w.pull.Comment("alice", "two")
	w.flush()
	failed, err := w.app.FailedDeliveries(t.Context(), since)
	if err != nil || len(failed) != 1 || failed[0].Event != "issue_comment" {
		t.Fatalf("%+v, %v", failed, err)
	}
	if err := w.app.Redeliver(t.Context(), failed[0].ID); err != nil {
		t.Fatal(err)
	}
	w.flush()
	if failed, err = w.app.FailedDeliveries(t.Context(), since); err != nil || len(failed) != 0 {
		t.Errorf("%+v, %v", failed, err)
	}
	for i := range 150 {
		w.pull.Comment("alice", fmt.Sprint(i))
	}
	w.flush()
	w.ResetRequests()
	if _, err = w.app.FailedDeliveries(t.Context(), since); err != nil {
		t.Error(err)
	}
	w.calls(times(2, "GET /app/hook/deliveries")...)
	w.clock.Advance(time.Minute)
	if _, err = w.app.FailedDeliveries(t.Context(), w.clock.Now()); err != nil {
		t.Error(err)
	}
	w.calls("GET /app/hook/deliveries")
	if err := w.app.Redeliver(t.Context(), 1); !errors.Is(err, github.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func (w *world) flush() {
	w.t.Helper()
	if err := w.Flush(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}
