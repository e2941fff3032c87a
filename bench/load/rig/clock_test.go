package rig_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/bench/load/rig"
	"github.com/lockkeeper/lockkeeper/store/storetest/pgtest"
)

// TestClock: the server's clock jumps by hours, forth and back, while it works. GitHub
// takes no assertion of who lives in another hour, so that nothing can be done once the
// token at hand is over: what comes then is done when the clock is right again.
func TestClock(t *testing.T) {
	t.Parallel() // it waits, also for the compiler
	program, clock, err := rig.BuildMovable(t.TempDir())
	must(t, err)
	for _, test := range []struct {
		name     string
		database func(testing.TB) string
	}{{"SQLite", func(testing.TB) string { return "" }}, {"PostgreSQL", pgtest.New}} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorldWith(t, rig.Config{Database: test.database(t), Binary: program, TokenLife: 5 * time.Second})
			one := w.startWith(rig.Options{Env: clock.Env()})
			w.stream(10)
			w.right()
			for _, off := range []time.Duration{3 * time.Hour, -5 * time.Hour} {
				failed := strings.Count(one.Log(), "job failed")
				must(t, clock.Set(off))
				w.streamUntil(func() bool { return strings.Count(one.Log(), "job failed") > failed })
				must(t, clock.Set(0))
				w.stream(5)
				w.right()
			}
			// For so short that no look at the clock falls into it, which would tell.
			must(t, clock.Set(3*time.Hour))
			w.stream(1)
			must(t, w.GitHub.Flush(t.Context()))
			must(t, clock.Set(0))
			w.right()
		})
	}
}
