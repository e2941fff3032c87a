package python

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/internal/tree"
)

// ParsePoetry reads a poetry.lock of any generation that poetry's
// packages/locker.py has written: hashes in metadata.hashes (before lock-version
// 1.0), in metadata.files (1.x) or beside each package (since Poetry 1.3).
//
// A registry package without any hash is an entry without Files. In the older
// generations all versions of one name share one list; a file whose name says
// that it is of another locked version is left out. A dependency on a name that is
// locked several times has an edge to each entry that satisfies it.
// Marker holds `markers` or the older `marker`; where it is a table, "group:
// marker" joined by "; ".
//
// A file or directory source outside the repository is a URL source, since it is
// not of the repository's own tree. Unknown keys of a package are errors: they
// could say where it comes from. Any error is a *lockfile.Error.
func ParsePoetry(path string, data []byte) (*lockfile.Lockfile, error) {
	p := poetry{file: &lockfile.Lockfile{Path: path, Format: lockfile.Poetry, Data: data}, names: map[string][]int{}}
	doc, err := tree.ReadTOML(path, data, "package", p.add)
	if err != nil {
		return nil, err
	}
	if err := p.document(doc); err != nil {
		return nil, err
	}
	return p.file, nil
}

type poetry struct {
	file  *lockfile.Lockfile
	names map[string][]int // entries by canonical name
	wants []want           // in the order of the entries that have them
}

func (p *poetry) errorf(line int, format string, args ...any) error {
	return &lockfile.Error{Path: p.file.Path, Line: line, Err: fmt.Errorf(format, args...)}
}

func (p *poetry) document(doc *tree.Table) error {
	var metadata *tree.Table
	for _, pair := range doc.Pairs {
		v := pair.Value
		switch {
		case pair.Key == "package" && v.Kind == tree.Array:
			// Its packages were handed to add.
		case pair.Key == "metadata" && v.Kind == tree.TableKind:
			metadata = v.Table
		case pair.Key == "extras" && v.Kind == tree.TableKind:
			// Which packages an extra asks for; they are all locked.
		case pair.Key == "package" || pair.Key == "metadata" || pair.Key == "extras":
			return p.errorf(pair.Line(), "%q is %s", pair.Key, v.Kind)
		default:
			return p.errorf(pair.Line(), "unknown key %.80q: this poetry.lock may be newer than Lockkeeper", pair.Key)
		}
	}
	if metadata == nil {
		return p.errorf(0, "no [metadata]: not a poetry.lock")
	}
	if err := p.lockVersion(metadata); err != nil {
		return err
	}
	if err := p.duplicates(); err != nil {
		return err
	}
	if files := metadata.Get("files"); files != nil && metadata.Get("hashes") != nil {
		return p.errorf(files.Line(), "metadata has both hashes and files, of which poetry reads the hashes alone")
	}
	for _, key := range []string{"hashes", "files"} {
		if err := p.sharedFiles(metadata, key); err != nil {
			return err
		}
	}
	link(p.file.Entries, p.names, p.wants)
	return nil
}

// lockVersion reads metadata.lock-version: 1.0 to 2.1, or none at all in the
// oldest files.
func (p *poetry) lockVersion(metadata *tree.Table) error {
	v := metadata.Get("lock-version")
	if v == nil {
		return nil
	}
	major, minor, _ := strings.Cut(v.Text, ".")
	n, err := strconv.Atoi(minor)
	known := major == "1" || major == "2" && n <= 1
	if v.Kind != tree.String || err != nil || n < 0 || !known {
		return p.errorf(v.Line(), "lock-version %.40q is not supported (1.x, 2.0 and 2.1 are)", v.Text)
	}
	p.file.Version = v.Text
	return nil
}

// poetryKeys are the keys of a package and what they hold. Those that are only
// checked say nothing about what is installed from where.
var poetryKeys = map[string]tree.Kind{
	"name": tree.String, "version": tree.String, "description": tree.String, "category": tree.String,
	"optional": tree.Bool, "develop": tree.Bool, "python-versions": tree.String, "platform": tree.String,
	"marker": tree.String, "groups": tree.Array, "files": tree.Array, "dependencies": tree.TableKind,
	"requirements": tree.TableKind, "extras": tree.TableKind, "source": tree.TableKind,
}

