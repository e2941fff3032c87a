package github

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-github/v82/github"
)

// Bounds on commits.
const (
	// maxCommits of one comparison.
	maxCommits = 2000
	// maxCommitFiles of one commit: GitHub lists no more and does not say so.
	maxCommitFiles = 3000
	// maxCoAuthors of one commit; further ones count as one unknown person.
	maxCoAuthors = 100
)

// Commit is one commit of a change, with those who had a hand in it.
type Commit struct {
	SHA     string
	Message string
	Parents []string
	// Author and Committer are nil where GitHub knows no account for the address
	// in the commit. For commits made on GitHub's pages the committer is the account
	// "web-flow".
	Author, Committer *Account
	// ByGitHub: the committer is GitHub itself, known as an account or not: on an
	// Enterprise Server there may be none. That is what the commit says, as with
	// everybody whom a commit names.
	ByGitHub  bool
	CoAuthors []CoAuthor
	// URL of its page, and when it was committed; set by FileCommits alone.
	URL string
	At  time.Time
}

// CoAuthor is who a "Co-authored-by" trailer names. The name is anybody's claim;
// it can only take rights away, never give them.
type CoAuthor struct {
	Name, Email string
	// ID is 0 where the address is not one of GitHub's own that carry the id.
	ID    int64
	Login string
}

// Comparison is what lies between two commits.
type Comparison struct {
	// MergeBase is the best common ancestor, the one that GitHub uses.
	MergeBase string
	// Commits are all that head reaches and base does not, through every parent.
	Commits []Commit
}

// Compare finds merge base and commits together. Beyond 2000 commits it is a
// *TooLarge; for unrelated histories ErrNoMergeBase. One call for each 100
// commits, at least one.
func (c *Client) Compare(ctx context.Context, repo Repo, base, head string) (*Comparison, error) {
	if err := repo.check(); err != nil {
		return nil, err
	}
	for _, sha := range []string{base, head} {
		if err := checkSHA(sha); err != nil {
			return nil, err
		}
	}
	what := fmt.Sprintf("compare %s...%s of %s", base, head, repo)
	return call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) (*Comparison, error) {
		result, total := &Comparison{}, 0
		commits, err := list("commits", maxCommits, func(page int) ([]*github.RepositoryCommit, *github.Response, error) {
			found, resp, err := gh.Repositories.CompareCommits(ctx, repo.Owner, repo.Name, base, head, &github.ListOptions{Page: page, PerPage: perPage})
			if err != nil {
				return nil, nil, err
			}
			result.MergeBase, total = found.GetMergeBaseCommit().GetSHA(), found.GetTotalCommits()
			if total > maxCommits { // says the first page already
				return nil, nil, &TooLarge{What: fmt.Sprintf("%d commits, more than %d", total, maxCommits), Limit: maxCommits}
			}
			return found.Commits, resp, nil
		})
		if err != nil {
			return nil, err
		}
		if len(commits) != total {
			return nil, fmt.Errorf("GitHub counts %d commits and lists %d", total, len(commits))
		}
		for _, found := range commits {
			commit, err := c.commitOf(found)
			if err != nil {
				return nil, err
			}
			result.Commits = append(result.Commits, commit)
		}
		return result, checkSHA(result.MergeBase)
	})
}

// MergeBase is the best common ancestor, for those who need no commits.
// ErrNoMergeBase for unrelated histories. One call.
func (c *Client) MergeBase(ctx context.Context, repo Repo, base, head string) (string, error) {
	if err := repo.check(); err != nil {
		return "", err
	}
	for _, sha := range []string{base, head} {
		if err := checkSHA(sha); err != nil {
			return "", err
		}
	}
	what := fmt.Sprintf("find the merge base of %s and %s in %s", base, head, repo)
	return call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) (string, error) {
		found, _, err := gh.Repositories.CompareCommits(ctx, repo.Owner, repo.Name, base, head, &github.ListOptions{PerPage: 1})
		if err != nil {
			return "", err
		}
		sha := found.GetMergeBaseCommit().GetSHA()
		return sha, checkSHA(sha)
	})
}

// Commits is Compare for those who need no merge base.
func (c *Client) Commits(ctx context.Context, repo Repo, base, head string) ([]Commit, error) {
	found, err := c.Compare(ctx, repo, base, head)
	if err != nil {
		return nil, err
	}
	return found.Commits, nil
}

