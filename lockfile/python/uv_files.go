package python

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/internal/tree"
)

// files reads sdist and wheels by what uv asks of each kind of source: a hash for
// "url" and "path", none for source trees, either for registries.
func (u *uv) files(e *lockfile.Entry, source uvSource, sdist, wheels *tree.Value) error {
	var tables []tree.Value
	if wheels != nil {
		tables = wheels.Elems
	}
	e.Files = make([]lockfile.File, 0, len(tables)+1)
	all := true
	read := func(v tree.Value, wheel bool) error {
		if v.Kind != tree.TableKind {
			return u.errorf(v.Line(), "wheel is %s: want a table", v.Kind)
		}
		f, compressed, err := u.fileOf(v, e, source, wheel)
		if err != nil {
			return err
		}
		hashed := f.Digest != "" || f.Other != nil
		switch source.kind {
		case "registry":
			all = all && hashed
			if !hashed && e.Source.Public() && f.URL != "" {
				// uv fetches it unchecked from there, wherever that is; PyPI states a hash of
				// every file.
				e.Source = lockfile.Source{Kind: lockfile.URL, URL: f.URL}
			}
		case "url", "path":
			if !hashed {
				return u.errorf(v.Line(), "file of %s without hash", e.Package.Name)
			}
		default:
			if all = false; hashed {
				return u.errorf(v.Line(), "%s is a source tree, and has a hash", e.Package.Name)
			}
		}
		e.Files = append(e.Files, f)
		if compressed.Digest != "" || compressed.Other != nil {
			compressed.Name = f.Name + ".zst"
			e.Files = append(e.Files, compressed)
		}
		return nil
	}
	if sdist != nil {
		if err := read(*sdist, false); err != nil {
			return err
		}
	}
	for _, v := range tables {
		if err := read(v, true); err != nil {
			return err
		}
	}
	if !all || len(e.Files) == 0 {
		e.Files = nil
	}
	return nil
}

// fileOf reads {url|path|filename, hash, size, upload-time, zstd}. compressed is
// the same wheel packed otherwise: uv takes either hash for either file.
func (u *uv) fileOf(v tree.Value, e *lockfile.Entry, source uvSource, wheel bool) (f, compressed lockfile.File, err error) {
	places := 0
	for _, pair := range v.Table.Pairs {
		value := pair.Value
		if err := u.check(pair, uvFile, "a file"); err != nil {
			return f, compressed, err
		}
		switch pair.Key {
		case "url":
			places++
			if f.URL, err = value.Text, checkURL(value.Text); err == nil {
				f.Name, err = fileAt(value.Text)
			}
		case "path":
			places++
			if f.URL, err = value.Text, checkText(value.Text, maxURL); err == nil {
				f.Name, err = lastElement(value.Text)
			}
		case "filename":
			places++
			f.Name = value.Text
		case "hash":
			err = addHash(&f, value.Text)
		case "zstd":
			compressed, err = u.compressed(value.Table)
		}
		if err != nil {
			return f, compressed, u.locate(err, value.Line(), "a file", pair.Key)
		}
	}
	switch {
	case places == 0 && source.kind == "url":
		f.URL = source.text
		f.Name, err = fileAt(source.text)
	case places == 0 && source.kind == "path":
		f.Name, err = lastElement(source.text)
	case places != 1:
		err = errors.New("file with other than one of url, path and filename")
	}
	if err == nil {
		err = checkFileName(f.Name)
	}
	if err == nil && wheel {
		err = checkWheel(f.Name, e.Package)
	} else if err == nil && source.kind == "registry" {
		err = checkSdist(f.Name, e.Package)
	}
	if err != nil {
		return f, compressed, u.errorf(v.Line(), "%w", err)
	}
	return f, compressed, nil
}

