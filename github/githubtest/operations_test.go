package githubtest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v82/github"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/github/githubtest/contract"
)

// served notes which operations were answered with success.
type served struct {
	next http.RoundTripper
	mu   sync.Mutex
	ops  map[string]bool
}

func (s *served) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := s.next.RoundTrip(req)
	if err != nil || resp.StatusCode >= 300 {
		return resp, err
	}
	// The body has been read; it does not matter for finding the operation.
	if in, _ := contract.GitHub.Request(req, nil); in != nil {
		s.mu.Lock()
		s.ops[in.Route.Operation.OperationID] = true
		s.mu.Unlock()
	}
	return resp, nil
}

// TestOperations calls every operation of the contract through go-github, and
// fails for one that was left out or whose request or answer has another shape
// than GitHub's.
func TestOperations(t *testing.T) {
	w := newWorld(t, defaults)
	seen := &served{next: w.wire, ops: map[string]bool{}}
	w.wire = seen
	receiver := &receiver{}
	w.SetWebhook(receiver.serve(t), "secret")
	w.AddTeam("acme", "all", "", "alice")
	w.AddTeam("acme", "security", "all", "bob")
	w.pull.RequestReview("bob")
	w.repo.RequireCheck("main", "lockkeeper: main")
	w.repo.RequireMergeQueue("main")
	w.repo.ProtectBranch("main", "ci")
	w.repo.Commit("feature", githubtest.CommitSpec{
		Message: "By a stranger", Author: "Mallory <mallory@nowhere.invalid>", Delete: []string{"src/main.rs"},
		Files: map[string]string{"docs/a b.md": "text\n"}, Symlinks: map[string]string{"link": "Cargo.lock"},
		Submodules: map[string]string{"vendor/x": strings.Repeat("1", 40)},
	})
	review := w.pull.Review("bob", "APPROVED", "", "Fine.")
	comment := w.pull.Comment("bob", "/lockkeeper help")
	for name, calls := range map[string]func(*testing.T, *world, *github.Client){
		"app": appOperations, "repository": repoOperations, "git": gitOperations, "checks": checkOperations, "people": peopleOperations,
	} {
		t.Run(name, func(t *testing.T) { calls(t, w, w.installed()) })
	}
	t.Run("pulls", func(t *testing.T) { pullOperations(t, w, w.installed(), comment.ID, review.ID) })
	t.Run("deliveries", func(t *testing.T) { deliveryOperations(t, w, w.app()) })
	t.Run("user", func(t *testing.T) { userOperations(t, w, seen) })
	t.Run("manifest", func(t *testing.T) { manifestOperations(t, w, seen) })

	listed, err := os.ReadFile("contract/operations.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(listed)) {
		op, _, _ := strings.Cut(line, "#")
		if op = strings.TrimSpace(op); op != "" && !seen.ops[op] {
			t.Errorf("operation %s was not called", op)
		}
	}
}

// got fails the test for an error, and hands on the result.
func got[T any](t *testing.T) func(T, *github.Response, error) T {
	return func(v T, _ *github.Response, err error) T {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
		return v
	}
}

func appOperations(t *testing.T, w *world, c *github.Client) {
	app, ctx := w.app(), t.Context()
	if a := got[*github.App](t)(app.Apps.Get(ctx, "")); a.GetID() != w.AppID() {
		t.Errorf("app %d", a.GetID())
	}
	got[*github.App](t)(app.Apps.Get(ctx, "lockkeeper"))
	if all := got[[]*github.Installation](t)(app.Apps.ListInstallations(ctx, nil)); len(all) != 1 {
		t.Errorf("%d installations", len(all))
	}
	id := w.repo.InstallationID()
	got[*github.Installation](t)(app.Apps.GetInstallation(ctx, id))
	got[*github.Installation](t)(app.Apps.FindOrganizationInstallation(ctx, "acme"))
	if i := got[*github.Installation](t)(app.Apps.FindRepositoryInstallation(ctx, "acme", "widget")); i.GetID() != id {
		t.Errorf("installation %d, want %d", i.GetID(), id)
	}
	repos := got[*github.ListRepositories](t)(c.Apps.ListRepos(ctx, nil))
	if repos.GetTotalCount() != 1 || repos.Repositories[0].GetFullName() != "acme/widget" {
		t.Errorf("repositories %v", repos)
	}
	if limit := got[*github.RateLimits](t)(c.RateLimit.Get(ctx)); limit.GetCore().Remaining+limit.GetCore().Used != 5000 || limit.GetCore().Used == 0 {
		t.Errorf("rate limit %v", limit.GetCore())
	}
}

