package allowlist

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/lockkeeper/lockkeeper"
)

// The semantics are those of Cargo ("Specifying Dependencies") and PEP 440.
func TestVersionRanges(t *testing.T) {
	for _, test := range []struct {
		ecosystem   lockkeeper.Ecosystem
		rang        string
		in, outside []string
	}{
		{lockkeeper.Cargo, "0.17", []string{"0.17.0", "0.17.8", "0.17.8+build"}, []string{"0.16.9", "0.18.0", "1.17.0", "0.17.9-alpha.1", "", "x"}},
		{lockkeeper.Cargo, "1", []string{"1.0.0", "1.99.1"}, []string{"2.0.0", "0.9.0", "1.0.0-rc.1"}},
		{lockkeeper.Cargo, "0.0.3", []string{"0.0.3"}, []string{"0.0.4", "0.0.2"}},
		{lockkeeper.Cargo, "0", []string{"0.9.0"}, []string{"1.0.0"}},
		{lockkeeper.Cargo, "=1.2.3", []string{"1.2.3"}, []string{"1.2.4", "1.2.3-a"}},
		{lockkeeper.Cargo, "~1.2", []string{"1.2.9"}, []string{"1.3.0"}},
		{lockkeeper.Cargo, "1.*", []string{"1.9.0"}, []string{"2.0.0"}},
		{lockkeeper.Cargo, "*", []string{"1.9.0"}, []string{"1.9.0-a"}},
		{lockkeeper.Cargo, ">= 1.2, < 3", []string{"2.9.0"}, []string{"3.0.0", "1.1.9", "3.0.0-rc.1"}},
		{lockkeeper.Cargo, "0.17.0-alpha.1", []string{"0.17.0-alpha.2", "0.17.0", "0.17.5"}, []string{"0.17.1-alpha.1", "0.18.0"}},
		{lockkeeper.PyPI, "~=1.2", []string{"1.2", "1.9", "1.2.post1"}, []string{"2.0", "1.1", "1.5rc1", "1.5.dev1"}},
		{lockkeeper.PyPI, "~=0.5.0", []string{"0.5.9"}, []string{"0.6.0"}},
		{lockkeeper.PyPI, "==1.2.*", []string{"1.2", "1.2.9"}, []string{"1.3"}},
		{lockkeeper.PyPI, "==1.2", []string{"1.2", "1.2.0"}, []string{"1.2.1", "1.2rc1", "1.2.post1", "1.2.dev3"}},
		{lockkeeper.PyPI, ">=1.2,<3", []string{"2.9"}, []string{"3.0", "3.0rc1", "3.0.dev1", "2.0.dev1"}},
		{lockkeeper.PyPI, ">=1.2rc1, <3", []string{"1.2rc2", "2.0.dev1", "2.0"}, []string{"3.0", "3.0rc1", "3.0.dev1", "3.0.0a1"}},
		{lockkeeper.PyPI, ">=1.2rc1,<3rc2", []string{"3.0rc1"}, []string{"3.0rc2"}},
		// The library alone lets these in.
		{lockkeeper.PyPI, "<2", []string{"1.5"}, []string{"1.5rc1", "1.5.dev1", "1.5.post1.dev1", "2.0a1"}},
		{lockkeeper.PyPI, "<=1.5", []string{"1.5"}, []string{"1.5rc1", "1.4.dev1"}},
		{lockkeeper.PyPI, "!=1.5", []string{"1.4"}, []string{"1.5"}},
		{lockkeeper.PyPI, ">=1,<3", []string{"2"}, []string{"1!1.0", "1!2.0", "not-a-version"}},
		{lockkeeper.PyPI, "~=1!2.3", []string{"1!2.4"}, []string{"2.4", "1!3.0", "2!2.4"}},
		{lockkeeper.PyPI, "==2.0.1+cpu", []string{"2.0.1+cpu"}, []string{"2.0.1", "2.0.1+other"}},
		{lockkeeper.PyPI, "===2004d", []string{"2004d", "2004D"}, []string{"2004", "2004.0"}},
	} {
		r, err := parseRange(test.ecosystem, test.rang)
		if err != nil {
			t.Errorf("%s %q: %v", test.ecosystem, test.rang, err)
			continue
		}
		for _, v := range test.in {
			if !r.has(v) {
				t.Errorf("%s %q leaves out %q", test.ecosystem, test.rang, v)
			}
		}
		for _, v := range test.outside {
			if r.has(v) {
				t.Errorf("%s %q takes in %q", test.ecosystem, test.rang, v)
			}
		}
	}
}

func TestCompatible(t *testing.T) {
	for _, test := range []struct {
		ecosystem     lockkeeper.Ecosystem
		version, want string
	}{
		{lockkeeper.Cargo, "0.17.8", "0.17"},
		{lockkeeper.Cargo, "1.2.3", "1"},
		{lockkeeper.Cargo, "0.0.3", "0.0.3"},
		{lockkeeper.Cargo, "0.0.0", "=0.0.0"},
		{lockkeeper.Cargo, "2.0.0-rc.1", "=2.0.0-rc.1"},
		{lockkeeper.Cargo, "0.9.109+wasi-1.2", "0.9"},
		{lockkeeper.PyPI, "2.31.0", "~=2.31"},
		{lockkeeper.PyPI, "1", "~=1.0"},
		{lockkeeper.PyPI, "0.5", "~=0.5.0"},
		{lockkeeper.PyPI, "0.5.3", "~=0.5.0"},
		{lockkeeper.PyPI, "1.0.post2", "~=1.0"},
		{lockkeeper.PyPI, "2.0rc1", "==2.0rc1"},
		{lockkeeper.PyPI, "2.0.dev1", "==2.0.dev1"},
		{lockkeeper.PyPI, "2.0+cpu", "==2.0+cpu"},
		{lockkeeper.PyPI, "1!2.3.4", "~=1!2.3"},
		{lockkeeper.PyPI, "2004d", "===2004d"},
	} {
		got := compatible(lockkeeper.Package{Ecosystem: test.ecosystem, Name: "x", Version: test.version})
		if got != test.want {
			t.Errorf("compatible with %s %s: %q, want %q", test.ecosystem, test.version, got, test.want)
		}
		if r, err := parseRange(test.ecosystem, got); err != nil || !r.has(test.version) {
			t.Errorf("%q does not hold %s: %v", got, test.version, err)
		}
	}
}

// No text makes a range panic, and a range that was read holds only versions.
func TestRangesAreTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ecosystem := rapid.SampledFrom([]lockkeeper.Ecosystem{lockkeeper.Cargo, lockkeeper.PyPI}).Draw(t, "ecosystem")
		text := rapid.StringMatching(`[0-9a-z.*=<>~!^, +-]{0,20}`).Draw(t, "range")
		r, err := parseRange(ecosystem, text)
		if err != nil {
			return
		}
		version := rapid.StringMatching(`[0-9a-z.!+-]{0,12}`).Draw(t, "version")
		if r.has(version) && version == "" {
			t.Fatalf("%q holds the empty version", text)
		}
	})
}
