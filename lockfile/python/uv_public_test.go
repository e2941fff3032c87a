package python

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/lockfile"
)

// uv writes the default index out, and pylock.toml may: it is still the public
// registry. A path or host that only resembles it is not.
func TestPublicIndexLocked(t *testing.T) {
	const public = "https://" + publicHost + publicPath
	hash := "sha256:" + strings.Repeat("1", 64)
	for address, want := range map[string]bool{
		public:                                  true,
		public + "/":                            true,
		public[8:]:                              false,
		"http" + public[5:]:                     false,
		public + "?x":                           false,
		"https://example.invalid@" + public[8:]: false,
		public + ".example.invalid":             false,
	} {
		uvLock := "version = 1\n[[package]]\nname = \"a\"\nversion = \"1\"\nsource = { registry = \"" + address + "\" }\n" +
			"sdist = { url = \"https://example.invalid/a-1.zip\", hash = \"" + hash + "\" }\n"
		pylock := "lock-version = \"1.0\"\ncreated-by = \"x\"\n[[packages]]\nname = \"a\"\nversion = \"1\"\nindex = \"" + address + "\"\n" +
			"sdist = { url = \"https://example.invalid/a-1.zip\", hashes = { sha256 = \"" + hash[7:] + "\" } }\n"
		for _, c := range []struct {
			parse func(path string, data []byte) (*lockfile.Lockfile, error)
			data  string
		}{{ParseUV, uvLock}, {ParsePylock, pylock}} {
			l, err := c.parse("lock", []byte(c.data))
			if err != nil {
				t.Errorf("%s: %v", c.data, err)
				continue
			}
			e := l.Entries[0]
			if e.Source.Kind != lockfile.Registry || e.Source.Public() != want || string(e.Files[0].Digest) != hash {
				t.Errorf("%s: %+v, public want %t", c.data, e, want)
			}
		}
	}
}
