package python

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/internal/tree"
)

// ParsePipfile reads a Pipfile.lock of the only pipfile-spec that there is, 6, as
// pipenv's utils/dependencies.py and utils/locking.py write it and
// requirement_from_lockfile hands it to pip.
//
// A package of several categories with the same version, source and hashes is one
// entry: the first gives the line, and the marker is empty if any of them has none,
// else the different ones joined by "; ". Hashes have no names of files, and no
// dependency is recorded, so Files have digests alone and entries no Edges.
//
// A version is locked by "==" or "===" alone, a repository by a full commit, which
// needs no version. All else has a Requirement and no version: "*", which pipenv
// writes for what does not apply where the lock was made, other specifiers, branches
// and tags, paths and addresses.
//
// An entry comes from the source that its index names, else from the first one, as
// pipenv installs it unless the Pipfile has install_search_all_sources. Without
// sources the Pipfile's count; the public registry stands for them here.
//
// Sources with a variable in the URL or without verification of certificates, and
// packages with no_binary or pip_args, are Settings. Whatever pipenv would copy into
// a requirements file so that pip reads something else there is an error, and so
// are unknown keys. Any error is a *lockfile.Error.
func ParsePipfile(path string, data []byte) (*lockfile.Lockfile, error) {
	p := pipfile{
		file:   &lockfile.Lockfile{Path: path, Format: lockfile.Pipfile, Data: data},
		last:   map[string]int{},
		places: map[string]lockfile.Source{},
	}
	// pipenv skips a byte order mark; JSON has none.
	doc, err := tree.ReadJSON(path, bytes.TrimPrefix(data, []byte("\ufeff")))
	if err != nil {
		return nil, err
	}
	if err := p.document(doc); err != nil {
		return nil, err
	}
	p.markers.set(p.file.Entries)
	return p.file, nil
}

type pipfile struct {
	file    *lockfile.Lockfile
	rows    []pipfileRow               // of the entries
	last    map[string]int             // the latest entry of each name
	number  int                        // of the category that is read
	places  map[string]lockfile.Source // by the name of a source
	first   lockfile.Source            // of entries that name none
	markers markers
}

// pipfileRow is what is known of an entry while others are read.
type pipfileRow struct {
	previous       int32 // entry of the same name, or -1
	depth          int32 // how many there are before
	category, line int32 // where it stood last
}

func (p *pipfile) errorf(line int, format string, args ...any) error {
	return &lockfile.Error{Path: p.file.Path, Line: line, Err: fmt.Errorf(format, args...)}
}

func (p *pipfile) setting(line int, format string, args ...any) {
	p.file.Settings = append(p.file.Settings, lockfile.Setting{Text: fmt.Sprintf(format, args...), Line: line})
}

func (p *pipfile) document(doc *tree.Table) error {
	meta := doc.Get("_meta")
	if meta == nil || meta.Kind != tree.TableKind {
		return p.errorf(doc.Line, "no object _meta: not a Pipfile.lock")
	}
	if err := p.meta(meta.Table); err != nil {
		return err
	}
	for _, pair := range doc.Pairs {
		if pair.Key == "_meta" {
			continue
		}
		if pair.Value.Kind != tree.TableKind {
			return p.errorf(pair.Line(), "category %.80q is %s: want an object", pair.Key, pair.Value.Kind)
		}
		if err := p.category(pair.Value.Table); err != nil {
			return err
		}
	}
	return nil
}

// pipfileMeta are the keys of _meta and what they hold. The host's markers are of
// the first versions of pipenv.
var pipfileMeta = map[string]tree.Kind{
	"hash": tree.TableKind, "pipfile-spec": tree.Integer, "requires": tree.TableKind, "sources": tree.Array,
	"host-environment-markers": tree.TableKind,
}

func (p *pipfile) meta(t *tree.Table) error {
	for _, pair := range t.Pairs {
		want, known := pipfileMeta[pair.Key]
		if !known {
			return p.errorf(pair.Line(), "unknown key %.80q of _meta: this Pipfile.lock may be newer than Lockkeeper", pair.Key)
		}
		if pair.Value.Kind != want {
			return p.errorf(pair.Line(), "%q of _meta is %s: want %s", pair.Key, pair.Value.Kind, want)
		}
	}
	spec := t.Get("pipfile-spec")
	if spec == nil {
		return p.errorf(t.Line, "no pipfile-spec in _meta: not a Pipfile.lock")
	}
	if spec.Text != "6" {
		return p.errorf(spec.Line(), "pipfile-spec %.40s is not supported (6 is)", spec.Text)
	}
	p.file.Version = spec.Text
	p.first = lockfile.Source{Kind: lockfile.Registry}
	if sources := t.Get("sources"); sources != nil {
		for i, elem := range sources.Elems {
			source, err := p.index(elem)
			if err != nil {
				return err
			}
			if i == 0 {
				p.first = source
			}
		}
	}
	return nil
}

