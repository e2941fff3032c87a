package policy

// Under gives p as the policy of the whole organisation binds it: what that one
// sets, p can tighten and never loosen. What it leaves out, p decides. Key by key:
//
//   - rules and overrides: for each finding the stricter level of those that the two
//     policies set, off < warn < sign-off < block.
//   - settings that count days: the larger number.
//   - lockfiles and ignore: a path that the organisation's policy watches stays
//     watched, whatever p says; p can add others. One that names no patterns watches
//     everything, for whoever could ignore a lockfile could ignore every rule.
//   - users, teams and permission: whoever signs off must be a reviewer by both.
//   - count: the larger number. reason: required if either says so.
//
// A nil organisation binds nothing.
func (p *Policy) Under(organisation *Policy) *Policy {
	if organisation == nil {
		return p
	}
	bound := Policy{}
	if p != nil {
		bound = *p
	}
	bound.Organisation = organisation
	return &bound
}

// binding is the organisation's policy that binds p, nil where there is none.
func (p *Policy) binding() *Policy {
	if p == nil {
		return nil
	}
	return p.Organisation
}

// Teams are the slugs of all teams whose members may have a say.
func (p *Policy) Teams() []string {
	var teams []string
	for _, r := range p.electorates() {
		teams = append(teams, r.Teams...)
	}
	return teams
}

// electorates are the groups of reviewers to each of which somebody must belong
// who signs off: the organisation's and the repository's, as far as they name any.
// Without any it is whoever has maintain permission.
func (p *Policy) electorates() []Reviewers {
	var all []Reviewers
	for _, q := range []*Policy{p.binding(), p} {
		if q != nil && q.Reviewers.named() {
			all = append(all, q.Reviewers)
		}
	}
	if len(all) == 0 {
		all = append(all, Reviewers{Permission: Maintain})
	}
	return all
}

// named reports whether r names anybody.
func (r Reviewers) named() bool { return len(r.Users)+len(r.Teams) > 0 || r.Permission != "" }

// count is how many reviewers each finding needs, and reason whether each must say
// why.
func (p *Policy) count() (count int, reason bool) {
	count = 1
	for _, q := range []*Policy{p.binding(), p} {
		if q != nil {
			count, reason = max(count, q.Reviewers.Count), reason || q.Reviewers.ReasonRequired
		}
	}
	return count, reason
}

// stricter reports whether l asks for more than other.
func (l Level) stricter(other Level) bool { return l.rank() > other.rank() }

// rank orders levels; one that is not known is as strict as asking.
func (l Level) rank() int {
	switch l {
	case OffLevel:
		return 0
	case WarnLevel:
		return 1
	case BlockLevel:
		return 3
	}
	return 2
}