func repoOperations(t *testing.T, w *world, c *github.Client) {
	ctx := t.Context()
	if r := got[*github.Repository](t)(c.Repositories.Get(ctx, "acme", "widget")); r.GetDefaultBranch() != "main" {
		t.Errorf("default branch %s", r.GetDefaultBranch())
	}
	got[*github.Branch](t)(c.Repositories.GetBranch(ctx, "acme", "widget", "main", 0))
	p := got[*github.Protection](t)(c.Repositories.GetBranchProtection(ctx, "acme", "widget", "main"))
	if diff := cmp.Diff(&[]string{"ci"}, p.GetRequiredStatusChecks().Contexts); diff != "" {
		t.Error(diff)
	}
	rules := got[*github.BranchRules](t)(c.Repositories.GetRulesForBranch(ctx, "acme", "widget", "main", nil))
	if len(rules.RequiredStatusChecks) != 1 || len(rules.MergeQueue) != 1 ||
		rules.RequiredStatusChecks[0].Parameters.RequiredStatusChecks[0].Context != "lockkeeper: main" {
		t.Errorf("rules %+v", rules)
	}
	commits := got[[]*github.RepositoryCommit](t)(c.Repositories.ListCommits(ctx, "acme", "widget", &github.CommitsListOptions{SHA: "feature"}))
	if len(commits) != 3 {
		t.Errorf("%d commits", len(commits))
	}
	commit := got[*github.RepositoryCommit](t)(c.Repositories.GetCommit(ctx, "acme", "widget", w.pull.Head(), nil))
	if commit.Author != nil {
		t.Errorf("a stranger's commit is attributed to %s", commit.Author.GetLogin())
	}
	if len(commit.Files) != 4 {
		t.Errorf("%d files", len(commit.Files))
	}
	cmp := got[*github.CommitsComparison](t)(c.Repositories.CompareCommits(ctx, "acme", "widget", "main", "feature", nil))
	if cmp.GetStatus() != "ahead" || cmp.GetMergeBaseCommit().GetSHA() != w.repo.Head("main") || len(cmp.Commits) != 2 {
		t.Errorf("comparison %s, merge base %s, %d commits", cmp.GetStatus(), cmp.GetMergeBaseCommit().GetSHA(), len(cmp.Commits))
	}
	pulls := got[[]*github.PullRequest](t)(c.PullRequests.ListPullRequestsWithCommit(ctx, "acme", "widget", w.pull.Head(), nil))
	if len(pulls) != 1 {
		t.Errorf("%d pull requests with the commit", len(pulls))
	}
	at := &github.RepositoryContentGetOptions{Ref: "feature"}
	for path, kind := range map[string]string{"Cargo.lock": "file", "link": "symlink", "vendor/x": "submodule", "docs/a b.md": "file"} {
		file, _, _, err := c.Repositories.GetContents(ctx, "acme", "widget", path, at)
		if err != nil || file.GetType() != kind {
			t.Errorf("%s is %s, want %s (%v)", path, file.GetType(), kind, err)
		}
	}
	if _, dir, _, err := c.Repositories.GetContents(ctx, "acme", "widget", "", at); err != nil || len(dir) != 4 {
		t.Errorf("%d entries of the root (%v)", len(dir), err)
	}
}