// CommitFiles lists the paths that a commit touches, both names of renamed
// files. For a merge GitHub compares with the first parent alone. From 3000
// files on it is a *TooLarge, since GitHub lists no more. One call for each page
// of GitHub's (300 files).
func (c *Client) CommitFiles(ctx context.Context, repo Repo, sha string) ([]string, error) {
	if err := repo.check(); err != nil {
		return nil, err
	}
	if err := checkSHA(sha); err != nil {
		return nil, err
	}
	what := fmt.Sprintf("list files of commit %s of %s", sha, repo)
	return call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) ([]string, error) {
		files, err := list("files", maxCommitFiles-1, func(page int) ([]*github.CommitFile, *github.Response, error) {
			commit, resp, err := gh.Repositories.GetCommit(ctx, repo.Owner, repo.Name, sha, &github.ListOptions{Page: page})
			if err != nil {
				return nil, nil, err
			}
			return commit.Files, resp, nil
		})
		if err != nil {
			return nil, err
		}
		var paths []string
		for _, file := range files {
			paths = append(paths, file.GetFilename())
			if previous := file.GetPreviousFilename(); previous != "" {
				paths = append(paths, previous)
			}
		}
		return paths, nil
	})
}

func (c *Client) commitOf(found *github.RepositoryCommit) (Commit, error) {
	commit := Commit{
		SHA:       found.GetSHA(),
		Message:   found.GetCommit().GetMessage(),
		Author:    known(found.Author),
		Committer: known(found.Committer),
	}
	for _, parent := range found.Parents {
		commit.Parents = append(commit.Parents, parent.GetSHA())
	}
	commit.ByGitHub = found.Committer.GetLogin() == webFlow || c.ownAddress(found.GetCommit().GetCommitter().GetEmail())
	commit.CoAuthors = coAuthors(commit.Message, "users.noreply."+c.app.web.Hostname())
	return commit, checkSHA(commit.SHA)
}

// webFlow is GitHub's own account, under which it commits what people do on its
// pages: merges, suggestions, "Update branch".
const webFlow = "web-flow"

// ownAddress reports whether an address is that of GitHub itself.
func (c *Client) ownAddress(email string) bool {
	return strings.EqualFold(email, "noreply@github.com") || strings.EqualFold(email, "noreply@"+c.app.web.Hostname())
}

// known is nil for null and for the empty object, which the API answers as well.
func known(u *github.User) *Account {
	if u.GetID() == 0 {
		return nil
	}
	account := accountOf(u)
	return &account
}

// coAuthors reads "Co-authored-by: Name <email>" lines. GitHub wants them in the
// last paragraph; here they count wherever they stand, since naming somebody
// only keeps them from signing off. noreply is the domain of GitHub's private
// addresses, "ID+login@users.noreply.github.com"; on an Enterprise Server those
// of the public one name other people.
func coAuthors(message, noreply string) []CoAuthor {
	const key = "co-authored-by:"
	var found []CoAuthor
	for line := range strings.Lines(message) {
		line = strings.TrimSpace(line)
		if len(line) < len(key) || !strings.EqualFold(line[:len(key)], key) {
			continue
		}
		if len(found) == maxCoAuthors {
			return append(found, CoAuthor{Name: "and others"})
		}
		found = append(found, coAuthor(strings.TrimSpace(line[len(key):]), noreply))
	}
	return found
}

func coAuthor(value, noreply string) CoAuthor {
	// The last <...>, as git does; without one the whole is a name.
	open, end := strings.LastIndexByte(value, '<'), strings.LastIndexByte(value, '>')
	if open < 0 || end < open {
		return CoAuthor{Name: value}
	}
	who := CoAuthor{Name: strings.TrimSpace(value[:open]), Email: strings.TrimSpace(value[open+1 : end])}
	local, domain, _ := strings.Cut(who.Email, "@")
	number, login, plus := strings.Cut(local, "+")
	if !plus || !strings.EqualFold(domain, noreply) || !loginForm.MatchString(login) {
		return who
	}
	if id, err := strconv.ParseInt(number, 10, 64); err == nil && id > 0 {
		who.ID, who.Login = id, login
	}
	return who
}
