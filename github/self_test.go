package github_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

func TestSelf(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	self, err := w.app.Self(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if self.Slug == "" || self.Permissions["checks"] != "write" || len(self.Lacks()) > 0 {
		t.Errorf("the App is %+v; it lacks %v", self, self.Lacks())
	}
	if time.Since(self.Now).Abs() > time.Hour {
		t.Errorf("GitHub's clock says %v", self.Now)
	}
	if off := self.Off(); len(off) > 0 {
		t.Errorf("features that are off: %v", off)
	}
	self.Permissions = map[string]string{"checks": "read", "contents": "read", "issues": "read", "metadata": "read", "merge_queues": "read"}
	self.Events = []string{"check_run", "check_suite", "issue_comment", "pull_request", "pull_request_review"}
	if got, want := self.Lacks(), []string{"checks: write", "pull_requests: write", "the event push"}; !slices.Equal(got, want) {
		t.Errorf("lacks %v; want %v", got, want)
	}
	want := map[string][]string{"teams": {"members: read"}, "merge-queue": {"the event merge_group"}, "curation": {"contents: write"}}
	if diff := cmp.Diff(want, self.Off()); diff != "" {
		t.Errorf("features that are off (-want +got):\n%s", diff)
	}
	self.Enterprise = "3.14.0"
	if _, off := self.Off()["merge-queue"]; off {
		t.Error("Enterprise Server has no merge queues to be without")
	}
}
