package scan

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
)

// Bounds of following one path; what is beyond them leads nowhere on Linux as well.
const (
	maxLinkText = 4096 // bytes
	maxLinks    = 40   // links passed
	maxParts    = 400  // names still to be looked at
)

// links follows the symbolic links of one revision.
type links struct {
	tree   Tree
	files  map[string]lockkeeper.TreeFile
	texts  map[string]string   // of links, by blob
	sorted []string            // paths; made when it is needed
	plain  map[string][]string // what inside found, by directory
}

// follow is the path that p means once every link on it is followed, and the links
// and submodules met on the way. It is empty where that is outside the repository,
// in a submodule or beyond the bounds. It need not exist.
func (l *links) follow(ctx context.Context, p string) (target string, passed []string) {
	w, err := walk(p, func(p string) lockkeeper.TreeFile { return l.files[p] }, func(f lockkeeper.TreeFile) (string, error) { return l.text(ctx, f), nil })
	if err != nil || w.end != arrived {
		return "", w.passed
	}
	return w.target, w.passed
}

// walked is a path through a tree once every link on it is followed.
type walked struct {
	target string
	passed []string // links and submodules, in order
	end    end
}

// end of a walk.
type end int

const (
	arrived   end = iota // which does not say that there is anything at the target
	outside              // the last link passed leads out of the tree, or nowhere
	submodule            // the last one passed is a submodule
	endless              // beyond the bounds
)

// walk goes p name by name as the system does: ".." behind a link leads up from where
// the link led. at is what stands at a path, text what a link says.
func walk(p string, at func(string) lockkeeper.TreeFile, text func(lockkeeper.TreeFile) (string, error)) (walked, error) {
	w := walked{target: "."}
	rest := strings.Split(p, "/")
	for len(rest) > 0 {
		part := rest[0]
		rest = rest[1:]
		switch {
		case part == "" || part == ".":
			continue
		case part == ".." && w.target == ".":
			w.end = outside
			return w, nil
		case part == "..":
			w.target = path.Dir(w.target)
			continue
		}
		next := path.Join(w.target, part)
		switch f := at(next); f.Mode {
		case lockkeeper.Submodule:
			w.passed, w.end = append(w.passed, next), submodule
			return w, nil
		case lockkeeper.Symlink:
			w.passed = append(w.passed, next)
			text, err := text(f)
			if err != nil {
				return w, err
			}
			if text == "" || path.IsAbs(text) {
				w.end = outside
				return w, nil
			}
			if rest = append(strings.Split(text, "/"), rest...); len(w.passed) > maxLinks || len(rest) > maxParts {
				w.end = endless
				return w, nil
			}
		default:
			w.target = next
		}
	}
	return w, nil
}

// text is what a link says, "" where it cannot be read.
func (l *links) text(ctx context.Context, f lockkeeper.TreeFile) string {
	text, known := l.texts[f.Blob]
	if !known {
		if data, err := l.tree.Read(ctx, f, maxLinkText); err == nil {
			text = string(data)
		}
		if l.texts == nil {
			l.texts = map[string]string{}
		}
		l.texts[f.Blob] = text
	}
	return text
}

// regular reports whether there is a plain file at p.
func (l *links) regular(p string) bool { return l.files[p].Mode == lockkeeper.Regular }

// inside lists the plain files directly in a directory.
func (l *links) inside(dir string) []string {
	if found, known := l.plain[dir]; known {
		return found
	}
	if l.sorted == nil {
		for p := range l.files {
			l.sorted = append(l.sorted, p)
		}
		slices.Sort(l.sorted)
	}
	prefix := dir + "/"
	if dir == "." {
		prefix = ""
	}
	var found []string
	first, _ := slices.BinarySearch(l.sorted, prefix)
	for _, p := range l.sorted[first:] {
		if !strings.HasPrefix(p, prefix) {
			break
		}
		if !strings.Contains(p[len(prefix):], "/") && l.regular(p) {
			found = append(found, p)
		}
	}
	if l.plain == nil {
		l.plain = map[string][]string{}
	}
	l.plain[dir] = found
	return found
}
