package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-github/v82/github"
)

// Bounds on what is written.
const (
	maxWritten  = 50       // files of one commit
	maxWrittenB = 10 << 20 // bytes of one file
	maxBody     = 65_536   // characters of a pull request's text
	maxHeads    = 1000     // pull requests that a branch is or was the head of
	fileCommits = perPage  // commits looked at of one file's history
	branchRef   = "heads/%s"
)

// ErrMoved says that a branch is not where it was expected to be: somebody pushed,
// made or deleted it. Nothing was changed.
var ErrMoved = errors.New("the branch moved meanwhile")

// Written is a file as a commit is to have it.
type Written struct {
	Path    string
	Content []byte // text in UTF-8
}

// CreateCommit makes a commit on top of parent that has the given files and all
// others as the parent has them. It is on no branch yet. Its author is the App.
// Three calls.
func (c *Client) CreateCommit(ctx context.Context, repo Repo, parent, message string, files []Written) (string, error) {
	if err := repo.check(); err != nil {
		return "", err
	}
	if err := checkSHA(parent); err != nil {
		return "", err
	}
	var entries []*github.TreeEntry
	for _, f := range files {
		if len(f.Content) > maxWrittenB || len(files) > maxWritten {
			return "", &TooLarge{What: fmt.Sprintf("commit of %d files, one with %d bytes", len(files), len(f.Content)), Limit: maxWrittenB}
		}
		entries = append(entries, &github.TreeEntry{Path: github.Ptr(f.Path), Mode: github.Ptr("100644"), Type: github.Ptr("blob"), Content: github.Ptr(string(f.Content))})
	}
	what := fmt.Sprintf("make a commit on %s of %s", parent, repo)
	return call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) (string, error) {
		// Objects that nothing leads to are no effect: doing it twice is doing it once.
		again := func() (string, bool, error) { return "", false, nil }
		before, _, err := gh.Git.GetCommit(ctx, repo.Owner, repo.Name, parent)
		if err != nil {
			return "", err
		}
		tree, err := once(ctx, c.app.backoff, func() (string, error) {
			tree, _, err := gh.Git.CreateTree(ctx, repo.Owner, repo.Name, before.GetTree().GetSHA(), entries)
			return tree.GetSHA(), err
		}, again)
		if err != nil {
			return "", err
		}
		sha, err := once(ctx, c.app.backoff, func() (string, error) {
			commit, _, err := gh.Git.CreateCommit(ctx, repo.Owner, repo.Name, github.Commit{
				Message: &message, Tree: &github.Tree{SHA: &tree}, Parents: []*github.Commit{{SHA: &parent}},
			}, nil)
			return commit.GetSHA(), err
		}, again)
		if err != nil {
			return "", err
		}
		return sha, checkSHA(sha)
	})
}

// PutBranch sets a branch to the commit sha. expected is where it was seen to be, ""
// for a branch that is to be made; if it is elsewhere the error is ErrMoved. With
// force the commit need not descend from expected; without it GitHub itself sees to
// it that no other push is lost, with it a push in the very moment between this look
// and the write is. Two calls.
func (c *Client) PutBranch(ctx context.Context, repo Repo, branch, expected, sha string, force bool) error {
	if err := errors.Join(repo.check(), checkBranch(branch), checkSHA(sha)); err != nil {
		return err
	}
	now, err := c.Tip(ctx, repo, branch)
	switch {
	case errors.Is(err, ErrNotFound):
		now = ""
	case err != nil:
		return err
	}
	if now == sha {
		return nil
	}
	what := fmt.Sprintf("set branch %q of %s", branch, repo)
	if now != expected {
		return fmt.Errorf("%s: %w", what, ErrMoved)
	}
	_, err = call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) (struct{}, error) {
		return once(ctx, c.app.backoff, func() (struct{}, error) {
			var err error
			if expected == "" {
				_, _, err = gh.Git.CreateRef(ctx, repo.Owner, repo.Name, github.CreateRef{Ref: "refs/heads/" + branch, SHA: sha})
			} else {
				_, _, err = gh.Git.UpdateRef(ctx, repo.Owner, repo.Name, fmt.Sprintf(branchRef, branch), github.UpdateRef{SHA: sha, Force: &force})
			}
			return struct{}{}, moved(err)
		}, func() (struct{}, bool, error) {
			now, err := c.Tip(ctx, repo, branch)
			if errors.Is(err, ErrNotFound) {
				err = nil
			}
			return struct{}{}, now == sha, err
		})
	})
	return err
}

