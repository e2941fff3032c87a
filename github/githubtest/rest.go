package githubtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// authKind is what a route wants to be called with.
type authKind int

const (
	asInstallation authKind = iota
	asApp
	asAnyone // an App's assertion, an installation's or user's token, or nothing
	asUser   // a user's or an installation's token
)

// call is one request being answered, with Server.mu held.
type call struct {
	*Server
	r     *http.Request
	token *token // nil for the App itself
	repo  *Repo  // of a route below /repos/{owner}/{repo}
	body  []byte
	links []string
	// open: the repository is not the token's, but public and only read.
	open bool
}

// answer is what a handler returns. Without a body nothing is written after the
// header.
type answer struct {
	status int
	body   any
	raw    []byte // instead of body
	kind   string // content type of raw
}

func ok(body any) (*answer, error)      { return &answer{status: http.StatusOK, body: body}, nil }
func created(body any) (*answer, error) { return &answer{status: http.StatusCreated, body: body}, nil }
func noContent() (*answer, error)       { return &answer{status: http.StatusNoContent}, nil }

// apiError is an error in GitHub's shape.
type apiError struct {
	status  int
	message string
	errors  []obj
	header  http.Header
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s", e.status, e.message) }

func unauthorized(message string) *apiError {
	return &apiError{status: http.StatusUnauthorized, message: message}
}

func forbidden(message string) *apiError {
	return &apiError{status: http.StatusForbidden, message: message}
}

func invalidRequest(message string) *apiError {
	return &apiError{status: http.StatusUnprocessableEntity, message: message}
}

var errNotFound = &apiError{status: http.StatusNotFound, message: "Not Found"}

// validation is GitHub's "Validation Failed" about one field.
func validation(resource, field, code, message string) *apiError {
	o := obj{"resource": resource, "code": code}
	if field != "" {
		o["field"] = field
	}
	if message != "" {
		o["message"] = message
	}
	return &apiError{status: http.StatusUnprocessableEntity, message: "Validation Failed", errors: []obj{o}}
}

type route struct {
	auth authKind
	need string // permissions, alternatives separated by "|"; "" for none
	// public: whoever asks may read it of a public repository, the App installed
	// there or not, and without a token too.
	public bool
	run    func(*call) (*answer, error)
}

// newAPI is the table of all operations.
func (s *Server) newAPI() *http.ServeMux {
	mux := http.NewServeMux()
	for _, table := range []map[string]route{appRoutes, repoRoutes, gitRoutes, pullRoutes, checkRoutes, orgRoutes} {
		for pattern, rt := range table {
			mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.run(w, r, rt) })
		}
	}
	return mux
}

// maxBody bounds a request's body; GitHub's own bound is of this order.
const maxBody = 40 << 20

// serveAPI lets faults strike, and answers what no route knows.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	s.log.add(r)
	w, done := s.faults.strike(w, r)
	defer done()
	if w == nil {
		return
	}
	if _, pattern := s.api.Handler(r); pattern == "" {
		s.refuse(w, r, errNotFound)
		return
	}
	s.api.ServeHTTP(w, r)
}

func (s *Server) run(w http.ResponseWriter, r *http.Request, rt route) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		s.refuse(w, r, &apiError{status: http.StatusRequestEntityTooLarge, message: "Payload too large"})
		return
	}
	status, content := func() (int, []byte) {
		s.mu.Lock()
		defer s.mu.Unlock()
		c := &call{Server: s, r: r, body: body}
		a, err := c.answer(w.Header(), rt)
		return s.render(w.Header(), r, c, a, err)
	}()
	// Without the lock: whoever reads slowly must not stop the others.
	send(w, status, content)
}

func (c *call) answer(header http.Header, rt route) (*answer, error) {
	open := false
	if owner := c.r.PathValue("owner"); owner != "" && rt.public {
		repo := c.findRepo(owner, c.r.PathValue("repo"))
		open = repo != nil && !repo.opts.Private
	}
	auth := rt.auth
	if open && auth == asInstallation {
		auth = asAnyone
	}
	if err := c.authenticate(auth); err != nil {
		return nil, err
	}
	if c.token != nil && c.token.inst != nil && c.r.URL.Path != "/rate_limit" {
		remaining, reset, ok := c.token.inst.spend(c.now(), c.cfg.RateLimit)
		setRateLimit(header, c.cfg.RateLimit, remaining, reset)
		if !ok {
			return nil, forbidden(fmt.Sprintf("API rate limit exceeded for installation ID %d.", c.token.inst.id))
		}
	}
	if owner := c.r.PathValue("owner"); owner != "" && rt.auth == asInstallation {
		c.repo = c.findRepo(owner, c.r.PathValue("repo"))
		if !c.token.sees(c.repo) {
			if !open {
				return nil, errNotFound
			}
			c.open = true
		}
		if c.repo.opts.Archived && c.r.Method != http.MethodGet {
			return nil, forbidden("Repository was archived so is read-only.")
		}
	}
	if rt.need != "" {
		if err := c.require(strings.Split(rt.need, "|")...); err != nil {
			return nil, err
		}
	}
	return rt.run(c)
}

func setRateLimit(h http.Header, limit, remaining int, reset time.Time) {
	h.Set("X-RateLimit-Limit", strconv.Itoa(limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(remaining))
	h.Set("X-RateLimit-Used", strconv.Itoa(limit-remaining))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10))
	h.Set("X-RateLimit-Resource", "core")
}

// refuse answers with an error before any route has been taken.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, content := s.render(w.Header(), r, nil, nil, err)
	send(w, status, content)
}

