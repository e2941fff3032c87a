package scan

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/buildcode/rust"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/registry"
)

// maxOwnManifests bounds how many of the repository's own manifests are read, those
// nearest to its root first.
const maxOwnManifests = 64

// maxOwnManifest bounds the size of one, in bytes.
const maxOwnManifest = 1 << 20

// roles finds out how packages use those that they depend on: the repository's own
// by their manifests, those of the registry by its index, which tells build
// dependencies apart from others. Whether one is a procedural macro the archive
// alone would say. It is known of what this scan or an earlier one looked at; of
// the rest those count that are named like one or depend on what only procedural
// macros are written with.
type roles struct {
	scanner *Scanner
	own     map[string]role             // the repository's own packages, by name
	kinds   map[string][]buildcode.Kind // what this scan found in packages, by name and version
}

// of gives the roles of some entries of l. Packages whose role may be known another
// time are put into failed, with the error.
func (r *roles) of(ctx context.Context, l *lockfile.Lockfile, entries []int, failed map[string]error) map[int]role {
	found := make(map[int]role, len(entries))
	var mu sync.Mutex // guards found and failed
	var group errgroup.Group
	group.SetLimit(8)
	for _, i := range entries {
		e := &l.Entries[i]
		if e.Source.Kind == lockfile.Path {
			mu.Lock()
			found[i] = r.own[e.Package.Name]
			mu.Unlock()
			continue
		}
		group.Go(func() error {
			build, err := r.scanner.buildDependencies(ctx, e)
			macro := r.isMacro(ctx, e)
			mu.Lock()
			defer mu.Unlock()
			found[i] = role{macro: macro, build: build}
			if err != nil {
				failed[e.Package.Name] = err
			}
			return nil
		})
	}
	_ = group.Wait() // none of them fails
	return found
}

// macroTools are packages that procedural macros are written with, and that little
// else depends on.
var macroTools = []string{"proc-macro2", "syn", "quote", "darling", "proc-macro-error", "proc-macro-error2", "proc-macro-crate", "synstructure", "venial", "unsynn"}

// macroNames end the names of procedural macros.
var macroNames = []string{"derive", "macro", "macros", "proc", "codegen", "impl"}

func (r *roles) isMacro(ctx context.Context, e *lockfile.Entry) bool {
	if kinds, looked := r.kinds[e.Package.String()]; looked {
		return slices.Contains(kinds, buildcode.ProcMacro)
	}
	if len(e.Files) == 1 && e.Source.Kind == lockfile.Registry {
		if surface, ok := remembered[buildcode.Surface](ctx, r.scanner, factKey(registry.Crate, e.Files[0].Digest)); ok {
			return surface.Has(buildcode.ProcMacro)
		}
	}
	words := strings.FieldsFunc(e.Package.Name, func(c rune) bool { return c == '-' || c == '_' })
	if len(words) > 1 && slices.Contains(macroNames, words[len(words)-1]) {
		return true
	}
	return slices.ContainsFunc(e.Edges, func(edge lockfile.Edge) bool { return slices.Contains(macroTools, edge.Name) })
}

// buildDependencies are the packages that the build script of an entry of a registry
// uses, by the registry's index. Other sources have none.
func (s *Scanner) buildDependencies(ctx context.Context, e *lockfile.Entry) (map[string]bool, error) {
	at := s.homeOf(e)
	if at.client == nil || len(e.Edges) == 0 {
		return nil, nil
	}
	key := "build-dependencies/1/" + e.Package.String() + "/" + string(lockedDigest(e)) + e.Source.URL
	names, ok := remembered[[]string](ctx, s, key)
	if ok {
		return nameSet(names), nil
	}
	project, err := at.client.Project(ctx, e.Package.Name)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, nil // its own entry is reported as missing when it changes
	}
	if err != nil {
		return nil, err
	}
	release := project.Release(e.Package.Version)
	if release == nil {
		return nil, nil
	}
	for _, d := range release.Dependencies {
		if d.Kind == registry.Build {
			names = append(names, d.Name)
		}
	}
	_ = s.remember(ctx, key, names) // it is found out again
	return nameSet(names), nil
}

func nameSet(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, n := range names {
		set[n] = true
	}
	return set
}

// ownRoles reads the manifests of the repository's own packages. One that cannot be
// read tells nothing: what it does to the repository's own build is in plain sight.
func (s *Scanner) ownRoles(ctx context.Context, t Tree, files map[string]lockkeeper.TreeFile) map[string]role {
	var manifests []lockkeeper.TreeFile
	for p, f := range files {
		if path.Base(p) == "Cargo.toml" && f.Mode == lockkeeper.Regular {
			manifests = append(manifests, f)
		}
	}
	slices.SortFunc(manifests, func(a, b lockkeeper.TreeFile) int {
		if depth := strings.Count(a.Path, "/") - strings.Count(b.Path, "/"); depth != 0 {
			return depth
		}
		return strings.Compare(a.Path, b.Path)
	})
	manifests = manifests[:min(len(manifests), maxOwnManifests)]
	all := make([]rust.Uses, len(manifests))
	var group errgroup.Group
	group.SetLimit(8)
	for i, f := range manifests {
		group.Go(func() error {
			key := "manifest/1/" + f.Blob
			if uses, ok := remembered[rust.Uses](ctx, s, key); ok {
				all[i] = uses
				return nil
			}
			data, err := t.Read(ctx, f, maxOwnManifest)
			if err != nil {
				return nil
			}
			if all[i], err = rust.ReadUses(data); err == nil && len(f.Blob) >= 40 {
				_ = s.remember(ctx, key, all[i]) // it is found out again; what is no hash of the content names none
			}
			return nil
		})
	}
	_ = group.Wait() // none of them fails
	renamed := map[string][]string{}
	for _, uses := range all {
		for key, name := range uses.Workspace {
			renamed[key] = append(renamed[key], name)
		}
	}
	own := map[string]role{}
	for _, uses := range all {
		if uses.Name == "" {
			continue
		}
		build := nameSet(uses.Build)
		for _, name := range uses.Build {
			for _, other := range renamed[name] {
				build[other] = true
			}
		}
		own[uses.Name] = role{macro: uses.Macro, build: build}
	}
	return own
}
