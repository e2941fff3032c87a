package scan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
)

// Owners remembers who owned packages when, since registries do not tell.
type Owners interface {
	// Owners gives what is known of the package with that id, "cargo/ring".
	Owners(ctx context.Context, id string) (registry.Owners, error)
	// PutOwners records a look and gives what is known after it.
	PutOwners(ctx context.Context, id string, owners []lockkeeper.Principal, at time.Time) (registry.Owners, error)
	// WatchOwners notes that packages are in use, so that they are looked at from
	// time to time.
	WatchOwners(ctx context.Context, ids []string, at time.Time) error
}

// freshOwners is how long a look at owners is good for a scan, if the release is no
// newer than the look. Each costs one of the requests that crates.io allows once a
// second; while the server runs, daily looks keep this one from being made.
const freshOwners = 26 * time.Hour

// staleOwners reports whether owners must be looked at again for a release: whoever
// published it may have become one since the last look.
func (j *judgement) staleOwners(known registry.Owners, release *registry.Release) bool {
	return j.now.Sub(known.Last) > freshOwners || release.Published.After(known.Last)
}

// LookAtOwners asks the registry who owns a package now and records it. A registry
// that does not tell, or has no such package, is no error.
func LookAtOwners(ctx context.Context, client registry.Client, owners Owners, p lockkeeper.Package, at time.Time) (registry.Owners, error) {
	present, err := client.Owners(ctx, p.Name)
	if errors.Is(err, registry.ErrNotFound) {
		return registry.Owners{}, nil
	}
	if err != nil {
		return registry.Owners{}, err
	}
	return owners.PutOwners(ctx, p.ID(), present, at)
}

// judgeOwners finds owners who came since Lockkeeper first looked at the package,
// and packages that were deleted and made again under the same name.
func (j *judgement) judgeOwners(ctx context.Context, client registry.Client, project *registry.Project, release *registry.Release) {
	// What is remembered of owners, and looked at in the background, goes by name
	// alone: names of one's own registries do not belong there.
	if j.scanner.Owners == nil || j.change.Kind == lockfile.Altered || !j.home.public {
		return
	}
	id := j.change.New.Package.ID()
	known, err := j.scanner.Owners.Owners(ctx, id)
	if err == nil && j.staleOwners(known, release) {
		seen := known.First
		known, err = LookAtOwners(ctx, client, j.scanner.Owners, j.change.New.Package, j.now)
		if seen.IsZero() && err == nil {
			return // nothing to compare with; from now on there is
		}
		if err == nil && known.Last.IsZero() {
			err = fmt.Errorf("the registry tells nothing of its owners, as it did until %s", dateText(seen))
		}
	}
	if err != nil {
		j.trouble("could not be asked for its owners", "owners", err)
		return
	}
	if born := project.Born(); !known.First.IsZero() && born.After(known.First) && !j.madeAgain {
		j.remade("made again "+born.UTC().Format(time.RFC3339), "its oldest release is of "+dateText(born)+", but it was in use on "+dateText(known.First))
	}
	j.newOwners(known, release.Published)
}

// remade says that the name has become another package's.
func (j *judgement) remade(subject string, evidence ...string) {
	j.madeAgain = true
	j.add(policy.Finding{
		Rule: policy.OwnersChanged, Grave: true, Subject: subject, Evidence: evidence,
		Message: "was deleted and made again: what was known of its owners and publishers is about another package of this name",
	})
}

