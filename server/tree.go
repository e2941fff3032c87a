package server

import (
	"context"
	"sync"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/github"
)

// commitTree is one commit on GitHub as scan wants it. The list of files is
// asked for once.
type commitTree struct {
	client *github.Client
	repo   github.Repo
	commit string

	mu    sync.Mutex // guards files
	files []lockkeeper.TreeFile
}

func (t *commitTree) Files(ctx context.Context) ([]lockkeeper.TreeFile, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.files == nil {
		files, err := t.client.Tree(ctx, t.repo, t.commit, func(string) bool { return true })
		if err != nil {
			return nil, err
		}
		t.files = files
	}
	return t.files, nil
}

func (t *commitTree) Read(ctx context.Context, f lockkeeper.TreeFile, limit int64) ([]byte, error) {
	return t.client.Blob(ctx, t.repo, f.Blob, limit)
}
