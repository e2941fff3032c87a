package lockfile

import (
	"cmp"
	"regexp"
	"strings"

	"deps.dev/util/semver"

	"github.com/lockkeeper/lockkeeper"
)

// maxVersion bounds the bytes of a version that is understood; a longer one, or one
// with a number of more than maxDigits, is compared as text.
const maxVersion = 256

// Compare orders two versions of one ecosystem: negative if a comes before b.
// It is 0 only if both mean the same version: "1.0" and "1.0.0" in PEP 440, but
// for Cargo, where build metadata tells two versions apart, the same text alone.
// What is no version comes first, ordered as text.
func Compare(eco lockkeeper.Ecosystem, a, b string) int {
	if a == b {
		return 0
	}
	return compareParsed(eco, a, b, parseVersion(eco, a), parseVersion(eco, b))
}

func compareParsed(eco lockkeeper.Ecosystem, a, b string, va, vb *semver.Version) int {
	switch {
	case va == nil && vb == nil:
		return cmp.Compare(a, b)
	case va == nil:
		return -1
	case vb == nil:
		return 1
	}
	if c := va.Compare(vb); c != 0 {
		return c
	}
	if eco == lockkeeper.PyPI {
		// The library takes some versions for the same that are not: "1.0.post1+a" and
		// "1.0.post1+b", "1rc0" and "1rc0.post0".
		return cmp.Compare(normalPyPI(a), normalPyPI(b))
	}
	return cmp.Compare(a, b)
}

// pep440 is the expression of PEP 440, appendix B.
var pep440 = regexp.MustCompile(`^v?(?:(\d+)!)?(\d+(?:\.\d+)*)` +
	`(?:[-_.]?(alpha|beta|preview|pre|rc|a|b|c)[-_.]?(\d*))?` +
	`(?:-(\d+)|[-_.]?(post|rev|r)[-_.]?(\d*))?` +
	`(?:[-_.]?(dev)[-_.]?(\d*))?(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$`)

// normalPyPI is a version as PEP 440 normalizes it, without zeros at the end of the
// release; what is no version is left as it is.
func normalPyPI(s string) string {
	m := pep440.FindStringSubmatch(strings.ToLower(s))
	if m == nil {
		return s
	}
	number := func(s string) string { return cmp.Or(strings.TrimLeft(s, "0"), "0") }
	var b strings.Builder
	b.WriteString(number(m[1]) + "!")
	release := strings.Split(m[2], ".")
	for i, n := range release {
		release[i] = number(n)
	}
	for len(release) > 1 && release[len(release)-1] == "0" {
		release = release[:len(release)-1]
	}
	b.WriteString(strings.Join(release, "."))
	if m[3] != "" {
		letter := map[string]string{"alpha": "a", "beta": "b", "preview": "rc", "pre": "rc", "c": "rc"}[m[3]]
		b.WriteString(cmp.Or(letter, m[3]) + number(m[4]))
	}
	if m[5] != "" || m[6] != "" {
		b.WriteString(".post" + number(cmp.Or(m[5], m[7])))
	}
	if m[8] != "" {
		b.WriteString(".dev" + number(m[9]))
	}
	for i, part := range strings.FieldsFunc(m[10], func(r rune) bool { return r == '-' || r == '_' || r == '.' }) {
		b.WriteByte("+."[min(i, 1)])
		if strings.Trim(part, "0123456789") == "" {
			part = number(part)
		}
		b.WriteString(part)
	}
	return b.String()
}

// SameLine reports whether a dependency that was satisfied by one version is
// ordinarily satisfied by the other. For Cargo: the caret rule, so 1.2.3 and
// 1.9.0, 0.3.1 and 0.3.9, but neither 0.3.1 and 0.4.0 nor 0.0.1 and 0.0.2. For
// PyPI: the same epoch and first number of the release, so 2.1 and 2.30. What is
// no version is in line with nothing but itself.
func SameLine(eco lockkeeper.Ecosystem, a, b string) bool {
	if a == b {
		return true
	}
	la, lb := versionLine(eco, a), versionLine(eco, b)
	return la != "" && la == lb
}

// versionLine is the part of a version that all of its line share, "" for what is no
// version.
func versionLine(eco lockkeeper.Ecosystem, s string) string {
	v := parseVersion(eco, s)
	if v == nil {
		return ""
	}
	numbers, _, _ := strings.Cut(v.Canon(false), "-")
	parts := strings.Split(numbers, ".")
	if eco == lockkeeper.PyPI {
		return leadingNumber(parts[0])
	}
	for i, part := range parts {
		if part != "0" {
			return strings.Join(parts[:i+1], ".")
		}
	}
	return numbers
}

// leadingNumber cuts "1!2rc1" after its release's first number.
func leadingNumber(s string) string {
	from := strings.IndexByte(s, '!') + 1
	for i := from; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return s[:i]
		}
	}
	return s
}

func parseVersion(eco lockkeeper.Ecosystem, s string) *semver.Version {
	if s == "" || len(s) > maxVersion || hasLongNumber(s) {
		return nil
	}
	system := semver.Cargo
	if eco == lockkeeper.PyPI {
		system = semver.PyPI
	}
	v, err := system.Parse(s)
	if err != nil || v.IsWildcard() {
		return nil
	}
	return v
}

// maxDigits is how long a number the library tells from its neighbours. Of longer
// ones it would take two for the same.
const maxDigits = 18

func hasLongNumber(s string) bool {
	digits := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			digits = 0
		} else if digits++; digits > maxDigits {
			return true
		}
	}
	return false
}
