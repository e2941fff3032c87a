package githubtest_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v82/github"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

// schemas finds the schema of an event's action in GitHub's own description.
func schemas(t *testing.T) func(event, action string) *jsonschema.Schema {
	raw, err := os.ReadFile("testdata/webhooks.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mem:///webhooks.json", doc); err != nil {
		t.Fatal(err)
	}
	return func(event, action string) *jsonschema.Schema {
		name := event
		if action != "" {
			name += "." + action
		}
		s, err := c.Compile("mem:///webhooks.json#/$defs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

// TestPayloads causes every event, and holds each payload against GitHub's
// schema and go-github's types.
func TestPayloads(t *testing.T) {
	w := newWorld(t, defaults)
	rec := &receiver{}
	w.SetWebhook(rec.serve(t), "secret")

	p := w.pull
	p.Push(githubtest.CommitSpec{Message: "More", Author: "carol", Files: map[string]string{"a": "a\n"}})
	p.Edit("Add ring, please", "Now with a reason.", "carol")
	w.repo.Branch("stable", "main")
	p.Retarget("stable", "carol")
	p.Retarget("main", "carol")
	comment := p.Comment("bob", "/lockkeeper help")
	comment.Edit("bob", "/lockkeeper sign-off ring")
	comment.Delete("bob")
	review := p.Review("bob", "CHANGES_REQUESTED", "", "No.")
	review.Edit("No, thanks.")
	review.Dismiss("alice")
	p.Close("carol")
	p.Reopen("carol")
	run, _, err := w.installed().Checks.CreateCheckRun(w.ctx(), "acme", "widget", github.CreateCheckRunOptions{
		Name: "lockkeeper: main", HeadSHA: p.Head(), Conclusion: github.Ptr("success"),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.repo.Rerequest(run.GetID(), "bob")
	w.repo.RerequestSuite(p.Head(), "bob")
	w.repo.MergeGroup(p).Dequeue()
	if _, err := p.Merge("bob"); err != nil {
		t.Fatal(err)
	}
	w.repo.DeleteBranch("feature")
	fork := w.repo.AddFork("carol")
	fork.Commit("main", githubtest.CommitSpec{Message: "From a fork", Files: map[string]string{"fork": "x\n"}})
	w.repo.OpenDraft("carol", "carol:main", "main", "From a fork", "").ReadyForReview("carol")
	w.AddRepo("acme", "gadget", githubtest.RepoOptions{}).Uninstall()
	w.AddRepo("alice", "own", githubtest.RepoOptions{Private: true})
	w.repo.Suspend(true)
	w.repo.Suspend(false)
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.makeApp("acme", testManifest(rec.serve(t)))
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}

	schema := schemas(t)
	var kinds []string
	for _, d := range w.Deliveries() {
		kinds = append(kinds, strings.TrimSuffix(d.Event+"."+d.Action, "."))
		payload, err := jsonschema.UnmarshalJSON(bytes.NewReader(d.Payload))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema(d.Event, d.Action).Validate(payload); err != nil {
			t.Errorf("%s.%s: %v", d.Event, d.Action, err)
		}
		if _, err := github.ParseWebHook(d.Event, d.Payload); err != nil {
			t.Errorf("%s.%s: %v", d.Event, d.Action, err)
		}
	}
	slices.Sort(kinds)
	listed, err := os.ReadFile("contract/webhooks.txt")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(listed)) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			event, action, _ := strings.Cut(strings.ReplaceAll(line, "-", "_"), "/")
			want = append(want, strings.TrimSuffix(event+"."+action, "."))
		}
	}
	if diff := cmp.Diff(want, slices.Compact(kinds)); diff != "" {
		t.Errorf("events (-listed +sent):\n%s", diff)
	}
}

func TestDeliveriesAreSignedAndInOrder(t *testing.T) {
	w := newWorld(t, defaults)
	rec := &receiver{}
	w.SetWebhook(rec.serve(t), "secret")
	for _, body := range []string{"one", "two", "three"} {
		w.pull.Comment("bob", body)
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var bodies []string
	for i, req := range rec.requests {
		if err := github.ValidateSignature(req.Header.Get("X-Hub-Signature-256"), rec.bodies[i], []byte("secret")); err != nil {
			t.Error(err)
		}
		if github.ValidateSignature(req.Header.Get("X-Hub-Signature-256"), rec.bodies[i], []byte("other")) == nil {
			t.Error("any secret will do")
		}
		var event github.IssueCommentEvent
		if err := json.Unmarshal(rec.bodies[i], &event); err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, github.WebHookType(req)+" "+event.GetComment().GetBody())
		if event.GetInstallation().GetID() != w.repo.InstallationID() || !event.GetIssue().IsPullRequest() {
			t.Errorf("installation %d, pull request %v", event.GetInstallation().GetID(), event.GetIssue().IsPullRequest())
		}
	}
	if diff := cmp.Diff([]string{"issue_comment one", "issue_comment two", "issue_comment three"}, bodies); diff != "" {
		t.Error(diff)
	}
}

func TestInterceptedDeliveries(t *testing.T) {
	w := newWorld(t, defaults)
	rec := &receiver{}
	w.SetWebhook(rec.serve(t), "secret")
	plans := map[string]githubtest.Plan{
		"dropped": githubtest.Drop, "lost": githubtest.Lose, "doubled": githubtest.Twice, "held 1": githubtest.Hold, "held 2": githubtest.Hold,
	}
	w.Intercept(func(d githubtest.Delivery) githubtest.Plan {
		var event github.IssueCommentEvent
		if err := json.Unmarshal(d.Payload, &event); err != nil {
			t.Error(err)
		}
		return plans[event.GetComment().GetBody()]
	})
	for _, body := range []string{"held 1", "dropped", "held 2", "lost", "doubled", "plain"} {
		w.pull.Comment("bob", body)
	}
	flush := func() {
		t.Helper()
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	flush()
	held := w.Held()
	w.Release(held[1].ID, held[0].ID)
	flush()

	failed, _, err := w.app().Apps.ListHookDeliveries(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	failed = slices.DeleteFunc(failed, func(d *github.HookDelivery) bool { return d.GetStatusCode() == http.StatusOK })
	if len(failed) != 1 {
		t.Fatalf("%d failed deliveries, want the dropped one", len(failed))
	}
	if _, resp, err := w.app().Apps.RedeliverHookDelivery(t.Context(), failed[0].GetID()); resp == nil || resp.StatusCode != http.StatusAccepted {
		t.Fatal(err)
	}
	flush()
	w.Replay(held[0].ID)
	flush()

	var bodies, guids []string
	for i, req := range rec.requests {
		var event github.IssueCommentEvent
		if err := json.Unmarshal(rec.bodies[i], &event); err != nil {
			t.Fatal(err)
		}
		bodies, guids = append(bodies, event.GetComment().GetBody()), append(guids, github.DeliveryID(req))
	}
	want := []string{"doubled", "doubled", "plain", "held 2", "held 1", "dropped", "held 1"}
	if diff := cmp.Diff(want, bodies); diff != "" {
		t.Fatal(diff)
	}
	if guids[0] != guids[1] || guids[4] != guids[6] || guids[5] != failed[0].GetGUID() {
		t.Errorf("a delivery sent again has another id: %v", guids)
	}
}

func TestFailedReceiver(t *testing.T) {
	w := newWorld(t, defaults)
	rec := &receiver{status: http.StatusInternalServerError}
	w.SetWebhook(rec.serve(t), "secret")
	for range 3 {
		w.pull.Comment("bob", "hello")
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	// By cursor, one at a time, newest first.
	opts := &github.ListCursorOptions{PerPage: 1}
	var ids []int64
	for {
		page, resp, err := w.app().Apps.ListHookDeliveries(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page {
			if d.GetStatusCode() != http.StatusInternalServerError || d.GetRepositoryID() != w.repo.ID {
				t.Errorf("delivery %+v", d)
			}
			ids = append(ids, d.GetID())
		}
		if resp.Cursor == "" {
			break
		}
		opts.Cursor = resp.Cursor
	}
	if len(ids) != 3 || !slices.IsSortedFunc(ids, func(a, b int64) int { return int(b - a) }) {
		t.Errorf("deliveries %v", ids)
	}
}
