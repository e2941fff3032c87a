package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/server"
	"github.com/lockkeeper/lockkeeper/store"
)

// owners' words that must stay byte for byte.
const ownersList = "# Ours. Ask alice before you change anything.\n\n[[allow]]   # old\npackage = 'cargo/gone'\nmay = [ 'compile' ]\n\n# The end.\n"

// signed opens a pull request that locks the packages, has the reviewer sign it off
// and merges it.
func (w *world) signed(packages ...string) *githubtest.Pull {
	w.t.Helper()
	p, _ := w.signedAs(packages...)
	return p
}

// signedAs is signed, with what comment and check said before.
func (w *world) signedAs(packages ...string) (p *githubtest.Pull, before [2]string) {
	w.t.Helper()
	p = w.open(map[string]string{"Cargo.lock": w.lock(packages...)})
	before = [2]string{"", w.want(p, "action_required", "before the sign-off").Summary}
	before[0] = w.comment(p)
	p.Comment("reviewer", yes)
	w.want(p, "success", "after the sign-off")
	w.merge(p)
	return p, before
}

func (w *world) merge(p *githubtest.Pull) {
	w.t.Helper()
	if _, err := p.Merge("second"); err != nil {
		w.t.Fatal(err)
	}
	w.settle()
}

// own are Lockkeeper's own pull requests, "state head -> base: title".
func (w *world) own() []string {
	var all []string
	for _, p := range w.repo.Pulls() {
		if p.Author == w.github.AppLogin() {
			all = append(all, fmt.Sprintf("%s %s -> %s: %s", p.State, p.Head, p.Base, p.Title))
		}
	}
	return all
}

func (w *world) wantOwn(when string, want ...string) {
	w.t.Helper()
	w.settle()
	if diff := cmp.Diff(want, w.own()); diff != "" {
		w.t.Errorf("%s, own pull requests (-want +got):\n%s\n%s", when, diff, w.log)
	}
}

// rolling is the newest pull request of Lockkeeper's own.
func (w *world) rolling() (*githubtest.Pull, githubtest.PullInfo) {
	w.t.Helper()
	all := w.repo.Pulls()
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Author == w.github.AppLogin() {
			return w.repo.Pull(all[i].Number), all[i]
		}
	}
	w.t.Fatalf("there is no pull request of Lockkeeper's own\n%s", w.log)
	return nil, githubtest.PullInfo{}
}

// list is the allowlist at a branch or commit.
func (w *world) list(ref string) string {
	content, _ := w.repo.File(ref, ".lockkeeper/allow.toml")
	return content
}

const oneSignOff, twoSignOffs = "Allowlist: 1 sign-off to record", "Allowlist: 2 sign-offs to record"

func builderEntry(number int) string {
	return fmt.Sprintf("\n[[allow]]\npackage       = \"cargo/builder\"\nversions      = \"1\"\nmay           = [\"compile\"]\nreason        = \"I read it\"\nsigned-off-by = \"reviewer\"\nsigned-off-in = \"#%d\"\n", number)
}

