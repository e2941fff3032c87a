package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/github/githubtest/contract"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
)

// enterprise is a GitHub Enterprise Server: behind TLS with a certificate of its
// own, without rate limits, and without merge queues.
type enterprise struct {
	*githubtest.Server
	t   *testing.T
	url string // of its front
	ca  []byte // PEM

	mu      sync.Mutex
	secrets map[string]bool // that went over the wire
	asked   map[string]int  // how often each operation was
}

func newEnterprise(t *testing.T) *enterprise {
	t.Helper()
	// Its clock is ahead: a comment within the second in which something was shown
	// would count as written before.
	ahead := func() time.Time { return time.Now().Add(2 * time.Second) }
	inner, err := githubtest.New(githubtest.Config{Clock: ahead, Events: []string{"check_run", "check_suite", "issue_comment", "pull_request", "pull_request_review", "push"}})
	if err != nil {
		t.Fatal(err)
	}
	e := &enterprise{Server: inner, t: t, secrets: map[string]bool{}, asked: map[string]int{}}
	front := httptest.NewUnstartedServer(http.HandlerFunc(e.serve))
	front.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes
	front.StartTLS()
	e.url = front.URL
	e.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw})
	inner.SetURL(front.URL)
	t.Cleanup(func() { inner.Close(); front.Close() })
	return e
}

// serve notes every token that is asked for or used, and holds request and answer
// against the description of an Enterprise Server.
func (e *enterprise) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	inner := httptest.NewRecorder()
	e.Server.ServeHTTP(inner, r)
	input, err := contract.Enterprise.Request(r, body)
	if err == nil {
		err = contract.Response(input, inner.Result(), inner.Body.Bytes())
	}
	if err != nil {
		e.t.Errorf("%s %s, %d: %v", r.Method, r.URL.Path, inner.Code, err)
	}
	e.mu.Lock()
	if input != nil {
		e.asked[input.Route.Operation.OperationID]++
	}
	if _, secret, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
		e.secrets[secret] = true
	}
	var made struct {
		Token string `json:"token"`
	}
	if json.Unmarshal(inner.Body.Bytes(), &made) == nil && made.Token != "" {
		e.secrets[made.Token] = true
	}
	e.mu.Unlock()
	for name, values := range inner.Header() {
		if !strings.HasPrefix(name, "X-Ratelimit-") { // off by default on Enterprise Server
			w.Header()[name] = values
		}
	}
	w.Header().Set("X-GitHub-Enterprise-Version", "3.17.0")
	w.WriteHeader(inner.Code)
	_, _ = w.Write(inner.Body.Bytes())
}

// logBuffer is what a server wrote.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// await waits until the log has a match, and gives its first group.
func (b *logBuffer) await(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	var found []string
	eventually(t, func() bool { found = re.FindStringSubmatch(b.String()); return found != nil }, func() string { return "no " + pattern + " in\n" + b.String() })
	return found[len(found)-1]
}

func eventually(t *testing.T, done func() bool, otherwise func() string) {
	t.Helper()
	deadline := time.After(time.Minute)
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatal(otherwise())
		case <-ticker.C:
		}
	}
}

const enterpriseSecret = "a webhook secret, to be found nowhere"

// serving is a process that serves.
type serving struct {
	log          *logBuffer
	config       string // path of its configuration
	web, metrics string // addresses
	stop         func() // as an operating system does
}

// differently is how a server is run other than with the Enterprise Server's
// certificates and SQLite.
type differently struct {
	distrust bool
	config   string   // more of it, as TOML
	env      []string // of the process
}

