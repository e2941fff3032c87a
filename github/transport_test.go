package github

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var testKey = sync.OnceValue(func() []byte {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
})

// wireTest is a server that hands out the tokens ghs_secret1, ghs_secret2 ... and
// leaves the rest to the test.
type wireTest struct {
	t      *testing.T
	server *httptest.Server
	answer http.HandlerFunc // every request but those for tokens
	mint   http.HandlerFunc // nil: a token that holds an hour

	mu        sync.Mutex
	tokens    int
	answering sync.Mutex
	got       []string // method, path and token, guarded by mu
}

func newWireTest(t *testing.T, answer http.HandlerFunc) *wireTest {
	w := &wireTest{t: t, answer: answer}
	w.server = httptest.NewServer(w)
	t.Cleanup(w.server.Close)
	return w
}

func (w *wireTest) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/access_tokens") {
		if w.mint != nil {
			w.mint(rw, r)
			return
		}
		w.newToken(rw)
		return
	}
	w.mu.Lock()
	w.got = append(w.got, r.Method+" "+r.URL.Path+" "+strings.TrimPrefix(r.Header.Get("Authorization"), "token ghs_secret"))
	w.mu.Unlock()
	// One after another: an answer that drops the connection may not have ended when
	// the next request comes.
	w.answering.Lock()
	defer w.answering.Unlock()
	w.answer(rw, r)
}

func (w *wireTest) newToken(rw http.ResponseWriter) {
	w.mu.Lock()
	w.tokens++
	n := w.tokens
	w.mu.Unlock()
	rw.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprintf(rw, `{"token":"ghs_secret%d","expires_at":%q}`, n, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
}

func (w *wireTest) requests() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.got...)
}

func (w *wireTest) client(change func(*Config)) *Client {
	w.t.Helper()
	cfg := Config{BaseURL: w.server.URL, AppID: 1, PrivateKey: testKey(), Backoff: time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	app, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	client, err := app.Installation(7)
	if err != nil {
		w.t.Fatal(err)
	}
	return client
}

var testRepo = Repo{Owner: "o", Name: "n"}

const (
	tipSHA = "1111111111111111111111111111111111111111"
	tipDoc = `{"ref":"refs/heads/main","object":{"type":"commit","sha":"` + tipSHA + `"}}`
)

func TestGetIsRepeated(t *testing.T) {
	for name, fail := range map[string]http.HandlerFunc{
		"502":         func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"reset":       func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"half answer": halfAnswer,
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			w := newWireTest(t, func(rw http.ResponseWriter, r *http.Request) {
				if n++; n < maxAttempts {
					fail(rw, r)
					return
				}
				_, _ = io.WriteString(rw, tipDoc)
			})
			sha, err := w.client(nil).Tip(t.Context(), testRepo, "main")
			if err != nil || sha != tipSHA {
				t.Fatalf("%q, %v", sha, err)
			}
			if n != maxAttempts {
				t.Errorf("%d attempts, want %d", n, maxAttempts)
			}
		})
	}
}

// halfAnswer breaks the connection within a valid JSON document's bytes.
func halfAnswer(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", fmt.Sprint(len(tipDoc)))
	_, _ = io.WriteString(w, tipDoc[:20])
	panic(http.ErrAbortHandler)
}

func TestGetGivesUp(t *testing.T) {
	n := 0
	w := newWireTest(t, func(rw http.ResponseWriter, _ *http.Request) { n++; rw.WriteHeader(http.StatusServiceUnavailable) })
	_, err := w.client(nil).Tip(t.Context(), testRepo, "main")
	var status *StatusError
	if !errors.As(err, &status) || status.Status != 503 || !Temporary(err) || n != maxAttempts {
		t.Errorf("%v after %d attempts", err, n)
	}
}

func TestSlowAttemptIsRepeated(t *testing.T) {
	n, release := 0, make(chan struct{})
	w := newWireTest(t, func(rw http.ResponseWriter, r *http.Request) {
		if n++; n == 1 {
			select { // longer than the attempt may take, shorter than the test
			case <-r.Context().Done():
			case <-release:
			}
			return
		}
		_, _ = io.WriteString(rw, tipDoc)
	})
	defer close(release)
	sha, err := w.client(func(c *Config) { c.Timeout = 100 * time.Millisecond }).Tip(t.Context(), testRepo, "main")
	if err != nil || sha != tipSHA || n != 2 {
		t.Errorf("%q, %v after %d attempts", sha, err, n)
	}
}

func TestCancelledAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	w := newWireTest(t, func(rw http.ResponseWriter, _ *http.Request) {
		n++
		cancel()
		rw.WriteHeader(http.StatusBadGateway)
	})
	if _, err := w.client(nil).Tip(ctx, testRepo, "main"); err == nil || n != 1 {
		t.Errorf("%v after %d attempts", err, n)
	}
}

