package scan

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"
	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/buildcode/python"
	"github.com/lockkeeper/lockkeeper/buildcode/rust"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
)

// Bounds on one package of a repository.
const (
	// maxManifests that are looked through for a package's name.
	maxManifests = 400
	// maxManifest bounds one of them, in bytes.
	maxManifest = 1 << 20
	// maxGitReads bounds the files of one package that analysis reads.
	maxGitReads = 400
	// maxGitFile bounds one of them, in bytes.
	maxGitFile = 16 << 20
	// manifestsTogether are read at once.
	manifestsTogether = 8
)

// gitPlace is where in which repository a git dependency lies.
type gitPlace struct {
	repository Repository
	commit     string
	dir        string // of a Python package; cargo looks for the name
}

// readable reports whether e comes from a full commit of a repository on a
// configured host.
func (j *judgement) readable(e *lockfile.Entry) bool {
	_, ok := j.placeOf(e)
	return ok
}

func (j *judgement) placeOf(e *lockfile.Entry) (gitPlace, bool) {
	if e == nil || e.Source.Kind != lockfile.Git || e.Package.Name == "" || !commitForm.MatchString(e.Source.Revision) {
		return gitPlace{}, false
	}
	r, ok := ParseRepository(e.Source.URL, false)
	if !ok || !j.visits.serves(r) {
		return gitPlace{}, false
	}
	place := gitPlace{repository: r, commit: e.Source.Revision}
	if e.Package.Ecosystem == lockkeeper.Cargo {
		return place, true
	}
	// A path within the repository is an archive, and lfs files are not in its tree.
	reference := " " + e.Source.Reference
	if strings.Contains(reference, " path=") || strings.Contains(reference, " lfs=") || strings.Count(reference, " subdirectory=") > 1 {
		return gitPlace{}, false
	}
	if _, dir, found := strings.Cut(reference, " subdirectory="); found {
		dir = strings.TrimSuffix(strings.TrimPrefix(dir, "./"), "/")
		if place.dir = path.Clean(dir); place.dir != dir || path.IsAbs(dir) || dir == ".." || strings.HasPrefix(dir, "../") {
			return gitPlace{}, false
		}
		if place.dir == "." {
			place.dir = ""
		}
	}
	return place, true
}

// judgeGit looks at a dependency on a commit of a repository as at a release:
// what runs while it is built, compared with the commit before.
func (j *judgement) judgeGit(ctx context.Context) {
	e := j.change.New
	place, _ := j.placeOf(e)
	now, err := j.gitSurfaces(ctx, e, place)
	if err != nil {
		subject := "source " + sourceText(e.Source)
		j.note("not analysed")
		if passing(err) {
			j.trouble("could not be read from its repository", subject, err)
		} else {
			j.unverified("could not be read from its repository", subject, err.Error())
		}
		return
	}
	var old *surfaces
	var oldErr error
	if before, ok := j.placeOf(j.change.Old); ok {
		if old, oldErr = j.gitSurfaces(ctx, j.change.Old, before); oldErr != nil {
			j.retry = j.retry || passing(oldErr)
		}
	}
	j.compareCode(now, old, oldErr)
	if j.standing {
		return
	}
	j.judgeCommit(ctx, place, newCode(now, old))
	j.judgeEdges(ctx)
}

// passing reports whether an error of Repositories may pass by itself.
func passing(err error) bool {
	return !errors.Is(err, ErrNotThere) && !errors.Is(err, ErrUnreadable)
}

// judgeCommit finds commits that are shown under the repository's name and are on
// none of its branches that are known: anybody's fork has such. code is the
// build-time code that is new; nil if none is.
func (j *judgement) judgeCommit(ctx context.Context, place gitPlace, code *buildcode.Surface) {
	f := policy.Finding{
		Rule: policy.UpstreamMismatch, Package: j.change.New.Package, Lockfile: j.pair.path,
		Message:  "is locked to a commit that is not on the default branch of its repository, nor where it was asked for",
		Evidence: []string{fmt.Sprintf("%s at %s: GitHub shows the commits of forks under the same name", place.repository, place.commit)},
	}
	reference := j.change.New.Source.Reference
	key := upstreamFacts + strings.Join([]string{"branch", place.repository.String(), place.commit, reference}, "/")
	if on, ok := remembered[bool](ctx, j.scanner, key); ok && on || j.off(f) {
		return
	}
	on, err := j.onBranch(ctx, place.repository, place.commit, reference)
	switch {
	case err != nil:
		j.retry = j.retry || passing(err)
		j.note("not looked for on the branches of its repository: " + err.Error())
	case on:
		// Forgetting it costs a question, and nothing else.
		_ = j.scanner.remember(ctx, key, on)
	default:
		if code != nil {
			f.Grave, f.Code = code.Grave(), codeOf(code, code)
		}
		j.add(f)
	}
}

