package githubtest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

const pullsOrIssues = "issues:write|pull_requests:write"

var pullRoutes = map[string]route{
	"GET /repos/{owner}/{repo}/pulls":                                   {need: "pull_requests:read", run: listPulls},
	"POST /repos/{owner}/{repo}/pulls":                                  {need: "pull_requests:write", run: createPull},
	"GET /repos/{owner}/{repo}/pulls/{number}":                          {need: "pull_requests:read", run: getPull},
	"PATCH /repos/{owner}/{repo}/pulls/{number}":                        {need: "pull_requests:write", run: updatePull},
	"GET /repos/{owner}/{repo}/pulls/{number}/files":                    {need: "pull_requests:read", run: listPullFiles},
	"GET /repos/{owner}/{repo}/pulls/{number}/commits":                  {need: "pull_requests:read", run: listPullCommits},
	"GET /repos/{owner}/{repo}/pulls/{number}/reviews":                  {need: "pull_requests:read", run: listReviews},
	"GET /repos/{owner}/{repo}/pulls/{number}/reviews/{id}":             {need: "pull_requests:read", run: getReview},
	"GET /repos/{owner}/{repo}/pulls/{number}/requested_reviewers":      {need: "pull_requests:read", run: listRequestedReviewers},
	"GET /repos/{owner}/{repo}/issues/{number}/{id}":                    {need: "issues:read|pull_requests:read", run: getOrListComments},
	"POST /repos/{owner}/{repo}/issues/{number}/comments":               {need: pullsOrIssues, run: createComment},
	"PATCH /repos/{owner}/{repo}/issues/comments/{id}":                  {need: pullsOrIssues, run: updateComment},
	"DELETE /repos/{owner}/{repo}/issues/comments/{id}":                 {need: pullsOrIssues, run: deleteComment},
	"GET /repos/{owner}/{repo}/issues/comments/{id}/reactions":          {need: "issues:read|pull_requests:read", run: listReactions},
	"POST /repos/{owner}/{repo}/issues/comments/{id}/reactions":         {need: pullsOrIssues, run: createReaction},
	"DELETE /repos/{owner}/{repo}/issues/comments/{id}/reactions/{rid}": {need: pullsOrIssues, run: deleteReaction},
}

func (c *call) pull() (*Pull, error) {
	n, err := c.number("number")
	if err != nil {
		return nil, err
	}
	if p := c.repo.pull(int(n)); p != nil {
		return p, nil
	}
	return nil, errNotFound
}

func listPulls(c *call) (*answer, error) {
	q := c.r.URL.Query()
	state := q.Get("state")
	if state == "" {
		state = "open"
	}
	var all []*Pull
	for _, p := range c.repo.pulls {
		head := q.Get("head")
		if state != "all" && p.state != state || q.Get("base") != "" && p.baseRef != q.Get("base") {
			continue
		}
		// GitHub ignores a head without an owner.
		if strings.Contains(head, ":") && !strings.EqualFold(head, p.headRepo.owner.Login+":"+p.headRef) {
			continue
		}
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b *Pull) int {
		switch q.Get("sort") {
		case "updated":
			return a.updated.Compare(b.updated)
		default:
			return a.Number - b.Number
		}
	})
	// Newest first is the default for the default order, and for no other.
	if q.Get("direction") == "desc" || q.Get("direction") == "" && (q.Get("sort") == "" || q.Get("sort") == "created") {
		slices.Reverse(all)
	}
	return list(c, all, (*Pull).pullSimple)
}