// add reads one package, edges and shared files aside.
func (p *poetry) add(_, t *tree.Table) error {
	entry := lockfile.Entry{
		Package: lockkeeper.Package{Ecosystem: lockkeeper.PyPI},
		Source:  lockfile.Source{Kind: lockfile.Registry},
		Line:    t.Line,
	}
	for _, pair := range t.Pairs {
		v := pair.Value
		want, known := poetryKeys[pair.Key]
		if pair.Key == "markers" && (v.Kind == tree.String || v.Kind == tree.TableKind) {
			want, known = v.Kind, true
		}
		if !known {
			return p.errorf(pair.Line(), "unknown key %.80q of a package: this poetry.lock may be newer than Lockkeeper", pair.Key)
		}
		if v.Kind != want {
			return p.errorf(pair.Line(), "package key %q is %s: want %s", pair.Key, v.Kind, want)
		}
		var err error
		switch pair.Key {
		case "name":
			entry.Package.Name, err = CanonicalName(v.Text)
		case "version":
			entry.Package.Version, err = v.Text, checkVersion(v.Text)
		case "marker", "markers":
			entry.Marker, err = poetryMarker(v)
		case "dependencies":
			err = p.dependencies(v.Table)
		case "files":
			entry.Files, err = p.files(v.Elems)
		case "source":
			entry.Source, err = p.source(v.Table)
		}
		if err != nil {
			var located *lockfile.Error
			if errors.As(err, &located) {
				return err
			}
			return p.errorf(v.Line(), "package key %q: %w", pair.Key, err)
		}
	}
	if entry.Package.Name == "" || entry.Package.Version == "" {
		return p.errorf(t.Line, "package without name or version")
	}
	p.names[entry.Package.Name] = append(p.names[entry.Package.Name], len(p.file.Entries))
	p.file.Entries = append(p.file.Entries, entry)
	return nil
}

func poetryMarker(v tree.Value) (string, error) {
	if v.Kind == tree.String {
		return v.Text, checkText(v.Text, maxText)
	}
	var parts []string
	for _, pair := range v.Table.Pairs {
		if pair.Value.Kind != tree.String {
			return "", fmt.Errorf("marker of group %.80q is %s", pair.Key, pair.Value.Kind)
		}
		parts = append(parts, pair.Key+": "+pair.Value.Text)
	}
	text := strings.Join(parts, "; ")
	return text, checkText(text, maxText)
}

// files reads [{file = NAME, hash = "sha256:HEX"}].
func (p *poetry) files(elems []tree.Value) ([]lockfile.File, error) {
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
				err = errors.New("unknown key: this poetry.lock may be newer than Lockkeeper")
			}
			if err != nil {
				return nil, p.errorf(v.Line(), "file key %.80q: %w", pair.Key, err)
			}
		}
		if f.Digest == "" && f.Other == nil || f.Name == "" {
			return nil, p.errorf(elem.Line(), "file without name or hash")
		}
		files = append(files, f)
	}
	return files, nil
}

// source reads [package.source].
func (p *poetry) source(t *tree.Table) (lockfile.Source, error) {
	values := map[string]string{}
	for _, pair := range t.Pairs {
		switch pair.Key {
		case "type", "url", "reference", "resolved_reference", "subdirectory":
		default:
			return lockfile.Source{}, p.errorf(pair.Line(), "unknown key %.80q of a source: this poetry.lock may be newer than Lockkeeper", pair.Key)
		}
		if pair.Value.Kind != tree.String {
			return lockfile.Source{}, p.errorf(pair.Line(), "source key %q is %s", pair.Key, pair.Value.Kind)
		}
		if err := checkText(pair.Value.Text, maxURL); err != nil {
			return lockfile.Source{}, p.errorf(pair.Line(), "source key %q: %w", pair.Key, err)
		}
		values[pair.Key] = pair.Value.Text
	}
	address := values["url"]
	if address == "" {
		return lockfile.Source{}, p.errorf(t.Line, "source without url")
	}
	switch values["type"] {
	case "legacy":
		source := registrySource(address)
		// Poetry looks the source up by its name, whatever its address: of PyPI's
		// address, only what has PyPI's name is PyPI.
		if r := values["reference"]; source.Public() && r != "" && !strings.EqualFold(r, "PyPI") {
			source.URL, source.Reference = address, r
		}
		return source, checkURL(address)
	case "git":
		return p.gitSource(t, values)
	case "url":
		return lockfile.Source{Kind: lockfile.URL, URL: address, Reference: subdirectory(values["subdirectory"])}, checkURL(address)
	case "file", "directory":
		return withSubdirectory(p.file.Path, localSource(p.file.Path, address), values["subdirectory"]), nil
	}
	return lockfile.Source{}, p.errorf(t.Line, "unknown source type %.80q", values["type"])
}

// gitSource: before Poetry 1.1 the reference alone was the commit.
func (p *poetry) gitSource(t *tree.Table, values map[string]string) (lockfile.Source, error) {
	source := lockfile.Source{Kind: lockfile.Git, URL: values["url"], Revision: values["resolved_reference"]}
	if source.Revision == "" {
		source.Revision = values["reference"]
	}
	if !isCommit(source.Revision) {
		return source, p.errorf(t.Line, "git source at %.80q: want a full commit", source.Revision)
	}
	var reference []string
	if r := values["reference"]; r != "" && r != source.Revision {
		reference = append(reference, r)
	}
	if s := subdirectory(values["subdirectory"]); s != "" {
		reference = append(reference, s)
	}
	source.Reference = strings.Join(reference, " ")
	return source, checkURL(source.URL)
}

func subdirectory(s string) string {
	if s == "" {
		return ""
	}
	return "subdirectory=" + s
}
