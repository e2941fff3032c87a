package scan

import (
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
)

// Basis is what a publisher's name rests on.
type Basis string

const (
	// Stated by the registry, which alone knows its users and, on crates.io, from
	// where trusted publishing came.
	Stated Basis = "registry"
	// Verified by attestations of every file that has any.
	Verified Basis = "attestations"
)

// Published is who published a release, and how that compares with the releases
// below it, nearest first. The zero value means that nobody was asked: the package
// comes from no registry, or was removed.
type Published struct {
	// By is unknown where nobody is named; Unknown then says why.
	By      lockkeeper.Principal
	Unknown string
	// Environment that the registry states for By; empty for none.
	Environment string
	Basis       Basis
	// Compared counts the earlier releases whose publishers were asked for, and Whole
	// says that these are all that there are below this one.
	Compared int
	Whole    bool
	// Same counts the releases just below this one that are by the same, Earlier all
	// compared ones that are.
	Same, Earlier int
	// Before is who published those just below the Same, and Others how many of them
	// in a row. Where Others is not zero, a Before that is unknown is really unknown.
	Before lockkeeper.Principal
	Others int
	// At is when this release was published, Since when the first of it and the Same;
	// zero where the registry does not tell.
	At, Since time.Time `json:",omitzero"`
}

// Asked reports whether a registry was asked.
func (p Published) Asked() bool { return p.By.Known() || p.Unknown != "" }

// Trusted reports whether By is a workflow of a repository or the like, and no person.
func (p Published) Trusted() bool {
	return p.By.Known() && p.By.Kind != lockkeeper.User && p.By.Kind != lockkeeper.Team
}

// published sums up. before is nearest first.
func published(eco lockkeeper.Ecosystem, now registry.Publication, before []registry.Publication, whole bool) Published {
	p := Published{By: now.Publisher, Environment: now.Environment, Compared: len(before), Whole: whole}
	switch {
	case !now.Publisher.Known():
		p.Unknown = whyUnknown(eco, now)
	case eco == lockkeeper.PyPI:
		p.Basis = Verified
	default:
		p.Basis = Stated
	}
	// Of two releases that are by nobody known it is not known whether they are by the
	// same; in a row they count as one.
	same := func(a, b lockkeeper.Principal) bool { return a.Is(b) || !a.Known() && !b.Known() }
	for p.Same < len(before) && same(before[p.Same].Publisher, now.Publisher) {
		p.Same++
	}
	p.At, p.Since = now.Published, now.Published
	for _, b := range before[:p.Same] {
		if !b.Published.IsZero() && b.Published.Before(p.Since) {
			p.Since = b.Published
		}
	}
	for _, b := range before {
		if same(b.Publisher, now.Publisher) {
			p.Earlier++
		}
	}
	if p.Same < len(before) {
		p.Before = before[p.Same].Publisher
		for _, b := range before[p.Same:] {
			if !same(b.Publisher, p.Before) {
				break
			}
			p.Others++
		}
	}
	return p
}

// whyUnknown says why a release has no known publisher.
func whyUnknown(eco lockkeeper.Ecosystem, now registry.Publication) string {
	switch {
	case now.Unverified != "":
		return "its provenance could not be verified"
	case now.Mixed && now.Attested:
		return "its files were published by different ones"
	case eco == lockkeeper.PyPI:
		return "no file has an attestation"
	}
	return "the registry does not tell"
}
