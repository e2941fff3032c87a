package scan

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
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

// maxWheels bounds the wheels that are named for one difference, maxOwn the files, and
// maxKinds the differences.
const maxWheels, maxOwn, maxKinds = 3, 4, 6

// uneven says which wheels of a release carry which start-up code, if they do not
// all carry the same: code for one platform alone is seen by few. That a module is
// compiled for each platform is no difference, only that some have one; nor are the ends
// of lines.
func uneven(found []buildcode.Surface, artifacts []registry.Artifact) []string {
	have := map[string]int{} // parts, by how many carriers have them
	var wheels, carriers int // of start-up code
	for i, a := range artifacts {
		if a.Kind != registry.Wheel {
			continue
		}
		wheels++
		if !found[i].Runs() {
			continue
		}
		carriers++
		for part := range parts(found[i]) {
			have[part]++
		}
	}
	type kind struct{ names, wheels []string }
	kinds := map[string]kind{}
	for i, a := range artifacts {
		if a.Kind != registry.Wheel {
			continue
		}
		own := parts(found[i])
		maps.DeleteFunc(own, func(part, _ string) bool { return have[part] == carriers })
		key := "-"
		if found[i].Runs() {
			key = "+" + strings.Join(slices.Sorted(maps.Keys(own)), "\n")
		}
		k := kinds[key]
		k.names, k.wheels = slices.Sorted(maps.Values(own)), append(k.wheels, a.Filename)
		if key == "-" {
			k.names = []string{"none of it"}
		} else if len(own) == 0 && carriers < wheels {
			k.names = hooksFirst(pathsOf(found[i].Files))
		} else if len(own) == 0 {
			k.names = []string{"nothing of its own"}
		}
		kinds[key] = k
	}
	if len(kinds) < 2 {
		return nil
	}
	all := slices.SortedFunc(maps.Values(kinds), func(a, b kind) int { // what few carry first
		return cmp.Or(cmp.Compare(len(a.wheels), len(b.wheels)), slices.Compare(a.names, b.names), slices.Compare(a.wheels, b.wheels))
	})
	var lines []string
	for _, k := range all[:min(len(all), maxKinds)] {
		slices.Sort(k.wheels)
		lines = append(lines, fmt.Sprintf("%d of %d wheels: %s (%s)", len(k.wheels), wheels, few(slices.Compact(k.names), maxOwn), few(k.wheels, maxWheels)))
	}
	if left := len(all) - maxKinds; left > 0 {
		lines = append(lines, fmt.Sprintf("and %d more groups of wheels that differ", left))
	}
	return lines
}

// parts are what a wheel's start-up code is made of, to be compared with those of other
// wheels, with their names for people.
func parts(s buildcode.Surface) map[string]string {
	parts := map[string]string{}
	for _, fact := range s.Facts {
		parts["fact "+fact] = fact
	}
	for _, f := range s.Files {
		base := path.Base(f.Path)
		switch path.Ext(base) {
		case ".so", ".pyd", ".dylib", ".dll":
			stem, _, _ := strings.Cut(base, ".") // "tracer.cp312-win_amd64.pyd"
			name := path.Join(path.Dir(f.Path), stem) + " (compiled)"
			parts["module "+name] = name
		default:
			digest := f.Digest
			if f.Text != "" { // packers on Windows end lines in their own way
				digest = lockkeeper.Sum([]byte(strings.ReplaceAll(f.Text, "\r\n", "\n")))
			}
			parts["file "+f.Path+" "+string(digest)] = f.Path
		}
	}
	return parts
}

// hooksFirst puts the files that Python itself looks for before those that they load.
func hooksFirst(paths []string) []string {
	starts := func(p string) bool {
		stem, _, _ := strings.Cut(path.Base(p), ".")
		return path.Ext(p) == ".pth" || stem == "sitecustomize" || stem == "usercustomize"
	}
	return slices.Concat(slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return !starts(p) }), slices.DeleteFunc(slices.Clone(paths), starts))
}

// few names the first and counts the rest.
func few(names []string, most int) string {
	if more := len(names) - most; more > 0 {
		names = append(names[:most:most], fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
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
// in two of them with different content is kept once for each content, under the name
// of the first file that has it.
func merge(all []buildcode.Surface, artifacts []registry.Artifact, of func(registry.Kind) bool) buildcode.Surface {
	var out buildcode.Surface
	seen := map[string][]lockkeeper.Digest{}
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
			earlier := seen[f.Path]
			if slices.Contains(earlier, f.Digest) {
				continue
			}
			seen[f.Path] = append(earlier, f.Digest)
			if len(earlier) > 0 {
				f.Path = artifacts[i].Filename + "!" + f.Path
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
