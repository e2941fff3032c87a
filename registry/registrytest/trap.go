package registrytest

import (
	"net"
	"sync/atomic"
)

// Trap is a host on loopback that nobody configured and that must never be contacted.
// It counts those who do. Close it after use.
type Trap struct {
	listener net.Listener
	visits   atomic.Int64
}

// NewTrap begins to listen.
func NewTrap() (*Trap, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &Trap{listener: listener}
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			t.visits.Add(1)
			_ = c.Close() // the visitor finds out
		}
	}()
	return t, nil
}

// Host is "host:port".
func (t *Trap) Host() string { return t.listener.Addr().String() }

// Visits is how many connections were made.
func (t *Trap) Visits() int64 { return t.visits.Load() }

// Close ends it.
func (t *Trap) Close() error { return t.listener.Close() }
