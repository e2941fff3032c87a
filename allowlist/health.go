package allowlist

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/buildcode"
)

// ProblemKind is what is the matter with an entry.
type ProblemKind string

const (
	Expired   ProblemKind = "expired"   // past its day; admits nothing any more
	Overbroad ProblemKind = "overbroad" // admits more than anybody can have looked at
	Duplicate ProblemKind = "duplicate" // an earlier entry admits just the same
	Idle      ProblemKind = "idle"      // has no condition, so admits nothing
	Stale     ProblemKind = "stale"     // its package is no longer locked
)

// Problem is one entry that its owners should look at again.
type Problem struct {
	Kind  ProblemKind
	Entry Entry
	// Message is a sentence for people that ends with the next step.
	Message string
}

// Problems lists what is the matter with l's entries at the time now, in the
// order of the file. Stale entries need to know what is locked: see Stale.
func (l *List) Problems(now time.Time) []Problem {
	if l == nil {
		return nil
	}
	var problems []Problem
	first := make(map[string]Entry, len(l.Entries))
	for _, e := range l.Entries {
		note := func(kind ProblemKind, format string, args ...any) {
			message := fmt.Sprintf("%s for %s ", e.name(), e.Package) + fmt.Sprintf(format, args...)
			problems = append(problems, Problem{Kind: kind, Entry: e, Message: message})
		}
		if e.expired(now) {
			note(Expired, "expired on %s: renew or remove it", e.Expires.Format(time.DateOnly))
		}
		if why := e.overbroad(); why != "" {
			note(Overbroad, "%s", why)
		}
		if e.idle() {
			note(Idle, "has no condition and so admits nothing: add may, build-code, publishers or rules, or remove it")
		}
		if earlier, ok := first[e.key()]; ok {
			note(Duplicate, "repeats the one at line %d: remove one of them", earlier.Line)
		} else {
			first[e.key()] = e
		}
	}
	return problems
}

// Stale lists the entries of l about packages that are not among locked, which
// holds all that any lockfile of the repository locks; versions do not matter.
func (l *List) Stale(locked []lockkeeper.Package) []Problem {
	if l == nil {
		return nil
	}
	held := make(map[string]bool, len(locked))
	for _, p := range locked {
		held[p.ID()] = true
	}
	var problems []Problem
	for _, e := range l.Entries {
		if !held[e.Package] {
			problems = append(problems, Problem{Kind: Stale, Entry: e,
				Message: fmt.Sprintf("%s is about %s, which no lockfile has any more: remove it", e.name(), e.Package)})
		}
	}
	return problems
}

// overbroad says why e admits more than anybody can have looked at; empty if it
// does not.
func (e Entry) overbroad() string {
	if e.Any {
		return "admits anything (any = true): say what it may do instead"
	}
	if e.Versions != "" {
		return ""
	}
	if e.BuildCode == "" {
		var grave []string
		for _, c := range e.May {
			if c.Grave() {
				grave = append(grave, string(c))
			}
		}
		if len(grave) > 0 {
			return fmt.Sprintf("accepts %s from every version: add versions, or pin build-code", strings.Join(grave, ", "))
		}
	}
	if slices.Contains(e.Rules, unverified) {
		return "accepts every version unverified: add versions"
	}
	return ""
}

// unverified is the rule about what could not be fetched, parsed or analysed.
const unverified = "unverified"

func (e Entry) idle() bool {
	return !e.Any && !e.speaksOfAnything()
}

// graveAmong reports whether any of the capabilities needs its exact code pinned.
func graveAmong(capabilities []buildcode.Capability) bool {
	return slices.ContainsFunc(capabilities, func(c buildcode.Capability) bool { return c.Grave() || unnameable(c) })
}