func TestPostIsNotRepeated(t *testing.T) {
	w := newWireTest(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(rw, `{"total_count":0,"check_runs":[]}`)
			return
		}
		rw.WriteHeader(http.StatusBadGateway)
	})
	_, err := w.client(nil).StartCheck(t.Context(), testRepo, Check{Name: "c", Head: tipSHA, ExternalID: "x"})
	if !Temporary(err) {
		t.Errorf("%v", err)
	}
	// Between two attempts somebody looks.
	post, look := "POST /repos/o/n/check-runs 1", "GET /repos/o/n/commits/"+tipSHA+"/check-runs 1"
	if diff := cmp.Diff([]string{post, look, post, look, post, look, post}, w.requests()); diff != "" {
		t.Error(diff)
	}
}

func TestTokenRequestIsRepeatedForPost(t *testing.T) {
	w := newWireTest(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(rw, `{"id":5}`)
	})
	n := 0
	w.mint = func(rw http.ResponseWriter, _ *http.Request) {
		if n++; n < 3 {
			rw.WriteHeader(http.StatusBadGateway)
			return
		}
		w.newToken(rw)
	}
	id, err := w.client(nil).StartCheck(t.Context(), testRepo, Check{Name: "c", Head: tipSHA, ExternalID: "x"})
	if err != nil || id != 5 {
		t.Errorf("%d, %v", id, err)
	}
	if diff := cmp.Diff([]string{"POST /repos/o/n/check-runs 1"}, w.requests()); diff != "" {
		t.Error(diff)
	}
}

func TestTokenIsShared(t *testing.T) {
	w := newWireTest(t, func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, tipDoc) })
	client := w.client(nil)
	again, err := client.app.Installation(7)
	if err != nil || again != client {
		t.Fatalf("another client: %v", err)
	}
	inParallel(20, func() {
		if _, err := client.Tip(t.Context(), testRepo, "main"); err != nil {
			t.Error(err)
		}
	})
	if w.tokens != 1 {
		t.Errorf("%d tokens", w.tokens)
	}
}

func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	w := newWireTest(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "token ghs_secret1" {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(rw, tipDoc)
	})
	client := w.client(nil)
	inParallel(20, func() {
		if _, err := client.Tip(t.Context(), testRepo, "main"); err != nil {
			t.Error(err)
		}
	})
	if w.tokens != 2 {
		t.Errorf("%d tokens, want 2", w.tokens)
	}
}

func TestRefusedForGood(t *testing.T) {
	w := newWireTest(t, func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusUnauthorized) })
	_, err := w.client(nil).Tip(t.Context(), testRepo, "main")
	if Temporary(err) || !unauthorized(err) {
		t.Errorf("%v", err)
	}
	if got := w.requests(); len(got) != 2 || w.tokens != 2 {
		t.Errorf("%d tokens, requests %q", w.tokens, got)
	}
}

func TestRateLimitClosesTheGate(t *testing.T) {
	for name, limit := range map[string]http.HandlerFunc{
		"primary": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-RateLimit-Remaining", "0")
			w.Header().Set("X-RateLimit-Reset", fmt.Sprint(time.Now().Add(10*time.Minute).Unix()))
			w.WriteHeader(http.StatusForbidden)
		},
		"secondary": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "600")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		"used up by a success": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-RateLimit-Remaining", "0")
			w.Header().Set("X-RateLimit-Reset", fmt.Sprint(time.Now().Add(10*time.Minute).Unix()))
			_, _ = io.WriteString(w, tipDoc)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWireTest(t, limit)
			client := w.client(nil)
			_, first := client.Tip(t.Context(), testRepo, "main")
			if (first == nil) != (name == "used up by a success") {
				t.Errorf("first: %v", first)
			}
			err := client.React(t.Context(), testRepo, 5, ReactionSeen)
			var limited *RateLimited
			if !errors.As(err, &limited) || !Temporary(err) {
				t.Fatalf("second: %v", err)
			}
			if wait := time.Until(limited.Until); wait < 9*time.Minute || wait > 11*time.Minute {
				t.Errorf("wait %v", wait)
			}
			if got := w.requests(); len(got) != 1 {
				t.Errorf("sent regardless: %q", got)
			}
		})
	}
}

func TestRateLimitOnToken(t *testing.T) {
	w := newWireTest(t, nil)
	w.mint = func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Retry-After", "60")
		rw.WriteHeader(http.StatusForbidden)
	}
	_, err := w.client(nil).Tip(t.Context(), testRepo, "main")
	var limited *RateLimited
	if !errors.As(err, &limited) {
		t.Errorf("%v", err)
	}
}

