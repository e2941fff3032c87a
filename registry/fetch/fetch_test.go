package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
)

// serve starts a server and a client that may talk to it alone.
func serve(t *testing.T, cfg fetch.Config, handler http.HandlerFunc) (*fetch.Client, string) {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	if cfg.RetryWaitMin == 0 {
		cfg.RetryWaitMin, cfg.RetryWaitMax = time.Millisecond, 2*time.Millisecond
	}
	if cfg.Remember == 0 {
		cfg.Remember = -1
	}
	c, err := fetch.New(cfg, s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return c, s.URL
}

func get(t *testing.T, c *fetch.Client, url string) (string, error) {
	t.Helper()
	body, err := c.Get(t.Context(), fetch.Request{URL: url, Limit: 1 << 20})
	return string(body), err
}

func TestRetries(t *testing.T) {
	for _, test := range []struct {
		name string
		fail http.HandlerFunc
	}{
		{"connection cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{"truncated", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "half")
		}},
		{"500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }},
		{"503", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }},
		{"429", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(429)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var n atomic.Int32
			c, url := serve(t, fetch.Config{}, func(w http.ResponseWriter, r *http.Request) {
				if n.Add(1) < 3 {
					test.fail(w, r)
					return
				}
				fmt.Fprint(w, "answer")
			})
			if body, err := get(t, c, url); body != "answer" || err != nil || n.Load() != 3 {
				t.Errorf("%q, %v after %d tries; want the answer at the third", body, err, n.Load())
			}
			n.Store(0)
			blob, err := c.Whole(t.Context(), fetch.File{URL: url, Digest: lockkeeper.Sum([]byte("answer")), Limit: 100})
			if err != nil || n.Load() != 3 {
				t.Fatalf("%v after %d tries; want the archive at the third", err, n.Load())
			}
			if data, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size)); string(data) != "answer" || err != nil {
				t.Errorf("%q, %v", data, err)
			}
		})
	}
}

func TestLongRetryAfterIsNotWaitedFor(t *testing.T) {
	var n atomic.Int32
	c, url := serve(t, fetch.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		n.Add(1)
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(429)
	})
	_, err := get(t, c, url)
	var status *fetch.StatusError
	if !errors.As(err, &status) || status.RetryAfter != time.Hour || n.Load() != 1 {
		t.Errorf("%v after %d tries; want a StatusError with the hour at the first", err, n.Load())
	}
}

func TestTimeoutWithoutProgress(t *testing.T) {
	var n atomic.Int32
	c, url := serve(t, fetch.Config{Timeout: 50 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) < 3 {
			if n.Load() == 2 { // stall in the middle of the body
				w.Header().Set("Content-Length", "100")
				fmt.Fprint(w, "half")
				w.(http.Flusher).Flush()
			}
			<-r.Context().Done()
			return
		}
		fmt.Fprint(w, "answer")
	})
	if body, err := get(t, c, url); body != "answer" || err != nil {
		t.Errorf("%q, %v; want the answer at the third try", body, err)
	}
}

func TestSizeIsBounded(t *testing.T) {
	endless := func(w http.ResponseWriter, r *http.Request) {
		chunk := bytes.Repeat([]byte("x"), 64<<10)
		for r.Context().Err() == nil {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
	announced := func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "1099511627776") }
	for name, handler := range map[string]http.HandlerFunc{"endless": endless, "announced": announced} {
		t.Run(name, func(t *testing.T) {
			c, url := serve(t, fetch.Config{}, handler)
			var size *fetch.SizeError
			if _, err := get(t, c, url); !errors.As(err, &size) {
				t.Errorf("metadata: %v, want a SizeError", err)
			}
			f := fetch.File{URL: url, Digest: lockkeeper.Sum(nil), Limit: 1 << 20}
			if _, err := c.Whole(t.Context(), f); !errors.As(err, &size) {
				t.Errorf("archive: %v, want a SizeError", err)
			}
		})
	}
}

