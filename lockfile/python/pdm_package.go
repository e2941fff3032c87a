package python

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/internal/tree"
)

// pdmKeys are the keys of a package and what they hold. dependencies were a table
// in version 2.
var pdmKeys = map[string]tree.Kind{
	"name": tree.String, "version": tree.String, "extras": tree.Array, "marker": tree.String,
	"editable": tree.Bool, "git": tree.String, "hg": tree.String, "svn": tree.String, "bzr": tree.String,
	"path": tree.String, "url": tree.String, "ref": tree.String, "revision": tree.String,
	"subdirectory": tree.String, "dependencies": tree.Array, "files": tree.Array,
	"requires_python": tree.String, "summary": tree.String, "groups": tree.Array, "sections": tree.Array,
	"targets": tree.Array,
}

// pdmPackage is a package while it is read.
type pdmPackage struct {
	lockfile.Entry
	extras       string
	editable     bool
	kind         string // the key that says where it comes from, "" for an index
	address      string // the value of that key
	ref          string
	revision     string
	subdirectory string
	dependencies tree.Value
}

// add reads one package, links and shared files aside.
func (p *pdm) add(_, t *tree.Table) error {
	pkg := pdmPackage{Entry: lockfile.Entry{Package: lockkeeper.Package{Ecosystem: lockkeeper.PyPI}, Line: t.Line}}
	for _, pair := range t.Pairs {
		v := pair.Value
		want, known := pdmKeys[pair.Key]
		if pair.Key == "dependencies" && v.Kind == tree.TableKind {
			want = v.Kind
		}
		if !known {
			return p.errorf(pair.Line(), "unknown key %.80q of a package: this pdm.lock may be newer than Lockkeeper", pair.Key)
		}
		if v.Kind != want {
			return p.errorf(pair.Line(), "package key %q is %s: want %s", pair.Key, v.Kind, want)
		}
		if err := p.set(&pkg, pair.Key, v); err != nil {
			var located *lockfile.Error
			if errors.As(err, &located) {
				return err
			}
			return p.errorf(v.Line(), "package key %q: %w", pair.Key, err)
		}
	}
	version := pkg.Package.Version
	if pkg.Package.Name == "" || version == "" && pkg.kind == "" {
		return p.errorf(t.Line, "package without name or version")
	}
	if err := p.source(&pkg); err != nil {
		return p.errorf(t.Line, "package %s: %w", pkg.Package.Name, err)
	}
	entry, err := p.row(pkg, version)
	if err != nil {
		return err
	}
	return p.dependencies(entry, pkg.dependencies)
}

func (p *pdm) set(pkg *pdmPackage, key string, v tree.Value) (err error) {
	switch key {
	case "name":
		pkg.Package.Name, err = CanonicalName(v.Text)
	case "version":
		pkg.Package.Version, err = v.Text, checkVersion(v.Text)
	case "extras":
		pkg.extras, err = extras(v.Elems)
	case "marker":
		pkg.Marker, err = v.Text, checkText(v.Text, maxText)
	case "editable":
		pkg.editable = v.Text == "true"
	case "git", "hg", "svn", "bzr", "path", "url":
		if pkg.kind != "" {
			return fmt.Errorf("beside %q: a package comes from one place", pkg.kind)
		}
		pkg.kind, pkg.address, err = key, v.Text, checkURL(v.Text)
	case "ref":
		pkg.ref, err = v.Text, checkURL(v.Text)
	case "revision":
		pkg.revision, err = v.Text, checkURL(v.Text)
	case "subdirectory":
		pkg.subdirectory, err = v.Text, checkURL(v.Text)
	case "files":
		pkg.Files, err = p.files(v.Elems)
	case "dependencies":
		pkg.dependencies = v
	}
	return err
}

