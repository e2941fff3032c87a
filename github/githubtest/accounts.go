package githubtest

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// accountType is GitHub's word for what an account is.
type accountType string

const (
	accountUser accountType = "User"
	accountBot  accountType = "Bot"
	accountOrg  accountType = "Organization"
)

// account is a user, a bot or an organisation.
type account struct {
	User
	kind    accountType
	created time.Time
	members map[string]string // of an organisation: lower-case login -> admin or member
}

// User names an account.
type User struct {
	Login string
	ID    int64
	// Email is the address by which commits are attributed to the account.
	Email string
}

// AddUser adds a person, with the address LOGIN@example.invalid.
func (s *Server) AddUser(login string) User { return s.add(login, accountUser) }

// AddBot adds the bot of another App. "[bot]" is appended to a name without it.
func (s *Server) AddBot(name string) User {
	if !strings.HasSuffix(name, "[bot]") {
		name += "[bot]"
	}
	return s.add(name, accountBot)
}

// AddOrg adds an organisation with members; the first is its administrator.
func (s *Server) AddOrg(login string, members ...string) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	org := s.addAccount(login, accountOrg)
	for i, member := range members {
		role := "member"
		if i == 0 {
			role = "admin"
		}
		org.members[strings.ToLower(s.account(member).Login)] = role
	}
	return org.User
}

// RemoveMember takes login out of an organisation and all its teams.
func (s *Server) RemoveMember(org, login string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.account(org).members, strings.ToLower(login))
	for _, t := range s.teams {
		if strings.EqualFold(t.org.Login, org) {
			delete(t.members, strings.ToLower(login))
		}
	}
}

func (s *Server) add(login string, kind accountType) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addAccount(login, kind).User
}

func (s *Server) addAccount(login string, kind accountType) *account {
	if s.accounts[strings.ToLower(login)] != nil {
		panic(fmt.Sprintf("githubtest: account %q is already there", login))
	}
	local := strings.TrimSuffix(login, "[bot]")
	a := &account{
		User:    User{Login: login, ID: s.nextID(), Email: local + "@example.invalid"},
		kind:    kind,
		created: s.now(),
	}
	if kind == accountOrg {
		a.members = map[string]string{}
	}
	s.accounts[strings.ToLower(login)] = a
	return a
}

// account is the account of that name; it panics if there is none.
func (s *Server) account(login string) *account {
	a := s.accounts[strings.ToLower(login)]
	if a == nil {
		panic(fmt.Sprintf("githubtest: no account %q: add it first", login))
	}
	return a
}

// noreply is GitHub's own form of address, which names an account by its id.
var noreply = regexp.MustCompile(`^(\d+)\+[^@]*@users\.noreply\.(.+)$`)

// accountByEmail resolves a commit's address as GitHub does; nil where nobody
// has claimed it.
func (s *Server) accountByEmail(email string) *account {
	if m := noreply.FindStringSubmatch(email); m != nil && (m[2] == "github.com" || m[2] == s.hostname()) {
		for _, a := range s.accounts {
			if strconv.FormatInt(a.ID, 10) == m[1] {
				return a
			}
		}
		return nil
	}
	for _, a := range s.accounts {
		if a.kind != accountOrg && strings.EqualFold(a.Email, email) {
			return a
		}
	}
	return nil
}

// person is who: a known login, or "Name <address>" that belongs to nobody.
func (s *Server) person(who string) (name, email string) {
	if a := s.accounts[strings.ToLower(who)]; a != nil {
		return a.Login, a.Email
	}
	name, rest, found := strings.Cut(who, " <")
	email, end, closed := strings.Cut(rest, ">")
	if !found || !closed || end != "" {
		panic(fmt.Sprintf(`githubtest: commit by %q: neither a known login nor "Name <address>"`, who))
	}
	return name, email
}

// hostname is the host that the Server is reached at, without its port.
func (s *Server) hostname() string {
	u, err := url.Parse(s.base)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// people are the users in the order in which they came, for pages' choices.
func (s *Server) people() []*account {
	var all []*account
	for _, a := range s.accounts {
		if a.kind == accountUser && a != s.appOwner {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b *account) int { return int(a.ID - b.ID) })
	return all
}

// Team is a team of an organisation.
type Team struct {
	srv     *Server
	ID      int64
	Slug    string
	org     *account
	parent  *Team
	members map[string]membership // by lower-case login
	created time.Time
}

type membership struct {
	role  string // member or maintainer
	state string // active or pending
}

// AddTeam adds a team below parent, a slug of the same organisation or "".
// Members join the organisation too.
func (s *Server) AddTeam(org, slug, parent string, members ...string) *Team {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &Team{srv: s, ID: s.nextID(), Slug: slug, org: s.account(org), members: map[string]membership{}, created: s.now()}
	if parent != "" {
		if t.parent = s.team(org, parent); t.parent == nil {
			panic(fmt.Sprintf("githubtest: no team %s/%s", org, parent))
		}
	}
	s.teams = append(s.teams, t)
	for _, login := range members {
		t.set(login, membership{"member", "active"})
	}
	return t
}

// Add makes login an active member.
func (t *Team) Add(login string) { t.change(login, membership{"member", "active"}) }

// Invite gives login a membership that is pending until accepted: GitHub
// answers for it, but it grants nothing.
func (t *Team) Invite(login string) { t.change(login, membership{"member", "pending"}) }

// Remove takes login out of the team; children keep theirs.
func (t *Team) Remove(login string) {
	t.srv.mu.Lock()
	defer t.srv.mu.Unlock()
	delete(t.members, strings.ToLower(login))
}

func (t *Team) change(login string, m membership) {
	t.srv.mu.Lock()
	defer t.srv.mu.Unlock()
	t.set(login, m)
}

func (t *Team) set(login string, m membership) {
	a := t.srv.account(login)
	t.members[strings.ToLower(a.Login)] = m
	if _, isMember := t.org.members[strings.ToLower(a.Login)]; !isMember && m.state == "active" {
		t.org.members[strings.ToLower(a.Login)] = "member"
	}
}

// team is the team of that slug, or nil.
func (s *Server) team(org, slug string) *Team {
	for _, t := range s.teams {
		if strings.EqualFold(t.org.Login, org) && strings.EqualFold(t.Slug, slug) {
			return t
		}
	}
	return nil
}

// membershipOf looks in t and in the teams below it, as GitHub does.
func (s *Server) membershipOf(t *Team, login string) (membership, bool) {
	if m, ok := t.members[strings.ToLower(login)]; ok {
		return m, true
	}
	for _, child := range s.teams {
		if child.parent == t {
			if m, ok := s.membershipOf(child, login); ok {
				return m, true
			}
		}
	}
	return membership{}, false
}

// activeMembers are the members of t and of the teams below it, by id.
func (s *Server) activeMembers(t *Team) []*account {
	var all []*account
	for _, a := range s.accounts {
		if m, ok := s.membershipOf(t, a.Login); ok && m.state == "active" {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b *account) int { return int(a.ID - b.ID) })
	return all
}
