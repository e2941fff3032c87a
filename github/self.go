package github

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/go-github/v82/github"
)

// Self is the App as GitHub has it.
type Self struct {
	Slug        string
	Page        string            // where it is installed
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
		s := Self{Slug: app.GetSlug(), Page: pageOf(a.web, app.GetHTMLURL(), app.GetSlug()), Events: app.Events, Permissions: map[string]string{}, Enterprise: resp.Header.Get("X-GitHub-Enterprise-Version")}
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

// Lacks says which of the permissions and events that it always takes the App does not
// have, sorted, as on the App's settings page: "checks: write", "the event push".
func (s Self) Lacks() []string { return s.lacks(Base()) }

// Off are the features for which the App lacks something, each with what it lacks.
func (s Self) Off() map[string][]string {
	off := map[string][]string{}
	for _, f := range Features() {
		if f.NotEnterprise && s.Enterprise != "" {
			continue
		}
		if lacking := s.lacks(f.Permissions, f.Events); len(lacking) > 0 {
			off[f.Key] = lacking
		}
	}
	return off
}

func (s Self) lacks(permissions, events []Grant) []string {
	rank := map[string]int{"read": 1, "write": 2, "admin": 3}
	var lacking []string
	for _, g := range permissions {
		if rank[s.Permissions[g.Name]] < rank[g.Level] {
			lacking = append(lacking, g.Name+": "+g.Level)
		}
	}
	slices.Sort(lacking)
	for _, g := range events {
		if !slices.Contains(s.Events, g.Name) {
			lacking = append(lacking, "the event "+g.Name)
		}
	}
	return lacking
}
