package github_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

// counted is how many of the requests that do makes count against the limit, and how
// many there are.
func (w *world) counted(do func()) (counted, made int) {
	w.t.Helper()
	w.ResetRequests()
	before := w.Used("acme")
	do()
	for _, r := range w.Requests() {
		if r.Method == "GET" {
			made++
		}
	}
	w.ResetRequests()
	return w.Used("acme") - before, made
}

// TestUnchangedAnswersDoNotCount: what is read again is asked for each time, and costs
// nothing of the limit while it stays as it was.
func TestUnchangedAnswersDoNotCount(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	comment := w.pull.Comment("bob", "one")
	w.fake.SetPermission("bob", "write")
	w.AddTeam("acme", "security", "", "bob")
	bob := github.Account{ID: w.users["bob"].ID, Login: "bob"}
	ctx := t.Context()
	reads := map[string]func() (any, error){
		"pull request": func() (any, error) { return w.client.Pull(ctx, w.repo, w.pull.Number) },
		"tip":          func() (any, error) { return w.client.Tip(ctx, w.repo, "main") },
		"comparison":   func() (any, error) { return w.client.Compare(ctx, w.repo, w.base, w.head) },
		"comments":     func() (any, error) { return w.client.Comments(ctx, w.repo, w.pull.Number, time.Time{}) },
		"reviews":      func() (any, error) { return w.client.Reviews(ctx, w.repo, w.pull.Number) },
		"open pulls":   func() (any, error) { return w.client.OpenPulls(ctx, w.repo, "") },
		"repositories": func() (any, error) { return w.client.Active(ctx) },
		"person":       func() (any, error) { return w.client.Person(ctx, w.repo, bob, []string{"security"}) },
	}
	read := func(name string) string {
		t.Helper()
		got, err := reads[name]()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		text, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for name := range reads {
		first := read(name)
		var again string
		counted, made := w.counted(func() { again = read(name) })
		if counted != 0 || made == 0 {
			t.Errorf("%s: %d of %d requests count the second time, want none of some", name, counted, made)
		}
		if again != first {
			t.Errorf("%s: %s, then %s", name, first, again)
		}
	}
	// Whatever changes is seen at once.
	change := map[string]func(){
		"tip": func() {
			w.fake.Commit("main", githubtest.CommitSpec{Message: "On", Author: "alice", Files: map[string]string{"x": "x"}})
		},
		"comments": func() { comment.Edit("bob", "two") },
		"person":   func() { w.fake.SetPermission("bob", "read") },
	}
	for name, do := range change {
		before := read(name)
		do()
		if after := read(name); after == before {
			t.Errorf("%s: still %s", name, after)
		}
	}
	// Another token has other ETags, as at GitHub: each is counted once more.
	w.RevokeTokens()
	if counted, _ := w.counted(func() { read("tip") }); counted != 1 {
		t.Errorf("%d requests with a new token count, want 1", counted)
	}
	if counted, _ := w.counted(func() { read("tip") }); counted != 0 {
		t.Errorf("%d requests count the second time with the new token, want none", counted)
	}
}

// TestAFullPageThatGainsANextOne: GitHub's ETag says nothing of pages behind a page.
func TestAFullPageThatGainsANextOne(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	n := 0
	open := func(count int) {
		for range count {
			n++
			branch := fmt.Sprintf("b%d", n)
			w.fake.Branch(branch, "main")
			w.fake.Commit(branch, githubtest.CommitSpec{Message: branch, Author: "carol", Files: map[string]string{"x": branch}})
			w.fake.OpenPull("carol", branch, "main", branch, "")
		}
	}
	open(99) // with the world's own one: a hundred
	for _, want := range []int{100, 100, 101, 101, 102} {
		if want > n+1 {
			open(want - n - 1)
		}
		pulls, err := w.client.OpenPulls(t.Context(), w.repo, "")
		if err != nil || len(pulls) != want {
			t.Fatalf("%d open pull requests, %v, want %d", len(pulls), err, want)
		}
	}
}
