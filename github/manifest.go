package github

import (
	"cmp"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/go-github/v82/github"
)

// Grant is a permission or an event of an App, and what it is for.
type Grant struct {
	// Name as GitHub writes it: "pull_requests", "merge_group".
	Name string
	// Level of a permission, "read" or "write"; empty for an event.
	Level string
	Why   string
}

// Feature is a part of what the App does that not everybody wants, with the grants
// that it adds.
type Feature struct {
	Key         string // in files and forms: "merge-queue"
	Title       string
	Detail      string // what is different without it
	Permissions []Grant
	Events      []Grant
	// NotEnterprise: GitHub Enterprise Server does not have it.
	NotEnterprise bool
}

// Base are the grants without which the App does nothing.
func Base() (permissions, events []Grant) {
	permissions = []Grant{
		{"metadata", "read", "every App has it: names of repositories, and what people may do in them"},
		{"contents", "read", "lockfiles, policies and allowlists"},
		{"pull_requests", "write", "reading pull requests and reviews, and writing the one comment"},
		{"issues", "read", "hearing of comments: to GitHub those of a pull request are those of an issue"},
		{"checks", "write", "the check that holds a pull request"},
	}
	events = []Grant{
		{"pull_request", "", "something to look at"},
		{"pull_request_review", "", "approvals of an allowlist's change"},
		{"issue_comment", "", "/lockkeeper sign-off"},
		{"push", "", "policies and allowlists that changed"},
		{"check_run", "", "somebody asks to run the check again"},
		{"check_suite", "", "somebody asks to run all checks again"},
	}
	return permissions, events
}

// The keys of the features.
const (
	FeatureTeams      = "teams"
	FeatureMergeQueue = "merge-queue"
	FeatureCuration   = "curation"
)

// Features are those that can be left out.
func Features() []Feature {
	return []Feature{
		{
			Key: FeatureTeams, Title: "Teams as reviewers", Detail: "Without it a policy names people or a role.",
			Permissions: []Grant{{"members", "read", "who is in the teams that policies name"}},
		},
		{
			Key: FeatureMergeQueue, Title: "Merge queues", Detail: "Without it a branch with a merge queue waits for a check that never comes.",
			Permissions:   []Grant{{"merge_queues", "read", "the event of a merge queue"}},
			Events:        []Grant{{"merge_group", "", "a merge queue asks for the check of its result"}},
			NotEnterprise: true,
		},
		{
			Key: FeatureCuration, Title: "Pull requests of its own", Detail: "It proposes rules to repositories without any, and records sign-offs in allowlists. Without it people write these files.",
			Permissions: []Grant{{"contents", "write", "branches named lockkeeper/..., never a merge"}},
		},
	}
}

// granted are the grants of the base and the features of those keys, those of a
// permission with the highest level once.
func granted(keys []string, enterprise bool) (permissions, events []Grant) {
	permissions, events = Base()
	for _, f := range Features() {
		if !slices.Contains(keys, f.Key) || f.NotEnterprise && enterprise {
			continue
		}
		for _, g := range f.Permissions {
			at := slices.IndexFunc(permissions, func(p Grant) bool { return p.Name == g.Name })
			if at < 0 {
				permissions = append(permissions, g)
				continue
			}
			permissions[at].Level = g.Level
			permissions[at].Why += "; " + g.Why
		}
		events = append(events, f.Events...)
	}
	return permissions, events
}

// Manifest is an App to be made, as GitHub's manifest flow reads it.
// See https://docs.github.com/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
type Manifest struct {
	Name           string            `json:"name"`
	URL            string            `json:"url"`
	HookAttributes HookAttributes    `json:"hook_attributes"`
	RedirectURL    string            `json:"redirect_url"`
	CallbackURLs   []string          `json:"callback_urls"`
	SetupURL       string            `json:"setup_url,omitempty"`
	Description    string            `json:"description"`
	Public         bool              `json:"public"`
	Permissions    map[string]string `json:"default_permissions"`
	Events         []string          `json:"default_events"`
}

// HookAttributes are where deliveries go.
type HookAttributes struct {
	URL    string `json:"url"`
	Active bool   `json:"active"`
}

