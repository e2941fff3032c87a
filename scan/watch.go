package scan

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/guard"
	"github.com/lockkeeper/lockkeeper/policy"
)

// Watched reports whether any change of the file at p is one that this package
// looks at: a lockfile that the policy watches, or a file of guarded settings and
// of nothing else.
func Watched(rules *policy.Policy, p string) bool {
	_, isLockfile := lockfile.FormatOf(p)
	return isLockfile && rules.Watches(p) || guards(p) && !holdsMore(p)
}

// watch is which files of a change are looked at, by path.
type watch struct {
	scanner  *Scanner
	gathered *gathered
	links    links
	formats  map[string]lockfile.Format
	// settings are files of guarded settings that have another name than such files
	// have, with the name that they are read by.
	settings map[string]string
	// requirements are the files of the head to look for includes in.
	requirements []reading
	listed       int // files that links to directories led to
}

// maxListed bounds the files that links to directories called requirements lead to,
// each counted for every link to it.
const maxListed = 10_000

// reading is a requirements file and the path by which pip comes to it: includes
// are relative to the directory of that, which for a link is not the file's own.
type reading struct{ as, file string }

// watched finds the lockfiles: those of a known name that the policy watches,
// whatever a requirements file draws in with -r or -c, and what symbolic links of
// such names lead to. Links to guarded settings are followed as well.
func (s *Scanner) watched(ctx context.Context, in Input, g *gathered, base, head map[string]lockkeeper.TreeFile) *watch {
	w := &watch{
		scanner: s, gathered: g, links: links{tree: in.Head, files: head},
		formats: map[string]lockfile.Format{}, settings: map[string]string{},
	}
	var linked []string
	for _, side := range []map[string]lockkeeper.TreeFile{base, head} {
		for p := range side {
			if format, ok := lockfile.FormatOf(p); ok && in.Policy.Watches(p) {
				w.formats[p] = format
				if format == lockfile.Requirements && w.links.regular(p) {
					w.requirements = append(w.requirements, reading{p, p})
				}
			}
			if head[p].Mode == lockkeeper.Symlink {
				linked = append(linked, p)
			}
		}
	}
	slices.Sort(linked)
	for _, p := range slices.Compact(linked) {
		w.link(ctx, in.Policy, p)
	}
	slices.SortFunc(w.requirements, func(a, b reading) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.as, b.as))
	})
	w.requirements = slices.Compact(w.requirements)
	w.includes(ctx)
	return w
}

// link looks at what a symbolic link stands for: a lockfile, a file of settings, or
// a directory whose name gives files in it a meaning. The links on the way are
// watched like the file at its end, for each of them decides what is read.
func (w *watch) link(ctx context.Context, rules *policy.Policy, p string) {
	switch name := strings.ToLower(path.Base(p)); {
	case w.formats[p] != "":
		w.draw(ctx, p, w.formats[p])
	case guard.Guards(p):
		w.settle(ctx, p, p)
	case name == cargoDirectory:
		for _, file := range []string{"config", "config.toml"} {
			w.settle(ctx, p+"/"+file, p+"/"+file)
		}
	case name == "requirements":
		target, passed := w.links.follow(ctx, p)
		if target == "" {
			return
		}
		if w.listed > maxListed {
			return // it is said already
		}
		for _, file := range w.links.inside(target) {
			if w.listed++; w.listed > maxListed {
				w.gathered.findings = append(w.gathered.findings, policy.Finding{
					Rule: policy.Unverified, Lockfile: p,
					Message: fmt.Sprintf("is one of the links to directories of more than %d files, which are not all looked at; replace it by files, or watch fewer with [scan] lockfiles in %s", maxListed, policy.Path),
					Subject: "too many links to directories",
				})
				return
			}
			if seen := p + "/" + path.Base(file); strings.HasSuffix(file, ".txt") && rules.Watches(seen) {
				w.pass(passed, lockfile.Requirements)
				w.read(seen, file, lockfile.Requirements)
			}
		}
	}
}

// draw watches a lockfile and all links on the way to it, and gives the path of the
// file itself, "" where there is none.
func (w *watch) draw(ctx context.Context, p string, format lockfile.Format) string {
	target, passed := w.links.follow(ctx, p)
	w.pass(passed, format)
	if !w.links.regular(target) {
		return ""
	}
	w.read(p, target, format)
	return target
}

// pass watches links and submodules: one that changes is a lockfile out of sight.
func (w *watch) pass(passed []string, format lockfile.Format) {
	for _, p := range passed {
		if w.formats[p] == "" {
			w.formats[p] = format
		}
	}
}

// read watches a plain file. A name that says its format outweighs what leads to it.
func (w *watch) read(as, file string, format lockfile.Format) {
	if w.formats[file] == "" {
		w.formats[file] = format
	}
	if w.formats[file] != lockfile.Requirements {
		return
	}
	for _, r := range []reading{{file, file}, {as, file}} {
		// Beyond the bound it is said that not all are looked at.
		if len(w.requirements) <= maxIncluded+1 && !slices.Contains(w.requirements, r) {
			w.requirements = append(w.requirements, r)
		}
	}
}

// settle watches the settings that p leads to, and all links on the way.
func (w *watch) settle(ctx context.Context, p, name string) {
	target, passed := w.links.follow(ctx, p)
	for _, p := range append(passed, target) {
		if p != "" && !guards(p) {
			w.settings[p] = name
		}
	}
}

// includes watches what requirements files draw in.
func (w *watch) includes(ctx context.Context) {
	g := w.gathered
	for i := 0; i < len(w.requirements); i++ {
		r := w.requirements[i]
		if i > maxIncluded {
			g.findings = append(g.findings, policy.Finding{
				Rule: policy.Unverified, Lockfile: r.file,
				Message: fmt.Sprintf("is one of more than %d requirements files, which are not all looked at; watch fewer with [scan] lockfiles in %s", maxIncluded, policy.Path),
				Subject: "too many requirements files",
			})
			return
		}
		parsed, problem := w.scanner.parse(ctx, w.links.tree, w.links.files[r.file], r.as, lockfile.Requirements)
		if problem != nil {
			continue // if it differs, gather reports it; if not, it was as unreadable before
		}
		for _, inc := range parsed.Includes {
			g.above[inc.Path] = append(g.above[inc.Path], parsed)
			switch target := w.draw(ctx, inc.Path, lockfile.Requirements); {
			case target == "" && r.as == r.file:
				g.findings = append(g.findings, policy.Finding{
					Rule: policy.Unverified, Lockfile: parsed.Path, Line: inc.Line,
					Message: fmt.Sprintf("includes %s, which is not in the repository", inc.Path),
					Subject: "include " + inc.Path,
				})
			case target != "" && target != inc.Path:
				g.above[target] = append(g.above[target], parsed)
			}
		}
	}
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
