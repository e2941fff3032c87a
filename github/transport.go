package github

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

// A request passes through, from the outside: go-github, attempts (one per
// client), go-githubapp's authentication, wire (one per App), Config.Transport.
// go-githubapp puts its middleware outside of authentication and its transport
// inside, so that wire sees what is really sent, token requests included. attempts asks
// by what it kept of answers whether they still hold: see answers.go.

// maxAnswer bounds an answer in bytes. The largest one is a recursive tree: at
// most 7 MB of paths, some three times that as JSON.
const maxAnswer = 48 << 20

// maxTokenAnswer bounds the answer that brings a token. It lists repositories
// only where a token is asked for by repository, which we do not.
const maxTokenAnswer = 1 << 20

// maxErrorAnswer bounds how much of an answer of 400 and above is read.
const maxErrorAnswer = 64 << 10

// longestWait bounds what an answer can make us wait. The primary limit resets
// within the hour.
const longestWait = 65 * time.Minute

// wire is the last station before the network. It sends to one origin only, and
// turns answers of 400 and above into errors while what they say is at hand.
type wire struct {
	next   http.RoundTripper
	origin *url.URL
	now    func() time.Time
	// observer is told of each request; nil: nobody is.
	observer Observer
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	// Authentication is added to redirected requests too, so this check is what
	// keeps tokens from following a redirect to another host.
	if req.URL.Scheme != w.origin.Scheme || !strings.EqualFold(req.URL.Host, w.origin.Host) {
		closeBody(req)
		return nil, &hostError{to: req.URL.Scheme + "://" + req.URL.Host, only: w.origin.Scheme + "://" + w.origin.Host}
	}
	began := time.Now()
	resp, answered, err := w.send(req)
	w.observe(req, answered, err, began)
	if req.Method != http.MethodPost || !strings.HasSuffix(req.URL.Path, "/access_tokens") {
		return resp, err
	}
	if err != nil {
		return nil, &tokenError{err}
	}
	// Read by the authentication library, which knows no bound.
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxTokenAnswer), resp.Body}
	return resp, nil
}

// send gives the answer twice if it is one of 400 and above: as an error, and as it
// came, without its body.
func (w *wire) send(req *http.Request) (resp, answered *http.Response, err error) {
	_, secret, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	resp, err = w.next.RoundTrip(req)
	if err != nil {
		return nil, nil, unknownAuthority(redact(err, secret))
	}
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		// net/http repeats these as GET, which would look like a success. GitHub
		// means the same request at another address (a renamed repository).
		switch resp.StatusCode {
		case http.StatusMovedPermanently:
			resp.StatusCode = http.StatusPermanentRedirect
		case http.StatusFound, http.StatusSeeOther:
			resp.StatusCode = http.StatusTemporaryRedirect
		}
	}
	if resp.StatusCode < 400 {
		return resp, resp, nil
	}
	body := resp.Body
	defer func() { _ = body.Close() }()
	// A body that breaks off still leaves the status, which is what counts.
	data, _ := io.ReadAll(io.LimitReader(body, maxErrorAnswer))
	message := errorMessage(data, secret)
	if until, limited := limitedUntil(resp, message, w.now()); limited {
		return nil, resp, &RateLimited{Until: until}
	}
	return nil, resp, &StatusError{
		Method: req.Method, Path: req.URL.Path, Status: resp.StatusCode,
		Message: message, RequestID: oneLine(resp.Header.Get("X-GitHub-Request-Id"), 60),
	}
}

// unknownAuthority tells what to do about a server that nobody known vouches for.
func unknownAuthority(err error) error {
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		return fmt.Errorf("%w; if it is GitHub Enterprise Server with a certificate authority of your own, name its certificates in ca-file of [github]", err)
	}
	return err
}

// redact keeps a token out of a transport's error text (promise 10). Rare: only
// a transport that prints requests puts it there.
func redact(err error, secret string) error {
	if secret == "" || !strings.Contains(err.Error(), secret) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), secret, "REDACTED"))
}

