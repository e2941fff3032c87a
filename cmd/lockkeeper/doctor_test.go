package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
)

const probed = `
-- registry.toml --
[crates."cfg-if@1.0.0"]
published = 2020-01-01T00:00:00Z
publisher = "user:1 one"
[pypi."pip@1.0"]
published = 2020-01-01T00:00:00Z
-- crates/cfg-if/1.0.0/src/lib.rs --
-- pypi/pip/1.0/wheel/pip-1.0-py3-none-any.whl/pip.py --
`

// hospital is a GitHub, registries, a repository and the configuration that leads to
// them.
type hospital struct {
	forge  *githubtest.Server
	config string
	dir    string
}

func newHospital(t *testing.T) *hospital {
	t.Helper()
	h := &hospital{dir: t.TempDir()}
	registries := registrytest.New()
	if err := registries.LoadText([]byte(probed)); err != nil {
		t.Fatal(err)
	}
	if err := registries.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { registries.Close() })
	forge, err := githubtest.New(githubtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(forge)
	t.Cleanup(func() { forge.Close(); web.Close() })
	forge.SetURL(web.URL)
	forge.AddUser("alice")
	forge.AddRepo("alice", "widget", githubtest.RepoOptions{})
	h.forge = forge
	write := func(name, text string) string {
		path := filepath.Join(h.dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	root := write("root.json", string(registries.TrustRoot()))
	h.config = write("lockkeeper.toml", "[server]\ncontact = \"ops@example.invalid\"\n"+
		"[cratesio]\nindex = '"+registries.Index()+"'\nstatic = '"+registries.Static()+"'\napi = '"+registries.API()+"'\n"+
		"[pypi]\npypi = '"+registries.PyPI()+"'\nfiles = '"+registries.Files()+"'\ntrust-root = '"+root+"'\n"+
		"[github]\napi-url = '"+forge.APIURL()+"'\nweb-url = '"+forge.URL()+"'\napp-id = "+strconv.FormatInt(forge.AppID(), 10)+"\nprivate-key-file = '"+write("app.pem", string(forge.PrivateKeyPEM()))+"'\nwebhook-secret-file = '"+write("secret", "0123456789abcdef")+"'\n"+
		"[store]\npath = '"+filepath.Join(h.dir, "db")+"'\n")
	return h
}

// visit runs doctor with more environment.
func (h *hospital) visit(env ...string) (string, int) {
	var out, errs strings.Builder
	code := run(context.Background(), []string{"doctor", "--server", "--config", h.config, "-C", h.dir}, append([]string{"PATH=" + os.Getenv("PATH")}, env...), strings.NewReader(""), &out, &errs)
	return out.String() + errs.String(), code
}

func TestDoctor(t *testing.T) {
	h := newHospital(t)
	if text, code := h.visit(); code != exitOK || strings.Contains(text, "FAIL") || !strings.Contains(text, "All is well.") || !strings.Contains(text, "none failed in the last 3 days") {
		t.Errorf("exit code %d\n%s", code, text)
	}
	if _, err := os.Stat(filepath.Join(h.dir, "db")); err == nil {
		t.Error("the database was made")
	}
	for name, test := range map[string]struct {
		env  string
		want []string
	}{
		"a registry that is away":        {"LOCKKEEPER_CRATESIO_INDEX=http://127.0.0.1:1", []string{"FAIL  crates.io", "HTTPS_PROXY", "1 thing has to be put right"}},
		"the App of somebody else":       {"LOCKKEEPER_GITHUB_APP_ID=4242", []string{"FAIL  GitHub App", "app-id and private-key must be of the same App"}},
		"a database that cannot be made": {"LOCKKEEPER_STORE_PATH=/nowhere/at/all.db", []string{"FAIL  database", "set path in [store]"}},
		"a setting that is none":         {"LOCKKEEPER_GITHUB_APPID=7", []string{"note  configuration  LOCKKEEPER_GITHUB_APPID is not a setting, did you mean LOCKKEEPER_GITHUB_APP_ID?"}},
	} {
		text, code := h.visit(test.env)
		if failed := strings.Contains(text, "FAIL"); failed != (code == exitFailed) {
			t.Errorf("%s: exit code %d\n%s", name, code, text)
		}
		for _, part := range test.want {
			if !strings.Contains(text, part) {
				t.Errorf("%s: it does not say %q:\n%s", name, part, text)
			}
		}
		if strings.Contains(text, "0123456789abcdef") || strings.Contains(text, "PRIVATE KEY") {
			t.Errorf("%s: a secret is shown:\n%s", name, text)
		}
	}
}

// TestDoctorAsksPrivateRegistries: each is reached with its credentials, and what to do
// is said of one that is not.
func TestDoctorAsksPrivateRegistries(t *testing.T) {
	h := newHospital(t)
	const token = "hunter2-hunter2"
	corp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/none"):
			http.NotFound(w, r)
		case r.Header.Get("Authorization") == "":
			w.WriteHeader(http.StatusUnauthorized)
		case !strings.HasSuffix(r.Header.Get("Authorization"), token):
			w.WriteHeader(http.StatusForbidden)
		case strings.HasPrefix(r.URL.Path, "/away/"):
			fmt.Fprint(w, `{"dl":"https://elsewhere.example.invalid/{crate}"}`)
		case strings.HasSuffix(r.URL.Path, "/config.json"):
			fmt.Fprintf(w, `{"dl":"http://%s/dl","auth-required":true}`, r.Host)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(corp.Close)
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes
	t.Cleanup(secure.Close)
	plain, err := os.ReadFile(h.config)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ registry, token, want string }{
		"cargo":               {"ecosystem = 'cargo'\nsources = ['sparse+" + corp.URL + "/index/']\ntoken-env = 'CORP_TOKEN'", token, "ok    registry corp  answers in"},
		"python":              {"ecosystem = 'pypi'\nsources = ['" + corp.URL + "/simple']\ntoken-env = 'CORP_TOKEN'", token, "ok    registry corp  answers in"},
		"a mirror":            {"mirrors = 'pypi'\nsources = ['" + corp.URL + "/simple']", "", "a mirror that is not asked"},
		"without credentials": {"ecosystem = 'cargo'\nsources = ['sparse+" + corp.URL + "/index/']", "", "To do: it wants credentials"},
		"with an old token":   {"ecosystem = 'pypi'\nsources = ['" + corp.URL + "/simple']\ntoken-env = 'CORP_TOKEN'", "old-" + strings.ToUpper(token), "To do: it refuses the token"},
		"archives elsewhere":  {"ecosystem = 'cargo'\nsources = ['sparse+" + corp.URL + "/away/']\ntoken-env = 'CORP_TOKEN'", token, "To do: its index leads to that host"},
		"no index there":      {"ecosystem = 'cargo'\nsources = ['sparse+" + corp.URL + "/none/']\ntoken-env = 'CORP_TOKEN'", token, "To do: see whether index is"},
		"nobody there":        {"ecosystem = 'pypi'\nsources = ['http://127.0.0.1:1/simple']", "", "To do: see whether index is right"},
		"an own authority":    {"ecosystem = 'pypi'\nsources = ['" + secure.URL + "/simple']", "", "To do: name the certificates of its authority in ca-file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := *h
			h.config = filepath.Join(t.TempDir(), "lockkeeper.toml")
			if err := os.WriteFile(h.config, append(slices.Clone(plain), "[[registry]]\nname = 'corp'\n"+test.registry+"\n"...), 0o600); err != nil {
				t.Fatal(err)
			}
			text, code := h.visit("CORP_TOKEN=" + test.token)
			if !strings.Contains(text, test.want) || (code == exitOK) == strings.Contains(test.want, "To do") {
				t.Errorf("exit code %d; it does not say %q:\n%s", code, test.want, text)
			}
			if strings.Contains(text, token) || strings.Contains(text, strings.ToUpper(token)) {
				t.Errorf("promise 10: the token is shown:\n%s", text)
			}
		})
	}
}

