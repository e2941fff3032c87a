package analysis

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/lockkeeper/lockkeeper/registry"
)

// maker writes files in turn, always the same for the same shape.
type maker struct {
	random *rand.Rand
	names  []string
	bodies [][]byte
}

func (m *maker) add(name, body string) {
	m.names = append(m.names, name)
	m.bodies = append(m.bodies, []byte(body))
}

// Shapes are archives as they are published, from crates without build code to
// wheels with a library of 20 MB.
func Shapes() ([]Artifact, error) {
	var all []Artifact
	for _, shape := range []struct {
		name string
		kind registry.Kind
		fill func(m *maker)
	}{
		{"library-1.0.0.crate", registry.Crate, library},
		{"macros-1.0.0.crate", registry.Crate, macros},
		{"script-1.0.0.crate", registry.Crate, script},
		{"bundled-sys-1.0.0.crate", registry.Crate, bundled},
		{"setup-1.0.0.tar.gz", registry.Sdist, setup},
		{"hatch-1.0.0.tar.gz", registry.Sdist, hatch},
		{"pure-1.0.0-py3-none-any.whl", registry.Wheel, pure},
		{"native-1.0.0-cp312-cp312-manylinux_2_28_x86_64.whl", registry.Wheel, native},
	} {
		m := &maker{random: rand.New(rand.NewPCG(1, 2))}
		shape.fill(m)
		data, err := m.pack(shape.kind, shape.name)
		if err != nil {
			return nil, err
		}
		all = append(all, Artifact{Name: shape.name, Kind: shape.kind, Data: data})
	}
	return all, nil
}

func (m *maker) pack(kind registry.Kind, name string) ([]byte, error) {
	var b bytes.Buffer
	if kind == registry.Wheel {
		z := zip.NewWriter(&b)
		for i, name := range m.names {
			w, err := z.Create(name)
			if err != nil {
				return nil, err
			}
			if _, err := w.Write(m.bodies[i]); err != nil {
				return nil, err
			}
		}
		err := z.Close()
		return b.Bytes(), err
	}
	top := strings.TrimSuffix(strings.TrimSuffix(name, ".crate"), ".tar.gz")
	z := gzip.NewWriter(&b)
	t := tar.NewWriter(z)
	for i, name := range m.names {
		if err := t.WriteHeader(&tar.Header{Name: top + "/" + name, Mode: 0o644, Size: int64(len(m.bodies[i]))}); err != nil {
			return nil, err
		}
		if _, err := t.Write(m.bodies[i]); err != nil {
			return nil, err
		}
	}
	err := errors.Join(t.Close(), z.Close())
	return b.Bytes(), err
}

var words = strings.Fields("buffer index value offset length state parser token node edge count reader writer config option result error context handle stream block chunk table entry cursor range source target frame scope layer group header record field query")

func (m *maker) word() string { return words[m.random.IntN(len(words))] }

// text is about size bytes of lines that line makes.
func (m *maker) text(size int, line func() string) string {
	var b strings.Builder
	for b.Len() < size {
		b.WriteString(line())
	}
	return b.String()
}

func (m *maker) rust(size int) string {
	return m.text(size, func() string {
		a, b, c := m.word(), m.word(), m.word()
		return fmt.Sprintf("/// Returns the %s of the %s, or an error where there is no %s.\npub fn %s_%s_%d(&self, %s: &[u8], at: usize) -> Result<usize, Error> {\n    let %s = self.%s.get(at + %d).ok_or(Error::%s(\"no %s\"))?;\n    if %s.len() < %d { return Err(Error::Short { want: %d }); }\n    Ok(%s.iter().map(|x| *x as usize).sum::<usize>() ^ 0x%x)\n}\n\n",
			a, b, c, a, b, m.random.IntN(1000), c, a, b, m.random.IntN(64), c, b, a, m.random.IntN(256), m.random.IntN(256), a, m.random.Uint32())
	})
}

func (m *maker) c(size int) string {
	return m.text(size, func() string {
		a, b := m.word(), m.word()
		return fmt.Sprintf("static int %s_%s(struct %s *%s, const unsigned char *in, size_t len) {\n  /* %s before %s */\n  for (size_t i = 0; i < len; i++) %s->%s[i & %d] ^= in[i] * 0x%08xu;\n  return %s->%s ? %d : -1;\n}\n", a, b, a, b, a, b, b, a, m.random.IntN(256), m.random.Uint32(), b, a, m.random.IntN(100))
	})
}

func (m *maker) python(size int) string {
	return m.text(size, func() string {
		a, b, c := m.word(), m.word(), m.word()
		return fmt.Sprintf("def %s_%s_%d(self, %s, *, %s=None):\n    \"\"\"Return the %s of a %s.\n\n    Raises ValueError where there is no %s.\n    \"\"\"\n    if %s is None:\n        %s = self._%s.get(%q, %d)\n    return [%s(x) for x in %s if x != %d]\n\n\n", a, b, m.random.IntN(1000), a, b, a, c, b, b, b, c, a, m.random.IntN(100), b, a, m.random.IntN(100))
	})
}

// binary does not compress well, like machine code.
func (m *maker) binary(size int) string {
	b := make([]byte, 0, size+64)
	b = append(b, "\x7fELF\x02\x01\x01"...)
	for len(b) < size {
		v := m.random.Uint64()
		b = append(b, byte(v), byte(v>>8), byte(v>>16)&0x0f, 0x48, 0x8b, byte(v>>24)&0x3f, 0, 0)
	}
	return string(b)
}

