package cratesio

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
)

// The columns are those of the real dump, in its order; readme is long and quoted.
var dumpTables = map[string]string{
	"crates.csv":       "created_at,description,documentation,homepage,id,max_features,max_upload_size,name,readme,repository,updated_at\n2014-11-11 00:00:00+00,,,,10,,,ring,\"a \"\"readme\"\"\nof lines, and commas\",,2024-01-01 00:00:00+00\n2014-11-11 00:00:00+00,,,,11,,,cc,,,2024-01-01 00:00:00+00\n",
	"crate_owners.csv": "crate_id,created_at,created_by,owner_id,owner_kind\n10,2015-02-03 04:05:06.789012+00,,52,0\n10,2026-11-01 00:00:00+00,52,7,1\n11,2015-02-03 04:05:06,,53,0\n99,2015-02-03 04:05:06,,53,0\n",
	"users.csv":        "gh_avatar,gh_id,gh_login,id,name\n,1,alice,52,Alice\n,2,bob,53,\n",
	"teams.csv":        "avatar,github_id,id,login,name,org_id\n,1,7,github:example:core,Core,1\n",
}

func packDump(t testing.TB, tables map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	files := tar.NewWriter(zipped)
	for name, text := range tables {
		if err := files.WriteHeader(&tar.Header{Name: "2026-11-24-020017/data/" + name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := files.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestReadDump(t *testing.T) {
	got, err := ReadDump(t.Context(), bytes.NewReader(packDump(t, dumpTables)))
	if err != nil {
		t.Fatal(err)
	}
	long := time.Date(2015, 2, 3, 4, 5, 6, 0, time.UTC)
	want := &Dump{Made: time.Date(2026, 11, 24, 2, 0, 17, 0, time.UTC), Terms: map[string][]registry.Term{
		"cargo/ring": {
			{Owner: lockkeeper.Principal{Kind: lockkeeper.User, ID: "52", Login: "alice"}, Since: long.Add(789012 * time.Microsecond)},
			{Owner: lockkeeper.Principal{Kind: lockkeeper.Team, ID: "7", Login: "github:example:core"}, Since: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)},
		},
		"cargo/cc": {{Owner: lockkeeper.Principal{Kind: lockkeeper.User, ID: "53", Login: "bob"}, Since: long}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestReadDumpMistakes(t *testing.T) {
	change := func(table, from, to string) []byte {
		tables := map[string]string{}
		for name, text := range dumpTables {
			if name == table {
				text = strings.Replace(text, from, to, 1)
			}
			tables[name] = text
		}
		return packDump(t, tables)
	}
	whole := packDump(t, dumpTables)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"no dump":        {[]byte("hello"), "want the db-dump.tar.gz of crates.io"},
		"cut short":      {whole[:len(whole)/2], "unexpected EOF"},
		"a table less":   {packDump(t, map[string]string{"crates.csv": dumpTables["crates.csv"]}), "are not all in it"},
		"another column": {change("users.csv", "gh_login", "login"), `there is no column "gh_login"`},
		"another kind":   {change("crate_owners.csv", ",52,0\n", ",52,2\n"), `row 2: owner "52" of kind "2"`},
		"another time":   {change("crate_owners.csv", "2015-02-03 04:05:06.789012+00", "yesterday"), `row 2: time "yesterday"`},
		"a row cut":      {change("teams.csv", ",1,7,github", "github"), "wrong number of fields"},
	} {
		if _, err := ReadDump(t.Context(), bytes.NewReader(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
