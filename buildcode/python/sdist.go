package python

import (
	"context"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/buildcode"
)

// AnalyseSdist finds the code of an sdist that runs while it is built (PEP 517,
// PEP 518): setup.py, hooks, an in-tree backend, CMake and Meson files, and what
// they import, execute or start within the archive. The surface is zero where the
// backend only reads declarations. The error is the context's; what cannot be
// read is buildcode.Unanalysed.
//
// What the package runs later, whenever an interpreter starts, is in Surface.Hooks.
//
// Build requirements are part of the surface by name, without their versions:
// they are installed unpinned beside the code, whichever release is newest.
func AnalyseSdist(ctx context.Context, a *archive.Archive) (buildcode.Surface, error) {
	s := &sdist{c: newCollector(ctx, a)}
	s.p = newProgram(s.c)
	s.project = s.toml("pyproject.toml")
	s.setup = s.readConfig()
	s.buildSystem()
	if len(s.c.s.Kinds) == 0 {
		return buildcode.Surface{Partial: a.Partial, Hooks: s.startUp(ctx, a)}, ctx.Err()
	}
	s.p.finish()
	s.wrapped()
	s.setupRequires()
	s.c.s.Hooks = s.startUp(ctx, a)
	s.c.s.Seal()
	return s.c.s, ctx.Err()
}

// sdist is what the analysis of one source distribution goes by.
type sdist struct {
	c       *collector
	p       *program
	project table  // pyproject.toml
	setup   config // setup.cfg
	done    map[string]bool
	require []string // names of build requirements, normalized
}

