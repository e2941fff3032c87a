package githubtest

import (
	"bytes"
	"context"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// fileDiff is one changed file.
type fileDiff struct {
	path, previous       string // previous is the old path of a renamed file
	status               string // added, removed, modified, renamed
	blob                 plumbing.Hash
	submodule            bool
	additions, deletions int
	patch                string // hunks without a header; "" for binary or large files
}

// patchLimit is the size of a file from which on GitHub's answers leave out the
// patch. GitHub's own rule is not documented; this is near what it does.
const patchLimit = 1 << 20

// diff lists what changed between two trees, by path; the zero hash is the empty
// tree.
func (r *Repo) diff(from, to plumbing.Hash) []fileDiff {
	key := [2]plumbing.Hash{from, to}
	if cached, ok := r.commitPatches[key]; ok {
		return cached
	}
	changes, err := object.DiffTreeWithOptions(context.Background(), r.git.tree(from), r.git.tree(to), object.DefaultDiffTreeOptions)
	must(err)
	out := make([]fileDiff, 0, len(changes))
	for _, change := range changes {
		out = append(out, r.git.fileDiff(change))
	}
	r.commitPatches[key] = out
	return out
}

func (g gitStore) tree(hash plumbing.Hash) *object.Tree {
	if hash.IsZero() {
		return &object.Tree{}
	}
	t, err := object.GetTree(g, hash)
	must(err)
	return t
}

func (g gitStore) fileDiff(change *object.Change) fileDiff {
	d := fileDiff{path: change.To.Name, status: "modified", blob: change.To.TreeEntry.Hash}
	from, to := change.From.TreeEntry, change.To.TreeEntry
	switch {
	case change.From.Name == "":
		d.status = "added"
	case change.To.Name == "":
		d.path, d.status, d.blob = change.From.Name, "removed", from.Hash
	case change.From.Name != change.To.Name:
		d.status, d.previous = "renamed", change.From.Name
	}
	before, after := g.content(change.From.Name, from), g.content(change.To.Name, to)
	d.submodule = to.Mode == filemode.Submodule || from.Mode == filemode.Submodule
	if bytes.IndexByte(before, 0) >= 0 || bytes.IndexByte(after, 0) >= 0 {
		return d
	}
	unified := udiff.Unified("a", "b", string(before), string(after))
	// The two header lines are not part of what GitHub calls the patch.
	_, unified, _ = strings.Cut(unified, "\n")
	_, unified, _ = strings.Cut(unified, "\n")
	for line := range strings.Lines(unified) {
		switch line[0] {
		case '+':
			d.additions++
		case '-':
			d.deletions++
		}
	}
	if len(before) <= patchLimit && len(after) <= patchLimit {
		d.patch = strings.TrimSuffix(unified, "\n")
	}
	return d
}

// content is what a diff shows of an entry; a submodule is one line.
func (g gitStore) content(name string, entry object.TreeEntry) []byte {
	switch {
	case name == "":
		return nil
	case entry.Mode == filemode.Submodule:
		return []byte("Subproject commit " + entry.Hash.String() + "\n")
	}
	content, err := g.readBlob(entry.Hash)
	must(err)
	return content
}

// commitDiff is what a commit changed against its first parent.
func (r *Repo) commitDiff(c *object.Commit) []fileDiff {
	var from plumbing.Hash
	if len(c.ParentHashes) > 0 {
		from = r.git.mustCommit(c.ParentHashes[0]).TreeHash
	}
	return r.diff(from, c.TreeHash)
}

// comparison is GitHub's three-dot comparison.
type comparison struct {
	base, head, mergeBase plumbing.Hash
	ahead                 []*object.Commit
	behind                int
}

func (r *Repo) compare(base, head plumbing.Hash) (comparison, bool) {
	mergeBase, ok := r.git.mergeBase(base, head)
	if !ok {
		return comparison{}, false
	}
	return comparison{
		base: base, head: head, mergeBase: mergeBase,
		ahead:  r.git.between(base, head),
		behind: len(r.git.between(head, base)),
	}, true
}

func (c comparison) status() string {
	switch {
	case c.base == c.head:
		return "identical"
	case c.behind == 0:
		return "ahead"
	case len(c.ahead) == 0:
		return "behind"
	default:
		return "diverged"
	}
}

func (r *Repo) comparisonDiff(c comparison) []fileDiff {
	return r.diff(r.git.mustCommit(c.mergeBase).TreeHash, r.git.mustCommit(c.head).TreeHash)
}

func stats(files []fileDiff) (additions, deletions int) {
	for _, f := range files {
		additions += f.additions
		deletions += f.deletions
	}
	return additions, deletions
}