func gitOperations(t *testing.T, w *world, c *github.Client) {
	ctx := t.Context()
	ref := got[*github.Reference](t)(c.Git.GetRef(ctx, "acme", "widget", "heads/feature"))
	if ref.GetObject().GetSHA() != w.pull.Head() {
		t.Errorf("ref at %s", ref.GetObject().GetSHA())
	}
	if refs := got[[]*github.Reference](t)(c.Git.ListMatchingRefs(ctx, "acme", "widget", "heads/fea")); len(refs) != 1 {
		t.Errorf("%d refs", len(refs))
	}
	commit := got[*github.Commit](t)(c.Git.GetCommit(ctx, "acme", "widget", ref.GetObject().GetSHA()))
	tree := got[*github.Tree](t)(c.Git.GetTree(ctx, "acme", "widget", commit.GetTree().GetSHA(), true))
	modes := map[string]string{}
	for _, e := range tree.Entries {
		modes[e.GetPath()] = e.GetMode() + " " + e.GetType()
	}
	if diff := cmp.Diff(map[string]string{
		"Cargo.lock": "100644 blob", "docs": "040000 tree", "docs/a b.md": "100644 blob", "link": "120000 blob", "vendor": "040000 tree",
		"vendor/x": "160000 commit",
	}, modes); diff != "" {
		t.Error(diff)
	}
	blob := got[*github.Blob](t)(c.Git.CreateBlob(ctx, "acme", "widget", github.Blob{Content: github.Ptr("hello\n"), Encoding: github.Ptr("utf-8")}))
	// What git hash-object says of these six bytes.
	if want := "ce013625030ba8dba906f756967f9e9ca394464a"; blob.GetSHA() != want {
		t.Errorf("blob %s, want %s", blob.GetSHA(), want)
	}
	raw := got[[]byte](t)(c.Git.GetBlobRaw(ctx, "acme", "widget", blob.GetSHA()))
	encoded := got[*github.Blob](t)(c.Git.GetBlob(ctx, "acme", "widget", blob.GetSHA()))
	if string(raw) != "hello\n" || encoded.GetContent() != "aGVsbG8K\n" {
		t.Errorf("raw %q, encoded %q", raw, encoded.GetContent())
	}
	made := got[*github.Tree](t)(c.Git.CreateTree(ctx, "acme", "widget", tree.GetSHA(), []*github.TreeEntry{
		{Path: github.Ptr("new/file"), Mode: github.Ptr("100644"), Type: github.Ptr("blob"), SHA: blob.SHA},
		{Path: github.Ptr("link"), Mode: github.Ptr("120000"), Type: github.Ptr("blob")}, // removed
	}))
	next := got[*github.Commit](t)(c.Git.CreateCommit(ctx, "acme", "widget", github.Commit{
		Message: github.Ptr("By the app"), Tree: made, Parents: []*github.Commit{{SHA: commit.SHA}},
	}, nil))
	created := got[*github.Reference](t)(c.Git.CreateRef(ctx, "acme", "widget", github.CreateRef{Ref: "refs/heads/bot", SHA: commit.GetSHA()}))
	if created.GetRef() != "refs/heads/bot" {
		t.Errorf("created %s", created.GetRef())
	}
	got[*github.Reference](t)(c.Git.UpdateRef(ctx, "acme", "widget", "heads/bot", github.UpdateRef{SHA: next.GetSHA()}))
	if content, _ := w.repo.File("bot", "new/file"); content != "hello\n" {
		t.Errorf("new/file is %q", content)
	}
	if _, there := w.repo.File("bot", "link"); there {
		t.Error("link was not removed")
	}
	_, resp := status2(c.Git.UpdateRef(ctx, "acme", "widget", "heads/bot", github.UpdateRef{SHA: commit.GetSHA()}))
	if resp != http.StatusUnprocessableEntity {
		t.Errorf("moved backwards without force: %d", resp)
	}
	if _, err := c.Git.DeleteRef(ctx, "acme", "widget", "heads/bot"); err != nil {
		t.Error(err)
	}
}

func status2[T any](v T, resp *github.Response, _ error) (T, int) { return v, resp.StatusCode }

