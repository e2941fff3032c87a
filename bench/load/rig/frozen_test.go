package rig_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/bench/load/rig"
	"github.com/lockkeeper/lockkeeper/store/storetest/pgtest"
)

// TestFrozenAtTheWrite: a server is frozen when it is about to write, and wakes after
// another one has taken over and written something newer.
func TestFrozenAtTheWrite(t *testing.T) {
	t.Parallel() // it waits
	for _, test := range []struct {
		name string
		// old makes the scan that is frozen at the n-th request with this method and end of
		// path; newer one whose result has to stay.
		old, newer   func(w *world)
		method, path string
		n            int
		// lands: GitHub gets that request only after the newer result was written.
		lands bool
	}{
		{"at the look before it", (*world).push, (*world).push, http.MethodGet, "/pulls/1", 2, false},
		{"with a new check on its way", (*world).push, (*world).rescan, http.MethodPost, "/check-runs", 1, true},
		{"with the check on its way", (*world).rescan, (*world).signOff, http.MethodPatch, "/check-runs/", 1, true},
		{"with the comment on its way", (*world).signOff, (*world).withdraw, http.MethodPatch, "/issues/comments/", 1, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, pgtest.New(t))
			one := w.start()
			w.grab()
			w.right()
			// A comment is about what was shown in an earlier second, by GitHub's clock.
			shown := time.Now().Unix()
			must(t, eventually(t.Context(), func() (bool, error) { return time.Now().Unix() > shown+1, nil }))
			var met atomic.Int64
			frozen, land := make(chan error, 1), make(chan struct{})
			one.Watch(func(r *http.Request) {
				if r.Method == test.method && strings.Contains(r.URL.Path, test.path) && met.Add(1) == int64(test.n) {
					frozen <- one.Freeze()
					if test.lands {
						<-land
					}
				}
			})
			test.old(w)
			must(t, <-frozen)
			two := w.start()
			test.newer(w)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			must(t, w.Settle(ctx)) // by the other one
			run, comment := w.Newest(w.pulls[0]), w.comment()
			if want := rig.Conclusion(w.want[0]); run.Conclusion != want {
				t.Errorf("the other server wrote %q, want %q\n%s", run.Conclusion, want, two.Log())
			}
			before := ended(one)
			close(land)
			must(t, one.Wake())
			// It learns that others took over, and has seen to what it may have undone
			// once its run is over.
			must(t, eventually(ctx, func() (bool, error) {
				return strings.Contains(one.Log(), "others took over its jobs") && ended(one) > before, nil
			}))
			w.right()
			if now := w.comment(); now != comment {
				t.Errorf("the comment, as the other server wrote it:\n%s\nand in the end:\n%s", comment, now)
			}
		})
	}
}

// ended counts the runs about pull requests that a server is done with.
func ended(one *rig.Replica) (n int) {
	for line := range strings.Lines(one.Log()) {
		if strings.Contains(line, `"kind":"pull"`) && strings.Contains(line, `"job ended"`) {
			n++
		}
	}
	return n
}

// comment is that of the App at the first pull request, without the commits that it is
// about: it stays as it is while a push changes nothing else.
func (w *world) comment() string {
	for _, c := range w.pulls[0].Comments() {
		if c.Author == w.GitHub.AppLogin() {
			body, _, _ := strings.Cut(c.Body, "<sub>Base")
			return body
		}
	}
	return ""
}

// grab opens the first pull request, which needs a sign-off.
func (w *world) grab() {
	w.t.Helper()
	p, err := w.Open(0)
	must(w.t, err)
	w.pulls, w.want, w.heads = append(w.pulls, p), []int{0}, [][]string{{p.Head()}}
}

// push makes it need one still, or again: its packages are the same.
func (w *world) push() {
	w.t.Helper()
	w.want[0] += 2
	must(w.t, w.Push(w.pulls[0], w.want[0]))
	w.heads[0] = append(w.heads[0], w.pulls[0].Head())
}

func (w *world) rescan() { w.say("author", "/lockkeeper rescan") }

func (w *world) signOff() {
	w.say("reviewer", `/lockkeeper sign-off grabber "looked at it"`)
	w.want[0] = 1 // success
}

func (w *world) withdraw() {
	w.say("reviewer", `/lockkeeper withdraw grabber`)
	w.want[0] = 0
}

func (w *world) say(login, line string) {
	w.asked = append(w.asked, w.pulls[0].Comment(login, line))
}
