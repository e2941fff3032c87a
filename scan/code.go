package scan

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

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

const (
	// analysis is part of the keys of remembered facts: raise it when analysers
	// find other things in the same archive.
	analysis = "surface/3/"
	// maxArtifacts bounds the files looked at for one release.
	maxArtifacts = 300
	// maxAnalysis bounds the look into one artifact. Ordinary ones take milliseconds.
	maxAnalysis = 2 * time.Minute
	// maxTogether bounds the files of one release that are fetched together.
	maxTogether = 4
	// maxDiff bounds the diff kept with a finding, in bytes.
	maxDiff = 64 << 10
)

// surfaces is the build-time code of one release, as far as the lockfile could
// install it.
type surfaces struct {
	build  buildcode.Surface // runs while the package is built
	hooks  buildcode.Surface // runs when an interpreter starts
	source bool              // no wheel fits everywhere and there are none at all: it is built from source
	uneven []string          // in what the wheels of the release differ, in sentences
}

// judgeCode compares the build-time code of the locked files with that of the
// release before.
func (j *judgement) judgeCode(ctx context.Context, client registry.Client, artifacts []registry.Artifact, before *registry.Release) {
	now, err := j.scanner.surfacesOf(ctx, client, artifacts, j.pair.buildsFromSource(j.pair.new))
	if errors.Is(err, registry.ErrDigest) {
		j.add(policy.Finding{Rule: policy.ChecksumMismatch, Message: "is served with other content than its checksum says", Evidence: []string{err.Error()}})
		return
	}
	if err != nil {
		j.retry = j.retry || errors.Is(err, errFetch)
		j.unverified("could not be analysed", "archive", err.Error())
		j.note("not analysed")
		return
	}
	var old *surfaces
	var oldErr error
	if before != nil {
		were := oldArtifacts(j.old(), before)
		if old, oldErr = j.scanner.surfacesOf(ctx, client, were, j.pair.buildsFromSource(j.pair.old)); oldErr == nil && len(were) == 1 {
			j.oldArtifact = &were[0]
		}
	}
	j.keep(client, artifacts, now, old)
	j.compareCode(now, old, oldErr)
	j.judgeUpstream(ctx, now, old)
}

// compareCode says what is new about the build-time code. old is nil where there
// was no version before, or oldErr says why it could not be read.
func (j *judgement) compareCode(now, old *surfaces, oldErr error) {
	if oldErr != nil {
		j.retry = j.retry || errors.Is(oldErr, errFetch)
	}
	if now.build.Runs() {
		j.buildFinding(now, old, oldErr)
	} else if now.source && (old == nil || !old.source) {
		j.add(policy.Finding{Rule: policy.SourceBuild, Grave: true, Message: sourceBuildMessage, Code: &policy.Code{}})
	}
	if now.hooks.Runs() && (old == nil || old.hooks.Digest != now.hooks.Digest) {
		message := "carries code that runs whenever Python starts"
		if old != nil && !old.hooks.Runs() {
			message = "gained code that runs whenever Python starts"
		} else if old != nil {
			message = "changed the code that runs whenever Python starts"
		}
		// How long others have had time to look is part of the rule's default.
		grave := !j.ageKnown
		var was *buildcode.Surface
		if old != nil {
			was = &old.hooks
		}
		j.add(policy.Finding{Rule: policy.StartupHook, Grave: grave, Message: message, Code: codeOf(&now.hooks, was), Evidence: append(partialEvidence(now.hooks), now.uneven...)})
	}
	j.noteCode(now, old)
}

const sourceBuildMessage = "has no wheel that the lockfile accepts, so installing it builds from source with whatever build backend is newest then"

// keep notes what the look at links into build code needs of a crate.
func (j *judgement) keep(client registry.Client, artifacts []registry.Artifact, now, old *surfaces) {
	if len(artifacts) != 1 || artifacts[0].Kind != registry.Crate {
		return
	}
	j.client, j.artifact = client, &artifacts[0]
	j.known = append(j.known, looked{j.change.New.Package, now.build.Kinds})
	j.macro, j.build = now.build.Has(buildcode.ProcMacro), now.build.Dependencies
	if old != nil {
		j.known = append(j.known, looked{j.change.Old.Package, old.build.Kinds})
		j.wasMacro, j.wasBuild = old.build.Has(buildcode.ProcMacro), old.build.Dependencies
	}
}

