package scan

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/registry"
)

// Bounds of what one comparison reads of the repository.
const (
	// maxUpstreamReads bounds the files. Those that are equal need no reading.
	maxUpstreamReads = 40
	// maxUpstreamFile bounds one of them, in bytes.
	maxUpstreamFile = 8 << 20
	// maxManifestReads bounds the manifests.
	maxManifestReads = 8
)

// comparison of one surface with one tree.
type comparison struct {
	ctx    context.Context
	tree   *visitedTree
	code   *buildcode.Surface
	pkg    lockkeeper.Package
	found  *upstream
	left   int               // files that may still be read
	before buildcode.Surface // code as the repository has it, for the diff
	// ids are git's of the archive's files, as they are and with unix line ends.
	ids map[blobKey][2]string
}

// blobKey is a file's path, and the digits of the ids that it is compared by.
type blobKey struct {
	path   string
	digits int
}

func (c *comparison) run(o *buildcode.Origin) error {
	dir := o.Path
	if !o.HasPath {
		dir = c.directory()
	}
	c.before.Files = nil
	if err := c.facts(dir); err != nil {
		return err
	}
	for _, f := range c.code.Files {
		if c.generated(f.Path) {
			c.before.Files = append(c.before.Files, f)
			continue
		}
		if err := c.file(dir, f); err != nil {
			return err
		}
	}
	c.found.Diff, c.found.Inserted, c.found.Deleted = buildcode.Diff(&c.before, c.code, maxDiff)
	return nil
}

// facts compares what manifests say, by analysing the repository's directory as far
// as its files are at hand: those that are equal to the archive's, and manifests.
// What else there is, is compared file by file.
func (c *comparison) facts(dir string) error {
	kind := registry.Sdist
	switch {
	case c.code.Has(buildcode.StartupHook):
		return nil // a wheel has no manifests
	case c.pkg.Ecosystem == lockkeeper.Cargo:
		kind = registry.Crate
	}
	texts := map[string]string{}
	for _, f := range c.code.Files {
		for _, digits := range []int{40, 64} {
			texts[lockkeeper.BlobID([]byte(f.Text), digits)] = f.Text
		}
	}
	left := maxManifestReads
	var failed error
	opened, _, err := c.tree.open(c.ctx, kind, c.pkg.Name, dir, func(f lockkeeper.TreeFile) ([]byte, error) {
		if text, ok := texts[f.Blob]; ok {
			return []byte(text), nil
		}
		if !slices.Contains(manifestNames, path.Base(f.Path)) || left == 0 {
			return nil, fmt.Errorf("%w: not needed", ErrUnreadable)
		}
		left--
		data, err := c.tree.read(c.ctx, f, maxManifest)
		if err != nil && passing(err) && failed == nil {
			failed = err
		}
		return data, err
	})
	if err != nil {
		return nil // not a tree that could be one; its files are compared all the same
	}
	theirs, err := analyseSource(c.ctx, opened)
	if failed != nil {
		return failed
	}
	if err != nil {
		return nil // no manifest that could be read, and so none of the files either
	}
	for _, fact := range c.code.Facts {
		if !slices.Contains(theirs.Facts, fact) {
			c.found.Facts = append(c.found.Facts, fact)
		}
	}
	c.before.Facts = theirs.Facts
	return nil
}

// manifestNames are the files that say what runs and are not themselves run.
var manifestNames = []string{"Cargo.toml", "pyproject.toml", "setup.cfg"}

// directory is where in the repository the package lies: of the directories with
// a manifest the one that has most of the files, unchanged ones counting double.
func (c *comparison) directory() string {
	manifests := []string{"pyproject.toml", "setup.py", "setup.cfg"}
	if c.pkg.Ecosystem == lockkeeper.Cargo {
		manifests = []string{"Cargo.toml"}
	}
	best, most := "", -1
	for _, p := range c.tree.paths {
		dir := path.Dir(p)
		if dir == "." {
			dir = ""
		}
		if !slices.Contains(manifests, path.Base(p)) || dir == best && most >= 0 {
			continue
		}
		score := 0
		for _, f := range c.code.Files {
			if there, ok := c.tree.files[path.Join(dir, f.Path)]; ok {
				score++
				if c.same(f, there) {
					score++
				}
			}
		}
		if score > most || score == most && len(dir) < len(best) {
			best, most = dir, score
		}
	}
	return best
}

// generated reports whether a file is made while the archive is, from what cargo
// and setuptools know, and says nothing that the surface's facts do not say.
func (c *comparison) generated(p string) bool {
	if c.pkg.Ecosystem == lockkeeper.Cargo {
		return p == ".cargo_vcs_info.json" || p == "Cargo.lock" || p == "Cargo.toml"
	}
	return p == "PKG-INFO" || strings.HasSuffix(path.Dir(p), ".egg-info")
}

