package github

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/google/go-github/v82/github"
)

// Repo names a repository. Owner and Name address it; ID survives renaming.
type Repo struct {
	ID            int64
	Owner, Name   string
	DefaultBranch string
	// Private: not everybody may read it. Known of repositories that GitHub was asked
	// about; false else.
	Private bool
}

// String is "owner/name".
func (r Repo) String() string { return r.Owner + "/" + r.Name }

// Account is a user as GitHub knows them. ID alone identifies; the zero Account
// is one that GitHub no longer knows ("ghost").
type Account struct {
	ID    int64
	Login string
	// Bot: anything that is not a person: bots, but organisations and the
	// placeholders of migrated accounts too.
	Bot bool
}

// Pull is a pull request as it is now.
type Pull struct {
	Number              int
	ID                  int64
	Open, Draft, Merged bool
	Title, Body, URL    string
	Author              Account
	// Head is the commit, HeadRef its branch, HeadRepo the "owner/name" the branch
	// is in; HeadRepo is empty when that was deleted.
	Head, HeadRef, HeadRepo string
	// Base is the commit of the base branch that GitHub last compared with. It is
	// NOT the tip of that branch: it lags behind until somebody pushes to the head.
	// Ask Tip for the tip.
	Base, BaseRef string
	Repo          Repo
	// Comments is how many the conversation has; -1 where GitHub did not say, as in
	// lists.
	Comments int
}

// maxPulls bounds the open pull requests of one repository.
const maxPulls = 5000

// Pull reads one pull request. One call.
func (c *Client) Pull(ctx context.Context, repo Repo, number int) (*Pull, error) {
	if err := repo.check(); err != nil {
		return nil, err
	}
	return call(ctx, c.session, fmt.Sprintf("read pull request %s#%d", repo, number), func(ctx context.Context, gh *github.Client) (*Pull, error) {
		pr, _, err := gh.PullRequests.Get(ctx, repo.Owner, repo.Name, number)
		if err != nil {
			return nil, err
		}
		return pullOf(pr)
	})
}

// Tip is the newest commit of a branch. One call.
func (c *Client) Tip(ctx context.Context, repo Repo, branch string) (string, error) {
	if err := repo.check(); err != nil {
		return "", err
	}
	if err := checkBranch(branch); err != nil {
		return "", err
	}
	return call(ctx, c.session, fmt.Sprintf("read branch %q of %s", branch, repo), func(ctx context.Context, gh *github.Client) (string, error) {
		ref, _, err := gh.Git.GetRef(ctx, repo.Owner, repo.Name, "heads/"+branch)
		if err != nil {
			return "", err
		}
		sha := ref.GetObject().GetSHA()
		return sha, checkSHA(sha)
	})
}

// Repo reads a repository's id, its current name and its default branch. One
// call.
func (c *Client) Repo(ctx context.Context, owner, name string) (Repo, error) {
	repo := Repo{Owner: owner, Name: name}
	if err := repo.check(); err != nil {
		return Repo{}, err
	}
	return call(ctx, c.session, "read repository "+repo.String(), func(ctx context.Context, gh *github.Client) (Repo, error) {
		found, _, err := gh.Repositories.Get(ctx, owner, name)
		if err != nil {
			return Repo{}, err
		}
		return repoOf(found), nil
	})
}

// OpenPulls lists the open pull requests into the branch base, all open ones if
// base is empty. Beyond 5000 it is a *TooLarge. One call for each 100.
func (c *Client) OpenPulls(ctx context.Context, repo Repo, base string) ([]*Pull, error) {
	if err := repo.check(); err != nil {
		return nil, err
	}
	what := "list open pull requests of " + repo.String()
	return call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) ([]*Pull, error) {
		prs, err := list(what, maxPulls, func(page int) ([]*github.PullRequest, *github.Response, error) {
			return gh.PullRequests.List(ctx, repo.Owner, repo.Name, &github.PullRequestListOptions{
				// By creation, so that pages do not shift while pull requests are updated.
				State: "open", Base: base, Sort: "created", Direction: "asc",
				ListOptions: github.ListOptions{Page: page, PerPage: perPage},
			})
		})
		if err != nil {
			return nil, err
		}
		return pullsOf(prs, func(p *Pull) bool { return p.Open && (base == "" || p.BaseRef == base) })
	})
}

