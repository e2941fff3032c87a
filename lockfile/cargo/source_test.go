package cargo

import (
	"testing"

	"github.com/lockkeeper/lockkeeper/lockfile"
)

// crates.io has two names; whatever only resembles them is another registry.
func TestCratesIO(t *testing.T) {
	for s, want := range map[string]bool{
		cratesIO:                   true,
		cratesIOSparse:             true,
		cratesIO + "/":             false,
		cratesIO + ".git":          false,
		"sparse+" + cratesIO[9:]:   false,
		cratesIOSparse + "mirror/": false,
	} {
		source, err := parseSource(s, 4, true)
		if err != nil || source.Kind != lockfile.Registry || source.Public() != want {
			t.Errorf("%s: %+v, %v, public want %t", s, source, err, want)
		}
	}
}
