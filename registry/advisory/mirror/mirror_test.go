package mirror

import (
	"archive/zip"
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
)

func TestLoad(t *testing.T) {
	archive := func(name, text string) []byte {
		var out bytes.Buffer
		w := zip.NewWriter(&out)
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil || w.Close() != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	files := map[string][]byte{
		"/osv/crates.io/all.zip": archive("MAL-1.json", `{"id":"MAL-1","affected":[{"package":{"ecosystem":"crates.io","name":"a"}}]}`),
		"/osv/PyPI/all.zip":      archive("MAL-2.json", `{"id":"MAL-2","affected":[{"package":{"ecosystem":"PyPI","name":"b"}}]}`),
	}
	var whole, unchanged atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, ok := files[r.URL.Path]
		switch {
		case !ok:
			http.NotFound(w, r)
		case r.Header.Get("If-None-Match") == `"1"`:
			unchanged.Add(1)
			w.WriteHeader(http.StatusNotModified)
		default:
			whole.Add(1)
			w.Header().Set("ETag", `"1"`)
			w.Write(data)
		}
	}))
	defer server.Close()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "c.json"), []byte(`{"id":"MAL-3","affected":[{"package":{"ecosystem":"PyPI","name":"c"}}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := fetch.New(fetch.Config{Version: "test", Contact: "test@example.invalid", CacheDir: t.TempDir(), Remember: -1}, server.URL+"/osv")
	if err != nil {
		t.Fatal(err)
	}
	source := Source{Dir: dir, Mirror: server.URL + "/osv", Fetch: client}
	for range 2 {
		list, err := source.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []lockkeeper.Package{{Ecosystem: lockkeeper.Cargo, Name: "a"}, {Ecosystem: lockkeeper.PyPI, Name: "b"}, {Ecosystem: lockkeeper.PyPI, Name: "c"}} {
			p.Version = "1.0.0"
			if len(list.Naming(p)) != 1 {
				t.Errorf("%s is not named", p)
			}
		}
	}
	if whole.Load() != 2 || unchanged.Load() != 2 {
		t.Errorf("%d archives fetched, %d unchanged; want 2 and 2", whole.Load(), unchanged.Load())
	}
	delete(files, "/osv/PyPI/all.zip")
	if _, err := source.Load(t.Context()); err == nil {
		t.Error("half a mirror is taken for a whole one")
	}
}
