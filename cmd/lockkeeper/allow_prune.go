package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lockkeeper/lockkeeper/allowlist"
	"github.com/lockkeeper/lockkeeper/gitrepo"
	"github.com/lockkeeper/lockkeeper/scan"
)

type allowPruneCmd struct {
	DryRun bool   `help:"List what would be removed, and change nothing."`
	Repo   string `short:"C" help:"Repository, or a directory in it." default:"." placeholder:"DIR" type:"path"`
}

func (allowPruneCmd) Help() string {
	return `Removed are entries that are expired, that repeat an earlier one, and that are about packages
which no lockfile of the work tree has any more. Every other byte of the file stays.

Examples:
  lockkeeper allow prune --dry-run
  lockkeeper allow prune`
}

func (c *allowPruneCmd) Run(p *process) error {
	repo, err := gitrepo.Open(p.ctx, c.Repo)
	if err != nil {
		return err
	}
	data, list, err := ownList(p, repo)
	if err != nil || list == nil {
		return err
	}
	locked, complete, err := scan.Locked(p.ctx, repo.WorkTree())
	if err != nil {
		return err
	}
	if !complete {
		fmt.Fprintln(p.stderr, "A lockfile could not be read, so no entry counts as one about a package that is not locked any more. lockkeeper scan says which.")
		locked = nil
	}
	problems := list.Prunable(time.Now(), locked)
	after, removed, err := allowlist.Remove(data, func(e allowlist.Entry) bool {
		return slices.ContainsFunc(problems, func(problem allowlist.Problem) bool { return problem.Entry.Line == e.Line })
	})
	if err != nil {
		return err
	}
	for _, problem := range problems {
		fmt.Fprintf(p.stdout, "%s:%d: %-9s  %s %s: %s\n", allowlist.Path, problem.Entry.Line, problem.Kind, problem.Entry.Package, orAll(problem.Entry.Versions), problem.Entry.Admitted())
	}
	if len(removed) == 0 {
		fmt.Fprintln(p.stdout, "Nothing to remove.")
		return nil
	}
	if c.DryRun {
		fmt.Fprintf(p.stderr, "%d of %d entries would be removed.\n", len(removed), len(list.Entries))
		return nil
	}
	if err := os.WriteFile(filepath.Join(repo.Root(), filepath.FromSlash(allowlist.Path)), after, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(p.stderr, "%d of %d entries removed. Comments around them were left; look at the diff.\n", len(removed), len(list.Entries))
	return nil
}
