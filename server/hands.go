package server

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/scan"
)

// contributors finds out which speakers wrote part of what they speak about. Only
// commits of speakers, and those whose author is nobody known, need a closer look:
// whether they touch a watched file.
func (w *worker) contributors(ctx context.Context, in *policy.Input, c *sides, result *scan.Result, speakers map[int64]string) error {
	if c.unrelated {
		in.Unresolved = append(in.Unresolved, "a history that has nothing in common with the base branch")
	}
	watched := func(p string) bool { return slices.Contains(result.Touched, p) || scan.Watched(in.Policy, p) }
	for _, commit := range c.commits {
		ids, unresolved := hands(commit)
		relevant := unresolved != "" || slices.ContainsFunc(ids, func(id int64) bool { _, speaks := speakers[id]; return speaks })
		if !relevant {
			continue
		}
		touches, err := w.touches(ctx, commit, watched)
		if err != nil {
			return err
		}
		if !touches {
			continue
		}
		in.Contributors = append(in.Contributors, ids...)
		if unresolved != "" {
			in.Unresolved = append(in.Unresolved, fmt.Sprintf("%.10s by %s", commit.SHA, unresolved))
		}
	}
	return nil
}

// hands are the accounts that had a hand in a commit, and whether its author or
// committer is nobody known. GitHub itself, which commits what people do on its
// pages, is no hand: the author is who did it. A co-author who cannot be resolved is
// left out: whoever wants to hide one leaves the trailer out as well, and tools write
// trailers of their own.
func hands(c github.Commit) (ids []int64, unresolved string) {
	people := []*github.Account{c.Author}
	if !c.ByGitHub {
		people = append(people, c.Committer)
	}
	for _, a := range people {
		if a == nil || a.ID == 0 {
			unresolved = "an address that belongs to no account"
			continue
		}
		ids = append(ids, a.ID)
	}
	for _, a := range c.CoAuthors {
		if a.ID != 0 {
			ids = append(ids, a.ID)
		}
	}
	return ids, unresolved
}

// touches reports whether a commit changes a watched file by itself. A merge does so
// where its file is not what merging its parents gives: who presses "Update branch"
// has no hand in what comes in by that, and who merges by hand and takes one side
// where both differ has.
func (w *worker) touches(ctx context.Context, commit github.Commit, watched func(string) bool) (bool, error) {
	if len(commit.Parents) < 2 {
		files, err := w.client.CommitFiles(ctx, w.repo, commit.SHA)
		return slices.ContainsFunc(files, watched), err
	}
	var sides []map[string]lockkeeper.TreeFile
	for _, sha := range append([]string{commit.SHA}, commit.Parents...) {
		files, err := w.client.Tree(ctx, w.repo, sha, watched)
		if err != nil {
			return false, err
		}
		side := map[string]lockkeeper.TreeFile{}
		for _, f := range files {
			side[f.Path] = lockkeeper.TreeFile{Mode: f.Mode, Blob: f.Blob}
		}
		sides = append(sides, side)
	}
	if len(commit.Parents) > 2 {
		return slices.ContainsFunc(sides[1:], func(parent map[string]lockkeeper.TreeFile) bool { return differs(sides[0], parent) }), nil
	}
	base := map[string]lockkeeper.TreeFile{} // of unrelated histories
	switch mergeBase, err := w.client.MergeBase(ctx, w.repo, commit.Parents[0], commit.Parents[1]); {
	case errors.Is(err, github.ErrNoMergeBase):
	case err != nil:
		return false, err
	default:
		files, err := w.client.Tree(ctx, w.repo, mergeBase, watched)
		if err != nil {
			return false, err
		}
		for _, f := range files {
			base[f.Path] = lockkeeper.TreeFile{Mode: f.Mode, Blob: f.Blob}
		}
	}
	return handmade(sides[0], sides[1], sides[2], base), nil
}

// handmade reports whether merged has any file that does not follow from its parents
// by the rule that the side which changed it wins.
func handmade(merged, one, other, base map[string]lockkeeper.TreeFile) bool {
	for _, side := range []map[string]lockkeeper.TreeFile{merged, one, other, base} {
		for p := range side {
			want, clear := base[p], true
			switch {
			case one[p] == other[p], other[p] == base[p]:
				want = one[p]
			case one[p] == base[p]:
				want = other[p]
			default:
				clear = false // both changed it, each in another way
			}
			if !clear || merged[p] != want {
				return true
			}
		}
	}
	return false
}

// differs reports whether two sides have any file not in common.
func differs(a, b map[string]lockkeeper.TreeFile) bool {
	for p := range a {
		if a[p] != b[p] {
			return true
		}
	}
	for p := range b {
		if a[p] != b[p] {
			return true
		}
	}
	return false
}
