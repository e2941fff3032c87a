package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/go-github/v82/github"
)

// MaxComment is GitHub's limit on a comment, in characters.
const MaxComment = 65_536

// maxComments looked through on one pull request.
const maxComments = 20_000

// comment of GitHub's, as far as it is needed. go-github's type lacks the App.
type comment struct {
	ID      int64            `json:"id"`
	Body    string           `json:"body"`
	User    *github.User     `json:"user"`
	Created github.Timestamp `json:"created_at"`
	Updated github.Timestamp `json:"updated_at"`
	URL     string           `json:"html_url"`
	App     *struct {
		ID int64 `json:"id"`
	} `json:"performed_via_github_app"`
}

// FindComment finds the App's own comment that carries marker, the oldest if
// there are several; id 0 if there is none. That others copy the marker does not
// matter. One call for each 100 comments up to it.
func (c *Client) FindComment(ctx context.Context, repo Repo, number int, marker string) (id int64, body string, err error) {
	if err := checkMarker(repo, marker, marker); err != nil {
		return 0, "", err
	}
	what := fmt.Sprintf("find comment on %s#%d", repo, number)
	found, err := call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) (comment, error) {
		return c.findComment(ctx, gh, repo, number, marker)
	})
	return found.ID, found.Body, err
}

// PutComment writes the one comment: edits comment id, or creates one if id is 0
// or that comment was deleted. It returns the comment's id. body must carry
// marker, by which a comment is found again whose creation GitHub did not
// confirm, and have at most MaxComment characters. One call, two after a
// deletion.
func (c *Client) PutComment(ctx context.Context, repo Repo, number int, id int64, marker, body string) (int64, error) {
	if err := checkMarker(repo, marker, body); err != nil {
		return 0, err
	}
	if n := utf8.RuneCountInString(body); n > MaxComment {
		return 0, &TooLarge{What: fmt.Sprintf("comment of %d characters: more than %d", n, MaxComment), Limit: MaxComment}
	}
	what := fmt.Sprintf("write comment on %s#%d", repo, number)
	return call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) (int64, error) {
		if id != 0 {
			_, err := once(ctx, c.app.backoff, func() (struct{}, error) {
				_, _, err := gh.Issues.EditComment(ctx, repo.Owner, repo.Name, id, &github.IssueComment{Body: &body})
				return struct{}{}, err
			}, func() (struct{}, bool, error) { return struct{}{}, false, nil }) // the same twice is the same
			if err == nil || !errors.Is(err, ErrNotFound) {
				return id, err
			}
		}
		return once(ctx, c.app.backoff, func() (int64, error) {
			created, _, err := gh.Issues.CreateComment(ctx, repo.Owner, repo.Name, number, &github.IssueComment{Body: &body})
			return created.GetID(), err
		}, func() (int64, bool, error) {
			found, err := c.findComment(ctx, gh, repo, number, marker)
			return found.ID, found.ID != 0, err
		})
	})
}

// The reactions that answer a command.
const (
	ReactionSeen     = "eyes"
	ReactionDone     = "+1"
	ReactionRefused  = "-1"
	ReactionConfused = "confused"
)

// React adds a reaction to a comment. A second one of the same kind changes
// nothing. One call.
func (c *Client) React(ctx context.Context, repo Repo, commentID int64, reaction string) error {
	if err := repo.check(); err != nil {
		return err
	}
	what := fmt.Sprintf("react to comment %d of %s", commentID, repo)
	_, err := call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) (struct{}, error) {
		return once(ctx, c.app.backoff, func() (struct{}, error) {
			_, _, err := gh.Reactions.CreateIssueCommentReaction(ctx, repo.Owner, repo.Name, commentID, reaction)
			return struct{}{}, err
		}, func() (struct{}, bool, error) { return struct{}{}, false, nil })
	})
	return err
}

func checkMarker(repo Repo, marker, body string) error {
	if err := repo.check(); err != nil {
		return err
	}
	if marker == "" || !strings.Contains(body, marker) {
		return &Invalid{What: "a comment without its marker, which could not be found again"}
	}
	return nil
}

// pageOfComments is one page of those that were created or edited since then.
func (c *Client) pageOfComments(ctx context.Context, gh *github.Client, repo Repo, number, page int, since time.Time) ([]comment, *github.Response, error) {
	path := fmt.Sprintf("repos/%s/%s/issues/%d/comments?page=%d&per_page=%d", repo.Owner, repo.Name, number, page, perPage)
	if !since.IsZero() {
		path += "&since=" + since.UTC().Format(time.RFC3339)
	}
	req, err := gh.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		return nil, nil, err
	}
	var comments []comment
	resp, err := gh.Do(ctx, req, &comments)
	return comments, resp, err
}

var errEnough = errors.New("found")

func (c *Client) findComment(ctx context.Context, gh *github.Client, repo Repo, number int, marker string) (comment, error) {
	var own comment
	_, err := list("comments", maxComments, func(page int) ([]struct{}, *github.Response, error) {
		comments, resp, err := c.pageOfComments(ctx, gh, repo, number, page, time.Time{})
		if err != nil {
			return nil, nil, err
		}
		for _, found := range comments {
			if c.wrote(found) && strings.Contains(found.Body, marker) {
				own = found
				return nil, nil, errEnough
			}
		}
		return make([]struct{}, len(comments)), resp, nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return own, err
}

// wrote reports whether the App itself wrote the comment. A person who uses the
// App's login has performed_via_github_app set too, hence the bot.
func (c *Client) wrote(found comment) bool {
	if c.app.id == 0 { // a workflow run
		return found.User.GetType() == "Bot" && found.User.GetLogin() == actionsBot
	}
	return found.App != nil && found.App.ID == c.app.id && found.User.GetType() == "Bot"
}
