package scan

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile/guard"
	"github.com/lockkeeper/lockkeeper/policy"
)

// MaxGuardSize bounds policy, allowlist and guarded settings, in bytes.
const MaxGuardSize = 4 << 20

// maxShown bounds how many settings of one file a finding lists.
const maxShown = 20

// cargoDirectory holds cargo's configuration, and is looked for without case where
// the file system ignores it.
const cargoDirectory = ".cargo"

// guards reports whether a file may decide what a lockfile means or what
// Lockkeeper asks for. A link or submodule may be at a name that holds settings as
// a directory.
func guards(p string) bool {
	return ownRules(p) || guard.Guards(p) || strings.EqualFold(path.Base(p), cargoDirectory)
}

// settingsName is the name by which the settings at p are read, "" where there are
// none.
func (w *watch) settingsName(p string) string {
	if guards(p) {
		return p
	}
	return w.settings[p]
}

func ownRules(p string) bool { return strings.HasPrefix(p, ".lockkeeper/") }

// holdsMore knows the guarded files that hold much beside settings: to edit one is
// to edit settings only if a finding says so.
func holdsMore(p string) bool {
	switch strings.ToLower(path.Base(p)) {
	case "cargo.toml", "pyproject.toml", "pipfile", "setup.cfg":
		return true
	}
	return false
}

// guardFinding is the one finding about a guarded file that differs, whose settings
// are read as those of name; nil if the difference decides nothing.
func (s *Scanner) guardFinding(ctx context.Context, in Input, base, head map[string]lockkeeper.TreeFile, p, name string) *policy.Finding {
	finding := &policy.Finding{Rule: policy.GuardChanged, Lockfile: p}
	what := "decides what building and installing runs"
	if ownRules(p) {
		what = "decides what Lockkeeper asks for"
	}
	f, exists := head[p]
	switch {
	case exists && f.Mode != lockkeeper.Regular:
		finding.Message = fmt.Sprintf("is a %s; it %s", f.Mode, what)
		finding.Subject = string(f.Mode) + " " + p + " " + f.Blob
		return finding
	case !exists && ownRules(p):
		finding.Message = fmt.Sprintf("is deleted; it %s", what)
		finding.Subject = "deleted " + p
		return finding
	}
	var settings []guard.Setting
	if exists {
		data, err := in.Head.Read(ctx, f, MaxGuardSize)
		if err == nil {
			finding.Artifact = lockkeeper.Sum(data)
		}
		if err == nil && !ownRules(p) {
			settings, err = guard.Settings(name, data)
		}
		finding.Line, finding.Subject = 1, "edited "+p+" "+f.Blob
		finding.Message = fmt.Sprintf("is edited; it %s", what)
		if err != nil {
			line := 0
			if e, ok := asLockfileError(err); ok {
				line, err = e.Line, e.Err
			}
			finding.Line = max(line, 1)
			finding.Message = fmt.Sprintf("is edited and cannot be read: %v; it %s", err, what)
			return finding
		}
		if ownRules(p) {
			return finding
		}
	}
	return settingsFinding(finding, guard.Changed(s.settingsBefore(ctx, in, base, p, name), settings))
}

// settingsBefore are those of the base; none where it cannot be read, so that all
// of the head count.
func (s *Scanner) settingsBefore(ctx context.Context, in Input, base map[string]lockkeeper.TreeFile, p, name string) []guard.Setting {
	f, exists := base[p]
	if !exists || f.Mode != lockkeeper.Regular {
		return nil
	}
	data, err := in.Base.Read(ctx, f, MaxGuardSize)
	if err != nil {
		return nil
	}
	settings, err := guard.Settings(name, data)
	if err != nil {
		return nil
	}
	return settings
}

// settingsFinding says which settings changed. A sign-off holds for these, and
// for whatever else stands in the file.
func settingsFinding(finding *policy.Finding, changes []guard.Change) *policy.Finding {
	if len(changes) == 0 {
		return nil
	}
	var subject strings.Builder
	for i, c := range changes {
		fmt.Fprintf(&subject, "%q %t %s\n", c.Key, c.Removed, c.Digest)
		if i < maxShown {
			finding.Evidence = append(finding.Evidence, settingText(c, len(changes) > 1))
		} else if i == maxShown {
			finding.Evidence = append(finding.Evidence, fmt.Sprintf("and %d more", len(changes)-maxShown))
		}
	}
	first := changes[0]
	switch {
	case len(changes) > 1:
		finding.Message = fmt.Sprintf("changes %d settings; the first, %s, %s", len(changes), first.Key, first.Why)
	case first.Removed:
		finding.Message = fmt.Sprintf("loses the setting %s, which %s", first.Key, first.Why)
	case first.Was != "":
		finding.Message = fmt.Sprintf("changes the setting %s, which %s", first.Key, first.Why)
	default:
		finding.Message = fmt.Sprintf("gains the setting %s, which %s", first.Key, first.Why)
	}
	finding.Line = 1
	if !first.Removed {
		finding.Line = first.Line
	}
	finding.Artifact = ""
	finding.Subject = "settings " + finding.Lockfile + " " + string(lockkeeper.Sum([]byte(subject.String())))
	return finding
}

// settingText is one line of evidence: `source.crates-io.replace-with = "mirror",
// before "vendored"`. Among several it has its place and meaning as well.
func settingText(c guard.Change, several bool) string {
	text := c.Key + " = " + c.Text
	if c.Was != "" {
		text += ", before " + c.Was
	}
	switch {
	case !several:
		return text
	case c.Removed:
		return "no more: " + text + " (" + c.Why + ")"
	}
	return "line " + strconv.Itoa(c.Line) + ": " + text + " (" + c.Why + ")"
}
