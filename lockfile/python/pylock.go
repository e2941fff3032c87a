package python

import (
	"errors"
	"fmt"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/internal/tree"
)

// ParsePylock reads a pylock.toml of lock-version 1.0, as PEP 751 and the
// specification "pylock.toml" of the Python Packaging User Guide define it.
//
// A package with sdist or wheels is a registry entry: of its index, and of the
// public one where the file names none. Whether its files are really from there
// is not known from the file; its hashes tell. Where such a package has no
// version, its files' names say it. An archive is a URL source, a directory a
// path; either is a URL source if it is a path outside the repository. Of version
// control systems git alone has a Revision; for the others the commit is part of
// the Reference, and the URL starts with the system's name and "+".
//
// The specification lets a package stand several times, and so does ParsePylock.
// A dependency is an edge to each entry that has the name and all of the values
// that it states; hashes, sizes and files in a dependency are not compared. One
// that fits no entry is an error, and so are unknown keys outside of [tool] and
// attestation-identities. Any error is a *lockfile.Error.
func ParsePylock(path string, data []byte) (*lockfile.Lockfile, error) {
	p := pylock{file: &lockfile.Lockfile{Path: path, Format: lockfile.Pylock, Data: data}}
	room := roomFor(data, "[[packages]]")
	p.file.Entries, p.facts = make([]lockfile.Entry, 0, room), make([][]pylockFact, 0, room)
	doc, err := tree.ReadTOML(path, data, "packages", p.add)
	if err != nil {
		return nil, err
	}
	if err := p.document(doc); err != nil {
		return nil, err
	}
	if err := p.link(); err != nil {
		return nil, err
	}
	return p.file, nil
}

type pylock struct {
	file  *lockfile.Lockfile
	facts [][]pylockFact // of each entry, what dependencies may state of it
	wants []pylockWant   // in the order of the entries that have them
	stock []pylockFact   // where facts are cut from
}

func (p *pylock) errorf(line int, format string, args ...any) error {
	return &lockfile.Error{Path: p.file.Path, Line: line, Err: fmt.Errorf(format, args...)}
}

// check asks for a known key with the kind of value that it must have.
func (p *pylock) check(pair tree.Pair, keys map[string]tree.Kind, where string) error {
	switch want := keys[pair.Key]; {
	case want == 0:
		return p.errorf(pair.Line(), "unknown key %.80q of %s: this pylock.toml may be newer than Lockkeeper", pair.Key, where)
	case want != pair.Value.Kind && (pair.Key != "upload-time" || pair.Value.Kind != tree.String):
		return p.errorf(pair.Line(), "key %q of %s is %s: want %s", pair.Key, where, pair.Value.Kind, want)
	}
	return nil
}

// locate gives an error the file and line that it lacks.
func (p *pylock) locate(err error, line int, where, key string) error {
	var located *lockfile.Error
	if err == nil || errors.As(err, &located) {
		return err
	}
	return p.errorf(line, "key %q of %s: %w", key, where, err)
}

var pylockRoot = map[string]tree.Kind{
	"lock-version": tree.String, "environments": tree.Array, "requires-python": tree.String, "extras": tree.Array,
	"dependency-groups": tree.Array, "default-groups": tree.Array, "created-by": tree.String,
	"packages": tree.Array, "tool": tree.TableKind,
}

func (p *pylock) document(doc *tree.Table) error {
	if err := p.version(doc); err != nil {
		return err
	}
	for _, pair := range doc.Pairs {
		if err := p.check(pair, pylockRoot, "the document"); err != nil {
			return err
		}
	}
	for _, key := range []string{"created-by", "packages"} {
		if doc.Get(key) == nil {
			return p.errorf(0, "no %s: not a pylock.toml", key)
		}
	}
	return nil
}

// version comes first: what another version means by its keys is not known.
func (p *pylock) version(root *tree.Table) error {
	version := root.Get("lock-version")
	switch {
	case version == nil:
		return p.errorf(0, "no lock-version: not a pylock.toml")
	case version.Kind != tree.String:
		return p.errorf(version.Line(), "lock-version is %s: want a string", version.Kind)
	case version.Text != "1.0":
		return p.errorf(version.Line(), "lock-version %.40q is not supported (1.0 is)", version.Text)
	}
	p.file.Version = version.Text
	return nil
}

var pylockPackage = map[string]tree.Kind{
	"name": tree.String, "version": tree.String, "marker": tree.String, "requires-python": tree.String,
	"dependencies": tree.Array, "vcs": tree.TableKind, "directory": tree.TableKind, "archive": tree.TableKind,
	"index": tree.String, "sdist": tree.TableKind, "wheels": tree.Array,
	"attestation-identities": tree.Array, "tool": tree.TableKind,
}

