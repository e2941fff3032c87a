package setup

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/lockkeeper/lockkeeper/github"
)

// heard is what came to the webhook.
type heard struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced whenever anything below changes
	n       int           // deliveries that were accepted
	first   time.Time     // of these
	event   string
	refused time.Time // a delivery that was not, last
	asking  bool      // GitHub, for the first delivery
	failed  *github.Delivery
}

func newHeard() *heard { return &heard{changed: make(chan struct{})} }

// hearing is what heard knows at one moment.
type hearing struct {
	N              int
	First, Refused time.Time
	Event          string
	Failed         *github.Delivery
}

func (h *heard) now() hearing {
	h.mu.Lock()
	defer h.mu.Unlock()
	return hearing{h.n, h.first, h.refused, h.event, h.failed}
}

// change does something with mu held and wakes whoever waits.
func (h *heard) change(do func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	do()
	close(h.changed)
	h.changed = make(chan struct{})
}

// events that a new App's webhook hears.
var events = []string{"ping", "installation", "installation_repositories", "pull_request"}

// listen passes deliveries on to the server, and notes what it made of them. Only one
// that the server accepted shows that GitHub was here: its signature was right.
func (h *heard) listen(now func() time.Time, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event := r.Header.Get("X-GitHub-Event") // which is not signed
		if !slices.Contains(events, event) {
			event = "a delivery"
		}
		noted := &noted{ResponseWriter: w}
		next.ServeHTTP(noted, r)
		at := now()
		switch {
		case noted.status >= 200 && noted.status < 300:
			h.change(func() {
				if h.n++; h.n == 1 {
					h.first, h.event = at, event
				}
			})
		case noted.status == http.StatusBadRequest:
			h.change(func() { h.refused = at })
		}
	})
}

// noted keeps the status of an answer.
type noted struct {
	http.ResponseWriter
	status int
}

func (n *noted) WriteHeader(status int) {
	if n.status == 0 {
		n.status = status
	}
	n.ResponseWriter.WriteHeader(status)
}

func (n *noted) Write(p []byte) (int, error) {
	if n.status == 0 {
		n.status = http.StatusOK
	}
	return n.ResponseWriter.Write(p)
}

// wait waits until more than n deliveries were accepted, most at the longest.
func (h *heard) wait(ctx context.Context, most time.Duration, n int) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for {
		h.mu.Lock()
		done, changed := h.n > n, h.changed
		h.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

const (
	// provokeFor and provokeEvery say how long, and how often, GitHub is asked.
	provokeFor   = time.Minute
	provokeEvery = time.Second
	// mostAsked is how often one delivery is asked for.
	mostAsked = 3
)

// provoke has GitHub deliver its first webhook once more, which it sent when the App
// was made and nobody could check its signature yet. It does so in the background, and
// notes what GitHub says of deliveries that failed.
func (g *Guide) provoke(running *Running) {
	h := g.heard
	h.mu.Lock()
	busy := h.asking || h.n > 0
	h.asking = true
	h.mu.Unlock()
	if busy {
		return
	}
	since := g.began.Add(-10 * time.Minute) // GitHub's clock is another
	go func() {
		defer h.change(func() { h.asking = false })
		ctx, cancel := context.WithTimeout(context.Background(), provokeFor)
		defer cancel()
		ticker := time.NewTicker(provokeEvery)
		defer ticker.Stop()
		asked := map[string]int{}
		for h.now().N == 0 {
			failed, err := running.App.FailedDeliveries(ctx, since)
			if err != nil && ctx.Err() == nil {
				g.cfg.Log.Warn().Err(err).Msg("GitHub does not tell which deliveries failed")
			}
			for i, d := range failed {
				if i == 0 {
					h.change(func() { h.failed = &d })
				}
				if d.Event != "ping" || asked[d.GUID] >= mostAsked {
					continue
				}
				asked[d.GUID]++
				if err := running.App.Redeliver(ctx, d.ID); err != nil && ctx.Err() == nil {
					g.cfg.Log.Warn().Err(err).Msg("GitHub does not repeat its first delivery")
				}
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	}()
}
