package main

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
)

// TestAuthorization: what each registry is sent, by how it is configured.
func TestAuthorization(t *testing.T) {
	token := config.NewSecret("hunter2")
	for _, test := range []struct {
		registry config.Registry
		want     string
	}{
		{config.Registry{Ecosystem: lockkeeper.Cargo, Token: token}, "hunter2"},
		{config.Registry{Ecosystem: lockkeeper.PyPI, Token: token}, "Bearer hunter2"},
		{config.Registry{Ecosystem: lockkeeper.Cargo, Username: "ci", Token: token}, "Basic Y2k6aHVudGVyMg=="},
		{config.Registry{Ecosystem: lockkeeper.PyPI, Username: "ci", Token: token}, "Basic Y2k6aHVudGVyMg=="},
		{config.Registry{Ecosystem: lockkeeper.PyPI}, ""},
	} {
		header := http.Header{}
		if set := authorization(test.registry); set != nil {
			set(header)
		}
		if got := header.Get("Authorization"); got != test.want {
			t.Errorf("%+v: %q, want %q", test.registry, got, test.want)
		}
	}
}

// TestMirrorWithItsOwnCertificate: a mirror that has an index is asked in place of
// the public registry, with the certificates of its ca-file.
func TestMirrorWithItsOwnCertificate(t *testing.T) {
	served := registrytest.New()
	if err := served.LoadText([]byte("-- registry.toml --\n[pypi.'a@1.0']\n")); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewTLSServer(served)
	t.Cleanup(web.Close)
	served.SetURL(web.URL)
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	text := "[cache]\ndir = '" + dir + "'\n[[registry]]\nname = 'proxy'\nmirrors = 'pypi'\nsources = ['https://proxy.example.invalid/simple']\nindex = '" + served.Simple() + "'\nca-file = '" + ca + "'\n"
	for _, path := range []string{"with", "without"} {
		t.Run(path, func(t *testing.T) {
			cfg, err := config.Load("c.toml", nil, func(name string) ([]byte, error) {
				if name == "c.toml" {
					return []byte(text), nil
				}
				return os.ReadFile(name)
			})
			if err != nil {
				t.Fatal(err)
			}
			if path == "without" {
				cfg.Registries[0].CA = nil
			}
			s, err := newScanner(cfg, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			project, err := s.Registries[lockkeeper.PyPI].Project(t.Context(), "a")
			if trusted := err == nil && project.Release("1.0") != nil; trusted != (path == "with") {
				t.Errorf("%+v, %v", project, err)
			}
			if len(s.Others) != 1 || !s.Others[0].Mirror || s.Others[0].Client != s.Registries[lockkeeper.PyPI] {
				t.Errorf("%+v", s.Others)
			}
		})
	}
}