// uvFile are the keys of an sdist or wheel; revisions before 3 wrote
// upload_time.
var uvFile = map[string]tree.Kind{
	"url": tree.String, "path": tree.String, "filename": tree.String, "hash": tree.String, "size": tree.Integer,
	"upload-time": tree.String, "upload_time": tree.String, "zstd": tree.TableKind,
}

func (u *uv) compressed(t *tree.Table) (f lockfile.File, err error) {
	for _, pair := range t.Pairs {
		switch {
		case pair.Key == "size" && pair.Value.Kind == tree.Integer:
		case pair.Key == "hash" && pair.Value.Kind == tree.String:
			if err := addHash(&f, pair.Value.Text); err != nil {
				return f, err
			}
		default:
			return f, u.unknown(pair, "zstd")
		}
	}
	return f, nil
}

// fileAt is the file name at the end of an address.
func fileAt(address string) (string, error) {
	address, _, _ = strings.Cut(address, "#")
	address, _, _ = strings.Cut(address, "?")
	if _, rest, found := strings.Cut(address, "://"); found {
		address = rest
	}
	i := strings.LastIndexByte(address, '/')
	if i < 0 {
		return "", fmt.Errorf("%.80q names no file", address)
	}
	name := address[i+1:]
	if strings.IndexByte(name, '%') >= 0 {
		var err error
		if name, err = url.PathUnescape(name); err != nil {
			return "", err
		}
	}
	return name, checkFileName(name)
}

// lastElement is the file name at the end of a path.
func lastElement(p string) (string, error) {
	name := p[strings.LastIndexByte(p, '/')+1:]
	return name, checkFileName(name)
}

// checkWheel refuses a wheel whose name says that it is of another package or
// version: installers go by the name, people by the entry. A version without a
// local part stands for its builds ("2.5.1" for "2.5.1+cpu").
func checkWheel(file string, p lockkeeper.Package) error {
	stem, isWheel := strings.CutSuffix(file, ".whl")
	if dashes := strings.Count(stem, "-"); !isWheel || dashes != 4 && dashes != 5 {
		return fmt.Errorf("%.200q is no wheel's name", file)
	}
	name, rest, _ := strings.Cut(stem, "-")
	version, _, _ := strings.Cut(rest, "-")
	public, _, _ := strings.Cut(version, "+")
	if !sameName(name, p.Name) || p.Version != "" && !sameVersion(version, p.Version) && !sameVersion(public, p.Version) {
		return fmt.Errorf("%.200q is no file of %s %s", file, p.Name, p.Version)
	}
	return nil
}

var sdistEndings = []string{".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar.zst", ".tar.lz", ".tar.lzma", ".tar"}

// checkSdist is checkWheel for sdists. Their names are older than the rules for
// versions: one that is none is not compared.
func checkSdist(file string, p lockkeeper.Package) error {
	i := slices.IndexFunc(sdistEndings, func(ending string) bool { return strings.HasSuffix(file, ending) })
	if i < 0 {
		return fmt.Errorf("%.200q is no sdist's name", file)
	}
	stem := strings.TrimSuffix(file, sdistEndings[i])
	for i := range len(stem) {
		if stem[i] != '-' || !sameName(stem[:i], p.Name) {
			continue
		}
		version := stem[i+1:]
		if p.Version == "" || sameVersion(version, p.Version) || checkVersion(version) != nil {
			return nil
		}
		break
	}
	return fmt.Errorf("%.200q is no file of %s %s", file, p.Name, p.Version)
}

func sameVersion(a, b string) bool {
	return a == b || checkVersion(a) == nil && lockfile.Compare(lockkeeper.PyPI, a, b) == 0
}

// sameName reports whether name is the canonical form of written.
func sameName(written, name string) bool {
	n := 0
	for i := range len(written) {
		c := written[i]
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case c == '-' || c == '_' || c == '.':
			if i+1 < len(written) && !isNameEnd(written[i+1]) {
				continue
			}
			c = '-'
		}
		if n == len(name) || name[n] != c {
			return false
		}
		n++
	}
	return n == len(name)
}
