package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/lockfile"
	"github.com/lockkeeper/lockkeeper/registry/pypi"
	"github.com/lockkeeper/lockkeeper/replay"
)

//go:embed pypi.py
var pypiScript string

// fetchMain brings what the histories lock into a directory that
// registrytest.LoadMirror serves, through cargo and pip. What is there already is
// not asked for again, so that a second run needs no network.
func fetchMain(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("burden fetch", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dir := flags.String("archives", "", "directory to fetch into")
	python := flags.String("python", "python3", "interpreter that has pip 26.0, for Python packages")
	if err := flags.Parse(args); err != nil || *dir == "" || flags.NArg() == 0 {
		fmt.Fprintln(stderr, "usage: burden fetch -archives DIR [-python PYTHON] HISTORY...")
		return 2
	}
	f := &fetcher{dir: *dir, python: *python, stdout: stdout, stderr: stderr}
	for _, path := range flags.Args() {
		h, err := openHistory(ctx, path)
		if err == nil {
			err = f.collect(ctx, h)
		}
		if err != nil {
			fmt.Fprintln(stderr, err)
			return 1
		}
	}
	if err := errors.Join(f.fetchCrates(ctx), f.fetchPython(ctx)); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

type fetcher struct {
	dir, python    string
	stdout, stderr io.Writer
	crates         [][]lockkeeper.Package       // of each Cargo.lock
	locks          [][]byte                     // beside crates: the file itself
	python3        map[string]map[string]string // project, file name, SHA-256
}

// collect notes what is locked at any time of h.
func (f *fetcher) collect(ctx context.Context, h *history) error {
	if f.python3 == nil {
		f.python3 = map[string]map[string]string{}
	}
	trees := []replay.Change{{Head: h.changes[0].Base}}
	for _, c := range append(trees, h.changes...) {
		all, err := lockfiles(ctx, c.Head)
		if err != nil {
			return err
		}
		for _, l := range all {
			if l.Format == lockfile.Cargo {
				f.collectCrates(l)
				continue
			}
			for _, e := range l.Entries {
				if e.Source.Public() {
					f.collectFiles(e)
				}
			}
		}
	}
	return nil
}

func (f *fetcher) collectCrates(l locked) {
	var crates []lockkeeper.Package
	for _, e := range l.Entries {
		if e.Source.Public() {
			crates = append(crates, e.Package)
		}
	}
	f.crates, f.locks = append(f.crates, crates), append(f.locks, l.text)
}

// collectFiles chooses the fewest files that say what a release runs: the sdist,
// and the wheel that fits everywhere or else one for a common platform. Wheels of
// one release are built from the same files, save by those who hide something; a
// measurement of ordinary work may take one for all.
func (f *fetcher) collectFiles(e lockfile.Entry) {
	var sdist, wheel *lockfile.File
	rank := -1
	for i := range e.Files {
		file := &e.Files[i]
		switch {
		case file.Name == "" || file.Digest == "":
		case !strings.HasSuffix(file.Name, ".whl"):
			sdist = file
		case wheelRank(file.Name) > rank:
			wheel, rank = file, wheelRank(file.Name)
		}
	}
	project := pypi.NormalName(e.Package.Name)
	if f.python3[project] == nil {
		f.python3[project] = map[string]string{}
	}
	for _, file := range []*lockfile.File{sdist, wheel} {
		if file != nil {
			f.python3[project][file.Name] = strings.TrimPrefix(string(file.Digest), "sha256:")
		}
	}
}

// wheelRank: the wheel that fits everywhere, else one for Linux on x86-64, for
// Python 3.12 if there is one.
func wheelRank(name string) int {
	switch linux := strings.Contains(name, "manylinux") && strings.Contains(name, "x86_64"); {
	case strings.HasSuffix(name, "-none-any.whl"):
		return 4
	case linux && strings.Contains(name, "-cp312-"):
		return 3
	case linux && !strings.Contains(name, "-pp"):
		return 2
	case linux:
		return 1
	}
	return 0
}

// fetchCrates lets cargo fetch each lock: one package that depends on everything
// in it by a renamed dependency, since one manifest may name several versions of a
// crate only so, and one lock is known to be resolvable. Cargo builds nothing when
// it fetches. Archives and index files are then taken from its home.
func (f *fetcher) fetchCrates(ctx context.Context) error {
	home := filepath.Join(f.dir, "cargo-home")
	fetched := 0
	for i, crates := range f.crates {
		missing := slices.ContainsFunc(crates, func(p lockkeeper.Package) bool {
			return !exists(filepath.Join(f.dir, "crates", p.Name+"-"+p.Version+".crate")) || !exists(filepath.Join(f.dir, "index", strings.ToLower(p.Name)))
		})
		if !missing {
			continue
		}
		if err := f.cargoFetch(ctx, home, crates, f.locks[i]); err != nil {
			return err
		}
		fetched++
		if err := takeFromHome(home, f.dir, crates); err != nil {
			return err
		}
	}
	if len(f.crates) > 0 {
		fmt.Fprintf(f.stderr, "fetch: %d Cargo.lock files, %d of them asked cargo\n", len(f.crates), fetched)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (f *fetcher) cargoFetch(ctx context.Context, home string, crates []lockkeeper.Package, lock []byte) error {
	work, err := os.MkdirTemp("", "burden")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	var manifest strings.Builder
	manifest.WriteString("[package]\nname = \"burden-fetch\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[workspace]\n[dependencies]\n")
	for i, p := range crates {
		version, _, _ := strings.Cut(p.Version, "+") // a requirement has no build metadata
		fmt.Fprintf(&manifest, "d%d = { package = %q, version = \"=%s\", default-features = false }\n", i, p.Name, version)
	}
	for name, data := range map[string][]byte{"Cargo.toml": []byte(manifest.String()), "Cargo.lock": lock, "lib.rs": nil} {
		path := filepath.Join(work, name)
		if name == "lib.rs" {
			path = filepath.Join(work, "src", name)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	if err := machineConfig(home); err != nil {
		return err
	}
	home, err = filepath.Abs(home)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "cargo", "fetch", "--quiet")
	cmd.Dir, cmd.Env = work, append(os.Environ(), "CARGO_HOME="+home)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cargo fetch: %w: %s", err, out)
	}
	return nil
}

// machineConfig gives the home of our own the settings of the machine's, which
// may name another place for the registry.
func machineConfig(home string) error {
	if err := os.MkdirAll(home, 0o755); err != nil {
		return err
	}
	usual := os.Getenv("CARGO_HOME")
	if usual == "" {
		if user, err := os.UserHomeDir(); err == nil {
			usual = filepath.Join(user, ".cargo")
		}
	}
	for _, name := range []string{"config.toml", "config"} {
		data, err := os.ReadFile(filepath.Join(usual, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(home, name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// takeFromHome links the archives and writes the index files of crates.
func takeFromHome(home, dir string, crates []lockkeeper.Package) error {
	for _, kind := range []string{"crates", "index"} {
		if err := os.MkdirAll(filepath.Join(dir, kind), 0o755); err != nil {
			return err
		}
	}
	for _, p := range crates {
		file := p.Name + "-" + p.Version + ".crate"
		found, err := filepath.Glob(filepath.Join(home, "registry", "cache", "*", file))
		if err != nil || len(found) == 0 {
			return fmt.Errorf("cargo did not fetch %s %s", p.Name, p.Version)
		}
		if target := filepath.Join(dir, "crates", file); !exists(target) {
			if err := os.Link(found[0], target); err != nil {
				return err
			}
		}
		name := strings.ToLower(p.Name)
		found, err = filepath.Glob(filepath.Join(home, "registry", "index", "*", ".cache", filepath.FromSlash(shard(name))))
		if err != nil || len(found) == 0 {
			return fmt.Errorf("cargo keeps no index file of %s", p.Name)
		}
		data, err := os.ReadFile(found[0])
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "index", name), indexLines(data), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// shard is a crate's directory in an index (Cargo book, "Index files").
func shard(name string) string {
	switch len(name) {
	case 1, 2:
		return fmt.Sprintf("%d/%s", len(name), name)
	case 3:
		return "3/" + name[:1] + "/" + name
	}
	return name[:2] + "/" + name[2:4] + "/" + name
}

// indexLines are the lines of an index file out of cargo's cache of it: a header,
// then version and line in turn, each ended by a zero byte
// (rust-lang/cargo:src/cargo/sources/registry/index/cache.rs).
func indexLines(cached []byte) []byte {
	var lines []byte
	for part := range bytes.SplitSeq(cached, []byte{0}) {
		if bytes.HasPrefix(part, []byte("{")) && json.Valid(part) {
			lines = append(append(lines, part...), '\n')
		}
	}
	return lines
}

// fetchPython lets pip's own code list and download files. pip's commands would
// run the build backend of an sdist before they keep it; downloading by itself runs
// nothing of the package.
func (f *fetcher) fetchPython(ctx context.Context) error {
	gone := map[string]bool{} // what the index did not have before
	if data, err := os.ReadFile(filepath.Join(f.dir, "gone.txt")); err == nil {
		for _, line := range strings.Fields(string(data)) {
			gone[line] = true
		}
	}
	wanted := map[string]map[string]string{}
	for _, project := range slices.Sorted(maps.Keys(f.python3)) {
		for name, sum := range f.python3[project] {
			if gone[name] || exists(filepath.Join(f.dir, "pypi", name)) && exists(filepath.Join(f.dir, "simple", project+".json")) {
				continue
			}
			if wanted[project] == nil {
				wanted[project] = map[string]string{}
			}
			wanted[project][name] = sum
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	input, err := json.Marshal(wanted)
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(f.dir)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, f.python, "-c", pypiScript, "fetch", dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), f.stdout, f.stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("fetch %d projects with pip: %w", len(wanted), err)
	}
	return nil
}
