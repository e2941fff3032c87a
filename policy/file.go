package policy

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/config/strict"
)

// Policy is a parsed policy file. The nil *Policy is the default one; the zero
// Policy is as good as that.
type Policy struct {
	// Lockfiles are patterns of the lockfiles to watch; empty: every known name.
	Lockfiles []string
	// Ignore are patterns of lockfiles that are not looked at.
	Ignore []string
	// Mode is what is judged; empty means Changes.
	Mode Mode
	// Record is how sign-offs reach the allowlist; empty means RecordPullRequest.
	Record Record
	// BotBranches: with RecordBranch, branches that bots opened pull requests from are
	// committed to as well.
	BotBranches bool
	Reviewers   Reviewers
	// Rules are the levels that the file sets, and no others.
	Rules map[Rule]Level
	// Settings are the days of rules that count days, as far as the file sets them.
	Settings  map[Rule]int
	Overrides []Override // in the order of the file; later ones win
	// Registries are the levels of what a registry does not tell, by the registry's
	// name.
	Registries map[string]Level

	Organisation *Policy // binds this one, nil for none; see Under
}

// Reviewers says who may sign off: anybody whom Users, Teams or Permission names.
// Where nobody is named, whoever has maintain permission.
type Reviewers struct {
	Users      []string   // logins, compared without case
	Teams      []string   // slugs of teams of the repository's organisation
	Permission Permission // write, maintain or admin, and more; empty: nobody by permission
	// Count of different reviewers that a finding needs; values below 1 mean 1.
	Count int
	// ReasonRequired: a sign-off without a reason does not count.
	ReasonRequired bool
}

// Override is a narrower set of levels, for lockfiles or packages that match any
// of its patterns; both, where it names both.
type Override struct {
	Paths    []string
	Packages []string // "cargo/windows-*"
	Rules    map[Rule]Level
	Line     int
}

// Mode is what of a lockfile is judged.
type Mode string

const (
	// Changes: what a pull request changes.
	Changes Mode = "changes"
	// All: that, and in each lockfile that a pull request changes every other package
	// with build-time code, which must be listed in the allowlist.
	All Mode = "all"
)

// Record is how sign-offs reach the allowlist.
type Record string

const (
	RecordPullRequest Record = "pull-request" // by one pull request that is kept up to date
	RecordBranch      Record = "branch"       // by a commit onto the branch of the pull request itself
	RecordNone        Record = "none"         // not at all; sign-offs hold by what was signed
)

// All reports whether every package with build-time code must be listed, by this
// policy or by the organisation's.
func (p *Policy) All() bool {
	return p != nil && (p.Mode == All || p.binding() != nil && p.binding().Mode == All)
}

// Records is how sign-offs reach the allowlist: as the organisation's policy has it
// where this one does not say, and never where that one says never.
func (p *Policy) Records() Record {
	how := RecordPullRequest
	for _, q := range []*Policy{p.binding(), p} {
		if q != nil && q.Record != "" && how != RecordNone {
			how = q.Record
		}
	}
	return how
}

// Template is a policy file that says what holds without one, with every key
// explained. It parses to the same as no file at all.
//
//go:embed template.toml
var Template string

// Default is the policy of a repository that has none.
func Default() *Policy { return &Policy{} }

// Watches reports whether the lockfile at path, slash-separated and relative to
// the repository's root, is to be looked at.
func (p *Policy) Watches(path string) bool {
	if p == nil {
		return true
	}
	if o := p.Organisation; o != nil && (o.Watches(path) || len(p.Lockfiles)+len(p.Ignore) == 0) {
		return o.Watches(path)
	}
	return (len(p.Lockfiles) == 0 || matchAny(p.Lockfiles, path)) && !matchAny(p.Ignore, path)
}

// file is policy.toml as written.
type file struct {
	Scan struct {
		Lockfiles []string `toml:"lockfiles"`
		Ignore    []string `toml:"ignore"`
		Mode      *string  `toml:"mode"`
	} `toml:"scan"`
	Allowlist struct {
		Record      *string `toml:"record"`
		BotBranches bool    `toml:"bot-branches"`
	} `toml:"allowlist"`
	Reviewers struct {
		Users      []string `toml:"users"`
		Teams      []string `toml:"teams"`
		Permission *string  `toml:"permission"`
		Count      *int     `toml:"count"`
		Reason     *string  `toml:"reason"`
	} `toml:"reviewers"`
	// Rules holds levels and, under names that end in "-settings", tables.
	Rules    map[string]any `toml:"rules"`
	Override []fileOverride `toml:"override"`
	// Registries are tables by name.
	Registries map[string]fileRegistry `toml:"registries"`
}

