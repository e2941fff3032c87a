package githubtest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// emit queues the delivery of an event, if the App is installed in r and has
// subscribed. sender is who caused it. Call with mu held.
func (r *Repo) emit(event, action string, sender *account, payload obj) {
	if !r.listening(event) {
		return
	}
	payload = payload.with(obj{
		"repository": r.repoJSON(), "sender": r.srv.userJSON(sender),
		"installation": obj{"id": r.inst.id, "node_id": nodeID("Integration", r.inst.id)},
	})
	if action != "" {
		payload["action"] = action
	}
	if r.owner.kind == accountOrg {
		payload["organization"] = r.srv.orgJSON(r.owner)
	}
	r.srv.hooks.add(event, action, r.inst.id, r.ID, payload)
}

// listening reports whether anybody would be told of an event in r. What costs
// much to put together asks first.
func (r *Repo) listening(event string) bool {
	return r.inst != nil && r.inst.suspended.IsZero() && slices.Contains(r.srv.cfg.Events, event) && r.srv.hooks.listening()
}

func (p *Pull) emit(action string, sender *account, more obj) {
	if !p.repo.listening("pull_request") {
		return
	}
	p.repo.emit("pull_request", action, sender, obj{"number": p.Number, "pull_request": p.pullJSON()}.with(more))
}

func (r *Review) emit(action string, sender *account, more obj) {
	review := r.reviewJSON()
	// Payloads write the state in lower case where the API has capitals.
	review["state"] = strings.ToLower(r.state)
	review["body"] = orNull(r.body)
	r.pull.repo.emit("pull_request_review", action, sender, obj{"review": review, "pull_request": r.pull.pullSimple()}.with(more))
}

func (c *Comment) emit(action string, sender *account, more obj) {
	comment := c.commentJSON()
	c.pull.repo.emit("issue_comment", action, sender, obj{"issue": c.pull.issueJSON(), "comment": comment}.with(more))
}

// issueJSON is the pull request as the issue that it also is.
func (p *Pull) issueJSON() obj {
	r := p.repo
	u, web := r.apiURL("/issues/%d", p.Number), r.webURL("/pull/%d", p.Number)
	counts := obj{"url": u + "/reactions", "total_count": 0}
	for _, content := range reactionContents {
		counts[content] = 0
	}
	return obj{
		"url": u, "repository_url": r.apiURL(""), "labels_url": u + "/labels{/name}", "comments_url": u + "/comments", "events_url": u + "/events",
		"html_url": web, "id": p.ID, "node_id": nodeID("PullRequest", p.ID), "number": p.Number, "title": p.title, "user": r.srv.userJSON(p.author),
		"labels": []obj{}, "state": p.state, "locked": false, "assignee": nil, "assignees": []obj{}, "milestone": nil, "comments": len(p.comments),
		"created_at": timestamp(p.created), "updated_at": timestamp(p.updated), "closed_at": timeOrNull(p.closed),
		"author_association": r.association(p.author), "active_lock_reason": nil, "draft": p.draft, "body": orNull(p.body), "reactions": counts,
		"timeline_url": u + "/timeline", "performed_via_github_app": nil, "state_reason": nil,
		"pull_request": obj{
			"url": r.apiURL("/pulls/%d", p.Number), "html_url": web, "diff_url": web + ".diff", "patch_url": web + ".patch",
			"merged_at": timeOrNull(p.merged),
		},
	}
}

func (c *CheckRun) emit(action string, sender *account) {
	if c.app != c.repo.srv.ownApp() {
		return // an App hears of its own check runs only
	}
	check := c.checkJSON()
	check["check_suite"] = c.suite.suiteInCheck()
	c.repo.emit("check_run", action, sender, obj{"check_run": check})
}

// suiteInCheck is the suite as a check run's payload has it.
func (suite *checkSuite) suiteInCheck() obj {
	o := suite.suiteJSON()
	for _, field := range []string{"latest_check_runs_count", "check_runs_url", "head_commit", "rerequestable", "runs_rerequestable"} {
		delete(o, field)
	}
	return o
}

func (suite *checkSuite) emit(action string, sender *account) {
	o := suite.suiteJSON()
	delete(o, "rerequestable")
	delete(o, "runs_rerequestable")
	suite.repo.emit("check_suite", action, sender, obj{"check_suite": o})
}

