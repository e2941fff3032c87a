package main

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
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
