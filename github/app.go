// Package github is the App's client: it brings the two sides of a change from
// GitHub, and writes the check run and the one comment. It decides nothing.
//
// It promises: no host but the configured one is contacted, redirects included;
// answers are bounded in size and lists in length, and what is beyond a bound
// is a *TooLarge, never a shorter list; what may have taken effect is not
// blindly repeated; neither key nor token appears in an error.
//
// It uses go-github's types and go-githubapp's authentication, and REST alone:
// a GraphQL client would ask for a token of its own.
package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/go-github/v82/github"
	"github.com/palantir/go-githubapp/githubapp"
)

// Config of an App. AppID and PrivateKey are required.
type Config struct {
	// BaseURL of the REST API. Default: GitHub's public one. For GitHub Enterprise
	// Server "https://HOST/api/v3". Plain http is accepted for loopback only, since
	// every request carries a token.
	BaseURL string
	// WebURL is where people see repositories. Default: derived from BaseURL, by
	// dropping "api." from the host, or "/api/v3" from the path.
	WebURL string
	// AppID is the App's numeric id, shown on its settings page.
	AppID int64
	// PrivateKey in PEM, PKCS #1 or #8.
	PrivateKey []byte
	// UserAgent as GitHub asks for. Default "lockkeeper".
	UserAgent string
	// Transport carries the requests. Default: http.DefaultTransport.
	Transport http.RoundTripper
	// Observer is told of every request. Default: nobody is.
	Observer Observer
	// Timeout of one attempt of one request, its answer included. Default 30 s.
	Timeout time.Duration
	// Backoff before the second attempt; it doubles with each. Default 500 ms.
	Backoff time.Duration
	// OperationTimeout of one method of App or Client, all its pages and attempts
	// together. Default 5 minutes.
	OperationTimeout time.Duration
}

// App is a GitHub App. It is safe for concurrent use.
type App struct {
	id           int64
	web, api     *url.URL
	creator      githubapp.ClientCreator
	transport    http.RoundTripper
	timeout      time.Duration
	loginTimeout time.Duration // of one request of a sign-in
	backoff      time.Duration
	self         *session // authenticated as the App itself

	mu      sync.Mutex
	clients map[int64]*Client // guarded by mu; by installation
}

// New checks cfg and reads the key. It contacts nobody.
func New(cfg Config) (*App, error) {
	base, web, err := cfg.addresses()
	if err != nil {
		return nil, err
	}
	if cfg.AppID <= 0 {
		return nil, fmt.Errorf("GitHub App id %d: want the number on the App's settings page", cfg.AppID)
	}
	if len(cfg.PrivateKey) == 0 {
		return nil, errors.New("GitHub App: no private key; generate one on the App's settings page")
	}
	defaults(&cfg)
	app := &App{
		id: cfg.AppID, web: web, api: base, transport: cfg.Transport, timeout: cfg.OperationTimeout, loginTimeout: cfg.Timeout, backoff: cfg.Backoff,
		clients: map[int64]*Client{},
	}
	known := newAnswerCache(maxAnswers)
	app.creator = githubapp.NewClientCreator(base.String(), "", cfg.AppID, cfg.PrivateKey,
		githubapp.WithClientUserAgent(cfg.UserAgent),
		githubapp.WithTransport(&wire{next: cfg.Transport, origin: base, now: time.Now, observer: cfg.Observer}),
		githubapp.WithClientMiddleware(func(next http.RoundTripper) http.RoundTripper {
			return &attempts{next: next, timeout: cfg.Timeout, backoff: cfg.Backoff, now: time.Now, answers: known}
		}))
	app.self = &session{timeout: cfg.OperationTimeout, create: app.creator.NewAppClient}
	if _, _, err := app.self.current(); err != nil {
		// The library's error may quote what it read; the key is no one's business.
		return nil, errors.New("GitHub App: the private key is not an RSA key in PEM; use the file that GitHub generated")
	}
	return app, nil
}

// addresses are the bases of API and pages.
func (cfg Config) addresses() (base, web *url.URL, err error) {
	if base, err = baseURL(cfg.BaseURL); err != nil {
		return nil, nil, err
	}
	web, err = webURL(cfg.WebURL, base)
	return base, web, err
}

func defaults(cfg *Config) {
	if cfg.UserAgent == "" {
		cfg.UserAgent = "lockkeeper"
	}
	if cfg.Transport == nil {
		cfg.Transport = http.DefaultTransport
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Backoff <= 0 {
		cfg.Backoff = 500 * time.Millisecond
	}
	if cfg.OperationTimeout <= 0 {
		cfg.OperationTimeout = 5 * time.Minute
	}
}

func baseURL(s string) (*url.URL, error) {
	if s == "" {
		return github.NewClient(nil).BaseURL, nil
	}
	u, err := url.Parse(strings.TrimSuffix(s, "/") + "/")
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		// Not quoted: somebody may have put a password into it.
		return nil, errors.New(`GitHub base URL: want an address like "https://HOST/api/v3", without user, query or fragment`)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, fmt.Errorf("GitHub base URL %s: want https, since every request carries a token", u.Redacted())
	}
	return u, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func webURL(s string, base *url.URL) (*url.URL, error) {
	if s == "" {
		web := &url.URL{Scheme: base.Scheme, Host: strings.TrimPrefix(base.Host, "api.")}
		web.Path = strings.TrimSuffix(strings.TrimSuffix(base.Path, "/"), "/api/v3")
		return web, nil
	}
	u, err := url.Parse(strings.TrimSuffix(s, "/"))
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, errors.New(`GitHub web URL: want an address like "https://HOST"`)
	}
	return u, nil
}

