package archive

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// cleanName checks an entry's name and drops "." and empty elements. Names that
// could reach outside of where an archive is unpacked, or that hosts read
// differently, are errors. A directory's trailing slash is dropped; "./" alone
// gives the empty string.
func cleanName(name string, depth int) (string, error) {
	clean, err := splitName(name, depth)
	if err != nil {
		return "", fmt.Errorf("entry %q: %w", clip(name), err)
	}
	return clean, nil
}

func splitName(name string, depth int) (string, error) {
	switch {
	case name == "":
		return "", errors.New("empty name")
	case len(name) > maxName:
		return "", fmt.Errorf("name of %d bytes: %w", len(name), ErrTooLarge)
	case !utf8.ValidString(name):
		return "", errors.New("name is not UTF-8")
	case strings.ContainsRune(name, 0):
		return "", errors.New("NUL in name")
	case strings.ContainsRune(name, '\\'):
		return "", errors.New("backslash in name")
	case name[0] == '/':
		return "", errors.New("absolute path")
	}
	parts := strings.Split(name, "/")
	kept := parts[:0]
	for _, p := range parts {
		switch {
		case p == "..":
			return "", errors.New(`".." in path`)
		case p == "" || p == ".":
		case len(p) > 1 && p[1] == ':' && (p[0]|0x20 >= 'a' && p[0]|0x20 <= 'z'):
			return "", errors.New("path with a drive letter")
		default:
			kept = append(kept, p)
		}
	}
	if len(kept) > depth {
		return "", fmt.Errorf("path of %d elements, limit %d: %w", len(kept), depth, ErrTooLarge)
	}
	return strings.Join(kept, "/"), nil
}

// checkFolded refuses an archive of whose files a host without case, or one that
// composes accents, makes fewer: which content a path has there is decided by
// the order of unpacking, so it may be another than here. Files of equal content
// are only noted. On any host a file beneath another is refused: beneath a link it
// would be written to where the link leads.
func (a *Archive) checkFolded() error {
	folded := make(map[string]*entry, len(a.files))
	keys := make([]string, len(a.files))
	for i, e := range a.files {
		keys[i] = foldName(e.Path)
		other := folded[keys[i]]
		if other == nil {
			folded[keys[i]] = e
			continue
		}
		same, err := a.sameContent(other, e)
		if err != nil {
			return fmt.Errorf("%q: %w", clip(e.Path), err)
		}
		if !same {
			return fmt.Errorf("%q and %q are one file on macOS or Windows, with a content that is different", clip(other.Path), clip(e.Path))
		}
		a.note(fmt.Sprintf("%q and %q are one file on macOS or Windows", clip(other.Path), clip(e.Path)))
	}
	for at, key := range keys {
		for i := range len(key) {
			if key[i] != '/' {
				continue
			}
			if parent := folded[key[:i]]; parent != nil {
				return fmt.Errorf("%q lies beneath %q, which is not a directory", clip(a.files[at].Path), clip(parent.Path))
			}
		}
	}
	return nil
}

// sameContent compares two files, of a zip by expanding them.
func (a *Archive) sameContent(x, y *entry) (bool, error) {
	if x.Link != y.Link || x.Size != y.Size {
		return false, nil
	}
	for _, e := range []*entry{x, y} {
		if e.Link != "" {
			continue
		}
		if err := a.sum(e); err != nil {
			return false, err
		}
	}
	return x.Digest == y.Digest, nil
}

// foldName is equal for paths that are one file somewhere: case and composition
// (APFS, NTFS), dots and spaces at an element's end and what stands behind a
// colon (Windows).
func foldName(path string) string {
	ascii := true
	special := false
	for i := range len(path) {
		ascii = ascii && path[i] < utf8.RuneSelf
		special = special || path[i] == ':' || path[i] == '.' || path[i] == ' '
	}
	if !ascii {
		path = norm.NFC.String(cases.Fold().String(norm.NFD.String(path)))
	} else {
		path = strings.ToLower(path)
	}
	if !special {
		return path
	}
	parts := strings.Split(path, "/")
	for i, part := range parts {
		part, _, _ = strings.Cut(part, ":")
		parts[i] = strings.TrimRight(part, ". ")
	}
	return strings.Join(parts, "/")
}
