package python

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/internal/tree"
)

// ParseUV reads a uv.lock of version 1 and any revision, as uv's
// crates/uv-resolver/src/lock writes it. Lockfile.Version is "1", or "1.3" for
// revision 3.
//
// Every package is an entry, the project itself and its workspace members
// included: those are Path entries, and have no version where it is computed at
// build time. A path outside the repository is a URL source. An index that is a
// local directory is a registry with that path as its URL.
//
// A registry entry of which any file lacks a hash has no Files: uv installs such
// a file unchecked, so the hashes of the others promise nothing. Where the registry
// is the public one, the entry's source is the address of such a file. Edges are the
// dependencies, those of extras and those of groups. Marker holds the package's
// own `resolution-markers`, joined by "; ".
//
// Unknown keys of the document, a package, a source, a file or a dependency are
// errors. What [options], [manifest] and a package's metadata hold is not looked
// at: it says how the lock was made, not what is installed. Any error is a
// *lockfile.Error.
func ParseUV(path string, data []byte) (*lockfile.Lockfile, error) {
	u := uv{file: &lockfile.Lockfile{Path: path, Format: lockfile.UV, Data: data}}
	room := roomFor(data, "[[package]]")
	u.file.Entries, u.sources = make([]lockfile.Entry, 0, room), make([]uvSource, 0, room)
	doc, err := tree.ReadTOML(path, data, "package", u.add)
	if err != nil {
		return nil, err
	}
	if err := u.document(doc); err != nil {
		return nil, err
	}
	if err := u.link(); err != nil {
		return nil, err
	}
	return u.file, nil
}

// roomFor is how many entries to make room for at once. The bound keeps a hostile
// file from asking for much memory by the headers alone.
func roomFor(data []byte, header string) int {
	return min(bytes.Count(data, []byte(header)), 1<<14)
}

type uv struct {
	file    *lockfile.Lockfile
	sources []uvSource // of each entry, as dependencies name them
	wants   []uvWant   // in the order of the entries that have them
	asked   []uvSource // sources that wants name
}

func (u *uv) errorf(line int, format string, args ...any) error {
	return &lockfile.Error{Path: u.file.Path, Line: line, Err: fmt.Errorf(format, args...)}
}

// locate gives an error the file and line that it lacks.
func (u *uv) locate(err error, line int, where, key string) error {
	var located *lockfile.Error
	if err == nil || errors.As(err, &located) {
		return err
	}
	return u.errorf(line, "key %q of %s: %w", key, where, err)
}

// check asks for a known key with the kind of value that it must have.
func (u *uv) check(pair tree.Pair, keys map[string]tree.Kind, where string) error {
	want, kind := keys[pair.Key], pair.Value.Kind
	switch {
	case want == 0:
		return u.unknown(pair, where)
	case pair.Key == "default-groups" && kind == tree.String: // "all"
	case kind != want:
		return u.errorf(pair.Line(), "key %q of %s is %s: want %s", pair.Key, where, kind, want)
	}
	return nil
}

func (u *uv) unknown(pair tree.Pair, where string) error {
	return u.errorf(pair.Line(), "unknown key %.80q of %s: this uv.lock may be newer than Lockkeeper", pair.Key, where)
}

// uvRoot are the keys of the document.
var uvRoot = map[string]tree.Kind{
	"version": tree.Integer, "revision": tree.Integer, "requires-python": tree.String,
	"resolution-markers": tree.Array, "supported-markers": tree.Array, "required-markers": tree.Array,
	"conflicts": tree.Array, "options": tree.TableKind, "manifest": tree.TableKind, "package": tree.Array,
}

func (u *uv) document(doc *tree.Table) error {
	if err := u.version(doc); err != nil {
		return err
	}
	for _, pair := range doc.Pairs {
		if err := u.check(pair, uvRoot, "the document"); err != nil {
			return err
		}
	}
	return nil
}

