package fetch

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Authorization is what a registry asks of those who read it.
type Authorization struct {
	// Bases are URLs of the hosts that get it: scheme, host and port must be those
	// of a request, redirects included. They must be among those that the Client may
	// contact.
	Bases []string
	// Set puts the credentials into the headers of one request. A function, so that
	// they are printed with no value that holds it. Default: nothing.
	Set func(http.Header)
}

// Basic is the authorization of RFC 7617, as pip sends it.
func Basic(user, password string) func(http.Header) {
	return func(h http.Header) {
		r := http.Request{Header: h}
		r.SetBasicAuth(user, password)
	}
}

// Bearer is the authorization of RFC 6750.
func Bearer(token string) func(http.Header) {
	return func(h http.Header) { h.Set("Authorization", "Bearer "+token) }
}

// Bare is a token by itself, as Cargo sends it.
func Bare(token string) func(http.Header) {
	return func(h http.Header) { h.Set("Authorization", token) }
}

func (a Authorization) hosts(allowed hosts) (hosts, error) {
	if a.Set == nil || len(a.Bases) == 0 {
		return nil, nil
	}
	own, err := newHosts(a.Bases)
	if err != nil {
		return nil, err
	}
	for _, o := range own {
		if !slices.Contains(allowed, o) {
			return nil, fmt.Errorf("credentials for %s, which is not a configured registry", o)
		}
	}
	return own, nil
}

// plain is an address for people: without user, query and fragment, in which
// registries put passwords and signatures. It works on what cannot be parsed, too.
func plain(address string) string {
	address, _, _ = strings.Cut(address, "#")
	address, _, _ = strings.Cut(address, "?")
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return address
	}
	slash := strings.IndexByte(rest+"/", '/')
	host := rest[:slash]
	return scheme + "://" + host[strings.LastIndexByte(host, '@')+1:] + rest[slash:]
}
