package python

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/lockkeeper/lockkeeper/lockfile"
)

// ParseRequirements reads a requirements or constraints file as pip does
// (src/pip/_internal/req/req_file.py): decoding, joining of lines, comments,
// options, then one requirement a line.
//
// A requirement that is pinned with "==X" or "===X" alone, or that is the address
// of a wheel, has that version. Every other one is an entry without version whose
// Requirement is the text as written, hashes left out. Its Name is canonical; a bare
// path or address that names no package has itself as its Name, which no
// canonical name can equal.
//
// `${NAME}` is never expanded: the line stays an entry without version, or a
// Setting. Options that change where packages come from or how they are built are
// Settings, each on its own. Of these, a plain --index-url also decides the source
// of the entries, the last one in the file counting as it does for pip, and
// --no-index takes them from --find-links alone. Beside --extra-index-url or
// --find-links the origin of an entry without Files is open: a caller must not
// trust its source.
//
// "-r" and "-c" become Includes, relative to the including file; one that leaves the
// repository or is an address is an error, since it would go unseen. So are
// unknown options, options on a line where pip would ignore them, and hashes
// that pip does not take (STRONG_HASHES). Edges come from the comments of
// pip-compile and uv, where there are any (annotate). Any error is a *lockfile.Error.
func ParseRequirements(path string, data []byte) (*lockfile.Lockfile, error) {
	if len(data) > lockfile.MaxSize {
		return nil, lockfile.CheckText(path, data)
	}
	text, err := decode(data)
	if err != nil {
		return nil, &lockfile.Error{Path: path, Line: 1, Err: err}
	}
	if err := lockfile.CheckText(path, text); err != nil {
		return nil, err
	}
	r := requirements{
		file:  &lockfile.Lockfile{Path: path, Format: lockfile.Requirements, Data: data},
		index: lockfile.Source{Kind: lockfile.Registry},
	}
	lines, err := logicalLines(path, string(text))
	if err != nil {
		return nil, err
	}
	if len(lines) > freeLines && len(text) < bytesPerLine*(len(lines)-freeLines) {
		return nil, &lockfile.Error{Path: path, Err: fmt.Errorf("%d lines in %d bytes: no requirements file is as dense", len(lines), len(text))}
	}
	requirements := 0
	for _, l := range lines {
		if !strings.HasPrefix(l.text, "-") {
			requirements++
		}
	}
	r.file.Entries = make([]lockfile.Entry, 0, requirements)
	for _, l := range lines {
		if err := r.line(l.text); err != nil {
			return nil, &lockfile.Error{Path: path, Line: l.number, Err: err}
		}
		r.number(l.number)
	}
	r.setSources()
	annotate(r.file, string(text))
	return r.file, nil
}

type requirements struct {
	file  *lockfile.Lockfile
	words int // of options, so far

	index     lockfile.Source // what the last --index-url says
	noIndex   bool
	findLinks []string
}

// number gives what a line added its place.
func (r *requirements) number(line int) {
	for i := len(r.file.Entries) - 1; i >= 0 && r.file.Entries[i].Line == 0; i-- {
		r.file.Entries[i].Line = line
	}
	for i := len(r.file.Includes) - 1; i >= 0 && r.file.Includes[i].Line == 0; i-- {
		r.file.Includes[i].Line = line
	}
	for i := len(r.file.Settings) - 1; i >= 0 && r.file.Settings[i].Line == 0; i-- {
		r.file.Settings[i].Line = line
	}
}

// setSources tells entries of the public registry that the file says otherwise.
func (r *requirements) setSources() {
	source := r.index
	if r.noIndex {
		source.URL = strings.Join(append([]string{"--no-index"}, r.findLinks...), " ")
	}
	for i := range r.file.Entries {
		if e := &r.file.Entries[i]; e.Source.Public() {
			e.Source = source
		}
	}
}

// line reads one logical line: a requirement with its options, or options alone.
func (r *requirements) line(text string) error {
	if err := checkText(text, lockfile.MaxSize); err != nil {
		return err
	}
	requirement, rest := splitOptions(text)
	words, err := splitWords(rest)
	if err != nil {
		return fmt.Errorf("options %.80q: %w", rest, err)
	}
	if r.words += len(words); r.words > maxWords {
		return fmt.Errorf("more than %d words of options in one file", maxWords)
	}
	options, err := parseOptions(words)
	if err != nil {
		return err
	}
	if requirement == "" {
		// pip reads the requirement of the first -e and drops everything else.
		if len(options) > 0 && options[0].name == "--editable" {
			return r.requirement("-e "+options[0].value, options[0].value, options[1:])
		}
		return r.options(options)
	}
	return r.requirement(requirement, requirement, options)
}

