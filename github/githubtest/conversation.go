package githubtest

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing"
)

// commentLimit is how many characters GitHub takes as a comment.
const commentLimit = 65536

// Comment is a comment on a pull request.
type Comment struct {
	pull      *Pull
	ID        int64
	author    *account
	body      string
	viaApp    bool // written with the App's token
	created   time.Time
	updated   time.Time
	reactions []*reaction
}

type reaction struct {
	id      int64
	user    *account
	content string
	created time.Time
}

// Review is a review of a pull request.
type Review struct {
	pull      *Pull
	ID        int64
	author    *account
	state     string // APPROVED, CHANGES_REQUESTED, COMMENTED or DISMISSED
	body      string
	commit    plumbing.Hash
	submitted time.Time
}

// Comment adds login's comment.
func (p *Pull) Comment(login, body string) *Comment {
	p.repo.srv.mu.Lock()
	defer p.repo.srv.mu.Unlock()
	c, err := p.comment(p.repo.srv.account(login), body, false)
	must(err)
	return c
}

func (p *Pull) comment(by *account, body string, viaApp bool) (*Comment, error) {
	if err := checkComment(body); err != nil {
		return nil, err
	}
	now := p.repo.srv.now()
	c := &Comment{pull: p, ID: p.repo.srv.nextID(), author: by, body: body, viaApp: viaApp, created: now, updated: now}
	p.comments = append(p.comments, c)
	p.updated = now
	c.emit("created", by, nil)
	return c, nil
}

func checkComment(body string) error {
	switch {
	case body == "":
		return validation("IssueComment", "body", "missing_field", "")
	case utf8.RuneCountInString(body) > commentLimit:
		return validation("IssueComment", "data", "unprocessable", fmt.Sprintf("Body is too long (maximum is %d characters)", commentLimit))
	}
	return nil
}

// Body is the comment as it stands.
func (c *Comment) Body() string {
	c.pull.repo.srv.mu.Lock()
	defer c.pull.repo.srv.mu.Unlock()
	return c.body
}

// Reactions are "login:content" of each reaction, in order.
func (c *Comment) Reactions() []string {
	c.pull.repo.srv.mu.Lock()
	defer c.pull.repo.srv.mu.Unlock()
	var all []string
	for _, r := range c.reactions {
		all = append(all, r.user.Login+":"+r.content)
	}
	return all
}

// Edit replaces the text; by is whoever does it, which need not be the author.
func (c *Comment) Edit(by, body string) {
	c.pull.repo.srv.mu.Lock()
	defer c.pull.repo.srv.mu.Unlock()
	must(c.edit(c.pull.repo.srv.account(by), body))
}

func (c *Comment) edit(by *account, body string) error {
	if err := checkComment(body); err != nil {
		return err
	}
	from := c.body
	c.body, c.updated = body, c.pull.repo.srv.now()
	c.emit("edited", by, obj{"changes": obj{"body": obj{"from": from}}})
	return nil
}

// Delete removes the comment.
func (c *Comment) Delete(by string) {
	c.pull.repo.srv.mu.Lock()
	defer c.pull.repo.srv.mu.Unlock()
	c.delete(c.pull.repo.srv.account(by))
}

func (c *Comment) delete(by *account) {
	c.pull.comments = slices.DeleteFunc(c.pull.comments, func(other *Comment) bool { return other == c })
	c.emit("deleted", by, nil)
}

// react adds a reaction; added is false if it was there already.
func (c *Comment) react(by *account, content string) (r *reaction, added bool) {
	for _, r := range c.reactions {
		if r.user == by && r.content == content {
			return r, false
		}
	}
	r = &reaction{c.pull.repo.srv.nextID(), by, content, c.pull.repo.srv.now()}
	c.reactions = append(c.reactions, r)
	return r, true
}

// CommentInfo is one comment as a reader sees it.
type CommentInfo struct {
	ID        int64
	Author    string
	Body      string
	Reactions []string // "login:content"
}

// Comments lists the conversation, oldest first.
func (p *Pull) Comments() []CommentInfo {
	p.repo.srv.mu.Lock()
	defer p.repo.srv.mu.Unlock()
	var all []CommentInfo
	for _, c := range p.comments {
		info := CommentInfo{ID: c.ID, Author: c.author.Login, Body: c.body}
		for _, r := range c.reactions {
			info.Reactions = append(info.Reactions, r.user.Login+":"+r.content)
		}
		all = append(all, info)
	}
	return all
}

// comment of that id in any pull request of r.
func (r *Repo) comment(id int64) *Comment {
	for _, p := range r.pulls {
		for _, c := range p.comments {
			if c.ID == id {
				return c
			}
		}
	}
	return nil
}

// Review submits login's review of commit, or of the head where commit is "".
// state is APPROVED, CHANGES_REQUESTED or COMMENTED.
func (p *Pull) Review(login, state, commit, body string) *Review {
	p.repo.srv.mu.Lock()
	defer p.repo.srv.mu.Unlock()
	at := p.head
	if commit != "" {
		at = p.repo.mustResolve(commit)
	}
	r, err := p.review(p.repo.srv.account(login), state, at, body)
	must(err)
	return r
}

func (p *Pull) review(by *account, state string, at plumbing.Hash, body string) (*Review, error) {
	if !slices.Contains([]string{"APPROVED", "CHANGES_REQUESTED", "COMMENTED"}, state) {
		return nil, validation("PullRequestReview", "event", "invalid", "")
	}
	if by == p.author && state != "COMMENTED" {
		return nil, validation("PullRequestReview", "", "custom", "Can not approve or request changes on your own pull request")
	}
	r := &Review{pull: p, ID: p.repo.srv.nextID(), author: by, state: state, body: body, commit: at, submitted: p.repo.srv.now()}
	p.reviews = append(p.reviews, r)
	p.reviewers = slices.DeleteFunc(p.reviewers, func(a *account) bool { return a == by })
	p.updated = r.submitted
	r.emit("submitted", by, nil)
	return r, nil
}

// Edit replaces the review's text.
func (r *Review) Edit(body string) {
	r.pull.repo.srv.mu.Lock()
	defer r.pull.repo.srv.mu.Unlock()
	from := r.body
	r.body = body
	r.emit("edited", r.author, obj{"changes": obj{"body": obj{"from": from}}})
}

// Dismiss takes the review's force away.
func (r *Review) Dismiss(by string) {
	r.pull.repo.srv.mu.Lock()
	defer r.pull.repo.srv.mu.Unlock()
	r.state = "DISMISSED"
	r.pull.happened(r.pull.repo.srv.account(by), "dismissed %s's review", r.author.Login)
	r.emit("dismissed", r.pull.repo.srv.account(by), nil)
}
