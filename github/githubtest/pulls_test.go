package githubtest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v82/github"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

func TestPullFollowsItsHead(t *testing.T) {
	w := newWorld(t, defaults)
	rec := &receiver{}
	w.SetWebhook(rec.serve(t), "secret")
	c, ctx, p := w.installed(), t.Context(), w.pull
	baseAtOpen := w.repo.Head("main")
	tip := w.repo.Commit("main", githubtest.CommitSpec{Message: "Meanwhile", Author: "alice", Files: map[string]string{"m": "m"}})
	base := func() string {
		t.Helper()
		got, _, err := c.PullRequests.Get(ctx, "acme", "widget", 1)
		if err != nil {
			t.Fatal(err)
		}
		return got.GetBase().GetSHA()
	}
	// GitHub's base.sha is not the base branch's tip until the pull request moves.
	if got := base(); got != baseAtOpen {
		t.Errorf("base %s, want %s, where it was", got, baseAtOpen)
	}
	before := p.Head()
	after := p.Push(githubtest.CommitSpec{Message: "More", Author: "carol", Files: map[string]string{"n": "n"}})
	if got := base(); got != tip {
		t.Errorf("base %s, want %s, the tip", got, tip)
	}
	p.ForcePush(w.repo.CommitOn("main", githubtest.CommitSpec{Message: "Anew", Author: "carol", Files: map[string]string{"n": "2"}}))
	if err := w.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	var events []string
	for i, req := range rec.requests {
		switch e := parse(t, github.WebHookType(req), rec.bodies[i]).(type) {
		case *github.PushEvent:
			events = append(events, fmt.Sprintf("push %s forced=%v", e.GetRef(), e.GetForced()))
		case *github.PullRequestEvent:
			events = append(events, fmt.Sprintf("%s %v", e.GetAction(), e.GetBefore() == before && e.GetAfter() == after))
		}
	}
	want := []string{
		"push refs/heads/main forced=false", "push refs/heads/feature forced=false", "synchronize true",
		"push refs/heads/feature forced=true", "synchronize false",
	}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Error(diff)
	}
}