// TestDoctorSaysWhatToDo for each thing that is wrong.
func TestDoctorSaysWhatToDo(t *testing.T) {
	h := newHospital(t)
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }))
	t.Cleanup(refuses.Close)
	h.forge.SetWebhook(refuses.URL, "another secret")
	h.forge.AddRepo("alice", "gadget", githubtest.RepoOptions{})
	if err := h.forge.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, _ := h.visit()
	for _, want := range []string{"Invalid HTTP Response: 400", "To do: the server did not accept the signature"} {
		if !strings.Contains(text, want) {
			t.Errorf("a secret that differs: it does not say %q:\n%s", want, text)
		}
	}
	text, _ = h.visit("LOCKKEEPER_STORE_PATH=/nowhere/at/all.db")
	if bad, todo := strings.Count(text, "FAIL"), strings.Count(text, "To do: "); bad != 2 || todo != bad {
		t.Errorf("%d things are wrong, and %d times it is said what to do:\n%s", bad, todo, text)
	}
	config, err := os.ReadFile(h.config)
	if err != nil {
		t.Fatal(err)
	}
	before, after, _ := strings.Cut(string(config), "[github]")
	_, after, _ = strings.Cut(after, "[store]")
	if err := os.WriteFile(h.config, []byte(before+"[store]"+after), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, _ := h.visit(); !strings.Contains(text, "lockkeeper setup") {
		t.Errorf("without an App it does not say how to make one:\n%s", text)
	}
}
