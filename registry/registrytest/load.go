package registrytest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/registry"
	"github.com/lockkeeper/lockkeeper/registry/pypi"
	"github.com/rogpeppe/go-internal/txtar"
)

// statement is one table of registry.toml. Pointers tell what is not stated.
type statement struct {
	Published *time.Time `toml:"published"`
	Publisher *string    `toml:"publisher"`
	Yanked    *bool      `toml:"yanked"`
	Deps      *[]string  `toml:"deps"`            // crates
	Format    int        `toml:"format"`          // crates
	Status    string     `toml:"status"`          // projects
	Owners    *[]string  `toml:"owners"`          // names alone
	Requires  *string    `toml:"requires-python"` // PyPI
	Env       *string    `toml:"environment"`     // PyPI
}

type statements struct {
	Crates map[string]statement `toml:"crates"`
	PyPI   map[string]statement `toml:"pypi"`
	Server *Manner              `toml:"server"`
}

func parseStatements(text string) (*statements, error) {
	var st statements
	meta, err := toml.Decode(text, &st)
	if err != nil {
		return nil, fmt.Errorf("registry.toml: %w", err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("registry.toml: unknown key %s", unknown[0])
	}
	return &st, nil
}

// LoadText adds what a txtar text holds. The format is in the package's
// documentation.
func (s *Server) LoadText(text []byte) error {
	crates, files := map[string]*Crate{}, map[string]*File{}
	st := &statements{}
	own, err := s.loadPrivate(txtar.Parse(text).Files)
	if err != nil {
		return err
	}
	for _, f := range own {
		var err error
		parts := strings.SplitN(f.Name, "/", 6)
		switch {
		case f.Name == "registry.toml":
			st, err = parseStatements(string(f.Data))
		case parts[0] == "crates" && len(parts) >= 4:
			key := parts[1] + "@" + parts[2]
			if crates[key] == nil {
				crates[key] = &Crate{Name: parts[1], Version: parts[2], Files: map[string][]byte{}}
			}
			err = put(crates[key].Files, strings.Join(parts[3:], "/"), f.Data)
		case parts[0] == "pypi" && len(parts) == 6 && (parts[3] == "wheel" || parts[3] == "sdist"):
			key := parts[4]
			if files[key] == nil {
				files[key] = &File{Project: parts[1], Version: parts[2], Filename: key, Files: map[string][]byte{}}
			}
			err = put(files[key].Files, parts[5], f.Data)
		case parts[0] == "crates" || parts[0] == "pypi":
			err = errors.New("want crates/NAME/VERSION/PATH or pypi/NAME/VERSION/wheel|sdist/FILENAME/PATH")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return s.add(st, crates, files)
}

func put(files map[string][]byte, name string, data []byte) error {
	if plain, ok := strings.CutSuffix(name, "@base64"); ok {
		decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(data)), ""))
		if err != nil {
			return err
		}
		name, data = plain, decoded
	}
	files[name] = data
	return nil
}

// LoadDir adds the real files of a directory: crates/*.crate and pypi/*, with an
// optional registry.toml beside the two. It reads them whole.
func (s *Server) LoadDir(dir string) error {
	st := &statements{}
	text, err := os.ReadFile(filepath.Join(dir, "registry.toml"))
	if err == nil {
		st, err = parseStatements(string(text))
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return err
	}
	crates, files := map[string]*Crate{}, map[string]*File{}
	err = eachFile(filepath.Join(dir, "crates"), func(name string, data []byte, modified time.Time) error {
		if !strings.HasSuffix(name, ".crate") {
			return nil
		}
		c := &Crate{Data: data, Published: modified}
		if err := c.complete(); err != nil {
			return err
		}
		crates[c.Name+"@"+c.Version] = c
		return nil
	})
	if err != nil {
		return err
	}
	err = eachFile(filepath.Join(dir, "pypi"), func(name string, data []byte, modified time.Time) error {
		project, version, ok := splitFilename(name)
		if !ok {
			return errors.New("not the name of a wheel or sdist")
		}
		files[name] = &File{Project: project, Version: version, Filename: name, Data: data, Published: modified}
		return nil
	})
	if err != nil {
		return err
	}
	return s.add(st, crates, files)
}

func eachFile(dir string, do func(name string, data []byte, modified time.Time) error) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		path := filepath.Join(dir, e.Name())
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if err := do(e.Name(), data, info.ModTime().UTC()); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// splitFilename takes an sdist's version from behind the last dash, which holds
// for every sdist that PEP 625 knows.
func splitFilename(name string) (project, version string, ok bool) {
	if stem, isWheel := strings.CutSuffix(name, ".whl"); isWheel {
		parts := strings.Split(stem, "-")
		if len(parts) < 5 {
			return "", "", false
		}
		return parts[0], parts[1], true
	}
	for _, ext := range []string{".tar.gz", ".zip", ".tgz", ".tar.bz2"} {
		if stem, isSdist := strings.CutSuffix(name, ext); isSdist {
			i := strings.LastIndexByte(stem, '-')
			if i < 1 || i == len(stem)-1 {
				return "", "", false
			}
			return stem[:i], stem[i+1:], true
		}
	}
	return "", "", false
}

