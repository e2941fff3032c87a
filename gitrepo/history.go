package gitrepo

import (
	"context"
	"fmt"
	"strings"
	"time"
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
