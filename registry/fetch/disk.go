package fetch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
)

// disk is the cache directory: "metadata" by hash of the request, "archives" by
// digest. Every file carries or is named by the hash of its content, which is
// checked on each read, so that a torn write after a crash is a miss and nothing
// worse; hence nothing is synced. A nil *disk keeps nothing.
type disk struct {
	dir               string
	archives, answers *room
}

// answersShare is the part of the limit that is the answers'.
const answersShare = 5

func newDisk(dir string, limit int64) (*disk, error) {
	for _, kind := range []string{"metadata", "archives", "partial"} {
		if err := os.MkdirAll(filepath.Join(dir, kind), 0o700); err != nil {
			return nil, fmt.Errorf("registry cache: %w; choose a directory that can be written", err)
		}
	}
	// What a process that was killed left behind; a day is far beyond a Deadline.
	left, err := os.ReadDir(filepath.Join(dir, "partial"))
	if err != nil {
		return nil, fmt.Errorf("registry cache: %w", err)
	}
	for _, e := range left {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			_ = os.Remove(filepath.Join(dir, "partial", e.Name())) // tried again at the next start
		}
	}
	return &disk{
		dir: dir, archives: &room{dir: filepath.Join(dir, "archives"), limit: limit - limit/answersShare},
		answers: &room{dir: filepath.Join(dir, "metadata"), limit: limit / answersShare},
	}, nil
}

// metadata is one kept answer. In its file a line of JSON stands before the body.
type metadata struct {
	Key          string            `json:"key"`
	ETag         string            `json:"etag,omitempty"`
	LastModified string            `json:"last_modified,omitempty"`
	Digest       lockkeeper.Digest `json:"digest"`
	body         []byte
}

// metadata returns what is kept under key. Anything unreadable is a miss.
func (d *disk) metadata(key string) (metadata, bool) {
	if d == nil {
		return metadata{}, false
	}
	path := d.metadataPath(key)
	data, err := os.ReadFile(path)
	if err != nil {
		return metadata{}, false
	}
	head, body, ok := bytes.Cut(data, []byte("\n"))
	var m metadata
	if !ok || json.Unmarshal(head, &m) != nil || m.Key != key || m.Digest != lockkeeper.Sum(body) {
		return metadata{}, false
	}
	m.body = body
	used(path)
	return m, true
}

// keepMetadata keeps an answer that has a validator; others would never be used.
func (d *disk) keepMetadata(key string, m metadata) error {
	if d == nil || (m.ETag == "" && m.LastModified == "") {
		return nil
	}
	m.Key, m.Digest = key, lockkeeper.Sum(m.body)
	head, err := json.Marshal(m)
	if err != nil {
		return err
	}
	f, err := d.create()
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := f.Write(slices.Concat(head, []byte("\n"), m.body))
	if err == nil {
		err = place(f.Name(), d.metadataPath(key))
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("registry cache: %w", err)
	}
	return d.answers.kept(int64(n))
}

func (d *disk) metadataPath(key string) string {
	sum := sha256.Sum256([]byte(key))
	return cachePath(d.dir, "metadata", hex.EncodeToString(sum[:]))
}

func (d *disk) archivePath(digest lockkeeper.Digest) string {
	return cachePath(d.dir, "archives", digest.Hex())
}

func (d *disk) create() (*os.File, error) {
	f, err := os.CreateTemp(filepath.Join(d.dir, "partial"), "*")
	if err != nil {
		return nil, fmt.Errorf("registry cache: %w", err)
	}
	return f, nil
}

// place renames from to to, whose directory may be missing.
func place(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// archive opens a kept archive after hashing it anew; nil if there is none. One
// that no longer matches its name is removed.
func (d *disk) archive(digest lockkeeper.Digest) *registry.Blob {
	if d == nil {
		return nil
	}
	path := d.archivePath(digest)
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	h := sha256.New()
	size, err := io.Copy(h, f)
	if err != nil || lockkeeper.SumBytes(h.Sum(nil)) != digest {
		f.Close()
		os.Remove(path)
		return nil
	}
	used(path)
	return &registry.Blob{ReaderAt: f, Closer: f, Size: size}
}

// used notes that a file was, so that it goes after those that were not.
func used(path string) {
	now := time.Now()
	_ = os.Chtimes(path, now, now) // only the order of eviction depends on it
}

// room is what the files of one directory may take.
type room struct {
	dir   string
	limit int64 // bytes

	mu       sync.Mutex // guards the fields below
	measured bool
	size     int64 // bytes, once measured; files that were replaced count until the next time
}

// kept counts a new file and, beyond the limit, removes the least recently used down
// to nine tenths of it. Open files stay readable.
func (r *room) kept(size int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.size += size
	if r.measured && r.size <= r.limit {
		return nil
	}
	type file struct {
		path string
		info fs.FileInfo
	}
	var files []file
	r.size = 0
	err := filepath.WalkDir(r.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return ignoreMissing(err)
		}
		info, err := e.Info()
		if err != nil {
			return ignoreMissing(err) // another process removed it
		}
		files = append(files, file{path, info})
		r.size += info.Size()
		return nil
	})
	if err != nil {
		return fmt.Errorf("registry cache: %w", err)
	}
	r.measured = true
	if r.size <= r.limit {
		return nil
	}
	slices.SortFunc(files, func(a, b file) int { return a.info.ModTime().Compare(b.info.ModTime()) })
	for _, f := range files {
		if r.size <= r.limit/10*9 {
			break
		}
		if err := os.Remove(f.path); ignoreMissing(err) != nil {
			return fmt.Errorf("registry cache: %w", err)
		}
		r.size -= f.info.Size()
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// spool takes a download: into the cache's directory, into memory, or into a
// temporary file when it may grow large.
type spool struct {
	sum    hash.Hash
	memory *bytes.Buffer // nil if file is set
	file   *os.File
}

// maxInMemory bounds a download that is spooled in memory.
const maxInMemory = 16 << 20

func newSpool(d *disk, limit int64) (*spool, error) {
	s := &spool{sum: sha256.New()}
	var err error
	switch {
	case d != nil:
		s.file, err = d.create()
	case limit <= maxInMemory:
		s.memory = new(bytes.Buffer)
	default:
		s.file, err = os.CreateTemp("", "lockkeeper-*")
	}
	return s, err
}

// reset throws away what an attempt that failed has written.
func (s *spool) reset() error {
	s.sum.Reset()
	if s.memory != nil {
		s.memory.Reset()
		return nil
	}
	if err := s.file.Truncate(0); err != nil {
		return err
	}
	_, err := s.file.Seek(0, io.SeekStart)
	return err
}

func (s *spool) Write(p []byte) (int, error) {
	s.sum.Write(p)
	if s.memory != nil {
		return s.memory.Write(p)
	}
	return s.file.Write(p)
}

func (s *spool) discard() {
	if s.file != nil {
		s.file.Close()
		os.Remove(s.file.Name())
	}
}

// temporary removes its file when it is closed.
type temporary struct{ *os.File }

func (t temporary) Close() error { return errors.Join(t.File.Close(), os.Remove(t.Name())) }
