// Package pages is what people see in a browser: what waits for a sign-off, the
// details of a pull request with a form to sign it off, and a repository's allowlist
// with who signed what.
//
// It promises: a page about a repository is shown to those alone who can read the
// repository on GitHub, asked of GitHub by the App's installation and remembered for
// a minute; everybody else gets what they would get for a repository that does not
// exist. A sign-off on a page records what a comment would, for findings that the
// page showed, and whether it counts is decided by the same policy in the same scan.
// No page asks a registry for anything, and none runs a script.
//
// People sign in at GitHub. Their token is dropped at once; what is kept of a
// session is a hash of its id.
package pages

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/docs"
	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/queue"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/report/html"
	"github.com/lockkeeper/lockkeeper/scan"
	"github.com/lockkeeper/lockkeeper/store"
)

// Jobs is the part of the queue that pages need.
type Jobs interface {
	// Put notes that something is dirty; when it returns nil, that is committed.
	Put(ctx context.Context, j queue.Job) error
	// Settled reports whether a run about j began after every Put and ended well.
	Settled(ctx context.Context, j queue.Job) (bool, error)
}

// Config of Pages. Everything is required unless it says otherwise.
type Config struct {
	// PublicURL is the address by which browsers reach the server, without a slash at
	// its end. Cookies are for its host alone, and over https or loopback.
	PublicURL string
	App       *github.App
	// ClientID and ClientSecret are the App's, for signing in.
	ClientID, ClientSecret string
	Store                  *store.Store
	Jobs                   Jobs
	// TellOthers queues the other pull requests of the job's repository that show any of
	// the findings: what was said of them holds there, too.
	TellOthers func(ctx context.Context, about queue.Job, said map[lockkeeper.Digest]bool) error
	// Tree is one commit of a repository.
	Tree func(c *github.Client, repo github.Repo, commit string) scan.Tree
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Wait is how long a sign-off waits to be counted before its answer says that it
	// will be; 0 means 8 seconds.
	Wait time.Duration
	// Veil is the time by whose multiples people who may not see a page are answered,
	// so that how long it took tells nothing; 0 means half a second.
	Veil time.Duration
}

// Pages answers browsers.
type Pages struct {
	cfg     Config
	login   *github.Login
	rights  *rights
	allowed *allowCache
	handler http.Handler
}

// New prepares the pages.
func New(cfg Config) (*Pages, error) {
	public, err := url.Parse(cfg.PublicURL)
	if err != nil || public.Host == "" || public.Path != "" {
		return nil, fmt.Errorf("public-url %q: want an address like https://HOST", cfg.PublicURL)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Wait <= 0 {
		cfg.Wait = 8 * time.Second
	}
	if cfg.Veil <= 0 {
		cfg.Veil = 500 * time.Millisecond
	}
	p := &Pages{cfg: cfg, rights: newRights(cfg.Now), allowed: &allowCache{}}
	p.login, err = cfg.App.Login(github.LoginConfig{ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, Callback: cfg.PublicURL + "/login/callback"})
	if err != nil {
		return nil, err
	}
	p.handler, err = p.routes()
	return p, err
}

// PullURL is the address of a pull request's details.
func PullURL(public, owner, repo string, number int) string {
	return fmt.Sprintf("%s/%s/%s/pull/%d", public, url.PathEscape(owner), url.PathEscape(repo), number)
}

// ServeHTTP implements http.Handler.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }

// maxForm bounds a posted form, in bytes: a thousand digests, twice, and a reason.
const maxForm = 1 << 20

func (p *Pages) routes() (http.Handler, error) {
	mux := http.NewServeMux()
	for pattern, h := range map[string]handler{
		"GET /{$}":                           {run: p.overview},
		"GET /{owner}/{repo}":                {run: p.repository},
		"GET /{owner}/{repo}/pull/{number}":  {run: p.pull},
		"POST /{owner}/{repo}/pull/{number}": {run: p.sign},
		"POST /logout":                       {run: p.logout},
		"GET /login":                         {run: p.door, anybody: true},
		"GET /login/github":                  {run: p.begin, anybody: true},
		"GET /login/callback":                {run: p.callback, anybody: true},
		"/":                                  {run: func(*visit) error { return errNotFound }, anybody: true},
	} {
		mux.Handle(pattern, p.page(h))
	}
	mux.HandleFunc("GET /assets/{name}", Asset)
	guard := http.NewCrossOriginProtection()
	if err := guard.AddTrustedOrigin(p.cfg.PublicURL); err != nil {
		return nil, fmt.Errorf("public-url %q: %w", p.cfg.PublicURL, err)
	}
	guard.SetDenyHandler(p.page(handler{run: func(*visit) error { return errForged }, anybody: true}))
	return Headers(guard.Handler(mux)), nil
}

// Policy is the Content-Security-Policy of a page whose forms lead to this site, and
// to the sites of others.
func Policy(others ...string) string {
	return "default-src 'none'; style-src 'self'; img-src 'self'; form-action " + strings.Join(append([]string{"'self'"}, others...), " ") + "; base-uri 'none'; frame-ancestors 'none'"
}

// Headers are those of every answer. Pages hold private things, so that nobody
// keeps them; assets say otherwise.
func Headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", Policy())
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		next.ServeHTTP(w, r)
	})
}

// handler answers one kind of page. Unless it is for anybody, it is asked only with
// somebody signed in.
type handler struct {
	run     func(*visit) error
	anybody bool
}