func checkOperations(t *testing.T, w *world, c *github.Client) {
	ctx, head := t.Context(), w.pull.Head()
	run := got[*github.CheckRun](t)(c.Checks.CreateCheckRun(ctx, "acme", "widget", github.CreateCheckRunOptions{
		Name: "lockkeeper: main", HeadSHA: head, Status: github.Ptr("in_progress"), ExternalID: github.Ptr("7"),
	}))
	got[*github.CheckRun](t)(c.Checks.UpdateCheckRun(ctx, "acme", "widget", run.GetID(), github.UpdateCheckRunOptions{
		Name: "lockkeeper: main", Status: github.Ptr("completed"), Conclusion: github.Ptr("action_required"),
		CompletedAt: &github.Timestamp{Time: w.clock.Now()}, DetailsURL: github.Ptr("http://lockkeeper.example.invalid/1"),
		Output: &github.CheckRunOutput{
			Title: github.Ptr("1 finding needs a sign-off"), Summary: github.Ptr("ring"), Text: github.Ptr("long"),
			Annotations: []*github.CheckRunAnnotation{{
				Path: github.Ptr("Cargo.lock"), StartLine: github.Ptr(3), EndLine: github.Ptr(3), AnnotationLevel: github.Ptr("warning"),
				Message: github.Ptr("ring runs build.rs"), Title: github.Ptr("build-code-added"),
			}},
		},
	}))
	run = got[*github.CheckRun](t)(c.Checks.GetCheckRun(ctx, "acme", "widget", run.GetID()))
	if run.GetConclusion() != "action_required" || run.GetOutput().GetAnnotationsCount() != 1 || len(run.PullRequests) != 1 {
		t.Errorf("check run %+v", run)
	}
	if notes := got[[]*github.CheckRunAnnotation](t)(c.Checks.ListCheckRunAnnotations(ctx, "acme", "widget", run.GetID(), nil)); len(notes) != 1 {
		t.Errorf("%d annotations", len(notes))
	}
	runs := got[*github.ListCheckRunsResults](t)(c.Checks.ListCheckRunsForRef(ctx, "acme", "widget", head,
		&github.ListCheckRunsOptions{CheckName: github.Ptr("lockkeeper: main"), AppID: github.Ptr(w.AppID())}))
	if runs.GetTotal() != 1 {
		t.Errorf("%d check runs", runs.GetTotal())
	}
	suites := got[*github.ListCheckSuiteResults](t)(c.Checks.ListCheckSuitesForRef(ctx, "acme", "widget", head, nil))
	if suites.GetTotal() != 1 {
		t.Errorf("%d suites", suites.GetTotal())
	}
	got[*github.CheckSuite](t)(c.Checks.GetCheckSuite(ctx, "acme", "widget", suites.CheckSuites[0].GetID()))
	if _, err := c.Checks.ReRequestCheckRun(ctx, "acme", "widget", run.GetID()); err != nil {
		t.Error(err)
	}
	got[*github.RepoStatus](t)(c.Repositories.CreateStatus(ctx, "acme", "widget", head, github.RepoStatus{
		State: github.Ptr("pending"), Context: github.Ptr("lockkeeper"), Description: github.Ptr("Waiting"),
		TargetURL: github.Ptr("http://lockkeeper.example.invalid/1"),
	}))
	got[[]*github.RepoStatus](t)(c.Repositories.ListStatuses(ctx, "acme", "widget", head, nil))
	if s := got[*github.CombinedStatus](t)(c.Repositories.GetCombinedStatus(ctx, "acme", "widget", head, nil)); s.GetState() != "pending" {
		t.Errorf("combined status %s", s.GetState())
	}
}

