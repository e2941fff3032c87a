// Package allowlist reads .lockkeeper/allow.toml, says which entry admits a
// subject, proposes entries, and edits the file without touching what its owners
// wrote around them.
//
// It promises that an entry admits no more than its conditions say: one about
// code is silent about publishers, one without conditions admits nothing, and
// what nobody could look at is never covered by a list of capabilities. Whether
// a finding needs admitting at all, and whose list counts, is for policy.
package allowlist

import (
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/buildcode"
)

// Path of the allowlist in a repository.
const Path = ".lockkeeper/allow.toml"

// Entry is one [[allow]]. It admits a subject only if every condition that bears
// on that kind of subject is present and holds; an entry without any condition
// admits nothing unless Any is written out.
type Entry struct {
	Package     string                 // "cargo/ring"
	Versions    string                 // Cargo requirement or PEP 440 specifier; empty: all
	May         []buildcode.Capability // capabilities that its build code may have; empty but not nil: none at all
	BuildCode   lockkeeper.Digest      // or exactly this surface
	Publishers  []lockkeeper.Principal // who may publish it
	Rules       []string               // rules about neither code nor people
	Any         bool                   // everything; listed as overbroad
	Reason      string
	SignedOffBy string
	SignedOffIn string
	Expires     time.Time // the whole day, UTC, is still good; zero: never
	Line        int       // where the entry starts in the file, from 1; 0 for proposed ones
}

// Aspect is the kind of condition that admits a subject.
type Aspect string

const (
	Code   Aspect = "code"   // May or BuildCode
	People Aspect = "people" // Publishers
	Other  Aspect = "other"  // Rules
)

// Subject is what an entry may admit: one finding, reduced to what entries can
// speak of.
type Subject struct {
	Package      lockkeeper.Package
	Rule         string
	Aspect       Aspect
	Capabilities []buildcode.Capability // all that its build code has
	BuildCode    lockkeeper.Digest
	Publisher    lockkeeper.Principal
	// Unbound: the version does not say what the package is, since it comes from a
	// repository or an address. An entry by rule would admit any other commit, too.
	Unbound bool
}

// List is a parsed allowlist. The nil *List is empty.
type List struct {
	Entries []Entry
}
