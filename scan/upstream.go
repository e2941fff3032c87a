package scan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/policy"
)

// Bounds of what is said and remembered of one comparison.
const (
	// maxUpstreamPaths bounds the paths of one kind that a finding lists.
	maxUpstreamPaths = 12
	// upstreamFacts is part of the keys of remembered comparisons.
	upstreamFacts = "upstream/1/"
)

// upstream is what came of comparing build-time code with its repository.
type upstream struct {
	// At is what was compared with, for people: "o/r at tag v1 (1f3c2ab...)".
	At string
	// Only are files that the repository does not have, Differ those it has otherwise,
	// Unread those of which nothing is known, each with why. Facts are what the
	// archive's manifests say and the repository's do not.
	Only, Differ, Unread, Facts []string
	// Diff from the repository's files to the archive's, of Only and Differ.
	Diff              string
	Inserted, Deleted int
	// Missing says what the repository lacks, so that nothing could be compared.
	Missing string
	// Stray: the commit is neither on the default branch nor that of the release's
	// tag.
	Stray bool
}

// settled reports whether asking again would give the same.
func (u *upstream) settled() bool { return u.Missing == "" && !u.Stray }

// hourly is the key of a fact that holds for this hour: tags and branches are
// pushed later than packages are published.
func (j *judgement) hourly(key string) string { return key + "/" + j.now.UTC().Format("2006-01-02T15") }

// origin is where a release says that it comes from; never nil.
func (s *surfaces) origin() *buildcode.Origin {
	switch {
	case s != nil && s.build.Origin != nil:
		return s.build.Origin
	case s != nil && s.hooks.Origin != nil:
		return s.hooks.Origin
	}
	return &buildcode.Origin{}
}

// newCode is the build-time code that was not there before in this form; nil if
// there is none.
func newCode(now, old *surfaces) *buildcode.Surface {
	switch {
	case now.build.Runs() && (old == nil || old.build.Digest != now.build.Digest):
		return &now.build
	case now.hooks.Runs() && (old == nil || old.hooks.Digest != now.hooks.Digest):
		return &now.hooks
	}
	return nil
}

// judgeUpstream compares what an archive holds with the commit or tag that it was
// made from, where its build-time code is new; and always what the archive says
// of that with what the one before said.
func (j *judgement) judgeUpstream(ctx context.Context, now, old *surfaces) {
	f := policy.Finding{Rule: policy.UpstreamMismatch, Package: j.change.New.Package, Lockfile: j.pair.path}
	if j.off(f) {
		return
	}
	said := j.lostOrigin(now.origin(), old)
	code := newCode(now, old)
	if code != nil {
		said = append(said, j.movedOrigin(now.origin(), old)...)
		f.Grave, f.Code = code.Grave(), codeOf(code, code)
		said = append(j.compareUpstream(ctx, code, now.origin(), old, &f), said...)
	}
	if len(said) == 0 {
		return
	}
	f.Message = said[0]
	f.Evidence = append(f.Evidence, said[1:]...)
	f.Subject = strings.Join(said, "\n")
	j.add(f)
}

// lostOrigin says in which ways an archive tells less of the commit that it comes
// from than the one before.
func (j *judgement) lostOrigin(now *buildcode.Origin, old *surfaces) []string {
	if old == nil {
		return nil
	}
	before, version := old.origin(), j.change.Old.Package.Version
	switch {
	case before.Commit != "" && now.Commit == "":
		return []string{fmt.Sprintf("no longer says from which commit it was made, as %s did", version)}
	case before.Commit != "" && !before.Dirty && now.Dirty:
		return []string{fmt.Sprintf("was made from a working copy with changes that are in no commit, unlike %s", version)}
	}
	return nil
}

// movedOrigin says that an archive names another repository than the one before,
// with which its code is then compared. Of the crates that people use every twelfth
// has moved at some time, so that it is said of new build-time code alone.
func (j *judgement) movedOrigin(now *buildcode.Origin, old *surfaces) []string {
	if old == nil {
		return nil
	}
	before, version := old.origin(), j.change.Old.Package.Version
	was, is := repositoriesOf(before), repositoriesOf(now)
	switch {
	case len(was) == 0 || slices.ContainsFunc(is, func(r Repository) bool { return slices.ContainsFunc(was, r.same) }):
		return nil
	case len(is) > 0:
		return []string{fmt.Sprintf("names another repository than %s did: %s, before %s", version, is[0], was[0])}
	}
	if _, comparable := j.served(before); before.Commit != "" || comparable {
		return []string{fmt.Sprintf("names no repository any more, unlike %s: %s", version, was[0])}
	}
	return nil
}