func TestRevalidation(t *testing.T) {
	var full, same atomic.Int32
	content := atomic.Pointer[string]{}
	set := func(s string) { content.Store(&s) }
	set("one")
	handler := func(w http.ResponseWriter, r *http.Request) {
		etag := `"` + *content.Load() + `"`
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			same.Add(1)
			w.WriteHeader(http.StatusNotModified)
			return
		}
		full.Add(1)
		fmt.Fprint(w, *content.Load())
	}
	dir := t.TempDir()
	c, url := serve(t, fetch.Config{CacheDir: dir}, handler)
	for i, want := range []struct {
		content    string
		full, same int32
	}{{"one", 1, 0}, {"one", 1, 1}, {"two", 2, 1}, {"two", 2, 2}} {
		set(want.content)
		if body, err := get(t, c, url); body != want.content || err != nil || full.Load() != want.full || same.Load() != want.same {
			t.Errorf("step %d: %q, %v, %d full and %d unchanged; want %+v", i, body, err, full.Load(), same.Load(), want)
		}
	}
	// A kept answer that was tampered with is not used, nor revalidated.
	err := filepath.WalkDir(filepath.Join(dir, "metadata"), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, bytes.Replace(data, []byte("\ntwo"), []byte("\nbad"), 1), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	if body, err := get(t, c, url); body != "two" || err != nil || full.Load() != 3 {
		t.Errorf("after tampering: %q, %v, %d full; want it asked for anew", body, err, full.Load())
	}
}

func TestRemember(t *testing.T) {
	var n atomic.Int32
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c, url := serve(t, fetch.Config{Remember: time.Minute, Now: func() time.Time { return now }}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, n.Add(1))
	})
	for _, step := range []struct {
		after time.Duration
		want  string
	}{{0, "1"}, {59 * time.Second, "1"}, {time.Second, "2"}, {time.Second, "2"}} {
		now = now.Add(step.after)
		if body, err := get(t, c, url); body != step.want || err != nil {
			t.Errorf("%s later: %q, %v; want %q", step.after, body, err, step.want)
		}
	}
	for range 2 {
		if _, err := get(t, c, url+"/broken"); err == nil {
			t.Error("400 is no error")
		}
	}
}

func TestEqualRequestsAreMadeOnce(t *testing.T) {
	var n atomic.Int32
	release := make(chan struct{})
	arrived := make(chan struct{}, 10)
	c, url := serve(t, fetch.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		n.Add(1)
		arrived <- struct{}{}
		<-release
		fmt.Fprint(w, "answer")
	})
	first, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := c.Get(first, fetch.Request{URL: url, Limit: 100})
		left <- err
	}()
	<-arrived
	var group sync.WaitGroup
	joined := make(chan struct{}, 5)
	for range 5 {
		group.Go(func() {
			joined <- struct{}{}
			if body, err := get(t, c, url); body != "answer" || err != nil {
				t.Errorf("%q, %v", body, err)
			}
		})
	}
	for range 5 {
		<-joined
	}
	cancel() // the first one goes; the others get their answer
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the cancelled caller got %v", err)
	}
	close(release)
	group.Wait()
	// Whoever joined only after the answer asked once more, but never all of them.
	if n.Load() > 2 {
		t.Errorf("%d requests for 6 callers", n.Load())
	}
}

// counting is a budget with a fixed number of requests.
type counting struct{ left atomic.Int32 }

func (b *counting) Wait(context.Context) error {
	if b.left.Add(-1) < 0 {
		return errors.New("budget is spent")
	}
	return nil
}

func TestBudgetIsAskedBeforeEveryAttempt(t *testing.T) {
	var n atomic.Int32
	c, url := serve(t, fetch.Config{Retries: 5}, func(w http.ResponseWriter, _ *http.Request) {
		n.Add(1)
		w.WriteHeader(500)
	})
	budget := &counting{}
	budget.left.Store(3)
	_, err := c.Get(t.Context(), fetch.Request{URL: url, Limit: 100, Budget: budget})
	if err == nil || !strings.Contains(err.Error(), "budget is spent") || n.Load() != 3 {
		t.Errorf("%v after %d requests; want the spent budget after 3", err, n.Load())
	}
}