// Plan says which App is to be made.
type Plan struct {
	// Owner is the organisation that it will belong to; empty: the account of whoever
	// makes it.
	Owner string
	// PublicURL is where the server is reached, without a slash at its end.
	PublicURL string
	// RedirectURL is where GitHub leads to with the code, SetupURL where it leads to
	// after an installation; empty: nowhere.
	RedirectURL, SetupURL string
	// Features are the keys of those that are wanted.
	Features []string
	// Enterprise: it is made on GitHub Enterprise Server.
	Enterprise bool
}

// maxAppName is GitHub's bound, in characters.
const maxAppName = 34

// Manifest is the App of the plan. It is private: it can be installed for its owner
// alone.
func (p Plan) Manifest() Manifest {
	permissions, events := p.Grants()
	m := Manifest{
		Name: p.name(), URL: p.PublicURL, HookAttributes: HookAttributes{URL: p.PublicURL + "/webhook", Active: true},
		RedirectURL: p.RedirectURL, SetupURL: p.SetupURL, CallbackURLs: []string{p.PublicURL + "/login/callback"},
		Description: "Holds lockfile changes that bring in build-time code or new publishers until a reviewer signs off.",
		Permissions: map[string]string{},
	}
	for _, g := range permissions {
		m.Permissions[g.Name] = g.Level
	}
	for _, g := range events {
		m.Events = append(m.Events, g.Name)
	}
	return m
}

// Grants are what the App is given, each with its reasons.
func (p Plan) Grants() (permissions, events []Grant) { return granted(p.Features, p.Enterprise) }

// name is one that nobody has, most likely: names of Apps are unique on the whole of
// GitHub, and neither may they be those of accounts. Whoever makes the App can change
// it there.
func (p Plan) name() string {
	suffix := p.Owner
	if suffix == "" {
		sum := sha256.Sum256([]byte(p.PublicURL))
		suffix = hex.EncodeToString(sum[:3])
	}
	name := "Lockkeeper " + suffix
	if utf8.RuneCountInString(name) > maxAppName {
		name = strings.TrimRight(string([]rune(name)[:maxAppName]), "-")
	}
	return name
}

// ownerName is what GitHub lets an account be called.
var ownerName = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9_])?$`)

// OwnerName reports whether an account can have that name.
func OwnerName(login string) bool { return ownerName.MatchString(login) }

// NewAppURL is the page of GitHub's at web to which a form with the manifest is posted.
// state comes back with the code; empty for none.
func (p Plan) NewAppURL(web, state string) string {
	page := web + "/settings/apps/new"
	if p.Owner != "" {
		page = web + "/organizations/" + url.PathEscape(p.Owner) + "/settings/apps/new"
	}
	if state == "" {
		return page
	}
	return page + "?state=" + url.QueryEscape(state)
}

// Maker speaks to GitHub before there is an App, as nobody.
type Maker struct {
	web, api *url.URL
	gh       *github.Client
	timeout  time.Duration
}

// NewMaker checks cfg, of which AppID and PrivateKey are not used. It contacts nobody.
func NewMaker(cfg Config) (*Maker, error) {
	base, web, err := cfg.addresses()
	if err != nil {
		return nil, err
	}
	defaults(&cfg)
	gh := github.NewClient(&http.Client{
		Transport: &wire{next: cfg.Transport, origin: base, now: time.Now, observer: cfg.Observer},
		// A code goes to GitHub, and no further.
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("GitHub answered with a redirect") },
	})
	gh.BaseURL, gh.UserAgent = base, cfg.UserAgent
	gh.DisableRateLimitCheck = true
	return &Maker{web: web, api: base, gh: gh, timeout: cfg.Timeout}, nil
}

// WebURL is where people see GitHub, without a slash at its end.
func (m *Maker) WebURL() string { return m.web.String() }

// IsOrganisation reports whether an account is an organisation. ErrNotFound if there is
// none of that name; other errors say that GitHub does not tell nobody. One call.
func (m *Maker) IsOrganisation(ctx context.Context, login string) (bool, error) {
	if !OwnerName(login) {
		return false, &Invalid{What: fmt.Sprintf("account %.100q", login)}
	}
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	user, _, err := m.gh.Users.Get(ctx, login)
	if err != nil {
		return false, fmt.Errorf("look up the account %s: %w", login, err)
	}
	return user.GetType() == "Organization", nil
}

// Made is a new App with its secrets.
type Made struct {
	ID   int64
	Slug string
	Name string // as somebody typed it: show it as text alone
	// Page is the App's public page, where it is installed.
	Page          string
	PrivateKey    string // PEM
	WebhookSecret string
	ClientID      string
	ClientSecret  string
}

// InstallURL is where the App is installed on repositories.
func (m *Made) InstallURL() string { return m.Page + "/installations/new" }

// ErrCode says that GitHub does not know a code: it was used, is older than an hour, or
// is none.
var ErrCode = errors.New("GitHub does not know the code: it works once, within the hour after the App was made")

var (
	manifestCode = regexp.MustCompile(`^[A-Za-z0-9_-]{8,200}$`)
	appSlug      = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,99}$`)
	clientName   = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	plainSecret  = regexp.MustCompile(`^[!-~]{8,500}$`)
)

