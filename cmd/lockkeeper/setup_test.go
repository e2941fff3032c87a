package main

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/cmd/lockkeeper/setuptest"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

// clicker is a browser without a screen: it keeps cookies, follows links and sends the
// forms of pages.
type clicker struct {
	t      *testing.T
	client *http.Client
	page   string
	at     *url.URL
}

func newClicker(t *testing.T) *clicker {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &clicker{t: t, client: &http.Client{Jar: jar}}
}

func (c *clicker) take(resp *http.Response, err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	c.page, c.at = string(body)+resp.Header.Get("Location"), resp.Request.URL
	if resp.StatusCode >= 400 {
		c.t.Fatalf("%s: %d\n%s", c.at, resp.StatusCode, c.page)
	}
}

func (c *clicker) visit(address string) {
	c.t.Helper()
	c.take(c.client.Get(address))
}

var (
	formPattern  = regexp.MustCompile(`(?s)<form[^>]* action="([^"]*)".*?</form>`)
	inputPattern = regexp.MustCompile(`<input[^>]*>`)
	valuePattern = regexp.MustCompile(`\b(name|value|type)="([^"]*)"`)
)

// submit sends the form that leads to an address which ends so, with more fields.
func (c *clicker) submit(action string, more url.Values) {
	c.t.Helper()
	for _, m := range formPattern.FindAllStringSubmatch(c.page, -1) {
		to, err := c.at.Parse(html.UnescapeString(m[1]))
		if err != nil {
			c.t.Fatal(err)
		}
		if !strings.HasSuffix(to.Path, action) {
			continue
		}
		form := url.Values{}
		for _, input := range inputPattern.FindAllString(m[0], -1) {
			field := map[string]string{}
			for _, v := range valuePattern.FindAllStringSubmatch(input, -1) {
				field[v[1]] = html.UnescapeString(v[2])
			}
			if kind := field["type"]; (kind != "checkbox" && kind != "radio") || strings.Contains(input, " checked") {
				form.Add(field["name"], field["value"])
			}
		}
		for name, values := range more {
			form[name] = values
		}
		if strings.Contains(m[0], `method="get"`) {
			to.RawQuery = form.Encode()
			c.visit(to.String())
			return
		}
		req, err := http.NewRequest(http.MethodPost, to.String(), strings.NewReader(form.Encode()))
		if err != nil {
			c.t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", c.at.Scheme+"://"+c.at.Host)
		c.take(c.client.Do(req))
		return
	}
	c.t.Fatalf("%s has no form to %s:\n%s", c.at, action, c.page)
}

func (c *clicker) says(want string) {
	c.t.Helper()
	if !strings.Contains(c.page, want) {
		c.t.Fatalf("%s does not say %q:\n%s", c.at, want, c.page)
	}
}

// TestSetUp: from nothing to a server, with the program as its own process.
func TestSetUp(t *testing.T) {
	binary := setuptest.Build(t)
	t.Run("by its pages", func(t *testing.T) { setUpByPages(t, setuptest.New(t, binary, githubtest.Config{})) })
	t.Run("from a file", func(t *testing.T) { setUpFromAFile(t, setuptest.New(t, binary, githubtest.Config{})) })
	t.Run("for Kubernetes", func(t *testing.T) { setUpForKubernetes(t, setuptest.New(t, binary, githubtest.Config{})) })
}

// setUpByPages goes on to a pull request that is held.
func setUpByPages(t *testing.T, w *setuptest.World) {
	first := w.OpenPull("before")
	s := w.Serve()
	if lines := strings.Count(s.Output(), "/setup?token="); lines != 1 {
		t.Errorf("the address is printed %d times:\n%s", lines, s.Output())
	}
	origin := "http://" + s.Address
	c := newClicker(t)
	c.visit(s.Link)
	if strings.Contains(c.at.String(), "token") {
		t.Errorf("the token stays in the address: %s", c.at)
	}
	c.submit("/setup/plan", url.Values{"public-url": {origin}, "organisation": {"acme"}, "github": {w.GitHub.URL()}, "trial": {"on"}})
	c.says("Create the GitHub App")
	c.says("checks: write")
	c.submit("/settings/apps/new", nil)
	c.says("Create GitHub App for acme")
	c.submit("/settings/apps", nil)
	c.says("GitHub reached this server at")
	c.says("lockkeeper.private-key.pem")
	install := regexp.MustCompile(`href="([^"]+/installations/new)"`).FindStringSubmatch(c.page)
	if install == nil {
		t.Fatalf("no link to the installation:\n%s", c.page)
	}
	c.visit(install[1])
	c.submit("/installations/new", url.Values{"repository": {"acme/.github", "acme/app"}})
	c.says("It is installed in 2 repositories")
	repository := regexp.MustCompile(`value="([0-9/]+)"[^>]*><label[^>]*>acme/app<`).FindStringSubmatch(c.page)
	if repository == nil {
		t.Fatalf("acme/app is not listed:\n%s", c.page)
	}
	c.submit("/setup/look", url.Values{"repository": {repository[1]}})
	c.says("1 package needs a sign-off")
	if run := w.Check(first); run.Conclusion != "action_required" || run.Name != "lockkeeper: main" {
		t.Errorf("the check that was there before: %+v", run)
	}
	second := w.OpenPull("after")
	if run := w.Check(second); run.Conclusion != "action_required" {
		t.Errorf("the check of a new pull request: %+v", run)
	}
	pages := c.page
	c.submit("/setup/finish", nil)
	c.says("Sign in with GitHub")
	resp, err := c.client.Get(origin + "/setup")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("after its end the page answers %d", resp.StatusCode)
	}
	if code := s.Stop(); code != exitOK {
		t.Errorf("exit code %d\n%s", code, s.Output())
	}

	// What was written is what a server starts with, and what doctor finds to be well.
	config, err := os.ReadFile(filepath.Join(w.Dir, "lockkeeper.toml"))
	if err != nil {
		t.Fatal(err)
	}
	secrets := regexp.MustCompile(`(?m)^(?:webhook|client)-secret = "(.+)"$`).FindAllStringSubmatch(string(config), -1)
	if len(secrets) != 2 {
		t.Fatalf("secrets in the configuration: %d", len(secrets))
	}
	for _, secret := range append(secrets, []string{"", "PRIVATE KEY"}) {
		if strings.Contains(s.Output(), secret[1]) || strings.Contains(pages, secret[1]) {
			t.Error("promise 10: a secret is logged or shown")
		}
	}
	again := w.Serve()
	if again.Link != "" {
		t.Error("a server that is configured wants to be set up")
	}
	out, errs, code := w.Run("", "doctor", "--server")
	if code != exitOK || strings.Contains(out, "FAIL") {
		t.Errorf("doctor: %d\n%s%s", code, out, errs)
	}
}

