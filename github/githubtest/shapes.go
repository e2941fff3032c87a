package githubtest

import (
	"encoding/base64"
	"fmt"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// obj is a JSON object in GitHub's shape. GitHub's objects are wide and full of
// nulls, and the same object has other fields in each place, so they are put
// together as maps; contract tests hold them to the descriptions.
type obj map[string]any

// with returns a copy of o with more fields.
func (o obj) with(more obj) obj {
	out := make(obj, len(o)+len(more))
	for k, v := range o {
		out[k] = v
	}
	for k, v := range more {
		out[k] = v
	}
	return out
}

func (s *Server) apiURL(format string, args ...any) string {
	return s.base + apiPrefix + fmt.Sprintf(format, args...)
}

func (s *Server) webURL(format string, args ...any) string {
	return s.base + fmt.Sprintf(format, args...)
}

func nodeID(kind string, id int64) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s:%d", kind, id))
}

func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// timeOrNull is null for the zero time.
func timeOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return timestamp(t)
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (s *Server) userJSON(a *account) obj {
	web := s.webURL("/%s", a.Login)
	if a.kind == accountBot {
		web = s.webURL("/apps/%s", a.Login[:len(a.Login)-len("[bot]")])
	}
	u := s.apiURL("/users/%s", a.Login)
	return obj{
		"login": a.Login, "id": a.ID, "node_id": nodeID("User", a.ID), "avatar_url": s.webURL("/avatars/%d", a.ID), "gravatar_id": "",
		"url": u, "html_url": web, "followers_url": u + "/followers", "following_url": u + "/following{/other_user}",
		"gists_url": u + "/gists{/gist_id}", "starred_url": u + "/starred{/owner}{/repo}", "subscriptions_url": u + "/subscriptions",
		"organizations_url": u + "/orgs", "repos_url": u + "/repos", "events_url": u + "/events{/privacy}",
		"received_events_url": u + "/received_events", "type": string(a.kind), "user_view_type": "public", "site_admin": false,
	}
}

// userOrNull is for accounts that may not be known.
func (s *Server) userOrNull(a *account) any {
	if a == nil {
		return nil
	}
	return s.userJSON(a)
}

func (s *Server) orgJSON(a *account) obj {
	u := s.apiURL("/orgs/%s", a.Login)
	return obj{
		"login": a.Login, "id": a.ID, "node_id": nodeID("Organization", a.ID), "url": u, "repos_url": u + "/repos", "events_url": u + "/events",
		"hooks_url": u + "/hooks", "issues_url": u + "/issues", "members_url": u + "/members{/member}",
		"public_members_url": u + "/public_members{/member}", "avatar_url": s.webURL("/avatars/%d", a.ID), "description": nil,
	}
}

// repoMinimal is what every place that names a repository has.
func (r *Repo) repoMinimal() obj {
	s := r.srv
	u := s.apiURL("/repos/%s", r.FullName())
	o := obj{
		"id": r.ID, "node_id": nodeID("Repository", r.ID), "name": r.Name, "full_name": r.FullName(), "private": r.opts.Private,
		"owner": s.userJSON(r.owner), "html_url": s.webURL("/%s", r.FullName()), "description": nil, "fork": r.parent != nil, "url": u,
	}
	for field, path := range map[string]string{
		"archive_url": "/{archive_format}{/ref}", "assignees_url": "/assignees{/user}", "blobs_url": "/git/blobs{/sha}",
		"branches_url": "/branches{/branch}", "collaborators_url": "/collaborators{/collaborator}", "comments_url": "/comments{/number}",
		"commits_url": "/commits{/sha}", "compare_url": "/compare/{base}...{head}", "contents_url": "/contents/{+path}",
		"contributors_url": "/contributors", "deployments_url": "/deployments", "downloads_url": "/downloads", "events_url": "/events",
		"forks_url": "/forks", "git_commits_url": "/git/commits{/sha}", "git_refs_url": "/git/refs{/sha}", "git_tags_url": "/git/tags{/sha}",
		"hooks_url": "/hooks", "issue_comment_url": "/issues/comments{/number}", "issue_events_url": "/issues/events{/number}",
		"issues_url": "/issues{/number}", "keys_url": "/keys{/key_id}", "labels_url": "/labels{/name}", "languages_url": "/languages",
		"merges_url": "/merges", "milestones_url": "/milestones{/number}", "notifications_url": "/notifications{?since,all,participating}",
		"pulls_url": "/pulls{/number}", "releases_url": "/releases{/id}", "stargazers_url": "/stargazers", "statuses_url": "/statuses/{sha}",
		"subscribers_url": "/subscribers", "subscription_url": "/subscription", "tags_url": "/tags", "teams_url": "/teams",
		"trees_url": "/git/trees{/sha}",
	} {
		o[field] = u + path
	}
	return o
}

