// Package forge is a GitHub on loopback whose repositories come from the sections of
// a txtar text, read as somebody who has no part in them. Replays of incidents and
// measurements compare archives with it.
package forge

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/github/githubtest/contract"
)

// Host is where the repositories have their pages. Nothing is served there: the API
// is elsewhere, as GitHub's is.
const Host = "github.example.invalid"

// Forge is a GitHub with some repositories. Close it.
type Forge struct {
	*githubtest.Server
	// Seen are the hosts that requests went to, in order; 10,000 at most.
	Seen chan string

	web  *httptest.Server
	wire http.RoundTripper
}

// appKey is one for all: making one takes a while.
var appKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// New starts a Forge without repositories. Requests and answers that GitHub's own
// description does not know are handed to broken.
func New(broken func(error)) (*Forge, error) {
	key, err := appKey()
	if err != nil {
		return nil, err
	}
	server, err := githubtest.New(githubtest.Config{PrivateKey: key})
	if err != nil {
		return nil, err
	}
	f := &Forge{Server: server, Seen: make(chan string, 10_000), web: httptest.NewServer(server)}
	server.SetURL(f.web.URL)
	f.wire = hosts{contract.New(http.DefaultTransport, broken), f.Seen}
	return f, nil
}

// Public is a reader of the repositories that has asked nothing yet.
func (f *Forge) Public() (*github.Public, error) {
	return github.NewPublic(github.Config{BaseURL: f.APIURL(), WebURL: "https://" + Host, Transport: f.wire, Backoff: time.Millisecond}, "")
}

// Close ends it.
func (f *Forge) Close() {
	f.Server.Close()
	f.web.Close()
}

// hosts notes which hosts requests went to.
type hosts struct {
	next http.RoundTripper
	seen chan string
}

func (h hosts) RoundTrip(req *http.Request) (*http.Response, error) {
	h.seen <- req.URL.Host
	return h.next.RoundTrip(req)
}

// Ensure gives the repository OWNER/NAME, made if it is not there yet.
func (f *Forge) Ensure(owner, name string) *githubtest.Repo {
	if r := f.Repo(owner, name); r != nil {
		return r
	}
	f.AddUser(owner)
	return f.AddRepo(owner, name, githubtest.RepoOptions{NotInstalled: true})
}

// Load makes commits of the files "repositories/OWNER/NAME/REVISION/PATH", those
// of a revision being all of its tree. Each revision is a commit on main and a tag
// of its name; one that begins with "fork-" is on no branch and has no tag.
// replace puts ids in the place of {{commit:OWNER/NAME@REVISION}}.
func (f *Forge) Load(files []txtar.File) (replace *strings.Replacer, err error) {
	type revision struct{ owner, name, rev string }
	var order []revision
	trees := map[revision]map[string]string{}
	for _, file := range files {
		parts := strings.SplitN(file.Name, "/", 5)
		if parts[0] != "repositories" {
			continue
		}
		if len(parts) < 5 {
			return nil, fmt.Errorf("%s: want repositories/OWNER/NAME/REVISION/PATH", file.Name)
		}
		r := revision{parts[1], parts[2], parts[3]}
		if trees[r] == nil {
			trees[r] = map[string]string{}
			order = append(order, r)
		}
		trees[r][parts[4]] = string(file.Data)
	}
	var pairs []string
	before := map[string]map[string]string{}
	for i, r := range order {
		full, repo := r.owner+"/"+r.name, f.Ensure(r.owner, r.name)
		spec := githubtest.CommitSpec{Message: r.rev, Files: trees[r], Time: time.Date(2020, 1, 1, i, 0, 0, 0, time.UTC)}
		for path := range before[full] {
			if _, ok := trees[r][path]; !ok {
				spec.Delete = append(spec.Delete, path)
			}
		}
		slices.Sort(spec.Delete)
		var id string
		if strings.HasPrefix(r.rev, "fork-") {
			id = repo.CommitOn(repo.Head("main"), spec)
		} else {
			id = repo.Commit("main", spec)
			repo.Tag(r.rev, id)
			before[full] = trees[r]
		}
		pairs = append(pairs, "{{commit:"+full+"@"+r.rev+"}}", id)
	}
	return strings.NewReplacer(pairs...), nil
}

// Side gives the sections of one side of a replay: those below "SIDE/" without that,
// and those of no side. Ids of commits are put into their place.
func (f *Forge) Side(archive *txtar.Archive, side string, others ...string) ([]txtar.File, error) {
	var repositories, rest []txtar.File
	for _, file := range archive.Files {
		first, name, _ := strings.Cut(file.Name, "/")
		switch {
		case first == "repositories":
			repositories = append(repositories, file)
		case first == side && strings.HasPrefix(name, "repositories/"):
			repositories = append(repositories, txtar.File{Name: name, Data: file.Data})
		case first == side:
			rest = append(rest, txtar.File{Name: name, Data: file.Data})
		case !slices.Contains(others, first):
			rest = append(rest, file)
		}
	}
	commits, err := f.Load(repositories)
	if err != nil {
		return nil, err
	}
	for i := range rest {
		rest[i].Data = []byte(commits.Replace(string(rest[i].Data)))
	}
	return rest, nil
}
