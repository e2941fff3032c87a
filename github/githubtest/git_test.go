package githubtest_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v82/github"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

// TestIdsAreGits makes the same commit with git itself.
func TestIdsAreGits(t *testing.T) {
	w := newWorld(t, defaults)
	at := time.Date(2026, 5, 22, 10, 0, 0, 0, time.UTC)
	base := w.repo.CommitOn("main", githubtest.CommitSpec{Message: "ignored", Delete: []string{"Cargo.lock", "src/main.rs"}})
	tree, _, err := w.installed().Git.GetTree(t.Context(), "acme", "widget", base, false)
	if err != nil {
		t.Fatal(err)
	}
	// The empty tree has a name known to everybody.
	if tree.GetSHA() != "4b825dc642cb6eb9a060e54bf8d69288fbee4904" || len(tree.Entries) != 0 {
		t.Errorf("empty tree %s, %d entries", tree.GetSHA(), len(tree.Entries))
	}
	orphan := w.AddRepo("acme", "ids", githubtest.RepoOptions{})
	sha := orphan.Commit("main", githubtest.CommitSpec{
		Message: "Subject\n\nBody\n", Author: "Ann <ann@nowhere.invalid>", Committer: "bob", Time: at,
		Files:    map[string]string{"a.b": "1\n", "a/b": "2\n", "a-b": "3\n"}, // git sorts a directory as if it ended in a slash
		Symlinks: map[string]string{"link": "a.b"},
	})
	// As git 2.39 says; where there is a git, as that one says too.
	if want := "55caf6ff6f52b84ba387230bf66e801cf33f4180"; sha != want {
		t.Errorf("commit %s, want %s", sha, want)
	}
	if git, err := exec.LookPath("git"); err == nil {
		if want := gitCommit(t, git, at); sha != want {
			t.Errorf("commit %s, git says %s", sha, want)
		}
	}
}