type fileRegistry struct {
	Unknown *string `toml:"unknown"`
}

type fileOverride struct {
	Paths    []string          `toml:"paths"`
	Packages []string          `toml:"packages"`
	Rules    map[string]string `toml:"rules"`
}

// Parse reads a policy; path is for its errors alone. Every key is optional. A
// key, rule or level that nobody knows, and a value out of bounds, is a
// *strict.Error with file, line and key that ends with the next step.
func Parse(path string, data []byte) (*Policy, error) {
	var f file
	doc, err := strict.Parse(path, data, &f)
	if err != nil {
		return nil, err
	}
	r := reader{doc: doc}
	p := &Policy{
		Lockfiles: r.patterns(f.Scan.Lockfiles, "scan", "lockfiles"),
		Ignore:    r.patterns(f.Scan.Ignore, "scan", "ignore"),
	}
	if f.Scan.Lockfiles != nil && len(f.Scan.Lockfiles) == 0 {
		r.fail([]any{"scan", "lockfiles"}, "scan.lockfiles is empty and would watch nothing; leave it out to watch every lockfile")
	}
	p.Mode = choice(&r, f.Scan.Mode, []any{"scan", "mode"}, Changes, All)
	p.Record = choice(&r, f.Allowlist.Record, []any{"allowlist", "record"}, RecordPullRequest, RecordBranch, RecordNone)
	if p.BotBranches = f.Allowlist.BotBranches; p.BotBranches && p.Record != RecordBranch {
		r.fail([]any{"allowlist", "bot-branches"}, `allowlist.bot-branches means something with record = "branch" alone; set that too, or remove it`)
	}
	r.reviewers(f, p)
	r.rules(f.Rules, p)
	r.overrides(f.Override, p)
	r.registries(f.Registries, p)
	if r.err != nil {
		return nil, r.err
	}
	return p, nil
}

// reader turns words into values, and keeps the first mistake in the file.
type reader struct {
	doc          *strict.Document
	err          *strict.Error
	line, column int
}

func (r *reader) fail(keys []any, format string, args ...any) {
	line, column := r.doc.Place(keys...)
	if r.err == nil || line < r.line || line == r.line && column < r.column {
		r.err, r.line, r.column = r.doc.Errorf(keys, format, args...), line, column
	}
}

// choice reads one of several words; the first is the default, and stands for itself
// as the empty one.
func choice[W ~string](r *reader, word *string, keys []any, known ...W) W {
	if word == nil || *word == string(known[0]) {
		return ""
	}
	var words []string
	for _, w := range known {
		if words = append(words, string(w)); *word == string(w) {
			return w
		}
	}
	r.fail(keys, "%s.%s: %q is not known%s; use %s", keys[0], keys[1], *word, meant(*word, words), strict.Either(words))
	return ""
}

func (r *reader) patterns(patterns []string, keys ...any) []string {
	if len(patterns) > maxPatterns {
		r.fail(keys, "more than %d patterns", maxPatterns)
	}
	for i, pattern := range patterns {
		if err := checkPattern(pattern); err != nil {
			r.fail(append(slices.Clone(keys), i), "%w", err)
		}
	}
	return patterns
}