// ID of the App.
func (a *App) ID() int64 { return a.id }

// WebURL is where people see repositories, without a slash at its end.
func (a *App) WebURL() string { return a.web.String() }

// Installation returns the client of one installation. There is one per
// installation, so that its token and its rate limit are shared. It contacts
// nobody; a token is asked for with the first call.
func (a *App) Installation(id int64) (*Client, error) {
	if id <= 0 {
		return nil, &Invalid{What: fmt.Sprintf("installation id %d", id)}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if client := a.clients[id]; client != nil {
		return client, nil
	}
	client := &Client{app: a, session: &session{timeout: a.timeout, renewable: true, installation: id, create: func() (*github.Client, error) {
		return a.creator.NewInstallationClient(id)
	}}}
	if _, _, err := client.session.current(); err != nil {
		return nil, err
	}
	a.clients[id] = client
	return client, nil
}

// InstallationFor finds the installation that covers a repository. ErrNotFound
// if the App is not installed there. One call.
func (a *App) InstallationFor(ctx context.Context, owner, name string) (int64, error) {
	repo := Repo{Owner: owner, Name: name}
	if err := repo.check(); err != nil {
		return 0, err
	}
	found, err := call(ctx, a.self, "find the installation of "+repo.String(), func(ctx context.Context, gh *github.Client) (*github.Installation, error) {
		found, _, err := gh.Apps.FindRepositoryInstallation(ctx, owner, name)
		return found, err
	})
	if err != nil {
		return 0, err
	}
	return found.GetID(), nil
}

// Client speaks for one installation. It is safe for concurrent use.
type Client struct {
	app     *App
	session *session
}

// session is one identity towards GitHub: the App itself or an installation.
type session struct {
	create    func() (*github.Client, error)
	renewable bool
	timeout   time.Duration // of one operation
	// installation that it speaks for; 0 for the App itself.
	installation int64

	mu  sync.Mutex
	gh  *github.Client // guarded by mu
	gen int            // guarded by mu; how often gh was replaced
}

func (s *session) current() (*github.Client, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gh == nil {
		if err := s.replace(); err != nil {
			return nil, 0, err
		}
	}
	return s.gh, s.gen, nil
}

// renewed is a client with a fresh token. The library offers no way to drop a
// token that GitHub no longer takes before its time, but a new client has none.
// Of many callers whose token of generation gen was refused, one replaces it.
func (s *session) renewed(gen int) (*github.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gen == gen {
		if err := s.replace(); err != nil {
			return nil, err
		}
	}
	return s.gh, nil
}

// replace is called with mu held.
func (s *session) replace() error {
	gh, err := s.create()
	if err != nil {
		return err
	}
	// The limits are watched by attempts, by GitHub's clock and for tokens too.
	gh.DisableRateLimitCheck = true
	s.gh = gh
	s.gen++
	return nil
}

// call runs do with a deadline and the current client, and once more with a
// fresh token if GitHub refused the one in use: a refused request had no effect,
// whatever its method. what says in an error what was tried.
func call[T any](ctx context.Context, s *session, what string, do func(context.Context, *github.Client) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(forInstallation(ctx, s.installation), s.timeout)
	defer cancel()
	var zero T
	gh, gen, err := s.current()
	if err != nil {
		return zero, fmt.Errorf("%s: %w", what, err)
	}
	v, err := do(ctx, gh)
	if s.renewable && unauthorized(err) {
		if gh, err = s.renewed(gen); err == nil {
			v, err = do(ctx, gh)
		}
	}
	if err != nil {
		return zero, fmt.Errorf("%s: %w", what, err)
	}
	return v, nil
}

// perPage is GitHub's largest page.
const perPage = 100

// maxPages of a list, whatever is on them.
const maxPages = 1000

// list reads all pages, at most limit items. fetch returns one page and the
// number of the next, 0 after the last.
func list[T any](what string, limit int, fetch func(page int) ([]T, *github.Response, error)) ([]T, error) {
	var all []T
	for page := 1; ; {
		items, resp, err := fetch(page)
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
		if len(all) > limit {
			return nil, &TooLarge{What: fmt.Sprintf("%s: more than %d", what, limit), Limit: int64(limit)}
		}
		if resp.NextPage == 0 {
			// GitHub said that the page is what it was. Whether there is a next one by
			// now it did not say: a full page may have got one.
			if len(items) < perPage || resp.Header.Get(fromCache) == "" {
				return all, nil
			}
			resp.NextPage = page + 1
		}
		// Pages that lead back, or on and on with nothing on them, are no list.
		if resp.NextPage <= page || resp.NextPage > maxPages {
			return nil, fmt.Errorf("%s: page %d is followed by page %d", what, page, resp.NextPage)
		}
		page = resp.NextPage
	}
}
