package python

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// setuptools runs setup.py, and imports what the configuration names as code.
func (s *sdist) setuptools() {
	if s.c.has("setup.py") {
		s.c.kind(buildcode.SetupScript)
		s.p.addRoot("")
		s.p.enter("setup.py")
	}
	s.setuptoolsConfig()
	s.setuptoolsProject()
	if len(s.crates()) > 0 && (slices.Contains(s.require, "setuptools-rust") || s.project.table("tool")["setuptools-rust"] != nil) {
		s.c.fact("setuptools-rust")
		s.cargo()
	}
	if s.project.table("tool", "scikit-build") != nil || slices.Contains(s.require, "scikit-build") {
		if s.c.has("CMakeLists.txt") {
			s.cmake("")
		}
	}
}

// setuptoolsConfig reads the parts of setup.cfg that name code.
func (s *sdist) setuptoolsConfig() {
	const source = "setup.cfg"
	dirs := append(s.packageDirs(configPairs(s.setup["options"]["package_dir"])), s.topDirs()...)
	for _, section := range sorted(s.setup) {
		options := s.setup[section]
		for _, name := range sorted(options) {
			value := options[name]
			switch {
			case name == "cmdclass":
				for _, class := range sortedPairs(configPairs(value)) {
					s.c.fact("cmdclass " + class[0] + " = " + class[1])
					s.object(class[1], source, dirs...)
				}
			case name == "command_packages" && section == "global":
				for _, p := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' }) {
					s.c.fact("command_packages " + p)
					if p != "distutils.command" {
						s.commandPackage(p, dirs)
					}
				}
			case section == "aliases" && buildCommands[name]:
				s.c.fact("alias " + name + " = " + strings.TrimSpace(value))
				s.alias(value)
			case section == "build_ext" && name == "swig":
				program := strings.TrimSpace(value)
				s.c.fact("swig " + program)
				if file, inside := insidePath(program); inside && s.c.has(file) {
					s.p.start(file)
				}
			case name == "setup_requires" && section == "options":
				for _, r := range configList(value) {
					s.c.fact("setup-requires " + normalized(r))
					s.c.s.Dependencies = append(s.c.s.Dependencies, normalized(r))
					if !knownRequirement(normalized(r)) {
						s.c.kind(buildcode.BuildBackend)
					}
				}
			case section == "options.entry_points" && (strings.HasPrefix(name, "distutils.") || strings.HasPrefix(name, "setuptools.") || name == "egg_info.writers"):
				for _, line := range configList(value) {
					s.c.fact(name + " " + line)
				}
			case section == "metadata" || section == "options":
				if target, found := strings.CutPrefix(strings.TrimSpace(value), "attr:"); found {
					s.attr(strings.TrimSpace(target), source, dirs)
				}
			}
		}
	}
}

// buildCommands are what the backend makes setup.py do; an alias in setup.cfg may
// make more of them.
var buildCommands = set(`egg_info dist_info bdist_wheel editable_wheel sdist build build_py build_ext build_clib build_scripts install install_lib install_data install_headers install_scripts develop clean bdist_egg`)

// alias looks at the commands that an alias stands for.
func (s *sdist) alias(value string) {
	for word := range strings.FieldsSeq(value) {
		if fetchingCommands[word] {
			s.c.kind(buildcode.SetupScript)
			s.c.use(buildcode.Network, "setup.cfg", 0, value)
		}
	}
}

// entryPoints follows what the .egg-info and .dist-info directories of the package
// offer to setuptools and to pluggy: beside a directory on sys.path they count as
// installed. setuptools' legacy backend puts the root there, setup.py may put any.
func (s *sdist) entryPoints() {
	for _, f := range s.c.a.Files() {
		info, base := path.Split(f.Path)
		info = strings.TrimSuffix(info, "/")
		if base != "entry_points.txt" || path.Ext(info) != ".egg-info" && path.Ext(info) != ".dist-info" {
			continue
		}
		root := path.Dir(info)
		if root == "." {
			root = ""
		}
		data, err := s.c.a.ReadFile(f.Path)
		if err != nil || !slices.Contains(s.p.roots, root) {
			continue
		}
		groups, err := parseConfig(data)
		if err != nil {
			s.c.take(f.Path)
			s.c.use(buildcode.Unanalysed, f.Path, 0, err.Error())
		}
		for _, group := range sorted(groups) {
			if !builderGroup(group) {
				continue
			}
			for _, name := range sorted(groups[group]) {
				object := strings.TrimSpace(groups[group][name])
				s.c.fact(group + " " + name + " = " + object)
				s.c.add(f.Path)
				s.object(object, f.Path, root)
			}
		}
	}
}

