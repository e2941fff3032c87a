package provenance

import (
	"regexp"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
)

// sameFile reports whether a statement about signed is one about the file that the
// index calls filename. PyPI may spell the name otherwise than whoever signed it,
// and compares what the parts mean (pypi-attestations: _check_dist_filename):
// project by PEP 503, version by PEP 440, a wheel's tags in any order.
func sameFile(signed, filename string) bool {
	if signed == filename {
		return filename != ""
	}
	a, ok := fileParts(signed)
	if !ok {
		return false
	}
	b, ok := fileParts(filename)
	return ok && slices.Equal(a, b)
}

var separators = regexp.MustCompile(`[-_.]+`)

// fileParts are the parts of a wheel's or sdist's name, each in one spelling.
func fileParts(filename string) ([]string, bool) {
	if len(filename) > 512 {
		return nil, false
	}
	if stem, ok := strings.CutSuffix(filename, ".whl"); ok {
		parts := strings.Split(stem, "-")
		if len(parts) != 5 && len(parts) != 6 {
			return nil, false
		}
		parts[0], parts[1] = normalName(parts[0]), version(parts[1])
		for i := len(parts) - 3; i < len(parts); i++ {
			tags := strings.Split(strings.ToLower(parts[i]), ".")
			slices.Sort(tags)
			parts[i] = strings.Join(slices.Compact(tags), ".")
		}
		return append(parts, ".whl"), true
	}
	for _, ext := range []string{".tar.gz", ".zip"} { // the only sdists that can be attested
		stem, ok := strings.CutSuffix(filename, ext)
		if i := strings.LastIndexByte(stem, '-'); ok && i > 0 {
			return []string{normalName(stem[:i]), version(stem[i+1:]), ext}, true
		}
	}
	return nil, false
}

func normalName(s string) string { return strings.ToLower(separators.ReplaceAllString(s, "-")) }

func version(s string) string { return registry.VersionKey(lockkeeper.PyPI, s) }
