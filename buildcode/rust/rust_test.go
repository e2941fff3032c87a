package rust_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/buildcode/rust"
	"github.com/lockkeeper/lockkeeper/registry"
)

var update = flag.Bool("update", false, "write what the analyser says into testdata/*.txtar")

// pack makes a crate of files. A file whose content begins with "!hex " is given
// in hexadecimal.
func pack(t testing.TB, files []txtar.File) *archive.Archive {
	t.Helper()
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	w := tar.NewWriter(zw)
	for _, f := range files {
		data := f.Data
		if digits, found := bytes.CutPrefix(data, []byte("!hex ")); found {
			var err error
			if data, err = hex.DecodeString(strings.TrimSpace(string(digits))); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.WriteHeader(&tar.Header{Name: "demo-1.0.0/" + f.Name, Size: int64(len(data)), Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), zw.Close()); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()
	a, err := archive.Open(context.Background(), registry.Crate, "demo-1.0.0.crate", bytes.NewReader(data), int64(len(data)), lockkeeper.Sum(data), archive.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// describe prints a surface as the want section of a case has it.
func describe(s buildcode.Surface) string {
	var b strings.Builder
	line := func(name string, words []string, separator string) {
		if len(words) > 0 {
			fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(words, separator))
		}
	}
	var kinds, files, capabilities []string
	for _, k := range s.Kinds {
		kinds = append(kinds, string(k))
	}
	for _, f := range s.Files {
		files = append(files, f.Path)
	}
	for _, c := range s.Capabilities {
		capabilities = append(capabilities, string(c))
	}
	line("kinds", kinds, " ")
	line("files", files, " ")
	line("facts", s.Facts, "; ")
	line("dependencies", s.Dependencies, " ")
	line("capabilities", capabilities, " ")
	for _, u := range s.Uses {
		fmt.Fprintf(&b, "use: %s:%d %s\n", u.Path, u.Line, u.Capability)
	}
	return b.String()
}

func TestCases(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) < 25 {
		t.Fatalf("%d cases, %v", len(names), err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			ar := txtar.Parse(data)
			var files []txtar.File
			var want *txtar.File
			for i := range ar.Files {
				if ar.Files[i].Name == "want" {
					want = &ar.Files[i]
					continue
				}
				files = append(files, ar.Files[i])
			}
			if want == nil {
				ar.Files = append(ar.Files, txtar.File{Name: "want"})
				want = &ar.Files[len(ar.Files)-1]
			}
			var got string
			s, err := rust.Analyse(context.Background(), pack(t, files))
			if err != nil {
				got = "error: " + err.Error() + "\n"
			} else {
				got = describe(s)
			}
			if *update {
				want.Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want.Data), got); diff != "" {
				t.Errorf("%s:\n%s", strings.TrimSpace(string(ar.Comment)), diff)
			}
		})
	}
}
