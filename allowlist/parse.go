package allowlist

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/config/strict"
)

// MaxEntries bounds the entries of one file. The file itself is bounded by
// strict.MaxSize.
const MaxEntries = 10_000

// maxName bounds a package's name, publisher or program in bytes.
const maxName = 214

// file is allow.toml as written. Its words are checked once decoded, where the
// place of each is known.
type file struct {
	Allow []fileEntry `toml:"allow"`
}

type fileEntry struct {
	Package     *string  `toml:"package"`
	Versions    *string  `toml:"versions"`
	May         []string `toml:"may"`
	BuildCode   *string  `toml:"build-code"`
	Publishers  []string `toml:"publishers"`
	Rules       []string `toml:"rules"`
	Any         bool     `toml:"any"`
	Reason      string   `toml:"reason"`
	SignedOffBy string   `toml:"signed-off-by"`
	SignedOffIn string   `toml:"signed-off-in"`
	Expires     any      `toml:"expires"` // a local date, or a string that holds one
}

// Parse reads an allowlist; path is for its errors alone. Each of these is a
// *strict.Error with file, line and key, and ends with the next step: a key,
// capability or rule that nobody knows, an ecosystem other than cargo and pypi, a
// version range, digest, publisher or date that cannot be read.
//
// Rules are the names that the key "rules" may hold: those of findings about
// neither code nor people (policy.AllowRules). Nil takes any kebab-case name, for
// callers that only edit the file.
//
// An entry without a condition is no error: it admits nothing, and Problems tells
// of it. An empty file is an empty list.
func Parse(path string, data []byte, rules []string) (*List, error) {
	var f file
	doc, err := strict.Parse(path, data, &f)
	if err != nil {
		return nil, err
	}
	if len(f.Allow) > MaxEntries {
		return nil, doc.Errorf([]any{"allow"}, "%d entries are more than the %d that are read; remove the stale ones", len(f.Allow), MaxEntries)
	}
	l := &List{Entries: make([]Entry, 0, len(f.Allow))}
	for i, written := range f.Allow {
		p := entryParser{doc: doc, index: i, rules: rules}
		e, err := p.entry(written)
		if err != nil {
			return nil, err
		}
		l.Entries = append(l.Entries, e)
	}
	return l, nil
}

// entryParser reads the words of one entry, and keeps the first mistake.
type entryParser struct {
	doc   *strict.Document
	index int
	rules []string
	err   error
}

func (p *entryParser) fail(key string, format string, args ...any) {
	if p.err == nil {
		p.err = p.doc.Errorf([]any{"allow", p.index, key}, key+": "+format, args...)
	}
}

func (p *entryParser) entry(w fileEntry) (Entry, error) {
	e := Entry{Any: w.Any, Reason: w.Reason, SignedOffBy: w.SignedOffBy, SignedOffIn: w.SignedOffIn}
	e.Line, _ = p.doc.Place("allow", p.index)
	if w.Package == nil {
		p.fail("package", `missing; name the package as "cargo/ring" or "pypi/numpy"`)
		return Entry{}, p.err
	}
	pkg, err := parseID(*w.Package)
	if err != nil {
		p.fail("package", "%w", err)
	}
	e.Package = pkg.ID()
	if w.Versions != nil && err == nil {
		if _, err := parseRange(pkg.Ecosystem, *w.Versions); err != nil {
			p.fail("versions", "%w", err)
		}
		e.Versions = *w.Versions
	}
	e.May = p.may(w.May)
	if w.BuildCode != nil {
		e.BuildCode = p.digest(*w.BuildCode)
	}
	e.Publishers = p.publishers(w.Publishers)
	e.Rules = p.ruleNames(w.Rules)
	e.Expires = p.expires(w.Expires)
	if e.Any && e.speaksOfAnything() {
		p.fail("any", "any = true admits everything, so the other conditions of this entry mean nothing; remove it or them")
	}
	return e, p.err
}

func (p *entryParser) digest(s string) lockkeeper.Digest {
	digest, err := lockkeeper.ParseDigest(s)
	if err != nil {
		p.fail("build-code", "%w; copy it from the finding", err)
	}
	return digest
}

func (p *entryParser) may(words []string) []buildcode.Capability {
	if words == nil {
		return nil
	}
	may := make([]buildcode.Capability, 0, len(words))
	for _, word := range words {
		c := buildcode.Capability(word)
		name, runs := strings.CutPrefix(word, "run:")
		switch {
		case unnameable(c):
			p.fail("may", "%q cannot be accepted in general, for it stands for what nobody could look at; pin the code with build-code instead", word)
		case runs && (name == "" || len(name) > maxName || strings.ContainsFunc(name, notVisible)):
			p.fail("may", `%q names no program; write "run:perl"`, word)
		case !runs && !slices.Contains(capabilities, word):
			p.fail("may", "unknown capability %q%s", word, hint(word, append(slices.Clone(capabilities), "run:NAME")))
		}
		may = append(may, c)
	}
	return may
}

