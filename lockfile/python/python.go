// Package python reads the lockfiles of Python, each format in a file of its own:
// requirements.txt, poetry.lock, uv.lock, pdm.lock, Pipfile.lock and pylock.toml.
//
// Names are canonical as in PEP 503, versions are kept as written. Nothing is
// fetched, opened or expanded: what a file leaves to the environment, to another
// file or to the time of installation is said in the result, not looked up.
package python

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"deps.dev/util/semver"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
)

// Bounds in bytes of single values.
const (
	maxName    = 256
	maxVersion = 256
	maxURL     = 4096
	maxText    = 16 << 10 // a marker or requirement
)

// Bounds in number of one requirements file. Real ones have some thousands of
// lines, and some hundred hashes to a line.
const (
	maxLines = 1 << 17 // logical lines that are not empty
	maxWords = 1 << 19 // words of options in all

	// A line costs more memory than the few bytes that can ask for it. Pins have
	// thirty bytes on average; after the first lines this many are asked for.
	bytesPerLine = 16
	freeLines    = 256
)

// publicHost and publicPath name PyPI where a file spells out the default index.
// They are compared with, never fetched.
const (
	publicHost = "pypi.org"
	publicPath = "/simple"
)

// CanonicalName is a name as PEP 503 normalizes it: lower case, runs of "-", "_" and
// "." as one "-". What is no name by PEP 508 is an error.
func CanonicalName(name string) (string, error) {
	if name == "" || len(name) > maxName || !isNameEnd(name[0]) || !isNameEnd(name[len(name)-1]) {
		return "", fmt.Errorf("%.80q is no package name", name)
	}
	if isCanonical(name) {
		return name, nil
	}
	var b strings.Builder
	b.Grow(len(name))
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c >= 'A' && c <= 'Z':
			b.WriteByte(c + 'a' - 'A')
		case isNameEnd(c):
			b.WriteByte(c)
		case c == '-' || c == '_' || c == '.':
			if next := name[i+1]; isNameEnd(next) {
				b.WriteByte('-')
			}
		default:
			return "", fmt.Errorf("%.80q is no package name", name)
		}
	}
	return b.String(), nil
}

// isCanonical spares most names a copy.
func isCanonical(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && (c != '-' || name[i+1] == '-') {
			return false
		}
	}
	return true
}

func isNameEnd(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// checkVersion asks for a version by PEP 440.
func checkVersion(s string) error {
	if len(s) > maxVersion {
		return fmt.Errorf("a version of %d bytes", len(s))
	}
	v, err := semver.PyPI.Parse(s)
	if err != nil || v.IsWildcard() {
		return fmt.Errorf("%q is no version", s)
	}
	return nil
}

// checkText refuses what no honest value holds: control characters, and more than
// max bytes.
func checkText(s string, max int) error {
	if len(s) > max {
		return fmt.Errorf("%d bytes are more than the %d allowed", len(s), max)
	}
	for _, r := range s {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f {
			return fmt.Errorf("%.80q holds control characters", s)
		}
	}
	return nil
}

// checkURL is checkText for what has no blanks either.
func checkURL(s string) error {
	if s == "" || strings.ContainsAny(s, " \t\r\n") {
		return fmt.Errorf("%.80q is no address", s)
	}
	return checkText(s, maxURL)
}

// checkFileName refuses names that are more than one path element.
func checkFileName(s string) error {
	if s == "" || s == "." || s == ".." || strings.ContainsAny(s, `/\`) {
		return fmt.Errorf("%.80q is no file name", s)
	}
	return checkText(s, maxName*2)
}

// registrySource is the source of an index at an address.
func registrySource(address string) lockfile.Source {
	rest, secure := strings.CutPrefix(strings.TrimRight(address, "/"), "https://")
	if secure && rest == publicHost+publicPath {
		address = ""
	}
	return lockfile.Source{Kind: lockfile.Registry, URL: address}
}

// localSource is the source of a path named by the file at from. Only what stays
// inside the repository is the repository's own; the rest could be anything.
func localSource(from, target string) lockfile.Source {
	source := lockfile.Source{Kind: lockfile.Path, URL: target}
	if _, err := inside(from, target); err != nil {
		source.Kind = lockfile.URL
	}
	return source
}

// withSubdirectory adds a subdirectory to the source of a path or address. One that leads out of
// the repository takes a local path with it.
func withSubdirectory(from string, source lockfile.Source, sub string) lockfile.Source {
	if sub == "" {
		return source
	}
	source.Reference = strings.TrimSpace(source.Reference + " " + subdirectory(sub))
	if _, err := inside(from, source.URL+"/"+sub); source.Kind == lockfile.Path && (err != nil || isAbsolute(sub)) {
		source.Kind = lockfile.URL
	}
	return source
}

// isAbsolute knows absolute paths of any system.
func isAbsolute(p string) bool {
	windowsDrive := len(p) > 1 && p[1] == ':' && isNameEnd(p[0])
	return path.IsAbs(p) || strings.HasPrefix(p, `\`) || windowsDrive
}

// inside resolves a path relative to the file at from, and refuses what leaves the
// repository.
func inside(from, target string) (string, error) {
	if isAbsolute(target) {
		return "", errors.New("an absolute path leads outside the repository")
	}
	// On some systems a backslash separates, too.
	for _, t := range []string{strings.ReplaceAll(target, `\`, "/"), target} {
		joined := path.Join(path.Dir(from), t)
		if joined == ".." || strings.HasPrefix(joined, "../") || path.IsAbs(joined) {
			return "", errors.New("the path leads outside the repository")
		}
	}
	return path.Join(path.Dir(from), target), nil
}

// isCommit accepts full git ids of both hash functions.
func isCommit(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// hashLengths are the algorithms that installers accept, with their lengths in
// hexadecimal digits.
var hashLengths = map[string]int{
	"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128,
	"blake2b": 128, "blake2b_256": 64, "blake2s": 64, "sha3_224": 56, "sha3_256": 64, "sha3_384": 96, "sha3_512": 128,
}

// addHash notes "ALGORITHM:HEX" of a file. A second hash of one algorithm is an
// error, since both cannot be true.
func addHash(f *lockfile.File, s string) error {
	algorithm, digits, found := strings.Cut(s, ":")
	length, known := hashLengths[algorithm]
	switch {
	case !found || !known:
		return fmt.Errorf("hash %.40q: want sha256:HEX", s)
	case len(digits) != length || !isHex(digits):
		return fmt.Errorf("hash %.140q: want %d hexadecimal digits", s, length)
	case algorithm == "sha256" && f.Digest == "":
		f.Digest = lockkeeper.Digest(strings.ToLower(s))
		return nil
	case algorithm == "sha256" || slices.ContainsFunc(f.Other, func(o string) bool { return strings.HasPrefix(o, algorithm+":") }):
		return fmt.Errorf("two %s hashes of one file", algorithm)
	}
	f.Other = append(f.Other, strings.ToLower(s))
	slices.Sort(f.Other)
	return nil
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}
