package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
)

const corporate = `
[[registry]]
name      = "corp"
ecosystem = "cargo"
sources   = ["registry+https://crates.example.invalid/git", "sparse+https://crates.example.invalid/index/"]
dl        = "https://dl.example.invalid/{crate}/{version}"
token-env = "CORP_TOKEN"

[[registry]]
name       = "wheels"
ecosystem  = "pypi"
sources    = ["https://pypi.example.invalid/simple/"]
files      = ["https://files.example.invalid"]
username   = "ci"
token-file = "hook"

[[registry]]
name    = "proxy"
mirrors = "pypi"
sources = ["https://proxy.example.invalid/simple"]
`

func TestRegistries(t *testing.T) {
	got := load(t, corporate, "CORP_TOKEN="+hidden+"\n")
	want := []Registry{
		{
			Name: "corp", Ecosystem: lockkeeper.Cargo, Sources: []string{"registry+https://crates.example.invalid/git", "sparse+https://crates.example.invalid/index/"},
			Index: "https://crates.example.invalid/index", Download: "https://dl.example.invalid/{crate}/{version}", TokenEnv: "CORP_TOKEN", Token: NewSecret(hidden),
		},
		{
			Name: "wheels", Ecosystem: lockkeeper.PyPI, Sources: []string{"https://pypi.example.invalid/simple/"}, Index: "https://pypi.example.invalid/simple",
			Files: []string{"https://files.example.invalid"}, Username: "ci", TokenFile: "hook", Token: NewSecret(hidden),
		},
		{Name: "proxy", Ecosystem: lockkeeper.PyPI, Sources: []string{"https://proxy.example.invalid/simple"}, Mirrors: "pypi"},
	}
	if diff := cmp.Diff(want, got.Registries, reveal); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := got.ValidateRegistries(); err != nil {
		t.Error(err)
	}
	// A variable with a token is no setting, whatever its name.
	got = load(t, strings.Replace(corporate, "CORP_TOKEN", "LOCKKEEPER_CORP", 1), "LOCKKEEPER_CORP="+hidden)
	if len(got.Notes) != 0 {
		t.Errorf("noted: %q", got.Notes)
	}
}

func TestRegistriesThatAreWrong(t *testing.T) {
	const cargo = "name = 'corp'\necosystem = 'cargo'\n"
	const sparse = "sources = ['sparse+https://crates.example.invalid/index/']\n"
	const python = "name = 'corp'\necosystem = 'pypi'\nsources = ['https://pypi.example.invalid/simple']\n"
	for text, want := range map[string]string{
		cargo:                             "sources is missing",
		cargo + sparse + "tokn-env = 'X'": `unknown key "tokn-env"`,
		cargo + sparse + "token = '" + hidden + "'":                                                                         `unknown key "token"`,
		cargo + sparse + "token-env = '" + hidden + "'":                                                                     "the variable of that name is not set",
		cargo + sparse + "token-env = 'EMPTY'":                                                                              "the variable of that name is not set",
		cargo + sparse + "token-env = 'TOKEN'\ntoken-file = 'hook'":                                                         "both token-env and token-file",
		cargo + sparse + "token-file = 'empty'":                                                                             "empty is empty",
		cargo + sparse + "token-file = 'gone'":                                                                              "read token-file",
		cargo + sparse + "token-env = 'BROKEN'":                                                                             "printable ASCII",
		cargo + sparse + "username = 'ci'":                                                                                  "without a token",
		cargo + sparse + "ca-file = 'hook'":                                                                                 "no certificate",
		cargo + sparse + "mirrors = 'npm'":                                                                                  `mirrors is "npm"`,
		cargo + sparse + "mirrors = 'pypi'":                                                                                 "leave ecosystem out",
		cargo + sparse + "mirrors = 'crates.io'\ntoken-env = 'TOKEN'":                                                       "a mirror without index is not asked",
		cargo + sparse + "index = 'http://crates.example.invalid'":                                                          "not encrypted",
		cargo + sparse + "index = 'https://me:" + hidden + "@c.example.invalid'":                                            "must have no user",
		cargo + "sources = ['https://crates.example.invalid/']":                                                             `must begin with "registry+" or "sparse+"`,
		cargo + "sources = ['registry+https://crates.example.invalid/git']":                                                 "index is missing",
		cargo + "sources = ['sparse+https://me:" + hidden + "@x.example.invalid/']":                                         "must have no user",
		python + "dl = 'https://x.example.invalid'":                                                                         "dl and api are Cargo's",
		strings.Replace(python, "corp", "pypi", 1):                                                                          "is that of a public registry",
		strings.Replace(python, "corp", "The Corp", 1):                                                                      "lower case",
		strings.Replace(python, "'pypi'", "'npm'", 1):                                                                       `ecosystem is "npm"`,
		python + "[[registry]]\n" + python:                                                                                  "stands twice",
		python + "[[registry]]\n" + strings.Replace(python, "corp", "b", 1):                                                 "is also one of",
		python + "mirrors = 'pypi'\nindex = 'https://x.example.invalid/simple'\n[pypi]\npypi = 'https://y.example.invalid'": "configured elsewhere, too",
	} {
		c, err := Load("c.toml", []string{"TOKEN=x", "EMPTY=", "BROKEN=" + hidden + "\nX: y"},
			files("c.toml", "[[registry]]\n"+text, "hook", hidden, "empty", " \n"))
		if err == nil {
			err = c.ValidateRegistries()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\nerror %v, want it to say %q", text, err, want)
		}
		if !strings.Contains(text, "token = ") {
			check(t, text, fmt.Sprint(err))
		}
	}
}

func TestPromise10TokensAreNotPrinted(t *testing.T) {
	c := load(t, corporate, "CORP_TOKEN="+hidden)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		check(t, verb, fmt.Sprintf(verb, c))
		check(t, verb, fmt.Sprintf(verb, c.Registries))
	}
}
