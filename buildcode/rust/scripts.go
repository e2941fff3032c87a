package rust

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// shebang reports whether a file begins as a script does, which needs no ending.
func (b *builder) shebang(name string) bool {
	head, err := b.files.archive.Head(name)
	return err == nil && !besides(name) && bytes.HasPrefix(head, []byte("#!")) && !bytes.HasPrefix(head, []byte("#!["))
}

// askers only tell about themselves or translate: what they start is not in the
// package.
var askers = wordSet("rustc cargo rustfmt rustdoc git pkg-config pkgconf llvm-config xcrun cc gcc clang c++ g++ clang++ ar ld as nm ranlib objcopy nasm yasm")

// interpreters by the files that they run.
var interpreters = map[string]string{
	"perl": ".pl", "python": ".py", "python3": ".py", "python2": ".py", "ruby": ".rb", "node": ".js", "php": ".php", "lua": ".lua",
	"powershell": ".ps1", "pwsh": ".ps1", "cmd": ".bat",
}

// scripts adds what lies in the package and may be started, if the code starts
// programs or hands the build to another build system.
func (b *builder) scripts() {
	starts, builds := false, false
	suffixes := map[string]bool{}
	started := map[string]bool{}
	for _, u := range b.surface.Uses {
		name, runs := strings.CutPrefix(string(u.Capability), "run:")
		started[name] = started[name] || runs
		starts = starts || runs && !askers[name] || u.Capability == buildcode.LoadCode
		if interpreters[name] != "" {
			suffixes[interpreters[name]] = true
		}
	}
	for _, name := range b.m.build.names() {
		builds = builds || slices.Contains([]string{"cmake", "autotools", "meson", "qmake", "openssl-src"}, name)
	}
	starts = b.settings(started) || starts
	if !starts && !builds || !b.m.runs() {
		return
	}
	for _, f := range b.files.archive.Files() {
		base := path.Base(f.Path)
		switch {
		case f.Link != "":
		case buildFile(base), starts && (suffixes[path.Ext(base)] || b.literals[f.Path] && !besides(f.Path) && script(f.Path) || b.literals["./"+f.Path]):
			b.paths[f.Path] = true
		case starts && (b.embedded(f.Path) || b.shebang(f.Path)):
			b.paths[f.Path] = true
		}
	}
	b.readScripts(b.started())
}

// toolSettings matches settings of cargo that name what it starts.
var toolSettings = regexp.MustCompile(`(?m)^[^#\n]*\b(rustc|rustc-wrapper|rustc-workspace-wrapper|rustdoc|linker|runner|credential-provider)["']?\s*=`)

// settings adds files by which a program, started in the package's directory,
// starts something else: cargo's own settings, and a repository for git. It reports
// whether there are any.
func (b *builder) settings(started map[string]bool) (found bool) {
	also := func(name, text string) {
		found = true
		b.paths[name] = true
		b.surface.Uses = append(b.surface.Uses, buildcode.Use{Capability: buildcode.RunUnknown, Path: name, Text: text})
	}
	for _, f := range b.files.archive.Files() {
		dir, base := path.Split(strings.ToLower(f.Path))
		switch {
		case f.Link != "":
		case started["cargo"] && strings.HasSuffix("/"+dir, "/.cargo/") && (base == "config" || base == "config.toml"):
			data, err := b.files.archive.ReadFile(f.Path)
			if err != nil || toolSettings.Match(data) {
				also(f.Path, "settings of cargo, which is started")
			}
		case started["git"] && base == "config" && (b.files.archive.Has(path.Join(path.Dir(f.Path), "HEAD")) || strings.HasSuffix("/"+dir, "/.git/")):
			also(f.Path, "a repository in the package, and git is started")
		}
	}
	return found
}

// buildFile reports whether a file of that name is run by make, cmake and shells.
func buildFile(base string) bool {
	return base == "configure" || base == "CMakeLists.txt" || base == "meson.build" ||
		strings.HasPrefix(base, "Makefile") || strings.HasPrefix(base, "makefile") || strings.HasPrefix(base, "GNUmakefile") ||
		slices.Contains([]string{".sh", ".cmake", ".mk", ".m4", ".bat", ".cmd", ".ps1", ".ninja"}, path.Ext(base))
}

// script reports whether a file named in the code may itself be run.
func script(p string) bool {
	switch path.Ext(p) {
	case "", ".py", ".pl", ".rb", ".js", ".php", ".lua", ".tcl", ".exe", ".jar", ".wasm", ".so", ".dll", ".dylib":
		return true
	}
	return false
}
