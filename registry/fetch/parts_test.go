package fetch_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
	"github.com/lockkeeper/lockkeeper/registry/pypi"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
)

// largeWheel holds size bytes that do not compress, a start-up hook behind each
// megabyte, and count small files.
func largeWheel(t *testing.T, size, count int, comment string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	add := func(name string, data []byte) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	for i := range size >> 20 {
		data := make([]byte, 1<<20)
		for j := range data {
			data[j] = byte(i*j>>8 ^ j)
		}
		add(fmt.Sprintf("big/data%d.bin", i), data)
		add(fmt.Sprintf("hook%d.pth", i), []byte("import big\n"))
	}
	for i := range count {
		add(fmt.Sprintf("big/locale/some/directory/file%d.py", i), nil)
	}
	if err := z.SetComment(comment); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// wheelServer serves data as a wheel of PyPI, and gives a client that reads
// anything above 64 KiB in parts.
func wheelServer(t *testing.T, data []byte) (*registrytest.Server, *pypi.Client, registry.Artifact) {
	t.Helper()
	s := registrytest.New()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.AddFile(registrytest.File{Project: "big", Version: "1.0", Filename: "big-1.0-py3-none-any.whl", Data: data}); err != nil {
		t.Fatal(err)
	}
	cfg := pypi.Config{PyPI: s.PyPI(), Files: s.Files(), WholeWheel: 64 << 10}
	cfg.Fetch = fetch.Config{RetryWaitMin: time.Millisecond, RetryWaitMax: 2 * time.Millisecond, Retries: 2}
	c, err := pypi.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Project(t.Context(), "big")
	if err != nil {
		t.Fatal(err)
	}
	s.Forget()
	return s, c, p.Releases[0].Artifacts[0]
}

// openInParts opens a wheel by ranges and reads its start-up hooks.
func openInParts(t *testing.T, c *pypi.Client, a registry.Artifact) (files int, err error) {
	t.Helper()
	blob, err := c.Open(t.Context(), a)
	if err != nil {
		return 0, err
	}
	defer blob.Close()
	if !blob.Partial {
		t.Error("not marked as read in parts")
	}
	opened, err := archive.OpenPartial(t.Context(), a.Kind, a.Filename, blob, blob.Size, archive.Limits{})
	if err != nil {
		return 0, err
	}
	if !opened.Partial || opened.Digest != "" {
		t.Error("an archive read in parts claims a digest")
	}
	for _, f := range opened.Files() {
		if !strings.HasSuffix(f.Path, ".pth") {
			continue
		}
		if text, err := opened.ReadFile(f.Path); err != nil || string(text) != "import big\n" {
			return 0, fmt.Errorf("%s is %q: %w", f.Path, text, err)
		}
	}
	return len(opened.Files()), nil
}

func TestPromise6LargeWheelsTakeFewRequests(t *testing.T) {
	for _, test := range []struct {
		name     string
		data     []byte
		files    int
		requests int
	}{
		{"small directory", largeWheel(t, 1<<20, 10, ""), 12, 2},
		{"comment of 64 KiB", largeWheel(t, 1<<20, 10, strings.Repeat("c", 0xffff)), 12, 2},
		{"directory of 2 MB", largeWheel(t, 1<<20, 20_000, ""), 20_002, 4},
		{"more than 65,535 files", largeWheel(t, 1<<20, 70_000, ""), 70_002, 8},
		{"twenty hooks a megabyte apart", largeWheel(t, 20<<20, 0, ""), 40, 20},
	} {
		for _, unknown := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, size unknown %t", test.name, unknown), func(t *testing.T) {
				s, c, a := wheelServer(t, test.data)
				if unknown {
					a.Size = 0
				}
				files, err := openInParts(t, c, a)
				if err != nil || files != test.files {
					t.Errorf("%d files, %v; want %d", files, err, test.files)
				}
				if n := s.Count(registrytest.FileKind); n > test.requests {
					t.Errorf("%d requests for a wheel of %d bytes, want at most %d", n, len(test.data), test.requests)
				}
			})
		}
	}
}

