package githubtest_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/golang-jwt/jwt/v4"
	"github.com/google/go-github/v82/github"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

// code is the status of an answer, error or not.
func code[T any](_ T, resp *github.Response, _ error) int {
	if resp == nil {
		return 0
	}
	return resp.StatusCode
}

func TestAppAssertion(t *testing.T) {
	w := newWorld(t, githubtest.Config{AppID: 42})
	own, err := jwt.ParseRSAPrivateKeyFromPEM(w.PrivateKeyPEM())
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	now := w.clock.Now()
	claims := func(iss any, issued, expires time.Duration) jwt.MapClaims {
		return jwt.MapClaims{"iss": iss, "iat": now.Add(issued).Unix(), "exp": now.Add(expires).Unix()}
	}
	good := claims("42", -time.Minute, 9*time.Minute)
	for _, tt := range []struct {
		name   string
		method jwt.SigningMethod
		key    any
		claims jwt.MapClaims
		want   int
	}{
		{"as it should be", jwt.SigningMethodRS256, own, good, http.StatusOK},
		{"issuer as a number", jwt.SigningMethodRS256, own, claims(42, 0, time.Minute), http.StatusOK},
		{"issuer as the client id", jwt.SigningMethodRS256, own, claims(w.ClientID(), 0, time.Minute), http.StatusOK},
		{"another key", jwt.SigningMethodRS256, other, good, http.StatusUnauthorized},
		{"another App", jwt.SigningMethodRS256, own, claims("43", 0, time.Minute), http.StatusNotFound},
		{"expired", jwt.SigningMethodRS256, own, claims("42", -20*time.Minute, -time.Second), http.StatusUnauthorized},
		{"lives too long", jwt.SigningMethodRS256, own, claims("42", 0, time.Hour), http.StatusUnauthorized},
		{"from the future", jwt.SigningMethodRS256, own, claims("42", 5*time.Minute, 9*time.Minute), http.StatusUnauthorized},
		{"without an end", jwt.SigningMethodRS256, own, jwt.MapClaims{"iss": "42", "iat": now.Unix()}, http.StatusUnauthorized},
		{"another algorithm", jwt.SigningMethodRS512, own, good, http.StatusUnauthorized},
		{"signed with the public key as a secret", jwt.SigningMethodHS256, x509.MarshalPKCS1PublicKey(&own.PublicKey), good, http.StatusUnauthorized},
		{"not signed", jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good, http.StatusUnauthorized},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token, err := jwt.NewWithClaims(tt.method, tt.claims).SignedString(tt.key)
			if err != nil {
				t.Fatal(err)
			}
			if got := code(w.client(w.wire).WithAuthToken(token).Apps.Get(t.Context(), "")); got != tt.want {
				t.Errorf("status %d, want %d", got, tt.want)
			}
		})
	}
	for _, token := range []string{"x", "a.b.c", "..", "\"", "e30.e30.e30"} {
		if got := code(w.client(w.wire).WithAuthToken(token).Apps.Get(t.Context(), "")); got != http.StatusUnauthorized {
			t.Errorf("%q: status %d", token, got)
		}
	}
}

