package scan

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
)

// nearest is how many earlier releases are asked for where each costs a request.
const nearest = 6

// judgePeople compares who published the release with who published those below
// it, nearest first.
func (j *judgement) judgePeople(ctx context.Context, project *registry.Project, release *registry.Release) {
	if j.change.Kind == lockfile.Altered {
		return
	}
	locked := j.lockedBefore(project)
	earlier, whole := askedAbout(project, release, locked)
	versions := append([]string{release.Package.Version}, earlier...)
	publications, err := j.scanner.publications(ctx, j.home, project, versions)
	if err != nil {
		j.row.Published.Unknown = "the registry could not be asked"
		j.trouble("could not be attributed to a publisher", "publisher", err)
		return
	}
	now, before := sortPublications(publications, release.Package.Version, earlier)
	j.publisher = now.Publisher
	j.row.Publisher = personText(now.Publisher)
	// The locked one beyond the nearest is none of those just below.
	just := before
	if !whole {
		just = slices.DeleteFunc(slices.Clone(before), func(p registry.Publication) bool { return slices.Index(earlier, p.Version) >= nearest })
	}
	j.row.Published = published(project.Ecosystem, now, just, whole)
	if now.Unverified != "" {
		j.unverified("has provenance that could not be verified", "provenance", now.Unverified, checkProvenance)
		return
	}
	for _, p := range before {
		if !slices.Contains(j.earlier, p.Publisher) {
			j.earlier = append(j.earlier, p.Publisher)
		}
	}
	if len(before) == 0 || j.change.Kind == lockfile.Added || j.madeAgain {
		return
	}
	h := hands{now: now, before: before, settled: j.settled(before, locked), named: j.named, line: func(version string) bool {
		return lockfile.SameLine(project.Ecosystem, version, now.Version)
	}}
	if i := slices.IndexFunc(before, func(p registry.Publication) bool { return p.Version == locked }); i >= 0 {
		h.locked = &before[i]
	}
	if rule, message := h.compare(); rule != "" {
		j.add(policy.Finding{
			Rule: rule, Message: message, Publisher: now.Publisher, Subject: environmentSubject(now),
			Evidence: publisherEvidence(project.Ecosystem, now, before),
		})
		return
	}
	j.judgeIncomparable(now, before)
}

// askedAbout are the lower versions whose publishers are asked for, nearest first, and
// whether these are all: where each costs a request only the nearest and the one that
// was locked, which is what the change gives up.
func askedAbout(project *registry.Project, release *registry.Release, locked string) (versions []string, whole bool) {
	earlier := earlierVersions(project, release)
	if project.Ecosystem != lockkeeper.PyPI || len(earlier) <= nearest {
		return earlier, true
	}
	asked := slices.Clone(earlier[:nearest])
	if slices.Contains(earlier, locked) && !slices.Contains(asked, locked) {
		asked = append(asked, locked)
	}
	return asked, false
}

// settled are the publications that count as history (hands); all where none does.
func (j *judgement) settled(before []registry.Publication, locked string) []registry.Publication {
	eco := j.change.New.Package.Ecosystem
	all := slices.DeleteFunc(slices.Clone(before), func(p registry.Publication) bool {
		accepted := locked != "" && lockfile.Compare(eco, p.Version, locked) <= 0
		return !accepted && (p.Published.IsZero() || j.now.Sub(p.Published) < old)
	})
	if len(all) == 0 {
		return before
	}
	return all
}

// checkProvenance is the next step where an attestation does not hold.
const checkProvenance = "it is verified anew with each scan; if it stays so, ask the publisher, or refresh the trust root if it is said to be too old"

// environmentSubject binds a sign-off to the environment as well, where there is
// one.
func environmentSubject(now registry.Publication) string {
	if now.Environment == "" {
		return ""
	}
	return "environment " + now.Environment
}

// lockedBefore is the version that was locked before, as the registry spells it;
// empty where there is none.
func (j *judgement) lockedBefore(project *registry.Project) string {
	old := j.old()
	if old == nil {
		return ""
	}
	if r := project.Release(old.Package.Version); r != nil {
		return r.Package.Version
	}
	return ""
}

// judgeIncomparable: a release that differs from no earlier one only because the
// provenance of those could not be verified has not been compared. One that is by
// a publisher of theirs all the same has.
func (j *judgement) judgeIncomparable(now registry.Publication, before []registry.Publication) {
	if slices.ContainsFunc(before, func(p registry.Publication) bool { return p.Publisher.Is(now.Publisher) }) {
		return
	}
	if i := slices.IndexFunc(before, func(p registry.Publication) bool { return p.Unverified != "" }); i >= 0 {
		j.unverified("cannot be compared with the publishers of earlier releases, whose provenance could not be verified",
			"earlier provenance", before[i].Unverified, checkProvenance)
	}
}

// settled is the age after which the publication of a PyPI release is remembered:
// it takes no further files, and so no other provenance, from then on (warehouse:
// 14 days). What crates.io says of a version does not change.
const settled = 15 * 24 * time.Hour