func send(w http.ResponseWriter, status int, content []byte) {
	w.WriteHeader(status)
	_, _ = w.Write(content) // the caller may be gone
}

// render makes an answer or an error ready to send, or 304 where the caller has
// it already. c is nil where there is none.
func (s *Server) render(h http.Header, r *http.Request, c *call, a *answer, err error) (status int, content []byte) {
	h.Set("X-GitHub-Media-Type", "github.v3; format=json")
	h.Set("X-GitHub-Request-Id", "0000:0000:0000")
	if err != nil {
		a = s.errorAnswer(h, err)
	}
	content, kind := a.raw, a.kind
	if content == nil && a.body != nil {
		var buf bytes.Buffer
		must(json.NewEncoder(&buf).Encode(a.body))
		content, kind = buf.Bytes(), "application/json; charset=utf-8"
	}
	if kind != "" {
		h.Set("Content-Type", kind)
	}
	if c != nil && len(c.links) > 0 {
		h.Set("Link", strings.Join(c.links, ", "))
	}
	if r.Method == http.MethodGet && a.status == http.StatusOK {
		h.Set("ETag", etag(r, content))
		h.Set("Cache-Control", "private, max-age=60, s-maxage=60")
		h.Set("Vary", "Accept, Authorization, Cookie, X-GitHub-OTP")
		if match := r.Header.Get("If-None-Match"); match != "" && strings.TrimPrefix(match, "W/") == strings.TrimPrefix(h.Get("ETag"), "W/") {
			if c != nil && c.token != nil && c.token.inst != nil && r.URL.Path != "/rate_limit" {
				remaining, reset := c.token.inst.refund(c.cfg.RateLimit)
				setRateLimit(h, c.cfg.RateLimit, remaining, reset)
			}
			h.Del("Content-Type")
			h.Del("Link")
			return http.StatusNotModified, nil
		}
	}
	return a.status, content
}

// etag is made of the body and of the headers that GitHub varies by, as
// github.com/bored-engineer/github-conditional-http-transport found out in 2025: not
// documented, but GitHub's support says as well that it is a token's own. The Link
// header is not in it, and is left out of a 304 here, which is the worst that a client
// can meet.
func etag(r *http.Request, body []byte) string {
	sum := sha256.New()
	for _, name := range []string{"Accept", "Authorization", "Cookie"} {
		for _, value := range r.Header.Values(name) {
			_, _ = io.WriteString(sum, value+":") // a hash takes everything
		}
	}
	_, _ = sum.Write(body)
	return `W/"` + hex.EncodeToString(sum.Sum(nil)) + `"`
}

func (s *Server) errorAnswer(h http.Header, err error) *answer {
	var e *apiError
	if !errors.As(err, &e) {
		e = &apiError{status: http.StatusInternalServerError, message: err.Error()}
	}
	for name, values := range e.header {
		h[name] = values
	}
	body := obj{
		"message": e.message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(e.status),
	}
	if e.errors != nil {
		body["errors"] = e.errors
	}
	return &answer{status: e.status, body: body}
}

// decode reads the request's JSON body.
func (c *call) decode(into any) error {
	if len(c.body) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.body, into); err != nil {
		return &apiError{status: http.StatusBadRequest, message: "Problems parsing JSON"}
	}
	return nil
}

func (c *call) number(name string) (int64, error) {
	n, err := strconv.ParseInt(c.r.PathValue(name), 10, 64)
	if err != nil {
		return 0, errNotFound
	}
	return n, nil
}

// accepts reports whether the caller asked for a media type such as "raw".
func (c *call) accepts(format string) bool {
	accept := c.r.Header.Get("Accept")
	return strings.Contains(accept, "."+format) && strings.Contains(accept, "vnd.github")
}

// pageNumber and size of the request, within GitHub's bounds.
func (c *call) paging() (page, size int) {
	page, size = 1, 30
	if n, err := strconv.Atoi(c.r.URL.Query().Get("page")); err == nil && n > 0 {
		page = n
	}
	if n, err := strconv.Atoi(c.r.URL.Query().Get("per_page")); err == nil && n > 0 {
		size = min(n, 100)
	}
	return page, size
}

// paged cuts the page that the request asks for, and makes the Link header.
func paged[T any](c *call, all []T) []T {
	_, size := c.paging()
	return pageOf(c, all, size)
}

// pageOf is paged with a page size of the operation's own.
func pageOf[T any](c *call, all []T, size int) []T {
	page, _ := c.paging()
	last := max(1, (len(all)+size-1)/size)
	link := func(rel string, page int) {
		q := c.r.URL.Query()
		q.Set("page", strconv.Itoa(page))
		c.link(rel, q)
	}
	if page > 1 {
		link("prev", min(page-1, last))
	}
	if page < last {
		link("next", page+1)
		link("last", last)
	}
	if page > 1 {
		link("first", 1)
	}
	start := min((page-1)*size, len(all))
	return all[start:min(start+size, len(all))]
}

func (c *call) link(rel string, q url.Values) {
	c.links = append(c.links, fmt.Sprintf(`<%s?%s>; rel="%s"`, c.apiURL("%s", c.r.URL.EscapedPath()), q.Encode(), rel))
}

// list answers a page of all, each in the shape that shape gives it.
func list[T any](c *call, all []T, shape func(T) obj) (*answer, error) {
	return ok(shaped(paged(c, all), shape))
}

func shaped[T any](all []T, shape func(T) obj) []obj {
	out := make([]obj, 0, len(all))
	for _, each := range all {
		out = append(out, shape(each))
	}
	return out
}

// pathEscape escapes a slash-separated path for a URL.
func pathEscape(path string) string { return (&url.URL{Path: path}).EscapedPath() }
