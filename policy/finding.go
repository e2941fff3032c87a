package policy

import (
	"encoding/binary"
	"slices"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/buildcode"
)

// digestVersion stands first in what is digested. Another encoding needs another
// version, and makes all recorded sign-offs void.
const digestVersion = "lockkeeper finding 1"

// Digest is what a sign-off is bound to: what is accepted, so rule, package,
// artifact, build-time code with its capabilities, publisher and subject; not
// when and where it shows, so neither message nor evidence nor line. The path is
// part of it only for findings without a package, which are about that file.
//
// Every field is preceded by its length, so that no text of a package can pass
// for the end of one field and the start of the next.
func (f Finding) Digest() lockkeeper.Digest {
	var b []byte
	field := func(s string) {
		b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	field(digestVersion)
	field(string(f.Rule))
	field(string(f.Package.Ecosystem))
	field(f.Package.Name)
	field(f.Package.Version)
	field(string(f.Artifact))
	if f.Code == nil {
		field("no code")
	} else {
		field("code")
		field(string(f.Code.Digest))
		capabilities := sortedCapabilities(f.Code.Capabilities)
		b = binary.BigEndian.AppendUint64(b, uint64(len(capabilities)))
		for _, c := range capabilities {
			field(string(c))
		}
	}
	field(string(f.Publisher.Kind))
	field(f.Publisher.ID)
	field(f.Subject)
	if f.Package.Name == "" {
		field(f.Lockfile)
	}
	// Behind all that was here before it, so that older sign-offs hold. Two registries
	// may have packages of one name.
	if f.Registry != "" {
		field("registry")
		field(f.Registry)
	}
	return lockkeeper.Sum(b)
}

// Digests are f's own and those of findings that accepted the very same: whoever
// signed off the build code of this artifact when it was new or changed has signed
// off that it is there.
func (f Finding) Digests() []lockkeeper.Digest {
	digests := []lockkeeper.Digest{f.Digest()}
	if f.Rule != BuildCodeUnlisted {
		return digests
	}
	for _, d := range defaults {
		if d.rule != BuildCodeUnlisted && ownCode(d.rule) {
			same := f
			same.Rule = d.rule
			digests = append(digests, same.Digest())
		}
	}
	return digests
}

// AllowSubject is f reduced to what allow entries speak of. A finding about code
// without any known is one about code that could not be analysed.
func (f Finding) AllowSubject() allowlist.Subject {
	s := allowlist.Subject{Package: f.Package, Rule: string(f.Rule), Aspect: f.Rule.Aspect(), Publisher: f.Publisher, Unbound: f.Unbound}
	switch {
	case f.Code != nil:
		s.BuildCode = f.Code.Digest
		s.Capabilities = sortedCapabilities(f.Code.Capabilities)
	case s.Aspect == allowlist.Code:
		s.Capabilities = []buildcode.Capability{buildcode.Unanalysed}
	}
	// What the code is able to do says nothing of where it came from, so that only
	// an entry for exactly this code admits it.
	if f.Rule == UpstreamMismatch && !slices.Contains(s.Capabilities, buildcode.Unanalysed) {
		s.Capabilities = append(s.Capabilities, buildcode.Unanalysed)
	}
	return s
}

func sortedCapabilities(capabilities []buildcode.Capability) []buildcode.Capability {
	sorted := slices.Clone(capabilities)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}
