// Package config is the server's own configuration: a TOML file, and the
// environment over it. The server reads it, and the command for the registries; the
// owners of a repository write a policy and an allowlist instead.
//
// Each setting has a key in a section of the file and a variable named after
// both: webhook-secret in [github] is LOCKKEEPER_GITHUB_WEBHOOK_SECRET; only the
// tables [[registry]] have none. The
// environment goes before the file, the file before the default, and a variable
// that replaces something in the file is reported in Config.Notes, so that no
// setting is overridden in silence. A variable that is empty counts as not set.
//
// It promises that an unknown key is an error with its line, that the server does
// not start without a webhook secret (promise 8), that a new file replaces none, and
// that no secret is printed, in errors neither (promise 10).
package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/lockkeeper/lockkeeper/config/strict"
)

// Config is everything that the server can be told. Paths are relative to the
// working directory.
type Config struct {
	Server   Server   `toml:"server"`
	GitHub   GitHub   `toml:"github"`
	Store    Store    `toml:"store"`
	CratesIO CratesIO `toml:"cratesio"`
	PyPI     PyPI     `toml:"pypi"`
	// Registries are the private ones, and mirrors of the public ones.
	Registries []Registry `toml:"registry"`
	// Curation is what the server writes into repositories, beside checks and comments.
	Curation Curation `toml:"curation"`
	// Advisories say which releases are malicious.
	Advisories Advisories `toml:"advisories"`
	Cache      Cache      `toml:"cache"`
	Log        Log        `toml:"log"`
	Metrics    Metrics    `toml:"metrics"`
	Tracing    Tracing    `toml:"tracing"`

	// Notes are sentences to log at start: variables that replaced settings of the
	// file, and variables that look like settings but are none.
	Notes []string `toml:"-"`
}

// Server is where it is reached, and by whom it is run.
type Server struct {
	// Listen is the address to serve webhooks and pages on, "host:port"; an empty
	// host means every interface. TLS is the reverse proxy's.
	// Default: ":8080". Example: "127.0.0.1:8080".
	Listen string `toml:"listen"`
	// Contact is a mail address or web page of whoever runs this server. It is
	// sent to the registries in the User-Agent, as crates.io demands of crawlers.
	// Required. Example: "security@example.invalid".
	Contact string `toml:"contact"`
	// PublicURL is the address under which browsers reach this server. With it, and
	// with client-id and client-secret in [github], there are pages, which people sign
	// in to. Default: none, and no pages.
	// Example: "https://lockkeeper.example.invalid".
	PublicURL string `toml:"public-url"`
}

// GitHub is the App as GitHub knows it.
type GitHub struct {
	// APIURL is the base of GitHub's REST API; set it for GitHub Enterprise Server.
	// Default: github.com's.
	// Example: "https://github.example.invalid/api/v3".
	APIURL string `toml:"api-url"`
	// WebURL is the base of GitHub's pages. Default: the one that belongs to APIURL.
	// Example: "https://github.example.invalid".
	WebURL string `toml:"web-url"`
	// CAFile is the path of certificates in PEM that vouch for GitHub Enterprise
	// Server, beside those that the system trusts. Default: none.
	// Example: "/etc/lockkeeper/ca.pem".
	CAFile string `toml:"ca-file"`
	// Repositories says which repositories are read beside those in which the App is
	// installed, to compare packages with their sources and for dependencies on git:
	// "public", all public ones on this GitHub, or "none". Default: "public".
	// Example: "none".
	Repositories string `toml:"repositories"`
	// AppID is the number on the App's settings page. Required. Example: 123456.
	AppID int64 `toml:"app-id"`
	// PrivateKey is the App's private key, the text of the PEM file that GitHub
	// gives out. One of PrivateKey and PrivateKeyFile is required; after Load it
	// holds the key in both cases.
	// Example: "-----BEGIN RSA PRIVATE KEY-----\n..." with its line ends.
	PrivateKey Secret `toml:"private-key"`
	// PrivateKeyFile is the path of that PEM file. Default: none.
	// Example: "/run/secrets/lockkeeper.pem".
	PrivateKeyFile string `toml:"private-key-file"`
	// WebhookSecret is the secret on the App's settings page, with which GitHub
	// signs deliveries. Without one anybody could send them, so the server does not
	// start. One of WebhookSecret and WebhookSecretFile is required; after Load it
	// holds the secret in both cases. Example: what "openssl rand -hex 32" prints.
	WebhookSecret Secret `toml:"webhook-secret"`
	// WebhookSecretFile is the path of a file with that secret and nothing else;
	// spaces and line ends around it do not count. Default: none.
	// Example: "/run/secrets/webhook".
	WebhookSecretFile string `toml:"webhook-secret-file"`
	// ClientID is the App's client id on its settings page, for people to sign in to
	// the pages. Default: none, and no pages. Example: "Iv1.0123456789abcdef".
	ClientID string `toml:"client-id"`
	// ClientSecret is a client secret made on the App's settings page. It, or
	// ClientSecretFile, goes with ClientID; after Load it holds the secret in both
	// cases. Default: none. Example: forty hexadecimal digits.
	ClientSecret Secret `toml:"client-secret"`
	// ClientSecretFile is the path of a file with that secret and nothing else.
	// Default: none. Example: "/run/secrets/client-secret".
	ClientSecretFile string `toml:"client-secret-file"`
}

