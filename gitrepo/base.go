package gitrepo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
)

// Base is what a change is measured against.
type Base struct {
	// Name is what people call it: "main", "origin/main".
	Name string
	// Tip is the commit whose policy and allowlist hold, Commit the one that the
	// change started from. Both are empty in a repository without commits.
	Tip, Commit string
	// Why says in a sentence how it was chosen, where that is not plain.
	Why string
}

// Tree of the commit that the change started from: no file at all without one.
func (r *Repo) Tree(commit string) Tree {
	if commit == "" {
		return nothing{}
	}
	return r.Commit(commit)
}

// Tree is the files of one revision.
type Tree interface {
	Files(ctx context.Context) ([]lockkeeper.TreeFile, error)
	Read(ctx context.Context, f lockkeeper.TreeFile, limit int64) ([]byte, error)
}

// nothing is the tree before the first commit.
type nothing struct{}

func (nothing) Files(context.Context) ([]lockkeeper.TreeFile, error) { return nil, nil }

func (nothing) Read(_ context.Context, f lockkeeper.TreeFile, _ int64) ([]byte, error) {
	return nil, fmt.Errorf("read %s: there is no commit", f.Path)
}

// Base finds what head is measured against: where it left the branch name, or
// the branch that it will be merged into where name is empty: the one that the
// pull request of this CI run names (getenv is the environment), else the
// default branch. An empty head is the work tree.
//
// It never guesses in silence: Why says what is not plain, and an error what to do
// where nothing can be compared.
func (r *Repo) Base(ctx context.Context, name, head string, getenv func(string) string) (Base, error) {
	headID, err := r.Resolve(ctx, orHead(head))
	if err != nil {
		if head == "" && name == "" && r.unborn(ctx) {
			return Base{Name: "nothing", Why: "There is no commit yet, so everything in the work tree counts as new."}, nil
		}
		return Base{}, err
	}
	var b Base
	switch {
	case name != "":
		b.Name = name
	default:
		if b, err = r.baseOfCI(ctx, head, headID, getenv); err != nil || b.Commit != "" {
			return b, err
		}
		if b.Name == "" {
			if b, err = r.defaultBase(ctx, headID); err != nil {
				return Base{}, err
			}
		}
	}
	if b.Tip, err = r.Resolve(ctx, b.Name); err != nil {
		return Base{}, r.missing(ctx, b.Name, err)
	}
	if b.Commit, err = r.MergeBase(ctx, b.Tip, headID); err != nil {
		return Base{}, r.parted(ctx, b.Name, orHead(head), err)
	}
	if b.Why == "" && head == "" && name == "" && b.Tip == headID {
		b.Why = "The commit that is checked out is already in " + b.Name + ", so only what is not committed counts."
	}
	return b, nil
}

func orHead(name string) string {
	if name == "" {
		return "HEAD"
	}
	return name
}

// targetVariables are where CI systems name the branch that a pull request will be
// merged into: GitHub and Gitea, GitLab, Azure, Bitbucket, Buildkite, Jenkins and
// Drone, Woodpecker.
var targetVariables = []string{
	"GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "SYSTEM_PULLREQUEST_TARGETBRANCHNAME",
	"BITBUCKET_PR_DESTINATION_BRANCH", "BUILDKITE_PULL_REQUEST_BASE_BRANCH", "CHANGE_TARGET", "CI_COMMIT_TARGET_BRANCH",
}

// baseOfCI is the branch that the pull request of this CI run names. It is whole
// where the commit at hand is GitHub's own merge of the pull request: then the
// first parent is the tip of that branch, in the shallowest clone.
func (r *Repo) baseOfCI(ctx context.Context, head, headID string, getenv func(string) string) (Base, error) {
	if head != "" {
		return Base{}, nil
	}
	for _, variable := range targetVariables {
		target := getenv(variable)
		if target == "" {
			continue
		}
		if variable == "GITHUB_BASE_REF" && strings.HasSuffix(getenv("GITHUB_REF"), "/merge") && getenv("GITHUB_SHA") == headID {
			if tip, err := r.Resolve(ctx, headID+"^1"); err == nil {
				return Base{Name: target, Tip: tip, Commit: tip, Why: "This is the merge of the pull request into " + target + " that GitHub made."}, nil
			}
		}
		for _, candidate := range []string{"refs/remotes/origin/" + target, "refs/heads/" + target} {
			if _, err := r.Resolve(ctx, candidate); err == nil {
				return Base{Name: shortRef(candidate), Why: "Its pull request goes into " + target + ", says " + variable + "."}, nil
			}
		}
		return Base{}, r.missing(ctx, target, fmt.Errorf("the branch %q, into which this pull request goes (%s), is not in this clone", target, variable))
	}
	return Base{}, nil
}

// usualNames of default branches.
var usualNames = []string{"main", "master", "trunk"}

