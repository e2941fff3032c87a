package scan_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/cratesio"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/registry/provenance"
	"github.com/lockkeeper/lockkeeper/registry/pypi"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
	"github.com/lockkeeper/lockkeeper/scan"
	"github.com/lockkeeper/lockkeeper/store"
)

// side of a replay: the incident itself, or its honest twin.
type side struct {
	Now time.Time `toml:"now"`
	// Rules are "package rule" pairs that must be found, each by name. For a twin
	// they are the only ones that may be asked about.
	Rules []string `toml:"rules"`
	// Looks are what Lockkeeper saw of owners before Now. With any of them it has a
	// memory, as the server has.
	Looks []look `toml:"looks"`
}

// look at the owners of one package.
type look struct {
	Package string    `toml:"package"` // "pypi/ctx"
	At      time.Time `toml:"at"`
	Owners  []string  `toml:"owners"` // "user:52", "team:7"
}

// remember gives the memory that the looks make.
func remember(t *testing.T, looks []look) scan.Owners {
	t.Helper()
	if len(looks) == 0 {
		return nil
	}
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "lockkeeper.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for _, l := range looks {
		var owners []lockkeeper.Principal
		for _, text := range l.Owners {
			p, err := lockkeeper.ParsePrincipal(text)
			if err != nil {
				t.Fatal(err)
			}
			owners = append(owners, p)
		}
		if _, err := db.PutOwners(t.Context(), l.Package, owners, l.At); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

// TestReplays runs every incident of testdata/replays through the real pipeline
// and the default policy, or the replay's own policy.toml: it must not pass, for the
// stated reasons; the honest release before it must ask for nothing.
func TestReplays(t *testing.T) {
	paths, err := filepath.Glob("testdata/replays/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no replays: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var sides map[string]side
			if err := toml.Unmarshal(find(archive, "replay.toml"), &sides); err != nil {
				t.Fatalf("replay.toml: %v", err)
			}
			t.Run("attack", func(t *testing.T) {
				decision := replay(t, archive, "attack", sides["attack"])
				if decision.Conclusion == policy.Success || decision.Conclusion == policy.Neutral {
					t.Errorf("the attack passes: %s", decision.Conclusion)
				}
				found := asked(decision, policy.Open, policy.Blocked, policy.Warned)
				for _, want := range sides["attack"].Rules {
					if !slices.Contains(found, want) {
						t.Errorf("%q was not found; found were %q", want, found)
					}
				}
			})
			t.Run("twin", func(t *testing.T) {
				decision := replay(t, archive, "twin", sides["twin"])
				if found := asked(decision, policy.Open, policy.Blocked); !slices.Equal(found, sides["twin"].Rules) {
					t.Errorf("the honest release asks for %q, want %q", found, sides["twin"].Rules)
				}
			})
		})
	}
}

func find(a *txtar.Archive, name string) []byte {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

func asked(d policy.Decision, states ...policy.State) []string {
	var found []string
	for _, o := range d.Outcomes {
		if slices.Contains(states, o.State) {
			found = append(found, o.Finding.Package.Name+" "+string(o.Finding.Rule))
		}
	}
	return found
}

// replay serves the registries and repositories of one side and judges its
// change. Files below "attack/" and "twin/" are of that side alone.
func replay(t *testing.T, archive *txtar.Archive, name string, of side) policy.Decision {
	t.Helper()
	served := &txtar.Archive{}
	base, head := memoryTree{}, memoryTree{}
	forge := newForge(t)
	files, err := forge.Side(archive, name, "attack", "twin")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		first, rest, _ := strings.Cut(f.Name, "/")
		switch first {
		case "base":
			base[rest] = f.Data
		case "head":
			head[rest] = f.Data
		default:
			served.Files = append(served.Files, f)
		}
	}
	server, scanner := newScanner(t, txtar.Format(served))
	scanner.Others = ownRegistries(t, server, find(archive, "registries.toml"))
	scanner.Now, scanner.Repositories = func() time.Time { return of.Now }, public(t, forge)
	scanner.Owners = remember(t, of.Looks)
	for _, tree := range []memoryTree{base, head} {
		for path, data := range tree {
			expanded, err := server.Expand(string(data))
			if err != nil {
				t.Fatal(err)
			}
			tree[path] = []byte(expanded)
		}
	}
	rules, err := policy.Parse("policy.toml", find(archive, "policy.toml"))
	if err != nil {
		t.Fatal(err)
	}
	result, err := scanner.Run(context.Background(), scan.Input{Base: base, Head: head, BaseName: "base", HeadName: "head", Policy: rules})
	if err != nil {
		t.Fatal(err)
	}
	return policy.Evaluate(policy.Input{Findings: result.Findings, Policy: rules, Onboarded: true, Now: of.Now})
}

// newScanner serves the registries of a txtar text and gives a scanner that asks
// them.
func newScanner(t testing.TB, text []byte) (*registrytest.Server, *scan.Scanner) {
	t.Helper()
	server := registrytest.New()
	if err := server.LoadText(text); err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server, again(t, server)
}

// again gives a scanner that has asked nothing yet.
func again(t testing.TB, server *registrytest.Server) *scan.Scanner {
	t.Helper()
	plumbing := fetch.Config{Version: "test", Contact: "test@example.invalid", CacheDir: t.TempDir(), RetryWaitMin: time.Millisecond, RetryWaitMax: 2 * time.Millisecond, Remember: -1}
	crates, err := cratesio.New(cratesio.Config{Index: server.Index(), Static: server.Static(), API: server.API(), Budget: unlimited{}, Fetch: plumbing})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := provenance.New(server.TrustRoot())
	if err != nil {
		t.Fatal(err)
	}
	python, err := pypi.New(pypi.Config{PyPI: server.PyPI(), Files: server.Files(), Verifier: verifier, Fetch: plumbing})
	if err != nil {
		t.Fatal(err)
	}
	return &scan.Scanner{Trust: verifier.Root().Hex(), Registries: map[lockkeeper.Ecosystem]registry.Client{lockkeeper.Cargo: crates, lockkeeper.PyPI: python}}
}

// unlimited is a rate budget for a registry of our own.
type unlimited struct{}

func (unlimited) Wait(ctx context.Context) error { return ctx.Err() }
