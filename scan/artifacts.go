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

	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/buildcode/python"
	"github.com/lockkeeper/lockkeeper/buildcode/rust"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/stage"
)

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
	out.hooks = merge(hooksOf(found, artifacts), artifacts, func(k registry.Kind) bool { return k != registry.Crate })
	out.uneven = uneven(found, artifacts)
	return out, nil
}

// hooksOf is what of each file runs at the start of an interpreter: of an sdist, what it
// brings for later.
func hooksOf(found []buildcode.Surface, artifacts []registry.Artifact) []buildcode.Surface {
	out := slices.Clone(found)
	for i, a := range artifacts {
		if a.Kind != registry.Wheel {
			out[i] = startUp(&found[i])
		}
	}
	return out
}

func startUp(sdist *buildcode.Surface) buildcode.Surface {
	if sdist.Hooks == nil {
		return buildcode.Surface{}
	}
	return *sdist.Hooks
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
	bringing, end := stage.Begin(ctx, stage.Archive, "file", a.Filename)
	blob, err := client.Open(bringing, a)
	end(err)
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
	ctx, end = stage.Begin(ctx, stage.Analyse, "file", a.Filename)
	err = lookInto(ctx, a, blob, source, look)
	end(err)
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
