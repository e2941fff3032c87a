package python_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/buildcode/python"
	"github.com/lockkeeper/lockkeeper/registry"
)

var update = flag.Bool("update", false, "write what the analysers say into the want sections")

// TestCases analyses testdata/sdist-*.txtar and wheel-*.txtar. A file whose name
// ends in .quoted holds one Go string literal, for bytes that txtar cannot; one
// that ends in .link is a symbolic link. The section "want" is the surface.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 35 {
		t.Fatalf("%d cases, %v; want at least 35", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			testCase(t, file)
		})
	}
}

func testCase(t *testing.T, file string) {
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want string
	var contents []txtar.File
	for _, f := range ar.Files {
		if f.Name == "want" {
			want = string(f.Data)
			continue
		}
		contents = append(contents, f)
	}
	kind := registry.Sdist
	if strings.HasPrefix(filepath.Base(file), "wheel-") {
		kind = registry.Wheel
	}
	surface := analyse(t, kind, contents)
	got := render(surface)
	if *update {
		ar.Files = append(contents, txtar.File{Name: "want", Data: []byte(got)})
		if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("surface (-want +got):\n%s", diff)
	}
}

// analyse packs files and analyses the archive, twice: the answer must not
// depend on the order of maps.
func analyse(t testing.TB, kind registry.Kind, files []txtar.File) buildcode.Surface {
	t.Helper()
	first := analyseOnce(t, kind, files)
	if diff := cmp.Diff(first, analyseOnce(t, kind, files)); diff != "" {
		t.Errorf("a second analysis differs (-first +second):\n%s", diff)
	}
	return first
}

func analyseOnce(t testing.TB, kind registry.Kind, files []txtar.File) buildcode.Surface {
	t.Helper()
	var data []byte
	name := "p-1.tar.gz"
	if kind == registry.Wheel {
		data, name = zipped(t, files), "p-1-py3-none-any.whl"
	} else {
		data = tarred(t, files)
	}
	a, err := archive.Open(context.Background(), kind, name, bytes.NewReader(data), int64(len(data)), lockkeeper.Sum(data), archive.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	run := python.AnalyseSdist
	if kind == registry.Wheel {
		run = python.AnalyseWheel
	}
	s, err := run(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// content is a file's name and bytes, and whether it is a link.
func content(t testing.TB, f txtar.File) (name string, data []byte, link bool) {
	if name, found := strings.CutSuffix(f.Name, ".quoted"); found {
		s, err := strconv.Unquote(strings.TrimSpace(string(f.Data)))
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		return name, []byte(s), false
	}
	if name, found := strings.CutSuffix(f.Name, ".link"); found {
		return name, bytes.TrimSpace(f.Data), true
	}
	return f.Name, f.Data, false
}

func tarred(t testing.TB, files []txtar.File) []byte {
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	w := tar.NewWriter(gz)
	for _, f := range files {
		name, data, link := content(t, f)
		h := &tar.Header{Name: "p-1/" + name, Typeflag: tar.TypeReg, Size: int64(len(data)), Mode: 0o644}
		if link {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, string(data), 0
			data = nil
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := gz.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipped(t testing.TB, files []txtar.File) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		name, data, _ := content(t, f)
		out, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// render is a surface as the want sections write it.
func render(s buildcode.Surface) string {
	if s.Hooks != nil {
		hooks := *s.Hooks
		s.Hooks = nil
		return render(s) + "at start:\n" + render(hooks)
	}
	var b strings.Builder
	if !s.Runs() {
		return "nothing runs\n"
	}
	for _, k := range s.Kinds {
		fmt.Fprintf(&b, "kind %s\n", k)
	}
	for _, f := range s.Facts {
		fmt.Fprintf(&b, "fact %s\n", f)
	}
	for _, f := range s.Files {
		fmt.Fprintf(&b, "file %s\n", f.Path)
	}
	for _, c := range s.Capabilities {
		fmt.Fprintf(&b, "can %s\n", c)
	}
	for _, u := range s.Uses {
		fmt.Fprintf(&b, "use %s %s:%d %s\n", u.Capability, u.Path, u.Line, strings.TrimSpace(strings.ToValidUTF8(u.Text, "?")))
	}
	return b.String()
}

// TestDigest: a surface changes when its files or requirements do, and not when
// anything else does.
func TestDigest(t *testing.T) {
	files := []txtar.File{
		{Name: "pyproject.toml", Data: []byte("[build-system]\nrequires = ['setuptools>=60']\nbuild-backend = 'setuptools.build_meta'\n")},
		{Name: "setup.py", Data: []byte("from setuptools import setup\nsetup()\n")},
		{Name: "README.md", Data: []byte("hello\n")},
	}
	base := analyse(t, registry.Sdist, files).Digest
	edit := func(i int, data string) lockkeeper.Digest {
		changed := slices.Clone(files)
		changed[i].Data = []byte(data)
		return analyse(t, registry.Sdist, changed).Digest
	}
	if base == "" {
		t.Fatal("no digest")
	}
	if got := edit(2, "bye\n"); got != base {
		t.Error("the read-me changed the digest")
	}
	if got := edit(0, "[build-system]\nrequires = ['setuptools>=80']\nbuild-backend = 'setuptools.build_meta'\n[project]\nversion='2'\n"); got != base {
		t.Error("a bumped build requirement changed the digest")
	}
	if got := edit(0, "[build-system]\nrequires = ['setuptools', 'evil']\nbuild-backend = 'setuptools.build_meta'\n"); got == base {
		t.Error("another build requirement did not change the digest")
	}
	if got := edit(1, "from setuptools import setup\nsetup() \n"); got == base {
		t.Error("another setup.py did not change the digest")
	}
}

func TestCancelled(t *testing.T) {
	data := tarred(t, []txtar.File{{Name: "setup.py", Data: []byte("import os\n")}})
	a, err := archive.Open(context.Background(), registry.Sdist, "p-1.tar.gz", bytes.NewReader(data), int64(len(data)), lockkeeper.Sum(data), archive.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := python.AnalyseSdist(ctx, a); err == nil {
		t.Error("a cancelled analysis gave an answer")
	}
}
