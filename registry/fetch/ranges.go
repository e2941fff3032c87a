package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"sync"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/lockkeeper/lockkeeper/registry"
)

const (
	blockSize   = 64 << 10 // unit of range requests and of their cache
	maxBlocks   = 64       // blocks kept for one file: 4 MiB
	maxRun      = 16       // blocks asked for at once: 1 MiB
	firstRun    = 2        // blocks of the first request: a zip's end record and its comment lie within 66 KiB
	maxPartial  = 64 << 20 // bytes that range requests for one file may bring
	maxRequests = 256      // for one file; a wheel with start-up hooks needs about ten
)

// Ranges opens a file that is read piece by piece as its reader is asked, and
// marks it Partial: no digest covers what is read. A server that ignores ranges
// is given way to with Whole, which needs f.Digest. Reads fail once ctx ends,
// when the server's file changes meanwhile, and with a *PartsError after 64 MiB or
// 256 requests.
func (c *Client) Ranges(ctx context.Context, f File) (*registry.Blob, error) {
	if err := c.Allowed(f.URL); err != nil {
		return nil, err
	}
	r := &ranges{c: c, ctx: ctx, file: f, blocks: map[int64][]byte{}, next: -1}
	// The tail comes first: a zip's directory lies there, and the answer tells
	// the size and whether ranges are spoken at all.
	spec := fmt.Sprintf("bytes=-%d", firstRun*blockSize)
	from, want := int64(-1), int64(0)
	if f.Size > 0 {
		from = max((f.Size-1)/blockSize-firstRun+1, 0) * blockSize
		want = f.Size - from
		spec = fmt.Sprintf("bytes=%d-%d", from, f.Size-1)
	}
	data, err := r.get(spec, from, want)
	if errors.Is(err, errNoRanges) {
		return c.Whole(ctx, f)
	}
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", plain(f.URL), err)
	}
	if from < 0 && int64(len(data)) != min(r.size, firstRun*blockSize) {
		return nil, fmt.Errorf("get %s: %w: asked for %s, got %d bytes", plain(f.URL), errFinal, spec, len(data))
	}
	// Without a stated size the answer starts within a block.
	start := r.size - int64(len(data))
	index := (start + blockSize - 1) / blockSize
	r.putAll(index, data[min(index*blockSize-start, int64(len(data))):])
	return &registry.Blob{ReaderAt: r, Closer: r, Size: r.size, Partial: true}, nil
}

// PartsError says that reading a file in parts took more than its bounds allow. It
// is a registry.ErrBounds.
type PartsError struct {
	URL string
}

func (e *PartsError) Error() string {
	return fmt.Sprintf("%.300s: reading it in parts takes more than %d bytes or %d requests", e.URL, maxPartial, maxRequests)
}

func (e *PartsError) Unwrap() error { return registry.ErrBounds }

var errNoRanges = errors.New("the server does not answer range requests")

// ranges is an io.ReaderAt over HTTP.
type ranges struct {
	c    *Client
	ctx  context.Context // of Open: io.ReaderAt has no place for one
	file File

	mu        sync.Mutex // guards what follows; one request at a time for one file
	size      int64
	validator string // ETag or Last-Modified of the first answer
	blocks    map[int64][]byte
	recent    []int64 // keys of blocks, least recently used first
	next      int64   // the block behind those brought last
	run       int64   // how many those were; twice as many when reading goes on there
	total     int64   // bytes brought so far
	requests  int
	closed    bool
}

// ReadAt reads through the cache of blocks.
func (r *ranges) ReadAt(p []byte, off int64) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, errors.New("read after close")
	}
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	n := 0
	for n < len(p) && off < r.size {
		index := off / blockSize
		block, ok := r.blocks[index]
		if !ok {
			last := (min(off+int64(len(p)-n), r.size) - 1) / blockSize
			if err := r.load(index, last); err != nil {
				return n, fmt.Errorf("read %s: %w", plain(r.file.URL), err)
			}
			block = r.blocks[index]
		}
		r.touch(index)
		k := copy(p[n:], block[off-index*blockSize:])
		n, off = n+k, off+int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Close frees the blocks.
func (r *ranges) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed, r.blocks, r.recent = true, nil, nil
	return nil
}

