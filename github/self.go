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

// mergeQueueEvent is sent where there are merge queues, which Enterprise Server lacks.
const mergeQueueEvent = "merge_group"

// NeededEvents are the events that the App must subscribe to.
func NeededEvents() []string {
	return []string{"pull_request", "pull_request_review", "issue_comment", mergeQueueEvent, "push", "check_run", "check_suite"}
}

// Self is the App as GitHub has it.
type Self struct {
	Slug        string
	Permissions map[string]string // "checks": "write"
	Events      []string
	Now         time.Time // GitHub's clock; zero where it did not say
	Enterprise  string    // version of Enterprise Server; empty elsewhere
}

// Self asks GitHub about the App itself, which shows that number and private key
// belong together. One call.
func (a *App) Self(ctx context.Context) (Self, error) {
	return call(ctx, a.self, "ask GitHub for the App", func(ctx context.Context, gh *github.Client) (Self, error) {
		app, resp, err := gh.Apps.Get(ctx, "")
		if err != nil {
			return Self{}, err
		}
		s := Self{Slug: app.GetSlug(), Events: app.Events, Permissions: map[string]string{}, Enterprise: resp.Header.Get("X-GitHub-Enterprise-Version")}
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
		if event == mergeQueueEvent && s.Enterprise != "" {
			continue
		}
		if !slices.Contains(s.Events, event) {
			lacking = append(lacking, "the event "+event)
		}
	}
	return lacking
}
