package gitrepo

import (
	"context"
	"os/exec"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The states of a branch: what was merged counts as one step, with the files that
// it changed there.
func TestFirstParents(t *testing.T) {
	ctx := context.Background()
	dir := repository(t)
	for _, args := range [][]string{{"checkout", "-q", "main"}, {"merge", "-q", "--no-ff", "-m", "merged", "topic"}} {
		cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.invalid"}, args...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	r := open(t, dir)
	all, err := r.FirstParents(ctx, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	var paths [][]string
	for i, revision := range all {
		slices.Sort(revision.Paths)
		paths = append(paths, revision.Paths)
		id, err := r.Resolve(ctx, revision.ID)
		if err != nil || id != revision.ID || revision.Time.IsZero() {
			t.Errorf("revision %d is %+v, %v", i, revision, err)
		}
		if i+1 < len(all) && revision.Parent != all[i+1].ID {
			t.Errorf("the parent of revision %d is %s, want %s", i, revision.Parent, all[i+1].ID)
		}
	}
	if diff := cmp.Diff([][]string{{"Cargo.lock"}, {"other"}, {"Cargo.lock", "süb/a b.txt"}}, paths); diff != "" {
		t.Errorf("paths, newest first (-want +got):\n%s", diff)
	}
	if last := all[len(all)-1]; last.Parent != "" {
		t.Errorf("the first commit has the parent %s", last.Parent)
	}
	if _, err := r.FirstParents(ctx, "nowhere"); err == nil {
		t.Error("there is a history of a revision that does not exist")
	}
}

// The history of one file, and the file as each commit left it.
func TestFileHistory(t *testing.T) {
	dir := repository(t)
	commit := func(message string, change ...string) {
		t.Helper()
		for _, args := range [][]string{change, {"commit", "-q", "-m", message}} {
			cmd := exec.Command("git", append([]string{"-c", "user.name=A B", "-c", "user.email=a@example.invalid"}, args...)...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("git %v: %v\n%s", args, err, out)
			}
		}
	}
	write(t, dir, "x/list", "one\n")
	commit("first\n\nwith more", "add", "x/list")
	write(t, dir, "x/list", "two\n")
	commit("second", "add", "x/list")
	write(t, dir, "other", "o\n")
	commit("elsewhere", "add", "other")
	commit("third", "rm", "-q", "x/list")
	r := open(t, dir)
	versions, err := r.FileHistory(t.Context(), "x/list")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range versions {
		data, err := r.ReadAt(t.Context(), v.ID, "x/list", 100)
		if err != nil || v.Time.IsZero() {
			t.Errorf("%+v: %v", v, err)
		}
		got = append(got, v.Author+": "+v.Subject+": "+string(data))
	}
	if diff := cmp.Diff([]string{"A B: third: ", "A B: second: two\n", "A B: first: one\n"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := r.ReadAt(t.Context(), versions[1].ID, "x/list", 3); err == nil {
		t.Error("more than the limit was read")
	}
	if versions, err := r.FileHistory(t.Context(), "never"); err != nil || len(versions) != 0 {
		t.Errorf("of a file that never was: %v, %v", versions, err)
	}
}
