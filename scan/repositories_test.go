package scan_test

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/github/githubtest/contract"
	"github.com/lockkeeper/lockkeeper/scan"
)

// forgeHost is where the repositories of tests have their pages. Nothing is served
// there: the API is elsewhere, as GitHub's is.
const forgeHost = "github.example.invalid"

// forge is a GitHub with the repositories of a test.
type forge struct {
	*githubtest.Server
	t     *testing.T
	dials *hosts
}

// hosts notes which hosts requests went to.
type hosts struct {
	next http.RoundTripper
	seen chan string
}

func (h *hosts) RoundTrip(req *http.Request) (*http.Response, error) {
	h.seen <- req.URL.Host
	return h.next.RoundTrip(req)
}

// appKey is one for all tests: making one takes a while.
var appKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newForge(t *testing.T) *forge {
	t.Helper()
	key, err := appKey()
	if err != nil {
		t.Fatal(err)
	}
	server, err := githubtest.New(githubtest.Config{PrivateKey: key})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(func() { server.Close(); web.Close() })
	server.SetURL(web.URL)
	wire := contract.New(http.DefaultTransport, func(err error) { t.Error(err) })
	return &forge{Server: server, t: t, dials: &hosts{next: wire, seen: make(chan string, 10_000)}}
}

// repositories reads as somebody who has no part in any of them.
func (f *forge) repositories() scan.Repositories {
	f.t.Helper()
	public, err := github.NewPublic(github.Config{
		BaseURL: f.APIURL(), WebURL: "https://" + forgeHost, Transport: f.dials, Backoff: time.Millisecond,
	}, "")
	if err != nil {
		f.t.Fatal(err)
	}
	return public
}

// repo is the repository OWNER/NAME, made if it is not there yet.
func (f *forge) repo(owner, name string) *githubtest.Repo {
	if r := f.Repo(owner, name); r != nil {
		return r
	}
	f.AddUser(owner)
	return f.AddRepo(owner, name, githubtest.RepoOptions{NotInstalled: true})
}

// load makes commits of the files "repositories/OWNER/NAME/REVISION/PATH", those
// of a revision being all of its tree. Each revision is a commit on main and a tag
// of its name; one that begins with "fork-" is on no branch and has no tag.
// replace puts ids in the place of {{commit:OWNER/NAME@REVISION}}.
func (f *forge) load(files []txtar.File) (replace *strings.Replacer) {
	f.t.Helper()
	type revision struct{ owner, name, rev string }
	var order []revision
	trees := map[revision]map[string]string{}
	for _, file := range files {
		parts := strings.SplitN(file.Name, "/", 5)
		if parts[0] != "repositories" {
			continue
		}
		if len(parts) < 5 {
			f.t.Fatalf("%s: want repositories/OWNER/NAME/REVISION/PATH", file.Name)
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
		full, repo := r.owner+"/"+r.name, f.repo(r.owner, r.name)
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
	return strings.NewReplacer(pairs...)
}
