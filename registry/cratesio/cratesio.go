// Package cratesio asks crates.io, or a registry that speaks the same (New), or an
// alternate registry (NewAlternate): the sparse index for releases, the API for who
// published them, the static host for archives (rust-lang/crates.io, and the Cargo
// book's "Registry Index").
//
// It promises that a Project is whole: an index line that does not parse is an
// error. Lines of an index format that does not exist yet (v above 2) are left
// out and named in Project.Skipped, as Cargo itself leaves them out; a locked
// version among them is then missing, and what is missing is asked about.
package cratesio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"golang.org/x/time/rate"
)

// The public registry.
const (
	defaultIndex  = "https://index.crates.io"
	defaultStatic = "https://static.crates.io"
	defaultAPI    = "https://crates.io/api/v1"
)

const (
	maxIndex   = 64 << 20 // bytes of one index file; the largest real ones have a few MB
	maxPage    = 16 << 20 // bytes of one page of versions
	maxPages   = 200      // of 100 versions each
	maxArchive = 64 << 20 // bytes; crates.io takes 10 MiB, more by arrangement
)

// Pace is how far apart requests to the API have to be, for all processes of one
// operator together.
const Pace = time.Second

// Config of a Client. The zero value asks the public registry.
type Config struct {
	// Index, Static and API are base URLs. Default: the public ones. API includes
	// the path of its version, as in "https://registry.example.invalid/api/v1".
	Index, Static, API string
	// Budget is waited for before each request to the API, and to nothing else.
	// Default: one request a second, as crates.io asks for, counted by this
	// Client alone.
	Budget fetch.Budget
	// Fetch holds what concerns HTTP: the User-Agent with its contact (without one
	// the public API answers 403), the cache directory, retries.
	Fetch fetch.Config
}

// Client is a registry.Client for Cargo.
type Client struct {
	index  string
	budget fetch.Budget // nil: none
	fetch  *fetch.Client
	// alternate: not crates.io, whose API alone is known to tell of publishers.
	alternate bool
	// missing are the statuses of index and archives that are not there.
	missing []int
	// of tells where archives and the API are.
	of func(context.Context) (endpoints, error)
}

// endpoints are what a registry's index tells of the rest of it.
type endpoints struct {
	// archive gives the address of a .crate.
	archive func(lockkeeper.Package, lockkeeper.Digest) string
	// api is the base of the API with its version; empty where there is none.
	api string
}

var _ registry.Client = (*Client)(nil)

// New checks cfg and returns a client that contacts its three hosts alone.
func New(cfg Config) (*Client, error) {
	c := &Client{budget: cfg.Budget, missing: missing}
	if c.budget == nil {
		c.budget = rate.NewLimiter(rate.Every(Pace), 1)
	}
	var static, api string
	for _, base := range []struct {
		to         *string
		given, def string
	}{
		{&c.index, cfg.Index, defaultIndex},
		{&static, cfg.Static, defaultStatic},
		{&api, cfg.API, defaultAPI},
	} {
		var err error
		if *base.to, err = fetch.Base(cmp.Or(base.given, base.def)); err != nil {
			return nil, err
		}
	}
	c.of = func(context.Context) (endpoints, error) {
		return endpoints{api: api, archive: func(p lockkeeper.Package, _ lockkeeper.Digest) string {
			return static + "/crates/" + p.Name + "/" + p.Name + "-" + escaped(p.Version) + ".crate"
		}}, nil
	}
	var err error
	c.fetch, err = fetch.New(cfg.Fetch, c.index, static, api)
	return c, err
}

// Project reads the crate's file in the sparse index. Releases are in the
// index's order, which is that of publication.
func (c *Client) Project(ctx context.Context, name string) (*registry.Project, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	at, err := c.of(ctx)
	if err != nil {
		return nil, err
	}
	data, err := c.fetch.Get(ctx, fetch.Request{URL: c.index + "/" + indexPath(name), Limit: maxIndex, NotFound: c.missing})
	if err != nil {
		return nil, fmt.Errorf("index of crate %s: %w", name, c.explain(err))
	}
	p, err := parseIndex(name, data)
	if err != nil {
		return nil, fmt.Errorf("index of crate %s: %w", name, err)
	}
	for i := range p.Releases {
		r := &p.Releases[i]
		a := &r.Artifacts[0]
		a.Filename = r.Package.Name + "-" + r.Package.Version + ".crate"
		a.URL = at.archive(r.Package, a.Digest)
	}
	return p, nil
}

