package github

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/google/go-github/v82/github"
)

// Needed are the permissions that the App must have, as GitHub names them. Policies
// that name teams need "members" too.
func Needed() map[string]string {
	return map[string]string{"checks": "write", "contents": "read", "issues": "write", "pull_requests": "write", "metadata": "read"}
}

// NeededEvents are the events that the App must subscribe to.
func NeededEvents() []string {
	return []string{"pull_request", "pull_request_review", "issue_comment", "merge_group", "push", "check_run", "check_suite"}
}

// Self is the App as GitHub has it.
type Self struct {
	Slug        string
	Permissions map[string]string // "checks": "write"
	Events      []string
	Now         time.Time // GitHub's clock; zero where it did not say
}

// Self asks GitHub about the App itself, which shows that number and private key
// belong together. One call.
func (a *App) Self(ctx context.Context) (Self, error) {
	return call(ctx, a.self, "ask GitHub for the App", func(ctx context.Context, gh *github.Client) (Self, error) {
		app, resp, err := gh.Apps.Get(ctx, "")
		if err != nil {
			return Self{}, err
		}
		s := Self{Slug: app.GetSlug(), Events: app.Events, Permissions: map[string]string{}}
		if at, err := time.Parse(time.RFC1123, resp.Header.Get("Date")); err == nil {
			s.Now = at
		}
		data, err := json.Marshal(app.GetPermissions())
		if err != nil {
			return Self{}, err
		}
		return s, json.Unmarshal(data, &s.Permissions)
	})
}

// Lacks says which permissions and events the App does not have, sorted, as on the
// App's settings page: "checks: write", "the event push".
func (s Self) Lacks() []string {
	rank := map[string]int{"read": 1, "write": 2, "admin": 3}
	var lacking []string
	needed := Needed()
	for _, name := range slices.Sorted(maps.Keys(needed)) {
		if rank[s.Permissions[name]] < rank[needed[name]] {
			lacking = append(lacking, name+": "+needed[name])
		}
	}
	for _, event := range NeededEvents() {
		if !slices.Contains(s.Events, event) {
			lacking = append(lacking, "the event "+event)
		}
	}
	return lacking
}
