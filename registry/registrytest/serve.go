package registrytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/pypi"
)

// perPage is how many versions a page of the API holds at most.
const perPage = 100

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("GET /index/config.json", s.serveConfig)
	s.mux.HandleFunc("GET /index/{path...}", s.serveIndex)
	s.mux.HandleFunc("GET /api/v1/crates/{name}/{version}/download", s.serveDownload)
	s.mux.HandleFunc("GET /static/crates/{name}/{file}", s.serveCrate)
	s.mux.HandleFunc("GET /static/", forbidden)
	s.mux.HandleFunc("GET /api/v1/crates/{name}/versions", s.serveVersions)
	s.mux.HandleFunc("GET /api/v1/crates/{name}/owners", s.serveCrateOwners)
	s.mux.HandleFunc("GET /python/simple/{name}/{$}", s.serveSimple)
	s.mux.HandleFunc("GET /python/pypi/{name}/json", s.serveProject)
	s.mux.HandleFunc("GET /python/pypi/{name}/{version}/json", s.serveRelease)
	s.mux.HandleFunc("GET /python/integrity/{name}/{version}/{file}/provenance", s.serveProvenance)
	s.mux.HandleFunc("GET /files/mirror/{file}", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		kept := s.mirror
		s.mu.Unlock()
		if !kept.serve(w, r, kept.pypi, r.PathValue("file")) {
			http.NotFound(w, r)
		}
	})
	s.mux.HandleFunc("GET /files/packages/{a}/{b}/{rest}/{file}", s.serveFile)
}

// forbidden is what crates.io's static host answers for what it does not have.
func forbidden(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "<Error><Code>AccessDenied</Code></Error>", http.StatusForbidden)
}

type indexLine struct {
	Name     string              `json:"name"`
	Version  string              `json:"vers"`
	Deps     []indexDep          `json:"deps"`
	Checksum string              `json:"cksum"`
	Features map[string][]string `json:"features"`
	Yanked   bool                `json:"yanked"`
	PubTime  string              `json:"pubtime,omitempty"`
	V        int                 `json:"v,omitempty"`
}

type indexDep struct {
	Name            string   `json:"name"`
	Req             string   `json:"req"`
	Features        []string `json:"features"`
	Optional        bool     `json:"optional"`
	DefaultFeatures bool     `json:"default_features"`
	Target          *string  `json:"target"`
	Kind            string   `json:"kind"`
	Package         string   `json:"package,omitempty"`
}

func newIndexDep(alias, name, kind string, optional bool) indexDep {
	d := indexDep{Name: alias, Req: "*", Features: []string{}, Optional: optional, DefaultFeatures: true, Kind: kind}
	if name != alias {
		d.Package = name
	}
	return d
}

func (s *Server) serveIndex(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.PathValue("path"), "/")
	name := parts[len(parts)-1]
	s.mu.Lock()
	var b bytes.Buffer
	for _, c := range s.crates[name] {
		line := indexLine{
			Name: c.Name, Version: c.Version, Deps: append([]indexDep{}, c.deps...), Checksum: c.digest,
			Features: map[string][]string{}, Yanked: c.Yanked, PubTime: stamp(c.Published), V: c.Format,
		}
		data, err := json.Marshal(line)
		if err != nil {
			panic(err) // strings and numbers alone
		}
		b.Write(append(data, '\n'))
	}
	if b.Len() == 0 {
		b.Write(s.mirror.index[name])
	}
	s.mu.Unlock()
	if b.Len() == 0 || r.PathValue("path") != shard(name) {
		http.NotFound(w, r)
		return
	}
	content(w, r, "text/plain", b.Bytes())
}