// gitCommit makes the commit of TestIdsAreGits in a directory.
func gitCommit(t *testing.T, git string, at time.Time) string {
	t.Helper()
	dir := t.TempDir()
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(git, args...)
		cmd.Dir = dir
		date := fmt.Sprintf("%d +0000", at.Unix())
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@nowhere.invalid",
			"GIT_COMMITTER_NAME=bob", "GIT_COMMITTER_EMAIL=bob@example.invalid", "GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("init", "-q")
	for path, content := range map[string]string{"a.b": "1\n", "a/b": "2\n", "a-b": "3\n"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a.b", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	run("add", ".")
	run("commit", "-q", "-m", "Subject\n\nBody")
	return run("rev-parse", "HEAD")
}

func TestCompareThroughSecondParents(t *testing.T) {
	w := newWorld(t, defaults)
	r := w.repo
	// side leaves main before feature does, and comes in by a merge.
	base := r.Head("main")
	r.Branch("side", base)
	one := r.Commit("side", githubtest.CommitSpec{Message: "One", Author: "bob", Files: map[string]string{"one": "1\n"}})
	two := r.Commit("side", githubtest.CommitSpec{Message: "Two", Author: "Ann <ann@nowhere.invalid>", Files: map[string]string{"two": "2\n"}})
	own := w.pull.Head()
	merge := r.MergeInto("feature", "side", "carol")
	r.Commit("main", githubtest.CommitSpec{Message: "Elsewhere", Author: "alice", Files: map[string]string{"three": "3\n"}})

	c, _, err := w.installed().Repositories.CompareCommits(t.Context(), "acme", "widget", "main", "feature", nil)
	if err != nil {
		t.Fatal(err)
	}
	var shas, authors []string
	for _, commit := range c.Commits {
		shas = append(shas, commit.GetSHA())
		authors = append(authors, commit.GetAuthor().GetLogin())
	}
	if shas[len(shas)-1] != merge || slices.Index(shas, one) > slices.Index(shas, two) {
		t.Errorf("order %v", shas)
	}
	slices.Sort(shas)
	want := []string{one, two, own, merge}
	slices.Sort(want)
	if diff := cmp.Diff(want, shas); diff != "" {
		t.Error(diff)
	}
	slices.Sort(authors)
	if diff := cmp.Diff([]string{"", "bob", "carol", "carol"}, authors); diff != "" {
		t.Error(diff)
	}
	if c.GetStatus() != "diverged" || c.GetAheadBy() != 4 || c.GetBehindBy() != 1 || c.GetMergeBaseCommit().GetSHA() != base {
		t.Errorf("%s, %d ahead, %d behind, base %s", c.GetStatus(), c.GetAheadBy(), c.GetBehindBy(), c.GetMergeBaseCommit().GetSHA())
	}
	// What main got since is no part of a three-dot comparison.
	var files []string
	for _, f := range c.Files {
		files = append(files, f.GetFilename())
	}
	if diff := cmp.Diff([]string{"Cargo.lock", "one", "two"}, files); diff != "" {
		t.Error(diff)
	}
	commit, _, err := w.installed().Repositories.GetCommit(t.Context(), "acme", "widget", merge, nil)
	if err != nil || len(commit.Parents) != 2 {
		t.Errorf("%d parents (%v)", len(commit.Parents), err)
	}
}

func TestComparePages(t *testing.T) {
	w := newWorld(t, defaults)
	for i := range 260 {
		w.repo.Commit("feature", githubtest.CommitSpec{Message: fmt.Sprint(i), Author: "carol", Files: map[string]string{"n": fmt.Sprint(i)}})
	}
	c, ctx := w.installed(), t.Context()
	whole, _, err := c.Repositories.CompareCommits(ctx, "acme", "widget", "main", "feature", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(whole.Commits) != 250 || whole.GetTotalCommits() != 261 || whole.Commits[249].GetSHA() != w.pull.Head() {
		t.Errorf("%d of %d commits", len(whole.Commits), whole.GetTotalCommits())
	}
	opts := &github.ListOptions{PerPage: 100}
	var pages []string
	seen := map[string]bool{}
	for {
		part, resp, err := c.Repositories.CompareCommits(ctx, "acme", "widget", "main", "feature", opts)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, fmt.Sprintf("%d commits, %d files", len(part.Commits), len(part.Files)))
		for _, commit := range part.Commits {
			seen[commit.GetSHA()] = true
		}
		if resp.NextPage == 0 {
			break
		}
		opts.Page = resp.NextPage
	}
	want := []string{"100 commits, 2 files", "100 commits, 0 files", "61 commits, 0 files"}
	if diff := cmp.Diff(want, pages); diff != "" || len(seen) != 261 {
		t.Errorf("%d commits\n%s", len(seen), diff)
	}
	listed, _, err := c.PullRequests.ListCommits(ctx, "acme", "widget", 1, &github.ListOptions{PerPage: 100, Page: 3})
	if err != nil || len(listed) != 50 {
		t.Errorf("a pull request lists %d commits on its third page, want 50: 250 in all (%v)", len(listed), err)
	}
}

func TestLargeFiles(t *testing.T) {
	w := newWorld(t, defaults)
	limit := strings.Repeat("x", 1<<20)
	w.repo.Commit("feature", githubtest.CommitSpec{Message: "Large", Author: "carol", Files: map[string]string{"at": limit, "above": limit + "x"}})
	c, ctx := w.installed(), t.Context()
	at := &github.RepositoryContentGetOptions{Ref: "feature"}
	file, _, _, err := c.Repositories.GetContents(ctx, "acme", "widget", "at", at)
	if err != nil {
		t.Fatal(err)
	}
	if content, err := file.GetContent(); err != nil || content != limit {
		t.Errorf("%d bytes (%v)", len(content), err)
	}
	file, _, _, err = c.Repositories.GetContents(ctx, "acme", "widget", "above", at)
	if err != nil || file.GetEncoding() != "none" || *file.Content != "" || file.GetSize() != 1<<20+1 {
		t.Errorf("above the limit: encoding %q, size %d (%v)", file.GetEncoding(), file.GetSize(), err)
	}
	raw, _, err := c.Git.GetBlobRaw(ctx, "acme", "widget", file.GetSHA())
	if err != nil || len(raw) != 1<<20+1 {
		t.Errorf("raw blob: %d bytes (%v)", len(raw), err)
	}
	blob, _, err := c.Git.GetBlob(ctx, "acme", "widget", file.GetSHA())
	if err != nil {
		t.Fatal(err)
	}
	if decoded, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(blob.GetContent(), "\n", "")); err != nil || len(decoded) != 1<<20+1 {
		t.Errorf("encoded blob: %d bytes (%v)", len(decoded), err)
	}
}

