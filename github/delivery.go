package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/go-github/v82/github"
)

// Bounds on what the App asks about itself.
const (
	maxInstallations = 50_000
	maxRepos         = 50_000
	maxDeliveryPages = 100
)

// Installation of the App.
type Installation struct {
	ID        int64
	Account   string // login of the owner
	Suspended bool
}

// Delivery is one webhook delivery that failed.
type Delivery struct {
	ID    int64
	GUID  string // X-GitHub-Delivery, the same for all attempts
	Event string
	At    time.Time // of the latest attempt
	// Status is what GitHub says of that attempt: "failed to connect to host".
	Status string
	// Attempts so far, as far as they were looked at.
	Attempts int
}

// Installations lists where the App is installed. One call for each 100.
func (a *App) Installations(ctx context.Context) ([]Installation, error) {
	return call(ctx, a.self, "list installations", func(ctx context.Context, gh *github.Client) ([]Installation, error) {
		found, err := list("installations", maxInstallations, func(page int) ([]*github.Installation, *github.Response, error) {
			return gh.Apps.ListInstallations(ctx, &github.ListOptions{Page: page, PerPage: perPage})
		})
		if err != nil {
			return nil, err
		}
		var all []Installation
		for _, i := range found {
			all = append(all, Installation{ID: i.GetID(), Account: i.GetAccount().GetLogin(), Suspended: i.SuspendedAt != nil})
		}
		return all, nil
	})
}

// Active is a repository with what shows that something happened in it.
type Active struct {
	Repo
	Pushed time.Time // when somebody pushed to one of its branches last
	Open   int       // issues and pull requests
}

// Repos lists the repositories of the installation that are not archived. One
// call for each 100.
func (c *Client) Repos(ctx context.Context) ([]Repo, error) {
	active, err := c.Active(ctx)
	var all []Repo
	for _, a := range active {
		all = append(all, a.Repo)
	}
	return all, err
}

// Active is Repos with what happened there.
func (c *Client) Active(ctx context.Context) ([]Active, error) {
	return call(ctx, c.session, "list repositories of the installation", func(ctx context.Context, gh *github.Client) ([]Active, error) {
		found, err := list("repositories", maxRepos, func(page int) ([]*github.Repository, *github.Response, error) {
			repos, resp, err := gh.Apps.ListRepos(ctx, &github.ListOptions{Page: page, PerPage: perPage})
			if err != nil {
				return nil, nil, err
			}
			return repos.Repositories, resp, nil
		})
		if err != nil {
			return nil, err
		}
		var all []Active
		for _, r := range found {
			if !r.GetArchived() && !r.GetDisabled() {
				all = append(all, Active{Repo: repoOf(r), Pushed: r.GetPushedAt().Time, Open: r.GetOpenIssuesCount()})
			}
		}
		return all, nil
	})
}

// FailedDeliveries lists the webhook deliveries since then of which no attempt
// succeeded, the newest first. GitHub keeps them for three days. One call for
// each 100 deliveries, failed or not; a *TooLarge beyond 10,000.
func (a *App) FailedDeliveries(ctx context.Context, since time.Time) ([]Delivery, error) {
	return call(ctx, a.self, "list webhook deliveries", func(ctx context.Context, gh *github.Client) ([]Delivery, error) {
		var failed []Delivery
		seen := map[string]int{} // attempts by GUID; deliveries come newest first
		delivered := map[string]bool{}
		options := &github.ListCursorOptions{PerPage: perPage}
		for range maxDeliveryPages {
			found, resp, err := gh.Apps.ListHookDeliveries(ctx, options)
			if err != nil {
				return nil, err
			}
			past := false
			for _, d := range found {
				if past = d.GetDeliveredAt().Before(since); past {
					break
				}
				guid, code := d.GetGUID(), d.GetStatusCode()
				if code >= 200 && code < 300 {
					delivered[guid] = true
				} else if seen[guid] == 0 {
					failed = append(failed, Delivery{ID: d.GetID(), GUID: guid, Event: d.GetEvent(), At: d.GetDeliveredAt().Time, Status: oneLine(d.GetStatus(), 100)})
				}
				seen[guid]++
			}
			if past || resp.Cursor == "" || resp.Cursor == options.Cursor {
				return undelivered(failed, delivered, seen), nil
			}
			options.Cursor = resp.Cursor
		}
		return nil, &TooLarge{What: fmt.Sprintf("more than %d webhook deliveries", maxDeliveryPages*perPage), Limit: maxDeliveryPages * perPage}
	})
}

func undelivered(failed []Delivery, delivered map[string]bool, attempts map[string]int) []Delivery {
	var left []Delivery
	for _, d := range failed {
		if d.Attempts = attempts[d.GUID]; !delivered[d.GUID] {
			left = append(left, d)
		}
	}
	return left
}

// Redeliver asks GitHub to attempt a delivery again. Asking twice delivers
// twice, which does no harm. One call.
func (a *App) Redeliver(ctx context.Context, id int64) error {
	_, err := call(ctx, a.self, fmt.Sprintf("redeliver webhook delivery %d", id), func(ctx context.Context, gh *github.Client) (struct{}, error) {
		_, _, err := gh.Apps.RedeliverHookDelivery(ctx, id)
		var accepted *github.AcceptedError // how the library reports GitHub's 202
		if errors.As(err, &accepted) {
			err = nil
		}
		return struct{}{}, err
	})
	return err
}

// Verify asks GitHub whether it knows the App by its key. ErrRefused if it does not;
// other errors say nothing about that. One call.
func (a *App) Verify(ctx context.Context) error {
	_, err := a.Self(ctx)
	// An unknown id is answered like an unknown page.
	var status *StatusError
	if errors.As(err, &status) && (status.Status == http.StatusUnauthorized || status.Status == http.StatusNotFound) {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}
