package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"

	"github.com/hashicorp/go-cleanhttp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/cratesio"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/registry/pypi"
	"github.com/lockkeeper/lockkeeper/scan"
)

// addRegistries gives the scanner the registries of [[registry]]. A mirror that has
// an index is asked in place of the public registry.
func addRegistries(s *scan.Scanner, cfg *config.Config, verifier pypi.Verifier, o *operations) error {
	for _, r := range cfg.Registries {
		other := scan.Registry{Name: r.Name, Ecosystem: r.Ecosystem, Sources: r.Sources, Mirror: r.Mirrors != "", Open: r.Public}
		if r.Index != "" {
			var err error
			if other.Client, err = registryClient(cfg, r, verifier, o); err != nil {
				return fmt.Errorf("[[registry]] %s: %w", r.Name, err)
			}
		}
		if other.Mirror && other.Client != nil {
			s.Registries[r.Ecosystem] = other.Client
		}
		s.Others = append(s.Others, other)
	}
	return nil
}

func registryClient(cfg *config.Config, r config.Registry, verifier pypi.Verifier, o *operations) (registry.Client, error) {
	// A cache of its own: what one registry answers is not another's.
	cache := "registry-" + r.Name
	through := plumbing(cfg, cache, nil)
	if len(r.CA) > 0 {
		transport, err := trusting(r.CA)
		if err != nil {
			return nil, err
		}
		through.Transport = transport
	}
	o.watch(&through, cache)
	set := authorization(r)
	if r.Ecosystem == lockkeeper.Cargo {
		return cratesio.NewAlternate(cratesio.Alternate{
			Index: r.Index, Download: r.Download, API: r.API, Files: r.Files, Set: set, Fetch: through,
		})
	}
	return pypi.New(pypi.Config{Simple: r.Index, MoreFiles: r.Files, Set: set, Verifier: verifier, Fetch: through})
}

// authorization sends credentials as Cargo and pip send them: Cargo the token as it
// is; with a user's name both know the basic form alone. A token without a name is a
// bearer's for an index of Python's.
func authorization(r config.Registry) func(http.Header) {
	switch {
	case r.Token.Empty():
		return nil
	case r.Username != "":
		return fetch.Basic(r.Username, r.Token.Reveal())
	case r.Ecosystem == lockkeeper.Cargo:
		return fetch.Bare(r.Token.Reveal())
	default:
		return fetch.Bearer(r.Token.Reveal())
	}
}

// trusting makes connections to whoever the system trusts, or these certificates.
func trusting(pem []byte) (http.RoundTripper, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's certificates, beside those of ca-file: %w", err)
	}
	pool.AppendCertsFromPEM(pem)
	transport := cleanhttp.DefaultPooledTransport()
	transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return transport, nil
}