// index reads one of _meta.sources.
func (p *pipfile) index(v tree.Value) (lockfile.Source, error) {
	var source lockfile.Source
	if v.Kind != tree.TableKind {
		return source, p.errorf(v.Line(), "source is %s: want an object", v.Kind)
	}
	texts := map[string]string{}
	for _, pair := range v.Table.Pairs {
		switch {
		case pair.Key != "name" && pair.Key != "url" && pair.Key != "verify_ssl":
			return source, p.errorf(pair.Line(), "unknown key %.80q of a source: this Pipfile.lock may be newer than Lockkeeper", pair.Key)
		case pair.Value.Kind != tree.String && (pair.Key != "verify_ssl" || pair.Value.Kind != tree.Bool):
			return source, p.errorf(pair.Line(), "%q of a source is %s", pair.Key, pair.Value.Kind)
		}
		if err := checkLine(pair.Value.Text, maxURL); err != nil {
			return source, p.errorf(pair.Line(), "%q of a source: %w", pair.Key, err)
		}
		texts[pair.Key] = pair.Value.Text
	}
	name, address := texts["name"], texts["url"]
	if err := checkURL(address); err != nil {
		return source, p.errorf(v.Line(), "source %.80q: %w", name, err)
	}
	source = registrySource(address)
	if _, twice := p.places[name]; twice {
		return source, p.errorf(v.Line(), "source %.80q stands twice", name)
	}
	p.places[name] = source
	if strings.Contains(address, "$") {
		p.setting(v.Table.Get("url").Line(), "source %s: url = %s", name, address)
	}
	// Files written by hand say it in a string; all but true turns it off.
	if text, ok := texts["verify_ssl"]; ok && !strings.EqualFold(text, "true") {
		p.setting(v.Table.Get("verify_ssl").Line(), "source %s: verify_ssl = %s", name, text)
	}
	return source, nil
}

// checkLine is checkText for what must stay one line.
func checkLine(s string, max int) error {
	if strings.ContainsAny(s, "\t\r\n") {
		return fmt.Errorf("%.80q is more than one line", s)
	}
	return checkText(s, max)
}

// category reads the packages of one category.
func (p *pipfile) category(t *tree.Table) error {
	p.number++
	if p.number == 1 {
		p.last = make(map[string]int, len(t.Pairs))
	}
	p.rows, p.file.Entries = room(p.rows, len(t.Pairs)), room(p.file.Entries, len(t.Pairs))
	for _, pair := range t.Pairs {
		name, err := CanonicalName(pair.Key)
		if err != nil {
			return p.errorf(pair.Line(), "%w", err)
		}
		pkg := pipfilePackage{Entry: lockfile.Entry{
			Package: lockkeeper.Package{Ecosystem: lockkeeper.PyPI, Name: name},
			Source:  p.first,
			Line:    pair.Line(),
		}}
		if err := p.read(&pkg, pair.Value); err != nil {
			var located *lockfile.Error
			if errors.As(err, &located) {
				return err
			}
			return p.errorf(pair.Line(), "package %s: %w", name, err)
		}
		if err := p.add(pkg.Entry); err != nil {
			return err
		}
	}
	return nil
}

// add notes an entry, unless another category has the same.
func (p *pipfile) add(e lockfile.Entry) error {
	row := pipfileRow{previous: -1, category: int32(p.number), line: int32(e.Line)}
	if i, ok := p.last[e.Package.Name]; ok {
		row.previous, row.depth = int32(i), p.rows[i].depth+1
	}
	same := -1
	for i := row.previous; i >= 0; i = p.rows[i].previous {
		if p.rows[i].category == row.category {
			return p.errorf(e.Line, "package %s stands twice in a category, first in line %d", e.Package.Name, p.rows[i].line)
		}
		old := &p.file.Entries[i]
		if old.Package == e.Package && old.Source == e.Source && old.Requirement == e.Requirement && slices.EqualFunc(old.Files, e.Files, sameHashes) {
			same = int(i)
		}
	}
	if same >= 0 {
		p.rows[same].category, p.rows[same].line = row.category, row.line
		if err := p.markers.add(same, p.file.Entries[same].Marker, e.Marker); err != nil {
			return p.errorf(e.Line, "%w", err)
		}
		return nil
	}
	if row.depth >= maxRows {
		return p.errorf(e.Line, "%q has more than %d different entries", e.Package.Name, maxRows)
	}
	p.last[e.Package.Name] = len(p.file.Entries)
	p.rows = append(p.rows, row)
	p.file.Entries = append(p.file.Entries, e)
	return nil
}

func sameHashes(f, g lockfile.File) bool {
	return f.Digest == g.Digest && slices.Equal(f.Other, g.Other)
}
