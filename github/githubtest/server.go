package githubtest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a Server is made of. The zero value works.
type Config struct {
	// AppID is the App's number. Default 1.
	AppID int64
	// AppSlug is the App's name in URLs; its bot is AppSlug + "[bot]". Default "lockkeeper".
	AppSlug string
	// PrivateKey signs the App's assertions. Default: a fresh 2048-bit key, see
	// [Server.PrivateKeyPEM].
	PrivateKey *rsa.PrivateKey
	// Clock tells the time of everything, token expiry included. Default time.Now.
	Clock func() time.Time
	// Permissions are those every installation grants, "checks": "write" and so
	// on. Default: all that Lockkeeper's features together use.
	Permissions map[string]string
	// Events are the webhook events that the App subscribes to. Default: all that
	// this package knows.
	Events []string
	// RateLimit is the number of requests that an installation may make in an
	// hour. Default 5000.
	RateLimit int
	// TokenLife is how long an installation's token really lives. It says that it
	// lives an hour, as one does that is revoked, or that a client sees whose clock is
	// behind. Default: that hour.
	TokenLife time.Duration
	// TreeLimit is the number of entries after which a recursive tree is
	// truncated. Default 100,000, as at GitHub.
	TreeLimit int
	// Conversion may change what the exchange of a manifest's code answers with.
	Conversion func(answer map[string]any)
	// DeliveryWorkers is how many webhook deliveries are under way at once. With
	// the default, 1, they arrive in the order of their events.
	DeliveryWorkers int
}

// defaultPermissions is the union of what Lockkeeper's features use.
func defaultPermissions() map[string]string {
	return map[string]string{
		"metadata": "read", "contents": "write", "pull_requests": "write", "issues": "write", "checks": "write",
		"statuses": "write", "members": "read", "administration": "read", "merge_queues": "read",
	}
}

func (c Config) withDefaults() (Config, error) {
	if c.AppID == 0 {
		c.AppID = 1
	}
	if c.AppSlug == "" {
		c.AppSlug = "lockkeeper"
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Permissions == nil {
		c.Permissions = defaultPermissions()
	}
	if c.Events == nil {
		c.Events = []string{"check_run", "check_suite", "issue_comment", "merge_group", "pull_request", "pull_request_review", "push"}
	}
	if c.RateLimit == 0 {
		c.RateLimit = 5000
	}
	if c.TokenLife == 0 {
		c.TokenLife = tokenLife
	}
	if c.TreeLimit == 0 {
		c.TreeLimit = 100_000
	}
	if c.DeliveryWorkers == 0 {
		c.DeliveryWorkers = 1
	}
	if c.PrivateKey == nil {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return c, fmt.Errorf("generate the app's key: %w", err)
		}
		c.PrivateKey = key
	}
	return c, nil
}

// Server is one GitHub. Its methods may be called from several goroutines.
type Server struct {
	cfg     Config
	started time.Time
	api     *http.ServeMux
	pages   http.Handler
	hooks   *hookQueue
	faults  *faultList
	log     requestLog
	// appLogin may be asked for by what Intercept is given, which is called with mu held.
	appLogin atomic.Pointer[string]

	mu            sync.Mutex // guards everything below, and all that hangs from it
	base          string     // scheme and host, no trailing slash
	lastID        int64
	accounts      map[string]*account // by lower-case login
	teams         []*Team
	repos         map[string]*Repo // by lower-case owner/name
	installations []*installation
	tokens        map[string]*token
	logins        map[string]oauthLogin
	checks        []*CheckRun
	suites        []*checkSuite
	appAccount    *account // the App's bot
	appOwner      *account
	conversions   map[string]time.Time // when its code expires, by the code
	// Of an App that was made from a manifest.
	appName, external, setupURL string
	private                     bool
	clientSecret, hookSecret    string
}

// New starts a GitHub without users or repositories. Close ends its webhook
// deliveries.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg:      cfg,
		started:  cfg.Clock().UTC().Truncate(time.Second),
		base:     "http://github.example.invalid",
		lastID:   1000,
		accounts: map[string]*account{},
		repos:    map[string]*Repo{},
		tokens:   map[string]*token{},
		logins:   map[string]oauthLogin{},

		conversions:  map[string]time.Time{},
		clientSecret: "githubtest-client-secret",
		faults:       &faultList{},
	}
	s.hooks = newHookQueue(s)
	s.hooks.setApp(cfg.AppID)
	s.appOwner = s.addAccount("app-owner", accountUser)
	s.appAccount = s.addAccount(cfg.AppSlug+"[bot]", accountBot)
	s.appLogin.Store(&s.appAccount.Login)
	s.api = s.newAPI()
	s.pages = s.newPages()
	return s, nil
}

// Close ends the delivery of webhooks; those still queued are not sent.
func (s *Server) Close() { s.hooks.close() }

// SetURL tells the Server where it is served, for the links in answers,
// payloads and pages: "http://127.0.0.1:8080". Call it before anything else
// happens; the API's own base is [Server.APIURL].
func (s *Server) SetURL(base string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.base = strings.TrimRight(base, "/")
}

// URL is where the pages are.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.base
}

// APIURL is the base of the REST API as GitHub Enterprise Server has it: URL
// and "/api/v3". The API is served at URL itself as well.
func (s *Server) APIURL() string { return s.URL() + apiPrefix }

// AppID is the number of the App.
func (s *Server) AppID() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg.AppID
}

// AppLogin is the login under which the App comments.
func (s *Server) AppLogin() string { return *s.appLogin.Load() }

// PrivateKeyPEM is the App's private key in the form in which GitHub hands it
// out.
func (s *Server) PrivateKeyPEM() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.privateKeyPEM()
}

func (s *Server) privateKeyPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(s.cfg.PrivateKey)})
}

// nextID numbers everything; ids of different kinds never coincide, so that a
// client which mixes them up is found out. Call with mu held.
func (s *Server) nextID() int64 {
	s.lastID++
	return s.lastID
}

func (s *Server) now() time.Time { return s.cfg.Clock().UTC().Truncate(time.Second) }

// apiPrefix is where GitHub Enterprise Server has its API. Paths with and
// without it are the same here.
const apiPrefix = "/api/v3"

// apiRoots are the first segments of the API's paths; no account has such a name.
var apiRoots = map[string]bool{
	"app": true, "apps": true, "app-manifests": true, "installation": true, "orgs": true, "users": true, "user": true, "repos": true, "rate_limit": true,
}

// ServeHTTP answers API calls and pages.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rest, ok := strings.CutPrefix(r.URL.Path, apiPrefix+"/"); ok {
		r = r.Clone(r.Context())
		r.URL.Path = "/" + rest
		r.URL.RawPath = strings.TrimPrefix(r.URL.RawPath, apiPrefix)
		s.serveAPI(w, r)
		return
	}
	root, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if apiRoots[root] {
		s.serveAPI(w, r)
		return
	}
	s.pages.ServeHTTP(w, r)
}