// serveAgainst runs lockkeeper serve as an operator would, in a process of its own and
// with everything logged.
func serveAgainst(t *testing.T, e *enterprise, registries *registrytest.Server, how differently) *serving {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	caFile := ""
	if !how.distrust {
		caFile = "ca-file = '" + write("ca.pem", e.ca) + "'\n"
	}
	s := &serving{log: &logBuffer{}}
	s.config = write("config.toml", fmt.Appendf(nil, "[server]\nlisten = '127.0.0.1:0'\ncontact = 'ops@example.invalid'\n[github]\n%sapi-url = '%s/api/v3'\napp-id = %d\nprivate-key-file = '%s'\nwebhook-secret-file = '%s'\n"+
		"[cache]\ndir = '%s'\n[cratesio]\nindex = '%s'\nstatic = '%s'\napi = '%s'\n[pypi]\npypi = '%s'\nfiles = '%s'\n[log]\nlevel = 'trace'\n[metrics]\nlisten = '127.0.0.1:0'\nprofiles = true\n%s",
		caFile, e.url, e.AppID(), write("app.pem", e.PrivateKeyPEM()), write("secret", []byte(enterpriseSecret+"\n")),
		filepath.Join(dir, "cache"), registries.Index(), registries.Static(), registries.API(), registries.PyPI(), registries.Files(), how.config))
	cmd := exec.Command("lockkeeper", "serve", "--config", s.config)
	cmd.Dir = dir // of the database
	cmd.Stderr = s.log
	cmd.Env = slices.Concat(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "LOCKKEEPER_") }), how.env)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.stop = sync.OnceFunc(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server ended: %v\n%s", err, s.log)
		}
	})
	t.Cleanup(s.stop)
	s.web = s.log.await(t, `"address":"([^"]+)"`)
	s.metrics = s.log.await(t, `"metrics_address":"([^"]+)"`)
	e.SetWebhook("http://"+s.web+"/webhook", enterpriseSecret)
	return s
}

// fetch reads from the address of metrics.
func (s *serving) fetch(t *testing.T, path string) string {
	t.Helper()
	resp, err := http.Get("http://" + s.metrics + path)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", path, resp.StatusCode, err)
	}
	return string(body)
}

// serveGrabber serves registries with a crate whose build script runs a program.
func serveGrabber(t *testing.T) *registrytest.Server {
	t.Helper()
	registries := registrytest.New()
	if err := registries.LoadText([]byte("-- registry.toml --\n[crates.\"grabber@1.0.0\"]\npublished = 2020-01-01T00:00:00Z\npublisher = \"user:1 keeper\"\n" +
		"-- crates/grabber/1.0.0/build.rs --\nfn main() { std::process::Command::new(\"curl\").status().unwrap(); }\n")); err != nil {
		t.Fatal(err)
	}
	if err := registries.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { registries.Close() })
	return registries
}