// repositoriesOf are those among an archive's addresses, in their order.
func repositoriesOf(o *buildcode.Origin) []Repository {
	var all []Repository
	for _, address := range o.Addresses {
		if r, ok := ParseRepository(address, true); ok && !slices.ContainsFunc(all, r.same) {
			all = append(all, r)
		}
	}
	return all
}

// served is the first of the named repositories that may be asked.
func (j *judgement) served(o *buildcode.Origin) (Repository, bool) {
	for _, r := range repositoriesOf(o) {
		if j.visits.serves(r) {
			return r, true
		}
	}
	return Repository{}, false
}

// compareUpstream says what is wrong with code by its repository, and adds
// evidence and diff to f.
func (j *judgement) compareUpstream(ctx context.Context, code *buildcode.Surface, origin *buildcode.Origin, old *surfaces, f *policy.Finding) []string {
	if j.visits == nil {
		j.notCompared = len(repositoriesOf(origin)) > 0
		return nil
	}
	repository, ok := j.served(origin)
	if !ok {
		return nil
	}
	found, err := j.upstream(ctx, code, origin, repository, j.change.New.Package)
	if err != nil {
		j.retry = j.retry || passing(err)
		j.note("not compared with its repository: " + err.Error())
		return nil
	}
	if found.Missing != "" {
		return j.missingUpstream(ctx, found.Missing, old)
	}
	var said []string
	if found.Stray {
		said = append(said, fmt.Sprintf("was made from a commit that is neither on the default branch nor tagged with its version: %s", found.At))
	}
	if len(found.Only)+len(found.Differ)+len(found.Facts) > 0 {
		what := "has build-time code that its repository does not have"
		if len(found.Differ) > 0 {
			what = "has other build-time code than its repository"
		} else if len(found.Only) == 0 {
			what = "says otherwise than its repository what runs while it is built"
		}
		said = append([]string{what}, said...)
		f.Code.Diff, f.Code.Inserted, f.Code.Deleted = found.Diff, found.Inserted, found.Deleted
		f.Evidence = append(f.Evidence, "compared with "+found.At)
		f.Evidence = append(f.Evidence, listed("only in the archive: ", found.Only)...)
		f.Evidence = append(f.Evidence, listed("differs: ", found.Differ)...)
		f.Evidence = append(f.Evidence, listed("only in the archive's manifest: ", found.Facts)...)
	}
	if origin.Dirty && len(said) > 0 {
		f.Evidence = append(f.Evidence, "it says that it was made from a working copy with changes that are in no commit")
	}
	if len(found.Unread) > 0 {
		f.Evidence = append(f.Evidence, listed("not compared: ", found.Unread)...)
		j.note(fmt.Sprintf("%d of its files not compared with its repository", len(found.Unread)))
	}
	return said
}

// listed is a line of evidence for each path, up to a bound.
func listed(what string, paths []string) []string {
	var lines []string
	for i, p := range paths {
		if i == maxUpstreamPaths {
			return append(lines, fmt.Sprintf("%sand %d more", what, len(paths)-i))
		}
		lines = append(lines, what+p)
	}
	return lines
}

// missingUpstream says that there is nothing to compare with, if there was for
// the version before. Else it is a note: many packages are released without a tag
// or from a commit that was rewritten before it was pushed.
func (j *judgement) missingUpstream(ctx context.Context, missing string, old *surfaces) []string {
	j.note("not compared with its repository: " + missing)
	if old == nil {
		return nil
	}
	before := old.origin()
	repository, ok := j.served(before)
	if !ok {
		return nil
	}
	commit, tag, err := j.revision(ctx, before, repository, j.change.Old.Package)
	if err == nil && tag == "" {
		_, err = j.visits.commit(ctx, repository, commit, before.Path)
	}
	switch {
	case errors.Is(err, ErrNotThere):
		return nil
	case err != nil:
		j.retry = j.retry || passing(err)
		return nil
	}
	return []string{fmt.Sprintf("%s; it had for %s", missing, j.change.Old.Package.Version)}
}

// revision is the commit to compare with: the one that the archive names, else
// the one of the release's tag.
func (j *judgement) revision(ctx context.Context, o *buildcode.Origin, r Repository, pkg lockkeeper.Package) (commit, tag string, err error) {
	if o.Commit != "" {
		return o.Commit, "", nil
	}
	return j.tagged(ctx, r, pkg)
}

