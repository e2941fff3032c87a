package allowlist

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/buildcode"
)

// Admits reports whether e admits s at the time now, and says why or why not in
// one sentence for people. Every condition of e that bears on s's aspect must
// hold, and at least one must be there:
//
//   - code: may covers all capabilities, build-code is the very surface. Where an
//     entry has both, both must hold. An empty may allows code that is able to do
//     nothing. What could not be analysed is never covered by may.
//   - people: one of the publishers covers s's. An unknown publisher is nobody. Lost
//     provenance is admitted by an entry for exactly this version alone: one for the
//     publisher was written when there was more behind the name, or before there was
//     any, and would let a stolen token in again.
//   - other: the rule is named, and the subject is not Unbound.
//
// Whatever cannot be read (a version range made by hand, say) does not hold.
func (e Entry) Admits(s Subject, now time.Time) (bool, string) {
	switch {
	case e.Package == "" || e.Package != s.Package.ID():
		return false, fmt.Sprintf("%s is about %s", e.name(), e.Package)
	case e.expired(now):
		return false, fmt.Sprintf("%s expired on %s", e.name(), e.Expires.Format(time.DateOnly))
	}
	if e.Versions != "" {
		r, err := parseRange(s.Package.Ecosystem, e.Versions)
		if err != nil {
			return false, fmt.Sprintf("the versions of %s cannot be read: %v", e.name(), err)
		}
		if !r.has(s.Package.Version) {
			return false, fmt.Sprintf("%s is about versions %s only", e.name(), e.Versions)
		}
	}
	if e.Any {
		return true, e.name() + " admits anything of this package" + e.provenance()
	}
	var ok bool
	var why string
	switch s.Aspect {
	case Code:
		ok, why = e.admitsCode(s)
	case People:
		ok, why = e.admitsPublisher(s.Publisher)
		if ok && s.Rule == publisherDowngraded && !e.pins(s.Package) {
			ok, why = false, fmt.Sprintf("accepts releases by %s, but not that provenance is lost: that takes an entry with versions = %q", s.Publisher, exact(s.Package))
		}
	case Other:
		ok, why = e.admitsRule(s.Rule)
		if ok && s.Unbound {
			ok, why = false, "cannot tell one commit or address from another; sign it off in the pull request"
		}
	default:
		return false, fmt.Sprintf("%s says nothing about this kind of finding", e.name())
	}
	why = e.name() + " " + why
	if ok {
		why += e.provenance()
	}
	return ok, why
}

// Admitting returns the first entry that admits s at the time now. The reasons
// say why it does; where none does, why those about the same package and aspect
// do not.
func (l *List) Admitting(s Subject, now time.Time) (*Entry, []string) {
	if l == nil {
		return nil, nil
	}
	id := s.Package.ID()
	var reasons []string
	for i := range l.Entries {
		e := &l.Entries[i]
		if e.Package != id {
			continue
		}
		ok, why := e.Admits(s, now)
		if ok {
			return e, []string{why}
		}
		if e.speaksOf(s.Aspect) {
			reasons = append(reasons, why)
		}
	}
	return nil, reasons
}

// Concerns reports whether e is about p at all: its package, in one of its versions.
// What it admits of it is for Admits.
func (e Entry) Concerns(p lockkeeper.Package) bool {
	if e.Package != p.ID() {
		return false
	}
	if e.Versions == "" {
		return true
	}
	r, err := parseRange(p.Ecosystem, e.Versions)
	return err == nil && r.has(p.Version)
}

// Admitted says in a few words what e admits: "may compile; publisher user:52".
func (e Entry) Admitted() string {
	var parts []string
	if e.Any {
		parts = append(parts, "anything")
	}
	if e.May != nil {
		parts = append(parts, "may "+mayWords(e.May))
	}
	if e.BuildCode != "" {
		parts = append(parts, "code "+e.BuildCode.Short())
	}
	for _, publisher := range e.Publishers {
		parts = append(parts, "publisher "+publisher.String())
	}
	return strings.Join(append(parts, e.Rules...), "; ")
}

// Same reports whether e and other admit the same: everything but the reason,
// who signed, where, and the line.
func (e Entry) Same(other Entry) bool { return e.key() == other.key() }

