package githubtest

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// There is one App at a time: one that is made from a manifest takes the place of the
// one before, whose installations end.

// manifest is what GitHub's flow reads. Other keys are refused here, since a misspelt
// one would be left out in silence.
type manifest struct {
	Name           string `json:"name"`
	URL            string `json:"url"`
	HookAttributes *struct {
		URL    string `json:"url"`
		Active *bool  `json:"active"`
	} `json:"hook_attributes"`
	RedirectURL   string            `json:"redirect_url"`
	CallbackURLs  []string          `json:"callback_urls"`
	SetupURL      string            `json:"setup_url"`
	SetupOnUpdate bool              `json:"setup_on_update"`
	OAuth         bool              `json:"request_oauth_on_install"`
	Description   string            `json:"description"`
	Public        bool              `json:"public"`
	Permissions   map[string]string `json:"default_permissions"`
	Events        []string          `json:"default_events"`
}

// conversionLife is how long the secrets of a new App can be fetched.
const conversionLife = time.Hour

// eventPermissions are what it takes to subscribe to an event: one of them.
var eventPermissions = map[string][]string{
	"check_run": {"checks"}, "check_suite": {"checks"}, "issue_comment": {"issues"}, "merge_group": {"merge_queues"},
	"pull_request": {"pull_requests"}, "pull_request_review": {"pull_requests"}, "push": {"contents"},
}

var absolute = regexp.MustCompile(`^https?://[^/\s]+(/\S*)?$`)

// maxAppName is GitHub's bound, in characters.
const maxAppName = 34

func readManifest(text string) (*manifest, error) {
	var m manifest
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return nil, invalidRequest("Invalid GitHub App configuration: " + err.Error())
	}
	for _, u := range append([]string{m.URL}, m.CallbackURLs...) {
		if !absolute.MatchString(u) {
			return nil, invalidRequest(`Invalid GitHub App configuration: Error "url" wasn't supplied.`)
		}
	}
	switch {
	case m.HookAttributes != nil && !absolute.MatchString(m.HookAttributes.URL):
		return nil, invalidRequest(`Invalid GitHub App configuration: Error Hook url is invalid.`)
	case m.RedirectURL != "" && !absolute.MatchString(m.RedirectURL), m.SetupURL != "" && !absolute.MatchString(m.SetupURL):
		return nil, invalidRequest("Invalid GitHub App configuration: an address is not absolute.")
	}
	for name, level := range m.Permissions {
		if _, known := defaultPermissions()[name]; !known || ranks[level] == 0 {
			return nil, invalidRequest("Invalid GitHub App configuration: Default permission records resource is not included in the list")
		}
	}
	for _, event := range m.Events {
		if !slices.ContainsFunc(eventPermissions[event], func(p string) bool { return ranks[m.Permissions[p]] > 0 }) {
			return nil, invalidRequest("Invalid GitHub App configuration: Default events unsupported: " + event)
		}
	}
	return &m, nil
}

// manifestOwner is the account that the App will belong to; nil: that of whoever makes
// it.
func (v *visit) manifestOwner() (*account, error) {
	login := v.r.PathValue("organization")
	if login == "" {
		return nil, nil
	}
	a := v.accounts[strings.ToLower(login)]
	if a == nil || a.kind != accountOrg {
		return nil, errNotFound
	}
	return a, nil
}

// newAppPage is where a manifest is posted to: a page on which its name can be changed.
func newAppPage(v *visit) error {
	owner, err := v.manifestOwner()
	if err != nil {
		return err
	}
	text := v.r.PostForm.Get("manifest")
	m, err := readManifest(text)
	if err != nil {
		return err
	}
	data := struct {
		Name, Manifest, State, Action, Owner string
		Permissions                          []string
		Events                               []string
		People                               []string
	}{Name: m.Name, Manifest: text, State: v.r.URL.Query().Get("state"), Action: strings.TrimSuffix(v.r.URL.Path, "/new"), Events: m.Events}
	for _, name := range slices.Sorted(maps.Keys(m.Permissions)) {
		data.Permissions = append(data.Permissions, name+": "+m.Permissions[name])
	}
	if owner != nil {
		data.Owner = owner.Login
	} else {
		for _, a := range v.people() {
			data.People = append(data.People, a.Login)
		}
	}
	v.allowForm(m.RedirectURL)
	return v.show("newapp.html", "Create GitHub App", data)
}

// allowForm lets the answer to a form lead to that address.
func (v *visit) allowForm(address string) {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		v.formTarget = u.Scheme + "://" + u.Host
	}
}

// createApp makes the App and goes back with a code.
func createApp(v *visit) error {
	owner, err := v.manifestOwner()
	if err != nil {
		return err
	}
	if owner == nil {
		if owner, err = v.somebody(); err != nil {
			return err
		}
	}
	m, err := readManifest(v.r.PostForm.Get("manifest"))
	if err != nil {
		return err
	}
	m.Name = strings.TrimSpace(v.r.PostForm.Get("name"))
	slug := slugOf(m.Name)
	switch {
	case slug == "" || utf8.RuneCountInString(m.Name) > maxAppName:
		return invalidRequest("Name is too long (maximum is 34 characters), or there is none.")
	case v.accounts[slug] != nil || v.accounts[slug+"[bot]"] != nil:
		return invalidRequest("Name is already taken")
	}
	if err := v.takeApp(m, slug, owner); err != nil {
		return err
	}
	back, err := url.Parse(m.RedirectURL)
	if err != nil || back.Host == "" {
		v.redirect = "/github-apps/" + slug
		return nil
	}
	code := randomHex(20)
	v.conversions[code] = v.now().Add(conversionLife)
	q := back.Query()
	q.Set("code", code)
	q.Set("state", v.r.PostForm.Get("state"))
	back.RawQuery = q.Encode()
	v.redirect = back.String()
	v.allowForm(m.RedirectURL)
	return nil
}

