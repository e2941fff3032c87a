package lockkeeper

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"

	"github.com/package-url/packageurl-go"
)

// Ecosystem is a package-URL type: the world in which a package name means
// something.
type Ecosystem string

// The ecosystems that Lockkeeper knows. The list is closed: a lockfile format
// belongs to exactly one of them.
const (
	Cargo Ecosystem = "cargo"
	PyPI  Ecosystem = "pypi"
)

// Package is one version of one package. Name is canonical for its ecosystem
// (PEP 503 for PyPI, as written for Cargo). Version is empty where a requirement
// is not locked to one.
type Package struct {
	Ecosystem Ecosystem
	Name      string
	Version   string
}

// String prints p as a package URL (purl-spec), for example
// "pkg:cargo/ring@0.17.8". An empty version is left out.
func (p Package) String() string {
	return packageurl.NewPackageURL(string(p.Ecosystem), "", p.Name, p.Version, nil, "").ToString()
}

// ID is p without its version in the form of an allow entry, "cargo/ring".
func (p Package) ID() string { return string(p.Ecosystem) + "/" + p.Name }

// Digest is a SHA-256 digest written "sha256:" and 64 lower-case hexadecimal
// digits. The empty Digest means that none is known.
type Digest string

const digestPrefix = "sha256:"

// Sum returns the digest of data.
func Sum(data []byte) Digest {
	sum := sha256.Sum256(data)
	return Digest(digestPrefix + hex.EncodeToString(sum[:]))
}

// SumBytes wraps an already computed SHA-256 sum of 32 bytes.
func SumBytes(sum []byte) Digest { return Digest(digestPrefix + hex.EncodeToString(sum)) }

// ParseDigest reads "sha256:HEX" or bare "HEX" in either case. Any other
// algorithm, length or alphabet is an error: Lockkeeper checks nothing weaker.
func ParseDigest(s string) (Digest, error) {
	hexPart := strings.TrimPrefix(s, digestPrefix)
	if algorithm, _, found := strings.Cut(hexPart, ":"); found {
		return "", fmt.Errorf("digest algorithm %q: only sha256 is supported", algorithm)
	}
	raw, err := hex.DecodeString(hexPart)
	if err != nil || len(raw) != sha256.Size {
		return "", fmt.Errorf("digest %q: want 64 hexadecimal digits", s)
	}
	return SumBytes(raw), nil
}

// Hex is d without its algorithm; empty for the empty digest.
func (d Digest) Hex() string { return strings.TrimPrefix(string(d), digestPrefix) }

// Short is the first 12 hexadecimal digits, for people to read. Never compare it.
func (d Digest) Short() string {
	h := d.Hex()
	if len(h) > 12 {
		h = h[:12]
	}
	return h
}

// BlobID is git's id of a file's content: the hash over "blob SIZE\0" and the
// content, in the object format whose ids have that many hexadecimal digits, 64
// for SHA-256 and otherwise SHA-1.
func BlobID(data []byte, digits int) string {
	var h hash.Hash = sha1.New() // git's choice; GitHub refuses the known collisions
	if digits == hex.EncodedLen(sha256.Size) {
		h = sha256.New()
	}
	fmt.Fprintf(h, "blob %d\x00", len(data)) // a hash never fails
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}

// PrincipalKind says what sort of identity a Principal is.
type PrincipalKind string

// Kinds of principals. The zero value means unknown, which is never equal to
// anything, itself included.
const (
	Unknown    PrincipalKind = ""
	User       PrincipalKind = "user"     // a registry's user: on crates.io by numeric id, on PyPI by name, which is never given to another
	Team       PrincipalKind = "team"     // a registry's team by numeric id, PyPI's organisations by name
	GitHubRepo PrincipalKind = "github"   // trusted publishing from GitHub: owner/repo[/workflow]
	GitLabPath PrincipalKind = "gitlab"   // trusted publishing from GitLab: group/project[/workflow file]
	Google     PrincipalKind = "google"   // trusted publishing from Google Cloud: service account
	CircleCI   PrincipalKind = "circleci" // trusted publishing from CircleCI: project/pipeline definition, both by id
)

// Principal is who or what published a release, or owns a package. Kind and ID
// identify it; Login is for display alone, since logins can be given to others.
type Principal struct {
	Kind  PrincipalKind `json:"kind,omitempty"`
	ID    string        `json:"id,omitempty"`
	Login string        `json:"login,omitempty"`
}

// Known reports whether p names anybody.
func (p Principal) Known() bool { return p.Kind != Unknown && p.ID != "" }

// String is p in the form of policy and allowlist, "user:52" or
// "github:owner/repo/workflow.yml"; "unknown" where nothing is known.
func (p Principal) String() string {
	if !p.Known() {
		return "unknown"
	}
	return string(p.Kind) + ":" + p.ID
}

// ParsePrincipal reads the form that String prints. "unknown" and the empty
// string give the unknown Principal.
func ParsePrincipal(s string) (Principal, error) {
	if s == "" || s == "unknown" {
		return Principal{}, nil
	}
	kind, id, found := strings.Cut(s, ":")
	switch PrincipalKind(kind) {
	case User, Team, GitHubRepo, GitLabPath, Google, CircleCI:
	default:
		found = false
	}
	if !found || id == "" || strings.ContainsAny(id, " \t\r\n") {
		return Principal{}, fmt.Errorf(`publisher %q: want "user:ID", "team:ID", "github:owner/repo[/workflow]", "gitlab:path", "google:account" or "circleci:project/pipeline"`, s)
	}
	return Principal{Kind: PrincipalKind(kind), ID: id}, nil
}

// Is reports whether p and q are known and the same. Repository paths compare
// without case, as their hosts do.
func (p Principal) Is(q Principal) bool {
	return p.Known() && p.Kind == q.Kind && strings.EqualFold(p.ID, q.ID)
}

// Covers reports whether an owner who wrote p meant q: the same principal, or
// for a repository without a workflow any workflow of that repository.
func (p Principal) Covers(q Principal) bool {
	if p.Is(q) {
		return true
	}
	if p.Kind != q.Kind || !p.Known() || (p.Kind != GitHubRepo && p.Kind != GitLabPath) {
		return false
	}
	prefix := strings.ToLower(p.ID) + "/"
	// owner/repo has one slash; a bare owner covers nothing.
	return strings.Count(p.ID, "/") >= 1 && strings.HasPrefix(strings.ToLower(q.ID), prefix)
}

// TreeFile is one file of a repository at one revision.
type TreeFile struct {
	Path string // slash-separated, relative to the root
	Blob string // git's id of the content, or of the commit for a submodule
	Mode FileMode
	Size int64 // bytes; -1 where unknown
}

// FileMode tells plain files from what must not stand in for one.
type FileMode string

const (
	Regular   FileMode = "regular" // executable or not
	Symlink   FileMode = "symlink"
	Submodule FileMode = "submodule"
)
