package rust

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/lockkeeper/lockkeeper/archive"
)

// manifest is what of a Cargo.toml decides what runs at build time, read as
// cargo reads it (cargo: src/util/toml/mod.rs, targets.rs).
type manifest struct {
	name    string
	scripts []string // paths of build scripts, as found in the archive
	// missing are build scripts that the manifest names and the archive lacks, or
	// that lie outside of it.
	missing   []string
	metabuild []string
	links     string
	edition   edition
	procMacro bool
	lib       string // path of the library's root, if there is one
	// build and normal map the name by which code says a dependency to the
	// package's own name.
	build, normal dependencies
	// artifacts are dependencies whose programs are built to be started (unstable).
	artifacts []string
	// odd are keys of types that no cargo writes.
	odd []string
}

// Without a manifest nothing can be said.
var (
	errNoManifest = errors.New("no Cargo.toml")
	errNoPackage  = errors.New("no [package] in Cargo.toml")
)

type table = map[string]any

func readManifest(a *archive.Archive) (*manifest, error) {
	name := "Cargo.toml"
	if !a.Has(name) {
		name = "cargo.toml"
	}
	if !a.Has(name) {
		return nil, errNoManifest
	}
	data, err := a.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var root table
	// Cargo takes a byte order mark.
	if err := toml.Unmarshal(bytes.TrimPrefix(data, []byte("\ufeff")), &root); err != nil {
		return nil, fmt.Errorf("parse %s: %w", name, err)
	}
	if root["package"] == nil && root["project"] == nil {
		return nil, fmt.Errorf("read %s: %w", name, errNoPackage)
	}
	return interpret(root, newTree(a)), nil
}

func interpret(root table, files *tree) *manifest {
	m := &manifest{build: dependencies{}, normal: dependencies{}}
	pkg := m.table(root, "package", "project")
	m.name, _ = pkg["name"].(string)
	m.links, _ = pkg["links"].(string)
	m.edition = editionOf(pkg["edition"], edition2015)
	for _, dir := range append([]table{root}, m.targets(root)...) {
		m.build.add(m, dir, "build-dependencies", "build_dependencies")
		m.normal.add(m, dir, "dependencies")
	}
	lib := m.table(root, "lib")
	m.procMacro = declaresMacro(lib)
	if editionOf(lib["edition"], m.edition) != m.edition {
		m.edition = editionUnknown // the library's is not the build script's
	}
	libPath, given := lib["path"].(string)
	if !given {
		libPath = "src/lib.rs"
	}
	m.lib, _ = files.find(slashed(libPath))
	m.metabuild = stringsOf(pkg["metabuild"])
	m.buildScripts(pkg, files)
	return m
}

// declaresMacro reports whether [lib] makes a procedural macro.
func declaresMacro(lib table) bool {
	return truth(lib["proc-macro"]) || truth(lib["proc_macro"]) ||
		slices.Contains(stringsOf(lib["crate-type"]), "proc-macro") || slices.Contains(stringsOf(lib["crate_type"]), "proc-macro")
}

// editionOf reads an edition; absent is what it is then.
func editionOf(value any, absent edition) edition {
	switch value {
	case nil:
		return absent
	case "2015", "2018":
		return edition2015
	case "2021", "2024":
		return edition2021
	}
	return editionUnknown // inherited from a workspace, or newer
}

// buildScripts handles package.build: false for none, a path, true or absent for
// build.rs where that is a file, an array for several.
func (m *manifest) buildScripts(pkg table, files *tree) {
	value, given := pkg["build"]
	named := stringsOf(value)
	switch v := value.(type) {
	case bool:
		if v {
			named = []string{"build.rs"}
		}
	case nil, string, []any:
	default:
		m.odd = append(m.odd, "build")
	}
	if list, isList := value.([]any); isList && len(named) != len(list) {
		m.odd = append(m.odd, "build")
	}
	if !given {
		// Any spelling that a host without case would find.
		if found, ok := files.find("build.rs"); ok {
			m.scripts = append(m.scripts, found)
		}
		return
	}
	for _, name := range named {
		if found, ok := files.find(slashed(name)); ok {
			m.scripts = append(m.scripts, found)
		} else {
			m.missing = append(m.missing, name)
		}
	}
}

