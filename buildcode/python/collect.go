package python

import (
	"bytes"
	"context"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/buildcode"
)

const (
	// maxFollowed and maxFollowedBytes bound what one surface reads. Beyond them
	// files still count by their digest, and the surface is unanalysed.
	maxFollowed      = 3000
	maxFollowedBytes = 32 << 20
	// maxLinks bounds chains of symbolic links, as Linux does.
	maxLinks = 40
	// maxEvidence is how often one capability is shown for one file.
	maxEvidence = 6
	// maxUseText bounds the text of one use, in bytes.
	maxUseText = 200
)

// collector gathers one surface from one archive.
type collector struct {
	ctx   context.Context
	a     *archive.Archive
	s     buildcode.Surface
	files map[string]bool // of the surface
	read  int             // bytes read so far
	shown map[[2]string]int
	uses  map[buildcode.Use]bool
	dirs  map[string]bool     // directories of the archive
	links map[string]string   // symbolic links
	names map[string][]string // files by their name without directory and extension
	stems map[string][]string // compiled modules by path up to the first dot of the name
}

func newCollector(ctx context.Context, a *archive.Archive) *collector {
	c := &collector{
		ctx: ctx, a: a, files: make(map[string]bool), shown: make(map[[2]string]int), uses: make(map[buildcode.Use]bool),
		dirs: make(map[string]bool), links: make(map[string]string), stems: make(map[string][]string), names: make(map[string][]string),
	}
	c.s.Partial = a.Partial
	for _, f := range a.Files() {
		if f.Link != "" {
			c.links[f.Path] = f.Link
		}
		for dir := path.Dir(f.Path); dir != "." && !c.dirs[dir]; dir = path.Dir(dir) {
			c.dirs[dir] = true
		}
		base := path.Base(f.Path)
		name := strings.TrimSuffix(base, path.Ext(base))
		c.names[name] = append(c.names[name], f.Path)
		switch path.Ext(f.Path) {
		case ".so", ".pyd", ".pyc", ".dll", ".dylib":
			dir, base := path.Split(f.Path)
			stem, _, _ := strings.Cut(base, ".")
			c.stems[dir+stem] = append(c.stems[dir+stem], f.Path)
		}
	}
	return c
}

// resolve follows symbolic links in p, of files and of directories; false if
// one leads out of the archive or in circles.
func (c *collector) resolve(p string) (string, bool) {
	if len(c.links) == 0 {
		return p, true
	}
	for range maxLinks {
		next := ""
		for i := 0; i <= len(p); i++ {
			if i < len(p) && p[i] != '/' {
				continue
			}
			if target, found := c.links[p[:i]]; found {
				if strings.HasPrefix(target, "/") {
					return p, false
				}
				next = path.Join(path.Dir(p[:i]), target) + p[i:]
				break
			}
		}
		if next == "" {
			return p, true
		}
		if next == ".." || strings.HasPrefix(next, "../") {
			return p, false
		}
		p = next
	}
	return p, false
}

// has reports whether p is a file of the archive, or a link, wherever it leads.
func (c *collector) has(p string) bool {
	if c.a.Has(p) {
		return true
	}
	real, _ := c.resolve(p)
	return c.a.Has(real)
}

func (c *collector) isDir(p string) bool {
	real, _ := c.resolve(p)
	return p == "" || c.dirs[real]
}

// add adds a file to the surface and returns its path behind links. False where it
// cannot be had, which then is a use of Unanalysed.
func (c *collector) add(p string) (string, bool) {
	real, ok := c.resolve(p)
	if !ok {
		c.use(buildcode.Unanalysed, p, 0, "a symbolic link out of the archive")
		return real, false
	}
	if !c.files[real] {
		c.files[real] = true
		digest, err := c.a.Sum(real)
		if err != nil {
			c.use(buildcode.Unanalysed, p, 0, err.Error())
			return real, false
		}
		file := buildcode.File{Path: real, Digest: digest}
		if f, _ := c.a.File(real); f.Size <= buildcode.MaxText {
			if data, err := c.a.ReadFile(real); err == nil && utf8.Valid(data) && bytes.IndexByte(data, 0) < 0 {
				file.Text = string(data)
			}
		}
		c.s.Files = append(c.s.Files, file)
	}
	return real, true
}

// everyFile makes the whole package the surface, where what runs of it cannot be
// decided: then its digest covers whatever that is.
func (c *collector) everyFile() {
	for _, f := range c.a.Files() {
		if f.Link == "" {
			c.add(f.Path)
		}
	}
}

// take adds a file to the surface and returns its content, nil where it cannot be
// had or is too much to follow, which then is a use of Unanalysed.
func (c *collector) take(p string) []byte {
	real, ok := c.add(p)
	if !ok {
		return nil
	}
	data, err := c.a.ReadFile(real)
	if err != nil {
		c.use(buildcode.Unanalysed, p, 0, err.Error())
		return nil
	}
	c.read += len(data)
	if len(c.files) > maxFollowed || c.read > maxFollowedBytes {
		c.use(buildcode.Unanalysed, p, 0, "too much code to follow")
		return nil
	}
	return data
}

// use records evidence. The same capability in the same file is shown a few
// times only.
func (c *collector) use(capability buildcode.Capability, p string, line int, text string) {
	u := buildcode.Use{Capability: capability, Path: p, Line: line, Text: clip(strings.TrimSpace(strings.ToValidUTF8(text, "?")), maxUseText)}
	key := [2]string{string(capability), p}
	if c.uses[u] || c.shown[key] >= maxEvidence {
		return
	}
	c.uses[u] = true
	c.shown[key]++
	c.s.Uses = append(c.s.Uses, u)
}

func (c *collector) kind(k buildcode.Kind) { c.s.Kinds = append(c.s.Kinds, k) }

// maxFact bounds one fact, in bytes; hostile manifests repeat themselves at length.
const maxFact = 300

func (c *collector) fact(s string) { c.s.Facts = append(c.s.Facts, clip(s, maxFact)) }
