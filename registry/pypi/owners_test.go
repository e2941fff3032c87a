package pypi

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
)

func TestParseOwners(t *testing.T) {
	for in, want := range map[string][]lockkeeper.Principal{
		`{"ownership":{"roles":[{"role":"Owner","user":"Alice.B"},{"role":"Maintainer","user":"bob"}],"organization":null}}`: {
			{Kind: lockkeeper.User, ID: "Alice.B"}, {Kind: lockkeeper.User, ID: "bob"},
		},
		`{"ownership":{"roles":[],"organization":"psf"}}`:  {{Kind: lockkeeper.Team, ID: "psf"}},
		`{"info":{"name":"Foo"},"ownership":{"roles":[]}}`: nil,
	} {
		got, err := parseOwners("foo", []byte(in))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
	if _, err := parseOwners("foo", []byte(`{"info":{}}`)); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("an index that does not tell: %v", err)
	}
	for _, in := range []string{`{"ownership":{}}`, `{"info":{"name":"food"},"ownership":{"roles":[]}}`, `{"ownership":{"roles":[{"role":"Owner","user":"a b"}]}}`, `{"ownership":{"roles":[{"role":"Owner"}]}}`, `{`, `{"ownership":{"roles":[],"organization":"x\u001b[m"}}`} {
		if _, err := parseOwners("foo", []byte(in)); err == nil || errors.Is(err, registry.ErrNotFound) {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func FuzzParseOwners(f *testing.F) {
	f.Add([]byte(`{"ownership":{"roles":[{"role":"Owner","user":"alice"}],"organization":"o"}}`))
	f.Add([]byte(`{"info":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		owners, err := parseOwners("foo", data)
		if err != nil {
			return
		}
		for _, p := range owners {
			again, err := lockkeeper.ParsePrincipal(p.String())
			if err != nil || !again.Is(p) {
				t.Errorf("%+v: read back as %+v, %v", p, again, err)
			}
		}
	})
}
