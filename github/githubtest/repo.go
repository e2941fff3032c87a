package githubtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// RepoOptions are the optional properties of a repository.
type RepoOptions struct {
	// DefaultBranch is main unless it says otherwise.
	DefaultBranch string
	// Private hides the repository from those without a permission.
	Private bool
	// NotInstalled leaves the App out of the repository: no webhooks, and to its
	// tokens only what everybody may read of a public repository.
	NotInstalled bool
	// Archived makes it read-only for everybody.
	Archived bool
	// Files make up a first commit. Without them the repository is empty.
	Files map[string]string
}

// Repo is a repository.
type Repo struct {
	srv           *Server
	ID            int64
	Name          string
	owner         *account
	opts          RepoOptions
	created       time.Time
	parent        *Repo // of a fork
	git           gitStore
	inst          *installation // nil where the App is not installed
	roles         map[string]string
	customRoles   map[string]string // their names, by lower-case login
	branchRules   map[string]*branchRules
	pulls         []*Pull
	lastNumber    int
	statuses      []*commitStatus
	testMerges    map[[2]plumbing.Hash]testMerge
	pushedAt      time.Time
	commitPatches map[[2]plumbing.Hash][]fileDiff
}

type branchRules struct {
	checks        []string // required by a ruleset
	classicChecks []string // required by classic branch protection
	mergeQueue    bool
}

// AddRepo adds a repository of a user or organisation. Unless opts says
// otherwise the App is installed in it, and an installation event tells so.
func (s *Server) AddRepo(owner, name string, opts RepoOptions) *Repo {
	s.mu.Lock()
	defer s.mu.Unlock()
	if opts.DefaultBranch == "" {
		opts.DefaultBranch = "main"
	}
	r := s.newRepo(owner, name, opts)
	r.git = newGitStore()
	if opts.Files != nil {
		// Before the installation, so that it makes no push event.
		r.commitOn(plumbing.ZeroHash, opts.DefaultBranch, CommitSpec{Message: "First commit", Files: opts.Files})
	}
	if !opts.NotInstalled {
		s.install(r)
	}
	return r
}

// AddFork adds owner's fork of r, with r's branches as they are now. The App is
// not installed in it.
func (r *Repo) AddFork(owner string) *Repo {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	opts := r.opts
	opts.NotInstalled = true
	fork := r.srv.newRepo(owner, r.Name, opts)
	fork.parent = r
	fork.git = r.git.fork()
	return fork
}

// Repo is the repository of that name, or nil.
func (s *Server) Repo(owner, name string) *Repo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.findRepo(owner, name)
}

func (s *Server) findRepo(owner, name string) *Repo {
	return s.repos[strings.ToLower(owner+"/"+name)]
}

func (s *Server) newRepo(owner, name string, opts RepoOptions) *Repo {
	r := &Repo{
		srv: s, ID: s.nextID(), Name: name, owner: s.account(owner), opts: opts, created: s.now(), pushedAt: s.now(),
		roles: map[string]string{}, customRoles: map[string]string{}, branchRules: map[string]*branchRules{},
		testMerges: map[[2]plumbing.Hash]testMerge{}, commitPatches: map[[2]plumbing.Hash][]fileDiff{},
	}
	key := strings.ToLower(r.FullName())
	if s.repos[key] != nil {
		panic(fmt.Sprintf("githubtest: repository %s is already there", r.FullName()))
	}
	s.repos[key] = r
	return r
}

// FullName is "owner/name".
func (r *Repo) FullName() string { return r.owner.Login + "/" + r.Name }

// InstallationID is the App's installation in the repository's account; 0 where
// it is not installed.
func (r *Repo) InstallationID() int64 {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	if r.inst == nil {
		return 0
	}
	return r.inst.id
}

// SetPermission gives login a role: admin, maintain, write, triage, read or
// none.
func (r *Repo) SetPermission(login, role string) {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	if !slices.Contains([]string{"admin", "maintain", "write", "triage", "read", "none"}, role) {
		panic(fmt.Sprintf("githubtest: no role %q", role))
	}
	key := strings.ToLower(r.srv.account(login).Login)
	r.roles[key] = role
	delete(r.customRoles, key)
}

// SetCustomRole gives login a role of the organisation's own making, built on one
// of those of SetPermission.
func (r *Repo) SetCustomRole(login, name, builtOn string) {
	r.SetPermission(login, builtOn)
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	r.customRoles[strings.ToLower(r.srv.account(login).Login)] = name
}

// role is login's role: its own, or the owner's, or what everybody has.
func (r *Repo) role(a *account) string {
	if role, ok := r.roles[strings.ToLower(a.Login)]; ok {
		return role
	}
	if a == r.owner || r.owner.members[strings.ToLower(a.Login)] == "admin" {
		return "admin"
	}
	if r.opts.Private {
		return "none"
	}
	return "read"
}

