package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
)

// File is an archive to fetch.
type File struct {
	URL    string
	Digest lockkeeper.Digest // required wherever the whole file is handed out
	Limit  int64             // bytes of a whole download; required
	Size   int64             // as the registry states it; 0 where unknown
	// NotFound are the statuses that mean registry.ErrNotFound. Default: as for
	// Request.
	NotFound []int
}

// Whole returns the file's bytes, from the cache or downloaded, after they were
// checked against the digest. Other bytes are registry.ErrDigest, and are not
// kept; errors are otherwise those of Get.
func (c *Client) Whole(ctx context.Context, f File) (*registry.Blob, error) {
	if _, err := lockkeeper.ParseDigest(string(f.Digest)); err != nil {
		return nil, fmt.Errorf("get %s: nothing to check it against: %w", plain(f.URL), err)
	}
	// Before the cache, so that a refused host is refused every time.
	if err := c.Allowed(f.URL); err != nil {
		return nil, err
	}
	blob := c.disk.archive(f.Digest)
	c.cfg.Looked(Archives, blob != nil)
	if blob != nil {
		if blob.Size > f.Limit {
			blob.Close()
			return nil, &SizeError{URL: plain(f.URL), Limit: f.Limit}
		}
		return blob, nil
	}
	blob, err := c.download(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", plain(f.URL), err)
	}
	return blob, nil
}

func (c *Client) download(ctx context.Context, f File) (*registry.Blob, error) {
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, f.URL, nil)
	if err != nil {
		return nil, err
	}
	// The digest is over the file as stored, not over a compressed transfer of it.
	req.Header.Set("Accept-Encoding", "identity")
	s, err := newSpool(c.disk, f.Limit)
	if err != nil {
		return nil, err
	}
	var size int64
	req.SetResponseHandler(func(resp *http.Response) error {
		defer resp.Body.Close()
		if err := checkStatus(resp, f.NotFound, http.StatusOK); err != nil {
			return err
		}
		if err := s.reset(); err != nil {
			return err
		}
		tooLarge := &SizeError{URL: plain(resp.Request.URL.String()), Limit: f.Limit}
		if resp.ContentLength > f.Limit {
			return tooLarge
		}
		var err error
		if size, err = io.Copy(s, io.LimitReader(resp.Body, f.Limit+1)); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		if size > f.Limit {
			return tooLarge
		}
		return nil
	})
	if _, err := c.http.Do(req); err != nil {
		s.discard()
		return nil, err
	}
	if got := lockkeeper.SumBytes(s.sum.Sum(nil)); got != f.Digest {
		s.discard()
		return nil, fmt.Errorf("%w: have %s, want %s", registry.ErrDigest, got, f.Digest)
	}
	return c.finish(s, f.Digest, size)
}

// finish turns a spool whose digest was checked into a blob, and keeps it.
func (c *Client) finish(s *spool, digest lockkeeper.Digest, size int64) (*registry.Blob, error) {
	switch {
	case s.memory != nil:
		return &registry.Blob{ReaderAt: bytes.NewReader(s.memory.Bytes()), Closer: io.NopCloser(nil), Size: size}, nil
	case c.disk == nil:
		return &registry.Blob{ReaderAt: s.file, Closer: temporary{s.file}, Size: size}, nil
	}
	if err := place(s.file.Name(), c.disk.archivePath(digest)); err != nil {
		s.discard()
		return nil, fmt.Errorf("registry cache: %w", err)
	}
	if err := c.disk.archives.kept(size); err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	return &registry.Blob{ReaderAt: s.file, Closer: s.file, Size: size}, nil
}
