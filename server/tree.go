package server

import (
	"context"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/github"
)

// Bounds on what is remembered of GitHub, in bytes. It serves the bursts: pull
// requests against the same base, and the next look at the same head.
const (
	maxTrees = 16 << 20
	maxBlobs = 8 << 20
)

// objects are git's, of all repositories, by ids that stand for their content. Whose
// installation may read them was asked before: each job begins with the pull request.
type objects struct {
	trees *remembered[object, []lockkeeper.TreeFile]
	blobs *remembered[object, []byte]
}

type object struct {
	installation, repo int64
	id                 string
}

func newObjects() *objects {
	return &objects{
		trees: newRemembered[object](maxTrees, func(files []lockkeeper.TreeFile) int {
			weight := 200
			for _, f := range files {
				weight += 120 + len(f.Path) // the id's text and the struct itself
			}
			return weight
		}),
		blobs: newRemembered[object](maxBlobs, func(data []byte) int { return 200 + len(data) }),
	}
}

// commitTree is one commit on GitHub as scan wants it.
type commitTree struct {
	client       *github.Client
	objects      *objects // nil: nothing is remembered
	installation int64
	repo         github.Repo
	commit       string
}

// Files may be asked for by many at once; the caller must not change them.
func (t *commitTree) Files(ctx context.Context) ([]lockkeeper.TreeFile, error) {
	if t.objects == nil { // nobody's job, who may not be given what another one read
		return t.client.Tree(ctx, t.repo, t.commit, func(string) bool { return true })
	}
	return t.objects.trees.get(ctx, object{t.installation, t.repo.ID, t.commit}, func() ([]lockkeeper.TreeFile, error) {
		return t.client.Tree(ctx, t.repo, t.commit, func(string) bool { return true })
	})
}

func (t *commitTree) Read(ctx context.Context, f lockkeeper.TreeFile, limit int64) ([]byte, error) {
	if t.objects == nil {
		return t.client.Blob(ctx, t.repo, f.Blob, limit)
	}
	data, err := t.objects.blobs.get(ctx, object{t.installation, t.repo.ID, f.Blob}, func() ([]byte, error) {
		return t.client.Blob(ctx, t.repo, f.Blob, limit)
	})
	if err == nil && int64(len(data)) > limit { // kept for somebody with a larger one
		return nil, &github.TooLarge{What: "more than the limit", Limit: limit}
	}
	return data, err
}