// Promise 5: a redirect does not lead to another host, with or without a token.
func TestPromise5RedirectStaysHome(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("contacted: %s %s with %q", r.Method, r.URL, r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	for _, code := range []int{301, 302, 303, 307, 308} {
		w := newWireTest(t, func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, elsewhere.URL+"/x", code)
		})
		client := w.client(nil)
		_, err := client.Tip(t.Context(), testRepo, "main")
		var host *hostError
		if !errors.As(err, &host) || Temporary(err) {
			t.Errorf("%d: GET: %v", code, err)
		}
		if err := client.React(t.Context(), testRepo, 5, ReactionSeen); !errors.As(err, &host) {
			t.Errorf("%d: POST: %v", code, err)
		}
	}
}

func TestRedirectKeepsMethodAndBody(t *testing.T) {
	for _, code := range []int{301, 302, 307, 308} {
		w := newWireTest(t, nil)
		w.answer = func(rw http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/repositories/9/") {
				http.Redirect(rw, r, w.server.URL+"/repositories/9/comments/5", code)
				return
			}
			if body, _ := io.ReadAll(r.Body); r.Method != http.MethodPatch || !strings.Contains(string(body), "marker") {
				t.Errorf("%d: %s with %q", code, r.Method, body)
			}
			_, _ = io.WriteString(rw, `{"id":5}`)
		}
		if id, err := w.client(nil).PutComment(t.Context(), testRepo, 1, 5, "marker", "marker text"); err != nil || id != 5 {
			t.Errorf("%d: %d, %v", code, id, err)
		}
	}
}

func TestAnswerIsBounded(t *testing.T) {
	w := newWireTest(t, func(rw http.ResponseWriter, _ *http.Request) {
		chunk := strings.Repeat("x", 1<<20)
		for range maxAnswer>>20 + 1 {
			if _, err := io.WriteString(rw, chunk); err != nil {
				return
			}
		}
	})
	_, err := w.client(nil).Tip(t.Context(), testRepo, "main")
	var large *TooLarge
	if !errors.As(err, &large) || Temporary(err) || len(w.requests()) != 1 {
		t.Errorf("%v after %q", err, w.requests())
	}
}

func TestListIsBounded(t *testing.T) {
	for name, next := range map[string]int{"in a circle": 1, "without end": maxPages + 1} {
		w := newWireTest(t, func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Link", fmt.Sprintf(`<http://%s%s?page=%d>; rel="next"`, r.Host, r.URL.Path, next))
			_, _ = io.WriteString(rw, `[]`)
		})
		if _, err := w.client(nil).Reviews(t.Context(), testRepo, 1); err == nil || len(w.requests()) != 1 {
			t.Errorf("%s: %v after %q", name, err, w.requests())
		}
	}
}

// leaky is a transport that prints what it was given, as some do for debugging.
type leaky struct{ next http.RoundTripper }

func (l leaky) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/access_tokens") {
		return l.next.RoundTrip(r)
	}
	return nil, fmt.Errorf("cannot send %s with %v", r.URL, r.Header)
}

// Promise 10: neither tokens nor the key are in any error.
func TestPromise10NoSecretInErrors(t *testing.T) {
	echo := func(code int) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			rw.WriteHeader(code)
			_, _ = fmt.Fprintf(rw, `{"message":"you sent %s"}`, r.Header.Get("Authorization"))
		}
	}
	check := func(name string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			for _, text := range []string{e.Error(), fmt.Sprintf("%+v", e)} {
				if strings.Contains(text, "ghs_secret") || strings.Contains(text, "eyJ") || strings.Contains(text, "PRIVATE KEY") {
					t.Errorf("%s: %s", name, text)
				}
			}
		}
	}
	for _, code := range []int{400, 401, 403, 404, 422, 429, 500} {
		w := newWireTest(t, echo(code))
		_, err := w.client(nil).Tip(t.Context(), testRepo, "main")
		check(fmt.Sprint(code), err)
		w.mint = echo(code)
		_, err = w.client(nil).Tip(t.Context(), testRepo, "main")
		check(fmt.Sprint("token ", code), err)
	}
	w := newWireTest(t, nil)
	_, err := w.client(func(c *Config) { c.Transport = leaky{http.DefaultTransport} }).Tip(t.Context(), testRepo, "main")
	check("transport", err)
	w.server.Close()
	_, err = w.client(nil).Tip(t.Context(), testRepo, "main")
	check("no server", err)
	_, err = New(Config{AppID: 1, PrivateKey: []byte("-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----\n")})
	check("bad key", err)
}

func TestNewNeeds(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no id":  {PrivateKey: testKey()},
		"no key": {AppID: 1},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	app, err := New(Config{AppID: 1, PrivateKey: testKey()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := app.Installation(0); err == nil {
		t.Error("installation 0 accepted")
	}
}

func inParallel(n int, do func()) {
	var wg sync.WaitGroup
	for range n {
		wg.Go(do)
	}
	wg.Wait()
}
