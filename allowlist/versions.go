package allowlist

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"deps.dev/util/semver"

	"github.com/lockkeeper/lockkeeper"
)

// maxVersions bounds the bytes of a version range. Real ones have a few dozen.
const maxVersions = 256

// Comparators as the two ecosystems write them. The version library reads more
// than that, for it serves many ecosystems at once; what Cargo or pip would not
// read must not mean something here.
var (
	cargoComparator = regexp.MustCompile(`^(?:[=<>^~]|[<>]=)?\s*(?:` +
		`[0-9]+(?:\.[0-9]+){0,2}` + // partial versions
		`|[0-9]+\.[0-9]+\.[0-9]+[-+][0-9A-Za-z.+-]+` +
		`|[0-9]+(?:\.[0-9]+)?(?:\.[*xX])|[0-9]+\.[*xX]\.[*xX])$`)
	pypiComparator = regexp.MustCompile(`^(~=|==|!=|<=|>=|<|>)\s*([0-9A-Za-z.!+_-]+(?:\.\*)?)$`)
	pypiArbitrary  = regexp.MustCompile(`^===\s*([!-+\--~]+)$`)
	pypiDev        = regexp.MustCompile(`(?i)[0-9][._-]?dev`)
	pypiRelease    = regexp.MustCompile(`^[vV]?(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*`)
)

// versionRange is a parsed Entry.Versions.
type versionRange struct {
	constraint *semver.Constraint
	system     semver.System
	pre        bool     // the range itself names a pre-release
	below      []string // PyPI: final versions that stand behind a "<"
	literal    string   // PyPI: the version behind "==="; nothing else is then set
}

// parseRange reads a Cargo requirement or a PEP 440 specifier, the form that the
// package's own ecosystem uses in its manifests.
func parseRange(ecosystem lockkeeper.Ecosystem, text string) (*versionRange, error) {
	if len(text) > maxVersions {
		return nil, fmt.Errorf("longer than %d bytes", maxVersions)
	}
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("empty: leave the key out to admit every version")
	}
	if ecosystem == lockkeeper.Cargo {
		return parseCargoRange(text)
	}
	return parsePyPIRange(text)
}

func parseCargoRange(text string) (*versionRange, error) {
	if strings.TrimSpace(text) != "*" {
		for part := range strings.SplitSeq(text, ",") {
			if !cargoComparator.MatchString(strings.TrimSpace(part)) {
				return nil, fmt.Errorf(`%q is no Cargo requirement; write it as Cargo.toml does: "0.17", "=1.2.3" or ">=1.2, <3"`, text)
			}
		}
	}
	constraint, err := semver.Cargo.ParseConstraint(text)
	if err != nil {
		return nil, fmt.Errorf(`%w; write it as Cargo.toml does: "0.17", "=1.2.3" or ">=1.2, <3"`, err)
	}
	return &versionRange{constraint: constraint, system: semver.Cargo, pre: constraint.HasPrerelease()}, nil
}

func parsePyPIRange(text string) (*versionRange, error) {
	if m := pypiArbitrary.FindStringSubmatch(strings.TrimSpace(text)); m != nil {
		return &versionRange{literal: m[1]}, nil
	}
	r := &versionRange{system: semver.PyPI}
	for part := range strings.SplitSeq(text, ",") {
		m := pypiComparator.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return nil, fmt.Errorf(`%q is no PEP 440 specifier; write for example "~=1.4", "==1.4.2" or ">=1.2,<3"`, text)
		}
		pre := pypiPre(m[2])
		r.pre = r.pre || pre
		if m[1] == "<" && !pre {
			r.below = append(r.below, m[2])
		}
	}
	var err error
	if r.constraint, err = semver.PyPI.ParseConstraint(text); err != nil {
		return nil, fmt.Errorf(`%w; write for example "~=1.4", "==1.4.2" or ">=1.2,<3"`, err)
	}
	return r, nil
}

// has reports whether version lies in r. A pre-release lies in a range only if
// the range names one, as in both ecosystems.
func (r *versionRange) has(version string) bool {
	if r.literal != "" {
		return strings.EqualFold(r.literal, version)
	}
	if version == "" || !r.constraint.Match(version) {
		return false
	}
	if r.system != semver.PyPI || !pypiPre(version) {
		return true
	}
	if !r.pre {
		return false
	}
	// PEP 440, exclusive ordered comparison: "<V" leaves out pre-releases of V
	// itself. The library lets them in.
	for _, bound := range r.below {
		if semver.PyPI.Compare(pypiRelease.FindString(version), pypiRelease.FindString(bound)) == 0 {
			return false
		}
	}
	return true
}

// pypiPre reports whether version is a pre-release or, unlike the library's own
// answer, a development release (PEP 440, "Handling of pre-releases").
func pypiPre(version string) bool {
	public, _, _ := strings.Cut(version, "+")
	if pypiDev.MatchString(public) {
		return true
	}
	v, err := semver.PyPI.Parse(strings.TrimSuffix(public, ".*"))
	return err == nil && v.IsPrerelease()
}

// compatible is the range of releases that promise to be compatible with
// version: Cargo's caret, for PyPI the same major version.
func compatible(p lockkeeper.Package) string {
	if p.Ecosystem == lockkeeper.Cargo {
		v, err := semver.Cargo.Parse(p.Version)
		if err != nil || v.IsPrerelease() {
			return exact(p)
		}
		core, _, _ := strings.Cut(p.Version, "+")
		parts := strings.Split(core, ".")
		for i, part := range parts {
			if part != "0" {
				return strings.Join(parts[:i+1], ".")
			}
		}
		return exact(p)
	}
	v, err := semver.PyPI.Parse(p.Version)
	if err != nil || v.IsPrerelease() || pypiPre(p.Version) || v.IsBuild() || strings.Contains(p.Version, "+") {
		return exact(p)
	}
	release := strings.TrimLeft(pypiRelease.FindString(p.Version), "vV")
	parts := strings.Split(release, ".")
	if len(parts) == 1 {
		parts = append(parts, "0")
	}
	if parts[0] == "0" {
		// Before 1.0 a minor release may break anything.
		return "~=0." + parts[1] + ".0"
	}
	return "~=" + parts[0] + "." + parts[1]
}

// exact is the range that holds p's version alone.
func exact(p lockkeeper.Package) string {
	if p.Ecosystem == lockkeeper.Cargo {
		return "=" + p.Version
	}
	if _, err := semver.PyPI.Parse(p.Version); err != nil {
		return "===" + p.Version // older than PEP 440
	}
	return "==" + p.Version
}
