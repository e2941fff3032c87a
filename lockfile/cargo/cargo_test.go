package cargo_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/cargo"
	"github.com/lockkeeper/lockkeeper/lockfile/internal/lockfiletest"
)

func TestParse(t *testing.T) { lockfiletest.Run(t, "*.txtar", cargo.Parse) }

func TestParseBounds(t *testing.T) {
	long := strings.Repeat("a", 5000)
	for name, data := range map[string]string{
		"size":    strings.Repeat("#\n", lockfile.MaxSize/2+1),
		"utf-8":   "version = 4\n# \xff\n",
		"name":    "[[package]]\nname = \"" + long + "\"\nversion = \"1.0.0\"\n",
		"version": "[[package]]\nname = \"a\"\nversion = \"1.0.0-" + long + "\"\n",
		"source":  "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"registry+https://example.invalid/" + long + "\"\n",
	} {
		l, err := cargo.Parse("Cargo.lock", []byte(data))
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		if len(err.Error()) > 400 {
			t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
		}
		lockfiletest.Check(t, "Cargo.lock", []byte(data), l, err)
	}
}

func FuzzParse(f *testing.F) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range cases {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, c := range txtar.Parse(data).Files {
			f.Add(c.Data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := lockfiletest.Fuzz(t, "Cargo.lock", data, cargo.Parse)
		if err == nil {
			for i := range l.Entries {
				if way := l.Routes().To(i); len(way) == 0 || way[len(way)-1] != i {
					t.Fatalf("way to entry %d: %v", i, way)
				}
			}
		}
	})
}
