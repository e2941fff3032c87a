package python

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
)

// parseRequirement reads one requirement as pip's parse_req_from_line does: an
// address, a path, or PEP 508. Line and Requirement are the caller's to set.
func parseRequirement(from, text string) (lockfile.Entry, error) {
	entry := lockfile.Entry{
		Package: lockkeeper.Package{Ecosystem: lockkeeper.PyPI},
		Source:  lockfile.Source{Kind: lockfile.Registry},
	}
	// In an address ";" alone does not begin the marker.
	separator := ";"
	if isAddress(text) {
		separator = "; "
	}
	body, marker, _ := strings.Cut(text, separator)
	body = strings.TrimFunc(body, isBlank)
	entry.Marker = strings.TrimFunc(marker, isBlank)
	var err error
	switch {
	case isAddress(body):
		err = fromAddress(&entry, from, "", body)
	case hasVariable(body):
		fromVariable(&entry, body)
	default:
		err = fromSpecifier(&entry, from, body)
	}
	if err != nil {
		return entry, fmt.Errorf("requirement %.200q: %w", text, err)
	}
	return entry, nil
}

func isAddress(s string) bool {
	scheme, _, found := strings.Cut(s, ":")
	return found && isScheme(strings.ToLower(scheme))
}

// fromVariable: the environment decides what this is. Its name is known if that
// stands before the first variable.
func fromVariable(entry *lockfile.Entry, body string) {
	head := body[:strings.Index(body, "${")]
	entry.Package.Name = body
	// Unless it is plainly a version that varies, it may come from anywhere.
	elsewhere := lockfile.Source{Kind: lockfile.URL, URL: body}
	name, rest, ok := splitName(head)
	if !ok || len(name) == len(head) {
		entry.Source = elsewhere
		return
	}
	direct := strings.HasPrefix(rest, "@")
	if !direct && strings.ContainsAny(body, `/\`) {
		entry.Source = elsewhere
		return
	}
	if name, err := CanonicalName(name); err == nil {
		entry.Package.Name = name
	}
	if direct {
		entry.Source = elsewhere
	}
}

// splitName cuts a requirement into its name and what follows name and extras:
// versions, or "@" and an address. It is not ok where no name stands first.
func splitName(s string) (name, rest string, ok bool) {
	const blanks = "\t\n\f\r "
	end := 0
	for end < len(s) && (isNameEnd(s[end]) || strings.IndexByte("._-", s[end]) >= 0) {
		end++
	}
	for end > 0 && !isNameEnd(s[end-1]) {
		end--
	}
	if end == 0 || !isNameEnd(s[0]) {
		return "", "", false
	}
	name, rest = s[:end], strings.TrimLeft(s[end:], blanks)
	if extras, after, closed := strings.Cut(rest, "]"); closed && strings.HasPrefix(extras, "[") {
		isExtra := func(r rune) bool {
			return r < 0x80 && isNameEnd(byte(r)) || strings.ContainsRune("._,-"+blanks, r)
		}
		if strings.TrimLeftFunc(extras[1:], isExtra) == "" {
			rest = strings.TrimLeft(after, blanks)
		}
	}
	return name, rest, true
}

// clause is one comparison of a version specifier.
var clause = regexp.MustCompile(`^(===|==|~=|!=|<=|>=|<|>)\s*([^\s,;()]+)$`)

func fromSpecifier(entry *lockfile.Entry, from, body string) error {
	name, versions, ok := splitName(body)
	direct := strings.HasPrefix(versions, "@")
	if !direct && looksLocal(body) {
		if strings.ContainsAny(versions[:min(1, len(versions))], "=<>!~(") {
			// On one host a path, on another a requirement: neither may pass for the other.
			return errors.New("could be a path or a name with versions: write the path with ./")
		}
		if strings.Contains(body, "://") {
			return errors.New("an address in what is neither one nor a name with one")
		}
		return fromPath(entry, from, body)
	}
	if !ok {
		return errors.New("neither a name with versions nor an address")
	}
	if direct {
		return fromAddress(entry, from, name, strings.TrimFunc(versions[1:], isBlank))
	}
	name, err := CanonicalName(name)
	if err != nil {
		return err
	}
	entry.Package.Name = name
	if inner, ok := strings.CutPrefix(versions, "("); ok {
		if versions, ok = strings.CutSuffix(inner, ")"); !ok {
			return errors.New("a parenthesis is not closed")
		}
	}
	if versions == "" {
		return nil
	}
	versions = strings.TrimRightFunc(versions, isBlank)
	clauses := strings.Split(strings.TrimSuffix(versions, ","), ",")
	for _, c := range clauses {
		c = strings.TrimFunc(c, isBlank)
		if len(c) > 2*maxVersion {
			return fmt.Errorf("a version specifier of %d bytes", len(c))
		}
		parts := clause.FindStringSubmatch(c)
		if parts == nil {
			return fmt.Errorf("%.80q is no version specifier", c)
		}
		operator, version := parts[1], parts[2]
		if operator != "===" {
			if err := checkVersion(strings.TrimSuffix(version, ".*")); err != nil {
				return err
			}
		}
		exact := operator == "===" || operator == "==" && !strings.HasSuffix(version, ".*")
		if exact && len(clauses) == 1 {
			entry.Package.Version = version
		}
	}
	return nil
}

// looksLocal is pip's test for a path on any host, without asking the disk.
func looksLocal(s string) bool {
	if strings.ContainsAny(s, `/\`) || strings.HasPrefix(s, ".") {
		return true
	}
	s, _, _ = strings.Cut(strings.ToLower(s), "[")
	for _, ext := range []string{".zip", ".whl", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tlz", ".tar.lz", ".tar.lzma"} {
		if strings.HasSuffix(s, ext) {
			return true
		}
	}
	return false
}

// fromPath: no name can be read off a directory or sdist, so the path serves as one.
func fromPath(entry *lockfile.Entry, from, body string) error {
	target := body
	if i := strings.LastIndexByte(target, '['); i > 0 && strings.HasSuffix(target, "]") {
		target = target[:i]
	}
	if target == "" || len(target) > maxURL {
		return errors.New("no path")
	}
	entry.Source = localSource(from, target)
	return nameEntry(entry, "", "", target)
}

// fromAddress reads "scheme://...#fragment". name is what stands before "@", or "".
func fromAddress(entry *lockfile.Entry, from, name, address string) error {
	if err := checkURL(address); err != nil {
		return err
	}
	if hasVariable(address) {
		entry.Source = lockfile.Source{Kind: lockfile.URL, URL: address}
		entry.Package.Name = address
		return nil
	}
	plain, rest, _ := strings.Cut(address, "#")
	for _, key := range fragmentKeys {
		if strings.Contains(plain, "&"+key+"=") {
			return fmt.Errorf("%s stands before the # of an address, where pip takes it for what stands behind", key)
		}
	}
	egg, sub, sha256, err := fragment(rest)
	if err != nil {
		return err
	}
	scheme, target, found := strings.Cut(plain, ":")
	if scheme = strings.ToLower(scheme); !found || !isScheme(scheme) {
		return errors.New("not an address that pip understands")
	}
	switch {
	case strings.HasPrefix(scheme, "git"):
		entry.Source = gitAddress(scheme, target, sub)
	case scheme == "file" && !strings.HasPrefix(target, "/"):
		// To installers this is an address still: its path is decoded, its query is none.
		target, _, _ = strings.Cut(target, "?")
		if target, err = url.PathUnescape(target); err != nil {
			return err
		}
		entry.Source = withSubdirectory(from, localSource(from, target), sub)
	default:
		entry.Source = lockfile.Source{Kind: lockfile.URL, URL: plain, Reference: subdirectory(sub)}
	}
	if sha256 != "" {
		d, err := lockkeeper.ParseDigest(sha256)
		if err != nil {
			return err
		}
		entry.Files = []lockfile.File{{Name: fileName(plain), URL: plain, Digest: d}}
	}
	return nameEntry(entry, name, egg, plain)
}

// gitAddress splits "URL@revision". Only a full commit is a Revision. An "@" in the
// query begins none: installers look for it in the path alone.
func gitAddress(scheme, target, sub string) lockfile.Source {
	scheme = strings.TrimPrefix(scheme, "git+")
	source := lockfile.Source{Kind: lockfile.Git, URL: scheme + ":" + target}
	query := ""
	if i := strings.IndexByte(target, '?'); i >= 0 {
		target, query = target[:i], target[i:]
	}
	var reference []string
	// The last "@" in the path begins the revision; one before is a user's.
	inPath := len(target)
	if slash := strings.IndexByte(strings.TrimPrefix(target, "//"), '/'); slash >= 0 {
		inPath = len(target) - len(strings.TrimPrefix(target, "//")) + slash
	}
	if at := strings.LastIndexByte(target, '@'); at > inPath {
		revision := target[at+1:]
		source.URL = scheme + ":" + target[:at] + query
		if isCommit(revision) {
			source.Revision = revision
		} else if revision != "" {
			reference = append(reference, revision)
		}
	}
	if sub != "" {
		reference = append(reference, subdirectory(sub))
	}
	source.Reference = strings.Join(reference, " ")
	return source
}

// nameEntry takes the name before "@", else that of a wheel, else #egg=, else the
// address itself. A wheel's file name also holds its version.
func nameEntry(entry *lockfile.Entry, name, egg, address string) error {
	wheelName, version := wheel(fileName(address))
	given := name
	if given == "" {
		given = wheelName
	}
	if given == "" {
		given, _, _ = strings.Cut(egg, "[")
		given, _, _ = strings.Cut(given, "==")
	}
	if given == "" {
		entry.Package.Name = address
		return nil
	}
	canonical, err := CanonicalName(given)
	if err != nil {
		return err
	}
	if name != "" && wheelName != "" {
		if w, err := CanonicalName(wheelName); err != nil || w != canonical {
			return fmt.Errorf("the wheel is of %.80q, not of %s", wheelName, canonical)
		}
	}
	entry.Package.Name = canonical
	if version != "" && entry.Source.Kind == lockfile.URL {
		if err := checkVersion(version); err != nil {
			return err
		}
		entry.Package.Version = version
	}
	return nil
}

// fileName is the last element of an address, decoded; "" where there is none.
func fileName(address string) string {
	address, _, _ = strings.Cut(address, "?")
	name, err := url.PathUnescape(path.Base(address))
	if err != nil || checkFileName(name) != nil {
		return ""
	}
	return name
}

// wheel splits NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl.
func wheel(file string) (name, version string) {
	stem, ok := strings.CutSuffix(file, ".whl")
	parts := strings.Split(stem, "-")
	if !ok || len(parts) < 5 || len(parts) > 6 {
		return "", ""
	}
	return parts[0], strings.ReplaceAll(parts[1], "_", "-")
}
