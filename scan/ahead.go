package scan

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
)

const (
	// maxAhead bounds the files that are read at once: GitHub asks not to be asked for
	// much at a time.
	maxAhead = 6
	// maxAheadBytes bounds what is kept of them until it is looked at.
	maxAheadBytes = 64 << 20
)

// ahead is a tree of which some files were read before anybody asked for them. An error
// is told to whoever asks.
type ahead struct {
	Tree
	read map[early]answer
}

type early struct {
	path, blob string
	limit      int64
}

type answer struct {
	data []byte
	err  error
}

func (t *ahead) Read(ctx context.Context, f lockkeeper.TreeFile, limit int64) ([]byte, error) {
	if a, ok := t.read[early{f.Path, f.Blob, limit}]; ok {
		return a.data, a.err
	}
	return t.Tree.Read(ctx, f, limit)
}

// readAhead reads what differs between both sides and is going to be looked at, several
// files at a time, so that a change to forty lockfiles does not wait for eighty answers
// one after the other.
func readAhead(ctx context.Context, in Input, differing []string, watch *watch, bases, heads map[string]lockkeeper.TreeFile) Input {
	base, head := &ahead{in.Base, map[early]answer{}}, &ahead{in.Head, map[early]answer{}}
	type wanted struct {
		from *ahead
		file lockkeeper.TreeFile
		early
	}
	var wants []wanted
	left := int64(maxAheadBytes)
	want := func(from *ahead, files map[string]lockkeeper.TreeFile, path string, limit int64) {
		f, exists := files[path]
		if exists && f.Mode == lockkeeper.Regular && f.Size >= 0 && f.Size <= min(limit, left) {
			left -= f.Size
			wants = append(wants, wanted{from, f, early{f.Path, f.Blob, limit}})
		}
	}
	for _, path := range differing {
		if watch.settingsName(path) != "" {
			want(head, heads, path, MaxGuardSize)
			if !ownRules(path) { // of which the head's text alone is looked at
				want(base, bases, path, MaxGuardSize)
			}
		}
		if _, isLockfile := watch.formats[path]; isLockfile {
			want(base, bases, path, lockfile.MaxSize)
			want(head, heads, path, lockfile.MaxSize)
		}
	}
	answers := make([]answer, len(wants))
	var group errgroup.Group
	group.SetLimit(maxAhead)
	for i, w := range wants {
		group.Go(func() error {
			answers[i].data, answers[i].err = w.from.Tree.Read(ctx, w.file, w.limit)
			return nil
		})
	}
	_ = group.Wait() // none of them fails
	for i, w := range wants {
		w.from.read[w.early] = answers[i]
	}
	in.Base, in.Head = base, head
	return in
}
