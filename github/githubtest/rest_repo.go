package githubtest

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

var repoRoutes = map[string]route{
	"GET /repos/{owner}/{repo}":                          {public: true, need: "metadata:read", run: getRepo},
	"GET /repos/{owner}/{repo}/branches/{rest...}":       {run: getBranchOrProtection},
	"GET /repos/{owner}/{repo}/rules/branches/{rest...}": {need: "metadata:read", run: getBranchRules},
	"GET /repos/{owner}/{repo}/commits":                  {need: "contents:read", run: listCommits},
	"GET /repos/{owner}/{repo}/commits/{rest...}":        {public: true, run: commitSubresource},
	"GET /repos/{owner}/{repo}/compare/{basehead...}":    {public: true, need: "contents:read", run: compareCommits},
	"GET /repos/{owner}/{repo}/contents/{path...}":       {need: "contents:read", run: getContents},
}

func getRepo(c *call) (*answer, error) { return ok(c.repo.repoFull()) }

func getBranchOrProtection(c *call) (*answer, error) {
	name := c.r.PathValue("rest")
	if branch, isProtection := strings.CutSuffix(name, "/protection"); isProtection {
		return c.protection(branch)
	}
	if err := c.require("contents:read"); err != nil {
		return nil, err
	}
	hash, found := c.repo.git.branch(name)
	if !found {
		return nil, &apiError{status: http.StatusNotFound, message: "Branch not found"}
	}
	rules := c.repo.branchRules[name]
	protection := obj{"enabled": rules != nil}
	if rules != nil && rules.classicChecks != nil {
		protection["required_status_checks"] = obj{
			"enforcement_level": "non_admins", "contexts": rules.classicChecks, "checks": contextChecks(rules.classicChecks),
		}
	}
	u := c.repo.apiURL("/branches/%s", pathEscape(name))
	return ok(obj{
		"name": name, "commit": c.repo.commitJSON(c.repo.git.mustCommit(hash)), "_links": obj{"html": c.repo.webURL("/tree/%s", name), "self": u},
		"protected": rules != nil, "protection": protection, "protection_url": u + "/protection",
	})
}

func contextChecks(names []string) []obj {
	return shaped(names, func(name string) obj { return obj{"context": name, "app_id": nil} })
}

// protection is the classic kind, which rulesets are not part of.
func (c *call) protection(branch string) (*answer, error) {
	if err := c.require("administration:read"); err != nil {
		return nil, err
	}
	rules := c.repo.branchRules[branch]
	if rules == nil || rules.classicChecks == nil {
		return nil, &apiError{status: http.StatusNotFound, message: "Branch not protected"}
	}
	u := c.repo.apiURL("/branches/%s/protection", pathEscape(branch))
	off := obj{"enabled": false}
	return ok(obj{
		"url": u, "required_status_checks": obj{
			"url": u + "/required_status_checks", "strict": false, "contexts": rules.classicChecks,
			"contexts_url": u + "/required_status_checks/contexts", "checks": contextChecks(rules.classicChecks),
		},
		"enforce_admins":          obj{"url": u + "/enforce_admins", "enabled": false},
		"required_linear_history": off, "allow_force_pushes": off, "allow_deletions": off, "block_creations": off,
		"required_conversation_resolution": off, "lock_branch": off, "allow_fork_syncing": off,
		"required_signatures": obj{"url": u + "/required_signatures", "enabled": false},
	})
}

func getBranchRules(c *call) (*answer, error) {
	rules := c.repo.branchRules[c.r.PathValue("rest")]
	out := []obj{}
	source := obj{"ruleset_source_type": "Repository", "ruleset_source": c.repo.FullName(), "ruleset_id": c.repo.ID}
	if rules != nil && len(rules.checks) > 0 {
		out = append(out, source.with(obj{"type": "required_status_checks", "parameters": obj{
			"strict_required_status_checks_policy": false,
			"required_status_checks":               shaped(rules.checks, func(name string) obj { return obj{"context": name} }),
		}}))
	}
	if rules != nil && rules.mergeQueue {
		out = append(out, source.with(obj{"type": "merge_queue", "parameters": obj{
			"check_response_timeout_minutes": 60, "grouping_strategy": "ALLGREEN", "max_entries_to_build": 5, "max_entries_to_merge": 5,
			"merge_method": "MERGE", "min_entries_to_merge": 1, "min_entries_to_merge_wait_minutes": 5,
		}}))
	}
	return ok(paged(c, out))
}

// noCommit is GitHub's answer for a ref that names none.
func noCommit(ref string) error {
	return &apiError{status: http.StatusUnprocessableEntity, message: "No commit found for SHA: " + ref}
}

func listCommits(c *call) (*answer, error) {
	q := c.r.URL.Query()
	ref := q.Get("sha")
	if ref == "" {
		ref = c.repo.opts.DefaultBranch
	}
	hash, found := c.repo.git.resolve(ref)
	if !found {
		return nil, errNotFound
	}
	all := c.repo.git.between(plumbing.ZeroHash, hash)
	slices.Reverse(all)
	slices.SortStableFunc(all, func(a, b *object.Commit) int { return b.Committer.When.Compare(a.Committer.When) })
	if path := q.Get("path"); path != "" {
		all = slices.DeleteFunc(all, func(commit *object.Commit) bool { return !c.repo.changes(commit, path) })
	}
	return list(c, all, c.repo.commitJSON)
}

// changes reports whether a commit shows in the history of a path. A merge that took
// it over from one of its parents does not (git log, "history simplification").
func (r *Repo) changes(commit *object.Commit, path string) bool {
	at := func(c *object.Commit) plumbing.Hash {
		tree := r.git.tree(c.TreeHash)
		entry, err := tree.FindEntry(path)
		if err != nil {
			return plumbing.ZeroHash
		}
		return entry.Hash
	}
	now := at(commit)
	if len(commit.ParentHashes) == 0 {
		return !now.IsZero()
	}
	return !slices.ContainsFunc(commit.ParentHashes, func(p plumbing.Hash) bool { return at(r.git.mustCommit(p)) == now })
}

// commitSubresource tells apart what follows a ref, which may contain slashes.
func commitSubresource(c *call) (*answer, error) {
	rest := c.r.PathValue("rest")
	for suffix, sub := range map[string]struct {
		need string
		run  func(*call, plumbing.Hash) (*answer, error)
	}{
		"/check-runs":   {"checks:read", listChecks},
		"/check-suites": {"checks:read", listSuites},
		"/status":       {"statuses:read", combinedStatus},
		"/statuses":     {"statuses:read", listStatuses},
		"/pulls":        {"pull_requests:read", listCommitPulls},
	} {
		ref, matches := strings.CutSuffix(rest, suffix)
		if !matches {
			continue
		}
		if err := c.require(sub.need); err != nil {
			return nil, err
		}
		hash, found := c.repo.git.resolve(ref)
		if !found {
			return nil, noCommit(ref)
		}
		return sub.run(c, hash)
	}
	if err := c.require("contents:read"); err != nil {
		return nil, err
	}
	hash, found := c.repo.git.resolve(rest)
	if !found {
		return nil, noCommit(rest)
	}
	return getCommit(c, hash)
}

// commitFileLimit is how many files a commit shows on all its pages together.
const commitFileLimit = 3000

func getCommit(c *call, hash plumbing.Hash) (*answer, error) {
	if c.accepts("sha") {
		return &answer{status: http.StatusOK, raw: []byte(hash.String()), kind: "application/vnd.github.sha; charset=utf-8"}, nil
	}
	commit := c.repo.git.mustCommit(hash)
	files := c.repo.commitDiff(commit)
	additions, deletions := stats(files)
	if len(files) > commitFileLimit {
		files = files[:commitFileLimit]
	}
	if q := c.r.URL.Query(); q.Get("per_page") == "" {
		// Without it this operation has 300 files on a page, not 30.
		files = pageOf(c, files, 300)
	} else {
		files = paged(c, files)
	}
	return ok(c.repo.commitJSON(commit).with(obj{
		"stats": obj{"additions": additions, "deletions": deletions, "total": additions + deletions},
		"files": c.repo.filesJSON(files, hash),
	}))
}

func listCommitPulls(c *call, hash plumbing.Hash) (*answer, error) {
	var all []*Pull
	for _, p := range c.repo.pulls {
		if p.head == hash || p.mergeCommit == hash && !p.merged.IsZero() || contains(p.comparison().ahead, hash) {
			all = append(all, p)
		}
	}
	return list(c, all, (*Pull).pullSimple)
}

func contains(commits []*object.Commit, hash plumbing.Hash) bool {
	return slices.ContainsFunc(commits, func(c *object.Commit) bool { return c.Hash == hash })
}

// Limits of a comparison.
const (
	compareCommitLimit = 250 // without paging parameters
	compareFileLimit   = 300
)

func compareCommits(c *call) (*answer, error) {
	baseRef, headRef, three := strings.Cut(c.r.PathValue("basehead"), "...")
	if !three {
		return nil, errNotFound
	}
	base, found := c.repo.resolveInNetwork(baseRef)
	head, found2 := c.repo.resolveInNetwork(headRef)
	if !found || !found2 {
		return nil, errNotFound
	}
	r := c.repo
	cmp, related := r.compare(base, head)
	if !related {
		return nil, &apiError{status: http.StatusNotFound, message: "No common ancestor between " + baseRef + " and " + headRef + "."}
	}
	// The files come with the first page only.
	page, _ := c.paging()
	var files []fileDiff
	if page == 1 {
		files = r.comparisonDiff(cmp)
		files = files[:min(len(files), compareFileLimit)]
	}
	commits := cmp.ahead
	if q := c.r.URL.Query(); q.Get("page") == "" && q.Get("per_page") == "" {
		commits = commits[max(0, len(commits)-compareCommitLimit):]
	} else {
		commits = paged(c, commits)
	}
	web := r.webURL("/compare/%s...%s", baseRef, headRef)
	return ok(obj{
		"url": r.apiURL("/compare/%s...%s", baseRef, headRef), "html_url": web, "permalink_url": r.webURL("/compare/%s...%s", base, head),
		"diff_url": web + ".diff", "patch_url": web + ".patch", "base_commit": r.commitJSON(r.git.mustCommit(base)),
		"merge_base_commit": r.commitJSON(r.git.mustCommit(cmp.mergeBase)), "status": cmp.status(), "ahead_by": len(cmp.ahead),
		"behind_by": cmp.behind, "total_commits": len(cmp.ahead), "commits": shaped(commits, r.commitJSON), "files": r.filesJSON(files, head),
	})
}

// resolveInNetwork also takes "owner:branch" of a fork.
func (r *Repo) resolveInNetwork(ref string) (plumbing.Hash, bool) {
	if owner, branch, qualified := strings.Cut(ref, ":"); qualified {
		fork := r.forkOf(owner)
		if fork == nil {
			return plumbing.ZeroHash, false
		}
		return fork.git.resolve(branch)
	}
	return r.git.resolve(ref)
}

// Limits of the contents API, in bytes: up to the first it answers in JSON, up
// to the second raw only.
const (
	contentsLimit    = 1 << 20
	contentsRawLimit = 100 << 20
)

func getContents(c *call) (*answer, error) {
	ref := c.r.URL.Query().Get("ref")
	if ref == "" {
		ref = c.repo.opts.DefaultBranch
	}
	hash, found := c.repo.git.resolve(ref)
	if !found {
		return nil, &apiError{status: http.StatusNotFound, message: "No commit found for the ref " + ref}
	}
	g := c.repo.git
	tree := g.tree(g.mustCommit(hash).TreeHash)
	path := strings.Trim(c.r.PathValue("path"), "/")
	if path == "" {
		return c.directory(tree, "", ref)
	}
	entry, err := tree.FindEntry(path)
	if errors.Is(err, object.ErrEntryNotFound) || errors.Is(err, object.ErrDirectoryNotFound) {
		return nil, errNotFound
	}
	must(err)
	if entry.Mode == filemode.Dir {
		return c.directory(g.tree(entry.Hash), path, ref)
	}
	o := c.contentEntry(path, *entry, ref)
	if entry.Mode == filemode.Submodule {
		return ok(o.with(obj{"submodule_git_url": c.webURL("/submodule.git")}))
	}
	content, err := g.readBlob(entry.Hash)
	must(err)
	switch {
	case len(content) > contentsRawLimit:
		return nil, &apiError{
			status: http.StatusForbidden, message: "This API returns blobs up to 100 MB in size. The requested blob is too large to fetch via the API.",
			errors: []obj{{"resource": "Blob", "field": "data", "code": "too_large"}},
		}
	case c.accepts("raw"):
		return raw(content), nil
	case entry.Mode == filemode.Symlink:
		return ok(o.with(obj{"type": "symlink", "target": string(content)}))
	case len(content) > contentsLimit:
		return ok(o.with(obj{"encoding": "none", "content": ""}))
	}
	return ok(o.with(obj{"encoding": "base64", "content": base64Lines(content)}))
}

func raw(content []byte) *answer {
	if content == nil {
		content = []byte{}
	}
	return &answer{status: http.StatusOK, raw: content, kind: "application/vnd.github.raw; charset=utf-8"}
}

// base64Lines breaks base64 into lines of 60, as GitHub does.
func base64Lines(content []byte) string {
	encoded := base64.StdEncoding.EncodeToString(content)
	var b strings.Builder
	for line := range slices.Chunk([]byte(encoded), 60) {
		b.Write(line)
		b.WriteByte('\n')
	}
	return b.String()
}

func (c *call) contentEntry(path string, entry object.TreeEntry, ref string) obj {
	kind, size := "file", int64(0)
	switch entry.Mode {
	case filemode.Dir:
		kind = "dir"
	case filemode.Submodule:
		kind = "submodule"
	case filemode.Symlink:
		kind = "symlink"
	}
	gitURL := c.repo.apiURL("/git/trees/%s", entry.Hash)
	if kind == "file" || kind == "symlink" {
		blob, err := object.GetBlob(c.repo.git, entry.Hash)
		must(err)
		size, gitURL = blob.Size, c.repo.apiURL("/git/blobs/%s", entry.Hash)
	}
	self := c.repo.apiURL("/contents/%s?ref=%s", pathEscape(path), ref)
	web := c.repo.webURL("/blob/%s/%s", ref, pathEscape(path))
	return obj{
		"type": kind, "size": size, "name": path[strings.LastIndexByte(path, '/')+1:], "path": path, "sha": entry.Hash.String(), "url": self,
		"git_url": gitURL, "html_url": web, "download_url": c.repo.webURL("/raw/%s/%s", ref, pathEscape(path)),
		"_links": obj{"git": gitURL, "self": self, "html": web},
	}
}

func (c *call) directory(tree *object.Tree, path, ref string) (*answer, error) {
	out := []obj{}
	for _, entry := range tree.Entries {
		out = append(out, c.contentEntry(strings.TrimPrefix(path+"/"+entry.Name, "/"), entry, ref))
	}
	// A directory has at most 1,000 entries here; trees show the rest.
	return ok(out[:min(len(out), 1000)])
}
