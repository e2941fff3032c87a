package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/advisory/mirror"
	"github.com/lockkeeper/lockkeeper/registry/cratesio"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/registry/provenance"
	"github.com/lockkeeper/lockkeeper/registry/pypi"
	"github.com/lockkeeper/lockkeeper/scan"
	"github.com/lockkeeper/lockkeeper/store"
)

// engineFlags say with what a scan is made.
type engineFlags struct {
	Config string `help:"Configuration with the registries to ask (LOCKKEEPER_CONFIG)." placeholder:"FILE" type:"path"`
	// OrganisationPolicy is what the App reads from the owner's repository ".github".
	OrganisationPolicy string `help:"Policy of the organisation, which this one can tighten only." placeholder:"FILE" type:"path"`
	NoCache            bool   `help:"Remember nothing between runs."`
	GitHub             string `name:"github" help:"Compare packages with their repositories on GitHub: auto (if there is a token in GITHUB_TOKEN or GH_TOKEN), always, never." enum:"auto,always,never" default:"auto"`
}

// organisation reads the policy of the whole organisation, nil where none is named.
func (f engineFlags) organisation() (*policy.Policy, error) {
	if f.OrganisationPolicy == "" {
		return nil, nil
	}
	data, err := os.ReadFile(f.OrganisationPolicy)
	if err != nil {
		return nil, fmt.Errorf("read the organisation's policy: %w", err)
	}
	return policy.Parse(f.OrganisationPolicy, data)
}

// scanner makes the engine with facts and archives cached on disk.
func (f engineFlags) scanner(p *process) (*scan.Scanner, error) {
	cfg, err := f.load(p)
	if err != nil {
		return nil, err
	}
	if err := cfg.ValidateRegistries(); err != nil {
		return nil, err
	}
	s, err := newScanner(cfg, nil, nil)
	if err != nil {
		return nil, err
	}
	if cfg.Cache.Dir != "" {
		s.Facts = dirFacts(filepath.Join(cfg.Cache.Dir, "facts"))
	}
	source, err := advisories(cfg, nil)
	if err != nil {
		return nil, err
	}
	if source != nil {
		list, err := source.Load(p.ctx)
		if err != nil {
			return nil, err
		}
		s.Advisories = list
	}
	token := cmp.Or(p.getenv("GITHUB_TOKEN"), p.getenv("GH_TOKEN"))
	if f.GitHub == "never" || f.GitHub != "always" && token == "" {
		return s, nil
	}
	transport, err := toGitHub(cfg)
	if err != nil {
		return nil, err
	}
	s.Repositories, err = github.NewPublic(github.Config{
		Transport: transport, BaseURL: cfg.GitHub.APIURL, WebURL: cfg.GitHub.WebURL, UserAgent: "lockkeeper/" + agentVersion(),
	}, token)
	return s, err
}

// configuration reads the file at path, or the one that the environment names.
func (p *process) configuration(path string) (*config.Config, error) {
	return config.Load(cmp.Or(path, p.getenv(config.PathVariable)), p.env, os.ReadFile)
}

// found is a server's configuration and where it is.
type found struct {
	*config.Config
	path string
	// named: somebody said where it is. missing: there is no file.
	named, missing bool
}

// serverConfiguration reads the file at path, the one that the environment names, or
// lockkeeper.toml of the working directory. Commands that judge a checkout do not read
// the latter: it would be whoever wrote the checkout that says which registries are
// asked.
func (p *process) serverConfiguration(path string) (found, error) {
	f := found{path: cmp.Or(path, p.getenv(config.PathVariable))}
	f.named = f.path != ""
	f.path = cmp.Or(f.path, config.FileName)
	_, err := os.Stat(f.path)
	f.missing = errors.Is(err, fs.ErrNotExist)
	read := f.path
	if f.missing {
		read = ""
	}
	f.Config, err = config.Load(read, p.env, os.ReadFile)
	return f, err
}

// operated is serverConfiguration for commands beside a server, which must be there.
func (p *process) operated(path string) (*config.Config, error) {
	f, err := p.serverConfiguration(path)
	if err == nil && f.missing && f.named {
		err = fmt.Errorf("read configuration: %s is not there", f.path)
	}
	return f.Config, err
}

// filled is where the database lies of the server whose configuration is meant. It is an
// error if there is none.
func (p *process) filled(path string) (at string, err error) {
	cfg, err := p.operated(path)
	if err != nil {
		return "", err
	}
	if at = cfg.Store.Location(); !store.IsPostgres(at) {
		if _, err := os.Stat(at); errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("there is no database at %s: name the server's configuration with --config, or go to the server's directory", at)
		}
	}
	return at, nil
}

// home is where this program's makers can be reached. A registry wants to know whom
// to write to; at the command line nobody configures that.
const home = "https://github.com/lockkeeper/lockkeeper"

