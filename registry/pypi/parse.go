package pypi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
)

// project is a registry.Project and what Publications needs beside it.
type project struct {
	registry.Project
	// spelled is how the index spells the version of a file in the address of its
	// provenance, by file name.
	spelled map[string]string
}

func (p *project) spelling(a registry.Artifact) string {
	if v, ok := p.spelled[a.Filename]; ok {
		return v
	}
	return a.Package.Version
}

// simplePage is a project's page of the Simple API (PEP 691).
type simplePage struct {
	Meta struct {
		APIVersion string `json:"api-version"`
	} `json:"meta"`
	Name   string `json:"name"`
	Status struct {
		Status string `json:"status"`
	} `json:"project-status"` // PEP 792
	Files *[]simpleFile `json:"files"`
}

type simpleFile struct {
	Filename string            `json:"filename"`
	URL      string            `json:"url"`
	Hashes   map[string]string `json:"hashes"`
	Size     int64             `json:"size"`        // PEP 700
	Uploaded string            `json:"upload-time"` // PEP 700
	Yanked   any               `json:"yanked"`      // false, true or a reason
	Requires *string           `json:"requires-python"`
	// Provenance is an address, null or absent (PEP 740).
	Provenance string `json:"provenance"`
}

// parsePage reads a page that was asked for under base, in either of its two forms.
// They cannot be taken for one another, whatever the index says that it sends.
func parsePage(name string, base *url.URL, data []byte) (*project, error) {
	if strings.HasPrefix(strings.TrimLeft(string(data[:min(len(data), 1024)]), "\ufeff \t\r\n"), "<") {
		return parseHTML(name, base, data)
	}
	return parseSimple(name, base, data)
}

// parseSimple reads a page in JSON (PEP 691).
func parseSimple(name string, base *url.URL, data []byte) (*project, error) {
	var page simplePage
	if err := json.Unmarshal(data, &page); err != nil {
		return nil, err
	}
	if major, _, _ := strings.Cut(page.Meta.APIVersion, "."); major != "1" && major != "" {
		return nil, fmt.Errorf("api-version %.40q: only 1 is known", page.Meta.APIVersion)
	}
	if NormalName(page.Name) != name {
		return nil, fmt.Errorf("name %.80q is not the project that was asked for", page.Name)
	}
	if page.Files == nil {
		return nil, errors.New(`"files" is missing`)
	}
	return page.project(name, base)
}

// project groups the files of a page into releases.
func (page *simplePage) project(name string, base *url.URL) (*project, error) {
	p := &project{spelled: map[string]string{}}
	p.Ecosystem, p.Name = lockkeeper.PyPI, name
	p.Quarantined = page.Status.Status == "quarantined"
	releases := map[string]*registry.Release{}
	var order []*registry.Release
	seen := map[string]bool{}
	for _, f := range *page.Files {
		if seen[f.Filename] {
			return nil, fmt.Errorf("file %.200q stands twice", f.Filename)
		}
		seen[f.Filename] = true
		kind, version, ok := parseFilename(name, f.Filename)
		if !ok {
			p.Skipped = append(p.Skipped, f.Filename)
			continue
		}
		key := registry.VersionKey(lockkeeper.PyPI, version)
		r := releases[key]
		if r == nil {
			r = &registry.Release{Package: lockkeeper.Package{Ecosystem: lockkeeper.PyPI, Name: name, Version: version}}
			releases[key] = r
			order = append(order, r)
		}
		a, err := artifact(f, base)
		if err != nil {
			return nil, fmt.Errorf("file %.200q: %w", f.Filename, err)
		}
		a.Kind, a.Package = kind, r.Package
		r.Artifacts = append(r.Artifacts, a)
		if v, ok := announcedVersion(f, key); ok {
			p.spelled[f.Filename] = v
		}
	}
	for _, r := range order {
		summarise(r)
		p.Releases = append(p.Releases, *r)
	}
	slices.SortStableFunc(p.Releases, func(a, b registry.Release) int { return a.Published.Compare(b.Published) })
	return p, nil
}

