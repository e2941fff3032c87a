package server_test

import (
	"testing"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

// webFlow is the committer of what people and bots do on GitHub's own pages and
// through its API.
const webFlow = "web-flow"

func withWebFlow(t *testing.T) *world {
	w := newWorld(t, somePolicy)
	w.github.AddUser(webFlow)
	w.github.AddBot("dependabot")
	return w
}

// TestDependabotAndRenovate: the author is a bot, the committer GitHub itself, and a
// human reviewer signs.
func TestDependabotAndRenovate(t *testing.T) {
	for _, test := range []struct{ name, author, committer string }{
		{"Dependabot", "dependabot[bot]", webFlow},
		{"Renovate through the API", "renovate[bot]", webFlow},
		{"Renovate by git", "renovate[bot]", "renovate[bot]"},
		// On an Enterprise Server the address of GitHub's own commits is nobody's.
		{"Dependabot on a server of one's own", "dependabot[bot]", "GitHub Enterprise <noreply@127.0.0.1>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := withWebFlow(t)
			w.repo.Branch("dependabot/cargo/grabber-2.0.0", "main")
			w.repo.Commit("dependabot/cargo/grabber-2.0.0", githubtest.CommitSpec{
				Message: "Bump grabber\n\nSigned-off-by: dependabot[bot] <support@github.com>", Author: test.author, Committer: test.committer,
				Files: map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")},
			})
			p := w.repo.OpenPull(test.author, "dependabot/cargo/grabber-2.0.0", "main", "Bump grabber", "")
			w.want(p, "action_required", "before anybody signed")
			p.Comment(test.author, yes)
			w.want(p, "action_required", "after the bot signed")
			p.Comment("reviewer", yes)
			w.want(p, "success", "after a person signed")
			if head := w.repo.Head("dependabot/cargo/grabber-2.0.0"); head != p.Head() {
				t.Errorf("something was pushed onto the bot's branch")
			}
			p.ForcePush(w.repo.CommitOn("main", githubtest.CommitSpec{
				Message: "Bump grabber", Author: test.author, Committer: test.committer,
				Files: map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")},
			}))
			w.want(p, "success", "after the bot rebased")
		})
	}
}

// TestGitHubsOwnCommits: "Update branch" and suggestions are committed by GitHub for
// whoever pressed the button.
func TestGitHubsOwnCommits(t *testing.T) {
	w := withWebFlow(t)
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	w.settle()
	p.Comment("reviewer", yes)
	w.want(p, "success", "after a reviewer signed")

	// The base moves on, its lockfile of tools included, and the reviewer updates the
	// branch.
	w.repo.Commit("main", githubtest.CommitSpec{Message: "Tools", Author: "owner", Files: map[string]string{"tools/Cargo.lock": w.lock("quiet@1.0.0")}})
	w.repo.MergeInto("topic-1", "main", "reviewer")
	w.want(p, "success", "after the reviewer pressed \"Update branch\"")

	// A suggestion in a text is nothing that is watched; one in the lockfile is.
	p.Push(githubtest.CommitSpec{Message: "Apply suggestion", Author: "reviewer", Committer: webFlow, Files: map[string]string{"README.md": "better\n"}})
	w.want(p, "success", "after the reviewer's suggestion in a text")
	p.Push(githubtest.CommitSpec{Message: "Apply suggestion", Author: "reviewer", Committer: webFlow, Files: map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.1")}})
	w.want(p, "action_required", "after the reviewer's suggestion in the lockfile")
	p.Comment("second", yes)
	w.want(p, "success", "after another reviewer signed")
}

// TestMergesByHand: a merge that is not what merging gives is somebody's change, also
// where it leaves out what the other side has.
func TestMergesByHand(t *testing.T) {
	w := withWebFlow(t)
	w.repo.Commit("main", githubtest.CommitSpec{Message: "Grab", Author: "owner", Files: map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")}})
	p := w.open(map[string]string{"README.md": "x\n"})
	w.repo.Commit("main", githubtest.CommitSpec{Message: "Mend", Author: "owner", Files: map[string]string{"Cargo.lock": w.lock("grabber@2.0.1", "quiet@1.0.0")}})
	w.settle()
	// Merges main and keeps the old lockfile: back to 2.0.0.
	p.Push(githubtest.CommitSpec{Message: "Merge main", Author: "reviewer", Parents: []string{w.repo.Head("main")}})
	w.want(p, "action_required", "after a merge that takes a release back")
	p.Comment("reviewer", yes)
	w.want(p, "action_required", "after whoever merged so signed")
	p.Comment("second", yes)
	w.want(p, "success", "after somebody else signed")
}

// TestForks: the head lies in another repository, whose check_run events name no
// pull request.
func TestForks(t *testing.T) {
	w := newWorld(t, somePolicy)
	fork := w.repo.AddFork("outsider")
	fork.Branch("topic", "main")
	fork.Commit("topic", githubtest.CommitSpec{Message: "Update", Author: "outsider", Files: map[string]string{
		"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0"), policyFile: "[rules]\nbuild-code-added = \"off\"\n"}})
	p := w.repo.OpenPull("outsider", "outsider:topic", "main", "Update", "")
	run := w.want(p, "action_required", "for a fork's pull request")
	p.Comment("outsider", yes)
	w.want(p, "action_required", "after its author signed")
	p.Comment("reviewer", yes)
	w.want(p, "success", "after a reviewer signed")
	p.Push(githubtest.CommitSpec{Message: "More", Author: "outsider", Files: map[string]string{"Cargo.lock": w.lock("grabber@2.0.1", "quiet@1.0.0")}})
	run = w.want(p, "action_required", "after a push to the fork")

	// "Re-run" forgets the conclusion, so that something must be written again.
	w.repo.Rerequest(run.ID, "reviewer")
	if again := w.want(p, "action_required", "after \"Re-run\""); again.ID != run.ID {
		t.Errorf("re-running made another check run")
	}
	w.repo.RerequestSuite(p.Head(), "reviewer")
	w.want(p, "action_required", "after \"Re-run all checks\"")
}
