package server

import (
	"errors"
	"io"
	"sync/atomic"
)

// maxBodies bounds what all deliveries that are being received may occupy together,
// in bytes. The signature is over the whole body, so that it must be read before
// it is known who sent it: without a bound anybody could fill the memory.
const maxBodies = 128 << 20

// errBusy says that maxBodies is reached.
var errBusy = errors.New("too much is being received at once")

// bodies counts the bytes that were received of deliveries not yet answered. Only
// what came in counts, so that nobody occupies room by announcing much and sending
// little.
type bodies struct{ held atomic.Int64 }

func (b *bodies) hold(body io.ReadCloser) *heldBody { return &heldBody{ReadCloser: body, all: b} }

type heldBody struct {
	io.ReadCloser
	all *bodies
	own int64
}

func (h *heldBody) Read(p []byte) (int, error) {
	n, err := h.ReadCloser.Read(p)
	h.own += int64(n)
	if h.all.held.Add(int64(n)) > maxBodies {
		return n, errBusy
	}
	return n, err
}

// release is called when the delivery is answered.
func (h *heldBody) release() { h.all.held.Add(-h.own) }
