// Package registrytest serves crates.io and PyPI on loopback from a txtar text or
// a directory, in the real formats: sparse index, API, archives, Simple API,
// provenance. Tests and the demo point the real clients at it.
//
// It promises that the same input gives the same bytes, so that digests can be
// expanded into a lockfile before anything is served. It leaves out publishing,
// owners and accounts.
//
// # The text
//
// A txtar archive with an optional registry.toml and the files of packages.
// Files at any other path are ignored, so that a replay can hold its lockfiles
// in the same text.
//
//	-- registry.toml --
//	[crates."arrayref@0.3.10"]
//	published = 2026-08-20T10:04:00Z    # default: none is stated
//	publisher = "user:52 alice"         # kind:id, and a login for users; default: not stated
//	yanked    = false
//	deps      = ["proc-macro1", "build:cc", "dev:rand", "optional:serde", "fast=memchr"]
//	                                    # default: as Cargo.toml says. "name=package" is a rename
//	format    = 2                       # "v" of the index line; default: left out
//
//	[crates.arrayref]
//	owners    = ["user:52 alice", "team:7 github:example:core"] # default: the users who published
//
//	[pypi.litellm]
//	status    = "quarantined"           # default: active
//	owners    = ["user:alice"]          # by name; "team:NAME" is an organisation; default: nobody
//
//	[pypi."litellm@1.82.8"]
//	published = 2026-03-24T08:30:00Z
//	publisher = "github:example/litellm/release.yml"   # provenance of each file, signed; default: none
//	environment = "release"                            # of that publisher; default: none
//	yanked    = false
//	requires-python = ">=3.9"                          # default: none
//
//	[pypi."litellm-1.82.8.tar.gz"]      # a single file; what stands here replaces the release's
//	published = 2026-03-24T09:00:00Z
//	publisher = ""
//	-- crates/arrayref/0.3.10/Cargo.toml --
//	-- crates/arrayref/0.3.10/src/lib.rs --
//	-- pypi/litellm/1.82.8/wheel/litellm-1.82.8-py3-none-any.whl/litellm/__init__.py --
//	-- pypi/litellm/1.82.8/sdist/litellm-1.82.8.tar.gz/setup.py --
//
// Files below "private/NAME/" are the text of a further server, a private registry
// with a host of its own, which Private gives. How it answers stands in its own
// registry.toml, with the keys of Manner:
//
//	-- private/corp/registry.toml --
//	[server]
//	html = true
//	authorization = "Basic Y2k6c2VjcmV0"
//
// Archives are packed from these files; crates and sdists get their directory in
// front. What is missing is made: a Cargo.toml and src/lib.rs, an sdist's
// PKG-INFO, a wheel's METADATA, WHEEL and RECORD; and for a release without files
// one crate or wheel of these alone. A file whose name ends in "@base64" is
// decoded and loses the ending.
//
// # The directory
//
// LoadDir takes crates/*.crate and pypi/* as they are, and what the text states
// in registry.toml from a file of that name. Without a statement a file was
// published when it was last modified. LoadMirror takes a directory that holds the
// registries' own metadata as well.
package registrytest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/provenance/provenancetest"
	"github.com/lockkeeper/lockkeeper/registry/pypi"
)

// Crate is one version of a crate. Without Data its archive is packed from
// Files; without Deps they are read from its Cargo.toml.
type Crate struct {
	Name, Version string
	Published     time.Time            // zero: not stated
	Publisher     lockkeeper.Principal // unknown: not stated
	Yanked        bool
	Deps          []registry.Dependency
	Files         map[string][]byte
	Data          []byte
	Format        int // "v" of the index line; 0: left out

	digest string
	deps   []indexDep
}