func TestInstallationTokens(t *testing.T) {
	w := newWorld(t, defaults)
	w.AddRepo("acme", "second", githubtest.RepoOptions{Private: true})
	w.AddRepo("acme", "unseen", githubtest.RepoOptions{NotInstalled: true, Private: true})
	w.AddRepo("acme", "open", githubtest.RepoOptions{NotInstalled: true})
	foreign := w.AddRepo("bob", "own", githubtest.RepoOptions{Private: true})
	ctx, app := t.Context(), w.app()
	get := func(token, owner, name string) int {
		return code(w.client(w.wire).WithAuthToken(token).Repositories.Get(ctx, owner, name))
	}
	mint := func(opts *github.InstallationTokenOptions) string {
		t.Helper()
		token, _, err := app.Apps.CreateInstallationToken(ctx, w.repo.InstallationID(), opts)
		if err != nil {
			t.Fatal(err)
		}
		return token.GetToken()
	}
	all := mint(nil)
	for repo, want := range map[string]int{"acme/widget": 200, "acme/second": 200, "acme/unseen": 404, "acme/open": 200, "bob/own": 404, "acme/none": 404} {
		owner, name, _ := strings.Cut(repo, "/")
		if got := get(all, owner, name); got != want {
			t.Errorf("%s: %d, want %d", repo, got, want)
		}
	}
	if foreign.InstallationID() == w.repo.InstallationID() {
		t.Error("two accounts share an installation")
	}
	one := mint(&github.InstallationTokenOptions{RepositoryIDs: []int64{w.repo.ID}, Permissions: &github.InstallationPermissions{Contents: github.Ptr("read")}})
	if got := get(one, "acme", "second"); got != http.StatusNotFound {
		t.Errorf("a token for one repository reads another: %d", got)
	}
	narrow := w.client(w.wire).WithAuthToken(one)
	if got := code(narrow.Git.GetTree(ctx, "acme", "widget", w.pull.Head(), false)); got != http.StatusOK {
		t.Errorf("contents: %d", got)
	}
	if got := code(narrow.PullRequests.Get(ctx, "acme", "widget", 1)); got != http.StatusForbidden {
		t.Errorf("pull requests without the permission: %d", got)
	}
	if got := code(narrow.Git.CreateBlob(ctx, "acme", "widget", github.Blob{Content: github.Ptr("x"), Encoding: github.Ptr("utf-8")})); got != http.StatusForbidden {
		t.Errorf("write with read: %d", got)
	}
	tooMuch := &github.InstallationTokenOptions{Permissions: &github.InstallationPermissions{Administration: github.Ptr("write")}}
	if got := code(app.Apps.CreateInstallationToken(ctx, w.repo.InstallationID(), tooMuch)); got != http.StatusUnprocessableEntity {
		t.Errorf("more than granted: %d", got)
	}
	unseen := &github.InstallationTokenOptions{Repositories: []string{"unseen"}}
	if got := code(app.Apps.CreateInstallationToken(ctx, w.repo.InstallationID(), unseen)); got != http.StatusUnprocessableEntity {
		t.Errorf("a repository without the App: %d", got)
	}
	if got := code(app.Repositories.Get(ctx, "acme", "second")); got != http.StatusUnauthorized {
		t.Errorf("the App's assertion in place of a token: %d", got)
	}
	if got := code(w.client(w.wire).Repositories.Get(ctx, "acme", "second")); got != http.StatusUnauthorized {
		t.Errorf("no token: %d", got)
	}
	// What is public everybody may read, and nothing else of it.
	for name, gh := range map[string]*github.Client{"no token": w.client(w.wire), "a user's": w.client(w.wire).WithAuthToken(w.UserToken("carol"))} {
		if _, _, err := gh.Git.GetTree(ctx, "acme", "widget", "main", true); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := code(gh.Checks.ListCheckRunsForRef(ctx, "acme", "widget", "main", nil)); got != http.StatusNotFound {
			t.Errorf("%s lists checks: %d", name, got)
		}
	}

	w.clock.Advance(59 * time.Minute)
	if got := get(all, "acme", "widget"); got != http.StatusOK {
		t.Errorf("after 59 minutes: %d", got)
	}
	w.clock.Advance(time.Minute)
	if got := get(all, "acme", "widget"); got != http.StatusUnauthorized {
		t.Errorf("after an hour: %d", got)
	}
}

