package github_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/github"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/github/githubtest/contract"
	"github.com/lockkeeper/lockkeeper/scan"
)

// roundTrip is a transport that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

const publicToken = "ghp_somebodys-own-token"

// public reads w's repositories from outside; transport is nil for the usual one.
func (w *world) public(token string, transport http.RoundTripper) *github.Public {
	w.t.Helper()
	if transport == nil {
		transport = contract.New(nil, func(err error) { w.t.Error(err) })
	}
	p, err := github.NewPublic(github.Config{BaseURL: w.APIURL(), WebURL: "https://github.example.invalid", Transport: transport, Backoff: time.Millisecond}, token)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func foreign(owner, name string) scan.Repository {
	return scan.Repository{Host: "github.example.invalid", Owner: owner, Name: name}
}

// paths lists what a commit has below a directory.
func paths(t *testing.T, p scan.Repositories, r scan.Repository, id, under string) []string {
	t.Helper()
	tree, err := p.Commit(t.Context(), r, id, under)
	if err != nil {
		t.Fatal(err)
	}
	files, err := tree.Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range files {
		all = append(all, f.Path)
	}
	slices.Sort(all)
	return all
}

func TestPublic(t *testing.T) {
	w := newWorld(t, githubtest.Config{TreeLimit: 7})
	other := w.AddRepo("carol", "lib", githubtest.RepoOptions{NotInstalled: true, Files: map[string]string{
		"a/b/x": "x\n", "a/b/c/y": "y\n", "a/z": "z\n", "a/d/1": "1\n", "e/2": "2\n", "top": "t\n",
	}})
	other.Tag("v1", "main")
	other.Tag("lib/v2", "main")
	other.Branch("old/release", "main")
	first := other.Head("main")
	second := other.Commit("main", githubtest.CommitSpec{Message: "Second", Author: "carol", Files: map[string]string{"top": "t2\n"}})
	stray := other.CommitOn(first, githubtest.CommitSpec{Message: "Stray", Author: "carol", Files: map[string]string{"top": "evil\n"}})
	installed := w.client.Public()
	r := foreign("carol", "lib")
	for name, p := range map[string]*github.Public{"a token": w.public(w.UserToken("bob"), nil), "none": w.public("", nil), "the installation": installed} {
		t.Run(name, func(t *testing.T) {
			r := r
			if name == "the installation" {
				r.Host = strings.TrimPrefix(w.URL(), "http://")
			}
			if !p.Serves(strings.ToUpper(r.Host)) || p.Serves(r.Host+".invalid") || p.Serves("") {
				t.Error("serves another host, or not its own")
			}
			// The listing is truncated, so that directories are listed one by one.
			if got := strings.Join(paths(t, p, r, first, ""), " "); got != "a/b/c/y a/b/x a/d/1 a/z e/2 top" {
				t.Errorf("files are %s", got)
			}
			w.ResetRequests()
			if got := strings.Join(paths(t, p, r, first, "a/b"), " "); got != "a/b/c/y a/b/x a/z top" {
				t.Errorf("files around a/b are %s", got)
			}
			if n := w.CountRequests("GET", "/repos/carol/lib/git/trees"); n > 5 {
				t.Errorf("%d listings, where other directories are of no interest", n)
			}
			tree, err := p.Commit(t.Context(), r, second, "e")
			if err != nil {
				t.Fatal(err)
			}
			files, err := tree.Files(t.Context())
			if err != nil || len(files) != 2 {
				t.Fatalf("%v, %v", files, err)
			}
			slices.SortFunc(files, func(a, b lockkeeper.TreeFile) int { return strings.Compare(a.Path, b.Path) })
			if data, err := tree.Read(t.Context(), files[1], 100); err != nil || string(data) != "t2\n" {
				t.Errorf("%q, %v", data, err)
			}
			if _, err := tree.Read(t.Context(), files[0], 1); !errors.Is(err, scan.ErrUnreadable) {
				t.Errorf("too large a file: %v", err)
			}
			for tag, want := range map[string]string{"v1": first, "lib/v2": first} {
				if id, err := p.Tag(t.Context(), r, tag); err != nil || id != want {
					t.Errorf("tag %s: %s, %v", tag, id, err)
				}
			}
			for branch, want := range map[string][3]bool{"": {true, true, false}, "old/release": {true, false, false}} {
				for i, id := range []string{first, second, stray} {
					if on, err := p.Contains(t.Context(), r, branch, id); err != nil || on != want[i] {
						t.Errorf("branch %q has commit %d: %t, %v", branch, i, on, err)
					}
				}
			}
		})
	}
}

func TestPublicRefuses(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	private := w.AddRepo("acme", "secret", githubtest.RepoOptions{Private: true, Files: map[string]string{"x": "secret\n"}})
	none := strings.Repeat("ab", 20)
	mine := w.client.Public()
	own := strings.TrimPrefix(w.URL(), "http://")
	commit := func(p *github.Public, r scan.Repository, id string) error {
		_, err := p.Commit(t.Context(), r, id, "")
		return err
	}
	for name, test := range map[string]struct {
		err  error
		want error
	}{
		"no repository":              {commit(mine, scan.Repository{Host: own, Owner: "acme", Name: "none"}, none), scan.ErrNotThere},
		"no commit":                  {commit(mine, scan.Repository{Host: own, Owner: "acme", Name: "widget"}, none), scan.ErrNotThere},
		"a branch for a commit":      {commit(mine, scan.Repository{Host: own, Owner: "acme", Name: "widget"}, "main"), scan.ErrUnreadable},
		"the installation's private": {commit(mine, scan.Repository{Host: own, Owner: "acme", Name: "secret"}, private.Head("main")), scan.ErrNotThere},
		"another's private":          {commit(w.public("", nil), foreign("acme", "secret"), private.Head("main")), nil},
		"another host":               {commit(mine, scan.Repository{Host: "evil.invalid", Owner: "acme", Name: "widget"}, none), scan.ErrUnreadable},
		"a path for a name":          {commit(mine, scan.Repository{Host: own, Owner: "acme", Name: "../widget"}, none), scan.ErrUnreadable},
	} {
		if test.err == nil || test.want != nil && !errors.Is(test.err, test.want) {
			t.Errorf("%s: %v, want %v", name, test.err, test.want)
		}
	}
	widget := scan.Repository{Host: own, Owner: "acme", Name: "widget"}
	for _, tag := range []string{"none", "../heads/main", "a b", "a:b", "a?b", "", "x\n", strings.Repeat("x", 2000)} {
		if _, err := mine.Tag(t.Context(), widget, tag); !errors.Is(err, scan.ErrNotThere) && !errors.Is(err, scan.ErrUnreadable) {
			t.Errorf("tag %q: %v", tag, err)
		}
		if on, err := mine.Contains(t.Context(), widget, tag, w.base); tag != "" && (on || err == nil) {
			t.Errorf("branch %q: %t, %v", tag, on, err)
		}
	}
	w.AddFault(githubtest.Fault{Path: "/repos/acme/widget", Status: http.StatusBadGateway})
	if err := commit(w.client.Public(), widget, w.base); err == nil || errors.Is(err, scan.ErrNotThere) || errors.Is(err, scan.ErrUnreadable) {
		t.Errorf("GitHub is down: %v", err)
	}
	if _, err := github.NewPublic(github.Config{}, "a token\n"); err == nil || strings.Contains(err.Error(), "a token") {
		t.Errorf("a token with a line end: %v", err)
	}
}

// TestPromise5PublicFollowsNoRedirectElsewhere, and the token goes nowhere else.
func TestPromise5PublicFollowsNoRedirectElsewhere(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	for _, target := range []string{"https://evil.invalid/repos/acme/widget", "//evil.invalid/x", "http://evil.invalid:80/x"} {
		var asked []string
		p := w.public(publicToken, roundTrip(func(req *http.Request) (*http.Response, error) {
			asked = append(asked, req.URL.Host)
			return &http.Response{StatusCode: http.StatusFound, Header: http.Header{"Location": {target}}, Body: http.NoBody, Request: req}, nil
		}))
		_, err := p.Commit(t.Context(), foreign("acme", "widget"), w.base, "")
		if err == nil || !errors.Is(err, scan.ErrUnreadable) {
			t.Errorf("%s: %v", target, err)
		}
		if len(asked) != 1 || !strings.Contains(w.APIURL(), asked[0]) {
			t.Errorf("%s: asked %q", target, asked)
		}
		if strings.Contains(fmt.Sprint(err), publicToken) {
			t.Errorf("the token is in the error: %v", err)
		}
	}
}

// TestPromise10ThePublicTokenStaysSecret, in errors of whatever answers.
func TestPromise10ThePublicTokenStaysSecret(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	sent := ""
	p := w.public(publicToken, roundTrip(func(req *http.Request) (*http.Response, error) {
		sent = req.Header.Get("Authorization")
		return nil, fmt.Errorf("broken: %v", req.Header)
	}))
	_, err := p.Tag(t.Context(), foreign("acme", "widget"), "v1")
	if err == nil || strings.Contains(err.Error(), publicToken) || sent != "Bearer "+publicToken {
		t.Errorf("sent %q, %v", sent, err)
	}
}
