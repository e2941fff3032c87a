package policy

import (
	"fmt"
	"slices"

	"github.com/lockkeeper/lockkeeper/allowlist"
)

// defaults is the table of section "rules" of the policy reference. Strict is the
// level of findings that are Grave, mild that of the others.
var defaults = []struct {
	rule         Rule
	strict, mild Level
}{
	{BuildCodeAdded, SignOffLevel, SignOffLevel},
	{BuildCodeGained, SignOffLevel, SignOffLevel},
	{BuildCodeChanged, SignOffLevel, WarnLevel},
	{CapabilityGained, SignOffLevel, SignOffLevel},
	{BuildPathEntered, SignOffLevel, WarnLevel},
	{StartupHook, SignOffLevel, SignOffLevel},
	{SourceBuild, SignOffLevel, WarnLevel},
	{PublisherChanged, SignOffLevel, SignOffLevel},
	{PublisherDowngraded, SignOffLevel, SignOffLevel},
	{OwnersChanged, SignOffLevel, WarnLevel},
	{EdgeToYoungPackage, SignOffLevel, SignOffLevel},
	{ReleaseTooNew, SignOffLevel, WarnLevel},
	{ReleaseYanked, SignOffLevel, SignOffLevel},
	{SiblingsYanked, SignOffLevel, SignOffLevel},
	{ReleaseMissing, SignOffLevel, SignOffLevel},
	{SourceChanged, SignOffLevel, SignOffLevel},
	{ChecksumChanged, BlockLevel, BlockLevel},
	{ChecksumMismatch, BlockLevel, BlockLevel},
	{KnownMalicious, BlockLevel, BlockLevel},
	{GuardChanged, SignOffLevel, SignOffLevel},
	{UpstreamMismatch, SignOffLevel, WarnLevel},
	{Unverified, SignOffLevel, SignOffLevel},
}

// daysSettings are the rules that count days, and the days that they count where
// the policy says nothing.
var daysSettings = map[Rule]int{ReleaseTooNew: 7, EdgeToYoungPackage: 30, SiblingsYanked: 30, OwnersChanged: 90}

// Rules lists every rule, in the order of the reference.
func Rules() []Rule {
	rules := make([]Rule, len(defaults))
	for i, d := range defaults {
		rules[i] = d.rule
	}
	return rules
}

// AllowRules are the rules that an allow entry may name, for allowlist.Parse:
// those about neither code nor people.
func AllowRules() []string {
	var names []string
	for _, rule := range Rules() {
		if rule.Aspect() == allowlist.Other {
			names = append(names, string(rule))
		}
	}
	return names
}

// DefaultLevel is the level of findings of the rule where no policy says
// otherwise; grave is Finding.Grave. A rule that is not known asks for a sign-off.
func (r Rule) DefaultLevel(grave bool) Level {
	for _, d := range defaults {
		if d.rule != r {
			continue
		}
		if grave {
			return d.strict
		}
		return d.mild
	}
	return SignOffLevel
}

// Days is the number of days that the rule's settings give: how old a release or
// a package must be. 0 for a rule that counts no days.
func (p *Policy) Days(r Rule) int {
	if p != nil {
		if days, ok := p.Settings[r]; ok {
			return days
		}
	}
	return daysSettings[r]
}

// LevelFor is what the policy asks for a finding, with the reason in a sentence:
// of the overrides that match and name the rule the last one, else [rules], else
// the rule's default.
func (p *Policy) LevelFor(f Finding) (Level, string) {
	if p != nil {
		for _, o := range slices.Backward(p.Overrides) {
			if level, ok := o.Rules[f.Rule]; ok && o.matches(f) {
				return level, fmt.Sprintf("%s %s here, says the policy's override at line %d", f.Rule, level.words(), o.Line)
			}
		}
		if level, ok := p.Rules[f.Rule]; ok {
			return level, fmt.Sprintf("%s %s, says the policy", f.Rule, level.words())
		}
	}
	level := f.Rule.DefaultLevel(f.Grave)
	why := fmt.Sprintf("%s %s by default", f.Rule, level.words())
	if f.Rule.DefaultLevel(true) != f.Rule.DefaultLevel(false) {
		if f.Grave {
			return level, why + " in grave circumstances such as these"
		}
		return level, why + " in ordinary circumstances such as these"
	}
	return level, why
}

// words continue a sentence that starts with the rule.
func (l Level) words() string {
	switch l {
	case BlockLevel:
		return "blocks"
	case WarnLevel:
		return "warns"
	case OffLevel:
		return "is off"
	}
	return "asks for a sign-off"
}

// matches reports whether o is about f: its lockfile and its package, as far as
// o names them. A finding without a package is about no package pattern.
func (o Override) matches(f Finding) bool {
	if len(o.Paths) > 0 && !matchAny(o.Paths, f.Lockfile) {
		return false
	}
	if len(o.Packages) > 0 && (f.Package.Name == "" || !matchAny(o.Packages, f.Package.ID())) {
		return false
	}
	return len(o.Paths)+len(o.Packages) > 0
}
