package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// gate is passed by every single request, retries and redirects included, right
// before it would reach the network. That makes it the place that promise 5
// rests on: what is checked here cannot be gone around by a layer above.
type gate struct {
	hosts     hosts
	away      *absences
	slots     *semaphore.Weighted
	timeout   time.Duration
	deadline  time.Duration
	userAgent string
	next      http.RoundTripper

	authorized hosts // those that authorize is for
	authorize  func(http.Header)
}

type budgetKey struct{}

// withBudget makes every attempt of a request wait for b.
func withBudget(ctx context.Context, b Budget) context.Context {
	if b == nil {
		return ctx
	}
	return context.WithValue(ctx, budgetKey{}, b)
}

// RoundTrip refuses foreign hosts, waits for budget and slot, bounds the time, and
// adds credentials where they belong.
func (g *gate) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := g.hosts.check(req.URL); err != nil {
		return nil, err
	}
	if err := g.away.check(req.URL); err != nil {
		return nil, err // before it would wait for its budget
	}
	ctx := req.Context()
	if budget, ok := ctx.Value(budgetKey{}).(Budget); ok {
		if err := budget.Wait(ctx); err != nil {
			return nil, budgetError{fmt.Errorf("wait for the registry's rate budget: %w", err)}
		}
		if err := g.away.check(req.URL); err != nil {
			return nil, err // those before it in the line found out
		}
	}
	if err := g.slots.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	bounded, cancelDeadline := context.WithTimeoutCause(ctx, g.deadline, errDeadline)
	bounded, cancel := context.WithCancelCause(bounded)
	body := &gatedBody{ctx: bounded, timeout: g.timeout}
	body.idle = time.AfterFunc(g.timeout, func() { cancel(errIdle) })
	body.release = func() {
		body.idle.Stop()
		cancel(nil)
		cancelDeadline()
		g.slots.Release(1)
	}
	out := req.Clone(bounded)
	out.Header.Set("User-Agent", g.userAgent)
	// The address of the page before may hold what gave access to it.
	out.Header.Del("Referer")
	// On the clone alone, so that a redirect starts without.
	if g.authorize != nil && g.authorized.check(req.URL) == nil {
		g.authorize(out.Header)
	}
	resp, err := g.next.RoundTrip(out)
	g.away.note(req.URL, err)
	if err != nil {
		err = body.explain(err)
		body.release()
		return nil, err
	}
	body.ReadCloser = resp.Body
	resp.Body = body
	// The client's own request, not the clone, so that a later look at
	// resp.Request finds the context that it was made with.
	resp.Request = req
	return resp, nil
}

var (
	errIdle     = errors.New("no progress within the timeout")
	errDeadline = errors.New("not finished within the deadline")
)

// gatedBody holds its slot until it is closed and restarts the idle clock with
// each read that brings something.
type gatedBody struct {
	io.ReadCloser
	ctx     context.Context
	idle    *time.Timer
	timeout time.Duration
	once    sync.Once
	release func()
}

func (b *gatedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.idle.Reset(b.timeout)
	}
	if err != nil && err != io.EOF {
		err = b.explain(err)
	}
	return n, err
}

func (b *gatedBody) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(b.release)
	return err
}

// explain puts our own reason in place of the bare cancellation that the
// transport reports, so that a timeout is retried and a caller's cancel is not.
func (b *gatedBody) explain(err error) error {
	if cause := context.Cause(b.ctx); cause == errIdle || cause == errDeadline {
		return cause
	}
	return err
}