// The whole way of a sign-off into the allowlist, and that it ends there.
func TestSignOffsReachTheAllowlist(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.repo.Commit("main", githubtest.CommitSpec{Message: "List", Files: map[string]string{".lockkeeper/allow.toml": ownersList}})
	first, before := w.signedAs("builder@1.0.0", "quiet@1.0.0")
	for i, said := range before { // comment and check show what will be recorded
		entry := strings.NewReplacer("reason        = \"I read it\"\n", "", "signed-off-by = \"reviewer\"\n", "").Replace(builderEntry(first.Number))
		if !strings.Contains(said, "```toml"+entry+"```") {
			t.Errorf("%d: what waits does not show the entry:\n%s", i, said)
		}
	}
	w.wantOwn("after the merge", "open lockkeeper/allowlist -> main: "+oneSignOff)
	p, info := w.rolling()
	if diff := cmp.Diff(ownersList+builderEntry(first.Number), w.list("lockkeeper/allowlist")); diff != "" {
		t.Errorf("proposed (-want +got):\n%s", diff)
	}
	for _, part := range []string{"cargo/builder 1 | may compile | reviewer | #1", "cargo/gone", "lockkeeper allow prune"} {
		if !strings.Contains(info.Body, part) {
			t.Errorf("the text lacks %q:\n%s", part, info.Body)
		}
	}

	// Its own check wants an approval, which whoever signed off may give.
	w.want(p, "action_required", "before its approval")
	p.Review("outsider", "APPROVED", "", "")
	w.want(p, "action_required", "after an outsider's approval")
	p.Review("reviewer", "APPROVED", "", "")
	w.want(p, "success", "after its approval")
	w.merge(p)
	w.wantOwn("after it was merged", "merged lockkeeper/allowlist -> main: "+oneSignOff)
	if got := w.list("main"); got != ownersList+builderEntry(first.Number) {
		t.Errorf("on main: %s", got)
	}

	// The next change of the same kind asks nobody.
	other := w.open(map[string]string{"tools/Cargo.lock": w.lock("builder@1.0.0")})
	w.want(other, "success", "with the entry on main")
	w.merge(other)
	w.wantOwn("after a merge with nothing to record", "merged lockkeeper/allowlist -> main: "+oneSignOff)
}

// Until the entry is merged, the sign-off holds for exactly what was signed.
func TestPromise4StoredSignOffsHoldUntilRecorded(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.signed("grabber@2.0.0", "quiet@1.0.0")
	again := w.open(map[string]string{"tools/Cargo.lock": w.lock("grabber@2.0.0")})
	w.want(again, "success", "for what was signed off already")
	other := w.open(map[string]string{"tools/Cargo.lock": w.lock("grabber@2.0.1")})
	w.want(other, "action_required", "for other code")
	if !strings.Contains(w.list("lockkeeper/allowlist"), "build-code    = \"sha256:") || strings.Contains(w.list("lockkeeper/allowlist"), "network") {
		t.Errorf("grave code is not pinned:\n%s", w.list("lockkeeper/allowlist"))
	}
}

func TestOneRollingPullRequest(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.signed("builder@1.0.0", "quiet@1.0.0")
	p, _ := w.rolling()
	head := p.Head()
	w.repo.Commit("main", githubtest.CommitSpec{Message: "Elsewhere", Files: map[string]string{"README.md": "# more\n"}})
	w.settle()
	if p.Head() != head {
		t.Error("a push that has nothing to do with the allowlist rebuilt the branch")
	}
	w.signed("builder@1.0.0", "grabber@2.0.0", "quiet@1.0.0")
	w.wantOwn("after a second merge", "open lockkeeper/allowlist -> main: "+twoSignOffs)

	// The base's allowlist changes in a way that conflicts: rebuilt from its tip.
	w.repo.Commit("main", githubtest.CommitSpec{Message: "List", Files: map[string]string{".lockkeeper/allow.toml": ownersList}})
	w.wantOwn("after a conflicting push", "open lockkeeper/allowlist -> main: "+twoSignOffs)
	if got := w.list("lockkeeper/allowlist"); !strings.HasPrefix(got, ownersList+"\n[[allow]]\n") || strings.Count(got, "[[allow]]") != 3 {
		t.Errorf("rebuilt:\n%s", got)
	}
	p.Review("second", "APPROVED", "", "")
	w.want(p, "success", "after an approval")

	// One entry is added by hand, the other one in other words that admit it.
	byHand := ownersList + "\n[[allow]]\npackage = 'cargo/builder'\nmay = ['compile']\n"
	w.repo.Commit("main", githubtest.CommitSpec{Message: "By hand", Files: map[string]string{".lockkeeper/allow.toml": byHand}})
	w.wantOwn("after one was recorded by hand", "open lockkeeper/allowlist -> main: "+oneSignOff)
	w.repo.Commit("main", githubtest.CommitSpec{Message: "By hand", Files: map[string]string{".lockkeeper/allow.toml": byHand + "\n[[allow]]\npackage = 'cargo/grabber'\nany = true\n"}})
	w.wantOwn("after both were", "closed lockkeeper/allowlist -> main: "+oneSignOff)
	if w.repo.Head("lockkeeper/allowlist") != "" {
		t.Error("the branch is there yet")
	}
}

