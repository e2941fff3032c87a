package python_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/lockfile/internal/lockfiletest"
	"github.com/lockkeeper/lockkeeper/lockfile/python"
)

func TestParsePylock(t *testing.T) { lockfiletest.Run(t, "pylock*.txtar", python.ParsePylock) }

func FuzzParsePylock(f *testing.F) {
	seed(f, "pylock*.txtar")
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := lockfiletest.Fuzz(t, "sub/pylock.toml", data, python.ParsePylock)
		if err != nil {
			return
		}
		checkLocked(t, l)
		for _, e := range l.Entries {
			if e.Source.Kind == "registry" && (e.Package.Version == "" || len(e.Files) == 0) {
				t.Fatalf("registry entry without version or files: %+v", e)
			}
		}
	})
}

// A dependency on a name of more forks than are looked at is said to be open.
func TestPylockManyForks(t *testing.T) {
	for forks, want := range map[int]int{16: 16, 17: 1} {
		var b strings.Builder
		b.WriteString("lock-version = \"1.0\"\ncreated-by = \"x\"\n[[packages]]\nname = \"app\"\ndirectory = { path = \".\" }\ndependencies = [{ name = \"fork\" }]\n")
		for i := range forks {
			fmt.Fprintf(&b, "[[packages]]\nname = \"fork\"\ndirectory = { path = \"fork-%d\" }\n", i)
		}
		l, err := python.ParsePylock("pylock.toml", []byte(b.String()))
		if err != nil || len(l.Entries[0].Edges) != want || (l.Entries[0].Edges[0].Entry == -1) != (want == 1) {
			t.Errorf("%d forks: %+v, %v", forks, l, err)
		}
	}
}
