package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
)

var update = flag.Bool("update", false, "write what the cases in testdata give as what they want")

// unpack writes the history of testdata/history.txtar into a directory.
func unpack(t *testing.T) (archive *txtar.Archive, dir string) {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/history.txtar")
	if err != nil {
		t.Fatal(err)
	}
	server := registrytest.New()
	if err := server.LoadText(txtar.Format(archive)); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "history")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		name, ok := strings.CutPrefix(f.Name, "history/")
		if !ok {
			continue
		}
		text, err := server.Expand(string(f.Data))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return archive, dir
}

// output runs the command and gives what it prints.
func output(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(context.Background(), args, &stdout, &stderr); code != 0 {
		t.Fatalf("burden %q: exit code %d: %s", args, code, stderr.String())
	}
	return stdout.String()
}

func TestHistory(t *testing.T) {
	archive, dir := unpack(t)
	got := output(t, "-v", "-replays", "", "-registry", "testdata/history.txtar", dir)
	const path = "testdata/history.md"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("measured (-want +got):\n%s", diff)
	}
	// What is remembered of analysis and scans gives the same answers.
	facts := t.TempDir()
	for _, run := range []string{"first", "second"} {
		again := output(t, "-v", "-replays", "", "-facts", facts, "-registry", "testdata/history.txtar", dir)
		if diff := cmp.Diff(got, again); diff != "" {
			t.Errorf("%s run with facts:\n%s", run, diff)
		}
	}
	if len(archive.Comment) == 0 {
		t.Error("the history says nothing about itself")
	}
}

