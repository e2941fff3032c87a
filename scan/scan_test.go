package scan_test

import (
	"context"
	"fmt"

	"github.com/lockkeeper/lockkeeper"
)

// memoryTree is a revision in memory, by path.
type memoryTree map[string][]byte

func (m memoryTree) Files(context.Context) ([]lockkeeper.TreeFile, error) {
	var files []lockkeeper.TreeFile
	for path, data := range m {
		files = append(files, lockkeeper.TreeFile{Path: path, Blob: string(lockkeeper.Sum(data)), Mode: lockkeeper.Regular, Size: int64(len(data))})
	}
	return files, nil
}

func (m memoryTree) Read(_ context.Context, f lockkeeper.TreeFile, limit int64) ([]byte, error) {
	data, ok := m[f.Path]
	if !ok || int64(len(data)) > limit {
		return nil, fmt.Errorf("%s cannot be read", f.Path)
	}
	return data, nil
}