func peopleOperations(t *testing.T, w *world, c *github.Client) {
	ctx := t.Context()
	if teams := got[[]*github.Team](t)(c.Teams.ListTeams(ctx, "acme", nil)); len(teams) != 2 {
		t.Errorf("%d teams", len(teams))
	}
	if team := got[*github.Team](t)(c.Teams.GetTeamBySlug(ctx, "acme", "security")); team.GetMembersCount() != 1 {
		t.Errorf("%d members", team.GetMembersCount())
	}
	// bob is in all through security.
	if all := got[[]*github.User](t)(c.Teams.ListTeamMembersBySlug(ctx, "acme", "all", nil)); len(all) != 2 {
		t.Errorf("%d members of all", len(all))
	}
	if m := got[*github.Membership](t)(c.Teams.GetTeamMembershipBySlug(ctx, "acme", "all", "bob")); m.GetState() != "active" {
		t.Errorf("membership %s", m.GetState())
	}
	for login, want := range map[string]bool{"bob": true, "carol": false} {
		if is := got[bool](t)(c.Organizations.IsMember(ctx, "acme", login)); is != want {
			t.Errorf("%s is a member: %v", login, is)
		}
	}
	if m := got[*github.Membership](t)(c.Organizations.GetOrgMembership(ctx, "alice", "acme")); m.GetRole() != "admin" {
		t.Errorf("alice is %s", m.GetRole())
	}
	p := got[*github.RepositoryPermissionLevel](t)(c.Repositories.GetPermissionLevel(ctx, "acme", "widget", "bob"))
	if p.GetPermission() != "write" || p.GetRoleName() != "maintain" {
		t.Errorf("bob has %s, role %s", p.GetPermission(), p.GetRoleName())
	}
	carol := got[*github.User](t)(c.Users.Get(ctx, "carol"))
	if same := got[*github.User](t)(c.Users.GetByID(ctx, carol.GetID())); same.GetLogin() != "carol" {
		t.Errorf("user %d is %s", carol.GetID(), same.GetLogin())
	}
}

func pullOperations(t *testing.T, w *world, c *github.Client, commentID, reviewID int64) {
	ctx, prs := t.Context(), c.PullRequests
	if all := got[[]*github.PullRequest](t)(prs.List(ctx, "acme", "widget", &github.PullRequestListOptions{Head: "acme:feature", Base: "main"})); len(all) != 1 {
		t.Errorf("%d pull requests", len(all))
	}
	p := got[*github.PullRequest](t)(prs.Get(ctx, "acme", "widget", 1))
	if p.GetCommits() != 2 || p.GetChangedFiles() != 5 || !p.GetMergeable() || p.GetMergeableState() != "blocked" {
		t.Errorf("%d commits, %d files, mergeable %v, %s", p.GetCommits(), p.GetChangedFiles(), p.GetMergeable(), p.GetMergeableState())
	}
	if files := got[[]*github.CommitFile](t)(prs.ListFiles(ctx, "acme", "widget", 1, nil)); len(files) != 5 {
		t.Errorf("%d files", len(files))
	}
	got[[]*github.RepositoryCommit](t)(prs.ListCommits(ctx, "acme", "widget", 1, nil))
	if all := got[[]*github.PullRequestReview](t)(prs.ListReviews(ctx, "acme", "widget", 1, nil)); len(all) != 1 || all[0].GetState() != "APPROVED" {
		t.Errorf("reviews %v", all)
	}
	got[*github.PullRequestReview](t)(prs.GetReview(ctx, "acme", "widget", 1, reviewID))
	got[*github.Reviewers](t)(prs.ListReviewers(ctx, "acme", "widget", 1, nil))

	w.repo.Branch("lockkeeper/allowlist", "main")
	w.repo.Commit("lockkeeper/allowlist", githubtest.CommitSpec{Message: "Record", Files: map[string]string{".lockkeeper/allow.toml": "# none\n"}})
	mine := got[*github.PullRequest](t)(prs.Create(ctx, "acme", "widget", &github.NewPullRequest{
		Title: github.Ptr("Allowlist"), Head: github.Ptr("lockkeeper/allowlist"), Base: github.Ptr("main"), Body: github.Ptr("One."),
	}))
	mine = got[*github.PullRequest](t)(prs.Edit(ctx, "acme", "widget", mine.GetNumber(), &github.PullRequest{Title: github.Ptr("Two"), State: github.Ptr("closed")}))
	if mine.GetTitle() != "Two" || mine.GetState() != "closed" || mine.GetUser().GetLogin() != "lockkeeper[bot]" {
		t.Errorf("pull request %q %s by %s", mine.GetTitle(), mine.GetState(), mine.GetUser().GetLogin())
	}

	said := got[*github.IssueComment](t)(c.Issues.CreateComment(ctx, "acme", "widget", 1, &github.IssueComment{Body: github.Ptr("hello")}))
	got[*github.IssueComment](t)(c.Issues.EditComment(ctx, "acme", "widget", said.GetID(), &github.IssueComment{Body: github.Ptr("hello again")}))
	if back := got[*github.IssueComment](t)(c.Issues.GetComment(ctx, "acme", "widget", said.GetID())); back.GetBody() != "hello again" {
		t.Errorf("comment %q", back.GetBody())
	}
	if all := got[[]*github.IssueComment](t)(c.Issues.ListComments(ctx, "acme", "widget", 1, nil)); len(all) != 2 {
		t.Errorf("%d comments", len(all))
	}
	if _, err := c.Issues.DeleteComment(ctx, "acme", "widget", said.GetID()); err != nil {
		t.Error(err)
	}
	first, code := status2(c.Reactions.CreateIssueCommentReaction(ctx, "acme", "widget", commentID, "+1"))
	second, again := status2(c.Reactions.CreateIssueCommentReaction(ctx, "acme", "widget", commentID, "+1"))
	if code != http.StatusCreated || again != http.StatusOK || first.GetID() != second.GetID() {
		t.Errorf("reactions answered %d, then %d", code, again)
	}
	got[[]*github.Reaction](t)(c.Reactions.ListIssueCommentReactions(ctx, "acme", "widget", commentID, nil))
	if _, err := c.Reactions.DeleteIssueCommentReaction(ctx, "acme", "widget", commentID, first.GetID()); err != nil {
		t.Error(err)
	}
}