// lockOfGrabber locks that crate, and what more says.
func lockOfGrabber(t *testing.T, registries *registrytest.Server, more string) string {
	t.Helper()
	lock, err := registries.Expand("version = 4\n\n[[package]]\nname = \"grabber\"\nversion = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{{crate:grabber@1.0.0}}\"\n" + more)
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

// grabs opens a pull request that locks the crate of serveGrabber, in a repository whose
// policy names a team.
func (e *enterprise) grabs(t *testing.T, registries *registrytest.Server) (*githubtest.Repo, *githubtest.Pull) {
	t.Helper()
	for _, login := range []string{"author", "reviewer"} {
		e.AddUser(login)
	}
	e.AddOrg("acme", "author")
	e.AddTeam("acme", "security", "", "reviewer")
	repo := e.AddRepo("acme", "app", githubtest.RepoOptions{Files: map[string]string{"Cargo.lock": "version = 4\n", ".lockkeeper/policy.toml": "[reviewers]\nteams = ['security']\n[allowlist]\nrecord = 'pull-request'\n"}})
	repo.SetPermission("author", "write")
	repo.SetPermission("reviewer", "maintain")
	repo.Branch("topic", "main")
	repo.Commit("topic", githubtest.CommitSpec{Message: "Update", Author: "author", Files: map[string]string{"Cargo.lock": lockOfGrabber(t, registries, "")}})
	return repo, repo.OpenPull("author", "topic", "main", "Update", "")
}

// concludes waits until the check of a pull request's head does, and gives it.
func concludes(t *testing.T, served *serving, repo *githubtest.Repo, pull *githubtest.Pull, want string) (check githubtest.CheckRun) {
	t.Helper()
	eventually(t, func() bool {
		for _, run := range repo.CheckRuns(pull.Head()) {
			check = run
		}
		return check.Conclusion == want && len(pull.Comments()) > 0
	}, func() string { return fmt.Sprintf("the check is %q, want %q\n%s", check.Conclusion, want, served.log) })
	return check
}

// TestEnterpriseServer: a pull request on GitHub Enterprise Server, from its
// delivery to the sign-off, and nothing secret in all that the server wrote
// meanwhile with everything logged (promise 10).
func TestEnterpriseServer(t *testing.T) {
	e := newEnterprise(t)
	registries := serveGrabber(t)
	served := serveAgainst(t, e, registries, differently{})
	log := served.log
	repo, pull := e.grabs(t, registries)
	concludes(t, served, repo, pull, "action_required")
	pull.Comment("reviewer", `/lockkeeper sign-off all "read it"`)
	check := concludes(t, served, repo, pull, "success")
	if _, err := pull.Merge("author"); err != nil {
		t.Fatal(err)
	}
	recorded := func() bool {
		return slices.ContainsFunc(repo.Pulls(), func(p githubtest.PullInfo) bool { return p.Author == e.AppLogin() && p.State == "open" })
	}
	eventually(t, recorded, func() string { return "the sign-off is not offered to be recorded\n" + log.String() })

	var ready bytes.Buffer
	if code := run(t.Context(), []string{"ready", "http://" + served.web}, nil, strings.NewReader(""), &ready, &ready); code != exitOK {
		t.Errorf("lockkeeper ready: %d %s", code, &ready)
	}
	shown := ""
	eventually(t, func() bool {
		shown = served.fetch(t, "/metrics")
		return strings.Contains(shown, `lockkeeper_scans_total{conclusion="success"}`)
	},
		func() string { return "the metrics do not show the scan:\n" + shown })
	shown += served.fetch(t, "/debug/pprof/")
	// Without GitHub's quota there is none to show.
	if !strings.Contains(shown, `lockkeeper_github_installations{quota="over_half"} 0`) {
		t.Error("metrics of a quota that this GitHub does not have")
	}
	var doctor bytes.Buffer
	if code := run(t.Context(), []string{"doctor", "--server", "--config", served.config}, nil, strings.NewReader(""), &doctor, &doctor); code != exitOK {
		t.Errorf("lockkeeper doctor: %d\n%s", code, &doctor)
	}
	shown += doctor.String()
	e.mu.Lock()
	defer e.mu.Unlock()
	served.stop()
	for _, operation := range []string{"checks/create", "checks/update", "repos/compare-commits-with-basehead", "teams/get-membership-for-user-in-org", "git/create-commit", "pulls/create", "apps/list-webhook-deliveries"} {
		if e.asked[operation] == 0 {
			t.Errorf("%s was not asked for, so it is not known to work: %v", operation, e.asked)
		}
	}
	shown += log.String() + check.Title + check.Summary
	for _, c := range pull.Comments() {
		shown += c.Body
	}
	hidden := map[string]bool{enterpriseSecret: true, base64.StdEncoding.EncodeToString([]byte(enterpriseSecret)): true}
	for secret := range e.secrets {
		hidden[secret] = true
	}
	if len(hidden) < 4 {
		t.Fatalf("only %d secrets were seen, and a token and the App's are used at least", len(hidden))
	}
	for _, line := range strings.Split(strings.TrimSpace(string(e.PrivateKeyPEM())), "\n") {
		hidden[line] = true
	}
	for secret := range hidden {
		if strings.Contains(shown, secret) {
			t.Errorf("promise 10: %.12s... of %d bytes is shown", secret, len(secret))
		}
	}
}

// TestUnknownCertificate: an operator is told what is missing.
func TestUnknownCertificate(t *testing.T) {
	e := newEnterprise(t)
	serveAgainst(t, e, serveGrabber(t), differently{distrust: true}).log.await(t, `(name its certificates in ca-file of \[github\])`)
}
