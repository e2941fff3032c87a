package lockfile_test

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/lockfile"
)

func TestRegistryKey(t *testing.T) {
	for _, same := range [][]string{
		{"https://pkgs.example.invalid/simple", "https://pkgs.example.invalid/simple/", "HTTPS://Pkgs.example.invalid/simple", "https://ci:hunter2@pkgs.example.invalid/simple", "https://${USER}:${PASS}@pkgs.example.invalid/simple/"},
		{"sparse+https://crates.example.invalid/index/", "sparse+https://crates.example.invalid/index"},
		{"registry+https://crates.example.invalid/git", "https://crates.example.invalid/git"},
		{"registry+ssh://git@crates.example.invalid/git", "ssh://git@crates.example.invalid/git"},
		{"https://pkgs.example.invalid/Simple"},
		{"https://pkgs.example.invalid:444/simple"},
		{"https://pkgs.example.invalid/u@v/simple"},
		{"https://pkgs.example.invalid@other.example.invalid/simple", "https://other.example.invalid/simple"},
		{"./wheels"},
	} {
		for _, other := range same {
			if got, want := lockfile.RegistryKey(other), lockfile.RegistryKey(same[0]); got != want {
				t.Errorf("%q has key %q, %q has %q", other, got, same[0], want)
			}
		}
	}
	if a, b := lockfile.RegistryKey("https://pkgs.example.invalid/simple"), lockfile.RegistryKey("https://pkgs.example.invalid/Simple"); a == b {
		t.Error("paths differ in case")
	}
	if a, b := lockfile.RegistryKey("sparse+https://crates.example.invalid"), lockfile.RegistryKey("registry+https://crates.example.invalid"); a == b {
		t.Error("a sparse index is another source than a git one")
	}
}

// A lockfile's password is nobody else's business.
func TestPromise10SourcesAreShownWithoutPasswords(t *testing.T) {
	for _, kind := range []lockfile.SourceKind{lockfile.Registry, lockfile.Git, lockfile.URL} {
		e := lockfile.Entry{Source: lockfile.Source{Kind: kind, URL: "https://ci:hunter2@pkgs.example.invalid/simple", Revision: "0123"}}
		for _, shown := range []string{e.Source.String(), e.PURL()} {
			if want := "pkgs.example.invalid"; !strings.Contains(shown, want) || strings.Contains(shown, "hunter2") || strings.Contains(shown, "ci:") {
				t.Errorf("%s is shown as %s", kind, shown)
			}
		}
	}
	if got := (lockfile.Source{Kind: lockfile.Git, URL: "ssh://git@example.invalid/x"}).String(); got != "git ssh://git@example.invalid/x" {
		t.Errorf("shown as %s", got)
	}
}
