package policy

// together lets one sign-off answer all that asks about one young package: its own
// build code, its way into the build path, and each package that came to depend on it.
// Whoever accepts exactly this release of it has answered why it is depended on; asking
// again for each dependant would be asking about one event several times.
//
// An edge is answered by a sign-off or an entry for what the young package itself does,
// or by the sign-off of another edge to it. An entry for another edge is about that
// dependant alone.
func together(outcomes []Outcome) {
	for i := range outcomes {
		o := &outcomes[i]
		if o.State != Open || o.Finding.Rule != EdgeToYoungPackage {
			continue
		}
		leader := o.leader(outcomes[:i], outcomes)
		if leader == nil {
			continue
		}
		o.With = &Question{leader.Digest, leader.Finding.Rule, leader.Finding.Package}
		name := leader.Finding.Package.Name
		switch leader.State {
		case Signed, Admitted:
			o.State, o.SignedBy, o.Entry, o.Missing = leader.State, leader.SignedBy, leader.Entry, 0
			o.Why = append(o.Why[:1:1], "answered with "+name+", which was accepted")
		default:
			o.Why = append(o.Why, "whoever signs off "+name+" answers this as well")
		}
	}
}

// leader is the outcome whose acceptance answers the edge o, nil if there is none: an
// accepted one first, then one about the young package itself, then the first of the
// edges to it. before are the outcomes in front of o.
func (o *Outcome) leader(before, all []Outcome) *Outcome {
	var own, edge *Outcome
	for i := range all {
		l := &all[i]
		if l == o || l.Level != SignOffLevel || l.Finding.Lockfile != o.Finding.Lockfile || !o.Finding.leadsTo(l.Finding) {
			continue
		}
		isEdge := l.Finding.Rule == EdgeToYoungPackage
		switch {
		case l.State == Signed && len(l.SignedBy) > 0, l.State == Admitted && !isEdge:
			return l
		case !isEdge && own == nil:
			own = l
		case isEdge && edge == nil && i < len(before) && l.State != Admitted:
			edge = l
		}
	}
	if own != nil {
		return own
	}
	return edge
}

// leadsTo reports whether f is an edge to the very release that other is about.
func (f Finding) leadsTo(other Finding) bool {
	if f.To.Name == "" || f.ToArtifact == "" {
		return false
	}
	switch other.Rule {
	case BuildCodeAdded, BuildPathEntered:
		return other.Package == f.To && other.Artifact == f.ToArtifact && !other.Unbound
	case EdgeToYoungPackage:
		return other.To == f.To && other.ToArtifact == f.ToArtifact
	}
	return false
}

// Asked returns how many questions are open: findings that wait for a sign-off and are
// not answered with another one.
func (d Decision) Asked() int {
	n := 0
	for _, o := range d.Outcomes {
		if o.State == Open && o.With == nil {
			n++
		}
	}
	return n
}

// Recordless reports whether o is answered by accepting what a young package itself
// does, so that the entry for that is all there is to record.
func (o Outcome) Recordless() bool {
	return o.With != nil && o.With.Rule != EdgeToYoungPackage
}
