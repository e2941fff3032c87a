package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-github/v82/github"

	"github.com/lockkeeper/lockkeeper"
)

// Bounds on trees.
const (
	// maxTreeCalls when GitHub truncates the recursive listing (beyond 100,000
	// entries or 7 MB) and directories have to be listed one by one.
	maxTreeCalls = 200
	// maxTreeFiles kept of one tree: more than the largest repositories have, since a
	// scan wants every path, and some 80 MB at the most.
	maxTreeFiles = 500_000
)

// Tree lists the files at a commit whose path keep wants. One call; where GitHub
// truncates its listing, one or two more for each directory concerned, and a
// *TooLarge beyond 200 calls or 500,000 wanted files. keep must be pure: a path
// may be offered more than once.
func (c *Client) Tree(ctx context.Context, repo Repo, commit string, keep func(path string) bool) ([]lockkeeper.TreeFile, error) {
	if err := repo.check(); err != nil {
		return nil, err
	}
	if err := checkSHA(commit); err != nil {
		return nil, err
	}
	return c.walk(ctx, commit, treeWalk{repo: repo, keep: keep, limit: maxTreeFiles})
}

func (c *Client) walk(ctx context.Context, commit string, w treeWalk) ([]lockkeeper.TreeFile, error) {
	what := fmt.Sprintf("list files of %s at %s", w.repo, commit)
	return call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) ([]lockkeeper.TreeFile, error) {
		w := w
		w.gh = gh
		if err := w.walk(ctx, commit, ""); err != nil {
			return nil, err
		}
		return w.files, nil
	})
}

// Blob reads a file's content by git's id of it, at most limit bytes; more is a
// *TooLarge that names the limit, which is 48 MiB at the highest. The content is checked against the id. One
// call.
func (c *Client) Blob(ctx context.Context, repo Repo, sha string, limit int64) ([]byte, error) {
	if err := repo.check(); err != nil {
		return nil, err
	}
	if err := checkSHA(sha); err != nil {
		return nil, err
	}
	what := fmt.Sprintf("read blob %s of %s", sha, repo)
	return call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) ([]byte, error) {
		limit := min(limit, maxAnswer)
		data, _, err := gh.Git.GetBlobRaw(withAnswerLimit(ctx, limit), repo.Owner, repo.Name, sha)
		var large *TooLarge
		if errors.As(err, &large) {
			return nil, &TooLarge{What: fmt.Sprintf("more than %d bytes", limit), Limit: limit}
		}
		if err != nil {
			return nil, err
		}
		if got := lockkeeper.BlobID(data, len(sha)); got != sha {
			return nil, fmt.Errorf("GitHub sent %d bytes with the id %s instead", len(data), got)
		}
		return data, nil
	})
}

// File reads the file at path of repo's default branch, at most limit bytes. A
// symbolic link gives what it leads to. ErrNotFound where there is no such file,
// and where the App may not see the repository. One call.
func (c *Client) File(ctx context.Context, repo Repo, path string, limit int64) ([]byte, error) {
	if err := repo.check(); err != nil {
		return nil, err
	}
	what := fmt.Sprintf("read %s of %s", path, repo)
	return call(ctx, c.session, what, func(ctx context.Context, gh *github.Client) ([]byte, error) {
		address := fmt.Sprintf("repos/%s/%s/contents/%s", repo.Owner, repo.Name, (&url.URL{Path: path}).EscapedPath())
		req, err := gh.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Accept", "application/vnd.github.raw+json")
		var data bytes.Buffer
		_, err = gh.Do(withAnswerLimit(ctx, limit), req, &data)
		return data.Bytes(), err
	})
}

type treeWalk struct {
	gh   *github.Client
	repo Repo
	keep func(path string) bool
	// enter says whether a directory may hold files that keep wants; nil: all may.
	// It is asked only where directories have to be listed one by one.
	enter func(dir string) bool
	limit int // on files
	calls int
	files []lockkeeper.TreeFile
}

// walk adds the wanted files below the tree (or commit) id. A truncated listing
// is thrown away: the tree's own entries are listed instead, which GitHub does
// not truncate, and each directory of it is walked.
func (w *treeWalk) walk(ctx context.Context, id, prefix string) error {
	before := len(w.files)
	truncated, err := w.fetch(ctx, id, true, func(e treeEntry) error {
		return w.add(prefix, e)
	})
	if err != nil || !truncated {
		return err
	}
	w.files = w.files[:before]
	var directories []treeEntry
	truncated, err = w.fetch(ctx, id, false, func(e treeEntry) error {
		if e.Type == "tree" {
			directories = append(directories, e)
			return nil
		}
		return w.add(prefix, e)
	})
	if err != nil {
		return err
	}
	if truncated {
		return &TooLarge{What: fmt.Sprintf("directory %.200q: GitHub does not list all of it", prefix)}
	}
	for _, d := range directories {
		if w.enter != nil && !w.enter(prefix+d.Path) {
			continue
		}
		if err := checkSHA(d.SHA); err != nil {
			return err
		}
		if err := w.walk(ctx, d.SHA, prefix+d.Path+"/"); err != nil {
			return err
		}
	}
	return nil
}

