package rig

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// BuildCommit makes the program in dir as it was at a commit of this repository.
func BuildCommit(dir, commit string) (string, error) {
	root, err := exec.Command("git", "rev-parse", "--show-toplevel").Output()
	if err != nil {
		return "", fmt.Errorf("build the program of commit %s: this needs git and the repository: %w", commit, err)
	}
	top := strings.TrimSpace(string(root))
	archive := filepath.Join(dir, "old.tar")
	for _, line := range [][]string{
		{"git", "-C", top, "archive", "-o", archive, commit},
		{"mkdir", filepath.Join(dir, "old")},
		{"tar", "-x", "-f", archive, "-C", filepath.Join(dir, "old")},
	} {
		if text, err := exec.Command(line[0], line[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("build the program of commit %s: it must be there with the whole history (git fetch --unshallow): %w\n%s", commit, err, text)
		}
	}
	return build(filepath.Join(dir, "lockkeeper-old"), filepath.Join(dir, "old"), "-buildvcs=false", "./cmd/lockkeeper")
}
