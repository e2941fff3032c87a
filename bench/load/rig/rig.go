// Package rig runs the real server, built and started as its own process, between a
// GitHub and a registry on loopback: for measurements, and for tests that kill it.
// Nothing in it asks for a testing.T.
package rig

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
)

const secret = "a webhook secret of the rig"

// Check is what the server's check is called on the main branch.
const Check = "lockkeeper: main"

// Config of a Rig.
type Config struct {
	// Binary is the program "lockkeeper"; see Build.
	Binary string
	// Dir is a directory of the rig's own.
	Dir string
	// Database is the address of a PostgreSQL database; empty for SQLite in Dir.
	Database string
	// Deliveries is how many webhooks are under way at once; 0 means 4.
	Deliveries int
	// Crates is the text that registrytest.LoadText reads.
	Crates string
	// Limit is the hourly one of an installation; 0 means GitHub's 5000.
	Limit int
	// TokenLife is how long tokens of installations really live; 0 means the hour that
	// they say.
	TokenLife time.Duration
}

// Rig is a GitHub, a registry and the servers in between.
type Rig struct {
	GitHub   *githubtest.Server
	Registry *registrytest.Server
	Repo     *githubtest.Repo

	cfg     Config
	web     *httptest.Server // GitHub's pages
	crates  *httptest.Server // the registry
	front   *httptest.Server // before the servers
	inbound *http.Transport  // from there to them

	mu       sync.Mutex
	replicas []*Replica // guarded by mu
	next     int        // guarded by mu; takes turns
	// rewritten is guarded by mu: how often a server wrote a check run once more, because
	// it may have written after a newer run.
	rewritten int
}

// Build makes the program in dir.
func Build(dir string) (string, error) {
	return build(filepath.Join(dir, "lockkeeper"), "", "github.com/lockkeeper/lockkeeper/cmd/lockkeeper")
}

// build runs the go command in the directory in.
func build(out, in string, args ...string) (string, error) {
	cmd := exec.Command("go", append([]string{"build", "-o", out}, args...)...)
	cmd.Dir = in
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the server: %w\n%s", err, text)
	}
	return out, nil
}

// New makes GitHub and the registry, with the repository owner/app. No server runs yet.
func New(cfg Config) (*Rig, error) {
	if cfg.Deliveries == 0 {
		cfg.Deliveries = 4
	}
	r := &Rig{cfg: cfg, Registry: registrytest.New(), inbound: &http.Transport{MaxIdleConnsPerHost: 16}}
	if err := r.Registry.LoadText([]byte(cfg.Crates)); err != nil {
		return nil, err
	}
	r.crates = quietly(r.Registry)
	r.Registry.SetURL(r.crates.URL)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	r.GitHub, err = githubtest.New(githubtest.Config{PrivateKey: key, DeliveryWorkers: cfg.Deliveries, RateLimit: cfg.Limit, TokenLife: cfg.TokenLife})
	if err != nil {
		return nil, err
	}
	r.web = quietly(r.GitHub)
	r.GitHub.SetURL(r.web.URL)
	r.front = quietly(http.HandlerFunc(r.balance))
	r.GitHub.SetWebhook(r.front.URL+"/webhook", secret)
	for _, login := range []string{"owner", "author", "reviewer"} {
		r.GitHub.AddUser(login)
	}
	lock, err := r.Lock("quiet@1.0.0")
	if err != nil {
		return nil, err
	}
	r.Repo = r.GitHub.AddRepo("owner", "app", githubtest.RepoOptions{Files: map[string]string{
		"README.md": "# app\n", "Cargo.lock": lock, ".lockkeeper/policy.toml": "[reviewers]\npermission = \"maintain\"\n",
	}})
	for _, login := range []string{"author", "reviewer"} {
		r.Repo.SetPermission(login, "maintain")
	}
	return r, os.WriteFile(filepath.Join(cfg.Dir, "app.pem"), r.GitHub.PrivateKeyPEM(), 0o600)
}

// Close kills what runs.
func (r *Rig) Close() {
	for _, one := range r.Replicas() {
		one.Kill()
	}
	r.GitHub.Close()
	r.inbound.CloseIdleConnections()
	for _, one := range []*httptest.Server{r.front, r.web, r.crates} {
		one.CloseClientConnections()
		one.Close()
	}
}

// quietly serves h without a word about the connections that tests break.
func quietly(h http.Handler) *httptest.Server {
	one := httptest.NewUnstartedServer(h)
	one.Config.ErrorLog = log.New(io.Discard, "", 0)
	one.Start()
	return one
}

// Lock is a Cargo.lock of "name@version"s that the registry has.
func (r *Rig) Lock(packages ...string) (string, error) {
	var b strings.Builder
	b.WriteString("version = 4\n")
	for _, p := range packages {
		name, version, _ := strings.Cut(p, "@")
		fmt.Fprintf(&b, "\n[[package]]\nname = %q\nversion = %q\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{{crate:%s}}\"\n", name, version, p)
	}
	return r.Registry.Expand(b.String())
}

// balance is the load balancer: it waits a little for a server to be there, and hands
// over what that one answers, or a 502.
func (r *Rig) balance(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	one := r.wait(req, 5*time.Second)
	if one == nil {
		http.Error(w, "no server is there", http.StatusBadGateway)
		return
	}
	pass, err := http.NewRequestWithContext(req.Context(), req.Method, "http://"+one.Address+req.URL.Path, strings.NewReader(string(body)))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	pass.Header = req.Header.Clone()
	resp, err := r.inbound.RoundTrip(pass)
	if err != nil {
		http.Error(w, "the server went away", http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

func (r *Rig) wait(req *http.Request, most time.Duration) *Replica {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(most); time.Now().Before(deadline); {
		if one := r.turn(); one != nil {
			return one
		}
		select {
		case <-ticker.C:
		case <-req.Context().Done():
			return nil
		}
	}
	return nil
}

// turn is the server whose turn it is. Those that Freeze froze get none: load balancers
// notice who does not answer.
func (r *Rig) turn() *Replica {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range r.replicas {
		r.next++
		if one := r.replicas[r.next%len(r.replicas)]; !one.frozen {
			return one
		}
	}
	return nil
}

// Replicas are the servers that run.
func (r *Rig) Replicas() []*Replica {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*Replica(nil), r.replicas...)
}

// Rewritten is how often servers wrote a check run once more, since they may have
// written after a newer run.
func (r *Rig) Rewritten() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rewritten
}

// Redeliver repeats the deliveries of which no attempt arrived, as GitHub does when the
// server asks for it, and says how many.
func (r *Rig) Redeliver() int {
	arrived, failed := map[string]bool{}, map[string]int64{}
	for _, d := range r.GitHub.Deliveries() {
		if d.Status >= 200 && d.Status < 300 {
			arrived[d.GUID] = true
		} else {
			failed[d.GUID] = d.ID
		}
	}
	n := 0
	for guid, id := range failed {
		if !arrived[guid] {
			r.GitHub.Redeliver(id)
			n++
		}
	}
	return n
}

var errEnded = errors.New("the server ended")