// Closing it means that these are not to be recorded; it says nothing of later ones.
func TestClosingDeclines(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.signed("builder@1.0.0", "quiet@1.0.0")
	p, _ := w.rolling()
	p.Close("owner")
	closed := "closed lockkeeper/allowlist -> main: " + oneSignOff
	w.wantOwn("after it was closed", closed)
	w.repo.Commit("main", githubtest.CommitSpec{Message: "List", Files: map[string]string{".lockkeeper/allow.toml": ownersList}})
	w.wantOwn("after a push to the rules", closed)
	w.signed("builder@1.0.0", "grabber@2.0.0", "quiet@1.0.0")
	w.wantOwn("after another sign-off", closed, "open lockkeeper/allowlist -> main: "+oneSignOff)
	if got := w.list("lockkeeper/allowlist"); strings.Contains(got, "builder") || !strings.Contains(got, "grabber") {
		t.Errorf("what was declined is offered again:\n%s", got)
	}
}

func TestPeoplesCommitsOnTheBranchStay(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.signed("builder@1.0.0", "quiet@1.0.0")
	p, _ := w.rolling()
	edited := strings.Replace(w.list("lockkeeper/allowlist"), "I read it", "compiles a.c, nothing else", 1)
	p.Push(githubtest.CommitSpec{Message: "Say why", Author: "helper", Files: map[string]string{".lockkeeper/allow.toml": edited}})
	w.settle()
	w.signed("builder@1.0.0", "grabber@2.0.0", "quiet@1.0.0")
	w.wantOwn("after another sign-off", "open lockkeeper/allowlist -> main: "+twoSignOffs)
	if got := w.list("lockkeeper/allowlist"); !strings.HasPrefix(got, edited) || !strings.Contains(got, "grabber") {
		t.Errorf("the branch has\n%s", got)
	}
	p.Review("helper", "APPROVED", "", "")
	w.want(p, "action_required", "after somebody approved who wrote part of it")
}

// Whoever hides an entry of their own behind Lockkeeper's name is shown.
func TestForeignEntriesAreShown(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.repo.Commit("main", githubtest.CommitSpec{Message: "List", Files: map[string]string{".lockkeeper/allow.toml": ownersList}})
	w.signed("builder@1.0.0", "quiet@1.0.0")
	p, info := w.rolling()
	if strings.Contains(info.Body, "People pushed") {
		t.Errorf("nobody pushed yet:\n%s", info.Body)
	}
	smuggled := strings.Replace(w.list("lockkeeper/allowlist"), "'cargo/gone'\nmay = [ 'compile' ]", "'cargo/evil'\nany = true", 1)
	p.Push(githubtest.CommitSpec{Message: "allowlist: record 1 sign-off\n\nRecorded-by: Lockkeeper\n", Author: "author", Files: map[string]string{".lockkeeper/allow.toml": smuggled}})
	w.settle()
	_, info = w.rolling()
	for _, part := range []string{"**People pushed to this branch.**", "Nobody signed off: `cargo/evil (every version)`, `anything`", "Gone or changed: `cargo/gone (every version)`"} {
		if !strings.Contains(info.Body, part) {
			t.Errorf("the text lacks %q:\n%s", part, info.Body)
		}
	}
	w.want(p, "action_required", "with an entry of somebody's own")
	p.ForcePush("main")
	w.wantOwn("after the branch was reset", "open lockkeeper/allowlist -> main: "+oneSignOff)
	if _, info = w.rolling(); strings.Contains(info.Body, "People pushed") || !strings.Contains(w.list("lockkeeper/allowlist"), "builder") {
		t.Errorf("after the branch was reset:\n%s", info.Body)
	}
}

func TestOtherBranchesHaveTheirOwn(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.repo.Branch("release/1.x", "main")
	w.repo.Branch("topic", "release/1.x")
	w.repo.Commit("topic", githubtest.CommitSpec{Message: "Update", Author: "author", Files: map[string]string{"Cargo.lock": w.lock("builder@1.0.0", "quiet@1.0.0")}})
	p := w.repo.OpenPull("author", "topic", "release/1.x", "Update", "")
	w.settle()
	p.Comment("reviewer", yes)
	w.settle()
	w.merge(p)
	w.signed("grabber@2.0.0", "quiet@1.0.0") // a sign-off of builder holds here as well
	w.wantOwn("after both merges", "open lockkeeper/allowlist-release/1.x -> release/1.x: "+oneSignOff, "open lockkeeper/allowlist -> main: "+oneSignOff)
}

