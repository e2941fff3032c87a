package policy

import (
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper"
)

// Asks is what the policy asks for findings of one rule about one package of one
// lockfile: Grave in grave circumstances, Mild in ordinary ones. Why names what decides: "the default",
// "the policy's override at line 7".
type Asks struct {
	Rule        Rule
	Grave, Mild Level
	Why         string
}

// Ask is what the policy asks of a package in a lockfile, rule by rule in the order of
// the reference.
func (p *Policy) Ask(lockfile string, pkg lockkeeper.Package) []Asks {
	var all []Asks
	for _, rule := range Rules() {
		f := Finding{Rule: rule, Lockfile: lockfile, Package: pkg}
		a := Asks{Rule: rule, Why: "the default"}
		var why string
		a.Grave, why = p.levelFor(f, true)
		a.Mild, _ = p.levelFor(f, false)
		if _, who, ok := strings.Cut(why, ", says "); ok {
			a.Why = who
		}
		all = append(all, a)
	}
	return all
}

// WhyWatched says whether Watches is true for the lockfile, and which pattern decides.
func (p *Policy) WhyWatched(path string) (bool, string) {
	if p == nil || len(p.Lockfiles)+len(p.Ignore) == 0 {
		return true, "every known lockfile is watched"
	}
	for _, pattern := range p.Ignore {
		if matchAny([]string{pattern}, path) {
			return false, fmt.Sprintf("[scan] ignore has %q", pattern)
		}
	}
	for _, pattern := range p.Lockfiles {
		if matchAny([]string{pattern}, path) {
			return true, fmt.Sprintf("[scan] lockfiles has %q", pattern)
		}
	}
	if len(p.Lockfiles) == 0 {
		return true, "[scan] ignore has no pattern for it"
	}
	return false, "no pattern of [scan] lockfiles is for it"
}
