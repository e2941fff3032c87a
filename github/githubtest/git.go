package githubtest

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/memory"
)

// CommitSpec is a commit to make. Its tree is that of its first parent with the
// changes below.
type CommitSpec struct {
	// Message is the whole message, trailers such as "Co-authored-by:" included.
	Message string
	// Author is a known login, or "Name <address>" that GitHub cannot attribute.
	// Default: the repository's owner, or the owning organisation's administrator.
	Author string
	// Committer, likewise. Default: Author.
	Committer string
	// Files maps paths to new contents.
	Files map[string]string
	// Delete lists paths to remove.
	Delete []string
	// Symlinks maps paths to targets.
	Symlinks map[string]string
	// Submodules maps paths to the commit ids they are pinned at.
	Submodules map[string]string
	// Parents are further parents, after the branch's tip.
	Parents []string
	// Time is the date of both signatures. Default: now.
	Time time.Time
}

// treeFile is a leaf of a tree.
type treeFile struct {
	mode filemode.FileMode
	hash plumbing.Hash
}

// gitStore is the object database that a repository and its forks share, with
// one repository's references. The lock of the Server guards it.
type gitStore struct {
	*memory.Storage
	decoded map[plumbing.Hash]*object.Commit // histories are walked often
}

func newGitStore() gitStore {
	return gitStore{memory.NewStorage(), map[plumbing.Hash]*object.Commit{}}
}

// fork shares the objects and copies the branches.
func (g gitStore) fork() gitStore {
	st := memory.NewStorage()
	st.ObjectStorage = g.ObjectStorage
	for name, ref := range g.ReferenceStorage {
		if name.IsBranch() {
			st.ReferenceStorage[name] = ref
		}
	}
	return gitStore{st, g.decoded}
}

func (g gitStore) writeBlob(content []byte) plumbing.Hash {
	o := g.NewEncodedObject()
	o.SetType(plumbing.BlobObject)
	w, err := o.Writer()
	must(err)
	_, err = w.Write(content)
	must(err)
	must(w.Close())
	hash, err := g.SetEncodedObject(o)
	must(err)
	return hash
}

