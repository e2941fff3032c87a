package archive

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/lockkeeper/lockkeeper/registry"
)

// Source is one file of a repository's tree.
type Source struct {
	Path string // relative to the package's directory
	Size int64  // bytes; more than that is an error when it is read
	// Link is the target of a symbolic link that leads to no file of the tree.
	Link string
	// Open returns the content, which must stay as it is.
	Open func() ([]byte, error)
}

// OpenTree makes an archive of a package's directory in a repository, as an sdist
// or crate of it would be. The bounds hold as for any other, but for the packed
// size and the ratio, since nothing is packed. No digest covers it: whoever gives
// the sources has checked them against git's ids. Contents are asked for when they
// are read, and again each time.
func OpenTree(ctx context.Context, kind registry.Kind, name string, sources []Source, limits Limits) (*Archive, error) {
	a := &Archive{Kind: kind, Filename: name, ctx: ctx, limits: limits.withDefaults()}
	if len(sources) > a.limits.Entries {
		return nil, fmt.Errorf("open %q: more than %d entries: %w", name, a.limits.Entries, ErrTooLarge)
	}
	// finish takes the one directory off that crates and sdists consist of.
	top := "tree/"
	if kind == registry.Wheel {
		top = ""
	}
	entries := make([]*entry, len(sources))
	for i, s := range sources {
		clean, err := cleanName(s.Path, a.limits.Depth)
		if err != nil {
			return nil, fmt.Errorf("open %q: %w", name, err)
		}
		if s.Size < 0 {
			return nil, fmt.Errorf("open %q: entry %q: unknown size", name, clip(clean))
		}
		entries[i] = &entry{File: File{Path: top + clean, Size: s.Size, Link: s.Link}, open: func() (io.ReadCloser, error) {
			data, err := s.Open()
			return io.NopCloser(bytes.NewReader(data)), err
		}}
	}
	if err := a.finish(entries, nil); err != nil {
		return nil, fmt.Errorf("open %q: %w", name, err)
	}
	return a, nil
}
