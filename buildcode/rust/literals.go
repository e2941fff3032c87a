package rust

import (
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// ordinaryVariables are those of cargo, of compilers and of the host that builds
// are made of.
var ordinaryVariables = wordSet(`OUT_DIR TARGET HOST NUM_JOBS OPT_LEVEL PROFILE DEBUG RUSTC RUSTDOC RUSTFMT MAKE MAKEFLAGS GNUMAKE NINJA CMAKE PERL PYTHON
	PYTHON3 NASM YASM GIT PROTOC PROTOC_INCLUDE DOCS_RS SOURCE_DATE_EPOCH PATH LIBRARY_PATH LD_LIBRARY_PATH DYLD_LIBRARY_PATH INCLUDE LIB LIBPATH C_INCLUDE_PATH CPATH
	SDKROOT DEVELOPER_DIR MACOSX_DEPLOYMENT_TARGET IPHONEOS_DEPLOYMENT_TARGET CROSS_COMPILE SYSROOT TERM NO_COLOR CI CLIPPY_ARGS MIRI
	LIBCLANG_PATH CLANG_PATH CLANG VisualStudioVersion VCINSTALLDIR VCToolsVersion WindowsSdkDir VSCMD_ARG_TGT_ARCH SystemRoot EMSDK PROCESSOR_ARCHITECTURE`)

var ordinaryPrefixes = []string{
	"RUSTC_", "RUSTUP_TOOLCHAIN", "DEP_", "PKG_CONFIG", "VCPKG", "CMAKE_", "LLVM_", "BINDGEN_", "ANDROID_NDK", "NDK_", "WASI_SDK", "MSVC_",
}

// compilerVariable matches CC, HOST_CFLAGS, CC_x86_64-unknown-linux-gnu and so on.
var compilerVariable = regexp.MustCompile(`^(HOST_|TARGET_|CROSS_|RUST)?(CC|CXX|CPP|AR|AS|LD|NM|RANLIB|OBJCOPY|STRIP|RC|CFLAGS|CXXFLAGS|CPPFLAGS|ARFLAGS|ASFLAGS|LDFLAGS|FLAGS|CXXSTDLIB|CRATE_CC_NO_DEFAULTS)(_.*)?$`)

// secret matches variables that hold what must not leave the host.
var secret = regexp.MustCompile(`(?i)token|secret|password|passwd|credential|api_?key|private|registr|access_key|auth`)

// homeVariables say where a person's files are.
var homeVariables = wordSet("HOME USERPROFILE HOMEPATH HOMEDRIVE APPDATA LOCALAPPDATA CARGO_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME XDG_STATE_HOME")

// envCapability tells what reading a variable means; false for the ordinary ones.
// own is the prefix of the package's own variables.
func envCapability(name, own string) (buildcode.Capability, bool) {
	switch {
	case homeVariables[name]:
		return buildcode.Home, true
	case secret.MatchString(name) && !strings.HasPrefix(name, "CARGO_PKG_") && !strings.HasPrefix(name, "CARGO_FEATURE_"):
		return buildcode.ReadEnv, true
	case ordinaryVariables[name], strings.HasPrefix(name, "CARGO"), compilerVariable.MatchString(name):
		return "", false
	case own != "" && strings.HasPrefix(strings.ToUpper(name), own),
		strings.HasPrefix(own, "LIB") && len(own) > 5 && strings.HasPrefix(strings.ToUpper(name), own[3:]):
		return "", false
	}
	if slices.ContainsFunc(ordinaryPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
		return "", false
	}
	return buildcode.ReadEnv, true
}

// private matches paths at which people keep what is theirs.
var private = regexp.MustCompile(`(^|[/\\"' ])(~[/\\]|\.ssh\b|\.aws\b|\.gnupg\b|\.npmrc\b|\.pypirc\b|\.netrc\b|\.git-credentials\b|\.kube\b|\.bash_history\b|\.zsh_history\b|\.bashrc\b|\.zshrc\b|\.docker/config|\.config/gh\b|id_rsa\b|id_ed25519\b|wallet\.dat\b)|\.cargo[/\\](credentials|config|bin)|^credentials(\.toml)?$|Login Data$|Local Storage`)

// mayBePrivate rules out most strings at little cost: what private matches has one of
// these.
func mayBePrivate(text string) bool {
	return strings.ContainsAny(text, "~.") || strings.Contains(text, "id_") || strings.HasPrefix(text, "credentials") ||
		strings.Contains(text, "Login Data") || strings.Contains(text, "Local Storage")
}

// linking matches arguments that make the compiler or linker load or start
// something else.
var linking = regexp.MustCompile(`-fuse-ld=[./{]|^-(wrapper|plugin|load|ccbin)$|-fpass-plugin=|-specs=|--ld-path|-fplugin=|-plugin[=, ]|-wrapper[=, ]|-Zcodegen-backend|codegen-backend=|(^|[ =,-]|-C)linker=|link-arg[a-z-]*=(-B|@|-specs)|LD_PRELOAD|DYLD_INSERT_LIBRARIES|LD_AUDIT|rustc-env=(PATH|COMPILER_PATH|GCC_EXEC_PREFIX)`)

// starting matches arguments of make and settings of git by which they start what
// is named.
var starting = regexp.MustCompile(`^(SHELL=|(CC|CXX|CPP|AR|AS|LD|MAKE|RUSTC|RUSTC_WRAPPER)=\.{0,2}/)|^(core\.(fsmonitor|sshCommand|pager|editor|hooksPath)|alias\.[a-z-]+|diff\.external|credential\.helper|filter\.[a-z-]+\.(clean|smudge|process))=`)

// systemFiles are read by nothing that builds.
var systemFiles = regexp.MustCompile(`^(/etc/(passwd|shadow|hosts|sudoers)|/proc/(self/(environ|mem|maps)|[0-9]+/)|/var/run/docker\.sock|/root(/|$))`)

// maxLiteral bounds the strings that are remembered, in bytes.
const maxLiteral = 4096

// literal looks at one string.
func (c *scanner) literal(s *source, i int) {
	text := s.tokens[i].text
	if len(text) < maxLiteral {
		c.literals[text] = true
	}
	switch {
	case mayBePrivate(text) && private.MatchString(text):
		c.use(s, i, buildcode.Home, "")
	case systemFiles.MatchString(text):
		c.use(s, i, buildcode.ReadFiles, "")
	case starting.MatchString(text):
		c.use(s, i, buildcode.RunUnknown, "")
	case strings.ContainsAny(text, "-_=") && linking.MatchString(text):
		c.use(s, i, buildcode.LoadCode, "")
	}
	if ownMemory.MatchString(text) && len(c.memories) < maxSeen {
		c.memories = append(c.memories, c.place(s, i, buildcode.LoadCode))
	}
	if encoded(text) {
		c.pack(s, i)
	}
}

// minEncoded is the length from which a string counts as encoded material.
const minEncoded = 24

var (
	hexText    = regexp.MustCompile(`^(0x)?[0-9a-fA-F]+$`)
	base64Text = regexp.MustCompile(`^[A-Za-z0-9+/_-]+={0,2}$`)
)

// encoded reports whether text looks like hex or base64 of something: long, in
// one alphabet, of mixed characters, and it decodes.
func encoded(text string) bool {
	text = strings.TrimSpace(text)
	if len(text) < minEncoded || len(text) > 1<<20 {
		return false
	}
	if hexText.MatchString(text) {
		_, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
		return err == nil
	}
	if !base64Text.MatchString(text) || strings.Count(text, "/")+strings.Count(text, "_")+strings.Count(text, "-") > len(text)/12 {
		return false
	}
	if !mixed(text) {
		return false
	}
	text = strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(text)
	_, err := base64.RawStdEncoding.DecodeString(text)
	return err == nil
}

// makesText reports whether a build script makes characters of numbers.
func (c *scanner) makesText() bool {
	return !c.macro && slices.ContainsFunc(c.sources, func(s *source) bool {
		for i, t := range s.tokens {
			if t.word("char") && (at(s.tokens, i-1).word("as") || at(s.tokens, i+1).is("::")) || t.kind == ident && textMakers[t.text] {
				return true
			}
		}
		return false
	})
}

var textMakers = wordSet("from_utf8 from_utf8_lossy from_utf8_unchecked from_str_radix from_u32 from_u32_unchecked from_digit")

// mixed reports whether text changes between lower case, upper case and digits as
// often as encoded bytes do, which is two times in three; in names made of words,
// as camelCase32, it is one in three.
func mixed(text string) bool {
	const lower, upper, digit = 1, 2, 4
	seen, last, changes := 0, 0, 0
	for _, r := range text {
		class := 0
		switch {
		case r >= 'a' && r <= 'z':
			class = lower
		case r >= 'A' && r <= 'Z':
			class = upper
		case r >= '0' && r <= '9':
			class = digit
		}
		if class != last {
			changes++
		}
		seen |= class
		last = class
	}
	return seen == lower|upper|digit && changes*9 >= len(text)*4
}

// minNumbers is how many small numbers make an array look like bytes of a text.
const minNumbers = 16

// array looks at [1, 2, ...] for bytes in disguise.
func (c *scanner) array(s *source, i int) {
	count := 0
	for j := i + 1; j < block(s.tokens, i)-1; j++ {
		t := s.tokens[j]
		if t.is(",") {
			continue
		}
		n, small := quoteNumber(t.text)
		if t.kind != number || !small || n > 255 {
			return
		}
		if count++; count > minNumbers {
			c.pack(s, i)
			return
		}
	}
}

// xor looks for b ^ 0x5a in a statement that makes characters of it.
func (c *scanner) xor(s *source, i int) {
	for j := max(i-40, 0); j < min(i+40, len(s.tokens)); j++ {
		if t := s.tokens[j]; t.word("char") || t.kind == ident && strings.HasPrefix(t.text, "from_utf8") {
			c.pack(s, i)
			return
		}
	}
}

func (c *scanner) pack(s *source, i int) {
	if len(c.packed) < maxSeen {
		c.packed = append(c.packed, c.place(s, i, buildcode.Decode))
	}
}

// decode counts encoded material only where the code could make use of it: it
// reaches the network, loads code or starts more than the tools of a build. A build
// script that makes characters of numbers needs none of that, since what it prints
// are orders to cargo.
func (c *scanner) decode() {
	if c.writes {
		for _, u := range c.memories {
			c.record(u)
		}
	}
	if !c.makesText() && !slices.ContainsFunc(c.uses, func(u buildcode.Use) bool {
		return u.Capability == buildcode.Network || u.Capability == buildcode.LoadCode ||
			strings.HasPrefix(string(u.Capability), "run:") && u.Capability.Grave()
	}) {
		return
	}
	for _, u := range c.packed {
		c.record(u)
	}
}