// judgeReplaced holds the version locked before against the registry. crates.io
// changes no release and takes none away but with the whole crate, whose name is free
// again a day later, or because it is harmful. It needs no memory of our own.
func (j *judgement) judgeReplaced(project *registry.Project) {
	old := j.old()
	if old == nil || project.Ecosystem != lockkeeper.Cargo || j.change.Kind == lockfile.Altered || len(old.Files) != 1 || old.Files[0].Digest == "" {
		return
	}
	switch r := project.Release(old.Package.Version); {
	case r == nil && !j.home.public: // others clear away what is old
	case r == nil:
		j.madeAgain = true
		j.add(policy.Finding{
			Rule: policy.ReleaseMissing, Subject: "replaces " + old.Package.Version,
			Message:  fmt.Sprintf("takes the place of %s, which is not in the registry any more", old.Package.Version),
			Evidence: []string{"either that version was taken down for what it did, or the crate was deleted and made again, and is another one of this name"},
		})
	case len(r.Artifacts) == 1 && r.Artifacts[0].Digest != old.Files[0].Digest:
		j.remade("made again "+string(r.Artifacts[0].Digest), fmt.Sprintf("the registry's %s has the checksum %s, and the one that was locked %s",
			old.Package.Version, r.Artifacts[0].Digest.Short(), old.Files[0].Digest.Short()))
	}
}

// seenLate is how long somebody may be an owner before a look sees it: looks are
// daily while the server runs.
const seenLate = 7 * day

// newOwners reports each owner who came lately, and losses alone as one. published is
// when the release was; zero if that is not known.
func (j *judgement) newOwners(known registry.Owners, published time.Time) {
	lately := j.now.Add(-time.Duration(j.policy.Days(policy.OwnersChanged)) * day)
	var came, went []registry.Term
	for _, t := range known.Terms {
		// Who comes back, or was there at the first look, is not new.
		others := slices.ContainsFunc(known.Terms, func(o registry.Term) bool { return o != t && o.Owner.Is(t.Owner) })
		switch {
		case others:
		case t.Gone.After(lately):
			went = append(went, t)
		case t.Gone.IsZero() && t.Since.After(lately) && !t.Since.Equal(known.First):
			came = append(came, t)
		}
	}
	var evidence []string
	for _, t := range went {
		evidence = append(evidence, fmt.Sprintf("no owner any more: %s, last seen before %s", personText(t.Owner), dateText(t.Gone)))
	}
	for _, t := range came {
		f := policy.Finding{
			Rule: policy.OwnersChanged, Publisher: t.Owner,
			Message:  fmt.Sprintf("has a new owner, %s", personText(t.Owner)),
			Evidence: append([]string{fmt.Sprintf("an owner since %s", dateText(t.Since))}, evidence...),
		}
		switch {
		case t.Owner.Is(j.publisher):
			f.Grave = true
			f.Message += ", who published this release"
		case !j.publisher.Known() && (published.IsZero() || published.After(known.First) && published.After(t.Since.Add(-seenLate))):
			// PyPI does not tell who uploaded it, so that nothing speaks against them.
			f.Grave = true
			f.Message += ", who may have published this release: it came since, and the registry does not tell by whom"
		}
		// Who published it as nobody before them did is asked about already.
		if i := slices.IndexFunc(j.findings, func(o policy.Finding) bool { return o.Rule == policy.PublisherChanged && o.Publisher.Is(t.Owner) }); i >= 0 {
			j.findings[i].Evidence = append(slices.Clip(j.findings[i].Evidence), f.Evidence...)
			continue
		}
		j.add(f)
	}
	if len(came) == 0 && len(went) > 0 {
		names := make([]string, len(went))
		for i, t := range went {
			names[i] = personText(t.Owner)
		}
		j.add(policy.Finding{
			Rule: policy.OwnersChanged, Subject: "gone " + strings.Join(names, " "), Evidence: evidence,
			Message: "lost an owner: " + strings.Join(names, ", "),
		})
	}
}

func dateText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// watchOwners notes which packages of the registries are in use.
func (s *Scanner) watchOwners(ctx context.Context, pairs []pair) error {
	if s.Owners == nil {
		return nil
	}
	var ids []string
	for _, p := range pairs {
		if p.new == nil {
			continue
		}
		for _, e := range p.new.Entries {
			if e.Source.Public() && s.Registries[e.Package.Ecosystem] != nil {
				ids = append(ids, e.Package.ID())
			}
		}
	}
	slices.Sort(ids)
	return s.Owners.WatchOwners(ctx, slices.Compact(ids), s.now())
}
