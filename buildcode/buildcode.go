// Package buildcode describes the code of a package that runs while the package
// is built or installed, or when an interpreter merely starts: which files it
// consists of, what it is able to do, and how two releases differ in it.
// buildcode/rust and buildcode/python find it in an archive; buildcode/script reads
// the scripts among it for both.
//
// Analysis is lexical with name resolution and over-approximates. What cannot be
// decided is Unanalysed, never nothing. No code of a package is ever run.
package buildcode

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper"
)

// Kind says by what way code gets to run.
type Kind string

const (
	BuildScript  Kind = "build-script"  // Rust: build.rs and what it reaches
	ProcMacro    Kind = "proc-macro"    // Rust: runs inside the compiler
	SetupScript  Kind = "setup-script"  // Python: setup.py
	BuildBackend Kind = "build-backend" // Python: an in-tree backend, or a backend that runs code of the package (hooks, meson.build, CMakeLists.txt)
	StartupHook  Kind = "startup-hook"  // Python: .pth, .start, sitecustomize
	// LinkedLibrary is not build code by itself: a Rust library that is linked into
	// the build code of other packages.
	LinkedLibrary Kind = "linked-library"
)

// Capability is one thing that build code is able to do.
type Capability string

// Capabilities. "run:NAME" is made by Run.
const (
	Compile        Capability = "compile"         // through the known helpers: cc, cmake, bindgen, pkg-config ...
	RunUnknown     Capability = "run:?"           // a program that cannot be named
	Network        Capability = "network"         //
	ReadEnv        Capability = "read-env"        // beyond the build system's own variables
	ReadFiles      Capability = "read-files"      // outside the package and the output directory
	WriteFiles     Capability = "write-files"     // outside the output directory
	Home           Capability = "home"            // the home directory and what is kept there
	LoadCode       Capability = "load-code"       // dlopen, ctypes, exec/eval, dynamic import
	Decode         Capability = "decode"          // base64/hex/zlib material turned into code, addresses or commands
	EmbeddedBinary Capability = "embedded-binary" // an executable lies in the package beside code that runs programs
	Unanalysed     Capability = "unanalysed"      // something could not be resolved
)

// Run is the capability to start the literal program name: "run:perl".
func Run(name string) Capability { return Capability("run:" + name) }

// Grave reports whether c is more than ordinary building, so that accepting it
// must pin the exact code: anything but compiling, the environment, files and
// programs that are part of building anywhere.
func (c Capability) Grave() bool {
	switch c {
	case Compile, ReadEnv, ReadFiles, WriteFiles:
		return false
	}
	if name, ok := strings.CutPrefix(string(c), "run:"); ok {
		return !buildTool(name)
	}
	return true
}

// buildTools are programs that build scripts commonly start and that neither
// fetch anything nor run text that they are handed: compilers and their kin, other
// build systems, and what tells about the host. A name with a directory is none of
// these, nor is a shell or an interpreter.
var buildTools = strings.Fields(`ar as autoconf automake autoreconf bindgen brew c++ cargo cat cbindgen cc cl clang clang++ clang-cl cmake
	cmake3 cp cross dlltool dpkg-architecture emar emcc emcc.bat flatc freebsd-version g++ gcc getconf git glslc gmake install_name_tool
	ld ldconfig lib libtool libtoolize link lipo llvm-ar llvm-nm llvm-objcopy llvm-ranlib make meson mingw32-make ml ml64 nasm ninja nm nmake
	nproc nvcc objcopy otool perl pkg-config pkgconf protoc qmake ranlib rc rustc rustdoc rustfmt strip sw_vers tail uname windres
	xcode-select xcodebuild xcrun yasm`)

// buildTool reports whether a program is one of them, or tells about an installed
// library ("curl-config").
func buildTool(name string) bool {
	if slices.Contains(buildTools, name) {
		return true
	}
	return !strings.Contains(name, "/") && (strings.HasSuffix(name, "-config") || strings.HasSuffix(name, "_config"))
}

// Use is one place where a capability shows: file, line counted from 1 (0 for
// the file as a whole), and the text that gave it away, at most 200 bytes.
type Use struct {
	Capability Capability `json:"capability"`
	Path       string     `json:"path"`
	Line       int        `json:"line,omitempty"`
	Text       string     `json:"text,omitempty"`
}

// File is one file of a surface.
type File struct {
	Path   string            `json:"path"`
	Digest lockkeeper.Digest `json:"digest"`
	// Text is the content of a text file up to MaxText bytes, for showing what
	// changed; empty for binaries and for what is larger.
	Text string `json:"text,omitempty"`
}

// MaxText bounds File.Text.
const MaxText = 256 << 10