func (g gitStore) readBlob(hash plumbing.Hash) ([]byte, error) {
	blob, err := object.GetBlob(g, hash)
	if err != nil {
		return nil, err
	}
	r, err := blob.Reader()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// files flattens a tree; the zero hash is the empty tree.
func (g gitStore) files(tree plumbing.Hash) map[string]treeFile {
	all := map[string]treeFile{}
	if tree.IsZero() {
		return all
	}
	t, err := object.GetTree(g, tree)
	must(err)
	walker := object.NewTreeWalker(t, true, nil)
	defer walker.Close()
	for {
		name, entry, err := walker.Next()
		if err == io.EOF {
			return all
		}
		must(err)
		if entry.Mode != filemode.Dir {
			all[name] = treeFile{entry.Mode, entry.Hash}
		}
	}
}

// writeTree stores the directory that files describe, with its subdirectories.
func (g gitStore) writeTree(files map[string]treeFile) plumbing.Hash {
	var entries []object.TreeEntry
	below := map[string]map[string]treeFile{}
	for path, f := range files {
		dir, rest, nested := strings.Cut(path, "/")
		if !nested {
			entries = append(entries, object.TreeEntry{Name: path, Mode: f.mode, Hash: f.hash})
			continue
		}
		if below[dir] == nil {
			below[dir] = map[string]treeFile{}
		}
		below[dir][rest] = f
	}
	for dir, sub := range below {
		entries = append(entries, object.TreeEntry{Name: dir, Mode: filemode.Dir, Hash: g.writeTree(sub)})
	}
	return g.writeEntries(entries)
}

func (g gitStore) writeEntries(entries []object.TreeEntry) plumbing.Hash {
	sort.Sort(object.TreeEntrySorter(entries))
	return g.encode(&object.Tree{Entries: entries})
}

type encodable interface {
	Encode(plumbing.EncodedObject) error
}

func (g gitStore) encode(o encodable) plumbing.Hash {
	e := g.NewEncodedObject()
	must(o.Encode(e))
	hash, err := g.SetEncodedObject(e)
	must(err)
	return hash
}

// apply changes files as spec says.
func (g gitStore) apply(files map[string]treeFile, spec CommitSpec) {
	for _, path := range spec.Delete {
		if _, ok := files[path]; !ok {
			panic(fmt.Sprintf("githubtest: delete %s: no such file", path))
		}
		delete(files, path)
	}
	for path, content := range spec.Files {
		mode := filemode.Regular
		if old, ok := files[path]; ok && old.mode == filemode.Executable {
			mode = old.mode
		}
		place(files, path, treeFile{mode, g.writeBlob([]byte(content))})
	}
	for path, target := range spec.Symlinks {
		place(files, path, treeFile{filemode.Symlink, g.writeBlob([]byte(target))})
	}
	for path, sha := range spec.Submodules {
		place(files, path, treeFile{filemode.Submodule, plumbing.NewHash(sha)})
	}
}

// place puts a file into files. What was a directory there goes, as do files
// where it needs directories.
func place(files map[string]treeFile, path string, f treeFile) {
	for dir := path; strings.Contains(dir, "/"); {
		dir = dir[:strings.LastIndexByte(dir, '/')]
		delete(files, dir)
	}
	if _, known := files[path]; !known {
		maps.DeleteFunc(files, func(other string, _ treeFile) bool { return strings.HasPrefix(other, path+"/") })
	}
	files[path] = f
}

func (g gitStore) commit(hash plumbing.Hash) (*object.Commit, error) {
	if c, ok := g.decoded[hash]; ok {
		return c, nil
	}
	c, err := object.GetCommit(g, hash)
	if err == nil {
		g.decoded[hash] = c
	}
	return c, err
}

// mustCommit is for ids that are known to be commits.
func (g gitStore) mustCommit(hash plumbing.Hash) *object.Commit {
	c, err := g.commit(hash)
	if err != nil {
		panic(fmt.Sprintf("githubtest: commit %s: %v", hash, err))
	}
	return c
}

func (g gitStore) branch(name string) (plumbing.Hash, bool) {
	ref, ok := g.ReferenceStorage[plumbing.NewBranchReferenceName(name)]
	if !ok {
		return plumbing.ZeroHash, false
	}
	return ref.Hash(), true
}

// resolve is what GitHub takes where it wants a "ref": a commit id (or a unique
// beginning of at least seven digits), a branch, "heads/x" or a full name.
func (g gitStore) resolve(ref string) (plumbing.Hash, bool) {
	for _, name := range []string{ref, "refs/" + ref, "refs/heads/" + ref, "refs/tags/" + ref} {
		if r, ok := g.ReferenceStorage[plumbing.ReferenceName(name)]; ok {
			return r.Hash(), true
		}
	}
	if plumbing.IsHash(ref) {
		_, err := g.commit(plumbing.NewHash(ref))
		return plumbing.NewHash(ref), err == nil
	}
	var found []plumbing.Hash
	if len(ref) >= 7 {
		for hash := range g.Commits {
			if strings.HasPrefix(hash.String(), strings.ToLower(ref)) {
				found = append(found, hash)
			}
		}
	}
	if len(found) != 1 {
		return plumbing.ZeroHash, false
	}
	return found[0], true
}

// ancestors is hash and all that it descends from.
func (g gitStore) ancestors(hash plumbing.Hash) map[plumbing.Hash]bool {
	seen := map[plumbing.Hash]bool{}
	todo := []plumbing.Hash{hash}
	for len(todo) > 0 {
		h := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[h] {
			continue
		}
		seen[h] = true
		todo = append(todo, g.mustCommit(h).ParentHashes...)
	}
	return seen
}

// between lists what head has and base lacks, through every parent, parents
// before children: git rev-list --reverse base..head. The zero base has nothing.
func (g gitStore) between(base, head plumbing.Hash) []*object.Commit {
	excluded := map[plumbing.Hash]bool{}
	if !base.IsZero() {
		excluded = g.ancestors(base)
	}
	var out []*object.Commit
	done := map[plumbing.Hash]bool{}
	// An explicit stack: a hostile or merely long history must not exhaust ours.
	type frame struct {
		commit *object.Commit
		next   int
	}
	if excluded[head] {
		return nil
	}
	done[head] = true
	stack := []frame{{commit: g.mustCommit(head)}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.next == len(top.commit.ParentHashes) {
			out = append(out, top.commit)
			stack = stack[:len(stack)-1]
			continue
		}
		parent := top.commit.ParentHashes[top.next]
		top.next++
		if !excluded[parent] && !done[parent] {
			done[parent] = true
			stack = append(stack, frame{commit: g.mustCommit(parent)})
		}
	}
	return out
}

// mergeBase is the best common ancestor; ok is false for unrelated histories.
func (g gitStore) mergeBase(a, b plumbing.Hash) (base plumbing.Hash, ok bool) {
	bases, err := g.mustCommit(a).MergeBase(g.mustCommit(b))
	must(err)
	if len(bases) == 0 {
		return plumbing.ZeroHash, false
	}
	return bases[0].Hash, true
}

// mergeTrees merges two sides file by file; conflicts are the paths that both
// changed, each in its own way.
func (g gitStore) mergeTrees(base, ours, theirs map[string]treeFile) (merged map[string]treeFile, conflicts []string) {
	merged = map[string]treeFile{}
	all := maps.Clone(base)
	maps.Copy(all, ours)
	maps.Copy(all, theirs)
	for path := range all {
		b, inBase := base[path]
		o, inOurs := ours[path]
		t, inTheirs := theirs[path]
		switch {
		case inOurs == inTheirs && o == t: // the same on both sides
		case inTheirs == inBase && t == b: // only ours changed it
		case inOurs == inBase && o == b: // only theirs did
			o, inOurs = t, inTheirs
		default:
			conflicts = append(conflicts, path)
		}
		if inOurs {
			merged[path] = o
		}
	}
	slices.Sort(conflicts)
	return merged, conflicts
}

// must is for what cannot fail in memory.
func must(err error) {
	if err != nil {
		panic("githubtest: " + err.Error())
	}
}
