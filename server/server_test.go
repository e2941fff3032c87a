package server_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
	"github.com/lockkeeper/lockkeeper/server"
)

const (
	somePolicy = "[reviewers]\npermission = \"maintain\"\n"
	yes        = `/lockkeeper sign-off all "I read it"`
)

func TestWholeLine(t *testing.T) {
	w := newWorld(t, somePolicy)
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.1")})
	run := w.want(p, "action_required", "before anybody signs")
	if run.Title != "1 package needs a sign-off" {
		t.Errorf("title %q", run.Title)
	}
	if len(run.Annotations) == 0 || run.Annotations[0].Path != "Cargo.lock" || run.Annotations[0].StartLine != 3 {
		t.Errorf("annotations %+v, want one at Cargo.lock:3", run.Annotations)
	}
	comment := w.comment(p)
	for _, part := range []string{"grabber", "network", "+fn main()", "/lockkeeper sign-off grabber"} {
		if !strings.Contains(comment, part) {
			t.Errorf("the comment lacks %q:\n%s", part, comment)
		}
	}
	p.Comment("reviewer", yes)
	w.want(p, "success", "after the reviewer signed off")
	if comment := w.comment(p); !strings.Contains(comment, "signed by reviewer") {
		t.Errorf("the comment does not say who signed:\n%s", comment)
	}
}

func TestNothingToSayMeansNoComment(t *testing.T) {
	w := newWorld(t, somePolicy)
	p := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.1")})
	w.want(p, "success", "for an update without build code")
	if comment := w.comment(p); comment != "" {
		t.Errorf("there is a comment:\n%s", comment)
	}
}

func TestNotOnboardedIsNeutral(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0")})
	w.want(p, "neutral", "without .lockkeeper on the base")
	if !strings.Contains(w.comment(p), ".lockkeeper/policy.toml") {
		t.Errorf("the comment does not say how to start:\n%s", w.comment(p))
	}
}

func TestApprovingReviewSignsOff(t *testing.T) {
	w := newWorld(t, somePolicy)
	entry := "[[allow]]\npackage = \"cargo/builder\"\nmay = [\"compile\"]\nreason = \"compiles a.c\"\n"
	p := w.open(map[string]string{"Cargo.lock": w.lock("builder@1.0.0", "quiet@1.0.0"), ".lockkeeper/allow.toml": entry})
	w.want(p, "action_required", "before the review")
	p.Review("outsider", "APPROVED", "", "")
	w.want(p, "action_required", "after an outsider approved")
	p.Review("reviewer", "COMMENTED", "", "hm")
	w.want(p, "action_required", "after a comment in a review")
	review := p.Review("reviewer", "APPROVED", "", "")
	w.want(p, "success", "after a reviewer approved")
	p.Push(githubtest.CommitSpec{Message: "Unrelated", Author: "author", Files: map[string]string{"README.md": "# new\n"}})
	w.want(p, "success", "after an unrelated push")
	p.Push(githubtest.CommitSpec{Message: "More", Author: "author", Files: map[string]string{
		".lockkeeper/allow.toml": entry + "\n[[allow]]\npackage = \"cargo/grabber\"\nany = true\nreason = \"x\"\n"}})
	w.want(p, "action_required", "after the allowlist changed again")
	p.Review("reviewer", "APPROVED", "", "")
	w.want(p, "success", "after it was approved again")
	review.Dismiss("second")
	w.want(p, "success", "after the older approval was dismissed")
}

func TestPromise1APullRequestCannotChangeItsRules(t *testing.T) {
	w := newWorld(t, somePolicy)
	p := w.open(map[string]string{
		"Cargo.lock":              w.lock("grabber@2.0.0", "quiet@1.0.0"),
		".lockkeeper/policy.toml": "[scan]\nignore = [\"**\"]\n[reviewers]\nusers = [\"author\", \"outsider\"]\n[rules]\nbuild-code-added = \"off\"\nguard-changed = \"off\"\n",
		".lockkeeper/allow.toml":  "[[allow]]\npackage = \"cargo/grabber\"\nany = true\nreason = \"trust me\"\n",
	})
	w.want(p, "action_required", "with rules of its own")
	p.Comment("outsider", yes)
	w.want(p, "action_required", "after a reviewer of its own making signed")

	alone := w.open(map[string]string{".lockkeeper/policy.toml": "[rules]\nguard-changed = \"off\"\n"})
	w.want(alone, "action_required", "when only the policy is edited")
}

