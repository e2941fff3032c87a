package rig

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Replica is one server.
type Replica struct {
	// Address is where it takes webhooks, Private where it shows metrics and profiles.
	Address, Private string

	rig  *Rig
	cmd  *exec.Cmd
	done chan struct{}

	mu  sync.Mutex
	log []string // guarded by mu; the last lines
}

// Start starts one more server and returns when it serves. wrap is put before its
// command line: "sh", "-c", "ulimit -f 100; exec \"$@\"", "sh", say.
func (r *Rig) Start(wrap ...string) (*Replica, error) {
	dir, err := os.MkdirTemp(r.cfg.Dir, "replica-")
	if err != nil {
		return nil, err
	}
	store := "path = '" + filepath.Join(r.cfg.Dir, "lockkeeper.db") + "'"
	if r.cfg.Database != "" {
		store = "url = '" + r.cfg.Database + "'"
	}
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
`, r.GitHub.APIURL(), r.GitHub.URL(), r.GitHub.AppID(), filepath.Join(r.cfg.Dir, "app.pem"), secret, store, filepath.Join(dir, "cache"),
		r.Registry.Index(), r.Registry.Static(), r.Registry.API())
	file := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	line := append(wrap, r.cfg.Binary, "serve", "--config", file)
	one := &Replica{rig: r, cmd: exec.Command(line[0], line[1:]...), done: make(chan struct{})}
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

// Files counts its open file descriptors.
func (one *Replica) Files() (int, error) {
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", one.cmd.Process.Pid))
	return len(files), err
}

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

var total = regexp.MustCompile(`total (\d+)`)

// Goroutines counts them.
func (one *Replica) Goroutines() (int, error) {
	resp, err := http.Get("http://" + one.Private + "/debug/pprof/goroutine?debug=1")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		return 0, err
	}
	m := total.FindSubmatch(data)
	if m == nil {
		return 0, fmt.Errorf("count goroutines: %s %.100q", resp.Status, data)
	}
	return strconv.Atoi(string(m[1]))
}