// summarise says of a release what its files say together: published with the
// first of them, yanked if all are.
func summarise(r *registry.Release) {
	r.Yanked = true
	for _, a := range r.Artifacts {
		r.Yanked = r.Yanked && a.Yanked
		if !a.Uploaded.IsZero() && (r.Published.IsZero() || a.Uploaded.Before(r.Published)) {
			r.Published = a.Uploaded
		}
	}
}

func artifact(f simpleFile, base *url.URL) (registry.Artifact, error) {
	a := registry.Artifact{Filename: f.Filename, Size: f.Size, Attested: f.Provenance != ""}
	address, err := base.Parse(f.URL)
	if err != nil {
		return a, err
	}
	address.Fragment = ""
	a.URL = address.String()
	if sum, ok := f.Hashes["sha256"]; ok {
		if a.Digest, err = lockkeeper.ParseDigest(sum); err != nil {
			return a, err
		}
	}
	if f.Size < 0 {
		return a, fmt.Errorf("size %d", f.Size)
	}
	if f.Uploaded != "" {
		if a.Uploaded, err = time.Parse(time.RFC3339, f.Uploaded); err != nil {
			return a, fmt.Errorf("upload-time: %w", err)
		}
		a.Uploaded = a.Uploaded.UTC()
	}
	if f.Requires != nil {
		a.RequiresPython = *f.Requires
	}
	switch y := f.Yanked.(type) {
	case nil:
	case bool:
		a.Yanked = y
	case string:
		a.Yanked = true // a reason, even an empty one (PEP 592)
	default:
		return a, fmt.Errorf("yanked: want true, false or a reason")
	}
	return a, nil
}

// announcedVersion takes from the address of a file's provenance how the index
// spells its version, and nothing else: the address itself is not used.
func announcedVersion(f simpleFile, key string) (string, bool) {
	u, err := url.Parse(f.Provenance)
	if err != nil {
		return "", false
	}
	parts := strings.Split(u.Path, "/")
	if n := len(parts); n >= 4 && parts[n-1] == "provenance" && parts[n-2] == f.Filename &&
		registry.VersionKey(lockkeeper.PyPI, parts[n-3]) == key {
		return parts[n-3], true
	}
	return "", false
}

// parseFilename tells kind and version of a project's file. Wheels follow
// PEP 427 (NAME-VERSION[-BUILD]-TAG-TAG-TAG.whl); an sdist is NAME-VERSION with
// an extension that pip accepts, where the name may be spelled in any way that
// PEP 503 takes for the same and may hold dashes. The version is in PEP 440's
// normal form where it is such a version, otherwise as written. Anything else,
// eggs and installers included, is not ok; no installer takes those from an
// index today.
func parseFilename(name, filename string) (kind registry.Kind, version string, ok bool) {
	if len(filename) > 512 || strings.ContainsAny(filename, "/\\") || strings.ContainsFunc(filename, unprintable) {
		return "", "", false
	}
	if stem, isWheel := strings.CutSuffix(filename, ".whl"); isWheel {
		parts := strings.Split(stem, "-")
		if (len(parts) != 5 && len(parts) != 6) || NormalName(parts[0]) != name || parts[1] == "" {
			return "", "", false
		}
		return registry.Wheel, fileVersion(parts[1]), true
	}
	for _, ext := range []string{".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar"} {
		stem, isSdist := strings.CutSuffix(filename, ext)
		if !isSdist {
			continue
		}
		for i := range len(stem) {
			if stem[i] == '-' && i+1 < len(stem) && NormalName(stem[:i]) == name {
				return registry.Sdist, fileVersion(stem[i+1:]), true
			}
		}
		return "", "", false
	}
	return "", "", false
}

func unprintable(r rune) bool { return r <= ' ' || r == 0x7f || r == '\uFFFD' }

// fileVersion undoes the escaping of PEP 427, in which "-" becomes "_".
func fileVersion(s string) string {
	for _, spelling := range []string{s, strings.ReplaceAll(s, "_", "-")} {
		if v, ok := registry.NormalVersion(spelling); ok {
			return v
		}
	}
	return s
}
