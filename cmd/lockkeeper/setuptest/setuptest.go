// Package setuptest runs the program as somebody has it who never had it before: built,
// as its own process, without a configuration, in an empty home directory, beside a
// GitHub and a registry on loopback.
package setuptest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/bench/load/rig"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
)

// World is a GitHub without an App for us, and an empty directory. The organisation
// acme, of which alice is the administrator, has the repositories .github, with a policy
// for all, app and tool.
type World struct {
	GitHub   *githubtest.Server
	Registry *registrytest.Server
	App      *githubtest.Repo
	// Dir is home and working directory.
	Dir string
	Env []string

	t      testing.TB
	binary string
}

const crates = `
-- registry.toml --
[crates."cfg-if@1.0.0"]
published = 2020-01-01T00:00:00Z
publisher = "user:1 one"
[crates."grabber@1.0.0"]
published = 2020-01-01T00:00:00Z
publisher = "user:1 one"
[pypi."pip@1.0"]
published = 2020-01-01T00:00:00Z
-- crates/cfg-if/1.0.0/src/lib.rs --
-- crates/grabber/1.0.0/build.rs --
fn main() { std::process::Command::new("curl").status().unwrap(); }
-- pypi/pip/1.0/wheel/pip-1.0-py3-none-any.whl/pip.py --
`

// Build makes the program, for as long as t lasts.
func Build(t testing.TB) string {
	t.Helper()
	binary, err := rig.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// New makes a world with a program that was built; it ends with t.
func New(t testing.TB, binary string, cfg githubtest.Config) *World {
	t.Helper()
	w := &World{t: t, binary: binary, Registry: registrytest.New(), Dir: t.TempDir()}
	w.must(w.Registry.LoadText([]byte(crates)))
	w.must(w.Registry.Start())
	t.Cleanup(func() { w.Registry.Close() })
	var err error
	w.GitHub, err = githubtest.New(cfg)
	w.must(err)
	web := httptest.NewServer(w.GitHub)
	t.Cleanup(func() { w.GitHub.Close(); web.Close() })
	w.GitHub.SetURL(web.URL)
	for _, login := range []string{"alice", "author", "reviewer"} {
		w.GitHub.AddUser(login)
	}
	w.GitHub.AddOrg("acme", "alice")
	add := func(name string, files map[string]string) *githubtest.Repo {
		return w.GitHub.AddRepo("acme", name, githubtest.RepoOptions{NotInstalled: true, Files: files})
	}
	add(".github", map[string]string{".lockkeeper/policy.toml": "[reviewers]\nusers = [\"reviewer\"]\n"})
	add("tool", map[string]string{"README.md": "# tool\n"})
	w.App = add("app", map[string]string{"README.md": "# app\n", "Cargo.lock": "version = 4\n"})
	w.App.SetPermission("author", "write")
	w.App.SetPermission("reviewer", "maintain")
	root := filepath.Join(w.Dir, "trusted_root.json")
	w.must(os.WriteFile(root, w.Registry.TrustRoot(), 0o600))
	w.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + w.Dir, "LOCKKEEPER_SERVER_LISTEN=127.0.0.1:0",
		"LOCKKEEPER_CRATESIO_INDEX=" + w.Registry.Index(), "LOCKKEEPER_CRATESIO_STATIC=" + w.Registry.Static(), "LOCKKEEPER_CRATESIO_API=" + w.Registry.API(),
		"LOCKKEEPER_PYPI_PYPI=" + w.Registry.PyPI(), "LOCKKEEPER_PYPI_FILES=" + w.Registry.Files(), "LOCKKEEPER_PYPI_TRUST_ROOT=" + root,
	}
	return w
}

func (w *World) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// OpenPull opens a pull request that brings in a crate whose build script runs curl.
func (w *World) OpenPull(branch string) *githubtest.Pull {
	w.t.Helper()
	lock, err := w.Registry.Expand("version = 4\n\n[[package]]\nname = \"grabber\"\nversion = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{{crate:grabber@1.0.0}}\"\n")
	w.must(err)
	w.App.Branch(branch, "main")
	w.App.Commit(branch, githubtest.CommitSpec{Message: "Update dependencies", Author: "author", Files: map[string]string{"Cargo.lock": lock}})
	return w.App.OpenPull("author", branch, "main", "Update dependencies", "")
}

// Check waits until the pull request's check has ended.
func (w *World) Check(p *githubtest.Pull) githubtest.CheckRun {
	w.t.Helper()
	var found githubtest.CheckRun
	w.Eventually(func() bool {
		for _, run := range w.App.CheckRuns(p.Head()) {
			found = run
		}
		return found.Conclusion != ""
	}, "the pull request gets no check")
	return found
}

// Eventually waits until done.
func (w *World) Eventually(done func() bool, otherwise string) {
	w.t.Helper()
	deadline := time.After(time.Minute)
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-deadline:
			w.t.Fatal(otherwise)
		case <-ticker.C:
		}
	}
}

// Run runs a command to its end.
func (w *World) Run(stdin string, args ...string) (stdout, stderr string, code int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.binary, args...)
	var out, errs strings.Builder
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = w.Dir, w.Env, strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		w.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// Server is lockkeeper serve.
type Server struct {
	// Link is what it printed: where the page is. Empty for one that is configured.
	Link string
	// Address is where it listens.
	Address string

	w    *World
	cmd  *exec.Cmd
	done chan struct{}

	mu  sync.Mutex
	out strings.Builder // guarded by mu; all that it wrote
}

var (
	printed = regexp.MustCompile(`http://([^/\s]+)/setup\?token=\S+`)
	serving = regexp.MustCompile(`"address":"([^"]+)"`)
)

// Serve starts it and waits until it says where it is.
func (w *World) Serve(args ...string) *Server {
	w.t.Helper()
	s := &Server{w: w, cmd: exec.Command(w.binary, append([]string{"serve"}, args...)...), done: make(chan struct{})}
	s.cmd.Dir, s.cmd.Env = w.Dir, w.Env
	reader, writer := io.Pipe()
	s.cmd.Stdout, s.cmd.Stderr = writer, writer
	w.must(s.cmd.Start())
	there := make(chan struct{})
	go s.follow(reader, there)
	go func() {
		_ = s.cmd.Wait()
		writer.Close()
		close(s.done)
	}()
	w.t.Cleanup(func() { s.Stop() })
	select {
	case <-there:
	case <-s.done:
		w.t.Fatalf("the server ended:\n%s", s.Output())
	}
	return s
}

func (s *Server) follow(r io.Reader, there chan struct{}) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		s.mu.Lock()
		fmt.Fprintln(&s.out, line)
		s.mu.Unlock()
		if s.Address != "" {
			continue
		}
		if m := printed.FindStringSubmatch(line); m != nil {
			s.Link, s.Address = m[0], m[1]
		} else if m := serving.FindStringSubmatch(line); m != nil {
			s.Address = m[1]
		} else {
			continue
		}
		close(there)
	}
}

// Output is all that it wrote.
func (s *Server) Output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

// Stop stops it as an operating system does, and gives its exit code.
func (s *Server) Stop() int {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	<-s.done
	return s.cmd.ProcessState.ExitCode()
}