func TestConcurrencyIsBounded(t *testing.T) {
	var now, most atomic.Int32
	c, url := serve(t, fetch.Config{Concurrency: 2}, func(w http.ResponseWriter, _ *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for {
			m := most.Load()
			if n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		fmt.Fprint(w, "answer")
	})
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			if _, err := get(t, c, fmt.Sprintf("%s/%d", url, i)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	// One more may be ending on the server while the client has its whole answer.
	if most.Load() > 4 {
		t.Errorf("%d requests at once, want at most 2", most.Load())
	}
}

// dialled notes every address that a connection is made to.
type dialled struct {
	mu    sync.Mutex
	addrs []string
}

func (d *dialled) transport() *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		d.mu.Lock()
		d.addrs = append(d.addrs, addr)
		d.mu.Unlock()
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
}

func TestPromise5OnlyConfiguredHosts(t *testing.T) {
	var d dialled
	target := ""
	c, url := serve(t, fetch.Config{Transport: d.transport()}, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, target, http.StatusTemporaryRedirect)
	})
	host := strings.TrimPrefix(url, "http://")
	port := host[strings.LastIndex(host, ":"):]
	for _, foreign := range []string{
		"http://elsewhere.example.invalid/", "http://elsewhere.example.invalid" + port, "http://127.0.0.1:1/", "https://" + host,
		"http://user@" + host, "http://user:pw@" + host + "/", "http://" + host + "@elsewhere.example.invalid/", "http://127.0.0.2" + port,
		"ftp://" + host, "file:///etc/passwd", "//elsewhere.example.invalid/", "http://localhost" + port, "http://[::1]" + port,
		"http://169.254.169.254/latest/meta-data/", "http://" + host + ".example.invalid",
	} {
		var hostError *fetch.HostError
		target = foreign
		for _, direct := range []bool{false, true} {
			ask := url
			if direct {
				ask = foreign
			}
			_, errGet := get(t, c, ask)
			f := fetch.File{URL: ask, Digest: lockkeeper.Sum(nil), Limit: 100, Size: 10}
			_, errWhole := c.Whole(t.Context(), f)
			_, errRanges := c.Ranges(t.Context(), f)
			for _, err := range []error{errGet, errWhole, errRanges} {
				if err == nil {
					t.Errorf("%s (direct %t): no error", foreign, direct)
				} else if !errors.As(err, &hostError) && !strings.Contains(err.Error(), "parse") {
					t.Errorf("%s (direct %t): %v, want a HostError", foreign, direct, err)
				}
			}
		}
	}
	for _, addr := range d.addrs {
		if addr != host {
			t.Errorf("connected to %s", addr)
		}
	}
}

func TestRedirectsWithinTheConfiguredHosts(t *testing.T) {
	c, url := serve(t, fetch.Config{}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/a":
			http.Redirect(w, r, "/b", http.StatusMovedPermanently)
		case "/b":
			fmt.Fprint(w, "answer")
		default:
			http.Redirect(w, r, "/loop", http.StatusFound)
		}
	})
	if body, err := get(t, c, url+"/a"); body != "answer" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	if _, err := get(t, c, url+"/loop"); err == nil {
		t.Error("a loop of redirects gave no error")
	}
}

func TestNewChecksItsConfiguration(t *testing.T) {
	for _, base := range []string{"", "ftp://example.invalid", "example.invalid", "https://", "https://user:secret@example.invalid", "https://example.invalid/?q", "https://example.invalid/%zz"} {
		_, err := fetch.New(fetch.Config{}, base)
		if err == nil {
			t.Errorf("base %q was accepted", base)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
	if _, err := fetch.New(fetch.Config{}); err == nil {
		t.Error("no base was accepted")
	}
	if _, err := fetch.New(fetch.Config{Contact: "a\r\nX: y"}, "https://example.invalid"); err == nil {
		t.Error("a contact with a line end was accepted")
	}
}
