package pgtest_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lockkeeper/lockkeeper/store/storetest/pgtest"
)

// What was committed is there after the server was stopped, and after it was killed.
func TestOwn(t *testing.T) {
	c := pgtest.Own(t)
	pgtest.Exec(t, c.Address, "CREATE TABLE x (n INT)")
	for name, end := range map[string]func() error{"stopped": c.Stop, "killed": c.Kill} {
		pgtest.Exec(t, c.Address, "INSERT INTO x VALUES (1)")
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if conn, err := pgx.Connect(t.Context(), c.Address); err == nil {
			conn.Close(context.Background())
			t.Errorf("it still answers after it was %s", name)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := pgx.Connect(t.Context(), c.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var n int
	if err := conn.QueryRow(t.Context(), "SELECT COUNT(*) FROM x").Scan(&n); err != nil || n != 2 {
		t.Errorf("%d rows, %v; want both", n, err)
	}
}
