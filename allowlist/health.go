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

// Prunable lists the entries that admit nothing anybody needs: expired ones, those
// that repeat an earlier one, and those about packages that are not locked any more.
// One entry is listed once, for its first reason. A nil locked means that it is not
// known what is locked, and no entry counts as stale.
func (l *List) Prunable(now time.Time, locked []lockkeeper.Package) []Problem {
	problems := l.Problems(now)
	if locked != nil {
		problems = append(problems, l.Stale(locked)...)
	}
	var prunable []Problem
	for _, p := range problems {
		if p.Kind != Expired && p.Kind != Duplicate && p.Kind != Stale {
			continue
		}
		if !slices.ContainsFunc(prunable, func(q Problem) bool { return q.Entry.Line == p.Entry.Line }) {
			prunable = append(prunable, p)
		}
	}
	slices.SortFunc(prunable, func(a, b Problem) int { return a.Entry.Line - b.Entry.Line })
	return prunable
}

// Expiring lists the entries that still hold and whose last day comes within the
// given time.
func (l *List) Expiring(now time.Time, within time.Duration) []Entry {
	if l == nil {
		return nil
	}
	var soon []Entry
	for _, e := range l.Entries {
		if !e.Expires.IsZero() && !e.expired(now) && !e.Expires.After(now.Add(within)) {
			soon = append(soon, e)
		}
	}
	return soon
}
