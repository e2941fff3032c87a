package advisory

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"deps.dev/util/semver"
	"github.com/BurntSushi/toml"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile/python"
)

// MaxArchive bounds the bytes of one archive.
const MaxArchive = 1 << 30

// Bounds, some ten times what the public sources have.
const (
	maxRecord  = 16 << 20  // bytes of one record
	maxRecords = 2_000_000 // of all archives together
)

// Read takes every *.json (an OSV record), *.zip (OSV records, as its all.zip) and
// RUSTSEC-*.md below fsys.
func Read(fsys fs.FS) (*List, error) {
	b := &builder{list: &List{byName: map[string][]record{}}}
	err := fs.WalkDir(fsys, ".", func(p string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if !strings.HasSuffix(p, ".zip") {
			return b.file(fsys, p)
		}
		data, err := readFile(fsys, p, MaxArchive)
		if err != nil {
			return err
		}
		return b.archive(p, data)
	})
	if err != nil {
		return nil, fmt.Errorf("read advisories: %w", err)
	}
	return b.list, nil
}

// ReadArchive takes one archive of OSV records, as OSV offers for each ecosystem.
func ReadArchive(name string, data []byte) (*List, error) {
	b := &builder{list: &List{byName: map[string][]record{}}}
	if err := b.archive(name, data); err != nil {
		return nil, fmt.Errorf("read advisories: %w", err)
	}
	return b.list, nil
}

// Join makes one list of several.
func Join(lists ...*List) *List {
	all := &List{byName: map[string][]record{}}
	for _, l := range lists {
		if l == nil {
			continue
		}
		all.count += l.count
		for name, records := range l.byName {
			all.byName[name] = append(all.byName[name], records...)
		}
	}
	return all
}

type builder struct {
	list *List
	read int
}

