package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/go-github/v82/github"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/scan"
)

// maxForeignFiles listed of one commit of a repository that packages come from.
const maxForeignFiles = 50_000

// Public reads public repositories, whoever they belong to, for one scan: it
// remembers which are public. It implements scan.Repositories.
//
// Private ones are not read, whatever the token could see: what is found in a
// repository is shown to everybody who sees the pull request, and its author
// chooses the repository.
type Public struct {
	client *Client
	host   string // of web addresses, with the port if there is one

	mu    sync.Mutex // guards known
	known map[string]func() (Repo, error)
}

var _ scan.Repositories = (*Public)(nil)

// Public reads with the installation's token, which GitHub lets read all that is
// public.
func (c *Client) Public() *Public { return newPublic(c, c.app.web) }

func newPublic(c *Client, web *url.URL) *Public {
	return &Public{client: c, host: strings.ToLower(web.Host), known: map[string]func() (Repo, error){}}
}

// NewPublic reads with a user's or workflow's token, or anonymously if it is
// empty: then GitHub answers sixty requests an hour. AppID and PrivateKey of cfg
// do not matter. It contacts nobody.
func NewPublic(cfg Config, token string) (*Public, error) {
	client, web, err := withToken(cfg, token)
	if err != nil {
		return nil, err
	}
	return newPublic(client, web), nil
}

// NewWorkflow is a client that speaks with the token of a workflow run of GitHub
// Actions, for its comments: its own are those of the bot of GitHub Actions. AppID and
// PrivateKey of cfg do not matter. It contacts nobody.
func NewWorkflow(cfg Config, token string) (*Client, error) {
	if token == "" {
		return nil, errors.New("GitHub token: there is none; set GITHUB_TOKEN to the workflow's own")
	}
	client, _, err := withToken(cfg, token)
	return client, err
}

// actionsBot is who a workflow run writes as.
const actionsBot = "github-actions[bot]"

func withToken(cfg Config, token string) (*Client, *url.URL, error) {
	base, web, err := cfg.addresses()
	if err != nil {
		return nil, nil, err
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, nil, errors.New("GitHub token: it holds blanks or other characters that no token has; set it without them")
	}
	defaults(&cfg)
	transport := &attempts{
		next:    &bearer{token: token, next: &wire{next: cfg.Transport, origin: base, now: time.Now}},
		timeout: cfg.Timeout, backoff: cfg.Backoff, now: time.Now,
	}
	client := &Client{app: &App{web: web, backoff: cfg.Backoff}, session: &session{timeout: cfg.OperationTimeout, create: func() (*github.Client, error) {
		gh := github.NewClient(&http.Client{Transport: transport})
		gh.BaseURL, gh.UserAgent = base, cfg.UserAgent
		return gh, nil
	}}}
	return client, web, nil
}

// bearer authenticates requests. It stands before wire, which sends them to one
// host only.
type bearer struct {
	token string
	next  http.RoundTripper
}