// publications asks who published the versions, unless all of it is remembered:
// crates.io allows one such request a second, and every sign-off means a scan.
func (s *Scanner) publications(ctx context.Context, from home, project *registry.Project, versions []string) ([]registry.Publication, error) {
	if s.Facts == nil {
		return from.client.Publications(ctx, project.Name, versions)
	}
	key := publicationFacts + "3/" + string(project.Ecosystem) + "/" + project.Name
	if project.Ecosystem == lockkeeper.PyPI {
		key += "/" + s.Trust
	}
	if from.name != "" {
		key += "@" + from.name // names of several registries are not one package
	}
	known := map[string]publication{}
	if value, ok, err := s.Facts.Fact(ctx, key); err == nil && ok && json.Unmarshal(value, &known) != nil {
		known = map[string]publication{}
	}
	now := s.now()
	var remembered []registry.Publication
	missing := false
	for _, v := range versions {
		switch p, ok := known[content(project, v)]; {
		case !ok || !p.Silent.IsZero() && !p.stillSilent(now, project.Release(v)):
			missing = true
		case p.Silent.IsZero():
			remembered = append(remembered, p.Publication)
		}
	}
	if !missing {
		return remembered, nil
	}
	all, err := from.client.Publications(ctx, project.Name, versions)
	if err != nil {
		return nil, err
	}
	for _, v := range versions { // of those in all it is not so
		known[content(project, v)] = publication{Silent: now}
	}
	for _, p := range all {
		delete(known, content(project, p.Version))
		r := project.Release(p.Version)
		if p.Unverified != "" {
			continue // a newer trust root may tell
		}
		if r != nil && (project.Ecosystem == lockkeeper.Cargo || !r.Published.IsZero() && now.Sub(r.Published) > settled) {
			known[content(project, p.Version)] = publication{Publication: p}
		}
	}
	value, err := json.Marshal(known)
	if err != nil {
		return nil, fmt.Errorf("encode publications: %w", err)
	}
	if err := s.Facts.PutFact(ctx, key, value); err != nil {
		return nil, fmt.Errorf("remember publications: %w", err)
	}
	return all, nil
}

// publication is what is remembered of a version.
type publication struct {
	registry.Publication
	// Silent is when the registry was asked and said nothing of the version. That is
	// nobody's publication: it is judged as if it had been asked again.
	Silent time.Time `json:",omitzero"`
}

// A registry that says nothing of a version may never do, or not yet: it is asked again
// after silentOld about an old release, and after silentYoung about one that is young
// or of which nobody knows when it was made.
const silentOld, silentYoung = 6 * time.Hour, 10 * time.Minute

func (p publication) stillSilent(now time.Time, r *registry.Release) bool {
	hold := silentYoung
	if r != nil && !r.Published.IsZero() && now.Sub(r.Published) > settled {
		hold = silentOld
	}
	age := now.Sub(p.Silent)
	return age >= 0 && age < hold
}

// content names a version and what it consists of: a name that was deleted and
// taken by somebody else has other content under the same version.
func content(project *registry.Project, version string) string {
	name := version
	if r := project.Release(version); r != nil {
		for _, a := range r.Artifacts {
			name += " " + a.Digest.Short()
		}
	}
	return name
}

// earlierVersions are the versions below the release's, the same major line
// first, nearest first within.
func earlierVersions(p *registry.Project, r *registry.Release) []string {
	eco, version := r.Package.Ecosystem, r.Package.Version
	var versions []string
	for _, other := range p.Releases {
		v := other.Package.Version
		if lockfile.Compare(eco, v, version) < 0 {
			versions = append(versions, v)
		}
	}
	slices.SortStableFunc(versions, func(a, b string) int {
		sameA, sameB := lockfile.SameLine(eco, a, version), lockfile.SameLine(eco, b, version)
		if sameA != sameB {
			if sameA {
				return -1
			}
			return 1
		}
		return lockfile.Compare(eco, b, a)
	})
	return versions
}

// sortPublications splits off the release's own and puts the others in the order
// of earlier. Where the same major line has publications, other lines are left
// out by the caller's order alone: nearest first is what comparison needs.
func sortPublications(all []registry.Publication, version string, earlier []string) (now registry.Publication, before []registry.Publication) {
	rank := make(map[string]int, len(earlier))
	for i, v := range earlier {
		rank[v] = i
	}
	for _, p := range all {
		if p.Version == version {
			now = p
		} else if _, ok := rank[p.Version]; ok {
			before = append(before, p)
		}
	}
	slices.SortFunc(before, func(a, b registry.Publication) int { return rank[a.Version] - rank[b.Version] })
	return now, before
}

func personText(p lockkeeper.Principal) string {
	if p.Login != "" {
		return p.String() + " (" + p.Login + ")"
	}
	return p.String()
}

// publishersText names up to three distinct publishers, nearest first.
func publishersText(before []registry.Publication) string {
	var names []string
	for _, p := range before {
		if name := personText(p.Publisher); p.Publisher.Known() && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > 3 {
		names = append(names[:3], fmt.Sprintf("%d others", len(names)-3))
	}
	return strings.Join(names, ", ")
}

// publisherEvidence says what is known of each, and how: crates.io states trusted
// publishing, attestations of PyPI were verified.
func publisherEvidence(eco lockkeeper.Ecosystem, now registry.Publication, before []registry.Publication) []string {
	attested := ", attested"
	if eco == lockkeeper.Cargo {
		attested = ", trusted publishing as crates.io states it"
	}
	line := func(p registry.Publication) string {
		text := p.Version + " by " + personText(p.Publisher)
		if p.Attested {
			text += attested
		}
		if p.Unverified != "" {
			text += ", provenance not verified"
		}
		if !p.Published.IsZero() {
			text += ", " + p.Published.UTC().Format("2006-01-02 15:04")
		}
		return text
	}
	evidence := []string{line(now)}
	for _, p := range before[:min(len(before), 5)] {
		evidence = append(evidence, line(p))
	}
	return evidence
}
