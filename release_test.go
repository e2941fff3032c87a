package lockkeeper_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A release is built twice, in two places, and the bytes are the same. For all
// targets and without Go's build cache, scripts/release --check does the same.
func TestReleasesAreReproducible(t *testing.T) {
	if _, err := exec.Command("git", "rev-parse", "HEAD").Output(); err != nil {
		t.Fatal("this is no git checkout, so there is no commit to release: run the tests in a clone")
	}
	dir := t.TempDir()
	cmd := exec.Command("scripts/release", "--check", "v0.0.1-test", dir)
	cmd.Env = append(os.Environ(), "TARGETS=linux/amd64", "WARM=1", "SBOM=0")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "built twice, the same bytes") {
		t.Fatalf("%v\n%s", err, out)
	}
	archive := filepath.Join(dir, "lockkeeper_0.0.1-test_linux_amd64.tar.gz")
	names := filesOf(t, archive)
	for _, want := range []string{"lockkeeper", "lockkeeper.1", "LICENSE", "README.md", "CHANGELOG.md", "completion/lockkeeper.bash", "completion/lockkeeper.fish", "completion/lockkeeper.zsh"} {
		if !slices.Contains(names, "lockkeeper_0.0.1-test_linux_amd64/"+want) {
			t.Errorf("the archive lacks %s: %v", want, names)
		}
	}
	// What is released works, its version included, which it tells others.
	if out, err := exec.Command("tar", "-xzf", archive, "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := exec.Command(filepath.Join(dir, "lockkeeper_0.0.1-test_linux_amd64", "lockkeeper"), "demo", "--once").CombinedOutput(); err != nil {
		t.Errorf("the released program's demo: %v\n%s", err, out)
	}
	sums := read(t, filepath.Join(dir, "SHA256SUMS"))
	if strings.Count(sums, "\n") != 1 {
		t.Errorf("checksums:\n%s", sums)
	}
	if notes := read(t, filepath.Join(dir, "NOTES.md")); !strings.Contains(notes, "The first version.") || !strings.Contains(notes, "Built from commit") || strings.Contains(notes, "## ") {
		t.Errorf("notes:\n%s", notes)
	}
}

// A version that the changelog does not know is not released.
func TestReleasesNeedNotes(t *testing.T) {
	for version, want := range map[string]string{"1.2.3": "write v1.2.3", "v1": "write v1.2.3", "v1.2.3; rm": "write v1.2.3"} {
		out, err := exec.Command("scripts/release", version, t.TempDir()).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%q: %v\n%s", version, err, out)
		}
	}
}

func filesOf(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
}
