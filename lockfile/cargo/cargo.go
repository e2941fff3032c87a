// Package cargo reads Cargo.lock, versions 1 to 4.
//
// The format is what cargo's src/cargo/core/resolver/encode.rs writes. This
// reader is stricter: cargo ignores edges and checksums that lead nowhere and
// keys that it does not know, but a reviewer must not be shown less than what is
// written, so they are errors here. In particular `[metadata]` checksums, which
// cargo honours in every version, must not contradict those of the packages.
package cargo

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"deps.dev/util/semver"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/internal/tomldoc"
)

// maxName bounds the bytes of a name and of a version.
const maxName = 256

// Parse reads a Cargo.lock. Entries are in the order of the file, a `[root]` of
// version 1 where it stands. Names and versions are kept as written.
//
// Source of an entry: crates.io is the public registry; of other registries the
// URL is kept, with "sparse+", which for cargo is part of it. A package without a
// source belongs to the workspace and is a Path without URL. `[[patch.unused]]`
// is checked but gives no entries, since it is not built. A package with
// `replace` has one edge, to what is built in its place.
//
// Any error is a *lockfile.Error.
func Parse(path string, data []byte) (*lockfile.Lockfile, error) {
	doc, err := tomldoc.ParseLockfile(path, data)
	if err != nil {
		return nil, err
	}
	p := parser{file: &lockfile.Lockfile{Path: path, Format: lockfile.Cargo}}
	if err := p.document(doc); err != nil {
		return nil, err
	}
	return p.file, nil
}

type parser struct {
	file     *lockfile.Lockfile
	version  int // 0 while a file without `version` may be 1 or 2
	packages []pkg
	names    map[string]candidates
	// Of names that stand more than once only:
	versions map[nameVersion]candidates
	ids      map[id]int
}

// pkg is what an entry's table holds besides the entry.
type pkg struct {
	dependencies []tomldoc.Value
	replace      *tomldoc.Value
}

type nameVersion struct{ name, version string }

// id is what makes a package one, to cargo: revisions do not count.
type id struct {
	nameVersion
	source string
}

func (p *parser) errorf(line int, format string, args ...any) error {
	return &lockfile.Error{Path: p.file.Path, Line: line, Err: fmt.Errorf(format, args...)}
}

func (p *parser) document(doc *tomldoc.Table) error {
	if v := doc.Get("version"); v != nil {
		if err := p.formatVersion(v); err != nil {
			return err
		}
	}
	var metadata, patch *tomldoc.Table
	tables := make([]*tomldoc.Table, 0, 64)
	for _, pair := range doc.Pairs {
		v := pair.Value
		switch {
		case pair.Key == "version":
		case pair.Key == "package" && v.Kind == tomldoc.Array:
			for _, e := range v.Elems {
				if e.Kind != tomldoc.TableKind {
					return p.errorf(e.Line(), "package is %s: want a table", e.Kind)
				}
				tables = append(tables, e.Table)
			}
		case pair.Key == "root" && v.Kind == tomldoc.TableKind:
			tables = append(tables, v.Table)
		case pair.Key == "metadata" && v.Kind == tomldoc.TableKind:
			metadata = v.Table
		case pair.Key == "patch" && v.Kind == tomldoc.TableKind:
			patch = v.Table
		case strings.Contains(" package root metadata patch ", " "+pair.Key+" "):
			return p.errorf(pair.Line(), "%q is %s", pair.Key, v.Kind)
		default:
			return p.errorf(pair.Line(), "unknown key %q: this Cargo.lock may be newer than Lockkeeper", pair.Key)
		}
	}
	if err := p.entries(tables); err != nil {
		return err
	}
	if err := p.edges(); err != nil {
		return err
	}
	if err := p.checksums(metadata); err != nil {
		return err
	}
	if p.version == 0 {
		p.version = 1
	}
	p.file.Version = fmt.Sprint(p.version)
	return p.patch(patch)
}

// formatVersion reads `version`, which only 3 and later write.
func (p *parser) formatVersion(v *tomldoc.Value) error {
	switch {
	case v.Kind == tomldoc.Integer && v.Text == "3":
		p.version = 3
	case v.Kind == tomldoc.Integer && v.Text == "4":
		p.version = 4
	case v.Kind == tomldoc.Integer:
		return p.errorf(v.Line(), "lock file version %.40s is not supported (1 to 4 are, and only 3 and 4 are written out): lock with a stable cargo", v.Text)
	default:
		return p.errorf(v.Line(), "version is %s: want an integer", v.Kind)
	}
	return nil
}

// atLeast2 notes something that version 1 does not have.
func (p *parser) atLeast2() {
	if p.version == 0 {
		p.version = 2
	}
}

