// Package guard reads the settings beside a lockfile that alter what the lock
// means: where packages are downloaded from, which of them are replaced, and which
// programs run while they are built and installed.
//
// A file is read as a list of settings with their lines, and two versions of it
// are compared setting by setting, so that an edit of anything else asks nobody.
// Which settings count is an explicit table for each kind of file (cargo.go,
// python.go), written after the reference of the tool that reads it. In files that
// hold nothing but settings of one tool, and in [tool.uv], a setting that is not
// known to be harmless counts. In files that hold much else, those of the table do.
//
// Text of settings is safe to print: it is one line without control characters, it
// is short, and passwords and tokens are left out of it.
//
// The package opens no file and follows no setting. It does not read what a setting
// points to: a configuration that cargo includes, a constraints file, a vendored
// directory.
package guard

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
)

// Bounds of one file. More is an error, never a part.
const (
	MaxSize     = 4 << 20 // bytes
	MaxSettings = 10_000
	maxKey      = 400 // bytes of Setting.Key
)

// Setting is one setting that alters what a lock means.
type Setting struct {
	// Key is where it stands: "source.crates-io.replace-with", "tool.uv.index[0]",
	// "global.extra-index-url". Parts that are not plain are quoted.
	Key string
	// Text is its value in one line for people, at most 200 characters. What is
	// left out of it (secrets, the end of what is longer) still counts in Digest.
	Text string
	Line int // counted from 1
	// Why is one short clause: "sends downloads of this source elsewhere".
	Why string
	// Digest is of the whole value. Two settings of one Key with the same Digest say
	// the same, whatever their layout.
	Digest lockkeeper.Digest
}

// Guards reports whether the file at a slash-separated path may hold settings that
// alter what a lock means, by its name alone. Case is ignored, since file systems
// may ignore it: cargo finds .Cargo/Config.toml on some.
//
//	.cargo/config, .cargo/config.toml      cargo
//	Cargo.toml                             cargo: [patch] and [replace]
//	rust-toolchain, rust-toolchain.toml    rustup
//	pyproject.toml                         [build-system], uv, Poetry, PDM, Hatch
//	Pipfile                                pipenv
//	uv.toml                                uv
//	pdm.toml, .pdm.toml                    PDM
//	poetry.toml                            Poetry
//	pip.conf, pip.ini                      pip
//	.pypirc                                uploads
//	setup.cfg                              setuptools: [easy_install], setup_requires
func Guards(p string) bool { return kindOf(p) != nil }

// Settings are those of the file at p that count, in the order of the file; none
// is no error. Any error is a *lockfile.Error and means that the file cannot be
// read as its format, or only in more than one way: then all of it counts.
func Settings(p string, data []byte) ([]Setting, error) {
	k := kindOf(p)
	if k == nil {
		return nil, &lockfile.Error{Path: p, Err: fmt.Errorf("no settings are read from a file of this name")}
	}
	if len(data) > MaxSize {
		return nil, &lockfile.Error{Path: p, Err: fmt.Errorf("%d bytes are more than the %d that a file of settings may have", len(data), MaxSize)}
	}
	r := &reader{path: p, kind: k}
	if err := k.read(r, data); err != nil {
		return nil, err
	}
	slices.SortStableFunc(r.settings, func(a, b Setting) int { return a.Line - b.Line })
	return r.settings, nil
}

// kind is how a file is read and what counts in it.
type kind struct {
	read  func(r *reader, data []byte) error
	rules []rule
	// otherwise is why a setting counts that no rule knows; empty where it does not.
	otherwise string
	// option gives the options of an INI file one spelling.
	option func(string) string
}

// kinds are the files by name. Those in ".cargo/" count in that directory alone.
var kinds = []struct {
	name string
	kind *kind
}{
	{".cargo/config", &cargoConfig},
	{".cargo/config.toml", &cargoConfig},
	{"Cargo.toml", &cargoManifest},
	{"rust-toolchain", &toolchain},
	{"rust-toolchain.toml", &toolchainTOML},
	{"pyproject.toml", &pyproject},
	{"Pipfile", &pipfile},
	{"uv.toml", &uvConfig},
	{"pdm.toml", &pdmConfig},
	{".pdm.toml", &pdmConfig},
	{"poetry.toml", &poetryConfig},
	{"pip.conf", &pipConfig},
	{"pip.ini", &pipConfig},
	{".pypirc", &pypirc},
	{"setup.cfg", &setupConfig},
}

func kindOf(p string) *kind {
	dir, name := path.Split(p)
	inCargo := path.Base(dir) + "/" + name
	for _, k := range kinds {
		if strings.EqualFold(k.name, name) || strings.EqualFold(k.name, inCargo) {
			return k.kind
		}
	}
	return nil
}

// reader collects the settings of one file.
type reader struct {
	path     string
	kind     *kind
	settings []Setting
}

func (r *reader) errorf(line int, format string, args ...any) error {
	return &lockfile.Error{Path: r.path, Line: line, Err: fmt.Errorf(format, args...)}
}

// add keeps one setting; element is its place in a list, or -1.
func (r *reader) add(at []string, element, line int, v value, m match) error {
	if len(r.settings) == MaxSettings {
		return r.errorf(line, "more than %d settings", MaxSettings)
	}
	key, ok := keyText(at, element)
	if !ok {
		return r.errorf(line, "a key of more than %d bytes", maxKey)
	}
	s := Setting{Key: key, Line: line, Why: m.why, Digest: v.digest(), Text: hidden}
	if !m.secret && (m.named || !namesSecret(at[len(at)-1])) {
		s.Text = v.text()
	}
	r.settings = append(r.settings, s)
	return nil
}