func (b *builder) archive(name string, data []byte) error {
	files, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, f := range files.File {
		if f.FileInfo().IsDir() {
			continue
		}
		if err := b.file(files, f.Name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (b *builder) file(fsys fs.FS, p string) error {
	var add func([]byte) error
	switch base := path.Base(p); {
	case strings.HasSuffix(base, ".json"):
		add = b.osv
	case strings.HasPrefix(base, "RUSTSEC-") && strings.HasSuffix(base, ".md"):
		add = b.rustSec
	default:
		return nil
	}
	if b.read++; b.read > maxRecords {
		return fmt.Errorf("more than %d records", maxRecords)
	}
	data, err := readFile(fsys, p, maxRecord)
	if err != nil {
		return err
	}
	if err := add(data); err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}
	return nil
}

func readFile(fsys fs.FS, p string, limit int64) ([]byte, error) {
	f, err := fsys.Open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: more than %d bytes", p, limit)
	}
	return data, nil
}

// Ecosystems are OSV's names of those that are kept, sorted.
func Ecosystems() []string { return slices.Sorted(maps.Keys(ecosystems)) }

func (b *builder) add(p lockkeeper.Package, r record) {
	b.list.byName[p.ID()] = append(b.list.byName[p.ID()], r)
	b.list.count++
}

// osvRecord is what matters of one, by the OSV schema 1.7.
type osvRecord struct {
	ID        string   `json:"id"`
	Aliases   []string `json:"aliases"`
	Summary   string   `json:"summary"`
	Details   string   `json:"details"`
	Withdrawn string   `json:"withdrawn"`
	Affected  []struct {
		Package struct {
			Ecosystem string `json:"ecosystem"`
			Name      string `json:"name"`
		} `json:"package"`
		Versions []string `json:"versions"`
		Ranges   []struct {
			Type   string `json:"type"`
			Events []struct {
				Introduced   string `json:"introduced"`
				Fixed        string `json:"fixed"`
				LastAffected string `json:"last_affected"`
			} `json:"events"`
		} `json:"ranges"`
		DatabaseSpecific struct {
			Categories []string `json:"categories"`
		} `json:"database_specific"`
	} `json:"affected"`
}

// ecosystems by OSV's names for them.
var ecosystems = map[string]lockkeeper.Ecosystem{"crates.io": lockkeeper.Cargo, "PyPI": lockkeeper.PyPI}

func (b *builder) osv(data []byte) error {
	var r osvRecord
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	if r.ID == "" {
		return errors.New("no OSV record: it has no id")
	}
	malicious := slices.ContainsFunc(append([]string{r.ID}, r.Aliases...), func(id string) bool { return strings.HasPrefix(id, "MAL-") })
	if r.Withdrawn != "" {
		return nil
	}
	text := r.Summary
	if text == "" {
		text = r.Details
	}
	for _, a := range r.Affected {
		eco, known := ecosystems[a.Package.Ecosystem]
		if !known || !malicious && !slices.Contains(a.DatabaseSpecific.Categories, "malicious") {
			continue
		}
		rec := record{advisory: Advisory{ID: summarise(r.ID), Summary: summarise(text)}, versions: a.Versions}
		for _, rng := range a.Ranges {
			if rng.Type != "SEMVER" && rng.Type != "ECOSYSTEM" {
				continue // commits: the versions are listed
			}
			open := false
			var s span
			for _, e := range rng.Events {
				switch {
				case e.Introduced != "":
					if open {
						rec.ranges = append(rec.ranges, s)
					}
					s, open = span{introduced: e.Introduced}, true
				case e.Fixed != "":
					s.fixed = e.Fixed
				case e.LastAffected != "":
					s.lastAffected = e.LastAffected
				}
				if open && (s.fixed != "" || s.lastAffected != "") {
					rec.ranges, open = append(rec.ranges, s), false
				}
			}
			if open {
				rec.ranges = append(rec.ranges, s)
			}
		}
		// Nothing said of versions: the package as such.
		rec.all = len(rec.versions) == 0 && len(rec.ranges) == 0
		name := a.Package.Name
		if eco == lockkeeper.PyPI {
			var err error
			if name, err = python.CanonicalName(name); err != nil {
				continue // no lockfile can have such a name
			}
		}
		b.add(lockkeeper.Package{Ecosystem: eco, Name: name}, rec)
	}
	return nil
}

// rustSec reads a file of RustSec's advisory-db: a TOML head in a fenced block, then
// a title and text in Markdown.
func (b *builder) rustSec(data []byte) error {
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	_, rest, found := strings.Cut(text, "```toml\n")
	head, body, closed := strings.Cut(rest, "\n```")
	if !found || !closed {
		return errors.New("no RustSec advisory: it has no block of TOML")
	}
	var r struct {
		Advisory struct {
			ID         string   `toml:"id"`
			Package    string   `toml:"package"`
			Categories []string `toml:"categories"`
			Withdrawn  string   `toml:"withdrawn"`
		} `toml:"advisory"`
		Versions struct {
			Patched    []string `toml:"patched"`
			Unaffected []string `toml:"unaffected"`
		} `toml:"versions"`
	}
	if _, err := toml.Decode(head, &r); err != nil {
		return err
	}
	if r.Advisory.ID == "" || r.Advisory.Package == "" {
		return errors.New("no RustSec advisory: id or package is missing")
	}
	if r.Advisory.Withdrawn != "" || !slices.Contains(r.Advisory.Categories, "malicious") {
		return nil
	}
	rec := record{advisory: Advisory{ID: summarise(r.Advisory.ID), Summary: title(body)}}
	for _, text := range append(r.Versions.Patched, r.Versions.Unaffected...) {
		c, err := semver.Cargo.ParseConstraint(text)
		if err != nil {
			return fmt.Errorf("versions %q: %w", text, err)
		}
		rec.safe = append(rec.safe, c)
	}
	rec.all = len(rec.safe) == 0
	b.add(lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: r.Advisory.Package}, rec)
	return nil
}

// title is the first heading of a text in Markdown.
func title(body string) string {
	for line := range strings.SplitSeq(body, "\n") {
		if heading, ok := strings.CutPrefix(line, "# "); ok {
			return summarise(heading)
		}
	}
	return ""
}
