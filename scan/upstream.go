package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
)

// Bounds of one comparison of an archive with a repository.
const (
	// maxUpstreamReads bounds the files read of the repository. Those that are equal
	// need no reading.
	maxUpstreamReads = 40
	// maxUpstreamFile bounds one that has no text to be shown, in bytes.
	maxUpstreamFile = 8 << 20
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
	Missing string `json:"-"`
	// Stray: the commit is neither on the default branch nor that of the release's
	// tag.
	Stray bool `json:"-"`
}

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

// lostOrigin says in which ways an archive tells less of where it comes from than
// the one before, or something else.
func (j *judgement) lostOrigin(now *buildcode.Origin, old *surfaces) []string {
	if old == nil {
		return nil
	}
	before, version := old.origin(), j.change.Old.Package.Version
	var said []string
	switch {
	case before.Commit != "" && now.Commit == "":
		said = append(said, fmt.Sprintf("no longer says from which commit it was made, as %s did", version))
	case before.Commit != "" && !before.Dirty && now.Dirty:
		said = append(said, fmt.Sprintf("was made from a working copy with changes that are in no commit, unlike %s", version))
	}
	was, is := repositoriesOf(before), repositoriesOf(now)
	switch {
	case len(was) == 0 || slices.ContainsFunc(is, func(r Repository) bool { return slices.ContainsFunc(was, r.same) }):
	case len(is) > 0:
		said = append(said, fmt.Sprintf("names another repository than %s did: %s, before %s", version, is[0], was[0]))
	case before.Commit != "" || j.comparable(before):
		said = append(said, fmt.Sprintf("names no repository any more, unlike %s: %s", version, was[0]))
	}
	return said
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

func (j *judgement) comparable(o *buildcode.Origin) bool {
	_, ok := j.served(o)
	return ok
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

// taggedFact remembers a tag, so that a second scan asks for none.
type taggedFact struct{ Commit, Tag string }

// tagged finds the release's tag, by the spellings that are common.
func (j *judgement) tagged(ctx context.Context, r Repository, pkg lockkeeper.Package) (commit, tag string, err error) {
	key := upstreamFacts + "tag/" + r.String() + "/" + pkg.String()
	if fact, ok := remembered[taggedFact](ctx, j.scanner, key); ok {
		return fact.Commit, fact.Tag, nil
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
	return "", "", fmt.Errorf("%w: no tag of version %s in %s", ErrNotThere, pkg.Version, r)
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

// upstream compares, or remembers. Only what was compared to its end is
// remembered: tags and branches are pushed later than packages are published.
func (j *judgement) upstream(ctx context.Context, code *buildcode.Surface, o *buildcode.Origin, r Repository, pkg lockkeeper.Package) (*upstream, error) {
	commit, tag, err := j.revision(ctx, o, r, pkg)
	if errors.Is(err, ErrNotThere) {
		return &upstream{Missing: fmt.Sprintf("has no tag of this version in %s", r)}, nil
	}
	if err != nil {
		return nil, err
	}
	key := upstreamFacts + strings.Join([]string{string(code.Digest), r.String(), commit, fmt.Sprint(o.HasPath), o.Path}, "/")
	if fact, ok := remembered[upstream](ctx, j.scanner, key); ok {
		return &fact, nil
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
	c := &comparison{ctx: ctx, tree: tree, code: code, pkg: pkg, found: found, left: maxUpstreamReads, before: *code}
	if err := c.run(o); err != nil {
		return nil, err
	}
	if tag == "" {
		if found.Stray, err = j.stray(ctx, r, commit, pkg); err != nil {
			return nil, err
		}
	}
	if found.Stray {
		return found, nil
	}
	return found, j.scanner.remember(ctx, key, found)
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

// comparison of one surface with one tree.
type comparison struct {
	ctx    context.Context
	tree   *visitedTree
	code   *buildcode.Surface
	pkg    lockkeeper.Package
	found  *upstream
	left   int               // files that may still be read
	before buildcode.Surface // code as the repository has it, for the diff
}

func (c *comparison) run(o *buildcode.Origin) error {
	dir := o.Path
	if !o.HasPath {
		dir = c.directory()
	}
	c.before.Files = nil
	if err := c.facts(dir); err != nil {
		return err
	}
	for _, f := range c.code.Files {
		if c.generated(f.Path) {
			c.before.Files = append(c.before.Files, f)
			continue
		}
		if err := c.file(dir, f); err != nil {
			return err
		}
	}
	c.found.Diff, c.found.Inserted, c.found.Deleted = buildcode.Diff(&c.before, c.code, maxDiff)
	return nil
}

// maxManifestReads bounds the manifests read for one comparison.
const maxManifestReads = 8

// facts compares what manifests say, by analysing the repository's directory as far
// as its files are at hand: those that are equal to the archive's, and manifests.
// What else there is, is compared file by file.
func (c *comparison) facts(dir string) error {
	kind := registry.Sdist
	switch {
	case c.code.Has(buildcode.StartupHook):
		return nil // a wheel has no manifests
	case c.pkg.Ecosystem == lockkeeper.Cargo:
		kind = registry.Crate
	}
	texts := map[string]string{}
	for _, f := range c.code.Files {
		for _, digits := range []int{40, 64} {
			texts[lockkeeper.BlobID([]byte(f.Text), digits)] = f.Text
		}
	}
	left := maxManifestReads
	var failed error
	opened, _, err := c.tree.open(c.ctx, kind, c.pkg.Name, dir, func(f lockkeeper.TreeFile) ([]byte, error) {
		if text, ok := texts[f.Blob]; ok {
			return []byte(text), nil
		}
		if !slices.Contains(manifestNames, path.Base(f.Path)) || left == 0 {
			return nil, fmt.Errorf("%w: not needed", ErrUnreadable)
		}
		left--
		data, err := c.tree.read(c.ctx, f, maxManifest)
		if err != nil && passing(err) && failed == nil {
			failed = err
		}
		return data, err
	})
	if err != nil {
		return nil // not a tree that could be one; its files are compared all the same
	}
	theirs, err := analyseSource(c.ctx, opened)
	if failed != nil {
		return failed
	}
	if err != nil {
		return nil // no manifest that could be read, and so none of the files either
	}
	for _, fact := range c.code.Facts {
		if !slices.Contains(theirs.Facts, fact) {
			c.found.Facts = append(c.found.Facts, fact)
		}
	}
	c.before.Facts = theirs.Facts
	return nil
}

// manifestNames are the files that say what runs and are not themselves run.
var manifestNames = []string{"Cargo.toml", "pyproject.toml", "setup.cfg"}

// directory is where in the repository the package lies: of the directories with
// a manifest the one that has most of the files, unchanged ones counting double.
func (c *comparison) directory() string {
	manifests := []string{"pyproject.toml", "setup.py", "setup.cfg"}
	if c.pkg.Ecosystem == lockkeeper.Cargo {
		manifests = []string{"Cargo.toml"}
	}
	best, most := "", -1
	for _, p := range c.tree.paths() {
		dir := path.Dir(p)
		if dir == "." {
			dir = ""
		}
		if !slices.Contains(manifests, path.Base(p)) || dir == best && most >= 0 {
			continue
		}
		score := 0
		for _, f := range c.code.Files {
			if there, ok := c.tree.files[path.Join(dir, f.Path)]; ok {
				score++
				if sameContent(f, there) {
					score++
				}
			}
		}
		if score > most || score == most && len(dir) < len(best) {
			best, most = dir, score
		}
	}
	return best
}

// generated reports whether a file is made while the archive is, from what cargo
// and setuptools know, and says nothing that the surface's facts do not say.
func (c *comparison) generated(p string) bool {
	if c.pkg.Ecosystem == lockkeeper.Cargo {
		return p == ".cargo_vcs_info.json" || p == "Cargo.lock" || p == "Cargo.toml"
	}
	return p == "PKG-INFO" || strings.HasSuffix(path.Dir(p), ".egg-info")
}

// upstreamPath is where the repository has what an archive has at p: cargo keeps
// the manifest that it rewrites under another name.
func (c *comparison) upstreamPath(p string) string {
	if c.pkg.Ecosystem == lockkeeper.Cargo && p == "Cargo.toml.orig" {
		return "Cargo.toml"
	}
	return p
}

func (c *comparison) file(dir string, f buildcode.File) error {
	if c.code.Has(buildcode.StartupHook) && c.anywhere(f) {
		c.before.Files = append(c.before.Files, f)
		return nil
	}
	there, why, err := c.tree.follow(c.ctx, path.Join(dir, c.upstreamPath(f.Path)))
	switch {
	case err != nil && passing(err):
		return err
	case err != nil:
		c.unread(f, err.Error())
	case why != "":
		c.unread(f, why)
	case there.Path == "":
		if c.copied(dir, f) || c.harmless(f, nil) {
			c.before.Files = append(c.before.Files, f)
			return nil
		}
		c.found.Only = append(c.found.Only, f.Path)
	case sameContent(f, there):
		c.before.Files = append(c.before.Files, f)
	default:
		return c.differs(f, there)
	}
	return nil
}

// anywhere reports whether the repository has a file of that content: a wheel says
// nothing of where in it a file comes from.
func (c *comparison) anywhere(f buildcode.File) bool {
	for _, there := range c.tree.files {
		if sameContent(f, there) {
			return true
		}
	}
	return false
}

func (c *comparison) unread(f buildcode.File, why string) {
	c.before.Files = append(c.before.Files, f)
	c.found.Unread = append(c.found.Unread, f.Path+" "+why)
}

// sameContent compares by git's id of the content, line ends aside: git writes
// them as the host likes. Content that is not at hand compares as different.
func sameContent(f buildcode.File, there lockkeeper.TreeFile) bool {
	if f.Text == "" && f.Digest != lockkeeper.Sum(nil) {
		return false
	}
	return lockkeeper.BlobID([]byte(f.Text), len(there.Blob)) == there.Blob ||
		strings.Contains(f.Text, "\r\n") && lockkeeper.BlobID([]byte(unixLines(f.Text)), len(there.Blob)) == there.Blob
}

func unixLines(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

// copied reports whether a file that is not where it should be lies unchanged, by
// its name, in a directory above: cargo packs readme and licence from there.
func (c *comparison) copied(dir string, f buildcode.File) bool {
	for dir != "" {
		if dir = path.Dir(dir); dir == "." {
			dir = ""
		}
		if there, ok := c.tree.files[path.Join(dir, path.Base(f.Path))]; ok && sameContent(f, there) {
			return true
		}
	}
	return false
}

// differs reads the repository's version of a file whose content has another id.
func (c *comparison) differs(f buildcode.File, there lockkeeper.TreeFile) error {
	if c.left == 0 {
		if f.Text == "" {
			c.unread(f, "is one of too many")
		} else {
			c.found.Differ = append(c.found.Differ, f.Path)
		}
		return nil
	}
	c.left--
	data, err := c.tree.read(c.ctx, there, maxUpstreamFile)
	switch {
	case err != nil && passing(err):
		return err
	case err != nil:
		c.unread(f, err.Error())
		return nil
	}
	theirs := buildcode.NewFile(f.Path, data)
	if theirs.Digest == f.Digest || f.Text != "" && (unixLines(f.Text) == unixLines(string(data)) || c.harmless(f, data)) {
		c.before.Files = append(c.before.Files, f)
		return nil
	}
	c.before.Files = append(c.before.Files, theirs)
	c.found.Differ = append(c.found.Differ, f.Path)
	return nil
}

// harmless reports whether a file differs from the repository's, nil if there is
// none, only as setuptools and its plug-ins make it: setup.cfg with a section of
// their own, and modules that hold nothing but values, as those with a version.
func (c *comparison) harmless(f buildcode.File, theirs []byte) bool {
	if c.pkg.Ecosystem != lockkeeper.PyPI || f.Text == "" {
		return false
	}
	if f.Path == "setup.cfg" {
		return bytes.Equal(withoutEggInfo([]byte(f.Text)), withoutEggInfo(theirs))
	}
	return path.Ext(f.Path) == ".py" && onlyValues(f.Text)
}
