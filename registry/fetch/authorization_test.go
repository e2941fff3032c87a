package fetch_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
)

// token must not be seen by anybody but its registry.
const token = "hunter2-hunter2"

// listener notes what it is asked with.
type listener struct {
	*httptest.Server
	mu   sync.Mutex
	seen []http.Header
}

func listen(t *testing.T, handler http.HandlerFunc) *listener {
	l := &listener{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		l.seen = append(l.seen, r.Header.Clone())
		l.mu.Unlock()
		handler(w, r)
	}))
	t.Cleanup(l.Close)
	return l
}

// TestPromise10CredentialsReachTheirHostAlone: a host that is configured, too, gets
// none, whether it is asked itself or by a redirect; nor does the address that led
// there.
func TestPromise10CredentialsReachTheirHostAlone(t *testing.T) {
	other := listen(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "file") })
	var own *listener
	own = listen(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != token:
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/away":
			http.Redirect(w, r, other.URL+"/file?signature="+token, http.StatusFound)
		case r.URL.Path == "/round":
			http.Redirect(w, r, own.URL+"/here", http.StatusFound)
		default:
			fmt.Fprint(w, "here")
		}
	})
	c, err := fetch.New(fetch.Config{Remember: -1, Authorization: fetch.Authorization{Bases: []string{own.URL}, Set: fetch.Bare(token)}}, own.URL, other.URL)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/here": "here", "/round": "here", "/away?key=" + token: "file"} {
		if body, err := get(t, c, own.URL+path); body != want || err != nil {
			t.Errorf("%s: %q, %v", path, body, err)
		}
	}
	if body, err := get(t, c, other.URL); body != "file" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	blob, err := c.Whole(t.Context(), fetch.File{URL: own.URL + "/away", Digest: lockkeeper.Sum([]byte("file")), Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	blob.Close()
	if len(other.seen) != 3 {
		t.Errorf("the other host was asked %d times", len(other.seen))
	}
	for _, header := range other.seen {
		if text := fmt.Sprint(header); strings.Contains(text, "hunter") {
			t.Errorf("the other host got %s", text)
		}
	}
}

// TestPromise10NoSecretsInErrorsAndLogs: what registries put into addresses gives
// access, too.
func TestPromise10NoSecretsInErrorsAndLogs(t *testing.T) {
	var log bytes.Buffer
	ctx := zerolog.New(&log).WithContext(t.Context())
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	signed := "?signature=" + token + "#" + token
	var own *httptest.Server
	own = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/refused":
			http.Redirect(w, r, own.URL+"/no"+signed, http.StatusFound)
		case "/unreachable":
			http.Redirect(w, r, gone.URL+"/"+signed, http.StatusFound)
		case "/foreign":
			http.Redirect(w, r, "https://ci:"+token+"@foreign.example.invalid/"+signed, http.StatusFound)
		case "/endless":
			http.Redirect(w, r, own.URL+"/endless"+signed, http.StatusFound)
		case "/large":
			http.Redirect(w, r, own.URL+"/much"+signed, http.StatusFound)
		case "/much":
			w.Write(make([]byte, 1000))
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(own.Close)
	c, err := fetch.New(fetch.Config{Remember: -1, Retries: 1, RetryWaitMin: time.Millisecond, RetryWaitMax: 2 * time.Millisecond,
		Authorization: fetch.Authorization{Bases: []string{own.URL}, Set: fetch.Basic("ci", token)}}, own.URL, gone.URL)
	if err != nil {
		t.Fatal(err)
	}
	basic := "Y2k6aHVudGVyMi1odW50ZXIy" // ci:hunter2-hunter2
	for _, path := range []string{"/no", "/refused", "/unreachable", "/foreign", "/endless", "/large", "/much"} {
		address := own.URL + path + signed
		file := fetch.File{URL: address, Digest: lockkeeper.Sum(nil), Limit: 100}
		_, metadata := c.Get(ctx, fetch.Request{URL: address, Limit: 100})
		_, whole := c.Whole(ctx, file)
		_, parts := c.Ranges(ctx, fetch.File{URL: address, Limit: 100})
		for _, err := range []error{metadata, whole, parts} {
			if err == nil {
				t.Errorf("%s: no error", path)
				continue
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				if text := fmt.Sprintf("%v %+v", e, e); strings.Contains(text, "hunter") || strings.Contains(text, basic) {
					t.Errorf("%s: the error shows a secret: %s", path, text)
				}
			}
		}
	}
	if text := log.String(); strings.Contains(text, "hunter") || strings.Contains(text, basic) || !strings.Contains(text, "/refused") {
		t.Errorf("the log is\n%s", text)
	}
	// Nor is a configuration shown that does not hold.
	for _, base := range []string{"https://ci:" + token + "@x.example.invalid", "https://ci:" + token + "%zz@x.example.invalid", "https://x.example.invalid?t=" + token, "ftp://ci:" + token + "@x"} {
		if _, err := fetch.New(fetch.Config{}, base); err == nil || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%v", err)
		}
	}
}

// TestPromise5CredentialsNeedAConfiguredHost: a mistake in wiring ends at the start.
func TestPromise5CredentialsNeedAConfiguredHost(t *testing.T) {
	_, err := fetch.New(fetch.Config{Authorization: fetch.Authorization{Bases: []string{"https://b.example.invalid"}, Set: fetch.Bearer(token)}}, "https://a.example.invalid")
	if err == nil || strings.Contains(err.Error(), token) {
		t.Errorf("error %v", err)
	}
	// A plain host is another origin than the encrypted one.
	_, err = fetch.New(fetch.Config{Authorization: fetch.Authorization{Bases: []string{"http://a.example.invalid"}, Set: fetch.Bearer(token)}}, "https://a.example.invalid")
	if err == nil {
		t.Error("credentials go out in the clear")
	}
}
