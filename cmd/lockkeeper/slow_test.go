package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/metrics"
)

// TestSlowAndLargeClients: the web server as serve makes it for webhooks and for
// operators, with less tolerance. Whoever dawdles or sends too much is let go, and
// others are answered meanwhile.
func TestSlowAndLargeClients(t *testing.T) {
	received := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, "cut short", http.StatusBadRequest)
		}
	})
	t.Run("webhooks", func(t *testing.T) { testSlowAndLarge(t, received, "POST /webhook", true) })
	operators := &operations{config: config.Metrics{Profiles: true}, metrics: metrics.New("test")}
	t.Run("metrics", func(t *testing.T) { testSlowAndLarge(t, operators.handler(), "GET /metrics", false) })
}

// testSlowAndLarge: a handler that reads no body may have begun to answer before the
// connection is ended for the rest of it.
func testSlowAndLarge(t *testing.T, handler http.Handler, request string, reads bool) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	method, path, _ := strings.Cut(request, " ")
	web := newWeb(handler, tolerance{header: 200 * time.Millisecond, request: 400 * time.Millisecond, answer: 400 * time.Millisecond, idle: 200 * time.Millisecond})
	go web.Serve(listener) // ends by Close
	t.Cleanup(func() { web.Close() })

	dial := func(text string) net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		return c
	}
	head := request + " HTTP/1.1\r\nHost: x\r\n"
	slow := map[string]net.Conn{
		"says nothing":        dial(""),
		"half a header":       dial(head + "X-Half: "),
		"half a body":         dial(head + "Content-Length: 100\r\n\r\nhalf"),
		"a chunk and no more": dial(head + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n"),
		"stays idle":          dial(head + "\r\n"),
	}
	for range 200 {
		dial(head + "X-Half: ")
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+listener.Addr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("beside 200 slow clients: %d", resp.StatusCode)
	}
	for name, c := range slow {
		answer, err := io.ReadAll(c) // ends when the server closes
		if err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: the connection stays open: %v", name, err)
		}
		if !reads && (name == "half a body" || name == "a chunk and no more") {
			continue
		}
		if ok := strings.HasPrefix(string(answer), "HTTP/1.1 200"); ok != (name == "stays idle") {
			t.Errorf("%s: %.200q", name, answer)
		}
	}
	c := dial("")
	go fmt.Fprintf(c, "%sX-Large: %s\r\n\r\n", head, strings.Repeat("x", 80<<10)) // may be cut short
	large, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	large.Body.Close()
	if large.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of 80 KB: %d", large.StatusCode)
	}
}