func TestNothingIsRecorded(t *testing.T) {
	t.Run("by policy", func(t *testing.T) {
		w := newWorld(t, somePolicy+"[allowlist]\nrecord = \"none\"\n")
		if _, before := w.signedAs("builder@1.0.0", "quiet@1.0.0"); strings.Contains(before[0]+before[1], "[[allow]]") {
			t.Errorf("an entry is promised that nobody records:\n%s", before[0])
		}
		w.wantOwn("after the merge")
		w.repo.Commit("main", githubtest.CommitSpec{Message: "Record", Files: map[string]string{".lockkeeper/policy.toml": somePolicy}})
		w.wantOwn("after the policy changed", "open lockkeeper/allowlist -> main: "+oneSignOff)
	})
	t.Run("by the server", func(t *testing.T) {
		w := newWorldWith(t, somePolicy, githubtest.Config{}, func(c *server.Config) { c.NoRecord = true })
		if _, before := w.signedAs("builder@1.0.0", "quiet@1.0.0"); strings.Contains(before[0]+before[1], "[[allow]]") {
			t.Errorf("an entry is promised that nobody records:\n%s", before[0])
		}
		w.wantOwn("after the merge")
	})
	t.Run("not merged", func(t *testing.T) {
		w := newWorld(t, somePolicy)
		p := w.open(map[string]string{"Cargo.lock": w.lock("builder@1.0.0", "quiet@1.0.0")})
		w.settle()
		p.Comment("reviewer", yes)
		w.settle()
		p.Close("author")
		w.wantOwn("after it was closed")
	})
	t.Run("not signed", func(t *testing.T) {
		w := newWorld(t, somePolicy)
		p := w.open(map[string]string{"Cargo.lock": w.lock("builder@1.0.0", "quiet@1.0.0")})
		w.settle()
		w.merge(p) // an administrator may
		w.wantOwn("after a merge without sign-off")
	})
}

// Without the right to write the server goes on, and says so: once in the log, and in
// each check that it concerns.
func TestPromise10WithoutTheRightToWrite(t *testing.T) {
	granted := map[string]string{"metadata": "read", "contents": "read", "pull_requests": "write", "issues": "write", "checks": "write", "members": "read"}
	w := newWorldWith(t, somePolicy, githubtest.Config{Permissions: granted}, func(*server.Config) {})
	for _, packages := range [][]string{{"builder@1.0.0", "quiet@1.0.0"}, {"builder@1.0.0", "grabber@2.0.0", "quiet@1.0.0"}} {
		p := w.signed(packages...)
		if run := w.check(p.Head(), mainCheck); !strings.Contains(run.Summary, "the App may not write contents") {
			t.Errorf("the check does not say so:\n%s", run.Summary)
		}
	}
	w.wantOwn("without the right")
	if n := strings.Count(w.log.String(), "does not let the App write"); n != 1 {
		t.Errorf("said %d times in the log, want once", n)
	}
	for _, r := range w.github.Requests() {
		if strings.Contains(r.Path, "/git/") && r.Method != http.MethodGet {
			t.Errorf("tried all the same: %s %s", r.Method, r.Path)
		}
	}
}

const onBranch = somePolicy + "[allowlist]\nrecord = \"branch\"\n"

