package config

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// Validate reports everything that keeps the server from starting, each with the
// next step, joined into one error.
func (c *Config) Validate() error {
	return errors.Join(
		c.Server.validate(),
		c.GitHub.validate(),
		c.Store.validate(),
		c.validatePages(),
		c.ValidateRegistries(),
		c.Advisories.validate(), c.Curation.validate(),
		notEmpty("cache", "dir", c.Cache.Dir), c.Cache.validate(),
		c.Log.validate(),
		c.Metrics.validate(), c.Tracing.validate(),
	)
}

func (s Server) validate() error {
	var errs []error
	if _, port, err := net.SplitHostPort(s.Listen); err != nil || port == "" {
		errs = append(errs, fmt.Errorf(`listen in [server] is %q; write an address such as ":8080"`, s.Listen))
	}
	switch {
	case s.Contact == "":
		errs = append(errs, errors.New("contact in [server] is missing; set it, or LOCKKEEPER_SERVER_CONTACT, to a mail address or web page of yours, which the registries want to know"))
	case len(s.Contact) > 200 || strings.ContainsFunc(s.Contact, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }):
		// It becomes part of a header.
		errs = append(errs, errors.New("contact in [server] must be at most 200 printable ASCII characters; write a mail address or web page"))
	}
	return errors.Join(errs...)
}

// validatePages: half of what pages need is a mistake, and would leave people without
// them in silence.
func (c *Config) validatePages() error {
	missing := map[string]bool{
		"public-url in [server]": c.Server.PublicURL == "", "client-id in [github]": c.GitHub.ClientID == "",
		"client-secret or client-secret-file in [github]": c.GitHub.ClientSecret.Empty(),
	}
	var lacking []string
	for _, key := range slices.Sorted(maps.Keys(missing)) {
		if missing[key] {
			lacking = append(lacking, key)
		}
	}
	if len(lacking) > 0 && len(lacking) < len(missing) {
		return fmt.Errorf("pages need public-url in [server] and client-id and client-secret in [github]; set %s too, or none of them", strings.Join(lacking, " and "))
	}
	if err := checkURL("server", "public-url", c.Server.PublicURL); err != nil {
		return err
	}
	if u, err := url.Parse(c.Server.PublicURL); err == nil && u.Path != "" {
		return errors.New("public-url in [server] has a path; give the pages a host of their own")
	}
	return nil
}

func (g GitHub) validate() error {
	var errs []error
	if g.WebURL != "" && g.APIURL == "" {
		errs = append(errs, errors.New("web-url in [github] is set without api-url; set api-url too for GitHub Enterprise Server, or neither for github.com"))
	}
	errs = append(errs, checkURL("github", "api-url", g.APIURL), checkURL("github", "web-url", g.WebURL))
	if g.AppID <= 0 {
		errs = append(errs, errors.New("app-id in [github] is missing; set it, or LOCKKEEPER_GITHUB_APP_ID, to the number on the App's settings page"))
	}
	errs = append(errs, oneOf("github", "repositories", g.Repositories, "public", "none"), g.checkPrivateKey())
	if strings.TrimSpace(g.WebhookSecret.Reveal()) == "" {
		errs = append(errs, errors.New(`webhook-secret in [github] is empty, and anybody could send deliveries; set webhook-secret, webhook-secret-file or LOCKKEEPER_GITHUB_WEBHOOK_SECRET to the secret on the App's settings page (make one with "openssl rand -hex 32")`))
	}
	return errors.Join(errs...)
}

// checkPrivateKey reads the key the way GitHub gives it out (PKCS #1) or tools
// convert it (PKCS #8). Its errors say nothing of the text.
func (g GitHub) checkPrivateKey() error {
	if g.PrivateKey.Empty() {
		return errors.New("private-key in [github] is missing; set private-key-file or LOCKKEEPER_GITHUB_PRIVATE_KEY_FILE to the PEM file made on the App's settings page")
	}
	block, _ := pem.Decode([]byte(g.PrivateKey.Reveal()))
	if block == nil {
		return errors.New(`private-key in [github] is no PEM text; it must begin with "-----BEGIN" and keep its line ends, which private-key-file makes easier`)
	}
	if _, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return errors.New("private-key in [github] is PEM text, but no private key; make a new one on the App's settings page")
	}
	if _, ok := key.(*rsa.PrivateKey); !ok {
		return errors.New("private-key in [github] is not RSA, as GitHub's are; make a new one on the App's settings page")
	}
	return nil
}