// Pages reports whether everything is there that pages need.
func (c *Config) Pages() bool {
	return c.Server.PublicURL != "" && c.GitHub.ClientID != "" && !c.GitHub.ClientSecret.Empty()
}

// Store is the database: a SQLite file for one server, or PostgreSQL for any
// number of them.
type Store struct {
	// Path of the SQLite database with sign-offs, scans and jobs; made if missing.
	// One server at a time may use it. Default: "lockkeeper.db".
	// Example: "/var/lib/lockkeeper/lockkeeper.db".
	Path string `toml:"path"`
	// URL is the address of a PostgreSQL database, used instead of Path. It is kept
	// secret, since there mostly is a password in it. Default: none.
	// Example: "postgres://lockkeeper:PASSWORD@db.example.invalid:5432/lockkeeper?sslmode=verify-full".
	URL Secret `toml:"url"`
	// URLFile is the path of a file with that address and nothing else. After Load
	// URL holds it in both cases. Default: none.
	// Example: "/run/secrets/database-url".
	URLFile string `toml:"url-file"`
	// ClosedDays is for how many days the scan and report of a closed pull request are
	// kept. Sign-offs and the audit trail are kept for ever. 0: so are these.
	// Default: 90. Example: 365.
	ClosedDays int64 `toml:"closed-days"`
}

func (s Store) isPostgres() bool { return !s.URL.Empty() || s.URLFile != "" }

// Location is where the database is, for store.Open. It may hold a password.
func (s Store) Location() string {
	if s.URL.Empty() {
		return s.Path
	}
	return s.URL.Reveal()
}

// CratesIO is the registry that "cargo" packages come from.
type CratesIO struct {
	// Index is the base URL of the sparse index. Default: the public one.
	// Example: "https://crates.example.invalid/index".
	Index string `toml:"index"`
	// Static is the base URL of the archives. Default: the public one.
	// Example: "https://crates.example.invalid/static".
	Static string `toml:"static"`
	// API is the base URL of the web API with its version. Default: the public
	// one. Example: "https://crates.example.invalid/api/v1".
	API string `toml:"api"`
}

// PyPI is the registry that "pypi" packages come from.
type PyPI struct {
	// PyPI is the base URL under which "/simple/" lies. Default: the public one.
	// Example: "https://pypi.example.invalid".
	PyPI string `toml:"pypi"`
	// Files is the base URL of the archives. Default: the public one.
	// Example: "https://files.example.invalid".
	Files string `toml:"files"`
	// TrustRoot is the path of a Sigstore trust root (trusted_root.json), read once
	// at start, that signatures of provenance are checked against.
	// Default: the public instance's, as it was when this program was built.
	// Example: "/etc/lockkeeper/trusted_root.json".
	TrustRoot string `toml:"trust-root"`
}

// Curation is what the server writes into repositories. It takes the permissions
// Contents and Pull requests, read and write; without them nothing of it is done.
type Curation struct {
	// Onboarding says whether a repository without rules gets one pull request that
	// proposes some: "pull-request" or "none". Default: "pull-request".
	// Example: "none".
	Onboarding string `toml:"onboarding"`
	// OnboardingMode is the mode of the proposed policy: "changes", or "all" with an
	// allowlist of what the lockfiles hold. Default: "changes". Example: "all".
	OnboardingMode string `toml:"onboarding-mode"`
	// Record says whether sign-offs are recorded in allowlists as each repository's
	// policy has it, "by-policy", or never, "none". Default: "by-policy".
	// Example: "none".
	Record string `toml:"record"`
}

// Advisories is where records about malicious packages come from. Without either
// key the rule known-malicious finds nothing.
type Advisories struct {
	// Dir is a directory with records that somebody keeps up to date: OSV's as *.json
	// or as its all.zip, and a checkout of RustSec's advisory-db. It is read again
	// every hour. Default: none. Example: "/var/lib/advisories".
	Dir string `toml:"dir"`
	// Source is the base URL of a mirror of OSV's archives, below which
	// "crates.io/all.zip" and "PyPI/all.zip" lie. They are fetched every hour if they
	// changed. Default: none. Example: "https://osv.example.invalid".
	Source string `toml:"source"`
}

