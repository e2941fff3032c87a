package registrytest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry/pypi"
)

// SetOwners says who may publish a package from now on.
func (s *Server) SetOwners(eco lockkeeper.Ecosystem, name string, owners []lockkeeper.Principal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owners[ownersKey(eco, name)] = owners
}

func ownersKey(eco lockkeeper.Ecosystem, name string) string {
	if eco == lockkeeper.PyPI {
		name = pypi.NormalName(name)
	}
	return lockkeeper.Package{Ecosystem: eco, Name: name}.ID()
}

func (s *Server) serveCrateOwners(w http.ResponseWriter, r *http.Request) {
	if s.mannered().Bare {
		http.NotFound(w, r)
		return
	}
	s.mu.Lock()
	all := slices.Clone(s.crates[strings.ToLower(r.PathValue("name"))])
	var owners []lockkeeper.Principal
	stated := false
	if len(all) > 0 {
		owners, stated = s.owners[ownersKey(lockkeeper.Cargo, all[0].Name)]
	}
	s.mu.Unlock()
	if !known(w, r, len(all) > 0) {
		return
	}
	for _, c := range all {
		if !stated && c.Publisher.Kind == lockkeeper.User && !slices.Contains(owners, c.Publisher) {
			owners = append(owners, c.Publisher)
		}
	}
	users := []any{}
	for _, p := range owners {
		id, _ := strconv.Atoi(p.ID)
		users = append(users, map[string]any{"id": id, "login": p.Login, "kind": string(p.Kind), "name": nil, "avatar": nil, "url": nil})
	}
	writeJSON(w, r, "application/json", map[string]any{"users": users})
}

func (s *Server) serveProject(w http.ResponseWriter, r *http.Request) {
	name := pypi.NormalName(r.PathValue("name"))
	s.mu.Lock()
	known := len(s.files[name]) > 0 && s.status[name] != "quarantined"
	owners := s.owners[ownersKey(lockkeeper.PyPI, name)]
	s.mu.Unlock()
	if !known {
		http.NotFound(w, r)
		return
	}
	roles := []any{}
	var organization any
	for _, p := range owners {
		if p.Kind == lockkeeper.Team {
			organization = p.ID
			continue
		}
		roles = append(roles, map[string]any{"role": "Owner", "user": p.ID})
	}
	writeJSON(w, r, "application/json", map[string]any{
		"info": map[string]any{"name": name}, "ownership": map[string]any{"roles": roles, "organization": organization},
	})
}
