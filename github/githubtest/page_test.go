package githubtest_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v82/github"
)

// page reads a page.
func (w *world) page(path string) string {
	w.t.Helper()
	status, body := w.try(path)
	if status != http.StatusOK {
		w.t.Fatalf("GET %s: %d", path, status)
	}
	return body
}

func (w *world) try(path string) (status int, body string) {
	w.t.Helper()
	resp, err := http.Get(w.URL() + path)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, read(w.t, resp)
}

func read(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// post sends a form as a browser does, following the redirect.
func (w *world) post(path string, form url.Values) (status int, body string) {
	w.t.Helper()
	resp, err := http.PostForm(w.URL()+path, form)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, read(w.t, resp)
}

func TestPullPage(t *testing.T) {
	w := newWorld(t, defaults)
	w.repo.RequireCheck("main", "lockkeeper: main")
	c := w.installed()
	w.pull.Comment("bob", "| a | b |\n|---|---|\n| 1 | 2 |\n\n<details><summary>More</summary>\n\n```diff\n+new\n-old\n```\n\n</details>\n\n"+
		"@alice `@bob` a@example.invalid #1 <script>alert(1)</script><img src=x onerror=alert(1)> [x](javascript:alert(1))")
	w.pull.Review("bob", "APPROVED", "", "Good.")
	page := w.page("/acme/widget/pull/1")
	for _, part := range []string{
		"<title>Add ring · Pull request #1</title>", "<em>needed</em>", "<table>", "<td>1</td>", "<summary>More</summary>",
		`<span class="add">+new`, `<a class="mention" href="/alice">@alice</a>`, `<code>@bob</code>`, `<a class="mention" href="/acme/widget/pull/1">#1</a>`,
		"approved these changes", "Expected: waiting to be reported", `value="merge" disabled`, "stand-in",
	} {
		contains(t, page, part)
	}
	for _, bad := range []string{"<script", "onerror", "javascript:", `href="/example"`, "http-equiv"} {
		if strings.Contains(page, bad) {
			t.Errorf("%q is in the page", bad)
		}
	}

	run, _, err := c.Checks.CreateCheckRun(t.Context(), "acme", "widget", github.CreateCheckRunOptions{
		Name: "lockkeeper: main", HeadSHA: w.pull.Head(), Status: github.Ptr("in_progress"),
	})
	if err != nil {
		t.Fatal(err)
	}
	contains(t, w.page("/acme/widget/pull/1"), `http-equiv="refresh"`)
	if _, _, err := c.Checks.UpdateCheckRun(t.Context(), "acme", "widget", run.GetID(), github.UpdateCheckRunOptions{
		Name: "lockkeeper: main", Conclusion: github.Ptr("action_required"), DetailsURL: github.Ptr("http://lockkeeper.example.invalid/x"),
		Output: &github.CheckRunOutput{
			Title: github.Ptr("1 finding needs a sign-off"), Summary: github.Ptr("**ring**"),
			Annotations: []*github.CheckRunAnnotation{{
				Path: github.Ptr("Cargo.lock"), StartLine: github.Ptr(3), EndLine: github.Ptr(3), AnnotationLevel: github.Ptr("failure"),
				Title: github.Ptr("build-code-added"), Message: github.Ptr("<b>ring</b> runs build.rs"),
			}},
		},
	}); err != nil {
		t.Fatal(err)
	}
	page = w.page("/acme/widget/pull/1")
	for _, part := range []string{"Some checks were not successful", "1 finding needs a sign-off", `href="http://lockkeeper.example.invalid/x"`, `value="merge" disabled`} {
		contains(t, page, part)
	}
	page = w.page("/acme/widget/runs/" + itoa(run.GetID()))
	for _, part := range []string{"<strong>ring</strong>", "action required", "&lt;b&gt;ring&lt;/b&gt; runs build.rs", "Cargo.lock:3"} {
		contains(t, page, part)
	}
	page = w.page("/acme/widget/pull/1/files")
	for _, part := range []string{"Cargo.lock", `<td class="text">&#43;[[package]]</td>`, "build-code-added"} {
		contains(t, page, part)
	}
	contains(t, w.page("/acme/widget/commit/"+w.pull.Head()), "Add a dependency")
	contains(t, w.page("/acme/widget/blob/feature/Cargo.lock"), `id="L4"`)
	contains(t, w.page("/"), "acme/widget")
	contains(t, w.page("/acme/widget"), "Add ring")
	contains(t, w.page("/alice"), "alice")
	for _, path := range []string{"/nobody", "/acme/nothing", "/acme/widget/pull/9", "/acme/widget/runs/9", "/acme/widget/commit/zzz", "/a/b/c/d"} {
		if status, _ := w.try(path); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
}

func TestPageForms(t *testing.T) {
	w := newWorld(t, defaults)
	w.repo.RequireCheck("main", "ci")
	rec := &receiver{}
	w.SetWebhook(rec.serve(t), "secret")
	act := func(login, action, body string, want int) {
		t.Helper()
		status, page := w.post("/acme/widget/pull/1", url.Values{"login": {login}, "action": {action}, "body": {body}})
		if status != want {
			t.Errorf("%s as %s: %d, want %d\n%s", action, login, status, want, page)
		}
	}
	act("bob", "comment", "line one\r\nline two", http.StatusOK)
	act("bob", "approve", "Yes.", http.StatusOK)
	act("carol", "approve", "Mine!", http.StatusUnprocessableEntity)
	act("carol", "comment", "", http.StatusUnprocessableEntity)
	act("nobody", "comment", "x", http.StatusUnprocessableEntity)
	act("bob", "explode", "", http.StatusUnprocessableEntity)
	act("bob", "merge", "", http.StatusMethodNotAllowed)
	w.repo.AddCheckRun("actions", "ci", w.pull.Head(), "success")
	act("carol", "merge", "", http.StatusForbidden)
	act("bob", "merge", "", http.StatusOK)
	if w.pull.State() != "merged" || w.repo.Head("main") == w.pull.Head() {
		t.Errorf("pull request is %s", w.pull.State())
	}
	contains(t, w.page("/acme/widget/pull/1"), "<b>bob</b></a> merged 1 commit")
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, d := range w.Deliveries() {
		kinds = append(kinds, strings.TrimSuffix(d.Event+"."+d.Action, "."))
	}
	want := []string{"issue_comment.created", "pull_request_review.submitted", "pull_request.closed", "push"}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("line one\nline two", w.pull.Comments()[0].Body); diff != "" {
		t.Error(diff)
	}
}

func TestFormsFromElsewhereAreRefused(t *testing.T) {
	w := newWorld(t, defaults)
	form := url.Values{"login": {"bob"}, "action": {"approve"}}
	req, err := http.NewRequest(http.MethodPost, w.URL()+"/acme/widget/pull/1", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", "http://evil.example.invalid")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	read(t, resp)
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestSignIn(t *testing.T) {
	w := newWorld(t, defaults)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	const back = "http://lockkeeper.example.invalid/callback"
	q := url.Values{"client_id": {w.ClientID()}, "redirect_uri": {back}, "state": {"s&1"}}
	contains(t, w.page("/login/oauth/authorize?"+q.Encode()), "s&amp;1")
	resp, err := client.PostForm(w.URL()+"/login/oauth/authorize", url.Values{"login": {"bob"}, "redirect_uri": {back}, "state": {"s&1"}})
	if err != nil {
		t.Fatal(err)
	}
	read(t, resp)
	to, err := resp.Location()
	if err != nil {
		t.Fatal(err)
	}
	if to.Host != "lockkeeper.example.invalid" || to.Query().Get("state") != "s&1" {
		t.Errorf("redirected to %s", to)
	}
	exchange := func(secret string) url.Values {
		resp, err := client.PostForm(w.URL()+"/login/oauth/access_token", url.Values{
			"client_id": {w.ClientID()}, "client_secret": {secret}, "code": {to.Query().Get("code")},
		})
		if err != nil {
			t.Fatal(err)
		}
		values, err := url.ParseQuery(read(t, resp))
		if err != nil {
			t.Fatal(err)
		}
		return values
	}
	if got := exchange("wrong").Get("error"); got != "incorrect_client_credentials" {
		t.Errorf("wrong secret: %q", got)
	}
	token := exchange(w.ClientSecret()).Get("access_token")
	user, _, err := w.client(w.wire).WithAuthToken(token).Users.Get(t.Context(), "")
	if err != nil || user.GetLogin() != "bob" {
		t.Errorf("token is %s's (%v)", user.GetLogin(), err)
	}
	if got := exchange(w.ClientSecret()).Get("error"); got != "bad_verification_code" {
		t.Errorf("second use of a code: %q", got)
	}
	q.Set("client_id", "other")
	if status, _ := w.try("/login/oauth/authorize?" + q.Encode()); status != http.StatusUnprocessableEntity {
		t.Errorf("another client: %d", status)
	}
}
