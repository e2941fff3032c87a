// Package pypi asks PyPI, or another index: the Simple API (PEP 503, 691, 700, 792)
// for releases and files, in JSON or, from indexes that have nothing else, in HTML,
// and the Integrity API (PEP 740) for who published them. HTML tells no upload times.
//
// Provenance counts only as far as a Verifier, such as registry/provenance,
// believes it; what the index claims of publishers is not taken over. Files are
// fetched only from configured hosts, whatever the index names.
package pypi

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

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"golang.org/x/sync/errgroup"
)

// The public index.
const (
	defaultPyPI  = "https://pypi.org"
	defaultFiles = "https://files.pythonhosted.org"
)

const (
	maxProject     = 128 << 20 // bytes of one project's list of files
	maxProvenance  = 8 << 20   // bytes of one file's provenance
	parallelChecks = 6         // provenance requests at a time for one call
	// HTML only from indexes that have no JSON, as pip asks for it.
	simplePages = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.1, text/html;q=0.01"
)

// Verifier verifies the provenance of files. It is safe for concurrent use.
type Verifier interface {
	// Verify takes the Integrity API's answer about the file of that name and
	// SHA-256 and gives who signed each of its attestation bundles; none
	// where the answer has no attestations. The error says what does not hold.
	Verify(provenance []byte, filename string, digest lockkeeper.Digest) ([]registry.Signer, error)
}

// Config of a Client. The zero value asks the public index.
type Config struct {
	// PyPI is the base URL under which "/simple/" and "/integrity/" lie; Files is
	// where the files are. Default: the public ones.
	PyPI, Files string
	// Simple is the base URL of the projects' pages, for an index that has them
	// elsewhere; only if it ends in "/simple" and PyPI is not set, PyPI is what stands
	// before that. An index without PyPI has neither provenance nor owners. Default:
	// PyPI with "/simple".
	Simple string
	// MoreFiles are base URLs of further hosts that files may come from. They get no
	// credentials. Default: none.
	MoreFiles []string
	// Set puts the credentials into requests to the host of Simple and PyPI, and of
	// no other, as pip does. Default: none.
	Set func(http.Header)
	// WholeWheel is the largest wheel, in bytes, that is downloaded whole and
	// checked; of larger ones only the parts that are read are fetched, and no
	// digest covers those. Default: 8 MiB.
	WholeWheel int64
	// MaxFile bounds a whole download, in bytes: sdists, and wheels from a server
	// that has no range requests. Default: 512 MiB.
	MaxFile int64
	// Verifier of provenance. Default: none, and then all provenance counts as not
	// verified.
	Verifier Verifier
	// Budget is waited for before each request for metadata. Default: none, since
	// PyPI asks for none.
	Budget fetch.Budget
	// Fetch holds what concerns HTTP: User-Agent, cache directory, retries.
	Fetch fetch.Config
}

// Client is a registry.Client for PyPI.
type Client struct {
	pypi, pages         string // pypi is empty where there is no more than pages
	wholeWheel, maxFile int64
	verifier            Verifier
	budget              fetch.Budget
	fetch               *fetch.Client
}

var _ registry.Client = (*Client)(nil)

// New checks cfg and returns a client that contacts the hosts it names alone.
func New(cfg Config) (*Client, error) {
	c := &Client{
		budget: cfg.Budget, verifier: cfg.Verifier,
		wholeWheel: cmp.Or(cfg.WholeWheel, 8<<20), maxFile: cmp.Or(cfg.MaxFile, 512<<20),
	}
	if c.wholeWheel < 0 || c.maxFile < 0 {
		return nil, errors.New("pypi: sizes must not be negative")
	}
	own, err := c.locate(cfg)
	if err != nil {
		return nil, err
	}
	files := cfg.Files
	if files == "" {
		files = defaultFiles
		if cfg.PyPI != "" || cfg.Simple != "" {
			files = own[0] // an index of one's own has nothing to do with the public files
		}
	}
	cfg.Fetch.Authorization = fetch.Authorization{Bases: own, Set: cfg.Set}
	c.fetch, err = fetch.New(cfg.Fetch, slices.Concat(own, []string{files}, cfg.MoreFiles)...)
	return c, err
}