// moved reads GitHub's words for a branch that is not where it was.
func moved(err error) error {
	var status *StatusError
	if !errors.As(err, &status) || status.Status != http.StatusUnprocessableEntity {
		return err
	}
	for _, words := range []string{"Update is not a fast forward", "Reference already exists", "Reference does not exist"} {
		if strings.Contains(status.Message, words) {
			return errors.Join(ErrMoved, err)
		}
	}
	return err
}

// DeleteBranch deletes a branch; one that is not there is as good as deleted. One
// call.
func (c *Client) DeleteBranch(ctx context.Context, repo Repo, branch string) error {
	if err := errors.Join(repo.check(), checkBranch(branch)); err != nil {
		return err
	}
	_, err := call(ctx, c.session, fmt.Sprintf("delete branch %q of %s", branch, repo), func(ctx context.Context, gh *github.Client) (struct{}, error) {
		_, err := gh.Git.DeleteRef(ctx, repo.Owner, repo.Name, fmt.Sprintf(branchRef, branch))
		return struct{}{}, moved(err)
	})
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrMoved) {
		return nil
	}
	return err
}

// PullsFrom lists the pull requests whose head is a branch of the repository itself,
// open or not, the newest first, into base alone unless that is empty. One call for
// each 100.
func (c *Client) PullsFrom(ctx context.Context, repo Repo, branch, base string) ([]*Pull, error) {
	if err := errors.Join(repo.check(), checkBranch(branch)); err != nil {
		return nil, err
	}
	what := fmt.Sprintf("list pull requests of %s from %q", repo, branch)
	return call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) ([]*Pull, error) {
		return pullsFrom(ctx, gh, repo, branch, base)
	})
}

func pullsFrom(ctx context.Context, gh *github.Client, repo Repo, branch, base string) ([]*Pull, error) {
	prs, err := list("pull requests", maxHeads, func(page int) ([]*github.PullRequest, *github.Response, error) {
		return gh.PullRequests.List(ctx, repo.Owner, repo.Name, &github.PullRequestListOptions{
			State: "all", Head: repo.Owner + ":" + branch, Base: base, Sort: "created", Direction: "desc",
			ListOptions: github.ListOptions{Page: page, PerPage: perPage},
		})
	})
	if err != nil {
		return nil, err
	}
	// GitHub ignores a head that it does not understand, and then lists everything.
	return pullsOf(prs, func(p *Pull) bool {
		return p.HeadRef == branch && strings.EqualFold(p.HeadRepo, repo.String()) && (base == "" || p.BaseRef == base)
	})
}

// OpenPull opens a pull request from a branch of the repository itself, and gives
// its number. If GitHub does not say whether it did, an open one from that branch is
// taken for it. One call.
func (c *Client) OpenPull(ctx context.Context, repo Repo, branch, base, title, body string) (int, error) {
	if err := errors.Join(repo.check(), checkBranch(branch), checkBranch(base), checkBody(body)); err != nil {
		return 0, err
	}
	what := fmt.Sprintf("open a pull request of %s from %q into %q", repo, branch, base)
	return call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) (int, error) {
		return once(ctx, c.app.backoff, func() (int, error) {
			pr, _, err := gh.PullRequests.Create(ctx, repo.Owner, repo.Name, &github.NewPullRequest{
				Title: &title, Head: &branch, Base: &base, Body: &body, MaintainerCanModify: github.Ptr(false),
			})
			return pr.GetNumber(), err
		}, func() (int, bool, error) {
			found, err := pullsFrom(ctx, gh, repo, branch, base)
			i := slices.IndexFunc(found, func(p *Pull) bool { return p.Open })
			if err != nil || i < 0 {
				return 0, false, err
			}
			return found[i].Number, true, nil
		})
	})
}