// missing are the statuses of crates.io's index and static files that are not there:
// object storage answers 403 to those who may not list it.
var missing = []int{http.StatusForbidden, http.StatusNotFound, http.StatusGone, http.StatusUnavailableForLegalReasons}

// Publications reads the crate's versions from the API, as many pages as it
// takes to find the given ones. It costs at least one request of the budget
// unless versions is empty.
func (c *Client) Publications(ctx context.Context, name string, versions []string) ([]registry.Publication, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	at, err := c.of(ctx)
	if err != nil || at.api == "" {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, v := range versions {
		wanted[v] = true
	}
	var found []registry.Publication
	query := "?per_page=100"
	seen := map[string]bool{}
	for len(wanted) > 0 && query != "" {
		if seen[query] || len(seen) >= maxPages {
			return nil, fmt.Errorf("versions of crate %s: the registry's pages do not end", name)
		}
		seen[query] = true
		data, err := c.fetch.Get(ctx, fetch.Request{
			URL: at.api + "/crates/" + name + "/versions" + query, Accept: "application/json", Limit: maxPage, Budget: c.budget,
		})
		if err != nil {
			if c.alternate && notOffered(err) {
				return nil, nil
			}
			return nil, fmt.Errorf("versions of crate %s: %w", name, c.explain(err))
		}
		var page []registry.Publication
		page, query, err = parseVersions(name, data)
		if err != nil && c.alternate {
			return nil, nil // another API, or a page for people
		}
		if err != nil {
			return nil, fmt.Errorf("versions of crate %s: %w", name, err)
		}
		for _, p := range page {
			if wanted[p.Version] {
				found = append(found, p)
				delete(wanted, p.Version)
			}
		}
	}
	return inOrder(versions, found), nil
}

// explain adds the next step to the refusals that operators are most likely to
// meet.
func (c *Client) explain(err error) error {
	var status *fetch.StatusError
	refused := errors.As(err, &status) && (status.Status == http.StatusForbidden || status.Status == http.StatusUnauthorized)
	switch {
	case refused && !c.alternate:
		return fmt.Errorf("%w; crates.io refuses programs whose User-Agent has no contact: configure one", err)
	case refused:
		return fmt.Errorf("%w; check the token that is configured for this registry, or configure one", err)
	}
	return err
}

func inOrder(versions []string, found []registry.Publication) []registry.Publication {
	slices.SortStableFunc(found, func(a, b registry.Publication) int {
		return slices.Index(versions, a.Version) - slices.Index(versions, b.Version)
	})
	return found
}

// Open downloads the .crate, or takes it from the cache, and checks its digest.
func (c *Client) Open(ctx context.Context, a registry.Artifact) (*registry.Blob, error) {
	if a.Kind != registry.Crate {
		return nil, fmt.Errorf("open %s: a registry of crates has no %s", a.Filename, a.Kind)
	}
	blob, err := c.fetch.Whole(ctx, fetch.File{URL: a.URL, Digest: a.Digest, Limit: maxArchive, NotFound: c.missing})
	if err != nil {
		return nil, fmt.Errorf("crate %s %s: %w", a.Package.Name, a.Package.Version, c.explain(err))
	}
	return blob, nil
}

// escaped is a version in a path. "+" is legal there, but crates.io's static host
// takes it for a space.
func escaped(version string) string {
	return strings.ReplaceAll(url.PathEscape(version), "+", "%2B")
}

// crateName is what crates.io accepts: ASCII, starting with a letter, at most 64
// long. An underscore in front is what Cargo itself would allow.
var crateName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,63}$`)

func checkName(name string) error {
	if !crateName.MatchString(name) {
		return fmt.Errorf("crate name %.80q: want letters, digits, - and _, at most 64", name)
	}
	return nil
}

// indexPath is the scheme of the Cargo book, "Registry Index: Index files".
func indexPath(name string) string {
	n := strings.ToLower(name)
	return prefix(n) + "/" + n
}
