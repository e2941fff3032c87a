package github

import (
	"context"
	"fmt"
	"time"

	"github.com/google/go-github/v82/github"
)

// Comment is one comment of a pull request's conversation.
type Comment struct {
	ID     int64
	Author Account
	Body   string
	// Created and Updated are GitHub's times, in whole seconds. They differ once
	// the comment was edited.
	Created, Updated time.Time
	URL              string
}

// Comments lists the comments of a pull request that were created or edited
// since then, the oldest first; all of them if since is zero. Beyond 20,000 it is
// a *TooLarge. One call for each 100.
func (c *Client) Comments(ctx context.Context, repo Repo, number int, since time.Time) ([]Comment, error) {
	if err := repo.check(); err != nil {
		return nil, err
	}
	what := fmt.Sprintf("list comments on %s#%d", repo, number)
	return call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) ([]Comment, error) {
		found, err := list("comments", maxComments, func(page int) ([]*github.IssueComment, *github.Response, error) {
			options := &github.IssueListCommentsOptions{ListOptions: github.ListOptions{Page: page, PerPage: perPage}}
			if !since.IsZero() {
				options.Since = &since
			}
			return gh.Issues.ListComments(ctx, repo.Owner, repo.Name, number, options)
		})
		if err != nil {
			return nil, err
		}
		comments := make([]Comment, 0, len(found))
		for _, f := range found {
			comments = append(comments, Comment{
				ID: f.GetID(), Author: accountOf(f.User), Body: f.GetBody(),
				Created: f.GetCreatedAt().Time, Updated: f.GetUpdatedAt().Time, URL: f.GetHTMLURL(),
			})
		}
		return comments, nil
	})
}
