package python

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/internal/tree"
)

// ParsePDM reads a pdm.lock as PDM's project/lockfile/pdmlock.py and its
// forerunners have written it: lock_version 2, 3.0, 3.1 and 4.0 to 4.2 with all
// hashes in metadata.files, 4.3 to 4.5 with hashes beside each package. PDM reads
// later patches of a known lock_version, and so does this. A file in the format of
// pylock.toml is an error here.
//
// A package and its extras are several tables of the file and one entry here:
// files and edges are united, the first table gives the line, and the marker is
// empty if any of them has none, else the different ones joined by "; ". An entry
// whose extras come from another source than the package itself is an error; forks
// of one version from several sources are entries of their own.
//
// pdm.lock names no index: packages without a source are of the public registry
// here, though pyproject.toml or PDM's settings may name another. With static
// addresses a file has its URL, and its Name is the last element of that. Paths are
// relative to the project's root, which is taken to be where the lockfile lies.
//
// A git repository without a full commit, another repository without a revision,
// and an address with a variable are not locked: the entry has a Requirement and
// no version. Mercurial, Subversion and Bazaar are URL sources whose URL is written
// as pip does it, revision included. Edges are sorted by name. Unknown keys are
// errors: they could say where a package comes from. Any error is a *lockfile.Error.
func ParsePDM(path string, data []byte) (*lockfile.Lockfile, error) {
	p := pdm{file: &lockfile.Lockfile{Path: path, Format: lockfile.PDM, Data: data}, last: map[string]int{}}
	doc, err := tree.ReadTOML(path, data, "package", p.add)
	if err != nil {
		return nil, err
	}
	if err := p.document(doc); err != nil {
		return nil, err
	}
	return p.file, nil
}

type pdm struct {
	file  *lockfile.Lockfile
	rows  []pdmRow
	last  map[string]int // the latest row of each name
	wants []want
	texts []string // the specifiers of wants

	// Of entries that several rows make, as far as those differ.
	markers markers
	mixed   map[int]bool // files from more than one list
	shared  map[int]bool // files from metadata.files
}

// pdmRow is one [[package]]: a version can have several, with different extras.
type pdmRow struct {
	entry, previous, depth int // previous is the row of the same name before this, or -1; depth counts those
	version, extras        string
}

// maxRows is how many tables one name may have, as each new one is compared with
// all of them. Real names have one for each set of extras and each fork.
const maxRows = 256

func (p *pdm) errorf(line int, format string, args ...any) error {
	return &lockfile.Error{Path: p.file.Path, Line: line, Err: fmt.Errorf(format, args...)}
}

func (p *pdm) document(doc *tree.Table) error {
	var metadata *tree.Table
	for _, pair := range doc.Pairs {
		v := pair.Value
		switch {
		case pair.Key == "package" && v.Kind == tree.Array:
			// Its packages were handed to add.
		case pair.Key == "metadata" && v.Kind == tree.TableKind:
			metadata = v.Table
		case pair.Key == "package" || pair.Key == "metadata":
			return p.errorf(pair.Line(), "%q is %s", pair.Key, v.Kind)
		default:
			return p.errorf(pair.Line(), "unknown key %.80q: this pdm.lock may be newer than Lockkeeper", pair.Key)
		}
	}
	if metadata == nil {
		return p.errorf(0, "no [metadata]: not a pdm.lock")
	}
	if err := p.metadata(metadata); err != nil {
		return err
	}
	p.markers.set(p.file.Entries)
	for i := range p.mixed {
		p.file.Entries[i].Files = distinct(p.file.Entries[i].Files)
	}
	p.link()
	return nil
}

// pdmMetadata are the keys of [metadata] and what they hold; lock_inputs, what
// PDM compares to see whether a lock is fresh, may be anything.
var pdmMetadata = map[string]tree.Kind{
	"lock_version": tree.String, "content_hash": tree.String, "groups": tree.Array, "strategy": tree.Array,
	"targets": tree.Array, "cross_platform": tree.Bool, "static_urls": tree.Bool, "files": tree.TableKind,
}

