package scan_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/lockkeeper/lockkeeper"
)

// memoryTree is a revision in memory, by path. A content that starts with
// linkMark or moduleMark stands for what is no plain file.
type memoryTree map[string][]byte

const linkMark, moduleMark = "\x00link ", "\x00module "

func (m memoryTree) Files(context.Context) ([]lockkeeper.TreeFile, error) {
	var files []lockkeeper.TreeFile
	for path, data := range m {
		mode := lockkeeper.Regular
		if bytes.HasPrefix(data, []byte(linkMark)) {
			mode = lockkeeper.Symlink
		} else if bytes.HasPrefix(data, []byte(moduleMark)) {
			mode = lockkeeper.Submodule
		}
		files = append(files, lockkeeper.TreeFile{Path: path, Blob: string(lockkeeper.Sum(data)), Mode: mode, Size: int64(len(data))})
	}
	return files, nil
}

func (m memoryTree) Read(_ context.Context, f lockkeeper.TreeFile, limit int64) ([]byte, error) {
	data, ok := m[f.Path]
	if !ok || int64(len(data)) > limit {
		return nil, fmt.Errorf("%s cannot be read", f.Path)
	}
	return bytes.TrimPrefix(data, []byte(linkMark)), nil
}
