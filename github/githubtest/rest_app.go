package githubtest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

var appRoutes = map[string]route{
	"GET /app":                                                   {auth: asApp, run: getApp},
	"GET /apps/{slug}":                                           {auth: asAnyone, run: getAppBySlug},
	"POST /app-manifests/{code}/conversions":                     {auth: asAnyone, run: convertManifest},
	"GET /app/installations":                                     {auth: asApp, run: listInstallations},
	"GET /app/installations/{id}":                                {auth: asApp, run: getInstallation},
	"POST /app/installations/{id}/access_tokens":                 {auth: asApp, run: createToken},
	"GET /repos/{owner}/{repo}/installation":                     {auth: asApp, run: getRepoInstallation},
	"GET /orgs/{org}/installation":                               {auth: asApp, run: getOrgInstallation},
	"GET /app/hook/deliveries":                                   {auth: asApp, run: listDeliveries},
	"GET /app/hook/deliveries/{id}":                              {auth: asApp, run: getDelivery},
	"POST /app/hook/deliveries/{id}/attempts":                    {auth: asApp, run: redeliver},
	"GET /installation/repositories":                             {run: listInstallationRepos},
	"GET /rate_limit":                                            {auth: asUser, run: getRateLimit},
	"GET /user":                                                  {auth: asUser, run: getAuthenticatedUser},
	"GET /user/{id}":                                             {auth: asAnyone, run: getUserByID},
	"GET /users/{login}":                                         {auth: asAnyone, run: getUser},
	"GET /user/installations/{id}/repositories":                  {auth: asUser, run: listUserInstallationRepos},
	"GET /orgs/{org}/memberships/{login}":                        {need: "members:read", run: getOrgMembership},
	"GET /orgs/{org}/members/{login}":                            {need: "members:read", run: checkOrgMember},
	"GET /repos/{owner}/{repo}/collaborators/{login}/permission": {need: "metadata:read", run: getPermission},
}

func getApp(c *call) (*answer, error) {
	return ok(c.appJSON(c.ownApp()).with(obj{"installations_count": len(c.installations), "client_id": clientID(c.cfg)}))
}

func getAppBySlug(c *call) (*answer, error) {
	if c.r.PathValue("slug") != c.cfg.AppSlug {
		return nil, errNotFound
	}
	return ok(c.appJSON(c.ownApp()))
}

func listInstallations(c *call) (*answer, error) {
	return list(c, c.installations, (*installation).installationJSON)
}

func (c *call) installation() (*installation, error) {
	id, err := c.number("id")
	if err != nil {
		return nil, err
	}
	for _, i := range c.installations {
		if i.id == id {
			return i, nil
		}
	}
	return nil, errNotFound
}

func getInstallation(c *call) (*answer, error) {
	i, err := c.installation()
	if err != nil {
		return nil, err
	}
	return ok(i.installationJSON())
}

func getRepoInstallation(c *call) (*answer, error) {
	r := c.findRepo(c.r.PathValue("owner"), c.r.PathValue("repo"))
	if r == nil || r.inst == nil {
		return nil, errNotFound
	}
	return ok(r.inst.installationJSON())
}

func getOrgInstallation(c *call) (*answer, error) {
	for _, i := range c.installations {
		if strings.EqualFold(i.account.Login, c.r.PathValue("org")) && i.account.kind == accountOrg {
			return ok(i.installationJSON())
		}
	}
	return nil, errNotFound
}

