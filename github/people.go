package github

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/google/go-github/v82/github"

	"github.com/lockkeeper/lockkeeper/policy"
)

// maxReviews of one pull request.
const maxReviews = 5000

// ReviewState is GitHub's word for what a review says.
type ReviewState string

const (
	Approved         ReviewState = "APPROVED"
	ChangesRequested ReviewState = "CHANGES_REQUESTED"
	Commented        ReviewState = "COMMENTED"
	Dismissed        ReviewState = "DISMISSED"
	Pending          ReviewState = "PENDING"
)

// Review is one review of a pull request. A later one does not change an
// earlier one's State; a dismissal does.
type Review struct {
	ID          int64
	State       ReviewState
	Commit      string // the head when it was submitted; empty if that is gone
	Author      Account
	SubmittedAt time.Time
	URL         string
}

// Reviews lists all reviews, the oldest first. One call for each 100.
func (c *Client) Reviews(ctx context.Context, repo Repo, number int) ([]Review, error) {
	if err := repo.check(); err != nil {
		return nil, err
	}
	what := fmt.Sprintf("list reviews of %s#%d", repo, number)
	return call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) ([]Review, error) {
		found, err := list("reviews", maxReviews, func(page int) ([]*github.PullRequestReview, *github.Response, error) {
			return gh.PullRequests.ListReviews(ctx, repo.Owner, repo.Name, number, &github.ListOptions{Page: page, PerPage: perPage})
		})
		if err != nil {
			return nil, err
		}
		reviews := make([]Review, 0, len(found))
		for _, r := range found {
			reviews = append(reviews, Review{
				ID: r.GetID(), State: ReviewState(r.GetState()), Commit: r.GetCommitID(), Author: accountOf(r.User),
				SubmittedAt: r.GetSubmittedAt().Time, URL: r.GetHTMLURL(),
			})
		}
		return reviews, nil
	})
}

// Person looks up what who may do in repo now, and which of the teams (slugs of
// the repository's organisation) they belong to: what policy asks of everybody
// who signed off. It goes by who.ID; who.Login may be out of date, or by now be
// somebody else's. A person whom GitHub no longer knows has no permission and no
// teams. One call, one more for each team, one or two more after a change of
// login.
func (c *Client) Person(ctx context.Context, repo Repo, who Account, teams []string) (policy.Person, error) {
	person := policy.Person{ID: who.ID, Login: who.Login, Bot: who.Bot, Permission: policy.None}
	if who.ID == 0 {
		return person, nil
	}
	role, account, err := c.permissionOf(ctx, repo, who)
	if err != nil || account.ID != who.ID {
		return person, err
	}
	person.Login, person.Bot, person.Permission = account.Login, who.Bot || account.Bot, role
	for _, slug := range teams {
		member, err := c.TeamMember(ctx, repo.Owner, slug, person.Login)
		if err != nil {
			return person, err
		}
		if member {
			person.Teams = append(person.Teams, slug)
		}
	}
	return person, nil
}

// permissionOf is permission for whoever has who.ID now. The account is another
// one, or none, if nobody has.
func (c *Client) permissionOf(ctx context.Context, repo Repo, who Account) (policy.Permission, Account, error) {
	if loginForm.MatchString(who.Login) {
		role, account, err := c.permission(ctx, repo, who.Login)
		if err != nil || account.ID == who.ID {
			return role, account, err
		}
	}
	now, err := c.Account(ctx, who.ID)
	if errors.Is(err, ErrNotFound) {
		return policy.None, Account{}, nil
	}
	if err != nil {
		return policy.None, Account{}, err
	}
	return c.permission(ctx, repo, now.Login)
}

// Account finds the account that has an id now. ErrNotFound if none has. One
// call.
func (c *Client) Account(ctx context.Context, id int64) (Account, error) {
	return call(ctx, c.session, fmt.Sprintf("read account %d", id), func(ctx context.Context, gh *github.Client) (Account, error) {
		user, _, err := gh.Users.GetByID(ctx, id)
		if err != nil {
			return Account{}, err
		}
		return accountOf(user), nil
	})
}

// Permission is what the account called login may do in repo; None if there is
// no such account. A custom role counts as the role that it is built on. One call. Whoever decides about people
// takes Person, which goes by the id.
func (c *Client) Permission(ctx context.Context, repo Repo, login string) (policy.Permission, error) {
	role, _, err := c.permission(ctx, repo, login)
	return role, err
}

func (c *Client) permission(ctx context.Context, repo Repo, login string) (policy.Permission, Account, error) {
	if err := repo.check(); err != nil {
		return policy.None, Account{}, err
	}
	if !loginForm.MatchString(login) {
		return policy.None, Account{}, &Invalid{What: fmt.Sprintf("login %.80q", login)}
	}
	what := fmt.Sprintf("read permission of %s on %s", login, repo)
	level, err := call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) (*github.RepositoryPermissionLevel, error) {
		level, _, err := gh.Repositories.GetPermissionLevel(ctx, repo.Owner, repo.Name, url.PathEscape(login))
		return level, err
	})
	if errors.Is(err, ErrNotFound) {
		return policy.None, Account{}, nil
	}
	if err != nil {
		return policy.None, Account{}, err
	}
	return roleOf(level.GetRoleName(), level.GetPermission(), level.GetUser().Permissions), accountOf(level.User), nil
}

// roleOf: permission knows neither triage nor maintain; it says read and write
// for them. role_name does, but may be a custom role's name, which owners choose; of
// what such a role is built on the rights of the account tell.
func roleOf(role, permission string, rights map[string]bool) policy.Permission {
	coarse := policy.None
	switch p := policy.Permission(permission); p {
	case policy.Read, policy.Write, policy.Admin:
		coarse = p
	}
	is := func(finer policy.Permission) bool { return role == string(finer) || rights[string(finer)] }
	switch {
	case coarse == policy.Read && is(policy.Triage):
		return policy.Triage
	case coarse == policy.Write && is(policy.Maintain):
		return policy.Maintain
	}
	return coarse
}

// TeamMember reports whether login is an active member of the organisation's
// team, by itself or through a child team. An invitation not yet accepted is not
// enough. One call.
func (c *Client) TeamMember(ctx context.Context, org, slug, login string) (bool, error) {
	if !loginForm.MatchString(login) || !nameForm.MatchString(org) || !nameForm.MatchString(slug) || slug == "." || slug == ".." {
		return false, &Invalid{What: fmt.Sprintf("team %.80q of %.80q, login %.80q", slug, org, login)}
	}
	what := fmt.Sprintf("read membership of %s in %s/%s", login, org, slug)
	membership, err := call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) (*github.Membership, error) {
		membership, _, err := gh.Teams.GetTeamMembershipBySlug(ctx, org, slug, url.PathEscape(login))
		return membership, err
	})
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return membership.GetState() == "active", err
}
