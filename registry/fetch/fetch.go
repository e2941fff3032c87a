// Package fetch is the HTTP that the registry clients share: a fixed set of
// hosts, bounds on everything that is read, retries, and two caches.
//
// It promises that no host is contacted that was not configured (promise 5 of
// the design), whatever a lockfile, a manifest, an archive, an index or a
// redirect names, that an archive handed out whole matches its digest, and that
// credentials go to the hosts that they are for and into no log or error (promise
// 10). It knows no format and leaves out uploads and cookies.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-cleanhttp"
	"github.com/hashicorp/go-retryablehttp"
	"github.com/rs/zerolog"
	"golang.org/x/sync/semaphore"

	"github.com/lockkeeper/lockkeeper/registry"
)

// Budget says when the next request to a limited service may be made.
// *rate.Limiter is one; several processes may share another.
type Budget interface {
	// Wait returns when one request may be made, or with an error if ctx ends
	// first or the budget cannot be asked.
	Wait(ctx context.Context) error
}

// Config of a Client. The zero value of every field works.
type Config struct {
	// Version and Contact make the User-Agent "lockkeeper/VERSION (+CONTACT)".
	// Contact is an address or URL where the operator can be reached; crates.io
	// refuses its API to programs without one. Default: "dev" and none.
	Version, Contact string
	// CacheDir keeps metadata with its validators, and archives by digest, from
	// one run to the next. Default: nothing is kept.
	CacheDir string
	// CacheBytes bounds what is kept in CacheDir, a fifth of it for answers; the least
	// recently used go first. Default: 4 GiB.
	CacheBytes int64
	// Timeout is how long an answer may make no progress. Default: 30 seconds.
	Timeout time.Duration
	// Deadline bounds one attempt as a whole, body included. Default: 5 minutes.
	Deadline time.Duration
	// Retries after connection errors, broken bodies, 429 and 5xx. Default: 4;
	// negative: none.
	Retries int
	// RetryWaitMin and RetryWaitMax bound the jittered wait before a retry, which
	// grows with each attempt. Default: 500 milliseconds and 2 seconds.
	RetryWaitMin, RetryWaitMax time.Duration
	// RetryAfterMax is the longest wait that a server may ask for with
	// Retry-After; beyond it the request ends with a StatusError that carries the
	// wish. Default: 1 minute.
	RetryAfterMax time.Duration
	// Concurrency bounds the requests under way. Default: 8.
	Concurrency int
	// Remember is how long an answer about metadata is used again without asking.
	// Default: 1 minute; negative: never.
	Remember time.Duration
	// Now is the clock of Remember. Default: time.Now.
	Now func() time.Time
	// Looked is told of each look into a cache, and whether that spared bringing the
	// body. It must be safe for concurrent use. Default: nobody is told.
	Looked func(cache Cache, hit bool)
	// Transport makes the connections. Default: a pooled transport that obeys the
	// proxy settings of the environment.
	Transport http.RoundTripper
	// Authorization goes with requests to its hosts. Default: none.
	Authorization Authorization
}

// Cache is one of a Client's.
type Cache string

const (
	Answers  Cache = "answers"  // about packages
	Archives Cache = "archives" // themselves
)

// Client fetches from the configured hosts. It is safe for concurrent use.
type Client struct {
	cfg    Config
	hosts  hosts
	http   *retryablehttp.Client
	memory *memory
	disk   *disk // nil without CacheDir
}

