package fetch

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/rs/zerolog"
)

// Request for metadata.
type Request struct {
	URL    string
	Accept string // media type; empty for any
	Limit  int64  // bytes of the answer, decompressed; required
	Budget Budget // waited for before each attempt; nil: none
	// NotFound are the statuses that mean registry.ErrNotFound. Default: 404, 410
	// and 451.
	NotFound []int
}

// Get returns the body of a 200. Equal requests under way are made once, and an
// answer is used again for Config.Remember; later it is revalidated by its ETag
// or date if a cache directory is configured. The bytes are shared: do not
// change them.
//
// It returns registry.ErrNotFound, *HostError, *StatusError or *SizeError,
// wrapped, or what the network said.
func (c *Client) Get(ctx context.Context, r Request) ([]byte, error) {
	if r.Limit <= 0 {
		return nil, fmt.Errorf("get %s: no limit given", plain(r.URL))
	}
	var missed atomic.Bool // set by whoever asks for all who wait
	defer func() { c.cfg.Looked(Answers, !missed.Load()) }()
	return c.memory.do(ctx, cacheKey(r), func(ctx context.Context) ([]byte, error) {
		body, fresh, err := c.get(ctx, r)
		missed.Store(fresh || err != nil)
		if err != nil {
			return nil, fmt.Errorf("get %s: %w", plain(r.URL), err)
		}
		return body, nil
	})
}

// cacheKey holds what may change the answer: a proxy of one registry may serve
// several formats under one URL.
func cacheKey(r Request) string { return r.Accept + "\n" + r.URL }

// get asks the registry. fresh: what is kept did not serve.
func (c *Client) get(ctx context.Context, r Request) (body []byte, fresh bool, err error) {
	req, err := retryablehttp.NewRequestWithContext(withBudget(ctx, r.Budget), http.MethodGet, r.URL, nil)
	if err != nil {
		return nil, false, err
	}
	if r.Accept != "" {
		req.Header.Set("Accept", r.Accept)
	}
	kept, ok := c.disk.metadata(cacheKey(r))
	if ok && int64(len(kept.body)) <= r.Limit {
		setIf(req.Header, "If-None-Match", kept.ETag)
		setIf(req.Header, "If-Modified-Since", kept.LastModified)
	}
	req.SetResponseHandler(func(resp *http.Response) error {
		defer resp.Body.Close()
		if resp.StatusCode == http.StatusNotModified && ok {
			body, fresh = kept.body, false
			return nil
		}
		if err := checkStatus(resp, r.NotFound, http.StatusOK); err != nil {
			return err
		}
		var err error
		if body, err = readAll(resp, r.Limit); err != nil {
			return err
		}
		fresh = true
		err = c.disk.keepMetadata(cacheKey(r), metadata{
			ETag: resp.Header.Get("ETag"), LastModified: resp.Header.Get("Last-Modified"), body: body,
		})
		if err != nil { // a full disk costs requests, not answers
			zerolog.Ctx(ctx).Warn().Err(err).Msg("registry cache not written")
		}
		return nil
	})
	if _, err := c.http.Do(req); err != nil {
		return nil, false, err
	}
	return body, fresh, nil
}

func setIf(h http.Header, key, value string) {
	if value != "" {
		h.Set(key, value)
	}
}

// checkStatus turns everything but the wanted statuses into an error.
func checkStatus(resp *http.Response, notFound []int, want ...int) error {
	if slices.Contains(want, resp.StatusCode) {
		return nil
	}
	if notFound == nil {
		notFound = []int{http.StatusNotFound, http.StatusGone, http.StatusUnavailableForLegalReasons}
	}
	err := statusError(resp)
	if slices.Contains(notFound, resp.StatusCode) {
		return fmt.Errorf("%w: %w", registry.ErrNotFound, err)
	}
	return err
}

// readAll reads at most limit bytes. An announced length beyond the limit is
// refused before the first byte.
func readAll(resp *http.Response, limit int64) ([]byte, error) {
	tooLarge := &SizeError{URL: plain(resp.Request.URL.String()), Limit: limit}
	if resp.ContentLength > limit {
		return nil, tooLarge
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if int64(len(body)) > limit {
		return nil, tooLarge
	}
	return body, nil
}