var (
	login = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9])?$`)
	slug  = regexp.MustCompile(`^[a-z0-9_](?:[a-z0-9_.-]{0,98}[a-z0-9_])?$`)
)

func (r *reader) reviewers(f file, p *Policy) {
	w := f.Reviewers
	p.Reviewers = Reviewers{Users: w.Users, Teams: w.Teams, Count: 1}
	for i, user := range w.Users {
		keys := []any{"reviewers", "users", i}
		switch {
		case strings.HasSuffix(strings.ToLower(user), "[bot]"):
			r.fail(keys, "%q is a bot, and no bot can sign off; name people", user)
		case !login.MatchString(user):
			r.fail(keys, `%q is no login; write it without "@" or address: "alice"`, user)
		}
	}
	for i, team := range w.Teams {
		if !slug.MatchString(team) {
			r.fail([]any{"reviewers", "teams", i}, `%q is no team's slug; write it as in the team's address, without "@" and organisation: "security"`, team)
		}
	}
	if w.Permission != nil {
		p.Reviewers.Permission = r.permission(*w.Permission)
	}
	if w.Count != nil {
		if p.Reviewers.Count = *w.Count; *w.Count < 1 || *w.Count > 20 {
			r.fail([]any{"reviewers", "count"}, "reviewers.count must be from 1 to 20, not %d; to ask for nothing set rules to warn", *w.Count)
		}
	}
	if w.Reason != nil {
		switch *w.Reason {
		case "required":
			p.Reviewers.ReasonRequired = true
		case "optional":
		default:
			r.fail([]any{"reviewers", "reason"}, `reviewers.reason: %q is neither "required" nor "optional"%s`, *w.Reason,
				meant(*w.Reason, []string{"required", "optional"}))
		}
	}
}

func (r *reader) permission(word string) Permission {
	keys := []any{"reviewers", "permission"}
	switch permission := Permission(word); permission {
	case Write, Maintain, Admin:
		return permission
	case Triage, Read, None:
		r.fail(keys, `reviewers.permission %q is that of people who could not merge either; use "write", "maintain" or "admin"`, word)
	default:
		r.fail(keys, `reviewers.permission: %q is no permission%s; use "write", "maintain" or "admin"`, word, meant(word, []string{"write", "maintain", "admin"}))
	}
	return Admin
}

const settingsSuffix = "-settings"

func (r *reader) rules(written map[string]any, p *Policy) {
	// Sorted, so that one file has one result.
	for _, name := range slices.Sorted(maps.Keys(written)) {
		keys := []any{"rules", name}
		switch value := written[name].(type) {
		case string:
			if rule, level, ok := r.level(keys, name, value); ok {
				set(&p.Rules, rule, level)
			}
		case map[string]any:
			if rule, days, ok := r.settings(keys, name, value); ok {
				set(&p.Settings, rule, days)
			}
		default:
			r.fail(keys, `rules.%s must be "sign-off", "block", "warn" or "off"`, name)
		}
	}
}

func set[V any](m *map[Rule]V, rule Rule, value V) {
	if *m == nil {
		*m = make(map[Rule]V)
	}
	(*m)[rule] = value
}

// level reads `rule = "level"`.
func (r *reader) level(keys []any, name, word string) (Rule, Level, bool) {
	rule, level := Rule(name), Level(word)
	levels := []string{string(SignOffLevel), string(BlockLevel), string(WarnLevel), string(OffLevel)}
	switch {
	case !slices.Contains(Rules(), rule):
		r.fail(keys, "there is no rule %q%s", name, meant(name, ruleNames()))
	case !slices.Contains(levels, word):
		r.fail(keys, `%s: %q is no level%s; use "sign-off", "block", "warn" or "off"`, name, word, meant(word, levels))
	case rule == Unverified && level == OffLevel:
		// Promise 3.
		r.fail(keys, `%s cannot be off, for what could not be verified must at least be shown; use "warn"`, name)
	default:
		return rule, level, true
	}
	return "", "", false
}

// settings reads the table "RULE-settings".
func (r *reader) settings(keys []any, name string, table map[string]any) (Rule, int, bool) {
	var known []string
	for rule := range daysSettings {
		known = append(known, string(rule)+settingsSuffix)
	}
	sort.Strings(known)
	rule := Rule(strings.TrimSuffix(name, settingsSuffix))
	if !slices.Contains(known, name) {
		if slices.Contains(Rules(), rule) && !strings.HasSuffix(name, settingsSuffix) {
			r.fail(keys, `rules.%s must be "sign-off", "block", "warn" or "off", not a table`, name)
		} else {
			r.fail(keys, "there are no settings %q%s; known are %s", name, meant(name, known), strings.Join(known, ", "))
		}
		return "", 0, false
	}
	days, ok := daysSettings[rule], true
	for _, key := range slices.Sorted(maps.Keys(table)) {
		at := append(slices.Clone(keys), key)
		if key != "days" {
			r.fail(at, "unknown key %q in rules.%s%s; known here: days", key, name, meant(key, []string{"days"}))
			ok = false
			continue
		}
		number, isNumber := table[key].(int64)
		if !isNumber || number < 0 || number > 3650 {
			r.fail(at, "rules.%s.days must be a whole number from 0 to 3650", name)
			ok = false
		}
		days = int(number)
	}
	return rule, days, ok
}

func (r *reader) overrides(written []fileOverride, p *Policy) {
	for i, w := range written {
		keys := []any{"override", i}
		o := Override{Paths: r.patterns(w.Paths, "override", i, "paths"), Packages: slices.Clone(w.Packages)}
		o.Line, _ = r.doc.Place(keys...)
		for j, pattern := range w.Packages {
			o.Packages[j] = r.packagePattern([]any{"override", i, "packages", j}, pattern)
		}
		if len(o.Paths)+len(o.Packages) == 0 {
			r.fail(keys, "an override without paths and packages would hold everywhere; name some, or write its rules under [rules]")
		}
		if len(w.Rules) == 0 {
			r.fail(keys, `an override without rules changes nothing; add rules = { build-code-changed = "warn" } or remove it`)
		}
		for _, name := range slices.Sorted(maps.Keys(w.Rules)) {
			if rule, level, ok := r.level([]any{"override", i, "rules", name}, name, w.Rules[name]); ok {
				set(&o.Rules, rule, level)
			}
		}
		p.Overrides = append(p.Overrides, o)
	}
}

// registries reads `[registries.NAME] unknown = "level"`. Which names there are is
// configured with the server, which the policy cannot see.
func (r *reader) registries(written map[string]fileRegistry, p *Policy) {
	for _, name := range slices.Sorted(maps.Keys(written)) {
		if written[name].Unknown == nil {
			r.fail([]any{"registries", name}, `registries.%s says nothing; add unknown = "warn" or remove it`, name)
			continue
		}
		word := *written[name].Unknown
		keys := []any{"registries", name, "unknown"}
		levels := []string{string(SignOffLevel), string(BlockLevel), string(WarnLevel)}
		switch {
		case word == string(OffLevel):
			// Promise 3.
			r.fail(keys, `registries.%s.unknown cannot be off, for what is not known must at least be shown; use "warn"`, name)
		case !slices.Contains(levels, word):
			r.fail(keys, `registries.%s.unknown: %q is no level%s; use "sign-off", "block" or "warn"`, name, word, meant(word, levels))
		default:
			if p.Registries == nil {
				p.Registries = make(map[string]Level)
			}
			p.Registries[name] = Level(word)
		}
	}
}

var pypiRun = regexp.MustCompile(`[-_.]+`)

// packagePattern reads "cargo/windows-*". Names of PyPI become canonical
// (PEP 503), since those of findings are.
func (r *reader) packagePattern(keys []any, pattern string) string {
	ecosystem, name, found := strings.Cut(pattern, "/")
	err := checkPattern(pattern)
	if err == nil && (!found || strings.Contains(name, "/") || name == "**") {
		err = errors.New(`want "cargo/NAME" or "pypi/NAME", where * stands for any characters`)
	}
	if err == nil && ecosystem != string(lockkeeper.Cargo) && ecosystem != string(lockkeeper.PyPI) {
		err = fmt.Errorf(`unknown ecosystem %q%s; use "cargo" or "pypi"`, ecosystem, meant(ecosystem, []string{string(lockkeeper.Cargo), string(lockkeeper.PyPI)}))
	}
	if err != nil {
		r.fail(keys, "%q: %w", pattern, err)
		return pattern
	}
	if ecosystem == string(lockkeeper.PyPI) {
		return ecosystem + "/" + strings.ToLower(pypiRun.ReplaceAllString(name, "-"))
	}
	return pattern
}

func ruleNames() []string {
	var names []string
	for _, rule := range Rules() {
		names = append(names, string(rule))
	}
	return names
}

// meant is ", did you mean X?", where one of the known words is close.
func meant(word string, known []string) string {
	if close := strict.Closest(word, known); close != "" {
		return fmt.Sprintf(", did you mean %q?", close)
	}
	return ""
}