// Cache is what may be lost.
type Cache struct {
	// Dir is the directory for answers of the registries, made if missing. It may
	// be removed at any time. Default: "cache". Example: "/var/cache/lockkeeper".
	Dir string `toml:"dir"`
	// Megabytes is how much may be kept there, of all registries together; what was not
	// used for longest goes first. What is being downloaded comes on top.
	// Default: 4096. Example: 256.
	Megabytes int64 `toml:"megabytes"`
}

// Log is what the server writes to standard error.
type Log struct {
	// Level is the least that is logged: "trace", "debug", "info", "warn" or
	// "error". Default: "info".
	Level string `toml:"level"`
	// Format is "json", one object a line, or "console", for people.
	// Default: "json".
	Format string `toml:"format"`
}

// Metrics are served to operators, apart from webhooks and pages: keep the address
// private.
type Metrics struct {
	// Listen is the address to serve Prometheus' metrics on, at /metrics, "host:port".
	// Default: none, and no metrics. Example: "127.0.0.1:9090".
	Listen string `toml:"listen"`
	// Profiles also serves Go's profiles there, at /debug/pprof/. They show what is in
	// memory, and making them costs time. Default: false. Example: true.
	Profiles bool `toml:"profiles"`
}

// Tracing sends what jobs do, and how long it takes, to a collector. Traces name
// repositories and packages.
type Tracing struct {
	// Endpoint is the base URL of a collector that speaks OTLP over HTTP. Headers and
	// certificates are set by the variables OTEL_EXPORTER_OTLP_* of OpenTelemetry.
	// Default: none, and no traces. Example: "http://127.0.0.1:4318".
	Endpoint string `toml:"endpoint"`
	// Percent of the jobs are traced. Default: 100. Example: 5.
	Percent int64 `toml:"percent"`
}

// Default is the configuration of an empty file.
func Default() *Config {
	return &Config{
		Server: Server{Listen: ":8080"},
		GitHub: GitHub{Repositories: "public"},
		Store:  Store{Path: "lockkeeper.db", ClosedDays: 90},

		Curation: Curation{Onboarding: "pull-request", OnboardingMode: "changes", Record: "by-policy"},

		Cache: Cache{Dir: "cache", Megabytes: 4096},
		Log:   Log{Level: "info", Format: "json"},

		Tracing: Tracing{Percent: 100},
	}
}

// Load reads the file path, unless path is empty, puts the LOCKKEEPER_ variables
// of env ("NAME=value") over it and reads the files that secrets are in. It does
// not judge the values: see Validate.
func Load(path string, env []string, readFile func(string) ([]byte, error)) (*Config, error) {
	c := Default()
	inFile := func(setting) bool { return false }
	if path != "" {
		data, err := readFile(path)
		if err != nil {
			return nil, fmt.Errorf("read configuration: %w", err)
		}
		meta, err := strict.Decode(path, data, c)
		if err != nil {
			return nil, withoutContent(err)
		}
		inFile = func(s setting) bool { return meta.IsDefined(s.section, s.key) }
		// One source must not say two things; the environment over the file may.
		if err := c.checkPairs(path); err != nil {
			return nil, err
		}
		if meta.IsDefined("store", "path") && c.Store.isPostgres() {
			return nil, fmt.Errorf("%s sets both path and url in [store]; remove path to use PostgreSQL, or url to use SQLite", path)
		}
	}
	if err := c.override(env, inFile); err != nil {
		return nil, err
	}
	if err := c.checkPairs("the environment"); err != nil {
		return nil, err
	}
	if c.Store.isPostgres() && c.Store.Path != Default().Store.Path {
		if slices.ContainsFunc(env, func(v string) bool {
			return strings.HasPrefix(v, "LOCKKEEPER_STORE_PATH=") && !strings.HasSuffix(v, "=")
		}) {
			return nil, errors.New("LOCKKEEPER_STORE_PATH is set, and url in [store] too; unset the variable to use PostgreSQL, or remove url to use SQLite")
		}
		c.Notes = append(c.Notes, "url in [store] comes from the environment and replaces path of the configuration file")
	}
	for _, s := range c.secrets() {
		if err := s.read(readFile); err != nil {
			return nil, err
		}
	}
	for i := range c.Registries {
		if err := c.Registries[i].complete(env, readFile); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// withoutContent keeps the place of a mistake, but neither its line nor, of the
// file's syntax, the library's message, which quotes what stands there: it may be a
// secret.
func withoutContent(err error) error {
	var at *strict.Error
	if !errors.As(err, &at) {
		return err
	}
	plain := &strict.Error{Path: at.Path, Line: at.Line, Column: at.Column, Key: at.Key, Message: at.Message, Err: at.Err}
	var syntax toml.ParseError
	if errors.As(err, &syntax) {
		plain.Message, plain.Err = "not valid TOML from here on; check quotes and brackets, and that no key stands twice", nil
	}
	return plain
}
