package scan_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/registry/registrytest"
	"github.com/lockkeeper/lockkeeper/scan"
)

// tarOf packs names and contents in turn; a name that ends in a slash is a
// directory.
func tarOf(t *testing.T, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipOf(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipOf(t *testing.T, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// scanFile judges a change that adds one file of a PyPI release.
func scanFile(t *testing.T, filename string, data []byte, faults ...registrytest.Fault) (*scan.Result, policy.Decision) {
	t.Helper()
	server, scanner := newScanner(t, nil)
	if err := server.AddFile(registrytest.File{Project: "a", Version: "1.0", Filename: filename, Data: data}); err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		server.Inject(fault)
	}
	lock := fmt.Sprintf("a==1.0 --hash=%s\n", strings.Replace(string(lockkeeper.Sum(data)), "sha256-", "sha256:", 1))
	result, err := scanner.Run(t.Context(), scan.Input{Base: memoryTree{"requirements.txt": nil}, Head: memoryTree{"requirements.txt": []byte(lock)}})
	if err != nil {
		t.Fatal(err)
	}
	return result, policy.Evaluate(policy.Input{Findings: result.Findings, Onboarded: true})
}

// Whatever an archive does, the change is held, and the finding says why.
func TestPromise6HostileArchivesAreFindings(t *testing.T) {
	setup := "from setuptools import setup\nsetup()\n"
	plain := tarOf(t, "a-1.0/PKG-INFO", "Name: a\n", "a-1.0/setup.py", setup)
	const sdist, wheel = "a-1.0.tar.gz", "a-1.0-py3-none-any.whl"
	for _, test := range []struct {
		name, filename string
		data           []byte
		want           string
	}{
		{"no archive", sdist, []byte("hello"), "unexpected EOF"},
		{"cut off", sdist, gzipOf(t, plain)[:100], "the archive is cut off"},
		{"damaged", sdist, append(gzipOf(t, plain)[:60], make([]byte, 60)...), "damaged"},
		{"data behind the end", sdist, gzipOf(t, append(bytes.Clone(plain), plain...)), "behind the end of the archive"},
		{"bomb", sdist, gzipOf(t, tarOf(t, "a-1.0/setup.py", strings.Repeat("\x00", 18<<20))), "250-fold"},
		{"upwards", sdist, gzipOf(t, tarOf(t, "a-1.0/../../setup.py", setup)), `".." in path`},
		{"colliding names", sdist, gzipOf(t, tarOf(t, "a-1.0/setup.py", setup, "a-1.0/Setup.py", "evil")), "are one file on macOS or Windows"},
		{"xz", "a-1.0.tar.xz", []byte("\xfd7zXZ\x00"), "unsupported format"},
		{"bzip2 that is none", "a-1.0.tar.bz2", []byte("BZh9nothing"), "damaged"},
		{"zip that is none", "a-1.0.zip", []byte("PK\x03\x04"), "no end record"},
		{"wheel with two files of one name", wheel, zipOf(t, "a.pth", "import good", "a.pth", "import evil"), "two entries are named"},
		{"wheel with a program in front", wheel, append([]byte("#!/bin/sh\n"), zipOf(t, "a.pth", "import good")...), "bytes before the archive"},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, decision := scanFile(t, test.filename, test.data)
			i := slices.IndexFunc(result.Findings, func(f policy.Finding) bool { return f.Rule == policy.Unverified })
			if i < 0 || !strings.Contains(strings.Join(result.Findings[i].Evidence, "\n"), test.want) {
				t.Errorf("found %+v, want unverified with %q", result.Findings, test.want)
			}
			if decision.Conclusion != policy.ActionRequired {
				t.Errorf("the conclusion is %s", decision.Conclusion)
			}
		})
	}
	good := gzipOf(t, plain)
	result, decision := scanFile(t, sdist, good, registrytest.Fault{Path: "/files/**", Corrupt: true})
	if !slices.ContainsFunc(result.Findings, func(f policy.Finding) bool { return f.Rule == policy.ChecksumMismatch }) || decision.Conclusion != policy.Failure {
		t.Errorf("other bytes: %+v, %s", result.Findings, decision.Conclusion)
	}
}

// What is read but not understood is named, not passed over.
func TestPromise6SourcesThatCannotBeReadAreFindings(t *testing.T) {
	for name, setup := range map[string]string{
		"not UTF-8":       "import os\nname = '\xff\xfe'\n\xff\n",
		"a NUL":           "import os\n\x00import evil\n",
		"a line of 5 MB":  "x = [" + strings.Repeat("1,2,3,5,7,11,13,", 5<<20/16) + "]",
		"nothing to read": "",
	} {
		t.Run(name, func(t *testing.T) {
			result, decision := scanFile(t, "a-1.0.tar.gz", gzipOf(t, tarOf(t, "a-1.0/PKG-INFO", "Name: a\n", "a-1.0/setup.py", setup)))
			if len(result.Findings) == 0 || decision.Conclusion != policy.ActionRequired {
				t.Errorf("found %+v, %s", result.Findings, decision.Conclusion)
			}
		})
	}
}

// facts in memory.
type facts map[string][]byte

func (f facts) Fact(_ context.Context, key string) ([]byte, bool, error) {
	value, ok := f[key]
	return value, ok, nil
}

func (f facts) PutFact(_ context.Context, key string, value []byte) error {
	f[key] = value
	return nil
}

// A large wheel is read in parts, so that the registry may fail in the middle of
// the analysis: that is not what the wheel is like, and is tried again.
func TestPromise3FailureWhileReadingInPartsIsNotRemembered(t *testing.T) {
	noise := make([]byte, 9<<20)
	random := rand.NewChaCha8([32]byte{})
	if _, err := random.Read(noise); err != nil {
		t.Fatal(err)
	}
	data := zipOf(t, "a.pth", "import evil\n", "evil.py", "import os\nos.system('curl https://example.invalid')\n", "data.bin", string(noise))
	server, scanner := newScanner(t, nil)
	scanner.Facts = facts{}
	if err := server.AddFile(registrytest.File{Project: "a", Version: "1.0", Filename: "a-1.0-py3-none-any.whl", Data: data}); err != nil {
		t.Fatal(err)
	}
	lock := fmt.Sprintf("a==1.0 --hash=%s\n", strings.Replace(string(lockkeeper.Sum(data)), "sha256-", "sha256:", 1))
	run := func() *scan.Result {
		t.Helper()
		result, err := scanner.Run(t.Context(), scan.Input{Base: memoryTree{"requirements.txt": nil}, Head: memoryTree{"requirements.txt": []byte(lock)}})
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	server.Inject(registrytest.Fault{Path: "/files/**", Times: 1}) // the directory is served as it is
	server.Inject(registrytest.Fault{Path: "/files/**", Status: 403})
	result := run()
	if !result.Retry || !slices.ContainsFunc(result.Findings, func(f policy.Finding) bool { return f.Rule == policy.Unverified }) {
		t.Errorf("while the registry fails: retry %t, %+v", result.Retry, result.Findings)
	}
	server.Heal()
	result = run()
	i := slices.IndexFunc(result.Findings, func(f policy.Finding) bool { return f.Rule == policy.StartupHook })
	if i < 0 || result.Retry {
		t.Fatalf("afterwards: retry %t, %+v", result.Retry, result.Findings)
	}
	if slices.Contains(result.Findings[i].Code.Capabilities, buildcode.Unanalysed) {
		t.Errorf("afterwards: %v", result.Findings[i].Code.Capabilities)
	}
}
