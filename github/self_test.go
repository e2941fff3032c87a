package github_test

import (
	"slices"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/github"
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
	self.Permissions = map[string]string{"checks": "read", "contents": "write", "issues": "write", "metadata": "read"}
	self.Events = slices.DeleteFunc(github.NeededEvents(), func(e string) bool { return e == "push" })
	if got, want := self.Lacks(), []string{"checks: write", "pull_requests: write", "the event push"}; !slices.Equal(got, want) {
		t.Errorf("lacks %v; want %v", got, want)
	}
}
