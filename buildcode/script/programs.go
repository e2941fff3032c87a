package script

import (
	"regexp"
	"slices"
	"strings"
)

func set(names string) map[string]bool {
	m := make(map[string]bool)
	for name := range strings.FieldsSeq(names) {
		m[name] = true
	}
	return m
}

var (
	// networkTools reach for the network, whatever their arguments.
	networkTools = set(`curl wget wget2 nc ncat netcat telnet ssh scp sftp ftp tftp lftp rsync socat aria2c axel lynx w3m links elinks dig nslookup host drill getent-hosts
		http https xh httpie invoke-webrequest iwr invoke-restmethod irm start-bitstransfer bitsadmin npx pipx easy_install mshta docker podman nerdctl skopeo gh aws gcloud gsutil az rclone
		s3cmd ping traceroute sendmail mail mailx msmtp nmap whois bun deno ssh-keyscan ssh-copy-id autossh cvs`)
	// packageTools fetch with some of their subcommands.
	packageTools = set(`git pip pip2 pip3 uv npm yarn pnpm conda mamba apt apt-get dnf yum apk pacman brew port gem go vcpkg conan cargo hg svn bzr rustup repo zypper choco winget bundle composer cabal nix nix-env fetch certutil`)
	// wrappers start the program that is among their arguments.
	wrappers = set(`sudo doas env nohup command exec builtin xargs time nice ionice timeout gtimeout setsid stdbuf ccache sccache distcc chroot strace ltrace unbuffer xvfb-run busybox toybox parallel watch script
		taskset setarch linux32 linux64 fakeroot flock chronic unshare nsenter su runuser chpst start stdbuf catchsegv valgrind wine emconfigure emmake emcmake`)
	shells = set(`sh bash dash zsh ksh mksh ksh93 ash fish csh tcsh rbash posh yash`)
	// fetching subcommands of packageTools.
	fetching = set(`install i download wheel clone fetch pull submodule ls-remote push ci get add sync upgrade update mod checkout co export archive remote dlx exec run publish create source -Syu -S -urlcache tool toolchain`)
	// askingGit are subcommands of packageTools that never fetch, though a word
	// behind them may look so ("git describe", "git log -- update").
	asking = set(`describe log rev-parse status show show-ref diff config branch tag rev-list ls-files name-rev symbolic-ref cat-file apply --version version list env info root`)
	// decoders print something else than they read.
	decoders = set(`base64 base32 basenc xxd openssl uudecode uuencode gpg gpg2 age gbase64 certutil`)
	// unpackers are decoders that building anywhere needs; beside a shell they are not.
	unpackers = set(`xz unxz xzcat lzma unlzma gzip gunzip zcat bzip2 bunzip2 bzcat zstd unzstd zstdcat lz4 brotli compress uncompress unzip 7z 7za tar bsdtar cpio ar tr rev od hexdump iconv zlib-flate pigz lzip`)
	// readers print of files that they are given.
	readers = set(`cat head tail sed gsed awk gawk mawk nawk grep egrep fgrep ggrep cut sort uniq tac nl paste od hexdump strings dd tee more less fold expand col join comm perl python ruby node php lua m4 cpp rev tr jq`)
	// telling of themselves or the host, whatever they are asked.
	hostTools = set(`expr basename dirname uname date hostname id pwd arch getconf pkg-config pkgconf whoami locale ls stat wc nproc mktemp readlink realpath env printenv set export sysctl sw_vers lsb_release getsysinfo hostinfo test [ type which
		cmp diff cksum md5sum sha1sum sha256sum tty logname file ldd ldconfig dpkg-architecture xcrun xcode-select xcodebuild git oslevel sizer psrinfo lsdev lsattr sysconfig isainfo cygpath winepath nm ar readelf objdump otool size
		make gmake libtool seq true false : install autoconf automake m4 ps df du touch mkdir`)
	compilers = set(`cc gcc g++ c++ clang clang++ clang-cl cl cpp ld lld gold ar ranlib nm as strip objcopy objdump lipo otool install_name_tool dlltool windres rc link lib libtool libtoolize glibtool glibtoolize make gmake nmake mingw32-make
		bmake ninja samu cmake cmake3 ctest cpack meson nasm yasm ml ml64 pkg-config pkgconf gfortran f77 f95 fort77 ifort nvcc hipcc icc icx icpx icpc xlc tcc emcc em++ emar rustc cargo rustdoc swig bison yacc flex lex autoconf
		autoheader autoreconf automake aclocal autom4te autopoint intltoolize gettextize msgfmt xgettext msgmerge msgcat protoc flatc gperf ragel cython dumpbin lipo xcrun xcodebuild xcode-select readelf size mt dsymutil ldd ldconfig
		go javac jar java moc uic rcc qmake gcov lcov llvm-ar llvm-nm llvm-strip llvm-config llvm-profdata doxygen sphinx-build makeinfo texi2dvi texi2pdf dpkg-architecture ifx flang flang-new armclang lld-link
		gcc-ar gcc-nm gcc-ranlib gdc ldc2 dmd ghc ocamlc as86 ld86 mex octave-config elfedit patchelf re2c gtk-doc gtkdocize help2man asciidoc asciidoctor xsltproc xmllint pod2man pod2html lrelease glslc glslangvalidator`)
	// ordinary programs are the vocabulary of scripts anywhere. They neither fetch
	// nor run text that they are handed; those that can start others (find, xargs,
	// awk, sed, tar) are looked at by their arguments.
	ordinary = set(`: [ test true false echo printf cat cp mv rm ln mkdir rmdir touch chmod chown chgrp ls dir pwd cd pushd popd expr basename dirname uname arch hostname date sleep head tail sort uniq cut paste tr sed gsed awk gawk mawk nawk
		grep egrep fgrep ggrep find diff cmp comm join tee wc nl od hexdump strings fold install ginstall which type hash whereis id whoami groups tty stty tput clear umask ulimit set unset shift export readonly local declare typeset
		return exit break continue wait trap getopts getopt read let times alias unalias jobs fg bg kill seq yes mktemp realpath readlink stat file dd df du split csplit tac rev column pr fmt expand unexpand tsort cksum md5sum sha1sum
		sha256sum sha512sum shasum md5 sum tar gtar bsdtar gzip gunzip zcat bzip2 bunzip2 bzcat xz unxz xzcat zip unzip zstd patch ed ex m4 bc dc iconv nproc getconf sysctl free printenv env logname users tput mkfifo mknod sync
		pax cpio compress uncompress shopt enable unalias disown suspend logout dirs caller compgen complete bind history mapfile readarray select function print whence emulate setopt autoload zmodload true pathchk link unlink
		truncate shred nice nohup numfmt shuf sha224sum sha384sum b2sum dircolors fmt factor hostid pinky stdbuf timeout tty vdir who uptime ps pgrep top lscpu lsb_release sw_vers machine oslevel hinv universe isainfo cygpath winepath
		jq xmlstarlet cal gpatch gmake cygcheck lsof vm_stat lpr man info locale localedef gencat rpm dpkg dpkg-query rpmbuild ldconfig 7z 7za 7zz brew-prefix mkinstalldirs
		cygpath dos2unix unix2dos colordiff codesign exit gtags ctags etags indent astyle clang-format clang-tidy cppcheck splint shellcheck xattr hdiutil ditto plutil lipo sips defaults codespell black flake8 uncrustify
		rem echo. copy xcopy robocopy move del erase rd md ren rename attrib goto if for setlocal endlocal pause cls ver vol title color path prompt exist not errorlevel findstr fc where more subst mklink assoc ftype timeout choice tree ping-n
		getsysinfo hostinfo objformat lslpp sizer psrinfo lsdev lsattr prtdiag sysconfig dump a2ixlibrary emximp nmedit otool64 gmkdir install-info scoinst mkid lzip shar unshar runtest less groff nroff troff col lzop compress exe2coff gnutar plaintar ldid prtconf nm2def shlb2stub
		ftx-config cscope dvips ps2pdf pdftex tex latex pdflatex xdvi etags gzcat makedepend mkdep vcvarsall vcvars32 vcvars64 vsdevcmd devenv msbuild vswhere bscmake`)
)