func deliveryOperations(t *testing.T, w *world, c *github.Client) {
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := got[[]*github.HookDelivery](t)(c.Apps.ListHookDeliveries(t.Context(), nil))
	if len(all) == 0 || all[0].GetStatusCode() != http.StatusOK {
		t.Fatalf("deliveries %v", all)
	}
	d := got[*github.HookDelivery](t)(c.Apps.GetHookDelivery(t.Context(), all[0].GetID()))
	if !json.Valid(*d.Request.RawPayload) {
		t.Errorf("payload %s", *d.Request.RawPayload)
	}
	_, resp, err := c.Apps.RedeliverHookDelivery(t.Context(), all[0].GetID())
	if resp == nil || resp.StatusCode != http.StatusAccepted {
		t.Errorf("redelivery: %v", err)
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// userOperations are those of somebody who signs in to a page.
func userOperations(t *testing.T, w *world, wire http.RoundTripper) {
	c := w.client(wire).WithAuthToken(w.UserToken("bob"))
	if u := got[*github.User](t)(c.Users.Get(t.Context(), "")); u.GetLogin() != "bob" {
		t.Errorf("signed in as %s", u.GetLogin())
	}
	repos := got[*github.ListRepositories](t)(c.Apps.ListUserRepos(t.Context(), w.repo.InstallationID(), nil))
	if repos.GetTotalCount() != 1 {
		t.Errorf("%d repositories", repos.GetTotalCount())
	}
}

// receiver is a webhook receiver that keeps what it gets.
type receiver struct {
	mu       sync.Mutex
	status   int
	requests []*http.Request
	bodies   [][]byte
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.requests = append(r.requests, req)
		r.bodies = append(r.bodies, body)
	}
	if r.status != 0 {
		w.WriteHeader(r.status)
	}
}

func (r *receiver) serve(t *testing.T) string {
	ts := httptest.NewServer(r)
	t.Cleanup(ts.Close)
	return ts.URL
}
