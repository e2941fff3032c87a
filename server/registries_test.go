package server_test

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/registry/cratesio"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
	"github.com/lockkeeper/lockkeeper/scan"
)

// innerLock locks a package of a private registry.
const innerLock = `version = 4

[[package]]
name = "inner"
version = "1.0.0"
source = "sparse+https://crates.example.invalid/index/"
checksum = "{{crate:inner@1.0.0}}"
`

// TestPrivateRegistriesInPublicRepositories: whoever opens a pull request chooses
// what its lockfile names, so that in a public repository a private registry is
// asked for nothing, unless it is declared open.
func TestPrivateRegistriesInPublicRepositories(t *testing.T) {
	for name, test := range map[string]struct{ private, open, asked bool }{
		"private repository":                  {private: true, asked: true},
		"public repository":                   {},
		"public repository and open registry": {open: true, asked: true},
	} {
		t.Run(name, func(t *testing.T) {
			corp := registrytest.New()
			must(t, corp.LoadText([]byte("-- crates/inner/1.0.0/build.rs --\nfn main() {}\n")))
			must(t, corp.Start())
			t.Cleanup(func() { corp.Close() })
			lock, err := corp.Expand(innerLock)
			must(t, err)

			w := newWorld(t, "# none\n")
			client, err := cratesio.NewAlternate(cratesio.Alternate{Index: corp.Index(), Fetch: fetch.Config{Remember: -1, Retries: -1}})
			must(t, err)
			w.scanner.Others = []scan.Registry{{
				Name: "corp", Ecosystem: lockkeeper.Cargo, Sources: []string{"sparse+https://crates.example.invalid/index/"}, Client: client, Open: test.open,
			}}
			w.repo = w.github.AddRepo("owner", "second", githubtest.RepoOptions{Private: test.private, Files: map[string]string{".lockkeeper/policy.toml": "# none\n", "Cargo.lock": w.lock("quiet@1.0.0")}})
			w.repo.SetPermission("author", "maintain")
			p := w.open(map[string]string{"Cargo.lock": lock})
			w.settle()
			text := w.comment(p)
			if told := strings.Contains(text, "build script"); told != test.asked {
				t.Errorf("what the package is was told: %t, want %t\n%s", told, test.asked, text)
			}
			if said := strings.Contains(text, "not asked for public repositories"); said == test.asked {
				t.Errorf("that it is not asked was said: %t\n%s", said, text)
			}
			if asked := len(corp.Requests()) > 0; asked != test.asked {
				t.Errorf("the registry was asked: %t, want %t", asked, test.asked)
			}
			if got := w.check(p.Head(), mainCheck).Conclusion; got != "action_required" {
				t.Errorf("the check is %q", got)
			}
		})
	}
}
