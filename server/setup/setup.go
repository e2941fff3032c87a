// Package setup is the page on which a server without a configuration is set up: it
// has a GitHub App made, keeps its secrets, sees to it that GitHub reaches the server,
// and looks at a first repository.
//
// It promises: nobody gets further than a closed door without the token that was
// printed on the server's terminal; the token opens one browser, once. Nothing GitHub
// sends is believed before there is a webhook secret (promise 8). The answer with which
// GitHub comes back must belong to what this browser began. No secret is shown, logged
// or part of an address (promise 10). What is done is done once: after the set-up
// nothing of it answers.
package setup

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/server"
	"github.com/lockkeeper/lockkeeper/server/pages"
)

// Config of a Guide. Everything is required unless it says otherwise.
type Config struct {
	// Token opens the page, once. See NewToken.
	Token string
	// Listen is the address that is listened on, to be shown; Path where the
	// configuration will be.
	Listen, Path string
	// Preset fills in the form. Its PublicURL is an address that browsers may use from the
	// start; may be empty.
	Preset Choice
	// Maker speaks to the GitHub of a choice.
	Maker func(Choice) (*github.Maker, error)
	// Write keeps the new App's secrets and tells in which files. It replaces nothing.
	Write func(Choice, *github.Made) (files []string, err error)
	// Start runs the server by what Write wrote.
	Start func() (*Running, error)
	Log   zerolog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Wait is how long a page waits for something to happen before it tells that it has
	// not; 0 means 20 seconds.
	Wait time.Duration
}

// Running is the server once it is set up.
type Running struct {
	Handler http.Handler
	Server  *server.Server
	App     *github.App
}

// NewToken is 256 random bits.
func NewToken() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// Guide leads through it. It serves everything: its own page, and the server's, once
// there is one.
type Guide struct {
	cfg     Config
	running atomic.Pointer[Running]
	over    atomic.Bool
	ends    atomic.Int64 // when it is over by itself, in nanoseconds; 0 before the App runs
	heard   *heard
	handler http.Handler

	mu      sync.Mutex // guards what follows; held for a whole request that changes something
	used    bool       // the token
	session string     // cookie of the one browser
	form    string     // token in its forms
	choice  Choice
	stage   stage
	origin  string // by which the browser came
	state   string // that GitHub has to come back with
	code    string // that it came back with, until it is exchanged
	made    *github.Made
	files   []string
	began   time.Time // when the App was made
	stuck   error     // why the stage is not the next
	repo    *chosen   // whose pull requests are looked at
}

// stage is how far it is. Each is left for the next alone, but for a new beginning.
type stage int

const (
	asking   stage = iota // what nobody can guess
	planned               // an App is described, and GitHub's turn
	returned              // GitHub gave a code
	known                 // the App's secrets are here
	kept                  // they are in files
	serving               // the server runs
)

// New prepares a guide.
func New(cfg Config) *Guide {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Wait == 0 {
		cfg.Wait = 20 * time.Second
	}
	g := &Guide{cfg: cfg, choice: cfg.Preset, heard: newHeard()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /setup", g.page)
	mux.HandleFunc("POST /setup/plan", g.posted(g.plan))
	mux.HandleFunc("GET "+CreatedPath, g.created)
	mux.HandleFunc("POST /setup/again", g.posted(g.again))
	mux.HandleFunc("POST /setup/look", g.posted(g.look))
	mux.HandleFunc("POST /setup/finish", g.posted(g.finish))
	mux.HandleFunc("/setup/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/setup", http.StatusSeeOther) })
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { g.forged(w) }))
	g.handler = pages.Headers(guard.Handler(mux))
	return g
}

// openFor is how long the page stays open once the App was made.
const openFor = time.Hour

// ServeHTTP implements http.Handler.
func (g *Guide) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	running := g.running.Load()
	if ends := g.ends.Load(); ends != 0 && g.cfg.Now().UnixNano() > ends {
		g.over.Store(true)
	}
	ours := r.URL.Path == "/setup" || strings.HasPrefix(r.URL.Path, "/setup/")
	switch {
	case strings.HasPrefix(r.URL.Path, "/assets/"):
		pages.Headers(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.SetPathValue("name", strings.TrimPrefix(r.URL.Path, "/assets/"))
			pages.Asset(w, r)
		})).ServeHTTP(w, r)
	case ours && !g.over.Load():
		if !g.knownHost(r.Host) {
			pages.Headers(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				g.door(w, http.StatusMisdirectedRequest, "Another address", "This server is set up at the address that it printed on its terminal. To use the one by which it is reached from outside, start it with LOCKKEEPER_SERVER_PUBLIC_URL set to that.")
			})).ServeHTTP(w, r)
			return
		}
		g.handler.ServeHTTP(w, r)
	case running == nil:
		g.closed(w, r)
	case r.URL.Path == "/webhook":
		g.heard.listen(g.cfg.Now, running.Handler).ServeHTTP(w, r)
	case r.URL.Path == "/" && r.Method == http.MethodGet && !g.over.Load() && g.owns(r):
		// Where GitHub leads after an installation.
		http.Redirect(w, r, "/setup?wait=1", http.StatusSeeOther)
	default:
		running.Handler.ServeHTTP(w, r)
	}
}