// PullsForCommit lists the open pull requests whose head is the commit sha. For
// a commit of a fork GitHub's own index may know none, so then all open pull
// requests are looked through. One call, or one more for each 100 open ones.
func (c *Client) PullsForCommit(ctx context.Context, repo Repo, sha string) ([]*Pull, error) {
	if err := repo.check(); err != nil {
		return nil, err
	}
	if err := checkSHA(sha); err != nil {
		return nil, err
	}
	what := fmt.Sprintf("list pull requests of %s with head %s", repo, sha)
	atHead := func(p *Pull) bool { return p.Open && p.Head == sha }
	found, err := call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) ([]*Pull, error) {
		prs, err := list(what, maxPulls, func(page int) ([]*github.PullRequest, *github.Response, error) {
			return gh.PullRequests.ListPullRequestsWithCommit(ctx, repo.Owner, repo.Name, sha, &github.ListOptions{Page: page, PerPage: perPage})
		})
		if err != nil {
			return nil, err
		}
		return pullsOf(prs, atHead)
	})
	if err != nil || len(found) > 0 {
		return found, err
	}
	open, err := c.OpenPulls(ctx, repo, "")
	if err != nil {
		return nil, err
	}
	for _, p := range open {
		if atHead(p) {
			found = append(found, p)
		}
	}
	return found, nil
}

func pullsOf(prs []*github.PullRequest, keep func(*Pull) bool) ([]*Pull, error) {
	var pulls []*Pull
	for _, pr := range prs {
		p, err := pullOf(pr)
		if err != nil {
			return nil, err
		}
		if keep(p) {
			pulls = append(pulls, p)
		}
	}
	return pulls, nil
}

func pullOf(pr *github.PullRequest) (*Pull, error) {
	p := &Pull{
		Number: pr.GetNumber(),
		ID:     pr.GetID(),
		Open:   pr.GetState() == "open",
		Draft:  pr.GetDraft(),
		// Lists have the time alone.
		Merged:   pr.GetMerged() || pr.MergedAt != nil,
		Title:    pr.GetTitle(),
		Body:     pr.GetBody(),
		URL:      pr.GetHTMLURL(),
		Author:   accountOf(pr.User),
		Head:     pr.GetHead().GetSHA(),
		HeadRef:  pr.GetHead().GetRef(),
		HeadRepo: pr.GetHead().GetRepo().GetFullName(),
		Base:     pr.GetBase().GetSHA(),
		BaseRef:  pr.GetBase().GetRef(),
		Repo:     repoOf(pr.GetBase().GetRepo()),
		Comments: -1,
	}
	if pr.Comments != nil {
		p.Comments = *pr.Comments
	}
	if p.Number == 0 || p.BaseRef == "" {
		return nil, fmt.Errorf("GitHub's pull request %d lacks its number or base branch", p.ID)
	}
	for _, sha := range []string{p.Head, p.Base} {
		if err := checkSHA(sha); err != nil {
			return nil, fmt.Errorf("pull request %d: %w", p.Number, err)
		}
	}
	return p, nil
}

func repoOf(r *github.Repository) Repo {
	owner, name, _ := strings.Cut(r.GetFullName(), "/")
	return Repo{ID: r.GetID(), Owner: owner, Name: name, DefaultBranch: r.GetDefaultBranch(), Private: r.GetPrivate()}
}

func accountOf(u *github.User) Account {
	if u == nil {
		return Account{}
	}
	return Account{ID: u.GetID(), Login: u.GetLogin(), Bot: u.GetType() != "User"}
}

// go-github puts names into paths as they are. What GitHub itself would never
// call something is refused, lest it become another path.
var (
	nameForm  = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	loginForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}(\[bot\])?$`)
	shaForm   = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
)

func (r Repo) check() error {
	for _, s := range []string{r.Owner, r.Name} {
		if !nameForm.MatchString(s) || s == "." || s == ".." {
			return &Invalid{What: fmt.Sprintf("repository %.120q is not owner/name", r.String())}
		}
	}
	return nil
}

func checkSHA(sha string) error {
	if !shaForm.MatchString(sha) {
		return &Invalid{What: fmt.Sprintf("%.80q is not the full id of a git object", sha)}
	}
	return nil
}

// checkBranch refuses what git refuses (git-check-ref-format) as far as it could
// change the meaning of a path.
func checkBranch(branch string) error {
	bad := branch == "" || len(branch) > 1000 || strings.Contains(branch, "..")
	for _, part := range strings.Split(branch, "/") {
		bad = bad || part == "" || part == "."
	}
	for _, r := range branch {
		bad = bad || r < 0x20 || r == 0x7f
	}
	if bad {
		return &Invalid{What: fmt.Sprintf("branch name %.80q", branch)}
	}
	return nil
}