// EditPull gives a pull request another title and text. One call.
func (c *Client) EditPull(ctx context.Context, repo Repo, number int, title, body string) error {
	if err := checkBody(body); err != nil {
		return err
	}
	return c.patchPull(ctx, repo, number, "edit", &github.PullRequest{Title: &title, Body: &body})
}

// ClosePull closes a pull request. One call.
func (c *Client) ClosePull(ctx context.Context, repo Repo, number int) error {
	return c.patchPull(ctx, repo, number, "close", &github.PullRequest{State: github.Ptr("closed")})
}

func (c *Client) patchPull(ctx context.Context, repo Repo, number int, verb string, change *github.PullRequest) error {
	if err := repo.check(); err != nil {
		return err
	}
	_, err := call(ctx, c.session, fmt.Sprintf("%s pull request %s#%d", verb, repo, number), func(ctx context.Context, gh *github.Client) (struct{}, error) {
		return once(ctx, c.app.backoff, func() (struct{}, error) {
			_, _, err := gh.PullRequests.Edit(ctx, repo.Owner, repo.Name, number, change)
			return struct{}{}, err
		}, func() (struct{}, bool, error) { return struct{}{}, false, nil }) // the same twice is the same
	})
	return err
}

func checkBody(body string) error {
	if n := len([]rune(body)); n > maxBody {
		return &TooLarge{What: fmt.Sprintf("text of %d characters: more than %d", n, maxBody), Limit: maxBody}
	}
	return nil
}

// FileCommits are the newest commits in the history of the commit tip that changed
// the file at path, the newest first, at most 100. One call.
func (c *Client) FileCommits(ctx context.Context, repo Repo, tip, path string) ([]Commit, error) {
	if err := errors.Join(repo.check(), checkSHA(tip)); err != nil {
		return nil, err
	}
	what := fmt.Sprintf("list commits of %s to %s", repo, path)
	return call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) ([]Commit, error) {
		found, _, err := gh.Repositories.ListCommits(ctx, repo.Owner, repo.Name, &github.CommitsListOptions{
			SHA: tip, Path: path, ListOptions: github.ListOptions{PerPage: fileCommits},
		})
		if err != nil {
			return nil, err
		}
		var commits []Commit
		for _, f := range found {
			commit, err := c.commitOf(f)
			if err != nil {
				return nil, err
			}
			commit.URL, commit.At = f.GetHTMLURL(), f.GetCommit().GetCommitter().GetDate().Time
			commits = append(commits, commit)
		}
		return commits, nil
	})
}

// Installed is a repository that the App is installed on.
type Installed struct {
	Repo
	Archived, Fork bool
}

// Installed reads one repository. One call.
func (c *Client) Installed(ctx context.Context, owner, name string) (Installed, error) {
	repo := Repo{Owner: owner, Name: name}
	if err := repo.check(); err != nil {
		return Installed{}, err
	}
	return call(ctx, c.session, "read repository "+repo.String(), func(ctx context.Context, gh *github.Client) (Installed, error) {
		found, _, err := gh.Repositories.Get(ctx, owner, name)
		if err != nil {
			return Installed{}, err
		}
		return installedOf(found), nil
	})
}

func installedOf(r *github.Repository) Installed {
	return Installed{Repo: repoOf(r), Archived: r.GetArchived() || r.GetDisabled(), Fork: r.GetFork()}
}

// Empty reports whether err of Tip says that the repository has no commit at all.
func Empty(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && status.Status == http.StatusConflict
}

// MayWrite reports whether an installation granted what it takes to push branches and
// to open pull requests. One call.
func (a *App) MayWrite(ctx context.Context, installation int64) (contents, pulls bool, err error) {
	granted, err := call(ctx, a.self, fmt.Sprintf("read installation %d", installation), func(ctx context.Context, gh *github.Client) (*github.InstallationPermissions, error) {
		found, _, err := gh.Apps.GetInstallation(ctx, installation)
		return found.GetPermissions(), err
	})
	return granted.GetContents() == "write", granted.GetPullRequests() == "write", err
}
