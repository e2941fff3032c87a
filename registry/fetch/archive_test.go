package fetch_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
)

func TestArchiveCache(t *testing.T) {
	var n atomic.Int32
	data := []byte("an archive")
	dir := t.TempDir()
	c, url := serve(t, fetch.Config{CacheDir: dir}, func(w http.ResponseWriter, _ *http.Request) {
		n.Add(1)
		w.Write(data)
	})
	f := fetch.File{URL: url + "/a.crate", Digest: lockkeeper.Sum(data), Limit: 100}
	path := filepath.Join(dir, "archives", f.Digest.Hex()[:2], f.Digest.Hex())
	read := func(wantRequests int32) {
		t.Helper()
		blob, err := c.Whole(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		defer blob.Close()
		got, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size))
		if err != nil || !bytes.Equal(got, data) || n.Load() != wantRequests {
			t.Errorf("%q, %v, %d requests; want %d", got, err, n.Load(), wantRequests)
		}
	}
	read(1)
	read(1)
	if err := os.WriteFile(path, []byte("an archive?"), 0o600); err != nil {
		t.Fatal(err)
	}
	read(2) // what lies in the cache is checked on every read
	read(2)

	data = []byte("other bytes")
	f.Digest = lockkeeper.Sum([]byte("expected"))
	if _, err := c.Whole(t.Context(), f); !errors.Is(err, registry.ErrDigest) {
		t.Errorf("wrong bytes: %v, want ErrDigest", err)
	}
	if n.Load() != 3 {
		t.Errorf("wrong bytes were asked for %d times, want once", n.Load()-2)
	}
	left, err := os.ReadDir(filepath.Join(dir, "partial"))
	if err != nil || len(left) != 0 {
		t.Errorf("left in partial: %v, %v", left, err)
	}
}

func TestArchiveCacheIsBounded(t *testing.T) {
	dir := t.TempDir()
	c, url := serve(t, fetch.Config{CacheDir: dir, CacheBytes: 12_500}, func(w http.ResponseWriter, r *http.Request) {
		w.Write(body(r.URL.Path))
	})
	for i := range 20 {
		path := fmt.Sprintf("/%d", i)
		blob, err := c.Whole(t.Context(), fetch.File{URL: url + path, Digest: lockkeeper.Sum(body(path)), Limit: 2000})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size)); err != nil || !bytes.Equal(got, body(path)) {
			t.Errorf("%s: %d bytes, %v", path, len(got), err)
		}
		blob.Close()
	}
	if total := sizeOf(t, filepath.Join(dir, "archives")); total > 10_000 || total < 5_000 {
		t.Errorf("%d bytes kept; want at most 10000, and not next to nothing", total)
	}
}

func TestAnswerCacheIsBounded(t *testing.T) {
	dir := t.TempDir()
	c, url := serve(t, fetch.Config{CacheDir: dir, CacheBytes: 50_000, Remember: -1}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"`+r.URL.Path+`"`)
		if r.Header.Get("If-None-Match") != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Write(body(r.URL.Path))
	})
	for i := range 20 {
		path := fmt.Sprintf("/%d", i)
		for range 2 { // brought, and then compared
			if got, err := c.Get(t.Context(), fetch.Request{URL: url + path, Limit: 2000}); err != nil || !bytes.Equal(got, body(path)) {
				t.Errorf("%s: %d bytes, %v", path, len(got), err)
			}
		}
	}
	if total := sizeOf(t, filepath.Join(dir, "metadata")); total > 10_000 || total < 5_000 {
		t.Errorf("%d bytes kept; want at most 10000, and not next to nothing", total)
	}
}

// sizeOf adds up the files below dir.
func sizeOf(t *testing.T, dir string) (total int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		total += info.Size()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return total
}

func body(path string) []byte { return bytes.Repeat([]byte(path), 1000/len(path)) }

func TestWithoutCacheNothingIsLeft(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	data := []byte("an archive")
	c, url := serve(t, fetch.Config{}, func(w http.ResponseWriter, _ *http.Request) { w.Write(data) })
	blob, err := c.Whole(t.Context(), fetch.File{URL: url, Digest: lockkeeper.Sum(data), Limit: 100 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := blob.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Whole(t.Context(), fetch.File{URL: url, Digest: lockkeeper.Sum(nil), Limit: 100 << 20}); !errors.Is(err, registry.ErrDigest) {
		t.Errorf("wrong bytes: %v, want ErrDigest", err)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
