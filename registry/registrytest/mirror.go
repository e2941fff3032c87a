package registrytest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/registry/pypi"
)

// mirror is what LoadMirror found. Metadata is held, archives are files.
type mirror struct {
	index  map[string][]byte // by crate name in lower case
	simple map[string]mirrorPage
	crates map[string]string // paths by file name
	pypi   map[string]string
}

// mirrorPage is a project's page; Files are the objects of its "files".
type mirrorPage struct {
	rest  map[string]json.RawMessage
	files []map[string]json.RawMessage
}

// LoadMirror serves what was fetched from the real registries and is kept in dir:
//
//	index/NAME                  a crate's file of the sparse index, as Cargo got it
//	crates/NAME-VERSION.crate
//	simple/NAME.json            a project's page of the Simple API in JSON (PEP 691)
//	pypi/FILENAME               a wheel or sdist
//
// Each directory may be missing. Metadata is served as it was kept, so that
// releases keep their times and yanks; archives that are listed and not kept are
// answered as missing. Who published is not stated: neither API is kept. A name
// that was also added otherwise is served from there alone.
func (s *Server) LoadMirror(dir string) error {
	m := &mirror{index: map[string][]byte{}, simple: map[string]mirrorPage{}}
	var err error
	if m.crates, err = names(filepath.Join(dir, "crates")); err != nil {
		return err
	}
	if m.pypi, err = names(filepath.Join(dir, "pypi")); err != nil {
		return err
	}
	err = eachFile(filepath.Join(dir, "index"), func(name string, data []byte, _ time.Time) error {
		for line := range bytes.Lines(data) {
			if !json.Valid(line) {
				return errors.New("a line is no JSON")
			}
		}
		m.index[strings.ToLower(name)] = data
		return nil
	})
	if err != nil {
		return err
	}
	err = eachFile(filepath.Join(dir, "simple"), func(name string, data []byte, _ time.Time) error {
		page := mirrorPage{}
		if err := json.Unmarshal(data, &page.rest); err != nil {
			return err
		}
		if err := json.Unmarshal(page.rest["files"], &page.files); err != nil {
			return fmt.Errorf("files: %w", err)
		}
		m.simple[pypi.NormalName(strings.TrimSuffix(name, ".json"))] = page
		return nil
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mirror = m
	return nil
}

// names lists the files of a directory by name, none where there is no directory.
func names(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	found := make(map[string]string, len(entries))
	for _, e := range entries {
		found[e.Name()] = filepath.Join(dir, e.Name())
	}
	return found, nil
}

// serve answers with a kept archive, if it is one of files.
func (m *mirror) serve(w http.ResponseWriter, r *http.Request, files map[string]string, name string) bool {
	path, ok := files[name]
	if ok {
		http.ServeFile(w, r, path)
	}
	return ok
}

// versions are those of the index file, as the API lists them, newest first.
func (m *mirror) versions(name string) []any {
	var all []any
	for line := range bytes.Lines(m.index[name]) {
		var e struct {
			Version string `json:"vers"`
			Yanked  bool   `json:"yanked"`
			Digest  string `json:"cksum"`
			PubTime string `json:"pubtime"`
		}
		if json.Unmarshal(line, &e) != nil {
			continue
		}
		created := e.PubTime
		if created == "" {
			created = time.Time{}.Format(time.RFC3339)
		}
		all = append(all, map[string]any{
			"id": len(all) + 1, "crate": name, "num": e.Version, "created_at": created, "yanked": e.Yanked, "checksum": e.Digest,
			"audit_actions": []any{}, "published_by": nil, "trustpub_data": nil,
		})
	}
	slices.Reverse(all)
	return all
}

// page is a project's page with the addresses of this server. Provenance, which
// is not kept, is not announced.
func (m *mirror) page(name, files string) (map[string]any, bool) {
	kept, ok := m.simple[name]
	if !ok {
		return nil, false
	}
	page := map[string]any{}
	for key, value := range kept.rest {
		page[key] = value
	}
	list := []any{}
	for _, f := range kept.files {
		served := map[string]any{}
		for key, value := range f {
			served[key] = value
		}
		var filename string
		_ = json.Unmarshal(f["filename"], &filename) // empty where it is none: then there is no such file
		served["url"], served["provenance"] = files+"/mirror/"+filename, nil
		list = append(list, served)
	}
	page["files"] = list
	return page, true
}
