package github

import "testing"

// Names from outside must never become an operation: it is a label of metrics.
func TestOperation(t *testing.T) {
	for path, want := range map[string]string{
		"/repos/owner/app": "repos", "/repos/owner/app/pulls/7": "pulls", "/repos/owner/pulls/git/trees/abc": "git/trees",
		"/repos/owner/app/git/ref/heads/pulls": "git/ref", "/repos/owner/app/commits/abc/check-runs": "commits",
		"/repositories/12/contents/a/b": "contents", "/app": "app", "/app/hook/deliveries": "app", "/app/installations/3/access_tokens": "access_tokens",
		"/api/v3/repos/owner/app/compare/a...b": "compare", "/api/v3/orgs/pulls/teams/x": "orgs", "/users/pulls": "users",
		"/repos/owner/app/secret-name": "other", "/x": "other", "": "other",
	} {
		if got := operation(path); got != want {
			t.Errorf("operation(%q) = %q, want %q", path, got, want)
		}
	}
}