// closed is what there is before there is a server. Without a secret nothing that comes
// to the webhook can be believed, so that GitHub is told to come again.
func (g *Guide) closed(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/healthz":
		fmt.Fprintln(w, "ok")
	case "/webhook", "/readyz":
		http.Error(w, "this server is not set up yet", http.StatusServiceUnavailable)
	default:
		http.Error(w, "this server is not set up yet; its terminal says where that is done", http.StatusNotFound)
	}
}

// knownHost: the names by which browsers may come. A name of somebody else's that leads
// here is none.
func (g *Guide) knownHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil && isLoopback(name) || isLoopback(host) {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, address := range []string{g.cfg.Preset.PublicURL, g.choice.PublicURL} {
		if u, err := url.Parse(address); err == nil && u.Host != "" && strings.EqualFold(u.Host, host) {
			return true
		}
	}
	return false
}

// originOf is the address by which the browser came, of those that are known.
func (g *Guide) originOf(r *http.Request) string {
	name, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		name = r.Host
	}
	for _, address := range []string{g.cfg.Preset.PublicURL, g.choice.PublicURL} {
		if u, err := url.Parse(address); err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host) {
			return address
		}
	}
	if _, err := strconv.ParseUint(port, 10, 16); err == nil {
		return "http://" + net.JoinHostPort(strings.Trim(name, "[]"), port)
	}
	return "http://" + name
}

const cookieName = "lockkeeper-setup"

// owns reports whether a request comes from the one browser.
func (g *Guide) owns(r *http.Request) bool {
	cookie, err := r.Cookie(cookieName)
	g.mu.Lock()
	defer g.mu.Unlock()
	return err == nil && g.session != "" && same(cookie.Value, g.session)
}

// same compares without telling how far two texts agree.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// enter lets the browser with the token in.
func (g *Guide) enter(w http.ResponseWriter, r *http.Request, token string) {
	if g.owns(r) { // the address that was printed, once more
		http.Redirect(w, r, "/setup", http.StatusSeeOther)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case !same(token, g.cfg.Token):
		g.cfg.Log.Warn().Msg("somebody opened the set-up page with another token")
		g.door(w, http.StatusForbidden, "Not the right address", "Open the whole address that the server printed on its terminal.")
	case g.used:
		g.cfg.Log.Warn().Msg("somebody opened the set-up page with the token a second time")
		g.door(w, http.StatusForbidden, "Opened already", "That address was opened in another browser, and works once. If that was not you, somebody else has it. Start the server again for a new one.")
	default:
		g.used, g.session, g.form = true, NewToken(), NewToken()
		http.SetCookie(w, &http.Cookie{
			Name: cookieName, Value: g.session, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, // GitHub leads back here
			Secure: strings.HasPrefix(g.originOf(r), "https:"),
		})
		g.cfg.Log.Info().Msg("the set-up page was opened")
		http.Redirect(w, r, "/setup", http.StatusSeeOther)
	}
}

// maxForm bounds a posted form, in bytes.
const maxForm = 64 << 10

// posted is a handler of a form of the one browser, with mu held.
func (g *Guide) posted(run func(http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !g.owns(r) {
			g.locked(w)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		g.mu.Lock()
		defer g.mu.Unlock()
		if r.ParseForm() != nil || !same(r.PostForm.Get("form"), g.form) {
			g.forged(w)
			return
		}
		run(w, r)
	}
}

func (g *Guide) locked(w http.ResponseWriter) {
	g.door(w, http.StatusForbidden, "Closed", "Open the address that the server printed on its terminal. It works in one browser; start the server again for a new one.")
}

func (g *Guide) forged(w http.ResponseWriter) {
	g.door(w, http.StatusForbidden, "Not accepted", "This form was not sent from this page. Go back, reload the page and send it again.")
}

//go:embed templates
var templateFiles embed.FS

var templates = template.Must(template.Must(pages.Frame()).ParseFS(templateFiles, "templates/*.tmpl"))

// door is a page that says why not.
func (g *Guide) door(w http.ResponseWriter, status int, title, text string) {
	g.show(w, status, "door.tmpl", title, struct{ Title, Text string }{title, text})
}

func (g *Guide) show(w http.ResponseWriter, status int, name, title string, page any) {
	var b strings.Builder
	l := pages.Layout{Title: title, Trail: []pages.Crumb{{Text: "Set-up"}}, Page: page}
	if err := templates.ExecuteTemplate(&b, name, l.Dressed()); err != nil {
		g.cfg.Log.Error().Err(err).Msg("could not show a page")
		http.Error(w, "the server's log says why this did not work", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(b.String())) // the reader may be gone
}

// page shows what comes next.
func (g *Guide) page(w http.ResponseWriter, r *http.Request) {
	if token := r.URL.Query().Get("token"); token != "" {
		g.enter(w, r, token)
		return
	}
	if !g.owns(r) {
		g.locked(w)
		return
	}
	if running := g.running.Load(); running != nil {
		g.steps(w, r, running)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.stuck != nil:
		g.showStuck(w)
	case g.stage == planned && !r.URL.Query().Has("change"):
		g.showPlan(w)
	case g.stage == asking || g.stage == planned:
		g.showForm(w, http.StatusOK, nil)
	default: // cannot be: it goes on until it is stuck or serves
		g.stuck = errors.New("it was interrupted")
		g.showStuck(w)
	}
}