// oldArtifacts are the files of the release before that the lockfile accepted.
func oldArtifacts(e *lockfile.Entry, r *registry.Release) []registry.Artifact {
	if e == nil || len(e.Files) == 0 {
		return r.Artifacts
	}
	var artifacts []registry.Artifact
	for _, a := range r.Artifacts {
		if slices.ContainsFunc(e.Files, func(f lockfile.File) bool { return f.Digest == a.Digest }) {
			artifacts = append(artifacts, a)
		}
	}
	return artifacts
}

// buildFinding says how the code that runs while building came about: one
// question for each release, the strongest that applies.
func (j *judgement) buildFinding(now, old *surfaces, oldErr error) {
	// How long others have had time to look is part of the rules' defaults.
	f := policy.Finding{Evidence: partialEvidence(now.build), Grave: !j.ageKnown}
	kind, own := kindsText("a ", now.build.Kinds), kindsText("", now.build.Kinds)
	switch {
	case oldErr != nil:
		f.Rule, f.Grave = policy.BuildCodeChanged, true
		f.Message = fmt.Sprintf("runs %s, and the version before could not be read to compare", kind)
		f.Evidence = append(f.Evidence, oldErr.Error())
		f.Code = codeOf(&now.build, nil)
	case old == nil:
		f.Rule = policy.BuildCodeAdded
		f.Message = fmt.Sprintf("is new here and runs %s", kind)
		f.Code = codeOf(&now.build, nil)
	case !old.build.Runs():
		f.Rule = policy.BuildCodeGained
		f.Message = fmt.Sprintf("ran nothing while being built before and now runs %s", kind)
		f.Code = codeOf(&now.build, &old.build)
	case old.build.Digest == now.build.Digest:
		return
	default:
		f.Code = codeOf(&now.build, &old.build)
		f.Rule = policy.BuildCodeChanged
		f.Message = "changed its " + own
		f.Grave = now.build.Grave()
		if len(f.Code.Gained) > 0 {
			f.Rule = policy.CapabilityGained
			f.Message = fmt.Sprintf("changed its %s, which can now do more: %s", own, joinCapabilities(f.Code.Gained))
		}
	}
	if now.source && (old == nil || !old.source) {
		f.Evidence = append(f.Evidence, sourceBuildMessage)
	}
	j.add(f)
}

func partialEvidence(s buildcode.Surface) []string {
	if s.Partial {
		return []string{"read in parts from the registry, so the lockfile's checksum does not cover what was read"}
	}
	return nil
}

func joinCapabilities(caps []buildcode.Capability) string {
	words := make([]string, len(caps))
	for i, c := range caps {
		words[i] = string(c)
	}
	return strings.Join(words, ", ")
}

var kindNames = map[buildcode.Kind]string{
	buildcode.BuildScript: "build script", buildcode.ProcMacro: "procedural macro", buildcode.SetupScript: "setup script",
	buildcode.BuildBackend: "build backend code", buildcode.StartupHook: "start-up hook",
}

// kindsText names the ways in which code runs, each behind the article: "a build
// script and a procedural macro".
func kindsText(article string, kinds []buildcode.Kind) string {
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = article + kindNames[k]
		if k == buildcode.BuildBackend {
			words[i] = kindNames[k]
		}
	}
	return strings.Join(words, " and ")
}

func (j *judgement) noteCode(now, old *surfaces) {
	switch {
	case !now.build.Runs() && !now.hooks.Runs():
		j.note("no build code")
	case old != nil && old.build.Digest == now.build.Digest && old.hooks.Digest == now.hooks.Digest:
		j.note("build code unchanged")
	default:
		all := slices.Concat(now.build.Capabilities, now.hooks.Capabilities)
		slices.Sort(all)
		text := kindsText("", append(slices.Clone(now.build.Kinds), now.hooks.Kinds...))
		if len(all) > 0 {
			text += ": " + joinCapabilities(slices.Compact(all))
		}
		j.note(text)
	}
}

// codeOf reduces a surface to what a finding carries, compared with the one
// before.
func codeOf(now, old *buildcode.Surface) *policy.Code {
	c := &policy.Code{Kinds: now.Kinds, Digest: now.Digest, Capabilities: now.Capabilities, Uses: now.Uses}
	c.Files = pathsOf(now.Files)
	if old == nil {
		old = &buildcode.Surface{}
	}
	c.Gained = buildcode.Compare(old, now).Gained
	c.Diff, c.Inserted, c.Deleted = buildcode.Diff(old, now, maxDiff)
	return c
}