func TestPromise2NobodySignsOffOnTheirOwnChange(t *testing.T) {
	grab := func(w *world) map[string]string {
		return map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")}
	}
	t.Run("author", func(t *testing.T) {
		w := newWorld(t, somePolicy)
		p := w.open(grab(w))
		w.settle()
		p.Comment("author", yes)
		w.want(p, "action_required", "after the author signed")
		if !strings.Contains(w.comment(p), "author") {
			t.Errorf("the comment does not say why it does not count:\n%s", w.comment(p))
		}
	})
	t.Run("committer", func(t *testing.T) {
		w := newWorld(t, somePolicy)
		w.repo.Branch("topic", "main")
		w.repo.Commit("topic", githubtest.CommitSpec{Message: "Update", Author: "helper", Committer: "reviewer", Files: grab(w)})
		p := w.repo.OpenPull("author", "topic", "main", "Update", "")
		w.settle()
		p.Comment("helper", yes)
		p.Comment("reviewer", yes)
		w.want(p, "action_required", "after author and committer of the commit signed")
		p.Comment("second", yes)
		w.want(p, "success", "after somebody else signed")
	})
	t.Run("co-author", func(t *testing.T) {
		w := newWorld(t, somePolicy)
		id := w.github.AddUser("pair").ID
		w.repo.SetPermission("pair", "maintain")
		p := w.open(map[string]string{"README.md": "x\n"})
		p.Push(githubtest.CommitSpec{Message: "Update\n\nCo-authored-by: Pair <" + strconv.FormatInt(id, 10) + "+pair@users.noreply.127.0.0.1>", Author: "author", Files: grab(w)})
		w.settle()
		p.Comment("pair", yes)
		w.want(p, "action_required", "after a co-author signed")
	})
	t.Run("second parent", func(t *testing.T) {
		w := newWorld(t, somePolicy)
		w.repo.Branch("side", "main")
		w.repo.Commit("side", githubtest.CommitSpec{Message: "Update", Author: "helper", Files: grab(w)})
		p := w.open(map[string]string{"README.md": "x\n"})
		w.settle()
		w.repo.MergeInto("topic-1", "side", "author")
		w.settle()
		p.Comment("helper", yes)
		w.want(p, "action_required", "after the author of a merged commit signed")
		p.Comment("reviewer", yes)
		w.want(p, "success", "after a reviewer signed")
	})
	t.Run("nobody known", func(t *testing.T) {
		w := newWorld(t, somePolicy)
		p := w.open(map[string]string{"README.md": "x\n"})
		p.Push(githubtest.CommitSpec{Message: "Update", Author: "Somebody <nobody@example.invalid>", Files: grab(w)})
		w.settle()
		p.Comment("reviewer", yes)
		w.want(p, "action_required", "while a commit's author is unknown")
	})
	t.Run("bot", func(t *testing.T) {
		w := newWorld(t, somePolicy)
		w.repo.SetPermission("renovate[bot]", "admin")
		p := w.open(grab(w))
		w.settle()
		p.Comment("renovate[bot]", yes)
		w.want(p, "action_required", "after a bot signed")
	})
	t.Run("a bot's pull request", func(t *testing.T) {
		w := newWorld(t, somePolicy)
		p := w.openBy("renovate[bot]", grab(w))
		w.want(p, "action_required", "for a bot's pull request")
		p.Comment("reviewer", yes)
		w.want(p, "success", "after a reviewer signed")
	})
	t.Run("rights lost", func(t *testing.T) {
		w := newWorld(t, somePolicy)
		p := w.open(grab(w))
		w.settle()
		p.Comment("reviewer", yes)
		w.want(p, "success", "after a reviewer signed")
		w.repo.SetPermission("reviewer", "read")
		p.Comment("outsider", "/lockkeeper rescan")
		w.want(p, "action_required", "after the reviewer lost the right")
	})
}

