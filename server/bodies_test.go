package server_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"
)

// TestBodiesAreBoundedTogether: senders who never end cannot fill the memory, and
// when they are gone there is room again.
func TestBodiesAreBoundedTogether(t *testing.T) {
	w := newWorld(t, "")
	const each, senders = 24 << 20, 6 // 144 MB, more than may be held
	statuses := make(chan int, senders)
	release := make(chan struct{})
	for range senders {
		body, write := io.Pipe()
		go func() {
			_, err := io.Copy(write, bytes.NewReader(make([]byte, each)))
			if err == nil {
				<-release
			}
			write.Close()
		}()
		go func() {
			req, err := http.NewRequest(http.MethodPost, w.hook, body)
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("X-GitHub-Event", "push")
			req.Header.Set("X-Hub-Signature-256", "sha256=00")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				statuses <- 0 // the connection was closed while it was still sending
				return
			}
			resp.Body.Close()
			statuses <- resp.StatusCode
		}()
	}
	if status := <-statuses; status != http.StatusServiceUnavailable && status != 0 {
		t.Errorf("%d while too much is being received, want 503", status)
	}
	close(release)
	for range senders - 1 {
		<-statuses
	}
	p := w.open(map[string]string{"Cargo.lock": w.lock("quiet@1.0.1")})
	w.want(p, "neutral", "when there is room again")
}
