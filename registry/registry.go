// Package registry holds what registries say of a package: its releases, the
// artifacts of each, who published them and when. registry/cratesio and
// registry/pypi ask; this package is values alone.
package registry

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/lockkeeper/lockkeeper"
)

// ErrNotFound is returned for a project, release or artifact that the registry
// does not have. Every other error means that it is not known whether it does.
var ErrNotFound = errors.New("not found in the registry")

// ErrDigest is returned for an artifact whose bytes are not those that its digest
// names.
var ErrDigest = errors.New("bytes do not match the digest")

// ErrBounds is returned for a read of a Blob in parts that would take more bytes or
// requests than one file may. Trying again is of no use.
var ErrBounds = errors.New("reading it in parts takes too much")

// Kind of an artifact.
type Kind string

const (
	Crate Kind = "crate" // gzipped tar, as published on crates.io
	Sdist Kind = "sdist" // Python source distribution, gzipped tar or zip
	Wheel Kind = "wheel" // Python wheel, zip
)

// Artifact is one file of a release.
type Artifact struct {
	Package  lockkeeper.Package
	Kind     Kind
	Filename string
	// URL where the registry serves the file. Clients fetch it only if its host is
	// one that was configured (promise 5).
	URL      string
	Digest   lockkeeper.Digest // as the registry states it
	Size     int64             // bytes; 0 where unknown
	Uploaded time.Time         // zero where unknown
	Yanked   bool
	// RequiresPython is the range of Python versions that the file is for, as the
	// index states it (PEP 503); installers pass over a file whose range does not
	// fit. Empty: any.
	RequiresPython string
	// Attested: the registry announces provenance for this file.
	Attested bool
}

// EdgeKind is the kind of a dependency between releases.
type EdgeKind string

const (
	Normal EdgeKind = "normal"
	Build  EdgeKind = "build"
	Dev    EdgeKind = "dev"
)

// Dependency of a release as the index states it. Name is the package's own
// name, not what the manifest renamed it to.
type Dependency struct {
	Name     string
	Kind     EdgeKind
	Optional bool
	// Registry is the index of another registry that the dependency comes from;
	// empty for the same one.
	Registry string
}

// Release is one version in a registry.
type Release struct {
	Package      lockkeeper.Package
	Artifacts    []Artifact
	Dependencies []Dependency // Cargo only
	// Published is when the first file was uploaded; zero where unknown.
	Published time.Time
	Yanked    bool
}

// Project is everything that a registry lists under one name.
type Project struct {
	Ecosystem lockkeeper.Ecosystem
	Name      string
	// Releases in the registry's order, oldest first where it tells.
	Releases []Release
	// Quarantined: the registry withholds the project (PEP 792).
	Quarantined bool
	// Skipped are entries that the registry lists and that could not be understood
	// (an index format of the future, a file name without a version). They belong
	// to no release, so that whoever locks one finds it missing.
	Skipped []string
}

// Release returns the release of that version; nil if the project has none. A
// release whose version is spelled the same comes first; for PyPI one whose
// version is equal by PEP 440 serves as well, since pip and PyPI take "1.0" and
// "1.0.0" for one release.
func (p *Project) Release(version string) *Release {
	for i := range p.Releases {
		if p.Releases[i].Package.Version == version {
			return &p.Releases[i]
		}
	}
	if p.Ecosystem != lockkeeper.PyPI {
		return nil
	}
	key := VersionKey(lockkeeper.PyPI, version)
	for i := range p.Releases {
		if VersionKey(lockkeeper.PyPI, p.Releases[i].Package.Version) == key {
			return &p.Releases[i]
		}
	}
	return nil
}

// First is when the project's oldest release was published; zero where no
// release has a time.
func (p *Project) First() time.Time {
	var first time.Time
	for _, r := range p.Releases {
		if !r.Published.IsZero() && (first.IsZero() || r.Published.Before(first)) {
			first = r.Published
		}
	}
	return first
}

// Born is First where every release has a time, else zero: one without may be the
// oldest.
func (p *Project) Born() time.Time {
	for _, r := range p.Releases {
		if r.Published.IsZero() {
			return time.Time{}
		}
	}
	return p.First()
}

// Signer is who published a file, as one bundle of its attestations says.
type Signer struct {
	Publisher lockkeeper.Principal // as the certificate names it
	// Environment is where the index says that the publisher must deploy to, such as
	// "release", which may ask people for approval; empty: anywhere. No certificate
	// names it, so that it is the index's word alone.
	Environment string
}

// Publication is who published one release, as far as the registry tells.
type Publication struct {
	Version string
	// Publisher is unknown where the registry does not say.
	Publisher lockkeeper.Principal
	// Environment of the publisher, as the registry states it (Signer).
	Environment string
	// Attested: published through trusted publishing, as crates.io states it, or
	// with attestations on every file that were verified. Mixed: on some files
	// only, or by different publishers or environments, in which case what they do
	// not share is unknown.
	Attested, Mixed bool
	// Unverified says which file's provenance could not be verified, and why, in
	// which case nothing else is known: Publisher is unknown, and neither Attested
	// nor Mixed is set. Empty where all that there is was verified.
	Unverified string
	Published  time.Time
}

// Owners is what was seen of a package's owners over time. Registries keep no such
// history, so it is made of looks: between two looks nothing is known.
type Owners struct {
	// First and Last are when the owners were looked at; zero: never.
	First, Last time.Time
	// Terms of owners, those who are owners still and those who were.
	Terms []Term
}

// Term is the time in which somebody was seen to be an owner.
type Term struct {
	Owner lockkeeper.Principal
	// Since is the look that saw them first, or what the registry said of it.
	Since time.Time
	// Gone is the look that did not see them any more; zero: an owner still.
	Gone time.Time
}

// Blob is an artifact's bytes. Close it.
type Blob struct {
	io.ReaderAt
	io.Closer
	Size int64
	// Partial: the bytes are read by range requests as they are asked for, so
	// that no digest covers them.
	Partial bool
}

// Client asks one registry. It is safe for concurrent use.
type Client interface {
	// Project lists the releases of a name. ErrNotFound if there is none.
	Project(ctx context.Context, name string) (*Project, error)
	// Publications says who published the given versions. A version that the
	// registry says nothing about is left out of the answer.
	Publications(ctx context.Context, name string, versions []string) ([]Publication, error)
	// Owners lists who may publish releases of the package at this moment, by kind
	// and id. ErrNotFound if there is no such package, or the registry does not tell.
	Owners(ctx context.Context, name string) ([]lockkeeper.Principal, error)
	// Open gives an artifact's bytes: downloaded whole and checked against
	// a.Digest, or, for wheels above the client's limit, read by ranges.
	Open(ctx context.Context, a Artifact) (*Blob, error)
}
