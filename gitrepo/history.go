package gitrepo

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper"
)

// Revision is one commit of a history.
type Revision struct {
	ID, Parent string    // Parent is the first one, empty for a root
	Time       time.Time // of the commit, UTC
	Paths      []string  // files that differ from Parent
}

// FirstParents lists the commit that head names and all that are reached from it
// through first parents alone, newest first: the states that a branch was in,
// whatever was merged into it.
func (r *Repo) FirstParents(ctx context.Context, head string) ([]Revision, error) {
	id, err := r.Resolve(ctx, head)
	if err != nil {
		return nil, err
	}
	// With -z names are as they are; a commit starts at the mark.
	const mark = "\x01"
	out, err := git(ctx, r.root, "log", "--first-parent", "--diff-merges=first-parent", "--no-renames", "--name-only", "-z", "--format="+mark+"%H %ct %P", id)
	if err != nil {
		return nil, err
	}
	var all []Revision
	for field := range strings.SplitSeq(string(out), "\x00") {
		field = strings.TrimPrefix(field, "\n")
		if head, ok := strings.CutPrefix(field, mark); ok {
			var revision Revision
			var seconds int64
			head, first, _ := strings.Cut(head, "\n")
			fields := strings.Fields(head)
			if len(fields) < 2 {
				return nil, fmt.Errorf("git log answered %q", head)
			}
			if _, err := fmt.Sscan(fields[1], &seconds); err != nil {
				return nil, fmt.Errorf("git log answered %q: %w", head, err)
			}
			revision.ID, revision.Time = fields[0], time.Unix(seconds, 0).UTC()
			if len(fields) > 2 {
				revision.Parent = fields[2]
			}
			all = append(all, revision)
			field = strings.TrimPrefix(first, "\n")
		}
		if field != "" && len(all) > 0 {
			last := &all[len(all)-1]
			last.Paths = append(last.Paths, field)
		}
	}
	return all, nil
}

// FileVersion is a commit that changed a file.
type FileVersion struct {
	ID      string
	Time    time.Time // of the commit, UTC
	Author  string    // name, as the commit has it
	Subject string    // first line of its message
}

// maxVersions bounds how far back the history of one file is followed.
const maxVersions = 1000

// FileHistory lists the commits in the history of HEAD that changed the file at
// path, the newest first, at most 1000.
func (r *Repo) FileHistory(ctx context.Context, path string) ([]FileVersion, error) {
	out, err := git(ctx, r.root, "log", fmt.Sprintf("-n%d", maxVersions), "-z", "--format=%H%n%ct%n%an%n%s", "HEAD", "--", path)
	if err != nil {
		return nil, err
	}
	var all []FileVersion
	for record := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if record == "" {
			continue
		}
		fields := strings.SplitN(record, "\n", 4)
		seconds, err := strconv.ParseInt(fields[min(1, len(fields)-1)], 10, 64)
		if len(fields) != 4 || err != nil {
			return nil, fmt.Errorf("git log answered %q", record)
		}
		all = append(all, FileVersion{ID: fields[0], Time: time.Unix(seconds, 0).UTC(), Author: fields[2], Subject: fields[3]})
	}
	return all, nil
}

// ReadAt reads a plain file at a commit; nil where there is none. Content of more
// than limit bytes is an error.
func (r *Repo) ReadAt(ctx context.Context, id, path string, limit int64) ([]byte, error) {
	out, err := git(ctx, r.root, "ls-tree", "-z", "-l", "--full-tree", id, "--", path)
	if err != nil {
		return nil, err
	}
	record, _, _ := strings.Cut(string(out), "\x00")
	if record == "" {
		return nil, nil
	}
	f, err := parseTreeRecord(record)
	if err != nil || f.Mode != lockkeeper.Regular {
		return nil, err
	}
	return r.Commit(id).Read(ctx, f, limit)
}