func TestSuspendedAndRevoked(t *testing.T) {
	w := newWorld(t, defaults)
	c := w.installed()
	get := func() int { return code(c.Repositories.Get(t.Context(), "acme", "widget")) }
	if got := get(); got != http.StatusOK {
		t.Fatal(got)
	}
	w.repo.Suspend(true)
	if got := get(); got != http.StatusForbidden {
		t.Errorf("suspended: %d", got)
	}
	w.repo.Suspend(false)
	w.RevokeTokens()
	if got := get(); got != http.StatusUnauthorized {
		t.Errorf("revoked: %d", got)
	}
	c = w.installed()
	w.repo.Uninstall()
	if _, _, err := w.app().Apps.FindRepositoryInstallation(t.Context(), "acme", "widget"); err == nil {
		t.Error("the App is still installed")
	}
}

func TestRateLimit(t *testing.T) {
	w := newWorld(t, githubtest.Config{RateLimit: 3})
	// go-github remembers limits and then refuses by itself: a new client each time.
	token := w.repo.Token()
	get := func(etag string) (status, remaining int, tag string) {
		t.Helper()
		c := w.client(w.wire).WithAuthToken(token)
		req, err := c.NewRequest(http.MethodGet, "repos/acme/widget", nil)
		if err != nil {
			t.Fatal(err)
		}
		if etag != "" {
			req.Header.Set("If-None-Match", etag)
		}
		resp, err := c.Do(t.Context(), req, nil)
		if resp == nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Rate.Remaining, resp.Header.Get("ETag")
	}
	var tag string
	for want := 2; want >= 0; want-- {
		var status, remaining int
		if status, remaining, tag = get(""); status != http.StatusOK || remaining != want {
			t.Errorf("status %d, %d remaining, want %d", status, remaining, want)
		}
	}
	w.clock.Advance(time.Hour - time.Second)
	if status, _, _ := get(""); status != http.StatusForbidden {
		t.Errorf("above the limit: %d", status)
	}
	w.clock.Advance(time.Second)
	token = w.repo.Token()
	if status, remaining, _ := get(tag); status != http.StatusOK || remaining != 2 {
		t.Errorf("with the ETag of another token, in the next hour: %d, %d remaining", status, remaining)
	}
	_, _, tag = get("")
	// An answer that the caller has already costs nothing.
	for range 5 {
		if status, remaining, again := get(tag); status != http.StatusNotModified || remaining != 1 || again != tag {
			t.Errorf("with its ETag: %d, %d remaining, %s", status, remaining, again)
		}
	}
	if used := w.Used("acme"); used != 2 {
		t.Errorf("%d requests count, want 2", used)
	}
	w.repo.Commit("main", githubtest.CommitSpec{Message: "Changes the repository", Author: "alice", Files: map[string]string{"x": "x"}})
	w.repo.OpenPull("carol", "main", "feature", "Backwards", "")
	if status, _, _ := get(tag); status != http.StatusOK {
		t.Errorf("with an ETag of before: %d", status)
	}
}

func TestPrivateKey(t *testing.T) {
	w := newWorld(t, defaults)
	block, rest := pem.Decode(w.PrivateKeyPEM())
	if block == nil || len(rest) > 0 || block.Type != "RSA PRIVATE KEY" {
		t.Fatalf("not a PEM key: %v", block)
	}
	if _, err := ghinstallation.NewAppsTransport(nil, 1, w.PrivateKeyPEM()); err != nil {
		t.Error(err)
	}
}

// A token that lives shorter than it says is refused once its life is over.
func TestTokenLife(t *testing.T) {
	w := newWorld(t, githubtest.Config{TokenLife: 3 * time.Second})
	token, _, err := w.app().Apps.CreateInstallationToken(t.Context(), w.repo.InstallationID(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if left := token.GetExpiresAt().Sub(w.clock.Now()); left < 59*time.Minute {
		t.Errorf("it says that it lives for %s", left)
	}
	for _, want := range []int{http.StatusOK, http.StatusUnauthorized} {
		if got := code(w.client(w.wire).WithAuthToken(token.GetToken()).Repositories.Get(t.Context(), "acme", "widget")); got != want {
			t.Errorf("status %d, want %d", got, want)
		}
		w.clock.Advance(4 * time.Second)
	}
}
