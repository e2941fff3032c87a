package cratesio

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
)

const sum = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// line is shaped as the index writes it.
func line(version, rest string) string {
	return `{"name":"foo","vers":"` + version + `","deps":[{"name":"fast","req":"^2","features":["std"],"optional":true,` +
		`"default_features":false,"target":"cfg(unix)","kind":null,"package":"memchr"},{"name":"cc","req":"^1","features":[],"optional":false,` +
		`"default_features":true,"target":null,"kind":"build","registry":"https://other.example.invalid/index"}],` +
		`"cksum":"` + sum + `","features":{"default":["dep:fast"]},"features2":{},"yanked":false,"links":"z","rust_version":"1.70"` + rest + `}`
}

func TestParseRealIndex(t *testing.T) {
	p, err := parseIndex("foo", []byte(line("1.0.0", "")+"\n"+line("1.0.1", `,"v":2,"pubtime":"2026-03-04T05:06:07Z"`)+"\n{\"v\":3,\"deps\":7}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Releases) != 2 || !p.Releases[0].Published.IsZero() || p.Releases[1].Published.Unix() != 1772600767 {
		t.Errorf("releases = %+v", p.Releases)
	}
	if diff := cmp.Diff([]string{"line 3: index format 3"}, p.Skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
	want := []registry.Dependency{
		{Name: "memchr", Kind: registry.Normal, Optional: true},
		{Name: "cc", Kind: registry.Build, Registry: "https://other.example.invalid/index"},
	}
	if diff := cmp.Diff(want, p.Releases[0].Dependencies); diff != "" {
		t.Errorf("dependencies (-want +got):\n%s", diff)
	}
}

var brokenLines = []string{
	``, `null`, `{}`, `[]`, `{"name":"foo"}`, `{`, "\x00",
	line("1.0.0", "") + "\n" + line("1.0.0", ""),
	line("../1", ""), line("", ""),
	strings.Replace(line("1.0.0", ""), `"foo"`, `"bar"`, 1),
	strings.Replace(line("1.0.0", ""), sum, sum[1:], 1),
	strings.Replace(line("1.0.0", ""), `"yanked":false,`, ``, 1),
	strings.Replace(line("1.0.0", ""), `"build"`, `"install"`, 1),
	strings.Replace(line("1.0.0", ""), `"cc"`, `"../cc"`, 1),
	line("1.0.0", `,"pubtime":"yesterday"`),
	line("1.0.0", `,"v":-1`), line("1.0.0", `,"v":"2"`),
	line("1.0.0", "") + "\n<<<<<<< HEAD\n",
}

func TestParseIndexFailsClosed(t *testing.T) {
	for _, data := range brokenLines {
		if p, err := parseIndex("foo", []byte(data)); err == nil {
			t.Errorf("%q gave %+v, want an error", data, p)
		}
	}
	if _, err := parseIndex("Kind", []byte(strings.ReplaceAll(line("1.0.0", ""), `"foo"`, "\"\u212Aind\""))); err == nil {
		t.Error("a name with a Kelvin sign passed for the one with a K")
	}
}

func FuzzParseIndex(f *testing.F) {
	for _, data := range brokenLines {
		f.Add([]byte(data))
	}
	f.Add([]byte(line("1.0.0", "") + "\n" + line("1.0.1", `,"v":2,"pubtime":"2026-03-04T05:06:07Z"`) + "\n{\"v\":3}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parseIndex("foo", data)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, r := range p.Releases {
			if seen[r.Package.Version] || len(r.Artifacts) != 1 || strings.ContainsAny(r.Package.Version, "/?#% ") {
				t.Fatalf("release %+v", r)
			}
			seen[r.Package.Version] = true
			if _, err := lockkeeper.ParseDigest(string(r.Artifacts[0].Digest)); err != nil {
				t.Fatal(err)
			}
			for _, d := range r.Dependencies {
				if checkName(d.Name) != nil {
					t.Fatalf("dependency %q", d.Name)
				}
			}
		}
	})
}

const realVersions = `{"versions":[
{"id":1,"crate":"foo","num":"1.0.2","created_at":"2026-02-03T04:05:06.789012+00:00","yanked":false,"yank_message":null,"crate_size":9,
 "published_by":null,"audit_actions":[],"trustpub_data":{"provider":"github","repository":"o/r","run_id":"12","sha":"ab"},"checksum":"00","links":{}},
{"id":2,"num":"1.0.1","created_at":"2026-01-03T04:05:06Z","published_by":{"id":52,"login":"alice","name":null,"url":"x"},
 "audit_actions":[{"action":"publish","user":{"id":52,"login":"alice"},"time":"x"}],"trustpub_data":null},
{"id":3,"num":"1.0.0","created_at":"2016-01-03T04:05:06Z","published_by":null,
 "audit_actions":[{"action":"yank","user":{"id":9,"login":"bob"}},{"action":"publish","user":{"id":7,"login":"carol"}}]},
{"id":4,"num":"0.9.0","created_at":"2015-01-03T04:05:06Z","published_by":null,"audit_actions":[]},
{"id":5,"num":"0.8.0","created_at":"2015-01-03T04:05:06Z","published_by":{"id":1,"login":"x"},"trustpub_data":{"provider":"new"}},
{"id":6,"num":"0.7.0","created_at":"2015-01-03T04:05:06Z","trustpub_data":{"provider":"github","repository":"o/r x"}}
],"meta":{"total":6,"next_page":"?per_page=100&seek=MTI%3D"}}`

func TestParseRealVersions(t *testing.T) {
	got, next, err := parseVersions("foo", []byte(realVersions))
	if err != nil {
		t.Fatal(err)
	}
	if next != "?per_page=100&seek=MTI%3D" {
		t.Errorf("next = %q", next)
	}
	var lines []string
	for _, p := range got {
		attested := ""
		if p.Attested {
			attested = " attested"
		}
		lines = append(lines, p.Version+" "+p.Publisher.String()+attested)
	}
	want := []string{"1.0.2 github:o/r attested", "1.0.1 user:52", "1.0.0 user:7", "0.9.0 unknown", "0.8.0 unknown attested", "0.7.0 unknown attested"}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("publications (-want +got):\n%s", diff)
	}
}

var brokenVersions = []string{
	``, `null`, `{}`, `[]`, `{"errors":[{"detail":"x"}]}`,
	`{"versions":[{"crate":"food","num":"1.0.0","created_at":"2015-01-03T04:05:06Z"}]}`,
	`{"versions":[{"num":"../1","created_at":"2015-01-03T04:05:06Z"}]}`,
	`{"versions":[{"num":"1.0.0","created_at":"yesterday"}]}`,
	`{"versions":[],"meta":{"next_page":"https://elsewhere.example.invalid/?a"}}`,
	`{"versions":[],"meta":{"next_page":"?a#b"}}`,
}

func TestParseVersionsFailsClosed(t *testing.T) {
	for _, data := range brokenVersions {
		if got, _, err := parseVersions("foo", []byte(data)); err == nil {
			t.Errorf("%s gave %+v, want an error", data, got)
		}
	}
}

func FuzzParseVersions(f *testing.F) {
	for _, data := range append(brokenVersions, realVersions) {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, next, err := parseVersions("foo", data)
		if err != nil {
			return
		}
		if next != "" && next[0] != '?' {
			t.Fatalf("next %q", next)
		}
		for _, p := range got {
			again, err := lockkeeper.ParsePrincipal(p.Publisher.String())
			if err != nil || again.ID != p.Publisher.ID {
				t.Fatalf("%q is read back as %q, %v", p.Publisher, again, err)
			}
		}
	})
}
