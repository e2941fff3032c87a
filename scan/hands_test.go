package scan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/registry"
)

// publicationsOf reads "VERSION PUBLISHER[/ENVIRONMENT] [attested] [mixed] [unverified]
// [YEAR]" for each release, the newest first; "?" is nobody known.
func publicationsOf(t *testing.T, text string) []registry.Publication {
	t.Helper()
	var all []registry.Publication
	for _, one := range strings.Split(text, ", ") {
		words := strings.Fields(one)
		who, environment, _ := strings.Cut(words[1], "!")
		p := registry.Publication{Version: words[0], Environment: environment, Published: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
		var err error
		if p.Publisher, err = lockkeeper.ParsePrincipal(strings.TrimSuffix(who, "?")); err != nil {
			t.Fatal(err)
		}
		for _, word := range words[2:] {
			var year int
			switch {
			case word == "attested":
				p.Attested = true
			case word == "mixed":
				p.Mixed = true
			case word == "unverified":
				p.Unverified = "a reason"
			default:
				if _, err := fmt.Sscanf(word, "%d", &year); err != nil {
					t.Fatal(one, err)
				}
				p.Published = time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
			}
		}
		all = append(all, p)
	}
	return all
}

// TestHands: the first release of each is judged by the others, nearest first.
func TestHands(t *testing.T) {
	for _, test := range []struct {
		name, releases string
		locked         string // version; the nearest by default
		names          string // repository named before
		want           string
	}{
		// People.
		{"the same", "1.2.0 user:1, 1.1.0 user:1", "", "", ""},
		{"one of several", "1.3.0 user:1, 1.2.0 user:2, 1.1.0 user:1", "", "", ""},
		{"a stranger", "1.2.0 user:9, 1.1.0 user:1, 1.0.0 user:2", "", "", "publisher-changed: was published by user:9; before by user:1, user:2"},
		{"a new major line by a regular", "2.0.0 user:1 2026, 1.1.0 user:1 2019", "", "", ""},
		{"a colleague in another line", "2.1.0 user:1 2026, 2.0.0 user:2 2026, 1.1.0 user:1 2025", "", "", ""},
		{"back after years, in another line", "2.1.0 user:1 2026, 2.0.0 user:2 2025, 1.1.0 user:1 2019", "", "", "publisher-changed: was published by user:1; before by user:2, user:1"},
		{"back after years, in this line", "2.2.0 user:1 2026, 2.1.0 user:2 2025, 2.0.0 user:1 2019", "", "", ""},
		{"nobody was known", "1.2.0 user:1, 1.1.0 ?, 1.0.0 ?", "", "", ""},
		{"unknown after known", "1.2.0 ?, 1.1.0 user:1", "", "", "publisher-changed: was published by somebody unknown; before by user:1"},
		{"known by another kind of id", "1.2.0 team:1, 1.1.0 user:1", "", "", "publisher-changed: was published by team:1; before by user:1"},

		// To trusted publishing and back.
		{"to its own repository", "1.2.0 github:o/r attested, 1.1.0 user:1", "", "https://github.com/O/r", "publisher-changed: is now published by its own repository, github:o/r; before by user:1"},
		{"to its own project", "1.2.0 gitlab:g/s/p attested, 1.1.0 user:1", "", "https://gitlab.com/g/s/p", "publisher-changed: is now published by its own repository, gitlab:g/s/p; before by user:1"},
		{"to another repository", "1.2.0 github:evil/r attested, 1.1.0 user:1", "", "https://github.com/o/r", "publisher-changed: was published by github:evil/r, and not by the repository that it named before, github.com/o/r; before by user:1"},
		{"to the same path on another host", "1.2.0 github:o/r attested, 1.1.0 user:1", "", "https://gitlab.com/o/r", "publisher-changed: was published by github:o/r, and not by the repository that it named before, gitlab.com/o/r; before by user:1"},
		{"to a repository, none is named", "1.2.0 github:o/r attested, 1.1.0 user:1", "", "https://o.example.invalid/en/latest", "publisher-changed: was published by github:o/r; before by user:1"},
		{"once there, for good", "1.3.0 github:o/r attested, 1.2.0 github:o/r attested, 1.1.0 user:1", "", "https://github.com/o/r", ""},
		{"once there, for good, from afar", "1.3.0 github:o/r attested, 1.2.0 github:o/r attested, 1.1.0 user:1", "1.1.0", "https://github.com/o/r", ""},
		{"and back", "1.3.0 user:1, 1.2.0 github:o/r attested, 1.1.0 user:1", "", "", "publisher-downgraded: was published by user:1 without the provenance that 1.2.0 had (github:o/r)"},
		{"back by a stranger", "1.3.0 user:9, 1.2.0 github:o/r attested", "", "", "publisher-downgraded: was published by user:9 without the provenance that 1.2.0 had (github:o/r)"},
		{"back twice, the second is offered", "1.4.0 user:1, 1.3.0 user:1, 1.2.0 github:o/r attested", "1.2.0", "", "publisher-downgraded: was published by user:1 without the provenance that 1.2.0 had (github:o/r)"},
		{"back twice, the first was accepted", "1.4.0 user:1, 1.3.0 user:1, 1.2.0 github:o/r attested", "1.3.0", "", ""},
		{"back twice, the first was accepted, nobody is named", "1.4.0 ?, 1.3.0 ?, 1.2.0 github:o/r/w.yml attested", "1.3.0", "", ""},
		{"back twice, nobody is named", "1.4.0 ?, 1.3.0 ?, 1.2.0 github:o/r/w.yml attested", "1.2.0", "", "publisher-downgraded: was published by somebody unknown, without the provenance that 1.2.0 had (github:o/r/w.yml)"},

		// The first provenance where nobody was known before.
		{"first provenance", "1.2.0 github:o/r/w.yml attested, 1.1.0 ?", "", "https://github.com/o/r", ""},
		{"first provenance, nothing is named", "1.2.0 github:o/r/w.yml attested, 1.1.0 ?", "", "", ""},
		{"first provenance, a foreign one", "1.2.0 github:evil/r/w.yml attested, 1.1.0 ?", "", "https://github.com/o/r", "publisher-changed: was published by github:evil/r/w.yml, and not by the repository that it named before, github.com/o/r"},
		{"first provenance, money is named", "1.2.0 github:o/r/w.yml attested, 1.1.0 ?", "", "https://github.com/sponsors/o", ""},
		{"first provenance, of a service account", "1.2.0 google:a@b.invalid attested, 1.1.0 ?", "", "https://github.com/o/r", ""},

		// From one trusted publisher to another.
		{"another repository", "1.2.0 github:x/r/w.yml attested, 1.1.0 github:o/r/w.yml attested", "", "", "publisher-downgraded: was published from another repository, github:x/r/w.yml; before from github:o/r/w.yml"},
		{"another workflow", "1.2.0 github:o/r/x.yml attested, 1.1.0 github:o/r/w.yml attested", "", "", "publisher-downgraded: was published from another workflow of its repository, github:o/r/x.yml; before from github:o/r/w.yml"},
		{"another host", "1.2.0 gitlab:o/r/.gitlab-ci.yml attested, 1.1.0 github:o/r/w.yml attested", "", "", "publisher-downgraded: was published from another repository, gitlab:o/r/.gitlab-ci.yml; before from github:o/r/w.yml"},
		{"another pipeline", "1.2.0 gitlab:o/r/b.yml attested, 1.1.0 gitlab:o/r/a.yml attested", "", "", "publisher-downgraded: was published from another project or pipeline, gitlab:o/r/b.yml; before from gitlab:o/r/a.yml"},
		{"another account", "1.2.0 google:b@b.invalid attested, 1.1.0 google:a@b.invalid attested", "", "", "publisher-downgraded: was published from another trusted publisher, google:b@b.invalid; before from google:a@b.invalid"},
		{"a workflow of old", "1.3.0 github:o/r/w.yml attested, 1.2.0 github:o/r/x.yml attested, 1.1.0 github:o/r/w.yml attested", "", "", ""},
		{"spelled otherwise", "1.2.0 github:O/R/w.yml attested, 1.1.0 github:o/r/w.yml attested", "", "", ""},

		// Environments.
		{"the same environment", "1.2.0 github:o/r/w.yml!release attested, 1.1.0 github:o/r/w.yml!release attested", "", "", ""},
		{"the environment is gone", "1.2.0 github:o/r/w.yml attested, 1.1.0 github:o/r/w.yml!release attested", "", "", `publisher-downgraded: was published by github:o/r/w.yml outside of the environment "release" that 1.1.0 was published in`},
		{"another environment", "1.2.0 github:o/r/w.yml!test attested, 1.1.0 github:o/r/w.yml!release attested", "", "", `publisher-downgraded: was published by github:o/r/w.yml in the environment "test"; 1.1.0 in "release"`},
		{"an environment of old", "1.3.0 github:o/r/w.yml!test attested, 1.2.0 github:o/r/w.yml!release attested, 1.1.0 github:o/r/w.yml!test attested", "", "", ""},
		{"a first environment", "1.2.0 github:o/r/w.yml!release attested, 1.1.0 github:o/r/w.yml attested", "", "", ""},
		{"a first environment, and back", "1.3.0 github:o/r/w.yml attested, 1.2.0 github:o/r/w.yml!release attested, 1.1.0 github:o/r/w.yml attested", "", "", `publisher-downgraded: was published by github:o/r/w.yml outside of the environment "release" that 1.2.0 was published in`},
		{"environment of another workflow", "1.3.0 github:o/r/w.yml attested, 1.2.0 github:o/r/x.yml!release attested, 1.1.0 github:o/r/w.yml attested", "", "", ""},

		// Provenance on some files only.
		{"some files, where all were", "1.2.0 github:o/r/w.yml mixed, 1.1.0 github:o/r/w.yml attested", "", "", "publisher-downgraded: has provenance on some of its files only; 1.1.0 had it on all"},
		{"some files, where none were", "1.2.0 github:o/r/w.yml mixed, 1.1.0 ?", "", "", "publisher-downgraded: has provenance on some of its files only, unlike 1.1.0"},
		{"some files, as ever", "1.2.0 github:o/r/w.yml mixed, 1.1.0 github:o/r/w.yml mixed", "", "", ""},
		{"some files, as ever, by another", "1.2.0 github:x/r/w.yml mixed, 1.1.0 github:o/r/w.yml mixed", "", "", "publisher-changed: was published by github:x/r/w.yml; before by github:o/r/w.yml"},
		{"files of several", "1.2.0 ? attested mixed, 1.1.0 github:o/r/w.yml attested", "", "", "publisher-downgraded: has files of different publishers or environments; those of 1.1.0 had one (github:o/r/w.yml)"},
		{"files of several, where none were", "1.2.0 ? attested mixed, 1.1.0 ?", "", "", "publisher-downgraded: has files of different publishers or environments"},
		{"no files, where some were", "1.2.0 ?, 1.1.0 github:o/r/w.yml mixed", "", "", "publisher-downgraded: has provenance on none of its files; 1.1.0 had it on some"},

		// Staged: years after 2026 are too near to be history unless they are locked.
		{"a stranger, staged", "1.2.0 user:9 2027, 1.1.0 user:9 2027, 1.0.0 user:1", "1.0.0", "", "publisher-changed: was published by user:9; before by user:1"},
		{"a stranger, staged, who was accepted", "1.2.0 user:9 2027, 1.1.0 user:9 2027, 1.0.0 user:1", "1.1.0", "", ""},
		{"a newcomer, out for long", "1.2.0 user:9 2027, 1.1.0 user:9, 1.0.0 user:1", "1.0.0", "", ""},
		{"another repository, staged", "1.2.0 github:x/r/w.yml attested 2027, 1.1.0 github:x/r/w.yml attested 2027, 1.0.0 github:o/r/w.yml attested", "1.0.0", "",
			"publisher-downgraded: was published from another repository, github:x/r/w.yml; before from github:o/r/w.yml"},
		{"no environment, staged", "1.2.0 github:o/r/w.yml attested 2027, 1.1.0 github:o/r/w.yml attested 2027, 1.0.0 github:o/r/w.yml!release attested", "1.0.0", "",
			`publisher-downgraded: was published by github:o/r/w.yml outside of the environment "release" that 1.0.0 was published in`},
		{"provenance came and went in between", "1.2.0 user:1 2027, 1.1.0 github:o/r attested 2027, 1.0.0 user:1", "1.0.0", "", "publisher-downgraded: was published by user:1 without the provenance that 1.1.0 had (github:o/r)"},
	} {
		all := publicationsOf(t, test.releases)
		h := hands{now: all[0], before: all[1:], locked: &all[1], line: func(version string) bool {
			return lockfile.SameLine(lockkeeper.Cargo, version, all[0].Version)
		}}
		for i := range h.before {
			if h.before[i].Version == test.locked {
				h.locked = &h.before[i]
			}
		}
		j := &judgement{now: time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC), change: lockfile.Change{New: &lockfile.Entry{Package: lockkeeper.Package{Ecosystem: lockkeeper.Cargo}}}}
		h.settled = j.settled(h.before, h.locked.Version)
		h.named = func() ([]Repository, bool) {
			r, ok := ParseRepository(test.names, true)
			if !ok {
				return nil, false
			}
			named := forged([]Repository{r})
			return named, len(named) > 0
		}
		rule, message := h.compare()
		got := strings.TrimPrefix(fmt.Sprintf("%s: %s", rule, message), ": ")
		if got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, got, test.want)
		}
	}
}
