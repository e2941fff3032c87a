package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
	"github.com/lockkeeper/lockkeeper/store/storetest/pgtest"
)

// The promises of docs/threat-model.md that are about the server as a whole, held
// against a process of it.

// TestPromise5AProcessAsksNobodyElse: addresses in lockfiles, redirects of a registry to
// another host and to a cloud's metadata, and a configured name that leads to another
// machine than it should.
func TestPromise5AProcessAsksNobodyElse(t *testing.T) {
	trap, err := registrytest.NewTrap()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { trap.Close() })
	host := trap.Host()
	// Whoever answers for the name of the private registry has no certificate for it.
	var told atomic.Int64
	impostor := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told.Add(1) }))
	refused := &logBuffer{}
	impostor.Config.ErrorLog = log.New(refused, "", 0)
	impostor.StartTLS()
	t.Cleanup(impostor.Close)
	_, port, err := net.SplitHostPort(impostor.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	corp := "sparse+https://localhost:" + port + "/index/"
	const token = "the token of a private registry"
	e := newEnterprise(t)
	registries := serveGrabber(t)
	served := serveAgainst(t, e, registries, differently{
		config: "[[registry]]\nname = 'corp'\necosystem = 'cargo'\nsources = ['" + corp + "']\ntoken-env = 'CORP_TOKEN'\npublic = true\n",
		env:    []string{"CORP_TOKEN=" + token},
	})
	registries.Inject(registrytest.Fault{Path: "**/grabber-1.0.0.crate", Redirect: "http://" + host + "/crate"})
	registries.Inject(registrytest.Fault{Path: "**/crates/grabber/**", Redirect: "http://169.254.169.254/latest/meta-data/"})
	digest := strings.Repeat("ab", 32)
	more := ""
	for i, source := range []string{corp, "registry+http://" + host + "/index", "sparse+http://169.254.169.254/", "sparse+http://[::1]:1/", "git+http://" + host + "/owner/x#" + digest[:40]} {
		more += fmt.Sprintf("\n[[package]]\nname = \"x%d\"\nversion = \"1.0.0\"\nsource = %q\n", i, source)
		if !strings.HasPrefix(source, "git+") {
			more += fmt.Sprintf("checksum = %q\n", digest)
		}
	}
	repo, pull := e.grabs(t, registries)
	repo.Commit("topic", githubtest.CommitSpec{Message: "More", Author: "author", Files: map[string]string{
		"Cargo.lock":       lockOfGrabber(t, registries, more),
		"requirements.txt": "--index-url http://" + host + "/simple\ny @ http://" + host + "/y-1.0-py3-none-any.whl --hash=sha256:" + digest + "\n",
	}})
	concludes(t, served, repo, pull, "action_required")
	comment := ""
	for _, c := range pull.Comments() {
		comment += c.Body
	}
	for _, name := range []string{"grabber", "x0", "x1", "x2", "x3", "x4", "y"} {
		if !strings.Contains(comment, name) {
			t.Errorf("nothing is said about %s:\n%s", name, comment)
		}
	}
	if !strings.Contains(comment, "unverified") {
		t.Errorf("nothing is said to be unverified:\n%s", comment)
	}
	if n := trap.Visits(); n != 0 {
		t.Errorf("promise 5: a host that nobody configured was contacted %d times\n%s", n, served.log)
	}
	if n := told.Load(); n != 0 || !strings.Contains(refused.String(), "bad certificate") {
		t.Errorf("promise 5: %d requests to a machine that only has the name of the registry, whose log is %q", n, refused)
	}
	served.stop()
	if strings.Contains(served.log.String()+comment, token) {
		t.Error("promise 10: the registry's token is shown")
	}
}