// Convert exchanges the code with which GitHub came back for the App and its secrets.
// It works once; after an error that is Temporary it may be tried again. No error holds
// the code or a secret. One call.
func (m *Maker) Convert(ctx context.Context, code string) (*Made, error) {
	if !manifestCode.MatchString(code) {
		return nil, ErrCode
	}
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	app, _, err := m.gh.Apps.CompleteAppManifest(ctx, code)
	var status *StatusError
	switch {
	case errors.As(err, &status) && (errors.Is(err, ErrNotFound) || status.Status == http.StatusUnprocessableEntity):
		return nil, ErrCode
	case errors.As(err, &status):
		hidden := *status
		hidden.Path = "/app-manifests/CODE/conversions"
		return nil, fmt.Errorf("exchange the code for the App: %w", &hidden)
	case err != nil:
		var limited *RateLimited
		if errors.As(err, &limited) {
			return nil, fmt.Errorf("exchange the code for the App: %w", limited)
		}
		return nil, fmt.Errorf("exchange the code for the App: %w", redact(err, code))
	}
	return m.made(app)
}

// made believes of GitHub's answer what has the form that it must have.
func (m *Maker) made(app *github.AppConfig) (*Made, error) {
	made := &Made{
		ID: app.GetID(), Slug: app.GetSlug(), Name: oneLine(app.GetName(), 200), PrivateKey: app.GetPEM(),
		WebhookSecret: app.GetWebhookSecret(), ClientID: app.GetClientID(), ClientSecret: app.GetClientSecret(),
	}
	made.Page = pageOf(m.web, app.GetHTMLURL(), made.Slug)
	wrong := ""
	for _, field := range []struct {
		name string
		good bool
	}{
		{"id", made.ID > 0}, {"slug", appSlug.MatchString(made.Slug)}, {"pem", rsaKey(made.PrivateKey)},
		{"webhook_secret", plainSecret.MatchString(made.WebhookSecret)},
		{"client_id", clientName.MatchString(made.ClientID)}, {"client_secret", plainSecret.MatchString(made.ClientSecret)},
	} {
		if !field.good {
			wrong = cmp.Or(wrong, field.name)
		}
	}
	if wrong != "" {
		return nil, fmt.Errorf("exchange the code for the App: GitHub's answer has no usable %s; make the App by hand, see docs/operating.md", wrong)
	}
	return made, nil
}

// pageOf is the App's page that GitHub names, if it is one of GitHub's own, and
// otherwise where it has to be.
func pageOf(web *url.URL, given, slug string) string {
	root := web.String()
	if given == root+"/apps/"+slug || given == root+"/github-apps/"+slug {
		return given
	}
	if web.Host == "github.com" {
		return root + "/apps/" + slug
	}
	return root + "/github-apps/" + slug
}

func rsaKey(text string) bool {
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(strings.TrimSpace(string(rest))) > 0 {
		return false
	}
	if _, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return true
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	_, isRSA := key.(*rsa.PrivateKey)
	return err == nil && isRSA
}