func (p *pdm) metadata(t *tree.Table) error {
	for _, pair := range t.Pairs {
		want, known := pdmMetadata[pair.Key]
		if !known && pair.Key != "lock_inputs" {
			return p.errorf(pair.Line(), "unknown key %.80q of metadata: this pdm.lock may be newer than Lockkeeper", pair.Key)
		}
		if known && pair.Value.Kind != want {
			return p.errorf(pair.Line(), "metadata.%s is %s: want %s", pair.Key, pair.Value.Kind, want)
		}
	}
	v := t.Get("lock_version")
	if v == nil {
		return p.errorf(t.Line, "no metadata.lock_version: not a pdm.lock")
	}
	if !pdmVersion(v.Text) {
		return p.errorf(v.Line(), "lock_version %.40q is not supported (2, 3.0, 3.1 and 4.0 to 4.5 are)", v.Text)
	}
	p.file.Version = v.Text
	if files := t.Get("files"); files != nil {
		return p.sharedFiles(files.Table)
	}
	return nil
}

// pdmVersion knows the formats; the third number is for changes that readers of
// the second bear.
func pdmVersion(s string) bool {
	parts := strings.Split(s, ".")
	if len(s) > 16 || len(parts) > 3 {
		return false
	}
	var n [3]int
	for i, part := range parts {
		var err error
		if n[i], err = strconv.Atoi(part); err != nil || !isNameEnd(part[0]) {
			return false
		}
	}
	minor, known := map[int]int{2: 0, 3: 1, 4: 5}[n[0]]
	return known && n[1] <= minor
}

// sharedFiles reads metadata.files, lists by "name version" or, in version 2,
// "name[extras] version".
func (p *pdm) sharedFiles(lists *tree.Table) error {
	for _, pair := range lists.Pairs {
		full, version, _ := strings.Cut(pair.Key, " ")
		bare, _, _ := strings.Cut(full, "[")
		name, err := CanonicalName(bare)
		if err != nil {
			return p.errorf(pair.Line(), "metadata.files: %w", err)
		}
		if pair.Value.Kind != tree.Array {
			return p.errorf(pair.Line(), "metadata.files of %.80q is %s", pair.Key, pair.Value.Kind)
		}
		files, err := p.files(pair.Value.Elems)
		if err != nil {
			return err
		}
		owner := -1
		for i := p.latest(name); i >= 0; i = p.rows[i].previous {
			switch row := p.rows[i]; {
			case row.version != version:
			case owner >= 0 && owner != row.entry:
				return p.errorf(pair.Line(), "metadata.files of %.80q, which comes from several sources", pair.Key)
			default:
				owner = row.entry
			}
		}
		if owner < 0 {
			return p.errorf(pair.Line(), "metadata.files of %.80q, which is not locked", pair.Key)
		}
		if e := p.file.Entries[owner]; len(e.Files) > 0 && !p.shared[owner] {
			return p.errorf(pair.Line(), "%q has files here and in line %d", name, e.Line)
		}
		p.unite(owner, files)
		if p.shared == nil {
			p.shared = map[int]bool{}
		}
		p.shared[owner] = true
	}
	return nil
}

func (p *pdm) latest(name string) int {
	if i, ok := p.last[name]; ok {
		return i
	}
	return -1
}

// unite gives an entry further files.
func (p *pdm) unite(entry int, files []lockfile.File) {
	e := &p.file.Entries[entry]
	same := func(f, g lockfile.File) bool { return f.Name == g.Name && fileID(f) == fileID(g) }
	switch {
	case len(e.Files) == 0:
		e.Files = files
	case len(e.Files) == len(files) && slices.EqualFunc(e.Files, files, same):
		// As for most extras: the files of a version are the same whatever the extras.
	default:
		e.Files = append(e.Files, files...)
		if p.mixed == nil {
			p.mixed = map[int]bool{}
		}
		p.mixed[entry] = true
	}
}

// fileID tells files apart beside their names: pdm.lock has one hash for each.
func fileID(f lockfile.File) [2]string {
	hash := string(f.Digest)
	if hash == "" {
		hash = f.Other[0]
	}
	return [2]string{f.URL, hash}
}

func distinct(files []lockfile.File) []lockfile.File {
	type id struct {
		name string
		rest [2]string
	}
	seen := make(map[id]bool, len(files))
	return slices.DeleteFunc(files, func(f lockfile.File) bool {
		key := id{f.Name, fileID(f)}
		twice := seen[key]
		seen[key] = true
		return twice
	})
}

