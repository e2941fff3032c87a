package scan

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/formats"
	"github.com/lockkeeper/lockkeeper/policy"
)

// maxIncluded bounds how many files requirements files may draw in.
const maxIncluded = 200

// pair is one lockfile on both sides; nil where it does not exist. The old one has
// another path and format where the new one took its place.
type pair struct {
	path     string
	old, new *lockfile.Lockfile
	routes   lockfile.Routes // of new
	alike    *lookAlikes
	above    []*lockfile.Lockfile // requirements files that draw this one in
}

func (p pair) newest() *lockfile.Lockfile {
	if p.new != nil {
		return p.new
	}
	return p.old
}

// maxThrough bounds the names of a way through dependencies that is told; real ones
// are shorter.
const maxThrough = 24

// through names the packages from a direct dependency to e, e left out.
func (p pair) through(e *lockfile.Entry) []string {
	if p.new == nil {
		return nil
	}
	way := p.routes.Through(e)
	return shortened(len(way), func(i int) string { return p.new.Entries[way[i]].Package.Name })
}

// shortened are n names, without the middle of a longer way than anybody reads.
func shortened(n int, name func(int) string) []string {
	var names []string
	left := n - maxThrough
	for i := 0; i < n; i++ {
		if left > 0 && i == maxThrough/2 {
			names = append(names, fmt.Sprintf("... %d more ...", left))
			i += left
		}
		names = append(names, name(i))
	}
	return names
}

// gathered is both sides of a change, parsed.
type gathered struct {
	pairs    []pair
	findings []policy.Finding
	touched  []string
	above    map[string][]*lockfile.Lockfile // requirements files by what they include
	known    map[string]bool                 // identities of the entries locked at the base

	base, head map[string]lockkeeper.TreeFile
}

// lockedBefore reports whether exactly this entry stood in a lockfile at the
// base that this change edits or deletes: a renamed or merged lockfile brings
// nothing new.
func (g *gathered) lockedBefore(e lockfile.Entry) bool {
	return len(e.Files) > 0 && g.known[identity(e)]
}

func identity(e lockfile.Entry) string {
	digests := make([]string, 0, len(e.Files))
	for _, f := range e.Files {
		digests = append(digests, strings.Join(append([]string{string(f.Digest)}, f.Other...), " "))
	}
	slices.Sort(digests)
	return strings.Join(append([]string{e.Package.String(), string(e.Source.Kind), e.Source.URL, e.Source.Revision}, slices.Compact(digests)...), "\x00")
}

// gather finds the lockfiles and guarded settings that differ and parses both
// sides of each lockfile.
func (s *Scanner) gather(ctx context.Context, in Input) (*gathered, error) {
	base, err := list(ctx, in.Base, in.BaseName)
	if err != nil {
		return nil, err
	}
	head, err := list(ctx, in.Head, in.HeadName)
	if err != nil {
		return nil, err
	}
	g := &gathered{above: map[string][]*lockfile.Lockfile{}, known: map[string]bool{}, base: base, head: head}
	differing := differingPaths(base, head)
	if len(differing) == 0 {
		return g, nil
	}
	watch := s.watched(ctx, in, g, base, head)
	in = readAhead(ctx, in, differing, watch, base, head)
	for _, path := range differing {
		// A file of settings stays one, whatever includes it or links to it.
		if name := watch.settingsName(path); name != "" {
			if finding := s.guardFinding(ctx, in, base, head, path, name); finding != nil {
				g.touched = append(g.touched, path)
				g.findings = append(g.findings, *finding)
			}
		}
		if format, isLockfile := watch.formats[path]; isLockfile {
			g.touched = append(g.touched, path)
			old, _ := s.side(ctx, in.Base, base, path, format)
			parsed, problem := s.side(ctx, in.Head, head, path, format)
			if problem != nil {
				g.findings = append(g.findings, *problem)
				continue
			}
			if old != nil {
				for _, e := range old.Entries {
					g.known[identity(e)] = true
				}
			}
			g.findings = append(g.findings, settingFindings(old, parsed)...)
			found := pair{path: path, old: old, new: parsed, above: g.including(path)}
			if parsed != nil {
				found.routes = parsed.Routes()
			}
			g.pairs = append(g.pairs, found)
		}
	}
	g.pairs = joinMoves(g.pairs)
	for i := range g.pairs {
		g.pairs[i].alike = lookAlikesOf(g.pairs[i].new, g.pairs[i].old)
	}
	g.findings = append(g.findings, covers(in, differing, base, head)...)
	return g, nil
}

