package python

import (
	"archive/zip"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/registry"
)

// seeds calls f with every file of the cases whose name satisfies match.
func seeds(f *testing.F, match func(string) bool) {
	f.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatal("no cases", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, entry := range txtar.Parse(data).Files {
			if match(entry.Name) {
				f.Add(entry.Data)
			}
		}
	}
}

func python(name string) bool { return strings.HasSuffix(name, ".py") }

// FuzzTokenize: it ends, lines only go forward, and every token is from the text.
func FuzzTokenize(f *testing.F) {
	seeds(f, python)
	f.Add([]byte("f'{x!r:{y}}' rb'\\x' \"\"\"a\nb\"\"\" 0x1f 1e-5if x else y\\\n;"))
	f.Add([]byte("f'''{f\"{f'{1}'}\"}'''"))
	f.Fuzz(func(t *testing.T, data []byte) {
		src, _ := decodeSource(data)
		lines, _ := tokenize(src)
		last, count := 1, strings.Count(src, "\n")+1
		for _, l := range lines {
			if len(l.tokens) == 0 {
				t.Fatal("a line without tokens")
			}
			for _, tok := range l.tokens {
				if tok.line < last || tok.line > count {
					t.Fatalf("token %q at line %d after %d of %d", tok.text, tok.line, last, count)
				}
				last = tok.line
				if tok.kind != stringToken && tok.text == "" {
					t.Fatalf("an empty token of kind %d", tok.kind)
				}
			}
		}
	})
}

// FuzzAnalyse: whatever setup.py is, the analysis ends, and says of what it could
// not tokenize that it is unanalysed. Naming os.system behind it is never lost.
func FuzzAnalyse(f *testing.F) {
	seeds(f, python)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 16<<10 {
			return
		}
		s := analyseWheelOf(t, "sitecustomize.py", data)
		src, err := decodeSource(data)
		if err == nil {
			_, err = tokenize(src)
		}
		if err != nil && !has(s, buildcode.Unanalysed) {
			t.Fatalf("%v, but capabilities %v", err, s.Capabilities)
		}
		if err != nil {
			return
		}
		s = analyseWheelOf(t, "sitecustomize.py", append([]byte("import os; os.system('marker')\n"), data...))
		if declaredEncoding(data) == "" && !bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) && !has(s, buildcode.Run("marker")) {
			t.Fatalf("a program started before it was lost: %v", s.Capabilities)
		}
	})
}

func FuzzPathFile(f *testing.F) {
	seeds(f, func(name string) bool { return strings.Contains(name, ".pth") })
	f.Add([]byte("import os\x0bimport\tsocket\r\n../x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := analyseWheelOf(t, "a.pth", data)
		for line := range strings.SplitSeq(string(data), "\n") {
			if strings.HasPrefix(line, "import ") && !s.Has(buildcode.StartupHook) {
				t.Fatalf("%q is executed, but nothing was found", line)
			}
		}
	})
}

func FuzzConfig(f *testing.F) {
	seeds(f, func(name string) bool { return name == "setup.cfg" })
	f.Add([]byte("[a]\nb: c\n  d\n\n# e\n  f\n[DEFAULT]\nx=1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseConfig(data)
		if err != nil {
			return
		}
		for _, section := range c {
			for name, value := range section {
				if name == "" || strings.Contains(name, "-") {
					t.Fatalf("option %q = %q", name, value)
				}
			}
		}
	})
}

func has(s buildcode.Surface, c buildcode.Capability) bool {
	for _, got := range s.Capabilities {
		if got == c {
			return true
		}
	}
	return false
}

// analyseWheelOf analyses a wheel of one file.
func analyseWheelOf(t *testing.T, name string, data []byte) buildcode.Surface {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	out, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err == nil {
		_, err = out.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	a, err := archive.Open(context.Background(), registry.Wheel, "p-1-py3-none-any.whl", bytes.NewReader(b.Bytes()), int64(b.Len()), lockkeeper.Sum(b.Bytes()), archive.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := AnalyseWheel(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
