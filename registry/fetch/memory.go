package fetch

import (
	"context"
	"sync"
	"time"
)

// maxRemembered bounds the bytes that a memory holds.
const maxRemembered = 64 << 20

// memory joins equal requests under way and remembers their answers for a
// while. Errors are not remembered.
type memory struct {
	ttl time.Duration
	now func() time.Time

	mu    sync.Mutex // guards what follows and the fields of every call
	calls map[string]*call
	bytes int64 // of the finished calls in the map
}

type call struct {
	done    chan struct{} // closed when body and err are set
	cancel  context.CancelFunc
	waiters int
	ended   bool
	at      time.Time // when it ended
	body    []byte
	err     error
}

func newMemory(ttl time.Duration, now func() time.Time) *memory {
	return &memory{ttl: ttl, now: now, calls: map[string]*call{}}
}

// do returns what get returns, called once for all who ask for key at the same
// time. get runs under the values of the first caller's context but is cancelled
// only when the last one who waits has gone: one impatient caller must not spoil
// the answer for others.
func (m *memory) do(ctx context.Context, key string, get func(context.Context) ([]byte, error)) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	c := m.calls[key]
	if c != nil && c.ended {
		if m.now().Sub(c.at) < m.ttl {
			m.mu.Unlock()
			return c.body, nil
		}
		m.drop(key, c)
		c = nil
	}
	if c == nil {
		c = m.start(ctx, key, get)
	}
	c.waiters++
	m.mu.Unlock()

	select {
	case <-c.done:
		return c.body, c.err
	case <-ctx.Done():
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c.waiters--
	if c.waiters == 0 && !c.ended {
		c.cancel()
		m.drop(key, c) // so that nobody joins what is being cancelled
	}
	return nil, ctx.Err()
}

// start needs m.mu.
func (m *memory) start(ctx context.Context, key string, get func(context.Context) ([]byte, error)) *call {
	shared, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &call{done: make(chan struct{}), cancel: cancel}
	m.calls[key] = c
	go func() {
		body, err := get(shared)
		cancel()
		m.mu.Lock()
		defer m.mu.Unlock()
		c.body, c.err, c.ended, c.at = body, err, true, m.now()
		close(c.done)
		if m.calls[key] != c {
			return // abandoned
		}
		m.bytes += int64(len(body))
		if err != nil || m.ttl <= 0 || int64(len(body)) > maxRemembered {
			m.drop(key, c)
		}
		m.evict()
	}()
	return c
}

// drop needs m.mu.
func (m *memory) drop(key string, c *call) {
	if m.calls[key] != c {
		return
	}
	delete(m.calls, key)
	if c.ended {
		m.bytes -= int64(len(c.body))
	}
}

// evict needs m.mu. Expired answers go first, then any until the bound holds.
func (m *memory) evict() {
	for _, everything := range []bool{false, true} {
		for key, c := range m.calls {
			if m.bytes <= maxRemembered {
				return
			}
			if c.ended && (everything || m.now().Sub(c.at) >= m.ttl) {
				m.drop(key, c)
			}
		}
	}
}