// load reads the configuration and finds the directory of the cache: none where
// nothing is to be remembered.
func (f engineFlags) load(p *process) (*config.Config, error) {
	cfg, err := p.configuration(f.Config)
	if err != nil {
		return nil, err
	}
	cfg.Server.Contact = cmp.Or(cfg.Server.Contact, home)
	switch {
	case f.NoCache:
		cfg.Cache.Dir = ""
	case cfg.Cache.Dir == config.Default().Cache.Dir: // the server's; a command has no directory of its own
		cfg.Cache.Dir = userCache(p)
	}
	zerolog.Ctx(p.ctx).Debug().Str("configuration", cmp.Or(f.Config, p.getenv(config.PathVariable), "none")).Str("cache", cmp.Or(cfg.Cache.Dir, "none")).Msg("made ready")
	return cfg, nil
}

// userCache is the user's own directory for what may be lost, by the XDG Base
// Directory Specification and its like. Where there is none that can be written, as in
// a container without a home, nothing is remembered.
func userCache(p *process) string {
	dir := p.getenv("XDG_CACHE_HOME")
	if !filepath.IsAbs(dir) { // relative paths are invalid, says the specification
		var err error
		if dir, err = os.UserCacheDir(); err != nil {
			zerolog.Ctx(p.ctx).Debug().Err(err).Msg("nothing is remembered")
			return ""
		}
	}
	dir = filepath.Join(dir, "lockkeeper")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		if !p.quiet {
			fmt.Fprintf(p.stderr, "Nothing is remembered for the next run: %v. Set XDG_CACHE_HOME to a directory that can be written, or use --no-cache.\n", err)
		}
		return ""
	}
	return dir
}

// plumbing is how requests are made whose answers are kept in a cache of that name.
func plumbing(cfg *config.Config, cache string, o *operations) fetch.Config {
	c := fetch.Config{Version: agentVersion(), Contact: cfg.Server.Contact}
	o.watch(&c, cache)
	if cfg.Cache.Dir != "" {
		c.CacheDir = filepath.Join(cfg.Cache.Dir, cache)
		// Alike for crates.io, PyPI, advisories and each private registry.
		c.CacheBytes = cfg.Cache.Megabytes << 20 / int64(3+len(cfg.Registries))
	}
	return c
}

// advisories are where records about malicious packages come from, nil if from
// nowhere.
func advisories(cfg *config.Config, o *operations) (*mirror.Source, error) {
	a := &mirror.Source{Dir: cfg.Advisories.Dir}
	if cfg.Advisories.Source != "" {
		var err error
		if a.Mirror, err = fetch.Base(cfg.Advisories.Source); err != nil {
			return nil, err
		}
		if a.Fetch, err = fetch.New(plumbing(cfg, "advisories", o), a.Mirror); err != nil {
			return nil, err
		}
	}
	if a.Dir == "" && a.Mirror == "" {
		return nil, nil
	}
	return a, nil
}

// newScanner wires the registries' clients into a scanner. budget is waited for
// before each request to the API of crates.io; nil counts those of this process. o
// may be nil.
func newScanner(cfg *config.Config, budget fetch.Budget, o *operations) (*scan.Scanner, error) {
	crates, err := cratesio.New(cratesio.Config{
		Index: cfg.CratesIO.Index, Static: cfg.CratesIO.Static, API: cfg.CratesIO.API, Budget: budget, Fetch: plumbing(cfg, "cratesio", o),
	})
	if err != nil {
		return nil, err
	}
	verifier, err := newVerifier(cfg.PyPI.TrustRoot)
	if err != nil {
		return nil, err
	}
	python, err := pypi.New(pypi.Config{PyPI: cfg.PyPI.PyPI, Files: cfg.PyPI.Files, Verifier: verifier, Fetch: plumbing(cfg, "pypi", o)})
	if err != nil {
		return nil, err
	}
	s := &scan.Scanner{
		Registries: map[lockkeeper.Ecosystem]registry.Client{lockkeeper.Cargo: crates, lockkeeper.PyPI: python},
		Trust:      verifier.Root().Hex(),
	}
	return s, addRegistries(s, cfg, verifier, o)
}

// newVerifier trusts what the file at path says, or the built-in root.
func newVerifier(path string) (*provenance.Verifier, error) {
	if path == "" {
		return provenance.New(nil)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read trust-root of [pypi]: %w", err)
	}
	v, err := provenance.New(data)
	if err != nil {
		return nil, fmt.Errorf("trust-root of [pypi], %s, is no trusted_root.json of a Sigstore instance: %w", path, err)
	}
	return v, nil
}

// dirFacts keeps facts as files of a directory, named by the digest of the key.
// A fact that cannot be written is no loss: it is found again.
type dirFacts string

func (d dirFacts) file(key string) string {
	return filepath.Join(string(d), lockkeeper.Sum([]byte(key)).Hex()+".json")
}

func (d dirFacts) Fact(_ context.Context, key string) ([]byte, bool, error) {
	data, err := os.ReadFile(d.file(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	return data, err == nil, err
}

func (d dirFacts) PutFact(_ context.Context, key string, value []byte) error {
	if err := os.MkdirAll(string(d), 0o755); err != nil {
		return err
	}
	temp, err := os.CreateTemp(string(d), "new-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	if _, err := temp.Write(value); err != nil {
		temp.Close()
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	return os.Rename(temp.Name(), d.file(key))
}