// repoJSON is a repository as in lists, pull requests and payloads.
func (r *Repo) repoJSON() obj {
	web := r.srv.webURL("/%s", r.FullName())
	visibility := "public"
	if r.opts.Private {
		visibility = "private"
	}
	open, forks := 0, 0
	for _, p := range r.pulls {
		if p.state == "open" {
			open++
		}
	}
	for _, other := range r.srv.repos {
		if other.parent == r {
			forks++
		}
	}
	return r.repoMinimal().with(obj{
		"git_url": web + ".git", "ssh_url": web + ".git", "clone_url": web + ".git", "svn_url": web, "mirror_url": nil, "homepage": nil,
		"language": nil, "license": nil, "forks": forks, "forks_count": forks, "stargazers_count": 0, "watchers_count": 0, "watchers": 0,
		"size": 0, "default_branch": r.opts.DefaultBranch, "open_issues_count": open, "open_issues": open, "has_issues": true,
		"has_projects": true, "has_downloads": true, "has_wiki": true, "has_pages": false, "has_discussions": false, "archived": r.opts.Archived,
		"disabled": false, "allow_forking": true, "is_template": false, "web_commit_signoff_required": false, "topics": []string{},
		"visibility": visibility, "pushed_at": timestamp(r.pushedAt), "created_at": timestamp(r.created), "updated_at": timestamp(r.pushedAt),
	})
}

// repoFull is the answer to a request for the repository itself.
func (r *Repo) repoFull() obj {
	o := r.repoJSON().with(obj{"subscribers_count": 0, "network_count": 0})
	if r.owner.kind == accountOrg {
		o["organization"] = r.srv.userJSON(r.owner)
	}
	if r.parent != nil {
		o["parent"], o["source"] = r.parent.repoJSON(), r.parent.repoJSON()
	}
	return o
}

func gitUser(sig object.Signature) obj {
	return obj{"name": sig.Name, "email": sig.Email, "date": timestamp(sig.When)}
}

var unsigned = obj{"verified": false, "reason": "unsigned", "signature": nil, "payload": nil, "verified_at": nil}

func (r *Repo) parentsJSON(c *object.Commit, path string) []obj {
	parents := []obj{}
	for _, p := range c.ParentHashes {
		parents = append(parents, obj{
			"sha": p.String(), "url": r.apiURL("%s/%s", path, p), "html_url": r.webURL("/commit/%s", p),
		})
	}
	return parents
}

// commitJSON is a commit of the commits API. author and committer are null
// where no account claims the address.
func (r *Repo) commitJSON(c *object.Commit) obj {
	u := r.apiURL("/commits/%s", c.Hash)
	return obj{
		"sha": c.Hash.String(), "node_id": nodeID("Commit "+c.Hash.String(), r.ID), "url": u, "html_url": r.webURL("/commit/%s", c.Hash),
		"comments_url": u + "/comments",
		"commit": obj{
			"url": r.apiURL("/git/commits/%s", c.Hash), "author": gitUser(c.Author), "committer": gitUser(c.Committer),
			"message": c.Message, "comment_count": 0, "verification": unsigned,
			"tree": obj{"sha": c.TreeHash.String(), "url": r.apiURL("/git/trees/%s", c.TreeHash)},
		},
		"author":    r.srv.userOrNull(r.srv.accountByEmail(c.Author.Email)),
		"committer": r.srv.userOrNull(r.srv.accountByEmail(c.Committer.Email)),
		"parents":   r.parentsJSON(c, "/commits"),
	}
}

