package registrytest

import (
	"bytes"
	"fmt"
	"html"
	"net/http"
	"path"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

// Manner is how a server differs from the public registries.
type Manner struct {
	// Authorization is the header that every request must bring. Others are answered
	// 401. Default: none.
	Authorization string `toml:"authorization"`
	// HTML: pages of the Simple API in HTML alone (PEP 503), which tells neither
	// upload times nor sizes.
	HTML bool `toml:"html"`
	// Bare: the API of crates knows neither versions nor owners, and pages in HTML
	// have no digests.
	Bare bool `toml:"bare"`
	// Download is "dl" of the index's config.json; a path is one on this server, such
	// as "/api/v1/crates", where crates.io's own leads. Default: Static, with markers.
	Download string `toml:"dl"`
}

// SetManner changes how the server answers from now on.
func (s *Server) SetManner(m Manner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.manner = m
}

func (s *Server) mannered() Manner {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.manner
}

// Private returns the server of the private registry of that name, which the text
// began with files below "private/NAME/", or a new and empty one. It listens as soon
// as s was started, under an address of its own.
func (s *Server) Private(name string) *Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.private[name] == nil {
		s.private[name] = New()
	}
	return s.private[name]
}

// loadPrivate takes the files of private registries out of a text.
func (s *Server) loadPrivate(files []txtar.File) ([]txtar.File, error) {
	var own []txtar.File
	texts := map[string]*txtar.Archive{}
	for _, f := range files {
		parts := strings.SplitN(f.Name, "/", 3)
		if parts[0] != "private" || len(parts) < 3 {
			own = append(own, f)
			continue
		}
		if texts[parts[1]] == nil {
			texts[parts[1]] = &txtar.Archive{}
		}
		texts[parts[1]].Files = append(texts[parts[1]].Files, txtar.File{Name: parts[2], Data: f.Data})
	}
	for name, text := range texts {
		if err := s.Private(name).LoadText(txtar.Format(text)); err != nil {
			return nil, fmt.Errorf("private/%s: %w", name, err)
		}
	}
	return own, nil
}

// Simple is the base URL of the pages of the Simple API.
func (s *Server) Simple() string { return s.PyPI() + "/simple" }

// serveConfig is config.json of the index.
func (s *Server) serveConfig(w http.ResponseWriter, r *http.Request) {
	m := s.mannered()
	dl := m.Download
	switch {
	case dl == "":
		dl = s.Static() + "/crates/{crate}/{crate}-{version}.crate"
	case strings.HasPrefix(dl, "/"):
		dl = s.url + dl
	}
	writeJSON(w, r, "application/json", map[string]any{"dl": dl, "api": s.url, "auth-required": m.Authorization != ""})
}

// serveDownload is where crates.io's own "dl" leads.
func (s *Server) serveDownload(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	c := s.crate(r.PathValue("name"), r.PathValue("version"))
	s.mu.Unlock()
	if c == nil {
		http.NotFound(w, r)
		return
	}
	content(w, r, "application/gzip", c.Data)
}

// serveSimpleHTML needs s.mu.
func (s *Server) serveSimpleHTML(w http.ResponseWriter, r *http.Request, name string) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<!DOCTYPE html>\n<html><head><meta name=\"pypi:repository-version\" content=\"1.0\"><title>Links for %[1]s</title></head>\n<body><h1>Links for %[1]s</h1>\n", html.EscapeString(name))
	for _, f := range s.sorted(name) {
		address := s.fileURL(f)
		if !s.manner.Bare {
			address += "#sha256=" + f.digest
		}
		attributes := ""
		if f.RequiresPython != "" {
			attributes += ` data-requires-python="` + html.EscapeString(f.RequiresPython) + `"`
		}
		if f.Yanked {
			attributes += ` data-yanked=""`
		}
		fmt.Fprintf(&b, "<a href=\"%s\"%s>%s</a><br>\n", html.EscapeString(address), attributes, html.EscapeString(path.Base(f.Filename)))
	}
	b.WriteString("</body></html>\n")
	content(w, r, "text/html", b.Bytes())
}
