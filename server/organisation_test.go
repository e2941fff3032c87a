package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

// organisation has the world's repository be one of the organisation acme, whose
// first member is owner.
func (w *world) organisation(policy string, members ...string) {
	w.github.AddOrg("acme", append([]string{"owner"}, members...)...)
	files := map[string]string{"README.md": "# app\n", "Cargo.lock": w.lock("quiet@1.0.0")}
	if policy != "" {
		files[policyFile] = policy
	}
	w.repo = w.github.AddRepo("acme", "app", githubtest.RepoOptions{Files: files})
	w.repo.SetPermission("author", "maintain")
	w.repo.SetPermission("reviewer", "maintain")
}

func TestOrganisationPolicy(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.organisation("[reviewers]\npermission = \"maintain\"\n[rules]\nbuild-code-added = \"off\"\n[scan]\nignore = [\"**\"]\n")
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	w.want(p, "success", "without a policy of the organisation")

	rules := w.github.AddRepo("acme", ".github", githubtest.RepoOptions{Private: true, Files: map[string]string{policyFile: "[rules]\nbuild-code-added = \"sign-off\"\n[reviewers]\nusers = [\"second\"]\n"}})
	w.clock.Advance(time.Minute) // nobody told of it
	p.Comment("outsider", "/lockkeeper rescan")
	w.want(p, "action_required", "under the organisation's policy")
	p.Comment("reviewer", yes)
	w.want(p, "action_required", "after somebody signed whom the organisation does not name")
	p.Comment("second", yes)
	w.want(p, "action_required", "after somebody signed who has no rights here")
	w.repo.SetPermission("second", "maintain")
	p.Comment("outsider", "/lockkeeper rescan")
	w.want(p, "success", "after somebody signed who is a reviewer by both")
	p.Comment("reviewer", "/lockkeeper explain grabber")
	w.want(p, "success", "after a question")
	if comment := w.comment(p); !strings.Contains(comment, "says the organisation&#39;s policy, which this repository&#39;s cannot loosen") && !strings.Contains(comment, "says the organisation's policy, which this repository's cannot loosen") {
		t.Errorf("the comment does not say whose rule it is:\n%s", comment)
	}

	rules.Commit("main", githubtest.CommitSpec{Message: "Stricter", Author: "owner", Files: map[string]string{policyFile: "[rules]\nbuild-code-added = \"block\"\n"}})
	w.want(p, "failure", "after a push to the organisation's policy, without anybody pressing anything")
	rules.Commit("main", githubtest.CommitSpec{Message: "Break", Author: "owner", Files: map[string]string{policyFile: "[rules]\nbuild-code-add = \"block\"\n"}})
	run := w.want(p, "failure", "while the organisation's policy cannot be read")
	for _, part := range []string{"acme/.github:.lockkeeper/policy.toml:2", "did you mean", "organisation"} {
		if !strings.Contains(run.Title+run.Summary, part) {
			t.Errorf("the check lacks %q:\n%s\n%s", part, run.Title, run.Summary)
		}
	}
	rules.Commit("main", githubtest.CommitSpec{Message: "Gone", Author: "owner", Delete: []string{policyFile}})
	w.want(p, "success", "after the organisation took its policy away")
}

// TestPromise3AHiddenOrganisationPolicyHolds: GitHub tells no difference between a
// policy that is gone and one that the App may not see any more.
func TestPromise3AHiddenOrganisationPolicyHolds(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.organisation(somePolicy)
	w.github.AddRepo("acme", ".github", githubtest.RepoOptions{Private: true, Files: map[string]string{policyFile: ""}})
	w.clock.Advance(time.Minute) // nobody told of it
	p := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.1")})
	w.want(p, "success", "under an empty policy of the organisation")
	w.github.AddFault(githubtest.Fault{Path: "/repos/acme/.github", Status: http.StatusNotFound})
	w.clock.Advance(time.Minute)
	p.Comment("outsider", "/lockkeeper rescan")
	run := w.want(p, "failure", "when the organisation's repository is hidden")
	if !strings.Contains(run.Summary, "cannot be seen any more") {
		t.Errorf("summary:\n%s", run.Summary)
	}
}

// TestOrganisationWithoutRepositoryPolicy: the organisation's policy counts in a
// repository that has none.
func TestOrganisationWithoutRepositoryPolicy(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.organisation("")
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	w.want(p, "neutral", "without any policy")
	w.github.AddRepo("acme", ".github", githubtest.RepoOptions{Files: map[string]string{policyFile: "# defaults\n"}})
	w.clock.Advance(time.Minute) // nobody told of it
	p.Comment("outsider", "/lockkeeper rescan")
	w.want(p, "action_required", "under the organisation's")
}

