package python

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/internal/tree"
)

var pylockArchive = map[string]tree.Kind{
	"url": tree.String, "path": tree.String, "size": tree.Integer, "upload-time": tree.Other,
	"hashes": tree.TableKind, "subdirectory": tree.String,
}

// archive reads [packages.archive]: a wheel, an sdist or any archive of a tree.
func (p *pylock) archive(e *lockfile.Entry, v tree.Value) error {
	values, err := p.texts(v.Table, pylockArchive, "archive")
	if err != nil {
		return err
	}
	address, err := p.place(v.Table, values, "archive")
	if err != nil {
		return err
	}
	var f lockfile.File
	if values["url"] != "" {
		e.Source = lockfile.Source{Kind: lockfile.URL, URL: address}
		f.URL = address
		f.Name, err = fileAt(address)
	} else {
		e.Source = localSource(p.file.Path, address)
		f.Name, err = lastElement(address)
	}
	if err != nil {
		f.Name = "" // an address may end in anything
	}
	e.Source = withSubdirectory(p.file.Path, e.Source, values["subdirectory"])
	if err := p.hashes(&f, v.Table.Get("hashes"), v.Line()); err != nil {
		return err
	}
	if strings.HasSuffix(f.Name, ".whl") {
		if err := checkWheel(f.Name, e.Package); err != nil {
			return p.errorf(v.Line(), "%w", err)
		}
	}
	e.Files = []lockfile.File{f}
	return nil
}

// hashes reads {ALGORITHM = "HEX"}, of which there must be one at least.
func (p *pylock) hashes(f *lockfile.File, v *tree.Value, line int) error {
	if v == nil || len(v.Table.Pairs) == 0 {
		return p.errorf(line, "file without hashes")
	}
	for _, pair := range v.Table.Pairs {
		if pair.Value.Kind != tree.String {
			return p.errorf(pair.Line(), "hash is %s: want a string", pair.Value.Kind)
		}
		if err := addHash(f, pair.Key+":"+pair.Value.Text); err != nil {
			return p.errorf(pair.Line(), "%w", err)
		}
	}
	return nil
}

// files reads sdist and wheels.
func (p *pylock) files(e *lockfile.Entry, sdist, wheels *tree.Value) error {
	var tables []tree.Value
	if sdist != nil {
		tables = append(tables, *sdist)
	}
	if wheels != nil {
		tables = append(tables, wheels.Elems...)
	}
	if len(tables) == 0 {
		return p.errorf(e.Line, "package %s has no files", e.Package.Name)
	}
	e.Files = make([]lockfile.File, len(tables))
	for i, v := range tables {
		f := &e.Files[i]
		if err := p.fileOf(f, v); err != nil {
			return err
		}
		if e.Package.Version == "" {
			if e.Package.Version = fileVersion(f.Name); checkVersion(e.Package.Version) != nil {
				return p.errorf(v.Line(), "%s has no version, nor has %.200q", e.Package.Name, f.Name)
			}
		}
		check := checkWheel
		if i == 0 && sdist != nil {
			check = checkSdist
		}
		if err := check(f.Name, e.Package); err != nil {
			return p.errorf(v.Line(), "%w", err)
		}
	}
	return nil
}

var pylockFile = map[string]tree.Kind{
	"name": tree.String, "upload-time": tree.Other, "url": tree.String, "path": tree.String,
	"size": tree.Integer, "hashes": tree.TableKind,
}

// fileOf reads {name, upload-time, url, path, size, hashes}.
func (p *pylock) fileOf(f *lockfile.File, v tree.Value) error {
	if v.Kind != tree.TableKind {
		return p.errorf(v.Line(), "wheel is %s: want a table", v.Kind)
	}
	var local string
	var hashes *tree.Value
	for i := range v.Table.Pairs {
		pair := v.Table.Pairs[i]
		if err := p.check(pair, pylockFile, "a file"); err != nil {
			return err
		}
		text := pair.Value.Text
		var err error
		switch pair.Key {
		case "name":
			f.Name, err = text, checkFileName(text)
		case "url":
			f.URL, err = text, checkURL(text)
		case "path":
			if local, err = text, checkText(text, maxURL); text == "" {
				err = errors.New("is empty")
			}
		case "hashes":
			hashes = &v.Table.Pairs[i].Value
		}
		if err != nil {
			return p.locate(err, pair.Value.Line(), "a file", pair.Key)
		}
	}
	if f.URL == "" && local == "" {
		return p.errorf(v.Line(), "file without url or path")
	}
	var err error
	switch {
	case f.Name != "":
	case local != "": // which installers try first
		f.Name, err = lastElement(local)
	default:
		f.Name, err = fileAt(f.URL)
	}
	if err != nil {
		return p.errorf(v.Line(), "file without name: %w", err)
	}
	if f.URL == "" {
		f.URL = local
	}
	return p.hashes(f, hashes, v.Line())
}

