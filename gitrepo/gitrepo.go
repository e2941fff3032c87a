// Package gitrepo brings the two sides of a change from a local git repository:
// revisions by git's own plumbing, and the work tree as it lies on disk. It runs
// the git program, since a user's checkout may be a worktree, a shallow or a
// partial clone, which git itself knows best how to read.
package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper"
)

// Repo is a local repository.
type Repo struct {
	root string
}

// Open finds the repository that dir lies in.
func Open(ctx context.Context, dir string) (*Repo, error) {
	out, err := git(ctx, dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, fmt.Errorf("%s is not in a git repository (run lockkeeper in a checkout, or compare two files with: lockkeeper scan OLD NEW): %w", dir, err)
	}
	return &Repo{root: strings.TrimRight(string(out), "\r\n")}, nil
}

// Root is the top directory of the work tree.
func (r *Repo) Root() string { return r.root }

// Resolve gives the full id of the commit that name means.
func (r *Repo) Resolve(ctx context.Context, name string) (string, error) {
	if strings.HasPrefix(name, "-") {
		return "", fmt.Errorf("revision %q: must not start with a dash", name)
	}
	out, err := git(ctx, r.root, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("there is no revision %q here", name)
	}
	return strings.TrimSpace(string(out)), nil
}

// MergeBase gives the best common ancestor of two commits.
func (r *Repo) MergeBase(ctx context.Context, a, b string) (string, error) {
	out, err := git(ctx, r.root, "merge-base", a, b)
	if err != nil {
		return "", fmt.Errorf("find where %.12s and %.12s parted: %w", a, b, err)
	}
	return strings.TrimSpace(strings.SplitN(string(out), "\n", 2)[0]), nil
}

// Commit is the tree of one commit.
type Commit struct {
	repo *Repo
	id   string
}

// Commit gives the tree of the commit with that full id.
func (r *Repo) Commit(id string) *Commit { return &Commit{repo: r, id: id} }