// load brings blocks from index on, up to last, or further where reading goes on
// from the blocks before; not those that are there, and no more than maxRun.
// r.mu must be held.
func (r *ranges) load(index, last int64) error {
	count := last - index + 1
	if index == r.next {
		count = max(count, 2*r.run)
	}
	count = min(count, maxRun, (r.size-1)/blockSize-index+1)
	end := index + 1
	for end < index+count && r.blocks[end] == nil {
		end++
	}
	from, to := index*blockSize, min(end*blockSize, r.size)
	data, err := r.get(fmt.Sprintf("bytes=%d-%d", from, to-1), from, to-from)
	if err != nil {
		return err
	}
	r.putAll(index, data)
	r.next, r.run = end, end-index
	return nil
}

// putAll keeps data as blocks from index on.
func (r *ranges) putAll(index int64, data []byte) {
	for len(data) > 0 {
		k := min(len(data), blockSize)
		r.put(index, data[:k:k])
		data = data[k:]
		index++
	}
}

// put keeps a block and lets the oldest go. r.mu must be held, or r be new.
func (r *ranges) put(index int64, block []byte) {
	r.blocks[index] = block
	r.recent = append(r.recent, index)
	if len(r.recent) > maxBlocks {
		delete(r.blocks, r.recent[0])
		r.recent = r.recent[1:]
	}
}

func (r *ranges) touch(index int64) {
	for i, have := range r.recent {
		if have == index {
			r.recent = append(append(r.recent[:i:i], r.recent[i+1:]...), index)
			return
		}
	}
}

// get makes one range request and checks that the answer is what was asked for:
// the same file as before, from byte from (-1: whatever the server says, for the
// first request), want bytes long (0: unknown).
func (r *ranges) get(spec string, from, want int64) ([]byte, error) {
	if r.requests++; r.total > maxPartial || r.requests > maxRequests {
		return nil, &PartsError{URL: plain(r.file.URL)}
	}
	req, err := retryablehttp.NewRequestWithContext(r.ctx, http.MethodGet, r.file.URL, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("Range", spec)
	var data []byte
	req.SetResponseHandler(func(resp *http.Response) error {
		defer resp.Body.Close()
		if err := checkStatus(resp, r.file.NotFound, http.StatusOK, http.StatusPartialContent); err != nil {
			return err
		}
		if resp.StatusCode == http.StatusOK && r.size == 0 {
			return fmt.Errorf("%w (%w)", errNoRanges, errFinal)
		}
		if resp.StatusCode == http.StatusOK {
			return fmt.Errorf("%w: asked for %s, got the whole file", errFinal, spec)
		}
		if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
			return fmt.Errorf("%w: parts of a file in encoding %.40q", errFinal, encoding)
		}
		start, end, size, err := parseContentRange(resp.Header.Get("Content-Range"))
		if err != nil {
			return err
		}
		if err := r.same(resp, size); err != nil {
			return err
		}
		if (from >= 0 && start != from) || (want > 0 && end-start+1 != want) || end-start >= maxRun*blockSize {
			return fmt.Errorf("%w: asked for %s, got %s", errFinal, spec, resp.Header.Get("Content-Range"))
		}
		if data, err = readAll(resp, end-start+1); err != nil {
			return err
		}
		if int64(len(data)) != end-start+1 {
			return io.ErrUnexpectedEOF
		}
		return nil
	})
	if _, err := r.c.http.Do(req); err != nil {
		return nil, err
	}
	r.total += int64(len(data))
	return data, nil
}

// same checks that an answer is about the file that the first one was about. A
// server without validators is taken at its word, as for everything that is read
// in parts.
func (r *ranges) same(resp *http.Response, size int64) error {
	validator := cmp.Or(resp.Header.Get("ETag"), resp.Header.Get("Last-Modified"))
	if r.size == 0 {
		if r.file.Size > 0 && size != r.file.Size {
			return fmt.Errorf("%w: the file has %d bytes, the registry says %d", errFinal, size, r.file.Size)
		}
		r.size, r.validator = size, validator
	}
	if size != r.size || validator != r.validator {
		return fmt.Errorf("%w: the file changed while it was read", errFinal)
	}
	return nil
}

var contentRange = regexp.MustCompile(`^bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})$`)

// parseContentRange reads "bytes START-END/SIZE" (RFC 9110, 14.4), with END
// inclusive.
func parseContentRange(s string) (start, end, size int64, err error) {
	var numbers [3]int64
	m := contentRange.FindStringSubmatch(s)
	for i := range m[min(1, len(m)):] {
		// Eighteen digits always fit.
		numbers[i], _ = strconv.ParseInt(m[i+1], 10, 64)
	}
	start, end, size = numbers[0], numbers[1], numbers[2]
	if m == nil || end < start || end >= size {
		return 0, 0, 0, fmt.Errorf("%w: Content-Range %.100q", errFinal, s)
	}
	return start, end, size, nil
}
