package policy

import (
	"slices"

	"github.com/lockkeeper/lockkeeper"
)

// Part is the decision about the findings of a group as if one pull request of it
// had brought them all in, and which of them it does bring in.
type Part struct {
	Decision Decision
	Brings   map[lockkeeper.Digest]bool
}

// Join decides about pull requests that are merged together, where each must be
// signed off by people who had no hand in that one. A finding gets the worst of the
// outcomes that it has in the parts which bring it in. Nobody can answer alone for
// what no part brings in by itself: it has the outcome that it has in whole, the
// decision in which all authors and contributors are barred.
func Join(whole Decision, onboarded bool, parts ...Part) Decision {
	joined := whole
	joined.Outcomes = slices.Clone(whole.Outcomes)
	for i, o := range joined.Outcomes {
		worst := -1
		for _, p := range parts {
			if !p.Brings[o.Digest] {
				continue
			}
			j := slices.IndexFunc(p.Decision.Outcomes, func(q Outcome) bool { return q.Digest == o.Digest })
			if j < 0 {
				continue // the parts know the same findings; if one does not, it cannot speak for this one
			}
			if rank := slices.Index(worstFirst, p.Decision.Outcomes[j].State); worst < 0 || rank < worst {
				worst = rank
				place := o.Finding
				joined.Outcomes[i] = p.Decision.Outcomes[j]
				joined.Outcomes[i].Finding = place // the same, maybe in another lockfile
			}
		}
	}
	sortOutcomes(joined.Outcomes)
	joined.Conclusion = joined.conclude(onboarded)
	return joined
}