func TestTruncatedTree(t *testing.T) {
	w := newWorld(t, githubtest.Config{TreeLimit: 2})
	c := w.installed()
	tree, _, err := c.Git.GetTree(t.Context(), "acme", "widget", "main", true)
	if err != nil || !tree.GetTruncated() || len(tree.Entries) != 2 {
		t.Errorf("truncated %v, %d entries (%v)", tree.GetTruncated(), len(tree.Entries), err)
	}
	flat, _, err := c.Git.GetTree(t.Context(), "acme", "widget", tree.GetSHA(), false)
	if err != nil || flat.GetTruncated() || len(flat.Entries) != 2 || flat.Entries[1].GetType() != "tree" {
		t.Errorf("one level: %v (%v)", flat, err)
	}
}

func TestForkCommitsAreSeenFromTheBase(t *testing.T) {
	w := newWorld(t, defaults)
	fork := w.repo.AddFork("carol")
	sha := fork.Commit("main", githubtest.CommitSpec{Message: "From a fork", Author: "carol", Files: map[string]string{"Cargo.lock": "version = 3\n"}})
	p := w.repo.OpenPull("carol", "carol:main", "main", "Fork", "")
	c, ctx := w.installed(), t.Context()
	got, _, err := c.PullRequests.Get(ctx, "acme", "widget", p.Number)
	if err != nil || got.GetHead().GetSHA() != sha || got.GetHead().GetRepo().GetFullName() != "carol/widget" || !got.GetHead().GetRepo().GetFork() {
		t.Fatalf("head %v (%v)", got.GetHead(), err)
	}
	if _, _, err := c.Git.GetTree(ctx, "acme", "widget", sha, true); err != nil {
		t.Error(err)
	}
	if ref, _, err := c.Git.GetRef(ctx, "acme", "widget", fmt.Sprintf("pull/%d/head", p.Number)); err != nil || ref.GetObject().GetSHA() != sha {
		t.Errorf("pull/%d/head: %v (%v)", p.Number, ref, err)
	}
	if got := code(c.PullRequests.List(ctx, "carol", "widget", nil)); got != http.StatusNotFound {
		t.Errorf("pull requests of the fork itself: %d", got)
	}
	run, _, err := c.Checks.CreateCheckRun(ctx, "acme", "widget", github.CreateCheckRunOptions{Name: "x", HeadSHA: sha})
	if err != nil || len(run.PullRequests) != 0 {
		t.Errorf("a fork's check run lists %d pull requests, want none (%v)", len(run.PullRequests), err)
	}
	pulls, _, err := c.PullRequests.ListPullRequestsWithCommit(ctx, "acme", "widget", sha, nil)
	if err != nil || len(pulls) != 1 || pulls[0].GetNumber() != p.Number {
		t.Errorf("pull requests of the commit: %v (%v)", pulls, err)
	}
	// Two-dot and three-dot alike take owner:branch.
	if _, _, err := c.Repositories.CompareCommits(ctx, "acme", "widget", "main", "carol:main", nil); err != nil {
		t.Error(err)
	}
}