// surfacesOf analyses the artifacts of one release that could be installed.
// fromSource: the lockfile asks for building although there is a wheel.
func (s *Scanner) surfacesOf(ctx context.Context, client registry.Client, artifacts []registry.Artifact, fromSource bool) (*surfaces, error) {
	if len(artifacts) > maxArtifacts {
		return nil, fmt.Errorf("%d files in one release, more than %d", len(artifacts), maxArtifacts)
	}
	out := &surfaces{}
	var wheels, sources int
	for _, a := range artifacts {
		switch a.Kind {
		case registry.Wheel:
			wheels++
		case registry.Sdist:
			sources++
		}
	}
	out.source = sources > 0 && wheels == 0
	found := make([]buildcode.Surface, len(artifacts))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(maxTogether)
	for i, a := range artifacts {
		if a.Kind == registry.Sdist && !fromSource && neverBuilt(a, artifacts) {
			continue
		}
		group.Go(func() (err error) {
			if found[i], err = s.surface(groupCtx, client, a); err != nil {
				return fmt.Errorf("%s: %w", a.Filename, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	out.build = merge(found, artifacts, func(k registry.Kind) bool { return k != registry.Wheel })
	out.hooks = merge(found, artifacts, func(k registry.Kind) bool { return k == registry.Wheel })
	out.uneven = uneven(found, artifacts)
	return out, nil
}

// maxWheels bounds the wheels that are named for one difference.
const maxWheels = 3

// uneven says which wheels of a release carry which start-up code, if they do not
// all carry the same: code for one platform alone is seen by few.
func uneven(found []buildcode.Surface, artifacts []registry.Artifact) []string {
	carriers := map[lockkeeper.Digest][]string{}
	paths := map[lockkeeper.Digest]string{}
	wheels := 0
	for i, a := range artifacts {
		if a.Kind != registry.Wheel {
			continue
		}
		wheels++
		d := found[i].Digest
		carriers[d] = append(carriers[d], a.Filename)
		paths[d] = strings.Join(pathsOf(found[i].Files), ", ")
	}
	if len(carriers) < 2 {
		return nil
	}
	var lines []string
	for d, names := range carriers {
		what := "none of it"
		if d != "" {
			what = paths[d]
		}
		slices.Sort(names)
		if more := len(names) - maxWheels; more > 0 {
			names = append(names[:maxWheels:maxWheels], fmt.Sprintf("%d more", more))
		}
		lines = append(lines, fmt.Sprintf("%d of %d wheels: %s (%s)", len(carriers[d]), wheels, what, strings.Join(names, ", ")))
	}
	slices.Sort(lines)
	return lines
}

func pathsOf(files []buildcode.File) []string {
	var paths []string
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	return paths
}

// neverBuilt reports whether installers take a wheel wherever they would take the
// sdist: one that fits every platform, for the same versions of Python, and not
// passed over because it alone was yanked.
func neverBuilt(sdist registry.Artifact, artifacts []registry.Artifact) bool {
	return slices.ContainsFunc(artifacts, func(a registry.Artifact) bool {
		return a.Kind == registry.Wheel && isUniversal(a.Filename) && a.RequiresPython == sdist.RequiresPython && (!a.Yanked || sdist.Yanked)
	})
}

// isUniversal reports whether a wheel installs on every Python 3 of every
// platform (binary distribution format: name-version[-build]-python-abi-platform).
func isUniversal(filename string) bool {
	parts := strings.Split(strings.TrimSuffix(filename, ".whl"), "-")
	if len(parts) < 5 {
		return false
	}
	tags := parts[len(parts)-3:]
	return slices.Contains(strings.Split(tags[0], "."), "py3") && tags[1] == "none" && tags[2] == "any"
}

// merge joins the surfaces of several files of one release. A path that stands
// in two of them with different content is kept under each file's name.
func merge(all []buildcode.Surface, artifacts []registry.Artifact, of func(registry.Kind) bool) buildcode.Surface {
	var out buildcode.Surface
	seen := map[string]lockkeeper.Digest{}
	for i, s := range all {
		if !of(artifacts[i].Kind) {
			continue
		}
		out.Partial = out.Partial || s.Partial
		out.Origin = cmp.Or(out.Origin, s.Origin)
		out.Kinds = append(out.Kinds, s.Kinds...)
		out.Facts = append(out.Facts, s.Facts...)
		out.Dependencies = append(out.Dependencies, s.Dependencies...)
		out.Capabilities = append(out.Capabilities, s.Capabilities...)
		out.Uses = append(out.Uses, s.Uses...)
		for _, f := range s.Files {
			switch d, ok := seen[f.Path]; {
			case ok && d == f.Digest:
				continue
			case ok:
				f.Path = artifacts[i].Filename + "!" + f.Path
			default:
				seen[f.Path] = f.Digest
			}
			out.Files = append(out.Files, f)
		}
	}
	out.Seal()
	return out
}

// surface analyses one artifact, or remembers what was found in it.
func (s *Scanner) surface(ctx context.Context, client registry.Client, a registry.Artifact) (buildcode.Surface, error) {
	key := factKey(a.Kind, a.Digest)
	surface, ok := remembered[buildcode.Surface](ctx, s, key)
	if ok {
		return surface, nil
	}
	surface, err := s.analyse(ctx, client, a)
	if err != nil {
		return buildcode.Surface{}, err
	}
	if a.Digest == "" {
		return surface, nil
	}
	return surface, s.remember(ctx, key, surface)
}

// remember keeps a fact, as JSON.
func (s *Scanner) remember(ctx context.Context, key string, fact any) error {
	if s.Facts == nil {
		return nil
	}
	value, err := json.Marshal(fact)
	if err != nil {
		return fmt.Errorf("encode what was found: %w", err)
	}
	if err := s.Facts.PutFact(ctx, key, value); err != nil {
		return fmt.Errorf("remember what was found: %w", err)
	}
	return nil
}

// factKey is what the surface of an artifact is remembered under.
func factKey(kind registry.Kind, digest lockkeeper.Digest) string {
	return analysis + string(kind) + "/" + string(digest)
}

// remembered ignores a fact that cannot be read back: the archive is there to be
// analysed again.
func remembered[T any](ctx context.Context, s *Scanner, key string) (fact T, ok bool) {
	if s.Facts == nil {
		return fact, false
	}
	value, ok, err := s.Facts.Fact(ctx, key)
	if err != nil || !ok {
		return fact, false
	}
	var read T
	if json.Unmarshal(value, &read) != nil {
		return fact, false
	}
	return read, true
}

// errFetch marks what may work when it is tried again.
var errFetch = errors.New("fetch")

// analyse finds the build-time code of an artifact.
func (s *Scanner) analyse(ctx context.Context, client registry.Client, a registry.Artifact) (surface buildcode.Surface, err error) {
	err = s.open(ctx, client, a, func(ctx context.Context, opened *archive.Archive) (err error) {
		switch a.Kind {
		case registry.Crate:
			surface, err = rust.Analyse(ctx, opened)
			surface.Origin = rust.Origin(opened)
		case registry.Sdist:
			surface, err = python.AnalyseSdist(ctx, opened)
			surface.Origin = python.Origin(opened)
		case registry.Wheel:
			surface, err = python.AnalyseWheel(ctx, opened)
			surface.Origin = python.Origin(opened)
		default:
			err = fmt.Errorf("a file of kind %q cannot be analysed", a.Kind)
		}
		surface.Partial = opened.Partial
		return err
	})
	return surface, err
}

// open hands an artifact to look, for as long as the look into one may take.
func (s *Scanner) open(ctx context.Context, client registry.Client, a registry.Artifact, look func(context.Context, *archive.Archive) error) error {
	blob, err := client.Open(ctx, a)
	if err != nil {
		if errors.Is(err, registry.ErrNotFound) {
			return err
		}
		return fmt.Errorf("%w: %w", errFetch, err)
	}
	defer blob.Close()
	ctx, cancel := context.WithTimeout(ctx, maxAnalysis)
	defer cancel()
	source := &watchedReader{r: blob}
	err = lookInto(ctx, a, blob, source, look)
	if source.err != nil && !errors.Is(source.err, registry.ErrBounds) {
		return fmt.Errorf("%w: %w", errFetch, source.err)
	}
	return errors.Join(err, source.err)
}

// watchedReader keeps the error of a read. Analysers take a file that cannot be
// read for one that is not understood, and what they find is remembered; a
// connection that failed must not be.
type watchedReader struct {
	r   io.ReaderAt
	err error
}

func (w *watchedReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := w.r.ReadAt(p, off)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}

// lookInto opens the bytes of one artifact and hands them to look.
func lookInto(ctx context.Context, a registry.Artifact, blob *registry.Blob, source io.ReaderAt, look func(context.Context, *archive.Archive) error) error {
	var opened *archive.Archive
	var err error
	if blob.Partial {
		opened, err = archive.OpenPartial(ctx, a.Kind, a.Filename, source, blob.Size, archive.Limits{})
	} else {
		opened, err = archive.Open(ctx, a.Kind, a.Filename, source, blob.Size, a.Digest, archive.Limits{})
	}
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	if err := look(ctx, opened); err != nil {
		return fmt.Errorf("analyse: %w", err)
	}
	return nil
}
