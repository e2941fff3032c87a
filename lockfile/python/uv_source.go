package python

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/internal/tree"
)

// uvSource is a source as the file writes it, which is how dependencies name it.
type uvSource struct {
	kind         string // the key: "registry", "git", ...
	text         string // its value
	subdirectory string // of "url" alone
}

// local reports whether the source is a path, whose version may be computed.
func (s uvSource) local() bool {
	switch s.kind {
	case "path", "directory", "editable", "virtual":
		return true
	}
	return false
}

// source reads {registry = "..."} and its like: one kind, never two, since which
// one uv takes would be hidden in its order of trying.
func (u *uv) source(t *tree.Table) (uvSource, error) {
	var s uvSource
	for _, pair := range t.Pairs {
		if pair.Value.Kind != tree.String {
			return s, u.errorf(pair.Line(), "source key %.80q is %s: want a string", pair.Key, pair.Value.Kind)
		}
		text := pair.Value.Text
		switch pair.Key {
		case "registry", "git", "url", "path", "directory", "editable", "virtual":
			if s.kind != "" {
				return s, u.errorf(pair.Line(), "source is both %q and %q", s.kind, pair.Key)
			}
			s.kind, s.text = pair.Key, text
		case "subdirectory":
			s.subdirectory = text
		default:
			return s, u.unknown(pair, "a source")
		}
		if text == "" {
			return s, u.errorf(pair.Line(), "source key %q is empty", pair.Key)
		}
		if err := checkText(text, maxURL); err != nil {
			return s, u.errorf(pair.Line(), "source key %q: %w", pair.Key, err)
		}
	}
	switch {
	case s.kind == "":
		return s, u.errorf(t.Line, "source of no known kind")
	case s.subdirectory != "" && s.kind != "url":
		return s, u.errorf(t.Line, "source of kind %q with a subdirectory", s.kind)
	}
	return s, nil
}

// place is what a source means.
func (u *uv) place(s uvSource) (lockfile.Source, error) {
	switch s.kind {
	case "registry":
		if !strings.Contains(s.text, "://") { // a directory of files
			return lockfile.Source{Kind: lockfile.Registry, URL: s.text}, nil
		}
		return registrySource(s.text), checkURL(s.text)
	case "git":
		return gitLocked(s.text)
	case "url":
		return lockfile.Source{Kind: lockfile.URL, URL: s.text, Reference: subdirectory(s.subdirectory)}, checkURL(s.text)
	}
	return localSource(u.file.Path, s.text), nil
}

// gitQuery are the query keys that uv gives a git address, in the order in which
// a Reference has them.
var gitQuery = []string{"tag", "branch", "rev", "subdirectory", "path", "lfs"}

// gitLocked reads "URL?rev=v1&subdirectory=x#COMMIT".
func gitLocked(text string) (lockfile.Source, error) {
	address, commit, _ := strings.Cut(text, "#")
	address, query, _ := strings.Cut(address, "?")
	source := lockfile.Source{Kind: lockfile.Git, URL: address, Revision: commit}
	if err := checkURL(text); err != nil {
		return source, err
	}
	if address == "" {
		return source, errors.New("git address without repository")
	}
	if !isCommit(commit) {
		return source, fmt.Errorf("git source at %.80q: want a full commit", commit)
	}
	values := map[string]string{}
	for query != "" {
		var part string
		part, query, _ = strings.Cut(query, "&")
		key, value, _ := strings.Cut(part, "=")
		value, err := url.QueryUnescape(value)
		if err != nil {
			return source, fmt.Errorf("git address: %w", err)
		}
		if _, twice := values[key]; twice || value == "" || strings.ContainsFunc(value, unicode.IsControl) {
			return source, fmt.Errorf("query %.80q of a git address", part)
		}
		values[key] = value
	}
	var reference []string
	for _, key := range gitQuery {
		value, given := values[key]
		if !given {
			continue
		}
		delete(values, key)
		reference = append(reference, key+"="+oneWord(value))
	}
	for key := range values {
		return source, fmt.Errorf("unknown query key %.80q of a git address: this uv.lock may be newer than Lockkeeper", key)
	}
	source.Reference = strings.Join(reference, " ")
	return source, nil
}

// oneWord quotes what would read as several words of a Reference.
func oneWord(s string) string {
	if strings.ContainsAny(s, " \t\r\n\"=") {
		return strconv.Quote(s)
	}
	return s
}
