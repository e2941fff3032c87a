package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
)

func TestTrustRootFile(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.json"), filepath.Join(dir, "bad.json")
	own := registrytest.New().TrustRoot()
	for path, data := range map[string][]byte{good: own, bad: []byte("{}")} {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	builtIn, err := newVerifier("")
	if err != nil {
		t.Fatal(err)
	}
	given, err := newVerifier(good)
	if err != nil {
		t.Fatal(err)
	}
	if given.Root() == builtIn.Root() {
		t.Error("the file does not replace the built-in root")
	}
	for _, path := range []string{bad, filepath.Join(dir, "missing.json")} {
		if _, err := newVerifier(path); err == nil || !strings.Contains(err.Error(), "trust-root of [pypi]") || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want an error that names the setting and the file", path, err)
		}
	}
}

// TestTheCacheHasOneBound: however many registries there are.
func TestTheCacheHasOneBound(t *testing.T) {
	cfg := config.Default()
	cfg.Registries = make([]config.Registry, 5)
	const clients = 5 + 3 // crates.io, PyPI and advisories
	if got, all := plumbing(cfg, "pypi", nil).CacheBytes, cfg.Cache.Megabytes<<20; got*clients > all || got*clients < all*9/10 {
		t.Errorf("%d clients keep %d bytes each, want %d together", clients, got, all)
	}
}
