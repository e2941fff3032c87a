package rust

import (
	"encoding/json"
	"io/fs"
	"regexp"

	"github.com/pelletier/go-toml/v2"

	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/buildcode"
)

// vcsInfo is the name of what cargo writes into a crate that it packs inside of
// a repository (cargo: src/ops/cargo_package/vcs.rs). Since 1.57 it has the
// package's directory, since 1.85 dirty.
const vcsInfo = ".cargo_vcs_info.json"

// maxVCSInfo bounds that file, in bytes. Cargo's has some hundred.
const maxVCSInfo = 64 << 10

var fullCommit = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// Origin is the commit that cargo noted when the crate was packed, and the
// repository that its manifest names; nil if it has neither. A file of that name
// that cargo would not write counts as none.
func Origin(a *archive.Archive) *buildcode.Origin {
	o := &buildcode.Origin{}
	var info struct {
		Git struct {
			SHA1  string `json:"sha1"`
			Dirty bool   `json:"dirty"`
		} `json:"git"`
		Path *string `json:"path_in_vcs"`
	}
	if data, err := a.ReadFile(vcsInfo); err == nil && len(data) <= maxVCSInfo && json.Unmarshal(data, &info) == nil && fullCommit.MatchString(info.Git.SHA1) {
		o.Commit, o.Dirty = info.Git.SHA1, info.Git.Dirty
		if info.Path != nil && (*info.Path == "" || fs.ValidPath(*info.Path) && *info.Path != ".") {
			o.Path, o.HasPath = *info.Path, true
		}
	}
	name := "Cargo.toml"
	if !a.Has(name) {
		name = "cargo.toml"
	}
	var root table
	if data, err := a.ReadFile(name); err == nil && toml.Unmarshal(data, &root) == nil {
		pkg, _ := root["package"].(table)
		if pkg == nil {
			pkg, _ = root["project"].(table)
		}
		for _, key := range []string{"repository", "homepage"} {
			address, _ := pkg[key].(string)
			o.AddAddress(address)
		}
	}
	return o.OrNil()
}
