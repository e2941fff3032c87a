package rig_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/bench/load/rig"
	"github.com/lockkeeper/lockkeeper/store/storetest/pgtest"
)

// before is the last commit with the tables of version 6.
const before = "6a5672965fa7d0459a6c9bc89ca3b135e20e9591"

// TestUpgrade: a version with other tables and the present one work side by side on one
// database, and the old one is started again on the tables of the new one.
func TestUpgrade(t *testing.T) {
	t.Parallel() // it waits, also for the compiler
	old, err := rig.BuildCommit(t.TempDir(), before)
	must(t, err)
	database := pgtest.New(t)
	w := newWorld(t, database)
	one := w.startWith(rig.Options{Binary: old})
	w.stream(20)
	w.meanwhile(func() error {
		w.after(10)
		_, err := w.Start() // migrates
		return err
	}, 40)
	// Not killed: the old version did not find again what it had not noted.
	end(t, one)
	again := w.startWith(rig.Options{Binary: old})
	w.stream(30)
	end(t, again)
	w.stream(10)
	w.right()

	// Whoever is older than the tables says so, and works.
	pgtest.Exec(t, database, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)`)
	older := w.start()
	if log := older.Log(); !strings.Contains(log, "newer version") {
		t.Errorf("it does not say that the tables are those of a newer version:\n%s", log)
	}
	w.stream(10)
	w.right()
}

// end is a graceful one.
func end(t *testing.T, one *rig.Replica) {
	t.Helper()
	must(t, one.Signal(syscall.SIGTERM))
	select {
	case <-one.Ended():
	case <-time.After(time.Minute):
		t.Fatalf("it does not end:\n%s", one.Log())
	}
}
