package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// ownServer is a server in a process of its own.
type ownServer struct {
	cmd  *exec.Cmd
	done chan error // how it ended
	log  *logBuffer
}

// ownProcess runs the program with args, and returns when it serves or has ended.
func ownProcess(t *testing.T, args ...string) *ownServer {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &ownServer{cmd: &exec.Cmd{Path: self, Args: append([]string{"lockkeeper"}, args...), Env: []string{"PATH=" + os.Getenv("PATH")}}, done: make(chan error, 1), log: &logBuffer{}}
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	began := make(chan struct{})
	go func() {
		said := sync.OnceFunc(func() { close(began) })
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			_, _ = s.log.Write(append(lines.Bytes(), '\n'))
			if bytes.Contains(lines.Bytes(), []byte(`"message":"serving"`)) {
				said()
			}
		}
		s.done <- s.cmd.Wait()
		close(s.done)
		said()
	}()
	t.Cleanup(func() { _ = s.cmd.Process.Kill(); s.end(t) })
	select {
	case <-began:
	case <-time.After(time.Minute):
		t.Fatalf("it neither serves nor ends:\n%s", s.log)
	}
	return s
}

// end waits for the end of the process.
func (s *ownServer) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-s.done:
		return err
	case <-time.After(time.Minute):
		t.Fatalf("it does not end:\n%s", s.log)
		return nil
	}
}

// running reports whether the process has not ended.
func (s *ownServer) running() bool {
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// TestOneServerForOneFile: a second server on a SQLite file is refused and told why,
// the first one goes on, other commands work beside it, and after a kill -9 nothing is
// in the way of the next.
func TestOneServerForOneFile(t *testing.T) {
	dir := t.TempDir()
	config := serverConfig(t, dir, "whatever")
	first := ownProcess(t, "serve", "--config", config)
	if !first.running() {
		t.Fatalf("the server ended:\n%s", first.log)
	}
	// By another name it is the same database.
	link := filepath.Join(dir, "link.db")
	if err := os.Symlink("db", link); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	linked := filepath.Join(dir, "linked.toml")
	if err := os.WriteFile(linked, bytes.ReplaceAll(data, []byte(filepath.Join(dir, "db")), []byte(link)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{config, linked} {
		second := ownProcess(t, "serve", "--config", file)
		if second.end(t) == nil {
			t.Error("a second server ended as if nothing were wrong")
		}
		want := regexp.MustCompile(`^lockkeeper: serve store .*db \(process \d+ on .*\): another server is at work on it; .*stop that one first, or move to PostgreSQL`)
		if got := second.log.String(); !want.MatchString(got) {
			t.Errorf("a second server says:\n%s", got)
		}
	}
	if !first.running() {
		t.Fatalf("the first server ended:\n%s", first.log)
	}
	// What may be done beside a server.
	backup := ownProcess(t, "store", "backup", filepath.Join(dir, "backup.db"), "--config", config)
	if err := backup.end(t); err != nil {
		t.Errorf("a backup beside the server: %v\n%s", err, backup.log)
	}
	for _, args := range [][]string{{"store", "migrate"}, {"audit", "export"}} {
		if one := ownProcess(t, append(args, "--config", config)...); one.end(t) != nil {
			t.Errorf("%v beside the server:\n%s", args, one.log)
		}
	}
	// What would leave behind what the server still does.
	moved := ownProcess(t, "store", "copy", "--from", filepath.Join(dir, "db"), "--to", "postgres://127.0.0.1:1/x")
	if moved.end(t) == nil || !strings.Contains(moved.log.String(), "another server is at work on it") {
		t.Errorf("a copy of a database in use says:\n%s", moved.log)
	}
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.end(t)
	next := ownProcess(t, "serve", "--config", config)
	if !next.running() {
		t.Fatalf("after a kill the next server ended:\n%s", next.log)
	}
	// An orderly end leaves nothing in the way either.
	if err := next.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := next.end(t); err != nil {
		t.Errorf("the server ended with %v:\n%s", err, next.log)
	}
	if last := ownProcess(t, "serve", "--config", config); !last.running() {
		t.Errorf("the last server ended:\n%s", last.log)
	}
}
