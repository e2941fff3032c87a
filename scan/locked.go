package scan

import (
	"context"
	"fmt"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
)

// noFiles is a revision without any.
type noFiles struct{}

func (noFiles) Files(context.Context) ([]lockkeeper.TreeFile, error) { return nil, nil }

func (noFiles) Read(_ context.Context, f lockkeeper.TreeFile, _ int64) ([]byte, error) {
	return nil, fmt.Errorf("%s is not there", f.Path)
}

// Locked lists all packages that any lockfile of a revision locks, of the whole
// repository and whatever a policy watches. It is not complete if a lockfile could
// not be read.
func Locked(ctx context.Context, t Tree) (locked []lockkeeper.Package, complete bool, err error) {
	found, err := (&Scanner{}).gather(ctx, Input{Base: noFiles{}, Head: t, HeadName: "the revision", Policy: policy.Default()})
	if err != nil {
		return nil, false, err
	}
	complete = true
	for _, f := range found.findings {
		complete = complete && f.Rule != policy.Unverified
	}
	locked = []lockkeeper.Package{}
	for _, p := range found.pairs {
		for _, e := range p.new.Entries {
			locked = append(locked, e.Package)
		}
	}
	return locked, complete, nil
}