// A policy that turns a rule off must show in the count: the engine is the real one.
func TestPolicyAndStart(t *testing.T) {
	_, dir := unpack(t)
	file := filepath.Join(t.TempDir(), "policy.toml")
	if err := os.WriteFile(file, []byte("[rules]\nbuild-code-added = \"off\"\ncapability-gained = \"warn\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	got := output(t, "-policy", file, "-replays", "", "-registry", "testdata/history.txtar", dir)
	if strings.Contains(got, "build-code-added") || !strings.Contains(got, "| `capability-gained` | 0 | 0.0 | 0.0 | 0 | 2 |") {
		t.Errorf("the policy does not show:\n%s", got)
	}
	// Started from a list that accepts the first version, nothing of it is asked about.
	if err := os.Remove(filepath.Join(dir, "000-2025-01-01-aaaaaaaa.Cargo.lock")); err != nil {
		t.Fatal(err)
	}
	got = output(t, "-accepted", "-replays", "", "-registry", "testdata/history.txtar", dir)
	if !strings.Contains(got, "| by name | 0 |") || !strings.Contains(got, "| `capability-gained` | 1 |") {
		t.Errorf("started from the second version:\n%s", got)
	}
}

// The same history as commits of a repository asks the same, one file beside it or not.
func TestRepository(t *testing.T) {
	_, dir := unpack(t)
	repo := t.TempDir()
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.invalid"}, args...)...)
		cmd.Dir = repo
		cmd.Env = append(os.Environ(), "GIT_COMMITTER_DATE=2025-07-01T00:00:00Z")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q", "-b", "main")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string][]byte{"Cargo.lock": data, "notes.txt": []byte(e.Name())} {
			if err := os.WriteFile(filepath.Join(repo, name), content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		git("add", "-A")
		git("commit", "-qm", e.Name())
	}
	if err := os.WriteFile(filepath.Join(repo, "notes.txt"), []byte("no lockfile"), 0o644); err != nil {
		t.Fatal(err)
	}
	git("commit", "-qam", "something else")
	table := func(path string) string {
		_, table, _ := strings.Cut(output(t, "-replays", "", "-registry", "testdata/history.txtar", path), "| rule |")
		table, _, _ = strings.Cut(table, "\n\n-")
		return table
	}
	if diff := cmp.Diff(table(dir), table(repo)); diff != "" {
		t.Errorf("directory (-) and repository (+):\n%s", diff)
	}
}

// Other ways of keeping a list stop what runs while building, and nothing else.
func TestReplays(t *testing.T) {
	got := output(t, "-replays", "../../scan/testdata/replays")
	for _, want := range []string{
		"| arrayref | **stops** | **stops** | **stops** | **stops** |",
		"| ultralytics | **stops** | passes | passes | passes |",
		"| altered-lockfile | **stops** | passes | passes | passes |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("want %s in\n%s", want, got)
		}
	}
}

func TestReduce(t *testing.T) {
	const a, b = "1111111111111111111111111111111111111111111111111111111111111111", "2222222222222222222222222222222222222222222222222222222222222222"
	lock := func(lines string) string {
		return "[[package]]\nname = \"foo\"\nversion = \"1.0\"\ndescription = \"\"\noptional = false\npython-versions = \"*\"\ngroups = [\"main\"]\nfiles = [\n" +
			lines + "]\n\n[metadata]\nlock-version = \"2.1\"\npython-versions = \"*\"\ncontent-hash = \"" + strings.Repeat("0", 64) + "\"\n"
	}
	wheel := "    {file = \"foo-1.0-py3-none-any.whl\", hash = \"sha256:" + a + "\"},\n"
	sdist := "    {file = \"foo-1.0.tar.gz\", hash = \"sha256:" + b + "\"},\n"
	have := func(digests ...string) func(lockkeeper.Digest) bool {
		return func(d lockkeeper.Digest) bool {
			for _, digest := range digests {
				if d == lockkeeper.Digest("sha256:"+digest) {
					return true
				}
			}
			return false
		}
	}
	format, _ := lockfile.FormatOf("poetry.lock")
	for _, test := range []struct {
		name     string
		in, want string
		have     func(lockkeeper.Digest) bool
		fails    bool
	}{
		{"all there", lock(wheel + sdist), lock(wheel + sdist), have(a, b), false},
		{"one there", lock(wheel + sdist), lock(sdist), have(b), false},
		{"none there: left as it is, for the scan to report", lock(wheel + sdist), lock(wheel + sdist), have(), false},
		{"two files a line", lock(strings.ReplaceAll(wheel+sdist, ",\n", ",") + "\n"), "", have(b), true},
	} {
		got, err := reduce(format, "poetry.lock", []byte(test.in), test.have)
		if (err != nil) != test.fails || !test.fails && string(got) != test.want {
			t.Errorf("%s: %v\n%s", test.name, err, got)
		}
	}
}

// Cargo's cache of an index file, as version 1.95 writes it.
func TestIndexLines(t *testing.T) {
	cached := "\x03\x02\x00\x00\x00etag: \"abc\"\x001.0.0\x00{\"name\":\"foo\",\"vers\":\"1.0.0\"}\x001.1.0\x00{\"name\":\"foo\",\"vers\":\"1.1.0\"}\x00"
	want := "{\"name\":\"foo\",\"vers\":\"1.0.0\"}\n{\"name\":\"foo\",\"vers\":\"1.1.0\"}\n"
	if got := string(indexLines([]byte(cached))); got != want {
		t.Errorf("lines are %q, want %q", got, want)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-replays", ""}, {"somewhere"}, {"-archives", "a", "-registry", "b", "somewhere"}, {"fetch"}, {"-no-such-flag"}} {
		var stdout, stderr bytes.Buffer
		if code := run(context.Background(), args, &stdout, &stderr); code != 2 || stderr.Len() == 0 || stdout.Len() > 0 {
			t.Errorf("burden %q: exit code %d, %q, %q", args, code, stdout.String(), stderr.String())
		}
	}
	var stdout, stderr bytes.Buffer
	if code := run(context.Background(), []string{"-replays", "", "-registry", "testdata/history.txtar", t.TempDir()}, &stdout, &stderr); code != 1 {
		t.Errorf("an empty directory is a history: exit code %d, %s", code, stdout.String())
	}
}