// add reads one package, edges aside.
func (p *pylock) add(root, t *tree.Table) error {
	if len(p.file.Entries) == 0 {
		if err := p.version(root); err != nil {
			return err
		}
	}
	entry := lockfile.Entry{Package: lockkeeper.Package{Ecosystem: lockkeeper.PyPI}, Line: t.Line}
	for _, pair := range t.Pairs {
		if err := p.check(pair, pylockPackage, "a package"); err != nil {
			return err
		}
		v := pair.Value
		var err error
		switch pair.Key {
		case "name":
			entry.Package.Name, err = CanonicalName(v.Text)
		case "version":
			entry.Package.Version, err = v.Text, checkVersion(v.Text)
		case "marker":
			entry.Marker, err = v.Text, checkText(v.Text, maxText)
		case "index":
			err = checkURL(v.Text)
		case "dependencies":
			err = p.dependencies(v.Elems)
		}
		if err != nil {
			return p.locate(err, v.Line(), "a package", pair.Key)
		}
	}
	if entry.Package.Name == "" {
		return p.errorf(t.Line, "package without name")
	}
	if err := p.source(&entry, t); err != nil {
		return err
	}
	if entry.Package.Version == "" {
		entry.Requirement = entry.Package.Name + " @ " + entry.Source.URL
	}
	p.file.Entries = append(p.file.Entries, entry)
	p.facts = append(p.facts, p.factsOf(t))
	return nil
}

// source reads where a package comes from: exactly one of vcs, directory, archive,
// and sdist with wheels.
func (p *pylock) source(e *lockfile.Entry, t *tree.Table) error {
	vcs, directory, archive := t.Get("vcs"), t.Get("directory"), t.Get("archive")
	sdist, wheels := t.Get("sdist"), t.Get("wheels")
	given := 0
	for _, v := range []bool{vcs != nil, directory != nil, archive != nil, sdist != nil || wheels != nil} {
		if v {
			given++
		}
	}
	var err error
	switch {
	case given != 1:
		return p.errorf(t.Line, "package %s has %d of vcs, directory, archive, and sdist or wheels: want one", e.Package.Name, given)
	case vcs != nil:
		e.Source, err = p.vcs(vcs.Table)
	case directory != nil:
		e.Source, err = p.directory(directory.Table)
	case archive != nil:
		err = p.archive(e, *archive)
	default:
		e.Source = lockfile.Source{Kind: lockfile.Registry}
		if index := t.Get("index"); index != nil {
			e.Source = registrySource(index.Text)
		}
		err = p.files(e, sdist, wheels)
	}
	return err
}

var pylockVCS = map[string]tree.Kind{
	"type": tree.String, "url": tree.String, "path": tree.String, "requested-revision": tree.String,
	"commit-id": tree.String, "subdirectory": tree.String,
}

// vcs reads [packages.vcs]. requested-revision says what was asked for, commit-id
// what is installed.
func (p *pylock) vcs(t *tree.Table) (lockfile.Source, error) {
	none := lockfile.Source{}
	values, err := p.texts(t, pylockVCS, "vcs")
	if err != nil {
		return none, err
	}
	address, err := p.place(t, values, "vcs")
	if err != nil {
		return none, err
	}
	commit := values["commit-id"]
	source := lockfile.Source{Kind: lockfile.Git, URL: address, Revision: commit}
	switch kind := values["type"]; kind {
	case "git":
		if !isCommit(commit) {
			return none, p.errorf(t.Line, "git source at %.80q: want a full commit", commit)
		}
		commit = ""
	case "hg", "svn", "bzr":
		if commit == "" {
			return none, p.errorf(t.Line, "vcs without commit-id")
		}
		source = lockfile.Source{Kind: lockfile.URL, URL: kind + "+" + address}
		commit = "commit-id=" + oneWord(commit)
	default:
		return none, p.errorf(t.Line, "unknown vcs type %.80q", kind)
	}
	source.Reference = words(oneWord(values["requested-revision"]), commit, subdirectory(values["subdirectory"]))
	return source, nil
}

// words joins those that are not empty.
func words(list ...string) string {
	var joined string
	for _, s := range list {
		if s != "" && joined != "" {
			joined += " "
		}
		joined += s
	}
	return joined
}

var pylockDirectory = map[string]tree.Kind{"path": tree.String, "editable": tree.Bool, "subdirectory": tree.String}

func (p *pylock) directory(t *tree.Table) (lockfile.Source, error) {
	values, err := p.texts(t, pylockDirectory, "directory")
	if err != nil {
		return lockfile.Source{}, err
	}
	if values["path"] == "" {
		return lockfile.Source{}, p.errorf(t.Line, "directory without path")
	}
	return withSubdirectory(p.file.Path, localSource(p.file.Path, values["path"]), values["subdirectory"]), nil
}

// texts are the strings of a source's table, none of them empty.
func (p *pylock) texts(t *tree.Table, keys map[string]tree.Kind, where string) (map[string]string, error) {
	values := make(map[string]string, len(t.Pairs))
	for _, pair := range t.Pairs {
		if err := p.check(pair, keys, where); err != nil {
			return nil, err
		}
		v := pair.Value
		if v.Kind != tree.String {
			continue
		}
		err := checkText(v.Text, maxURL)
		if pair.Key == "url" {
			err = checkURL(v.Text)
		}
		if err == nil && v.Text == "" {
			err = errors.New("is empty")
		}
		if err != nil {
			return nil, p.locate(err, v.Line(), where, pair.Key)
		}
		values[pair.Key] = v.Text
	}
	return values, nil
}

// place is the url or path of a source. With both, which one is installed would
// be the installer's choice.
func (p *pylock) place(t *tree.Table, values map[string]string, where string) (string, error) {
	address, local := values["url"], values["path"]
	if (address == "") == (local == "") {
		return "", p.errorf(t.Line, "%s with other than one of url and path", where)
	}
	return address + local, nil
}