// New returns a client that may contact the hosts of the given base URLs and no
// others. A base must be an http or https URL without credentials.
func New(cfg Config, bases ...string) (*Client, error) {
	setDefaults(&cfg)
	h, err := newHosts(bases)
	if err != nil {
		return nil, err
	}
	authorized, err := cfg.Authorization.hosts(h)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(cfg.Version+cfg.Contact, "\r\n()") {
		return nil, errors.New("user agent: version and contact must not contain line ends or parentheses")
	}
	c := &Client{cfg: cfg, hosts: h, memory: newMemory(cfg.Remember, cfg.Now)}
	if cfg.CacheDir != "" {
		c.disk, err = newDisk(cfg.CacheDir, cfg.CacheBytes)
		if err != nil {
			return nil, err
		}
	}
	c.http = &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport: &gate{
				hosts: h, away: &absences{now: cfg.Now}, slots: semaphore.NewWeighted(int64(cfg.Concurrency)),
				timeout: cfg.Timeout, deadline: cfg.Deadline,
				userAgent: userAgent(cfg), next: cfg.Transport,
				authorized: authorized, authorize: cfg.Authorization.Set,
			},
			CheckRedirect: checkRedirect(h),
		},
		RetryMax: cfg.Retries, RetryWaitMin: cfg.RetryWaitMin, RetryWaitMax: cfg.RetryWaitMax,
		CheckRetry: c.checkRetry, Backoff: retryablehttp.RateLimitLinearJitterBackoff,
		ErrorHandler:    giveUp,
		RequestLogHook:  logRequest,
		ResponseLogHook: logResponse,
	}
	return c, nil
}

func setDefaults(cfg *Config) {
	orDuration := func(d *time.Duration, def time.Duration) {
		if *d == 0 {
			*d = def
		}
	}
	orDuration(&cfg.Timeout, 30*time.Second)
	orDuration(&cfg.Deadline, 5*time.Minute)
	orDuration(&cfg.RetryWaitMin, 500*time.Millisecond)
	orDuration(&cfg.RetryWaitMax, max(2*time.Second, cfg.RetryWaitMin))
	orDuration(&cfg.RetryAfterMax, time.Minute)
	orDuration(&cfg.Remember, time.Minute)
	if cfg.Retries == 0 {
		cfg.Retries = 4
	}
	cfg.Retries = max(cfg.Retries, 0)
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = 8
	}
	if cfg.CacheBytes <= 0 {
		cfg.CacheBytes = 4 << 30
	}
	if cfg.Version == "" {
		cfg.Version = "dev"
	}
	if cfg.Looked == nil {
		cfg.Looked = func(Cache, bool) {}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Transport == nil {
		cfg.Transport = cleanhttp.DefaultPooledTransport()
	}
}

func userAgent(cfg Config) string {
	if cfg.Contact == "" {
		return "lockkeeper/" + cfg.Version
	}
	return "lockkeeper/" + cfg.Version + " (+" + cfg.Contact + ")"
}

// Base checks a configured base URL and returns it without a slash at its end.
func Base(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		// Without the text, which may hold a password.
		return "", errors.New("registry URL: cannot be read; want http://HOST or https://HOST")
	}
	switch {
	case u.User != nil:
		return "", fmt.Errorf("registry URL for host %q: credentials do not belong there; remove them, and name the variable or file that they are in", u.Host)
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return "", fmt.Errorf("registry URL %q: want http://HOST or https://HOST", plain(raw))
	case u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("registry URL %q: must not have a query or fragment", plain(raw))
	}
	return strings.TrimRight(raw, "/"), nil
}

// HostError says that a URL leads to a host that is not configured, so that
// nothing was sent.
type HostError struct {
	Origin string // scheme://host of what was asked for
}

func (e *HostError) Error() string {
	return fmt.Sprintf("%.200q is not a configured registry and was not contacted; if it is one of yours, add it to the configuration", e.Origin)
}

// StatusError is an HTTP status that answers nothing.
type StatusError struct {
	URL    string
	Status int
	// RetryAfter is how long the server asked to wait; zero where it did not.
	RetryAfter time.Duration
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("%.300s answered %d %s", e.URL, e.Status, http.StatusText(e.Status))
	if e.RetryAfter > 0 {
		text += fmt.Sprintf("; it asks to wait %s", e.RetryAfter)
	}
	return text
}

// SizeError says that an answer is larger than its bound.
type SizeError struct {
	URL   string
	Limit int64 // bytes
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%.300s is larger than %d bytes", e.URL, e.Limit)
}

// budgetError keeps a budget that cannot be waited for from being retried.
type budgetError struct{ error }

func (e budgetError) Unwrap() error { return e.error }

// hosts is the set of allowed origins, "scheme://host:port".
type hosts []string

