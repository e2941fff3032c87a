// Command crates holds the analysis of Rust build-time code against what is
// published: it fetches the crates of ../crates.tsv with cargo, asks cargo which
// of them have a build script or are procedural macros, and compares. It prints
// each disagreement and exits with 1 if there is any.
//
//	go run ./bench/published/crates            compare, and count capabilities
//	go run ./bench/published/crates -grave     also each grave surface with its evidence
//	go run ./bench/published/crates -update    write what cargo says into crates.tsv
//
// It needs cargo and the registry that cargo is set up with; some 450 MB are
// downloaded into cargo's own cache the first time. Nothing is built or run.
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper"
	"github.com/lockkeeper/lockkeeper/archive"
	"github.com/lockkeeper/lockkeeper/buildcode"
	"github.com/lockkeeper/lockkeeper/buildcode/rust"
	"github.com/lockkeeper/lockkeeper/registry"
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("crates", flag.ContinueOnError)
	flags.SetOutput(stderr)
	list := flags.String("list", "bench/published/crates.tsv", "the crates and their expected kinds")
	grave := flags.Bool("grave", false, "print every grave surface with its evidence")
	update := flags.Bool("update", false, "write what cargo says into the list")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	ok, err := compare(ctx, *list, *update, *grave, stdout, stderr)
	switch {
	case err != nil:
		fmt.Fprintln(stderr, "crates:", err)
		return 1
	case !ok:
		return 1
	}
	return 0
}

// crate is one line of the list: a published crate and what of it runs at build
// time: "none", "build-script", "proc-macro" or "both".
type crate struct{ name, version, kinds string }

// String is how a person names it.
func (c crate) String() string { return c.name + " " + c.version }

// compare reports whether cargo, the list and the analysis agree about all crates.
func compare(ctx context.Context, list string, update, grave bool, stdout, stderr io.Writer) (bool, error) {
	crates, err := readList(list)
	if err != nil {
		return false, err
	}
	found, err := fetch(ctx, crates, stderr)
	if err != nil {
		return false, err
	}
	var sum tally
	for i, c := range crates {
		p, ok := found[c.name+"@"+c.version]
		if !ok {
			return false, fmt.Errorf("%s: cargo does not know it", c)
		}
		if cargo := p.kinds(); update {
			crates[i].kinds = cargo
		} else if cargo != c.kinds {
			sum.disagree(stdout, "%s: cargo says %s, %s says %s", c, cargo, list, c.kinds)
		}
		s, err := sum.analyse(ctx, p)
		if err != nil {
			sum.disagree(stdout, "%s: %v", c, err)
			continue
		}
		if ours := kindsOf(s.Has(buildcode.BuildScript), s.Has(buildcode.ProcMacro)); ours != p.kinds() {
			sum.disagree(stdout, "%s: cargo says %s, the analysis says %s", c, p.kinds(), ours)
		}
		sum.count(c, s)
	}
	if update {
		if err := writeList(list, crates); err != nil {
			return false, err
		}
	}
	sum.print(stdout, grave)
	return sum.disagreements == 0, nil
}

func readList(name string) ([]crate, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var crates []crate
	for n, line := range strings.Split(string(data), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "\t")
		if len(fields) != 3 {
			return nil, fmt.Errorf("read %s line %d: %d fields, want name, version and kinds", name, n+1, len(fields))
		}
		crates = append(crates, crate{fields[0], fields[1], fields[2]})
	}
	return crates, nil
}

func writeList(name string, crates []crate) error {
	var b bytes.Buffer
	b.WriteString("# Published crates and what of them runs at build time, by cargo metadata: none, build-script, proc-macro or both.\n")
	slices.SortFunc(crates, func(a, b crate) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.version, b.version))
	})
	for _, c := range crates {
		fmt.Fprintf(&b, "%s\t%s\t%s\n", c.name, c.version, c.kinds)
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}

// metadata is what is read of "cargo metadata", format 1.
type metadata struct {
	Packages []pkg `json:"packages"`
}

type pkg struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	ManifestPath string `json:"manifest_path"`
	Targets      []struct {
		Kind []string `json:"kind"`
	} `json:"targets"`
}

// kinds is cargo's word.
func (p pkg) kinds() string {
	script, macro := false, false
	for _, t := range p.Targets {
		script = script || slices.Contains(t.Kind, "custom-build")
		macro = macro || slices.Contains(t.Kind, "proc-macro")
	}
	return kindsOf(script, macro)
}

func kindsOf(script, macro bool) string {
	switch {
	case script && macro:
		return "both"
	case script:
		return "build-script"
	case macro:
		return "proc-macro"
	}
	return "none"
}

