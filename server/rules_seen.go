package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/queue"
	"github.com/lockkeeper/lockkeeper/scan"
	"github.com/lockkeeper/lockkeeper/store"
)

// rulesMoved looks at a branch to which .lockkeeper was pushed: what changed goes to
// the audit trail, and what is to be recorded there is looked at anew. A branch that
// nobody opens pull requests to is no base, and is left alone.
func (w *worker) rulesMoved(ctx context.Context, branch string, pulls []*github.Pull) error {
	if branch == "" || strings.HasPrefix(branch, ownBranches) {
		return nil
	}
	seen, err := w.cfg.Store.RulesSeen(ctx, w.repo.ID, branch)
	if err != nil {
		return err
	}
	if len(pulls) == 0 && seen.Commit == "" {
		repo, err := w.client.Installed(ctx, w.repo.Owner, w.repo.Name)
		if err != nil || repo.DefaultBranch != branch {
			return err
		}
	}
	tip, err := w.client.Tip(ctx, w.repo, branch)
	if errors.Is(err, github.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	files, err := w.client.Tree(ctx, w.repo, tip, func(p string) bool { return p == policy.Path || p == allowlist.Path })
	if err != nil {
		return err
	}
	now := store.RulesSeen{Commit: tip}
	for _, f := range files {
		switch {
		case f.Mode != lockkeeper.Regular:
		case f.Path == policy.Path:
			now.Policy = f.Blob
		case f.Path == allowlist.Path:
			now.Allowlist = f.Blob
		}
	}
	if now.Policy != seen.Policy {
		if err := w.auditFile(ctx, tip, policy.Path, seen.Policy, w.policyEvents); err != nil {
			return err
		}
	}
	if now.Allowlist != seen.Allowlist {
		if err := w.auditFile(ctx, tip, allowlist.Path, seen.Allowlist, w.allowlistEvents); err != nil {
			return err
		}
	}
	if err := w.cfg.Store.PutRulesSeen(ctx, w.repo.ID, branch, now); err != nil {
		return err
	}
	return w.put(ctx, queue.Job{Kind: queue.Record, Ref: branch})
}

// auditFile adds to the audit trail what each commit did to a file since it was the
// blob seen, the oldest commit first.
func (w *worker) auditFile(ctx context.Context, tip, path, seen string, events func(before, after version) []store.Event) error {
	commits, err := w.client.FileCommits(ctx, w.repo, tip, path)
	if err != nil {
		return err
	}
	var versions []version // newest first
	for _, c := range commits {
		v, err := w.version(ctx, c, path)
		if err != nil {
			return err
		}
		versions = append(versions, v)
		if v.blob == seen && seen != "" {
			break
		}
	}
	slices.Reverse(versions)
	before := version{}
	if len(versions) > 0 && versions[0].blob == seen && seen != "" {
		before, versions = versions[0], versions[1:]
	}
	for _, after := range versions {
		for i, e := range events(before, after) {
			e.RepoID, e.Where, e.At = w.repo.ID, after.commit.URL, after.commit.At
			if a := after.commit.Author; a != nil {
				e.By, e.Login = a.ID, a.Login
			}
			if err := w.cfg.Store.AddEvent(ctx, e, fmt.Sprintf("commit:%s:%s:%d", after.commit.SHA, path, i)); err != nil {
				return err
			}
		}
		before = after
	}
	return nil
}

// version is a file as one commit has it; blob is empty where there is none.
type version struct {
	commit github.Commit
	blob   string
	data   []byte
}

func (w *worker) version(ctx context.Context, c github.Commit, path string) (version, error) {
	v := version{commit: c}
	files, err := w.client.Tree(ctx, w.repo, c.SHA, func(p string) bool { return p == path })
	if err != nil {
		return v, err
	}
	for _, f := range files {
		if f.Path == path && f.Mode == lockkeeper.Regular {
			v.blob = f.Blob
			v.data, err = w.client.Blob(ctx, w.repo, f.Blob, scan.MaxGuardSize)
			var large *github.TooLarge
			if errors.As(err, &large) {
				err = nil // it cannot be read, and no check passes with it
			}
		}
	}
	return v, err
}

func (w *worker) policyEvents(before, after version) []store.Event {
	if before.blob == after.blob {
		return nil
	}
	detail := fmt.Sprintf("from %s to %s", digestText(before), digestText(after))
	return []store.Event{{Kind: store.AuditPolicyChanged, Package: policy.Path, Detail: detail}}
}

func digestText(v version) string {
	if v.blob == "" {
		return "nothing"
	}
	return string(lockkeeper.Sum(v.data))
}

// allowlistEvents names the entries that came and went. Of a file that cannot be read
// it says so.
func (w *worker) allowlistEvents(before, after version) []store.Event {
	old, oldErr := allowlist.Parse(allowlist.Path, before.data, nil)
	now, err := allowlist.Parse(allowlist.Path, after.data, nil)
	if oldErr != nil || err != nil {
		return []store.Event{{Kind: store.AuditAllowlistAdded, Package: allowlist.Path, Detail: fmt.Sprintf("cannot be read: from %s to %s", digestText(before), digestText(after))}}
	}
	var events []store.Event
	add := func(kind store.AuditKind, entries, other []allowlist.Entry) {
		left := slices.Clone(other)
		for _, e := range entries {
			text := allowlist.Format(e)
			if i := slices.IndexFunc(left, func(o allowlist.Entry) bool { return allowlist.Format(o) == text }); i >= 0 {
				left = slices.Delete(left, i, i+1)
				continue
			}
			events = append(events, store.Event{Kind: kind, Package: e.Package, Reason: e.Reason, Detail: text})
		}
	}
	add(store.AuditAllowlistRemoved, old.Entries, now.Entries)
	add(store.AuditAllowlistAdded, now.Entries, old.Entries)
	return events
}
