package advisory

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lockkeeper/lockkeeper"
)

const (
	malOSV = `{"schema_version":"1.7.0","id":"MAL-2026-7","summary":"Sends keys\n away","affected":[
		{"package":{"ecosystem":"PyPI","name":"Lite_LLM"},"versions":["1.82.7","1.82.8"]},
		{"package":{"ecosystem":"npm","name":"lite"},"versions":["1"]},
		{"package":{"ecosystem":"crates.io","name":"grab"},"ranges":[{"type":"SEMVER","events":[{"introduced":"1.0.0"},{"fixed":"1.2.0"},{"introduced":"2.0.0"},{"last_affected":"2.1.0"},{"introduced":"3.0.0-0"}]}]}]}`
	wholeOSV     = `{"id":"OSV-1","aliases":["MAL-2026-8"],"details":"all of it","affected":[{"package":{"ecosystem":"crates.io","name":"whole"}}]}`
	zeroOSV      = `{"id":"MAL-2026-9","affected":[{"package":{"ecosystem":"PyPI","name":"zero"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]}]}`
	rustOSV      = `{"id":"RUSTSEC-2026-0001","affected":[{"package":{"ecosystem":"crates.io","name":"bad"},"versions":["0.1.0"],"database_specific":{"categories":["malicious"]}}]}`
	ordinaryOSV  = `{"id":"RUSTSEC-2026-0002","affected":[{"package":{"ecosystem":"crates.io","name":"buggy"},"versions":["0.1.0"],"database_specific":{"categories":["memory-corruption"]}}]}`
	withdrawnOSV = `{"id":"MAL-2026-10","withdrawn":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"PyPI","name":"fine"},"versions":["1.0"]}]}`
	rustSecFile  = "```toml\n[advisory]\nid = \"RUSTSEC-2026-0260\"\npackage = \"arrayref\"\ndate = \"2026-08-20\"\ncategories = [\"malicious\"]\n\n[versions]\npatched = [\">= 0.3.11\"]\nunaffected = [\"<= 0.3.9\"]\n```\n\n# `arrayref` was taken over\n\nText.\n"
	rustSecAll   = "```toml\n[advisory]\nid = \"RUSTSEC-2026-0265\"\npackage = \"proc-macro1\"\ncategories = [\"malicious\"]\n[versions]\npatched = []\n```\n# `proc-macro1` runs a program\n"
	rustSecOther = "```toml\n[advisory]\nid = \"RUSTSEC-2020-0001\"\npackage = \"old\"\ninformational = \"unmaintained\"\n[versions]\npatched = []\n```\n# old\n"
)