// TestPromise6AProcessReadsNoBomb: archives that are not what the lockfile says, or that
// grow when they are unpacked, are findings, and the process goes on.
func TestPromise6AProcessReadsNoBomb(t *testing.T) {
	var bomb bytes.Buffer
	packed := gzip.NewWriter(&bomb)
	unpacked := tar.NewWriter(packed)
	const manifest, size = "[package]\nname = \"bomb\"\nversion = \"1.0.0\"\n", 256 << 20
	if err := unpacked.WriteHeader(&tar.Header{Name: "bomb-1.0.0/Cargo.toml", Size: int64(len(manifest)), Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(unpacked, manifest); err != nil {
		t.Fatal(err)
	}
	if err := unpacked.WriteHeader(&tar.Header{Name: "bomb-1.0.0/build.rs", Size: size, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(unpacked, zeros{}, size); err != nil {
		t.Fatal(err)
	}
	if err := unpacked.Close(); err != nil {
		t.Fatal(err)
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	e := newEnterprise(t)
	registries := serveGrabber(t)
	if err := registries.AddCrate(registrytest.Crate{Name: "bomb", Version: "1.0.0", Published: time.Now().AddDate(-5, 0, 0), Data: bomb.Bytes()}); err != nil {
		t.Fatal(err)
	}
	registries.Inject(registrytest.Fault{Path: "**/grabber-1.0.0.crate", Replace: []byte("another archive")})
	served := serveAgainst(t, e, registries, differently{})
	repo, pull := e.grabs(t, registries)
	repo.Commit("topic", githubtest.CommitSpec{Message: "More", Author: "author", Files: map[string]string{
		"Cargo.lock": lockOfGrabber(t, registries, "\n[[package]]\nname = \"bomb\"\nversion = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \""+lockkeeper.Sum(bomb.Bytes()).Hex()+"\"\n"),
	}})
	var check githubtest.CheckRun
	eventually(t, func() bool {
		for _, run := range repo.CheckRuns(pull.Head()) {
			check = run
		}
		return check.Conclusion != ""
	}, func() string { return "no check\n" + served.log.String() })
	if check.Conclusion != "action_required" && check.Conclusion != "failure" {
		t.Errorf("promise 6: the check is %s", check.Conclusion)
	}
	for _, name := range []string{"bomb", "grabber"} {
		if !strings.Contains(check.Summary, name) {
			t.Errorf("promise 6: nothing is said about %s:\n%s", name, check.Summary)
		}
	}
	served.fetch(t, "/metrics") // it lives
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestPromise8AProcessHearsGitHubAlone: unsigned, wrongly signed, oversized and repeated
// deliveries change nothing, and neither do clients that dawdle, on both ports.
func TestPromise8AProcessHearsGitHubAlone(t *testing.T) {
	e := newEnterprise(t)
	registries := serveGrabber(t)
	served := serveAgainst(t, e, registries, differently{})
	// As many as wait in front of a server that is attacked, and until it lets go.
	type slow struct {
		what string
		conn net.Conn
	}
	var all []slow
	for range 50 {
		for what, text := range map[string]string{
			served.web:     "POST /webhook HTTP/1.1\r\nHost: x\r\nX-Half: ",
			served.metrics: "GET /debug/pprof/profile HTTP/1.1\r\nHost: x\r\nX-Half: ",
		} {
			c, err := net.Dial("tcp", what)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			if _, err := io.WriteString(c, text); err != nil {
				t.Fatal(err)
			}
			all = append(all, slow{what, c})
		}
	}
	repo, pull := e.grabs(t, registries)
	concludes(t, served, repo, pull, "action_required")

	// The last delivery that was accepted, to be sent again.
	var body []byte
	var sent http.Header
	for _, d := range e.Deliveries() {
		if d.Event == "pull_request" && d.Status == http.StatusOK {
			body, sent = d.Payload, d.Headers
		}
	}
	if body == nil {
		t.Fatalf("no delivery was accepted:\n%s", served.log)
	}
	signed := func(key string, body []byte) string {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write(body)
		return "sha256=" + hex.EncodeToString(mac.Sum(nil))
	}
	closed := bytes.ReplaceAll(body, []byte(`"action":"opened"`), []byte(`"action":"closed"`))
	large := bytes.Repeat([]byte(" "), 26<<20)
	for _, d := range []struct {
		what, signature string
		body            io.Reader
		want            int
	}{
		{"unsigned", "", bytes.NewReader(body), http.StatusBadRequest},
		{"signed with another secret", signed("guess", body), bytes.NewReader(body), http.StatusBadRequest},
		{"signed, then altered", signed(enterpriseSecret, body), bytes.NewReader(append(bytes.Clone(closed), ' ')), http.StatusBadRequest},
		{"announced too large", signed(enterpriseSecret, large), bytes.NewReader(large), http.StatusRequestEntityTooLarge},
		{"too large without saying so", signed(enterpriseSecret, large), io.MultiReader(bytes.NewReader(large)), http.StatusRequestEntityTooLarge},
		{"again", sent.Get("X-Hub-Signature-256"), bytes.NewReader(body), http.StatusOK},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+served.web+"/webhook", d.body)
		if err != nil {
			t.Fatal(err)
		}
		for name := range sent {
			req.Header.Set(name, sent.Get(name))
		}
		req.Header.Del("X-Hub-Signature-256")
		if d.signature != "" {
			req.Header.Set("X-Hub-Signature-256", d.signature)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			// It was answered and hung up on while it still sent.
			if d.want == http.StatusRequestEntityTooLarge {
				continue
			}
			t.Fatalf("%s: %v", d.what, err)
		}
		resp.Body.Close()
		if resp.StatusCode != d.want {
			t.Errorf("promise 8: %s: %d, want %d", d.what, resp.StatusCode, d.want)
		}
	}
	text := ""
	eventually(t, func() bool {
		text = served.fetch(t, "/metrics")
		return strings.Contains(text, `lockkeeper_queue_jobs{state="waiting"} 0`) && strings.Contains(text, `lockkeeper_queue_jobs{state="running"} 0`)
	}, func() string { return "jobs are left:\n" + text })
	for _, want := range []string{`lockkeeper_deliveries_total{event="pull_request",result="refused"} 3`} {
		if !strings.Contains(text, want) {
			t.Errorf("no metric %s:\n%s", want, text)
		}
	}
	if runs, comments := repo.CheckRuns(pull.Head()), pull.Comments(); len(runs) != 1 || len(comments) != 1 || runs[0].Conclusion != "action_required" {
		t.Errorf("promise 8: %d check runs and %d comments, want one of each", len(runs), len(comments))
	}
	for _, s := range all {
		if err := s.conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, s.conn); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Fatalf("a client that sends half a header to %s is kept: %v", s.what, err)
		}
	}
}

// TestPromise10AProcessKeepsItsSecrets: with everything in use that has a secret, none
// of them is in its log, metrics, traces, pages or on GitHub.
func TestPromise10AProcessKeepsItsSecrets(t *testing.T) {
	var mu sync.Mutex
	var traces bytes.Buffer
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			plain, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = plain
		}
		mu.Lock()
		defer mu.Unlock()
		if _, err := io.Copy(&traces, body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(collector.Close)
	private := registrytest.New()
	if err := private.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { private.Close() })
	const token, clientSecret, password = "a token that nobody may see", "a client secret that nobody may see", "a-password-that-nobody-may-see"
	private.SetManner(registrytest.Manner{Authorization: token})
	database, err := url.Parse(pgtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	database.User = url.UserPassword(database.User.Username(), password)
	e := newEnterprise(t)
	registries := serveGrabber(t)
	served := serveAgainst(t, e, registries, differently{
		config: "[tracing]\nendpoint = '" + collector.URL + "'\n[[registry]]\nname = 'corp'\necosystem = 'cargo'\nsources = ['sparse+" + private.Index() + "/']\ntoken-env = 'CORP_TOKEN'\npublic = true\n",
		env: []string{
			"CORP_TOKEN=" + token, "LOCKKEEPER_STORE_URL=" + database.String(), "OTEL_EXPORTER_OTLP_HEADERS=authorization=a-header-that-nobody-may-see",
			"LOCKKEEPER_SERVER_PUBLIC_URL=https://lockkeeper.example.invalid", "LOCKKEEPER_GITHUB_CLIENT_ID=Iv1.0123456789abcdef", "LOCKKEEPER_GITHUB_CLIENT_SECRET=" + clientSecret,
		},
	})
	repo, pull := e.grabs(t, registries)
	repo.Commit("topic", githubtest.CommitSpec{Message: "More", Author: "author", Files: map[string]string{
		"Cargo.lock": lockOfGrabber(t, registries, "\n[[package]]\nname = \"x\"\nversion = \"1.0.0\"\nsource = \"sparse+"+private.Index()+"/\"\nchecksum = \""+strings.Repeat("ab", 32)+"\"\n"),
	}})
	check := concludes(t, served, repo, pull, "action_required")
	shown := check.Title + check.Summary + check.Text + served.fetch(t, "/metrics") + served.fetch(t, "/debug/pprof/")
	for _, c := range pull.Comments() {
		shown += c.Body
	}

	// The pages, as a browser without an account meets them.
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, path := range []string{"/", "/login", "/login/github?to=/acme/app", "/login/callback?code=x&state=y", "/acme/app/pull/1", "/nowhere"} {
		resp, err := browser.Get("http://" + served.web + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		shown += string(body) + fmt.Sprint(resp.Header)
		for name, want := range map[string]string{
			"Strict-Transport-Security": "max-age=31536000", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
		} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: Content-Security-Policy %q", path, policy)
		}
		for _, c := range resp.Cookies() {
			if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || !strings.HasPrefix(c.Name, "__Host-") || c.Path != "/" || c.Domain != "" {
				t.Errorf("%s: cookie %s", path, c)
			}
		}
		if path == "/login/github?to=/acme/app" && len(resp.Cookies()) == 0 {
			t.Error("signing in is bound to no browser")
		}
	}
	if private.Count(registrytest.Index) == 0 {
		t.Error("the private registry was not asked, so its token was not used")
	}
	served.stop() // sends the last traces
	mu.Lock()
	defer mu.Unlock()
	if !strings.Contains(traces.String(), "acme/app") {
		t.Errorf("%d bytes of traces, and none is about the repository", traces.Len())
	}
	shown += served.log.String() + traces.String()
	e.mu.Lock()
	defer e.mu.Unlock()
	hidden := []string{token, clientSecret, password, enterpriseSecret, "a-header-that-nobody-may-see"}
	for secret := range e.secrets {
		hidden = append(hidden, secret)
	}
	hidden = append(hidden, strings.Split(strings.TrimSpace(string(e.PrivateKeyPEM())), "\n")[1:3]...)
	if len(hidden) < 9 {
		t.Fatalf("only %d secrets are known, and a token and the App's went over the wire at least", len(hidden))
	}
	for _, secret := range hidden {
		if strings.Contains(shown, secret) {
			t.Errorf("promise 10: %.12s... of %d bytes is shown", secret, len(secret))
		}
	}
}