func (p *parser) entries(tables []*tomldoc.Table) error {
	p.file.Entries = make([]lockfile.Entry, 0, len(tables))
	p.packages = make([]pkg, 0, len(tables))
	p.names = make(map[string]candidates, len(tables))
	for i, t := range tables {
		entry, rest, err := p.entry(t)
		if err != nil {
			return err
		}
		p.file.Entries = append(p.file.Entries, entry)
		p.packages = append(p.packages, rest)
		name := entry.Package.Name
		p.names[name] = p.names[name].with(i, entry.Source.Kind == lockfile.Path)
	}
	return p.namesakes()
}

// namesakes tells apart the packages of one name, and refuses one that stands
// twice.
func (p *parser) namesakes() error {
	p.versions = map[nameVersion]candidates{}
	p.ids = map[id]int{}
	for i, e := range p.file.Entries {
		sameName := p.names[e.Package.Name]
		if sameName.count == 1 {
			continue
		}
		key := identify(e.Package, e.Source)
		if first, twice := p.ids[key]; twice {
			return p.errorf(e.Line, "package %s %s stands twice, first in line %d", e.Package.Name, e.Package.Version, p.file.Entries[first].Line)
		}
		p.ids[key] = i
		sameVersion := p.versions[key.nameVersion]
		p.versions[key.nameVersion] = sameVersion.with(i, e.Source.Kind == lockfile.Path)
		if sameVersion.count == 0 {
			sameName.versions++
			p.names[e.Package.Name] = sameName
		}
	}
	return nil
}

func identify(p lockkeeper.Package, s lockfile.Source) id {
	key := id{nameVersion: nameVersion{p.Name, p.Version}}
	if s != (lockfile.Source{Kind: lockfile.Path}) {
		key.source = string(s.Kind) + " " + s.URL + " " + s.Reference
	}
	return key
}

// entry reads one package without its edges.
func (p *parser) entry(t *tomldoc.Table) (lockfile.Entry, pkg, error) {
	entry := lockfile.Entry{
		Package: lockkeeper.Package{Ecosystem: lockkeeper.Cargo},
		Source:  lockfile.Source{Kind: lockfile.Path},
		Line:    t.Line,
	}
	var rest pkg
	for i := range t.Pairs {
		key, v := t.Pairs[i].Key, &t.Pairs[i].Value
		want := tomldoc.String
		if key == "dependencies" {
			want = tomldoc.Array
		}
		if v.Kind != want {
			return entry, rest, p.errorf(t.Pairs[i].Line(), "package key %q is %s", key, v.Kind)
		}
		var err error
		switch key {
		case "name":
			entry.Package.Name, err = v.Text, checkName(v.Text)
		case "version":
			entry.Package.Version, err = v.Text, checkVersion(v.Text)
		case "source":
			entry.Source, err = parseSource(v.Text, p.version, true)
		case "checksum":
			p.atLeast2()
			var digest lockkeeper.Digest
			digest, err = parseChecksum(v.Text)
			entry.Files = []lockfile.File{{Digest: digest}}
		case "dependencies":
			rest.dependencies = v.Elems
		case "replace":
			rest.replace = v
		default:
			err = errors.New("unknown key: this Cargo.lock may be newer than Lockkeeper")
		}
		if err != nil {
			return entry, rest, p.errorf(v.Line(), "package key %q: %w", key, err)
		}
	}
	switch {
	case entry.Package.Name == "" || entry.Package.Version == "":
		return entry, rest, p.errorf(t.Line, "package without name or version")
	case len(entry.Files) > 0 && entry.Source.Kind != lockfile.Registry:
		return entry, rest, p.errorf(t.Line, "package %s has a checksum, but only packages of a registry have one", entry.Package.Name)
	case rest.replace != nil && len(rest.dependencies) > 0:
		return entry, rest, p.errorf(t.Line, "package %s is replaced and has dependencies of its own", entry.Package.Name)
	}
	return entry, rest, nil
}

// checkName allows what cargo allows: letters, digits, "-" and "_".
func checkName(s string) error {
	if s == "" || len(s) > maxName {
		return fmt.Errorf("a name of %d bytes", len(s))
	}
	for _, r := range s {
		if r != '-' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
			return fmt.Errorf("%q is no package name", s)
		}
	}
	return nil
}

// checkVersion asks for all three numbers, as cargo does; the library alone would
// take fewer.
func checkVersion(s string) error {
	core, _, _ := strings.Cut(s, "+")
	core, _, _ = strings.Cut(core, "-")
	if len(s) > maxName || strings.Count(core, ".") != 2 {
		return fmt.Errorf("%.60q is no version of three numbers", s)
	}
	if v, err := semver.Cargo.Parse(s); err != nil || v.IsWildcard() {
		return fmt.Errorf("%q is no version", s)
	}
	return nil
}

// parseChecksum is stricter than ParseDigest in that cargo writes bare digits.
func parseChecksum(s string) (lockkeeper.Digest, error) {
	if strings.Contains(s, ":") {
		return "", fmt.Errorf("checksum %.80q: want 64 hexadecimal digits", s)
	}
	return lockkeeper.ParseDigest(s)
}
