package registry_test

import (
	"strings"
	"testing"

	"deps.dev/util/semver"
	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
)

var versions = []struct{ in, normal, key string }{
	{"1.0", "1.0", "1"},
	{"v1.0.0", "1.0.0", "1"},
	{"0.0", "0.0", "0"},
	{"1!1.0", "1!1.0", "1!1"},
	{"0!1", "1", "1"},
	{"01.02.030", "1.2.30", "1.2.30"},
	{"1.0-Alpha.1", "1.0a1", "1a1"},
	{"1.0preview", "1.0rc0", "1rc0"},
	{"1.0c2", "1.0rc2", "1rc2"},
	{"1.0-1", "1.0.post1", "1.post1"},
	{"1.0.rev3", "1.0.post3", "1.post3"},
	{"1.0post", "1.0.post0", "1.post0"},
	{"1.0_dev_4", "1.0.dev4", "1.dev4"},
	{"1.0a1.post2.dev3+Ubuntu-01_x", "1.0a1.post2.dev3+ubuntu.1.x", "1a1.post2.dev3+ubuntu.1.x"},
	{" 1.0\n", "1.0", "1"},
	{"2004d", "", "=2004d"},
	{"1.0.", "", "=1.0."},
	{"1..0", "", "=1..0"},
	{"", "", "="},
	{strings.Repeat("1", 300), "", "=" + strings.Repeat("1", 300)},
}

func TestVersions(t *testing.T) {
	for _, test := range versions {
		normal, ok := registry.NormalVersion(test.in)
		if ok != (test.normal != "") || (ok && normal != test.normal) {
			t.Errorf("NormalVersion(%q) = %q, %t; want %q", test.in, normal, ok, test.normal)
		}
		if key := registry.VersionKey(lockkeeper.PyPI, test.in); key != test.key {
			t.Errorf("VersionKey(%q) = %q, want %q", test.in, key, test.key)
		}
		if key := registry.VersionKey(lockkeeper.Cargo, test.in); key != test.in {
			t.Errorf("VersionKey of Cargo's %q = %q, want it as written", test.in, key)
		}
	}
}

// FuzzVersionKey holds the keys against an independent implementation of PEP 440.
func FuzzVersionKey(f *testing.F) {
	for i, test := range versions {
		f.Add(test.in, versions[(i+1)%len(versions)].in)
		f.Add(test.in, test.normal)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		na, okA := registry.NormalVersion(a)
		_, okB := registry.NormalVersion(b)
		if !okA || !okB {
			return
		}
		if again, ok := registry.NormalVersion(na); !ok || again != na {
			t.Fatalf("NormalVersion(%q) = %q, whose own is %q, %t", a, na, again, ok)
		}
		nb, _ := registry.NormalVersion(b)
		va, errA := semver.PyPI.Parse(na)
		vb, errB := semver.PyPI.Parse(nb)
		if errA != nil || errB != nil {
			return // that parser has bounds of its own
		}
		same := registry.VersionKey(lockkeeper.PyPI, a) == registry.VersionKey(lockkeeper.PyPI, b)
		if same && va.Compare(vb) != 0 {
			t.Fatalf("%q and %q have one key but compare %d", a, b, va.Compare(vb))
		}
	})
}

func TestProjectRelease(t *testing.T) {
	project := func(e lockkeeper.Ecosystem, versions ...string) *registry.Project {
		p := &registry.Project{Ecosystem: e, Name: "p"}
		for _, v := range versions {
			p.Releases = append(p.Releases, registry.Release{Package: lockkeeper.Package{Ecosystem: e, Name: "p", Version: v}})
		}
		return p
	}
	for _, test := range []struct {
		p        *registry.Project
		ask, got string
	}{
		{project(lockkeeper.PyPI, "0.9", "1.0"), "1.0.0", "1.0"},
		{project(lockkeeper.PyPI, "1.0.0", "1.0"), "1.0", "1.0"}, // as written first
		{project(lockkeeper.PyPI, "1.0"), "1.0.post0", ""},
		{project(lockkeeper.PyPI, "2004d"), "2004d", "2004d"},
		{project(lockkeeper.PyPI, "2004d"), "2004e", ""},
		{project(lockkeeper.Cargo, "1.0.0"), "1.0", ""},
		{project(lockkeeper.Cargo, "1.0.0+a"), "1.0.0", ""},
	} {
		got := ""
		if r := test.p.Release(test.ask); r != nil {
			got = r.Package.Version
		}
		if got != test.got {
			t.Errorf("Release(%q) = %q, want %q", test.ask, got, test.got)
		}
	}
}
