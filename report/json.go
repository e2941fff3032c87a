package report

import (
	"encoding/json"
	"io"
	"time"

	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/scan"
)

// Schema is the version of the JSON form. Fields are only ever added within one
// version.
const Schema = 1

type jsonReport struct {
	Schema     int               `json:"schema"`
	Base       string            `json:"base"`
	Head       string            `json:"head"`
	Conclusion policy.Conclusion `json:"conclusion"`
	Title      string            `json:"title"`
	Lockfiles  []jsonLockfile    `json:"lockfiles"`
	Changes    []jsonChange      `json:"changes"`
	Findings   []jsonFinding     `json:"findings"`
	Notes      []string          `json:"notes"`
}

type jsonLockfile struct {
	Path     string `json:"path"`
	Replaces string `json:"replaces,omitempty"`
	Format   string `json:"format"`
	Version  string `json:"version,omitempty"`
	Added    int    `json:"added"`
	Updated  int    `json:"updated"`
	Moved    int    `json:"moved"`
	Altered  int    `json:"altered"`
	Removed  int    `json:"removed"`
}

type jsonChange struct {
	Lockfile  string `json:"lockfile"`
	Line      int    `json:"line,omitempty"`
	Kind      string `json:"kind"`
	Package   string `json:"package"` // package URL without a version
	From      string `json:"from,omitempty"`
	To        string `json:"to,omitempty"`
	Note      string `json:"note,omitempty"`
	Publisher string `json:"publisher,omitempty"`
	// Who published the new version, beside those who published the ones below it.
	Published *jsonPublished `json:"published,omitempty"`
	Through   []string       `json:"through,omitempty"`
	PURL      string         `json:"purl"` // whole package URL, with where it comes from if not from the public registry
}

type jsonPublished struct {
	By          string     `json:"by"` // as the allowlist writes it, or "unknown"
	Login       string     `json:"login,omitempty"`
	Environment string     `json:"environment,omitempty"`
	Basis       scan.Basis `json:"basis,omitempty"`   // "registry" states it, or "attestations" were verified
	Unknown     string     `json:"unknown,omitempty"` // why By is unknown
	Compared    int        `json:"compared"`          // releases below it that were asked about
	Whole       bool       `json:"whole"`             // these are all
	Same        int        `json:"same"`              // of those, how many in a row just below it are by the same
	Earlier     int        `json:"earlier"`           // and how many in all
	Before      string     `json:"before,omitempty"`  // who published the nearest other ones
	BeforeLogin string     `json:"before_login,omitempty"`
	Others      int        `json:"others,omitempty"` // how many of them in a row
	At          time.Time  `json:"at,omitzero"`      // when this release was published
	Since       time.Time  `json:"since,omitzero"`   // and the first in a row by the same
	Text        string     `json:"text"`             // all that in words
}

type jsonFinding struct {
	Rule       policy.Rule  `json:"rule"`
	Level      policy.Level `json:"level"`
	State      policy.State `json:"state"`
	Package    string       `json:"package,omitempty"`
	From       string       `json:"from,omitempty"`
	Lockfile   string       `json:"lockfile"`
	Line       int          `json:"line,omitempty"`
	Message    string       `json:"message"`
	Evidence   []string     `json:"evidence,omitempty"`
	Digest     string       `json:"digest"`
	Artifact   string       `json:"artifact,omitempty"`
	Publisher  string       `json:"publisher,omitempty"`
	Why        []string     `json:"why"`
	AdmittedBy *jsonEntry   `json:"admitted_by"`
	AskedWith  string       `json:"asked_with,omitempty"`
	SignedBy   []string     `json:"signed_off_by,omitempty"`
	BuildCode  *jsonCode    `json:"build_code,omitempty"`
}

type jsonEntry struct {
	Package string `json:"package"`
	Line    int    `json:"line,omitempty"`
}

