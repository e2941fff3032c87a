package registrytest

import "testing"

func TestMatches(t *testing.T) {
	for _, test := range []struct {
		pattern, path string
		want          bool
	}{
		{"**", "/a/b", true}, {"/a/*", "/a/b", true}, {"/a/*", "/a/b/c", false}, {"/a/**", "/a/b/c", true},
		{"**/x-*.crate", "/s/x-1.0.crate", true}, {"**/x-*.crate", "/s/x-1/0.crate", false}, {"/a.b", "/aXb", false}, {"/?", "/a", true}, {"/?", "//", false},
	} {
		if got := matches(test.pattern, test.path); got != test.want {
			t.Errorf("matches(%q, %q) = %t", test.pattern, test.path, got)
		}
	}
}