// locate sets where the pages and the rest are, and gives both.
func (c *Client) locate(cfg Config) (own []string, err error) {
	if cfg.Simple != "" {
		if c.pages, err = fetch.Base(cfg.Simple); err != nil {
			return nil, err
		}
		own = append(own, c.pages)
	}
	before, ends := strings.CutSuffix(c.pages, "/simple")
	switch {
	case cfg.PyPI != "" || cfg.Simple == "":
		if c.pypi, err = fetch.Base(cmp.Or(cfg.PyPI, defaultPyPI)); err != nil {
			return nil, err
		}
		own = append(own, c.pypi)
	case ends:
		c.pypi = before
	}
	c.pages = cmp.Or(c.pages, c.pypi+"/simple")
	return own, nil
}

// projectName is the form of PEP 508 after normalisation by PEP 503.
var projectName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,212}[a-z0-9])?$`)

var separators = regexp.MustCompile(`[-_.]+`)

// NormalName is a project's name in the form of PEP 503: lower case, runs of
// "-", "_" and "." as one "-".
func NormalName(name string) string {
	return strings.ToLower(separators.ReplaceAllString(name, "-"))
}

// checkName returns the normal form of a name that may go into a URL.
func checkName(name string) (string, error) {
	n := NormalName(name)
	if !projectName.MatchString(n) {
		return "", fmt.Errorf("project name %.80q: want letters, digits and any of - _ . in it", name)
	}
	return n, nil
}

// Project reads the project's page of the Simple API and groups its files into
// releases, oldest upload first. A version is spelled as its first file spells
// it, in PEP 440's normal form.
func (c *Client) Project(ctx context.Context, name string) (*registry.Project, error) {
	p, err := c.simple(ctx, name)
	if err != nil {
		return nil, err
	}
	return &p.Project, nil
}

func (c *Client) simple(ctx context.Context, name string) (*project, error) {
	n, err := checkName(name)
	if err != nil {
		return nil, err
	}
	address := c.pages + "/" + n + "/"
	data, err := c.fetch.Get(ctx, fetch.Request{URL: address, Accept: simplePages, Limit: maxProject, Budget: c.budget})
	if err != nil {
		return nil, fmt.Errorf("project %s: %w", n, explain(err))
	}
	base, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("project %s: %w", n, err)
	}
	p, err := parsePage(n, base, data)
	if err != nil {
		return nil, fmt.Errorf("project %s: %w; the index must serve the Simple API (PEP 503 or 691)", n, err)
	}
	if c.pypi == "" {
		for _, r := range p.Releases {
			for i := range r.Artifacts {
				r.Artifacts[i].Attested = false // there is nowhere to ask
			}
		}
	}
	return p, nil
}

// explain adds the next step to a refusal.
func explain(err error) error {
	var status *fetch.StatusError
	if errors.As(err, &status) && (status.Status == http.StatusUnauthorized || status.Status == http.StatusForbidden) {
		return fmt.Errorf("%w; check the credentials that are configured for this index, or configure some", err)
	}
	return err
}

// Publications asks for the provenance of every file of the given versions that
// announces one, and verifies it. A release without any has an unknown publisher:
// PyPI does not show who uploaded a file. Version is spelled as it was asked for.
func (c *Client) Publications(ctx context.Context, name string, versions []string) ([]registry.Publication, error) {
	if len(versions) == 0 {
		return nil, nil
	}
	p, err := c.simple(ctx, name)
	if err != nil {
		return nil, err
	}
	type slot struct {
		release *registry.Release
		files   []provenance
		version string
	}
	var slots []slot
	for _, v := range versions {
		if r := p.Release(v); r != nil {
			slots = append(slots, slot{release: r, files: make([]provenance, len(r.Artifacts)), version: v})
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelChecks)
	for _, s := range slots {
		for i, a := range s.release.Artifacts {
			if !a.Attested {
				continue
			}
			group.Go(func() error {
				var err error
				s.files[i], err = c.provenance(ctx, p, a)
				return err
			})
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var out []registry.Publication
	for _, s := range slots {
		out = append(out, conclude(s.version, s.release, s.files))
	}
	return out, nil
}

// provenance asks for one file. A provenance that was announced and is not there
// counts as none.
func (c *Client) provenance(ctx context.Context, p *project, a registry.Artifact) (provenance, error) {
	address := fmt.Sprintf("%s/integrity/%s/%s/%s/provenance",
		c.pypi, p.Name, url.PathEscape(p.spelling(a)), url.PathEscape(a.Filename))
	data, err := c.fetch.Get(ctx, fetch.Request{
		URL: address, Accept: "application/vnd.pypi.integrity.v1+json", Limit: maxProvenance, Budget: c.budget,
	})
	if errors.Is(err, registry.ErrNotFound) {
		return provenance{}, nil
	}
	if err != nil {
		return provenance{}, fmt.Errorf("provenance of %s: %w", a.Filename, err)
	}
	if c.verifier == nil {
		return provenance{unverified: "there is no verifier"}, nil
	}
	signers, err := c.verifier.Verify(data, a.Filename, a.Digest)
	if err != nil {
		return provenance{unverified: err.Error()}, nil
	}
	return provenance{signers: signers}, nil
}

// provenance is what is known of one file: by whom each of its bundles was
// signed, or why that is not known.
type provenance struct {
	signers    []registry.Signer
	unverified string
}

// conclude makes one statement of what the files of a release say.
func conclude(version string, r *registry.Release, files []provenance) registry.Publication {
	out := registry.Publication{Version: version, Published: r.Published}
	attested, agreed, together := 0, true, true
	var first registry.Signer
	for i, f := range files {
		if f.unverified != "" {
			return registry.Publication{
				Version: version, Published: r.Published,
				Unverified: fmt.Sprintf("%s: %s", r.Artifacts[i].Filename, f.unverified),
			}
		}
		if len(f.signers) == 0 {
			continue
		}
		if attested++; attested == 1 {
			first = f.signers[0]
		}
		for _, s := range f.signers {
			agreed = agreed && s.Publisher.Is(first.Publisher)
			together = together && s.Environment == first.Environment
		}
	}
	if attested == 0 {
		return out
	}
	out.Attested = attested == len(files)
	out.Mixed = !out.Attested || !agreed || !together
	if agreed {
		out.Publisher = first.Publisher
		if together {
			out.Environment = first.Environment
		}
	}
	return out
}

// Open downloads sdists, and wheels up to Config.WholeWheel, and checks their
// digest; larger wheels are read by ranges, and so are those with neither a size nor
// a digest.
func (c *Client) Open(ctx context.Context, a registry.Artifact) (*registry.Blob, error) {
	f := fetch.File{URL: a.URL, Digest: a.Digest, Limit: c.maxFile, Size: a.Size}
	var blob *registry.Blob
	var err error
	switch {
	case a.Kind == registry.Wheel && (a.Size <= 0 || a.Size > c.wholeWheel):
		blob, err = c.fetch.Ranges(ctx, f)
		// HTML tells no sizes, and most wheels are small.
		if err == nil && blob.Partial && a.Digest != "" && blob.Size <= c.wholeWheel {
			blob.Close()
			blob, err = c.fetch.Whole(ctx, f)
		}
	case a.Kind == registry.Wheel || a.Kind == registry.Sdist:
		blob, err = c.fetch.Whole(ctx, f)
	default:
		err = fmt.Errorf("PyPI has no %q", a.Kind)
	}
	if err != nil {
		return nil, fmt.Errorf("file %.200q: %w", a.Filename, explain(err))
	}
	return blob, nil
}
