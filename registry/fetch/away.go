package fetch

import (
	"errors"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/lockkeeper/lockkeeper/registry"
)

const (
	// awayAfter connections that could not be made, none between them that could, show
	// that a host is away.
	awayAfter = 3
	// awayFor is how long it is not asked then. A lockfile of hundreds of packages would
	// else wait for every single attempt, each of them within the host's rate budget.
	awayFor = 10 * time.Second
)

// absences remembers which hosts cannot be reached.
type absences struct {
	now func() time.Time

	mu   sync.Mutex
	tell map[string]absence // guarded by mu, by origin
}

type absence struct {
	failures int
	last     time.Time
	err      error
}

// check returns an *registry.AwayError for a host that is known to be away.
func (a *absences) check(u *url.URL) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if away := a.tell[origin(u)]; away.failures >= awayAfter && a.now().Sub(away.last) < awayFor {
		return &registry.AwayError{Host: u.Host, Err: away.err}
	}
	return nil
}

// note says what came of a request. An answer that breaks off, or an error of the host's
// own, came from a host that is there.
func (a *absences) note(u *url.URL, err error) {
	var dial *net.OpError
	var name *net.DNSError
	unmade := errors.As(err, &name) || errors.As(err, &dial) && dial.Op == "dial"
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case unmade:
		if a.tell == nil {
			a.tell = map[string]absence{}
		}
		a.tell[origin(u)] = absence{a.tell[origin(u)].failures + 1, a.now(), err}
	case err == nil:
		delete(a.tell, origin(u))
	}
}
