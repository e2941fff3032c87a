package server_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// overtake has another run begin while the request that is like method and path
// is on its way, once: what a replica does when this one is frozen there.
func (w *world) overtake(method, path string) (at func() int) {
	var happened atomic.Int64
	hook := func(r *http.Request) {
		if r.Method != method || !strings.Contains(r.URL.Path, path) || !happened.CompareAndSwap(0, int64(len(w.github.Requests())+1)) {
			return
		}
		if _, err := w.store.DB().Exec(`UPDATE dirty SET generation = generation + 1`); err != nil {
			w.t.Error(err)
		}
	}
	w.onRequest.Store(&hook)
	return func() int { return int(happened.Load()) }
}

// Promise9: a run that was overtaken while it scanned writes nothing any more.
func TestPromise9FrozenWhileScanning(t *testing.T) {
	w := newWorld(t, "[reviewers]\nusers = ['reviewer']\n")
	w.settle()
	looks := 0
	at := w.overtake(http.MethodGet, "/compare/")
	p := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.0", "grabber@2.0.0")})
	w.want(p, "action_required", "after the run that took over")
	if at() == 0 {
		t.Fatal("nobody was overtaken")
	}
	for _, r := range w.github.Requests()[at():] {
		if r.Method == http.MethodPost && strings.HasSuffix(r.Path, "/check-runs") {
			break // the next run begins
		}
		if r.Method != http.MethodGet && !strings.HasSuffix(r.Path, "/access_tokens") {
			t.Errorf("the overtaken run wrote: %s %s", r.Method, r.Path)
		}
		looks++
	}
	if looks == 0 || w.comment(p) == "" {
		t.Errorf("%d requests after, comment %q", looks, w.comment(p))
	}
}

// Promise9: a write that arrived after its time is followed by what is newest, in
// a check run that GitHub shows before it.
func TestPromise9FrozenWhileWriting(t *testing.T) {
	for _, test := range []struct{ name, method, path string }{
		{"the check", http.MethodPost, "/check-runs"},
		{"the comment", http.MethodPost, "/comments"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, "[reviewers]\nusers = ['reviewer']\n")
			w.settle()
			at := w.overtake(test.method, test.path)
			p := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.0", "grabber@2.0.0")})
			w.want(p, "action_required", "in the end")
			if at() == 0 {
				t.Fatal("nobody was overtaken")
			}
			var runs []int64
			for _, run := range w.repo.CheckRuns(p.Head()) {
				runs = append(runs, run.ID)
			}
			if len(runs) < 2 || w.check(p.Head(), mainCheck).ID != runs[len(runs)-1] {
				t.Errorf("check runs %v, want a new one after the late write", runs)
			}
			if w.comment(p) == "" {
				t.Error("no comment")
			}
		})
	}
}
