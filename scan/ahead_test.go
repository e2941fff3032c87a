package scan_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/scan"
)

// slowTree answers no read before so many are under way at once.
type slowTree struct {
	files map[string]string

	mu       sync.Mutex
	under    int
	most     int
	reads    map[string]int
	together int
	enough   chan struct{}
}

func (t *slowTree) Files(context.Context) ([]lockkeeper.TreeFile, error) {
	var all []lockkeeper.TreeFile
	for p, text := range t.files {
		all = append(all, lockkeeper.TreeFile{Path: p, Mode: lockkeeper.Regular, Blob: string(lockkeeper.Sum([]byte(text))), Size: int64(len(text))})
	}
	return all, nil
}

func (t *slowTree) Read(ctx context.Context, f lockkeeper.TreeFile, _ int64) ([]byte, error) {
	t.mu.Lock()
	t.reads[f.Path]++
	t.under++
	t.most = max(t.most, t.under)
	if t.under == t.together {
		select {
		case <-t.enough:
		default:
			close(t.enough)
		}
	}
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		t.under--
		t.mu.Unlock()
	}()
	select {
	case <-t.enough:
		return []byte(t.files[f.Path]), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestLockfilesAreReadTogether: of a monorepo whose forty lockfiles change several are
// read at once, within a bound, and each but once.
func TestLockfilesAreReadTogether(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	side := func(version string) *slowTree {
		tree := &slowTree{files: map[string]string{}, reads: map[string]int{}, together: 3, enough: make(chan struct{})}
		for i := range 40 {
			tree.files[fmt.Sprintf("part%02d/Cargo.lock", i)] = fmt.Sprintf("version = 4\n\n[[package]]\nname = \"part%02d\"\nversion = %q\n", i, version)
		}
		return tree
	}
	base, head := side("1.0.0"), side("1.0.1")
	result, err := (&scan.Scanner{}).Run(ctx, scan.Input{Base: base, Head: head, BaseName: "base", HeadName: "head"})
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Lockfiles) != 40 {
		t.Errorf("%d lockfiles, want 40", len(result.Lockfiles))
	}
	for _, f := range result.Findings {
		t.Errorf("%s: %s %s", f.Lockfile, f.Rule, f.Message)
	}
	for name, tree := range map[string]*slowTree{"base": base, "head": head} {
		if tree.most > 6 {
			t.Errorf("%s: %d reads at once, want at most 6", name, tree.most)
		}
		for path, n := range tree.reads {
			if _, is := lockfile.FormatOf(path); is && n != 1 {
				t.Errorf("%s: %s was read %d times", name, path, n)
			}
		}
	}
}
