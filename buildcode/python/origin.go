package python

import (
	"bytes"
	"path"
	"strings"
	"unicode"

	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/registry"
)

// maxMetadata bounds the metadata of an artifact, in bytes. Most of it is the
// description, which stands behind what is looked for.
const maxMetadata = 4 << 20

// Origin is what an sdist's PKG-INFO or a wheel's METADATA names as repository and
// pages (core metadata specification); nil if it names nothing. Neither holds a
// commit. An archive that is read in parts is not asked, since each part is a
// request.
func Origin(a *archive.Archive) *buildcode.Origin {
	name := "PKG-INFO"
	if a.Kind == registry.Wheel {
		name = ""
		for _, f := range a.Files() {
			if dir, base := path.Split(f.Path); base == "METADATA" && strings.HasSuffix(dir, ".dist-info/") && strings.Count(dir, "/") == 1 {
				name = f.Path
			}
		}
	}
	if name == "" || a.Partial || !a.Has(name) {
		return nil
	}
	data, err := a.ReadFile(name)
	if err != nil || len(data) > maxMetadata {
		return nil
	}
	// By rank: what calls itself the repository, the home page, anything else.
	var ranked [3][]string
	for line := range bytes.Lines(data) {
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			break // the description follows
		}
		key, value, _ := strings.Cut(text, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(key) {
		case "home-page":
			ranked[1] = append(ranked[1], value)
		case "download-url":
			ranked[2] = append(ranked[2], value)
		case "project-url":
			label, address, _ := strings.Cut(value, ",")
			rank := labelRank(label)
			ranked[rank] = append(ranked[rank], address)
		}
	}
	o := &buildcode.Origin{}
	for _, addresses := range ranked {
		for _, address := range addresses {
			o.AddAddress(address)
		}
	}
	return o.OrNil()
}

// labelRank judges a label by the well-known ones, compared without punctuation,
// blanks and case (PEP 753).
func labelRank(label string) int {
	plain := strings.Map(func(r rune) rune {
		if unicode.IsPunct(r) || unicode.IsSpace(r) || unicode.IsSymbol(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, label)
	switch plain {
	case "source", "repository", "sourcecode", "github", "code", "repo":
		return 0
	case "homepage", "home":
		return 1
	}
	return 2
}