var notInSlug = regexp.MustCompile(`[^a-z0-9]+`)

func slugOf(name string) string {
	return strings.Trim(notInSlug.ReplaceAllString(strings.ToLower(name), "-"), "-")
}

func randomHex(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}

// takeApp makes the App of the manifest the Server's own, and tells its webhook.
func (s *Server) takeApp(m *manifest, slug string, owner *account) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	for _, r := range s.repos {
		r.inst = nil
	}
	s.installations = nil
	clear(s.conversions)
	s.cfg.AppID, s.cfg.AppSlug, s.cfg.PrivateKey = s.nextID(), slug, key
	s.cfg.Permissions, s.cfg.Events = maps.Clone(m.Permissions), slices.Clone(m.Events)
	s.appOwner, s.appName, s.external, s.setupURL, s.private = owner, m.Name, m.URL, m.SetupURL, !m.Public
	s.appAccount = s.addAccount(slug+"[bot]", accountBot)
	s.appLogin.Store(&s.appAccount.Login)
	s.clientSecret, s.hookSecret = randomHex(20), ""
	if m.HookAttributes == nil {
		return nil
	}
	s.hookSecret = randomHex(20)
	s.hooks.setApp(s.cfg.AppID)
	if active := m.HookAttributes.Active; active != nil && !*active {
		return nil
	}
	s.hooks.set(m.HookAttributes.URL, s.hookSecret)
	s.ping(m.HookAttributes.URL)
	return nil
}

// ping is the first delivery of a hook.
func (s *Server) ping(address string) {
	id := s.nextID()
	s.hooks.add("ping", "", 0, 0, obj{
		"zen": "Anything added dilutes everything else.", "hook_id": id,
		"hook": obj{
			"type": "App", "id": id, "name": "web", "active": true, "events": s.cfg.Events, "app_id": s.cfg.AppID,
			"config":     obj{"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": address},
			"created_at": timestamp(s.now()), "updated_at": timestamp(s.now()), "deliveries_url": s.apiURL("/app/hook/deliveries"),
		},
	})
}

// convertManifest hands out the App's secrets, once.
func convertManifest(c *call) (*answer, error) {
	code := c.r.PathValue("code")
	expires, ok := c.conversions[code]
	if !ok || !expires.After(c.now()) {
		return nil, errNotFound
	}
	delete(c.conversions, code)
	o := c.appJSON(c.ownApp()).with(obj{
		"client_id": clientID(c.cfg), "client_secret": c.clientSecret, "webhook_secret": orNull(c.hookSecret), "pem": string(c.privateKeyPEM()),
	})
	if c.cfg.Conversion != nil {
		c.cfg.Conversion(o)
	}
	return created(o)
}

func appPage(v *visit) error {
	if v.r.PathValue("slug") != v.cfg.AppSlug {
		return errNotFound
	}
	return v.show("app.html", v.appTitle(), struct{ Name, Owner, Install string }{
		v.appTitle(), v.appOwner.Login, "/github-apps/" + v.cfg.AppSlug + "/installations/new",
	})
}

// appTitle is the App's name as people see it.
func (s *Server) appTitle() string {
	if s.appName != "" {
		return s.appName
	}
	return s.cfg.AppSlug
}

// installable are the repositories in which the App can still be installed.
func (v *visit) installable() []*Repo {
	return slices.DeleteFunc(v.sortedRepos(), func(r *Repo) bool { return r.inst != nil || v.private && r.owner != v.appOwner })
}

// installPage asks in which repositories the App is to be installed.
func installPage(v *visit) error {
	if v.r.PathValue("slug") != v.cfg.AppSlug {
		return errNotFound
	}
	data := struct {
		Name, Action string
		Repos        []string
	}{v.appTitle(), v.r.URL.Path, nil}
	for _, r := range v.installable() {
		data.Repos = append(data.Repos, r.FullName())
	}
	v.allowForm(v.setupURL)
	return v.show("install.html", "Install "+v.appTitle(), data)
}

func installFromPage(v *visit) error {
	if v.r.PathValue("slug") != v.cfg.AppSlug {
		return errNotFound
	}
	wanted := v.r.PostForm["repository"]
	var last *Repo
	for _, r := range v.installable() {
		if slices.Contains(wanted, r.FullName()) {
			v.install(r)
			last = r
		}
	}
	if last == nil {
		return invalidRequest("Choose a repository.")
	}
	v.redirect = "/github-apps/" + v.cfg.AppSlug
	if v.setupURL != "" {
		v.redirect = v.setupURL + "?" + url.Values{"installation_id": {fmt.Sprint(last.inst.id)}, "setup_action": {"install"}}.Encode()
		v.allowForm(v.setupURL)
	}
	return nil
}

// manifestPages come from the App's site, unlike other forms: they only show what
// was posted.
var manifestPages = []string{"POST /settings/apps/new", "POST /organizations/{organization}/settings/apps/new"}
