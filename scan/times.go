package scan

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
)

const (
	day = 24 * time.Hour
	// silence is how long a package is quiet before its next release is one that
	// nobody expects any more.
	silence = 2 * 365 * day
	// old is the age from which a release is none that its own successor corrects.
	old = 30 * day
	// burst is the time in which several releases are odd.
	burst = 6 * time.Hour
)

// judgeTimes looks at the release's age, whether it or its neighbours were taken
// back, and how it stands among the releases before.
func (j *judgement) judgeTimes(p *registry.Project, r *registry.Release) {
	if j.change.Kind == lockfile.Altered {
		return
	}
	if r.Yanked {
		j.add(policy.Finding{Rule: policy.ReleaseYanked, Message: "was yanked by its publisher"})
	}
	if r.Published.IsZero() {
		return
	}
	j.ageKnown = true
	age := j.now.Sub(r.Published)
	if yanked := yankedBefore(p, r); len(yanked) > 0 && age < time.Duration(j.policy.Days(policy.SiblingsYanked))*day {
		names := shortened(len(yanked), func(i int) string { return yanked[i] })
		j.add(policy.Finding{
			Rule: policy.SiblingsYanked, Subject: strings.Join(yanked, " "),
			Message:  fmt.Sprintf("was published %s ago, and %s: whoever had one is led to this", ageText(age), yankedText(len(yanked))),
			Evidence: []string{"yanked: " + strings.Join(names, ", ")},
		})
	}
	if days := j.policy.Days(policy.ReleaseTooNew); age < time.Duration(days)*day {
		f := policy.Finding{Rule: policy.ReleaseTooNew, Message: fmt.Sprintf("was published %s ago, less than %d days", ageText(age), days)}
		if quiet := quietBefore(p, r); quiet >= silence {
			f.Grave = true
			f.Message += fmt.Sprintf(", and is the first release after %s", ageText(quiet))
		}
		f.Evidence = oddities(p, r)
		j.add(f)
	}
}

func yankedText(n int) string {
	if n == 1 {
		return "the older release before it is yanked"
	}
	return fmt.Sprintf("the %d older releases before it are yanked", n)
}

// yankedBefore are the releases of the same line just below r, nearest first, that
// are yanked and were old when r came. A young one that is yanked was a mistake
// that r corrects.
func yankedBefore(p *registry.Project, r *registry.Release) []string {
	var yanked []string
	for _, version := range earlierVersions(p, r) {
		before := p.Release(version)
		if !lockfile.SameLine(r.Package.Ecosystem, version, r.Package.Version) || !before.Yanked {
			break
		}
		if !before.Published.IsZero() && r.Published.Sub(before.Published) < old {
			continue
		}
		yanked = append(yanked, version)
	}
	return yanked
}

// quietBefore is the time between r and the release before it, of whatever version;
// 0 where there is none or its time is not known.
func quietBefore(p *registry.Project, r *registry.Release) time.Duration {
	var last time.Time
	for _, other := range p.Releases {
		if other.Package.Version == r.Package.Version {
			continue
		}
		if other.Published.IsZero() {
			return 0
		}
		if !other.Published.After(r.Published) && other.Published.After(last) {
			last = other.Published
		}
	}
	if last.IsZero() {
		return 0
	}
	return r.Published.Sub(last)
}

// oddities are what is unusual about a young release, in sentences.
func oddities(p *registry.Project, r *registry.Release) []string {
	var found []string
	near := 0
	for _, other := range p.Releases {
		if apart := r.Published.Sub(other.Published).Abs(); !other.Published.IsZero() && apart <= burst {
			near++
		}
	}
	if near >= 3 {
		found = append(found, fmt.Sprintf("%d releases were published within %d hours of it", near-1, int(burst.Hours())))
	}
	if earlier := earlierVersions(p, r); len(earlier) > 0 {
		highest := earlier[0]
		for _, v := range earlier {
			if lockfile.Compare(r.Package.Ecosystem, v, highest) > 0 {
				highest = v
			}
		}
		// From one calendar year to a later one is no jump.
		if from, to := major(highest), major(r.Package.Version); from >= 0 && to > from+1 && (from < 1000 || to > from+10) {
			found = append(found, fmt.Sprintf("its version jumps from %s to %s", highest, r.Package.Version))
		}
	}
	return found
}

// major is the first number of a version, -1 where there is none or it is huge.
func major(version string) int {
	text, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}
