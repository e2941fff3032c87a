package config

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fresh is a whole configuration, as setting one up makes it.
func fresh(t *testing.T) *Config {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c := Default()
	c.Server = Server{Listen: "127.0.0.1:8080", Contact: `ops "at" example.invalid`, PublicURL: "https://lockkeeper.example.invalid"}
	c.GitHub.AppID, c.GitHub.ClientID = 42, "Iv1.a"
	c.GitHub.PrivateKey = NewSecret(string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	c.GitHub.WebhookSecret, c.GitHub.ClientSecret = NewSecret(`\"quoted' #`), NewSecret(hidden)
	c.GitHub.APIURL = "https://github.example.invalid/api/v3"
	c.Curation.Onboarding, c.Curation.Record = "none", "none"
	c.Store.Path, c.Cache.Dir = "/var/lib/lockkeeper/lockkeeper.db", "/var/cache/lockkeeper"
	return c
}

const appPage = "https://github.example.invalid/github-apps/lockkeeper"

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "lockkeeper.toml")
	c := fresh(t)
	written, err := Create(path, c, appPage, nil)
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "lockkeeper.private-key.pem")
	if diff := cmp.Diff([]string{path, key}, written); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 {
			t.Errorf("%s has the mode %v", entry.Name(), info.Mode())
		}
	}
	if len(left) != 2 {
		t.Errorf("left in the directory: %v", left)
	}
	got, err := Load(path, nil, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	want := *c
	want.GitHub.PrivateKeyFile, want.GitHub.PrivateKey = key, NewSecret(trimSecret([]byte(c.GitHub.PrivateKey.Reveal())))
	if diff := cmp.Diff(&want, got, reveal); diff != "" {
		t.Errorf("read again (-want +got):\n%s", diff)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
}

// TestCreateReplacesNothing, not a file, a key or a link that leads nowhere.
func TestCreateReplacesNothing(t *testing.T) {
	for name, before := range map[string]func(path string) error{
		"lockkeeper.toml":            func(p string) error { return os.WriteFile(p, []byte("mine"), 0o644) },
		"lockkeeper.private-key.pem": func(p string) error { return os.WriteFile(p, []byte("mine"), 0o644) },
		"lockkeeper.toml, a link":    func(p string) error { return os.Symlink("/nowhere/at/all", p) },
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "lockkeeper.toml")
		file, _, _ := strings.Cut(name, ",")
		if err := before(filepath.Join(dir, file)); err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{Creatable(path), second(Create(path, fresh(t), appPage, nil)), place(filepath.Join(dir, file), []byte("other"))} {
			if !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "--config") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Errorf("%s: left %v, %v", name, left, err)
		}
	}
}

func second(_ []string, err error) error { return err }

// TestCreateLeavesNothing where it does not get to the end.
func TestCreateLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	for name, change := range map[string]func(*Config){
		"no webhook secret":  func(c *Config) { c.GitHub.WebhookSecret = Secret{} },
		"a key that is none": func(c *Config) { c.GitHub.PrivateKey = NewSecret(hidden) },
		"no contact":         func(c *Config) { c.Server.Contact = "" },
	} {
		c := fresh(t)
		change(c)
		_, err := Create(filepath.Join(dir, "lockkeeper.toml"), c, appPage, nil)
		if err == nil || strings.Contains(err.Error(), hidden) {
			t.Errorf("%s: %v", name, err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("%s: left %v, %v", name, left, err)
		}
	}
	if err := Creatable(filepath.Join(dir, "nowhere", "lockkeeper.toml")); err == nil || !strings.Contains(err.Error(), "nowhere: no such file or directory; name another place with --config") {
		t.Errorf("a directory that is not there: %v", err)
	}
}

// TestHostileTextInANewConfiguration stays the text that it is.
func TestHostileTextInANewConfiguration(t *testing.T) {
	c := fresh(t)
	c.GitHub.WebhookSecret = NewSecret("\"\n[store]\npath = \"/etc/passwd\"\n#\u202e")
	c.Server.Contact = `"] [server.listen]`
	text, err := c.text("/k.pem", "https://x.invalid\n[cache]\ndir = '/'")
	if err != nil {
		t.Fatal(err)
	}
	key := c.GitHub.PrivateKey.Reveal()
	got, err := Load("c.toml", nil, func(p string) ([]byte, error) {
		if p == "c.toml" {
			return text, nil
		}
		return []byte(key), nil
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if got.GitHub.WebhookSecret.Reveal() != c.GitHub.WebhookSecret.Reveal() || got.Server.Contact != c.Server.Contact || got.Store.Path != c.Store.Path || got.Cache.Dir != c.Cache.Dir {
		t.Errorf("read again: %+v\n%s", got, text)
	}
}

func TestUnmade(t *testing.T) {
	if !load(t, "[server]\nlisten = \":1\"\n[store]\npath = \"x\"\n").GitHub.Unmade() {
		t.Error("a configuration without an App is taken for one of an App")
	}
	for _, env := range []string{"APP_ID=1", "CLIENT_ID=a", "PRIVATE_KEY=a", "WEBHOOK_SECRET=a", "CLIENT_SECRET=a", "WEBHOOK_SECRET_FILE=hook", "PRIVATE_KEY_FILE=key"} {
		if load(t, "", "LOCKKEEPER_GITHUB_"+env).GitHub.Unmade() {
			t.Errorf("with %s there is an App, or half of one", env)
		}
	}
}
