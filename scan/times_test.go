package scan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry"
)

// TestTimes judges the last of some releases, each "version days-ago", yanked ones
// with a "!" behind.
func TestTimes(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		releases, want string
	}{
		"settled":                     {"1.0.0 900, 1.0.1 8", ""},
		"young":                       {"1.0.0 60, 1.0.1 6", "release-too-new: was published 6 days ago, less than 7 days"},
		"the first of all":            {"1.0.0 1", "release-too-new: was published 24 hours ago, less than 7 days"},
		"after years":                 {"1.0.0 1500, 1.0.1 3", "release-too-new grave: was published 3 days ago, less than 7 days, and is the first release after 1497 days"},
		"after years, and settled":    {"1.0.0 1500, 1.0.1 10", ""},
		"another line was not silent": {"1.0.0 1500, 2.0.0 100, 1.0.1 3", "release-too-new: was published 3 days ago, less than 7 days"},
		"times are not known":         {"1.0.0 -, 1.0.1 3", "release-too-new: was published 3 days ago, less than 7 days"},
		"own time is not known":       {"1.0.0 3!, 1.0.1 -", ""},
		"yanked":                      {"1.0.0 60, 1.0.1 20!", "release-yanked: was yanked by its publisher"},
		"led to": {"0.3.7 900, 0.3.8 800!, 0.3.9 700!, 0.3.10 20",
			"siblings-yanked: was published 20 days ago, and the 2 older releases before it are yanked: whoever had one is led to this (yanked: 0.3.9, 0.3.8)"},
		"a mistake is corrected":  {"1.0.0 60, 1.0.1 21!, 1.0.2 20", ""},
		"mistakes, and old ones":  {"1.0.0 400!, 1.0.1 21!, 1.0.2 20", "siblings-yanked: was published 20 days ago, and the older release before it is yanked: whoever had one is led to this (yanked: 1.0.0)"},
		"led to long ago":         {"1.0.0 900!, 1.0.1 31", ""},
		"another line was yanked": {"1.0.0 900!, 2.0.0 20", ""},
		"one between is kept":     {"1.0.0 900!, 1.0.1 800, 1.0.2 20", ""},
		"a burst":                 {"1.0.0 60, 1.0.1 2, 1.0.2 2, 1.0.3 2", "release-too-new: was published 2 days ago, less than 7 days (2 releases were published within 6 hours of it)"},
		"a jump":                  {"1.0.0 60, 9.0.0 2", "release-too-new: was published 2 days ago, less than 7 days (its version jumps from 1.0.0 to 9.0.0)"},
		"the next line":           {"1.0.0 60, 2.0.0 2", "release-too-new: was published 2 days ago, less than 7 days"},
		"calendar":                {"2024.1.0 600, 2026.1.0 2", "release-too-new: was published 2 days ago, less than 7 days"},
	} {
		p := &registry.Project{Ecosystem: lockkeeper.Cargo, Name: "a"}
		for _, text := range strings.Split(c.releases, ", ") {
			version, ago, _ := strings.Cut(text, " ")
			r := registry.Release{Package: lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: "a", Version: version}, Yanked: strings.HasSuffix(ago, "!")}
			var days int
			if n, _ := fmt.Sscanf(ago, "%d", &days); n == 1 {
				r.Published = now.Add(-time.Duration(days) * day)
			}
			p.Releases = append(p.Releases, r)
		}
		last := &p.Releases[len(p.Releases)-1]
		entry := &lockfile.Entry{Package: last.Package, Line: 1}
		j := &judgement{policy: policy.Default(), now: now, pair: pair{path: "Cargo.lock"}, change: lockfile.Change{Kind: lockfile.Added, New: entry}}
		j.judgeTimes(p, last)
		var found []string
		for _, f := range j.findings {
			text := string(f.Rule)
			if f.Grave {
				text += " grave"
			}
			text += ": " + f.Message
			if len(f.Evidence) > 0 {
				text += " (" + strings.Join(f.Evidence, "; ") + ")"
			}
			found = append(found, text)
		}
		if diff := cmp.Diff(c.want, strings.Join(found, ", ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
