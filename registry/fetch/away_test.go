package fetch_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/fetch"
)

// reachable is a network in which a host is there, or is not.
type reachable struct {
	there atomic.Bool
	tries atomic.Int64
}

func (r *reachable) RoundTrip(req *http.Request) (*http.Response, error) {
	r.tries.Add(1)
	if !r.there.Load() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("no route to host")}
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("here")), Header: http.Header{}, Request: req}, nil
}

// TestHostThatIsAway: a host that cannot be reached costs a few attempts, not some for
// each package, and is asked again a little later.
func TestHostThatIsAway(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	var network reachable
	c, err := fetch.New(fetch.Config{
		Transport: &network, Now: func() time.Time { return now }, RetryWaitMin: time.Nanosecond, RetryWaitMax: time.Nanosecond,
	}, "https://registry.example.invalid")
	if err != nil {
		t.Fatal(err)
	}
	get := func(name string) error {
		_, err := c.Get(context.Background(), fetch.Request{URL: "https://registry.example.invalid/" + name, Limit: 100})
		return err
	}
	for _, name := range []string{"one", "two", "three", "four", "five", "six"} {
		var away *registry.AwayError
		if err := get(name); !errors.As(err, &away) || !strings.Contains(err.Error(), "no route to host") {
			t.Errorf("%s: %v, want that the host cannot be reached and why", name, err)
		}
	}
	if n := network.tries.Load(); n != 3 {
		t.Errorf("%d attempts at a host that is away, want 3", n)
	}
	now = now.Add(11 * time.Second)
	if err := get("seven"); err == nil || network.tries.Load() != 4 {
		t.Errorf("after a while: %v and %d attempts, want an error and one more attempt", err, network.tries.Load())
	}
	now = now.Add(11 * time.Second)
	network.there.Store(true)
	for _, name := range []string{"eight", "nine"} {
		if err := get(name); err != nil {
			t.Errorf("%s: %v, though the host is back", name, err)
		}
	}
	network.there.Store(false)
	before := network.tries.Load()
	if err := get("ten"); err == nil || network.tries.Load() != before+3 {
		t.Errorf("%v after %d attempts; one success makes the count begin again", err, network.tries.Load()-before)
	}
}