func TestRecordOnTheBranch(t *testing.T) {
	w := newWorld(t, onBranch)
	p := w.open(map[string]string{"Cargo.lock": w.lock("builder@1.0.0", "quiet@1.0.0")})
	w.want(p, "action_required", "before the sign-off")
	before := p.Head()
	p.Comment("reviewer", yes)
	w.want(p, "success", "after the sign-off")
	if p.Head() == before {
		t.Fatalf("nothing was committed onto the branch\n%s", w.log)
	}
	if got := w.list("topic-1"); got != strings.TrimPrefix(builderEntry(p.Number), "\n") {
		t.Errorf("the branch has\n%s", got)
	}
	head := p.Head()
	p.Comment("reviewer", "/lockkeeper rescan")
	w.want(p, "success", "after a rescan")
	if p.Head() != head {
		t.Error("it was committed twice")
	}
	// What the author adds beside it needs an approval.
	p.Push(githubtest.CommitSpec{Message: "More", Author: "author", Files: map[string]string{".lockkeeper/allow.toml": w.list("topic-1") + "\n[[allow]]\npackage = \"cargo/x\"\nany = true\n"}})
	w.want(p, "action_required", "after the author added another entry")
	p.ForcePush(head)
	w.want(p, "success", "without it")
	w.merge(p)
	w.wantOwn("after the merge")
	if got := w.list("main"); !strings.Contains(got, "cargo/builder") {
		t.Errorf("main has\n%s", got)
	}
}

// Branches of forks and bots are left alone; the rolling pull request records instead.
func TestRecordElsewhereThanOnTheBranch(t *testing.T) {
	t.Run("fork", func(t *testing.T) {
		w := newWorld(t, onBranch)
		fork := w.repo.AddFork("author")
		fork.Branch("topic", "main")
		fork.Commit("topic", githubtest.CommitSpec{Message: "Update", Author: "author", Files: map[string]string{"Cargo.lock": w.lock("builder@1.0.0", "quiet@1.0.0")}})
		p := w.repo.OpenPull("author", "author:topic", "main", "Update", "")
		w.settle()
		head := p.Head()
		p.Comment("reviewer", yes)
		run := w.want(p, "success", "after the sign-off")
		if p.Head() != head || !strings.Contains(run.Summary, "it is in a fork") {
			t.Errorf("the fork was pushed to, or nothing is said:\n%s", run.Summary)
		}
		w.merge(p)
		w.wantOwn("after the merge", "open lockkeeper/allowlist -> main: "+oneSignOff)
	})
	for name, test := range map[string]struct {
		policy string
		pushed bool
	}{"bot": {onBranch, false}, "bot, as the policy says": {onBranch + "bot-branches = true\n", true}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.policy)
			p := w.openBy("renovate[bot]", map[string]string{"Cargo.lock": w.lock("builder@1.0.0", "quiet@1.0.0")})
			w.settle()
			head := p.Head()
			p.Comment("reviewer", yes)
			w.want(p, "success", "after the sign-off")
			if (p.Head() != head) != test.pushed {
				t.Errorf("pushed: %t, want %t", p.Head() != head, test.pushed)
			}
		})
	}
}

// Whatever GitHub fails at, before or after it has done what was asked, there is one
// pull request with one entry in the end.
func TestRecordingSurvivesFaults(t *testing.T) {
	for _, call := range []struct{ method, path string }{
		{http.MethodPost, "/repos/*/*/git/trees"}, {http.MethodPost, "/repos/*/*/git/commits"}, {http.MethodPost, "/repos/*/*/git/refs"},
		{http.MethodPost, "/repos/*/*/pulls"}, {http.MethodGet, "/repos/*/*/git/ref/heads/lockkeeper"}, {http.MethodGet, "/app/installations"},
	} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s %s after %t", call.method, call.path, after), func(t *testing.T) {
				t.Parallel() // it mostly waits for the next try
				w := newWorld(t, somePolicy)
				p := w.open(map[string]string{"Cargo.lock": w.lock("builder@1.0.0", "quiet@1.0.0")})
				w.settle()
				p.Comment("reviewer", yes)
				w.settle()
				// More often than one call is tried, so that the job itself fails.
				w.github.AddFault(githubtest.Fault{Method: call.method, Path: call.path, Times: 7, After: after, Status: http.StatusBadGateway})
				w.merge(p)
				w.wantOwn("after the faults", "open lockkeeper/allowlist -> main: "+oneSignOff)
				if got := w.list("lockkeeper/allowlist"); got != strings.TrimPrefix(builderEntry(p.Number), "\n") {
					t.Errorf("the branch has\n%s", got)
				}
			})
		}
	}
}

