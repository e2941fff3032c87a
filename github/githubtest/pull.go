package githubtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// Pull is a pull request.
type Pull struct {
	repo   *Repo
	ID     int64
	Number int

	author         *account
	title, body    string
	state          string // open or closed
	draft          bool
	headRepo       *Repo
	headRef        string
	head           plumbing.Hash
	baseRef        string
	base           plumbing.Hash // the base's tip when the pull request last moved, as at GitHub: not its tip now
	created        time.Time
	updated        time.Time
	closed, merged time.Time
	mergedBy       *account
	mergeCommit    plumbing.Hash
	comments       []*Comment
	reviews        []*Review
	reviewers      []*account // requested
	reviewTeams    []*Team
	history        []happening
}

// happening is what a pull request's conversation tells beside comments and
// reviews. Ids order all of them.
type happening struct {
	id       int64
	by       *account
	what     string // "retargeted this from a to b"; "" for commits
	from, to plumbing.Hash
	at       time.Time
}

func (p *Pull) happened(by *account, format string, args ...any) {
	p.history = append(p.history, happening{id: p.repo.srv.nextID(), by: by, what: fmt.Sprintf(format, args...), at: p.repo.srv.now()})
}

func (p *Pull) pushed(by *account, from, to plumbing.Hash) {
	p.history = append(p.history, happening{id: p.repo.srv.nextID(), by: by, from: from, to: to, at: p.repo.srv.now()})
}

// testMerge is the merge that GitHub tries for every open pull request.
type testMerge struct {
	hash      plumbing.Hash
	conflicts bool
}

// OpenPull opens a pull request of login's. head is a branch of r, or
// "owner:branch" of a fork of it.
func (r *Repo) OpenPull(login, head, base, title, body string) *Pull {
	return r.openPull(login, head, base, title, body, false)
}

// OpenDraft opens a draft.
func (r *Repo) OpenDraft(login, head, base, title, body string) *Pull {
	return r.openPull(login, head, base, title, body, true)
}

func (r *Repo) openPull(login, head, base, title, body string, draft bool) *Pull {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	p, err := r.newPull(r.srv.account(login), head, base, title, body, draft)
	if err != nil {
		panic("githubtest: open pull request: " + err.Error())
	}
	return p
}

func (r *Repo) newPull(author *account, head, base, title, body string, draft bool) (*Pull, error) {
	headRepo, headRef := r, head
	if owner, ref, ok := strings.Cut(head, ":"); ok {
		headRepo, headRef = r.forkOf(owner), ref
	}
	if headRepo == nil {
		return nil, validation("PullRequest", "head", "invalid", "")
	}
	headHash, ok := headRepo.git.branch(headRef)
	if !ok {
		return nil, validation("PullRequest", "head", "invalid", "")
	}
	baseHash, ok := r.git.branch(base)
	if !ok {
		return nil, validation("PullRequest", "base", "invalid", "")
	}
	for _, p := range r.pulls {
		if p.state == "open" && p.headRepo == headRepo && p.headRef == headRef && p.baseRef == base {
			return nil, validation("PullRequest", "", "custom", fmt.Sprintf("A pull request already exists for %s:%s.", headRepo.owner.Login, headRef))
		}
	}
	if len(r.git.between(baseHash, headHash)) == 0 {
		return nil, validation("PullRequest", "", "custom", fmt.Sprintf("No commits between %s and %s", base, head))
	}
	r.lastNumber++
	p := &Pull{
		repo: r, ID: r.srv.nextID(), Number: r.lastNumber, author: author, title: title, body: body, state: "open", draft: draft,
		headRepo: headRepo, headRef: headRef, head: headHash, baseRef: base, base: baseHash, created: r.srv.now(), updated: r.srv.now(),
	}
	r.pulls = append(r.pulls, p)
	p.pushed(author, baseHash, headHash)
	p.moveRefs()
	p.emit("opened", author, nil)
	return p, nil
}

// forkOf is r itself or the fork of it that owner has.
func (r *Repo) forkOf(owner string) *Repo {
	if strings.EqualFold(r.owner.Login, owner) {
		return r
	}
	for _, f := range r.srv.repos {
		if f.parent == r && strings.EqualFold(f.owner.Login, owner) {
			return f
		}
	}
	return nil
}

func (r *Repo) pull(number int) *Pull {
	for _, p := range r.pulls {
		if p.Number == number {
			return p
		}
	}
	return nil
}

