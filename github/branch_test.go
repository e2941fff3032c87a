package github_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

const ours = "lockkeeper/allowlist"

func (w *world) commit(parent, content string) string {
	w.t.Helper()
	sha, err := w.client.CreateCommit(w.t.Context(), w.repo, parent, "allowlist: one entry", []github.Written{{Path: ".lockkeeper/allow.toml", Content: []byte(content)}})
	if err != nil {
		w.t.Fatal(err)
	}
	return sha
}

func TestCommitOnBranch(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	sha := w.commit(w.base, "# é\n")
	w.calls("GET git/commits/"+w.base, "POST git/trees", "POST git/commits")
	if err := w.client.PutBranch(t.Context(), w.repo, ours, "", sha, false); err != nil {
		t.Fatal(err)
	}
	w.calls("GET git/ref/heads/"+ours, "POST git/refs")
	if got, ok := w.fake.File(ours, ".lockkeeper/allow.toml"); !ok || got != "# é\n" {
		t.Errorf("the file is %q", got)
	}
	if got, ok := w.fake.File(ours, "src/main.rs"); !ok || got == "" {
		t.Error("another file is gone")
	}
	// The same again is done already.
	if err := w.client.PutBranch(t.Context(), w.repo, ours, "", sha, false); err != nil {
		t.Error(err)
	}
	commits, err := w.client.FileCommits(t.Context(), w.repo, sha, ".lockkeeper/allow.toml")
	if err != nil || len(commits) != 1 || commits[0].SHA != sha || commits[0].Author == nil || !commits[0].Author.Bot || commits[0].URL == "" || commits[0].At.IsZero() {
		t.Errorf("%+v, %v", commits, err)
	}
	if err := w.client.DeleteBranch(t.Context(), w.repo, ours); err != nil || w.fake.Head(ours) != "" {
		t.Errorf("the branch is there yet: %v", err)
	}
	if err := w.client.DeleteBranch(t.Context(), w.repo, ours); err != nil {
		t.Errorf("deleted again: %v", err)
	}
}

// No push of anybody is lost: what is not where it was expected stays.
func TestBranchesThatMoved(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	sha := w.commit(w.base, "x\n")
	for name, err := range map[string]error{
		"made meanwhile":    w.client.PutBranch(t.Context(), w.repo, "feature", "", sha, true),
		"pushed meanwhile":  w.client.PutBranch(t.Context(), w.repo, "feature", w.base, sha, true),
		"deleted meanwhile": w.client.PutBranch(t.Context(), w.repo, "gone", w.base, sha, true),
		"no fast forward":   w.client.PutBranch(t.Context(), w.repo, "feature", w.head, sha, false),
	} {
		if !errors.Is(err, github.ErrMoved) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if w.fake.Head("feature") != w.head {
		t.Error("the branch was moved")
	}
	if err := w.client.PutBranch(t.Context(), w.repo, "feature", w.head, sha, true); err != nil || w.fake.Head("feature") != sha {
		t.Errorf("rebuilt: %v", err)
	}
}

func TestOwnPull(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	ctx := t.Context()
	w.fake.Branch("lts", "main")
	if err := w.client.PutBranch(ctx, w.repo, ours, "", w.commit(w.base, "x\n"), false); err != nil {
		t.Fatal(err)
	}
	number, err := w.client.OpenPull(ctx, w.repo, ours, "main", "Allowlist: 1 sign-off to record", "Text")
	if err != nil {
		t.Fatal(err)
	}
	other, err := w.client.OpenPull(ctx, w.repo, ours, "lts", "For another branch", "Text")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.client.EditPull(ctx, w.repo, number, "Allowlist: 2 sign-offs to record", "More"); err != nil {
		t.Fatal(err)
	}
	if err := w.client.ClosePull(ctx, w.repo, other); err != nil {
		t.Fatal(err)
	}
	list := func(base string) (got []int) {
		found, err := w.client.PullsFrom(ctx, w.repo, ours, base)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range found {
			if p.Number == number && (!p.Open || p.Title != "Allowlist: 2 sign-offs to record" || !p.Author.Bot) || p.Number == other && p.Open {
				t.Errorf("%+v", p)
			}
			got = append(got, p.Number)
		}
		return got
	}
	if got := list(""); !cmp.Equal(got, []int{other, number}) {
		t.Errorf("all: %v", got)
	}
	if got := list("main"); !cmp.Equal(got, []int{number}) {
		t.Errorf("into main: %v", got)
	}
	if _, err := w.client.OpenPull(ctx, w.repo, ours, "main", "t", strings.Repeat("x", 70_000)); err == nil || github.Temporary(err) {
		t.Errorf("a text that is too long: %v", err)
	}
}

// A pull request whose opening GitHub did not confirm is not opened a second time.
func TestOwnPullOnce(t *testing.T) {
	for _, after := range []bool{false, true} {
		w := newWorld(t, githubtest.Config{})
		if err := w.client.PutBranch(t.Context(), w.repo, ours, "", w.commit(w.base, "x\n"), false); err != nil {
			t.Fatal(err)
		}
		w.AddFault(githubtest.Fault{Method: http.MethodPost, Path: "/repos/*/*/pulls", Times: 1, After: after, Status: 502})
		number, err := w.client.OpenPull(t.Context(), w.repo, ours, "main", "t", "")
		if err != nil {
			t.Fatal(err)
		}
		found, err := w.client.PullsFrom(t.Context(), w.repo, ours, "main")
		if err != nil || len(found) != 1 || found[0].Number != number {
			t.Errorf("after %t: %d of %+v, %v", after, number, found, err)
		}
		w.AddFault(githubtest.Fault{Method: http.MethodPatch, Path: "/repos/*/*/git/refs", Times: 1, After: after, Status: 502})
		sha := w.commit(w.base, "y\n")
		if err := w.client.PutBranch(t.Context(), w.repo, ours, w.fake.Head(ours), sha, true); err != nil || w.fake.Head(ours) != sha {
			t.Errorf("after %t: move: %v", after, err)
		}
	}
}

func TestMayWrite(t *testing.T) {
	for _, granted := range []map[string]string{nil, {"metadata": "read", "contents": "read", "pull_requests": "write"}} {
		w := newWorld(t, githubtest.Config{Permissions: granted})
		contents, pulls, err := w.app.MayWrite(t.Context(), w.fake.InstallationID())
		if err != nil || contents != (granted == nil) || !pulls {
			t.Errorf("%v: %t, %t, %v", granted, contents, pulls, err)
		}
	}
}

func TestInstalled(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	w.AddRepo("acme", "old", githubtest.RepoOptions{Archived: true, Files: files})
	w.AddRepo("acme", "empty", githubtest.RepoOptions{})
	if r, err := w.client.Installed(t.Context(), "acme", "old"); err != nil || !r.Archived || r.Fork || r.DefaultBranch != "main" {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := w.client.Installed(t.Context(), "acme", "widget"); err != nil || r.Archived {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := w.client.Tip(t.Context(), github.Repo{Owner: "acme", Name: "empty"}, "main"); !github.Empty(err) {
		t.Errorf("the tip of an empty repository: %v", err)
	}
}
