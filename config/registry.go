package config

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
)

// Registry is one that is not public, or a mirror of one that is: a table
// [[registry]]. It has no variables, for it has no name to make them of; what must
// not stand in a file, the token, is in a variable or file of its own.
type Registry struct {
	// Name is what the policy and findings call it: lower case, digits, "-" and "_".
	// Required. Example: "corp".
	Name string `toml:"name"`
	// Ecosystem of its packages, "cargo" or "pypi". Required, but for a mirror.
	Ecosystem lockkeeper.Ecosystem `toml:"ecosystem"`
	// Sources are what lockfiles write for it. For Cargo "registry+URL" or
	// "sparse+URL", for Python the URL of the index; a slash at the end and a user in
	// it make no difference. Nothing else that a lockfile names is ever asked.
	// Required. Example: ["sparse+https://crates.example.invalid/index/"].
	Sources []string `toml:"sources"`
	// Mirrors says which public registry this is a copy of, "crates.io" or "pypi".
	// Packages that come from here count as that registry's. With Index it is asked in
	// place of that registry. Default: of none.
	Mirrors string `toml:"mirrors"`
	// Index is the URL to ask: of the sparse index, or of the pages of the Simple API,
	// which mostly ends in "/simple". Default: the first of Sources that can be asked;
	// for a mirror none. Example: "https://crates.example.invalid/index".
	Index string `toml:"index"`
	// Download is where Cargo's archives are, written as "dl" in the index's
	// config.json. Default: what that says, if it leads to the index's host.
	// Example: "https://crates.example.invalid/dl/{crate}/{version}".
	Download string `toml:"dl"`
	// API is the base URL of Cargo's web API. Default: as for Download.
	// Example: "https://crates.example.invalid".
	API string `toml:"api"`
	// Files are base URLs of further hosts that archives may come from. The token is
	// not sent there. Default: none. Example: ["https://files.example.invalid"].
	Files []string `toml:"files"`
	// Username makes the token its password (HTTP's basic authentication). Default:
	// none, and the token is sent as Cargo does, or as a bearer token for Python.
	// Example: "lockkeeper".
	Username string `toml:"username"`
	// TokenEnv is the name of the variable that the token or password is in, TokenFile
	// the path of a file with nothing else in it. Default: none, nothing is sent.
	// Example: "CORP_TOKEN", "/run/secrets/corp-token".
	TokenEnv  string `toml:"token-env"`
	TokenFile string `toml:"token-file"`
	// Public: what it serves may be shown to everybody. The App asks other registries
	// only for private repositories, since whoever opens a pull request chooses the
	// names that its lockfile has, and is shown what is found. Default: false.
	// Example: true.
	Public bool `toml:"public"`
	// CAFile is a PEM file with the certificates that its TLS certificate may lead to,
	// beside those that the system trusts. Default: none.
	// Example: "/etc/ssl/corp.pem".
	CAFile string `toml:"ca-file"`

	// Token is what TokenEnv or TokenFile hold, CA what is in CAFile, after Load.
	Token Secret `toml:"-"`
	CA    []byte `toml:"-"`
}

// The names of the public registries, for Registry.Mirrors.
const (
	mirrorsCratesIO = "crates.io"
	mirrorsPyPI     = "pypi"
)

// complete sets what follows from other keys, and reads token and certificates.
func (r *Registry) complete(env []string, readFile func(string) ([]byte, error)) error {
	switch r.Mirrors {
	case mirrorsCratesIO:
		r.Ecosystem = cmp.Or(r.Ecosystem, lockkeeper.Cargo)
	case mirrorsPyPI:
		r.Ecosystem = cmp.Or(r.Ecosystem, lockkeeper.PyPI)
	}
	if r.Index == "" && r.Mirrors == "" {
		for _, source := range r.Sources {
			if address, ok := askable(r.Ecosystem, source); ok {
				r.Index = address
				break
			}
		}
	}
	r.Index = strings.TrimRight(r.Index, "/")
	if err := r.readToken(env, readFile); err != nil {
		return r.explain(err)
	}
	if r.CAFile != "" {
		var err error
		if r.CA, err = readFile(r.CAFile); err != nil {
			return r.explain(fmt.Errorf("read ca-file: %w", err))
		}
	}
	return nil
}

