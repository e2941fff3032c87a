package report

import (
	"fmt"

	"github.com/lockkeeper/lockkeeper/scan"
)

// Era is a run of releases by one publisher.
type Era struct {
	Who  string // foreign text
	What string // which releases: "this release and the 14 before"
	// New: the release judged is the first by them, after others.
	New bool
	// Basis is what the name rests on, where that is more than the registry's word for
	// one of its users.
	Basis string
}

// History is who published a release and those below it, the newest first. It is nil
// where no registry was asked.
func History(p scan.Published) []Era {
	if !p.Asked() {
		return nil
	}
	now := Era{Who: who(p.By, p.Environment), What: "this release", New: p.Same == 0 && p.Compared > 0}
	switch {
	case !p.By.Known():
		now.Who = "unknown: " + p.Unknown
	case p.Basis == scan.Verified:
		now.Basis = "verified by attestations"
	case p.Trusted():
		now.Basis = "trusted publishing, as the registry states it"
	}
	switch {
	case p.Compared == 0 && p.Whole:
		now.What = "this release, the first"
	case p.Same > 0:
		now.What += " and " + releasesBefore(p.Same)
	}
	if p.Same > 0 && p.Same == p.Compared && !p.Whole {
		now.What += ", or more"
	}
	eras := []Era{now}
	if p.Others > 0 {
		other := Era{Who: "unknown", What: countBefore(p.Others)}
		if p.Before.Known() {
			other.Who = who(p.Before, "")
		}
		eras = append(eras, other)
	}
	if rest := p.Compared - p.Same - p.Others; rest > 0 {
		older := Era{Who: "others", What: countBefore(rest)}
		if again := p.Earlier - p.Same; again > 0 && p.By.Known() {
			older.Who = fmt.Sprintf("others, and %s again", who(p.By, ""))
			if again == rest {
				older.Who = who(p.By, "")
			}
		}
		eras = append(eras, older)
	}
	return eras
}

func countBefore(n int) string {
	if n == 1 {
		return "the one before"
	}
	return fmt.Sprintf("the %d before", n)
}