// File is one file of a PyPI release. Without Data it is packed from Files.
type File struct {
	Project, Version, Filename string
	Published                  time.Time
	Publisher                  lockkeeper.Principal // unknown: no provenance
	Environment                string               // of the publisher
	Yanked                     bool
	RequiresPython             string // empty: not stated
	Files                      map[string][]byte
	Data                       []byte

	digest     string
	provenance []byte
}

// Server is an http.Handler with the state of both registries. It is safe for
// concurrent use. Make it with New.
type Server struct {
	mux      *http.ServeMux
	listener net.Listener
	http     *http.Server
	url      string
	sigstore *provenancetest.Sigstore

	mu      sync.Mutex // guards the packages and faults
	crates  map[string][]*Crate
	files   map[string][]*File // by normal project name
	status  map[string]string
	owners  map[string][]lockkeeper.Principal // by package id; those not stated published something
	faults  []*Fault
	mirror  *mirror
	manner  Manner
	private map[string]*Server

	// Apart from mu, which handlers hold while they answer: a request is noted
	// before its answer leaves.
	noted    sync.Mutex
	requests []Request
}

// New returns an empty server that does not listen yet. It may be served by any
// http.Server under the URL given to SetURL, or by Start.
func New() *Server {
	s := &Server{crates: map[string][]*Crate{}, files: map[string][]*File{}, status: map[string]string{}, owners: map[string][]lockkeeper.Principal{}, mirror: &mirror{}, private: map[string]*Server{}}
	var err error
	if s.sigstore, err = provenancetest.New(); err != nil {
		panic(err) // it takes nothing that could be wrong
	}
	s.routes()
	return s
}

// Start listens on a free loopback port until Close, and so do the private
// registries that the text has.
func (s *Server) Start() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("start the test registry: %w", err)
	}
	s.listener, s.url = l, "http://"+l.Addr().String()
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go s.http.Serve(l) // ends with ErrServerClosed by Close
	for name, private := range s.private {
		if err := private.Start(); err != nil {
			return fmt.Errorf("private registry %s: %w", name, err)
		}
	}
	return nil
}

// Close ends what Start began, open connections included.
func (s *Server) Close() error {
	for _, private := range s.private {
		private.Close()
	}
	if s.http == nil {
		return nil
	}
	return s.http.Close()
}

// SetURL says under which URL the handler is reached. Start does so itself.
func (s *Server) SetURL(url string) { s.url = strings.TrimRight(url, "/") }

// The base URLs that the clients' configurations take. They share one host.
func (s *Server) Index() string  { return s.url + "/index" }
func (s *Server) Static() string { return s.url + "/static" }
func (s *Server) API() string    { return s.url + "/api/v1" }
func (s *Server) PyPI() string   { return s.url + "/python" }
func (s *Server) Files() string  { return s.url + "/files" }

// TrustRoot is what a verifier of the provenance here must trust: a Sigstore of
// this server's own, made anew by New.
func (s *Server) TrustRoot() []byte { return s.sigstore.TrustRoot() }