func list(ctx context.Context, t Tree, name string) (map[string]lockkeeper.TreeFile, error) {
	files, err := t.Files(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the files of %s: %w", name, err)
	}
	byPath := make(map[string]lockkeeper.TreeFile, len(files))
	for _, f := range files {
		byPath[f.Path] = f
	}
	return byPath, nil
}

func differingPaths(base, head map[string]lockkeeper.TreeFile) []string {
	var paths []string
	for p, f := range head {
		if b, ok := base[p]; !ok || b.Blob != f.Blob || b.Mode != f.Mode {
			paths = append(paths, p)
		}
	}
	for p := range base {
		if _, ok := head[p]; !ok {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	return paths
}

// side parses one lockfile of one side: nil and no problem where the file does
// not exist, a finding where it cannot be read.
func (s *Scanner) side(ctx context.Context, t Tree, files map[string]lockkeeper.TreeFile, path string, format lockfile.Format) (*lockfile.Lockfile, *policy.Finding) {
	f, exists := files[path]
	if !exists {
		return nil, nil
	}
	return s.parse(ctx, t, f, path, format)
}

// parse reads f as the lockfile that stands at path.
func (s *Scanner) parse(ctx context.Context, t Tree, f lockkeeper.TreeFile, path string, format lockfile.Format) (*lockfile.Lockfile, *policy.Finding) {
	if f.Mode != lockkeeper.Regular {
		return nil, unreadable(f, 0, fmt.Sprintf("is a %s where a lockfile should be, so its packages cannot be read", f.Mode))
	}
	data, err := t.Read(ctx, f, lockfile.MaxSize)
	if err != nil {
		return nil, unreadable(f, 0, fmt.Sprintf("could not be read: %v", err))
	}
	parsed, err := formats.Parse(format, path, data)
	if err != nil {
		line := 0
		if e, ok := asLockfileError(err); ok {
			line, err = e.Line, e.Err
		}
		return nil, unreadable(f, line, fmt.Sprintf("could not be read as a %s lockfile: %v", format, err))
	}
	s.settle(parsed)
	return parsed, nil
}

func unreadable(f lockkeeper.TreeFile, line int, message string) *policy.Finding {
	return &policy.Finding{Rule: policy.Unverified, Lockfile: f.Path, Line: line, Message: message, Subject: "lockfile " + f.Path + " " + f.Blob}
}

// settingFindings reports options inside a lockfile that were not there before:
// they change where packages come from or how they are installed.
func settingFindings(old, parsed *lockfile.Lockfile) []policy.Finding {
	if parsed == nil {
		return nil
	}
	before := map[string]bool{}
	if old != nil {
		for _, s := range old.Settings {
			before[s.Text] = true
		}
	}
	var findings []policy.Finding
	for _, s := range parsed.Settings {
		if before[s.Text] || harmlessSetting(s.Text) {
			continue
		}
		findings = append(findings, policy.Finding{
			Rule: policy.GuardChanged, Lockfile: parsed.Path, Line: s.Line,
			Message: fmt.Sprintf("adds the option %q, which changes where packages come from or how they are installed", s.Text),
			Subject: "setting " + s.Text,
		})
	}
	return findings
}

// harmlessSetting: options that only make an installation stricter.
func harmlessSetting(text string) bool {
	name := settingName(text)
	return name == "--require-hashes" || name == "--only-binary"
}

// openOrigin reports whether an installer may look in further places than the
// file itself says, so that an entry without digests may come from any of them.
func (p pair) openOrigin() bool {
	return hasSetting(p.new, "--extra-index-url", "--find-links", "-f") || slices.ContainsFunc(p.above, func(l *lockfile.Lockfile) bool {
		return hasSetting(l, "--index-url", "--extra-index-url", "--find-links", "--no-index")
	})
}

// buildsFromSource reports whether packages of l, one side of p, are built although
// there are wheels.
func (p pair) buildsFromSource(l *lockfile.Lockfile) bool {
	return l != nil && hasSetting(l, "--no-binary") || slices.ContainsFunc(p.above, func(l *lockfile.Lockfile) bool { return hasSetting(l, "--no-binary") })
}

func hasSetting(l *lockfile.Lockfile, names ...string) bool {
	return slices.ContainsFunc(l.Settings, func(s lockfile.Setting) bool { return slices.Contains(names, settingName(s.Text)) })
}

// settingName is the option of "--option=value" or "--option value".
func settingName(text string) string {
	name, _, _ := strings.Cut(strings.Replace(text, "=", " ", 1), " ")
	return name
}