// maxName bounds what a program may be called in a capability, in bytes.
const maxName = 64

// plainName reports whether a program may be called so, but for the length.
func plainName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '+', c == '.':
		case i > 0 && c == '-', i == 0 && (c == '[' || c == ':'):
		default:
			return false
		}
	}
	return s != ""
}

var versioned = regexp.MustCompile(`^(python|pip|pypy|perl|ruby|gcc|g\+\+|clang|clang\+\+|php|lua|node|automake|autoconf|aclocal|bash|tclsh|wish|llvm-config|gfortran|gcc-ar|gcc-nm|gcc-ranlib|libtool)-?[0-9][0-9.]*w?$`)

// crossPrefix are the names of tools for another target: "aarch64-linux-gnu-gcc".
var crossPrefix = regexp.MustCompile(`^[a-z0-9_]+(?:-[a-z0-9_.]+){1,3}-(gcc|g\+\+|c\+\+|cc|cpp|ar|as|ld|nm|ranlib|strip|objcopy|objdump|windres|pkg-config|clang|clang\+\+|readelf|dlltool)$`)

// programName is the name of a program: without directory and suffix. Empty if it
// is not known.
func programName(word string) string {
	if len(word) > 300 {
		return ""
	}
	word = strings.ReplaceAll(strings.Trim(word, "\"' \t"), `\`, "/")
	word = word[strings.LastIndexByte(word, '/')+1:]
	// "$host-gcc", "gcc$EXEEXT", "$dir${prog}": a prefix or suffix of the user's.
	if hasHole(word) {
		bare := strings.TrimRight(word, outside+many)
		name := strings.TrimLeft(bare, holes)
		if cut := strings.TrimPrefix(name, "-"); cut != name && (compilers[cut] || cut == "config") {
			name = cut
		}
		known := ordinary[name] || compilers[name] || networkTools[name] || shells[name] || packageTools[name] || interpreters[name] != "" || wrappers[name]
		if hasHole(name) || name == "" || name != bare && !known {
			return ""
		}
		word = name
	}
	if n := len(word) - 4; n > 0 && word[n] == '.' && (strings.EqualFold(word[n:], ".exe") || strings.EqualFold(word[n:], ".com")) {
		word = word[:n]
	}
	if !plainName(word) {
		return ""
	}
	if end := word[len(word)-1]; end >= '0' && end <= '9' || end == 'w' || end == '.' {
		if m := versioned.FindStringSubmatch(word); m != nil {
			word = m[1]
		}
	}
	if strings.Count(word, "-") >= 2 {
		if m := crossPrefix.FindStringSubmatch(word); m != nil {
			word = m[1]
		}
	}
	if word == "pypy" {
		word = "python"
	}
	if len(word) > maxName {
		return ""
	}
	return word
}

// toolVariables name programs of the user's own choice, if nobody assigns them.
var toolVariables = map[string]string{
	"CC": "cc", "CXX": "c++", "CPP": "cpp", "CXXCPP": "cpp", "LD": "ld", "AR": "ar", "AS": "as", "FC": "gfortran", "F77": "gfortran", "CMAKE": "cmake", "MAKE": "make", "NINJA": "ninja", "CCAS": "cc", "CCLD": "cc", "CXXLD": "c++", "FCLD": "gfortran", "F77LD": "gfortran",
	"PKG_CONFIG": "pkg-config", "PKGCONFIG": "pkg-config", "PYTHON": "python", "PYTHON3": "python", "CARGO": "cargo", "RUSTC": "rustc", "NVCC": "nvcc", "RANLIB": "ranlib", "STRIP": "strip", "NM": "nm", "OBJDUMP": "objdump", "OBJCOPY": "objcopy",
	"DLLTOOL": "dlltool", "LIPO": "lipo", "OTOOL": "otool", "OTOOL64": "otool", "NMEDIT": "nm", "DSYMUTIL": "dsymutil", "WINDRES": "windres", "RC": "rc", "MT": "mt", "LIBTOOL": "libtool", "YACC": "yacc", "LEX": "lex", "FLEX": "flex", "BISON": "bison", "M4": "m4",
	"SED": "sed", "FILECMD": "file", "GREP": "grep", "EGREP": "egrep", "FGREP": "fgrep", "AWK": "awk", "ECHO": "echo", "ECHO_N": "echo", "INSTALL": "install", "INSTALL_PROGRAM": "install", "INSTALL_DATA": "install", "INSTALL_SCRIPT": "install", "INSTALL_HEADER": "install", "MKDIR_P": "mkdir", "MKDIR": "mkdir", "mkdir_p": "mkdir", "LN_S": "ln", "LN": "ln", "RM": "rm", "CP": "cp",
	"MV": "mv", "CAT": "cat", "TAR": "tar", "AMTAR": "tar", "PERL": "perl", "TCLSH": "tclsh", "SHELL": "sh", "CONFIG_SHELL": "sh", "BASH": "bash", "ACLOCAL": "aclocal", "AUTOCONF": "autoconf", "AUTOHEADER": "autoheader", "AUTOMAKE": "automake", "AUTORECONF": "autoreconf",
	"AUTOM4TE": "autom4te", "LIBTOOLIZE": "libtoolize", "MAKEINFO": "makeinfo", "MANIFEST_TOOL": "mt", "CMP": "cmp", "DIFF": "diff", "FIND": "find", "SORT": "sort", "TR": "tr", "TOUCH": "touch", "CHMOD": "chmod", "HOST_CC": "cc", "CC_FOR_BUILD": "cc", "BUILD_CC": "cc", "HOSTCC": "cc",
	"CXX_FOR_BUILD": "c++", "HOSTCXX": "c++", "DOXYGEN": "doxygen", "GIT": "git", "GCOV": "gcov", "LCOV": "lcov", "XSLTPROC": "xsltproc", "XMLLINT": "xmllint", "NASM": "nasm", "YASM": "yasm", "JAVAC": "javac", "JAR": "jar", "JAVA": "java", "GO": "go", "SWIG": "swig",
	"MSGFMT": "msgfmt", "GMSGFMT": "msgfmt", "XGETTEXT": "xgettext", "MSGMERGE": "msgmerge", "INSTALL_STRIP_PROGRAM": "install", "ETAGS": "etags", "CTAGS": "ctags", "CSCOPE": "ctags", "PROTOC": "protoc", "READELF": "readelf", "OCTAVE": "octave-config", "MKTEMP": "mktemp", "HEAD": "head", "TAIL": "tail", "XARGS": "xargs", "ENV": "env", "PRINTF": "printf", "TEST": "test", "UNAME": "uname", "DATE": "date", "MSBUILD": "msbuild",
	"srcdir": ".", "top_srcdir": ".", "abs_srcdir": ".", "abs_top_srcdir": ".", "top_builddir": ".", "builddir": ".", "abs_builddir": ".", "abs_top_builddir": ".", "CURDIR": ".", "PWD": ".", "ac_aux_dir": ".", "am_aux_dir": ".", "HOME": "~", "IFS": " ",
}

// fetches reports whether a package tool is asked to fetch.
func fetches(name string, args []string) bool {
	for i, a := range args {
		switch {
		case name == "fetch" || i == 0 && hasHole(a) && !strings.HasPrefix(a, "-"):
			return true
		case asking[a]:
			return false
		case name == "go" && (a == "run" || a == "tool" || a == "i"), name == "cargo" && (a == "run" || a == "tool"):
			return false
		case fetching[a]:
			return true
		}
	}
	return false
}

// decodes reports whether a program turns encoded text into something else.
func decodes(name string, args []string) bool {
	has := func(flags ...string) bool {
		return slices.ContainsFunc(args, func(a string) bool { return slices.Contains(flags, a) })
	}
	switch name {
	case "base64", "gbase64", "base32", "basenc":
		return has("-d", "-D", "--decode", "-di", "-id") || slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--d") })
	case "xxd":
		return slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "-r") || a == "-revert" || a == "-pr" || a == "-psr" })
	case "openssl":
		return has("-d") || has("-base64", "-a") && has("enc")
	case "uudecode":
		return true
	case "gpg", "gpg2":
		return has("-d", "--decrypt")
	case "age":
		return has("-d", "--decrypt")
	case "certutil":
		return has("-decode", "/decode", "-decodehex")
	}
	return false
}

// operands are the arguments that are neither options nor numbers.
func operands(args []string) []string {
	var out []string
	for _, a := range args {
		if !strings.HasPrefix(a, "-") && !number(a) && a != "" && !strings.HasPrefix(a, "+") {
			out = append(out, a)
		}
	}
	return out
}
