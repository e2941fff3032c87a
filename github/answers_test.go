package github

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
)

// TestAnswersAreBounded: what was used last is kept, within the bound, and each
// installation has its own.
func TestAnswersAreBounded(t *testing.T) {
	const most = 100_000
	cache := newAnswerCache(most)
	get := func(installation int64, n int) *http.Request {
		req, err := http.NewRequestWithContext(forInstallation(t.Context(), installation), http.MethodGet, fmt.Sprintf("https://api.example.invalid/repos/o/n/pulls/%d", n), nil)
		if err != nil {
			t.Fatal(err)
		}
		return req
	}
	body := func(n int) []byte { // as good as random
		b := []byte(fmt.Sprint(n))
		for i := range 3000 {
			b = append(b, byte(i*i*n>>(i%7)))
		}
		return b
	}
	keep := func(installation int64, n int) {
		cache.keep(get(installation, n), &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Etag": {`W/"x"`}}}, body(n), nil)
	}
	for n := range 200 {
		keep(1, n)
		cache.ask(get(1, 0)) // it stays in use
		if cache.size > most {
			t.Fatalf("%d bytes after %d answers, want at most %d", cache.size, n+1, most)
		}
	}
	sum := 0
	for _, key := range cache.kept.Keys() {
		value, _ := cache.kept.Peek(key)
		sum += weigh(key.(answerKey), value.(*answer))
	}
	if sum != cache.size || cache.kept.Len() < 20 {
		t.Errorf("%d answers of %d bytes, counted as %d", cache.kept.Len(), sum, cache.size)
	}
	for n, want := range map[int]bool{0: true, 1: false, 199: true} {
		req, kept := cache.ask(get(1, n))
		if (kept != nil) != want || (req.Header.Get("If-None-Match") != "") != want {
			t.Errorf("answer %d is kept: %v, want %v", n, kept != nil, want)
		}
		if kept != nil {
			if got, err := s2.Decode(nil, kept.body); err != nil || string(got) != string(body(n)) {
				t.Errorf("answer %d came back changed (%v)", n, err)
			}
		}
	}
	for _, other := range []int64{0, 2} {
		if _, kept := cache.ask(get(other, 199)); kept != nil {
			t.Errorf("installation %d got the answer to another one", other)
		}
	}
	keep(0, 7) // the App itself, whose every assertion is another one
	if _, kept := cache.ask(get(0, 7)); kept != nil {
		t.Error("an answer to nobody's installation is kept")
	}
	size := cache.size
	keep(1, 199)
	if cache.size != size {
		t.Errorf("the same answer again takes %d bytes more", cache.size-size)
	}
	cache.keep(get(1, 199), nil, nil, &StatusError{Status: http.StatusNotFound})
	if _, kept := cache.ask(get(1, 199)); kept != nil {
		t.Error("what GitHub does not show any more is kept")
	}
	cache.keep(get(1, 0), nil, nil, &StatusError{Status: http.StatusBadGateway})
	if _, kept := cache.ask(get(1, 0)); kept == nil {
		t.Error("a failure of GitHub's forgets an answer")
	}
}

// TestNotModifiedUnasked: a 304 to what was not conditional is no answer.
func TestNotModifiedUnasked(t *testing.T) {
	w := newWireTest(t, func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusNotModified) })
	if sha, err := w.client(nil).Tip(t.Context(), testRepo, "main"); err == nil {
		t.Errorf("got %q of nothing", sha)
	}
}

// TestAnswerBreaksOffWithETag: half an answer is not kept under its ETag.
func TestAnswerBreaksOffWithETag(t *testing.T) {
	n := 0
	w := newWireTest(t, func(rw http.ResponseWriter, r *http.Request) {
		if match := r.Header.Get("If-None-Match"); match != "" {
			t.Errorf("request %d has If-None-Match: %s", n+1, match)
		}
		rw.Header().Set("ETag", `"whole"`)
		if n++; n == 1 {
			halfAnswer(rw, r)
		}
		_, _ = rw.Write([]byte(tipDoc))
	})
	if sha, err := w.client(nil).Tip(t.Context(), testRepo, "main"); err != nil || sha != tipSHA || n != 2 {
		t.Errorf("%q, %v after %d attempts", sha, err, n)
	}
	if !strings.HasPrefix(tipDoc, "{") {
		t.Error("the document of the test is none")
	}
}