// gitCommitJSON is a commit of the git database API.
func (r *Repo) gitCommitJSON(c *object.Commit) obj {
	return obj{
		"sha": c.Hash.String(), "node_id": nodeID("Commit "+c.Hash.String(), r.ID), "url": r.apiURL("/git/commits/%s", c.Hash),
		"html_url": r.webURL("/commit/%s", c.Hash), "author": gitUser(c.Author), "committer": gitUser(c.Committer), "message": c.Message,
		"tree":    obj{"sha": c.TreeHash.String(), "url": r.apiURL("/git/trees/%s", c.TreeHash)},
		"parents": r.parentsJSON(c, "/git/commits"), "verification": unsigned,
	}
}

func (r *Repo) apiURL(format string, args ...any) string {
	return r.srv.apiURL("/repos/%s", r.FullName()) + fmt.Sprintf(format, args...)
}

func (r *Repo) webURL(format string, args ...any) string {
	return r.srv.webURL("/%s", r.FullName()) + fmt.Sprintf(format, args...)
}

func (r *Repo) refJSON(name plumbing.ReferenceName, hash plumbing.Hash) obj {
	return obj{
		"ref": name.String(), "node_id": nodeID("Ref "+name.String(), r.ID), "url": r.apiURL("/git/%s", name),
		"object": obj{"type": "commit", "sha": hash.String(), "url": r.apiURL("/git/commits/%s", hash)},
	}
}

func (r *Repo) filesJSON(files []fileDiff, at plumbing.Hash) []obj {
	out := []obj{}
	for _, f := range files {
		o := obj{
			"sha": f.blob.String(), "filename": f.path, "status": f.status, "additions": f.additions, "deletions": f.deletions,
			"changes": f.additions + f.deletions, "blob_url": r.webURL("/blob/%s/%s", at, pathEscape(f.path)),
			"raw_url": r.webURL("/raw/%s/%s", at, pathEscape(f.path)), "contents_url": r.apiURL("/contents/%s?ref=%s", pathEscape(f.path), at),
		}
		if f.patch != "" {
			o["patch"] = f.patch
		}
		if f.previous != "" {
			o["previous_filename"] = f.previous
		}
		out = append(out, o)
	}
	return out
}

// pullSimple is a pull request as in lists.
func (p *Pull) pullSimple() obj {
	r := p.repo
	u, web := r.apiURL("/pulls/%d", p.Number), r.webURL("/pull/%d", p.Number)
	issue := r.apiURL("/issues/%d", p.Number)
	statuses := r.apiURL("/statuses/%s", p.head)
	href := func(u string) obj { return obj{"href": u} }
	reviewers, teams := []obj{}, []obj{}
	for _, a := range p.reviewers {
		reviewers = append(reviewers, r.srv.userJSON(a))
	}
	for _, t := range p.reviewTeams {
		teams = append(teams, t.teamJSON())
	}
	return obj{
		"url": u, "id": p.ID, "node_id": nodeID("PullRequest", p.ID), "html_url": web, "diff_url": web + ".diff", "patch_url": web + ".patch",
		"issue_url": issue, "commits_url": u + "/commits", "review_comments_url": u + "/comments",
		"review_comment_url": r.apiURL("/pulls/comments{/number}"), "comments_url": issue + "/comments", "statuses_url": statuses,
		"number": p.Number, "state": p.state, "locked": false, "active_lock_reason": nil, "title": p.title, "user": r.srv.userJSON(p.author),
		"body": orNull(p.body), "labels": []obj{}, "milestone": nil, "created_at": timestamp(p.created), "updated_at": timestamp(p.updated),
		"closed_at": timeOrNull(p.closed), "merged_at": timeOrNull(p.merged), "merge_commit_sha": p.mergeSHA(), "assignee": nil,
		"assignees": []obj{}, "requested_reviewers": reviewers, "requested_teams": teams, "draft": p.draft,
		"head": endJSON(p.headRepo, p.headRef, p.head), "base": endJSON(r, p.baseRef, p.base),
		"_links": obj{
			"self": href(u), "html": href(web), "issue": href(issue), "comments": href(issue + "/comments"),
			"review_comments": href(u + "/comments"), "review_comment": href(r.apiURL("/pulls/comments{/number}")),
			"commits": href(u + "/commits"), "statuses": href(statuses),
		},
		"author_association": r.association(p.author), "auto_merge": nil,
	}
}