// Surface is the build-time code of one artifact. The zero Surface runs nothing.
type Surface struct {
	Kinds        []Kind       `json:"kinds,omitempty"`        // sorted; empty: nothing runs
	Files        []File       `json:"files,omitempty"`        // sorted by path
	Capabilities []Capability `json:"capabilities,omitempty"` // sorted
	Uses         []Use        `json:"uses,omitempty"`         // evidence, sorted by path and line, at most MaxUses
	// Facts are parts of manifests that decide what runs ("build-dependency cc",
	// "links = z"), sorted. They belong to the digest.
	Facts []string `json:"facts,omitempty"`
	// Dependencies are crates or build requirements that run beside this code.
	Dependencies []string `json:"dependencies,omitempty"`
	// Hooks are the start-up hooks of an sdist, with a digest of their own: the package
	// that is built from it brings them. nil where there are none, and for other files.
	Hooks *Surface `json:"hooks,omitempty"`
	// Digest covers Kinds, Facts and the sorted (path, digest) pairs of Files; it
	// is empty where nothing runs.
	Digest lockkeeper.Digest `json:"digest,omitempty"`
	// Partial: read by ranges, so that no digest of the lockfile covers it.
	Partial bool `json:"partial,omitempty"`
	// Origin is where the artifact says that it comes from, also where nothing runs;
	// nil where it says nothing. It does not belong to the digest.
	Origin *Origin `json:"origin,omitempty"`
}

// MaxUses bounds Surface.Uses.
const MaxUses = 200

// Runs reports whether there is any build-time code.
func (s Surface) Runs() bool { return len(s.Kinds) > 0 }

// Grave reports whether any capability of s is grave.
func (s Surface) Grave() bool { return slices.ContainsFunc(s.Capabilities, Capability.Grave) }

// Has reports whether s has kind k.
func (s Surface) Has(k Kind) bool { return slices.Contains(s.Kinds, k) }

// Seal sorts and bounds what is in s and computes its digest. Analysers call it
// last.
func (s *Surface) Seal() {
	slices.Sort(s.Kinds)
	s.Kinds = slices.Compact(s.Kinds)
	slices.SortFunc(s.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	s.Files = slices.CompactFunc(s.Files, func(a, b File) bool { return a.Path == b.Path })
	slices.Sort(s.Facts)
	s.Facts = slices.Compact(s.Facts)
	slices.Sort(s.Dependencies)
	s.Dependencies = slices.Compact(s.Dependencies)
	for i, u := range s.Uses {
		s.Capabilities = append(s.Capabilities, u.Capability)
		s.Uses[i].Text = clipText(u.Text)
	}
	slices.Sort(s.Capabilities)
	s.Capabilities = slices.Compact(s.Capabilities)
	s.Uses = boundUses(s.Uses)
	if !s.Runs() {
		*s = Surface{Partial: s.Partial, Origin: s.Origin, Hooks: s.Hooks}
		return
	}
	var b strings.Builder
	b.WriteString("lockkeeper surface 1\n")
	for _, k := range s.Kinds {
		b.WriteString("kind " + string(k) + "\n")
	}
	for _, f := range s.Facts {
		b.WriteString("fact " + strconv.Quote(f) + "\n")
	}
	for _, f := range s.Files {
		b.WriteString("file " + strconv.Quote(f.Path) + " " + string(f.Digest) + "\n")
	}
	s.Digest = lockkeeper.Sum([]byte(b.String()))
}

// boundUses sorts the evidence and cuts it to MaxUses, so that every capability
// keeps at least its first place: otherwise a file of harmless uses would push
// the grave ones out of sight.
func boundUses(uses []Use) []Use {
	order := func(a, b Use) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), a.Line-b.Line,
			strings.Compare(string(a.Capability), string(b.Capability)), strings.Compare(a.Text, b.Text))
	}
	slices.SortFunc(uses, order)
	uses = slices.Compact(uses)
	if len(uses) <= MaxUses {
		return slices.Clip(uses)
	}
	// Round by round, the next place of each capability.
	nth := map[Capability]int{}
	rank := make([]int, len(uses))
	index := make([]int, len(uses))
	for i, u := range uses {
		rank[i], index[i] = nth[u.Capability], i
		nth[u.Capability]++
	}
	slices.SortStableFunc(index, func(a, b int) int { return rank[a] - rank[b] })
	kept := make([]Use, 0, MaxUses)
	for _, i := range index[:MaxUses] {
		kept = append(kept, uses[i])
	}
	slices.SortFunc(kept, order)
	return kept
}

// maxUseText bounds Use.Text, in bytes.
const maxUseText = 200

// clipText makes evidence one bounded line of valid UTF-8, so that it survives
// being cached as JSON.
func clipText(s string) string {
	if len(s) > maxUseText {
		s = s[:maxUseText]
	}
	return strings.ToValidUTF8(s, "")
}

// Comparison of two surfaces.
type Comparison struct {
	Added, Removed, Changed []string     // paths
	Gained                  []Capability // capabilities of the new one that the old one lacks
	Facts                   bool         // kinds or facts differ
}

// Same reports whether nothing differs.
func (c Comparison) Same() bool {
	return len(c.Added)+len(c.Removed)+len(c.Changed)+len(c.Gained) == 0 && !c.Facts
}
