package cargo

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/internal/tree"
)

// edges resolves dependencies and replacements, once all entries are known.
func (p *parser) edges() error {
	all := make([]lockfile.Edge, 0, len(p.wants))
	for rest := p.wants; len(rest) > 0; {
		entry, from := rest[0].entry, len(all)
		for len(rest) > 0 && rest[0].entry == entry {
			target, err := p.lookup(rest[0].text)
			if err != nil {
				return p.errorf(int(rest[0].line), "dependency %.300q: %w", rest[0].text, err)
			}
			all = append(all, lockfile.Edge{Name: p.file.Entries[target].Package.Name, Entry: target})
			rest = rest[1:]
		}
		p.file.Entries[entry].Edges = all[from:len(all):len(all)]
	}
	return nil
}

// lookup finds the entry that "name[ version[ (source)]]" means, by the rules of
// EncodableResolve::into_resolve. Where cargo would silently do without, it is an
// error.
func (p *parser) lookup(s string) (int, error) {
	name, rest, hasVersion := strings.Cut(s, " ")
	version, source, hasSource := strings.Cut(rest, " ")
	if !hasVersion {
		p.atLeast2()
	}
	if hasSource {
		return p.lookupExact(name, version, source)
	}
	fits := p.names[name]
	if hasVersion && fits.count > 1 {
		fits = p.versions[nameVersion{name, version}]
	}
	switch {
	case hasVersion && fits.count == 1 && p.file.Entries[fits.best].Package.Version != version:
		return 0, errNotLocked
	case fits.count == 0:
		return 0, errNotLocked
	case fits.versions > 1, fits.paths > 1, fits.paths == 0 && fits.count > 1:
		return 0, fmt.Errorf("%d packages of this file fit: lock again", fits.count)
	}
	found := int(fits.best)
	// Version 1 leaves out only the source of path packages.
	if p.file.Entries[found].Source.Kind != lockfile.Path {
		p.atLeast2()
	}
	return found, nil
}

var errNotLocked = errors.New("no such package in this file: lock again")

// candidates are the entries that an edge without a source could mean.
type candidates struct {
	count, paths int32
	versions     int32 // different ones, where there are several entries
	best         int32 // the only entry, or the first path package: edges cannot name its source
}

func (c candidates) with(entry int, isPath bool) candidates {
	if c.count == 0 || isPath && c.paths == 0 {
		c.best = int32(entry)
	}
	c.count++
	if isPath {
		c.paths++
	}
	return c
}

func (p *parser) lookupExact(name, version, source string) (int, error) {
	inner, ok := strings.CutPrefix(source, "(")
	if !ok || !strings.HasSuffix(inner, ")") {
		return 0, errors.New("want name, version and (source)")
	}
	parsed, err := parseSource(strings.TrimSuffix(inner, ")"), p.version, false)
	if err != nil {
		return 0, err
	}
	i, found := p.exact(name, version, parsed)
	if !found && p.version < 3 && parsed.Kind == lockfile.Git && parsed.Reference == "" {
		// Before version 3 the branch master is left out of edges, and there alone
		// (encodable_package_id).
		parsed.Reference = "branch=master"
		i, found = p.exact(name, version, parsed)
	}
	if !found {
		return 0, errNotLocked
	}
	if got := p.file.Entries[i].Source.Revision; parsed.Revision != "" && parsed.Revision != got {
		return 0, fmt.Errorf("the package is locked at another revision, %.12s", got)
	}
	return i, nil
}

// exact finds the entry of a name, version and source.
func (p *parser) exact(name, version string, source lockfile.Source) (int, bool) {
	switch named := p.names[name]; named.count {
	case 0:
		return 0, false
	case 1:
		e := &p.file.Entries[named.best]
		return int(named.best), e.Package.Version == version && e.Source.Same(source) && e.Source.Reference == source.Reference
	}
	i, found := p.ids[identify(lockkeeper.Package{Name: name, Version: version}, source)]
	return i, found
}

// checksums applies `[metadata]`, where version 1 keeps them all. Other keys of
// it mean nothing to cargo and are skipped.
func (p *parser) checksums(metadata *tree.Table) error {
	if metadata == nil {
		return nil
	}
	for _, pair := range metadata.Pairs {
		id, isChecksum := strings.CutPrefix(pair.Key, "checksum ")
		if !isChecksum {
			continue
		}
		if pair.Value.Kind != tree.String {
			return p.errorf(pair.Line(), "%.300q is %s", pair.Key, pair.Value.Kind)
		}
		target, err := p.lookup(id)
		if err != nil {
			return p.errorf(pair.Line(), "%.300q: %w", pair.Key, err)
		}
		e := &p.file.Entries[target]
		if pair.Value.Text == "<none>" {
			if len(e.Files) > 0 {
				return p.errorf(pair.Line(), "%.300q contradicts the checksum of line %d", pair.Key, e.Line)
			}
			continue
		}
		files, err := p.checksum(pair.Value.Text)
		switch {
		case err != nil:
			return p.errorf(pair.Line(), "%.300q: %w", pair.Key, err)
		case e.Source.Kind != lockfile.Registry:
			return p.errorf(pair.Line(), "%.300q: only packages of a registry have a checksum", pair.Key)
		case len(e.Files) > 0 && e.Files[0].Digest != files[0].Digest:
			return p.errorf(pair.Line(), "%.300q contradicts the checksum of line %d", pair.Key, e.Line)
		}
		e.Files = files
	}
	return nil
}

// patch checks `[[patch.unused]]`: patches of the workspace that nothing uses.
func (p *parser) patch(patch *tree.Table) error {
	if patch == nil {
		return nil
	}
	for _, pair := range patch.Pairs {
		if pair.Key != "unused" || pair.Value.Kind != tree.Array {
			return p.errorf(pair.Line(), `[patch] may hold only [[patch.unused]], not %q`, pair.Key)
		}
		for _, v := range pair.Value.Elems {
			if v.Kind != tree.TableKind {
				return p.errorf(v.Line(), "patch.unused is %s: want a table", v.Kind)
			}
			if _, err := p.entry(v.Table, -1); err != nil {
				return err
			}
		}
	}
	return nil
}
