package python_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/internal/lockfiletest"
	"github.com/lockkeeper/lockkeeper/lockfile/python"
)

func TestParseUV(t *testing.T) { lockfiletest.Run(t, "uv*.txtar", python.ParseUV) }

func FuzzParseUV(f *testing.F) {
	seed(f, "uv*.txtar")
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := lockfiletest.Fuzz(t, "sub/uv.lock", data, python.ParseUV)
		if err != nil {
			return
		}
		checkLocked(t, l)
	})
}

// checkLocked asserts what holds for lockers that write versions, names and
// hashes of all files.
func checkLocked(t *testing.T, l *lockfile.Lockfile) {
	t.Helper()
	if l.Version == "" {
		t.Fatal("no version of the format")
	}
	for _, e := range l.Entries {
		if e.Package.Version == "" && e.Requirement == "" {
			t.Fatalf("neither version nor requirement: %+v", e)
		}
		if name, err := python.CanonicalName(e.Package.Name); err != nil || name != e.Package.Name {
			t.Fatalf("name %q is not canonical: %v", e.Package.Name, err)
		}
		if e.Source.Kind == lockfile.Git && len(e.Source.Revision) < 40 {
			t.Fatalf("git source without commit: %+v", e)
		}
		for _, f := range e.Files {
			if f.Digest == "" && f.Other == nil {
				t.Fatalf("file without hash: %+v", e)
			}
		}
	}
}

// uvForks is a lock of n versions of one package, each needed by the project.
func uvForks(n int, edge func(version string) string) string {
	var b strings.Builder
	b.WriteString("version = 1\n[[package]]\nname = \"app\"\nversion = \"1\"\nsource = { virtual = \".\" }\ndependencies = [\n")
	for i := range n {
		b.WriteString(edge(fmt.Sprintf("%d.0", i)) + ",\n")
	}
	b.WriteString("]\n")
	for i := range n {
		fmt.Fprintf(&b, "[[package]]\nname = \"fork\"\nversion = \"%d.0\"\nsource = { registry = \"https://example.invalid\" }\n", i)
	}
	return b.String()
}

// However many forks a name has, a dependency that names one is an edge to it
// alone; one that names none of many is said to be open.
func TestUVManyForks(t *testing.T) {
	const forks = 40
	l, err := python.ParseUV("uv.lock", []byte(uvForks(forks, func(v string) string {
		return `{ name = "fork", version = "` + v + `", source = { registry = "https://example.invalid" } }`
	})))
	if err != nil || len(l.Entries[0].Edges) != forks {
		t.Fatalf("%+v, %v", l, err)
	}
	for i, e := range l.Entries[0].Edges {
		if e.Name != "fork" || e.Entry != i+1 {
			t.Errorf("edge %d is %+v", i, e)
		}
	}
	l, err = python.ParseUV("uv.lock", []byte(uvForks(forks, func(string) string { return `{ name = "fork" }` })))
	if err != nil || len(l.Entries[0].Edges) != forks || l.Entries[0].Edges[0].Entry != -1 {
		t.Fatalf("%+v, %v", l, err)
	}
}

// What is longer than anything honest is an error, not a truncated value.
func TestUVBounds(t *testing.T) {
	long := strings.Repeat("a", 20_000)
	for name, field := range map[string]string{
		"name":    `name = "` + long + `"`,
		"version": `version = "1.` + strings.Repeat("0", 300) + `"`,
		"source":  `source = { virtual = "` + long + `" }`,
		"markers": `resolution-markers = ["` + long[:10_000] + `", "` + long[:10_000] + `"]`,
		"marker":  `resolution-markers = ["` + long + `"]`,
		"size":    strings.Repeat("#", lockfile.MaxSize),
	} {
		fields := []string{`name = "a"`, `version = "1"`, `source = { virtual = "." }`, field}
		key, _, _ := strings.Cut(field, " ")
		for i, f := range fields[:3] {
			if strings.HasPrefix(f, key+" ") {
				fields[i] = ""
			}
		}
		data := []byte("version = 1\n[[package]]\n" + strings.Join(fields, "\n") + "\n")
		l, err := python.ParseUV("uv.lock", data)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		lockfiletest.Check(t, "uv.lock", data, l, err)
	}
}
