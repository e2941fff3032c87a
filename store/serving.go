package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// ErrServed says that another server is at work on the SQLite database.
var ErrServed = errors.New("another server is at work on it; a SQLite database takes one at a time: stop that one first, or move to PostgreSQL, which takes many")

// Serve makes this process the one server of the SQLite database at location, until
// release or its death, however sudden: the lock is the operating system's, on a file
// beside the database. ErrServed if there is one already. Who merely reads or copies
// the database needs no lock. PostgreSQL takes many servers.
func Serve(location string) (release func() error, err error) {
	if IsPostgres(location) {
		return func() error { return nil }, nil
	}
	// Whatever it is called, one database has one lock.
	path, err := filepath.EvalSymlinks(location)
	if errors.Is(err, fs.ErrNotExist) { // it will be made
		var dir string
		if dir, err = filepath.EvalSymlinks(filepath.Dir(location)); err == nil {
			path = filepath.Join(dir, filepath.Base(location))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open store: %w; check [store] path and the rights of its directory", err)
	}
	lock := flock.New(path+"-server", flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock store %s: %w; its directory must be on a file system with locks, and can be written by the server", location, err)
	}
	if !locked {
		return nil, fmt.Errorf("serve store %s%s: %w", location, holder(lock.Path()), ErrServed)
	}
	// For whoever is refused. That it may be missing or old does no harm.
	host, _ := os.Hostname()
	_ = os.WriteFile(lock.Path(), fmt.Appendf(nil, "process %d on %s\n", os.Getpid(), host), 0o600)
	return lock.Unlock, nil // the file stays: to remove it would let in two
}

// holder is what the server that holds the lock says of itself.
func holder(path string) string {
	said, err := os.ReadFile(path)
	text := strings.TrimSpace(string(said))
	if err != nil || text == "" || len(text) > 200 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return ""
	}
	return " (" + text + ")"
}