// extras are names in canonical form, sorted and joined by commas.
func extras(elems []tree.Value) (string, error) {
	names := make([]string, len(elems))
	for i, elem := range elems {
		if elem.Kind != tree.String {
			return "", fmt.Errorf("an extra is %s", elem.Kind)
		}
		var err error
		if names[i], err = CanonicalName(elem.Text); err != nil {
			return "", fmt.Errorf("extra: %w", err)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ","), nil
}

// files reads [{file = NAME, hash = "sha256:HEX"}], with url in place of file where
// addresses are static.
func (p *pdm) files(elems []tree.Value) ([]lockfile.File, error) {
	files := make([]lockfile.File, 0, len(elems))
	for _, elem := range elems {
		if elem.Kind != tree.TableKind {
			return nil, p.errorf(elem.Line(), "file is %s: want a table", elem.Kind)
		}
		var f lockfile.File
		for _, pair := range elem.Table.Pairs {
			v := pair.Value
			var err error
			switch {
			case v.Kind != tree.String:
				err = fmt.Errorf("is %s", v.Kind)
			case pair.Key == "file":
				f.Name, err = v.Text, checkFileName(v.Text)
			case pair.Key == "hash":
				err = addHash(&f, v.Text)
			case pair.Key == "url":
				f.URL, err = v.Text, checkURL(v.Text)
			default:
				err = errors.New("unknown key: this pdm.lock may be newer than Lockkeeper")
			}
			if err != nil {
				return nil, p.errorf(v.Line(), "file key %.80q: %w", pair.Key, err)
			}
		}
		if f.URL != "" {
			plain, _, _ := strings.Cut(f.URL, "#")
			last := fileName(plain)
			if last == "" || f.Name != "" && f.Name != last {
				return nil, p.errorf(elem.Line(), "file url %.200q ends in no name of the file", f.URL)
			}
			f.Name = last
		}
		if f.Digest == "" && f.Other == nil || f.Name == "" {
			return nil, p.errorf(elem.Line(), "file without name or hash")
		}
		files = append(files, f)
	}
	return files, nil
}

// source sets the source of a package; one that is not locked loses its version
// and gets a Requirement.
func (p *pdm) source(pkg *pdmPackage) error {
	repository := false
	locked := true
	var err error
	switch pkg.kind {
	case "":
		pkg.Source = lockfile.Source{Kind: lockfile.Registry}
	case "path":
		pkg.Source = localSource(p.file.Path, pkg.address)
	case "url":
		pkg.Source, locked, err = pdmAddress(p.file.Path, pkg.address)
	default:
		repository = true
		pkg.Source, locked = repositorySource(pkg.kind, pkg.address, pkg.ref, pkg.revision)
	}
	switch {
	case err != nil:
		return err
	case repository && strings.ContainsAny(pkg.address, "?#"):
		return errors.New("the address of a repository has a part after ? or #, which would hide the revision")
	case repository && pkg.editable && pkg.revision != "":
		return errors.New("a revision of what is editable: PDM installs its ref instead")
	case repository && atInPath(pkg.address):
		return errors.New("the address of a repository has an @ in its path, which PDM takes for the ref")
	case !repository && (pkg.ref != "" || pkg.revision != ""):
		return errors.New("ref or revision of what is no repository")
	case pkg.kind == "" && (pkg.subdirectory != "" || pkg.editable):
		return errors.New("subdirectory or editable without a path, address or repository")
	}
	pkg.Source = withSubdirectory(p.file.Path, pkg.Source, pkg.subdirectory)
	if !locked || pkg.Package.Version == "" && pkg.Source.Revision == "" {
		pkg.Package.Version = ""
		pkg.Requirement = directRequirement(pkg.Package.Name, pkg.kind, pkg.address, cmp.Or(pkg.revision, pkg.ref), pkg.subdirectory)
	}
	return nil
}

// atInPath finds an "@" behind the host of "scheme://user@host/path" or
// "user@host:path".
func atInPath(address string) bool {
	separator := ":"
	if _, rest, found := strings.Cut(address, "://"); found {
		address, separator = rest, "/"
	}
	_, path, _ := strings.Cut(address, separator)
	return strings.Contains(path, "@")
}

// directRequirement writes a requirement by address as pip does. kind is a version
// control system, or anything else.
func directRequirement(name, kind, address, ref, sub string) string {
	if isScheme(kind + "+https") {
		address = kind + "+" + address
	}
	if ref != "" {
		address += "@" + ref
	}
	if sub != "" {
		address += "#" + subdirectory(sub)
	}
	return name + " @ " + address
}

// repositorySource is the source in a repository, and whether it is locked: for
// git to a full commit, for the others to any revision.
func repositorySource(system, address, ref, revision string) (source lockfile.Source, locked bool) {
	if system != "git" {
		source = lockfile.Source{Kind: lockfile.URL, URL: system + "+" + address, Reference: ref}
		if revision != "" {
			source.URL += "@" + revision
		}
		return source, revision != ""
	}
	source = lockfile.Source{Kind: lockfile.Git, URL: address}
	for _, r := range []string{revision, ref} {
		switch {
		case source.Revision == "" && isCommit(r):
			source.Revision = r
		case r != source.Revision:
			source.Reference = strings.TrimSpace(r + " " + source.Reference)
		}
	}
	return source, source.Revision != ""
}

// pdmRoots are what PDM's build backends write for the project's root.
var pdmRoots = []string{"file:///${PROJECT_ROOT}", "{root:uri}"}

// pdmAddress is the source at an address, and whether no variable is part of it.
func pdmAddress(from, address string) (source lockfile.Source, locked bool, err error) {
	for _, root := range pdmRoots {
		rest, ok := strings.CutPrefix(address, root)
		if !ok || rest != "" && rest[0] != '/' {
			continue
		}
		rest, _, _ = strings.Cut(rest, "#")
		if rest, err = url.PathUnescape(rest); err != nil {
			return source, false, err
		}
		return localSource(from, "."+rest), !strings.ContainsAny(rest, "{}"), checkText(rest, maxURL)
	}
	return lockfile.Source{Kind: lockfile.URL, URL: address}, !strings.ContainsAny(address, "{}"), nil
}

// row notes a package and says which entry it belongs to: a new one, or that of
// the same version and source with other extras.
func (p *pdm) row(pkg pdmPackage, version string) (int, error) {
	name := pkg.Package.Name
	row := pdmRow{entry: -1, previous: p.latest(name), version: version, extras: pkg.extras}
	if row.previous >= 0 {
		row.depth = p.rows[row.previous].depth + 1
	}
	if row.depth >= maxRows {
		return 0, p.errorf(pkg.Line, "%q stands more than %d times", name, maxRows)
	}
	other, fork := -1, false
	for i := row.previous; i >= 0; i = p.rows[i].previous {
		r := p.rows[i]
		if r.version != version {
			continue
		}
		same := p.file.Entries[r.entry].Source == pkg.Source
		switch {
		case same && r.extras == pkg.extras:
			return 0, p.errorf(pkg.Line, "package %s %s stands twice, first in line %d", name, version, p.file.Entries[r.entry].Line)
		case same:
			row.entry = r.entry
		case r.extras == pkg.extras:
			fork = true
		default:
			other = r.entry
		}
	}
	if row.entry < 0 && other >= 0 && !fork {
		return 0, p.errorf(pkg.Line, "package %s %s comes from another source than in line %d", name, version, p.file.Entries[other].Line)
	}
	if row.entry < 0 {
		row.entry = len(p.file.Entries)
		p.file.Entries = append(p.file.Entries, pkg.Entry)
	} else {
		if err := p.markers.add(row.entry, p.file.Entries[row.entry].Marker, pkg.Marker); err != nil {
			return 0, p.errorf(pkg.Line, "%w", err)
		}
		p.unite(row.entry, pkg.Files)
	}
	p.last[name] = len(p.rows)
	p.rows = append(p.rows, row)
	return row.entry, nil
}

// markers are those of entries that a file has several times, with different ones.
type markers map[int][]string

// add gives an entry, whose first marker is own, a further one. None at all
// outweighs every other. More than maxRows different ones are an error, as each is
// compared with all of them.
func (m *markers) add(entry int, own, marker string) error {
	parts, several := (*m)[entry]
	if !several {
		parts = []string{own}
	}
	if slices.Contains(parts, marker) {
		return nil
	}
	if len(parts) >= maxRows {
		return fmt.Errorf("more than %d different markers of one package", maxRows)
	}
	if *m == nil {
		*m = markers{}
	}
	if marker == "" || parts[0] == "" {
		parts, marker = nil, ""
	}
	(*m)[entry] = append(parts, marker)
	return nil
}

// set writes them into the entries.
func (m markers) set(entries []lockfile.Entry) {
	for i, parts := range m {
		entries[i].Marker = strings.Join(parts, "; ")
	}
}