// toml reads a TOML file, nil if there is none. What is not TOML stops every
// front end; it is reported rather than taken for empty.
func (s *sdist) toml(name string) table {
	if !s.c.has(name) {
		return nil
	}
	real, _ := s.c.resolve(name)
	data, err := s.c.a.ReadFile(real)
	out := make(map[string]any)
	if err == nil {
		err = toml.Unmarshal(data, &out)
	}
	if err != nil {
		s.c.kind(buildcode.BuildBackend)
		s.c.take(name)
		s.c.use(buildcode.Unanalysed, name, 0, firstLine(err.Error()))
		return nil
	}
	return out
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func (s *sdist) readConfig() config {
	const name = "setup.cfg"
	if !s.c.has(name) {
		return nil
	}
	real, _ := s.c.resolve(name)
	data, err := s.c.a.ReadFile(real)
	out := config{}
	if err == nil {
		out, err = parseConfig(data)
	}
	if err != nil && s.c.has("setup.py") { // else nothing may read it at all
		s.c.take(name)
		s.c.use(buildcode.Unanalysed, name, 0, err.Error())
	}
	return out
}

// table is a TOML table; lookups through what is none give the zero value.
type table map[string]any

func (t table) table(names ...string) table {
	for _, name := range names {
		inner, _ := t[name].(map[string]any)
		t = inner
	}
	return t
}

func (t table) text(name string) string {
	s, _ := t[name].(string)
	return s
}

// texts is a list of strings, or one string.
func (t table) texts(name string) []string {
	switch v := t[name].(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, item := range v {
			if s, ok := item.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

const legacyBackend = "setuptools.build_meta:__legacy__"

// buildSystem decides which backend runs and what of the package it runs.
func (s *sdist) buildSystem() {
	system := s.project.table("build-system")
	backend := system.text("build-backend")
	dirs := system.texts("backend-path")
	requires := system.texts("requires")
	s.requirements(requires, "pyproject.toml")
	if backend == "" {
		// PEP 517: as if setuptools' legacy backend were named, whatever is required.
		backend = legacyBackend
		dirs = nil
	}
	s.c.fact("build-backend " + backend)
	if len(dirs) > 0 {
		s.inTree(backend, dirs)
		return
	}
	module, _, _ := strings.Cut(backend, ":")
	s.backend(module)
	if strings.Contains(backend, "__legacy__") {
		// The legacy backend puts the root on sys.path; so does this analysis always.
		return
	}
}

var requirementName = regexp.MustCompile(`^\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)`)

var separators = regexp.MustCompile(`[-_.]+`)

// normalized is a project name by PEP 503; "" if s begins with none.
func normalized(s string) string {
	m := requirementName.FindStringSubmatch(s)
	if m == nil {
		return ""
	}
	return strings.ToLower(separators.ReplaceAllString(m[1], "-"))
}

// requirements notes what is installed beside the code and runs there.
func (s *sdist) requirements(requires []string, source string) {
	unknown := false
	for _, r := range requires {
		name := normalized(r)
		if name == "" {
			s.c.fact("build-requires " + r)
			unknown = true
			continue
		}
		if _, url, found := strings.Cut(r, "@"); found {
			// A direct reference names a place outside of every index.
			s.c.fact("build-requires " + name + " @ " + strings.TrimSpace(url))
			s.c.kind(buildcode.BuildBackend)
			s.c.use(buildcode.Network, source, 0, r)
			s.c.use(buildcode.LoadCode, source, 0, r)
		} else {
			s.c.fact("build-requires " + name)
		}
		s.require = append(s.require, name)
		s.c.s.Dependencies = append(s.c.s.Dependencies, name)
		unknown = unknown || !knownRequirement(name)
	}
	if unknown {
		// Being installed beside the backend is enough to run: plug-ins are found by
		// entry point, .pth files by lying there.
		s.c.kind(buildcode.BuildBackend)
	}
}

// knownRequirements are backends, plug-ins and libraries that packages commonly
// build with. Anything else makes a surface of its own.
var knownRequirements = set(`setuptools wheel pip setuptools-scm setuptools-git-versioning setuptools-rust setuptools-golang hatchling hatch-vcs hatch-fancy-pypi-readme hatch-requirements-txt hatch-nodejs-version
	hatch-jupyter-builder hatch-cython hatch-regex-commit hatch-docstring-description hatch-mypyc hatch-build-scripts uv-dynamic-versioning flit flit-core flit-scm poetry poetry-core poetry-dynamic-versioning
	pdm-backend pdm-pep517 pdm-build-locked uv-build maturin meson meson-python ninja cmake scikit-build scikit-build-core pybind11 nanobind cython cython-cmake numpy scipy oldest-supported-numpy cffi pycparser
	packaging tomli tomlkit toml typing-extensions types-setuptools types-psutil versioneer versioningit incremental pbr calver trove-classifiers editables pathspec pluggy attrs
	whey sip pyqt-builder jupyter-packaging jupyterlab pkgconfig pythran mypy expandvars swig patchelf patchelf-wrapper zest-releaser py-build-cmake enscons vcs-versioning
	importlib-metadata importlib-resources semantic-version cppy certifi tree-sitter wurlitzer setupmeta setuptools-twine git-versioner dunamai extension-helpers pytest-runner astropy-helpers puccinialin sphinx-theme-builder cython-lint build`)

func knownRequirement(name string) bool {
	return knownRequirements[name] || strings.HasPrefix(name, "types-")
}

// backend dispatches on a backend's module.
func (s *sdist) backend(module string) {
	if s.done == nil {
		s.done = make(map[string]bool)
	}
	if s.done[module] {
		return
	}
	s.done[module] = true
	top, _, _ := strings.Cut(module, ".")
	switch {
	case declarative[module]:
	case top == "setuptools" || top == "pbr" || top == "jupyter_packaging" || top == "setuptools_rust" || top == "setupmeta" || top == "setuptools_git_versioning" || top == "versioningit":
		s.setuptools()
	case top == "hatchling":
		s.hatch()
	case top == "poetry" || top == "poetry_dynamic_versioning":
		s.poetry()
	case top == "pdm":
		s.pdm()
	case top == "flit_core" || top == "flit" || top == "flit_scm":
		// flit_core reads the version and docstring from the syntax tree, and imports
		// the module only if it finds no literal there.
		s.flit()
	case top == "uv_build" || top == "uv":
	case top == "mesonpy" || top == "mesonpep517":
		s.c.fact("meson")
		s.native(func(p string) bool { return p == "meson.build" || p == "meson.options" || p == "meson_options.txt" })
		// A copy of Meson in the package is run in place of the installed one.
		if program := s.project.table("tool", "meson-python").text("meson"); program != "" {
			s.c.fact("meson program " + program)
			s.script(buildcode.BuildBackend, program, "pyproject.toml")
		}
	case top == "scikit_build_core" || top == "py_build_cmake" || top == "cmeel" || top == "skbuild":
		s.cmake(top)
	case top == "maturin":
		s.c.fact("maturin")
		s.cargo()
	case top == "sipbuild" || top == "pyqtbuild":
		s.sip()
	case top == "cffi_buildtool" || top == "enscons" || top == "pymsbuild" || top == "whey" || top == "trampolim" || top == "sphinx_theme_builder":
		s.scripts("SConstruct", "_msbuild.py")
	default:
		// It comes from a build requirement and may run any file of the package.
		s.c.kind(buildcode.BuildBackend)
		s.c.use(buildcode.Unanalysed, "pyproject.toml", 0, fmt.Sprintf("build-backend = %q is not known", module))
		if s.c.has("setup.py") {
			s.setuptools()
		}
		s.c.everyFile()
	}
}

// declarative backends run no code of a package in any configuration.
var declarative = set(`flit.buildapi2 uv_build`)

// inTree follows a backend that lies in the archive.
func (s *sdist) inTree(backend string, dirs []string) {
	s.c.kind(buildcode.BuildBackend)
	module, object, _ := strings.Cut(backend, ":")
	found := value{}
	for _, dir := range dirs {
		s.c.fact("backend-path " + dir)
		clean, inside := insidePath(dir)
		if !inside {
			s.c.use(buildcode.Unanalysed, "pyproject.toml", 0, fmt.Sprintf("backend-path %q leads out of the archive", dir))
			continue
		}
		s.p.addRoot(clean)
		if clean == "." {
			clean = ""
		}
		found = join(found, s.p.findIn(module, clean))
	}
	s.p.export(found)
	if found.empty() {
		s.c.use(buildcode.Unanalysed, "pyproject.toml", 0, fmt.Sprintf("build-backend %q is not in its backend-path", module))
		s.backend(module)
	}
	_ = object
	if top, _, _ := strings.Cut(module, "."); top == "mesonpy" || top == "hatchling" || top == "flit_core" || top == "poetry" || top == "maturin" || top == "setuptools" || top == "pdm" || top == "scikit_build_core" {
		s.backend(module) // a copy of a known one does what that does
	}
}

// wrapped adds what shows only when the code is known: what entry points beside
// it name, and what known backends run that an in-tree backend hands over to.
func (s *sdist) wrapped() {
	before := len(s.p.order) + len(s.p.other)
	s.entryPoints()
	for _, module := range sorted(s.p.imports) {
		switch module {
		case "setuptools.build_meta", "setuptools", "distutils.core":
			if s.c.s.Has(buildcode.BuildBackend) && s.project.table("build-system")["backend-path"] != nil {
				s.backend("setuptools.build_meta")
			}
		case "mesonpy", "scikit_build_core.build", "poetry.core.masonry.api", "poetry.core.masonry", "hatchling.build", "maturin", "pdm.backend", "flit_core.buildapi":
			s.backend(module)
		}
	}
	if len(s.p.order)+len(s.p.other) != before {
		s.p.finish()
	}
}

// script follows a Python file that a backend runs. Configuration may name one
// that is not there; then the build fails, or a default applies.
func (s *sdist) script(kind buildcode.Kind, name, source string) {
	clean, inside := insidePath(name)
	switch {
	case !inside:
		s.c.kind(kind)
		s.c.use(buildcode.Unanalysed, source, 0, fmt.Sprintf("%q leads out of the archive", name))
	case s.c.has(clean):
		s.c.kind(kind)
		s.p.enter(clean)
		s.p.addRoot(path.Dir(clean))
	default:
		s.c.kind(kind)
		s.c.use(buildcode.Unanalysed, source, 0, fmt.Sprintf("%q is not in the archive", name))
	}
}

// scripts follows those of the named files that are there.
func (s *sdist) scripts(names ...string) {
	for _, name := range names {
		if s.c.has(name) {
			s.script(buildcode.BuildBackend, name, name)
		}
	}
}

// native adds every file that match accepts, which a compiler's driver reads.
func (s *sdist) native(match func(string) bool) {
	s.c.kind(buildcode.BuildBackend)
	s.c.s.Capabilities = append(s.c.s.Capabilities, buildcode.Compile)
	for _, f := range s.c.a.Files() {
		if match(f.Path) && !slices.Contains(s.p.other, f.Path) {
			s.p.other = append(s.p.other, f.Path)
		}
	}
}

func (s *sdist) cmake(top string) {
	s.c.fact("cmake")
	settings := s.project.table("tool", "scikit-build")
	root := orDefault(settings.table("cmake").text("source-dir"), s.project.table("tool", "py-build-cmake", "cmake").text("source_path"))
	root = path.Join(root, "CMakeLists.txt")
	s.native(func(p string) bool { return p == root })
	for name, provider := range settings.table("metadata") {
		t, _ := provider.(map[string]any)
		s.c.fact(fmt.Sprintf("scikit-build metadata %s from %s", name, table(t).text("provider")))
		if dir := table(t).text("provider-path"); dir != "" {
			s.object(table(t).text("provider"), "pyproject.toml", dir)
		}
	}
	if top == "skbuild" {
		s.setuptools()
	}
}

// maxCrates bounds how many manifests of one sdist are read.
const maxCrates = 500

// cargo adds what cargo reads: manifests, build scripts, and all sources of a
// procedural macro, which runs inside of the compiler. Every crate of the archive
// counts, since nothing here decides which of them are built.
func (s *sdist) cargo() {
	s.c.fact("cargo")
	s.native(cargoFile)
	crates := s.crates()
	if len(crates) > maxCrates {
		s.c.use(buildcode.Unanalysed, crates[maxCrates], 0, "too many crates")
		crates = crates[:maxCrates]
	}
	for _, manifest := range crates {
		t := s.toml(manifest)
		dir := path.Dir(manifest)
		library := t.table("lib")
		macro := library["proc-macro"] == true || library["proc_macro"] == true || slices.Contains(append(library.texts("crate-type"), library.texts("crate_type")...), "proc-macro")
		script := path.Join(dir, orDefault(t.table("package").text("build"), "build.rs"))
		sources := path.Join(dir, path.Dir(orDefault(library.text("path"), "src/lib.rs"))) + "/"
		s.native(func(p string) bool {
			return p == script || macro && path.Ext(p) == ".rs" && (sources == "./" || strings.HasPrefix(p, sources))
		})
	}
}

func (s *sdist) sip() {
	s.c.kind(buildcode.BuildBackend)
	s.c.s.Capabilities = append(s.c.s.Capabilities, buildcode.Compile)
	if s.c.has("project.py") {
		s.script(buildcode.BuildBackend, "project.py", "pyproject.toml")
	}
}

// object follows the module of "module:object" or "module.object", below dirs.
func (s *sdist) object(name, source string, dirs ...string) {
	s.c.kind(buildcode.BuildBackend)
	module, _, _ := strings.Cut(strings.TrimSpace(name), ":")
	module, _, _ = strings.Cut(module, "(")
	dirs = append(dirs, "")
	for {
		found := false
		for _, dir := range dirs {
			if v := s.p.findIn(module, dir); len(v.paths) > 0 {
				s.p.addRoot(dir)
				s.p.export(v)
				found = true
			}
		}
		if found {
			return
		}
		i := strings.LastIndexByte(module, '.')
		if i < 0 {
			break
		}
		module = module[:i]
	}
	s.c.use(buildcode.Unanalysed, source, 0, fmt.Sprintf("%q is not in the archive", name))
}

// sorted is the keys of a map in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func sortedPairs(pairs map[string]string) [][2]string {
	var out [][2]string
	for _, name := range sorted(pairs) {
		out = append(out, [2]string{name, pairs[name]})
	}
	return out
}
