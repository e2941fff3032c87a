package githubtest

import (
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
)

// MergeGroup is a group of pull requests that the merge queue tries together.
type MergeGroup struct {
	// Ref is the branch "gh-readonly-queue/BASE/pr-N-SHA" that holds the result.
	Ref string
	// Head is the commit to be checked, the merge of all of the group.
	Head string

	repo    *Repo
	pulls   []*Pull
	baseRef string
	base    plumbing.Hash
	done    bool
}

// MergeGroup puts open pull requests of one base branch into the merge queue as
// one group, and asks for its checks. It panics if they conflict.
func (r *Repo) MergeGroup(pulls ...*Pull) *MergeGroup {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	first := pulls[0]
	base := r.mustResolve(first.baseRef)
	g := &MergeGroup{repo: r, pulls: pulls, baseRef: first.baseRef, base: base}
	head := base
	for _, p := range pulls {
		if p.state != "open" || p.baseRef != first.baseRef {
			panic(fmt.Sprintf("githubtest: #%d is not an open pull request to %s", p.Number, first.baseRef))
		}
		message := fmt.Sprintf("Merge pull request #%d from %s/%s\n\n%s", p.Number, p.headRepo.owner.Login, p.headRef, p.title)
		merged, conflicts := r.merge(head, p.head, p.author.Login, message)
		if conflicts != nil {
			panic(fmt.Sprintf("githubtest: #%d conflicts in %v", p.Number, conflicts))
		}
		head = merged
	}
	g.Head = head.String()
	g.Ref = fmt.Sprintf("gh-readonly-queue/%s/pr-%d-%s", g.baseRef, pulls[len(pulls)-1].Number, base)
	r.updateRef(plumbing.NewBranchReferenceName(g.Ref), head, first.author)
	g.emit("checks_requested", "")
	return g
}

// MergeGroupAt asks for the checks of a group whose result the caller made, by
// squashing or rebasing say: ref is the branch that holds it.
func (r *Repo) MergeGroupAt(ref string, pulls ...*Pull) *MergeGroup {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	base := pulls[0].baseRef
	g := &MergeGroup{Ref: ref, Head: r.mustResolve(ref).String(), repo: r, pulls: pulls, baseRef: base, base: r.mustResolve(base)}
	g.emit("checks_requested", "")
	return g
}

// Merge lands the group, if every check that its base requires has passed on
// Head.
func (g *MergeGroup) Merge() error {
	g.repo.srv.mu.Lock()
	defer g.repo.srv.mu.Unlock()
	for _, name := range g.repo.required(g.baseRef) {
		if !g.repo.passed(name, plumbing.NewHash(g.Head)) {
			return fmt.Errorf("merge group %s: required check %q has not passed", g.Ref, name)
		}
	}
	by := g.pulls[0].author
	for _, p := range g.pulls {
		p.finish(plumbing.NewHash(g.Head), by)
	}
	g.repo.updateRef(plumbing.NewBranchReferenceName(g.baseRef), plumbing.NewHash(g.Head), by)
	g.end("merged")
	return nil
}

// Dequeue gives the group up.
func (g *MergeGroup) Dequeue() {
	g.repo.srv.mu.Lock()
	defer g.repo.srv.mu.Unlock()
	g.end("dequeued")
}

func (g *MergeGroup) end(reason string) {
	if g.done {
		return
	}
	g.done = true
	g.emit("destroyed", reason)
	g.repo.updateRef(plumbing.NewBranchReferenceName(g.Ref), plumbing.ZeroHash, g.pulls[0].author)
}