// The end of a pull request of which no webhook told is noticed with the next one.
func TestMissedMergesAreNoticed(t *testing.T) {
	w := newWorld(t, somePolicy)
	p := w.open(map[string]string{"Cargo.lock": w.lock("builder@1.0.0", "quiet@1.0.0")})
	w.settle()
	p.Comment("reviewer", yes)
	w.settle()
	w.github.SetWebhook("", "")
	if _, err := p.Merge("second"); err != nil {
		t.Fatal(err)
	}
	w.settle()
	w.github.SetWebhook(w.hook, secret)
	w.signed("builder@1.0.0", "grabber@2.0.0", "quiet@1.0.0")
	w.wantOwn("after another merge", "open lockkeeper/allowlist -> main: "+twoSignOffs)
}

func TestExpiryIsRemindedOf(t *testing.T) {
	w := newWorld(t, somePolicy)
	soon := time.Now().AddDate(0, 0, 10).UTC().Format(time.DateOnly)
	w.repo.Commit("main", githubtest.CommitSpec{Message: "List", Files: map[string]string{
		".lockkeeper/allow.toml": "[[allow]]\npackage = 'cargo/quiet'\nrules = ['unverified']\nexpires = " + soon + "\n"}})
	w.signed("builder@1.0.0", "quiet@1.0.0")
	_, info := w.rolling()
	if !strings.Contains(info.Body, "line 1: `cargo/quiet`, on "+soon) {
		t.Errorf("the text does not remind:\n%s", info.Body)
	}
}

// events of the audit trail: "kind login package".
func (w *world) events() (all []string, full []store.Event) {
	w.t.Helper()
	must(w.t, w.store.Events(w.t.Context(), time.Time{}, "", func(e store.Event) error {
		all, full = append(all, fmt.Sprintf("%s %s %s %s", e.Kind, e.Login, e.Rule, e.Package)), append(full, e)
		return nil
	}))
	return all, full
}

// Everything that people decide is in the audit trail, once.
func TestAuditTrail(t *testing.T) {
	w := newWorld(t, somePolicy)
	p := w.open(map[string]string{"Cargo.lock": w.lock("builder@1.0.0", "quiet@1.0.0")})
	w.settle()
	p.Comment("second", `/lockkeeper reject builder "who is this"`)
	w.settle()
	p.Comment("second", `/lockkeeper withdraw builder`)
	w.settle()
	p.Comment("reviewer", yes)
	w.settle()
	w.merge(p)
	rolling, _ := w.rolling()
	rolling.Review("second", "APPROVED", "", "")
	w.want(rolling, "success", "after the approval")
	w.merge(rolling)
	w.repo.Commit("main", githubtest.CommitSpec{Message: "Looser", Author: "second", Files: map[string]string{".lockkeeper/policy.toml": "[rules]\nbuild-code-added = \"warn\"\n"}})
	w.settle()
	w.repo.Commit("main", githubtest.CommitSpec{Message: "Emptier", Author: "helper", Files: map[string]string{".lockkeeper/allow.toml": "# nothing\n"}})
	w.settle()
	w.repo.Branch("elsewhere", "main") // no base of anything
	w.repo.Commit("elsewhere", githubtest.CommitSpec{Message: "x", Author: "helper", Files: map[string]string{".lockkeeper/policy.toml": "\n"}})
	w.settle()
	got, full := w.events()
	const builder = "pkg:cargo/builder@1.0.0"
	if diff := cmp.Diff([]string{
		"reject second build-code-added " + builder,
		"withdraw second build-code-added " + builder,
		"sign-off reviewer build-code-added " + builder,
		"approval second guard-changed .lockkeeper/allow.toml",
		"policy-changed owner  .lockkeeper/policy.toml",
		"allowlist-added lockkeeper[bot]  cargo/builder",
		"policy-changed second  .lockkeeper/policy.toml",
		"allowlist-removed helper  cargo/builder",
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, e := range full {
		if e.Where == "" || e.At.IsZero() || e.By == 0 || e.Repository != "owner/app" {
			t.Errorf("%+v", e)
		}
	}
}
