package setup

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/lockkeeper/lockkeeper/github"
)

// Choice is what setting up takes that nobody can guess: the form of the page, and the
// file of the command.
type Choice struct {
	// PublicURL is where GitHub and browsers reach the server.
	// Required. Example: "https://lockkeeper.example.invalid".
	PublicURL string `toml:"public-url"`
	// Organisation that the App will belong to. Default: the account of whoever makes it.
	// Example: "acme".
	Organisation string `toml:"organisation"`
	// Contact is a mail address or web page of whoever runs this server, which the
	// registries want to know. Default: the App's page on GitHub.
	// Example: "security@example.invalid".
	Contact string `toml:"contact"`
	// Features are "teams", "merge-queue" and "curation". Default: none.
	Features []string `toml:"features"`
	// GitHub is the address of GitHub Enterprise Server. Default: github.com.
	// Example: "https://github.example.invalid".
	GitHub string `toml:"github"`
	// CAFile is the path of certificates that vouch for it. Default: none.
	CAFile string `toml:"ca-file"`
	// Trial takes http on loopback for an address, where everything is on one machine.
	// Default: false.
	Trial bool `toml:"trial"`
}

// Problem is what is wrong with one field, with the next step.
type Problem struct{ Field, Text string }

func (p Problem) Error() string { return p.Field + ": " + p.Text }

// Check tidies the choice and tells what is wrong with it.
func (c *Choice) Check() []Problem {
	for _, s := range []*string{&c.PublicURL, &c.Organisation, &c.Contact, &c.GitHub, &c.CAFile} {
		*s = strings.TrimSpace(*s)
	}
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	c.GitHub = strings.TrimSuffix(strings.TrimRight(c.GitHub, "/"), "/api/v3")
	if c.GitHub == "https://github.com" {
		c.GitHub = ""
	}
	c.Organisation = strings.TrimPrefix(c.Organisation, "@")
	var all []Problem
	wrong := func(field, format string, args ...any) {
		all = append(all, Problem{field, fmt.Sprintf(format, args...)})
	}
	if text := c.checkAddress(c.PublicURL, c.GitHub == ""); text != "" {
		wrong("public-url", "%s", text)
	}
	if c.Organisation != "" && !github.OwnerName(c.Organisation) {
		wrong("organisation", "write the name as it stands in the organisation's address on GitHub, such as acme")
	}
	if len(c.Contact) > 200 || strings.ContainsFunc(c.Contact, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }) {
		wrong("contact", "write a mail address or web page, at most 200 characters of ASCII")
	}
	for _, key := range c.Features {
		if !slices.ContainsFunc(github.Features(), func(f github.Feature) bool { return f.Key == key }) {
			wrong("features", "there is no %.40q; write some of %s", key, strings.Join(featureKeys(), ", "))
		}
	}
	if c.GitHub != "" {
		if text := c.checkAddress(c.GitHub, false); text != "" {
			wrong("github", "%s", text)
		}
	}
	return all
}

func featureKeys() []string {
	var keys []string
	for _, f := range github.Features() {
		keys = append(keys, f.Key)
	}
	return keys
}

// checkAddress says what is wrong with an address, empty for nothing. public: it must
// be one that github.com reaches.
func (c *Choice) checkAddress(address string, public bool) string {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "write the whole address, such as https://lockkeeper.example.com"
	}
	// It becomes part of headers and of a policy.
	if strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`'";,<>\`, r) }) {
		return "write it in plain letters, digits, dots and dashes"
	}
	if u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(address, "?#") {
		return "leave out what follows the host: it needs a host of its own"
	}
	loopback := isLoopback(u.Hostname())
	switch {
	case loopback && c.Trial:
		return ""
	case loopback:
		return "that is this machine alone, which GitHub cannot reach; write the address that others use, or choose below that everything is on this machine"
	case u.Scheme != "https":
		return "write https: secrets and sign-offs go there"
	}
	ip, err := netip.ParseAddr(strings.Trim(u.Hostname(), "[]"))
	if private := err == nil && (ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsUnspecified()) || err != nil && !strings.Contains(u.Hostname(), "."); public && private {
		return "github.com cannot reach that host: it is of a private network; write the address that the internet knows"
	}
	return ""
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// ofEnterprise reports whether GitHub is GitHub Enterprise Server. Hosts of ghe.com are
// GitHub's own cloud.
func (c *Choice) ofEnterprise() bool { return c.GitHub != "" && !c.onGHE() }

func (c *Choice) onGHE() bool { return strings.HasSuffix(c.GitHub, ".ghe.com") }

// APIURL is the base of the API of the chosen GitHub, as in [github] api-url; empty for
// github.com.
func (c *Choice) APIURL() string {
	switch {
	case c.GitHub == "":
		return ""
	case c.onGHE():
		return strings.Replace(c.GitHub, "://", "://api.", 1)
	}
	return c.GitHub + "/api/v3"
}

// Wants reports whether a feature was chosen.
func (c *Choice) Wants(key string) bool { return slices.Contains(c.Features, key) }

// Plan is the App of the choice. GitHub leads to redirect with the code, and after an
// installation to arrive; empty: nowhere.
func (c *Choice) Plan(redirect, arrive string) github.Plan {
	return github.Plan{
		Owner: c.Organisation, PublicURL: c.PublicURL, RedirectURL: redirect, SetupURL: arrive,
		Features: c.Features, Enterprise: c.ofEnterprise(),
	}
}

// CreatedPath is where GitHub leads back to with the code, below the server's address.
const CreatedPath = "/setup/created"
