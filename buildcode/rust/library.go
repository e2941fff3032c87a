package rust

import (
	"bytes"
	"context"
	"fmt"

	"github.com/pelletier/go-toml/v2"

	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/buildcode"
)

// Library describes what the library of the crate in a is able to do, for a crate
// that is linked into the build script or procedural macro of another: its code
// runs there. It is of the kind LinkedLibrary; a crate without a library gives the
// zero Surface. The error is as in Analyse.
func Library(ctx context.Context, a *archive.Archive) (buildcode.Surface, error) {
	m, err := readManifest(a)
	if err != nil {
		return buildcode.Surface{}, fmt.Errorf("analyse %s: %w", a.Filename, err)
	}
	if m.lib == "" {
		return buildcode.Surface{}, nil
	}
	// What a procedural macro may do is looked for in the same files.
	library := &manifest{name: m.name, lib: m.lib, procMacro: true, build: dependencies{}, normal: m.normal, edition: m.edition}
	b := &builder{ctx: ctx, m: library, files: newTree(a), paths: map[string]bool{}, budget: maxSource}
	b.build()
	if err := ctx.Err(); err != nil {
		return buildcode.Surface{}, fmt.Errorf("analyse %s: %w", a.Filename, err)
	}
	b.surface.Kinds = []buildcode.Kind{buildcode.LinkedLibrary}
	b.surface.Facts = nil
	b.surface.Partial = a.Partial
	b.surface.Seal()
	return b.surface, nil
}

// Uses is what a manifest says of the packages that its package uses while it is
// built.
type Uses struct {
	Name  string // of the package; empty for the manifest of a workspace alone
	Macro bool   // the package is a procedural macro
	// Build are the names of packages that its build script uses, sorted. One that
	// is taken from the workspace under another name is there by that other name:
	// see Workspace.
	Build []string
	// Workspace are the dependencies that members may take, by the name they are
	// taken by, where the package has another name.
	Workspace map[string]string
}

// ReadUses reads a Cargo.toml as it stands in a repository. The error means that it
// is not TOML.
func ReadUses(data []byte) (Uses, error) {
	var root table
	if err := toml.Unmarshal(bytes.TrimPrefix(data, []byte("\ufeff")), &root); err != nil {
		return Uses{}, fmt.Errorf("parse Cargo.toml: %w", err)
	}
	m := &manifest{}
	uses := Uses{Macro: declaresMacro(m.table(root, "lib")), Workspace: map[string]string{}}
	uses.Name, _ = m.table(root, "package", "project")["name"].(string)
	build := dependencies{}
	for _, t := range append([]table{root}, m.targets(root)...) {
		build.add(m, t, "build-dependencies", "build_dependencies")
	}
	uses.Build = build.names()
	for key, value := range m.table(m.table(root, "workspace"), "dependencies") {
		if detail, ok := value.(table); ok {
			if name, ok := detail["package"].(string); ok && name != key {
				uses.Workspace[key] = name
			}
		}
	}
	return uses, nil
}
