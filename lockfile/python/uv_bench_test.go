package python_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/lockfile/python"
)

// benchmarkSizes show whether time is linear in the packages.
var benchmarkSizes = []int{100, 1000, 10000}

func hashOf(parts ...any) string { return lockkeeper.Sum([]byte(fmt.Sprint(parts...))).Hex() }

// platforms of the wheels of each generated package.
var platforms = []string{"py3-none-any", "cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64", "cp312-cp312-win_amd64"}

// uvLock writes a uv.lock of n packages with an sdist, three wheels and four
// dependencies each.
func uvLock(n int) []byte {
	var b strings.Builder
	b.WriteString("version = 1\nrevision = 3\nrequires-python = \">=3.12\"\n")
	for i := range n {
		version := fmt.Sprintf("1.%d.0", i%7)
		fmt.Fprintf(&b, "\n[[package]]\nname = \"package-%05d\"\nversion = %q\nsource = { registry = \"https://pypi.example.invalid/simple\" }\ndependencies = [\n", i, version)
		for j := range 4 {
			fmt.Fprintf(&b, "    { name = \"package-%05d\" },\n", (i*7+j*13+1)%n)
		}
		stem := fmt.Sprintf("https://files.example.invalid/packages/%s/package_%05d-%s", hashOf(i), i, version)
		fmt.Fprintf(&b, "]\nsdist = { url = \"%s.tar.gz\", hash = \"sha256:%s\", size = %d, upload-time = \"2026-01-01T00:00:00.123Z\" }\nwheels = [\n", stem, hashOf(i, "sdist"), 1000+i)
		for _, p := range platforms {
			fmt.Fprintf(&b, "    { url = \"%s-%s.whl\", hash = \"sha256:%s\", size = %d, upload-time = \"2026-01-01T00:00:00.123Z\" },\n", stem, p, hashOf(i, p), 1000+i)
		}
		b.WriteString("]\n")
	}
	return []byte(b.String())
}

func BenchmarkParseUV(b *testing.B) { benchmark(b, "uv.lock", uvLock, 4, python.ParseUV) }

// pylockLock writes a pylock.toml of the same packages.
func pylockLock(n int) []byte {
	var b strings.Builder
	b.WriteString("lock-version = \"1.0\"\ncreated-by = \"test\"\n")
	for i := range n {
		version := fmt.Sprintf("1.%d.0", i%7)
		fmt.Fprintf(&b, "\n[[packages]]\nname = \"package-%05d\"\nversion = %q\nindex = \"https://pypi.example.invalid/simple\"\ndependencies = [\n", i, version)
		for j := range 4 {
			fmt.Fprintf(&b, "    { name = \"package-%05d\" },\n", (i*7+j*13+1)%n)
		}
		stem := fmt.Sprintf("https://files.example.invalid/packages/%s/package_%05d-%s", hashOf(i), i, version)
		fmt.Fprintf(&b, "]\nsdist = { url = \"%s.tar.gz\", upload-time = 2026-01-01T00:00:00Z, size = %d, hashes = { sha256 = %q } }\nwheels = [\n", stem, 1000+i, hashOf(i, "sdist"))
		for _, p := range platforms {
			fmt.Fprintf(&b, "    { url = \"%s-%s.whl\", upload-time = 2026-01-01T00:00:00Z, size = %d, hashes = { sha256 = %q } },\n", stem, p, 1000+i, hashOf(i, p))
		}
		b.WriteString("]\n")
	}
	return []byte(b.String())
}

func BenchmarkParsePylock(b *testing.B) {
	benchmark(b, "pylock.toml", pylockLock, 4, python.ParsePylock)
}

func benchmark(b *testing.B, path string, write func(n int) []byte, edges int, parse func(path string, data []byte) (*lockfile.Lockfile, error)) {
	for _, n := range benchmarkSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			data := write(n)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				l, err := parse(path, data)
				if err != nil {
					b.Fatal(err)
				}
				if last := l.Entries[n-1]; len(l.Entries) != n || len(last.Files) != 4 || len(last.Edges) != edges {
					b.Fatalf("%d entries, the last %+v", len(l.Entries), last)
				}
			}
		})
	}
}
