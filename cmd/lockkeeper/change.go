package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/gitrepo"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/scan"
)

// workTree is the name of what lies on disk.
const workTree = "work tree"

// change is two sides of a local repository, with the rules of the base.
type change struct {
	base, head         scan.Tree
	baseName, headName string
	rules              scan.Rules
	// compared says in words what is compared with what, and how that was chosen.
	compared string
	// onlyWithCode leaves alone what costs a request for each package without build
	// code.
	onlyWithCode bool
}

// openChange finds the two sides: head, or the work tree, and where it left base,
// or the branch that it will be merged into.
func openChange(p *process, dir, base, head string) (*change, error) {
	repo, err := gitrepo.Open(p.ctx, dir)
	if err != nil {
		return nil, err
	}
	from, err := repo.Base(p.ctx, base, head, p.getenv)
	if err != nil {
		return nil, err
	}
	c := &change{headName: workTree, head: repo.WorkTree(), base: repo.Tree(from.Commit), baseName: from.Commit}
	what := "the " + workTree
	if head != "" {
		if c.headName, err = repo.Resolve(p.ctx, head); err != nil {
			return nil, err
		}
		c.head, what = repo.Commit(c.headName), head
	}
	c.compared = sentence(what, from)
	c.rules, err = scan.ReadRules(p.ctx, repo.Tree(from.Tip), c.head)
	return c, err
}

// sentence says what is compared with what.
func sentence(head string, from gitrepo.Base) string {
	text := head + " with " + from.Name
	switch from.Commit {
	case "":
	case from.Tip:
		text += fmt.Sprintf(" (%.7s)", from.Commit)
	default:
		text += fmt.Sprintf(", from where they parted (%.7s)", from.Commit)
	}
	return strings.TrimSpace(text + ". " + from.Why)
}

// judge scans and decides. Progress goes to the terminal on standard error.
func (c *change) judge(p *process, scanner *scan.Scanner) (*report.Report, error) {
	progress := newProgress(p.stderr, p.quiet || p.verbose)
	result, err := scanner.Run(p.ctx, scan.Input{
		Base: c.base, Head: c.head, BaseName: c.baseName, HeadName: c.headName,
		Policy: c.rules.Policy, Progress: progress.show, OnlyWithCode: c.onlyWithCode,
	})
	progress.done()
	if err != nil {
		return nil, err
	}
	decision := policy.Evaluate(c.rules.Input(result, time.Now()))
	r := &report.Report{Scan: result, Decision: decision, Onboarded: c.rules.Onboarded, Compared: c.compared}
	if len(result.Lockfiles) == 0 && len(result.Findings) == 0 {
		r.Next, err = nothingDiffers(p.ctx, c.head, c.rules.Policy)
	}
	return r, err
}

// nothingDiffers says which lockfiles there are, and what to do next.
func nothingDiffers(ctx context.Context, head scan.Tree, rules *policy.Policy) (string, error) {
	paths, err := lockfiles(ctx, head, rules)
	if err != nil {
		return "", err
	}
	if len(paths) == 0 {
		return "There is no lockfile that Lockkeeper reads: " + knownNames + ".", nil
	}
	return "Unchanged: " + strings.Join(several(paths), ", ") + ". To look at everything that is locked: lockkeeper scan --all", nil
}

const knownNames = "Cargo.lock, requirements.txt, uv.lock, poetry.lock, pdm.lock, Pipfile.lock, pylock.toml"

// lockfiles of a tree that the policy watches, sorted.
func lockfiles(ctx context.Context, t scan.Tree, rules *policy.Policy) ([]string, error) {
	files, err := t.Files(ctx)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, f := range files {
		if _, ok := lockfile.FormatOf(f.Path); ok && rules.Watches(f.Path) {
			paths = append(paths, printable(f.Path))
		}
	}
	slices.Sort(paths)
	return paths, nil
}

// several are the first of many names.
func several(names []string) []string {
	const most = 6
	if len(names) <= most {
		return names
	}
	return append(slices.Clone(names[:most]), fmt.Sprintf("%d more", len(names)-most))
}