// options applies a line that holds options alone.
func (r *requirements) options(options []option) error {
	for _, o := range options {
		switch o.name {
		case "--requirement", "--constraint":
			if len(options) > 1 {
				return fmt.Errorf("%s beside other options: pip would ignore some, give it a line of its own", o.name)
			}
			return r.include(o)
		case "--editable", "--hash", "--config-settings", "--global-option":
			return fmt.Errorf("%s beside other options: pip would ignore some, give it a line of its own", o.name)
		case "--index-url":
			r.index = registrySource(o.value)
		case "--no-index":
			r.noIndex = true
		case "--find-links":
			r.findLinks = append(r.findLinks, o.value)
		}
		r.file.Settings = append(r.file.Settings, lockfile.Setting{Text: o.String()})
	}
	return nil
}

func (r *requirements) include(o option) error {
	if hasVariable(o.value) {
		r.file.Settings = append(r.file.Settings, lockfile.Setting{Text: o.String()})
		return nil
	}
	if scheme, _, ok := strings.Cut(strings.ToLower(o.value), ":"); ok && isScheme(scheme) {
		return fmt.Errorf("%s %.200q: a file elsewhere cannot be reviewed here, copy it into the repository", o.name, o.value)
	}
	resolved, err := inside(r.file.Path, o.value)
	if err != nil {
		return fmt.Errorf("%s %.200q: %w: what it pins cannot be reviewed here", o.name, o.value, err)
	}
	r.file.Includes = append(r.file.Includes, lockfile.Include{Path: resolved, Constraint: o.name == "--constraint"})
	return nil
}

// requirement adds an entry. full is its text as people know it, text the same
// without "-e".
func (r *requirements) requirement(full, text string, options []option) error {
	if len(full) > maxText {
		return fmt.Errorf("a requirement of %d bytes", len(full))
	}
	entry, err := parseRequirement(r.file.Path, text)
	if err != nil {
		return err
	}
	if full != text {
		// What is editable runs from a tree, whatever else the line says.
		entry.Package.Version = ""
	}
	if entry.Package.Version == "" {
		entry.Requirement = full
	}
	for _, o := range options {
		switch o.name {
		case "--hash":
			var f lockfile.File
			if algorithm, _, _ := strings.Cut(o.value, ":"); !strings.Contains(" sha256 sha384 sha512 ", " "+algorithm+" ") {
				return fmt.Errorf("--hash=%.100s: want sha256:HEX, as pip-compile writes it", o.value)
			}
			if err := addHash(&f, o.value); err != nil {
				return err
			}
			if entry.Source.Kind == lockfile.URL {
				f.URL = entry.Source.URL
			}
			entry.Files = append(entry.Files, f)
		case "--config-settings", "--global-option":
			r.file.Settings = append(r.file.Settings, lockfile.Setting{Text: entry.Package.Name + " " + o.String()})
		default:
			return fmt.Errorf("%s beside a requirement: pip would ignore it, give it a line of its own", o.name)
		}
	}
	r.file.Entries = append(r.file.Entries, entry)
	return nil
}

// isScheme knows what pip takes for an address: plain schemes and those of
// version control (vcs.all_schemes).
func isScheme(s string) bool {
	system, transport, both := strings.Cut(s, "+")
	switch system {
	case "git", "hg", "bzr", "svn":
		return !both || transport != ""
	case "http", "https", "file", "ftp", "ssh", "sftp", "lp":
		return !both
	}
	return false
}

// hasVariable finds `${NAME}`, which pip replaces from the environment.
func hasVariable(s string) bool {
	for {
		_, rest, found := strings.Cut(s, "${")
		if !found {
			return false
		}
		end := strings.IndexFunc(rest, func(r rune) bool {
			return !(r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_')
		})
		if end > 0 && rest[end] == '}' {
			return true
		}
		s = rest
	}
}

// fragmentKeys are what pip knows of the part of an address after "#".
var fragmentKeys = []string{"egg", "subdirectory", "sha256", "md5", "sha1", "sha224", "sha384", "sha512"}

// fragment reads the part of an address after "#" as pip does, which decodes nothing
// there: an encoded hash is none.
func fragment(s string) (egg, subdirectory, sha256 string, err error) {
	if strings.Contains(s, "#") {
		return "", "", "", fmt.Errorf("two # in an address: %.80q", s)
	}
	values := map[string]string{}
	for part := range strings.SplitSeq(s, "&") {
		key, value, _ := strings.Cut(part, "=")
		if !slices.Contains(fragmentKeys, key) {
			continue
		}
		if _, twice := values[key]; twice {
			return "", "", "", fmt.Errorf("%s stands twice after # of an address", key)
		}
		values[key] = value
	}
	for _, key := range fragmentKeys[3:] {
		if _, given := values[key]; given {
			return "", "", "", fmt.Errorf("hash %s of an address: only sha256 is supported", key)
		}
	}
	return values["egg"], values["subdirectory"], values["sha256"], nil
}

func isBlank(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }
