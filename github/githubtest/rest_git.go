package githubtest

import (
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

var gitRoutes = map[string]route{
	"GET /repos/{owner}/{repo}/git/blobs/{sha}":            {public: true, need: "contents:read", run: getBlob},
	"POST /repos/{owner}/{repo}/git/blobs":                 {need: "contents:write", run: createBlob},
	"GET /repos/{owner}/{repo}/git/trees/{sha...}":         {public: true, need: "contents:read", run: getTree},
	"POST /repos/{owner}/{repo}/git/trees":                 {need: "contents:write", run: createTree},
	"GET /repos/{owner}/{repo}/git/commits/{sha}":          {need: "contents:read", run: getGitCommit},
	"POST /repos/{owner}/{repo}/git/commits":               {need: "contents:write", run: createCommit},
	"GET /repos/{owner}/{repo}/git/ref/{ref...}":           {need: "contents:read", run: getRef},
	"GET /repos/{owner}/{repo}/git/matching-refs/{ref...}": {need: "contents:read", run: matchingRefs},
	"POST /repos/{owner}/{repo}/git/refs":                  {need: "contents:write", run: createRef},
	"PATCH /repos/{owner}/{repo}/git/refs/{ref...}":        {need: "contents:write", run: updateRef},
	"DELETE /repos/{owner}/{repo}/git/refs/{ref...}":       {need: "contents:write", run: deleteRef},
}

func getBlob(c *call) (*answer, error) {
	sha := c.r.PathValue("sha")
	if !plumbing.IsHash(sha) {
		return nil, invalidRequest("The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
	}
	content, err := c.repo.git.readBlob(plumbing.NewHash(sha))
	if err != nil {
		return nil, errNotFound
	}
	if c.accepts("raw") {
		return raw(content), nil
	}
	return ok(obj{
		"sha": sha, "node_id": nodeID("Blob "+sha, c.repo.ID), "size": len(content), "url": c.repo.apiURL("/git/blobs/%s", sha),
		"content": base64Lines(content), "encoding": "base64",
	})
}

func createBlob(c *call) (*answer, error) {
	var in struct{ Content, Encoding string }
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	content := []byte(in.Content)
	if in.Encoding == "base64" {
		var err error
		if content, err = base64.StdEncoding.DecodeString(in.Content); err != nil {
			return nil, invalidRequest("content is not valid Base64")
		}
	}
	sha := c.repo.git.writeBlob(content).String()
	return created(obj{"sha": sha, "url": c.repo.apiURL("/git/blobs/%s", sha)})
}

// getTree takes a tree, or anything that leads to one. "recursive" counts with
// any value at all, "0" and "false" included, as at GitHub.
func getTree(c *call) (*answer, error) {
	sha := c.r.PathValue("sha")
	g := c.repo.git
	var hash plumbing.Hash
	if commit, found := g.resolve(sha); found {
		hash = g.mustCommit(commit).TreeHash
	} else {
		hash = plumbing.NewHash(sha)
	}
	tree, err := object.GetTree(g, hash)
	if err != nil || !plumbing.IsHash(hash.String()) {
		return nil, errNotFound
	}
	entries, truncated := c.treeEntries(tree, c.r.URL.Query().Has("recursive"))
	return ok(obj{
		"sha": hash.String(), "url": c.repo.apiURL("/git/trees/%s", hash), "tree": entries, "truncated": truncated,
	})
}

func (c *call) treeEntries(tree *object.Tree, recursive bool) (entries []obj, truncated bool) {
	walker := object.NewTreeWalker(tree, recursive, nil)
	defer walker.Close()
	entries = []obj{}
	for {
		name, entry, err := walker.Next()
		if err == io.EOF {
			return entries, false
		}
		must(err)
		if recursive && len(entries) == c.cfg.TreeLimit {
			return entries, true
		}
		entries = append(entries, c.treeEntry(name, entry))
	}
}

func (c *call) treeEntry(path string, entry object.TreeEntry) obj {
	o := obj{"path": path, "mode": fmt.Sprintf("%06o", uint32(entry.Mode)), "sha": entry.Hash.String()}
	switch entry.Mode {
	case filemode.Dir:
		o["type"], o["url"] = "tree", c.repo.apiURL("/git/trees/%s", entry.Hash)
	case filemode.Submodule:
		o["type"] = "commit"
	default:
		blob, err := object.GetBlob(c.repo.git, entry.Hash)
		must(err)
		o["type"], o["size"], o["url"] = "blob", blob.Size, c.repo.apiURL("/git/blobs/%s", entry.Hash)
	}
	return o
}

type treeInput struct {
	BaseTree string `json:"base_tree"`
	Tree     []struct {
		Path    string  `json:"path"`
		Mode    string  `json:"mode"`
		Type    string  `json:"type"`
		SHA     *string `json:"sha"`
		Content *string `json:"content"`
	} `json:"tree"`
}

// createTree writes entries into a copy of base_tree; one with neither sha nor
// content is removed.
func createTree(c *call) (*answer, error) {
	var in treeInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	g := c.repo.git
	files := map[string]treeFile{}
	if in.BaseTree != "" {
		hash := plumbing.NewHash(in.BaseTree)
		if commit, found := g.resolve(in.BaseTree); found {
			hash = g.mustCommit(commit).TreeHash
		}
		if _, err := object.GetTree(g, hash); err != nil {
			return nil, invalidRequest("base_tree is not a valid tree oid")
		}
		files = g.files(hash)
	}
	for _, e := range in.Tree {
		mode, err := filemode.New(e.Mode)
		if err != nil || mode == filemode.Dir || !fs.ValidPath(e.Path) || e.Path == "." || strings.ContainsRune(e.Path, 0) {
			return nil, invalidRequest("tree.path contains a malformed path component")
		}
		switch {
		case e.Content != nil:
			place(files, e.Path, treeFile{mode, g.writeBlob([]byte(*e.Content))})
		case e.SHA == nil:
			delete(files, e.Path)
		default:
			hash := plumbing.NewHash(*e.SHA)
			if _, known := g.Blobs[hash]; !known && mode != filemode.Submodule {
				return nil, invalidRequest("tree.sha " + *e.SHA + " is not a valid blob")
			}
			place(files, e.Path, treeFile{mode, hash})
		}
	}
	hash := g.writeTree(files)
	entries, _ := c.treeEntries(g.tree(hash), false)
	return created(obj{"sha": hash.String(), "url": c.repo.apiURL("/git/trees/%s", hash), "tree": entries, "truncated": false})
}

func getGitCommit(c *call) (*answer, error) {
	commit, err := c.repo.git.commit(plumbing.NewHash(c.r.PathValue("sha")))
	if err != nil {
		return nil, errNotFound
	}
	return ok(c.repo.gitCommitJSON(commit))
}

type personInput struct{ Name, Email, Date string }

// signature is the person that was sent, or otherwise in its place.
func (p *personInput) signature(otherwise object.Signature) (object.Signature, error) {
	if p == nil {
		return otherwise, nil
	}
	if p.Name == "" || p.Email == "" || strings.ContainsAny(p.Name+p.Email, "<>\n\x00") {
		return otherwise, invalidRequest("name or email is malformed")
	}
	when := otherwise.When
	if p.Date != "" {
		var err error
		if when, err = time.Parse(time.RFC3339, p.Date); err != nil {
			return otherwise, invalidRequest("date is not in ISO 8601")
		}
	}
	return object.Signature{Name: p.Name, Email: p.Email, When: when.UTC()}, nil
}

func createCommit(c *call) (*answer, error) {
	var in struct {
		Message           string
		Tree              string
		Parents           []string
		Author, Committer *personInput
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	g := c.repo.git
	if _, err := object.GetTree(g, plumbing.NewHash(in.Tree)); err != nil || in.Message == "" {
		return nil, invalidRequest("Tree SHA does not exist")
	}
	bot := object.Signature{Name: c.appAccount.Login, Email: c.appAccount.Email, When: c.now()}
	author, err := in.Author.signature(bot)
	if err != nil {
		return nil, err
	}
	committer, err := in.Committer.signature(author)
	if err != nil {
		return nil, err
	}
	var parents []plumbing.Hash
	for _, p := range in.Parents {
		if _, err := g.commit(plumbing.NewHash(p)); err != nil {
			return nil, invalidRequest("Parent SHA does not exist or is not a commit object")
		}
		parents = append(parents, plumbing.NewHash(p))
	}
	hash := g.encode(&object.Commit{
		Author: author, Committer: committer, Message: in.Message, TreeHash: plumbing.NewHash(in.Tree), ParentHashes: parents,
	})
	return created(c.repo.gitCommitJSON(g.mustCommit(hash)))
}

func getRef(c *call) (*answer, error) {
	if len(c.repo.git.ReferenceStorage) == 0 {
		return nil, &apiError{status: http.StatusConflict, message: "Git Repository is empty."}
	}
	name := plumbing.ReferenceName("refs/" + c.r.PathValue("ref"))
	ref, found := c.repo.git.ReferenceStorage[name]
	if !found {
		return nil, errNotFound
	}
	return ok(c.repo.refJSON(name, ref.Hash()))
}

func matchingRefs(c *call) (*answer, error) {
	out := []obj{}
	for name, ref := range c.repo.git.ReferenceStorage {
		if strings.HasPrefix(name.String(), "refs/"+c.r.PathValue("ref")) {
			out = append(out, c.repo.refJSON(name, ref.Hash()))
		}
	}
	return ok(out)
}

func createRef(c *call) (*answer, error) {
	var in struct{ Ref, SHA string }
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	name := plumbing.ReferenceName(in.Ref)
	if strings.Count(in.Ref, "/") < 2 || name.Validate() != nil {
		return nil, invalidRequest("Reference name must start with 'refs' and have at least two slashes.")
	}
	if _, exists := c.repo.git.ReferenceStorage[name]; exists {
		return nil, invalidRequest("Reference already exists")
	}
	hash := plumbing.NewHash(in.SHA)
	if _, err := c.repo.git.commit(hash); err != nil {
		return nil, invalidRequest("Object does not exist")
	}
	c.repo.updateRef(name, hash, c.appAccount)
	return created(c.repo.refJSON(name, hash))
}

func updateRef(c *call) (*answer, error) {
	var in struct {
		SHA   string
		Force bool
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	name := plumbing.ReferenceName("refs/" + c.r.PathValue("ref"))
	old, exists := c.repo.git.ReferenceStorage[name]
	if !exists {
		return nil, invalidRequest("Reference does not exist")
	}
	hash := plumbing.NewHash(in.SHA)
	if _, err := c.repo.git.commit(hash); err != nil {
		return nil, invalidRequest("Object does not exist")
	}
	if !in.Force && !c.repo.git.ancestors(hash)[old.Hash()] {
		return nil, invalidRequest("Update is not a fast forward")
	}
	c.repo.updateRef(name, hash, c.appAccount)
	return ok(c.repo.refJSON(name, hash))
}

func deleteRef(c *call) (*answer, error) {
	name := plumbing.ReferenceName("refs/" + c.r.PathValue("ref"))
	if _, exists := c.repo.git.ReferenceStorage[name]; !exists {
		return nil, &apiError{status: http.StatusUnprocessableEntity, message: "Reference does not exist"}
	}
	c.repo.updateRef(name, plumbing.ZeroHash, c.appAccount)
	return noContent()
}
