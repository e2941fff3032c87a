package archive

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
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
	case len(name) > 1 && name[1] == ':' && (name[0]|0x20 >= 'a' && name[0]|0x20 <= 'z'):
		return "", errors.New("path with a drive letter")
	}
	parts := strings.Split(name, "/")
	kept := parts[:0]
	for _, p := range parts {
		switch p {
		case "..":
			return "", errors.New(`".." in path`)
		case "", ".":
		default:
			kept = append(kept, p)
		}
	}
	if len(kept) > depth {
		return "", fmt.Errorf("path of %d elements, limit %d: %w", len(kept), depth, ErrTooLarge)
	}
	return strings.Join(kept, "/"), nil
}
