// Package cargo reads Cargo.lock, versions 1 to 4.
//
// The format is what cargo's src/cargo/core/resolver/encode.rs writes. This
// reader is stricter: cargo ignores edges and checksums that lead nowhere and
// keys that it does not know, but a reviewer must not be shown less than what is
// written, so they are errors here. In particular `[metadata]` checksums, which
// cargo honours in every version, must not contradict those of the packages.
package cargo

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"deps.dev/util/semver"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/internal/tree"
)

// maxName bounds the bytes of a name and of a version.
const maxName = 256

// Parse reads a Cargo.lock. Entries are in the order of the file, a `[root]` of
// version 1 last. Names and versions are kept as written.
//
// Source of an entry: crates.io is the public registry; of other registries the
// URL is kept, with "sparse+", which for cargo is part of it. A package without a
// source belongs to the workspace and is a Path without URL. `[[patch.unused]]`
// is checked but gives no entries, since it is not built. A package with
// `replace` has one edge, to what is built in its place.
//
// Any error is a *lockfile.Error.
func Parse(path string, data []byte) (*lockfile.Lockfile, error) {
	// Room for what the file seems to hold, as cargo writes it, but for no more
	// packages than its bytes suffice for.
	packages := min(bytes.Count(data, []byte("[[package]]")), len(data)/len("[[package]]\nname=\"\"\nversion=\"\"\n"))
	p := parser{
		file:  &lockfile.Lockfile{Path: path, Format: lockfile.Cargo, Data: data, Entries: make([]lockfile.Entry, 0, packages)},
		names: make(map[string]candidates, packages),
		wants: make([]want, 0, bytes.Count(data, []byte("\n \""))),
	}
	doc, err := tree.ReadTOML(path, data, "package", p.add)
	if err != nil {
		return nil, err
	}
	if err := p.document(doc); err != nil {
		return nil, err
	}
	return p.file, nil
}

type parser struct {
	file     *lockfile.Lockfile
	version  int  // 0 while a file without `version` may be 1 or 2
	begun    bool // version is read
	wants    []want
	names    map[string]candidates
	versions map[nameVersion]candidates // of names that stand more than once only
	ids      map[id]int                 // of the same names

	// Memory of what is many and small.
	files   []lockfile.File
	digests strings.Builder
}