func (p *Pull) mergeSHA() any {
	switch {
	case !p.merged.IsZero():
		return p.mergeCommit.String()
	case p.state == "open" && !p.testMerge().conflicts:
		return p.testMerge().hash.String()
	}
	return nil
}

func endJSON(r *Repo, ref string, sha plumbing.Hash) obj {
	return obj{
		"label": r.owner.Login + ":" + ref, "ref": ref, "sha": sha.String(), "user": r.srv.userJSON(r.owner), "repo": r.repoJSON(),
	}
}

// pullJSON is a pull request in full.
func (p *Pull) pullJSON() obj {
	c := p.comparison()
	files := p.repo.comparisonDiff(c)
	additions, deletions := stats(files)
	var mergeable any
	mergeableState := "unknown"
	if p.state == "open" {
		conflicts := p.testMerge().conflicts
		mergeable = !conflicts
		switch {
		case conflicts:
			mergeableState = "dirty"
		case p.draft:
			mergeableState = "draft"
		case !p.requirementsMet():
			mergeableState = "blocked"
		default:
			mergeableState = "clean"
		}
	}
	return p.pullSimple().with(obj{
		"merged": !p.merged.IsZero(), "mergeable": mergeable, "rebaseable": mergeable, "mergeable_state": mergeableState,
		"merged_by": p.repo.srv.userOrNull(p.mergedBy), "comments": len(p.comments), "review_comments": 0, "maintainer_can_modify": false,
		"commits": len(c.ahead), "additions": additions, "deletions": deletions, "changed_files": len(files),
	})
}

func (p *Pull) requirementsMet() bool {
	for _, name := range p.repo.required(p.baseRef) {
		if !p.repo.passed(name, p.head) {
			return false
		}
	}
	return true
}

// pullMinimal is a pull request inside of a check run.
func (p *Pull) pullMinimal() obj {
	end := func(r *Repo, ref string, sha plumbing.Hash) obj {
		return obj{"ref": ref, "sha": sha.String(), "repo": obj{"id": r.ID, "url": r.apiURL(""), "name": r.Name}}
	}
	return obj{
		"id": p.ID, "number": p.Number, "url": p.repo.apiURL("/pulls/%d", p.Number),
		"head": end(p.headRepo, p.headRef, p.head), "base": end(p.repo, p.baseRef, p.base),
	}
}

// pullsMinimal are the open pull requests of r's own branches with that head:
// for a fork's the list is empty, as at GitHub.
func (r *Repo) pullsMinimal(head string) []obj {
	out := []obj{}
	for _, p := range r.pulls {
		if p.state == "open" && p.headRepo == r && p.head.String() == head {
			out = append(out, p.pullMinimal())
		}
	}
	return out
}

