package queue

import "testing"

// A job that was given to this process, and of which it never heard, runs all the same;
// one that it runs is left alone.
func testStray(t *testing.T, fresh func(testing.TB) string) {
	r := newRecorder()
	q := prepare(t, openStore(t, fresh(t)), r.work, fast)
	mustPut(t, q, pull(7))
	id := "'" + q.process.id + "'"
	by := `json_array(` + id + `)`
	if q.engine.shared {
		by = `ARRAY[` + id + `]`
	}
	if _, err := q.store.DB().ExecContext(t.Context(), `UPDATE river_job SET state = 'running', attempt = 1, attempted_by = `+by); err != nil {
		t.Fatal(err)
	}
	if err := q.register(t.Context()); err != nil {
		t.Fatal(err)
	}
	look := func(seen map[given]bool, want int) map[given]bool {
		t.Helper()
		now, err := q.strays(t.Context(), seen)
		if err != nil || len(now) != want {
			t.Fatalf("strays %v, %v; want %d", now, err, want)
		}
		return now
	}
	seen := look(nil, 1)
	wantStats(t, q, Stats{Running: 1})
	// It stood back after the first look and was just given to this process again.
	if _, err := q.store.DB().ExecContext(t.Context(), `UPDATE river_job SET attempted_at = `+q.engine.moment(q.store.Now())); err != nil {
		t.Fatal(err)
	}
	seen = look(seen, 1)
	wantStats(t, q, Stats{Running: 1})
	look(seen, 1)
	wantStats(t, q, Stats{Waiting: 1})

	startNow(t, q)
	receive(t, r.begun, "the run of what did not arrive")
	look(look(nil, 0), 0)
	wantStats(t, q, Stats{Running: 1})
	r.end <- nil
}
