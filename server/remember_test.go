package server

import (
	"context"
	"errors"
	"sync"
	"testing"
)

func TestRemembered(t *testing.T) {
	r := newRemembered[string](8, func(s string) int { return len(s) })
	reads := 0
	get := func(key, value string) string {
		t.Helper()
		got, err := r.get(t.Context(), key, func() (string, error) { reads++; return value, nil })
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	want := func(n int, when string) {
		t.Helper()
		if reads != n {
			t.Errorf("%s: %d reads, want %d", when, reads, n)
		}
	}
	get("a", "AA")
	get("b", "BB")
	get("c", "CC")
	get("d", "DD")
	if got := get("a", "other"); got != "AA" {
		t.Errorf("a is %q", got)
	}
	want(4, "all kept")
	get("e", "EE") // b is what was not used for longest
	get("a", "AA")
	want(5, "with one too many")
	get("b", "BB")
	want(6, "what had to go")
	get("large", "LLL")
	get("large", "LLL")
	want(8, "what is too large to be kept")
}

// TestRememberedAtOnce: many who want the same cost one read; where that fails, nobody
// is given the failure of another.
func TestRememberedAtOnce(t *testing.T) {
	r := newRemembered[int](100, func(string) int { return 1 })
	begun, fail := make(chan struct{}), make(chan struct{})
	canceled := errors.New("the first one's own trouble")
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := r.get(t.Context(), 1, func() (string, error) { close(begun); <-fail; return "", canceled })
		if !errors.Is(err, canceled) {
			t.Errorf("%v", err)
		}
	})
	<-begun
	var mu sync.Mutex
	reads := 0
	for range 10 {
		wg.Go(func() {
			value, err := r.get(t.Context(), 1, func() (string, error) {
				mu.Lock()
				defer mu.Unlock()
				reads++
				return "value", nil
			})
			if err != nil || value != "value" {
				t.Errorf("%q, %v", value, err)
			}
		})
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.get(gone, 1, func() (string, error) { return "", nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("somebody who gave up: %v", err)
	}
	close(fail)
	wg.Wait()
	if reads != 1 {
		t.Errorf("%d reads after the failed one, want 1", reads)
	}
}
