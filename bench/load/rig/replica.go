package rig

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// Replica is one server.
type Replica struct {
	// Address is where it takes webhooks, Private where it shows metrics and profiles.
	Address, Private string

	rig    *Rig
	cmd    *exec.Cmd
	done   chan struct{}
	github *httptest.Server                    // its own door to GitHub
	watch  atomic.Pointer[func(*http.Request)] // see Watch
	frozen bool                                // guarded by rig.mu

	mu  sync.Mutex
	log []string // guarded by mu; the last lines
}

// Options of one server.
type Options struct {
	// Wrap is put before its command line: "sh", "-c", "ulimit -f 100; exec \"$@\"", "sh",
	// say.
	Wrap []string
	// Binary is another one than the rig's.
	Binary string
	// Env is added to its environment.
	Env []string
}

// Start starts one more server and returns when it serves.
func (r *Rig) Start() (*Replica, error) { return r.StartWith(Options{}) }

// StartWith is Start with options.
func (r *Rig) StartWith(o Options) (*Replica, error) {
	dir, err := os.MkdirTemp(r.cfg.Dir, "replica-")
	if err != nil {
		return nil, err
	}
	store := "path = '" + filepath.Join(r.cfg.Dir, "lockkeeper.db") + "'"
	if r.cfg.Database != "" {
		store = "url = '" + r.cfg.Database + "'"
	}
	one := &Replica{rig: r, done: make(chan struct{})}
	one.github = quietly(http.HandlerFunc(one.toGitHub))
	text := fmt.Sprintf(`[server]
listen = "127.0.0.1:0"
contact = "rig@example.invalid"
[github]
api-url = %q
web-url = %q
app-id = %d
private-key-file = '%s'
webhook-secret = %q
[store]
%s
[cache]
dir = '%s'
[cratesio]
index = %q
static = %q
api = %q
[metrics]
listen = "127.0.0.1:0"
profiles = true
[log]
level = "info"
`, one.github.URL+"/api/v3", r.GitHub.URL(), r.GitHub.AppID(), filepath.Join(r.cfg.Dir, "app.pem"), secret, store, filepath.Join(dir, "cache"),
		r.Registry.Index(), r.Registry.Static(), r.Registry.API())
	file := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	line := append(slices.Clone(o.Wrap), cmp.Or(o.Binary, r.cfg.Binary), "serve", "--config", file)
	one.cmd = exec.Command(line[0], line[1:]...)
	one.cmd.Env = append(os.Environ(), o.Env...)
	stderr, err := one.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := one.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", r.cfg.Binary, err)
	}
	serving := make(chan struct{})
	go one.follow(stderr, serving)
	select {
	case <-serving:
	case <-one.done:
		return nil, fmt.Errorf("%w before it served:\n%s", errEnded, one.Log())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.replicas = append(r.replicas, one)
	return one, nil
}

func (one *Replica) toGitHub(w http.ResponseWriter, r *http.Request) {
	if f := one.watch.Load(); f != nil {
		(*f)(r)
	}
	one.rig.GitHub.ServeHTTP(w, r)
}

// Watch has f called with each request of this server to GitHub, before GitHub sees it:
// GitHub waits for it.
func (one *Replica) Watch(f func(*http.Request)) { one.watch.Store(&f) }

// Freeze stops it in the middle of whatever it does, until Wake.
func (one *Replica) Freeze() error {
	one.rig.mu.Lock()
	one.frozen = true
	one.rig.mu.Unlock()
	if err := one.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	// The signal is there at once, and its effect a moment later.
	for {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", one.cmd.Process.Pid))
		if err != nil {
			return err
		}
		if _, rest, _ := strings.Cut(string(data), ") "); strings.HasPrefix(rest, "T") {
			return nil
		}
		runtime.Gosched()
	}
}

// Wake ends what Freeze began.
func (one *Replica) Wake() error {
	one.rig.mu.Lock()
	one.frozen = false
	one.rig.mu.Unlock()
	return one.Signal(syscall.SIGCONT)
}

var addresses = regexp.MustCompile(`"(metrics_)?address":"([^"]+)"`)

// follow reads the log until the server ends.
func (one *Replica) follow(stderr io.Reader, serving chan struct{}) {
	defer close(one.done)
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		one.mu.Lock()
		if one.log = append(one.log, line); len(one.log) > 2000 {
			one.log = one.log[1000:]
		}
		one.mu.Unlock()
		if strings.Contains(line, "what is newest is written again") {
			one.rig.mu.Lock()
			one.rig.rewritten++
			one.rig.mu.Unlock()
		}
		m := addresses.FindStringSubmatch(line)
		switch {
		case m == nil:
		case m[1] != "":
			one.Private = m[2]
		case one.Address == "":
			one.Address = m[2]
			close(serving)
		}
	}
	_ = one.cmd.Wait()
	one.github.CloseClientConnections()
	one.github.Close()
	one.rig.mu.Lock()
	defer one.rig.mu.Unlock()
	for i, other := range one.rig.replicas {
		if other == one {
			one.rig.replicas = append(one.rig.replicas[:i:i], one.rig.replicas[i+1:]...)
		}
	}
}

// Log is the end of what the server logged.
func (one *Replica) Log() string {
	one.mu.Lock()
	defer one.mu.Unlock()
	return strings.Join(one.log, "\n")
}

// Signal sends it a signal.
func (one *Replica) Signal(s syscall.Signal) error { return one.cmd.Process.Signal(s) }

// Kill is kill -9, and waits for the end.
func (one *Replica) Kill() {
	_ = one.cmd.Process.Kill()
	<-one.done
}

// Ended is closed at its end.
func (one *Replica) Ended() <-chan struct{} { return one.done }

// ExitCode is for after its end.
func (one *Replica) ExitCode() int { return one.cmd.ProcessState.ExitCode() }

// Resident is its memory now, and Peak the most so far, in bytes.
func (one *Replica) Resident() (now, peak int64, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", one.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	read := func(key string) int64 {
		_, rest, _ := strings.Cut(string(data), key)
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			return 0
		}
		kilobytes, _ := strconv.ParseInt(fields[0], 10, 64)
		return kilobytes << 10
	}
	return read("VmRSS:"), read("VmHWM:"), nil
}

// Metrics are the lines that it shows to Prometheus.
func (one *Replica) Metrics() ([]string, error) {
	data, err := one.get("/metrics")
	return strings.Split(string(data), "\n"), err
}

// get asks its private port, on a connection of its own, which it counts as one visitor.
func (one *Replica) get(path string) ([]byte, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + one.Private + path)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("ask for %s: %s", path, resp.Status)
	}
	return data, err
}
