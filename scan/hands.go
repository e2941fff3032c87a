package scan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
)

// hands is through whose hands a package went: who published a release, and who
// published those below it.
type hands struct {
	now    registry.Publication
	before []registry.Publication // nearest first, at least one
	locked *registry.Publication  // the one of before that the lockfile had; may be nil
	// settled are those of before that count as history: no newer than the locked one,
	// or out for so long that others have had time to look. Whoever takes a package
	// over can publish a harmless release first, and is no regular by that.
	settled []registry.Publication
	// line reports whether a version is of the same major line as now.
	line func(version string) bool
	// named are the repositories that the version locked before names, and that of
	// now where that names none; sure tells the first from the second.
	named func() (repositories []Repository, sure bool)
}

// compare says what changed, or nothing.
func (h hands) compare() (policy.Rule, string) {
	for _, was := range h.neighbours() {
		if message := h.lost(was); message != "" {
			return policy.PublisherDowngraded, message
		}
	}
	now, last := h.now, h.settled[0]
	switch {
	case now.Mixed && now.Attested && !last.Mixed:
		return policy.PublisherDowngraded, "has files of different publishers or environments"
	case now.Mixed && !now.Attested && !last.Mixed:
		return policy.PublisherDowngraded, fmt.Sprintf("has provenance on some of its files only, unlike %s", last.Version)
	}
	if message := h.otherEnvironment(); message != "" {
		return policy.PublisherDowngraded, message
	}
	known := slices.ContainsFunc(h.settled, func(p registry.Publication) bool { return p.Publisher.Known() })
	switch {
	case h.familiar():
		return "", ""
	case !now.Publisher.Known() && (!known || h.stillUnknown()):
		return "", "" // nobody to compare, or to compare with: said in the row, not asked
	case !now.Publisher.Known():
		return policy.PublisherChanged, fmt.Sprintf("was published by somebody unknown; before by %s", publishersText(h.settled))
	case now.Attested && last.Attested:
		return policy.PublisherDowngraded, h.moved(last)
	}
	return h.changed(known)
}

// neighbours are the releases whose provenance this one must not lose: the nearest,
// the nearest settled one and the one that is locked. Between these there may be
// several by whoever took the package over.
func (h hands) neighbours() []registry.Publication {
	all := []registry.Publication{h.before[0], h.settled[0]}
	if h.locked != nil {
		all = append(all, *h.locked)
	}
	return slices.CompactFunc(all, func(a, b registry.Publication) bool { return a.Version == b.Version })
}

// lost says what of was's provenance this release lacks, or nothing.
func (h hands) lost(was registry.Publication) string {
	switch {
	case was.Mixed && !was.Attested && !h.now.Attested && !h.now.Mixed:
		return fmt.Sprintf("has provenance on none of its files; %s had it on some", was.Version)
	case !was.Attested, h.now.Attested && (!h.now.Mixed || was.Mixed):
		return ""
	case h.now.Attested:
		return fmt.Sprintf("has files of different publishers or environments; those of %s had one (%s)", was.Version, was.Publisher)
	case h.now.Mixed:
		return fmt.Sprintf("has provenance on some of its files only; %s had it on all", was.Version)
	case !h.now.Publisher.Known():
		return fmt.Sprintf("was published by somebody unknown, without the provenance that %s had (%s)", was.Version, was.Publisher)
	}
	return fmt.Sprintf("was published by %s without the provenance that %s had (%s)", personText(h.now.Publisher), was.Version, was.Publisher)
}

// otherEnvironment says that the publisher no longer deploys to the environment that
// it did, which may have asked people for approval. To have one where there was none
// is stricter, and is not asked about.
func (h hands) otherEnvironment() string {
	i := slices.IndexFunc(h.settled, func(p registry.Publication) bool { return p.Attested && p.Publisher.Is(h.now.Publisher) })
	if i < 0 || !h.now.Attested || h.now.Mixed || h.settled[i].Mixed {
		return ""
	}
	was, is := h.settled[i].Environment, h.now.Environment
	switch {
	case was == is || was == "":
		return ""
	case is == "":
		return fmt.Sprintf("was published by %s outside of the environment %q that %s was published in", h.now.Publisher, was, h.settled[i].Version)
	case slices.ContainsFunc(h.settled, func(p registry.Publication) bool {
		return p.Publisher.Is(h.now.Publisher) && p.Environment == is
	}):
		return ""
	}
	return fmt.Sprintf("was published by %s in the environment %q; %s in %q", h.now.Publisher, is, h.settled[i].Version, was)
}

// familiar reports whether the publisher has published the package before: the
// settled release just below, one of the same major line, or another one within two years.
// Who did longer ago and in another line alone is somebody whom nobody expects back.
func (h hands) familiar() bool {
	for i, p := range h.settled {
		if !p.Publisher.Is(h.now.Publisher) {
			continue
		}
		recent := !p.Published.IsZero() && !h.now.Published.IsZero() && h.now.Published.Sub(p.Published) < silence
		if i == 0 || h.line(p.Version) || recent {
			return true
		}
	}
	return false
}