// askable is the address of an index that can be read over HTTP: git indexes cannot.
func askable(ecosystem lockkeeper.Ecosystem, source string) (string, bool) {
	if ecosystem == lockkeeper.Cargo {
		return strings.CutPrefix(source, "sparse+")
	}
	return source, ecosystem == lockkeeper.PyPI
}

func (r *Registry) readToken(env []string, readFile func(string) ([]byte, error)) error {
	switch {
	case r.TokenEnv != "" && r.TokenFile != "":
		return errors.New("both token-env and token-file are set; remove one of them")
	case r.TokenEnv != "":
		for _, variable := range env {
			if name, value, _ := strings.Cut(variable, "="); name == r.TokenEnv {
				r.Token = NewSecret(trimSecret([]byte(value)))
			}
		}
		if r.Token.Empty() {
			// Without the name: whoever is mistaken writes the token itself there.
			return errors.New("token-env: the variable of that name is not set; set it to the token")
		}
	case r.TokenFile != "":
		data, err := readFile(r.TokenFile)
		if err != nil {
			return fmt.Errorf("read token-file: %w", err)
		}
		if len(data) > maxSecret {
			return fmt.Errorf("token-file: %s has %d bytes, too many for a token; check the path", r.TokenFile, len(data))
		}
		if r.Token = NewSecret(trimSecret(data)); r.Token.Empty() {
			return fmt.Errorf("token-file: %s is empty; write the token into it", r.TokenFile)
		}
	}
	return nil
}

func (r *Registry) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("[[registry]] %.80q: %w", r.Name, err)
}