func (e Entry) admitsCode(s Subject) (bool, string) {
	if e.May == nil && e.BuildCode == "" {
		return false, "says nothing about build-time code"
	}
	var held []string
	if e.BuildCode != "" {
		if e.BuildCode != s.BuildCode {
			return false, fmt.Sprintf("accepts the build-time code %s, and this is other code", e.BuildCode.Short())
		}
		held = append(held, "exactly this build-time code")
	}
	if e.May != nil {
		var beyond []string
		for _, c := range s.Capabilities {
			if unnameable(c) || !slices.Contains(e.May, c) {
				beyond = append(beyond, string(c))
			}
		}
		if len(beyond) > 0 {
			return false, fmt.Sprintf("accepts build-time code that may %s; this one also has %s", mayWords(e.May), strings.Join(beyond, ", "))
		}
		held = append(held, "build-time code that may "+mayWords(e.May))
	}
	return true, "accepts " + strings.Join(held, ", ")
}

// pins reports whether e is about p's version and no other.
func (e Entry) pins(p lockkeeper.Package) bool {
	return strings.ReplaceAll(e.Versions, " ", "") == exact(p)
}

func (e Entry) admitsPublisher(p lockkeeper.Principal) (bool, string) {
	switch {
	case len(e.Publishers) == 0:
		return false, "says nothing about publishers"
	case !p.Known():
		return false, "accepts named publishers, and who published this is not known"
	}
	for _, accepted := range e.Publishers {
		if accepted.Covers(p) {
			return true, "accepts releases by " + accepted.String()
		}
	}
	return false, fmt.Sprintf("accepts releases by %s, not by %s", joinPrincipals(e.Publishers), p)
}

func (e Entry) admitsRule(rule string) (bool, string) {
	switch {
	case len(e.Rules) == 0:
		return false, "names no rules"
	case rule == "" || !slices.Contains(e.Rules, rule):
		return false, "accepts " + strings.Join(e.Rules, ", ") + " only"
	}
	return true, "accepts " + rule
}

func (e Entry) speaksOf(a Aspect) bool {
	if e.Any {
		return true
	}
	switch a {
	case Code:
		return e.May != nil || e.BuildCode != ""
	case People:
		return len(e.Publishers) > 0
	case Other:
		return len(e.Rules) > 0
	}
	return false
}

// speaksOfAnything reports whether e has a condition besides Any.
func (e Entry) speaksOfAnything() bool {
	return e.May != nil || e.BuildCode != "" || len(e.Publishers) > 0 || len(e.Rules) > 0
}

// expired: Expires is a day, and the whole of it in UTC is still good.
func (e Entry) expired(now time.Time) bool {
	if e.Expires.IsZero() {
		return false
	}
	y, m, d := e.Expires.Date()
	return !now.Before(time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC))
}

func (e Entry) name() string {
	if e.Line == 0 {
		return "a proposed allow entry"
	}
	return fmt.Sprintf("the allow entry at line %d", e.Line)
}

// provenance is " (signed off by alice in #812)", as far as the entry says.
func (e Entry) provenance() string {
	switch {
	case e.SignedOffBy == "":
		return ""
	case e.SignedOffIn == "":
		return fmt.Sprintf(" (signed off by %s)", e.SignedOffBy)
	}
	return fmt.Sprintf(" (signed off by %s in %s)", e.SignedOffBy, e.SignedOffIn)
}

// key holds all that Admits reads of e, in a form that equal entries share.
func (e Entry) key() string {
	may := slices.Clone(e.May)
	slices.Sort(may)
	publishers := make([]string, 0, len(e.Publishers))
	for _, p := range e.Publishers {
		publishers = append(publishers, strings.ToLower(p.String()))
	}
	slices.Sort(publishers)
	rules := slices.Sorted(slices.Values(e.Rules))
	return fmt.Sprintf("%q %q %t %q %q %q %q %t %s", e.Package, e.Versions, e.May != nil, slices.Compact(may), e.BuildCode,
		slices.Compact(publishers), slices.Compact(rules), e.Any, e.Expires.Format(time.DateOnly))
}

// unnameable reports whether c stands for something that nobody could look at,
// so that no list of capabilities can accept it: only the exact code can be.
func unnameable(c buildcode.Capability) bool {
	return c == buildcode.Unanalysed || c == buildcode.RunUnknown
}

func mayWords(may []buildcode.Capability) string {
	if len(may) == 0 {
		return "do nothing of note"
	}
	words := make([]string, len(may))
	for i, c := range may {
		words[i] = string(c)
	}
	return strings.Join(words, ", ")
}

func joinPrincipals(ps []lockkeeper.Principal) string {
	words := make([]string, len(ps))
	for i, p := range ps {
		words[i] = p.String()
	}
	return strings.Join(words, ", ")
}