// want is a dependency, or what stands in for a replaced package, before all
// entries are known.
type want struct {
	text  string
	line  int32
	entry int32
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

// begin reads what the packages need to be understood.
func (p *parser) begin(root *tree.Table) error {
	if p.begun {
		return nil
	}
	p.begun = true
	v := root.Get("version")
	if v == nil {
		return nil
	}
	return p.formatVersion(v)
}

func (p *parser) document(doc *tree.Table) error {
	if err := p.begin(doc); err != nil {
		return err
	}
	var metadata, patch *tree.Table
	for _, pair := range doc.Pairs {
		v := pair.Value
		switch {
		case pair.Key == "version", pair.Key == "package" && v.Kind == tree.Array:
		case pair.Key == "root" && v.Kind == tree.TableKind:
			if err := p.add(doc, v.Table); err != nil {
				return err
			}
		case pair.Key == "metadata" && v.Kind == tree.TableKind:
			metadata = v.Table
		case pair.Key == "patch" && v.Kind == tree.TableKind:
			patch = v.Table
		case strings.Contains(" package root metadata patch ", " "+pair.Key+" "):
			return p.errorf(pair.Line(), "%q is %s", pair.Key, v.Kind)
		default:
			return p.errorf(pair.Line(), "unknown key %q: this Cargo.lock may be newer than Lockkeeper", pair.Key)
		}
	}
	if err := p.namesakes(); err != nil {
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
func (p *parser) formatVersion(v *tree.Value) error {
	switch {
	case v.Kind == tree.Integer && v.Text == "3":
		p.version = 3
	case v.Kind == tree.Integer && v.Text == "4":
		p.version = 4
	case v.Kind == tree.Integer:
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

// add takes in one package; its dependencies wait until all are known.
func (p *parser) add(root, t *tree.Table) error {
	if err := p.begin(root); err != nil {
		return err
	}
	i := len(p.file.Entries)
	entry, err := p.entry(t, int32(i))
	if err != nil {
		return err
	}
	p.file.Entries = append(p.file.Entries, entry)
	name := entry.Package.Name
	p.names[name] = p.names[name].with(i, entry.Source.Kind == lockfile.Path)
	return nil
}

// namesakes tells apart the packages of one name, and refuses one that stands
// twice.
func (p *parser) namesakes() error {
	p.versions = map[nameVersion]candidates{}
	p.ids = map[id]int{}
	if len(p.names) == len(p.file.Entries) {
		return nil
	}
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

// entry reads one package, which will be the one of that index.
func (p *parser) entry(t *tree.Table, index int32) (lockfile.Entry, error) {
	entry := lockfile.Entry{
		Package: lockkeeper.Package{Ecosystem: lockkeeper.Cargo},
		Source:  lockfile.Source{Kind: lockfile.Path},
		Line:    t.Line,
	}
	replaced, depends := false, false
	for i := range t.Pairs {
		key, v := t.Pairs[i].Key, &t.Pairs[i].Value
		kind := tree.String
		if key == "dependencies" {
			kind = tree.Array
		}
		if v.Kind != kind {
			return entry, p.errorf(t.Pairs[i].Line(), "package key %q is %s", key, v.Kind)
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
			entry.Files, err = p.checksum(v.Text)
		case "dependencies":
			depends = len(v.Elems) > 0
			for _, d := range v.Elems {
				if d.Kind != tree.String {
					return entry, p.errorf(d.Line(), "dependency is %s: want a string", d.Kind)
				}
				p.wants = append(p.wants, want{d.Text, int32(d.Line()), index})
			}
		case "replace":
			replaced = true
			p.wants = append(p.wants, want{v.Text, int32(v.Line()), index})
		default:
			err = errors.New("unknown key: this Cargo.lock may be newer than Lockkeeper")
		}
		if err != nil {
			return entry, p.errorf(v.Line(), "package key %q: %w", key, err)
		}
	}
	switch {
	case entry.Package.Name == "" || entry.Package.Version == "":
		return entry, p.errorf(t.Line, "package without name or version")
	case len(entry.Files) > 0 && entry.Source.Kind != lockfile.Registry:
		return entry, p.errorf(t.Line, "package %s has a checksum, but only packages of a registry have one", entry.Package.Name)
	case replaced && depends:
		return entry, p.errorf(t.Line, "package %s is replaced and has dependencies of its own", entry.Package.Name)
	}
	return entry, nil
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
	if isPlainVersion(s) {
		return nil
	}
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

// isPlainVersion knows what nearly all versions are, 1.20.300, at a glance.
func isPlainVersion(s string) bool {
	dots, digits := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.' && digits > 0:
			dots, digits = dots+1, 0
		case c < '0' || c > '9' || digits > 0 && s[i-1] == '0' && digits == 1 || digits == 9:
			return false
		default:
			digits++
		}
	}
	return dots == 2 && digits > 0
}

// checksum reads bare hexadecimal digits: unlike others, cargo writes no algorithm.
func (p *parser) checksum(s string) ([]lockfile.File, error) {
	digest, err := p.digest(s)
	if err != nil {
		return nil, err
	}
	if len(p.files) == cap(p.files) {
		p.files = make([]lockfile.File, 0, 256)
	}
	n := len(p.files)
	p.files = append(p.files, lockfile.File{Digest: digest})
	return p.files[n : n+1 : n+1], nil
}

func (p *parser) digest(s string) (lockkeeper.Digest, error) {
	if len(s) != 64 {
		return "", fmt.Errorf("checksum %.80q: want 64 hexadecimal digits", s)
	}
	if p.digests.Cap()-p.digests.Len() < len("sha256:")+64 {
		p.digests = strings.Builder{}
		p.digests.Grow(256 * (len("sha256:") + 64))
	}
	lower := strings.ToLower(s) // which is s itself, as cargo writes it
	for i := range len(lower) {
		if c := lower[i]; c-'0' > 9 && c-'a' > 5 {
			return "", fmt.Errorf("checksum %.80q: want 64 hexadecimal digits", s)
		}
	}
	start := p.digests.Len()
	p.digests.WriteString("sha256:")
	p.digests.WriteString(lower)
	return lockkeeper.Digest(p.digests.String()[start:]), nil
}
