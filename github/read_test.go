package github_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/policy"
)

func TestPull(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	got, err := w.client.Pull(t.Context(), w.repo, 1)
	if err != nil {
		t.Fatal(err)
	}
	w.calls("GET pulls/1")
	want := &github.Pull{
		Number: 1, ID: w.pull.ID, Open: true, Title: "Add ring", URL: w.URL() + "/acme/widget/pull/1",
		Author: github.Account{ID: w.users["carol"].ID, Login: "carol"}, Head: w.head, HeadRef: "feature", HeadRepo: "acme/widget",
		Base: w.base, BaseRef: "main", Repo: github.Repo{ID: w.fake.ID, Owner: "acme", Name: "widget", DefaultBranch: "main"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := w.client.Pull(t.Context(), w.repo, 99); !errors.Is(err, github.ErrNotFound) || github.Temporary(err) {
		t.Errorf("pull request 99: %v", err)
	}
}

// The pull request's own base is not the base branch's tip: promise 1 needs Tip.
func TestPromise1TipNotBase(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	tip := w.fake.Commit("main", githubtest.CommitSpec{Message: "Stricter", Files: map[string]string{".lockkeeper/policy.toml": "# strict\n"}})
	w.ResetRequests()
	pull, err := w.client.Pull(t.Context(), w.repo, 1)
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.client.Tip(t.Context(), w.repo, pull.BaseRef)
	if err != nil || got != tip {
		t.Errorf("tip %s, %v; want %s", got, err, tip)
	}
	if pull.Base == tip {
		t.Error("the base is the tip: this test shows nothing")
	}
	w.calls("GET pulls/1", "GET git/ref/heads/main")
	w.fake.Branch("odd #?% name/x", "main")
	if got, err := w.client.Tip(t.Context(), w.repo, "odd #?% name/x"); err != nil || got != tip {
		t.Errorf("odd branch: %s, %v", got, err)
	}
	if _, err := w.client.Tip(t.Context(), w.repo, "gone"); !errors.Is(err, github.ErrNotFound) {
		t.Errorf("no branch: %v", err)
	}
}

func TestInstallationFor(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	id, err := w.app.InstallationFor(t.Context(), "acme", "widget")
	if err != nil || id != w.fake.InstallationID() {
		t.Errorf("%d, %v", id, err)
	}
	if _, err := w.app.InstallationFor(t.Context(), "acme", "other"); !errors.Is(err, github.ErrNotFound) {
		t.Errorf("%v", err)
	}
	repo, err := w.client.Repo(t.Context(), "acme", "widget")
	if err != nil || repo != (github.Repo{ID: w.fake.ID, Owner: "acme", Name: "widget", DefaultBranch: "main"}) {
		t.Errorf("%+v, %v", repo, err)
	}
	repos, err := w.client.Repos(t.Context())
	if err != nil || len(repos) != 1 || repos[0] != repo {
		t.Errorf("%+v, %v", repos, err)
	}
	all, err := w.app.Installations(t.Context())
	if err != nil || len(all) != 1 || all[0] != (github.Installation{ID: id, Account: "acme"}) {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestTreeAndBlob(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	submodule := strings.Repeat("ab", 20)
	at := w.fake.Commit("feature", githubtest.CommitSpec{
		Message: "Traps", Symlinks: map[string]string{"link/Cargo.lock": "../Cargo.lock"}, Submodules: map[string]string{"sub/Cargo.lock": submodule},
	})
	w.ResetRequests()
	locks := func(path string) bool { return strings.HasSuffix(path, "Cargo.lock") }
	got, err := w.client.Tree(t.Context(), w.repo, at, locks)
	if err != nil {
		t.Fatal(err)
	}
	w.calls("GET git/trees/" + at)
	sortTree(got)
	want := []lockkeeper.TreeFile{
		{Path: "Cargo.lock", Mode: lockkeeper.Regular, Size: 19},
		{Path: "link/Cargo.lock", Mode: lockkeeper.Symlink, Size: 13},
		{Path: "sub/Cargo.lock", Mode: lockkeeper.Submodule, Size: -1, Blob: submodule},
		{Path: "tools/x/Cargo.lock", Mode: lockkeeper.Regular, Size: 12},
	}
	for i := range min(len(got), len(want)) {
		if want[i].Blob == "" {
			want[i].Blob = got[i].Blob
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}

	data, err := w.client.Blob(t.Context(), w.repo, got[0].Blob, 19)
	if err != nil || string(data) != "version = 4\n# ring\n" {
		t.Errorf("%q, %v", data, err)
	}
	w.calls("GET git/blobs/" + got[0].Blob)
	_, err = w.client.Blob(t.Context(), w.repo, got[0].Blob, 18)
	var large *github.TooLarge
	if !errors.As(err, &large) || large.Limit != 18 || !strings.Contains(err.Error(), "18 bytes") || github.Temporary(err) {
		t.Errorf("%v", err)
	}
	if _, err := w.client.Blob(t.Context(), w.repo, submodule, 100); !errors.Is(err, github.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestBlobBeyondOneMegabyte(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	big := strings.Repeat("0123456789abcdef", 3<<16) // 3 MiB
	at := w.fake.Commit("feature", githubtest.CommitSpec{Message: "Big", Files: map[string]string{"Cargo.lock": big}})
	tree, err := w.client.Tree(t.Context(), w.repo, at, func(p string) bool { return p == "Cargo.lock" })
	if err != nil || len(tree) != 1 || tree[0].Size != 3<<20 {
		t.Fatalf("%+v, %v", tree, err)
	}
	data, err := w.client.Blob(t.Context(), w.repo, tree[0].Blob, 4<<20)
	if err != nil || string(data) != big {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

// A monorepo has tens of thousands of files, and all are wanted.
func TestTreeOfAMonorepo(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	content := map[string]string{}
	for i := range 12_000 {
		content[fmt.Sprintf("d%d/f%d", i%100, i)] = "x"
	}
	at := w.fake.Commit("main", githubtest.CommitSpec{Message: "Many", Files: content})
	got, err := w.client.Tree(t.Context(), w.repo, at, func(string) bool { return true })
	if err != nil || len(got) < 12_000 {
		t.Errorf("%d files, %v", len(got), err)
	}
}

// A tree that GitHub truncates is walked, and finds what a whole listing finds.
func TestTruncatedTree(t *testing.T) {
	want := []string{"Cargo.lock"}
	content := map[string]string{"Cargo.lock": "x"}
	for i := range 6 {
		for j := range 5 {
			content[fmt.Sprintf("d%d/e%d/Cargo.lock", i, j)] = "x"
			content[fmt.Sprintf("d%d/e%d/other", i, j)] = "x"
			want = append(want, fmt.Sprintf("d%d/e%d/Cargo.lock", i, j))
		}
	}
	slices.Sort(want)
	for _, limit := range []int{200, 20, 3} {
		w := newWorld(t, githubtest.Config{TreeLimit: limit})
		at := w.fake.Commit("main", githubtest.CommitSpec{Message: "Many", Files: content, Delete: []string{"tools/x/Cargo.lock"}})
		got, err := w.client.Tree(t.Context(), w.repo, at, func(p string) bool { return strings.HasSuffix(p, "Cargo.lock") })
		if err != nil {
			t.Fatalf("limit %d: %v", limit, err)
		}
		var paths []string
		for _, f := range got {
			paths = append(paths, f.Path)
		}
		slices.Sort(paths)
		if diff := cmp.Diff(want, paths); diff != "" {
			t.Errorf("limit %d: %s", limit, diff)
		}
		t.Logf("limit %d: %d calls", limit, w.CountRequests("GET", "/repos/*/*/git/trees"))
	}
}

func TestTreeTakesTooManyCalls(t *testing.T) {
	w := newWorld(t, githubtest.Config{TreeLimit: 1})
	content := map[string]string{}
	for i := range 150 {
		content[fmt.Sprintf("d%d/a/x", i)] = "x"
	}
	at := w.fake.Commit("main", githubtest.CommitSpec{Message: "Many", Files: content})
	w.ResetRequests()
	_, err := w.client.Tree(t.Context(), w.repo, at, func(string) bool { return true })
	var large *github.TooLarge
	if n := w.CountRequests("GET", "/repos/*/*/git/trees"); !errors.As(err, &large) || n != 200 {
		t.Errorf("%v after %d calls", err, n)
	}
}

func TestCompare(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	// main moves on, and dave's branch comes in through a merge's second parent.
	w.fake.Commit("main", githubtest.CommitSpec{Message: "Elsewhere", Author: "alice", Files: map[string]string{"README": "x"}})
	w.fake.Branch("side", "main")
	side := w.fake.Commit("side", githubtest.CommitSpec{
		Message: "Side\n\nCo-authored-by: Bob <77+bob@users.noreply.127.0.0.1>\n", Author: "Dave <dave@unknown.invalid>", Committer: "alice",
		Files: map[string]string{"side": "x"},
	})
	merge := w.fake.MergeInto("feature", "side", "carol")
	tip := w.fake.Head("main")
	w.ResetRequests()
	got, err := w.client.Compare(t.Context(), w.repo, tip, merge)
	if err != nil {
		t.Fatal(err)
	}
	w.calls("GET compare/" + tip + "..." + merge)
	if got.MergeBase != tip {
		t.Errorf("merge base %s, want %s", got.MergeBase, tip)
	}
	byID := map[string]github.Commit{}
	for _, c := range got.Commits {
		byID[c.SHA] = c
	}
	if len(byID) != 3 || byID[w.head].Author == nil || byID[w.head].Author.Login != "carol" || len(byID[merge].Parents) != 2 {
		t.Errorf("%+v", got.Commits)
	}
	odd := byID[side]
	if odd.Author != nil || odd.Committer == nil || odd.Committer.Login != "alice" || odd.Committer.Bot {
		t.Errorf("%+v", odd)
	}
	if diff := cmp.Diff([]github.CoAuthor{{Name: "Bob", Email: "77+bob@users.noreply.127.0.0.1", ID: 77, Login: "bob"}}, odd.CoAuthors); diff != "" {
		t.Error(diff)
	}
	base, err := w.client.MergeBase(t.Context(), w.repo, tip, w.head)
	if err != nil || base != w.base {
		t.Errorf("merge base %s, %v; want %s", base, err, w.base)
	}
}

func TestCompareManyCommits(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	for i := range 300 {
		w.fake.Commit("feature", githubtest.CommitSpec{Message: fmt.Sprint(i), Files: map[string]string{"n": fmt.Sprint(i)}})
	}
	w.ResetRequests()
	commits, err := w.client.Commits(t.Context(), w.repo, w.base, w.fake.Head("feature"))
	if err != nil || len(commits) != 301 {
		t.Fatalf("%d commits, %v", len(commits), err)
	}
	w.calls(times(4, "GET compare/"+w.base+"..."+w.fake.Head("feature"))...)
	seen := map[string]bool{}
	for _, c := range commits {
		seen[c.SHA] = true
	}
	if len(seen) != 301 {
		t.Errorf("%d different commits", len(seen))
	}
}

func TestCompareUnknownCommit(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	_, err := w.client.MergeBase(t.Context(), w.repo, w.base, strings.Repeat("0", 39)+"1")
	if !errors.Is(err, github.ErrNotFound) || errors.Is(err, github.ErrNoMergeBase) {
		t.Errorf("%v", err)
	}
}

func TestCommitFiles(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	content := map[string]string{}
	for i := range 700 {
		content[fmt.Sprintf("d/%04d", i)] = fmt.Sprint(i)
	}
	sha := w.fake.Commit("feature", githubtest.CommitSpec{Message: "Many", Files: content})
	w.ResetRequests()
	paths, err := w.client.CommitFiles(t.Context(), w.repo, sha)
	if err != nil || len(paths) != 700 || !slices.Contains(paths, "d/0699") {
		t.Errorf("%d paths, %v", len(paths), err)
	}
	w.calls(times(3, "GET commits/"+sha)...)

	for i := range 2500 {
		content[fmt.Sprintf("e/%04d", i)] = fmt.Sprint(i)
	}
	all := w.fake.Commit("main", githubtest.CommitSpec{Message: "Too many", Files: content})
	_, err = w.client.CommitFiles(t.Context(), w.repo, all)
	var large *github.TooLarge
	if !errors.As(err, &large) {
		t.Errorf("3200 files: %v", err)
	}
}

func TestCommitFilesOfRename(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	sha := w.fake.Commit("feature", githubtest.CommitSpec{
		Message: "Move", Delete: []string{"tools/x/Cargo.lock"}, Files: map[string]string{"moved/Cargo.lock": files["tools/x/Cargo.lock"]},
	})
	paths, err := w.client.CommitFiles(t.Context(), w.repo, sha)
	slices.Sort(paths)
	if diff := cmp.Diff([]string{"moved/Cargo.lock", "tools/x/Cargo.lock"}, paths); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestReviews(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	for range 120 {
		w.pull.Review("bob", "COMMENTED", "", "hm")
	}
	w.clock.Advance(time.Second)
	w.pull.Review("alice", "APPROVED", "", "good").Dismiss("alice")
	w.pull.Review("alice", "APPROVED", w.base, "good")
	w.ResetRequests()
	got, err := w.client.Reviews(t.Context(), w.repo, 1)
	if err != nil || len(got) != 122 {
		t.Fatalf("%d reviews, %v", len(got), err)
	}
	w.calls(times(2, "GET pulls/1/reviews")...)
	if got[120].State != github.Dismissed || got[120].Commit != w.head || got[120].Author.Login != "alice" {
		t.Errorf("%+v", got[120])
	}
	last := got[121]
	if last.State != github.Approved || last.Commit != w.base || last.URL == "" || !last.SubmittedAt.Equal(w.clock.Now()) {
		t.Errorf("%+v", last)
	}
}

func TestPermission(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	w.AddBot("helper")
	for _, role := range []string{"none", "read", "triage", "write", "maintain", "admin"} {
		w.fake.SetPermission("bob", role)
		got, err := w.client.Permission(t.Context(), w.repo, "bob")
		if err != nil || got != policy.Permission(role) {
			t.Errorf("%s: %s, %v", role, got, err)
		}
		w.calls("GET collaborators/bob/permission")
	}
	for login, want := range map[string]policy.Permission{"alice": policy.Admin, "carol": policy.Read, "nobody": policy.None, "helper[bot]": policy.Read} {
		if got, err := w.client.Permission(t.Context(), w.repo, login); err != nil || got != want {
			t.Errorf("%s: %s, %v", login, got, err)
		}
	}
	if _, err := w.client.Permission(t.Context(), w.repo, "a/../b"); err == nil {
		t.Error("a path as login was accepted")
	}
}

func TestTeamMember(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	team := w.AddTeam("acme", "security", "", "bob")
	w.AddTeam("acme", "crypto", "security", "alice")
	team.Invite("carol")
	for login, want := range map[string]bool{"bob": true, "carol": false, "alice": true, "nobody": false} {
		got, err := w.client.TeamMember(t.Context(), "acme", "security", login)
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", login, got, err)
		}
	}
	if got, err := w.client.TeamMember(t.Context(), "acme", "no-team", "bob"); err != nil || got {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := w.client.TeamMember(t.Context(), "acme", "../x", "bob"); err == nil {
		t.Error("a path as team was accepted")
	}
}

func TestPerson(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	w.AddTeam("acme", "security", "", "bob")
	w.AddTeam("acme", "release", "", "alice")
	w.fake.SetPermission("bob", "maintain")
	w.ResetRequests()
	bob := github.Account{ID: w.users["bob"].ID, Login: "bob"}
	got, err := w.client.Person(t.Context(), w.repo, bob, []string{"release", "security"})
	if err != nil {
		t.Fatal(err)
	}
	want := policy.Person{ID: bob.ID, Login: "bob", Permission: policy.Maintain, Teams: []string{"security"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	w.calls("GET collaborators/bob/permission", "GET /orgs/acme/teams/release/memberships/bob", "GET /orgs/acme/teams/security/memberships/bob")
	bot := w.AddBot("helper")
	if got, err := w.client.Person(t.Context(), w.repo, github.Account{ID: bot.ID, Login: bot.Login}, nil); err != nil || !got.Bot {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := w.client.Person(t.Context(), w.repo, github.Account{}, []string{"security"}); err != nil || got.Permission != policy.None {
		t.Errorf("a ghost: %+v, %v", got, err)
	}
}

func TestOpenPulls(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	w.fake.Branch("release", "main")
	for i := range 131 {
		head := fmt.Sprint("feature-", i)
		w.fake.Branch(head, "feature")
		w.fake.OpenPull("carol", head, "release", "x", "")
	}
	w.fake.Pull(132).Close("carol")
	w.ResetRequests()
	got, err := w.client.OpenPulls(t.Context(), w.repo, "release")
	if err != nil || len(got) != 130 || got[0].Number != 2 || got[0].Head != w.head || got[0].BaseRef != "release" {
		t.Errorf("%d, %v", len(got), err)
	}
	w.calls(times(2, "GET pulls")...)
	if got, err = w.client.OpenPulls(t.Context(), w.repo, ""); err != nil || len(got) != 131 {
		t.Errorf("%d, %v", len(got), err)
	}
}

func TestPullsForCommit(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	got, err := w.client.PullsForCommit(t.Context(), w.repo, w.head)
	if err != nil || len(got) != 1 || got[0].Number != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	w.calls("GET commits/" + w.head + "/pulls")
	// A head of before is no head. GitHub's index does not say so, hence the look
	// through all.
	w.pull.Push(githubtest.CommitSpec{Message: "More", Files: map[string]string{"x": "y"}})
	if got, err = w.client.PullsForCommit(t.Context(), w.repo, w.head); err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	w.calls("GET commits/"+w.head+"/pulls", "GET pulls")
}

func sortTree(files []lockkeeper.TreeFile) {
	slices.SortFunc(files, func(a, b lockkeeper.TreeFile) int { return strings.Compare(a.Path, b.Path) })
}

func TestComments(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	for i := range 120 {
		w.pull.Comment("bob", fmt.Sprint("comment ", i))
	}
	w.clock.Advance(10 * time.Second)
	since := w.clock.Now()
	w.pull.Comment("carol", "the last")
	w.ResetRequests()
	got, err := w.client.Comments(t.Context(), w.repo, 1, time.Time{})
	if err != nil || len(got) != 121 || got[0].Body != "comment 0" {
		t.Fatalf("%d comments, %v", len(got), err)
	}
	w.calls(times(2, "GET issues/1/comments")...)
	if got, err = w.client.Comments(t.Context(), w.repo, 1, since); err != nil || len(got) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	c := got[0]
	if c.Author != (github.Account{ID: w.users["carol"].ID, Login: "carol"}) || c.Body != "the last" || !c.Created.Equal(since) || c.URL == "" {
		t.Errorf("%+v", c)
	}
}

func TestFile(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	w.fake.Commit("main", githubtest.CommitSpec{Message: "x", Files: map[string]string{"a b/c#.toml": "text\n"}})
	w.ResetRequests()
	if data, err := w.client.File(t.Context(), w.repo, "a b/c#.toml", 100); err != nil || string(data) != "text\n" {
		t.Errorf("%q, %v", data, err)
	}
	w.calls("GET contents/a b/c#.toml")
	if _, err := w.client.File(t.Context(), w.repo, "none.toml", 100); !errors.Is(err, github.ErrNotFound) {
		t.Errorf("no such file: %v", err)
	}
	if _, err := w.client.File(t.Context(), github.Repo{Owner: "acme", Name: ".github"}, "a", 100); !errors.Is(err, github.ErrNotFound) {
		t.Errorf("no such repository: %v", err)
	}
	var large *github.TooLarge
	if _, err := w.client.File(t.Context(), w.repo, "a b/c#.toml", 3); !errors.As(err, &large) {
		t.Errorf("more than the limit: %v", err)
	}
}