// taggedFact remembers a tag, so that a second scan asks for none; without a Tag
// that there is none.
type taggedFact struct{ Commit, Tag string }

// tagged finds the release's tag, by the spellings that are common.
func (j *judgement) tagged(ctx context.Context, r Repository, pkg lockkeeper.Package) (commit, tag string, err error) {
	key := upstreamFacts + "tag/" + r.String() + "/" + pkg.String()
	for _, k := range []string{key, j.hourly(key)} {
		if fact, ok := remembered[taggedFact](ctx, j.scanner, k); ok && fact.Tag != "" {
			return fact.Commit, fact.Tag, nil
		} else if ok {
			return "", "", noTag(r, pkg)
		}
	}
	for _, name := range tagNames(pkg) {
		commit, err = j.visits.tag(ctx, r, name)
		if errors.Is(err, ErrNotThere) {
			continue
		}
		if err != nil {
			return "", "", err
		}
		return commit, name, j.scanner.remember(ctx, key, taggedFact{commit, name})
	}
	if err := j.scanner.remember(ctx, j.hourly(key), taggedFact{}); err != nil {
		return "", "", err
	}
	return "", "", noTag(r, pkg)
}

func noTag(r Repository, pkg lockkeeper.Package) error {
	return fmt.Errorf("%w: no tag of version %s in %s", ErrNotThere, pkg.Version, r)
}

// tagNames are how repositories call the tag of a release.
func tagNames(pkg lockkeeper.Package) []string {
	v, name := pkg.Version, pkg.Name
	names := []string{"v" + v, v, name + "-" + v, name + "-v" + v, name + "/v" + v, name + "@" + v, name + "==" + v, "release-" + v}
	if underscored := strings.ReplaceAll(name, "-", "_"); underscored != name {
		names = append(names, underscored+"-"+v, underscored+"-v"+v)
	}
	return names
}

// upstream compares, or remembers: for good what was compared to its end.
func (j *judgement) upstream(ctx context.Context, code *buildcode.Surface, o *buildcode.Origin, r Repository, pkg lockkeeper.Package) (*upstream, error) {
	key := upstreamFacts + strings.Join([]string{string(code.Digest), r.String(), pkg.String(), o.Commit, fmt.Sprint(o.HasPath), o.Path}, "/")
	for _, k := range []string{key, j.hourly(key)} {
		if fact, ok := remembered[upstream](ctx, j.scanner, k); ok {
			return &fact, nil
		}
	}
	found, err := j.compare(ctx, code, o, r, pkg)
	if err != nil {
		return nil, err
	}
	if !found.settled() {
		key = j.hourly(key)
	}
	return found, j.scanner.remember(ctx, key, found)
}

func (j *judgement) compare(ctx context.Context, code *buildcode.Surface, o *buildcode.Origin, r Repository, pkg lockkeeper.Package) (*upstream, error) {
	commit, tag, err := j.revision(ctx, o, r, pkg)
	if errors.Is(err, ErrNotThere) {
		return &upstream{Missing: fmt.Sprintf("has no tag of this version in %s", r)}, nil
	}
	if err != nil {
		return nil, err
	}
	tree, err := j.visits.commit(ctx, r, commit, o.Path)
	if errors.Is(err, ErrNotThere) {
		return &upstream{Missing: fmt.Sprintf("has no commit %s in a public repository %s, from which it says that it was made", commit, r)}, nil
	}
	if err != nil {
		return nil, err
	}
	found := &upstream{At: fmt.Sprintf("%s at commit %s", r, commit)}
	if tag != "" {
		found.At = fmt.Sprintf("%s at tag %s (%.12s)", r, tag, commit)
	}
	c := &comparison{ctx: ctx, tree: tree, code: code, pkg: pkg, found: found, left: maxUpstreamReads, before: *code, ids: map[blobKey][2]string{}}
	if err := c.run(o); err != nil {
		return nil, err
	}
	if tag == "" {
		found.Stray, err = j.stray(ctx, r, commit, pkg)
	}
	return found, err
}

// stray reports whether a commit is neither on the default branch nor tagged with
// the version.
func (j *judgement) stray(ctx context.Context, r Repository, commit string, pkg lockkeeper.Package) (bool, error) {
	on, err := j.visits.contains(ctx, r, "", commit)
	if on || err != nil && !errors.Is(err, ErrNotThere) {
		return false, err
	}
	tagged, _, err := j.tagged(ctx, r, pkg)
	if err != nil && !errors.Is(err, ErrNotThere) {
		return false, err
	}
	return tagged != commit, nil
}