func TestPromise3WhatCannotBeVerifiedHolds(t *testing.T) {
	w := newWorld(t, somePolicy)
	broken := w.open(map[string]string{"Cargo.lock": "version = 4\n\n[[package]]\nname = \"quiet\"\n<<<<<<< HEAD\n"})
	w.want(broken, "action_required", "for a lockfile that cannot be read")
	if !strings.Contains(w.comment(broken), "unverified") {
		t.Errorf("the comment does not say so:\n%s", w.comment(broken))
	}
	other := w.open(map[string]string{"Cargo.lock": strings.ReplaceAll(w.lock("quiet@1.0.0"), "registry+https://github.com/rust-lang/crates.io-index", "registry+https://crates.example.invalid/index")})
	w.want(other, "action_required", "for a registry that is not configured")
	missing := w.open(map[string]string{"Cargo.lock": strings.ReplaceAll(w.lock("quiet@1.0.0"), "1.0.0", "9.9.9")})
	w.want(missing, "action_required", "for a release that the registry does not have")
	forged := w.open(map[string]string{"Cargo.lock": strings.Replace(w.lock("quiet@1.0.1"), `checksum = "`, `checksum = "00`, 1)})
	w.want(forged, "action_required", "for a checksum that is none")
	swapped := w.open(map[string]string{"Cargo.lock": strings.ReplaceAll(w.lock("grabber@2.0.0"), "grabber", "quiet")})
	w.want(swapped, "action_required", "for a release that is not there")
}

func TestChecksumMismatchBlocks(t *testing.T) {
	w := newWorld(t, somePolicy)
	wrong := strings.Repeat("ab", 32)
	lock := w.lock("quiet@1.0.1")
	start := strings.Index(lock, `checksum = "`) + len(`checksum = "`)
	p := w.open(map[string]string{"Cargo.lock": lock[:start] + wrong + lock[start+64:]})
	w.want(p, "failure", "for a checksum that the registry does not have")
	p.Comment("reviewer", yes)
	w.want(p, "failure", "after a reviewer tried to sign it off")
}

func TestPromise4ASignOffHoldsForWhatWasSigned(t *testing.T) {
	w := newWorld(t, somePolicy)
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	w.settle()
	p.Comment("reviewer", yes)
	w.want(p, "success", "after the sign-off")
	p.Push(githubtest.CommitSpec{Message: "Unrelated", Author: "author", Files: map[string]string{"src/main.rs": "fn main() {}\n"}})
	w.want(p, "success", "after an unrelated push")
	p.Push(githubtest.CommitSpec{Message: "Next", Author: "author", Files: map[string]string{"Cargo.lock": w.lock("grabber@2.0.1", "quiet@1.0.0")}})
	w.want(p, "action_required", "after another version came in")

	second := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0")})
	w.want(second, "success", "for the signed release in another pull request")
}

// TestPromise4AllMeansWhatWasShown: a push between the reviewer's comment and the
// scan must not slip something under "all".
func TestPromise4AllMeansWhatWasShown(t *testing.T) {
	w := newWorld(t, somePolicy)
	p := w.open(map[string]string{"Cargo.lock": w.lock("builder@1.0.0", "quiet@1.0.0")})
	w.want(p, "action_required", "with builder")
	w.github.Intercept(func(githubtest.Delivery) githubtest.Plan { return githubtest.Hold })
	p.Comment("reviewer", yes)
	p.Push(githubtest.CommitSpec{Message: "Sneak", Author: "author", Files: map[string]string{"Cargo.lock": w.lock("builder@1.0.0", "grabber@2.0.0", "quiet@1.0.0")}})
	w.github.Intercept(nil)
	w.github.Release()
	run := w.want(p, "action_required", "after a push that the reviewer had not seen")
	if run.Title != "1 package needs a sign-off" {
		t.Errorf("title %q: builder is signed, grabber is not", run.Title)
	}
}

