package python

import (
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/internal/tree"
)

// duplicates refuses one package that is locked twice: which files count would be
// anybody's guess.
func (p *poetry) duplicates() error {
	type id struct {
		pkg    lockkeeper.Package
		source lockfile.Source
	}
	seen := make(map[id]int, len(p.file.Entries))
	for _, e := range p.file.Entries {
		key := id{e.Package, e.Source}
		if first, twice := seen[key]; twice {
			return p.errorf(e.Line, "package %s %s stands twice, first in line %d", e.Package.Name, e.Package.Version, first)
		}
		seen[key] = e.Line
	}
	return nil
}

// sharedFiles gives entries their files from metadata.hashes, lists of bare
// digests by name, or from metadata.files, lists of tables by name.
func (p *poetry) sharedFiles(metadata *tree.Table, key string) error {
	lists := metadata.Get(key)
	if lists == nil {
		return nil
	}
	if lists.Kind != tree.TableKind {
		return p.errorf(lists.Line(), "metadata.%s is %s", key, lists.Kind)
	}
	given := map[string]int{}
	for _, pair := range lists.Table.Pairs {
		name, err := CanonicalName(pair.Key)
		if err != nil {
			return p.errorf(pair.Line(), "metadata.%s: %w", key, err)
		}
		if pair.Value.Kind != tree.Array {
			return p.errorf(pair.Line(), "metadata.%s of %q is %s", key, name, pair.Value.Kind)
		}
		if first, twice := given[name]; twice {
			return p.errorf(pair.Line(), "metadata.%s of %q stands twice, first in line %d", key, name, first)
		}
		given[name] = pair.Line()
		read := p.files
		if key == "hashes" {
			read = p.hashes
		}
		files, err := read(pair.Value.Elems)
		if err != nil {
			return err
		}
		if err := p.share(name, files, pair.Line()); err != nil {
			return err
		}
	}
	return nil
}

func (p *poetry) hashes(elems []tree.Value) ([]lockfile.File, error) {
	files := make([]lockfile.File, 0, len(elems))
	for _, elem := range elems {
		if elem.Kind != tree.String {
			return nil, p.errorf(elem.Line(), "hash is %s", elem.Kind)
		}
		var f lockfile.File
		text := elem.Text
		if !strings.Contains(text, ":") {
			text = "sha256:" + text
		}
		if err := addHash(&f, text); err != nil {
			return nil, p.errorf(elem.Line(), "%w", err)
		}
		files = append(files, f)
	}
	return files, nil
}

// share hands the files of one name to its entries. To poetry a package's own list
// counts alone, even an empty one, which leaves it unchecked. The bound keeps a list and
// its many versions from multiplying; real files stay below a thousand.
func (p *poetry) share(name string, files []lockfile.File, line int) error {
	const maxShared = 1 << 16
	entries := p.names[name]
	for _, i := range entries {
		if e := &p.file.Entries[i]; e.Files != nil && len(files) > 0 {
			return p.errorf(line, "%q has files here and in line %d", name, e.Line)
		}
	}
	if len(entries) == 1 {
		p.file.Entries[entries[0]].Files = files
		return nil
	}
	if len(entries)*len(files) > maxShared {
		return p.errorf(line, "%d files for %d versions of %q are too many", len(files), len(entries), name)
	}
	for _, f := range files {
		owners := entries
		if v := fileVersion(f.Name); v != "" {
			named := slices.DeleteFunc(slices.Clone(entries), func(i int) bool {
				return lockfile.Compare(lockkeeper.PyPI, p.file.Entries[i].Package.Version, v) != 0
			})
			if len(named) > 0 {
				owners = named
			}
		}
		for _, i := range owners {
			p.file.Entries[i].Files = append(p.file.Entries[i].Files, f)
		}
	}
	return nil
}

// fileVersion is the version in the name of a wheel or sdist, "" where it is not
// plain to see.
func fileVersion(name string) string {
	if stem, ok := strings.CutSuffix(name, ".whl"); ok {
		parts := strings.Split(stem, "-")
		if len(parts) == 5 || len(parts) == 6 {
			return parts[1]
		}
		return ""
	}
	for _, ext := range []string{".tar.gz", ".zip", ".tar.bz2"} {
		if stem, ok := strings.CutSuffix(name, ext); ok {
			return stem[strings.LastIndexByte(stem, '-')+1:]
		}
	}
	return ""
}

// dependencies notes [package.dependencies] of the package that is being read.
func (p *poetry) dependencies(t *tree.Table) error {
	first := len(p.wants)
	for _, pair := range t.Pairs {
		name, err := CanonicalName(pair.Key)
		if err != nil {
			return p.errorf(pair.Line(), "dependency: %w", err)
		}
		w := want{entry: len(p.file.Entries), name: name}
		if w.specifiers, err = p.constraints(pair); err != nil {
			return err
		}
		p.wants = append(p.wants, w)
	}
	if twice := repeated(p.wants[first:]); twice != "" {
		return p.errorf(t.Line, "dependency %q stands twice", twice)
	}
	return nil
}

// constraints of a dependency: a string, a table with `version`, or an array of
// such. One without a version is "".
func (p *poetry) constraints(pair tree.Pair) ([]string, error) {
	elems := []tree.Value{pair.Value}
	if pair.Value.Kind == tree.Array {
		elems = pair.Value.Elems
	}
	var found []string
	for _, v := range elems {
		switch v.Kind {
		case tree.String:
			found = append(found, v.Text)
		case tree.TableKind:
			version := v.Table.Get("version")
			switch {
			case version == nil:
				found = append(found, "")
			case version.Kind == tree.String:
				found = append(found, version.Text)
			default:
				return nil, p.errorf(version.Line(), "version of dependency %.80q is %s", pair.Key, version.Kind)
			}
		default:
			return nil, p.errorf(v.Line(), "dependency %.80q is %s", pair.Key, v.Kind)
		}
	}
	return found, nil
}
