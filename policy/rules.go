package policy

import (
	"fmt"
	"slices"

	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/buildcode"
)

// defaults is the table of section "rules" of the policy reference. Strict is the
// level of findings in grave circumstances (Finding.strict), mild that of the others.
var defaults = []struct {
	rule         Rule
	strict, mild Level
}{
	{BuildCodeAdded, SignOffLevel, WarnLevel},
	{BuildCodeGained, SignOffLevel, WarnLevel},
	{BuildCodeChanged, SignOffLevel, WarnLevel},
	{CapabilityGained, SignOffLevel, WarnLevel},
	{BuildCodeUnlisted, SignOffLevel, SignOffLevel},
	{BuildPathEntered, SignOffLevel, WarnLevel},
	{StartupHook, SignOffLevel, WarnLevel},
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
// otherwise; grave: in grave circumstances. A rule that is not known asks for a sign-off.
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
	days, set := 0, false
	for _, q := range []*Policy{p, p.binding()} {
		if q == nil {
			continue
		}
		if own, ok := q.Settings[r]; ok {
			days, set = max(days, own), true
		}
	}
	if set {
		return days
	}
	return daysSettings[r]
}

// LevelFor is what the policy asks for a finding, with the reason in a sentence:
// of the overrides that match and name the rule the last one, else [rules], else
// the rule's default. Evaluate knows the other findings of a package as well, and
// may take the circumstances for graver.
func (p *Policy) LevelFor(f Finding) (Level, string) { return p.levelFor(f, f.strict()) }

// strict reports whether f alone shows grave circumstances, in which the rule's
// strict default holds. Build code that is new, or can do more, is grave if it is able to do anything but
// ask the compiler, or if what it is able to do is not known. A start-up hook is not
// grave if it was there before, is ordinary and can do no more than it could.
func (f Finding) strict() bool {
	switch f.Rule {
	case BuildCodeAdded, BuildCodeGained, CapabilityGained:
		return f.Grave || f.Code == nil || f.Code.Digest == "" || slices.ContainsFunc(f.Code.Capabilities, func(c buildcode.Capability) bool {
			return c != askCompiler
		})
	case StartupHook:
		// Where nothing was gained although the code is able to do something, the
		// version before had a hook that was able to do as much.
		before := f.Code != nil && f.Code.Digest != "" && len(f.Code.Capabilities) > 0 && len(f.Code.Gained) == 0
		return f.Grave || !before || slices.ContainsFunc(f.Code.Capabilities, buildcode.Capability.Grave)
	}
	return f.Grave
}

// askCompiler is what build code needs to find out what the compiler at hand
// supports. By itself it reaches nothing: to compile and then start a program takes
// another capability.
var askCompiler = buildcode.Run("rustc")

// young names the entries of lockfiles, by placeOf, whose release is too new. What
// new build code is able to do is read from its text by rules that an author may
// have found a way around; in the first days nobody else has looked either.
func young(findings []Finding) map[string]bool {
	places := map[string]bool{}
	for _, f := range findings {
		if f.Rule == ReleaseTooNew {
			places[placeOf(f)] = true
		}
	}
	return places
}

// placeOf names the entry of a lockfile that f is about.
func placeOf(f Finding) string { return f.Lockfile + "\x00" + f.Package.String() }

func (p *Policy) levelFor(f Finding, grave bool) (Level, string) {
	own, ownWhy, isOwn := p.says(f, "the policy")
	bound, boundWhy, isBound := p.binding().says(f, "the organisation's policy")
	switch {
	case isOwn && isBound && bound.stricter(own):
		return bound, boundWhy + ", which this repository's cannot loosen"
	case isOwn:
		return own, ownWhy
	case isBound:
		return bound, boundWhy
	}
	level := f.Rule.DefaultLevel(grave)
	why := fmt.Sprintf("%s %s by default", f.Rule, level.words())
	if f.Rule.DefaultLevel(true) != f.Rule.DefaultLevel(false) {
		if grave {
			return level, why + " in grave circumstances such as these"
		}
		return level, why + " in ordinary circumstances such as these"
	}
	return level, why
}

// says gives the level that this very policy sets for f, if it sets one; called is
// what the reason calls it.
func (p *Policy) says(f Finding, called string) (Level, string, bool) {
	if p == nil {
		return "", "", false
	}
	for _, o := range slices.Backward(p.Overrides) {
		if level, ok := o.Rules[f.Rule]; ok && o.matches(f) {
			return level, fmt.Sprintf("%s %s here, says %s's override at line %d", f.Rule, level.words(), called, o.Line), true
		}
	}
	if level, ok := p.Registries[f.Registry]; ok && f.Unknown {
		return level, fmt.Sprintf("what the registry %s does not tell %s, says %s", f.Registry, level.words(), called), true
	}
	if level, ok := p.Rules[f.Rule]; ok {
		return level, fmt.Sprintf("%s %s, says %s", f.Rule, level.words(), called), true
	}
	return "", "", false
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