// shard is written apart from the client's own, so that the two check each other.
func shard(name string) string {
	if len(name) <= 2 {
		return strconv.Itoa(len(name)) + "/" + name
	}
	if len(name) == 3 {
		return "3/" + string(name[0]) + "/" + name
	}
	return name[0:2] + "/" + name[2:4] + "/" + name
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// content serves with ETag, If-None-Match and Range.
func content(w http.ResponseWriter, r *http.Request, mediaType string, data []byte) {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("ETag", `"`+hexSum(data)[:32]+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

func (s *Server) serveCrate(w http.ResponseWriter, r *http.Request) {
	name, file := r.PathValue("name"), r.PathValue("file")
	// The static host knows a "+" only when it is escaped.
	if strings.Contains(r.URL.EscapedPath(), "+") {
		forbidden(w, r)
		return
	}
	version := strings.TrimSuffix(strings.TrimPrefix(file, name+"-"), ".crate")
	s.mu.Lock()
	c, kept := s.crate(name, version), s.mirror
	s.mu.Unlock()
	if c == nil && kept.serve(w, r, kept.crates, file) {
		return
	}
	if c == nil || file != c.Name+"-"+c.Version+".crate" {
		forbidden(w, r)
		return
	}
	content(w, r, "application/gzip", c.Data)
}

// contact is what the API looks for in a User-Agent.
var contact = regexp.MustCompile(`\(.*[@.:].*\)`)

// known reports whether the API may answer about a crate; else it has answered.
func known(w http.ResponseWriter, r *http.Request, found bool) bool {
	switch {
	case !contact.MatchString(r.UserAgent()):
		http.Error(w, "We require that all requests include a User-Agent header with a contact.", http.StatusForbidden)
		return false
	case !found:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintln(w, `{"errors":[{"detail":"crate does not exist"}]}`)
	}
	return found
}

func (s *Server) serveVersions(w http.ResponseWriter, r *http.Request) {
	if s.mannered().Bare {
		http.NotFound(w, r)
		return
	}
	s.mu.Lock()
	name := strings.ToLower(r.PathValue("name"))
	all := []any{}
	for i, c := range s.crates[name] {
		all = append(all, apiVersion(len(s.crates[name])-1-i, c))
	}
	slices.Reverse(all) // newest first
	if len(all) == 0 {
		all = s.mirror.versions(name)
	}
	s.mu.Unlock()
	if !known(w, r, len(all) > 0) {
		return
	}
	start, _ := strconv.Atoi(r.URL.Query().Get("seek"))
	end := min(start+perPage, len(all))
	versions := all[min(max(start, 0), end):end]
	meta := map[string]any{"total": len(all), "next_page": nil}
	if end < len(all) {
		meta["next_page"] = fmt.Sprintf("?per_page=%d&seek=%d", perPage, end)
	}
	writeJSON(w, r, "application/json", map[string]any{"versions": versions, "meta": meta})
}

func apiVersion(id int, c *Crate) map[string]any {
	v := map[string]any{
		"id": id + 1, "crate": c.Name, "num": c.Version, "created_at": c.Published.UTC().Format("2006-01-02T15:04:05.000000Z"),
		"yanked": c.Yanked, "checksum": c.digest, "crate_size": len(c.Data), "audit_actions": []any{},
		"published_by": nil, "trustpub_data": nil,
	}
	switch p := c.Publisher; p.Kind {
	case lockkeeper.User:
		id, _ := strconv.Atoi(p.ID)
		user := map[string]any{"id": id, "login": p.Login, "name": nil}
		v["published_by"] = user
		v["audit_actions"] = []any{map[string]any{"action": "publish", "user": user, "time": v["created_at"]}}
	case lockkeeper.GitHubRepo:
		v["trustpub_data"] = map[string]any{"provider": "github", "repository": p.ID, "run_id": "1", "sha": "0"}
	case lockkeeper.GitLabPath:
		v["trustpub_data"] = map[string]any{"provider": "gitlab", "project_path": p.ID, "job_id": "1", "sha": "0"}
	}
	return v
}

func writeJSON(w http.ResponseWriter, r *http.Request, mediaType string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // made of strings, numbers and maps alone
	}
	content(w, r, mediaType, data)
}

func (s *Server) serveSimple(w http.ResponseWriter, r *http.Request) {
	const mediaType = "application/vnd.pypi.simple.v1+json"
	if !strings.Contains(r.Header.Get("Accept"), mediaType) && !s.mannered().HTML {
		http.Error(w, "only JSON is served here", http.StatusNotAcceptable)
		return
	}
	name := r.PathValue("name")
	s.mu.Lock()
	defer s.mu.Unlock()
	status := s.status[name]
	if len(s.files[name]) == 0 && status == "" {
		if page, ok := s.mirror.page(name, s.Files()); ok {
			writeJSON(w, r, mediaType, page)
			return
		}
		http.NotFound(w, r)
		return
	}
	if s.manner.HTML {
		s.serveSimpleHTML(w, r, name)
		return
	}
	files := []any{}
	for _, f := range s.sorted(name) {
		if status == "quarantined" {
			break // the registry withholds them
		}
		file := map[string]any{
			"filename": f.Filename, "url": s.fileURL(f), "hashes": map[string]string{"sha256": f.digest},
			"size": len(f.Data), "yanked": f.Yanked, "core-metadata": false, "provenance": nil,
		}
		if f.RequiresPython != "" {
			file["requires-python"] = f.RequiresPython
		}
		if !f.Published.IsZero() {
			file["upload-time"] = f.Published.UTC().Format("2006-01-02T15:04:05.000000Z")
		}
		if f.Publisher.Known() {
			file["provenance"] = s.PyPI() + "/integrity/" + name + "/" + url.PathEscape(f.Version) + "/" + f.Filename + "/provenance"
		}
		files = append(files, file)
	}
	writeJSON(w, r, mediaType, map[string]any{
		"meta": map[string]any{"api-version": "1.4", "_last-serial": 1}, "name": name, "files": files,
		"project-status": map[string]string{"status": orActive(status)},
	})
}

func orActive(status string) string {
	if status == "" {
		return "active"
	}
	return status
}

// sorted needs s.mu. PyPI lists files by version and name; by name is near
// enough, and in no case the order of upload.
func (s *Server) sorted(name string) []*File {
	return slices.SortedFunc(slices.Values(s.files[name]), func(a, b *File) int { return strings.Compare(a.Filename, b.Filename) })
}

func (s *Server) serveRelease(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	key := registry.VersionKey(lockkeeper.PyPI, r.PathValue("version"))
	s.mu.Lock()
	defer s.mu.Unlock()
	urls := []any{}
	for _, f := range s.sorted(pypi.NormalName(name)) {
		if registry.VersionKey(lockkeeper.PyPI, f.Version) != key {
			continue
		}
		kind := "sdist"
		if strings.HasSuffix(f.Filename, ".whl") {
			kind = "bdist_wheel"
		}
		urls = append(urls, map[string]any{
			"filename": f.Filename, "url": s.fileURL(f), "packagetype": kind, "size": len(f.Data), "yanked": f.Yanked,
			"digests": map[string]string{"sha256": f.digest}, "upload_time_iso_8601": stamp(f.Published),
		})
	}
	if len(urls) == 0 || s.status[pypi.NormalName(name)] == "quarantined" {
		http.NotFound(w, r)
		return
	}
	writeJSON(w, r, "application/json", map[string]any{
		"info": map[string]any{"name": name, "version": r.PathValue("version")}, "urls": urls,
	})
}

func (s *Server) serveProvenance(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	f := s.file(r.PathValue("file"))
	s.mu.Unlock()
	if f == nil || f.provenance == nil || f.Version != r.PathValue("version") {
		http.NotFound(w, r)
		return
	}
	content(w, r, "application/vnd.pypi.integrity.v1+json", f.provenance)
}

func (s *Server) serveFile(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	f := s.file(r.PathValue("file"))
	s.mu.Unlock()
	if f == nil || r.PathValue("a")+r.PathValue("b")+r.PathValue("rest") != f.digest {
		http.NotFound(w, r)
		return
	}
	content(w, r, "application/octet-stream", f.Data)
}