func (s Store) validate() error {
	const century = 36500 // more is no time.Duration any more
	if s.ClosedDays < 0 || s.ClosedDays > century {
		return fmt.Errorf("closed-days in [store] is %d; write a number of days, or 0 to keep everything", s.ClosedDays)
	}
	if s.URL.Empty() {
		return notEmpty("store", "path", s.Path)
	}
	// Nothing of the address is said: there may be a password anywhere in it.
	u, err := url.Parse(s.URL.Reveal())
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Host == "" && !u.Query().Has("host") {
		return errors.New(`url in [store] is no address of a PostgreSQL database; write "postgres://user:password@host:5432/database?sslmode=verify-full", with every special character in the password percent-encoded`)
	}
	return nil
}

func (c Cache) validate() error {
	const least, most = 16, 1 << 30 // a petabyte
	if c.Megabytes < least || c.Megabytes > most {
		return fmt.Errorf("megabytes in [cache] is %d; write a number from %d, or leave it out", c.Megabytes, least)
	}
	return nil
}

func (c CratesIO) validate() error {
	return errors.Join(checkURL("cratesio", "index", c.Index), checkURL("cratesio", "static", c.Static), checkURL("cratesio", "api", c.API))
}

func (p PyPI) validate() error {
	return errors.Join(checkURL("pypi", "pypi", p.PyPI), checkURL("pypi", "files", p.Files))
}

func (a Advisories) validate() error { return checkURL("advisories", "source", a.Source) }

func (c Curation) validate() error {
	return errors.Join(
		oneOf("curation", "onboarding", c.Onboarding, "pull-request", "none"),
		oneOf("curation", "onboarding-mode", c.OnboardingMode, "changes", "all"),
		oneOf("curation", "record", c.Record, "by-policy", "none"),
	)
}

func (l Log) validate() error {
	return errors.Join(
		oneOf("log", "level", l.Level, "trace", "debug", "info", "warn", "error"),
		oneOf("log", "format", l.Format, "json", "console"),
	)
}

func (m Metrics) validate() error {
	if m.Listen == "" {
		if m.Profiles {
			return errors.New("profiles in [metrics] are on, but nothing serves them; set listen in [metrics] too")
		}
		return nil
	}
	if _, port, err := net.SplitHostPort(m.Listen); err != nil || port == "" {
		return fmt.Errorf(`listen in [metrics] is %q; write an address such as "127.0.0.1:9090"`, m.Listen)
	}
	return nil
}

// validate of an endpoint is not as strict as for others: a collector beside the
// server is mostly reached in the clear, and no secret of ours goes there.
func (t Tracing) validate() error {
	if t.Percent < 1 || t.Percent > 100 {
		return fmt.Errorf("percent in [tracing] is %d; write a number from 1 to 100, or leave endpoint out for no traces", t.Percent)
	}
	if t.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(t.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New(`endpoint in [tracing] is no address; write it in the form "http://host:4318", without user or query`)
	}
	return nil
}

func notEmpty(section, key, value string) error {
	if value == "" {
		return fmt.Errorf("%s in [%s] is empty; remove the line to have the default", key, section)
	}
	return nil
}

func oneOf(section, key, value string, known ...string) error {
	if slices.Contains(known, value) {
		return nil
	}
	return fmt.Errorf("%s in [%s] is %q; write one of %s", key, section, value, strings.Join(known, ", "))
}

// checkURL accepts what another path can be put behind, and plain http only where
// nobody can listen. A password in it would be printed somewhere.
func checkURL(section, key, value string) error {
	if value == "" {
		return nil
	}
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf(`%s in [%s] is no address; write it in the form "https://host/path"`, key, section)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(value, "?#"):
		return fmt.Errorf("%s in [%s] must have no user, query or fragment; leave them out", key, section)
	case strings.HasSuffix(value, "/"):
		return fmt.Errorf("%s in [%s] ends with a slash; leave it out", key, section)
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return fmt.Errorf("%s in [%s] is not encrypted; write https", key, section)
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
