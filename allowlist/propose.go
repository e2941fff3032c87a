package allowlist

import (
	"slices"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/buildcode"
)

// publisherDowngraded is the one rule about people whose acceptance must not
// outlive the release: what protected the package is gone, and an entry for good
// would keep it so.
const publisherDowngraded = "publisher-downgraded"

// Propose returns the entry that would admit s, as durable as is safe. Build
// code with ordinary capabilities is accepted for all compatible versions that
// need no more; code with a grave one by its digest, for the one version. A
// publisher is accepted for good, save where protection was lost. Findings about
// anything else are accepted for the one version.
//
// What s lacks cannot be accepted: for code without digest and with grave
// capabilities, an unknown publisher, a requirement that is not locked to a version,
// or anything but the code of what comes from a repository or an address, the entry
// has no condition, and Append refuses it.
func Propose(s Subject) Entry {
	e := Entry{Package: s.Package.ID()}
	if s.Package.Version == "" {
		return e
	}
	switch s.Aspect {
	case Code:
		if graveAmong(s.Capabilities) {
			if e.BuildCode = s.BuildCode; e.BuildCode != "" {
				e.Versions = exact(s.Package)
			}
			return e
		}
		e.May = slices.Compact(slices.Sorted(slices.Values(s.Capabilities)))
		if e.May == nil {
			e.May = []buildcode.Capability{}
		}
		e.Versions = compatible(s.Package)
		// The range is computed from text; a version that it does not hold after
		// all is pinned.
		if r, err := parseRange(s.Package.Ecosystem, e.Versions); err != nil || !r.has(s.Package.Version) {
			e.Versions = exact(s.Package)
		}
	case People:
		if !s.Publisher.Known() {
			return e
		}
		e.Publishers = []lockkeeper.Principal{{Kind: s.Publisher.Kind, ID: s.Publisher.ID}}
		if s.Rule == publisherDowngraded {
			e.Versions = exact(s.Package)
		}
	case Other:
		if s.Unbound {
			return e
		}
		e.Rules = []string{s.Rule}
		e.Versions = exact(s.Package)
	}
	return e
}
