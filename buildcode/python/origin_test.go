package python

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/registry"
)

func TestOrigin(t *testing.T) {
	const metadata = "Metadata-Version: 2.1\r\nName: x\r\nHome-page: https://x.invalid\r\nProject-URL: Bug Tracker, https://host.invalid/o/r/issues\r\n" +
		"project-url: Source-Code , https://host.invalid/o/r\r\nProject-URL: no comma\r\nProject-URL: Homepage, https://x.invalid\r\n\r\nProject-URL: Source, https://evil.invalid/in/description\r\n"
	want := []string{"https://host.invalid/o/r", "https://x.invalid", "https://host.invalid/o/r/issues"}
	for name, test := range map[string]struct {
		kind  registry.Kind
		files map[string]string
		want  []string
	}{
		"sdist":              {registry.Sdist, map[string]string{"PKG-INFO": metadata, "setup.py": ""}, want},
		"wheel":              {registry.Wheel, map[string]string{"x-1.dist-info/METADATA": metadata, "x.py": ""}, want},
		"elsewhere in wheel": {registry.Wheel, map[string]string{"x/x-1.dist-info/METADATA": metadata, "PKG-INFO": metadata}, nil},
		"none":               {registry.Sdist, map[string]string{"setup.py": ""}, nil},
		"too large":          {registry.Sdist, map[string]string{"PKG-INFO": metadata + strings.Repeat("x", maxMetadata)}, nil},
	} {
		var sources []archive.Source
		for path, text := range test.files {
			path = strings.TrimPrefix(path, "/")
			sources = append(sources, archive.Source{Path: path, Size: int64(len(text)), Open: func() ([]byte, error) { return []byte(text), nil }})
		}
		a, err := archive.OpenTree(t.Context(), test.kind, "x", sources, archive.Limits{File: 2 * maxMetadata})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		if o := Origin(a); o != nil {
			got = o.Addresses
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