// version comes first: what another version means by its keys is not known.
func (u *uv) version(root *tree.Table) error {
	version, revision := root.Get("version"), root.Get("revision")
	switch {
	case version == nil:
		return u.errorf(0, "no version: not a uv.lock")
	case version.Kind != tree.Integer:
		return u.errorf(version.Line(), "version is %s: want an integer", version.Kind)
	case version.Text != "1":
		return u.errorf(version.Line(), "version %.40q is not supported (1 is)", version.Text)
	case revision == nil:
		u.file.Version = "1"
		return nil
	}
	n, err := strconv.ParseUint(revision.Text, 10, 32)
	if revision.Kind != tree.Integer || err != nil {
		return u.errorf(revision.Line(), "revision is %s %.40q: want a count", revision.Kind, revision.Text)
	}
	u.file.Version = "1"
	if n > 0 {
		u.file.Version = "1." + strconv.FormatUint(n, 10)
	}
	return nil
}

// uvPackage are the keys of a package and what they hold.
var uvPackage = map[string]tree.Kind{
	"name": tree.String, "version": tree.String, "source": tree.TableKind, "resolution-markers": tree.Array,
	"dependencies": tree.Array, "optional-dependencies": tree.TableKind, "dev-dependencies": tree.TableKind,
	"dependency-groups": tree.TableKind, "group-requires-python": tree.TableKind,
	"default-groups": tree.Array, "sdist": tree.TableKind, "wheels": tree.Array, "metadata": tree.TableKind,
}

// add reads one package, edges aside.
func (u *uv) add(root, t *tree.Table) error {
	if len(u.file.Entries) == 0 {
		if err := u.version(root); err != nil {
			return err
		}
	}
	entry := lockfile.Entry{Package: lockkeeper.Package{Ecosystem: lockkeeper.PyPI}, Line: t.Line}
	var source uvSource
	var sdist, wheels *tree.Value
	sourceLine := t.Line
	for i := range t.Pairs {
		pair, v := t.Pairs[i], &t.Pairs[i].Value
		if err := u.check(pair, uvPackage, "a package"); err != nil {
			return err
		}
		var err error
		switch pair.Key {
		case "name":
			entry.Package.Name, err = CanonicalName(v.Text)
		case "version":
			entry.Package.Version, err = v.Text, checkVersion(v.Text)
		case "source":
			source, err = u.source(v.Table)
			sourceLine = v.Line()
		case "resolution-markers":
			entry.Marker, err = joinedMarkers(v.Elems)
		case "dependencies":
			err = u.dependencies(v.Elems)
		case "optional-dependencies", "dev-dependencies", "dependency-groups":
			err = u.groups(v.Table)
		case "sdist":
			sdist = v
		case "wheels":
			wheels = v
		}
		if err != nil {
			return u.locate(err, v.Line(), "a package", pair.Key)
		}
	}
	if entry.Package.Name == "" || source.kind == "" {
		return u.errorf(t.Line, "package without name or source")
	}
	var err error
	if entry.Source, err = u.place(source); err != nil {
		return u.errorf(sourceLine, "source of %s: %w", entry.Package.Name, err)
	}
	if entry.Package.Version == "" {
		if !source.local() {
			return u.errorf(t.Line, "package without version")
		}
		entry.Requirement = entry.Package.Name + " @ " + source.text
	}
	return u.addFiles(entry, source, sdist, wheels)
}

// addFiles adds a package whose files are still to be read.
func (u *uv) addFiles(entry lockfile.Entry, source uvSource, sdist, wheels *tree.Value) error {
	if err := u.files(&entry, source, sdist, wheels); err != nil {
		return err
	}
	u.file.Entries = append(u.file.Entries, entry)
	u.sources = append(u.sources, source)
	return nil
}

// joinedMarkers are the markers of forks, any of which may hold.
func joinedMarkers(elems []tree.Value) (string, error) {
	if len(elems) == 1 && elems[0].Kind == tree.String {
		return elems[0].Text, checkText(elems[0].Text, maxText)
	}
	parts, size := make([]string, 0, len(elems)), 0
	for _, v := range elems {
		if v.Kind != tree.String {
			return "", fmt.Errorf("marker is %s", v.Kind)
		}
		if size += len(v.Text); size > maxText {
			return "", fmt.Errorf("markers of more than %d bytes", maxText)
		}
		parts = append(parts, v.Text)
	}
	text := strings.Join(parts, "; ")
	return text, checkText(text, maxText)
}