// add brings files and statements together. A statement about a release without
// files makes one; about a single file it goes before that about its release.
func (s *Server) add(st *statements, crates map[string]*Crate, files map[string]*File) error {
	if st.Server != nil {
		s.SetManner(*st.Server)
	}
	for key, what := range st.Crates {
		name, version, ok := strings.Cut(key, "@")
		if !ok && what.Owners != nil {
			if err := s.stateOwners(lockkeeper.Cargo, name, *what.Owners); err != nil {
				return fmt.Errorf("registry.toml: crate %q: %w", key, err)
			}
			continue
		}
		if !ok {
			return fmt.Errorf("registry.toml: crate %q: want NAME@VERSION, or owners", key)
		}
		if crates[key] == nil {
			crates[key] = &Crate{Name: name, Version: version}
		}
		if err := what.ofCrate(crates[key]); err != nil {
			return fmt.Errorf("registry.toml: crate %q: %w", key, err)
		}
	}
	if err := s.statePyPI(st, files); err != nil {
		return err
	}
	for _, c := range crates {
		if err := s.AddCrate(*c); err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := s.AddFile(*f); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) statePyPI(st *statements, files map[string]*File) error {
	var single []string
	for key, what := range st.PyPI {
		project, version, isRelease := strings.Cut(key, "@")
		switch {
		case isRelease:
			found := false
			for _, f := range files {
				if pypi.NormalName(f.Project) == pypi.NormalName(project) &&
					registry.VersionKey(lockkeeper.PyPI, f.Version) == registry.VersionKey(lockkeeper.PyPI, version) {
					found = true
					if err := what.ofFile(f); err != nil {
						return fmt.Errorf("registry.toml: release %q: %w", key, err)
					}
				}
			}
			if !found {
				name := strings.ReplaceAll(pypi.NormalName(project), "-", "_") + "-" + version + "-py3-none-any.whl"
				files[name] = &File{Project: project, Version: version, Filename: name}
				if err := what.ofFile(files[name]); err != nil {
					return fmt.Errorf("registry.toml: release %q: %w", key, err)
				}
			}
		case what.Status != "" || what.Owners != nil:
			if what.Status != "" {
				s.SetStatus(key, what.Status)
			}
			if what.Owners != nil {
				if err := s.stateOwners(lockkeeper.PyPI, key, *what.Owners); err != nil {
					return fmt.Errorf("registry.toml: project %q: %w", key, err)
				}
			}
		default:
			single = append(single, key)
		}
	}
	slices.Sort(single)
	for _, key := range single {
		f := files[key]
		if f == nil {
			return fmt.Errorf("registry.toml: %q is no project with a status, no NAME@VERSION and no file of this text", key)
		}
		what := st.PyPI[key]
		if err := what.ofFile(f); err != nil {
			return fmt.Errorf("registry.toml: file %q: %w", key, err)
		}
	}
	return nil
}

func (s *Server) stateOwners(eco lockkeeper.Ecosystem, name string, texts []string) error {
	var owners []lockkeeper.Principal
	for _, text := range texts {
		p, err := parsePublisher(text)
		if err != nil {
			return err
		}
		owners = append(owners, p)
	}
	s.SetOwners(eco, name, owners)
	return nil
}

func (st statement) ofCrate(c *Crate) error {
	if st.Status != "" || st.Owners != nil || st.Env != nil {
		return errors.New("status and environment are for PyPI's projects, owners for a name without version")
	}
	var err error
	st.common(&c.Published, &c.Yanked)
	if st.Publisher != nil {
		if c.Publisher, err = parsePublisher(*st.Publisher); err != nil {
			return err
		}
	}
	c.Format = st.Format
	if st.Deps == nil {
		return nil
	}
	c.Deps = []registry.Dependency{}
	for _, text := range *st.Deps {
		c.Deps = append(c.Deps, parseDep(text))
	}
	return nil
}

// ofFile does not know deps and format: they are a crate's.
func (st statement) ofFile(f *File) error {
	if st.Deps != nil || st.Format != 0 || st.Status != "" || st.Owners != nil {
		return errors.New("only published, publisher, environment, yanked and requires-python can be stated")
	}
	st.common(&f.Published, &f.Yanked)
	if st.Env != nil {
		f.Environment = *st.Env
	}
	if st.Requires != nil {
		f.RequiresPython = *st.Requires
	}
	var err error
	if st.Publisher != nil {
		f.Publisher, err = parsePublisher(*st.Publisher)
	}
	return err
}

func (st statement) common(published *time.Time, yanked *bool) {
	if st.Published != nil {
		*published = st.Published.UTC()
	}
	if st.Yanked != nil {
		*yanked = *st.Yanked
	}
}

// parsePublisher reads "user:52 alice".
func parsePublisher(text string) (lockkeeper.Principal, error) {
	id, login, _ := strings.Cut(text, " ")
	p, err := lockkeeper.ParsePrincipal(id)
	p.Login = strings.TrimSpace(login)
	return p, err
}

// parseDep reads "build:optional:rename=package".
func parseDep(text string) registry.Dependency {
	d := registry.Dependency{Kind: registry.Normal}
	for {
		word, rest, found := strings.Cut(text, ":")
		if !found {
			break
		}
		if word == "optional" {
			d.Optional = true
		} else {
			d.Kind = registry.EdgeKind(word)
		}
		text = rest
	}
	d.Name = text
	return d
}