func (b *bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	if b.token != "" {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.next.RoundTrip(req)
}

// Serves reports whether host is the configured GitHub.
func (p *Public) Serves(host string) bool { return strings.EqualFold(host, p.host) }

// repo looks a repository up, once, and makes sure that everybody may see it.
func (p *Public) repo(ctx context.Context, r scan.Repository) (Repo, error) {
	if !p.Serves(r.Host) {
		return Repo{}, fmt.Errorf("%w: %s is not on the configured GitHub", scan.ErrUnreadable, r)
	}
	p.mu.Lock()
	look := p.known[r.String()]
	if look == nil {
		look = sync.OnceValues(func() (Repo, error) { return p.look(ctx, Repo{Owner: r.Owner, Name: r.Name}) })
		p.known[r.String()] = look
	}
	p.mu.Unlock()
	return look()
}

func (p *Public) look(ctx context.Context, repo Repo) (Repo, error) {
	if err := repo.check(); err != nil {
		return Repo{}, lasting(err)
	}
	found, err := call(ctx, p.client.session, "read repository "+repo.String(), func(ctx context.Context, gh *github.Client) (*github.Repository, error) {
		found, _, err := gh.Repositories.Get(ctx, repo.Owner, repo.Name)
		return found, err
	})
	if err != nil {
		return Repo{}, lasting(err)
	}
	if found.GetPrivate() || found.GetVisibility() != "public" {
		return Repo{}, fmt.Errorf("%w: %s is not public", scan.ErrNotThere, repo)
	}
	current := repoOf(found)
	return current, current.check()
}

// lasting marks errors that stay, as scan.Repositories has it.
func lasting(err error) error {
	switch {
	case errors.Is(err, ErrNotFound):
		return fmt.Errorf("%w: %w", scan.ErrNotThere, err)
	case err != nil && !Temporary(err):
		return fmt.Errorf("%w: %w", scan.ErrUnreadable, err)
	}
	return err
}

// Commit lists a commit's files: two calls, the first of which tells whether the
// repository is public; more where GitHub truncates its listing. Reading a file
// is one call.
func (p *Public) Commit(ctx context.Context, r scan.Repository, id, under string) (scan.Tree, error) {
	repo, err := p.repo(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := checkSHA(id); err != nil {
		return nil, lasting(err)
	}
	files, err := p.client.walk(ctx, id, treeWalk{repo: repo, limit: maxForeignFiles,
		keep: func(path string) bool {
			dir := path[:strings.LastIndexByte(path, '/')+1] // with its slash
			return below(path, under) || strings.HasPrefix(under+"/", dir)
		},
		enter: func(dir string) bool { return below(dir, under) || below(under, dir) },
	})
	if err != nil {
		return nil, lasting(err)
	}
	return &publicTree{client: p.client, repo: repo, files: files}, nil
}

// below reports whether path is dir or lies in it; in "" lies everything.
func below(path, dir string) bool {
	return dir == "" || path == dir || strings.HasPrefix(path, dir+"/")
}

// Tag finds the commit of a tag. One call.
func (p *Public) Tag(ctx context.Context, r scan.Repository, tag string) (string, error) {
	repo, err := p.repo(ctx, r)
	if err != nil {
		return "", err
	}
	if err := checkRef(tag); err != nil {
		return "", lasting(err)
	}
	sha, err := call(ctx, p.client.session, fmt.Sprintf("read tag %q of %s", tag, repo), func(ctx context.Context, gh *github.Client) (string, error) {
		sha, _, err := gh.Repositories.GetCommitSHA1(ctx, repo.Owner, repo.Name, "tags/"+tag, "")
		if err != nil {
			return "", err
		}
		return sha, checkSHA(sha)
	})
	return sha, lasting(err)
}

// Contains compares a branch with a commit. One call.
func (p *Public) Contains(ctx context.Context, r scan.Repository, branch, id string) (bool, error) {
	repo, err := p.repo(ctx, r)
	if err != nil {
		return false, err
	}
	if branch == "" {
		branch = repo.DefaultBranch
	}
	if err := errors.Join(checkRef(branch), checkSHA(id)); err != nil {
		return false, lasting(err)
	}
	what := fmt.Sprintf("compare %q...%s of %s", branch, id, repo)
	found, err := call(ctx, p.client.session, what, func(ctx context.Context, gh *github.Client) (bool, error) {
		// The files come with the first page, and nobody asked for them.
		found, _, err := gh.Repositories.CompareCommits(ctx, repo.Owner, repo.Name, branch, id, &github.ListOptions{Page: 2, PerPage: 1})
		if errors.Is(err, ErrNoMergeBase) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		return found.GetStatus() == "behind" || found.GetStatus() == "identical", nil
	})
	return found, lasting(err)
}

// checkRef is checkBranch, without what would be another repository's branch and
// what the library would not send as it is.
func checkRef(name string) error {
	if strings.ContainsAny(name, ":+ ~^?*[\\") {
		return &Invalid{What: fmt.Sprintf("branch or tag name %.80q", name)}
	}
	return checkBranch(name)
}

// publicTree is one commit.
type publicTree struct {
	client *Client
	repo   Repo
	files  []lockkeeper.TreeFile
}

func (t *publicTree) Files(context.Context) ([]lockkeeper.TreeFile, error) { return t.files, nil }

func (t *publicTree) Read(ctx context.Context, f lockkeeper.TreeFile, limit int64) ([]byte, error) {
	data, err := t.client.Blob(ctx, t.repo, f.Blob, limit)
	return data, lasting(err)
}
