package gitrepo

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper"
)

// repository makes a repository with two commits on main and one on a branch.
func repository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.invalid"}, args...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	run("init", "-q", "-b", "main")
	write(t, dir, "Cargo.lock", "one\n")
	write(t, dir, "süb/a b.txt", "x\n")
	run("add", "-A")
	run("commit", "-qm", "first")
	run("checkout", "-qb", "topic")
	write(t, dir, "Cargo.lock", "two\n")
	run("commit", "-qam", "topic")
	run("checkout", "-q", "main")
	write(t, dir, "other", "y\n")
	run("add", "-A")
	run("commit", "-qm", "second")
	run("checkout", "-q", "topic")
	return dir
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	full := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, dir string) *Repo {
	t.Helper()
	r, err := Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCommitTree(t *testing.T) {
	ctx := context.Background()
	r := open(t, filepath.Join(repository(t), "süb"))
	mainID, err := r.Resolve(ctx, "main")
	if err != nil {
		t.Fatal(err)
	}
	head, err := r.Resolve(ctx, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	base, err := r.MergeBase(ctx, mainID, head)
	if err != nil {
		t.Fatal(err)
	}
	files, err := r.Commit(base).Files(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := []lockkeeper.TreeFile{
		{Path: "Cargo.lock", Blob: blobID([]byte("one\n")), Mode: lockkeeper.Regular, Size: 4},
		{Path: "süb/a b.txt", Blob: blobID([]byte("x\n")), Mode: lockkeeper.Regular, Size: 2},
	}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("files at the merge base (-want +got):\n%s", diff)
	}
	data, err := r.Commit(base).Read(ctx, files[0], 10)
	if err != nil || string(data) != "one\n" {
		t.Errorf("Cargo.lock = %q, %v", data, err)
	}
	if _, err := r.Commit(base).Read(ctx, files[0], 3); err == nil {
		t.Error("a file above the limit was read")
	}
}

func TestWorkTree(t *testing.T) {
	ctx := context.Background()
	dir := repository(t)
	write(t, dir, "Cargo.lock", "three\n")
	write(t, dir, "new/requirements.txt", "a==1\n")
	write(t, dir, ".gitignore", "ignored\n")
	write(t, dir, "ignored", "no\n")
	if err := os.Remove(filepath.Join(dir, "süb/a b.txt")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("Cargo.lock", filepath.Join(dir, "poetry.lock")); err != nil {
		t.Fatal(err)
	}
	files, err := open(t, dir).WorkTree().Files(ctx)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(files, func(a, b lockkeeper.TreeFile) int { return strings.Compare(a.Path, b.Path) })
	want := []lockkeeper.TreeFile{
		{Path: ".gitignore", Blob: blobID([]byte("ignored\n")), Mode: lockkeeper.Regular, Size: 8},
		{Path: "Cargo.lock", Blob: blobID([]byte("three\n")), Mode: lockkeeper.Regular, Size: 6},
		{Path: "new/requirements.txt", Blob: blobID([]byte("a==1\n")), Mode: lockkeeper.Regular, Size: 5},
		{Path: "poetry.lock", Blob: blobID([]byte("Cargo.lock")), Mode: lockkeeper.Symlink, Size: 10},
	}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("work tree (-want +got):\n%s", diff)
	}
}

func TestErrorsSayTheNextStep(t *testing.T) {
	ctx := context.Background()
	if _, err := Open(ctx, t.TempDir()); err == nil || !strings.Contains(err.Error(), "lockkeeper scan OLD NEW") {
		t.Errorf("outside a repository: %v", err)
	}
	r := open(t, repository(t))
	for _, name := range []string{"nowhere", "--output=x", "HEAD:Cargo.lock"} {
		if _, err := r.Resolve(ctx, name); err == nil {
			t.Errorf("revision %q was resolved", name)
		}
	}
}