func createPull(c *call) (*answer, error) {
	var in struct {
		Title, Head, Base, Body string
		Draft                   bool
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Title == "" {
		return nil, validation("PullRequest", "title", "missing_field", "")
	}
	p, err := c.repo.newPull(c.appAccount, in.Head, in.Base, in.Title, in.Body, in.Draft)
	if err != nil {
		return nil, err
	}
	return created(p.pullJSON())
}

func getPull(c *call) (*answer, error) {
	p, err := c.pull()
	if err != nil {
		return nil, err
	}
	return ok(p.pullJSON())
}

func updatePull(c *call) (*answer, error) {
	p, err := c.pull()
	if err != nil {
		return nil, err
	}
	var in struct{ Title, Body, State, Base *string }
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	p.edit(in.Title, in.Body, c.appAccount)
	if in.Base != nil && *in.Base != p.baseRef {
		if err := p.retarget(*in.Base, c.appAccount); err != nil {
			return nil, err
		}
	}
	switch {
	case in.State == nil || *in.State == p.state:
	case *in.State == "closed":
		p.close(c.appAccount)
	case *in.State == "open":
		if err := p.reopen(c.appAccount); err != nil {
			return nil, err
		}
	default:
		return nil, validation("PullRequest", "state", "invalid", "")
	}
	return ok(p.pullJSON())
}

// Limits of a pull request's lists.
const (
	pullFileLimit   = 3000
	pullCommitLimit = 250
)

func listPullFiles(c *call) (*answer, error) {
	p, err := c.pull()
	if err != nil {
		return nil, err
	}
	files := c.repo.comparisonDiff(p.comparison())
	files = files[:min(len(files), pullFileLimit)]
	return ok(c.repo.filesJSON(paged(c, files), p.head))
}

func listPullCommits(c *call) (*answer, error) {
	p, err := c.pull()
	if err != nil {
		return nil, err
	}
	commits := p.comparison().ahead
	return list(c, commits[:min(len(commits), pullCommitLimit)], c.repo.commitJSON)
}

func listReviews(c *call) (*answer, error) {
	p, err := c.pull()
	if err != nil {
		return nil, err
	}
	return list(c, p.reviews, (*Review).reviewJSON)
}

func getReview(c *call) (*answer, error) {
	p, err := c.pull()
	if err != nil {
		return nil, err
	}
	id, err := c.number("id")
	if err != nil {
		return nil, err
	}
	for _, r := range p.reviews {
		if r.ID == id {
			return ok(r.reviewJSON())
		}
	}
	return nil, errNotFound
}

func listRequestedReviewers(c *call) (*answer, error) {
	p, err := c.pull()
	if err != nil {
		return nil, err
	}
	return ok(obj{"users": shaped(p.reviewers, c.userJSON), "teams": shaped(p.reviewTeams, (*Team).teamJSON)})
}

// getOrListComments tells /issues/comments/{id} from /issues/{number}/comments,
// which overlap as patterns.
func getOrListComments(c *call) (*answer, error) {
	switch {
	case c.r.PathValue("number") == "comments":
		return getComment(c)
	case c.r.PathValue("id") == "comments":
		return listComments(c)
	}
	return nil, errNotFound
}

func listComments(c *call) (*answer, error) {
	p, err := c.pull()
	if err != nil {
		return nil, err
	}
	comments := p.comments
	if since, err := time.Parse(time.RFC3339, c.r.URL.Query().Get("since")); err == nil {
		comments = slices.DeleteFunc(slices.Clone(comments), func(o *Comment) bool { return o.updated.Before(since) })
	}
	return list(c, comments, (*Comment).commentJSON)
}

type bodyInput struct{ Body string }

func createComment(c *call) (*answer, error) {
	p, err := c.pull()
	if err != nil {
		return nil, err
	}
	var in bodyInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	comment, err := p.comment(c.appAccount, in.Body, true)
	if err != nil {
		return nil, err
	}
	return created(comment.commentJSON())
}

func (c *call) comment() (*Comment, error) {
	id, err := c.number("id")
	if err != nil {
		return nil, err
	}
	if comment := c.repo.comment(id); comment != nil {
		return comment, nil
	}
	return nil, errNotFound
}

func getComment(c *call) (*answer, error) {
	comment, err := c.comment()
	if err != nil {
		return nil, err
	}
	return ok(comment.commentJSON())
}

// updateComment lets an App edit any comment of a repository that it may write
// to, as GitHub does.
func updateComment(c *call) (*answer, error) {
	comment, err := c.comment()
	if err != nil {
		return nil, err
	}
	var in bodyInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if err := comment.edit(c.appAccount, in.Body); err != nil {
		return nil, err
	}
	return ok(comment.commentJSON())
}

func deleteComment(c *call) (*answer, error) {
	comment, err := c.comment()
	if err != nil {
		return nil, err
	}
	comment.delete(c.appAccount)
	return noContent()
}

// reactionContents are the reactions that there are.
var reactionContents = []string{"+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"}

func listReactions(c *call) (*answer, error) {
	comment, err := c.comment()
	if err != nil {
		return nil, err
	}
	all := comment.reactions
	if content := c.r.URL.Query().Get("content"); content != "" {
		all = slices.DeleteFunc(slices.Clone(all), func(r *reaction) bool { return r.content != content })
	}
	return list(c, all, func(r *reaction) obj { return r.reactionJSON(c.Server) })
}

func createReaction(c *call) (*answer, error) {
	comment, err := c.comment()
	if err != nil {
		return nil, err
	}
	var in struct{ Content string }
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if !slices.Contains(reactionContents, in.Content) {
		return nil, validation("Reaction", "content", "invalid", "")
	}
	r, added := comment.react(c.appAccount, in.Content)
	status := http.StatusOK
	if added {
		status = http.StatusCreated
	}
	return &answer{status: status, body: r.reactionJSON(c.Server)}, nil
}

func deleteReaction(c *call) (*answer, error) {
	comment, err := c.comment()
	if err != nil {
		return nil, err
	}
	id, err := c.number("rid")
	if err != nil {
		return nil, err
	}
	before := len(comment.reactions)
	comment.reactions = slices.DeleteFunc(comment.reactions, func(r *reaction) bool { return r.id == id && r.user == c.appAccount })
	if len(comment.reactions) == before {
		return nil, errNotFound
	}
	return noContent()
}