// runs reports whether anything of the package runs at build time.
func (m *manifest) runs() bool {
	return len(m.scripts)+len(m.missing)+len(m.metabuild)+len(m.odd) > 0 || m.procMacro
}

// facts are the parts of the manifest that belong to the surface, by name alone,
// so that another version of a dependency changes nothing.
func (m *manifest) facts() []string {
	var facts []string
	add := func(format string, args ...any) { facts = append(facts, fmt.Sprintf(format, args...)) }
	for _, s := range append(slices.Clone(m.scripts), m.missing...) {
		add("build = %s", s)
	}
	for _, s := range m.metabuild {
		add("metabuild = %s", s)
	}
	if m.links != "" {
		add("links = %s", m.links)
	}
	for _, s := range m.odd {
		add("odd key %s", s)
	}
	if m.procMacro {
		add("proc-macro")
	}
	facts = append(facts, m.artifacts...)
	if m.scripted() {
		for _, name := range m.build.names() {
			add("build-dependency %s", name)
		}
	}
	return facts
}

// scripted reports whether there is a build script of any sort.
func (m *manifest) scripted() bool {
	return len(m.scripts)+len(m.missing)+len(m.metabuild)+len(m.odd) > 0
}

// table returns the first of the named tables that there is.
func (m *manifest) table(t table, names ...string) table {
	for _, name := range names {
		if inner, ok := t[name].(table); ok {
			return inner
		}
	}
	return nil
}

func (m *manifest) targets(root table) []table {
	var all []table
	for _, v := range m.table(root, "target") {
		if t, ok := v.(table); ok {
			all = append(all, t)
		}
	}
	return all
}

// dependencies are names of packages by the name that code knows them by. Several
// only where tables for different targets rename differently.
type dependencies map[string][]string

func (d dependencies) add(m *manifest, t table, sections ...string) {
	for _, section := range sections {
		entries, _ := t[section].(table)
		for key, value := range entries {
			name := key
			if detail, ok := value.(table); ok {
				if renamed, ok := detail["package"].(string); ok {
					name = renamed
				}
				if fact := "artifact " + name; detail["artifact"] != nil && !slices.Contains(m.artifacts, fact) {
					m.artifacts = append(m.artifacts, fact)
				}
			}
			if known := crateName(key); !slices.Contains(d[known], name) {
				d[known] = append(d[known], name)
			}
		}
	}
}

// names lists the packages, sorted.
func (d dependencies) names() []string {
	var all []string
	for _, names := range d {
		all = append(all, names...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// crateName is a package's name as code writes it.
func crateName(name string) string { return strings.ReplaceAll(name, "-", "_") }

func truth(v any) bool { b, _ := v.(bool); return b }

// stringsOf is a string or the strings of an array.
func stringsOf(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				all = append(all, s)
			}
		}
		return all
	}
	return nil
}

// slashed cleans a path of a manifest or attribute; cargo takes backslashes on
// Windows.
func slashed(p string) string { return path.Clean(strings.ReplaceAll(p, `\`, "/")) }

// tree finds files the way a host without case would.
type tree struct {
	archive *archive.Archive
	folded  map[string][]string
}

func newTree(a *archive.Archive) *tree {
	t := &tree{archive: a, folded: map[string][]string{}}
	for _, f := range a.Files() {
		key := strings.ToLower(f.Path)
		t.folded[key] = append(t.folded[key], f.Path)
	}
	return t
}

// find returns the file of that path, preferring the exact spelling.
func (t *tree) find(p string) (string, bool) {
	if t.archive.Has(p) {
		return p, true
	}
	if all := t.folded[strings.ToLower(p)]; len(all) > 0 {
		return all[0], true
	}
	return "", false
}