func parse(t *testing.T, event string, body []byte) any {
	t.Helper()
	v, err := github.ParseWebHook(event, body)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestConflict(t *testing.T) {
	w := newWorld(t, defaults)
	w.repo.Commit("main", githubtest.CommitSpec{Message: "Meanwhile", Author: "alice", Files: map[string]string{"Cargo.lock": "version = 3\n"}})
	got, _, err := w.installed().PullRequests.Get(t.Context(), "acme", "widget", 1)
	if err != nil || got.GetMergeable() || got.GetMergeableState() != "dirty" || got.MergeCommitSHA != nil {
		t.Errorf("mergeable %v, %s (%v)", got.GetMergeable(), got.GetMergeableState(), err)
	}
	if _, err := w.pull.Merge("bob"); err == nil {
		t.Error("merged a conflict")
	}
	contains(t, w.page("/acme/widget/pull/1"), "conflicts that must be resolved")
}

func TestMergeGroup(t *testing.T) {
	w := newWorld(t, defaults)
	w.repo.RequireCheck("main", "lockkeeper: main")
	w.repo.Branch("other", "main")
	w.repo.Commit("other", githubtest.CommitSpec{Message: "Other", Author: "bob", Files: map[string]string{"o": "o"}})
	second := w.repo.OpenPull("bob", "other", "main", "Other", "")
	g := w.repo.MergeGroup(w.pull, second)
	c, ctx := w.installed(), t.Context()
	ref, _, err := c.Git.GetRef(ctx, "acme", "widget", "heads/"+g.Ref)
	if err != nil || ref.GetObject().GetSHA() != g.Head || !strings.HasPrefix(g.Ref, "gh-readonly-queue/main/pr-2-") {
		t.Fatalf("ref %s (%v)", g.Ref, err)
	}
	if _, ok := w.repo.File(g.Head, "o"); !ok {
		t.Error("the group lacks the second pull request")
	}
	if err := g.Merge(); err == nil {
		t.Error("merged without the required check")
	}
	if _, _, err := c.Checks.CreateCheckRun(ctx, "acme", "widget", github.CreateCheckRunOptions{
		Name: "lockkeeper: main", HeadSHA: g.Head, Conclusion: github.Ptr("success"),
	}); err != nil {
		t.Fatal(err)
	}
	if err := g.Merge(); err != nil {
		t.Fatal(err)
	}
	if w.pull.State() != "merged" || second.State() != "merged" || w.repo.Head("main") != g.Head || w.repo.Head(g.Ref) != "" {
		t.Errorf("%s, %s, main at %s, queue at %q", w.pull.State(), second.State(), w.repo.Head("main"), w.repo.Head(g.Ref))
	}
}

func TestLimits(t *testing.T) {
	w := newWorld(t, defaults)
	w.wire = http.DefaultTransport // some of it is against the contract, and meant to be
	c, ctx := w.installed(), t.Context()
	comment := func(body string) int {
		return code(c.Issues.CreateComment(ctx, "acme", "widget", 1, &github.IssueComment{Body: &body}))
	}
	// Characters, not bytes.
	if got := comment(strings.Repeat("é", 65536)); got != http.StatusCreated {
		t.Errorf("65,536 characters: %d", got)
	}
	if got := comment(strings.Repeat("é", 65537)); got != http.StatusUnprocessableEntity {
		t.Errorf("65,537 characters: %d", got)
	}
	check := func(text string, notes int) int {
		out := &github.CheckRunOutput{Title: github.Ptr("t"), Summary: github.Ptr("s"), Text: &text}
		for i := range notes {
			out.Annotations = append(out.Annotations, &github.CheckRunAnnotation{
				Path: github.Ptr("a"), StartLine: github.Ptr(i + 1), EndLine: github.Ptr(i + 1), AnnotationLevel: github.Ptr("notice"), Message: github.Ptr("m"),
			})
		}
		return code(c.Checks.CreateCheckRun(ctx, "acme", "widget", github.CreateCheckRunOptions{Name: "x", HeadSHA: w.pull.Head(), Output: out}))
	}
	for _, tt := range []struct{ text, notes, want int }{
		{65535, 50, http.StatusCreated}, {65536, 0, http.StatusUnprocessableEntity}, {0, 51, http.StatusUnprocessableEntity},
	} {
		if got := check(strings.Repeat("x", tt.text), tt.notes); got != tt.want {
			t.Errorf("%d characters, %d annotations: %d, want %d", tt.text, tt.notes, got, tt.want)
		}
	}
	if runs := w.repo.CheckRuns(w.pull.Head()); len(runs) != 1 {
		t.Errorf("a refused check run was kept: %d", len(runs))
	}
}

func TestAnnotationsAddUp(t *testing.T) {
	w := newWorld(t, defaults)
	c, ctx := w.installed(), t.Context()
	run, _, err := c.Checks.CreateCheckRun(ctx, "acme", "widget", github.CreateCheckRunOptions{Name: "x", HeadSHA: w.pull.Head()})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		out := &github.CheckRunOutput{Title: github.Ptr("t"), Summary: github.Ptr("s")}
		for i := range 50 {
			out.Annotations = append(out.Annotations, &github.CheckRunAnnotation{
				Path: github.Ptr("a"), StartLine: github.Ptr(i + 1), EndLine: github.Ptr(i + 1), AnnotationLevel: github.Ptr("notice"), Message: github.Ptr("m"),
			})
		}
		if _, _, err := c.Checks.UpdateCheckRun(ctx, "acme", "widget", run.GetID(), github.UpdateCheckRunOptions{Name: "x", Output: out}); err != nil {
			t.Fatal(err)
		}
	}
	notes, resp, err := c.Checks.ListCheckRunAnnotations(ctx, "acme", "widget", run.GetID(), &github.ListOptions{PerPage: 100})
	if err != nil || len(notes) != 100 || resp.NextPage != 2 || resp.LastPage != 2 {
		t.Errorf("%d annotations, next page %d (%v)", len(notes), resp.NextPage, err)
	}
}