func (g *MergeGroup) emit(action, reason string) {
	payload := obj{"merge_group": obj{
		"head_sha": g.Head, "head_ref": "refs/heads/" + g.Ref, "base_sha": g.base.String(), "base_ref": "refs/heads/" + g.baseRef,
		"head_commit": g.repo.headCommitJSON(plumbing.NewHash(g.Head)),
	}}
	if reason != "" {
		payload["reason"] = reason
	}
	g.repo.emit("merge_group", action, g.pulls[0].author, payload)
}

// emitPush tells of a moved reference; a zero hash is one that was or is no more.
func (r *Repo) emitPush(name plumbing.ReferenceName, from, to plumbing.Hash, by *account) {
	if !r.listening("push") {
		return
	}
	var commits []obj
	forced := false
	switch {
	case to.IsZero():
	case from.IsZero():
		commits = []obj{}
	default:
		if _, related := r.git.mergeBase(from, to); related {
			for _, c := range r.git.between(from, to) {
				commits = append(commits, r.pushCommit(c.Hash))
			}
		}
		forced = len(r.git.between(to, from)) > 0
	}
	if commits == nil {
		commits = []obj{}
	}
	// GitHub lists no more than this many commits of a push.
	if len(commits) > 2048 {
		commits = commits[len(commits)-2048:]
	}
	var head any
	if !to.IsZero() {
		head = r.pushCommit(to)
	}
	payload := obj{
		"ref": name.String(), "before": from.String(), "after": to.String(), "created": from.IsZero(), "deleted": to.IsZero(), "forced": forced,
		"base_ref": nil, "compare": r.webURL("/compare/%s...%s", from, to), "commits": commits, "head_commit": head,
		"pusher": obj{"name": by.Login, "email": by.Email},
	}
	r.emit("push", "", by, payload)
}

func (r *Repo) pushCommit(hash plumbing.Hash) obj {
	c := r.git.mustCommit(hash)
	added, removed, modified := []string{}, []string{}, []string{}
	for _, f := range r.commitDiff(c) {
		switch f.status {
		case "added":
			added = append(added, f.path)
		case "removed":
			removed = append(removed, f.path)
		case "renamed":
			added, removed = append(added, f.path), append(removed, f.previous)
		default:
			modified = append(modified, f.path)
		}
	}
	person := func(name, email string) obj {
		o := obj{"name": name, "email": email}
		if a := r.srv.accountByEmail(email); a != nil {
			o["username"] = a.Login
		}
		return o
	}
	return r.headCommitJSON(hash).with(obj{
		"distinct": true, "url": r.webURL("/commit/%s", hash), "author": person(c.Author.Name, c.Author.Email),
		"committer": person(c.Committer.Name, c.Committer.Email), "added": added, "removed": removed, "modified": modified,
	})
}

// install puts r into the installation of its owner, which it makes if need be,
// and tells so.
func (s *Server) install(r *Repo) {
	repos := []obj{{
		"id": r.ID, "node_id": nodeID("Repository", r.ID), "name": r.Name, "full_name": r.FullName(), "private": r.opts.Private,
	}}
	for _, i := range s.installations {
		if i.account == r.owner {
			r.inst = i
			s.hooks.add("installation_repositories", "added", i.id, 0, obj{
				"action": "added", "installation": i.installationJSON(), "repository_selection": "selected", "repositories_added": repos,
				"repositories_removed": []obj{}, "requester": nil, "sender": s.userJSON(r.defaultPerson()),
			})
			return
		}
	}
	i := &installation{srv: s, id: s.nextID(), account: r.owner, created: s.now()}
	s.installations = append(s.installations, i)
	r.inst = i
	s.hooks.add("installation", "created", i.id, 0, obj{
		"action": "created", "installation": i.installationJSON(), "repositories": repos, "requester": nil, "sender": s.userJSON(r.defaultPerson()),
	})
}

// Install puts the App into r, where it is not installed, and tells so.
func (r *Repo) Install() {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	if r.inst == nil {
		r.srv.install(r)
	}
}

// Uninstall takes the App out of r: its tokens no longer see it.
func (r *Repo) Uninstall() {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	if r.inst == nil {
		panic(fmt.Sprintf("githubtest: the app is not installed in %s", r.FullName()))
	}
	i := r.inst
	r.inst = nil
	r.srv.hooks.add("installation_repositories", "removed", i.id, 0, obj{
		"action": "removed", "installation": i.installationJSON(), "repository_selection": "selected", "repositories_added": []obj{},
		"repositories_removed": []obj{{"id": r.ID, "node_id": nodeID("Repository", r.ID), "name": r.Name, "full_name": r.FullName(), "private": r.opts.Private}},
		"requester":            nil, "sender": r.srv.userJSON(r.defaultPerson()),
	})
}
