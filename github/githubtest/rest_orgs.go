package githubtest

import (
	"cmp"
	"slices"
	"strings"
)

var orgRoutes = map[string]route{
	"GET /orgs/{org}/teams":                            {need: "members:read", run: listTeams},
	"GET /orgs/{org}/teams/{slug}":                     {need: "members:read", run: getTeam},
	"GET /orgs/{org}/teams/{slug}/members":             {need: "members:read", run: listTeamMembers},
	"GET /orgs/{org}/teams/{slug}/memberships/{login}": {need: "members:read", run: getTeamMembership},
}

// org is the organisation of the path, if the token's installation is its.
func (c *call) org() (*account, error) {
	a := c.accounts[strings.ToLower(c.r.PathValue("org"))]
	if a == nil || a.kind != accountOrg || c.token.inst == nil || c.token.inst.account != a {
		return nil, errNotFound
	}
	return a, nil
}

func (c *call) orgTeam() (*Team, error) {
	org, err := c.org()
	if err != nil {
		return nil, err
	}
	if t := c.team(org.Login, c.r.PathValue("slug")); t != nil {
		return t, nil
	}
	return nil, errNotFound
}

func listTeams(c *call) (*answer, error) {
	org, err := c.org()
	if err != nil {
		return nil, err
	}
	teams := slices.DeleteFunc(slices.Clone(c.teams), func(t *Team) bool { return t.org != org })
	return list(c, teams, (*Team).teamJSON)
}

func getTeam(c *call) (*answer, error) {
	t, err := c.orgTeam()
	if err != nil {
		return nil, err
	}
	return ok(t.teamJSON().with(obj{
		"members_count": len(c.activeMembers(t)), "repos_count": 0, "created_at": timestamp(t.created), "updated_at": timestamp(t.created),
		"organization": c.orgJSON(t.org).with(obj{
			"has_organization_projects": true, "has_repository_projects": true, "public_repos": 0, "public_gists": 0, "followers": 0, "following": 0,
			"html_url": c.webURL("/%s", t.org.Login), "created_at": timestamp(t.org.created), "updated_at": timestamp(t.org.created),
			"archived_at": nil, "type": "Organization",
		}),
	}))
}

func listTeamMembers(c *call) (*answer, error) {
	t, err := c.orgTeam()
	if err != nil {
		return nil, err
	}
	members := c.activeMembers(t)
	if role := c.r.URL.Query().Get("role"); role == "maintainer" || role == "member" {
		members = slices.DeleteFunc(members, func(a *account) bool {
			m, _ := c.membershipOf(t, a.Login)
			return m.role != role
		})
	}
	return list(c, members, c.userJSON)
}

func getTeamMembership(c *call) (*answer, error) {
	t, err := c.orgTeam()
	if err != nil {
		return nil, err
	}
	login := c.r.PathValue("login")
	m, found := c.membershipOf(t, login)
	if !found {
		return nil, errNotFound
	}
	return ok(obj{
		"url": c.apiURL("/organizations/%d/team/%d/memberships/%s", t.org.ID, t.ID, login), "role": m.role, "state": m.state,
	})
}

func checkOrgMember(c *call) (*answer, error) {
	org, err := c.org()
	if err != nil {
		return nil, err
	}
	if org.members[strings.ToLower(c.r.PathValue("login"))] == "" {
		return nil, errNotFound
	}
	return noContent()
}

func getOrgMembership(c *call) (*answer, error) {
	org, err := c.org()
	if err != nil {
		return nil, err
	}
	login := strings.ToLower(c.r.PathValue("login"))
	role := org.members[login]
	if role == "" {
		return nil, errNotFound
	}
	return ok(obj{
		"url": c.apiURL("/orgs/%s/memberships/%s", org.Login, login), "state": "active", "role": role,
		"organization_url": c.apiURL("/orgs/%s", org.Login), "organization": c.orgJSON(org), "user": c.userJSON(c.accounts[login]),
	})
}

// legacyRoles are the names that the permission field has for the newer roles.
var legacyRoles = map[string]string{"maintain": "write", "triage": "read"}

func getPermission(c *call) (*answer, error) {
	a := c.accounts[strings.ToLower(c.r.PathValue("login"))]
	if a == nil || a.kind == accountOrg {
		return nil, errNotFound
	}
	role := c.repo.role(a)
	permission := role
	if legacy := legacyRoles[role]; legacy != "" {
		permission = legacy
	}
	at := func(needed string) bool { return roleRank(role) >= roleRank(needed) }
	name := cmp.Or(c.repo.customRoles[strings.ToLower(a.Login)], role)
	return ok(obj{
		"permission": permission, "role_name": name,
		"user": c.userJSON(a).with(obj{"role_name": name, "permissions": obj{
			"pull": at("read"), "triage": at("triage"), "push": at("write"), "maintain": at("maintain"), "admin": at("admin"),
		}}),
	})
}

func roleRank(role string) int {
	return slices.Index([]string{"none", "read", "triage", "write", "maintain", "admin"}, role)
}