// stillUnknown: this release is by nobody known, and so were the one that is locked
// and the nearest. Earlier ones that were attested have been given up already.
func (h hands) stillUnknown() bool {
	unknown := func(p registry.Publication) bool {
		return !p.Publisher.Known() && !p.Mixed && p.Unverified == ""
	}
	return h.locked != nil && unknown(*h.locked) && unknown(h.before[0]) && unknown(h.now)
}

// moved says how one trusted publisher differs from another.
func (h hands) moved(last registry.Publication) string {
	now, was := repositoryOf(h.now.Publisher), repositoryOf(last.Publisher)
	what := "another trusted publisher"
	if now != "" && was != "" {
		what = "another repository"
		switch {
		case h.now.Publisher.Kind != last.Publisher.Kind:
		case h.now.Publisher.Kind == lockkeeper.GitLabPath:
			what = "another project or pipeline"
		case strings.EqualFold(now, was):
			what = "another workflow of its repository"
		}
	}
	return fmt.Sprintf("was published from %s, %s; before from %s", what, h.now.Publisher, last.Publisher)
}

// changed judges a publisher whom none of the compared releases had. For a package
// that goes over to trusted publishing it matters from which repository: its own is
// an upgrade. known: of some earlier release it is known who published it.
func (h hands) changed(known bool) (policy.Rule, string) {
	now := h.now.Publisher
	before := publishersText(h.settled)
	if repositoryOf(now) == "" {
		if !known {
			return "", ""
		}
		return policy.PublisherChanged, fmt.Sprintf("was published by %s; before by %s", personText(now), before)
	}
	named, sure := h.named()
	own := slices.ContainsFunc(named, func(r Repository) bool { return publishes(r, now) })
	switch {
	case own && known:
		text := "is now published by its own repository"
		if !sure {
			text = "is now published by the repository that this release names"
		}
		return policy.PublisherChanged, fmt.Sprintf("%s, %s; before by %s", text, now, before)
	case !own && sure && known:
		return policy.PublisherChanged, fmt.Sprintf("was published by %s, and not by the repository that it named before, %s; before by %s", now, named[0], before)
	case !own && sure:
		return policy.PublisherChanged, fmt.Sprintf("was published by %s, and not by the repository that it named before, %s", now, named[0])
	case known:
		return policy.PublisherChanged, fmt.Sprintf("was published by %s; before by %s", now, before)
	}
	return "", "" // the first provenance, of the repository that it names if it names any
}

// repositoryOf is "owner/repo" of a trusted publisher on GitHub and the path of one
// on GitLab, with its workflow file if it names one; empty for others.
func repositoryOf(p lockkeeper.Principal) string {
	switch p.Kind {
	case lockkeeper.GitHubRepo:
		repository, _ := CutWorkflow(p)
		return repository
	case lockkeeper.GitLabPath:
		return p.ID
	}
	return ""
}

// CutWorkflow splits a trusted publisher on GitHub into "owner/repo" and the file
// name of its workflow, which is empty where the registry names none. Of others all
// is in the first: on GitLab both are paths, and which part is which is not known.
func CutWorkflow(p lockkeeper.Principal) (repository, workflow string) {
	parts := strings.SplitN(p.ID, "/", 3)
	if p.Kind != lockkeeper.GitHubRepo || len(parts) < 3 {
		return p.ID, ""
	}
	return parts[0] + "/" + parts[1], parts[2]
}

// publishes reports whether a trusted publisher is a workflow of r.
func publishes(r Repository, p lockkeeper.Principal) bool {
	path := r.Owner + "/" + r.Name
	switch p.Kind {
	case lockkeeper.GitHubRepo:
		return strings.TrimPrefix(r.Host, "www.") == "github.com" && strings.EqualFold(path, repositoryOf(p))
	case lockkeeper.GitLabPath:
		return strings.EqualFold(r.Host, "gitlab.com") && strings.HasPrefix(strings.ToLower(p.ID)+"/", strings.ToLower(path)+"/")
	}
	return false
}

// named gives the repositories that the package names: those of the version locked
// before, which whoever publishes a new one cannot change any more, else those of
// the new one.
func (j *judgement) named() (repositories []Repository, sure bool) {
	if before := forged(repositoriesOf(j.wasSurfaces.origin())); len(before) > 0 {
		return before, true
	}
	return forged(repositoriesOf(j.surfaces.origin())), false
}

// forges are where trusted publishing is from, and others that have repositories at
// "/OWNER/NAME". Pages of documentation have such addresses elsewhere.
var forges = []string{"github.com", "gitlab.com", "codeberg.org", "bitbucket.org"}

// noOwners begin addresses on forges that lead to no repository.
var noOwners = []string{"sponsors", "orgs", "apps", "marketplace", "users"}

// forged are the repositories on well-known forges.
func forged(all []Repository) []Repository {
	return slices.DeleteFunc(slices.Clone(all), func(r Repository) bool {
		host := strings.TrimPrefix(r.Host, "www.")
		return !slices.Contains(forges, host) || slices.Contains(noOwners, strings.ToLower(r.Owner))
	})
}