// archive is where cargo keeps the crate that it unpacked: the manifest lies in
// registry/src/INDEX/NAME-VERSION, the archive in registry/cache/INDEX.
func (p pkg) archive() string {
	unpacked := filepath.Dir(p.ManifestPath)
	index := filepath.Dir(unpacked)
	return filepath.Join(filepath.Dir(filepath.Dir(index)), "cache", filepath.Base(index), filepath.Base(unpacked)+".crate")
}

// fetch has cargo download all crates and tells what it says of each, by
// name@version. They are dependencies of an empty package in a directory that is
// removed again.
func fetch(ctx context.Context, crates []crate, stderr io.Writer) (map[string]pkg, error) {
	dir, err := os.MkdirTemp("", "published")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var b bytes.Buffer
	b.WriteString("[package]\nname = \"published\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[lib]\npath = \"lib.rs\"\n\n[dependencies]\n")
	for i, c := range crates {
		fmt.Fprintf(&b, "c%d = { package = %q, version = %q, default-features = false }\n", i, c.name, "="+c.version)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "Cargo.toml"), b.Bytes(), 0o644), os.WriteFile(filepath.Join(dir, "lib.rs"), nil, 0o644)); err != nil {
		return nil, err
	}
	cargo := exec.CommandContext(ctx, "cargo", "metadata", "--quiet", "--format-version", "1")
	cargo.Dir = dir
	cargo.Stderr = stderr
	out, err := cargo.Output()
	if err != nil {
		return nil, fmt.Errorf("cargo metadata: %w", err)
	}
	var m metadata
	if err := json.Unmarshal(out, &m); err != nil {
		return nil, fmt.Errorf("read what cargo metadata says: %w", err)
	}
	found := map[string]pkg{}
	for _, p := range m.Packages {
		found[p.Name+"@"+p.Version] = p
	}
	return found, nil
}

// tally counts what was found.
type tally struct {
	crates, disagreements int
	kinds                 map[string]int
	capabilities          map[buildcode.Capability]int
	grave                 []surfaceOf
	open, analysed        time.Duration
}

type surfaceOf struct {
	crate
	surface buildcode.Surface
}

func (t *tally) disagree(w io.Writer, format string, args ...any) {
	t.disagreements++
	fmt.Fprintf(w, "DISAGREES "+format+"\n", args...)
}

func (t *tally) analyse(ctx context.Context, p pkg) (buildcode.Surface, error) {
	data, err := os.ReadFile(p.archive())
	if err != nil {
		return buildcode.Surface{}, err
	}
	digest := lockkeeper.Sum(data)
	start := time.Now()
	a, err := archive.Open(ctx, registry.Crate, filepath.Base(p.archive()), bytes.NewReader(data), int64(len(data)), digest, archive.Limits{})
	t.open += time.Since(start)
	if err != nil {
		return buildcode.Surface{}, err
	}
	start = time.Now()
	s, err := rust.Analyse(ctx, a)
	t.analysed += time.Since(start)
	return s, err
}

func (t *tally) count(c crate, s buildcode.Surface) {
	if t.kinds == nil {
		t.kinds, t.capabilities = map[string]int{}, map[buildcode.Capability]int{}
	}
	t.crates++
	t.kinds[kindsOf(s.Has(buildcode.BuildScript), s.Has(buildcode.ProcMacro))]++
	for _, capability := range s.Capabilities {
		t.capabilities[capability]++
	}
	if s.Grave() {
		t.grave = append(t.grave, surfaceOf{c, s})
	}
}

func (t *tally) print(w io.Writer, grave bool) {
	if grave {
		for _, g := range t.grave {
			fmt.Fprintf(w, "GRAVE %s: %v\n", g.crate, g.surface.Capabilities)
			for _, u := range g.surface.Uses {
				if u.Capability.Grave() {
					fmt.Fprintf(w, "\t%s %s:%d %s\n", u.Capability, u.Path, u.Line, u.Text)
				}
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(t.kinds)) {
		fmt.Fprintf(w, "%6d %s\n", t.kinds[k], k)
	}
	names := slices.Collect(maps.Keys(t.capabilities))
	slices.SortFunc(names, func(a, b buildcode.Capability) int {
		return cmp.Or(t.capabilities[b]-t.capabilities[a], strings.Compare(string(a), string(b)))
	})
	for _, c := range names {
		mark := ""
		if c.Grave() {
			mark = " (grave)"
		}
		fmt.Fprintf(w, "%6d %s%s\n", t.capabilities[c], c, mark)
	}
	running := t.crates - t.kinds["none"]
	fmt.Fprintf(w, "%d crates, %d disagreements; %d run build code, %d of them grave; unpacked in %v, analysed in %v\n",
		t.crates, t.disagreements, running, len(t.grave), t.open.Round(time.Millisecond), t.analysed.Round(time.Millisecond))
}
