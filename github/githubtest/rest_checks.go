package githubtest

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/go-git/go-git/v5/plumbing"
)

var checkRoutes = map[string]route{
	"POST /repos/{owner}/{repo}/check-runs":                 {need: "checks:write", run: createCheck},
	"GET /repos/{owner}/{repo}/check-runs/{id}":             {need: "checks:read", run: getCheck},
	"PATCH /repos/{owner}/{repo}/check-runs/{id}":           {need: "checks:write", run: updateCheck},
	"GET /repos/{owner}/{repo}/check-runs/{id}/annotations": {need: "checks:read", run: listAnnotations},
	"POST /repos/{owner}/{repo}/check-runs/{id}/rerequest":  {need: "checks:write", run: rerequestCheck},
	"GET /repos/{owner}/{repo}/check-suites/{id}":           {need: "checks:read", run: getSuite},
	"POST /repos/{owner}/{repo}/statuses/{sha}":             {need: "statuses:write", run: createStatus},
}

func createCheck(c *call) (*answer, error) {
	var in checkInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	hash := plumbing.NewHash(in.HeadSHA)
	switch _, err := c.repo.git.commit(hash); {
	case in.Name == nil || *in.Name == "" || in.HeadSHA == "":
		return nil, invalidRequest("Invalid request.\n\n\"name\", \"head_sha\" weren't supplied.")
	case err != nil:
		return nil, invalidRequest("No commit found for SHA: " + in.HeadSHA)
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	run := c.repo.newCheck(c.ownApp(), *in.Name, hash)
	must(run.apply(in))
	run.emit("created", c.appAccount)
	if run.Status == "completed" {
		run.emit("completed", c.appAccount)
	}
	return created(run.checkJSON())
}

func (c *call) check() (*CheckRun, error) {
	id, err := c.number("id")
	if err != nil {
		return nil, err
	}
	if run := c.repo.check(id); run != nil {
		return run, nil
	}
	return nil, errNotFound
}

func getCheck(c *call) (*answer, error) {
	run, err := c.check()
	if err != nil {
		return nil, err
	}
	return ok(run.checkJSON())
}

func updateCheck(c *call) (*answer, error) {
	run, err := c.check()
	if err != nil {
		return nil, err
	}
	if run.app != c.ownApp() {
		return nil, forbidden(fmt.Sprintf("Invalid app_id `%d` - check run can only be modified by the GitHub App that created it.", c.cfg.AppID))
	}
	var in checkInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	was := run.Status
	if err := run.apply(in); err != nil {
		return nil, err
	}
	if run.Status == "completed" && was != "completed" {
		run.emit("completed", c.appAccount)
	}
	return ok(run.checkJSON())
}

func listAnnotations(c *call) (*answer, error) {
	run, err := c.check()
	if err != nil {
		return nil, err
	}
	return list(c, run.Annotations, func(a Annotation) obj { return a.annotationJSON(run) })
}

func rerequestCheck(c *call) (*answer, error) {
	run, err := c.check()
	if err != nil {
		return nil, err
	}
	run.emit("rerequested", c.appAccount)
	return created(obj{})
}

func getSuite(c *call) (*answer, error) {
	id, err := c.number("id")
	if err != nil {
		return nil, err
	}
	for _, suite := range c.suites {
		if suite.id == id && suite.repo == c.repo {
			return ok(suite.suiteJSON().with(obj{"repository": c.repo.repoMinimal()}))
		}
	}
	return nil, errNotFound
}

func listChecks(c *call, hash plumbing.Hash) (*answer, error) {
	q := c.r.URL.Query()
	all := c.repo.checksOf(hash)
	if q.Get("filter") != "all" {
		all = latestChecks(all)
	}
	all = slices.DeleteFunc(slices.Clone(all), func(run *CheckRun) bool {
		return q.Get("check_name") != "" && run.Name != q.Get("check_name") ||
			q.Get("status") != "" && run.Status != q.Get("status") ||
			q.Get("app_id") != "" && strconv.FormatInt(run.app.id, 10) != q.Get("app_id")
	})
	slices.Reverse(all)
	return ok(obj{"total_count": len(all), "check_runs": shaped(paged(c, all), (*CheckRun).checkJSON)})
}

func listSuites(c *call, hash plumbing.Hash) (*answer, error) {
	q := c.r.URL.Query()
	var all []*checkSuite
	for _, suite := range c.suites {
		if suite.repo != c.repo || suite.head != hash || q.Get("app_id") != "" && strconv.FormatInt(suite.app.id, 10) != q.Get("app_id") {
			continue
		}
		named := func(run *CheckRun) bool { return run.suite == suite && run.Name == q.Get("check_name") }
		if q.Get("check_name") != "" && !slices.ContainsFunc(c.repo.checksOf(hash), named) {
			continue
		}
		all = append(all, suite)
	}
	return ok(obj{"total_count": len(all), "check_suites": shaped(paged(c, all), func(suite *checkSuite) obj {
		return suite.suiteJSON().with(obj{"repository": c.repo.repoMinimal()})
	})})
}

// descriptionLimit is the length of a status's description.
const descriptionLimit = 140

func createStatus(c *call) (*answer, error) {
	var in struct {
		State       string `json:"state"`
		TargetURL   string `json:"target_url"`
		Description string `json:"description"`
		Context     string `json:"context"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	hash := plumbing.NewHash(c.r.PathValue("sha"))
	if _, err := c.repo.git.commit(hash); err != nil {
		return nil, invalidRequest("No commit found for SHA: " + c.r.PathValue("sha"))
	}
	switch {
	case !slices.Contains([]string{"error", "failure", "pending", "success"}, in.State):
		return nil, validation("Status", "state", "custom", "state is not included in the list")
	case len([]rune(in.Description)) > descriptionLimit:
		return nil, validation("Status", "description", "custom", fmt.Sprintf("description is too long (maximum is %d characters)", descriptionLimit))
	case in.Context == "":
		in.Context = "default"
	}
	status := &commitStatus{
		id: c.nextID(), sha: hash, state: in.State, context: in.Context, description: in.Description, targetURL: in.TargetURL,
		creator: c.appAccount, created: c.now(),
	}
	c.repo.statuses = append(c.repo.statuses, status)
	return created(status.statusJSON(c.repo).with(obj{"creator": c.userJSON(status.creator)}))
}

func (s *commitStatus) statusJSON(r *Repo) obj {
	return obj{
		"id": s.id, "node_id": nodeID("StatusContext", s.id), "url": r.apiURL("/statuses/%s", s.sha), "avatar_url": r.srv.webURL("/avatars/%d", s.creator.ID),
		"state": s.state, "context": s.context, "description": orNull(s.description), "target_url": orNull(s.targetURL),
		"created_at": timestamp(s.created), "updated_at": timestamp(s.created),
	}
}

func listStatuses(c *call, hash plumbing.Hash) (*answer, error) {
	var all []*commitStatus
	for _, status := range slices.Backward(c.repo.statuses) {
		if status.sha == hash {
			all = append(all, status)
		}
	}
	return list(c, all, func(s *commitStatus) obj {
		return s.statusJSON(c.repo).with(obj{"creator": c.userJSON(s.creator)})
	})
}

func combinedStatus(c *call, hash plumbing.Hash) (*answer, error) {
	all := latestStatuses(c.repo.statuses, hash)
	state := "success"
	if len(all) == 0 {
		state = "pending"
	}
	for _, s := range all {
		switch {
		case s.state == "failure" || s.state == "error":
			state = "failure"
		case s.state == "pending" && state != "failure":
			state = "pending"
		}
	}
	return ok(obj{
		"state": state, "total_count": len(all), "sha": hash.String(), "commit_url": c.repo.apiURL("/commits/%s", hash),
		"url": c.repo.apiURL("/commits/%s/status", hash), "repository": c.repo.repoMinimal(),
		"statuses": shaped(paged(c, all), func(s *commitStatus) obj { return s.statusJSON(c.repo) }),
	})
}