type jsonCode struct {
	Kinds        []buildcode.Kind       `json:"kinds"`
	Digest       string                 `json:"digest"`
	Files        []string               `json:"files"`
	Capabilities []buildcode.Capability `json:"capabilities"`
	Gained       []buildcode.Capability `json:"gained"`
	Uses         []buildcode.Use        `json:"uses"`
	Inserted     int                    `json:"lines_inserted"`
	Deleted      int                    `json:"lines_deleted"`
}

// JSON writes the stable form for programs, one object and a newline. Strings are
// as they were found: whoever shows them must make them inert.
func JSON(w io.Writer, r *Report) error {
	out := jsonReport{
		Schema: Schema, Base: r.Scan.Base, Head: r.Scan.Head, Conclusion: r.Decision.Conclusion, Title: r.Title(),
		Lockfiles: []jsonLockfile{}, Changes: []jsonChange{}, Findings: []jsonFinding{}, Notes: orEmpty(r.Decision.Notes),
	}
	for _, l := range r.Scan.Lockfiles {
		out.Lockfiles = append(out.Lockfiles, jsonLockfile{
			Path: l.Path, Replaces: l.Replaces, Format: string(l.Format), Version: l.Version,
			Added: l.Added, Updated: l.Updated, Moved: l.Moved, Altered: l.Altered, Removed: l.Removed,
		})
	}
	for _, c := range r.Scan.Changes {
		bare, to := c.Package, c.Package.Version
		bare.Version = ""
		if c.Kind == "removed" {
			to = ""
		}
		out.Changes = append(out.Changes, jsonChange{
			Lockfile: c.Lockfile, Line: c.Line, Kind: string(c.Kind), Package: bare.String(), From: c.From, To: to,
			Note: c.Note, Publisher: c.Publisher, Published: publishedJSON(c.Published), Through: c.Through, PURL: c.PURL,
		})
	}
	for _, o := range r.Decision.Outcomes {
		out.Findings = append(out.Findings, findingJSON(o))
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}

func publishedJSON(p scan.Published) *jsonPublished {
	if !p.Asked() {
		return nil
	}
	out := &jsonPublished{
		By: p.By.String(), Login: p.By.Login, Environment: p.Environment, Basis: p.Basis, Unknown: p.Unknown, Compared: p.Compared, Whole: p.Whole,
		Same: p.Same, Earlier: p.Earlier, Others: p.Others, At: p.At.UTC(), Since: p.Since.UTC(), Text: publishedLine(p),
	}
	if p.Others > 0 {
		out.Before, out.BeforeLogin = p.Before.String(), p.Before.Login
	}
	return out
}

func findingJSON(o policy.Outcome) jsonFinding {
	f := o.Finding
	out := jsonFinding{
		Rule: f.Rule, Level: o.Level, State: o.State, From: f.From, Lockfile: f.Lockfile, Line: f.Line,
		Message: f.Message, Evidence: f.Evidence, Digest: string(o.Digest), Artifact: string(f.Artifact), Why: orEmpty(o.Why),
	}
	if f.Package.Name != "" {
		out.Package = f.Package.String()
	}
	if f.Publisher.Known() {
		out.Publisher = f.Publisher.String()
	}
	if o.Entry != nil {
		out.AdmittedBy = &jsonEntry{Package: o.Entry.Package, Line: o.Entry.Line}
	}
	if o.With != nil {
		out.AskedWith = o.With.Package.String()
	}
	for _, s := range o.SignedBy {
		out.SignedBy = append(out.SignedBy, s.Login)
	}
	if c := f.Code; c != nil && len(c.Kinds) > 0 {
		out.BuildCode = &jsonCode{
			Kinds: c.Kinds, Digest: string(c.Digest), Files: orEmpty(c.Files), Capabilities: orEmpty(c.Capabilities),
			Gained: orEmpty(c.Gained), Uses: orEmpty(c.Uses), Inserted: c.Inserted, Deleted: c.Deleted,
		}
	}
	return out
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