// capabilities that an entry may name, besides "run:NAME".
var capabilities = []string{
	string(buildcode.Compile), string(buildcode.Decode), string(buildcode.EmbeddedBinary), string(buildcode.Home), string(buildcode.LoadCode),
	string(buildcode.Network), string(buildcode.ReadEnv), string(buildcode.ReadFiles), string(buildcode.WriteFiles),
}

func (p *entryParser) publishers(words []string) []lockkeeper.Principal {
	if words != nil && len(words) == 0 {
		p.fail("publishers", "empty; name at least one, or leave the key out")
	}
	var publishers []lockkeeper.Principal
	for _, word := range words {
		principal, err := lockkeeper.ParsePrincipal(word)
		repository := principal.Kind == lockkeeper.GitHubRepo || principal.Kind == lockkeeper.GitLabPath
		switch {
		case err != nil:
			p.fail("publishers", "%w", err)
		case !principal.Known():
			p.fail("publishers", "%q is nobody; a release by an unknown publisher can only be signed off each time", word)
		case len(word) > maxName:
			p.fail("publishers", "longer than %d bytes", maxName)
		case repository && !strings.Contains(strings.Trim(principal.ID, "/"), "/"):
			p.fail("publishers", `%q names no repository; write "%s:OWNER/REPOSITORY"`, word, principal.Kind)
		}
		publishers = append(publishers, principal)
	}
	return publishers
}

var kebab = regexp.MustCompile(`^[a-z]+(?:-[a-z]+)*$`)

func (p *entryParser) ruleNames(words []string) []string {
	if words != nil && len(words) == 0 {
		p.fail("rules", "empty; name at least one, or leave the key out")
	}
	for _, word := range words {
		switch {
		case p.rules != nil && !slices.Contains(p.rules, word):
			p.fail("rules", "no rule %q can be accepted here%s; findings about build-time code take may or build-code, those about people take publishers",
				word, hint(word, p.rules))
		case !kebab.MatchString(word) || len(word) > maxName:
			p.fail("rules", `%q is no rule's name; write for example "release-too-new"`, word)
		}
	}
	return words
}

func (p *entryParser) expires(v any) time.Time {
	const next = "write a date, such as 2027-05-22"
	switch v := v.(type) {
	case nil:
		return time.Time{}
	case string:
		day, err := time.Parse(time.DateOnly, v)
		if err != nil || day.Year() == 0 {
			p.fail("expires", "%q is no date; %s", v, next)
			return time.Time{}
		}
		return day
	case time.Time:
		// The library tells a local date from a time of day by its location.
		if v.Location().String() != "date-local" || v.Year() == 0 {
			p.fail("expires", "an entry holds to the end of a day, not to a time; %s", next)
		}
		y, m, d := v.Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	p.fail("expires", "not a date; %s", next)
	return time.Time{}
}

var (
	pypiName   = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$`) // PEP 508, "Names"
	pypiRun    = regexp.MustCompile(`[-_.]+`)
	errPackage = errors.New(`want "cargo/NAME" or "pypi/NAME"`)
)

// parseID reads "cargo/ring". Names of PyPI become canonical (PEP 503); Cargo
// tells "-" from "_".
func parseID(s string) (lockkeeper.Package, error) {
	ecosystem, name, found := strings.Cut(s, "/")
	switch {
	case !found || name == "" || len(name) > maxName:
		return lockkeeper.Package{}, fmt.Errorf("%q: %w", s, errPackage)
	case ecosystem == string(lockkeeper.PyPI):
		if !pypiName.MatchString(name) {
			return lockkeeper.Package{}, fmt.Errorf("%q is no name of a Python package: %w", name, errPackage)
		}
		return lockkeeper.Package{Ecosystem: lockkeeper.PyPI, Name: strings.ToLower(pypiRun.ReplaceAllString(name, "-"))}, nil
	case ecosystem == string(lockkeeper.Cargo):
		if strings.ContainsFunc(name, func(r rune) bool { return r != '-' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			return lockkeeper.Package{}, fmt.Errorf("%q is no name of a crate: %w", name, errPackage)
		}
		return lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: name}, nil
	}
	return lockkeeper.Package{}, fmt.Errorf("unknown ecosystem %q%s: %w", ecosystem, hint(ecosystem, []string{string(lockkeeper.Cargo), string(lockkeeper.PyPI)}), errPackage)
}

// hint is what follows an unknown word: the one that was likely meant, or all.
func hint(word string, known []string) string {
	if meant := strict.Closest(word, known); meant != "" {
		return fmt.Sprintf(", did you mean %q?", meant)
	}
	return "; known are " + strings.Join(known, ", ")
}

func notVisible(r rune) bool {
	return r == ' ' || r == unicode.ReplacementChar || !unicode.IsGraphic(r)
}
