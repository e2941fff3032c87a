package github

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/policy"
)

func TestCoAuthors(t *testing.T) {
	const noreply = "users.noreply.github.com"
	for _, tt := range []struct {
		name, message string
		want          []CoAuthor
	}{
		{"none", "Update ring\n\nCo-authored: no\n", nil},
		{"by id", "x\n\nCo-authored-by: Alice <52+alice@users.noreply.github.com>",
			[]CoAuthor{{Name: "Alice", Email: "52+alice@users.noreply.github.com", ID: 52, Login: "alice"}}},
		{"a bot", "x\n\nCo-authored-by: dependabot[bot] <49+dependabot[bot]@users.noreply.github.com>",
			[]CoAuthor{{Name: "dependabot[bot]", Email: "49+dependabot[bot]@users.noreply.github.com", ID: 49, Login: "dependabot[bot]"}}},
		{"any case, any place", "CO-AUTHORED-BY: Bob <BOB@example.invalid>\r\n\r\ntext\n",
			[]CoAuthor{{Name: "Bob", Email: "BOB@example.invalid"}}},
		{"noreply without an id", "co-authored-by: Bob <bob@users.noreply.github.com>",
			[]CoAuthor{{Name: "Bob", Email: "bob@users.noreply.github.com"}}},
		{"another server's noreply", "co-authored-by: Bob <52+bob@users.noreply.ghe.example.invalid>",
			[]CoAuthor{{Name: "Bob", Email: "52+bob@users.noreply.ghe.example.invalid"}}},
		{"no number", "co-authored-by: Bob <-1+bob@users.noreply.github.com>",
			[]CoAuthor{{Name: "Bob", Email: "-1+bob@users.noreply.github.com"}}},
		{"no address", "co-authored-by: Bob", []CoAuthor{{Name: "Bob"}}},
		{"brackets the wrong way round", "co-authored-by: > Bob <", []CoAuthor{{Name: "> Bob <"}}},
		{"the last brackets", "co-authored-by: <1+a@users.noreply.github.com> <2+b@users.noreply.github.com>",
			[]CoAuthor{{Name: "<1+a@users.noreply.github.com>", Email: "2+b@users.noreply.github.com", ID: 2, Login: "b"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, coAuthors(tt.message, noreply)); diff != "" {
				t.Error(diff)
			}
		})
	}
	many := coAuthors(strings.Repeat("co-authored-by: Bob\n", maxCoAuthors+20), noreply)
	if len(many) != maxCoAuthors+1 || many[maxCoAuthors].ID != 0 {
		t.Errorf("%d co-authors, the last of them %+v; want %d and one unknown", len(many), many[len(many)-1], maxCoAuthors)
	}
}

func FuzzCoAuthors(f *testing.F) {
	f.Add("x\n\nCo-authored-by: Alice <52+alice@users.noreply.github.com>")
	f.Add("co-authored-by:<>\rco-authored-by:")
	f.Fuzz(func(t *testing.T, message string) {
		for _, who := range coAuthors(message, "users.noreply.github.com") {
			if who.ID < 0 || (who.ID == 0) != (who.Login == "") {
				t.Errorf("%+v", who)
			}
		}
	})
}

func TestRoleOf(t *testing.T) {
	for _, tt := range []struct {
		role, permission string
		want             policy.Permission
	}{
		{"admin", "admin", policy.Admin},
		{"maintain", "write", policy.Maintain},
		{"write", "write", policy.Write},
		{"triage", "read", policy.Triage},
		{"read", "read", policy.Read},
		{"none", "none", policy.None},
		{"", "write", policy.Write},
		{"release-team", "write", policy.Write},
		{"release-team", "admin", policy.Admin},
		// What the name claims must fit what it is built on.
		{"admin", "read", policy.Read},
		{"maintain", "read", policy.Read},
		{"maintain", "none", policy.None},
		{"", "", policy.None},
		{"owner", "owner", policy.None},
	} {
		if got := roleOf(tt.role, tt.permission, nil); got != tt.want {
			t.Errorf("roleOf(%q, %q) = %s, want %s", tt.role, tt.permission, got, tt.want)
		}
	}
	built := map[string]bool{"pull": true, "triage": true, "push": true, "maintain": true}
	for permission, want := range map[string]policy.Permission{"write": policy.Maintain, "read": policy.Triage, "none": policy.None, "admin": policy.Admin} {
		if got := roleOf("release-team", permission, built); got != want {
			t.Errorf("a custom role with %s = %s, want %s", permission, got, want)
		}
	}
}

func TestLimitedUntil(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, tt := range []struct {
		name    string
		status  int
		header  map[string]string
		message string
		want    time.Duration // 0: not limited
	}{
		{"primary", 403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": fmt.Sprint(now.Unix() + 600)}, "", 601 * time.Second},
		{"primary by GitHub's clock", 429, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": fmt.Sprint(now.Unix() + 600),
			"Date": now.Add(500 * time.Second).UTC().Format(http.TimeFormat)}, "", 101 * time.Second},
		{"primary without a reset", 403, map[string]string{"X-RateLimit-Remaining": "0"}, "", time.Minute},
		{"secondary", 403, map[string]string{"Retry-After": "30", "X-RateLimit-Remaining": "4000"}, "", 30 * time.Second},
		{"secondary with a date", 429, map[string]string{"Retry-After": now.Add(40 * time.Second).UTC().Format(http.TimeFormat)}, "", 40 * time.Second},
		{"secondary by message", 403, nil, "You have exceeded a secondary rate limit. Please wait.", time.Minute},
		{"429 alone", 429, nil, "", time.Minute},
		{"absurdly long", 429, map[string]string{"Retry-After": "2000000000"}, "", longestWait},
		{"in the past", 403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "5"}, "", time.Second},
		{"negative", 429, map[string]string{"Retry-After": "-7"}, "", time.Second},
		{"forbidden", 403, map[string]string{"X-RateLimit-Remaining": "12"}, "Resource not accessible by integration", 0},
		{"another status", 500, map[string]string{"Retry-After": "30"}, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := &http.Response{StatusCode: tt.status, Header: http.Header{}}
			for k, v := range tt.header {
				resp.Header.Set(k, v)
			}
			until, limited := limitedUntil(resp, tt.message, now)
			if limited != (tt.want != 0) {
				t.Fatalf("limited: %v", limited)
			}
			if limited && until.Sub(now) != tt.want {
				t.Errorf("wait %v, want %v", until.Sub(now), tt.want)
			}
		})
	}
}

func TestDecodeTree(t *testing.T) {
	for _, tt := range []struct {
		name, in  string
		paths     []string
		truncated bool
		err       string
	}{
		{"plain", `{"sha":"x","url":{"a":[1]},"tree":[{"path":"a","mode":"100644","type":"blob","sha":"y","size":3}],"truncated":false}`, []string{"a"}, false, ""},
		{"truncated first", `{"truncated":true,"tree":[]}`, nil, true, ""},
		{"no tree", `{"truncated":false}`, nil, false, "lacks"},
		{"no truncated", `{"tree":[]}`, nil, false, "lacks"},
		{"an error's body", `{"message":"Not Found"}`, nil, false, "lacks"},
		{"breaks off", `{"tree":[{"path":"a"}`, []string{"a"}, false, "EOF"},
		{"breaks off later", `{"tree":[],"truncated":false`, nil, false, "EOF"},
		{"a list", `[]`, nil, false, "where { should be"},
		{"tree is null", `{"tree":null,"truncated":false}`, nil, false, "where [ should be"},
		{"empty path", `{"tree":[{"path":""}],"truncated":false}`, nil, false, "impossible path"},
		{"NUL", `{"tree":[{"path":"a\u0000b"}],"truncated":false}`, nil, false, "impossible path"},
		{"HTML", `<html>`, nil, false, "invalid character"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var paths []string
			truncated, err := decodeTree(strings.NewReader(tt.in), func(e treeEntry) error {
				paths = append(paths, e.Path)
				return nil
			})
			if fmt.Sprint(err) != "<nil>" && (tt.err == "" || !strings.Contains(err.Error(), tt.err)) || err == nil && tt.err != "" {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if diff := cmp.Diff(tt.paths, paths); diff != "" {
				t.Error(diff)
			}
			if truncated != tt.truncated {
				t.Errorf("truncated %v", truncated)
			}
		})
	}
}

func FuzzDecodeTree(f *testing.F) {
	f.Add([]byte(`{"sha":"x","tree":[{"path":"a","mode":"100644","type":"blob","sha":"y","size":3}],"truncated":false}`))
	f.Add([]byte(`{"truncated":true,"tree":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		w := &treeWalk{keep: func(string) bool { return true }}
		_, err := decodeTree(strings.NewReader(string(data)), func(e treeEntry) error { return w.add("d/", e) })
		if err != nil {
			return
		}
		for _, file := range w.files {
			if !strings.HasPrefix(file.Path, "d/") || strings.Contains(file.Path, "..//") || checkSHA(file.Blob) != nil {
				t.Errorf("%+v", file)
			}
		}
	})
}

func TestArguments(t *testing.T) {
	good := strings.Repeat("a", 40)
	for _, repo := range []Repo{{}, {Owner: "o"}, {Owner: "..", Name: "n"}, {Owner: "o", Name: "n/../x"}, {Owner: "o", Name: "n?x"}, {Owner: "o\n", Name: "n"}} {
		if repo.check() == nil {
			t.Errorf("repository %q accepted", repo)
		}
	}
	for _, sha := range []string{"", "HEAD", "abc", good + "a", strings.ToUpper(good), good[:39] + "/", good + "\n"} {
		if checkSHA(sha) == nil {
			t.Errorf("id %q accepted", sha)
		}
	}
	for _, branch := range []string{"", "a/../b", "a//b", "/a", "a/", "./a", "a\nb", "a\x00"} {
		if checkBranch(branch) == nil {
			t.Errorf("branch %q accepted", branch)
		}
	}
	for _, branch := range []string{"main", "release/1.0", "gh-readonly-queue/main/pr-1-abc", "f#?%", "\u00e9"} {
		if err := checkBranch(branch); err != nil {
			t.Error(err)
		}
	}
	if err := (Repo{Owner: "o-1", Name: ".github"}).check(); err != nil {
		t.Error(err)
	}
	if err := checkSHA(good); err != nil {
		t.Error(err)
	}
}

func TestErrorKinds(t *testing.T) {
	status := func(code int, message string) error {
		return fmt.Errorf("read it: %w", &StatusError{Method: "GET", Path: "/x", Status: code, Message: message})
	}
	for _, tt := range []struct {
		err                                        error
		temporary, ambiguous, unauthorized, absent bool
	}{
		{err: status(404, ""), absent: true},
		{err: status(410, ""), absent: true},
		{err: status(422, "No commit found for SHA: abc"), absent: true},
		{err: status(422, "Validation Failed")},
		{err: status(403, "")},
		{err: status(401, ""), unauthorized: true},
		{err: &tokenError{status(401, "")}},
		{err: &tokenError{status(502, "")}, temporary: true},
		{err: status(502, ""), temporary: true, ambiguous: true},
		{err: &RateLimited{}, temporary: true},
		{err: errors.New("connection reset"), temporary: true, ambiguous: true},
		{err: &TooLarge{}, ambiguous: true},
		{err: &hostError{}},
		{err: &Invalid{}},
	} {
		if got := Temporary(tt.err); got != tt.temporary {
			t.Errorf("%v: temporary %v", tt.err, got)
		}
		if got := ambiguous(tt.err); got != tt.ambiguous {
			t.Errorf("%v: ambiguous %v", tt.err, got)
		}
		if got := unauthorized(tt.err); got != tt.unauthorized {
			t.Errorf("%v: unauthorized %v", tt.err, got)
		}
		if got := errors.Is(tt.err, ErrNotFound); got != tt.absent {
			t.Errorf("%v: absent %v", tt.err, got)
		}
	}
	if !errors.Is(status(404, "No common ancestor between a and b."), ErrNoMergeBase) {
		t.Error("unrelated histories are not recognised")
	}
}

func TestErrorMessage(t *testing.T) {
	for in, want := range map[string]string{
		`{"message":"Validation Failed","errors":[{"field":"body","code":"invalid"}]}`: `Validation Failed [{"field":"body","code":"invalid"}]`,
		`{"message":"Bad","errors":"plain"}`:                                           `Bad "plain"`,
		`{"message":"a\u001b[31m\nb\u202e"}`:                                           "a [31m b ",
		`{"message":"sent Bearer s3cr3t"}`:                                             "sent Bearer REDACTED",
		`<html>`:                                                                       "",
		`{"message":"` + strings.Repeat("x", 400) + `"}`:                               strings.Repeat("x", 300),
	} {
		if got := errorMessage([]byte(in), "s3cr3t"); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestBaseURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://ghe.example.invalid/api/v3":   "https://ghe.example.invalid/api/v3/ https://ghe.example.invalid",
		"https://ghe.example.invalid/api/v3/":  "https://ghe.example.invalid/api/v3/ https://ghe.example.invalid",
		"https://api.tenant.example.invalid":   "https://api.tenant.example.invalid/ https://tenant.example.invalid",
		"http://127.0.0.1:8080/api/v3":         "http://127.0.0.1:8080/api/v3/ http://127.0.0.1:8080",
		"http://[::1]:8080":                    "http://[::1]:8080/ http://[::1]:8080",
		"http://ghe.example.invalid/api/v3":    "",
		"http://127.evil.example.invalid":      "",
		"https://user:pw@ghe.example.invalid/": "",
		"https://ghe.example.invalid/?a=b":     "",
		"ghe.example.invalid":                  "",
		"ftp://ghe.example.invalid":            "",
	} {
		base, err := baseURL(in)
		got := ""
		if err == nil {
			web, webErr := webURL("", base)
			if webErr != nil {
				t.Fatal(webErr)
			}
			got = base.String() + " " + web.String()
		} else if strings.Contains(err.Error(), "pw") {
			t.Errorf("the error shows a password: %v", err)
		}
		if got != want {
			t.Errorf("%s: %q, want %q (%v)", in, got, want, err)
		}
	}
	public, err := baseURL("")
	if err != nil || public.Scheme != "https" || !strings.HasPrefix(public.Host, "api.") {
		t.Errorf("default: %v, %v", public, err)
	}
}