// upstreamPath is where the repository has what an archive has at p: cargo keeps
// the manifest that it rewrites under another name.
func (c *comparison) upstreamPath(p string) string {
	if c.pkg.Ecosystem == lockkeeper.Cargo && p == "Cargo.toml.orig" {
		return "Cargo.toml"
	}
	return p
}

func (c *comparison) file(dir string, f buildcode.File) error {
	if c.code.Has(buildcode.StartupHook) && c.anywhere(f) {
		c.before.Files = append(c.before.Files, f)
		return nil
	}
	there, why, err := c.tree.follow(c.ctx, path.Join(dir, c.upstreamPath(f.Path)))
	switch {
	case err != nil && passing(err):
		return err
	case err != nil:
		c.unread(f, err.Error())
	case why != "":
		c.unread(f, why)
	case there.Path == "":
		if c.copied(dir, f) || c.harmless(f, nil) {
			c.before.Files = append(c.before.Files, f)
			return nil
		}
		c.found.Only = append(c.found.Only, f.Path)
	case c.same(f, there):
		c.before.Files = append(c.before.Files, f)
	default:
		return c.differs(f, there)
	}
	return nil
}

// anywhere reports whether the repository has a file of that content: a wheel says
// nothing of where in it a file comes from.
func (c *comparison) anywhere(f buildcode.File) bool {
	for _, there := range c.tree.files {
		if c.same(f, there) {
			return true
		}
	}
	return false
}

func (c *comparison) unread(f buildcode.File, why string) {
	c.before.Files = append(c.before.Files, f)
	c.found.Unread = append(c.found.Unread, f.Path+" "+why)
}

// same compares by git's id of the content, line ends aside: git writes them as
// the host likes. Content that is not at hand compares as different.
func (c *comparison) same(f buildcode.File, there lockkeeper.TreeFile) bool {
	if f.Text == "" && f.Digest != lockkeeper.Sum(nil) {
		return false
	}
	// Each file is hashed once, however often a hostile tree repeats its name.
	key := blobKey{f.Path, len(there.Blob)}
	ids, ok := c.ids[key]
	if !ok {
		ids[0] = lockkeeper.BlobID([]byte(f.Text), len(there.Blob))
		if ids[1] = ids[0]; strings.Contains(f.Text, "\r\n") {
			ids[1] = lockkeeper.BlobID([]byte(unixLines(f.Text)), len(there.Blob))
		}
		c.ids[key] = ids
	}
	return there.Blob == ids[0] || there.Blob == ids[1]
}

func unixLines(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

// copied reports whether a file that is not where it should be lies unchanged, by
// its name, in a directory above: cargo packs readme and licence from there.
func (c *comparison) copied(dir string, f buildcode.File) bool {
	for dir != "" {
		if dir = path.Dir(dir); dir == "." {
			dir = ""
		}
		if there, ok := c.tree.files[path.Join(dir, path.Base(f.Path))]; ok && c.same(f, there) {
			return true
		}
	}
	return false
}

// differs reads the repository's version of a file whose content has another id.
func (c *comparison) differs(f buildcode.File, there lockkeeper.TreeFile) error {
	if c.left == 0 {
		if f.Text == "" {
			c.unread(f, "is one of too many")
		} else {
			c.found.Differ = append(c.found.Differ, f.Path)
		}
		return nil
	}
	c.left--
	data, err := c.tree.read(c.ctx, there, maxUpstreamFile)
	switch {
	case err != nil && passing(err):
		return err
	case err != nil:
		c.unread(f, err.Error())
		return nil
	}
	theirs := buildcode.NewFile(f.Path, data)
	if theirs.Digest == f.Digest || f.Text != "" && (unixLines(f.Text) == unixLines(string(data)) || c.harmless(f, data)) {
		c.before.Files = append(c.before.Files, f)
		return nil
	}
	c.before.Files = append(c.before.Files, theirs)
	c.found.Differ = append(c.found.Differ, f.Path)
	return nil
}

// harmless reports whether a file differs from the repository's, nil if there is
// none, only as setuptools and its plug-ins make it: setup.cfg with a section of
// their own, and modules that hold nothing but values, as those with a version.
func (c *comparison) harmless(f buildcode.File, theirs []byte) bool {
	if c.pkg.Ecosystem != lockkeeper.PyPI || f.Text == "" {
		return false
	}
	if f.Path == "setup.cfg" {
		return bytes.Equal(withoutEggInfo([]byte(f.Text)), withoutEggInfo(theirs))
	}
	return path.Ext(f.Path) == ".py" && onlyValues(f.Text)
}