// treeEntry as GitHub lists it: path relative to the tree asked for, mode in
// octal, type blob, tree or commit; size for blobs only.
type treeEntry struct {
	Path string `json:"path"`
	Mode string `json:"mode"`
	Type string `json:"type"`
	SHA  string `json:"sha"`
	Size *int64 `json:"size"`
}

func (w *treeWalk) add(prefix string, e treeEntry) error {
	path := prefix + e.Path
	if e.Type == "tree" || !w.keep(path) {
		return nil
	}
	if !fs.ValidPath(path) {
		return fmt.Errorf("GitHub lists a file with the impossible path %.200q", path)
	}
	if err := checkSHA(e.SHA); err != nil {
		return fmt.Errorf("file %.200q: %w", path, err)
	}
	file := lockkeeper.TreeFile{Path: path, Blob: e.SHA, Mode: lockkeeper.Regular, Size: -1}
	if e.Size != nil {
		file.Size = *e.Size
	}
	switch e.Mode {
	case "100644", "100755", "100664":
	case "120000":
		file.Mode = lockkeeper.Symlink
	case "160000":
		file.Mode = lockkeeper.Submodule
	default:
		return fmt.Errorf("file %.200q has the unknown mode %.20q", path, e.Mode)
	}
	if len(w.files) == w.limit {
		return &TooLarge{What: fmt.Sprintf("tree with more than %d files", w.limit), Limit: int64(w.limit)}
	}
	w.files = append(w.files, file)
	return nil
}

// fetch reads one listing entry by entry: with 100,000 of them, the library's
// own type would take some hundred megabytes.
func (w *treeWalk) fetch(ctx context.Context, id string, recursive bool, each func(treeEntry) error) (truncated bool, err error) {
	if w.calls == maxTreeCalls {
		return false, &TooLarge{What: fmt.Sprintf("tree that takes more than %d calls to list", maxTreeCalls), Limit: maxTreeCalls}
	}
	w.calls++
	path := fmt.Sprintf("repos/%s/%s/git/trees/%s", w.repo.Owner, w.repo.Name, id)
	if recursive {
		path += "?recursive=1"
	}
	req, err := w.gh.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		return false, err
	}
	resp, err := w.gh.BareDo(ctx, req)
	if err != nil {
		return false, err
	}
	defer func() { _ = resp.Body.Close() }()
	return decodeTree(resp.Body, each)
}

// decodeTree reads {"tree": [entries], "truncated": bool, ...}. Both keys must
// be there: an answer without them must not look like an empty repository.
func decodeTree(r io.Reader, each func(treeEntry) error) (truncated bool, err error) {
	d := json.NewDecoder(r)
	if err := expect(d, '{'); err != nil {
		return false, err
	}
	sawTree, sawTruncated := false, false
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return false, fmt.Errorf("read tree: %w", err)
		}
		switch key {
		case "tree":
			sawTree = true
			err = decodeEntries(d, each)
		case "truncated":
			sawTruncated = true
			err = d.Decode(&truncated)
		default:
			var skipped json.RawMessage
			err = d.Decode(&skipped)
		}
		if err != nil {
			return false, fmt.Errorf("read tree: %w", err)
		}
	}
	if err := expect(d, '}'); err != nil {
		return false, err
	}
	if !sawTree || !sawTruncated {
		return false, errors.New(`read tree: the answer lacks "tree" or "truncated"`)
	}
	return truncated, nil
}

func decodeEntries(d *json.Decoder, each func(treeEntry) error) error {
	if err := expect(d, '['); err != nil {
		return err
	}
	for d.More() {
		var e treeEntry
		if err := d.Decode(&e); err != nil {
			return err
		}
		if e.Path == "" || strings.ContainsRune(e.Path, 0) {
			return fmt.Errorf("entry with the impossible path %.200q", e.Path)
		}
		if err := each(e); err != nil {
			return err
		}
	}
	return expect(d, ']')
}

func expect(d *json.Decoder, want json.Delim) error {
	token, err := d.Token()
	if err != nil {
		return fmt.Errorf("read tree: %w", err)
	}
	if token != want {
		return fmt.Errorf("read tree: %v where %v should be", token, want)
	}
	return nil
}
