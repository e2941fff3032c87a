package registrytest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/lockkeeper/lockkeeper/registry"
)

// packed is the time of every entry, so that archives depend on content alone.
var packed = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// maxManifest bounds a Cargo.toml that is read from an archive, in bytes.
const maxManifest = 1 << 20

func (c *Crate) complete() error {
	if c.Data == nil {
		files := maps.Clone(c.Files)
		if files == nil {
			files = map[string][]byte{}
		}
		if files["Cargo.toml"] == nil {
			files["Cargo.toml"] = c.manifest()
			if files["src/main.rs"] == nil { // Cargo wants a target
				addMissing(files, "src/lib.rs", "\n")
			}
		}
		var err error
		if c.Data, err = tarGz(c.Name+"-"+c.Version, files); err != nil {
			return err
		}
	}
	m, err := readManifest(c.Data)
	if err != nil {
		return err
	}
	c.Name, c.Version = cmp.Or(c.Name, m.Package.Name), cmp.Or(c.Version, m.Package.Version)
	if c.Name == "" || c.Version == "" {
		return errors.New("no name or version in Cargo.toml")
	}
	c.digest = hexSum(c.Data)
	c.deps = nil
	for _, d := range c.Deps {
		if tables[d.Kind] == "" {
			return fmt.Errorf("dependency %s: kind %q: want normal, build or dev", d.Name, d.Kind)
		}
		alias, name := renamed(d.Name)
		c.deps = append(c.deps, newIndexDep(alias, name, string(d.Kind), d.Optional))
	}
	if c.Deps == nil {
		c.deps = m.deps()
	}
	return nil
}

// tables are the names of a manifest's tables of dependencies.
var tables = map[registry.EdgeKind]string{
	registry.Normal: "dependencies", registry.Build: "build-dependencies", registry.Dev: "dev-dependencies",
}

// renamed splits "alias=package".
func renamed(name string) (alias, pkg string) {
	if alias, pkg, ok := strings.Cut(name, "="); ok {
		return alias, pkg
	}
	return name, name
}

// manifest is a Cargo.toml that agrees with the dependencies that are stated.
func (c *Crate) manifest() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "[package]\nname = %q\nversion = %q\nedition = \"2021\"\n", c.Name, c.Version)
	for _, d := range c.Deps {
		alias, name := renamed(d.Name)
		fmt.Fprintf(&b, "\n[%s.%s]\nversion = \"*\"\n", tables[d.Kind], alias)
		if alias != name {
			fmt.Fprintf(&b, "package = %q\n", name)
		}
		if d.Optional {
			b.WriteString("optional = true\n")
		}
	}
	return []byte(b.String())
}

// manifest is what a Cargo.toml says of name, version and dependencies.
type manifest struct {
	Package struct {
		Name    string `toml:"name"`
		Version string `toml:"version"`
		Links   string `toml:"links"`
	} `toml:"package"`
	manifestDeps
	Target map[string]manifestDeps `toml:"target"`
}

type manifestDeps struct {
	Normal map[string]any `toml:"dependencies"`
	Build  map[string]any `toml:"build-dependencies"`
	Dev    map[string]any `toml:"dev-dependencies"`
}

func readManifest(crate []byte) (*manifest, error) {
	data, err := manifestOf(crate)
	if err != nil {
		return nil, err
	}
	var m manifest
	if _, err := toml.Decode(string(data), &m); err != nil {
		return nil, fmt.Errorf("read Cargo.toml: %w", err)
	}
	return &m, nil
}

// manifestOf finds NAME-VERSION/Cargo.toml; as when unpacking, the last one
// counts.
func manifestOf(crate []byte) ([]byte, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(crate))
	if err != nil {
		return nil, err
	}
	var found []byte
	for r := tar.NewReader(unzipped); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if strings.Count(h.Name, "/") == 1 && path.Base(h.Name) == "Cargo.toml" {
			if found, err = io.ReadAll(io.LimitReader(r, maxManifest)); err != nil {
				return nil, err
			}
		}
	}
	if found == nil {
		return nil, errors.New("no Cargo.toml in the archive")
	}
	return found, nil
}

