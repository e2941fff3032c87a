package githubtest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// Delivery is one webhook delivery, or one more attempt at it.
type Delivery struct {
	ID             int64
	GUID           string // X-GitHub-Delivery: the same for every attempt
	Event          string
	Action         string
	InstallationID int64
	RepositoryID   int64
	Payload        []byte
	Redelivery     bool
	Headers        http.Header
	// Status is the receiver's answer; 0 while under way, 502 where there was none.
	Status      int
	Response    string
	DeliveredAt time.Time
	Duration    time.Duration
}

// Plan is what happens to a delivery.
type Plan int

// The fates of a delivery.
const (
	Deliver Plan = iota
	Drop         // not sent; recorded as failed, so that the App can find and redeliver it
	Lose         // not sent and not recorded: the worst that GitHub can do
	Twice        // sent twice, as GitHub may
	Hold         // kept back until Release
)

// hookQueue sends deliveries from goroutines of its own. Its lock is never held
// while Server.mu is taken.
type hookQueue struct {
	srv    *Server
	client *http.Client
	stop   context.CancelFunc
	ctx    context.Context

	mu        sync.Mutex
	changed   chan struct{} // closed and replaced whenever anything below changes
	url       string
	secret    string
	intercept func(Delivery) Plan
	queue     []*Delivery
	held      []*Delivery
	recorded  []*Delivery
	busy      int
	running   bool
	lastID    int64
	app       int64
}

// deliveryTimeout is how long GitHub waits for a receiver.
const deliveryTimeout = 10 * time.Second

func newHookQueue(s *Server) *hookQueue {
	ctx, stop := context.WithCancel(context.Background())
	return &hookQueue{
		srv: s, client: &http.Client{Timeout: deliveryTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}, ctx: ctx, stop: stop,
		changed: make(chan struct{}), lastID: 900_000_000,
	}
}

func (q *hookQueue) close() {
	q.stop()
	q.client.CloseIdleConnections()
}

// SetWebhook tells where deliveries go and which secret signs them. Events from
// before are not sent. An empty url ends delivery.
func (s *Server) SetWebhook(url, secret string) { s.hooks.set(url, secret) }

// setApp says whose deliveries they are.
func (q *hookQueue) setApp(id int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.app = id
}

func (q *hookQueue) set(url, secret string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.url, q.secret = url, secret
	if url == "" || q.running {
		return
	}
	q.running = true
	for range q.srv.cfg.DeliveryWorkers {
		go q.work()
	}
}

// Intercept decides the fate of each delivery before its first attempt. nil
// delivers everything. decide must not call the Server.
func (s *Server) Intercept(decide func(Delivery) Plan) {
	s.hooks.mu.Lock()
	defer s.hooks.mu.Unlock()
	s.hooks.intercept = decide
}

// Held are the deliveries kept back, oldest first.
func (s *Server) Held() []Delivery {
	s.hooks.mu.Lock()
	defer s.hooks.mu.Unlock()
	return copies(s.hooks.held)
}

// Release sends held deliveries in the order given: reordering is to release in
// another order. Without ids it releases all, oldest first.
func (s *Server) Release(ids ...int64) {
	q := s.hooks
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(ids) == 0 {
		for _, d := range q.held {
			ids = append(ids, d.ID)
		}
	}
	for _, id := range ids {
		for i, d := range q.held {
			if d.ID == id {
				q.held = append(q.held[:i:i], q.held[i+1:]...)
				q.queue = append(q.queue, d)
				q.recorded = append(q.recorded, d)
				break
			}
		}
	}
	q.notify()
}

// Replay sends a recorded delivery again, byte for byte, without a record of it:
// what somebody does who has listened.
func (s *Server) Replay(id int64) {
	q := s.hooks
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, d := range q.recorded {
		if d.ID == id {
			again := *d
			again.Status = 0
			q.queue = append(q.queue, &again)
			q.notify()
			return
		}
	}
	panic(fmt.Sprintf("githubtest: no delivery %d", id))
}

// Redeliver makes another attempt at a recorded delivery, as an App asks for it.
func (s *Server) Redeliver(id int64) {
	if !s.hooks.redeliver(id) {
		panic(fmt.Sprintf("githubtest: no delivery %d", id))
	}
}

// Deliveries are the attempts so far, oldest first.
func (s *Server) Deliveries() []Delivery {
	s.hooks.mu.Lock()
	defer s.hooks.mu.Unlock()
	return copies(s.hooks.recorded)
}