// association is GitHub's author_association.
func (r *Repo) association(a *account) string {
	role, collaborator := r.roles[strings.ToLower(a.Login)]
	switch {
	case a == r.owner:
		return "OWNER"
	case r.owner.members[strings.ToLower(a.Login)] != "":
		return "MEMBER"
	case collaborator && role != "none":
		return "COLLABORATOR"
	default:
		return "NONE"
	}
}

// Commit adds a commit to a branch, pushes it and returns its id. On an empty
// repository it makes the branch.
func (r *Repo) Commit(branch string, spec CommitSpec) string {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	tip, ok := r.git.branch(branch)
	if !ok && len(r.git.ReferenceStorage) > 0 {
		panic(fmt.Sprintf("githubtest: %s has no branch %s: make it with Branch", r.FullName(), branch))
	}
	return r.commitOn(tip, branch, spec).String()
}

// CommitOn makes a commit on top of parent without pushing it anywhere: material
// for ForcePush. An empty parent begins another history.
func (r *Repo) CommitOn(parent string, spec CommitSpec) string {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	if parent == "" {
		return r.makeCommit(plumbing.ZeroHash, spec).String()
	}
	return r.makeCommit(r.mustResolve(parent), spec).String()
}

// Branch makes a branch at from, a branch or a commit id.
func (r *Repo) Branch(name, from string) {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	r.updateRef(plumbing.NewBranchReferenceName(name), r.mustResolve(from), r.defaultPerson())
}

// Tag makes a tag at from, a branch or a commit id. It is of git's light kind; the
// API shows of both kinds the commit.
func (r *Repo) Tag(name, from string) {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	r.updateRef(plumbing.NewTagReferenceName(name), r.mustResolve(from), r.defaultPerson())
}

// ForcePush sets a branch to any commit.
func (r *Repo) ForcePush(branch, sha string) {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	hash := r.mustResolve(sha)
	r.updateRef(plumbing.NewBranchReferenceName(branch), hash, r.pusher(hash))
}

// DeleteBranch removes a branch.
func (r *Repo) DeleteBranch(name string) {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	r.updateRef(plumbing.NewBranchReferenceName(name), plumbing.ZeroHash, r.defaultPerson())
}

// MergeInto merges other (a branch or commit id) into branch with a merge
// commit by author, whose second parent is other. It panics on a conflict.
func (r *Repo) MergeInto(branch, other, author string) string {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	ours, theirs := r.mustResolve(branch), r.mustResolve(other)
	hash, conflicts := r.merge(ours, theirs, author, fmt.Sprintf("Merge %s into %s", other, branch))
	if conflicts != nil {
		panic(fmt.Sprintf("githubtest: merge %s into %s: conflict in %s", other, branch, strings.Join(conflicts, ", ")))
	}
	r.updateRef(plumbing.NewBranchReferenceName(branch), hash, r.pusher(hash))
	return hash.String()
}

// Head is the id of a branch's tip, or of whatever else ref names; "" if there
// is none.
func (r *Repo) Head(ref string) string {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	hash, ok := r.git.resolve(ref)
	if !ok {
		return ""
	}
	return hash.String()
}

// File is the content of a file at ref.
func (r *Repo) File(ref, path string) (content string, ok bool) {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	hash, ok := r.git.resolve(ref)
	if !ok {
		return "", false
	}
	f, err := r.git.mustCommit(hash).File(path)
	if err != nil {
		return "", false
	}
	content, err = f.Contents()
	must(err)
	return content, true
}

// RequireCheck makes a check run or status of that name a condition for merging
// into branch, through a ruleset.
func (r *Repo) RequireCheck(branch, name string) {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	rules := r.rules(branch)
	rules.checks = append(rules.checks, name)
}

// ProtectBranch does the same through classic branch protection, which the
// rules API does not show.
func (r *Repo) ProtectBranch(branch string, checks ...string) {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	rules := r.rules(branch)
	rules.classicChecks = append([]string{}, checks...)
}

// RequireMergeQueue puts a merge queue before branch.
func (r *Repo) RequireMergeQueue(branch string) {
	r.srv.mu.Lock()
	defer r.srv.mu.Unlock()
	r.rules(branch).mergeQueue = true
}

func (r *Repo) rules(branch string) *branchRules {
	if r.branchRules[branch] == nil {
		r.branchRules[branch] = &branchRules{}
	}
	return r.branchRules[branch]
}

// required are the names of the checks that branch demands.
func (r *Repo) required(branch string) []string {
	rules := r.branchRules[branch]
	if rules == nil {
		return nil
	}
	all := slices.Concat(rules.checks, rules.classicChecks)
	slices.Sort(all)
	return slices.Compact(all)
}