func TestCheckRunsOfOthers(t *testing.T) {
	w := newWorld(t, defaults)
	c, ctx := w.installed(), t.Context()
	foreign := w.repo.AddCheckRun("actions", "lockkeeper: main", w.pull.Head(), "success")
	if got := code(c.Checks.UpdateCheckRun(ctx, "acme", "widget", foreign, github.UpdateCheckRunOptions{Name: "x", Conclusion: github.Ptr("failure")})); got != http.StatusForbidden {
		t.Errorf("updated another App's check run: %d", got)
	}
	create := func(conclusion string) {
		t.Helper()
		if _, _, err := c.Checks.CreateCheckRun(ctx, "acme", "widget", github.CreateCheckRunOptions{
			Name: "lockkeeper: main", HeadSHA: w.pull.Head(), Conclusion: &conclusion,
		}); err != nil {
			t.Fatal(err)
		}
	}
	create("failure")
	create("neutral")
	list := func(opts *github.ListCheckRunsOptions) int {
		t.Helper()
		runs, _, err := c.Checks.ListCheckRunsForRef(ctx, "acme", "widget", "feature", opts)
		if err != nil {
			t.Fatal(err)
		}
		return runs.GetTotal()
	}
	got := []int{list(nil), list(&github.ListCheckRunsOptions{Filter: github.Ptr("all")}), list(&github.ListCheckRunsOptions{AppID: github.Ptr(w.AppID())})}
	if diff := cmp.Diff([]int{2, 3, 1}, got); diff != "" {
		t.Error(diff)
	}
}

func TestRoles(t *testing.T) {
	w := newWorld(t, defaults)
	private := w.AddRepo("acme", "secret", githubtest.RepoOptions{Private: true})
	c := w.installed()
	for _, tt := range []struct{ repo, login, role, permission, roleName string }{
		{"widget", "carol", "admin", "admin", "admin"},
		{"widget", "carol", "maintain", "write", "maintain"},
		{"widget", "carol", "write", "write", "write"},
		{"widget", "carol", "triage", "read", "triage"},
		{"widget", "carol", "none", "none", "none"},
		{"widget", "alice", "", "admin", "admin"}, // administrator of the organisation
		{"secret", "bob", "", "none", "none"},
	} {
		if tt.role != "" {
			w.repo.SetPermission(tt.login, tt.role)
		}
		p, _, err := c.Repositories.GetPermissionLevel(t.Context(), "acme", tt.repo, tt.login)
		if err != nil || p.GetPermission() != tt.permission || p.GetRoleName() != tt.roleName {
			t.Errorf("%s in %s with %q: %s, %s (%v)", tt.login, tt.repo, tt.role, p.GetPermission(), p.GetRoleName(), err)
		}
	}
	if got := code(c.Repositories.GetPermissionLevel(t.Context(), "acme", "widget", "nobody")); got != http.StatusNotFound {
		t.Errorf("nobody: %d", got)
	}
	if private.InstallationID() != w.repo.InstallationID() {
		t.Error("two installations in one account")
	}
}

func TestPendingMembership(t *testing.T) {
	w := newWorld(t, defaults)
	team := w.AddTeam("acme", "security", "", "bob")
	team.Invite("carol")
	c := w.installed()
	m, _, err := c.Teams.GetTeamMembershipBySlug(t.Context(), "acme", "security", "carol")
	if err != nil || m.GetState() != "pending" {
		t.Errorf("state %s (%v)", m.GetState(), err)
	}
	members, _, err := c.Teams.ListTeamMembersBySlug(t.Context(), "acme", "security", nil)
	if err != nil || len(members) != 1 {
		t.Errorf("%d members (%v)", len(members), err)
	}
	team.Remove("bob")
	if got := code(c.Teams.GetTeamMembershipBySlug(t.Context(), "acme", "security", "bob")); got != http.StatusNotFound {
		t.Errorf("removed: %d", got)
	}
}

func TestCommitsByNoreplyAddress(t *testing.T) {
	w := newWorld(t, defaults)
	bot := w.AddBot("renovate")
	sha := w.repo.Commit("feature", githubtest.CommitSpec{
		Message: "Update", Author: fmt.Sprintf(`renovate[bot] <%d+renovate[bot]@users.noreply.github.com>`, bot.ID),
	})
	commit, _, err := w.installed().Repositories.GetCommit(t.Context(), "acme", "widget", sha, nil)
	if err != nil || commit.GetAuthor().GetLogin() != "renovate[bot]" || commit.GetAuthor().GetType() != "Bot" {
		t.Errorf("author %v (%v)", commit.GetAuthor(), err)
	}
}
