package cratesio

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
)

// indexEntry is one line of an index file (Cargo book, "Registry Index: JSON
// schema"); what Lockkeeper has no use for is left out.
type indexEntry struct {
	Name     string     `json:"name"`
	Version  string     `json:"vers"`
	Deps     []indexDep `json:"deps"`
	Checksum string     `json:"cksum"`
	Yanked   *bool      `json:"yanked"`
	PubTime  string     `json:"pubtime"`
}

type indexDep struct {
	Name     string  `json:"name"`
	Optional bool    `json:"optional"`
	Kind     *string `json:"kind"`    // null means normal
	Package  *string `json:"package"` // the real name where Name is a rename
	Registry *string `json:"registry"`
}

// semverText is the alphabet of a version; it goes into a URL.
var semverText = regexp.MustCompile(`^[0-9A-Za-z.+-]{1,200}$`)

// parseIndex reads an index file. URLs and file names are not set.
func parseIndex(name string, data []byte) (*registry.Project, error) {
	p := &registry.Project{Ecosystem: lockkeeper.Cargo, Name: name}
	seen := map[string]bool{}
	number := 0
	for line := range bytes.Lines(data) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		// The format's version alone first: nothing else is promised to stay.
		var format struct {
			V *uint32 `json:"v"`
		}
		if err := json.Unmarshal(line, &format); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if format.V != nil && *format.V > 2 {
			p.Skipped = append(p.Skipped, fmt.Sprintf("line %d: index format %d", number, *format.V))
			continue
		}
		r, err := parseEntry(name, line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if seen[r.Package.Version] {
			return nil, fmt.Errorf("line %d: version %s stands twice", number, r.Package.Version)
		}
		seen[r.Package.Version] = true
		p.Name = r.Package.Name
		p.Releases = append(p.Releases, *r)
	}
	if len(p.Releases)+len(p.Skipped) == 0 {
		return nil, errors.New("the file is empty")
	}
	return p, nil
}

func parseEntry(name string, line []byte) (*registry.Release, error) {
	var e indexEntry
	if err := json.Unmarshal(line, &e); err != nil {
		return nil, err
	}
	// checkName as well: EqualFold knows letters beyond ASCII.
	if !strings.EqualFold(e.Name, name) || checkName(e.Name) != nil {
		return nil, fmt.Errorf("name %.80q is not the crate that was asked for", e.Name)
	}
	if !semverText.MatchString(e.Version) {
		return nil, fmt.Errorf("version %.80q", e.Version)
	}
	if e.Yanked == nil {
		return nil, errors.New(`"yanked" is missing`)
	}
	digest, err := lockkeeper.ParseDigest(e.Checksum)
	if err != nil {
		return nil, fmt.Errorf("cksum: %w", err)
	}
	r := &registry.Release{
		Package: lockkeeper.Package{Ecosystem: lockkeeper.Cargo, Name: e.Name, Version: e.Version},
		Yanked:  *e.Yanked,
	}
	if e.PubTime != "" {
		if r.Published, err = time.Parse(time.RFC3339, e.PubTime); err != nil {
			return nil, fmt.Errorf("pubtime: %w", err)
		}
		r.Published = r.Published.UTC()
	}
	for _, d := range e.Deps {
		dep, err := parseDep(d)
		if err != nil {
			return nil, fmt.Errorf("version %s: %w", e.Version, err)
		}
		r.Dependencies = append(r.Dependencies, dep)
	}
	r.Artifacts = []registry.Artifact{{
		Package: r.Package, Kind: registry.Crate, Digest: digest, Uploaded: r.Published, Yanked: r.Yanked,
	}}
	return r, nil
}

func parseDep(d indexDep) (registry.Dependency, error) {
	dep := registry.Dependency{Name: d.Name, Kind: registry.Normal, Optional: d.Optional}
	if d.Package != nil {
		dep.Name = *d.Package
	}
	if err := checkName(dep.Name); err != nil {
		return dep, fmt.Errorf("dependency: %w", err)
	}
	if d.Registry != nil {
		dep.Registry = *d.Registry
	}
	if d.Kind != nil {
		dep.Kind = registry.EdgeKind(*d.Kind)
	}
	switch dep.Kind {
	case registry.Normal, registry.Build, registry.Dev:
		return dep, nil
	}
	return dep, fmt.Errorf("dependency %s: kind %.80q", dep.Name, dep.Kind)
}