func TestPromise6FaultsWhileAWheelIsReadInParts(t *testing.T) {
	data := largeWheel(t, 3<<20, 10, "")
	for _, test := range []struct {
		name  string
		fault registrytest.Fault
		ok    bool
	}{
		{"cut once", registrytest.Fault{Drop: true, Times: 1}, true},
		{"half an answer once", registrytest.Fault{Truncate: true, Times: 1}, true},
		{"half an answer always", registrytest.Fault{Truncate: true}, false},
		{"busy once", registrytest.Fault{Status: 503, Times: 1}, true},
		{"gone", registrytest.Fault{Status: 404}, false},
		{"not satisfiable", registrytest.Fault{Status: 416}, false},
		{"redirected elsewhere", registrytest.Fault{Redirect: "https://example.invalid/big.whl"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, c, a := wheelServer(t, data)
			test.fault.Path = "/files/**"
			s.Inject(test.fault)
			if _, err := openInParts(t, c, a); (err == nil) != test.ok {
				t.Errorf("got %v, want success %t", err, test.ok)
			}
		})
	}
	// One that does not speak ranges: the whole file, and its digest holds.
	for _, fault := range []registrytest.Fault{{NoRange: true}, {Replace: data}} {
		s, c, a := wheelServer(t, data)
		fault.Path = "/files/**"
		s.Inject(fault)
		blob, err := c.Open(t.Context(), a)
		if err != nil || blob.Partial {
			t.Fatalf("no ranges: %v", err)
		}
		defer blob.Close()
	}
	s, c, a := wheelServer(t, data)
	s.Inject(registrytest.Fault{Path: "/files/**", Replace: largeWheel(t, 2<<20, 1, "")})
	if _, err := c.Open(t.Context(), a); !errors.Is(err, registry.ErrDigest) {
		t.Errorf("another file from a server without ranges: %v", err)
	}
}

// partial answers with any bytes under any header.
func partial(w http.ResponseWriter, header string, data []byte) {
	w.Header().Set("Content-Range", header)
	w.WriteHeader(http.StatusPartialContent)
	w.Write(data)
}

