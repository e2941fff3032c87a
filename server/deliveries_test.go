package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gh "github.com/google/go-github/v82/github"
)

// TestRealDeliveries reads deliveries as GitHub sends them, taken from
// @octokit/webhooks-examples 7.6.1, one of each action. In that of the repeated check
// run two times were put right, which the examples have in a form that GitHub does
// not send.
func TestRealDeliveries(t *testing.T) {
	const hello, pull = "957387 Codertocat/Hello-World 186853002 ", "1 Codertocat/Hello-World 186853002 pull 2"
	want := map[string]string{
		"check_run.rerequested":         "1 github/hello-world 526 commit d6fde92930d4715a2b49857d24b940956b26d2d3",
		"check_suite.rerequested":       hello + "commit ec26c3e57ca3a959ca5aad62de7213c562f8c821",
		"issue_comment.created":         "", // on an issue
		"merge_group.checks_requested":  "1 octo-org/octo-repo 17273051 merge-group 2ffea6db159f6b6c47a24e778fb9ef40cf6b1c7d into main",
		"pull_request.closed":           pull,
		"pull_request.labeled":          "",
		"pull_request.opened":           pull,
		"pull_request.ready_for_review": pull,
		"pull_request.reopened":         pull,
		"pull_request.synchronize":      pull,
		"pull_request_review.dismissed": pull,
		"pull_request_review.submitted": pull,
		"push.pushed":                   "", // a tag
	}
	files, err := filepath.Glob("testdata/deliveries/*.json")
	if err != nil || len(files) != len(want) {
		t.Fatalf("%d deliveries, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		event, _, _ := strings.Cut(name, ".")
		parsed, err := gh.ParseWebHook(event, data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := ""
		for _, j := range jobsOf(parsed) {
			got += fmt.Sprintf("%d %s/%s %d %s ", j.Installation, j.Owner, j.Repo, j.RepoID, j.Kind)
			switch {
			case j.Pull != 0:
				got += fmt.Sprint(j.Pull)
			case j.Base != "":
				got += j.SHA + " into " + j.Base
			default:
				got += j.SHA
			}
		}
		if got != want[name] {
			t.Errorf("%s makes %q, want %q", name, got, want[name])
		}
	}
}