func TestEditedCommentsAreNotHeard(t *testing.T) {
	w := newWorld(t, somePolicy)
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	w.settle()
	comment := p.Comment("reviewer", "Let me think.")
	w.settle()
	comment.Edit("author", yes)
	p.Comment("outsider", "/lockkeeper rescan")
	w.want(p, "action_required", "after somebody put words into a reviewer's comment")
}

func TestRejectHoldsUntilWithdrawn(t *testing.T) {
	w := newWorld(t, somePolicy)
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	w.settle()
	p.Comment("reviewer", yes)
	p.Comment("second", `/lockkeeper reject grabber "it downloads"`)
	w.want(p, "failure", "after a rejection")
	p.Comment("reviewer", `/lockkeeper withdraw grabber`)
	w.want(p, "failure", "after another reviewer withdrew")
	p.Comment("second", `/lockkeeper withdraw grabber`)
	w.want(p, "action_required", "after the rejection was withdrawn")
	p.Comment("reviewer", yes)
	w.want(p, "success", "after a new sign-off")
}

func TestPromise8BadDeliveriesChangeNothing(t *testing.T) {
	w := newWorld(t, somePolicy)
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	w.settle()
	var real githubtest.Delivery
	for _, d := range w.github.Deliveries() {
		if d.Event == "pull_request" {
			real = d
		}
	}
	sign := func(body []byte, key string) string {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write(body)
		return "sha256=" + hex.EncodeToString(mac.Sum(nil))
	}
	w.github.ResetRequests()
	for name, test := range map[string]struct {
		body, signature, header string
		want                    int
	}{
		"unsigned":     {string(real.Payload), "", "", http.StatusBadRequest},
		"wrong key":    {string(real.Payload), sign(real.Payload, "another"), "", http.StatusBadRequest},
		"empty key":    {string(real.Payload), sign(real.Payload, ""), "", http.StatusBadRequest},
		"altered":      {string(real.Payload) + " ", sign(real.Payload, secret), "", http.StatusBadRequest},
		"sha1 alone":   {string(real.Payload), "", "sha1=" + strings.Repeat("0", 40), http.StatusBadRequest},
		"oversized":    {strings.Repeat(" ", 26<<20), sign(nil, secret), "", http.StatusRequestEntityTooLarge},
		"no JSON":      {"{", sign([]byte("{"), secret), "", http.StatusBadRequest},
		"no such pull": {"{}", sign([]byte("{}"), secret), "", http.StatusOK},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.hook, strings.NewReader(test.body))
		must(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-GitHub-Event", "pull_request")
		req.Header.Set("X-GitHub-Delivery", "x")
		if test.signature != "" {
			req.Header.Set("X-Hub-Signature-256", test.signature)
		}
		if test.header != "" {
			req.Header.Set("X-Hub-Signature", test.header)
		}
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		resp.Body.Close()
		if resp.StatusCode != test.want {
			t.Errorf("%s: status %d, want %d", name, resp.StatusCode, test.want)
		}
	}
	w.settle()
	if requests := w.github.Requests(); len(requests) > 0 {
		t.Errorf("bad deliveries led to %v", requests)
	}
	before := w.check(p.Head(), mainCheck)
	w.github.Replay(real.ID)
	after := w.want(p, "action_required", "after a replay")
	if after.ID != before.ID {
		t.Errorf("a replay made another check run")
	}
	w.comment(p)
}

func TestPromise8NoServerWithoutSecret(t *testing.T) {
	w := newWorld(t, somePolicy)
	if _, err := server.New(t.Context(), server.Config{Store: w.store}); err == nil || !strings.Contains(err.Error(), "webhook-secret") {
		t.Errorf("error %v, want one that names webhook-secret", err)
	}
}

