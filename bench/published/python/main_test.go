package main

import (
	"testing"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// TestTells: what a build was seen to start must be told by its name, by "run:?",
// or by compiling where setuptools does it.
func TestTells(t *testing.T) {
	for _, c := range []struct {
		name    string
		can     []buildcode.Capability
		program string
		by      string
		direct  bool
		want    bool
	}{
		{"named", []buildcode.Capability{buildcode.Run("git")}, "git", "@setup.py", true, true},
		{"another", []buildcode.Capability{buildcode.Run("hg")}, "git", "@setup.py", true, false},
		{"unknown", []buildcode.Capability{buildcode.RunUnknown}, "git", "@setup.py", true, true},
		{"compiler of setuptools", []buildcode.Capability{buildcode.Compile}, "cc", "setuptools/_distutils/spawn.py", false, true},
		{"compiler nobody told of", nil, "cc", "setuptools/_distutils/spawn.py", false, false},
		{"compiler started directly", []buildcode.Capability{buildcode.Compile}, "cc", "@setup.py", true, false},
		{"a requirement's own", nil, "git", "setuptools_scm/git.py", false, true},
	} {
		s := buildcode.Surface{Capabilities: c.can}
		if got := tells(s, event{Program: c.program, By: []string{c.by}}, c.direct); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
