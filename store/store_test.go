package store_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/store"
	"github.com/lockkeeper/lockkeeper/store/storetest"
	"github.com/lockkeeper/lockkeeper/store/storetest/pgtest"
)

func open(t testing.TB, path string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSQLite(t *testing.T) {
	storetest.Run(t, newSQLite)
}

func TestPostgreSQL(t *testing.T) {
	storetest.Run(t, pgtest.New)
}

func newSQLite(t testing.TB) string { return filepath.Join(t.TempDir(), "lockkeeper.db") }

func TestReopenKeepsEverything(t *testing.T) {
	// A path with everything that a data source name would take for its own.
	path := filepath.Join(t.TempDir(), "a b?c#d%20&é.db")
	first := open(t, path)
	said := policy.Statement{Finding: lockkeeper.Sum(nil), Verdict: policy.SignOff, By: 1, At: time.UnixMicro(1).UTC()}
	if _, err := first.AddStatement(t.Context(), 1, 2, said, "comment:1"); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, path)
	got, err := again.Statements(t.Context(), 1, []lockkeeper.Digest{said.Finding})
	if err != nil || len(got) != 1 || got[0] != said {
		t.Errorf("after reopening: %+v, error %v", got, err)
	}
	if added, err := again.AddStatement(t.Context(), 1, 2, said, "comment:1"); added || err != nil {
		t.Errorf("the same comment after reopening: added %v, error %v", added, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("rights %v, want the owner's alone", info.Mode().Perm())
	}
}

func TestSettings(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "x.db"))
	for pragma, want := range map[string]string{"journal_mode": "wal", "busy_timeout": "5000", "synchronous": "1", "recursive_triggers": "1"} {
		var got string
		if err := s.DB().QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", pragma, got, err, want)
		}
	}
}

// A REPLACE is a deletion that does not call itself one.
func TestStatementsAreNotReplaced(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "x.db"))
	said := policy.Statement{Finding: lockkeeper.Sum(nil), Verdict: policy.SignOff, By: 1}
	if _, err := s.AddStatement(t.Context(), 1, 2, said, "comment:1"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"1", "NULL"} {
		_, err := s.DB().ExecContext(t.Context(), `INSERT OR REPLACE INTO statements
			(id, repo_id, pull, source, finding, verdict, by_id, login, reason, place, made_at)
			VALUES (`+id+`, 1, 2, 'comment:1', $1, 'reject', 1, '', '', '', 0)`, string(said.Finding))
		if err == nil || !strings.Contains(err.Error(), "never deleted") {
			t.Errorf("replaced a statement by id %s: %v", id, err)
		}
	}
}

func TestOpenFails(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "no", "such", "dir.db")
	if _, err := store.Open(t.Context(), missing); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "[store] path") {
		t.Errorf("open %s: %v", missing, err)
	}
	garbage := filepath.Join(t.TempDir(), "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("not a database", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), garbage); err == nil || !strings.Contains(err.Error(), garbage) {
		t.Errorf("open garbage: %v", err)
	}
}

// Every call says what it tried, also when the database is gone.
func TestErrorsSayWhat(t *testing.T) {
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	said := policy.Statement{Finding: lockkeeper.Sum(nil), Verdict: policy.SignOff, By: 1}
	for want, call := range map[string]func(context.Context) error{
		"record sign-off of repository 1 pull 2": func(ctx context.Context) error {
			_, err := s.AddStatement(ctx, 1, 2, said, "comment:1")
			return err
		},
		"read statements of repository 1": func(ctx context.Context) error {
			_, err := s.Statements(ctx, 1, []lockkeeper.Digest{said.Finding})
			return err
		},
		"store scan of repository 1 pull 2": func(ctx context.Context) error { return s.PutScan(ctx, store.Scan{RepoID: 1, Pull: 2}) },
		"read scan of repository 1 pull 2":  func(ctx context.Context) error { _, _, err := s.GetScan(ctx, 1, 2); return err },
		`against "main"`:                    func(ctx context.Context) error { _, err := s.ScansByBase(ctx, 1, "main"); return err },
		`read fact "k"`:                     func(ctx context.Context) error { _, _, err := s.Fact(ctx, "k"); return err },
		`store fact "k"`:                    func(ctx context.Context) error { return s.PutFact(ctx, "k", nil) },
		`mark "k" handled`:                  func(ctx context.Context) error { _, err := s.MarkHandled(ctx, "k"); return err },
		"note comment 4":                    func(ctx context.Context) error { return s.NoteComment(ctx, 1, 2, store.Comment{ID: 4}) },
		"hear comment 4": func(ctx context.Context) error {
			return s.HearComment(ctx, 1, 2, store.Comment{ID: 4, Heard: []byte("{}")})
		},
		"answer comment 4":              func(ctx context.Context) error { return s.AnswerComment(ctx, 1, 4) },
		"read comments of repository 1": func(ctx context.Context) error { _, err := s.Comments(ctx, 1, 2); return err },
		"store repository 3":            func(ctx context.Context) error { return s.PutRepository(ctx, store.Repository{ID: 3}) },
		"ask store":                     s.Check,
	} {
		if err := call(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
	}
}