// createToken mints an installation's token, for fewer repositories and with
// fewer permissions if asked.
func createToken(c *call) (*answer, error) {
	i, err := c.installation()
	if err != nil {
		return nil, err
	}
	if !i.suspended.IsZero() {
		return nil, forbidden("This installation has been suspended")
	}
	var in struct {
		Repositories  []string          `json:"repositories"`
		RepositoryIDs []int64           `json:"repository_ids"`
		Permissions   map[string]string `json:"permissions"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	t := &token{inst: i, expires: c.now().Add(c.cfg.TokenLife), permissions: c.cfg.Permissions}
	if in.Permissions != nil {
		for name, level := range in.Permissions {
			if ranks[level] == 0 || ranks[c.cfg.Permissions[name]] < ranks[level] {
				return nil, invalidRequest("The permissions requested are not granted to this installation.")
			}
		}
		t.permissions = in.Permissions
	}
	body := obj{"expires_at": timestamp(c.now().Add(tokenLife)), "permissions": t.permissions, "repository_selection": "selected"}
	if in.Repositories != nil || in.RepositoryIDs != nil {
		t.repos = map[int64]bool{}
		var repos []obj
		for _, r := range c.sortedRepos() {
			if r.inst == i && (slices.Contains(in.Repositories, r.Name) || slices.Contains(in.RepositoryIDs, r.ID)) {
				t.repos[r.ID] = true
				repos = append(repos, r.repoJSON())
			}
		}
		if len(repos) != len(in.Repositories)+len(in.RepositoryIDs) {
			return nil, invalidRequest("There is at least one repository that does not exist or is not accessible to the parent installation.")
		}
		body["repositories"] = repos
	}
	body["token"] = c.newToken(t, "ghs_")
	return created(body)
}

func listInstallationRepos(c *call) (*answer, error) {
	return c.repoList(func(r *Repo) bool { return c.token.sees(r) })
}

func (c *call) repoList(include func(*Repo) bool) (*answer, error) {
	all := slices.DeleteFunc(c.sortedRepos(), func(r *Repo) bool { return !include(r) })
	return ok(obj{
		"total_count": len(all), "repositories": shaped(paged(c, all), (*Repo).repoJSON), "repository_selection": "selected",
	})
}

// listUserInstallationRepos is how an App learns what a signed-in user may see.
func listUserInstallationRepos(c *call) (*answer, error) {
	i, err := c.installation()
	if err != nil {
		return nil, err
	}
	if c.token.user == nil {
		return nil, forbidden("Resource not accessible by integration")
	}
	return c.repoList(func(r *Repo) bool { return r.inst == i && r.role(c.token.user) != "none" })
}

func getRateLimit(c *call) (*answer, error) {
	limit := obj{"limit": c.cfg.RateLimit, "used": 0, "remaining": c.cfg.RateLimit, "reset": c.now().Add(time.Hour).Unix()}
	if i := c.token.inst; i != nil && c.now().Sub(i.windowStart) < time.Hour {
		limit["used"], limit["remaining"], limit["reset"] = i.used, c.cfg.RateLimit-i.used, i.windowStart.Add(time.Hour).Unix()
	}
	search := obj{"limit": 30, "used": 0, "remaining": 30, "reset": c.now().Add(time.Minute).Unix()}
	return ok(obj{"resources": obj{"core": limit, "search": search}, "rate": limit})
}

func getAuthenticatedUser(c *call) (*answer, error) {
	if c.token.user == nil {
		return nil, forbidden("Resource not accessible by integration")
	}
	return ok(c.publicUser(c.token.user))
}

func getUser(c *call) (*answer, error) {
	a := c.accounts[strings.ToLower(c.r.PathValue("login"))]
	if a == nil {
		return nil, errNotFound
	}
	return ok(c.publicUser(a))
}

// getUserByID is how a noreply address is resolved.
func getUserByID(c *call) (*answer, error) {
	id, err := c.number("id")
	if err != nil {
		return nil, err
	}
	for _, a := range c.accounts {
		if a.ID == id {
			return ok(c.publicUser(a))
		}
	}
	return nil, errNotFound
}

func (c *call) publicUser(a *account) obj {
	return c.userJSON(a).with(obj{
		"name": a.Login, "company": nil, "blog": "", "location": nil, "email": nil, "hireable": nil, "bio": nil, "twitter_username": nil,
		"public_repos": 0, "public_gists": 0, "followers": 0, "following": 0, "created_at": timestamp(a.created), "updated_at": timestamp(a.created),
	})
}

func (d *Delivery) deliveryJSON() obj {
	var repository, installation any
	if d.RepositoryID != 0 {
		repository = d.RepositoryID
	}
	if d.InstallationID != 0 {
		installation = d.InstallationID
	}
	return obj{
		"id": d.ID, "guid": d.GUID, "delivered_at": timestamp(d.DeliveredAt), "redelivery": d.Redelivery, "duration": d.Duration.Seconds(),
		"status": deliveryStatus(d.Status), "status_code": d.Status, "event": d.Event, "action": orNull(d.Action),
		"installation_id": installation, "repository_id": repository, "throttled_at": nil,
	}
}

func deliveryStatus(code int) string {
	switch {
	case code == 0:
		return "pending"
	case code == http.StatusBadGateway:
		return "failed to connect to host"
	case code >= 200 && code < 300:
		return "OK"
	default:
		return "Invalid HTTP Response: " + strconv.Itoa(code)
	}
}

// listDeliveries pages by cursor, newest first.
func listDeliveries(c *call) (*answer, error) {
	all := c.Deliveries()
	slices.Reverse(all)
	q := c.r.URL.Query()
	if want := q.Get("status"); want != "" {
		all = slices.DeleteFunc(all, func(d Delivery) bool { return (d.Status >= 200 && d.Status < 400) != (want == "success") })
	}
	if cursor, err := strconv.ParseInt(strings.TrimPrefix(q.Get("cursor"), "v1_"), 10, 64); err == nil {
		all = slices.DeleteFunc(all, func(d Delivery) bool { return d.ID >= cursor })
	}
	_, size := c.paging()
	if len(all) > size {
		next := url.Values{"cursor": {"v1_" + strconv.FormatInt(all[size-1].ID, 10)}, "per_page": {strconv.Itoa(size)}}
		if status := q.Get("status"); status != "" {
			next.Set("status", status)
		}
		c.link("next", next)
		all = all[:size]
	}
	return ok(shaped(all, func(d Delivery) obj { return d.deliveryJSON() }))
}

func getDelivery(c *call) (*answer, error) {
	id, err := c.number("id")
	if err != nil {
		return nil, err
	}
	for _, d := range c.Deliveries() {
		if d.ID == id {
			headers := obj{}
			for name := range d.Headers {
				headers[name] = d.Headers.Get(name)
			}
			return ok(d.deliveryJSON().with(obj{
				"request":  obj{"headers": headers, "payload": json.RawMessage(d.Payload)},
				"response": obj{"headers": obj{}, "payload": orNull(d.Response)},
			}))
		}
	}
	return nil, errNotFound
}

func redeliver(c *call) (*answer, error) {
	id, err := c.number("id")
	if err != nil {
		return nil, err
	}
	if !c.hooks.redeliver(id) {
		return nil, errNotFound
	}
	return &answer{status: http.StatusAccepted, body: obj{}}, nil
}
