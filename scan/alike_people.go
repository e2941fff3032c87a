package scan

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
)

// shortestLogin is the length from which logins are compared: among shorter ones too
// many differ by a letter.
const shortestLogin = 5

// lookAlikePublishers says of findings about a package whose publisher is named like
// another person that this lockfile knows: somebody who published a package of it, or
// who owns one as far as Lockkeeper has looked.
func (s *Scanner) lookAlikePublishers(ctx context.Context, p pair, jobs []*judgement) {
	var known []lockkeeper.Principal
	read := false
	for _, j := range jobs {
		if len(j.findings) == 0 || len(j.publisher.Login) < shortestLogin {
			continue
		}
		if !read {
			known, read = s.people(ctx, p, jobs), true
		}
		i := slices.IndexFunc(known, func(o lockkeeper.Principal) bool { return alikeLogins(j.publisher, o) })
		if i < 0 {
			continue
		}
		text := fmt.Sprintf("its publisher %s is not %s, who is known from other packages of this lockfile", personText(j.publisher), personText(known[i]))
		for n := range j.findings {
			j.findings[n].Evidence = append(slices.Clip(j.findings[n].Evidence), text)
		}
	}
}

// people are those known from a lockfile, each once, sorted.
func (s *Scanner) people(ctx context.Context, p pair, jobs []*judgement) []lockkeeper.Principal {
	var all []lockkeeper.Principal
	for _, j := range jobs {
		all = append(append(all, j.publisher), j.earlier...)
	}
	if s.Owners != nil && p.new != nil {
		for _, e := range p.new.Entries {
			known, err := s.Owners.Owners(ctx, e.Package.ID())
			if err != nil {
				break // it is evidence beside what is found, no finding of its own
			}
			for _, t := range known.Terms {
				all = append(all, t.Owner)
			}
		}
	}
	slices.SortFunc(all, func(a, b lockkeeper.Principal) int {
		return strings.Compare(a.String()+"\x00"+a.Login, b.String()+"\x00"+b.Login)
	})
	return slices.Compact(all)
}

// alikeLogins reports whether two different accounts have names that look alike or
// are one letter apart.
func alikeLogins(a, b lockkeeper.Principal) bool {
	if a.Kind != b.Kind || a.Is(b) || len(b.Login) < shortestLogin {
		return false
	}
	return oneOff(atAGlance(a.Login), atAGlance(b.Login))
}
