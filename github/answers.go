package github

import (
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/hashicorp/golang-lru/simplelru"
	"github.com/klauspost/compress/s2"
)

// Conditional requests: GitHub answers 304 to whoever has what it would send, and does
// not count that against the primary limit ("Best practices for using the REST API").
// It does count as a request towards the secondary limits.
//
// GitHub makes its ETags from the answer's body and the request's Accept and
// Authorization headers, and says Vary: Accept, Authorization. So what an installation
// has is of use until its next token, for an hour at most: GitHub's support calls it
// expected that ETags are a token's own. The ETag of an older token is sent all the
// same: it costs nothing, and brings 200 where 304 would do. The Link header is not
// part of the ETag, and whether a 304 repeats it is not documented; see list.

const (
	// maxAnswers bounds what is kept of answers, in bytes, of all installations
	// together. Compressed, a pull request takes some 3 KB, a page of a hundred of
	// GitHub's repositories some 30 KB.
	maxAnswers = 16 << 20
	// maxKeptAnswer bounds one of them, in bytes before it is compressed.
	maxKeptAnswer = 4 << 20
	// fromCache marks an answer whose body GitHub did not send again, with the header
	// that HTTP caches in Go use for that.
	fromCache = "X-From-Cache"
	// answerOverhead is about what an entry takes beside its texts.
	answerOverhead = 400
)

// answerCache keeps what GitHub answered, the last used ones. None of it is ever given to
// anybody unless GitHub just said that it holds, to the very installation that it was
// given to. All methods may be used at the same time; a nil one keeps nothing.
type answerCache struct {
	most int

	mu   sync.Mutex
	kept *simplelru.LRU // guarded by mu; of answerKey to *answer
	size int            // guarded by mu
}

// answerKey is what an answer depends on beside the token.
type answerKey struct {
	installation int64
	url, accept  string
}

// answer as it came, its body compressed.
type answer struct {
	etag, kind, link string
	body             []byte
}

func newAnswerCache(most int) *answerCache {
	a := &answerCache{most: most}
	// The number of entries is bounded by what each takes at least.
	a.kept, _ = simplelru.NewLRU(most/answerOverhead+1, func(key, value any) {
		a.size -= weigh(key.(answerKey), value.(*answer))
	}) // an error is about a size below 1
	return a
}

func weigh(k answerKey, a *answer) int {
	return answerOverhead + len(k.url) + len(k.accept) + len(a.etag) + len(a.kind) + len(a.link) + len(a.body)
}

// fixed are what answers by git's ids are about: who asks for them keeps what was read
// of them, which is less.
var fixed = map[string]bool{"git/trees": true, "git/blobs": true, "git/commits": true}

// keyOf is ok for requests that an installation may make again and again.
func keyOf(req *http.Request) (key answerKey, ok bool) {
	key.installation, _ = req.Context().Value(installationKey{}).(int64)
	if req.Method != http.MethodGet || key.installation == 0 || fixed[operation(req.URL.Path)] {
		return answerKey{}, false
	}
	key.url, key.accept = req.URL.String(), strings.Join(req.Header.Values("Accept"), ",")
	return key, true
}

// ask makes req conditional on that what is kept holds no more; nil if nothing is.
func (a *answerCache) ask(req *http.Request) (*http.Request, *answer) {
	if a == nil {
		return req, nil
	}
	key, ok := keyOf(req)
	if !ok {
		return req, nil
	}
	a.mu.Lock()
	value, found := a.kept.Get(key)
	a.mu.Unlock()
	if !found {
		return req, nil
	}
	kept := value.(*answer)
	req = req.Clone(req.Context())
	req.Header.Set("If-None-Match", kept.etag)
	return req, kept
}

// again makes resp, a 304, the answer that it speaks of, and returns the body.
func (k *answer) again(resp *http.Response) ([]byte, error) {
	body, err := s2.Decode(nil, k.body)
	if err != nil {
		return nil, err
	}
	resp.StatusCode, resp.Status = http.StatusOK, "200 OK"
	resp.Header.Set("Content-Type", k.kind)
	if k.link != "" && resp.Header.Get("Link") == "" {
		resp.Header.Set("Link", k.link)
	}
	resp.Header.Set(fromCache, "1")
	return body, nil
}

// keep keeps an answer of 200, and drops what GitHub does not show any more.
func (a *answerCache) keep(req *http.Request, resp *http.Response, body []byte, err error) {
	if a == nil {
		return
	}
	key, ok := keyOf(req)
	if !ok {
		return
	}
	if err != nil {
		var status *StatusError
		if errors.As(err, &status) && status.Status < 500 {
			a.mu.Lock()
			a.kept.Remove(key)
			a.mu.Unlock()
		}
		return
	}
	etag := resp.Header.Get("ETag")
	if resp.StatusCode != http.StatusOK || etag == "" || len(body) > maxKeptAnswer {
		return
	}
	fresh := &answer{etag: etag, kind: resp.Header.Get("Content-Type"), link: resp.Header.Get("Link"), body: s2.EncodeBetter(nil, body)}
	if weigh(key, fresh) > a.most/4 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.kept.Remove(key) // a new value in its place would not be weighed
	a.kept.Add(key, fresh)
	for a.size += weigh(key, fresh); a.size > a.most; {
		a.kept.RemoveOldest()
	}
}