// TestWhoMaySign goes through the ways to be a reviewer.
func TestWhoMaySign(t *testing.T) {
	const teams = "[reviewers]\nteams = [\"security\"]\n"
	for _, test := range []struct {
		name, policy string
		prepare      func(w *world) // makes "candidate" what they are
		may          bool
	}{
		{"a member of the team", teams, func(w *world) { w.github.AddTeam("acme", "security", "", "candidate") }, true},
		{"a member of a team below it", teams, func(w *world) {
			w.github.AddTeam("acme", "security", "")
			w.github.AddTeam("acme", "crypto", "security")
			w.github.AddTeam("acme", "curves", "crypto", "candidate")
		}, true},
		{"a member of the team above it", teams, func(w *world) {
			w.github.AddTeam("acme", "engineering", "", "candidate")
			w.github.AddTeam("acme", "security", "engineering")
		}, false},
		{"invited to the team", teams, func(w *world) { w.github.AddTeam("acme", "security", "").Invite("candidate") }, false},
		{"a team that is not there", teams, func(w *world) { w.repo.SetPermission("candidate", "admin") }, false},
		{"out of the organisation", teams, func(w *world) {
			w.github.AddTeam("acme", "security", "", "candidate")
			w.github.RemoveMember("acme", "candidate")
		}, false},
		{"an outside collaborator by name", "[reviewers]\nusers = [\"candidate\"]\n", func(w *world) { w.repo.SetPermission("candidate", "read") }, true},
		{"an outside collaborator by permission", "[reviewers]\npermission = \"write\"\n", func(w *world) { w.repo.SetPermission("candidate", "write") }, true},
		{"an outside collaborator with less", "[reviewers]\npermission = \"write\"\n", func(w *world) { w.repo.SetPermission("candidate", "triage") }, false},
		{"a stranger", somePolicy, func(*world) {}, false},
		{"a custom role built on maintain", somePolicy, func(w *world) { w.repo.SetCustomRole("candidate", "release-manager", "maintain") }, true},
		{"a custom role built on write", somePolicy, func(w *world) { w.repo.SetCustomRole("candidate", "maintain-docs", "write") }, false},
		{"an owner of the organisation", somePolicy, func(w *world) { w.github.AddOrg("other", "candidate") }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, somePolicy)
			w.github.AddUser("candidate")
			w.organisation(test.policy)
			test.prepare(w)
			p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
			w.settle()
			c := p.Comment("candidate", yes)
			want, reaction := "action_required", "-1"
			if test.may {
				want, reaction = "success", "+1"
			}
			w.want(p, want, "after "+test.name+" signed")
			if got := c.Reactions(); len(got) != 1 || got[0] != w.github.AppLogin()+":"+reaction {
				t.Errorf("reactions %v, want %s", got, reaction)
			}
		})
	}
}

func TestCountOfReviewers(t *testing.T) {
	w := newWorld(t, "[reviewers]\npermission = \"maintain\"\ncount = 2\n")
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	w.settle()
	p.Comment("reviewer", yes)
	w.want(p, "action_required", "after one of two")
	p.Comment("reviewer", yes)
	w.want(p, "action_required", "after the same once more")
	if !strings.Contains(w.comment(p), "needs a sign-off") {
		t.Errorf("the comment does not say that one more is needed:\n%s", w.comment(p))
	}
	p.Comment("second", yes)
	w.want(p, "success", "after two")
}

// TestPromise3RightsThatCannotBeLookedUpHold: without the permission to read members
// nobody in a team can be told from anybody else.
func TestPromise3RightsThatCannotBeLookedUpHold(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.organisation("[reviewers]\nteams = [\"security\"]\n")
	w.github.AddTeam("acme", "security", "", "reviewer")
	heal := w.github.AddFault(githubtest.Fault{Path: "/orgs/acme/teams", Status: http.StatusForbidden})
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	w.want(p, "action_required", "before anybody signed")
	p.Comment("reviewer", yes)
	run := w.want(p, "failure", "while GitHub does not say who is in the team")
	if !strings.Contains(run.Summary, "Members: read") {
		t.Errorf("the check does not say what is missing:\n%s", run.Summary)
	}
	heal()
	p.Comment("outsider", "/lockkeeper rescan")
	w.want(p, "success", "once it does")
}