// apiVersions is a page of GET /crates/NAME/versions.
type apiVersions struct {
	// A pointer: an answer without the key is no page at all.
	Versions *[]apiVersion `json:"versions"`
	Meta     struct {
		NextPage *string `json:"next_page"`
	} `json:"meta"`
}

type apiVersion struct {
	Crate       string    `json:"crate"`
	Num         string    `json:"num"`
	CreatedAt   time.Time `json:"created_at"`
	PublishedBy *apiUser  `json:"published_by"`
	Actions     []struct {
		Action string   `json:"action"`
		User   *apiUser `json:"user"`
	} `json:"audit_actions"`
	TrustPub *struct {
		Provider    string `json:"provider"`
		Repository  string `json:"repository"`
		ProjectPath string `json:"project_path"`
	} `json:"trustpub_data"`
}

type apiUser struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
}

// parseVersions reads a page and gives the query of the next one, empty at the
// end. A page of another crate is an error: its people are not this one's.
func parseVersions(name string, data []byte) ([]registry.Publication, string, error) {
	var page apiVersions
	if err := json.Unmarshal(data, &page); err != nil {
		return nil, "", err
	}
	if page.Versions == nil {
		return nil, "", errors.New(`"versions" is missing`)
	}
	var out []registry.Publication
	for _, v := range *page.Versions {
		if v.Crate != "" && !sameCrate(v.Crate, name) {
			return nil, "", fmt.Errorf("version of the crate %.80q, which is not the one that was asked for", v.Crate)
		}
		if !semverText.MatchString(v.Num) {
			return nil, "", fmt.Errorf("version %.80q", v.Num)
		}
		out = append(out, registry.Publication{
			Version: v.Num, Publisher: publisher(v), Attested: v.TrustPub != nil, Published: v.CreatedAt.UTC(),
		})
	}
	next := ""
	if page.Meta.NextPage != nil {
		next = *page.Meta.NextPage
		// Only ever a query of the address just asked, so that the answer cannot
		// choose another one.
		if !strings.HasPrefix(next, "?") || len(next) > 1000 || strings.ContainsAny(next, "#\\ \t\r\n") {
			return nil, "", fmt.Errorf("next_page %.80q: want a query", next)
		}
	}
	return out, next, nil
}

// sameCrate compares names as crates.io does: without case, and - for _.
func sameCrate(a, b string) bool {
	return strings.EqualFold(strings.ReplaceAll(a, "-", "_"), strings.ReplaceAll(b, "-", "_"))
}

// publisher prefers trusted publishing over users. A provider that is not known
// yet leaves the publisher unknown rather than naming whoever else is mentioned.
func publisher(v apiVersion) lockkeeper.Principal {
	if t := v.TrustPub; t != nil {
		switch {
		case t.Provider == "github" && pathText(t.Repository, 2, 2):
			return lockkeeper.Principal{Kind: lockkeeper.GitHubRepo, ID: t.Repository}
		case t.Provider == "gitlab" && pathText(t.ProjectPath, 2, 32):
			return lockkeeper.Principal{Kind: lockkeeper.GitLabPath, ID: t.ProjectPath}
		}
		return lockkeeper.Principal{}
	}
	user := v.PublishedBy
	for _, a := range v.Actions {
		if user == nil && a.Action == "publish" {
			user = a.User
		}
	}
	if user == nil || user.ID <= 0 {
		return lockkeeper.Principal{}
	}
	return lockkeeper.Principal{
		Kind: lockkeeper.User, ID: strconv.FormatInt(user.ID, 10), Login: user.Login,
	}
}

// pathText reports whether s is a path of low to high plain segments, so that a
// principal never holds spaces or empty parts.
func pathText(s string, low, high int) bool {
	parts := strings.Split(s, "/")
	if len(parts) < low || len(parts) > high || len(s) > 500 {
		return false
	}
	for _, part := range parts {
		if part == "" || strings.Trim(strings.ToLower(part), "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
			return false
		}
	}
	return true
}