// AddCrate adds a version of a crate, or replaces it.
func (s *Server) AddCrate(c Crate) error {
	if err := c.complete(); err != nil {
		return fmt.Errorf("crate %s %s: %w", c.Name, c.Version, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.ToLower(c.Name)
	same := func(have *Crate) bool { return have.Version == c.Version }
	s.crates[key] = append(slices.DeleteFunc(s.crates[key], same), &c)
	// The index is in the order of publication.
	slices.SortStableFunc(s.crates[key], func(a, b *Crate) int { return a.Published.Compare(b.Published) })
	return nil
}

// AddFile adds a file of a PyPI release, or replaces it.
func (s *Server) AddFile(f File) error {
	if err := f.complete(); err != nil {
		return fmt.Errorf("file %s: %w", f.Filename, err)
	}
	if f.Publisher.Known() {
		var err error
		claim := provenancetest.Claim{Publisher: f.Publisher, Environment: f.Environment, Filename: f.Filename, Digest: lockkeeper.Digest("sha256:" + f.digest), Time: f.Published}
		if f.provenance, err = s.sigstore.Provenance(claim); err != nil {
			return fmt.Errorf("file %s: %w", f.Filename, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := pypi.NormalName(f.Project)
	same := func(have *File) bool { return have.Filename == f.Filename }
	s.files[key] = append(slices.DeleteFunc(s.files[key], same), &f)
	return nil
}

// Remove takes a crate ("cargo") or project ("pypi") from the registry; with a
// version, that release alone.
func (s *Server) Remove(p lockkeeper.Package) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.Ecosystem == lockkeeper.Cargo {
		key := strings.ToLower(p.Name)
		s.crates[key] = slices.DeleteFunc(s.crates[key], func(c *Crate) bool { return p.Version == "" || c.Version == p.Version })
		return
	}
	key := pypi.NormalName(p.Name)
	s.files[key] = slices.DeleteFunc(s.files[key], func(f *File) bool { return p.Version == "" || f.Version == p.Version })
}

// SetStatus sets a PyPI project's status (PEP 792), "quarantined" for example.
func (s *Server) SetStatus(project, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status[pypi.NormalName(project)] = status
}

var placeholder = regexp.MustCompile(`\{\{([^{}]*)\}\}`)

// Expand replaces in text what stands in double braces, so that a lockfile can
// name the digests of packed archives:
//
//	{{crate:NAME@VERSION}}   sha256 of the .crate, 64 hexadecimal digits
//	{{pypi:FILENAME}}        sha256 of the file
//	{{size:FILENAME}}        its size in bytes, for PyPI's files
//	{{url:FILENAME}}         where it is served, for PyPI's files
//	{{index}} {{pypi}} {{files}} {{simple}}   base URLs
//	{{NAME/...}}             the same of the private registry NAME
//
// Anything else in double braces is an error.
func (s *Server) Expand(text string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var failed error
	out := placeholder.ReplaceAllStringFunc(text, func(match string) string {
		value, ok := s.expand(match[2 : len(match)-2])
		if !ok {
			failed = cmp.Or(failed, fmt.Errorf("expand %s: the registry has no such thing", match))
		}
		return value
	})
	return out, failed
}

// expand needs s.mu.
func (s *Server) expand(what string) (string, bool) {
	if name, rest, ok := strings.Cut(what, "/"); ok && s.private[name] != nil {
		private := s.private[name]
		private.mu.Lock()
		defer private.mu.Unlock()
		return private.expand(rest)
	}
	switch what {
	case "simple":
		return s.Simple(), true
	case "index":
		return s.Index(), true
	case "pypi":
		return s.PyPI(), true
	case "files":
		return s.Files(), true
	}
	kind, name, _ := strings.Cut(what, ":")
	if kind == "crate" {
		name, version, _ := strings.Cut(name, "@")
		if c := s.crate(name, version); c != nil {
			return c.digest, true
		}
		return "", false
	}
	f := s.file(name)
	if f == nil {
		return "", false
	}
	switch kind {
	case "pypi":
		return f.digest, true
	case "size":
		return fmt.Sprint(len(f.Data)), true
	case "url":
		return s.fileURL(f), true
	}
	return "", false
}

// crate needs s.mu.
func (s *Server) crate(name, version string) *Crate {
	for _, c := range s.crates[strings.ToLower(name)] {
		if c.Version == version {
			return c
		}
	}
	return nil
}

// file needs s.mu.
func (s *Server) file(filename string) *File {
	for _, files := range s.files {
		for _, f := range files {
			if f.Filename == filename {
				return f
			}
		}
	}
	return nil
}

// fileURL is shaped like PyPI's, whose directories are a hash of the file.
func (s *Server) fileURL(f *File) string {
	return s.Files() + "/packages/" + f.digest[:2] + "/" + f.digest[2:4] + "/" + f.digest[4:] + "/" + f.Filename
}

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