// pylockFact is one value by which a dependency tells entries apart.
type pylockFact struct{ table, key, value string }

// pylockWant is a dependency before all entries are known.
type pylockWant struct {
	name  string
	facts []pylockFact
	entry int32 // that has the dependency
	line  int32
}

// factsOf lists the plain values of a package or dependency, its name aside.
func (p *pylock) factsOf(t *tree.Table) []pylockFact {
	first := len(p.stock)
	note := func(table string, t *tree.Table) {
		for _, pair := range t.Pairs {
			plain := pair.Value.Kind == tree.String || pair.Value.Kind == tree.Bool
			if plain && pair.Key != "upload-time" && (table != "" || pair.Key != "name") {
				if len(p.stock) == cap(p.stock) { // what was cut off stays where it is
					p.stock = append(make([]pylockFact, 0, max(32, min(2*cap(p.stock), 1024))), p.stock[first:]...)
					first = 0
				}
				p.stock = append(p.stock, pylockFact{table, pair.Key, pair.Value.Text})
			}
		}
	}
	note("", t)
	for _, key := range []string{"vcs", "directory", "archive"} {
		if v := t.Get(key); v != nil {
			note(key, v.Table)
		}
	}
	return p.stock[first:len(p.stock):len(p.stock)]
}

// dependencies notes [{name, version, ...}] of the package that is being read.
func (p *pylock) dependencies(elems []tree.Value) error {
	for _, elem := range elems {
		if elem.Kind != tree.TableKind {
			return p.errorf(elem.Line(), "dependency is %s: want a table", elem.Kind)
		}
		for _, pair := range elem.Table.Pairs {
			if err := p.check(pair, pylockPackage, "a dependency"); err != nil {
				return err
			}
		}
		written := elem.Table.Get("name")
		if written == nil {
			return p.errorf(elem.Line(), "dependency without name")
		}
		name, err := CanonicalName(written.Text)
		if err != nil {
			return p.errorf(elem.Line(), "dependency: %w", err)
		}
		p.wants = append(p.wants, pylockWant{name, p.factsOf(elem.Table), int32(len(p.file.Entries)), int32(elem.Line())})
	}
	return nil
}

// link makes edges of wants.
func (p *pylock) link() error {
	names := newNameIndex(p.file.Entries)
	edges := newEdgeList(p.file.Entries, len(p.wants))
	for _, w := range p.wants {
		switch names.each(w.name, func(i int) bool {
			for _, f := range w.facts {
				if !p.states(i, f) {
					return false
				}
			}
			edges.add(int(w.entry), w.name, i)
			return true
		}) {
		case noMatch:
			stated := make([]string, 0, len(w.facts))
			for _, f := range w.facts[:min(len(w.facts), 4)] {
				stated = append(stated, fmt.Sprintf("%s %.80q", strings.TrimPrefix(f.table+"."+f.key, "."), f.value))
			}
			return p.errorf(int(w.line), "dependency %s is not locked: lock again", words(append([]string{w.name}, stated...)...))
		case tooManyForks:
			edges.add(int(w.entry), w.name, -1)
		}
	}
	edges.done()
	return nil
}

// states reports whether an entry has a value.
func (p *pylock) states(entry int, want pylockFact) bool {
	if want.table == "" && want.key == "version" {
		return sameVersion(want.value, p.file.Entries[entry].Package.Version)
	}
	for _, f := range p.facts[entry] {
		if f == want {
			return true
		}
	}
	return false
}