// visit is one request for a page.
type visit struct {
	w       http.ResponseWriter
	r       *http.Request
	session *session // nil: nobody is signed in
	status  int
}

var (
	errNotFound = errors.New("there is no such page")
	errForged   = errors.New("the form was not sent from this site")
	errOldForm  = errors.New("the form is of another session")
	errTooMany  = errors.New("too many pages at once")
)

func (p *Pages) page(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := p.cfg.Now()
		v := &visit{w: w, r: r, status: http.StatusOK}
		err := p.answer(v, h)
		switch {
		case err == nil:
			return
		case errors.Is(err, errNotFound):
			p.veil(r.Context(), start)
			p.problem(v, http.StatusNotFound, "Not found", "There is no such page, or it is not for you to see. Repositories are shown to those who can read them on GitHub.")
		case errors.Is(err, errForged), errors.Is(err, errOldForm):
			p.problem(v, http.StatusForbidden, "Not accepted", "This form was not sent from this site, or you signed in again since. Go back, reload the page and send it again.")
		case errors.Is(err, errTooMany):
			p.problem(v, http.StatusTooManyRequests, "Too many pages at once", "Wait a minute and try again.")
		case r.Context().Err() != nil: // nobody is there any more
		case github.Temporary(err):
			zerolog.Ctx(r.Context()).Warn().Err(err).Str("path", r.URL.Path).Msg("GitHub did not answer for a page")
			p.problem(v, http.StatusServiceUnavailable, "GitHub does not answer", "Whether you may see this page cannot be found out just now. Try again in a moment.")
		default:
			zerolog.Ctx(r.Context()).Error().Err(err).Str("path", r.URL.Path).Msg("could not show a page")
			p.problem(v, http.StatusInternalServerError, "That did not work", "The server's log says why. Try again in a moment.")
		}
	})
}

func (p *Pages) answer(v *visit, h handler) (err error) {
	if v.session, err = p.sessionOf(v.r); err != nil {
		return err
	}
	if v.session == nil && !h.anybody {
		if v.r.Method == http.MethodPost {
			return errOldForm
		}
		http.Redirect(v.w, v.r, "/login?to="+url.QueryEscape(v.r.URL.RequestURI()), http.StatusSeeOther)
		return nil
	}
	if v.r.Method == http.MethodPost {
		if err := v.r.ParseForm(); err != nil {
			return errForged
		}
		if v.session == nil || !v.session.owns(v.r.PostForm.Get("session")) {
			return errOldForm
		}
	}
	return h.run(v)
}

// veil waits until the time since start is a multiple of Config.Veil.
func (p *Pages) veil(ctx context.Context, start time.Time) {
	spent := max(0, p.cfg.Now().Sub(start))
	timer := time.NewTimer(p.cfg.Veil - spent%p.cfg.Veil)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

//go:embed templates
var templateFiles embed.FS

var templates = template.Must(template.Must(Frame()).ParseFS(templateFiles, "templates/*.tmpl"))

// Frame are the templates "head" and "foot" of every page, with the functions "visible"
// for text from outside and "means" for the address of a rule's page, for others to add their own to. Their data has the fields of
// Layout.
func Frame() (*template.Template, error) {
	return template.New("").Funcs(template.FuncMap{
		"visible": func(s string) string { return report.Visible(s, false) },
		"means":   docs.RuleURL,
	}).ParseFS(templateFiles, "templates/layout.tmpl")
}

//go:embed icon.svg
var icon string

// The names hold the contents' hashes, so that browsers may keep them for ever.
var (
	styleName = hashName("style", html.Style, ".css")
	iconName  = hashName("icon", icon, ".svg")
)

func hashName(name, content, ext string) string {
	sum := sha256.Sum256([]byte(content))
	return name + "-" + hex.EncodeToString(sum[:8]) + ext
}

// Asset answers for style sheet and icon, at /assets/.
func Asset(w http.ResponseWriter, r *http.Request) {
	content, kind := html.Style, "text/css; charset=utf-8"
	switch r.PathValue("name") {
	case styleName:
	case iconName:
		content, kind = icon, "image/svg+xml"
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write([]byte(content)) // the reader may be gone
}

// Layout is what every page has around its own content.
type Layout struct {
	Title string
	Style string
	Icon  string
	Login string // who is signed in
	Token string // for forms
	Trail []Crumb
	Wide  bool
	Page  any
}

// Crumb is a step on the way to a page. Without a link it is the page itself.
type Crumb struct{ Text, Link string }

// Dressed is l with style and icon.
func (l Layout) Dressed() Layout {
	l.Style, l.Icon = styleName, iconName
	return l
}

// show writes a page by the template of that name.
func (p *Pages) show(v *visit, name string, l Layout) error {
	l = l.Dressed()
	if v.session != nil {
		l.Login, l.Token = v.session.Login, v.session.token
	}
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, l); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(v.status)
	_, _ = v.w.Write(b.Bytes()) // the reader may be gone
	return nil
}

// problem says what went wrong in a page of its own.
func (p *Pages) problem(v *visit, status int, title, text string) {
	v.status = status
	if err := p.show(v, "problem.tmpl", Layout{Title: title, Page: struct{ Title, Text string }{title, text}}); err != nil {
		zerolog.Ctx(v.r.Context()).Error().Err(err).Msg("could not show what went wrong")
	}
}

// localPath is where to go after signing in: a path of this site, or its root.
func localPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\t\r\n") || len(to) > 1000 {
		return "/"
	}
	return to
}
