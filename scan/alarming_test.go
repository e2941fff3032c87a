package scan

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/buildcode"
)

// TestAlarming: what a library that runs in build code comes by in passing asks for
// nothing.
func TestAlarming(t *testing.T) {
	caps := func(text string) *buildcode.Surface {
		s := &buildcode.Surface{}
		for _, c := range strings.Fields(text) {
			s.Capabilities = append(s.Capabilities, buildcode.Capability(c))
		}
		return s
	}
	for _, c := range []struct{ old, now, want string }{
		{"", "network", "network"},
		{"network", "network", ""},
		{"compile", "compile decode unanalysed read-env write-files run:cc", ""},
		{"compile run:cc", "run:curl run:?", "run:curl run:?"},
		{"run:?", "run:? run:curl", ""},
		{"run:?", "run:? run:curl network home", "network home"},
		{"", "load-code embedded-binary", "load-code embedded-binary"},
	} {
		var got []string
		for _, c := range alarming(caps(c.old), caps(c.now)) {
			got = append(got, string(c))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q -> %q: %q, want %q", c.old, c.now, got, c.want)
		}
	}
}