func newHosts(bases []string) (hosts, error) {
	var h hosts
	for _, raw := range bases {
		base, err := Base(raw)
		if err != nil {
			return nil, err
		}
		u, err := url.Parse(base)
		if err != nil {
			return nil, fmt.Errorf("registry URL: %w", err)
		}
		h = append(h, origin(u))
	}
	if len(h) == 0 {
		return nil, errors.New("no registry URL is configured")
	}
	return h, nil
}

// check compares scheme, host and port: https to http on one host is a
// downgrade that a redirect must not bring about.
func (h hosts) check(u *url.URL) error {
	if u.User != nil || !slices.Contains(h, origin(u)) {
		return &HostError{Origin: u.Scheme + "://" + u.Host}
	}
	return nil
}

func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// Allowed returns a *HostError if rawURL leads to a host that is not configured.
func (c *Client) Allowed(rawURL string) error {
	u, err := url.Parse(rawURL)
	if err != nil {
		return fmt.Errorf("URL from the registry: %w", err)
	}
	return c.hosts.check(u)
}

func checkRedirect(h hosts) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		if len(via) >= 5 {
			// The wording is what retryablehttp knows as final.
			return fmt.Errorf("stopped after %d redirects", len(via))
		}
		return h.check(req.URL)
	}
}

func (c *Client) checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		if permanent(err) {
			return false, err
		}
		return retryablehttp.DefaultRetryPolicy(ctx, nil, err)
	}
	retry, _ := retryablehttp.DefaultRetryPolicy(ctx, resp, nil)
	if retry && retryAfter(resp) > c.cfg.RetryAfterMax {
		return false, nil
	}
	return retry, nil
}

// permanent errors are the same however often one asks.
func permanent(err error) bool {
	var host *HostError
	var status *StatusError
	var size *SizeError
	var budget budgetError
	var path *os.PathError // the cache's disk, not the network
	var away *registry.AwayError
	return errors.As(err, &host) || errors.As(err, &away) || errors.As(err, &status) || errors.As(err, &size) ||
		errors.As(err, &budget) || errors.As(err, &path) || errors.Is(err, errFinal)
}

// errFinal marks answers that are wrong in a way that asking again cannot mend.
var errFinal = errors.New("the answer is not what was asked for")

// retryAfter is the wait that a 429 or 503 asks for, as retryablehttp reads it.
func retryAfter(resp *http.Response) time.Duration {
	if resp.Header.Get("Retry-After") == "" {
		return 0
	}
	// With bounds of zero only the header is left to say anything.
	return max(retryablehttp.RateLimitLinearJitterBackoff(0, 0, 0, resp), 0)
}

// giveUp is called when retries are used up: with an error, or with the last
// answer alone.
func giveUp(resp *http.Response, err error, attempts int) (*http.Response, error) {
	if resp != nil {
		resp.Body.Close()
	}
	var away *registry.AwayError
	if errors.As(err, &away) {
		return nil, away // how often that was found out says nothing more
	}
	var failed *url.Error
	if errors.As(err, &failed) { // the library's own, with the URL of the last redirect
		failed.URL = plain(failed.URL)
	}
	if err == nil && resp != nil {
		err = statusError(resp)
	}
	if attempts > 1 {
		return nil, fmt.Errorf("after %d attempts: %w", attempts, err)
	}
	return nil, err
}

func statusError(resp *http.Response) error {
	return &StatusError{URL: plain(resp.Request.URL.String()), Status: resp.StatusCode, RetryAfter: retryAfter(resp)}
}

func logRequest(_ retryablehttp.Logger, req *http.Request, attempt int) {
	zerolog.Ctx(req.Context()).Debug().Str("url", plain(req.URL.String())).Int("attempt", attempt).Msg("registry request")
}

func logResponse(_ retryablehttp.Logger, resp *http.Response) {
	zerolog.Ctx(resp.Request.Context()).Debug().Str("url", plain(resp.Request.URL.String())).
		Int("status", resp.StatusCode).Msg("registry answer")
}

// cachePath spreads names over directories, as git does with objects.
func cachePath(dir, kind, hex string) string { return filepath.Join(dir, kind, hex[:2], hex) }