var (
	registryName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,200}$`)
)

// ValidateRegistries reports what is wrong with [cratesio], [pypi] and every
// [[registry]], joined into one error. A command that only asks registries needs no
// more than that.
func (c *Config) ValidateRegistries() error {
	errs := []error{c.CratesIO.validate(), c.PyPI.validate()}
	names, sources := map[string]bool{}, map[string]string{}
	asked := map[string]bool{"crates.io": c.CratesIO != CratesIO{}, "pypi": c.PyPI.PyPI != "" || c.PyPI.Files != ""}
	for i := range c.Registries {
		r := &c.Registries[i]
		errs = append(errs, r.explain(r.validate()))
		if names[r.Name] {
			errs = append(errs, r.explain(errors.New("stands twice; give each its own name")))
		}
		names[r.Name] = true
		for _, source := range r.Sources {
			key := string(r.Ecosystem) + " " + lockfile.RegistryKey(source)
			if other, twice := sources[key]; twice {
				errs = append(errs, r.explain(fmt.Errorf("one of its sources is also one of %q; remove it from one of them", other)))
			}
			sources[key] = r.Name
		}
		if r.Mirrors != "" && r.Index != "" {
			if asked[r.Mirrors] {
				errs = append(errs, r.explain(fmt.Errorf("index: it is configured elsewhere, too, whom to ask in place of %s; leave out one of them", r.Mirrors)))
			}
			asked[r.Mirrors] = true
		}
	}
	return errors.Join(errs...)
}

func (r *Registry) validate() error {
	errs := []error{r.checkName(), r.checkSources(), r.checkAddresses()}
	if r.Token.Empty() && r.Username != "" {
		errs = append(errs, errors.New("username is set without a token; set token-env or token-file, too"))
	}
	if strings.ContainsFunc(r.Token.Reveal()+r.Username, func(c rune) bool { return c < ' ' || c > '~' }) || strings.Contains(r.Username, ":") {
		errs = append(errs, errors.New("username and token must be printable ASCII without line ends, the username without a colon; check what is in the variable or file"))
	}
	if r.TokenEnv != "" && !variableName.MatchString(r.TokenEnv) {
		errs = append(errs, errors.New("token-env is no name of a variable; write the name there and the token into the variable"))
	}
	if r.CAFile != "" && !x509.NewCertPool().AppendCertsFromPEM(r.CA) {
		errs = append(errs, fmt.Errorf("ca-file: %s holds no certificate in PEM form", r.CAFile))
	}
	return errors.Join(errs...)
}

func (r *Registry) checkName() error {
	switch {
	case r.Name == "pypi" || r.Name == "crates-io":
		return errors.New("name is that of a public registry; take another one")
	case !registryName.MatchString(r.Name):
		return errors.New(`name must be lower case, digits, "-" and "_"; write one such as "corp"`)
	case r.Mirrors != "" && r.Mirrors != mirrorsCratesIO && r.Mirrors != mirrorsPyPI:
		return fmt.Errorf(`mirrors is %q; write "crates.io" or "pypi", or leave it out`, r.Mirrors)
	case r.Ecosystem != lockkeeper.Cargo && r.Ecosystem != lockkeeper.PyPI:
		return fmt.Errorf(`ecosystem is %q; write "cargo" or "pypi"`, r.Ecosystem)
	case r.Mirrors == mirrorsCratesIO && r.Ecosystem != lockkeeper.Cargo, r.Mirrors == mirrorsPyPI && r.Ecosystem != lockkeeper.PyPI:
		return fmt.Errorf("mirrors and ecosystem do not go together; leave ecosystem out")
	}
	return nil
}

func (r *Registry) checkSources() error {
	var errs []error
	if len(r.Sources) == 0 {
		errs = append(errs, errors.New("sources is missing; write what lockfiles have for this registry"))
	}
	for _, source := range r.Sources {
		kind, address, ok := strings.Cut(source, "+")
		if r.Ecosystem == lockkeeper.Cargo && (!ok || kind != "registry" && kind != "sparse") {
			errs = append(errs, errors.New(`each of sources must begin with "registry+" or "sparse+", as in Cargo.lock`))
			continue
		}
		if r.Ecosystem != lockkeeper.Cargo {
			address = source
		}
		u, err := url.Parse(address)
		switch {
		case err != nil || u.Scheme == "" || u.Host == "":
			errs = append(errs, errors.New("each of sources must be an address as lockfiles have it"))
		case u.User != nil && (u.Scheme == "https" || u.Scheme == "http"), u.RawQuery != "", u.Fragment != "":
			errs = append(errs, errors.New("sources must have no user, query or fragment; leave them out"))
		}
	}
	return errors.Join(errs...)
}

func (r *Registry) checkAddresses() error {
	const section = "[registry]"
	errs := []error{checkURL(section, "index", r.Index), checkURL(section, "api", r.API), checkURL(section, "dl", strings.TrimRight(r.Download, "/"))}
	for _, files := range r.Files {
		errs = append(errs, checkURL(section, "files", files))
	}
	if r.Index == "" && r.Mirrors == "" {
		errs = append(errs, errors.New("index is missing, and none of sources can be asked; write the address of its sparse index"))
	}
	if r.Ecosystem == lockkeeper.PyPI && (r.Download != "" || r.API != "") {
		errs = append(errs, errors.New("dl and api are Cargo's; leave them out, and name further hosts of files in files"))
	}
	if asks := r.Download != "" || r.API != "" || len(r.Files) > 0 || !r.Token.Empty() || r.CAFile != ""; asks && r.Index == "" && r.Mirrors != "" {
		errs = append(errs, errors.New("a mirror without index is not asked; set index to ask it in place of the public registry, or leave out what is for asking"))
	}
	return errors.Join(errs...)
}

// tokenVariables are the names of variables that tokens are in.
func (c *Config) tokenVariables() []string {
	var names []string
	for _, r := range c.Registries {
		names = append(names, r.TokenEnv)
	}
	return slices.Compact(names)
}