func (m *manifest) deps() []indexDep {
	out := m.manifestDeps.deps("")
	for _, target := range slices.Sorted(maps.Keys(m.Target)) {
		out = append(out, m.Target[target].deps(target)...)
	}
	return out
}

func (m manifestDeps) deps(target string) []indexDep {
	var out []indexDep
	for _, table := range []struct {
		kind registry.EdgeKind
		deps map[string]any
	}{{registry.Normal, m.Normal}, {registry.Build, m.Build}, {registry.Dev, m.Dev}} {
		for _, name := range slices.Sorted(maps.Keys(table.deps)) {
			details, _ := table.deps[name].(map[string]any)
			real, _ := details["package"].(string)
			optional, _ := details["optional"].(bool)
			d := newIndexDep(name, cmp.Or(real, name), string(table.kind), optional)
			d.Req = "*"
			if v, ok := table.deps[name].(string); ok {
				d.Req = v
			} else if v, ok := details["version"].(string); ok {
				d.Req = v
			}
			if target != "" {
				d.Target = &target
			}
			out = append(out, d)
		}
	}
	return out
}

func (f *File) complete() error {
	if f.Data == nil {
		files := maps.Clone(f.Files)
		if files == nil {
			files = map[string][]byte{}
		}
		var err error
		switch {
		case strings.HasSuffix(f.Filename, ".whl"):
			f.Data, err = f.wheel(files)
		case strings.HasSuffix(f.Filename, ".tar.gz"):
			addMissing(files, "PKG-INFO", f.metadata())
			f.Data, err = tarGz(strings.TrimSuffix(f.Filename, ".tar.gz"), files)
		case strings.HasSuffix(f.Filename, ".zip"):
			addMissing(files, "PKG-INFO", f.metadata())
			f.Data, err = zipped(strings.TrimSuffix(f.Filename, ".zip")+"/", files)
		default:
			err = errors.New("can only pack .whl, .tar.gz and .zip")
		}
		if err != nil {
			return err
		}
	}
	if f.Project == "" || f.Version == "" || f.Filename == "" {
		return errors.New("project, version and file name are required")
	}
	f.digest = hexSum(f.Data)
	return nil
}

func addMissing(files map[string][]byte, name, text string) {
	if files[name] == nil {
		files[name] = []byte(text)
	}
}

func (f *File) metadata() string {
	return fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", f.Project, f.Version)
}

func (f *File) wheel(files map[string][]byte) ([]byte, error) {
	parts := strings.Split(strings.TrimSuffix(f.Filename, ".whl"), "-")
	if len(parts) < 5 {
		return nil, errors.New("want NAME-VERSION-PYTHON-ABI-PLATFORM.whl")
	}
	info := parts[0] + "-" + parts[1] + ".dist-info/"
	tag := strings.Join(parts[len(parts)-3:], "-")
	addMissing(files, info+"METADATA", f.metadata())
	addMissing(files, info+"WHEEL",
		"Wheel-Version: 1.0\nGenerator: registrytest\nRoot-Is-Purelib: true\nTag: "+tag+"\n")
	var record strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		sum := sha256.Sum256(files[name])
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", name, base64.RawURLEncoding.EncodeToString(sum[:]), len(files[name]))
	}
	addMissing(files, info+"RECORD", record.String()+info+"RECORD,,\n")
	return zipped("", files)
}

func tarGz(prefix string, files map[string][]byte) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	t := tar.NewWriter(z)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h := &tar.Header{
			Typeflag: tar.TypeReg, Name: prefix + "/" + name, Size: int64(len(files[name])), Mode: 0o644, ModTime: packed,
		}
		if err := t.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := t.Write(files[name]); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(t.Close(), z.Close()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func zipped(prefix string, files map[string][]byte) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: prefix + name, Method: zip.Deflate, Modified: packed})
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(files[name]); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
