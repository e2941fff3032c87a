package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lockkeeper/lockkeeper/store"
)

func TestInspect(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "lock keeper?.db")
	if there, err := store.Inspect(t.Context(), path); there || err != nil {
		t.Errorf("before the first start: %t, %v", there, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("something was left behind: %v, %v", entries, err)
	}
	s, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if there, err := store.Inspect(t.Context(), path); !there || err != nil {
		t.Errorf("while it is in use: %t, %v", there, err)
	}
	broken := filepath.Join(dir, "broken.db")
	if err := os.WriteFile(broken, []byte("no database at all, but long enough to have a header in it, which is wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	if there, err := store.Inspect(t.Context(), broken); !there || err == nil {
		t.Errorf("a file that is no database: %t, %v", there, err)
	}
	if _, err := store.Inspect(t.Context(), filepath.Join(dir, "nowhere", "a.db")); err == nil {
		t.Error("a directory that is not there is no mistake")
	}
}