// defaultBase is the default branch: that of the remote that the checkout came
// from, else a local one.
func (r *Repo) defaultBase(ctx context.Context, headID string) (Base, error) {
	names := slices.Clone(usualNames)
	if out, err := git(ctx, r.root, "config", "--get", "init.defaultBranch"); err == nil {
		names = append(names, strings.TrimSpace(string(out)))
	}
	remotes := r.remotes(ctx)
	for _, remote := range remotes {
		// The remote's own word, if the branch that it names is here.
		if out, err := git(ctx, r.root, "symbolic-ref", "--quiet", "refs/remotes/"+remote+"/HEAD"); err == nil {
			ref := strings.TrimSpace(string(out))
			if _, err := r.Resolve(ctx, ref); err == nil {
				return Base{Name: shortRef(ref)}, nil
			}
		}
		if name := r.firstOf(ctx, "refs/remotes/"+remote+"/", names); name != "" {
			return Base{Name: name}, nil
		}
		// Of a shallow clone it is likely the very branch that is judged.
		if only := r.branches(ctx, "refs/remotes/"+remote); len(only) == 1 && !r.Shallow(ctx) {
			return Base{Name: only[0], Why: only[0] + " is the only branch of the remote that is here."}, nil
		}
	}
	if name := r.firstOf(ctx, "refs/heads/", names); name != "" {
		b := Base{Name: name}
		if len(remotes) == 0 {
			if tip, err := r.Resolve(ctx, name); err == nil && tip == headID {
				b.Why = "There is no remote, so the work tree was compared with the last commit on " + name + "."
			}
		}
		return b, nil
	}
	if branch, err := git(ctx, r.root, "symbolic-ref", "--quiet", "--short", "HEAD"); err == nil && !r.Shallow(ctx) {
		name := strings.TrimSpace(string(branch))
		return Base{Name: name, Why: "No default branch was found (none is called " + strings.Join(usualNames, ", ") + "), so the work tree was compared with the last commit on " + name + ". Name another with --base."}, nil
	}
	return Base{}, r.missing(ctx, "", fmt.Errorf("there is no branch here to compare with"))
}

// remotes of the repository, origin first, upstream second.
func (r *Repo) remotes(ctx context.Context) []string {
	out, err := git(ctx, r.root, "remote")
	if err != nil {
		return nil
	}
	names := strings.Fields(string(out))
	rank := func(name string) int { return max(0, slices.Index([]string{"upstream", "origin"}, name)+1) }
	slices.SortStableFunc(names, func(a, b string) int { return rank(b) - rank(a) })
	return names
}

// firstOf is the first of the names that is a ref below prefix, as people write it.
func (r *Repo) firstOf(ctx context.Context, prefix string, names []string) string {
	for _, name := range names {
		if name == "" {
			continue
		}
		if _, err := r.Resolve(ctx, prefix+name); err == nil {
			return shortRef(prefix + name)
		}
	}
	return ""
}

// branches below a prefix, as people write them.
func (r *Repo) branches(ctx context.Context, prefix string) []string {
	out, err := git(ctx, r.root, "for-each-ref", "--format=%(refname)", prefix)
	if err != nil {
		return nil
	}
	var names []string
	for ref := range strings.FieldsSeq(string(out)) {
		if !strings.HasSuffix(ref, "/HEAD") {
			names = append(names, shortRef(ref))
		}
	}
	return names
}

func shortRef(ref string) string {
	for _, prefix := range []string{"refs/remotes/", "refs/heads/"} {
		if short, ok := strings.CutPrefix(ref, prefix); ok {
			return short
		}
	}
	return ref
}

// unborn reports whether HEAD names a branch that has no commit yet, in a
// repository that has none at all.
func (r *Repo) unborn(ctx context.Context) bool {
	out, err := git(ctx, r.root, "rev-list", "--all", "--max-count=1")
	return err == nil && len(strings.TrimSpace(string(out))) == 0
}

// Shallow reports whether the clone lacks a part of its history.
func (r *Repo) Shallow(ctx context.Context) bool {
	out, err := git(ctx, r.root, "rev-parse", "--is-shallow-repository")
	return err == nil && strings.TrimSpace(string(out)) == "true"
}

// missing adds to err how to get what is not here.
func (r *Repo) missing(ctx context.Context, name string, err error) error {
	switch {
	case r.Shallow(ctx):
		return fmt.Errorf("%w: this clone is shallow. Fetch the rest with: git fetch --unshallow origin%s (in GitHub Actions: actions/checkout with fetch-depth: 0), or name a revision that is here with --base", err, spaced(name))
	case name == "":
		return fmt.Errorf("%w: name a revision with --base, or look at everything that is locked with: lockkeeper scan --all", err)
	}
	return fmt.Errorf("%w: fetch it with: git fetch origin %s, or name another revision with --base", err, strings.TrimPrefix(name, "origin/"))
}

func spaced(name string) string {
	if name == "" {
		return ""
	}
	return " " + strings.TrimPrefix(name, "origin/")
}

// parted says why there is no common commit.
func (r *Repo) parted(ctx context.Context, name, head string, err error) error {
	if r.Shallow(ctx) {
		return fmt.Errorf("where %s left %s is not in this clone, which is shallow. Fetch the rest with: git fetch --unshallow origin (in GitHub Actions: actions/checkout with fetch-depth: 0)", head, name)
	}
	return fmt.Errorf("%s and %s have no commit in common, so there is no change from one to the other; name another revision with --base: %w", head, name, err)
}
