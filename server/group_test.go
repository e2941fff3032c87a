package server_test

import (
	"testing"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

// queue puts pull requests into one merge group and compares the group's check.
func (w *world) queue(conclusion, when string, pulls ...*githubtest.Pull) *githubtest.MergeGroup {
	w.t.Helper()
	group := w.repo.MergeGroup(pulls...)
	w.settle()
	if run := w.check(group.Head, mainCheck); run.Conclusion != conclusion {
		w.t.Errorf("%s the group's check is %q (%s), want %q\n%s", when, run.Conclusion, run.Title, conclusion, run.Summary)
	}
	return group
}

// TestTwoWhoReviewEachOther: what each signed for the other holds when both are
// merged together, though both wrote part of the group.
func TestTwoWhoReviewEachOther(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.repo.Commit("main", githubtest.CommitSpec{Message: "Tools", Author: "owner", Files: map[string]string{"tools/Cargo.lock": w.lock("quiet@1.0.0")}})
	one := w.openBy("reviewer", map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	w.repo.Branch("other", "main")
	w.repo.Commit("other", githubtest.CommitSpec{Message: "Update", Author: "helper", Files: map[string]string{"tools/Cargo.lock": w.lock("builder@1.0.0", "quiet@1.0.0")}})
	other := w.repo.OpenPull("helper", "other", "main", "Update tools", "")
	w.settle()
	one.Comment("helper", yes)
	other.Comment("reviewer", yes)
	w.want(one, "success", "after helper signed")
	w.want(other, "success", "after reviewer signed")
	w.queue("success", "for each other's changes", one, other)

	// The same release in both: each must be signed by somebody else than its author.
	other.Push(githubtest.CommitSpec{Message: "More", Author: "helper", Files: map[string]string{"tools/Cargo.lock": w.lock("builder@1.0.0", "grabber@2.0.0", "quiet@1.0.0")}})
	w.want(other, "action_required", "since helper's own word does not count here")
	w.queue("action_required", "while one of the two is not signed for", one, other)
	other.Comment("reviewer", yes)
	w.want(other, "success", "after reviewer signed")
	w.queue("success", "after both are", one, other)
}

// TestApprovedAllowlistHoldsInTheQueue: an approval is of the file at the head of the
// pull request, and the group has another commit.
func TestApprovedAllowlistHoldsInTheQueue(t *testing.T) {
	w := newWorld(t, somePolicy)
	p := w.open(map[string]string{"Cargo.lock": w.lock("builder@1.0.0", "quiet@1.0.0"),
		allowFile: "[[allow]]\npackage = \"cargo/builder\"\nmay = [\"compile\"]\nreason = \"compiles a.c\"\n"})
	w.settle()
	w.queue("action_required", "before the approval", p).Dequeue()
	p.Review("reviewer", "APPROVED", "", "")
	w.want(p, "success", "after the approval")
	w.queue("success", "after the approval", p)
}

// TestWhatOnlyTheGroupBringsIn: each alone passes, and together they are more.
func TestWhatOnlyTheGroupBringsIn(t *testing.T) {
	w := newWorld(t, somePolicy)
	p := w.open(map[string]string{"README.md": "better\n"})
	w.want(p, "success", "for a text")
	// The queue's own merge says that it is the pull request, and holds more.
	w.repo.Branch("gh-readonly-queue/main/pr-1-x", "main")
	head := w.repo.Commit("gh-readonly-queue/main/pr-1-x", githubtest.CommitSpec{Message: "Merge pull request #1 from owner/topic-1", Author: "author", Files: map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")}})
	w.repo.MergeGroupAt("gh-readonly-queue/main/pr-1-x", p)
	w.settle()
	if run := w.check(head, mainCheck); run.Conclusion != "action_required" {
		t.Errorf("the group's check is %q (%s), want action_required", run.Conclusion, run.Title)
	}
}

// TestSquashedGroupKnowsItsAuthors: squashing leaves none of a pull request's commits,
// and the name of the group's branch says the last one only.
func TestSquashedGroupKnowsItsAuthors(t *testing.T) {
	w := newWorld(t, somePolicy)
	p := w.openBy("reviewer", map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	w.settle()
	p.Comment("reviewer", yes)
	w.want(p, "action_required", "after the author signed")
	w.repo.Branch("gh-readonly-queue/main/pr-9-x", "main")
	head := w.repo.Commit("gh-readonly-queue/main/pr-9-x", githubtest.CommitSpec{Message: "Update (#1)", Author: "author", Files: map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")}})
	w.repo.MergeGroupAt("gh-readonly-queue/main/pr-9-x", p)
	w.settle()
	if run := w.check(head, mainCheck); run.Conclusion != "action_required" {
		t.Errorf("the group's check is %q (%s), want action_required: its author alone signed", run.Conclusion, run.Title)
	}
}
