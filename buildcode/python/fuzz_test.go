package python

import (
	"archive/zip"
	"bytes"
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
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

// FuzzSdist: whatever the settings of a package are, the analysis ends, and what
// always runs is never lost: setup.py under setuptools, the hook of pdm-backend.
func FuzzSdist(f *testing.F) {
	f.Add("", "[options]\ncmdclass =\n a = h.A\n[aliases]\negg_info = x\n", "[distutils.commands]\nx = h:A\n")
	f.Add("[build-system]\nbuild-backend='setuptools.build_meta'\nrequires=['x @ y']\n[tool.setuptools.dynamic]\nversion={attr='h.v'}\n", "", "[a\nb")
	f.Add("[build-system]\nbuild-backend='hatchling.build'\n[tool.hatch.build.hooks.custom]\npath='h.py'\n[tool.hatch.version]\nsource='code'\npath='h.py'\n", "", "")
	f.Add("[build-system]\nbuild-backend='flit_core.buildapi'\n[project]\nname='h'\ndynamic=['version','description']\n", "", "")
	f.Add("[build-system]\nbuild-backend='mesonpy'\n[tool.meson-python]\nmeson='h.py'\n", "", "")
	f.Add("[build-system]\nbuild-backend='pdm.backend'\n[tool.pdm.version]\nsource='call'\ngetter='h:f'\n", "", "")
	f.Add("[build-System]\nbuild-backend='pdm.backend'\n", "", "") // not the table it looks like
	f.Fuzz(func(t *testing.T, project, config, entries string) {
		if len(project)+len(config)+len(entries) > 16<<10 {
			return
		}
		files := map[string]string{
			"setup.py": "import os; os.system('marker')\n", "pdm_build.py": "import os; os.system('hook')\n", "h.py": "v = f()\n",
			"pyproject.toml": project, "setup.cfg": config, "p.egg-info/entry_points.txt": entries,
		}
		s := analyseSdistOf(t, files)
		// Into a map: a struct's fields are matched whatever their case.
		parsed := make(map[string]any)
		if err := toml.Unmarshal([]byte(project), &parsed); err != nil {
			return
		}
		system, _ := parsed["build-system"].(map[string]any)
		backend, _ := system["build-backend"].(string)
		switch {
		case system["backend-path"] != nil:
		case backend == "" || backend == "setuptools.build_meta":
			if !has(s, buildcode.Run("marker")) {
				t.Fatalf("setup.py runs, but %v, kinds %v", s.Capabilities, s.Kinds)
			}
		case backend == "pdm.backend" && !strings.Contains(project, "custom-hook"):
			if !has(s, buildcode.Run("hook")) {
				t.Fatalf("pdm_build.py runs, but %v, kinds %v", s.Capabilities, s.Kinds)
			}
		}
	})
}

// FuzzWheelFile: wherever a file of a wheel lies, looking at it ends, and a .pth
// file of the top is always read.
func FuzzWheelFile(f *testing.F) {
	for _, name := range []string{"p-1.data/scripts/python3", "p-1.data/data/lib/python3.12/x.py", "sitecustomize/__init__.pyc", "p-1.data/purelib/x.pth", "_virtualenv.py", "p-1.data/data/pyvenv.cfg"} {
		f.Add(name, []byte("import os; os.system('marker')\n"))
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if len(data) > 16<<10 || !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\:\x00") || !utf8.ValidString(name) || len(name) > 200 {
			return
		}
		s := analyseFiles(t, registry.Wheel, map[string]string{name: string(data), "x/y.txt": ""})
		if strings.HasSuffix(name, ".pth") && !strings.Contains(name, "/") && strings.HasPrefix(string(data), "import os") && !s.Has(buildcode.StartupHook) {
			t.Fatalf("%q is executed, but nothing was found", name)
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

// analyseSdistOf analyses an sdist, in the form of a zip file.
func analyseSdistOf(t *testing.T, files map[string]string) buildcode.Surface {
	t.Helper()
	inside := make(map[string]string)
	for name, data := range files {
		inside["p-1/"+name] = data
	}
	return analyseFiles(t, registry.Sdist, inside)
}

func analyseFiles(t *testing.T, kind registry.Kind, files map[string]string) buildcode.Surface {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		out, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			_, err = out.Write([]byte(files[name]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	name, run := "p-1.zip", AnalyseSdist
	if kind == registry.Wheel {
		name, run = "p-1-py3-none-any.whl", AnalyseWheel
	}
	a, err := archive.Open(context.Background(), kind, name, bytes.NewReader(b.Bytes()), int64(b.Len()), lockkeeper.Sum(b.Bytes()), archive.Limits{})
	if err != nil {
		return buildcode.Surface{} // the archive refuses such a name
	}
	s, err := run(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// analyseWheelOf analyses a wheel of one file.
func analyseWheelOf(t *testing.T, name string, data []byte) buildcode.Surface {
	t.Helper()
	return analyseFiles(t, registry.Wheel, map[string]string{name: string(data)})
}