// TestPromise9AnOlderScanNeverOverwrites: a push arrives while a slow scan of the
// head before is under way.
func TestPromise9AnOlderScanNeverOverwrites(t *testing.T) {
	w := newWorld(t, somePolicy)
	hold := make(chan struct{})
	reached := make(chan struct{}, 1)
	remove := w.github.AddFault(githubtest.Fault{Method: "GET", Path: "/repos/owner/app/compare", Times: 1, Hold: hold, Match: func(*http.Request) bool {
		select {
		case reached <- struct{}{}:
		default:
		}
		return true
	}})
	defer remove()
	p := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.1")})
	old := p.Head()
	<-reached
	p.Push(githubtest.CommitSpec{Message: "Worse", Author: "author", Files: map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.1")}})
	must(t, w.github.Flush(t.Context()))
	close(hold)
	w.want(p, "action_required", "at the new head")
	if run := w.check(old, mainCheck); run.Conclusion == "success" {
		t.Errorf("the result of the older scan was published: %+v", run)
	}
}

func TestPromise10NoSecretsInLogs(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.github.AddFault(githubtest.Fault{Method: "POST", Path: "/repos/*/*/check-runs", Status: 502, Times: 2})
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	w.want(p, "action_required", "after GitHub failed twice")
	log := w.log.String()
	if log == "" {
		t.Error("nothing was logged at all")
	}
	for _, s := range []string{secret, "PRIVATE KEY", "ghs_", "Bearer", "eyJ"} {
		if strings.Contains(log, s) {
			t.Errorf("the log shows %q", s)
		}
	}
}

func TestMergeGroupIsScanned(t *testing.T) {
	w := newWorld(t, somePolicy)
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	w.want(p, "action_required", "before the sign-off")
	group := w.repo.MergeGroup(p)
	w.settle()
	if run := w.check(group.Head, mainCheck); run.Conclusion != "action_required" {
		t.Errorf("the group's check is %q, want action_required", run.Conclusion)
	}
	group.Dequeue()
	p.Comment("reviewer", yes)
	w.want(p, "success", "after the sign-off")
	group = w.repo.MergeGroup(p)
	w.settle()
	if run := w.check(group.Head, mainCheck); run.Conclusion != "success" {
		t.Errorf("the group's check is %q (%s), want success", run.Conclusion, run.Title)
	}
}

func TestBaseBranchRulesRescan(t *testing.T) {
	w := newWorld(t, somePolicy)
	p := w.open(map[string]string{"Cargo.lock": w.lock("builder@1.0.0", "quiet@1.0.0")})
	w.want(p, "action_required", "under the first policy")
	w.repo.Commit("main", githubtest.CommitSpec{Message: "Allow", Author: "owner", Files: map[string]string{
		".lockkeeper/allow.toml": "[[allow]]\npackage = \"cargo/builder\"\nmay = [\"compile\"]\nreason = \"known\"\n"}})
	w.want(p, "success", "after the base branch allows it")
	w.repo.Commit("main", githubtest.CommitSpec{Message: "Break", Author: "owner", Files: map[string]string{".lockkeeper/policy.toml": "[rulez]\n"}})
	run := w.want(p, "failure", "while the policy cannot be read")
	if !strings.Contains(run.Summary, "rulez") || !strings.Contains(run.Summary, "policy.toml:1") {
		t.Errorf("the check does not say what is wrong where:\n%s", run.Summary)
	}
	w.repo.Commit("main", githubtest.CommitSpec{Message: "Mend", Author: "owner", Files: map[string]string{".lockkeeper/policy.toml": somePolicy}})
	w.want(p, "success", "after it was mended")
}

func TestRetargetIsJudgedAnew(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.repo.Branch("lenient", "main")
	w.repo.Commit("lenient", githubtest.CommitSpec{Message: "Lenient", Author: "owner", Files: map[string]string{".lockkeeper/policy.toml": "[rules]\nbuild-code-added = \"warn\"\n"}})
	w.repo.Branch("topic", "lenient")
	w.repo.Commit("topic", githubtest.CommitSpec{Message: "Update", Author: "author", Files: map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")}})
	p := w.repo.OpenPull("author", "topic", "lenient", "Update", "")
	w.settle()
	if run := w.check(p.Head(), "lockkeeper: lenient"); run.Conclusion != "success" {
		t.Errorf("on the lenient branch: %q", run.Conclusion)
	}
	p.Retarget("main", "author")
	w.want(p, "action_required", "after it was retargeted to main")
}

func TestBurstCoalesces(t *testing.T) {
	w := newWorld(t, somePolicy)
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	w.settle()
	deliveries := w.github.Deliveries()
	w.github.ResetRequests()
	for range 100 {
		w.github.Replay(deliveries[len(deliveries)-1].ID)
	}
	w.want(p, "action_required", "after a burst")
	if n := w.github.CountRequests("GET", "/repos/owner/app/compare"); n > 50 {
		t.Errorf("100 deliveries led to %d scans", n)
	}
	w.comment(p)
}

func TestGitHubFailsAfterTheEffect(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.github.AddFault(githubtest.Fault{Method: "POST", Path: "/repos/*/*/check-runs", Status: 502, Times: 1, After: true})
	w.github.AddFault(githubtest.Fault{Method: "POST", Path: "/repos/*/*/issues/*/comments", Reset: true, Times: 1, After: true})
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	w.want(p, "action_required", "after answers were lost")
	runs := 0
	for _, run := range w.repo.CheckRuns(p.Head()) {
		if run.Name == mainCheck {
			runs++
		}
	}
	if runs != 1 {
		t.Errorf("there are %d check runs, want 1", runs)
	}
	w.comment(p)
}

func TestHealth(t *testing.T) {
	w := newWorld(t, somePolicy)
	for _, path := range []string{"/healthz", "/readyz"} {
		resp, err := http.Get(strings.TrimSuffix(w.hook, "/webhook") + path)
		must(t, err)
		var body bytes.Buffer
		body.ReadFrom(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", path, resp.StatusCode, &body)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.server.Idle(ctx); err == nil {
		t.Error("a dead context is taken for an idle server")
	}
}

// TestPromise3ARegistryThatIsAwayHolds: what cannot be verified for now holds the
// pull request, and is looked at again when something happens.
func TestPromise3ARegistryThatIsAwayHolds(t *testing.T) {
	w := newWorld(t, somePolicy)
	w.registry.Inject(registrytest.Fault{Path: "/api/**", Status: 500})
	p := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.1")})
	w.eventually(p, "action_required")
	if !strings.Contains(w.comment(p), "could not be attributed to a publisher") {
		t.Errorf("the comment does not say what is unverified:\n%s", w.comment(p))
	}
	w.registry.Heal()
	p.Comment("outsider", "/lockkeeper rescan")
	w.want(p, "success", "after the registry came back")
}

// TestUnrelatedHistoryIsAllNew: without a merge base everything in the head is
// judged, and nobody can sign off, since who wrote it is not known.
func TestUnrelatedHistoryIsAllNew(t *testing.T) {
	w := newWorld(t, somePolicy)
	p := w.open(map[string]string{"README.md": "x\n"})
	w.settle()
	p.ForcePush(w.repo.CommitOn("", githubtest.CommitSpec{Message: "Begin", Author: "author", Files: map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")}}))
	w.want(p, "action_required", "without a merge base")
	p.Comment("reviewer", yes)
	w.want(p, "action_required", "after a sign-off that cannot count")
}

// TestALockedConversationStillGetsItsCheck: what GitHub refuses for good must not
// keep the check from being right.
func TestALockedConversationStillGetsItsCheck(t *testing.T) {
	w := newWorld(t, somePolicy)
	p := w.open(map[string]string{"Cargo.lock": w.lock("grabber@2.0.0", "quiet@1.0.0")})
	w.settle()
	w.github.AddFault(githubtest.Fault{Method: "POST", Path: "/repos/*/*/issues/comments", Status: 403})
	w.github.AddFault(githubtest.Fault{Method: "PATCH", Path: "/repos/*/*/issues/comments", Status: 403})
	p.Comment("reviewer", yes)
	w.want(p, "success", "after a sign-off in a locked conversation")
}
