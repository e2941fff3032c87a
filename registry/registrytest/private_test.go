package registrytest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/registry/registrytest"
)

func TestPrivate(t *testing.T) {
	s := registrytest.New()
	if err := s.LoadText([]byte(`
-- registry.toml --
[pypi."outer@1.0"]
-- private/corp/registry.toml --
[server]
html = true
authorization = "token"
dl = "/api/v1/crates"
[pypi."inner@1.0"]
[crates."inner@1.0.0"]
`)); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	fetch := func(address, authorization string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", authorization)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	text, err := s.Expand("{{corp/simple}}/inner/ {{corp/index}}/config.json {{corp/pypi:inner-1.0-py3-none-any.whl}} {{simple}}/inner/")
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(text)
	for _, test := range []struct {
		address, authorization string
		status                 int
		want                   string
	}{
		{words[0], "token", 200, "inner-1.0-py3-none-any.whl#sha256=" + words[2]},
		{words[0], "", 401, ""},
		{words[1], "token", 200, `"auth-required":true`},
		{words[1], "token", 200, s.Private("corp").API() + "/crates"},
		{s.Private("corp").API() + "/crates/inner/1.0.0/download", "token", 200, ""},
		{words[3], "", 406, ""}, // the public one has JSON alone
	} {
		if status, body := fetch(test.address, test.authorization); status != test.status || !strings.Contains(body, test.want) {
			t.Errorf("%s with %q: %d\n%s", test.address, test.authorization, status, body)
		}
	}
	if len(s.Requests()) != 1 || s.Private("corp").Requests()[1].Authorization != "" {
		t.Errorf("noted: %+v, %+v", s.Requests(), s.Private("corp").Requests())
	}
}