func TestPromise6RangesThatLie(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 20_000) // 320,000 bytes
	size := len(data)
	honest := func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}
	// from lets the first n requests be answered honestly.
	from := func(n int32, lie http.HandlerFunc) func(http.ResponseWriter, *http.Request, int32) {
		return func(w http.ResponseWriter, r *http.Request, i int32) {
			if i < n {
				honest(w, r)
				return
			}
			lie(w, r)
		}
	}
	for _, test := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request, n int32)
		want   string
	}{
		{"file replaced meanwhile, by its tag", func(w http.ResponseWriter, r *http.Request, n int32) {
			w.Header().Set("ETag", fmt.Sprintf(`"%d"`, n))
			honest(w, r)
		}, "changed while it was read"},
		{"file replaced meanwhile, by its time", func(w http.ResponseWriter, r *http.Request, n int32) {
			http.ServeContent(w, r, "", time.Unix(int64(n)*1000, 0), bytes.NewReader(data))
		}, "changed while it was read"},
		{"file replaced meanwhile, by its size", from(2, func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data[:size-1]))
		}), "changed while it was read"},
		{"tag lost meanwhile", func(w http.ResponseWriter, r *http.Request, n int32) {
			if n == 1 {
				w.Header().Set("ETag", `"1"`)
			}
			honest(w, r)
		}, "changed while it was read"},
		{"other size than stated", from(1, func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(append(data, 'x')))
		}), "the registry says 320000"},
		{"other range at first", from(1, func(w http.ResponseWriter, _ *http.Request) {
			partial(w, fmt.Sprintf("bytes 0-9/%d", size), data[:10])
		}), "asked for bytes="},
		{"other range later", from(2, func(w http.ResponseWriter, _ *http.Request) {
			partial(w, fmt.Sprintf("bytes 1-196608/%d", size), data[1:196609])
		}), "asked for bytes=0-"},
		{"more than the range", from(1, func(w http.ResponseWriter, r *http.Request) {
			partial(w, fmt.Sprintf("bytes 196608-%d/%d", size-1, size), data)
		}), "larger than"},
		{"more than the range, without length", from(1, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Transfer-Encoding", "chunked")
			partial(w, fmt.Sprintf("bytes 196608-%d/%d", size-1, size), data)
		}), "larger than"},
		{"less than the range", from(1, func(w http.ResponseWriter, r *http.Request) {
			partial(w, fmt.Sprintf("bytes 196608-%d/%d", size-1, size), data[:10])
		}), "unexpected EOF"},
		{"no range", from(1, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusPartialContent) }), "Content-Range"},
		{"several ranges", from(1, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "multipart/byteranges; boundary=x")
			w.WriteHeader(http.StatusPartialContent)
		}), "Content-Range"},
		{"the whole file later", from(2, func(w http.ResponseWriter, r *http.Request) {
			w.Write(data)
		}), "got the whole file"},
		{"compressed parts", from(1, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			honest(w, r)
		}), `encoding "gzip"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var n atomic.Int32
			c, url := serve(t, fetch.Config{Retries: 1}, func(w http.ResponseWriter, r *http.Request) { test.answer(w, r, n.Add(1)) })
			blob, err := c.Ranges(t.Context(), fetch.File{URL: url, Size: int64(size), Limit: 1 << 20})
			if err == nil {
				_, err = blob.ReadAt(make([]byte, size), 0)
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
			if n.Load() > 4 {
				t.Errorf("%d requests", n.Load())
			}
		})
	}
	c, url := serve(t, fetch.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		partial(w, "bytes 0-9/1000000", data[:10])
	})
	if _, err := c.Ranges(t.Context(), fetch.File{URL: url, Limit: 1 << 20}); err == nil {
		t.Error("a short tail of a file of unknown size was taken")
	}
}

func TestPromise6RangesAreBounded(t *testing.T) {
	data := make([]byte, 80<<20)
	var requests atomic.Int32
	c, url := serve(t, fetch.Config{}, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	})
	blob, err := c.Ranges(t.Context(), fetch.File{URL: url, Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	var parts *fetch.PartsError
	n, err := io.Copy(io.Discard, io.NewSectionReader(blob, 0, blob.Size))
	if !errors.As(err, &parts) || n < 60<<20 || n > 70<<20 {
		t.Errorf("read %d bytes, %v; want a PartsError after 64 MiB", n, err)
	}
	if requests.Load() > 80 {
		t.Errorf("%d requests for 64 MiB one after the other", requests.Load())
	}
	if _, err := blob.ReadAt(make([]byte, 10), -1); err == nil {
		t.Error("a negative offset was read")
	}
	if n, err := blob.ReadAt(make([]byte, 10), blob.Size); n != 0 || err != io.EOF {
		t.Errorf("read at the end: %d, %v; want EOF", n, err)
	}

	requests.Store(0)
	if blob, err = c.Ranges(t.Context(), fetch.File{URL: url, Limit: 1 << 20, Digest: lockkeeper.Sum(nil)}); err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	for at := int64(0); err == nil; at = (at + 11<<20) % blob.Size {
		_, err = blob.ReadAt(make([]byte, 1), at)
		if requests.Load() > 300 {
			t.Fatal("more than 300 requests")
		}
	}
	if !errors.As(err, &parts) || !errors.Is(err, registry.ErrBounds) || requests.Load() != 256 {
		t.Errorf("%d requests here and there, %v; want a PartsError after 256", requests.Load(), err)
	}
}