// off reports whether the policy does not want to hear of a finding.
func (j *judgement) off(f policy.Finding) bool {
	level, _ := j.policy.LevelFor(f)
	return level == policy.OffLevel
}

// onBranch looks on the default branch, and at the branch or tag that a
// reference names: "branch=x", "tag=x", or either.
func (j *judgement) onBranch(ctx context.Context, r Repository, commit, reference string) (bool, error) {
	on, err := j.visits.contains(ctx, r, "", commit)
	if on || err != nil && !errors.Is(err, ErrNotThere) {
		return on, err
	}
	first, _, _ := strings.Cut(reference, " ")
	kind, name, named := strings.Cut(first, "=")
	if !named {
		kind, name = "", first
	}
	if name == "" || kind == "subdirectory" || commitForm.MatchString(name) {
		return false, nil
	}
	if kind != "tag" {
		if on, err = j.visits.contains(ctx, r, name, commit); on || err != nil && passing(err) {
			return on, err
		}
	}
	if kind != "branch" {
		tagged, err := j.visits.tag(ctx, r, name)
		if err != nil && passing(err) {
			return false, err
		}
		return tagged == commit, nil
	}
	return false, nil
}

// gitSurfaces is the build-time code of a package at a commit, remembered by the
// two.
func (j *judgement) gitSurfaces(ctx context.Context, e *lockfile.Entry, place gitPlace) (*surfaces, error) {
	out := &surfaces{source: e.Package.Ecosystem == lockkeeper.PyPI}
	key := analysis + "git/" + strings.Join([]string{e.Package.String(), place.repository.String(), place.commit, place.dir}, "/")
	var ok bool
	if out.build, ok = remembered[buildcode.Surface](ctx, j.scanner, key); ok {
		out.hooks = startUp(&out.build)
		return out, nil
	}
	var err error
	if out.build, err = j.analyseTree(ctx, e.Package, place); err != nil {
		return nil, err
	}
	out.hooks = startUp(&out.build)
	return out, j.scanner.remember(ctx, key, out.build)
}

