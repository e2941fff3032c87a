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
	"time"

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
	c, url := serve(t, fetch.Config{CacheDir: dir, CacheBytes: 10_000}, func(w http.ResponseWriter, r *http.Request) {
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
	var total int64
	err := filepath.WalkDir(filepath.Join(dir, "archives"), func(_ string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		total += info.Size()
		return err
	})
	if err != nil || total > 10_000 || total < 5_000 {
		t.Errorf("%d bytes kept, %v; want at most 10000, and not next to nothing", total, err)
	}
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

func TestRangesThatLie(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 20_000) // 320,000 bytes
	for _, test := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request, n int32)
	}{
		{"file replaced meanwhile", func(w http.ResponseWriter, r *http.Request, n int32) {
			w.Header().Set("ETag", fmt.Sprintf(`"%d"`, n))
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
		}},
		{"other size than stated", func(w http.ResponseWriter, r *http.Request, _ int32) {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(append(data, 'x')))
		}},
		{"other range", func(w http.ResponseWriter, _ *http.Request, _ int32) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-9/%d", len(data)))
			w.WriteHeader(http.StatusPartialContent)
			w.Write(data[:10])
		}},
		{"no range", func(w http.ResponseWriter, _ *http.Request, _ int32) { w.WriteHeader(http.StatusPartialContent) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			var n atomic.Int32
			c, url := serve(t, fetch.Config{Retries: 1}, func(w http.ResponseWriter, r *http.Request) { test.answer(w, r, n.Add(1)) })
			blob, err := c.Ranges(t.Context(), fetch.File{URL: url, Size: int64(len(data)), Limit: 1 << 20})
			if err == nil {
				_, err = blob.ReadAt(make([]byte, len(data)), 0)
			}
			if err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestRangesAreBounded(t *testing.T) {
	data := make([]byte, 80<<20)
	c, url := serve(t, fetch.Config{}, func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	})
	blob, err := c.Ranges(t.Context(), fetch.File{URL: url, Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	var size *fetch.SizeError
	n, err := io.Copy(io.Discard, io.NewSectionReader(blob, 0, blob.Size))
	if !errors.As(err, &size) || n < 60<<20 || n > 70<<20 {
		t.Errorf("read %d bytes, %v; want a SizeError after 64 MiB", n, err)
	}
	if _, err := blob.ReadAt(make([]byte, 10), -1); err == nil {
		t.Error("a negative offset was read")
	}
	if n, err := blob.ReadAt(make([]byte, 10), blob.Size); n != 0 || err != io.EOF {
		t.Errorf("read at the end: %d, %v; want EOF", n, err)
	}
}
