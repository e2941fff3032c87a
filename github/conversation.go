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
	// Own: the App itself wrote it.
	Own bool
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
		found, err := list("comments", maxComments, func(page int) ([]comment, *github.Response, error) {
			return c.pageOfComments(ctx, gh, repo, number, page, since)
		})
		if err != nil {
			return nil, err
		}
		comments := make([]Comment, 0, len(found))
		for _, f := range found {
			comments = append(comments, Comment{
				ID: f.ID, Author: accountOf(f.User), Body: f.Body,
				Created: f.Created.Time, Updated: f.Updated.Time, URL: f.URL, Own: c.wrote(f),
			})
		}
		return comments, nil
	})
}