func (j *judgement) analyseTree(ctx context.Context, pkg lockkeeper.Package, place gitPlace) (buildcode.Surface, error) {
	tree, err := j.visits.commit(ctx, place.repository, place.commit, place.dir)
	if err != nil {
		return buildcode.Surface{}, err
	}
	dir, kind := place.dir, registry.Sdist
	if pkg.Ecosystem == lockkeeper.Cargo {
		kind = registry.Crate
		if dir, err = tree.findCrate(pkg); err != nil {
			return buildcode.Surface{}, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, maxAnalysis)
	defer cancel()
	reader := &treeReader{ctx: ctx, tree: tree, left: maxGitReads}
	opened, modules, err := tree.open(ctx, kind, pkg.Name, dir, reader.read)
	if err != nil {
		return buildcode.Surface{}, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	surface, err := analyseSource(ctx, opened)
	if reader.err != nil {
		return buildcode.Surface{}, reader.err
	}
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if err != nil {
		return surface, err
	}
	for _, s := range []*buildcode.Surface{&surface, surface.Hooks} {
		if s != nil && s.Runs() {
			reader.complete(s, modules, place.commit)
		}
	}
	return surface, nil
}

// analyseSource analyses what a package is built from.
func analyseSource(ctx context.Context, a *archive.Archive) (buildcode.Surface, error) {
	if a.Kind == registry.Crate {
		return rust.Analyse(ctx, a)
	}
	return python.AnalyseSdist(ctx, a)
}

// treeReader reads the files of one package, at most so many.
type treeReader struct {
	ctx  context.Context
	tree *visitedTree
	left int
	cut  bool  // there were more
	err  error // the first one: analysers take a file that cannot be read for one that is not there
}

func (r *treeReader) read(f lockkeeper.TreeFile) ([]byte, error) {
	if r.left == 0 {
		r.cut = true
		return nil, fmt.Errorf("%w: more than %d files", ErrUnreadable, maxGitReads)
	}
	r.left--
	data, err := r.tree.read(r.ctx, f, maxGitFile)
	if err != nil && !passing(err) {
		r.cut = true
	} else if err != nil && r.err == nil {
		r.err = err
	}
	return data, err
}

// open makes an archive of the files below dir, links followed, and lists the
// submodules there with their commits.
func (t *visitedTree) open(ctx context.Context, kind registry.Kind, name, dir string, read func(lockkeeper.TreeFile) ([]byte, error)) (*archive.Archive, []string, error) {
	prefix := dir + "/"
	if dir == "" {
		prefix = ""
	}
	var sources []archive.Source
	var modules []string
	for _, p := range t.paths {
		f := t.files[p]
		if !strings.HasPrefix(p, prefix) {
			if f.Mode == lockkeeper.Submodule && (p == dir || strings.HasPrefix(dir, p+"/")) {
				return nil, nil, fmt.Errorf("the package lies in the submodule %s at %s, which is not read", p, f.Blob)
			}
			continue
		}
		source := archive.Source{Path: strings.TrimPrefix(p, prefix), Size: f.Size, Open: func() ([]byte, error) { return read(f) }}
		switch f.Mode {
		case lockkeeper.Submodule:
			modules = append(modules, fmt.Sprintf("submodule %s at %s", source.Path, f.Blob))
			continue
		case lockkeeper.Symlink:
			target, why, err := t.follow(ctx, p)
			if err != nil {
				return nil, nil, err
			}
			if target.Path == "" {
				if why == "" {
					why = "leads to no file"
				}
				source.Link, source.Size = why, 0
				break
			}
			source.Size, source.Open = target.Size, func() ([]byte, error) { return read(target) }
		}
		sources = append(sources, source)
	}
	opened, err := archive.OpenTree(ctx, kind, name, sources, archive.Limits{})
	return opened, modules, err
}

// complete adds what an archive of its own would not have: submodules that the
// code could reach into, and the rest of the repository. Where that is possible a
// sign-off holds for the commit alone.
func (r *treeReader) complete(s *buildcode.Surface, modules []string, commit string) {
	for _, m := range modules {
		s.Facts = append(s.Facts, m)
		s.Uses = append(s.Uses, buildcode.Use{Capability: buildcode.Unanalysed, Path: strings.Fields(m)[1], Text: m + " is not read"})
	}
	if r.cut {
		s.Uses = append(s.Uses, buildcode.Use{Capability: buildcode.Unanalysed, Text: "not all of its files were read: they are too many or too large"})
	}
	if r.cut || slices.Contains(s.Capabilities, buildcode.Unanalysed) {
		s.Facts = append(s.Facts, "commit "+commit)
	}
	s.Seal()
}

// crateManifest is what of a manifest tells packages apart. version is empty
// where it comes from the workspace.
type crateManifest struct{ dir, name, version string }

// findCrate is the directory of the manifest with the package's name. Cargo takes
// one of several by an order that is not documented, so then there is none.
func (t *visitedTree) findCrate(pkg lockkeeper.Package) (string, error) {
	manifests, err := t.manifests()
	if err != nil {
		return "", err
	}
	var dirs []string
	for _, m := range manifests {
		if m.name == pkg.Name && (m.version == "" || m.version == pkg.Version) {
			dirs = append(dirs, m.dir)
		}
	}
	switch {
	case len(dirs) == 1:
		return dirs[0], nil
	case len(dirs) > 1:
		return "", fmt.Errorf("%w: several manifests of %s, in %q", ErrUnreadable, pkg.Name, dirs[:min(len(dirs), 4)])
	}
	for _, p := range t.paths {
		if t.files[p].Mode == lockkeeper.Submodule {
			return "", fmt.Errorf("%w: no manifest of %s %s; it may lie in a submodule such as %s, which is not read", ErrUnreadable, pkg.Name, pkg.Version, p)
		}
	}
	return "", fmt.Errorf("%w: no manifest of %s %s in the repository", ErrUnreadable, pkg.Name, pkg.Version)
}

// readManifests reads every Cargo.toml of the repository that cargo might.
func (t *visitedTree) readManifests(ctx context.Context) ([]crateManifest, error) {
	var paths []string
	for _, p := range t.paths {
		if path.Base(p) == "Cargo.toml" {
			paths = append(paths, p)
		}
	}
	if len(paths) > maxManifests {
		return nil, fmt.Errorf("%w: %d manifests, more than %d", ErrUnreadable, len(paths), maxManifests)
	}
	var mu sync.Mutex // guards found
	var found []crateManifest
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(manifestsTogether)
	for _, p := range paths {
		group.Go(func() error {
			f, _, err := t.follow(groupCtx, p)
			if err != nil || f.Path == "" {
				return err
			}
			data, err := t.read(groupCtx, f, maxManifest)
			if err != nil {
				return err
			}
			if m, ok := readCrateManifest(path.Dir(p), data); ok {
				mu.Lock()
				found = append(found, m)
				mu.Unlock()
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b crateManifest) int { return strings.Compare(a.dir, b.dir) })
	return found, nil
}

// readCrateManifest is not ok for a workspace without a package and for what is
// no manifest, which cargo passes over.
func readCrateManifest(dir string, data []byte) (crateManifest, bool) {
	var root map[string]any
	if toml.Unmarshal(data, &root) != nil {
		return crateManifest{}, false
	}
	pkg, _ := root["package"].(map[string]any)
	if pkg == nil {
		pkg, _ = root["project"].(map[string]any)
	}
	m := crateManifest{dir: dir}
	if dir == "." {
		m.dir = ""
	}
	m.name, _ = pkg["name"].(string)
	m.version, _ = pkg["version"].(string)
	return m, m.name != ""
}
