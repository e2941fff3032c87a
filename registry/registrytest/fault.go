package registrytest

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Kind of a request, by what it asks for.
type Kind string

const (
	Index      Kind = "index"      // a crate's file of the sparse index
	Archive    Kind = "archive"    // a .crate
	Versions   Kind = "versions"   // the API: a crate's versions
	Simple     Kind = "simple"     // a project's page of the Simple API
	Provenance Kind = "provenance" // a file's provenance
	FileKind   Kind = "file"       // a wheel or sdist
	Other      Kind = "other"
)

// Request is one that the server received, faults or not.
type Request struct {
	Kind      Kind
	Host      string // as the client wrote it
	Path      string // escaped
	Query     string
	Range     string
	UserAgent string
	// Authorization as it came.
	Authorization string
	Conditional   bool // If-None-Match or If-Modified-Since
	Status        int  // as answered; 0 where the connection was cut instead
}

// Fault changes how requests are answered. Status, Redirect and Drop take the
// place of the answer; Truncate, Corrupt and Replace spoil it after it was made.
type Fault struct {
	// Path is a pattern for the whole path: "*" and "?" stand for anything but a
	// slash, "**" for anything. Example: "**/arrayref-*.crate".
	Path string
	// Times is how often the fault happens; 0 is always.
	Times int

	// Wait holds the answer back until the channel is closed or the client goes.
	Wait <-chan struct{}
	// Delay holds the answer back for a while, for demonstrations.
	Delay time.Duration

	Status   int         // instead of the answer
	Header   http.Header // beside Status, Retry-After for example
	Redirect string      // instead of the answer, a 302 to this address
	Drop     bool        // instead of the answer, the connection is cut

	Truncate bool   // half of the body under the whole one's length, then cut
	Corrupt  bool   // one bit of the body is flipped
	NoRange  bool   // range requests get the whole file
	Replace  []byte // other bytes as the body

	used int
}

// Inject adds a fault. The first one that matches and is not used up applies.
func (s *Server) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Heal removes all faults.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Requests returns what was received so far, in order of the answers.
func (s *Server) Requests() []Request {
	s.noted.Lock()
	defer s.noted.Unlock()
	return slices.Clone(s.requests)
}

// Count returns how many requests of a kind were answered.
func (s *Server) Count(k Kind) int {
	n := 0
	for _, r := range s.Requests() {
		if r.Kind == k {
			n++
		}
	}
	return n
}

// Forget empties what Requests returns.
func (s *Server) Forget() {
	s.noted.Lock()
	defer s.noted.Unlock()
	s.requests = nil
}

// ServeHTTP answers, or does as the injected faults say, and takes note.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := s.fault(r.URL.Path)
	note := Request{
		Kind: kindOf(r.URL.Path), Host: r.Host, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Range: r.Header.Get("Range"), UserAgent: r.UserAgent(), Authorization: r.Header.Get("Authorization"),
		Conditional: r.Header.Get("If-None-Match") != "" || r.Header.Get("If-Modified-Since") != "",
	}
	recorder := &recorder{ResponseWriter: w, status: http.StatusOK}
	// Noted before the last byte leaves, so that a client that has its answer also
	// finds it counted.
	recorder.note = func(status int) {
		note.Status = status
		s.noted.Lock()
		defer s.noted.Unlock()
		s.requests = append(s.requests, note)
	}
	if demanded := s.mannered().Authorization; demanded != "" && note.Authorization != demanded {
		http.Error(recorder, "who are you?", http.StatusUnauthorized)
		recorder.finish()
		return
	}
	if fault == nil {
		s.mux.ServeHTTP(recorder, r)
		recorder.finish()
		return
	}
	s.answerWith(fault, recorder, r)
}

func (s *Server) answerWith(f *Fault, w *recorder, r *http.Request) {
	if f.Wait != nil {
		select {
		case <-f.Wait:
		case <-r.Context().Done():
		}
	}
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-r.Context().Done():
		}
	}
	for key, values := range f.Header {
		w.Header()[http.CanonicalHeaderKey(key)] = values
	}
	switch {
	case f.Drop:
		w.cut()
	case f.Redirect != "":
		http.Redirect(w, r, f.Redirect, http.StatusFound)
	case f.Status != 0:
		http.Error(w, fmt.Sprintf("injected %d", f.Status), f.Status)
	case f.Replace != nil:
		w.Header().Set("Content-Length", fmt.Sprint(len(f.Replace)))
		w.Write(f.Replace)
	default:
		if f.NoRange {
			r = r.Clone(r.Context())
			r.Header.Del("Range")
		}
		w.hold = f.Truncate || f.Corrupt
		s.mux.ServeHTTP(w, r)
		if f.Corrupt && len(w.body) > 0 {
			w.body[len(w.body)/2] ^= 1
		}
		if f.Truncate {
			w.truncate()
		}
	}
	w.finish()
}

// fault finds the one that applies to a path and uses it up by one.
func (s *Server) fault(p string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if (f.Times == 0 || f.used < f.Times) && matches(f.Path, p) {
			f.used++
			return f
		}
	}
	return nil
}

func matches(pattern, p string) bool {
	quoted := regexp.QuoteMeta(pattern)
	for _, wild := range [][2]string{{`\*\*`, ".*"}, {`\*`, "[^/]*"}, {`\?`, "[^/]"}} {
		quoted = strings.ReplaceAll(quoted, wild[0], wild[1])
	}
	ok, err := regexp.MatchString("^"+quoted+"$", p)
	return ok && err == nil
}

func kindOf(p string) Kind {
	for _, k := range []struct {
		prefix string
		kind   Kind
	}{
		{"/index/", Index}, {"/static/crates/", Archive}, {"/api/v1/", Versions}, {"/python/simple/", Simple},
		{"/python/integrity/", Provenance}, {"/files/", FileKind},
	} {
		if strings.HasPrefix(p, k.prefix) {
			return k.kind
		}
	}
	return Other
}

// recorder takes note of the status before the answer leaves, and holds the body
// back where a fault is to spoil it.
type recorder struct {
	http.ResponseWriter
	note   func(status int)
	status int
	noted  bool
	hold   bool
	body   []byte
}

func (w *recorder) WriteHeader(status int) {
	w.status = status
	if w.hold {
		return
	}
	w.take(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.hold {
		w.body = append(w.body, p...)
		return len(p), nil
	}
	w.take(w.status)
	return w.ResponseWriter.Write(p)
}

func (w *recorder) take(status int) {
	if !w.noted {
		w.noted = true
		w.note(status)
	}
}

// finish sends what was held back.
func (w *recorder) finish() {
	w.take(w.status)
	if w.hold {
		w.hold = false
		w.ResponseWriter.WriteHeader(w.status)
		w.ResponseWriter.Write(w.body)
	}
}

// truncate sends half of the body that the header announces, then cuts.
func (w *recorder) truncate() {
	w.take(w.status)
	w.ResponseWriter.WriteHeader(w.status)
	w.ResponseWriter.Write(w.body[:len(w.body)/2])
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
	panic(http.ErrAbortHandler)
}

// cut ends the connection without an answer.
func (w *recorder) cut() {
	w.take(0)
	panic(http.ErrAbortHandler)
}
