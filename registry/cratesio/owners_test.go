package cratesio

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
)

func TestOwners(t *testing.T) {
	server := registrytest.New()
	if err := server.LoadText([]byte("-- registry.toml --\n[crates.a]\nowners = [\"user:5 alice\", \"team:5 github:example:core\"]\n[crates.\"a@1.0.0\"]\n[crates.\"b@1.0.0\"]\npublisher = \"user:7 bob\"\n")); err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := New(Config{Index: server.Index(), Static: server.Static(), API: server.API(), Fetch: fetch.Config{Version: "test", Contact: "test@example.invalid"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]lockkeeper.Principal{
		"a": {{Kind: lockkeeper.User, ID: "5", Login: "alice"}, {Kind: lockkeeper.Team, ID: "5", Login: "github:example:core"}},
		"b": {{Kind: lockkeeper.User, ID: "7", Login: "bob"}},
	} {
		got, err := client.Owners(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if _, err := client.Owners(t.Context(), "c"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("a crate that is not there: %v", err)
	}
	if _, err := client.Owners(t.Context(), "../x"); err == nil {
		t.Error("a name that is none was asked about")
	}
}

func FuzzParseOwners(f *testing.F) {
	f.Add([]byte(`{"users":[{"id":1,"login":"a","kind":"user"},{"id":2,"login":"github:o:t","kind":"team"}]}`))
	f.Add([]byte(`{"users":[{"id":0,"kind":"user"}]}`))
	f.Add([]byte(`{"users":[{"id":3,"kind":"robot"}]}`))
	f.Add([]byte(`{"errors":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		owners, err := parseOwners(data)
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
