// Package policy holds the owners' rules and decides. Evaluate is a pure
// function: no I/O, no clock but the one passed in, total on every input, and it
// returns its reasons.
package policy

import (
	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/buildcode"
)

// Path of the policy in a repository.
const Path = ".lockkeeper/policy.toml"

// Rule names one thing that Lockkeeper looks for. Each has a page in docs/rules.
type Rule string

const (
	BuildCodeAdded      Rule = "build-code-added"
	BuildCodeGained     Rule = "build-code-gained"
	BuildCodeChanged    Rule = "build-code-changed"
	CapabilityGained    Rule = "capability-gained"
	BuildCodeUnlisted   Rule = "build-code-unlisted" // with mode "all" alone
	BuildPathEntered    Rule = "build-path-entered"
	StartupHook         Rule = "startup-hook"
	SourceBuild         Rule = "source-build"
	PublisherChanged    Rule = "publisher-changed"
	PublisherDowngraded Rule = "publisher-downgraded"
	OwnersChanged       Rule = "owners-changed"
	EdgeToYoungPackage  Rule = "edge-to-young-package"
	ReleaseTooNew       Rule = "release-too-new"
	ReleaseYanked       Rule = "release-yanked"
	SiblingsYanked      Rule = "siblings-yanked"
	ReleaseMissing      Rule = "release-missing"
	SourceChanged       Rule = "source-changed"
	ChecksumChanged     Rule = "checksum-changed"
	ChecksumMismatch    Rule = "checksum-mismatch"
	KnownMalicious      Rule = "known-malicious"
	GuardChanged        Rule = "guard-changed"
	UpstreamMismatch    Rule = "upstream-mismatch"
	Unverified          Rule = "unverified"
)

// Level says what a finding of a rule asks for.
type Level string

const (
	SignOffLevel Level = "sign-off" // holds the pull request until a reviewer signs off
	BlockLevel   Level = "block"    // holds it; nobody can sign it off, only the policy can change
	WarnLevel    Level = "warn"     // shown, holds nothing
	OffLevel     Level = "off"      // not shown
)

// Finding is one rule matched by one change, with its evidence and its place.
type Finding struct {
	Rule Rule
	// Package is the release judged; zero for findings about a file alone.
	Package lockkeeper.Package
	From    string // the version before; empty when new
	// Lockfile and Line are the place, Line from 1, 0 where there is none.
	Lockfile string
	Line     int
	// Message is one sentence for people, without the package's name at its start.
	Message string
	// Evidence is what was seen, a line each.
	Evidence []string
	// Artifact is the digest of what was judged: the file's own, or one over the
	// sorted digests where the lockfile accepts several. Empty where there is none.
	Artifact lockkeeper.Digest
	// Code is the build-time code judged; nil where the finding is not about code.
	Code *Code
	// Publisher who released it; only for findings about people.
	Publisher lockkeeper.Principal
	// Grave: the circumstances under which the rule's default is the strict one
	// (section "rules" of the policy reference).
	Grave bool
	// Subject is whatever else a sign-off must be bound to: both sources of a
	// moved package, the digest of an edited file, what could not be read.
	Subject string
	// To is the young package that an edge leads to and ToArtifact the digest that it is
	// locked by, as in Artifact; zero for other findings, and where that is not one entry.
	To         lockkeeper.Package
	ToArtifact lockkeeper.Digest
	// Registry is the private registry, or the mirror, that the package comes from, as
	// the server's configuration names it. Empty for the public registries themselves.
	Registry string
	// Unknown: the finding is that the registry does not tell what others tell, such
	// as publishers and times. [registries] of the policy says what that asks for.
	Unknown bool
	// Unbound: the package comes from a repository or an address, so that its version
	// does not say what it is. See allowlist.Subject.
	Unbound bool
}

// Code is the build-time code of a finding, as far as people and sign-offs need
// it.
type Code struct {
	Kinds        []buildcode.Kind
	Digest       lockkeeper.Digest
	Files        []string
	Capabilities []buildcode.Capability
	Gained       []buildcode.Capability // beyond those of the version before
	Uses         []buildcode.Use
	// Diff is the unified diff of the surface's files against the version before,
	// the whole text for new code; bounded, and hostile text like everything else.
	Diff string
	// Inserted and Deleted count the lines of the whole diff.
	Inserted, Deleted int
}

// Aspect of the rule: by what kind of allow entry its findings are admitted.
func (r Rule) Aspect() allowlist.Aspect {
	switch r {
	case BuildCodeAdded, BuildCodeGained, BuildCodeChanged, BuildCodeUnlisted, CapabilityGained, StartupHook, SourceBuild, UpstreamMismatch:
		return allowlist.Code
	case PublisherChanged, PublisherDowngraded, OwnersChanged:
		return allowlist.People
	}
	return allowlist.Other
}