// builderGroup reports whether a backend or a common plug-in of one loads the
// entry points of a group.
func builderGroup(group string) bool {
	top, _, _ := strings.Cut(group, ".")
	switch top {
	case "distutils", "setuptools", "egg_info", "setuptools_scm", "hatch", "poetry", "pdm", "validate_pyproject", "scikit_build", "cffi", "versioningit", "setuptools_git_versioning":
		return true
	}
	return false
}

// commandPackage is a package whose modules are setup.py's commands.
func (s *sdist) commandPackage(name string, dirs []string) {
	before := len(s.p.order)
	for _, dir := range append(slices.Clone(dirs), "") {
		base := path.Join(dir, strings.ReplaceAll(name, ".", "/"))
		for _, f := range s.c.a.Files() {
			if path.Dir(f.Path) == base && path.Ext(f.Path) == ".py" {
				s.script(buildcode.BuildBackend, f.Path, "setup.cfg")
			}
		}
	}
	if len(s.p.order) == before && len(s.c.s.Kinds) == 0 {
		s.c.kind(buildcode.BuildBackend) // of a build requirement
	}
}

// packageDirs are the directories that package_dir maps the root of packages to.
func (s *sdist) packageDirs(pairs map[string]string) []string {
	var dirs []string
	for _, dir := range pairs {
		if clean, inside := insidePath(dir); inside {
			dirs = append(dirs, clean)
		}
	}
	// Automatic discovery takes src/ if there is one.
	if s.c.isDir("src") {
		dirs = append(dirs, "src")
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// topDirs are directories that a package_dir in setup.py may name.
func (s *sdist) topDirs() []string {
	var dirs []string
	for dir := range s.c.dirs {
		if !strings.Contains(dir, "/") {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return dirs
}

// crates are the manifests of Rust crates in the archive.
func (s *sdist) crates() []string {
	var out []string
	for _, f := range s.c.a.Files() {
		if path.Base(f.Path) == "Cargo.toml" {
			out = append(out, f.Path)
		}
	}
	return out
}

// attr is "attr: package.module.NAME". setuptools looks for a literal in the
// syntax tree first, and imports the module where it finds none
// (setuptools/config/expand.py, read_attr and StaticModule).
func (s *sdist) attr(target, source string, dirs []string) {
	i := strings.LastIndexByte(target, '.')
	if i < 0 {
		i = 0
	}
	module, name := target[:i], strings.TrimPrefix(target[i:], ".")
	base := strings.ReplaceAll(module, ".", "/")
	// Which of several directories setuptools takes, package_dir decides, which
	// setup.py may set: all count, so that none serves as a decoy for another.
	found := false
	for _, dir := range append(slices.Clone(dirs), "") {
		for _, file := range []string{path.Join(dir, base+".py"), path.Join(dir, base, "__init__.py")} {
			if base == "" {
				file = path.Join(dir, "__init__.py")
			}
			if !s.c.has(file) {
				continue
			}
			found = true
			if s.literal(file, name) {
				continue
			}
			s.c.fact("attr " + target)
			s.c.kind(buildcode.BuildBackend)
			s.p.addRoot(dir)
			s.p.findIn(module, dir) // imports it, calls nothing
		}
	}
	if found {
		return
	}
	s.c.fact("attr " + target)
	s.c.kind(buildcode.BuildBackend)
	s.c.use(buildcode.Unanalysed, source, 0, fmt.Sprintf("attr: %s is not in the archive", target))
}

// literal reports whether the first top-level assignment to name in file is a
// literal, so that nobody needs to run the file to know it.
func (s *sdist) literal(file, name string) bool {
	real, _ := s.c.resolve(file)
	data, err := s.c.a.ReadFile(real)
	if err != nil {
		return false
	}
	src, err := decodeSource(data)
	if err != nil {
		return false
	}
	lines, err := tokenize(src)
	if err != nil {
		return false
	}
	for _, line := range lines {
		toks := line.tokens
		if line.indent != 0 || len(toks) < 3 {
			continue
		}
		if !toks[0].isName(name) {
			// "x = name = f()" or "import os; name = f()" comes before what is plain.
			if assigns(toks, name) {
				return false
			}
			continue
		}
		at := 1
		if toks[1].is(":") { // annotated
			for at < len(toks) && !toks[at].is("=") {
				at++
			}
		}
		if at >= len(toks)-1 || !toks[at].is("=") {
			continue
		}
		for _, t := range toks[at+1:] {
			plain := t.kind == stringToken && len(t.fields) == 0 || t.kind == numberToken || t.is(",") || t.is("(") || t.is(")") || t.is("[") || t.is("]") || t.is("-")
			if !plain {
				return false
			}
		}
		return !callsLiteral(toks[at+1:])
	}
	return false
}

// assigns reports whether name is bound somewhere behind the first token of a line.
func assigns(toks []token, name string) bool {
	for i := 1; i+1 < len(toks); i++ {
		if toks[i].isName(name) && (toks[i+1].is("=") || toks[i+1].is(":")) {
			return true
		}
	}
	return false
}

// callsLiteral: "x"(...) or "x"[0] is no literal, though its tokens are.
func callsLiteral(toks []token) bool {
	for i := 1; i < len(toks); i++ {
		after := toks[i-1].kind == stringToken || toks[i-1].kind == numberToken || toks[i-1].is(")") || toks[i-1].is("]")
		if after && (toks[i].is("(") || toks[i].is("[")) {
			return true
		}
	}
	return false
}

// setuptoolsProject reads the parts of [tool.setuptools] that name code.
func (s *sdist) setuptoolsProject() {
	const source = "pyproject.toml"
	t := s.project.table("tool", "setuptools")
	pairs := make(map[string]string)
	for _, dir := range t.table("package-dir") {
		if text, ok := dir.(string); ok {
			pairs[text] = text
		}
	}
	for i, dir := range t.table("packages", "find").texts("where") {
		pairs[fmt.Sprint(i)] = dir
	}
	dirs := append(s.packageDirs(pairs), s.topDirs()...)
	for _, field := range sorted(t.table("dynamic")) {
		if attr := t.table("dynamic", field).text("attr"); attr != "" {
			s.attr(attr, source, dirs)
		}
	}
	for _, command := range sorted(t.table("cmdclass")) {
		class := t.table("cmdclass").text(command)
		s.c.fact("cmdclass " + command + " = " + class)
		s.object(class, source, dirs...)
	}
	if extensions, ok := t["ext-modules"].([]any); ok && len(extensions) > 0 {
		s.c.kind(buildcode.BuildBackend)
		s.c.use(buildcode.Compile, source, 0, "[tool.setuptools] ext-modules")
	}
}

// hatch runs hooks of the package that the configuration calls custom.
func (s *sdist) hatch() {
	t := s.project.table("tool", "hatch")
	if s.c.has("hatch.toml") {
		s.hatchConfig(s.toml("hatch.toml"), "hatch.toml") // which may hold what [tool.hatch] may
	}
	s.hatchConfig(t, "pyproject.toml")
}

func (s *sdist) hatchConfig(t table, source string) {
	s.hatchRequires(t.table("build"), source)
	for _, target := range sorted(t.table("build", "targets")) {
		s.hatchRequires(t.table("build", "targets", target), source)
	}
	s.hatchHooks(t.table("build", "hooks"), source)
	for _, target := range sorted(t.table("build", "targets")) {
		settings := t.table("build", "targets", target)
		s.hatchHooks(settings.table("hooks"), source)
		if target == "custom" {
			s.script(buildcode.BuildBackend, orDefault(settings.text("path"), "hatch_build.py"), source)
		}
	}
	s.hatchHooks(t.table("metadata", "hooks"), source)
	version := t.table("version")
	switch kind := version.text("source"); {
	case kind == "code":
		for _, dir := range version.texts("search-paths") {
			if clean, inside := insidePath(dir); inside {
				s.p.addRoot(clean)
			}
		}
		s.script(buildcode.BuildBackend, version.text("path"), source)
	case kind != "" && kind != "regex" && kind != "env":
		s.c.fact("hatch version source " + kind)
	}
}

// hatchRequires notes what hatchling asks to be installed beside the code: the
// dependencies of a target and those of its hooks.
func (s *sdist) hatchRequires(t table, source string) {
	s.requirements(t.texts("dependencies"), source)
	for _, hook := range sorted(t.table("hooks")) {
		s.requirements(t.table("hooks", hook).texts("dependencies"), source)
	}
}

// hatchHooks takes the hooks of a table. Those of plug-ins are build requirements.
func (s *sdist) hatchHooks(hooks table, source string) {
	for _, name := range sorted(hooks) {
		settings := hooks.table(name)
		if name == "custom" {
			s.script(buildcode.BuildBackend, orDefault(settings.text("path"), "hatch_build.py"), source)
			continue
		}
		s.c.fact("hatch hook " + name)
		switch name {
		case "mypyc", "cython":
			s.c.kind(buildcode.BuildBackend)
			s.c.s.Capabilities = append(s.c.s.Capabilities, buildcode.Compile)
		case "jupyter-builder":
			// It runs npm, or a function that the configuration names.
			s.c.kind(buildcode.BuildBackend)
			s.c.use(buildcode.RunUnknown, source, 0, "hatch hook jupyter-builder")
		case "build-scripts", "scripts":
			s.c.kind(buildcode.BuildBackend)
			s.c.use(buildcode.RunUnknown, source, 0, "hatch hook "+name)
		}
	}
}

func orDefault(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// poetry runs a build script: [tool.poetry.build], or the older string form.
func (s *sdist) poetry() {
	t := s.project.table("tool", "poetry")
	script := t.table("build").text("script")
	if text, ok := t["build"].(string); ok {
		script = text
	}
	if script != "" {
		s.c.fact("poetry build script " + script)
		s.script(buildcode.BuildBackend, script, "pyproject.toml")
	}
	// generate-setup-file makes poetry build through setup.py as well.
	if generate, _ := t.table("build")["generate-setup-file"].(bool); generate && s.c.has("setup.py") {
		s.script(buildcode.SetupScript, "setup.py", "pyproject.toml")
	}
}

// pdm loads pdm_build.py by its name alone, or the hook that is named.
func (s *sdist) pdm() {
	t := s.project.table("tool", "pdm")
	build := t.table("build")
	hook := build.text("custom-hook")
	if hook != "" || s.c.has("pdm_build.py") {
		s.script(buildcode.BuildBackend, orDefault(hook, "pdm_build.py"), "pyproject.toml")
	}
	if script := build.text("setup-script"); script != "" {
		s.script(buildcode.BuildBackend, script, "pyproject.toml")
	}
	if old, ok := t["build"].(string); ok {
		s.script(buildcode.BuildBackend, old, "pyproject.toml")
	}
	if run, _ := build["run-setuptools"].(bool); run {
		s.setuptools()
	}
	version := t.table("version")
	if version.text("source") == "call" {
		s.c.fact("pdm version getter " + version.text("getter"))
		s.object(version.text("getter"), "pyproject.toml", "src")
	}
}

// flit imports the module only where its version is not a literal
// (flit_core/common.py, get_docstring_and_version_via_ast and _via_import).
func (s *sdist) flit() {
	dynamic := s.project.table("project").texts("dynamic")
	metadata := s.project.table("tool", "flit", "metadata")
	version := slices.Contains(dynamic, "version") || metadata != nil
	summary := slices.Contains(dynamic, "description") || metadata != nil
	if !version && !summary {
		return
	}
	name := s.project.table("tool", "flit", "module").text("name")
	name = orDefault(name, metadata.text("module"))
	name = orDefault(name, strings.ReplaceAll(s.project.table("project").text("name"), "-", "_"))
	base := strings.ReplaceAll(name, ".", "/")
	for _, file := range []string{base + "/__init__.py", base + ".py", "src/" + base + "/__init__.py", "src/" + base + ".py"} {
		if s.c.has(file) {
			if version && !s.literal(file, "__version__") || summary && !s.documented(file) {
				s.c.kind(buildcode.BuildBackend)
				s.p.addRoot("src")
				s.p.follow(file) // imports it, calls nothing
			}
			return
		}
	}
}

// documented reports whether a file begins with a docstring.
func (s *sdist) documented(file string) bool {
	real, _ := s.c.resolve(file)
	data, err := s.c.a.ReadFile(real)
	if err != nil {
		return false
	}
	src, err := decodeSource(data)
	if err != nil {
		return false
	}
	lines, err := tokenize(src)
	if err != nil || len(lines) == 0 {
		return false
	}
	for i, t := range lines[0].tokens {
		if t.kind != stringToken || len(t.fields) > 0 || t.bytes {
			return i > 0 && t.is(";")
		}
	}
	return true
}

// setupRequires notes what setup() asks to be installed while it runs.
func (s *sdist) setupRequires() {
	for _, name := range s.p.setupRequires {
		s.c.fact("setup-requires " + name)
		s.c.s.Dependencies = append(s.c.s.Dependencies, name)
	}
}
