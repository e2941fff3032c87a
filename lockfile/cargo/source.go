package cargo

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/lockkeeper/lockkeeper/lockfile"
)

// The two names of crates.io in a source. Cargo writes the first, whichever
// protocol it uses, and reads the second as the same (SourceId::is_crates_io).
// They are names here, never addresses to be fetched.
const (
	cratesIO       = "registry+https://github.com/rust-lang/crates.io-index"
	cratesIOSparse = "sparse+https://index.crates.io/"
)

// maxURL bounds the bytes of a source.
const maxURL = 4096

// parseSource reads `source`, by the rules of SourceId::from_url. Sources of edges
// need no revision.
func parseSource(s string, version int, needRevision bool) (lockfile.Source, error) {
	if s == cratesIO || s == cratesIOSparse {
		return lockfile.Source{Kind: lockfile.Registry}, nil
	}
	if len(s) > maxURL {
		return lockfile.Source{}, fmt.Errorf("source of %d bytes", len(s))
	}
	kind, address, found := strings.Cut(s, "+")
	if !found {
		return lockfile.Source{}, fmt.Errorf("source %q: want kind+URL", s)
	}
	switch kind {
	case "registry":
		return lockfile.Source{Kind: lockfile.Registry, URL: address}, checkURL(address)
	case "sparse":
		return lockfile.Source{Kind: lockfile.Registry, URL: s}, checkURL(address)
	case "path":
		return lockfile.Source{Kind: lockfile.Path, URL: address}, checkURL(address)
	case "git":
		return parseGit(address, version, needRevision)
	}
	return lockfile.Source{}, fmt.Errorf("source %q: unknown kind %q", s, kind)
}

func checkURL(s string) error {
	for _, r := range s {
		if r <= ' ' || r == 0x7f {
			return fmt.Errorf("source URL %q holds blanks or control characters", s)
		}
	}
	u, err := url.Parse(s)
	if err != nil {
		return fmt.Errorf("source URL %q cannot be read", s)
	}
	if u.Scheme == "" || u.Host == "" && u.Scheme != "file" {
		return fmt.Errorf("source URL %q: want scheme and host", s)
	}
	return nil
}

// parseGit reads URL[?branch|tag|rev=X][#commit].
func parseGit(s string, version int, needRevision bool) (lockfile.Source, error) {
	address, revision, _ := strings.Cut(s, "#")
	address, query, hasQuery := strings.Cut(address, "?")
	source := lockfile.Source{Kind: lockfile.Git, URL: address, Revision: revision}
	if err := checkURL(address); err != nil {
		return source, err
	}
	if (needRevision || revision != "") && !isCommit(revision) {
		return source, fmt.Errorf("git source at %q: want a full commit", revision)
	}
	if !hasQuery {
		return source, nil
	}
	key, value, _ := strings.Cut(query, "=")
	if version >= 4 {
		var err error
		if value, err = url.QueryUnescape(value); err != nil {
			return source, fmt.Errorf("git reference %q is not encoded as in version 4", query)
		}
	}
	switch key {
	case "branch", "tag", "rev":
	case "ref": // written by cargo before 2014, read as a branch ever since
		key = "branch"
	default:
		return source, fmt.Errorf("git reference %q: want branch, tag or rev", query)
	}
	if value == "" || version >= 4 && strings.Contains(query, "&") {
		return source, errors.New("git reference: want exactly one value")
	}
	source.Reference = key + "=" + value
	return source, nil
}

// isCommit accepts git's ids of both hash functions.
func isCommit(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}
