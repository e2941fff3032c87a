package rust

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/registry"
)

func TestOrigin(t *testing.T) {
	commit := strings.Repeat("0a", 20)
	for name, test := range map[string]struct {
		info, manifest string
		want           *buildcode.Origin
	}{
		"as cargo writes it": {
			`{"git":{"sha1":"` + commit + `"},"path_in_vcs":"crates/x"}`, `repository = "https://host.invalid/o/r"`,
			&buildcode.Origin{Addresses: []string{"https://host.invalid/o/r"}, Commit: commit, Path: "crates/x", HasPath: true},
		},
		"at the root, dirty": {`{"git":{"sha1":"` + commit + `","dirty":true},"path_in_vcs":""}`, "", &buildcode.Origin{Commit: commit, Dirty: true, HasPath: true}},
		"before 1.57":        {`{"git":{"sha1":"` + commit + `"}}`, "", &buildcode.Origin{Commit: commit}},
		"home page alone":    {"", `homepage = "https://host.invalid/o/r"`, &buildcode.Origin{Addresses: []string{"https://host.invalid/o/r"}}},
		"a directory outside": {
			`{"git":{"sha1":"` + commit + `"},"path_in_vcs":"../x"}`, "", &buildcode.Origin{Commit: commit},
		},
		"short commit":    {`{"git":{"sha1":"0a0a0a"}}`, "", nil},
		"a branch":        {`{"git":{"sha1":"main"}}`, "", nil},
		"upper case":      {`{"git":{"sha1":"` + strings.ToUpper(commit) + `"}}`, "", nil},
		"no JSON":         {`{"git":`, "", nil},
		"another type":    {`{"git":{"sha1":5}}`, "", nil},
		"very large":      {`{"git":{"sha1":"` + commit + `"},"x":"` + strings.Repeat("x", maxVCSInfo) + `"}`, "", nil},
		"nothing":         {"", "", nil},
		"wrong manifest":  {"", "repository = 5", nil},
		"endless address": {"", `repository = "https://host.invalid/` + strings.Repeat("x", 1000) + `"`, nil},
	} {
		files := map[string]string{"Cargo.toml": "[package]\nname = \"x\"\n" + test.manifest + "\n"}
		if test.info != "" {
			files[vcsInfo] = test.info
		}
		var sources []archive.Source
		for path, text := range files {
			sources = append(sources, archive.Source{Path: path, Size: int64(len(text)), Open: func() ([]byte, error) { return []byte(text), nil }})
		}
		a, err := archive.OpenTree(t.Context(), registry.Crate, "x", sources, archive.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, Origin(a)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