func copies(all []*Delivery) []Delivery {
	out := make([]Delivery, 0, len(all))
	for _, d := range all {
		out = append(out, *d)
	}
	return out
}

// Flush waits until everything queued has been answered; held deliveries do not
// count.
func (s *Server) Flush(ctx context.Context) error {
	q := s.hooks
	for {
		q.mu.Lock()
		idle, changed := len(q.queue) == 0 && q.busy == 0, q.changed
		q.mu.Unlock()
		if idle {
			return nil
		}
		select {
		case <-changed:
		case <-q.ctx.Done():
			return fmt.Errorf("deliver webhooks: %w", q.ctx.Err())
		case <-ctx.Done():
			return fmt.Errorf("deliver webhooks: %w", ctx.Err())
		}
	}
}

// notify wakes whoever waits. Call with mu held.
func (q *hookQueue) notify() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// listening reports whether there is a receiver.
func (q *hookQueue) listening() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.url != ""
}

// add queues a new event. Without a receiver there is nothing to do.
func (q *hookQueue) add(event, action string, installation, repository int64, payload obj) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.url == "" {
		return
	}
	body, err := json.Marshal(payload)
	must(err)
	q.lastID++
	d := &Delivery{
		ID: q.lastID, GUID: fmt.Sprintf("%08x-0000-4000-8000-%012x", q.lastID, q.lastID), Event: event, Action: action,
		InstallationID: installation, RepositoryID: repository, Payload: body, DeliveredAt: q.srv.now(),
	}
	d.Headers = q.headers(d)
	plan := Deliver
	if q.intercept != nil {
		plan = q.intercept(*d)
	}
	switch plan {
	case Lose:
		return
	case Hold:
		q.held = append(q.held, d)
		return
	case Drop:
		d.Status = http.StatusBadGateway
	case Twice:
		q.queue = append(q.queue, d, &Delivery{
			ID: d.ID, GUID: d.GUID, Event: event, Action: action, InstallationID: installation, RepositoryID: repository, Payload: body, Headers: d.Headers,
		})
	default:
		q.queue = append(q.queue, d)
	}
	q.recorded = append(q.recorded, d)
	q.notify()
}

// redeliver queues another attempt with the same GUID and the headers as they
// would be now.
func (q *hookQueue) redeliver(id int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, d := range q.recorded {
		if d.ID != id {
			continue
		}
		again := *d
		q.lastID++
		again.ID, again.Redelivery, again.Status, again.Response, again.DeliveredAt = q.lastID, true, 0, "", q.srv.now()
		again.Headers = q.headers(&again)
		q.queue = append(q.queue, &again)
		q.recorded = append(q.recorded, &again)
		q.notify()
		return true
	}
	return false
}

func (q *hookQueue) headers(d *Delivery) http.Header {
	mac := hmac.New(sha256.New, []byte(q.secret))
	mac.Write(d.Payload)
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "GitHub-Hookshot/0000000")
	h.Set("X-GitHub-Event", d.Event)
	h.Set("X-GitHub-Delivery", d.GUID)
	h.Set("X-GitHub-Hook-ID", "1")
	h.Set("X-GitHub-Hook-Installation-Target-ID", fmt.Sprint(q.app))
	h.Set("X-GitHub-Hook-Installation-Target-Type", "integration")
	if q.secret != "" {
		h.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	return h
}

func (q *hookQueue) work() {
	for {
		q.mu.Lock()
		if len(q.queue) == 0 {
			changed := q.changed
			q.mu.Unlock()
			select {
			case <-changed:
				continue
			case <-q.ctx.Done():
				return
			}
		}
		d := q.queue[0]
		q.queue = q.queue[1:]
		q.busy++
		url := q.url
		q.mu.Unlock()

		started := time.Now()
		status, answer := q.send(url, d)

		q.mu.Lock()
		d.Status, d.Response, d.Duration = status, answer, time.Since(started)
		q.busy--
		q.notify()
		q.mu.Unlock()
	}
}

func (q *hookQueue) send(url string, d *Delivery) (status int, answer string) {
	req, err := http.NewRequestWithContext(q.ctx, http.MethodPost, url, bytes.NewReader(d.Payload))
	if err != nil {
		return http.StatusBadGateway, err.Error()
	}
	req.Header = d.Headers.Clone()
	resp, err := q.client.Do(req)
	if err != nil {
		return http.StatusBadGateway, "failed to connect to host"
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return resp.StatusCode, string(body)
}