func errorMessage(data []byte, secret string) string {
	var body struct {
		Message string `json:"message"`
		// Errors is usually a list of objects, sometimes one string.
		Errors json.RawMessage `json:"errors"`
	}
	if json.Unmarshal(data, &body) != nil {
		return "" // not GitHub's own, perhaps a proxy's page
	}
	message := body.Message
	// GitHub's 422 says "Validation Failed" and only here why.
	if len(body.Errors) > 0 {
		message += " " + string(body.Errors)
	}
	if secret != "" {
		message = strings.ReplaceAll(message, secret, "REDACTED")
	}
	return oneLine(message, 300)
}

// oneLine makes s safe for one line of a log: no control or format characters,
// at most limit bytes.
func oneLine(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, s)
	if len(s) > limit {
		s = cutRunes(s, limit)
	}
	return s
}

// limitedUntil recognises GitHub's primary and secondary rate limits, as
// described under "Exceeding the rate limit" in GitHub's REST documentation.
func limitedUntil(resp *http.Response, message string, now time.Time) (time.Time, bool) {
	if resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusTooManyRequests {
		return time.Time{}, false
	}
	wait := time.Duration(0)
	switch after, remaining := resp.Header.Get("Retry-After"), resp.Header.Get("X-RateLimit-Remaining"); {
	case after != "":
		wait = retryAfter(after, now)
	case remaining == "0":
		wait = untilReset(resp, now)
	case resp.StatusCode == http.StatusTooManyRequests, strings.Contains(strings.ToLower(message), "secondary rate limit"):
		wait = time.Minute // "wait for at least one minute"
	default:
		return time.Time{}, false
	}
	return now.Add(min(max(wait, time.Second), longestWait)), true
}

func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return at.Sub(now)
	}
	return time.Minute
}

// untilReset measures by GitHub's clock, where the answer tells it: ours may be
// off.
func untilReset(resp *http.Response, now time.Time) time.Duration {
	reset, err := strconv.ParseInt(resp.Header.Get("X-RateLimit-Reset"), 10, 64)
	if err != nil {
		return time.Minute
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		now = date
	}
	return time.Unix(reset, 0).Sub(now) + time.Second
}

// attempts is the first station of a client. It stops requests while GitHub
// wants none, gives each attempt its time, reads answers whole and bounded, and
// repeats what can be repeated without doing anything twice.
type attempts struct {
	next    http.RoundTripper
	timeout time.Duration // of one attempt
	backoff time.Duration // before the second attempt; doubles
	now     func() time.Time
	// answers to ask GitHub about, nil: none are kept.
	answers *answerCache

	mu    sync.Mutex
	until time.Time // guarded by mu: GitHub wants no request before
	// scarce is guarded by mu: until then what is left is for people.
	scarce time.Time
}

// maxAttempts of one request, the first included.
const maxAttempts = 4

func (a *attempts) RoundTrip(req *http.Request) (*http.Response, error) {
	for n := 1; ; n++ {
		if until, closed := a.closed(req.Context()); closed {
			closeBody(req)
			return nil, &RateLimited{Until: until}
		}
		resp, err := a.once(req)
		a.learn(resp, err)
		if err == nil {
			return resp, nil
		}
		if n == maxAttempts || !repeatable(req, err) || req.Context().Err() != nil {
			return nil, err
		}
		if pause(req.Context(), a.backoff<<(n-1)) != nil {
			return nil, err
		}
		if req, err = rewound(req); err != nil {
			return nil, err
		}
	}
}

func (a *attempts) closed(ctx context.Context) (time.Time, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if background, _ := ctx.Value(backgroundKey{}).(bool); background && a.now().Before(a.scarce) {
		return a.scarce, true
	}
	return a.until, a.now().Before(a.until)
}

type backgroundKey struct{}