// dependencies notes those of a package: requirements as of PEP 508, or in version
// 2 a table of versions by name.
func (p *pdm) dependencies(entry int, v tree.Value) error {
	p.wants, p.texts = room(p.wants, len(v.Elems)), room(p.texts, len(v.Elems))
	for _, elem := range v.Elems {
		if elem.Kind != tree.String {
			return p.errorf(elem.Line(), "dependency is %s", elem.Kind)
		}
		name, specifier, err := pdmDependency(p.file.Path, elem.Text)
		if err != nil {
			return p.errorf(elem.Line(), "dependency %.200q: %w", elem.Text, err)
		}
		p.want(entry, name, specifier)
	}
	if v.Kind != tree.TableKind {
		return nil
	}
	for _, pair := range v.Table.Pairs {
		name, err := CanonicalName(pair.Key)
		if err != nil {
			return p.errorf(pair.Line(), "dependency: %w", err)
		}
		version := &pair.Value
		if version.Kind == tree.TableKind {
			version = version.Table.Get("version")
		}
		switch {
		case version == nil:
			p.want(entry, name, "")
		case version.Kind == tree.String:
			p.want(entry, name, version.Text)
		default:
			return p.errorf(pair.Line(), "version of dependency %.80q is %s", pair.Key, version.Kind)
		}
	}
	return nil
}

func (p *pdm) want(entry int, name, specifier string) {
	if name == p.file.Entries[entry].Package.Name {
		return // extras depend on their own package
	}
	p.texts = append(p.texts, specifier)
	n := len(p.texts)
	p.wants = append(p.wants, want{entry: entry, name: name, specifiers: p.texts[n-1 : n : n]})
}

// room makes place for n more. It doubles where append takes a quarter more, which
// leaves behind several times what is needed in the end.
func room[T any](s []T, n int) []T {
	if cap(s)-len(s) < n {
		s = slices.Grow(s, max(n, len(s)))
	}
	return s
}

// pdmDependency reads the name and the versions of a requirement. One by path or
// address has the name that the address gives, or else the address.
func pdmDependency(from, text string) (name, specifier string, err error) {
	if err := checkText(text, maxText); err != nil {
		return "", "", err
	}
	body := strings.TrimSpace(strings.TrimPrefix(text, "-e "))
	end := 0
	for end < len(body) && (isNameEnd(body[end]) || strings.IndexByte("-_.", body[end]) >= 0) {
		end++
	}
	rest := strings.TrimLeft(body[end:], " ")
	if strings.HasPrefix(rest, "[") {
		closing := strings.IndexByte(rest, ']')
		if closing < 0 {
			return "", "", errors.New("a bracket is not closed")
		}
		rest = strings.TrimLeft(rest[closing+1:], " ")
	}
	if rest == "" || strings.IndexByte("<>=!~(;@", rest[0]) >= 0 {
		name, err = CanonicalName(body[:end])
		if strings.HasPrefix(rest, "@") {
			return name, "", err
		}
		specifier, _, _ = strings.Cut(rest, ";")
		return name, strings.Trim(specifier, " ()"), err
	}
	plain := body
	for _, root := range pdmRoots {
		plain = strings.Replace(plain, root, "file:///root", 1)
	}
	entry, err := parseRequirement(from, plain)
	if name = entry.Package.Name; strings.Contains(name, ":") {
		name = body
	}
	return name, "", err
}

// link makes edges of wants: those of an entry sorted by name, each name once.
func (p *pdm) link() {
	byEntry := func(a, b want) int { return cmp.Compare(a.entry, b.entry) }
	if !slices.IsSortedFunc(p.wants, byEntry) {
		slices.SortStableFunc(p.wants, byEntry)
	}
	united := p.wants[:0]
	for rest := p.wants; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].entry == rest[0].entry {
			n++
		}
		slices.SortStableFunc(rest[:n], func(a, b want) int { return cmp.Compare(a.name, b.name) })
		for i, w := range rest[:n] {
			if i > 0 && united[len(united)-1].name == w.name {
				last := &united[len(united)-1]
				last.specifiers = append(last.specifiers, w.specifiers...)
				continue
			}
			united = append(united, w)
		}
		rest = rest[n:]
	}
	names := make(map[string][]int, len(p.last))
	all := make([]int, len(p.file.Entries))
	for i := range p.file.Entries {
		all[i] = i
		name := p.file.Entries[i].Package.Name
		if named, ok := names[name]; ok {
			names[name] = append(named, i)
		} else {
			names[name] = all[i : i+1 : i+1]
		}
	}
	link(p.file.Entries, names, united)
}