func (m *maker) sources(dir string, files, size int) {
	var mods strings.Builder
	for i := range files {
		m.add(fmt.Sprintf("%s/%s_%d.rs", dir, words[i%len(words)], i), m.rust(size))
		fmt.Fprintf(&mods, "mod %s_%d;\n", words[i%len(words)], i)
	}
	m.add(dir+"/lib.rs", mods.String()+m.rust(size))
}

func manifest(more string) string {
	return "[package]\nname = \"a\"\nversion = \"1.0.0\"\nedition = \"2021\"\n" + more
}

func library(m *maker) {
	m.add("Cargo.toml", manifest("build = false\n"))
	m.sources("src", 60, 12<<10)
	m.add("README.md", m.rust(20<<10))
}

func macros(m *maker) {
	m.add("Cargo.toml", manifest("build = false\n[lib]\nproc-macro = true\n"))
	m.sources("src", 25, 14<<10)
}

const buildScript = `use std::{env, path::PathBuf, process::Command};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let rustc = env::var_os("RUSTC").unwrap();
    let output = Command::new(rustc).arg("--version").output().unwrap();
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    std::fs::write(out.join("version.rs"), output.stdout).unwrap();
}
`

// ScriptCrate is a crate of about 500 KB with a build script that differs from
// version to version.
func ScriptCrate(name, version string) ([]byte, error) {
	m := &maker{random: rand.New(rand.NewPCG(5, 6))}
	m.add("Cargo.toml", fmt.Sprintf("[package]\nname = %q\nversion = %q\nedition = \"2021\"\nbuild = \"build.rs\"\n", name, version))
	m.add("build.rs", buildScript+"// "+version+"\n")
	m.sources("src", 40, 12<<10)
	return m.pack(registry.Crate, name+"-"+version+".crate")
}

func script(m *maker) {
	m.add("Cargo.toml", manifest("build = \"build.rs\"\n"))
	m.add("build.rs", buildScript)
	m.sources("src", 40, 12<<10)
}

func bundled(m *maker) {
	m.add("Cargo.toml", manifest("build = \"build/main.rs\"\nlinks = \"a\"\n[build-dependencies]\ncc = \"1\"\n"))
	m.add("build/main.rs", "mod flags;\nfn main() { cc::Build::new().files(flags::FILES).compile(\"a\"); }\n")
	m.add("build/flags.rs", "pub const FILES: &[&str] = &[\"a.c\"];\n"+m.rust(10<<10))
	m.sources("src", 5, 10<<10)
	for i := range 600 {
		m.add(fmt.Sprintf("vendor/a/src/%s/%s_%d.c", m.word(), m.word(), i), m.c(12<<10))
	}
	m.add("vendor/a/configure", "#!/bin/sh\n"+m.c(300<<10))
	m.add("vendor/a/CMakeLists.txt", "project(a C)\nadd_library(a STATIC a.c)\n")
}

func setup(m *maker) {
	m.add("PKG-INFO", "Metadata-Version: 2.1\nName: a\nVersion: 1.0.0\n")
	m.add("pyproject.toml", "[build-system]\nrequires = [\"setuptools\"]\nbuild-backend = \"setuptools.build_meta\"\n")
	m.add("setup.py", "import os, re\nfrom setuptools import setup, Extension\nhere = os.path.dirname(__file__)\nversion = re.search(r'\"(.*)\"', open(os.path.join(here, 'a', '_version.py')).read()).group(1)\nsetup(name='a', version=version, ext_modules=[Extension('a._a', ['a/_a.c'])])\n")
	m.add("a/_version.py", "__version__ = \"1.0.0\"\n")
	m.add("a/_a.c", m.c(400<<10))
	for i := range 150 {
		m.add(fmt.Sprintf("a/%s_%d.py", m.word(), i), m.python(8<<10))
		m.add(fmt.Sprintf("tests/test_%s_%d.py", m.word(), i), m.python(6<<10))
	}
}

func hatch(m *maker) {
	m.add("PKG-INFO", "Metadata-Version: 2.1\nName: a\nVersion: 1.0.0\n")
	m.add("pyproject.toml", "[build-system]\nrequires = [\"hatchling\"]\nbuild-backend = \"hatchling.build\"\n[project]\nname = \"a\"\nversion = \"1.0.0\"\n")
	for i := range 80 {
		m.add(fmt.Sprintf("src/a/%s_%d.py", m.word(), i), m.python(9<<10))
	}
}

func (m *maker) distInfo() {
	m.add("a-1.0.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: a\nVersion: 1.0.0\n")
	m.add("a-1.0.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
	var record strings.Builder
	for i, name := range m.names {
		fmt.Fprintf(&record, "%s,sha256=%016x%016x,%d\n", name, m.random.Uint64(), m.random.Uint64(), len(m.bodies[i]))
	}
	m.add("a-1.0.0.dist-info/RECORD", record.String())
}

func pure(m *maker) {
	for i := range 200 {
		m.add(fmt.Sprintf("a/%s_%d.py", m.word(), i), m.python(9<<10))
	}
	m.distInfo()
}

func native(m *maker) {
	for i := range 300 {
		m.add(fmt.Sprintf("a/%s_%d.py", m.word(), i), m.python(9<<10))
	}
	m.add("a.libs/liba.so.1", m.binary(20<<20))
	m.add("a/_a.so", m.binary(3<<20))
	m.distInfo()
}