// setUpFromAFile: the same without a browser where the server is.
func setUpFromAFile(t *testing.T, w *setuptest.World) {
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(w.Dir, "setup.toml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	answers := "public-url = \"http://127.0.0.1:1\"\norganisation = \"acme\"\ncontact = \"ops@example.invalid\"\nfeatures = [\"curation\"]\ngithub = \"" + w.GitHub.URL() + "\"\ntrial = true\n"
	write(strings.Replace(answers, "organisation", "organization", 1))
	if _, errs, code := w.Run("", "setup", "--from", "setup.toml"); code != exitFailed || !strings.Contains(errs, `did you mean "organisation"`) {
		t.Errorf("a misspelt key: %d %s", code, errs)
	}
	write("public-url = \"http://127.0.0.1:1\"\n")
	if _, errs, code := w.Run("", "setup", "--from", "setup.toml"); code != exitFailed || !strings.Contains(errs, "public-url: that is this machine alone") {
		t.Errorf("an address that nobody reaches: %d %s", code, errs)
	}
	write(answers)
	out, errs, code := w.Run("", "setup", "--from", "setup.toml")
	var manifest struct {
		Name        string
		Permissions map[string]string `json:"default_permissions"`
	}
	if err := json.Unmarshal([]byte(out), &manifest); err != nil || code != exitOK {
		t.Fatalf("%v, %d\n%s%s", err, code, out, errs)
	}
	if manifest.Name != "Lockkeeper acme" || manifest.Permissions["contents"] != "write" || !strings.Contains(errs, "lockkeeper setup --from setup.toml --code CODE") {
		t.Errorf("%+v\n%s", manifest, errs)
	}
	// The page is opened somewhere else, and GitHub leads to where nobody answers.
	page, _, _ := w.Run("", "setup", "--from", "setup.toml", "--page")
	code1 := pressed(t, w, page)
	out, errs, code = w.Run(code1+"\n", "setup", "--from", "setup.toml", "--code", "-")
	if code != exitOK || !strings.Contains(out, "/github-apps/lockkeeper-acme/installations/new") || strings.Contains(out+errs, "PRIVATE") {
		t.Fatalf("%d\n%s%s", code, out, errs)
	}
	if _, errs, code := w.Run("", "setup", "--from", "setup.toml", "--code", code1); code != exitFailed || !strings.Contains(errs, "is there already and is not replaced") {
		t.Errorf("over a configuration: %d %s", code, errs)
	}
	if _, errs, code := w.Run("", "setup", "--from", "setup.toml", "--config", "other.toml", "--code", code1); code != exitFailed || !strings.Contains(errs, "it works once") {
		t.Errorf("a code that was used: %d %s", code, errs)
	}
	data, err := os.ReadFile(filepath.Join(w.Dir, "lockkeeper.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "onboarding") || !strings.Contains(string(data), `contact = "ops@example.invalid"`) {
		t.Errorf("the configuration is %s", data)
	}
	s := w.Serve()
	if s.Link != "" {
		t.Errorf("it wants to be set up:\n%s", s.Output())
	}
}

// setUpForKubernetes: the secrets go where they are piped to, and into no file.
func setUpForKubernetes(t *testing.T, w *setuptest.World) {
	answers := "public-url = \"http://127.0.0.1:1\"\norganisation = \"acme\"\ngithub = \"" + w.GitHub.URL() + "\"\ntrial = true\n"
	if err := os.WriteFile(filepath.Join(w.Dir, "setup.toml"), []byte(answers), 0o600); err != nil {
		t.Fatal(err)
	}
	page, _, _ := w.Run("", "setup", "--from", "setup.toml", "--page")
	out, errs, code := w.Run("", "setup", "--from", "setup.toml", "--code", pressed(t, w, page), "--kube-secret", "lockkeeper-github")
	var secret struct {
		Kind       string
		StringData map[string]string
	}
	if err := json.Unmarshal([]byte(out), &secret); err != nil || code != exitOK {
		t.Fatalf("%v, %d\n%s", err, code, errs)
	}
	if secret.Kind != "Secret" || secret.StringData["private-key.pem"] != string(w.GitHub.PrivateKeyPEM()) || secret.StringData["webhook-secret"] == "" || secret.StringData["client-secret"] != w.GitHub.ClientSecret() {
		t.Errorf("the Secret has the keys %v", secret.StringData)
	}
	if !strings.Contains(errs, "existingSecret: \"lockkeeper-github\"") || strings.Contains(errs, secret.StringData["webhook-secret"]) {
		t.Errorf("on standard error: %s", errs)
	}
	if _, err := os.Stat(filepath.Join(w.Dir, "lockkeeper.toml")); err == nil {
		t.Error("a configuration was written as well")
	}
}

// pressed opens a page with the one button, goes through GitHub's and gives the code.
func pressed(t *testing.T, w *setuptest.World, page string) string {
	t.Helper()
	c := newClicker(t)
	base, err := url.Parse("http://elsewhere.example.invalid/app.html")
	if err != nil {
		t.Fatal(err)
	}
	c.page, c.at = page, base
	c.submit("/settings/apps/new", nil)
	c.client.CheckRedirect = func(req *http.Request, _ []*http.Request) error { return http.ErrUseLastResponse }
	c.submit("/settings/apps", nil)
	code := regexp.MustCompile(`code=([0-9a-f]+)`).FindStringSubmatch(c.page)
	if code == nil {
		t.Fatalf("no code:\n%s", c.page)
	}
	return code[1]
}