// Pull is the pull request of that number, or nil.
func (r *Repo) Pull(number int) *Pull {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	return r.pull(number)
}

// Repo is the repository that the pull request is made to.
func (p *Pull) Repo() *Repo { return p.repo }

// Head is the id of the pull request's newest commit.
func (p *Pull) Head() string {
	p.repo.srv.mu.Lock()
	defer p.repo.srv.mu.Unlock()
	return p.head.String()
}

// State is open, closed or merged.
func (p *Pull) State() string {
	p.repo.srv.mu.Lock()
	defer p.repo.srv.mu.Unlock()
	if !p.merged.IsZero() {
		return "merged"
	}
	return p.state
}

// Push commits to the pull request's head branch.
func (p *Pull) Push(spec CommitSpec) string { return p.headRepo.Commit(p.headRef, spec) }

// ForcePush replaces the pull request's head.
func (p *Pull) ForcePush(sha string) { p.headRepo.ForcePush(p.headRef, sha) }

// synchronize follows the head branch.
func (p *Pull) synchronize(to plumbing.Hash, by *account) {
	before := p.head
	p.head = to
	p.pushed(by, before, to)
	p.refreshBase()
	p.updated = p.repo.srv.now()
	p.moveRefs()
	p.emit("synchronize", by, obj{"before": before.String(), "after": to.String()})
}

func (p *Pull) refreshBase() {
	if tip, ok := p.repo.git.branch(p.baseRef); ok {
		p.base = tip
	}
}

// moveRefs keeps refs/pull/N/head, by which a fork's commits can be had from the
// base repository.
func (p *Pull) moveRefs() {
	name := plumbing.ReferenceName(fmt.Sprintf("refs/pull/%d/head", p.Number))
	p.repo.git.ReferenceStorage[name] = plumbing.NewHashReference(name, p.head)
	name = plumbing.ReferenceName(fmt.Sprintf("refs/pull/%d/merge", p.Number))
	if m := p.testMerge(); !m.conflicts {
		p.repo.git.ReferenceStorage[name] = plumbing.NewHashReference(name, m.hash)
	}
}

// testMerge merges the head into the base's tip of now.
func (p *Pull) testMerge() testMerge {
	tip, ok := p.repo.git.branch(p.baseRef)
	if !ok {
		return testMerge{conflicts: true}
	}
	key := [2]plumbing.Hash{tip, p.head}
	if m, ok := p.repo.testMerges[key]; ok {
		return m
	}
	message := fmt.Sprintf("Merge %s into %s", p.head, tip)
	hash, conflicts := p.repo.merge(tip, p.head, p.author.Login, message)
	m := testMerge{hash, conflicts != nil}
	p.repo.testMerges[key] = m
	return m
}

// Retarget gives the pull request another base branch.
func (p *Pull) Retarget(base, by string) {
	p.repo.srv.mu.Lock()
	defer p.repo.srv.mu.Unlock()
	must(p.retarget(base, p.repo.srv.account(by)))
}

func (p *Pull) retarget(base string, by *account) error {
	tip, ok := p.repo.git.branch(base)
	if !ok {
		return validation("PullRequest", "base", "invalid", "")
	}
	fromRef, fromSHA := p.baseRef, p.base
	p.baseRef, p.base = base, tip
	p.updated = p.repo.srv.now()
	p.happened(by, "changed the base branch from %s to %s", fromRef, base)
	p.moveRefs()
	p.emit("edited", by, obj{"changes": obj{"base": obj{
		"ref": obj{"from": fromRef}, "sha": obj{"from": fromSHA.String()},
	}}})
	return nil
}

// Edit changes title and body.
func (p *Pull) Edit(title, body, by string) {
	p.repo.srv.mu.Lock()
	defer p.repo.srv.mu.Unlock()
	p.edit(&title, &body, p.repo.srv.account(by))
}

func (p *Pull) edit(title, body *string, by *account) {
	changes := obj{}
	if title != nil && *title != p.title {
		changes["title"] = obj{"from": p.title}
		p.happened(by, "changed the title from %q to %q", p.title, *title)
		p.title = *title
	}
	if body != nil && *body != p.body {
		changes["body"] = obj{"from": p.body}
		p.body = *body
	}
	if len(changes) == 0 {
		return
	}
	p.updated = p.repo.srv.now()
	p.emit("edited", by, obj{"changes": changes})
}