func (c *Comment) commentJSON() obj {
	r := c.pull.repo
	counts := obj{"url": r.apiURL("/issues/comments/%d/reactions", c.ID), "total_count": len(c.reactions)}
	for _, content := range reactionContents {
		n := 0
		for _, reaction := range c.reactions {
			if reaction.content == content {
				n++
			}
		}
		counts[content] = n
	}
	o := obj{
		"id": c.ID, "node_id": nodeID("IssueComment", c.ID), "url": r.apiURL("/issues/comments/%d", c.ID),
		"html_url": r.webURL("/pull/%d#issuecomment-%d", c.pull.Number, c.ID), "issue_url": r.apiURL("/issues/%d", c.pull.Number),
		"user": r.srv.userJSON(c.author), "body": c.body, "created_at": timestamp(c.created), "updated_at": timestamp(c.updated),
		"author_association": r.association(c.author), "performed_via_github_app": nil, "reactions": counts,
	}
	if c.viaApp {
		o["performed_via_github_app"] = r.srv.appJSON(r.srv.ownApp())
	}
	return o
}

func (r *reaction) reactionJSON(s *Server) obj {
	return obj{
		"id": r.id, "node_id": nodeID("Reaction", r.id), "user": s.userJSON(r.user), "content": r.content, "created_at": timestamp(r.created),
	}
}

func (r *Review) reviewJSON() obj {
	repo := r.pull.repo
	u, web := repo.apiURL("/pulls/%d", r.pull.Number), repo.webURL("/pull/%d#pullrequestreview-%d", r.pull.Number, r.ID)
	return obj{
		"id": r.ID, "node_id": nodeID("PullRequestReview", r.ID), "user": repo.srv.userJSON(r.author), "body": r.body, "state": r.state,
		"html_url": web, "pull_request_url": u, "_links": obj{"html": obj{"href": web}, "pull_request": obj{"href": u}},
		"submitted_at": timestamp(r.submitted), "commit_id": r.commit.String(), "author_association": repo.association(r.author),
	}
}

// appJSON is an App. Only the Server's own has subscriptions.
func (s *Server) appJSON(a app) obj {
	o := obj{
		"id": a.id, "slug": a.slug, "node_id": nodeID("App", a.id), "owner": s.userJSON(s.appOwner), "name": a.slug, "description": "",
		"external_url": s.webURL("/github-apps/%s", a.slug), "html_url": s.webURL("/github-apps/%s", a.slug), "created_at": timestamp(s.started),
		"updated_at": timestamp(s.started), "permissions": map[string]string{}, "events": []string{},
	}
	if a == s.ownApp() {
		o["permissions"], o["events"], o["name"] = s.cfg.Permissions, s.cfg.Events, s.appTitle()
		if s.external != "" {
			o["external_url"] = s.external
		}
	}
	return o
}

func (c *CheckRun) checkJSON() obj {
	r := c.repo
	u := r.apiURL("/check-runs/%d", c.ID)
	details := c.DetailsURL
	if details == "" {
		details = r.webURL("/runs/%d", c.ID)
	}
	return obj{
		"id": c.ID, "name": c.Name, "node_id": nodeID("CheckRun", c.ID), "head_sha": c.HeadSHA, "external_id": c.ExternalID, "url": u,
		"html_url": r.webURL("/runs/%d", c.ID), "details_url": details, "status": c.Status, "conclusion": orNull(c.Conclusion),
		"started_at": timeOrNull(c.StartedAt), "completed_at": timeOrNull(c.CompletedAt),
		"output": obj{
			"title": orNull(c.Title), "summary": orNull(c.Summary), "text": orNull(c.Text), "annotations_count": len(c.Annotations),
			"annotations_url": u + "/annotations",
		},
		"check_suite": obj{"id": c.suite.id}, "app": r.srv.appJSON(c.app), "pull_requests": r.pullsMinimal(c.HeadSHA),
	}
}

func (a Annotation) annotationJSON(c *CheckRun) obj {
	return obj{
		"path": a.Path, "start_line": a.StartLine, "end_line": a.EndLine, "start_column": a.StartColumn, "end_column": a.EndColumn,
		"annotation_level": a.Level, "title": orNull(a.Title), "message": a.Message, "raw_details": orNull(a.RawDetails),
		"blob_href": c.repo.webURL("/blob/%s/%s", c.HeadSHA, pathEscape(a.Path)),
	}
}