// InBackground marks requests under ctx as such for which nobody waits: they get a
// *RateLimited as soon as no more than a quarter of the hour's requests is left, which
// is for people.
func InBackground(ctx context.Context) context.Context {
	return context.WithValue(ctx, backgroundKey{}, true)
}

// watch notes whether what is left of the limit is for people alone. Called with mu
// held.
func (a *attempts) watch(resp *http.Response) {
	left, err := strconv.Atoi(resp.Header.Get("X-RateLimit-Remaining"))
	limit, err2 := strconv.Atoi(resp.Header.Get("X-RateLimit-Limit"))
	if err != nil || err2 != nil {
		return
	}
	a.scarce = time.Time{}
	if left <= limit/4 {
		now := a.now()
		a.scarce = now.Add(min(untilReset(resp, now), longestWait))
	}
}

// learn closes the gate when a limit was hit, or was used up by this very
// answer: going on regardless is what gets an integration banned.
func (a *attempts) learn(resp *http.Response, err error) {
	if err == nil {
		a.mu.Lock()
		a.watch(resp)
		a.mu.Unlock()
	}
	var until time.Time
	var limited *RateLimited
	switch {
	case errors.As(err, &limited):
		until = limited.Until
	case err == nil && resp.Header.Get("X-RateLimit-Remaining") == "0" && resp.Header.Get("X-RateLimit-Reset") != "":
		now := a.now()
		until = now.Add(min(untilReset(resp, now), longestWait))
	default:
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if until.After(a.until) {
		a.until = until
	}
}

// once sends req and reads its answer, so that a connection that breaks in the
// middle of it counts as a failed attempt and not as a strange document. An answer
// that GitHub gave before is not sent again.
func (a *attempts) once(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), a.timeout)
	defer cancel()
	asked, kept := a.answers.ask(req)
	resp, err := a.next.RoundTrip(asked.WithContext(ctx))
	if err != nil {
		a.answers.keep(req, nil, nil, err)
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	limit := answerLimit(req.Context())
	var data []byte
	repeated := kept != nil && resp.StatusCode == http.StatusNotModified
	if repeated {
		data, err = kept.again(resp)
	} else {
		data, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
	}
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if int64(len(data)) > limit {
		return nil, &TooLarge{What: fmt.Sprintf("answer to %s %s: more than %d bytes", req.Method, req.URL.Path, limit), Limit: limit}
	}
	if !repeated {
		a.answers.keep(req, resp, data, nil)
	}
	resp.Body = io.NopCloser(bytes.NewReader(data))
	resp.ContentLength = int64(len(data))
	return resp, nil
}

// repeatable reports whether sending req again does no harm and may help. A POST
// or PATCH that may have landed is for the caller to look after.
func repeatable(req *http.Request, err error) bool {
	var token *tokenError
	if req.Method != http.MethodGet && !errors.As(err, &token) {
		return false
	}
	var limited *RateLimited
	return !errors.As(err, &limited) && Temporary(err)
}

// rewound is req with its body at the beginning.
func rewound(req *http.Request) (*http.Request, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return req, nil
	}
	if req.GetBody == nil {
		return nil, fmt.Errorf("repeat %s %s: its body cannot be read twice", req.Method, req.URL.Path)
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	again := req.Clone(req.Context())
	again.Body = body
	return again, nil
}

// pause waits for d, give or take a quarter, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	d += time.Duration((rand.Float64() - 0.5) / 2 * float64(d))
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

type limitKey struct{}

// withAnswerLimit bounds the answers to requests under ctx to limit bytes.
func withAnswerLimit(ctx context.Context, limit int64) context.Context {
	return context.WithValue(ctx, limitKey{}, limit)
}

func answerLimit(ctx context.Context) int64 {
	if limit, ok := ctx.Value(limitKey{}).(int64); ok {
		return min(limit, maxAnswer)
	}
	return maxAnswer
}
