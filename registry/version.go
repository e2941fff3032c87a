package registry

import (
	"regexp"
	"strings"

	"github.com/lockkeeper/lockkeeper"
)

// pep440 is the pattern of PEP 440, Appendix B, without its surroundings.
var pep440 = regexp.MustCompile(`^v?(?:([0-9]+)!)?([0-9]+(?:\.[0-9]+)*)` + // epoch, release
	`(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?([0-9]+)?)?` + // pre-release
	`(?:(?:-([0-9]+))|([-_.]?(?:post|rev|r)[-_.]?([0-9]+)?))?` + // post release
	`([-_.]?dev[-_.]?([0-9]+)?)?` + // development release
	`(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$`) // local version

// maxVersion bounds a version that is looked at, in bytes.
const maxVersion = 256

// NormalVersion is a PEP 440 version in its normal form, which file names carry:
// "1.0-Alpha.1" is "1.0a1". Zeros at the end of the release stay. It reports
// false, and returns v, for what is no such version.
func NormalVersion(v string) (string, bool) { return normalVersion(v, false) }

// VersionKey is equal for two versions exactly if the ecosystem takes them for
// the same release. For Cargo that is the version as written, build metadata
// included; for PyPI it is PEP 440's equality, in which "1.0", "1.0.0" and "v1"
// are one, and versions that PEP 440 does not know are compared as written.
func VersionKey(e lockkeeper.Ecosystem, v string) string {
	if e != lockkeeper.PyPI {
		return v
	}
	key, ok := normalVersion(v, true)
	if !ok {
		return "=" + v // kept apart from every normal form
	}
	return key
}

func normalVersion(v string, trimZeros bool) (string, bool) {
	if len(v) > maxVersion {
		return v, false
	}
	m := pep440.FindStringSubmatch(strings.ToLower(strings.TrimSpace(v)))
	if m == nil {
		return v, false
	}
	epoch, release, pre, preN, postImplicit, post, postN, dev, devN, local :=
		m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8], m[9], m[10]
	var b strings.Builder
	if e := number(epoch); e != "0" {
		b.WriteString(e + "!")
	}
	parts := strings.Split(release, ".")
	for i := range parts {
		parts[i] = number(parts[i])
	}
	for trimZeros && len(parts) > 1 && parts[len(parts)-1] == "0" {
		parts = parts[:len(parts)-1]
	}
	b.WriteString(strings.Join(parts, "."))
	if pre != "" {
		b.WriteString(preName(pre) + number(preN))
	}
	if post != "" || postImplicit != "" {
		b.WriteString(".post" + number(postN+postImplicit))
	}
	if dev != "" {
		b.WriteString(".dev" + number(devN))
	}
	if local != "" {
		parts := strings.FieldsFunc(local, func(r rune) bool { return strings.ContainsRune("-_.", r) })
		for i, part := range parts {
			if strings.Trim(part, "0123456789") == "" {
				parts[i] = number(part)
			}
		}
		b.WriteString("+" + strings.Join(parts, "."))
	}
	return b.String(), true
}

func preName(s string) string {
	switch s {
	case "alpha":
		return "a"
	case "beta":
		return "b"
	case "c", "pre", "preview":
		return "rc"
	}
	return s
}

// number drops leading zeros; an absent number counts as 0.
func number(s string) string {
	if s = strings.TrimLeft(s, "0"); s == "" {
		return "0"
	}
	return s
}