func packZip(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, text := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestNaming(t *testing.T) {
	list, err := Read(fstest.MapFS{
		"PyPI/all.zip":                         {Data: packZip(t, map[string]string{"MAL-2026-7.json": malOSV, "MAL-2026-9.json": zeroOSV, "MAL-2026-10.json": withdrawnOSV, "README": "x"})},
		"one.json":                             {Data: []byte(wholeOSV)},
		"a.json":                               {Data: []byte(rustOSV)},
		"b.json":                               {Data: []byte(ordinaryOSV)},
		"crates/arrayref/RUSTSEC-2026-0260.md": {Data: []byte(rustSecFile)},
		"crates/proc-macro1/RUSTSEC-2026-0265.md": {Data: []byte(rustSecAll)},
		"crates/old/RUSTSEC-2020-0001.md":         {Data: []byte(rustSecOther)},
		"crates/old/README.md":                    {Data: []byte("nothing")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if list.Len() != 7 {
		t.Errorf("%d records, want 7", list.Len())
	}
	for pin, want := range map[string]string{
		"pypi/lite-llm 1.82.8": "MAL-2026-7 Sends keys away", "pypi/lite-llm 1.82.6": "", "pypi/lite-llm 1.82.8.0": "MAL-2026-7 Sends keys away",
		"cargo/grab 0.9.0": "", "cargo/grab 1.0.0": "MAL-2026-7 Sends keys away", "cargo/grab 1.1.9": "MAL-2026-7 Sends keys away", "cargo/grab 1.2.0": "",
		"cargo/grab 2.1.0": "MAL-2026-7 Sends keys away", "cargo/grab 2.1.1": "", "cargo/grab 9.0.0": "MAL-2026-7 Sends keys away",
		"cargo/whole 3.0.0": "OSV-1 all of it", "pypi/zero 0.0.1": "MAL-2026-9 ", "cargo/bad 0.1.0": "RUSTSEC-2026-0001 ", "cargo/bad 0.2.0": "",
		"cargo/buggy 0.1.0": "", "pypi/fine 1.0": "", "cargo/old 1.0.0": "",
		"cargo/arrayref 0.3.10": "RUSTSEC-2026-0260 `arrayref` was taken over", "cargo/arrayref 0.3.9": "", "cargo/arrayref 0.3.11": "",
		"cargo/proc-macro1 1.0.107": "RUSTSEC-2026-0265 `proc-macro1` runs a program", "cargo/proc-macro2 1.0.107": "",
	} {
		id, version, _ := strings.Cut(pin, " ")
		eco, name, _ := strings.Cut(id, "/")
		var got string
		for _, a := range list.Naming(lockkeeper.Package{Ecosystem: lockkeeper.Ecosystem(eco), Name: name, Version: version}) {
			got += a.ID + " " + a.Summary
		}
		if got != want {
			t.Errorf("%s: %q, want %q", pin, got, want)
		}
	}
	var none *List
	if none.Len() != 0 || none.Naming(lockkeeper.Package{}) != nil {
		t.Error("no list names something")
	}
}

// TestPromise3RecordsThatCannotBeReadAreSaid: what is left out would not be known.
func TestPromise3RecordsThatCannotBeReadAreSaid(t *testing.T) {
	for name, c := range map[string]struct{ file, data, want string }{
		"no JSON":         {"a.json", "{", "a.json: unexpected end of JSON input"},
		"no record":       {"a.json", "{}", "a.json: no OSV record"},
		"no archive":      {"a.zip", "PK", "a.zip: zip: not a valid zip file"},
		"in an archive":   {"a.zip", string(packZip(t, map[string]string{"x/b.json": "[]"})), "a.zip: x/b.json: json"},
		"no head":         {"RUSTSEC-2026-0001.md", "# x", "RUSTSEC-2026-0001.md: no RustSec advisory"},
		"no package":      {"RUSTSEC-2026-0001.md", "```toml\n[advisory]\nid = \"x\"\n```\n", "id or package is missing"},
		"no requirement":  {"RUSTSEC-2026-0001.md", strings.Replace(rustSecFile, ">= 0.3.11", "newer", 1), `versions "newer"`},
		"a huge record":   {"a.json", strings.Repeat(" ", maxRecord+1), "more than 16777216 bytes"},
		"other TOML type": {"RUSTSEC-2026-0001.md", strings.Replace(rustSecFile, `[">= 0.3.11"]`, "1", 1), "incompatible types"},
	} {
		if _, err := Read(fstest.MapFS{c.file: {Data: []byte(c.data)}}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range []string{malOSV, wholeOSV, zeroOSV, rustOSV, withdrawnOSV, rustSecFile, rustSecAll} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range []string{"a.json", "RUSTSEC-1.md", "a.zip"} {
			list, err := Read(fstest.MapFS{name: {Data: data}})
			if err != nil {
				continue
			}
			for id := range list.byName {
				eco, name_, _ := strings.Cut(id, "/")
				for _, a := range list.Naming(lockkeeper.Package{Ecosystem: lockkeeper.Ecosystem(eco), Name: name_, Version: "1.0.0"}) {
					if a.ID == "" || len(a.Summary) > maxSummary || strings.Contains(a.ID+a.Summary, "\n") {
						t.Errorf("%+v", a)
					}
				}
			}
		}
	})
}