// summary is the suite's status and conclusion, from its newest runs.
func (suite *checkSuite) summary() (status, conclusion string, runs int) {
	status = "queued"
	for _, c := range latestChecks(suite.repo.checksOf(suite.head)) {
		if c.suite != suite {
			continue
		}
		runs++
		if c.Status != "completed" {
			return "in_progress", "", runs
		}
		status = "completed"
		if conclusion == "" || conclusion == "success" {
			conclusion = c.Conclusion
		}
	}
	return status, conclusion, runs
}

// suiteJSON is a check suite as in payloads; the REST answer has its repository
// as well.
func (suite *checkSuite) suiteJSON() obj {
	r := suite.repo
	status, conclusion, runs := suite.summary()
	var branch any
	for _, p := range r.pulls {
		if p.head == suite.head && p.headRepo == r {
			branch = p.headRef
		}
	}
	u := r.apiURL("/check-suites/%d", suite.id)
	return obj{
		"id": suite.id, "node_id": nodeID("CheckSuite", suite.id), "head_branch": branch, "head_sha": suite.head.String(), "status": status,
		"conclusion": orNull(conclusion), "url": u, "before": nil, "after": suite.head.String(),
		"pull_requests": r.pullsMinimal(suite.head.String()), "app": r.srv.appJSON(suite.app), "created_at": timestamp(suite.created),
		"updated_at": timestamp(suite.updated), "latest_check_runs_count": runs, "check_runs_url": u + "/check-runs",
		"head_commit": r.headCommitJSON(suite.head), "rerequestable": true, "runs_rerequestable": true,
	}
}

// headCommitJSON is the short form of a commit in suites and merge groups.
func (r *Repo) headCommitJSON(hash plumbing.Hash) obj {
	c := r.git.mustCommit(hash)
	person := func(sig object.Signature) obj { return obj{"name": sig.Name, "email": sig.Email} }
	return obj{
		"id": hash.String(), "tree_id": c.TreeHash.String(), "message": c.Message, "timestamp": timestamp(c.Committer.When),
		"author": person(c.Author), "committer": person(c.Committer),
	}
}

func (t *Team) teamJSON() obj {
	var parent any
	if t.parent != nil {
		p := t.parent.teamFields()
		delete(p, "parent")
		parent = p
	}
	return t.teamFields().with(obj{"parent": parent})
}

func (t *Team) teamFields() obj {
	u := t.srv.apiURL("/organizations/%d/team/%d", t.org.ID, t.ID)
	return obj{
		"id": t.ID, "node_id": nodeID("Team", t.ID), "name": t.Slug, "slug": t.Slug, "description": nil, "privacy": "closed",
		"notification_setting": "notifications_enabled", "permission": "pull", "url": u, "html_url": t.srv.webURL("/orgs/%s/teams/%s", t.org.Login, t.Slug),
		"members_url": u + "/members{/member}", "repositories_url": u + "/repos", "type": "organization", "organization_id": t.org.ID,
	}
}

func (i *installation) installationJSON() obj {
	s := i.srv
	web := s.webURL("/settings/installations/%d", i.id)
	if i.account.kind == accountOrg {
		web = s.webURL("/organizations/%s/settings/installations/%d", i.account.Login, i.id)
	}
	return obj{
		"id": i.id, "account": s.userJSON(i.account), "repository_selection": "selected",
		"access_tokens_url": s.apiURL("/app/installations/%d/access_tokens", i.id), "repositories_url": s.apiURL("/installation/repositories"),
		"html_url": web, "app_id": s.cfg.AppID, "app_slug": s.cfg.AppSlug, "client_id": clientID(s.cfg), "target_id": i.account.ID,
		"target_type": string(i.account.kind), "permissions": s.cfg.Permissions, "events": s.cfg.Events, "created_at": timestamp(i.created),
		"updated_at": timestamp(i.created), "single_file_name": nil, "has_multiple_single_files": false, "single_file_paths": []string{},
		"suspended_by": nil, "suspended_at": timeOrNull(i.suspended),
	}
}
