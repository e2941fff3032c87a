package rig_test

import (
	"context"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/bench/load/rig"
	"github.com/lockkeeper/lockkeeper/store/storetest/pgtest"
)

// TestDatabaseStopped: PostgreSQL is stopped, and killed, in the midst of a stream.
func TestDatabaseStopped(t *testing.T) {
	t.Parallel() // it waits
	db := pgtest.Own(t)
	w := newWorld(t, db.Address)
	w.start()
	w.start()
	w.stream(20)
	w.right()
	for _, test := range []struct {
		end  func() error
		down time.Duration
	}{{db.Stop, 0}, {db.Kill, 12 * time.Second}} { // after ten seconds each takes the other for dead
		refused := w.refusedDeliveries()
		w.meanwhile(func() error {
			w.after(20)
			if err := test.end(); err != nil {
				return err
			}
			down := time.After(test.down)
			if err := eventually(t.Context(), func() (bool, error) { return w.refusedDeliveries() > refused, nil }); err != nil {
				return err
			}
			<-down
			return db.Start()
		}, 60)
		w.right()
	}
}

func (w *world) refusedDeliveries() (n int) {
	for _, d := range w.GitHub.Deliveries() {
		if d.Status >= 500 {
			n++
		}
	}
	return n
}

// meanwhile does something in the midst of a stream of at least n webhooks.
func (w *world) meanwhile(do func() error, n int) {
	w.t.Helper()
	done := make(chan error, 1)
	go func() { done <- do() }()
	w.stream(n)
	must(w.t, <-done)
}

// TestDatabaseLocked: somebody else writes to the SQLite file for longer than the server
// waits for it.
func TestDatabaseLocked(t *testing.T) {
	t.Parallel() // it waits
	w := atRest(t, rig.Config{})
	unlock, err := w.LockDatabase(t.Context())
	must(t, err)
	w.stream(20)
	// The server waits for five seconds, for one thing after the other.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := eventually(ctx, func() (bool, error) { return w.refusedDeliveries() > 0, nil }); err != nil {
		t.Error("deliveries were taken that could not be kept")
	}
	must(t, unlock())
	w.right()
}
