// Package lockfile holds what all lockfiles have in common: entries, the edges
// between them, and the difference of two versions of one file.
//
// It promises that a Lockfile is whole: a parser returns every package of the
// file or an error that names file and line, never part of it. The formats
// themselves are read by lockfile/cargo and lockfile/python.
package lockfile

import (
	"fmt"

	"github.com/lockkeeper/lockkeeper"
)

// MaxSize bounds the bytes of one lockfile. Larger input is an error.
const MaxSize = 32 << 20

// Format names a lockfile format.
type Format string

// The formats, an explicit list.
const (
	Cargo        Format = "cargo"        // Cargo.lock, versions 1 to 4
	Requirements Format = "requirements" // requirements.txt, as pip reads it
	Poetry       Format = "poetry"       // poetry.lock
	UV           Format = "uv"           // uv.lock
	PDM          Format = "pdm"          // pdm.lock
	Pipfile      Format = "pipfile"      // Pipfile.lock
	Pylock       Format = "pylock"       // pylock.toml (PEP 751)
)

// Ecosystem of the packages that the format locks.
func (f Format) Ecosystem() lockkeeper.Ecosystem {
	if f == Cargo {
		return lockkeeper.Cargo
	}
	return lockkeeper.PyPI
}

// SourceKind says where the bytes of an entry come from.
type SourceKind string

const (
	Registry SourceKind = "registry" // a package registry; URL is empty for the ecosystem's public one
	Git      SourceKind = "git"      // a git repository at a commit
	Path     SourceKind = "path"     // the repository's own tree: workspace members, path dependencies
	URL      SourceKind = "url"      // one file at an address
)

// Source of an entry. Two entries with different Sources do not hold the same
// code, whatever their names and versions.
type Source struct {
	Kind SourceKind
	// URL as the lockfile writes it, without "registry+" and the like. Empty for
	// the ecosystem's public registry and for workspace members.
	URL string
	// Revision is the full commit for Git; empty otherwise. It does not belong to
	// the identity of the source: another revision of one repository is an update.
	Revision string
	// Reference is what was asked for: "branch=main", "tag=v1", a subdirectory.
	Reference string
}

// Public reports whether s is the ecosystem's public registry.
func (s Source) Public() bool { return s.Kind == Registry && s.URL == "" }

// Same reports whether s and t are one place, revisions aside.
func (s Source) Same(t Source) bool { return s.Kind == t.Kind && s.URL == t.URL }

// String is s for people, without a password: "crates.io or PyPI" is printed as
// "public registry".
func (s Source) String() string {
	switch {
	case s.Public():
		return "public registry"
	case s.URL == "":
		return string(s.Kind)
	case s.Revision != "":
		return fmt.Sprintf("%s %s at %.12s", s.Kind, ForPeople(s.URL), s.Revision)
	default:
		return string(s.Kind) + " " + ForPeople(s.URL)
	}
}

// File is one artifact that the lockfile accepts for an entry. Name is empty
// where the format has digests alone.
type File struct {
	Name   string
	URL    string            // where the lockfile says that it is; never followed
	Digest lockkeeper.Digest // SHA-256; empty where the lockfile has none
	// Other are further hashes of the same file, "sha512:HEX" and the like in lower
	// case. They hold as well as Digest does, but no registry states them.
	Other []string
}

// Edge is a dependency as the lockfile writes it, resolved to the entry it means.
// One that several forks of a name could satisfy is an edge to each.
type Edge struct {
	Name string
	// Entry indexes Lockfile.Entries; -1 where no entry fits (an optional
	// dependency that is not locked) or too many do.
	Entry int
}

// Entry is one locked package.
type Entry struct {
	Package lockkeeper.Package
	Source  Source
	// Files are what the lockfile accepts, in its order. Empty for sources that have
	// none and for entries without hashes.
	Files []File
	Edges []Edge
	// Direct: the file says that the project itself asks for the package. False
	// where it does not or the format cannot say.
	Direct bool
	// Marker is the environment condition of a fork, as written; often empty.
	Marker string
	// Requirement is the text of a requirement that is not locked to one version
	// (Package.Version is then empty). What is not locked is said, not guessed.
	Requirement string
	// Line is where the entry starts, counted from 1.
	Line int
}

// Include is another file that the lockfile reads, relative to the repository's
// root and inside it.
type Include struct {
	Path       string
	Line       int
	Constraint bool // "-c": pins, but installs nothing
}

// Lockfile is one parsed file. A nil *Lockfile is a file that does not exist.
type Lockfile struct {
	Path    string // slash-separated, relative to the repository's root
	Format  Format
	Version string // the format's own version, "4" or "2.1"; may be empty
	Data    []byte // the file as it was read: not a copy, so not to be changed
	Entries []Entry
	// Includes are further files to be read beside this one.
	Includes []Include
	// Settings are lines that change where packages come from or how they are
	// installed ("--extra-index-url ..."), with their lines. Never followed.
	Settings []Setting
}

// Setting is an option inside a lockfile that changes what its pins mean.
type Setting struct {
	Text string
	Line int
}

// Error is what parsers return: a file, a line counted from 1 (0 where there is
// none) and what is wrong.
type Error struct {
	Path string
	Line int
	Err  error
}

func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d: %v", e.Path, e.Line, e.Err)
	}
	return fmt.Sprintf("%s: %v", e.Path, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Kind says what happened to a package between two versions of a lockfile.
type Kind string

const (
	Added   Kind = "added"
	Removed Kind = "removed"
	Updated Kind = "updated" // another version, or another revision of the same repository
	Moved   Kind = "moved"   // another source; the version may differ as well
	Altered Kind = "altered" // same version and source, other digests
)

// Change is one difference. Old is nil for Added, New for Removed. An entry whose
// edges or line alone differ is no change.
type Change struct {
	Kind     Kind
	Old, New *Entry
}
