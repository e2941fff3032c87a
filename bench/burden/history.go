package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/gitrepo"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/formats"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/replay"
	"github.com/lockkeeper/lockkeeper/scan"
)

// history is a lockfile's life, change by change, oldest first.
type history struct {
	name    string
	changes []replay.Change
}

// memory is a tree held in memory: content by path.
type memory map[string][]byte

// Files lists what is held.
func (m memory) Files(context.Context) ([]lockkeeper.TreeFile, error) {
	var files []lockkeeper.TreeFile
	for path, data := range m {
		files = append(files, lockkeeper.TreeFile{Path: path, Blob: string(lockkeeper.Sum(data)), Mode: lockkeeper.Regular, Size: int64(len(data))})
	}
	return files, nil
}

// Read returns the content of a file that Files listed.
func (m memory) Read(_ context.Context, f lockkeeper.TreeFile, limit int64) ([]byte, error) {
	data, ok := m[f.Path]
	if !ok || int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is not there, or has more than %d bytes", f.Path, limit)
	}
	return data, nil
}

// saved is the name of one version of a lockfile: NUMBER-DATE-COMMIT.NAME.
var saved = regexp.MustCompile(`^[0-9]+-([0-9]{4}-[0-9]{2}-[0-9]{2})-[^.]+\.(.+)$`)

// openHistory reads a directory of saved lockfiles, or a git repository.
func openHistory(ctx context.Context, dir string) (*history, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	h := &history{name: filepath.Base(dir)}
	var before memory
	for _, e := range entries { // sorted by name, so by number
		m := saved.FindStringSubmatch(e.Name())
		if m == nil {
			continue
		}
		day, err := time.Parse(time.DateOnly, m[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		if _, known := lockfile.FormatOf(m[2]); !known {
			return nil, fmt.Errorf("%s: %s is not the name of a lockfile", e.Name(), m[2])
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		after := memory{m[2]: data}
		if before != nil {
			// The hour is not known: the end of the day, when all of it had happened.
			h.changes = append(h.changes, replay.Change{Name: strings.TrimSuffix(e.Name(), "."+m[2]), When: day.Add(24*time.Hour - time.Second), Base: before, Head: after})
		}
		before = after
	}
	if before == nil {
		return openRepository(ctx, dir)
	}
	if len(h.changes) == 0 {
		return nil, fmt.Errorf("%s: one version is no history", dir)
	}
	return h, nil
}

// openRepository takes each commit of the first-parent history that touches a
// watched lockfile, against its first parent.
func openRepository(ctx context.Context, dir string) (*history, error) {
	repo, err := gitrepo.Open(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("%s holds no files NUMBER-DATE-COMMIT.NAME: %w", dir, err)
	}
	h := &history{name: filepath.Base(repo.Root())}
	if h.changes, _, err = replay.Commits(ctx, repo, "HEAD", time.Time{}, policy.Default()); err != nil {
		return nil, err
	}
	if len(h.changes) == 0 {
		return nil, fmt.Errorf("%s: no commit with a parent touches a lockfile", dir)
	}
	return h, nil
}

// locked is a lockfile and its text.
type locked struct {
	*lockfile.Lockfile
	text []byte
}

// lockfiles parses every watched lockfile of a tree that can be read; the scan
// itself reports those that cannot.
func lockfiles(ctx context.Context, t scan.Tree) ([]locked, error) {
	files, err := t.Files(ctx)
	if err != nil {
		return nil, err
	}
	var found []locked
	for _, f := range files {
		format, ok := lockfile.FormatOf(f.Path)
		if !ok || !policy.Default().Watches(f.Path) || f.Mode != lockkeeper.Regular {
			continue
		}
		data, err := t.Read(ctx, f, lockfile.MaxSize)
		if err != nil {
			return nil, err
		}
		if l, err := formats.Parse(format, f.Path, data); err == nil {
			found = append(found, locked{l, data})
		}
	}
	return found, nil
}

// reduced is a tree whose lockfiles list, of each entry, only files that have is
// true for, as long as one of the entry's files is left.
type reduced struct {
	scan.Tree
	have func(lockkeeper.Digest) bool
}

// Read takes the lines of files that are not there out of a lockfile.
func (r reduced) Read(ctx context.Context, f lockkeeper.TreeFile, limit int64) ([]byte, error) {
	data, err := r.Tree.Read(ctx, f, limit)
	format, ok := lockfile.FormatOf(f.Path)
	if err != nil || !ok || format.Ecosystem() != lockkeeper.PyPI {
		return data, err
	}
	return reduce(format, f.Path, data, r.have)
}

var sha256Text = regexp.MustCompile(`\b[0-9a-f]{64}\b`)

// reduce leaves out the lines that name a file that is not there. Lockfiles that a
// tool wrote name one file a line; where that is not so, it is an error.
func reduce(format lockfile.Format, path string, data []byte, have func(lockkeeper.Digest) bool) ([]byte, error) {
	parsed, err := formats.Parse(format, path, data)
	if err != nil {
		return data, nil // the scan reports it
	}
	drop := map[string]bool{}
	for _, e := range parsed.Entries {
		kept := slices.ContainsFunc(e.Files, func(f lockfile.File) bool { return have(f.Digest) })
		for _, f := range e.Files {
			if kept && f.Digest != "" && !have(f.Digest) {
				drop[strings.TrimPrefix(string(f.Digest), "sha256:")] = true
			}
		}
	}
	if len(drop) == 0 {
		return data, nil
	}
	var out []byte
	for line := range bytes.Lines(data) {
		if m := sha256Text.Find(line); m == nil || !drop[string(m)] {
			out = append(out, line...)
		}
	}
	again, err := formats.Parse(format, path, out)
	if err != nil || len(again.Entries) != len(parsed.Entries) {
		return nil, fmt.Errorf("%s: its entries cannot be reduced to the files that were fetched: not one file a line (%v)", path, err)
	}
	for i, e := range again.Entries {
		before := parsed.Entries[i]
		left := slices.DeleteFunc(slices.Clone(before.Files), func(f lockfile.File) bool {
			return drop[strings.TrimPrefix(string(f.Digest), "sha256:")]
		})
		if e.Package != before.Package || len(e.Files) != len(left) {
			return nil, fmt.Errorf("%s: %s cannot be reduced to the files that were fetched: not one file a line", path, e.Package)
		}
	}
	return out, nil
}