func (r *Repo) mustResolve(ref string) plumbing.Hash {
	hash, ok := r.git.resolve(ref)
	if !ok {
		panic(fmt.Sprintf("githubtest: %s has no branch or commit %q", r.FullName(), ref))
	}
	return hash
}

func (r *Repo) defaultPerson() *account {
	if r.owner.kind != accountOrg {
		return r.owner
	}
	for _, a := range r.srv.people() {
		if r.owner.members[strings.ToLower(a.Login)] == "admin" {
			return a
		}
	}
	panic(fmt.Sprintf("githubtest: %s has no administrator: say who the author is", r.owner.Login))
}

// pusher is who is taken to have pushed a commit.
func (r *Repo) pusher(hash plumbing.Hash) *account {
	c := r.git.mustCommit(hash)
	for _, email := range []string{c.Committer.Email, c.Author.Email} {
		if a := r.srv.accountByEmail(email); a != nil {
			return a
		}
	}
	return r.defaultPerson()
}

func (r *Repo) commitOn(tip plumbing.Hash, branch string, spec CommitSpec) plumbing.Hash {
	hash := r.makeCommit(tip, spec)
	r.updateRef(plumbing.NewBranchReferenceName(branch), hash, r.pusher(hash))
	return hash
}

func (r *Repo) makeCommit(parent plumbing.Hash, spec CommitSpec) plumbing.Hash {
	var tree plumbing.Hash
	var parents []plumbing.Hash
	if !parent.IsZero() {
		tree = r.git.mustCommit(parent).TreeHash
		parents = append(parents, parent)
	}
	for _, p := range spec.Parents {
		parents = append(parents, r.mustResolve(p))
	}
	files := r.git.files(tree)
	r.git.apply(files, spec)
	return r.writeSpec(r.git.writeTree(files), parents, spec)
}

// writeSpec stores a commit by the people that spec names.
func (r *Repo) writeSpec(tree plumbing.Hash, parents []plumbing.Hash, spec CommitSpec) plumbing.Hash {
	if spec.Author == "" {
		spec.Author = r.defaultPerson().Login
	}
	if spec.Committer == "" {
		spec.Committer = spec.Author
	}
	if spec.Time.IsZero() {
		spec.Time = r.srv.now()
	}
	signature := func(who string) object.Signature {
		name, email := r.srv.person(who)
		return object.Signature{Name: name, Email: email, When: spec.Time.UTC()}
	}
	return r.git.encode(&object.Commit{
		Author: signature(spec.Author), Committer: signature(spec.Committer),
		Message: spec.Message, TreeHash: tree, ParentHashes: parents,
	})
}

// merge makes, but does not push, the merge of theirs into ours.
func (r *Repo) merge(ours, theirs plumbing.Hash, author, message string) (hash plumbing.Hash, conflicts []string) {
	base := map[string]treeFile{}
	if mergeBase, ok := r.git.mergeBase(ours, theirs); ok {
		base = r.git.files(r.git.mustCommit(mergeBase).TreeHash)
	}
	files, conflicts := r.git.mergeTrees(base,
		r.git.files(r.git.mustCommit(ours).TreeHash), r.git.files(r.git.mustCommit(theirs).TreeHash))
	if conflicts != nil {
		return plumbing.ZeroHash, conflicts
	}
	spec := CommitSpec{Message: message, Author: author}
	return r.writeSpec(r.git.writeTree(files), []plumbing.Hash{ours, theirs}, spec), nil
}

// updateRef moves a reference (to the zero hash: removes it), tells the webhook
// of the push and moves the pull requests whose head it is.
func (r *Repo) updateRef(name plumbing.ReferenceName, to plumbing.Hash, by *account) {
	var from plumbing.Hash
	if old, ok := r.git.ReferenceStorage[name]; ok {
		from = old.Hash()
	}
	if from == to {
		return
	}
	if to.IsZero() {
		delete(r.git.ReferenceStorage, name)
	} else {
		r.git.ReferenceStorage[name] = plumbing.NewHashReference(name, to)
	}
	r.pushedAt = r.srv.now()
	r.emitPush(name, from, to, by)
	if !name.IsBranch() || to.IsZero() {
		return
	}
	for _, base := range r.srv.sortedRepos() {
		for _, p := range base.pulls {
			if p.state == "open" && p.headRepo == r && p.headRef == name.Short() {
				p.synchronize(to, by)
			}
		}
	}
}

// sortedRepos are all repositories in the order in which they came.
func (s *Server) sortedRepos() []*Repo {
	all := make([]*Repo, 0, len(s.repos))
	for _, r := range s.repos {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *Repo) int { return int(a.ID - b.ID) })
	return all
}
