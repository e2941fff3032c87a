package contract_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/github/githubtest/contract"
)

// canned answers everything alike.
type canned struct {
	status int
	body   string
}

func (c canned) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return nil, err
		}
	}
	return &http.Response{
		StatusCode: c.status, Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, Request: req,
		Body: io.NopCloser(strings.NewReader(c.body)),
	}, nil
}

func TestTransport(t *testing.T) {
	const (
		base   = "http://github.example.invalid/api/v3"
		ref    = `{"ref":"refs/heads/a/b","node_id":"x","url":"http://x.invalid/","object":{"type":"commit","sha":"` + sha + `","url":"http://x.invalid/"}}`
		checks = "/repos/acme/widget/check-runs"
	)
	for _, tt := range []struct {
		name, method, path, body string
		answer                   canned
		want                     string // part of the violation; "" for none
	}{
		{"fine", "GET", "/repos/acme/widget/git/ref/heads/a/b", "", canned{200, ref}, ""},
		{"without the enterprise's prefix", "GET", "", "", canned{200, ref}, ""},
		{"field missing", "GET", "/repos/acme/widget/git/ref/heads/a", "", canned{200, `{"ref":"refs/heads/a"}`}, `"node_id" is missing`},
		{"wrong type", "GET", "/repos/acme/widget/git/ref/heads/a", "", canned{200, strings.Replace(ref, `"x"`, "7", 1)}, "at /node_id"},
		{"not JSON", "GET", "/repos/acme/widget/git/ref/heads/a", "", canned{200, "<html>"}, "invalid character"},
		{"status that it does not have", "GET", "/repos/acme/widget/git/ref/heads/a", "", canned{201, ref}, "status"},
		{"unknown operation", "GET", "/repos/acme/widget/stargazers", "", canned{200, "[]"}, "no such operation"},
		{"unknown query parameter", "GET", "/repos/acme/widget/pulls?labels=x", "", canned{200, "[]"}, `no query parameter "labels"`},
		{"known query parameter", "GET", "/repos/acme/widget/pulls?state=open&per_page=100", "", canned{200, "[]"}, ""},
		{"parameter out of its values", "GET", "/repos/acme/widget/pulls?state=merged", "", canned{200, "[]"}, "state"},
		{"misspelt field", "POST", checks, `{"name":"a","head_sha":"b","conclsion":"success"}`, canned{422, `{"message":"m"}`}, `"conclsion" is unsupported`},
		{"misspelt field inside", "POST", checks, `{"name":"a","head_sha":"b","output":{"title":"t","summary":"s","txt":"x"}}`, canned{422, `{"message":"m"}`}, `"txt" is unsupported`},
		{"required field missing", "POST", checks, `{"name":"a"}`, canned{422, `{"message":"m"}`}, `"head_sha" is missing`},
		{"completed without a conclusion", "POST", checks, `{"name":"a","head_sha":"b","status":"completed"}`, canned{422, `{"message":"m"}`}, "needs a conclusion"},
		{"body where none belongs", "POST", checks + "/7/rerequest", `{"a":1}`, canned{201, "{}"}, "request body"},
		{"error without a message", "GET", "/repos/acme/widget/pulls/7", "", canned{404, `{}`}, "without a message"},
		{"limits answer as they like", "GET", "/repos/acme/widget/pulls/7", "", canned{403, `slow down`}, ""},
		{"so do proxies", "GET", "/repos/acme/widget/pulls/7", "", canned{502, `<html>`}, ""},
		{"null is nothing", "POST", "/app/installations/7/access_tokens", "null", canned{201, `{"token":"t","expires_at":"2026-01-01T00:00:00Z"}`}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := base + tt.path
			if tt.path == "" {
				url = "http://github.example.invalid/repos/acme/widget/git/ref/heads/a/b"
			}
			var body io.Reader
			if tt.body != "" {
				body = strings.NewReader(tt.body)
			}
			req, err := http.NewRequest(tt.method, url, body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			var violations []string
			resp, err := contract.New(tt.answer, func(err error) { violations = append(violations, err.Error()) }).RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			// The answer passes through unharmed.
			if got, err := io.ReadAll(resp.Body); err != nil || string(got) != tt.answer.body {
				t.Errorf("body %q, want %q (%v)", got, tt.answer.body, err)
			}
			all := strings.Join(violations, "\n")
			if tt.want == "" && all != "" || !strings.Contains(all, tt.want) {
				t.Errorf("violations %q, want %q", all, tt.want)
			}
		})
	}
}

const sha = "0123456789abcdef0123456789abcdef01234567"
