package githubtest

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is a way for GitHub to fail. Zero fields match everything and do
// nothing.
type Fault struct {
	// Method and Path choose the requests: Path is a prefix of the path without
	// "/api/v3", or with "*" for one segment, "/repos/*/*/check-runs".
	Method, Path string
	// Match chooses further, if set.
	Match func(*http.Request) bool
	// Skip lets this many matching requests through first.
	Skip int
	// Times is how often it strikes; 0 means every time.
	Times int
	// After lets the request take effect and then spoils the answer. Otherwise
	// the request has no effect.
	After bool
	// Delay is real time that passes before the request is looked at. It ends
	// early if the caller gives up.
	Delay time.Duration
	// Status answers with this status in GitHub's shape. With neither Status nor
	// Reset nor Truncate the fault is the delay alone.
	Status int
	// RetryAfter makes 403 and 429 a secondary limit, with this Retry-After.
	RetryAfter time.Duration
	// Reset drops the connection.
	Reset bool
	// Truncate drops the connection in the middle of the answer's body: of the real
	// answer with After, else of what looks like one.
	Truncate bool
	// Hold, if set, keeps the request until it is closed. With After, the request
	// has taken effect by then.
	Hold <-chan struct{}
	// Holding, if set, is called when Hold begins to keep a request.
	Holding func()
}

type faultList struct {
	mu    sync.Mutex
	armed []*armedFault
}

type armedFault struct {
	Fault
	seen, struck int
}

// AddFault arms a fault; the first that matches a request strikes. The function
// that it returns disarms it.
func (s *Server) AddFault(f Fault) (remove func()) {
	armed := &armedFault{Fault: f}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.armed = append(s.faults.armed, armed)
	return func() {
		s.faults.mu.Lock()
		defer s.faults.mu.Unlock()
		for i, other := range s.faults.armed {
			if other == armed {
				s.faults.armed = append(s.faults.armed[:i:i], s.faults.armed[i+1:]...)
				return
			}
		}
	}
}

// SetLatency delays every API request by this much real time, outside of all
// locks.
func (s *Server) SetLatency(d time.Duration) (remove func()) { return s.AddFault(Fault{Delay: d}) }

func (f *armedFault) matches(r *http.Request) bool {
	if f.Method != "" && f.Method != r.Method || f.Path != "" && !pathMatches(f.Path, r.URL.Path) {
		return false
	}
	if f.Match != nil && !f.Match(r) {
		return false
	}
	f.seen++
	if f.seen <= f.Skip || f.Times > 0 && f.struck >= f.Times {
		return false
	}
	f.struck++
	return true
}

// pathMatches compares segment by segment; pattern may end before path does.
func pathMatches(pattern, path string) bool {
	want, have := strings.Split(strings.Trim(pattern, "/"), "/"), strings.Split(strings.Trim(path, "/"), "/")
	if len(want) > len(have) {
		return false
	}
	for i, segment := range want {
		if segment != "*" && !strings.EqualFold(segment, have[i]) {
			return false
		}
	}
	return true
}

// strike finds what befalls r: delays add up, of the rest the first counts. A
// nil writer means that the request has been answered. done must be called when
// the request has taken effect.
func (l *faultList) strike(w http.ResponseWriter, r *http.Request) (writer http.ResponseWriter, done func()) {
	var fault *Fault
	var delay time.Duration
	l.mu.Lock()
	for _, f := range l.armed {
		if fault != nil && !f.delayOnly() || !f.matches(r) {
			continue
		}
		delay += f.Delay
		if !f.delayOnly() {
			chosen := f.Fault
			fault = &chosen
		}
	}
	l.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-r.Context().Done():
		}
	}
	switch {
	case fault == nil:
		return w, func() {}
	case fault.After:
		discarded := &recorder{header: http.Header{}, status: http.StatusOK}
		return discarded, func() { fault.spoil(w, r, discarded) }
	case fault.Status == 0 && !fault.Reset && !fault.Truncate: // only held
		fault.wait(r)
		return w, func() {}
	default:
		return nil, func() { fault.spoil(w, r, nil) }
	}
}

func (f *Fault) delayOnly() bool { return f.Status == 0 && !f.Reset && !f.Truncate && f.Hold == nil }

func (f *Fault) wait(r *http.Request) {
	if f.Hold == nil {
		return
	}
	if f.Holding != nil {
		f.Holding()
	}
	select {
	case <-f.Hold:
	case <-r.Context().Done():
	}
}

// spoil answers with the fault in place of the real answer, which is only given
// where the fault is nothing but a wait.
func (f *Fault) spoil(w http.ResponseWriter, r *http.Request, instead *recorder) {
	f.wait(r)
	switch {
	case f.Reset:
		panic(http.ErrAbortHandler) // net/http closes the connection
	case f.Truncate:
		status, body := http.StatusOK, []byte(`{"id":1,"url":"https://api.github.example.invalid/"}`)
		if instead != nil {
			status, body = instead.status, instead.body.Bytes()
		} else if r.Method == http.MethodPost {
			status = http.StatusCreated
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(max(2, len(body))))
		w.WriteHeader(status)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush() // what is written now arrives
		panic(http.ErrAbortHandler)
	case f.Status == 0:
		for name, values := range instead.header {
			w.Header()[name] = values
		}
		w.WriteHeader(instead.status)
		_, _ = w.Write(instead.body.Bytes())
		return
	}
	message := http.StatusText(f.Status)
	switch f.Status {
	case http.StatusUnauthorized:
		message = "Bad credentials"
	case http.StatusForbidden, http.StatusTooManyRequests:
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
			message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
		}
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(f.Status)
	fmt.Fprintf(w, `{"message":%q,"documentation_url":"https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits","status":"%d"}`, message, f.Status)
}

// recorder keeps an answer that may never be given.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// Request is a request to the API that was made.
type Request struct{ Method, Path, Query string }

type requestLog struct {
	mu  sync.Mutex
	all []Request
}

func (l *requestLog) add(r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, Request{r.Method, r.URL.Path, r.URL.RawQuery})
}

// Requests are the API requests so far, faults' victims included. Paths are
// without "/api/v3".
func (s *Server) Requests() []Request {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return append([]Request(nil), s.log.all...)
}

// ResetRequests forgets them.
func (s *Server) ResetRequests() {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.all = nil
}

// CountRequests counts those that a [Fault] with this method and path would
// match; an empty method is any.
func (s *Server) CountRequests(method, path string) int {
	n := 0
	for _, r := range s.Requests() {
		if (method == "" || r.Method == method) && (path == "" || pathMatches(path, r.Path)) {
			n++
		}
	}
	return n
}
