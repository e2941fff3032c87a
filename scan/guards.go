package scan

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
)

// guards reports whether a file decides what a lockfile means or what Lockkeeper
// asks for.
func guards(p string) bool {
	if strings.HasPrefix(p, ".lockkeeper/") {
		return true
	}
	dir, name := path.Split(p)
	switch name {
	case "config", "config.toml":
		return strings.HasSuffix("/"+dir, "/.cargo/")
	case "rust-toolchain", "rust-toolchain.toml", "pip.conf", "pip.ini", "uv.toml", "poetry.toml", "pdm.toml", ".pypirc":
		return true
	}
	return false
}

func (s *Scanner) guardFinding(ctx context.Context, t Tree, head map[string]lockkeeper.TreeFile, p string) policy.Finding {
	finding := policy.Finding{Rule: policy.GuardChanged, Lockfile: p}
	what := "decides what building and installing runs"
	if strings.HasPrefix(p, ".lockkeeper/") {
		what = "decides what Lockkeeper asks for"
	}
	f, exists := head[p]
	switch {
	case !exists:
		finding.Message = fmt.Sprintf("is deleted; it %s", what)
		finding.Subject = "deleted " + p
		return finding
	case f.Mode != lockkeeper.Regular:
		finding.Message = fmt.Sprintf("is a %s; it %s", f.Mode, what)
		finding.Subject = string(f.Mode) + " " + p + " " + f.Blob
		return finding
	}
	finding.Message = fmt.Sprintf("is edited; it %s", what)
	finding.Line = 1
	finding.Subject = "edited " + p + " " + f.Blob
	if data, err := t.Read(ctx, f, MaxGuardSize); err == nil {
		finding.Artifact = lockkeeper.Sum(data)
	}
	return finding
}

// MaxGuardSize bounds policy, allowlist and guarded settings, in bytes.
const MaxGuardSize = 4 << 20
