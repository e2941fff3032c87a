package scan

import (
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
)

// Watched reports whether any change of the file at p is one that this package
// looks at: a lockfile that the policy watches, or a file of guarded settings and
// of nothing else.
func Watched(rules *policy.Policy, p string) bool {
	_, isLockfile := lockfile.FormatOf(p)
	return isLockfile && rules.Watches(p) || guards(p) && !holdsMore(p)
}

// watched says which files are lockfiles, by path: those of a known name that
// the policy watches, whatever a requirements file draws in with -r or -c, and
// what a symbolic link of such a name leads to.
func (s *Scanner) watched(ctx context.Context, in Input, g *gathered, base, head map[string]lockkeeper.TreeFile) (map[string]lockfile.Format, error) {
	formats := map[string]lockfile.Format{}
	var requirements []string
	for _, side := range []map[string]lockkeeper.TreeFile{base, head} {
		for p := range side {
			format, ok := lockfile.FormatOf(p)
			if !ok || !in.Policy.Watches(p) {
				continue
			}
			formats[p] = format
			if target := s.linkTarget(ctx, in.Head, head, p); target != "" {
				formats[target], p = format, target
			}
			if format == lockfile.Requirements && head[p].Path != "" {
				requirements = append(requirements, p)
			}
		}
	}
	slices.Sort(requirements)
	requirements = slices.Compact(requirements)
	for i := 0; i < len(requirements); i++ {
		if i > maxIncluded {
			g.findings = append(g.findings, policy.Finding{
				Rule: policy.Unverified, Lockfile: requirements[i],
				Message: fmt.Sprintf("is one of more than %d requirements files, which are not all looked at; watch fewer with [scan] lockfiles in %s", maxIncluded, policy.Path),
				Subject: "too many requirements files",
			})
			return formats, nil
		}
		parsed, problem := s.side(ctx, in.Head, head, requirements[i], lockfile.Requirements)
		if problem != nil {
			continue // if it differs, gather reports it; if not, it was as unreadable before
		}
		for _, inc := range parsed.Includes {
			g.above[inc.Path] = append(g.above[inc.Path], parsed)
			if _, exists := head[inc.Path]; !exists {
				g.findings = append(g.findings, policy.Finding{
					Rule: policy.Unverified, Lockfile: parsed.Path, Line: inc.Line,
					Message: fmt.Sprintf("includes %s, which is not in the repository", inc.Path),
					Subject: "include " + inc.Path,
				})
				continue
			}
			if _, seen := formats[inc.Path]; !seen {
				formats[inc.Path] = lockfile.Requirements
				requirements = append(requirements, inc.Path)
			}
		}
	}
	return formats, nil
}

// including are the requirements files of the head that draw in the one at p, by
// whatever detour. pip applies the options of one file to all files of a run.
func (g *gathered) including(p string) []*lockfile.Lockfile {
	var all []*lockfile.Lockfile
	for next := g.above[p]; len(next) > 0; next = next[1:] {
		if !slices.Contains(all, next[0]) {
			all = append(all, next[0])
			next = append(next, g.above[next[0].Path]...)
		}
	}
	return all
}

// linkTarget is the plain file of the repository that a symbolic link at p leads
// to, "" where there is no such link or it leads elsewhere. A link that itself
// changes is a finding; this is about a change behind it.
func (s *Scanner) linkTarget(ctx context.Context, t Tree, files map[string]lockkeeper.TreeFile, p string) string {
	const longest = 4096 // bytes of a path
	f, exists := files[p]
	if !exists || f.Mode != lockkeeper.Symlink {
		return ""
	}
	text, err := t.Read(ctx, f, longest)
	if err != nil || path.IsAbs(string(text)) {
		return ""
	}
	target := path.Join(path.Dir(p), string(text))
	if files[target].Mode != lockkeeper.Regular {
		return ""
	}
	return target
}

// covers finds links and submodules that took the place of a directory in which
// the base has a lockfile: what is locked there now is out of sight.
func covers(in Input, differing []string, base, head map[string]lockkeeper.TreeFile) []policy.Finding {
	var findings []policy.Finding
	for _, gone := range differing {
		_, isLockfile := lockfile.FormatOf(gone)
		if _, before := base[gone]; !isLockfile || !before || !in.Policy.Watches(gone) {
			continue
		}
		for dir := path.Dir(gone); dir != "."; dir = path.Dir(dir) {
			f, exists := head[dir]
			if !exists || f.Mode == lockkeeper.Regular {
				continue
			}
			findings = append(findings, policy.Finding{
				Rule: policy.Unverified, Lockfile: gone,
				Message: fmt.Sprintf("is out of sight: %s is now a %s, and what it leads to is not read", dir, f.Mode),
				Subject: "covered by " + dir + " " + f.Blob,
			})
		}
	}
	return findings
}
