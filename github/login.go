package github

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-github/v82/github"
	"golang.org/x/oauth2"
)

// LoginConfig is what people sign in with. Both values are on the App's settings
// page, where Callback must be registered as well.
type LoginConfig struct {
	ClientID, ClientSecret string
	// Callback is the address that GitHub leads back to.
	Callback string
}

// Login tells who somebody is by GitHub's web flow for Apps. It asks for no rights,
// and the token that the flow brings is used once, to read its own account: what
// somebody may do is asked for by the App's installation.
type Login struct {
	app    *App
	config oauth2.Config
	client *http.Client
}

// maxLoginAnswer bounds the answers to a sign-in, in bytes.
const maxLoginAnswer = 1 << 20

// Login prepares the flow. It contacts nobody.
func (a *App) Login(cfg LoginConfig) (*Login, error) {
	if cfg.ClientID == "" || cfg.ClientSecret == "" || cfg.Callback == "" {
		return nil, errors.New("signing in needs a client id, a client secret and an address to come back to")
	}
	return &Login{
		app: a,
		config: oauth2.Config{
			ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, RedirectURL: cfg.Callback,
			Endpoint: oauth2.Endpoint{
				AuthURL: a.WebURL() + "/login/oauth/authorize", TokenURL: a.WebURL() + "/login/oauth/access_token",
				AuthStyle: oauth2.AuthStyleInParams, // GitHub knows no other
			},
		},
		client: &http.Client{
			Transport: &loginWire{next: a.transport, origins: []*url.URL{a.web, a.api}},
			Timeout:   a.loginTimeout,
			// The client's secret and the token go where they were sent, and no further.
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return errors.New("GitHub answered a sign-in with a redirect")
			},
		},
	}, nil
}

// Verifier is a new secret for one sign-in (PKCE, RFC 7636).
func (*Login) Verifier() string { return oauth2.GenerateVerifier() }

// URL is where a browser is sent. state comes back with it.
func (l *Login) URL(state, verifier string) string {
	return l.config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier))
}

// ErrLogin says that GitHub did not accept a sign-in: the code is old, used or
// somebody else's.
var ErrLogin = errors.New("GitHub did not accept the sign-in")

// Account exchanges the code that came back and tells who signed in. Two calls.
func (l *Login) Account(ctx context.Context, code, verifier string) (Account, error) {
	ctx, cancel := context.WithTimeout(ctx, l.app.timeout)
	defer cancel()
	token, err := l.config.Exchange(context.WithValue(ctx, oauth2.HTTPClient, l.client), code, oauth2.VerifierOption(verifier))
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		// Its text holds GitHub's whole answer.
		if refused.ErrorCode == "" {
			return Account{}, fmt.Errorf("exchange a sign-in code: GitHub answered %s", refused.Response.Status)
		}
		return Account{}, fmt.Errorf("%w: %s", ErrLogin, oneLine(refused.ErrorCode, 100))
	}
	if err != nil {
		return Account{}, fmt.Errorf("exchange a sign-in code: %w", redact(err, l.config.ClientSecret))
	}
	gh := github.NewClient(l.client).WithAuthToken(token.AccessToken)
	gh.BaseURL = l.app.api
	gh.DisableRateLimitCheck = true
	user, _, err := gh.Users.Get(ctx, "")
	if err != nil {
		return Account{}, fmt.Errorf("read who signed in: %w", redact(err, token.AccessToken))
	}
	account := accountOf(user)
	if account.ID == 0 || account.Bot {
		return Account{}, fmt.Errorf("%w: the account is no person's", ErrLogin)
	}
	return account, nil
}

// loginWire sends to GitHub's pages and API alone, and bounds what comes back.
type loginWire struct {
	next    http.RoundTripper
	origins []*url.URL
}

func (w *loginWire) RoundTrip(req *http.Request) (*http.Response, error) {
	known := false
	for _, o := range w.origins {
		known = known || req.URL.Scheme == o.Scheme && strings.EqualFold(req.URL.Host, o.Host)
	}
	if !known {
		closeBody(req)
		return nil, &hostError{to: req.URL.Scheme + "://" + req.URL.Host, only: w.origins[0].Scheme + "://" + w.origins[0].Host}
	}
	resp, err := w.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxLoginAnswer), resp.Body}
	return resp, nil
}
