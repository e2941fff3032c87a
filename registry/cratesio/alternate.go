package cratesio

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
)

// maxConfig bounds an index's config.json, in bytes.
const maxConfig = 64 << 10

// Alternate is a registry of one's own (Cargo book, "Running a Registry").
type Alternate struct {
	// Index is the base URL of its sparse index, without "sparse+". Required.
	Index string
	// Download is where archives are, as "dl" of the index's config.json writes it;
	// API the base URL of its web API, without "/api/v1". Default: what config.json
	// says, as long as that leads to the index's own host: other hosts are contacted
	// only if they are named here.
	Download, API string
	// Files are base URLs of further hosts that archives may come from, by redirects.
	// They get no credentials. Default: none.
	Files []string
	// Set puts the credentials into requests: those to the index, to Download and to
	// API, as Cargo does. Default: none.
	Set func(http.Header)
	// Fetch holds what concerns HTTP. Its Authorization is made from Set.
	Fetch fetch.Config
}

// NewAlternate returns a client of an alternate registry. It tells who published a
// release if its API answers as that of crates.io does, which Cargo does not demand;
// else nothing is known of publishers.
func NewAlternate(cfg Alternate) (*Client, error) {
	index, err := fetch.Base(cfg.Index)
	if err != nil {
		return nil, err
	}
	a := &alternate{index: index, download: cfg.Download, api: cfg.API}
	bases := []string{index}
	for _, address := range []string{cfg.Download, cfg.API} {
		if address == "" {
			continue
		}
		base, err := hostOf(address)
		if err != nil {
			return nil, err
		}
		bases = append(bases, base)
	}
	cfg.Fetch.Authorization = fetch.Authorization{Bases: bases, Set: cfg.Set}
	c := &Client{index: index, alternate: true, of: a.endpoints}
	if c.fetch, err = fetch.New(cfg.Fetch, append(slices.Clip(bases), cfg.Files...)...); err != nil {
		return nil, err
	}
	a.client = c
	return c, nil
}

// alternate finds out where a registry has its archives and its API.
type alternate struct {
	client               *Client
	index, download, api string // as configured
}

// indexConfig is config.json of an index.
type indexConfig struct {
	Download string `json:"dl"`
	API      string `json:"api"`
	Auth     bool   `json:"auth-required"`
}

func (a *alternate) endpoints(ctx context.Context) (endpoints, error) {
	said := indexConfig{Download: a.download, API: a.api}
	if a.download == "" || a.api == "" {
		data, err := a.client.fetch.Get(ctx, fetch.Request{URL: a.index + "/config.json", Accept: "application/json", Limit: maxConfig})
		if err != nil {
			return endpoints{}, fmt.Errorf("configuration of the index: %w", a.client.explain(err))
		}
		if said, err = a.read(data); err != nil {
			return endpoints{}, fmt.Errorf("configuration of the index %s: %w", a.index, err)
		}
	}
	download := cmp.Or(a.download, said.Download)
	at := endpoints{archive: func(p lockkeeper.Package, d lockkeeper.Digest) string { return archiveURL(download, p, d) }}
	if api := cmp.Or(a.api, said.API); api != "" {
		at.api = strings.TrimRight(api, "/") + "/api/v1"
	}
	return at, nil
}

// Probe looks whether an index is one, by its config.json, which names where archives
// are. Of the public registry nothing is asked.
func (c *Client) Probe(ctx context.Context) error {
	_, err := c.of(ctx)
	return err
}

// read takes over what leads to the index's own host. An API elsewhere is none; an
// archive elsewhere would be missing for no reason that anybody could see.
func (a *alternate) read(data []byte) (indexConfig, error) {
	var said indexConfig
	if err := json.Unmarshal(data, &said); err != nil {
		return said, err
	}
	if said.Download == "" && a.download == "" {
		return said, errors.New(`"dl" is missing`)
	}
	if a.download == "" {
		if base, err := hostOf(said.Download); err != nil {
			return said, fmt.Errorf("dl: %w", err)
		} else if err := a.client.fetch.Allowed(base); err != nil {
			return said, fmt.Errorf(`"dl" leads to another host: %w, as dl of this registry`, err)
		}
	}
	if base, err := hostOf(said.API); err != nil || a.client.fetch.Allowed(base) != nil {
		said.API = ""
	}
	return said, nil
}

// hostOf is scheme and host of an address with markers in its path.
func hostOf(address string) (string, error) {
	scheme, rest, found := strings.Cut(address, "://")
	host, _, _ := strings.Cut(rest, "/")
	if !found || strings.ContainsAny(host, "{}") {
		return "", errors.New("registry URL: want http://HOST/PATH or https://HOST/PATH")
	}
	return fetch.Base(scheme + "://" + host)
}

// archiveURL fills in the markers of "dl" (Cargo book, "Index Configuration").
func archiveURL(download string, p lockkeeper.Package, d lockkeeper.Digest) string {
	version := escaped(p.Version)
	if !strings.Contains(download, "{crate}") && !strings.Contains(download, "{version}") && !strings.Contains(download, "{prefix}") &&
		!strings.Contains(download, "{lowerprefix}") && !strings.Contains(download, "{sha256-checksum}") {
		return strings.TrimRight(download, "/") + "/" + p.Name + "/" + version + "/download"
	}
	return strings.NewReplacer(
		"{crate}", p.Name, "{version}", version, "{sha256-checksum}", d.Hex(),
		"{prefix}", prefix(p.Name), "{lowerprefix}", prefix(strings.ToLower(p.Name)),
	).Replace(download)
}

// prefix is the directory of a name's file in the index.
func prefix(name string) string {
	switch len(name) {
	case 1, 2:
		return fmt.Sprint(len(name))
	case 3:
		return "3/" + name[:1]
	}
	return name[:2] + "/" + name[2:4]
}

// notOffered reports whether a registry answers that it has no such part of the API,
// or no such package there: then nothing is known, which is no failure.
func notOffered(err error) bool {
	var status *fetch.StatusError
	if !errors.As(err, &status) {
		return false
	}
	switch status.Status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone, http.StatusNotImplemented:
		return true
	}
	return false
}
