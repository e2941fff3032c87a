package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/store/storetest/pgtest"
)

// TestServe starts the server from a configuration as an operator would, and
// stops it as an operating system does.
func TestServe(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { testServe(t, nil) })
	t.Run("PostgreSQL", func(t *testing.T) { testServe(t, []string{"LOCKKEEPER_STORE_URL=" + pgtest.New(t)}) })
}

// serverConfig writes what a server needs to dir, and returns its configuration. GitHub
// is where nobody listens.
func serverConfig(t *testing.T, dir, secret string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "config.toml")
	files := map[string]string{
		filepath.Join(dir, "app.pem"): string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
		filepath.Join(dir, "secret"):  secret + "\n",
		config: "[server]\nlisten = \"127.0.0.1:0\"\ncontact = \"ops@example.invalid\"\n" +
			"[github]\napi-url = \"http://127.0.0.1:1/api/v3\"\nweb-url = \"http://127.0.0.1:1\"\napp-id = 7\nprivate-key-file = '" + filepath.Join(dir, "app.pem") + "'\nwebhook-secret-file = '" + filepath.Join(dir, "secret") + "'\n" +
			"[store]\npath = '" + filepath.Join(dir, "db") + "'\n[cache]\ndir = '" + filepath.Join(dir, "cache") + "'\n",
	}
	for name, content := range files {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return config
}

func testServe(t *testing.T, env []string) {
	const secret = "a secret of forty characters, to be found"
	config := serverConfig(t, t.TempDir(), secret)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	reader, writer := io.Pipe()
	exit := make(chan int, 1)
	go func() {
		exit <- run(ctx, []string{"serve", "--config", config}, env, strings.NewReader(""), io.Discard, writer)
		writer.Close()
	}()
	var log bytes.Buffer
	address := ""
	listening := regexp.MustCompile(`"address":"([^"]+)"`)
	for buffer := make([]byte, 4096); address == ""; {
		n, err := reader.Read(buffer)
		if err != nil {
			t.Fatalf("the server ended: %s", &log)
		}
		log.Write(buffer[:n])
		if m := listening.FindSubmatch(log.Bytes()); m != nil {
			address = string(m[1])
		}
	}
	copied := make(chan struct{})
	go func() { defer close(copied); io.Copy(&log, reader) }()
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/webhook": 405, "/": 404} {
		resp, err := http.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
	resp, err := http.Post("http://"+address+"/webhook", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("an unsigned delivery: %d", resp.StatusCode)
	}
	stop()
	select {
	case code := <-exit:
		if code != exitOK {
			t.Errorf("exit code %d", code)
		}
	case <-time.After(time.Minute):
		t.Fatal("the server does not stop")
	}
	<-copied
	for _, hidden := range []string{secret, "RSA PRIVATE KEY"} {
		if strings.Contains(log.String(), hidden) {
			t.Errorf("promise 10: the log shows %q", hidden)
		}
	}
}
