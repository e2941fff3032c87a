package store

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/store/storetest/pgtest"
)

func openAt(t testing.TB, location string) *Store {
	t.Helper()
	s, err := Open(t.Context(), location)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// filled is a SQLite database with a row in every table.
func filled(t testing.TB) (*Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lockkeeper.db")
	s := openAt(t, path)
	files, err := filepath.Glob("testdata/rows/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		rows, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.db.ExecContext(t.Context(), string(rows)); err != nil {
			t.Fatal(err)
		}
	}
	return s, path
}

func TestCopy(t *testing.T) {
	from, _ := filled(t)
	// What PostgreSQL cannot hold, from times when nobody took care.
	if _, err := from.db.ExecContext(t.Context(), `INSERT INTO facts (key, value, made_at) VALUES ($1, $2, 0)`, "odd\x00\xff", []byte("\x00\xff")); err != nil {
		t.Fatal(err)
	}
	to := openAt(t, pgtest.New(t))
	copied, err := Copy(t.Context(), from, to)
	if err != nil {
		t.Fatal(err)
	}
	tables := columns(t, from.db, sqlite)
	for _, table := range ephemeral {
		delete(tables, table)
	}
	want, got := dump(t, from.db, tables), dump(t, to.db, tables)
	for i, row := range want["facts"] {
		want["facts"][i] = strings.Replace(row, `"odd\x00\xff"`, `"\"odd\\x00\\xff\""`, 1)
	}
	slices.Sort(want["facts"])
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-SQLite +PostgreSQL):\n%s", diff)
	}
	for _, c := range copied {
		if int(c.Rows) != len(want[c.Table]) || c.Rows == 0 {
			t.Errorf("%d rows of %s reported, want %d", c.Rows, c.Table, len(want[c.Table]))
		}
		delete(tables, c.Table)
	}
	if len(tables) > 0 {
		t.Errorf("tables that were not copied: %v", tables)
	}
	if value, found, err := to.Fact(t.Context(), "odd\x00\xff"); err != nil || !found || string(value) != "\x00\xff" {
		t.Errorf("fact %q, %v, %v", value, found, err)
	}
	// Ids go on after those that were copied, so that the order stays.
	said := policy.Statement{Finding: lockkeeper.Sum(nil), Verdict: policy.Reject, By: 9, At: fromMicros(1)}
	if added, err := to.AddStatement(t.Context(), 1, 7, said, "comment:3"); err != nil || !added {
		t.Fatalf("AddStatement: %v, %v", added, err)
	}
	all, err := to.Statements(t.Context(), 1, []lockkeeper.Digest{said.Finding})
	if err != nil || len(all) != 3 || all[2] != said {
		t.Errorf("statements %+v, %v; want the new one last", all, err)
	}
	if _, err := Copy(t.Context(), from, to); err == nil || !strings.Contains(err.Error(), "already; copy to an empty one") {
		t.Errorf("copied to a database that is not empty: %v", err)
	}
	if all, err := to.Statements(t.Context(), 1, []lockkeeper.Digest{said.Finding}); err != nil || len(all) != 3 {
		t.Errorf("statements after the refusal %+v, %v", all, err)
	}
}

// Also of an empty database, and never the other way.
func TestCopyOfNothing(t *testing.T) {
	from, to := openAt(t, filepath.Join(t.TempDir(), "x.db")), openAt(t, pgtest.New(t))
	for _, pair := range [][2]*Store{{to, from}, {from, from}, {to, to}} {
		if _, err := Copy(t.Context(), pair[0], pair[1]); err == nil {
			t.Error("copied another way")
		}
	}
	if _, err := Copy(t.Context(), from, to); err != nil {
		t.Error(err)
	}
	said := policy.Statement{Finding: lockkeeper.Sum(nil), Verdict: policy.Reject, By: 9}
	if _, err := to.AddStatement(t.Context(), 1, 7, said, "comment:3"); err != nil {
		t.Error(err)
	}
}

// A copy that fails leaves nothing behind.
func TestCopyIsWhole(t *testing.T) {
	from, _ := filled(t)
	to := openAt(t, pgtest.New(t))
	// The last table, by name.
	if _, err := to.db.ExecContext(t.Context(), `ALTER TABLE statements ADD CHECK (by_id <> 3)`); err != nil {
		t.Fatal(err)
	}
	if _, err := Copy(t.Context(), from, to); err == nil || !strings.Contains(err.Error(), "table statements") {
		t.Fatalf("copied what is not allowed there: %v", err)
	}
	if rows := dump(t, to.db, map[string][]string{"facts": {"key"}, "scans": {"pull"}}); len(rows) > 0 {
		t.Errorf("left behind: %v", rows)
	}
}

// A backup is made while the database is in use, and is a database.
func TestBackup(t *testing.T) {
	s, path := filled(t)
	to := filepath.Join(t.TempDir(), "a b?c.db")
	stop := make(chan struct{})
	stopped := make(chan struct{})
	begun := make(chan struct{})
	go func() { // a server at work
		defer close(stopped)
		for i := 0; ; i++ {
			if err := s.PutFact(context.Background(), "busy", []byte{byte(i)}); err != nil {
				t.Error(err)
			}
			if i == 0 {
				close(begun)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	<-begun
	err := Backup(t.Context(), path, to)
	close(stop)
	<-stopped
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(to)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("rights %v, %v; want the owner's alone", info.Mode(), err)
	}
	tables := columns(t, s.db, sqlite)
	want := dump(t, s.db, tables)
	copied := openAt(t, to)
	got := dump(t, copied.db, tables)
	delete(want, "facts") // one of them went on changing
	if len(got["facts"]) != 2 {
		t.Errorf("facts %q", got["facts"])
	}
	delete(got, "facts")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-database +backup):\n%s", diff)
	}
	entries, err := os.ReadDir(filepath.Dir(to))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), "partial") {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}

func TestBackupFails(t *testing.T) {
	_, path := filled(t)
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ from, to, want string }{
		"the file is there":  {path, there, "is there already"},
		"nothing to back up": {filepath.Join(dir, "missing"), filepath.Join(dir, "new"), "no such file"},
		"no such directory":  {path, filepath.Join(dir, "no", "new"), "no such file"},
		"not a database":     {there, filepath.Join(dir, "new"), "not a database"},
		"PostgreSQL":         {"postgres://app:hunter2@127.0.0.1:1/x", filepath.Join(dir, "new"), "pg_dump"},
	} {
		err := Backup(t.Context(), test.from, test.to)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want it to say %q", name, err, test.want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Promise10: nothing that goes wrong with the database shows its password.
func TestPromise10DatabasePassword(t *testing.T) {
	for _, address := range []string{
		"postgres://app:hunter2@127.0.0.1:1/x?connect_timeout=1",
		"postgres://app:hunter2@127.0.0.1:port/x",
		"postgres://app:hun%zzter2@127.0.0.1:1/x",
		"postgres://app:p@ss:hunter2/@127.0.0.1:1/x",
		"postgres://app:hunter2@127.0.0.1:1/x?sslmode=sometimes",
		"postgres://127.0.0.1:1/x?password=hunter2&sslmode=sometimes",
		"postgresql://app@[::1/x?password=hunter2",
		strings.Replace(pgtest.New(t), "app@", "nobody:hunter2@", 1),
	} {
		s, err := Open(t.Context(), address)
		if err == nil {
			s.Close()
			t.Errorf("opened %s", address)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "zzter2") {
			t.Errorf("the error shows the password: %v", err)
		}
		if !strings.Contains(err.Error(), "open store") {
			t.Errorf("the error does not say what was tried: %v", err)
		}
	}
}