// Files lists the whole tree.
func (c *Commit) Files(ctx context.Context) ([]lockkeeper.TreeFile, error) {
	out, err := git(ctx, c.repo.root, "ls-tree", "-r", "-z", "-l", "--full-tree", c.id)
	if err != nil {
		return nil, err
	}
	var files []lockkeeper.TreeFile
	for _, record := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if record == "" {
			continue
		}
		f, err := parseTreeRecord(record)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// parseTreeRecord reads "MODE TYPE ID SIZE\tPATH" (git ls-tree -l -z).
func parseTreeRecord(record string) (lockkeeper.TreeFile, error) {
	head, path, ok := strings.Cut(record, "\t")
	fields := strings.Fields(head)
	if !ok || len(fields) != 4 {
		return lockkeeper.TreeFile{}, fmt.Errorf("git ls-tree answered %q", record)
	}
	f := lockkeeper.TreeFile{Path: path, Blob: fields[2], Mode: fileMode(fields[0]), Size: -1}
	if n, err := strconv.ParseInt(fields[3], 10, 64); err == nil {
		f.Size = n
	}
	return f, nil
}

// fileMode reads git's octal mode of a tree entry.
func fileMode(octal string) lockkeeper.FileMode {
	switch octal {
	case "120000":
		return lockkeeper.Symlink
	case "160000":
		return lockkeeper.Submodule
	}
	return lockkeeper.Regular
}

// Read gives the content of a file that Files listed.
func (c *Commit) Read(ctx context.Context, f lockkeeper.TreeFile, limit int64) ([]byte, error) {
	if f.Size > limit {
		return nil, tooLarge(f, limit)
	}
	out, err := git(ctx, c.repo.root, "cat-file", "blob", f.Blob)
	if err == nil && int64(len(out)) > limit {
		err = tooLarge(f, limit)
	}
	return out, err
}

func tooLarge(f lockkeeper.TreeFile, limit int64) error {
	return fmt.Errorf("%s has more than %d bytes", f.Path, limit)
}

// WorkTree is the files as they lie on disk: tracked ones, and untracked ones
// that git does not ignore.
type WorkTree struct {
	repo *Repo
}

// WorkTree gives the work tree.
func (r *Repo) WorkTree() *WorkTree { return &WorkTree{repo: r} }

// Files lists what is on disk. A tracked file that was deleted is left out.
func (w *WorkTree) Files(ctx context.Context) ([]lockkeeper.TreeFile, error) {
	unchanged, err := w.staged(ctx)
	if err != nil {
		return nil, err
	}
	out, err := git(ctx, w.repo.root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	var files []lockkeeper.TreeFile
	seen := map[string]bool{}
	for _, path := range strings.Split(string(out), "\x00") {
		if path == "" || seen[path] {
			continue
		}
		seen[path] = true
		if f, ok := unchanged[path]; ok {
			files = append(files, f)
			continue
		}
		f, err := w.onDisk(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// staged lists tracked files whose content on disk is what the index says, so
// that they need not be read.
func (w *WorkTree) staged(ctx context.Context) (map[string]lockkeeper.TreeFile, error) {
	changed := map[string]bool{}
	out, err := git(ctx, w.repo.root, "diff-files", "-z", "--name-only")
	if err != nil {
		return nil, err
	}
	for _, path := range strings.Split(string(out), "\x00") {
		changed[path] = true
	}
	if out, err = git(ctx, w.repo.root, "ls-files", "-z", "--stage"); err != nil {
		return nil, err
	}
	files := map[string]lockkeeper.TreeFile{}
	for _, record := range strings.Split(string(out), "\x00") {
		head, path, ok := strings.Cut(record, "\t")
		fields := strings.Fields(head)
		if !ok || len(fields) != 3 || fields[2] != "0" || changed[path] {
			continue
		}
		files[path] = lockkeeper.TreeFile{Path: path, Blob: fields[1], Mode: fileMode(fields[0]), Size: -1}
	}
	return files, nil
}

// maxOnDisk bounds a changed file that is read to find its id; larger ones are
// known by size and time alone.
const maxOnDisk = 64 << 20

func (w *WorkTree) onDisk(path string) (lockkeeper.TreeFile, error) {
	full := filepath.Join(w.repo.root, filepath.FromSlash(path))
	info, err := os.Lstat(full)
	if err != nil {
		return lockkeeper.TreeFile{}, fmt.Errorf("look at %s: %w", path, err)
	}
	f := lockkeeper.TreeFile{Path: path, Mode: lockkeeper.Regular, Size: info.Size()}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(full)
		if err != nil {
			return f, fmt.Errorf("read link %s: %w", path, err)
		}
		f.Mode, f.Blob = lockkeeper.Symlink, blobID([]byte(target))
	case info.IsDir():
		f.Mode, f.Blob = lockkeeper.Submodule, "on disk"
	case info.Size() > maxOnDisk:
		f.Blob = fmt.Sprintf("on disk %d %d", info.Size(), info.ModTime().UnixNano())
	default:
		data, err := os.ReadFile(full)
		if err != nil {
			return f, fmt.Errorf("read %s: %w", path, err)
		}
		f.Blob = blobID(data)
	}
	return f, nil
}

// sha1Digits of a git id in hexadecimal.
const sha1Digits = 40

// blobID is git's id of a blob (SHA-1 repositories).
func blobID(data []byte) string {
	return lockkeeper.BlobID(data, sha1Digits)
}

// Read gives the content on disk.
func (w *WorkTree) Read(_ context.Context, f lockkeeper.TreeFile, limit int64) ([]byte, error) {
	file, err := os.Open(filepath.Join(w.repo.root, filepath.FromSlash(f.Path)))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Path, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Path, err)
	}
	if int64(len(data)) > limit {
		return nil, tooLarge(f, limit)
	}
	return data, nil
}

// git runs one plumbing command that starts no hook, pager, prompt or file
// system monitor of the repository's choosing.
func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "core.fsmonitor=false", "-c", "core.quotePath=false"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, errors.New("the git program is not on the path: install git")
		}
		return nil, fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return stdout.Bytes(), nil
}