// ReadyForReview ends the draft.
func (p *Pull) ReadyForReview(by string) {
	p.repo.srv.mu.Lock()
	defer p.repo.srv.mu.Unlock()
	if p.draft {
		p.draft = false
		p.updated = p.repo.srv.now()
		p.happened(p.repo.srv.account(by), "marked this pull request as ready for review")
		p.emit("ready_for_review", p.repo.srv.account(by), nil)
	}
}

// Close closes without merging.
func (p *Pull) Close(by string) {
	p.repo.srv.mu.Lock()
	defer p.repo.srv.mu.Unlock()
	p.close(p.repo.srv.account(by))
}

func (p *Pull) close(by *account) {
	if p.state != "open" {
		return
	}
	p.state = "closed"
	p.closed = p.repo.srv.now()
	if p.merged.IsZero() {
		p.happened(by, "closed this")
	} else {
		p.happened(by, "merged commit %s into %s", p.mergeCommit.String()[:7], p.baseRef)
	}
	p.updated = p.closed
	p.emit("closed", by, nil)
}

// Reopen opens a closed pull request again, at its head branch's tip of now.
func (p *Pull) Reopen(by string) {
	p.repo.srv.mu.Lock()
	defer p.repo.srv.mu.Unlock()
	must(p.reopen(p.repo.srv.account(by)))
}

func (p *Pull) reopen(by *account) error {
	tip, ok := p.headRepo.git.branch(p.headRef)
	if p.state == "open" || !p.merged.IsZero() || !ok {
		return validation("PullRequest", "state", "invalid", "")
	}
	p.state, p.closed, p.head = "open", time.Time{}, tip
	p.refreshBase()
	p.updated = p.repo.srv.now()
	p.happened(by, "reopened this")
	p.moveRefs()
	p.emit("reopened", by, nil)
	return nil
}

// Merge merges with a merge commit, whatever the checks say: an administrator
// may. It fails if the pull request is closed or conflicts.
func (p *Pull) Merge(by string) (sha string, err error) {
	p.repo.srv.mu.Lock()
	defer p.repo.srv.mu.Unlock()
	return p.merge(p.repo.srv.account(by))
}

func (p *Pull) merge(by *account) (string, error) {
	if p.state != "open" {
		return "", &apiError{status: 405, message: "Pull Request is not mergeable"}
	}
	tip, _ := p.repo.git.branch(p.baseRef)
	message := fmt.Sprintf("Merge pull request #%d from %s/%s\n\n%s", p.Number, p.headRepo.owner.Login, p.headRef, p.title)
	hash, conflicts := p.repo.merge(tip, p.head, by.Login, message)
	if conflicts != nil {
		return "", &apiError{status: 405, message: "Pull Request is not mergeable"}
	}
	p.finish(hash, by)
	p.repo.updateRef(plumbing.NewBranchReferenceName(p.baseRef), hash, by)
	return hash.String(), nil
}

// finish marks p as merged by commit hash.
func (p *Pull) finish(hash plumbing.Hash, by *account) {
	p.merged, p.mergedBy, p.mergeCommit = p.repo.srv.now(), by, hash
	p.close(by)
}

// RequestReview asks people for a review.
func (p *Pull) RequestReview(logins ...string) {
	p.repo.srv.mu.Lock()
	defer p.repo.srv.mu.Unlock()
	for _, login := range logins {
		if a := p.repo.srv.account(login); !slices.Contains(p.reviewers, a) {
			p.reviewers = append(p.reviewers, a)
		}
	}
}

// comparison of the pull request with its base.
func (p *Pull) comparison() comparison {
	c, ok := p.repo.compare(p.base, p.head)
	if !ok {
		// Unrelated histories have no merge base; GitHub shows such a pull request
		// as empty.
		return comparison{base: p.base, head: p.head, mergeBase: p.head}
	}
	return c
}

// PullInfo is what a page shows of a pull request.
type PullInfo struct {
	Number              int
	Author, Title, Body string
	Head, Base          string // branches
	State               string // open, closed or merged
}

// Pulls are all pull requests to the repository, by number.
func (r *Repo) Pulls() []PullInfo {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	all := make([]PullInfo, len(r.pulls))
	for i, p := range r.pulls {
		all[i] = PullInfo{Number: p.Number, Author: p.author.Login, Title: p.title, Body: p.body, Head: p.headRef, Base: p.baseRef, State: p.state}
		if !p.merged.IsZero() {
			all[i].State = "merged"
		}
	}
	return all
}
